"""Decay groups by upstream's rule; the learning rate step by step."""

import pytest
from model_factory import make_model
from torch import nn

from emolightning.training.optimizer import decays, parameter_groups
from emolightning.training.schedule import WarmupCosine


def test_groups_hold_every_trained_parameter_once():
    model = make_model()
    with_decay, without = parameter_groups(model)
    trained = {id(p) for p in model.parameters() if p.requires_grad}
    assert {id(p) for p in [*with_decay["params"], *without["params"]]} == trained
    assert "weight_decay" not in with_decay
    assert without["weight_decay"] == 0.0
    assert all(p.ndim == 1 for p in without["params"])  # the projections' biases
    assert len(without["params"]) == 5


@pytest.mark.parametrize(
    ("name", "shape", "expected"),
    [
        ("projections.image.weight", (2, 2), True),
        ("projections.image.bias", (2,), False),
        ("x.lora_A.weight", (2, 2), True),
        ("ln_1.weight", (2, 2), False),
        ("bn.weight", (2, 2), False),
        ("attention.bias_table", (2, 2), False),
        ("scale", (1,), False),
    ],
)
def test_upstreams_rule(name, shape, expected):
    import torch

    assert decays(name, nn.Parameter(torch.zeros(shape))) == expected


def test_nothing_to_train_is_an_error():
    with pytest.raises(ValueError, match="all are frozen"):
        parameter_groups(nn.Linear(2, 2).requires_grad_(False))


def test_schedule_shape():
    schedule = WarmupCosine(warmup_steps=10, start_factor=0.1, final_factor=0.05)
    factors = [schedule.factor(step, 100) for step in range(101)]
    assert factors[0] == pytest.approx(0.1)
    assert factors[10] == pytest.approx(1.0)
    assert factors[100] == pytest.approx(0.05)
    assert all(a < b for a, b in zip(factors[:10], factors[1:11], strict=True))
    assert all(a > b for a, b in zip(factors[10:-1], factors[11:], strict=True))
    assert schedule.factor(1000, 100) == pytest.approx(0.05)


def test_no_warmup_starts_at_the_full_rate():
    assert WarmupCosine(warmup_fraction=0.0).factor(0, 10) == 1.0
    with pytest.raises(ValueError, match="warmup_fraction"):
        WarmupCosine(warmup_fraction=2)
