"""The benchmark as a folder: mp4 clips, an annotation file, and a note of how it was made.

folder/
|-- annotations.csv   the custom format of the Emotion-LLaMA evaluation guide, with split and subject
|-- latents.csv       which class each modality shows: for analysis, not for training
|-- benchmark.json    all settings and the ceilings; `complete` is set last
`-- media/<id>.mp4
"""

import csv
import io
import json
import os
import queue
import signal
import subprocess
import sys
import threading
from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path

from filelock import FileLock
from rich.progress import BarColumn, MofNCompleteColumn, Progress, ProgressColumn, Task, TextColumn, TimeRemainingColumn
from rich.text import Text

from emolightning.benchmarks.synthetic import clip
from emolightning.benchmarks.synthetic.mixed import AROUSAL, VALENCE, total
from emolightning.benchmarks.synthetic.process import ERROR_RATE, ClipPlan, ceilings, draw_plan
from emolightning.config.places import PACKAGE
from emolightning.errors import UserError
from emolightning.files.writing import require_writable, write_whole

GENERATOR_VERSION = 1
"""Raise it whenever the same settings would give other clips."""

ANNOTATIONS, LATENTS, NOTE, MEDIA = "annotations.csv", "latents.csv", "benchmark.json", "media"


def render_benchmark(
    folder: Path,
    *,
    seed: int = 0,
    num_train: int = 960,
    num_val: int = 120,
    num_test: int = 180,
    image_size: int = 112,
    error_rate: float = ERROR_RATE,
    mixed: bool = False,
    num_workers: int = 2,
    show_progress: bool = True,
) -> Path:
    """Renders what is missing of the benchmark and returns its annotation file; a complete folder is not touched.

    Args:
        folder: where the benchmark lives; made if it does not exist.
        seed: of everything random.
        num_train: clips, a multiple of six; likewise `num_val` and `num_test`.
        image_size: height and width of the pictures, in pixels; even, as H.264 wants it.
        error_rate: how often a modality shows a class that is not the label's.
        mixed: clips that show several emotions at once, see `emolightning.benchmarks.synthetic.mixed`.
        num_workers: processes that render; 0 renders in this process.
        show_progress: a progress bar with rate and remaining time, where the output is a terminal.

    Raises:
        UserError: unusable settings, a folder made with other settings, or one that holds something else.
    """
    sizes = {"num_train": num_train, "num_val": num_val, "num_test": num_test}
    _check_arguments(image_size, num_workers)
    plans = draw_plan(seed=seed, error_rate=error_rate, mixed=mixed, **sizes)
    settings = {"seed": seed, **sizes, "image_size": image_size, "error_rate": error_rate}
    settings |= {"mixed": True} if mixed else {}
    folder = Path(folder)
    if not _is_complete(folder, settings, plans):
        require_writable(folder, "data.folder")
        # Two processes of one run start at once: the second waits here and then finds everything done.
        folder.mkdir(parents=True, exist_ok=True)
        with FileLock(folder / ".lock"):
            if not _is_complete(folder, settings, plans):
                _complete(folder, settings, plans, num_workers, show_progress)
    return folder / ANNOTATIONS


def _complete(folder: Path, settings: dict, plans: Sequence[ClipPlan], num_workers: int, show: bool) -> None:
    (folder / MEDIA).mkdir(exist_ok=True)
    _write_note(folder, settings, complete=False)
    _render_missing(plans, folder / MEDIA, settings["image_size"], num_workers, show)
    _write_tables(folder, plans, has_numbers="mixed" in settings)
    _write_note(folder, settings, complete=True)


def _check_arguments(image_size: int, num_workers: int) -> None:
    if image_size < 32 or image_size % 2:
        raise UserError(f"image_size={image_size}: must be even and at least 32")
    if num_workers < 0:
        raise UserError(f"num_workers={num_workers}: must be 0 (render in this process) or more")


def _is_complete(folder: Path, settings: dict, plans: Sequence[ClipPlan]) -> bool:
    """Whether nothing is left to do; refuses a folder that was made otherwise."""
    note = folder / NOTE
    if not note.exists():
        strange = [name for name in (ANNOTATIONS, LATENTS) if (folder / name).exists()]
        strange += [path.name for path in sorted((folder / MEDIA).glob("*"))[:3]]
        if strange:
            raise UserError(
                f"{folder}: holds {strange} but no {NOTE}, so it is not a synthetic benchmark; choose another folder"
            )
        return False
    try:
        found = dict(json.loads(note.read_text(encoding="utf-8")))
    except ValueError as error:
        raise UserError(f"{note}: not readable ({error}); choose another folder or delete it") from error
    made_with = {"mixed": False, "generator_version": found.get("generator_version"), **found.get("settings", {})}
    wanted = {"mixed": False, "generator_version": GENERATOR_VERSION, **settings}
    other = [
        f"{key} is {made_with.get(key)} there, {wanted[key]} here"
        for key in wanted
        if made_with.get(key) != wanted[key]
    ]
    if other:
        raise UserError(
            f"{folder}: rendered with other settings ({'; '.join(other)}); choose another folder or delete it"
        )
    tables = all((folder / name).exists() for name in (ANNOTATIONS, LATENTS))
    return found.get("complete") is True and tables and not _missing(plans, folder / MEDIA)


def _missing(plans: Sequence[ClipPlan], media: Path) -> list[ClipPlan]:
    there = {path.name for path in media.glob("*.mp4")}
    return [plan for plan in plans if f"{plan.id}.mp4" not in there]


def _render_missing(plans: Sequence[ClipPlan], media: Path, image_size: int, num_workers: int, show: bool) -> None:
    for left_over in media.glob(f"*{clip.PARTIAL}"):
        left_over.unlink(missing_ok=True)
    missing = _missing(plans, media)
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), _Rate(), TimeRemainingColumn())
    with Progress(*columns, disable=not show) as progress:
        task = progress.add_task("Rendering clips", total=len(plans), completed=len(plans) - len(missing))
        if num_workers == 0:
            for plan in missing:
                clip.render_clip(plan, media, image_size)
                progress.advance(task)
        else:
            for _ in _render_in_processes(missing, media, image_size, num_workers):
                progress.advance(task)


def _render_in_processes(plans: Sequence[ClipPlan], media: Path, image_size: int, num_workers: int) -> Iterator[str]:
    """Yields the id of each clip as it is finished.

    Own processes, not a multiprocessing pool: a spawned pool imports the main script again, torch and all, in
    every worker, and its workers outlive a killed parent. These import numpy, Pillow and PyAV, and end with the pipe.
    """
    waiting = deque(plans)
    finished: queue.SimpleQueue[str | Exception] = queue.SimpleQueue()
    workers = [_start_worker(media, image_size) for _ in range(min(num_workers, len(plans)))]
    threads = [threading.Thread(target=_feed, args=(worker, waiting, finished)) for worker in workers]
    try:
        for thread in threads:
            thread.start()
        for _ in plans:
            result = finished.get()
            if isinstance(result, Exception):
                raise result
            yield result
    finally:
        # Also on Ctrl-C: every worker ends the clip it is at, so nothing half-written is left.
        waiting.clear()
        for worker, thread in zip(workers, threads, strict=True):
            if thread.ident is not None:
                thread.join()
            worker.communicate()  # Closes its input, which ends it.


def _start_worker(media: Path, image_size: int) -> subprocess.Popen:
    root = str(PACKAGE.parent)
    paths = os.pathsep.join(filter(None, [root, os.environ.get("PYTHONPATH")]))
    single = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}
    return subprocess.Popen(
        [sys.executable, "-m", clip.__name__, str(media), str(image_size)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, **single, "PYTHONPATH": paths},
    )


def _feed(worker: subprocess.Popen, waiting: deque[ClipPlan], finished: "queue.SimpleQueue[str | Exception]") -> None:
    """Hands one plan after the other to a worker until none is waiting."""
    assert worker.stdin is not None
    assert worker.stdout is not None
    try:
        while True:
            try:
                plan = waiting.popleft()
            except IndexError:
                return
            with suppress(BrokenPipeError):  # It is gone: so is its answer.
                worker.stdin.write(json.dumps(asdict(plan)) + "\n")
                worker.stdin.flush()
            if worker.stdout.readline().strip() != plan.id:
                raise _how_it_stopped(worker, plan)
            finished.put(plan.id)
    except Exception as error:
        # The main thread raises it.
        finished.put(error)


def _how_it_stopped(worker: subprocess.Popen, plan: ClipPlan) -> Exception:
    """A process that was killed is for the user to know; one that failed has a mistake of ours."""
    with suppress(subprocess.TimeoutExpired):
        worker.wait(10)
    if worker.returncode is not None and worker.returncode < 0:
        by = signal.Signals(-worker.returncode).name
        remedy = "is memory too small? Run it again: finished clips are kept"
        return UserError(f"{plan.id}: the process that renders it was ended by {by}; {remedy}")
    return RuntimeError(f"a rendering process stopped at clip {plan.id}; its own message is above")


def _write_tables(folder: Path, plans: Sequence[ClipPlan], *, has_numbers: bool) -> None:
    lines = ["video_name, emotion_label, transcription, split, subject" + ", valence, arousal" * has_numbers]
    for plan in plans:
        quoted = '"' + clip.transcript_of(plan).replace('"', '""') + '"'
        numbers = [str(total(each, plan.shown)) for each in (VALENCE, AROUSAL)] if has_numbers else []
        lines.append(", ".join((f"{plan.id}.mp4", plan.label, quoted, plan.split, plan.subject, *numbers)))
    write_whole(folder / ANNOTATIONS, "\n".join(lines) + "\n")
    table = io.StringIO()
    writer = csv.writer(table, lineterminator="\n")
    writer.writerow(["id", "split", "label", "voice", "face", "words", "actor_seed", "seed"])
    for plan in plans:
        writer.writerow(
            [plan.id, plan.split, plan.label, plan.voice, plan.face, plan.words, plan.actor_seed, plan.seed]
        )
    write_whole(folder / LATENTS, table.getvalue())


def _write_note(folder: Path, settings: dict, *, complete: bool) -> None:
    best = {} if "mixed" in settings else ceilings(settings["error_rate"])
    note = {
        "complete": complete,
        "generator_version": GENERATOR_VERSION,
        "settings": settings,
        "ceilings": {subset: round(value, 6) for subset, value in best.items()},
        "frame_rate": clip.FRAME_RATE,
        "duration_s": clip.DURATION_S,
        "sample_rate_hz": clip.SAMPLE_RATE,
        "x264": clip.X264,
        "aac_bit_rate": clip.AAC_BIT_RATE,
    }
    write_whole(folder / NOTE, json.dumps(note, indent=2) + "\n")


class _Rate(ProgressColumn):
    """Clips per second, over the last half minute."""

    def render(self, task: Task) -> Text:
        speed = task.finished_speed or task.speed
        return Text("" if speed is None else f"{speed:.0f} clips/s")
