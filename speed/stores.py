"""Feature vectors in packed files and in folders of `.npy`: a shuffled epoch of reads, and what is open meanwhile.

  python speed/stores.py
  python speed/stores.py clips=20000 encoders=3 rounds=5 output=speed/results/stores.json

Makes up vectors, writes them as folders, packs them, and reads the vectors of each clip in a random order, a round of
the one and a round of the other in turns. Nothing is kept in memory between reads. Exit code 1 when values differ.
docs/reference/performance.md says what was found.
"""

import sys
from pathlib import Path

if __name__ == "__main__":  # Python put this file's folder first; the checkout belongs there, to be what is measured.
    sys.path[0] = str(Path(__file__).resolve().parents[1])

import os  # noqa: E402
import tempfile  # noqa: E402
import time  # noqa: E402
from collections.abc import Callable, Mapping, Sequence  # noqa: E402
from functools import partial  # noqa: E402
from statistics import median  # noqa: E402
from typing import Any  # noqa: E402

import numpy as np  # noqa: E402
from omegaconf import DictConfig  # noqa: E402

from emolightning.commands.cli import run  # noqa: E402
from emolightning.config.check import check_config  # noqa: E402
from emolightning.data.stores.converting import pack  # noqa: E402
from emolightning.data.stores.packed import PackedVectors  # noqa: E402
from emolightning.data.stores.reading import read_store, read_vectors  # noqa: E402
from emolightning.records.clips import Clip  # noqa: E402
from speed.figures import Figure, figure, write_result  # noqa: E402

ABOUT: dict[str, Any] = {"part": "Reading", "question": "Do packed files of vectors pay?"}

Read = Callable[[int, str], np.ndarray]
"""(number of the encoder, clip id) -> (tokens, width)."""


def main(cfg: DictConfig) -> int:
    """Write, pack, read, compare, print; 1 for other values."""
    check_config(cfg)
    rng = np.random.default_rng(cfg.seed)
    ids = [f"sample_{number:08}" for number in range(cfg.clips)]
    with tempfile.TemporaryDirectory(dir=cfg.folder) as place:
        folders = [Path(place) / f"encoder{number}" for number in range(cfg.encoders)]
        for folder in folders:
            write(folder, ids, (cfg.tokens, cfg.width) if cfg.tokens > 1 else (cfg.width,), rng)
        started = time.perf_counter()
        files = [pack(folder, folder.with_suffix(".safetensors")).path for folder in folders]
        result = {"seconds_to_pack": time.perf_counter() - started, **measure(cfg, ids, folders, files)}
    print(f"packing: {result['seconds_to_pack']:.1f} s; looking at the clips before a run: {result['start']}")
    print(f"reads/s: {result['reads_per_s']}; packed / folders: {result['ratio']:.2f}")
    opened, mapped = result["opened_in_an_epoch"], result["mapped_files"]
    print(f"files opened in an epoch: {opened}; mapped all the time: {mapped}")
    print(f"memory of the index: {result['index_mb']:.1f} MB")
    write_result(cfg.output, **ABOUT, figures=figures(result), **result)
    return 0 if result["values_are_equal"] else 1


def figures(result: Mapping[str, Any]) -> list[Figure]:
    """Reads of both ways, and their ratio within a round."""
    found = [
        figure(f"vectors read in a shuffled epoch, {name}", rates, "reads/s")
        for name, rates in result["rounds"].items()
    ]
    starts = [
        figure(f"looking at all clips before a run, {name}", [seconds_], "s on the clock")
        for name, seconds_ in result["start_seconds"].items()
    ]
    return [figure("a shuffled epoch: packed / folders", result["ratios"], "x"), *found, *starts]


def write(folder: Path, ids: Sequence[str], shape: tuple[int, ...], rng: np.random.Generator) -> None:
    """A folder of made-up vectors, as upstream's."""
    folder.mkdir()
    for clip_id in ids:
        np.save(folder / f"{clip_id}.npy", rng.standard_normal(shape, dtype=np.float32))


def measure(cfg: DictConfig, ids: Sequence[str], folders: Sequence[Path], files: Sequence[Path]) -> dict[str, Any]:
    """Read everything in both ways, in turns."""
    clips = [Clip(clip_id, Path(clip_id)) for clip_id in ids]
    start = {
        "folders": seconds(lambda: [read_store(folder, clips) for folder in folders]),
        "packed": seconds(lambda: [read_store(file, clips) for file in files]),
    }
    before = resident_mb()
    packed = [PackedVectors(file) for file in files]
    index_mb = resident_mb() - before
    ways: dict[str, Read] = {
        "folders": lambda number, clip_id: read_vectors(folders[number] / f"{clip_id}.npy"),
        "packed": lambda number, clip_id: packed[number].read(clip_id),
    }
    is_equal = all(
        np.array_equal(ways["folders"](number, clip_id), ways["packed"](number, clip_id))
        for number in range(cfg.encoders)
        for clip_id in ids[:: max(1, len(ids) // 1000)]
    )
    rates: dict[str, list[float]] = {name: [] for name in ways}
    rng = np.random.default_rng(cfg.seed)
    for _ in range(cfg.rounds):
        order = rng.permutation(len(ids))
        for name, read in ways.items():
            once = partial(epoch, read, ids, order, cfg.encoders)
            rates[name].append(len(ids) * cfg.encoders / seconds(once))
    ratios = [one / other for one, other in zip(rates["packed"], rates["folders"], strict=True)]
    return {
        "vectors": len(ids) * cfg.encoders,
        "start": {name: f"{value:.2f} s" for name, value in start.items()},
        "start_seconds": start,
        "reads_per_s": {name: round(median(values)) for name, values in rates.items()},
        "rounds": rates,
        "ratio": median(ratios),
        "ratios": ratios,
        "opened_in_an_epoch": {"folders": len(ids) * cfg.encoders, "packed": 0},
        "mapped_files": {"folders": held(folders), "packed": held(files)},
        "index_mb": index_mb,
        "values_are_equal": is_equal,
    }


def epoch(read: Read, ids: Sequence[str], order: np.ndarray, encoders: int) -> None:
    """All vectors of each clip, clips in random order."""
    for index in order:
        for number in range(encoders):
            read(number, ids[index])


def seconds(work: Callable[[], object]) -> float:
    """How long it takes."""
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


def held(places: Sequence[Path]) -> int:
    """Files below some places that this process has mapped or open."""
    links = [os.readlink(link) for link in Path("/proc/self/fd").iterdir() if link.is_symlink()]
    mapped = [line.split(maxsplit=5)[-1] for line in Path("/proc/self/maps").read_text().splitlines()]
    names = {Path(name) for name in (*links, *mapped) if name.startswith("/")}
    return sum(any(name == place or place in name.parents for place in places) for name in names)


def resident_mb() -> float:
    """Memory of this process, what is mapped and was not touched left out."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 1e6


if __name__ == "__main__":
    run(main, "stores")
