"""What the judges behind a server share: the server's settings, and what metrics.json says of them."""

from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from emolightning.errors import UserError
from emolightning.scoring.judges.asking import RESERVED, Asker, Outcome
from emolightning.scoring.judges.client import ChatClient
from emolightning.scoring.judges.judge import Grade
from emolightning.scoring.judges.replies import HIGHEST, LOWEST


class ServerJudge:
    """A language model behind an OpenAI-compatible server. Subclasses say what it is asked.

    Args:
        prompt_version: of the questions.
        base_url: address without `/chat/completions`, e.g. `http://localhost:8000/v1`.
        model: as the server calls it. Replies are kept by this name, not by the address: a server may move. Two
            different models under one name need two caches.
        key_env: environment variable that holds the key; null sends none. Needed unless the server is on this machine.
        parameters: sent along as they are; null leaves one out.
        cache: file of replies.
        concurrency: questions at a time.
        requests_per_minute: null is no limit.
        max_attempts: requests for one question, whatever is wrong with the replies.
        timeout_seconds: for a whole reply.
        backoff_seconds: before the second attempt; doubled before each further one. Retry-After of the server comes
            before it, and holds back all questions.

    Raises:
        UserError: settings that no server can be asked with, or no key.
    """

    name: str
    scale = (float(LOWEST), float(HIGHEST))

    def __init__(
        self,
        *,
        prompt_version: str,
        base_url: str,
        model: str,
        key_env: str | None = "OPENAI_API_KEY",
        parameters: dict[str, Any],
        cache: str,
        concurrency: int = 4,
        requests_per_minute: float | None = None,
        max_attempts: int = 5,
        timeout_seconds: float = 60.0,
        backoff_seconds: float = 1.0,
    ):
        _check_settings(
            parameters,
            {
                "concurrency": concurrency,
                "requests_per_minute": requests_per_minute,
                "max_attempts": max_attempts,
                "timeout_seconds": timeout_seconds,
            },
        )
        client = ChatClient(
            base_url=base_url,
            model=model,
            key_env=key_env,
            parameters={name: value for name, value in parameters.items() if value is not None},
            timeout_seconds=timeout_seconds,
            connections=concurrency,
        )
        self.prompt_version = prompt_version
        self.asker = Asker(
            client,
            identity={"judge": self.name, "prompt_version": prompt_version},
            cache=Path(cache),
            concurrency=concurrency,
            requests_per_minute=requests_per_minute,
            max_attempts=max_attempts,
            backoff_seconds=backoff_seconds,
        )

    def describe(self) -> dict[str, Any]:
        """For metrics.json: everything but the key."""
        return {
            "name": self.name,
            "model": self.asker.client.model,
            "base_url": self.asker.client.base_url,
            "prompt_version": self.prompt_version,
            "parameters": self.asker.client.parameters,
            "scale": list(self.scale),
            "calls": asdict(self.asker.counts),
            "comparable_with": "runs with the same judge, model, prompt version and parameters",
        }


def grade(outcome: Outcome) -> Grade:
    """The outcome of a question that asks for a score."""
    if outcome.reading is None:
        return Grade(None, failure=outcome.failure)
    return Grade(outcome.reading.value, outcome.reading.text)


def _check_settings(parameters: Mapping[str, Any], positive: Mapping[str, float | None]) -> None:
    for name in RESERVED:
        if name in parameters:
            raise UserError(f"parameters.{name}: is set by the program; leave it out")
    for name, value in positive.items():
        if value is not None and not value > 0:
            raise UserError(f"{name}: must be above 0, not {value}")
