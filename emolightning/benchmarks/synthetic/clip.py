"""One clip: draw and speak it, write it as mp4. Also the process that does so for a list of clips.

Imports nothing heavy: `python -m emolightning.benchmarks.synthetic.clip` must start in a fraction of a second.
"""

import json
import os
import signal
import sys
from fractions import Fraction
from pathlib import Path

import av
import numpy as np

from emolightning.benchmarks.synthetic.face import draw_face, draw_looks
from emolightning.benchmarks.synthetic.process import ClipPlan
from emolightning.benchmarks.synthetic.voice import SAMPLE_RATE, draw_voice, speak
from emolightning.benchmarks.synthetic.words import write_transcript

FRAME_RATE = 12
"""Frames per second."""
DURATION_S = (0.9, 1.15)

X264 = {"crf": "28", "preset": "veryfast", "x264-params": "mbtree=0:threads=1"}
"""Settings that make two encodings of the same frames equal byte for byte: without `mbtree=0` they differ."""
AAC_BIT_RATE = 48_000

PARTIAL = ".part"
"""Suffix of a file that is being written."""

_LOOKS, _VOICE = 0, 1
_DURATION, _FACE, _SPEECH, _WORDS = 0, 1, 2, 3


def transcript_of(plan: ClipPlan) -> str:
    """What is said in the clip."""
    return write_transcript(plan.words, np.random.default_rng([plan.seed, _WORDS]))


def make_clip(plan: ClipPlan, image_size: int) -> tuple[np.ndarray, np.ndarray]:
    """Picture and sound, functions of the classes and seeds of `plan` alone.

    Returns:
        (num_frames, image_size, image_size, 3) uint8 RGB at `FRAME_RATE`, and (num_samples,) float32 at 16 kHz.
    """
    seconds = np.random.default_rng([plan.seed, _DURATION]).uniform(*DURATION_S)
    num_frames = round(seconds * FRAME_RATE)
    looks = draw_looks(np.random.default_rng([plan.actor_seed, _LOOKS]))
    speaker = draw_voice(np.random.default_rng([plan.actor_seed, _VOICE]))
    frames = draw_face(plan.face, looks, num_frames, image_size, np.random.default_rng([plan.seed, _FACE]))
    num_samples = round(num_frames / FRAME_RATE * SAMPLE_RATE)
    return frames, speak(plan.voice, speaker, num_samples, np.random.default_rng([plan.seed, _SPEECH]))


def write_mp4(path: Path, frames: np.ndarray, waveform: np.ndarray) -> None:
    """Encodes H.264 and AAC; `path` appears only when complete.

    Args:
        path: the file; its folder exists.
        frames: (num_frames, height, width, 3) uint8, RGB.
        waveform: (num_samples,) float32 at 16 kHz.
    """
    partial = path.with_name(f"{path.name}.{os.getpid()}{PARTIAL}")
    try:
        with av.open(str(partial), "w", format="mp4") as container:
            _encode(container, frames, waveform)
        os.replace(partial, path)
    finally:
        partial.unlink(missing_ok=True)


def _encode(container: av.container.OutputContainer, frames: np.ndarray, waveform: np.ndarray) -> None:
    video = container.add_stream("libx264", rate=FRAME_RATE, options=X264)
    video.height, video.width, video.pix_fmt = *frames.shape[1:3], "yuv420p"
    video.codec_context.thread_count = 1
    audio = container.add_stream("aac", rate=SAMPLE_RATE, layout="mono")
    audio.bit_rate = AAC_BIT_RATE
    for pixels in frames:
        container.mux(video.encode(av.VideoFrame.from_ndarray(np.ascontiguousarray(pixels), format="rgb24")))
    container.mux(video.encode(None))
    sound = av.AudioFrame.from_ndarray(waveform[None], format="fltp", layout="mono")
    sound.sample_rate, sound.pts, sound.time_base = SAMPLE_RATE, 0, Fraction(1, SAMPLE_RATE)
    container.mux(audio.encode(sound))
    container.mux(audio.encode(None))


def render_clip(plan: ClipPlan, media: Path, image_size: int) -> None:
    """Writes `media/<id>.mp4`."""
    write_mp4(media / f"{plan.id}.mp4", *make_clip(plan, image_size))


def serve(media: Path, image_size: int) -> None:
    """Renders the plan on each line of standard input and answers with its id.

    The end of the input ends the process: also when the parent was killed. Ctrl-C is the parent's business.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    for line in sys.stdin:
        plan = ClipPlan(**json.loads(line))
        render_clip(plan, media, image_size)
        print(plan.id, flush=True)


if __name__ == "__main__":
    serve(Path(sys.argv[1]), int(sys.argv[2]))
