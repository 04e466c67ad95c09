"""What trains and what is frozen: select, count, fingerprint."""

import hashlib
import math
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from emolightning.models.emotion_model import EmotionModel
from emolightning.models.parts.lora import is_start
from emolightning.models.parts.vision import POSITIONS
from emolightning.models.parts.whole_tensors import read_whole, whole_shape, write_whole

PLAIN = {"float16", "bfloat16", "float32"}
"""Types that weights can be loaded in."""

QUANTISED = "quantised"

SAMPLED_ELEMENTS = 65_536
"""Per tensor, for the fingerprint: hashing all of a 7B model would take longer than loading it."""


@dataclass(frozen=True)
class Part:
    """One row of the table of parts."""

    name: str
    total: int
    trained: int
    dtype: str

    @property
    def state(self) -> str:
        """`frozen`, `trained`, or `adapters` when only some of it trains."""
        if self.trained == 0:
            return "frozen"
        return "trained" if self.trained == self.total else "adapters"


def parts(model: EmotionModel) -> list[Part]:
    """Each part, of those without a base each child, with numbers of parameters."""
    rows = []
    for name, module in model.named_children():
        children = module.named_children() if name in model.fresh_parts else ()
        own = [(f"{name}.{child}", part) for child, part in children]
        rows += [_part(*each) for each in own or [(name, module)]]
    return rows


def _part(name: str, module: nn.Module) -> Part:
    parameters = list(module.parameters())
    return Part(
        name=name,
        total=sum(_count(p) for p in parameters),
        trained=sum(_count(p) for p in parameters if p.requires_grad),
        dtype="+".join(sorted({_dtype(p) for p in parameters})),
    )


def _count(parameter: nn.Parameter) -> int:
    """Numbers in it; bitsandbytes keeps two of 4 bits in a byte."""
    quantized = getattr(parameter, "quant_state", None)
    return math.prod(quantized.shape if quantized is not None else whole_shape(parameter))


def _dtype(parameter: nn.Parameter) -> str:
    quantized = getattr(parameter, "quant_state", None)
    return quantized.quant_type if quantized is not None else str(parameter.dtype).removeprefix("torch.")


def trained_parameters(model: EmotionModel) -> dict[str, nn.Parameter]:
    """Name -> parameter of everything that trains, and of what does not and is in no other file.

    That are parts without a base, and where adapters began.
    """
    named = model.named_parameters()
    return {name: p for name, p in named if p.requires_grad or _part_of(name) in model.fresh_parts or is_start(name)}


def _part_of(name: str) -> str:
    return name.partition(".")[0]


def trained_state(model: EmotionModel) -> dict[str, Tensor]:
    """Values of `trained_parameters`, whole: what a checkpoint holds. All ranks of a sharding engine must call it."""
    return {name: read_whole(p) for name, p in trained_parameters(model).items()}


def state_hash(state: Mapping[str, Tensor]) -> str:
    """sha256 over names and values of trained tensors."""
    digest = hashlib.sha256()
    for name in sorted(state):
        digest.update(name.encode())
        digest.update(state[name].contiguous().cpu().view(torch.uint8).numpy().tobytes())
    return digest.hexdigest()


def load_checkpoint(
    model: EmotionModel,
    checkpoint: Mapping[str, Any],
    own: Mapping[str, str] | None = None,
    *,
    may_start_fresh: bool = False,
) -> list[str]:
    """Take a checkpoint's weights and nothing else of it; the parts that it had.

    Args:
        model: to be filled.
        checkpoint: the content of a checkpoint of a run.
        own: the fingerprints of the model, where they are known.
        may_start_fresh: a part that was frozen when the weights were trained stays as it is.

    Raises:
        ValueError: it is of another base or another shape.
    """
    if own is None or may_start_fresh:
        own = base_fingerprints(model, before_training=may_start_fresh)
    require_same_base(model, own, checkpoint["base_fingerprints"])
    state = {name.removeprefix("model."): tensor for name, tensor in checkpoint["state_dict"].items()}
    return load_trained_state(model, state, may_start_fresh=may_start_fresh)


def load_trained_state(model: EmotionModel, state: Mapping[str, Tensor], *, may_start_fresh: bool = False) -> list[str]:
    """Put trained tensors back; names and shapes must be exactly those of the model.

    Args:
        model: to be filled.
        state: result of `trained_state`.
        may_start_fresh: a part of which `state` has nothing, since it was frozen then, stays as it is.

    Returns:
        The parts that were loaded, e.g. `language`, `projections`, `vision`.

    Raises:
        ValueError: names what is missing, left over or of another shape.
    """
    loaded = {_part_of(name) for name in state}
    own = trained_parameters(model)
    if may_start_fresh:
        own = {name: p for name, p in own.items() if _part_of(name) in loaded}
    for part, there, here in _training_of_parts(state, own):
        if part not in model.fresh_parts:
            require_same_training(part, there, here)
    fill(own, state)
    return sorted(loaded)


def fill(own: Mapping[str, nn.Parameter], state: Mapping[str, Tensor]) -> None:
    """Put tensors into parameters of the same names and shapes.

    Raises:
        ValueError: names what is missing, left over or of another shape.
    """
    problems = [f"missing {name}" for name in own if name not in state]
    problems += [f"left over {name}" for name in state if name not in own]
    problems += [
        f"{name} has shape {tuple(state[name].shape)}, the model's is {tuple(whole_shape(own[name]))}"
        for name in own
        if name in state and state[name].shape != whole_shape(own[name])
    ]
    if problems:
        shown = "; ".join(problems[:5]) + (f"; and {len(problems) - 5} more" if len(problems) > 5 else "")
        raise ValueError(f"The checkpoint does not fit the model: {shown}")
    for name, parameter in own.items():
        write_whole(parameter, state[name])


def how_trained(names: Iterable[str]) -> str:
    """`frozen`, `lora` or `full`, by the names of a part's trained tensors.

    >>> how_trained(["layers.0.q_proj.lora_A.default.weight"]), how_trained(["layers.0.q_proj.weight"]), how_trained([])
    ('lora', 'full', 'frozen')
    """
    found = list(names)
    if not found:
        return "frozen"
    return "lora" if any("lora_" in name for name in found) else "full"


def require_same_training(part: str, there: str, here: str) -> None:
    """Refuse weights of a part that trains otherwise here.

    Raises:
        ValueError: names the setting that would fit.
    """
    if there != here:
        raise ValueError(
            f"model.train.{part} was {there} when these weights were trained and is {here} here; say "
            f"model.train.{part}={there}"
        )


def _training_of_parts(there: Iterable[str], here: Iterable[str]) -> Iterator[tuple[str, str, str]]:
    """(part, how it trained there, how it trains here)."""
    there, here = list(there), list(here)
    for part in sorted({_part_of(name) for name in (*there, *here)}):
        of_there, of_here = ([name for name in names if name.startswith(f"{part}.")] for names in (there, here))
        yield part, how_trained(of_there), how_trained(of_here)


def base_fingerprints(model: EmotionModel, *, before_training: bool = False) -> dict[str, str]:
    """Part (e.g. `language`, `vision`) -> sha256 over the weights of its base; equal for equal weights on any device.

    The same with adapters and without.

    Args:
        model: whose parts they are.
        before_training: also of parts that train in full, whose weights are a base only at first.
    """
    return {
        name: base_fingerprint(model, name)
        for name, part in model.named_children()
        if name not in model.fresh_parts
        and (before_training or not any(parameter.requires_grad for parameter in _base(part).values()))
    }


def base_fingerprint(model: nn.Module, part: str) -> str:
    """The fingerprint of one part."""
    return _fingerprint(_base(model.get_submodule(part)))


def _base(part: nn.Module) -> dict[str, nn.Parameter]:
    """Name -> parameter of everything but adapters, by the names that they have without PEFT's wrappers."""
    named = {name: p for name, p in part.named_parameters() if "lora_" not in name}
    return {name.replace("base_model.model.", "", 1).replace(".base_layer.", "."): p for name, p in named.items()}


def _fingerprint(parameters: Mapping[str, nn.Parameter]) -> str:
    """Name, shape, dtype and up to SAMPLED_ELEMENTS values of each."""
    digest = hashlib.sha256()
    for name, parameter in sorted(parameters.items()):
        _add(digest, name, parameter, _sample(parameter), parameter.dtype)
    return digest.hexdigest()


def fingerprints(tensors: Iterable[tuple[str, Tensor]], dtypes: Iterable[str]) -> dict[str, str]:
    """Fingerprints of a part that is not loaded, in each type that it can be loaded in.

    Args:
        tensors: all of its parameters, in the order of their names, one in memory at a time.
        dtypes: e.g. `float16`.

    Returns:
        Type -> what `base_fingerprints` gives for the part when its weights were cast to that type.
    """
    digests = {dtype: hashlib.sha256() for dtype in dtypes}
    for name, tensor in tensors:
        sample = _sample(tensor)
        for dtype, digest in digests.items():
            _add(digest, name, tensor, sample, getattr(torch, dtype))
    return {dtype: digest.hexdigest() for dtype, digest in digests.items()}


def _sample(tensor: Tensor) -> Tensor:
    return tensor.detach().flatten()[:: max(1, tensor.numel() // SAMPLED_ELEMENTS)]


def _add(digest: Any, name: str, tensor: Tensor, sample: Tensor, dtype: torch.dtype) -> None:
    digest.update(f"{name} {tuple(tensor.shape)} {dtype}".encode())
    digest.update(sample.to(dtype).contiguous().cpu().view(torch.uint8).numpy().tobytes())


Known = Mapping[str, str | Mapping[str, str]]
"""Part -> its fingerprint in training; of imported weights type -> fingerprint, since no training fixed a type."""


def require_same_base(model: nn.Module, own: Mapping[str, str], trained_on: Known) -> None:
    """Refuse trained weights on another base.

    A part that one side does not have (no image, no tower) does not count, and neither does one of `not_compared`.

    Args:
        model: with its base.
        own: its fingerprints.
        trained_on: those that the weights came with.

    Raises:
        ValueError: names the parts that differ.
    """
    skipped = not_compared(model, trained_on)
    compared = [name for name in own if name in trained_on and name not in skipped]
    different = [name for name in compared if not _is_same(model, name, own[name], trained_on[name])]
    if different:
        raise ValueError(
            f"these weights were trained on another base: {' and '.join(different)} differ(s); use the same language "
            "model and vision weights, of the same image size, dtype and quantization (for model=tiny: the same sizes, "
            "torch and transformers versions)"
        )


def _is_same(model: nn.Module, part: str, own: str, known: str | Mapping[str, str]) -> bool:
    """Imported weights go with any image size: the positions, which follow it, are not in their fingerprints."""
    if isinstance(known, str):
        return own == known
    base = {name: p for name, p in _base(getattr(model, part)).items() if not name.endswith(POSITIONS)}
    return _fingerprint(base) == known.get(_dtype_of(model, part))


def not_compared(model: nn.Module, trained_on: Known) -> list[str]:
    """Parts whose fingerprints say nothing: quantised here, and known as plain weights only."""
    parts = [name for name, known in trained_on.items() if not isinstance(known, str)]
    return [name for name in parts if _dtype_of(model, name) == QUANTISED]


def _dtype_of(model: nn.Module, part: str) -> str:
    """The type of a part's base."""
    types = {_dtype(parameter) for parameter in _base(getattr(model, part, None) or nn.Module()).values()}
    if types - PLAIN:
        return QUANTISED
    return types.pop() if len(types) == 1 else "several types"
