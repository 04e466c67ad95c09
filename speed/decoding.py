"""Frames and sound of clips, read by this project and by OpenCV with the sound decoded whole, in turns.

  python speed/decoding.py CLIPS [NAME=MORE_CLIPS ...]
  python speed/decoding.py real=CLIPS rendered=CLIPS --rounds=7 --output=speed/results/decoding.json

Each folder is measured for itself. OpenCV is asked in two ways: as published scripts do, which decode and convert all
frames and then take some (`whole film`), and as fast as it can, which converts the wanted frames alone and ends with
the last of them (`wanted frames`). The sound of both is decoded and resampled frame by frame. The floor is a bare loop
of PyAV that decodes up to the last wanted frame, and the sound, and keeps nothing. Needs OpenCV: pip install
opencv-python-headless. Seconds are processor time, on one thread.
"""

import sys
from pathlib import Path

if __name__ == "__main__":  # Python put this file's folder first; the checkout belongs there, to be what is measured.
    sys.path[0] = str(Path(__file__).resolve().parents[1])

import argparse  # noqa: E402
import time  # noqa: E402
from collections.abc import Callable, Sequence  # noqa: E402
from importlib.util import find_spec  # noqa: E402
from statistics import median  # noqa: E402
from typing import Any  # noqa: E402

import av  # noqa: E402
import numpy as np  # noqa: E402

from emolightning.data.media.audio import has_audio, read_waveform  # noqa: E402
from emolightning.data.media.choice import FrameChoice, parse_frame_choice  # noqa: E402
from emolightning.data.media.held import held_open  # noqa: E402
from emolightning.data.media.video import count_frames, read_frames  # noqa: E402
from emolightning.data.readers.media_folder import clips_of_folder  # noqa: E402
from emolightning.errors import UserError  # noqa: E402
from speed.figures import Figure, figure, write_result  # noqa: E402

ABOUT: dict[str, Any] = {"part": "Reading", "question": "How fast are the frames and the sound of a clip read?"}
AT_LEAST = 1.5
"""OpenCV and a sound that is read whole are promised to take so many times as long."""

Positions = dict[Path, list[int]]
"""File -> the wanted frames."""


def main(argv: Sequence[str]) -> int:
    """Read in turns, print, write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("media", nargs="+", help="folders of clips, each perhaps with a name")
    parser.add_argument("--frames", nargs="+", default=["first", "middle", "even:8"], help="choices, as data.frame")
    parser.add_argument("--rounds", type=int, default=5, help="in each of them all ways read all clips")
    parser.add_argument("--output", type=Path, help="JSON file for the result")
    args = parser.parse_args(argv)
    if args.rounds < 1:
        parser.error(f"--rounds={args.rounds}: must be at least 1")
    try:
        if find_spec("cv2") is None:
            raise UserError("OpenCV is not installed: pip install opencv-python-headless")
        choices = {frames: parse_frame_choice(frames) for frames in args.frames}
        named = dict(word.split("=", 1) if "=" in word else (Path(word).name, word) for word in args.media)
        folders = {name: [clip.video for clip in clips_of_folder(Path(folder))] for name, folder in named.items()}
        for files in folders.values():
            require_both(files)
    except UserError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    figures, measured = [], {}
    for folder, files in folders.items():
        for name, choice in choices.items():
            seconds = compared(files, choice, args.rounds)
            measured[f"{folder}, {name}"] = seconds
            found = shown(f"{folder} clips, frame `{name}`", len(files), seconds)
            figures += found
            for each in found:
                print(f"{each.what}: {each.value:.2f} {each.unit} ({each.low:.2f} - {each.high:.2f})", flush=True)
    number = {name: len(files) for name, files in folders.items()}
    write_result(args.output, **ABOUT, figures=figures, clips=number, seconds=measured)
    return 0


def require_both(files: Sequence[Path]) -> None:
    """Refuse clips without sound, which not all ways can read.

    Raises:
        UserError: names the first one.
    """
    silent = [file for file in files if not has_audio(file)]
    if silent:
        raise UserError(f"{silent[0]}: has no sound; leave out the {len(silent)} clip(s) without")


def compared(files: Sequence[Path], choice: FrameChoice, rounds: int) -> dict[str, list[float]]:
    """Seconds of each way for all files, in rounds; every second one in reverse order."""
    positions = {file: choice.positions(count_frames(file)) for file in files}
    ways: dict[str, Callable[[Path], object]] = {
        "ours": lambda file: ours(file, choice),
        "whole film": lambda file: (whole_film(file, positions[file]), whole_sound(file)),
        "wanted frames": lambda file: (wanted_frames(file, positions[file]), whole_sound(file)),
        "bare loop": lambda file: bare_loop(file, max(positions[file])),
    }
    seconds: dict[str, list[float]] = {name: [] for name in ways}
    for number in range(rounds):
        for name, read in list(ways.items())[:: 1 if number % 2 else -1]:
            started = time.process_time()
            for file in files:
                read(file)
            seconds[name].append(time.process_time() - started)
    return seconds


def shown(about: str, number: int, seconds: dict[str, list[float]]) -> list[Figure]:
    """Time of a clip, and how many times as long each way of OpenCV takes."""
    ours = seconds["ours"]
    ratios = {
        f"{about}: OpenCV, {name} / ours": [one / other for one, other in zip(seconds[name], ours, strict=True)]
        for name in ("whole film", "wanted frames")
    }
    floor = 1000 * median(seconds["bare loop"]) / number
    return [
        *(
            figure(what, values, "x", at_least=least)
            for (what, values), least in zip(ratios.items(), (AT_LEAST, None), strict=True)
        ),
        figure(
            f"{about}: time of a clip",
            [1000 * value / number for value in ours],
            "ms",
            floor=floor,
            floor_of="a bare loop of PyAV",
        ),
    ]


def ours(file: Path, choice: FrameChoice) -> tuple[list[np.ndarray], np.ndarray]:
    """Frames and sound of a file that is opened once."""
    with held_open(file):
        return read_frames(file, choice), read_waveform(file)


def whole_film(file: Path, positions: Sequence[int]) -> list[np.ndarray]:
    """All frames of a file, of which some are taken."""
    import cv2

    film, frames = opened(file), []
    while (read := film.read())[0]:
        frames.append(read[1])
    film.release()
    return [cv2.cvtColor(frames[min(place, len(frames) - 1)], cv2.COLOR_BGR2RGB) for place in positions]


def wanted_frames(file: Path, positions: Sequence[int]) -> list[np.ndarray]:
    """Some frames of a file; the others are decoded, and not converted."""
    import cv2

    film, found = opened(file), []
    for place in range(max(positions) + 1):
        if not film.grab():
            break
        if place in positions:
            found.append(cv2.cvtColor(film.retrieve()[1], cv2.COLOR_BGR2RGB))
    film.release()
    return found


def opened(file: Path) -> Any:
    """A film of OpenCV, decoded by one thread as ours is."""
    import cv2

    cv2.setNumThreads(1)
    return cv2.VideoCapture(str(file), cv2.CAP_FFMPEG, [cv2.CAP_PROP_N_THREADS, 1])


def whole_sound(file: Path) -> np.ndarray:
    """The sound of a file, resampled frame by frame."""
    resampler = av.AudioResampler(format="s16", layout="mono", rate=16000)
    with av.open(str(file)) as container:
        sound = [piece.to_ndarray() for frame in container.decode(audio=0) for piece in resampler.resample(frame)]
    sound += [piece.to_ndarray() for piece in resampler.resample(None)]
    return np.concatenate(sound, axis=1)


def bare_loop(file: Path, last: int) -> None:
    """Decode frames up to the last wanted one, and all sound."""
    with av.open(str(file)) as container:
        film, sound = container.streams.video[0], container.streams.audio[0]
        film.codec_context.thread_count = 1
        number = 0
        for packet in container.demux(film, sound):
            if packet.stream.index == sound.index or number <= last:
                number += len(packet.decode()) * (packet.stream.index == film.index)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
