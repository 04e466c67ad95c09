"""Tables of published scores as they are printed, one cell a row, each with its protocol and source.

Figures without a source, or credited to the wrong benchmark or metric, are kept as `verified: false` with the reason:
they are widely quoted, and nothing is compared with them.
"""

import csv
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from emolightning.benchmarks.published.elsewhere import PROTOCOLS as OTHERS
from emolightning.benchmarks.registry import cards, published_files
from emolightning.errors import InputErrors
from emolightning.records.benchmark import Protocol

ELSEWHERE = Path(__file__).with_name("elsewhere.csv")

SCALES = {"fraction": (1, 0, 1), "percent": (100, 0, 100), "grade": (1, 1, 10), "squared_error": (1, 0, 100)}
"""Scale of a printed value -> what our value is multiplied with, lowest and highest that it may be."""

COLUMNS = ("benchmark", "model", "modality", "metric", "value", "scale", "protocol", "verified", "source", "remark")
REQUIRED = tuple(name for name in COLUMNS if name not in ("modality", "remark"))
MODALITIES = ("", "A", "V", "T", "AV", "AT", "VT", "AVT")
"""Audio, video, text; empty where the source does not say."""
PRINTED = re.compile(r"\d+\.\d+")


@dataclass(frozen=True)
class PublishedScore:
    """One cell of a published table."""

    benchmark: str
    """The official set, as in its card where this project has it."""
    model: str
    modality: str
    """What the model sees, one of MODALITIES."""
    metric: str
    """In our words, which say the definition: `weighted_f1`, `uar`, ..."""
    printed: str
    """As it is printed, zeros at the end included: they say how far it is rounded."""
    scale: str
    """One of SCALES."""
    protocol: Protocol
    """How it was measured."""
    is_verified: bool
    source: str
    """Paper and table, or repository with commit, or issue."""
    remark: str
    """Why it is not verified, or what else is worth knowing."""

    @property
    def factor(self) -> int:
        """What a value of ours is multiplied with, to be on the printed scale."""
        return SCALES[self.scale][0]

    @property
    def num_decimals(self) -> int:
        """Printed digits after the point."""
        return len(self.printed.partition(".")[2])

    @property
    def last_digit(self) -> float:
        """One unit of the last printed digit: a figure may be rounded or, like DFEW's 59.37, cut off."""
        return 10.0**-self.num_decimals


def read_published() -> list[PublishedScore]:
    """All cells: those of each benchmark's folder, then those of benchmarks that this project does not evaluate.

    Raises:
        InputErrors: rows with a wrong or missing value, or a cell twice.
    """
    files = [(path, cards()[folder].protocols) for folder, path in published_files().items()]
    return [score for path, protocols in (*files, (ELSEWHERE, OTHERS)) for score in read_scores(path, protocols)]


def read_scores(path: Path, protocols: Iterable[Protocol]) -> list[PublishedScore]:
    """The cells of one table, in the order of the file.

    Args:
        path: the file.
        protocols: those that its cells may have been measured by.

    Raises:
        InputErrors: rows with a wrong or missing value, or a cell twice.
    """
    with path.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    if not rows or tuple(rows[0]) != COLUMNS:
        raise InputErrors(str(path), [f"its columns must be {', '.join(COLUMNS)}"])
    known = {protocol.name: protocol for protocol in protocols}
    problems: list[str] = []
    first: dict[tuple[str, ...], int] = {}
    for line, row in enumerate(rows, start=2):
        cell = tuple(row[name] for name in ("protocol", "model", "modality", "metric"))
        if cell in first:
            problems.append(f"line {line}: the cell {', '.join(map(str, cell))} is in line {first[cell]} already")
        first.setdefault(cell, line)
        problems += [f"line {line}: {problem}" for problem in _problems(row, known)]
    if problems:
        raise InputErrors(str(path), problems)
    return [_score(row, known) for row in rows]


def _problems(row: Mapping[str, str], known: Mapping[str, Protocol]) -> list[str]:
    if None in row or None in row.values():
        return [f"has not {len(COLUMNS)} columns"]
    found = [f"{name} is empty" for name in REQUIRED if not row[name].strip()]
    if row["scale"] not in SCALES:
        found.append(f"scale {row['scale']!r} is not one of {', '.join(SCALES)}")
    elif not PRINTED.fullmatch(row["value"]):
        found.append(f"value {row['value']!r} is not a number with decimals")
    elif not SCALES[row["scale"]][1] <= float(row["value"]) <= SCALES[row["scale"]][2]:
        found.append(f"value {row['value']} is not a {row['scale']}")
    if row["modality"] not in MODALITIES:
        found.append(f"modality {row['modality']!r} is not one of {', '.join(MODALITIES)}")
    protocol = known.get(row["protocol"])
    if protocol is None:
        found.append(f"protocol {row['protocol']!r} is not described")
    elif protocol.benchmark != row["benchmark"]:
        found.append(f"protocol {protocol.name} is one of {protocol.benchmark}, not of {row['benchmark']}")
    if row["verified"] not in ("true", "false"):
        found.append(f"verified {row['verified']!r} is not true or false")
    if row["verified"] == "false" and not row["remark"]:
        found.append("is not verified, and does not say why")
    return found


def _score(row: Mapping[str, str], known: Mapping[str, Protocol]) -> PublishedScore:
    return PublishedScore(
        benchmark=row["benchmark"],
        model=row["model"],
        modality=row["modality"],
        metric=row["metric"],
        printed=row["value"],
        scale=row["scale"],
        protocol=known[row["protocol"]],
        is_verified=row["verified"] == "true",
        source=row["source"],
        remark=row["remark"],
    )
