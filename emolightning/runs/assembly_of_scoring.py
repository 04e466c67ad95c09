"""Configuration -> what scores, with or without a run: it brings neither torch nor Lightning."""

from omegaconf import DictConfig, OmegaConf

from emolightning.benchmarks.registry import official_benchmarks, scale_of
from emolightning.config.building import build
from emolightning.scoring.metrics.sentiment import DEFAULT
from emolightning.scoring.scoring import Scoring


def build_scoring(cfg: DictConfig) -> Scoring:
    """What turns answers into scores; where no scale is said, it is that of the benchmark.

    Args:
        cfg: has `scoring`, and `data` or `benchmark`; gets the scale.
    """
    name = OmegaConf.select(cfg, "data.name") or OmegaConf.select(cfg, "benchmark")
    if OmegaConf.select(cfg, "scoring.scale", default="") is None and name and (scale := scale_of(name)):
        cfg.scoring.scale = list(scale)
    if OmegaConf.select(cfg, "scoring.protocol", default="") is None:
        cfg.scoring.protocol = protocol_of(name)  # As the key of scores has it.
    return build(cfg.scoring, "scoring")


def protocol_of(benchmark: str | None) -> str:
    """The scale of sentiment that is a benchmark's own, or the usual one."""
    official = official_benchmarks().get(benchmark) if benchmark else None
    return (official.sentiment if official else "") or DEFAULT
