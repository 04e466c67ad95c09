"""A benchmark of several sets: each is an evaluation in a folder of its own, and one table and mean are made of all."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from omegaconf import DictConfig

from emolightning.benchmarks.registry import official_benchmark
from emolightning.config.check import check_config
from emolightning.config.composing import composed
from emolightning.config.corpora import renamed
from emolightning.config.families import family_of
from emolightning.config.problems import not_one_of
from emolightning.config.sources import override_key
from emolightning.data.readers.expected import Expected
from emolightning.errors import InputErrors, UserError, override
from emolightning.records.benchmark import Benchmark, Part
from emolightning.runs.assembly_of_data import make_corpus
from emolightning.runs.assembly_of_models import plain
from emolightning.runs.processes import Programs
from emolightning.runs.score import require_free, score_files
from emolightning.runs.variants.evaluating import Outcome, Variant, carrier, evaluate_all
from emolightning.runs.variants.sets_together import print_sets, together, write_sets

OWN = ("data", "scoring", "output_dir", "run_name", "parallel", "split")
"""Settings that each set has for itself."""

OF_FILES = ("answers", "truth", "benchmark", "output_dir", "scoring")
"""The same of `score`."""

SETS = "data.sets"
BY_WORDS = "open_vocabulary"
"""How the sets are scored that settings of scoring are for."""
FREE_TEXT = "scoring.answers=text"
"""How answers of a model are read; where they are lists already, `scoring.answers=lists` says so."""


def evaluate_sets(cfg: DictConfig, overrides: Sequence[str], root: Path) -> int:
    """Answer and score each set, then print and store what they have together.

    Args:
        cfg: the checked configuration of an evaluation, whose data are several sets.
        overrides: its command line.
        root: folder of all.

    Returns:
        1 if a set failed, else 0.

    Raises:
        UserError: settings that each set has for itself, or sets whose files are missing: all of them.
    """
    official = official_benchmark(cfg.data.name)
    _refuse(cfg, overrides, official)
    words = [word for word in overrides if override_key(word) not in OWN and not _is_of_one(word)]
    given = _given(plain(cfg.data)["sets"], official)
    parts = [part for part in official.parts if part.name in given]
    variants = [Variant(part.name, _words_of(part, given[part.name], cfg, overrides)) for part in parts]
    _require_files(variants, words, {part.name: given[part.name].get("root") for part in parts})
    with Programs() as programs:
        carry = carrier(cfg, programs, parallel=cfg.parallel)
        outcomes = evaluate_all(variants, root, words, carry=carry, parallel=cfg.parallel, needs_first=False)
    return tell(official, outcomes, root)


def score_sets(cfg: DictConfig, overrides: Sequence[str]) -> int:
    """Score a file of answers for each set, then print and store what they have together.

    Args:
        cfg: the checked configuration of `score`, whose benchmark is several sets.
        overrides: its command line.

    Raises:
        UserError: what is wrong in a file, with the set that it is of.
    """
    official, root = official_benchmark(cfg.benchmark), Path(cfg.output_dir)
    files = [Path(name) for name in (*cfg.answers, *cfg.truth)]
    if missing := [f"{file}: no such file or folder" for file in files if not file.exists()]:
        raise InputErrors(f"benchmark={official.name}", missing)
    require_free(root, files)
    words = [word for word in overrides if override_key(word) not in OF_FILES and not _is_of_one(word)]
    outcomes = []
    for part, answers, truth in zip(official.parts, cfg.answers, cfg.truth or [None] * len(cfg.answers), strict=True):
        print(f"{part.name}:", flush=True)
        folder = root / part.name
        own = {"answers": [answers], "truth": [truth] if truth else [], "output_dir": str(folder)}
        of_set = [f"benchmark={part.benchmark}", *part.scoring, *_of_scoring(part, overrides)]
        with composed("score", [*words, *of_set, *(override(*item) for item in own.items())]) as one:
            try:
                check_config(one)
                score_files(one)
            except UserError as error:
                raise UserError(f"{part.name}: {error}") from None
        outcomes.append(Outcome(Variant(part.name), folder))
    return tell(official, outcomes, root)


def tell(official: Benchmark, outcomes: Sequence[Outcome], root: Path) -> int:
    """Print and store what several sets have together; 1 if one failed."""
    content = together(official, {each.variant.name: each.folder for each in outcomes if not each.failed})
    files = write_sets(content, root)
    print_sets(content)
    print(f"scores: {root / 'metrics.json'}\ntables: {', '.join(map(str, files))}; sets: {root}/<set>")
    if failed := [each.variant.name for each in outcomes if each.failed]:
        print(
            f"{len(failed)} of {len(outcomes)} sets failed: {', '.join(failed)}; the same command does what is missing"
        )
    return int(any(each.failed for each in outcomes))


def _given(sets: Mapping[str, Any], official: Benchmark) -> dict[str, Mapping[str, Any]]:
    """Settings of the data of each set that is not left out; a text is its folder."""
    names = [part.name for part in official.parts]
    for name in sets:
        if name not in names:
            raise UserError(f"{SETS}.{name}: {not_one_of(name, names)}")
    found = {name: {"root": value} if isinstance(value, str) else value for name, value in sets.items() if value}
    if not found:
        raise UserError(f"{SETS}: all sets are null; leave one of them in")
    return found


def _refuse(cfg: DictConfig, overrides: Sequence[str], official: Benchmark) -> None:
    for word in overrides:
        if override_key(word) == "scoring" and word.partition("=")[2] != BY_WORDS:
            raise UserError(
                f"{word}: each set of {official.name} has its own scoring; leave it out, or say scoring={BY_WORDS} and "
                "its settings, e.g. scoring.wheels=FOLDER, for the sets that are scored by words"
            )
    if cfg.split != "test":
        raise UserError(f"split={cfg.split}: the sets of {official.name} are tests; leave split out")


def _is_of_one(word: str) -> bool:
    """Whether a word is of single sets: their settings, or those of one kind of scoring."""
    return override_key(word).startswith((f"{SETS}.", "scoring.")) or override_key(word) == SETS


def _words_of(part: Part, given: Mapping[str, Any], cfg: DictConfig, overrides: Sequence[str]) -> tuple[str, ...]:
    """What one set says: its clips, its files, its scoring, and what is asked."""
    task = next((task for task in part.tasks if task in family_of(cfg.model).tasks), None)
    return (
        *official_benchmark(part.benchmark).read_by[0].split(),
        *part.data,
        *(override(f"data.{key}", value) for key, value in given.items()),
        *part.scoring,
        FREE_TEXT,
        *_of_scoring(part, overrides),
        *([f"prompt.task={task}"] if task else []),
    )


def _of_scoring(part: Part, overrides: Sequence[str]) -> list[str]:
    """Settings of scoring, which are for the sets that are scored by words."""
    is_of_words = f"scoring={BY_WORDS}" in part.scoring
    return [word for word in overrides if is_of_words and override_key(word).startswith("scoring.")]


def _require_files(variants: Sequence[Variant], words: Sequence[str], roots: Mapping[str, str | None]) -> None:
    """Refuse sets whose files and folders are not there, all of them at once.

    Raises:
        InputErrors: names them, and the settings that say where they are.
    """
    problems = []
    for variant in variants:
        root = roots[variant.name]
        if root is not None and not Path(root).is_dir():
            problems.append(f"{variant.name}: {root}: no such folder; say {SETS}.{variant.name}.root=FOLDER")
        else:
            problems += [f"{variant.name}: {problem}" for problem in _missing(variant, words)]
    if problems:
        note = f"{SETS}.NAME=null leaves a set out; there is then no mean over all sets"
        raise InputErrors("data=unibench", problems, note=note)


def _missing(variant: Variant, words: Sequence[str]) -> list[str]:
    """What a set lacks or what is wrong with its settings, called as they are typed."""
    found, keys = [], {override_key(word).split(".")[1] for word in variant.words if word.startswith("data.")}
    try:
        with composed("eval", [*words, *variant.words]) as cfg:
            keys |= {str(key) for key in cfg.data}
            check_config(cfg)
            for expected in make_corpus(cfg).source.expected():
                found += _refusal(expected)
    except UserError as error:
        found.append(str(error))
    return [renamed(problem, f"{SETS}.{variant.name}", keys) for problem in found]


def _refusal(expected: Expected) -> list[str]:
    try:
        expected.require()
    except UserError as error:
        return [str(error)]
    return []
