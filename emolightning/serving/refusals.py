"""How a client is told what is wrong: one sentence, in the form of the API that it uses."""

from typing import Any

from fastapi.responses import JSONResponse

OPENAI = "/v1/"
"""Paths below it answer in OpenAI's form."""


class Refusal(Exception):
    """A request that is not carried out.

    Args:
        status: of HTTP.
        sentence: what is wrong and what to do.
        headers: of the response.
    """

    def __init__(self, status: int, sentence: str, headers: dict[str, str] | None = None):
        self.status, self.sentence, self.headers = status, sentence, headers or {}
        super().__init__(sentence)

    def response(self, path: str) -> JSONResponse:
        """The response to a request for a path."""
        return JSONResponse(error_body(path, self.status, self.sentence), self.status, self.headers)


def error_body(path: str, status: int, sentence: str) -> dict[str, Any]:
    """`{"detail": ...}`, or what OpenAI's clients read.

    >>> error_body("/predict", 422, "media: is missing")
    {'detail': 'media: is missing'}
    """
    if not path.startswith(OPENAI):
        return {"detail": sentence}
    kind = "invalid_request_error" if status < 500 else "server_error"
    return {"error": {"message": sentence, "type": kind, "param": None, "code": status}}
