"""What one needs beside the weights to rebuild a model: for an import, and of a run that is exported."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from emolightning.config.saved_run import CONFIG_FILE, find_run_folder, read_configuration
from emolightning.files.documents import DamagedFile
from emolightning.models.emotion_llama.upstream.trained import Trained, read_adapter, read_checkpoint
from emolightning.records.inputs import active_inputs


def describe(model: Any, llama: Path, out: Path, folders: Mapping[str, str]) -> dict[str, Any]:
    """What one needs beside the weights to rebuild the model: its settings, with the places of the base weights.

    From whatever folder it is used later.
    """
    base, tokenizer = absolute(llama), model["language"]["tokenizer"]
    language = {**model["language"], "path": base, "tokenizer": absolute(tokenizer) if tokenizer else None}
    vision = {**model["vision"], "path": absolute(out / "eva_clip_g")}
    train = {**model["train"], "vision": "frozen", "language": "lora", "projections": "full"}
    return {
        "model": {**model, "llm": base, "language": language, "vision": vision, "train": train},
        "features": {
            "_target_": "emolightning.data.stores.features.FolderFeatures",
            "root": "data/features",
            **folders,
        },
        "prompt": {"layout": "train", "task": "emotion", "pool": "fixed"},
    }


def absolute(path: str | Path) -> str:
    """The absolute path, symbolic links kept, so that the target of a link can move."""
    return os.path.abspath(Path(path).expanduser())


def read_trained(path: Path) -> Trained:
    """Weights and description of an adapter folder, or of a checkpoint file and the run around it."""
    if path.is_dir():
        return read_adapter(path)
    return read_checkpoint(path, lambda: describe_run(find_run_folder(path) / CONFIG_FILE))


def describe_run(path: Path) -> dict[str, Any]:
    """What the adapter folder of a run says about it, from the run's configuration.

    Raises:
        UserError: it cannot be read, or is not that of a run.
    """
    from emolightning.config.families import family_of

    saved = read_configuration(path)
    try:
        return {
            **{name: saved[name] for name in ("model", "features", "prompt")},
            "inputs": list(active_inputs(family_of(saved["model"]).inputs, saved["modalities"], saved["inputs"])),
            "labels": saved["data"].get("labels"),
            "frame": saved["data"].get("frame"),
        }
    except (KeyError, TypeError, AttributeError) as error:
        raise DamagedFile(path, f"it is not the configuration of a run ({error!r})") from error
