"""What clips differ in: their table, their length, their sound and their words; and an evaluation's slices by it."""

from pathlib import Path

import pytest
from media_factory import make_media

from emolightning.data.checkup.attributes import FLOOR_DB, attributes_of, language_of
from emolightning.data.readers.annotations import annotation_hash, read_custom
from emolightning.errors import UserError
from emolightning.records.clips import Clip, Span


@pytest.fixture(scope="module")
def media(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("media")
    make_media(folder / "loud.mp4", seconds=0.4, loudness=(0.5, 0.5))
    make_media(folder / "quiet.mp4", seconds=0.8, loudness=(0.001, 0.001))
    make_media(folder / "mute.mp4", seconds=0.4, audio=False)
    return folder


def test_what_is_measured(media: Path, tmp_path: Path) -> None:
    clips = [Clip(name, media / f"{name}.mp4") for name in ("loud", "quiet", "mute")]
    clips.append(Clip("piece", media / "loud.mp4", span=Span(0.0, 0.3)))
    names = ["duration", "loudness", "silence"]
    found = attributes_of(clips, names, cache=tmp_path, num_workers=0)
    seconds, loudness, silence = (found[name][0] for name in names)
    assert seconds == pytest.approx([0.4, 0.8, 0.4, 0.3], abs=0.1)
    assert [unit for _, unit in found.values()] == ["s", "dBFS", ""]
    assert loudness[2] is silence[2] is None
    # A sine of half of full scale has 20 log10(0.5 / sqrt(2)) = -9 dB.
    assert [loudness[0], loudness[3]] == pytest.approx([-9, -9], abs=1)
    assert FLOOR_DB < float(loudness[1] or 0) < -55
    assert [silence[0], silence[3]] == pytest.approx([0, 0], abs=0.15)
    assert silence[1] == pytest.approx(1, abs=0.1)
    (media / "loud.mp4").touch()  # What is kept is not asked of the file again, unless that changed.
    assert attributes_of(clips, names, cache=tmp_path, num_workers=0) == found


@pytest.mark.parametrize(
    ("text", "language"),
    [
        ("What a day!", "Latin script"),
        ("你好 OK 我很高兴", "Chinese"),
        ("今日は", "Japanese"),
        ("안녕하세요", "Korean"),
        ("Привет", "Cyrillic script"),
        ("... 12", None),
        ("", None),
    ],
)
def test_the_script_tells_a_language(text: str, language: str | None) -> None:
    assert language_of(text) == language


def test_columns_of_the_table_are_kept_and_no_model_sees_them(media: Path, tmp_path: Path) -> None:
    table = tmp_path / "clips.csv"
    rows = "loud.mp4, happy, Hi, 31, tv\nquiet.mp4, sad, Oh, , film\n"
    table.write_text(f"video_name, emotion_label, transcription, Age, genre\n{rows}")
    clips = read_custom(table, media, ("happy", "sad"))
    assert [clip.attributes for clip in clips] == [{"age": "31", "genre": "tv"}, {"age": "", "genre": "film"}]
    found = attributes_of(clips, ["Age", "genre", "language"], cache=tmp_path, num_workers=0)
    assert found["Age"] == (["31", None], "")
    assert found["language"] == (["Latin script", "Latin script"], "")
    table.write_text(f"video_name, emotion_label, transcription, years, kind\n{rows}")
    assert annotation_hash(read_custom(table, media, ("happy", "sad"))) == annotation_hash(clips)
    with pytest.raises(
        UserError, match="slices: 'years' is not known of these clips; there are age, arousal, duration, genre"
    ):
        attributes_of(clips, ["years"], cache=tmp_path, num_workers=0)


def test_a_column_of_the_table_comes_before_what_is_measured(tmp_path: Path) -> None:
    clips = [Clip(name, tmp_path / "none.mp4", attributes={"loudness": name}) for name in ("quiet", "loud")]
    assert attributes_of(clips, ["loudness"], cache=tmp_path, num_workers=0) == {"loudness": (["quiet", "loud"], "")}


def test_sound_that_cannot_be_read_is_not_known(tmp_path: Path) -> None:
    (tmp_path / "broken.mp4").write_bytes(b"no film")
    clips = [Clip("broken", tmp_path / "broken.mp4")]
    assert attributes_of(clips, ["duration"], cache=tmp_path / "cache", num_workers=0)["duration"][0] == [None]
