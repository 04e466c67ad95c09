"""Sweeps as they run: real ones on the smallest run."""

import csv
import json
import re
import signal
import sqlite3
import time
from pathlib import Path
from typing import Any

import pytest
from runs import REPO, SMALL, Program, Workplace, saved_step
from sweep_factory import starts, sweep_file, table

from emolightning.runs.processes import stop_leftovers
from emolightning.runs.sweep.trial import read_history


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
    assert not re.findall(r"<(?:script|link|img|iframe)[^>]+(?:src|href)=(?!.data:)", page)
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


@pytest.mark.slow
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
