"""The table of transcripts that `extract features=asr` writes: corrections in it are never lost."""

from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from encoder_factory import make_ctc
from media_factory import make_media
from test_extract import run, words

from emolightning.commands.doctor import compare_with_fresh
from emolightning.data.checkup.checkup import Checkup
from emolightning.data.stores.loaded import LoadedFeatures, Vectors
from emolightning.data.stores.manifest import Manifest
from emolightning.errors import UserError
from emolightning.runs.transcripts import require_own_table, write_table

ROWS = [("a", "oh no"), ("talks/1", 'she said "yes", twice'), ("哈", "你好")]


def test_own_tables_are_replaced(tmp_path: Path) -> None:
    table = tmp_path / "out" / "transcripts.csv"
    for rows in (ROWS[:1], ROWS, ROWS[1:], ROWS[1:], []):
        require_own_table(table)
        write_table(table, rows)
        assert table.read_bytes().count(b"\r\n") == len(rows) + 1
    assert table.read_text() == "video_name,transcription\n"


@pytest.mark.parametrize(
    "correct",
    [
        lambda text: text.replace("oh no", "oh, no"),
        lambda text: "\r\n".join(text.split("\r\n")[:2]) + "\r\n",  # a row is gone
        lambda text: text.replace("\r\n", "\n"),
        lambda text: "\ufeff" + text,
        lambda _: "",
    ],
    ids=["a word", "a row", "ends of lines", "byte order mark", "emptied"],
)
def test_a_corrected_table_is_refused_and_stays(tmp_path: Path, correct) -> None:
    table = tmp_path / "transcripts.csv"
    write_table(table, ROWS)
    corrected = correct(table.read_bytes().decode()).encode()
    table.write_bytes(corrected)
    for call in (lambda: require_own_table(table), lambda: write_table(table, ROWS)):
        with pytest.raises(UserError, match=r"corrections may be in it.*mv .*transcripts-corrected.csv"):
            call()
    assert table.read_bytes() == corrected


def test_a_table_of_an_earlier_version_or_another_program_is_refused_unless_it_says_the_same(tmp_path: Path) -> None:
    table = tmp_path / "transcripts.csv"
    write_table(table, ROWS)
    (tmp_path / ".transcripts.csv.sha256").unlink()
    write_table(table, ROWS)
    with pytest.raises(UserError, match="is not as `extract` wrote it"):
        write_table(table, ROWS[:2])


def killed(*_: object) -> None:
    raise KeyboardInterrupt


def test_whoever_is_killed_before_the_table_is_written_can_go_on(tmp_path: Path, monkeypatch) -> None:
    table = tmp_path / "transcripts.csv"
    write_table(table, ROWS[:1])
    with monkeypatch.context() as patched:
        patched.setattr("os.replace", killed)
        with pytest.raises(KeyboardInterrupt):
            write_table(table, ROWS)
    write_table(table, ROWS)
    assert "she said" in table.read_text()


def test_extract_refuses_before_it_listens_and_goes_on_when_the_table_is_renamed(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "media").mkdir()
    make_media(tmp_path / "media" / "one.mkv", seconds=0.5, size=(64, 48))
    given = words(tmp_path, tmp_path / "media", make_ctc(tmp_path / "ctc"), "num_workers=0", features="asr")
    table = tmp_path / "transcripts.csv"
    assert run(*given) == run(*given) == 0
    table.write_text("video_name,transcription\none,what was really said\n")
    (tmp_path / "ctc" / "model.safetensors").rename(tmp_path / "away")
    assert run(*given) == 1
    assert "corrections may be in it" in capsys.readouterr().err
    (tmp_path / "away").rename(tmp_path / "ctc" / "model.safetensors")
    kept = table.rename(tmp_path / "corrected.csv")
    assert run(*given) == 0
    assert table.read_text() != kept.read_text() == "video_name,transcription\none,what was really said\n"


@pytest.mark.parametrize("weights", ["nowhere", "."])
def test_doctor_says_in_a_sentence_that_a_recogniser_gives_no_vectors(weights: str) -> None:
    made_by = Manifest("asr", "SpeechRecognizer", weights="a" * 64, level="utterance")
    features = LoadedFeatures({"speech": Vectors.of({"a": np.ones((1, 3), np.float32)})}, made_by={"speech": made_by})
    found = Checkup("custom", "custom")
    compare_with_fresh("speech", weights, SimpleNamespace(features=features), [], found)
    assert found.problems == [
        "fresh.speech: recipe asr writes what is said, and no vectors; emolightning extract runs it"
    ]
