"""A chat model on a server as a model that answers: the clips of a batch are asked about side by side."""

import base64
import hashlib
import json
from collections.abc import Mapping, Sequence
from typing import Any, NoReturn

from torch import Tensor

from emolightning.errors import UserError
from emolightning.models.chat_server.inputs import INPUTS
from emolightning.models.chat_server.processor import ServerBatch, sent_of
from emolightning.models.chat_server.server import OURS, Server
from emolightning.models.emotion_model import EmotionModel
from emolightning.models.parts.chat_questions import VERSION, told
from emolightning.models.parts.cross_entropy import PLAIN, CrossEntropy
from emolightning.models.parts.generation import Generation
from emolightning.prompt.asking.asker import Outcome, Question
from emolightning.prompt.asking.client import FILTERED, Message
from emolightning.prompt.asking.replies import Reading
from emolightning.prompt.questions import with_labels
from emolightning.records.clips import Example, Medium, Said

REFUSED = "the model refuses"

OPENAI_SOUNDS = {"wav": "wav", "x-wav": "wav", "mpeg": "mp3", "mp3": "mp3"}
"""Formats of sound that OpenAI itself takes; others are sent as vLLM takes them."""


class ServerModel(EmotionModel):
    """Asks, and counts what is refused.

    Args:
        server: where it is, and how it is asked.
        inputs: what is sent of a clip.
        labels: the vocabulary, for a question of the user's own.

    Raises:
        UserError: the server is not there, refuses the key, has no such model, or is said not to hear what it is sent.
    """

    fresh_parts = ()

    def __init__(self, server: Server, *, inputs: Sequence[str], labels: Sequence[str]):
        super().__init__()
        self.server = server
        self.sent, self.labels = tuple(inputs), tuple(labels)
        if self.server.hears is False and "sound" in self.sent:
            raise UserError("model.hears=false, and inputs.sound=true sends sound; leave one of them out")
        self.api = self.server.find()
        self.asker = self.server.asker(self._complete, {"answers": f"chat/{VERSION}", "host": self.server.host})

    def identity(self) -> dict[str, Any]:
        """Model, host, question and parameters."""
        server = self.server
        about = {"name": server.name, "host": server.host, "api": self.api, "hears": server.hears}
        asked = {"question": server.question, "version": VERSION, "parameters": self.asker.client.parameters}
        return {"server": {**about, **asked}}

    def remarks(self) -> list[str]:
        """Whether it can have heard anything."""
        name, hears = self.server.name, self.server.hears
        if "sound" in self.sent or self.api == OURS or not any(INPUTS[each].modality == "video" for each in self.sent):
            return []
        if "film" not in self.sent or hears is False:
            return [f"{name} is deaf here: its answers are of pictures and words alone"]
        if hears is None:
            return [
                f"whether {name} hears the sound inside of the videos is not known, and most servers leave it out; say "
                "model.hears=true or model.hears=false, or send the sound beside the video with inputs.sound=true"
            ]
        return []

    def describe(self, base: str | None) -> str:
        """The model and its host."""
        return f"{self.server.name} on {self.server.host}"

    def say(
        self, batch: Any, generation: Generation, *, projected: Mapping[str, Tensor] | None = None, seed: int = 0
    ) -> list[Said]:
        """What it says about each clip, or why nothing.

        Raises:
            UserError: a clip has no answer after all attempts, and that is not to be counted.
        """
        assert isinstance(batch, ServerBatch)
        examples = batch.asks.examples
        questions = [self._question(example) for example in examples]
        outcomes = self.asker.ask(questions, title=None)
        return [self._said(*each) for each in zip(examples, questions, outcomes, strict=True)]

    def generate(
        self, batch: Any, generation: Generation, *, projected: Mapping[str, Tensor] | None = None, seed: int = 0
    ) -> list[str]:
        """What it says about each clip; nothing where it refuses."""
        return [said.text for said in self.say(batch, generation)]

    def answer_losses(
        self, batch: Any, projected: Mapping[str, Tensor] | None = None, *, cross_entropy: CrossEntropy = PLAIN
    ) -> tuple[Tensor, Tensor]:
        """It is not trained here."""
        self._refuse("trained")

    def label_logprobs(
        self, batch: Any, labels: Sequence[str], *, projected: Mapping[str, Tensor] | None = None
    ) -> Tensor:
        """A server in general does not say how likely an answer is that it does not give."""
        self._refuse("asked how likely labels are")

    def _refuse(self, what: str) -> NoReturn:
        raise UserError(f"{self.server.name}: a model on a server cannot be {what} from here")

    def _complete(self, messages: Sequence[Message], extra: Mapping[str, Any]) -> str:
        reply = self.asker.client.completion(messages, extra)
        because = FILTERED if reply.finish == "content_filter" else REFUSED if reply.refusal and not reply.text else ""
        return json.dumps({"text": reply.text, "because": because})

    def _question(self, example: Example) -> Question:
        parts: list[dict[str, Any]] = [_part(medium) for medium in sent_of(example)]
        extra: dict[str, Any] = {}
        transcript = example.clip.transcript
        asked = example.instruction
        if self.server.question is not None:
            asked = with_labels(self.server.question, self.labels)
        if self.api == OURS:
            extra = {"task": example.task, **({} if transcript is None else {"transcript": transcript})}
            asked = "" if self.server.question is None else asked
        elif transcript:
            asked = f"{told(transcript)}\n{asked}"
        parts += [{"type": "text", "text": asked}] if asked else []
        return Question(example.task, ({"role": "user", "content": parts},), _read, extra)

    def _said(self, example: Example, question: Question, outcome: Outcome) -> Said:
        prompt = _shown(example, question)
        if outcome.reading is not None:
            found = json.loads(outcome.reading.text)
            return Said("" if found["because"] else found["text"], prompt, found["because"])
        if outcome.failure == FILTERED or self.server.failed == "count":
            return Said("", prompt, str(outcome.failure))
        detail = f": {outcome.detail}" if outcome.detail else ""
        raise UserError(
            f"clip {example.clip.id}: no answer from {self.asker.client.base_url} ({outcome.failure}{detail}); answers "
            f"that came are in {self.server.cache}, and the same command goes on from there; model.failed=count counts "
            "such clips as unanswered"
        )


def _read(reply: str) -> Reading:
    return Reading(None, reply)


def _part(medium: Medium) -> dict[str, Any]:
    """A file as OpenAI's clients and vLLM's write it."""
    content = base64.b64encode(medium.content).decode()
    if medium.kind == "audio" and (format_ := OPENAI_SOUNDS.get(medium.format)):
        return {"type": "input_audio", "input_audio": {"data": content, "format": format_}}
    kind = f"{medium.kind}_url"
    return {"type": kind, kind: {"url": f"data:{medium.kind}/{medium.format};base64,{content}"}}


def _shown(example: Example, question: Question) -> str:
    """What was asked, files by what they are."""
    files = [
        f"<{medium.kind}/{medium.format} {hashlib.sha256(medium.content).hexdigest()[:12]}>"
        for medium in sent_of(example)
    ]
    texts = [part["text"] for part in question.messages[0]["content"] if part["type"] == "text"]
    fields = [f"{name}: {value}" for name, value in question.extra.items()]
    return "\n".join([*files, *fields, *texts])
