"""`seeds=[...]`: a run for each seed, what is kept and what fails, and the numbers over them."""

import csv
import json
import shutil
import signal
import sys
import threading
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import scipy.stats
import yaml
from filelock import FileLock
from omegaconf import OmegaConf
from runs import REPO, SMALL, Workplace, read_json

import emolightning.runs.members
import emolightning.runs.processes
from emolightning.commands.ablate import ablate
from emolightning.config.check import ConfigError, check_config
from emolightning.config.composing import composed
from emolightning.config.run_settings import EvalConfig, RunConfig
from emolightning.errors import UserError
from emolightning.runs.processes import GROUP, STOPPED, Programs, start
from emolightning.runs.seeds import FOLDER, run_seeds, spread, with_clips


def test_the_numbers_are_those_of_scipy() -> None:
    values = [0.5, 0.75, 0.625, 0.9]
    found = spread(values)
    assert found.mean == pytest.approx(np.mean(values))
    assert found.sd == pytest.approx(np.std(values, ddof=1))
    interval = scipy.stats.ttest_1samp(values, 0).confidence_interval(0.95)
    assert found.ci95 == pytest.approx((interval.low, interval.high))
    assert found.n == 4
    one = spread([0.5])
    assert (one.mean, one.sd, one.ci95, one.n) == (0.5, None, None, 1)


@pytest.mark.parametrize(("seeds", "num_clips"), [(3, 100), (8, 50)])
def test_the_interval_over_seeds_and_clips_holds_the_true_value(seeds: int, num_clips: int) -> None:
    """Simulated: a seed makes a model better or worse, and all models answer the same easy and hard clips."""
    rng, held, alone = np.random.default_rng(seeds), [], []
    for _ in range(400):
        easy = rng.normal(0, 0.5, num_clips)
        answers = rng.normal(0.6 + rng.normal(0, 0.05, (seeds, 1)) + easy, 0.2)
        values, halves = answers.mean(axis=1), 1.96 * answers.std(axis=1, ddof=1) / np.sqrt(num_clips)
        ends = [(value - half, value + half) for value, half in zip(values, halves, strict=True)]
        low, high = with_clips(values.tolist(), ends) or (0, 0)
        held.append(low <= 0.6 <= high)
        low, high = spread(values.tolist()).ci95 or (0, 0)
        alone.append(low <= 0.6 <= high)
    assert 0.92 < np.mean(held) < 0.985
    assert np.mean(alone) < np.mean(held) - 0.02
    assert with_clips([0.5], [(0.4, 0.6)]) is None


@pytest.mark.parametrize("ends", [(0.85, 0.97), (0.3, 0.96)])
def test_a_high_score_reaches_farther_down_than_up(ends: tuple[float, float]) -> None:
    """Without a difference between seeds it is the interval over clips; with one both ends move outwards."""
    assert with_clips([0.95, 0.95], [ends, ends]) == pytest.approx(ends)
    low, high = with_clips([0.94, 0.96], [ends, ends]) or (1, 0)
    for found, end in ((0.95 - low, ends[0]), (high - 0.95, ends[1])):
        variance = 0.0002 / 2 + np.mean([(value - end) ** 2 for value in (0.94, 0.96)]) / 1.959964**2
        quantile = scipy.stats.t.ppf(0.975, (variance / 0.0001) ** 2)
        assert found == pytest.approx(quantile * np.sqrt(variance), rel=1e-5)


@pytest.mark.parametrize("seeds", [[], [1, 1], [-1], [2**32]], ids=str)
def test_seeds_that_cannot_be_are_refused(seeds: list[int]) -> None:
    with pytest.raises(ConfigError, match="seeds: must be different numbers from 0 to 4294967295"):
        check_config(OmegaConf.merge(OmegaConf.structured(RunConfig), {"seeds": seeds}))
    with pytest.raises(ConfigError, match=r"seeds is for train\.py alone"):
        check_config(OmegaConf.merge(OmegaConf.structured(EvalConfig), {"seeds": [1], "checkpoint": "x"}))


@pytest.fixture(scope="module")
def several(workplace: Workplace) -> tuple[Path, str]:
    """Two seeds side by side, of which the second must fail: its folder is a file."""
    root = workplace.folder / "outputs" / "several"
    root.mkdir(parents=True)
    (root / "seed-1").write_text("in the way")
    output = workplace.call(REPO / "train.py", *words(workplace, root), "seeds=[0,1]", "parallel=2", code=1)
    return root, output


def words(place: Workplace, root: Path) -> tuple[str, ...]:
    return (*SMALL, *place.clips, "trainer.max_epochs=1", "logger=csv", f"output_dir={root}", "run_name=several")


def test_a_seed_that_failed_is_counted_and_in_no_mean(several: tuple[Path, str]) -> None:
    root, output = several
    content = read_json(root / "seeds.json")
    assert content["num_failed"] == 1
    assert [row["exit_code"] == 0 for row in content["seeds"]] == [True, False]
    assert {score["n"] for score in content["scores"].values()} == {1}
    assert "seed 1: failed with exit code" in output
    assert "1 of 2 seeds failed and do not count in the means: 1" in output


def test_each_seed_is_a_run_of_its_own(several: tuple[Path, str]) -> None:
    root, _ = several
    config = yaml.safe_load((root / "seed-0" / "config.yaml").read_text())
    assert (config["seed"], config["seeds"], config["run_name"]) == (0, None, "several-seed-0")
    assert {"adapter", "metrics.json", "answers.jsonl"} <= {path.name for path in (root / "seed-0").iterdir()}


@pytest.mark.slow
def test_the_same_command_does_what_is_missing_and_gives_the_means(
    several: tuple[Path, str], workplace: Workplace
) -> None:
    root, _ = several
    (root / "seed-1").unlink()
    before = (root / "seed-0.log").read_bytes()
    output = workplace.call(REPO / "train.py", *words(workplace, root), "seeds=[0,1]")
    assert "seed 0: done before" in output
    assert (root / "seed-0.log").read_bytes() == before
    reports = [read_json(root / f"seed-{seed}" / "metrics.json")["metrics"] for seed in (0, 1)]
    content = read_json(root / "seeds.json")
    for name, score in content["scores"].items():
        values = [report[name]["value"] for report in reports]
        assert score["mean"] == pytest.approx(np.mean(values))
        assert score["sd"] == pytest.approx(np.std(values, ddof=1))
        assert score["n"] == 2
    assert "war" in content["scores"]
    with (root / "seeds.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["seed"] for row in rows] == ["0", "1"]
    assert float(rows[1]["war"]) == reports[1]["war"]["value"]
    assert "95 % interval of the mean" in output


def test_seeds_do_not_mix_with_a_run_or_with_ranks(trained: Path, workplace: Workplace, tmp_path: Path) -> None:
    shutil.copy(trained / "config.yaml", tmp_path)
    arguments = (REPO / "train.py", *SMALL, f"output_dir={tmp_path}", "seeds=[0,1]")
    assert f"say output_dir={tmp_path}-seeds" in workplace.call(*arguments, code=1)
    assert "without torchrun" in workplace.call(*arguments, code=1, WORLD_SIZE="2", RANK="0", LOCAL_RANK="0")
    assert json.loads((trained / "lineage.json").read_text())["status"] == "finished"


# The rules, with programs that only write what their words say


FAKE = """
import json, os, pathlib, sys
script, words = sys.argv[1], dict(word.split("=", 1) for word in sys.argv[2:])
if script == "train":
    folder = pathlib.Path(words["output_dir"])
    folder.mkdir()
    (folder / "seen.json").write_text(json.dumps({"words": words, "environment": dict(os.environ)}))
    if "folds" in words:
        (folder / "metrics.json").write_text(json.dumps({"metrics": {"war": {"value": 0.5}}}))
else:
    folder = pathlib.Path(words["checkpoint"])
    seed = float(json.loads((folder / "seen.json").read_text())["words"]["seed"])
    (folder / "metrics.json").write_text(json.dumps({"metrics": {"war": {"value": seed / 10}}}))
"""


class Fakes:
    """Seeds whose score is a tenth of themselves."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch):
        self.root = folder / "several"
        (folder / "fake.py").write_text(FAKE)
        fake = [sys.executable, str(folder / "fake.py")]
        monkeypatch.setattr(emolightning.runs.members, "program", lambda name: [*fake, name])

    def run(self, *overrides: str, seeds: Sequence[int] = (1, 3), code: int = 0, **more: Any) -> dict[str, Any]:
        """What is in seeds.json afterwards."""
        cfg = {"output_dir": str(self.root), "run_name": "several", "parallel": 2, "seeds": list(seeds), **more}
        assert run_seeds(OmegaConf.create(cfg), overrides) == code
        return read_json(self.root / "seeds.json")

    def seen(self, seed: int) -> dict[str, Any]:
        """Words and environment of a seed's training."""
        return read_json(self.root / f"seed-{seed}" / "seen.json")


@pytest.fixture
def fakes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Fakes:
    return Fakes(tmp_path, monkeypatch)


def test_the_same_command_runs_the_seed_that_failed_and_no_other(
    fakes: Fakes, capsys: pytest.CaptureFixture[str]
) -> None:
    fakes.root.mkdir()
    (fakes.root / "seed-3").write_text("in the way")
    failed = fakes.run(code=1)
    assert failed["num_failed"] == 1
    assert failed["scores"]["war"] == {"mean": pytest.approx(0.1), "sd": None, "ci95": None, "n": 1}
    (fakes.root / "seed-3").unlink()
    before = (fakes.root / "seed-1.log").read_bytes()
    capsys.readouterr()
    war = fakes.run()["scores"]["war"]
    said = capsys.readouterr().out
    assert "seed 1: done before" in said
    assert "95 % interval of the mean" in said
    assert (fakes.root / "seed-1.log").read_bytes() == before
    assert (war["mean"], war["sd"], war["n"]) == (pytest.approx(0.2), pytest.approx(np.std([0.1, 0.3], ddof=1)), 2)
    with (fakes.root / "seeds.csv").open(newline="") as file:
        assert [(row["seed"], float(row["war"])) for row in csv.DictReader(file)] == [("1", 0.1), ("3", 0.3)]


def test_each_seed_may_cross_validate_and_is_not_tested_again(fakes: Fakes) -> None:
    assert fakes.run("folds=5", folds=5)["scores"]["war"]["mean"] == 0.5  # Of train.py, not of eval.py.
    assert fakes.seen(3)["words"]["folds"] == "5"


def test_another_evaluation_of_a_run_does_not_change_the_mean(fakes: Fakes, capsys: pytest.CaptureFixture[str]) -> None:
    assert fakes.run()["scores"]["war"]["mean"] == pytest.approx(0.2)
    (fakes.root / "seed-1" / "metrics.json").write_text(json.dumps({"metrics": {"war": {"value": 0.9}}}))
    assert fakes.run()["scores"]["war"]["mean"] == pytest.approx(0.2)
    assert capsys.readouterr().out.count("done before") == 2


def test_seeds_inside_an_agent_are_runs_of_their_own(fakes: Fakes, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("WANDB_RUN_ID", "WANDB_SWEEP_ID", "WANDB_SWEEP_PARAM_PATH"):
        monkeypatch.setenv(name, "the agent's")
    fakes.run()
    for seed in (1, 3):
        environment = fakes.seen(seed)["environment"]
        assert "the agent's" not in environment.values()
        assert environment[GROUP] == "several"


@pytest.mark.parametrize("name", ["SLURM_NTASKS", "WORLD_SIZE"])
def test_seeds_are_refused_in_each_of_several_ranks(fakes: Fakes, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.setenv(name, "2")
    with pytest.raises(UserError, match=rf"seeds=\[\.\.\.\] with {name}=2: .* without torchrun or srun"):
        fakes.run()
    assert not fakes.root.exists()


def test_one_command_at_a_time_works_in_a_folder(fakes: Fakes) -> None:
    fakes.root.mkdir()
    with FileLock(fakes.root / ".lock"), pytest.raises(UserError, match="another process works here"):
        fakes.run()
    assert fakes.run()["num_failed"] == 0


def test_what_a_killed_command_left_is_stopped_first(fakes: Fakes, capsys: pytest.CaptureFixture[str]) -> None:
    fakes.root.mkdir()
    code = "import pathlib, time; pathlib.Path('{}').touch(); time.sleep(60)"
    marks = [fakes.root / "left", fakes.root / "other"]
    folders = [str(fakes.root.resolve()), f"{fakes.root.resolve()}-other"]
    left, other = [
        start([sys.executable, "-c", code.format(mark)], fakes.root / "x.log", variables={FOLDER: folder})
        for mark, folder in zip(marks, folders, strict=True)
    ]
    while not all(mark.exists() for mark in marks):
        time.sleep(0.01)
    threading.Thread(target=left.wait).start()  # A parent that was killed would not leave it a zombie either.
    fakes.run()
    assert (left.wait(5), other.poll()) == (-signal.SIGTERM, None)
    assert "stopped 1 process(es) that an earlier command had left" in capsys.readouterr().out
    other.kill()
    other.wait()


def test_secrets_are_in_no_file(fakes: Fakes) -> None:
    content = fakes.run("data.api_key=hunter2")
    assert content["overrides"] == ["data.api_key=***"]
    assert fakes.seen(1)["words"]["data.api_key"] == "hunter2"
    for seed in (1, 3):
        shutil.rmtree(fakes.root / f"seed-{seed}")  # the run itself hides its own
    files = [path for path in fakes.root.rglob("*") if path.is_file()]
    assert {"seeds.json", "seed-1.json", "seed-1.log"} <= {path.name for path in files}
    assert [path.name for path in files if b"hunter2" in path.read_bytes()] == []
    assert "data.api_key=***" in (fakes.root / "seed-1.log").read_text()
    fakes.run("data.api_key=hunter3")
    assert fakes.seen(1)["words"]["data.api_key"] == "hunter3", "another secret is another command"


def test_secrets_of_an_ablation_are_in_no_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("emolightning.commands.ablate.check_config", lambda cfg: None)
    monkeypatch.setattr("emolightning.runs.variants.evaluating.program", lambda *words: [sys.executable, "-c", "1/0"])
    with composed("train", ["experiment=smoke", f"output_dir={tmp_path / 'x'}"]) as cfg:
        assert ablate(cfg, overrides=["data.api_key=hunter2"], sets=["A"], parallel=1) == 1
    files = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert {"ablation.json", "A.overrides.json"} <= {path.name for path in files}
    assert [path.name for path in files if b"hunter2" in path.read_bytes()] == []


@pytest.mark.parametrize("word", ["resume=null", "resume=outputs/x", "seed=3", "+seed=3"])
def test_what_each_seed_has_for_itself_is_refused(fakes: Fakes, word: str) -> None:
    with pytest.raises(UserError) as caught:
        fakes.run(word)
    assert str(caught.value).startswith(f"{word}: with seeds=[...]")


def test_names_of_the_runs_begin_with_run_name(fakes: Fakes) -> None:
    fakes.run("run_name=several", "resume=auto", "notes=x")
    words = {**fakes.seen(3)["words"], "output_dir": ""}
    expected = {"seed": "3", "run_name": "several-seed-3", "resume": "auto", "notes": "x", "output_dir": ""}
    assert words == expected


def test_a_program_that_starts_while_all_are_stopped_is_stopped(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    is_starting, has_left, codes = threading.Event(), threading.Event(), []

    def slow(*arguments: Any, **settings: Any) -> Any:
        is_starting.set()
        process = start(*arguments, **settings)
        has_left.wait(0.5)
        return process

    monkeypatch.setattr(emolightning.runs.processes, "start", slow)
    command = [sys.executable, "-c", "import time; time.sleep(8)"]
    programs = Programs()
    thread = threading.Thread(target=lambda: codes.append(programs.call(command, tmp_path / "x.log")))

    def interrupted() -> None:
        with programs:
            thread.start()
            is_starting.wait()
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    has_left.set()
    thread.join()
    assert codes == [-signal.SIGTERM]
    assert programs.call(command, tmp_path / "y.log") == STOPPED
