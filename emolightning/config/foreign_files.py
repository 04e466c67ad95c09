"""YAML files of a configuration that do not lie in `configs/`: data, and nothing that acts by being read.

Hydra finds such files by `--config-dir`, `--config-path`, `hydra.searchpath` or an option like `experiment=../../x`.
Its own node can start programs, load classes and set the environment before any of our checks, and resolvers turn text
into objects; so files from elsewhere have neither. The command line and the user's own folders may say all of that.
"""

import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from hydra.core.plugins import Plugins
from hydra.plugins.config_source import ConfigResult
from omegaconf import OmegaConf

from emolightning.config.hydra_internals import FileConfigSource, ImportlibResourcesConfigSource, read_with
from emolightning.config.places import CONFIG_DIR
from emolightning.errors import InputErrors
from emolightning.files.documents import read_yaml_text

RESOLVERS = ("oc.env", "oc.select")
"""The resolvers of OmegaConf that only look something up."""

ADDRESSED = ("base_url", "key_env")
"""Keys that say where texts are sent, and with whose key."""

SECRET_VARIABLE = re.compile(r"(?i)key|token|secret|pass|pwd|auth|cred|private|cookie|session|dsn|_url$|(^|_)pat($|_)")
"""Names of variables whose values a file from elsewhere may not copy into records: more than those hidden in texts."""

_REFERENCE = re.compile(r"\$\{\s*([^:}]*)(:?)([^}]*)")
_HYDRA = re.compile(r"(^|[/@.\s])hydra($|[/@.:\s])")

OWN_FOLDERS = "EMOLIGHTNING_CONFIGS"
"""Environment variable with folders, separated as in PATH, whose files count as if they lay in `configs/`."""

_trusted = {CONFIG_DIR: None}


def trust(folder: Path) -> None:
    """Take the files of a folder as the project's own."""
    _trusted[_absolute(folder)] = None


def trusted_folders() -> list[Path]:
    """`configs/`, and what the user's environment names beside it."""
    named = filter(None, os.environ.get(OWN_FOLDERS, "").split(os.pathsep))
    return [*_trusted, *(_absolute(Path(folder).expanduser()) for folder in named)]


def watch_files() -> None:
    """From now on Hydra reads files from elsewhere only if they are data."""
    Plugins.instance()  # Registers Hydra's own readers, which never replace one that is there.
    for reader in (_Files, _Packages):
        read_with(reader)


class _Files(FileConfigSource):
    """Files of folders."""

    def load_config(self, config_path: str) -> ConfigResult:
        path = _absolute(Path(self.path) / self._normalize_file_name(config_path))
        is_ours = any(path.is_relative_to(folder) for folder in trusted_folders())
        if not is_ours and path.is_file():
            read_yaml_text(path)
        result = super().load_config(config_path)
        if not is_ours:
            _require_data(path, config_path, result)
        return result


class _Packages(ImportlibResourcesConfigSource):
    """Files of installed packages: Hydra's own, and what a search path names."""

    def load_config(self, config_path: str) -> ConfigResult:
        result = super().load_config(config_path)
        if not (self.path == "hydra.conf" and self.provider == "hydra"):
            _require_data(f"pkg://{self.path}/{config_path}", config_path, result)
        return result


def _absolute(path: Path) -> Path:
    """Without `..`; links stay, so that what is linked into `configs/` counts as put there."""
    return Path(os.path.normpath(path.absolute()))


def _require_data(place: Path | str, config_path: str, result: ConfigResult) -> None:
    """Refuse what only the command line and `configs/` may say.

    Raises:
        InputErrors: all of it.
    """
    content: Any = OmegaConf.to_container(result.config, resolve=False)
    defaults = content.get("defaults") if isinstance(content, dict) else None
    named = [config_path, str(result.header.get("package") or ""), *map(str, content or ())]
    named += [str(word) for entry in defaults or () for word in (entry if isinstance(entry, dict) else [entry])]
    problems = [
        f"{word}: settings of Hydra itself can start programs; type them on the command line, or put the file into "
        f"configs/ or its folder into {OWN_FOLDERS}"
        for word in named
        if _HYDRA.search(word)
    ]
    problems += [line for key, value in _leaves(content, "") for line in not_data(key, value)]
    if problems:
        raise InputErrors(f"{place} is not in configs/, so it may only hold data", problems)


def not_data(key: str, value: Any) -> list[str]:
    """What a setting from elsewhere may not say.

    Args:
        key: dotted.
        value: one plain value; a text may have interpolations.
    """
    problems = []
    if key.rpartition(".")[2] in ADDRESSED:
        problems.append(f"{key}: where texts are sent, and with which key, is said on the command line: {key}=...")
    for found in _REFERENCE.finditer(value if isinstance(value, str) else ""):
        name, colon, argument = (part.strip() for part in found.groups())
        if "$" in name or "$" in argument or (colon and name not in RESOLVERS):
            problems.append(f"{key}: {found[0]}}} computes a value; write the value, or ${{KEY}} of another setting")
        elif name == "oc.env" and SECRET_VARIABLE.search(argument.partition(",")[0].strip("\"' ")):
            problems.append(f"{key}: {found[0]}}} would copy a secret into records; programs find it by themselves")
    return problems


def _leaves(node: Any, prefix: str) -> Iterator[tuple[str, Any]]:
    items = node.items() if isinstance(node, dict) else enumerate(node) if isinstance(node, list) else None
    if items is None:
        yield prefix, node
        return
    for name, value in items:
        place = f"{prefix}.{name}" if prefix else str(name)
        yield from ((place, value),) if not isinstance(value, dict | list) else _leaves(value, place)
