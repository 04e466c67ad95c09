"""A model that needs no weights, and a server of it that tests ask over HTTP."""

import socket
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Any

import uvicorn

from emolightning.data.media.choice import FrameChoice
from emolightning.records.clips import Clip
from emolightning.records.predictions import OFF, USED, Failure, Prediction
from emolightning.serving.app import create_app
from emolightning.serving.gate import Gate
from emolightning.serving.limits import Limits
from emolightning.serving.served import Served

INPUTS = {"image": "video", "speech": "audio", "transcript": "text"}


@dataclass(frozen=True)
class FakeModel:
    """Answers with what it was given; notes which files it saw."""

    modalities: tuple[str, ...] = ("audio", "video", "text")
    seconds: float = 0.0
    may_go_on: threading.Event | None = None
    """It waits for this."""
    seen: list[Clip] = field(default_factory=list)
    labels: tuple[str, ...] = ("happy", "sad")

    def question(self, task: str = "emotion") -> str:
        return f"the question of {task}"

    def seeing(self, modalities: Sequence[str]) -> "FakeModel":
        return replace(self, modalities=tuple(modalities))

    def predict(
        self, clips: Sequence[Clip], *, question: str | None = None, task: str = "emotion"
    ) -> list[Prediction | Failure]:
        time.sleep(self.seconds)
        if self.may_go_on is not None:
            self.may_go_on.wait(20)
        return [self._answer(clip, question or self.question(task), task) for clip in clips]

    def _answer(self, clip: Clip, question: str, task: str) -> Prediction | Failure:
        assert clip.video.is_file()
        self.seen.append(clip)
        if clip.transcript == "explode":
            raise RuntimeError(f"secret words: {clip.transcript}")
        if clip.transcript == "fail":
            return Failure(clip.id, "nothing to look at", f"{clip.video}: there is nothing")
        inputs = {name: USED if modality in self.modalities else OFF for name, modality in INPUTS.items()}
        if clip.transcript == "mute":
            inputs["speech"] = f"missing: {clip.video}: has no audio track"
        text = "because" if task == "reason" else f"happy: {clip.transcript}"
        chances = {"happy": 0.75, "sad": 0.25} if task == "emotion" else {}
        return Prediction(clip.id, "happy", chances, text, question, inputs, 0.01)


def fake(name: str = "fake", **settings: Any) -> Served:
    return Served(
        name, FakeModel(**settings), INPUTS, FrameChoice("middle"), "# Card\n\n**Not a usable model.** Random.\n"
    )


@contextmanager
def running(*served: Served, limits: Limits | None = None, app: Gate | None = None, **settings: Any) -> Iterator[str]:
    """The address of a server in this process."""
    app = app or create_app(list(served), limits, **settings)
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        server = uvicorn.Server(uvicorn.Config(app, log_level="warning", access_log=False, timeout_graceful_shutdown=5))
        thread = threading.Thread(target=server.run, kwargs={"sockets": [bound]})
        thread.start()
        while not server.started:
            assert thread.is_alive()
            time.sleep(0.01)
        try:
            yield f"http://127.0.0.1:{bound.getsockname()[1]}"
        finally:
            server.should_exit = True
            thread.join(20)
