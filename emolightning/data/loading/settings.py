"""The keys of `configs/data/` that every dataset has, in the two groups that belong together."""

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Any, Literal

from emolightning.data.checkup.unusable import OnError
from emolightning.data.loading.draws import Sampling
from emolightning.data.media.choice import FrameChoice, parse_frame_choice
from emolightning.data.stores.features import Missing
from emolightning.errors import UserError

OtherRecipe = Literal["refuse", "accept"]


@dataclass(frozen=True)
class Reading:
    """How clips are read: which frames, and what is done where something is missing."""

    frame: str | int = "middle"
    """Which frame(s) the vision tower sees: `first`, `middle`, an index, `even:4`, `window:16`, `peak`, `peak:FILE`."""
    missing: Missing = "error"
    """What to do with a clip that lacks a feature: `error`, or `zero` (counted and shown)."""
    on_error: OnError = "stop"
    """What to do with clips whose file is missing or cannot be used: `stop` names all of them and ends, `skip` goes on
    without them; they are counted and listed in everything that the run writes."""
    max_skipped: float = 0.05
    """The largest share of the clips that may be skipped; 1.0 allows all."""
    other_recipe: OtherRecipe = "refuse"
    """What to do where vectors were made by another recipe than those that the weights were trained with: `refuse`, or
    `accept`, which stands among the warnings of everything that the run writes."""
    held_out: str | None = None
    """Divides all clips anew, for cross-validation: `2/5` tests the second of five folds and validates on the third,
    `subject=s01` tests one subject (or another column of the table). `folds` and `leave_one` say it for each run."""
    cache: str = "data/cache"
    """Folder for features and frames."""
    choice: FrameChoice = field(init=False, repr=False)
    """`frame`, parsed."""

    def __post_init__(self) -> None:
        # A misspelt choice is known now, not when all clips are rendered and read.
        object.__setattr__(self, "choice", parse_frame_choice(str(self.frame)))
        if not 0 <= self.max_skipped <= 1:
            raise UserError(f"data.max_skipped={self.max_skipped} is not a share from 0 to 1, e.g. 0.05")


@dataclass(frozen=True)
class Loading:
    """How clips become batches."""

    batch_size: int = 16
    """Clips per process and step."""
    batches_per_epoch: int | None = None
    """Null for the whole train split, or a number per process (upstream's `iters_per_epoch`)."""
    num_workers: int = 0
    """Loader processes; 0 reads in the training process."""
    sampling: Sampling = "none"
    """What a pass over the train split draws. `none`: each clip once; `balanced`: all labels equally often; `sqrt`:
    in proportion to the square root of their clips. As many clips as there are, drawn by (seed, pass)."""
    length_buckets: int | None = None
    """Null, or batches of clips of like length, so that less of them is padding: the clips of so many batches are
    sorted by the length of their sequences; 8 is usual."""


def split_settings(group: Mapping[str, Any]) -> tuple[dict[str, Any], Reading, Loading]:
    """The keys of a `data` group: those of the source itself, those of reading, those of loading."""
    parts = [{item.name for item in fields(kind) if item.init} for kind in (Reading, Loading)]
    reading, loading = ({name: value for name, value in group.items() if name in names} for names in parts)
    own = {name: value for name, value in group.items() if name not in reading and name not in loading}
    return own, Reading(**reading), Loading(**loading)
