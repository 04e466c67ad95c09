"""`doctor page=FILE`: one self-contained page that shows clips as a run would see them."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from emolightning.files.writing import write_whole
from emolightning.runs.report.clip_cards import ClipCard, counted_remarks
from emolightning.runs.report.pictures import jpeg_uri
from emolightning.runs.report.rendering import render

WAVE_HEIGHT = 44


def write_clips_page(path: Path, cards: Sequence[ClipCard], *, title: str, total: int, settings: str) -> None:
    """Write the page.

    Args:
        path: of the HTML file.
        cards: of the clips that are shown.
        title: the dataset.
        total: clips of the dataset.
        settings: how the clips were looked at.
    """
    page = render(
        "clips.html.jinja",
        title=title,
        total=total,
        settings=settings,
        counted=counted_remarks(cards),
        cards=[_shown(card) for card in cards],
        has_faces=any(card.seen for card in cards),
        wave_height=WAVE_HEIGHT,
    )
    write_whole(path, page)


def _shown(card: ClipCard) -> dict[str, Any]:
    """A card with its pictures as text."""
    return {
        "clip": card.clip,
        "truth": _truth(card),
        "facts": _facts(card),
        "pictures": [(jpeg_uri(picture.pixels), picture) for picture in card.pictures],
        "crops": [jpeg_uri(crop) for crop in card.crops],
        "face": face_sentence(card),
        "seen": [(f"{100 * start:.2f}%", f"{100 * length:.2f}%") for start, length in card.seen],
        "wave": None if card.sound is None else _wave(card.sound),
        "vectors": card.vectors,
        "passes": card.passes,
        "remarks": card.remarks,
    }


def _truth(card: ClipCard) -> str:
    clip = card.clip
    return clip.label or ", ".join(clip.open_labels or ()) or ""


def _facts(card: ClipCard) -> str:
    """`98 frames, 672 x 378, 3.9 s of sound, train`."""
    parts = [f"{card.num_frames} frames"] if card.num_frames else []
    parts += ["{} x {}".format(*card.pictures[0].size)] if card.pictures else []
    parts += [f"{card.seconds:.1f} s of sound"] if card.seconds else []
    parts += [str(card.clip.span)] if card.clip.span else []
    return ", ".join([*parts, *([card.clip.split] if card.clip.split else [])])


def face_sentence(card: ClipCard) -> str:
    """What was chosen and why."""
    face = card.face
    if "boxes" not in face:
        return ""
    seen, total = sum(box is not None for box in face["boxes"]), face["num_frames"]
    kind = "bowed face" if face["is_bowed"] else "face"
    text = f"one {kind}" if face["num_tracks"] == 1 else f"{face['num_tracks']} {kind}s; chosen: {face['because']}"
    values = ["none" if value is None else f"{value:.2f}" for value in face["speaking"]]
    text += f" (correlations {', '.join(values)})" if values else ""
    return f"{text}, in {'all' if seen == total else f'{seen} of'} {total} frames"


def _wave(sound: np.ndarray) -> str:
    """The outline of a polygon around the middle, a unit a column; the loudest column fills the height."""
    half = WAVE_HEIGHT / 2
    heights = sound / max(float(sound.max()), 1e-6) * (half - 1)
    upper = [f"{column},{half - height:.1f}" for column, height in enumerate(heights)]
    lower = [f"{column},{half + height:.1f}" for column, height in reversed(list(enumerate(heights)))]
    return " ".join(upper + lower)
