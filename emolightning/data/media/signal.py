"""Classical descriptors of sound and picture: what replaces the pre-trained encoders without any weights.

Pure functions of one clip. Values are brought to about unit size by fixed constants, so that a descriptor never
depends on the data set it is computed in.
"""

from collections.abc import Iterable, Iterator
from functools import lru_cache

import numpy as np

NUM_MELS = 26
SPEECH_WIDTH = 4 * NUM_MELS + 11
"""Log-mel mean, spread, change and trend; six numbers on pitch, five on energy."""

CELLS = 8
"""Cells per side of the grids over the picture."""
NUM_ORIENTATIONS = 6
FACE_WIDTH = CELLS * CELLS * NUM_ORIENTATIONS
NUM_STEPS = 8
MOTION_WIDTH = CELLS * CELLS + NUM_STEPS + CELLS * CELLS

WINDOW_S = 0.025
PITCH_WINDOW_S = 0.04
HOP_S = 0.01
PITCH_RANGE_HZ = (70.0, 500.0)
PITCH_BAND_HZ = 4000.0
"""Sound above is left out of the pitch track. At 1600 Hz whole-sample lags are too coarse: octave errors at 200 Hz."""
OCTAVE_COST = 0.06
"""What a candidate pitch pays per octave below the highest: a lag of two periods fits as well as one."""
VOICED = 0.45
"""Least normalised autocorrelation of a voiced window."""
BLOCK = 6000
"""Windows that are looked at together, a minute: the spectra of an hour would take gigabytes."""
POWER_FLOOR = 1e-7
"""-70 dB of full scale: below the noise of a quiet recording, above that of 16-bit silence."""

CROP = 72 / 112
"""Share of the side that the face descriptor looks at, in the middle."""
NUM_FACE_FRAMES = 4
CONTRAST_FLOOR = 4.0
"""Grey levels per pixel; keeps noise in an empty picture from being blown up to a face."""
MOTION_FLOOR = 3.0
"""Grey levels per second: film grain and compression stay below."""


def describe_speech(waveform: np.ndarray, sample_rate: int) -> np.ndarray:
    """Spectrum, pitch and energy over time.

    Args:
        waveform: (samples,) float32 in [-1, 1]; silence and a single sample are allowed.
        sample_rate: Hz.

    Returns:
        (SPEECH_WIDTH,) float32.

    Raises:
        ValueError: an empty or multi-channel waveform.
    """
    if waveform.ndim != 1 or waveform.size == 0:
        raise ValueError(f"waveform of shape {waveform.shape}: must be (samples,) with at least one sample")
    sound = waveform.astype(np.float64)
    log_mel, energy = _joined(_spectra(block, sample_rate) for block in _blocks(_windows(sound, sample_rate, WINDOW_S)))
    change = np.abs(np.diff(log_mel, axis=0)).mean(axis=0) if len(log_mel) > 1 else np.zeros(NUM_MELS)
    spectrum = [(log_mel.mean(axis=0) + 4) / 2, 2 * log_mel.std(axis=0), 4 * change, _trend(log_mel)]
    return np.concatenate([*spectrum, _describe_pitch(sound, sample_rate), _describe_energy(energy)]).astype(np.float32)


def describe_face(frames: np.ndarray) -> np.ndarray:
    """Histograms of oriented gradients of the middle of the picture, averaged over the second half of the clip.

    After Dalal & Triggs (CVPR 2005), with the contrast of the whole crop in place of block normalisation.

    Args:
        frames: (num_frames, height, width, 3) uint8, RGB.

    Returns:
        (FACE_WIDTH,) float32: cells by rows, orientations within a cell.

    Raises:
        ValueError: no frame, or not of this shape.
    """
    _check_frames(frames)
    chosen = np.unique(np.linspace((len(frames) - 1) / 2, len(frames) - 1, NUM_FACE_FRAMES).round().astype(int))
    return _orientations(frames[chosen]).mean(axis=0).transpose(1, 2, 0).ravel().astype(np.float32)


def peak_of(frames: np.ndarray) -> int:
    """Find the frame whose face differs most from that at the beginning of the clip.

    Apex against onset, as in work on micro-expressions (Yan et al., 2014), with the oriented gradients of
    `describe_face` in place of landmarks: the largest Euclidean distance from the mean of the first eighth of the
    frames, each averaged with its two neighbours so that a blink or a damaged frame does not win; the first of equals.

    Args:
        frames: (num_frames, height, width, 3) uint8, RGB.

    Raises:
        ValueError: no frame, or not of this shape.
    """
    _check_frames(frames)
    shapes = _orientations(frames).reshape(len(frames), -1)
    distances = np.linalg.norm(shapes - shapes[: max(1, len(shapes) // 8)].mean(axis=0), axis=1)
    padded = np.pad(distances, 1, mode="edge")
    return int(np.argmax(padded[:-2] + padded[1:-1] + padded[2:]))


def _orientations(frames: np.ndarray) -> np.ndarray:
    """(n, height, width, 3) -> (n, NUM_ORIENTATIONS, CELLS, CELLS) of the middle of each picture."""
    grey = _centre(_grey(frames))
    down, across = np.gradient(grey, axis=(1, 2))
    size = np.hypot(across, down)
    orientation = np.floor(np.arctan2(down, across) % np.pi / np.pi * NUM_ORIENTATIONS).astype(int) % NUM_ORIENTATIONS
    layers = np.where(orientation[..., None] == np.arange(NUM_ORIENTATIONS), size[..., None], 0.0)
    cells = _cell_means(layers.transpose(0, 3, 1, 2))
    contrast = size.mean(axis=(1, 2))[:, None, None, None] + CONTRAST_FLOOR
    return np.sqrt(cells / contrast)


def describe_motion(frames: np.ndarray, times_s: np.ndarray) -> np.ndarray:
    """Where and when the picture changes, and what differs between its beginning and its end.

    Args:
        frames: (num_frames, height, width, 3) uint8, RGB; one frame is allowed and does not move.
        times_s: (num_frames,) seconds, ascending.

    Returns:
        (MOTION_WIDTH,) float32: energy by cell, energy by time step, lasting change by cell.

    Raises:
        ValueError: no frame, or a different number of times.
    """
    _check_frames(frames)
    if len(times_s) != len(frames):
        raise ValueError(f"{len(times_s)} times for {len(frames)} frames")
    grey = _grey(frames)
    if len(grey) > 1:
        # Variable frame rates repeat time stamps; a millisecond keeps the rate finite.
        seconds = np.maximum(np.diff(np.asarray(times_s, dtype=np.float64)), 1e-3)[:, None, None]
        rate = np.abs(_cell_means(np.abs(np.diff(grey, axis=0)))) / seconds
    else:
        rate = np.zeros((1, CELLS, CELLS))
    steps = np.linspace(0, len(rate), NUM_STEPS + 1)
    by_step = [_span_mean(rate.mean(axis=(1, 2)), steps[i], steps[i + 1]) for i in range(NUM_STEPS)]
    ends = grey[-max(1, len(grey) // 3) :].mean(axis=0) - grey[: max(1, len(grey) // 8)].mean(axis=0)
    lasting = _cell_means(np.abs(ends))
    parts = [_motion_scale(rate.mean(axis=0)), _motion_scale(np.array(by_step)), np.log10(lasting + 1) * 1.5 - 1]
    return np.concatenate([part.ravel() for part in parts]).astype(np.float32)


def _motion_scale(rate: np.ndarray) -> np.ndarray:
    return 1.5 * np.log10(rate + MOTION_FLOOR) - 2.5


def _span_mean(values: np.ndarray, start: float, end: float) -> float:
    """Mean of the values in [start, end) by index; the nearest one where the span holds none."""
    first = min(int(start), len(values) - 1)
    return float(values[first : max(first + 1, int(end))].mean())


def _check_frames(frames: np.ndarray) -> None:
    if frames.ndim != 4 or frames.shape[-1] != 3 or frames.size == 0:
        raise ValueError(f"frames of shape {frames.shape}: must be (num_frames, height, width, 3), none of them 0")


def _grey(frames: np.ndarray) -> np.ndarray:
    """(n, height, width, 3) -> (n, height, width) float32, 0-255, weights of ITU-R BT.601."""
    return frames @ np.array([0.299, 0.587, 0.114], dtype=np.float32)


def _centre(grey: np.ndarray) -> np.ndarray:
    """(n, height, width) -> the middle CROP of both sides, at least two pixels each."""
    for axis in (1, 2):
        length = grey.shape[axis]
        kept = min(length, max(2, round(CROP * length)))
        grey = grey.take(np.arange(kept) + (length - kept) // 2, axis=axis)
        if kept < 2:
            grey = grey.repeat(2, axis=axis)
    return grey


def _cell_means(planes: np.ndarray) -> np.ndarray:
    """(..., height, width) -> (..., CELLS, CELLS)."""
    for axis in (-2, -1):
        length = planes.shape[axis]
        if length < CELLS:
            planes = planes.take(np.arange(CELLS) * length // CELLS, axis=axis)
            continue
        starts = np.arange(CELLS) * length // CELLS
        shape = [1] * planes.ndim
        shape[axis] = CELLS
        planes = np.add.reduceat(planes, starts, axis=axis) / np.diff([*starts, length]).reshape(shape)
    return planes


def _spectra(windows: np.ndarray, sample_rate: int) -> tuple[np.ndarray, np.ndarray]:
    """(windows, length) -> (windows, NUM_MELS) and (windows,) log10 power: by band, and of all."""
    power = np.abs(np.fft.rfft(windows * _hann(sample_rate), axis=1)) ** 2
    log_mel = np.log10(power @ _mel_filters(sample_rate, power.shape[1]).T + POWER_FLOOR)
    return log_mel, np.log10(power.sum(axis=1) + POWER_FLOOR)


def _blocks(windows: np.ndarray) -> Iterator[np.ndarray]:
    return (windows[start : start + BLOCK] for start in range(0, len(windows), BLOCK))


def _joined(parts: Iterable[tuple[np.ndarray, np.ndarray]]) -> tuple[np.ndarray, np.ndarray]:
    first, second = zip(*parts, strict=True)
    return np.concatenate(first), np.concatenate(second)


def _windows(sound: np.ndarray, sample_rate: float, seconds: float) -> np.ndarray:
    """(samples,) -> (windows, length), one every HOP_S; sound shorter than a window is filled up with silence."""
    length = _window_length(sample_rate, seconds)
    if len(sound) < length:
        sound = np.pad(sound, (0, length - len(sound)))
    return np.lib.stride_tricks.sliding_window_view(sound, length)[:: max(1, round(HOP_S * sample_rate))]


def _window_length(sample_rate: float, seconds: float) -> int:
    return max(2, round(seconds * sample_rate))


@lru_cache(maxsize=8)
def _hann(sample_rate: int) -> np.ndarray:
    """Scaled so that the power of a full-scale sine sums to about 1."""
    window = np.hanning(_window_length(sample_rate, WINDOW_S))
    return window / max(window.sum(), 1.0) * 2


@lru_cache(maxsize=8)
def _mel_filters(sample_rate: int, num_bins: int) -> np.ndarray:
    """(NUM_MELS, num_bins) triangles, equally spaced in mel from 60 Hz to half the sample rate (HTK's formula)."""
    top = max(sample_rate / 2, 120.0)
    low_mel, high_mel = 2595 * np.log10(1 + np.array([60.0, top]) / 700)
    mel = np.linspace(low_mel, high_mel, NUM_MELS + 2)
    edges = 700 * (10 ** (mel / 2595) - 1)
    hz = np.linspace(0, sample_rate / 2, num_bins)
    rising = (hz - edges[:-2, None]) / (edges[1:-1] - edges[:-2])[:, None]
    falling = (edges[2:, None] - hz) / (edges[2:] - edges[1:-1])[:, None]
    return np.maximum(0, np.minimum(rising, falling))


def _trend(rows: np.ndarray) -> np.ndarray:
    """(time, ...) -> mean of the last third less that of the first; zero for a single row."""
    third = max(1, len(rows) // 3)
    return rows[-third:].mean(axis=0) - rows[:third].mean(axis=0)


def _describe_energy(energy: np.ndarray) -> np.ndarray:
    """energy: (windows,) log10 power -> (5,): level, spread, range, trend, rate of change."""
    low, high = np.percentile(energy, (10, 90))
    change = np.abs(np.diff(energy)).mean() if len(energy) > 1 else 0.0
    return np.array([(energy.mean() + 3) / 1.5, 2 * energy.std(), high - low, _trend(energy), 4 * change])


def _describe_pitch(sound: np.ndarray, sample_rate: int) -> np.ndarray:
    """(6,): share of voiced windows, and of their pitch in octaves: level, spread, range, trend, slope per second."""
    octaves, voiced = _track_pitch(sound, sample_rate)
    if voiced.sum() < 2:
        return np.array([voiced.mean(), 0.0, 0.0, 0.0, 0.0, 0.0])
    pitch = octaves[voiced]
    low, high = np.percentile(pitch, (10, 90))
    time = np.flatnonzero(voiced) * HOP_S
    offset = time - time.mean()
    slope = (offset @ pitch) / max(offset @ offset, 1e-9)
    return np.array([voiced.mean(), pitch.mean(), 3 * pitch.std(), high - low, _trend(pitch), np.clip(slope, -4, 4)])


def _track_pitch(sound: np.ndarray, sample_rate: int) -> tuple[np.ndarray, np.ndarray]:
    """Autocorrelation, divided by that of the window (Boersma 1993).

    Returns:
        (windows,) octaves above 150 Hz, and (windows,) whether the window is voiced.
    """
    step = max(1, int(sample_rate / 2 / PITCH_BAND_HZ))
    if step > 1:
        sound = sound[: len(sound) // step * step].reshape(-1, step).mean(axis=1) if len(sound) >= step else sound[:1]
    rate = sample_rate / step
    return _joined(_pitch_of(block, rate) for block in _blocks(_windows(sound, rate, PITCH_WINDOW_S)))


def _pitch_of(windows: np.ndarray, rate: float) -> tuple[np.ndarray, np.ndarray]:
    """`_track_pitch` of windows that are cut already."""
    windows = windows - windows.mean(axis=1, keepdims=True)
    shape = np.hanning(windows.shape[1] + 2)[1:-1]
    size = 2 ** int(np.ceil(np.log2(2 * windows.shape[1])))
    correlation = np.fft.irfft(np.abs(np.fft.rfft(windows * shape, size, axis=1)) ** 2, size, axis=1)
    own = np.fft.irfft(np.abs(np.fft.rfft(shape, size)) ** 2, size)
    first = max(1, int(rate / PITCH_RANGE_HZ[1]))
    last = min(int(rate / PITCH_RANGE_HZ[0]), windows.shape[1] - 2)
    if last <= first:
        return np.zeros(len(windows)), np.zeros(len(windows), dtype=bool)
    lags = np.arange(first, last + 1)
    power = correlation[:, :1]
    normal = correlation[:, lags] / own[lags] * own[0] / (power + 1e-9)
    best = np.argmax(normal - OCTAVE_COST * np.log2(lags / first), axis=1)
    strength = normal[np.arange(len(normal)), best]
    voiced = (strength > VOICED) & (power[:, 0] > 1e-6)
    return np.log2(rate / lags[best] / 150.0), voiced
