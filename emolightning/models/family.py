"""The seam: what the rest of the package knows of a model family. A family is a folder that has one, `family.py`.

The model itself is an `EmotionModel` (`emotion_model.py`).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Protocol

from emolightning.prompt.processor import Processor
from emolightning.prompt.questions import Questions
from emolightning.records.inputs import InputKind, Inputs

if TYPE_CHECKING:
    from emolightning.models.emotion_model import EmotionModel
    from emolightning.models.parts.language import LanguageSettings

__all__ = ["Family", "InputKind", "Inputs", "Occasion", "Processor", "Questions", "Released", "Sees", "Weights"]

Weights = Literal["run", "folder", "elsewhere"]
"""Where a family's weights come from: a run trains some of them; or all are in a folder, and a run may train adapters
beside them; or the model runs elsewhere, is asked and not trained, and no checkpoint is of it."""


@dataclass(frozen=True)
class Sees:
    """What a model is built around: the data, or what its weights were trained on."""

    inputs: Sequence[str]
    """Active inputs, in the family's order."""
    feature_widths: Mapping[str, int]
    """Width of each of them that is vectors."""
    labels: Sequence[str] = ()
    """The vocabulary: what a model that classifies answers with."""


@dataclass(frozen=True)
class Occasion:
    """What a run or an evaluation does with a model, as far as its settings may exclude it."""

    layout: str
    inputs: Sequence[str]
    """Active ones."""
    tasks: Sequence[str]
    """What is asked."""
    precomputes_vision: bool
    """Whether frozen towers see each clip once, before the first step."""
    waits_for_all: bool = False
    """Whether processes wait for a gradient of every layer that trains."""
    augments: bool = False
    """Whether something is done to the inputs of training clips."""
    reshaped: Sequence[str] = ()
    """Tasks that are learned with a loss in which known answers count less, or with smoothed targets."""


@dataclass(frozen=True)
class Released:
    """Published files of weights."""

    llama: Path
    """Folder of the language model that they belong to."""
    checkpoints: Sequence[Path]
    """Later ones replace tensors of earlier ones, where a family has several."""
    eva: Path | None = None
    """The vision tower."""


class Family(Protocol):
    """How a family's settings become a model, its questions, and its batches.

    The module that holds one is imported by the check of a configuration, so it imports nothing heavy by itself.
    `settings` is the group `model` of the configuration, resolved. A family with published weights has also
    `recognised`, `released_kinds`, `import_released` and `export_released` (see Emotion-LLaMA's), and perhaps
    `export_merged`.
    """

    name: str
    weights: Weights
    inputs: Inputs
    """What it can take of a clip, in its order."""
    layouts: Sequence[str]
    """Its prompts by name."""
    tasks: Sequence[str]
    """What it can be asked."""
    fresh_parts: Sequence[str]
    """Parts of its models that have no base, see `EmotionModel`."""

    def takes(self, settings: Mapping[str, Any]) -> Inputs:
        """Those of its inputs that a model with these settings can take; nothing is loaded."""
        ...

    def require(self, settings: Mapping[str, Any]) -> None:
        """Refuse settings that exclude each other, and weights that are not there; nothing is loaded."""
        ...

    def require_on(self, occasion: Occasion, settings: Mapping[str, Any]) -> None:
        """Refuse what a run or an evaluation cannot do with such a model; nothing is loaded.

        Raises:
            UserError: says what to do instead.
        """
        ...

    def require_weights(self, settings: Mapping[str, Any]) -> None:
        """Say which weights are not there; nothing is loaded."""
        ...

    def language(self, settings: Mapping[str, Any]) -> "LanguageSettings | None":
        """Its language model; None for a family without one."""
        ...

    def frame_sizes(self, settings: Mapping[str, Any]) -> Mapping[str, int]:
        """Frame input -> pixels of a frame, both ways."""
        ...

    def trained(self, settings: Mapping[str, Any], inputs: Sequence[str]) -> dict[str, str]:
        """Part -> how it trains (`frozen`, `lora`, `full`), for the parts that a model with these inputs has."""
        ...

    def questions(
        self, prompt: Mapping[str, Any], *, labels: Sequence[str], protocol: Sequence[str], seed: int
    ) -> Questions:
        """What is asked.

        Args:
            prompt: the settings `prompt`.
            labels: the vocabulary.
            protocol: the labels that a benchmark's published protocol offers; empty for data that have none.
            seed: of what is drawn.
        """
        ...

    def processor(self, settings: Mapping[str, Any], *, layout: str) -> Processor:
        """Turns clips into what the model reads; a `SequenceProcessor` where there is a language model.

        Args:
            settings: of the model.
            layout: one of `layouts`.
        """
        ...

    def build(self, settings: Mapping[str, Any], *, sees: Sees, is_empty: bool = False) -> "EmotionModel":
        """The model.

        Args:
            settings: of the model.
            sees: what it is built around.
            is_empty: its language model gets its weights later, from the first rank.
        """
        ...

    def sees_of(self, shapes: Mapping[str, tuple[int, ...]], told: Sees) -> Sees:
        """What a model with some trained weights is built around.

        Args:
            shapes: name of a trained tensor, as in the model -> its shape.
            told: what the file of the weights says; of one that says nothing the vocabulary alone.

        Raises:
            ValueError: they cannot be weights of this family.
        """
        ...
