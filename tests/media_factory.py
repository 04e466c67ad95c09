"""Small videos whose frames can be told apart, and ways of damaging them."""

import struct
from pathlib import Path

import av
import numpy as np

FULL_TURN_FIXED_POINT = 1 << 16  # 1.0 in the 16.16 numbers of an mp4 matrix


def make_media(
    path: Path,
    *,
    seconds: float = 1.0,
    fps: int = 25,
    size: tuple[int, int] = (96, 64),
    video: bool = True,
    audio: bool = True,
    faststart: bool = True,
    loudness: tuple[float, float] = (0.5, 0.5),
) -> Path:
    """Frame i is grey of level 5 i, with its left quarter red and its right quarter blue; the sound is 440 Hz.

    Args:
        path: the suffix chooses the container: .mp4, .mkv, .avi, .mov.
        seconds: length, up to 2 s at 25 frames/s for the grey levels to fit.
        fps: frames a second.
        size: (width, height).
        video: False for sound only.
        audio: False for no audio track.
        faststart: False puts the index of an mp4 at its end.
        loudness: amplitude of the left and the right channel.
    """
    options = {"movflags": "faststart"} if faststart and path.suffix in (".mp4", ".mov") else {}
    with av.open(str(path), "w", options=options) as container:
        streams = []
        if video:
            streams.append(container.add_stream("libx264", rate=fps, options={"crf": "10", "preset": "ultrafast"}))
            streams[0].width, streams[0].height, streams[0].pix_fmt = *size, "yuv420p"
        if audio:
            streams.append(container.add_stream("aac", rate=44100, layout="stereo"))
        for stream in streams:
            frames = _pictures(round(seconds * fps), size) if stream.type == "video" else [_tone(seconds, loudness)]
            for frame in [*frames, None]:
                container.mux(stream.encode(frame))
    return path


def make_empty_audio_track(path: Path) -> Path:
    """A .mkv with a video and an audio track in which there is nothing."""
    with av.open(str(path), "w") as container:
        video = container.add_stream("libx264", rate=25)
        video.width, video.height, video.pix_fmt = 96, 64, "yuv420p"
        container.add_stream("aac", rate=16000, layout="mono")
        for frame in [*_pictures(10, (96, 64)), None]:
            container.mux(video.encode(frame))
    return path


def cut(source: Path, target: Path, share: float = 0.5) -> Path:
    """The first bytes of a file, as an interrupted copy leaves it."""
    data = source.read_bytes()
    target.write_bytes(data[: int(len(data) * share)])
    return target


def rotate_by_metadata(path: Path) -> Path:
    """Ask players to turn the first track of an mp4 by 90 degrees clockwise, as phones do."""
    one = FULL_TURN_FIXED_POINT
    matrix = struct.pack(">9i", 0, one, 0, -one, 0, 0, 64 * one, 0, 1 << 30)
    return _patch(path, b"tkhd", 4 + 36, matrix)  # 40 bytes of version, times, ids and layers stand before the matrix


def trim_by_edit_list(path: Path, *, first_frame: int, num_frames: int, fps: int = 25) -> Path:
    """Show only some frames of an mp4 without removing the others, as editors on phones do."""
    data = path.read_bytes()
    start = data.index(b"elst") + 16
    (delay,) = struct.unpack(">i", data[start : start + 4])  # of B-frames, in units of the track
    ticks = 12800 // fps  # FFmpeg's time base for 25 frames/s
    edit = struct.pack(">Ii", 1000 * num_frames // fps, delay + first_frame * ticks)
    return _patch(path, b"elst", 8, edit)


def rename_codec(path: Path) -> Path:
    """Make the pictures of an mp4 be of a kind that no decoder knows."""
    path.write_bytes(path.read_bytes().replace(b"avc1", b"zzzz"))
    return path


def _patch(path: Path, box: bytes, offset: int, content: bytes) -> Path:
    """Overwrite bytes of the first box of a kind, counted from behind its name."""
    data = bytearray(path.read_bytes())
    start = data.index(box) + len(box) + offset
    data[start : start + len(content)] = content
    path.write_bytes(data)
    return path


def _pictures(count: int, size: tuple[int, int]) -> list[av.VideoFrame]:
    width, height = size
    frames = []
    for index in range(count):
        pixels = np.full((height, width, 3), 5 * index, dtype=np.uint8)
        pixels[:, : width // 4] = (255, 0, 0)
        pixels[:, -(width // 4) :] = (0, 0, 255)
        frames.append(av.VideoFrame.from_ndarray(pixels, format="rgb24"))
    return frames


def _tone(seconds: float, loudness: tuple[float, float]) -> av.AudioFrame:
    wave = np.sin(2 * np.pi * 440 * np.arange(round(seconds * 44100)) / 44100)
    channels = np.stack([wave * loudness[0], wave * loudness[1]]).astype(np.float32)
    frame = av.AudioFrame.from_ndarray(channels, format="fltp", layout="stereo")
    frame.sample_rate = 44100
    return frame
