"""The language model: any causal model of transformers, from a folder or from a configuration."""

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import torch
from transformers import GenerationConfig, LlamaConfig, LlamaForCausalLM, PreTrainedModel

from emolightning.errors import UserError
from emolightning.models.parts.pretrained import CAUSAL, ModelKind, describe_model, load_pretrained
from emolightning.models.parts.quantization import Quantization, keep_layout, quantized_loading


@dataclass(frozen=True)
class LanguageSettings:
    """Where the language model comes from: `path` (weights), or sizes for a random Llama."""

    path: str | None = None
    """A Hugging Face folder with config, safetensors and tokenizer; None builds a random Llama of the sizes below."""
    tokenizer: str | None = None
    """A tokenizer folder; None takes the one in `path`, or the small one that comes with the project."""
    width: int = 128
    num_layers: int = 2
    num_heads: int = 4
    mlp_width: int = 256
    max_positions: int = 4096
    seed: int = 0
    """Seed of the random weights; independent of the run's seed, so that every run starts from the same base."""
    dtype: Literal["float32", "bfloat16", "float16"] = "float32"
    """Type of the weights; those that train in full need float32."""
    attention: Literal["sdpa", "eager"] = "sdpa"
    """torch's fused attention, or written out, as upstream's."""
    quantization: Quantization = "none"
    """How bitsandbytes packs the frozen weights in `path`; `int8` multiplies in float16 whatever the dtype."""
    gradient_checkpointing: bool = False
    """In training, compute the layers' inner values a second time instead of keeping them: less memory, slower."""


def missing_language_files(settings: LanguageSettings) -> list[str]:
    """One phrase for each thing that `path` lacks; empty when it can be loaded."""
    if settings.path is None:
        return []
    folder = Path(settings.path)
    if not folder.is_dir():
        return [f"the language model's folder {folder} (model.language.path)"]
    needed = ["config.json", *([] if settings.tokenizer else ["tokenizer_config.json"])]
    absent = [name for name in needed if not (folder / name).exists()]
    if not any(folder.glob("*.safetensors")):
        absent.append("*.safetensors")
    return [f"{name} in {folder}" for name in absent]


def load_language_model(
    settings: LanguageSettings, vocabulary_size: int, *, is_empty: bool = False, kind: ModelKind = CAUSAL
) -> PreTrainedModel:
    """The frozen language model.

    Args:
        settings: a folder, or sizes.
        vocabulary_size: number of tokens of the tokenizer; only used for a random model.
        kind: what a folder is read as.
        is_empty: without weights, on the meta device, for a rank that gets them from another one. Quantised weights are
            read by every rank.

    Raises:
        UserError: the folder is not whole, or asks for code of its own; or transformers cannot use the bitsandbytes
            that is installed.
    """
    dtype = getattr(torch, settings.dtype)
    is_asked_for_sizes = torch.get_default_device().type == "meta"
    if is_asked_for_sizes or (is_empty and settings.quantization == "none"):
        model = _empty(settings, vocabulary_size, dtype, kind)
    elif settings.path is not None:
        model = _load(settings, settings.path, dtype, kind)
    else:
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(settings.seed)
            model = LlamaForCausalLM(_random_llama(settings, vocabulary_size)).to(dtype)
    model.config.use_cache = False
    # A folder's own defaults (Qwen2.5: repetition_penalty 1.05) would change answers without a word in our settings.
    model.generation_config = GenerationConfig()
    return model.requires_grad_(False)


def _empty(settings: LanguageSettings, vocabulary_size: int, dtype: torch.dtype, kind: ModelKind) -> PreTrainedModel:
    if settings.path is not None:
        return describe_model(Path(settings.path), kind=kind, dtype=dtype, attn_implementation=settings.attention)
    with torch.device("meta"):
        return LlamaForCausalLM(_random_llama(settings, vocabulary_size)).to(dtype)


def _load(settings: LanguageSettings, path: str, dtype: torch.dtype, kind: ModelKind) -> PreTrainedModel:
    options: dict[str, Any] = {"kind": kind, "dtype": dtype, "attn_implementation": settings.attention}
    if settings.quantization == "none":
        return load_pretrained(Path(path), **options)
    try:
        model = load_pretrained(Path(path), **options, **quantized_loading(settings.quantization, dtype))
    except ImportError as error:  # Too old, or without a library that it needs.
        raise UserError(f"model.language.quantization={settings.quantization}: {str(error).splitlines()[0]}") from error
    keep_layout(model)
    return model


def checkpoint_gradients(language: Any) -> None:
    """Keep only the layers' inputs in training; the adapters may be attached already.

    Not reentrant: the other kind gives no gradients where the inputs need none, which is so with frozen projections.
    In evaluation nothing changes, and generation keeps its cache.
    """
    language.gradient_checkpointing_enable(gradient_checkpointing_kwargs={"use_reentrant": False})


def _random_llama(settings: LanguageSettings, vocabulary_size: int) -> LlamaConfig:
    return LlamaConfig(
        vocab_size=vocabulary_size,
        hidden_size=settings.width,
        intermediate_size=settings.mlp_width,
        num_hidden_layers=settings.num_layers,
        num_attention_heads=settings.num_heads,
        num_key_value_heads=settings.num_heads,
        max_position_embeddings=settings.max_positions,
        tie_word_embeddings=False,
        attn_implementation=settings.attention,
        bos_token_id=1,
        eos_token_id=2,
        # Llama's own 0.02 leaves a frozen random head unable to give confident logits at a small width.
        initializer_range=1 / math.sqrt(settings.width),
    )
