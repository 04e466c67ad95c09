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
from typing import Any
from urllib.parse import urlsplit

import httpx2

from emolightning.errors import UserError
from emolightning.scoring.judges.questions import EMPTY, Unusable

logging.getLogger("httpx2").setLevel(logging.WARNING)  # A line for each request would bury the progress bar.

Message = dict[str, str]
"""`role` and `content`."""

RETRIABLE = (408, 409, 425, 429)
"""Refusals that may be none later; so may every 5xx."""
HOPELESS = {
    401: "refuses the key; check the variable that key_env names",
    403: "refuses the key; check the variable that key_env names",
    404: "knows no such address or model; check base_url (it often ends with /v1) and model",
}
"""Refusals that every other question would get, too."""

NO_CONNECTION, TIMEOUT, BAD_RESPONSE, CUT_OFF = "no connection", "timeout", "malformed response", "reply cut off"
LARGEST_RESPONSE = 4 * 2**20  # bytes; a grade and its reason take less than one thousandth of it


class CallFailed(Exception):
    """A question that got no reply.

    Args:
        reason: in words that can be counted.
        is_final: asking again gives the same.
        retry_after: seconds that the server wants to be left alone.
    """

    def __init__(self, reason: str, *, is_final: bool = False, retry_after: float | None = None):
        super().__init__(reason)
        self.reason = reason
        self.is_final = is_final
        self.retry_after = retry_after


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
        self._http = httpx2.Client(
            headers={"Authorization": f"Bearer {key}"} if key else {},
            timeout=timeout_seconds,
            limits=httpx2.Limits(max_connections=connections),
            trust_env=not is_local,  # a proxy of the environment does not reach this machine's ports
        )

    def complete(self, messages: Sequence[Message]) -> str:
        """The text of the reply.

        Raises:
            CallFailed: no reply, now or ever.
            Unusable: a reply without text, or cut off by the limit of tokens.
            UserError: the server refuses every question.
        """
        body = json.dumps({"model": self.model, "messages": list(messages), **self.parameters, "stream": False})
        try:
            status, headers, content = self._post(body.encode())
        except httpx2.TimeoutException as error:
            is_silent = isinstance(error, httpx2.ConnectTimeout)
            raise CallFailed(NO_CONNECTION if is_silent else TIMEOUT) from None
        except httpx2.ConnectError:
            raise CallFailed(NO_CONNECTION) from None
        except httpx2.HTTPError:  # Its text may quote the headers.
            raise CallFailed("connection lost") from None
        if status != 200:
            raise self._refusal(status, headers)
        return _message_of(content)

    def close(self) -> None:
        """Close the connections."""
        self._http.close()

    def _post(self, body: bytes) -> tuple[int, Mapping[str, str], bytes]:
        """Status, headers and body of the response: bounded in time and size, whatever the server sends."""
        deadline = time.monotonic() + self.timeout_seconds
        content = bytearray()
        headers = {"Content-Type": "application/json"}
        url = f"{self.base_url}/chat/completions"
        with self._http.stream("POST", url, content=body, headers=headers) as response:
            for chunk in response.iter_bytes():
                content += chunk
                if time.monotonic() > deadline:
                    raise CallFailed(TIMEOUT)
                if len(content) > LARGEST_RESPONSE:
                    raise CallFailed("response too large", is_final=True)
            return response.status_code, response.headers, bytes(content)

    def _refusal(self, status: int, headers: Mapping[str, str]) -> CallFailed:
        """Without the text of the response, which may quote the key."""
        if status in HOPELESS:
            raise UserError(f"{self.base_url} {HOPELESS[status]} (model {self.model!r}, HTTP {status})")
        if 300 <= status < 400:
            raise UserError(f"{self.base_url} redirects (HTTP {status}); set base_url to where it leads")
        is_final = status < 500 and status not in RETRIABLE
        return CallFailed(f"HTTP {status}", is_final=is_final, retry_after=_retry_after(headers.get("retry-after")))


def _message_of(content: bytes) -> str:
    try:
        choice = json.loads(content)["choices"][0]
        text, finish = choice["message"]["content"], choice.get("finish_reason")
    except (ValueError, KeyError, IndexError, TypeError, AttributeError, RecursionError):
        raise CallFailed(BAD_RESPONSE) from None
    if finish == "length":
        raise Unusable(CUT_OFF)
    if text is None or text == "":
        raise Unusable(EMPTY)
    if not isinstance(text, str):
        raise CallFailed(BAD_RESPONSE)
    return text


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
