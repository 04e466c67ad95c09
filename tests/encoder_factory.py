"""Tiny random encoders in real Hugging Face folders, and sounds for them."""

import json
from pathlib import Path

import numpy as np
import torch
import transformers

SPEECH = ("hubert", "wav2vec2", "wavlm", "data2vec-audio")
TEXT = ("bert", "roberta", "xlm-roberta")
LETTERS = "abcdefghijklmnopqrstuvwxyz.,!?"


def noise(seconds: float, seed: int = 0) -> np.ndarray:
    """16-bit noise at 16 kHz."""
    values = np.random.default_rng(seed).integers(-9000, 9000, round(seconds * 16000))
    return values.astype(np.float32) / np.float32(32768)


def make_speech(folder: Path, kind: str, *, seed: int = 0, **changes: object) -> Path:
    """A model of the kind of HuBERT-large or of wav2vec2-base; `layers` of the former are normalised at their end."""
    is_large = kind in ("hubert", "wavlm")
    sizes = {
        "hidden_size": 16, "num_hidden_layers": 3, "num_attention_heads": 2, "intermediate_size": 24,
        "conv_dim": [8] * 7, "num_conv_pos_embeddings": 8, "num_conv_pos_embedding_groups": 2,
        "mask_time_prob": 0.05, "layerdrop": 0.1, **changes,
    }  # fmt: skip
    if kind != "data2vec-audio":
        norm = "layer" if is_large else "group"
        sizes |= {"do_stable_layer_norm": is_large, "feat_extract_norm": norm}
    else:
        sizes |= {"conv_pos_kernel_size": 5}
    settings = transformers.CONFIG_MAPPING[kind](**sizes)
    _save(transformers.MODEL_MAPPING[type(settings)], settings, folder, seed)
    described = {"do_normalize": True, "sampling_rate": 16000, "feature_extractor_type": "Wav2Vec2FeatureExtractor"}
    (folder / "preprocessor_config.json").write_text(json.dumps(described))
    return folder


def make_whisper(folder: Path, *, seed: int = 0) -> Path:
    """Whisper with a head, as it is published."""
    settings = transformers.WhisperConfig(
        d_model=16, encoder_layers=2, decoder_layers=2, encoder_attention_heads=2, decoder_attention_heads=2,
        encoder_ffn_dim=24, decoder_ffn_dim=24, num_mel_bins=80, vocab_size=64, max_target_positions=8,
        decoder_start_token_id=1, pad_token_id=0, bos_token_id=1, eos_token_id=2,
    )  # fmt: skip
    _save(transformers.WhisperForConditionalGeneration, settings, folder, seed)
    transformers.WhisperFeatureExtractor(feature_size=80).save_pretrained(folder)
    return folder


def make_ctc(folder: Path, *, seed: int = 0) -> Path:
    """A speech recogniser that writes letters, as wav2vec 2.0 with a CTC head is published."""
    names = ["<pad>", "<unk>", "|", *LETTERS[:26]]
    folder.mkdir(parents=True)
    (folder / "vocab.json").write_text(json.dumps({name: number for number, name in enumerate(names)}))
    tokenizer = transformers.Wav2Vec2CTCTokenizer(str(folder / "vocab.json"))
    tokenizer.save_pretrained(folder)
    settings = transformers.Wav2Vec2Config(
        hidden_size=16, num_hidden_layers=2, num_attention_heads=2, intermediate_size=24, conv_dim=[8] * 7,
        num_conv_pos_embeddings=8, num_conv_pos_embedding_groups=2, vocab_size=len(names), pad_token_id=0,
    )  # fmt: skip
    _save(transformers.Wav2Vec2ForCTC, settings, folder, seed)
    described = {"do_normalize": True, "sampling_rate": 16000, "feature_extractor_type": "Wav2Vec2FeatureExtractor"}
    (folder / "preprocessor_config.json").write_text(json.dumps(described))
    return folder


def make_text(folder: Path, kind: str, *, seed: int = 0, most_tokens: int = 24) -> Path:
    """A model with a head that is not used, and a tokenizer of letters."""
    from tokenizers import Tokenizer, models, pre_tokenizers, processors

    names = ["[PAD]", "[CLS]", "[SEP]", "[UNK]", *LETTERS]
    tokens = Tokenizer(models.WordLevel({name: number for number, name in enumerate(names)}, unk_token="[UNK]"))
    tokens.pre_tokenizer = pre_tokenizers.Split("", "isolated")
    if kind == "bert":
        tokens.pre_tokenizer = pre_tokenizers.Sequence([pre_tokenizers.Whitespace(), tokens.pre_tokenizer])
    else:
        tokens.pre_tokenizer = pre_tokenizers.Sequence([pre_tokenizers.WhitespaceSplit(), tokens.pre_tokenizer])
    tokens.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]", special_tokens=[("[CLS]", 1), ("[SEP]", 2)]
    )
    offset = 0 if kind == "bert" else 1
    settings = transformers.CONFIG_MAPPING[kind](
        vocab_size=len(names), hidden_size=16, num_hidden_layers=4, num_attention_heads=2, intermediate_size=24,
        max_position_embeddings=most_tokens + offset, pad_token_id=0, bos_token_id=1, eos_token_id=2,
    )  # fmt: skip
    _save(transformers.MODEL_FOR_MASKED_LM_MAPPING[type(settings)], settings, folder, seed)
    transformers.PreTrainedTokenizerFast(
        tokenizer_object=tokens, pad_token="[PAD]", cls_token="[CLS]", sep_token="[SEP]", unk_token="[UNK]"
    ).save_pretrained(folder)
    return folder


def _save(kind: type, settings: object, folder: Path, seed: int) -> None:
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        model = kind(settings)
        with torch.no_grad():  # Fresh biases and norms are 0 and 1: nothing would notice that they are missing.
            for parameter in model.parameters():
                parameter.add_(torch.randn_like(parameter) * 0.1)
        model.save_pretrained(folder)
