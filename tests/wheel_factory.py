"""Small emotion wheels, written in the formats of the official files."""

import csv
import json
from collections.abc import Mapping, Sequence
from pathlib import Path

from openpyxl import Workbook

Rows = Sequence[Sequence[str | None]]

# Upper levels stand once and are blank below; upper case and spaces as in the official files.
WHEEL1: Rows = (
    ("Happy", "Joyful", "Excited "),
    (None, None, "Playful"),
    (None, "Content", "Calm"),
    ("Sad", "Lonely", "Empty"),
    (None, "Hurt", "Let down"),
)
WHEEL2: Rows = (
    ("Anger", "Mad", "Furious"),
    (None, "Hurt", "Jealous"),
    ("Love", "Tender", "Joyful"),
    (None, "Hurt", "Pain"),  # hurt stands in both sectors, and counts as love
    ("Anger", "Bitter", "Pain"),  # anger was read first, so pain stays with love
)
WHEEL3: Rows = (("Joy", "Glad", "Excited"), ("Woe", "Low", "Lonely"))
WHEEL4: Rows = (("Up", "Light", "Calm"), ("Down", "Heavy", "Sad"))
WHEEL5: Rows = (("Peace", "Quiet", "Content"), ("Storm", "Loud", "Furious"))
WHEELS = {f"wheel{k}": rows for k, rows in enumerate((WHEEL1, WHEEL2, WHEEL3, WHEEL4, WHEEL5), 1)}

SYNONYMS = {"Happy": "Glad, merry", "joyful": "merry, elated", "Sad": "blue, low-spirited", "mad": "elated", "calm": ""}
"""Of the first run; the others repeat it, but for the last one, which has one synonym more."""
LAST_RUN = {**SYNONYMS, "calm": "serene"}

FORMS = {
    "happy": "happiness,happily",
    "merry": "merrily",
    "elated": "elation,happiness",
    "sad": "sadness",
    "blue": "",
    "serene": "serenity",
    "let down": "",
    "hurt": "hurting",
    "joyful": "joyfully",
    "pain": "",
    "love": "loving",
    "worried": "worry",
}


def write_wheels(folder: Path, *, forms: Mapping[str, str] = FORMS) -> Path:
    """The seven files of an official folder."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, rows in WHEELS.items():
        write_xlsx(folder / f"{name}.xlsx", [("level1", "level2", "level3"), *rows])
    write_xlsx(folder / "synonym.xlsx", synonym_rows())
    write_forms(folder / "format.csv", forms)
    return folder


def write_csv_wheels(folder: Path) -> Path:
    """The same as CSV, upper levels written on each row."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, rows in WHEELS.items():
        _write_csv(folder / f"{name}.flat.csv", [("level1", "level2", "level3"), *_filled(rows)])
    _write_csv(folder / "synonym.flat.csv", synonym_rows())
    write_forms(folder / "format.csv", FORMS)
    return folder


def synonym_rows() -> list[list[str]]:
    """Header and one row a word; the words of the second run are in another order than those of the first."""
    runs = [list(SYNONYMS.items())] + [list(reversed(SYNONYMS.items()))] * 6 + [list(LAST_RUN.items())]
    header = [f"{kind}_run{run}" for run in range(1, 9) for kind in ("word", "synonym")]
    return [header, *([cell for pair in row for cell in pair] for row in zip(*runs, strict=True))]


def write_forms(path: Path, forms: Mapping[str, str]) -> None:
    """The table of inflections."""
    _write_csv(path, [("name", "format"), *forms.items()])


def write_xlsx(path: Path, rows: Rows) -> None:
    """One sheet."""
    book = Workbook()
    for row in rows:
        book.active.append(list(row))
    book.save(path)


def write_mapping(path: Path) -> None:
    """The three mappings of the 2026 release, worked out by hand from the tables above."""
    path.parent.mkdir(parents=True, exist_ok=True)
    level1 = {
        "wheel1": {"happy": "happy joyful excited playful content calm", "sad": "sad lonely empty hurt,let down"},
        "wheel2": {"anger": "anger mad furious jealous bitter", "love": "love tender joyful hurt pain"},
        "wheel3": {"joy": "joy glad excited", "woe": "woe low lonely"},
        "wheel4": {"up": "up light calm", "down": "down heavy sad"},
        "wheel5": {"peace": "peace quiet content", "storm": "storm loud furious"},
    }
    level2 = {
        "wheel1": {
            "joyful": "joyful excited playful",
            "content": "happy content calm",
            "lonely": "lonely empty",
            "hurt": "sad hurt,let down",
        },
        "wheel2": {
            "mad": "mad furious",
            "bitter": "anger bitter",
            "hurt": "love hurt pain jealous",
            "tender": "tender joyful",
        },
        "wheel3": {"glad": "joy glad excited", "low": "woe low lonely"},
        "wheel4": {"light": "up light calm", "heavy": "down heavy sad"},
        "wheel5": {"quiet": "peace quiet content", "loud": "storm loud furious"},
    }
    whole = {name: {"level1": _spread(level1[name]), "level2": _spread(level2[name])} for name in level1}
    names = {word for sectors in whole.values() for word in sectors["level1"]}
    raw = {name: [name] for name in sorted(names)}
    raw |= {"glad": ["glad", "happy"], "merry": ["joyful", "happy", "joyful"], "elated": ["mad", "joyful"]}
    raw |= {"blue": ["sad"], "low-spirited": ["sad"], "serene": ["calm"]}
    forms: dict[str, list[str]] = {}
    for base, words in FORMS.items():
        for word in [base, *filter(None, words.split(","))]:
            forms.setdefault(word, []).append(base)
    content = {"format_mapping": forms, "raw_mapping": raw, "wheel_map_whole": whole}
    path.write_text(json.dumps(content), encoding="utf-8")


def _spread(sectors: Mapping[str, str]) -> dict[str, str]:
    """`let down` is the one name of two words, behind a comma."""
    words = {sector: text.replace(",", " ").replace("let down", "let_down").split() for sector, text in sectors.items()}
    return {word.replace("_", " "): sector for sector, own in words.items() for word in own}


def _filled(rows: Rows) -> list[list[str]]:
    filled, last = [], ["", "", ""]
    for row in rows:
        last = [cell or above for cell, above in zip(row, last, strict=True)]
        filled.append(last)
    return filled


def _write_csv(path: Path, rows: Sequence[Sequence[str | None]]) -> None:
    with path.open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows(rows)
