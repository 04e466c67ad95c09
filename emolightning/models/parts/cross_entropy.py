"""What training makes of the cross-entropy of a token or a class: softer targets, and less of what is known by now."""

from dataclasses import dataclass

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
        plain = functional.cross_entropy(logits, targets, reduction="none") if self.label_smoothing else losses
        return losses * (1 - (-plain).exp()).clamp(min=LEAST) ** self.focal_gamma


PLAIN = CrossEntropy()
