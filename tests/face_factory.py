"""Films with faces: cut out of a real clip, moved over a plain ground, with sound."""

from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from PIL import Image

from emolightning.data.media.choice import FrameChoice
from emolightning.data.media.video import read_frames

SIZE = (400, 240)
"""Width and height of a film."""
FPS = 25
RATE_HZ = 16_000

Place = tuple[float, float, float]
"""Left, top and side of a pasted face in pixels."""


def face_of(clips: Path) -> Image.Image:
    """Head and neck of somebody who looks to the front; the licence of the clips keeps it out of the repository."""
    (frame,) = read_frames(clips / "sample_00003358.mp4", FrameChoice("index", 40))
    return Image.fromarray(frame).crop((225, 45, 465, 285))


def film(
    path: Path,
    face: Image.Image | None,
    places: Callable[[int], list[Place]],
    *,
    num_frames: int = 30,
    open_mouth: Callable[[int, int], float] = lambda who, frame: 0.0,
    sound: np.ndarray | None = None,
    ground: tuple[int, int, int] = (120, 110, 100),
) -> Path:
    """A film of the faces at `places(frame)`; `open_mouth(who, frame)` is the share by which a mouth is open."""
    with av.open(str(path), "w") as container:
        video = container.add_stream("libx264", rate=FPS, options={"crf": "10", "preset": "ultrafast"})
        video.width, video.height, video.pix_fmt = *SIZE, "yuv420p"
        audio = container.add_stream("pcm_s16le", rate=RATE_HZ, layout="mono") if sound is not None else None
        for number in range(num_frames):
            picture = Image.new("RGB", SIZE, ground)
            for who, (left, top, side) in enumerate(places(number)):
                picture.paste(
                    _with_mouth(face, open_mouth(who, number)).resize((round(side),) * 2), (round(left), round(top))
                )
            frame = av.VideoFrame.from_image(picture)
            frame.pts, frame.time_base = number, Fraction(1, FPS)
            container.mux(video.encode(frame))
        container.mux(video.encode(None))
        if audio is not None:
            samples = av.AudioFrame.from_ndarray((sound * 32767).astype(np.int16)[None], format="s16", layout="mono")
            samples.sample_rate = RATE_HZ
            container.mux(audio.encode(samples))
            container.mux(audio.encode(None))
    return path


def _with_mouth(face: Image.Image, share: float) -> Image.Image:
    """A dark mouth over the one that is there."""
    pixels = np.array(face)
    rows, columns = np.mgrid[: pixels.shape[0], : pixels.shape[1]]
    inside = ((columns - 143) / 20) ** 2 + ((rows - 182) / max(1e-6, 18 * share)) ** 2 <= 1
    pixels[inside] = (40, 10, 10)
    return Image.fromarray(pixels)
