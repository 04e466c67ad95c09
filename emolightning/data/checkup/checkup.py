"""Everything that a run needs of a dataset, looked at without running: what is there, what differs, what would fail."""

import shutil
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from functools import partial
from typing import Any

from emolightning.data.checkup.duplicates import duplicate_sentences, named_some
from emolightning.data.checkup.unusable import Findings, counted, described, refusal_of_share
from emolightning.data.checkup.unusual import unusual_clips
from emolightning.data.loading.corpus import Corpus
from emolightning.data.stores.loaded import LoadedFeatures
from emolightning.errors import InputErrors, UserError
from emolightning.records.clips import Clip
from emolightning.records.inputs import named


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
    unusual: dict[str, list[str]] = field(default_factory=dict)
    """Black, silent, long -> clip ids, of those that were decoded."""
    features: dict[str, dict[str, int | str]] = field(default_factory=dict)
    """Feature input -> clips looked at, found, missing, width."""
    storage: dict[str, Any] = field(default_factory=dict)
    warnings: list[str] = field(default_factory=list)
    """What a run would go on with: differences from the official set, labels, duplicates, leaks."""
    problems: list[str] = field(default_factory=list)
    """What a run would fail with."""
    skipped: list[dict[str, Any]] = field(default_factory=list)
    """Clips that a run would go on without, with reasons (`data.on_error=skip`)."""


def look_at(corpus: Corpus, *, probe: int | None) -> tuple[Checkup, list[Clip]]:
    """Read, count and probe a dataset; nothing stops at the first problem.

    Args:
        corpus: not yet read.
        probe: clips whose media are decoded, evenly spread; None for all.

    Returns:
        The findings, and the clips as far as they can be read.
    """
    found, findings = Checkup(corpus.source.name, corpus.source.benchmark), Findings()
    _look_at_files(corpus, found)
    clips = _read(corpus, found, findings)
    if clips:
        corpus.clips = clips
        _blame(found, partial(corpus.require_quotes, clips))
        if not findings.errors:  # Clips of a file with wrong rows have no splits yet.
            _look_at_labels(corpus, found)
        _look_at_media(corpus, clips, found, findings, probe)
        _look_at_features(corpus, clips, found, findings, probe)
    _tell(corpus, clips, found, findings)
    if clips:
        found.warnings += duplicate_sentences(clips)
    _look_at_storage(corpus, len(clips), found)
    return found, clips


def sample(clips: Sequence[Clip], number: int | None) -> list[Clip]:
    """So many clips, evenly spread over the order of the annotations; None for all."""
    if number is None or number >= len(clips):
        return list(clips)
    return [clips[index * len(clips) // number] for index in range(number)]


def _look_at_files(corpus: Corpus, found: Checkup) -> None:
    for item in corpus.source.expected():
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


def _read(corpus: Corpus, found: Checkup, findings: Findings) -> list[Clip]:
    """The clips, with those whose media are missing."""
    clips: list[Clip] = []
    try:
        clips = corpus.read_rows(findings)
    except UserError as error:
        if str(error) not in found.problems:
            found.problems.append(str(error))
    lost = corpus.source.lost
    if clips and len(lost) == len(clips):  # A folder is not there, or another one: each clip would say so.
        findings.faults.clear()
        reason = next(iter(lost.values()))
        found.problems.append(f"{len(clips)} of {len(clips)} clips have no video: {reason}; {named_some([*lost])}")
    return clips


def _look_at_labels(corpus: Corpus, found: Checkup) -> None:
    found.classes = corpus.classes()
    found.warnings += [*corpus.source.remarks, *corpus.official_differences()]
    is_training = bool(found.classes["train"])
    if is_training:
        found.warnings += [f"labels: {sentence}" for sentence in corpus.coverage()]
        _blame(found, corpus.require_answers)
    elif not found.classes["test"]:
        _blame(found, lambda: corpus.clips_of("test"))


def _look_at_media(
    corpus: Corpus, clips: Sequence[Clip], found: Checkup, findings: Findings, probe: int | None
) -> None:
    there = [clip for clip in clips if clip.id not in corpus.source.lost]
    probed = sample(there, probe) if corpus.num_frames else []
    unreadable = corpus.prepare_frames(probed)
    findings.add(unreadable)
    found.media = {
        "clips": len(clips),
        "found": len(there),
        "missing": len(corpus.source.lost),
        "probed": len(probed),
        "unreadable": len(unreadable),
    }
    if corpus.num_frames or (corpus.feature_source.reads_media and named(corpus.inputs, "vectors")):
        looked_at = sample(there, probe)
        found.unusual, sentences = unusual_clips(looked_at, cache=corpus.folder, num_workers=corpus.num_workers)
        found.warnings += sentences


def _look_at_features(
    corpus: Corpus, clips: Sequence[Clip], found: Checkup, findings: Findings, probe: int | None
) -> None:
    """Vectors in folders are cheap to look at, those computed from the media are probed."""
    if corpus.feature_source.reads_media:
        clips = sample([clip for clip in clips if clip.id not in corpus.source.lost], probe)
    loaded: list[LoadedFeatures] = []
    _blame(found, lambda: loaded.append(corpus.load_features(clips)))
    for features in loaded:
        corpus.features = features
        findings.add(features.faults)
        found.warnings += features.remarks.values()
        for name, width in features.widths.items():
            zeros = features.zeros.get(name, {})
            number = len(features.vectors[name]) - len(zeros)
            found.features[name] = {
                "clips": len(clips),
                "found": number,
                "missing": len(clips) - number,
                "width": width,
                "recipe": str(features.made_by.get(name, "unknown")),
            }
            if zeros:
                first = next(iter(zeros.values()))
                found.warnings.append(
                    f"{name}: {len(zeros)} of {len(clips)} clips have no vectors, e.g. {first}; zeros are used instead"
                )


def _tell(corpus: Corpus, clips: Sequence[Clip], found: Checkup, findings: Findings) -> None:
    """Each row and clip once; what a run would skip is a warning, unless that is too much."""
    found.problems += findings.row_problems()
    of_files = findings.file_problems(clips)
    if corpus.reading.on_error == "stop" or not of_files:
        found.problems += of_files
        return
    skipped = findings.skipped(clips)
    found.skipped = [asdict(clip) for clip in skipped]
    found.warnings += [described(skipped, len(clips)), *of_files]
    if refused := refusal_of_share(len(skipped), len(clips), corpus.reading.max_skipped):
        found.problems.append(f"{counted(skipped, len(clips))}; {refused}")
    if corpus.source.official is not None:
        benchmark = corpus.source.benchmark
        found.warnings.append(f"eval.py does not score {benchmark} on a split without all of its clips")


def _look_at_storage(corpus: Corpus, num_clips: int, found: Checkup) -> None:
    """Frames are kept as bytes at the size that the vision tower takes."""
    place = next(folder for folder in (corpus.cache.absolute(), *corpus.cache.absolute().parents) if folder.is_dir())
    numbers = (frames * 3 * corpus.frame_sizes[name] ** 2 for name, frames in corpus.num_frames.items())
    needed, free = num_clips * sum(numbers), shutil.disk_usage(place).free
    found.storage = {"cache": str(corpus.cache), "free_bytes": free, "frames_bytes": needed}
    if needed > free:
        found.problems.append(
            f"{corpus.cache}: the frames need {needed} bytes, {free} are free; set data.cache elsewhere"
        )


def _blame(found: Checkup, step: Any) -> None:
    """Run a step of a run; what it raises is a problem, not the end."""
    try:
        step()
    except InputErrors as error:
        found.problems += error.problems
    except UserError as error:
        found.problems.append(str(error))
