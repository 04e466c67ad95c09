"""A clip's film, sound and words -> the tensors that a chat model reads, by the processor of its folder."""

import copy
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor

from emolightning.errors import UserError
from emolightning.models.chat_transformers.folder import ChatFolder
from emolightning.models.parts.chat_questions import told
from emolightning.models.parts.pretrained import first_line
from emolightning.models.parts.tokenizer import Tokenizer, end_of_turn
from emolightning.prompt.batching import shared_parts
from emolightning.prompt.chat_format import ChatFormat
from emolightning.prompt.processor import Loaded
from emolightning.prompt.questions import Question, target_text
from emolightning.records.clips import Batch, Clip, Example, Film, Movable, Waveform

ANSWER = "ANSWER-PLACE"

TAIL = 24
"""Characters before an answer that are tokenised with it: some tokenizers join what is around a border."""

PER_TOKEN = ("mm_token_type_ids", "token_type_ids")
"""Tensors with a number for each token; that of text is 0."""


@dataclass
class Turn(Movable):
    """What a model reads of one clip: alone, so that no answer depends on the others of its batch."""

    context: dict[str, Tensor]
    """The arguments of the model, up to where the answer starts."""
    answer: Tensor | None
    """(tokens,) int64: what is learned, with the token that ends it."""

    @property
    def learned(self) -> int:
        """Tokens of the answer."""
        return 0 if self.answer is None else len(self.answer)


@dataclass
class ChatBatch(Batch):
    """The batch of a chat model."""

    turns: "Turns"


class Turns(Movable):
    """The turns of a batch, out of Lightning's reach."""

    def __init__(self, turns: Sequence[Turn]):
        self.all = tuple(turns)

    def mapped(self, function: Callable[[Tensor], Tensor]) -> "Turns":
        """Return the turns of the batch, each with its tensors handed through a function."""
        return Turns([turn.mapped(function) for turn in self.all])


class ChatProcessor:
    """Asks a chat model about clips, one user's turn each.

    Args:
        folder: of the model.
    """

    def __init__(self, folder: ChatFolder):
        self.folder = folder
        self.processor = folder.processor
        self.tokenizer = answering_tokenizer(folder)

    def example(
        self, clip: Clip, loaded: Loaded, question: Question, *, index: int, is_borrowed: bool = False
    ) -> Example:
        """One clip with its film and sound; its transcript is there if it may be told."""
        return Example(
            clip=replace(clip, transcript=loaded.transcript),
            index=index,
            instruction=question.instruction,
            task=question.task,
            media=dict(loaded.media),
            is_borrowed=is_borrowed,
        )

    def collate(self, examples: Sequence[Example]) -> ChatBatch:
        """A batch; the answers are those of the clips."""
        turns = [self.turn(example, target_text(example.clip, example.task)) for example in examples]
        return ChatBatch(**shared_parts(examples, prompts=[self._shown(each) for each in examples]), turns=Turns(turns))

    def frame_streams(self, frames: Mapping[str, int]) -> dict[str, int]:
        """Nothing: frames are seen inside of the model."""
        return {}

    def turn(self, example: Example, answer: str | None) -> Turn:
        """What the model reads of one example.

        Raises:
            UserError: the class's processor fails on it.
        """
        content, options = self._content(example)
        try:
            read = self.processor.apply_chat_template(
                [{"role": "user", "content": content}],
                add_generation_prompt=True,
                tokenize=True,
                return_dict=True,
                return_tensors="pt",
                # What is said in a clip may look like a token of the model; it stays text.
                sanitize_control_tokens=True,
                processor_kwargs=options,
            )
        except Exception as error:  # Whatever a template, or a class's processor, makes of a clip.
            raise UserError(
                f"clip {example.clip.id}: the processor of {self.folder.path} cannot make a prompt of it "
                f"({first_line(error)})"
            ) from error
        context = {name: value for name, value in read.items() if isinstance(value, Tensor)}
        return Turn(context, None if answer is None else torch.tensor(self.answer_ids(answer)))

    @property
    def template(self) -> str:
        """The chat template."""
        return str(self.processor.chat_template or self.processor.tokenizer.chat_template)

    def answer_ids(self, answer: str) -> list[int]:
        """The tokens of a whole answer as the template writes it, and the one that ends it."""
        return self.tokenizer.answer_ids(answer)

    def _content(self, example: Example) -> tuple[list[dict[str, Any]], dict[str, Any]]:
        """The items of the user's turn, and what the processor is told of the film."""
        content: list[dict[str, Any]] = []
        options: dict[str, Any] = {}
        for medium in (each for media in example.media.values() for each in media):
            if isinstance(medium, Waveform):
                self._require_rate(medium)
                content.append({"type": "audio", "audio": medium.samples})
            elif isinstance(medium, Film) and self.folder.way.enters == "images":
                content += [{"type": "image", "image": frame} for frame in medium.frames]
            elif isinstance(medium, Film):
                content.append({"type": "video", "video": medium.frames})
                options = {"videos_kwargs": {"video_metadata": [_about(medium)], **self._rate(medium)}}
        return [*content, {"type": "text", "text": asked(example)}], options

    def _require_rate(self, sound: Waveform) -> None:
        """Refuse sound at another rate than the model hears: it would be another voice."""
        rate = getattr(self.hears, "sampling_rate", sound.rate)
        if rate != sound.rate:
            raise UserError(
                f"{self.folder.path}: hears {rate} samples a second, and sound is read at {sound.rate}; say "
                "inputs.waveform=false"
            )

    @property
    def hears(self) -> Any:
        """What turns sound into the model's tensors; None for a model that is deaf."""
        return getattr(self.processor, "feature_extractor", None)

    def _shown(self, example: Example) -> str:
        """What was asked, for logs and answers: film and sound by what they are."""
        parts = []
        for medium in (each for media in example.media.values() for each in media):
            if isinstance(medium, Film):
                number, height, width, _ = medium.frames.shape
                parts.append(f"<{number} frames of {width} x {height}>")
            elif isinstance(medium, Waveform):
                most = getattr(self.hears, "n_samples", None) or len(medium.samples)
                heard = f", {most / medium.rate:g} s of them heard" if len(medium.samples) > most else ""
                parts.append(f"<{len(medium.samples) / medium.rate:.2f} s of sound{heard}>")
        return "\n".join([*parts, asked(example)])

    def _rate(self, film: Film) -> dict[str, float]:
        """Omni's processor takes the frames a second from the caller; the others from what is known of the film."""
        return {"fps": len(film.positions) * film.fps / film.total} if "omni" in self.folder.model_type else {}


def asked(example: Example) -> str:
    """The words of a turn."""
    transcript = example.clip.transcript
    return f"{told(transcript)}\n{example.instruction}" if transcript else example.instruction


def _about(film: Film) -> dict[str, Any]:
    """What transformers wants to know of a video of which it has frames alone."""
    number, height, width, _ = film.frames.shape
    return {
        "total_num_frames": film.total, "fps": film.fps, "frames_indices": list(film.positions), "height": height,
        "width": width, "duration": film.total / film.fps,
    }  # fmt: skip


class AnsweringTokenizer(Tokenizer):
    """A chat model's tokenizer, and how its template writes an answer."""

    tail = lead = ""

    def answer_ids(self, answer: str) -> list[int]:
        """The ids that follow those of the prompt, and the one that ends the answer."""
        before = self.special_ids(self.tail)
        whole = self.special_ids(self.tail) + self.text_ids(self.lead + answer)
        joined = self.hugging_face(self.tail + self.lead + answer, add_special_tokens=False)["input_ids"]
        is_plain = self.text_ids(self.lead + answer) == self.special_ids(self.lead + answer)
        if is_plain and joined[: len(before)] == before:
            whole = joined
        return [*whole[len(before) :], self.end_id]


def answering_tokenizer(folder: ChatFolder) -> AnsweringTokenizer:
    """The tokenizer of a folder, with what is around an answer in its template.

    Raises:
        UserError: its template fails.
    """
    processor, own = folder.processor, folder.processor.tokenizer
    turns = [{"role": "user", "content": [{"type": "text", "text": "?"}]}]
    said = [{"role": "assistant", "content": [{"type": "text", "text": ANSWER}]}]
    try:
        before = processor.apply_chat_template(copy.deepcopy(turns), add_generation_prompt=True, tokenize=False)
        whole = processor.apply_chat_template(copy.deepcopy(turns + said), tokenize=False)
    except Exception as error:  # A template is a program: it raises what it likes.
        raise UserError(
            f"{folder.path}: its chat template cannot be used ({first_line(error)}); get the model's own "
            "chat_template.jinja"
        ) from error
    opening, found, behind = whole.partition(ANSWER)
    end = end_of_turn(own, behind.lstrip()) if found else own.eos_token
    if end is None:
        raise UserError(f"{folder.path}: the tokenizer has no eos_token, which ends every answer; set it in its config")
    made = AnsweringTokenizer(own, name=str(folder.path), chat=ChatFormat(opening="", end=end, in_brackets=False))
    made.tail = before[-TAIL:]
    made.lead = opening.removeprefix(before) if opening.startswith(before) else ""
    return made
