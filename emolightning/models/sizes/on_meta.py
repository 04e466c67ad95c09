"""A model of any size without its values: shapes and types on torch's meta device, and no weights needed."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeVar

import torch

from emolightning.models.emotion_model import EmotionModel
from emolightning.models.family import Sees
from emolightning.models.parts.language import LanguageSettings, missing_language_files
from emolightning.models.parts.lora import unwrapped

Model = TypeVar("Model", bound=EmotionModel)


def build_on_meta(
    build: Callable[..., Model],
    settings: Mapping[str, Any],
    *,
    sees: Sees,
    vocabulary_size: int,
    with_folder: bool = False,
) -> Model:
    """Shapes and dtypes without values, whatever weights the settings name.

    Args:
        build: makes the model, as `Family.build`.
        settings: the model's group.
        sees: what it is built around.
        vocabulary_size: of a language model whose settings name a folder, but no tokenizer.
        with_folder: the sizes are those of the folder's `config.json`, not of the settings.
    """
    with torch.device("meta"):
        model = build(without_weights(settings, with_folder=with_folder), sees=sees)
        language: Any = model.parts().get("language")
        given = settings.get("language", {})
        # The small tokenizer writes the text; head and embeddings are as large as they would be.
        if language is not None and not with_folder and given["path"] is not None and given["tokenizer"] is None:
            unwrapped(language).resize_token_embeddings(vocabulary_size, mean_resizing=False)
    return model


def without_weights(settings: Mapping[str, Any], *, with_folder: bool = False) -> dict[str, Any]:
    """The same settings with no `path` to weights in any part.

    Args:
        settings: the model's group.
        with_folder: the language model keeps its own.
    """
    bare = dict(settings)
    for name, part in settings.items():
        if isinstance(part, Mapping) and "path" in part:
            bare[name] = {**part, "path": part["path"] if name == "language" and with_folder else None}
    if "language" in bare:
        bare["language"]["quantization"] = "none"
    return bare


def has_folder(settings: Mapping[str, Any]) -> bool:
    """Whether the language model's folder is there, so that its own sizes can be asked."""
    path = settings["language"]["path"] if "language" in settings else None
    if path is None or not Path(path).is_dir():
        return False
    tokenizer = settings["language"]["tokenizer"]
    return not missing_language_files(LanguageSettings(path=path, tokenizer=tokenizer))
