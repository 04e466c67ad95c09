"""A fusion network as a model that answers: the answer is the most likely label."""

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor

from emolightning.models.emotion_model import EmotionModel
from emolightning.models.fusion.networks.blocks import Fused, FusionNetwork
from emolightning.models.parts.cross_entropy import PLAIN, CrossEntropy
from emolightning.models.parts.generation import Generation
from emolightning.records.clips import Batch, Said


class FusionClassifier(EmotionModel):
    """A network, and what fills its places.

    Args:
        network: gives emotions, perhaps valence, and a penalty.
        places: the inputs of each of its streams.
        widths: input -> width of its vectors.
        labels: the vocabulary, in the order of its logits.
        is_sequence: whether streams are sequences.
    """

    fresh_parts = ("network",)
    decays_all = True

    def __init__(
        self,
        *,
        network: FusionNetwork,
        places: Sequence[Sequence[str]],
        widths: Mapping[str, int],
        labels: Sequence[str],
        is_sequence: bool,
    ):
        super().__init__()
        self.network = network
        self.places = [list(names) for names in places]
        self.widths = dict(widths)
        self.labels = tuple(labels)
        self.is_sequence = is_sequence

    def describe(self, base: str | None) -> str:
        """The network, and what fills its places."""
        places = ", ".join(" + ".join(names) for names in self.places)
        return f"{type(self.network).__name__} of {places} for {len(self.labels)} labels"

    def project(self, batch: Batch) -> dict[str, Tensor]:
        """The vectors of all inputs; zeros of one that it was trained with and is not shown."""
        found = super().project(batch)
        some = next(iter(found.values()))
        gone = {name: width for name, width in self.widths.items() if name not in found}
        return found | {name: some.new_zeros(*some.shape[:-1], width) for name, width in gone.items()}

    def fused(self, batch: Batch, projected: Mapping[str, Tensor] | None = None) -> Fused:
        """What the network makes of a batch."""
        vectors = self.project(batch) if projected is None else projected
        streams = [torch.cat([vectors[name] for name in names], dim=-1) for names in self.places]
        return self.network(streams if self.is_sequence else [stream[:, 0] for stream in streams])

    def answer_losses(
        self, batch: Batch, projected: Mapping[str, Tensor] | None = None, *, cross_entropy: CrossEntropy = PLAIN
    ) -> tuple[Tensor, Tensor]:
        """Cross-entropy of the label plus squared error of valence plus the penalty of the batch, clip by clip.

        Returns:
            (batch,) of each, and 1 for every clip with a label, 0 for others; both are 0 for another rank's clip.
        """
        found = self.fused(batch, projected)
        device = found.emotions.device
        is_known = torch.tensor([clip.label in self.labels for clip in batch.clips], device=device)
        targets = torch.tensor([self._number(clip.label) for clip in batch.clips], device=device)
        losses = cross_entropy(found.emotions, targets) + found.penalty
        if found.valence is not None:
            true = torch.tensor([float("nan") if c.valence is None else c.valence for c in batch.clips], device=device)
            has_valence = ~true.isnan()
            losses = losses + torch.where(has_valence, (found.valence.float() - true.nan_to_num()) ** 2, 0.0)
        counts = is_known & batch.is_own
        return torch.where(counts, losses, 0.0), counts.long()

    def _number(self, label: str | None) -> int:
        return self.labels.index(label) if label in self.labels else 0

    @torch.no_grad()
    def generate(
        self, batch: Batch, generation: Generation, *, projected: Mapping[str, Tensor] | None = None, seed: int = 0
    ) -> list[str]:
        """The most likely label of each clip; nothing is drawn."""
        return [said.text for said in self.say(batch, generation, projected=projected)]

    @torch.no_grad()
    def say(
        self, batch: Batch, generation: Generation, *, projected: Mapping[str, Tensor] | None = None, seed: int = 0
    ) -> list[Said]:
        """The most likely label of each clip, and its valence from a network with that head."""
        found = self.fused(batch, projected)
        labels = [self.labels[place] for place in found.emotions.argmax(dim=1).tolist()]
        valences = [None] * len(labels) if found.valence is None else [float(value) for value in found.valence]
        rows = zip(labels, batch.prompts, valences, strict=True)
        return [Said(label, prompt, valence=valence) for label, prompt, valence in rows]

    @torch.no_grad()
    def label_logprobs(
        self, batch: Batch, labels: Sequence[str], *, projected: Mapping[str, Tensor] | None = None
    ) -> Tensor:
        """How likely each label is; one that it was not trained with is impossible."""
        known = self.fused(batch, projected).emotions.float().log_softmax(dim=1)
        impossible = known.new_full((len(known), 1), -torch.inf)
        places = [self.labels.index(label) if label in self.labels else len(self.labels) for label in labels]
        return torch.cat([known, impossible], dim=1)[:, places]
