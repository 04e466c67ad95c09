"""report.html: whole without network, and nothing in it runs."""

import re
from pathlib import Path

import numpy as np

from emolightning.evaluation.page import MAX_SHOWN, shown_clips, write_page
from emolightning.evaluation.scoring import Classification
from emolightning.records import Answer, Clip

LABELS = ("happy", "sad")
SCORING = Classification(labels=LABELS)
HOSTILE = "<script>alert('x')</script><img src=x onerror=alert(1)>"


def make_rows(num_clips, text="happy"):
    clips = [Clip(f"c{k}", Path("c.mp4"), transcript=HOSTILE, label="happy") for k in range(num_clips)]
    answers = [Answer(clip.id, text, "prompt", clip.label, 0.1) for clip in clips]
    return [(clip, answer, SCORING.score(answer)) for clip, answer in zip(clips, answers, strict=True)]


def render(tmp_path, rows, history=()):
    report = SCORING.report([answer for _, answer, _ in rows], benchmark="b<i>", split="test")
    report["evaluation"] = {"note": HOSTILE}
    frames = {rows[0][0].id: np.zeros((20, 30, 3), np.uint8)}
    write_page(tmp_path / "report.html", report, rows, frames=frames, history=list(history))
    return (tmp_path / "report.html").read_text()


def test_text_from_outside_is_escaped(tmp_path):
    page = render(tmp_path, make_rows(2, text=f"sad {HOSTILE}"))
    assert "<script" not in page
    assert "onerror=alert(1)>" not in page.replace("onerror=alert(1)&gt;", "")
    assert "&lt;script&gt;" in page
    assert "b&lt;i&gt;" in page


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
