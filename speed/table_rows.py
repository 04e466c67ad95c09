"""Time and memory of an annotation table: read, checked against its media, divided into folds.

  python speed/table_rows.py
  python speed/table_rows.py 'rows=[100000,300000,1000000]' output=speed/results/table_rows.json
  python speed/table_rows.py 'rows=[10000,100000,1000000]' pieces=20 output=speed/results/table_pieces.json
  python speed/table_rows.py pieces=20 annotators=5 kind=tsv output=speed/results/table_people.json

Writes a table in the format of `data=custom`, and an empty file for each clip or for `pieces` of them with start and
end; each round reads it in a process of its own, as a run with `folds=5` does before it opens media: every row checked
and its file found, clips divided by ratio, then into folds that leave subjects whole, and the classes of each fold
counted. The floor is the time that Python's `csv.reader` alone takes for the same file, in a process after each round.
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
from emolightning.errors import UserError  # noqa: E402
from emolightning.records.labels import MER6  # noqa: E402
from speed.figures import Drawing, Figure, figure, write_result  # noqa: E402

REPO = Path(__file__).resolve().parents[1]
ABOUT: dict[str, Any] = {"part": "Tables and scores", "question": "What does a large annotation table take?"}
A_MILLION, MOST_S, MOST_GB = 1_000_000, 15.0, 1.5
"""A table of so many rows is promised to be read in this time and memory."""
IN_FOLDER = 5000
"""Files of a folder."""
FLOOR = """
import csv, sys, time
start = time.process_time()
with open(sys.argv[1], newline="", encoding="utf-8") as file:
    for _ in csv.reader(file, delimiter="\\t" if sys.argv[1].endswith("tsv") else ","):
        pass
print(time.process_time() - start)
"""
SIGNS = {"csv": ",", "tsv": "\t"}


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
    floor_seconds: float
    """Processor time of `csv.reader` for the same file."""


def main(cfg: DictConfig) -> int:
    """Write, read, compare, print; 1 for wrong clips."""
    check_config(cfg)
    if cfg.kind not in SIGNS or cfg.annotators in (1, 2) or cfg.annotators < 0:
        asked = f"kind={cfg.kind} annotators={cfg.annotators}"
        raise UserError(f"{asked}: kind must be one of {list(SIGNS)}, and annotators 0, or 3 and more")
    results, is_right = [], True
    for rows in cfg.rows:
        with tempfile.TemporaryDirectory(dir=cfg.folder) as folder:
            place = Path(folder) / f"table.{cfg.kind}"
            written = write_table(
                place, rows, subjects=cfg.subjects, pieces=cfg.pieces, annotators=cfg.annotators, seed=cfg.seed
            )
            rounds = []
            for _ in range(cfg.rounds):
                one, found = read(place, cfg.num_folds, cfg.annotators)
                rounds.append(one)
                is_right &= found == [dict(written)] * cfg.num_folds
        seconds = median(one.cpu_seconds for one in rounds)
        results.append({"rows": rows, "cpu_seconds": seconds, "rounds": [asdict(one) for one in rounds]})
        most = max(one.peak_memory_gb for one in rounds)
        wall = median(one.seconds for one in rounds)
        floor = median(one.floor_seconds for one in rounds)
        print(
            f"{rows:,} rows: {wall:.1f} s, {seconds:.1f} s of CPU, {1e6 * seconds / rows:.1f} us a row, {most:.2f} GB "
            f"at most; floor {floor:.2f} s of CPU, {seconds / floor:.1f} times that; "
            f"clips {'as written' if is_right else 'WRONG'}",
            flush=True,
        )
    settings = {name: cfg[name] for name in ("subjects", "pieces", "annotators", "kind", "num_folds", "seed")}
    about: dict[str, Any] = {"figures": figures(results, settings), "drawings": drawings(results)}
    write_result(cfg.output, **ABOUT, **about, **settings, is_right=is_right, results=results)
    return int(not is_right)


def figures(results: Sequence[Mapping[str, Any]], settings: Mapping[str, Any]) -> list[Figure]:
    """Time and memory of each table; of a million rows both are promised."""
    found = []
    kind = f" ({settings['kind'].upper()})" if settings["kind"] != "csv" else ""
    pieces = f", {settings['pieces']} of each file" if settings["pieces"] > 1 else ""
    people = f", {settings['annotators']} annotators" if settings["annotators"] else ""
    for one in results:
        about = f"{one['rows']:,} annotation rows{kind}{pieces}{people}, read, checked, split"
        most_s, most_gb = (MOST_S, MOST_GB) if one["rows"] == A_MILLION else (None, None)
        rounds = one["rounds"]
        floor = {"floor": median(each["floor_seconds"] for each in rounds), "floor_of": "`csv.reader` of the same file"}
        found += [
            figure(f"{about}: time", [each["cpu_seconds"] for each in rounds], "s", at_most=most_s, **floor),
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


def write_table(
    place: Path, num_rows: int, *, subjects: int, pieces: int, seed: int, annotators: int = 0
) -> Counter[str]:
    """Write a table, and the files of its clips beside it.

    Returns:
        Label -> clips.
    """
    rng = np.random.default_rng(seed)
    labels = [MER6[place] for place in rng.choice(len(MER6), num_rows, p=(0.3, 0.2, 0.2, 0.15, 0.1, 0.05)).tolist()]
    people = rng.integers(0, subjects, num_rows).tolist()
    media = place.parent / "media"
    with place.open("w", newline="", encoding="utf-8") as file:
        table = csv.writer(file, delimiter=SIGNS[place.suffix[1:]])
        ends = ["start", "end"] if pieces > 1 else []
        said = names_of_people(annotators) or ["emotion_label"]
        table.writerow(["video_name", *said, "transcription", "subject", "session", *ends])
        for row, (label, person) in enumerate(zip(labels, people, strict=True)):
            number, piece = divmod(row, pieces)
            name = f"part{number // IN_FOLDER:04}/sample_{number:08}.mp4"
            if piece == 0:
                if number % IN_FOLDER == 0:
                    (media / name).parent.mkdir(parents=True)
                (media / name).touch()
            about = [f"s{(number if pieces > 1 else person) % subjects}", f"Ses{row % 5}"]
            times = [f"{2.5 * piece:.2f}", f"{2.5 * piece + 2:.2f}"] if pieces > 1 else []
            votes = [label] * len(said)
            if annotators:
                votes[row % annotators] = MER6[row % len(MER6)]
            table.writerow([name, *votes, f"This is what is said in clip {row}, more or less.", *about, *times])
    return Counter(labels)


def names_of_people(number: int) -> list[str]:
    """The columns of the annotators."""
    return [f"rater_{person}" for person in range(1, number + 1)]


def read(place: Path, folds: int, annotators: int) -> tuple[Round, list[dict[str, int]]]:
    """Read the table in a process of its own; its costs, and the classes of each fold."""
    code = f"from speed.table_rows import show_folds; show_folds({str(place)!r}, {folds}, {annotators})"
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
    floor = subprocess.run([sys.executable, "-c", FLOOR, place], stdout=subprocess.PIPE, check=True).stdout
    return Round(seconds, cpu, read_at, folded_at, used.ru_maxrss * unit / 1e9, float(floor)), said["folds"]


def show_folds(table: str, folds: int, annotators: int) -> None:
    """What the process does: read, check, divide; print how long both took and the classes of each fold."""
    start = time.perf_counter()
    source = CustomData(
        annotations=table,
        media=str(Path(table).parent / "media"),
        annotators=names_of_people(annotators) or None,
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
