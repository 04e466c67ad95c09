"""Answers about many new clips into one file: each is written at once, and a call that ended is gone on from."""

import os
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from rich.progress import track

from emolightning.data.media.opening import MediaError
from emolightning.data.media.windows import seconds_of, windows
from emolightning.data.readers.asked_media import Item, items_of, pieces_of
from emolightning.errors import UserError
from emolightning.records.predictions import Failure, Prediction
from emolightning.runs.predicting import Predictor
from emolightning.runs.prediction_file import PredictionFile
from emolightning.runs.prediction_lines import Format, digest, file_hash, file_stamp, record_of, request_hash
from emolightning.runs.timeline.pictures import draw_timelines

WITH_BAR = 20
"""From so many items on a bar shows how far it is."""

OUT_OF_MEMORY = "out of memory"


class NoModel(UserError):
    """The model cannot be loaded, or its memory is too small."""


@dataclass(frozen=True)
class Request:
    """What a call asks for, as far as it is known before the model is loaded."""

    items: list[Item]
    question: str | None
    task: str
    out: Path
    form: Format
    rank: int = 0
    world_size: int = 1
    overwrite: bool = False
    draws: bool = False
    """Whether each clip gets a picture of its pieces."""


@dataclass(frozen=True)
class Done:
    """What a call did."""

    answered: int
    skipped: int
    """They had an answer before."""
    failed: dict[str, int]
    """Kind of failure -> items."""
    seconds: float = 0.0
    """Time of reading and answering what was answered."""
    pictures: Path | None = None
    """Their folder, where some were drawn."""


def asked_items(media: str, *, window: str | None, step: str | None) -> list[Item]:
    """The items that `media` names, or with `window` pieces of them.

    Raises:
        UserError: there are none; or window and step are no seconds.
    """
    items = items_of(media)
    if window is None:
        if step is not None:
            raise UserError(f"step={step}: is for pieces of clips; say window=5s as well")
        return items
    length = _seconds("window", window)
    every = length if step is None else _seconds("step", step)
    found: list[Item] = []
    for item in items:
        if item.clip.span is not None:
            raise UserError(f"window={window}: {item.clip.id} is a piece of a clip already, with start and end")
        try:
            found += pieces_of(item, windows(seconds_of(item.clip.video), window=length, step=every))
        except MediaError:  # Whoever reads it says why.
            found.append(item)
    return found


def _seconds(setting: str, text: str) -> float:
    try:
        seconds = float(str(text).strip().removesuffix("s"))
    except ValueError:
        seconds = 0.0
    if not 0.1 <= seconds < 1e6:
        raise UserError(f"{setting}={text}: must be a number of seconds from 0.1 on, e.g. {setting}=5s")
    return seconds


def predict(request: Request, load: Callable[[], Predictor]) -> Done:
    """Answer the items that this process has to, and write each answer at once.

    Args:
        request: what is asked.
        load: gives the model; called when all that can be wrong with the request is known.

    Raises:
        UserError: the answers would take the place of what is asked about.
        Conflict: answers are there of other questions, files or settings.
        BrokenOutput: the file is another process's, or damaged.
        NoModel: the model cannot be loaded, or its memory is too small.
    """
    form, items = request.form, request.items
    _require_apart(request)
    file = PredictionFile(request.out, form, rank=request.rank, world_size=request.world_size)
    try:
        media = MediaFiles(items)
        file_of = {item.clip.id: media.hashes[item.clip.video] for item in items}
        if not request.overwrite:
            file.require_same(items, file_of)
        predictor = _loaded(load)
        file.labels = predictor.labels
        usual = request.question or predictor.question(request.task)
        settings = digest(
            {**predictor.about, "checkpoint": None, "task": request.task, "tokens": predictor.room(request.task)}
        )
        if request.overwrite:
            file.forget()
        else:
            file.require_same(
                items, file_of, {item.clip.id: request_hash(item, item.question or usual) for item in items}
            )
            file.require_settings(settings)
        batches = _own_batches(items, predictor.asking.batch_size, request)
        own = [item for batch in batches for item in batch]
        skipped = sum(file.is_answered(item) for item in own)
        # Those that were answered before are answered again beside the others of their batch: what shares a batch
        # decides the last digits, and the file of a call that was killed must be that of one that was not.
        todo = [item for batch in batches if not all(map(file.is_answered, batch)) for item in batch]
        failed, seconds = _answer(predictor, file, todo, usual, media, settings, request)
        is_whole = file.finish(items)
        pictures = draw_timelines(request.out, items, file.said(items)) if is_whole and request.draws else None
    finally:
        file.close()
    return Done(len(own) - skipped - sum(failed.values()), skipped, dict(failed), seconds, pictures)


def _require_apart(request: Request) -> None:
    """Refuse to write the answers into what is asked about: `overwrite` would take the place of it."""
    if not request.out.exists():
        return
    out = os.path.realpath(request.out)
    for path in dict.fromkeys(str(name) for item in request.items for name in (item.place, item.clip.video)):
        if os.path.realpath(Path(path).expanduser()) == out:
            raise UserError(f"out={request.out}: is {path}, which is asked about; say another out=FILE")


class MediaFiles:
    """What the files of some items hold when a call begins."""

    def __init__(self, items: Sequence[Item]):
        paths = dict.fromkeys(item.clip.video for item in items)
        self._stamps = {path: file_stamp(path) for path in paths}
        self.hashes = {path: file_hash(path) for path in paths}

    def has_changed(self, path: Path) -> bool:
        """Whether a file holds something else by now; it is read again only where it was touched."""
        return file_stamp(path) != self._stamps[path] and file_hash(path) != self.hashes[path]


def _own_batches(items: Sequence[Item], size: int, request: Request) -> list[Sequence[Item]]:
    """The batches of this process; the same ones for any number of processes."""
    batches = [items[start : start + size] for start in range(0, len(items), size)]
    return batches[request.rank :: request.world_size]


def _loaded(load: Callable[[], Predictor]) -> Predictor:
    try:
        return load()
    except (UserError, torch.OutOfMemoryError) as error:
        raise NoModel(str(error)) from error


def _answer(
    predictor: Predictor,
    file: PredictionFile,
    todo: Sequence[Item],
    usual: str,
    media: MediaFiles,
    settings: str,
    request: Request,
) -> tuple[Counter[str], float]:
    """Kind of failure -> items; and the time of the answers."""
    failed: Counter[str] = Counter()
    seconds = 0.0
    questions = [item.question or usual for item in todo]
    # What nobody asks is left to the model: a classifier has no question.
    own = [item.question or request.question for item in todo]
    answers = predictor.stream([item.clip for item in todo], question=own, task=request.task)
    each = zip(todo, questions, strict=True)
    for item, question in track(each, "Answers", total=len(todo), disable=len(todo) < WITH_BAR):
        is_full = False
        try:
            answer: Prediction | Failure = next(answers)
        except torch.OutOfMemoryError as error:
            is_full, answer = True, Failure(item.clip.id, OUT_OF_MEMORY, str(error).splitlines()[0])
        if file.is_answered(item) and not is_full:
            continue
        if media.has_changed(item.clip.video):
            reason = f"{item.clip.video}: has changed while it was read"
            answer = Failure(item.clip.id, "file that changes", reason)
        if isinstance(answer, Failure):
            failed[answer.kind] += 1
        else:
            seconds += answer.seconds
        form, fingerprint = request.form, media.hashes[item.clip.video]
        file.append([record_of(form, item, answer, question=question, media=fingerprint, settings=settings)])
        if is_full:
            raise NoModel(f"{item.clip.id}: {OUT_OF_MEMORY}; say a smaller batch_size, or device=cpu")
    return failed, seconds
