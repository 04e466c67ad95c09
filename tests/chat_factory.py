"""Small folders of chat models with random weights, in the files that the published ones have."""

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import torch
from language_factory import make_tokenizer, write_tokenizer
from tokenizers import Tokenizer
from transformers import AutoConfig, AutoModelForMultimodalLM

QWEN_SPECIAL = (
    "<|endoftext|>", "<|im_start|>", "<|im_end|>", "<|vision_start|>", "<|vision_end|>", "<|vision_pad|>",
    "<|image_pad|>", "<|video_pad|>", "<|AUDIO|>", "<|audio_bos|>", "<|audio_eos|>", "<|vision_bos|>",
    "<|vision_eos|>", "<|IMAGE|>", "<|VIDEO|>",
)  # fmt: skip
LLAVA_SPECIAL = ("<s>", "</s>", "<unk>", "<image>", "<video>", "<pad>")
INTERN_SPECIAL = ("<|endoftext|>", "<|im_start|>", "<|im_end|>", "<img>", "</img>", "<IMG_CONTEXT>", "<video>")
GEMMA_SPECIAL = (
    "<pad>", "<eos>", "<bos>", "<unk>", "<start_of_turn>", "<end_of_turn>", "<start_of_image>", "<end_of_image>",
    "<image_soft_token>",
)  # fmt: skip


def turns(image: str, video: str, audio: str, *, begin: str, end: str, ask: str, first: str = "") -> str:
    """A chat template as the published ones are written."""
    return (
        f"{first}{{% for message in messages %}}{begin}"
        "{% if message['content'] is string %}{{ message['content'] }}{% else %}"
        "{% for item in message['content'] %}"
        f"{{% if item['type'] == 'image' %}}{image}{{% elif item['type'] == 'video' %}}{video}"
        f"{{% elif item['type'] == 'audio' %}}{audio}"
        "{% elif item['type'] == 'text' %}{{ item['text'] }}{% endif %}{% endfor %}{% endif %}"
        f"{end}{{% endfor %}}{{% if add_generation_prompt %}}{ask}{{% endif %}}"
    )


CHATML: dict[str, str] = {
    "begin": "<|im_start|>{{ message['role'] }}\n", "end": "<|im_end|>\n", "ask": "<|im_start|>assistant\n"
}  # fmt: skip
VICUNA: dict[str, str] = {
    "begin": "{{ 'USER: ' if message['role'] == 'user' else 'ASSISTANT: ' }}",
    "end": "{{ ' ' if message['role'] == 'user' else '</s>' }}",
    "ask": "ASSISTANT:",
}

TEXT: dict[str, Any] = {
    "hidden_size": 48, "intermediate_size": 64, "num_hidden_layers": 2, "num_attention_heads": 4,
    "num_key_value_heads": 2, "max_position_embeddings": 2048, "initializer_range": 0.3,
}  # fmt: skip
MROPE = {"rope_type": "default", "mrope_section": [2, 2, 2], "rope_theta": 10000.0}
CLIP_SMALL: dict[str, Any] = {
    "hidden_size": 32, "intermediate_size": 48, "num_hidden_layers": 2, "num_attention_heads": 2,
    "image_size": 28, "patch_size": 14, "projection_dim": 32,
}  # fmt: skip
MEAN = [0.48145466, 0.4578275, 0.40821073]
STD = [0.26862954, 0.26130258, 0.27577711]
QWEN_PIXELS = {"image_mean": MEAN, "image_std": STD, "temporal_patch_size": 2, "merge_size": 2}
QWEN_TURNS = turns(
    "<|vision_start|><|image_pad|><|vision_end|>", "<|vision_start|><|video_pad|><|vision_end|>", "", **CHATML
)
INTERN_TURNS = turns("<IMG_CONTEXT>\n", "<video>\n", "", **CHATML)
LLAVA_TURNS = turns("<image>\n", "<video>\n", "", **VICUNA)
VISION_14: dict[str, Any] = {"depth": 2, "num_heads": 2, "patch_size": 14}


class Words:
    """A tokenizer and the numbers of its special tokens."""

    def __init__(self, special: tuple[str, ...]):
        self.tokenizer: Tokenizer = make_tokenizer(special)
        self.size = self.tokenizer.get_vocab_size() + 7

    def __getitem__(self, token: str) -> int:
        found = self.tokenizer.token_to_id(token)
        assert found is not None, token
        return found

    def qwen(self) -> dict[str, int]:
        """What Qwen's configurations say of their tokens."""
        return {
            "image_token_id": self["<|image_pad|>"],
            "video_token_id": self["<|video_pad|>"],
            "vision_start_token_id": self["<|vision_start|>"],
            "vision_end_token_id": self["<|vision_end|>"],
        }


QWEN_FILES: dict[str, Any] = {"special": QWEN_SPECIAL, "eos": "<|im_end|>", "template": QWEN_TURNS}
LLAVA_FILES: dict[str, Any] = {"special": LLAVA_SPECIAL, "eos": "</s>", "bos": "<s>", "template": LLAVA_TURNS}
WHISPER: dict[str, Any] = {"feature_extractor_type": "WhisperFeatureExtractor", "feature_size": 16, "chunk_length": 4}
AUDIO_SMALL: dict[str, Any] = {
    "num_mel_bins": 16, "encoder_layers": 2, "encoder_attention_heads": 2, "encoder_ffn_dim": 48, "d_model": 32,
    "max_source_positions": 200,
}  # fmt: skip


def _qwen2_vl(words: Words) -> dict[str, Any]:
    vision = {**VISION_14, "embed_dim": 32, "hidden_size": 48, "mlp_ratio": 2, "temporal_patch_size": 2}
    return {"text_config": {**TEXT, "rope_parameters": MROPE}, "vision_config": vision, **words.qwen()}


def _qwen2_5_vl(words: Words) -> dict[str, Any]:
    vision = {**VISION_14, "hidden_size": 32, "intermediate_size": 48, "out_hidden_size": 48, "window_size": 56}
    vision["fullatt_block_indexes"] = [1]
    return {"text_config": {**TEXT, "rope_parameters": MROPE}, "vision_config": vision, **words.qwen()}


def _qwen3_vl(words: Words) -> dict[str, Any]:
    vision = {"depth": 2, "num_heads": 2, "patch_size": 16, "hidden_size": 32, "intermediate_size": 48,
              "out_hidden_size": 48, "num_position_embeddings": 16, "deepstack_visual_indexes": [0]}  # fmt: skip
    text = {**TEXT, "head_dim": 12, "rope_parameters": {**MROPE, "mrope_interleaved": True}}
    return {"text_config": text, "vision_config": vision, **words.qwen()}


def _omni(words: Words) -> dict[str, Any]:
    vision = {**VISION_14, "hidden_size": 32, "intermediate_size": 48, "out_hidden_size": 48, "window_size": 56}
    return {
        "text_config": {**TEXT, "rope_parameters": MROPE, "vocab_size": words.size, "tie_word_embeddings": False},
        "vision_config": {**vision, "fullatt_block_indexes": [1]},
        "audio_config": {**AUDIO_SMALL, "n_window": 20, "output_dim": 48},
        "audio_token_index": words["<|AUDIO|>"],
        "image_token_index": words["<|IMAGE|>"],
        "video_token_index": words["<|VIDEO|>"],
        "audio_start_token_id": words["<|audio_bos|>"],
        "audio_end_token_id": words["<|audio_eos|>"],
        "vision_start_token_id": words["<|vision_bos|>"],
        "vision_end_token_id": words["<|vision_eos|>"],
    }


def _qwen2_audio(words: Words) -> dict[str, Any]:
    text = {**TEXT, "model_type": "qwen2"}
    return {"text_config": text, "audio_config": AUDIO_SMALL, "audio_token_index": words["<|AUDIO|>"]}


def _llava_onevision(words: Words) -> dict[str, Any]:
    vision = {**CLIP_SMALL, "model_type": "siglip_vision_model"}
    own = {"image_token_index": words["<image>"], "video_token_index": words["<video>"]}
    return {"text_config": {**TEXT, "model_type": "qwen2"}, "vision_config": vision, **own,
            "image_grid_pinpoints": [[28, 28]], "vision_feature_layer": -1}  # fmt: skip


def _llava(words: Words) -> dict[str, Any]:
    vision = {**CLIP_SMALL, "image_size": 56, "model_type": "clip_vision_model"}
    own = {"image_token_index": words["<image>"], "video_token_index": words["<video>"]}
    return {"text_config": {**TEXT, "model_type": "llama"}, "vision_config": vision, **own}


def _llava_next_video(words: Words) -> dict[str, Any]:
    return {**_llava(words), "image_grid_pinpoints": [[56, 56]]}


def _video_llama_3(words: Words) -> dict[str, Any]:
    vision = {"hidden_size": 32, "intermediate_size": 48, "num_hidden_layers": 2, "num_attention_heads": 2,
              "patch_size": 14, "model_type": "video_llama_3_vision"}  # fmt: skip
    own = {name: number for name, number in words.qwen().items() if name.startswith(("image", "video"))}
    return {"text_config": {**TEXT, "model_type": "qwen2"}, "vision_config": vision, **own}


def _internvl(words: Words) -> dict[str, Any]:
    vision = {"hidden_size": 32, "intermediate_size": 48, "num_hidden_layers": 2, "num_attention_heads": 2,
              "image_size": [28, 28], "patch_size": [14, 14], "model_type": "internvl_vision"}  # fmt: skip
    own = {"image_token_id": words["<IMG_CONTEXT>"], "image_seq_length": 1, "tie_word_embeddings": False}
    return {"text_config": {**TEXT, "model_type": "qwen2"}, "vision_config": vision, **own}


def _gemma3(words: Words) -> dict[str, Any]:
    vision = {**CLIP_SMALL, "image_size": 56, "model_type": "siglip_vision_model"}
    own = {"boi_token_index": words["<start_of_image>"], "eoi_token_index": words["<end_of_image>"],
           "image_token_index": words["<image_soft_token>"], "mm_tokens_per_image": 4}  # fmt: skip
    text = {**TEXT, "model_type": "gemma3_text", "head_dim": 12, "sliding_window": 512}
    return {"text_config": text, "vision_config": vision, **own}


CONFIGS: Mapping[str, Callable[[Words], dict[str, Any]]] = {
    "qwen2_vl": _qwen2_vl, "qwen2_5_vl": _qwen2_5_vl, "qwen3_vl": _qwen3_vl, "qwen2_5_omni": _omni,
    "qwen2_audio": _qwen2_audio, "llava_onevision": _llava_onevision, "llava_next_video": _llava_next_video,
    "video_llava": _llava, "video_llama_3": _video_llama_3, "internvl": _internvl, "gemma3": _gemma3,
}  # fmt: skip
"""Kind of model -> its small configuration."""

INTERN_FILES: dict[str, Any] = {
    "special": INTERN_SPECIAL, "eos": "<|im_end|>", "template": INTERN_TURNS,
    "tokens": {"start_image_token": "<img>", "end_image_token": "</img>", "context_image_token": "<IMG_CONTEXT>",
               "video_token": "<video>"},
}  # fmt: skip
OMNI_TOKENS = {
    "image_token": "<|IMAGE|>", "audio_token": "<|AUDIO|>", "video_token": "<|VIDEO|>",
    "vision_bos_token": "<|vision_bos|>", "vision_eos_token": "<|vision_eos|>",
    "audio_bos_token": "<|audio_bos|>", "audio_eos_token": "<|audio_eos|>",
}  # fmt: skip
OMNI_TURNS = turns(
    "<|vision_bos|><|IMAGE|><|vision_eos|>", "<|vision_bos|><|VIDEO|><|vision_eos|>",
    "<|audio_bos|><|AUDIO|><|audio_eos|>", **CHATML,
)  # fmt: skip
AUDIO_TURNS = turns("", "", "<|audio_bos|><|AUDIO|><|audio_eos|>\n", **CHATML)
GEMMA_TURNS = turns(
    "<start_of_image>", "", "", first="{{ bos_token }}", end="<end_of_turn>\n", ask="<start_of_turn>model\n",
    begin="<start_of_turn>{{ 'model' if message['role'] == 'assistant' else message['role'] }}\n",
)  # fmt: skip

FILES: Mapping[str, Mapping[str, Any]] = {
    "qwen2_vl": {**QWEN_FILES, "image": {"image_processor_type": "Qwen2VLImageProcessor", **QWEN_PIXELS,
                 "patch_size": 14, "min_pixels": 784, "max_pixels": 3136}, "processor": "Qwen2VLProcessor"},
    "qwen2_5_vl": {**QWEN_FILES, "image": {"image_processor_type": "Qwen2VLImageProcessor", **QWEN_PIXELS,
                   "patch_size": 14, "min_pixels": 784, "max_pixels": 3136}, "processor": "Qwen2_5_VLProcessor"},
    "qwen3_vl": {**QWEN_FILES, "image": {"image_processor_type": "Qwen2VLImageProcessor", **QWEN_PIXELS,
                 "patch_size": 16, "size": {"shortest_edge": 1024, "longest_edge": 8192}},
                 "video": {"video_processor_type": "Qwen3VLVideoProcessor", "patch_size": 16,
                           "size": {"shortest_edge": 1024, "longest_edge": 8192}},
                 "processor": "Qwen3VLProcessor"},
    "qwen2_5_omni": {**QWEN_FILES, "template": OMNI_TURNS, "tokens": OMNI_TOKENS, "processor": "Qwen2_5OmniProcessor",
                     "image": {"image_processor_type": "Qwen2VLImageProcessor", **QWEN_PIXELS, "patch_size": 14,
                               "min_pixels": 784, "max_pixels": 3136, **WHISPER}},
    "qwen2_audio": {**QWEN_FILES, "template": AUDIO_TURNS, "image": WHISPER, "processor": "Qwen2AudioProcessor"},
    "llava_onevision": {**LLAVA_FILES, "processor": "LlavaOnevisionProcessor",
                        "image": {"image_processor_type": "LlavaOnevisionImageProcessor", "size": {"height": 28,
                                  "width": 28}, "image_grid_pinpoints": [[28, 28]]},
                        "video": {"video_processor_type": "LlavaOnevisionVideoProcessor",
                                  "size": {"height": 28, "width": 28}},
                        "extra": {"num_image_tokens": 4, "vision_feature_select_strategy": "full"}},
    "llava_next_video": {**LLAVA_FILES, "processor": "LlavaNextVideoProcessor",
                         "image": {"image_processor_type": "LlavaNextImageProcessor", "size": {"shortest_edge": 56},
                                   "crop_size": {"height": 56, "width": 56}, "image_grid_pinpoints": [[56, 56]]},
                         "video": {"video_processor_type": "LlavaNextVideoVideoProcessor",
                                   "size": {"shortest_edge": 56}, "crop_size": {"height": 56, "width": 56}},
                         "extra": {"patch_size": 14, "vision_feature_select_strategy": "default",
                                   "num_additional_image_tokens": 1}},
    "video_llava": {**LLAVA_FILES, "processor": "VideoLlavaProcessor",
                    "image": {"image_processor_type": "VideoLlavaImageProcessor", "size": {"shortest_edge": 56},
                              "crop_size": {"height": 56, "width": 56}, "image_mean": MEAN, "image_std": STD},
                    "extra": {"patch_size": 14, "vision_feature_select_strategy": "default",
                              "num_additional_image_tokens": 1}},
    "video_llama_3": {**QWEN_FILES, "processor": "VideoLlama3Processor",
                      "image": {"image_processor_type": "VideoLlama3ImageProcessor", "patch_size": 14,
                                "temporal_patch_size": 1, "merge_size": 1, "min_pixels": 784, "max_pixels": 3136},
                      "video": {"video_processor_type": "VideoLlama3VideoProcessor", "patch_size": 14,
                                "temporal_patch_size": 1, "merge_size": 2,
                                "size": {"shortest_edge": 784, "longest_edge": 12544}}},
    "internvl": {**INTERN_FILES, "processor": "InternVLProcessor",
                 "image": {"image_processor_type": "GotOcr2ImageProcessor", "size": {"height": 28, "width": 28},
                           "crop_to_patches": False},
                 "video": {"video_processor_type": "InternVLVideoProcessor", "size": {"height": 28, "width": 28}},
                 "extra": {"image_seq_length": 1}},
    "gemma3": {"special": GEMMA_SPECIAL, "eos": "<eos>", "bos": "<bos>", "template": GEMMA_TURNS,
               "processor": "Gemma3Processor", "extra": {"image_seq_length": 4},
               "tokens": {"boi_token": "<start_of_image>", "eoi_token": "<end_of_image>",
                          "image_token": "<image_soft_token>"},
               "image": {"image_processor_type": "Gemma3ImageProcessor", "size": {"height": 56, "width": 56}}},
}  # fmt: skip
"""Kind of model -> what is in the other files of its folder."""


def make_chat(folder: Path, name: str) -> Path:
    """A folder of one of CONFIGS."""
    about = FILES[name]
    words = Words(about["special"])
    special = {"bos_token": about.get("bos"), "eos_token": about["eos"], "pad_token": about["special"][0]}
    settings = {
        "tokenizer_class": "PreTrainedTokenizerFast",
        **special,
        "extra_special_tokens": about.get("tokens", {}),
    }
    write_tokenizer(folder, words.tokenizer, settings)
    (folder / "chat_template.jinja").write_text(about["template"], encoding="utf-8")
    _write(folder / "preprocessor_config.json", {"processor_class": about["processor"], **about["image"]})
    if "video" in about:
        _write(folder / "video_preprocessor_config.json", about["video"])
    if "extra" in about:
        _write(folder / "processor_config.json", {"processor_class": about["processor"], **about["extra"]})
    _save_model(folder, name, CONFIGS[name](words), words)
    return folder


def _write(path: Path, content: Mapping[str, Any]) -> None:
    path.write_text(json.dumps(content), encoding="utf-8")


def _save_model(folder: Path, name: str, about: dict[str, Any], words: Words) -> None:
    kind = {"qwen2_5_omni": "qwen2_5_omni_thinker"}.get(name, name)
    about["text_config"] = {**about["text_config"], "vocab_size": words.size}
    config = AutoConfig.for_model(kind, **about)
    torch.manual_seed(0)
    model = AutoModelForMultimodalLM.from_config(config)
    if kind == name:
        model.save_pretrained(folder)
        return
    from safetensors.torch import save_file

    whole = {f"thinker.{key}": value.contiguous().clone() for key, value in model.state_dict().items()}
    save_file({**whole, "talker.model.norm.weight": torch.ones(4)}, folder / "model.safetensors", {"format": "pt"})
    _write(folder / "config.json", {"model_type": name, "thinker_config": {**config.to_dict(), "model_type": kind}})
