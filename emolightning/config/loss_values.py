"""What is wrong with the weights of labels by themselves, whatever the data are."""

from collections.abc import Mapping
from typing import Any

from omegaconf import DictConfig, OmegaConf

from emolightning.config.problems import Problem

WEIGHTS = "loss.class_weights"
BALANCED = "balanced"


def check_loss(cfg: DictConfig) -> list[Problem]:
    """Weights that are none; which labels there are is known when the data are read."""
    given = OmegaConf.select(cfg, WEIGHTS, default=None)
    said = _wrong(OmegaConf.to_container(given) if OmegaConf.is_config(given) else given)
    return [Problem(WEIGHTS, said)] if said else []


def _wrong(given: Any) -> str:
    example = f"e.g. '{WEIGHTS}={{sad: 3}}'"
    if given is None or given == BALANCED:
        return ""
    if not isinstance(given, Mapping):
        return f"must be null, balanced or weights by label, {example}, not {given!r}"
    for label, weight in given.items():
        if isinstance(weight, bool) or not isinstance(weight, int | float) or not 0 < weight < float("inf"):
            return f"the weight of {label} must be a number above 0, not {weight!r}"
    return "" if given else f"names no label; say null, balanced, or {example}"
