"""The application: the page, the API, and the gate before both."""

from collections.abc import AsyncIterator, Collection, Sequence
from contextlib import asynccontextmanager
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException

import emolightning
from emolightning.data.media.faces import FacePolicy
from emolightning.errors import shown
from emolightning.records.clips import Clip
from emolightning.serving import cards, chat, listening, predict
from emolightning.serving.gate import Gate
from emolightning.serving.limits import Limits
from emolightning.serving.page import page
from emolightning.serving.refusals import Refusal, error_body
from emolightning.serving.served import Served
from emolightning.serving.service import Service


def create_app(
    served: Sequence[Served],
    limits: Limits | None = None,
    *,
    faces: FacePolicy | None = None,
    examples: Sequence[Clip] = (),
    recognizer: listening.Recognizer | None = None,
    token: str | None = None,
    hosts: Collection[str] | None = None,
) -> Gate:
    """The ASGI application.

    Args:
        served: the models; the first is asked where a request names none.
        limits: of requests.
        faces: whose face pictures show; None for nobody's.
        examples: clips of this machine that the page offers.
        recognizer: writes down what is said in a clip, where a client asks for that; None for nobody.
        token: that clients must show; None asks for none.
        hosts: names that the server may be called by; None allows any.
    """
    limits = limits or Limits()
    service = Service(served, limits, faces=faces or FacePolicy())

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        yield
        service.close()

    # FastAPI's own pages of the schema load scripts from other machines.
    app = FastAPI(
        title="EmoLightning",
        version=emolightning.__version__,
        description="Emotions of short video clips, by trained models.",
        docs_url=None,
        redoc_url=None,
        lifespan=lifespan,
    )
    gate = Gate(app, limits, token=token, hosts=hosts)
    app.include_router(predict.routes(service))
    app.include_router(chat.routes(service))
    app.include_router(listening.routes(service, recognizer))
    app.include_router(cards.routes(service, gate, examples, listens=recognizer is not None))
    app.include_router(page.routes())
    app.add_exception_handler(Refusal, _refused)
    app.add_exception_handler(RequestValidationError, _invalid)
    app.add_exception_handler(HTTPException, _http)
    app.add_exception_handler(Exception, _failed)
    return gate


async def _refused(request: Request, error: Any) -> JSONResponse:
    return error.response(request.url.path)


async def _invalid(request: Request, error: Any) -> JSONResponse:
    """Name the fields, and never repeat what they hold."""
    sentences = [f"{'.'.join(map(str, each['loc'][1:])) or 'body'}: {each['msg']}" for each in error.errors()]
    return Refusal(422, shown("; ".join(sentences), longest=500)).response(request.url.path)


async def _http(request: Request, error: Any) -> JSONResponse:
    return JSONResponse(error_body(request.url.path, error.status_code, str(error.detail)), error.status_code)


async def _failed(request: Request, error: Any) -> JSONResponse:
    """Tell a client nothing of our files; Starlette raises the error again, for the log."""
    sentence = f"the server failed ({type(error).__name__}); its log says more"
    return JSONResponse(error_body(request.url.path, 500, sentence), 500)
