"""MERR: captions of MER2023's clips that Emotion-LLaMA is trained on, and anything else in its layout."""

from emolightning.records.benchmark import Card

CARD = Card(
    title="MERR",
    about="Unlabelled clips of MER2023 with coarse and fine captions, for training.",
    scale=(-5.0, 5.0),
    other_data={
        "data=merr_coarse": "merr_coarse",
        "data=merr_fine": "merr_fine",
        "data=mer2023_pseudo": "mer2023_pseudo",
    },
)
