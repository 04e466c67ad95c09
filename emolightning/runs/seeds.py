"""`seeds=[0,1,2]`: one run with several seeds, each trained and tested in processes of its own, and their mean."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from omegaconf import DictConfig

from emolightning.files.writing import write_json, write_whole
from emolightning.runs.members import Member, Outcome, Several, write_table
from emolightning.runs.processes import kept
from emolightning.runs.report.seeds_page import seeds_page

OWN = ("seeds", "parallel", "seed", "output_dir", "run_name", "resume")
"""Settings that each seed gets anew."""

FOLDER = "EMOLIGHTNING_SEEDS"
"""Variable of the programs' environment: the folder that they belong to, by which they are known after a kill."""

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


def run_seeds(cfg: DictConfig, overrides: Sequence[str]) -> int:
    """Train and test each seed, then print and store the means.

    Args:
        cfg: the checked configuration, `seeds` among it.
        overrides: the command line, passed on to each seed; with `folds` or `leave_one` each cross-validates.

    Returns:
        1 if a seed failed, else 0.

    Raises:
        UserError: started as one rank of several, in the folder of another run or of a command that runs now, or with
            a setting that each seed has for itself.
    """
    root = Path(cfg.output_dir)
    several = Several(
        "seeds=[...]", "seed", OWN, FOLDER, ends_tested=any(cfg.get(name) for name in ("folds", "leave_one"))
    )
    members = [Member(f"seed {seed}", f"seed-{seed}", (f"seed={seed}",)) for seed in cfg.seeds]
    with several.at_work(cfg, overrides) as work:
        outcomes = work(members)
        names = list(dict.fromkeys(name for outcome in outcomes for name in outcome.scores))
        spreads = {name: spread([o.scores[name] for o in outcomes if name in o.scores]) for name in names}
        _write(root, several.passed_on(overrides), cfg.seeds, outcomes, spreads)
    _print(root, outcomes, spreads)
    return int(any(outcome.exit_code for outcome in outcomes))


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


def _over_clips_too(outcomes: Sequence[Outcome], names: Sequence[str]) -> dict[str, tuple[float, float]]:
    """Score -> interval over seeds and clips, of those that have one over clips in every seed that has a value."""
    found: dict[str, tuple[float, float]] = {}
    for name in names:
        own = [outcome for outcome in outcomes if name in outcome.scores]
        if all(name in outcome.intervals for outcome in own):
            ends = with_clips([outcome.scores[name] for outcome in own], [outcome.intervals[name] for outcome in own])
            found |= {} if ends is None else {name: ends}
    return found


def _write(
    root: Path,
    overrides: list[str],
    seeds: Sequence[int],
    outcomes: Sequence[Outcome],
    spreads: Mapping[str, Spread],
) -> None:
    """`seeds.json`, and `seeds.csv` with a row a seed."""
    content: dict[str, Any] = {
        "overrides": kept(overrides)["shown"],
        "num_failed": sum(bool(outcome.exit_code) for outcome in outcomes),
        "scores": {name: asdict(found) for name, found in spreads.items()},
        "ci95_over_seeds_and_clips": _over_clips_too(outcomes, list(spreads)),
        "seeds": [
            {"seed": seed, **{name: value for name, value in asdict(outcome).items() if name != "title"}}
            for seed, outcome in zip(seeds, outcomes, strict=True)
        ],
    }
    write_json(root / "seeds.json", content)
    write_whole(root / "seeds.html", seeds_page(content))
    write_table(root / "seeds.csv", "seed", list(map(str, seeds)), outcomes, list(spreads))


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
    failed = [outcome.title.removeprefix("seed ") for outcome in outcomes if outcome.exit_code]
    if failed:
        print(f"{len(failed)} of {len(outcomes)} seeds failed and do not count in the means: {', '.join(failed)}")
    print(f"table: {root / 'seeds.json'}, {root / 'seeds.csv'}; page: {root / 'seeds.html'}; runs: {root}/seed-<n>")
