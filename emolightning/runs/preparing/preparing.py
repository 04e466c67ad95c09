"""From the clips of a dataset to a folder of its own: media, then tables; resumed where it was interrupted."""

import hashlib
import json
import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from emolightning.benchmarks.registry import scale_of
from emolightning.config.places import spoken
from emolightning.data.checkup.unusable import NO_MEDIA, Fault, Findings, OnError, described, record
from emolightning.data.loading.corpus import class_counts
from emolightning.data.readers.folds import divided
from emolightning.data.readers.source import ClipSource
from emolightning.errors import UserError, override
from emolightning.files.documents import read_json_object
from emolightning.files.staging import alone_in
from emolightning.files.writing import require_writable, write_json
from emolightning.records.clips import Clip
from emolightning.runs.preparing.formats import about_valence, refuse_unfit, write_conversations, write_merr
from emolightning.runs.preparing.placing import FOLDER, How, place
from emolightning.runs.preparing.table import write_table

NOTE = "prepare.json"
"""Says what is in the folder, and that it was made here; written first, and again when all is there."""


@dataclass(frozen=True)
class Form:
    """What is written."""

    name: str
    """`custom`, `llama_factory`, `ms_swift` or `merr`."""
    clips: How
    task: str
    """Whose answer is learned, in conversations."""
    question: str | None
    """What is asked there."""
    num_folds: int | None
    """Folds in a column of the table."""
    seed: int


def prepare(
    source: ClipSource, out: Path, form: Form, *, num_workers: int, on_error: OnError, max_skipped: float
) -> list[str]:
    """Write everything.

    Args:
        source: whose clips they are.
        out: gets it; a folder that this command has not made is refused.
        form: of the files.
        num_workers: processes that cut.
        on_error: what is done about clips without usable media.
        max_skipped: share of them that `skip` accepts.

    Returns:
        Sentences: what there is, and how it is read.

    Raises:
        UserError: the folder holds something else, or clips cannot be used or written in this form.
    """
    clips = source.read_clips()
    refuse_unfit(clips, form=form.name, task=form.task, labels=source.labels)
    _refuse_inside(source, out)
    require_writable(out, "out")
    with alone_in(out, label=f"out={out}"):
        note = _own_note(source, clips, out, form)
        findings = Findings(group="")
        findings.add({name: [Fault(NO_MEDIA, reason)] for name, reason in source.lost.items()})
        findings.decide(source.name, clips, on_error=on_error, max_skipped=max_skipped)
        there = [clip for clip in clips if clip.id not in source.lost]
        write_json(out / NOTE, note)
        findings.add(place(there, out / FOLDER, how=form.clips, num_workers=num_workers))
        findings.decide(source.name, clips, on_error=on_error, max_skipped=max_skipped)
        skipped = findings.skipped(clips)
        kept = [clip for clip in clips if clip.id not in findings.faults]
        read_by, about = _write(out, kept, source, form)
        note |= {"is_complete": True, "num_clips": len(kept), "classes": class_counts(kept), **record(skipped)}
        remarks = [*source.remarks, *_about_shares(kept)]
        write_json(out / NOTE, {**note, "remarks": remarks, "format": form.name, **about})
    counts = ", ".join(f"{split} {sum(found.values())}" for split, found in class_counts(kept).items())
    lines = [*remarks, *([described(skipped, len(clips))] if skipped else [])]
    return [*lines, f"{out}: {len(kept)} clips ({counts})", *read_by]


def _write(out: Path, clips: Sequence[Clip], source: ClipSource, form: Form) -> tuple[list[str], dict[str, Any]]:
    """The tables; sentences about how they are read, and the same for the note."""
    if form.name == "custom":
        folds = None if form.num_folds is None else divided(clips, form.num_folds, seed=form.seed)
        people = getattr(source, "annotators", ())
        settings = write_table(out, clips, folds, source.labels, left_out=people)
        more = ["folds: the same with leave_one=fold"] if folds else []
        if people:
            more.append(f"{len(people)} columns of people are not in the table, which has what most of them said")
        if settings.shares_people:
            more.append(
                f"{settings.shares_people} people are in more than one split: they are in the column speaker, not in "
                "subject, whose clips data=custom keeps in one split"
            )
        return [_train(settings.words()), *more], {"read_by": settings.words()}
    if form.name == "merr":
        scale = _scale(source)
        words = write_merr(out, clips, scale)
        words += [override("data.labels", list(source.labels))]
        if any(not clip.transcript for clip in clips):
            words.append("data.empty_transcript=empty")
        about = about_valence(clips, scale)
        return [_train(words), *about], {"read_by": words, **({"valence": about} if about else {})}
    files = write_conversations(
        out, clips, form=form.name, labels=source.labels, task=form.task, question=form.question, scale=_scale(source)
    )
    return [f"{form.name}: {', '.join(map(str, files))}"], {"files": [file.name for file in files]}


def _about_shares(clips: Sequence[Clip]) -> list[str]:
    """What is said where clips teach several labels, which no form has a place for."""
    number = sum(len(clip.shares) > 1 for clip in clips)
    lost = f"{number} clips have shares of several labels: they are not in the files, which have the label of most"
    return [f"{lost}, as with data.targets=majority"] if number else []


def _scale(source: ClipSource) -> tuple[float, float] | None:
    """Lowest and highest valence: that of `data.scale`, or of the corpus."""
    return getattr(source, "scale", None) or scale_of(source.benchmark) or scale_of(source.name)


def _train(words: Sequence[str]) -> str:
    return f"train: {spoken('train')} {shlex.join(words)}"


def _own_note(source: ClipSource, clips: Sequence[Clip], out: Path, form: Form) -> dict[str, Any]:
    """What this folder is of, if it may be that.

    Raises:
        UserError: it holds something else.
    """
    places = sorted((clip.id, str(clip.video.resolve()), str(clip.span)) for clip in clips)
    key = hashlib.sha256(json.dumps([places, form.clips]).encode()).hexdigest()[:16]
    note = {"is_complete": False, "data": source.name, "clips": form.clips, "key": key, "labels": list(source.labels)}
    if (out / NOTE).is_file():
        found = read_json_object(out / NOTE)
        if found.get("key") != key:
            what = f"data={found.get('data')}, clips={found.get('clips')}"
            raise UserError(
                f"out={out}: holds other clips, or those of other settings ({what}); give another folder, or delete it"
            )
    elif others := sorted(path.name for path in out.iterdir() if not path.name.startswith("."))[:3]:
        raise UserError(f"out={out}: holds {others} and no {NOTE}, so it was not made here; give another folder")
    return note


def _refuse_inside(source: ClipSource, out: Path) -> None:
    """A corpus whose files are looked for would have the prepared ones as well."""
    media = source.media_folder().resolve()
    if out.resolve().is_relative_to(media):
        raise UserError(f"out={out}: is inside of the folder of the clips, {media}; give a folder beside it")
