"""One question to an OpenAI-compatible server: `POST <base_url>/chat/completions`, one message back.

httpx2 and not the `openai` package: huggingface_hub needs it anyway, and the retries that the package would add must be
ours, since a reply that cannot be read is asked for again like one that did not come.
"""

import ipaddress
import json
import logging
import os
import re
import time
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from types import MappingProxyType
from typing import Any, NamedTuple
from urllib.parse import urlsplit

import httpx2

from emolightning.errors import UserError, shown
from emolightning.prompt.asking.replies import EMPTY, Unusable

logging.getLogger("httpx2").setLevel(logging.WARNING)  # A line for each request would bury the progress bar.

Message = dict[str, Any]
"""`role` and `content`: a text, or parts."""

RETRIABLE = (408, 409, 425, 429)
"""Refusals that may be none later; so may every 5xx."""
HOPELESS = {
    401: "refuses the key; check the variable that key_env names",
    403: "refuses the key; check the variable that key_env names",
    404: "knows no such address or model; check base_url (it often ends with /v1) and model",
}
"""Refusals that every other question would get, too."""

NO_CONNECTION, TIMEOUT, BAD_RESPONSE, CUT_OFF = "no connection", "timeout", "malformed response", "reply cut off"
FILTERED = "filtered by the server"
FILTERS = ("content_filter", "content_policy_violation")
"""Codes of a server that will not have a question answered; the first is also a reason why a reply ends."""
LARGEST_RESPONSE = 4 * 2**20  # bytes; a grade and its reason take less than one thousandth of it


class CallFailed(Exception):
    """A question that got no reply.

    Args:
        reason: in words that can be counted.
        is_final: asking again gives the same.
        retry_after: seconds that the server wants to be left alone.
        detail: what the server itself says.
    """

    def __init__(self, reason: str, *, is_final: bool = False, retry_after: float | None = None, detail: str = ""):
        super().__init__(reason)
        self.reason = reason
        self.detail = detail
        self.is_final = is_final
        self.retry_after = retry_after


class Completion(NamedTuple):
    """One message of a model."""

    text: str
    """Empty where it says nothing."""
    finish: str | None
    """Why it ends: `stop`, `length`, `content_filter`, or what else a server says."""
    refusal: str | None
    """Why the model does not answer, from servers that tell this apart."""


class ChatClient:
    """Asks one model of one server; its threads share the connections.

    Args:
        base_url: address without `/chat/completions`, e.g. `http://localhost:8000/v1`.
        model: as the server calls it.
        key_env: environment variable that holds the key; None sends none.
        parameters: sent along as they are, e.g. temperature.
        timeout_seconds: for a whole reply.
        connections: at a time.

    Raises:
        UserError: an address that cannot be meant; for a server that is not on this machine, no key, or one that would
            be sent without encryption.
    """

    def __init__(
        self,
        *,
        base_url: str,
        model: str,
        key_env: str | None,
        parameters: Mapping[str, Any],
        timeout_seconds: float,
        connections: int,
    ):
        self.base_url = _checked_url(base_url)
        self.model = model
        self.parameters = dict(parameters)
        self.timeout_seconds = timeout_seconds
        is_local = _is_local(self.base_url)
        key = _read_key(key_env, self.base_url, is_required=not is_local)
        if key and not is_local and urlsplit(self.base_url).scheme != "https":
            raise UserError(
                f"base_url: {self.base_url} is not on this machine, and http:// would send the key readable by "
                "everyone on the way; write https://, or say key_env=null for a server that needs none"
            )
        self._key = key
        self._http = httpx2.Client(
            headers={"Authorization": f"Bearer {key}"} if key else {},
            timeout=timeout_seconds,
            verify=urlsplit(self.base_url).scheme == "https",  # reading all certificates takes a while
            limits=httpx2.Limits(max_connections=connections),
            trust_env=not is_local,  # a proxy of the environment does not reach this machine's ports
        )

    def complete(self, messages: Sequence[Message], extra: Mapping[str, Any] = MappingProxyType({})) -> str:
        """The text of the reply.

        Raises:
            CallFailed: no reply, now or ever.
            Unusable: a reply without text, or cut off by the limit of tokens.
            UserError: the server refuses every question.
        """
        reply = self.completion(messages, extra)
        if reply.finish == "length":
            raise Unusable(CUT_OFF)
        if not reply.text:
            raise Unusable(EMPTY)
        return reply.text

    def completion(self, messages: Sequence[Message], extra: Mapping[str, Any] = MappingProxyType({})) -> Completion:
        """The reply, whatever it is.

        Args:
            messages: what is asked.
            extra: what the request holds beside.

        Raises:
            CallFailed: no reply, now or ever.
            UserError: the server refuses every question.
        """
        content = {"model": self.model, "messages": list(messages), **self.parameters, **extra, "stream": False}
        status, headers, body = self._sent("POST", "/chat/completions", json.dumps(content).encode())
        if status != 200:
            raise self._refusal(status, headers, body)
        return _completion_of(body)

    def models(self) -> dict[str, str] | None:
        """Name of each model -> who owns it; None from a server that has no list.

        Raises:
            UserError: it cannot be reached, or refuses the key.
        """
        try:
            status, _, body = self._sent("GET", "/models", None)
        except CallFailed as error:
            raise UserError(
                f"{self.base_url} cannot be reached ({error.reason}); is it started, and base_url right?"
            ) from None
        if status in (401, 403):
            raise UserError(f"{self.base_url} {HOPELESS[status]} (HTTP {status})")
        try:
            found = {str(entry["id"]): str(entry.get("owned_by", "")) for entry in json.loads(body)["data"]}
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
            return None
        return found if status == 200 else None

    def _sent(self, method: str, path: str, body: bytes | None) -> tuple[int, Mapping[str, str], bytes]:
        """The response.

        Raises:
            CallFailed: there is none.
        """
        try:
            return self._exchanged(method, path, body)
        except httpx2.TimeoutException as error:
            is_silent = isinstance(error, httpx2.ConnectTimeout)
            raise CallFailed(NO_CONNECTION if is_silent else TIMEOUT) from None
        except httpx2.ConnectError:
            raise CallFailed(NO_CONNECTION) from None
        except httpx2.HTTPError:  # Its text may quote the headers.
            raise CallFailed("connection lost") from None

    def close(self) -> None:
        """Close the connections."""
        self._http.close()

    def _exchanged(self, method: str, path: str, body: bytes | None) -> tuple[int, Mapping[str, str], bytes]:
        """Status, headers and body of the response: bounded in time and size, whatever the server sends."""
        deadline = time.monotonic() + self.timeout_seconds
        content = bytearray()
        headers = {"Content-Type": "application/json"} if body is not None else {}
        with self._http.stream(method, self.base_url + path, content=body, headers=headers) as response:
            for chunk in response.iter_bytes():
                content += chunk
                if time.monotonic() > deadline:
                    raise CallFailed(TIMEOUT)
                if len(content) > LARGEST_RESPONSE:
                    raise CallFailed("response too large", is_final=True)
            return response.status_code, response.headers, bytes(content)

    def _refusal(self, status: int, headers: Mapping[str, str], body: bytes) -> CallFailed:
        """Without the text of the response where that may quote the key."""
        if status in HOPELESS:
            raise UserError(f"{self.base_url} {HOPELESS[status]} (model {self.model!r}, HTTP {status})")
        if 300 <= status < 400:
            raise UserError(f"{self.base_url} redirects (HTTP {status}); set base_url to where it leads")
        is_final = status < 500 and status not in RETRIABLE
        code, sentence = _error_of(body)
        if is_final and code in FILTERS:
            return CallFailed(FILTERED, is_final=True)
        detail = shown(sentence.replace(self._key, "***") if self._key else sentence, longest=200)
        retry_after = _retry_after(headers.get("retry-after"))
        return CallFailed(f"HTTP {status}", is_final=is_final, retry_after=retry_after, detail=detail)


def _error_of(body: bytes) -> tuple[str, str]:
    """Code and sentence of an error in OpenAI's form; empty where a server says nothing of the kind."""
    try:
        error = json.loads(body)["error"]
        return str(error.get("code") or ""), str(error.get("message") or "")
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return "", ""


def _completion_of(body: bytes) -> Completion:
    try:
        choice = json.loads(body)["choices"][0]
        message, finish = choice["message"], choice.get("finish_reason")
        text, refusal = message["content"], message.get("refusal")
    except (ValueError, KeyError, IndexError, TypeError, AttributeError, RecursionError):
        raise CallFailed(BAD_RESPONSE) from None
    if not isinstance(text, str | None):
        raise CallFailed(BAD_RESPONSE)
    return Completion(text or "", finish if isinstance(finish, str) else None, str(refusal) if refusal else None)


def _retry_after(value: str | None) -> float | None:
    """Seconds, from a number or an HTTP date."""
    if value is None:
        return None
    try:
        if re.fullmatch(r"\d{1,9}(\.\d+)?", value.strip()):
            return float(value)
        return max(0.0, (parsedate_to_datetime(value) - datetime.now(UTC)).total_seconds())
    except (ValueError, TypeError, OverflowError):  # a date without a zone, or no date
        return None


def _checked_url(base_url: str) -> str:
    try:
        parts = urlsplit(base_url)
        is_address = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        is_address = False
    if not is_address:
        raise UserError(f"base_url: {base_url!r} is no address; write e.g. http://localhost:8000/v1")
    if parts.username is not None or parts.query or parts.fragment:  # A name, password or key: not shown again.
        raise UserError(
            "base_url: only scheme, host, port and path belong there; put a key into the variable that key_env names"
        )
    return base_url.rstrip("/").removesuffix("/chat/completions")


def _is_local(base_url: str) -> bool:
    host = urlsplit(base_url).hostname or ""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost" or host.endswith(".localhost")


def _read_key(key_env: str | None, base_url: str, *, is_required: bool) -> str | None:
    """The key; it is never part of a message."""
    if key_env is None:
        return None
    if not re.fullmatch(r"[A-Z_][A-Z0-9_]*", key_env):
        raise UserError(
            "key_env: is no name of an environment variable (capitals, digits, _); it names the variable that "
            "holds the key, and is not the key"
        )
    key = os.environ.get(key_env, "").strip()
    if not key and is_required:
        raise UserError(
            f"{key_env} is not set, and {base_url} is not on this machine: put the server's key into that variable, "
            "name another with key_env=NAME, or say key_env=null for a server that needs none"
        )
    if not key.isascii() or not key.isprintable() or " " in key:
        raise UserError(f"{key_env}: holds something that is no key: spaces, line breaks or other characters in it")
    return key or None
