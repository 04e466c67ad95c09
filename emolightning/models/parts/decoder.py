"""A decoder of transformers, read layer by layer: its own weights and operations, without what surrounds them.

At each token transformers' `generate` makes masks and positions anew, copies each layer's cache and looks up arguments;
PEFT asks each layer what is switched on. At a small size, or for one clip, that costs more than the products. Here it
is done once an answer. Of a context the last layer's output is needed at the last place alone, so only its keys and
values are computed everywhere.

In float32, where the order of operations changes the last digit alone, narrow layers and their adapters are added once.
"""

from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

import torch
from peft.tuners.lora.layer import Linear as AdaptedLinear
from torch import Tensor, nn
from torch.nn import functional
from transformers.activations import SiLUActivation

from emolightning.models.parts.lora import unwrapped
from emolightning.models.parts.masks import sees_all

STEADY = ("default", "linear", "llama3", "yarn")
"""Rotary positions whose frequencies do not depend on how long a sequence is."""

FILES = ("transformers.models.llama.modeling_llama", "transformers.models.qwen2.modeling_qwen2")
"""Where the classes of the layers are that are read here; linear ones are asked as they are."""

Linear = Callable[[Tensor], Tensor]

BLOCK = 32
"""Places that are made at a time for keys and values of new tokens."""

NARROW = 16
"""An adapter with no more inputs and outputs than so many times its rank is worth the memory of a second weight."""


def can_read(language: Any) -> bool:
    """Whether reading it here is the same as calling it.

    Hooks are how FSDP, DeepSpeed and offloading bring a layer's weights when it is called. In training mode it has
    dropout.
    """
    base = unwrapped(language)
    if not sees_all(base) or base.model.rotary_emb.rope_type not in STEADY or not _is_of_known_parts(base.model):
        return False
    left: list[nn.Module | None] = [language]
    while left:  # `modules()` takes as long as a small context.
        module = left.pop()
        if module is not None:
            if _is_more_than_it_seems(module):
                return False
            left += module._modules.values()
    return True


def _is_of_known_parts(model: Any) -> bool:
    """Whether no layer, nor what is read inside of it, was replaced by something else."""
    parts = [model.norm, model.rotary_emb, *model.layers]
    for layer in model.layers:
        parts += [layer.self_attn, layer.mlp, layer.input_layernorm, layer.post_attention_layernorm]
    return all(type(part).__module__ in FILES for part in parts)


def _is_more_than_it_seems(module: nn.Module) -> bool:
    return bool(module.training or module._forward_hooks or module._forward_pre_hooks or "forward" in vars(module))


class TokenTree(NamedTuple):
    """Tokens that grow from a context, the same for all contexts of a batch."""

    tokens: Tensor
    """Ids, (tokens,); each comes after those of its branch."""
    depths: Tensor
    """The number of tokens before each on its own branch, (tokens,)."""
    sees: Tensor
    """(tokens, tokens), bool: those of its branch, itself included."""


class Decoder:
    """Contexts, and what follows them: one text token by token, or several texts as a tree.

    Args:
        language: a causal model of a kind that is known here, which may be wrapped by PEFT; `can_read` says so.
    """

    def __init__(self, language: Any):
        base = unwrapped(language)
        self._rotary, self._is_written_out = base.model.rotary_emb, base.config._attn_implementation == "eager"
        self._embed, self._head = base.get_input_embeddings(), base.get_output_embeddings()
        weight = self._embed.weight
        self.is_exact = weight.dtype == torch.float32 and not torch.is_autocast_enabled(weight.device.type)
        """Whether all is computed in float32."""
        self._norm = _slim_norm(base.model.norm, self.is_exact)
        self._layers = [_Layer(layer, self.is_exact) for layer in base.model.layers[: base.config.num_hidden_layers]]
        self._length = 0

    def read(self, embeddings: Tensor, attention_mask: Tensor, room: int, tree: TokenTree | None = None) -> Tensor:
        """Read contexts, and the trees that grow from them.

        Args:
            embeddings: contexts, (batch, tokens, width), padded on the left.
            attention_mask: (batch, tokens).
            room: most tokens that may follow.
            tree: what grows from each context and is not followed.

        Returns:
            Logits after each context and after each token of the tree, (batch, 1 + tokens, vocabulary).
        """
        self._length, self._counts = attention_mask.shape[1], attention_mask
        seen = torch.cat([attention_mask, attention_mask.new_ones(len(attention_mask), room)], dim=1)
        self._angles = self._angles_at(embeddings, (seen.cumsum(dim=1) - 1).clamp(min=0))
        is_whole = bool(attention_mask.all())
        self._visible = None if is_whole else self._mask(seen[:, None, None].bool())
        hidden, angles = embeddings, [angle[:, :, : self._length] for angle in self._angles]
        if tree is not None:
            grown, more = self._grown(tree)
            hidden = torch.cat([hidden, grown], dim=1)
            angles = [torch.cat(both, dim=2) for both in zip(angles, more, strict=True)]
        mask = None if is_whole and tree is None and not self._is_written_out else self._mask(self._seen(tree))
        for layer in self._layers:
            needed = self._length - 1 if layer is self._layers[-1] else 0
            hidden = layer.read(hidden, angles, mask, self._length, min(room, BLOCK), needed)
        return self._logits(hidden)

    def _seen(self, tree: TokenTree | None) -> Tensor:
        """Return what contexts and a tree after them see, bool (batch, 1, places, places)."""
        added = 0 if tree is None else len(tree.tokens)
        places = self._length + added
        sees = torch.ones(places, places, dtype=torch.bool, device=self._counts.device).tril()
        if tree is not None:
            sees[self._length :, self._length :] = tree.sees
        return sees & functional.pad(self._counts, (0, added), value=1)[:, None, None].bool()

    def _mask(self, is_visible: Tensor) -> Tensor:
        """Return a mask as attention takes it, of the shape of `is_visible`.

        Attention that is written out adds it to its scores; others take it as it is, bool.
        """
        if not self._is_written_out:
            return is_visible
        dtype = self._embed.weight.dtype
        return torch.zeros_like(is_visible, dtype=dtype).masked_fill(~is_visible, torch.finfo(dtype).min)

    def _grown(self, tree: TokenTree) -> tuple[Tensor, list[Tensor]]:
        """Return the embeddings of a tree, (batch, tokens, width), and its angles."""
        hidden = self._embed(tree.tokens).expand(len(self._counts), -1, -1)
        return hidden, self._angles_at(hidden, self._counts.sum(dim=1, keepdim=True) + tree.depths)

    def follow(self, tokens: Tensor) -> Tensor:
        """The logits of the token after these, which come next in their rows, (batch, vocabulary)."""
        start, self._length = self._length, self._length + 1
        angles = [angle[:, :, start : self._length] for angle in self._angles]
        mask = None if self._visible is None else self._visible[..., : self._length]
        hidden = self._embed(tokens)[:, None]
        for layer in self._layers:
            hidden = layer.follow(hidden, angles, mask, start)
        return self._logits(hidden)[:, -1]

    def branch(self, tree: TokenTree) -> Tensor:
        """The logits after each token of one more tree, (batch, tokens, vocabulary); before anything is followed."""
        hidden, angles = self._grown(tree)
        mask = self._mask(self._seen(tree)[:, :, self._length :])
        for layer in self._layers:
            hidden = layer.branch(hidden, angles, mask, self._length)
        return self._logits(hidden)

    def keep(self, rows: Tensor) -> None:
        """Go on with these rows alone, (rows,) of their numbers."""
        self._angles = [angle[rows] for angle in self._angles]
        self._visible = None if self._visible is None else self._visible[rows]
        for layer in self._layers:
            layer.keys, layer.values = layer.keys[rows], layer.values[rows]

    def _angles_at(self, vectors: Tensor, positions: Tensor) -> list[Tensor]:
        """Return what turns heads: the cosines, and the sines of half the numbers.

        Args:
            vectors: (batch, places, width), for their type and device.
            positions: (batch, places).

        Returns:
            Two of (batch, 1, places, numbers).
        """
        cos, sin = self._rotary(vectors, position_ids=positions)
        return [cos[:, None], sin[:, None].chunk(2, dim=-1)[0]]  # transformers repeats the sines for the other half.

    def _logits(self, hidden: Tensor) -> Tensor:
        return self._head(self._norm(hidden))


class _Layer:
    """One layer, with the keys and values of what it has read: (batch, heads, places, width) each."""

    keys: Tensor
    values: Tensor

    def __init__(self, layer: Any, is_exact: bool):
        from transformers.modeling_utils import ALL_ATTENTION_FUNCTIONS
        from transformers.models.llama.modeling_llama import eager_attention_forward

        self._attention, mlp = layer.self_attn, layer.mlp
        attend = ALL_ATTENTION_FUNCTIONS.get_interface(
            self._attention.config._attn_implementation, eager_attention_forward
        )
        self._attend = partial(attend, self._attention, scaling=self._attention.scaling, dropout=0.0)
        self._before = _slim_norm(layer.input_layernorm, is_exact)
        self._between = _slim_norm(layer.post_attention_layernorm, is_exact)
        self._act, parts = _in_place(mlp.act_fn), self._attention
        self._query, self._key, self._value, self._output = (
            _slim(part, is_exact) for part in (parts.q_proj, parts.k_proj, parts.v_proj, parts.o_proj)
        )
        self._gate, self._up, self._down = (
            _slim(part, is_exact) for part in (mlp.gate_proj, mlp.up_proj, mlp.down_proj)
        )

    def read(
        self, hidden: Tensor, angles: list[Tensor], mask: Tensor | None, length: int, room: int, needed: int
    ) -> Tensor:
        """Return what the layer makes of the places from `needed` on.

        Keys and values of the first `length` places are kept, with `room` for more.

        Args:
            hidden: (batch, places, width).
            angles: of all places, as `_angles_at` returns them.
            mask: (batch, 1, places, places); None where nothing but what comes later is masked.
            length: places of the contexts.
            room: places that may follow.
            needed: the first place whose result is needed.

        Returns:
            (batch, places - needed, width).
        """
        normed = self._before(hidden)
        keys, values = _turned(self._heads(self._key(normed)), angles), self._heads(self._value(normed))
        self.keys, self.values = (_with_room(held[:, :, :length], room) for held in (keys, values))
        if needed:
            hidden, normed = hidden[:, needed:], normed[:, needed:]
            angles = [angle[:, :, needed:] for angle in angles]
            mask = None if mask is None else mask[:, :, needed:]
        return self._after(hidden, _turned(self._heads(self._query(normed)), angles), keys, values, mask)

    def follow(self, hidden: Tensor, angles: list[Tensor], mask: Tensor | None, start: int) -> Tensor:
        """Return what it makes of one more token a row, (batch, 1, width), at `start`."""
        if start == self.keys.shape[2]:
            self.keys, self.values = _with_room(self.keys, BLOCK), _with_room(self.values, BLOCK)
        normed = self._before(hidden)
        query = _turned(self._heads(self._query(normed)), angles)
        self.keys[:, :, start : start + 1] = _turned(self._heads(self._key(normed)), angles)
        self.values[:, :, start : start + 1] = self._heads(self._value(normed))
        return self._after(hidden, query, self.keys[:, :, : start + 1], self.values[:, :, : start + 1], mask)

    def branch(self, hidden: Tensor, angles: list[Tensor], mask: Tensor, length: int) -> Tensor:
        """Return what it makes of a tree's tokens, (batch, tokens, width); it keeps nothing."""
        normed = self._before(hidden)
        query, key = (_turned(self._heads(part(normed)), angles) for part in (self._query, self._key))
        keys = torch.cat([self.keys[:, :, :length], key], dim=2)
        values = torch.cat([self.values[:, :, :length], self._heads(self._value(normed))], dim=2)
        return self._after(hidden, query, keys, values, mask)

    def _after(self, hidden: Tensor, query: Tensor, keys: Tensor, values: Tensor, mask: Tensor | None) -> Tensor:
        found, _ = self._attend(query, keys, values, mask)
        hidden = _sum(self._output(found.flatten(2)), hidden)
        normed = self._between(hidden)
        return _sum(self._down(self._act(self._gate(normed)).mul_(self._up(normed))), hidden)

    def _heads(self, vectors: Tensor) -> Tensor:
        """(batch, places, heads * width) -> (batch, heads, places, width)."""
        return vectors.unflatten(-1, (-1, self._attention.head_dim)).transpose(1, 2)


def _with_room(held: Tensor, room: int) -> Tensor:
    return functional.pad(held, (0, 0, 0, room)) if room else held


def _turned(vectors: Tensor, angles: list[Tensor]) -> Tensor:
    """Rotary positions, with the values that transformers computes; more is written in place."""
    cos, sin = angles
    (first, second), turned, half = vectors.chunk(2, dim=-1), vectors * cos, sin.shape[-1]
    turned[..., :half].sub_(second * sin)  # Where gradients are kept, halves of `chunk` may not be written to.
    turned[..., half:].add_(first * sin)
    return turned


def _sum(new: Tensor, hidden: Tensor) -> Tensor:
    """Add `hidden` to `new`, in the memory of `new` where their types agree; any shape."""
    return new.add_(hidden) if new.dtype == hidden.dtype else hidden + new


def _in_place(act: Any) -> Linear:
    """The activation, written to the memory of what it is given where it is SiLU."""
    return partial(functional.silu, inplace=True) if type(act) is SiLUActivation else act


def _slim_norm(norm: Any, is_exact: bool) -> Linear:
    return partial(_normed, norm.weight, norm.variance_epsilon) if is_exact else norm


def _normed(weight: Tensor, epsilon: float, vectors: Tensor) -> Tensor:
    """Return the normed vectors, (..., width), as transformers computes them; `weight` is (width,).

    They are written to the memory of the squares.
    """
    squares = vectors.square()
    scale = squares.mean(dim=-1, keepdim=True).add_(epsilon).rsqrt_()
    return torch.mul(vectors, scale, out=squares).mul_(weight)


def _slim(part: Any, is_exact: bool) -> Linear:
    """A linear layer with the same result; where adapters are switched, merged or of another kind, the layer itself."""
    if type(part) is nn.Linear:
        return partial(functional.linear, weight=part.weight, bias=part.bias)
    name = _plain_adapter(part)
    if name is None:
        return part
    base, lower, upper, scaling = part.base_layer, part.lora_A[name], part.lora_B[name], part.scaling[name]
    if adapter_added_once(part, is_exact):
        weight = torch.addmm(base.weight, upper.weight, lower.weight, alpha=scaling)
        return partial(functional.linear, weight=weight, bias=base.bias)
    base, down, up = (_slim(each, is_exact) for each in (base, lower, upper))
    return partial(_adapted, base, down, up, scaling, lower.weight.dtype)


def _plain_adapter(part: Any) -> str | None:
    """Return the name of a layer's one active adapter, if it is not merged and of PEFT's plain kind."""
    if type(part) is not AdaptedLinear or part.disable_adapters or part.merged or len(part.active_adapters) != 1:
        return None
    name = part.active_adapters[0]
    is_plain = name in part.lora_A and name not in part.lora_variant and getattr(part, "cast_input_dtype_enabled", True)
    return name if is_plain else None


def adapter_added_once(part: Any, is_exact: bool) -> str | None:
    """The name of a layer's adapter that is added to its weight, because it is large for what it adapts; or None.

    Args:
        part: any module.
        is_exact: whether all is computed in float32.
    """
    name = _plain_adapter(part)
    if not is_exact or name is None or type(part.base_layer) is not nn.Linear:
        return None
    lower, upper = part.lora_A[name], part.lora_B[name]
    is_large = max(lower.in_features, upper.out_features) <= NARROW * lower.out_features
    return name if is_large and upper.bias is None else None


def _adapted(base: Linear, down: Linear, up: Linear, scaling: float, dtype: torch.dtype, inputs: Tensor) -> Tensor:
    """PEFT's own order of operations; what is new here may be written to."""
    return base(inputs).add_(up(down(inputs.to(dtype))).mul_(scaling))
