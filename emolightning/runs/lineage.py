"""Where a result comes from: command, code, packages, machine. Written when a run starts, completed when it ends."""

import functools
import os
import platform
import subprocess
import sys
from collections.abc import Mapping
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path
from typing import Any

from omegaconf import OmegaConf

from emolightning.config.places import ROOT
from emolightning.config.secrets import redact
from emolightning.files.writing import write_whole

PACKAGES = ("torch", "pytorch-lightning", "transformers", "peft", "torchmetrics", "wandb", "hydra-core", "av", "numpy")


def describe_process(argv: list[str]) -> dict[str, Any]:
    """Command line, git state, versions and hardware of this process."""
    return {
        "command": [redact(argument) for argument in argv],
        "started": datetime.now(UTC).isoformat(timespec="seconds"),
        "python": platform.python_version(),
        "packages": {name: _version(name) for name in PACKAGES},
        "git": git_state(ROOT),
        "hardware": _hardware(),
    }


def save_config(config: Mapping[str, Any], path: Path) -> None:
    """Write all settings, whole or not at all: half of them would refuse every continuation of the run.

    Args:
        config: resolved.
        path: of the file.

    Raises:
        CannotWrite: the previous file is still there.
    """
    write_whole(path, OmegaConf.to_yaml(OmegaConf.create(dict(config))))


def git_state(folder: Path) -> dict[str, Any]:
    """Commit and whether the tree differs from it; None where this is no git checkout."""
    commit = _git(folder, "rev-parse", "HEAD")
    if commit is None:
        return {"commit": None, "dirty": None}
    return {"commit": commit, "dirty": bool(_git(folder, "status", "--porcelain"))}


def _git(folder: Path, *arguments: str) -> str | None:
    try:
        result = subprocess.run(
            ["git", "-C", str(folder), *arguments], capture_output=True, text=True, timeout=10, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    return result.stdout.strip() if result.returncode == 0 else None


@functools.cache  # An installation does not change while a process runs, and its files take long to read.
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
