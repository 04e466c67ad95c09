"""Clips without content, and vectors that say as much of their labels as a test wants: runs of a second."""

import csv
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import numpy as np

WIDTHS = {"speech": 6, "words": 4, "face": 5}

Vectors = Callable[[Mapping[str, object], str], np.ndarray]
"""Row of the table and input -> (tokens, width)."""


def write_clips(folder: Path, rows: Sequence[Mapping[str, object]], vectors: Vectors) -> None:
    """A table, empty media, and a folder of vectors for each input.

    Args:
        folder: for all of them.
        rows: of the table; `video_name` is the clip.
        vectors: of a clip and an input.
    """
    (folder / "media").mkdir(parents=True)
    for row in rows:
        (folder / "media" / f"{row['video_name']}.mp4").write_bytes(b"no video")
        for name in WIDTHS:
            (folder / name).mkdir(exist_ok=True)
            np.save(folder / name / f"{row['video_name']}.npy", vectors(row, name).astype(np.float32))
    with (folder / "clips.csv").open("w", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)


def words_of(place: Path, run: str, labels: Sequence[str], *more: str) -> list[str]:
    """The command line of a training, in the folder of the run beside the clips."""
    features = [f"+features.{name}={name}" if name == "words" else f"features.{name}={name}" for name in WIDTHS]
    return [
        *("data=custom", f"data.annotations={place}/clips.csv", f"data.media={place}/media", "data.num_workers=0"),
        *(f"data.labels=[{','.join(labels)}]", f"data.cache={place}/cache", "data.batch_size=8", "inputs.motion=false"),
        *("features=folders", f"features.root={place}", *features, "optimizer.lr=5e-3", "logger=none"),
        *("callbacks=eval", "trainer.enable_progress_bar=false", f"run_name={run}", f"output_dir={place}/{run}", *more),
    ]
