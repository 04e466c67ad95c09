"""Secrets and home folders in texts that leave the machine."""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

NAMES = (
    r"(?:(?<![a-z0-9])|(?-i:(?<=[a-z])(?=[A-Z])))"
    r"(?:(?:api_?key|secret|password|passwd|passphrase|pwd|credential)s?|key|token|authorization)(?:_?\d+)?"
)
"""How the name of a secret ends, `accessToken` and `OPENAI_KEY_1` too: `max_new_tokens` and `tokenizer` are none."""


SECRET_NAME = re.compile(rf"(?i){NAMES}$")


SECRET_WORD = re.compile(rf"(?is)([+~]*[\w.@/-]*{NAMES}=).+")
"""An override, to its end."""


SECRET = re.compile(
    rf"""(?ix)
    ({NAMES} ["']? \s* [=:] \s*) (["'])?  # what precedes the value
    (?(2) (?:(?!\2).)+ | (?: \[[^\]]*\] | (?:(?:bearer|basic)\s+)? [^\s"',;&)\]}}]+ ) )
    """
)
"""The same inside of a text: up to the closing quote, or the end of the word."""


USER_INFO = re.compile(r"""(?i)\b([a-z][a-z0-9+.-]*://)[^/\s"']+@""")
"""User and password in a URL: `https://user:password@host`."""


BEARER = re.compile(r"""(?i)\b(bearer\s+)[^\s"',;)\]}]{8,}""")
"""A key in a header."""


def redact(argument: str) -> str:
    """An override, or a text, without the values of secrets.

    >>> redact("judge.api_key=abc def")
    'judge.api_key=***'
    >>> redact("'judge.api_key=abc' evaluation.max_new_tokens=8 https://ada:pw@host/v1")
    "'judge.api_key=***' evaluation.max_new_tokens=8 https://***@host/v1"
    """
    if word := SECRET_WORD.fullmatch(argument):
        return f"{word[1]}***"
    return BEARER.sub(r"\1***", SECRET.sub(r"\1\2***", USER_INFO.sub(r"\1***@", argument)))


def loggable(value: Any, *, home_paths: bool = False) -> Any:
    """A configuration, or a text, as it may leave this machine: no secrets, and `~` for the home folder.

    Args:
        value: plain Python values.
        home_paths: whether paths below the home folder stay as they are.
    """
    if isinstance(value, Mapping):
        return {
            name: "***" if _is_secret(str(name), item) else loggable(item, home_paths=home_paths)
            for name, item in value.items()
        }
    if isinstance(value, list | tuple):
        return [loggable(item, home_paths=home_paths) for item in value]
    if not isinstance(value, str):
        return value
    return redact(value) if home_paths else without_home(redact(value))


def without_home(text: str) -> str:
    """`/home/ada/clips` -> `~/clips`; also where the home folder is a link."""
    for home in {str(Path.home()), str(Path.home().resolve())} - {"/"}:
        text = re.sub(rf"(?<![\w.~-]){re.escape(home)}(?![\w-])", "~", text)
    return text


def _is_secret(name: str, value: Any) -> bool:
    """Numbers are none: `image_token: 32000`."""
    return isinstance(value, str | list | tuple) and bool(SECRET_NAME.search(name))
