"""What `compare` does with a checked configuration, in order."""

import os
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from omegaconf import DictConfig

from emolightning.benchmarks.differences import owners
from emolightning.benchmarks.published.comparison import MOST_MISSING
from emolightning.benchmarks.published.table import read_published
from emolightning.benchmarks.registry import official_benchmarks
from emolightning.errors import InputErrors, UserError
from emolightning.runs.answer_files import read_file, refuse_other_clips
from emolightning.runs.assembly_of_scoring import build_scoring
from emolightning.runs.compare.clips import Compared, same_clips, with_table
from emolightning.runs.compare.statistics import measured, pairs
from emolightning.runs.compare.systems import WORDS, Said, System, read_system
from emolightning.runs.compare.systems_table import MAIN, benchmark_of, headline_of, published_rows, system_row
from emolightning.scoring.metrics.resampling import Resampling
from emolightning.scoring.predictions import some
from emolightning.scoring.readable import refuse_unreadable
from emolightning.scoring.scoring import Scoring, scores_of
from emolightning.scoring.warnings import of_ties

NOT_OF_THE_RUN = ("output_dir", "run_name", "paths", "logger", "callbacks", "checkpoint", "num_threads", "resume")
"""Settings of which a difference means nothing for answers."""

MOST_COLUMNS = 6
"""Scores that the table of systems shows; all are in compare.json."""


def compared(cfg: DictConfig) -> dict[str, Any]:
    """Read the systems, check that their clips are the same, measure; the content of `compare.json`.

    Raises:
        UserError: what is wrong with runs, files, clips.
    """
    scoring: Scoring | None = build_scoring(cfg) if cfg.scoring else None
    systems, named = _systems(cfg, scoring)
    clips = same_clips(systems, only_shared=cfg.only_shared)
    _refuse_clips_of_others(cfg, systems, clips)
    if cfg.clips is not None:
        clips = with_table(
            clips, Path(cfg.clips), id_column=cfg.columns.id, cluster=cfg.cluster, slices=tuple(cfg.slices)
        )
    how = Resampling(clips.clusters, num_samples=cfg.num_samples, seed=cfg.seed)
    benchmark = benchmark_of(systems)
    if len(systems) + len(named) < 2 and benchmark is None:
        raise UserError(
            f"runs: {systems[0].path} alone is no comparison: add another run or file; published figures are set "
            "beside it only with benchmark=NAME, or where the run is on an official benchmark"
        )
    _refuse_unpublished(named, benchmark)
    found, headline = measured(systems, clips, how, scoring), headline_of(systems, benchmark)
    published = [] if clips.left_out else published_rows(systems, benchmark, cfg.system, named)
    rows = [system_row(each, clips) for each in found]
    return {
        "benchmark": " and ".join(dict.fromkeys(row["benchmark"] for row in rows)),
        "split": " and ".join(dict.fromkeys(row["split"] for row in rows)),
        "num_clips": len(clips.ids),
        "headline": headline,
        "columns": _columns(headline, rows, published),
        "cluster": None if clips.clusters is None else _cluster(cfg.cluster, clips.clusters),
        "runs": [str(word) for word in cfg.runs],
        "draws": {"num_samples": cfg.num_samples, "seed": cfg.seed},
        "systems": rows,
        "published": published,
        "pairs": [pair | _settings_of(systems, pair) for pair in pairs(found, clips, how, headline)],
        "clips": _clips(systems, clips),
        "notes": _notes(systems, clips, benchmark),
    }


def _cluster(column: str, clusters: np.ndarray) -> dict[str, Any]:
    return {"column": column, "count": len(np.unique(clusters))}


def _systems(cfg: DictConfig, scoring: Scoring | None) -> tuple[list[System], list[str]]:
    """What was run, and names of models that only figures were published of."""
    published = {score.model.casefold() for score in read_published()}
    words = [str(word) for word in cfg.runs]
    named = [word for word in words if not Path(word).exists() and word.casefold() in published]
    paths = [word for word in words if word not in named]
    if not paths:
        raise UserError(
            f"runs: of {', '.join(named)} only figures were published; add a run or a file of answers, or list the "
            "figures with `emolightning reproduce`"
        )
    if cfg.names and len(cfg.names) != len(paths):
        raise UserError(f"names has {len(cfg.names)} names for {len(paths)} runs and files; give one for each")
    names = list(cfg.names) or _short_names(paths)
    if twice := sorted({name for name in names if names.count(name) > 1}):
        raise UserError(f"names: {', '.join(twice)} is there twice; give each system a name of its own")
    read = partial(_read_file, cfg, scoring)
    systems = [read_system(name, Path(path), read) for name, path in zip(names, paths, strict=True)]
    return [with_words(system, scoring) for system in systems], named


def _short_names(paths: Sequence[str]) -> list[str]:
    """The last part of each path, or all of it where that is not enough to tell them apart."""
    # Path.resolve raises where links go in a circle.
    short = [
        Path(os.path.realpath(path)).stem if Path(path).is_file() else os.path.basename(os.path.realpath(path))
        for path in paths
    ]
    return short if len(set(short)) == len(short) else list(paths)


def _read_file(cfg: DictConfig, scoring: Scoring | None, file: Path) -> Said:
    """A file of answers, scored as `score` does."""
    if scoring is None:
        raise UserError(
            f"runs: {file} is a file of answers: say how they are read, e.g. labels=mer6 or benchmark=NAME, with "
            "columns.id, columns.answer and columns.truth where they have other names; or score it first"
        )
    predictions = read_file(cfg, file, Path(cfg.truth) if cfg.truth else None, scoring)
    scores = scores_of(scoring, predictions.answers)
    refuse_unreadable(predictions, scores, scoring, answer_column=cfg.columns.answer)
    refuse_other_clips(predictions, cfg.benchmark)
    name = cfg.benchmark or predictions.answers_file.stem
    report = scoring.report(predictions.answers, scores, benchmark=name, split=cfg.split)
    content = report.content() | {"warnings": of_ties(predictions.facts)}
    return Said(content, list(zip(predictions.answers, scores, strict=True)))


def with_words(system: System, scoring: Scoring | None) -> System:
    """Sets of words are read again: an answer's line does not hold them as they were read.

    Raises:
        UserError: nobody says how they are read.
    """
    if system.kind != WORDS or system.path.is_file():
        return system
    if scoring is None or not hasattr(scoring, "measures"):
        raise UserError(
            f"runs: the answers of {system.path} are sets of words; say scoring=open_vocabulary, with the settings "
            "that they were scored with, e.g. scoring.wheels=FOLDER"
        )
    said = []
    for each in system.said:
        answers = [answer for answer, _ in each.scored]
        scores = scores_of(scoring, answers)
        name = str(each.report["benchmark"])
        report = scoring.report(answers, scores, benchmark=name, split=str(each.report["split"])).content()
        kept = {key: each.report[key] for key in ("evaluation", "model", "data") if key in each.report}
        said.append(Said({**report, **kept}, list(zip(answers, scores, strict=True))))
    return System(system.name, system.path, said, system.notes)


def _refuse_clips_of_others(cfg: DictConfig, systems: Sequence[System], clips: Compared) -> None:
    """Runs on another benchmark than the one that is asked for, or that they name.

    Raises:
        InputErrors: lists them.
    """
    official, problems = official_benchmarks(), []
    for system in systems:
        own = str(system.report["benchmark"])
        wanted = cfg.benchmark or (own if own in official else None)
        if wanted is None:
            continue
        others = owners(answer.clip_id for answer, _ in system.said[0].scored)
        if others and wanted not in others:
            problems.append(f"{system.name}: these are the clips of {' or '.join(others)}, not of {wanted}")
        elif own in official and own != wanted:
            problems.append(f"{system.name}: is a run on {own}, not on benchmark={wanted}")
        elif cfg.benchmark and (expected := official[wanted].num_clips) and _is_other_set(len(clips.ids), expected):
            problems.append(
                f"{system.name}: has {len(clips.ids)} clips, {wanted} has {expected}; compare them without benchmark=, "
                "with labels=... if they are files"
            )
    if problems:
        raise InputErrors("runs", problems, note="compare runs on the clips of one benchmark")


def _is_other_set(number: int, expected: int) -> bool:
    return abs(number - expected) > MOST_MISSING * expected


def _refuse_unpublished(named: Sequence[str], benchmark: str | None) -> None:
    """Models of which nothing was published on the benchmark of the runs.

    Raises:
        UserError: names them, and where they have figures.
    """
    for name in named:
        where = list(dict.fromkeys(s.benchmark for s in read_published() if s.model.casefold() == name.casefold()))
        if benchmark not in where:
            about = f"not on {benchmark}" if benchmark else "and the runs are on no official benchmark"
            raise UserError(
                f"runs: figures of {name} were published on {', '.join(where)}, {about}; say benchmark=NAME"
            )


def _columns(headline: str, rows: Sequence[dict[str, Any]], published: Sequence[dict[str, Any]]) -> list[str]:
    """The scores that the table of systems has: the headline, what was published, the main ones, the rest."""
    measured_names = list(dict.fromkeys(name for row in rows for name in row["metrics"]))
    wanted = [headline, *(cell["metric"] for cell in published), *MAIN, *measured_names]
    known = {*measured_names, *(cell["metric"] for cell in published)}
    return list(dict.fromkeys(name for name in wanted if name in known))[:MOST_COLUMNS]


def _settings_of(systems: Sequence[System], pair: dict[str, Any]) -> dict[str, Any]:
    """Settings of two runs that differ, and whether either is a mean over seeds."""
    by_name = {system.name: system for system in systems}
    first, second = by_name[pair["first"]], by_name[pair["second"]]
    here, there = first.settings(), second.settings()
    differ = {
        name: [here.get(name), there.get(name)]
        for name in _names_of_both(here, there)
        if here.get(name) != there.get(name) and name.partition(".")[0] not in NOT_OF_THE_RUN
    }
    return {"settings": differ, "has_seeds": len(first.said) + len(second.said) > 2}


def _names_of_both(here: dict[str, Any], there: dict[str, Any]) -> list[str]:
    """Return the names of the settings to compare.

    Where one configuration is of a training and one of an evaluation, they are those that both have.
    """
    if not here or not there:
        return []
    if len({any(name.startswith("optimizer.") for name in names) for names in (here, there)}) == 1:
        return list(dict.fromkeys([*here, *there]))
    return [name for name in here if name in there and not name.startswith("trainer.")]


def _clips(systems: Sequence[System], clips: Compared) -> list[dict[str, Any]]:
    """What each system said about each clip; of several seeds, what each of them said."""
    read = {
        system.name: [{answer.clip_id: score.value for answer, score in said.scored} for said in system.said]
        for system in systems
    }
    return [
        {
            "id": clip,
            "truth": truth,
            "answers": {name: [each[clip] for each in seeds] for name, seeds in read.items()},
        }
        for clip, truth in zip(clips.ids, clips.truths, strict=True)
    ]


def _notes(systems: Sequence[System], clips: Compared, benchmark: str | None) -> list[str]:
    """What was left out, and what makes the systems worth doubting."""
    notes = [note for system in systems for note in system.notes]
    notes += [
        f"{name}: {len(ids)} clips that others do not have are left out: {some(ids)}"
        for name, ids in clips.left_out.items()
    ]
    if clips.left_out and benchmark:
        notes.append(f"published figures are of all clips of {benchmark} and are not shown beside some of them")
    for system in systems:
        notes += [f"{system.name}: {warning}" for warning in system.report.get("warnings") or ()]
    return notes
