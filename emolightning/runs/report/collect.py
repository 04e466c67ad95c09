"""A run folder -> `report.html`: collects what the page shows from the folder and from the clips."""

import logging
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from emolightning.benchmarks.published.measured import read_report
from emolightning.config.places import spoken
from emolightning.data.media.audio import NoAudioTrack
from emolightning.data.media.choice import FrameChoice, parse_frame_choice
from emolightning.data.media.video import read_frames
from emolightning.errors import InputErrors, UserError, quoted_override
from emolightning.records.clips import Answer, Clip, Score
from emolightning.runs.answers import latest_key, read_scored
from emolightning.runs.report.clip_cards import loudness
from emolightning.runs.report.figures import VALIDATION
from emolightning.runs.report.gallery import Media, address
from emolightning.runs.report.page import shown_clips, write_page
from emolightning.runs.report.pictures import jpeg_uri, thumbnail
from emolightning.runs.report.showable import unshowable
from emolightning.training.loggers.logged_rows import number_of, read_rows

log = logging.getLogger(__name__)

PARTS_OF_WAVE = 120


def write_report(folder: Path, clips: Sequence[Clip]) -> Path:
    """Write the page of the evaluation that lies in a run folder.

    Args:
        folder: with `metrics.json` and `answers.jsonl`.
        clips: the dataset that was evaluated.

    Returns:
        Path of the page.

    Raises:
        UserError: nothing was evaluated here yet, or with other clips.
    """
    if not (folder / "metrics.json").exists():
        command = f"{spoken('eval')} {quoted_override('checkpoint', folder)}"
        raise UserError(f"{folder}: no metrics.json; evaluate first: {command}")
    report = read_report(folder / "metrics.json")
    problems = unshowable(report)
    evaluation = report.get("evaluation")
    frame = str(evaluation.get("frame") or "") if isinstance(evaluation, dict) else ""
    if not frame:
        problems.append("evaluation.frame: is needed, the frames that were shown; evaluate once more")
    if problems:
        raise InputErrors(str(folder / "metrics.json"), problems)
    return write_evaluated(folder, report, clips, read_scored(folder, latest_key(folder)))


def write_evaluated(
    folder: Path, report: Mapping[str, Any], clips: Sequence[Clip], scored: Sequence[tuple[Answer, Score]]
) -> Path:
    """Write the page of an evaluation.

    Args:
        folder: the run folder.
        report: content of `metrics.json`.
        clips: the dataset that was evaluated.
        scored: answers about some of them.

    Raises:
        UserError: some are about other clips.
    """
    known = {clip.id: clip for clip in clips}
    unknown = [answer.clip_id for answer, _ in scored if answer.clip_id not in known]
    if unknown:
        raise UserError(
            f"{folder}: answers for {len(unknown)} clips that data does not have, e.g. {unknown[0]!r}; "
            "give the same data=... as in the evaluation"
        )
    rows = [(known[answer.clip_id], answer, score) for answer, score in scored]
    path = folder / "report.html"
    media = media_of([clip for clip, _, _ in rows], shown_clips(rows), str(report["evaluation"]["frame"]), folder)
    write_page(path, report, rows, media=media, history=_history(folder))
    return path


def media_of(clips: Sequence[Clip], pictured: Sequence[Clip], frame: str, folder: Path) -> dict[str, Media]:
    """Addresses of all videos that are there, and pictures and sound of some.

    Args:
        clips: of the page.
        pictured: those whose files are read.
        frame: the choice of frames that were evaluated.
        folder: of the page.
    """
    choice, seen, unreadable = parse_frame_choice(frame), {clip.id for clip in pictured}, []
    found: dict[str, Media] = {}
    for clip in clips:
        frames, wave = [], []
        if clip.id in seen:
            try:
                frames = _frames(clip, choice)
                wave = _wave(clip)
            except UserError as error:  # A page without some pictures is better than none.
                unreadable.append(str(error))
        found[clip.id] = Media(address(clip, folder), frames, wave)
    if unreadable:
        log.warning("report.html: no picture for %d clips, e.g. %s", len(unreadable), unreadable[0])
    return found


def _frames(clip: Clip, choice: FrameChoice) -> list[str]:
    frames = read_frames(clip.video, choice.of_clip(clip.id), span=clip.span, keep=thumbnail)
    return [jpeg_uri(thumbnail(frame)) for frame in frames]


def _wave(clip: Clip) -> list[int]:
    """Loudness of the parts of a clip, 0 to 99; nothing of a clip without sound."""
    try:
        loud, _ = loudness(clip, PARTS_OF_WAVE)
    except NoAudioTrack:
        return []
    return [int(min(99, 99 * value)) for value in loud]


def _history(folder: Path) -> list[dict[str, float]]:
    """The validations in `metrics.csv`."""
    rows = [row for row in read_rows(folder) if all(row.get(name) for name in VALIDATION)]
    return [{name: number_of(folder, row, name) for name in VALIDATION} for row in rows]
