"""What an encoder takes of clips, read in worker processes, and the vectors that it makes of that in this one."""

from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np

from emolightning.data.checkup.unusable import NO_FACE, NO_SOUND, NO_TRANSCRIPT
from emolightning.data.media.audio import NoAudioTrack, read_waveform
from emolightning.data.media.face_films import NoFace
from emolightning.data.media.faces import FacePolicy, TooLarge
from emolightning.data.stores.apart import parts_of
from emolightning.data.stores.cache import Outcome
from emolightning.data.stores.manifest import Kept, Level
from emolightning.errors import UserError
from emolightning.models.encoders.encoder import SAMPLE_RATE_HZ, CannotEncode, Encoder, utterance
from emolightning.records.clips import Clip

ITEM = "item"
"""What a worker process hands over of a clip."""

MOST_HANDED_OVER_BYTES = 2**28
"""Frames of one clip that a worker process hands over; more are taken from a process of their own, one by one."""

TOO_LONG = "memory is too small to encode it; cut it into pieces, e.g. with the columns start and end"

ABSENT = {"sound": NO_SOUND, "frames": NO_FACE, "text": NO_TRANSCRIPT}
"""What an encoder takes -> what is said of a clip that has none, though its file is in order."""


@dataclass(frozen=True)
class ItemReader:
    """What an encoder takes of a clip, read in a worker process.

    Args:
        takes: sound, frames or text.
        positions: of the frames.
        faces: who is seen.
        decoded_at: pixels, both ways, at which whole frames have to come out of the decoder.
    """

    takes: str
    positions: Callable[[int], list[int]] | None
    faces: FacePolicy
    decoded_at: int | None = None

    def __call__(self, clip: Clip, names: tuple[str, ...]) -> Outcome:
        """The item of one clip, or why it has none."""
        if self.takes == "text":
            return (
                Outcome({ITEM: np.array(clip.transcript)}) if clip.transcript else Outcome(absent={ITEM: NO_TRANSCRIPT})
            )
        try:
            if self.takes == "sound":
                return Outcome({ITEM: read_waveform(clip.video, span=clip.span, corruption=clip.corruption)})
            assert self.positions is not None
            faces = self.faces.crops(
                clip, self.positions, decoded_at=self.decoded_at, most_bytes=MOST_HANDED_OVER_BYTES
            )
            return Outcome({ITEM: faces.frames}, record=self._noted(faces.record))
        except TooLarge:
            return Outcome(in_parts=partial(parts_of, partial(self.parts, clip), clip.video))
        except (NoAudioTrack, NoFace) as error:
            return Outcome(absent={ITEM: str(error)})

    def parts(self, clip: Clip) -> Iterator[Any]:
        """The record of a clip, then its frames one by one."""
        assert self.positions is not None
        record, frames = self.faces.each(clip, self.positions, decoded_at=self.decoded_at)
        yield self._noted(record)
        yield from frames

    def _noted(self, record: dict[str, Any]) -> dict[str, Any] | None:
        return record if self.faces.kind == "detector" else None


def kept(steps: np.ndarray, *, level: Level, dtype: Kept) -> np.ndarray:
    """What is kept of the vectors of a clip.

    Raises:
        CannotEncode: numbers that are none, or too large for the type.
    """
    with np.errstate(over="ignore"):
        kept = (utterance(steps) if level == "utterance" else steps).astype(dtype)
    if not np.isfinite(kept).all():
        raise CannotEncode(0, f"the encoder gave values that are not finite numbers in {dtype}")
    return kept


def encoded(encoder: Encoder, keep: Callable[[np.ndarray], np.ndarray], read: Sequence[Outcome]) -> list[Outcome]:
    """The vectors of some clips; one that has none does not spoil the others."""
    together = [outcome for outcome in read if outcome.in_parts is None]
    made = iter(_encoded_together(encoder, keep, [_item(outcome.arrays[ITEM]) for outcome in together]))
    return [
        _encoded_in_parts(encoder, keep, outcome.in_parts)
        if outcome.in_parts
        else replace(next(made), record=outcome.record)
        for outcome in read
    ]


def _encoded_together(
    encoder: Encoder, keep: Callable[[np.ndarray], np.ndarray], items: Sequence[Any]
) -> list[Outcome]:
    made: dict[int, Outcome] = {}
    while places := [place for place in range(len(items)) if place not in made]:
        try:
            vectors = encoder.encode([items[place] for place in places])
        except CannotEncode as error:
            made[places[error.item]] = Outcome(problem=str(error))
            continue
        except (MemoryError, RuntimeError) as error:
            if not _is_memory(error):
                raise
            if len(places) > 1:  # It does not say whose item it was.
                return [outcome for item in items for outcome in _encoded_together(encoder, keep, [item])]
            return [Outcome(problem=TOO_LONG)]
        for place, steps in zip(places, vectors, strict=True):
            made[place] = _vector(keep, steps)
    return [made[place] for place in range(len(items))]


def _encoded_in_parts(
    encoder: Encoder, keep: Callable[[np.ndarray], np.ndarray], in_parts: Callable[[], Generator[Any, None, None]]
) -> Outcome:
    """The vectors of a clip that is encoded while it is decoded."""
    try:
        with closing(in_parts()) as parts:
            record = next(parts)
            (steps,) = encoder.encode([parts])
    except (NoAudioTrack, NoFace) as error:
        return Outcome(absent={ITEM: str(error)})
    except UserError as error:
        return Outcome(problem=str(error))
    return replace(_vector(keep, steps), record=record)


def _vector(keep: Callable[[np.ndarray], np.ndarray], steps: np.ndarray) -> Outcome:
    try:
        return Outcome({ITEM: keep(steps)})
    except CannotEncode as error:
        return Outcome(problem=str(error))


def _is_memory(error: Exception) -> bool:
    """Whether memory, the GPU's or the computer's, is too small; torch has no class for the latter."""
    import torch

    return isinstance(error, MemoryError | torch.OutOfMemoryError) or "can't allocate memory" in str(error)


def _item(array: np.ndarray) -> Any:
    return str(array) if array.dtype.kind == "U" else array


def try_out(encoder: Encoder, weights: str) -> None:
    """Encode a sound or a text, so that files that do not fit together are noticed before a clip is read.

    Encoders of pictures do so themselves.

    Raises:
        UserError: the model fails on it.
    """
    samples = {"sound": np.zeros(SAMPLE_RATE_HZ, np.float32), "text": "yes"}
    if encoder.takes not in samples:
        return
    from emolightning.models.parts.pretrained import first_line

    try:
        encoder.encode([samples[encoder.takes]])
    except UserError:
        return  # Silence and a word may have no vector; clips are told of.
    except Exception as error:  # Whatever a model makes of settings that do not fit it.
        raise UserError(
            f"{weights}: the model fails on a second of silence, or a word ({first_line(error)}); its files do not fit "
            "together: get a whole copy of it"
        ) from error
