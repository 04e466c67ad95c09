"""Reports of runs by hand, and the rows that a comparison with published scores gives for them."""

import json
from pathlib import Path
from typing import Any

from emolightning.benchmarks.published.comparison import Compared, compare
from emolightning.benchmarks.published.measured import read_run
from emolightning.benchmarks.published.table import read_published
from emolightning.benchmarks.registry import official_benchmarks

ALL = read_published()

SEEN = {"inputs": ["image", "face", "motion", "speech", "transcript"], "frame": "first", "shuffle": []}
"""What eval.py records, here of all inputs."""


def metric(value: float | None, low: float | None = None, high: float | None = None) -> dict[str, Any]:
    return {"value": value, "ci95": [low, high], "definition": "by hand"}


def report_of(benchmark: str = "mer2023_semi", **changes: Any) -> dict[str, Any]:
    """A `metrics.json` with the clips of a benchmark."""
    official = official_benchmarks().get(benchmark)
    sizes = official.sizes if official else {}
    supports = official.supports.get("test", {}) if official else {}
    return {
        "benchmark": benchmark,
        "split": "test",
        "num_clips": sizes.get("test", sizes.get("all", 0)),
        "unscored": {},
        "metrics": {"weighted_f1": metric(0.9, 0.88, 0.92)},
        "per_class": {label: {"support": count} for label, count in supports.items()},
        "evaluation": dict(SEEN),
    } | changes


def written(folder: Path, report: object) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "metrics.json").write_text(json.dumps(report))
    return folder


def compared(folder: Path, report: dict[str, Any], *requested: str) -> list[Compared]:
    names = requested or (report["benchmark"],)
    scores = [score for score in ALL if score.benchmark in names]
    return compare(scores, read_run(written(folder, report)), names).rows


def cell(rows: list[Compared], protocol: str, model: str, metric: str, modality: str | None = None) -> Compared:
    """The one row of a cell."""
    (found,) = [
        row
        for row in rows
        if (row.score.protocol.way, row.score.model, row.score.metric) == (protocol, model, metric)
        and modality in (None, row.score.modality)
    ]
    return found


def emotion_llama(rows: list[Compared]) -> Compared:
    return cell(rows, "challenge", "Emotion-LLaMA", "weighted_f1", "AVT")


def dfew(**changes: Any) -> dict[str, Any]:
    return report_of(
        "dfew_fold1", metrics={"uar": metric(0.45, 0.44, 0.47), "war": metric(0.59, 0.58, 0.61)}, **changes
    )


RECIPE = {"inputs": ["image", "face", "motion", "speech"], "frame": "middle", "prompt": {"labels": None}}
