"""What the released checkpoint of a family holds beside LoRA, and under which names."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from typing import Any

from torch import nn

from emolightning.models.emotion_llama.inputs import FEATURES, INPUTS, STREAMS
from emolightning.models.emotion_llama.upstream import names
from emolightning.models.parts.projection import Projections
from emolightning.models.parts.vision import PATCHES_PER_TOKEN, VisionSettings

Fresh = Callable[[VisionSettings, Mapping[str, int], int], Mapping[str, nn.Module]]
"""Settings of the tower, widths of the feature inputs, the language model's width -> part -> module."""


@dataclass(frozen=True)
class Format:
    """One kind of checkpoint."""

    kind: str
    """How messages call it."""
    layers: Mapping[str, str]
    """How our names of parameters begin -> how upstream's do."""
    widths: Mapping[str, int]
    """Stream -> width of its vectors in the released code, for the projections."""
    inputs: Sequence[str]
    """The inputs of the family."""
    features: Sequence[str]
    """Inputs that are vectors; any width is read."""
    fresh: Fresh
    """The parts that have no base."""
    arch: str = "minigpt_v2"
    """What upstream calls the model in its settings."""
    has_frequencies: bool = True
    """Whether the released code saves the rotary frequencies."""
    folders: Mapping[str, str] = field(default_factory=dict)
    """Feature input -> upstream's folder of its vectors."""

    def own(self, name: str) -> str | None:
        """Our name of a tensor beside LoRA; None for anything else."""
        return next((ours + name[len(their) :] for ours, their in self.layers.items() if _starts(name, their)), None)

    def upstream(self, name: str) -> tuple[str, ...]:
        """Upstream's name or names for one of our parameters; empty where it has nothing like it."""
        found = [their + name[len(ours) :] for ours, their in self.layers.items() if _starts(name, ours)]
        return tuple(found) or (() if name.startswith(names.OWN_PROJECTIONS) else names.to_upstream(name))

    def projections(self) -> dict[str, str]:
        """Stream -> upstream's name of its projection."""
        start = names.OWN_PROJECTIONS
        return {ours.removeprefix(start): their for ours, their in self.layers.items() if ours.startswith(start)}

    @property
    def parts(self) -> tuple[str, ...]:
        """The parts that have no base."""
        return tuple(dict.fromkeys(ours.partition(".")[0] for ours in self.layers))

    def score(self, tensors: Iterable[str]) -> int:
        """How many of its layers a file has."""
        starts = {their for name in tensors for their in self.layers.values() if _starts(name, their)}
        return len(starts)


def _starts(name: str, layer: str) -> bool:
    return name.startswith(f"{layer}.")


def _projections(vision: VisionSettings, widths: Mapping[str, int], width: int) -> Mapping[str, nn.Module]:
    found = {"image": PATCHES_PER_TOKEN * vision.width, "class_token": vision.width, **widths}
    return {"projections": Projections({name: found[name] for name in STREAMS}, width)}


FORMAT = Format(
    kind="Emotion-LLaMA checkpoint",
    layers={f"{names.OWN_PROJECTIONS}{ours}": theirs for ours, theirs in names.PROJECTIONS.items()},
    widths={"image": 5632, "face": 1024, "motion": 1024, "speech": 1024, "class_token": 1408},
    inputs=tuple(INPUTS),
    features=FEATURES,
    fresh=_projections,
    folders={"face": "mae_340_UTT", "motion": "maeV_399_UTT", "speech": "HL-UTT"},
)
"""That of Emotion-LLaMA."""


@cache
def formats() -> tuple[Format, ...]:
    """Those of all families whose checkpoints are of this make; Emotion-LLaMA's first."""
    from emolightning.config.families import families

    others = [family.checkpoint({}) for family in families().values() if hasattr(family, "checkpoint")]
    return (FORMAT, *others)


def format_of(model: Any) -> Format:
    """That of the family of some settings of a model."""
    from emolightning.config.families import family_of

    family = family_of(model)
    return family.checkpoint(model) if hasattr(family, "checkpoint") else FORMAT
