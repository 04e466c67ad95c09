"""`pseudo-label`: what systems are sure of becomes an annotation file, and all else is counted."""

import json
import sys
from contextlib import nullcontext
from pathlib import Path
from types import SimpleNamespace

import pytest
from omegaconf import OmegaConf

from emolightning.__main__ import main
from emolightning.commands import pseudo_label as command
from emolightning.data.readers.custom import CustomData
from emolightning.errors import UserError
from emolightning.records.clips import Clip, Span
from emolightning.runs.ensembles.pseudo_labels import Rules, choose, may_be_labelled, write_annotations
from emolightning.runs.ensembles.systems import Opinion, System

LABELS = ("happy", "sad")


def clip(name: str, **about: object) -> Clip:
    return Clip(name, Path("media") / f"{name}.mp4", **about)  # type: ignore[arg-type]


def system(name: str, said: dict[str, tuple[str | None, float]], **about: object) -> System:
    """A system with what it says, and how likely `happy` is."""
    opinions = {c: Opinion(label, {"happy": p, "sad": 1 - p}) for c, (label, p) in said.items()}
    return System(name, Path(name), "0", opinions, labels=LABELS, **about)  # type: ignore[arg-type]


SURE = {"a": ("happy", 0.95), "b": ("sad", 0.02), "c": ("happy", 0.97), "d": ("happy", 0.6), "e": (None, 0.5)}


def test_each_reason_is_counted_for_each_label() -> None:
    clips = [clip(name) for name in "abcdefgh"]
    one = system("one", {**SURE, "h": ("sad", 0.0)}, failed={"f": "no media file"})
    two = system("two", {"a": ("happy", 0.4), "b": ("sad", 0.5), "c": ("sad", 0.1), "d": ("happy", 1.0)})
    found = choose(clips, one, [two], Rules(0.9))
    assert [(c.id, label, confidence) for c, label, confidence in found.taken] == [
        ("a", "happy", 0.95),
        ("b", "sad", 0.98),
    ]
    assert found.counts == {
        "happy": {"taken": 1, "two says otherwise": 1, "confidence too low": 1},
        "sad": {"taken": 1, "no answer of two": 1},
        "(nothing)": {"no label": 1, "no answer: no media file": 1, "no answer": 1},
    }
    assert sum(sum(counter.values()) for counter in found.counts.values()) == len(clips)


def test_the_likeliest_of_each_label_are_taken() -> None:
    said = {"a": ("happy", 0.95), "b": ("sad", 0.02), "c": ("happy", 0.97), "d": ("happy", 0.96), "e": ("sad", 0.01)}
    found = choose([clip(name) for name in said], system("one", said), [], Rules(0.9, max_per_label=2))
    assert [c.id for c, _, _ in found.taken] == ["b", "c", "d", "e"]
    assert found.counts["happy"] == {"taken": 2, "max_per_label": 1}


@pytest.mark.parametrize("known", [{"a": "test", "b": "train"}, {"a": "val"}])
def test_clips_whose_truth_is_known_are_taken_only_when_asked(known: dict[str, str]) -> None:
    clips = [clip(name, label="sad" if name in known else None, split=known.get(name)) for name in "abc"]
    one = system("one", SURE)
    found = choose(clips, one, [], Rules(0.9))
    assert [c.id for c, _, _ in found.taken] == [name for name in "abc" if name not in known]
    assert found.counts["happy"][f"truth is known (split {known['a']})"] == 1
    assert may_be_labelled(clips, [], Rules()) == [name not in known for name in "abc"]
    all_of_them = choose(clips, one, [], Rules(0.9, take_known=True))
    assert len(all_of_them.taken) == 3
    assert all_of_them.known == {split: 1 for split in known.values()}
    with pytest.raises(UserError, match="take_known=true"):
        may_be_labelled(clips[:1], [], Rules())


def test_the_file_is_read_by_data_custom_beside_what_was_labelled(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in ("old/x.mp4", "old/y.mp4", "new/a.mp4", "new/talk.mp4"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    old = [
        Clip("x", tmp_path / "old/x.mp4", 'Oh, "that"!', "sad", split="train", reason="tears", subject="s1"),
        Clip("y", tmp_path / "old/y.mp4", "Hm", "happy", split="test", subject="s2"),
    ]
    new = [
        Clip("x", tmp_path / "new/a.mp4", "None"),
        Clip("a", tmp_path / "new/a.mp4", "Well,\nyes"),
        Clip("talk_1", tmp_path / "new/talk.mp4", "Good", span=Span(1.5, 2.75)),
    ]
    one = system("one", {"x": ("sad", 0.0), "a": ("sad", 0.04), "talk_1": ("happy", 0.99)})
    found = choose(new, one, [], Rules(0.9), labelled=old)
    assert found.counts["sad"] == {"labelled already": 1, "taken": 1}
    write_annotations(tmp_path / "both.csv", found, one, [], Rules(0.9), labelled=old)
    read = CustomData(
        name="custom",
        annotations=str(tmp_path / "both.csv"),
        media=str(tmp_path),
        labels=list(LABELS),
        inputs=["transcript"],
    ).read_clips()
    assert [(c.id, c.label, c.split, c.subject, c.reason) for c in read] == [
        ("old/x", "sad", "train", "s1", "tears"),
        ("old/y", "happy", "test", "s2", None),
        ("new/a", "sad", "train", None, None),
        ("new/talk_1500-2750ms", "happy", "train", None, None),
    ]
    assert read[0].transcript == 'Oh, "that"!'
    rows = (tmp_path / "both.csv").read_text().splitlines()
    assert rows[0].endswith("confidence,source")
    assert rows[-1].endswith("0.990000,one")
    counts = json.loads((tmp_path / "both.json").read_text())
    assert (counts["num_labelled"], counts["num_taken"], counts["media"]) == (2, 2, str(tmp_path))
    assert "python train.py data=custom data.annotations=" in capsys.readouterr().out


def pseudo_label(*words: str) -> int | str | None:
    sys.argv = ["emolightning", "pseudo-label"]
    try:
        return main(["pseudo-label", *words])
    except SystemExit as end:
        return end.code


@pytest.mark.parametrize(
    ("words", "parts"),
    [
        (["media={m}"], ["no answer about any of the 1 clips, e.g. 'a'", "'z'"]),
        ([], ["say media=FOLDER or data=NAME"]),
        (["media={m}", "min_confidence=1.5", "max_per_label=0"], ["from 0 to 1", "1 or more"]),
        (["media={m}", "agree_with={f}"], ["agrees with itself"]),
        (["media={m}", "out={m}/p.jsonl"], ["CSV table", "p.jsonl.csv"]),
        (["media={m}", "out={old}"], ["nothing is written over"]),
        (["media={m}", "run={m}/none"], ["none: no such file or folder"]),
        (["media={m}", "agree_with={other}"], ["other labels"]),
        (["media={m}", "labelled={m}/none.csv"], ["none.csv"]),
    ],
    ids=str,
)
def test_mistakes_are_told(
    tmp_path: Path, words: list[str], parts: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "media").mkdir()
    (tmp_path / "media" / "a.mp4").touch()
    file, other, old = tmp_path / "z.csv", tmp_path / "o.csv", tmp_path / "old.csv"
    file.write_text("id,status,label,p_happy,p_sad\nz,success,happy,0.99,0.01\n")
    other.write_text("id,status,label,p_calm,p_tense\na,success,calm,0.99,0.01\n")
    old.touch()
    places = {"m": f"{tmp_path}/media", "f": str(file), "other": str(other), "old": str(old)}
    given = {word.partition("=")[0]: word.format(**places) for word in words}
    given = {"run": f"run={file}", "out": f"out={tmp_path}/new.csv"} | given
    before = sorted(tmp_path.rglob("*"))
    assert pseudo_label(*given.values()) == 1
    refused = capsys.readouterr().err
    for part in parts:
        assert part in refused
    assert sorted(tmp_path.rglob("*")) == before


@pytest.mark.parametrize("labels", [("happy", "sad"), ("calm", "tense", "angry")])
def test_a_run_that_answers_nothing_still_has_its_labels(
    labels: tuple[str, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "asked.jsonl"
    out.write_text(json.dumps({"id": "x", "label": None, "status": "error", "error": {"kind": "no media file"}}) + "\n")
    cfg = {"out": str(out), "num_threads": 1, "question": None, "prompt": {"task": "emotion"}, "overwrite": False}
    monkeypatch.setattr(command, "composed", lambda *_: nullcontext(OmegaConf.create(cfg)))
    monkeypatch.setattr("emolightning.runs.threads.set_num_threads", lambda _: None)
    done = SimpleNamespace(failed={"no media file": 1}, answered=0, skipped=0)
    monkeypatch.setattr("emolightning.runs.predict.predict", lambda *_: done)
    said = command._asked(command._Asking([], labels, False), [], "outputs/a")
    assert (said.name, said.labels, said.failed) == ("outputs/a", labels, {"x": "no media file"})
