"""A model of any size without its values: shapes and types on torch's meta device, and no weights needed."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from peft import PeftModel

from emolightning.models.emotion_llama.emotion_llama import EmotionLlama
from emolightning.models.parts.language import LanguageSettings, missing_language_files

Build = Callable[..., EmotionLlama]
"""Settings of a model's group -> the model; takes changed settings of `vision` and `language` by name."""


def build_on_meta(
    build: Build,
    settings: Mapping[str, Any],
    *,
    inputs: Sequence[str],
    feature_widths: Mapping[str, int],
    vocabulary_size: int,
    with_folder: bool = False,
) -> EmotionLlama:
    """Shapes and dtypes without values, whatever weights the settings name.

    Args:
        build: makes the model.
        settings: the model's group.
        inputs: active inputs.
        feature_widths: feature input name -> width.
        vocabulary_size: of a language model whose settings name a folder, but no tokenizer.
        with_folder: the sizes are those of the folder's `config.json`, not of the settings.
    """
    language, vision = settings["language"], settings["vision"]
    # The small tokenizer writes the text; head and embeddings are as large as they would be.
    is_foreign = not with_folder and language["path"] is not None and language["tokenizer"] is None
    path = language["path"] if with_folder else None
    bare = {
        **settings,
        "language": {**language, "path": path, "quantization": "none"},
        "vision": {**vision, "path": None},
    }
    with torch.device("meta"):
        model = build(bare, inputs=inputs, feature_widths=feature_widths)
        if is_foreign:
            base = model.language.get_base_model() if isinstance(model.language, PeftModel) else model.language
            base.resize_token_embeddings(vocabulary_size, mean_resizing=False)
    return model


def has_folder(settings: Mapping[str, Any]) -> bool:
    """Whether the language model's folder is there, so that its own sizes can be asked."""
    path = settings["language"]["path"]
    if path is None or not Path(path).is_dir():
        return False
    tokenizer = settings["language"]["tokenizer"]
    return not missing_language_files(LanguageSettings(path=path, tokenizer=tokenizer))
