"""Synonym groups of each clip: words of one group count as one (MER2024-OV's protocol).

The challenge asked a language model to group all words of a clip, true and answered ones together; its replies are a
zip with one `.npy` a clip, a text such as `[['joyful', 'happy'], ['calm']]`. Read are that zip, the folder it was made
from, JSON `{clip id: the text, or lists of words}`, and JSON lines `{"clip_id": ..., "groups": [["joyful", "happy"]]}`.
"""

import hashlib
import io
import json
import re
import zipfile
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path, PurePosixPath
from typing import Any, BinaryIO, Protocol

import numpy as np

from emolightning.errors import InputErrors, UserError

Groups = list[list[str]]
"""The groups of one clip; the first word of a group represents all of it."""

LONGEST_BYTES = 1_000_000
"""Most bytes of one clip's groups: more is no list of words."""

_BRACKETS = re.compile(r"[\[\]]")
_QUOTES = re.compile("['\"]")


class SynonymJudge(Protocol):
    """What groups words where no file does, e.g. a language model."""

    def groups(self, words: Mapping[str, Sequence[str]]) -> dict[str, Groups]:
        """Groups of words with the same meaning.

        Args:
            words: clip id -> the true and answered words of the clip, each once, in lower case and sorted.

        Returns:
            clip id -> groups; a clip for which there are none, e.g. after unreadable replies, is left out.
        """
        ...

    def describe(self) -> dict[str, Any]:
        """Who judged and how, and what it took: for metrics.json, after `groups`."""
        ...


def merged(words: Iterable[str], groups: Groups) -> set[str]:
    """Each word replaced by the first of its group; words of no group stay. A word of two groups counts to the last.

    >>> sorted(merged(["happy", "satisfied", "calm"], [["joyful", "satisfied", "happy"]]))
    ['calm', 'joyful']
    """
    representative = {word: group[0] for group in groups for word in group}
    return {representative.get(word, word) for word in words}


def parse_groups(text: str) -> Groups:
    """Groups as a language model wrote them: parts between brackets, in them what is between quotes.

    >>> parse_groups("[['joyful', 'happy'], ['calm']]")
    [['joyful', 'happy'], ['calm']]
    """
    parts = (_QUOTES.split(part) for part in _BRACKETS.split(text))
    groups = [[word for word in part if word.strip() not in ("", ",")] for part in parts]
    return [group for group in groups if group]


def read_groups(path: Path) -> tuple[dict[str, Groups], str]:
    """The groups of a file or folder, and the sha256 of what was read.

    Returns:
        (clip id -> groups, sha256)

    Raises:
        UserError: not there, or of no known kind.
        InputErrors: every entry that is not what it should be.
    """
    readers = {".zip": _zip_entries, ".json": _json_entries, ".jsonl": _line_entries}
    if not path.exists():
        raise UserError(f"synonym_groups: {path} does not exist")
    reader = _folder_entries if path.is_dir() else readers.get(path.suffix.lower())
    if reader is None:
        raise UserError(f"synonym_groups: {path} is none of {', '.join(readers)} and no folder of .npy files")
    problems: list[str] = []
    found = _collect(_entries(path, reader), problems)
    if not found and not problems:
        problems.append("no clips in it")
    if problems:
        raise InputErrors(f"synonym groups {path}", problems)
    return found, _content_hash(found)


_Entry = tuple[str, str, Any]  # its place, clip id, groups: bytes of a `.npy` file, a text, lists, or a _Fault


class _Fault(ValueError):
    """An entry that cannot be used."""


def _collect(entries: Iterable[_Entry], problems: list[str]) -> dict[str, Groups]:
    found: dict[str, Groups] = {}
    try:
        for where, clip_id, value in entries:
            try:
                groups = _as_groups(value)
            except _Fault as error:
                problems.append(f"{where}: {error}")
                continue
            if not clip_id or clip_id in found:
                problems.append(f"{where}: {'a second entry of this clip' if clip_id else 'no clip id'}")
            else:
                found[clip_id] = groups
    except _Fault as error:
        problems.append(str(error))
    return found


def _entries(path: Path, reader: Callable[[Path], Iterator[_Entry]]) -> Iterator[_Entry]:
    try:
        yield from reader(path)
    except _Fault:
        raise
    except (zipfile.BadZipFile, zlib.error, ValueError, RuntimeError, OSError) as error:
        raise _Fault(f"not readable: {error}") from None


def _zip_entries(path: Path) -> Iterator[_Entry]:
    with zipfile.ZipFile(path) as archive:
        for info in archive.infolist():
            member = PurePosixPath(info.filename)
            if member.suffix != ".npy":
                continue
            if info.file_size > LONGEST_BYTES:
                raise _Fault(f"{info.filename}: {info.file_size} bytes are no list of words")
            yield info.filename, member.stem, archive.read(info)


def _folder_entries(path: Path) -> Iterator[_Entry]:
    for file in sorted(path.glob("*.npy")):
        if file.stat().st_size > LONGEST_BYTES:
            raise _Fault(f"{file.name}: {file.stat().st_size} bytes are no list of words")
        yield file.name, file.stem, file.read_bytes()


def _json_entries(path: Path) -> Iterator[_Entry]:
    content = json.loads(path.read_text(encoding="utf-8-sig"))
    if not isinstance(content, dict):
        raise _Fault("must be one JSON object, {clip id: groups}; one object a line is .jsonl")
    for clip_id, value in content.items():
        yield clip_id, clip_id, value


def _line_entries(path: Path) -> Iterator[_Entry]:
    for number, line in enumerate(path.read_text(encoding="utf-8-sig").split("\n"), start=1):
        if not line.strip():
            continue
        try:
            entry = json.loads(line)
            yield f"line {number}", str(entry["clip_id"]), entry["groups"]
        except (ValueError, KeyError, TypeError, RecursionError) as error:
            fault = _Fault(f'must be {{"clip_id": ..., "groups": [[...]]}}: {type(error).__name__}: {error}')
            yield f"line {number}", "", fault


def _as_groups(value: Any) -> Groups:
    if isinstance(value, _Fault):
        raise value
    if isinstance(value, bytes):
        return parse_groups(_npy_text(io.BytesIO(value)))
    if isinstance(value, str):
        return parse_groups(value)
    if not isinstance(value, list) or not all(isinstance(group, list) for group in value):
        raise _Fault(f"{value!r} must be a list of lists of words, or the text of one")
    if not all(isinstance(word, str) for group in value for word in group):
        raise _Fault(f"{value!r} holds something else than words")
    return [group for group in value if group]


def _npy_text(file: BinaryIO) -> str:
    """The one text of a `.npy` file, without NumPy's loader: nothing is unpickled, no size of the header believed."""
    try:
        version = np.lib.format.read_magic(file)
        read_header = {(1, 0): np.lib.format.read_array_header_1_0, (2, 0): np.lib.format.read_array_header_2_0}
        shape, _, dtype = read_header[version](file)
    except Exception as error:  # the header is parsed as Python's literals, which fail in many ways
        raise _Fault(f"not readable as .npy: {error}") from None
    if dtype.kind != "U" or shape != ():
        raise _Fault(f"holds {dtype} of shape {shape}; groups are one text, an array of strings without dimensions")
    content = file.read()
    if len(content) != dtype.itemsize:
        raise _Fault(f"{len(content)} bytes of text, its header says {dtype.itemsize}")
    try:
        return str(np.frombuffer(content, dtype=dtype, count=1)[0]) if content else ""
    except ValueError as error:
        raise _Fault(f"not readable as text: {error}") from None


def _content_hash(groups: dict[str, Groups]) -> str:
    return hashlib.sha256(json.dumps(groups, sort_keys=True).encode()).hexdigest()
