"""JSON and YAML that others may have written: read as plain values, bounded in size, depth and number.

What is damaged, or made to fill the memory, is refused in one sentence that names the file.
"""

import json
from pathlib import Path
from typing import Any

import yaml

from emolightning.errors import UserError

MOST_BYTES = 2**24
"""Largest JSON file that is read; the project's own have some thousand bytes."""

MOST_YAML_BYTES = 2**20
MOST_VALUES = 20_000
"""Most values of a YAML file; each alias counts as often as it is used."""

DEEPEST = 50
_LOADER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


class DamagedFile(UserError):
    """A file that is not what it should be; nothing of it was used."""

    def __init__(self, path: Path | str, reason: object):
        words = " ".join(str(reason).split())[:300] or type(reason).__name__
        printable = words.encode("ascii", "backslashreplace").decode()  # It may quote the file.
        super().__init__(f"{path}: cannot be read: {printable}; get a sound copy of it")


def parse_json(text: str | bytes, place: Path | str) -> Any:
    """The value of a JSON text.

    Args:
        text: UTF-8.
        place: file, or file and line, for the message.

    Raises:
        DamagedFile: it is none, or nested too deep.
    """
    try:
        return json.loads(text)
    except RecursionError:
        raise DamagedFile(place, "it is nested too deep") from None
    except ValueError as error:
        raise DamagedFile(place, f"it is not JSON ({error})") from None


def read_json(path: Path) -> Any:
    """The value of a JSON file.

    Raises:
        DamagedFile: it is none, is larger than any of this project, or cannot be opened.
    """
    return parse_json(_bytes_of(path, MOST_BYTES), path)


def read_json_object(path: Path) -> dict[str, Any]:
    """The object of a JSON file.

    Raises:
        DamagedFile: as in `read_json`, or it is another value.
    """
    content = read_json(path)
    if not isinstance(content, dict):
        raise DamagedFile(path, f"it is not a JSON object but a {type(content).__name__}")
    return content


def read_yaml_text(path: Path) -> str:
    """The text of a YAML file that is safe to load.

    Raises:
        DamagedFile: it is no YAML, not UTF-8, too large, nested too deep, or its aliases unfold to too much.
    """
    data = _bytes_of(path, MOST_YAML_BYTES)
    try:
        text = data.decode("utf-8")
        _require_bounded(text)
    except (ValueError, yaml.YAMLError) as error:
        raise DamagedFile(path, f"it is not valid YAML, or too much of it ({error})") from None
    return text


def read_plain_yaml(path: Path) -> Any:
    """The value of a YAML file, by YAML's own rules.

    Raises:
        DamagedFile: as in `read_yaml_text`.
    """
    text = read_yaml_text(path)
    try:
        return yaml.load(text, Loader=_LOADER)  # A safe loader: it makes plain values.
    except (ValueError, TypeError, LookupError, AttributeError, yaml.YAMLError) as error:  # Tags on values without any.
        raise DamagedFile(path, error) from None


def _bytes_of(path: Path, most: int) -> bytes:
    try:
        if not path.is_file():
            raise DamagedFile(path, "it is a folder" if path.is_dir() else "no such file")
        if path.stat().st_size > most:
            raise DamagedFile(path, f"it has more than {most} bytes")
        return path.read_bytes()
    except OSError as error:
        raise DamagedFile(path, error.strerror or error) from None


def _require_bounded(text: str) -> None:
    """Walk over YAML's events, which cost no memory: the values of an anchor count at each of its aliases.

    Raises:
        ValueError: it unfolds to too much.
    """
    sizes: dict[str, int] = {}
    open_nodes: list[tuple[str | None, int]] = []  # Anchor, and the count at its start.
    count = 0
    for event in yaml.parse(text, Loader=_LOADER):
        if isinstance(event, yaml.AliasEvent):
            if event.anchor not in sizes:
                raise ValueError(f"alias {event.anchor} is inside of what it names, or names nothing")
            count += sizes[event.anchor]
        elif isinstance(event, yaml.ScalarEvent):
            count += 1
            sizes |= {event.anchor: 1} if event.anchor else {}
        elif isinstance(event, yaml.CollectionStartEvent):
            count += 1
            open_nodes.append((event.anchor, count - 1))
            sizes.pop(event.anchor, None)
        elif isinstance(event, yaml.CollectionEndEvent):
            anchor, start = open_nodes.pop()
            sizes |= {anchor: count - start} if anchor else {}
        if len(open_nodes) > DEEPEST:
            raise ValueError("nested too deep")
        if count > MOST_VALUES:
            raise ValueError(f"more than {MOST_VALUES} values")
