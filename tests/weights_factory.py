"""Random weights in the formats that upstream's are published in, at any size; a plain reading of its vision side."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

import sentencepiece
import torch
from torch import Tensor
from torch.nn import functional
from transformers import LlamaConfig, LlamaForCausalLM

from emolightning.models.emotion_llama.instructions import instruction_pool, prompt_order
from emolightning.models.emotion_llama_v2.fusion import FusionSettings
from emolightning.models.emotion_llama_v2.upstream import checkpoint_format
from emolightning.models.parts.vision import VisionSettings
from emolightning.records.labels import MER9

PROJECTIONS = ("llama_proj", "feats_llama_proj1", "feats_llama_proj2", "feats_llama_proj3", "cls_tk_llama_proj")


@dataclass(frozen=True)
class Sizes:
    """Of a small Emotion-LLaMA."""

    vision_width: int = 24
    blocks: int = 2
    """That are used; the file has one more."""
    vision_heads: int = 3
    vision_mlp: int = 40
    grid: int = 2
    """Positions of the file, each way."""
    image_size: int = 56
    hidden: int = 32
    layers: int = 2
    heads: int = 4
    llama_mlp: int = 48
    features: int = 12
    rank: int = 4
    alpha: int = 8
    seed: int = 0

    def overrides(self) -> list[str]:
        """Settings of a model with these sizes."""
        return [
            f"model.vision.width={self.vision_width}", f"model.vision.num_layers={self.blocks}",
            f"model.vision.num_heads={self.vision_heads}", f"model.vision.mlp_width={self.vision_mlp}",
            f"model.vision.image_size={self.image_size}", f"model.lora.r={self.rank}", f"model.lora.alpha={self.alpha}",
        ]  # fmt: skip


def make_llama(folder: Path, sizes: Sizes = Sizes(), *, dtype=torch.float16, shards: int = 1) -> Path:  # noqa: B008
    """A Hugging Face folder with a SentencePiece tokenizer of its own."""
    folder.mkdir(parents=True, exist_ok=True)
    vocabulary = make_sentencepiece(folder)
    torch.manual_seed(sizes.seed)
    config = LlamaConfig(
        vocab_size=vocabulary, hidden_size=sizes.hidden, intermediate_size=sizes.llama_mlp,
        num_hidden_layers=sizes.layers, num_attention_heads=sizes.heads, initializer_range=0.3, pad_token_id=0,
        bos_token_id=1, eos_token_id=2, max_position_embeddings=512, rms_norm_eps=1e-5,
    )  # fmt: skip
    model = LlamaForCausalLM(config).to(dtype)
    size = sum(parameter.numel() * parameter.element_size() for parameter in model.parameters())
    model.save_pretrained(folder, max_shard_size=size // shards + 1024 if shards > 1 else "5GB")
    return folder


def make_sentencepiece(folder: Path) -> int:
    """`tokenizer.model` and its configuration; the number of pieces."""
    lines = [text for task in ("emotion", "reason") for text in instruction_pool(task, prompt_order(MER9))]
    lines += ["[INST] <video> </video> <feature><FeatureHere></feature> The person in video says: [/INST]", *MER9]
    corpus = folder / "corpus.txt"
    corpus.write_text("\n".join(lines * 3), encoding="utf-8")
    sentencepiece.SentencePieceTrainer.train(
        input=str(corpus), model_prefix=str(folder / "tokenizer"), vocab_size=400, model_type="bpe", byte_fallback=True,
        user_defined_symbols=["$$"], hard_vocab_limit=False, minloglevel=2,
    )  # fmt: skip
    corpus.unlink()
    (folder / "tokenizer.vocab").unlink()
    config = {"tokenizer_class": "LlamaTokenizer", "bos_token": "<s>", "eos_token": "</s>", "unk_token": "<unk>",
              "legacy": False, "add_bos_token": True, "add_eos_token": False}  # fmt: skip
    (folder / "tokenizer_config.json").write_text(json.dumps(config))
    pieces = sentencepiece.SentencePieceProcessor(model_file=str(folder / "tokenizer.model"))
    return int(pieces.get_piece_size())


def make_eva(path: Path, sizes: Sizes = Sizes(), *, dtype=torch.float16, few: bool = False) -> Path:  # noqa: B008
    """`eva_vit_g.pth`: upstream's names, one block more than is used, a norm and a head; with `few` mostly zeros."""
    generator = torch.Generator().manual_seed(sizes.seed + 1)
    width, mlp = sizes.vision_width, sizes.vision_mlp

    def draw(*shape: int, scale: float = 0.2) -> Tensor:
        if few:
            tensor = torch.zeros(shape, dtype=dtype)
            tensor.view(-1)[:100] = torch.randn(tensor.view(-1)[:100].shape, generator=generator)
            return tensor
        return (torch.randn(*shape, generator=generator) * scale).to(dtype)

    state = {
        "cls_token": draw(1, 1, width),
        "pos_embed": draw(1, 1 + sizes.grid**2, width),
        "patch_embed.proj.weight": draw(width, 3, 14, 14, scale=0.05),
        "patch_embed.proj.bias": draw(width),
    }
    for number in range(sizes.blocks + 1):
        block = f"blocks.{number}."
        for norm in ("norm1", "norm2"):
            state |= {f"{block}{norm}.weight": 1 + draw(width), f"{block}{norm}.bias": draw(width)}
        state |= {
            f"{block}attn.qkv.weight": draw(3 * width, width), f"{block}attn.q_bias": draw(width),
            f"{block}attn.v_bias": draw(width), f"{block}attn.proj.weight": draw(width, width),
            f"{block}attn.proj.bias": draw(width), f"{block}mlp.fc1.weight": draw(mlp, width),
            f"{block}mlp.fc1.bias": draw(mlp), f"{block}mlp.fc2.weight": draw(width, mlp),
            f"{block}mlp.fc2.bias": draw(width),
        }  # fmt: skip
    state |= {"norm.weight": draw(width), "norm.bias": draw(width), "head.weight": draw(5, width), "head.bias": draw(5)}
    torch.save(state, path)
    return path


def make_checkpoint(path: Path, sizes: Sizes = Sizes(), *, new_peft: bool = False) -> Path:  # noqa: B008
    """Upstream's `.pth`: LoRA on q and v, inv_freq, the head that nothing calls, projections, optimizer, config."""
    generator = torch.Generator().manual_seed(sizes.seed + 2)

    def draw(*shape: int) -> Tensor:
        return torch.randn(*shape, generator=generator) * 0.2

    state: dict[str, Tensor] = {}
    infix = ".default" if new_peft else ""
    for layer in range(sizes.layers):
        prefix = f"llama_model.base_model.model.model.layers.{layer}.self_attn."
        for target in ("q_proj", "v_proj"):
            state[f"{prefix}{target}.lora_A{infix}.weight"] = draw(sizes.rank, sizes.hidden)
            state[f"{prefix}{target}.lora_B{infix}.weight"] = draw(sizes.hidden, sizes.rank)
        state[f"{prefix}rotary_emb.inv_freq"] = draw(sizes.hidden // sizes.heads // 2)
    state["attention.fc_out.weight"], state["attention.fc_out.bias"] = draw(6, 128), draw(6)
    inputs = (4 * sizes.vision_width, *[sizes.features] * 3, sizes.vision_width)
    for name, width in zip(PROJECTIONS, inputs, strict=True):
        state |= {f"{name}.weight": draw(sizes.hidden, width), f"{name}.bias": draw(sizes.hidden)}
    config = {"model": {"lora_r": sizes.rank, "lora_alpha": sizes.alpha}, "run": {"init_lr": 1e-5, "max_epoch": 30}}
    optimizer = {"state": {}, "param_groups": [{"lr": 1e-5, "params": []}]}
    torch.save({"model": state, "optimizer": optimizer, "config": config, "scaler": None, "epoch": 3}, path)
    return path


def make_checkpoint_v2(
    path: Path,
    sizes: Sizes,
    fusion: FusionSettings = FusionSettings(),  # noqa: B008  # frozen
    widths: Mapping[str, int] = MappingProxyType({"video": 1408, "audio": 1280}),
    *,
    without: Sequence[str] = (),
) -> Path:
    """Emotion-LLaMA-v2's `.pth` of random values: LoRA on q and v, projections, fusion."""
    generator = torch.Generator().manual_seed(sizes.seed)
    with torch.device("meta"):
        parts = checkpoint_format(fusion).fresh(VisionSettings(width=sizes.vision_width), widths, sizes.hidden)
    shapes = {f"{part}.{name}": t.shape for part, module in parts.items() for name, t in module.state_dict().items()}
    state: dict[str, Tensor] = {}
    for layer in range(sizes.layers):
        for target in ("q_proj", "v_proj"):
            prefix = f"llama_model.base_model.model.model.layers.{layer}.self_attn.{target}.lora_"
            state[f"{prefix}A.weight"] = torch.randn(sizes.rank, sizes.hidden, generator=generator)
            state[f"{prefix}B.weight"] = torch.randn(sizes.hidden, sizes.rank, generator=generator)
    for name, shape in shapes.items():
        (theirs,) = checkpoint_format(fusion).upstream(name)
        state[theirs] = torch.randn(shape, generator=generator)
    kept = {name: tensor for name, tensor in state.items() if not name.startswith(tuple(without))}
    config = {"model": {"arch": "emotion_llama_v2", "lora_r": sizes.rank, "lora_alpha": sizes.alpha}}
    torch.save({"model": kept, "optimizer": {}, "config": config, "scaler": None, "epoch": 9}, path)
    return path


def plain_tower(eva: Path, sizes: Sizes, images: Tensor) -> Tensor:
    """The tower and the norm behind it, block by block: (batch, 3, size, size) -> (batch, 1 + patches, width)."""
    state = {name: tensor.float() for name, tensor in torch.load(eva, weights_only=True).items()}
    hidden = functional.conv2d(
        images, state["patch_embed.proj.weight"], state["patch_embed.proj.bias"], stride=14
    ).flatten(2)
    hidden = hidden.transpose(1, 2)
    batch, _, width = hidden.shape
    side = sizes.image_size // 14
    grid = state["pos_embed"][:, 1:].reshape(1, sizes.grid, sizes.grid, width).permute(0, 3, 1, 2)
    grid = functional.interpolate(grid, size=(side, side), mode="bicubic", align_corners=False)
    positions = torch.cat([state["pos_embed"][:, :1], grid.permute(0, 2, 3, 1).flatten(1, 2)], dim=1)
    hidden = torch.cat([state["cls_token"].expand(batch, -1, -1), hidden], dim=1) + positions
    for number in range(sizes.blocks):
        hidden = _block(state, f"blocks.{number}.", hidden, sizes.vision_heads)
    return functional.layer_norm(hidden, (width,))


def plain_encode_img(eva: Path, checkpoint: Path, sizes: Sizes, images: Tensor, features: Tensor) -> Tensor:
    """Upstream's `encode_img` written down plainly, block by block.

    Args:
        eva: its weights.
        checkpoint: with the projections.
        sizes: of the tower.
        images: (batch, 3, size, size)
        features: (batch, 3, width), face, motion, speech.

    Returns:
        (batch, patches / 4 + 4, hidden)
    """
    trained = torch.load(checkpoint, weights_only=True)["model"]
    hidden = plain_tower(eva, sizes, images)
    batch = len(hidden)
    project = {
        name: lambda vectors, name=name: functional.linear(vectors, trained[f"{name}.weight"], trained[f"{name}.bias"])
        for name in PROJECTIONS
    }
    image = project["llama_proj"](hidden[:, 1:].reshape(batch, -1, 4 * hidden.shape[-1]))
    rows = [project[f"feats_llama_proj{number + 1}"](features[:, number : number + 1]) for number in range(3)]
    return torch.cat([image, *rows, project["cls_tk_llama_proj"](hidden[:, :1])], dim=1)


def _block(state: dict[str, Tensor], prefix: str, hidden: Tensor, heads: int) -> Tensor:
    width = hidden.shape[-1]

    def norm(name: str, values: Tensor) -> Tensor:
        return functional.layer_norm(
            values, (width,), state[f"{prefix}{name}.weight"], state[f"{prefix}{name}.bias"], 1e-6
        )

    def linear(name: str, values: Tensor) -> Tensor:
        return functional.linear(values, state[f"{prefix}{name}.weight"], state[f"{prefix}{name}.bias"])

    q_bias, v_bias = state[f"{prefix}attn.q_bias"], state[f"{prefix}attn.v_bias"]
    bias = torch.cat([q_bias, torch.zeros_like(q_bias), v_bias])
    qkv = functional.linear(norm("norm1", hidden), state[f"{prefix}attn.qkv.weight"], bias)
    query, key, value = qkv.unflatten(-1, (3, heads, width // heads)).permute(2, 0, 3, 1, 4)
    weights = ((query * (width // heads) ** -0.5) @ key.transpose(-2, -1)).softmax(dim=-1)
    mixed = (weights @ value).transpose(1, 2).flatten(2)
    hidden = hidden + linear("attn.proj", mixed)
    return hidden + linear("mlp.fc2", functional.gelu(linear("mlp.fc1", norm("norm2", hidden))))
