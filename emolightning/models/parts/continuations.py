"""How likely a language model finds given texts after a context that it reads once."""

import copy
import inspect
from collections.abc import Sequence
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
    embeddings: Tensor,
    attention_mask: Tensor,
    texts: Sequence[Sequence[int]],
    *,
    is_one_by_one: bool = False,
) -> Tensor:
    """The sum of the log-probabilities of each text's tokens after each context.

    Args:
        language: a causal model of transformers, which may be wrapped by PEFT.
        embeddings: contexts, (batch, tokens, width), padded on the left.
        attention_mask: (batch, tokens).
        texts: ids, at least one each.
        is_one_by_one: the number of passes must not depend on the size of the batch, which differs between ranks.

    Returns:
        (batch, texts), float32, in nats.
    """
    read = language(
        inputs_embeds=embeddings,
        attention_mask=attention_mask,
        use_cache=True,
        logits_to_keep=1,
        **told(language, positions_of(attention_mask)),
    )
    first = functional.log_softmax(read.logits[:, -1].float(), dim=-1)
    together = 1 if is_one_by_one else max(1, ROWS // len(embeddings))
    sums = []
    for start in range(0, len(texts), together):
        sums.append(_after(language, read.past_key_values, attention_mask, first, texts[start : start + together]))
    return torch.cat(sums, dim=1)


def _after(language: Any, cache: Any, context_mask: Tensor, first: Tensor, texts: Sequence[Sequence[int]]) -> Tensor:
    """The same for some texts, each in a row of its own.

    Args:
        language: the model.
        cache: of the contexts.
        context_mask: (batch, context)
        first: log-probabilities of the token after each context, (batch, vocabulary).
        texts: ids.

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
        logits = language(
            input_ids=rows,
            attention_mask=torch.cat([mask, torch.ones_like(rows)], dim=1),
            past_key_values=_shared(cache, len(texts)),
            use_cache=True,
            **told(language, read),
        ).logits
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
    parameters = inspect.signature(unwrapped(language).forward).parameters
    return {"position_ids": positions} if "position_ids" in parameters else {}
