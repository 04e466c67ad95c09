"""`python -m emolightning reproduce [benchmark=NAME] [run=RUN] [system=WORDS]`: published scores against measured ones.

  reproduce                                      the benchmarks
  reproduce benchmark=mer2023_semi               published scores with protocol and source
  reproduce benchmark=mer2023_semi run=RUN       those beside a run's: difference, 95 % interval, verdict
  reproduce benchmark=dfew_fold1 answers=FILE truth=FILE output_dir=DIR ...
                                                 scores the file first; takes what `score` takes

RUN is a folder with metrics.json, of eval.py or of score. The name of a family, as mer2023, means all benchmarks
of it. The verdict is `better` or `worse`, or `within interval` where the difference is no larger than both values are
uncertain: ours and the published one, which is of so many clips and rounded; or `not comparable` and why: other score,
judge, wheels, inputs or protocol. A run on other clips than the benchmark's is refused. Writes reproduce.json, .md,
.tex and .csv beside metrics.json.
"""

from pathlib import Path
from typing import TYPE_CHECKING

from omegaconf import DictConfig

from emolightning.benchmarks.registry import described, family, official_benchmarks
from emolightning.commands.cli import run
from emolightning.config.check import check_config
from emolightning.config.problems import Problem, not_one_of
from emolightning.errors import UserError

if TYPE_CHECKING:
    from emolightning.benchmarks.published.table import PublishedScore

OWN = ("system",)
"""Settings that `score` does not have."""

REPORT = "reproduce.json"


def main(argv: list[str]) -> int:
    """Score, if there is something to score; then compose, check, compare."""
    given = dict(word.partition("=")[::2] for word in argv)
    if "answers" not in given or {"--help", "-h"} & set(argv):
        return run(reproduce, "reproduce", argv)
    from emolightning.commands import score

    score.main([word for word in argv if word.partition("=")[0] not in OWN])
    own = [f"{name}={given[name]}" for name in ("benchmark", *OWN) if name in given]
    return run(reproduce, "reproduce", [*own, f"run={given['output_dir']}"])


def help_list() -> str:
    """What `benchmark=` may be, for `--help`."""
    return described()


def reproduce(cfg: DictConfig) -> int:
    """List, or compare and write."""
    from emolightning.benchmarks.published.table import read_published

    scores = read_published()
    names = list(dict.fromkeys([*official_benchmarks(), *(score.benchmark for score in scores)]))
    requested = names if cfg.benchmark is None else family(cfg.benchmark, names)
    problems = [] if requested else [Problem("benchmark", not_one_of(cfg.benchmark, names))]
    if cfg.run is not None and cfg.benchmark is None:
        problems.append(Problem("benchmark", "is required with run: the table it is compared with"))
    if cfg.output_dir is not None and cfg.run is None:
        problems.append(Problem("output_dir", "is for a comparison: say run=..., too"))
    chosen = [score for score in scores if score.benchmark in requested]
    shown, unknown = of_system(chosen, cfg.system)
    check_config(cfg, [*problems, *unknown])
    if cfg.run is not None:
        compare_run(cfg, chosen, shown, requested)
    else:
        show(shown, is_overview=cfg.benchmark is None and cfg.system is None)
    return 0


def of_system(scores: "list[PublishedScore]", words: str | None) -> "tuple[list[PublishedScore], list[Problem]]":
    """The cells of models whose names contain the words; all of them without any."""
    if words is None:
        return scores, []
    found = [score for score in scores if words.casefold() in score.model.casefold()]
    models = dict.fromkeys(score.model for score in scores)
    return found, [] if found or not models else [Problem("system", not_one_of(words, models))]


def show(scores: "list[PublishedScore]", *, is_overview: bool) -> None:
    """Print the benchmarks, or their scores."""
    from emolightning.benchmarks.published.printing import make_console, print_benchmarks, print_scores

    (print_benchmarks if is_overview else print_scores)(scores, make_console())


def compare_run(
    cfg: DictConfig, scores: "list[PublishedScore]", shown: "list[PublishedScore]", requested: list[str]
) -> None:
    """Compare with all scores of the benchmarks, print and write those that are to be shown."""
    from dataclasses import replace

    from emolightning.benchmarks.published.comparison import compare
    from emolightning.benchmarks.published.measured import read_run
    from emolightning.benchmarks.published.printing import as_json, comparison_sheet, make_console, print_comparison
    from emolightning.files.writing import write_json, write_whole
    from emolightning.records.sheets import csv_text, latex, markdown

    measured = read_run(Path(cfg.run))
    comparison = compare(scores, measured, requested)
    if comparison.benchmark is None:
        about = comparison.remarks[0] if comparison.remarks else f"the run is on {measured.benchmark}"
        raise UserError(
            f"run={cfg.run}: its clips are not those of benchmark={cfg.benchmark}: {about}; give a run on "
            "these clips, or the benchmark that it is on"
        )
    comparison = replace(comparison, rows=[row for row in comparison.rows if row.score in shown])
    print_comparison(comparison, measured, make_console())
    file = (Path(cfg.output_dir) if cfg.output_dir else measured.path.parent) / REPORT
    write_json(file, as_json(comparison, measured, requested))
    sheet = comparison_sheet(comparison, measured)
    forms = {".md": markdown([sheet]), ".tex": latex([sheet]), ".csv": csv_text(sheet.columns, sheet.rows)}
    for suffix, text in forms.items():
        write_whole(file.with_suffix(suffix), text)
    print(f"comparison: {file}, {', '.join(forms)}")
