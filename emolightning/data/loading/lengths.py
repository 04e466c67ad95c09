"""How long the sequence of each clip is, without reading a picture: texts are tokenised, streams are counted."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache

from emolightning.data.loading.corpus import Corpus
from emolightning.data.loading.examples import ClipDataset
from emolightning.prompt.batching import taught
from emolightning.prompt.processor import SequenceProcessor
from emolightning.prompt.questions import target_text
from emolightning.prompt.sequence import Bare, Control, Piece, Stream
from emolightning.records.clips import Clip
from emolightning.records.inputs import named


@dataclass(frozen=True)
class SequenceLength:
    """The longest sequence of a clip, in positions of the language model."""

    clip: Clip
    split: str
    streams: Mapping[str, int]
    """Stream name -> its vectors, in the order of the sequence."""
    transcript: int
    question: int
    """All other text of the context."""
    answer: int
    """The answer to learn, or the tokens that may be generated."""
    is_generated: bool
    """Whether `answer` is `max_new_tokens`."""
    frames: int = 0
    """Frames by `data.frame` that a vision tower sees."""
    visual: tuple[str, ...] = ()
    """The streams that it makes of them, the frames' own first."""

    @property
    def total(self) -> int:
        """Positions of the sequence."""
        return sum(self.streams.values()) + self.transcript + self.question + self.answer


def sequence_lengths(
    corpus: Corpus, processor: SequenceProcessor, split: str, *, max_new_tokens: int
) -> Iterator[SequenceLength]:
    """Every clip of a split, in its order.

    Args:
        corpus: already read; vectors of features that are not there count as the longest of the others.
        processor: of the language model.
        split: `train` is learned; the others are learned or answered, whichever is longer.
        max_new_tokens: of an answer.
    """
    training = split == "train"
    dataset = ClipDataset(corpus, split, processor=processor, training=training)
    questions, counted = corpus.questions, _Texts(processor)
    # The same for every clip: a clip with too few frames repeats some.
    frames = corpus.num_frames
    visual = processor.frame_streams(frames)
    chosen = {name: number for name, number in frames.items() if corpus.inputs[name].frame is None}
    of_chosen = (max(chosen.values(), default=0), tuple(processor.frame_streams(chosen)))
    longest = {name: _longest(dataset, name) for name in named(corpus.inputs, "vectors")}
    for index, clip in enumerate(dataset.clips):
        found = {name: _vectors(dataset, name, index, longest[name]) for name in longest} | visual
        streams = processor.in_sequence(found)
        transcript = dataset.transcript(index)
        candidates = []
        own = questions.of(clip)
        for task in own.asked(training=training):
            question = counted.longest(tuple(own.instructions(task, clip, training=training)))
            empty = None if transcript is None else ""
            without = counted.context(question, empty, tuple(streams), task)
            whole = without if not transcript else counted.context(question, transcript, tuple(streams), task)
            target = target_text(clip, task)
            learned = 0 if target is None else counted.text(target) + 1  # And the token that ends it.
            if training:
                learned = max([learned, *(counted.text(label) + 1 for label, _ in taught(clip, task))])
            generated = 0 if training else max_new_tokens
            answer, is_generated = max(learned, generated), generated > learned
            texts = (whole - without, without, answer)
            candidates.append(SequenceLength(clip, split, streams, *texts, is_generated, *of_chosen))
        yield max(candidates, key=lambda candidate: candidate.total)


def most_vectors(corpus: Corpus) -> dict[str, int]:
    """Input -> the most vectors of a clip, where they are known before they are computed."""
    vectors = corpus.features.vectors
    return {name: max(map(found.num_tokens, found), default=0) for name, found in vectors.items()}


def _longest(dataset: ClipDataset, name: str) -> int:
    found = dataset.features.vectors.get(name)
    return max(map(found.num_tokens, found), default=1) if found is not None else 1


def _vectors(dataset: ClipDataset, name: str, index: int, otherwise: int) -> int:
    found, clip_id = dataset.features.vectors.get(name), dataset.source(name, index).id
    return found.num_tokens(clip_id) if found is not None and clip_id in found else otherwise


class _Texts:
    """Numbers of tokens; texts that come again, as labels and questions do, are counted once."""

    def __init__(self, processor: SequenceProcessor):
        self._processor = processor
        self.text = lru_cache(maxsize=4096)(lambda text: len(processor.tokenizer.text_ids(text)))
        self.special = lru_cache(maxsize=64)(lambda text: len(processor.tokenizer.special_ids(text)))
        self.longest = lru_cache(maxsize=64)(lambda questions: max(questions, key=self.text))

    def context(self, instruction: str, transcript: str | None, streams: tuple[str, ...], task: str) -> int:
        """Text of a context; the question's last letters and what follows them are tokenised together."""
        pieces = self._processor.pieces(instruction, transcript, streams, task=task)
        return sum(self._piece(piece) for piece in pieces if not isinstance(piece, Stream))

    def _piece(self, piece: Piece) -> int:
        if isinstance(piece, Control):
            return self.special(piece.text)
        return self.text(piece.text if isinstance(piece, Bare) else piece)
