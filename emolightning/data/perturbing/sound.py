"""Noise in a waveform, at a signal-to-noise ratio."""

from collections.abc import Callable
from functools import lru_cache
from pathlib import Path

import numpy as np

from emolightning.errors import UserError
from emolightning.files.media_suffixes import MEDIA_SUFFIXES, SOUND_SUFFIXES
from emolightning.records.corruptions import Corruption

MER2024_DECIBELS = (5, 10)
"""Whole numbers from here to there are drawn: MERTools, `MER2024/main-noise.py`."""

FILES_IN_MEMORY = 16

Read = Callable[[Path, int], np.ndarray]
"""A file and a rate -> its sound, (samples,) float32."""


class BrokenNoise(UserError):
    """A file of noise that cannot be read: a fault of no clip that it is mixed into."""


def noise_files(folder: str | None, setting: str = "perturb.noise") -> tuple[str, ...]:
    """The sound files of a folder, sorted by name, so that every machine draws the same ones.

    Args:
        folder: with sound files; None for none.
        setting: that names it.

    Raises:
        UserError: there is no such folder, or no sound file in it.
    """
    if folder is None:
        return ()
    place = Path(folder).expanduser()
    if not place.is_dir():
        raise UserError(f"{setting}={folder}: there is no such folder; name one with sound files, e.g. of MUSAN")
    listed = (path for path in place.rglob("*") if path.suffix.lower() in MEDIA_SUFFIXES)
    found = sorted(path for path in listed if path.is_file() and not path.name.startswith("."))
    if not found:
        raise UserError(
            f"{setting}={folder}: there is no sound file in it ({', '.join(SOUND_SUFFIXES)}); put some there, e.g. "
            "of MUSAN"
        )
    return tuple(str(path) for path in found)


def noisy(waveform: np.ndarray, rate: int, corruption: Corruption, read: Read) -> np.ndarray:
    """A waveform with noise; silence stays as it is, for no ratio is one to nothing.

    As in MER2024-NOISE the ratio is one of mean squares over the whole clip, and a sum beyond full scale is made
    quieter as a whole.

    Args:
        waveform: (samples,) float32 in [-1, 1].
        rate: samples a second.
        corruption: `noise` or `mer2024_noise`, of this clip.
        read: gives the samples of a file of noise.

    Raises:
        UserError: a file of noise cannot be read.
    """
    decibels = corruption.severity
    if corruption.kind == "mer2024_noise":
        low, high = MER2024_DECIBELS
        decibels = int(corruption.draws("decibels").integers(low, high + 1))
    power = _rms(waveform)
    noise = _piece(len(waveform), rate, corruption, read) if corruption.noise else None
    if noise is None:
        noise = corruption.draws("noise").standard_normal(len(waveform))
    own = _rms(noise)
    if power == 0 or own == 0:
        return waveform
    mixed = waveform + noise * (power / own / 10 ** (decibels / 20))
    return (mixed / max(1.0, float(np.abs(mixed).max()))).astype(np.float32)


def _piece(num_samples: int, rate: int, corruption: Corruption, read: Read) -> np.ndarray:
    """As much noise as the clip is long: files one after the other, begun at a random place."""
    draws, parts, length = corruption.draws("noise"), [], 0
    while length <= num_samples:
        parts.append(_read(read, corruption.noise[int(draws.integers(len(corruption.noise)))], rate))
        length += len(parts[-1])
    start = int(draws.integers(length - num_samples + 1))
    return np.concatenate(parts)[start : start + num_samples]


@lru_cache(maxsize=FILES_IN_MEMORY)
def _read(read: Read, path: str, rate: int) -> np.ndarray:
    return read(Path(path), rate)


def _rms(values: np.ndarray) -> float:
    return float(np.sqrt(np.mean(np.square(values, dtype=np.float64))))
