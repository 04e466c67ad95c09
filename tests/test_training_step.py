"""The benchmark of training steps: what it refuses, what it makes of its measurements. No time is asserted."""

import json
import sys
from collections.abc import Callable
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import torch

from emolightning.commands.cli import run
from emolightning.errors import UserError
from speed import training_step
from speed.figures import is_kept
from speed.loops import CLOCKS, Watch
from speed.recipes import Measurement
from speed.result import describe_columns, ratios
from speed.rounds import Column, Work
from speed.training_step import figures, require_equal_losses, table
from speed.turns import in_turns

LOSSES = {"bare": [[2.5, 1.25]], "prepared": [[2.5, 1.25]], "ours": [[2.5, 1.25], [2.5, 1.25]], "upstream_1": [[9.0]]}


def test_losses_are_those_of_the_bare_loop_but_for_upstreams_batches() -> None:
    require_equal_losses({**LOSSES, "hugging_face": [[2.5, 1.25001]]})


@pytest.mark.parametrize(
    ("loop", "losses", "step"),
    [("ours", [[2.5, 1.25], [2.5, 1.2500001]], 1), ("hugging_face", [[2.51, 1.25]], 0), ("bare", [[1.0, 1.25]], 0)],
)
def test_a_loop_that_trains_otherwise_is_no_measurement(loop: str, losses: list[list[float]], step: int) -> None:
    given = {**LOSSES, loop: losses} if loop != "bare" else {**LOSSES, "bare": [*LOSSES["bare"], *losses]}
    with pytest.raises(UserError, match=rf"{loop}: the loss of step {step} is .* say model.lora.dropout=0"):
        require_equal_losses(given)


def test_the_table_has_times_ratios_waiting_and_the_floor() -> None:
    """Two clips a step and ten steps: 0.1 s, a fifth of it waited, is 10 ms a step."""
    work = {"training": Work(samples=20, tokens=40, flops=200)}
    times = {"prepared": (0.08, 0.0), "bare": (0.1, 0.02), "ours": (0.105, 0.0)}
    columns = [
        Column(name, {"training": Measurement}, work, {"training": [Measurement(seconds, waiting_seconds=waited)] * 2})
        for name, (seconds, waited) in times.items()
    ]
    described = describe_columns(columns, 1000.0)
    result: dict[str, Any] = {
        "clips_per_step": 2,
        "floor_ms": 5.0,
        "settings": {"clock": "cpu"},
        "columns": described,
        "ratios": {name: ratios(described["bare"], found) for name, found in described.items()},
    }
    head, prepared, bare, ours, floor = table(result)
    assert "2 clips a step, cpu clock" in head
    assert "8.0 (8.0 - 8.0)   0.800 (0.800 - 0.800)" in prepared
    assert [bare.split()[2], bare.split()[-1]] == ["10.0", "20.0%"]
    assert "1.050 (1.050 - 1.050)" in ours
    assert floor == "floor: the matrix products of a step take 5.0 ms at this machine's best; ours 2.1 x"


def test_what_is_promised_is_kept_or_not() -> None:
    """Three rounds, of which the last was slow for all: quotients are those within a round."""
    taken = {"bare": [100, 100, 200], "ours": [104, 106, 208], "hugging_face": [105, 105, 210], "upstream_1": [350] * 3}
    rounds = {name: [{"samples_per_s": 16e3 / each} for each in times] for name, times in taken.items()}
    columns = {name: {"training": {"rounds": found}} for name, found in rounds.items()}
    result = {"clips_per_step": 16, "floor_ms": 50.0, "columns": columns, "settings": {"num_threads": 2}}
    over_bare, over_trainer, upstream, step = figures(result)
    assert (over_bare.value, over_bare.high) == pytest.approx((1.04, 1.06))
    assert is_kept(asdict(over_bare))
    assert over_trainer.value == pytest.approx(104 / 105)
    assert (upstream.value, upstream.low) == pytest.approx((350 / 106, 350 / 208))
    assert (step.what, step.value, step.floor, step.unit) == ("a step of 16 clips, 2 threads", 106, 50.0, "ms")


@pytest.mark.parametrize(
    ("word", "message"),
    [
        ("steps=0", "steps: must be at least 1, not 0"),
        ("warm_steps=-1", "warm_steps: must be 0 or more, not -1"),
        ("clock=sun", "clock: 'sun' is not one of wall, cpu"),
    ],
)
def test_a_mistake_is_told_before_anything_is_built(
    capsys: pytest.CaptureFixture[str], word: str, message: str
) -> None:
    with pytest.raises(SystemExit) as ended:
        run(training_step.main, "training_step", [word])
    assert ended.value.code == 1
    assert message in capsys.readouterr().err


@pytest.mark.slow
def test_all_loops_train_alike(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    threads = torch.get_num_threads()
    output = tmp_path / "result.json"
    words = [
        "experiment=smoke",
        "model.lora.dropout=0",
        f"paths.data={tmp_path}",
        "rounds=2",
        "steps=2",
        "warm_steps=1",
    ]
    monkeypatch.setattr(sys, "argv", ["speed/training_step.py", *words])
    monkeypatch.chdir(tmp_path)
    try:
        assert run(training_step.main, "training_step", [*words, f"output={output}"]) == 0
    finally:
        torch.set_num_threads(threads)
    result = json.loads(output.read_text())
    assert list(result["columns"])[:4] == ["prepared", "bare", "ours", "hugging_face"]
    work = [(found["training"]["samples"], found["training"]["tokens"]) for found in result["columns"].values()]
    assert len(set(work)) == 1
    assert all(len(found["training"]["rounds"]) == 2 for found in result["columns"].values())
    assert "floor:" in capsys.readouterr().out


def test_loops_take_turns_step_by_step() -> None:
    """One that has more steps goes on alone, and one that fails ends the others."""
    done: list[str] = []

    def loop(name: str, steps: int, give_way: Callable[[], None]) -> str:
        for step in range(steps):
            give_way()
            done.append(f"{name}{step}")
        return name

    assert in_turns([partial(loop, "a", 2), partial(loop, "b", 3), partial(loop, "c", 1)], here=1) == ["a", "b", "c"]
    assert done == ["a0", "b0", "c0", "a1", "b1", "b2"]
    done.clear()

    def fail(give_way: Callable[[], None]) -> str:
        give_way()
        raise UserError("no more")

    with pytest.raises(UserError, match="no more"):
        in_turns([partial(loop, "a", 5), fail], here=0)
    assert done == ["a0"]


def test_the_turns_of_others_are_no_time_of_a_step(monkeypatch: pytest.MonkeyPatch) -> None:
    """By a clock that goes one on in a step and 100 in a turn of the others, which each fourth step gives."""
    now = 0

    def go_on(ticks: int) -> None:
        nonlocal now
        now += ticks

    monkeypatch.setitem(CLOCKS, "wall", lambda: now)
    watch = Watch(torch.device("cpu"), "wall", warm=4, steps=8, give_way=lambda: go_on(100), steps_a_turn=4)
    for _ in watch.over(range(20)):
        go_on(1)
    assert (watch.away, watch.measurement().seconds) == (400, 8)
