"""What a server is sent of a clip."""

from emolightning.records.inputs import InputKind, Inputs

INPUTS: Inputs = {
    "film": InputKind("file", "video", "The clip's file as it is, sent to a model on a server."),
    "stills": InputKind("stills", "video", "Pictures of the clip, sent to a model on a server.", is_on=False),
    "sound": InputKind("sound", "audio", "The clip's sound alone, sent to a model on a server.", is_on=False),
    "transcript": InputKind("text", "text", "What is said, as text in the prompt."),
}
