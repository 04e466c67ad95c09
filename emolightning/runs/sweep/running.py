"""The sweep itself: starts trials, watches their validations, stops the hopeless ones, and can be stopped itself."""

import signal
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from optuna.trial import FrozenTrial, TrialState

from emolightning.config.secrets import redact
from emolightning.runs.processes import GROUP, last_lines, stop_leftovers
from emolightning.runs.sweep.checking import RUN_ID, run_folder
from emolightning.runs.sweep.command import command_line, repeating_line
from emolightning.runs.sweep.progress import Progress, best_row
from emolightning.runs.sweep.search import Search
from emolightning.runs.sweep.sweep_file import SweepFile
from emolightning.runs.sweep.trial import Histories, History, TrialProcess, TrialRow
from emolightning.training.stopping.told_to_stop import SIGNALS

GRACE_S = 60.0
"""Seconds in which a trial can save a checkpoint when it is told to stop."""

POLL_S = 0.3
MAX_FAILURES = 3
"""In a row: then something is wrong with all of them."""


@dataclass
class Active:
    """A trial that runs now."""

    trial: FrozenTrial
    process: TrialProcess
    reason: str = ""
    """Why it was told to stop."""


class SweepRun:
    """One part of a sweep: from a start to its end or interruption.

    Args:
        file: the sweep.
        search: its trials.
        folder: of the sweep.
        extra: overrides for all trials.
        count: trials in all, earlier parts included.
        parallel: trials at the same time.
    """

    def __init__(self, file: SweepFile, search: Search, folder: Path, *, extra: list[str], count: int, parallel: int):
        self.file, self.search, self.folder = file, search, folder
        self.extra, self.count, self.parallel = extra, count, parallel
        self.received = 0
        """The signal that interrupts."""
        self.given_up = ""
        """Why no more trials are started."""
        self.is_failing = False
        """Whether too many failed in a row."""
        self._logged = Histories(file.metric)
        self._active: list[Active] = []
        self._failures = 0

    def run(self, progress: Progress) -> None:
        """Until all trials are done, too many fail in a row, or a signal comes; then all processes have ended."""
        stopped = stop_leftovers(GROUP, self.search.sweep_id, grace_s=GRACE_S)
        if stopped:
            progress.say(f"stopped {stopped} process(es) that an earlier part of this sweep had left")
        waiting = [trial for trial in self.search.trials() if not trial.state.is_finished()]
        with _signals(self._receive):
            while True:
                self._watch(progress)
                while len(self._active) < self.parallel and self._may_start():
                    trial = waiting.pop(0) if waiting else self._next()
                    if trial is None:
                        break
                    self._start(trial, progress)
                if not self._active:
                    return
                if progress.is_shown:
                    progress.show(self.rows(), total=self.count, parallel=self.parallel)
                time.sleep(POLL_S)

    def rows(self) -> list[TrialRow]:
        """All trials of the sweep."""
        running = {active.trial.number: active for active in self._active}
        return [self._row(trial, running.get(trial.number)) for trial in self.search.trials()]

    def _next(self) -> FrozenTrial | None:
        return self.search.ask() if len(self.search.trials()) < self.count else None

    def _may_start(self) -> bool:
        if self.received or self.given_up:
            return False
        best = best_row(self.rows(), self.file.mode) if self.file.target is not None else None
        if best and best.value is not None and self.file.target is not None:
            is_reached = best.value >= self.file.target if self.file.mode == "max" else best.value <= self.file.target
            if is_reached:
                self.given_up = f"trial {best.number} reached metric.target {self.file.target:g}"
        return not self.given_up

    def _start(self, trial: FrozenTrial, progress: Progress) -> None:
        values, run_id = self.search.values(trial), self._run_id(trial)
        is_again = "folder" in trial.user_attrs
        if not is_again:
            folder = run_folder(self.file, values, run_id, self.extra)
            self.search.note(trial, run_id=run_id, folder=str(folder), seconds=0.0)
        trial = self.search.trials()[trial.number]
        command = command_line(self.file.command, values, self.extra)
        variables = {RUN_ID: run_id, GROUP: self.search.sweep_id}  # The group marks its processes as this sweep's.
        shown = " ".join(f"{name}={value}" for name, value in values.items())
        progress.say(f"trial {trial.number} {'continues' if is_again else 'starts'}: {shown}")
        try:
            self._active.append(Active(trial, TrialProcess(command, self._log(trial), variables)))
        except OSError as error:
            self._record(trial, TrialState.FAIL, None, progress, reason=f"cannot be started: {error}")

    def _watch(self, progress: Progress) -> None:
        """Look after each running trial once."""
        found = {active.trial.number: self._history(active.trial) for active in self._active}
        for active in self._active:
            self.search.report(active.trial, found[active.trial.number].values)
        histories = self._histories() if self.file.early_terminate else []
        for active in list(self._active):
            code = active.process.exit_code()
            if code is not None:
                self._active.remove(active)
                self._end(active, code, progress)
                continue
            if self.received:
                active.process.ask_to_stop()
            elif self.file.early_terminate and not active.process.is_told:
                self._compare(active, list(found[active.trial.number].values), histories, progress)
            active.process.kill_if_late(GRACE_S)

    def _compare(self, active: Active, history: list[float], histories: list[list[float]], progress: Progress) -> None:
        """Stop a trial that hyperband would stop."""
        assert self.file.early_terminate is not None
        found = self.file.early_terminate.verdict(history, histories, maximize=self.file.mode == "max")
        if found is None:
            return
        band, value, threshold = found
        side = "below" if self.file.mode == "max" else "above"
        active.reason = f"hyperband: {value:.4g} after validation {band} is {side} {threshold:.4g}"
        progress.say(f"trial {active.trial.number} is stopped, {active.reason}")
        active.process.ask_to_stop()

    def _histories(self) -> list[list[float]]:
        """Values of all trials that have validated."""
        found = []
        for trial in self.search.trials():
            values = trial.intermediate_values
            if values:
                found.append([values[count] for count in sorted(values)])
        return found

    def _end(self, active: Active, code: int, progress: Progress) -> None:
        """What became of a trial."""
        trial, history = active.trial, self._history(active.trial)
        self.search.report(trial, history.values)
        value, _ = history.best(self.file.mode)
        seconds = self.search.trials()[trial.number].user_attrs.get("seconds", 0.0) + active.process.seconds
        if code and self.received and active.process.is_told:
            self.search.note(trial, seconds=seconds, exit_code=code)
            progress.say(f"trial {trial.number} is interrupted at step {history.last_step}")
            return
        state, reason = self._outcome(active, code, history)
        self._record(trial, state, value, progress, seconds=seconds, exit_code=code, reason=reason)

    def _record(
        self,
        trial: FrozenTrial,
        state: TrialState,
        value: float | None,
        progress: Progress,
        *,
        reason: str,
        **facts: Any,
    ) -> None:
        reason = redact(reason)
        self.search.note(trial, reason=reason, **facts)
        self.search.finish(trial, state, value)
        self._failures = self._failures + 1 if state == TrialState.FAIL else 0
        if self._failures >= MAX_FAILURES:
            self.is_failing = True
            self.given_up = f"{MAX_FAILURES} trials in a row failed, the last with: {reason}"
        progress.end(self._row(self.search.trials()[trial.number], None), self.rows(), self.count, self.parallel)

    def _outcome(self, active: Active, code: int, history: History) -> tuple[TrialState, str]:
        if code and active.reason:
            return TrialState.PRUNED, active.reason
        if code:
            return TrialState.FAIL, last_lines(self._log(active.trial)) or f"exit code {code}"
        if not history.values:
            return TrialState.FAIL, f"no {self.file.metric} in {active.trial.user_attrs['folder']}/metrics.csv"
        return TrialState.COMPLETE, ""

    def _row(self, trial: FrozenTrial, active: Active | None) -> TrialRow:
        facts: dict[str, Any] = trial.user_attrs
        history = self._history(trial)
        value, best_step = history.best(self.file.mode)
        values = self.search.values(trial)
        return TrialRow(
            number=trial.number,
            state=_state(trial.state, is_active=active is not None),
            values=values,
            value=value,
            best_step=best_step,
            step=history.last_step,
            num_validations=len(history.values),
            seconds=facts.get("seconds", 0.0) + (active.process.seconds if active else 0.0),
            folder=facts.get("folder", ""),
            log=str(self._log(trial)),
            exit_code=None if active else facts.get("exit_code"),
            reason=active.reason if active else facts.get("reason", ""),
            again=repeating_line(self.file.command, values, self.extra, f"{self._run_id(trial)}-again"),
        )

    def _history(self, trial: FrozenTrial) -> History:
        folder = trial.user_attrs.get("folder")
        return self._logged.of(Path(folder)) if folder else History()

    def _log(self, trial: FrozenTrial) -> Path:
        return self.folder / "logs" / f"{trial.number:03}.log"

    def _run_id(self, trial: FrozenTrial) -> str:
        return f"{self.search.sweep_id.rpartition('-')[2]}-{trial.number:03}"

    def _receive(self, number: int) -> None:
        if self.received:  # the second Ctrl-C
            for active in self._active:
                active.process.kill()
            return
        self.received = number
        name = signal.Signals(number).name
        print(f"{name}: trials save a checkpoint and end (once more kills them)", file=sys.stderr, flush=True)


def _state(state: TrialState, *, is_active: bool) -> str:
    if not state.is_finished():
        return "running" if is_active else "interrupted"
    return {TrialState.COMPLETE: "finished", TrialState.PRUNED: "stopped early"}.get(state, "failed")


@contextmanager
def _signals(receive: Any) -> Iterator[None]:
    """Ctrl-C and what schedulers send go to `receive`."""
    numbers = (signal.SIGINT, *SIGNALS)
    before = {number: signal.signal(number, lambda received, frame: receive(received)) for number in numbers}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
