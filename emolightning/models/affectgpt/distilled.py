"""A student that learns from a teacher beside the answers: Light-MER's training."""

from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor, nn

from emolightning.models.affectgpt.affectgpt import AffectGPT
from emolightning.models.affectgpt.distillation import (
    DistillationSettings,
    HiddenProjection,
    fixed_projection,
    rows_of,
    sinkhorn_divergence,
    sliced_wasserstein,
    unit_directions,
    words_difference,
)
from emolightning.models.affectgpt.fusion import Fusion
from emolightning.models.affectgpt.inputs import OF_TEACHER
from emolightning.models.parts.cross_entropy import PLAIN, CrossEntropy
from emolightning.models.parts.lora import unwrapped
from emolightning.models.parts.masks import visible
from emolightning.records.clips import IGNORED, SequenceBatch


class DistilledAffectGPT(AffectGPT):
    """AffectGPT with a frozen teacher, which is no part of it: nothing of the teacher is trained or saved.

    Args:
        language: the student's.
        tokenizer: of both.
        projections: the student's.
        load_teacher: gives the teacher with its weights; asked when training begins, so that an evaluation needs none.
        settings: how much of the loss is the teacher's.
    """

    def __init__(
        self,
        *,
        language: Any,
        tokenizer: Any,
        projections: Fusion,
        load_teacher: Callable[[], AffectGPT],
        settings: DistillationSettings,
    ):
        super().__init__(language=language, tokenizer=tokenizer, projections=projections)
        self.settings = settings
        self.distillation = HiddenProjection(language.get_input_embeddings().embedding_dim, settings)
        self._load_teacher = load_teacher
        self._teacher: list[nn.Module] = []
        """The teacher and its projection, once they are needed: in a list, for they are no parts."""
        self.losses: dict[str, Tensor] = {}
        """The parts of the last loss by name, for logs."""

    @property
    def teacher(self) -> AffectGPT:
        """The frozen model that it learns from."""
        if not self._teacher:
            with torch.random.fork_rng(devices=[]):  # A resumed run loads it at another step, and must draw the same.
                teacher = self._load_teacher().requires_grad_(False).eval()
            own, other = (model.language.get_input_embeddings().embedding_dim for model in (self, teacher))
            place = next(self.distillation.parameters()).device
            self._teacher = [teacher.to(place), fixed_projection(own, other, self.settings).to(place)]
        found = self._teacher[0]
        assert isinstance(found, AffectGPT)
        return found

    @property
    def fixed(self) -> nn.Module:
        """What brings the teacher's hidden states into the width of the student's."""
        assert self.teacher
        return self._teacher[1]

    def parts(self) -> dict[str, nn.Module]:
        """Its parts by name."""
        return {**super().parts(), "distillation": self.distillation}

    def learning_losses(
        self, batch: SequenceBatch, cross_entropy: CrossEntropy = PLAIN
    ) -> tuple[Tensor, Tensor, Tensor | None]:
        """Cross-entropy of the answers and their tokens, clip by clip, and what the teacher adds to the mean."""
        mask = batch.sequence.targets[:, 1:] != IGNORED
        rows, numbers, targets = batch.sequence.places.learned
        places = batch.sequence.places.scored[numbers]
        hidden = self._hidden(self, batch, self.project(batch))
        words = self.language.get_output_embeddings()(hidden[rows, places])
        losses = cross_entropy(words, targets)
        sums = torch.zeros(len(mask), dtype=losses.dtype, device=losses.device).index_add(0, rows, losses)
        with torch.no_grad():
            teacher = self.teacher
            wanted = self._hidden(teacher, batch, teacher.projections(self._teachers(batch.features)))
        of_hidden = self._of_hidden(hidden[:, :-1], wanted[:, :-1], mask)
        of_words = torch.zeros_like(of_hidden)
        if self.settings.kl_weight:
            with torch.no_grad():
                other = teacher.language.get_output_embeddings()(wanted[rows, places])
            of_words = words_difference(words, other, temperature=self.settings.temperature)
        self.losses = {"hidden": of_hidden.detach(), "words": of_words.detach()}
        more = self.settings.weight(self.step) * of_hidden + self.settings.kl_weight * of_words
        return sums, mask.sum(dim=1), more

    def _hidden(self, model: AffectGPT, batch: SequenceBatch, projected: Mapping[str, Tensor]) -> Tensor:
        """What the last layer gives, normalised, (batch, tokens, width)."""
        whole = unwrapped(model.language)
        embeddings = model.embed(batch.sequence, projected)
        seen = visible(model.language, embeddings, batch.sequence)
        return whole.base_model(inputs_embeds=embeddings, use_cache=False, **seen).last_hidden_state

    def _teachers(self, features: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """The teacher's own vectors, and the student's where it has the same encoder."""
        own = {name.removeprefix(OF_TEACHER): stream for name, stream in features.items() if is_teachers(name)}
        return {name: stream for name, stream in features.items() if not is_teachers(name)} | own

    def _of_hidden(self, student: Tensor, teacher: Tensor, mask: Tensor) -> Tensor:
        """How far the hidden states of the answers are from the teacher's. A scalar, in float32."""
        with torch.autocast(student.device.type, enabled=False):
            if self.settings.hidden == "sinkhorn":
                return sinkhorn_divergence(self.distillation(student), self.fixed(teacher.float()), mask)
            own, other = self.distillation(student[mask]), self.fixed(teacher[mask].float())
            directions = unit_directions(self.settings.num_directions, own.shape[1]).to(own.device)
            return sliced_wasserstein(rows_of(own, mask), rows_of(other, mask), directions, power=self.settings.power)


def is_teachers(name: str) -> bool:
    """Whether an input is the teacher's alone."""
    return name.startswith(OF_TEACHER)
