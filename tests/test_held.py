"""A file that is opened once gives the frames, the sound and the errors of one that each reader opens for itself."""

from collections.abc import Callable
from pathlib import Path

import av
import numpy as np
import pytest
from media_factory import CODECS, add_cover, cut, make_empty_audio_track, make_media
from media_mutations import MUTATIONS, mutate

from emolightning.data.checkup.unusual import measure
from emolightning.data.media import picking
from emolightning.data.media.audio import read_waveform
from emolightning.data.media.choice import parse_frame_choice
from emolightning.data.media.held import held_open
from emolightning.data.media.opening import HELD
from emolightning.data.media.video import count_frames, read_film, read_frames, read_thumbnails
from emolightning.data.stores.features import describe_clip
from emolightning.errors import UserError
from emolightning.records.clips import Clip, Span

READERS: dict[str, Callable[[Path], list[np.ndarray]]] = {
    "number": lambda path: [np.array(count_frames(path))],
    "first": lambda path: read_frames(path, parse_frame_choice("first")),
    "sound": lambda path: [read_waveform(path)],
    "even": lambda path: read_frames(path, parse_frame_choice("even:4")),
    "small": lambda path: [*read_thumbnails(path)],
}


def outcome(read: Callable[[Path], list[np.ndarray]], path: Path) -> list[tuple[tuple[int, ...], bytes]] | str:
    """All bytes that are read, or what is said."""
    try:
        return [(array.shape, array.tobytes()) for array in read(path)]
    except UserError as error:
        return f"{type(error).__name__}: {error}"


def assert_equal(path: Path) -> None:
    alone = {name: outcome(read, path) for name, read in READERS.items()}
    for order in (1, -1):
        with held_open(path):
            together = {name: outcome(read, path) for name, read in [*READERS.items()][::order]}
        assert together == alone
    assert HELD.get() is None


@pytest.fixture
def opened(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The files that were opened, in their order."""
    real, names = av.open, []
    monkeypatch.setattr(av, "open", lambda name, *more, **how: names.append(name) or real(name, *more, **how))
    return names


@pytest.mark.parametrize("suffix", [".mp4", ".avi", ".mkv", ".ts", ".flv", ".mpg", ".mp3"])
def test_every_container_gives_the_same(tmp_path: Path, suffix: str) -> None:
    assert_equal(make_media(tmp_path / f"clip{suffix}", seconds=0.4, size=(48, 32), codecs=CODECS[suffix]))


@pytest.mark.parametrize("number", range(len(MUTATIONS)), ids=[change.__name__ for change in MUTATIONS])
def test_damage_is_described_in_the_same_words(tmp_path: Path, number: int) -> None:
    data = make_media(tmp_path / "clip.mp4", seconds=0.4, size=(48, 32)).read_bytes()
    path = tmp_path / "damaged.mp4"
    path.write_bytes(mutate(data, number)[1])
    assert_equal(path)


def test_what_lacks_something_is_described_in_the_same_words(tmp_path: Path) -> None:
    plain = make_media(tmp_path / "plain.mp4", seconds=0.4, size=(48, 32))
    (tmp_path / "empty.mp4").touch()
    (tmp_path / "text.mp4").write_text("clip", encoding="utf-8")
    sound = make_media(tmp_path / "plain.mp3", codecs=CODECS[".mp3"])
    for path in (
        tmp_path / "none.mp4",
        tmp_path,
        tmp_path / "empty.mp4",
        tmp_path / "text.mp4",
        cut(plain, tmp_path / "cut.mp4"),
        add_cover(sound, tmp_path / "cover.mp3"),
        make_empty_audio_track(tmp_path / "silent.mp4"),
        make_media(tmp_path / "no sound.mkv", audio=False, seconds=0.4, size=(48, 32)),
    ):
        assert_equal(path)


def test_what_reads_pictures_and_sound_opens_a_file_once(tmp_path: Path, opened: list[str]) -> None:
    path = make_media(tmp_path / "clip.mp4", seconds=0.4, size=(48, 32))
    for read in (
        lambda: describe_clip(Clip("clip", path), ("face", "motion", "speech")),
        lambda: measure(Clip("clip", path), ("measures",)),
        lambda: read_film(path, parse_frame_choice("fps:5")),
        lambda: read_thumbnails(path),
    ):
        opened.clear()
        read()
        assert opened == [str(path)]


def test_a_stream_is_decoded_by_a_new_decoder(tmp_path: Path, opened: list[str]) -> None:
    """Noise that AAC makes up follows from all that was decoded before."""
    path = make_media(tmp_path / "clip.mp4", seconds=0.4, size=(48, 32))
    opened.clear()
    with held_open(path), held_open(path):
        assert np.array_equal(read_waveform(path), read_waveform(path))
        assert np.array_equal(read_thumbnails(path)[0], read_thumbnails(path)[0])
    assert len(opened) == 4  # The second of two readers opens it; thumbnails count frames by the same opening.


def test_other_files_pieces_and_large_files_are_read_as_ever(
    tmp_path: Path, opened: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    one, other = (make_media(tmp_path / f"{name}.mp4", seconds=0.4, size=(48, 32)) for name in ("one", "other"))
    opened.clear()
    with held_open(one):
        read_waveform(other)
        with held_open(other):
            assert count_frames(other) == count_frames(one) == 10
    assert opened == [str(one), str(other), str(other), str(one)]
    for span, most in ((Span(0.1, 0.3), picking.MOST_BYTES), (None, 100)):
        monkeypatch.setattr(picking, "MOST_BYTES", most)
        with held_open(one, span):
            assert HELD.get() is None
            read_waveform(one, span=span)


def test_an_error_inside_is_that_of_who_raised_it(tmp_path: Path) -> None:
    path = make_media(tmp_path / "clip.mp4", seconds=0.4, size=(48, 32))
    with pytest.raises(av.error.InvalidDataError), held_open(path):
        raise av.error.InvalidDataError(1, "of another file")
    assert HELD.get() is None
