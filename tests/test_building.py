"""Objects are built in one place: what a library refuses is one sentence, a bug of ours keeps its trace."""

from typing import Any

import pytest
from hydra.errors import InstantiationException
from omegaconf import OmegaConf

from emolightning.config.building import build
from emolightning.errors import UserError


@pytest.fixture(autouse=True)
def any_class(monkeypatch: pytest.MonkeyPatch) -> None:
    """Which classes are allowed is a matter of test_foreign_files.py."""
    monkeypatch.setattr("emolightning.config.building.foreign_objects", lambda *_: [])


TRAINER = {"_target_": "pytorch_lightning.Trainer", "accelerator": "cpu", "logger": False}


def test_interpolations_and_objects_arrive() -> None:
    cfg = OmegaConf.create({"size": 3, "node": {"_target_": "builtins.dict", "size": "${size}"}})
    made = object()
    assert build(cfg.node, "node", made=made) == {"size": 3, "made": made}
    assert build(None, "features") is None


@pytest.mark.parametrize(
    ("key", "node", "said"),
    [
        (
            "trainer",
            TRAINER | {"devices": 0},
            "trainer: pytorch_lightning.Trainer refuses its settings: `Trainer(devices",
        ),
        (
            "trainer",
            TRAINER | {"strategy": "ddpp"},
            "trainer: pytorch_lightning.Trainer refuses its settings: You selec",
        ),
        (
            "x",
            {"_target_": "datetime.timedelta", "days": "a"},
            "x: datetime.timedelta refuses its settings: unsupported",
        ),
        (
            "x",
            {"_target_": "builtins.dict", "inner": {"_target_": "fractions.Fraction", "numerator": "1//2"}},
            "x.inner: fractions.Fraction refuses its settings: Invalid literal for Fraction: '1//2'",
        ),
        (
            "data",
            {"_target_": "emolightning.data.readers.custom.CustomData"},
            "missing 1 required keyword-only argument",
        ),
    ],
)
def test_a_refusal_is_one_sentence(key: str, node: dict[str, Any], said: str) -> None:
    with pytest.raises(UserError) as caught:
        build(node, key)
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_mistake_of_ours_keeps_its_trace() -> None:
    with pytest.raises(InstantiationException, match="Expected `warmup_fraction`"):
        build({"_target_": "emolightning.training.optim.schedule.WarmupCosine", "warmup_fraction": 2}, "schedule")


def test_the_words_of_our_own_code_stay_as_they_are() -> None:
    node = {"_target_": "emolightning.runs.starting.require_something_to_train", "parts": {"a": "frozen"}}
    with pytest.raises(UserError, match=r"^nothing would train"):
        build(node, "x", has_weights=False)
