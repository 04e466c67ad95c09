"""The voice: a row of syllables whose loudness, pitch contour and tempo show the class.

A glottal source through fixed formants, made by reading one period of a vowel at the momentary pitch
(wavetable synthesis): a harmonic sound without summing thirty sines per sample.
"""

from dataclasses import dataclass

import numpy as np

SAMPLE_RATE = 16000
"""Hz"""

FORMANTS = ((730, 1090, 2440), (530, 1840, 2480), (270, 2290, 3010), (570, 840, 2410), (300, 870, 2240))
"""Hz; the vowels a, e, i, o, u of Peterson & Barney (1952), men."""

PERIOD = 512
"""Samples of one stored period."""


@dataclass(frozen=True)
class Voice:
    """How an actor sounds, whatever they express."""

    pitch_hz: float
    tract: float
    """Formants relative to the table; shorter vocal tracts are above 1."""
    rate: float
    """Syllables relative to the class's own tempo."""
    breath: float
    """Amplitude of aspiration noise relative to the voice."""


@dataclass(frozen=True)
class _Manner:
    """What a class does to the voice. Ranges are drawn from per clip."""

    level_db: tuple[float, float]
    semitones: float
    """Mean pitch above the actor's own."""
    rise: tuple[float, float]
    """Semitones from the first to the last sample."""
    accent: float
    """Semitones of the peak within each syllable."""
    syllables_per_s: float
    tilt_db: float
    """dB per octave of the source: loud voices are brighter."""


MANNERS = {
    "quiet": _Manner((-33, -28), -2.0, (-3.0, -1.0), 0.5, 3.2, -15.0),
    "loud": _Manner((-17, -13), 4.0, (-2.0, 1.5), 4.0, 5.6, -8.0),
    "rising": _Manner((-24, -19), 1.0, (9.0, 14.0), 1.0, 4.0, -11.0),
}


def draw_voice(rng: np.random.Generator) -> Voice:
    """A new actor's voice: low and high speakers half and half."""
    low = rng.random() < 0.5
    return Voice(
        pitch_hz=rng.uniform(95, 140) if low else rng.uniform(165, 225),
        tract=rng.uniform(0.95, 1.05) if low else rng.uniform(1.1, 1.22),
        rate=rng.uniform(0.85, 1.15),
        breath=rng.uniform(0.01, 0.04),
    )


def speak(voice: str, speaker: Voice, num_samples: int, rng: np.random.Generator) -> np.ndarray:
    """Speech-like sound of class `voice` (`quiet`, `loud` or `rising`).

    Returns:
        (num_samples,) float32 in [-1, 1] at `SAMPLE_RATE`.
    """
    manner = MANNERS[voice]
    seconds = num_samples / SAMPLE_RATE
    num_syllables = max(2, round(manner.syllables_per_s * speaker.rate * seconds))
    position = np.linspace(0, num_syllables, num_samples, endpoint=False) + rng.uniform(-0.1, 0.1)
    syllable = np.clip(position.astype(int), 0, num_syllables - 1)
    within = np.clip(position - syllable, 0, 1)
    rise = rng.uniform(*manner.rise) * (np.linspace(0, 1, num_samples) ** 1.5 - 0.4)
    accents = manner.accent * rng.uniform(0.5, 1.0, num_syllables)[syllable] * np.sin(np.pi * within)
    vibrato = 0.2 * np.sin(2 * np.pi * rng.uniform(4, 6) * np.arange(num_samples) / SAMPLE_RATE)
    pitch_hz = speaker.pitch_hz * 2 ** ((manner.semitones + rise + accents + vibrato) / 12)
    phase = np.cumsum(pitch_hz / SAMPLE_RATE)
    tables = np.stack([_vowel_period(row, speaker, manner.tilt_db) for row in rng.integers(len(FORMANTS), size=9)])
    sound = _read_tables(tables, syllable % len(tables), phase)
    sound += speaker.breath * rng.standard_normal(num_samples)
    strengths = rng.uniform(0.7, 1.0, num_syllables)[syllable]
    # Consonants: the voice nearly closes between syllables.
    sound *= strengths * (0.05 + 0.95 * np.sin(np.pi * within) ** 0.6)
    sound *= 10 ** (rng.uniform(*manner.level_db) / 20) / np.sqrt(np.mean(sound**2))
    room = 10 ** (rng.uniform(-62, -52) / 20) * rng.standard_normal(num_samples)
    return np.clip(sound + room, -1, 1).astype(np.float32)


def _vowel_period(vowel: int, speaker: Voice, tilt_db: float) -> np.ndarray:
    """(PERIOD,) one period of a vowel, root mean square 1."""
    # Pitch may rise by an octave: no harmonic may then pass half the sample rate.
    num_harmonics = int(SAMPLE_RATE / 2 / (2.2 * speaker.pitch_hz))
    harmonic = np.arange(1, num_harmonics + 1)
    frequency = harmonic * speaker.pitch_hz
    source_db = tilt_db * np.log2(harmonic)
    envelope = sum(
        strength / (1 + ((frequency - speaker.tract * centre) / 110) ** 2)
        for centre, strength in zip(FORMANTS[vowel], (1.0, 0.6, 0.3), strict=True)
    )
    spectrum = np.zeros(PERIOD // 2 + 1, dtype=complex)
    # Quadratic phases spread the energy over the period; equal phases would be one click.
    spectrum[1 : num_harmonics + 1] = (
        (0.05 + envelope) * 10 ** (source_db / 20) * np.exp(1j * np.pi * harmonic**2 / num_harmonics)
    )
    period = np.fft.irfft(spectrum, PERIOD)
    return period / np.sqrt(np.mean(period**2))


def _read_tables(tables: np.ndarray, row: np.ndarray, phase: np.ndarray) -> np.ndarray:
    """tables: (vowels, PERIOD); row, phase: (samples,), phase in periods -> (samples,), linearly interpolated."""
    place = (phase % 1.0) * PERIOD
    left = place.astype(int) % PERIOD
    weight = place - np.floor(place)
    return (1 - weight) * tables[row, left] + weight * tables[row, (left + 1) % PERIOD]
