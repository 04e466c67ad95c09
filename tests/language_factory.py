"""Folders of small language models: Llama-3's and Qwen2's configuration, tokenizer and template; other kinds."""

import json
from collections.abc import Callable
from pathlib import Path

import torch
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, processors, trainers
from transformers import (
    AutoModelForCausalLM,
    BloomConfig,
    FalconConfig,
    GemmaConfig,
    GPT2Config,
    GPTNeoXConfig,
    LlamaConfig,
    LlamaForCausalLM,
    MistralConfig,
    MixtralConfig,
    OPTConfig,
    PhiConfig,
    PretrainedConfig,
    Qwen2Config,
    Qwen2ForCausalLM,
)

from emolightning.models.emotion_llama.instructions import instruction_pool, prompt_order
from emolightning.records.labels import MER9

LLAMA3_SPECIAL = ("<|begin_of_text|>", "<|end_of_text|>", "<|start_header_id|>", "<|end_header_id|>", "<|eot_id|>")
LLAMA3_TEMPLATE = (
    "{{ bos_token }}{% for message in messages %}"
    "<|start_header_id|>{{ message['role'] }}<|end_header_id|>\n\n{{ message['content'] | trim }}<|eot_id|>"
    "{% endfor %}"
    "{% if add_generation_prompt %}<|start_header_id|>assistant<|end_header_id|>\n\n{% endif %}"
)

QWEN2_SPECIAL = ("<|endoftext|>", "<|im_start|>", "<|im_end|>")
QWEN2_TEMPLATE = (
    "{% if messages[0]['role'] != 'system' %}<|im_start|>system\nYou answer questions.<|im_end|>\n{% endif %}"
    "{% for message in messages %}"
    "<|im_start|>{{ message['role'] }}\n{{ message['content'] }}<|im_end|>\n"
    "{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)

SIZES = {
    "hidden_size": 48, "intermediate_size": 64, "num_hidden_layers": 2, "num_attention_heads": 4,
    "num_key_value_heads": 2, "max_position_embeddings": 1024,
    # Less would leave the frozen random head unable to be sure of a token.
    "initializer_range": 0.3,
}  # fmt: skip


def make_llama3(folder: Path) -> Path:
    """No padding token; the token that ends a turn is not the one that ends a text; a BOS that `encode` adds."""
    tokenizer = make_tokenizer(LLAMA3_SPECIAL)
    tokenizer.post_processor = processors.TemplateProcessing(
        single="<|begin_of_text|> $A", special_tokens=[("<|begin_of_text|>", token_id(tokenizer, "<|begin_of_text|>"))]
    )
    settings = {"tokenizer_class": "PreTrainedTokenizerFast", "bos_token": "<|begin_of_text|>",
                "eos_token": "<|end_of_text|>", "chat_template": LLAMA3_TEMPLATE}  # fmt: skip
    write_tokenizer(folder, tokenizer, settings)
    ids = {name: token_id(tokenizer, f"<|{name}|>") for name in ("begin_of_text", "end_of_text")}
    config = LlamaConfig(
        **SIZES, vocab_size=tokenizer.get_vocab_size(), bos_token_id=ids["begin_of_text"],
        eos_token_id=ids["end_of_text"], rope_theta=500000.0, tie_word_embeddings=False,
    )  # fmt: skip
    torch.manual_seed(0)
    LlamaForCausalLM(config).save_pretrained(folder)
    return folder


def make_qwen2(folder: Path) -> Path:
    """No BOS; a system turn that nobody asked for; tied embeddings with more rows than there are tokens."""
    tokenizer = make_tokenizer(QWEN2_SPECIAL)
    settings = {"tokenizer_class": "Qwen2Tokenizer", "bos_token": None, "eos_token": "<|im_end|>",
                "pad_token": "<|endoftext|>", "add_bos_token": False, "chat_template": QWEN2_TEMPLATE}  # fmt: skip
    write_tokenizer(folder, tokenizer, settings)
    config = Qwen2Config(
        **SIZES, vocab_size=tokenizer.get_vocab_size() + 9, bos_token_id=token_id(tokenizer, "<|endoftext|>"),
        eos_token_id=token_id(tokenizer, "<|im_end|>"), tie_word_embeddings=True,
    )  # fmt: skip
    torch.manual_seed(0)
    Qwen2ForCausalLM(config).save_pretrained(folder)
    return folder


def make_tokenizer(special: tuple[str, ...]) -> Tokenizer:
    """Byte-level BPE of a few hundred tokens; the special ones stand behind them, as in the published files."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    texts = [text for task in ("emotion", "reason") for text in instruction_pool(task, prompt_order(MER9))]
    texts += ["<video> </video> <feature></feature> The person in video says: ", *MER9]
    trainer = trainers.BpeTrainer(
        vocab_size=400, initial_alphabet=pre_tokenizers.ByteLevel.alphabet(), show_progress=False
    )
    tokenizer.train_from_iterator(texts, trainer)
    tokenizer.add_special_tokens(list(special))
    return tokenizer


def write_tokenizer(folder: Path, tokenizer: Tokenizer, settings: dict[str, object]) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    tokenizer.save(str(folder / "tokenizer.json"))
    (folder / "tokenizer_config.json").write_text(json.dumps(settings), encoding="utf-8")


def token_id(tokenizer: Tokenizer, token: str) -> int:
    number = tokenizer.token_to_id(token)
    assert number is not None
    return number


FEW = {"n_embd": 48, "n_layer": 2, "n_head": 4}

OTHERS: dict[str, Callable[[], PretrainedConfig]] = {
    "gpt2": lambda: GPT2Config(**FEW, n_positions=1024),
    "gpt_neox": lambda: GPTNeoXConfig(**{**SIZES, "intermediate_size": 192}),
    "opt": lambda: OPTConfig(
        hidden_size=48, ffn_dim=192, num_hidden_layers=2, num_attention_heads=4, max_position_embeddings=1024,
        word_embed_proj_dim=32, do_layer_norm_before=False,
    ),
    "falcon": lambda: FalconConfig(
        hidden_size=48, num_hidden_layers=2, num_attention_heads=4, alibi=False, max_position_embeddings=1024
    ),
    "bloom": lambda: BloomConfig(hidden_size=48, n_layer=2, n_head=4),
    "phi": lambda: PhiConfig(**{**SIZES, "num_key_value_heads": 4}),
    "mistral": lambda: MistralConfig(**SIZES, sliding_window=64),
    "gemma": lambda: GemmaConfig(**SIZES, head_dim=16),
    "mixtral": lambda: MixtralConfig(**SIZES, num_local_experts=2),
}  # fmt: skip
"""Architecture -> a small configuration in its own words, without sizes of a vocabulary."""


def make_other(folder: Path, name: str) -> Path:
    """Random weights of one of OTHERS, with a BOS and no chat template."""
    tokenizer = make_tokenizer(("<s>", "</s>"))
    settings = {"tokenizer_class": "PreTrainedTokenizerFast", "bos_token": "<s>", "eos_token": "</s>"}
    write_tokenizer(folder, tokenizer, settings)
    config = OTHERS[name]()
    config.vocab_size = tokenizer.get_vocab_size()
    config.bos_token_id, config.eos_token_id = token_id(tokenizer, "<s>"), token_id(tokenizer, "</s>")
    torch.manual_seed(0)
    AutoModelForCausalLM.from_config(config).save_pretrained(folder)
    return folder
