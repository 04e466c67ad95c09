"""Trained weights of a run: where they are, what they can see, and into a model with them."""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import fields
from pathlib import Path
from typing import Any

import torch

from emolightning.config.saved_run import CONFIG_FILE, saved_model
from emolightning.errors import InputErrors, UserError, quoted_override
from emolightning.files.documents import DamagedFile, read_json_object
from emolightning.models.emotion_model import EmotionModel
from emolightning.models.family import Family, Sees
from emolightning.models.inspecting import RUN_CHECKPOINT, argument_of, describe
from emolightning.models.parts.adapter import DESCRIPTION, load_adapter, read_fingerprints, trained_shapes
from emolightning.models.parts.parameters import how_trained, load_checkpoint, not_compared
from emolightning.models.parts.tensor_info import require_file, require_trained_weights
from emolightning.models.parts.torch_files import read_torch
from emolightning.records.inputs import Inputs
from emolightning.training.optim.averaging import AVERAGED
from emolightning.training.run_folder import BEST, LAST, RunFolder

log = logging.getLogger(__name__)

MAY_DIFFER = (
    *("llm", "path", "tokenizer", "max_positions", "dropout", "dtype", "attention", "quantization"),
    "gradient_checkpointing",
)
"""Settings of a model that say where its base is and how it computes, not what its trained weights are."""

SHAPES = (
    *("width", "num_layers", "num_heads", "mlp_width", "patch_size", "r", "targets", "vision_targets"),
    *("use_dora", "use_rslora", "init"),
)
"""Settings that shape trained weights."""

UNREADABLE = (ValueError, KeyError, RuntimeError)
"""What putting weights into a model that they are not of can raise."""


def find_weights(setting: str, path: Path) -> Path:
    """The checkpoint file or adapter folder that `path` means; of a run folder its best checkpoint, else its last.

    Args:
        setting: the name of the setting that holds the path, for messages.
        path: a checkpoint file, an adapter folder or a run folder.

    Raises:
        UserError: nothing of the kind is there.
    """
    if path.is_file():
        refuse_foreign(setting, path)
        return path
    if (path / DESCRIPTION).exists():
        return path
    folder = RunFolder(path).checkpoints
    for name in (BEST, LAST):
        if (folder / name).exists():
            return folder / name
    raise UserError(
        f"{setting}={path}: no checkpoint file, no adapter folder, and no run folder with checkpoints/{BEST} or {LAST}"
    )


def refuse_foreign(setting: str, path: Path) -> None:
    """Refuse a file of weights that is no checkpoint of a run, and say which command takes it.

    Raises:
        UserError: says what it is.
    """
    kind = describe(path).kind
    if kind == RUN_CHECKPOINT:
        return
    word, said = f"{setting}={path}", f"is no checkpoint of a run, it is: {kind}"
    if argument := argument_of(kind):
        given = quoted_override(argument, path)
        raise UserError(
            f"{word}: {said}; convert it once, `python -m emolightning import-weights {given} ...` (see its --help), "
            f"then say {setting}=weights/adapter"
        )
    raise UserError(f"{word}: {said}; `python -m emolightning inspect {quoted_override('file', path)}` tells more")


def require_same_model(setting: str, path: Path, now: Mapping[str, Any], *, is_evaluated: bool) -> None:
    """Refuse a model that the weights were not trained in, with the settings that differ.

    Args:
        setting: the name of the setting that holds the path, for messages.
        path: as given: a checkpoint file, an adapter folder or a run folder.
        now: the group `model`, resolved.
        is_evaluated: as it was trained; else it trains on, and may train other parts and rescale its adapters.

    Raises:
        InputErrors: every setting with both values.
    """
    try:
        source, saved = saved_model(path)
    except UserError:  # A file outside of a run: names and shapes will be compared.
        return
    before, here = _leaves(saved), _leaves(now)
    compared = [key for key in here if key in before and key.rpartition(".")[2] not in MAY_DIFFER]
    if not is_evaluated:
        compared = [key for key in compared if key.rpartition(".")[2] in SHAPES and _trains_alike(key, before, here)]
    problems = [
        f"model.{key}: {before[key]!r} in training, {here[key]!r} here" for key in compared if before[key] != here[key]
    ]
    if problems:
        raise InputErrors(f"{setting}={path}: its weights are of another model than this one, says {source}", problems)


def require_own_folder(folder: Path, now: Mapping[str, Any]) -> None:
    """Refuse to put answers of a model that no run trained into the folder of another one.

    Raises:
        UserError: says what lies there.
    """
    if not (folder / CONFIG_FILE).exists():
        return
    _, saved = saved_model(folder)
    if any(saved.get(key) != now.get(key) for key in ("_target_", "name", "path", "train")):
        there = saved.get("name") or saved.get("path") or "a run of its own"
        raise UserError(f"output_dir={folder}: holds what another model made ({there}); say output_dir=outputs/NAME")


def _leaves(node: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    found: dict[str, Any] = {}
    for key, value in node.items():
        found |= _leaves(value, f"{prefix}{key}.") if isinstance(value, Mapping) else {f"{prefix}{key}": value}
    return found


def _trains_alike(key: str, before: Mapping[str, Any], here: Mapping[str, Any]) -> bool:
    """Whether the weights that a setting of LoRA shapes are in both; sizes of the models always are."""
    part = "vision" if key == "lora.vision_targets" else "language"
    name = f"train.{part}"
    return not key.startswith("lora.") or before.get(name, "lora") == here.get(name, "lora") == "lora"


def trained_sees(path: Path, family: Family, labels: Sequence[str]) -> Sees:
    """What the weights were trained to see.

    Args:
        path: result of `find_weights`.
        family: of the model.
        labels: the vocabulary, where the file does not say it.

    Raises:
        UserError: unreadable.
    """
    if path.is_dir():
        said = read_json_object(path / DESCRIPTION)
        shapes = trained_shapes(path, family.fresh_parts)
    else:
        checkpoint = read_checkpoint(path)
        said = checkpoint.get("sees", {})
        shapes = {name.removeprefix("model."): tuple(each.shape) for name, each in checkpoint["state_dict"].items()}
    try:
        return family.sees_of(shapes, _told(said, labels))
    except ValueError as error:
        raise DamagedFile(path, str(error)) from error


def _told(said: Any, labels: Sequence[str]) -> Sees:
    """What a file says about itself, and nothing where it does not.

    Raises:
        ValueError: it says something else.
    """
    found = {item.name: said.get(item.name) for item in fields(Sees)} if isinstance(said, Mapping) else {}
    inputs, widths, own = found.get("inputs") or (), found.get("feature_widths") or {}, found.get("labels") or labels
    words, numbers = [*inputs, *own, *widths], [*widths.values()] if isinstance(widths, Mapping) else [None]
    if not all(isinstance(word, str) for word in words) or not all(type(number) is int for number in numbers):
        raise ValueError("its inputs, feature_widths and labels must be names and numbers")
    return Sees(tuple(inputs), dict(widths), tuple(own))


def read_checkpoint(path: Path) -> dict[str, Any]:
    """A checkpoint of a run: tensors by name, and plain values only.

    It is mapped, not read: the shapes are asked for before the values, and a 7B run's file is large.

    Raises:
        UserError: no such file, a damaged one, or another kind of content.
    """
    require_file(path)
    content = read_torch(path)
    for name in ("state_dict", "base_fingerprints"):
        if not isinstance(content, dict) or not isinstance(content.get(name), dict):
            found = f"no {name} in it" if isinstance(content, dict) else f"a {type(content).__name__}"
            raise DamagedFile(path, f"it is no checkpoint of a training run but has {found}")
    for name, tensor in content["state_dict"].items():
        if not isinstance(name, str) or not isinstance(tensor, torch.Tensor):
            raise DamagedFile(path, f"its state_dict has a {type(tensor).__name__} for {str(name)[:80]!r}")
    return content


def averaged_by(path: Path) -> float | None:
    """The decay of the moving average that weights are; None where they are what training went on from.

    Args:
        path: result of `find_weights`.
    """
    if path.is_dir():
        found = read_json_object(path / DESCRIPTION).get("ema_decay")
    else:
        averaged = read_checkpoint(path).get(AVERAGED)
        found = averaged.get("decay") if isinstance(averaged, Mapping) else None
    return found if isinstance(found, int | float) else None


def check_inputs(sees: Sees, inputs: Inputs, feature_widths: Mapping[str, int], path: Path) -> None:
    """Refuse inputs that the weights were not trained with, or feature vectors of another width.

    Fewer inputs than in training are fine: that is what switching one off in an evaluation means.

    Args:
        sees: what the weights were trained with.
        inputs: active ones.
        feature_widths: of those that are vectors, here.
        path: of the weights.

    Raises:
        UserError: names the input and both widths.
    """
    problems = [
        f"{name} was not an input in training; say inputs.{name}=false"
        for name, about in inputs.items()
        if about.kind != "text" and name not in sees.inputs
    ]
    trained = sees.feature_widths
    problems += [
        f"{name} vectors are {width} wide here and were {trained[name]} in training; use the same features=..."
        for name, width in feature_widths.items()
        if trained.get(name, width) != width
    ]
    if problems:
        raise UserError(f"{path}: " + "; ".join(problems))


def require_same_inputs(path: Path, sees: Sees, inputs: Inputs) -> None:
    """Refuse to start from weights that were trained with other inputs.

    Raises:
        UserError: names the inputs of both.
    """
    trained = {*sees.inputs}
    wanted = {name for name, about in inputs.items() if about.kind != "text"}
    if trained != wanted:
        raise UserError(
            f"init_from={path}: trained with {sorted(trained)}, this run has {sorted(wanted)}; "
            "choose the same modalities and inputs"
        )


def _warn_not_compared(model: EmotionModel, folder: Path) -> None:
    """Imported weights are known to belong to plain ones."""
    for part in not_compared(model, read_fingerprints(folder)):
        log.warning("%s: whether it belongs to this %s model was not compared: its weights are quantised", folder, part)


def _warn_unknown_base(model: EmotionModel, checkpoint: dict[str, Any], path: Path) -> None:
    """Only a language model that trains in full has no base; another file without one does not say where it belongs."""
    if {*model.parts()} <= {*model.fresh_parts}:
        return
    names = [name for name in checkpoint["state_dict"] if name.startswith("model.language.")]
    if not checkpoint["base_fingerprints"] and how_trained(names) != "full":
        log.warning("%s: does not say which base its weights belong to, so that was not compared", path)


def load_weights(
    model: EmotionModel, path: Path, *, own: Mapping[str, str] | None = None, may_start_fresh: bool = False
) -> list[str]:
    """Put trained weights into a model.

    Args:
        model: to be filled.
        path: result of `find_weights`.
        own: the fingerprints of the model, where they are known.
        may_start_fresh: a part that was frozen when the weights were trained stays as it is.

    Returns:
        The parts that were loaded, e.g. `language`, `projections`, `vision`.

    Raises:
        UserError: they are unreadable, belong to another base, or do not fit.
    """
    if path.is_dir():
        _warn_not_compared(model, path)
        return load_adapter(model, path, may_start_fresh=may_start_fresh)
    try:
        checkpoint = read_checkpoint(path)
        require_trained_weights(path, checkpoint["state_dict"])
        _warn_unknown_base(model, checkpoint, path)
        return load_checkpoint(model, checkpoint, own, may_start_fresh=may_start_fresh)
    except UserError:
        raise  # It names the file.
    except UNREADABLE as error:
        raise UserError(f"{path}: not a checkpoint that fits this model: {error}") from error
