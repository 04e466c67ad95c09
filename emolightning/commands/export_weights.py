"""`python -m emolightning export-weights checkpoint=RUN format=upstream|merged out=PATH`: trained weights for others.

`checkpoint` is a run folder (its best checkpoint), a checkpoint file inside one, or an adapter folder.

  format=upstream  one `.pth` that the released Emotion-LLaMA loads as its `ckpt`: LoRA and projections under its names
  format=merged    a folder: `language/` is a Hugging Face model with LoRA merged into it, beside it the projections and
                   `emolightning.json`, which says where the vision tower is; eval.py takes it as checkpoint=, too

What the other side has no place for is refused, and nothing is written over.
"""

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from omegaconf import DictConfig, OmegaConf

from emolightning.commands.cli import run
from emolightning.config.check import check_config
from emolightning.config.problems import Problem

if TYPE_CHECKING:
    from emolightning.models.emotion_llama.upstream.trained import Trained


def main(argv: list[str]) -> int:
    """Compose, check, export."""
    return run(export_weights, "export_weights", argv)


def export_weights(cfg: DictConfig) -> int:
    """Read the trained weights, write them in the other form."""
    check_config(cfg, _idle_settings(cfg))
    from emolightning.models.emotion_llama.upstream.exporting import export_upstream
    from emolightning.models.emotion_llama.upstream.merging import export_merged
    from emolightning.runs.quiet import quiet_libraries
    from emolightning.runs.weights import find_weights

    quiet_libraries()
    place, out = Path(cfg.checkpoint).expanduser(), Path(cfg.out).expanduser()
    if cfg.format == "upstream" and (own := _own_export(place)):
        print("\n".join(own(out)))
        return 0
    trained = read_trained(find_weights("checkpoint", place))
    llama = Path(cfg.llama).expanduser() if cfg.llama else None
    if cfg.format == "upstream":
        lines = export_upstream(trained, out, llama=llama, allow_partial=cfg.allow_partial)
    else:
        lines = export_merged(trained, out, llama=llama, dtype=cfg.dtype)
    print("\n".join(lines))
    return 0


def _own_export(place: Path) -> Callable[[Path], list[str]] | None:
    """What writes the released code's file of a run or adapter folder, where the family does that itself."""
    from emolightning.config.families import family_of
    from emolightning.files.documents import read_json_object
    from emolightning.models.parts.adapter import DESCRIPTION

    for folder in (place, place / "adapter"):
        if (folder / DESCRIPTION).is_file():
            family = family_of(read_json_object(folder / DESCRIPTION).get("model") or {})
            return partial(family.export_checkpoint, folder) if hasattr(family, "export_checkpoint") else None
    return None


def _idle_settings(cfg: DictConfig) -> list[Problem]:
    """Settings that are for the other form."""
    if OmegaConf.is_missing(cfg, "format"):
        return []
    idle = {"upstream": {"dtype": cfg.dtype}, "merged": {"allow_partial": cfg.allow_partial}}.get(cfg.format, {})
    return [
        Problem(key, f"is of no use with format={cfg.format}; leave it out") for key, value in idle.items() if value
    ]


def read_trained(path: Path) -> "Trained":
    """Weights and description of an adapter folder, or of a checkpoint file and the run around it."""
    from emolightning.config.saved_run import CONFIG_FILE, find_run_folder
    from emolightning.models.emotion_llama.upstream.trained import read_adapter, read_checkpoint

    if path.is_dir():
        return read_adapter(path)
    return read_checkpoint(path, lambda: describe_run(find_run_folder(path) / CONFIG_FILE))


def describe_run(path: Path) -> dict[str, Any]:
    """What the adapter folder of a run says about it, from the run's configuration.

    Raises:
        UserError: it cannot be read, or is not that of a run.
    """
    from emolightning.config.families import family_of
    from emolightning.config.saved_run import read_configuration
    from emolightning.files.documents import DamagedFile
    from emolightning.records.inputs import active_inputs

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
