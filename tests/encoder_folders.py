"""Tiny models in the folders that Hugging Face has: random weights, preprocessing as the published folders say it."""

import json
from pathlib import Path
from typing import Any

import torch
import transformers

IMAGENET = {"image_mean": [0.485, 0.456, 0.406], "image_std": [0.229, 0.224, 0.225]}
HALVES = {"image_mean": [0.5, 0.5, 0.5], "image_std": [0.5, 0.5, 0.5]}
CLIP = {"image_mean": [0.48145466, 0.4578275, 0.40821073], "image_std": [0.26862954, 0.26130258, 0.27577711]}
VIT = {"hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 4, "intermediate_size": 48, "image_size": 32,
       "patch_size": 8}  # fmt: skip
TOWER = {**VIT, "projection_dim": 20}
TEXT = {"hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 16, "vocab_size": 40,
        "max_position_embeddings": 8}  # fmt: skip

# What preprocessor_config.json of the published folder says, with the small size.
PROCESSING: dict[str, dict[str, Any]] = {
    "clip": {"crop_size": 32, "do_center_crop": True, "do_normalize": True, "do_resize": True, "resample": 3,
             "feature_extractor_type": "CLIPFeatureExtractor", "size": 32, **CLIP},
    "siglip": {"do_normalize": True, "do_rescale": True, "do_resize": True, "rescale_factor": 1 / 255, "resample": 3,
               "image_processor_type": "SiglipImageProcessor", "processor_class": "SiglipProcessor",
               "size": {"height": 32, "width": 32}, **HALVES},
    "data2vec-vision": {"crop_size": 32, "do_center_crop": False, "do_normalize": True, "do_resize": True,
                        "resample": 2, "feature_extractor_type": "BeitFeatureExtractor", "size": 32, **HALVES},
    "dinov2": {"crop_size": {"height": 32, "width": 32}, "do_center_crop": True, "do_convert_rgb": True,
               "do_normalize": True, "do_rescale": True, "do_resize": True, "resample": 3, "rescale_factor": 1 / 255,
               "image_processor_type": "BitImageProcessor", "size": {"shortest_edge": 36}, **IMAGENET},
    "vit_mae": {"do_normalize": True, "do_resize": True, "feature_extractor_type": "ViTFeatureExtractor", "resample": 2,
                "size": 32, **IMAGENET},
    "resnet": {"crop_pct": 0.875, "do_normalize": True, "do_resize": True, "resample": 3, "size": 32,
               "feature_extractor_type": "ConvNextFeatureExtractor", **IMAGENET},
    "videomae": {"crop_size": {"height": 32, "width": 32}, "do_center_crop": True, "do_normalize": True,
                 "do_rescale": True, "do_resize": True, "resample": 2, "rescale_factor": 1 / 255,
                 "image_processor_type": "VideoMAEImageProcessor", "size": {"shortest_edge": 32}, **HALVES},
}  # fmt: skip


def _models() -> dict[str, Any]:
    t = transformers
    return {
        "clip": lambda: t.CLIPModel(t.CLIPConfig(vision_config=TOWER, text_config=TEXT, projection_dim=20)),
        "siglip": lambda: t.SiglipModel(t.SiglipConfig(vision_config=VIT, text_config=TEXT)),
        # As published: a classifier, whose final norm is the pooler's.
        "data2vec-vision": lambda: t.Data2VecVisionForImageClassification(
            t.Data2VecVisionConfig(**VIT, use_mean_pooling=True, use_relative_position_bias=True)
        ),
        "dinov2": lambda: t.Dinov2Model(
            t.Dinov2Config(**{**VIT, "intermediate_size": None, "mlp_ratio": 2, "image_size": 32})
        ),
        "vit_mae": lambda: t.ViTMAEForPreTraining(
            t.ViTMAEConfig(**VIT, decoder_hidden_size=16, decoder_num_hidden_layers=1, decoder_num_attention_heads=2,
                           decoder_intermediate_size=16)
        ),
        "resnet": lambda: t.ResNetForImageClassification(
            t.ResNetConfig(embedding_size=8, hidden_sizes=[8, 12], depths=[1, 1], num_labels=3)
        ),
        "videomae": lambda: t.VideoMAEForPreTraining(
            t.VideoMAEConfig(**VIT, num_frames=16, decoder_hidden_size=16, decoder_num_hidden_layers=1,
                             decoder_num_attention_heads=2, decoder_intermediate_size=16, use_mean_pooling=False)
        ),
    }  # fmt: skip


def make_image_folder(folder: Path, kind: str, *, seed: int = 3) -> Path:
    """A folder of this `model_type`, whose tensors are not those of a fresh model: norms and biases too."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        model = _models()[kind]()
        for parameter in model.parameters():
            torch.nn.init.normal_(parameter, std=0.2)
    model.save_pretrained(folder)
    (folder / "preprocessor_config.json").write_text(json.dumps(PROCESSING[kind]))
    return folder
