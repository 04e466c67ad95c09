"""Killed at random moments and started again with the same command, a training on two ranks ends with the same bits."""

import hashlib
from pathlib import Path
from typing import Any

import pytest
import torch
from kills import in_turns, table, train_through_kills
from runs import Workplace, history, read_json, tensor_hashes, validations

pytestmark = pytest.mark.multi_process

TWO_RANKS = (
    "trainer.accelerator=cpu",
    "trainer.devices=2",
    "data.batch_size=4",
    "trainer.log_every_n_steps=1",
    "checkpoints.every_num_steps=1",
)
"""Six steps an epoch, with dropout, so that the random state is part of the proof."""


@pytest.mark.slow  # One process that is killed, and two ranks that are stopped, are in test_runs.py.
@pytest.mark.timeout(600)
@pytest.mark.parametrize(("engine", "kinds"), [("deepspeed_zero2", ["kill -9 of all", "SIGTERM to rank 1"])])
def test_a_killed_training_ends_with_the_same_bits(workplace: Workplace, engine: str, kinds: list[str]) -> None:
    assert_same_end(workplace, f"{engine} killed", (f"trainer={engine}", *TWO_RANKS), kinds=kinds, seed=1)


@pytest.mark.slow
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("engine", ["ddp", "deepspeed_zero2"])
def test_a_training_killed_ten_times_ends_with_the_same_bits(workplace: Workplace, engine: str) -> None:
    words = (f"trainer={engine}", *TWO_RANKS, "trainer.max_epochs=16")
    assert_same_end(workplace, f"{engine} killed ten times", words, kinds=in_turns(10, seed=2), seed=2)


def assert_same_end(place: Workplace, name: str, words: tuple[str, ...], *, kinds: list[str], seed: int) -> None:
    whole = place.train(place.folder / "kills" / f"{name} never", *words)
    run = place.folder / "kills" / name
    attempts = train_through_kills(place, run, words, kinds=kinds, seed=seed)
    print(f"\n{name}, seed {seed}\n{table(attempts)}\ndigest {digest(run)}; not killed {digest(whole)}")
    assert [each.kill for each in attempts] == [*kinds, "none"]
    assert tensor_hashes(run) == tensor_hashes(whole)
    assert digest(run) == digest(whole)
    assert validations(run) == validations(whole)
    # Also where a kill -9 fell between a step's checkpoint and its row.
    assert losses(run) == losses(whole)
    assert read_json(run / "lineage.json")["status"] == "finished"
    assert not attempts[-1].half_written


def losses(run: Path) -> list[tuple[str, str]]:
    """Step and loss of each row that has one."""
    return [(row["step"], row["train/loss"]) for row in history(run) if "train/loss" in row]


def digest(run: Path) -> str:
    """sha256 over steps, weights and the optimizer's moments of the last checkpoint, and the adapter's files."""
    last = torch.load(run / "checkpoints" / "last.ckpt", weights_only=True)
    content = hashlib.sha256(str(last["global_step"]).encode())
    for name, value in [*flat(last["state_dict"]), *flat(last["optimizer"]), *flat(tensor_hashes(run))]:
        content.update(name.encode())
        content.update(value.numpy().tobytes() if isinstance(value, torch.Tensor) else repr(value).encode())
    return content.hexdigest()


def flat(value: Any, name: str = "") -> list[tuple[str, Any]]:
    """Names and leaves of nested dictionaries and lists, sorted by name."""
    if isinstance(value, dict | list):
        items = sorted(value.items()) if isinstance(value, dict) else enumerate(value)
        return [leaf for key, each in items for leaf in flat(each, f"{name}.{key}")]
    return [(name, value)]
