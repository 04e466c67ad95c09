"""`seeds=[...]`: a run for each seed, what is kept and what fails, and the numbers over them."""

import csv
import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import scipy.stats
import yaml
from omegaconf import OmegaConf
from runs import REPO, SMALL, Workplace, read_json

from emolightning.config.check import ConfigError, check_config
from emolightning.config.schema import EvalConfig, RunConfig
from emolightning.seeds import spread


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
    return (*SMALL, *place.clips, "trainer.max_epochs=2", "logger=csv", f"output_dir={root}", "run_name=several")


def test_a_seed_that_failed_is_counted_and_in_no_mean(several: tuple[Path, str]) -> None:
    root, output = several
    content = read_json(root / "seeds.json")
    assert content["num_failed"] == 1
    assert [row["exit_code"] == 0 for row in content["seeds"]] == [True, False]
    assert {score["n"] for score in content["scores"].values()} == {1}
    assert "seed 1: failed with exit code" in output
    assert "1 of 2 seeds failed and are in no mean: 1" in output


def test_each_seed_is_a_run_of_its_own(several: tuple[Path, str]) -> None:
    root, _ = several
    config = yaml.safe_load((root / "seed-0" / "config.yaml").read_text())
    assert (config["seed"], config["seeds"], config["run_name"]) == (0, None, "several-seed-0")
    assert {"adapter", "metrics.json", "answers.jsonl"} <= {path.name for path in (root / "seed-0").iterdir()}


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
