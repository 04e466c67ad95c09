"""Who is seen of a clip: whole frames, their centres, the crops of one face, or the faces that OpenFace has cut out.

That is part of a recipe: the policy is written down beside the vectors, and so is what it chose in each clip.
"""

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import groupby
from pathlib import Path
from typing import Any, Literal, get_args

import numpy as np

from emolightning.data.media.face_boxes import require_detector
from emolightning.data.media.face_films import centre, choose_film, crop, each_picture, find_films, squares_of
from emolightning.data.media.face_tracks import Choice
from emolightning.data.media.openface import find_faces
from emolightning.data.media.opening import MediaError
from emolightning.data.media.squeezing import squeezed_by_decoder
from emolightning.data.media.upright import upright_pixels
from emolightning.data.media.video import count_frames
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


class TooLarge(MediaError):
    """The pictures of a clip take more memory than the caller allows."""


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

    def crops(
        self, clip: Clip, positions: Positions, *, decoded_at: int | None = None, most_bytes: int | None = None
    ) -> Faces:
        """The chosen pictures of a clip.

        With `detector`, `positions` counts the frames that show the face, as in a folder of OpenFace, where the others
        are missing. What OpenFace has cut out is found by the clip's id.

        Args:
            clip: the video, or a piece of it.
            positions: which frames are chosen.
            decoded_at: pixels, both ways, at which whole frames have to come out of the decoder; None for their own.
            most_bytes: of all pictures together; None for any number.

        Returns:
            The pictures, and a record: `faces` (the policy), `num_frames` (of the clip, or in its folder), `positions`
            (the chosen ones); with `detector` also `num_looks`, `num_tracks`, `track` (the chosen one), `because`,
            `num_found` (looks that found it), `speaking` (correlation of each), `is_bowed`, and `boxes`, per frame of
            the clip left, top and side of the crop in pixels, or None where the face is not seen.

        Raises:
            NoFace: there is none.
            NoAudioTrack: `speaking` has several faces to choose from, and no sound.
            MediaError: not a usable video.
            TooLarge: the pictures have more than `most_bytes`; see `each`.
        """
        seen = self._see(clip, positions, decoded_at)
        places = seen.record["positions"]
        found: dict[int, np.ndarray] = {}
        for place, picture in zip(sorted(set(places)), seen.each(sorted(set(places))), strict=True):
            if most_bytes is not None and picture.nbytes * len(places) > most_bytes:
                raise TooLarge(clip.video, f"{len(places)} pictures of {picture.nbytes} bytes")
            found[place] = picture
        return Faces(np.stack([found[place] for place in places]), seen.record)

    def each(
        self, clip: Clip, positions: Positions, *, decoded_at: int | None = None
    ) -> tuple[dict[str, Any], Iterator[np.ndarray]]:
        """The record of `crops`, and the same pictures one by one: memory holds one, however long the clip is.

        Raises:
            MediaError: as `crops`, also from the pictures; or the recipe asks for frames in another order.
        """
        seen = self._see(clip, positions, decoded_at)
        places = seen.record["positions"]
        if sorted(places) != places:
            reason = f"its {len(places)} pictures are too large to be held, and the recipe goes back in the clip"
            raise MediaError(clip.video, f"{reason}; say faces=center or faces=detector")
        return seen.record, _repeated(seen.each(sorted(set(places))), places)

    def _see(self, clip: Clip, positions: Positions, decoded_at: int | None) -> "_Seen":
        """Everything but the pictures."""
        if self.kind == "detector":
            return self._of_detector(clip, positions)
        if self.folder is not None:
            cut_out = find_faces(self.folder, clip.id)
            record = {"faces": str(self), "num_frames": cut_out.num_frames, "positions": positions(cut_out.num_frames)}
            return _Seen(record, cut_out.each)
        number = count_frames(clip.video, clip.span)
        record = {"faces": str(self), "num_frames": number, "positions": positions(number)}
        squeezed = partial(squeezed_by_decoder, size=decoded_at) if decoded_at and self.kind == "none" else None
        pictures = partial(each_picture, clip, keep=self._kept, read=squeezed or upright_pixels)
        return _Seen(record, lambda places: _of_one_size(clip.video, pictures(places)))

    def _kept(self, _: int, pixels: np.ndarray) -> np.ndarray:
        return centre(pixels, self.size) if self.kind == "center" else pixels

    def _of_detector(self, clip: Clip, positions: Positions) -> "_Seen":
        search = find_films(clip)
        chosen = choose_film(clip, search, self.track)
        film = search.films[chosen.index]
        squares = squares_of(film, self.margin)
        number = len(search.seconds)
        record = {
            "faces": str(self),
            "num_frames": number,
            "positions": [film.first + position for position in positions(len(squares))],
            "num_looks": search.num_looks,
            "is_bowed": search.is_bowed,
            "num_tracks": len(search.films),
            "track": chosen.index,
            "because": chosen.because,
            "num_found": film.num_found,
            "speaking": list(chosen.speaking),
            "boxes": [None] * film.first + squares.tolist() + [None] * (number - film.first - len(squares)),
        }

        def cut_out(place: int, pixels: np.ndarray) -> np.ndarray:
            return crop(pixels, squares[place - film.first], self.size)

        return _Seen(record, partial(each_picture, clip, keep=cut_out))


@dataclass(frozen=True)
class _Seen:
    """What is chosen of a clip, before its pictures are read."""

    record: dict[str, Any]
    each: Callable[[Sequence[int]], Iterator[np.ndarray]]
    """Positions, each after the one before -> their pictures."""


def _repeated(pictures: Iterator[np.ndarray], places: Sequence[int]) -> Iterator[np.ndarray]:
    """Each picture as often as its place is there."""
    for _, same in groupby(places):
        picture = next(pictures)
        yield from (picture for _ in same)


def _of_one_size(path: Path, pictures: Iterator[np.ndarray]) -> Iterator[np.ndarray]:
    """The pictures.

    Raises:
        MediaError: one is not as large as those before.
    """
    first: tuple[int, ...] | None = None
    for picture in pictures:
        first = first or picture.shape
        if picture.shape != first:
            raise MediaError(path, "the size of its picture changes; make a copy of one size, or say faces=center")
        yield picture
