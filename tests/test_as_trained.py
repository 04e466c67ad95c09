"""What an evaluation asks otherwise than its training: taken from the run, or said; and what a random base is."""

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from hydra import compose, initialize_config_dir
from omegaconf import OmegaConf

from emolightning.config import composing
from emolightning.config.check import find_problems
from emolightning.config.families import family_of
from emolightning.config.places import CONFIG_DIR
from emolightning.config.saved_run import load_saved_run
from emolightning.config.schema import register_schemas
from emolightning.errors import UserError
from emolightning.models.parts.card import RANDOM_BASE, has_random_base, model_card
from emolightning.records.labels import DFEW7, MER6, MER9
from emolightning.runs.as_trained import training_differences
from emolightning.runs.assembly import training
from emolightning.runs.assembly_of_models import keep_questions, kept, plain

LONG = {"evaluation": {"max_new_tokens": 77}}

CUSTOM = ("data=custom", "data.annotations=mine.csv")


def run_of(folder: Path, offered: list[str] | None = None, **data: Any) -> Path:
    """A run folder by hand."""
    folder.mkdir()
    OmegaConf.save(OmegaConf.create({"data": {"name": "synthetic", **data}}), folder / "config.yaml")
    (folder / "lineage.json").write_text(json.dumps({"data": {"offered_labels": offered}}))
    return folder


def composed(*words: str, name: str = "eval") -> Any:
    register_schemas()
    if name == "eval":
        load_saved_run(words, CONFIG_DIR)
    with initialize_config_dir(str(CONFIG_DIR), version_base="1.3"):
        return compose(name, overrides=list(words))


@pytest.mark.parametrize(
    ("labels", "frame"), [("mer6", "peak"), (["calm", "very happy"], "first"), ("dfew7", "even:4")]
)
def test_data_without_labels_of_its_own_takes_those_of_the_run(tmp_path: Path, labels: Any, frame: str) -> None:
    run = run_of(tmp_path / "run", labels=labels, frame=frame)
    cfg = composed(f"checkpoint={run}", *CUSTOM)
    assert (cfg.data.labels, cfg.data.frame) == (labels, frame)
    cfg = composed(f"checkpoint={run}", *CUSTOM, "data.labels=mer9", "data.frame=last")
    assert (cfg.data.labels, cfg.data.frame) == ("mer9", "last")


@pytest.mark.parametrize("more", [(), ("evaluation=likelihood",), ("evaluation.num_beams=2",)])
def test_an_answer_is_as_long_as_the_run_says_however_it_is_evaluated(tmp_path: Path, more: tuple[str, ...]) -> None:
    """The group `evaluation` is about other keys than the settings `evaluation.*` of a run."""
    run = run_of(tmp_path / "run", labels="mer6")
    OmegaConf.save(OmegaConf.merge(OmegaConf.load(run / "config.yaml"), LONG), run / "config.yaml")
    cfg = composed(f"checkpoint={run}", *more)
    assert cfg.evaluation.max_new_tokens == 77
    assert cfg.probabilities is ("evaluation=likelihood" in more)


def asked(cfg: Any) -> str:
    """The first question of a run's task, as its data are asked."""
    keep_questions(cfg)
    family, prompt = family_of(cfg.model), plain(cfg.prompt)
    return str(family.questions(prompt, labels=MER6, protocol=(), seed=0).pools[prompt["task"]][0])


FROM, TO = "How negative or positive does the person in the video feel? Answer with one number", "and nothing else."
MSP = ("data=msp_podcast", "data.root=x", "scoring=numbers")


def numbers_run(folder: Path, *words: str, model: str = "tiny") -> tuple[Any, Path]:
    """A training that asks for valence, and what it saves."""
    cfg = composed(f"model={model}", "prompt.task=valence", "scoring=numbers", *words, name="train")
    asked(cfg)
    folder.mkdir()
    OmegaConf.save(OmegaConf.create(plain(cfg)), folder / "config.yaml")
    (folder / "lineage.json").write_text(json.dumps({"data": {}}))
    return cfg, folder


def test_numbers_are_asked_on_the_scale_of_the_data_that_are_asked_about(tmp_path: Path) -> None:
    trained, run = numbers_run(tmp_path / "run")
    assert asked(trained) == f"{FROM} from -1 to 1 {TO}"
    assert asked(composed(f"checkpoint={run}")) == f"{FROM} from -1 to 1 {TO}"
    assert asked(composed(f"checkpoint={run}", *MSP)) == f"{FROM} from 1 to 7 {TO}"
    assert asked(composed(f"checkpoint={run}", *MSP, "prompt.scale=[0,9]")) == f"{FROM} from 0 to 9 {TO}"
    assert asked(composed(f"checkpoint={run}", *MSP, "prompt.scale=none")) == f"{FROM} {TO}"
    assert asked(composed(f"checkpoint={run}", *CUSTOM, "data.scale=[0.5,9]")) == f"{FROM} from 0.5 to 9 {TO}"
    with pytest.raises(UserError, match=r"the highest number of data=custom are, .* say data\.scale=\[LOW,HIGH\]"):
        asked(composed(f"checkpoint={run}", *CUSTOM))
    load_saved_run([f"checkpoint={run}"], config_name="predict")
    with initialize_config_dir(str(CONFIG_DIR), version_base="1.3"):
        assert compose("predict", overrides=[f"checkpoint={run}", "media=x"]).prompt.scale == [-1.0, 1.0]
    server = composed("model=chat/server", *MSP, "prompt.task=arousal")
    assert asked(server).startswith(
        "How calm or excited is the person in the video? Answer with one number from 1 to 7"
    )


def test_a_scale_that_was_typed_is_that_of_evaluations_on_the_same_data(tmp_path: Path) -> None:
    _, run = numbers_run(tmp_path / "run", *CUSTOM, "data.media=x", "data.labels=mer6", "prompt.scale=[1,9]")
    assert asked(composed(f"checkpoint={run}")) == f"{FROM} from 1 to 9 {TO}", "validation asked so"
    assert asked(composed(f"checkpoint={run}", "data.scale=[0,5]")) == f"{FROM} from 0 to 5 {TO}"
    label = composed(f"checkpoint={run}", *CUSTOM, "prompt.task=emotion", "scoring=classification")
    asked(label)
    assert label.prompt.scale is None, "nothing names it"


def test_a_run_that_named_no_scale_goes_on_without(tmp_path: Path) -> None:
    """Such as all of before; and those whose data say none."""
    _, run = numbers_run(tmp_path / "before")
    saved = OmegaConf.load(run / "config.yaml")
    del saved.prompt.scale
    OmegaConf.save(saved, run / "config.yaml")
    unknown, silent = numbers_run(tmp_path / "silent", *CUSTOM, "data.media=x", "data.labels=mer6")
    assert asked(unknown) == f"{FROM} {TO}"
    for each in (run, silent):
        for words in (MSP, ("data=synthetic",)):
            assert asked(composed(f"checkpoint={each}", *words)) == f"{FROM} {TO}", words
    same = [composed(f"checkpoint={run}", *words) for words in ((), ("prompt.scale=none",))]
    assert asked(same[0]) == asked(same[1])
    assert kept(same[0]) == kept(same[1]), "so that the answers of the one are found by the other"


def test_other_questions_have_no_scale_unless_they_name_one(tmp_path: Path) -> None:
    assert numbers_run(tmp_path / "heads", "model.valence=true", model="fusion/mlp")[0].prompt.scale is None
    label = composed(name="train")
    asked(label)
    assert label.prompt.scale is None
    own = "prompt.questions={emotion: 'From {low} to {high}, which of {labels}?'}"
    assert asked(composed(own, name="train")).startswith("From -1 to 1, which of happy, sad")
    ways = r"prompt\.scale=\[LOW,HIGH\], or take {low} and {high} out of prompt\.questions$"
    for given in ((), ("prompt.scale=data",)):
        with pytest.raises(UserError, match=rf"nothing says .* say data\.scale=\[LOW,HIGH\] with data=custom, {ways}"):
            asked(composed(*CUSTOM, own, *given, name="train"))
    with pytest.raises(
        UserError, match=rf"^prompt\.scale=none: .* names the scale; say prompt\.scale=data for .*, {ways}"
    ):
        asked(composed(*CUSTOM, own, "prompt.scale=none", name="train"))
    with pytest.raises(UserError, match="names a scale, and nothing says what it is; say prompt.scale=data"):
        asked(composed(f"checkpoint={numbers_run(tmp_path / 'run', *CUSTOM)[1]}", "prompt.task=emotion", own))
    for idle in (("prompt.scale=[1,5]",), ("prompt.scale=data", "prompt.task=valence", "model=fusion/mlp")):
        with pytest.raises(UserError, match=r"prompt\.scale=.*: no question of this run names a scale; leave it out"):
            training(composed(*idle, f"output_dir={tmp_path}", name="train"))
    for wrong in ("[2, 1]", "[True, 5]"):
        (problem,) = find_problems(composed(f"prompt.scale={wrong}", name="train"))
        assert str(problem).startswith(f"prompt.scale: {wrong} must be two numbers, the lowest and the highest")
    assert find_problems(composed("prompt.scale=none", name="train")) == []


def test_questions_are_asked_as_trained_and_only_new_ones_refused(tmp_path: Path) -> None:
    """A run of before may have braces that are no place."""
    again, other = (f"prompt.questions={{emotion: 'Pick {place} of {{labels}}'}}" for place in ("{x}", "{y}"))
    _, run = numbers_run(tmp_path / "run", again)
    evaluation = (f"checkpoint={run}", "scoring=numbers")
    assert find_problems(composed(*evaluation)) == []
    (problem,) = find_problems(composed(*evaluation, other))
    assert str(problem) == "prompt.questions.emotion: {y} is no place; choose from {labels}, {low}, {high}"
    assert find_problems(composed(again, f"output_dir={run}", "resume=auto", name="train")) == []
    for words in ((again, f"output_dir={run}"), (other, f"output_dir={run}", "resume=auto")):
        assert len(find_problems(composed(*words, name="train"))) == 1, words


@pytest.mark.parametrize(("task", "scale"), [("valence", [-1.0, 1.0]), ("emotion", None)])
def test_the_tasks_of_a_corpus_count_for_the_scale(task: str, scale: list[float] | None, tmp_path: Path) -> None:
    """That of the corpora which are asked for numbers; another one may have another scale."""
    corpora = f"{{synthetic: {{tasks: {{emotion: 1, {task}: 1}}}}, msp_podcast: {{root: x}}}}"
    with composing.composed("train", ["data=several", f"data.corpora={corpora}"]) as cfg:
        keep_questions(cfg)
        assert cfg.prompt.scale == scale
        cfg.prompt.scale, cfg.prompt.tasks = None, {"arousal": 1}
        if task == "valence":
            with pytest.raises(UserError, match=r"not on one scale \(synthetic .*, msp_podcast .*prompt\.scale=none"):
                keep_questions(cfg)
        else:
            keep_questions(cfg)
            assert cfg.prompt.scale == [1.0, 7.0]


def test_corpora_of_which_one_says_no_scale_are_not_asked_on_that_of_another() -> None:
    table = "data: custom, annotations: x.csv, media: y, labels: mer6, tasks: {valence: 1}"
    both = f"{{synthetic: {{tasks: {{valence: 1}}}}, mine: {{{table}}}}}"
    words = ["data=several", f"data.corpora={both}"]
    way = r"say data\.corpora\.mine\.scale=\[LOW,HIGH\], prompt\.scale=\[LOW,HIGH\], or "
    scales = r"not on one scale \(synthetic \[-1\.0, 1\.0\], mine not known\)"
    for more, otherwise in (((), "prompt.scale=none$"), (("prompt.questions={valence: 'To {high}?'}",), "take {low} ")):
        with (
            composing.composed("train", [*words, *more]) as cfg,
            pytest.raises(UserError, match=f"{scales}, .* {way}{otherwise}"),
        ):
            keep_questions(cfg)
    for more, scale in (("data.corpora.mine.scale=[-1,1]", [-1.0, 1.0]), ("prompt.scale=none", None)):
        with composing.composed("train", [*words, more]) as cfg:
            keep_questions(cfg)
            assert kept(cfg)["prompt"]["scale"] == scale
    with composing.composed("train", ["data=several", f"data.corpora={{mine: {{{table}}}, more: {{{table}}}}}"]) as cfg:
        keep_questions(cfg)
        assert cfg.prompt.scale is None, "as each is asked alone"
        cfg.prompt.scale = "data"
        with pytest.raises(UserError, match=r"say data\.corpora\.mine\.scale=.*, data\.corpora\.more\.scale=.*=none$"):
            keep_questions(cfg)


@pytest.mark.parametrize("model", ["chat/server", "chat/transformers"])
def test_a_model_without_a_run_needs_a_dataset(model: str) -> None:
    with pytest.raises(UserError, match=r"say data=NAME, one of .*custom, dfew, .*synthetic\b"):
        composed(f"model={model}", "model.path=x")
    load_saved_run([f"model={model}", "--help"])


def test_an_adapter_folder_knows_its_labels_too(tmp_path: Path) -> None:
    content = {"model": {}, "features": {}, "prompt": {}, "inputs": ["speech"], "labels": ["a", "b"], "frame": "first"}
    (tmp_path / "emolightning.json").write_text(json.dumps(content))
    cfg = composed(f"checkpoint={tmp_path}", *CUSTOM)
    assert (cfg.data.labels, cfg.data.frame) == (["a", "b"], "first")


def test_training_and_runs_that_do_not_say_have_the_default(tmp_path: Path) -> None:
    assert composed(*CUSTOM, name="train").data.labels == "mer9"
    cfg = composed(f"checkpoint={run_of(tmp_path / 'run')}", *CUSTOM)
    assert (cfg.data.labels, cfg.data.frame) == ("mer9", "middle")


def test_a_benchmark_keeps_its_labels(tmp_path: Path) -> None:
    run = run_of(tmp_path / "run", labels="mer6", frame="first")
    cfg = composed(f"checkpoint={run}", "data=dfew", "data.root=x")
    assert (cfg.data.labels, cfg.data.frame) == ("dfew7", "middle")
    assert cfg.trained == {"labels": "mer6", "frame": "first", "dataset": "synthetic"}


def data_of(labels: tuple[str, ...], frame: str = "middle", *, image: bool = True) -> Any:
    return SimpleNamespace(
        source=SimpleNamespace(labels=labels),
        questions=SimpleNamespace(offered=list(labels)),
        reading=SimpleNamespace(frame=frame),
        num_frames={"image": 1} if image else {},
    )


@pytest.mark.parametrize(
    ("trained", "data", "said"),
    [
        ({}, data_of(MER6), []),
        ({"labels": "mer6", "frame": "middle", "offered": list(MER6)}, data_of(MER6), []),
        ({"labels": "mer6"}, data_of(DFEW7), ["labels: happy, sad,", "data.labels=[neutral,angry,"]),
        ({"labels": list(MER6)}, data_of(MER9), ["neutral, angry, happy, sad, worried, surprise in training"]),
        (
            {"labels": ["a", "b"], "offered": ["b", "a"]},
            data_of(("a", "b")),
            ["offers a, b, and in training offered b, a"],
        ),
        ({"frame": "peak"}, data_of(MER6), ["frames: middle here, peak in training; data.frame=peak takes"]),
        ({"frame": "peak"}, data_of(MER6, image=False), []),
    ],
)
def test_differences_are_said_with_what_to_type(trained: dict[str, Any], data: Any, said: list[str]) -> None:
    found = training_differences(trained, data)
    assert len(found) == (1 if said else 0)
    for part in said:
        assert part in found[0]


@pytest.mark.parametrize(
    ("language", "is_random"), [({"path": None}, True), ({"path": "/models/Llama-2-7b"}, False), (None, False)]
)
def test_a_random_base_is_named_on_the_card(language: Any, is_random: bool) -> None:
    model = {"language": language}
    assert has_random_base(model) == is_random
    card = model_card({"model": model, "labels": ["happy", "sad"], "inputs": ["speech"]})
    assert (RANDOM_BASE[1:] in card) == is_random
    assert "Labels: happy, sad" in card
    assert "/models" not in card
    assert ("`Llama-2-7b`" in card) == bool(language and language["path"])
