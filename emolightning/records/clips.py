"""What the parts hand each other: Clip -> Example -> Batch -> Answer -> Score; `report.py` has what comes of them."""

import gc
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import MISSING, dataclass, field, fields, make_dataclass, replace
from itertools import repeat, starmap
from operator import attrgetter, methodcaller
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Literal, Self

from emolightning.records.corruptions import Corruption

if TYPE_CHECKING:
    import numpy as np
    from torch import Tensor

IGNORED = -100
"""Target value of positions that carry no loss: the context and the padding."""

PROBABILITY_DIGITS = 6
"""Digits of a probability that is kept: the last ones of a float depend on which clips share a batch."""


@dataclass(frozen=True, slots=True)
class Span:
    """A piece of a file: the frames and samples from `start` on and before `end`, in seconds from its beginning."""

    start: float
    end: float

    def __str__(self) -> str:
        """What messages call it."""
        return f"the piece from {self.start:g} to {self.end:g} s"


@dataclass(frozen=True, slots=True)
class Clip:
    """One annotated video, or a piece of one."""

    id: str
    """The name of the media file without its suffix, of a piece with its times; unique within a dataset."""
    video: Path
    transcript: str | None = None
    label: str | None = None
    """A word of the dataset's vocabulary (`emolightning.records.labels`), aliases already mapped."""
    reason: str | None = None
    """Free text that explains the label, where the annotation has one; for MERR its coarse caption."""
    detailed_reason: str | None = None
    """A second, longer explanation: MERR's fine caption, the answer of task `reason_v2`."""
    shares: tuple[tuple[str, float], ...] = ()
    """Labels that are learned in the place of `label`, each with its share of the votes on the clip."""
    open_labels: tuple[str, ...] | None = None
    """Any number of emotion words, of no vocabulary (MER2024-OV)."""
    answers: "Mapping[str, str]" = field(default_factory=dict, hash=False)
    """Task -> the text that answers it, where that is neither the label nor an explanation."""
    valence: float | None = None
    """On the scale of its dataset; None where the file has no value, or MER2023's code -10 for it."""
    arousal: float | None = None
    """The same of how excited somebody is."""
    split: str | None = None
    """`train`, `val`, `test`, or None until the splits are made."""
    subject: str | None = None
    """Who is seen; clips of one subject never end up in two splits."""
    corpus: str = field(default="", compare=False)
    """The name of its corpus, of which its id has that name in front; empty where a run has one corpus."""
    attributes: "Mapping[str, str]" = field(default_factory=dict, hash=False, compare=False)
    """Other columns of the table, in small letters -> what they say of the clip: no model sees them."""
    source: str = field(default="", compare=False)
    """Place of the annotation, e.g. `clips.csv, line 7`: for messages."""
    span: Span | None = None
    """The piece of the video that this is about; None for all of it."""
    corruption: Corruption | None = None
    """What is done to its picture or sound when they are read."""
    quoted: "Mapping[str, str]" = field(default_factory=dict, hash=False)
    """Name -> text of its own that a question quotes, in the place of `{name}`."""


@contextmanager
def collecting_later() -> Iterator[None]:
    """Look for no garbage while many objects are made that stay: each look goes through all clips there are."""
    is_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if is_on:
            if not gc.get_freeze_count():  # What somebody else froze would come back.
                gc.freeze()
                gc.unfreeze()  # All are old objects now, without the three looks after which they would be.
            gc.enable()


_Open = make_dataclass("_Open", [(item.name, item.type, item) for item in fields(Clip)], slots=True, eq=False)
"""A Clip that is not frozen yet, since `Clip(...)` goes around the guard of each field, which takes longest."""


@collecting_later()
def clips_of_columns(number: int, columns: "Mapping[str, Iterable[Any]]") -> list[Clip]:
    """Make clips out of columns, without the guards of their fields.

    With a million of them this takes a fifth of the time.

    Args:
        number: of clips.
        columns: field -> its value of each clip; those that are not given are as in Clip.

    Raises:
        ValueError: a column has more values or fewer.
    """
    values = []
    for item in fields(Clip):
        default = item.default if item.default_factory is MISSING else item.default_factory()
        values.append(columns.get(item.name, repeat(default, number)))
    clips: list[Any] = list(starmap(_Open, zip(*values, strict=True)))
    deque(map(setattr, clips, repeat("__class__"), repeat(Clip)), maxlen=0)
    return clips


def put_splits(clips: Sequence[Clip], splits: Iterable[str]) -> None:
    """Give clips that were just made, and that nobody else has yet, their splits: to copy a million takes seconds."""
    deque(map(getattr(Clip, "split").__set__, clips, splits), maxlen=0)  # noqa: B009  # for a type checker a text


def in_splits(clips: Sequence[Clip], splits: Iterable[str]) -> list[Clip]:
    """The same clips, each in its split."""
    columns: dict[str, Iterable[Any]] = {item.name: map(attrgetter(item.name), clips) for item in fields(Clip)}
    return clips_of_columns(len(clips), columns | {"split": splits})


@dataclass(frozen=True)
class Medium:
    """A file as it is sent to a model that runs elsewhere."""

    kind: Literal["video", "image", "audio"]
    format: str
    """As in `video/mp4`."""
    content: bytes = field(repr=False)


@dataclass(frozen=True)
class Film:
    """Frames of a clip at full size, for a model's own processor."""

    frames: "np.ndarray" = field(repr=False)
    """uint8 (frames, height, width, 3), RGB."""
    positions: tuple[int, ...]
    """Which frames of the clip they are."""
    total: int
    """Frames of the whole clip."""
    fps: float
    """Frames a second of the whole clip."""


@dataclass(frozen=True)
class Waveform:
    """The sound of a clip, for a model's own processor."""

    samples: "np.ndarray" = field(repr=False)
    """float32 (samples,), one channel in [-1, 1]."""
    rate: int
    """Samples a second."""


AnyMedium = Medium | Film | Waveform


@dataclass(frozen=True)
class Example:
    """One clip, read and ready to be put into a sequence."""

    clip: Clip
    index: int
    """Position of the clip in its split: what ranks exchange instead of names."""
    instruction: str
    """The question put to the model, e.g. `Please determine which emotion label ...`."""
    task: str = "emotion"
    """Upstream's tag of the question: `emotion`, `reason` or `reason_v2`."""
    images: "dict[str, Tensor]" = field(default_factory=dict)
    """Frame input name -> (frames, 3, height, width), normalised."""
    features: "dict[str, Tensor]" = field(default_factory=dict)
    """Feature input name -> (tokens, width)."""
    media: "dict[str, tuple[AnyMedium, ...]]" = field(default_factory=dict)
    """Input name -> what a model, or a processor of its own, reads by itself; none where a clip has no sound."""
    is_borrowed: bool = False
    """Another rank's clip in this step of training: it keeps the shapes equal and carries no loss."""
    share: float = 1.0
    """How much of what its clip teaches this answer is; those of a clip add to 1."""
    removed: frozenset[str] = frozenset()
    """Inputs, and streams made of them, that this pass goes without: zeros here, and no place in a sequence."""


class Movable:
    """Base of batches and their parts, whose tensors go to a device together.

    A subclass is a dataclass, or has a `mapped` of its own. Fields in `stays` do not move: who reads them moves them.
    """

    stays: ClassVar[tuple[str, ...]] = ()
    """Fields that are left where they are."""

    def mapped(self, function: "Callable[[Tensor], Tensor]") -> Self:
        """Return the same with each tensor handed through a function, but for those that stay."""
        moving: Any = [item.name for item in fields(self) if item.name not in self.stays]  # type: ignore[arg-type]
        return replace(self, **{name: _mapped(getattr(self, name), function) for name in moving})  # type: ignore[type-var]

    def to(self, device: Any) -> Self:
        """The same on a device. A GPU copies pinned memory while other work goes on."""
        # Nowhere else: values that leave a GPU may be read at once, and Apple's copies what may be gone by then.
        is_copied_later = str(device).startswith("cuda")
        return self.mapped(lambda tensor: tensor.to(device, non_blocking=is_copied_later))

    def pin_memory(self) -> Self:
        """The same in memory that a GPU copies from without the CPU; torch's loaders call this."""
        return self.mapped(methodcaller("pin_memory"))


def _mapped(value: Any, function: "Callable[[Tensor], Tensor]") -> Any:
    if isinstance(value, Movable):
        return value.mapped(function)
    if isinstance(value, dict):
        return {key: _mapped(each, function) for key, each in value.items()}
    return function(value) if hasattr(value, "pin_memory") else value


@dataclass
class Places(Movable):
    """Where things are in padded sequences, found where a batch is made: a GPU's values cannot be asked in a step."""

    streams: "dict[int, Tensor]"
    """Placeholder -> (3, number): row, place, and the how-many-th of its row, of each of its places."""
    scored: "Tensor"
    """(number,), places before a token that some row learns."""
    learned: "Tensor"
    """(3, number): row, number among `scored`, and id, of each token that is learned."""
    is_padded: bool
    """Whether some place is masked."""
    has_gaps: bool
    """Whether some place is masked that has others before it."""


@dataclass
class TokenBatch(Movable):
    """Padded sequences; `emolightning.prompt.batching.token_batch` makes them."""

    input_ids: "Tensor"
    """(batch, tokens), int64; negative values are placeholders, see `emolightning.prompt.sequence`."""
    attention_mask: "Tensor"
    """(batch, tokens), 1 for content, 0 for padding."""
    targets: "Tensor"
    """(batch, tokens), IGNORED outside the answer."""
    places: Places
    """Where what is in them lies."""


class Clips:
    """The clips of a batch, out of Lightning's reach.

    Its precision plugins walk through every sequence and dataclass of a batch, and refuse frozen ones.
    """

    def __init__(self, clips: Iterable[Clip]):
        self._clips = tuple(clips)

    def __iter__(self) -> Iterator[Clip]:
        return iter(self._clips)

    def __len__(self) -> int:
        return len(self._clips)

    def __getitem__(self, position: int) -> Clip:
        return self._clips[position]


@dataclass
class Batch(Movable):
    """Everything the model sees of some clips; a family may have a batch with more.

    Lightning calls `to`; left to itself it would refuse the frozen clips inside.
    """

    images: "dict[str, Tensor]"
    """Frame input name -> (batch, frames, 3, height, width)."""
    features: "dict[str, Tensor]"
    """Feature input name -> (batch, tokens, width), zero-padded along tokens."""
    indices: "Tensor"
    """(batch,), int64: position of each clip in its split."""
    clips: Clips
    prompts: list[str]
    """What is asked as text, for logs and answers."""
    is_own: "Tensor"
    """(batch,), bool: False for another rank's clip, which only fills the batch and carries no loss."""
    shares: "Tensor | None" = field(default=None, kw_only=True)
    """(batch,), float32: how much each answer counts, where clips have several and a row for each; None for all 1."""
    unseen: "Tensor | None" = field(default=None, kw_only=True)
    """(batch,), bool: clips whose frames are removed, so that nothing of what towers make of them counts."""


@dataclass
class SequenceBatch(Batch):
    """The batch of a language model."""

    sequence: TokenBatch
    """Context and answer, padded on the right: for the loss."""
    context: TokenBatch
    """Context alone, padded on the left: for generation, which moves it, since training does without."""

    stays = ("context",)


@dataclass(frozen=True, slots=True)
class Said:
    """What a model made of one clip of a batch."""

    text: str
    prompt: str
    """What it was asked."""
    missing_because: str = ""
    """Why it says nothing."""
    valence: float | None = None
    """The predicted one, of a model that gives it."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What the model said about one clip."""

    clip_id: str
    text: str
    prompt: str
    truth: str | None
    """What it is compared with: put in by what scores it, None before, and where the clip has none."""
    seconds: float
    """Wall time of the batch divided by its clips."""
    is_missing: bool = False
    """A predictions file says nothing about the clip, or the model refuses; the text is empty."""
    missing_because: str = ""
    """Why, where anybody says so."""
    probabilities: "Mapping[str, float] | None" = field(default=None, hash=False)
    """Label -> how likely it is as the whole answer, among the labels; None where that was not asked."""
    valence: float | None = None
    """Predicted valence, of a model that gives it."""


@dataclass(frozen=True, slots=True)
class Score:
    """What was read from one answer. Wrong, unreadable and missing are three results."""

    clip_id: str
    value: str | None
    """None only with a reason."""
    unscored_because: str | None
    evidence: str
    """The text the value was read from."""
    alias: str | None = None
    """The word that stood for the label, when it was not the label itself."""
    is_default: bool = False
    """Nothing was read: upstream's parser gives its default."""
    is_misspelt: bool = False
    """What stood for the label is one letter away from a word for it."""
    read_from: str = ""
    """The part of the answer that was read: a final answer, a tag, a conclusion."""
    passed_over: str = ""
    """Other emotions that the answer names, each with why it is not the answer."""
    words: tuple[tuple[str, ...], ...] = ()
    """Words of an answer with any number of labels, as each of the two official scripts reads them."""
