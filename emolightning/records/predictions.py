"""What a model says about clips that belong to no dataset: one answer each, or why there is none."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from html import escape
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
    logprobs: dict[str, float] = field(default_factory=dict)
    """Label -> log-probability in nats of the label as the whole answer, among all texts; empty for explanations."""

    def content(self) -> dict[str, Any]:
        """As JSON."""
        return asdict(self)

    def _repr_html_(self) -> str:
        return table_of([self])


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

    def _repr_html_(self) -> str:
        return table_of([self])


def table_of(found: "Sequence[Prediction | Failure]") -> str:
    """Answers as a table for a notebook; whatever comes from files is text there."""
    head = "<tr><th>clip</th><th>label</th><th>probabilities</th><th>answer</th><th>inputs</th><th>s</th></tr>"
    return f"<table>{head}{''.join(_row(each) for each in found)}</table>"


def _row(each: "Prediction | Failure") -> str:
    if isinstance(each, Failure):
        return f'<tr><td>{escape(each.id)}</td><td colspan="5">{escape(each.kind)}: {escape(each.reason)}</td></tr>'
    bars = "".join(
        f'<div style="white-space:nowrap"><meter min="0" max="1" value="{chance:.4f}"></meter> '
        f"{chance:.2f} {escape(label)}</div>"
        for label, chance in sorted(each.probabilities.items(), key=lambda item: -item[1])
    )
    inputs = "<br>".join(f"{escape(name)}: {escape(said)}" for name, said in each.inputs.items())
    cells = [escape(each.id), escape(each.label or ""), bars, escape(each.text), inputs, f"{each.seconds:.2f}"]
    return f"<tr>{''.join(f'<td>{cell}</td>' for cell in cells)}</tr>"
