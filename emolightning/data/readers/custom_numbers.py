"""Valence and arousal of a custom file as numbers; MER2023's code for none is counted."""

import math
from collections import Counter

from emolightning.data.readers.label_files import NO_VALENCE
from emolightning.data.readers.values import BadValue


class CustomNumbers:
    """Reads the numbers of a file.

    Args:
        scale: lowest and highest of them; None takes any number.
    """

    def __init__(self, scale: tuple[float, float] | None):
        self.scale = scale
        self.has_code = scale is None or not scale[0] <= NO_VALENCE <= scale[1]
        """Whether MER2023's code for none is one: on a scale that has this number it is a value."""
        self.codes: Counter[str] = Counter()
        """Column -> rows with this code."""

    def read(self, column: str, text: str, rows: int = 1) -> float | None:
        """A number on the scale, if there is one; None for the code, and for an empty cell.

        Args:
            column: that it is in.
            text: of the cell.
            rows: that have it.

        Raises:
            BadValue: anything else.
        """
        if not text:
            return None
        try:
            value = float(text)
        except ValueError:
            value = math.nan
        if self.has_code and value == NO_VALENCE:
            self.codes[column] += rows
            return None
        if not math.isfinite(value):
            code = f", or {NO_VALENCE}," if self.has_code else ""
            raise BadValue(f"{column} {text[:40]!r} is not a number; leave it empty{code} where there is none")
        if self.scale is not None and not self.scale[0] <= value <= self.scale[1]:
            low, high = self.scale
            raise BadValue(f"{column} {text[:40]} is not from {low:g} to {high:g}, the scale of data.scale")
        return value

    def remarks(self) -> list[str]:
        """How often the code was found."""
        value = "; where it is a value, say data.scale=[LOW,HIGH] that has it" if self.scale is None else ""
        return [
            f"{column}: {number} rows have {NO_VALENCE}, which is read as no value{value}"
            for column, number in sorted(self.codes.items())
        ]
