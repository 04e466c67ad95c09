"""Checks of the vision tower and of upstream's `encode_img`."""

from typing import Any

import torch
from parity.comparison import VALUES, AnyOrder, Near
from parity.golden import GoldenFolder
from parity.subject import Subject
from torch import Tensor

from emolightning.models.emotion_llama.upstream.names import tower_sources
from emolightning.models.parts.torch_files import TorchFile


@torch.no_grad()
def recompute(golden: GoldenFolder, subject: Subject) -> dict[str, Any]:
    """Content of `vision.json` and `vision.safetensors`."""
    tensors = _states(subject)
    file = TorchFile(golden.weights("eva", "file"))
    used = {source for name in _tower(subject).state_dict() for source in tower_sources(name)}
    norm = _tower(subject).post_layernorm
    about = {
        "shapes": {
            "vit_out": list(tensors["vit_out"].shape),
            "encode_img": list(tensors["encode_img"].shape),
            "atts": list(tensors["encode_img_atts"].shape),
            "atts_dtype": str(tensors["encode_img_atts"].dtype),
        },
        "eva_missing_keys": AnyOrder(sorted(used - set(file.tensors))),
        "eva_unexpected_keys": AnyOrder([name for name in file.tensors if name not in used]),
        "max_abs_single_vs_batch": Near(_single_against_batch(subject, tensors["encode_img"]), VALUES),
        "ln_vision": {
            "weight_all_one": bool((norm.weight == 1).all()),
            "bias_all_zero": bool((norm.bias == 0).all()),
            "eps": norm.eps,
        },
        "norm1_eps": _tower(subject).encoder.layers[0].layer_norm1.eps,
    }
    exact = {"encode_img_atts"}
    near = {name: tensor if name in exact else Near(tensor, VALUES) for name, tensor in tensors.items()}
    return {"vision.json": about, "vision.safetensors": near}


def _states(subject: Subject) -> dict[str, Tensor]:
    """The recorded tensors; shapes in words, n for patches and t for tokens of a sample.

    `patch_embed` (batch, n, w), `pos_embed_interpolated` (1, 1 + n, w), `vit_out` and `ln_vision_out`
    (batch, 1 + n, w), `encode_img` (batch, t, width of the language model), `encode_img_atts` (batch, t).
    """
    batch = subject.batch(range(len(subject.samples)))
    tower, found = _tower(subject), dict[str, Tensor]()

    def keep(module: Any, inputs: tuple[Tensor, ...], output: Tensor) -> None:
        found.setdefault("vit_out", inputs[0])  # The norm is called once more, for the class token alone.
        found.setdefault("ln_vision_out", output)

    handle = tower.post_layernorm.register_forward_hook(keep)
    encoded = subject.encode_images(batch)
    handle.remove()
    patches = tower.embeddings.patch_embedding(batch.images["image"].flatten(0, 1)).flatten(2).transpose(1, 2)
    return {
        **found,
        "patch_embed": patches,
        "pos_embed_interpolated": tower.embeddings.position_embedding,
        "encode_img": encoded,
        "encode_img_atts": torch.ones(encoded.shape[:2], dtype=torch.int64),
    }


def _single_against_batch(subject: Subject, encoded: Tensor) -> float:
    alone = torch.cat([subject.encode_images(subject.batch([number])) for number in range(len(subject.samples))])
    return float((alone - encoded).abs().max())


def _tower(subject: Subject) -> Any:
    assert subject.model.vision is not None
    return subject.model.vision.tower
