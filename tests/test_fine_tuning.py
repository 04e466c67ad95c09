"""Recipes of fine-tuning that a run may choose: what their settings refuse, and that they keep what they promise."""

import re
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from hydra import compose, initialize_config_dir
from in_process import broken_at, fit
from omegaconf import DictConfig, OmegaConf
from runs import history, tensor_hashes
from torch import nn

from emolightning.config.check import find_problems
from emolightning.config.places import CONFIG_DIR
from emolightning.config.schema import register_schemas
from emolightning.data.loading.sampler import LengthBuckets, TrainSampler
from emolightning.errors import UserError
from emolightning.runs import range_test as range_tests
from emolightning.runs.range_test import range_test
from emolightning.runs.weights import averaged_by
from emolightning.training.optim.averaging import AVERAGED, WeightAverage
from emolightning.training.optim.range_test import RangeCurve, suggested


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
        ({"lr_range_test": 5}, "lr_range_test: must be 20 to 10000, not 5"),
        ({"lr_range_test": 50, "folds": 5}, "lr_range_test: tries the first batches of a new run and keeps nothing"),
        ({"ema_decay": 1.0}, "ema_decay: must be 0 to 0.999999, not 1.0"),
        ({"data.length_buckets": 1}, "data.length_buckets: must be at least 2, not 1"),
        ({"data.length_buckets": 8, "model.language": None}, "this model has none; leave it out"),
        ({"rates.layer_decay": 0.9, "model.train.language": "frozen"}, "projections has none; leave it out"),
        ({"model.lora.init": "pisa"}, "'pisa' is not one of default, pissa, olora; did you mean pissa?"),
        ({"model.lora.init": "pissa", "model.train.language": "frozen"}, "init is about LoRA, by which no part"),
        ({"model.lora.init": "olora", "model.lora.use_dora": True}, "say model.lora.use_dora=false"),
        ({"model.lora.init": "pissa", "model.language.quantization": "nf4"}, "quantization=nf4 packs them; say model."),
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


def test_an_average_goes_on_where_the_model_has_moved() -> None:
    layer, average = nn.Linear(2, 1), WeightAverage(0.5)
    average.restore(layer, {"weight": torch.ones(1, 2), "bias": torch.ones(1)}, 7)
    average.begin(layer)
    assert average.values["weight"].tolist() == [[1.0, 1.0]]
    average.begin(layer.to("meta"))  # As a GPU: a run is restored before its model is there.
    average.update(layer)
    assert ({value.device.type for value in average.values.values()}, average.steps) == ({"meta"}, 8)


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


@pytest.mark.parametrize("ranks", [1, 2, 3])
def test_batches_of_like_length_are_those_of_seed_and_pass(ranks: int) -> None:
    rng = np.random.default_rng(0)
    lengths = rng.integers(10, 200, size=100).tolist()
    size, buckets = 12 // ranks, LengthBuckets(lengths, 4)

    def steps(epoch: int, *, number: int | None = None, buckets: LengthBuckets | None = buckets) -> list[list[int]]:
        """The clips of each step of a pass, of all ranks."""
        done = (epoch * 9 + (number or 0), 9)
        own: Any = {"batch_size": size, "seed": 3, "world_size": ranks, "progress": lambda: done, "buckets": buckets}
        shares = [[[key.position for key in each] for each in TrainSampler(100, rank=r, **own)] for r in range(ranks)]
        return [sum(share, []) for share in zip(*shares, strict=True)]

    first, second = steps(0), steps(1)
    assert sorted(sum(first, [])[:100]) == list(range(100))
    assert first == steps(0)
    assert first != second
    assert steps(1, number=5) == second[5:]  # A resumed run goes on there.
    random = steps(0, buckets=None)
    assert {frozenset(sum(first[:8], []))} == {frozenset(sum(random[:8], []))}  # The short batch stays the last.
    assert first[8] == random[8]

    def padding(batches: list[list[int]]) -> float:
        return 1 - sum(lengths[i] for b in batches for i in b) / sum(
            max(lengths[i] for i in b) * len(b) for b in batches
        )

    assert padding(first) < 0.6 * padding(random)
    if ranks == 1:
        sampler = TrainSampler(100, batch_size=12, seed=3, buckets=buckets)
        assert sampler.padding(lengths, buckets=buckets) == pytest.approx(padding(first))
        assert sampler.padding(lengths, buckets=None) == pytest.approx(padding(random))


def test_the_rate_at_which_a_loss_falls_fastest() -> None:
    rates = [10 ** (-6 + number / 10) for number in range(60)]
    points = [(rate, 1 / (1 + (rate / 1e-3) ** 2) + 20 * rate**2) for rate in rates]  # Steepest at 1e-3, of the log.
    assert suggested(points) == pytest.approx(1e-3)
    assert suggested([(rate, rate) for rate in rates]) is None


def curve_of(losses: list[float], *, together: int = 1) -> tuple[RangeCurve, bool]:
    """The curve of batches, which knows nothing of an optimizer, and whether it has ended the run."""
    strategy = SimpleNamespace(reduce=lambda loss, reduce_op: loss)
    trainer: Any = SimpleNamespace(strategy=strategy, accumulate_grad_batches=together, should_stop=False)
    curve = RangeCurve(len(losses) // together)
    for loss in losses:
        curve.on_train_batch_end(trainer, None, {"loss": torch.tensor(loss)})
    return curve, trainer.should_stop


def test_a_curve_knows_its_rates_whatever_the_optimizer() -> None:
    curve, has_ended = curve_of([2.0, 4.0] * 15, together=2)
    assert [rate for rate, _ in curve.points] == pytest.approx([1e-7 * 1e7 ** (step / 14) for step in range(15)])
    assert [loss for _, loss in curve.points] == pytest.approx([3.0] * 15)
    assert not has_ended
    assert not curve_of([1.0] * 9 + [1e3])[1]  # The first ones say nothing.
    assert curve_of([1.0] * 10 + [1e3])[1]


@pytest.mark.parametrize(
    ("losses", "said"),
    [
        ([2.0] * 6 + [1e6], "diverged after step 7, at a rate of 1.0e+00, and a suggestion takes 12 steps"),
        ([1.0] * 10 + [1e3], "diverged after step 11,"),
        ([1.0 + step for step in range(12)], "the loss falls at no rate"),
    ],
)
def test_why_a_curve_suggests_nothing(losses: list[float], said: str) -> None:
    with pytest.raises(UserError, match=re.escape(said)):
        range_tests._rate(curve_of(losses)[0].points)


@pytest.mark.slow
def test_a_range_test_keeps_its_curve_alone(
    configured: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    range_test(configured("test", "lr_range_test=30", "trainer.accumulate_grad_batches=2"))
    assert sorted(path.name for path in (tmp_path / "test").iterdir()) == ["lr_range_test.csv", "lr_range_test.svg"]
    rows = (tmp_path / "test" / "lr_range_test.csv").read_text().splitlines()
    rates = [float(row.split(",")[0]) for row in rows[1:]]
    assert rates == pytest.approx([1e-7 * 1e7 ** (step / 29) for step in range(len(rates))])
    assert "the loss falls fastest at optimizer.lr=" in capsys.readouterr().out


RECIPES = {
    "lengths": ("data.length_buckets=2",),
    "rates": ("rates.lora_plus_ratio=4", "rates.layer_decay=0.8", "+rates.parts.projections=0.5"),
    "average": ("ema_decay=0.9",),
    "lora": ("model.lora.init=pissa", "model.lora.dropout=0"),
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
        assert [averaged_by(whole / name) for name in ("checkpoints/best.ckpt", "adapter")] == [0.9, 0.9]
