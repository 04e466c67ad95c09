"""Folders of recorded values in other sizes, whose values come of the published formulas written down plainly."""

import json
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch
from affectgpt_factory import WIDTHS, make_model, save_checkpoint, upstream_state
from language_factory import make_qwen2
from safetensors.torch import save_file
from torch import Tensor
from torch.nn import functional
from weights_factory import Sizes, make_checkpoint_v2, make_eva, make_llama, plain_tower

from emolightning.data.media.images import CLIP_MEAN, CLIP_STD
from emolightning.models.emotion_llama_v2.fusion import FusionSettings

Weights = Mapping[str, Tensor]


def layer(weights: Weights, name: str, values: Tensor) -> Tensor:
    return functional.linear(values, weights[f"{name}.weight"], weights.get(f"{name}.bias"))


def write(folder: Path, name: str, about: Any, tensors: Weights) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"{name}.json").write_text(json.dumps(about), encoding="utf-8")
    save_file(
        {key: value.detach().clone().contiguous() for key, value in tensors.items()}, folder / f"{name}.safetensors"
    )


def plain_attention(weights: Weights, streams: Mapping[str, Tensor]) -> tuple[Tensor, Tensor, Tensor]:
    """MERBench's attention: features, emotions, valence."""

    def encoded(name: str, values: Tensor) -> Tensor:
        for number in (1, 2, 3):
            values = layer(weights, f"{name}.linear_{number}", values).relu()
        return values

    hidden = [encoded(f"{name}_encoder", streams[name]) for name in ("audio", "text", "video")]
    scores = layer(weights, "fc_att", encoded("attention_mlp", torch.cat(hidden, dim=1)))
    features = sum(scores[:, [place]] * values for place, values in enumerate(hidden))
    return features, layer(weights, "fc_out_1", features), layer(weights, "fc_out_2", features)


def make_baselines(folder: Path, *, seed: int, hidden: int, num_labels: int, widths: Mapping[str, int]) -> Path:
    """`golden_baselines` with one network: 14 clips, 20 steps of Adam."""
    generator = torch.Generator().manual_seed(seed)

    def draw(*shape: int) -> Tensor:
        return torch.randn(*shape, generator=generator)

    sizes = {f"{name}_encoder.linear_1": (hidden, width) for name, width in widths.items()}
    sizes |= {f"{name}_encoder.linear_{number}": (hidden, hidden) for name in widths for number in (2, 3)}
    sizes |= {"attention_mlp.linear_1": (hidden, 3 * hidden)}
    sizes |= {f"attention_mlp.linear_{number}": (hidden, hidden) for number in (2, 3)}
    sizes |= {"fc_att": (3, hidden), "fc_out_1": (num_labels, hidden), "fc_out_2": (1, hidden)}
    weights = {f"{name}.weight": draw(*shape) / shape[1] ** 0.5 for name, shape in sizes.items()}
    weights |= {f"{name}.bias": draw(shape[0]) / 10 for name, shape in sizes.items()}
    streams = {name: draw(14, width) for name, width in widths.items()}
    emotions, valence = torch.randint(num_labels, (14,), generator=generator), draw(14)

    def losses(rows: Any) -> dict[str, Tensor]:
        _, logits, values = plain_attention(weights, {name: stream[rows] for name, stream in streams.items()})
        ce = functional.cross_entropy(logits, emotions[rows])
        mse = functional.mse_loss(values[:, 0], valence[rows])
        return {"ce": ce, "mse": mse, "total": ce + mse}

    kept = {f"in.{name}s": stream for name, stream in streams.items()} | {"in.emos": emotions, "in.vals": valence}
    kept |= {f"w.{name}": value.clone() for name, value in weights.items()}
    seen = plain_attention(weights, {name: stream[:8] for name, stream in streams.items()})
    kept |= dict(zip(("eval.features", "eval.emos_out", "eval.vals_out"), seen, strict=True))
    kept["eval.interloss"] = torch.zeros(())
    for value in weights.values():
        value.requires_grad_()
    first = losses(slice(0, 8))
    first["total"].backward()
    kept |= {f"loss.{name}": value for name, value in first.items()}
    kept |= {f"grad.{name}": value.grad.clone() for name, value in weights.items() if value.grad is not None}
    about = {
        "name": "attention_utt", "lr": 1e-3, "weight_decay": 1e-5, "grad_clip_value": -1.0, "parameters": sizes,
        "cfg": {"hidden_dim": hidden, "dropout": 0.0, "feat_type": "utt"}, "params_without_grad": [],
        "batches": [torch.randperm(14, generator=generator)[:5].tolist() for _ in range(20)],
    }  # fmt: skip
    optimizer, trace = torch.optim.Adam(list(weights.values()), lr=1e-3, weight_decay=1e-5), []
    for rows in about["batches"]:
        optimizer.zero_grad()
        (loss := losses(rows)["total"]).backward()
        optimizer.step()
        trace.append(float(loss.detach()))
    kept |= {"train.loss": torch.tensor(trace, dtype=torch.float64)}
    write(folder, "attention_utt", about, kept | {f"train.w.{name}": value for name, value in weights.items()})
    return folder


def make_affectgpt(folder: Path, *, seed: int, tokens: int) -> Path:
    """`golden_affectgpt` as far as its fusion: two clips, streams of some tokens."""
    model = make_model(make_qwen2(folder / "llm"), seed=seed)
    state = upstream_state(model)
    save_checkpoint(folder / "checkpoint_tiny.pth", {k: v for k, v in state.items() if not k.startswith("ot_")})
    generator = torch.Generator().manual_seed(seed)
    encoders: dict[str, Tensor] = {
        "batch3.hubert": torch.zeros(1),
        "picture.clip": torch.zeros(1, 1, WIDTHS["picture"]),
    }
    records: dict[str, Tensor] = {}
    for clip in ("first", "other"):
        face, frame = (torch.randn(1, 8, WIDTHS["face"], generator=generator) for _ in range(2))
        voice = torch.randn(1, 8, WIDTHS["speech"], generator=generator)
        encoders |= {f"{clip}.face_clip": face, f"{clip}.frame_clip": frame, f"{clip}.hubert": voice}
        found = {"audio_llm": layer(state, "audio_llama_proj", pooled(state, "audio", voice))}
        for name, seen in (("face", face), ("frame", frame)):
            found[f"{name}_llm"] = layer(state, "affectgpt_proj", pooled(state, "video", seen))
            found[f"multi{name}_llm"] = layer(state, "multi_llama_proj", both(state, seen, voice))
        records |= {f"{clip}.{name}": value.expand(-1, tokens, -1) for name, value in found.items()}
    config = {"model": {f"num_{name}_query_token": tokens for name in ("video", "audio", "multi", "image")}}
    bert = dict.fromkeys(("hidden_size", "num_attention_heads", "intermediate_size", "num_hidden_layers"), 1)
    (folder / "bert-base-uncased").mkdir()
    (folder / "bert-base-uncased" / "config.json").write_text(json.dumps(bert))
    (folder / "model_config.json").write_text(json.dumps(config))
    (folder / "train.json").write_text(json.dumps({"annotation": []}))
    save_file(encoders, folder / "encoders.safetensors")
    save_file(
        {name: value.detach().clone() for name, value in records.items()}, folder / "fusion_attention.safetensors"
    )
    return folder


def pooled(weights: Weights, kind: str, vectors: Tensor) -> Tensor:
    return (layer(weights, f"{kind}_attention_mlp", vectors) * vectors).sum(dim=1, keepdim=True)


def both(weights: Weights, seen: Tensor, heard: Tensor) -> Tensor:
    first, second = (layer(weights, f"multi_{n}_embs", v.mean(dim=1)) for n, v in (("video", seen), ("audio", heard)))
    share = layer(weights, "fc_att", layer(weights, "attention_mlp", torch.cat([first, second], dim=1)))
    return (share[:, :1] * first + share[:, 1:] * second)[:, None]


def plain_fusion(weights: Weights, streams: list[Tensor]) -> Tensor:
    """ConvProAttention, (batch, tokens, output)."""

    def two(name: str, values: Tensor) -> Tensor:
        return layer(weights, f"{name}.3", layer(weights, f"{name}.0", values).relu()).relu()

    weights = {name.removeprefix("conv_pro_module."): value for name, value in weights.items()}
    hidden = [two(f"feats_prep.{place}", values) for place, values in enumerate(streams)]
    together = torch.cat(hidden, dim=-1)
    share = layer(weights, "fc_att", two("attention_mlp", together))
    added = sum(share[..., [place]] * values for place, values in enumerate(hidden))
    values = functional.conv1d(together.transpose(1, 2), weights["conv_entry.weight"], weights["conv_entry.bias"])
    for number in range(4):
        name = f"conv_module.conv_blocks.{number}.conv_block.0"
        inner = functional.conv1d(values, weights[f"{name}.weight"], weights[f"{name}.bias"], padding=1)
        values = values + inner * inner.sigmoid()
    return layer(weights, "fc_final", added + values.transpose(1, 2))


def make_v2(folder: Path, *, seed: int, num_tokens: int, widths: Mapping[str, int]) -> Path:
    """`golden_v2` as far as its streams: two samples, the second without a picture."""
    sizes, fusion = Sizes(seed=seed, layers=1), FusionSettings(hidden=9, width=7, output=5)
    make_llama(folder / "llama", sizes)
    eva = make_eva(folder / "eva.pth", sizes)
    checkpoint = make_checkpoint_v2(folder / "checkpoint_tiny.pth", sizes, fusion, widths)
    weights = torch.load(checkpoint, weights_only=True)["model"]
    generator = torch.Generator().manual_seed(seed)
    pixels = torch.randint(256, (3, 14, 14), generator=generator, dtype=torch.uint8)
    streams = {name: torch.randn(2, num_tokens, width, generator=generator) for name, width in widths.items()}
    given = {f"s{n}.{name}_features": stream[[n]] for name, stream in streams.items() for n in range(2)}
    larger = pixels.float().repeat_interleave(4, 1).repeat_interleave(4, 2) / 255
    image = (larger - torch.tensor(CLIP_MEAN)[:, None, None]) / torch.tensor(CLIP_STD)[:, None, None]
    seen = plain_tower(eva, sizes, torch.stack([image, torch.zeros_like(image)]))
    alike = seen[:, :1].expand(-1, num_tokens, -1)
    fused = plain_fusion(weights, [streams["audio"], alike, streams["video"]])
    tokens = [
        layer(weights, "llama_proj_fusion", fused),
        layer(weights, "llama_proj", seen[:, 1:].reshape(2, -1, 4 * sizes.vision_width)),
        *(layer(weights, f"llama_proj_{name}", streams[name]) for name in ("video", "audio")),
    ]
    config = {
        "model": {"llama_model": "llama", "ckpt": "checkpoint_tiny.pth"},
        "eva": {"file": "eva.pth", "width": sizes.vision_width, "depth": sizes.blocks, "heads": sizes.vision_heads,
                "mlp_hidden": sizes.vision_mlp, "image_size": sizes.image_size, "patch_size": 14},
        "conv_pro": {"layers": f"{fusion.hidden},{fusion.width}", "output_dim": fusion.output, "dropout": 0.1},
        "lora": {"r": sizes.rank, "alpha": sizes.alpha, "dropout": 0.05, "targets": ["q_proj", "v_proj"]},
        "hard_coded": {**{f"{n}_features": [num_tokens, w] for n, w in widths.items()}, "tokens_fusion": num_tokens},
    }  # fmt: skip
    said = "<Vid><VideoHere></Vid> The person in video says: Hi.  [emotion] Which? "
    samples = [{"image_id": f"clip{n}", "instruction_input": said, "answer": "sad", "stage": 1} for n in range(2)]
    (folder / "model_config.json").write_text(json.dumps({**config, "sizes": str(asdict(sizes))}))
    (folder / "samples.json").write_text(json.dumps(samples))
    save_file(given | {"s0.image_u8": pixels}, folder / "inputs.safetensors")
    save_file({"tokens": torch.cat(tokens, dim=1), "fusion.out": fused}, folder / "encoder.safetensors")
    return folder
