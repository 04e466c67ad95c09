"""Who is seen of a clip: whole frames, their centres, the crops of one face, or the faces that OpenFace has cut out.

That is part of a recipe: the policy is written down beside the vectors, and so is what it chose in each clip.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Literal, get_args

import numpy as np

from emolightning.data.media.face_boxes import require_detector
from emolightning.data.media.face_films import centre, choose_film, crop, find_films, read_pictures, squares_of
from emolightning.data.media.face_tracks import Choice
from emolightning.data.media.openface import find_faces
from emolightning.data.media.squeezing import squeezed_by_decoder
from emolightning.data.media.video import count_frames, upright_pixels
from emolightning.errors import UserError
from emolightning.records.clips import Clip

Positions = Callable[[int], list[int]]
"""How many frames there are -> which are looked at, in order, repeats allowed."""

Kind = Literal["none", "center", "detector", "folder"]

SIZE_PX = 112
"""OpenFace's."""
MARGIN = 0.15
"""What is added to the box at each side, as a share of its side: the whole face, a little hair, no shoulders."""

_ALLOWED = (
    "none, center, detector or folder:PATH; center and detector take a size in pixels, e.g. center:224, and detector "
    "largest, longest or speaking, and a margin as a share of the face, e.g. detector:speaking:112:0.15"
)


@dataclass(frozen=True)
class Faces:
    """What an encoder of faces sees of a clip."""

    frames: np.ndarray
    """uint8 (chosen, size, size, 3) RGB; whole frames have their own height and width."""
    record: dict[str, Any]
    """What was chosen, as plain data: see `FacePolicy.crops`."""


@dataclass(frozen=True)
class FacePolicy:
    """Who is seen."""

    kind: Kind = "none"
    track: Choice = "largest"
    """The one of several faces, with `detector`."""
    size: int = SIZE_PX
    """Pixels, both ways, with `center` and `detector`."""
    margin: float = MARGIN
    """Share of the box's side that is added at each side, with `detector`."""
    folder: Path | None = None
    """Where the faces of each clip lie, with `folder`."""

    @classmethod
    def parse(cls, text: str) -> "FacePolicy":
        """`none`, `center`, `center:224`, `folder:PATH`, `detector`, `detector:speaking`, `detector:largest:112:0.15`.

        Raises:
            UserError: anything else.
        """
        text, size = str(text), r"(?::0*([1-9]\d{1,3}))?"
        if text == "none":
            return cls()
        if text.startswith("folder:") and (place := text.removeprefix("folder:")):
            return cls("folder", folder=Path(place))
        if found := re.fullmatch(f"center{size}", text):
            return cls("center", size=int(found[1] or SIZE_PX))
        if found := re.fullmatch(rf"detector(?::([a-z]+))?{size}(?::(\d\.?\d*))?", text):
            margin = MARGIN if found[3] is None else float(found[3])
            for track in get_args(Choice):
                if (found[1] or "largest") == track:
                    return cls("detector", track, int(found[2] or SIZE_PX), margin)
        raise UserError(f"faces={text!r} is not {_ALLOWED}")

    def __str__(self) -> str:
        """What `parse` reads as this: it goes into manifests."""
        if self.kind == "folder":
            return f"folder:{self.folder}"
        if self.kind == "center":
            return f"center:{self.size}"
        return "none" if self.kind == "none" else f"detector:{self.track}:{self.size}:{self.margin}"

    def require(self) -> None:
        """Refuse before any clip is read.

        Raises:
            UserError: no detector is installed, or there is no such folder.
        """
        if self.kind == "detector":
            require_detector()
        if self.kind == "folder" and not (self.folder and self.folder.is_dir()):
            raise UserError(f"faces=folder:{self.folder}: there is no such folder")

    def crops(self, clip: Clip, positions: Positions, *, decoded_at: int | None = None) -> Faces:
        """The chosen pictures of a clip.

        With `detector`, `positions` counts the frames that show the face, as in a folder of OpenFace, where the others
        are missing. What OpenFace has cut out is found by the clip's id.

        Args:
            clip: the video, or a piece of it.
            positions: which frames are chosen.
            decoded_at: pixels, both ways, at which whole frames have to come out of the decoder; None for their own.

        Returns:
            The pictures, and a record: `faces` (the policy), `num_frames` (of the clip, or in its folder), `positions`
            (the chosen ones); with `detector` also `num_looks`, `num_tracks`, `track` (the chosen one), `because`,
            `num_found` (looks that found it), `speaking` (correlation of each), `is_bowed`, and `boxes`, per frame of
            the clip left, top and side of the crop in pixels, or None where the face is not seen.

        Raises:
            NoFace: there is none.
            NoAudioTrack: `speaking` has several faces to choose from, and no sound.
            MediaError: not a usable video.
        """
        if self.kind == "detector":
            return self._of_detector(clip, positions)
        if self.folder is not None:
            cut_out = find_faces(self.folder, clip.id)
            chosen = positions(cut_out.num_frames)
            record = {"faces": str(self), "num_frames": cut_out.num_frames, "positions": chosen}
            return Faces(cut_out.read(chosen), record)
        number = count_frames(clip.video, clip.span)
        chosen = positions(number)
        squeezed = partial(squeezed_by_decoder, size=decoded_at) if decoded_at and self.kind == "none" else None
        frames = read_pictures(clip, chosen, self._kept, read=squeezed or upright_pixels)
        return Faces(frames, {"faces": str(self), "num_frames": number, "positions": chosen})

    def _kept(self, _: int, pixels: np.ndarray) -> np.ndarray:
        return centre(pixels, self.size) if self.kind == "center" else pixels

    def _of_detector(self, clip: Clip, positions: Positions) -> Faces:
        search = find_films(clip)
        chosen = choose_film(clip, search, self.track)
        film = search.films[chosen.index]
        squares = squares_of(film, self.margin)
        places = [film.first + position for position in positions(len(squares))]
        frames = read_pictures(clip, places, lambda place, pixels: crop(pixels, squares[place - film.first], self.size))
        number = len(search.seconds)
        record = {
            "faces": str(self),
            "num_frames": number,
            "positions": places,
            "num_looks": search.num_looks,
            "is_bowed": search.is_bowed,
            "num_tracks": len(search.films),
            "track": chosen.index,
            "because": chosen.because,
            "num_found": film.num_found,
            "speaking": list(chosen.speaking),
            "boxes": [None] * film.first + squares.tolist() + [None] * (number - film.first - len(squares)),
        }
        return Faces(frames, record)
