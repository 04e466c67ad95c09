"""What a page says about an evaluation in words: who the run is, what was evaluated, how to do it again."""

import shlex
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from emolightning.benchmarks.published.comparison import NOT_COMPARABLE, compare
from emolightning.benchmarks.published.measured import METRICS, measured_run
from emolightning.benchmarks.published.printing import comparison_sheet
from emolightning.benchmarks.published.table import read_published
from emolightning.benchmarks.registry import official_benchmarks
from emolightning.errors import UserError, quoted_override
from emolightning.files.documents import read_json_object, read_plain_yaml
from emolightning.records.sheets import Sheet
from emolightning.runs.answers import evaluation_key
from emolightning.runs.report.figures import supports
from emolightning.runs.report.rendering import number
from emolightning.scoring.metrics.chance import chance_levels

Report = Mapping[str, Any]
Facts = Sequence[tuple[str, str]]


@dataclass(frozen=True)
class Headline:
    """The score that a page begins with."""

    name: str
    value: float
    ends: tuple[float, float] | None
    definition: str
    chance: Mapping[str, float]
    """What is said of it -> value: of one label for all clips, of labels at random."""


def headline(report: Report) -> Headline | None:
    """The benchmark's own score, else the first that has a value."""
    official = official_benchmarks().get(str(report["benchmark"]))
    wanted = [official.headline] if official else []
    known = {name: score for name, score in report["metrics"].items() if score.get("value") is not None}
    name = next((name for name in (*wanted, *known) if name in known), None)
    if name is None:
        return None
    score, ends = known[name], known[name].get("ci95") or [None, None]
    levels = chance_levels(supports(report)) if "confusion_matrix" in report else {}
    return Headline(
        name,
        score["value"],
        None if ends[0] is None else (ends[0], ends[1]),
        str(score.get("definition", "")),
        {who: values[name] for who, values in levels.items() if name in values},
    )


def facts_of(folder: Path, report: Report) -> Facts:
    """What is recorded of the run in a folder: name, model, training, seed, code, date."""
    lineage, config = _read(folder / "lineage.json"), _read(folder / "config.yaml") or _of_a_fold(folder, report)
    model, git = report.get("model") or {}, lineage.get("git") or {}
    # A folder without training began with what was evaluated or scored there.
    trained, other = (lineage.get("started"), None) if "sessions" in lineage else (None, lineage.get("started"))
    return [
        (name, str(value))
        for name, value in (
            ("run", config.get("run_name")),
            ("model", _model(config.get("model"), model)),
            ("trained on", model.get("trained_on", "not recorded") if config else None),
            ("seed", config.get("seed")),
            ("code", git.get("commit") and f"{git['commit'][:10]}{' with changes' if git.get('dirty') else ''}"),
            ("trained", _minute(trained)),
            ("evaluated", _minute(_evaluation(lineage, report).get("started") or other)),
        )
        if value not in (None, "", {})
    ]


def _of_a_fold(folder: Path, report: Report) -> dict[str, Any]:
    """The configuration of the first run of a cross-validation, under the name of all of them."""
    if "folds" not in (report.get("evaluation") or {}):
        return {}
    configs = (_read(file) for file in sorted(folder.glob("*/config.yaml")))
    return next(({**config, "run_name": folder.name} for config in configs if config), {})


def _read(path: Path) -> dict[str, Any]:
    """A file of the folder; nothing where it is not there or no longer what was written: a page says what it can."""
    try:
        content = read_json_object(path) if path.suffix == ".json" else read_plain_yaml(path)
    except (OSError, UserError):
        return {}
    return content if isinstance(content, dict) else {}


def _evaluation(lineage: Report, report: Report) -> dict[str, Any]:
    """What the lineage notes of this evaluation: a folder may have seen several, and go back to an earlier one."""
    noted = lineage.get("evaluations")
    found = noted.get(evaluation_key(report.get("evaluation") or {})) if isinstance(noted, dict) else None
    return found if isinstance(found, dict) else {}


def _minute(time: object) -> str | None:
    """A date and time as people write it."""
    return f"{str(time)[:16].replace('T', ' ')} UTC" if time else None


def _model(config: object, facts: Report) -> str | None:
    """The family and its size."""
    target = str(config.get("_target_", "")) if isinstance(config, dict) else ""
    family = target.removeprefix("emolightning.models.").partition(".")[0].replace("_", " ")
    sizes = [
        f"{facts[name] / 10**6:.3g} M {what}"
        for name, what in (("num_parameters", "parameters"), ("num_trained", "trained"))
        if isinstance(facts.get(name), int)
    ]
    base = ["random base weights"] if facts.get("has_random_base") else []
    return ", ".join([*([family] if family else []), *sizes, *base]) or None


def commands(folder: Path, report: Report) -> list[str]:
    """What was typed, to train and to evaluate, and what makes this page again."""
    lineage = _read(folder / "lineage.json")
    typed = [lineage.get("command"), _evaluation(lineage, report).get("command")]
    found = [_typed(words) for words in typed if isinstance(words, list) and words]
    return list(dict.fromkeys([*found, f"python -m emolightning report {quoted_override('run', folder)}"]))


def _typed(words: Sequence[object]) -> str:
    program = Path(str(words[0])).name
    program = "emolightning" if program == "__main__.py" else program
    return shlex.join([*(["python"] if program.endswith(".py") else []), program, *map(str, words[1:])])


def published_sheet(report: Report, folder: Path) -> Sheet | None:
    """Published figures of the benchmark, comparable ones first, beside this run's; None where there are none."""
    name, run = str(report["benchmark"]), measured_run(report, folder / METRICS)
    found = compare([score for score in read_published() if score.benchmark == name], run, [name])
    if not any(row.score.is_verified for row in found.rows):
        return None
    ordered = sorted(found.rows, key=lambda row: row.verdict.startswith(NOT_COMPARABLE))
    return comparison_sheet(replace(found, rows=ordered), run)


def fold_sheet(report: Report) -> Sheet | None:
    """Every score of each fold; None where there are no folds."""
    found = {name: score for name, score in report["metrics"].items() if score.get("per_fold")}
    if not found:
        return None
    evaluation, num_folds = report.get("evaluation") or {}, len(next(iter(found.values()))["per_fold"])
    named = list(evaluation.get("folds") or evaluation)  # Folds of one command, or of files.
    names = named if len(named) == num_folds else [f"fold {place}" for place in range(1, num_folds + 1)]
    rows = [[name, *map(number, score["per_fold"]), number(score.get("sd"))] for name, score in found.items()]
    return Sheet("Over folds", ["score", *names, "sd"], rows, ["sd over the folds, with n - 1"])


def in_words(report: Report, prompt: str) -> list[str]:
    """What was evaluated, in sentences; what is not recorded is not said."""
    return list(_sentences(report.get("evaluation") or {}, report, prompt))


def _sentences(how: Report, report: Report, prompt: str) -> Iterator[str]:
    yield f"{report['num_clips']} clips of split {report['split']} of {report['benchmark']} were evaluated."
    if labels := how.get("labels"):
        yield f"The labels are {', '.join(map(str, labels))}."
    if inputs := how.get("inputs"):
        frame = f"; frames of the video: {how['frame']}" if how.get("frame") else ""
        yield f"The model was given {', '.join(map(str, inputs))}{frame}."
    if how.get("shuffle"):
        yield f"{', '.join(map(str, how['shuffle']))} were exchanged among the clips (seed {how.get('shuffle_seed')})."
    if prompt:
        yield f"It was asked, of the first clip: {prompt}"
    if isinstance(generation := how.get("generation"), dict) and prompt:
        sampled = (
            f"sampled with temperature {generation.get('temperature')}" if generation.get("do_sample") else "greedy"
        )
        beams = f", {generation['num_beams']} beams" if generation.get("num_beams", 1) != 1 else ""
        yield f"Answers were {sampled}{beams}, of at most {generation.get('max_new_tokens')} tokens."
    if answers := how.get("answers"):
        yield f"The answers are those of {answers}; the truths are those of {how.get('truth')}."
    yield from _about_reading(report)
    if fingerprint := how.get("weights_sha256"):
        yield f"Fingerprint of the trained weights: {str(fingerprint)[:16]}."


def _about_reading(report: Report) -> Iterator[str]:
    if isinstance(reading := report.get("reading"), dict) and "parser" in reading:
        yield (
            f"Labels were read from answers by parser={reading['parser']}, with aliases {reading.get('aliases')}; "
            "unreadable answers count as wrong."
        )
    if isinstance(judge := report.get("judge"), dict):
        yield f"A judge graded: {', '.join(f'{name} {judge[name]}' for name in ('name', 'model') if judge.get(name))}."
