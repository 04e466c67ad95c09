"""`python -m emolightning combine runs=[A,B,...] out=DIR [how=mean|vote|weights] [key=value ...]`: systems as one.

A system is the folder of a run that was evaluated with probabilities=true, a folder of `score`, a file of `predict`,
or a table of published answers with an id and an answer in each row, and perhaps columns p_LABEL:

  eval checkpoint=outputs/a probabilities=true                       and the same of outputs/b
  combine runs=[outputs/a,outputs/b] out=outputs/both
  combine runs=[outputs/a,outputs/b] split=test how=weights out=outputs/weighted
  combine runs=[theirs.csv,ours.jsonl] how=vote labels=mer6 truth=labels.csv out=outputs/vote

  how=mean      the mean of their probabilities
  how=vote      the label that most of them name; among equals the likelier one, else the first system's
  how=weights   a weighted mean, with the weights that make the truths of split val likeliest; never of clips that are
                scored

All must know the same labels and the same clips. Writes answers.jsonl, which `score` and `pseudo-label` read, and where
truths are known metrics.json and report.html, as an evaluation does; with the systems, their digests and weights.
"""

from pathlib import Path

from omegaconf import DictConfig, OmegaConf

from emolightning.commands.cli import run
from emolightning.commands.score import as_list
from emolightning.config.check import check_config
from emolightning.config.problems import Problem
from emolightning.records.labels import vocabulary

LISTS = ("runs", "validation", "labels")
"""Settings that are lists, where a single entry is written as itself."""


def main(argv: list[str]) -> int:
    """Compose, check, combine."""
    return run(combine, "combine", [as_list(word, LISTS) for word in argv])


def combine(cfg: DictConfig) -> int:
    """Read, combine, write."""
    check_config(cfg, own_problems(cfg))
    from emolightning.runs.ensembles.combine import Request
    from emolightning.runs.ensembles.combine import combine as put_together
    from emolightning.runs.ensembles.systems import Reading

    labels = vocabulary_of(list(cfg.labels or ()))
    put_together(
        Request(
            runs=tuple(cfg.runs),
            out=Path(cfg.out),
            how=cfg.how,
            split=cfg.split,
            validation=tuple(cfg.validation),
            missing=cfg.missing,
            truth=None if cfg.truth is None else Path(cfg.truth),
            truth_column=cfg.columns.truth,
            reading=Reading(labels, cfg.columns.id, cfg.columns.answer),
        )
    )
    return 0


def vocabulary_of(words: list[str]) -> tuple[str, ...]:
    """The labels that a setting names: one word is the name of a vocabulary."""
    return vocabulary(words[0] if len(words) == 1 else words) if words else ()


def own_problems(cfg: DictConfig) -> list[Problem]:
    """Settings that do not go together."""
    if not OmegaConf.is_missing(cfg, "runs") and not cfg.runs:
        return [Problem("runs", "is empty; name at least two systems: runs=[A,B]")]
    return []
