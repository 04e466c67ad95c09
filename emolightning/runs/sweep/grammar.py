"""What becomes of a parameter's value between YAML, W&B and Hydra.

W&B pastes `str(value)` into a command line, Hydra reads it by a grammar of its own. What would arrive as another value
is refused here.
"""

import math
from typing import Any

from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.errors import HydraException

NULL = "null"
"""The text that means null: `None`, which W&B pastes for null itself, is a word to Hydra."""


def pasted(name: str, value: Any) -> str:
    """The word of the command line, as `wandb agent` makes it (wandb/sdk/launch/sweeps/utils.py)."""
    return f"{name}={value}"


def arrival(name: str, value: Any) -> Any:
    """What Hydra reads, as plain Python.

    Raises:
        ValueError: it cannot, or would take the value for several.
    """
    word = pasted(name, value)
    try:
        override = OverridesParser.create().parse_overrides([word])[0]
    except HydraException:
        raise ValueError(f"Hydra cannot read {word}") from None
    if override.is_sweep_override():
        raise ValueError(f"Hydra takes {word} for a sweep of its own")
    return override.value()


def expected(value: Any) -> Any:
    """What a value means: the text `null` is null."""
    return None if value == NULL else value


def mistake(name: str, value: Any) -> str | None:
    """Why a value cannot go through a command line unchanged, and what to write instead; None if it can.

    Args:
        name: of the parameter.
        value: as YAML gives it.
    """
    said = _not_pasteable(value)
    if said:
        return said
    try:
        found = arrival(name, value)
    except ValueError as error:
        return f"{error}; leave out commas, equals signs, quotes and brackets, or make it an option by name in configs/"
    if not is_same(found, expected(value)):
        return f"it arrives as {found!r}{_remedy(value, found)}"
    return None


def is_same(found: Any, meant: Any) -> bool:
    """Equal, and of the same type: 1 is not true and not "1"."""
    if isinstance(meant, list) and isinstance(found, list):
        return len(found) == len(meant) and all(map(is_same, found, meant))
    return type(found) is type(meant) and bool(found == meant)


def _not_pasteable(value: Any) -> str | None:
    if value is None:
        return 'null is pasted as None, which is a word to Hydra; write "null" in quotes'
    if isinstance(value, dict):
        return "a mapping is pasted with quoted keys, which Hydra cannot read; write a parameter for each dotted key"
    if isinstance(value, list):
        if any(item == NULL for item in value if isinstance(item, str)):
            return "a list is pasted with its texts in quotes, so that null in it stays a text; it cannot be in a list"
        return next((f"{item!r} in it: {said}" for item in value if (said := _not_pasteable(item))), None)
    if isinstance(value, float) and not math.isfinite(value):
        return "must be a finite number; W&B's server keeps JSON, which has no other"
    if not isinstance(value, bool | int | float | str):
        return f"YAML reads it as {type(value).__name__}; put it in quotes if it is a text"
    if isinstance(value, str) and "${" in value:
        return "Hydra reads ${...} as an interpolation; put it into `command`, e.g. model.lora.alpha=${model.lora.r}"
    return None


def _remedy(value: Any, found: Any) -> str:
    if isinstance(value, str) and isinstance(found, int | float) and not isinstance(found, bool):
        return f": YAML reads {value} as text; write the number, {found!r}"
    if isinstance(value, str) and isinstance(found, bool):
        return f": write {str(found).lower()} without quotes"
    return "; write a value that Hydra leaves as it is"
