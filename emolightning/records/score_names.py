"""The scores of a classification: their names and what they are; `scoring/metrics/classification.py` has the sums."""

import math
from collections.abc import Sequence

from emolightning.errors import UserError

MCC = "mcc"

DEFINITIONS = {
    "weighted_f1": "mean of per-class F1 weighted by the number of clips of the class (MER's headline score)",
    "macro_f1": "unweighted mean of per-class F1 over the labels that have at least one true clip in what is scored",
    "uar": "unweighted average recall: mean of per-class recall over the labels that have at least one true clip in "
    "what is scored",
    "war": "weighted average recall: share of clips answered correctly (accuracy)",
    "macro_precision": "unweighted mean of per-class precision over the labels that have at least one true clip in "
    "what is scored; unreadable and missing answers lower no precision",
    "weighted_precision": "mean of per-class precision weighted by the number of clips of the class; unreadable and "
    "missing answers lower no precision",
    MCC: "Matthews' correlation of truths and answers (of several classes Gorodkin's R_K), unreadable answers as a "
    "class of their own; 0 where truths or answers are all one class",
    "macro_f1_observed": "unweighted mean of per-class F1 over the labels that occur in truths or answers "
    "(scikit-learn's default): one answer with a label of no clip lowers it",
    "macro_precision_observed": "unweighted mean of per-class precision over the labels that occur in truths or "
    "answers (scikit-learn's default); unreadable and missing answers lower no precision",
}
"""Score name -> what it is; a published number is comparable only with the same definition."""

DIMENSIONS = ("valence", "arousal")
"""What may be predicted as a number beside the label."""


def number_scale(given: Sequence[float] | None, setting: str) -> tuple[float, float] | None:
    """Lowest and highest number of a scale, as a setting says them; None where it says nothing.

    Raises:
        UserError: they are not two rising numbers.
    """
    if given is None:
        return None
    written = list(given) if isinstance(given, list | tuple) else given
    is_list = isinstance(written, list)
    ends = [end for end in written if isinstance(end, int | float) and not isinstance(end, bool)] if is_list else []
    if len(ends) != 2 or written != ends or not -math.inf < ends[0] < ends[1] < math.inf:
        raise UserError(f"{setting}: {written} must be two numbers, the lowest and the highest, e.g. [-1,1]")
    return float(ends[0]), float(ends[1])


OF_DIMENSION = {
    "mse": "mean squared error of {} over clips that have a true value",
    "mae": "mean absolute error of {} over clips that have a true value",
    "ccc": "concordance of {} (Lin): 2 cov / (var + var + squared difference of the means), over clips that have a "
    "true value; 0 where nothing varies",
    "pearson": "Pearson's correlation of {} over clips that have a true value; 0 where one of both is constant",
}
"""Score of numbers -> what it is, with a place for their name: `valence_mse`, `arousal_mse`."""

COMBINED = "mer2023_combined"
COMBINED_DEFINITION = "weighted F1 - 0.25 x valence_mse (ranked MER2023's MULTI and NOISE)"

DIMENSION_DEFINITIONS = {
    **{f"{name}_{score}": about.format(name) for name in DIMENSIONS for score, about in OF_DIMENSION.items()},
    COMBINED: COMBINED_DEFINITION,
}
"""Scores of systems that predict numbers beside the label."""

MISSING_NUMBERS = {
    "error": "",
    "worst": "; a missing prediction counts as the end of the scale that is farther from the true value",
    "exclude": "; clips without a predicted value are left out",
}
"""What becomes of clips with a true value and no predicted one -> what the definition says of it."""

SCORE_INTERVAL = "score interval (Wilson's, carried over to averages over classes)"
FISHER = "Fisher's transformation, with the variance of score intervals"
BOOTSTRAP = "percentile bootstrap over clips"
CLUSTERED_BOOTSTRAP = "percentile bootstrap over each {}, with all of its clips"
EXACT = "exact binomial bounds, for resampling shows no spread"
"""How an interval was made: the entry `interval` of a score."""

PER_CLASS = ("precision", "recall", "f1")
"""Scores of each class; logged as `val/recall/happy`."""

SOFT_ACCURACY, BEST_SOFT_ACCURACY = "soft_accuracy", "best_soft_accuracy"
"""Scores of answers against the votes on their clips; logged by validations of clips that several people judged."""

UNREADABLE_COUNT = "unreadable"
"""Number of answers of a validation that no label could be read from."""

LOGGED = ("val/loss", f"val/{UNREADABLE_COUNT}", *(f"val/{name}" for name in DEFINITIONS))
"""What a validation with `scoring=classification` logs, beside the scores per class."""


LOSSES = ("loss", UNREADABLE_COUNT, "mae", "mse", "hamming_loss")


def is_loss(name: str) -> bool:
    """Whether less is better of a logged number."""
    own = name.rpartition("/")[2]
    return own in LOSSES or own.endswith(("_mse", "_mae"))
