"""A fusion network as a model that answers: with the most likely label, all likely ones, or a number."""

import math
from collections.abc import Mapping, Sequence

import torch
from torch import Tensor

from emolightning.models.emotion_model import EmotionModel
from emolightning.models.fusion.networks.blocks import Fused, FusionNetwork
from emolightning.models.fusion.processor import FusionBatch
from emolightning.models.parts.cross_entropy import PLAIN, CrossEntropy
from emolightning.models.parts.generation import Generation
from emolightning.prompt.questions import SEVERAL
from emolightning.records.clips import Batch, Clip, Said


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
        self, batch: FusionBatch, projected: Mapping[str, Tensor] | None = None, *, cross_entropy: CrossEntropy = PLAIN
    ) -> tuple[Tensor, Tensor]:
        """The loss of what each clip is asked, plus the penalty of the batch, clip by clip.

        Of a label it is the cross-entropy, and of a clip with valence also the squared error, where the network gives
        it; of valence alone the squared error; of several labels the mean over yes or no of each label. A clip has at
        least one of them: of one that has none nothing is learned.

        Returns:
            (batch,) of each, and 1 for every clip that has what is asked, 0 for others; both are 0 for another rank's
            clip.
        """
        found = self.fused(batch, projected)
        if batch.vectors_of is not None:
            found = found.of(batch.vectors_of)
        learned = {"emotion": self._of_label, "valence": self._of_number, SEVERAL: self._of_labels}
        of_task = {task: learned[task](found, list(batch.clips), cross_entropy) for task in dict.fromkeys(batch.tasks)}
        losses, is_known = (
            torch.stack([of_task[task][part][place] for place, task in enumerate(batch.tasks)]) for part in (0, 1)
        )
        counts = is_known & batch.is_own
        return torch.where(counts, losses, 0.0), counts.long()

    def _of_label(self, found: Fused, clips: Sequence[Clip], cross_entropy: CrossEntropy) -> tuple[Tensor, Tensor]:
        places = [self.labels.index(clip.label) if clip.label in self.labels else -1 for clip in clips]
        targets = torch.tensor(places, device=found.emotions.device)
        losses = cross_entropy(found.emotions, targets.clamp(min=0)) + found.penalty
        if found.valence is not None:
            squares, has_valence = _squares(found.valence, clips)
            losses = losses + torch.where(has_valence, squares, 0.0)
        return losses, targets >= 0

    def _of_number(self, found: Fused, clips: Sequence[Clip], cross_entropy: CrossEntropy) -> tuple[Tensor, Tensor]:
        assert found.valence is not None  # `require_on` of the family.
        squares, has_valence = _squares(found.valence, clips)
        return squares + found.penalty, has_valence

    def _of_labels(self, found: Fused, clips: Sequence[Clip], cross_entropy: CrossEntropy) -> tuple[Tensor, Tensor]:
        true = [clip.open_labels or ((clip.label,) if clip.label else ()) for clip in clips]
        targets = found.emotions.new_tensor([[float(label in names) for label in self.labels] for names in true])
        losses = cross_entropy.of_yes_or_no(found.emotions, targets).mean(dim=1)
        return losses + found.penalty, targets.any(dim=1)

    @torch.no_grad()
    def generate(
        self,
        batch: FusionBatch,
        generation: Generation,
        *,
        projected: Mapping[str, Tensor] | None = None,
        seed: int = 0,
    ) -> list[str]:
        """The answers alone; nothing is drawn."""
        return [said.text for said in self.say(batch, generation, projected=projected)]

    @torch.no_grad()
    def say(
        self,
        batch: FusionBatch,
        generation: Generation,
        *,
        projected: Mapping[str, Tensor] | None = None,
        seed: int = 0,
    ) -> list[Said]:
        """The most likely label of each clip, all that are likely, or valence as a number, whichever is asked.

        A clip has at least one label: where none is likely, several labels are the most likely one alone.
        """
        found = self.fused(batch, projected)
        best = [self.labels[place] for place in found.emotions.argmax(dim=1).tolist()]
        valences = [None] * len(best) if found.valence is None else [float(value) for value in found.valence]
        likely = (found.emotions > 0).tolist()  # Of yes or no.
        texts = []
        for task, label, valence, row in zip(batch.tasks, best, valences, likely, strict=True):
            several = [name for name, is_likely in zip(self.labels, row, strict=True) if is_likely]
            said = {"emotion": label, "valence": f"{valence:.4f}" if valence is not None else ""}
            texts.append(", ".join(several or [label]) if task == SEVERAL else said[task])
        rows = zip(texts, batch.prompts, valences, strict=True)
        return [Said(text, prompt, valence=valence) for text, prompt, valence in rows]

    @torch.no_grad()
    def label_logprobs(
        self, batch: Batch, labels: Sequence[str], *, projected: Mapping[str, Tensor] | None = None
    ) -> Tensor:
        """How likely each label is; one that it was not trained with is impossible."""
        known = self.fused(batch, projected).emotions.float().log_softmax(dim=1)
        impossible = known.new_full((len(known), 1), -torch.inf)
        places = [self.labels.index(label) if label in self.labels else len(self.labels) for label in labels]
        return torch.cat([known, impossible], dim=1)[:, places]


def _squares(predicted: Tensor, clips: Sequence[Clip]) -> tuple[Tensor, Tensor]:
    """Squared errors of valence, (batch,), and whether a clip has one."""
    values = [math.nan if clip.valence is None else clip.valence for clip in clips]
    true = torch.tensor(values, dtype=torch.float32, device=predicted.device)  # Half precision would round truths.
    return (predicted.float() - true.nan_to_num()) ** 2, ~true.isnan()
