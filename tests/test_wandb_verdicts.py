"""Hyperband, and our sweep files, as W&B's own code judges them, as far as it runs without a server."""

import json
from pathlib import Path

import pytest
import yaml
from wandb.sdk.launch.sweeps.utils import load_sweep_config
from wandb.sdk.sweeps.scheduler.optuna import search_space_from_sweep_config
from wandb_verdicts import RECORD, Verdicts, ask_wandb, cases, digest

from emolightning.config.places import CONFIG_DIR
from emolightning.runs.sweep.stopping import Hyperband, read_hyperband

SWEEPS = sorted((CONFIG_DIR.parent / "sweeps").glob("*.yaml"))

HISTORIES = [[10, 9], [10, 10], [10, 8, 8], [10, 7, 7], [10, 6, 6]]


def test_bands_are_wandbs() -> None:
    band, _ = read_hyperband({"type": "hyperband", "max_iter": 27, "s": 2, "eta": 3})
    assert band is not None
    assert band.bands == (3, 9)
    band, _ = read_hyperband({"type": "hyperband", "min_iter": 3})
    assert band is not None
    assert band.bands[:3] == (3, 9, 27)


def test_the_worse_half_is_stopped() -> None:
    """By hand: after 2 validations the values are 6, 7, 8, 9, 10; int(5 / 2) = 2, so that 8 still goes on."""
    rule = Hyperband((1, 2), eta=2)
    assert [rule.verdict(history, HISTORIES, maximize=False) for history in HISTORIES] == [
        (2, 9, 8),
        (2, 10, 8),
        None,
        None,
        None,
    ]
    negated = [[-value for value in history] for history in HISTORIES]
    assert rule.verdict(negated[0], negated, maximize=True) == (2, -9, -8)


def test_hyperband_stops_what_wandbs_own_package_stops() -> None:
    recorded, num_stopped = json.loads(RECORD.read_text())["stopped"], 0
    for (spec, goal, histories), theirs in zip(cases(), recorded, strict=True):
        rule, _ = read_hyperband(spec)
        assert rule is not None
        is_max = goal == "maximize"
        ours = [k for k, history in enumerate(histories) if rule.verdict(history, histories, maximize=is_max)]
        assert ours == theirs, (spec, goal)
        num_stopped += len(ours)
    assert num_stopped >= 40


@pytest.mark.filterwarnings("ignore:Choices for a categorical")
@pytest.mark.parametrize("path", SWEEPS, ids=lambda path: path.stem)
def test_wandb_accepts_every_file(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("WANDB_API_KEY", raising=False)  # It must pass without one.
    config = load_sweep_config(str(path))
    assert config == yaml.safe_load(path.read_text())
    assert config is not None
    space = search_space_from_sweep_config(config["parameters"])
    assert set(space) == set(config["parameters"])


@pytest.mark.parametrize("path", SWEEPS, ids=lambda path: path.stem)
def test_wandbs_schema_accepted_every_file_as_it_is(path: Path) -> None:
    recorded = json.loads(RECORD.read_text())["files"]
    assert recorded.get(path.name) == {"sha256": digest(path), "violations": 0}, "changed: run tests/wandb_verdicts.py"


def test_the_record_is_what_wandbs_package_says() -> None:
    reason = "W&B's `sweeps` is not here: tests/wandb_verdicts.py says how to get it"
    # `sweeps` alone would be found where it is not installed: our folder of that name.
    pytest.importorskip("sweeps.hyperband_stopping", reason=reason)
    found: Verdicts = ask_wandb()
    recorded = json.loads(RECORD.read_text())
    assert {key: recorded[key] for key in found} == found
    assert found["violations_of_a_wrong_file"] > 0
