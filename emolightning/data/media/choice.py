"""Which frames of a clip are looked at."""

import re
from dataclasses import dataclass
from typing import Literal

from emolightning.errors import UserError


@dataclass(frozen=True)
class FrameChoice:
    """Which frames of a clip are looked at."""

    kind: Literal["index", "middle", "even"]
    value: int = 0
    """The index (negative counts from the end), or how many frames for `even`."""

    @property
    def num_frames(self) -> int:
        """How many are chosen of every clip."""
        return self.value if self.kind == "even" else 1

    def __str__(self) -> str:
        """One of the texts that `parse_frame_choice` reads as this."""
        if self.kind == "index":
            return str(self.value) if self.value else "first"
        return "middle" if self.kind == "middle" else f"even:{self.value}"

    def positions(self, num_frames: int) -> list[int]:
        """The chosen frames of a clip with `num_frames`; `even` repeats frames of a clip that has too few.

        Raises:
            IndexError: the index is beyond the end.
        """
        if self.kind == "index":
            return [range(num_frames)[self.value]]
        return even_positions(num_frames, self.num_frames)


def parse_frame_choice(text: str) -> FrameChoice:
    """`first`, `middle`, an index (`12`, `-1` is the last), or `even:4`: the centres of four equal parts.

    Raises:
        UserError: anything else.
    """
    if text in ("first", "middle"):
        return FrameChoice("index" if text == "first" else "middle")
    if re.fullmatch(r"-?\d{1,9}", str(text)):
        return FrameChoice("index", int(text))
    if re.fullmatch(r"even:0*[1-9]\d{0,3}", str(text)):
        return FrameChoice("even", int(text.removeprefix("even:")))
    raise UserError(f"data.frame={text!r} is not first, middle, an index such as 12 or -1, or even:N such as even:4")


def even_positions(num_frames: int, count: int) -> list[int]:
    """The centres of `count` equal parts, in whole numbers so that no rounding differs anywhere."""
    return [(2 * part + 1) * num_frames // (2 * count) for part in range(count)]
