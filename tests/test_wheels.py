"""Emotion wheels: the rules by hand on small ones in the official formats, files that are not right, the real ones."""

import csv
import json
import zipfile
from pathlib import Path

import numpy as np
import pytest
from wheel_factory import FORMS, synonym_rows, write_csv_wheels, write_forms, write_mapping, write_wheels, write_xlsx

from emolightning.errors import InputErrors, UserError
from emolightning.scoring.metrics.wheel_files import (
    EMBEDDED,
    LARGEST_XLSX,
    embedded_wheels,
    read_wheel_table,
    read_wheels,
)
from emolightning.scoring.metrics.wheels import make_wheel, words_in_text

OFFICIAL = ("wheel1", "wheel2", "wheel3", "wheel4", "wheel5", "synonym")


@pytest.fixture(scope="module")
def small(tmp_path_factory):
    return read_wheels(write_wheels(tmp_path_factory.mktemp("wheels")))


@pytest.mark.parametrize(
    ("word", "wheel", "level", "sector"),
    [
        ("happy", 1, 1, "happy"),
        ("happily", 1, 1, "happy"),  # a form of happy
        ("happiness", 1, 2, "content"),  # happy before joyful and mad; content before joyful
        ("merrily", 1, 2, "content"),  # merry is a synonym of happy and joyful: happy comes first
        ("merrily", 2, 1, "love"),  # happy is not on wheel 2, joyful is
        ("merry", 3, 1, None),  # neither is on wheel 3
        ("elation", 1, 1, "happy"),  # joyful, mad: joyful comes first
        ("elation", 2, 2, "tender"),
        ("happiness", 2, 1, "love"),
        ("blue", 1, 1, "sad"),
        ("blue", 1, 2, "hurt"),  # sad is a sector itself: the first of hurt and lonely
        ("serenity", 4, 1, "up"),  # a synonym of calm in the last run only
        ("let down", 1, 2, "hurt"),
        ("hurting", 1, 2, "hurt"),
        ("hurt", 2, 1, "love"),  # in two sectors: the last one read
        ("pain", 2, 2, "hurt"),  # sectors in the order of their first rows: love is the last one
        ("worry", 1, 1, None),  # a known form, on no wheel
        ("lonely", 1, 1, None),  # on the wheel, but no known form
        ("low-spirited", 1, 1, None),
        ("Happy", 1, 1, None),  # words come in lower case
        ("neutral", 1, 1, None),
    ],
)
def test_sector_of_a_word(small, word, wheel, level, sector):
    assert small.sector(word, wheel - 1, level) == sector


def test_base_and_wheel_word_without_wheels(small):
    """M1 and M2 go through the first base alone, where sectors look at all."""
    assert [small.base(word) for word in ("happiness", "elation", "unheard")] == ["elated", "elated", None]
    assert [small.wheel_word(word) for word in ("happiness", "merrily", "worry")] == ["joyful", "happy", None]


def test_a_later_level_overwrites_an_earlier_one():
    wheel = make_wheel([("mad", "hurt", "sad"), ("sad", "mad", "mad"), ("joy", "cheer", "bliss"), ("joy", "ache", "x")])
    assert dict(wheel.level1)["mad"] == "sad"
    assert dict(wheel.level1)["sad"] == "sad"
    assert wheel.level2["joy"] == "ache"
    assert wheel.level2["sad"] == "mad"


def test_tables_csv_and_mapping_are_the_same_wheels(tmp_path, small):
    write_mapping(tmp_path / "json" / "wheel_mapping.flat.json")
    others = [read_wheels(write_csv_wheels(tmp_path / "csv")), read_wheels(tmp_path / "json")]
    for other in others:
        assert other.wheels == small.wheels
        assert other.bases == small.bases
        assert other.wheel_words == small.wheel_words
        assert other.version.sha256 == small.version.sha256
        assert other.version.files != small.version.files


def test_another_form_is_another_version(tmp_path, small):
    other = read_wheels(write_wheels(tmp_path, forms={**FORMS, "happy": "happiness"}))
    assert other.version.sha256 != small.version.sha256
    assert other.version.name.startswith("emotion wheels of no known release")
    assert other.version.year is None
    changed = {name for name in other.version.files if other.version.files[name] != small.version.files[name]}
    assert "format.csv" in changed


@pytest.mark.parametrize("name", [*(f"{name}.xlsx" for name in OFFICIAL), "format.csv"])
def test_a_missing_file_is_named(tmp_path, name):
    write_wheels(tmp_path)
    (tmp_path / name).unlink()
    with pytest.raises(UserError, match=rf"has no {name}; needed are"):
        read_wheels(tmp_path)


def test_an_absent_folder_and_an_empty_one(tmp_path):
    with pytest.raises(UserError, match="is not a folder"):
        read_wheels(tmp_path / "absent")
    with pytest.raises(UserError, match=r"wheel1\.xlsx, .*wheel5\.xlsx, synonym\.xlsx, format\.csv"):
        read_wheels(tmp_path)


def test_the_pickled_mapping_is_refused_unread(tmp_path):
    class Trap:
        def __reduce__(self):
            return (Path.touch, (tmp_path / "sprung",))

    np.savez(tmp_path / "wheel_mapping.npz", format_mapping=np.array(Trap(), dtype=object))
    write_forms(tmp_path / "format.csv", FORMS)
    with pytest.raises(UserError, match="is never read"):
        read_wheels(tmp_path)
    assert not (tmp_path / "sprung").exists()


def test_all_faults_of_the_tables_at_once(tmp_path):
    write_wheels(tmp_path)
    write_xlsx(tmp_path / "wheel1.xlsx", [("level1", "level2", "level3"), ("Happy", "Joyful", None), (None, None, "x")])
    write_xlsx(tmp_path / "wheel2.xlsx", [("level1", "level2"), ("Happy", "Joyful")])
    write_xlsx(tmp_path / "wheel3.xlsx", [("level1", "level2", "level3"), ("Happy", "Joyful", 3)])
    (tmp_path / "wheel4.xlsx").write_text("no zip")
    write_xlsx(tmp_path / "wheel5.xlsx", [("level1", "level2", "level3")])
    (tmp_path / "format.csv").write_bytes(b"name,format\n\xff,x\n")
    with pytest.raises(InputErrors) as raised:
        read_wheels(tmp_path)
    text = "\n".join(raised.value.problems)
    for part in (
        "wheel1.xlsx, row 2:",
        "wheel2.xlsx: no column level3; found: level1, level2",
        "wheel3.xlsx: row 2: 3 is not a text",
        "wheel4.xlsx: not readable as xlsx",
        "wheel5.xlsx: no rows",
        "format.csv: not readable as CSV in UTF-8",
    ):
        assert part in text


def test_synonyms_of_other_wheels_are_refused(tmp_path):
    write_wheels(tmp_path)
    rows = synonym_rows()
    rows[1][4] = "Bliss"
    write_xlsx(tmp_path / "synonym.xlsx", rows)
    with pytest.raises(InputErrors, match=r"synonym\.xlsx, row 2, word_run3: 'bliss' is on none of the wheels"):
        read_wheels(tmp_path)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda content: content.pop("raw_mapping"), "has no 'raw_mapping'"),
        (lambda content: content["wheel_map_whole"].pop("wheel4"), "has no 'wheel4'"),
        (lambda content: content["wheel_map_whole"]["wheel4"]["level1"].update(x=3), "a sector is not a text"),
        (lambda content: content["format_mapping"].update(x="y"), "'x' does not map to a list of words"),
        (lambda content: content.update(format_mapping=[]), "is not the release's"),
    ],
)
def test_a_mapping_that_is_none(tmp_path, change, message):
    path = tmp_path / "wheel_mapping.flat.json"
    write_mapping(path)
    content = json.loads(path.read_text())
    change(content)
    path.write_text(json.dumps(content))
    with pytest.raises(UserError, match=message):
        read_wheels(tmp_path)


def test_an_xlsx_that_is_a_zip_of_something_else(tmp_path):
    write_wheels(tmp_path)
    with zipfile.ZipFile(tmp_path / "wheel1.xlsx", "w") as archive:
        archive.writestr("notes.txt", "hello")
    with pytest.raises(InputErrors, match=r"wheel1\.xlsx: not readable as xlsx"):
        read_wheels(tmp_path)


def test_an_xlsx_that_unpacks_to_too_much(tmp_path):
    write_wheels(tmp_path)
    with zipfile.ZipFile(tmp_path / "wheel1.xlsx", "a", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("xl/more.xml", bytes(LARGEST_XLSX + 1))
    with pytest.raises(InputErrors, match=r"wheel1\.xlsx: not readable as xlsx: 200\d+ bytes when unpacked"):
        read_wheels(tmp_path)


def test_embedded_wheel_says_that_it_is_not_official():
    wheels = read_wheels("embedded")
    assert wheels.version.name == EMBEDDED == "EmoLightning embedded wheel, not official"
    assert wheels.version.year is None
    (counts,) = wheels.sizes()["sectors"]
    assert counts[0] == 8
    assert 36 <= counts[1] <= 48


def test_embedded_wheel_is_unambiguous_and_complete():
    """Each form has one base, each base one sector, which no other word of the table could change."""
    wheels = embedded_wheels()
    assert all(len(bases) == 1 for bases in wheels.bases.values())
    assert all(word == word.lower().strip() for word in wheels.bases)
    assert all(wheels.sector(word, 0, level) for word in wheels.bases for level in (1, 2))


@pytest.mark.parametrize(
    ("word", "sector"),
    [
        ("neutral", "neutral"),
        ("joy", "happy"),
        ("sadness", "sad"),
        ("anger", "angry"),
        ("worried", "afraid"),
        ("fear", "afraid"),
        ("surprise", "surprised"),
        ("disgust", "disgusted"),
        ("contempt", "disgusted"),
        ("doubt", "interested"),
        ("serious", "interested"),
    ],
)
def test_embedded_wheel_knows_the_benchmarks_labels(word, sector):
    assert embedded_wheels().sector(word, 0, 1) == sector


def test_words_of_a_free_text(small):
    text = "She is HAPPY, happily so - then let down; 'merry', un-happy, not sad. Happy again, down."
    assert words_in_text(text, small) == ["happy", "happily", "let down", "merry", "sad"]


@pytest.fixture(scope="module")
def official(shared):
    return {year: read_wheels(shared / f"benchmarks/emotion_wheel_{year}") for year in ("2025", "2026")}


def test_official_wheels_have_their_sizes(shared, official):
    expected = json.loads((shared / "benchmarks/expected_values.json").read_text())["wheel_sizes"]
    for year, wheels in official.items():
        assert wheels.version.year == year
        assert wheels.sizes() == {
            "wheel_words": expected["vocab"],
            "base_words": expected["synonym_keys"],
            "forms": expected[f"format_keys_{year}"],
            "sectors": expected["wheel_level1_level2"],
        }
    folder, problems = shared / "benchmarks/emotion_wheel_2025", []
    tables = [read_wheel_table(folder / f"wheel{k}.xlsx", problems) for k in range(1, 6)]
    assert [len(rows) for rows in tables] == expected["wheel_rows"]
    assert not problems


def test_wheels_of_both_years_from_tables_are_those_of_the_mapping(shared, official, tmp_path):
    """The release of 2026 has the tables of 2025 and its own format.csv."""
    for name in OFFICIAL:
        source = shared / "benchmarks/emotion_wheel_2025" / f"{name}.xlsx"
        (tmp_path / source.name).write_bytes(source.read_bytes())
    forms = (shared / "benchmarks/emotion_wheel_2026/format.csv").read_bytes()
    (tmp_path / "format.csv").write_bytes(forms)
    tables = read_wheels(tmp_path)
    assert tables.version.year == "2026"
    assert (tables.wheels, tables.bases) == (official["2026"].wheels, official["2026"].bases)


def test_fear_is_happy_in_2025_and_mended_in_2026(official):
    sectors = {year: [wheels.sector("fear", k, 1) for k in range(5)] for year, wheels in official.items()}
    assert sectors["2025"][1:] == ["happy", "joyful", "genius", "joyful"]
    assert sectors["2026"][1:] == ["fearful", "scared", "fear", "scared"]


@pytest.mark.parametrize("year", ["2025", "2026"])
def test_every_known_form_lies_where_a_plain_reading_of_the_tables_puts_it(shared, official, year):
    """Another way: rows of the flat tables walked through for each word, nothing inverted or sorted beforehand."""
    folder = shared / "benchmarks"
    forms = _csv_rows(folder / f"emotion_wheel_{year}/format.csv")[1:]
    synonyms = _csv_rows(folder / "emotion_wheel_2025/synonym.flat.csv")[1:]
    pairs = [
        (row[k].lower().strip(), word.strip().lower())
        for row in synonyms
        for k in range(0, 16, 2)
        for word in (*row[k + 1].split(","), row[k])
    ]
    of_base: dict[str, set[str]] = {}
    for name, word in pairs:
        of_base.setdefault(word, set()).add(name)
    tables = [_csv_rows(folder / f"emotion_wheel_2025/wheel{k}.flat.csv")[1:] for k in range(1, 6)]
    for word in sorted(official[year].bases)[::7]:
        bases = [row[0] for row in forms if word in (row[0], *row[1].split(","))]
        names = set().union(*(of_base[base] for base in bases))
        for wheel, rows in enumerate(tables):
            on_wheel = [name for name in names if any(name in row for row in rows)]
            sector = _last_sector(rows, min(on_wheel)) if on_wheel else None
            assert official[year].sector(word, wheel, 1) == sector, word


def _last_sector(rows, word):
    order = list(dict.fromkeys(row[0] for row in rows))
    return max((row[0] for row in rows if word in row), key=order.index)


def _csv_rows(path):
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.reader(file))
