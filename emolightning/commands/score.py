"""`python -m emolightning score answers=FILE labels=VOCABULARY [truth=FILE] output_dir=DIR [key=value ...]`.

Scores the predictions of any system, without a model. A table (CSV, TSV, JSON, JSONL, .xlsx) has an id and an answer in
each row, and the truth, unless it is in a file of its own:

  score answers=predictions.csv labels=mer6 output_dir=outputs/theirs
  score answers=theirs.csv columns.id=name columns.answer=label benchmark=mer2023_semi
        truth=test.csv columns.truth=discrete extra=ignore output_dir=outputs/theirs
  score answers=[fold1.csv,fold2.csv,fold3.csv,fold4.csv,fold5.csv] labels=dfew7 output_dir=outputs/folds
  score answers=outputs/demo labels=mer6 parser=upstream output_dir=outputs/demo-upstream

  labels=mer6|mer9|dfew7|[a,b,c]       the vocabulary; benchmark=NAME knows its own
  parser=words|strict                  the one label that an answer gives; the whole answer
  parser=regex pattern=PATTERN         the same of the part that a regular expression finds
  parser=judge judge=openai            as words; a model on a server reads what is left: judge.base_url judge.model
  parser=upstream|upstream_2026        as the released code reads: the last word, else neutral; the one that occurs
  aliases=default|none|FILE            more words for a label; a table with the columns alias and label
  aliases=replace:FILE                 no others than those
  answer_list=whole|first|first_valid  of a comma-separated list the first entry, or the first that names a label
  hand_check=50|FILE                   writes hand_check.csv, a sheet of 50 answers to read yourself; reads one back
  cluster=COLUMN                       clips that share it are not independent, e.g. subject, film or dialogue
  slices=[subject,age:4]               where the system is weak: by values of a column, or by equal parts of numbers
  annotators=[a,b,c] ties=drop         columns of people who judged: most of them are right; how far they agree

Several files are folds: their mean and deviation. benchmark=mer_unibench takes nine, a file or a folder of answers for
each of its sets, which is scored by its own rules in a folder of its own, their mean beside them. With
columns.valence_answer and columns.valence_truth there are also MER2023's squared error and combined score. Writes
metrics.json, answers.jsonl and report.html, and prints a table.
"""

import gc
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from hydra.core.hydra_config import HydraConfig
from omegaconf import DictConfig, OmegaConf

from emolightning.benchmarks.registry import described, official_benchmarks
from emolightning.commands.cli import run
from emolightning.config.check import check_config
from emolightning.config.problems import Problem, not_one_of
from emolightning.records.benchmark import Part
from emolightning.records.score_names import DIMENSIONS

OF_SCORING = ("labels", "parser", "aliases", "answer_list", "pattern")
"""Settings of `scoring` that need not be written with its name."""

LISTS = ("answers", "truth", "slices", "annotators")
"""Settings that are lists, where one file is written as itself."""


def main(argv: list[str]) -> int:
    """Compose, check, score."""
    return run(score, "score", full_words(argv))


def full_words(argv: list[str], lists: Collection[str] = LISTS) -> list[str]:
    """The command line as Hydra takes it, with what a benchmark implies.

    Args:
        argv: as it was typed.
        lists: settings that are lists.

    >>> full_words(["answers=a.csv", "labels=mer6"])
    ['answers=["a.csv"]', 'scoring.labels=mer6']
    """
    words = []
    for word in argv:
        key, equals, _ = word.partition("=")
        if equals and key in OF_SCORING:
            word = f"scoring.{word}"
        words.append(as_list(word, lists))
    given = dict(word.partition("=")[::2] for word in words)
    official = official_benchmarks().get(given.get("benchmark", ""))
    if official is None:
        return words
    # Of several sets each has its own; settings of scoring are for those that are scored by words.
    kind = given.get("scoring", "open_vocabulary" if official.parts else official.kind)
    implied = [] if "scoring" in given else [f"scoring={kind}"]
    if kind == "classification" and official.labels and "scoring.labels" not in given:
        implied.append(f"scoring.labels=[{','.join(official.labels)}]")
    return [*words, *implied]


def as_list(word: str, lists: Collection[str]) -> str:
    """`answers=a.csv` as `answers=["a.csv"]`, for the settings that are lists."""
    key, equals, value = word.partition("=")
    return f"{key}=[{_quoted(value)}]" if equals and key in lists and not value.startswith("[") else word


def _quoted(value: str) -> str:
    """One file as an element of a list: a path may hold characters that mean something to Hydra."""
    if value in ("", "null"):
        return ""
    if value[0] in "'\"":
        return value
    return '"' + value.replace('"', '\\"') + '"'


def help_list() -> str:
    """What `benchmark=` may be, for `--help`."""
    return described()


def score(cfg: DictConfig) -> int:
    """Read, pair, score, write."""
    check_config(cfg, own_problems(cfg))
    if parts_of(cfg):
        from emolightning.runs.variants.sets import score_sets

        with _uncollected():
            return score_sets(cfg, HydraConfig.get().overrides.task)
    from emolightning.runs.score import score_files

    with _uncollected():
        score_files(cfg)
    return 0


def parts_of(cfg: DictConfig) -> Sequence[Part]:
    """The sets of a benchmark that is several."""
    official = official_benchmarks().get(cfg.benchmark)
    return official.parts if official else ()


@contextmanager
def _uncollected() -> Iterator[None]:
    """Millions of rows hold no cycles; to search them for some again and again takes a quarter of the time."""
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()


def own_problems(cfg: DictConfig) -> list[Problem]:
    """Settings that do not go together."""
    problems = []
    files = [] if OmegaConf.is_missing(cfg, "answers") else list(cfg.answers)
    if not files and not OmegaConf.is_missing(cfg, "answers"):
        problems.append(Problem("answers", "is empty: say answers=FILE"))
    names = [part.name for part in parts_of(cfg)]
    if names and len(files) != len(names):
        order = ", ".join(names)
        problems.append(
            Problem("answers", f"has {len(files)} files; {cfg.benchmark} needs one a set, in the order {order}")
        )
    repeated = sorted({name for name in files if files.count(name) > 1})
    if repeated:
        problems.append(Problem("answers", f"{', '.join(repeated)} is given twice; folds are different files"))
    if len(cfg.truth) not in (0, len(files)):
        problems.append(Problem("truth", f"has {len(cfg.truth)} files for {len(files)} of answers; give one for each"))
    if cfg.benchmark is not None and cfg.benchmark not in official_benchmarks():
        problems.append(Problem("benchmark", not_one_of(cfg.benchmark, official_benchmarks())))
    problems += problems_of_annotators(cfg, has_truth=bool(cfg.truth))
    if cfg.probabilities and (cfg.pair_by != "id" or cfg.ids != "exact"):
        problems.append(Problem("probabilities", "are found by ids as they are written; leave out pair_by and ids"))
    if cfg.hand_check == "0":
        problems.append(Problem("hand_check", "0 answers are no sheet; say e.g. hand_check=50"))
    if cfg.hand_check is not None and not cfg.hand_check.isdecimal() and not Path(cfg.hand_check).is_file():
        wanted = "must be a number of answers, for a new sheet, or a sheet that is filled in"
        problems.append(Problem("hand_check", f"{cfg.hand_check!r} {wanted}; there is no such file"))
    if cfg.hand_check is not None and len(files) > 1:
        problems.append(Problem("hand_check", f"is for one file of answers; answers has {len(files)}"))
    for dimension in DIMENSIONS:
        pair = (f"{dimension}_answer", f"{dimension}_truth")
        problems += [
            Problem(f"columns.{name}", f"is required with columns.{other}")
            for name, other in (pair, pair[::-1])
            if cfg.columns[other] is not None and cfg.columns[name] is None
        ]
        if cfg.columns[pair[0]] is not None and len(files) > 1:
            problems.append(Problem(f"columns.{pair[0]}", f"is for one file of answers; answers has {len(files)}"))
        scale = list(cfg[f"{dimension}_scale"])
        if len(scale) != 2 or not scale[0] < scale[1]:
            problems.append(Problem(f"{dimension}_scale", f"must be [LOWEST,HIGHEST], e.g. [-5,5], not {scale}"))
    return problems


def problems_of_annotators(cfg: DictConfig, *, has_truth: bool) -> list[Problem]:
    """Settings of votes that do not go together.

    Args:
        cfg: of `score` or `compare`.
        has_truth: a file of truths is given.
    """
    columns, by_row = list(cfg.annotators), cfg.columns.annotator is not None
    problems = []
    if by_row and columns:
        problems.append(
            Problem("annotators", "names columns, and columns.annotator says that each row is one person's")
        )
    if by_row and (not has_truth or cfg.pair_by == "row"):
        problems.append(Problem("columns.annotator", "is of a table of truths, truth=FILE, that is paired by ids"))
    if len(set(columns)) < len(columns):
        problems.append(Problem("annotators", f"{columns}: a column is there twice; name each person once"))
    if len(columns) == 1:
        problems.append(
            Problem("annotators", f"names one person; say [a,b,c] for several, or columns.truth={columns[0]}")
        )
    if cfg.ties != "refuse" and not (columns or by_row):
        problems.append(Problem("ties", f"{cfg.ties!r} is of annotators=[...], which was not said; say it, too"))
    return problems
