"""Whole runs for tests: the programs in processes of their own, as somebody types them who has just cloned this."""

import csv
import hashlib
import itertools
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from media_factory import make_media
from warm import WarmProcess, WarmStarts, can_start_warm

AnyProcess = subprocess.Popen[bytes] | WarmProcess

REPO = Path(__file__).resolve().parents[1]

TIMEOUT_S = 200
"""A run takes about 10 s on a free machine."""

SMALL = ("experiment=smoke", "data.num_train=48", "trainer.max_epochs=3")
"""18 steps of 8 clips: enough for answers that are words of the vocabulary."""


INHERITED = dict(os.environ)
"""As the tests began: a library that a test imports may set variables, with which nothing would start warm."""

OF_PROGRAM = "LOG_OF_PROGRAM"
"""A variable that tells a program, and what it starts, from others."""


def clips_below(folder: Path) -> tuple[str, str]:
    """Words that choose where clips are rendered, and their features cached."""
    return (f"data.folder={folder}/clips", f"data.cache={folder}/cache")


class Workplace:
    """A folder to run programs in: no W&B key, no settings of this machine, one set of rendered clips for all.

    Args:
        folder: current folder of the programs.
        home: their home, where the first program that needs clips renders them.
    """

    def __init__(self, folder: Path, home: Path):
        self.folder = folder
        self.home = home
        self.clips = clips_below(home)
        self._started: list[AnyProcess] = []
        self._starts: WarmStarts | None = None
        self._lock = threading.Lock()
        self._numbers = itertools.count()
        self._is_closed = False

    def start(self, *command: object, cwd: Path | None = None, **environment: str) -> "Program":
        """A process of `python COMMAND`, in a session of its own; its output goes to a file."""
        if self._is_closed:
            raise RuntimeError("the tests are over")
        log = self.folder / "logs" / f"{next(self._numbers):03}.log"
        log.parent.mkdir(exist_ok=True)
        words = list(map(str, command))
        variables = {**self._environment(), OF_PROGRAM: str(log), **environment}
        process: AnyProcess
        if can_start_warm(words, environment):
            with log.open("wb") as output, open(os.devnull, "rb") as nothing:
                files = (nothing.fileno(), output.fileno(), output.fileno())
                process = self._warm().start(words, cwd=cwd or self.folder, environment=variables, files=files)
            self._started.append(process)
            return Program(words, process, log)
        words = [sys.executable, *words]
        with log.open("wb") as output:
            process = subprocess.Popen(
                words,
                cwd=cwd or self.folder,
                env=variables,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        self._started.append(process)
        return Program(words, process, log)

    def call(self, *command: object, code: int = 0, cwd: Path | None = None, **environment: str) -> str:
        """The output of `python COMMAND`, which must end with `code`."""
        program = self.start(*command, cwd=cwd, **environment)
        assert program.wait() == code, program.description()
        return program.output()

    def start_training(self, output_dir: Path, *overrides: str) -> "Program":
        """The small run, logged to a file only."""
        return self.start(REPO / "train.py", *SMALL, *self.clips, "logger=csv", f"output_dir={output_dir}", *overrides)

    def train(self, output_dir: Path, *overrides: str) -> Path:
        """The small run from start to end; gives its folder."""
        program = self.start_training(output_dir, *overrides)
        assert program.wait() == 0, program.description()
        return output_dir

    def evaluate(self, checkpoint: Path, *overrides: str, code: int = 0) -> str:
        """eval.py; gives its output."""
        return self.call(REPO / "eval.py", f"checkpoint={checkpoint}", *overrides, code=code)

    def close(self) -> None:
        """Kill what still runs, and refuse to start more."""
        self._is_closed = True
        for process in self._started:
            if process.poll() is None:
                kill_session(process)
        if self._starts is not None:
            self._starts.close()

    def _warm(self) -> WarmStarts:
        with self._lock:  # The fixture `background` starts programs from two threads.
            if self._starts is None:
                self._starts = WarmStarts.begin(self._environment(), self.folder / "logs" / "warm.log")
            return self._starts

    def _environment(self) -> dict[str, str]:
        ours = ("WANDB", "EMOLIGHTNING", "HYDRA", "NETRC", "PYTHONPATH", "LOCAL_RANK", "WORLD_SIZE", "SLURM")
        kept = {name: value for name, value in INHERITED.items() if not name.startswith(ours)}
        # `python -m emolightning` must be the one of this checkout, whichever is installed.
        return {**kept, "HOME": str(self.home), "PYTHONPATH": str(REPO), "COLUMNS": "200"}


class Program:
    """A running or finished process."""

    def __init__(self, words: list[str], process: AnyProcess, log: Path):
        self.words = words
        self.process = process
        self.log = log

    def wait(self, timeout_s: float = TIMEOUT_S) -> int:
        """Its exit code; kills it, and the ranks it started, when it takes too long."""
        try:
            return self.process.wait(timeout_s)
        except subprocess.TimeoutExpired:
            kill_session(self.process)
            raise AssertionError(f"took longer than {timeout_s} s: {self.description()}") from None

    def signal_when(self, is_due: Callable[[], bool], number: signal.Signals, *, timeout_s: float = TIMEOUT_S) -> int:
        """Send a signal to it as soon as `is_due()`, and give its exit code."""
        deadline = time.monotonic() + timeout_s
        while not is_due():
            assert self.process.poll() is None, f"ended before the signal: {self.description()}"
            assert time.monotonic() < deadline, f"nothing to wait for: {self.description()}"
            time.sleep(0.01)
        self.process.send_signal(number)
        return self.wait()

    def has_ended_whole(self) -> bool:
        """Whether nothing that it started still runs, ranks and workers."""
        deadline = time.monotonic() + 10
        while time.monotonic() < deadline:
            try:
                os.killpg(self.process.pid, 0)
            except ProcessLookupError:
                return True
            time.sleep(0.1)
        return False

    def rank(self, number: int) -> int:
        """The process of a rank that it has started; Linux alone."""
        wanted = {f"LOCAL_RANK={number}".encode(), f"{OF_PROGRAM}={self.log}".encode()}
        found = []
        for path in Path("/proc").glob("[0-9]*/environ"):
            with suppress(OSError):  # Another user's, or gone.
                found += [int(path.parent.name)] if wanted <= {*path.read_bytes().split(b"\0")} else []
        (pid,) = found
        return pid

    def output(self) -> str:
        """What it printed."""
        return self.log.read_text(encoding="utf-8", errors="replace")

    def description(self) -> str:
        """For messages of failed tests."""
        return f"exit code {self.process.poll()} of\n{' '.join(self.words)}\n{self.output()[-6000:]}"


def kill_session(process: AnyProcess) -> None:
    """With everything it started."""
    try:
        os.killpg(process.pid, signal.SIGKILL)
    except ProcessLookupError:
        return
    process.wait(10)


def saved_step(run: Path) -> int:
    """Optimizer steps in the last checkpoint; 0 before there is one."""
    import torch

    path = run / "checkpoints" / "last.ckpt"
    return torch.load(path, weights_only=True)["global_step"] if path.exists() else 0


def read_json(path: Path) -> Any:
    """Content of a JSON file."""
    return json.loads(path.read_text(encoding="utf-8"))


def answers(run: Path) -> list[dict[str, Any]]:
    """Lines of answers.jsonl without the time they took."""
    lines = [json.loads(line) for line in (run / "answers.jsonl").read_text(encoding="utf-8").splitlines()]
    return [{name: value for name, value in line.items() if name != "seconds"} for line in lines]


def history(run: Path) -> list[dict[str, str]]:
    """Rows of metrics.csv with what is learned and scored; rows and columns of speed and memory are left out."""
    with (run / "metrics.csv").open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    speed = ("train/clips_per_s", "train/tokens_per_s", "train/peak_memory_gb")
    kept = [{name: value for name, value in row.items() if value and name not in speed} for row in rows]
    return [row for row in kept if set(row) - {"epoch", "step"}]


def validations(run: Path) -> list[dict[str, str]]:
    """The rows of metrics.csv that hold scores, without losses of the training that stand beside them."""
    rows = [row for row in history(run) if "val/loss" in row]
    return [{name: value for name, value in row.items() if not name.startswith("train/")} for row in rows]


def file_hashes(folder: Path) -> dict[str, str]:
    """File name -> sha256 of its bytes."""
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in sorted(folder.iterdir())}


def tensor_hashes(run: Path) -> dict[str, str]:
    """The trained tensors of the adapter folder, bit for bit."""
    return {name: digest for name, digest in file_hashes(run / "adapter").items() if name.endswith(".safetensors")}


def make_dataset(annotations: Path, media: Path, transcripts: Sequence[str] = ("What a day.",) * 12) -> Path:
    """Short clips and their custom annotation file, with happy and sad in each split."""
    media.mkdir(parents=True, exist_ok=True)
    annotations.parent.mkdir(parents=True, exist_ok=True)
    splits = ("train", "train", "val", "val", "test", "test")
    with annotations.open("w", newline="", encoding="utf-8") as file:
        rows = csv.writer(file)
        rows.writerow(["video_name", "emotion_label", "transcription", "split"])
        for number, transcript in enumerate(transcripts):
            make_media(media / f"clip{number}.mp4", seconds=0.4, loudness=(0.1 * (number % 5),) * 2)
            rows.writerow([f"clip{number}", ("happy", "sad")[number % 2], transcript, splits[number % 6]])
    return annotations
