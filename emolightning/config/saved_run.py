"""The configuration of a trained run as the starting point of its evaluation: data, for it may come from elsewhere."""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from hydra.core.config_store import ConfigStore
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.errors import HydraException
from omegaconf import OmegaConf
from omegaconf.errors import OmegaConfBaseException
from yaml import YAMLError

from emolightning.config.families import all_inputs
from emolightning.config.known_targets import allowed_classes, foreign_objects, known_classes
from emolightning.config.places import CONFIG_DIR
from emolightning.config.problems import absent
from emolightning.config.renamed import saved_as_now, with_present_names
from emolightning.config.sources import SAVED_RUN, override_key, read_yaml
from emolightning.errors import InputErrors, UserError
from emolightning.files.documents import DamagedFile, read_json_object, read_plain_yaml

CONFIG_FILE = "config.yaml"
ADAPTER_FILE = "emolightning.json"
LINEAGE_FILE = "lineage.json"
LEVELS = 3
"""Folders above a checkpoint file that are searched for its run: `RUN/checkpoints/best.ckpt` needs two."""

NOT_INHERITED = (
    *("hydra", "defaults", "paths", "resume", "init_from", "checkpoint", "split", "shuffle", "judge", "trained"),
    *("perturb", "augmentation", "rates", "ema_decay"),
    *("labels", "offered", "frame"),  # What an adapter folder says of its training.
)
"""Keys of a saved run that are not the evaluation's: folders belong to the machine, the rest to that one call."""


OF_NEW_CLIPS = ("seed", "num_threads", "modalities", "inputs", "prompt", "evaluation", "features", "model")
"""Keys of a saved run that say how a clip is seen and asked about."""

OF_ONE_CALL = {"other_recipe": "refuse"}
"""Keys of `data` that a run does not hand on, and that one of an earlier version does not have."""

UNUSED = {"optimizer": None, "schedule": None}
"""Parts of training that an evaluation does not build."""


EVALUATING = ("eval", "robustness")
"""Primary configs that may start from no run."""

WITHOUT_RUN = {"checkpoint": None, "run_name": "${data.name}-server", **UNUSED}
"""What an evaluation starts from that is of no run: its model runs elsewhere."""


def load_saved_run(argv: Sequence[str], folder: Path = CONFIG_DIR, config_name: str = "eval") -> None:
    """Store the configuration of `checkpoint=...` as ConfigStore node `saved_run`, for a defaults list to merge.

    A group that is chosen anew, on the command line or in the defaults list, is left out, so that it replaces the saved
    one; single keys modify it. Without `checkpoint=` the node is empty, so that the configuration can still be shown;
    where a model is chosen, that model may run elsewhere.

    Args:
        argv: the command line without the program.
        folder: `configs/`, whose folders are the groups.
        config_name: the primary config that has `saved_run` in its defaults list.

    Raises:
        UserError: no such checkpoint, none that belongs to a run, or one that would run code of its own; or a model
            without a run, and no dataset.
    """
    checkpoint = _checkpoint_of(argv)
    if checkpoint is None:
        groups = _groups_chosen(argv, folder) if config_name in EVALUATING else set()
        is_run = not any(word.startswith("-") for word in argv)  # --help and --cfg show a configuration with gaps.
        if is_run and "model" in groups and "data" not in groups:
            names = ", ".join(sorted(path.stem for path in (folder / "data").glob("[!_]*.yaml")))
            raise UserError(f"a model without a run is evaluated on a dataset: say data=NAME, one of {names}")
        ConfigStore.instance().store(name=SAVED_RUN, node=WITHOUT_RUN if "model" in groups else {})
        return
    source, saved, saved_output = _saved_configuration(checkpoint)
    chosen = {*_groups_chosen(argv, folder), *_groups_filled(folder / f"{config_name}.yaml")}
    dropped = {*NOT_INHERITED, *(group for group in chosen if not _is_global(folder / group))}
    kept = {key: value for key, value in saved.items() if key not in dropped} | UNUSED
    problems = foreign_objects(kept, "", [known_classes(folder), *allowed_classes(argv)])
    if problems:
        raise InputErrors(f"{source}: nothing of it was run", [str(problem) for problem in problems])
    trained = _trained_with(saved, source)
    if not _takes_datasets(folder / f"{config_name}.yaml"):
        kept = _of_new_clips(kept, trained)
    else:
        kept["trained"] = {**trained, **_dataset_of(saved, source)}
        if isinstance(kept.get("data"), dict):
            kept["data"] = {**kept["data"], **OF_ONE_CALL}
        is_other = "data" in chosen or any(override_key(word) == "data.scale" for word in argv)
        if is_other and isinstance(asked := kept.get("prompt"), dict) and asked.get("scale"):
            kept["prompt"] = {**asked, "scale": "data"}  # Of those that are asked about now.
    # Only now, for interpolations: those in the node are ours.
    node = _with_language_model(kept)
    if "trained" in node:
        node["output_dir"] = saved_output
    ConfigStore.instance().store(name=SAVED_RUN, node=node, provider=str(source))


def _takes_datasets(primary: Path) -> bool:
    """Whether a command is about a dataset, so that its configuration has the group."""
    entries = read_yaml(primary).get("defaults") or ()
    return any(isinstance(entry, dict) and "data" in entry for entry in entries)


def _of_new_clips(saved: Mapping[str, Any], trained: Mapping[str, Any]) -> dict[str, Any]:
    """What asking the model about new clips takes of a run; of its dataset only how its clips were seen."""
    data = saved.get("data")
    missing = data.get("missing") if isinstance(data, dict) else None
    seen = {"labels": "mer6", "frame": "middle", "missing": missing or "error", **OF_ONE_CALL, **trained}
    return {name: saved[name] for name in OF_NEW_CLIPS if name in saved} | {"data": seen}


def _with_language_model(saved: dict[str, Any]) -> dict[str, Any]:
    """Make `model.llm` name the language model's folder again: saved values are resolved."""
    model = saved.get("model")
    if not isinstance(model, dict) or "llm" not in model or not isinstance(model.get("language"), dict):
        return saved
    language = {**model["language"], "path": "${model.llm}"}
    return {**saved, "model": {**model, "llm": model["language"].get("path"), "language": language}}


def _saved_configuration(checkpoint: str) -> tuple[Path, dict[str, Any], str]:
    """The file that holds the configuration, its content, and `output_dir`, which is where results go now."""
    description = Path(checkpoint).expanduser() / ADAPTER_FILE
    try:
        run = find_run_folder(checkpoint)
    except UserError:
        if not description.is_file():
            raise
        saved, name = _of_adapter(description), description.resolve().parent.name
        return description, {**saved, "run_name": _literal(name)}, "${paths.outputs}/" + _literal(name)
    # Where it is now, not where it was trained.
    return run / CONFIG_FILE, read_configuration(run / CONFIG_FILE), _literal(str(run))


def saved_model(checkpoint: str | Path) -> tuple[Path, dict[str, Any]]:
    """The file that says which model a run folder, checkpoint file or adapter folder has, and what it says.

    Raises:
        UserError: there is none, or it cannot be read.
    """
    source, saved, _ = _saved_configuration(str(checkpoint))
    model = saved.get("model")
    return source, model if isinstance(model, dict) else {}


def read_configuration(path: Path) -> dict[str, Any]:
    """What a run wrote as its `config.yaml`: resolved, so that it is plain values.

    Raises:
        DamagedFile: it is no mapping, or holds anything else, e.g. an interpolation, which would be computed here.
    """
    if not isinstance(read_plain_yaml(path), dict):  # OmegaConf makes a mapping of a text, too.
        raise DamagedFile(path, "it is not a configuration")
    try:
        saved: Any = OmegaConf.to_container(OmegaConf.create(path.read_text(encoding="utf-8")), resolve=False)
    except (ValueError, LookupError, AttributeError, YAMLError, OmegaConfBaseException) as error:
        raise error if isinstance(error, UserError) else DamagedFile(path, error) from None
    require_plain(saved, path)
    return saved_as_now(saved)


def require_plain(content: Any, path: Path) -> None:
    """Refuse everything but numbers, texts without interpolation, and lists and mappings of them.

    Raises:
        DamagedFile: names the first such value.
    """
    for key, value in _values(content, ""):
        if not isinstance(value, str | int | float | bool | None):
            raise DamagedFile(path, f"{key} is a {type(value).__name__}")
        if isinstance(value, str) and "${" in value:
            raise DamagedFile(path, f"{key} is {value[:80]!r}: what a run saves is resolved and computes nothing")


def _values(node: Any, key: str) -> Iterator[tuple[str, Any]]:
    """Leaves, and names of mappings, by dotted key."""
    if isinstance(node, dict):
        for name, value in node.items():
            yield key or "a name", str(name)
            yield from _values(value, f"{key}.{name}" if key else str(name))
    elif isinstance(node, list):
        for number, value in enumerate(node):
            yield from _values(value, f"{key}.{number}")
    else:
        yield key, node


def _trained_with(saved: dict[str, Any], source: Path) -> dict[str, Any]:
    """Labels, the labels that the question offered, and frames: as far as they are known.

    A dataset that is chosen anew has its own; `data=custom`, which has none, takes these.
    """
    chosen = saved.get("data")
    data: dict[str, Any] = chosen if isinstance(chosen, dict) else {}
    beside = source.with_name(LINEAGE_FILE)
    fed = read_json_object(beside).get("data") if source.name == CONFIG_FILE and beside.is_file() else {}
    offered = saved.get("offered") or (fed.get("offered_labels") if isinstance(fed, dict) else None)
    found = {"labels": data.get("labels", saved.get("labels")), "frame": data.get("frame", saved.get("frame"))}
    known = {name: value for name, value in {**found, "offered": offered}.items() if value}
    require_plain(known, source)
    return known


def _dataset_of(saved: Mapping[str, Any], source: Path) -> dict[str, str]:
    """The name of the dataset that the weights are from; nothing where nobody says so."""
    data = saved.get("data") if source.name == CONFIG_FILE else read_json_object(source).get("data")
    name = data.get("name") if isinstance(data, dict) else None
    return {"dataset": _literal(name)} if isinstance(name, str) else {}


def _literal(text: str) -> str:
    """A text that OmegaConf leaves as it is: a folder may be called `${x}`."""
    return re.sub(r"(\\*)\$\{", r"\1\1\\${", text)


def _of_adapter(path: Path) -> dict[str, Any]:
    """An adapter folder on its own says what the model is and sees; the data must be named."""
    content = read_json_object(path)
    absent = [key for key in ("model", "features", "prompt", "inputs") if key not in content]
    if absent or not isinstance(content["inputs"], list):
        raise UserError(f"{path}: does not describe an adapter: no {', '.join(absent) or 'list of inputs'}")
    about = ("labels", "offered", "frame")
    saved = {key: content[key] for key in ("model", "features", "prompt", *about) if key in content}
    require_plain(saved, path)
    return with_present_names({**saved, "inputs": {name: name in content["inputs"] for name in all_inputs()}})


def find_run_folder(checkpoint: str | Path) -> Path:
    """The run folder that a checkpoint file, or the folder itself, belongs to.

    Raises:
        UserError: it is not there, or no `config.yaml` is near it.
    """
    path = Path(checkpoint).expanduser()
    if not path.exists():
        raise UserError(f"checkpoint={checkpoint}: {absent(path)}")
    path = path.resolve()
    for candidate in [path, *path.parents][: LEVELS + 1]:
        if (candidate / CONFIG_FILE).is_file():
            return candidate
    raise UserError(
        f"checkpoint={checkpoint}: belongs to no run folder. That is the output_dir of a training run, with "
        f"{CONFIG_FILE} and checkpoints/; give the folder, a file inside its checkpoints/, or an adapter folder"
        + ("; a `.pth` of the released code is converted by `import-weights`" if path.suffix == ".pth" else "")
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


def _is_global(group: Path) -> bool:
    """Whether the options of a group are about keys elsewhere, and not about the key that is called as the group is."""
    return any(path.read_text(encoding="utf-8").startswith("# @package _global_") for path in group.glob("*.yaml"))


def _groups_filled(primary: Path) -> set[str]:
    """Groups with an option in the defaults list, e.g. `- callbacks: eval`."""
    entries = [entry for entry in read_yaml(primary).get("defaults") or () if isinstance(entry, dict)]
    return {group for entry in entries for group, option in entry.items() if option is not None}
