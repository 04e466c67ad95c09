"""How likely a language model finds given texts after a context that it reads once."""

import copy
import inspect
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from emolightning.models.parts.lora import unwrapped

ROWS = 32
"""Texts that are read at the same time: of each layer in turn all of them hold the keys and values of their context."""


def continuation_logprobs(
    language: Any,
    context: Mapping[str, Tensor],
    texts: Sequence[Sequence[int]],
    *,
    is_one_by_one: bool = False,
    counts_itself: bool = False,
) -> Tensor:
    """The sum of the log-probabilities of each text's tokens after each context.

    Args:
        language: a causal model of transformers, which may be wrapped by PEFT.
        context: its arguments for contexts that are padded on the left: `attention_mask`, (batch, tokens), and
            `inputs_embeds`, (batch, tokens, width), or what it makes them from.
        texts: ids, at least one each.
        is_one_by_one: the number of passes must not depend on the size of the batch, which differs between ranks.
        counts_itself: it knows where tokens are, as chat models do, for pictures have places of several dimensions.

    Returns:
        (batch, texts), float32, in nats.
    """
    mask = context["attention_mask"]
    where = {} if counts_itself else told(language, positions_of(mask))
    read = language(**context, use_cache=True, **only_last(language, 1), **where)
    first = functional.log_softmax(read.logits[:, -1].float(), dim=-1)
    together = 1 if is_one_by_one else max(1, ROWS // len(mask))
    sums = []
    for start in range(0, len(texts), together):
        sums.append(_after(language, read.past_key_values, mask, first, texts[start : start + together], counts_itself))
    return torch.cat(sums, dim=1)


def _after(
    language: Any, cache: Any, context_mask: Tensor, first: Tensor, texts: Sequence[Sequence[int]], counts_itself: bool
) -> Tensor:
    """The same for some texts, each in a row of its own.

    Args:
        language: the model.
        cache: of the contexts.
        context_mask: (batch, context)
        first: log-probabilities of the token after each context, (batch, vocabulary).
        texts: ids.
        counts_itself: nothing is masked, and the model knows where tokens are.

    Returns:
        (batch, texts)
    """
    device, batch = first.device, len(first)
    longest = max(map(len, texts))
    ids = torch.tensor([[*text, *[0] * (longest - len(text))] for text in texts], device=device)  # (texts, longest)
    counts = torch.tensor([[k < len(text) for k in range(longest)] for text in texts], device=device)
    found = first[:, ids[:, 0]]
    if longest > 1:
        rows = ids[:, :-1].repeat(batch, 1)  # What is padded comes last, where nothing that counts looks at it.
        mask = context_mask.repeat_interleave(len(texts), dim=0)
        read = torch.arange(longest - 1, device=device) + mask.sum(dim=1, keepdim=True)
        where = {"attention_mask": torch.cat([mask, torch.ones_like(rows)], dim=1), **told(language, read)}
        shared = _shared(cache, len(texts))
        given = {} if counts_itself else where
        logits = language(input_ids=rows, past_key_values=shared, use_cache=True, **given).logits
        logprobs = functional.log_softmax(logits.float(), dim=-1).view(batch, len(texts), longest - 1, -1)
        wanted = ids[None, :, 1:, None].expand(batch, -1, -1, -1)
        following = logprobs.gather(3, wanted)[..., 0]
        found = found + (following * counts[None, :, 1:]).sum(dim=2)
    return found


def _shared(cache: Any, repeats: int) -> Any:
    """The same contexts with several rows each, for one pass; the keys and values that are given stay as they are."""
    view = copy.copy(cache)
    view.layers = [_with_rows(layer, repeats) for layer in cache.layers]
    return view


def _with_rows(layer: Any, repeats: int) -> Any:
    """One layer of such a cache: what it holds is repeated when it is asked for, and not in all layers at once."""
    from transformers.cache_utils import DynamicLayer, DynamicSlidingWindowLayer

    if type(layer) not in (DynamicLayer, DynamicSlidingWindowLayer):  # Others keep more than keys and values.
        other = copy.deepcopy(layer)
        other.batch_repeat_interleave(repeats)
        return other
    view = copy.copy(layer)
    view.update = partial(_continued, layer, repeats)
    return view


def _continued(layer: Any, repeats: int, *new: Tensor, **_: Any) -> tuple[Tensor, ...]:
    """Keys and values of each context's rows, (batch * repeats, heads, tokens, width), copied once."""
    found = []
    for held, added in zip((layer.keys, layer.values), new, strict=True):
        rows = held[:, None].expand(-1, repeats, -1, -1, -1)
        found.append(torch.cat([rows, added.unflatten(0, (-1, repeats))], dim=-2).flatten(0, 1))
    return tuple(found)


def positions_of(attention_mask: Tensor) -> Tensor:
    """The place of each token among those that count, (batch, tokens)."""
    return (attention_mask.cumsum(dim=1) - 1).clamp(min=0)


def told(language: Any, positions: Tensor) -> dict[str, Tensor]:
    """Where tokens are in their own row, for models that are told; others count by the mask, as with ALiBi."""
    return {"position_ids": positions} if _takes(language, "position_ids") else {}


def only_last(language: Any, number: int) -> dict[str, int]:
    """Logits of the last places alone, from models that can leave the others out."""
    return {"logits_to_keep": number} if _takes(language, "logits_to_keep") else {}


def _takes(language: Any, name: str) -> bool:
    return name in inspect.signature(unwrapped(language).forward).parameters
