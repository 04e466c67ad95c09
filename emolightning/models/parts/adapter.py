"""The adapter folder: what one shares. PEFT's LoRA files, the projections, and how to rebuild the model around them.

A part that has no base, or that trained in full, has its weights in a file of its own, `projections.safetensors` or
`vision.safetensors`. LoRA of any other part than the language model is in a folder of its own, `vision/`, since PEFT's
file names are fixed.
"""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from peft import PeftModel, set_peft_model_state_dict
from safetensors.torch import save_file
from torch import Tensor, nn

from emolightning.errors import UserError
from emolightning.files.documents import DamagedFile, read_json_object
from emolightning.files.staging import staged
from emolightning.files.writing import write_whole, writing
from emolightning.models.emotion_model import EmotionModel
from emolightning.models.parts.card import model_card
from emolightning.models.parts.lora import TRAINED, init_of, joined, joined_scale, separated
from emolightning.models.parts.parameters import (
    Known,
    base_fingerprints,
    fill,
    how_trained,
    require_same_base,
    require_same_training,
    trained_state,
)
from emolightning.models.parts.safetensors_files import load_trained, safetensors_infos

DESCRIPTION = "emolightning.json"
CARD = "README.md"
LORA, LORA_CONFIG = "adapter_model.safetensors", "adapter_config.json"
"""PEFT's names."""

SCALE = {"r": None, "lora_alpha": None, "use_dora": False, "use_rslora": False}
"""PEFT's names of what gives LoRA's matrices their meaning, and what an absent one means."""

WITHOUT_FOLDER = "language"
"""The part whose LoRA is in the adapter folder itself, where PEFT looks for it."""

TOWER = "tower"
"""Attribute of a part that has more around what PEFT may wrap."""


def save_adapter(
    model: EmotionModel,
    folder: Path,
    description: dict[str, Any],
    *,
    state: Mapping[str, Tensor] | None = None,
    fingerprints: Mapping[str, str] | None = None,
) -> None:
    """Write what trained, the parts without a base and `description`.

    Args:
        model: says which parts there are; under a sharding engine no rank has its weights.
        folder: to be written.
        description: JSON-able: model settings, inputs, labels ...
        state: the trained weights, as `trained_state` gives them, e.g. a checkpoint's; None takes the model's.
        fingerprints: of the base that they belong to; None takes the model's.

    Raises:
        CannotWrite: what was in the folder before is still there.
    """
    state = trained_state(model) if state is None else state
    known = base_fingerprints(model) if fingerprints is None else dict(fingerprints)
    content = {"base_fingerprints": known, **description}
    with writing(folder), staged(folder, last=DESCRIPTION, label=str(folder)) as stage:
        _save_weights(model, stage, state)
        text = json.dumps(content, indent=2, ensure_ascii=False, sort_keys=True) + "\n"
        (stage / CARD).write_text(model_card(content), encoding="utf-8")
        (stage / DESCRIPTION).write_text(text, encoding="utf-8")


def write_scores(folder: Path, report: Mapping[str, Any]) -> None:
    """Put the scores of an evaluation into the model card of an adapter folder.

    Args:
        folder: of the weights that were evaluated.
        report: the content of `metrics.json`.

    Raises:
        CannotWrite: the previous card is still there.
    """
    write_whole(folder / CARD, model_card(read_json_object(folder / DESCRIPTION), report))


def _save_weights(model: EmotionModel, folder: Path, state: Mapping[str, Tensor]) -> None:
    for name, (prefix, part) in _parts(model).items():
        weights = _of_part(state, prefix)
        if isinstance(part, PeftModel):
            _save_lora(part, _lora_folder(folder, name), weights)
        elif weights or name in model.fresh_parts:
            save_file(_contiguous(weights), weights_file(folder, name))


def weights_file(folder: Path, part: str) -> Path:
    """Where an adapter folder has all weights of a part."""
    return folder / f"{part}.safetensors"


def _lora_folder(folder: Path, part: str) -> Path:
    return folder if part == WITHOUT_FOLDER else folder / part


def _parts(model: EmotionModel) -> dict[str, tuple[str, nn.Module]]:
    """Name of a part -> how the model's names of its parameters begin, and what PEFT wraps."""
    found = {}
    for name, part in model.parts().items():
        tower = getattr(part, TOWER, None)
        found[name] = (f"{name}.", part) if tower is None else (f"{name}.{TOWER}.", tower)
    return found


def _of_part(state: Mapping[str, Tensor], prefix: str) -> dict[str, Tensor]:
    return {name.removeprefix(prefix): tensor for name, tensor in state.items() if name.startswith(prefix)}


def trained_shapes(folder: Path, fresh_parts: Sequence[str]) -> dict[str, tuple[int, ...]]:
    """Name of a tensor, as in the model -> its shape, of all parts that are not adapted by LoRA.

    Args:
        folder: written by `save_adapter`.
        fresh_parts: of the family.

    Raises:
        UserError: a file is not there or cannot be read.
    """
    _require_files(folder, fresh_parts)
    files = [file for file in sorted(folder.glob("*.safetensors")) if file.name != LORA]
    return {f"{file.stem}.{name}": info.shape for file in files for name, info in safetensors_infos(file).items()}


def _contiguous(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    return {name: tensor.detach().contiguous().cpu() for name, tensor in tensors.items()}


def _save_lora(part: PeftModel, folder: Path, weights: dict[str, Tensor]) -> None:
    state = _contiguous(joined(weights))
    part.save_pretrained(str(folder), state_dict=state, save_embedding_layers=False, selected_adapters=[TRAINED])
    # PEFT writes a model card of placeholders ("More Information Needed") that says nothing about this adapter.
    (folder / CARD).unlink(missing_ok=True)
    _finish_config(folder / LORA_CONFIG, joined_scale(part))


def _finish_config(path: Path, scale: Mapping[str, Any]) -> None:
    """PEFT writes its sets of names in an order that changes from process to process; the folder must not.

    Args:
        path: written by PEFT.
        scale: what the matrices in the file have.
    """
    config = {**json.loads(path.read_text(encoding="utf-8")), **scale}
    ordered = {
        name: sorted(value) if isinstance(value, list) and all(isinstance(item, str) for item in value) else value
        for name, value in config.items()
    }
    path.write_text(json.dumps(ordered, indent=2, sort_keys=True) + "\n", encoding="utf-8")


def load_adapter(model: EmotionModel, folder: Path, *, may_start_fresh: bool = False) -> list[str]:
    """Load an adapter folder into a model of the same shape.

    Args:
        model: to be filled.
        folder: written by `save_adapter`.
        may_start_fresh: a part that was frozen when the folder was written stays as it is.

    Returns:
        The parts that were loaded, e.g. `language`, `projections`, `vision`.

    Raises:
        UserError: the folder is incomplete, belongs to another base, or does not fit the model.
    """
    _require_files(folder, model.fresh_parts)
    try:
        own = base_fingerprints(model, before_training=may_start_fresh)
        require_same_base(model, own, read_fingerprints(folder))
        found = []
        for name, (_, part) in _parts(model).items():
            if name in model.fresh_parts:
                fill(dict(part.named_parameters()), load_trained(weights_file(folder, name)))
                found += [name] if any(True for _ in part.parameters()) else []
            elif _load_part(part, folder, name, may_start_fresh=may_start_fresh):
                found.append(name)
    except UserError:
        raise  # It names its file.
    except (ValueError, KeyError, RuntimeError) as error:
        words = " ".join(str(error).split())[:600]  # torch gives each tensor a line.
        raise UserError(f"{folder}: the adapter does not fit the model: {words}") from error
    return sorted(found)


def _require_files(folder: Path, fresh_parts: Sequence[str]) -> None:
    for part in fresh_parts:
        if not (file := weights_file(folder, part)).exists():
            raise UserError(f"{folder}: no {file.name}; an adapter folder is written by train.py as <run>/adapter")


def read_fingerprints(folder: Path) -> Known:
    """Part -> fingerprint of the base that an adapter folder belongs to.

    Raises:
        UserError: its description cannot be read.
    """
    known = read_json_object(folder / DESCRIPTION).get("base_fingerprints")
    if not isinstance(known, dict) or not all(isinstance(value, str | dict) for value in known.values()):
        raise DamagedFile(folder / DESCRIPTION, "it is not the description of an adapter: no base_fingerprints")
    return known


def _load_part(part: nn.Module, folder: Path, name: str, *, may_start_fresh: bool) -> bool:
    """Whether the folder had weights of the part."""
    places = {"lora": _lora_folder(folder, name) / LORA, "full": weights_file(folder, name)}
    state = next((load_trained(place) for place in places.values() if place.exists()), {})
    if not state and may_start_fresh:
        return False
    require_same_training(name, how_trained(state), how_trained(own := _trained(part)))
    if not isinstance(part, PeftModel):
        fill(own, state)
        return bool(state)
    _require_same_init(folder, part)
    _require_same_lora(places["lora"].parent / LORA_CONFIG, part)
    for adapter, tensors in separated(state, part).items():
        result = set_peft_model_state_dict(part, tensors, adapter_name=adapter)
        absent = [key for key in result.missing_keys if "lora_" in key and f".{adapter}." in f"{key}."]
        if absent or result.unexpected_keys:
            raise ValueError(f"missing {absent[:3]}, left over {result.unexpected_keys[:3]}")
    return True


def _trained(part: nn.Module) -> dict[str, nn.Parameter]:
    return {name: parameter for name, parameter in part.named_parameters() if parameter.requires_grad}


def _require_same_init(folder: Path, part: PeftModel) -> None:
    """Refuse matrices that are two adapters where this part has one, or one where it has two: half would be lost.

    Raises:
        UserError: names both.
    """
    model = read_json_object(folder / DESCRIPTION).get("model")
    lora = model.get("lora") if isinstance(model, dict) else None
    saved = lora.get("init", "default") if isinstance(lora, dict) else "default"
    if saved != (own := init_of(part)):
        raise UserError(f"{folder}: trained with model.lora.init={saved}, here {own}; say model.lora.init={saved}")


def _require_same_lora(path: Path, part: PeftModel) -> None:
    """Refuse matrices that another scale belongs to: they would fit, and mean something else.

    Raises:
        DamagedFile: PEFT's file is not there, or is none.
        UserError: names what differs.
    """
    saved, own = read_json_object(path), joined_scale(part)
    pairs = {name: (saved.get(name, absent), own[name]) for name, absent in SCALE.items()}
    different = [f"{name} {there!r}, here {here!r}" for name, (there, here) in pairs.items() if there != here]
    if different:
        raise UserError(f"{path}: these weights were trained with {'; '.join(different)}; use the same model.lora")
