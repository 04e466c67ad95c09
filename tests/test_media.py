"""Frames, thumbnails and sound of made and of real clips, and what is said about files that cannot be used."""

import pickle
import resource
from pathlib import Path

import numpy as np
import pytest
from media_factory import (
    cut,
    make_empty_audio_track,
    make_media,
    rename_codec,
    rotate_by_metadata,
    trim_by_edit_list,
)

from emolightning.data.media.audio import NoAudioTrack, has_audio, read_waveform
from emolightning.data.media.choice import FrameChoice, parse_frame_choice
from emolightning.data.media.opening import MediaError
from emolightning.data.media.video import read_frames, read_thumbnails
from emolightning.errors import UserError

CLIPS = Path(__file__).resolve().parents[2] / "shared" / "data" / "clips"


@pytest.fixture(scope="module")
def clip(tmp_path_factory) -> Path:
    """25 frames, one second, with sound."""
    return make_media(tmp_path_factory.mktemp("media") / "clip.mp4")


def shown(frame: np.ndarray) -> int:
    """Which frame of a made clip this is, by its grey."""
    height, width, _ = frame.shape
    return round(float(frame[height // 2, width // 2].mean()) / 5)


@pytest.mark.parametrize(
    ("text", "positions"),
    [
        ("first", [0]),
        ("middle", [50]),
        ("12", [12]),
        ("-1", [99]),
        ("even:1", [50]),
        ("even:4", [12, 37, 62, 87]),
    ],
)
def test_frame_choice_picks_positions(text, positions):
    assert parse_frame_choice(text).positions(100) == positions


def test_even_repeats_frames_of_a_clip_with_too_few():
    assert FrameChoice("even", 4).positions(2) == [0, 0, 1, 1]


@pytest.mark.parametrize(
    "text",
    [
        "",
        "last",
        "even",
        "even:0",
        "even:-2",
        "1.5",
        "--1",
        "even:4 ",
        "first\n",
        "peak:",
        "peaks",
        "window",
        "window:0",
        "window:4:-1",
    ],
)
def test_frame_choice_refuses_other_words(text):
    with pytest.raises(UserError, match="is not first, middle, peak, peak:FILE, an index such as 12 or -1, even:N"):
        parse_frame_choice(text)


@pytest.mark.parametrize(
    ("text", "numbers"),
    [("first", [0]), ("middle", [12]), ("7", [7]), ("-1", [24]), ("-25", [0]), ("even:4", [3, 9, 15, 21])],
)
def test_frames_are_the_chosen_ones_at_full_size(clip, text, numbers):
    frames = read_frames(clip, parse_frame_choice(text))
    assert [shown(frame) for frame in frames] == numbers
    assert all(frame.shape == (64, 96, 3) and frame.dtype == np.uint8 for frame in frames)


@pytest.mark.parametrize("suffix", [".mkv", ".avi", ".mov"])
def test_other_containers_give_the_same_frames(tmp_path, suffix):
    path = make_media(tmp_path / f"clip{suffix}")
    assert [shown(frame) for frame in read_frames(path, FrameChoice("even", 4))] == [3, 9, 15, 21]
    assert read_thumbnails(path)[0].shape == (25, 112, 112, 3)
    assert read_waveform(path).size == pytest.approx(16000, abs=1200)  # aac pads to whole blocks, twice


def test_red_is_left_and_blue_is_right(clip):
    frame = read_frames(clip, FrameChoice("index", 0))[0]
    np.testing.assert_allclose(frame[32, 8], (255, 0, 0), atol=12)
    np.testing.assert_allclose(frame[32, 88], (0, 0, 255), atol=12)


def test_threads_do_not_change_a_frame(clip):
    one, two = (read_frames(clip, FrameChoice("even", 3), num_threads=number) for number in (1, 2))
    np.testing.assert_array_equal(one, two)


@pytest.mark.parametrize("index", [25, -26, 999])
def test_index_beyond_the_end_says_how_many_there_are(clip, index):
    with pytest.raises(MediaError, match=rf"clip.mp4: frame {index} is beyond the end: there are 25 frames, 0 to 24"):
        read_frames(clip, FrameChoice("index", index))


def test_packets_that_give_no_picture_do_not_count(clip, monkeypatch):
    monkeypatch.setattr("emolightning.data.media.video.count_frames", lambda path, span: 40)
    assert [shown(frame) for frame in read_frames(clip, FrameChoice("index", -1))] == [24]
    assert [shown(frame) for frame in read_frames(clip, FrameChoice("even", 4))] == [3, 9, 15, 21]
    with pytest.raises(MediaError, match="there are 25 frames, 0 to 24"):
        read_frames(clip, FrameChoice("index", 30))
    assert len(read_thumbnails(clip)[0]) == 25


def test_phone_videos_are_turned_upright(tmp_path):
    path = rotate_by_metadata(make_media(tmp_path / "phone.mp4", audio=False))
    frame = read_frames(path, FrameChoice("index", 0))[0]
    assert frame.shape == (96, 64, 3)
    np.testing.assert_allclose(frame[8, 32], (255, 0, 0), atol=12)  # clockwise: what was left is on top
    picture = read_thumbnails(path, size=64)[0][0]
    np.testing.assert_allclose(picture[3, 32], (255, 0, 0), atol=20)


def test_frames_cut_off_by_an_edit_list_are_not_seen(tmp_path):
    path = trim_by_edit_list(make_media(tmp_path / "edited.mp4", audio=False), first_frame=10, num_frames=8)
    frames, times_s = read_thumbnails(path)
    assert [shown(frame) for frame in frames] == list(range(10, 18))
    np.testing.assert_allclose(times_s, np.arange(8) / 25)
    assert shown(read_frames(path, FrameChoice("index", -1))[0]) == 17


def test_thumbnails_are_the_centre_with_its_aspect_kept(clip):
    frames, times_s = read_thumbnails(clip, size=32)
    assert frames.shape == (25, 32, 32, 3)
    assert frames.dtype == np.uint8
    assert times_s.dtype == np.float64
    np.testing.assert_allclose(times_s, np.arange(25) / 25)
    # Of 96 columns 64 stay, 8 of them red: 4 of the 32.
    reds = (frames[0][16, :, 0] > 128) & (frames[0][16, :, 2] < 128)
    assert reds.sum() == 4
    assert reds[:4].all()


def test_thumbnails_of_a_longer_clip_are_evenly_spaced(clip):
    frames, times_s = read_thumbnails(clip, size=16, max_frames=5)
    assert [shown(frame) for frame in frames] == [2, 7, 12, 17, 22]
    np.testing.assert_allclose(np.diff(times_s), 0.2)


def test_waveform_is_one_channel_at_the_rate_asked_for(clip):
    waveform = read_waveform(clip)
    assert waveform.dtype == np.float32
    assert waveform.ndim == 1
    assert waveform.size == pytest.approx(16000, abs=1200)
    strongest = np.abs(np.fft.rfft(waveform[:16000])).argmax()
    assert strongest == pytest.approx(440, abs=2)
    assert np.abs(waveform[4000:12000]).max() == pytest.approx(0.5, abs=0.05)
    assert read_waveform(clip, sample_rate=8000).size == pytest.approx(8000, abs=600)


@pytest.mark.parametrize(("loudness", "expected"), [((0.95, 0.95), 0.95), ((0.8, 0.0), 0.4)])
def test_channels_are_averaged_and_stay_in_range(tmp_path, loudness, expected):
    waveform = read_waveform(make_media(tmp_path / "loud.mp4", loudness=loudness))
    assert np.abs(waveform).max() <= 1.0
    assert np.abs(waveform[4000:12000]).max() == pytest.approx(expected, abs=0.06)


def test_missing_and_empty_audio_tracks_are_told_from_bad_files(tmp_path, clip):
    silent = make_media(tmp_path / "silent.mp4", audio=False)
    empty = make_empty_audio_track(tmp_path / "empty.mkv")
    with pytest.raises(NoAudioTrack, match="silent.mp4: has no audio track"):
        read_waveform(silent)
    with pytest.raises(NoAudioTrack, match=r"empty.mkv: its audio track is empty \(0 samples\)"):
        read_waveform(empty)
    assert [has_audio(path) for path in (clip, silent, empty)] == [True, False, False]


def test_sound_without_pictures_says_so(tmp_path):
    path = make_media(tmp_path / "sound.mp4", video=False)
    assert read_waveform(path).size > 15000
    with pytest.raises(MediaError, match=r"sound.mp4: has no video stream \(there are: audio\)"):
        read_thumbnails(path)


def test_a_codec_that_no_decoder_knows(tmp_path):
    path = rename_codec(make_media(tmp_path / "odd.mp4"))
    with pytest.raises(MediaError, match="odd.mp4: the codec of its video stream is not known; convert it"):
        read_thumbnails(path)
    assert has_audio(path)


@pytest.fixture(scope="module")
def bad_files(tmp_path_factory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("bad")
    (folder / "empty.mp4").touch()
    (folder / "text.mp4").write_text("a text\n" * 50)
    # A playlist that names a sound file elsewhere must not be followed.
    (folder / "playlist.mp4").write_text("#EXTM3U\n#EXTINF:9,\n/etc/passwd\n#EXT-X-ENDLIST\n")
    files = {name: folder / f"{name}.mp4" for name in ("empty", "text", "playlist", "absent")}
    for name, suffix, faststart in [
        ("faststart", ".mp4", True), ("normal", ".mp4", False), ("matroska", ".mkv", True), ("avi", ".avi", True),
    ]:  # fmt: skip
        whole = make_media(folder / f"{name}_whole{suffix}", seconds=2, size=(320, 240), faststart=faststart)
        files[name] = cut(whole, folder / f"{name}{suffix}")
    return files | {"folder": folder}


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("empty", r"the file is empty \(0 bytes\); copy or download the file again"),
        ("text", "not a media file, or none of mov, mp4"),
        ("playlist", "not a media file"),
        ("absent", "no such file"),
        ("folder", "is no file, but a folder"),
        ("normal", r"an mp4 without its index \(moov box\): cut short, or never finished; copy or download"),
        ("faststart", r"stream is cut short, \d+ of \d+ packets are there; copy or download the file again"),
        ("matroska", r"the file is cut short or damaged, \d+ of \d+ bytes are there; copy or download the file again"),
        ("avi", r"the file is cut short or damaged, \d+ of \d+ bytes are there; copy or download the file again"),
    ],
)
def test_bad_files_are_refused_with_path_and_reason(bad_files, name, reason):
    path = bad_files[name]
    for read in (read_thumbnails, read_waveform, lambda path: read_frames(path, FrameChoice("middle"))):
        with pytest.raises(MediaError, match=reason) as caught:
            read(path)
        assert str(path) in str(caught.value)
        assert not isinstance(caught.value, NoAudioTrack)


def test_a_media_error_survives_the_way_back_from_a_worker_process():
    error = pickle.loads(pickle.dumps(NoAudioTrack(Path("a.mp4"), "has no audio track")))
    assert isinstance(error, NoAudioTrack)
    assert str(error) == "a.mp4: has no audio track"
    assert (error.path, error.reason) == (Path("a.mp4"), "has no audio track")


@pytest.mark.skipif(not CLIPS.is_dir(), reason=f"no real clips in {CLIPS}")
def test_real_clips_are_read_whole_in_little_memory():
    longest = CLIPS / "sample_00000694.mp4"
    read_frames(CLIPS / "sample_00003358.mp4", FrameChoice("index", 0))
    before_kib = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    frames, times_s = read_thumbnails(longest)
    waveform = read_waveform(longest)
    assert frames.shape == (64, 112, 112, 3)
    assert times_s[-1] == pytest.approx(13.4, abs=0.1)
    assert waveform.size / 16000 == pytest.approx(13.5, abs=0.1)
    assert 0.1 < np.abs(waveform).max() <= 1.0
    # All 339 frames at full size would be 250 MiB.
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before_kib < 60 * 1024
    for path in sorted(CLIPS.glob("*.mp4")):
        frame = read_frames(path, FrameChoice("index", 0))[0]
        assert frame.shape[0] >= 378
        assert frame.std() > 5
