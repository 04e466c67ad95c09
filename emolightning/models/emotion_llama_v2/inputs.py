"""The inputs of Emotion-LLaMA-v2 by name, and its streams in the order of the sequence."""

from emolightning.records.inputs import InputKind, Inputs, named

INPUTS: Inputs = {
    "image": InputKind("frames", "video", "One frame of the clip, seen by the vision tower."),
    "video": InputKind("vectors", "video", "Vectors of the frames, upstream's by recipe eva_v2: 64 of 1408."),
    "audio": InputKind("vectors", "audio", "Vectors of the sound, upstream's by recipe whisper_v2: 64 of 1280."),
    "transcript": InputKind("text", "text", "What is said, as text in the prompt."),
}

FEATURES = tuple(named(INPUTS, "vectors"))
"""Inputs that are vectors from an encoder."""

VISUAL = ("image", "class_token")
"""What the vision tower makes of a frame: its patches, and its class token, which goes into the fusion alone."""

FUSED = ("audio", "class_token", "video")
"""What the fusion takes, in its order."""

FUSION = "fusion"

FRESH = ("projections", FUSION)
"""Parts of the model that have no base."""

ONLY = {"audio": ("audio",), "image": ("image",)}
"""Task -> what upstream shows for it; the other streams are zeros."""

STREAMS = (FUSION, VISUAL[0], *FEATURES)
"""Everything that is in a sequence as vectors, in its order."""
