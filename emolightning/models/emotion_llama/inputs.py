"""The five inputs of Emotion-LLaMA by name, in the order in which upstream has them."""

from emolightning.records.inputs import InputKind, Inputs, named

INPUTS: Inputs = {
    "image": InputKind("frames", "video", "Frames of the clip, seen by the vision tower."),
    "face": InputKind("vectors", "video", "Facial feature vectors."),
    "motion": InputKind("vectors", "video", "Feature vectors of movement over time."),
    "speech": InputKind("vectors", "audio", "Feature vectors of the voice."),
    "transcript": InputKind("text", "text", "What is said, as text in the prompt."),
}

FEATURES = tuple(named(INPUTS, "vectors"))
"""Inputs that are vectors from an encoder, in their order in the sequence (upstream's order)."""

VISUAL = ("image", "class_token")
"""What the vision tower makes of a frame: its patches, and its class token."""

STREAMS = (VISUAL[0], *FEATURES, VISUAL[1])
"""Everything that is in a sequence as vectors, in its order."""
