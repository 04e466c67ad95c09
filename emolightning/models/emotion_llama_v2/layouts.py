"""Emotion-LLaMA-v2's prompts, word for word.

`train` is upstream's training sequence; `train_stage2` is the same without the full stop after the transcript, as in
its second stage. `upstream_eval` is the different one of its evaluation: two BOS, no space piece before the first
bracket (transformers 4.35 honours the `legacy: false` of Llama-2's tokenizer, which newer ones may not), two spaces
after `</Vid>`; `upstream_eval_mer` has one space there, as for MER2023 and MER2024. `demo` is that of `inference.py`.
All but the first two are Llama-2's; those put the question into the chat template of a language model that has one.
"""

from collections.abc import Sequence

from emolightning.models.emotion_llama_v2.inputs import STREAMS
from emolightning.prompt.chat_format import ChatFormat
from emolightning.prompt.sequence import Bare, Control, Piece, Stream, joined

PLACEHOLDERS = {name: -1 - position for position, name in enumerate(STREAMS)}
"""Stream name -> the negative id that marks its places in `input_ids`."""

TRAINING = ("train", "train_stage2")
LAYOUTS = (*TRAINING, "upstream_eval", "upstream_eval_mer", "demo")

WITHOUT_FULL_STOP = ("train_stage2",)
BEFORE_TEXT = {"upstream_eval": "  "}
"""Layout -> what is between `</Vid>` and the transcript, where it is not one space."""


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
        streams: which of STREAMS are present; an absent one is removed, and the tag with the last one.
        task: upstream's task tag, e.g. `emotion`.
        layout: one of LAYOUTS.
        chat: what the language model puts around a question.

    >>> context_pieces("Which?", "Hi", ["video", "fusion"])[1:]
    ['[INST] <Vid>', Stream(name='fusion'), Stream(name='video'), \
'</Vid> The person in video says: Hi.  [emotion] Which?  [/INST]']
    """
    vectors: list[Piece] = [Stream(name) for name in STREAMS if name in streams]
    stop = "" if layout in WITHOUT_FULL_STOP else "."
    says = f"The person in video says: {transcript}{stop}  " if transcript is not None else ""
    gap = BEFORE_TEXT.get(layout, " ") if says else " "
    question = f"{gap if vectors else ''}{says}[{task}] {instruction}"
    opening, closing = Control(chat.opening), Control(chat.closing)
    if layout not in TRAINING:
        end = " [/INST]" if layout == "demo" else "  [/INST]"
        first = "[INST] <Vid>" if vectors else "[INST] "
        tail = [*vectors, f"</Vid>{question}{end}"] if vectors else [f"{question}{end}"]
        return joined([opening, opening, Bare(first), *tail])
    pieces: list[Piece] = ["<Vid>", *vectors, f"</Vid>{question}"] if vectors else [question]
    if chat.in_brackets:
        return joined([opening, "[INST] ", *pieces, "  [/INST]"])
    return joined([opening, *pieces, closing])
