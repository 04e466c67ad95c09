"""The pictures beside a file of answers about pieces of clips: one a clip."""

from collections.abc import Mapping, Sequence
from itertools import groupby
from pathlib import Path

from emolightning.data.readers.asked_media import Item
from emolightning.data.readers.pieces import piece_id
from emolightning.files.writing import write_whole, writing
from emolightning.runs.timeline.drawing import Piece, drawn, file_name

Said = Mapping[str, tuple[str | None, Mapping[str, float]]]
"""Id of an item -> its label and probabilities."""

ENDING = ".pictures"


def draw_timelines(out: Path, items: Sequence[Item], said: Said) -> Path | None:
    """Draw each clip of which some piece has an answer.

    Args:
        out: the file of answers; the pictures get a folder beside it.
        items: the pieces, those of a clip one after the other.
        said: what the answers are.

    Returns:
        The folder; None where there is nothing to draw.

    Raises:
        CannotWrite: a picture cannot be written.
    """
    folder, names = out.with_name(out.name + ENDING), set()
    for clip_name, group in groupby(items, key=_clip_name):
        pieces = [
            Piece(item.clip.span, *said.get(item.clip.id, (None, {}))) for item in group if item.clip.span is not None
        ]
        if not any(piece.probabilities for piece in pieces):
            continue
        name, number = file_name(clip_name), 1
        while (chosen := name if number == 1 else f"{name}-{number}").casefold() in names:
            number += 1
        names.add(chosen.casefold())
        with writing(f"out={folder}"):
            folder.mkdir(exist_ok=True)
        write_whole(folder / f"{chosen}.svg", drawn(clip_name, pieces))
    return folder if names else None


def _clip_name(item: Item) -> str:
    """The id of the clip that an item is a piece of."""
    return item.clip.id.removesuffix(piece_id("", item.clip.span))
