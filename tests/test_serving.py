"""The HTTP API: what it answers, what it refuses and in which words, and that nothing of a request stays."""

import base64
import json
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
from encoder_factory import make_ctc
from media_factory import make_media
from serving_factory import FakeModel, fake, running
from starlette.testclient import TestClient

from emolightning.data.media.audio import read_waveform
from emolightning.models.encoders.recognizer import SpeechRecognizer
from emolightning.records.clips import Clip
from emolightning.serving.app import create_app
from emolightning.serving.limits import MOST_CHARACTERS, Limits
from emolightning.serving.uploads import problem_of

LIMITS = Limits(max_bytes=200_000, max_clip_seconds=1.0, timeout_seconds=10, max_waiting=2, max_clips=3)
HOSTILE = "<script>alert(1)</script>"


@pytest.fixture(autouse=True)
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where the server keeps files, and which must be empty after every test."""
    folder = tmp_path / "temporary"
    folder.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    return folder


@pytest.fixture(autouse=True)
def nothing_stays(temporary: Path) -> Iterator[None]:
    yield
    assert list(temporary.iterdir()) == []


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    return make_media(tmp_path_factory.mktemp("clip") / "clip.mp4", seconds=0.4).read_bytes()


@pytest.fixture
def client() -> Iterator[TestClient]:
    with TestClient(create_app([fake("one"), fake("two")], LIMITS), base_url="http://127.0.0.1") as client:
        yield client


def form(clip: bytes, name: str = "clip.mp4") -> dict[str, Any]:
    return {"files": {"media": (name, clip, "video/mp4")}}


def test_an_answer_has_all_that_is_known(client: TestClient, clip: bytes) -> None:
    data = {"transcript": "hello", "runs": ["one", "two"], "modalities": ["video", "text"], "explain": "true"}
    reply = client.post("/predict", data=data, **form(clip))
    assert reply.status_code == 200
    result = reply.json()
    assert [answer["run"] for answer in result["answers"]] == ["one", "two"]
    answer = result["answers"][0]
    assert (answer["label"], answer["text"], answer["explanation"]) == ("happy", "happy: hello", "because")
    assert answer["probabilities"] == {"happy": 0.75, "sad": 0.25}
    assert answer["inputs"] == {"image": "used", "speech": "off", "transcript": "used"}
    assert answer["question"] == "the question of emotion"
    assert (result["clip"], result["problems"], result["seen"]) == ("clip.mp4", [], None)


def test_an_answer_names_no_file_of_the_server(client: TestClient, clip: bytes, temporary: Path) -> None:
    reply = client.post("/predict", data={"transcript": "mute"}, **form(clip, "mine.mp4"))
    assert reply.json()["answers"][0]["inputs"]["speech"] == "missing: mine.mp4: has no audio track"
    said = client.post("/v1/chat/completions", json=chat(data_url(clip), transcript="mute"))
    assert said.json()["emolightning"]["inputs"]["speech"] == "missing: clip: has no audio track"
    assert str(temporary) not in reply.text + said.text


def test_pictures_come_where_they_are_asked_for(client: TestClient, clip: bytes) -> None:
    seen = client.post("/predict", data={"pictures": "true"}, **form(clip)).json()["seen"]
    (frame,) = seen["frames"]
    assert frame["picture"].startswith("data:image/jpeg;base64,")
    assert frame["position"] == seen["num_frames"] // 2
    assert seen["wave"]
    assert max(seen["wave"]) <= 1


def test_a_batch_answers_each_clip_and_says_which_are_broken(client: TestClient, clip: bytes) -> None:
    files = [("media", ("a.mp4", clip)), ("media", ("b.mp4", b"no video")), ("media", ("c.mp4", clip))]
    reply = client.post("/predict/batch", files=files, data={"transcript": ["x", "y", "fail"]})
    assert reply.status_code == 200
    first, second, third = reply.json()["clips"]
    assert first["answers"][0]["text"] == "happy: x"
    assert second["answers"] == []
    assert "not a media file" in second["problems"][0]["reason"]
    assert third["problems"] == [
        {"run": "one", "kind": "nothing to look at", "reason": "c.mp4: there is nothing"},
    ]


def test_the_schema_names_every_way_to_ask(client: TestClient) -> None:
    schema = client.get("/openapi.json").json()
    assert {"/predict", "/predict/batch", "/health", "/card", "/v1/chat/completions", "/v1/models"} <= set(
        schema["paths"]
    )
    answer = schema["components"]["schemas"]["Answer"]["properties"]
    assert {"label", "probabilities", "text", "question", "inputs", "seconds"} <= set(answer)
    assert list(schema["paths"]["/predict"]["post"]["requestBody"]["content"]) == ["multipart/form-data"]
    assert "503" in schema["paths"]["/predict"]["post"]["responses"]


def test_the_card_tells_models_limits_and_examples(tmp_path: Path, clip: bytes) -> None:
    path = tmp_path / "mine.mp4"
    path.write_bytes(clip)
    with TestClient(create_app([fake()], LIMITS, examples=[Clip("mine", path, transcript="so")])) as client:
        card = client.get("/card").json()
        assert card["runs"][0] == {
            "run": "fake",
            "labels": ["happy", "sad"],
            "question": "the question of emotion",
            "inputs": {"image": "video", "speech": "audio", "transcript": "text"},
            "doubts": ["Not a usable model."],
            "card": "# Card\n\n**Not a usable model.** Random.\n",
        }
        assert card["limits"]["max_clips"] == 3
        assert card["examples"] == [{"name": "mine.mp4", "transcript": "so"}]
        assert client.get("/examples/0").content == clip
        for number in ("1", "-1", "..%2Fmine.mp4", "x"):
            assert client.get(f"/examples/{number}").status_code in (404, 422)


@pytest.mark.parametrize(
    ("data", "status", "words"),
    [
        ({"runs": ["three"]}, 422, "runs: 'three' is not one of one, two"),
        ({"modalities": ["smell"]}, 422, "modalities: 'smell' is not one of audio, video, text"),
        ({"transcript": "x" * (MOST_CHARACTERS + 1)}, 422, f"at most {MOST_CHARACTERS} are taken"),
        ({"explain": "perhaps"}, 422, "explain: "),
        ({"modality": "video"}, 422, "'modality' is no field of this form; choose from media, transcript, "),
        ({"transcript": ["a", "b"]}, 422, "transcript: is there 2 times, and one is taken"),
        ({"transcript": "fail"}, 422, "clip.mp4: clip.mp4: there is nothing"),
    ],
)
def test_wrong_fields_are_named(client: TestClient, clip: bytes, data: dict[str, Any], status: int, words: str) -> None:
    reply = client.post("/predict", data=data, **form(clip))
    assert reply.status_code == status
    assert words in reply.json()["detail"]


@dataclass(frozen=True)
class FakeRecognizer:
    """Hears how long a sound is."""

    def encode(self, items: Sequence[np.ndarray]) -> list[np.ndarray]:
        return [np.frombuffer(f"{len(sound) / 16000:.1f} s \N{HOT BEVERAGE}".encode(), np.uint8) for sound in items]


def test_a_clip_is_listened_to(clip: bytes, tmp_path: Path) -> None:
    mute = make_media(tmp_path / "mute.mp4", seconds=0.4, audio=False).read_bytes()
    app = create_app([fake("one")], LIMITS, recognizer=FakeRecognizer())
    with TestClient(app, base_url="http://127.0.0.1") as client:
        assert client.get("/card").json()["listens"] is True
        assert client.post("/transcript", **form(clip)).json() == {"transcript": "0.4 s \N{HOT BEVERAGE}"}
        for content, words in ((mute, "the clip has no audio track"), (b"zzz", "not a media file")):
            reply = client.post("/transcript", **form(content))
            assert reply.status_code == 422
            assert words in reply.json()["detail"]


def test_nobody_listens(client: TestClient, clip: bytes) -> None:
    assert client.get("/card").json()["listens"] is False
    reply = client.post("/transcript", **form(clip))
    assert (reply.status_code, reply.json()["detail"][:38]) == (404, "this server has no speech recogniser; ")


def test_a_recognizer_of_transformers_listens(clip: bytes, tmp_path: Path) -> None:
    """One of random weights: what it hears has no sense, but is what it hears elsewhere."""
    (tmp_path / "clip.mp4").write_bytes(clip)
    recognizer = SpeechRecognizer(weights=str(make_ctc(tmp_path / "ctc")))
    (heard,) = recognizer.encode([read_waveform(tmp_path / "clip.mp4")])
    app = create_app([fake("one")], LIMITS, recognizer=recognizer)
    with TestClient(app, base_url="http://127.0.0.1") as client:
        reply = client.post("/transcript", **form(clip))
    assert reply.json() == {"transcript": heard.tobytes().decode()}


def test_two_clips_are_a_batch(client: TestClient, clip: bytes) -> None:
    reply = client.post("/predict", files=[("media", ("a.mp4", clip)), ("media", ("b.mp4", clip))])
    assert reply.status_code == 422
    assert reply.json()["detail"] == "media: is there 2 times, and one is taken; /predict/batch takes several clips"


def test_an_empty_transcript_is_none(client: TestClient, clip: bytes) -> None:
    assert client.post("/predict", data={"transcript": " "}, **form(clip)).json()["answers"][0]["text"] == "happy: None"


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "the file is empty"),
        (b"\x00" * 500, "not a media file"),
        (b"#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\nfile:///etc/passwd\n", "not a media file"),
        (b"ffconcat version 1.0\nfile '/etc/passwd'\n", "not a media file"),
        (b'<?xml version="1.0"?><MPD xmlns="urn:mpeg:dash:schema:mpd:2011"/>', "not a media file"),
    ],
    ids=["empty", "zeros", "playlist", "concat", "dash"],
)
def test_a_broken_file_gets_a_sentence(client: TestClient, temporary: Path, content: bytes, words: str) -> None:
    reply = client.post("/predict", **form(content))
    assert reply.status_code == 422
    assert words in reply.json()["detail"]
    assert str(temporary) not in reply.text


def test_a_cut_file_gets_a_sentence(client: TestClient, clip: bytes) -> None:
    reply = client.post("/predict", **form(clip[: len(clip) // 2]))
    assert reply.status_code == 422
    assert reply.json()["detail"].startswith("clip.mp4: ")


def test_a_long_clip_is_measured_and_not_believed(tmp_path: Path) -> None:
    path = make_media(tmp_path / "long.mkv", seconds=2.0)
    assert problem_of(path, max_seconds=3.0) is None
    assert problem_of(path, max_seconds=1.0) == "the clip is longer than 1 s; cut out the part with the person"


@pytest.mark.parametrize(
    "name", ["../../etc/passwd", "..\\..\\a.mp4", "/etc/passwd", f"{HOSTILE}.mp4", "a\x1b[31m\n.mp4"]
)
def test_hostile_names_name_nothing(client: TestClient, clip: bytes, name: str) -> None:
    reply = client.post("/predict", **form(clip, name))
    assert reply.status_code == 200
    shown = reply.json()["clip"]
    assert "/" not in shown.replace("</script>", "")
    assert "\\" not in shown
    assert shown.isprintable()


def test_files_have_names_of_ours() -> None:
    served = fake()
    assert isinstance(served.model, FakeModel)
    with TestClient(create_app([served]), base_url="http://127.0.0.1") as client:
        client.post("/predict", files={"media": ("../x.mp4", Path(__file__).read_bytes())})
        assert served.model.seen == []


@pytest.mark.parametrize(
    "request_parts",
    [
        {"content": b"abc"},
        {"json": {"media": "file:///etc/passwd"}},
        {"data": {"media": "/etc/passwd"}},
        {"data": {"transcript": "x"}, "files": {"other": b"x"}},
        {"content": b"--x\r\nbroken", "headers": {"Content-Type": "multipart/form-data; boundary=x"}},
        {"content": b"x", "headers": {"Content-Type": "multipart/form-data"}},
    ],
)
def test_what_is_no_upload_is_refused(client: TestClient, request_parts: dict[str, Any]) -> None:
    reply = client.post("/predict", **request_parts)
    assert reply.status_code in (400, 422)
    assert isinstance(reply.json()["detail"], str)
    assert "passwd" not in reply.text


def test_a_large_request_is_refused_before_it_is_whole() -> None:
    """Also where it does not say how large it is."""
    sent = []

    def pieces() -> Iterator[bytes]:
        yield b'--x\r\nContent-Disposition: form-data; name="media"; filename="a"\r\n\r\n'
        for _ in range(100):
            sent.append(1)
            yield b"0" * 10_000

    with running(fake(), limits=LIMITS) as address:
        reply = httpx.post(f"{address}/predict", files={"media": b"0" * 300_000})
        assert reply.status_code == 413
        assert "larger than" in reply.json()["detail"]
        with suppress(httpx.WriteError):  # The connection may be closed while the client still writes.
            headers = {"Content-Type": "multipart/form-data; boundary=x"}
            assert httpx.post(f"{address}/predict", content=pieces(), headers=headers).status_code == 413
        assert httpx.get(f"{address}/health").json()["status"] == "ok"


def test_a_slow_client_holds_no_place(clip: bytes) -> None:
    def slowly() -> Iterator[bytes]:
        yield b"--x\r\n"
        time.sleep(1.5)
        yield b"--x--\r\n"

    with running(fake(), limits=replace(LIMITS, timeout_seconds=0.3, max_waiting=0)) as address:
        headers = {"Content-Type": "multipart/form-data; boundary=x"}
        with suppress(httpx.WriteError):
            assert httpx.post(f"{address}/predict", content=slowly(), headers=headers).status_code == 408
        asked = (httpx.post(f"{address}/predict", files={"media": clip}).status_code for _ in range(20))
        assert next(code for code in asked if code != 504) == 200  # A busy machine takes longer than 0.3 s.


def test_too_many_wait(clip: bytes) -> None:
    go_on = threading.Event()
    with running(fake(may_go_on=go_on), limits=LIMITS) as address, ThreadPoolExecutor(8) as threads:

        def post() -> httpx.Response:
            return httpx.post(f"{address}/predict", files={"media": clip}, timeout=30)

        first = [threads.submit(post) for _ in range(LIMITS.max_waiting + 1)]
        while httpx.get(f"{address}/health").json()["waiting"] < LIMITS.max_waiting:
            time.sleep(0.02)
        refused = post()
        go_on.set()
        assert refused.status_code == 503
        assert refused.json()["detail"] == "2 requests wait already; try again in a few seconds"
        assert refused.headers["retry-after"] == "5"
        assert [each.result().status_code for each in first] == [200] * 3
        assert httpx.get(f"{address}/health").json()["waiting"] == 0


def test_an_answer_that_takes_too_long(clip: bytes, temporary: Path) -> None:
    go_on = threading.Event()
    with running(fake(may_go_on=go_on), limits=replace(LIMITS, timeout_seconds=0.5)) as address:
        reply = httpx.post(f"{address}/predict", files={"media": clip}, timeout=30)
        assert reply.status_code == 504
        assert len(list(temporary.iterdir())) == 1  # The model still looks at it.
        go_on.set()
        assert httpx.post(f"{address}/predict", files={"media": clip}, timeout=30).status_code == 200


def test_two_hundred_requests_eight_at_a_time(clip: bytes) -> None:
    limits = replace(LIMITS, max_waiting=8)
    with running(fake(), limits=limits) as address, ThreadPoolExecutor(8) as threads, httpx.Client() as client:

        def post(number: int) -> str:
            data = {"transcript": f"number {number}"}
            reply = client.post(f"{address}/predict", files={"media": clip}, data=data, timeout=60)
            assert reply.status_code == 200, reply.text
            return reply.json()["answers"][0]["text"]

        assert list(threads.map(post, range(200))) == [f"happy: number {number}" for number in range(200)]


def test_a_failing_model_tells_nothing_and_goes_on(
    clip: bytes, capsys: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    with running(fake(), limits=LIMITS) as address:
        reply = httpx.post(f"{address}/predict", files={"media": clip}, data={"transcript": "explode"})
        assert reply.status_code == 500
        assert "RuntimeError" in reply.json()["detail"]
        assert httpx.post(f"{address}/predict", files={"media": clip}).status_code == 200
    said = capsys.readouterr()
    assert "serving_factory.py" in said.err + caplog.text
    assert "words: explode" not in said.out + said.err + caplog.text + reply.text


def test_a_token(clip: bytes) -> None:
    with TestClient(create_app([fake()], LIMITS, token="geheim")) as client:
        for headers in (
            {},
            {"Authorization": "Bearer other"},
            {"Authorization": "geheim"},
            {"Authorization": "Bearer"},
        ):
            reply = client.post("/predict", headers=headers, **form(clip))
            assert reply.status_code == 401
            assert "geheim" not in reply.text
        for path in ("/card", "/examples/0", "/v1/models", "/openapi.json"):
            assert client.get(path).status_code == 401
        assert [client.get(path).status_code for path in ("/", "/page.js", "/page.css", "/health")] == [200] * 4
        assert client.post("/predict", headers={"Authorization": "Bearer geheim"}, **form(clip)).status_code == 200


def test_other_sites_cannot_ask(clip: bytes) -> None:
    with TestClient(create_app([fake()], hosts=("localhost", "127.0.0.1")), base_url="http://127.0.0.1:80") as client:
        assert client.get("/health").status_code == 200
        assert client.get("/health", headers={"Host": "evil.example"}).status_code == 421
        for host in ("[", "a]b"):
            assert client.get("/health", headers={"Host": host}).status_code == 421
        for origin in ("http://evil.example", "null", "http://127.0.0.1:81", "http://["):
            assert client.post("/predict", headers={"Origin": origin}, **form(clip)).status_code == 403
        assert client.post("/predict", headers={"Origin": "http://127.0.0.1"}, **form(clip)).status_code == 200


def test_the_page_loads_nothing_from_elsewhere(client: TestClient) -> None:
    for path in ("/", "/page.css", "/page.js"):
        reply = client.get(path)
        assert reply.status_code == 200
        assert "default-src 'none'" in reply.headers["content-security-policy"]
        assert "http" not in reply.text.replace("http://www.w3.org/2000/svg", "")
        assert "innerHTML" not in reply.text


def chat(media: Any, **more: Any) -> dict[str, Any]:
    parts = [{"type": "text", "text": "What does she feel?"}, {"type": "video_url", "video_url": {"url": media}}]
    return {"model": "one", "messages": [{"role": "user", "content": parts}], **more}


def data_url(clip: bytes) -> str:
    return "data:video/mp4;base64," + base64.b64encode(clip).decode()


def test_a_chat_as_vllm_takes_it(client: TestClient, clip: bytes) -> None:
    reply = client.post("/v1/chat/completions", json=chat(data_url(clip), transcript="hm", temperature=0, max_tokens=9))
    assert reply.status_code == 200
    result = reply.json()
    assert result["object"] == "chat.completion"
    assert result["choices"][0]["message"] == {"role": "assistant", "content": "happy: hm"}
    assert result["emolightning"]["question"] == "What does she feel?"
    assert result["emolightning"]["probabilities"] == {"happy": 0.75, "sad": 0.25}
    assert result["emolightning"]["ignored"] == ["max_tokens", "temperature"]
    assert [model["id"] for model in client.get("/v1/models").json()["data"]] == ["one", "two"]


@pytest.mark.parametrize("words", ["  Which one?  ", "Which\n one? "])
def test_a_question_is_asked_to_the_letter(client: TestClient, clip: bytes, words: str) -> None:
    """As an empty transcript is one: nothing is said."""
    request = chat(data_url(clip), transcript="")
    request["messages"][0]["content"][0]["text"] = words
    result = client.post("/v1/chat/completions", json=request).json()
    assert result["emolightning"]["question"] == words
    assert result["choices"][0]["message"]["content"] == "happy: "
    request["messages"][0]["content"][0]["text"] = " \n"
    result = client.post("/v1/chat/completions", json=request).json()
    assert result["emolightning"]["question"] == "the question of emotion"


def test_a_chat_as_a_stream(client: TestClient, clip: bytes) -> None:
    reply = client.post("/v1/chat/completions", json=chat(data_url(clip), stream=True))
    assert reply.headers["content-type"].startswith("text/event-stream")
    *events, end = [line.removeprefix("data: ") for line in reply.text.strip().split("\n\n")]
    assert end == "[DONE]"
    choices = [json.loads(event)["choices"][0] for event in events]
    assert "".join(choice["delta"].get("content", "") for choice in choices) == "happy: None"
    assert choices[-1]["finish_reason"] == "stop"


def test_a_chat_about_a_sound(client: TestClient, tmp_path: Path) -> None:
    sound = base64.b64encode(
        make_media(tmp_path / "a.wav", seconds=0.3, video=False, codecs=(None, "pcm_s16le")).read_bytes()
    ).decode()
    for part in (
        {"type": "input_audio", "input_audio": {"data": sound, "format": "wav"}},
        {"type": "audio_url", "audio_url": {"url": f"data:audio/wav;base64,{sound}"}},
    ):
        body = {"model": "two", "messages": [{"role": "user", "content": [part]}], "task": "reason"}
        reply = client.post("/v1/chat/completions", json=body)
        assert reply.status_code == 200, reply.text
        assert reply.json()["choices"][0]["message"]["content"] == "because"


@pytest.mark.parametrize(
    ("address", "words"),
    [
        ("http://example.com/a.mp4", "'http://example.com/a.mp4'; only data:TYPE;base64,... is read"),
        ("https://example.com/a.mp4", "only data:TYPE;base64"),
        ("file:///etc/passwd", "'file:///etc/passwd'; only data:TYPE"),
        ("/etc/passwd", "only data:TYPE"),
        ("data:video/mp4,abc", "only data:TYPE"),
        ("data:video/jpeg;base64,AAAA,AAAA", "send the video file itself"),
        ("data:video/mp4;base64,!!!!", "is not base64"),
        ("", "holds nothing"),
        (3, "holds nothing"),
        ({"url": "x"}, "holds nothing"),
    ],
)
def test_addresses_and_paths_are_refused_by_name(client: TestClient, address: Any, words: str) -> None:
    reply = client.post("/v1/chat/completions", json=chat(address))
    assert reply.status_code == 400
    assert words in reply.json()["error"]["message"]
    assert reply.json()["error"]["type"] == "invalid_request_error"


def test_other_chats_are_refused_in_openais_form(client: TestClient, clip: bytes) -> None:
    video = data_url(clip)
    two = chat(video)
    two["messages"][0]["content"] *= 2
    image = chat(video)
    image["messages"][0]["content"][1] = {"type": "image_url", "image_url": {"url": "data:image/png;base64,AAAA"}}

    def with_part(part: dict[str, Any]) -> dict[str, Any]:
        body = chat(video)
        body["messages"][0]["content"].append(part)
        return body

    answered = chat(video)
    answered["messages"].append({"role": "assistant", "content": "sad"})
    for body, status, words in (
        (chat(video, n=2), 400, "n: 2"),
        (chat(video) | {"model": "gpt"}, 404, "'gpt' is not one of one, two"),
        (two, 400, "2 clips; send one"),
        (image, 400, "'image_url' is none of text, video_url"),
        (answered, 400, "role 'assistant'"),
        ({"model": "one", "messages": [{"role": "user", "content": "hi"}]}, 400, "0 clips; send one"),
        ({"model": "one"}, 422, "messages: "),
        (chat(video, transcript="half \ud83d"), 422, "transcript: has half a character"),
        (with_part({"type": "text", "text": "\ud83d"}), 422, "question: has half a character"),
        (with_part({"type": "text", "text": {"a": 1}}), 400, "the text of a part is a dict"),
        (with_part({"type": ["text"]}), 400, "is none of text, video_url"),
        (chat(data_url(b"nothing")), 400, "not a media file"),
    ):
        reply = client.post(
            "/v1/chat/completions", content=json.dumps(body), headers={"Content-Type": "application/json"}
        )
        assert (reply.status_code, words in reply.json()["error"]["message"]) == (status, True), reply.text


def test_the_openai_library(clip: bytes) -> None:
    openai = pytest.importorskip("openai", reason="the openai package is not installed")
    with running(fake("one"), limits=LIMITS, token="secret") as address:
        library = openai.OpenAI(base_url=f"{address}/v1", api_key="secret", max_retries=0)
        reply = library.chat.completions.create(**chat(data_url(clip)), extra_body={"transcript": "so"})
        assert reply.choices[0].message.content == "happy: so"
        with pytest.raises(openai.BadRequestError, match="only data:TYPE"):
            library.chat.completions.create(**chat("file:///etc/passwd"))
