"""The adapter folder: what one shares. PEFT's LoRA files, the projections, and how to rebuild the model around them.

A part that trained in full has its weights in `language.safetensors` or `vision.safetensors` instead. LoRA of the
vision tower is in a folder of its own, `vision/`, since PEFT's file names are fixed.
"""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from peft import PeftModel, set_peft_model_state_dict
from safetensors.torch import save_file
from torch import Tensor, nn

from emolightning.errors import UserError
from emolightning.files.documents import DamagedFile, read_json_object
from emolightning.files.staging import staged
from emolightning.files.writing import write_whole, writing
from emolightning.models.emotion_llama.emotion_llama import EmotionLlama
from emolightning.models.parts.card import model_card
from emolightning.models.parts.parameters import (
    Known,
    base_fingerprints,
    how_trained,
    load_trained_state,
    require_same_base,
    require_same_training,
    trained_state,
)
from emolightning.models.parts.safetensors_files import load_trained

PROJECTIONS = "projections.safetensors"
DESCRIPTION = "emolightning.json"
CARD = "README.md"
LORA, LORA_CONFIG = "adapter_model.safetensors", "adapter_config.json"
"""PEFT's names."""

SCALE = {"r": None, "lora_alpha": None, "use_dora": False, "use_rslora": False}
"""PEFT's names of what gives LoRA's matrices their meaning, and what an absent one means."""

LORA_FOLDERS = {"language": ".", "vision": "vision"}
"""Part -> where PEFT's files of it are."""

PREFIXES = {"language": "language.", "vision": "vision.tower."}
"""Part -> how the model's names of its parameters begin."""


def save_adapter(
    model: EmotionLlama,
    folder: Path,
    description: dict[str, Any],
    *,
    state: Mapping[str, Tensor] | None = None,
    fingerprints: Mapping[str, str] | None = None,
) -> None:
    """Write what trained, the projections and `description`.

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


def _save_weights(model: EmotionLlama, folder: Path, state: Mapping[str, Tensor]) -> None:
    for name, part in _parts(model).items():
        weights = _of_part(state, PREFIXES[name])
        if isinstance(part, PeftModel):
            _save_lora(part, folder / LORA_FOLDERS[name], weights)
        elif weights:
            save_file(_contiguous(weights), folder / f"{name}.safetensors")
    save_file(_contiguous(_of_part(state, "projections.")), folder / PROJECTIONS)


def _parts(model: EmotionLlama) -> dict[str, nn.Module]:
    """The parts that have a base, by name; what PEFT wraps."""
    return {"language": model.language} | ({"vision": model.vision.tower} if model.vision is not None else {})


def _of_part(state: Mapping[str, Tensor], prefix: str) -> dict[str, Tensor]:
    return {name.removeprefix(prefix): tensor for name, tensor in state.items() if name.startswith(prefix)}


def _contiguous(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    return {name: tensor.detach().contiguous().cpu() for name, tensor in tensors.items()}


def _save_lora(part: PeftModel, folder: Path, weights: dict[str, Tensor]) -> None:
    part.save_pretrained(str(folder), state_dict=_contiguous(weights), save_embedding_layers=False)
    # PEFT writes a model card of placeholders ("More Information Needed") that says nothing about this adapter.
    (folder / CARD).unlink(missing_ok=True)
    _sort_sets(folder / LORA_CONFIG)


def _sort_sets(path: Path) -> None:
    """PEFT writes its sets of names in an order that changes from process to process; the folder must not."""
    config = json.loads(path.read_text(encoding="utf-8"))
    ordered = {
        name: sorted(value) if isinstance(value, list) and all(isinstance(item, str) for item in value) else value
        for name, value in config.items()
    }
    path.write_text(json.dumps(ordered, indent=2, sort_keys=True) + "\n", encoding="utf-8")


def load_adapter(model: EmotionLlama, folder: Path, *, may_start_fresh: bool = False) -> list[str]:
    """Load an adapter folder into a model of the same shape.

    Args:
        model: to be filled.
        folder: written by `save_adapter`.
        may_start_fresh: a part that was frozen when the folder was written stays as it is.

    Returns:
        The parts that were loaded: `language`, `projections`, `vision`.

    Raises:
        UserError: the folder is incomplete, belongs to another base, or does not fit the model.
    """
    if not (folder / PROJECTIONS).exists():
        raise UserError(f"{folder}: no {PROJECTIONS}; an adapter folder is written by train.py as <run>/adapter")
    try:
        own = base_fingerprints(model, before_training=may_start_fresh)
        require_same_base(model, own, read_fingerprints(folder))
        model.projections.load_state_dict(load_trained(folder / PROJECTIONS))
        parts = _parts(model).items()
        found = [name for name, part in parts if _load_part(part, folder, name, may_start_fresh=may_start_fresh)]
    except UserError:
        raise  # It names its file.
    except (ValueError, KeyError, RuntimeError) as error:
        words = " ".join(str(error).split())[:600]  # torch gives each tensor a line.
        raise UserError(f"{folder}: the adapter does not fit the model: {words}") from error
    return sorted([*found, *(["projections"] if len(model.projections) else [])])


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
    places = {"lora": folder / LORA_FOLDERS[name] / LORA, "full": folder / f"{name}.safetensors"}
    state = next((load_trained(place) for place in places.values() if place.exists()), {})
    if not state and may_start_fresh:
        return False
    require_same_training(name, how_trained(state), how_trained(trained_state(part)))
    if not isinstance(part, PeftModel):
        load_trained_state(part, state)
        return bool(state)
    _require_same_lora(places["lora"].parent / LORA_CONFIG, part)
    result = set_peft_model_state_dict(part, state)
    absent = [key for key in result.missing_keys if "lora_" in key]
    if absent or result.unexpected_keys:
        raise ValueError(f"missing {absent[:3]}, left over {result.unexpected_keys[:3]}")
    return True


def _require_same_lora(path: Path, part: PeftModel) -> None:
    """Refuse matrices that another scale belongs to: they would fit, and mean something else.

    Raises:
        DamagedFile: PEFT's file is not there, or is none.
        UserError: names what differs.
    """
    saved, own = read_json_object(path), part.peft_config["default"]
    pairs = {name: (saved.get(name, absent), getattr(own, name)) for name, absent in SCALE.items()}
    different = [f"{name} {there!r}, here {here!r}" for name, (there, here) in pairs.items() if there != here]
    if different:
        raise UserError(f"{path}: these weights were trained with {'; '.join(different)}; use the same model.lora")
