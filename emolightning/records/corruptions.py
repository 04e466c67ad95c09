"""What can be made worse in a clip or in a question, to see how a model bears it: names, scales, draws."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Self

from emolightning.errors import UserError

if TYPE_CHECKING:
    import numpy as np

MOST_BLUR = 32


@dataclass(frozen=True)
class CorruptionKind:
    """One way of making things worse."""

    about: str
    """What is done, in words."""
    axis: str
    """What its severity is, with its unit."""
    modality: str
    """What it is done to: `audio`, `video`, `text`; `both` sound and picture; `vectors`; or the `question`."""
    levels: tuple[float, ...]
    """Severities that are looked at unless others are named, from mild to hard."""
    low: float
    """The smallest severity, with which nothing is done unless it is a signal-to-noise ratio."""
    high: float
    """The largest severity."""
    reads_media: bool = True
    """Whether it is done to the sound and picture of a file while they are read."""


DECIBELS = "signal-to-noise ratio in dB"

CORRUPTIONS: Mapping[str, CorruptionKind] = {
    "noise": CorruptionKind(
        "white noise is added to the sound, or noise of the files in a folder",
        DECIBELS,
        "audio",
        (20, 15, 10, 5, 0),
        -60,
        100,
    ),
    "mer2024_noise": CorruptionKind(
        "the recipe of MER2024-NOISE: noise of files at 5 to 10 dB, and blur by a factor of 1, 2 or 4, drawn for each "
        "clip",
        "1: as published",
        "both",
        (1,),
        1,
        1,
    ),
    "blur": CorruptionKind(
        "the picture is made smaller by this factor and larger again", "factor", "video", (2, 4, 8, 16), 1, MOST_BLUR
    ),
    "occlusion": CorruptionKind(
        "a black rectangle hides a part of the picture, the same in all frames",
        "share of the picture",
        "video",
        (0.1, 0.25, 0.5, 0.75),
        0,
        1,
    ),
    "dropped_frames": CorruptionKind(
        "frames are lost, and the one before is seen instead",
        "share of the frames",
        "video",
        (0.25, 0.5, 0.75, 0.9),
        0,
        1,
    ),
    "words": CorruptionKind(
        "words of the transcript are replaced by words of other clips, or left out, one as often as the other",
        "share of the words",
        "text",
        (0.1, 0.2, 0.4, 0.8),
        0,
        1,
        reads_media=False,
    ),
    "vectors": CorruptionKind(
        "white noise is added to the vectors of inputs",
        DECIBELS,
        "vectors",
        (20, 10, 5, 0, -5),
        -60,
        100,
        reads_media=False,
    ),
    "wording": CorruptionKind(
        "the question is another one of the family's sentences",
        "number of the sentence",
        "question",
        (1, 2, 3, 4),
        0,
        1000,
        reads_media=False,
    ),
}
"""Name -> what it is, of those that are done while a clip is read or asked about."""

FRAME, LABEL_ORDER = "frame", "label_order"

SETTINGS: Mapping[str, CorruptionKind] = {
    FRAME: CorruptionKind("the model sees other frames of the clip", "data.frame", "video", (), 0, 0),
    LABEL_ORDER: CorruptionKind(
        "the question offers the labels in another order", "number of the order", "question", (1, 2, 3, 4, 5), 1, 10_000
    ),
}
"""The same of those that are another setting of the evaluation."""

KINDS = {**CORRUPTIONS, **SETTINGS}
"""All that `robustness` looks at."""

UNORDERED = (FRAME, LABEL_ORDER, "wording")
"""Those of which a severity is only a name."""


@dataclass(frozen=True)
class Corruption:
    """What is made worse, and how much. Everything that is drawn follows from the seed and the clip's id."""

    kind: str
    severity: float
    seed: int = 0
    noise: tuple[str, ...] = ()
    """Files with noise; none is white noise."""
    clip_id: str = ""

    def __post_init__(self) -> None:
        about = CORRUPTIONS[self.kind]
        if not about.low <= self.severity <= about.high:
            raise UserError(
                f"perturb.severity={self.severity:g}: {self.kind} takes {about.low:g} to {about.high:g} "
                f"({about.axis}), e.g. {about.levels[0]:g}"
            )
        factor = int(self.severity)
        if self.kind == "blur" and (factor != self.severity or factor & (factor - 1)):
            raise UserError(f"perturb.severity={self.severity:g}: blur takes 1, 2, 4, 8, 16 or {MOST_BLUR}")
        if self.kind == "wording" and factor != self.severity:
            raise UserError(f"perturb.severity={self.severity:g}: wording takes a whole number, e.g. 1")
        if self.kind == "mer2024_noise" and not self.noise:
            raise UserError(
                "perturb.corruption=mer2024_noise: mixes in noise of files; say perturb.noise=FOLDER, e.g. of the "
                "speech of MUSAN"
            )

    @property
    def about(self) -> CorruptionKind:
        """Its kind."""
        return CORRUPTIONS[self.kind]

    def of_clip(self, clip_id: str) -> Self:
        """The same for one clip."""
        return replace(self, clip_id=clip_id)

    def draws(self, what: str) -> "np.random.Generator":
        """Random numbers by (seed, clip, what they are for): the same at every severity, in every process."""
        return draws(self.seed, what, self.clip_id)


def draws(seed: int, what: str, clip_id: str) -> "np.random.Generator":
    """Random numbers by (seed, what they are for, clip): the same in every process."""
    import numpy as np  # Settings are checked without it.

    digest = hashlib.sha256(f"{seed}/{what}/{clip_id}".encode()).digest()
    return np.random.default_rng(int.from_bytes(digest[:16], "big"))
