"""Train Emotion-LLaMA: `python train.py [key=value ...]`, e.g. `python train.py data=custom data.annotations=my.csv`.

Composes configs/train.yaml with the overrides, checks it, reads the data, builds the model, fits, and leaves a run
folder (outputs/<run_name>) with checkpoints, adapter, logs and lineage. Then: `python eval.py checkpoint=...`.
data.on_error=skip goes on without clips whose files are missing or broken, at most the share data.max_skipped=0.05.
"""

from hydra.core.hydra_config import HydraConfig
from omegaconf import DictConfig

from emolightning.cli import run
from emolightning.config.check import check_config


def main(cfg: DictConfig) -> int:
    """One training run, or one for each of `seeds`."""
    check_config(cfg)
    if cfg.seeds:
        from emolightning import seeds

        return seeds.run_seeds(cfg, HydraConfig.get().overrides.task)
    from emolightning import training_run

    training_run.fit(cfg)
    return 0


if __name__ == "__main__":
    run(main, "train")
