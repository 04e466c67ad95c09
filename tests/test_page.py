"""report.html: whole without network, and nothing in it runs."""

import base64
import io
import json
import re
from pathlib import Path

import numpy as np
import pytest
from media_factory import make_media
from PIL import Image
from score_factory import metrics_of

from emolightning.records.clips import Answer, Clip
from emolightning.runs.answers import join
from emolightning.runs.report.collect import write_report
from emolightning.runs.report.page import MAX_SHOWN, shown_clips, thumbnail, write_page
from emolightning.scoring.classification import Classification

LABELS = ("happy", "sad")
SCORING = Classification(labels=LABELS)
HOSTILE = "<script>alert('x')</script><img src=x onerror=alert(1)>"


def make_rows(num_clips, text="happy"):
    clips = [Clip(f"c{k}", Path("c.mp4"), transcript=HOSTILE, label="happy") for k in range(num_clips)]
    answers = [Answer(clip.id, text, "prompt", clip.label, 0.1) for clip in clips]
    return [(clip, answer, SCORING.score(answer)) for clip, answer in zip(clips, answers, strict=True)]


def render(tmp_path, rows, history=()):
    report = metrics_of(SCORING, [answer for _, answer, _ in rows], benchmark="b<i>", split="test")
    report["evaluation"] = {"note": HOSTILE}
    frames = {rows[0][0].id: [np.zeros((20, 30, 3), np.uint8)]}
    write_page(tmp_path / "report.html", report, rows, frames=frames, history=list(history))
    return (tmp_path / "report.html").read_text()


def test_text_from_outside_is_escaped(tmp_path):
    page = render(tmp_path, make_rows(2, text=f"sad {HOSTILE}"))
    assert "<script" not in page
    assert "onerror=alert(1)>" not in page.replace("onerror=alert(1)&gt;", "")
    assert "&lt;script&gt;" in page
    assert "b&lt;i&gt;" in page


@pytest.mark.parametrize(("number", "is_folded"), [(9, False), (700, True)])
def test_long_texts_are_folded_and_whole(tmp_path, number, is_folded):
    clip = Clip("c", Path("c.mp4"), transcript="word " * number + "<end>", label="happy")
    answer = Answer("c", "happy " * number + "<stop>", "prompt", "happy", 0.1)
    page = render(tmp_path, [(clip, answer, SCORING.score(answer))])
    assert page.count("<details") == (2 if is_folded else 0)
    assert ("3305 more characters)" in page) == is_folded
    for end in ("&lt;end&gt;", "&lt;stop&gt;"):
        assert end in page


def test_nothing_is_loaded_from_elsewhere(tmp_path):
    page = render(tmp_path, make_rows(1))
    sources = re.findall(r'(?:src|href)="([^"]*)"', page)
    assert sources
    assert all(source.startswith("data:image/jpeg;base64,") for source in sources)


def test_curves_and_counts(tmp_path):
    history = [{"val/weighted_f1": 0.1 * k, "val/war": 0.2, "val/loss": 1.0 - 0.1 * k} for k in range(4)]
    page = render(tmp_path, make_rows(MAX_SHOWN + 5), history)
    assert page.count("<polyline") == 3
    assert f"Right answers ({MAX_SHOWN + 5})" in page
    assert page.count('class="clip"') == MAX_SHOWN


def test_only_shown_clips_need_pictures():
    rows = make_rows(MAX_SHOWN + 1) + [(Clip("w", Path("w.mp4"), label="happy"), *make_rows(1, text="sad")[0][1:])]
    assert len(shown_clips(rows)) == MAX_SHOWN + 1


@pytest.fixture(scope="module")
def evaluated(tmp_path_factory) -> tuple[Path, list[Clip]]:
    """A folder with answers for two clips, whose frame i is grey of level 5 i, and one that is gone."""
    folder = tmp_path_factory.mktemp("evaluated")
    clips = [Clip(f"c{k}", folder / f"c{k}.mkv", label="happy") for k in range(3)]
    for clip in clips[:2]:
        make_media(clip.video, audio=False)
    answers = [Answer(clip.id, "happy", "prompt", clip.label, 0.1) for clip in clips]
    join(folder, "key", answers, [SCORING.score(answer) for answer in answers])
    report = metrics_of(SCORING, answers, benchmark="b", split="test")
    (folder / "metrics.json").write_text(json.dumps(report))
    return folder, clips


@pytest.mark.parametrize(
    ("choice", "numbers"), [("first", [0]), ("middle", [12]), ("-3", [22]), ("even:4", [3, 9, 15, 21])]
)
def test_the_page_shows_the_frames_that_were_evaluated(evaluated, choice, numbers, caplog):
    folder, clips = evaluated
    report = json.loads((folder / "metrics.json").read_text())
    (folder / "metrics.json").write_text(json.dumps(report | {"evaluation": {"frame": choice}}))
    page = write_report(folder, clips).read_text()
    pictures = [
        Image.open(io.BytesIO(base64.b64decode(found)))
        for found in re.findall(r'src="data:image/jpeg;base64,([^"]+)"', page)
    ]
    shown = [round(np.asarray(picture)[32, 40:56].mean() / 5) for picture in pictures]
    assert shown == 2 * numbers
    assert f"data.frame={choice}" in page
    assert "no picture for 1 clips" in caplog.text


@pytest.mark.parametrize(("size", "shown"), [((1280, 720), (199, 112)), ((64, 640), (11, 112)), ((30, 20), (30, 20))])
def test_pictures_of_a_page_are_small(size, shown):
    height, width, _ = thumbnail(np.zeros((size[1], size[0], 3), np.uint8)).shape
    assert (width, height) == shown
