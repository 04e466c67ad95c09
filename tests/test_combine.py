"""`combine`: several systems as one, from the folders and files that they leave."""

import csv
import json
import sys
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from emolightning.__main__ import main
from emolightning.benchmarks.published.measured import read_run
from emolightning.errors import UserError
from emolightning.files.writing import write_json
from emolightning.records.clips import Answer
from emolightning.runs.answers import join
from emolightning.runs.ensembles.combine import Request
from emolightning.runs.ensembles.combine import combine as put_together
from emolightning.runs.ensembles.systems import Reading, read_system
from emolightning.scoring.classification import Classification
from emolightning.scoring.ensembles import decide, fitted_weights, mean_probabilities, votes

LABELS = ("happy", "sad", "angry")
TRUTHS = {"t1": "happy", "t2": "sad", "t3": "angry", "t4": "happy"}
A = {"t1": (0.8, 0.1, 0.1), "t2": (0.5, 0.4, 0.1), "t3": (0.1, 0.2, 0.7), "t4": (0.3, 0.6, 0.1)}
B = {"t1": (0.6, 0.3, 0.1), "t2": (0.1, 0.8, 0.1), "t3": (0.3, 0.4, 0.3), "t4": (0.5, 0.3, 0.2)}

Rows = Mapping[str, tuple[float, ...]]


def evaluated(
    folder: Path, rows: Rows, truths: Mapping[str, str], *, split: str = "test", probable: bool = True
) -> Path:
    """The folder that an evaluation leaves, of a system with these probabilities."""
    scoring = Classification(labels=LABELS)
    answers = [
        Answer(
            clip,
            LABELS[int(np.argmax(row))],
            "?",
            truths[clip],
            0.0,
            probabilities=dict(zip(LABELS, row, strict=True)) if probable else None,
        )
        for clip, row in rows.items()
    ]
    scores = [scoring.score(answer) for answer in answers]
    folder.mkdir(parents=True)
    join(folder, f"{split}0123456789", answers, scores)
    about = {"inputs": [folder.name[:1], "transcript"], "frame": "middle", "weights_sha256": folder.name}
    report = {"benchmark": "toy", "split": split, "num_clips": len(rows), "metrics": {}, "evaluation": about}
    matrix = {"labels": [*LABELS, "(unreadable)"], "counts": []}
    write_json(folder / "metrics.json", {**report, "confusion_matrix": matrix, "data": {"remarks": ["few actors"]}})
    return folder


def combine(*words: str) -> int | str | None:
    sys.argv = ["emolightning", "combine"]
    try:
        return main(["combine", *words])
    except SystemExit as end:
        return end.code


def said(folder: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (folder / "answers.jsonl").read_text().splitlines()]


@pytest.fixture
def runs(tmp_path: Path) -> str:
    """Two runs, evaluated on test and before that on val, where the first is always right and the second a guess."""
    rng = np.random.default_rng(1)
    truths = {f"v{number}": LABELS[number % 3] for number in range(30)}
    sharp = {clip: tuple(0.8 if label == truth else 0.1 for label in LABELS) for clip, truth in truths.items()}
    blunt = {clip: tuple(rng.dirichlet([1, 1, 1]).round(6)) for clip in truths}
    for name, rows, val in (("a", A, sharp), ("b", B, blunt)):
        evaluated(tmp_path / name, rows, TRUTHS)
        evaluated(tmp_path / name / "evaluations" / "val0123456789", val, truths, split="val")
    return f"runs=[{tmp_path}/a,{tmp_path}/b]"


@pytest.mark.parametrize(
    ("how", "labels", "ties"),
    [
        ("mean", ["happy", "sad", "angry", "sad"], {}),
        ("vote", ["happy", "sad", "angry", "sad"], {"equal votes": 3}),
        ("weights", ["happy", "happy", "angry", "sad"], {}),
    ],
)
def test_runs_become_one_evaluation(
    tmp_path: Path, runs: str, how: str, labels: list[str], ties: dict[str, int], capsys: pytest.CaptureFixture[str]
) -> None:
    assert combine(runs, f"how={how}", "split=test", f"out={tmp_path}/out") == 0
    lines = said(tmp_path / "out")
    assert [line["prediction"] for line in lines] == labels
    assert [line["truth"] for line in lines] == list(TRUTHS.values())
    report = json.loads((tmp_path / "out" / "metrics.json").read_text())
    right = sum(label == truth for label, truth in zip(labels, TRUTHS.values(), strict=True))
    assert report["metrics"]["war"]["value"] == right / 4
    facts = report["evaluation"]
    assert facts["ties"] == ties
    assert facts["inputs"] == ["a", "transcript", "b"]
    assert facts["frame"] == "middle"
    assert "weights_sha256" not in facts
    weights = [run["weight"] for run in facts["runs"]]
    assert sum(weights) == pytest.approx(1)
    assert (weights[0] > 0.9) == (how == "weights")
    mixed = weights[0] * np.array(A["t4"]) + weights[1] * np.array(B["t4"])
    assert [*lines[3]["probabilities"].values()] == pytest.approx(mixed, abs=1e-6)
    assert "few actors" in report["warnings"]
    measured = read_run(tmp_path / "out")
    assert (measured.benchmark, measured.split) == ("toy", "test")
    assert (tmp_path / "out" / "report.html").exists()
    assert ("fitted on 30 clips" in capsys.readouterr().out) == (how == "weights")


def test_what_was_combined_is_combined_again(tmp_path: Path, runs: str) -> None:
    assert combine(runs, f"out={tmp_path}/both", "split=test") == 0
    assert combine(f"runs=[{tmp_path}/both,{tmp_path}/a]", f"out={tmp_path}/more") == 0
    row = said(tmp_path / "more")[1]["probabilities"]
    assert [*row.values()] == pytest.approx((np.array(A["t2"]) * 3 + np.array(B["t2"])) / 4, abs=1e-6)


def predicted(path: Path, rows: Rows, labels: Sequence[str], failed: Sequence[str] = ()) -> Path:
    """A file of `predict`, as JSONL or CSV."""
    lines: list[dict[str, Any]] = [
        {"id": clip, "status": "success", "label": label, "probabilities": dict(zip(LABELS, row, strict=True))}
        for (clip, row), label in zip(rows.items(), labels, strict=True)
    ]
    lines += [
        {"id": clip, "status": "error", "label": None, "probabilities": None, "error": {"kind": "no media file"}}
        for clip in failed
    ]
    if path.suffix == ".jsonl":
        path.write_text("".join(json.dumps(line) + "\n" for line in lines))
        return path
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["id", "status", "label", *(f"p_{label}" for label in LABELS), "error"])
        for line in lines:
            chances = (line["probabilities"] or {}).values() or [""] * 3
            error = "no media file: gone" if line["status"] == "error" else ""
            writer.writerow([line["id"], line["status"], line["label"], *chances, error])
    return path


@pytest.mark.parametrize("suffix", ["jsonl", "csv"])
def test_files_of_predict_without_any_truth(tmp_path: Path, suffix: str, capsys: pytest.CaptureFixture[str]) -> None:
    one = predicted(tmp_path / f"one.{suffix}", {"x": (0.6, 0.3, 0.1), "y": (0.2, 0.7, 0.1)}, ["happy", "sad"], ["z"])
    two = predicted(tmp_path / f"two.{suffix}", {"x": (0.1, 0.8, 0.1), "z": (0.1, 0.1, 0.8)}, ["sad", "angry"], ["y"])
    words = (f"runs=[{one},{two}]", f"out={tmp_path}/out")
    assert combine(*words) == 1
    refused = capsys.readouterr().err
    assert "one." in refused
    assert "1 of 3 clips have no answer: 'z' (1 no media file)" in refused
    assert "missing=others" in refused
    assert not (tmp_path / "out").exists()
    assert combine(*words, "missing=others") == 0
    assert {line["id"]: line["prediction"] for line in said(tmp_path / "out")} == {"x": "sad", "y": "sad", "z": "angry"}
    assert not (tmp_path / "out" / "metrics.json").exists()
    assert "3 clips, no truth is known: sad 2, angry 1" in capsys.readouterr().out


def test_columns_of_tables_are_not_those_of_evaluations(tmp_path: Path) -> None:
    tables = Reading(LABELS, "name", "emotion")
    run = evaluated(tmp_path / "run", A, TRUTHS)
    assert set(read_system(str(run), "runs", tables).opinions) == set(TRUTHS)
    table = tmp_path / "theirs.csv"
    table.write_text("id,name,label,status\n1,t1,sad,\n2,t2,happy,\n")
    assert set(read_system(str(table), "runs", tables).opinions) == {"t1", "t2"}


def test_published_tables_vote_and_meet_their_truth(tmp_path: Path) -> None:
    tables = {
        "one": {"x": "happy", "y": "joyful, and sad", "z": "sad"},
        "two": {"x": "sad", "y": "sad.", "z": "Anger"},
        "three": {"x": "sad", "y": "no idea", "z": "angry"},
    }
    for name, rows in tables.items():
        with (tmp_path / f"{name}.csv").open("w", newline="") as file:
            csv.writer(file).writerows([("name", "emotion"), *rows.items()])
    (tmp_path / "truth.csv").write_text("name,label\nx,happiness\ny,sad\nz,angry\nw,sad\n")
    files = ",".join(f"{tmp_path}/{name}.csv" for name in tables)
    columns = ("columns.id=name", "columns.answer=emotion", "columns.truth=label", f"truth={tmp_path}/truth.csv")
    common = (f"runs=[{files}]", "how=vote", "labels=[happy,sad,angry]", *columns)
    assert combine(*common, f"out={tmp_path}/out") == 0
    assert [line["prediction"] for line in said(tmp_path / "out")] == ["sad", "sad", "angry"]
    report = json.loads((tmp_path / "out" / "metrics.json").read_text())
    assert report["metrics"]["war"]["value"] == pytest.approx(2 / 3)
    assert "probabilities" not in said(tmp_path / "out")[0]


@pytest.mark.parametrize(
    ("words", "parts"),
    [
        (("runs=[{a}]",), ("name at least two",)),
        (("runs=[{a},{a}/answers.jsonl]",), ("the same answers",)),
        (("runs=[{a},{silent}t]",), ("silentt: no such file or folder; did you mean", "silent?")),
        (("runs=[{a},{a}/metrics.json]",), ("metrics.json", "one JSON object")),
        (("runs=[{a},{empty}]",), ("empty.csv", "no answers")),
        (("runs=[{a},{other}]",), ("['calm', 'tense']", "other labels")),
        (("runs=[{a},{text}]",), ("text.csv", "labels=mer6")),
        (("runs=[{a},{nan}]",), ("line 2", "'happy' is 'nan'", "line 3", "sum 1.2", "line 4", "'t1' is in line 2")),
        (("runs=[{a},{a}/evaluations/val0123456789]",), ("another split", "split=test")),
        (("runs=[{a},{b}]", "split=train"), ("no evaluation of split train", "probabilities=true")),
        (("runs=[{a},{b}]", "split=val", "how=weights"), ("never on clips that are scored",)),
        (("runs=[{a},{b}]", "how=weights", "validation=[{a}/answers.jsonl,{b}/answers.jsonl]"), ("of split test",)),
        (("runs=[{a},{b}]", "how=weights", "validation=[{same},{same2}]"), ("1 clips are among runs", "never on")),
        (("runs=[{a},{b}]", "how=weights", "validation=[{nan}]"), ("1 entries for 2 runs",)),
        (("runs=[{a},{b}]", "validation=[{a},{b}]"), ("say how=weights",)),
        (("runs=[{a},{silent}]",), ("silent: 4 answers have no probabilities", "probabilities=true", "how=vote")),
        (("runs=[{a},{contrary}]",), ("the truth of 't1' is 'sad', and 'happy'",)),
    ],
    ids=str,
)
def test_what_cannot_be_combined_is_refused(
    tmp_path: Path, runs: str, words: tuple[str, ...], parts: tuple[str, ...]
) -> None:
    head = "id,answer,p_happy,p_sad,p_angry\n"
    files = {
        "empty": "id,answer\n",
        "other": "id,answer,p_calm,p_tense\nt1,calm,1,0\n",
        "text": "id,answer\nt1,happy\n",
        "nan": f"{head}t1,happy,nan,0,0\nt2,sad,0.3,0.8,0.1\nt1,sad,0,1,0\n",
    }
    for name, text in files.items():
        (tmp_path / f"{name}.csv").write_text(text)
    for name in ("same", "same2"):
        evaluated(tmp_path / name, {"t1": A["t1"]}, TRUTHS, split="val")
    evaluated(tmp_path / "silent", A, TRUTHS, probable=False)
    evaluated(tmp_path / "contrary", A, {**TRUTHS, "t1": "sad"})
    places = {name: f"{tmp_path}/{name}.csv" for name in files}
    places |= {name: f"{tmp_path}/{name}" for name in ("a", "b", "same", "same2", "silent", "contrary")}
    given: dict[str, Any] = dict(word.format(**places).split("=", 1) for word in words)
    for name in {"runs", "validation"} & given.keys():
        given[name] = tuple(given[name].strip("[]").split(","))
    reading = Reading(() if "{text}" in words[0] else LABELS)
    with pytest.raises(UserError) as refused:
        put_together(replace(Request((), tmp_path / "out", reading=reading), **given))
    for part in parts:
        assert part in str(refused.value)
    assert not (tmp_path / "out").exists()


def test_the_command_line_is_checked(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert combine("runs=[]", f"out={tmp_path}/out", "how=weight") == 1
    refused = capsys.readouterr().err
    assert "runs is empty" in refused
    assert "did you mean weights?" in refused


def test_nothing_is_written_over(tmp_path: Path, runs: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert combine(runs, f"out={tmp_path}/out", "split=test") == 0
    before = (tmp_path / "out" / "answers.jsonl").read_bytes()
    assert combine(runs, f"out={tmp_path}/out", "split=test", "how=vote") == 1
    assert "nothing is written over" in capsys.readouterr().err
    assert (tmp_path / "out" / "answers.jsonl").read_bytes() == before
    assert combine(runs, f"out={tmp_path}/out.csv") == 1
    assert "names a folder" in capsys.readouterr().err


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_fitted_weights_are_those_of_expectation_maximisation(seed: int) -> None:
    rng = np.random.default_rng(seed)
    truths = rng.integers(0, 4, 120)
    logits = rng.normal(size=(3, 120, 4)) + np.array([1.5, 1.2, 0.2])[:, None, None] * (truths[:, None] == np.arange(4))
    probabilities = np.exp(logits) / np.exp(logits).sum(axis=2, keepdims=True)
    likely, expected = probabilities[:, np.arange(120), truths], np.full(3, 1 / 3)
    for _ in range(5000):
        shares = expected[:, None] * likely
        expected = (shares / shares.sum(axis=0)).mean(axis=1)
    weights, loss = fitted_weights(probabilities, truths.tolist())
    assert weights == pytest.approx(expected.tolist(), abs=1e-3)
    assert loss["fitted"] == pytest.approx(-np.log(expected @ likely).mean(), abs=1e-6)
    assert loss["fitted"] <= loss["equal"]
    assert fitted_weights(probabilities, truths.tolist())[0] == weights


def test_equal_votes_fall_to_the_mean_and_then_to_the_first() -> None:
    choices = np.array([[0, 1, -1, -1], [1, 2, 2, -1]])
    ballots = votes(choices, 3)
    mean = np.array([[0.3, 0.4, 0.3], [0.2, 0.4, 0.4], [0.5, 0.4, 0.1], [0.5, 0.4, 0.1]])
    first = votes(choices[:1], 3)
    found = decide([ballots, mean, first])
    assert found.places == [1, 1, 2, -1]
    assert found.ties == [2, 1, 0]


def test_a_mean_is_of_those_that_say_something() -> None:
    probabilities = np.array([[[0.9, 0.1], [np.nan, np.nan]], [[0.5, 0.5], [0.2, 0.8]]])
    assert mean_probabilities(probabilities, [1.0, 0.0]).tolist() == [[0.9, 0.1], [0.2, 0.8]]
    assert mean_probabilities(probabilities, [0.5, 0.5]).tolist() == [[0.7, 0.3], [0.2, 0.8]]
