"""Configuration -> what scores, with or without a run: it brings neither torch nor Lightning."""

from omegaconf import DictConfig, OmegaConf

from emolightning.benchmarks.registry import official_benchmarks
from emolightning.config.building import build
from emolightning.scoring.metrics.sentiment import DEFAULT
from emolightning.scoring.scoring import Scoring


def build_scoring(cfg: DictConfig) -> Scoring:
    """What turns answers into scores; where no scale of sentiment is said, it is that of the benchmark.

    Args:
        cfg: has `scoring`, and `data` or `benchmark`; gets the scale.
    """
    if OmegaConf.select(cfg, "scoring.protocol", default="") is None:
        official = official_benchmarks().get(OmegaConf.select(cfg, "data.name") or OmegaConf.select(cfg, "benchmark"))
        cfg.scoring.protocol = (official.sentiment if official else "") or DEFAULT  # As the key of scores has it.
    return build(cfg.scoring, "scoring")
