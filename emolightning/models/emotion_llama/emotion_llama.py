r"""The assembled model: streams are projected into the language model's width and replace their placeholders.

image ----> vision tower --> 4 patches a token --> image projection -------\
                        \-----> class token --------> class_token projection ---\
    face, motion, speech vectors --------------------> their projections --------> sequence --> language model + LoRA
BOS, prompt, transcript, answer -----------------> token embeddings ---------/
"""

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, distributed, nn
from torch.nn import functional

from emolightning.models.emotion_llama.layouts import PLACEHOLDERS
from emolightning.models.parts.continuations import continuation_logprobs
from emolightning.models.parts.generation import Generation
from emolightning.models.parts.projection import Projections
from emolightning.models.parts.vision import VisionTower
from emolightning.records.clips import IGNORED, Batch, Clip, Clips, TokenBatch


class EmotionLlama(nn.Module):
    """Emotion-LLaMA from its parts.

    Args:
        language: a causal language model, usually wrapped by PEFT.
        tokenizer: the language model's (`emolightning.models.parts.tokenizer`).
        projections: one for each stream the model can take.
        vision: the tower; None for a model that never sees an image.
    """

    def __init__(self, *, language: Any, tokenizer: Any, projections: Projections, vision: VisionTower | None = None):
        super().__init__()
        self.language = language
        self.tokenizer = tokenizer
        self.projections = projections
        self.vision = vision
        self.is_synced = False
        """Whether layers are gathered from other ranks as they run, so that all must generate equally long."""

    def parts(self) -> dict[str, nn.Module]:
        """Its parts by name; each is frozen, adapted by LoRA, or trains in full."""
        tower = {} if self.vision is None else {"vision": self.vision}
        return {**tower, "projections": self.projections, "language": self.language}

    @property
    def image_tokens(self) -> int:
        """Vectors per frame after the image projection."""
        return self.vision.settings.num_tokens if self.vision is not None else 0

    def project(self, batch: Batch) -> dict[str, Tensor]:
        """All streams of a batch, stream name -> (batch, tokens, width); visual ones may be there already."""
        streams = dict(batch.features)
        if batch.images is not None:
            streams |= self.see(batch.images)
        return self.projections(streams)

    def see(self, images: Tensor) -> dict[str, Tensor]:
        """(batch, frames, 3, size, size) -> image (batch, frames * tokens, 4 * w), class_token (batch, frames, w)."""
        if self.vision is None:
            raise ValueError("This model was built without a vision tower, but the batch has images.")
        batch, frames = images.shape[:2]
        tokens, class_token = self.vision(images.flatten(0, 1))
        return {
            "image": tokens.reshape(batch, frames * tokens.shape[1], -1),
            "class_token": class_token.reshape(batch, frames, -1),
        }

    def embed(self, tokens: TokenBatch, projected: Mapping[str, Tensor]) -> Tensor:
        """Token embeddings with the projected streams at their placeholders.

        Args:
            tokens: `input_ids` (batch, length).
            projected: stream name -> (batch, tokens, width); a row with fewer placeholders than tokens uses its first.

        Returns:
            (batch, length, width)
        """
        embeddings = self.language.get_input_embeddings()(tokens.input_ids.clamp(min=0)).clone()
        for name, vectors in projected.items():
            places = tokens.input_ids == PLACEHOLDERS[name]
            used = torch.arange(vectors.shape[1], device=vectors.device) < places.sum(dim=1, keepdim=True)
            embeddings[places] = vectors[used].to(embeddings.dtype)
        return embeddings

    def forward(self, batch: Batch) -> Tensor:
        """The loss: mean cross-entropy over all answer tokens of the batch (token-weighted, as upstream). A scalar."""
        losses, tokens = self.answer_losses(batch)
        return losses.sum() / tokens.sum()

    def answer_losses(self, batch: Batch, projected: Mapping[str, Tensor] | None = None) -> tuple[Tensor, Tensor]:
        """Cross-entropy of the answers, clip by clip.

        Args:
            batch: clips with answers.
            projected: result of `project`, when it is at hand.

        Returns:
            Sum over the answer's tokens in nats, (batch,) float32; number of those tokens, (batch,) int64.
        """
        tokens = batch.sequence
        embeddings = self.embed(tokens, self.project(batch) if projected is None else projected)
        targets = tokens.targets[:, 1:]
        is_target = targets != IGNORED
        # Logits at the few places where some row has a target: over the whole sequence they would cost more memory
        # and, for a small model, more time than all the layers below.
        places = is_target.any(dim=0).nonzero()[:, 0]
        logits = self.language(
            inputs_embeds=embeddings, attention_mask=tokens.attention_mask, logits_to_keep=places
        ).logits
        kept = is_target[:, places]
        losses = functional.cross_entropy(logits[kept].float(), targets[is_target], reduction="none")
        rows = is_target.nonzero()[:, 0]
        sums = torch.zeros(len(targets), dtype=losses.dtype, device=losses.device).index_add(0, rows, losses)
        return sums, is_target.sum(dim=1)

    @torch.no_grad()
    def generate(
        self,
        batch: Batch,
        generation: Generation,
        *,
        projected: Mapping[str, Tensor] | None = None,
        seed: int = 0,
    ) -> list[str]:
        """One answer a clip, without special tokens and outer spaces; the same alone and in any batch.

        Args:
            batch: clips; their answers are not looked at.
            generation: greedy, beams or sampling.
            projected: result of `project`, when it is at hand.
            seed: of sampling, together with the clip's id.
        """
        tokens = batch.context
        embeddings = self.embed(tokens, self.project(batch) if projected is None else projected)
        if not generation.do_sample:
            return self._decode(self.generate_ids(embeddings, tokens.attention_mask, generation))
        answers = []
        for row, clip in self._one_by_one(batch.clips):  # A draw must not depend on who else is in the batch.
            length = int(tokens.attention_mask[row].sum())
            with torch.random.fork_rng():
                torch.manual_seed(_clip_seed(seed, clip.id))
                context, mask = embeddings[row : row + 1, -length:], tokens.attention_mask[row : row + 1, -length:]
                answers += self._decode(self.generate_ids(context, mask, generation))
        return answers[: len(batch.clips)]

    @torch.no_grad()
    def label_logprobs(
        self, batch: Batch, labels: Sequence[str], *, projected: Mapping[str, Tensor] | None = None
    ) -> Tensor:
        """How likely each label is as the whole answer; the same alone and in any batch.

        The token that ends an answer counts, as in training: without it `happy` would be given what belongs to
        `happy and sad`, and a label that another one begins with would always win.

        Args:
            batch: clips; their answers are not looked at.
            labels: texts of one or several tokens.
            projected: result of `project`, when it is at hand.

        Returns:
            Sums of log-probabilities in nats, (batch, labels), float32.
        """
        tokens = batch.context
        embeddings = self.embed(tokens, self.project(batch) if projected is None else projected)
        answers = [[*self.tokenizer.text_ids(label), self.tokenizer.end_id] for label in labels]
        return continuation_logprobs(
            self.language, embeddings, tokens.attention_mask, answers, is_one_by_one=self.is_synced
        )

    def _one_by_one(self, clips: Clips) -> Iterator[tuple[int, Clip]]:
        """Each clip and its row; where ranks wait for each other, again from the start until all ranks are done."""
        rounds = torch.tensor(len(clips), device=next(self.parameters()).device)
        if self.is_synced:
            distributed.all_reduce(rounds, op=distributed.ReduceOp.MAX)
        for number in range(int(rounds)):
            yield number % len(clips), clips[number % len(clips)]

    def generate_ids(self, embeddings: Tensor, attention_mask: Tensor, generation: Generation) -> Tensor:
        """New tokens that follow embedded contexts.

        Args:
            embeddings: (batch, tokens, width), padded on the left.
            attention_mask: (batch, tokens)
            generation: greedy, beams or sampling.

        Returns:
            Ids, (batch, longest answer); finished rows are filled with the padding token.
        """
        return self.language.generate(
            inputs_embeds=embeddings,
            attention_mask=attention_mask,
            use_cache=True,
            synced_gpus=self.is_synced,
            bos_token_id=self.tokenizer.bos_token_id,
            eos_token_id=self.tokenizer.stop_ids,
            pad_token_id=self.tokenizer.pad_token_id,
            **generation.arguments(),
        )

    def _decode(self, ids: Tensor) -> list[str]:
        return [self.tokenizer.decode(row) for row in ids.tolist()]


def _clip_seed(seed: int, clip_id: str) -> int:
    return int.from_bytes(hashlib.sha256(f"{seed}/{clip_id}".encode()).digest()[:7], "big")
