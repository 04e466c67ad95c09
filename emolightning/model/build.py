"""Settings -> EmotionLlama: the same function for the tiny model and for the published sizes."""

from collections.abc import Mapping, Sequence

from emolightning.errors import UserError
from emolightning.model.emotion_llama import EmotionLlama
from emolightning.model.language import (
    LanguageSettings,
    load_language_model,
    missing_language_files,
)
from emolightning.model.lora import LoraSettings, attach_lora
from emolightning.model.projection import Projections
from emolightning.model.tokenizer import load_tokenizer
from emolightning.model.vision import (
    PATCHES_PER_TOKEN,
    VisionSettings,
    VisionTower,
    missing_vision_files,
)


def build_emotion_llama(
    *,
    vision: VisionSettings,
    language: LanguageSettings,
    lora: LoraSettings,
    inputs: Sequence[str],
    feature_widths: Mapping[str, int],
) -> EmotionLlama:
    """Assemble the model with the projections that the run's inputs need.

    Args:
        vision: sizes and weights of the tower; not built when `image` is not among the inputs.
        language: sizes and weights of the language model.
        lora: the adapters.
        inputs: active inputs (`emolightning.inputs`).
        feature_widths: feature input name -> width, read from the data.

    Raises:
        UserError: local weights are missing; one sentence says which.
    """
    require_weights(vision, language)
    tokenizer = load_tokenizer(language)
    base = load_language_model(language, len(tokenizer))
    tower = VisionTower(vision) if "image" in inputs else None
    widths: dict[str, int] = {name: feature_widths[name] for name in feature_widths if name in inputs}
    if tower is not None:
        widths |= {"image": PATCHES_PER_TOKEN * vision.width, "class_token": vision.width}
    return EmotionLlama(
        language=attach_lora(base, lora),
        tokenizer=tokenizer,
        projections=Projections(widths, base.get_input_embeddings().embedding_dim),
        vision=tower,
    )


def require_weights(vision: VisionSettings, language: LanguageSettings) -> None:
    """Say what is missing before anything is loaded.

    Raises:
        UserError: in one sentence, all that is not there.
    """
    missing = missing_vision_files(vision) + missing_language_files(language)
    if missing:
        raise UserError(
            f"model: missing {', and '.join(missing)}; put the weights there or name other folders with "
            "model.language.path=... model.vision.path=... (model=tiny needs none)"
        )
