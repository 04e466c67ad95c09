"""`sweep.html`: one self-contained page about a sweep; its plots are drawn by a script inside it, without network."""

import re
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import optuna
from jinja2 import Environment, FileSystemLoader
from markupsafe import Markup
from optuna.trial import TrialState

from emolightning.files.writing import write_whole
from emolightning.runs.sweep.progress import best_row, duration, short
from emolightning.runs.sweep.results import over_seeds
from emolightning.runs.sweep.sweep_file import SweepFile
from emolightning.runs.sweep.trial import STATES, TrialRow

MIN_FOR_IMPORTANCE = 5
"""Finished trials. Fewer say nothing about which parameter mattered."""

BLUE, GREY = "#2563a8", "#8a96a3"


def write_sweep_page(path: Path, file: SweepFile, study: optuna.Study, rows: Sequence[TrialRow]) -> None:
    """Write the page.

    Args:
        path: of the HTML file.
        file: the sweep.
        study: its trials, for the plots.
        rows: its trials, for the tables.
    """
    # Parameters, logs and folders come from outside: everything is escaped.
    environment = Environment(loader=FileSystemLoader(Path(__file__).parent), autoescape=True, trim_blocks=True)
    environment.filters.update(short=short, duration=duration)
    plots = _plots(file, study)
    page = environment.get_template("sweep.html.jinja").render(
        file=file,
        rows=rows,
        names=list(file.parameters),
        best=best_row(rows, file.mode),
        counts=[(state, sum(row.state == state for row in rows)) for state in STATES],
        seconds=sum(row.seconds for row in rows),
        settings=over_seeds(rows, file.mode),
        plots=plots,
        script=_script() if any(plot[2] for plot in plots) else "",
    )
    write_whole(path, page)


def _plots(file: SweepFile, study: optuna.Study) -> list[tuple[str, str, Markup]]:
    """Title, what to know about it, and the plot; empty where there is nothing to draw, and then the text says why."""
    finished = study.get_trials(deepcopy=False, states=(TrialState.COMPLETE,))
    varied = sorted({name for trial in finished for name in trial.params})
    return [
        _plot(
            "Best value so far",
            "Finished trials.",
            lambda found: _history(found, file.metric),
            study,
            "" if finished else "No trial has finished.",
        ),
        _plot(
            "Course of each trial",
            f"{file.metric} after each validation; grey: stopped early, failed, or not at its end yet.",
            lambda found: _course(found, file.metric),
            study,
            "" if any(trial.intermediate_values for trial in study.trials) else "No trial has been validated.",
        ),
        _plot(
            "Parameters and value",
            "One line a finished trial, darker is better.",
            lambda found: _parallel(found, file.metric, varied),
            study,
            _too_few(len(finished), 2) or ("" if varied else "All parameters have one value."),
        ),
        _plot(
            "Importance of the parameters",
            f"Share of the variance of {file.metric} over {len(finished)} finished trials (fANOVA); a rough guide.",
            _importance,
            study,
            _no_importance(finished, varied),
        ),
    ]


def _plot(
    title: str, note: str, draw: Callable[[optuna.Study], Any], study: optuna.Study, lacking: str
) -> tuple[str, str, Markup]:
    if lacking:
        return title, lacking, Markup("")
    figure = draw(study)
    figure.update_layout(
        title=None,
        template="plotly_white",
        height=340,
        showlegend=False,
        margin={"l": 70, "r": 30, "t": 20, "b": 70},
        font={"family": "system-ui, sans-serif", "size": 12, "color": "#1d2733"},
    )
    options = {"displaylogo": False, "displayModeBar": False, "responsive": True}
    return title, note, Markup(figure.to_html(full_html=False, include_plotlyjs=False, config=options))  # noqa: S704


def _history(study: optuna.Study, metric: str) -> Any:
    figure = optuna.visualization.plot_optimization_history(study, target_name=metric)
    figure.data[0].marker.color = GREY
    figure.data[1].line.color = BLUE
    return figure.update_xaxes(title="trial")


def _course(study: optuna.Study, metric: str) -> Any:
    """Optuna's plot; blue for trials that went to their end, grey for others."""
    figure = optuna.visualization.plot_intermediate_values(study)
    finished = {f"Trial{trial.number}" for trial in study.trials if trial.state == TrialState.COMPLETE}
    for trace in figure.data:
        color = BLUE if trace.name in finished else GREY
        trace.update(line={"color": color, "width": 1.5}, marker={"color": color, "size": 4}, opacity=0.7)
    return figure.update_layout(xaxis_title="validation", yaxis_title=metric)


def _parallel(study: optuna.Study, metric: str, varied: Sequence[str]) -> Any:
    """Optuna's plot, whose labels are cut short and slanted, with whole ones."""
    figure = optuna.visualization.plot_parallel_coordinate(study, params=list(varied), target_name=metric)
    figure.update_traces(line={"width": 2}, opacity=0.8, selector={"mode": "lines"})
    labels = [re.sub("([./_])", r"\1<br>", name) for name in (metric, *varied)]
    return figure.update_xaxes(ticktext=labels, tickangle=0)


def _importance(study: optuna.Study) -> Any:
    evaluator = optuna.importance.FanovaImportanceEvaluator(seed=0)
    figure = optuna.visualization.plot_param_importances(study, evaluator=evaluator)
    figure.update_traces(marker_color=BLUE)
    return figure.update_layout(xaxis_title="share of the variance", yaxis_title=None)


def _no_importance(finished: Sequence[optuna.trial.FrozenTrial], varied: Sequence[str]) -> str:
    if len(varied) < 2:
        return f"{len(varied)} parameter varies: there is nothing to compare its importance with."
    if len({trial.value for trial in finished}) < 2:
        return _too_few(len(finished), MIN_FOR_IMPORTANCE) or "All finished trials have the same value."
    return _too_few(len(finished), MIN_FOR_IMPORTANCE)


def _too_few(number: int, needed: int) -> str:
    return "" if number >= needed else f"{number} finished trial{'s' * (number != 1)}: too few, it takes {needed}."


def _script() -> Markup:
    from plotly.offline import get_plotlyjs

    return Markup(get_plotlyjs())  # noqa: S704
