"""The likeliest token after the likeliest token, as transformers' greedy `generate` finds them."""

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor

from emolightning.models.parts.decoder import Decoder

KNOWN = {"max_new_tokens", "min_new_tokens", "num_beams", "do_sample", "logits_processor", "stopping_criteria"}
"""Arguments of `generate` that have a meaning here."""

Change = Callable[[Tensor, Tensor], Tensor]
"""The new tokens of each row, (rows, tokens), and scores, (rows, vocabulary), to other scores."""


def is_greedy(arguments: dict[str, Any]) -> bool:
    """Whether these arguments of `generate` ask for what this module does."""
    return arguments.keys() <= KNOWN and arguments["num_beams"] == 1 and not arguments["do_sample"]


def is_at_hand(device: torch.device) -> bool:
    """Whether looking at a value on it waits for nothing."""
    return device.type == "cpu"


def greedy_ids(
    decoder: Decoder,
    logits: Tensor,
    arguments: dict[str, Any],
    *,
    stop_ids: Sequence[int],
    padding_id: int,
) -> Tensor:
    """New tokens that follow contexts.

    On a GPU tokens are asked for without waiting for those before: whether answers have ended is looked at after each
    eighth of their length, and what came after an end is cut off. Rows that have ended are left out when half of them
    have, but not in half precision, where another number of rows rounds differently and costs the same.

    Args:
        decoder: of the language model; it has read the contexts, with room for all tokens but the last.
        logits: of the token after each context, (batch, vocabulary).
        arguments: as `generate` takes them; `is_greedy`.
        stop_ids: tokens that end an answer.
        padding_id: fills rows that have ended.

    Returns:
        Ids, (batch, longest answer).
    """
    number, most, device = len(logits), arguments["max_new_tokens"], logits.device
    changes = _changes(arguments, stop_ids, device)
    ends = _Ends(number, stop_ids, arguments.get("stopping_criteria"), device)
    ids = torch.full((number, most), padding_id, device=device)
    rows = torch.arange(number, device=device)
    for place in range(most):
        scores = logits.float()
        for change in changes:
            scores = change(ids[rows, :place], scores)
        tokens = scores.argmax(dim=-1)
        ids[rows, place] = tokens
        if place + 1 == most:
            ends.look(ids, most)
            break
        if is_at_hand(device) or place + 1 - ends.seen >= max(1, place // 8):
            ends.look(ids, place + 1)
            is_open = (ends.lengths[rows] > place + 1).tolist()
            if not any(is_open):
                break
            if decoder.is_exact and 2 * sum(is_open) <= len(is_open):
                left = torch.tensor([row for row, here in enumerate(is_open) if here], device=device)
                rows, tokens = rows[left], tokens[left]
                decoder.keep(left)
        logits = decoder.follow(tokens)
    return ends.filled(ids, padding_id)


def _changes(arguments: dict[str, Any], stop_ids: Sequence[int], device: torch.device) -> list[Change]:
    """What changes the scores of the next token."""
    from transformers import MinNewTokensLengthLogitsProcessor

    found: list[Change] = list(arguments.get("logits_processor", []))
    if least := arguments.get("min_new_tokens"):
        found.append(MinNewTokensLengthLogitsProcessor(0, least, list(stop_ids), device=str(device)))
    return found


class _Ends:
    """How long each answer is, the token that ends it included; far too long while it has not ended."""

    def __init__(self, number: int, stop_ids: Sequence[int], criteria: Any, device: torch.device):
        self.lengths = torch.full((number,), torch.iinfo(torch.int64).max, device=device)
        self.seen = 0
        """Tokens that were looked at."""
        self._stops = torch.tensor(list(stop_ids), device=device)
        self._criteria = criteria

    def look(self, ids: Tensor, length: int) -> None:
        """Look at the tokens since the last time, up to `length`."""
        for end in range(self.seen + 1, length + 1):
            is_end = torch.isin(ids[:, end - 1], self._stops)
            if self._criteria:
                is_end = is_end | self._criteria(ids[:, :end], None)
            self.lengths = torch.where(is_end, self.lengths.clamp(max=end), self.lengths)
        self.seen = length

    def filled(self, ids: Tensor, padding_id: int) -> Tensor:
        """The ids as far as the longest answer goes, the others filled up."""
        lengths = self.lengths.clamp(max=self.seen)
        places = torch.arange(int(lengths.max()), device=ids.device)
        return ids[:, : len(places)].masked_fill(places >= lengths[:, None], padding_id)
