"""Hydra's, OmegaConf's and YAML's exceptions as one line each: the file, the key, and the nearest valid one."""

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, is_dataclass
from pathlib import Path
from typing import Any

import yaml
from hydra import compose, initialize_config_dir
from hydra.core.config_store import ConfigStore
from hydra.core.global_hydra import GlobalHydra
from hydra.core.hydra_config import HydraConfig
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.errors import HydraException, MissingConfigException, OverrideParseException
from omegaconf import DictConfig, OmegaConf, open_dict, read_write
from omegaconf.errors import MissingMandatoryValue, OmegaConfBaseException

from emolightning.config.check import HYDRA_KEYS, MISSING_VALUE, find_problems, locate_problem, said_elsewhere
from emolightning.config.corpora import fill_corpora
from emolightning.config.definitions import MissingTarget
from emolightning.config.problems import OTHER_WORDS, Problem, closest, reason_of, suggestion
from emolightning.config.renamed import present_words
from emolightning.config.shared_keys import signature_of
from emolightning.config.signatures import Signature
from emolightning.config.sources import (
    COMMAND_LINE,
    SAVED_RUN,
    Sources,
    override_key,
    package_of,
    read_yaml,
    saved_run_file,
)
from emolightning.config.values import check_content, leaf_keys
from emolightning.errors import quoted_override

CONFIG_ERRORS = (HydraException, OmegaConfBaseException, yaml.YAMLError)

BLAMED = (
    r"Could not override '([^']+)'",
    r"Error merging override [+~]*([^=\s]+)",
    r"An item is already at '([^']+)'",
    r"Could not delete from config\. '([^']+)'",
    r"Ambiguous value for argument '[+~]*([^=']+)",
    r"In '([^']+)':",
    r"^(\S+) appears more than once in the final defaults list",
)
"""How Hydra 1.3 names what it stumbled over."""


@dataclass(frozen=True)
class Launch:
    """What is needed to compose a configuration once more."""

    folder: Path
    """`configs/`."""
    config_name: str
    overrides: Sequence[str]
    multirun: bool = False

    def compose(self, overrides: Sequence[str]) -> DictConfig:
        """The configuration with its `hydra` node, from other overrides, as filled as a command has it."""
        GlobalHydra.instance().clear()
        with initialize_config_dir(str(self.folder), version_base="1.3"):
            cfg = compose(self.config_name, overrides=present_words(overrides)[0], return_hydra_config=True)
            fill_corpora(cfg)
            return cfg

    def path(self, name: str) -> Path:
        """The file of a config as Hydra names it, e.g. `experiment/smoke`."""
        return (name == SAVED_RUN and saved_run_file()) or self.folder / f"{name}.yaml"

    def shown(self, path: Path) -> str:
        """As a reader of the repository knows it: `in configs/data/dfew.yaml`."""
        inside = path.is_relative_to(self.folder.parent)
        return f"in {path.relative_to(self.folder.parent) if inside else path}"

    def groups(self) -> list[str]:
        """The folders that an option can be chosen from."""
        return sorted(path.name for path in self.folder.iterdir() if path.is_dir())

    def schema(self) -> type | None:
        """The dataclass that the primary config begins with."""
        nodes = ConfigStore.instance().repo
        for entry in read_yaml(self.path(self.config_name)).get("defaults") or ():
            node = nodes.get(f"{entry}.yaml") if isinstance(entry, str) else None
            if node is not None and is_dataclass(OmegaConf.get_type(node.node)):
                return OmegaConf.get_type(node.node)
        return None


def explain(error: Exception, launch: Launch) -> list[str]:
    """All that is wrong with a command line or the files it chooses, one line each.

    Hydra stops at the first mistake, so the blamed override is taken out and the rest composed again, until it works.
    What then composes also tells the valid keys.
    """
    rest, findings, cfg = list(launch.overrides), [], None
    if launch.multirun:
        rest = [override for override in rest if not _is_sweep(override)]
    for _ in range(len(rest) + 1):
        try:
            cfg = launch.compose(rest)
            break
        except CONFIG_ERRORS as found:
            blamed = _blamed_override(found, rest)
            findings.append((found, blamed))
            if blamed is None:
                break
            rest.remove(blamed)
    lines = [line for found, blamed in findings or [(error, None)] for line in _lines(found, blamed, cfg, launch)]
    blamed_keys = {override_key(blamed) for _, blamed in findings if blamed}
    return list(dict.fromkeys(lines + _remaining_problems(cfg, blamed_keys)))


def _is_sweep(override: str) -> bool:
    try:
        return OverridesParser.create().parse_overrides([override])[0].is_sweep_override()
    except OverrideParseException:
        return False


def _remaining_problems(cfg: DictConfig | None, blamed: Collection[str]) -> list[str]:
    """What `check_config` would say next; without what a blamed override gave, or may have meant to give."""
    if cfg is None:
        return []
    HydraConfig.instance().set_config(cfg)
    sources = Sources.from_hydra()
    with read_write(cfg), open_dict(cfg):
        del cfg["hydra"]
    found = find_problems(cfg, sources.overrides if sources else ())
    problems = [
        problem for problem in found if not problem.message.startswith("is required") and problem.key not in blamed
    ]
    return [locate_problem(problem, sources) for problem in problems]


def _blamed_override(error: Exception, overrides: Sequence[str]) -> str | None:
    if isinstance(error, OverrideParseException) and error.override in overrides:
        return error.override
    if isinstance(error, MissingConfigException):
        files = [str(error.missing_cfg_file)]
    else:
        files = [match for pattern in BLAMED for match in re.findall(pattern, str(error))]
    files += [str(Path(mark.name).with_suffix("")) for mark in [getattr(error, "problem_mark", None)] if mark]
    for override in overrides:
        key, value = override_key(override), override.partition("=")[2]
        if any(name == key or name == f"{key}/{value}" or name.endswith(f"/{key}/{value}") for name in files):
            return override
    return None


def _lines(error: Exception, blamed: str | None, cfg: DictConfig | None, launch: Launch) -> list[str]:
    text, place = str(error), f" ({COMMAND_LINE})" if blamed else ""
    key, value = override_key(blamed or ""), (blamed or "=").partition("=")[2]
    if isinstance(error, yaml.YAMLError):
        return [_yaml_line(error, launch)]
    if isinstance(error, MissingConfigException):
        return [_missing_option(error, blamed, launch)]
    if isinstance(error, OverrideParseException):
        return [_grammar_line(error.override or text)]
    within = re.match(r"In '([^']+)': ", text)
    if within:
        return _file_lines(launch.path(within[1]), text[within.end() :], launch)
    if text.startswith("Ambiguous value"):
        is_number = cfg is not None and isinstance(OmegaConf.select(cfg, key), float)
        if is_number and re.fullmatch(r"[+-]?\d+,\d+(e[+-]?\d+)?", value):
            return [f"{key}: a number is written with a point, {key}={value.replace(',', '.')}{place}"]
        return [
            f"{key}: a list is written {quoted_override(key, _entries(value))}, a text {quoted_override(key, value)}, "
            f"a sweep needs --multirun{place}"
        ]
    if "An item is already at" in text:
        return [f"{key}: is in the configuration already, write it without the +{place}"]
    if "No match in the defaults list" in text:
        return [f"{key}: this command has no such choice; {suggestion(key, _choices(cfg))}{place}"]
    if re.match("Could not (override|delete)", text) and blamed:
        known = cfg if cfg is not None else _bare(launch)
        return [f"{unknown_key(name, known, launch)}{place}" for name in _unknown_keys(blamed, known)]
    reason = reason_of(error.__cause__ or error)
    if reason == "must not be null" and cfg is not None:
        reason += f"; {_left_out(key, cfg)}"
    if reason == "Cannot merge DictConfig with ListConfig" and blamed:
        entries = _entries(value.strip("[]")) or ["NAME"]
        names = [str(name) for entry in entries for name in (entry if isinstance(entry, dict) else [entry])]
        shown = ", ".join(name if ":" in name else f"{name}: ..." for name in names)
        reason = f"must be names with values, e.g. '{key}={{{shown}}}'"
    if "is not a ListConfig" in reason and blamed:
        reason = f"must be a list, e.g. {quoted_override(key, [value])}"
    return [f"{key}: {reason}{place}" if key else reason]


def _left_out(key: str, cfg: DictConfig) -> str:
    """What a setting is where nobody says it."""
    try:
        value = OmegaConf.select(cfg, key, throw_on_missing=True)
    except MissingMandatoryValue:
        return f"it is required, say {key}=..."
    except OmegaConfBaseException:  # It names another one that is required.
        return "leave it out"
    return f"left out, it is {value}"


def _bare(launch: Launch) -> DictConfig:
    """Our settings alone, when nothing could be composed."""
    schema = launch.schema()
    return OmegaConf.structured(schema) if schema else OmegaConf.create()


def _choices(cfg: DictConfig | None) -> list[str]:
    choices = HydraConfig.get().runtime.choices if cfg is None else cfg.hydra.runtime.choices
    return [group for group in choices if not group.startswith("hydra/")]


def _entries(value: str) -> list[Any]:
    """`1,2` -> what Hydra reads in `[1,2]`."""
    try:
        return OverridesParser.create().parse_overrides([f"x=[{value}]"])[0].value()  # type: ignore[return-value]
    except OverrideParseException:
        return value.split(",")


def _unknown_keys(blamed: str, cfg: DictConfig) -> list[str]:
    """The key of an override; of a dict that it gives, those of its keys that `cfg` does not have."""
    key = override_key(blamed)
    try:
        value = OverridesParser.create().parse_overrides([blamed])[0].value()
    except OverrideParseException:
        return [key]
    node = OmegaConf.select(cfg, key)
    inside = [f"{key}.{name}" for name in value if name not in node] if isinstance(value, dict) and node else []
    return inside or [key]


def unknown_key(key: str, cfg: DictConfig, launch: Launch) -> Problem:
    """What is wrong with a dotted key that `cfg` does not have, and what was probably meant."""
    node, parts = cfg, key.split(".")
    for index, part in enumerate(parts):
        if not isinstance(node, DictConfig):
            parent = ".".join(parts[:index])
            if node is None and parent in launch.groups():
                return Problem(
                    key, f"this command has no {parent}, or none is chosen; leave it out, or say {parent}=..."
                )
            return Problem(key, f"{parent} has no keys, it is {node!r}")
        if part not in node or OmegaConf.is_missing(node, part):
            return Problem(key, _unknown_name(parts[: index + 1], node, cfg, launch))
        node = node[part]
    return Problem(key, "no such setting")


def _unknown_name(parts: list[str], node: DictConfig, cfg: DictConfig, launch: Launch) -> str:
    *parents, name = parts
    here = "".join(f"{part}." for part in parents)
    names = [str(item) for item in node if item not in ("hydra", *HYDRA_KEYS)]
    target = node.get("_target_") if parents else None
    signature = _signature_of(".".join(parents), target)
    if signature is None:
        options = names if parents else [*names, *(group for group in launch.groups() if group not in names)]
        near = closest(name, options) or _elsewhere(name, cfg)
        return f"no such setting; {f'did you mean {near}?' if near else suggestion(name, options)}"
    arguments = list(signature.arguments)
    if name in arguments or (signature.takes_any and not closest(name, [*names, *arguments])):
        return f"is not set in this configuration; to pass it to {target}, say +{here}{name}=..."
    near = closest(name, [*names, *arguments])
    hint = f"did you mean {near}?" if near in names else f"did you mean +{here}{near}=...?" if near else ""
    others = said_elsewhere(".".join(parents), name, node)
    return f"{target} has no such argument; {others or hint or suggestion(name, arguments)}"


def _elsewhere(name: str, cfg: DictConfig) -> str | None:
    """`batch_size` -> `data.batch_size`, `epochs` -> `trainer.max_epochs`: a key of another node with that name."""
    plain: Any = OmegaConf.to_container(cfg, resolve=False)
    names = (name, OTHER_WORDS.get(name, name))
    keys = [key for key in leaf_keys(plain) if not key.startswith("hydra.")]
    return next((key for wanted in names for key in keys if key.endswith(f".{wanted}")), None)


def _signature_of(key: str, target: Any) -> Signature | None:
    try:
        return signature_of(key, target) if isinstance(target, str) and target != MISSING_VALUE else None
    except MissingTarget:
        return None


def _file_lines(path: Path, text: str, launch: Launch) -> list[str]:
    """What is wrong inside a file: all its unknown settings and wrong types, not only the first."""
    place, schema, content = launch.shown(path), launch.schema(), read_yaml(path)
    group = re.match(r"Could not override '([^']+)'", text)
    if group:
        name = group[1].partition("@")[0]
        return [f"{name}: no such group in the defaults list; {suggestion(name, launch.groups())} ({place})"]
    problems = []
    if (
        schema
        and path.is_file()
        and (path.parent == launch.folder or package_of(path, "-") == "" or not path.is_relative_to(launch.folder))
    ):
        ours = {key: value for key, value in content.items() if key not in ("defaults", "hydra")}
        problems = check_content(ours, schema)
    return [f"{problem} ({place})" for problem in problems] or [f"{' '.join(text.split())} ({place})"]


def _is_global(path: Path, folder: Path) -> bool:
    """Whether a file's keys are at the top: primary configs, saved runs, and `# @package _global_`."""
    return path.parent == folder or not path.is_relative_to(folder) or package_of(path, "group") == ""


def _missing_option(error: MissingConfigException, blamed: str | None, launch: Launch) -> str:
    group, _, option = str(error.missing_cfg_file).rpartition("/")
    place = COMMAND_LINE if blamed else launch.shown(_file_that_chooses(group, option, launch))
    if not (launch.folder / group).is_dir():
        return f"{group}: no such group in configs; {suggestion(group, launch.groups())} ({place})"
    options = [name for name in error.options or () if not name.startswith("_")]
    return f"{group}={option}: no such option; {suggestion(option, options)} ({place})"


def _file_that_chooses(group: str, option: str, launch: Launch) -> Path:
    primary = launch.path(launch.config_name)
    chosen = [launch.path("/".join(override.lstrip("+").split("=", 1))) for override in launch.overrides]
    for path in [primary, *chosen]:
        for entry in read_yaml(path).get("defaults") or ():
            for key, value in entry.items() if isinstance(entry, Mapping) else ():
                if value == option and str(key).split()[-1].lstrip("/").partition("@")[0] == group:
                    return path
    return primary


def _grammar_line(override: str) -> str:
    key, equals, value = override.partition("=")
    if not equals:
        return f"{override}: settings are written key=value ({COMMAND_LINE})"
    if value.startswith("[") and value.endswith("]"):
        entries = [entry.strip().strip("'\"") for entry in value[1:-1].split(",")]
        return f"{key}: cannot read {value}; quote each entry: {quoted_override(key, entries)} ({COMMAND_LINE})"
    if value.startswith("{"):
        return (
            f"{key}: cannot read {value}; keys inside of braces must be ASCII letters, digits or '_' ({COMMAND_LINE})"
        )
    pasted = quoted_override(key, value)
    return f"{key}: cannot read {value}; special characters need two quotes: {pasted} ({COMMAND_LINE})"


def _yaml_line(error: yaml.YAMLError, launch: Launch) -> str:
    mark = getattr(error, "problem_mark", None)
    if mark is None:
        return " ".join(str(error).split())
    return f"line {mark.line + 1}: not valid YAML, {error.problem} ({launch.shown(Path(mark.name))})"
