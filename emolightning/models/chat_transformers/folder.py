"""What a folder of a chat model holds beside its weights, and whether it can be used. No code of it runs."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import transformers
from transformers import (
    AutoFeatureExtractor,
    AutoImageProcessor,
    AutoModelForMultimodalLM,
    AutoTokenizer,
)
from transformers.models.auto.modeling_auto import MODEL_FOR_MULTIMODAL_LM_MAPPING_NAMES
from transformers.models.auto.processing_auto import PROCESSOR_MAPPING_NAMES

from emolightning.errors import UserError
from emolightning.models.chat_transformers.films import WAYS, FilmProcessor, Way
from emolightning.models.chat_transformers.inputs import THINKERS
from emolightning.models.parts.pretrained import CONFIG, OWN_CODE, ModelKind, broken_json, first_line, refuse_kernels

PROCESSOR_FILES = ("processor_config.json", "preprocessor_config.json", "tokenizer_config.json")
"""Where the name of a processor's class is looked for, as transformers does."""

NEEDED = {
    "num2words": "num2words",
    "timm": "timm",
    "torchvision": "torchvision",
    "Could not load any image processor class": "torchvision",
}
"""What transformers says of a processor that lacks a library -> the library."""

SPEAKS = ("talker.", "token2wav.", "code2wav.")
"""Tensors of the parts that speak, which are left in the file."""


@dataclass(frozen=True)
class ChatFolder:
    """A folder that can be used."""

    path: Path
    model_type: str
    """Kind of model, as transformers calls it."""
    processor: Any
    """That of the model's class, with our own reading of videos."""
    max_pixels: int | None = None
    """The most that a frame has; None leaves it to the folder."""

    @property
    def way(self) -> Way:
        """How it takes a video."""
        return WAYS.get(self.model_type, Way())


def _thinking(config: Any) -> Any:
    """The configuration of what writes: Omni models speak as well."""
    return config.thinker_config if config.model_type in THINKERS else config


CHAT = ModelKind(AutoModelForMultimodalLM, "chat model", part=_thinking, leaves_out=SPEAKS)


def read_folder(path: str | Path, max_pixels: int | None = None) -> ChatFolder:
    """What is beside the weights of a chat model.

    Args:
        path: a Hugging Face folder.
        max_pixels: of a frame at most; None leaves it to the folder.

    Raises:
        UserError: says in one sentence what is missing, or why it cannot be used.
    """
    folder = Path(path)
    files = [file for file in sorted(folder.glob("*")) if not file.match("*.safetensors")]
    return _read(folder, max_pixels, tuple((file.name, file.stat().st_mtime_ns) for file in files if file.is_file()))


@lru_cache(maxsize=2)
def _read(folder: Path, max_pixels: int | None, stamps: tuple[tuple[str, int], ...]) -> ChatFolder:
    """Read once in each process, unless a file changes: a tokenizer takes a second."""
    config = read_config(folder)
    model_type = _model_type(folder, config)
    processor = _processor(folder, model_type, max_pixels)
    if not (processor.chat_template or getattr(processor.tokenizer, "chat_template", None)):
        raise UserError(
            f"{folder}: has no chat template, so nobody knows how this model is asked; put the model's own "
            "chat_template.jinja there, or take a model that was trained to chat"
        )
    return ChatFolder(folder, model_type, processor, max_pixels)


def read_config(folder: Path) -> Mapping[str, Any]:
    """The content of `config.json`.

    Raises:
        UserError: there is none, or it is not that of a model.
    """
    if not folder.is_dir():
        wrong = "is no folder" if folder.exists() else "no such folder"
        raise UserError(
            f"model.path={folder}: {wrong}; name the folder that holds a chat model's files (nothing is downloaded)"
        )
    file = folder / CONFIG
    if not file.is_file():
        raise UserError(f"model.path={folder}: has no {CONFIG}; name the folder that holds the model's files")
    if said := broken_json(folder):
        raise UserError(f"{folder}: {said.removesuffix(': ')}; get a whole copy of the model")
    config = json.loads(file.read_text(encoding="utf-8"))
    if not isinstance(config, dict) or not isinstance(config.get("model_type"), str):
        raise UserError(f"{file}: says no model_type; get the model's own {CONFIG}")
    return config


def _model_type(folder: Path, config: Mapping[str, Any]) -> str:
    """The kind of model, if transformers has it and it takes more than text."""
    found = config["model_type"]
    refuse_kernels(folder)
    if found not in MODEL_FOR_MULTIMODAL_LM_MAPPING_NAMES:
        name = ascii(found)[:80]
        if config.get("auto_map"):
            raise UserError(
                f"{folder} {OWN_CODE}; model_type={name} is not one of transformers {transformers.__version__}"
            )
        if found in transformers.models.auto.modeling_auto.MODEL_FOR_CAUSAL_LM_MAPPING_NAMES:
            raise UserError(
                f"{folder}: {name} reads text alone, and sees and hears nothing of a clip; take a chat model that "
                f"does, or train it with encoders: model=affectgpt model.llm={folder}"
            )
        raise UserError(
            f"{folder}: model_type={name} is no chat model that transformers {transformers.__version__} has; see "
            "docs/guides/evaluate.md for those that it has"
        )
    return THINKERS.get(found, found)


def _processor(folder: Path, model_type: str, max_pixels: int | None) -> Any:
    kind = _processor_class(folder, model_type)
    try:
        arguments = [_part(folder, name, model_type, max_pixels) for name in kind.get_attributes()]
        about, _ = kind.get_processor_dict(str(folder), local_files_only=True)
        made = _with_own_films(kind).from_args_and_dict(arguments, about)
    except Exception as error:  # Whatever damaged files make of transformers' many classes.
        if library := next((name for said, name in NEEDED.items() if said in str(error)), ""):
            raise UserError(
                f"{folder}: the processor of {model_type} needs {library}, which is not installed; pip install "
                f"{library}, or take another model"
            ) from error
        raise UserError(
            f"{folder}: transformers cannot make the processor of {model_type} ({first_line(error)}); get a whole copy "
            "of the model, with preprocessor_config.json or processor_config.json and its tokenizer"
        ) from error
    made.__class__ = kind  # What worker processes are sent needs a class that they find by name.
    return made


def _processor_class(folder: Path, model_type: str) -> Any:
    names = [
        json.loads(file.read_text(encoding="utf-8")).get("processor_class")
        for file in (folder / name for name in PROCESSOR_FILES)
        if file.is_file()
    ]
    whole = {thinker: kind for kind, thinker in THINKERS.items()}.get(model_type, model_type)
    if not any((folder / name).is_file() for name in PROCESSOR_FILES[:2]):
        raise UserError(
            f"{folder}: has no processor, neither {PROCESSOR_FILES[0]} nor {PROCESSOR_FILES[1]}; copy the model's own "
            "files there"
        )
    for name in [*names, PROCESSOR_MAPPING_NAMES.get(whole)]:
        if isinstance(name, str) and isinstance(found := getattr(transformers, name, None), type):
            return found
    raise UserError(f"{folder}: transformers has no processor for {model_type}; take another model")


def _with_own_films(kind: Any) -> Any:
    """The same class, which takes ours in the place of a video processor that torchvision is needed for."""

    def check(self: Any, name: str, argument: Any) -> Any:
        return (
            None if isinstance(argument, FilmProcessor) else kind.check_argument_for_proper_class(self, name, argument)
        )

    return type(kind.__name__, (kind,), {"check_argument_for_proper_class": check})


def _part(folder: Path, name: str, model_type: str, max_pixels: int | None) -> Any:
    """One of what a processor is made of."""
    options = {"local_files_only": True}
    if name == "tokenizer":
        return AutoTokenizer.from_pretrained(str(folder), trust_remote_code=False, **options)
    if name == "video_processor":
        settings, _ = FilmProcessor.get_video_processor_dict(str(folder), **options)
        return FilmProcessor(WAYS.get(model_type, Way()), settings, max_pixels)
    if name == "image_processor":
        return AutoImageProcessor.from_pretrained(str(folder), backend="pil", trust_remote_code=False, **options)
    return AutoFeatureExtractor.from_pretrained(str(folder), trust_remote_code=False, **options)
