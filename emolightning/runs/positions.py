"""Whether the sequences of a run fit into the language model's positions: said before any weights are read.

Beyond them a model with rotary positions goes on, and its answers turn into rubbish; one with learned positions ends.
"""

import logging
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.progress import track

from emolightning.data.loading.corpus import Corpus
from emolightning.data.loading.lengths import SequenceLength, sequence_lengths
from emolightning.errors import UserError
from emolightning.models.parts.context import Context, context_of
from emolightning.models.parts.language import LanguageSettings, load_language_model
from emolightning.prompt.processor import Processor, SequenceProcessor

log = logging.getLogger(__name__)

SHOWN = 5
"""Clips named, the longest ones; the rest are counted."""

WITH_BAR = 5000
"""From so many clips on a bar is shown while their texts are tokenised."""


@dataclass(frozen=True)
class Room:
    """The sequences of some splits beside what the language model has."""

    context: Context
    num_clips: int
    too_long: list[SequenceLength]
    """The longest first."""
    longest: int
    frame: str
    """Which frames were chosen, as in `data.frame`."""
    is_random: bool
    """Whether the language model is the random one, whose positions are a setting."""

    def problems(self) -> list[str]:
        """What is wrong and what to type instead, and then one line a clip; nothing where all have room."""
        if not self.too_long:
            return []
        wrong = (
            f"{len(self.too_long)} of {self.num_clips} sequences are longer than the {self.context.positions} "
            f"positions of the language model ({self.context.source})"
        )
        instead = " or ".join(remedies(self.context, self.too_long[0], is_random=self.is_random))
        return [f"model: {wrong}; say {instead}", *(described(each, self.frame) for each in self.too_long)]

    def window_warning(self) -> str | None:
        """What is no fault, but seldom meant."""
        window = self.context.window
        if window is None or self.longest <= window:
            return None
        return (
            f"the longest sequence has {self.longest} positions, and the language model has layers with a sliding "
            f"window of {window}: at the end they do not see the beginning"
        )


def require_room(
    corpus: Corpus,
    processor: Processor,
    splits: Collection[str],
    *,
    language: LanguageSettings,
    max_new_tokens: int,
) -> None:
    """Refuse a run whose sequences the language model has too few positions for. All clips are looked at.

    Args:
        corpus: already read.
        processor: with the language model's tokenizer.
        splits: `train` is learned, others are learned or answered.
        language: settings of the language model.
        max_new_tokens: of an answer.

    Raises:
        UserError: names the longest, what makes them long, and what to type instead.
    """
    room = room_of(corpus, processor, splits, language=language, max_new_tokens=max_new_tokens)
    if problems := room.problems():
        more = len(room.too_long) - SHOWN
        lines = [problems[0], *(f"  - {problem}" for problem in problems[1 : SHOWN + 1])]
        raise UserError("\n".join([*lines, *([f"  ... and {more} more"] if more > 0 else [])]))
    if warning := room.window_warning():
        log.warning("model: %s", warning)


def room_of(
    corpus: Corpus,
    processor: Processor,
    splits: Iterable[str],
    *,
    language: LanguageSettings,
    max_new_tokens: int,
) -> Room:
    """Measure the sequences of some splits; none where the language model has no limit."""
    if not isinstance(processor, SequenceProcessor):
        raise TypeError(f"Expected the processor of a language model, but got {type(processor).__name__}.")
    context = context_of_language(language, processor.tokenizer)
    frame, is_random = str(corpus.reading.frame), language.path is None
    if context.positions is None and context.window is None:
        return Room(context, 0, [], 0, frame, is_random)
    num_clips, longest, too_long = 0, 0, []
    for length in _progress(corpus, processor, list(splits), max_new_tokens):
        num_clips, longest = num_clips + 1, max(longest, length.total)
        if context.positions is not None and length.total > context.positions:
            too_long.append(length)
    return Room(context, num_clips, sorted(too_long, key=lambda length: -length.total), longest, frame, is_random)


def context_of_language(language: LanguageSettings, tokenizer: Any) -> Context:
    """How many positions a language model has that is not loaded.

    Args:
        language: its settings.
        tokenizer: of the project.
    """
    return context_of(_config(language, len(tokenizer)), tokenizer.hugging_face, source=_source(language))


def _config(language: LanguageSettings, vocabulary_size: int) -> Any:
    """The configuration of a model, read without its weights."""
    import torch

    with torch.device("meta"):
        return load_language_model(language, vocabulary_size).config


def _source(language: LanguageSettings) -> str:
    if language.path is None:
        return "model.language.max_positions"
    return f"{Path(language.path) / 'config.json'}, max_position_embeddings"


def _progress(
    corpus: Corpus, processor: SequenceProcessor, splits: list[str], new_tokens: int
) -> Iterator[SequenceLength]:
    total = sum(len(corpus.clips_of(split)) for split in splits)
    lengths = (
        length for split in splits for length in sequence_lengths(corpus, processor, split, max_new_tokens=new_tokens)
    )
    yield from track(lengths, "Sequence lengths", total=total, disable=total < WITH_BAR)


def described(length: SequenceLength, frame: str) -> str:
    """`clips.csv, line 7: c3 (train): 4212 positions: image 4096 (frame=even:16), ..., transcript 95, ...`."""
    parts = [f"{name} {number}" for name, number in length.streams.items()]
    if length.frames:
        place = list(length.streams).index(length.visual[0])
        parts[place] += f" ({length.frames} frame(s) by data.frame={frame})"
    parts += [f"transcript {length.transcript}"] if length.transcript else []
    parts += [f"question {length.question}", f"{'generated' if length.is_generated else 'answer'} {length.answer}"]
    where = f"{length.clip.source}: " if length.clip.source else ""
    return f"{where}{length.clip.id} ({length.split}): {length.total} positions: {', '.join(parts)}"


def remedies(context: Context, longest: SequenceLength, *, is_random: bool) -> list[str]:
    """What to type: each alone is enough for the longest clip."""
    assert context.positions is not None
    over = longest.total - context.positions
    found = _fewer_frames(longest, over)
    if longest.is_generated and longest.answer > over:
        found.append(f"evaluation.max_new_tokens={longest.answer - over}")
    if longest.transcript >= over:
        shorter = longest.transcript - over
        found.append(f"inputs.transcript=false (or shorten transcripts to at most {shorter} tokens)")
    for name, number in longest.streams.items():
        if name not in longest.visual and number > over:
            found.append(f"inputs.{name}=false (or pool its vectors to at most {number - over} a clip)")
    if is_random:
        return [*found, f"model.language.max_positions={longest.total}"]
    if context.source.endswith("model_max_length"):
        found.append(f"a larger number in {context.source}, if the model was made for it")
    return [*found, f"model.llm=FOLDER of a language model with at least {longest.total} positions"]


def _fewer_frames(longest: SequenceLength, over: int) -> list[str]:
    frames = longest.frames
    if not frames:
        return []
    each = sum(longest.streams[name] for name in longest.visual) // frames
    fitting = frames - -(-over // each)
    if fitting < 0:
        return []
    return [
        f"data.frame=even:{fitting}"
        if fitting > 1
        else "data.frame=middle"
        if fitting
        else f"inputs.{longest.visual[0]}=false"
    ]
