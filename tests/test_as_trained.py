"""What an evaluation asks otherwise than its training: taken from the run, or said; and what a random base is."""

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from hydra import compose, initialize_config_dir
from omegaconf import OmegaConf

from emolightning.config.places import CONFIG_DIR
from emolightning.config.saved_run import load_saved_run
from emolightning.config.schema import register_schemas
from emolightning.errors import UserError
from emolightning.models.parts.card import RANDOM_BASE, has_random_base, model_card
from emolightning.records.labels import DFEW7, MER6, MER9
from emolightning.runs.as_trained import training_differences

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
