"""`python -m emolightning import-weights llama=DIR eva=FILE checkpoint=FILE [out=DIR]`: published weights in.

`model=affectgpt llama=DIR checkpoint=FILE [more_checkpoints=[FILE]]` takes those of AffectGPT and of Light-MER.

Converts EVA-CLIP-g and the checkpoint of a family (`model=emotion_llama_v2`: Emotion-LLaMA-v2's), and checks the
language model that they belong to. Every tensor of the files is used or named with the reason why not, every parameter
of the model is loaded or named as fresh; below that nothing is written. `--dry-run` only prints the report. Then:

  python train.py model=emotion_llama_7b paths.weights=DIR init_from=DIR/adapter data=...
  python eval.py checkpoint=DIR/adapter data=... prompt.layout=upstream_eval
"""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from omegaconf import DictConfig

from emolightning.commands.cli import run
from emolightning.config.check import check_config
from emolightning.errors import UserError


def main(argv: list[str]) -> int:
    """Compose, check, import."""
    return run(import_weights, "import_weights", ["dry_run=true" if word == "--dry-run" else word for word in argv])


def import_weights(cfg: DictConfig) -> int:
    """Read the three files, print the match report, write the folders."""
    check_config(cfg)
    from omegaconf import OmegaConf

    from emolightning.config.building import build
    from emolightning.config.families import family_of
    from emolightning.models.emotion_llama.upstream import importing
    from emolightning.models.emotion_llama.upstream.format import format_of
    from emolightning.runs.quiet import quiet_libraries

    quiet_libraries()
    family = family_of(cfg.model)
    if hasattr(family, "import_checkpoint"):
        return _import_checkpoint(cfg, family)
    if cfg.eva is None:
        raise UserError("eva: give the vision tower, eva=FILE (eva_vit_g.pth); only model=affectgpt has none")
    model = OmegaConf.to_container(cfg.model, resolve=True)
    format = format_of(model)
    llama, out = Path(cfg.llama).expanduser(), Path(cfg.out).expanduser()
    report = importing.import_weights(
        llama=llama,
        eva=Path(cfg.eva).expanduser(),
        checkpoint=Path(cfg.checkpoint).expanduser(),
        out=out,
        vision=build(cfg.model.vision, "model.vision"),
        lora=build(cfg.model.lora, "model.lora"),
        format=format,
        description=describe(model, llama, out, format.folders),
        allow_partial=cfg.allow_partial,
        dry_run=cfg.dry_run,
    )
    print("\n".join(report.lines()))
    print(
        "nothing written (dry run)" if cfg.dry_run else f"written: {out}/eva_clip_g, {out}/adapter, {out}/import.json"
    )
    return 0


def _import_checkpoint(cfg: DictConfig, family: Any) -> int:
    """The published weights of a family that has no tower of its own."""
    from omegaconf import OmegaConf

    model: Any = OmegaConf.to_container(cfg.model, resolve=True)
    base, out = absolute(cfg.llama), Path(cfg.out).expanduser()
    model |= {"llm": base, "language": {**model["language"], "path": base}}
    report = family.import_checkpoint(
        model,
        llama=Path(base),
        checkpoints=[Path(path).expanduser() for path in (cfg.checkpoint, *cfg.more_checkpoints)],
        out=out,
        description={"model": model, "prompt": {"layout": "train", "task": "emotion", "pool": "fixed"}},
        dry_run=cfg.dry_run,
    )
    print("\n".join(report.lines()))
    print("nothing written (dry run)" if cfg.dry_run else f"written: {out}/adapter, {out}/import.json")
    return 0


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
            "root": "${paths.data}/features",
            **folders,
        },
        "prompt": {"layout": "train", "task": "emotion", "pool": "fixed"},
    }


def absolute(path: str | Path) -> str:
    """The absolute path, symbolic links kept, so that the target of a link can move."""
    return os.path.abspath(Path(path).expanduser())
