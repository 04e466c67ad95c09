"""The configuration of a trained run as the starting point of its evaluation."""

import json
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from hydra.core.config_store import ConfigStore
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.errors import HydraException
from omegaconf import OmegaConf
from omegaconf.errors import OmegaConfBaseException
from yaml import YAMLError

from emolightning.config.known_targets import refuse_unknown_targets
from emolightning.config.problems import closest
from emolightning.config.schema import CONFIG_DIR
from emolightning.config.sources import SAVED_RUN, override_key, read_yaml
from emolightning.errors import UserError
from emolightning.inputs import INPUTS

CONFIG_FILE = "config.yaml"
ADAPTER_FILE = "emolightning.json"
LEVELS = 3
"""Folders above a checkpoint file that are searched for its run: `RUN/checkpoints/best.ckpt` needs two."""

NOT_INHERITED = ("hydra", "defaults", "paths", "resume", "init_from", "checkpoint", "split", "shuffle", "judge")
"""Keys of a saved run that are not the evaluation's: folders belong to the machine, the rest to that one call."""


UNUSED = {"optimizer": None, "schedule": None}
"""Parts of training that an evaluation does not build."""


def load_saved_run(argv: Sequence[str], folder: Path = CONFIG_DIR, config_name: str = "eval") -> None:
    """Store the configuration of `checkpoint=...` as ConfigStore node `saved_run`, for a defaults list to merge.

    A group that is chosen anew, on the command line or in the defaults list, is left out, so that it replaces the saved
    one; single keys modify it. Without `checkpoint=` the node is empty, so that the configuration can still be shown.

    Args:
        argv: the command line without the program.
        folder: `configs/`, whose folders are the groups.
        config_name: the primary config that has `saved_run` in its defaults list.

    Raises:
        UserError: no such checkpoint, none that belongs to a run, or one that would run code of its own.
    """
    checkpoint = _checkpoint_of(argv)
    if checkpoint is None:
        ConfigStore.instance().store(name=SAVED_RUN, node={})
        return
    source, saved = _saved_configuration(checkpoint)
    dropped = {*NOT_INHERITED, *_groups_chosen(argv, folder), *_groups_filled(folder / f"{config_name}.yaml")}
    node = _with_language_model({key: value for key, value in saved.items() if key not in dropped} | UNUSED)
    refuse_unknown_targets(node, source, folder)
    ConfigStore.instance().store(name=SAVED_RUN, node=node, provider=str(source))


def _with_language_model(saved: dict[str, Any]) -> dict[str, Any]:
    """With `model.llm` as the name of the language model's folder again: saved values are resolved."""
    model = saved.get("model")
    if not isinstance(model, dict) or "llm" not in model or not isinstance(model.get("language"), dict):
        return saved
    language = {**model["language"], "path": "${model.llm}"}
    return {**saved, "model": {**model, "llm": model["language"].get("path"), "language": language}}


def _saved_configuration(checkpoint: str) -> tuple[Path, dict[str, Any]]:
    """The file that holds the configuration, and its content; `output_dir` is where results go now."""
    description = Path(checkpoint).expanduser() / ADAPTER_FILE
    try:
        run = find_run_folder(checkpoint)
    except UserError:
        if not description.is_file():
            raise
        return description, _of_adapter(description)
    try:
        saved = OmegaConf.to_container(OmegaConf.load(run / CONFIG_FILE), resolve=False)
    except (OSError, YAMLError, OmegaConfBaseException) as error:
        raise UserError(f"{run / CONFIG_FILE}: cannot be read: {error}") from error
    if not isinstance(saved, dict):
        raise UserError(f"{run / CONFIG_FILE}: is not a configuration")
    return run / CONFIG_FILE, {**saved, "output_dir": str(run)}  # where it is now, not where it was trained


def _of_adapter(path: Path) -> dict[str, Any]:
    """An adapter folder on its own says what the model is and sees; the data must be named."""
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        saved = {key: content[key] for key in ("model", "features", "prompt")}
        switches = {name: name in content["inputs"] for name in INPUTS}
    except (ValueError, KeyError, TypeError) as error:
        raise UserError(f"{path}: does not describe an adapter: {error}") from error
    name = path.resolve().parent.name
    return {**saved, "inputs": switches, "output_dir": "${paths.outputs}/" + name, "run_name": name}


def find_run_folder(checkpoint: str | Path) -> Path:
    """The run folder that a checkpoint file, or the folder itself, belongs to.

    Raises:
        UserError: it is not there, or no `config.yaml` is near it.
    """
    path = Path(checkpoint).expanduser()
    if not path.exists():
        siblings = [item.name for item in path.parent.iterdir()] if path.parent.is_dir() else []
        near = closest(path.name, siblings)
        hint = f"; did you mean {path.parent / near}?" if near else ""
        raise UserError(f"checkpoint={checkpoint}: no such file or folder{hint}")
    path = path.resolve()
    for candidate in [path, *path.parents][: LEVELS + 1]:
        if (candidate / CONFIG_FILE).is_file():
            return candidate
    raise UserError(
        f"checkpoint={checkpoint}: belongs to no run folder. That is the output_dir of a training run, with "
        f"{CONFIG_FILE} and checkpoints/; give the folder, a file inside its checkpoints/, or an adapter folder"
    )


def _checkpoint_of(argv: Sequence[str]) -> str | None:
    """The value as Hydra will read it; None if there is none, or if Hydra will refuse it."""
    given = [word for word in argv if override_key(word) == "checkpoint" and "=" in word]
    if not given:
        return None
    try:
        value = OverridesParser.create().parse_overrides(given[-1:])[0].value()
    except HydraException:
        return None
    return str(value) if value not in (None, "", "???") else None


def _groups_chosen(argv: Iterable[str], folder: Path) -> set[str]:
    """`data=dfew` chooses a group, `data.batch_size=4` does not."""
    return {override_key(word) for word in argv if "=" in word and (folder / override_key(word)).is_dir()}


def _groups_filled(primary: Path) -> set[str]:
    """Groups with an option in the defaults list, e.g. `- callbacks: eval`."""
    entries = [entry for entry in read_yaml(primary).get("defaults") or () if isinstance(entry, dict)]
    return {group for entry in entries for group, option in entry.items() if option is not None}
