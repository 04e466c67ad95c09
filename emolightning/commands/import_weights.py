"""`python -m emolightning import-weights llama=DIR eva=FILE checkpoint=FILE [out=DIR]`: published weights in.

`model=affectgpt llama=DIR checkpoint=FILE [more_checkpoints=[FILE]]` takes those of AffectGPT and of Light-MER.

Converts EVA-CLIP-g and the checkpoint of a family (`model=emotion_llama_v2`: Emotion-LLaMA-v2's), and checks the
language model that they belong to. Every tensor of the files is used or named with the reason why not, every parameter
of the model is loaded or named as fresh; below that nothing is written. `--dry-run` only prints the report. Then:

  python train.py model=emotion_llama_7b paths.weights=DIR init_from=DIR/adapter data=...
  python eval.py checkpoint=DIR/adapter data=... prompt.layout=upstream_eval
"""

from pathlib import Path

from omegaconf import DictConfig

from emolightning.commands.cli import run
from emolightning.config.check import check_config
from emolightning.errors import UserError


def main(argv: list[str]) -> int:
    """Compose, check, import."""
    return run(import_weights, "import_weights", ["dry_run=true" if word == "--dry-run" else word for word in argv])


def import_weights(cfg: DictConfig) -> int:
    """Read the published files, print the match report, write the folders."""
    check_config(cfg)
    from emolightning.config.families import family_of
    from emolightning.models.family import Released
    from emolightning.runs.assembly_of_models import plain
    from emolightning.runs.quiet import quiet_libraries

    quiet_libraries()
    family = family_of(cfg.model)
    if not hasattr(family, "import_released"):
        raise UserError(f"model: {family.name} has no published weights to import; say model=emotion_llama_7b")
    files = Released(
        llama=Path(cfg.llama).expanduser(),
        checkpoints=[Path(path).expanduser() for path in (cfg.checkpoint, *cfg.more_checkpoints)],
        eva=Path(cfg.eva).expanduser() if cfg.eva else None,
    )
    out = Path(cfg.out).expanduser()
    options = {"allow_partial": cfg.allow_partial, "dry_run": cfg.dry_run}
    *report, written = family.import_released(plain(cfg.model), files, out, **options)
    print("\n".join([*report, "nothing written (dry run)" if cfg.dry_run else written]))
    return 0
