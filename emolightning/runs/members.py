"""Several runs of one command, each trained and tested in processes of its own: what is finished is not done again."""

import csv
import json
import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from omegaconf import DictConfig

from emolightning.config.places import program
from emolightning.config.sources import override_key
from emolightning.errors import UserError, override, quoted_override
from emolightning.files.writing import write_json, written_whole
from emolightning.runs.processes import (
    GROUP,
    Programs,
    alone_in,
    kept,
    last_lines,
    ranks_variable,
    stop_leftovers,
)

GRACE_S = 60.0
"""Seconds in which a program that a killed command left can save a checkpoint."""


@dataclass(frozen=True)
class Member:
    """One of the runs."""

    title: str
    """What lines on the screen call it, e.g. `seed 1`."""
    name: str
    """Its folder, and its log and notes beside that, e.g. `seed-1`."""
    words: tuple[str, ...]
    """The settings that only it has."""
    noted: tuple[str, ...] = ()
    """Those that its name does not tell from others."""


@dataclass(frozen=True)
class Outcome:
    """What became of a run."""

    title: str
    folder: str
    exit_code: int
    scores: dict[str, float]
    """Score -> value on the test split; empty when it failed."""
    intervals: dict[str, tuple[float, float]] = field(default_factory=dict)
    """Score -> its 95 % interval over clips; of those that have one."""


Work = Callable[[Sequence[Member]], list[Outcome]]


@dataclass(frozen=True)
class Several:
    """A setting that makes several runs of one command."""

    setting: str
    """As it is typed, e.g. `seeds=[...]`."""
    kind: str
    """What one of the runs is called."""
    own: Sequence[str]
    """Settings that each of them gets anew."""
    variable: str
    """Variable of the programs' environment: the folder that they belong to, by which they are known after a kill."""
    ends_tested: bool = False
    """Whether a training tests by itself, for it is several runs again."""

    def passed_on(self, overrides: Sequence[str]) -> list[str]:
        """The words of the command line that all of them get."""
        return [word for word in overrides if override_key(word) not in self.own]

    @contextmanager
    def at_work(self, cfg: DictConfig, overrides: Sequence[str]) -> Iterator[Work]:
        """What trains and tests runs, `parallel` at a time, while no other command works in the folder.

        Raises:
            UserError: started as one rank of several, in the folder of another run or of a command that runs now, or
                with a setting that each run has for itself.
        """
        self._refuse_ranks()
        self._refuse_overrides(overrides)
        root = Path(cfg.output_dir)
        if (root / "config.yaml").exists():
            free = quoted_override("output_dir", f"{root}-{self.kind}s")
            raise UserError(
                f"output_dir={root} is the folder of one run; {self.setting} needs a folder for several: say {free}"
            )
        with alone_in(root):
            variables = {GROUP: cfg.run_name, self.variable: str(root.resolve())}
            if stopped := stop_leftovers(self.variable, variables[self.variable], grace_s=GRACE_S):
                print(f"stopped {stopped} process(es) that an earlier command had left running", flush=True)

            def work(members: Sequence[Member]) -> list[Outcome]:
                with ThreadPoolExecutor(cfg.parallel) as pool, Programs(variables) as programs:
                    words = self.passed_on(overrides)
                    run = partial(self._run, root=root, run_name=cfg.run_name, overrides=words, programs=programs)
                    return list(pool.map(run, members))

            yield work

    def _refuse_ranks(self) -> None:
        found = ranks_variable() or ("LOCAL_RANK" in os.environ and f"LOCAL_RANK={os.environ['LOCAL_RANK']}")
        if found:
            raise UserError(
                f"{self.setting} with {found}: this is one of several processes, but {self.setting} must be started "
                f"once, and starts the processes of each {self.kind} itself; start `python train.py` without torchrun "
                "or srun, and say with trainer.devices and trainer.strategy how many processes train each "
                f"{self.kind} (in a SLURM job of one task: SLURM_JOB_NAME=interactive python train.py ...)"
            )

    def _refuse_overrides(self, overrides: Sequence[str]) -> None:
        """What would be dropped: each run is continued in its own folder, whose name ends with its own."""
        once = [name for name in ("seed", "resume") if name in self.own]
        wrong = [word for word in overrides if override_key(word) in once and word != "resume=auto"]
        if wrong:
            gets = "gets its seed from the list, and resumes by itself" if "seed" in once else "resumes by itself"
            raise UserError(f"{', '.join(wrong)}: with {self.setting} each run {gets}; leave out {' and '.join(wrong)}")

    def _run(self, member: Member, *, root: Path, run_name: str, overrides: list[str], programs: Programs) -> Outcome:
        """Train and test a run unless that is done with the same overrides; output in `<name>.log`."""
        title, folder = member.title, root / member.name
        log, note = root / f"{member.name}.log", root / f"{member.name}.json"
        done = json.loads(note.read_text(encoding="utf-8")) if note.exists() else {}
        key = kept([*overrides, *member.noted])
        if done.get("overrides") == key:
            print(f"{title}: done before", flush=True)
            return Outcome(title, str(folder), 0, done["scores"], done.get("intervals", {}))
        print(f"{title}: running, output in {log}", flush=True)
        own = [override("output_dir", folder), override("run_name", f"{run_name}-{member.name}"), "resume=auto"]
        code = programs.call([*program("train"), *overrides, *member.words, *own], log)
        if not code and not self.ends_tested:
            code = programs.call([*program("eval"), override("checkpoint", folder)], log)
        if code:
            print(f"{title}: failed with exit code {code}: {last_lines(log)}", flush=True)
            return Outcome(title, str(folder), code, {})
        scores, intervals = _scores(folder)  # Kept: another evaluation of the run replaces its metrics.json.
        write_json(note, {"overrides": key, "scores": scores, "intervals": intervals})
        print(f"{title}: done", flush=True)
        return Outcome(title, str(folder), 0, scores, intervals)


def _scores(folder: Path) -> tuple[dict[str, float], dict[str, tuple[float, float]]]:
    """Values, and intervals over clips."""
    metrics = json.loads((folder / "metrics.json").read_text(encoding="utf-8"))["metrics"]
    known = {name: metric for name, metric in metrics.items() if metric["value"] is not None}
    intervals = {name: (metric["ci95"][0], metric["ci95"][1]) for name, metric in known.items() if "ci95" in metric}
    return {name: metric["value"] for name, metric in known.items()}, intervals


def write_table(path: Path, kind: str, rows: Sequence[str], outcomes: Sequence[Outcome], scores: Sequence[str]) -> None:
    """A CSV with a row a run."""
    with written_whole(path) as temporary, temporary.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow([kind, *scores, "exit_code", "folder"])
        for row, outcome in zip(rows, outcomes, strict=True):
            values = [outcome.scores.get(name, "") for name in scores]
            writer.writerow([row, *values, outcome.exit_code, outcome.folder])
