"""A model as the server knows it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import chain, count
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from emolightning.data.media.choice import FrameChoice
from emolightning.errors import UserError
from emolightning.records.clips import Clip
from emolightning.records.inputs import named
from emolightning.records.predictions import Failure, Prediction

if TYPE_CHECKING:
    from emolightning.runs.predicting import Predictor

EMOTION, REASON = "emotion", "reason"
"""The tasks that are asked here."""


class Answering(Protocol):
    """What a model must be able to do: see `emolightning.runs.predicting.Predictor`."""

    @property
    def labels(self) -> tuple[str, ...]: ...

    def question(self, task: str = EMOTION) -> str: ...

    def predict(
        self,
        clips: Sequence[Clip],
        *,
        question: str | None = None,
        task: str = EMOTION,
    ) -> Sequence[Prediction | Failure]: ...

    def seeing(self, modalities: Sequence[str]) -> "Answering": ...


@dataclass(frozen=True)
class Served:
    """One model under its name."""

    name: str
    model: Answering
    inputs: Mapping[str, str]
    """Input that the model looks at -> its modality."""
    choice: FrameChoice
    """The frames that it looks at."""
    card: str = ""
    """Its model card, in Markdown."""


def names_of(checkpoints: Sequence[Path]) -> list[str]:
    """A short name for each: its folder's, with the next free number where another one has it.

    >>> names_of([Path("outputs/a"), Path("outputs/b/adapter"), Path("old/a/checkpoints/best.ckpt")])
    ['a', 'b', 'a 2']
    >>> names_of([Path("a 2"), Path("a"), Path("old/a")])
    ['a 2', 'a', 'a 3']
    """
    names: list[str] = []
    for path in checkpoints:
        inside = [part for part in path.absolute().parts if part not in ("checkpoints", "adapter")]
        base = (inside[-2] if path.suffix == ".ckpt" else inside[-1]) or "model"
        numbered = chain([base], (f"{base} {number}" for number in count(2)))
        names.append(next(name for name in numbered if name not in names))
    return names


def served(name: str, predictor: "Predictor", checkpoint: Path) -> Served:
    """A trained run, opened.

    Raises:
        UserError: its vectors are stored ones, which clips of clients do not have.
    """
    reader = predictor.reader
    if reader.features is not None and not reader.features.reads_media and named(reader.active, "vectors"):
        names = ", ".join(named(reader.active, "vectors"))
        raise UserError(
            f"checkpoint={checkpoint}: its {names} vectors are read from folders, and new clips have none there; say "
            "features=live and where the encoders lie, or leave these inputs out, e.g. inputs.face=false"
        )
    inputs = {input_name: about.modality for input_name, about in reader.active.items()}
    return Served(name, predictor, inputs, reader.choice, card_of(checkpoint))


def card_of(checkpoint: Path) -> str:
    """The model card that lies in the adapter folder of a run, if any."""
    run = checkpoint.parent.parent if checkpoint.is_file() else checkpoint
    for path in (run / "adapter" / "README.md", run / "README.md"):
        if path.is_file():
            return path.read_text(encoding="utf-8", errors="replace")
    return ""
