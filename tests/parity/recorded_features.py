"""Folders of recorded features: their inputs, found by looking into the folder, and how far a vector is off."""

import csv
import json
import wave
from collections.abc import Iterable, Mapping
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load_file

from emolightning.data.media.audio import read_waveform

STEPS = 1e-5
"""Largest difference of a vector's values, relative to the largest value of the recorded ones."""
LONG = 500
LONG_MEAN = 2e-5
"""The same for means over more than LONG steps. Hundreds of equal steps of padding are added to one float32 sum, which
rounds each the same way, and near a tie another processor's last bits turn the way around. Run on an AMD EPYC with
AVX2, the unchanged script under transformers 4.36.2 is 1.23e-5 and 1.05e-5 away from its own recorded means of wav2vec
2.0, the network in float64 1.1e-5; our steps are equal to that script's to the bit."""


def recorded(request: pytest.FixtureRequest, name: str, needed: str) -> Path:
    """The folder of `--golden=DIR` if it is of this kind; else the recorded one beside the checkout, where it is.

    Args:
        request: of the fixture.
        name: of the recorded folder.
        needed: a file that only this kind of folder has.
    """
    given = request.config.getoption("--golden")
    if given is None:
        return request.getfixturevalue("shared") / name
    if not (Path(given) / needed).exists():
        pytest.skip(f"--golden={given} has no {needed}")
    return Path(given).resolve()


def slack(request: pytest.FixtureRequest) -> float:
    """What limits are multiplied by: a README says what was seen of its own folder, not of one in `--golden=DIR`."""
    return 1.0 if request.config.getoption("--golden") is None else 2.0


def tensors(path: Path) -> dict[str, np.ndarray]:
    if not path.exists():
        pytest.skip(f"{path} is absent")
    return load_file(path)


def off(found: np.ndarray, expected: np.ndarray) -> float:
    """The largest difference, relative to the largest value; of zeros the difference itself."""
    assert found.dtype == np.float32
    assert found.shape == expected.shape
    assert np.isfinite(found).all()
    return float(np.abs(found - expected).max() / (np.abs(expected).max() or 1))


def read_wav(path: Path) -> tuple[np.ndarray, int]:
    """(channels, samples) float32, and the rate."""
    with wave.open(str(path)) as file:
        assert file.getsampwidth() == 2
        values = np.frombuffer(file.readframes(file.getnframes()), "<i2").reshape(-1, file.getnchannels())
        return values.T.astype(np.float32) / np.float32(32768), file.getframerate()


def sounds(folder: Path, names: Iterable[str]) -> dict[str, np.ndarray]:
    """Clip -> sound: the recorded wav, and the clip itself, in `clips` beside the folder, where no wav is."""
    wavs = {name: folder / "audio" / f"{name}.wav" for name in names}
    clips = {name: folder.parent / "clips" / f"{name}.mp4" for name in names}
    return {name: read_wav(wav)[0][0] if wav.is_file() else read_waveform(clips[name]) for name, wav in wavs.items()}


def transcripts(folder: Path) -> Mapping[str, Mapping[str, str]]:
    """Clip -> its columns."""
    with (folder / "transcription.csv").open(encoding="utf-8-sig", newline="") as file:
        return {row["name"]: row for row in csv.DictReader(file)}


def architecture(folder: Path) -> str:
    """`model_type` of a folder of weights."""
    return json.loads((folder / "config.json").read_text(encoding="utf-8"))["model_type"]


def models(folder: Path) -> list[str]:
    """Folders of weights, in the order of their names; with the names that can begin others' last."""
    return sorted((path.name for path in (folder / "models").iterdir() if (path / "config.json").is_file()), key=len)


def model_of(name: str, known: list[str]) -> str:
    """The folder of weights that a folder of features is named after."""
    (*_, found) = [model for model in known if name.startswith(f"{model}-")]
    return found


def sinc_resampled(sound: np.ndarray, rate: int, wanted: int = 16000) -> np.ndarray:
    """As AffectGPT's: a windowed sinc, Hann, 6 zero crossings, roll-off 0.99."""
    if rate == wanted:
        return sound
    divisor = np.gcd(rate, wanted)
    old, new = rate // divisor, wanted // divisor
    base = min(old, new) * 0.99
    width = int(np.ceil(6 * old / base))
    places = (np.arange(-width, width + old)[None] / old - np.arange(new)[:, None] / new) * base
    places = places.clip(-6, 6)
    kernel = np.sinc(places) * np.cos(places * np.pi / 12) ** 2 * base / old
    padded = np.pad(sound.astype(np.float64), (width, width + old))
    windows = np.lib.stride_tricks.sliding_window_view(padded, kernel.shape[1])[::old]
    return (windows @ kernel.T).reshape(-1)[: -(-wanted * len(sound) // rate)].astype(np.float32)
