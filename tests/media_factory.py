"""Small videos whose frames can be told apart, and ways of damaging them."""

import struct
from collections.abc import Mapping, Sequence
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from av.stream import Disposition

FULL_TURN_FIXED_POINT = 1 << 16  # 1.0 in the 16.16 numbers of an mp4 matrix


CODECS = {
    ".mp4": ("libx264", "aac"),
    ".m4v": ("libx264", "aac"),
    ".mov": ("mpeg4", "pcm_s16le"),
    ".3gp": ("mpeg4", "aac"),
    ".mkv": ("libx264", "libopus"),
    ".webm": ("libvpx", "libopus"),
    ".avi": ("mpeg4", "libmp3lame"),
    ".flv": ("flv", "libmp3lame"),
    ".mpg": ("mpeg2video", "mp2"),
    ".mpeg": ("mpeg1video", "mp2"),
    ".ts": ("mpeg2video", "mp2"),
    ".mts": ("libx264", "aac"),
    ".m2ts": ("libx264", "aac"),
    ".wmv": ("wmv2", "wmav2"),
    ".asf": ("wmv2", "wmav2"),
    ".3g2": ("mpeg4", "aac"),
    ".f4v": ("libx264", "aac"),
    ".vob": ("mpeg2video", "mp2"),
    ".mka": (None, "libopus"),
    ".wav": (None, "pcm_s16le"),
    ".mp3": (None, "libmp3lame"),
    ".flac": (None, "flac"),
    ".m4a": (None, "aac"),
    ".ogg": (None, "libopus"),
    ".oga": (None, "libopus"),
    ".opus": (None, "libopus"),
    ".aac": (None, "aac"),
    ".wma": (None, "wmav2"),
}
"""Suffix -> codecs of picture and sound that are usual there. No wheel of PyAV encodes Theora, so .ogv is not here."""

_FORMATS = {
    ".3gp": "3gp",
    ".m4v": "mp4",
    ".mts": "mpegts",
    ".m2ts": "mpegts",
    ".wmv": "asf",
    ".wma": "asf",
    ".oga": "ogg",
}


def container_format(suffix: str) -> str | None:
    """FFmpeg's name of a container that it does not know by the suffix; None where it does."""
    return _FORMATS.get(suffix)


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
    codecs: tuple[str | None, str | None] = ("libx264", "aac"),
    sound_first: bool = False,
    sound_seconds: float | None = None,
    sound: tuple[int, str] = (44100, "stereo"),
    pixels: str = "yuv420p",
    ticks: Sequence[int] = (),
    options: Mapping[str, str] | None = None,
) -> Path:
    """Frame i is grey of level 5 i, with its left quarter red and its right quarter blue; the sound is 440 Hz.

    Args:
        path: the suffix chooses the container.
        seconds: length, up to 2 s at 25 frames/s for the grey levels to fit.
        fps: frames a second.
        size: (width, height).
        video: False for sound only.
        audio: False for no audio track.
        faststart: False puts the index of an mp4 at its end.
        loudness: amplitude of the left and the right channel.
        codecs: of picture and sound; `CODECS` has the usual ones of a suffix.
        sound_first: puts the sound's stream before the picture's.
        sound_seconds: None for that of the picture.
        sound: rate in Hz and layout.
        pixels: format of the pictures.
        ticks: time of each frame, in frames; empty for a constant rate.
        options: of the container.
    """
    moved = {"movflags": "faststart"} if faststart and path.suffix in (".mp4", ".mov") else {}
    wanted = moved | dict(options or {})
    with av.open(str(path), "w", format=container_format(path.suffix), options=wanted) as container:
        streams: list[av.VideoStream | av.AudioStream] = []
        if video and codecs[0]:
            settings = {"crf": "10", "preset": "ultrafast"} if codecs[0] == "libx264" else {}
            streams.append(container.add_stream(codecs[0], rate=fps, options=settings))
            streams[0].width, streams[0].height, streams[0].pix_fmt = *size, pixels
            streams[0].bit_rate = 4_000_000
        if audio and codecs[1]:
            rate, layout = (48000 if codecs[1] == "libopus" else sound[0]), sound[1]
            streams.insert(0 if sound_first else 1, container.add_stream(codecs[1], rate=rate, layout=layout))
            streams[0 if sound_first else -1].bit_rate = 128_000
        for stream in streams:
            if stream.type == "video":
                frames = _pictures(round(seconds * fps), size)
                for frame, tick in zip(frames, ticks or range(len(frames)), strict=True):
                    frame.pts, frame.time_base = tick, Fraction(1, fps)
            else:
                frames = [_tone(seconds if sound_seconds is None else sound_seconds, loudness)]
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


def add_cover(source: Path, target: Path) -> Path:
    """The same sound in an .mp3 or .m4a with the picture of an album."""
    kind = "mp3" if target.suffix == ".mp3" else "mp4"
    with av.open(str(source)) as old, av.open(str(target), "w", format=kind) as new:
        sound = new.add_stream_from_template(old.streams.audio[0])
        picture = new.add_stream("mjpeg")
        picture.width, picture.height, picture.pix_fmt = 96, 64, "yuvj420p"
        picture.disposition = Disposition.attached_pic
        (frame,) = _pictures(1, (96, 64))
        new.mux(picture.encode(frame.reformat(format="yuvj420p")) + picture.encode(None))
        for packet in old.demux(old.streams.audio[0]):
            if packet.size:
                packet.stream = sound
                new.mux(packet)
    return target


def make_empty_video_track(path: Path) -> Path:
    """A file with sound, and a video track in which there is nothing."""
    with av.open(str(path), "w") as container:
        video = container.add_stream("libx264", rate=25)
        video.width, video.height, video.pix_fmt = 96, 64, "yuv420p"
        audio = container.add_stream("aac", rate=44100, layout="stereo")
        for frame in [_tone(1.0, (0.5, 0.5)), None]:
            container.mux(audio.encode(frame))
    return path


def overwrite(path: Path, offset: int, content: bytes) -> Path:
    """Put other bytes at a place of a file."""
    data = bytearray(path.read_bytes())
    data[offset : offset + len(content)] = content
    path.write_bytes(data)
    return path


def cut(source: Path, target: Path, share: float = 0.5) -> Path:
    """The first bytes of a file, as an interrupted copy leaves it."""
    data = source.read_bytes()
    target.write_bytes(data[: int(len(data) * share)])
    return target


def rotate_by_metadata(path: Path, degrees: int = 90) -> Path:
    """Ask players to turn the first track of an mp4 of 96 x 64 pixels clockwise, as phones do."""
    one = FULL_TURN_FIXED_POINT
    turned = {90: (0, one, -one, 0, 64, 0), 180: (-one, 0, 0, -one, 96, 64), 270: (0, -one, one, 0, 0, 96)}
    a, b, c, d, right, down = turned[degrees]
    matrix = struct.pack(">9i", a, b, 0, c, d, 0, right * one, down * one, 1 << 30)
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
        pixels = np.full((height, width, 3), 5 * index % 256, dtype=np.uint8)
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
