"""Writes a setting as one word of a command line that both the shell and Hydra read back as the same value."""

import re
import shlex
from collections.abc import Mapping
from pathlib import Path

PLAIN_KEY = re.compile(r"[+-]?\d+|[A-Za-z_][A-Za-z0-9_]*(?:[-./+][A-Za-z0-9_]+)*")
"""Keys that Hydra's grammar takes inside of braces: it cannot quote a key there."""


def quoted_override(key: str, value: object) -> str:
    r"""The word `key=value`, to be pasted into a shell.

    Args:
        key: the dotted name of the setting.
        value: a text, path, number, truth value, None, or a list or mapping of these.

    >>> quoted_override("run_name", "lr=0.1"), quoted_override("checkpoint", "outputs/demo")
    ('\'run_name="lr=0.1"\'', 'checkpoint=outputs/demo')

    Raises:
        ValueError: a mapping has a key that cannot be written on a command line.
    """
    return shlex.quote(override(key, value))


def override(key: str, value: object) -> str:
    """The word `key=value` as Hydra reads it, for a program that is started without a shell.

    Raises:
        ValueError: a mapping has a key that cannot be written on a command line.
    """
    return f"{key}={_written(value)}"


def _written(value: object) -> str:
    """The value in Hydra's grammar."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, str | Path):
        return _text(str(value))
    if isinstance(value, Mapping):
        return f"{{{', '.join(f'{_key(name)}: {_written(item)}' for name, item in value.items())}}}"
    if isinstance(value, list | tuple):
        return f"[{','.join(map(_written, value))}]"
    return str(value)


def _key(name: object) -> str:
    if not PLAIN_KEY.fullmatch(str(name)):
        raise ValueError(f"Expected a key that Hydra's grammar can hold, but got {name!r}")
    return str(name)


def _text(text: str) -> str:
    """The text as it is where Hydra reads it back so, else in quotes."""
    # Imported late: most calls are for messages, and the settings are read without Hydra's parser.
    from hydra.core.override_parser.overrides_parser import OverridesParser
    from hydra.core.override_parser.types import Quote, QuotedString
    from hydra.errors import HydraException

    # Inside of quotes OmegaConf still resolves `${...}`.
    escaped = text.replace("${", "\\${")
    try:
        read = OverridesParser.create().parse_overrides([f"key=[{escaped}]"])[0].value()
    except HydraException:
        read = None
    if text and read == [text]:
        return text
    return QuotedString(text=escaped, quote=Quote.double).with_quotes()
