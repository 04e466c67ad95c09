"""Scores of sentiment as the papers of each corpus define them: accuracy of numbers cut into classes, F1, MAE, corr.

CMU-MOSI, CMU-MOSEI and CH-SIMS: thuiar/MMSA @ 177bc046, `metricsTop.py`. MER-UniBench: MERTools @ 89120b7. Numbers are
rounded to even, and F1 is weighted by true classes; code that gives scikit-learn its arguments the other way round
(MulT's, older MMSA's) weights it by answered ones, which is another number.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

import numpy as np

from emolightning.records.score_names import OF_DIMENSION
from emolightning.scoring.metrics.classification import joined, scores
from emolightning.scoring.metrics.dimensions import NUM_SUMS, number_ranges, number_scores, sums_of, worst_guesses
from emolightning.scoring.metrics.resampling import Resampling, affordable, kinds_of

NO_NUMBER = "an answer without a number counts as another class"
FARTHEST = "an answer without a number counts as the end of the scale that is farther from the true value"
NEAREST = "one off the scale counts as its nearer end"


@dataclass(frozen=True)
class Cut:
    """Classes that numbers are cut into."""

    accuracy: str
    """Name of the share that is in the right class."""
    f1: str | None
    """Name of the F1, where papers have one."""
    about: str
    """The classes, in words."""
    edges: tuple[float, ...]
    """Ends of the classes, in rising order."""
    end_belongs: Literal["below", "above"] = "below"
    """Which of its two neighbours an end is in."""
    leaves_out_zero: bool = False
    """Clips with a true value of 0 do not count."""

    def classes(self, numbers: np.ndarray) -> np.ndarray:
        """Class of each number."""
        return np.searchsorted(self.edges, numbers, side="left" if self.end_belongs == "below" else "right")

    def cells(self, predicted: np.ndarray, true: np.ndarray) -> np.ndarray:
        """Cell of the confusion matrix of each clip, one-hot: float64 (clips, cells), 0 where it does not count.

        No answer counts as the class above (of the highest the lowest): as no class it would lower no precision, and
        saying nothing would pay where the F1 of two classes is concerned.
        """
        number = len(self.edges) + 1
        known, right = ~np.isnan(predicted), self.classes(true)
        said = np.where(known, self.classes(np.where(known, predicted, 0.0)), (right + 1) % number)
        place = right * (number + 1) + said
        counts = (true != 0) | (not self.leaves_out_zero)
        return np.eye(number * (number + 1))[place] * counts[:, None]


def rounded(accuracy: str, most: int) -> Cut:
    """Whole numbers from `-most` to `most`. A half belongs to the even one: the end next to it is moved by a hair."""
    halves = np.arange(-most, most) + 0.5
    is_even_above = (halves + 0.5) % 2 == 0
    edges = np.where(is_even_above, np.nextafter(halves, -np.inf), halves)
    return Cut(accuracy, None, f"rounded to {2 * most + 1} whole numbers, {-most} to {most}", tuple(edges.tolist()))


HAS0 = Cut("acc2_has0", "f1_has0", "negative or not (0 is not)", (0.0,), "above")
NON0 = Cut("acc2_non0", "f1_non0", "positive or not; clips with a true value of 0 are left out", (0.0,), "below", True)


@dataclass(frozen=True)
class Measure:
    """A score of the numbers themselves."""

    key: str
    """Its name in `number_scores`."""
    about: str
    """What it is."""


PAPERS = {
    "mae": Measure("mae", "mean absolute error"),
    "corr": Measure("pearson", "Pearson's correlation, 0 where one of both is constant"),
}
"""What papers on sentiment give, by their names."""


@dataclass(frozen=True)
class Protocol:
    """How a corpus' papers score."""

    about: str
    cuts: tuple[Cut, ...]
    scale: tuple[float, float] | None = None
    """The numbers' lowest and highest; None where answers are words and have no error."""
    is_clipped: bool = False
    """Predictions off the scale count as its ends, for errors too."""
    measures: Mapping[str, Measure] = field(default_factory=lambda: PAPERS)
    """Name -> score of numbers on a scale."""

    def definitions(self) -> dict[str, str]:
        """Score -> what it is."""
        found = {}
        for cut in self.cuts:
            lacks = "" if self.scale is None else f"; {NO_NUMBER}"
            found[cut.accuracy] = f"share of clips in the right class: {cut.about}{lacks}"
            if cut.f1 is not None:
                found[cut.f1] = f"F1 of these classes, weighted by true clips: {cut.about}{lacks}"
        if self.scale is not None:
            off = "" if self.cuts else f"; {NEAREST}"
            found |= {name: f"{measure.about}; {FARTHEST}{off}" for name, measure in self.measures.items()}
        return found

    def ranges(self) -> dict[str, tuple[float, float]]:
        """Score -> its lowest and highest value."""
        found = dict.fromkeys(self.definitions(), (0.0, 1.0))
        if self.scale is not None:
            known = number_ranges(self.scale)
            found |= {name: known[measure.key] for name, measure in self.measures.items()}
        return found


def of_dimension(name: str, scale: tuple[float, float]) -> Protocol:
    """Scores of valence or arousal as numbers on any scale, and of no classes."""
    measures = {score: Measure(score, about.format(name)) for score, about in OF_DIMENSION.items()}
    return Protocol(f"{name}, {scale[0]:g} to {scale[1]:g}", (), scale, is_clipped=True, measures=measures)


PROTOCOLS: Mapping[str, Protocol] = {
    "mosi": Protocol(
        "CMU-MOSI and CMU-MOSEI, -3 to 3", (HAS0, NON0, rounded("acc5", 2), rounded("acc7", 3)), (-3.0, 3.0)
    ),
    "sims": Protocol(
        "CH-SIMS, -1 to 1",
        (
            Cut("acc2", "f1", "[-1, 0], (0, 1]", (0.0,)),
            Cut("acc3", None, "[-1, -0.1], (-0.1, 0.1], (0.1, 1]", (-0.1, 0.1)),
            Cut("acc5", None, "[-1, -0.7], (-0.7, -0.1], (-0.1, 0.1], (0.1, 0.7], (0.7, 1]", (-0.7, -0.1, 0.1, 0.7)),
        ),
        (-1.0, 1.0),
        is_clipped=True,
    ),
    "mer_unibench": Protocol("MER-UniBench: positive, negative, and all other words as 0", (NON0, HAS0)),
}
"""Name -> how its papers score."""

DEFAULT = "mosi"
"""The protocol where neither a setting nor a benchmark says one."""


@dataclass(frozen=True)
class Sentiments:
    """What is added up over clips."""

    protocol: Protocol
    columns: np.ndarray
    """float64 (clips, columns): the cells of each cut, and of a scale the sums of numbers."""
    kinds: np.ndarray
    """(clips,), equal for clips with equal numbers."""
    first: np.ndarray
    """(kinds,), one clip of each kind."""

    def values(self) -> dict[str, float]:
        """Each score."""
        return {name: float(value) for name, value in self.of_sums(self.columns.sum(axis=0)).items()}

    def samples(self, resampling: Resampling) -> dict[str, np.ndarray]:
        """Each score of samples of as many clips."""
        draws = affordable(resampling, len(self.first)).totals(self.kinds, self.columns[self.first])
        return joined(self.of_sums(totals) for totals in draws)

    def of_sums(self, totals: np.ndarray) -> dict[str, np.ndarray]:
        """(..., columns) -> each score, (...)."""
        found, start = {}, 0
        for cut in self.protocol.cuts:
            number = len(cut.edges) + 1
            end = start + number * (number + 1)
            of_cut = scores(totals[..., start:end].reshape(*totals.shape[:-1], number, number + 1))
            found[cut.accuracy] = of_cut["war"]
            if cut.f1 is not None:
                found[cut.f1] = of_cut["weighted_f1"]
            start = end
        if self.protocol.scale is not None:
            of_numbers = number_scores(totals[..., start : start + NUM_SUMS])
            found |= {name: of_numbers[measure.key] for name, measure in self.protocol.measures.items()}
        return found


def sentiments(predicted: np.ndarray, true: np.ndarray, protocol: Protocol) -> Sentiments:
    """What the scores of some clips are made of.

    Args:
        predicted: (clips,), NaN where there is none.
        true: (clips,)
        protocol: one of PROTOCOLS.

    >>> found = sentiments(np.array([1.4, -2.0, 0.5]), np.array([1.0, -1.0, 0.0]), PROTOCOLS["mosi"]).values()
    >>> {name: round(found[name], 4) for name in ("acc2_non0", "acc7", "mae")}
    {'acc2_non0': 1.0, 'acc7': 0.6667, 'mae': 0.6333}
    """
    if protocol.is_clipped and protocol.scale is not None:
        predicted = np.clip(predicted, *protocol.scale)
    columns = [cut.cells(predicted, true) for cut in protocol.cuts]
    if protocol.scale is not None:
        worst = worst_guesses(true, *protocol.scale)
        columns.append(sums_of(np.where(np.isnan(predicted), worst, predicted), true))
    return Sentiments(protocol, np.concatenate(columns, axis=1), *kinds_of([predicted, true]))
