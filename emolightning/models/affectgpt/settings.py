"""Sizes of AffectGPT's fusion, and how each stream becomes tokens."""

from dataclasses import dataclass
from typing import Literal

Pooling = Literal["attention", "mean", "qformer"]
"""How some vectors become tokens: a weighted sum, a mean, or learned queries that look at them."""


@dataclass(frozen=True)
class FusionSettings:
    """How the vectors of a clip become tokens. The defaults are those of the released weights."""

    video: Pooling = "attention"
    """What becomes of faces and frames, which share all layers."""
    audio: Pooling = "attention"
    """What becomes of the voice."""
    multi: Literal["attention", "qformer", "none"] = "attention"
    """What becomes of faces (or frames) and the voice together; `none` for layouts that do not show it."""
    video_tokens: int = 1
    """Tokens of a stream: a pooled vector is repeated, a Q-Former has as many queries."""
    audio_tokens: int = 1
    multi_tokens: int = 1
    picture_tokens: int = 1
    steps: int = 8
    """Vectors of a clip that each encoder has to give: `attention` adds them up, so weights are good for one number."""
    qformer_width: int = 768
    """Width of the Q-Formers."""
    qformer_heads: int = 12
    qformer_mlp_width: int = 3072
    qformer_layers: int = 2
    seed: int = 0
    """Seed of fresh Q-Formers; the other layers start with the run's."""
