"""Clips, their inputs and a question -> what Emotion-LLaMA reads."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from emolightning.errors import UserError
from emolightning.models.emotion_llama.inputs import STREAMS, VISUAL
from emolightning.models.emotion_llama.layouts import LAYOUTS, PLACEHOLDERS, context_pieces
from emolightning.prompt.batching import batch_of
from emolightning.prompt.processor import Loaded
from emolightning.prompt.questions import Question, target_text
from emolightning.prompt.sequence import Encoded, Piece, encode
from emolightning.records.clips import Clip, Example, SequenceBatch


class EmotionLlamaProcessor:
    """Examples, sequences and batches of one layout.

    Args:
        tokenizer: an `emolightning.models.parts.tokenizer.Tokenizer`.
        image_tokens: vectors per frame after the image projection.
        layout: one of LAYOUTS.

    Raises:
        UserError: one of upstream's layouts for a language model with another chat format.
    """

    streams: Sequence[str] = STREAMS

    def __init__(self, tokenizer: Any, *, image_tokens: int, layout: str = "train"):
        if layout not in LAYOUTS:
            raise ValueError(f"Expected `layout` to be one of {LAYOUTS}, but got {layout!r}.")
        if layout != "train" and not tokenizer.chat.in_brackets:
            raise UserError(
                f"prompt.layout={layout} is a sequence of Llama-2's; this language model has a chat template of its "
                "own, which prompt.layout=train uses"
            )
        self.tokenizer = tokenizer
        self.image_tokens = image_tokens
        self.layout = layout

    def example(
        self, clip: Clip, loaded: Loaded, question: Question, *, index: int, is_borrowed: bool = False
    ) -> Example:
        """One clip with what it says, shows and is asked about."""
        return Example(
            clip=replace(clip, transcript=loaded.transcript),
            index=index,
            instruction=question.instruction,
            task=question.task,
            images=dict(loaded.images),
            features=dict(loaded.streams),
            is_borrowed=is_borrowed,
        )

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
        return batch_of(examples, [self.encode(example, answer) for example, answer in pairs])

    def in_sequence(self, numbers: Mapping[str, int]) -> dict[str, int]:
        """A place for each vector of a stream, in order."""
        return {name: numbers[name] for name in STREAMS if name in numbers}

    def stream_lengths(self, example: Example) -> dict[str, int]:
        """Stream name -> number of vectors, for the streams that the example has."""
        lengths = {name: vectors.shape[0] for name, vectors in example.features.items()}
        lengths |= self.frame_streams({name: frames.shape[0] for name, frames in example.images.items()})
        return {name: number for name, number in lengths.items() if name not in example.removed}

    def frame_streams(self, frames: Mapping[str, int]) -> dict[str, int]:
        """Stream name -> number of vectors that the vision tower makes of so many frames."""
        image, class_token = VISUAL
        return {image: number * self.image_tokens, class_token: number} if (number := frames.get(image)) else {}

    def pieces(self, instruction: str, transcript: str | None, streams: Sequence[str], *, task: str) -> list[Piece]:
        """The context of a sequence in this layout."""
        return context_pieces(instruction, transcript, streams, task=task, layout=self.layout, chat=self.tokenizer.chat)
