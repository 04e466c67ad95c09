"""IEMOCAP: dialogues of ten actors in English, five sessions of two; each session is tested once."""

from emolightning.benchmarks.published.shared_protocols import HIT, LIGHT_MER, WHEELS
from emolightning.records.benchmark import Benchmark, Card, Protocol, Supports
from emolightning.records.clip_digests import Digests
from emolightning.records.labels import IEMOCAP4, IEMOCAP5, IEMOCAP6

SESSIONS = (1, 2, 3, 4, 5)
CLASSES = {4: IEMOCAP4, 5: IEMOCAP5, 6: IEMOCAP6}

SOURCE = "IEMOCAP_full_release, EmoEvaluation; the four classes also MERTools MERBench label_4way.npz"


def _counts(*counts: int) -> Supports:
    return dict(zip(IEMOCAP4, counts, strict=True))


def _session(number: int, supports: Supports, digests: Digests) -> Benchmark:
    return Benchmark(
        name=f"iemocap_session{number}",
        kind="classification",
        labels=IEMOCAP4,
        headline="war",
        source=SOURCE,
        sizes={"test": sum(supports.values())},
        supports={"test": supports},
        digests={"test": digests},
        read_by=(f"data=iemocap data.session={number}",),
    )


_SESSIONS = (
    _session(1, _counts(278, 194, 384, 229), Digests("51cd40131d154f0b", "9809ffd97f9184d0")),
    _session(2, _counts(327, 197, 362, 137), Digests("feb36442a844ae2f", "0973f3f55c3ba382")),
    _session(3, _counts(286, 305, 320, 240), Digests("cf67893b615a6c6a", "5fc8b6e560262acc")),
    _session(4, _counts(303, 143, 258, 327), Digests("338d531453c240ca", "09e3525b2c970a85")),
    _session(5, _counts(442, 245, 384, 170), Digests("d9c3e6c7e7b01a44", "0469d20231444e55")),
)


def _whole(
    name: str, number: int, digests: Digests, *, read_by: tuple[str, ...] = (), folds: tuple[str, ...] = ()
) -> Benchmark:
    return Benchmark(
        name=name,
        kind="classification",
        labels=CLASSES[number],
        headline="war",
        source=SOURCE,
        sizes={"all": 5531 if number == 4 else 7380},
        digests={"all": digests},
        read_by=read_by,
        folds=folds,
    )


CARD = Card(
    title="IEMOCAP",
    about="Dialogues of ten actors in English: one of four, five or six emotions a turn, five sessions.",
    scale=(1.0, 5.0),
    benchmarks=(
        _whole(
            "iemocap",
            4,
            Digests("1e6f2774e81323e8", "bd34b3292d12bc64"),
            folds=tuple(session.name for session in _SESSIONS),
        ),
        *_SESSIONS,
        _whole(
            "iemocap5",
            5,
            Digests("0ea643e742383e88", "310ad0fef11669bd"),
            read_by=("data=iemocap data.classes=5",),
        ),
        _whole(
            "iemocap6",
            6,
            Digests("0ea643e742383e88", "41e0a95e5d52619f"),
            read_by=("data=iemocap data.classes=6",),
        ),
    ),
    protocols=(
        Protocol("iemocap_session5", "mer_unibench", HIT, conditions=WHEELS),
        Protocol("iemocap_session5", "light_mer", LIGHT_MER, conditions=WHEELS),
    ),
)
