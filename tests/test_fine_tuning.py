"""Recipes of fine-tuning that a run may choose: what their settings refuse, and that they keep what they promise."""

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from hydra import compose, initialize_config_dir
from in_process import broken_at, fit
from omegaconf import DictConfig, OmegaConf
from runs import history, tensor_hashes
from torch import nn

import emolightning as el
from emolightning.config.check import find_problems
from emolightning.config.places import CONFIG_DIR
from emolightning.config.schema import register_schemas
from emolightning.training.optim.averaging import AVERAGED, WeightAverage


@pytest.fixture(scope="module")
def default() -> DictConfig:
    """A training run as it is without a word."""
    register_schemas()
    with initialize_config_dir(str(CONFIG_DIR), version_base="1.3"):
        return compose("train")


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"rates.parts": {"projection": 0.1}}, "'projection' is not one of projections, language; did you mean"),
        ({"rates.parts": {"vision": 0.1}}, "'vision' is not one of projections, language"),
        ({"rates.parts": {"projections": 0}}, "must be a factor above 0, not 0; model.train.projections=frozen"),
        ({"rates.lora_plus_ratio": 0}, "must be at least 1e-06, not 0"),
        ({"rates.layer_decay": 1.1}, "rates.layer_decay: must be 1e-06 to 1, not 1.1"),
        (
            {"rates.lora_plus_ratio": 16, "model.train.language": "frozen"},
            "is about LoRA, by which no part of this run",
        ),
        ({"rates.layer_decay": 0.9, "model.train.language": "frozen"}, "projections has none; leave it out"),
    ],
)
def test_what_would_change_nothing_is_refused(default: DictConfig, settings: dict[str, Any], said: str) -> None:
    cfg = default.copy()
    for key, value in settings.items():
        OmegaConf.update(cfg, key, value, merge=False)
    assert re.search(re.escape(said), "\n".join(map(str, find_problems(cfg))))


def test_an_average_by_hand() -> None:
    layer = nn.Linear(1, 1)
    layer.bias.requires_grad_(False)
    average, values = WeightAverage(0.15), [2.0, 4.0, 8.0]
    nn.init.constant_(layer.weight, 1.0)
    average.begin(layer)
    expected = 1.0
    for decay, value in zip((0.1, 0.15, 0.15), values, strict=True):  # The first step has (1 + 0) / (10 + 0).
        nn.init.constant_(layer.weight, value)
        average.update(layer)
        expected = decay * expected + (1 - decay) * value
    assert average.values["weight"].item() == pytest.approx(expected)
    assert average.values.keys() == {"weight"}
    for _ in range(2):  # Saved is the same, whichever of both the model shows.
        averaged, weights = average.split(layer.state_dict())
        assert (averaged["weight"].item(), weights["weight"].item()) == (pytest.approx(expected), 8.0)
        assert averaged["bias"] is weights["bias"]
        average.exchange(layer)
        layer.weight.data = layer.weight.data.clone()
    assert layer.weight.item() == 8.0


@pytest.fixture
def configured(smoke_clips: tuple[str, ...], tmp_path: Path) -> Callable[..., DictConfig]:
    """`experiment=smoke` of three steps an epoch, its clips shared by tests."""

    def configure(run: str, *words: str, name: str = "train") -> DictConfig:
        register_schemas()
        quiet = ("logger=csv", "trainer.enable_progress_bar=false", "~callbacks.progress")
        common = ["experiment=smoke", *quiet, *smoke_clips, f"output_dir={tmp_path}/{run}"]
        with initialize_config_dir(str(CONFIG_DIR), version_base="1.3"):
            return compose(name, overrides=[*common, *words])

    return configure


RECIPES = {
    "rates": ("rates.lora_plus_ratio=4", "rates.layer_decay=0.8", "+rates.parts.projections=0.5"),
    "average": ("ema_decay=0.9",),
}


@pytest.mark.slow
@pytest.mark.parametrize("recipe", RECIPES)
def test_a_resumed_run_ends_alike(configured: Any, tmp_path: Path, recipe: str, capsys: pytest.CaptureFixture) -> None:
    words = (*RECIPES[recipe], "trainer.max_epochs=3", "checkpoints.every_num_steps=1", "trainer.log_every_n_steps=1")
    fit(configured("whole", *words))
    assert f"{recipe}: " in capsys.readouterr().out
    with broken_at(4):
        fit(configured("parts", *words))
    fit(configured("parts", *words, "resume=auto"))
    whole, parts = tmp_path / "whole", tmp_path / "parts"
    assert history(whole) == history(parts)
    assert tensor_hashes(whole) == tensor_hashes(parts)
    saved = torch.load(whole / "checkpoints" / "last.ckpt", weights_only=True)
    if recipe == "average":  # What is evaluated is not what training goes on from.
        averages, weights = saved["state_dict"], saved[AVERAGED]["weights"]
        assert not torch.equal(averages["model.projections.face.weight"], weights["projections.face.weight"])
        el.evaluate(whole, "logger=none", "trainer.enable_progress_bar=false")
        assert "these weights are the moving average of a training's (ema_decay=0.9)" in capsys.readouterr().out
