"""Predictions files, and the command `score` in this process."""

import csv
import json
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import pytest

from emolightning.__main__ import main
from emolightning.records.clips import Answer
from emolightning.scoring.scoring import Scoring

HEADER = ("id", "answer", "truth")
"""What `score` calls the columns."""


def metrics_of(scoring: Scoring, answers: Sequence[Answer], *, benchmark: str, split: str) -> dict[str, Any]:
    """The content of metrics.json, each answer scored once."""
    scores = [scoring.score(answer) for answer in answers]
    return scoring.report(answers, scores, benchmark=benchmark, split=split).content()


def write_csv(path: Path, header: Sequence[str], rows: Iterable[Sequence[object]]) -> Path:
    with path.open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([header, *rows])
    return path


def write_jsonl(path: Path, rows: Iterable[dict[str, Any]]) -> Path:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path


def score(folder: Path, *words: str) -> dict[str, Any]:
    """metrics.json of `score WORDS output_dir=FOLDER`, which must succeed."""
    sys.argv = ["emolightning", "score"]  # as Python starts it; pytest's own words mean nothing here
    assert main(["score", f"output_dir={folder}", *words]) == 0
    return json.loads((folder / "metrics.json").read_text())


def refusal(capsys: pytest.CaptureFixture[str], folder: Path, *words: str) -> str:
    """What `score` says when it refuses; nothing is written then."""
    sys.argv = ["emolightning", "score"]
    try:
        code = main(["score", f"output_dir={folder}", *words])
    except SystemExit as end:
        code = end.code
    assert code == 1
    assert not folder.exists()
    return capsys.readouterr().err


def values(report: dict[str, Any]) -> dict[str, float]:
    return {name: score["value"] for name, score in report["metrics"].items()}
