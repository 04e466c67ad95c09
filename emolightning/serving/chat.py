"""`POST /v1/chat/completions`: a clip and a question as OpenAI's clients send them to vLLM."""

import base64
import binascii
import io
import json
import re
import time
import uuid
from collections.abc import Iterator
from typing import Any, Literal, NamedTuple

from fastapi import APIRouter, Response
from fastapi.responses import StreamingResponse
from pydantic import BaseModel, ConfigDict

from emolightning.errors import shown
from emolightning.serving.refusals import Refusal
from emolightning.serving.schema import Answer
from emolightning.serving.service import Ask, Service

MEDIA_PARTS = {"video_url": "url", "audio_url": "url", "input_audio": "data"}
"""Kinds of parts that hold a clip, and where in them it is."""


class Message(BaseModel):
    """One message; its content is a text, or parts of type text, video_url, audio_url or input_audio."""

    role: str
    content: str | list[dict[str, Any]] | None = None


class ChatRequest(BaseModel):
    """A dialogue of one question. What no answer depends on is named in the response under `ignored`."""

    model_config = ConfigDict(extra="allow")
    model: str
    messages: list[Message]
    stream: bool = False
    n: int = 1
    transcript: str | None = None
    """What is said in the clip, with the client library in `extra_body`; an empty text says that nothing is said."""
    task: Literal["emotion", "reason"] = "emotion"


class Asked(NamedTuple):
    """What the messages hold."""

    question: str | None
    media: bytes


def routes(service: Service) -> APIRouter:
    """The chat, and the list of models."""
    router = APIRouter(prefix="/v1", tags=["OpenAI"])

    @router.get("/models")
    async def models() -> dict[str, Any]:
        """The models by the names that requests use."""
        data = [{"id": name, "object": "model", "created": 0, "owned_by": "emolightning"} for name in service.served]
        return {"object": "list", "data": data}

    @router.post("/chat/completions", response_model=None)
    async def chat(request: ChatRequest) -> dict[str, Any] | Response:
        """Ask about one clip, which is in the message as a data: address."""
        if request.model not in service.served:
            raise Refusal(404, f"model: {shown(request.model)!r} is not one of {', '.join(service.served)}")
        if request.n != 1:
            raise Refusal(400, f"n: {request.n} answers are asked for; there is one, and it is always the same")
        asked = read_messages(request.messages)
        (result,) = await service.answer(
            Ask(
                (request.transcript,),
                asked.question,
                (request.model,),
                task=request.task,
                files=(("clip", io.BytesIO(asked.media)),),
            )
        )
        if not result.answers:
            raise Refusal(400, "; ".join(problem.reason for problem in result.problems))
        completion = _completion(request, result.answers[0])
        if request.stream:
            return StreamingResponse(_events(completion), media_type="text/event-stream")
        return completion

    return router


def read_messages(messages: list[Message]) -> Asked:
    """The question, to the letter, and the clip of a dialogue; texts of role system come first.

    Raises:
        Refusal: it is no single question about a single clip.
    """
    texts: list[str] = []
    clips: list[bytes] = []
    for message in messages:
        if message.role not in ("system", "developer", "user"):
            raise Refusal(400, f"messages: role {shown(message.role)!r}: each request is one question, without answers")
        content = message.content or []
        for part in [{"type": "text", "text": content}] if isinstance(content, str) else content:
            kind = str(part.get("type"))
            if kind == "text":
                text = part.get("text", "")
                if not isinstance(text, str):
                    raise Refusal(400, f"messages: the text of a part is a {type(text).__name__}; write a text")
                texts.append(text)
            elif kind in MEDIA_PARTS:
                held = part.get(kind)
                clips.append(_media(kind, held.get(MEDIA_PARTS[kind]) if isinstance(held, dict) else held))
            else:
                allowed = ", ".join(["text", *MEDIA_PARTS])
                raise Refusal(400, f"messages: a part of type {shown(kind)!r} is none of {allowed}")
    if len(clips) != 1:
        raise Refusal(400, f"messages: {len(clips)} clips; send one, a video with its sound or a sound alone")
    return Asked("\n".join(text for text in texts if text.strip()) or None, clips[0])


def _media(kind: str, address: Any) -> bytes:
    """The content of a part. No address is ever opened."""
    if not isinstance(address, str) or not address:
        raise Refusal(400, f"messages: {kind} holds nothing")
    if kind == "input_audio":
        return _decoded(kind, address)
    found = re.match(r"data:([\w.+-]+/[\w.+-]+)?(?:;[\w.+-]+=[^;,]*)*;base64,", address)
    if found is None:
        here = shown(address, longest=60)
        raise Refusal(400, f"messages: {kind} is {here!r}; only data:TYPE;base64,... is read, no address or path")
    if found[1] == "video/jpeg":
        raise Refusal(400, f"messages: {kind} holds frames (video/jpeg); send the video file itself")
    return _decoded(kind, address[found.end() :])


def _decoded(kind: str, text: str) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        raise Refusal(400, f"messages: the content of {kind} is not base64") from None


def _completion(request: ChatRequest, answer: Answer) -> dict[str, Any]:
    """The response, with what our models know beyond it under `emolightning`."""
    text = answer.text
    own = answer.model_dump(exclude={"text", "explanation", "run"})
    return {
        "id": f"chatcmpl-{uuid.uuid4().hex}",
        "object": "chat.completion",
        "created": int(time.time()),
        "model": request.model,
        "choices": [{"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": text}}],
        "emolightning": {**own, "ignored": sorted(request.model_extra or {})},
    }


def _events(completion: dict[str, Any]) -> Iterator[str]:
    """The same as a stream of one piece."""
    (choice,) = completion["choices"]
    head = {**completion, "object": "chat.completion.chunk"}
    for delta, end in ((choice["message"], None), ({}, choice["finish_reason"])):
        yield f"data: {json.dumps({**head, 'choices': [{'index': 0, 'delta': delta, 'finish_reason': end}]})}\n\n"
    yield "data: [DONE]\n\n"
