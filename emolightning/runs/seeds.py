"""`seeds=[0,1,2]`: one run with several seeds, each trained and tested in processes of its own, and their mean."""

import csv
import json
import math
import os
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

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

OWN = ("seeds", "parallel", "seed", "output_dir", "run_name", "resume")
"""Settings that each seed gets anew."""

FOLDER = "EMOLIGHTNING_SEEDS"
"""Variable of the programs' environment: the folder that they belong to, by which they are known after a kill."""

GRACE_S = 60.0
"""Seconds in which a program that a killed command left can save a checkpoint."""

LEVEL = 0.95


@dataclass(frozen=True)
class Spread:
    """A score over seeds."""

    mean: float
    sd: float | None
    """Standard deviation, computed with n - 1; None for a single seed."""
    ci95: tuple[float, float] | None
    """Interval of the mean, by Student's t."""
    n: int


@dataclass(frozen=True)
class Outcome:
    """What became of a seed."""

    seed: int
    folder: str
    exit_code: int
    scores: dict[str, float]
    """Score -> value on the test split; empty when it failed."""
    intervals: dict[str, tuple[float, float]] = field(default_factory=dict)
    """Score -> its 95 % interval over clips; of those that have one."""


def run_seeds(cfg: DictConfig, overrides: Sequence[str]) -> int:
    """Train and test each seed, then print and store the means.

    Args:
        cfg: the checked configuration, `seeds` among it.
        overrides: the command line, passed on to each seed.

    Returns:
        1 if a seed failed, else 0.

    Raises:
        UserError: started as one rank of several, in the folder of another run or of a command that runs now, or with
            a setting that each seed has for itself.
    """
    _refuse_ranks()
    _refuse_overrides(overrides)
    root = Path(cfg.output_dir)
    if (root / "config.yaml").exists():
        own = quoted_override("output_dir", f"{root}-seeds")
        raise UserError(
            f"output_dir={root} is the folder of one run; seeds=[...] needs a folder for several: say {own}"
        )
    passed_on = [word for word in overrides if override_key(word) not in OWN]
    with alone_in(root):
        variables = {GROUP: cfg.run_name, FOLDER: str(root.resolve())}
        if stopped := stop_leftovers(FOLDER, variables[FOLDER], grace_s=GRACE_S):
            print(f"stopped {stopped} process(es) that an earlier command had left running", flush=True)
        with ThreadPoolExecutor(cfg.parallel) as pool, Programs(variables) as programs:
            run = partial(_run_seed, root=root, name=cfg.run_name, overrides=passed_on, programs=programs)
            outcomes = list(pool.map(run, cfg.seeds))
        names = list(dict.fromkeys(name for outcome in outcomes for name in outcome.scores))
        spreads = {name: spread([o.scores[name] for o in outcomes if name in o.scores]) for name in names}
        _write(root, passed_on, outcomes, spreads)
    _print(root, outcomes, spreads)
    return int(any(outcome.exit_code for outcome in outcomes))


def _refuse_ranks() -> None:
    found = ranks_variable() or ("LOCAL_RANK" in os.environ and f"LOCAL_RANK={os.environ['LOCAL_RANK']}")
    if found:
        raise UserError(
            f"seeds=[...] with {found}: this is one of several processes, but seeds=[...] must be started once, and "
            "starts the processes of each seed itself; start `python train.py` without torchrun or srun, and say with "
            "trainer.devices and trainer.strategy how many processes train each seed (in a SLURM job of one task: "
            "SLURM_JOB_NAME=interactive python train.py ...)"
        )


def _refuse_overrides(overrides: Sequence[str]) -> None:
    """What would be dropped: each seed is continued in its own folder, whose name ends with its number."""
    wrong = [word for word in overrides if override_key(word) in ("seed", "resume") and word != "resume=auto"]
    if wrong:
        raise UserError(
            f"{', '.join(wrong)}: with seeds=[...] each run gets its seed from the list, and resumes by itself; leave "
            f"out {' and '.join(wrong)}"
        )


def spread(values: Sequence[float]) -> Spread:
    """Mean, deviation and interval of a score; `values` holds one for each seed."""
    n, mean = len(values), sum(values) / len(values)
    if n == 1:
        return Spread(mean, None, None, 1)
    from scipy.stats import t

    sd = math.sqrt(sum((value - mean) ** 2 for value in values) / (n - 1))
    half = float(t.ppf((1 + LEVEL) / 2, n - 1)) * sd / math.sqrt(n)
    return Spread(mean, sd, (mean - half, mean + half), n)


def with_clips(values: Sequence[float], intervals: Sequence[tuple[float, float]]) -> tuple[float, float] | None:
    """Interval of the mean over other seeds and other clips; None for a single seed.

    All seeds answer the same clips, so that more seeds make the error over clips no smaller. Each end has an error of
    its own: the interval of a high score reaches farther down than up, and so does this one. The degrees of freedom of
    the sum of both variances are Satterthwaite's; clips are many.

    Args:
        values: of each seed.
        intervals: of each seed, over clips.
    """
    of_seeds = spread(values)
    if of_seeds.sd is None:
        return None
    from scipy.stats import norm, t

    seeds, tail = of_seeds.sd**2 / of_seeds.n, (1 + LEVEL) / 2
    normal, distances = float(norm.ppf(tail)), []
    for side in (0, 1):
        squares = [(ends[side] - value) ** 2 for value, ends in zip(values, intervals, strict=True)]
        variance = seeds + sum(squares) / len(squares) / normal**2
        quantile = float(t.ppf(tail, (of_seeds.n - 1) * (variance / seeds) ** 2)) if seeds else normal
        distances.append(quantile * math.sqrt(variance))
    return of_seeds.mean - distances[0], of_seeds.mean + distances[1]


def _run_seed(seed: int, *, root: Path, name: str, overrides: list[str], programs: Programs) -> Outcome:
    """Train and test a seed unless that is done with the same overrides; output in `seed-<n>.log`."""
    folder, log, note = root / f"seed-{seed}", root / f"seed-{seed}.log", root / f"seed-{seed}.json"
    done = json.loads(note.read_text(encoding="utf-8")) if note.exists() else {}
    if done.get("overrides") == kept(overrides):
        print(f"seed {seed}: done before", flush=True)
        return Outcome(seed, str(folder), 0, done["scores"], done.get("intervals", {}))
    print(f"seed {seed}: running, output in {log}", flush=True)
    own = [f"seed={seed}", override("output_dir", folder), override("run_name", f"{name}-seed-{seed}"), "resume=auto"]
    code = programs.call([*program("train"), *overrides, *own], log)
    code = code or programs.call([*program("eval"), override("checkpoint", folder)], log)
    if code:
        print(f"seed {seed}: failed with exit code {code}: {last_lines(log)}", flush=True)
        return Outcome(seed, str(folder), code, {})
    scores, intervals = _scores(folder)  # Kept: another evaluation of the run replaces its metrics.json.
    write_json(note, {"overrides": kept(overrides), "scores": scores, "intervals": intervals})
    print(f"seed {seed}: done", flush=True)
    return Outcome(seed, str(folder), 0, scores, intervals)


def _scores(folder: Path) -> tuple[dict[str, float], dict[str, tuple[float, float]]]:
    """Values, and intervals over clips."""
    metrics = json.loads((folder / "metrics.json").read_text(encoding="utf-8"))["metrics"]
    known = {name: metric for name, metric in metrics.items() if metric["value"] is not None}
    intervals = {name: (metric["ci95"][0], metric["ci95"][1]) for name, metric in known.items() if "ci95" in metric}
    return {name: metric["value"] for name, metric in known.items()}, intervals


def _over_clips_too(outcomes: Sequence[Outcome], names: Sequence[str]) -> dict[str, tuple[float, float]]:
    """Score -> interval over seeds and clips, of those that have one over clips in every seed that has a value."""
    found: dict[str, tuple[float, float]] = {}
    for name in names:
        own = [outcome for outcome in outcomes if name in outcome.scores]
        if all(name in outcome.intervals for outcome in own):
            ends = with_clips([outcome.scores[name] for outcome in own], [outcome.intervals[name] for outcome in own])
            found |= {} if ends is None else {name: ends}
    return found


def _write(root: Path, overrides: list[str], outcomes: Sequence[Outcome], spreads: Mapping[str, Spread]) -> None:
    """`seeds.json`, and `seeds.csv` with a row a seed."""
    content: dict[str, Any] = {
        "overrides": kept(overrides)["shown"],
        "num_failed": sum(bool(outcome.exit_code) for outcome in outcomes),
        "scores": {name: asdict(found) for name, found in spreads.items()},
        "ci95_over_seeds_and_clips": _over_clips_too(outcomes, list(spreads)),
        "seeds": [asdict(outcome) for outcome in outcomes],
    }
    write_json(root / "seeds.json", content)
    with written_whole(root / "seeds.csv") as temporary, temporary.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["seed", *spreads, "exit_code", "folder"])
        for outcome in outcomes:
            values = [outcome.scores.get(name, "") for name in spreads]
            writer.writerow([outcome.seed, *values, outcome.exit_code, outcome.folder])


def _print(root: Path, outcomes: Sequence[Outcome], spreads: Mapping[str, Spread]) -> None:
    from rich.console import Console
    from rich.table import Table

    table = Table("score", title="Test scores over seeds")
    joint = _over_clips_too(outcomes, list(spreads))
    for name in ("mean", "sd", "95 % interval of the mean", *(["over clips, too"] if joint else []), "n"):
        table.add_column(name, justify="right")
    for name, found in spreads.items():
        sd = "-" if found.sd is None else f"{found.sd:.4f}"
        interval = "-" if found.ci95 is None else f"{found.ci95[0]:.4f} - {found.ci95[1]:.4f}"
        more = [f"{joint[name][0]:.4f} - {joint[name][1]:.4f}" if name in joint else "-"] if joint else []
        table.add_row(name, f"{found.mean:.4f}", sd, interval, *more, str(found.n))
    if spreads:
        Console().print(table)
    failed = [str(outcome.seed) for outcome in outcomes if outcome.exit_code]
    if failed:
        print(f"{len(failed)} of {len(outcomes)} seeds failed and do not count in the means: {', '.join(failed)}")
    print(f"table: {root / 'seeds.json'}, {root / 'seeds.csv'}; runs: {root}/seed-<n>")
