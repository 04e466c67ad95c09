"""What AffectGPT takes of a clip: vectors of frozen encoders, a few for each clip, and what is said."""

from emolightning.records.inputs import InputKind, Inputs

INPUTS: Inputs = {
    "face": InputKind("vectors", "video", "Vectors of faces."),
    "frame": InputKind("vectors", "video", "Vectors of whole frames.", is_on=False),
    "speech": InputKind("vectors", "audio", "Feature vectors of the voice."),
    "picture": InputKind("vectors", "video", "The vector of a still picture.", is_on=False),
    "transcript": InputKind("text", "text", "What is said, as text in the prompt."),
    "teacher_face": InputKind("vectors", "video", "Vectors of faces by the encoder of a teacher.", is_on=False),
    "teacher_frame": InputKind("vectors", "video", "Vectors of whole frames by the encoder of a teacher.", is_on=False),
    "teacher_speech": InputKind("vectors", "audio", "Vectors of the voice by the encoder of a teacher.", is_on=False),
}

FRESH = ("projections",)
"""The part that has no base."""

OF_TEACHER = "teacher_"
"""What the inputs of a teacher begin with; without them it sees what the student does."""

VIDEO = ("face", "frame")
"""Inputs that share all layers: their encoder is the same."""

STREAMS = ("multi", "speech", "face", "frame", "picture")
"""Everything that is in a sequence as vectors; `multi` is computed from the voice and the faces, or the frames."""
