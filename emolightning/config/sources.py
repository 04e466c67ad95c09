"""Where a setting was written: in which YAML file of this composition, or on the command line."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from hydra.core.config_store import ConfigStore
from hydra.core.hydra_config import HydraConfig
from omegaconf import OmegaConf

COMMAND_LINE = "on the command line"
SAVED_RUN = "saved_run"
"""ConfigStore node that holds the configuration of the run being evaluated."""


@dataclass(frozen=True)
class Sources:
    """What a composition was made of."""

    folder: Path
    """`configs/`."""
    config_name: str
    """The primary config, `train` or `eval`."""
    choices: Mapping[str, str | None]
    """Group -> chosen option, as in `HydraConfig.get().runtime.choices`."""
    overrides: Sequence[str]
    """The command line, e.g. `["data=dfew", "seed=3"]`."""

    @classmethod
    def from_hydra(cls) -> "Sources | None":
        """Return the sources of the running Hydra application; None outside of one."""
        if not HydraConfig.initialized():
            return None
        hydra = HydraConfig.get()
        folders = [source.path for source in hydra.runtime.config_sources if source.provider == "main"]
        choices = {group: option for group, option in hydra.runtime.choices.items() if not group.startswith("hydra/")}
        name = str(hydra.job.config_name)
        # Not resolved: an override may itself hold an interpolation, even a wrong one.
        overrides = OmegaConf.to_container(hydra.overrides, resolve=False)["task"]  # type: ignore[index, call-overload]
        return cls(Path(folders[0] if folders else "."), name, choices, overrides)

    def locate(self, key: str) -> str:
        """`in configs/experiment/x.yaml` or `on the command line`; empty if the key is written nowhere."""
        for override in self.overrides:
            name = override_key(override)
            if name not in self.choices and (key == name or key.startswith(f"{name}.")):
                return COMMAND_LINE
        for path, package in self.files():
            if _holds(read_yaml(path), package, key):
                return f"in {self.shown(path)}"
        saved = saved_run_file()
        return f"in {saved}" if saved and _holds(read_yaml(saved), "", key) else ""

    def files(self) -> list[tuple[Path, str]]:
        """The YAML files of the composition with their packages; what is merged last comes first."""
        groups = [(group, option) for group, option in self.choices.items() if isinstance(option, str)]
        found = [item for group, option in groups for item in self._with_defaults(group, option)]
        included = read_yaml(self.folder / f"{self.config_name}.yaml").get("defaults") or ()
        found += [item for entry in included if isinstance(entry, str) for item in self._with_defaults("", entry)]
        found.sort(key=lambda item: item[1] != "")  # files of package _global_ overrule their groups
        return [(self.folder / f"{self.config_name}.yaml", ""), *found]

    def shown(self, path: Path) -> str:
        """A path as a reader of the repository knows it: `configs/data/dfew.yaml`."""
        return str(path.relative_to(self.folder.parent)) if path.is_relative_to(self.folder.parent) else str(path)

    def _with_defaults(self, group: str, option: str) -> Iterator[tuple[Path, str]]:
        group, _, placed = group.partition("@")
        path = self.folder / group / f"{option.removesuffix('.yaml')}.yaml"
        if not path.is_file():
            return
        yield path, package_of(path, placed or group.replace("/", "."))
        for entry in read_yaml(path).get("defaults") or ():
            if isinstance(entry, str) and entry != "_self_":
                yield from self._with_defaults(f"{group}@{placed}" if placed else group, entry)


def option_files(folder: Path, group: str) -> list[Path]:
    """The files that a group's options are, by name; one whose name begins with `_` is only included by others."""
    return sorted((folder / group).rglob("[!_]*.yaml"))


def option_name(folder: Path, group: str, path: Path) -> str:
    """What chooses a file of a group, e.g. `tiny` or `fusion/attention`."""
    return path.relative_to(folder / group).with_suffix("").as_posix()


def chosen(group: str) -> str:
    """The option of a group in the running Hydra application; empty outside of one, and where none is chosen."""
    if not HydraConfig.initialized():
        return ""
    return str(HydraConfig.get().runtime.choices.get(group) or "")


def override_key(override: str) -> str:
    """`+data.x=1` -> `data.x`; `~seed` -> `seed`."""
    return override.lstrip("+~").partition("=")[0].partition("@")[0].strip()


def package_of(path: Path, default: str) -> str:
    """Where a group file's keys end up: `# @package _global_` is the top, written as an empty string."""
    match = re.search(r"^#\s*@package\s+(\S+)", path.read_text(encoding="utf-8"), flags=re.MULTILINE)
    package = match[1] if match else default
    return "" if package == "_global_" else package.replace("_group_", default)


def read_yaml(path: Path) -> dict[str, Any]:
    """A YAML file as a plain dict; empty if it cannot be read as one: this only serves to name a file."""
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, yaml.YAMLError, UnicodeDecodeError):
        return {}
    return content if isinstance(content, dict) else {}


def saved_run_file() -> Path | None:
    """The `config.yaml` of the run being evaluated, if there is one."""
    node = ConfigStore.instance().repo.get(f"{SAVED_RUN}.yaml")
    return Path(node.provider) if node is not None and node.provider else None


def _holds(content: Mapping[str, Any], package: str, key: str) -> bool:
    if package and key != package and not key.startswith(f"{package}."):
        return False
    node: Any = content
    for part in key.removeprefix(package).split("."):
        if part == "":
            continue
        if isinstance(node, list) and part.isdecimal() and int(part) < len(node):
            node = node[int(part)]
        elif isinstance(node, Mapping) and part in node:
            node = node[part]
        else:
            return False
    return True
