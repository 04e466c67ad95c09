"""MMEVerse: the data sets that Emotion-LLaMA-v2 is trained on and tested on, annotated anew."""

from emolightning.benchmarks.mmeverse.sets import SETS
from emolightning.records.benchmark import Card

CARD = Card(
    title="MMEVerse",
    about="Films, talks and scenes of thirteen data sets: one label, several labels, or an explanation of one stream.",
    other_data={
        f"data=mmeverse data.set={name} data.labels={rows.vocabulary}": f"mmeverse_{name}"
        for name, rows in SETS.items()
    },
)
