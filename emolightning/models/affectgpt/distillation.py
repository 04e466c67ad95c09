"""Light-MER's losses: the hidden states and words of a student's answers are drawn to those of a teacher.

Source: GAIR-Lab/Light-MER@ff4d9ca `my_affectgpt/models/ot_loss.py` and `affectgpt.py`.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import torch
from torch import Tensor, nn
from torch.nn import functional

FEWEST = {"swd": 2, "sinkhorn": 4}
"""Positions that each row of a batch needs; with fewer the batch has no such loss."""

BLUR, ROUNDS = 0.1, 20
"""Sinkhorn's regularisation and iterations."""

NOTHING = -1e9
"""The logarithm of the weight of a position that does not count."""


@dataclass(frozen=True)
class DistillationSettings:
    """How much a student learns from its teacher. The defaults are Light-MER's."""

    hidden: Literal["swd", "sinkhorn"] = "swd"
    """Sliced Wasserstein distance of hidden states, or their Sinkhorn divergence."""
    hidden_weight: float = 1.0
    """Weight of that loss, once it has warmed up."""
    warmup_steps: int = 5000
    """Steps over which the weight rises from 0."""
    num_directions: int = 100
    """Random directions of a sliced distance, drawn anew in each step."""
    power: Literal[1, 2] = 2
    """Power of the differences of a sliced distance."""
    width: int = 256
    """Width that both sides are brought to for Sinkhorn."""
    kl_weight: float = 0.0
    """Weight of the difference between both sides' words."""
    temperature: float = 2.0
    """Temperature of the words in that difference."""
    seed: int = 0
    """Seed of the fixed projection of the teacher."""

    def weight(self, step: int) -> float:
        """Weight of the loss of hidden states, at a step.

        >>> DistillationSettings(warmup_steps=10).weight(4), DistillationSettings(warmup_steps=10).weight(25)
        (0.4, 1.0)
        """
        return self.hidden_weight * min(1.0, step / self.warmup_steps if self.warmup_steps else 1.0)


class HiddenProjection(nn.Module):
    """Brings the hidden states of the student to where those of the teacher are. The names are the released code's.

    Args:
        student: width of the student's states.
        settings: which space.
    """

    def __init__(self, student: int, settings: DistillationSettings):
        super().__init__()
        if settings.hidden == "swd":
            linear = nn.Linear(student, student, bias=False)
            nn.init.eye_(linear.weight)
            self.student_proj = nn.Sequential(linear, nn.LayerNorm(student))
        else:
            self.student_proj = nn.Sequential(nn.Linear(student, settings.width), nn.LayerNorm(settings.width))

    def forward(self, states: Tensor) -> Tensor:
        """(..., width) -> (..., shared width), in float32."""
        return self.student_proj(states.float())


def fixed_projection(student: int, teacher: int, settings: DistillationSettings) -> nn.Module:
    """What brings the teacher's states there: orthogonal, by the seed alone, never trained.

    Args:
        student: width of the student's states.
        teacher: width of the teacher's.
        settings: which space.
    """
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(settings.seed)
        own = student if settings.hidden == "swd" else settings.width
        linear = nn.Linear(teacher, own, bias=False)
        nn.init.orthogonal_(linear.weight)
    found = linear if settings.hidden == "swd" else nn.Sequential(linear, nn.LayerNorm(own))
    return found.requires_grad_(False)


def unit_directions(number: int, width: int, generator: torch.Generator | None = None) -> Tensor:
    """Random directions of length 1, (number, width)."""
    return functional.normalize(torch.randn(number, width, generator=generator), dim=1)


def sliced_wasserstein(
    student: Sequence[Tensor], teacher: Sequence[Tensor], directions: Tensor, *, power: int = 2
) -> Tensor:
    """Mean over rows of the distance between two clouds of points, seen along some directions. A scalar.

    Args:
        student: of each row (positions, width).
        teacher: the same rows.
        directions: (directions, width).
        power: of the differences.
    """
    if min(map(len, student)) < FEWEST["swd"]:
        return student[0].sum() * 0
    distances = []
    for own, other in zip(student, teacher, strict=True):
        seen, wanted = ((points @ directions.T).sort(dim=0).values for points in (own, other))
        difference = seen - wanted
        distances.append((difference.abs() if power == 1 else difference**2).mean())
    return torch.stack(distances).mean()


def sinkhorn_divergence(student: Tensor, teacher: Tensor, mask: Tensor) -> Tensor:
    """Mean over rows of S(x, y) - S(x, x) / 2 - S(y, y) / 2, at least 0 each, with 1 - cosine as cost. A scalar.

    Args:
        student: (rows, positions, width).
        teacher: the same rows.
        mask: (rows, positions), true where a position counts.
    """
    if int(mask.sum(dim=1).min()) < FEWEST["sinkhorn"]:
        return student.sum() * 0
    x, y = (functional.normalize(points.float(), dim=-1) for points in (teacher, student))
    uniform = torch.where(mask, 0.0, NOTHING).log_softmax(dim=1)
    between, within = _sinkhorn(x, y, uniform), (_sinkhorn(x, x, uniform) + _sinkhorn(y, y, uniform)) / 2
    return (between - within).clamp(min=0).mean()


def _sinkhorn(x: Tensor, y: Tensor, log_weights: Tensor) -> Tensor:
    """The cost of moving the points of each row, in the log domain, (rows,)."""
    cost = 1 - x @ y.transpose(1, 2)
    kernel, v = -cost / BLUR, torch.zeros_like(log_weights)
    for _ in range(ROUNDS):
        u = log_weights - torch.logsumexp(kernel + v[:, None], dim=2)
        v = log_weights - torch.logsumexp(kernel + u[:, :, None], dim=1)
    return ((kernel + u[:, :, None] + v[:, None]).exp() * cost).sum(dim=(1, 2))


def words_difference(student: Tensor, teacher: Tensor, *, temperature: float) -> Tensor:
    """Kullback-Leibler divergence from teacher to student over the words of (positions, vocabulary). A scalar."""
    own = functional.log_softmax(student.float() / temperature, dim=-1)
    other = functional.log_softmax(teacher.float() / temperature, dim=-1)
    return functional.kl_div(own, other, reduction="batchmean", log_target=True) * temperature**2


def rows_of(values: Tensor, mask: Tensor) -> list[Tensor]:
    """Values at the positions of a mask, row by row.

    Args:
        values: (positions, width), in the order of the mask.
        mask: (rows, positions) of the batch.
    """
    counts: Any = mask.sum(dim=1).tolist()
    return list(values.split(counts))
