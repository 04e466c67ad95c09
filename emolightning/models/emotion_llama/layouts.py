"""Emotion-LLaMA's prompts, word for word.

Layouts: `train` is upstream's training sequence. `upstream_eval` is the different one that upstream's `generate` builds
and that the published scores were made with (two BOS, features inside `<video>`, a literal `<FeatureHere>`). `demo` is
that of upstream's chat demo (a third BOS and a second `[INST]` before the words). The last two are Llama-2's; `train`
with a language model that has a chat template of its own puts the question into that instead of into `[INST]`.
"""

from collections.abc import Sequence

from emolightning.models.emotion_llama.inputs import STREAMS
from emolightning.prompt.chat_format import ChatFormat
from emolightning.prompt.sequence import Control, Piece, Stream, joined

PLACEHOLDERS = {name: -1 - position for position, name in enumerate(STREAMS)}
"""Stream name -> the negative id that marks its places in `input_ids`."""

LAYOUTS = ("train", "upstream_eval", "demo")


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
    # Two spaces before the tag, and a full stop after the transcript's own: upstream's, kept.
    says = f"The person in video says: {transcript}.  " if transcript is not None else ""
    question = f"{says}[{task}] {instruction}"
    visual: list[Piece] = [Stream("image")] if "image" in streams else []
    features: list[Piece] = [Stream(name) for name in STREAMS[1:] if name in streams]
    opening, closing = Control(chat.opening), Control(chat.closing)
    if layout == "upstream_eval":
        tail = f"</video> <feature><FeatureHere></feature> {question}  [/INST]"
        return joined([opening, opening, "[INST] <video>", *visual, *features, tail])
    if layout == "demo":
        # In training two spaces are before [/INST] as well; what is typed into the demo has one.
        tail, words = "</video> <feature><FeatureHere></feature>", f"[INST] {question} [/INST]"
        return joined([opening, opening, "[INST] <video>", *visual, *features, tail, opening, words])
    pieces: list[Piece] = [" <video>", *visual, "</video>"] if visual else []
    pieces += [" <feature>", *features, "</feature>"] if features else []
    pieces += [f" {question}"]
    if chat.in_brackets:
        return joined([opening, "[INST]", *pieces, "  [/INST]"])
    first = pieces[0]
    assert isinstance(first, str)
    return joined([opening, first.removeprefix(" "), *pieces[1:], closing])
