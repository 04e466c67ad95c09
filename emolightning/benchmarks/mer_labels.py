"""What the label tables of the MER challenges have in common; read without torch, as the cards are."""

LABEL_COLUMNS = frozenset({"name", "discrete"})
