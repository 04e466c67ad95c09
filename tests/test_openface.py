"""Folders of OpenFace: stacks and pictures to frames in RGB, in the order of their names; hostile files refused."""

import os
import pickle
import struct
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from emolightning.data.media.openface import Faces, NoFace, find_faces
from emolightning.data.media.opening import MediaError


def stack(num_frames: int = 5, size: int = 12) -> np.ndarray:
    """Faces in RGB."""
    return np.random.default_rng(num_frames).integers(0, 256, (num_frames, size, size, 3), dtype=np.uint8)


def read(faces: Faces, positions: Sequence[int]) -> np.ndarray:
    return np.stack(list(faces.each(positions)))


def save_stack(path: Path, faces: np.ndarray) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    np.save(path, faces[..., ::-1])


def save_pictures(folder: Path, faces: np.ndarray) -> None:
    folder.mkdir(parents=True)
    for number in np.random.default_rng(0).permutation(len(faces)):  # A folder has no order.
        Image.fromarray(faces[number]).save(folder / f"frame_det_00_{number + 1:06d}.bmp")


@pytest.mark.parametrize("relative", ["{}/{}.npy", "{}.npy"])
@pytest.mark.parametrize("clip", ["clip_1", "Jos\u00e9", "with space 'and quote'"])
def test_a_stack_of_faces(tmp_path, relative, clip):
    save_stack(tmp_path / relative.format(clip, clip), stack())
    faces = find_faces(tmp_path, clip)
    assert faces.num_frames == 5
    assert np.array_equal(read(faces, [4, 0, 0]), stack()[[4, 0, 0]])
    assert read(faces, range(5)).flags["C_CONTIGUOUS"]


@pytest.mark.parametrize("relative", ["{}/{}_aligned", "{}"])
def test_a_folder_of_pictures(tmp_path, relative):
    save_pictures(tmp_path / relative.format("a", "a"), stack(12))
    (tmp_path / "a" / "a.csv").write_text("frame, success\n")
    faces = find_faces(tmp_path, "a")
    assert faces.num_frames == 12
    assert np.array_equal(read(faces, [11, 2, 2]), stack(12)[[11, 2, 2]])


def test_a_name_composed_in_another_way_is_the_same(tmp_path):
    save_stack(tmp_path / "Jose\u0301.npy", stack())
    assert find_faces(tmp_path, "Jos\u00e9").num_frames == 5


@pytest.mark.parametrize("make", ["empty folder", "empty stack", "folder of other files"])
def test_no_face_is_an_outcome_of_its_own(tmp_path, make):
    (tmp_path / "a").mkdir()
    if make == "empty stack":
        np.save(tmp_path / "a" / "a.npy", np.zeros((0, 112, 112, 3), np.uint8))
    if make == "folder of other files":
        (tmp_path / "a" / "a.csv").write_text("frame, success\n1, 0\n")
    with pytest.raises(NoFace, match="holds no faces"):
        find_faces(tmp_path, "a")


def test_a_clip_without_a_folder_says_what_was_looked_for(tmp_path):
    with pytest.raises(MediaError, match=r"a/a\.npy, a\.npy or a/\*\.bmp; run OpenFace") as error:
        find_faces(tmp_path, "a")
    assert not isinstance(error.value, NoFace)


@pytest.mark.parametrize("clip", ["", ".", "..", "../a", "a/b", "a\\b", "a\0b"])
def test_an_id_stays_in_the_folder(tmp_path, clip):
    save_stack(tmp_path / "a.npy", stack())
    save_stack(tmp_path / "in" / "b" / "b.npy", stack())
    with pytest.raises(MediaError, match="no name of a folder"):
        find_faces(tmp_path / "in", clip)


@pytest.mark.parametrize(
    ("array", "words"),
    [
        (np.zeros((3, 8, 8, 3), np.float32), "float32"),
        (np.zeros((3, 8, 8), np.uint8), r"uint8 \(3, 8, 8\)"),
        (np.zeros((3, 8, 8, 4), np.uint8), r"\(3, 8, 8, 4\)"),
        (np.zeros((3, 0, 8, 3), np.uint8), r"\(3, 0, 8, 3\)"),
        (np.zeros((2, 1, 100, 3), np.uint8), "100 x 1 pixels"),
        (np.array([{"a": 1}], dtype=object), "not a readable .npy"),
    ],
)
def test_stacks_of_something_else_are_refused(tmp_path, array, words):
    np.save(tmp_path / "a.npy", array, allow_pickle=True)
    with pytest.raises(MediaError, match=words):
        find_faces(tmp_path, "a")


class Evil:
    def __reduce__(self):
        return (os.mkdir, ("/tmp/openface_was_here",))


@pytest.mark.parametrize("content", [b"", b"\x93NUMPY", pickle.dumps(Evil()), b"\x93NUMPY\x01\x00\xff\xff" + b"(" * 60])
def test_damaged_stacks_are_refused_and_nothing_is_run(tmp_path, content):
    (tmp_path / "a.npy").write_bytes(content)
    with pytest.raises(MediaError, match="not a readable .npy"):
        find_faces(tmp_path, "a")
    assert not Path("/tmp/openface_was_here").exists()


def test_a_header_that_promises_more_than_the_file_has(tmp_path):
    save_stack(tmp_path / "a.npy", stack())
    whole = (tmp_path / "a.npy").read_bytes()
    (tmp_path / "a.npy").write_bytes(whole.replace(b"(5, 12, 12, 3)", b"(9,999,99,3)  "))
    with pytest.raises(MediaError, match="not a readable .npy"):
        find_faces(tmp_path, "a")


def bmp_of(width: int, height: int) -> bytes:
    """The header of a bmp file, without pixels."""
    return b"BM" + struct.pack("<IHHIIiiHHIIiiII", 54, 0, 0, 54, 40, width, height, 1, 24, 0, 0, 0, 0, 0, 0)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "not a readable bmp"),
        (b"GIF89a" + b"\0" * 50, "not a readable bmp"),
        (bmp_of(12, 12), "not a readable bmp"),
        (bmp_of(100_000, 100_000), "pixels"),
    ],
)
def test_damaged_pictures_are_refused(tmp_path, content, words):
    save_pictures(tmp_path / "a", stack(2))
    (tmp_path / "a" / "frame_det_00_000002.bmp").write_bytes(content)
    faces = find_faces(tmp_path, "a")
    assert read(faces, [0]).shape == (1, 12, 12, 3)
    with pytest.raises(MediaError, match=words) as error:
        read(faces, [0, 1])
    assert "000002.bmp" in str(error.value)


def test_faces_of_different_sizes_are_refused(tmp_path):
    save_pictures(tmp_path / "a", stack(2))
    Image.fromarray(stack(1, 20)[0]).save(tmp_path / "a" / "frame_det_00_000003.bmp")
    with pytest.raises(MediaError, match="different sizes .12 x 12, 20 x 20"):
        read(find_faces(tmp_path, "a"), [0, 2])
