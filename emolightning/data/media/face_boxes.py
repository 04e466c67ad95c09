"""Where faces are in one picture: OpenCV's Haar cascades, which come inside its wheel (Viola & Jones, CVPR 2001).

A box is (x, y, side): its centre and its side in pixels, as the frontal cascade draws it, from the brows to the chin.
"""

from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np

from emolightning.data.media.face_tracks import LINKED, overlap
from emolightning.errors import UserError

LOOKED_AT_PX = 400
"""The longer side of the pictures that are looked at."""
SMALLEST = 0.12
"""Least side of a face, as a share of the shorter side of the picture."""

_SCALE_STEP = 1.1
_NEIGHBOURS = 2
"""Overlapping finds that make a face. Single finds elsewhere are frequent, and a track needs several in a row."""
_PROFILE_NEIGHBOURS = 3
_PROFILE_SIDE, _PROFILE_FORWARD, _PROFILE_DOWN = 0.8, 0.16, 0.05
"""From the profile cascade's box, which reaches behind the ear, to the frontal one's; measured where both find it."""
_BOWED = (20.0, 35.0)
"""Degrees by which heads are bowed that the second search finds."""


def require_detector() -> None:
    """Refuse to go on without OpenCV or its cascades.

    Raises:
        UserError: they are not installed.
    """
    _cascades()


@lru_cache(maxsize=1)
def _cascades() -> dict[str, Any]:
    remedy = "pip install -e '.[faces]', or 'opencv-python-headless>=4.8,<5'"
    try:
        import cv2
    except ImportError:
        raise UserError(f"faces=detector needs OpenCV, which is not installed: {remedy}") from None
    names = {"front": "frontalface_alt2", "profile": "profileface"}
    folder = Path(getattr(getattr(cv2, "data", None), "haarcascades", ""))
    files = {key: folder / f"haarcascade_{name}.xml" for key, name in names.items()}
    if not all(file.is_file() for file in files.values()):
        raise UserError(f"faces=detector needs Haar cascades, which OpenCV {cv2.__version__} has not: {remedy}")
    return {key: cv2.CascadeClassifier(str(file)) for key, file in files.items()}


def boxes_of_faces(grey: np.ndarray) -> np.ndarray:
    """The faces of a picture; those in profile only where none looks to the front.

    Args:
        grey: (height, width) uint8.

    Returns:
        (faces, 3) float64, by position.
    """
    front = _found(grey, "front", _NEIGHBOURS)
    if len(front):
        return front
    mirrored = _found(np.ascontiguousarray(grey[:, ::-1]), "profile", _PROFILE_NEIGHBOURS)
    mirrored[:, 0] = grey.shape[1] - mirrored[:, 0]
    sides = [_as_front(_found(grey, "profile", _PROFILE_NEIGHBOURS), -1), _as_front(mirrored, +1)]
    return _merged(_sorted(np.concatenate(sides)))


def boxes_of_bowed_faces(grey: np.ndarray) -> np.ndarray:
    """The faces of a picture that are bowed and seen from the side: it is turned until they would be upright.

    Args:
        grey: (height, width) uint8.

    Returns:
        (faces, 3) float64, by position. More of them are none than `boxes_of_faces` has.
    """
    import cv2

    height, width = grey.shape
    found = []
    for forward, picture in ((-1, grey), (+1, np.ascontiguousarray(grey[:, ::-1]))):
        for degrees in _BOWED:
            turn = cv2.getRotationMatrix2D((width / 2, height / 2), -degrees, 1.0)
            boxes = _as_front(_found(cv2.warpAffine(picture, turn, (width, height)), "profile", _NEIGHBOURS), -1)
            back = cv2.invertAffineTransform(turn)
            boxes[:, :2] = boxes[:, :2] @ back[:, :2].T + back[:, 2]
            if forward > 0:
                boxes[:, 0] = width - boxes[:, 0]
            found.append(boxes)
    return _merged(_sorted(np.concatenate(found)))


def _found(grey: np.ndarray, name: str, neighbours: int) -> np.ndarray:
    import cv2

    smallest = max(20, round(min(grey.shape) * SMALLEST))
    threads = cv2.getNumThreads()
    cv2.setNumThreads(1)  # The order of finds, and with it how they are grouped, depends on threads.
    try:
        found: Sequence[Sequence[int]] = _cascades()[name].detectMultiScale(
            grey, _SCALE_STEP, neighbours, minSize=(smallest, smallest)
        )
    finally:
        cv2.setNumThreads(threads)
    boxes = np.array(found, dtype=np.float64).reshape(-1, 4)
    return _sorted(np.column_stack([boxes[:, 0] + boxes[:, 2] / 2, boxes[:, 1] + boxes[:, 3] / 2, boxes[:, 2]]))


def _as_front(boxes: np.ndarray, forward: int) -> np.ndarray:
    x, y, side = boxes.T
    moved = [x + forward * _PROFILE_FORWARD * side, y + _PROFILE_DOWN * side, _PROFILE_SIDE * side]
    return np.column_stack(moved)


def _merged(boxes: np.ndarray) -> np.ndarray:
    """One box, the mean, for each group that begins with the first box and overlaps it."""
    merged = []
    while len(boxes):
        same = np.array([overlap(boxes[0], box) >= LINKED for box in boxes])
        merged.append(boxes[same].mean(axis=0))
        boxes = boxes[~same]
    return np.array(merged).reshape(-1, 3)


def _sorted(boxes: np.ndarray) -> np.ndarray:
    return boxes[np.lexsort(boxes.T[::-1])]
