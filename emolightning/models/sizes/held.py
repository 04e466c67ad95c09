"""What a model is made of, in bytes."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Held:
    """What a model is made of."""

    frozen: int
    """Numbers of frozen floating-point weights."""
    frozen_bytes: int
    quantized_bytes: int
    """Bytes of weights that are no floating-point numbers, their scales included."""
    trained: int
    """Numbers that train."""
    trained_bytes: int
    block_bytes: int
    """Bytes of the largest layer that FSDP gathers at once."""
    outside_bytes: int
    """Bytes of what is in no such layer: embeddings, head, projections."""
    shared_bytes: int = 0
    """Bytes that the first process alone reads and gives to the others (training/engines/sharing.py)."""
