"""Which of two descriptions is better: a clip's own texts in its question, EmoPrefer's pairs, an evaluation of them."""

import json
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from challenge_factory import PAIRS, make_emoprefer
from corpus_factory import write_rows
from media_factory import make_media
from test_benchmarks import evaluated, made

from emolightning.benchmarks.emoprefer.reader import EmoPreferData
from emolightning.data.checkup.checkup import look_at
from emolightning.data.checkup.unusable import RowErrors
from emolightning.data.readers.annotations import annotation_hash
from emolightning.errors import InputErrors, UserError
from emolightning.prompt.questions import GENERAL, PREFERENCE, Questions, target_text
from emolightning.records.clips import Clip, in_splits
from emolightning.scoring.preference import CHOICES

SETTINGS: dict[str, Any] = {"name": "emoprefer", "labels": list(CHOICES)}


@pytest.fixture(scope="module")
def pairs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder. For looking at only."""
    root = tmp_path_factory.mktemp("pairs")
    make_emoprefer(root, make_media(root / "video.mp4", seconds=0.6))
    return root


def read(root: Path, *inputs: str, **own: Any) -> list[Clip]:
    return EmoPreferData(root=str(root), inputs=inputs, **{**SETTINGS, **own}).read_clips()


def test_each_clip_is_asked_about_its_own_two_descriptions(pairs: Path) -> None:
    clips = read(pairs)
    assert [(clip.id, clip.label, clip.split) for clip in clips] == [(row[0], row[3], "test") for row in PAIRS]
    questions = Questions({PREFERENCE: (GENERAL[PREFERENCE],)}, PREFERENCE, {PREFERENCE: 1.0}, CHOICES)
    asked = [questions.ask(clip, epoch=0, training=False).instruction for clip in clips]
    assert asked[0].startswith(
        'We provide two descriptions for a given input: a1: "He smiles, so he is {a2} happy.". a2: "His "No" is sad.". '
    )
    assert asked[2].count("愤怒") == asked[2].count("生气") == 1
    assert [target_text(clip, PREFERENCE) for clip in clips] == ["a2", "a1", "same"]
    assert questions.without_answer(replace(clips[0], split="val")) == []


def test_the_question_is_the_official_one(shared: Path) -> None:
    official = json.loads((shared / "unibench" / "prompts.json").read_text())["emoprefer normal"]
    assert GENERAL[PREFERENCE] == official


def test_descriptions_are_part_of_what_is_annotated(pairs: Path) -> None:
    clips = read(pairs)
    plain = [Clip(clip.id, clip.video, label=clip.label, split=clip.split) for clip in clips]
    assert annotation_hash(clips) != annotation_hash(plain)
    assert in_splits(clips, ["train"] * 3)[0].quoted == clips[0].quoted


def test_the_real_pairs_are_the_official_ones(shared: Path, tmp_path: Path) -> None:
    data = EmoPreferData(root=str(shared / "unibench" / "emoprefer"), media=str(tmp_path), takes_stock=True, **SETTINGS)
    clips = data.read_clips()
    assert len(clips) == 574
    assert data.official_differences(clips, offered=[]) == []
    longer = sum(max(("a1", "a2"), key=lambda name, c=clip: len(c.quoted[name])) == clip.label for clip in clips)
    assert longer > 440


def test_pairs_of_another_table_are_trained_on(pairs: Path, tmp_path: Path) -> None:
    own = Path(shutil.copytree(pairs, tmp_path / "own"))
    rows = [(f"samplenew3_0013000{n}", "Happy.", "Sad.", CHOICES[n % 2]) for n in range(4)]
    write_rows(own / "track3_emopreferv2.csv", ("name", "a1", "a2", "preference"), rows)
    for name, *_ in rows:
        shutil.copy(own / "video.mp4", own / "video" / f"{name}.mp4")
    write_rows(
        own / "subtitle_eng.csv", ("name", "sentence"), [(row[0], f"Line of {row[0]}.") for row in [*rows, *PAIRS]]
    )
    clips = read(own, "transcript", train="track3_emopreferv2.csv", val_fraction=0.5)
    assert sorted(str(clip.split) for clip in clips) == ["test"] * 3 + ["train"] * 2 + ["val"] * 2
    assert clips[0].transcript == "Line of samplenew3_00130000."
    with pytest.raises(InputErrors, match="is in .*preference_emoprefer.csv, line 2 as well"):
        read(own, train="preference_emoprefer.csv")


@pytest.mark.parametrize(
    ("row", "message"),
    [
        (("a", "", "Sad.", "a1"), "line 2: a1 is empty; a pair needs two descriptions"),
        (("a", "Happy.", "Sad.", "a3"), "line 2: emotion_label 'a3' is not one of ['a1', 'a2', 'same']"),
        (("a", "Happy.", "Sad.", ""), "line 2: emotion_label is empty; give one of ['a1', 'a2', 'same']"),
        (("../a", "Happy.", "Sad.", "a1"), "leaves the media folder"),
        (("a", "Hap\x07py.", "Sad.", "a1"), "line 2: a1 has the control character"),
    ],
)
def test_wrong_pairs_are_named(pairs: Path, tmp_path: Path, row: tuple[str, ...], message: str) -> None:
    write_rows(tmp_path / "own.csv", ("name", "a1", "a2", "preference"), [row])
    with pytest.raises(RowErrors) as caught:
        read(pairs, truth=str(tmp_path / "own.csv"))
    assert message in caught.value.problems[0]


@pytest.mark.parametrize(
    ("task", "has_pairs", "message"),
    [
        ("emotion", True, "prompt.task=emotion: its clips are to be asked which of two .* say prompt.task=preference"),
        (PREFERENCE, False, "prompt.task=preference: asks which of two .* these clips have none; say data=emoprefer"),
    ],
)
def test_questions_and_clips_that_do_not_fit_are_refused(task: str, has_pairs: bool, message: str) -> None:
    quoted = {"a1": "Happy.", "a2": "Sad."} if has_pairs else {}
    clips = [Clip("a", Path("a.mp4"), quoted=quoted)]
    questions = Questions({"emotion": ("?",), PREFERENCE: ("?",)}, task, {"reason": 1.0}, CHOICES)
    with pytest.raises(UserError, match=f"data=x, {message}"):
        questions.require_quotes(clips, training=False, said_by="data=x")
    other = Questions(questions.pools, PREFERENCE if has_pairs else "emotion", {"reason": 1.0}, CHOICES)
    other.require_quotes(clips, training=False, said_by="data=x")


@pytest.mark.slow
def test_a_trained_model_chooses(pairs: Path, trained: Path, tmp_path: Path) -> None:
    own, words = [f"data.root={pairs}"], ["inputs.transcript=false", "prompt.task=preference"]
    found, _ = look_at(made(tmp_path, "emoprefer", *own, *words), probe=None)
    assert (found.problems, found.classes["test"]) == ([], {"a1": 1, "a2": 1, "same": 1})
    found, _ = look_at(made(tmp_path, "emoprefer", *own, words[0]), probe=0)
    assert [problem[:62] for problem in found.problems] == [
        "data=emoprefer, prompt.task=emotion: its clips are to be asked"
    ]
    report, answers = evaluated(tmp_path, trained, tmp_path / "run", "emoprefer", *own, *words, "scoring=preference")
    assert (report["benchmark"], report["num_clips"]) == ("emoprefer", 3)
    assert {"two_class_weighted_f1", "two_class_war", "weighted_f1"} <= set(report["metrics"])
    assert [line["truth"] for line in answers] == ["a2", "a1", "same"]
    assert all(row[1] in line["prompt"] and row[2] in line["prompt"] for row, line in zip(PAIRS, answers, strict=True))
    with pytest.raises(UserError, match="data=emoprefer, prompt.task=emotion: its clips are to be asked"):
        evaluated(tmp_path, trained, tmp_path / "other", "emoprefer", *own, "inputs.transcript=false")
