"""Gradients of several batches: averaged by the trainer, or summed and carried over as upstream does."""

from functools import partial

import pytest
import pytorch_lightning as pl
import torch
from model_factory import make_batch, make_examples, make_model
from torch import nn
from torch.utils.data import DataLoader

from emolightning.records.labels import MER6
from emolightning.training.learner import EmotionLearner
from emolightning.training.optim.groups import parameter_groups

NUM_BATCHES, EPOCHS = 4, 3


class StopAfter(pl.Callback):
    """Save a checkpoint behind some batch, and end there."""

    def __init__(self, batches: int, path):
        self.batches, self.path = batches, path

    def on_train_batch_end(self, trainer, *args):
        if trainer.fit_loop.epoch_loop.batch_progress.total.ready == self.batches:
            trainer.save_checkpoint(self.path)
            trainer.should_stop = True
            raise KeyboardInterrupt


def batches(model):
    examples = make_examples(NUM_BATCHES)
    return [make_batch(model, [example]) for example in examples]


def fit(summed: int, *, stop: StopAfter | None = None, resume=None, averaged: int = 1, dropout: float = 0.1):
    model = make_model(dropout=dropout)
    learner = EmotionLearner(
        model, labels=MER6, optimizer=partial(torch.optim.AdamW, lr=1e-2), summed_batches=summed, seed=3
    )
    trainer = pl.Trainer(
        accelerator="cpu", max_epochs=EPOCHS, logger=False, enable_checkpointing=False, enable_progress_bar=False,
        enable_model_summary=False, accumulate_grad_batches=averaged, callbacks=[stop] if stop else [],
    )  # fmt: skip
    data = Resumable(batches(model), learner)
    try:
        trainer.fit(learner, DataLoader(data, batch_size=None), ckpt_path=resume, weights_only=True)
    except SystemExit:
        assert stop is not None
    return {name: p.detach().clone() for name, p in model.named_parameters() if p.requires_grad}


class Resumable(torch.utils.data.IterableDataset):
    """The batches in order, from where the epoch stands."""

    def __init__(self, items, learner):
        self.items, self.learner = items, learner

    def __len__(self):
        return len(self.items)

    def __iter__(self):
        done = self.learner.trainer.fit_loop.epoch_loop.batch_progress.total.processed
        return iter(self.items[done % len(self.items) :])


def by_hand(summed: int):
    """Upstream's loop: sum, step behind each `summed`-th batch of an epoch, never at the end of one."""
    model = make_model(dropout=0.0)
    optimizer = torch.optim.AdamW(parameter_groups(model), lr=1e-2)
    items = batches(model)
    model.train()
    for _ in range(EPOCHS):
        for number, batch in enumerate(items, start=1):
            model(batch).backward()
            if number % summed == 0:
                optimizer.step()
                optimizer.zero_grad()
    return {name: p.detach() for name, p in model.named_parameters() if p.requires_grad}


@pytest.mark.parametrize("summed", [1, 2, 3])
def test_summed_gradients_are_upstream_s(summed):
    found, expected = fit(summed, dropout=0.0), by_hand(summed)
    assert found.keys() == expected.keys()
    for name, tensor in expected.items():
        torch.testing.assert_close(found[name], tensor, atol=1e-6, rtol=0)


@pytest.mark.parametrize("done", [4, 5, *(pytest.param(done, marks=pytest.mark.slow) for done in (1, 9))])
def test_a_resumed_sum_is_exact(tmp_path, done):
    """Behind batch 1, 4 and 5 of 3-batch windows that cross epochs of 4, gradients wait for their step."""
    whole = fit(3)
    stop = StopAfter(done, tmp_path / "stopped.ckpt")
    fit(3, stop=stop)
    resumed = fit(3, resume=stop.path)
    assert all(torch.equal(resumed[name], tensor) for name, tensor in whole.items())


def test_mean_and_sum_differ():
    assert any(not torch.equal(a, b) for a, b in zip(fit(2).values(), fit(1, averaged=2).values(), strict=True))


def test_nothing_is_lost_between_windows():
    model = make_model()
    layer = nn.Linear(2, 2)
    learner = EmotionLearner(model, labels=MER6, summed_batches=2)
    optimizer = torch.optim.SGD(layer.parameters(), lr=1.0)
    layer.weight.grad = torch.ones(2, 2)
    learner.optimizer_step(0, 0, optimizer, lambda: None)
    learner.optimizer_zero_grad(0, 1, optimizer)
    assert layer.weight.grad is not None
    learner.optimizer_step(0, 1, optimizer, lambda: None)
    learner.optimizer_zero_grad(0, 2, optimizer)
    assert layer.weight.grad is None
