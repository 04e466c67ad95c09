"""Clips, their vectors and a question -> what AffectGPT reads."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from emolightning.errors import UserError
from emolightning.models.affectgpt.inputs import OF_TEACHER, STREAMS, VIDEO
from emolightning.models.affectgpt.instructions import answer
from emolightning.models.affectgpt.layouts import END, NAMES, PLACEHOLDERS, context_pieces, layout_of
from emolightning.models.affectgpt.settings import FusionSettings
from emolightning.prompt.batching import batch_of
from emolightning.prompt.processor import Loaded
from emolightning.prompt.questions import Question, target_text
from emolightning.prompt.sequence import Encoded, Piece, encode
from emolightning.records.clips import Clip, Example, SequenceBatch


class AffectGPTProcessor:
    """Examples, sequences and batches of one layout.

    Args:
        tokenizer: an `emolightning.models.parts.tokenizer.Tokenizer`.
        fusion: how many tokens each stream becomes.
        layout: one of `layouts.NAMES`.
    """

    streams: Sequence[str] = STREAMS

    def __init__(self, tokenizer: Any, *, fusion: FusionSettings, layout: str = "train"):
        if layout not in NAMES:
            raise ValueError(f"Expected `layout` to be one of {NAMES}, but got {layout!r}.")
        self.tokenizer = tokenizer
        self.fusion = fusion
        self.layout = layout
        self._shown = layout_of(layout)[0]
        if "multi" in self._shown.pieces and fusion.multi == "none":
            raise UserError(
                f"prompt.layout={layout} shows what is fused of both, and model.fusion.multi=none: say "
                "model.fusion.multi=attention, or take a layout without it, e.g. face"
            )

    def example(
        self, clip: Clip, loaded: Loaded, question: Question, *, index: int, is_borrowed: bool = False
    ) -> Example:
        """One clip with what it says, shows and is asked about; vectors that the layout does not show are left out.

        Raises:
            UserError: an encoder gave another number of vectors than the weights are for.
        """
        for name, vectors in loaded.streams.items():
            if name != "picture" and vectors.shape[0] != self.fusion.steps:
                raise UserError(
                    f"{clip.id}: {vectors.shape[0]} {name} vector(s), and model.fusion.steps={self.fusion.steps}; "
                    "extract them with the recipes *_affectgpt and level=frame, or set model.fusion.steps"
                )
        return Example(
            clip=replace(clip, transcript=loaded.transcript),
            index=index,
            instruction=question.instruction,
            task=question.task,
            features=dict(loaded.streams),
            is_borrowed=is_borrowed,
        )

    def encode(self, example: Example, answer_text: str | None) -> Encoded:
        """The sequence of one example; with an answer also its sentence, `###` and the token that ends it."""
        lengths = self.stream_lengths(example)
        pieces = self.pieces(example.instruction, example.clip.transcript, list(lengths), task=example.task)
        text = None if answer_text is None else f"{answer(example.task, answer_text)}{END}"
        return encode(pieces, text, tokenizer=self.tokenizer, lengths=lengths, placeholders=PLACEHOLDERS)

    def collate(self, examples: Sequence[Example]) -> SequenceBatch:
        """A batch of examples; the answers are those of the clips."""
        return self.batch(examples, [target_text(example.clip, example.task) for example in examples])

    def batch(self, examples: Sequence[Example], answers: Sequence[str | None]) -> SequenceBatch:
        """A batch of examples with any answers; None for none."""
        pairs = zip(examples, answers, strict=True)
        return batch_of(examples, [self.encode(example, text) for example, text in pairs])

    def stream_lengths(self, example: Example) -> dict[str, int]:
        """Stream name -> number of its tokens, for the streams that the example has."""
        lengths = {name: len(vectors) for name, vectors in example.features.items()}
        return self.in_sequence({name: number for name, number in lengths.items() if name not in example.removed})

    def in_sequence(self, numbers: Mapping[str, int]) -> dict[str, int]:
        """Stream name -> number of its tokens, for the streams of which a clip has vectors.

        Raises:
            UserError: a clip has what the layout does not show.
        """
        given = [name for name in numbers if not name.startswith(OF_TEACHER)]
        hidden = [name for name in given if name not in self._shown.needs]
        if hidden:
            said = ", ".join(f"inputs.{name}=false" for name in hidden)
            lacking = ", ".join(
                f"inputs.{name}=true" for name in self._shown.needs if name not in (*given, "transcript")
            )
            raise UserError(
                f"prompt.layout={self.layout} does not show {', '.join(hidden)}; say {said}"
                f"{f' and {lacking}' if lacking else ''}, or take another layout"
            )
        fusion = self.fusion
        tokens = {
            "multi": fusion.multi_tokens if "speech" in given and {*VIDEO} & {*given} else 0,
            "speech": fusion.audio_tokens if "speech" in given else 0,
            **{name: fusion.video_tokens if name in given else 0 for name in VIDEO},
            "picture": fusion.picture_tokens if "picture" in given else 0,
        }
        return {name: number for name, number in tokens.items() if number and name in self._shown.pieces}

    def frame_streams(self, frames: Mapping[str, int]) -> dict[str, int]:
        """It has no vision tower of its own."""
        return {}

    def pieces(self, instruction: str, transcript: str | None, streams: Sequence[str], *, task: str) -> list[Piece]:
        """The context of a sequence in this layout."""
        return context_pieces(instruction, transcript, streams, layout=self.layout, chat=self.tokenizer.chat)
