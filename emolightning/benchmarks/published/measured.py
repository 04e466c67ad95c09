"""A run's `metrics.json` as a comparison needs it: scores with intervals, and the conditions they were measured in."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from emolightning.benchmarks.registry import official_benchmarks
from emolightning.config.families import all_inputs
from emolightning.errors import InputErrors, UserError
from emolightning.files.documents import read_json_object
from emolightning.records.score_names import DIMENSIONS

METRICS = "metrics.json"
LETTERS = {"audio": "A", "video": "V", "text": "T"}
UPSTREAM_PARSER = "upstream"
LISTS = "written lists"
"""What the report of open vocabulary calls answers that are lists."""


@dataclass(frozen=True)
class Measured:
    """One score of a run, as computed: fractions are fractions."""

    value: float
    low: float
    high: float
    """Ends of the 95 % interval."""


@dataclass(frozen=True)
class MeasuredRun:
    """What was measured, on what, and how."""

    path: Path
    benchmark: str
    """As the run calls it."""
    split: str
    num_clips: int
    """Clips that were compared; those without a label are not."""
    supports: Mapping[str, int]
    """Label -> clips; empty where answers are free text."""
    metrics: Mapping[str, Measured]
    facts: Mapping[str, object]
    """Conditions that the run records: modality, frame, offered, transcript, aliases, answer_list, wheels, answers,
    synonym_groups, num_folds, shuffle, layout, zero_shot. What it does not record is absent."""
    remarks: tuple[str, ...] = ()
    """What the run itself says differs from the official benchmark."""


def read_run(path: Path) -> MeasuredRun:
    """Read the scores of a run folder, or of a `metrics.json`.

    Raises:
        UserError: not there, or no JSON.
        InputErrors: entries that are missing or of a wrong kind.
    """
    file = path / METRICS if path.is_dir() else path
    if not file.is_file():
        raise UserError(f"run={path}: no {METRICS} there; run eval.py or `python -m emolightning score` first")
    return measured_run(read_report(file), file)


def measured_run(report: Mapping[str, Any], file: Path) -> MeasuredRun:
    """The same of a report that was read, or made, already.

    Args:
        report: the content of a `metrics.json`.
        file: where it is from.
    """
    return MeasuredRun(
        path=file,
        benchmark=report["benchmark"],
        split=report["split"],
        num_clips=_num_compared(report),
        supports=_supports(report),
        metrics={
            name: Measured(score["value"], *score["ci95"])
            for name, score in report["metrics"].items()
            if score["value"] is not None  # Of a judge that graded nothing.
        },
        facts=facts_of(report),
        remarks=tuple(_remarks(report)),
    )


def read_report(file: Path) -> dict[str, Any]:
    """The content of a `metrics.json`.

    Raises:
        DamagedFile: no JSON.
        InputErrors: entries that are missing or of a wrong kind.
    """
    report = read_json_object(file)
    problems = _problems(report)
    if problems:
        raise InputErrors(str(file), problems)
    return report


def _problems(report: dict[str, Any]) -> list[str]:
    """What is wrong with the parts that are used again."""
    found = [
        f"{name}: must be {kind.__name__}, not {report.get(name)!r}"
        for name, kind in (("benchmark", str), ("split", str), ("num_clips", int), ("metrics", dict))
        if not isinstance(report.get(name), kind)
    ]
    for name, score in (report.get("metrics") or {}).items() if not found else ():
        if not isinstance(score, dict) or "value" not in score:
            found.append(f"metrics.{name}: has no value")
        elif score["value"] is not None and not _is_finite(score["value"], *_ends(score)):
            found.append(
                f"metrics.{name}: value and ci95 must be numbers, not {score['value']!r}, {score.get('ci95')!r}"
            )
    rows = report.get("per_class") or {}
    if not isinstance(rows, dict) or not all(
        isinstance(row, dict) and isinstance(row.get("support"), int) for row in rows.values()
    ):
        found.append("per_class: must give the support of each label")
    return found


def _ends(score: Mapping[str, Any]) -> tuple[Any, ...]:
    ends = score.get("ci95")
    return tuple(ends) if isinstance(ends, list) and len(ends) == 2 else (None,)


def _is_finite(*values: Any) -> bool:
    return all(isinstance(value, int | float) and math.isfinite(value) for value in values)


def _supports(report: Mapping[str, Any]) -> dict[str, int]:
    return {label: row["support"] for label, row in (report.get("per_class") or {}).items()}


def _num_compared(report: Mapping[str, Any]) -> int:
    return sum(_supports(report).values()) or report["num_clips"]


def _frame(choice: object) -> object:
    """Published peak frames are those of upstream's files, not the ones that are found in the pictures here."""
    if choice == "peak":
        return "peak (found in the pictures)"
    return "peak" if str(choice).startswith("peak:") else choice


def facts_of(report: Mapping[str, Any]) -> dict[str, object]:
    """What is recorded; `eval.py` records what the model saw, `score` cannot know it."""
    how = _section(report, "evaluation")
    reading, words = _section(report, "reading"), _section(report, "open_vocabulary")
    wheels, groups = _section(words, "wheels"), _section(words, "synonym_groups")
    inputs, prompt = how.get("inputs"), _section(how, "prompt")
    official = official_benchmarks().get(report["benchmark"])
    facts = {
        "frame": _frame(how.get("frame")),
        "offered": _offered(prompt, official.prompt_order if official else ()),
        "layout": prompt.get("layout"),
        "aliases": reading.get("aliases"),
        "answer_list": reading.get("answer_list"),
        "wheels": wheels.get("year") or wheels.get("name"),
        "synonym_groups": groups.get("sha256") or _model(groups),
        "shuffle": tuple(how.get("shuffle") or ()) or None,
        "perturb": how.get("perturb") or None,
        "modality": None if inputs is None else _modality(inputs),
        "transcript": None if inputs is None else "transcript" in inputs,
        "answers": ("lists" if words["answers"] == LISTS else "text") if "answers" in words else None,
        "sentiment": _section(report, "sentiment").get("protocol"),
        "num_folds": report.get("num_folds", 1),
        "zero_shot": zero_shot(report),
    }
    return {name: value for name, value in facts.items() if value is not None}


def zero_shot(report: Mapping[str, Any]) -> bool | None:
    """Whether the weights were trained on other data than these, or not at all; None where that is not recorded."""
    model = _section(report, "model")
    return None if "trained_on" not in model else model["trained_on"] != model.get("evaluated_on")


def _section(report: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    found = report.get(name)
    return found if isinstance(found, dict) else {}


def _model(groups: Mapping[str, Any]) -> object:
    """The model that grouped words, where they are from no file."""
    return _section(groups, "source").get("model")


def _offered(prompt: Mapping[str, Any], official: tuple[str, ...]) -> tuple[str, ...] | None:
    """Labels of the question: those that were set, else the benchmark's own."""
    return (tuple(prompt.get("labels") or ()) or official or None) if prompt else None


def _modality(inputs: list[str]) -> str:
    """`AV`: a modality counts if any of its inputs is on."""
    kinds = all_inputs()
    modalities = {kinds[name].modality for name in inputs if name in kinds}
    return "".join(letter for name, letter in LETTERS.items() if name in modalities)


def _remarks(report: Mapping[str, Any]) -> list[str]:
    """Differences from the official benchmark that the run or any of its folds reports, once each."""
    how = _section(report, "evaluation")
    parts = [how, *(part for part in how.values() if isinstance(part, dict))]
    found = [sentence for part in parts for sentence in part.get("differences_from_official") or ()]
    found += _section(report, "data").get("official_differences") or ()
    unreadable = _num_compared(report) - report.get("num_scored", _num_compared(report))
    if unreadable and _section(report, "reading").get("parser", UPSTREAM_PARSER) != UPSTREAM_PARSER:
        found.append(
            f"{unreadable} answers without a label count as wrong; Emotion-LLaMA's own code makes them neutral"
        )
    for name in DIMENSIONS:
        numbers = _section(report, name)
        if numbers.get("missing") == "exclude" and (count := numbers.get("missing_predicted")):
            found.append(f"{name} of {count} clips was not predicted and is left out of its scores")
    return list(dict.fromkeys(found))
