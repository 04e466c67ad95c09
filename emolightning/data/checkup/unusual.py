"""Clips that can be read and yet are seldom meant: black ones, silent ones, and those far longer than the rest."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from statistics import median

import numpy as np

from emolightning.data.checkup.duplicates import named_some
from emolightning.data.media.audio import read_waveform
from emolightning.data.media.held import held_open
from emolightning.data.media.video import read_thumbnails
from emolightning.data.stores.cache import Outcome, compute_missing, load_array
from emolightning.errors import UserError
from emolightning.records.clips import Clip

BLACK = 24
"""A clip is black where 99 of 100 pixels of each picture are darker, of 255: the noise of a camera stays below."""

SILENT_DB = -50
"""A clip is silent where no sample is louder, in dB of full scale: the noise of 16 bits stays below."""

TIMES_MEDIAN = 5
"""A clip is far longer than the rest from so many times the median on,"""
LONGER_S = 10
"""and if it is longer by so many seconds."""

SAMPLE_RATE_HZ = 16_000
_ABSENT = -1.0
_FOLDER = "measures-1"


def unusual_clips(clips: Sequence[Clip], *, cache: Path, num_workers: int) -> tuple[dict[str, list[str]], list[str]]:
    """Measure some clips; those that cannot be read are left to others to tell.

    Args:
        clips: which are decoded, unless that was done before.
        cache: of the dataset.
        num_workers: processes that decode.

    Returns:
        `black`, `silent` and `long` -> clip ids, and a sentence for each that has any.
    """
    folder = cache / _FOLDER
    summary = compute_missing(clips, {"measures": folder}, measure, title="Checkup", num_workers=num_workers)
    read = [clip.id for clip in clips if clip.id not in summary.problems]
    seconds, brightest, loudest = (
        dict(zip(read, column, strict=True))
        for column in np.array([load_array(folder / f"{clip_id}.npy") for clip_id in read]).reshape(-1, 3).T.tolist()
    )
    floor = 10 ** (SILENT_DB / 20)
    found = {
        "black": [clip_id for clip_id, value in brightest.items() if 0 <= value < BLACK],
        "silent": [clip_id for clip_id, value in loudest.items() if 0 <= value < floor],
        "long": _far_longer(seconds),
    }
    found = {kind: ids for kind, ids in found.items() if ids}
    return found, _sentences(found, seconds)


def measure(clip: Clip, names: tuple[str, ...]) -> Outcome:
    """The seconds of a clip, its brightest picture (0-255) and its loudest sample (0-1); -1 for what it lacks."""
    with held_open(clip.video, clip.span):
        return _measured(clip, names)


def _measured(clip: Clip, names: tuple[str, ...]) -> Outcome:
    length, brightest, loudest = 0.0, _ABSENT, _ABSENT
    problems = []
    try:
        frames, times_s = read_thumbnails(clip.video, span=clip.span)
        brightest, length = float(np.percentile(frames.max(axis=-1), 99, axis=(1, 2)).max()), float(times_s[-1])
    except UserError as error:
        problems.append(error)
    try:
        waveform = read_waveform(clip.video, sample_rate=SAMPLE_RATE_HZ, span=clip.span)
        loudest, length = float(np.abs(waveform).max()), max(length, waveform.size / SAMPLE_RATE_HZ)
    except UserError as error:
        problems.append(error)
    if len(problems) == 2:
        raise problems[0]
    return Outcome(dict.fromkeys(names, np.array([length, brightest, loudest], dtype=np.float32)))


def _far_longer(seconds: Mapping[str, float]) -> list[str]:
    if not seconds:
        return []
    middle = median(seconds.values())
    long = [clip_id for clip_id, value in seconds.items() if value > max(TIMES_MEDIAN * middle, middle + LONGER_S)]
    return sorted(long, key=lambda clip_id: -seconds[clip_id])


def _sentences(found: Mapping[str, Sequence[str]], seconds: Mapping[str, float]) -> list[str]:
    told = {
        "black": f"have no picture in which more than one pixel of 100 is brighter than {BLACK} of 255",
        "silent": f"have sound that is never louder than {SILENT_DB} dB of full scale",
        "long": f"are more than {TIMES_MEDIAN} times as long as the median",
    }
    if "long" in found:
        told["long"] += f", {median(seconds.values()):.1f} s"
    return [
        f"{kind}: {len(ids)} of {len(seconds)} clips that were decoded {told[kind]}: "
        + named_some([f"{clip_id} ({seconds[clip_id]:.0f} s)" if kind == "long" else clip_id for clip_id in ids])
        for kind, ids in found.items()
    ]
