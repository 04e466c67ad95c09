"""Examples and their sequences -> Batch: pad, mask the context out of the loss."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from emolightning.prompt.sequence import Encoded
from emolightning.records.clips import IGNORED, Batch, Clip, Clips, Example, Places, SequenceBatch, TokenBatch


def batch_of(examples: Sequence[Example], encoded: Sequence[Encoded]) -> SequenceBatch:
    """Sequences are padded on the right, contexts on the left; clips that are borrowed have no targets."""
    pairs = zip(encoded, examples, strict=True)
    targets = [[IGNORED] * len(e.targets) if example.is_borrowed else e.targets for e, example in pairs]
    return SequenceBatch(
        **shared_parts(examples, prompts=[e.text for e in encoded]),
        sequence=pad([e.context + e.answer for e in encoded], targets, left=False),
        context=pad([e.context for e in encoded], [[IGNORED] * len(e.context) for e in encoded], left=True),
    )


def answer_rows(examples: Sequence[Example]) -> list[Example]:
    """Each example once for each label that its clip teaches, with the share of its votes, one after the other.

    A clip on which all agree has one row, as every clip has without votes, and so has what is asked for no label.
    """
    rows: list[Example] = []
    for example in examples:
        shares = taught(example.clip, example.task)
        if not shares:
            rows.append(example)
        for label, share in shares:
            rows.append(replace(example, clip=replace(example.clip, label=label), share=share))
    return rows


def taught(clip: Clip, task: str) -> tuple[tuple[str, float], ...]:
    """The labels that have a row each, with their shares of the votes; none where the clip has one row."""
    return clip.shares if task == "emotion" and len(clip.shares) > 1 else ()


def most_rows(clips: Sequence[Clip], batch_size: int) -> int:
    """Rows of the largest batch that there may be: the one with the clips of most answers.

    >>> from pathlib import Path
    >>> split, agreed = (Clip(name, Path(name), shares=shares) for name, shares in (
    ...     ("a", (("sad", 0.5), ("happy", 0.5))), ("b", (("sad", 1.0),))))
    >>> most_rows([split, agreed, agreed, split], 3), most_rows([agreed], 3)
    (5, 3)
    """
    more = [len(rows) - 1 for clip in clips if (rows := taught(clip, "emotion"))]
    return batch_size + sum(sorted(more)[-batch_size:])


def batch_to_learn(collate: Callable[[Sequence[Example]], Batch], examples: Sequence[Example]) -> Batch:
    """The batch of examples with a row for each answer that their clips teach."""
    return collate(answer_rows(examples))


def shared_parts(examples: Sequence[Example], *, prompts: list[str]) -> dict[str, Any]:
    """The fields that the batch of any family has."""
    return {
        "images": {name: torch.stack([e.images[name] for e in examples]) for name in examples[0].images},
        "features": {name: pad_vectors([e.features[name] for e in examples]) for name in examples[0].features},
        "indices": torch.tensor([example.index for example in examples]),
        "clips": Clips(example.clip for example in examples),
        "prompts": prompts,
        "is_own": torch.tensor([not example.is_borrowed for example in examples]),
        "unseen": _unseen(examples),
        "shares": _shares(examples),
    }


def _shares(examples: Sequence[Example]) -> Tensor | None:
    """(batch,), how much each answer counts; None where all clips have one."""
    shares = [example.share for example in examples]
    return torch.tensor(shares) if any(share != 1 for share in shares) else None


def _unseen(examples: Sequence[Example]) -> Tensor | None:
    """(batch,), the clips whose frames are removed; None where towers see all of them."""
    rows = [not example.removed.isdisjoint(example.images) for example in examples]
    return torch.tensor(rows) if any(rows) else None


def pad(rows: Sequence[Sequence[int]], targets: Sequence[Sequence[int]], *, left: bool) -> TokenBatch:
    """Rows of different lengths -> (batch, longest) tensors. The padding id is 0 and masked."""
    longest = max(len(row) for row in rows)
    ids, mask, learned = (np.full((len(rows), longest), fill, dtype=np.int64) for fill in (0, 0, IGNORED))
    for number, (row, of_row) in enumerate(zip(rows, targets, strict=True)):
        places = slice(longest - len(row), longest) if left else slice(0, len(row))
        ids[number, places], mask[number, places], learned[number, places] = row, 1, of_row
    return token_batch(*map(torch.from_numpy, (ids, mask, learned)))


def token_batch(input_ids: Tensor, attention_mask: Tensor, targets: Tensor) -> TokenBatch:
    """Sequences, (batch, tokens) each, with the places of what is in them."""
    follows = targets[:, 1:]
    is_learned = follows != IGNORED
    scored = is_learned.any(dim=0).nonzero()[:, 0]
    rows, numbers = is_learned[:, scored].nonzero(as_tuple=True)
    places = Places(
        streams={placeholder: _places(input_ids == placeholder) for placeholder in _placeholders(input_ids)},
        scored=scored,
        learned=torch.stack([rows, numbers, follows[is_learned]]),
        is_padded=not bool(attention_mask.all()),
        has_gaps=bool((attention_mask[:, 1:] > attention_mask[:, :-1]).any()),
    )
    return TokenBatch(input_ids, attention_mask, targets, places)


def _placeholders(input_ids: Tensor) -> list[int]:
    return input_ids[input_ids < 0].unique().tolist()


def _places(is_there: Tensor) -> Tensor:
    rows, places = is_there.nonzero(as_tuple=True)
    return torch.stack([rows, places, is_there.cumsum(dim=1)[rows, places] - 1])


def pad_vectors(streams: Sequence[Tensor]) -> Tensor:
    """Streams (tokens_i, width) -> (batch, most tokens, width), zeros after; the placeholders say how many count."""
    longest = max(stream.shape[0] for stream in streams)
    return torch.stack([functional.pad(stream, (0, 0, 0, longest - stream.shape[0])) for stream in streams])
