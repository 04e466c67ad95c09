"""What a chat model is shown of a clip."""

from collections.abc import Mapping
from typing import Any

from emolightning.records.inputs import InputKind, Inputs

INPUTS: Inputs = {
    "pictures": InputKind("film", "video", "Frames of the clip at full size, shown to a chat model as a video."),
    "waveform": InputKind("waveform", "audio", "The clip's sound, heard by a chat model that hears."),
    "transcript": InputKind("text", "text", "What is said, as text in the prompt."),
}

SENSES = {"pictures": "vision_config", "waveform": "audio_config"}
"""Input -> the part of a configuration that a model has if it can take it."""

THINKERS = {"qwen2_5_omni": "qwen2_5_omni_thinker", "qwen3_omni_moe": "qwen3_omni_moe_thinker"}
"""Kind of model that also speaks -> the part of it that writes."""


def taken(config: Mapping[str, Any]) -> Inputs:
    """The inputs that a model can take.

    Args:
        config: the content of its `config.json`.

    >>> list(taken({"model_type": "qwen2_audio", "audio_config": {"d_model": 8}}))
    ['waveform', 'transcript']
    """
    own = config.get("thinker_config") if config.get("model_type") in THINKERS else config
    has = {name: isinstance(own, Mapping) and bool(own.get(part)) for name, part in SENSES.items()}
    return {name: about for name, about in INPUTS.items() if has.get(name, True)}
