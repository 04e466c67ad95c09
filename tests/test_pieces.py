"""Pieces of long videos: what is read of one equals what a lossless cut holds, and nothing else is decoded."""

from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from media_factory import CODECS, make_media

from emolightning.data.media import pieces
from emolightning.data.media.audio import NoAudioTrack, read_waveform
from emolightning.data.media.choice import parse_frame_choice
from emolightning.data.media.opening import MediaError
from emolightning.data.media.video import read_frames, read_thumbnails
from emolightning.data.stores.features import describe_clip
from emolightning.records.clips import Clip, Span

SPANS = [Span(0, 0.5), Span(0.3, 1.1), Span(2.02, 3.0), Span(1.234, 2.345), Span(3.2, 4.0)]
NUM_CHANNELS = 2


def make_source(path: Path, codecs: tuple[str, str], *, seconds: int = 4, fps: int = 25) -> Path:
    """Moving noise and a rising tone: no frame and no block of samples is like another. A keyframe each 1.2 s."""
    rate = 48000 if codecs[1] == "libopus" else 44100
    rng = np.random.default_rng(0)
    picture = rng.integers(0, 128, (48, 64, 3))
    with av.open(str(path), "w") as container:
        video, sound = container.add_stream(codecs[0], rate=fps), container.add_stream(codecs[1], rate=rate)
        video.width, video.height, video.pix_fmt, video.codec_context.gop_size = 64, 48, "yuv420p", 30
        sound.layout = "stereo"
        for index in range(seconds * fps):
            pixels = (np.roll(picture, 3 * index, axis=1) + index).astype(np.uint8)
            frame = av.VideoFrame.from_ndarray(pixels, format="rgb24")
            frame.pts, frame.time_base = index, Fraction(1, fps)
            container.mux(video.encode(frame))
            times = np.arange(index * rate // fps, (index + 1) * rate // fps) / rate
            tone = (0.4 * np.sin(2 * np.pi * (200 * times + 90 * times**2))).astype(np.float32)
            heard = av.AudioFrame.from_ndarray(np.stack([tone, tone / 2]), format="fltp", layout="stereo")
            heard.sample_rate, heard.pts, heard.time_base = rate, index * rate // fps, Fraction(1, rate)
            container.mux(sound.encode(heard))
        for stream in (video, sound):
            container.mux(stream.encode(None))
    return path


def cut_losslessly(source: Path, target: Path, span: Span) -> Path:
    """The whole file decoded, and of that a part written without loss."""
    with av.open(str(source)) as old:
        begins = max(0, old.start_time) / av.time_base
        pictures = list(old.decode(video=0))
    with av.open(str(source)) as old, av.open(str(target), "w") as new:
        heard = list(old.decode(audio=0))
        rate, kind = heard[0].sample_rate, heard[0].format
        lossless = {"flt": "pcm_f32le", "s16": "pcm_s16le"}[kind.packed.name]
        video, sound = new.add_stream("ffv1", rate=25), new.add_stream(lossless, rate=rate, layout="stereo")
        video.width, video.height, video.pix_fmt = 64, 48, "yuv420p"
        shown = [frame for frame in pictures if span.start <= round(frame.time - begins, 6) < span.end]
        for number, frame in enumerate(shown):
            frame.pts, frame.time_base, frame.pict_type = number, Fraction(1, 25), 0
            new.mux(video.encode(frame))
        arrays = [frame.to_ndarray() for frame in heard]
        arrays = [array if kind.is_planar else array.reshape(-1, NUM_CHANNELS).T for array in arrays]
        first = round((heard[0].time - begins) * rate)
        samples = np.concatenate(arrays, axis=1)
        samples = samples[:, max(0, round(span.start * rate) - first) : max(0, round(span.end * rate) - first)]
        packed = np.ascontiguousarray(samples.T).reshape(1, -1)
        frame = av.AudioFrame.from_ndarray(packed, format=kind.packed.name, layout="stereo")
        frame.sample_rate = rate
        for stream, last in ((video, None), (sound, frame), (sound, None)):
            new.mux(stream.encode(last))
    return target


KINDS = [
    (".mp4", ("libx264", "aac")), (".mkv", ("libx264", "libopus")), (".avi", ("mpeg4", "libmp3lame")),
    (".mkv", ("ffv1", "flac")), (".mov", ("mpeg4", "pcm_s16le")), (".flv", ("flv", "libmp3lame")),
    (".ts", ("mpeg2video", "mp2")), (".ts", ("libx264", "aac")), (".webm", ("libvpx", "libopus")),
    (".mpg", ("mpeg2video", "mp2")), (".avi", ("libx264", "pcm_s16le")), (".mkv", ("libx264", "aac")),
]  # fmt: skip
JUMPED_TO_EXACTLY = {"libopus", "libmp3lame", "flac", "pcm_s16le"}


ALWAYS = ((".mp4", "aac"), (".mkv", "flac"), (".ts", "mp2"), (".avi", "pcm_s16le"))
"""Sound that is filled up, that is jumped to exactly, without and with an index; the other kinds are slow."""


@pytest.mark.parametrize(
    ("suffix", "codecs"),
    [
        pytest.param(
            suffix,
            codecs,
            id=f"{suffix}-{codecs[1]}",
            marks=() if (suffix, codecs[1]) in ALWAYS else pytest.mark.slow,
        )
        for suffix, codecs in KINDS
    ],
)
def test_a_piece_equals_a_lossless_cut(tmp_path, monkeypatch, suffix, codecs):
    source = make_source(tmp_path / f"talk{suffix}", codecs)
    four = parse_frame_choice("even:4")
    pictures, times = read_thumbnails(source, max_frames=1000)
    for number, span in enumerate(SPANS):
        whole = cut_losslessly(source, tmp_path / f"cut{number}.mkv", span)
        for choice in (four, parse_frame_choice("first"), parse_frame_choice("-1")):
            np.testing.assert_array_equal(read_frames(source, choice, span=span), read_frames(whole, choice))
        shown, times_s = read_thumbnails(source, span=span)
        first = [np.array_equal(picture, shown[0]) for picture in pictures].index(True)
        close = 0.021 if suffix == ".mpg" else 1e-6  # FFmpeg guesses a few of them there.
        np.testing.assert_allclose(times_s, times[first : first + len(shown)] - times[first], atol=close)
        np.testing.assert_array_equal(shown, pictures[first : first + len(shown)])
        expected = read_waveform(whole)
        np.testing.assert_array_equal(read_waveform(source, span=span), expected)
        with monkeypatch.context() as patch:
            patch.setattr(pieces, "FROM_START_S", 0.0)
            jumped = read_waveform(source, span=span)
        assert jumped.shape == expected.shape
        if codecs[1] in JUMPED_TO_EXACTLY:
            np.testing.assert_array_equal(jumped, expected)
        else:  # Noise, made up anew.
            assert np.abs(jumped - expected).max() < 0.02


def test_descriptors_of_a_piece_are_those_of_a_cut_file(tmp_path):
    source, span = make_source(tmp_path / "talk.mp4", CODECS[".mp4"]), Span(1.5, 2.8)
    whole = cut_losslessly(source, tmp_path / "cut.mkv", span)
    names = ("face", "motion", "speech")
    piece, cut = (
        describe_clip(Clip("a", path, span=part), names).arrays for path, part in ((source, span), (whole, None))
    )
    all_of_it = describe_clip(Clip("a", source), names).arrays
    np.testing.assert_array_equal(piece["speech"], cut["speech"])
    for name in names:  # FFmpeg enlarges colours by where they lie in a pixel, which a cut does not keep.
        np.testing.assert_allclose(piece[name], cut[name], atol=0.05)
        assert np.abs(piece[name] - all_of_it[name]).max() > 1e-3, name


def repeat(source: Path, target: Path, times: int, seconds: int) -> Path:
    """The packets of a file again and again."""
    with av.open(str(target), "w") as new, av.open(str(source)) as first:
        added = [new.add_stream_from_template(stream) for stream in first.streams]
        for turn in range(times):
            with av.open(str(source)) as old:
                for packet in old.demux():
                    if packet.size:
                        shift = round(turn * seconds / packet.time_base)
                        packet.pts, packet.dts = packet.pts + shift, packet.dts + shift
                        packet.stream = added[packet.stream.index]
                        new.mux(packet)
    return target


@pytest.mark.parametrize(
    "suffix", [".mp4", ".ts", *(pytest.param(x, marks=pytest.mark.slow) for x in (".mkv", ".avi"))]
)
def test_a_piece_at_minute_twenty_is_sought(tmp_path, monkeypatch, suffix):
    kinds = {".ts": ("mpeg2video", "mp2"), ".avi": ("mpeg4", "pcm_s16le")}
    codecs = kinds.get(suffix, ("libx264", "aac"))
    sound = 9.9 if codecs[1] == "aac" else 10  # It is filled up.
    short = make_media(
        tmp_path / f"short{suffix}", seconds=10, fps=5, size=(64, 48), codecs=codecs, sound_seconds=sound
    )
    source = repeat(short, tmp_path / f"long{suffix}", times=130, seconds=10)
    num_read, packets_of = 0, pieces.packets_of

    def counting(container, stream=None):
        nonlocal num_read
        for packet in packets_of(container, stream):
            num_read += 1
            yield packet

    monkeypatch.setattr(pieces, "packets_of", counting)
    span = Span(1203.4, 1205.4)
    frames = read_frames(source, parse_frame_choice("even:5"), span=span)
    assert [round(float(frame[24, 32].mean()) / 5) for frame in frames] == [18, 20, 22, 24, 26]
    waveform = read_waveform(source, span=span)
    assert waveform.size == pytest.approx(32000, abs=4)
    assert np.abs(np.fft.rfft(waveform)).argmax() == pytest.approx(880, abs=2)
    assert 0 < num_read < 4000, num_read  # There are 40,000.


@pytest.mark.parametrize(
    ("span", "message"),
    [
        (
            Span(0.5, 2.6),
            r"the piece from 0.5 to 2.6 s reaches beyond the end: the file lasts [12]\.\d\d s; mend start",
        ),
        (Span(7, 8), r"the piece from 7 to 8 s reaches beyond the end: the file lasts"),
        (Span(0.41, 0.43), r"its video stream has no frames in the piece from 0.41 to 0.43 s"),
    ],
)
@pytest.mark.parametrize("suffix", [".mp4", ".mkv", ".avi"])
def test_a_piece_that_is_not_there(tmp_path, suffix, span, message):
    source = make_media(tmp_path / f"a{suffix}", codecs=CODECS[suffix])
    with pytest.raises(MediaError, match=message):
        read_frames(source, parse_frame_choice("middle"), span=span)
    if "beyond" in message:
        with pytest.raises(MediaError, match=message):
            read_waveform(source, span=span)


def test_rounded_ends_and_sound_that_ends_before(tmp_path):
    source = make_media(tmp_path / "a.mp4", seconds=2, sound_seconds=0.8)
    assert len(read_thumbnails(source, span=Span(1, 2.4))[0]) == 25
    assert read_waveform(source, span=Span(0.5, 1)).size == pytest.approx(0.3 * 16000, abs=700)
    with pytest.raises(NoAudioTrack, match=r"its audio track is empty \(0 samples\) in the piece from 1.2 to 1.8 s"):
        read_waveform(source, span=Span(1.2, 1.8))


def test_a_file_that_is_cut_short_gives_no_piece(tmp_path):
    whole = make_media(tmp_path / "whole.mp4", seconds=2, size=(320, 240))
    (tmp_path / "a.mp4").write_bytes(whole.read_bytes()[:-4000])
    for read in (read_waveform, read_thumbnails):
        with pytest.raises(MediaError, match="cut short"):
            read(tmp_path / "a.mp4", span=Span(0.2, 0.5))
