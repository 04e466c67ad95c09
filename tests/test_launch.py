"""Processes that others start: torchrun, SLURM as far as that goes without SLURM, and the job file."""

import os
import re
import signal
import socket
import subprocess
import time
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import nullcontext
from pathlib import Path

import pytest
from hydra import compose, initialize_config_dir
from omegaconf import DictConfig
from runs import REPO, Program, Workplace, answers, read_json, saved_step, tensor_hashes

from emolightning.config.check import check_config
from emolightning.config.places import CONFIG_DIR
from emolightning.config.schema import register_schemas
from emolightning.errors import UserError
from emolightning.runs.ranks import require_srun

JOB = REPO / "slurm" / "train.sbatch"

# The clips of `runs.SMALL`: all tests of a session share them.
RUN = (
    *("experiment=smoke", "data.num_train=48", "logger=csv"),
    *("trainer=ddp", "trainer.accelerator=cpu", "data.batch_size=4"),
)


def free_port() -> str:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return str(taken.getsockname()[1])


def composed(*overrides: str) -> DictConfig:
    register_schemas()
    with initialize_config_dir(str(CONFIG_DIR), version_base="1.3"):
        return compose("train", overrides=list(overrides))


def with_torchrun(place: Workplace, program: str, *words: str) -> str:
    """Two processes of a program; gives their output."""
    start = ("-m", "torch.distributed.run", "--nproc_per_node=2", f"--master_port={free_port()}")
    return place.call(*start, REPO / program, *words)


def with_slurm(place: Workplace, run: Path) -> list[Program]:
    """Two tasks as srun would start them."""
    port = free_port()
    programs = []
    for rank in range(2):
        tasks = {"SLURM_NTASKS": "2", "SLURM_NTASKS_PER_NODE": "2", "SLURM_NNODES": "1", "SLURM_NODEID": "0"}
        place_of_task = {"SLURM_PROCID": str(rank), "SLURM_LOCALID": str(rank), "SLURM_STEP_ID": "0"}
        job = {"SLURM_JOB_ID": "4242", "SLURM_JOB_NAME": "emolightning", "SLURM_NODELIST": "localhost"}
        network = {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": port}
        words = (REPO / "train.py", *RUN, *place.clips, f"output_dir={run}", "trainer.devices=2")
        programs.append(place.start(*words, **tasks, **place_of_task, **job, **network))
    for program in programs:
        assert program.wait() == 0, program.description()
    return programs


@pytest.fixture(scope="module")
def runs(workplace: Workplace, background: ThreadPoolExecutor) -> dict[str, Future]:
    """The same training, started in two ways; one behind the other, for all render the same clips."""
    folder = workplace.folder / "outputs" / "launched"

    words = {name: (*RUN, *workplace.clips, f"output_dir={folder / name}") for name in ("own", "torchrun")}
    return {
        "own": background.submit(workplace.call, REPO / "train.py", *words["own"]),
        "torchrun": background.submit(with_torchrun, workplace, "train.py", *words["torchrun"]),
    }


@pytest.fixture(scope="module")
def in_slurm(workplace: Workplace, runs: dict[str, Future]) -> list[Program]:
    """The same, behind the others."""
    for future in runs.values():
        future.result()
    return with_slurm(workplace, workplace.folder / "outputs" / "launched" / "slurm")


@pytest.mark.multi_process
def test_all_launchers_train_the_same_weights(workplace: Workplace, runs: dict[str, Future]) -> None:
    for future in runs.values():
        future.result()
    folder = workplace.folder / "outputs" / "launched"
    own, torchrun = (tensor_hashes(folder / name) for name in ("own", "torchrun"))
    assert len(own) == 2
    assert own == torchrun
    assert not list(folder.glob("*.previous-*")), "no rank takes the folder of another for an earlier run"


@pytest.mark.multi_process
def test_only_the_first_process_prints(runs: dict[str, Future]) -> None:
    said = runs["torchrun"].result()
    for once in ("start: llama", "load: effective batch size 8 =", "run folder:"):
        assert said.count(once) == 1, said


@pytest.mark.slow
@pytest.mark.multi_process
def test_torchrun_evaluates_and_an_evaluation_is_taken_up_again(workplace: Workplace, runs: dict[str, Future]) -> None:
    """The third finds its answers in the folder where the second has put them aside: no rank may wait for the other."""
    runs["torchrun"].result()
    run = workplace.folder / "outputs" / "launched" / "torchrun"
    words = (f"checkpoint={run}", "trainer=ddp", "trainer.accelerator=cpu")
    said = with_torchrun(workplace, "eval.py", *words)
    assert said.count("scores:") == 1, said
    first = answers(run)
    assert len({answer["id"] for answer in first}) == 12
    with_torchrun(workplace, "eval.py", *words, "evaluation.max_new_tokens=3")
    assert answers(run) != first
    with_torchrun(workplace, "eval.py", *words)
    assert answers(run) == first


@pytest.mark.slow
@pytest.mark.multi_process
def test_a_process_of_torchrun_that_is_told_to_stop_waits_for_the_first(workplace: Workplace, trained: Path) -> None:
    """Else torchrun would end the first one, which has much to finish, as soon as the other had left."""
    run = workplace.folder / "outputs" / "torchrun told"
    start = ("-m", "torch.distributed.run", "--nproc_per_node=2", f"--master_port={free_port()}", REPO / "train.py")
    late = "+callbacks.failing={_target_: failing.LeavesLate, seconds: 6}"
    words = (*RUN, *workplace.clips, f"output_dir={run}", "checkpoints.every_num_steps=1", late)
    program = workplace.start(*start, *words, PYTHONPATH=f"{REPO}:{REPO / 'tests'}")
    due = time.monotonic() + 100
    while saved_step(run) < 2:
        assert time.monotonic() < due, program.description()
        time.sleep(0.01)
    os.kill(program.rank(1), signal.SIGTERM)
    assert program.wait(60) == 1, "torchrun's own code for a process that left with another than 0"
    assert program.output().count("stopped; continue with the same command") == 1, program.description()
    assert "RuntimeError" not in program.output(), program.description()
    assert read_json(run / "lineage.json")["status"] == "interrupted"


@pytest.mark.slow
@pytest.mark.multi_process
def test_lightning_takes_slurms_processes_as_they_are(workplace: Workplace, in_slurm: list[Program]) -> None:
    first, second = (program.output() for program in in_slurm)
    assert "Starting with 2 processes" in first
    assert "run folder:" in first
    assert "run folder:" not in second
    assert "Parameters" not in second
    folder = workplace.folder / "outputs" / "launched"
    assert tensor_hashes(folder / "slurm") == tensor_hashes(folder / "own")


@pytest.mark.parametrize(
    ("settings", "is_refused"),
    [
        ({"SLURM_NTASKS": "4", "SLURM_JOB_NAME": "train"}, True),
        ({"SLURM_NTASKS": "4"}, True),
        ({"SLURM_NTASKS": "4", "SLURM_STEP_ID": "0"}, False),
        ({"SLURM_NTASKS": "4", "TORCHELASTIC_RUN_ID": "a"}, False),
        ({"SLURM_NTASKS": "4", "SLURM_JOB_NAME": "bash"}, False),
        ({"SLURM_NTASKS": "4", "SLURM_JOB_NAME": "interactive"}, False),
        ({"SLURM_NTASKS": "1"}, False),
        ({}, False),
    ],
)
def test_one_process_in_an_allocation_of_several(
    settings: dict[str, str], is_refused: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("SLURM_NTASKS", "SLURM_STEP_ID", "SLURM_JOB_NAME", "TORCHELASTIC_RUN_ID"):
        monkeypatch.delenv(name, raising=False)
    for name, value in settings.items():
        monkeypatch.setenv(name, value)
    if is_refused:
        with pytest.raises(UserError, match="SLURM has 4 tasks.*srun python train.py"):
            require_srun(2)
    else:
        require_srun(int(settings.get("SLURM_NTASKS", 2)))


@pytest.mark.parametrize(
    ("tasks", "devices", "num_nodes", "is_refused"),
    [("1", 2, 1, True), ("4", 2, 1, True), ("4", 2, 2, False), ("1", 1, 1, False), ("1", "auto", 1, False)],
)
def test_tasks_that_are_not_as_many_as_processes(
    tasks: str, devices: int | str, num_nodes: int, is_refused: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Lightning would train with SLURM's number and say nothing."""
    for name in ("SLURM_JOB_NAME", "TORCHELASTIC_RUN_ID"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("SLURM_NTASKS", tasks)
    monkeypatch.setenv("SLURM_STEP_ID", "0")
    with pytest.raises(UserError, match=f"SLURM has {tasks} task") if is_refused else nullcontext():
        require_srun(devices, num_nodes)


def submitted(folder: Path, srun: str, *words: str) -> tuple[int, str]:
    """Exit code and output of the job file, with commands of SLURM that only say what they were asked.

    Args:
        folder: for the commands.
        srun: what the tasks do, in bash.
        *words: behind the job file.
    """
    commands = {
        "srun": f'printf "srun: %s\\n" "$*"\n{srun}\n',
        "scontrol": 'if [ "$1" = show ]; then printf "node7\\nnode8\\n"; else printf "scontrol: %s\\n" "$*"; fi\n',
    }
    for name, text in commands.items():
        (folder / name).write_text(f"#!/bin/bash\n{text}")
        (folder / name).chmod(0o755)
    job = {"SLURM_JOB_ID": "4242", "SLURM_NTASKS_PER_NODE": "4", "SLURM_NNODES": "2", "SLURM_JOB_NODELIST": "node[7-8]"}
    environment = {**os.environ, **job, "PATH": f"{folder}:{os.environ['PATH']}"}
    ended = subprocess.run(
        ["bash", str(JOB), *words], cwd=folder, env=environment, capture_output=True, text=True, timeout=60, check=False
    )
    return ended.returncode, ended.stdout + ended.stderr


def test_the_words_of_the_job_file_make_a_run(tmp_path: Path) -> None:
    code, said = submitted(
        tmp_path, 'printf "%s:%s\\n" "$MASTER_ADDR" "$MASTER_PORT"', "experiment=smoke", "trainer=ddp"
    )
    assert code == 0
    assert "node7:19242" in said
    assert "scontrol: requeue" not in said
    (words,) = re.findall(r"srun: --kill-on-bad-exit=1 python train\.py (.*)", said)
    cfg = composed(*words.split())
    check_config(cfg)
    assert (cfg.trainer.devices, cfg.trainer.num_nodes, cfg.resume) == (4, 2, "auto")
    assert cfg.trainer.accelerator == "gpu"


@pytest.mark.parametrize("example", re.findall(r"train\.sbatch (experiment=.*)", JOB.read_text()))
def test_the_commands_in_its_head_compose(example: str) -> None:
    words = example.split()
    trainers = {f"trainer={path.stem}" for path in (CONFIG_DIR / "trainer").glob("*.yaml")}
    missing = [word for word in words if word.startswith("trainer=") and word not in trainers]
    if missing:
        pytest.skip(f"{missing} is not there")
    check_config(composed(*words))


@pytest.mark.parametrize(("code", "is_requeued"), [(0, False), (1, False), (137, False), (143, True)])
def test_a_job_that_was_told_to_stop_is_put_into_the_queue_again(tmp_path: Path, code: int, is_requeued: bool) -> None:
    ended, said = submitted(tmp_path, f"exit {code}", "experiment=smoke")
    assert ("scontrol: requeue 4242" in said) == is_requeued
    assert ended == (0 if is_requeued else code)


@pytest.mark.parametrize(("code", "is_requeued"), [(143, True), (1, False)])
def test_a_signal_to_the_shell_waits_for_the_tasks(tmp_path: Path, code: int, is_requeued: bool) -> None:
    """SLURM's preemption tells the shell as well, while the tasks still save."""
    ended, said = submitted(tmp_path, f"kill -TERM $PPID; sleep 0.5; echo saved; exit {code}", "experiment=smoke")
    assert "saved" in said
    assert ("scontrol: requeue 4242" in said) == is_requeued
    assert ended == (0 if is_requeued else code)


def test_the_job_file_without_settings(tmp_path: Path) -> None:
    code, said = submitted(tmp_path, "exit 0")
    assert code == 2
    assert "usage: sbatch slurm/train.sbatch" in said


def test_the_job_file_has_no_mistake_of_grammar_and_no_place_of_its_own() -> None:
    subprocess.run(["bash", "-n", str(JOB)], check=True)
    text = JOB.read_text()
    assert "#SBATCH --signal=TERM@120" in text
    assert "#SBATCH --requeue" in text
    assert not re.findall(r"(?<![\w.])/(?:home|work|scratch|data|mnt)\b", text)
