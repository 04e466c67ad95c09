"""The language model below the adapters, tensor by tensor: a Hugging Face folder, or the random model of some sizes."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from emolightning.errors import UserError
from emolightning.models.parts.language import LanguageSettings, load_language_model
from emolightning.models.parts.parameters import fingerprints
from emolightning.models.parts.pretrained import describe_model
from emolightning.models.parts.safetensors_files import SINGLE, SafetensorsFolder
from emolightning.models.parts.tensor_info import TensorInfo, dtype_name
from emolightning.models.parts.tokenizer import TINY_TOKENIZER, load_tokenizer

TOKENIZER_FILES = (
    "tokenizer*",
    "special_tokens_map.json",
    "added_tokens.json",
    "vocab.json",
    "merges.txt",
    "chat_template*",
)
CONFIG_FILES = ("config.json", "generation_config.json")


@dataclass(frozen=True)
class Base:
    """A frozen language model."""

    name: str
    """How messages call it."""
    infos: Mapping[str, TensorInfo]
    parameters: tuple[str, ...]
    """Names of the model's parameters; a folder can hold other tensors, too."""
    shards: Mapping[str, str]
    """Name -> the file that it is in, or will be."""
    load: Callable[[str], Tensor]
    write_config: Callable[[Path], None]
    """Puts `config.json` and what belongs to it into a folder."""
    tokenizer: Path
    """A folder with its tokenizer."""

    def fingerprints(self, dtypes: Iterable[str]) -> dict[str, str]:
        """Type -> what `base_fingerprints` gives for the model loaded in it."""
        return fingerprints(((name, self.load(name)) for name in sorted(self.parameters)), dtypes)


def language_settings(values: Mapping[str, Any], place: Path) -> LanguageSettings:
    """Settings from a description; names that this version does not have are left out.

    Raises:
        UserError: a value is of no use.
    """
    known = {item.name for item in fields(LanguageSettings)}
    settings = LanguageSettings(**{name: value for name, value in values.items() if name in known})
    is_text = all(value is None or isinstance(value, str) for value in (settings.path, settings.tokenizer))
    if not is_text or not isinstance(getattr(torch, str(settings.dtype), None), torch.dtype):
        raise UserError(f"{place}: model.language does not describe a language model: {dict(values)}")
    return settings


def open_base(settings: LanguageSettings) -> Base:
    """The base that the settings name.

    Raises:
        UserError: the folder is not there or not whole.
    """
    return _random_base(settings) if settings.path is None else _folder_base(settings, Path(settings.path))


def language_on_meta(folder: Path) -> Any:
    """The model that a folder's `config.json` describes, without memory.

    Raises:
        UserError: there is none, it asks for code of its own, or transformers cannot build it.
    """
    try:
        return describe_model(folder)
    except UserError as error:
        raise UserError(f"llama={error}") from error.__cause__


def _folder_base(settings: LanguageSettings, path: Path) -> Base:
    if not path.is_dir():
        raise UserError(f"{path}: no such folder; say llama=FOLDER where the language model lies now")
    folder = SafetensorsFolder(path)
    parameters = tuple(name for name, _ in language_on_meta(path).named_parameters())
    absent = sorted(set(parameters) - set(folder.tensors))
    if absent:
        raise UserError(f"{path}: {len(absent)} tensors are missing, e.g. {absent[0]}; get a whole copy")
    return Base(
        name=str(path),
        infos=folder.tensors,
        parameters=parameters,
        shards={name: place.name for name, place in folder.places.items()},
        load=lambda name: folder.load([name])[name],
        write_config=lambda target: copy_files(path, target, CONFIG_FILES),
        tokenizer=Path(settings.tokenizer) if settings.tokenizer else path,
    )


def _random_base(settings: LanguageSettings) -> Base:
    model = load_language_model(settings, len(load_tokenizer(settings)))
    state = {name: parameter.detach() for name, parameter in model.named_parameters()}
    return Base(
        name=f"the random model of seed {settings.seed}",
        infos={name: TensorInfo(tuple(tensor.shape), dtype_name(tensor)) for name, tensor in state.items()},
        parameters=tuple(state),
        shards=dict.fromkeys(state, SINGLE),
        load=state.__getitem__,
        write_config=model.config.save_pretrained,
        tokenizer=Path(settings.tokenizer) if settings.tokenizer else TINY_TOKENIZER,
    )


def copy_files(source: Path, target: Path, patterns: tuple[str, ...]) -> None:
    """Files of a folder that fit one of the patterns."""
    for pattern in patterns:
        for path in sorted(source.glob(pattern)):
            if path.is_file():
                (target / path.name).write_bytes(path.read_bytes())
