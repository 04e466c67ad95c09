"""Arrays computed once per clip and kept on disk: in parallel, with progress, resumable, renewed when a clip changes.

Each kind of array has a folder (`vectors.py`), which notes size and modification time of each clip's file when it was
computed, and which piece of it the clip is. Imports no torch: worker processes start in a fraction of a second.
"""

import faulthandler
import hashlib
import json
import os
import tokenize
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from contextvars import ContextVar
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np

from emolightning.data.loading.worker_process import end_with_parent
from emolightning.data.perturbing.sound import BrokenNoise
from emolightning.data.stores.apart import CLIP_SECONDS, SPAWN, EndedEarly, parts_of
from emolightning.data.stores.manifest import Manifest
from emolightning.data.stores.records import Stamp
from emolightning.data.stores.vectors import VectorFolder, vector_path
from emolightning.errors import UserError
from emolightning.files.writing import CannotWrite, require_writable, written_whole
from emolightning.records.clips import Clip

CHOSEN = ".chosen"
"""Folder of the records beside the arrays."""

IN_PROCESS = 4
"""Up to so many clips are computed here: a pool costs more than it saves."""

ABSENT = [-1, -1]
"""The stamp of a file that is not there."""


@dataclass(frozen=True)
class Outcome:
    """What one clip gave."""

    arrays: dict[str, np.ndarray] = field(default_factory=dict)
    problem: str | None = None
    """Why the clip cannot be used at all."""
    absent: dict[str, str] = field(default_factory=dict)
    """Array name -> why this clip has none (no sound track); the caller decides whether that is an error."""
    record: dict[str, Any] | None = None
    """What was chosen to get there, as plain values; written beside the arrays, `.chosen/<clip id>.json`."""
    in_parts: Callable[[], Generator[Any, None, None]] | None = None
    """Gives what is too large to be handed over whole, where it is used: the record, then piece by piece."""

    @property
    def num_bytes(self) -> int:
        """What it takes in memory."""
        return sum(array.nbytes for array in self.arrays.values())


@dataclass(frozen=True)
class Summary:
    """What a pass over the clips found."""

    problems: dict[str, str]
    """Clip id -> why the clip cannot be used, in the order of the clips."""
    absent: dict[str, dict[str, str]]
    """Array name -> clip id -> reason."""


Compute = Callable[[Clip, tuple[str, ...]], Outcome]
"""A module-level function: (clip, names of the arrays wanted) -> outcome."""

BATCH_BYTES = 2**28
"""What waits to be encoded together takes no more memory than this and one clip."""

Encode = Callable[[Sequence[Outcome]], Sequence[Outcome]]
"""What is made in this process of the outcomes of a few clips, e.g. by a model: an outcome for each."""


def compute_missing(
    clips: Sequence[Clip],
    folders: Mapping[str, Path],
    compute: Compute,
    *,
    title: str,
    num_workers: int,
    manifests: Mapping[str, Manifest] = MappingProxyType({}),
    encode: Encode | None = None,
    batch_size: int = 1,
    stamp: Callable[[Clip], Stamp] | None = None,
) -> Summary:
    """Compute and store what the cache does not have, or has from an older file.

    Args:
        clips: all clips of the run.
        folders: array name -> cache folder.
        compute: gives the arrays of one clip.
        title: shown by the progress bar.
        num_workers: processes.
        manifests: array name -> what makes it, where the folder's name does not say all of it.
        encode: makes the arrays that are kept of those that `compute` gave; None keeps these.
        batch_size: clips that are given to `encode` together, in the order in which they come.
        stamp: what the arrays of a clip are made from; None for its file, or its piece of one.

    Returns:
        The problems of clips that cannot be used, and the arrays that clips do not have.

    Raises:
        CannotWrite: nothing can be kept in the cache; said before anything is computed.
        UserError: a folder holds what another manifest describes.
    """
    stores = {name: VectorFolder.open(folder, manifests.get(name)) for name, folder in folders.items()}
    stamps = {clip.id: (stamp or clip_stamp)(clip) for clip in clips}
    todo = []
    for clip in clips:
        names = tuple(name for name, store in stores.items() if not store.is_done(clip.id, stamps[clip.id]))
        if names:
            todo.append((clip, names))
    for folder in folders.values() if todo else ():
        require_writable(folder, "data.cache")
    problems: dict[str, str] = {}
    absent: dict[str, dict[str, str]] = {name: {} for name in folders}
    try:
        outcomes = outcomes_of(todo, compute, num_workers)
        if encode is not None:
            outcomes = _encoded(outcomes, encode, batch_size)
        for clip, outcome in with_bar(outcomes, title, len(todo)):
            if outcome.problem:
                problems[clip.id] = outcome.problem
            for name, array in outcome.arrays.items():
                if outcome.record is not None:
                    _write_record(folders[name], clip.id, outcome.record)
                stores[name].add(clip.id, array, stamps[clip.id])
            for name, reason in outcome.absent.items():
                absent[name][clip.id] = reason
    finally:
        for store in stores.values():  # Also on Ctrl-C: what is done stays done.
            store.finish()
    # Processes finish in any order; messages keep that of the file.
    return Summary({clip.id: problems[clip.id] for clip in clips if clip.id in problems}, absent)


def outcomes_of(todo: Sequence["_Job"], compute: Compute, num_workers: int) -> Iterator[tuple[Clip, Outcome]]:
    """What each clip gives, as it comes: a clip that cannot be read, or that ends its process, is a problem."""
    if len(todo) <= IN_PROCESS or num_workers < 2:
        for clip, names in todo:
            yield clip, _guarded(compute, clip, names)
        return
    waiting = deque(todo)
    while waiting:
        in_flight: dict[Future[Outcome], _Job] = {}
        try:
            yield from _in_pool(waiting, in_flight, compute, num_workers)
        except BrokenProcessPool:
            # A pool does not say whose worker was killed: it is one of these, which happens again, or bad luck.
            for clip, names in in_flight.values():
                yield clip, _alone(compute, clip, names)


def _write_record(folder: Path, clip_id: str, record: dict[str, Any]) -> None:
    path = vector_path(folder / CHOSEN, clip_id).with_suffix(".json")
    path.parent.mkdir(parents=True, exist_ok=True)
    with written_whole(path, durable=False) as temporary:
        temporary.write_text(json.dumps(record) + "\n", encoding="utf-8")


def _encoded(
    outcomes: Iterable[tuple[Clip, Outcome]], encode: Encode, batch_size: int
) -> Iterator[tuple[Clip, Outcome]]:
    """Pass clips on in small groups; those that could not be read go through as they are."""
    clips: list[Clip] = []
    read: list[Outcome] = []
    for clip, outcome in outcomes:
        if not outcome.arrays and outcome.in_parts is None:
            yield clip, outcome
            continue
        clips.append(clip)
        read.append(outcome)
        if len(clips) == batch_size or sum(one.num_bytes for one in read) >= BATCH_BYTES:
            yield from zip(clips, encode(read), strict=True)
            clips, read = [], []
    if clips:
        yield from zip(clips, encode(read), strict=True)


_Job = tuple[Clip, tuple[str, ...]]


def _in_pool(
    waiting: deque[_Job], in_flight: dict[Future[Outcome], _Job], compute: Compute, num_workers: int
) -> Iterator[tuple[Clip, Outcome]]:
    """Take jobs from `waiting`, a few at a time, so that `in_flight` says which ones a killed worker may have had."""
    with ProcessPoolExecutor(num_workers, mp_context=SPAWN, initializer=end_with_parent) as pool:
        try:
            while waiting or in_flight:
                while waiting and len(in_flight) < 2 * num_workers:
                    in_flight[pool.submit(_watched, compute, *waiting[0])] = waiting[0]
                    waiting.popleft()
                for future in wait(in_flight, return_when=FIRST_COMPLETED).done:
                    outcome = future.result()
                    yield in_flight.pop(future)[0], outcome
        finally:
            # Waiting is for a pass that is complete; left alone, a pool writes a traceback when the program ends first.
            pool.shutdown(wait=not in_flight, cancel_futures=True)


def _watched(compute: Compute, clip: Clip, names: tuple[str, ...]) -> Outcome:
    """In a worker: end this process where it hangs, also inside of a library."""
    with open(os.devnull, "w") as nowhere:
        faulthandler.dump_traceback_later(CLIP_SECONDS, exit=True, file=nowhere)
        try:
            return _guarded(compute, clip, names)
        finally:
            faulthandler.cancel_dump_traceback_later()


def _alone(compute: Compute, clip: Clip, names: tuple[str, ...]) -> Outcome:
    """The outcome of one clip in a process of its own, whose end, if it has none, is the clip's problem."""
    try:
        (outcome,) = parts_of(partial(_only, compute, clip, names), clip.video)
    except EndedEarly as error:
        return Outcome(problem=str(error))
    return outcome


def _only(compute: Compute, clip: Clip, names: tuple[str, ...]) -> Iterator[Outcome]:
    yield _guarded(compute, clip, names)


def _guarded(compute: Compute, clip: Clip, names: tuple[str, ...]) -> Outcome:
    """A clip that cannot be read is a line in the list of problems, not the end of the pass."""
    try:
        return compute(clip, names)
    except (BrokenNoise, CannotWrite):  # No fault of the clip.
        raise
    except UserError as error:
        return Outcome(problem=str(error))
    except MemoryError:
        return Outcome(problem=f"{clip.video}: memory is too small to read it; cut it, or make its picture smaller")


WITH_BARS: ContextVar[bool] = ContextVar("WITH_BARS", default=True)
"""Whether a pass shows how far it is; one over a few clips of many does not."""


def with_bar(outcomes: Iterable[tuple[Clip, Outcome]], title: str, total: int) -> Iterator[tuple[Clip, Outcome]]:
    """Pass outcomes on under a bar with rate and ETA; no bar where there is nothing to do."""
    if total == 0:
        return
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[rate]}"),
        TimeRemainingColumn(),
    )
    with Progress(*columns, disable=not WITH_BARS.get()) as progress:
        task = progress.add_task(title, total=total, rate="")
        for outcome in outcomes:
            yield outcome
            progress.update(task, advance=1)
            done, seconds = progress.tasks[task].completed, progress.tasks[task].elapsed
            # Over the whole pass: clips that are encoded together are done at the same moment.
            progress.update(task, rate=f"{done / seconds:.3g} clips/s" if seconds else "")


DAMAGED_ARRAY = (
    *(ValueError, TypeError, EOFError, OSError, SyntaxError, OverflowError, MemoryError, RecursionError),
    tokenize.TokenError,
)
"""What numpy raises of a header that is damaged."""


def load_array(path: Path) -> np.ndarray:
    """Read a `.npy` without executing pickles.

    Raises:
        UserError: not a plain array.
    """
    try:
        # Mapped first, which compares the header's shape with the size of the file: no header fills the memory.
        return np.array(np.lib.format.open_memmap(path, mode="r"))
    except DAMAGED_ARRAY as error:
        raise UserError(f"{path}: not a readable .npy array ({error}); delete it to have it made again") from error


def clip_stamp(clip: Clip) -> list[int | float]:
    """That of a clip's file, and of a piece where it begins and ends."""
    return [*file_stamp(clip.video), *([] if clip.span is None else [clip.span.start, clip.span.end])]


def text_stamp(clip: Clip) -> list[str]:
    """That of a clip's transcript."""
    return [hashlib.sha256((clip.transcript or "").encode()).hexdigest()]


def file_stamp(path: Path) -> list[int]:
    """Size and modification time of a file, in nanoseconds: another stamp means another file."""
    try:
        status = path.stat()
    except OSError:  # Whoever reads it says why it cannot be.
        return ABSENT
    return [status.st_size, status.st_mtime_ns]
