"""AffectGPT's prompts, word for word.

A layout says which pieces there are and in which order. `train` is that of the released face models. Training puts
`<|im_start|>` before the prompt and the released code's inference does not: `NAME` has it in both, and
`NAME/upstream_eval` leaves it out, as the published scores were made.

Source: MERTools@89120b7 `MER2026_Track2/my_affectgpt/datasets/datasets/base_dataset.py`.
"""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from emolightning.models.affectgpt.inputs import STREAMS
from emolightning.prompt.chat_format import ChatFormat
from emolightning.prompt.sequence import Control, Piece, Stream, joined

PLACEHOLDERS = {name: -1 - position for position, name in enumerate(STREAMS)}
"""Stream name -> the negative id that marks its places in `input_ids`."""

HUMAN, ASSISTANT = "###Human: ", " ###Assistant: "
NOW = "Now, please answer my question based on all the provided information. "
END = "###"
"""What ends an answer, before the token that does."""

FACES = "e uniformly sample raw frames from the video and extract faces from these frames: <Video>"
FRAMES = "e uniformly sample raw frames from the video: <Video>"

OPENINGS: Mapping[str, str] = {
    "multi": "The audio and video merged info is: <Multi>",
    "speech": "The audio content is as follows: <Audio>",
    "face": f"Meanwhile, w{FACES}",
    "frame": f"Meanwhile, w{FRAMES}",
    "picture": "The image content is as follows: <Image>",
    "transcript": "The subtitle of this video is: <Subtitle>",
}
CLOSINGS: Mapping[str, str] = {
    "multi": "</Multi>. ",
    "speech": "</Audio>. ",
    "face": "</Video>. ",
    "frame": "</Video>. ",
    "picture": "</Image>. ",
    "transcript": "</Subtitle>. ",
}


class Layout(NamedTuple):
    """The pieces of a prompt."""

    pieces: tuple[str, ...]
    """Streams, and `transcript`, in their order."""
    opening: str = HUMAN
    """What the prompt begins with; three of the released code's layouts have nothing here."""
    openings: Mapping[str, str] = OPENINGS
    """What is before each piece."""

    @property
    def needs(self) -> tuple[str, ...]:
        """The inputs of a clip that it shows; `multi` takes those of the video that the layout is named after."""
        video = () if {"face", "frame"} & {*self.pieces} or "multi" not in self.pieces else ("face",)
        speech = ("speech",) if "multi" in self.pieces and "speech" not in self.pieces else ()
        return (*video, *speech, *(name for name in self.pieces if name != "multi"))


FACE, FRAME = ("face", "transcript"), ("frame", "transcript")
RELEASED = Layout(("multi", "speech", *FACE))

LAYOUTS: Mapping[str, Layout] = {
    "train": RELEASED,
    "multiface_audio_face_text": RELEASED,
    "multiframe_audio_frame_text": Layout(("multi", "speech", *FRAME)),
    "multiface_audio_face_frame_text": Layout(("multi", "speech", "face", *FRAME)),
    "multiface_text": Layout(("multi", "transcript")),
    "face": Layout(("speech", *FACE)),
    "frame": Layout(("speech", *FRAME)),
    "faceframe": Layout(("speech", "frame", *FACE), openings={**OPENINGS, "face": f"Additionally, w{FACES}"}),
    "audioonly": Layout(("speech",)),
    "textonly": Layout(("transcript",)),
    "image": Layout(("picture",)),
    "faceonly": Layout(("face",), openings={"face": f"W{FACES}"}),
    "frameonly": Layout(("frame",), openings={"frame": f"W{FRAMES}"}),
    "audio_text": Layout(("speech", "transcript"), opening=""),
    "face_text": Layout(FACE, opening="", openings={**OPENINGS, "face": f"W{FACES}"}),
    "frame_text": Layout(FRAME, opening="", openings={**OPENINGS, "frame": f"w{FRAMES}"}),
}
"""Name -> layout: the released code's `face_or_frame`, and `train`."""

WITHOUT_OPENING = "upstream_eval"

NAMES = (*LAYOUTS, WITHOUT_OPENING, *(f"{name}/{WITHOUT_OPENING}" for name in LAYOUTS if name != "train"))
"""Every value of `prompt.layout`."""


def layout_of(name: str) -> tuple[Layout, bool]:
    """The layout of a name, and whether the opening token is before it.

    >>> layout_of("face/upstream_eval")[1], layout_of("upstream_eval")[0] is RELEASED
    (False, True)
    """
    own, _, kind = name.partition("/")
    if own == WITHOUT_OPENING:
        return RELEASED, False
    return LAYOUTS[own], kind != WITHOUT_OPENING


def context_pieces(
    instruction: str,
    transcript: str | None,
    streams: Sequence[str],
    *,
    layout: str = "train",
    chat: ChatFormat = ChatFormat(),  # noqa: B008  # frozen
) -> list[Piece]:
    """The context as text pieces, streams and control texts.

    Args:
        instruction: the question.
        transcript: what the person says; None leaves the sentence out.
        streams: which of STREAMS are present; an absent one is removed together with its sentence.
        layout: one of NAMES.
        chat: what the language model puts before a sequence.

    >>> context_pieces("Which?", None, ["speech"], layout="audioonly/upstream_eval")[:2]
    ['###Human: The audio content is as follows: <Audio>', Stream(name='speech')]
    """
    chosen, has_opening = layout_of(layout)
    pieces: list[Piece] = [Control(chat.opening)] if has_opening else []
    pieces.append(chosen.opening)
    for name in chosen.pieces:
        if name == "transcript" and transcript is not None:
            pieces += [f"{chosen.openings[name]}{transcript}{CLOSINGS[name]}"]
        elif name in streams:
            pieces += [chosen.openings[name], Stream(name), CLOSINGS[name]]
    return joined([*pieces, f"{NOW}{instruction}{ASSISTANT}"])
