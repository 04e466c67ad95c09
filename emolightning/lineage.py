"""Where a result comes from: command, code, packages, machine. Written when a run starts, completed when it ends."""

import json
import os
import platform
import re
import subprocess
import sys
from collections.abc import Mapping
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path
from typing import Any

from emolightning.documents import read_json_object
from emolightning.writing import write_whole

PACKAGES = ("torch", "pytorch-lightning", "transformers", "peft", "torchmetrics", "wandb", "hydra-core", "av", "numpy")

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
    ({NAMES} ["']? \s* [=:] \s*) (["'])?  # what stands before the value
    (?(2) (?:(?!\2).)+ | (?: \[[^\]]*\] | (?:(?:bearer|basic)\s+)? [^\s"',;&)\]}}]+ ) )
    """
)
"""The same inside of a text: up to the closing quote, or the end of the word."""

USER_INFO = re.compile(r"""(?i)\b([a-z][a-z0-9+.-]*://)[^/\s"']+@""")
"""Of a URL: `https://user:password@host`."""

BEARER = re.compile(r"""(?i)\b(bearer\s+)[^\s"',;)\]}]{8,}""")
"""Of a header."""


def describe_process(argv: list[str]) -> dict[str, Any]:
    """Command line, git state, versions and hardware of this process."""
    return {
        "command": [redact(argument) for argument in argv],
        "started": datetime.now(UTC).isoformat(timespec="seconds"),
        "python": platform.python_version(),
        "packages": {name: _version(name) for name in PACKAGES},
        "git": git_state(Path(__file__).parents[1]),
        "hardware": _hardware(),
    }


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


def git_state(folder: Path) -> dict[str, Any]:
    """Commit and whether the tree differs from it; None where this is no git checkout."""
    commit = _git(folder, "rev-parse", "HEAD")
    if commit is None:
        return {"commit": None, "dirty": None}
    return {"commit": commit, "dirty": bool(_git(folder, "status", "--porcelain"))}


def write_json(path: Path, content: dict[str, Any]) -> None:
    """Replace a JSON file in one step, so that a reader or a crash never sees half of it.

    Raises:
        CannotWrite: the previous file is still there.
    """
    write_whole(path, json.dumps(content, indent=2, ensure_ascii=False) + "\n")


def update_json(path: Path, **changes: Any) -> None:
    """Set keys of an existing JSON file."""
    write_json(path, {**read_json_object(path), **changes})


def _git(folder: Path, *arguments: str) -> str | None:
    try:
        result = subprocess.run(
            ["git", "-C", str(folder), *arguments], capture_output=True, text=True, timeout=10, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    return result.stdout.strip() if result.returncode == 0 else None


def _version(package: str) -> str | None:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return None


def _hardware() -> dict[str, Any]:
    described: dict[str, Any] = {"platform": platform.platform(), "cpus": os.cpu_count()}
    torch = sys.modules.get("torch")  # Described when a run has it loaded anyway; never the reason to load it.
    if torch is not None and torch.cuda.is_available():
        described["gpus"] = [torch.cuda.get_device_name(index) for index in range(torch.cuda.device_count())]
    return described
