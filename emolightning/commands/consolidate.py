"""`python -m emolightning consolidate folder=DIR out=FILE`: a DeepSpeed checkpoint folder as one checkpoint file.

For folders that DeepSpeed's own `save_checkpoint` wrote under ZeRO stage 1, 2 or 3, by Lightning's own strategy for
instance: `x.ckpt/` with `latest` and `checkpoint/`. Runs of this project save such a file anyway. The file holds the
trained parameters and the projections, float32; the optimizer's state stays behind. Then:

  python train.py init_from=FILE ...
  python eval.py checkpoint=FILE           with out=RUN/checkpoints/NAME.ckpt, so that the run's settings are found

Python objects in the folder are refused, and nothing is written over.
"""

from pathlib import Path

from omegaconf import DictConfig

from emolightning.cli import run
from emolightning.config.check import check_config


def main(argv: list[str]) -> int:
    """Compose, check, consolidate."""
    return run(consolidate_folder, "consolidate", argv)


def consolidate_folder(cfg: DictConfig) -> int:
    """Read the pieces, write the file."""
    check_config(cfg)
    from emolightning.quiet import quiet_libraries
    from emolightning.training.consolidation import consolidate

    quiet_libraries()
    folder, out = Path(cfg.folder).expanduser(), Path(cfg.out).expanduser()
    print("\n".join(consolidate(folder, out, allow_unknown_base=cfg.allow_unknown_base)))
    return 0
