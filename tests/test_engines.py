"""Every engine on two CPU ranks: one process's losses, small checkpoints, resumption here and there, evaluation."""

import csv
import shutil
import signal
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import torch
from runs import Workplace, answers, read_json, saved_step

pytestmark = pytest.mark.multi_process

TWO_RANKS = ("trainer.accelerator=cpu", "trainer.devices=2", "data.batch_size=4")
SMALL_BUCKETS = ("trainer.strategy.bucket_mb=1",)
"""Deterministic torch fills what it allocates, and DeepSpeed allocates both of its buckets for each step."""
ENGINES = {
    "ddp": ("trainer=ddp",),
    "fsdp": ("trainer=fsdp",),
    "deepspeed_zero1": ("trainer=deepspeed_zero1", *SMALL_BUCKETS),
    "deepspeed_zero2": ("trainer=deepspeed_zero2", *SMALL_BUCKETS),
    # Else the tiny model's layers are all so small that DeepSpeed would keep them whole.
    "deepspeed_zero3": ("trainer=deepspeed_zero3", "trainer.strategy.persistence_threshold=0", *SMALL_BUCKETS),
}
OFFLOADED = {
    "zero2_offload": ("trainer=zero2_offload", *SMALL_BUCKETS),
    "zero3_offload": ("trainer=zero3_offload", "trainer.strategy.persistence_threshold=0", *SMALL_BUCKETS),
}
ALWAYS = ("deepspeed_zero2",)
"""In every run of the tests; the others are slow. Two ranks of DDP train in test_runs.py."""

ELSEWHERE = {"deepspeed_zero2": "one process", "fsdp": "deepspeed_zero2", "ddp": "fsdp", "deepspeed_zero3": "ddp"}
"""Saved by -> resumed by, with clips per step as before."""

FIRST = ("one process", "deepspeed_zero2", "deepspeed_zero2 stopped", "deepspeed_zero2 resumed")
"""Programs of the tests that are not slow, in the order in which they need each other."""

EQUAL_STEPS = ("trainer.max_epochs=2", "model.lora.dropout=0", "trainer.log_every_n_steps=1")
"""12 steps of 8 clips whichever engine; dropout is drawn anew for each rank."""

MODEL_SIZE = 886_336

ACCUMULATED = ("trainer.accumulate_grad_batches=4",)
"""Of 6 batches an epoch: a step behind the fourth and behind the last."""

TOLERANCE = 1e-4
"""Of losses around 3 and of weights around 0.1: sums are made in another order, and 12 steps of AdamW follow."""


def words(engine: str) -> tuple[str, ...]:
    """The overrides that choose an engine at 8 clips a step."""
    known = {**ENGINES, **OFFLOADED}
    return (*known[engine], *TWO_RANKS, *EQUAL_STEPS) if engine in known else (*EQUAL_STEPS, "data.batch_size=8")


def losses(run: Path, name: str = "train/loss") -> torch.Tensor:
    with (run / "metrics.csv").open(newline="", encoding="utf-8") as file:
        return torch.tensor([float(row[name]) for row in csv.DictReader(file) if row.get(name)])


def by_step(run: Path) -> dict[str, float]:
    with (run / "metrics.csv").open(newline="", encoding="utf-8") as file:
        return {row["step"]: float(row["train/loss"]) for row in csv.DictReader(file) if row.get("train/loss")}


def last(run: Path) -> dict[str, Any]:
    return torch.load(run / "checkpoints" / "last.ckpt", weights_only=True)


def engines() -> list[Any]:
    """Every engine as a parameter; those beyond ALWAYS are slow."""
    return [pytest.param(engine, marks=() if engine in ALWAYS else pytest.mark.slow) for engine in ENGINES]


class Runs:
    """Each program is run once, when it is first asked for; those of FIRST two at a time."""

    def __init__(self, workplace: Workplace, pool: ThreadPoolExecutor):
        self.workplace = workplace
        self.folder = workplace.folder / "engines"
        self._made: dict[str, Path] = {}
        self._recipes = self._all_recipes()
        self._started: dict[str, Future[Path]] = {name: pool.submit(self._recipes[name]) for name in FIRST}

    def __getitem__(self, name: str) -> Path:
        if name in self._started:
            return self._started[name].result()
        if name not in self._made:
            self._made[name] = self._recipes[name]()
        return self._made[name]

    def _all_recipes(self) -> dict[str, Callable[[], Path]]:
        """Name -> what makes it."""
        made: dict[str, Callable[[], Path]] = {
            "one process": partial(self.whole, "one process"),
            "one process evaluated": partial(self.evaluated, "one process", "one process", "one process"),
        }
        for engine in ENGINES:
            made[engine] = partial(self.whole, engine)
            made[f"{engine} stopped"] = partial(self.stopped, engine)
            made[f"{engine} resumed"] = partial(self.resumed, engine, engine)
            made[f"{engine} accumulated"] = partial(self.accumulated, engine)
            made[f"{engine} evaluated"] = partial(self.evaluated, engine, f"{engine} resumed", "one process")
        for engine, other in ELSEWHERE.items():
            made[f"{engine} by {other}"] = partial(self.resumed, engine, other)
        for engine in ("fsdp", "deepspeed_zero3"):
            made[f"under {engine}"] = partial(self.evaluated, f"under {engine}", "fsdp resumed", engine)
        for engine in ("one process", "deepspeed_zero3"):
            name = f"sampled under {engine}"
            made[name] = partial(self.evaluated, name, "fsdp resumed", engine, "evaluation.do_sample=true")
        return made

    def whole(self, engine: str) -> Path:
        return self.workplace.train(self.folder / engine, *words(engine))

    def stopped(self, engine: str) -> Path:
        """SIGTERM in mid-epoch; the run can be resumed."""
        run = self.folder / f"{engine} stopped"
        program = self.workplace.start_training(run, *words(engine), "checkpoints.every_num_steps=1")
        code = program.signal_when(lambda: saved_step(run) >= 3, signal.SIGTERM)
        assert code == 143, program.description()
        assert program.has_ended_whole()
        assert 3 <= saved_step(run) < 12
        return run

    def resumed(self, engine: str, by: str) -> Path:
        run = self.folder / f"{engine} resumed by {by}"
        shutil.copytree(self[f"{engine} stopped"], run)
        return self.workplace.train(run, *words(by), "resume=auto")

    def accumulated(self, engine: str) -> Path:
        return self.workplace.train(self.folder / f"{engine} accumulated", *words(engine), *ACCUMULATED)

    def grown(self, engine: str) -> Path:
        """What one process has begun, two go on with."""
        begun = self.stopped("one process")
        return self.workplace.train(begun, *words(engine), "resume=auto")

    def evaluated(self, name: str, trained: str, by: str, *more: str) -> Path:
        """A run's test split, under some engine; 12 clips in batches of 5, so one rank has fewer than the other."""
        run = self.folder / f"{name} evaluated"
        trainer = [
            word for word in words(by) if word.startswith(("trainer=", "trainer.acc", "trainer.dev", "trainer.str"))
        ]
        self.workplace.evaluate(self[trained], *trainer, "data.batch_size=5", f"output_dir={run}", *more)
        return run


@pytest.fixture(scope="module")
def runs(workplace: Workplace, trained: Path, background: ThreadPoolExecutor) -> Runs:
    """All programs of this file, started in the order in which they need each other; `trained` rendered the clips."""
    return Runs(workplace, background)


@pytest.mark.parametrize("engine", engines())
def test_losses_and_weights_are_those_of_one_process(runs: Runs, engine: str) -> None:
    """Of a run that was stopped and resumed: its losses are those of all 12 steps."""
    one, many = runs["one process"], runs[f"{engine} resumed"]
    assert len(by_step(one)) == 12
    torch.testing.assert_close(by_step(many), by_step(one), rtol=0, atol=TOLERANCE)
    torch.testing.assert_close(losses(many, "val/loss"), losses(one, "val/loss"), rtol=0, atol=TOLERANCE)
    assert_same_state(last(many), last(one), TOLERANCE)


@pytest.mark.parametrize("engine", [engine for engine in engines() if engine.values != ("fsdp",)])
def test_a_stopped_run_resumes_bit_for_bit(runs: Runs, engine: str) -> None:
    assert_same_state(last(runs[f"{engine} resumed"]), last(runs[engine]), 0)


@pytest.mark.parametrize("engine", engines())
def test_a_checkpoint_is_one_file_of_trained_tensors(runs: Runs, engine: str) -> None:
    checkpoint, path = last(runs[f"{engine} resumed"]), runs[f"{engine} resumed"] / "checkpoints" / "last.ckpt"
    state = checkpoint["state_dict"]
    assert state.keys() == last(runs["one process"])["state_dict"].keys()
    assert all(".lora_" in name or name.startswith("model.projections.") for name in state)
    trained, size = sum(tensor.numel() for tensor in state.values()), path.stat().st_size
    print(f"{engine}: {trained:,} of {MODEL_SIZE:,} parameters, {size:,} bytes with the optimizer's moments")
    assert trained < MODEL_SIZE / 4
    assert size < 4 * (3 * trained) * 1.2  # weights and two moments in float32
    assert checkpoint["base_fingerprints"] == last(runs["one process"])["base_fingerprints"]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("engine", "other"),
    ELSEWHERE.items(),
)
def test_another_engine_takes_a_run_up(runs: Runs, engine: str, other: str) -> None:
    resumed = runs[f"{engine} by {other}"]
    assert last(resumed)["global_step"] == 12
    assert_same_state(last(resumed), last(runs["one process"]), TOLERANCE)


@pytest.mark.slow
def test_more_processes_take_a_run_up(runs: Runs) -> None:
    grown = runs.grown("deepspeed_zero3")
    assert last(grown)["global_step"] == 12
    assert_same_state(last(grown), last(runs["one process"]), TOLERANCE)


@pytest.mark.slow
def test_fsdp_resumes_bit_for_bit_too(runs: Runs) -> None:
    assert_same_state(last(runs["fsdp resumed"]), last(runs["fsdp"]), 0)


@pytest.mark.slow
@pytest.mark.parametrize("engine", ["ddp", "fsdp", "deepspeed_zero2", "deepspeed_zero3"])
def test_half_precision_resumes_bit_for_bit(runs: Runs, engine: str) -> None:
    """bf16-mixed, as on GPUs."""
    whole, stopped = (runs.folder / f"{engine} bf16 {name}" for name in ("whole", "stopped"))
    half = (*words(engine), "trainer.precision=bf16-mixed", "checkpoints.every_num_steps=1")
    runs.workplace.train(whole, *half)
    program = runs.workplace.start_training(stopped, *half)
    assert program.signal_when(lambda: saved_step(stopped) >= 3, signal.SIGTERM) == 143, program.description()
    runs.workplace.train(stopped, *half, "resume=auto")
    assert_same_state(last(stopped), last(whole), 0)


@pytest.mark.slow
def test_deepspeed_steps_where_the_others_do(runs: Runs) -> None:
    """Also behind the last batches of an epoch, which are fewer."""
    one, other = (last(runs[f"{engine} accumulated"]) for engine in ("ddp", "deepspeed_zero2"))
    assert one["global_step"] == other["global_step"] == 4
    assert_same_state(other, one, TOLERANCE)


@pytest.mark.slow  # Their weights are equal, and an evaluation that two ranks share is in test_runs.py.
@pytest.mark.parametrize("engine", ENGINES)
def test_what_every_engine_trained_gives_the_same_answers(runs: Runs, engine: str) -> None:
    texts = [[line["answer"] for line in answers(runs[f"{each} evaluated"])] for each in ("one process", engine)]
    assert len(texts[0]) == 12
    assert texts[0] == texts[1]


@pytest.mark.slow
@pytest.mark.parametrize("engine", ["fsdp", "deepspeed_zero3"])
def test_answers_under_a_sharding_engine_are_those_of_one_process(runs: Runs, engine: str) -> None:
    one, many = runs["fsdp evaluated"], runs[f"under {engine}"]
    assert answers(many) == answers(one)
    assert read_json(many / "metrics.json") == read_json(one / "metrics.json")


@pytest.mark.slow
def test_ranks_that_wait_for_each_other_draw_the_same_samples(runs: Runs) -> None:
    one, many = (answers(runs[f"sampled under {engine}"]) for engine in ("one process", "deepspeed_zero3"))
    assert one == many
    assert [line["answer"] for line in one] != [line["answer"] for line in answers(runs["fsdp evaluated"])]


@pytest.mark.slow
@pytest.mark.parametrize("engine", OFFLOADED)
def test_an_optimizer_in_host_memory_learns_the_same(workplace: Workplace, tmp_path: Path, engine: str) -> None:
    one = workplace.train(tmp_path / "one", *words("one process"))
    many = workplace.train(tmp_path / engine, *words(engine))
    torch.testing.assert_close(losses(many), losses(one), rtol=0, atol=TOLERANCE)
    assert_same_state(last(many), last(one), TOLERANCE)


def assert_same_state(some: dict[str, Any], other: dict[str, Any], tolerance: float) -> None:
    """Weights, and the optimizer's state and settings by name."""
    torch.testing.assert_close(some["state_dict"], other["state_dict"], rtol=0, atol=tolerance)
    assert some["optimizer"]["state"].keys() == other["optimizer"]["state"].keys()
    for name, state in some["optimizer"]["state"].items():
        for key, value in state.items():  # Moments are as small as 1e-9: compared with their own size.
            expected = other["optimizer"]["state"][name][key]
            difference = float((value - expected).abs().max())
            assert difference <= 100 * tolerance * float(expected.abs().max()), f"{name} {key}: {difference}"
    groups = [
        [{**group, "names": sorted(group["names"])} for group in each["optimizer"]["groups"]] for each in (some, other)
    ]
    assert groups[0] == groups[1]
