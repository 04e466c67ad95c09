"""Settings -> EmotionLlama: the same function for the tiny model and for the published sizes."""

from collections.abc import Mapping, Sequence
from typing import Any

from emolightning.errors import InputErrors, UserError
from emolightning.models.emotion_llama.emotion_llama import EmotionLlama
from emolightning.models.emotion_llama.inputs import STREAMS
from emolightning.models.parts import quantization
from emolightning.models.parts.language import (
    LanguageSettings,
    checkpoint_gradients,
    load_language_model,
    missing_language_files,
)
from emolightning.models.parts.lora import LoraSettings, attach_lora, attach_vision_lora
from emolightning.models.parts.projection import Projections
from emolightning.models.parts.tokenizer import load_tokenizer
from emolightning.models.parts.trained_parts import How, TrainedParts
from emolightning.models.parts.vision import (
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
    tokenizer = load_tokenizer(language)
    base = load_language_model(language, len(tokenizer), is_empty=is_empty)
    embeddings = base.get_input_embeddings()
    tokenizer.fit_embeddings(embeddings.num_embeddings)
    adapted = _adapted(base, language, train.language, lora)
    tower = VisionTower(vision) if "image" in inputs else None
    widths: dict[str, int] = {name: feature_widths[name] for name in feature_widths if name in inputs}
    if tower is not None:
        _let_train(tower, train.vision, lora)
        widths |= {"image": PATCHES_PER_TOKEN * vision.width, "class_token": vision.width}
    in_order = {name: widths[name] for name in STREAMS if name in widths}
    projections = Projections(in_order, embeddings.embedding_dim).requires_grad_(train.projections == "full")
    return EmotionLlama(language=adapted, tokenizer=tokenizer, projections=projections, vision=tower)


def _let_train(tower: VisionTower, how: How, lora: LoraSettings) -> None:
    if how == "lora":
        tower.tower = attach_vision_lora(tower.tower, lora)
    elif how == "full":
        tower.requires_grad_(True)


def _adapted(base: Any, settings: LanguageSettings, how: How, lora: LoraSettings) -> Any:
    """The language model as it trains."""
    language = attach_lora(base, lora) if how == "lora" else base.requires_grad_(how == "full")
    if settings.gradient_checkpointing:  # After PEFT, which else adds a hook that is for reentrant ones.
        checkpoint_gradients(language)
    return language


def require_settings(vision: VisionSettings, language: LanguageSettings, train: TrainedParts) -> None:
    """Refuse settings that exclude each other.

    Raises:
        InputErrors: all of them.
    """
    parts: dict[str, tuple[str, Any]] = {"vision": (train.vision, vision), "language": (train.language, language)}
    problems = [
        f"model.train.{name}=full adds small steps to the weights, which {settings.dtype} would round away: say "
        f"model.{name}.dtype=float32 (trainer.precision=bf16-mixed computes in bfloat16 all the same)"
        for name, (how, settings) in parts.items()
        if how == "full" and settings.dtype != "float32"
    ]
    problems += _size_problems(vision, language)
    problems += _quantization_problems(language, train) if language.quantization != "none" else []
    if problems:
        raise InputErrors("model", problems)


def _size_problems(vision: VisionSettings, language: LanguageSettings) -> list[str]:
    """Sizes that no tower or random language model can have."""
    problems = []
    frame = f"model.vision.image_size={vision.image_size} with patch_size={vision.patch_size}"
    if vision.image_size % vision.patch_size or (vision.image_size // vision.patch_size) % 2:
        problems.append(f"{frame}: a frame must be an even number of patches wide, since four of them make one token")
    if vision.width % vision.num_heads:
        problems.append(f"model.vision.width={vision.width}: must be divisible by num_heads={vision.num_heads}")
    if language.path is None and language.width % (2 * language.num_heads):
        problems.append(
            f"model.language.width={language.width}: must be divisible by 2 * num_heads={2 * language.num_heads}"
        )
    return problems


def _quantization_problems(language: LanguageSettings, train: TrainedParts) -> list[str]:
    chosen = f"model.language.quantization={language.quantization}"
    problems = []
    if train.language == "full":
        problems.append(f"{chosen}: such weights cannot train; say model.train.language=lora, or quantization=none")
    if language.path is None:
        problems.append(f"{chosen} is for weights from a folder: say model.llm=FOLDER, or quantization=none")
    if not quantization.is_installed():
        problems.append(f"{chosen} needs bitsandbytes: pip install -e '.[quantization]'")
    return problems


def require_weights(vision: VisionSettings, language: LanguageSettings) -> None:
    """Say what is missing before anything is loaded.

    Raises:
        UserError: in one sentence, all that is not there.
    """
    missing = missing_vision_files(vision) + missing_language_files(language)
    if missing:
        raise UserError(
            f"model: missing {', and '.join(missing)}; put the weights there or name other folders with "
            "model.llm=... model.vision.path=... (model=tiny needs none)"
        )
