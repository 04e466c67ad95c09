"""What families with a vision tower and a language model have in common when they are put together."""

from typing import Any

from emolightning.errors import InputErrors, UserError
from emolightning.models.parts import quantization
from emolightning.models.parts.language import (
    LanguageSettings,
    checkpoint_gradients,
    load_language_model,
    missing_language_files,
)
from emolightning.models.parts.lora import LoraSettings, attach_lora, attach_vision_lora
from emolightning.models.parts.tokenizer import Tokenizer, load_tokenizer
from emolightning.models.parts.trained_parts import How, TrainedParts
from emolightning.models.parts.vision import VisionSettings, VisionTower, missing_vision_files


def language_that_answers(
    settings: LanguageSettings,
    lora: LoraSettings,
    train: TrainedParts,
    *,
    is_empty: bool,
    tokenizer: Tokenizer | None = None,
) -> tuple[Any, Tokenizer, int]:
    """The language model as it trains, its tokenizer, and the width of its embeddings.

    Args:
        settings: sizes and weights.
        lora: its adapters, where it trains by them.
        train: how each part trains.
        is_empty: it has no weights yet; the first rank shares them later.
        tokenizer: with a family's own chat format; None asks as the language model was taught.
    """
    tokenizer = tokenizer or load_tokenizer(settings)
    base = load_language_model(settings, len(tokenizer), is_empty=is_empty)
    embeddings = base.get_input_embeddings()
    tokenizer.fit_embeddings(embeddings.num_embeddings)
    return adapted(base, settings, train.language, lora), tokenizer, embeddings.embedding_dim


def let_train(tower: VisionTower, how: How, lora: LoraSettings) -> None:
    """Leave the tower frozen, put adapters into it, or let all of it learn."""
    if how == "lora":
        tower.tower = attach_vision_lora(tower.tower, lora)
    elif how == "full":
        tower.requires_grad_(True)


def adapted(base: Any, settings: LanguageSettings, how: How, lora: LoraSettings, *, within: str = "") -> Any:
    """The language model as it trains; `within` names the part that alone gets adapters."""
    language = attach_lora(base, lora, within=within) if how == "lora" else base.requires_grad_(how == "full")
    if settings.gradient_checkpointing:  # After PEFT, which else adds a hook that is for reentrant ones.
        checkpoint_gradients(language)
    return language


def require_settings(vision: VisionSettings | None, language: LanguageSettings, train: TrainedParts) -> None:
    """Refuse settings that exclude each other.

    Args:
        vision: sizes of the tower; None for a family without one.
        language: sizes of the language model.
        train: how each part trains.

    Raises:
        InputErrors: all of them.
    """
    parts: dict[str, tuple[str, Any]] = {"language": (train.language, language)}
    if vision is not None:
        parts = {"vision": (train.vision, vision), **parts}
    problems = [
        f"model.train.{name}=full adds small steps to the weights, which {settings.dtype} would round away: say "
        f"model.{name}.dtype=float32 (trainer.precision=bf16-mixed computes in bfloat16 all the same)"
        for name, (how, settings) in parts.items()
        if how == "full" and settings.dtype != "float32"
    ]
    problems += _vision_problems(vision) if vision is not None else []
    problems += _language_problems(language)
    problems += _quantization_problems(language, train) if language.quantization != "none" else []
    if problems:
        raise InputErrors("model", problems)


def _vision_problems(vision: VisionSettings) -> list[str]:
    """Sizes that no tower can have."""
    problems = []
    frame = f"model.vision.image_size={vision.image_size} with patch_size={vision.patch_size}"
    if vision.image_size % vision.patch_size or (vision.image_size // vision.patch_size) % 2:
        problems.append(f"{frame}: a frame must be an even number of patches wide, since four of them make one token")
    if vision.width % vision.num_heads:
        problems.append(f"model.vision.width={vision.width}: must be divisible by num_heads={vision.num_heads}")
    return problems


def _language_problems(language: LanguageSettings) -> list[str]:
    """Sizes that no random language model can have."""
    heads = 2 * language.num_heads
    if language.path is not None or language.width % heads == 0:
        return []
    return [f"model.language.width={language.width}: must be divisible by 2 * num_heads={heads}"]


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


def require_weights(vision: VisionSettings | None, language: LanguageSettings, *, tiny: str = "tiny") -> None:
    """Say what is missing before anything is loaded.

    Args:
        vision: where the tower is; None for a family without one.
        language: where the language model is.
        tiny: the family's model that needs no weights.

    Raises:
        UserError: in one sentence, all that is not there.
    """
    missing = (missing_vision_files(vision) if vision is not None else []) + missing_language_files(language)
    if missing:
        names = "model.llm=..." if vision is None else "model.llm=... model.vision.path=..."
        raise UserError(
            f"model: missing {', and '.join(missing)}; put the weights there or name other folders with {names} "
            f"(model={tiny} needs none)"
        )
