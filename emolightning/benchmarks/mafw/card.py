"""MAFW: clips of films and series of many countries, eleven classes, five folds whose test sets are disjoint."""

from emolightning.benchmarks.published.shared_protocols import BEST_EPOCH, NOT_STATED
from emolightning.records.benchmark import Benchmark, Card, Protocol, Supports
from emolightning.records.clip_digests import Digests

LABELS = (
    *("happy", "sad", "neutral", "angry", "surprise", "disgust", "fear", "contempt", "anxiety", "helplessness"),
    "disappointment",
)
"""The order of DFER-CLIP's lists, which begins like DFEW's; MAE-DFER numbers the same classes in another order."""

SOURCE = "MAFW-database/MAFW; zengqunzhao/DFER-CLIP annotation/MAFW_set_1_test_faces.txt @ d10d5a4"
ALL, ALL_COMPOUND = 9172, 8996


def _counts(*counts: int) -> Supports:
    return dict(zip(LABELS, counts, strict=True))


_SUPPORTS = {
    1: {
        "test": _counts(249, 294, 228, 278, 215, 128, 125, 48, 184, 53, 37),
        "train+val": _counts(993, 1176, 910, 1112, 857, 511, 500, 188, 732, 209, 145),
    },
    2: {
        "test": _counts(249, 294, 228, 278, 215, 128, 125, 47, 183, 53, 37),
        "train+val": _counts(993, 1176, 910, 1112, 857, 511, 500, 189, 733, 209, 145),
    },
}
_DIGESTS = {
    1: {
        "test": Digests("cb538ae127c158f9", "c2fc1e69910c1334"),
        "train+val": Digests("22e7c33237eae4dc", "6bb01ec6992910b1"),
    },
    2: {
        "test": Digests("943ad941a52c2678", "56a71c98db94d36b"),
        "train+val": Digests("4ac154ca75158873", "aaf28183b37cdbde"),
    },
}
"""Those of folds whose lists were at hand."""


def _fold(number: int, test: int) -> Benchmark:
    return Benchmark(
        name=f"mafw_fold{number}",
        kind="classification",
        labels=LABELS,
        headline="war",
        source=SOURCE,
        sizes={"test": test, "train+val": ALL - test},
        supports=_SUPPORTS.get(number, {}),
        digests=_DIGESTS.get(number, {}),
        read_by=(f"data=mafw data.fold={number}",),
    )


def _compound(number: int, test: int) -> Benchmark:
    return Benchmark(
        name=f"mafw_compound_fold{number}",
        kind="multi_label",
        labels=LABELS,
        headline="subset_accuracy",
        source="MAFW-database/MAFW, compound/no_caption: 4058 clips of two or three labels and 4938 of one",
        sizes={"test": test, "train+val": ALL_COMPOUND - test},
        read_by=(f"data=mafw data.target=compound data.fold={number}",),
    )


_FOLDS = (_fold(1, 1839), _fold(2, 1837), _fold(3, 1833), _fold(4, 1832), _fold(5, 1831))

CARD = Card(
    title="MAFW",
    about="Films and series of many countries: one of eleven emotions a clip, on five folds; there are no transcripts.",
    benchmarks=(
        Benchmark(
            name="mafw",
            kind="classification",
            labels=LABELS,
            headline="war",
            source="MAFW-database/MAFW: the mean over the five folds' test sets, which are disjoint",
            sizes={"all": ALL},
            supports={"all": _counts(1242, 1470, 1138, 1390, 1072, 639, 625, 236, 916, 262, 182)},
            digests={"all": Digests("139588b8fca53767", "f58811dcbe320944")},
            folds=tuple(fold.name for fold in _FOLDS),
        ),
        *_FOLDS,
        *map(_compound, range(1, 6), (1818, 1809, 1798, 1788, 1783)),
    ),
    protocols=(
        Protocol("mafw", "partition_not_stated", "one partition into training and test clips", never=NOT_STATED),
        Protocol(
            "mafw",
            "five_folds",
            f"trained on each fold: mean over five test sets; {BEST_EPOCH}",
            conditions={"num_folds": 5, "zero_shot": False},
        ),
        Protocol(
            "mafw_fold3",
            "fine_tuned",
            "trained on fold 3, tested on its test set after the last epoch: the one fold whose log its authors keep",
            conditions={"zero_shot": False},
        ),
    ),
)
