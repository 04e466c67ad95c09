"""`folds=5` and `leave_one=subject`: each clip is tested once, by a run that has not seen it; one result of all."""

import re
import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from omegaconf import DictConfig

from emolightning.data.checkup.coverage import coverage_warnings
from emolightning.data.loading.corpus import Corpus
from emolightning.data.readers.folds import NUMBERED, SUBJECT, Division, folds_of, values_of
from emolightning.errors import override
from emolightning.files.documents import read_json_object
from emolightning.files.writing import write_json
from emolightning.models.parts.adapter import DESCRIPTION
from emolightning.records.clips import Answer, Clip, Score
from emolightning.records.report import Report
from emolightning.runs.answers import evaluation_key, join, latest_key, read_scored, set_aside_other
from emolightning.runs.assembly_of_data import make_corpus
from emolightning.runs.assembly_of_scoring import build_scoring
from emolightning.runs.lineage import describe_process
from emolightning.runs.members import Member, Outcome, Several, write_table
from emolightning.runs.processes import kept
from emolightning.runs.report.page import write_page
from emolightning.runs.report.table import print_metrics
from emolightning.runs.seeds import Spread, spread
from emolightning.scoring.annotators import with_annotators
from emolightning.scoring.sampling import Sampling, sampled
from emolightning.scoring.warnings import warnings_of
from emolightning.training.loggers.csv_log import CsvLog
from emolightning.training.run_folder import RunFolder

OWN = ("folds", "leave_one", "parallel", "output_dir", "run_name", "resume")
"""Settings that each fold gets anew."""

FOLDER = "EMOLIGHTNING_FOLDS"
"""Variable of the programs' environment, as that of seeds."""

SHOWN = ("weighted_f1", "uar", "war", "mae")
"""Scores whose mean over folds is printed; the others are in the files."""

Scored = list[tuple[Answer, Score]]


def cross_validate(cfg: DictConfig, overrides: Sequence[str]) -> int:
    """Train and test a run for each fold, then score all answers together.

    Args:
        cfg: the checked configuration, with `folds` or `leave_one`.
        overrides: the command line, passed on to each fold.

    Returns:
        1 if a fold failed, else 0.

    Raises:
        UserError: the clips cannot be divided so; or as for seeds.
    """
    root, setting = Path(cfg.output_dir), f"folds={cfg.folds}" if cfg.folds else f"leave_one={cfg.leave_one}"
    several = Several(setting, "fold", OWN, FOLDER)
    with several.at_work(cfg, overrides) as work:
        corpus = make_corpus(cfg, takes_stock=True)
        clips = corpus.source.read_clips()
        held_out = folds_of(clips, folds=cfg.folds, leave_one=cfg.leave_one)
        print("\n".join([f"{setting}: {len(held_out)} runs", *_divisions(corpus, clips, held_out)]), flush=True)
        outcomes = work([_member(place, name) for place, name in enumerate(held_out, start=1)])
        report = None
        if not any(outcome.exit_code for outcome in outcomes):
            report = _together(cfg, root, corpus, clips, outcomes, setting)
        _write(root, several.passed_on(overrides), held_out, outcomes, report)
    failed = [outcome.title for outcome in outcomes if outcome.exit_code]
    if failed:
        print(
            f"{len(failed)} of {len(outcomes)} folds failed: {', '.join(failed)}; the same command does what is missing"
        )
    print(f"table: {root / 'folds.json'}, {root / 'folds.csv'}; runs: {root}/fold-<n>-...")
    return int(bool(failed))


def _member(place: int, held_out: str) -> Member:
    """The name of its folder holds no more than disks take; so its words are noted, too."""
    words = (override("data.held_out", held_out),)
    is_numbered = NUMBERED.fullmatch(held_out) is not None
    safe = held_out.replace("/", "-of-") if is_numbered else f"{place}-" + re.sub(r"[^\w.-]+", "-", held_out)[:60]
    name = f"fold-{safe}"
    return Member(f"fold {held_out}", name, words, noted=words)


def _divisions(corpus: Corpus, clips: Sequence[Clip], held_out: Sequence[str]) -> list[str]:
    """Sizes of each fold's splits, and labels that one of them lacks; refuses what leaves nothing."""
    lines, division = [], Division(clips, seed=corpus.source.seed)
    for name in held_out:
        held = division.held_out(name)
        counts, tested = held.class_counts, held.num_tested
        sizes = ", ".join(f"{split} {sum(found.values())}" for split, found in counts.items())
        subjects = f" of {tested} subject{'s' * (tested > 1)}" if tested else ""
        lines.append(f"  {name}: {sizes}{subjects}")
        if "emotion" in {*corpus.questions.tasks, corpus.questions.task}:
            trained = list(counts["train"])
            lines += [f"    {each}" for each in coverage_warnings(counts, vocabulary=trained, offered=trained)]
    return lines


def _together(
    cfg: DictConfig, root: Path, corpus: Corpus, clips: Sequence[Clip], outcomes: Sequence[Outcome], setting: str
) -> Report:
    """The result of all clips, each answered by the run that had not seen it: intervals over subjects, if known."""
    scored = [
        row for outcome in outcomes for row in read_scored(Path(outcome.folder), latest_key(Path(outcome.folder)))
    ]
    answers, scores = [answer for answer, _ in scored], [score for _, score in scored]
    scoring, sampling = build_scoring(cfg), _sampling(cfg, clips, answers)
    report = scoring.report(
        answers, scores, benchmark=f"{corpus.source.name}, {setting}", split="test", sampling=sampling
    )
    report = with_annotators(report, corpus.source.votes, answers, scores, scoring, sampling)
    single = [read_json_object(Path(outcome.folder) / "metrics.json") for outcome in outcomes]
    metrics = {name: {**entry, **_over_folds(name, single)} for name, entry in report.metrics.items()}
    evaluations = [found["evaluation"] for found in single]
    same = {key: value for key, value in evaluations[0].items() if all(each.get(key) == value for each in evaluations)}
    evaluation = {**same, "folds": {outcome.title: found for outcome, found in zip(outcomes, evaluations, strict=True)}}
    report = replace(report, metrics=metrics, evaluation=evaluation, model=single[0].get("model"))
    report = replace(report, warnings=warnings_of(report.content()))
    _keep(root, report, scored, {clip.id: clip for clip in clips})
    _log_validations(root, outcomes)
    return report


def _sampling(cfg: DictConfig, clips: Sequence[Clip], answers: Sequence[Answer]) -> Sampling:
    """Whoever is seen in several clips is drawn with all of them; without subjects what is left out together."""
    column = SUBJECT if all(clip.subject for clip in clips) else cfg.leave_one
    of_clips = {} if column is None else values_of(clips, column)
    asked = {answer.clip_id: of_clips.get(answer.clip_id) for answer in answers}
    return sampled(column, asked, is_stratified=False, intervals="score")


def _over_folds(name: str, reports: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    values = [report["metrics"].get(name, {}).get("value") for report in reports]
    known = [value for value in values if value is not None]
    found = spread(known) if known else Spread(float("nan"), None, None, 0)
    return {"per_fold": values, **({"mean_over_folds": found.mean, "sd": found.sd} if known else {})}


def _keep(root: Path, report: Report, scored: Scored, clips: Mapping[str, Clip]) -> None:
    """Answers, scores and page of all, as an evaluation leaves them."""
    content = report.content()
    key = evaluation_key(content["evaluation"])
    for aside in set_aside_other(root, key):
        print(f"scores of earlier, different folds are now in {aside}")
    join(root, key, [answer for answer, _ in scored], [score for _, score in scored])
    write_json(root / "lineage.json", describe_process(sys.argv))
    write_json(root / "metrics.json", content)
    rows = [(clips[answer.clip_id], answer, score) for answer, score in scored]
    write_page(root / "report.html", content, rows, media={}, history=[])
    print_metrics(content)
    known = {name: entry for name, entry in content["metrics"].items() if "mean_over_folds" in entry}
    means = [
        f"{name} {known[name]['mean_over_folds']:.4f} (sd {known[name]['sd']:.4f})" for name in SHOWN if name in known
    ]
    print(f"above: all clips together; mean over folds: {', '.join(means)}")
    print(f"scores: {root / 'metrics.json'}\nreport: {root / 'report.html'}")


def _log_validations(root: Path, outcomes: Sequence[Outcome]) -> None:
    """The mean of the folds' best validations as one row of a log, which a sweep reads."""
    adapters = [RunFolder(Path(outcome.folder)).adapter / DESCRIPTION for outcome in outcomes]
    found = [read_json_object(path).get("val_scores") or {} for path in adapters]
    names = [name for name in found[0] if all(name in scores for scores in found)]
    CsvLog(folder=str(root)).log_metrics({n: sum(scores[n] for scores in found) / len(found) for n in names}, step=0)


def _write(
    root: Path, overrides: list[str], held_out: Sequence[str], outcomes: Sequence[Outcome], report: Report | None
) -> None:
    """`folds.json`, and `folds.csv` with a row a fold."""
    names = list(dict.fromkeys(name for outcome in outcomes for name in outcome.scores))
    known = {name: [o.scores[name] for o in outcomes if name in o.scores] for name in names}
    pooled = {} if report is None else {name: report.metrics[name] for name in names if name in report.metrics}
    content: dict[str, Any] = {
        "overrides": kept(overrides)["shown"],
        "num_failed": sum(bool(outcome.exit_code) for outcome in outcomes),
        "scores": {name: asdict(spread(values)) for name, values in known.items()},
        "pooled": {name: {key: entry.get(key) for key in ("value", "ci95")} for name, entry in pooled.items()},
        "folds": [
            {"held_out": name, **{key: value for key, value in asdict(outcome).items() if key != "title"}}
            for name, outcome in zip(held_out, outcomes, strict=True)
        ],
    }
    write_json(root / "folds.json", content)
    write_table(root / "folds.csv", "held_out", held_out, outcomes, names)
