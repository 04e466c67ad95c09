"""Reading clips for encoders beside OpenCV, and how busy an extraction keeps the cores.

  python speed/extracting.py media=CLIPS
  python speed/extracting.py media=CLIPS 'words=["features=hubert_mer2023","weights=FOLDER"]' output=FILE.json

Part one reads a frame (or some) and the sound of each clip, this project's way and in the way of published scripts in
turns: OpenCV decodes all frames of the file, then those wanted are taken; the sound is decoded whole. Part two starts
`emolightning extract` on each clip `copies` and four times `copies` times over, and reads CPU time and memory of its
processes. speed/README.md says what was found.
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
from statistics import median  # noqa: E402
from typing import Any  # noqa: E402

import av  # noqa: E402
import numpy as np  # noqa: E402
from omegaconf import DictConfig  # noqa: E402

from emolightning.commands.cli import run  # noqa: E402
from emolightning.config.check import check_config  # noqa: E402
from emolightning.data.media.audio import read_waveform  # noqa: E402
from emolightning.data.media.choice import FrameChoice, parse_frame_choice  # noqa: E402
from emolightning.data.media.video import read_frames  # noqa: E402
from emolightning.data.readers.media_folder import clips_of_folder  # noqa: E402
from speed.figures import Figure, figure, write_result  # noqa: E402

REPO = Path(__file__).resolve().parents[1]
ABOUT = {"part": "Reading", "question": "How fast are clips read and encoded?"}
AT_LEAST = 1.5
"""OpenCV and a sound that is read whole are promised to take so many times as long."""


def main(cfg: DictConfig) -> None:
    """Read, extract, print, write."""
    check_config(cfg)
    files = [clip.video for clip in clips_of_folder(Path(cfg.media))]
    result: dict[str, Any] = {"files": len(files), "reading": {}}
    for frames in cfg.frames:
        result["reading"][frames] = compared(files, parse_frame_choice(frames), cfg.rounds)
        found = result["reading"][frames]
        print(f"reading, data.frame={frames}: OpenCV takes {found['ratio']:.2f} times as long ({found['range']})")
    if cfg.words:
        result["extraction"] = [extraction(cfg, files, copies) for copies in (cfg.copies, 4 * cfg.copies)]
        for found in result["extraction"]:
            print(
                f"extraction of {found['clips']} clips: {found['clips_per_s']:.2f} clips/s, "
                f"{found['busy']:.0%} of {os.cpu_count()} cores, at most {found['most_mb']:.0f} MB a process"
            )
    write_result(cfg.output, **ABOUT, figures=figures(result), **result)


def figures(result: Mapping[str, Any]) -> list[Figure]:
    """How much longer published scripts take to read, and what extraction reaches."""
    found = [
        figure(
            f"frames and sound of a clip, `data.frame={frames}`: OpenCV / ours",
            [one / other for one, other in zip(each["theirs"], each["ours"], strict=True)],
            "x",
            at_least=AT_LEAST,
        )
        for frames, each in result["reading"].items()
    ]
    for each in result.get("extraction", ()):
        what = f"extraction of {each['clips']} clips"
        found += [
            figure(f"{what}: speed", [each["clips_per_s"]], "clips/s"),
            figure(f"{what}: busy cores", [100 * each["busy"]], "%"),
            figure(f"{what}: memory of a process", [each["most_mb"]], "MB"),
        ]
    return found


def compared(files: Sequence[Path], choice: FrameChoice, rounds: int) -> dict[str, Any]:
    """Seconds of CPU for all files, ours and theirs in turns."""
    ours: list[float] = []
    theirs: list[float] = []
    for _ in range(rounds):
        started = time.process_time()
        for file in files:
            read_frames(file, choice)
            read_waveform(file)
        ours.append(time.process_time() - started)
        started = time.process_time()
        for file in files:
            with_opencv(file, choice)
        theirs.append(time.process_time() - started)
    ratios = [one / other for one, other in zip(theirs, ours, strict=True)]
    return {
        "ours": ours,
        "theirs": theirs,
        "ratio": median(ratios),
        "range": f"{min(ratios):.2f} - {max(ratios):.2f}",
    }


def with_opencv(file: Path, choice: FrameChoice) -> tuple[list[np.ndarray], np.ndarray]:
    """All frames of a file, of which some are taken, and its sound."""
    import cv2

    cv2.setNumThreads(1)
    film, frames = cv2.VideoCapture(str(file)), []
    while True:
        is_there, frame = film.read()
        if not is_there:
            break
        frames.append(frame)
    film.release()
    taken = [cv2.cvtColor(frames[place], cv2.COLOR_BGR2RGB) for place in choice.positions(len(frames))]
    resampler = av.AudioResampler(format="s16", layout="mono", rate=16000)
    with av.open(str(file)) as container:
        sound = [piece.to_ndarray() for frame in container.decode(audio=0) for piece in resampler.resample(frame)]
    sound += [piece.to_ndarray() for piece in resampler.resample(None)]
    return taken, np.concatenate(sound, axis=1)


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
