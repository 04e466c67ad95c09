"""What training makes of the cross-entropy of a token or a class: softer targets, and less of what is known by now."""

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

LEAST = 1e-12
"""A power below 1 has no slope at 0."""


@dataclass(frozen=True)
class CrossEntropy:
    """A cross-entropy in nats; as it is without settings, which is what validations measure."""

    focal_gamma: float = 0.0
    """The loss times (1 - p) to this power, where p is the probability of what is true (Lin et al., 2017)."""
    label_smoothing: float = 0.0
    """Share of the target that is spread evenly over all tokens, or classes."""

    def __call__(self, logits: Tensor, targets: Tensor) -> Tensor:
        """(number,) float32 of each row of logits, (number, choices)."""
        logits = logits.float()
        losses = functional.cross_entropy(logits, targets, reduction="none", label_smoothing=self.label_smoothing)
        if not self.focal_gamma:
            return losses
        return self._focal(losses, functional.cross_entropy(logits, targets, reduction="none"))

    def of_yes_or_no(self, logits: Tensor, targets: Tensor) -> Tensor:
        """The same of each choice by itself.

        Args:
            logits: of yes, any shape.
            targets: 1 for yes, 0 for no; the same shape.
        """
        smoothed = targets.lerp(torch.full_like(targets, 0.5), self.label_smoothing)
        losses = functional.binary_cross_entropy_with_logits(logits, smoothed, reduction="none")
        if not self.focal_gamma:
            return losses
        return self._focal(losses, functional.binary_cross_entropy_with_logits(logits, targets, reduction="none"))

    def _focal(self, losses: Tensor, plain: Tensor) -> Tensor:
        return losses * (1 - (-plain).exp()).clamp(min=LEAST) ** self.focal_gamma


PLAIN = CrossEntropy()
