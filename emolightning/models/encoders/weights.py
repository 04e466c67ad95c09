"""Weights of an encoder from a Hugging Face folder: every tensor from there, no code of it run, nothing downloaded."""

import hashlib
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from transformers import PreTrainedModel
from transformers.utils import logging

from emolightning.errors import InputErrors, UserError
from emolightning.files.digests import sha256_of
from emolightning.files.documents import read_json_object
from emolightning.models.parts.pretrained import CONFIG, first_line, refuse_adapter, refuse_kernels
from emolightning.models.parts.safetensors_files import SafetensorsFolder
from emolightning.models.parts.torch_files import TorchFile

TORCH_FILE = "pytorch_model.bin"
SHOWN = 5


def load_encoder(
    kind: type[PreTrainedModel],
    folder: Path | str,
    *,
    model_types: Collection[str] = (),
    part: str = "",
    changes: Mapping[str, Any] | None = None,
    **options: Any,
) -> PreTrainedModel:
    """The encoder of a folder, in float32 and in evaluation mode.

    Heads that `kind` does not have are left out; everything else of the file must fit.

    Args:
        kind: a class of transformers, e.g. `HubertModel`.
        folder: `config.json` and safetensors, or `pytorch_model.bin`.
        model_types: what `model_type` may be; none means that of `kind`.
        changes: of `config.json`, where it builds what only training needs.
        part: of the saved model, e.g. `encoder`; the rest of the file is not loaded.
        **options: of the class, e.g. `add_pooling_layer`.

    Raises:
        UserError: no such folder, another kind of model, code of its own, files missing or damaged.
        InputErrors: tensors are missing, of other shapes, or more than `config.json` says.
    """
    folder = Path(folder)
    config = _config(kind, folder, set(model_types) or {kind.config_class.model_type})
    config.update(dict(changes or {}))
    tensors = read_tensors(folder)
    _require_layers(folder, config.to_dict(), len(tensors))
    if part:
        tensors = {name.partition(f"{part}.")[2]: tensor for name, tensor in tensors.items() if _is_in(part, name)}
    try:
        with _silence():
            model, found = kind.from_pretrained(
                None,
                config=config,
                state_dict=tensors,
                dtype=torch.float32,
                output_loading_info=True,
                ignore_mismatched_sizes=True,
                **options,
            )
    except Exception as error:  # Whatever wrong files make of transformers' many classes.
        raise UserError(
            f"{folder}: its weights do not make a {kind.__name__} ({first_line(error)}); get a whole copy of it"
        ) from error
    _require_whole(folder, model, found)
    return model.eval()


def _is_in(part: str, name: str) -> bool:
    """Files of a model with a head have one more name in front, e.g. `model.encoder.`."""
    return part in name.split(".")[:2]


@contextmanager
def _silence() -> Iterator[None]:
    """Keep transformers' bar and table off the screen: what they would show is checked here."""
    verbosity, bars = logging.get_verbosity(), logging.is_progress_bar_enabled()
    logging.set_verbosity_error()
    logging.disable_progress_bar()
    try:
        yield
    finally:
        logging.set_verbosity(verbosity)
        if bars:
            logging.enable_progress_bar()


def _config(kind: type[PreTrainedModel], folder: Path, model_types: set[str]) -> Any:
    if not folder.is_dir():
        raise UserError(f"{folder}: no such folder; give the Hugging Face folder of the encoder")
    refuse_adapter(folder)
    refuse_kernels(folder)
    found = read_json_object(folder / CONFIG).get("model_type")
    if found not in model_types:
        said = ascii(found)[:80]
        allowed = " or ".join(sorted(model_types))
        raise UserError(f"{folder}: {CONFIG} says model_type {said}, and this recipe needs {allowed}; give that folder")
    try:
        return kind.config_class.from_pretrained(str(folder), local_files_only=True)
    except Exception as error:  # As above.
        raise UserError(
            f"{folder}: {CONFIG} describes no {kind.__name__} ({first_line(error)}); get the model's own {CONFIG}"
        ) from error


def read_tensors(folder: Path) -> dict[str, Tensor]:
    """All tensors of a folder, mapped.

    Raises:
        UserError: there are none, or a file is damaged or holds more than tensors and plain values.
    """
    files = weights_files(folder)
    if files[0].name == TORCH_FILE:
        file = TorchFile(files[0])
        return file.load(file.tensors)
    shards = SafetensorsFolder(folder)
    return shards.load(shards.tensors)


def weights_files(folder: Path) -> list[Path]:
    """The safetensors of a folder; where it has none, its `pytorch_model.bin`.

    Raises:
        UserError: it has neither.
    """
    if not any(folder.glob("*.safetensors")) and (folder / TORCH_FILE).is_file():
        return [folder / TORCH_FILE]
    return SafetensorsFolder(folder).files


def fingerprint(files: Collection[Path]) -> str:
    """The SHA-256 of a file, as model hubs show it; of several files that over theirs, in the order of their names."""
    digests = [sha256_of(path) for path in sorted(files, key=lambda path: path.name)]
    return digests[0] if len(digests) == 1 else hashlib.sha256("\n".join(digests).encode()).hexdigest()


PROCESSING = ("preprocessor_config.json", "processor_config.json")
TOKENIZING = (
    "tokenizer.json",
    "tokenizer_config.json",
    "special_tokens_map.json",
    "added_tokens.json",
    "vocab.txt",
    "vocab.json",
    "merges.txt",
    "sentencepiece.bpe.model",
    "spiece.model",
    "tokenizer.model",
)


def side_files(folder: Path, names: Collection[str]) -> dict[str, str]:
    """File beside the weights -> its SHA-256: `config.json`, and those of `names` that are there."""
    return {name: sha256_of(folder / name) for name in sorted({CONFIG, *names}) if (folder / name).is_file()}


def _require_layers(folder: Path, config: Mapping[str, Any], num_tensors: int) -> None:
    """Refuse to build for hours what no file can fill.

    Raises:
        UserError: `config.json` wants more layers than there are tensors.
    """
    for key, value in config.items():
        if isinstance(value, Mapping):
            _require_layers(folder, value, num_tensors)
        elif "layers" in str(key) and isinstance(value, int) and value > num_tensors:
            said = f"{CONFIG} says {key} {value}, and there are only {num_tensors} tensors"
            raise UserError(f"{folder}: {said}; get the model's own {CONFIG}")


def _require_whole(folder: Path, model: PreTrainedModel, found: Mapping[str, Any]) -> None:
    """Missing tensors would be random, and tensors of layers that `config.json` does not know would be lost."""
    parts = {name for name, _ in model.named_children()}
    own = {name for name in found["unexpected_keys"] if parts & set(name.split(".")[:2])}
    problems = [
        *_named("missing, and would be random", found["missing_keys"]),
        *_named("of another shape", {item[0] for item in found["mismatched_keys"]}),
        *_named(f"not in the model that {CONFIG} describes", own),
        *map(str, found.get("error_msgs") or ()),
    ]
    if problems:
        hint = f"get a whole copy of the encoder, with its own {CONFIG}"
        raise InputErrors(str(folder), [*problems[:-1], f"{problems[-1]}; {hint}"])


def _named(wrong: str, names: Collection[str]) -> list[str]:
    shown = ", ".join(ascii(name)[1:-1] for name in sorted(names)[:SHOWN])
    more = f" and {len(names) - SHOWN} more" if len(names) > SHOWN else ""
    return [f"{len(names)} tensor(s) {wrong}: {shown}{more}"] if names else []
