"""Aff-Wild2: films of the web with an expression, or valence and arousal, of each frame; cut into windows here."""

from emolightning.records.benchmark import Card

SCALE = (-1.0, 1.0)

CARD = Card(
    title="Aff-Wild2",
    about="Films of the web: the expression, or valence and arousal, of each frame, in windows of some seconds.",
    scale=SCALE,
    other_data={
        "data=aff_wild2": "aff_wild2_expression",
        "data=aff_wild2 data.target=valence_arousal": "aff_wild2_valence_arousal",
    },
)
