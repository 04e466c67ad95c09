"""The scores of a classification: their names and what they are. Computed in `emolightning.metrics.classification`."""

DEFINITIONS = {
    "weighted_f1": "mean of per-class F1 weighted by the number of clips of the class (MER's headline score)",
    "macro_f1": "unweighted mean of per-class F1 over classes that occur in truth or answers",
    "uar": "unweighted average recall: mean of per-class recall over classes that occur in the truth",
    "war": "weighted average recall: share of clips answered correctly (accuracy)",
    "macro_precision": "unweighted mean of per-class precision over classes that occur in truth or answers",
    "weighted_precision": "mean of per-class precision weighted by the number of clips of the class",
}
"""Score name -> what it is; a published number is comparable only with the same definition."""

VALENCE_MSE, COMBINED = "valence_mse", "mer2023_combined"

VALENCE_DEFINITIONS = {
    VALENCE_MSE: "mean squared error of valence over clips that have a true and a predicted value",
    COMBINED: "weighted F1 - 0.25 x valence_mse (ranked MER2023's MULTI and NOISE)",
}
"""Scores of systems that predict valence beside the label."""

PER_CLASS = ("precision", "recall", "f1")
"""Scores of each class; logged as `val/recall/happy`."""

LOGGED = ("val/loss", "val/unreadable", *(f"val/{name}" for name in DEFINITIONS))
"""What a validation logs, beside the scores per class."""


def is_loss(name: str) -> bool:
    """Whether less is better of a logged number."""
    return name.rpartition("/")[2] in ("loss", "unreadable", VALENCE_MSE)
