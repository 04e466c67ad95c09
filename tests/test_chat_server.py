"""A model on a server, evaluated: whatever the server does, each clip is answered once and scored as any other."""

import base64
import io
import json
import signal
import time
import wave
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from in_process import evaluate
from judge_server import JudgeServer, Reply, Request, serving
from media_factory import make_media
from runs import REPO, Workplace, answers, make_dataset, read_json
from serving_factory import running

from emolightning.commands import evaluate as eval_command
from emolightning.commands import train as train_command
from emolightning.config.composing import composed
from emolightning.config.saved_run import read_configuration
from emolightning.data.media.choice import parse_frame_choice
from emolightning.data.media.sending import media_of
from emolightning.errors import UserError
from emolightning.models.chat_server.model import ServerModel
from emolightning.models.chat_server.server import Server
from emolightning.records.clips import Clip, Span
from emolightning.runs.assembly_of_clips import open_predictor
from emolightning.serving.served import served

KEY = "sk-very-secret-0123456789"
MODELS = {"some/model": "vllm"}


@pytest.fixture(autouse=True)
def no_key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)


@pytest.fixture(scope="module")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> tuple[str, ...]:
    """Six clips, happy and sad in turn; the last one says nothing that is known."""
    folder = tmp_path_factory.mktemp("dataset")
    table = make_dataset(folder / "clips.csv", folder / "media", ("What a day.", "Oh.", "No!", "Hm.", "Yes.", "So."))
    place = (f"data.annotations={table}", f"data.media={folder / 'media'}", f"data.cache={folder / 'cache'}")
    return ("data=custom", *place, "data.labels=[happy,sad]", "split=all", "trainer=cpu")


def asked(server: JudgeServer | str, dataset: Sequence[str], folder: Path, *words: str) -> dict[str, Any]:
    """The content of metrics.json."""
    url = server if isinstance(server, str) else server.url
    own = ("model=chat/server", f"model.base_url={url}", "model.name=some/model", f"model.cache={folder}/cache.jsonl")
    quick = ("model.backoff_seconds=0.001", "model.max_attempts=3", "model.timeout_seconds=5")
    with composed("eval", [*own, *quick, *dataset, f"output_dir={folder}/run", *words]) as cfg:
        return evaluate(cfg)


def parts_of(request: Request) -> list[dict[str, Any]]:
    (message,) = request.body["messages"]
    return message["content"]


def words_of(request: Request) -> str:
    return "\n".join(part["text"] for part in parts_of(request) if part["type"] == "text")


def says_happy(request: Request, _: int) -> Reply:
    return Reply("Happy.")


def test_each_clip_is_asked_once_and_scored(dataset: tuple[str, ...], tmp_path: Path) -> None:
    with serving(lambda request, _: Reply("sad" if "Oh." in words_of(request) else "happy"), MODELS) as server:
        report = asked(server, dataset, tmp_path)
        assert len(server.requests) == 6
        again = asked(server, dataset, tmp_path)
    assert len(server.requests) == 6
    assert report == again
    assert report["num_scored"] == report["num_clips"] == 6
    assert report["metrics"]["war"]["value"] == pytest.approx(4 / 6)
    about = report["evaluation"]["server"]
    assert about == {
        "name": "some/model",
        "host": "127.0.0.1",
        "api": "openai",
        "hears": None,
        "question": None,
        "version": 1,
        "parameters": {"temperature": 0, "max_tokens": 256},
    }
    first = server.requests[0].body
    assert (first["model"], first["temperature"], first["max_tokens"]) == ("some/model", 0, 256)
    assert [part["type"] for part in parts_of(server.requests[0])] == ["video_url", "text"]
    assert words_of(server.requests[0]).endswith("nothing else: happy, sad.")
    said = sorted(words_of(request).splitlines()[0] for request in server.requests)
    assert said[0] == "The person in this clip says: Hm."
    assert all(line["prompt"].startswith("<video/mp4 ") for line in answers(tmp_path / "run"))


FRAMES = "inputs.film=false inputs.stills=true inputs.sound=true data.frame=even:3"
SENDS = {
    FRAMES: ["image_url"] * 3 + ["input_audio"],
    "inputs.film=false inputs.sound=true": ["input_audio"],
    "inputs.sound=true": ["video_url", "input_audio"],
    "modalities=[text]": [],
    "modalities=[video] inputs.film=false inputs.stills=true": ["image_url"],
}


@pytest.mark.parametrize(
    "words", [pytest.param(words, marks=[] if words == FRAMES else pytest.mark.slow) for words in SENDS]
)
def test_what_is_sent(words: str, dataset: tuple[str, ...], tmp_path: Path) -> None:
    with serving(says_happy) as server:
        report = asked(server, dataset, tmp_path, *words.split())
    for request in server.requests:
        parts = parts_of(request)
        assert [part["type"] for part in parts[:-1]] == SENDS[words]
        for part in parts[:-1]:
            held = part[part["type"]]
            content = base64.b64decode(held["data"] if "data" in held else held["url"].partition(",")[2])
            assert content[:2] == b"\xff\xd8" or content[:4] == b"RIFF" or content[4:8] == b"ftyp"
    is_deaf = any("some/model is deaf here" in warning for warning in report["warnings"])
    assert is_deaf == ("stills=true" in words and "sound=true" not in words)


@pytest.mark.parametrize(
    ("inputs", "hears", "owner", "said"),
    [
        (["film", "transcript"], None, "vllm", "is not known"),
        (["film"], False, "vllm", "is deaf here"),
        (["film"], True, "vllm", None),
        (["film"], None, "emolightning", None),
        (["stills", "transcript"], True, "vllm", "is deaf here"),
        (["stills", "sound"], None, "vllm", None),
        (["sound"], None, "vllm", None),
        (["transcript"], None, "vllm", None),
    ],
)
def test_an_answerer_that_may_be_deaf_is_said_to_be(
    inputs: list[str], hears: bool | None, owner: str, said: str | None, tmp_path: Path
) -> None:
    with serving(says_happy, {"m": owner}) as server:
        about = Server(server.url, "m", cache=str(tmp_path / "cache.jsonl"), hears=hears)
        remarks = ServerModel(about, inputs=inputs, labels=["happy"]).remarks()
    assert [said in remark for remark in remarks] == ([True] if said else [])


def test_a_deaf_one_is_sent_no_sound(tmp_path: Path) -> None:
    about = Server("http://127.0.0.1:9", "m", cache=str(tmp_path / "cache.jsonl"), hears=False)
    with pytest.raises(UserError, match=r"model.hears=false, and inputs.sound=true"):
        ServerModel(about, inputs=["film", "sound"], labels=[])


def test_files_that_are_sent(tmp_path: Path) -> None:
    """Sound is sent once in a format that OpenAI takes, and not at all where there is none."""
    silent = make_media(tmp_path / "silent.mp4", seconds=0.4, audio=False)
    loud = make_media(tmp_path / "loud.mkv", seconds=0.6, loudness=(0.5, 0.5))
    first, three = parse_frame_choice("first"), parse_frame_choice("even:3")
    assert media_of(Clip("silent", silent), "sound", first) == ()
    (sound,) = media_of(Clip("loud", loud, span=Span(0.1, 0.3)), "sound", first)
    with wave.open(io.BytesIO(sound.content)) as file:
        assert (file.getframerate(), file.getnchannels(), file.getnframes()) == (16000, 1, 3200)
    assert [still.format for still in media_of(Clip("loud", loud), "stills", three)] == ["jpeg"] * 3
    (film,) = media_of(Clip("loud", loud), "file", first)
    assert (film.kind, film.format, film.content) == ("video", "x-matroska", loud.read_bytes())
    with pytest.raises(UserError, match=r"is a piece of loud.mkv, .* inputs.stills=true"):
        media_of(Clip("piece", loud, span=Span(0.1, 0.3)), "file", first)


def unsteady(request: Request, number: int) -> Reply | None:
    """A server on a bad day: it hangs up, wants to be left alone, fails, and then answers."""
    bad = {0: None, 1: Reply(status=429, headers={"Retry-After": "0.05"}), 2: Reply(status=500), 3: Reply(status=503)}
    return bad[number] if number in bad else says_happy(request, number)


def test_an_unsteady_server_is_asked_again(
    dataset: tuple[str, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each time with the key, which is written nowhere."""
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    with serving(unsteady) as server:
        report = asked(server, dataset, tmp_path, "model.max_attempts=5", "model.question='Happy, or {labels}?'")
    assert report["num_scored"] == 6
    assert len(server.requests) == 10
    assert {request.headers["Authorization"] for request in server.requests} == {f"Bearer {KEY}"}
    assert words_of(server.requests[0]).endswith("\nHappy, or happy, sad?")
    written = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert len(written) >= 5
    assert not [path for path in written if KEY.encode() in path.read_bytes()]


def test_it_goes_on_where_a_server_died(dataset: tuple[str, ...], tmp_path: Path) -> None:
    """Answers that came are in the cache, also those of a batch that was not finished."""
    stops = pytest.raises(UserError, match="the same command goes on from there")
    with serving(lambda request, number: says_happy(request, number) if number < 4 else None) as server, stops:
        asked(server, dataset, tmp_path, "model.concurrency=1", "data.batch_size=3")
    assert len(answers(tmp_path / "run")) == 3
    with serving(says_happy) as server:
        report = asked(server, dataset, tmp_path, "data.batch_size=3")
        assert len(server.requests) == 2
    assert report["num_scored"] == 6


@pytest.mark.slow
def test_a_killed_evaluation_asks_nothing_twice(dataset: tuple[str, ...], tmp_path: Path, workplace: Workplace) -> None:
    """Only a question that was on its way when kill -9 came may be asked again."""
    replied: list[str] = []

    def slowly(request: Request, number: int) -> Reply:
        time.sleep(0.3)
        replied.append(words_of(request))
        return Reply("happy")

    with serving(slowly) as server:
        own = ("model=chat/server", f"model.base_url={server.url}", "model.name=m", "model.concurrency=1")
        words = (*own, f"model.cache={tmp_path}/cache.jsonl", *dataset, f"output_dir={tmp_path}/run")
        killed = workplace.start(REPO / "eval.py", *words)
        killed.signal_when(lambda: len(replied) >= 3, signal.SIGKILL)
        before = len(server.requests)
        workplace.call(REPO / "eval.py", *words)
        again = len(server.requests) - before
    assert before < 6
    assert 6 - before <= again <= 6 - before + 2
    assert read_json(tmp_path / "run" / "metrics.json")["num_scored"] == 6


@pytest.mark.parametrize(
    ("reply", "reason"),
    [
        (Reply(seconds=4), "timeout"),
        (Reply(status=400, body=b'{"error": {"message": "too many frames"}}'), r"HTTP 400: too many frames"),
        pytest.param(Reply(body=b"<html>"), "malformed response", marks=pytest.mark.slow),
    ],
    ids=["late", "refused", "garbage"],
)
def test_a_clip_without_an_answer_ends_it_or_is_counted(
    reply: Reply, reason: str, dataset: tuple[str, ...], tmp_path: Path
) -> None:
    words = ("model.timeout_seconds=2", "model.max_attempts=1")
    with serving(
        lambda request, number: reply if "Oh." in words_of(request) else says_happy(request, number)
    ) as server:
        with pytest.raises(UserError, match=f"clip1: no answer from .*{reason}.*model.failed=count"):
            asked(server, dataset, tmp_path, *words)
        report = asked(server, dataset, tmp_path, *words, "model.failed=count")
    assert report["num_scored"] == 5
    ((why, count),) = report["unscored"].items()
    assert count == 1
    assert why.startswith("no answer for the clip: ")
    told = "1 of 6 clips have no answer and count as wrong (1 "
    assert any(warning.startswith(told) for warning in report["warnings"])


def test_refusals_are_counted(dataset: tuple[str, ...], tmp_path: Path) -> None:
    """A model that will not, and a server that will not let it; both are answers that do not change."""
    refusal = {"choices": [{"message": {"content": None, "refusal": "I cannot."}, "finish_reason": "stop"}]}
    replies = {
        "Oh.": Reply(status=400, body=b'{"error": {"code": "content_filter", "message": "no"}}'),
        "No!": Reply("half an ans", finish="content_filter"),
        "Hm.": Reply(body=json.dumps(refusal).encode()),
        "Yes.": Reply("I am sorry, I cannot help with that."),
    }

    def behave(request: Request, number: int) -> Reply:
        return next((reply for word, reply in replies.items() if word in words_of(request)), Reply("happy"))

    with serving(behave) as server:
        report = asked(server, dataset, tmp_path)
    assert len(server.requests) == 6
    assert report["unscored"] == {
        "no answer for the clip: filtered by the server": 2,
        "no answer for the clip: the model refuses": 1,
        "no label in answer": 1,
    }
    lines = {line["id"]: line for line in answers(tmp_path / "run")}
    assert lines["clip2"]["answer"] is None
    assert lines["clip2"]["missing_because"] == "filtered by the server"


def key_refused(request: Request, number: int) -> Reply:
    return Reply(status=401, body=json.dumps({"error": {"message": f"bad key {KEY}"}}).encode())


WRONG = {
    "no model": (says_happy, {"other": "", "third": ""}, (), "has no model 'some/model'.*one of other, third"),
    "key": (
        key_refused,
        None,
        ("model.key_env=SOME_KEY", "model.concurrency=1"),
        "refuses the key; check the variable",
    ),
    "no variable": (says_happy, None, ("model.key_env=sk-abc",), "key_env: is no name of an environment variable"),
    "address": (says_happy, None, ("model.base_url=localhost",), "is no address"),
    "reserved": (says_happy, None, ("+model.parameters.stream=true",), "parameters.stream: is set by the program"),
    "api": (says_happy, None, ("model.api=opena",), "did you mean openai"),
    "task": (says_happy, None, ("prompt.task=sing",), "prompt.task: 'sing' is not one of emotion, reason"),
    "abroad": (says_happy, None, ("model.base_url=https://example.org/v1",), "OPENAI_API_KEY is not set"),
    "another's folder": (says_happy, None, ("output_dir={trained}",), "holds what another model made"),
}


@pytest.mark.parametrize("name", WRONG)
def test_a_mistake_is_one_sentence_before_anything_is_asked(
    name: str, dataset: tuple[str, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    behaviour, models, words, message = WRONG[name]
    monkeypatch.setenv("SOME_KEY", KEY)
    other = tmp_path / "other"
    other.mkdir()
    (other / "config.yaml").write_text("model: {_target_: emolightning.models.fusion.build.build_fusion}\n")
    words = tuple(word.replace("{trained}", str(other)) for word in words)
    with serving(behaviour, models) as server, pytest.raises(UserError, match=message) as error:
        asked(server, dataset, tmp_path, *words)
    assert "\n" not in str(error.value)
    assert KEY not in str(error.value)
    assert len(server.requests) == (1 if name == "key" else 0)


def test_nobody_is_there(dataset: tuple[str, ...], tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"http://127.0.0.1:9/v1 cannot be reached \(no connection\)"):
        asked("http://127.0.0.1:9/v1", dataset, tmp_path)


def test_training_and_checkpoints_are_refused(trained: Path) -> None:
    own = ("model=chat/server", "model.base_url=http://localhost:1/v1", "model.name=m")
    with composed("train", own) as cfg, pytest.raises(UserError, match="cannot be trained from here"):
        train_command.train(cfg)
    with composed("eval", [*own, f"checkpoint={trained}"]) as cfg, pytest.raises(UserError, match="exclude each other"):
        eval_command.evaluate(cfg)
    with (
        composed("eval", ["model=tiny", "data=synthetic"]) as cfg,
        pytest.raises(UserError, match="say checkpoint=RUN"),
    ):
        eval_command.evaluate(cfg)


def test_a_run_behind_its_own_server_answers_as_it_does_itself(
    trained: Path, workplace: Workplace, tmp_path: Path
) -> None:
    """The same clips, the run's own question: every answer and every score is that of `eval`."""
    before = read_json(trained / "metrics.json")
    data = read_configuration(trained / "config.yaml")["data"]
    sizes = [f"data.{name}={data[name]}" for name in ("num_train", "num_val", "num_test")]
    words = ("data=synthetic", *workplace.clips, *sizes, "trainer=cpu", "model.timeout_seconds=60")
    predictor = open_predictor(trained, device="cpu")
    with running(served("some/model", predictor, trained)) as url:
        report = asked(f"{url}/v1", words, tmp_path)
    assert report["evaluation"]["server"]["api"] == "emolightning"
    mine = {line["id"]: (line["answer"], line["prediction"]) for line in answers(tmp_path / "run")}
    assert mine == {line["id"]: (line["answer"], line["prediction"]) for line in answers(trained)}
    for section in ("metrics", "per_class", "confusion_matrix", "unscored", "num_scored"):
        assert report[section] == before[section]
