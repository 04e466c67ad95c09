"""Faces that OpenFace has cut out, as its users keep them: a stack a clip in an npy file, or a bmp file a frame."""

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from emolightning.data.media.opening import MediaError, check_size
from emolightning.data.stores.cache import DAMAGED_ARRAY
from emolightning.files.names import NamesOnDisk

MAX_FACES = 200_000
"""Most frames of one clip: two hours."""


class NoFace(MediaError):
    """A clip in which OpenFace, or the detector, finds no face: an outcome to be counted, and no damage."""


@dataclass(frozen=True)
class Faces:
    """The faces of one clip, in the order of its frames; those that are asked for are read."""

    path: Path
    """The npy file, or the folder of bmp files."""
    num_frames: int
    _picture: Callable[[int], np.ndarray]

    def each(self, positions: Sequence[int]) -> Iterator[np.ndarray]:
        """The faces one by one, each uint8 (height, width, 3), RGB.

        Raises:
            MediaError: a file cannot be read, or faces have different sizes.
        """
        first: tuple[int, ...] | None = None
        for position in positions:
            picture = self._picture(position)
            first = first or picture.shape
            if picture.shape != first:
                shown = ", ".join(f"{width} x {height}" for height, width, _ in sorted({first, picture.shape}))
                reason = f"its faces have different sizes ({shown}); run OpenFace with -simalign again"
                raise MediaError(self.path, reason)
            yield picture


def find_faces(root: Path, clip_id: str) -> Faces:
    """The faces of a clip below the folder of a dataset.

    Looked for are `ID/ID.npy`, `ID.npy`, bmp files in `ID/ID_aligned/` and in `ID/`, in this order; MERTools and
    OpenFace write them so.

    Args:
        root: the folder, e.g. `openface_face`.
        clip_id: whose faces; it is one name of a folder.

    Raises:
        NoFace: what is there holds no frame.
        MediaError: nothing of these is there, or it is not such a file.
    """
    if clip_id in ("", ".", "..") or re.search(r"[/\\\0]", clip_id):
        raise MediaError(root, f"the id {ascii(clip_id)[:80]} is no name of a folder in it")
    names = NamesOnDisk()
    for relative in (f"{clip_id}/{clip_id}.npy", f"{clip_id}.npy"):
        if (path := names.find(root, relative)).is_file():
            return _of_stack(path)
    for relative in (f"{clip_id}/{clip_id}_aligned", clip_id):
        folder = names.find(root, relative)
        # Sorted, because a folder lists its files in any order, and frames in that order are another film.
        files = sorted(path for path in folder.glob("*.bmp") if path.is_file()) if folder.is_dir() else []
        if files:
            return _of_pictures(folder, files)
    folder = names.find(root, clip_id)
    if folder.is_dir():
        raise NoFace(folder, "holds no faces: neither bmp files nor an npy file of that name")
    raise MediaError(
        root, f"has no {clip_id}/{clip_id}.npy, {clip_id}.npy or {clip_id}/*.bmp; run OpenFace on this clip"
    )


def _of_stack(path: Path) -> Faces:
    """OpenCV wrote it, so colours are in its order, blue first."""
    try:
        stack = np.lib.format.open_memmap(path, mode="r")
    except DAMAGED_ARRAY as error:
        raise MediaError(path, f"is not a readable .npy array ({error}); make it again") from error
    if not len(stack.shape) or len(stack) == 0:
        raise NoFace(path, "holds no faces")
    if stack.dtype != np.uint8 or stack.ndim != 4 or stack.shape[3] != 3 or len(stack) > MAX_FACES or not stack.size:
        found = f"{stack.dtype} {stack.shape}"
        raise MediaError(path, f"holds {found}; faces are uint8 (frames, height, width, 3), {MAX_FACES} at most")
    check_size(path, stack.shape[2], stack.shape[1])
    return Faces(path, len(stack), lambda position: np.ascontiguousarray(stack[position][..., ::-1]))


def _of_pictures(folder: Path, files: list[Path]) -> Faces:
    if len(files) > MAX_FACES:
        raise MediaError(folder, f"holds {len(files)} bmp files; {MAX_FACES} at most are read")

    return Faces(folder, len(files), lambda position: _picture(files[position]))


def _picture(path: Path) -> np.ndarray:
    try:
        with Image.open(path, formats=["BMP"]) as picture:
            check_size(path, *picture.size)
            return np.asarray(picture.convert("RGB"))
    except (OSError, ValueError, SyntaxError, EOFError, Image.DecompressionBombError) as error:
        if isinstance(error, MediaError):
            raise
        raise MediaError(path, f"is not a readable bmp file ({error}); make it again") from error
