"""How busy an extraction keeps the cores, and how much memory it takes.

  python speed/extracting.py media=CLIPS 'words=["features=hubert_mer2023","weights=FOLDER"]' output=FILE.json

Starts `emolightning extract` on each clip `copies` and four times `copies` times over, and reads time and memory of its
processes. `speed/decoding.py` measures the reading of clips alone.
"""

import sys
from pathlib import Path

if __name__ == "__main__":  # Python put this file's folder first; the checkout belongs there, to be what is measured.
    sys.path[0] = str(Path(__file__).resolve().parents[1])

import os  # noqa: E402
import subprocess  # noqa: E402
import tempfile  # noqa: E402
import time  # noqa: E402
from collections.abc import Mapping, Sequence  # noqa: E402
from typing import Any  # noqa: E402

from omegaconf import DictConfig  # noqa: E402

from emolightning.commands.cli import run  # noqa: E402
from emolightning.config.check import check_config  # noqa: E402
from emolightning.data.readers.media_folder import clips_of_folder  # noqa: E402
from speed.figures import Figure, figure, write_result  # noqa: E402

REPO = Path(__file__).resolve().parents[1]
ABOUT: dict[str, Any] = {"part": "Reading", "question": "How busy does an extraction keep the cores?"}


def main(cfg: DictConfig) -> None:
    """Extract, print, write."""
    check_config(cfg)
    files = [clip.video for clip in clips_of_folder(Path(cfg.media))]
    result: dict[str, Any] = {"files": len(files)}
    result["extraction"] = [extraction(cfg, files, copies) for copies in (cfg.copies, 4 * cfg.copies)]
    for found in result["extraction"]:
        print(
            f"extraction of {found['clips']} clips: {found['clips_per_s']:.2f} clips/s, "
            f"{found['busy']:.0%} of {os.cpu_count()} cores, at most {found['most_mb']:.0f} MB a process"
        )
    write_result(cfg.output, **ABOUT, figures=figures(result), **result)


def figures(result: Mapping[str, Any]) -> list[Figure]:
    """What each extraction reaches."""
    found = []
    for each in result["extraction"]:
        what = f"extraction of {each['clips']} clips"
        found += [
            figure(f"{what}: speed", [each["clips_per_s"]], "clips/s"),
            figure(f"{what}: busy cores", [100 * each["busy"]], "%"),
            figure(f"{what}: memory of a process", [each["most_mb"]], "MB"),
        ]
    return found


def extraction(cfg: DictConfig, files: Sequence[Path], copies: int) -> dict[str, Any]:
    """Clips per second, share of the cores, and memory of one extraction; the start of Python and torch included."""
    with tempfile.TemporaryDirectory() as place:
        media = Path(place) / "media"
        media.mkdir()
        for number in range(copies):
            for file in files:
                (media / f"{file.stem}_{number:04}{file.suffix}").symlink_to(file.resolve())
        words = [f"media={media}", f"out={place}/out", *cfg.words]
        started = time.perf_counter()
        process = subprocess.Popen([sys.executable, "-m", "emolightning", "extract", *words], cwd=REPO)
        _, status, usage = os.wait4(process.pid, 0)
        seconds = time.perf_counter() - started
        if status:
            raise SystemExit(f"the extraction ended with {os.waitstatus_to_exitcode(status)}; its message is above")
    number = copies * len(files)
    return {
        "clips": number,
        "seconds": seconds,
        "clips_per_s": number / seconds,
        # Of this process and of the workers that it waited for.
        "busy": (usage.ru_utime + usage.ru_stime) / seconds / (os.cpu_count() or 1),
        "most_mb": usage.ru_maxrss / 1024,
    }


if __name__ == "__main__":
    run(main, "extracting")
