"""What `score` does with a checked configuration, in order."""

import os
import sys
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from omegaconf import DictConfig, OmegaConf

from emolightning.benchmarks.differences import differences
from emolightning.benchmarks.registry import official_benchmark
from emolightning.errors import UserError, quoted_override
from emolightning.files.writing import require_writable, write_json, writing
from emolightning.records.clips import Answer, Clip, Score
from emolightning.records.report import Report
from emolightning.records.score_names import DIMENSIONS
from emolightning.runs.answer_files import read_file, refuse_other_clips, with_probabilities
from emolightning.runs.answers import ANSWERS, evaluation_key, join, set_aside_other
from emolightning.runs.assembly_of_scoring import build_scoring
from emolightning.runs.lineage import describe_process
from emolightning.runs.report.page import write_page
from emolightning.runs.report.table import print_metrics
from emolightning.scoring.annotators import with_annotators
from emolightning.scoring.classification import Classification, counted_clips
from emolightning.scoring.dimensions import add_dimension
from emolightning.scoring.folds import fold_report, refuse_shared_clips
from emolightning.scoring.hand_check import SHEET, agreement, require_unfilled, write_sheet
from emolightning.scoring.likelihood import likelihood_section
from emolightning.scoring.predictions import Predictions
from emolightning.scoring.readable import refuse_unreadable
from emolightning.scoring.sampling import Sampling, sampled
from emolightning.scoring.scoring import Scoring, scores_of
from emolightning.scoring.slices import ONE_LABEL, attributes_asked, split_bins, with_slices
from emolightning.scoring.warnings import described, warnings_of


def score_files(cfg: DictConfig) -> dict[str, Any]:
    """Read all files, score them, write and print the result.

    Returns:
        The content of `metrics.json`.

    Raises:
        UserError: what is wrong in the files, before anything is written.
    """
    scoring: Scoring = build_scoring(cfg)
    folder, files = Path(cfg.output_dir), [_answers_file(Path(name)) for name in cfg.answers]
    require_free(folder, files)
    numbers = [f"columns.{name}_answer" for name in DIMENSIONS if cfg.columns[f"{name}_answer"]]
    if scoring.reader is None and (len(files) > 1 or numbers):
        what = " and ".join(["several files (folds)"] * (len(files) > 1) + numbers)
        raise UserError(
            f"{what} are scored with scoring=classification only; say scoring=classification, or give a single file "
            "and leave out columns.valence_answer and columns.arousal_answer"
        )
    if cfg.slices and (scoring.reader is None or len(files) > 1):
        raise UserError(f"slices={list(cfg.slices)}: {ONE_LABEL}; leave slices out, or score a single file of labels")
    truths: list[Path | None] = [Path(name) for name in cfg.truth] or [None] * len(files)
    read = [
        read_file(cfg, file, truth, scoring, cluster=cfg.cluster, slices=[split_bins(word)[0] for word in cfg.slices])
        for file, truth in zip(files, truths, strict=True)
    ]
    if cfg.probabilities:
        read = [with_probabilities(predictions, scoring, cfg.columns) for predictions in read]
    scored = [scores_of(scoring, predictions.answers) for predictions in read]
    for number, (predictions, scores) in enumerate(zip(read, scored, strict=True), start=1):
        refuse_unreadable(predictions, scores, scoring, answer_column=cfg.columns.answer)
        refuse_other_clips(predictions, _benchmark_of(cfg, number if len(read) > 1 else None))
    if len(read) == 1:
        found = _score(cfg, read[0], scored[0], scoring, folder, cfg.benchmark)
    else:
        found = _score_folds(cfg, read, scored, scoring)
    report = found.content()
    print_metrics(report)
    print("\n".join([*_notes(report), f"scores: {folder / 'metrics.json'}", f"report: {folder / 'report.html'}"]))
    return report


def _answers_file(path: Path) -> Path:
    """The file of answers; of a run folder the one inside it."""
    return path / ANSWERS if path.is_dir() else path


def require_free(folder: Path, files: Sequence[Path]) -> None:
    """Refuse a folder whose results are of something else.

    Raises:
        UserError: it is that of a run, or holds the answers that are read.
    """
    other = quoted_override("output_dir", f"{folder}-scores")
    if (folder / "config.yaml").exists():
        raise UserError(f"output_dir={folder} is the folder of a run, whose answers must not change; say e.g. {other}")
    # Path.resolve raises where links go in a circle.
    if os.path.realpath(folder / ANSWERS) in map(os.path.realpath, files):
        raise UserError(f"output_dir={folder} holds the answers that are read and must not change; say e.g. {other}")
    require_writable(folder, "output_dir")


def _score(
    cfg: DictConfig,
    predictions: Predictions,
    scores: Sequence[Score],
    scoring: Scoring,
    folder: Path,
    benchmark: str | None,
) -> Report:
    """One file's report, written to a folder of its own."""
    answers = predictions.answers
    name = benchmark or predictions.answers_file.stem
    sampling = _sampling(cfg, [predictions])
    report = scoring.report(answers, scores, benchmark=name, split=cfg.split, sampling=sampling)
    for dimension in predictions.dimensions:
        scale = tuple(cfg[f"{dimension}_scale"])
        report = add_dimension(
            report,
            predictions,
            scores,
            scoring.reader.labels if scoring.reader else (),
            name=dimension,
            scale=(scale[0], scale[1]),
            missing=cfg.valence_missing,
            sampling=sampling,
        )
    attributes = attributes_asked(cfg.slices, predictions.attributes, [answer.clip_id for answer in answers])
    report = with_slices(report, answers, scores, scoring.reader, attributes, sampling)
    every, read = [*answers, *predictions.undecided], [*scores, *scores_of(scoring, predictions.undecided)]
    report = with_annotators(report, predictions.votes, every, read, scoring, sampling)
    if cfg.probabilities and isinstance(scoring, Classification):
        report = replace(report, likelihood=likelihood_section(answers, scores, scoring, sampling=sampling))
    described = {
        **predictions.facts,
        "scoring": _settings_of(cfg.scoring),
        "columns": {name: column for name, column in cfg.columns.items() if (name, column) != ("annotator", None)},
        **{name: cfg[name] for name in ("cluster", "stratified", "probabilities") if cfg[name]},
        **({"slices": list(cfg.slices)} if cfg.slices else {}),
    }
    key = evaluation_key(described)
    evaluation = {
        "answers": str(predictions.answers_file),
        "truth": str(predictions.truth_file),
        **described,
        "differences_from_official": _differences(benchmark, cfg.split, answers, scoring),
    }
    report = _with_hand_check(cfg.hand_check, report, answers, scores, scoring)
    report = _with_warnings(replace(report, evaluation=evaluation))
    if cfg.hand_check is not None and cfg.hand_check.isdecimal():
        require_unfilled(folder / SHEET)
    _make_room(folder, key)
    join(folder, key, answers, scores)
    if cfg.hand_check is not None and cfg.hand_check.isdecimal():
        sheet = folder / SHEET
        count = write_sheet(sheet, answers, scores, int(cfg.hand_check))
        print(f"{sheet}: {count} answers; fill in the column human and give it back: hand_check={sheet}")
    _write(folder, report, answers, scores)
    return report


def _settings_of(scoring: DictConfig) -> dict[str, Any]:
    """What the result depends on: without a judge its key stays that of results from before there was any."""
    settings = OmegaConf.to_container(scoring, resolve=True)
    return {name: value for name, value in dict(settings).items() if (name, value) != ("judge", None)}  # type: ignore[arg-type]


def _with_hand_check(
    hand_check: str | None, report: Report, answers: Sequence[Answer], scores: Sequence[Score], scoring: Scoring
) -> Report:
    """The report with the agreement of a sheet that a person filled in, where one is given."""
    if hand_check is None:
        return report
    if scoring.reader is None:
        raise UserError("hand_check is for answers with one label; leave it out, or say scoring=classification")
    if hand_check.isdecimal():
        return report
    checked = agreement(Path(hand_check), answers, scores, scoring.reader)
    return replace(report, reading={**(report.reading or {}), "hand_check": checked})


def _score_folds(
    cfg: DictConfig, folds: Sequence[Predictions], scored: Sequence[Sequence[Score]], scoring: Scoring
) -> Report:
    """A folder for each fold, and the report of all."""
    names = [f"fold{number}" for number in range(1, len(folds) + 1)]
    refuse_shared_clips(dict(zip(names, folds, strict=True)))
    folder = Path(cfg.output_dir)
    reports = {
        name: _score(cfg, predictions, scores, scoring, folder / name, _benchmark_of(cfg, number))
        for number, (name, predictions, scores) in enumerate(zip(names, folds, scored, strict=True), start=1)
    }
    evaluation = {name: report.evaluation for name, report in reports.items()}
    benchmark = cfg.benchmark or " ".join(report.benchmark for report in reports.values())
    sampling, labels = _sampling(cfg, folds), scoring.reader.labels if scoring.reader else ()
    sets = [
        counted_clips(predictions.answers, scores, labels, sampling)
        for predictions, scores in zip(folds, scored, strict=True)
    ]
    report = _with_warnings(replace(fold_report(reports, sets, sampling), benchmark=benchmark, evaluation=evaluation))
    _make_room(folder, evaluation_key(evaluation))
    _write(folder, report, [], [])
    return report


def _sampling(cfg: DictConfig, files: Sequence[Predictions]) -> Sampling:
    """What was sampled independently, as it is configured and as the tables say."""
    of_clips = {clip: value for file in files for clip, value in (file.clusters or {}).items()}
    return sampled(cfg.cluster, of_clips, is_stratified=cfg.stratified, intervals=cfg.intervals)


def _with_warnings(report: Report) -> Report:
    return replace(report, warnings=warnings_of(report.content()))


def _benchmark_of(cfg: DictConfig, fold: int | None) -> str | None:
    """The benchmark of one file; of several files each fold's own, which has its official size and clips."""
    folds = official_benchmark(cfg.benchmark).folds if cfg.benchmark is not None and fold is not None else ()
    return folds[fold - 1] if fold is not None and fold <= len(folds) else cfg.benchmark


def _make_room(folder: Path, key: str) -> None:
    with writing(f"output_dir={folder}"):
        folder.mkdir(parents=True, exist_ok=True)
    for aside in set_aside_other(folder, key):
        print(f"scores of earlier, different answers are now in {aside}")


def _write(folder: Path, report: Report, answers: Sequence[Answer], scores: Sequence[Score]) -> None:
    write_json(folder / "lineage.json", describe_process(sys.argv))
    content = report.content()
    write_json(folder / "metrics.json", content)
    nowhere = Path()
    rows = [(Clip(answer.clip_id, nowhere), answer, each) for answer, each in zip(answers, scores, strict=True)]
    write_page(folder / "report.html", content, rows, media={}, history=[])


def _differences(benchmark: str | None, split: str, answers: Sequence[Answer], scoring: Scoring) -> list[str]:
    """What the clips have other than the official set of the benchmark."""
    if benchmark is None:
        return []
    official = official_benchmark(benchmark)
    labels = official.labels
    if scoring.reader is not None:
        labels = scoring.reader.labels
    else:  # a list or a description is no label that could be counted
        official = replace(official, supports={})
    counts = {split: Counter(str(answer.truth) for answer in answers)}
    clips = {split: {answer.clip_id: str(answer.truth) for answer in answers}}
    return differences(official, counts, labels=labels, offered=official.prompt_order, clips=clips)


def _notes(report: dict[str, Any]) -> list[str]:
    """What was counted on the way, one line each; nothing where nothing was."""
    notes = []
    for prefix, facts in described(report).items():
        notes += [f"{prefix}{count} {about}" for key, about in ABOUT.items() if (count := facts[key])]
        if facts.get("pair_by") == "row":
            notes.append(f"{prefix}{facts['num_rows']} rows are paired by their order (pair_by=row)")
    return notes


ABOUT = {
    "equal_repeats": "rows repeat an earlier one and count once",
    "null_answers": "answers are null: these clips count as clips without an answer",
    "extra": "answers are about other clips and were left out",
}
"""Count of `Predictions.facts` -> what is said of it."""
