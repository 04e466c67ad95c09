"""Time and memory of an annotation table: read, checked against its media, divided into folds.

  python speed/table_rows.py
  python speed/table_rows.py 'rows=[100000,300000,1000000]' output=speed/results/table_rows.json
  python speed/table_rows.py 'rows=[100000,300000,1000000]' pieces=20 output=speed/results/table_pieces.json

Writes a CSV in the format of `data=custom` and an empty file for each clip, or for `pieces` of them with start and end;
each round reads it in a process of its own, as a run with `folds=5` does before it opens media: every row checked and
its file found, clips divided by ratio, then into folds that leave subjects whole, and the classes of each fold counted.
The clips of all folds are compared with those that were written. Exit code 1 when they differ.
"""

import sys
from pathlib import Path

if __name__ == "__main__":  # Python put this file's folder first; the checkout belongs there, to be what is measured.
    sys.path[0] = str(Path(__file__).resolve().parents[1])

import csv  # noqa: E402
import json  # noqa: E402
import os  # noqa: E402
import subprocess  # noqa: E402
import tempfile  # noqa: E402
import time  # noqa: E402
from collections import Counter  # noqa: E402
from collections.abc import Mapping, Sequence  # noqa: E402
from dataclasses import asdict, dataclass  # noqa: E402
from statistics import median  # noqa: E402
from typing import Any  # noqa: E402

import numpy as np  # noqa: E402
from omegaconf import DictConfig  # noqa: E402

from emolightning.commands.cli import run  # noqa: E402
from emolightning.config.check import check_config  # noqa: E402
from emolightning.data.readers.custom import CustomData  # noqa: E402
from emolightning.data.readers.folds import Division, folds_of  # noqa: E402
from emolightning.records.labels import MER6  # noqa: E402
from speed.figures import Drawing, Figure, figure, write_result  # noqa: E402

REPO = Path(__file__).resolve().parents[1]
ABOUT = {"part": "Tables and scores", "question": "What does a large annotation table take?"}
A_MILLION, MOST_S, MOST_GB = 1_000_000, 15.0, 1.5
"""A table of so many rows is promised to be read in this time and memory."""
IN_FOLDER = 5000
"""Files of a folder."""


@dataclass(frozen=True)
class Round:
    """One process."""

    seconds: float
    """From its start to its end, imports included."""
    cpu_seconds: float
    """The time of its processors: other programs on the machine do not count."""
    read_seconds: float
    fold_seconds: float
    peak_memory_gb: float
    """Largest resident set, 10^9 bytes."""


def main(cfg: DictConfig) -> int:
    """Write, read, compare, print; 1 for wrong clips."""
    check_config(cfg)
    results, is_right = [], True
    for rows in cfg.rows:
        with tempfile.TemporaryDirectory(dir=cfg.folder) as folder:
            written = write_table(Path(folder), rows, subjects=cfg.subjects, pieces=cfg.pieces, seed=cfg.seed)
            rounds = []
            for _ in range(cfg.rounds):
                one, found = read(Path(folder), cfg.num_folds)
                rounds.append(one)
                is_right &= found == [dict(written)] * cfg.num_folds
        seconds = median(one.cpu_seconds for one in rounds)
        results.append({"rows": rows, "cpu_seconds": seconds, "rounds": [asdict(one) for one in rounds]})
        most = max(one.peak_memory_gb for one in rounds)
        wall = median(one.seconds for one in rounds)
        print(
            f"{rows:,} rows: {wall:.1f} s, {seconds:.1f} s of CPU, {1e6 * seconds / rows:.1f} us a row, {most:.2f} GB "
            f"at most; clips {'as written' if is_right else 'WRONG'}",
            flush=True,
        )
    settings = {name: cfg[name] for name in ("subjects", "pieces", "num_folds", "seed")}
    found = {"figures": figures(results, cfg.pieces), "drawings": drawings(results)}
    write_result(cfg.output, **ABOUT, **found, **settings, is_right=is_right, results=results)
    return int(not is_right)


def figures(results: Sequence[Mapping[str, Any]], pieces: int) -> list[Figure]:
    """Time and memory of each table; of a million rows both are promised."""
    found = []
    for one in results:
        about = (
            f"{one['rows']:,} annotation rows{f', {pieces} of each file' if pieces > 1 else ''}, read, checked, split"
        )
        most_s, most_gb = (MOST_S, MOST_GB) if one["rows"] == A_MILLION else (None, None)
        rounds = one["rounds"]
        found += [
            figure(f"{about}: time", [each["cpu_seconds"] for each in rounds], "s", at_most=most_s),
            figure(f"{about}: memory", [each["peak_memory_gb"] for each in rounds], "GB", at_most=most_gb),
        ]
    return found


def drawings(results: Sequence[Mapping[str, Any]]) -> list[Drawing]:
    """Time and memory over rows; a line through both is what linear means."""
    ways = {"processor time, s": "cpu_seconds", "memory, GB": "peak_memory_gb"}
    return [
        Drawing(
            f"Annotation rows: {about}",
            "rows",
            about,
            {"": [(one["rows"], median(each[name] for each in one["rounds"])) for one in results]},
        )
        for about, name in ways.items()
        if len(results) > 1
    ]


def write_table(folder: Path, num_rows: int, *, subjects: int, pieces: int, seed: int) -> Counter[str]:
    """Write table and files.

    Returns:
        Label -> clips.
    """
    rng = np.random.default_rng(seed)
    labels = [MER6[place] for place in rng.choice(len(MER6), num_rows, p=(0.3, 0.2, 0.2, 0.15, 0.1, 0.05)).tolist()]
    people = rng.integers(0, subjects, num_rows).tolist()
    media = folder / "media"
    with (folder / "table.csv").open("w", newline="", encoding="utf-8") as file:
        table = csv.writer(file)
        ends = ["start", "end"] if pieces > 1 else []
        table.writerow(["video_name", "emotion_label", "transcription", "subject", "session", *ends])
        for row, (label, person) in enumerate(zip(labels, people, strict=True)):
            number, piece = divmod(row, pieces)
            name = f"part{number // IN_FOLDER:04}/sample_{number:08}.mp4"
            if piece == 0:
                if number % IN_FOLDER == 0:
                    (media / name).parent.mkdir(parents=True)
                (media / name).touch()
            about = [f"s{(number if pieces > 1 else person) % subjects}", f"Ses{row % 5}"]
            times = [f"{2.5 * piece:.2f}", f"{2.5 * piece + 2:.2f}"] if pieces > 1 else []
            table.writerow([name, label, f"This is what is said in clip {row}, more or less.", *about, *times])
    return Counter(labels)


def read(folder: Path, folds: int) -> tuple[Round, list[dict[str, int]]]:
    """Read the table in a process of its own; its costs, and the classes of each fold."""
    code = f"from speed.table_rows import show_folds; show_folds({str(folder)!r}, {folds})"
    start = time.perf_counter()
    process = subprocess.Popen([sys.executable, "-c", code], cwd=REPO, stdout=subprocess.PIPE)
    assert process.stdout is not None
    output = process.stdout.read()
    _, status, used = os.wait4(process.pid, 0)  # of this child alone, where getrusage gives the largest of all
    seconds = time.perf_counter() - start
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise subprocess.CalledProcessError(process.returncode, code)
    unit = 1 if sys.platform == "darwin" else 1024
    said = json.loads(output)
    cpu, (read_at, folded_at) = used.ru_utime + used.ru_stime, said["seconds"]
    return Round(seconds, cpu, read_at, folded_at, used.ru_maxrss * unit / 1e9), said["folds"]


def show_folds(folder: str, folds: int) -> None:
    """What the process does: read, check, divide; print how long both took and the classes of each fold."""
    place, start = Path(folder), time.perf_counter()
    source = CustomData(
        annotations=str(place / "table.csv"),
        media=str(place / "media"),
        name="custom",
        labels="mer6",
        inputs=("transcript",),
    )
    clips = source.read_clips()
    read_at = time.perf_counter()
    division = Division(clips, seed=source.seed)
    found = [division.held_out(name).class_counts for name in folds_of(clips, folds=folds, leave_one=None)]
    seconds = [read_at - start, time.perf_counter() - read_at]
    counts = [dict(sum((Counter(split) for split in fold.values()), Counter())) for fold in found]
    print(json.dumps({"seconds": seconds, "folds": counts}))


if __name__ == "__main__":
    run(main, "table_rows")
