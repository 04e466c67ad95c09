"""Everything that a run needs of a dataset, looked at without running: what is there, what differs, what would fail."""

import shutil
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from emolightning.data.datamodule import ClipDataModule
from emolightning.data.duplicates import duplicate_sentences, named_some
from emolightning.data.features import FolderFeatures, LoadedFeatures
from emolightning.data.video import parse_frame_choice
from emolightning.errors import InputErrors, UserError
from emolightning.records import Clip


@dataclass
class Checkup:
    """What was found."""

    data: str
    benchmark: str
    files: list[dict[str, Any]] = field(default_factory=list)
    """What, setting, the place where it was found or None, and the places where it may be."""
    classes: dict[str, dict[str, int]] = field(default_factory=dict)
    """Split -> label -> clips."""
    media: dict[str, int] = field(default_factory=dict)
    """Clips, found, missing, probed, unreadable."""
    features: dict[str, dict[str, int]] = field(default_factory=dict)
    """Feature input -> clips looked at, found, missing, width."""
    storage: dict[str, Any] = field(default_factory=dict)
    warnings: list[str] = field(default_factory=list)
    """What a run would go on with: differences from the official set, labels, duplicates, leaks."""
    problems: list[str] = field(default_factory=list)
    """What a run would fail with."""


def look_at(data: ClipDataModule, *, probe: int | None) -> tuple[Checkup, list[Clip]]:
    """Read, count and probe a dataset; nothing stops at the first problem.

    Args:
        data: not yet read.
        probe: clips whose media are decoded, evenly spread; None for all.

    Returns:
        The findings, and the clips as far as they can be read.
    """
    found = Checkup(data.name, data.benchmark)
    _look_at_files(data, found)
    clips = _read(data, found)
    if clips:
        data.clips = clips
        _look_at_labels(data, found)
        _look_at_media(data, clips, found, probe)
        _look_at_features(data, clips, found, probe)
        found.warnings += duplicate_sentences(clips)
    _look_at_storage(data, len(clips), found)
    return found, clips


def sample(clips: Sequence[Clip], number: int | None) -> list[Clip]:
    """So many clips, evenly spread over the order of the annotations; None for all."""
    if number is None or number >= len(clips):
        return list(clips)
    return [clips[index * len(clips) // number] for index in range(number)]


def _look_at_files(data: ClipDataModule, found: Checkup) -> None:
    for item in data.expected():
        found.files.append(
            {
                "what": item.what,
                "setting": item.setting,
                "found": str(item.found) if item.found else None,
                "candidates": [str(path) for path in item.candidates],
            }
        )
        if item.found is None:
            _blame(found, item.require)


def _read(data: ClipDataModule, found: Checkup) -> list[Clip]:
    """The clips, with those whose media are missing."""
    data.lost = {}
    clips: list[Clip] = []
    try:
        clips = data.read_clips()
    except InputErrors as error:
        found.problems += [f"{error.subject}: {problem}" for problem in error.problems]
    except UserError as error:
        if str(error) not in found.problems:
            found.problems.append(str(error))
    if data.lost:
        reason = next(iter(data.lost.values()))
        found.problems.append(
            f"{len(data.lost)} of {len(clips)} clips have no video: {reason}; {named_some([*data.lost])}"
        )
    return clips


def _look_at_labels(data: ClipDataModule, found: Checkup) -> None:
    found.classes = data.classes()
    found.warnings += [*data.remarks, *data.official_differences()]
    is_training = bool(found.classes["train"])
    if is_training:
        found.warnings += [f"labels: {sentence}" for sentence in data.coverage()]
        _blame(found, data.require_targets)
    elif not found.classes["test"]:
        _blame(found, lambda: data.clips_of("test"))


def _look_at_media(data: ClipDataModule, clips: Sequence[Clip], found: Checkup, probe: int | None) -> None:
    lost = data.lost or {}
    there = [clip for clip in clips if clip.id not in lost]
    probed = sample(there, probe) if "image" in data.inputs else []
    before = len(found.problems)
    _blame(found, lambda: data.prepare_frames(probed))
    found.media = {
        "clips": len(clips),
        "found": len(there),
        "missing": len(lost),
        "probed": len(probed),
        "unreadable": len(found.problems) - before,
    }


def _look_at_features(data: ClipDataModule, clips: Sequence[Clip], found: Checkup, probe: int | None) -> None:
    """Vectors in folders are cheap to look at, those computed from the media are probed."""
    is_computed = not isinstance(data.feature_source, FolderFeatures)
    if is_computed:
        clips = sample([clip for clip in clips if clip.id not in (data.lost or {})], probe)
    if not clips:
        return
    loaded: list[LoadedFeatures] = []
    _blame(found, lambda: loaded.append(data.load_features(clips, missing="zero")))
    for features in loaded:
        data.features = features
        for name, width in features.widths.items():
            absent = features.zeros.get(name, {})
            numbers = {"clips": len(clips), "found": len(clips) - len(absent), "missing": len(absent), "width": width}
            found.features[name] = numbers
            if absent:
                _report_absent(data, name, absent, len(clips), found)


def _report_absent(data: ClipDataModule, name: str, absent: dict[str, str], total: int, found: Checkup) -> None:
    sentence = f"{name}: {len(absent)} of {total} clips have no vectors, e.g. {next(iter(absent.values()))}"
    if data.missing == "zero":
        found.warnings.append(f"{sentence}; zeros stand there")
    else:
        found.problems.append(f"{sentence}; extract them, or say inputs.{name}=false or data.missing=zero")


def _look_at_storage(data: ClipDataModule, num_clips: int, found: Checkup) -> None:
    """Frames are kept as bytes at the size that the vision tower takes."""
    place = next(folder for folder in (data.cache.absolute(), *data.cache.absolute().parents) if folder.is_dir())
    frames = parse_frame_choice(data.frame).num_frames if "image" in data.inputs else 0
    needed, free = num_clips * frames * 3 * data.image_size**2, shutil.disk_usage(place).free
    found.storage = {"cache": str(data.cache), "free_bytes": free, "frames_bytes": needed}
    if needed > free:
        found.problems.append(
            f"{data.cache}: the frames need {needed} bytes, {free} are free; set data.cache elsewhere"
        )


def _blame(found: Checkup, step: Any) -> None:
    """Run a step of a run; what it raises is a problem, not the end."""
    try:
        step()
    except InputErrors as error:
        found.problems += error.problems
    except UserError as error:
        found.problems.append(str(error))
