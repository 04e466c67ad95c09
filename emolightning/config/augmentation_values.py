"""Probabilities and signal-to-noise ratios of `augmentation` that no training can mean."""

from omegaconf import DictConfig, OmegaConf

from emolightning.config.problems import Problem
from emolightning.records.corruptions import CORRUPTIONS

LOW, HIGH = CORRUPTIONS["vectors"].low, CORRUPTIONS["vectors"].high


def check_augmentation(cfg: DictConfig) -> list[Problem]:
    """What lists and mappings hold; single numbers are checked with those of other settings."""
    dropout = OmegaConf.select(cfg, "augmentation.input_dropout", default=None) or {}
    problems = [
        Problem(f"augmentation.input_dropout.{name}", f"must be a probability from 0 to 1, not {chance}")
        for name, chance in dropout.items()
        if not 0 <= chance <= 1
    ]
    for key in ("augmentation.vector_noise", "augmentation.sound_noise"):
        given = OmegaConf.select(cfg, key, default=None)
        if given is not None and not (len(given) == 2 and LOW <= given[0] <= given[1] <= HIGH):
            allowed = f"the smallest and the largest ratio in dB, from {LOW:g} to {HIGH:g}, e.g. {key}=[5,20]"
            problems.append(Problem(key, f"must be {allowed}, not {list(given)}"))
    return problems
