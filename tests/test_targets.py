"""Numbers and several labels as answers: what is asked, learned, read from tables, and scored."""

import json
from collections.abc import Mapping
from itertools import product
from pathlib import Path

import numpy as np
import pytest
from runs import clips_below
from vector_factory import WIDTHS, words_of, write_clips

import emolightning as el
from emolightning.benchmarks.synthetic.mixed import AROUSAL, VALENCE, labels_shown, total
from emolightning.benchmarks.synthetic.process import CLASSES, draw_plan
from emolightning.config.families import family_of
from emolightning.data.checkup.unusable import RowErrors
from emolightning.data.readers.annotations import read_custom
from emolightning.errors import UserError
from emolightning.prompt.own_questions import own_questions
from emolightning.prompt.questions import Questions, target_text
from emolightning.records.clips import Answer, Clip
from emolightning.records.labels import MER6
from emolightning.records.score_names import number_scale
from emolightning.scoring.numbers import Numbers

PROMPT = {"task": "emotion", "tasks": {}, "labels": None, "pool": "fixed", "layout": "train"}


def answers(pairs: list[tuple[str, float | None]]) -> list[Answer]:
    return [
        Answer(f"c{n}", text, "", None if true is None else repr(true), 0.0) for n, (text, true) in enumerate(pairs)
    ]


def questions(model: str = "emotion_llama", **prompt: object) -> Questions:
    target = f"emolightning.models.{model}.build.build_{model}"
    return family_of({"_target_": target}).questions({**PROMPT, **prompt}, labels=MER6, protocol=(), seed=0)


def test_scores_of_numbers_are_those_of_their_formulas_with_intervals() -> None:
    rng = np.random.default_rng(5)
    true = rng.uniform(-1, 1, 40).round(2)
    said = (true + rng.normal(0, 0.3, 40)).round(2)
    told = answers([(f"It is {x}.", float(y)) for x, y in zip(said, true, strict=True)])
    scoring = Numbers(dimension="arousal", scale=[-1, 1])
    report = scoring.report(told, [scoring.score(each) for each in told], benchmark="b", split="test")
    assert report.arousal is not None
    assert report.arousal["predicted_off_the_scale"] == int((np.abs(said) > 1).sum()) > 0
    said = np.clip(said, -1, 1)  # Those count as the ends.
    values = {name: entry["value"] for name, entry in report.metrics.items()}
    spread = true.var() + said.var() + (true.mean() - said.mean()) ** 2
    assert values["ccc"] == pytest.approx(2 * np.cov(true, said, bias=True)[0, 1] / spread)
    assert values["pearson"] == pytest.approx(np.corrcoef(true, said)[0, 1])
    assert values["mae"] == pytest.approx(np.abs(true - said).mean())
    assert values["mse"] == pytest.approx(((true - said) ** 2).mean())
    assert all(low <= values[name] <= high for name, entry in report.metrics.items() for low, high in [entry["ci95"]])
    assert "arousal" in report.metrics["ccc"]["definition"]


def test_saying_nothing_never_pays_and_is_counted() -> None:
    scoring = Numbers(scale=[-1, 1])
    told = answers([("0.5", 0.5), ("-0.5", -0.5), ("no idea", 0.2), ("0.1 or 0.2", -0.4)])
    scores = [scoring.score(each) for each in told]
    assert [score.unscored_because for score in scores[2:]] == [
        "no number in the answer",
        "several numbers in the answer",
    ]
    assert scoring.summary(told, scores).values["mae"] == pytest.approx((1.2 + 1.4) / 4)  # The farther ends.


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"dimension": "joy"}, "scoring.dimension"),
        ({"scale": [1, -1]}, "scoring.scale: \\[1, -1\\] must be two numbers, the lowest and the highest"),
        ({"scale": [0, 1, 2]}, "must be two numbers"),
        ({"scale": ["low", 1]}, "must be two numbers"),
        ({"scale": 5}, "scoring.scale: 5 must be two numbers"),
        ({}, r"scoring.scale: nothing says what the lowest .* say e.g. scoring.scale=\[-1,1\]"),
    ],
)
def test_wrong_settings_of_numbers_are_refused(settings: dict, words: str) -> None:
    with pytest.raises(UserError, match=words):
        Numbers(**settings)


def test_truths_off_the_scale_are_refused_with_the_setting_that_says_it() -> None:
    with pytest.raises(UserError, match=r"'7.5' is not a number from -5 to 5\nscoring.scale=\[LOW,HIGH\] is the scale"):
        Numbers(scale=[-5, 5]).require_truths(["7.5", "1.0"])
    assert number_scale(None, "data.scale") is None


def test_every_family_that_answers_in_words_can_be_asked_for_numbers_and_labels() -> None:
    for model in ("emotion_llama", "affectgpt", "emotion_llama_v2"):
        found = questions(model, task="valence", tasks={"emotion": 1, "valence": 0.5, "arousal": 0.25})
        assert found.tasks == {"emotion": 1, "valence": 0.5, "arousal": 0.25}
        assert "number" in found.pools["valence"][0]
    several = questions(task="multi-label").pools["multi-label"][0]
    assert several.endswith("separated by commas: happy, sad, neutral, angry, worried, surprise.")


def test_answers_to_learn_are_written_as_they_are_read() -> None:
    clip = Clip("c", Path("c.mp4"), label="sad", open_labels=("sad", "fear"), valence=-0.004, arousal=0.625)
    assert [target_text(clip, task) for task in ("emotion", "valence", "arousal", "multi-label")] == [
        *("sad", "0.00", "0.62", "sad, fear"),
    ]
    bare = Clip("c", Path("c.mp4"), label="sad")
    assert [target_text(bare, task) for task in ("valence", "arousal", "multi-label")] == [None, None, "sad"]


def test_own_questions_come_from_a_file_with_the_labels_filled_in(tmp_path: Path) -> None:
    file = tmp_path / "questions.yaml"
    file.write_text("valence: From 0 to 1, how glad?\nemotion: ['{labels}?', 'Which of {labels}?']\n")
    found = questions(tasks={"emotion": 1, "valence": 1}, questions=str(file), pool="all")
    assert found.pools["valence"] == ("From 0 to 1, how glad?",)
    assert found.pools["emotion"][1] == "Which of happy, sad, neutral, angry, worried, surprise?"
    assert questions(questions=own_questions(str(file))).pools["emotion"] == found.pools["emotion"]
    with pytest.raises(UserError, match="prompt.questions: 'valance' is no task of this model; it has emotion, "):
        questions(questions={"valance": "How glad?"})


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("- a\n- b\n", "must be a mapping of tasks to questions"),
        ("valence: 3\nemotion: ['', a]\n", "2 problem"),
        ("valence: [", "is not valid YAML"),
        (None, "no such file"),
    ],
)
def test_files_without_questions_are_refused(text: str | None, words: str, tmp_path: Path) -> None:
    file = tmp_path / "questions.yaml"
    if text is not None:
        file.write_text(text)
    with pytest.raises(UserError, match=words) as caught:
        own_questions(str(file))
    assert "questions.yaml" in str(caught.value)


def test_mixed_clips_say_what_their_classes_show_and_others_stay_as_they_are() -> None:
    every = [dict(zip(CLASSES, names, strict=True)) for names in product(*CLASSES.values())]
    numbers = [(total(VALENCE, shown), total(AROUSAL, shown)) for shown in every]
    assert len(set(numbers)) == 27
    assert all(-1 <= value <= 1 for pair in numbers for value in pair)
    assert labels_shown({"A": "rising", "V": "smile", "T": "unexpected"}) == ["happy", "surprise"]
    mixed = draw_plan(num_train=60, num_val=6, num_test=6, mixed=True)
    assert {len(plan.label.split(";")) for plan in mixed} == {1, 2, 3}
    assert all(plan.label.split(";") == labels_shown(plan.shown) for plan in mixed)
    assert {plan.label for plan in draw_plan(num_train=60, num_val=6, num_test=6)} == {*MER6}


def table(folder: Path, *rows: str, header: str = "video_name,emotion_label,transcription,valence,arousal") -> Path:
    file = folder / "clips.csv"
    file.write_text("\n".join([header, *rows]) + "\n")
    for row in rows:
        (folder / f"{row.partition(',')[0]}.mp4").write_bytes(b"no video")
    return file


def test_a_table_has_several_labels_and_two_numbers_a_clip(tmp_path: Path) -> None:
    file = table(tmp_path, "a,happy; surprised,hi,0.5,-10", "b,sad,ho,-0.25,1", "c,worried;happy,hm,,0")
    read = read_custom(file, tmp_path, MER6, separator=";", scale=(-1, 1))
    found = [(clip.label, clip.open_labels, clip.valence, clip.arousal) for clip in read]
    assert found == [
        (None, ("happy", "surprise"), 0.5, None),
        ("sad", ("sad",), -0.25, 1.0),
        (None, ("worried", "happy"), None, 0.0),
    ]


@pytest.mark.parametrize(
    ("row", "words"),
    [
        ("a,happy;angri,hi,0,0", "line 2: emotion_label 'angri' is not one of .* did you mean 'angry'?"),
        ("a,happy;joy,hi,0,0", "line 2: emotion_label 'happy;joy' has 'happy' twice; write each label once"),
        ("a,happy;,hi,0,0", "line 2: emotion_label is empty"),
        ("a,happy,hi,1.5,0", "line 2: valence 1.5 is not from -1 to 1, the scale of data.scale"),
        ("a,happy,hi,0,high", "line 2: arousal 'high' is not a number"),
    ],
)
def test_wrong_cells_are_named_with_their_row_and_range(row: str, words: str, tmp_path: Path) -> None:
    with pytest.raises(RowErrors, match=words):
        read_custom(table(tmp_path, row), tmp_path, MER6, separator=";", scale=(-1, 1))


def test_several_labels_without_a_separator_name_the_setting(tmp_path: Path) -> None:
    with pytest.raises(RowErrors, match="data.label_separator=';' where clips have several"):
        read_custom(table(tmp_path, "a,happy;sad,hi,0,0"), tmp_path, MER6)


@pytest.fixture(scope="module")
def fused(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A classifier that learned a number and several labels in equal shares; each input tells one class."""
    folder, rng = tmp_path_factory.mktemp("targets"), np.random.default_rng(3)
    places = dict(zip(WIDTHS, CLASSES.values(), strict=True))
    centres = {name: rng.normal(size=(3, width)) for name, width in WIDTHS.items()}
    rows = []
    for split, number in {"train": 81, "val": 27, "test": 27}.items():
        for index in range(number):
            shown = dict(zip(CLASSES, list(product(*CLASSES.values()))[index % 27], strict=True))
            name = f"{split}{index:02}"
            row = {"video_name": name, "emotion_label": "; ".join(labels_shown(shown)), "split": split}
            rows.append({**row, "valence": total(VALENCE, shown), **dict(zip(WIDTHS, shown.values(), strict=True))})

    def vectors(row: Mapping[str, object], name: str) -> np.ndarray:
        place = list(places[name]).index(str(row[name]))
        return centres[name][place] + 0.1 * rng.normal(size=(1, WIDTHS[name]))

    write_clips(folder, rows, vectors)
    asked = ("prompt.task=valence", "prompt.tasks={valence: 1, multi-label: 1}", "scoring=numbers")
    more = ("model=fusion/attention", "model.valence=true", "model.network.dropout=0", "monitor.metric=val/ccc")
    more += ("trainer.max_epochs=16", "trainer.check_val_every_n_epoch=8", "data.batch_size=27")
    own = ('data.label_separator=";"', "data.scale=[-1,1]")
    return el.train(*words_of(folder, "fused", MER6, *more, *asked, *own))


def test_a_classifier_learns_a_number_beside_several_labels(fused: Path) -> None:
    numbers = el.evaluate(fused, "logger=none", "scoring=numbers", f"output_dir={fused}-valence")
    assert numbers["ccc"].value is not None
    assert numbers["ccc"].value > 0.9
    said = json.loads((Path(f"{fused}-valence") / "answers.jsonl").read_text().splitlines()[0])
    assert float(said["answer"]) == pytest.approx(said["valence"], abs=1e-4)


@pytest.mark.slow
def test_the_same_classifier_is_asked_for_all_labels(fused: Path) -> None:
    asked = ("logger=none", "scoring=multi_label", "prompt.task=multi-label", f"output_dir={fused}-labels")
    labels = el.evaluate(fused, *asked)
    assert labels["micro_f1"].value is not None
    assert labels["micro_f1"].value > 0.9


@pytest.mark.parametrize(
    ("model", "more", "words"),
    [
        ("lmf", ("prompt.task=valence", "scoring=numbers"), "this network has no head for a number"),
        (
            "lmf",
            ("prompt.task=valence",),
            "scoring: answers to prompt.task=valence are numbers, no labels: say scoring=num",
        ),
        pytest.param(
            *("lmf", ("prompt.task=emotion", "scoring=numbers"), "scoring.dimension: 'emotion' is not one of"),
            marks=pytest.mark.slow,
        ),
        pytest.param(
            *("lmf", ("prompt.questions={emotion: Well?}",), "prompt.questions: this model is not asked in words"),
            marks=pytest.mark.slow,
        ),
    ],
)
def test_what_a_classifier_cannot_answer_is_refused(model: str, more: tuple[str, ...], words: str, fused: Path) -> None:
    with pytest.raises(UserError, match=words):
        el.train(*words_of(fused.parent, "x", MER6, f"model=fusion/{model}", *more))


@pytest.mark.slow
@pytest.mark.parametrize(
    "asked",
    [
        ("valence", "numbers", "ccc"),
        ("multi-label", "multi_label", "micro_f1"),
    ],
    ids=lambda asked: asked[0],
)
@pytest.mark.parametrize(
    "model",
    [
        ("experiment=demo", "trainer.max_epochs=12"),
        ("model=fusion/attention", "model.valence=true", "trainer.max_epochs=25", "optimizer.lr=1e-3"),
    ],
    ids=["language", "fusion"],
)
def test_what_can_be_known_of_mixed_clips_is_learned(
    model: tuple[str, ...], asked: tuple[str, str, str], shared_by_workers: Path, tmp_path: Path
) -> None:
    """Scores of 0.9 and more on the clips of the demo, of which the best possible ones are 1."""
    task, scoring, score = asked
    clips = ("data.mixed=true", *clips_below(shared_by_workers / "mixed"))
    how = (f"prompt.task={task}", f"scoring={scoring}", f"monitor.metric=val/{score}")
    run = el.train(*model, *clips, *how, "seed=0", "logger=none", "callbacks=eval", f"output_dir={tmp_path}/run")
    found = el.evaluate(run, f"scoring={scoring}", "logger=none")[score]
    assert found.value is not None
    assert found.value >= 0.9, found
