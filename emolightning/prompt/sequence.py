"""Clip and instruction -> token ids with placeholders: one function for training, generation and scoring.

The context is a row of pieces, each tokenised on its own because the published weights saw exactly that
(`[INST] <video>`, the visual tokens, `</video> <feature>`, the feature tokens, ...). A placeholder is a negative id,
repeated once for each vector of its stream; the model puts the vectors there. A transcript is only ever tokenised as
text, so `<VideoHere>` or `</s>` inside it stays plain text.

Layouts: `train` is upstream's training sequence. `upstream_eval` is the different one that upstream's `generate` builds
and that the published scores were made with (two BOS, features inside `<video>`, a literal `<FeatureHere>`). `demo` is
that of upstream's chat demo (a third BOS and a second `[INST]` before the words). The last two are Llama-2's; `train`
with a language model that has a chat template of its own puts the question into that instead of into `[INST]`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from emolightning.errors import UserError
from emolightning.prompt.chat_format import ChatFormat
from emolightning.records.clips import IGNORED, Example
from emolightning.records.inputs import FEATURES

STREAMS = ("image", *FEATURES, "class_token")
PLACEHOLDERS = {name: -1 - position for position, name in enumerate(STREAMS)}
"""Stream name -> the negative id that marks its places in `input_ids`."""

LAYOUTS = ("train", "upstream_eval", "demo")


@dataclass(frozen=True)
class Stream:
    """A place for the vectors of one stream."""

    name: str


@dataclass(frozen=True)
class Control:
    """A text in which special tokens count, e.g. `<s>`: never anything that comes from data."""

    text: str


Piece = str | Stream | Control


def context_pieces(
    instruction: str,
    transcript: str | None,
    streams: Sequence[str],
    *,
    task: str = "emotion",
    layout: str = "train",
    chat: ChatFormat = ChatFormat(),  # noqa: B008  # frozen
) -> list[Piece]:
    """The context as text pieces, streams and control texts.

    Args:
        instruction: the question.
        transcript: what the person says; None leaves the sentence out.
        streams: which of STREAMS are present; an absent one is removed together with its empty tag.
        task: upstream's task tag, e.g. `emotion`.
        layout: one of LAYOUTS.
        chat: what the language model puts around a question.

    >>> context_pieces("Which?", "Hi", ["image", "speech"])[1:]
    ['[INST] <video>', Stream(name='image'), '</video> <feature>', Stream(name='speech'), \
'</feature> The person in video says: Hi.  [emotion] Which?  [/INST]']
    """
    # Two spaces before the tag, and a full stop behind the transcript's own: upstream's, kept.
    says = f"The person in video says: {transcript}.  " if transcript is not None else ""
    question = f"{says}[{task}] {instruction}"
    visual: list[Piece] = [Stream("image")] if "image" in streams else []
    features: list[Piece] = [Stream(name) for name in STREAMS[1:] if name in streams]
    opening, closing = Control(chat.opening), Control(chat.closing)
    if layout == "upstream_eval":
        tail = f"</video> <feature><FeatureHere></feature> {question}  [/INST]"
        return _join([opening, opening, "[INST] <video>", *visual, *features, tail])
    if layout == "demo":
        # In training two spaces stand before [/INST] as well; what is typed into the demo has one.
        tail, words = "</video> <feature><FeatureHere></feature>", f"[INST] {question} [/INST]"
        return _join([opening, opening, "[INST] <video>", *visual, *features, tail, opening, words])
    pieces: list[Piece] = [" <video>", *visual, "</video>"] if visual else []
    pieces += [" <feature>", *features, "</feature>"] if features else []
    pieces += [f" {question}"]
    if chat.in_brackets:
        return _join([opening, "[INST]", *pieces, "  [/INST]"])
    first = pieces[0]
    assert isinstance(first, str)
    return _join([opening, first.removeprefix(" "), *pieces[1:], closing])


def _join(pieces: Sequence[Piece]) -> list[Piece]:
    """Neighbouring texts become one piece: every piece gets the tokenizer's dummy prefix, so borders matter."""
    joined: list[Piece] = []
    for piece in pieces:
        if isinstance(piece, str) and joined and isinstance(joined[-1], str):
            joined[-1] += piece
        elif piece != Control(""):
            joined.append(piece)
    return joined


@dataclass(frozen=True)
class Encoded:
    """One clip's sequence."""

    context: list[int]
    """Token ids and placeholders up to `[/INST]`."""
    answer: list[int]
    """Token ids of the answer and EOS; empty when there is none."""
    text: str
    """The context with `<name>` for each stream and special tokens as text, for logs."""

    @property
    def targets(self) -> list[int]:
        """Only the answer carries loss."""
        return [IGNORED] * len(self.context) + self.answer


class PromptEncoder:
    """Examples to token ids.

    Args:
        tokenizer: an `emolightning.models.parts.tokenizer.Tokenizer`.
        image_tokens: vectors per frame behind the image projection.
        layout: one of LAYOUTS.

    Raises:
        UserError: one of upstream's layouts for a language model with another chat format.
    """

    def __init__(self, tokenizer: Any, *, image_tokens: int, layout: str = "train"):
        if layout not in LAYOUTS:
            raise ValueError(f"Expected `layout` to be one of {LAYOUTS}, but got {layout!r}.")
        if layout != "train" and not tokenizer.chat.in_brackets:
            raise UserError(
                f"prompt.layout={layout} is a sequence of Llama-2's; this language model has a chat template of its "
                "own, which prompt.layout=train uses"
            )
        self.tokenizer = tokenizer
        self.image_tokens = image_tokens
        self.layout = layout

    def encode(self, example: Example, answer: str | None) -> Encoded:
        """The sequence of one example; with an answer also its ids and the token that ends it."""
        lengths = self.stream_lengths(example)
        pieces = context_pieces(
            example.instruction,
            example.clip.transcript,
            list(lengths),
            task=example.task,
            layout=self.layout,
            chat=self.tokenizer.chat,
        )
        context = [number for piece in pieces for number in self._ids(piece, lengths)]
        answer_ids = [] if answer is None else [*self.tokenizer.text_ids(answer), self.tokenizer.end_id]
        return Encoded(context, answer_ids, "".join(_shown(piece) for piece in pieces))

    def stream_lengths(self, example: Example) -> dict[str, int]:
        """Stream name -> number of vectors, for the streams that the example has."""
        lengths = {name: vectors.shape[0] for name, vectors in example.features.items()}
        if example.image is not None:
            frames = example.image.shape[0]
            lengths |= {"image": frames * self.image_tokens, "class_token": frames}
        return lengths

    def _ids(self, piece: Piece, lengths: Mapping[str, int]) -> list[int]:
        if isinstance(piece, Stream):
            return [PLACEHOLDERS[piece.name]] * lengths[piece.name]
        if isinstance(piece, Control):
            return self.tokenizer.special_ids(piece.text)
        return self.tokenizer.text_ids(piece)


def _shown(piece: Piece) -> str:
    if isinstance(piece, Control):
        return piece.text
    return piece if isinstance(piece, str) else f"<{piece.name}>"
