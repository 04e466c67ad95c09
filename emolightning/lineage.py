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

from emolightning.writing import writing

PACKAGES = ("torch", "pytorch-lightning", "transformers", "peft", "torchmetrics", "wandb", "hydra-core", "av", "numpy")

SECRET = re.compile(r"(?i)([\w.]*(?:key|token|secret|password|passwd|credential)[\w.]*=)\S+")
"""Settings whose values never reach a file."""

SECRET_NAME = re.compile(r"(?i)(?:^|_)(?:key|token|secret|password|passwd|credential)s?$")
"""The same of the name of a key whose value is a text: `max_new_tokens: 16` is none."""


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
    """`logger.api_key=abc` -> `logger.api_key=***`.

    >>> redact("logger.wandb.api_key=abc")
    'logger.wandb.api_key=***'
    """
    return SECRET.sub(r"\1***", argument)


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
    """`/home/ada/clips` -> `~/clips`."""
    home = str(Path.home())
    return text if home == "/" else re.sub(rf"(?<![\w.~-]){re.escape(home)}(?![\w-])", "~", text)


def _is_secret(name: str, value: Any) -> bool:
    return isinstance(value, str) and bool(SECRET_NAME.search(name))


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
    temporary = path.with_name(f".{path.name}.tmp")
    with writing(path, temporary=temporary):
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary.write_text(json.dumps(content, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
        os.replace(temporary, path)


def update_json(path: Path, **changes: Any) -> None:
    """Set keys of an existing JSON file."""
    write_json(path, {**json.loads(path.read_text(encoding="utf-8")), **changes})


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
