"""Sweeps as they run: real ones on the smallest run, and the rules with a program that only writes a table."""

import csv
import io
import json
import os
import re
import signal
import sqlite3
import statistics
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
import scipy.stats
import yaml
from rich.console import Console
from runs import REPO, SMALL, Program, Workplace, saved_step

import emolightning.sweeps.checking
import emolightning.sweeps.running
import emolightning.sweeps.trial
from emolightning.commands.sweep import main
from emolightning.errors import UserError
from emolightning.processes import GROUP, start, stop_leftovers
from emolightning.sweeps.progress import Progress, duration, summary
from emolightning.sweeps.results import over_seeds
from emolightning.sweeps.running import SweepRun
from emolightning.sweeps.search import Search
from emolightning.sweeps.session import run_session
from emolightning.sweeps.sweep_file import read_sweep_file
from emolightning.sweeps.sweep_page import write_sweep_page
from emolightning.sweeps.trial import Histories, TrialProcess, TrialRow, read_history

LOSS = {"name": "val/loss", "goal": "minimize"}


def sweep_file(folder: Path, name: str, *words: str, **content: Any) -> Path:
    """A grid that watches the loss, with more overrides in its command."""
    command = [
        "${env}",
        "${interpreter}",
        "${program}",
        *words,
        "monitor.metric=val/loss",
        "monitor.mode=min",
        "logger=csv",
        f"run_name={name}-${{oc.env:WANDB_RUN_ID}}",
        "resume=auto",
        "${args_no_hyphens}",
    ]
    whole = {"program": "train.py", "method": "grid", "metric": LOSS, "command": command, **content}
    path = folder / f"{name}.yaml"
    path.write_text(yaml.safe_dump(whole, sort_keys=False))
    return path


def table(folder: Path) -> list[dict[str, str]]:
    with (folder / "sweep.csv").open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def starts(folder: Path, number: int) -> int:
    """How often a trial's process was started."""
    log = folder / "logs" / f"{number:03}.log"
    if not log.exists():
        return 0
    return sum(line.startswith("$ ") for line in log.read_text(encoding="utf-8").splitlines())


def start_sweep(place: Workplace, path: Path, folder: Path, *words: str) -> Program:
    """In the background."""
    return place.start("-m", "emolightning", "sweep", f"file={path}", f"output_dir={folder}", *words)


def num_validations(folder: Path, number: int) -> int:
    """Of a trial, by the study's own record of where its run is."""
    run = attributes(folder, number).get("folder")
    return len(read_history(folder.parent / run, "val/loss").values) if run else 0


def attributes(folder: Path, number: int) -> dict[str, Any]:
    """What the study knows of a trial."""
    query = "select key, value_json from trial_user_attributes natural join trials where number = ?"
    with sqlite3.connect(f"file:{folder / 'study.db'}?mode=ro", uri=True) as connection:
        return {key: json.loads(value) for key, value in connection.execute(query, (number,))}


# Real ones


@pytest.fixture(scope="module")
def killed(workplace: Workplace) -> tuple[Path, str, str]:
    """Four trials, two at a time, two of which must fail; killed in the middle and continued. Folder and outputs."""
    spec = {
        "optimizer.lr": {"values": [0.004, 1.0e-9]},
        "init_from": {"values": ["null", "no/such/run"]},
    }
    early = {"type": "hyperband", "max_iter": 12, "s": 1, "eta": 3}
    words = (*SMALL, "trainer.max_epochs=12", *workplace.clips)
    path = sweep_file(workplace.folder, "killed", *words, parameters=spec, early_terminate=early)
    folder = workplace.folder / "sweep-killed"
    program = start_sweep(workplace, path, folder, "parallel=2")
    program.signal_when(lambda: starts(folder, 2) == 1 and num_validations(folder, 0) >= 2, signal.SIGKILL)
    again = start_sweep(workplace, path, folder, "parallel=2")
    assert again.wait() == 0, again.description()
    return folder, program.output(), again.output()


def test_a_killed_sweep_is_continued_where_it_was(killed: tuple[Path, str, str]) -> None:
    folder, _, again = killed
    rows = table(folder)
    assert [row["state"] for row in rows] == ["finished", "failed", "stopped early", "failed"]
    assert [starts(folder, number) for number in range(4)] == [2, 1, 2, 1]
    assert "trial 0 continues" in again
    assert "trial 1" not in again.replace("best: trial 1", "")
    for row in rows[::2]:
        assert not list((folder.parent / row["folder"]).parent.glob(f"{Path(row['folder']).name}.previous*"))


def test_hyperband_stops_the_worse_trial_gracefully(killed: tuple[Path, str, str]) -> None:
    folder, _, again = killed
    good, _, stopped, _ = table(folder)
    assert stopped["exit_code"] == "143"
    assert float(stopped["value"]) > float(good["value"])
    assert 4 <= int(stopped["num_validations"]) < int(good["num_validations"]) == 12
    assert "trial 2 is stopped, hyperband: " in again
    assert saved_step(folder.parent / stopped["folder"]) > 0


def test_the_value_of_a_trial_is_the_best_of_its_metrics(killed: tuple[Path, str, str]) -> None:
    folder, _, _ = killed
    for row in table(folder)[::2]:
        with (folder.parent / row["folder"] / "metrics.csv").open(newline="") as file:
            found = {int(line["step"]): float(line["val/loss"]) for line in csv.DictReader(file) if line["val/loss"]}
        assert float(row["value"]) == min(found.values()) == found[int(row["best_step"])]
        assert int(row["num_validations"]) == len(found)


def test_a_failed_trial_is_told_with_its_last_words(killed: tuple[Path, str, str]) -> None:
    folder, before, _ = killed
    failed = table(folder)[1]
    assert failed["exit_code"] == "1"
    assert "no/such/run" in failed["reason"]
    assert "trial 1 failed: no value" in before
    assert "no/such/run" in (folder / "logs" / "001.log").read_text()


def test_the_page_stands_alone_and_shows_every_trial(killed: tuple[Path, str, str]) -> None:
    folder, _, _ = killed
    page = (folder / "sweep.html").read_text(encoding="utf-8")
    content = json.loads((folder / "sweep.json").read_text())
    assert content["best"] == 0
    assert not re.findall(r"<(?:script|link|img|iframe)[^>]+(?:src|href)=", page)
    assert page.count("stopped early") >= 2
    assert "no/such/run" in page
    assert "WANDB_RUN_ID=" in content["trials"][0]["again"]
    assert "optimizer.lr=0.004" in page


def test_a_finished_sweep_starts_nothing(killed: tuple[Path, str, str], workplace: Workplace) -> None:
    folder, _, _ = killed
    path = workplace.folder / "killed.yaml"
    before = [starts(folder, number) for number in range(4)]
    output = workplace.call("-m", "emolightning", "sweep", f"file={path}", f"output_dir={folder}", "parallel=2")
    assert "1 finished, 2 failed, 1 stopped early" in output
    assert [starts(folder, number) for number in range(4)] == before
    words = ("trainer.max_epochs=3", f"file={path}", f"output_dir={folder}")
    assert "holds another sweep" in workplace.call("-m", "emolightning", "sweep", *words, code=1)


def test_ctrl_c_lets_trials_save(workplace: Workplace) -> None:
    words = (*SMALL, "trainer.max_epochs=40", *workplace.clips)
    path = sweep_file(workplace.folder, "interrupted", *words, parameters={"seed": {"values": [0, 1]}})
    folder = workplace.folder / "sweep-interrupted"
    program = start_sweep(workplace, path, folder)
    code = program.signal_when(lambda: (folder / "study.db").exists() and has_begun(folder), signal.SIGINT)
    assert code == 130, program.description()
    (row,) = table(folder)
    assert (row["state"], row["exit_code"]) == ("interrupted", "143")
    assert saved_step(folder.parent / row["folder"]) > 0
    assert "the same command continues" in program.output()


def has_begun(folder: Path) -> bool:
    """Whether the first trial has validated; the study may be just being made."""
    try:
        return num_validations(folder, 0) >= 1
    except sqlite3.OperationalError:
        return False


@pytest.mark.slow
@pytest.mark.timeout(2400)
def test_twelve_trials_of_the_learning_rate_killed_and_continued(workplace: Workplace) -> None:
    """The file as it is, with fewer clips and epochs. Takes three minutes on two free cores."""
    path, folder = REPO / "sweeps" / "learning_rate.yaml", workplace.folder / "sweep-lr"
    words = ("count=12", "parallel=2", "logger=csv", "data.num_train=192", "data.num_val=48", "data.num_test=12")
    words = (*words, f"data.folder={workplace.folder}/lr-clips", f"data.cache={workplace.folder}/lr-cache")
    program = start_sweep(workplace, path, folder, *words)
    deadline = time.monotonic() + 1200
    while not starts(folder, 6) and time.monotonic() < deadline:
        time.sleep(0.2)
    program.process.kill()
    done = [int(number) for number in re.findall(r"(?m)^trial (\d+) (?:finished|stopped early):", program.output())]
    assert len(done) == 5, program.description()
    before = {number: (folder / "logs" / f"{number:03}.log").read_bytes() for number in done}
    again = start_sweep(workplace, path, folder, *words)
    assert again.wait(1200) == 0, again.description()
    rows = table(folder)
    assert len(rows) == 12
    assert {row["state"] for row in rows} == {"finished", "stopped early"}
    assert len({row["folder"] for row in rows}) == 12
    assert {number: (folder / "logs" / f"{number:03}.log").read_bytes() for number in done} == before
    assert sum(starts(folder, number) for number in range(12)) == 14, "the two that ran are started twice"
    assert any(row["state"] == "stopped early" for row in rows)
    print([(row["trial"], row["state"], row["value"], row["seconds"]) for row in rows])


@pytest.mark.slow
@pytest.mark.multi_process
def test_a_trial_of_two_ranks_is_stopped_whole(workplace: Workplace) -> None:
    early = {"type": "hyperband", "max_iter": 12, "s": 1, "eta": 3}
    spec = {"optimizer.lr": {"values": [0.004, 1.0e-9]}}
    words = (*SMALL, "trainer=ddp", "trainer.accelerator=cpu", "trainer.max_epochs=12", *workplace.clips)
    path = sweep_file(workplace.folder, "ranks", *words, parameters=spec, early_terminate=early)
    folder = workplace.folder / "sweep-ranks"
    program = start_sweep(workplace, path, folder)
    assert program.wait(280) == 0, program.description()
    good, bad = table(folder)
    assert (good["state"], bad["state"], bad["exit_code"]) == ("finished", "stopped early", "143")
    assert saved_step(folder.parent / bad["folder"]) > 0
    name = attributes(folder, 1)["run_id"]
    assert stop_leftovers("WANDB_RUN_ID", name, grace_s=5) == 0, "a rank outlived its trial"


# The rules, with a program that only writes what it is told


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


class Fakes:
    """Sweeps over seeds whose trials are `FAKE` with the arguments of their number."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch):
        self.folder = folder
        self.plans: list[tuple[str, int, float]] = []
        monkeypatch.chdir(folder)
        monkeypatch.setattr(emolightning.sweeps.running, "command_line", self._command)
        monkeypatch.setattr(emolightning.sweeps.running, "POLL_S", 0.02)

    def _command(self, words: Sequence[str], values: dict[str, Any], extra: Sequence[str]) -> list[str]:
        number = values["seed"]
        losses, code, seconds = self.plans[number]
        script = self.folder / "fake.py"
        script.write_text(FAKE)
        run = f"fake-{self.search.sweep_id[-6:]}-{number:03}"
        program = sys.executable if losses else "no/such/program"
        return [program, str(script), losses, str(code), run, str(seconds), *extra]

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
        emolightning.sweeps.trial, "read_history", lambda run, metric: reads.append(run) or read_history(run, metric)
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
    ("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGUSR1, 143)], ids=str
)
@pytest.mark.parametrize("place", ["the checks", "the leftovers", "the trials"])
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
        monkeypatch.setattr(emolightning.sweeps.checking, "check_trials", receive)
    elif place == "the leftovers":
        monkeypatch.setattr(emolightning.sweeps.running, "stop_leftovers", receive)
    else:
        monkeypatch.setattr(emolightning.sweeps.running.time, "sleep", lambda _: os.kill(os.getpid(), number))
        command = [sys.executable, "-c", "import time; time.sleep(60)"]
        monkeypatch.setattr(emolightning.sweeps.running, "command_line", lambda *_: command)
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


# Tables


def row(number: int, state: str, value: float | None, *, seconds: float = 60, **values: Any) -> TrialRow:
    return TrialRow(number, state, values, value, 3, 9, 2, seconds, "runs/x", "x.log", 0, "", "again")


def test_means_over_seeds_are_those_of_statistics() -> None:
    rows = [row(0, "finished", 0.5, r=2, seed=0), row(1, "finished", 0.7, r=2, seed=1)]
    rows += [row(2, "finished", 0.9, r=4, seed=0), row(3, "failed", None, r=4, seed=1)]
    rows += [row(4, "finished", 0.6, r=2, seed=2), row(5, "stopped early", 0.1, r=4, seed=2)]
    best, other = over_seeds(rows, "max")
    assert (best.values, best.score.n, best.score.sd, best.num_left_out) == ({"r": 4}, 1, None, 2)
    assert (other.name, other.score.mean) == ("r=2", pytest.approx(0.6))
    assert other.score.sd == pytest.approx(statistics.stdev([0.5, 0.7, 0.6]))
    interval = scipy.stats.ttest_1samp([0.5, 0.7, 0.6], 0).confidence_interval(0.95)
    assert other.score.ci95 == pytest.approx((interval.low, interval.high))
    assert over_seeds([row(0, "finished", 1.0, r=2)], "max") == []


def test_the_seed_alone_is_one_setting_with_a_name(fakes: Fakes, capsys: pytest.CaptureFixture[str]) -> None:
    fakes.run(("0.5", 0, 0), ("0.7", 0, 0))
    run_session(fakes.file, fakes.folder / "sweep", extra=[], count=None, parallel=1)
    assert "  all trials: mean 0.6000 sd 0.1414, 95 % interval -0.6706 - 1.8706, n 2\n" in capsys.readouterr().out
    page = (fakes.folder / "sweep" / "sweep.html").read_text(encoding="utf-8")
    assert "<td>all trials</td><td><b>0.6000</b></td>" in page
    assert "-0.6706 to 1.8706" in page
    (setting,) = json.loads((fakes.folder / "sweep" / "sweep.json").read_text())["over_seeds"]
    assert (setting["values"], setting["n"], setting["num_left_out"]) == ({}, 2, 0)


def test_the_summary_counts_and_estimates() -> None:
    rows = [row(0, "finished", 0.5), row(1, "failed", 0.9), row(2, "running", 0.4, seconds=30)]
    assert summary(rows, 6, 2, "max") == "2 of 6 done, 1 running; best 0.5000 (trial 0); about 2 min left"
    assert [duration(seconds) for seconds in (41, 700, 12600)] == ["41 s", "12 min", "3.5 h"]


def test_a_terminal_gets_a_table() -> None:
    output = io.StringIO()
    console = Console(file=output, force_terminal=True, width=120)
    with Progress("val/war", "max", console) as progress:
        progress.show([row(0, "finished", 0.5, lr=0.00123456)], total=2, parallel=1)
    shown = output.getvalue()
    assert "0.001235" in shown
    assert "1 of 2 done" in shown


def test_what_comes_from_outside_is_escaped_on_the_page(tmp_path: Path) -> None:
    evil = "<script>alert(1)</script>"
    spec = {"notes": {"values": [["</script>b"], ["c"]]}, "seed": {"values": [0, 1]}}
    file = read_sweep_file(sweep_file(tmp_path, "evil", parameters=spec))
    search = Search(file, tmp_path, [])
    rows = []
    for number in range(4):
        trial = search.ask()
        assert trial is not None
        search.report(trial, [1.0 + number])
        search.finish(trial, type(trial.state).COMPLETE, 1.0 + number)
        rows.append(row(number, "finished", 1.0 + number, **search.values(trial)))
    rows[0].reason = evil
    write_sweep_page(tmp_path / "sweep.html", file, search.study, rows)
    page = (tmp_path / "sweep.html").read_text(encoding="utf-8")
    assert evil not in page
    assert "</script>b" not in page
    assert "&lt;script&gt;alert(1)" in page
    assert "4 finished trials: too few, it takes 5." in page
