"""What a model says about clips that belong to no dataset: one answer each, or why there is none."""

from dataclasses import asdict, dataclass, field
from typing import Any

USED, OFF = "used", "off"
"""What became of an input; the two others begin with these words and go on with a reason."""
MISSING, ZERO = "missing: ", "zero: "


@dataclass(frozen=True)
class Prediction:
    """One answer about one clip."""

    id: str
    label: str | None
    """What the answer names, read as evaluations read it; None where it names no single label, and for explanations."""
    probabilities: dict[str, float]
    """Label -> how likely it is as the whole answer, among the labels; empty for explanations."""
    text: str
    """The answer as it was generated."""
    question: str
    inputs: dict[str, str]
    """Input -> `used`, `off`, `missing: REASON` (left out of the sequence) or `zero: REASON` (zeros in its place)."""
    seconds: float
    """Time of reading and answering, shared by the clips that were answered together."""

    def content(self) -> dict[str, Any]:
        """As JSON."""
        return asdict(self)


@dataclass(frozen=True)
class Failure:
    """A clip that there is no answer for."""

    id: str
    kind: str
    """A few words, which can be counted: `no media file`, `media that cannot be decoded`, ..."""
    reason: str
    """What is wrong with which file."""
    inputs: dict[str, str] = field(default_factory=dict)
    """What is known of the inputs."""

    def content(self) -> dict[str, Any]:
        """As JSON."""
        return asdict(self)
