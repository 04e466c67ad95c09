"""How runs end that cannot go on: exit code 1, one message, and a checkpoint that is good."""

from typing import Any

import pytest
import torch
from runs import REPO, SMALL, Workplace, read_json

DIVERGES = "+callbacks.failing={_target_: failing.Diverges, rank: %d, step: %d}"


def diverge(place: Workplace, name: str, rank: int, *overrides: str) -> tuple[Any, str]:
    """A run whose fourth step has no finite loss on one rank; its folder and what it said."""
    run = place.folder / "outputs" / name
    words = (*SMALL, *place.clips, "logger=csv", f"output_dir={run}", "callbacks.last.every_num_steps=1")
    program = place.start(
        *(REPO / "train.py", *words, *overrides, DIVERGES % (rank, 3)), PYTHONPATH=f"{REPO}:{REPO / 'tests'}"
    )
    assert program.wait() == 1, program.description()
    assert program.has_ended_whole(), program.description()
    return run, program.output()


@pytest.mark.multi_process
@pytest.mark.parametrize(
    ("name", "rank", "overrides"),
    [
        ("diverges_alone", 0, ()),
        ("diverges_on_one", 1, ("trainer=ddp", "trainer.accelerator=cpu", "data.batch_size=4")),
    ],
)
def test_a_loss_that_is_not_finite_ends_the_run(
    workplace: Workplace, name: str, rank: int, overrides: tuple[str, ...]
) -> None:
    run, said = diverge(workplace, name, rank, *overrides)
    last = run / "checkpoints" / "last.ckpt"
    assert said.count("the loss of optimizer step 4 is nan") == 1
    assert f"the last good checkpoint is {last}" in said
    assert "optimizer.lr" in said
    assert "Traceback" not in said
    checkpoint = torch.load(last, weights_only=True)
    assert checkpoint["global_step"] == 3
    assert all(bool(tensor.isfinite().all()) for tensor in checkpoint["state_dict"].values())
    assert read_json(run / "lineage.json")["status"] == "interrupted"
