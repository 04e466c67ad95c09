"""What one system said about each clip, from the folder of an evaluation or from a file of answers."""

import json
import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from emolightning.benchmarks.published.measured import METRICS, read_report
from emolightning.config.places import spoken
from emolightning.config.problems import absent, closest
from emolightning.data.tables.reading import Problem, Row, described, read_table
from emolightning.errors import InputErrors, UserError, quoted_override, shown
from emolightning.files.digests import sha256_of
from emolightning.files.names import composed
from emolightning.records.labels import vocabulary
from emolightning.runs.answers import ANSWERS, ASIDE
from emolightning.scoring.reading import LabelReader

COLUMN = "p_"
"""Beginning of the columns of a table that hold probabilities."""

SLACK = 1e-3
"""How far a sum of probabilities may be from 1, for they are rounded."""


@dataclass(frozen=True)
class Opinion:
    """One answer."""

    label: str | None
    """None where it names no single label."""
    probabilities: Mapping[str, float] | None = None
    """Label -> how likely it is; None where that is not known."""
    truth: str | None = None


@dataclass(frozen=True)
class System:
    """Everything that one system said."""

    name: str
    """As it was given."""
    file: Path
    sha256: str
    opinions: Mapping[str, Opinion]
    """Clip -> what was said."""
    failed: Mapping[str, str] = field(default_factory=dict)
    """Clip -> why there is no answer."""
    labels: tuple[str, ...] = ()
    """Those that it chooses from; empty where the file does not tell."""
    report: Mapping[str, Any] = field(default_factory=dict)
    """Its `metrics.json`, where there is one."""

    def without_probabilities(self) -> list[str]:
        """Clips whose answer does not say how likely labels are."""
        return [clip for clip, opinion in self.opinions.items() if opinion.probabilities is None]


@dataclass(frozen=True)
class Reading:
    """How files that are no evaluations are read."""

    labels: tuple[str, ...] = ()
    """The vocabulary of answers that are texts; empty where none was given."""
    id: str = "id"
    """Column of clips."""
    answer: str = "answer"
    """Column of answers."""
    is_exclusive: bool = True
    """A clip has one label, so that its probabilities have the sum 1."""


def read_system(name: str, setting: str, reading: Reading, *, split: str | None = None) -> System:
    """Read the answers that a path means.

    Args:
        name: a folder with an evaluation, its own or of an earlier time in `evaluations/`; or a file of answers: of
            `predict`, of an evaluation, or a table with an id and an answer in each row.
        setting: that named it, for messages.
        reading: of tables.
        split: the evaluation of a folder that is meant; None takes its latest.

    Raises:
        UserError: there is no such thing, or none of the split.
        InputErrors: everything wrong in the file, by line.
    """
    path = Path(name).expanduser()
    if path.is_dir():
        folder = _evaluation(path, setting, split)
        file, report = folder / ANSWERS, _report_of(folder)
    elif path.is_file():
        file, report = path, _report_of(path.parent) if path.name == ANSWERS else {}
    else:
        raise UserError(f"{setting}: {name}: {absent(path)}")
    found = _Lines(reading, file)
    matrix = report.get("confusion_matrix")
    scored = tuple(matrix["labels"][:-1]) if isinstance(matrix, dict) and matrix.get("labels") else ()
    if report and not scored:
        raise UserError(
            f"{file}: answers of {report['benchmark']} were not scored as labels, so they cannot be combined"
        )
    labels = found.labels or scored or reading.labels
    return System(name, file, sha256_of(file), found.opinions, found.failed, labels, report)


def _report_of(folder: Path) -> dict[str, Any]:
    return read_report(folder / METRICS) if (folder / METRICS).is_file() else {}


def _evaluation(run: Path, setting: str, split: str | None) -> Path:
    """The folder with the answers of a split: the latest evaluation, or one that was set aside.

    Raises:
        UserError: there is none, or several.
    """
    there = [place for place in (run, *sorted((run / ASIDE).glob("*"))) if (place / ANSWERS).is_file()]
    command = f"{spoken('eval')} {quoted_override('checkpoint', run)}"
    if not there:
        raise UserError(f"{setting}: {run}: no {ANSWERS} there; evaluate first: {command}")
    latest = there[0]
    if split is None or (latest == run and _report_of(run).get("split", split) == split):
        return latest
    wanted = [place for place in there if _report_of(place).get("split") == split]
    if not wanted:
        splits = sorted({str(_report_of(place).get("split")) for place in there})
        raise UserError(
            f"{setting}: {run}: no evaluation of split {split}, only of {', '.join(splits)}; make it: {command} "
            f"split={split} probabilities=true"
        )
    if len(wanted) > 1:
        raise UserError(
            f"{setting}: {run}: has {len(wanted)} evaluations of split {split}; name one of them: "
            f"{', '.join(map(str, wanted))}"
        )
    return wanted[0]


class _Lines:
    """The answers of a file.

    Args:
        reading: of tables.
        file: with the answers.

    Raises:
        InputErrors: everything that is wrong, by line.
    """

    def __init__(self, reading: Reading, file: Path):
        self.reading, self.file = reading, file
        self.labels: tuple[str, ...] = ()
        self.opinions: dict[str, Opinion] = {}
        self.failed: dict[str, str] = {}
        self._reader = LabelReader(reading.labels) if reading.labels else None
        self._lines: dict[str, int] = {}
        problems: list[Problem] = []
        for row in read_table(file, self._faults, problems):
            try:
                self._add(row)
            except _Wrong as error:
                problems.append((row.line, str(error)))
        if not self._lines and not problems:
            problems.append((1, "there are no answers in the file"))
        if problems:
            raise InputErrors(str(file), described(problems))

    def _faults(self, names: Sequence[str]) -> list[str]:
        """What is wrong with the columns."""
        ours = {"label", "status"} <= set(names) or {"prediction", "unscored_because"} <= set(names)
        wanted = {"columns.id": self._id_column(names)} | ({} if ours else {"columns.answer": self.reading.answer})
        return [
            f"no column {name!r}; the file has {list(names[:12])}; say {setting}={closest(name, names) or 'NAME'}"
            for setting, name in wanted.items()
            if name not in names
        ]

    def _id_column(self, names: Collection[str]) -> str:
        """The column of clips: files of ours have their own, whatever it is called in the tables beside them."""
        ours = {"id", "label", "status"}, {"id", "prediction", "unscored_because"}
        known = self.reading.id in names or not any(every <= set(names) for every in ours)
        return self.reading.id if known else Reading.id

    def _add(self, row: Row) -> None:
        values = row.values
        column = self._id_column(values)
        clip = composed(str(values.get(column) or "").strip())
        if not clip:
            raise _Wrong(f"{column} is empty")
        if clip in self._lines:
            raise _Wrong(f"{clip!r} is in line {self._lines[clip]} as well; a system has one answer about a clip")
        self._lines[clip] = row.line
        if values.get("status") == "error":
            self.failed[clip] = _failure(values.get("error"))
            return
        chances = self._probabilities(values)
        truth = values.get("truth")
        if "unscored_because" in values:
            if values.get("missing_because") or (values.get("answer") is None and chances is None):
                self.failed[clip] = str(values.get("missing_because") or "no answer")
                return
            label = _text(values, "prediction")
            if label is None and values["unscored_because"] is None:
                raise _Wrong("the evaluation has not come to its end; start it again, and it goes on")
        elif "status" in values and "label" in values:
            label = _text(values, "label")
        else:
            label = self._read(_text(values, self.reading.answer))
        self.opinions[clip] = Opinion(label, chances, truth if isinstance(truth, str) and truth.strip() else None)

    def _read(self, text: str | None) -> str | None:
        """The label that a text names."""
        if self._reader is None:
            raise _Wrong(
                f"answers are texts, such as {shown(text or '', longest=40)!r}, and the vocabulary is not known; say "
                "labels=mer6, or another name, or a list"
            )
        return None if text is None else self._reader.read(text).label

    def _probabilities(self, values: Mapping[str, Any]) -> dict[str, float] | None:
        """Label -> probability, if the row has any."""
        written = values.get("probabilities")
        if isinstance(written, str) and written.strip().startswith("{"):
            try:
                written = json.loads(written)
            except ValueError:
                raise _Wrong(f"probabilities {shown(written, longest=60)!r} are no JSON object") from None
        if written is None:
            written = {name[len(COLUMN) :]: value for name, value in values.items() if name.startswith(COLUMN)}
            if all(value in (None, "") for value in written.values()):
                return None
        if not isinstance(written, dict):
            raise _Wrong(f"probabilities {shown(str(written), longest=60)!r} are no object of label: number")
        found = {label: _chance(label, value) for label, value in written.items()}
        if self.reading.is_exclusive and abs(math.fsum(found.values()) - 1) > SLACK:
            raise _Wrong(
                f"probabilities have the sum {math.fsum(found.values()):.4g}; those of a clip must have the sum 1"
            )
        labels = self.labels or vocabulary(list(found))
        if set(labels) != set(vocabulary(list(found))):
            raise _Wrong(f"probabilities are of the labels {list(found)}; those of earlier rows are of {list(labels)}")
        self.labels = labels
        return dict(zip(vocabulary(list(found)), found.values(), strict=True))


class _Wrong(ValueError):
    """What is wrong with a row."""


def _text(values: Mapping[str, Any], column: str) -> str | None:
    value = values.get(column)
    if value is None or isinstance(value, str):
        return value.strip() or None if isinstance(value, str) else None
    if isinstance(value, int | float) and not isinstance(value, bool):
        return str(value)
    raise _Wrong(f"{column} {shown(str(value), longest=60)!r} is a {type(value).__name__}, not a text")


def _chance(label: str, value: Any) -> float:
    try:
        number = float(value)
    except (TypeError, ValueError):
        number = math.nan
    if isinstance(value, bool) or not 0 <= number <= 1 + SLACK:
        raise _Wrong(f"probability of {label!r} is {shown(str(value), longest=40)!r}; write a number from 0 to 1")
    return number


def _failure(error: Any) -> str:
    """The kind of a failure: `predict` writes kind and reason, in a table as one text."""
    if isinstance(error, dict):
        return str(error.get("kind") or error.get("type") or "no answer")
    return str(error or "no answer").partition(":")[0]
