"""What a model is made of, in bytes."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Held:
    """What a model is made of."""

    frozen: int
    """Numbers of frozen floating-point weights."""
    frozen_bytes: int
    quantized_bytes: int
    """Of weights that are no floating-point numbers, their scales included."""
    trained: int
    """Numbers that train."""
    trained_bytes: int
    block_bytes: int
    """Of the largest layer that FSDP gathers at once."""
    outside_bytes: int
    """Of what is in no such layer: embeddings, head, projections."""
    shared_bytes: int = 0
    """Of what the first process alone reads and hands to the others (training/engines/sharing.py)."""
