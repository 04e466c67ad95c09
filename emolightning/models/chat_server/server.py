"""The server of a model: where it is, what it is sent with each question, and what it speaks."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from emolightning.config.problems import not_one_of
from emolightning.errors import UserError, shown
from emolightning.prompt.asking.asker import Asker, check_settings
from emolightning.prompt.asking.client import ChatClient

OURS = "emolightning"
"""Who owns the models of `emolightning serve`."""

APIS = ("auto", "openai", OURS)
FAILED = ("error", "count")


@dataclass(frozen=True)
class Server:
    """Settings of `model=chat/server`; see the file for what they mean."""

    base_url: str
    name: str
    cache: str
    key_env: str | None = "OPENAI_API_KEY"
    api: str = "auto"
    question: str | None = None
    hears: bool | None = None
    parameters: Mapping[str, Any] = field(default_factory=dict)
    failed: str = "error"
    concurrency: int = 4
    requests_per_minute: float | None = None
    max_attempts: int = 5
    timeout_seconds: float = 120.0
    backoff_seconds: float = 1.0

    def require(self) -> None:
        """Refuse what no server can be asked with.

        Raises:
            UserError: says which setting.
        """
        for setting, allowed in (("api", APIS), ("failed", FAILED)):
            if getattr(self, setting) not in allowed:
                raise UserError(f"model.{setting}: {not_one_of(getattr(self, setting), allowed)}")
        numbers = ("concurrency", "requests_per_minute", "max_attempts", "timeout_seconds")
        check_settings(self.parameters, {setting: getattr(self, setting) for setting in numbers})
        self.client().close()

    def client(self) -> ChatClient:
        """What asks it.

        Raises:
            UserError: an address that cannot be meant, or no key.
        """
        return ChatClient(
            base_url=self.base_url,
            model=self.name,
            key_env=self.key_env,
            parameters={name: value for name, value in self.parameters.items() if value is not None},
            timeout_seconds=self.timeout_seconds,
            connections=self.concurrency,
        )

    def find(self) -> str:
        """What the server speaks: `openai` or `emolightning`.

        Raises:
            UserError: it cannot be reached, refuses the key, or has no such model.
        """
        client = self.client()
        try:
            models = client.models()
        finally:
            client.close()
        if models and self.name not in models:
            listed = ", ".join(shown(name) for name in sorted(models)[:10])
            raise UserError(f"{client.base_url} has no model {self.name!r}; say model.name=..., one of {listed}")
        if self.api != "auto":
            return self.api
        return OURS if models and models[self.name] == OURS else "openai"

    @property
    def host(self) -> str:
        """The machine; a port says nothing about answers."""
        return urlsplit(self.base_url).hostname or ""

    def asker(self, complete: Any, identity: Mapping[str, str]) -> Asker:
        """What asks many questions."""
        return Asker(
            self.client(),
            identity=identity,
            cache=Path(self.cache),
            concurrency=self.concurrency,
            requests_per_minute=self.requests_per_minute,
            max_attempts=self.max_attempts,
            backoff_seconds=self.backoff_seconds,
            complete=complete,
        )
