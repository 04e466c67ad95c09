"""JSON -> objects with their lines: one object a line (JSONL), or one list of objects."""

import json
import re
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from emolightning.data.tables.texts import Lines

REMEDY = "write one object a line (JSONL), or a list of objects"

_LIST = re.compile(rb"\s*\[\s*\{")
_SPACE = re.compile(r"[\s,]*")


def object_rows(
    lines: Lines, faults: Callable[[Sequence[str]], list[str]], problems: list[tuple[int, str]]
) -> Iterator[tuple[int, dict[str, Any]]]:
    """Yield line and content of every object whose keys are in order; what is wrong is added to `problems`."""
    known: dict[tuple[str, ...], list[str]] = {}
    entries = _list_entries(lines, problems) if _LIST.match(lines.data) else _line_entries(lines, problems)
    for line, entry in entries:
        if not isinstance(entry, dict):
            problems.append((line, f"a JSON {type(entry).__name__} where an object belongs; {REMEDY}"))
            continue
        keys = tuple(entry)
        if keys not in known:
            known[keys] = faults(keys)
        if known[keys]:
            problems += [(line, fault) for fault in known[keys]]
        else:
            yield line, entry


def _line_entries(lines: Lines, problems: list[tuple[int, str]]) -> Iterator[tuple[int, Any]]:
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        try:
            entry = json.loads(line.removesuffix("\n"), object_pairs_hook=_without_repeats)
        except (ValueError, RecursionError) as error:
            is_broken = isinstance(error, json.JSONDecodeError)
            if number == 1 and is_broken and (keys := _whole_object(lines)) is not None:
                problems.append((1, f"the file is one JSON object with the keys {keys}; {REMEDY}"))
                return
            problems.append((number, f"not readable as JSON: {error}; {REMEDY}"))
            continue
        yield number, entry


def _list_entries(lines: Lines, problems: list[tuple[int, str]]) -> Iterator[tuple[int, Any]]:
    """The entries one by one: a mistake in one of them is told with its line."""
    text = "".join(lines).removesuffix("\n")
    decoder = json.JSONDecoder(object_pairs_hook=_without_repeats)
    place, line = text.index("[") + 1, 1 + text.count("\n", 0, text.index("["))
    while True:
        start = _SPACE.match(text, place).end()  # type: ignore[union-attr]  # it matches nothing, too
        line += text.count("\n", place, start)
        if text[start : start + 1] == "]":
            if text[start + 1 :].strip():
                problems.append((line, f"there is more after the end of the JSON list; {REMEDY}"))
            return
        try:
            entry, place = decoder.raw_decode(text, start)
        except (ValueError, RecursionError) as error:
            reason = getattr(error, "msg", str(error))
            problems.append((getattr(error, "lineno", line), f"not readable as a JSON list from here: {reason}"))
            return
        yield line, entry
        line += text.count("\n", start, place)


def _without_repeats(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    entry = dict(pairs)
    if len(entry) < len(pairs):
        names = [name for name, _ in pairs]
        raise ValueError(f"key {next(name for name in names if names.count(name) > 1)!r} is there twice")
    return entry


def _whole_object(lines: Lines) -> list[str] | None:
    """The first keys of a file that is one object over several lines."""
    try:
        content = json.loads(lines.data)
    except (ValueError, RecursionError):
        return None
    return list(content)[:5] if isinstance(content, dict) else None
