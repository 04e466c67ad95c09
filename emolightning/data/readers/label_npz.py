"""Label archives (.npz) of the MER benchmarks, read without executing the pickles inside.

MERBench's `label-6way.npz` has one pickled dict for each set, `test3_corpus: {name: {emo, val}}`; others have one array
for each clip, named after it, that holds the label.
"""

import io
import tokenize
import zipfile
import zlib
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from emolightning.data.readers.plain_pickle import PickleRefused, read_plain_pickle
from emolightning.errors import InputErrors, UserError

_LARGEST = 2 * 2**20  # bytes unpacked, of all arrays together; CMU-MOSEI's 22856 clips have 0.9 MB
_DAMAGED = (
    *(KeyError, ValueError, TypeError, EOFError, RuntimeError, NotImplementedError, SyntaxError, MemoryError, OSError),
    *(zipfile.BadZipFile, zlib.error, tokenize.TokenError),
)
"""What zipfile and numpy raise for bytes that are not what they should be."""
_HEADERS = {(1, 0): np.lib.format.read_array_header_1_0, (2, 0): np.lib.format.read_array_header_2_0}


def read_label_npz(path: Path, corpus: str | None, *, are_numbers: bool = False) -> list[tuple[str, str, Any]]:
    """(name, label, valence or None) for each clip; values are as written, not yet checked.

    Args:
        path: the archive.
        corpus: the array with the wanted set, e.g. `test3_corpus`; not used where each clip has an array.
        are_numbers: whether labels are written as numbers, as MERBench does for most corpora.

    Raises:
        UserError: not such an archive.
        InputErrors: entries that are something else, or arrays that cannot be read.
    """
    with _opened(path) as archive:
        _check_members(path, archive.infolist())
        names = [name.removesuffix(".npy") for name in archive.namelist()]
        sets = [name for name in names if name.endswith("_corpus")]
        if sets:
            if corpus not in sets:
                raise UserError(f"{path}: no array {corpus!r}; there are {sets}")
            return _of_corpus(path, corpus, _member(archive, path, corpus), int if are_numbers else str)
        return _of_arrays(path, archive, names)


def _opened(path: Path) -> zipfile.ZipFile:
    try:
        return zipfile.ZipFile(path)
    except (OSError, zipfile.BadZipFile) as error:
        raise UserError(f"{path}: not an .npz archive ({error}); download it again") from None


def _check_members(path: Path, members: list[zipfile.ZipInfo]) -> None:
    """No name twice, of which the later one would win, and no more bytes than labels can have."""
    twice = [name for name, number in Counter(info.filename for info in members).items() if number > 1]
    if twice:
        raise InputErrors(str(path), [f"array {name[:80]!r} is there twice; keep one" for name in twice])
    size = sum(info.file_size for info in members)
    if size > _LARGEST:
        raise UserError(f"{path}: unpacks to {size} bytes, more than labels can have ({_LARGEST})")


def _of_corpus(path: Path, corpus: str, content: Any, kind: type[int | str]) -> list[tuple[str, str, Any]]:
    if not isinstance(content, dict) or not content:
        raise UserError(f"{path}: {corpus} is not a dict of names, but {type(content).__name__}")
    wrong = [name for name, entry in content.items() if not _is_entry(name, entry, kind)]
    if wrong:
        what = "number" if kind is int else "text"
        raise InputErrors(str(path), [f"{corpus}: {str(name)[:80]!r} has no {what} `emo`" for name in wrong])
    return [(name, str(entry["emo"]), entry.get("val")) for name, entry in content.items()]


def _is_entry(name: object, entry: object, kind: type[int | str]) -> bool:
    return isinstance(name, str) and isinstance(entry, Mapping) and type(entry.get("emo")) is kind


def _of_arrays(path: Path, archive: zipfile.ZipFile, names: list[str]) -> list[tuple[str, str, Any]]:
    found, problems = [], []
    for name in names:
        try:
            value = _member(archive, path, name)
        except UserError as error:
            problems.append(str(error))
            continue
        while isinstance(value, list) and len(value) == 1:
            value = value[0]
        if not isinstance(value, str):
            problems.append(f"array {name[:80]!r}: a label is a text, not {type(value).__name__}")
            continue
        found.append((name, value, None))
    if problems or not found:
        raise InputErrors(str(path), problems or ["there are no arrays in it"])
    return found


def _member(archive: zipfile.ZipFile, path: Path, name: str) -> Any:
    """The array as Python values.

    Raises:
        UserError: damaged, or a pickle of more than plain values.
    """
    try:
        return read_npy(archive.read(f"{name}.npy"))
    except PickleRefused as error:
        cure = "get the file again from its official source, or give the labels as a CSV file"
        raise UserError(f"{path}: array {name[:80]!r} is refused, and nothing was executed: {error}; {cure}") from None
    except _DAMAGED as error:
        raise UserError(f"{path}: array {name[:80]!r} is damaged ({error}); download it again") from None


def read_npy(data: bytes) -> Any:
    """The content of a `.npy` file as Python values; 0-dimensional arrays give the value itself.

    Raises:
        ValueError: it is something else; PickleRefused for a pickle of more than plain values.
    """
    stream = io.BytesIO(data)
    version = np.lib.format.read_magic(stream)
    if version not in _HEADERS:
        raise ValueError(f"version {version} of the format")
    shape, _, dtype = _HEADERS[version](stream)
    rest = len(data) - stream.tell()
    if dtype.hasobject:
        return read_plain_pickle(stream.read())
    if 0 in shape or not dtype.itemsize:  # A few bytes that could mean any number of empty rows.
        raise ValueError(f"nothing in an array of shape {shape}")
    if dtype.itemsize * int(np.prod(shape, dtype=object)) != rest:
        raise ValueError(f"{rest} bytes where shape {shape} needs others")
    stream.seek(0)
    return np.lib.format.read_array(stream, allow_pickle=False).tolist()
