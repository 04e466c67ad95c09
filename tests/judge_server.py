"""An OpenAI-compatible server on this machine that answers as a test says: normally, slowly, wrongly, or not at all."""

import json
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Lock, Thread
from typing import Any


@dataclass
class Reply:
    """What goes back for one request."""

    text: str = ""
    """The model's message."""
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes | None = None
    """Instead of a well-formed response around `text`."""
    finish: str = "stop"
    seconds: float = 0.0
    """Before the response begins; capped, so that no test hangs."""
    drip_seconds: float = 0.0
    """Between single bytes of the body."""


@dataclass
class Request:
    """What came in."""

    path: str
    headers: dict[str, str]
    body: dict[str, Any]

    @property
    def text(self) -> str:
        """The last message."""
        return self.body["messages"][-1]["content"]


Behaviour = Callable[[Request, int], Reply | None]
"""(request, how many came before it) -> reply; None hangs up without one."""


class JudgeServer:
    """Requests are recorded in `requests`."""

    def __init__(self, behaviour: Behaviour, models: dict[str, str] | None = None):
        self.behaviour = behaviour
        self.models = models
        """Name -> owner, for `GET /models`; None has no such list."""
        self.requests: list[Request] = []
        self._lock = Lock()
        self._http = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._http.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._http.server_port}/v1"
        Thread(target=self._http.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()

    def close(self) -> None:
        """Stop listening: connections are refused from now on."""
        self._http.shutdown()
        self._http.server_close()

    def _receive(self, request: Request) -> int:
        with self._lock:
            self.requests.append(request)
            return len(self.requests) - 1

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        server = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                listed = [{"id": name, "owned_by": owner} for name, owner in (server.models or {}).items()]
                status = 200 if server.models is not None and self.path == "/v1/models" else 404
                self._send(Reply(status=status, body=json.dumps({"data": listed}).encode()))

            def do_POST(self) -> None:
                content = self.rfile.read(int(self.headers["Content-Length"]))
                request = Request(self.path, dict(self.headers), json.loads(content))
                reply = server.behaviour(request, server._receive(request))
                if reply is None:
                    self.close_connection = True
                    return
                time.sleep(min(reply.seconds, 5.0))
                self._send(reply)

            def _send(self, reply: Reply) -> None:
                body = response(reply.text, reply.finish) if reply.body is None else reply.body
                try:
                    self.send_response(reply.status)
                    for name, value in {"Content-Length": str(len(body)), **reply.headers}.items():
                        self.send_header(name, value)
                    self.end_headers()
                    for part in [body[i : i + 1] for i in range(len(body))] if reply.drip_seconds else [body]:
                        self.wfile.write(part)
                        time.sleep(reply.drip_seconds)
                except OSError:  # the client has gone
                    self.close_connection = True

            def log_message(self, *args: Any) -> None:
                pass

        return Handler


def response(text: str, finish: str = "stop") -> bytes:
    """The response format of chat completions."""
    message = {"role": "assistant", "content": text}
    return json.dumps({"choices": [{"index": 0, "message": message, "finish_reason": finish}]}).encode()


def graded(score: int | float, reason: str = "same cues") -> Reply:
    """A reply as our own questions want it."""
    return Reply(json.dumps({"score": score, "reason": reason}))


@contextmanager
def serving(behaviour: Behaviour, models: dict[str, str] | None = None) -> Iterator[JudgeServer]:
    """A server for the length of a test."""
    server = JudgeServer(behaviour, models)
    try:
        yield server
    finally:
        server.close()
