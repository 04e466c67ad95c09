"""Settings -> EmotionLlama: the same function for the tiny model and for the published sizes."""

from collections.abc import Mapping, Sequence

from emolightning.models.emotion_llama.emotion_llama import EmotionLlama
from emolightning.models.emotion_llama.inputs import STREAMS
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


def build_emotion_llama(
    *,
    vision: VisionSettings,
    language: LanguageSettings,
    lora: LoraSettings,
    inputs: Sequence[str],
    feature_widths: Mapping[str, int],
    train: TrainedParts = TrainedParts(),  # noqa: B008  # frozen
    llm: str | None = None,
    is_empty: bool = False,
) -> EmotionLlama:
    """Assemble the model with the projections that the run's inputs need.

    Args:
        vision: sizes and weights of the tower; not built when `image` is not among the inputs.
        language: sizes and weights of the language model.
        lora: the adapters, of the parts that train by them.
        inputs: active inputs (`emolightning.models.emotion_llama.inputs`).
        feature_widths: feature input name -> width, read from the data.
        train: how each part trains.
        llm: what `language.path` refers to in a configuration, so that it has a short name; not read here.
        is_empty: the language model has no weights yet; the first rank shares them later.

    Raises:
        UserError: local weights are missing; one sentence says which.
        InputErrors: settings that exclude each other.
    """
    require_settings(vision, language, train)
    require_weights(vision, language)
    adapted, tokenizer, width = language_that_answers(language, lora, train, is_empty=is_empty)
    tower = VisionTower(vision) if "image" in inputs else None
    widths: dict[str, int] = {name: feature_widths[name] for name in feature_widths if name in inputs}
    if tower is not None:
        let_train(tower, train.vision, lora)
        widths |= {"image": PATCHES_PER_TOKEN * vision.width, "class_token": vision.width}
    in_order = {name: widths[name] for name in STREAMS if name in widths}
    projections = Projections(in_order, width).requires_grad_(train.projections == "full")
    return EmotionLlama(language=adapted, tokenizer=tokenizer, projections=projections, vision=tower)
