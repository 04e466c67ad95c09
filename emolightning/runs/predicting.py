"""A trained model that is asked about clips of no dataset: an answer about each, or the reason there is none."""

import threading
import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from copy import copy
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import torch

from emolightning.data.loading.new_clips import ClipReader, Seen
from emolightning.errors import UserError, is_unicode
from emolightning.models.parts.generation import Generation
from emolightning.prompt.processor import Processor, SequenceProcessor
from emolightning.prompt.questions import Question
from emolightning.records.clips import Clip, Example
from emolightning.records.predictions import Failure, Prediction
from emolightning.scoring.reading import LabelReader

if TYPE_CHECKING:
    from emolightning.models.emotion_model import EmotionModel

EMOTION = "emotion"
"""The task whose answers are labels."""

READ_BATCHES = 4
"""Batches whose clips are read at the same time."""

TOO_LONG = "longer than the model's context"


@dataclass(frozen=True)
class Asking:
    """How a model is asked."""

    ask: Callable[[str], str]
    """Task -> its question."""
    generation: Generation
    labels: tuple[str, ...]
    seed: int = 42
    """Seed of sampling, with the clip's id."""
    batch_size: int = 8
    """Clips that are answered together; no answer depends on it."""
    explanation_tokens: int = 500
    """Longest explanation, as in upstream's evaluations; a label needs less, which `generation` says."""
    positions: int | None = None
    """The longest sequence of the language model."""


@dataclass(frozen=True)
class _Asked:
    """One clip ready to be answered."""

    number: int
    clip: Clip
    question: Question
    seen: Seen
    example: Example


class Predictor:
    """A model with all that it needs to answer questions about clips.

    Any number of threads may call it: they read clips side by side and wait for the model in turn.

    Args:
        model: with its weights, on its device.
        processor: makes sequences.
        reader: reads clips.
        asking: questions, labels and generation.
        device: of the model.
        about: what is known of the run, for records and pages: `checkpoint`, `weights`, `model`, ...
    """

    def __init__(
        self,
        model: "EmotionModel",
        processor: Processor,
        reader: ClipReader,
        asking: Asking,
        *,
        device: str = "cpu",
        about: Mapping[str, Any] | None = None,
    ):
        self.model, self.processor, self.reader, self.asking = model, processor, reader, asking
        self.device = device
        self.about = dict(about or {})
        self._labels = LabelReader(asking.labels)
        self._alone = threading.Lock()

    @property
    def labels(self) -> tuple[str, ...]:
        """The vocabulary, in its order."""
        return self.asking.labels

    def question(self, task: str = EMOTION) -> str:
        """What is asked where nobody asks something else.

        Raises:
            UserError: there is no such task.
        """
        return self.asking.ask(task)

    def seeing(self, modalities: Sequence[str]) -> "Predictor":
        """The same model of fewer modalities: the other inputs are off, as in `predict modalities=...`.

        Raises:
            UserError: nothing is left to look at.
        """
        fewer = copy(self)
        fewer.reader = self.reader.seeing(modalities)
        return fewer

    def predict(
        self,
        clips: Sequence[Clip],
        *,
        question: str | Sequence[str | None] | None = None,
        task: str = EMOTION,
    ) -> list[Prediction | Failure]:
        """Answer a question about each clip, in their order; a clip's fault is a Failure, and no exception.

        Args:
            clips: any number. A label is not needed; the transcript is what is said in the clip, None where nobody
                knows.
            question: for all clips, or one each; None asks as in training.
            task: `emotion`, `reason` or `reason_v2`.

        Raises:
            UserError: there is no such task; an empty question; or vectors cannot be had of any clip.
        """
        return list(self.stream(clips, question=question, task=task))

    def stream(
        self,
        clips: Sequence[Clip],
        *,
        question: str | Sequence[str | None] | None = None,
        task: str = EMOTION,
    ) -> Iterator[Prediction | Failure]:
        """The same one after the other, as soon as a few are there."""
        usual = self.question(task)
        each = [question] * len(clips) if question is None or isinstance(question, str) else list(question)
        if len(each) != len(clips):
            raise UserError(f"there are {len(each)} questions for {len(clips)} clips; give one each")
        _require_texts("question", each)
        _require_texts("transcript", [clip.transcript for clip in clips])
        if usual and any(text is not None and not text.strip() for text in each):
            raise UserError("question: is empty; leave it out to ask as in training")
        if not usual and any(each):
            raise UserError("question: this model gives labels and is not asked in words; leave it out")
        asked = [Question(task, usual if text is None else text) for text in each]
        size = READ_BATCHES * self.asking.batch_size
        for start in range(0, len(clips), size):
            yield from self._read_and_answer(clips[start : start + size], asked[start : start + size])

    def _read_and_answer(self, clips: Sequence[Clip], asked: Sequence[Question]) -> list[Prediction | Failure]:
        begun = time.perf_counter()
        answers: dict[int, Prediction | Failure] = {}
        ready: list[_Asked] = []
        for number, (clip, question, seen) in enumerate(zip(clips, asked, self.reader.read(clips), strict=True)):
            if not isinstance(seen, Seen):
                answers[number] = Failure(clip.id, seen.kind, seen.reason)
                continue
            example = self.processor.example(
                replace(clip, label=None), seen.loaded, question, index=number, is_borrowed=False
            )
            if reason := self._too_long(example, question.task):
                answers[number] = Failure(clip.id, TOO_LONG, reason, seen.inputs)
            else:
                ready.append(_Asked(number, clip, question, seen, example))
        reading = (time.perf_counter() - begun) / max(1, len(clips))
        for batch in _batches(ready, self.asking.batch_size):
            answers |= self._answer(batch, reading)
        return [answers[number] for number in range(len(clips))]

    def _too_long(self, example: Example, task: str) -> str | None:
        """Why a sequence has no room in the language model."""
        positions, new = self.asking.positions, self._generation(task).max_new_tokens
        if positions is None or not isinstance(self.processor, SequenceProcessor):
            return None
        needed = len(self.processor.encode(example, None).context) + new
        if needed <= positions:
            return None
        return f"{needed} positions with an answer of {new} tokens, and the language model has {positions}"

    def room(self, task: str) -> int:
        """Tokens of the longest answer."""
        return self._generation(task).max_new_tokens

    def _generation(self, task: str) -> Generation:
        own = self.asking.generation
        return own if task == EMOTION else replace(own, max_new_tokens=self.asking.explanation_tokens)

    def _answer(self, batch: Sequence[_Asked], reading: float) -> dict[int, Prediction | Failure]:
        """Position -> answer, of clips with the same inputs and task."""
        begun, task = time.perf_counter(), batch[0].question.task
        has_label = task == EMOTION
        with self._alone, torch.no_grad():
            moved: Any = self.processor.collate([asked.example for asked in batch]).to(self.device)
            projected = self.model.project(moved)
            given: Any = {"projected": projected, "seed": self.asking.seed}
            logprobs: list[list[float]] = [[]] * len(batch)
            chances = logprobs
            if has_label:
                said, found = self.model.say_with_logprobs(moved, self._generation(task), self.labels, **given)
                texts, found = [each.text for each in said], found.double()
                logprobs, chances = found.tolist(), found.softmax(dim=1).tolist()
            else:
                texts = self.model.generate(moved, self._generation(task), **given)
        seconds = reading + (time.perf_counter() - begun) / len(batch)
        return {
            asked.number: Prediction(
                id=asked.clip.id,
                label=self._labels.read(text).label if has_label else None,
                probabilities=dict(zip(self.labels, chance, strict=True)) if has_label else {},
                text=text,
                question=asked.question.instruction,
                inputs=asked.seen.inputs,
                seconds=round(seconds, 6),
                logprobs=dict(zip(self.labels, logprob, strict=True)) if has_label else {},
            )
            for asked, text, chance, logprob in zip(batch, texts, chances, logprobs, strict=True)
        }


def _require_texts(name: str, texts: Sequence[Any]) -> None:
    """Refuse what no tokenizer takes, e.g. the NaN that pandas puts where a cell is empty."""
    for text in texts:
        if text is not None and not isinstance(text, str):
            raise UserError(f"{name}: {text!r} is a {type(text).__name__}; write a text, or None where there is none")
        if text is not None and not is_unicode(text):
            raise UserError(f"{name}: has half a character, which no text has; write it anew")


def _batches(ready: Sequence[_Asked], size: int) -> Iterator[list[_Asked]]:
    """Batches: of each `size` clips those with the same streams, since what is absent has no place in a row.

    Which clips share a batch follows from their places alone, so that whoever asks again gets the same last digits.
    """
    alike: dict[Any, list[_Asked]] = defaultdict(list)
    for asked in ready:
        example = asked.example
        shapes = tuple((name, frames.shape) for name, frames in example.images.items())
        alike[asked.number // size, asked.question.task, tuple(example.features), shapes].append(asked)
    yield from alike.values()
