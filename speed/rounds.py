"""Rounds in which recipes take turns, so that a machine that grows slower does so for all of them."""

import gc
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import torch

from speed.recipes import Measurement

PHASES = ("vision", "training", "evaluation")


@dataclass
class Work:
    """What a phase of a round has to do."""

    samples: int
    tokens: int
    """Training: positions of the sequences, padding not counted. Evaluation: new tokens. Vision: visual tokens."""
    flops: int
    """See `emolightning.models.sizes.flops`."""


@dataclass
class Column:
    """A recipe in the table."""

    name: str
    run: dict[str, Callable[[], Measurement]]
    """Phase -> one round of it."""
    work: dict[str, Work]
    rounds: dict[str, list[Measurement]] = field(default_factory=dict)
    """Phase -> all complete rounds."""
    out_of_memory: set[str] = field(default_factory=set)
    """Phases that the device was too small for; not tried again."""


Round = list[tuple[Column, str, Measurement]]


def alternate(
    columns: Sequence[Column],
    num_rounds: int,
    report: Callable[[int], None],
    round_of: Callable[[Sequence[Column]], Round] | None = None,
) -> bool:
    """Measure all phases of all columns in each round; every second round in reverse order.

    Args:
        columns: get the measurements.
        num_rounds: how often.
        report: called with the number of each round that is done.
        round_of: measures a round; None measures one column after the other.

    Returns:
        Whether all rounds were done; Ctrl-C ends them, and the round that it falls into does not count.
    """
    for number in range(num_rounds):
        try:
            found = (round_of or _round)(columns if number % 2 == 0 else columns[::-1])
            for column, phase, measurement in found:
                column.rounds.setdefault(phase, []).append(measurement)
            report(number)
        except KeyboardInterrupt:
            return False
    return True


def _round(columns: Sequence[Column]) -> Round:
    found = []
    for phase in PHASES:
        for column in columns:
            if phase not in column.run or phase in column.out_of_memory:
                continue
            measurement = _attempt(column.run[phase])
            if measurement is None:
                column.out_of_memory.add(phase)
                column.rounds.pop(phase, None)
            else:
                found.append((column, phase, measurement))
    return found


def _attempt(run: Callable[[], Measurement]) -> Measurement | None:
    """None where the device's memory is too small."""
    try:
        return run()
    except torch.OutOfMemoryError:
        pass
    gc.collect()  # Out here the exception, and with it the tensors of its frames, is gone.
    torch.cuda.empty_cache()
    return None
