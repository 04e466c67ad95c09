"""The seam: what the rest of the package knows of a model family. A family is a folder that has one, `family.py`."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Protocol

from emolightning.prompt.processor import Processor
from emolightning.prompt.questions import Questions
from emolightning.records.inputs import InputKind, Inputs

if TYPE_CHECKING:
    from torch import Tensor, nn

    from emolightning.models.parts.generation import Generation
    from emolightning.records.clips import Batch

__all__ = ["EmotionModel", "Family", "InputKind", "Inputs", "Processor", "Questions"]


class Family(Protocol):
    """How a family's settings become a model, its questions, and its sequences.

    The module that holds one is imported by the check of a configuration, so it imports nothing heavy by itself.
    """

    name: str
    inputs: Inputs
    """What it can take of a clip, in its order."""
    layouts: Sequence[str]
    """Its prompts by name."""
    tasks: Sequence[str]
    """What it can be asked."""

    def require(self, settings: Mapping[str, Any]) -> None:
        """Refuse settings that exclude each other, and weights that are not there; nothing is loaded."""
        ...

    def require_weights(self, settings: Mapping[str, Any]) -> None:
        """Say which weights are not there; nothing is loaded."""
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
        """Turns clips into what the model reads; loads the tokenizer.

        Args:
            settings: the group `model` of the configuration, resolved.
            layout: one of `layouts`.
        """
        ...

    def build(self, settings: Mapping[str, Any], *, sees: Mapping[str, Any], is_empty: bool = False) -> "EmotionModel":
        """The model.

        Args:
            settings: the group `model` of the configuration, resolved.
            sees: `inputs`, and `feature_widths` of those that are vectors.
            is_empty: it gets its weights later, from the first rank.
        """
        ...

    def sees_of(self, widths: Mapping[str, int]) -> dict[str, Any]:
        """The argument `sees` of a model that has the projections of some weights.

        Args:
            widths: stream name -> width, as trained.
        """
        ...

    def image_size(self, settings: Mapping[str, Any]) -> int:
        """Pixels of a frame, both ways."""
        ...


class EmotionModel(Protocol):
    """A model that answers questions about clips."""

    tokenizer: Any

    def project(self, batch: "Batch") -> "dict[str, Tensor]":
        """Every stream of a batch in the width of the sequence; what the other methods take as `projected`."""
        ...

    def answer_losses(self, batch: "Batch", projected: "Mapping[str, Tensor] | None" = None) -> "tuple[Tensor, Tensor]":
        """Cross-entropy of the answers in nats, (batch,), and the number of their tokens, (batch,)."""
        ...

    def generate(
        self,
        batch: "Batch",
        generation: "Generation",
        *,
        projected: "Mapping[str, Tensor] | None" = None,
        seed: int = 0,
    ) -> list[str]:
        """One answer a clip."""
        ...

    def label_logprobs(
        self, batch: "Batch", labels: Sequence[str], *, projected: "Mapping[str, Tensor] | None" = None
    ) -> "Tensor":
        """Log-probability in nats of each label as the whole answer, (batch, labels)."""
        ...

    def parts(self) -> "Mapping[str, nn.Module]":
        """Its parts by name, each frozen, adapted by LoRA or trained in full."""
        ...
