"""How likely a language model that is read layer by layer finds given texts after a context.

    context --+-- happy --+-- end
              |           +-- and -- sad -- end
              +-- sad ----- end

A token that several texts begin with is read once, and all of them in the pass that reads the context. Ends are asked
for and not read.
"""

from collections.abc import Iterator, Sequence

import torch
from torch import Tensor
from torch.nn import functional

from emolightning.models.parts.decoder import Decoder, TokenTree

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

    def tensors(self, device: torch.device) -> TokenTree:
        """Return the tree as a decoder reads it, on a device."""
        depths = [len(branch) - 1 for branch in self.branches]
        sees = [[number in branch for number in range(len(self.tokens))] for branch in self.branches]
        return TokenTree(*(torch.tensor(values, device=device) for values in (self.tokens, depths, sees)))


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
    decoder: Decoder, embeddings: Tensor, attention_mask: Tensor, texts: Sequence[Sequence[int]], room: int = 0
) -> tuple[Tensor, Tensor]:
    """The sum of the log-probabilities of each text's tokens after each context.

    Args:
        decoder: of the language model.
        embeddings: (batch, tokens, width), padded on the left.
        attention_mask: (batch, tokens)
        texts: ids, at least one each.
        room: most tokens that the decoder will be asked to follow afterwards.

    Returns:
        (batch, texts), float32, in nats; logits of the token after each context, (batch, vocabulary).
    """
    device = embeddings.device
    tree, *others = trees(texts, PLACES // len(embeddings))
    logits = decoder.read(embeddings, attention_mask, room, tree.tensors(device) if tree.tokens else None)
    first, found = logits[:, :1], [_sums(tree, logits)]
    for other in others:
        grown = [decoder.branch(other.tensors(device))] if other.tokens else []
        found.append(_sums(other, torch.cat([first, *grown], dim=1)))
    return torch.cat(found, dim=1), first[:, 0]


def _sums(tree: Tree, logits: Tensor) -> Tensor:
    """(batch, 1 + tokens, vocabulary) -> (batch, texts)."""
    logprobs = functional.log_softmax(logits.float(), dim=-1)
    places, ids = torch.tensor([*tree.steps], device=logprobs.device).T
    longest, none = max(map(len, tree.ways)), len(tree.steps)
    ways = [[*way, *[none] * (longest - len(way))] for way in tree.ways]
    each = functional.pad(logprobs[:, places, ids], (0, 1))  # A step that takes nothing, for shorter texts.
    return each[:, torch.tensor(ways, device=logprobs.device)].sum(dim=2)
