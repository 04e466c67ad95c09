"""What clips differ in: the columns of their table, how long they are, what their sound and their words are like."""

import unicodedata
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import numpy as np

from emolightning.data.checkup.unusual import SAMPLE_RATE_HZ, SILENT_DB
from emolightning.data.media.audio import read_waveform
from emolightning.data.media.windows import seconds_of
from emolightning.data.stores.cache import Outcome, compute_missing, load_array
from emolightning.errors import UserError
from emolightning.records.clips import Clip

MEASURED = {"duration": "s", "loudness": "dBFS", "silence": ""}
"""What is measured of a file -> its unit: how long it is, the root mean square of its sound in dB of full scale, and
the share of its 25 ms windows that lie below SILENT_DB."""

LANGUAGE = "language"
"""What the script of the transcript tells, where the table has no such column."""

WINDOW = SAMPLE_RATE_HZ // 40
FLOOR_DB = -96.0
"""Loudness of no sound at all: 16 bits."""

_FOLDER = "sound-1"
_LANGUAGES = {"HIRAGANA": "Japanese", "KATAKANA": "Japanese", "HANGUL": "Korean", "CJK": "Chinese"}
"""First word of a character's name -> language; a text with a Japanese letter is no Chinese one."""

Values = list[str | float | None]


def attributes_of(
    clips: Sequence[Clip], names: Sequence[str], *, cache: Path, num_workers: int
) -> dict[str, tuple[Values, str]]:
    """Name -> its value for each clip, None where that is not known, and its unit.

    A column of the table comes first; else files are measured: their sound is decoded once and what was found is kept.

    Args:
        clips: of one split.
        names: columns of the table, or of MEASURED, or `language`.
        cache: of the dataset.
        num_workers: processes that decode.

    Raises:
        UserError: a name that is none of these.
    """
    columns = {column for clip in clips for column, value in clip.attributes.items() if value}
    own: Mapping[str, Callable[[Clip], str | float | None]] = {
        "subject": lambda clip: clip.subject,
        **({"corpus": lambda clip: clip.corpus} if any(clip.corpus for clip in clips) else {}),
        "valence": lambda clip: clip.valence,
        "arousal": lambda clip: clip.arousal,
        LANGUAGE: lambda clip: language_of(clip.transcript or ""),
    }
    known = {*columns, *own, *MEASURED}
    for name in names:
        if name.lower() not in known:
            raise UserError(f"slices: {name!r} is not known of these clips; there are {', '.join(sorted(known))}")
    measured: Mapping[str, Values] = {}
    if any(name.lower() in MEASURED and name.lower() not in columns for name in names):
        measured = _measured(clips, cache, num_workers)
    found: dict[str, tuple[Values, str]] = {}
    for name in names:
        key = name.lower()  # As names of columns are compared.
        if key in columns:
            found[name] = [clip.attributes.get(key) or None for clip in clips], ""
        elif key in MEASURED:
            found[name] = measured[key], MEASURED[key]
        else:
            found[name] = [own[key](clip) for clip in clips], ""
    return found


def language_of(text: str) -> str | None:
    """A language where its script tells, else the script of most letters; None without letters.

    >>> language_of("I am glad."), language_of("嬉しいです"), language_of("我很高兴"), language_of("123")
    ('Latin script', 'Japanese', 'Chinese', None)
    """
    scripts = Counter(unicodedata.name(letter, "").partition(" ")[0] for letter in text if letter.isalpha())
    scripts.pop("", None)
    if not scripts:
        return None
    for script in ("HIRAGANA", "KATAKANA"):
        if scripts["CJK"] and scripts[script]:
            return _LANGUAGES[script]
    first = scripts.most_common(1)[0][0]
    return _LANGUAGES.get(first, f"{first.title()} script")


def _measured(clips: Sequence[Clip], cache: Path, num_workers: int) -> dict[str, Values]:
    folder = cache / _FOLDER
    summary = compute_missing(clips, {"sound": folder}, measure_sound, title="Slices", num_workers=num_workers)
    rows = [
        [np.nan] * len(MEASURED) if clip.id in summary.problems else load_array(folder / f"{clip.id}.npy").tolist()
        for clip in clips
    ]
    columns = zip(*rows, strict=True)
    return {
        name: [None if np.isnan(value) else float(value) for value in column]
        for name, column in zip(MEASURED, columns, strict=True)
    }


def measure_sound(clip: Clip, names: tuple[str, ...]) -> Outcome:
    """The values of MEASURED, NaN for what a clip without sound lacks."""
    seconds = clip.span.end - clip.span.start if clip.span is not None else seconds_of(clip.video)
    loudness = silence = np.nan
    try:
        sound = read_waveform(clip.video, sample_rate=SAMPLE_RATE_HZ, span=clip.span).astype(np.float64)
        loudness = float(_decibels(sound[None])[0])
        silence = float(np.mean(_decibels(_windows(sound)) < SILENT_DB))
    except UserError:  # Without sound, or with one that cannot be read, which an input that needs it tells.
        pass
    return Outcome(dict.fromkeys(names, np.array([seconds, loudness, silence], dtype=np.float64)))


def _windows(sound: np.ndarray) -> np.ndarray:
    whole = len(sound) // WINDOW * WINDOW
    return sound[:whole].reshape(-1, WINDOW) if whole else sound[None]


def _decibels(windows: np.ndarray) -> np.ndarray:
    """Root mean square of each row in dB of full scale."""
    return np.maximum(FLOOR_DB, 10 * np.log10(np.maximum((windows**2).mean(axis=1), 1e-12)))
