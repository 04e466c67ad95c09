"""A language model from a Hugging Face folder: what is wrong with one is said by name, and no code of it runs.

transformers fills a tensor that it does not find with random numbers and a line in a log; here that is an error.
"""

import json
import re
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from transformers import AutoConfig, AutoModelForCausalLM, PreTrainedModel
from transformers.quantizers import AutoHfQuantizer

from emolightning.errors import InputErrors, UserError
from emolightning.files.documents import read_json_object
from emolightning.models.parts.safetensors_files import SafetensorsFolder

CONFIG = "config.json"
JSON_FILES = (CONFIG, "tokenizer_config.json", "tokenizer.json", "special_tokens_map.json")
ADAPTER_CONFIG = "adapter_config.json"
SHOWN = 5
OWN_CODE = (
    "asks for code of its own (auto_map); nothing of it was run; only architectures that transformers has are used"
)


@dataclass(frozen=True)
class ModelKind:
    """Which of transformers' models a folder is read as."""

    auto: Any
    """The class that finds the model's own."""
    name: str
    """What messages call it."""
    part: Callable[[Any], Any] = lambda config: config
    """The configuration of what is used."""
    leaves_out: tuple[str, ...] = ()
    """Beginnings of the names of tensors that belong to what is not."""


CAUSAL = ModelKind(AutoModelForCausalLM, "language model")


def load_pretrained(folder: Path, *, kind: ModelKind = CAUSAL, **options: Any) -> PreTrainedModel:
    """The model of a folder, every weight of it from there.

    Args:
        folder: `config.json` and safetensors.
        kind: what it is read as.
        **options: of `from_pretrained`: type, attention, quantization.

    Raises:
        UserError: the folder asks for its own code, or a file of it is missing or damaged.
        InputErrors: tensors are missing, left over or of other shapes than `config.json` says.
        ImportError: a library that `options` need for quantization.
    """
    described = describe_model(folder, kind=kind)
    _require_shapes(folder, described, SafetensorsFolder(folder))
    try:
        model, found = kind.auto.from_pretrained(
            str(folder),
            config=kind.part(AutoConfig.from_pretrained(str(folder), local_files_only=True)),
            local_files_only=True,
            trust_remote_code=False,
            use_safetensors=True,
            output_loading_info=True,
            **options,
        )
    except ImportError as error:
        if "quantization_config" in options:
            raise
        raise UserError(
            f"{folder}: {CONFIG} says quantization_config, and its library is not installed ({first_line(error)}); "
            "install it, or take the weights that are not quantised"
        ) from error
    except (OSError, ValueError, SafetensorError) as error:
        refuse_fused_attention(folder, error)
        raise UserError(
            f"{folder}: transformers cannot load this {kind.name} ({first_line(error)}); get a whole copy of it"
        ) from error
    found["unexpected_keys"] = [key for key in found["unexpected_keys"] if not key.startswith(kind.leaves_out)]
    _require_all(folder, found)
    return model


def describe_model(folder: Path, *, kind: ModelKind = CAUSAL, **options: Any) -> PreTrainedModel:
    """The model that a folder's `config.json` describes, without memory.

    Args:
        folder: a Hugging Face folder.
        kind: what it is read as.
        **options: of `from_config`: type, attention.

    Raises:
        UserError: there is none, it asks for code of its own, or transformers cannot build it.
    """
    refuse_kernels(folder)
    refuse_adapter(folder)
    try:
        whole = AutoConfig.from_pretrained(str(folder), local_files_only=True, trust_remote_code=False)
        config = kind.part(whole)
        assert isinstance(config.get_text_config(decoder=True).hidden_size, int)
        with torch.device("meta"):
            model = kind.auto.from_config(config, trust_remote_code=False, **options)
    except Exception as error:  # Whatever a wrong file makes of transformers' many classes.
        refuse_own_code(folder, error)
        refuse_fused_attention(folder, error)
        raise UserError(
            f"{folder}: {broken_json(folder, (CONFIG,))}{CONFIG} describes no {kind.name} that transformers can "
            f"build ({first_line(error)}); get the model's own {CONFIG}, or another model"
        ) from error
    _require_known_quantization(folder, config)
    return model


def refuse_adapter(folder: Path) -> None:
    """Transformers would load the model that an adapter names instead of the folder's own.

    Raises:
        UserError: the folder holds an adapter of PEFT.
    """
    if (folder / ADAPTER_CONFIG).is_file():
        raise UserError(
            f"{folder}: holds {ADAPTER_CONFIG}, so it is a PEFT adapter or has one inside; merge the adapter into its "
            f"model and name that folder, or take {ADAPTER_CONFIG} out"
        )


def _require_known_quantization(folder: Path, config: Any) -> None:
    """An unknown method is only warned of by transformers, and packed weights are not compared with their shapes.

    Raises:
        UserError: `quantization_config` is no object, or names a method that transformers does not have.
    """
    found = getattr(config, "quantization_config", None)
    if not found:
        return
    try:
        is_known = AutoHfQuantizer.supports_quant_method(found)
    except (ValueError, AttributeError):  # It names no method, or is no object.
        is_known = False
    if not is_known:
        method = found.get("quant_method") if isinstance(found, dict) else found
        raise UserError(
            f"{folder}: quantization_config in {CONFIG} names {ascii(method)[:80]}, no quant_method of transformers; "
            "get the model's own file, or take quantization_config out where the weights are not quantised"
        )


def refuse_kernels(folder: Path) -> None:
    """An attention like `owner/kernel` is code that transformers would fetch from the hub, and run.

    Raises:
        UserError: `config.json` names one.
    """
    if (folder / CONFIG).is_file():
        for key, value in _implementations(read_json_object(folder / CONFIG), CONFIG):
            if not re.fullmatch(r"\w*", value):
                raise UserError(
                    f"{folder}: {key} is {ascii(value[:80])}, code from elsewhere; nothing of it was run: take it out"
                )


def _implementations(node: Any, key: str) -> Iterator[tuple[str, str]]:
    """Each text below a key like `_attn_implementation`, wherever it is."""
    items = node.items() if isinstance(node, dict) else enumerate(node) if isinstance(node, list) else ()
    for name, value in items:
        place = f"{key}: {name}" if key == CONFIG else f"{key}.{name}"
        if isinstance(value, str) and "_implementation" in place:
            yield place, value
        yield from _implementations(value, place)


def refuse_own_code(folder: Path, error: Exception) -> None:
    """What transformers says to a folder that wants to run its code, in our words; nothing for other errors.

    Raises:
        UserError: it is that.
    """
    if "trust_remote_code" in str(error):
        raise UserError(f"{folder} {OWN_CODE}") from error


def require_vocabulary(folder: Path, tokenizer: Any) -> None:
    """Without a file of tokens transformers makes a tokenizer that knows no word, and says nothing.

    Raises:
        UserError: the folder holds none.
    """
    names = sorted({"tokenizer.json", *tokenizer.vocab_files_names.values()})
    if not any((folder / name).is_file() for name in names):
        raise UserError(
            f"{folder}: holds no file of tokens, so every text would be unknown to its tokenizer; copy the model's own "
            f"there: {' or '.join(names)}"
        )


def refuse_fused_attention(folder: Path, error: Exception) -> None:
    """Some architectures of transformers write attention out and have nothing else; nothing for other errors.

    Raises:
        UserError: it is that.
    """
    if "scaled_dot_product_attention" in str(error):
        name = str(error).partition(" ")[0]
        raise UserError(f"{folder}: {name} has no fused attention; say model.language.attention=eager") from error


def broken_json(folder: Path, names: Collection[str] = JSON_FILES) -> str:
    """`NAME is not JSON (why): ` of the first such file; nothing when all of them can be read."""
    for name in names:
        try:
            if (folder / name).is_file():
                json.loads((folder / name).read_text(encoding="utf-8"))
        except (ValueError, RecursionError) as error:
            return f"{name} is not JSON ({first_line(error)}): "
    return ""


def first_line(error: Exception) -> str:
    """Printable and short: the words may come from a file."""
    return ascii((str(error).strip().splitlines() or [type(error).__name__])[0][:200])[1:-1]


def _require_shapes(folder: Path, described: PreTrainedModel, weights: SafetensorsFolder) -> None:
    if getattr(described.config, "quantization_config", None):  # Packed: in shapes of their own.
        return
    expected = {name: tuple(tensor.shape) for name, tensor in described.state_dict().items()}
    problems = [
        f"{name} has shape {info.shape} in {weights.places[name].name}, {CONFIG} says {expected[name]}"
        for name, info in weights.tensors.items()
        if info.shape != expected.get(name, info.shape)
    ]
    _refuse(folder, problems)


def _require_all(folder: Path, found: dict[str, Any]) -> None:
    """Refuse what transformers reports as missing or wrong; it leaves out what is tied or computed."""
    problems = [
        *_named("missing, and would be random", found["missing_keys"]),
        *_named("of another shape", [item[0] for item in found["mismatched_keys"]]),
        *_named(f"not in the model that {CONFIG} describes", found["unexpected_keys"]),
        *map(str, found.get("error_msgs", [])),
    ]
    _refuse(folder, problems)


def _named(wrong: str, names: Collection[str]) -> list[str]:
    shown = ", ".join(ascii(name)[1:-1] for name in sorted(names)[:SHOWN])
    more = f" and {len(names) - SHOWN} more" if len(names) > SHOWN else ""
    return [f"{len(names)} tensor(s) {wrong}: {shown}{more}"] if names else []


def _refuse(folder: Path, problems: list[str]) -> None:
    if problems:
        hint = f"get a whole copy of the language model, with its own {CONFIG}"
        raise InputErrors(str(folder), [*problems[:-1], f"{problems[-1]}; {hint}"])
