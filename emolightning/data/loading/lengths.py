"""How long the sequence of each clip is, without reading a picture: texts are tokenised, streams are counted."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache

from emolightning.data.loading.datamodule import ClipDataModule
from emolightning.data.loading.examples import ClipDataset
from emolightning.prompt.sequence import Control, Piece, PromptEncoder, Stream, context_pieces
from emolightning.records.clips import Clip
from emolightning.records.inputs import FEATURES


@dataclass(frozen=True)
class SequenceLength:
    """The longest sequence of a clip, in positions of the language model."""

    clip: Clip
    split: str
    streams: Mapping[str, int]
    """Stream name -> its vectors."""
    transcript: int
    question: int
    """All other text of the context."""
    answer: int
    """The answer to learn, or the tokens that may be generated."""
    is_generated: bool
    """Whether `answer` is `max_new_tokens`."""

    @property
    def total(self) -> int:
        """Positions of the sequence."""
        return sum(self.streams.values()) + self.transcript + self.question + self.answer


def sequence_lengths(
    data: ClipDataModule, encoder: PromptEncoder, split: str, *, max_new_tokens: int
) -> Iterator[SequenceLength]:
    """Every clip of a split, in its order.

    Args:
        data: already read; vectors of features that are not there count as the longest of the others.
        encoder: of the language model.
        split: `train` is learned; the others are learned or answered, whichever is longer.
        max_new_tokens: of an answer.
    """
    training = split == "train"
    dataset = data.dataset(split, training=training)
    counted = _Texts(encoder)
    visual = _visual(data, encoder)
    longest = {name: _longest(dataset, name) for name in FEATURES if name in data.inputs}
    for index, clip in enumerate(dataset.clips):
        streams = {name: _vectors(dataset, name, index, longest[name]) for name in longest} | visual
        transcript = dataset.transcript(index)
        candidates = []
        for task in dataset.tasks:
            question = counted.longest(dataset.instructions(task))
            empty = None if transcript is None else ""
            without = counted.context(question, empty, tuple(streams), task)
            whole = without if not transcript else counted.context(question, transcript, tuple(streams), task)
            target = data.target_text(clip, task)
            learned = 0 if target is None else counted.text(target) + 1  # And the token that ends it.
            generated = 0 if training else max_new_tokens
            answer, is_generated = max(learned, generated), generated > learned
            candidates.append(
                SequenceLength(clip, split, streams, whole - without, without, answer, is_generated=is_generated)
            )
        yield max(candidates, key=lambda candidate: candidate.total)


def _visual(data: ClipDataModule, encoder: PromptEncoder) -> dict[str, int]:
    """The same for every clip: a clip with too few frames repeats some."""
    if "image" not in data.inputs:
        return {}
    frames = data.frame_choice.num_frames
    return {"image": frames * encoder.image_tokens, "class_token": frames}


def _longest(dataset: ClipDataset, name: str) -> int:
    return max((len(vectors) for vectors in dataset.features.vectors.get(name, {}).values()), default=1)


def _vectors(dataset: ClipDataset, name: str, index: int, otherwise: int) -> int:
    found = dataset.features.vectors.get(name, {}).get(dataset.source(name, index).id)
    return otherwise if found is None else len(found)


class _Texts:
    """Numbers of tokens; texts that come again, as labels and questions do, are counted once."""

    def __init__(self, encoder: PromptEncoder):
        self._encoder = encoder
        self.text = lru_cache(maxsize=4096)(lambda text: len(encoder.tokenizer.text_ids(text)))
        self.special = lru_cache(maxsize=64)(lambda text: len(encoder.tokenizer.special_ids(text)))
        self.longest = lru_cache(maxsize=64)(lambda questions: max(questions, key=self.text))

    def context(self, instruction: str, transcript: str | None, streams: tuple[str, ...], task: str) -> int:
        """Text of a context; the question's last letters and what follows them are tokenised together."""
        encoder = self._encoder
        pieces = context_pieces(
            instruction, transcript, streams, task=task, layout=encoder.layout, chat=encoder.tokenizer.chat
        )
        return sum(self._piece(piece) for piece in pieces if not isinstance(piece, Stream))

    def _piece(self, piece: Piece) -> int:
        return self.special(piece.text) if isinstance(piece, Control) else self.text(piece)
