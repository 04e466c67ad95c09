"""Lengths of sequences, as MERBench makes them equal: zeros in front of short ones, means over parts of long ones."""

from torch import Tensor
from torch.nn import functional


def in_steps(sequence: Tensor, steps: int) -> Tensor:
    """(time, width) -> (steps, width).

    Of a length that `steps` does not divide, zeros come in front and take part in the means.
    """
    time = len(sequence)
    if time <= steps:
        return functional.pad(sequence, (0, 0, steps - time, 0))
    size = -(-time // steps) if time % steps == 0 else time // steps + 1
    padded = functional.pad(sequence, (0, 0, size * steps - time, 0))
    return padded.unflatten(0, (steps, size)).mean(dim=1)


def shrunk(sequence: Tensor, factor: int) -> Tensor:
    """(time, width) -> (time / factor rounded up, width)."""
    return in_steps(sequence, -(-len(sequence) // factor))
