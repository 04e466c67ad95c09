"""MERBench's protocol for a fusion network: five folds, the best epoch of each, and the mean of their logits on tests.

The released code seeds nothing; here folds, weights, order and dropout follow from one seed.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from emolightning.models.fusion.networks.blocks import Fused
from emolightning.models.fusion.search_space import space_of
from emolightning.scoring.metrics.classification import confusion_matrix, scores

VALENCE_WEIGHT = 0.25
"""MER2023's combined score: weighted F1 less a quarter of the squared error of valence."""


@dataclass(frozen=True)
class Rows:
    """Some clips: what a network reads of them, and what is true."""

    streams: Sequence[Tensor]
    """Each (clips, width), or (clips, time, width)."""
    labels: Tensor
    """(clips,), int64"""
    valence: Tensor | None = None
    """(clips,), float32"""

    def __len__(self) -> int:
        return len(self.labels)

    def at(self, places: Tensor) -> "Rows":
        """Some of them."""
        valence = None if self.valence is None else self.valence[places]
        return Rows([stream[places] for stream in self.streams], self.labels[places], valence)


@dataclass(frozen=True)
class Recipe:
    """How a network is trained; the defaults are MERBench's."""

    lr: float = 1e-3
    grad_clip: float = -1.0
    """Largest entry of a gradient; below zero for none."""
    weight_decay: float = 1e-5
    """Added to the gradient, for all parameters."""
    batch_size: int = 32
    epochs: int = 100


@dataclass(frozen=True)
class Outputs:
    """What a network said about some clips."""

    logits: Tensor
    """(clips, labels)"""
    valence: Tensor | None
    """(clips,)"""

    def scores(self, rows: Rows) -> dict[str, float]:
        """`f1`, `acc`, and where valence is learned `mse`; `metric` is what picks the epoch."""
        answered = self.logits.argmax(dim=1)
        counts = confusion_matrix(rows.labels.numpy(), answered.numpy(), self.logits.shape[1])
        measured = scores(counts)
        found = {"f1": float(measured["weighted_f1"]), "acc": float(measured["war"])}
        if self.valence is None or rows.valence is None:
            return {**found, "metric": found["f1"]}
        mse = float(((self.valence.double() - rows.valence.double()) ** 2).mean())
        return {**found, "mse": mse, "metric": found["f1"] - VALENCE_WEIGHT * mse}


@dataclass(frozen=True)
class Fold:
    """The best epoch of a fold."""

    epoch: int
    scores: list[dict[str, float]]
    """Scores of the held-out clips after each epoch."""
    held_out: Outputs
    tests: Mapping[str, Outputs]


def loss_of(found: Fused, rows: Rows) -> Tensor:
    """Cross-entropy plus squared error of valence plus the network's own terms. A scalar."""
    loss = found.penalty + functional.cross_entropy(found.emotions, rows.labels)
    if found.valence is not None and rows.valence is not None:
        loss = loss + functional.mse_loss(found.valence, rows.valence)
    return loss


@torch.no_grad()
def outputs_of(network: nn.Module, rows: Rows) -> Outputs:
    """What it says, nothing dropped."""
    found = network.eval()(rows.streams)
    return Outputs(found.emotions, found.valence)


def train_fold(
    network: nn.Module, train: Rows, held_out: Rows, tests: Mapping[str, Rows], recipe: Recipe, *, seed: int
) -> Fold:
    """Train on all epochs, and keep what was said after the best one: of equals on the held-out clips the first.

    Args:
        network: fresh.
        train: clips to learn.
        held_out: clips that pick the epoch.
        tests: name -> clips that are answered.
        recipe: of training.
        seed: of the order of clips and of dropout.
    """
    optimizer = torch.optim.Adam(network.parameters(), lr=recipe.lr, weight_decay=recipe.weight_decay)
    order, measured, best = torch.Generator().manual_seed(seed), [], None
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        for epoch in range(recipe.epochs):
            network.train()
            for places in torch.randperm(len(train), generator=order).split(recipe.batch_size):
                rows = train.at(places)
                optimizer.zero_grad()
                loss_of(network(rows.streams), rows).backward()
                if recipe.grad_clip > 0:
                    nn.utils.clip_grad_value_(network.parameters(), recipe.grad_clip)
                optimizer.step()
            said = outputs_of(network, held_out)
            measured.append(said.scores(held_out))
            if best is None or measured[-1]["metric"] > measured[best.epoch]["metric"]:
                best = Fold(epoch, measured, said, {name: outputs_of(network, rows) for name, rows in tests.items()})
    assert best is not None
    return best


def folds_of(number: int, folds: int, *, seed: int) -> list[tuple[Tensor, Tensor]]:
    """Clips to train on and to hold out, for each fold: equal slices of a random order, the last with the rest."""
    order = torch.from_numpy(np.random.default_rng(seed).permutation(number))
    size = number // folds
    ends = [*(size * fold for fold in range(folds)), number]
    held_out = [order[start:end] for start, end in zip(ends, ends[1:], strict=False)]
    return [(torch.cat([*held_out[:fold], *held_out[fold + 1 :]]), held_out[fold]) for fold in range(folds)]


def averaged(outputs: Sequence[Outputs]) -> Outputs:
    """The mean of logits and valences."""
    valences = [each.valence for each in outputs if each.valence is not None]
    return Outputs(
        torch.stack([each.logits for each in outputs]).mean(dim=0),
        torch.stack(valences).mean(dim=0) if valences else None,
    )


def summarised(done: Sequence[Fold], tests: Mapping[str, Rows]) -> dict[str, dict[str, float]]:
    """The scores of some folds.

    Args:
        done: the folds.
        tests: name -> clips.
    """
    best = [fold.scores[fold.epoch] for fold in done]
    found = {"cv": {name: sum(each[name] for each in best) / len(best) for name in best[0]}}
    for name, rows in tests.items():
        found[name] = averaged([fold.tests[name] for fold in done]).scores(rows)
    return found


def draw(network: str, *, seed: int) -> dict[str, float]:
    """One set of settings from the search space of a network, each key by itself."""
    rng = np.random.default_rng(seed)
    return {name: values[int(rng.integers(len(values)))] for name, values in space_of(network).items()}
