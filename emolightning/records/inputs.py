"""The five inputs of Emotion-LLaMA by name, and the three modalities that group them."""

from collections.abc import Mapping, Sequence

from emolightning.errors import UserError

INPUTS = ("image", "face", "motion", "speech", "transcript")

FEATURES = ("face", "motion", "speech")
"""Inputs that are vectors from an encoder, in the order in which they stand in the sequence (upstream's order)."""

MODALITIES = {
    "audio": ("speech",),
    "video": ("image", "face", "motion"),
    "text": ("transcript",),
}
"""The groups behind the field's A, V and T."""


def active_inputs(modalities: Sequence[str], switches: Mapping[str, bool]) -> tuple[str, ...]:
    """The inputs a run uses: those of its modalities, less the ones switched off by themselves.

    Args:
        modalities: any of `audio`, `video`, `text`.
        switches: input name -> False to leave that input out; names not mentioned are on.

    Raises:
        UserError: an unknown modality, or nothing left to look at.
    """
    unknown = [name for name in modalities if name not in MODALITIES]
    if unknown:
        raise UserError(f"modalities: {unknown} not known; choose from {list(MODALITIES)}")
    chosen = {name for modality in modalities for name in MODALITIES[modality]}
    active = tuple(name for name in INPUTS if name in chosen and switches.get(name, True))
    if not active:
        raise UserError(f"no input is left: modalities={list(modalities)} with inputs {dict(switches)}")
    return active
