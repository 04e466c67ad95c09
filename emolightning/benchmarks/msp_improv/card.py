"""MSP-IMPROV: twelve actors improvise and read in English, six sessions of two; four emotions."""

from emolightning.records.benchmark import Benchmark, Card
from emolightning.records.labels import IEMOCAP4

SESSIONS = (1, 2, 3, 4, 5, 6)
SCALE = (1.0, 5.0)

CARD = Card(
    title="MSP-IMPROV",
    about="Twelve actors improvise and read in English: one of four emotions a turn, six sessions.",
    scale=SCALE,
    benchmarks=(
        Benchmark(
            name="msp_improv",
            kind="classification",
            labels=IEMOCAP4,
            headline="uar",
            source="MSP-IMPROV (Busso et al., 2017), turns of the four classes in its four conditions",
            sizes={"all": 7798},
            supports={"all": dict(zip(IEMOCAP4, (2644, 885, 3477, 792), strict=True))},
            read_by=("data=msp_improv",),
        ),
    ),
)
