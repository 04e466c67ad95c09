"""DFEW: five official folds, whose test sets are disjoint and together are all clips."""

from emolightning.benchmarks.published.shared_protocols import (
    BEST_EPOCH,
    DOCUMENTATION_PAGE,
    FIRST_LABEL,
    GPT4V,
    NOT_STATED,
)
from emolightning.records.benchmark import Benchmark, Card, Protocol, Supports
from emolightning.records.clip_digests import Digests
from emolightning.records.labels import DFEW7

OFFERED = DFEW7
"""Upstream's zero-shot recipe; other orders cost up to 21 points of WAR."""

COLUMNS = frozenset({"video_name", "label"})


def _counts(*counts: int) -> Supports:
    return dict(zip(DFEW7, counts, strict=True))


_SUPPORTS = {
    "test": _counts(489, 379, 534, 435, 294, 29, 181),
    "train+val": _counts(1956, 1515, 2135, 1738, 1175, 116, 721),
}
"""Clips of each class in folds 1 and 2; the other folds differ by at most one clip a class."""


def _fold(number: int, test: int, train: int, digests: tuple[Digests, Digests] | None = None) -> Benchmark:
    return Benchmark(
        name=f"dfew_fold{number}",
        kind="classification",
        labels=DFEW7,
        prompt_order=OFFERED,
        headline="war",
        source="DFEW README and split files; Emotion-LLaMA docs/evaluation/dfew-zero-shot.md",
        sizes={"test": test, "train+val": train},
        supports=_SUPPORTS if digests else {},
        digests=dict(zip(("test", "train+val"), digests, strict=True)) if digests else {},
        read_by=(f"data=dfew data.fold={number}", f"data=dfew_zero_shot data.fold={number}"),
        truth_columns=COLUMNS,
        truth_is_coded=True,
    )


_FOLDS = (
    _fold(
        1,
        2341,
        9356,
        (Digests("f8c737254d753a9d", "fabb3f5bc07af047"), Digests("44c65a9151f9a384", "af65151cc0c7d624")),
    ),
    _fold(
        2,
        2341,
        9356,
        (Digests("6854ef05f0dac9ce", "1428e33810af34a0"), Digests("450ae984b680119f", "d6c95b314271b408")),
    ),
    _fold(3, 2340, 9357),
    _fold(4, 2339, 9358),
    _fold(5, 2336, 9361),
)

_ZERO_SHOT = "zero-shot: Emotion-LLaMA's weights that never saw DFEW, on the test set of fold 1"
_RECIPE = f"{_ZERO_SHOT}; upstream's documented recipe, labels in official order, no transcript"


def _recipe(frame: str) -> Protocol:
    conditions = {"frame": frame, "transcript": False, "offered": OFFERED, "zero_shot": True}
    return Protocol("dfew_fold1", f"zero_shot_{frame}", f"{_RECIPE}, {frame} frame", conditions=conditions)


CARD = Card(
    title="DFEW",
    about="Films: one of seven emotions a clip, on five folds; there are no transcripts.",
    benchmarks=(
        Benchmark(
            name="dfew",
            kind="classification",
            labels=DFEW7,
            prompt_order=OFFERED,
            headline="war",
            source="DFEW README: the mean over the five folds' test sets, which are disjoint",
            sizes={"all": 11697},
            digests={"all": Digests("2c14a1b92f6c49e9", "1b91549bd21c41ff")},
            truth_columns=COLUMNS,
            truth_is_coded=True,
            folds=tuple(fold.name for fold in _FOLDS),
        ),
        *_FOLDS,
    ),
    protocols=(
        Protocol(
            "dfew",
            "five_folds",
            f"trained on each fold: arithmetic mean of the scores of five test sets, 11697 clips; {BEST_EPOCH}",
            conditions={"num_folds": 5, "zero_shot": False},
        ),
        Protocol("dfew", "partition_not_stated", "one partition into training and test clips", never=NOT_STATED),
        Protocol(
            "dfew_fold1",
            "zero_shot",
            f"{_ZERO_SHOT}; frame, features and transcript are not stated",
            conditions={"zero_shot": True},
        ),
        _recipe("middle"),
        _recipe("first"),
        _recipe("peak"),
        Protocol(
            "dfew_fold1",
            "zero_shot_settings",
            f"{_ZERO_SHOT}; upstream's recipe with one setting changed: the order of labels with the first frame, "
            "transcripts with the peak frame and other face features",
            never="what else was set is not stated for each",
        ),
        Protocol("dfew_fold1", "gpt4v", GPT4V, num_clips=2337, conditions=FIRST_LABEL),
        *(
            Protocol(
                fold.name,
                "fine_tuned",
                f"trained on fold {number}, tested on its test set; {BEST_EPOCH}",
                conditions={"zero_shot": False},
            )
            for number, fold in enumerate(_FOLDS, start=1)
        ),
        Protocol("dfew_fold1", "documentation_page", DOCUMENTATION_PAGE),
    ),
)
