"""Settings -> a chat model."""

from collections.abc import Sequence
from typing import Any

from emolightning.errors import InputErrors
from emolightning.models.chat_transformers.folder import CHAT, read_config, read_folder
from emolightning.models.chat_transformers.inputs import taken
from emolightning.models.chat_transformers.model import ChatModel
from emolightning.models.chat_transformers.processor import ChatProcessor
from emolightning.models.parts.assembling import adapted, require_settings
from emolightning.models.parts.language import LanguageSettings, load_language_model
from emolightning.models.parts.lora import LoraSettings
from emolightning.models.parts.trained_parts import TrainedParts

LEAST_PIXELS = 56 * 56


def build_chat_model(
    *,
    language: LanguageSettings,
    lora: LoraSettings,
    inputs: Sequence[str],
    train: TrainedParts = TrainedParts(),  # noqa: B008  # frozen
    max_pixels: int | None = None,
    path: str | None = None,
    is_empty: bool = False,
) -> ChatModel:
    """The model of a folder.

    Args:
        language: where it is, and how it computes.
        lora: its adapters.
        inputs: what it is shown of a clip.
        train: how its language model trains.
        max_pixels: of a frame at most; None leaves it to the folder.
        path: what `language.path` refers to in a configuration, so that it has a short name; not read here.
        is_empty: it has no weights yet; the first rank shares them later.

    Raises:
        UserError: the folder cannot be used.
    """
    require_own_settings(language, train, max_pixels)
    folder = read_folder(str(language.path), max_pixels)
    processor = ChatProcessor(folder)
    base = load_language_model(language, len(processor.tokenizer), is_empty=is_empty, kind=CHAT)
    whole = adapted(base, language, train.language, lora, within=decoder_of(base))
    return ChatModel(language=whole, processor=processor, inputs=inputs, takes=tuple(taken(read_config(folder.path))))


def decoder_of(model: Any) -> str:
    """Name of the module that writes: adapters belong there, and not into towers with layers of the same names."""
    decoder = model.get_decoder()
    return next(name for name, module in model.named_modules() if module is decoder)


def require_own_settings(language: LanguageSettings, train: TrainedParts, max_pixels: int | None) -> None:
    """Refuse settings that exclude each other.

    Raises:
        InputErrors: all of them.
    """
    require_settings(None, language, train)
    problems = [
        f"model.train.{part}={getattr(train, part)}: a chat model trains as a whole; say model.train.language=..."
        for part, only in (("vision", "frozen"), ("projections", "frozen"))
        if getattr(train, part) != only
    ]
    if max_pixels is not None and max_pixels < LEAST_PIXELS:
        problems.append(f"model.max_pixels={max_pixels}: must be at least {LEAST_PIXELS}, a square of 56 pixels")
    if problems:
        raise InputErrors("model", problems)
