"""A table of odd media files and what comes of each: pictures and sound, or the reason why not."""

import re
import struct
import unicodedata
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest
from media_factory import (
    CODECS,
    add_cover,
    cut,
    make_empty_audio_track,
    make_empty_video_track,
    make_media,
    overwrite,
    rename_codec,
    rotate_by_metadata,
    trim_by_edit_list,
)

from emolightning.data.media.audio import NoAudioTrack, read_waveform
from emolightning.data.media.choice import parse_frame_choice
from emolightning.data.media.opening import MediaError
from emolightning.data.media.video import read_frames, read_thumbnails
from emolightning.data.readers.values import MediaFolder, clip_id

NO_SOUND, NO_PICTURE = "has no audio track", r"has no video stream \(there are: audio\)"
CUT, NO_MEDIA = "cut short", "not a media file"


class Odd(NamedTuple):
    """One odd file."""

    name: str
    make: Callable[[Path], Path]
    pictures: int | str
    """How many are decoded, or why none is."""
    seconds: float | str
    """Length of the sound, or why there is none."""
    size: tuple[int, int] | None = None
    """(height, width) of the picture, where it is not that of the file."""


def usual(suffix: str, **more) -> Callable[[Path], Path]:
    return lambda folder: make_media(folder / f"a{suffix}", **({"codecs": CODECS[suffix]} | more))


def called(name: str, suffix: str = ".mp4") -> Callable[[Path], Path]:
    return lambda folder: make_media(folder / f"a{suffix}", codecs=CODECS[suffix]).rename(folder / name)


def holding(content: bytes, suffix: str = ".mp4") -> Callable[[Path], Path]:
    def make(folder: Path) -> Path:
        (folder / f"a{suffix}").write_bytes(content)
        return folder / f"a{suffix}"

    return make


def shortened(suffix: str, share: float) -> Callable[[Path], Path]:
    def make(folder: Path) -> Path:
        whole = make_media(folder / f"whole{suffix}", codecs=CODECS[suffix], seconds=2, size=(320, 240))
        return cut(whole, folder / f"a{suffix}", share)

    return make


def promising(folder: Path) -> Path:
    """An .avi whose header counts 100 frames."""
    path = make_media(folder / "a.avi", codecs=CODECS[".avi"])
    data = path.read_bytes()
    for chunk, offset in ((b"avih", 24), (b"strh", 40)):
        overwrite(path, data.index(chunk) + offset, struct.pack("<I", 100))
    return path


def lasting(folder: Path) -> Path:
    """An .mkv whose header says 9 s."""
    path = make_media(folder / "a.mkv", codecs=CODECS[".mkv"])
    return overwrite(path, path.read_bytes().index(b"\x44\x89\x88") + 3, struct.pack(">d", 9000.0))


H264 = ("libx264", "aac")
TABLE = [
    # Containers, with the stream of sound before that of the picture in every other one.
    *(
        Odd(f"usual {suffix}{', sound first' * (number % 2)}", usual(suffix, sound_first=bool(number % 2)), 25, 1.0)
        for number, suffix in enumerate(suffix for suffix, codecs in CODECS.items() if codecs[0])
    ),
    *(
        Odd(f"sound alone {suffix}", usual(suffix), NO_PICTURE, 1.0)
        for suffix, codecs in CODECS.items()
        if not codecs[0]
    ),
    Odd("mp4, sound first", usual(".mp4", sound_first=True), 25, 1.0),
    Odd("mp4, index at its end", usual(".mp4", faststart=False), 25, 1.0),
    Odd("mp4 in fragments", usual(".mp4", options={"movflags": "frag_keyframe+empty_moov"}), 25, 1.0),
    # Headers.
    Odd("header counts more frames", promising, 25, 1.0),
    Odd("header says it lasts longer", lasting, 25, 1.0),
    # Codecs and pixels.
    Odd("hevc", usual(".mp4", codecs=("libx265", "aac")), 25, 1.0),
    Odd("vp9", usual(".webm", codecs=("libvpx-vp9", "libopus")), 25, 1.0),
    Odd("av1", usual(".mp4", codecs=("libsvtav1", "aac")), 25, 1.0),
    Odd("10 bits", usual(".mkv", codecs=H264, pixels="yuv420p10le"), 25, 1.0),
    Odd("hevc of 10 bits", usual(".mkv", codecs=("libx265", "aac"), pixels="yuv420p10le"), 25, 1.0),
    Odd("all colours", usual(".mkv", codecs=H264, pixels="yuv444p"), 25, 1.0),
    Odd("mpeg-1", usual(".mpeg"), 25, 1.0),
    Odd("a codec that nobody knows", lambda f: rename_codec(make_media(f / "a.mp4")), "codec of its video", 1.0),
    # Times and sides.
    Odd("variable frame rate", usual(".mp4", seconds=0.4, ticks=[0, 1, 2, 10, 11, 30, 31, 32, 33, 60]), 10, 0.4),
    Odd("half of the frames dropped", usual(".mkv", ticks=[2 * n for n in range(25)], sound_seconds=2.0), 25, 2.0),
    Odd("edit list", lambda f: trim_by_edit_list(make_media(f / "a.mp4", audio=False), first_frame=10, num_frames=8),
        8, NO_SOUND),
    *(
        Odd(f"turned by {degrees}", lambda f, d=degrees: rotate_by_metadata(make_media(f / "a.mp4"), d), 25, 1.0, size)
        for degrees, size in ((90, (96, 64)), (180, (64, 96)), (270, (96, 64)))
    ),
    # Sound.
    Odd("5.1", usual(".mkv", codecs=("libx264", "pcm_s16le"), sound=(48000, "5.1")), 25, 1.0),
    Odd("8 kHz, filled up", usual(".mp4", sound=(8000, "mono")), 25, 1.15),
    Odd("96 kHz, 24 bits", usual(".mkv", codecs=("libx264", "pcm_s24le"), sound=(96000, "stereo")), 25, 1.0),
    Odd("8 bits", usual(".wav", codecs=(None, "pcm_u8"), sound=(11025, "mono")), NO_PICTURE, 1.0),
    Odd("mu-law", usual(".wav", codecs=(None, "pcm_mulaw"), sound=(8000, "mono")), NO_PICTURE, 1.0),
    Odd("longer sound", usual(".mp4", sound_seconds=2.5), 25, 2.5),
    Odd("shorter sound", usual(".avi", sound_seconds=0.3), 25, 0.3),
    Odd("no sound", usual(".mp4", audio=False), 25, NO_SOUND),
    Odd("empty track of sound", lambda f: make_empty_audio_track(f / "a.mkv"), 10, "its audio track is empty"),
    # Short ones.
    Odd("0.2 s", usual(".mp4", seconds=0.2), 5, 0.2),
    Odd("one frame", usual(".mkv", seconds=0.04, codecs=("ffv1", "flac")), 1, 0.04),
    Odd("0.1 s of sound", usual(".wav", seconds=0.1), NO_PICTURE, 0.1),
    Odd("no frames", lambda f: make_empty_video_track(f / "a.mkv"), "its video stream has no frames", 1.0),
    Odd("cover of an mp3", lambda f: add_cover(make_media(f / "p.mp3", codecs=CODECS[".mp3"]), f / "a.mp3"),
        r"\(there are: audio, and a still picture\)", 1.0),
    Odd("cover of an m4a", lambda f: add_cover(make_media(f / "p.m4a", codecs=CODECS[".m4a"]), f / "a.m4a"),
        r"\(there are: audio, and a still picture\)", 1.0),
    # Damaged.
    *(Odd(f"half of a {suffix}", shortened(suffix, 0.5), CUT, CUT) for suffix in (".mp4", ".mkv", ".avi", ".flv")),
    Odd("half of a .wav", shortened(".wav", 0.5), NO_PICTURE, CUT),
    Odd("empty", holding(b""), "the file is empty", "the file is empty"),
    Odd("text", holding(b"a text\n" * 50), NO_MEDIA, NO_MEDIA),
    Odd("a playlist", holding(b"#EXTM3U\n#EXTINF:9,\n/etc/passwd\n#EXT-X-ENDLIST\n"), NO_MEDIA, NO_MEDIA),
    Odd("zeros", holding(bytes(5000)), NO_MEDIA, NO_MEDIA),
    Odd("a folder", lambda f: (f / "a.mp4").mkdir() or f / "a.mp4", "is no file, but", "is no file, but"),
    # Names.
    Odd("avi called mp4", called("wrong.mp4", ".avi"), 25, 1.0),
    Odd("mp3 called wav", called("wrong.wav", ".mp3"), NO_PICTURE, 1.0),
    Odd("flv called mkv", called("wrong.mkv", ".flv"), 25, 1.0),
    Odd("composed name", called(unicodedata.normalize("NFC", "Zoë é.mp4")), 25, 1.0),
    Odd("decomposed name", called(unicodedata.normalize("NFD", "Zoë é.mp4")), 25, 1.0),
    Odd("quotes and spaces", called("it's \"a\" clip, really; $HOME.mp4"), 25, 1.0),
    Odd("like a protocol", called("http:a.mp4"), 25, 1.0),
    Odd("like an option", called("-i.mp4"), 25, 1.0),
    Odd("a pattern", called("a%03d[1]*.mp4"), 25, 1.0),
]  # fmt: skip


def test_the_table_has_enough_rows_and_no_row_twice():
    assert len({odd.name for odd in TABLE}) == len(TABLE) >= 40


@pytest.mark.parametrize("odd", TABLE, ids=lambda odd: odd.name)
def test_what_comes_of_an_odd_file(tmp_path, odd):
    path = odd.make(tmp_path)
    middle = parse_frame_choice("middle")
    if isinstance(odd.pictures, str):
        for read in (read_thumbnails, lambda path: read_frames(path, middle)):
            with pytest.raises(MediaError, match=odd.pictures) as caught:
                read(path)
            assert str(caught.value).startswith(f"{path}: ")
    else:
        assert len(read_thumbnails(path, max_frames=1000)[0]) == odd.pictures
        (frame,) = read_frames(path, middle)
        assert frame.shape == (*(odd.size or (64, 96)), 3)
        assert_is_upright(frame, odd)
    if isinstance(odd.seconds, str):
        with pytest.raises(MediaError, match=odd.seconds) as caught:
            read_waveform(path)
        assert isinstance(caught.value, NoAudioTrack) == bool(re.search("audio track", odd.seconds))
    else:
        waveform = read_waveform(path)
        assert waveform.size / 16000 == pytest.approx(odd.seconds, abs=0.15 if odd.seconds > 0.1 else 0.07)
        assert 0.2 < np.abs(waveform).max() <= 1.0


def assert_is_upright(frame: np.ndarray, odd: Odd) -> None:
    """Red is left of blue, unless the file says that it is to be turned."""
    height, width, _ = frame.shape
    ends = {"turned by 90": ((6, width // 2), (-6, width // 2)), "turned by 270": ((-6, width // 2), (6, width // 2)),
            "turned by 180": ((height // 2, -6), (height // 2, 6))}  # fmt: skip
    red, blue = ends.get(odd.name, ((height // 2, 6), (height // 2, -6)))
    np.testing.assert_allclose(frame[red], (255, 0, 0), atol=40)
    np.testing.assert_allclose(frame[blue], (0, 0, 255), atol=40)


@pytest.mark.parametrize(
    "odd", [odd for odd in TABLE if "name" in odd.name or "quotes" in odd.name], ids=lambda odd: odd.name
)
@pytest.mark.parametrize("form", ["NFC", "NFD"])
def test_a_row_finds_its_file_in_either_form_of_its_name(tmp_path, odd, form):
    path = odd.make(tmp_path)
    for written in (path.name, path.stem):
        name = unicodedata.normalize(form, written)
        assert MediaFolder(tmp_path).find(name, clip_id(name)).samefile(path)
