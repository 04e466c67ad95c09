"""Answers about clips that nobody has labelled -> an annotation file of the sure ones; all others are counted."""

import csv
import io
import os
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from emolightning.config.places import spoken
from emolightning.data.readers.values import is_missing
from emolightning.errors import InputErrors, UserError, quoted_override
from emolightning.files.writing import require_writable, write_json, write_whole
from emolightning.records.clips import Clip
from emolightning.runs.ensembles.combine import same_labels
from emolightning.runs.ensembles.systems import System
from emolightning.scoring.predictions import some

HEADER = (
    *("video_name", "emotion_label", "transcription", "split", "start", "end", "reason", "subject"),
    *("confidence", "source"),
)
TRAIN, TEST = "train", "test"
LABELLED = "labelled"
"""What column `source` says of rows that were labelled before."""

NO_LABEL, NO_ANSWER, UNSURE, TOO_MANY = "no label", "no answer", "confidence too low", "max_per_label"
IS_LABELLED = "labelled already"
NOTHING = "(nothing)"
"""What was said of a clip without a label."""


@dataclass(frozen=True)
class Rules:
    """Which answers become labels."""

    min_confidence: float = 0.9
    max_per_label: int | None = None
    take_known: bool = False
    """Whether clips whose truth is known are taken, too."""


@dataclass(frozen=True)
class Chosen:
    """What became of each clip."""

    taken: list[tuple[Clip, str, float | None]]
    """Clip, label and confidence, in the order of the clips."""
    counts: Mapping[str, Counter[str]] = field(default_factory=dict)
    """Label that was said -> `taken`, and why not -> clips."""
    known: Counter[str] = field(default_factory=Counter)
    """Split -> clips that were taken though their truth is known."""


def require_new_file(out: Path) -> None:
    """Refuse a place where something is, or a name that is no table's.

    Raises:
        UserError: says another.
    """
    if out.suffix.lower() != ".csv":
        raise UserError(f"out={out}: the annotation file is a CSV table; say {quoted_override('out', f'{out}.csv')}")
    for place in (out, counts_file(out)):
        if place.exists():
            raise UserError(f"out={out}: {place} is there already, and nothing is written over; say another out=FILE")
    require_writable(out.parent, "out")


def counts_file(out: Path) -> Path:
    """Where the counts lie."""
    return out.with_suffix(".json")


def choose(
    clips: Sequence[Clip],
    system: System,
    others: Sequence[System],
    rules: Rules,
    *,
    labelled: Sequence[Clip] = (),
    split: str | None = None,
) -> Chosen:
    """Decide about each clip.

    Args:
        clips: all that may be labelled.
        system: whose answers become labels.
        others: they must say the same.
        rules: thresholds.
        labelled: clips that have a label.
        split: of the answers, where they are those of an evaluation.

    Raises:
        UserError: the systems have other labels, no probabilities, or know none of the clips.
    """
    same_labels([system, *others])
    _require_confidence(system, rules)
    if not any(clip.id in system.opinions or clip.id in system.failed for clip in clips):
        raise UserError(
            f"run={system.name}: has no answer about any of the {len(clips)} clips, e.g. {clips[0].id!r}; its answers "
            f"are about {some(list(system.opinions))}; give the media or data that it was asked about"
        )
    counts: dict[str, Counter[str]] = defaultdict(Counter)
    splits: dict[int, str] = {}
    sure: dict[str, list[tuple[float, int]]] = defaultdict(list)
    there = _places(labelled)
    for number, clip in enumerate(clips):
        opinion = system.opinions.get(clip.id)
        label = opinion.label if opinion else None
        truth_split = _split_of_truth(clip, opinion.truth if opinion else None, split)
        why = IS_LABELLED if _is_among(clip, there) else _why_not(clip.id, system, others, rules, truth_split)
        if why is not None or label is None or opinion is None:
            counts[label or NOTHING][why or NO_LABEL] += 1
            continue
        sure[label].append((-(opinion.probabilities or {}).get(label, 0.0), number))
        if truth_split is not None:
            splits[number] = truth_split
    taken: dict[int, tuple[Clip, str, float | None]] = {}
    for label, found in sure.items():
        kept = sorted(found)[: rules.max_per_label]
        counts[label]["taken"] += len(kept)
        counts[label][TOO_MANY] += len(found) - len(kept)
        has_chances = not system.without_probabilities()
        taken |= {number: (clips[number], label, -minus if has_chances else None) for minus, number in kept}
    known = Counter(splits[number] for number in taken if number in splits)
    found_counts = {name: +counter for name, counter in counts.items()}
    return Chosen([taken[number] for number in sorted(taken)], found_counts, known)


def _require_confidence(system: System, rules: Rules) -> None:
    if rules.min_confidence > 0 and (without := system.without_probabilities()):
        raise UserError(
            f"run={system.name}: {len(without)} answers do not say how likely labels are: {some(without)}; evaluate "
            "with probabilities=true, take a file of `predict`, or say min_confidence=0 with agree_with=[B]"
        )


def may_be_labelled(clips: Sequence[Clip], labelled: Sequence[Clip], rules: Rules) -> list[bool]:
    """Whether a model need be asked about each clip: not where a label is known and would be left as it is.

    Args:
        clips: all.
        labelled: clips that have a label.
        rules: whether known ones are taken.

    Raises:
        UserError: there is none.
    """
    there = _places(labelled)
    found = [not _is_among(clip, there) and (rules.take_known or clip.label is None) for clip in clips]
    if not any(found):
        raise UserError(
            f"each of the {len(clips)} clips has a label already, e.g. {clips[0].id!r}; give clips without one, or say "
            "take_known=true to take clips of data=... whose truth is known"
        )
    return found


def _places(clips: Sequence[Clip]) -> set[object]:
    return {clip.id for clip in clips} | {_place(clip) for clip in clips}


def _is_among(clip: Clip, places: set[object]) -> bool:
    return clip.id in places or _place(clip) in places


def _place(clip: Clip) -> tuple[str, Any]:
    return os.path.realpath(clip.video), clip.span


def _split_of_truth(clip: Clip, truth: str | None, split: str | None) -> str | None:
    """The split of a clip whose truth is known; None where it is not."""
    if clip.label is None and truth is None:
        return None
    return clip.split or split or "unknown"


def _why_not(clip: str, system: System, others: Sequence[System], rules: Rules, truth: str | None) -> str | None:
    if truth is not None and not rules.take_known:
        return f"truth is known (split {truth})"
    opinion = system.opinions.get(clip)
    if opinion is None:
        return f"{NO_ANSWER}: {system.failed[clip]}" if clip in system.failed else NO_ANSWER
    if opinion.label is None:
        return NO_LABEL
    if opinion.probabilities is not None and opinion.probabilities.get(opinion.label, 0.0) < rules.min_confidence:
        return UNSURE
    for other in others:
        second = other.opinions.get(clip)
        if second is None:
            return f"{NO_ANSWER} of {other.name}"
        if second.label != opinion.label:
            return f"{other.name} says otherwise"
    return None


def write_annotations(
    out: Path,
    chosen: Chosen,
    system: System,
    others: Sequence[System],
    rules: Rules,
    *,
    labelled: Sequence[Clip] = (),
) -> None:
    """Write the table and its counts, and print both.

    Args:
        out: the CSV file.
        chosen: what becomes of the clips.
        system: whose answers they are.
        others: that agree.
        rules: thresholds.
        labelled: clips that come first, each with its split.

    Raises:
        UserError: no clip is taken, or two rows would be the same clip.
    """
    if not chosen.taken:
        is_unsure = any(UNSURE in counter for counter in chosen.counts.values())
        cure = f"; say a smaller min_confidence, which is {rules.min_confidence:g}" if is_unsure else ""
        raise UserError(f"no clip is taken, so nothing is written: {_described(chosen.counts)}{cure}")
    root = Path(
        os.path.commonpath([os.path.realpath(c.video.parent) for c in (*labelled, *(t[0] for t in chosen.taken))])
    )
    rows = [_row(clip, root, clip.label or "", clip.split or "", "", LABELLED) for clip in labelled]
    rows += [
        _row(clip, root, label, TRAIN, "" if confidence is None else f"{confidence:.6f}", system.name)
        for clip, label, confidence in chosen.taken
    ]
    _require_names(rows)
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows([HEADER, *rows])
    about = {
        "run": {"path": system.name, "answers": str(system.file), "answers_sha256": system.sha256},
        "agree_with": [{"path": o.name, "answers": str(o.file), "answers_sha256": o.sha256} for o in others],
        "min_confidence": rules.min_confidence,
        "max_per_label": rules.max_per_label,
        "num_labelled": len(labelled),
        "num_taken": len(chosen.taken),
        "known": dict(chosen.known),
        "counts": {label: dict(counter) for label, counter in chosen.counts.items()},
        "media": str(root),
    }
    write_whole(out, text.getvalue())
    write_json(counts_file(out), about)
    print("\n".join(_told(out, root, chosen, system, rows, labelled)))


def _row(clip: Clip, root: Path, label: str, split: str, confidence: str, source: str) -> list[str]:
    name = Path(os.path.realpath(clip.video.parent), clip.video.name).relative_to(root).as_posix()
    transcript = clip.transcript or ""
    times = (f"{clip.span.start:g}", f"{clip.span.end:g}") if clip.span else ("", "")
    said = "" if is_missing(transcript.strip()) else transcript
    return [name, label, said, split, *times, clip.reason or "", clip.subject or "", confidence, source]


def _require_names(rows: Sequence[Sequence[str]]) -> None:
    """Refuse rows that `data=custom` would take for the same clip."""
    counts = Counter((Path(row[0]).with_suffix("").as_posix(), row[4], row[5]) for row in rows)
    if repeated := [name for (name, *_), count in counts.items() if count > 1]:
        raise InputErrors(
            "out", [f"{name}: two rows are about files of this name; rename one of them" for name in repeated]
        )


def _told(
    out: Path, root: Path, chosen: Chosen, system: System, rows: Sequence[Sequence[str]], labelled: Sequence[Clip]
) -> list[str]:
    lines = [f"{label}: {_counted(counter)}" for label, counter in sorted(chosen.counts.items())]
    if chosen.known:
        listed = ", ".join(f"{count} of split {split}" for split, count in chosen.known.items())
        lines.append(f"warning: clips whose truth is known were let in: {listed}")
        if TEST in chosen.known:
            lines.append("warning: scores on that test split say nothing of a run that is trained on this file")
    words = [quoted_override("data.annotations", out), quoted_override("data.media", root)]
    words.append(quoted_override("data.labels", list(system.labels)))
    if any(not row[2] for row in rows):
        lines.append("note: some rows have no transcript; inputs.transcript=false trains without")
        words.append("inputs.transcript=false")
    total = f"{len(chosen.taken)} clips are labelled" + (f", after {len(labelled)} that were" if labelled else "")
    return [
        *lines,
        f"{total}: {out}, counts: {counts_file(out)}",
        f"train: {spoken('train')} data=custom {' '.join(words)}",
    ]


def _described(counts: Mapping[str, Counter[str]]) -> str:
    return "; ".join(f"{label}: {_counted(counter)}" for label, counter in sorted(counts.items()))


def _counted(counter: Counter[str]) -> str:
    return ", ".join(f"{count} {what}" for what, count in counter.items())
