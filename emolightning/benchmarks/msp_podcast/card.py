"""MSP-Podcast, speech of podcasts, and MSP-Face, people who talk to a camera: one kind of table for both."""

from emolightning.records.benchmark import Benchmark, Card
from emolightning.records.labels import IEMOCAP4, MSP8

CORPORA = {"podcast": "MSP-Podcast", "face": "MSP-Face"}
"""Setting -> how papers write it."""

CLASSES = {8: MSP8, 4: IEMOCAP4}

SCALE = (1.0, 7.0)

SOURCES = {
    "podcast": "MSP-Podcast, labels_consensus; its releases have different clips, so no size is official",
    "face": "MSP-Face README; fewer clips can be downloaded each year, so no size is official",
}


def name_of(corpus: str, classes: int) -> str:
    """What results on a corpus are filed under."""
    return f"msp_{corpus}" if classes == 8 else f"msp_{corpus}{classes}"


CARD = Card(
    title="MSP-Podcast and MSP-Face",
    about="Turns of podcasts, and of people before a camera: one of eight emotions, valence and arousal.",
    scale=SCALE,
    benchmarks=tuple(
        Benchmark(
            name=name_of(corpus, classes),
            kind="classification",
            labels=labels,
            headline="macro_f1",
            source=source,
            read_by=(f"data=msp_podcast data.corpus={corpus} data.classes={classes}",),
        )
        for corpus, source in SOURCES.items()
        for classes, labels in CLASSES.items()
    ),
)
