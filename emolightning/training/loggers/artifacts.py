"""W&B artifacts: what a run made and what it used, also written down where W&B cannot keep the link."""

import json
import logging
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from emolightning.config.secrets import loggable, without_home
from emolightning.training.loggers.tracking import WandbLog

log = logging.getLogger(__name__)


def log_artifact(
    logger: WandbLog,
    name: str,
    kind: str,
    *,
    files: Sequence[Path] = (),
    texts: Mapping[str, str] | None = None,
    folders: Mapping[str, Path] | None = None,
    metadata: Mapping[str, Any] | None = None,
    aliases: Sequence[str] = (),
) -> list[dict[str, Any]]:
    """Log files, and refer to folders that are too large to be copied.

    Paths below the home folder are taken out of copies, and secrets out of an adapter's description, so the hash of a
    file that has some changes.

    Args:
        logger: a W&B run.
        name: of the artifact.
        kind: `model`, `dataset` or `evaluation`.
        files: or small folders, copied whole.
        texts: file name -> content, of files that are nowhere else.
        folders: name -> a folder, logged as one `file://` reference; one below the home folder is left out, unless
            `home_paths` is set.
        metadata: hashes and counts.
        aliases: e.g. `best`; `latest` comes by itself.

    Returns:
        The entry of `lineage.json`: one, or none where it failed.
    """
    chosen = {title: path.resolve() for title, path in (folders or {}).items() if _may_refer(logger, path)}
    present = [path for path in files if path.exists()]

    def send() -> list[dict[str, Any]]:
        import wandb

        artifact = wandb.Artifact(artifact_name(name), type=kind, metadata=dict(metadata or {}))
        changed = dict(texts or {})
        for title, path in _flat(present):
            shown = _shown(path, is_configuration=kind == "model", home_paths=logger.home_paths)
            if shown is None:
                artifact.add_file(str(path), name=title)
            else:
                changed[title] = shown
        for title, text in changed.items():
            with artifact.new_file(title, encoding="utf-8") as file:
                file.write(text)
        for title, path in chosen.items():
            artifact.add_reference(path.as_uri(), name=title, checksum=False)
        logger.experiment.log_artifact(artifact, aliases=list(aliases) or None)
        contents = [*(path.name for path in present), *(texts or ()), *chosen]
        return [{"name": artifact_name(name), "type": kind, "contents": contents, "run": logger.experiment.id}]

    return (logger.attempt(f"artifact {name}", send) or []) if logger.artifacts else []


def use_artifact(logger: WandbLog, name: str) -> list[dict[str, Any]]:
    """Declare that this run used an artifact. Offline W&B cannot: the link is then in `lineage.json` alone."""
    if not logger.artifacts:
        return []
    is_declared = False
    if logger.mode == "online":
        used = logger.attempt(f"use of artifact {name}", lambda: logger.experiment.use_artifact(f"{name}:latest"))
        is_declared = used is not None
    return [{"name": name, "declared": is_declared, "run": logger.experiment.id}]


def artifact_name(text: str) -> str:
    """A name made of the characters that W&B allows."""
    return re.sub(r"[^\w.-]", "-", text, flags=re.ASCII)[:128]


def _flat(files: Sequence[Path]) -> list[tuple[str, Path]]:
    """Name in the artifact and path of each file, those in folders one by one; links out of a folder are not of it."""
    inside = [(path, file) for path in files for file in (sorted(path.rglob("*")) if path.is_dir() else [path])]
    return [
        (file.relative_to(path).as_posix() if path.is_dir() else file.name, file)
        for path, file in inside
        if file.is_file() and (file == path or file.resolve().is_relative_to(path.resolve()))
    ]


def _shown(path: Path, *, is_configuration: bool, home_paths: bool) -> str | None:
    """The text of a file as it may leave this machine; None where it may go as it is."""
    if path.suffix == ".safetensors":
        return None
    try:
        text = path.read_bytes().decode("utf-8")
    except UnicodeDecodeError:  # Arrays, too.
        return None
    if is_configuration and path.suffix == ".json":
        content = json.loads(text)
        shown = loggable(content, home_paths=home_paths)
        return None if shown == content else json.dumps(shown, indent=2, ensure_ascii=False) + "\n"
    shown = text if home_paths else without_home(text)
    return None if shown == text else shown


def _may_refer(logger: WandbLog, path: Path) -> bool:
    if not path.is_dir():
        return False
    if logger.home_paths or not path.resolve().is_relative_to(Path.home().resolve()):
        return True
    log.info("%s lies below the home folder: not referred to; logger.wandb.home_paths=true does", path)
    return False
