"""`python -m emolightning compare runs=[A,B,...] [out=FOLDER] [key=value ...]`: is B better than A?

  compare runs=[outputs/a,outputs/b]                        two runs that were evaluated or scored
  compare runs=[outputs/a,outputs/b,GPT-4V] out=outputs/ab  a model that only figures were published of beside them
  compare runs=[a.csv,b.csv] labels=mer6 truth=truth.csv columns.id=name columns.answer=emotion
  compare runs=[outputs/a-seeds,outputs/b] clips=clips.csv cluster=subject slices=[language]

Each run is a folder with metrics.json and answers.jsonl, a folder of seeds=[...], which counts as one system, or a file
of answers, which takes what `score` takes. They must be of the same clips with the same truths. Intervals are of
differences on clips that are drawn anew, the same for both; p-values are of answers that change sides, which for
right answers is McNemar's exact test; with several systems they are adjusted by Holm. What was published on the
benchmark is in the same table.
"""

import os
from pathlib import Path
from typing import Any

from omegaconf import DictConfig, OmegaConf

from emolightning.benchmarks.registry import described, official_benchmarks
from emolightning.commands import score
from emolightning.commands.cli import run
from emolightning.config.check import check_config
from emolightning.config.problems import Problem, not_one_of

LISTS = ("runs", "names", "slices", "annotators")
"""Settings that are lists, where one value is written as itself."""

FORMS = (".json", ".md", ".tex", ".csv", ".html")
"""Kinds of files that `out` may name."""


def main(argv: list[str]) -> int:
    """Compose, check, compare."""
    return run(compare, "compare", full_words(argv))


def full_words(argv: list[str]) -> list[str]:
    """The command line as Hydra takes it: labels choose the scoring, a benchmark chooses both.

    >>> full_words(["runs=a.csv", "labels=mer6"])
    ['runs=["a.csv"]', 'scoring.labels=mer6', 'scoring=classification']
    """
    words = score.full_words(argv, LISTS)
    given = {word.partition("=")[0] for word in words}
    is_of_labels = "scoring" not in given and any(key.startswith("scoring.") for key in given)
    return [*words, *(["scoring=classification"] if is_of_labels else [])]


def help_list() -> str:
    """What `benchmark=` may be, for `--help`."""
    return described()


def compare(cfg: DictConfig) -> int:
    """Check, compare, print and write."""
    check_config(cfg, own_problems(cfg))
    from emolightning.runs.compare.writing import print_comparison, require_free, write_comparison

    if cfg.out is not None:
        require_free(Path(cfg.out), [str(word) for word in cfg.runs])
    found = compare_content(cfg)
    print_comparison(found)
    if cfg.out is not None:
        for path in write_comparison(found, Path(cfg.out)):
            print(path)
    return 0


def compare_content(cfg: DictConfig) -> dict[str, Any]:
    """Check and compare; the content of `compare.json`."""
    check_config(cfg, own_problems(cfg))
    from emolightning.runs.compare.comparing import compared

    return compared(cfg)


def _place(name: str) -> str:
    """Where a system lies, through links; of the files of a run its folder."""
    path = os.path.realpath(name)
    folder, file = os.path.split(path)
    return folder if file in ("metrics.json", "answers.jsonl") and (Path(folder) / "metrics.json").is_file() else path


def own_problems(cfg: DictConfig) -> list[Problem]:
    """Settings that do not go together."""
    problems = []
    runs = [] if OmegaConf.is_missing(cfg, "runs") else list(cfg.runs)
    if not runs and not OmegaConf.is_missing(cfg, "runs"):
        problems.append(Problem("runs", "is empty: say runs=[A,B]"))
    places = [_place(str(name)) for name in runs]
    repeated = [name for name, place in zip(runs, places, strict=True) if places.count(place) > 1]
    if repeated:
        listed = " and ".join(dict.fromkeys(map(str, repeated)))
        problems.append(Problem("runs", f"{listed}: given twice; a system is not compared with itself"))
    if cfg.benchmark is not None and cfg.benchmark not in official_benchmarks():
        problems.append(Problem("benchmark", not_one_of(cfg.benchmark, official_benchmarks())))
    problems += score.problems_of_annotators(cfg, has_truth=cfg.truth is not None)
    if (cfg.cluster or cfg.slices) and cfg.clips is None:
        asked = "cluster" if cfg.cluster else "slices"
        problems.append(Problem("clips", f"is required with {asked}: the table that has these columns"))
    if cfg.clips is not None and not (cfg.cluster or cfg.slices):
        problems.append(Problem("clips", "is read for cluster=COLUMN or slices=[COLUMN], and neither is said"))
    if not 100 <= cfg.num_samples <= 1_000_000:
        problems.append(Problem("num_samples", f"is {cfg.num_samples}, and must be from 100 to 1000000"))
    if cfg.out is not None and (suffix := Path(cfg.out).suffix) and suffix not in FORMS and not Path(cfg.out).is_dir():
        problems.append(
            Problem(
                "out",
                f"{cfg.out!r} is a file of no known form; say a folder, or a file that ends in {', '.join(FORMS)}",
            )
        )
    if cfg.out is not None and Path(cfg.out).is_file() and not Path(cfg.out).suffix:
        problems.append(Problem("out", f"{cfg.out} is a file; say a folder"))
    return problems
