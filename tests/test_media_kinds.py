"""Media as cameras, phones and converters make them: each is read, or there is one reason why not."""

import resource
import struct
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from media_factory import CODECS, add_cover, cut, make_empty_video_track, make_media, overwrite

from emolightning.data.media import audio, upright
from emolightning.data.media import opening as media
from emolightning.data.media.audio import NoAudioTrack, has_audio, read_waveform
from emolightning.data.media.choice import FrameChoice, parse_frame_choice
from emolightning.data.media.frames import read_clip_frames
from emolightning.data.media.opening import MediaError
from emolightning.data.media.video import read_frames, read_thumbnails
from emolightning.files.media_suffixes import MEDIA_SUFFIXES, SOUND_SUFFIXES, VIDEO_SUFFIXES
from emolightning.records.clips import Clip

FOUR = FrameChoice("even", 4)


def shown(path: Path) -> list[int]:
    """Which frames of a made clip are taken for four even ones, by their grey."""
    frames = read_frames(path, FOUR)
    return [round(float(frame[frame.shape[0] // 2, frame.shape[1] // 2].mean()) / 5) for frame in frames]


def assert_is_whole(path: Path) -> None:
    assert shown(path) == [3, 9, 15, 21]
    assert len(read_thumbnails(path)[0]) == 25
    assert_is_heard(path)


def assert_is_heard(path: Path, seconds: float = 1.0, *, filled_up: int = 1500) -> None:
    """The tone lasts so long, but for what encoders fill up with silence."""
    waveform = read_waveform(path)
    assert waveform.size == pytest.approx(16000 * seconds, abs=filled_up)
    middle = waveform[len(waveform) // 2 - 2000 :][:4000]
    assert np.abs(np.fft.rfft(middle)).argmax() == pytest.approx(440 / 4, abs=1)
    assert has_audio(path)


@pytest.mark.parametrize("sound_first", [False, True])
@pytest.mark.parametrize("suffix", [suffix for suffix in VIDEO_SUFFIXES if suffix in CODECS])
def test_videos_of_every_suffix(tmp_path, suffix, sound_first):
    assert_is_whole(make_media(tmp_path / f"a{suffix}", codecs=CODECS[suffix], sound_first=sound_first))


@pytest.mark.parametrize("suffix", SOUND_SUFFIXES)
def test_sound_of_every_suffix_has_no_picture(tmp_path, suffix):
    path = make_media(tmp_path / f"a{suffix}", codecs=CODECS[suffix])
    assert_is_heard(path)
    with pytest.raises(MediaError, match=r"has no video stream \(there are: audio\)"):
        read_thumbnails(path)


def test_only_one_suffix_is_not_made_here():
    assert set(MEDIA_SUFFIXES) - set(CODECS) == {".ogv"}


@pytest.mark.parametrize("suffix", [".mp4", ".avi", ".mkv", ".flv", ".mpg", ".ts", ".wmv", ".webm"])
def test_the_content_counts_and_not_the_suffix(tmp_path, suffix):
    for wrong in (".mp4", ".avi", ".ts"):
        path = make_media(tmp_path / f"a{suffix}", codecs=CODECS[suffix])
        assert_is_whole(path.rename(tmp_path / f"wrong{wrong}"))


@pytest.mark.parametrize(("suffix", "wrong"), [(".mp3", ".wav"), (".wav", ".mp3"), (".m4a", ".ogg"), (".flac", ".mp4")])
def test_the_content_of_sound_counts_and_not_the_suffix(tmp_path, suffix, wrong):
    path = make_media(tmp_path / f"a{suffix}", codecs=CODECS[suffix])
    assert_is_heard(path.rename(tmp_path / f"wrong{wrong}"))


def count_more(path: Path) -> None:
    """Let the header of an .avi count 100 frames, as a camera writes that means to record for longer."""
    data = path.read_bytes()
    for list_name, offset in ((b"avih", 8 + 16), (b"strh", 8 + 32)):
        overwrite(path, data.index(list_name) - 4 + 4 + offset - 4 + 4, struct.pack("<I", 100))


def last_longer(path: Path) -> None:
    """Let the header of an .mkv say 9 s."""
    data = path.read_bytes()
    place = data.index(b"\x44\x89\x88") + 3
    overwrite(path, place, struct.pack(">d", 9000.0))


@pytest.mark.parametrize(("suffix", "change"), [(".avi", count_more), (".mkv", last_longer)])
def test_what_a_header_counts_is_an_estimate(tmp_path, suffix, change):
    path = make_media(tmp_path / f"a{suffix}", codecs=CODECS[suffix])
    before = path.read_bytes()
    change(path)
    assert path.read_bytes() != before
    assert_is_whole(path)


@pytest.mark.parametrize("suffix", [".avi", ".mp4", ".mkv", ".mpg"])
def test_dropped_frames_are_not_missing(tmp_path, suffix):
    """A slow camera: of 50 frames half are there, at uneven times."""
    ticks = [2 * frame + frame % 3 % 2 for frame in range(25)]
    path = make_media(tmp_path / f"a{suffix}", codecs=CODECS[suffix], ticks=ticks, sound_seconds=1.0)
    assert_is_whole(path)


def test_times_of_a_variable_frame_rate(tmp_path):
    ticks = [0, 1, 2, 10, 11, 30, 31, 32, 33, 60]
    path = make_media(tmp_path / "a.mp4", seconds=0.4, ticks=ticks)
    np.testing.assert_allclose(read_thumbnails(path)[1], np.array(ticks) / 25, atol=1e-3)


@pytest.mark.parametrize(
    ("codec", "pixels"), [("libx264", "yuv420p10le"), ("libx264", "yuv422p10le"), ("libx264", "yuv444p")]
)
def test_pixels_of_more_bits_and_colours(tmp_path, codec, pixels):
    path = make_media(tmp_path / "a.mkv", codecs=(codec, "aac"), pixels=pixels)
    assert shown(path) == [3, 9, 15, 21]
    assert read_frames(path, FOUR)[0].dtype == np.uint8


@pytest.mark.parametrize("suffix", [".mp4", ".avi", ".mkv", ".flv", ".mpg", ".ts"])
@pytest.mark.parametrize("seconds", [0.3, 2.5])
def test_sound_of_another_length_than_the_picture(tmp_path, suffix, seconds):
    path = make_media(tmp_path / f"a{suffix}", codecs=CODECS[suffix], sound_seconds=seconds)
    assert shown(path) == [3, 9, 15, 21]
    assert_is_heard(path, seconds)


@pytest.mark.parametrize("sound", [(8000, "mono"), (48000, "5.1"), (22050, "stereo"), (8000, "5.1")])
def test_telephone_and_cinema_sound(tmp_path, sound):
    assert_is_heard(make_media(tmp_path / "a.mkv", codecs=("libx264", "pcm_s16le"), sound=sound))
    assert_is_heard(make_media(tmp_path / "a.m4a", codecs=(None, "aac"), sound=sound), filled_up=2500)


@pytest.mark.parametrize("suffix", [".mp3", ".m4a"])
def test_a_cover_is_no_video(tmp_path, suffix):
    path = add_cover(make_media(tmp_path / f"plain{suffix}", codecs=CODECS[suffix]), tmp_path / f"cover{suffix}")
    assert_is_heard(path)
    with pytest.raises(MediaError, match=r"has no video stream \(there are: audio, and a still picture\)"):
        read_frames(path, FrameChoice("index", 0))


def test_a_video_track_without_frames(tmp_path):
    path = make_empty_video_track(tmp_path / "a.mkv")
    for choice in ("first", "middle"):
        with pytest.raises(MediaError, match=r"its video stream has no frames|no frame of its video stream"):
            read_frames(path, parse_frame_choice(choice))
    assert_is_heard(path)


@pytest.mark.parametrize("suffix", [".flv", ".mpg"])
def test_sound_that_begins_late(tmp_path, suffix):
    """Recordings that were put one behind the other: the list of streams grows while they are read."""
    silent = make_media(tmp_path / f"silent{suffix}", seconds=40, fps=2, codecs=CODECS[suffix], audio=False)
    loud = make_media(tmp_path / f"loud{suffix}", codecs=CODECS[suffix])
    path = tmp_path / f"both{suffix}"
    header = 13 if suffix == ".flv" else 0
    path.write_bytes(silent.read_bytes() + loud.read_bytes()[header:])
    assert_is_heard(path)
    assert len(read_thumbnails(path, max_frames=500)[0]) == 80 + 25
    assert len(read_frames(path, FOUR)) == 4


def test_streams_that_appear_behind_a_second_list_are_no_reason_to_fail(tmp_path):
    silent = make_media(tmp_path / "silent.ts", codecs=CODECS[".ts"], audio=False)
    loud = make_media(tmp_path / "loud.ts", codecs=CODECS[".ts"])
    path = tmp_path / "both.ts"
    path.write_bytes(silent.read_bytes() + loud.read_bytes())
    assert len(read_thumbnails(path)[0]) in (49, 50)  # The last picture of the first may have no end.


@pytest.mark.parametrize(
    ("suffix", "options"),
    [(".mp4", {}), (".mp4", {"movflags": "frag_keyframe+empty_moov"}), (".mkv", {}), (".webm", {}), (".avi", {}),
     (".flv", {}), (".wav", {}), (".opus", {}), (".m4v", {})],
)  # fmt: skip
def test_a_cut_file_is_refused(tmp_path, suffix, options):
    whole = make_media(
        tmp_path / f"whole{suffix}", codecs=CODECS[suffix], seconds=2, fps=20, options=options, size=(320, 240)
    )
    reads = [read_waveform] if suffix in SOUND_SUFFIXES else [read_waveform, read_thumbnails]
    for read in reads:
        read(whole)
        for share in (0.5, 0.83):
            with pytest.raises(MediaError, match=r"cut short") as caught:
                read(cut(whole, tmp_path / f"cut{suffix}", share))
            assert not isinstance(caught.value, NoAudioTrack)


@pytest.mark.parametrize("suffix", [".wav", ".webm"])
def test_a_recording_whose_length_was_never_filled_in(tmp_path, suffix):
    """A pipe or a browser writes the header first and does not come back to it."""
    path = make_media(tmp_path / f"a{suffix}", codecs=CODECS[suffix])
    data = path.read_bytes()
    if suffix == ".wav":
        overwrite(path, data.index(b"data") + 4, b"\xff" * 4)
    else:
        overwrite(path, data.index(b"\x18\x53\x80\x67") + 4, b"\x01" + b"\xff" * 7)
    assert_is_heard(path)
    assert_is_heard(cut(path, tmp_path / f"stopped{suffix}", 0.7), 0.7)


@pytest.mark.parametrize(
    ("size", "reason"),
    [
        (
            (8208, 4320),
            r"damaged, or its picture has more than 35389440 pixels; .* ffmpeg -i OLD -vf scale=1280:-2 NEW",
        ),
        ((2080, 32), "its picture has 2080 x 32 pixels, one side more than 64 times as long as the other"),
        ((32, 2080), "its picture has 32 x 2080 pixels, one side more than 64 times"),
    ],
)
def test_a_picture_of_another_size_than_a_video_has(tmp_path, size, reason):
    path = make_media(tmp_path / "a.mkv", codecs=("mjpeg", "aac"), size=size, seconds=0.04, pixels="yuvj420p")
    for choice in ("first", "even:2"):
        with pytest.raises(MediaError, match=reason):
            read_frames(path, parse_frame_choice(choice))
    with pytest.raises(MediaError, match=reason):
        read_thumbnails(path)


@pytest.mark.parametrize("codec", ["mjpeg", "png"])
def test_a_decoder_meets_the_limit_where_the_header_hides_it(tmp_path, codec):
    """A bomb: 96 x 64 in the container, 65000 x 16000 in the picture."""
    pixels = {"mjpeg": "yuvj420p", "png": "rgb24"}[codec]
    path = make_media(tmp_path / "a.mov", codecs=(codec, "aac"), seconds=0.2, pixels=pixels)
    data = path.read_bytes()
    if codec == "mjpeg":
        overwrite(path, data.index(b"\xff\xc0") + 5, struct.pack(">HH", 16000, 65000))
    else:
        overwrite(path, data.index(b"IHDR") + 4, struct.pack(">II", 65000, 16000))
    before_kib = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    for read in (read_thumbnails, lambda path: read_frames(path, FrameChoice("index", 0))):
        with pytest.raises(MediaError, match=r"a.mov: cannot be decoded \("):
            read(path)
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before_kib < 100 * 1024


@pytest.mark.slow
def test_a_video_of_8k_is_read_in_little_memory(tmp_path):
    path = make_media(tmp_path / "a.mp4", size=(7680, 4320), seconds=0.4, audio=False)
    code = (
        "import sys; from pathlib import Path; from emolightning.data.media import choice, frames, video;"
        "from emolightning.records.clips import Clip; clip = Clip('a', Path(sys.argv[1]));"
        "video.read_thumbnails(clip.video);"
        "frames.read_clip_frames(clip, ('image',), choice=choice.parse_frame_choice('even:4'), image_size=448);"
        "print(Path('/proc/self/status').read_text().partition('VmHWM:')[2].split()[0])"
    )
    found = subprocess.run([sys.executable, "-c", code, str(path)], check=True, capture_output=True, text=True)
    assert int(found.stdout) < 600 * 1024


def test_only_one_frame_is_held_at_full_size(tmp_path, monkeypatch):
    path = make_media(tmp_path / "a.mp4")
    held = []
    monkeypatch.setattr(upright, "_upright", lambda pixels, rotation: held.append(pixels.shape) or pixels)
    seen = read_clip_frames(Clip("a", path), ("image",), choice=FOUR, image_size=8).arrays["image"]
    assert seen.shape == (4, 8, 8, 3)
    assert held == [(64, 96, 3)] * 4
    assert all(frame.shape == (2, 2) for frame in read_frames(path, FOUR, keep=lambda frame: frame[:2, :2, 0]))


def test_reading_ends_in_its_limit(tmp_path, monkeypatch):
    path = make_media(tmp_path / "a.mkv", codecs=CODECS[".mkv"])
    monkeypatch.setattr(media, "READ_SECONDS", -1)
    for read in (read_thumbnails, read_waveform):
        with pytest.raises(MediaError, match="a.mkv: reading it takes longer than -1 s; cut it into shorter clips"):
            read(path)


def test_a_stream_that_pyav_cannot_close_is_no_reason_to_fail(tmp_path):
    """PyAV looks for streams that appeared meanwhile among those it knew of: no error of FFmpeg comes of it."""

    class Container:
        name = str(tmp_path)

        def demux(self):
            yield from ("first", "second")
            raise IndexError("list index out of range")

    assert list(media.packets_of(Container())) == ["first", "second"]


def test_hours_of_sound_are_no_clip(tmp_path, monkeypatch):
    """A header may claim one sample a second, which makes hours of a second."""
    path = make_media(tmp_path / "a.wav", codecs=CODECS[".wav"])
    overwrite(path, path.read_bytes().index(b"fmt ") + 12, struct.pack("<II", 1, 4))
    with pytest.raises(MediaError, match="its sound lasts longer than 1800 s, which is the most for a clip; cut it"):
        read_waveform(path)
    monkeypatch.setattr(audio, "MAX_SECONDS", 0.5)
    with pytest.raises(MediaError, match=r"a\.mp4: its sound lasts longer than 0\.5 s"):
        read_waveform(make_media(tmp_path / "a.mp4"))


@pytest.mark.parametrize(
    "text", ["first", "middle", "7", "-1", "even:4", "window:16", "window:4:7", "peak", "peak:a b/p.json"]
)
def test_a_frame_choice_is_written_as_it_is_read(text):
    assert str(parse_frame_choice(text)) == text
    assert parse_frame_choice(str(parse_frame_choice(text))) == parse_frame_choice(text)
