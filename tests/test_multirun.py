"""`train.py --multirun`: no job trains in the folder of another one."""

import json
from pathlib import Path

import pytest
from omegaconf import DictConfig
from runs import tensor_hashes

from emolightning.commands import train
from emolightning.commands.cli import run


def folders_of(*words: str) -> list[str]:
    """Where the jobs of a command would train."""
    found = []

    def main(cfg: DictConfig) -> None:
        found.append(f"{cfg.output_dir} {cfg.run_name}")

    run(main, "train", ["-m", *words])
    return found


@pytest.fixture(autouse=True)
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("EMOLIGHTNING_OUTPUTS", "runs")
    return tmp_path


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["optimizer.lr=1e-3,1e-4"], ["runs/synthetic-0 synthetic-0", "runs/synthetic-1 synthetic-1"]),
        pytest.param(
            ["run_name=a", "modalities=[audio],[text]"], ["runs/a-0 a-0", "runs/a-1 a-1"], marks=pytest.mark.slow
        ),
        (["run_name=a,b", "seed=1,2"], [f"runs/{name} {name}" for name in ("a-0", "a-1", "b-2", "b-3")]),
        pytest.param(["run_name=a,b"], ["runs/a a", "runs/b b"], marks=pytest.mark.slow),
        pytest.param(["output_dir=x,y", "seed=3"], ["x synthetic", "y synthetic"], marks=pytest.mark.slow),
        pytest.param(
            ["output_dir=x/${hydra:job.num}", "seed=4,5"], ["x/0 synthetic", "x/1 synthetic"], marks=pytest.mark.slow
        ),
        pytest.param(
            ["run_name=s${seed}-${hydra:job.num}", "seed=4,5"],
            ["runs/s4-0 s4-0", "runs/s5-1 s5-1"],
            marks=pytest.mark.slow,
        ),
    ],
)
def test_each_job_has_a_folder(words: list[str], expected: list[str]) -> None:
    assert folders_of(*words) == expected


@pytest.mark.parametrize(
    "words",
    [
        ["output_dir=x", "seed=1,2"],
        pytest.param(["output_dir=x,x"], marks=pytest.mark.slow),
        pytest.param(["output_dir=x,y", "seed=1,2"], marks=pytest.mark.slow),
    ],
)
def test_one_folder_for_all_is_refused_with_what_to_type(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        folders_of(*words)
    assert ended.value.code == 1
    message = capsys.readouterr().err
    assert message.startswith("error: output_dir=x: all jobs of this multirun would train in this one folder")
    assert "'output_dir=x/${hydra:job.num}'" in message
    assert message.count("\n") == 1


def test_a_command_without_multirun_is_left_alone() -> None:
    found = []
    run(lambda cfg: found.append(cfg.output_dir), "train", ["seed=2"])
    assert found == ["runs/synthetic"]


def test_two_jobs_train_side_by_side(
    place: Path, smoke_clips: tuple[str, ...], capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["experiment=smoke", "logger=csv", "trainer.max_steps=1", "seed=1,2"]
    quiet = ["trainer.enable_progress_bar=false", "~callbacks.progress", *smoke_clips]
    assert run(train.train, "train", [*words, *quiet, "-m"]) == 0
    runs = [place / "runs" / f"smoke-{number}" for number in (0, 1)]
    assert [json.loads((run / "lineage.json").read_text())["seed"] for run in runs] == [1, 2]
    assert tensor_hashes(runs[0]) != tensor_hashes(runs[1])
    assert sorted(path.name for path in (place / "runs").iterdir()) == ["multirun", "smoke-0", "smoke-1"]
    said = capsys.readouterr().out
    assert "job 1: experiment=smoke" in said
    assert "seed=2" in said
