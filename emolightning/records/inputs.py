"""What a model family takes of a clip: inputs by name, each of a kind that the room `data` knows how to load."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from emolightning.errors import UserError

Kind = Literal["frames", "vectors", "text", "file", "stills", "sound", "film", "waveform"]

SENT: tuple[Kind, ...] = ("file", "stills", "sound", "film", "waveform")
"""Kinds of inputs that a model, or a processor of its own, reads by itself."""

MODALITIES = ("audio", "video", "text")
"""The groups that switch inputs: the field's A, V and T."""


@dataclass(frozen=True)
class InputKind:
    """One input of a family."""

    kind: Kind
    """`frames` of the video for a vision tower, `vectors` of an encoder, the `text` that is said; for models that run
    elsewhere the `file` of the clip, `stills` of it, or its `sound`; for a processor of the model's own, frames at full
    size as a `film`, and the `waveform`."""
    modality: str
    """The one of MODALITIES that it belongs to."""
    meaning: str
    """What it is, for `--help`."""
    frame: str | None = None
    """The choice of `frames` that the family fixes, e.g. `window:16`; None follows `data.frame`."""
    is_on: bool = True
    """Whether a run has it unless it says otherwise."""


Inputs = Mapping[str, InputKind]
"""Inputs by name, in the family's order."""


def named(inputs: Inputs, kind: Kind) -> list[str]:
    """The names of the inputs of one kind."""
    return [name for name, about in inputs.items() if about.kind == kind]


def active_inputs(inputs: Inputs, modalities: Sequence[str], switches: Mapping[str, bool]) -> Inputs:
    """The inputs a run uses: those of its modalities, less the ones switched off by themselves.

    Args:
        inputs: all that the family has.
        modalities: any of MODALITIES.
        switches: input name -> False to leave that input out; True to have it; names not mentioned are as `is_on` says.

    Raises:
        UserError: an unknown modality, or nothing left to look at.
    """
    unknown = [name for name in modalities if name not in MODALITIES]
    if unknown:
        raise UserError(f"modalities: {unknown} not known; choose from {list(MODALITIES)}")
    active = {
        name: about
        for name, about in inputs.items()
        if about.modality in modalities and switches.get(name, about.is_on)
    }
    if not active:
        own = {name: switches.get(name, about.is_on) for name, about in inputs.items()}
        raise UserError(f"no input is left: modalities={list(modalities)} with inputs {own}")
    return active
