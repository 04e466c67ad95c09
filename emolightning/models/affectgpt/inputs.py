"""What AffectGPT takes of a clip: vectors of frozen encoders, a few for each clip, and what is said."""

from emolightning.records.inputs import InputKind, Inputs

INPUTS: Inputs = {
    "face": InputKind("vectors", "video", "Vectors of faces."),
    "frame": InputKind("vectors", "video", "Vectors of whole frames."),
    "speech": InputKind("vectors", "audio", "Feature vectors of the voice."),
    "picture": InputKind("vectors", "video", "The vector of a still picture."),
    "transcript": InputKind("text", "text", "What is said, as text in the prompt."),
}

VIDEO = ("face", "frame")
"""Inputs that share all layers: their encoder is the same."""

STREAMS = ("multi", "speech", "face", "frame", "picture")
"""Everything that is in a sequence as vectors; `multi` is computed from the voice and the faces, or the frames."""
