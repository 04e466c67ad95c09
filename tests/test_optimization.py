"""Decay groups by upstream's rule; the learning rate step by step."""

import json
from functools import partial

import pytest
import torch
from model_factory import make_model
from torch import nn
from torch.optim import AdamW

from emolightning.models.parts.trained_parts import TrainedParts
from emolightning.training.engines.optimizer_state import read_optimizer, write_optimizer
from emolightning.training.optim.groups import Rates, decays, optimizer_of, parameter_groups, set_rates
from emolightning.training.optim.schedule import Length, UpstreamWarmupCosine, WarmupCosine

RUN = Length(total_steps=100, steps_per_epoch=10, base_lr=2e-3)


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


@pytest.mark.parametrize(
    ("settings", "device", "is_sharded", "fused"),
    [
        ({"fused": None}, "cuda", False, True),
        ({"fused": None}, "cpu", False, None),
        ({"fused": None}, "cuda", True, None),
        ({"fused": None, "foreach": True}, "cuda", False, None),
        ({"fused": False}, "cuda", False, False),
        ({"fused": True}, "cpu", True, True),
        ({}, "cuda", False, None),
    ],
)
def test_an_optimizer_that_leaves_it_open_is_fused_on_a_gpu(settings, device, is_sharded, fused, monkeypatch):
    groups = parameter_groups(nn.Linear(2, 2))
    monkeypatch.setattr(nn.Parameter, "device", property(lambda parameter: torch.device(device)), raising=False)
    optimizer = optimizer_of(partial(AdamW, lr=1.0, **settings), groups, is_sharded=is_sharded)
    assert [group["fused"] for group in optimizer.param_groups] == [fused, fused]


@pytest.mark.parametrize(("fused", "counted_on"), [(True, "meta"), (None, "cpu")])
def test_a_run_goes_on_with_the_kernel_that_it_had(fused, counted_on):
    """Whose number of steps must lie where it counts; meta takes the place of a GPU."""
    model, there = nn.Linear(2, 2), nn.Linear(2, 2, device="meta")
    before, after = AdamW(model.parameters(), fused=fused), AdamW(there.parameters(), fused=not fused)
    model(torch.ones(2)).sum().backward()
    before.step()
    write_optimizer(after, there, read_optimizer(before, model))
    assert [group["fused"] for group in after.param_groups] == [fused]
    assert {state["step"].device.type for state in after.state.values()} == {counted_on}
    assert {state["exp_avg"].device.type for state in after.state.values()} == {"meta"}


def test_schedule_shape():
    schedule = WarmupCosine(warmup_steps=10, start_factor=0.1, final_factor=0.05)
    factors = [schedule.factor(step, RUN) for step in range(101)]
    assert factors[0] == pytest.approx(0.1)
    assert factors[10] == pytest.approx(1.0)
    assert factors[100] == pytest.approx(0.05)
    assert all(a < b for a, b in zip(factors[:10], factors[1:11], strict=True))
    assert all(a > b for a, b in zip(factors[10:-1], factors[11:], strict=True))
    assert schedule.factor(1000, RUN) == pytest.approx(0.05)


def test_no_warmup_starts_at_the_full_rate():
    assert WarmupCosine(warmup_fraction=0.0).factor(0, RUN) == 1.0
    with pytest.raises(ValueError, match="warmup_fraction"):
        WarmupCosine(warmup_fraction=2)


def recorded_traces(shared):
    """Name of a trace -> settings spelt out in it, and its points; the two stage files' settings are upstream's."""
    stage1 = {"init": 1e-5, "min": 1e-6, "warm": (1e-6, 1000), "iters": (1000, 30)}
    stage2 = {"init": 1e-6, "min": 1e-6, "warm": (1e-6, 1000), "iters": (1000, 30)}
    saw = {"init": 1e-3, "min": 1e-5, "warm": (1e-4, 10), "iters": (4, 4)}
    none = {"init": 1e-3, "min": 1e-5, "warm": (None, 0), "iters": (4, 2)}
    traces = json.loads((shared / "golden" / "lr_schedule.json").read_text())
    for (name, points), settings in zip(traces.items(), (stage1, stage2, saw, none), strict=False):
        yield name, settings, points


def test_upstream_s_schedule_step_by_step(shared):
    for name, settings, points in recorded_traces(shared):
        warmup_lr, warmup_steps = settings["warm"]
        schedule = UpstreamWarmupCosine(min_lr=settings["min"], warmup_lr=warmup_lr, warmup_steps=warmup_steps)
        per_epoch, epochs = settings["iters"]
        run = Length(total_steps=per_epoch * epochs, steps_per_epoch=per_epoch, base_lr=settings["init"])
        for epoch, iteration, expected in points:
            found = schedule.factor(epoch * per_epoch + iteration, run) * run.base_lr
            assert found == pytest.approx(expected, abs=1e-12), (name, epoch, iteration)


def test_upstream_s_quirks():
    schedule = UpstreamWarmupCosine(min_lr=1e-4, warmup_lr=1e-4, warmup_steps=15)
    rates = [schedule.factor(step, RUN) * RUN.base_lr for step in range(100)]
    assert rates[0] == rates[10] == pytest.approx(1e-4)  # a warm-up longer than an epoch of 10 starts again
    assert rates[15] < RUN.base_lr  # the cosine's clock ran meanwhile
    assert rates[99] > 1e-4  # and never arrives
    rising = UpstreamWarmupCosine(min_lr=8e-3)
    assert rising.factor(50, RUN) > 1


def rates_of(rates, train=TrainedParts()):  # noqa: B008  # frozen
    """Name of a trained parameter -> its rate, of an optimizer whose own is 1."""
    model = make_model(train=train)
    optimizer = AdamW(parameter_groups(model, rates=rates), lr=1.0)
    set_rates(optimizer)
    names = {id(parameter): name for name, parameter in model.named_parameters()}
    return {names[id(p)]: group["lr"] for group in optimizer.param_groups for p in group["params"]}


def test_lora_plus_is_peft_s():
    from peft.optimizers import create_loraplus_optimizer

    model = make_model()
    theirs = create_loraplus_optimizer(model.language, AdamW, lr=1.0, loraplus_lr_ratio=16)
    names = {id(parameter): f"language.{name}" for name, parameter in model.language.named_parameters()}
    expected = {names[id(p)]: group["lr"] for group in theirs.param_groups for p in group["params"]}
    found = rates_of(Rates(lora_plus_ratio=16))
    assert {name: rate for name, rate in found.items() if name.startswith("language.")} == expected
    assert {rate for name, rate in found.items() if name.startswith("projections.")} == {1.0}


def test_lower_layers_learn_slower():
    found = rates_of(Rates(layer_decay=0.5, parts={"vision": 0.1}), TrainedParts(vision="full", language="full"))
    expected = {
        "language.lm_head.weight": 1.0,
        "language.model.norm.weight": 1.0,
        "language.model.layers.1.mlp.up_proj.weight": 1.0,
        "language.model.layers.0.mlp.up_proj.weight": 0.5,
        "language.model.embed_tokens.weight": 0.25,
        "vision.tower.encoder.layers.1.mlp.fc1.weight": 0.1,
        "vision.tower.encoder.layers.0.mlp.fc1.weight": 0.05,
        "vision.tower.embeddings.patch_embedding.weight": 0.025,
        "vision.tower.embeddings.class_embedding": 0.025,
        "vision.tower.post_layernorm.weight": 0.1,
        "projections.image.weight": 1.0,
    }
    assert {name: found[name] for name in expected} == pytest.approx(expected)


def layers(number):
    return nn.ModuleList(nn.Linear(1, 1, bias=False) for _ in range(number))


def test_what_comes_before_layers_is_below_them_whatever_its_name():
    class Flat(nn.Module):
        def __init__(self, number):
            super().__init__()
            self.cls_token = nn.Parameter(torch.zeros(1))
            self.patch_embed = nn.Linear(1, 1, bias=False)
            self.blocks = layers(number)
            self.embed_norm = nn.LayerNorm(1, bias=False)

    towers = nn.ModuleDict({"vision": Flat(2), "two": nn.ModuleDict({"face": Flat(1), "body": Flat(3)})})
    towers["head"] = nn.Linear(1, 1, bias=False)
    assert Rates(layer_decay=0.5).of(towers) == {
        **{f"vision.{name}": 0.25 for name in ("cls_token", "patch_embed.weight")},
        **{"vision.blocks.0.weight": 0.5, "vision.blocks.1.weight": 1.0, "vision.embed_norm.weight": 1.0},
        **{f"two.face.{name}": 0.5 for name in ("cls_token", "patch_embed.weight")},
        **{f"two.face.{name}": 1.0 for name in ("blocks.0.weight", "embed_norm.weight")},
        **{f"two.body.{name}": 0.125 for name in ("cls_token", "patch_embed.weight")},
        **{f"two.body.blocks.{number}.weight": 0.5 ** (2 - number) for number in range(3)},
        **{"two.body.embed_norm.weight": 1.0, "head.weight": 1.0},
    }
