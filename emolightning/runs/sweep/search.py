"""Which values to try next, and the record of all trials: an Optuna study in SQLite, which survives kill -9.

What is drawn follows from the study and the number of the trial alone, so a continued search draws as one that was
never interrupted.
"""

import json
import random
import secrets
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import optuna
from optuna.distributions import BaseDistribution, CategoricalDistribution, FloatDistribution, IntDistribution
from optuna.trial import FrozenTrial, Trial, TrialState
from sqlalchemy.exc import SQLAlchemyError

from emolightning.errors import UserError
from emolightning.files.documents import DamagedFile
from emolightning.runs.processes import kept
from emolightning.runs.sweep.checking import grid
from emolightning.runs.sweep.parameters import Choices, Parameter
from emolightning.runs.sweep.sweep_file import SweepFile

STUDY = "study.db"
PLAN, SWEEP_ID = "plan", "sweep_id"

FREE = ("run_cap", "name", "description", "project", "entity")
"""Keys of a file that may change between one part of a sweep and the next."""


class Search:
    """The trials so far and the next one.

    Args:
        file: the sweep.
        folder: of `study.db`; an earlier part of the same sweep is continued.
        extra: overrides for all trials.

    Raises:
        UserError: the folder holds another sweep; says what differs.
    """

    def __init__(self, file: SweepFile, folder: Path, extra: Sequence[str]):
        self.file = file
        optuna.logging.set_verbosity(optuna.logging.WARNING)
        warnings.filterwarnings("ignore", category=optuna.exceptions.ExperimentalWarning)
        folder.mkdir(parents=True, exist_ok=True)
        try:
            self.study = optuna.create_study(
                storage=f"sqlite:///{folder / STUDY}",
                study_name=file.name,
                direction="maximize" if file.mode == "max" else "minimize",
                load_if_exists=True,
            )
        except (optuna.exceptions.OptunaError, SQLAlchemyError, RuntimeError) as error:
            raise DamagedFile(folder / STUDY, f"it is no study of this sweep ({type(error).__name__})") from error
        self._combinations = list(grid(file)) if file.method == "grid" else []
        self._keep_plan(folder, extra)

    def _keep_plan(self, folder: Path, extra: Sequence[str]) -> None:
        content = {key: value for key, value in self.file.content.items() if key not in FREE}
        plan = {key: kept(value) for key, value in {**content, "overrides": list(extra)}.items()}
        before = self.study.user_attrs.get(PLAN)
        if before is None:
            self.study.set_metric_names([self.file.metric])
            self.study.set_user_attr(SWEEP_ID, f"{self.file.name}-{secrets.token_hex(3)}")
            self.study.set_user_attr(PLAN, plan)
            return
        changed = [
            f"{key}: {_difference(before.get(key), plan.get(key))}"
            for key in dict.fromkeys([*before, *plan])
            if before.get(key) != plan.get(key)
        ]
        if changed:
            raise UserError(
                f"{folder} holds another sweep; different are\n  - " + "\n  - ".join(changed) + "\n"
                "undo the change to continue it, or start a new one with output_dir=FOLDER"
            )

    @property
    def sweep_id(self) -> str:
        """Unique to this folder; W&B group of the trials, and how their processes are known."""
        return str(self.study.user_attrs[SWEEP_ID])

    @property
    def grid_size(self) -> int | None:
        """Number of combinations; None where there is no end to them."""
        return len(self._combinations) or None

    def trials(self) -> list[FrozenTrial]:
        """All, in order."""
        return self.study.get_trials(deepcopy=False)

    def ask(self) -> FrozenTrial | None:
        """A new trial, recorded as running; None when the grid is done."""
        number = len(self.trials())
        distributions = {
            name: _distribution(parameter) for name, parameter in self.file.parameters.items() if _varies(parameter)
        }
        if self.file.method != "grid":
            params = self._draw(number, distributions)
        elif number < len(self._combinations):
            values = self._combinations[number]
            params = {name: _named(self.file.parameters[name], values[name]) for name in distributions}
        else:
            return None
        trial = optuna.create_trial(state=TrialState.RUNNING, params=params, distributions=distributions)
        self.study.add_trial(trial)  # in one transaction, so that kill -9 never leaves half a trial
        return self.trials()[number]

    def _draw(self, number: int, distributions: dict[str, BaseDistribution]) -> dict[str, Any]:
        """The next values, from a copy in memory: `ask` would store a trial first and then each of its values."""
        copy = optuna.create_study(direction=self.study.direction, sampler=self._sampler(number))
        copy.add_trials(self.trials())
        return copy.ask(distributions).params

    def _sampler(self, number: int) -> optuna.samplers.BaseSampler:
        """A fresh one for each trial: a sampler's own random state would not survive a restart."""
        if self.file.method == "bayes":
            return optuna.samplers.TPESampler(seed=number, constant_liar=True)
        sampler = optuna.samplers.RandomSampler(seed=number)
        drawn = {}
        for name, parameter in self.file.parameters.items():  # Optuna draws all choices equally often.
            if isinstance(parameter, Choices) and parameter.weights and _varies(parameter):
                draw = random.Random(f"{number}/{name}")
                drawn[name] = draw.choices(parameter.names(), parameter.weights)[0]
        return optuna.samplers.PartialFixedSampler(drawn, sampler) if drawn else sampler

    def values(self, trial: FrozenTrial) -> dict[str, Any]:
        """Parameter -> value as the file writes it, constants included."""
        return {name: _value(parameter, trial.params.get(name)) for name, parameter in self.file.parameters.items()}

    def note(self, trial: FrozenTrial, **attributes: Any) -> None:
        """Keep facts about a running trial."""
        live = self._live(trial)
        for name, value in attributes.items():
            live.set_user_attr(name, value)

    def report(self, trial: FrozenTrial, values: Sequence[float]) -> None:
        """Record validations that the study does not have yet."""
        live, known = self._live(trial), self.trials()[trial.number].intermediate_values
        for count, value in enumerate(values, start=1):
            if count not in known:
                live.report(value, count)

    def finish(self, trial: FrozenTrial, state: TrialState, value: float | None) -> None:
        """Record an end. A pruned trial keeps its last validation as Optuna's value."""
        self.study.tell(trial.number, value if state == TrialState.COMPLETE else None, state=state)

    def _live(self, trial: FrozenTrial) -> Trial:
        return Trial(self.study, trial._trial_id)


def _varies(parameter: Parameter) -> bool:
    return not isinstance(parameter, Choices) or len(parameter.values) > 1


def _distribution(parameter: Parameter) -> BaseDistribution:
    if isinstance(parameter, Choices):
        return CategoricalDistribution(parameter.names())
    if parameter.is_int:
        return IntDistribution(
            int(parameter.low), int(parameter.high), log=parameter.is_log, step=int(parameter.step or 1)
        )
    return FloatDistribution(parameter.low, parameter.high, log=parameter.is_log, step=parameter.step)


def _named(parameter: Parameter, value: Any) -> Any:
    return parameter.names()[parameter.values.index(value)] if isinstance(parameter, Choices) else value


def _value(parameter: Parameter, name: Any) -> Any:
    if not isinstance(parameter, Choices):
        return name
    return parameter.values[parameter.names().index(name) if len(parameter.values) > 1 else 0]


def _difference(before: Any, now: Any) -> str:
    if not all(
        side is None or (isinstance(side, dict) and "shown" in side) for side in (before, now)
    ):  # Of an earlier version of this file.
        return "recorded in another form"
    shown = ["not there" if side is None else json.dumps(side["shown"], ensure_ascii=False) for side in (before, now)]
    return f"{shown[0]} before, {shown[1]} now" if shown[0] != shown[1] else f"{shown[0]}, with another secret"
