"""Train Emotion-LLaMA: `python train.py [key=value ...]`, e.g. `python train.py data=custom data.annotations=my.csv`.

Composes configs/train.yaml with the overrides, checks it, reads the data, builds the model, fits, and leaves a run
folder (outputs/<run_name>) with checkpoints, adapter, logs and lineage. Then: `python eval.py checkpoint=...`.
data.on_error=skip goes on without clips whose files are missing or broken, at most the share data.max_skipped=0.05.
"""

from hydra.core.hydra_config import HydraConfig
from omegaconf import DictConfig

from emolightning.commands.cli import run
from emolightning.config.check import check_config
from emolightning.config.families import require_trainable


def main(argv: list[str]) -> int:
    """Compose, check, train."""
    return run(train, "train", argv)


def train(cfg: DictConfig) -> int:
    """One training run, or one for each of `seeds` or folds."""
    check_config(cfg)
    require_trainable(cfg.model)
    if cfg.seeds:
        from emolightning.runs.seeds import run_seeds

        return run_seeds(cfg, HydraConfig.get().overrides.task)
    if cfg.folds or cfg.leave_one:
        from emolightning.runs.cross_validation import cross_validate

        return cross_validate(cfg, HydraConfig.get().overrides.task)
    if cfg.lr_range_test:
        from emolightning.runs.range_test import range_test

        return range_test(cfg)
    from emolightning.runs.assembly import training
    from emolightning.runs.train import fit

    if (assembled := training(cfg)) is not None:
        fit(assembled)
    return 0
