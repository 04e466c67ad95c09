"""Upstream's names of tensors and ours, in both directions. Pure functions on strings.

Ours are those of `EmotionLlama.state_dict()`. Upstream's are those of the released code: `visual_encoder.*`
(EVA-CLIP-g, in `eva_vit_g.pth` without that prefix), `ln_vision.*`, `llama_model.*` (PEFT 0.2 around a Hugging Face
Llama) and the projections.
"""

import re

PROJECTIONS = {
    "image": "llama_proj",
    "face": "feats_llama_proj1",
    "motion": "feats_llama_proj2",
    "speech": "feats_llama_proj3",
    "class_token": "cls_tk_llama_proj",
}
"""Our stream -> upstream's layer."""

VISION_PREFIX, LANGUAGE_PREFIX = "visual_encoder.", "llama_model."
LORA_FOLDERS = {"language": ".", "vision": "vision"}
"""Part -> where PEFT's files of it are."""

OWN_TOWER, OWN_LANGUAGE, OWN_PROJECTIONS = "vision.tower.", "language.", "projections."

_BLOCK_PARTS = {
    "layer_norm1.weight": ("norm1.weight",),
    "layer_norm1.bias": ("norm1.bias",),
    "self_attn.qkv.weight": ("attn.qkv.weight",),
    # Upstream has no bias for the keys: zeros are between the other two.
    "self_attn.qkv.bias": ("attn.q_bias", "attn.v_bias"),
    "self_attn.projection.weight": ("attn.proj.weight",),
    "self_attn.projection.bias": ("attn.proj.bias",),
    "layer_norm2.weight": ("norm2.weight",),
    "layer_norm2.bias": ("norm2.bias",),
    "mlp.fc1.weight": ("mlp.fc1.weight",),
    "mlp.fc1.bias": ("mlp.fc1.bias",),
    "mlp.fc2.weight": ("mlp.fc2.weight",),
    "mlp.fc2.bias": ("mlp.fc2.bias",),
}
"""Our name inside an encoder layer -> upstream's inside a block."""

_STEM = {
    "embeddings.class_embedding": "cls_token",
    "embeddings.position_embedding": "pos_embed",
    "embeddings.patch_embedding.weight": "patch_embed.proj.weight",
    "embeddings.patch_embedding.bias": "patch_embed.proj.bias",
}

IDENTITY_NORM = "ln_vision."
MAGNITUDE = "lora_magnitude_vector"
"""What DoRA learns beside A and B."""

_UNUSED = {
    r"attention\.": "upstream's Attention head, which it builds and saves but never calls",
    r".*rotary_emb\.inv_freq": "rotary frequencies, computed from the configuration",
    r"ln_vision\.": "a LayerNorm that upstream never trains: weight 1, bias 0",
}
"""Pattern of a name in a checkpoint -> why the tensor is not used."""


def tower_sources(name: str) -> tuple[str, ...]:
    """Names in `eva_vit_g.pth` that a tensor of our tower is made of; none for the norm after it, which is fresh.

    >>> tower_sources("encoder.layers.3.self_attn.qkv.bias")
    ('blocks.3.attn.q_bias', 'blocks.3.attn.v_bias')
    """
    if name in _STEM:
        return (_STEM[name],)
    layer = re.fullmatch(r"encoder\.layers\.(\d+)\.(.+)", name)
    if layer and layer[2] in _BLOCK_PARTS:
        return tuple(f"blocks.{layer[1]}.{part}" for part in _BLOCK_PARTS[layer[2]])
    return ()


def to_upstream(name: str) -> tuple[str, ...]:
    """Upstream's name or names for one of ours; empty if upstream has nothing like it.

    >>> to_upstream("projections.face.weight")
    ('feats_llama_proj1.weight',)
    >>> to_upstream("language.base_model.model.model.layers.0.self_attn.q_proj.lora_A.default.weight")
    ('llama_model.base_model.model.model.layers.0.self_attn.q_proj.lora_A.weight',)
    """
    if name.startswith(OWN_PROJECTIONS):
        stream, _, kind = name.removeprefix(OWN_PROJECTIONS).partition(".")
        return (f"{PROJECTIONS[stream]}.{kind}",)
    if name.startswith(f"{OWN_TOWER}post_layernorm."):
        return (name.replace(f"{OWN_TOWER}post_layernorm.", "ln_vision."),)
    if name.startswith(OWN_TOWER):
        return tuple(VISION_PREFIX + source for source in tower_sources(name.removeprefix(OWN_TOWER)))
    if name.startswith(OWN_LANGUAGE):
        plain = name.removeprefix(OWN_LANGUAGE).replace(".base_layer.", ".")
        # PEFT 0.2 had no adapter names, and upstream wraps the head in a Sequential.
        plain = re.sub(r"(lora_[AB])\.default\.", r"\1.", plain)
        return (LANGUAGE_PREFIX + re.sub(r"\blm_head\.", "lm_head.0.", plain),)
    return ()


def projection_name(name: str) -> str | None:
    """A checkpoint's name of a projection -> its name in `projections.safetensors`; None for anything else.

    >>> projection_name("cls_tk_llama_proj.bias")
    'class_token.bias'
    """
    layer, _, kind = name.partition(".")
    stream = {theirs: ours for ours, theirs in PROJECTIONS.items()}.get(layer)
    return f"{stream}.{kind}" if stream and kind in ("weight", "bias") else None


def lora_name(name: str) -> str | None:
    """A checkpoint's name of a LoRA matrix, of old or new PEFT -> its name in PEFT's adapter file.

    >>> lora_name("llama_model.base_model.model.model.layers.0.self_attn.q_proj.lora_A.default.weight")
    'base_model.model.model.layers.0.self_attn.q_proj.lora_A.weight'
    """
    found = re.fullmatch(r"llama_model\.(base_model\.model\..+\.lora_[AB])(?:\.default)?\.weight", name)
    return f"{found[1]}.weight" if found else None


def peft_file_name(name: str) -> str:
    """A parameter's name in a PEFT model -> its name in PEFT's adapter file, which has no adapter names.

    >>> peft_file_name("base_model.model.model.layers.0.self_attn.q_proj.lora_A.default.weight")
    'base_model.model.model.layers.0.self_attn.q_proj.lora_A.weight'
    """
    return re.sub(r"(lora_[AB])\.default\.", r"\1.", name).replace(f".{MAGNITUDE}.default.weight", f".{MAGNITUDE}")


def lora_part(name: str) -> tuple[str, str] | None:
    """A name in PEFT's adapter file -> the layer that it adapts and `lora_A`, `lora_B` or MAGNITUDE; None for others.

    >>> lora_part("base_model.model.model.layers.0.self_attn.q_proj.lora_A.weight")
    ('model.layers.0.self_attn.q_proj', 'lora_A')
    """
    found = re.fullmatch(rf"base_model\.model\.(.+)\.(?:(lora_[AB])\.weight|({MAGNITUDE}))", name)
    return (found[1], found[2] or found[3]) if found else None


def base_name(name: str) -> str | None:
    """A checkpoint's name of a frozen language tensor -> its name in the Hugging Face folder; None for anything else.

    >>> base_name("llama_model.base_model.model.lm_head.0.weight")
    'lm_head.weight'
    """
    found = re.fullmatch(r"llama_model\.base_model\.model\.(.+)", name)
    if not found or ".lora_" in name or name.endswith("inv_freq"):
        return None
    return found[1].replace(".base_layer.", ".").replace("lm_head.0.", "lm_head.")


def tower_name(name: str) -> str | None:
    """A checkpoint's name of a vision tensor -> its name in `eva_vit_g.pth`; None for anything else."""
    return name.removeprefix(VISION_PREFIX) if name.startswith(VISION_PREFIX) else None


def why_unused(name: str) -> str | None:
    """Why a tensor of a checkpoint is not used; None for one that this project does not know."""
    return next((reason for pattern, reason in _UNUSED.items() if re.match(pattern, name)), None)


def block_number(name: str) -> int | None:
    """The block of a tensor in `eva_vit_g.pth`; None for one outside the blocks."""
    found = re.match(r"blocks\.(\d+)\.", name)
    return int(found[1]) if found else None


def layer_number(name: str) -> int | None:
    """The layer of the language model that a tensor of LoRA belongs to, whatever part of the layer it adapts.

    >>> layer_number("llama_model.base_model.model.model.layers.3.mlp.up_proj.lora_A.weight")
    3
    """
    found = re.search(r"\.layers\.(\d+)\.", name)
    return int(found[1]) if found else None
