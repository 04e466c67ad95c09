"""Pictures of timelines: where bands lie, what has a gap, which names they get, that texts of files stay texts."""

from pathlib import Path
from xml.etree import ElementTree

import pytest

from emolightning.data.readers.asked_media import Item, pieces_of
from emolightning.records.clips import Clip, Span
from emolightning.runs.timeline.drawing import HEIGHT, LEFT, TOP, WIDTH, Piece, drawn, file_name, ticks_of
from emolightning.runs.timeline.pictures import draw_timelines

SVG = "{http://www.w3.org/2000/svg}"
HOSTILE = 'a"><script>alert(1)</script>\x1b'


def bands(picture: str) -> list[tuple[str, list[tuple[float, float]]]]:
    """Label and corners of each area."""
    found = []
    for area in ElementTree.fromstring(picture).iter(f"{SVG}polygon"):
        corners = [tuple(map(float, point.split(","))) for point in area.attrib["points"].split()]
        found.append((area.findtext(f"{SVG}title", ""), corners))
    return found


def row_of_answers(picture: str) -> list[tuple[str, float, float]]:
    """Answer, left end and width of each part of the row."""
    rows = [rect for rect in ElementTree.fromstring(picture).iter(f"{SVG}rect") if rect.find(f"{SVG}title") is not None]
    return [(rect.findtext(f"{SVG}title", ""), float(rect.attrib["x"]), float(rect.attrib["width"])) for rect in rows]


def piece(start: float, end: float, happy: float | None, label: str | None = "happy") -> Piece:
    return Piece(Span(start, end), label, {} if happy is None else {"happy": happy, "odd": 1 - happy})


def test_areas_are_stacked_over_the_whole_clip() -> None:
    """Two pieces of 2 s from 0 and 2: their middles are at 1 and 3 of 4 seconds."""
    (first, happy), (second, odd) = bands(drawn("clip", [piece(0, 2, 0.75), piece(2, 4, 0.25)]))
    assert (first, second) == ("happy", "odd")
    at = [LEFT, LEFT + WIDTH / 4, LEFT + WIDTH * 3 / 4, LEFT + WIDTH]
    line = [TOP + HEIGHT * share for share in (0.75, 0.75, 0.25, 0.25)]
    upper, lower = list(zip(at, line, strict=True)), [(x, TOP + HEIGHT) for x in reversed(at)]
    assert happy == [*((x, TOP) for x in at), *reversed(upper)]
    assert odd == [*upper, *lower]


def test_a_piece_without_an_answer_is_a_gap() -> None:
    picture = drawn("clip", [piece(0, 2, 1.0), piece(2, 4, None), piece(4, 6, 0.5, None), piece(6, 8, 0.5, "odd")])
    ends = sorted({(min(x for x, _ in corners), max(x for x, _ in corners)) for _, corners in bands(picture)})
    assert ends == [(LEFT, LEFT + WIDTH / 4), (LEFT + WIDTH / 2, LEFT + WIDTH)]
    assert row_of_answers(picture) == [
        (name, LEFT + WIDTH * part / 4, WIDTH / 4)
        for part, name in enumerate(("happy", "no answer", "no label", "odd"))
    ]
    assert "4 pieces of 2 s, one every 2 s, 1 without an answer" in picture


@pytest.mark.parametrize("pieces", [[piece(0, 0.4, 0.5)], [piece(n, n + 5, 0.5) for n in range(1200)]])
def test_short_and_long_clips(pieces: list[Piece]) -> None:
    ((_, left, width),) = row_of_answers(drawn("clip", pieces))
    assert (left, width) == (LEFT, WIDTH)
    assert 2 <= len(ticks_of(pieces[-1].span.end)) <= 13


def test_names_of_files_stay_texts(tmp_path: Path) -> None:
    names = (HOSTILE, "../up", "up", "x/../UP")
    clips = [Item(Clip(name, tmp_path / "a.mp4"), None, "a.mp4", "csv", "x.csv", 1) for name in names]
    items = [each for item in clips for each in pieces_of(item, [Span(0, 1), Span(1, 1.5)])]
    said = {item.clip.id: ("happy", {"happy": 0.5, HOSTILE: 0.5}) for item in items[::2]}
    folder = draw_timelines(tmp_path / "out" / "timeline.jsonl", items, {}) or draw_timelines(
        tmp_path / "timeline.jsonl", items, said
    )
    assert folder == tmp_path / "timeline.jsonl.pictures"
    assert sorted(path.name for path in tmp_path.rglob("*.svg")) == sorted(
        ["a_script_alert_1_script.svg", "up.svg", "up-2.svg", "x_.._UP.svg"]
    )
    picture = (folder / "a_script_alert_1_script.svg").read_text(encoding="utf-8")
    assert "<script" not in picture
    assert "\x1b" not in picture
    assert ElementTree.fromstring(picture).find(f"{SVG}title") is not None


@pytest.mark.parametrize(("name", "expected"), [("/etc/passwd", "etc_passwd"), ("\u2028", "clip"), ("é.mp4", "é.mp4")])
def test_file_names(name: str, expected: str) -> None:
    assert file_name(name) == expected
