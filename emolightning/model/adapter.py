"""The adapter folder: what one shares. PEFT's LoRA files, the projections, and how to rebuild the model around them."""

import json
from pathlib import Path
from typing import Any

from safetensors.torch import load_file, save_file

from emolightning.errors import UserError
from emolightning.model.emotion_llama import EmotionLlama
from emolightning.model.parameters import base_fingerprints, require_same_base

PROJECTIONS = "projections.safetensors"
DESCRIPTION = "emolightning.json"


def save_adapter(model: EmotionLlama, folder: Path, description: dict[str, Any]) -> None:
    """Write LoRA (PEFT's own format), projections and `description` (JSON-able: model settings, inputs, labels ...)."""
    folder.mkdir(parents=True, exist_ok=True)
    model.language.save_pretrained(folder, save_embedding_layers=False)
    # PEFT writes a model card of placeholders ("More Information Needed") that says nothing about this adapter.
    (folder / "README.md").unlink(missing_ok=True)
    _sort_sets(folder / "adapter_config.json")
    tensors = {name: tensor.detach().contiguous().cpu() for name, tensor in model.projections.state_dict().items()}
    save_file(tensors, folder / PROJECTIONS)
    content = {"base_fingerprints": base_fingerprints(model), **description}
    (folder / DESCRIPTION).write_text(json.dumps(content, indent=2, ensure_ascii=False, sort_keys=True) + "\n")


def _sort_sets(path: Path) -> None:
    """PEFT writes its sets of names in an order that changes from process to process; the folder shall not."""
    config = json.loads(path.read_text(encoding="utf-8"))
    ordered = {
        name: sorted(value) if isinstance(value, list) and all(isinstance(item, str) for item in value) else value
        for name, value in config.items()
    }
    path.write_text(json.dumps(ordered, indent=2, sort_keys=True) + "\n", encoding="utf-8")


def load_adapter(model: EmotionLlama, folder: Path) -> None:
    """Load an adapter folder into a model of the same shape.

    Raises:
        UserError: the folder is incomplete, belongs to another base, or does not fit the model.
    """
    from peft import load_peft_weights, set_peft_model_state_dict

    if not (folder / PROJECTIONS).exists():
        raise UserError(f"{folder}: no {PROJECTIONS}; an adapter folder is written by train.py as <run>/adapter")
    try:
        require_same_base(base_fingerprints(model), json.loads((folder / DESCRIPTION).read_text())["base_fingerprints"])
    except (ValueError, KeyError) as error:
        raise UserError(f"{folder}: {error}") from error
    projections = load_file(folder / PROJECTIONS)
    try:
        model.projections.load_state_dict(projections)
        result = set_peft_model_state_dict(model.language, load_peft_weights(str(folder), device="cpu"))
    except RuntimeError as error:
        raise UserError(f"{folder}: the adapter does not fit the model: {error}") from error
    absent = [name for name in result.missing_keys if "lora_" in name]
    if absent or result.unexpected_keys:
        raise UserError(f"{folder}: LoRA does not fit; missing {absent[:3]}, left over {result.unexpected_keys[:3]}")
