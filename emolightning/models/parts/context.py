"""How many positions a language model has, by its configuration and by its tokenizer."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

UNSET = 10**9
"""transformers writes 1e30 where a tokenizer does not say how long its texts may be."""


@dataclass(frozen=True)
class Context:
    """The longest sequence that a language model was made for."""

    positions: int | None
    """None for a model without a limit, e.g. one with ALiBi, or whose configuration does not say."""
    source: str = ""
    """The file and key that says so."""
    window: int | None = None
    """How far some layers look back; longer sequences are read, but by those layers not as a whole."""


def context_of(config: Any, tokenizer: Any, *, source: str) -> Context:
    """The smaller of what the model and what the tokenizer allows.

    Args:
        config: the language model's, of transformers.
        tokenizer: of transformers.
        source: where the model's number comes from, for messages.
    """
    found = positions_of(config)
    own, window = Context(found, source if found else ""), _window(config)
    allowed = getattr(tokenizer, "model_max_length", None)
    if not isinstance(allowed, int | float) or not 0 < allowed < UNSET:
        return Context(own.positions, own.source, window)
    if own.positions is not None and own.positions <= allowed:
        return Context(own.positions, own.source, window)
    return Context(int(allowed), f"{tokenizer.name_or_path}/tokenizer_config.json, model_max_length", window)


def positions_of(config: Any) -> int | None:
    """`max_position_embeddings`, or what a scaling of rotary positions makes of it."""
    own = getattr(config, "max_position_embeddings", None)
    if getattr(config, "alibi", False) or not isinstance(own, int) or own < 1:
        return None
    return max(own, *_scaled(config, own), 0)


def _scaled(config: Any, own: int) -> Iterator[int]:
    """As transformers reads it: a factor multiplies the original number, which is `own` where none is named.

    Llama-3's files name the scaled number as their own already; the larger of both is right.
    """
    rope = getattr(config, "rope_parameters", None) or getattr(config, "rope_scaling", None) or {}
    is_one = "rope_type" in rope or "type" in rope
    for kind in [rope] if is_one else rope.values():  # Some models have one for each type of layer.
        if isinstance(kind, Mapping) and kind.get("rope_type", kind.get("type")) not in (None, "default"):
            factor, original = kind.get("factor"), kind.get("original_max_position_embeddings")
            if isinstance(factor, int | float):
                yield int(factor * (original or own))


def _window(config: Any) -> int | None:
    kinds = getattr(config, "layer_types", None)
    is_used = getattr(config, "use_sliding_window", True) and (kinds is None or "sliding_attention" in kinds)
    window = getattr(config, "sliding_window", None)
    return window if is_used and isinstance(window, int) and window > 0 else None
