"""The rules of a sweep, with a program that only writes what it is told."""

import io
import json
import os
import signal
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console
from sweep_factory import sweep_file

import emolightning.runs.sweep.checking
import emolightning.runs.sweep.running
import emolightning.runs.sweep.trial
from emolightning.commands.sweep import main
from emolightning.errors import UserError
from emolightning.runs.processes import GROUP, start, stop_leftovers
from emolightning.runs.sweep.progress import Progress
from emolightning.runs.sweep.running import SweepRun
from emolightning.runs.sweep.search import Search
from emolightning.runs.sweep.session import run_session
from emolightning.runs.sweep.sweep_file import read_sweep_file
from emolightning.runs.sweep.trial import Histories, TrialProcess, read_history

FAKE = """
import os, pathlib, signal, sys, time
values, code, folder = sys.argv[1].split(","), int(sys.argv[2]), pathlib.Path("outputs") / sys.argv[3]
signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
folder.mkdir(parents=True, exist_ok=True)
with (folder / "metrics.csv").open("w") as file:
    file.write("epoch,step,val/loss\\n")
    for step, value in enumerate(values):
        print(f"{step},{step},{value}", file=file, flush=True)
print("last words", flush=True)
time.sleep(float(sys.argv[4]))
sys.exit(code)
"""


BARE = ["-I", "-S"]
"""A Python that looks for no packages."""


class Fakes:
    """Sweeps over seeds whose trials are `FAKE` with the arguments of their number."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch):
        self.folder = folder
        self.plans: list[tuple[str, int, float]] = []
        monkeypatch.chdir(folder)
        monkeypatch.setattr(emolightning.runs.sweep.running, "command_line", self._command)
        monkeypatch.setattr(emolightning.runs.sweep.running, "POLL_S", 0.02)

    def _command(self, words: Sequence[str], values: dict[str, Any], extra: Sequence[str]) -> list[str]:
        number = values["seed"]
        losses, code, seconds = self.plans[number]
        script = self.folder / "fake.py"
        script.write_text(FAKE)
        run = f"fake-{self.search.sweep_id[-6:]}-{number:03}"
        program = sys.executable if losses else "no/such/program"
        return [program, *BARE * bool(losses), str(script), losses, str(code), run, str(seconds), *extra]

    def run(
        self, *plans: tuple[str, int, float], parallel: int = 1, extra: Sequence[str] = (), **content: Any
    ) -> SweepRun:
        """A sweep of as many trials as there are plans: losses, exit code, seconds to stay; no losses, no program."""
        self.plans = list(plans)
        path = sweep_file(
            self.folder, "fake", "experiment=smoke", parameters={"seed": {"values": list(range(len(plans)))}}, **content
        )
        self.file = file = read_sweep_file(path)
        self.search = Search(file, self.folder / "sweep", extra)
        folder, count = self.folder / "sweep", len(plans)
        sweep = SweepRun(file, self.search, folder, extra=list(extra), count=count, parallel=parallel)
        self.said = io.StringIO()
        with Progress(file.metric, file.mode, Console(file=self.said, width=200)) as progress:
            sweep.run(progress)
        return sweep


@pytest.fixture
def fakes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Fakes:
    return Fakes(tmp_path, monkeypatch)


def test_three_failures_in_a_row_end_a_sweep(fakes: Fakes) -> None:
    sweep = fakes.run(("1", 0, 0), ("1", 3, 0), ("1", 3, 0), ("1", 0, 0), *[("1", 7, 0)] * 4)
    assert [row.state for row in sweep.rows()] == ["finished", "failed", "failed", "finished", *["failed"] * 3]
    assert sweep.given_up == "3 trials in a row failed, the last with: last words"
    assert sweep.is_failing
    assert sweep.rows()[6].exit_code == 7


def test_a_trial_without_a_validation_has_failed(fakes: Fakes) -> None:
    (row,) = fakes.run(("nan", 0, 0)).rows()
    assert row.state == "failed"
    assert row.reason.startswith("no val/loss in outputs/fake-")


def test_a_target_ends_the_search(fakes: Fakes) -> None:
    metric = {"name": "val/loss", "goal": "minimize", "target": 0.5}
    sweep = fakes.run(("2", 0, 0), ("3,0.4", 0, 0), ("1", 0, 0), metric=metric)
    assert [row.value for row in sweep.rows()] == [2, 0.4]
    assert (sweep.given_up, sweep.is_failing) == ("trial 1 reached metric.target 0.5", False)


def test_a_trial_that_cannot_be_started_has_failed(fakes: Fakes) -> None:
    rows = fakes.run(("1", 0, 0), ("", 0, 0), ("2", 0, 0)).rows()
    assert [row.state for row in rows] == ["finished", "failed", "finished"]
    assert rows[1].reason.startswith("cannot be started: [Errno 2] No such file")
    assert rows[1].exit_code is None


def test_secrets_are_in_no_file(fakes: Fakes, capsys: pytest.CaptureFixture[str]) -> None:
    secret, other = "+data.api_key=hunter2", "+data.api_key=hunter3"
    fakes.run(("1", 0, 0), ("2", 0, 0), extra=[secret])
    folder = fakes.folder / "sweep"
    assert run_session(fakes.file, folder, extra=[secret], count=None, parallel=1) == 0
    found = {path.relative_to(folder): path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    assert {Path("study.db"), Path("sweep.json"), Path("sweep.csv"), Path("sweep.html"), Path("logs/000.log")} <= set(
        found
    )
    assert [str(path) for path, content in found.items() if b"hunter2" in content] == []
    assert "hunter" not in capsys.readouterr().out
    for name in ("study.db", "sweep.json", "sweep.html", "logs/000.log"):
        assert b"data.api_key=***" in found[Path(name)], name
    with pytest.raises(UserError, match=r"overrides: \[\"\+data\.api_key=\*\*\*\"\], with another secret"):
        Search(fakes.file, folder, [other])


def test_files_are_read_again_only_when_they_changed(fakes: Fakes, monkeypatch: pytest.MonkeyPatch) -> None:
    reads: list[Path] = []
    monkeypatch.setattr(
        emolightning.runs.sweep.trial,
        "read_history",
        lambda run, metric: reads.append(run) or read_history(run, metric),
    )
    rows = fakes.run(("1", 0, 0), ("2,3", 0, 1)).rows()
    assert [(row.value, row.num_validations) for row in rows] == [(1, 1), (2, 2)]
    assert max(map(reads.count, reads)) <= 4, "as often as the program wrote, not as often as it was looked at"


def test_a_file_that_grew_is_read_again(tmp_path: Path) -> None:
    histories, path = Histories("val/loss"), tmp_path / "metrics.csv"
    assert histories.of(tmp_path).values == ()
    path.write_text("epoch,step,val/loss\n0,5,0.25\n")
    first = histories.of(tmp_path)
    assert first.values == (0.25,)
    assert histories.of(tmp_path) is first
    path.write_text("epoch,step,val/loss\n0,5,0.25\n0,9,0.5\n")
    assert histories.of(tmp_path).values == (0.25, 0.5)


@pytest.mark.parametrize(
    ("place", "number", "code"),
    [
        pytest.param(place, number, code, marks=() if place == always else pytest.mark.slow)
        for number, code, always in (
            (signal.SIGINT, 130, "the checks"),
            (signal.SIGTERM, 143, "the leftovers"),
            (signal.SIGUSR1, 143, "the trials"),
        )
        for place in ("the checks", "the leftovers", "the trials")
    ],
    ids=str,
)
def test_a_signal_ends_a_sweep_with_its_own_code(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: signal.Signals, code: int, place: str
) -> None:
    def receive(*arguments: Any, **settings: Any) -> Any:
        os.kill(os.getpid(), number)
        time.sleep(5)  # cut short by the signal, or the trials' part goes on after it
        return Path("outputs")

    path = sweep_file(tmp_path, "told", "experiment=smoke", parameters={"seed": {"values": [0]}})
    monkeypatch.chdir(tmp_path)
    if place == "the checks":
        monkeypatch.setattr(emolightning.runs.sweep.checking, "check_trials", receive)
    elif place == "the leftovers":
        monkeypatch.setattr(emolightning.runs.sweep.running, "stop_leftovers", receive)
    else:
        monkeypatch.setattr(emolightning.runs.sweep.running.time, "sleep", lambda _: os.kill(os.getpid(), number))
        command = [sys.executable, "-c", "import time; time.sleep(60)"]
        monkeypatch.setattr(emolightning.runs.sweep.running, "command_line", lambda *_: command)
    with pytest.raises(SystemExit) as ended:
        sys.exit(main([f"file={path}", f"output_dir={tmp_path / 'sweep'}"]))
    assert ended.value.code == code


@pytest.mark.parametrize("words", [["--foo"], ["-m", "seed=1,2"], ["file"], ["count=2"]], ids=str)
def test_words_that_are_no_command_line_end_with_2(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(words)
    assert ended.value.code == 2
    assert capsys.readouterr().err.startswith("error: ")


def test_a_trial_inside_an_agent_is_a_run_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("WANDB_RUN_ID", "WANDB_SWEEP_ID", "WANDB_SWEEP_PARAM_PATH"):
        monkeypatch.setenv(name, "the agent's")
    monkeypatch.setenv("WANDB_PROJECT", "kept")
    code = "import os; print(*sorted(f'{k}={v}' for k, v in os.environ.items() if k.startswith('WANDB_')))"
    trial = TrialProcess([sys.executable, "-c", code], tmp_path / "x.log", {"WANDB_RUN_ID": "own"})
    trial._process.wait(20)
    assert (tmp_path / "x.log").read_text().splitlines()[-1] == "WANDB_PROJECT=kept WANDB_RUN_ID=own"


def test_hyperband_compares_with_all_trials_so_far(fakes: Fakes) -> None:
    early = {"type": "hyperband", "min_iter": 2, "eta": 2}
    sweep = fakes.run(("5,1", 0, 0), ("5,2", 0, 0), ("5,0.5", 0, 0), ("0,3", 0, 30), early_terminate=early)
    rows = sweep.rows()
    assert [row.state for row in rows] == ["finished"] * 3 + ["stopped early"]
    assert rows[3].reason == "hyperband: 3 after validation 2 is above 2"
    assert rows[3].exit_code == 143
    assert (rows[3].value, rows[3].best_step) == (0, 0)
    assert fakes.search.trials()[3].intermediate_values == {1: 0, 2: 3}


def test_processes_that_a_killed_sweep_left_are_stopped(fakes: Fakes) -> None:
    fakes.run(("1", 0, 0))
    variables = {GROUP: fakes.search.sweep_id}
    left = start([sys.executable, "-c", "import time; time.sleep(60)"], fakes.folder / "x.log", variables=variables)
    other = start([sys.executable, "-c", "import time; time.sleep(60)"], fakes.folder / "y.log")
    deadline = time.monotonic() + 10
    while not (count := stop_leftovers(GROUP, fakes.search.sweep_id, grace_s=5)) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert count == 1
    assert left.wait(5) == -signal.SIGTERM
    assert other.poll() is None
    other.kill()
    other.wait()


def test_half_a_line_is_not_read(tmp_path: Path) -> None:
    (tmp_path / "metrics.csv").write_text("epoch,step,val/loss\n0,5,0.25\n0,6,\n1,11,0.5\n1,12,0.0")
    history = read_history(tmp_path, "val/loss")
    assert (history.steps, history.values, history.last_step) == ((5, 11), (0.25, 0.5), 11)
    assert history.best("max") == (0.5, 11)
    assert read_history(tmp_path / "none", "val/loss").best("max") == (None, None)


def test_the_seed_alone_is_one_setting_with_a_name(fakes: Fakes, capsys: pytest.CaptureFixture[str]) -> None:
    fakes.run(("0.5", 0, 0), ("0.7", 0, 0))
    run_session(fakes.file, fakes.folder / "sweep", extra=[], count=None, parallel=1)
    assert "  all trials: mean 0.6000 sd 0.1414, 95 % interval -0.6706 - 1.8706, n 2\n" in capsys.readouterr().out
    page = (fakes.folder / "sweep" / "sweep.html").read_text(encoding="utf-8")
    assert "<td>all trials</td><td><b>0.6000</b></td>" in page
    assert "-0.6706 to 1.8706" in page
    (setting,) = json.loads((fakes.folder / "sweep" / "sweep.json").read_text())["over_seeds"]
    assert (setting["values"], setting["n"], setting["num_left_out"]) == ({}, 2, 0)
