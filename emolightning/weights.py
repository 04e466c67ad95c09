"""Trained weights of a run: where they are, what they can see, and into a learner with them."""

import logging
from pathlib import Path
from typing import Any

import torch

from emolightning.documents import DamagedFile
from emolightning.errors import UserError
from emolightning.inputs import FEATURES
from emolightning.model.adapter import DESCRIPTION, PROJECTIONS, load_adapter, read_fingerprints
from emolightning.model.parameters import how_trained, not_compared
from emolightning.model.safetensors_files import safetensors_infos
from emolightning.model.tensor_info import require_file, require_trained_weights
from emolightning.training.learner import EmotionLearner
from emolightning.training.run_folder import BEST, LAST, RunFolder
from emolightning.upstream.reading import read_torch

log = logging.getLogger(__name__)

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
    if path.is_file() or (path / DESCRIPTION).exists():
        return path
    folder = RunFolder(path).checkpoints
    for name in (BEST, LAST):
        if (folder / name).exists():
            return folder / name
    raise UserError(
        f"{setting}={path}: no checkpoint file, no adapter folder, and no run folder with checkpoints/{BEST} or {LAST}"
    )


def trained_widths(path: Path) -> dict[str, int]:
    """Stream name -> width that the weights' projections take: what the model was trained to see.

    Args:
        path: result of `find_weights`.

    Raises:
        UserError: unreadable.
    """
    shapes = _projection_shapes(path)
    flat = [name for name, shape in shapes.items() if name.endswith(".weight") and (len(shape) != 2 or "." not in name)]
    if flat:
        raise DamagedFile(path, f"{flat[0]} is no projection")
    return {name.split(".")[-2]: shape[1] for name, shape in shapes.items() if name.endswith(".weight")}


def _projection_shapes(path: Path) -> dict[str, tuple[int, ...]]:
    if path.is_dir():
        return {name: info.shape for name, info in safetensors_infos(path / PROJECTIONS).items()}
    state = read_checkpoint(path)["state_dict"]
    return {name: tuple(tensor.shape) for name, tensor in state.items() if name.startswith("model.projections.")}


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


def check_inputs(trained: dict[str, int], inputs: tuple[str, ...], feature_widths: dict[str, int], path: Path) -> None:
    """Refuse inputs that the weights have no projection for, or feature vectors of another width.

    Fewer inputs than in training are fine: that is what switching one off in an evaluation means.

    Raises:
        UserError: names the input and both widths.
    """
    problems = [
        f"{name} was not an input in training; say inputs.{name}=false"
        for name in inputs
        if name != "transcript" and name not in trained
    ]
    problems += [
        f"{name} vectors are {width} wide here and were {trained[name]} in training; use the same features=..."
        for name, width in feature_widths.items()
        if trained.get(name, width) != width
    ]
    if problems:
        raise UserError(f"{path}: " + "; ".join(problems))


def require_same_inputs(path: Path, inputs: tuple[str, ...]) -> None:
    """For a run that starts from weights: it must train the projections that they have.

    Raises:
        UserError: names the inputs of both.
    """
    trained = {*trained_widths(path)} - {"class_token"}
    wanted = {*inputs} - {"transcript"}
    if trained != wanted:
        raise UserError(
            f"init_from={path}: trained with {sorted(trained)}, this run has {sorted(wanted)}; "
            "choose the same modalities and inputs"
        )


def inputs_of_widths(trained: dict[str, int]) -> dict[str, Any]:
    """Arguments of the model that has exactly the trained projections."""
    names = [name for name in (*FEATURES, "image") if name in trained]
    return {"inputs": names, "feature_widths": {name: trained[name] for name in FEATURES if name in trained}}


def _warn_not_compared(learner: EmotionLearner, folder: Path) -> None:
    """Imported weights are known to belong to plain ones."""
    for part in not_compared(learner.model, read_fingerprints(folder)):
        log.warning("%s: whether it belongs to this %s model was not compared: its weights are quantised", folder, part)


def _warn_unknown_base(checkpoint: dict[str, Any], path: Path) -> None:
    """Only a language model that trains in full has no base; other files without one were consolidated so."""
    names = [name for name in checkpoint["state_dict"] if name.startswith("model.language.")]
    if not checkpoint["base_fingerprints"] and how_trained(names) != "full":
        log.warning("%s: does not say which base its weights belong to, so that was not compared", path)


def load_weights(learner: EmotionLearner, path: Path, *, may_start_fresh: bool = False) -> list[str]:
    """Put trained weights into the learner's model.

    Args:
        learner: to be filled.
        path: result of `find_weights`.
        may_start_fresh: a part that was frozen when the weights were trained stays as it is.

    Returns:
        The parts that were loaded: `language`, `projections`, `vision`.

    Raises:
        UserError: they are unreadable, belong to another base, or do not fit.
    """
    if path.is_dir():
        _warn_not_compared(learner, path)
        return load_adapter(learner.model, path, may_start_fresh=may_start_fresh)
    try:
        checkpoint = read_checkpoint(path)
        require_trained_weights(path, checkpoint["state_dict"])
        _warn_unknown_base(checkpoint, path)
        return learner.load_trained(checkpoint, may_start_fresh=may_start_fresh)
    except UserError:
        raise  # It names the file.
    except UNREADABLE as error:
        raise UserError(f"{path}: not a checkpoint that fits this model: {error}") from error
