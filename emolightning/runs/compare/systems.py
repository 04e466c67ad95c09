"""What systems said about clips: in a run folder, in the folder of several seeds, in a file of answers."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from emolightning.benchmarks.published.measured import METRICS, read_report
from emolightning.config.problems import absent
from emolightning.config.saved_run import CONFIG_FILE, read_configuration
from emolightning.errors import InputErrors, UserError
from emolightning.files.documents import DamagedFile, read_json_object
from emolightning.records.clips import Answer, Score
from emolightning.records.score_names import DIMENSIONS
from emolightning.runs.answers import ANSWERS, latest_key, read_scored
from emolightning.scoring.judges.judge import OVERLAPS
from emolightning.scoring.numbers import Numbers
from emolightning.scoring.sentiment import Sentiment

SEEDS = "seeds.json"

LABELS, WORDS, GRADES, NUMBERS, SETS = "labels", "words", "grades", "numbers", "sets"
"""Kinds of answers: one label of a vocabulary, any number of words, descriptions that a judge has graded, numbers,
several labels."""

SECTIONS = {"confusion_matrix": LABELS, "open_vocabulary": WORDS, "sentiment": NUMBERS, "judge": GRADES}
SECTIONS |= dict.fromkeys(DIMENSIONS, NUMBERS)  # Where they are the answers; beside labels those come first.
"""Section of `metrics.json` -> kind of the answers."""

Scored = Sequence[tuple[Answer, Score]]


@dataclass(frozen=True)
class Said:
    """One evaluation: what was said about each clip."""

    report: Mapping[str, Any]
    """The content of `metrics.json`."""
    scored: Scored
    """Answers that have a truth, each with what was read from it."""
    folds: Mapping[str, int] = field(default_factory=dict)
    """Clip -> number of its fold, where scores are means over folds."""

    @property
    def kind(self) -> str:
        """LABELS, WORDS, NUMBERS, GRADES or SETS."""
        return next((kind for section, kind in SECTIONS.items() if section in self.report), SETS)

    @property
    def labels(self) -> list[str]:
        """The vocabulary."""
        return [str(label) for label in self.report["confusion_matrix"]["labels"][:-1]]

    def grades(self) -> dict[str, dict[str, float]]:
        """Score -> clip -> its grade; a clip without one is absent."""
        rows = self.report["clips"]
        return {
            name: {row["id"]: float(row[overlap]) for row in rows if row.get(overlap) is not None}
            for overlap in OVERLAPS
            for name in self.report["metrics"]
            if name.startswith(f"{overlap}_overlap_")
        }


@dataclass(frozen=True)
class System:
    """What is compared: one run, or several that differ in their seed alone."""

    name: str
    path: Path
    said: Sequence[Said]
    """One of each seed."""
    notes: tuple[str, ...] = ()
    """What was left out."""

    @property
    def report(self) -> Mapping[str, Any]:
        """The content of `metrics.json`, of several seeds the first one's."""
        return self.said[0].report

    @property
    def kind(self) -> str:
        """What its answers are: LABELS, WORDS, NUMBERS, GRADES or SETS."""
        return self.said[0].kind

    def seconds_per_clip(self) -> float | None:
        """Mean time of an answer; None where nobody took it."""
        times = [answer.seconds for said in self.said for answer, _ in said.scored]
        return sum(times) / len(times) if times and any(times) else None

    def settings(self) -> dict[str, Any]:
        """The configuration of the run, flat; nothing where there is none."""
        folder = self.path if not (self.path / SEEDS).is_file() else next(iter(_seed_folders(self.path)), self.path)
        file = folder / CONFIG_FILE
        return dict(flat(read_configuration(file))) if file.is_file() else {}


def flat(node: Any, key: str = "") -> list[tuple[str, Any]]:
    """Dotted keys with their values; lists are values."""
    if not isinstance(node, dict):
        return [(key, node)]
    return [pair for name, value in node.items() for pair in flat(value, f"{key}.{name}" if key else str(name))]


def read_system(name: str, path: Path, read_file: Callable[[Path], Said]) -> System:
    """What one system said.

    Args:
        name: how it is called.
        path: a run folder, the folder of several seeds, or a file of answers.
        read_file: reads a file of answers.

    Raises:
        UserError: there is nothing, or nothing that was scored.
    """
    if (path / SEEDS).is_file():
        folders = _seed_folders(path)
        failed = read_json_object(path / SEEDS).get("num_failed", 0)
        if not folders:
            raise UserError(f"{path / SEEDS}: no seed of it came to its end; start its command again")
        notes = (f"{name}: {failed} seeds failed and are left out",) if failed else ()
        return System(name, path, [_read_run(folder) for folder in folders], notes)
    if path.is_dir():
        return System(name, path, [_read_run(path)])
    if not path.is_file():
        raise UserError(f"runs: {path}: {absent(path)}")
    if path.name in (METRICS, ANSWERS) and (path.parent / METRICS).is_file():
        return System(name, path.parent, [_read_run(path.parent)])
    return System(name, path, [read_file(path)])


def _seed_folders(root: Path) -> list[Path]:
    """The runs of a folder that `seeds=[...]` has written, as far as they came to their end."""
    seeds = read_json_object(root / SEEDS).get("seeds")
    if not isinstance(seeds, list) or not all(isinstance(one, dict) and type(one.get("seed")) is int for one in seeds):
        raise DamagedFile(root / SEEDS, "seeds is no list of runs with their seeds")
    return [root / f"seed-{one['seed']}" for one in seeds if not one.get("exit_code")]


def _read_run(folder: Path) -> Said:
    if not (folder / METRICS).is_file():
        raise UserError(f"runs: {folder}: no {METRICS} there; run eval.py or `python -m emolightning score` first")
    report = read_report(folder / METRICS)
    if report.get("kind") == "sets":
        names = [row["name"] for row in report["sets"]]
        raise UserError(
            f"runs: {folder}: has what several sets have together, and no answers; compare one set after the other, "
            f"e.g. {folder / names[0] if names else folder}; the folders are {', '.join(names)}"
        )
    if "num_folds" in report:
        return _read_folds(folder, report)
    scored = [pair for pair in read_scored(folder, latest_key(folder)) if pair[0].truth is not None]
    said = Said(report, scored)
    _require_whole(said, folder)
    return said


def _read_folds(folder: Path, report: Mapping[str, Any]) -> Said:
    """The answers of all folds; scores are means over them."""
    scored: list[tuple[Answer, Score]] = []
    folds: dict[str, int] = {}
    for number in range(int(report["num_folds"])):
        of_fold = folder / f"fold{number + 1}"
        if not (of_fold / ANSWERS).is_file():
            raise UserError(f"runs: {of_fold / ANSWERS}: no such file; score the folds again")
        pairs = read_scored(of_fold, latest_key(of_fold))
        folds |= {answer.clip_id: number for answer, _ in pairs}
        scored += pairs
    return Said(report, scored, folds)


def _require_whole(said: Said, folder: Path) -> None:
    """Refuse answers that are not those of the scores beside them."""
    problems = []
    if not said.scored:
        problems.append(f"{ANSWERS} has no answer with a truth")
    if len(said.scored) > said.report["num_clips"]:
        problems.append(f"{ANSWERS} has {len(said.scored)} answers, {METRICS} is of {said.report['num_clips']} clips")
    matrix = said.report.get("confusion_matrix")
    if said.kind == LABELS and not (isinstance(matrix, dict) and isinstance(matrix.get("labels"), list)):
        problems.append(f"{METRICS}: confusion_matrix must have a list of labels")
    elif said.kind == LABELS:
        known = set(said.labels)
        strange = [answer.clip_id for answer, _ in said.scored if answer.truth not in known]
        if strange:
            problems.append(
                f"{ANSWERS}: the truth of {len(strange)} clips is no label of {METRICS}, e.g. of {strange[0]!r}"
            )
    elif said.kind == GRADES and not isinstance(said.report.get("clips"), list):
        problems.append(f"{METRICS} has no grades of each clip")
    elif said.kind == NUMBERS:
        try:
            numbers_of(said.report)
        except (UserError, TypeError, KeyError) as error:
            problems.append(f"{METRICS} does not say how its numbers are scored: {error}")
    elif said.kind == SETS and "labels_of_no_truth" not in (said.report.get("reading") or {}):
        problems.append(f"{METRICS} has neither labels, words, numbers nor grades of each clip")
    if problems:
        raise InputErrors(str(folder), problems, note="evaluate or score once more")


def numbers_of(report: Mapping[str, Any]) -> Numbers:
    """What has scored an evaluation of numbers."""
    if "sentiment" in report:
        return Sentiment(protocol=report["sentiment"]["protocol"])
    name = next(name for name in DIMENSIONS if name in report)
    return Numbers(dimension=name, scale=report[name]["scale"])


def indices(said: Said, labels: Sequence[str], order: Sequence[str]) -> np.ndarray:
    """Class of what was read about each clip, int64 (clips,): `len(labels)` where nothing was."""
    position: dict[str | None, int] = {label: index for index, label in enumerate(labels)}
    read = {answer.clip_id: score.value for answer, score in said.scored}
    return np.array([position.get(read[clip], len(labels)) for clip in order], dtype=np.int64)
