"""`doctor page=FILE`: one file that shows clips as a run would see them, whatever is wrong with them."""

import base64
import io
import json
import re
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from face_factory import film
from media_factory import make_media
from PIL import Image
from test_doctor import asked

from emolightning.data.media.faces import FacePolicy, Faces
from emolightning.data.media.openface import NoFace
from emolightning.data.perturbing.augmenting import Augmentation
from emolightning.errors import UserError
from emolightning.records.clips import Clip
from emolightning.records.inputs import InputKind
from emolightning.runs.report.augmented import PASSES, shown_passes
from emolightning.runs.report.clip_cards import COLUMNS, ClipCard, counted_remarks
from emolightning.runs.report.clips_page import write_clips_page

HOSTILE = "<script>alert('x')</script><img src=x onerror=alert(1)>"


@pytest.fixture(scope="module")
def odd(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Five clips: one in order, and one each without sound, silent, black, and that cannot be decoded."""
    folder = tmp_path_factory.mktemp("odd")
    (folder / "clips").mkdir()
    make_media(folder / "clips" / "good.mp4", seconds=0.6)
    make_media(folder / "clips" / "mute.mp4", seconds=0.6, audio=False)
    make_media(folder / "clips" / "quiet.mp4", seconds=0.6, loudness=(0.0, 0.0))
    tone = np.sin(np.arange(6400) / 3) / 2
    film(folder / "clips" / "dark.mkv", None, lambda _: [], num_frames=10, ground=(4, 4, 4), sound=tone)
    (folder / "clips" / "bad.mp4").write_bytes(b"no video")
    rows = [
        f'{name}.{"mkv" if name == "dark" else "mp4"}, sad, "{HOSTILE if name == "good" else name}"'
        for name in ("good", "mute", "quiet", "dark", "bad")
    ]
    (folder / "clips.csv").write_text("\n".join(["video_name, emotion_label, transcription", *rows]), encoding="utf-8")
    return folder


def shown(odd: Path, folder: Path, *words: str) -> tuple[str, str]:
    """The page, and its cards by clip."""
    data = ("data=custom", f"data.annotations={odd / 'clips.csv'}", f"data.media={odd / 'clips'}", "data.labels=mer6")
    asked(folder, *data, "features.num_workers=1", f"page={folder / 'page.html'}", *words)
    return (folder / "page.html").read_text(encoding="utf-8")


def cards_of(page: str) -> dict[str, str]:
    found = re.findall(r"<article.*?</article>", page, re.DOTALL)
    return {re.search(r"<h2>(.*?)</h2>", card)[1]: card for card in found}


def remarks(card: str) -> list[str]:
    return re.findall(r"<li><b>(.*?)</b>", card)


def test_each_clip_says_what_is_wrong_with_it(
    odd: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def nobody(self: FacePolicy, clip: Clip, positions: object) -> Faces:
        raise NoFace(clip.video, "no face is found")

    monkeypatch.setattr(FacePolicy, "crops", nobody)
    page = shown(odd, tmp_path, "faces=detector", "data.frame=even:2", "data.missing=zero")
    cards = cards_of(page)
    assert {name: remarks(card) for name, card in cards.items()} == {
        "good": ["no face"],
        "mute": ["no face", "no sound"],
        "quiet": ["no face", "silent"],
        "dark": ["no face", "black"],
        "bad": ["no face", "media that cannot be decoded"],
    }
    counted = "5 no face, 1 no sound, 1 silent, 1 black, 1 media that cannot be decoded"
    assert f"5 of 5 clips; {counted}." in page
    assert f"shows 5 of 5 clips; {counted}" in capsys.readouterr().out
    assert "face 1 x 384" in cards["good"]
    assert 'class="absent">speech zeros: ' in cards["mute"]
    assert "frame 3" in cards["good"]
    assert "frame 11" in cards["good"]
    assert "15 frames, 96 x 64, 0.6 s of sound" in re.sub(r"0\.\d+ s", "0.6 s", cards["good"])
    assert "media that cannot be decoded" in cards["bad"]
    assert "<polygon" in cards["good"]
    assert "<polygon" not in cards["mute"]


def test_nothing_from_outside_runs_and_nothing_is_loaded(odd: Path, tmp_path: Path) -> None:
    page = shown(odd, tmp_path, "shown=2", "data.frame=peak")
    assert re.search(r"<span>frame \d+</span>", page)
    assert "2 of 5 clips" in page
    assert page.count("<script") == 1  # The page's own.
    assert "&lt;script&gt;" in page
    sources = re.findall(r'(?:src|href)="([^"#]+)"', page)
    assert len(sources) > 1
    assert all(source.startswith(("data:image/jpeg;base64,", "data:,")) for source in sources)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("faces=nobody",), "faces='nobody' is not none, center, detector or folder:PATH"),
        (("faces=folder:nowhere",), "faces=folder:nowhere: there is no such folder"),
        (("shown=0",), "shown=0: must be at least 1"),
    ],
)
def test_wrong_settings_are_told_before_anything_is_read(odd: Path, tmp_path: Path, words: tuple, message: str) -> None:
    with pytest.raises(UserError, match=re.escape(message)):
        shown(odd, tmp_path, *words)
    assert not list(tmp_path.glob("cache*"))


def test_a_training_clip_shows_what_its_first_passes_are(tmp_path: Path) -> None:
    inputs = {"face": InputKind("vectors", "video", "x"), "transcript": InputKind("text", "text", "x")}
    vectors = {"face": {"c": np.arange(12, dtype=np.float32).reshape(2, 6)}}
    corpus: Any = SimpleNamespace(inputs=inputs, features=SimpleNamespace(vectors=vectors))
    augmentation = Augmentation(inputs, modality_dropout=0.6, masked_values=0.5)
    removed = [augmentation.removed("c", number) for number in range(PASSES)]
    card = ClipCard(Clip("c", Path("c.mp4"), split="train"), passes=shown_passes(corpus, "c", augmentation))
    write_clips_page(tmp_path / "p.html", [card], title="x", total=1, settings="")
    page = (tmp_path / "p.html").read_text(encoding="utf-8")
    assert sum("face" in each for each in removed) + sum("transcript" in each for each in removed) > 0
    assert page.count(">removed</td>") == sum(map(len, removed))
    assert page.count('alt="vectors of face"') == 1 + sum("face" not in each for each in removed)
    assert page.count(">kept</td>") == 1 + sum("transcript" not in each for each in removed)


def test_the_faces_of_a_card(tmp_path: Path) -> None:
    boxes = [None, [1, 2, 3], [1, 2, 3], None]
    record = {"boxes": boxes, "num_frames": 4, "num_tracks": 2, "is_bowed": False, "speaking": [0.25, None]}
    card = ClipCard(Clip("a", Path("a.mp4"), label="sad"), face=record | {"because": "the largest"})
    card.crops, card.sound = [np.full((20, 20, 3), 200, np.uint8)], np.linspace(0, 1, COLUMNS)
    assert card.seen == [(0.25, 0.5)]
    write_clips_page(tmp_path / "page.html", [card], title="a<b", total=1, settings="")
    page = (tmp_path / "page.html").read_text()
    assert "2 faces; chosen: the largest (correlations 0.25, none), in 2 of 4 frames" in page
    assert 'style="left: 25.00%; width: 50.00%"' in page
    assert "a&lt;b" in page
    (picture,) = re.findall(r'src="data:image/jpeg;base64,([^"]+)"', page)
    assert Image.open(io.BytesIO(base64.b64decode(picture))).size == (20, 20)
    assert counted_remarks([card]) == ""


def test_a_real_clip_with_its_face(shared: Path, tmp_path: Path) -> None:
    (tmp_path / "one.csv").write_text('video_name,emotion_label,transcription\nsample_00005854.mp4,angry,"Why?"\n')
    data = ("data=custom", f"data.annotations={tmp_path / 'one.csv'}", f"data.media={shared / 'clips'}")
    words = (f"page={tmp_path / 'page.html'}", "faces=detector", "modalities=[video,text]")
    _, found = asked(tmp_path, *data, *words)
    assert json.dumps(found)
    page = (tmp_path / "page.html").read_text()
    assert "one face, in all 49 frames" in page
    (box,) = re.findall(r'<rect x="(-?\d+)" y="(-?\d+)" width="(\d+)"', page)
    assert 250 < int(box[0]) < 330
    assert page.count('alt="face ') == 8
    assert "yellow where the face is seen" in page
