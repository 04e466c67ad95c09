"""How likely a language model that is read layer by layer finds given texts after a context.

    context --+-- happy --+-- end
              |           +-- and -- sad -- end
              +-- sad ----- end

A token that several texts begin with is read once, and all of them in one pass that sees the context, which is read
once, too. Ends are asked for and not read.
"""

from collections.abc import Iterator, Sequence

import torch
from torch import Tensor
from torch.nn import functional

from emolightning.models.parts.decoder import Decoder

PLACES = 512
"""Tokens of trees that are read at the same time: each has scores for the whole vocabulary."""


class Tree:
    """Texts, each a way from the context along the tokens that it shares with others."""

    def __init__(self) -> None:
        self.tokens: list[int] = []
        """Ids of those that are read."""
        self.branches: list[tuple[int, ...]] = []
        """The numbers of those on the way to each of them, itself included."""
        self.steps: dict[tuple[int, int], int] = {}
        """What is asked for: (place, id of the next token) -> number. Place 0 is the context, token n has n + 1."""
        self.ways: list[list[int]] = []
        """The steps of each text."""
        self._places: dict[tuple[int, int], int] = {}

    def add(self, text: Sequence[int]) -> None:
        """Let a text grow."""
        place, way = 0, []
        for number, token in enumerate(text):
            step = place, token
            way.append(self.steps.setdefault(step, len(self.steps)))
            if number + 1 < len(text):
                place = self._places.get(step) or self._grow(step)
        self.ways.append(way)

    def _grow(self, step: tuple[int, int]) -> int:
        before = self.branches[step[0] - 1] if step[0] else ()
        self.branches.append((*before, len(self.tokens)))
        self.tokens.append(step[1])
        self._places[step] = len(self.tokens)
        return len(self.tokens)


def trees(texts: Sequence[Sequence[int]], most: int) -> Iterator[Tree]:
    """The texts in their order, as many in a tree as have room in `most` tokens, and at least one."""
    tree = Tree()
    for text in texts:
        if tree.ways and len(tree.tokens) + len(text) - 1 > most:
            yield tree
            tree = Tree()
        tree.add(text)
    yield tree


def tree_logprobs(
    decoder: Decoder, embeddings: Tensor, attention_mask: Tensor, texts: Sequence[Sequence[int]]
) -> Tensor:
    """The sum of the log-probabilities of each text's tokens after each context.

    Args:
        decoder: of the language model.
        embeddings: (batch, tokens, width), padded on the left.
        attention_mask: (batch, tokens)
        texts: ids, at least one each.

    Returns:
        (batch, texts), float32, in nats.
    """
    first = decoder.read(embeddings, attention_mask, 0)[:, None]
    found = []
    for tree in trees(texts, PLACES // len(embeddings)):
        logits = torch.cat([first, _grown(decoder, tree, first.device)], dim=1) if tree.tokens else first
        found.append(_sums(tree, functional.log_softmax(logits.float(), dim=-1)))
    return torch.cat(found, dim=1)


def _grown(decoder: Decoder, tree: Tree, device: torch.device) -> Tensor:
    """The logits after each token of a tree, (batch, tokens, vocabulary)."""
    depths = [len(branch) - 1 for branch in tree.branches]
    sees = [[number in branch for number in range(len(tree.tokens))] for branch in tree.branches]
    return decoder.branch(*(torch.tensor(values, device=device) for values in (tree.tokens, depths, sees)))


def _sums(tree: Tree, logprobs: Tensor) -> Tensor:
    """(batch, 1 + tokens, vocabulary) -> (batch, texts)."""
    places, ids = torch.tensor([*tree.steps], device=logprobs.device).T
    longest, none = max(map(len, tree.ways)), len(tree.steps)
    ways = [[*way, *[none] * (longest - len(way))] for way in tree.ways]
    each = functional.pad(logprobs[:, places, ids], (0, 1))  # A step that takes nothing, for shorter texts.
    return each[:, torch.tensor(ways, device=logprobs.device)].sum(dim=2)
