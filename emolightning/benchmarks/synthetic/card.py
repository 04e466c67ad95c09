"""The built-in benchmark: rendered on first use, for a machine without data."""

from emolightning.records.benchmark import Card

CARD = Card(
    title="Synthetic",
    about="Rendered faces, voices and words of six emotions, spread so that no single modality suffices.",
    other_data={"data=synthetic": "synthetic"},
)
