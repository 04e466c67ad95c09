"""Label archives: read like numpy reads them, without executing what pickles ask for."""

import csv
import io
import os
import pickle
import random
import tracemalloc
import zipfile
from pathlib import Path

import numpy as np
import pytest

from emolightning.data.readers.label_npz import read_label_npz
from emolightning.data.readers.plain_pickle import PickleRefused, read_plain_pickle
from emolightning.errors import InputErrors, UserError

CORPUS = {"a": {"emo": "sad", "val": -1.5}, "b": {"emo": "happy", "val": -10}}


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
@pytest.mark.parametrize(
    "value",
    [
        {},
        [1, -1, 2**40, -(2**300), 1.5, True, False, None, "ü", "x" * 300, (), (1,), (1, 2), (1, 2, 3), (1, 2, 3, 4)],
        {"a": {"emo": "sad", "val": np.float64(-1.5)}, "b": {"emo": np.str_("happy"), "val": np.int64(3)}},
        {1: [[], [2], {"k": b"\x00\xff"}], "same": CORPUS["a"], "again": CORPUS["a"]},
        [np.float32(0.1), np.uint8(200), np.bool_(True)],
    ],
    ids=str,
)
def test_plain_values_come_out_as_pickle_would_give_them(value: object, protocol: int) -> None:
    assert read_plain_pickle(pickle.dumps(value, protocol)) == value


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL))  # the newest writes arrays another way
@pytest.mark.parametrize(
    "array",
    [
        np.array(CORPUS, dtype=object),
        np.array(["x", {"y": 1}], dtype=object),
        np.arange(6.0).reshape(2, 3),
        np.arange(24, dtype=">i2").reshape(2, 3, 4),
        np.array(["sad", "happy"]),
        np.array(b"ab"),
        np.zeros((2, 0)),
    ],
    ids=lambda array: f"{array.dtype}{array.shape}",
)
def test_arrays_inside_a_pickle(array: np.ndarray, protocol: int) -> None:
    assert read_plain_pickle(pickle.dumps({"array": array}, protocol)) == {"array": array.tolist()}


class Hostile:
    """Unpickling this runs a program."""

    def __init__(self, marker: Path):
        self.marker = marker

    def __reduce__(self) -> tuple:
        return os.system, (f"touch {self.marker}",)


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_a_pickle_that_runs_a_program_is_refused_by_name_and_runs_nothing(tmp_path: Path, protocol: int) -> None:
    marker = tmp_path / "executed"
    hostile = pickle.dumps({"a": Hostile(marker)}, protocol)
    with pytest.raises(PickleRefused, match=r"names '(posix|nt)\.system'"):
        read_plain_pickle(hostile)
    assert not marker.exists()
    pickle.loads(hostile)
    assert marker.exists(), "the file is as harmful as it should be"


@pytest.mark.parametrize(
    ("program", "message"),
    [
        (b"cbuiltins\neval\n(V1+1\ntR.", "'builtins.eval'"),
        (b"cnumpy\nload\n(Vx.npy\ntR.", "'numpy.load'"),
        (b"cnumpy.core.multiarray\nscalar\n(Vx\nVy\ntR.", "wrong place"),
        (b"cnumpy\ndtype\n(Vi4,i4\ntR.", "arguments that are not plain"),
        (b"cnumpy\nndarray\n(I999999999\ntR.", "not plain"),
        (b"cnumpy\nndarray\n.", "a name where a value belongs"),
        (b"(ios\nsystem\n.", "opcode INST"),
        (b"\x80\x02U\x01xQ.", "opcode BINPERSID"),
        (b"\x80\x02\x82\x01.", "opcode EXT1"),
        (b"\x80\x02](\x8c\x01ae", "damaged"),
        (b"\x80\x02h\x07.", "damaged"),
        (b"\x80\x02e.", "damaged"),
        (b"\x80\x02(.", "damaged"),
        (b"", "damaged"),
        (b"\x80\x02]q\x00h\x00a.", "within itself"),
        (b"\x80\x02}(\x8c\x01aK\x01\x8c\x01aK\x02u.", "twice"),
        (b"\x80\x02}(]K\x01u.", "wrong place"),
        (b"\x80\x02cnumpy.core.multiarray\n_reconstruct\n)R(K\x01K\xff\x85cnumpy\ndtype\nU\x02f8\x85RNU\x00tb.", "fit"),
    ],
)
def test_pickles_that_are_damaged_or_more_than_plain(program: bytes, message: str) -> None:
    with pytest.raises(PickleRefused, match=message):
        read_plain_pickle(program)


def test_a_pickle_that_doubles_with_each_level_stays_small() -> None:
    value: list = []
    for _ in range(28):
        value = [value, value]
    result = read_plain_pickle(pickle.dumps(value))
    assert result[0] is result[1]


def array_from_memo(shape: bytes, dtype: bytes) -> bytes:
    """Opcodes of one array whose content is what the pickle keeps under number 0."""
    made = b"cnumpy.core.multiarray\n_reconstruct\n)R(K\x01" + shape + b"cnumpy\ndtype\nU" + bytes([len(dtype)]) + dtype
    return made + b"\x85R\x89h\x00tb"


@pytest.mark.parametrize(
    ("shape", "dtype"),
    [
        (b"J\x00\x00\x10\x00\x85", b"i1"),  # a million numbers, again and again
        (b"(J\x00\x00\x10\x00" + 7 * b"K\x01" + b"t", b"i1"),  # each in seven lists of its own
        (b"J\xff\xff\xff\x7fK\x00\x86", b"i1"),  # empty rows
    ],
)
def test_many_arrays_from_one_text_are_refused_before_they_are_made(shape: bytes, dtype: bytes) -> None:
    text = bytes(2**20)
    program = b"\x80\x03](B" + len(text).to_bytes(4, "little") + text + b"q\x00"
    tracemalloc.start()
    with pytest.raises(PickleRefused, match="unpacks to more than labels can have"):
        read_plain_pickle(program + 500 * array_from_memo(shape, dtype) + b"e.")
    assert tracemalloc.get_traced_memory()[1] < 100 * 2**20
    tracemalloc.stop()


def test_a_pickle_of_empty_lists_alone_is_refused() -> None:
    with pytest.raises(PickleRefused, match="unpacks to more than labels can have"):
        read_plain_pickle(b"\x80\x03(" + b"]" * 2**20 + b"t.")
    assert len(read_plain_pickle(b"\x80\x03(" + b"]" * 2**18 + b"t.")) == 2**18


def test_archives_that_unpack_to_more_than_labels_or_have_a_name_twice(tmp_path: Path) -> None:
    path = tmp_path / "labels.npz"
    np.savez_compressed(path, x=np.zeros(2**20), y=np.array("sad"))
    assert path.stat().st_size < 20_000
    with pytest.raises(UserError, match="unpacks to 8.* bytes, more than labels can have"):
        read_label_npz(path, None)
    np.savez(path, x=np.array("sad"))
    with zipfile.ZipFile(path, "a") as archive, pytest.warns(UserWarning, match="Duplicate"):
        archive.writestr("x.npy", archive.read("x.npy"))
    with pytest.raises(InputErrors, match=r"array 'x\.npy' is there twice"):
        read_label_npz(path, None)
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("x.npy", header((10**9, 0))[:-8])
    with pytest.raises(UserError, match="nothing in an array"):
        read_label_npz(path, None)


@pytest.mark.parametrize(
    ("shape", "dtype"),
    [(b"K\x01\x85", b"i3"), (b"K\x01\x85", b"b7"), (b"K\x01\x85", b"U0"), (b"\x88\x85", b"i1"), (b"N\x85", b"i1")],
)
def test_types_and_shapes_that_numpy_does_not_know(shape: bytes, dtype: bytes) -> None:
    with pytest.raises(PickleRefused, match="not plain|impossible shape"):
        read_plain_pickle(b"\x80\x03](C\x01\x07q\x00" + array_from_memo(shape, dtype) + b"e.")
    right = array_from_memo(b"K\x01\x85", b"i1")
    assert read_plain_pickle(b"\x80\x03](C\x01\x07q\x00" + right + b"e.") == [b"\x07", [7]]


def test_damaged_pickles_are_refused_and_nothing_else_happens() -> None:
    good = pickle.dumps({"array": np.array([1.5, 2.5]), **CORPUS}, 4)
    generator = random.Random(0)
    num_refused = 0
    for _ in range(3000):
        data = bytearray(good)
        for _ in range(generator.randint(1, 4)):
            data[generator.randrange(len(data))] = generator.randrange(256)
        try:
            read_plain_pickle(bytes(data[: generator.randint(1, len(data))]))
        except PickleRefused:
            num_refused += 1
    assert num_refused > 2000


def test_a_corpus_is_chosen_by_name(tmp_path: Path) -> None:
    path = tmp_path / "labels.npz"
    np.savez(path, train_corpus=np.array({"c": {"emo": "sad"}}), test1_corpus=np.array(CORPUS))
    assert read_label_npz(path, "test1_corpus") == [("a", "sad", -1.5), ("b", "happy", -10)]
    assert read_label_npz(path, "train_corpus") == [("c", "sad", None)]
    with pytest.raises(UserError, match=r"no array 'test3_corpus'; there are \['train_corpus', 'test1_corpus'\]"):
        read_label_npz(path, "test3_corpus")


def test_an_array_for_each_clip(tmp_path: Path) -> None:
    path = tmp_path / "labels.npz"
    np.savez(path, x=np.array("sad"), y=np.array(["happy"]), z=np.array("angry", dtype=object))
    assert read_label_npz(path, "any") == [("x", "sad", None), ("y", "happy", None), ("z", "angry", None)]
    np.savez(path, x=np.array(1.5), y=np.array(["happy", "sad"]))
    with pytest.raises(InputErrors, match="array 'x': a label is a text, not float") as caught:
        read_label_npz(path, None)
    assert len(caught.value.problems) == 2


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (np.array([1, 2]), "test1_corpus is not a dict of names"),
        (np.array({"x": {"val": 1}, "y": "sad"}), "'x' has no text `emo`"),
        (np.array({"x": {"emo": 3}}), "'x' has no text `emo`"),
        (np.array({}), "is not a dict"),
    ],
)
def test_an_archive_of_something_else(tmp_path: Path, content: np.ndarray, message: str) -> None:
    path = tmp_path / "labels.npz"
    np.savez(path, test1_corpus=content)
    with pytest.raises(UserError, match=message):
        read_label_npz(path, "test1_corpus")


def test_archives_that_are_damaged(tmp_path: Path) -> None:
    path = tmp_path / "labels.npz"
    path.write_bytes(b"not a zip")
    with pytest.raises(UserError, match=r"labels\.npz: not an .npz archive"):
        read_label_npz(path, "test1_corpus")
    for content in (b"", b"\x93NUMPY\x01\x00", b"\x93NUMPY\x09\x00xx", header((10**9,)), header((2, 2))):
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr("test1_corpus.npy", content)
        with pytest.raises(UserError, match="array 'test1_corpus' is damaged"):
            read_label_npz(path, "test1_corpus")
    np.savez(path, test1_corpus=np.array(Hostile(tmp_path / "executed"), dtype=object))
    with pytest.raises(UserError, match=r"nothing was executed: it names '(posix|nt)\.system'"):
        read_label_npz(path, "test1_corpus")
    assert not (tmp_path / "executed").exists()


def header(shape: tuple[int, ...]) -> bytes:
    """A `.npy` that promises an array it does not have."""
    stream = io.BytesIO()
    np.lib.format.write_array_header_1_0(stream, {"descr": "<f8", "fortran_order": False, "shape": shape})
    return stream.getvalue() + bytes(8)


@pytest.mark.parametrize(
    ("corpus", "flat"),
    [("train", "train"), ("test1", "test1_multi"), ("test2", "test2_noise"), ("test3", "test3_semi")],
)
def test_the_official_archive_of_mer2023(shared: Path, corpus: str, flat: str) -> None:
    folder = shared / "benchmarks" / "mer2023_labels"
    with (folder / f"{flat}.flat.csv").open(encoding="utf-8") as file:
        expected = [(row["name"], row["discrete"], float(row["valence"])) for row in csv.DictReader(file)]
    assert sorted(read_label_npz(folder / "label-6way.npz", f"{corpus}_corpus")) == sorted(expected)


def test_the_archive_of_mer2024_semi(shared: Path) -> None:
    folder = shared / "benchmarks" / "mer2024_semi_labels"
    with (folder / "gt_mer2024_semi.flat.csv").open(encoding="utf-8") as file:
        expected = [(row["name"], row["discrete"], None) for row in csv.DictReader(file)]
    assert read_label_npz(folder / "gt_mer2024_semi_other.npz", None) == expected
