"""The other half of the seam: what the rest of the package knows of a model, whatever its family."""

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from typing import Any

from torch import Tensor, nn

from emolightning.models.parts.cross_entropy import PLAIN, CrossEntropy
from emolightning.models.parts.generation import Generation
from emolightning.records.clips import Said


class EmotionModel(nn.Module):
    """A model that answers questions about clips.

    `batch` is what the processor of the model's family makes. The defaults are those of a model without vision tower.
    """

    fresh_parts: Sequence[str] = ("projections",)
    """Parts that have no base: their weights come from training alone, and no other file has them."""
    decays_all = False
    """Whether an optimizer's weight decay is for all parameters; else upstream's rule leaves some out."""
    is_synced = False
    """Whether layers are gathered from other ranks as they run, so that all must generate equally long."""
    step = 0
    """Batches that it has learned from before this one; kept by the learner."""

    def parts(self) -> dict[str, nn.Module]:
        """Its parts, each an attribute of that name; a part is frozen, adapted by LoRA or trained in full."""
        return dict(self.named_children())

    def towers(self) -> "Mapping[str, Any]":
        """Frame input -> the part that sees its frames: a `VisionTower`, or what has the same properties."""
        return {}

    def see(self, images: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Every stream that towers make of frames.

        Args:
            images: frame input -> (batch, frames, 3, size, size).

        Returns:
            Stream name -> (batch, tokens, width).
        """
        raise ValueError(f"This model was built without a vision tower, but the batch has {', '.join(images)}.")

    def project(self, batch: Any) -> dict[str, Tensor]:
        """Every stream of a batch as the model goes on with it; what the other methods take as `projected`."""
        seen = self.see(batch.images) if batch.images else {}
        if batch.unseen is not None:
            seen = {name: vectors.masked_fill(batch.unseen[:, None, None], 0) for name, vectors in seen.items()}
        return {**batch.features, **seen}

    def forward(self, batch: Any) -> Tensor:
        """The loss: the mean over all that is learned in the batch (token-weighted, as upstream). A scalar."""
        losses, numbers, more = self.learning_losses(batch)
        if batch.shares is not None:
            losses, numbers = losses * batch.shares, numbers * batch.shares
        mean = losses.sum() / numbers.sum()
        return mean if more is None else mean + more

    def learning_losses(self, batch: Any, cross_entropy: CrossEntropy = PLAIN) -> tuple[Tensor, Tensor, Tensor | None]:
        """What training minimises: loss of each clip, what it sums over, and what is added to the mean, if anything."""
        return *self.answer_losses(batch, cross_entropy=cross_entropy), None

    @abstractmethod
    def answer_losses(
        self, batch: Any, projected: Mapping[str, Tensor] | None = None, *, cross_entropy: CrossEntropy = PLAIN
    ) -> tuple[Tensor, Tensor]:
        """Loss of each clip, (batch,) float32, and what it sums over, (batch,) int64: tokens of the answer, or 1."""

    @abstractmethod
    def generate(
        self,
        batch: Any,
        generation: Generation,
        *,
        projected: Mapping[str, Tensor] | None = None,
        seed: int = 0,
    ) -> list[str]:
        """One answer a clip; the same alone and in any batch."""

    def say(
        self,
        batch: Any,
        generation: Generation,
        *,
        projected: Mapping[str, Tensor] | None = None,
        seed: int = 0,
    ) -> list[Said]:
        """What an evaluation notes of each clip: the answer, or why there is none."""
        texts = self.generate(batch, generation, projected=projected, seed=seed)
        return [Said(text, prompt) for text, prompt in zip(texts, batch.prompts, strict=True)]

    def identity(self) -> dict[str, Any]:
        """What answers depend on beside weights, inputs, question and generation; of weights held here nothing."""
        return {}

    def remarks(self) -> list[str]:
        """Sentences: what makes its answers worth doubting."""
        return []

    @abstractmethod
    def label_logprobs(
        self, batch: Any, labels: Sequence[str], *, projected: Mapping[str, Tensor] | None = None
    ) -> Tensor:
        """Log-probability in nats of each label as the whole answer, (batch, labels) float32."""

    def say_with_logprobs(
        self,
        batch: Any,
        generation: Generation,
        labels: Sequence[str],
        *,
        projected: Mapping[str, Tensor] | None = None,
        seed: int = 0,
    ) -> tuple[list[Said], Tensor]:
        """What `say` and `label_logprobs` return; a model may do at once what both need."""
        said = self.say(batch, generation, projected=projected, seed=seed)
        return said, self.label_logprobs(batch, labels, projected=projected)

    def label_lengths(self, batch: Any, labels: Sequence[str]) -> list[int]:
        """Tokens that each label's log-probability sums over; 1 where a label is one class of a network."""
        return [1] * len(labels)

    @abstractmethod
    def describe(self, base: str | None) -> str:
        """What it is, for the first line of a run.

        Args:
            base: folder of its language model.
        """
