"""Settings -> EmotionLlamaV2: the same function for the tiny model and for the published sizes."""

from collections.abc import Mapping, Sequence

from torch import nn

from emolightning.models.emotion_llama_v2.emotion_llama_v2 import EmotionLlamaV2
from emolightning.models.emotion_llama_v2.fusion import ConvProAttention, FusionSettings
from emolightning.models.emotion_llama_v2.inputs import FUSED, FUSION, STREAMS, VISUAL
from emolightning.models.emotion_llama_v2.processor import MissingStreams
from emolightning.models.parts.assembling import (
    language_that_answers,
    let_train,
    require_settings,
    require_weights,
)
from emolightning.models.parts.language import LanguageSettings
from emolightning.models.parts.lora import LoraSettings
from emolightning.models.parts.projection import Projections
from emolightning.models.parts.trained_parts import TrainedParts
from emolightning.models.parts.vision import PATCHES_PER_TOKEN, VisionSettings, VisionTower


def build_emotion_llama_v2(
    *,
    vision: VisionSettings,
    language: LanguageSettings,
    lora: LoraSettings,
    fusion: FusionSettings,
    inputs: Sequence[str],
    feature_widths: Mapping[str, int],
    train: TrainedParts = TrainedParts(),  # noqa: B008  # frozen
    num_tokens: int = 64,
    missing: MissingStreams = "zeros",
    llm: str | None = None,
    is_empty: bool = False,
) -> EmotionLlamaV2:
    """Assemble the model with the fusion and the projections that the run's inputs need.

    Args:
        vision: sizes and weights of the tower; not built when `image` is not among the inputs.
        language: sizes and weights of the language model.
        lora: the adapters, of the parts that train by them.
        fusion: sizes of the fusion.
        inputs: active inputs (`emolightning.models.emotion_llama_v2.inputs`).
        feature_widths: feature input name -> width, read from the data.
        train: how each part trains; the fusion trains as the projections do.
        num_tokens: vectors of `video`, of `audio` and of what is fused of them; shorter ones are filled with zeros.
        missing: what is in the place of a stream that is all zeros; the sequences are made by the processor.
        llm: what `language.path` refers to in a configuration, so that it has a short name; not read here.
        is_empty: the language model has no weights yet; the first rank shares them later.

    Raises:
        UserError: local weights are missing; one sentence says which.
        InputErrors: settings that exclude each other.
    """
    require_settings(vision, language, train)
    require_weights(vision, language)
    adapted, tokenizer, width = language_that_answers(language, lora, train, is_empty=is_empty)
    tower = VisionTower(vision) if VISUAL[0] in inputs else None
    if tower is not None:
        let_train(tower, train.vision, lora)
    is_trained = train.projections == "full"
    fused, projected = stream_widths(vision, fusion, inputs, feature_widths)
    fusing = ConvProAttention(fused, fusion).requires_grad_(is_trained) if fused else nn.Identity()
    return EmotionLlamaV2(
        language=adapted,
        tokenizer=tokenizer,
        projections=Projections(projected, width).requires_grad_(is_trained),
        fusion=fusing,
        vision=tower,
        num_tokens=num_tokens,
    )


def stream_widths(
    vision: VisionSettings, fusion: FusionSettings, inputs: Sequence[str], feature_widths: Mapping[str, int]
) -> tuple[dict[str, int], dict[str, int]]:
    """Stream name -> width: of what is fused, and of what is projected."""
    found = {name: width for name, width in feature_widths.items() if name in inputs}
    if VISUAL[0] in inputs:
        found |= {VISUAL[0]: PATCHES_PER_TOKEN * vision.width, VISUAL[1]: vision.width}
    fused = {name: found[name] for name in FUSED if name in found}
    found |= {FUSION: fusion.output} if fused else {}
    return fused, {name: found[name] for name in STREAMS if name in found}
