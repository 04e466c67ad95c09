"""A model of any size on the meta device: shapes, operations and bytes of a training step, and nothing computed.

Every part is called as in a step. Only the sequence is put together in another way: placeholders are found by their
value, and nothing has a value here. So streams and token embeddings are joined end to end, which is as long.
"""

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional
from torch.utils.flop_counter import FlopCounterMode

from emolightning.models.emotion_llama.emotion_llama import EmotionLlama
from emolightning.models.parts.parameters import parts
from emolightning.models.sizes.flops import answering_flops, sizes_of, training_flops
from speed.clips import ClipSet

IN_STEP, AHEAD, CONTEXT = "training step with the tower", "training step", "context of an answer"

ADAMW_BYTES = 8
"""Two moments in float32 for each trained value."""


def describe(model: EmotionLlama, clips: ClipSet) -> dict[str, Any]:
    """Parts, shapes, operations and bytes, for the first of the clips."""
    shapes, counted = _walk(model, clips)
    expected = _expected(model, clips)
    return {
        "parts": [asdict(part) for part in parts(model)],
        "shapes": shapes,
        "gflops": {name: {"formula": expected[name] / 1e9, "counted": counted[name] / 1e9} for name in expected},
        "memory_gb": _memory(model),
    }


def _walk(model: EmotionLlama, clips: ClipSet) -> tuple[dict[str, list[int]], dict[str, int]]:
    """Shapes, and operations as torch counts them."""
    (context, answer), example = clips.lengths[0], clips.examples[0]
    with torch.device("meta"):
        with FlopCounterMode(display=False) as of_tower:
            streams = model.see({"image": torch.empty(1, *example.images["image"].shape)})
        streams |= {name: torch.empty(1, *vectors.shape) for name, vectors in example.features.items()}
        with FlopCounterMode(display=False) as of_step:
            embeddings, logits = _forward(model, streams, context + answer, scored=answer)
            functional.cross_entropy(logits.float(), torch.zeros(answer, dtype=torch.long)).backward()
        with FlopCounterMode(display=False) as of_context, torch.no_grad():
            _forward(model, streams, context, scored=1)
    tower, step = of_tower.get_total_flops(), of_step.get_total_flops()
    shapes = {**streams, "embeddings": embeddings, "logits": logits[None]}
    counted = {IN_STEP: tower + step, AHEAD: step, CONTEXT: of_context.get_total_flops()}
    return {name: list(tensor.shape) for name, tensor in shapes.items()}, counted


def _forward(model: EmotionLlama, streams: Mapping[str, Tensor], length: int, *, scored: int) -> tuple[Tensor, Tensor]:
    """Embeddings (1, length, width) of one sequence, and logits (scored, vocabulary) of its last positions."""
    projected = model.projections(streams)
    num_text = length - sum(vectors.shape[1] for vectors in projected.values())
    text = model.language.get_input_embeddings()(torch.zeros(1, num_text, dtype=torch.long))
    embeddings = torch.cat([*(vectors.to(text.dtype) for vectors in projected.values()), text], dim=1)
    logits = model.language(
        inputs_embeds=embeddings,
        # Whole, for transformers looks into the values of a smaller one.
        attention_mask=torch.zeros(1, 1, length, length, dtype=embeddings.dtype),
        position_ids=torch.arange(length)[None],
        logits_to_keep=scored,
    ).logits
    return embeddings, logits[0]


def _expected(model: EmotionLlama, clips: ClipSet) -> dict[str, int]:
    (context, answer), sizes = clips.lengths[0], sizes_of(model)

    def step(frames: int) -> int:
        return training_flops(sizes, positions=context + answer, answer=answer, streams=clips.streams, frames=frames)

    asked = answering_flops(sizes, positions=context, answer=1, streams=clips.streams, frames=0)
    ahead = {} if model.vision is not None and model.vision.is_trained else {AHEAD: step(0)}
    return {IN_STEP: step(1), **ahead, CONTEXT: asked}


def _memory(model: EmotionLlama) -> dict[str, float]:
    """What stays allocated from step to step; activations come on top."""
    parameters = list(model.parameters())
    trained = [parameter for parameter in parameters if parameter.requires_grad]
    sizes = {
        "weights": sum(parameter.nbytes for parameter in parameters),
        "gradients": sum(parameter.nbytes for parameter in trained),
        "AdamW": ADAMW_BYTES * sum(parameter.numel() for parameter in trained),
    }
    return {name: size / 1e9 for name, size in sizes.items()}


def lines(result: dict[str, Any]) -> list[str]:
    """What is printed."""
    printed = [f"{'part':<28}{'parameters':>16}{'trained':>16}  dtype"]
    for part in result["parts"]:
        printed.append(f"{part['name']:<28}{part['total']:>16,}{part['trained']:>16,}  {part['dtype']}")
    totals = (sum(part[name] for part in result["parts"]) for name in ("total", "trained"))
    printed += ["{:<28}{:>16,}{:>16,}".format("together", *totals), "", "shapes of one clip"]
    printed += [f"  {name:<26}{tuple(shape)}" for name, shape in result["shapes"].items()]
    printed += ["", f"{'GFLOP of one clip':<28}{'formula':>16}{'counted':>16}"]
    for name, found in result["gflops"].items():
        printed.append(f"  {name:<26}{found['formula']:>16,.1f}{found['counted']:>16,.1f}")
    printed += ["", "GB, activations not included"]
    return printed + [f"  {name:<26}{size:>16.2f}" for name, size in result["memory_gb"].items()]
