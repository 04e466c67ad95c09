"""Picked frames are those of a decoder that leaves nothing out, and sound in blocks is the same sound."""

import itertools
from pathlib import Path

import av
import numpy as np
import pytest
from media_factory import make_media, rotate_by_metadata, trim_by_edit_list

from emolightning.data.media import audio, opening, picking, video
from emolightning.data.media.audio import read_waveform
from emolightning.data.media.choice import parse_frame_choice
from emolightning.data.media.opening import MediaError
from emolightning.data.media.upright import upright_pixels
from emolightning.data.media.video import read_frames

NUM_FRAMES = 60
SOURCES = {
    "few references": {"x264-params": "bframes=3:b-pyramid=none:keyint=250"},
    "pyramid": {"x264-params": "bframes=5:b-pyramid=normal:keyint=250"},
    "open groups": {"x264-params": "bframes=3:open-gop=1:keyint=10:scenecut=0"},
    "no b-frames": {"x264-params": "bframes=0"},
    "keyframes alone": {"x264-params": "keyint=1"},
    "interlaced": {"x264-params": "interlaced=1:bframes=3"},
}
"""Name -> settings of x264."""


def film(path: Path, options: dict[str, str], codec: str = "libx264") -> Path:
    """Something that moves, so that pictures differ and refer to each other."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream(codec, rate=25, options={"crf": "20", "preset": "fast", **options})
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        y, x = np.mgrid[:48, :64]
        for number in range(NUM_FRAMES):
            wave = 127 + 120 * np.sin((x + 3 * number) / 6) * np.cos((y - 2 * number) / 9)
            pixels = np.repeat(wave.astype(np.uint8)[..., None], 3, axis=2)
            container.mux(stream.encode(av.VideoFrame.from_ndarray(pixels, format="rgb24")))
        container.mux(stream.encode(None))
    return path


def all_frames(path: Path) -> list[np.ndarray]:
    with av.open(str(path)) as container:
        container.streams.video[0].codec_context.thread_count = 1
        return [upright_pixels(frame) for frame in container.decode(video=0)]


def assert_equal(path: Path, choice: str) -> None:
    frames = all_frames(path)
    wanted = [frames[position] for position in parse_frame_choice(choice).positions(len(frames))]
    found = read_frames(path, parse_frame_choice(choice))
    assert len(found) == len(wanted)
    assert all(np.array_equal(one, other) for one, other in zip(found, wanted, strict=True))


@pytest.fixture(scope="module")
def films(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("films")
    for name, options in SOURCES.items():
        film(folder / f"{name}.mp4", options)
    return folder


@pytest.mark.parametrize("name", SOURCES)
def test_every_frame_is_that_of_a_whole_decoding(films: Path, name: str) -> None:
    for choice in ("middle", "even:7", "-1", "0", "29", "31"):
        assert_equal(films / f"{name}.mp4", choice)
    assert_equal(films / f"{name}.mp4", f"even:{NUM_FRAMES}")


def num_decoded(path: Path, position: int) -> int:
    with video._open_video(path) as (container, stream):
        packets, total = picking.kept_packets(container, stream)
        assert total == NUM_FRAMES
        found = [number for number, _ in picking.picked(container, stream, packets, [position])]
    assert found == sorted(set(found))
    assert found[-1] == position
    return len(found)


@pytest.mark.parametrize(("name", "most"), [("few references", 0.6), ("keyframes alone", 1.0)])
def test_pictures_that_none_refers_to_are_left_out(films: Path, name: str, most: float) -> None:
    assert num_decoded(films / f"{name}.mp4", 45) <= most * 46
    assert num_decoded(films / f"{name}.mp4", 0) == 1


@pytest.mark.parametrize("name", ["pyramid", "no b-frames"])
def test_nothing_is_decoded_that_follows_the_last_wanted_one(
    films: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    fed: list[av.Packet] = []
    monkeypatch.setattr(picking, "in_time", lambda packets, name: [fed.append(packet) or packet for packet in packets])
    with video._open_video(films / f"{name}.mp4") as (container, stream):
        packets, _ = picking.kept_packets(container, stream)
        shown = sorted(packet.pts for packet in packets if packet.size)
        found = [number for number, _ in picking.picked(container, stream, packets, [20, 30])]
    assert (fed[-1].pts, found[-1]) == (shown[30], 30)


def test_the_halves_of_interlaced_pictures_are_left_to_the_decoder(films: Path) -> None:
    with video._open_video(films / "interlaced.mp4") as (container, stream):
        packets, _ = picking.kept_packets(container, stream)
        assert not [*picking.picked(container, stream, packets, [30])]


def test_a_file_is_opened_once(films: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real, opened = av.open, []
    monkeypatch.setattr(av, "open", lambda *args, **more: opened.append(args) or real(*args, **more))
    read_frames(films / "pyramid.mp4", parse_frame_choice("middle"))
    assert len(opened) == 1


@pytest.mark.parametrize(
    ("suffix", "codecs"), [(".avi", ("mpeg4", "libmp3lame")), (".mkv", ("libx264", "aac")), (".ts", ("libx264", "aac"))]
)
def test_other_containers(tmp_path: Path, suffix: str, codecs: tuple[str, str]) -> None:
    path = make_media(tmp_path / f"clip{suffix}", codecs=codecs)
    for choice in ("middle", "even:4", "-1"):
        assert_equal(path, choice)


def test_what_an_edit_list_drops_and_how_a_phone_was_held(films: Path, tmp_path: Path) -> None:
    trimmed = tmp_path / "trimmed.mp4"
    trimmed.write_bytes((films / "pyramid.mp4").read_bytes())
    rotate_by_metadata(trimmed)
    assert_equal(trimmed, "middle")
    made = trim_by_edit_list(make_media(tmp_path / "clip.mp4", audio=False), first_frame=5, num_frames=12)
    assert_equal(made, "middle")


def test_a_large_file_is_read_twice_and_gives_the_same(films: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(video, "kept_packets", pytest.fail)
    monkeypatch.setattr(picking, "MOST_BYTES", 100)
    assert_equal(films / "pyramid.mp4", "even:5")


def test_where_a_picture_does_not_come_all_are_decoded(films: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The decoder's answer is believed, not the packets."""
    real = picking.picked
    monkeypatch.setattr(video, "picked", lambda *given: itertools.islice(real(*given), 3))
    assert_equal(films / "pyramid.mp4", "even:5")


def per_frame(path: Path, monkeypatch: pytest.MonkeyPatch, **how: int) -> np.ndarray:
    with monkeypatch.context() as patch:
        patch.setattr(audio, "_in_blocks", lambda frames, path: frames)
        patch.setattr(audio, "_converted", lambda frame, rate: None)
        return read_waveform(path, **how)


@pytest.mark.parametrize("block", [0.02, 6.0])
@pytest.mark.parametrize(
    ("suffix", "codec", "sound"),
    [
        (".mp4", "aac", (44100, "stereo")),
        (".mkv", "ac3", (48000, "5.1")),
        (".wav", "pcm_s16le", (16000, "mono")),
        (".wav", "pcm_f32le", (16000, "mono")),
        (".mkv", "aac", (24000, "mono")),
        (".mp3", "libmp3lame", (22050, "mono")),
    ],
)
def test_sound_in_blocks_is_the_same_to_the_last_bit(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, block: float, suffix: str, codec: str, sound: tuple[int, str]
) -> None:
    path = make_media(tmp_path / f"sound{suffix}", video=False, codecs=(None, codec), sound=sound, loudness=(1.2, 1.2))
    monkeypatch.setattr(audio, "BLOCK_S", block)
    for rate in (16000, 24000):
        assert np.array_equal(read_waveform(path, sample_rate=rate), per_frame(path, monkeypatch, sample_rate=rate))


@pytest.mark.parametrize("value", [np.nan, np.inf, 65536, -65536.5, 65535.996, 2.5 / 32768, -0.5 / 32768])
def test_numbers_that_are_no_sound_are_converted_as_by_a_resampler(value: float) -> None:
    samples = np.array([[0.25, value, -0.75, 1.5 / 32768] * 9], np.float32)
    frame = av.AudioFrame.from_ndarray(samples, format="flt", layout="mono")
    frame.sample_rate = 16000
    resampler = av.AudioResampler(format="s16", layout="mono", rate=16000)
    (expected,) = (piece.to_ndarray()[0] for piece in resampler.resample(frame))
    (found,) = audio._resampled(av.AudioResampler(format="s16", layout="mono", rate=16000), frame, Path("sound.wav"))
    assert np.array_equal(found, expected)


@pytest.mark.parametrize(("codec", "sound"), [("pcm_s16le", (44100, "stereo")), ("pcm_f32le", (16000, "mono"))])
def test_sound_that_changes_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, codec: str, sound: tuple[int, str]
) -> None:
    path = make_media(tmp_path / "sound.wav", video=False, codecs=(None, codec), sound=sound)
    other = av.AudioFrame.from_ndarray(np.zeros((1, 600), np.int16), format="s16", layout="5.1")
    other.sample_rate = 44100
    real = audio._frames
    monkeypatch.setattr(audio, "_frames", lambda *given: itertools.chain(real(*given), [other]))
    with pytest.raises(MediaError, match=r"its sound cannot be resampled \(it changes from "):
        read_waveform(path)


@pytest.mark.parametrize(("layout", "num_opened"), [("mono", 1), ("stereo", 1), ("quad", 2)])
def test_sound_of_an_mp4_does_not_depend_on_what_is_tried_when_it_is_opened(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, layout: str, num_opened: int
) -> None:
    """AAC has no number for four channels in a square: that file is opened again, and its decoder set up."""
    path = make_media(tmp_path / "clip.mp4", seconds=0.4, size=(48, 32), sound=(16000, layout))
    real, opened = av.open, []
    monkeypatch.setattr(av, "open", lambda *args, **more: opened.append(args) or real(*args, **more))
    found = read_waveform(path)
    assert len(opened) == num_opened
    monkeypatch.setattr(opening, "_TRIED_IN_MP4", ",".join(av.codecs_available))
    assert np.array_equal(found, read_waveform(path))
