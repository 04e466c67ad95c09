"""What a benchmark officially is, how its published figures were measured, and the card that holds both."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from emolightning.records.clip_digests import Digests

Supports = Mapping[str, int]


@dataclass(frozen=True)
class Part:
    """One of the sets that a benchmark is made of, and the score that counts there."""

    name: str
    """Its folder of results, and its key in `data.sets`."""
    benchmark: str
    """The official set."""
    score: str
    """Name of the score in its `metrics.json`."""
    score_of_all: str
    """The same over all clips, where the official script leaves some out."""
    scoring: tuple[str, ...]
    """Words of a command line that choose how it is scored."""
    data: tuple[str, ...] = ()
    """Words that choose its clips, beside those that read them: e.g. nothing but the test is read."""
    tasks: tuple[str, ...] = ()
    """What is asked: the first of them that the model family knows. Empty asks what the run asks."""


@dataclass(frozen=True)
class Benchmark:
    """One official set of clips and the score that ranks on it."""

    name: str
    kind: Literal["classification", "multi_label", "open_vocabulary", "preference", "reasoning", "sentiment", "several"]
    headline: str
    """The score that ranks: its name in `metrics.json`."""
    source: str
    """Where sizes and score are from."""
    labels: tuple[str, ...] = ()
    """In the index order of the official code; empty where answers are free text."""
    prompt_order: tuple[str, ...] = ()
    """What Emotion-LLaMA's question offers, in its order; empty where nothing is offered."""
    sentiment: str = ""
    """The `scoring.protocol` that has the score which ranks; empty where sentiment is not scored as a number."""
    sizes: Mapping[str, int] = field(default_factory=dict)
    """Split -> clips; only splits that are official."""
    supports: Mapping[str, Supports] = field(default_factory=dict)
    """Split -> label -> clips, where known."""
    digests: Mapping[str, Digests] = field(default_factory=dict)
    """Split -> its digests, where the official list of clips was at hand."""
    read_by: tuple[str, ...] = ()
    """Words of a command line that read its clips, e.g. `data=mer2023 data.track=semi`."""
    truth_columns: frozenset[str] = frozenset()
    """Columns of its own tables of labels, which `score` recognises them by; empty where it has none."""
    truth_is_coded: bool = False
    """Whether these tables write labels as numbers, so that only the benchmark's own reader knows what they mean."""
    folds: tuple[str, ...] = ()
    """Names of the benchmarks that are its folds, in their order; it is scored as their mean."""
    parts: tuple[Part, ...] = ()
    """The sets of one that is `several`, in the order of its tables; it is scored as the mean of their scores."""

    @property
    def num_clips(self) -> int | None:
        """Clips that are scored: those of the test split, or of all folds; None if unknown."""
        return self.sizes.get("test", self.sizes.get("all"))


@dataclass(frozen=True)
class Protocol:
    """One way of measuring on one set of clips; two figures are in one column only if they share it."""

    benchmark: str
    way: str
    """Name of the protocol within the benchmark."""
    about: str
    """Training, test set, reading of answers: what a reader must know."""
    num_clips: int | None = None
    """Clips that were scored, where it is not the official number, or where this project does not have the set."""
    never: str | None = None
    """Why no run can be compared."""
    conditions: Mapping[str, object] = field(default_factory=dict)
    """What a run must have: name of a fact of `MeasuredRun.facts` -> its value."""

    @property
    def name(self) -> str:
        """`benchmark/way`, as in the tables of published scores."""
        return f"{self.benchmark}/{self.way}"


@dataclass(frozen=True)
class Card:
    """What a folder of `benchmarks/` says about itself: `CARD` in its `card.py`."""

    title: str
    """Its name as papers write it."""
    about: str
    """One sentence: what is in it, and what is asked."""
    benchmarks: tuple[Benchmark, ...] = ()
    """Its official sets; none where clips are only trained on, or made here."""
    protocols: tuple[Protocol, ...] = ()
    """How the figures of its `published.csv` were measured."""
    family: str = ""
    """The word that means all its official sets; empty for the name of the folder."""
    scale: tuple[float, float] | None = None
    """Lowest and highest number that its clips have beside their labels; None where they have none."""
    other_data: Mapping[str, str] = field(default_factory=dict)
    """Words of a command line -> name of the clips that they read, where these are no official set."""
