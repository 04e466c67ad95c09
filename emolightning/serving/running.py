"""The HTTP server: it answers until a signal comes, then finishes what is inside and takes nothing more."""

import math
import os
from collections.abc import Sequence

import uvicorn

from emolightning.errors import UserError
from emolightning.serving.gate import LOCAL_HOSTS, Gate
from emolightning.serving.limits import Limits

TOKEN_VARIABLE = "EMOLIGHTNING_TOKEN"


def token() -> str | None:
    """The token that clients must show, of the environment.

    Raises:
        UserError: it is empty.
    """
    value = os.environ.get(TOKEN_VARIABLE)
    if value is not None and not value.strip():
        raise UserError(f"{TOKEN_VARIABLE} is set and empty; give it a value, or unset it")
    return None if value is None else value.strip()


def serve(app: Gate, *, host: str, port: int, limits: Limits, names: Sequence[str]) -> None:
    """Answer requests until SIGTERM, SIGINT or Ctrl-C. Requests that are inside get their answers.

    The signal is raised again at the end, so that the process ends as all others do.

    Raises:
        UserError: the address cannot be used.
    """
    # Nothing of a request is logged, its address included.
    drain = math.ceil(limits.timeout_seconds)
    config = uvicorn.Config(
        app,
        host=host,
        port=port,
        access_log=False,
        log_level="warning",
        server_header=False,
        timeout_graceful_shutdown=drain,
        lifespan="on",
    )
    try:
        socket = config.bind_socket()
    except SystemExit:  # Of uvicorn, which has logged the reason.
        raise UserError(f"host={host} port={port}: cannot be used; is another server there? say port=...") from None
    with socket:
        there = "localhost" if host in LOCAL_HOSTS else host
        print(f"{', '.join(names)}: http://{there}:{socket.getsockname()[1]}", flush=True)
        if host not in LOCAL_HOSTS and app.token is None:
            print(f"warning: anyone who reaches {host} may ask; {TOKEN_VARIABLE} sets a token", flush=True)
        uvicorn.Server(config).run(sockets=[socket])
