"""A run's own loader over tables of growing size: the time to its first batch, a shuffled epoch, and its memory.

  python speed/many_clips.py
  python speed/many_clips.py --clips 10000 100000 1000000 --output=speed/results/many_clips.json

Writes an annotation table and, for each input, one packed file of vectors (`emolightning convert-features`), which is
mapped whatever the number of clips: there are no shards to choose a size for. Each round is a process of its own that
reads them as `train.py data=custom features=folders` does: table and index checked, then every batch of an epoch in its
random order, with the shuffle, the examples and the batches of training, and no model. No file of a clip is needed. The
floor of an epoch is a bare copy of the same rows in a random order out of the same mapped files. Exit code 1 when a
batch holds other vectors than were written, or a clip is missing.
"""

import sys
from pathlib import Path

REPO = Path(__file__).resolve().parents[1]

if __name__ == "__main__":  # Python put this file's folder first; the checkout belongs there, to be what is measured.
    sys.path[0] = str(REPO)

import argparse  # noqa: E402
import csv  # noqa: E402
import json  # noqa: E402
import os  # noqa: E402
import subprocess  # noqa: E402
import tempfile  # noqa: E402
import time  # noqa: E402
from collections.abc import Mapping, Sequence  # noqa: E402
from dataclasses import asdict, dataclass  # noqa: E402
from statistics import median  # noqa: E402
from typing import Any  # noqa: E402

import numpy as np  # noqa: E402

from emolightning.data.stores.packed import SUFFIX, PackedVectors, header  # noqa: E402
from emolightning.data.stores.records import checksum  # noqa: E402
from emolightning.records.labels import MER6  # noqa: E402
from speed.figures import Drawing, Figure, Table, figure, write_result  # noqa: E402

ABOUT: dict[str, Any] = {"part": "Reading", "question": "Does a run's loader hold a million clips?"}
INPUTS = ("speech", "words", "face")
MOST_GROWTH = 1.5
"""What is promised: time of a clip in the largest table over that in the smallest. It is not 1, since a processor's
cache holds the index of ten thousand clips and not that of a million."""
HELD_OUT = 100
"""Every so many-th clip is of the validation split."""
AT_ONCE = 10_000
"""Vectors that are made together."""
EXACT = 2048
"""float16 holds whole numbers exactly up to this one."""


@dataclass(frozen=True)
class Round:
    """What one process took: processor time and memory of its own.

    Both are without its imports and without what is mapped.
    """

    start_s: float
    """From the settings to the first batch."""
    epoch_s: float
    start_gb: float
    epoch_gb: float
    floor_s: float
    """A bare copy of as many rows."""


def main(argv: Sequence[str]) -> int:
    """Write, read, compare, print; 1 for wrong batches."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--clips", type=int, nargs="+", default=[10_000, 100_000], help="rows of each table")
    parser.add_argument("--width", type=int, default=1024, help="values of a vector, float16")
    parser.add_argument("--batch-size", type=int, default=16, help="clips of a batch")
    parser.add_argument("--rounds", type=int, default=3, help="processes for each table, in turns")
    parser.add_argument("--folder", type=Path, help="where the files are written and removed; default: the system's")
    parser.add_argument("--output", type=Path, help="JSON file for the result")
    args = parser.parse_args(argv)
    for name, least in (("clips", HELD_OUT), ("width", 2), ("batch_size", 1), ("rounds", 1)):
        given = getattr(args, name) if name != "clips" else min(args.clips)
        if given < least:
            parser.error(f"--{name.replace('_', '-')}={given}: must be at least {least}")
    if args.folder is not None and not args.folder.is_dir():
        parser.error(f"--folder={args.folder}: there is no such folder; make it, or leave --folder out")
    with tempfile.TemporaryDirectory(dir=args.folder) as folder:
        places = {number: Path(folder) / str(number) for number in sorted(set(args.clips))}
        for number, place in places.items():
            write(place, number, args.width)
        rounds: dict[int, list[Round]] = {number: [] for number in places}
        for turn in range(args.rounds):
            for number in list(places)[:: -1 if turn % 2 else 1]:
                found = read(places[number], args.batch_size)
                if found is None:
                    return 1
                rounds[number].append(found)
                print(f"round {turn + 1} of {args.rounds}, {number:,} clips: {found}", flush=True)
    write_result(
        args.output,
        **ABOUT,
        figures=figures(rounds),
        tables=[table(rounds)],
        drawings=drawings(rounds),
        settings={"width": args.width, "batch_size": args.batch_size, "inputs": INPUTS},
        rounds={number: [asdict(each) for each in found] for number, found in rounds.items()},
    )
    return 0


def write(place: Path, number: int, width: int) -> None:
    """Write a table of so many clips, and a packed file for each input."""
    place.mkdir()
    ids = [f"sample_{row:08}" for row in range(number)]
    with (place / "table.csv").open("w", newline="", encoding="utf-8") as file:
        rows = csv.writer(file)
        rows.writerow(("video_name", "emotion_label", "transcription", "split"))
        for row, clip_id in enumerate(ids):
            rows.writerow((f"{clip_id}.mp4", MER6[row % 6], "Well.", "train" if row % HELD_OUT else "val"))
    for seed, name in enumerate(INPUTS):
        pack_made_up(place / f"{name}{SUFFIX}", ids, width, np.random.default_rng(seed))


def pack_made_up(path: Path, ids: Sequence[str], width: int, rng: np.random.Generator) -> None:
    """Write a packed file of vectors (width,), without a file of each before.

    The vectors are float16, the file is as `pack` writes it, and the first two values of a vector say its row.
    """
    number, text, checksums = len(ids), "\0".join(ids).encode(), bytearray()
    shapes = {"offsets": (number + 1,), "values": (number, width), "is_flat": (number,), "checksums": (number, 32)}
    with path.open("wb") as file:
        file.write(header({**shapes, "ids": (len(text),), "stamps": (0,)}, "float16", None))
        file.write(np.arange(number + 1, dtype="<i8").tobytes())
        for start in range(0, number, AT_ONCE):
            values = rng.standard_normal((min(AT_ONCE, number - start), width), dtype=np.float32).astype("<f2")
            values[:, 1], values[:, 0] = np.divmod(np.arange(start, start + len(values)), EXACT)
            for row in values:
                checksums += checksum(row)
            file.write(values.data)
        file.write(bytes([1]) * number)
        file.write(checksums)
        file.write(text)


def read(place: Path, batch_size: int) -> Round | None:
    """Return what one process took; None where its batches are wrong, which is printed."""
    code = f"from speed.many_clips import show; show({str(place)!r}, {batch_size})"
    environment = {**os.environ, "PYTHONPATH": str(REPO)}
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=place, env=environment, stdout=subprocess.PIPE, text=True, check=False
    )
    if done.returncode:
        print("error: the loader failed, or its batches are not what was written", file=sys.stderr)
        return None
    return Round(**json.loads(done.stdout.splitlines()[-1]))


def show(folder: str, batch_size: int) -> None:
    """Read as a run does, and print the round; the process calls this."""
    import torch

    from emolightning.config.composing import composed
    from emolightning.data.loading.datamodule import ClipDataModule
    from emolightning.runs.assembly_of_data import loading_of, read_corpus
    from emolightning.runs.assembly_of_models import build_processor

    torch.set_num_threads(1)
    place, seen = Path(folder), 0
    words = ["model=fusion/attention", "data=custom", "data.labels=mer6", f"data.annotations={place / 'table.csv'}"]
    words += ["features=folders", f"features.root={place}", f"data.batch_size={batch_size}"]
    words += [f"{'' if name in ('speech', 'face') else '+'}features.{name}={name}" for name in INPUTS]
    words += ["inputs.motion=false", f"data.cache={place / 'cache'}"]
    with composed("train", words) as cfg:
        started, before_gb = time.process_time(), own_gb()
        corpus = read_corpus(cfg, trains=True)
        data = ClipDataModule(corpus, build_processor(cfg), loading_of(cfg))
        batches = iter(data.train_dataloader())
        batch: Any = next(batches)
        first, start_gb = time.process_time(), own_gb() - before_gb
        while batch is not None:
            seen += len(batch.clips)
            require_as_written(batch)
            batch = next(batches, None)
        epoch, epoch_gb = time.process_time(), own_gb() - before_gb
    assert seen >= len(corpus.clips_of("train")), f"{seen} clips came of {len(corpus.clips_of('train'))}"
    floor_s = bare_copy(place, seen)
    print(json.dumps(asdict(Round(first - started, epoch - first, start_gb, epoch_gb, floor_s))))


def require_as_written(batch: Any) -> None:
    """Fail where the first clip of a batch has not its own vectors."""
    row = int(batch.clips[0].id.removeprefix("sample_"))
    for name in INPUTS:
        high, low = batch.features[name][0].flatten()[[1, 0]].tolist()
        assert high * EXACT + low == row, f"{name} of clip {row} begins with {low}, {high}"


def bare_copy(place: Path, number: int) -> float:
    """Return the seconds of processor time of copying so many clips' rows.

    They are copied in random order, straight out of the mapped files.
    """
    stores = [PackedVectors(place / f"{name}{SUFFIX}") for name in INPUTS]
    order = np.random.default_rng(0).permutation(len(stores[0]))[:number]
    mapped = [
        np.memmap(store.path, "<f2", "r", offset=values_at(store.path), shape=(len(store), store.width))
        for store in stores
    ]
    started = time.process_time()
    for row in order:
        for values in mapped:
            values[row].astype(np.float32)
    return time.process_time() - started


def values_at(path: Path) -> int:
    """Return where the vectors of a packed file begin, in bytes."""
    with path.open("rb") as file:
        size = int.from_bytes(file.read(8), "little")
        return 8 + size + int(json.loads(file.read(size))["values"]["data_offsets"][0])


def own_gb() -> float:
    """Return the memory of this process without that of mapped files.

    The system takes back pages of those when it needs them.
    """
    _, resident, shared, *_ = Path("/proc/self/statm").read_text().split()
    return (int(resident) - int(shared)) * os.sysconf("SC_PAGE_SIZE") / 1e9


def figures(rounds: Mapping[int, Sequence[Round]]) -> list[Figure]:
    """Return figures of each table, and whether large ones take longer a clip."""
    found = []
    for number, each in rounds.items():
        clip = [1e6 * one.epoch_s / number for one in each]
        floor = median(1e6 * one.floor_s / number for one in each)
        about = f"{number:,} clips"
        found += [
            figure(f"{about}: to the first batch", [one.start_s for one in each], "s"),
            figure(f"{about}: a clip of an epoch", clip, "us", floor=floor, floor_of="a bare copy of its vectors"),
            figure(f"{about}: memory after an epoch", [one.epoch_gb for one in each], "GB"),
        ]
    (least, few), (most, many) = list(rounds.items())[0], list(rounds.items())[-1]
    if most > least:
        about = f"{most:,} / {least:,} clips"
        for name, seconds in (("to the first batch", "start_s"), ("an epoch", "epoch_s")):
            pairs = zip(many, few, strict=True)
            growth = [getattr(one, seconds) / most / (getattr(other, seconds) / least) for one, other in pairs]
            found.append(figure(f"{name}, time of a clip: {about}", growth, "x", at_most=MOST_GROWTH))
    return found


def table(rounds: Mapping[int, Sequence[Round]]) -> Table:
    """Return the medians of all sizes, side by side."""
    rows = []
    for number, each in rounds.items():
        start, epoch = (median(getattr(one, name) for one in each) for name in ("start_s", "epoch_s"))
        memory = [1e9 * median(getattr(one, name) for one in each) for name in ("start_gb", "epoch_gb")]
        rows.append((f"{number:,}", start, 1e6 * start / number, number / epoch, *(size / 1e6 for size in memory)))
    columns = ("clips", "to the first batch, s", "us a clip", "clips/s then", "MB", "MB after an epoch")
    return Table("Medians", columns, rows)


def drawings(rounds: Mapping[int, Sequence[Round]]) -> list[Drawing]:
    """Draw time and memory over clips; a straight line is what linear means."""
    names = {"to the first batch": "start_s", "an epoch": "epoch_s"}
    times = {
        about: [(number, median(getattr(one, name) for one in each)) for number, each in rounds.items()]
        for about, name in names.items()
    }
    memory = [(number, median(one.epoch_gb for one in each)) for number, each in rounds.items()]
    return [
        Drawing("The loader over clips: processor time, s", "clips", "processor time, s", times),
        Drawing("The loader over clips: memory, GB", "clips", "memory, GB", {"": memory}),
    ]


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
