"""Folders with official emotion wheels, and the small wheel of our own -> EmotionWheels, with version and hashes.

A folder holds `wheel1.xlsx` to `wheel5.xlsx`, `synonym.xlsx` and `format.csv`; a table may also be CSV, as
`wheel1.flat.csv` or `wheel1.csv`. Or it holds `wheel_mapping.flat.json`, the three mappings of the release of 2026 as
plain JSON: the release's own `wheel_mapping.npz` is made of pickled objects, which can run any code, and is never read.
"""

import csv
import hashlib
import io
import json
import zipfile
from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache
from importlib import resources
from pathlib import Path
from typing import Any

from openpyxl import load_workbook

from emolightning.errors import InputErrors, UserError
from emolightning.scoring.metrics.label_lists import separated
from emolightning.scoring.metrics.wheels import EmotionWheels, Wheel, WheelRow, WheelVersion, inverted, make_wheel

WHEELS = tuple(f"wheel{number}" for number in range(1, 6))
RUNS = range(1, 9)
"""The synonyms were asked for eight times; all answers count."""

MAPPING = "wheel_mapping.flat.json"
PICKLED = "wheel_mapping.npz"
SUFFIXES = (".xlsx", ".flat.csv", ".csv")

LARGEST_XLSX = 20_000_000
"""Bytes unpacked; the largest official table has 1 % of that."""

EMBEDDED = "EmoLightning embedded wheel, not official"

YEARS = {
    "d386eefd909badebcef5434b03d6a4033b0b99d4c9223f334cdeb4fc318e32b1": "2025",
    "d5b24a891d619d354c8a0cdf18df144a354a3c360bbad8520a740c93dab67e9d": "2026",
}
"""sha256 of the content -> year of the official release. Wheels and synonyms are the same in both; in 2025 `fear` is a
form of `fearless`, too, and so counts as happy, joyful, genius, joyful on wheels 2 to 5."""


class _Fault(ValueError):
    """A table that cannot be used; the message says where and why."""


def read_wheels(source: str | Path) -> EmotionWheels:
    """Wheels by the setting `wheels`: `embedded`, or the path of a folder.

    Raises:
        UserError: the folder or a file of it is missing or not what it should be.
    """
    return embedded_wheels() if str(source) == "embedded" else read_wheel_folder(Path(source))


def read_wheel_folder(folder: Path) -> EmotionWheels:
    """The wheels in a folder, from its tables or, where it has none, from `wheel_mapping.flat.json`.

    Raises:
        UserError: no such folder, or files that are not there.
        InputErrors: everything that is wrong in its files.
    """
    if not folder.is_dir():
        raise UserError(f"wheels: {folder} is not a folder; give the one with the official files, or say embedded")
    tables = {name: _table_path(folder, name) for name in (*WHEELS, "synonym")}
    if not any(tables.values()) and (folder / MAPPING).is_file():
        return _from_mapping(folder / MAPPING)
    forms = folder / "format.csv"
    missing = [f"{name}.xlsx" for name, path in tables.items() if path is None]
    missing += [] if forms.is_file() else [forms.name]
    if missing:
        raise UserError(f"wheels: {folder} has no {', '.join(missing)}{_hint(folder)}")
    return _from_tables({name: path for name, path in tables.items() if path}, forms)


def _table_path(folder: Path, name: str) -> Path | None:
    return next((folder / f"{name}{end}" for end in SUFFIXES if (folder / f"{name}{end}").is_file()), None)


def _hint(folder: Path) -> str:
    needed = f"needed are {WHEELS[0]}.xlsx to {WHEELS[-1]}.xlsx, synonym.xlsx and format.csv of one release"
    if (folder / PICKLED).exists():
        return f"; {needed}, or {MAPPING}: {PICKLED} holds pickled objects, which can run any code, and is never read"
    return f"; {needed}, or {MAPPING}"


def _from_tables(tables: Mapping[str, Path], forms: Path) -> EmotionWheels:
    problems: list[str] = []
    rows = {name: read_wheel_table(tables[name], problems) for name in WHEELS}
    names = {word for wheel_rows in rows.values() for row in wheel_rows for word in row}
    synonyms = _synonyms(tables["synonym"], names, problems)
    inflections = _inflections(forms, problems)
    if problems:
        raise InputErrors(str(forms.parent), problems)
    paths = [*tables.values(), forms]
    return _assemble(
        wheels=[make_wheel(rows[name]) for name in WHEELS],
        bases=inverted(inflections),
        wheel_words=inverted([*synonyms, *((name, ()) for name in sorted(names))]),
        files={path.name: _file_hash(path) for path in sorted(paths)},
    )


def read_wheel_table(path: Path, problems: list[str]) -> list[WheelRow]:
    """The rows of a wheel, upper levels filled downwards, in lower case; what is wrong is added to `problems`."""
    filled, rows = ["", ""], []
    for number, cells in _table(path, ("level1", "level2", "level3"), problems):
        if not any(cells):
            continue
        filled = [new or old for new, old in zip(cells, filled, strict=False)]
        if not all(filled) or not cells[2]:
            problems.append(f"{path.name}, row {number}: {cells} needs a word for level3, and the levels above it")
            continue
        rows.append((filled[0], filled[1], cells[2]))
    if not rows and not any(problem.startswith(path.name) for problem in problems):
        problems.append(f"{path.name}: no rows below the header")
    return rows


def _synonyms(path: Path, names: set[str], problems: list[str]) -> list[tuple[str, list[str]]]:
    """(wheel word, synonyms) of all runs."""
    columns = [f"{kind}_run{run}" for run in RUNS for kind in ("word", "synonym")]
    found = []
    for number, cells in _table(path, columns, problems):
        for run, word in zip(RUNS, cells[::2], strict=True):
            if word in names:
                found.append((word, separated(cells[2 * run - 1])))
            elif word or cells[2 * run - 1]:
                problems.append(f"{path.name}, row {number}, word_run{run}: {word!r} is on none of the wheels")
    return found


def _inflections(path: Path, problems: list[str]) -> list[tuple[str, list[str]]]:
    rows = _table(path, ("name", "format"), problems)
    return [(name, separated(forms)) for _, (name, forms) in rows if name]


def _table(path: Path, columns: Sequence[str], problems: list[str]) -> list[tuple[int, list[str]]]:
    """Row number, counted from 1 with the header, and the texts of `columns` in lower case, for every row below it."""
    try:
        rows = _xlsx_rows(path) if path.suffix == ".xlsx" else _csv_rows(path)
        header = [str(cell or "").strip().lower() for cell in next(iter(rows), [])]
        absent = [column for column in columns if column not in header]
        if absent:
            raise _Fault(f"no column {', '.join(absent)}; found: {', '.join(filter(None, header)) or 'nothing'}")
        places = [header.index(column) for column in columns]
        return [(number, [_text(row, place, number) for place in places]) for number, row in enumerate(rows[1:], 2)]
    except _Fault as error:
        problems.append(f"{path.name}: {error}")
        return []


def _text(row: Sequence[Any], place: int, number: int) -> str:
    cell = row[place] if place < len(row) else None
    if not isinstance(cell, str | None):
        raise _Fault(f"row {number}: {cell!r} is not a text")
    return (cell or "").strip().lower()


def _xlsx_rows(path: Path) -> list[Sequence[Any]]:
    try:
        with zipfile.ZipFile(path) as archive:
            size = sum(item.file_size for item in archive.infolist())
        if size > LARGEST_XLSX:
            raise ValueError(f"{size} bytes when unpacked")
        sheet = load_workbook(path, read_only=True, data_only=True).worksheets[0]
        sheet.reset_dimensions()  # what the file says of its size may be made up
        return list(sheet.iter_rows(values_only=True))
    except Exception as error:  # openpyxl hands on whatever its zip and XML readers raise
        raise _Fault(f"not readable as xlsx: {error}") from None


def _csv_rows(path: Path) -> list[Sequence[Any]]:
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            return list(csv.reader(file, strict=True))
    except (csv.Error, UnicodeDecodeError) as error:
        raise _Fault(f"not readable as CSV in UTF-8: {error}") from None


def _from_mapping(path: Path) -> EmotionWheels:
    """The mappings of the 2026 release: form -> bases, base -> wheel words, wheel -> level -> word -> sector."""
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        forms, synonyms, wheels = (content[key] for key in ("format_mapping", "raw_mapping", "wheel_map_whole"))
        return _assemble(
            wheels=[Wheel(*(_words(wheels[name][f"level{level}"]) for level in (1, 2))) for name in WHEELS],
            bases=_name_lists(forms),
            wheel_words=_name_lists(synonyms),
            files={path.name: _file_hash(path)},
        )
    except KeyError as error:
        raise UserError(f"wheels: {path} has no {error}; it must hold all of the release's {PICKLED} as JSON") from None
    except (ValueError, TypeError, AttributeError, RecursionError) as error:
        raise UserError(f"wheels: {path} is not the release's {PICKLED} as JSON: {error}") from None


def _words(mapping: Mapping[str, str]) -> dict[str, str]:
    if not all(isinstance(word, str) for word in mapping.values()):
        raise TypeError("a sector is not a text")
    return dict(mapping)


def _name_lists(mapping: Mapping[str, list[str]]) -> dict[str, tuple[str, ...]]:
    for word, names in mapping.items():
        if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
            raise TypeError(f"{word!r} does not map to a list of words")
    return {word: tuple(sorted(set(names))) for word, names in mapping.items()}


@lru_cache
def embedded_wheels() -> EmotionWheels:
    """One wheel with words of our own, for a first look without the official files; values are not comparable.

    Unlike on the official wheels `neutral` is a sector: neutral clips count, and answering neutral is right or wrong.
    """
    file = resources.files("emolightning.scoring.metrics") / "embedded_wheel.csv"
    table = list(csv.DictReader(io.StringIO(file.read_text(encoding="utf-8"))))
    synonyms = [(row["level2"], [row["word"]]) for row in table]
    wheel = make_wheel((row["level1"], row["level2"], row["level2"]) for row in table)
    return _assemble(
        wheels=[wheel],
        bases=inverted((row["word"], row["forms"].split()) for row in table),
        wheel_words=inverted(synonyms),
        files={file.name: hashlib.sha256(file.read_bytes()).hexdigest()},
        name=EMBEDDED,
    )


def _assemble(
    *,
    wheels: Iterable[Wheel],
    bases: dict[str, tuple[str, ...]],
    wheel_words: dict[str, tuple[str, ...]],
    files: dict[str, str],
    name: str | None = None,
) -> EmotionWheels:
    wheels = tuple(wheels)
    content = [bases, wheel_words, [[dict(wheel.level1), dict(wheel.level2)] for wheel in wheels]]
    sha256 = hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()
    year = YEARS.get(sha256)
    known = f"official emotion wheels of {year}" if year else f"emotion wheels of no known release ({sha256[:8]})"
    return EmotionWheels(WheelVersion(name or known, year, sha256, files), wheels, bases, wheel_words)


def _file_hash(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()
