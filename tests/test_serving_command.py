"""`emolightning serve`: its command line, and one real server with a real model from start to end."""

import re
import signal
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import SimpleNamespace
from typing import cast

import httpx
import pytest
from predict_factory import make_clips, make_run
from runs import Workplace

from emolightning.commands.serve import _examples as examples_of
from emolightning.commands.serve import full_words, main
from emolightning.data.media.choice import FrameChoice
from emolightning.errors import InputErrors, UserError
from emolightning.records.inputs import InputKind
from emolightning.runs.predicting import Predictor
from emolightning.serving.running import token
from emolightning.serving.served import card_of, names_of, served
from emolightning.serving.uploads import shown_name


def test_settings_of_predict_are_handed_on() -> None:
    words = ["checkpoint=outputs/a", "features=live", "port=8000", "model.llm=my model", "device=cpu", "+data.x=1"]
    assert full_words(words) == [
        "checkpoint=outputs/a",
        "port=8000",
        "device=cpu",
        """settings=["features=live","model.llm=my model","+data.x=1"]""",
    ]
    assert full_words(["hots=1", "--help"]) == ["hots=1", "--help"]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["checkpoint=x", "hots=1"], "hots: no such setting; did you mean host?"),
        (["checkpoint=x", "port=70000"], "port: 70000 must be 0 to 65535"),
        (["checkpoint=x", "max_waiting=-1", "timeout_seconds=0"], "timeout_seconds: 0.0 must be above 0"),
        (["checkpoint=[]"], "checkpoint is an empty list"),
        (["checkpoint=nowhere"], "nowhere"),
        (["checkpoint=x", "asr=nowhere"], "nowhere: no config.json in it"),
        (["checkpoint=x", "language=en"], "language: en is for a speech recogniser"),
        (["checkpoint=x", "faces=everybody"], "faces='everybody' is not none, center"),
        (["checkpoint=x", "examples=nowhere"], "media=nowhere: no such file or folder"),
        ([], "checkpoint"),
    ],
)
def test_wrong_settings_are_named(words: list[str], said: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(words)
    assert ended.value.code in (1, 2)
    assert said in capsys.readouterr().err


def test_examples_that_cannot_be_shown_are_named(tmp_path: Path) -> None:
    (tmp_path / "clip.mp4").write_bytes(b"x")
    table = tmp_path / "examples.csv"
    table.write_text("video,start,end\nclip.mp4,0,1\ngone.mp4,,\nclip.mp4,,\n")
    with pytest.raises(InputErrors) as error:
        examples_of(str(table))
    piece, gone = error.value.problems
    assert "whole files" in piece
    assert gone == f"{tmp_path / 'gone.mp4'}: no such file"
    assert [clip.id for clip in examples_of(str(tmp_path))] == ["clip"]


def test_models_have_short_names_that_differ() -> None:
    paths = ["outputs/a", "outputs/a/adapter", "old/a/checkpoints/best.ckpt", "weights/b"]
    assert names_of([Path(path) for path in paths]) == ["a", "a 2", "a 3", "b"]


def test_the_card_of_a_run_is_in_its_adapter_folder(tmp_path: Path) -> None:
    (tmp_path / "adapter").mkdir()
    (tmp_path / "checkpoints").mkdir()
    checkpoint = tmp_path / "checkpoints" / "best.ckpt"
    checkpoint.touch()
    assert card_of(tmp_path) == ""
    (tmp_path / "adapter" / "README.md").write_text("# A card")
    assert [card_of(path) for path in (tmp_path, tmp_path / "adapter", checkpoint)] == ["# A card"] * 3


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("clip.mp4", "clip.mp4"),
        ("../../etc/passwd", "passwd"),
        ("C:\\clips\\a.mp4", "a.mp4"),
        ("a/", "clip"),
        (None, "clip"),
        ("", "clip"),
        ("a\x00b\n", "a\N{REPLACEMENT CHARACTER}b"),
        ("x" * 200, "x" * 120 + "... (80 more characters)"),
    ],
)
def test_names_are_for_reading_only(name: str | None, expected: str) -> None:
    assert shown_name(name) == expected


@pytest.mark.parametrize("features", ["face", "speech"])
def test_stored_vectors_are_refused_before_anyone_asks(features: str) -> None:
    inputs = {features: InputKind("vectors", "video", ""), "transcript": InputKind("text", "text", "")}
    source = SimpleNamespace(reads_media=False)
    reader = SimpleNamespace(active=inputs, features=source, choice=FrameChoice("middle"))
    predictor = cast(Predictor, SimpleNamespace(reader=reader))
    with pytest.raises(UserError, match=f"checkpoint=run: its {features} vectors are read from folders"):
        served("run", predictor, Path("run"))
    source.reads_media = True
    assert served("run", predictor, Path("run")).inputs == {features: "video", "transcript": "text"}


def test_an_empty_token_is_no_token(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("EMOLIGHTNING_TOKEN", raising=False)
    assert token() is None
    monkeypatch.setenv("EMOLIGHTNING_TOKEN", " secret\n")
    assert token() == "secret"
    monkeypatch.setenv("EMOLIGHTNING_TOKEN", " ")
    with pytest.raises(ValueError, match="is set and empty"):
        token()


def test_a_server_from_start_to_end(workplace: Workplace, tmp_path: Path) -> None:
    clips = make_clips(tmp_path / "clips")
    run = make_run(tmp_path / "run", clips[0])
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    words = [f"checkpoint={run}", "port=0", "device=cpu", "modalities=[audio,video]"]
    program = workplace.start("-m", "emolightning", "serve", *words, TMPDIR=str(temporary))
    while not program.log.exists() or (found := re.search(r"http://\S+", program.output())) is None:
        assert program.process.poll() is None, program.description()
        time.sleep(0.05)

    def ask(path: Path) -> httpx.Response:
        with path.open("rb") as file:
            data = {"modalities": ["video", "text"], "pictures": "true"}
            return httpx.post(f"{found[0]}/predict", files={"media": file}, data=data, timeout=60)

    with ThreadPoolExecutor(4) as threads:
        asked = [threads.submit(ask, path) for path in [*clips, clips[0]]]
        while not asked[0].done() and httpx.get(f"{found[0]}/health").json()["waiting"] < 2:
            time.sleep(0.005)
        program.process.send_signal(signal.SIGTERM)
        replies = [each.result() for each in asked]
    assert [reply.status_code for reply in replies] == [200] * 4, replies[0].text
    assert program.wait() == 143, program.description()
    answers = [reply.json()["answers"][0] for reply in replies]
    assert answers[0]["inputs"] == {
        "image": "used",
        "face": "used",
        "motion": "used",
        "speech": "off",
        "transcript": "off",
    }
    assert sum(answers[0]["probabilities"].values()) == pytest.approx(1)
    assert {**answers[3], "seconds": 0} == {**answers[0], "seconds": 0}
    assert list(temporary.glob("emolightning-*")) == []
    assert "Traceback" not in program.output()
