"""What the API takes and gives, as OpenAPI shows it."""

from typing import Any

from pydantic import BaseModel, Field


class Answer(BaseModel):
    """What one model says about one clip."""

    run: str = Field(description="The model, as /card names it.")
    label: str | None = Field(description="What the answer names; null where it names no single label.")
    probabilities: dict[str, float] = Field(description="Label -> how likely it is as the whole answer.")
    logprobs: dict[str, float] = Field(
        {}, description="Label -> log-probability (nats) of the label as the whole answer, among all texts."
    )
    text: str = Field(description="The answer as it was generated.")
    question: str
    inputs: dict[str, str] = Field(description="Input -> used, off, `missing: REASON` or `zero: REASON`.")
    seconds: float
    explanation: str | None = Field(None, description="What the model says of its reasons, where that was asked for.")


class Problem(BaseModel):
    """Why there is no answer."""

    run: str | None = Field(None, description="The model that has none; null where the clip has none of any.")
    kind: str
    reason: str


class Frame(BaseModel):
    """A frame that is looked at."""

    picture: str = Field(description="A data: address of a JPEG.")
    position: int
    width: int
    height: int
    box: tuple[int, int, int] | None = Field(description="Left, top and side of the face, in pixels of the video.")


class Seen(BaseModel):
    """What there is to see and hear of a clip."""

    num_frames: int | None
    frames: list[Frame]
    faces: list[str] = Field(description="Crops of one face, as data: addresses of JPEGs.")
    face: str = Field(description="Which face was chosen and why, where one was looked for.")
    wave: list[float] = Field(description="The loudest sample of each part of the sound, 0 to 1.")
    seconds: float | None = Field(description="Length of the sound.")
    remarks: list[str]


class ClipAnswers(BaseModel):
    """Everything about one clip."""

    clip: str = Field(description="The name that its client gave it.")
    answers: list[Answer]
    problems: list[Problem]
    seen: Seen | None = None


class Batch(BaseModel):
    """One entry a clip, in their order."""

    clips: list[ClipAnswers]


class Transcript(BaseModel):
    """What a speech recogniser heard."""

    transcript: str = Field(description="Empty where it heard nothing.")


class Health(BaseModel):
    """Whether the server is there, and how busy it is."""

    status: str
    waiting: int = Field(description="Requests that wait while one is answered.")
    max_waiting: int
    runs: list[str]


class Card(BaseModel):
    """One model."""

    run: str
    labels: list[str]
    question: str
    inputs: dict[str, str] = Field(description="Input -> its modality.")
    doubts: list[str] = Field(description="What its card says in bold type: reasons to doubt any answer.")
    card: str = Field(description="The model card, in Markdown; empty where there is none.")


class Example(BaseModel):
    """A clip of the server's machine that one may try."""

    name: str
    transcript: str | None


class Cards(BaseModel):
    """The models, the limits, and the clips that one may try."""

    runs: list[Card]
    limits: dict[str, float]
    examples: list[Example]
    listens: bool = Field(description="Whether /transcript writes down what is said.")


class Refused(BaseModel):
    """What is wrong with a request."""

    detail: str


REFUSALS: dict[int | str, dict[str, Any]] = {
    status: {"model": Refused, "description": about}
    for status, about in {
        401: "The token is missing or wrong.",
        413: "The request is too large.",
        422: "A sentence says what is wrong.",
        503: "Too many requests wait.",
        504: "The answer took too long.",
    }.items()
}
"""Responses that every way to ask may give."""
