"""`score` with a benchmark's own label files as truth, and the score that ranks on each benchmark."""

import csv
import json
from pathlib import Path

import pytest
from score_factory import refusal, score, values, write_csv, write_jsonl

from emolightning.benchmarks.registry import official_benchmarks
from emolightning.records.labels import DFEW7


def rows_of(file: Path, *columns: str) -> list[list[str]]:
    with file.open(encoding="utf-8", newline="") as lines:
        return [[row[column] for column in columns] for row in csv.DictReader(lines)]


def answered(folder: Path, rows: list[list[str]]) -> Path:
    """Every clip is answered with its label, but the first one with another's."""
    other = next(label for _, label, *_ in rows if label != rows[0][1])
    answers = [(clip, label, *rest) for clip, label, *rest in rows]
    answers[0] = (answers[0][0], other, *answers[0][2:])
    return write_csv(folder / "answers.csv", ("id", "answer", "valence")[: len(rows[0])], answers)


TRACKS_ALWAYS = (("npz", "noise"), ("csv", "semi"), ("txt", "multi"))
"""Each kind of file and each track once; the other pairs are slow."""


@pytest.mark.parametrize("names", [(), ("columns.truth_id=video_name", "columns.truth=label")])
@pytest.mark.parametrize("file", ["set_1_test.flat.csv", "original_DFEW_set_1_test.txt"])
def test_files_of_dfew(shared: Path, tmp_path: Path, file: str, names: tuple[str, ...]) -> None:
    folder = shared / "benchmarks" / "dfew_splits"
    rows = [
        [clip, DFEW7[int(number) - 1]]
        for clip, number in rows_of(folder / "set_1_test.flat.csv", "video_name", "label")
    ]
    words = (f"answers={answered(tmp_path, rows)}", f"truth={folder / file}", *names)
    report = score(tmp_path / "out", *words, "benchmark=dfew_fold1")
    assert values(report)["war"] == 2340 / 2341
    assert report["evaluation"]["differences_from_official"] == []


@pytest.mark.parametrize(
    ("kind", "track"),
    [
        pytest.param(kind, track, marks=() if (kind, track) in TRACKS_ALWAYS else pytest.mark.slow)
        for kind in ("npz", "csv", "txt")
        for track in ("multi", "noise", "semi")
    ],
)
def test_files_of_mer2023(shared: Path, tmp_path: Path, track: str, kind: str) -> None:
    folder = shared / "benchmarks" / "mer2023_labels"
    (flat,) = folder.glob(f"test?_{track}.flat.csv")
    rows = rows_of(flat, "name", "discrete", "valence")
    file = {"npz": folder / "label-6way.npz", "csv": flat, "txt": tmp_path / f"relative_{track}_NCEV.txt"}[kind]
    if kind == "txt":
        file.write_text("".join(f"{clip} 20 {label} {valence}\n" for clip, label, valence in rows))
    valence = ("columns.valence_answer=valence", "columns.valence_truth=valence") if track != "semi" else ()
    words = (f"answers={answered(tmp_path, rows)}", f"truth={file}", f"benchmark=mer2023_{track}", *valence)
    report = score(tmp_path / "out", *words)
    assert values(report)["war"] == (len(rows) - 1) / len(rows)
    assert report["evaluation"]["differences_from_official"] == []
    if valence:
        assert values(report)["valence_mse"] == pytest.approx(0, abs=1e-12)
        assert official_benchmarks()[f"mer2023_{track}"].headline in report["metrics"]


def test_the_archive_of_mer2024(shared: Path, tmp_path: Path) -> None:
    folder = shared / "benchmarks" / "mer2024_semi_labels"
    answers = answered(tmp_path, rows_of(folder / "gt_mer2024_semi.flat.csv", "name", "discrete"))
    words = (f"answers={answers}", f"truth={folder / 'gt_mer2024_semi_other.npz'}")
    for benchmark in ("benchmark=mer2024_semi", "labels=mer6"):
        report = score(tmp_path / benchmark[:6], *words, benchmark)
        assert values(report)["war"] == 1168 / 1169


def test_label_files_that_cannot_be_truths(shared: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    archive = shared / "benchmarks" / "mer2023_labels" / "label-6way.npz"
    answers = write_csv(tmp_path / "a.csv", ("id", "answer"), [("a", "sad")])
    out = tmp_path / "out"
    for words, about in (
        ((f"answers={answers}", f"truth={archive}", "labels=mer6"), "say benchmark=NAME, the benchmark of this file"),
        (
            (f"answers={answers}", f"truth={archive}", "benchmark=mer2024_ov"),
            "mer2024_ov is not scored by labels",
        ),
        ((f"answers={answers}", f"truth={archive}", "benchmark=dfew_fold1"), "DFEW has no label archive"),
        ((f"answers={archive}", "labels=mer6"), "is an archive of arrays, not a table"),
        ((f"answers={answers}", f"truth={tmp_path / 'b.npz'}", "labels=mer6"), "no such file"),
    ):
        assert about in " ".join(refusal(capsys, out, *words).split())


def test_the_compound_lists_of_mafw(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    labels = ("angry, disgust, anxiety", "neutral", "sad")
    answers = write_csv(
        tmp_path / "a.csv", ("id", "answer"), list(zip(("00001", "00002", "00003"), labels, strict=True))
    )
    truth = tmp_path / "test.txt"
    words = (f"answers={answers}", f"truth={truth}", "benchmark=mafw_compound_fold1")
    truth.write_text("00001.mp4 anger_digust\n00002.mp4 fear_fear\n00003.mp4 7\n")
    said = " ".join(refusal(capsys, tmp_path / "out", *words).split())
    assert "line 1: emotion_label 'digust' is not one of" in said
    assert "line 2: emotion_label 'fear_fear' has 'fear' twice" in said
    assert "line 3: label '7' is a number; compound classes are read as words" in said
    truth.write_text("00001.mp4 anger_disgust_anxiety\n00002.mp4 neutral\n00003.mp4 sadness_fear\n")
    assert values(score(tmp_path / "out", *words))["subset_accuracy"] == pytest.approx(2 / 3)


def test_numbers_of_a_fold_that_are_no_labels(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    answers = write_csv(tmp_path / "a.csv", ("id", "answer"), [("1", "sad")])
    truth = write_csv(tmp_path / "set_1.csv", ("video_name", "label"), [("1", "8"), ("../2", "1")])
    said = " ".join(refusal(capsys, tmp_path / "out", f"answers={answers}", f"truth={truth}", "benchmark=dfew").split())
    assert "line 2: label '8' is not 1 to 7" in said
    assert "line 3: video_name '../2' leaves the media folder" in said


def test_the_score_that_ranks_is_in_the_report(tmp_path: Path) -> None:
    rows = {
        "classification": {"answer": "sad", "truth": "sad", "predicted": "1", "valence": "1.5"},
        "open_vocabulary": {"answer": ["happy"], "truth": ["happy", "excited"]},
        "sentiment": {"answer": "0.5", "truth": "0.5"},
        "multi_label": {"answer": "angry, disgust", "truth": ["angry", "disgust"]},
        "preference": {"answer": "a1", "truth": "a1"},
        "reasoning": {"answer": "He smiles, he is happy.", "truth": "His smile shows that he is happy."},
    }
    synonyms = tmp_path / "groups.json"
    synonyms.write_text(json.dumps({"a": "[['happy', 'excited']]"}))
    seen: set[tuple[str, str, bool]] = set()
    for name, official in official_benchmarks().items():
        kind = (official.kind, official.headline, bool(official.prompt_order))
        if kind in seen or official.kind == "several":  # Nine files: test_sets.py.
            continue
        seen.add(kind)
        if official.labels:
            rows["classification"] |= dict.fromkeys(("answer", "truth"), official.labels[0])
        file = write_jsonl(tmp_path / f"{name}.jsonl", [{"id": "a", **rows[official.kind]}])
        valence = ("columns.valence_answer=predicted", "columns.valence_truth=valence") if "multi" in name else ()
        groups = (f"scoring.synonym_groups={synonyms}",) if name == "mer2024_ov" else ()
        report = score(tmp_path / name, f"answers={file}", f"benchmark={name}", *valence, *groups)
        assert official.headline in report["metrics"], name
        assert json.loads((tmp_path / name / "metrics.json").read_text())["benchmark"] == name
