"""The released checkpoint of Emotion-LLaMA-v2: its names and ours, and the parts that it fills."""

from collections.abc import Mapping
from functools import partial

from torch import nn

from emolightning.models.emotion_llama.upstream.format import Format
from emolightning.models.emotion_llama_v2.build import stream_widths
from emolightning.models.emotion_llama_v2.fusion import ConvProAttention, FusionSettings
from emolightning.models.emotion_llama_v2.inputs import FEATURES, INPUTS
from emolightning.models.parts.projection import Projections
from emolightning.models.parts.vision import VisionSettings

LAYERS = {
    "projections.fusion": "llama_proj_fusion",
    "projections.image": "llama_proj",
    "projections.video": "llama_proj_video",
    "projections.audio": "llama_proj_audio",
    "fusion": "conv_pro_module",
}

WIDTHS = {"fusion": 256, "image": 5632, "video": 1408, "audio": 1280}

FOLDERS = {"video": "EVA-ViT-G", "audio": "whisper-large-v3"}


def checkpoint_format(fusion: FusionSettings) -> Format:
    """Its format, with a fusion of some sizes."""
    return Format(
        kind="Emotion-LLaMA-v2 checkpoint",
        layers=LAYERS,
        widths=WIDTHS,
        inputs=tuple(INPUTS),
        features=FEATURES,
        fresh=partial(_fresh, fusion),
        arch="emotion_llama_v2",
        has_frequencies=False,
        folders=FOLDERS,
    )


def _fresh(
    fusion: FusionSettings, vision: VisionSettings, widths: Mapping[str, int], width: int
) -> Mapping[str, nn.Module]:
    fused, projected = stream_widths(vision, fusion, tuple(INPUTS), widths)
    return {"projections": Projections(projected, width), "fusion": ConvProAttention(fused, fusion)}
