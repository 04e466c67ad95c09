"""`sweep.html`: one self-contained page about a sweep, without network."""

from collections.abc import Sequence
from pathlib import Path

import optuna
from optuna.trial import FrozenTrial, TrialState

from emolightning.files.writing import write_whole
from emolightning.runs.report.charts import Axis, Curve, Drawing, Mark, Row, axis, curves, rows, ticks
from emolightning.runs.report.rendering import render
from emolightning.runs.sweep.progress import best_row, duration, short
from emolightning.runs.sweep.results import over_seeds
from emolightning.runs.sweep.sweep_file import SweepFile
from emolightning.runs.sweep.trial import STATES, TrialRow

MIN_FOR_IMPORTANCE = 5
"""Finished trials. Fewer say nothing about which parameter mattered."""


def write_sweep_page(path: Path, file: SweepFile, study: optuna.Study, rows_of_trials: Sequence[TrialRow]) -> None:
    """Write the page.

    Args:
        path: of the HTML file.
        file: the sweep.
        study: its trials, for the drawings.
        rows_of_trials: its trials, for the tables.
    """
    drawings, lacking = sweep_drawings(file, study)
    page = render(
        "sweep.html.jinja",
        file=file,
        rows=rows_of_trials,
        names=list(file.parameters),
        best=best_row(rows_of_trials, file.mode),
        counts=[(state, sum(row.state == state for row in rows_of_trials)) for state in STATES],
        seconds=duration(sum(row.seconds for row in rows_of_trials)),
        settings=over_seeds(rows_of_trials, file.mode),
        short=short,
        duration=duration,
        drawings=drawings,
        lacking=lacking,
    )
    write_whole(path, page)


def sweep_drawings(file: SweepFile, study: optuna.Study) -> tuple[list[Drawing], list[str]]:
    """What there is to draw, and for the rest why there is not."""
    trials = study.get_trials(deepcopy=False)
    finished = [trial for trial in trials if trial.state == TrialState.COMPLETE]
    varied = sorted({name for trial in finished for name in trial.params})
    found = [
        _best_so_far(file, finished) if finished else "Best value so far: no trial has finished.",
        _course(file, trials)
        if any(trial.intermediate_values for trial in trials)
        else "Course of each trial: no trial has been validated.",
        _no_parallel(finished, varied) or _parallel(file, finished, varied),
        _no_importance(finished, varied) or _importance(file, study, len(finished)),
    ]
    return [each for each in found if isinstance(each, Drawing)], [each for each in found if isinstance(each, str)]


def _best_so_far(file: SweepFile, finished: Sequence[FrozenTrial]) -> Drawing:
    better = max if file.mode == "max" else min
    points = [(float(trial.number), float(trial.value or 0.0)) for trial in finished]
    best = [(number, better(value for _, value in points[: place + 1])) for place, (number, _) in enumerate(points)]
    drawn = [
        Curve("each trial", points, colour="muted", is_joined=False, tips=_tips(finished)),
        Curve("best so far", best, has_dots=False),
    ]
    scales = _trials_axis(len(points) and points[-1][0]), axis(file.metric, [value for _, value in points])
    return Drawing("best", "Best value so far", curves("Best value so far", drawn, *scales), "Finished trials")


def _course(file: SweepFile, trials: Sequence[FrozenTrial]) -> Drawing:
    courses = [(trial, sorted(trial.intermediate_values.items())) for trial in trials if trial.intermediate_values]
    drawn = [
        Curve(
            "",
            [(float(place), value) for place, (_, value) in enumerate(course, start=1)],
            colour="accent" if trial.state == TrialState.COMPLETE else "muted",
            tips=[f"trial {trial.number}: {value:.4f}" for _, value in course],
        )
        for trial, course in courses
    ]
    most = max(len(curve.points) for curve in drawn)
    y = axis(file.metric, [value for curve in drawn for _, value in curve.points])
    svg = curves("Course of each trial", drawn, Axis("validation", 1, max(2, most), _whole(1, max(2, most))), y)
    caption = f"{file.metric} after each validation; grey: stopped early, failed, or not at its end yet"
    return Drawing("course", "Course of each trial", svg, caption)


def _parallel(file: SweepFile, finished: Sequence[FrozenTrial], varied: Sequence[str]) -> Drawing:
    """A line a trial through its parameters and its value, each on a scale of its own; the best one is blue."""
    values = [float(trial.value or 0.0) for trial in finished]
    best = max(values) if file.mode == "max" else min(values)
    scales = [*(_places([trial.params.get(name) for trial in finished]) for name in varied), _places(values)]
    drawn = [
        Curve(
            "",
            [(float(place), scale[number]) for place, scale in enumerate(scales) if number in scale],
            colour="accent" if value == best else "muted",
            tips=[tip for place, tip in enumerate(_words(trial, file, varied)) if number in scales[place]],
        )
        for number, (trial, value) in enumerate(zip(finished, values, strict=True))
    ]
    drawn.sort(key=lambda curve: curve.colour == "accent")
    names = [name.replace("/", ".").rpartition(".")[2][:16] for name in (*varied, file.metric)]
    x = Axis("parameter", 0, len(names) - 1, [(float(place), name) for place, name in enumerate(names)])
    svg = curves("Parameters and value", drawn, x, Axis("lowest to highest", 0, 1, ticks(0, 1)))
    ends = ", ".join(
        f"{name} {short(min(known))} to {short(max(known))}"
        for name in varied
        if (known := [float(trial.params[name]) for trial in finished if _is_number(trial.params.get(name))])
    )
    caption = f"One line a finished trial; blue: the best{f'. From lowest to highest: {ends}' if ends else ''}"
    return Drawing("parameters", "Parameters and value", svg, caption)


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _places(values: Sequence[object]) -> dict[int, float]:
    """Number of a trial -> place of its value between the lowest and the highest; words in their order."""
    known = [(number, value) for number, value in enumerate(values) if value is not None]
    are_numbers = all(_is_number(value) for _, value in known)
    order = sorted({str(value) for _, value in known})
    numbers = {number: float(str(value)) if are_numbers else float(order.index(str(value))) for number, value in known}
    low, high = min(numbers.values()), max(numbers.values())
    return {number: (value - low) / (high - low) if high > low else 0.5 for number, value in numbers.items()}


def _words(trial: FrozenTrial, file: SweepFile, varied: Sequence[str]) -> list[str]:
    values = [(name, short(trial.params.get(name))) for name in varied] + [(file.metric, f"{trial.value:.4f}")]
    return [f"trial {trial.number}: {name} {value}" for name, value in values]


def _importance(file: SweepFile, study: optuna.Study, number: int) -> Drawing:
    found = optuna.importance.get_param_importances(
        study, evaluator=optuna.importance.FanovaImportanceEvaluator(seed=0)
    )
    drawn = [Row(name, [Mark(share)], f"{share:.2f}") for name, share in found.items()]
    svg = rows("Importance of the parameters", drawn, Axis("share of the variance", 0, 1, ticks(0, 1)), has_bars=True)
    caption = f"Share of the variance of {file.metric} over {number} finished trials (fANOVA); a rough guide"
    return Drawing("importance", "Importance of the parameters", svg, caption)


def _trials_axis(last: float) -> Axis:
    high = max(1, int(last))
    return Axis("trial", 0, high, _whole(0, high))


def _whole(low: int, high: int) -> list[tuple[float, str]]:
    step = max(1, -(-(high - low) // 8))
    return [(float(number), str(number)) for number in range(low, high + 1, step)]


def _tips(trials: Sequence[FrozenTrial]) -> list[str]:
    return [f"trial {trial.number}: {trial.value:.4f}" for trial in trials]


def _no_parallel(finished: Sequence[FrozenTrial], varied: Sequence[str]) -> str:
    lacking = _too_few(len(finished), 2) or ("" if varied else "All parameters have one value.")
    return lacking and f"Parameters and value: {lacking}"


def _no_importance(finished: Sequence[FrozenTrial], varied: Sequence[str]) -> str:
    lacking = _too_few(len(finished), MIN_FOR_IMPORTANCE)
    if len(varied) < 2:
        lacking = f"{len(varied)} parameter varies: there is nothing to compare its importance with."
    elif not lacking and len({trial.value for trial in finished}) < 2:
        lacking = "All finished trials have the same value."
    return lacking and f"Importance of the parameters: {lacking}"


def _too_few(number: int, needed: int) -> str:
    return "" if number >= needed else f"{number} finished trial{'s' * (number != 1)}: too few, it takes {needed}."
