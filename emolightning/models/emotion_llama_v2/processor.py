"""Clips, their inputs and a question -> what Emotion-LLaMA-v2 reads."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, Literal

import torch
from torch import Tensor
from torch.nn import functional

from emolightning.errors import UserError
from emolightning.models.emotion_llama_v2.inputs import FEATURES, FUSION, ONLY, STREAMS, VISUAL
from emolightning.models.emotion_llama_v2.layouts import LAYOUTS, PLACEHOLDERS, TRAINING, context_pieces
from emolightning.prompt.batching import batch_of, token_batch
from emolightning.prompt.processor import Loaded
from emolightning.prompt.questions import Question, target_text
from emolightning.prompt.sequence import Encoded, Piece, encode
from emolightning.records.clips import Clip, Example, SequenceBatch, TokenBatch

MissingStreams = Literal["zeros", "masked", "removed"]
"""What is in the place of a stream whose values are all zero, as those of a clip without sound or picture."""


class EmotionLlamaV2Processor:
    """Examples, sequences and batches of one layout.

    Args:
        tokenizer: an `emolightning.models.parts.tokenizer.Tokenizer`.
        image_tokens: vectors per frame after the image projection.
        num_tokens: vectors of every other stream; shorter ones are filled with zeros, as by upstream.
        missing: `zeros` leaves a stream that is missing in the sequence, as published weights were trained; `masked`
            hides its places from attention and positions, `removed` takes them out.
        layout: one of LAYOUTS.

    Raises:
        UserError: one of upstream's layouts for a language model with another chat format.
    """

    streams: Sequence[str] = STREAMS

    def __init__(
        self,
        tokenizer: Any,
        *,
        image_tokens: int,
        num_tokens: int = 64,
        missing: MissingStreams = "zeros",
        layout: str = "train",
    ):
        if layout not in LAYOUTS:
            raise ValueError(f"Expected `layout` to be one of {LAYOUTS}, but got {layout!r}.")
        if layout not in TRAINING and not tokenizer.chat.in_brackets:
            raise UserError(
                f"prompt.layout={layout} is a sequence of Llama-2's; this language model has a chat template of its "
                "own, which prompt.layout=train uses"
            )
        self.tokenizer = tokenizer
        self.image_tokens = image_tokens
        self.num_tokens = num_tokens
        self.missing = missing
        self.layout = layout

    def example(
        self, clip: Clip, loaded: Loaded, question: Question, *, index: int, is_borrowed: bool = False
    ) -> Example:
        """One clip with what it says, shows and is asked about."""
        shown = ONLY.get(question.task)
        streams = {name: self._as_long(name, vectors) for name, vectors in loaded.streams.items()}
        hidden = [name for name in streams if shown and name.replace(VISUAL[1], VISUAL[0]) not in shown]
        images = {
            name: torch.zeros_like(frames) if shown and name not in shown else frames
            for name, frames in loaded.images.items()
        }
        return Example(
            clip=replace(clip, transcript=loaded.transcript),
            index=index,
            instruction=question.instruction,
            task=question.task,
            images=images,
            features=streams | {name: torch.zeros_like(streams[name]) for name in hidden},
            is_borrowed=is_borrowed,
        )

    def _as_long(self, name: str, vectors: Tensor) -> Tensor:
        """The vectors of a feature input, filled up with zeros."""
        if name not in FEATURES:
            return vectors
        self.in_sequence({name: len(vectors)})
        return functional.pad(vectors, (0, 0, 0, self.num_tokens - len(vectors)))

    def in_sequence(self, lengths: Mapping[str, int]) -> dict[str, int]:
        """Number of vectors of what a clip has -> number of places of each stream in its sequence.

        Raises:
            UserError: there are more vectors than places.
        """
        for name in FEATURES:
            if lengths.get(name, 0) > self.num_tokens:
                raise UserError(
                    f"{name}: a clip has {lengths[name]} vectors, and model.num_tokens is {self.num_tokens}; say "
                    f"model.num_tokens={lengths[name]}, or pool them to {self.num_tokens}"
                )
        found = {name: self.num_tokens for name in FEATURES if name in lengths}
        found |= {VISUAL[0]: lengths[VISUAL[0]]} if VISUAL[0] in lengths else {}
        found |= {FUSION: self.num_tokens} if found else {}
        return {name: found[name] for name in STREAMS if name in found}

    def encode(self, example: Example, answer: str | None) -> Encoded:
        """The sequence of one example; with an answer also its ids and the token that ends it."""
        lengths = self.stream_lengths(example)
        pieces = self.pieces(example.instruction, example.clip.transcript, list(lengths), task=example.task)
        return encode(pieces, answer, tokenizer=self.tokenizer, lengths=lengths, placeholders=PLACEHOLDERS)

    def collate(self, examples: Sequence[Example]) -> SequenceBatch:
        """A batch of examples; the answers are those of the clips."""
        return self.batch(examples, [target_text(example.clip, example.task) for example in examples])

    def batch(self, examples: Sequence[Example], answers: Sequence[str | None]) -> SequenceBatch:
        """A batch of examples with any answers; None for none."""
        pairs = zip(examples, answers, strict=True)
        batch = batch_of(examples, [self.encode(example, answer) for example, answer in pairs])
        if self.missing == "masked":
            for row, example in enumerate(examples):
                for name in _missing(example):
                    _mask(batch.sequence, row, name)
                    _mask(batch.context, row, name)
            batch = replace(batch, sequence=_found_again(batch.sequence), context=_found_again(batch.context))
        return batch

    def stream_lengths(self, example: Example) -> dict[str, int]:
        """Stream name -> number of places in the sequence, for the streams that the example has."""
        lengths = {name: vectors.shape[0] for name, vectors in example.features.items()}
        lengths |= self.frame_streams({name: frames.shape[0] for name, frames in example.images.items()})
        found = self.in_sequence({name: number for name, number in lengths.items() if name not in example.removed})
        gone = _missing(example) if self.missing == "removed" else ()
        return {name: number for name, number in found.items() if name not in gone}

    def frame_streams(self, frames: Mapping[str, int]) -> dict[str, int]:
        """Stream name -> number of vectors that the vision tower makes of so many frames."""
        image, class_token = VISUAL
        return {image: number * self.image_tokens, class_token: number} if (number := frames.get(image)) else {}

    def pieces(self, instruction: str, transcript: str | None, streams: Sequence[str], *, task: str) -> list[Piece]:
        """The context of a sequence in this layout."""
        return context_pieces(instruction, transcript, streams, task=task, layout=self.layout, chat=self.tokenizer.chat)


def _missing(example: Example) -> list[str]:
    """Streams without a value other than zero, by upstream's rule; what is fused of them never is."""
    found = [name for name in FEATURES if name in example.features and not example.features[name].any()]
    return found + [name for name, frames in example.images.items() if not frames.any()]


def _mask(tokens: TokenBatch, row: int, name: str) -> None:
    tokens.attention_mask[row][tokens.input_ids[row] == PLACEHOLDERS[name]] = 0


def _found_again(tokens: TokenBatch) -> TokenBatch:
    return token_batch(tokens.input_ids, tokens.attention_mask, tokens.targets)
