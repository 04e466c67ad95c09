"""What a benchmark officially is."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from emolightning.records.clip_digests import Digests

Supports = Mapping[str, int]


@dataclass(frozen=True)
class Benchmark:
    """One official set of clips and the score that ranks on it."""

    name: str
    kind: Literal["classification", "open_vocabulary", "reasoning"]
    labels: tuple[str, ...]
    """In the index order of the official code; empty where answers are free text."""
    prompt_order: tuple[str, ...]
    """What Emotion-LLaMA's question offers, in its order; empty where nothing is offered."""
    headline: str
    """The score that ranks: its name in `metrics.json`."""
    source: str
    """Where sizes and score are from."""
    sizes: Mapping[str, int] = field(default_factory=dict)
    """Split -> clips; only splits that are official."""
    supports: Mapping[str, Supports] = field(default_factory=dict)
    """Split -> label -> clips, where known."""
    digests: Mapping[str, Digests] = field(default_factory=dict)
    """Split -> its digests, where the official list of clips was at hand."""
