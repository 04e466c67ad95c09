"""Train Emotion-LLaMA: `python train.py [key=value ...]`, e.g. `python train.py data=custom data.annotations=my.csv`.

Composes configs/train.yaml with the overrides, checks it, reads the data, builds the model, fits, and leaves a run
folder (outputs/<run_name>) with checkpoints, adapter, logs and lineage. Then: `python eval.py checkpoint=...`.
"""

from omegaconf import DictConfig

from emolightning.cli import run
from emolightning.config.check import check_config


def main(cfg: DictConfig) -> None:
    """One training run."""
    check_config(cfg)
    from emolightning import training_run

    training_run.fit(cfg)


if __name__ == "__main__":
    run(main, "train")
