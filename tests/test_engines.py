"""Every engine on two CPU ranks: one process's losses, small checkpoints, resumption here and there, evaluation."""

import csv
import shutil
import signal
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
import torch
from runs import Workplace, answers, read_json, saved_step

pytestmark = pytest.mark.multi_process

TWO_RANKS = ("trainer.accelerator=cpu", "trainer.devices=2", "data.batch_size=4")
ENGINES = {
    "ddp": ("trainer=ddp",),
    "fsdp": ("trainer=fsdp",),
    "deepspeed_zero1": ("trainer=deepspeed_zero1",),
    "deepspeed_zero2": ("trainer=deepspeed_zero2",),
    # Else the tiny model's layers are all so small that DeepSpeed would keep them whole.
    "deepspeed_zero3": ("trainer=deepspeed_zero3", "trainer.strategy.persistence_threshold=0"),
}
OFFLOADED = {
    "zero2_offload": ("trainer=zero2_offload",),
    "zero3_offload": ("trainer=zero3_offload", "trainer.strategy.persistence_threshold=0"),
}
ELSEWHERE = {  # saved by -> resumed by, with clips per step as before
    "ddp": ("deepspeed_zero3",),
    "deepspeed_zero3": ("fsdp",),
    "fsdp": ("one process",),
    "one process": ("deepspeed_zero2",),
}
EQUAL_STEPS = ("trainer.max_epochs=2", "model.lora.dropout=0", "trainer.log_every_n_steps=1")
"""12 steps of 8 clips whichever engine; dropout is drawn anew for each rank."""

TOLERANCE = 1e-4
"""Of losses around 3 and of weights around 0.1: sums are made in another order, and 12 steps of AdamW follow."""


def words(engine: str) -> tuple[str, ...]:
    """The overrides that choose an engine at 8 clips a step."""
    known = {**ENGINES, **OFFLOADED}
    return (*known[engine], *TWO_RANKS, *EQUAL_STEPS) if engine in known else (*EQUAL_STEPS, "data.batch_size=8")


def losses(run: Path, name: str = "train/loss") -> torch.Tensor:
    with (run / "metrics.csv").open(newline="", encoding="utf-8") as file:
        return torch.tensor([float(row[name]) for row in csv.DictReader(file) if row.get(name)])


def last(run: Path) -> dict[str, Any]:
    return torch.load(run / "checkpoints" / "last.ckpt", weights_only=True)


class Runs:
    """Trains each engine once when it is first asked for, two programs at a time."""

    def __init__(self, workplace: Workplace, pool: ThreadPoolExecutor):
        self.workplace = workplace
        self.folder = workplace.folder / "engines"
        self._pool = pool
        self._started: dict[str, Future[Path]] = {}

    def start(self, name: str, make: Callable[[], Path]) -> None:
        self._started[name] = self._pool.submit(make)

    def __getitem__(self, name: str) -> Path:
        return self._started[name].result()

    def whole(self, engine: str) -> Path:
        return self.workplace.train(self.folder / engine, *words(engine))

    def stopped(self, engine: str) -> Path:
        """SIGTERM in mid-epoch; the run can be resumed."""
        run = self.folder / f"{engine} stopped"
        program = self.workplace.start_training(run, *words(engine), "callbacks.last.every_num_steps=1")
        code = program.signal_when(lambda: saved_step(run) >= 3, signal.SIGTERM)
        assert code == 143, program.description()
        assert program.has_ended_whole()
        assert 3 <= saved_step(run) < 12
        return run

    def resumed(self, engine: str, by: str) -> Path:
        run = self.folder / f"{engine} resumed by {by}"
        shutil.copytree(self[f"{engine} stopped"], run)
        return self.workplace.train(run, *words(by), "resume=auto")

    def evaluated(self, engine: str) -> Path:
        run = self.folder / f"{engine} evaluated"
        engine_words = [word for word in words(engine) if word.startswith("trainer") and "=" in word]
        kept = [word for word in engine_words if not word.startswith(("trainer.max", "trainer.log"))]
        # 12 clips in batches of 5: one rank has fewer, and shorter, and draws fewer answers than the other.
        self.workplace.evaluate(self["ddp"], *kept, "data.batch_size=5", f"output_dir={run}")
        sampled = (f"output_dir={run} sampled", "evaluation.do_sample=true", "data.batch_size=5")
        if engine in ("deepspeed_zero3", "one process"):
            self.workplace.evaluate(self["ddp"], *kept, *sampled)
        return run


@pytest.fixture(scope="module")
def runs(workplace: Workplace, trained: Path, background: ThreadPoolExecutor) -> Runs:
    """All programs of this file, started at once; `trained` has rendered the clips."""
    made = Runs(workplace, background)
    everything = ["one process", *ENGINES]
    for engine in (*everything, *OFFLOADED):
        made.start(engine, lambda engine=engine: made.whole(engine))
    for engine in everything:
        made.start(f"{engine} stopped", lambda engine=engine: made.stopped(engine))
    for engine in ENGINES:
        made.start(f"{engine} resumed", lambda engine=engine: made.resumed(engine, engine))
    for engine, others in ELSEWHERE.items():
        for other in others:
            made.start(f"{engine} by {other}", lambda engine=engine, other=other: made.resumed(engine, other))
    for engine in everything:
        made.start(f"{engine} evaluated", lambda engine=engine: made.evaluated(engine))
    return made


@pytest.mark.parametrize("engine", [*ENGINES, *OFFLOADED])
def test_losses_and_weights_are_those_of_one_process(runs: Runs, engine: str) -> None:
    one, many = runs["one process"], runs[engine]
    assert len(losses(many)) == 12
    torch.testing.assert_close(losses(many), losses(one), rtol=0, atol=TOLERANCE)
    torch.testing.assert_close(losses(many, "val/loss"), losses(one, "val/loss"), rtol=0, atol=TOLERANCE)
    assert_same_state(last(many), last(one), TOLERANCE)


@pytest.mark.parametrize("engine", ENGINES)
def test_a_checkpoint_is_one_file_of_trained_tensors(runs: Runs, engine: str) -> None:
    state, model_size = last(runs[engine])["state_dict"], 886_336
    assert state.keys() == last(runs["one process"])["state_dict"].keys()
    assert all(".lora_" in name or name.startswith("model.projections.") for name in state)
    trained = sum(tensor.numel() for tensor in state.values())
    size = (runs[engine] / "checkpoints" / "last.ckpt").stat().st_size
    print(f"{engine}: {trained:,} of {model_size:,} parameters, {size:,} bytes with the optimizer's moments")
    assert trained < model_size / 4
    assert size < 4 * (3 * trained) * 1.2  # weights and two moments in float32


@pytest.mark.parametrize("engine", ENGINES)
def test_a_stopped_run_resumes_bit_for_bit(runs: Runs, engine: str) -> None:
    assert_same_state(last(runs[f"{engine} resumed"]), last(runs[engine]), 0)


@pytest.mark.parametrize(("engine", "other"), [(one, other) for one, others in ELSEWHERE.items() for other in others])
def test_another_engine_takes_a_run_up(runs: Runs, engine: str, other: str) -> None:
    resumed = runs[f"{engine} by {other}"]
    assert last(resumed)["global_step"] == 12
    assert_same_state(last(resumed), last(runs["one process"]), TOLERANCE)


@pytest.mark.parametrize("engine", ENGINES)
def test_every_engine_gives_the_same_answers(runs: Runs, engine: str) -> None:
    one, many = runs["one process evaluated"], runs[f"{engine} evaluated"]
    assert answers(many) == answers(one)
    assert len(answers(many)) == 12
    assert read_json(many / "metrics.json") == read_json(one / "metrics.json")


def test_ranks_that_wait_for_each_other_draw_the_same_samples(runs: Runs) -> None:
    one, many = runs["one process evaluated"], runs["deepspeed_zero3 evaluated"]
    drawn = [answers(Path(f"{run} sampled")) for run in (one, many)]
    assert drawn[0] == drawn[1]
    assert {line["answer"] for line in drawn[0]} != {line["answer"] for line in answers(one)}


def test_ranks_get_the_first_ones_weights(runs: Runs) -> None:
    """They start without any, so equal losses show it; and the base is told as the same one."""
    for engine in ENGINES:
        assert last(runs[engine])["base_fingerprints"] == last(runs["one process"])["base_fingerprints"]


def assert_same_state(some: dict[str, Any], other: dict[str, Any], tolerance: float) -> None:
    """Weights, and the optimizer's state and settings by name."""
    compare = {"rtol": 0, "atol": tolerance}
    torch.testing.assert_close(some["state_dict"], other["state_dict"], **compare)
    assert some["optimizer"]["state"].keys() == other["optimizer"]["state"].keys()
    for name, state in some["optimizer"]["state"].items():
        torch.testing.assert_close(
            state, other["optimizer"]["state"][name], **compare, msg=lambda m, n=name: f"{n} {m}"
        )
    groups = [
        [{**group, "names": sorted(group["names"])} for group in each["optimizer"]["groups"]] for each in (some, other)
    ]
    assert groups[0] == groups[1]
