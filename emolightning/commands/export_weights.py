"""`python -m emolightning export-weights checkpoint=RUN format=upstream|merged out=PATH`: trained weights for others.

`checkpoint` is a run folder (its best checkpoint), a checkpoint file inside one, or an adapter folder.

  format=upstream  one `.pth` that the released Emotion-LLaMA loads as its `ckpt`: LoRA and projections under its names
  format=merged    a folder: `language/` is a Hugging Face model with LoRA merged into it, beside it the projections and
                   `emolightning.json`, which says where the vision tower is; eval.py takes it as checkpoint=, too

What the other side has no place for is refused, and nothing is written over.
"""

from pathlib import Path
from typing import Any

from omegaconf import DictConfig, OmegaConf

from emolightning.commands.cli import run
from emolightning.config.check import check_config
from emolightning.config.problems import Problem
from emolightning.errors import UserError


def main(argv: list[str]) -> int:
    """Compose, check, export."""
    return run(export_weights, "export_weights", argv)


def export_weights(cfg: DictConfig) -> int:
    """Read the trained weights, write them in the other form."""
    check_config(cfg, _idle_settings(cfg))
    from emolightning.runs.quiet import quiet_libraries
    from emolightning.runs.weights import find_weights

    quiet_libraries()
    place, out = Path(cfg.checkpoint).expanduser(), Path(cfg.out).expanduser()
    weights, family = find_weights("checkpoint", place), _family_of(place)
    llama = Path(cfg.llama).expanduser() if cfg.llama else None
    wanted = "export_released" if cfg.format == "upstream" else "export_merged"
    if not hasattr(family, wanted):
        raise UserError(f"format={cfg.format}: {family.name} has no such form; its adapter folder is what one shares")
    if cfg.format == "upstream":
        lines = family.export_released(place, weights, out, llama=llama, allow_partial=cfg.allow_partial)
    else:
        lines = family.export_merged(weights, out, llama=llama, dtype=cfg.dtype)
    print("\n".join(lines))
    return 0


def _family_of(place: Path) -> Any:
    """The family of the model whose weights these are; of a file that does not say it the default one's."""
    from emolightning.config.families import family_of
    from emolightning.config.saved_run import saved_model

    try:
        _, model = saved_model(place)
    except UserError:  # What reads the weights says more.
        return family_of({})
    return family_of(model)


def _idle_settings(cfg: DictConfig) -> list[Problem]:
    """Settings that are for the other form."""
    if OmegaConf.is_missing(cfg, "format"):
        return []
    idle = {"upstream": {"dtype": cfg.dtype}, "merged": {"allow_partial": cfg.allow_partial}}.get(cfg.format, {})
    return [
        Problem(key, f"is of no use with format={cfg.format}; leave it out") for key, value in idle.items() if value
    ]
