"""What a sweep shows: means, the line of its progress, the page."""

import io
import statistics
from pathlib import Path
from typing import Any

import pytest
import scipy.stats
from rich.console import Console
from sweep_factory import sweep_file

from emolightning.runs.sweep.progress import Progress, duration, summary
from emolightning.runs.sweep.results import over_seeds
from emolightning.runs.sweep.search import Search
from emolightning.runs.sweep.sweep_file import read_sweep_file
from emolightning.runs.sweep.sweep_page import write_sweep_page
from emolightning.runs.sweep.trial import TrialRow


def row(number: int, state: str, value: float | None, *, seconds: float = 60, **values: Any) -> TrialRow:
    return TrialRow(number, state, values, value, 3, 9, 2, seconds, "runs/x", "x.log", 0, "", "again")


def test_means_over_seeds_are_those_of_statistics() -> None:
    rows = [row(0, "finished", 0.5, r=2, seed=0), row(1, "finished", 0.7, r=2, seed=1)]
    rows += [row(2, "finished", 0.9, r=4, seed=0), row(3, "failed", None, r=4, seed=1)]
    rows += [row(4, "finished", 0.6, r=2, seed=2), row(5, "stopped early", 0.1, r=4, seed=2)]
    best, other = over_seeds(rows, "max")
    assert (best.values, best.score.n, best.score.sd, best.num_left_out) == ({"r": 4}, 1, None, 2)
    assert (other.name, other.score.mean) == ("r=2", pytest.approx(0.6))
    assert other.score.sd == pytest.approx(statistics.stdev([0.5, 0.7, 0.6]))
    interval = scipy.stats.ttest_1samp([0.5, 0.7, 0.6], 0).confidence_interval(0.95)
    assert other.score.ci95 == pytest.approx((interval.low, interval.high))
    assert over_seeds([row(0, "finished", 1.0, r=2)], "max") == []


def test_the_summary_counts_and_estimates() -> None:
    rows = [row(0, "finished", 0.5), row(1, "failed", 0.9), row(2, "running", 0.4, seconds=30)]
    assert summary(rows, 6, 2, "max") == "2 of 6 done, 1 running; best 0.5000 (trial 0); about 2 min left"
    assert [duration(seconds) for seconds in (41, 700, 12600)] == ["41 s", "12 min", "3.5 h"]


def test_a_terminal_gets_a_table() -> None:
    output = io.StringIO()
    console = Console(file=output, force_terminal=True, width=120)
    with Progress("val/war", "max", console) as progress:
        progress.show([row(0, "finished", 0.5, lr=0.00123456)], total=2, parallel=1)
    shown = output.getvalue()
    assert "0.001235" in shown
    assert "1 of 2 done" in shown


def test_what_comes_from_outside_is_escaped_on_the_page(tmp_path: Path) -> None:
    evil = "<script>alert(1)</script>"
    spec = {"notes": {"values": [["</script>b"], ["c"]]}, "seed": {"values": [0, 1]}}
    file = read_sweep_file(sweep_file(tmp_path, "evil", parameters=spec))
    search = Search(file, tmp_path, [])
    rows = []
    for number in range(4):
        trial = search.ask()
        assert trial is not None
        search.report(trial, [1.0 + number])
        search.finish(trial, type(trial.state).COMPLETE, 1.0 + number)
        rows.append(row(number, "finished", 1.0 + number, **search.values(trial)))
    rows[0].reason = evil
    write_sweep_page(tmp_path / "sweep.html", file, search.study, rows)
    page = (tmp_path / "sweep.html").read_text(encoding="utf-8")
    assert evil not in page
    assert "</script>b" not in page
    assert "&lt;script&gt;alert(1)" in page
    assert "4 finished trials: too few, it takes 5." in page
    assert 'colspan="8">&lt;script&gt;' in page
    assert page.count('class="why"') == 1
    assert "From lowest to highest: seed 0 to 1" in page
