"""W&B: online with a key, offline without one or without its server, and never a reason for a run to fail."""

import logging
import math
from collections.abc import Callable, Mapping
from pathlib import Path
from shlex import quote
from typing import Any, Literal

from pytorch_lightning.loggers import WandbLogger
from pytorch_lightning.loggers.logger import rank_zero_experiment
from pytorch_lightning.utilities.rank_zero import rank_zero_only

from emolightning.config.secrets import loggable
from emolightning.errors import UserError
from emolightning.records.score_names import is_loss
from emolightning.training.loggers.csv_log import logged_before
from emolightning.training.loggers.wandb_environment import RunMode, choose_mode

log = logging.getLogger(__name__)

Mode = Literal["auto", "online", "offline", "disabled"]

NO_CAPTURE = {
    "console": "off",
    "disable_code": True,
    "disable_git": True,
    "host": "",
    "x_disable_meta": True,
    "x_save_requirements": False,
}
"""wandb's settings that keep it from adding what it finds itself."""

SETTINGS_OF = {"run_name": "run_name", "run_group": "logger.wandb.group", "run_tags": "tags", "run_notes": "notes"}
"""wandb's setting -> ours, where it is not `logger.wandb.NAME`."""

STEP = "trainer/global_step"
"""The axis of every curve: W&B's own step starts anew when an offline run is continued."""

INIT_TIMEOUT_S = 8
"""Per attempt; wandb makes two. Its own 90 s would let an unreachable server hold up every start, and then end it."""

FINISH_TIMEOUT_S = 60
"""Longest wait for the upload at a run's end; wandb's own waits for a vanished server for ever."""


class WandbLog(WandbLogger):
    """A W&B run of the first rank; its files lie in `<save_dir>/wandb`. It starts when `begin` is called.

    Args:
        save_dir: the run folder.
        project: W&B project.
        name: of the run.
        entity: team or user; None is the key's own.
        mode: `auto` is what `WANDB_MODE` says, else online when a key is at hand and offline otherwise; sync later
            with `wandb sync`.
        group: of the run, e.g. a sweep or an ablation; None leaves it to the program.
        job_type: None is `train` or `eval`, whichever program it is.
        tags: of the run.
        notes: of the run.
        log_transcripts: whether tables and artifacts show transcripts, and answers, which may quote them.
        private: whether they do even of data that are marked `data.private=true`.
        home_paths: whether paths below the home folder are sent as they are, not as `~/...`.
        capture: whether wandb adds what it finds itself: console output, command line, host and paths.
        artifacts: whether adapters, annotations and answers are logged as artifacts.
        alerts: whether W&B tells its users that a run finished or failed.
        media_clips: clips of an evaluation's table that have a picture and their sound, those first that are wrong.
        media_mb: megabytes of all these together; clips that do not fit are left out and counted.
    """

    def __init__(
        self,
        *,
        save_dir: str,
        project: str,
        name: str,
        entity: str | None = None,
        mode: Mode = "auto",
        group: str | None = None,
        job_type: str | None = None,
        tags: list[str] | None = None,
        notes: str | None = None,
        log_transcripts: bool = True,
        private: bool = False,
        home_paths: bool = False,
        capture: bool = False,
        artifacts: bool = True,
        alerts: bool = True,
        media_clips: int = 60,
        media_mb: float = 20.0,
    ):
        for setting, value in (("media_clips", media_clips), ("media_mb", media_mb)):
            if not value >= 0:
                raise UserError(f"logger.wandb.{setting}={value}: must be 0 or more; 0 shows nothing of clips")
        given = {"project": project, "run_name": name, "entity": entity, "run_group": group, "run_tags": tags}
        require_accepted(**loggable(given | {"run_notes": notes}, home_paths=home_paths))  # As they will be sent.
        super().__init__(
            save_dir=save_dir, project=project, name=name, entity=entity, group=group, job_type=job_type, tags=tags,
            notes=notes,
        )  # fmt: skip
        self.mode: RunMode = choose_mode() if mode == "auto" else mode
        self.is_asked_online = mode == "online"
        self.log_transcripts = log_transcripts
        self.private = private
        self.home_paths = home_paths
        self.capture = capture
        self.artifacts = artifacts
        self.alerts = alerts
        self.media_clips, self.media_mb = media_clips, media_mb
        self._is_cut_off = False
        self._best: dict[str, float] | None = None
        self._warned: set[str] = set()

    @property
    @rank_zero_experiment
    def experiment(self) -> Any:
        """The W&B run."""
        if self._experiment is None:
            self._experiment = self._start()
        return self._experiment

    def begin(self, *, run_id: str, job_type: str, group: str | None = None) -> None:
        """Start the run, once its id is on disk.

        Args:
            run_id: a known one is continued, offline in a second folder.
            job_type: where the settings name none.
            group: where the settings name none.

        Raises:
            UserError: mode=online without a valid key.
        """
        given = self._wandb_init
        given.pop("anonymous", None)  # wandb warns of it, whatever it holds.
        given |= {"id": run_id, "job_type": given["job_type"] or job_type, "group": given["group"] or group}
        self._id = run_id
        run = self.experiment
        if self.mode == "online":
            print(f"W&B:   {run.url}")
        elif self.mode == "offline" and not self._is_cut_off:
            print(f"W&B:   offline; send it later with `wandb sync {Path(run.dir).parent}`")

    def _start(self) -> Any:
        import wandb

        Path(str(self.save_dir)).mkdir(parents=True, exist_ok=True)
        try:
            run = self._init(self.mode)
        except wandb.errors.UsageError as error:
            if self.is_asked_online:
                raise UserError(
                    f"logger.wandb.mode=online: {error}; run `wandb login`, or say logger.wandb.mode=auto"
                ) from error
            run = self._init_offline(error)
        except Exception as error:  # wandb's own, or whatever a half-broken network raises.
            run = self._init_offline(error)
        run.define_metric(STEP)
        run.define_metric("*", step_metric=STEP, step_sync=True)
        return run

    def _init(self, mode: str) -> Any:
        import wandb

        given = self._wandb_init
        shown = loggable(given, home_paths=self.home_paths) | {"dir": given["dir"]}
        return wandb.init(**shown, settings=self._settings(mode))

    def _settings(self, mode: str) -> Any:
        import wandb

        known = wandb.Settings.model_fields  # Some are wandb's own business, and change their names.
        if unknown := [name for name in NO_CAPTURE if not self.capture and name not in known]:
            log.warning("W&B %s has no setting %s: what it captures is sent", wandb.__version__, ", ".join(unknown))
        return wandb.Settings(
            mode=mode,
            init_timeout=INIT_TIMEOUT_S,
            finish_timeout=FINISH_TIMEOUT_S,
            silent=True,  # It prints all scores at the end, and in four lines what begin() says in one.
            **({} if self.capture else {name: value for name, value in NO_CAPTURE.items() if name in known}),
        )

    def add_scores(self, run_id: str, scores: Mapping[str, float]) -> None:
        """Put scores into the summary of another run of the project, which has ended; offline in a second folder."""
        import wandb

        given = {name: self._wandb_init[name] for name in ("project", "entity", "dir")}
        with wandb.init(**given, id=run_id, resume="allow", settings=self._settings(self.mode)) as run:
            run.summary.update(dict(scores))

    def _init_offline(self, error: Exception) -> Any:
        """The same run, kept here until it is synced."""
        import wandb

        if self.mode != "online":
            log.warning("W&B cannot write (%s): this run is not logged there", error)
            self.mode = "disabled"
            return self._init("disabled")
        self.mode, self._is_cut_off = "offline", True
        wandb.teardown()  # What is left of the attempt would keep trying.
        run = self._init("offline")
        folder = Path(run.dir).parent
        log.warning(
            "W&B cannot be reached (%s): logging offline; send it later with `wandb sync %s`", error, quote(str(folder))
        )
        return run

    @rank_zero_only
    def log_hyperparams(self, params: Any) -> None:
        """The configuration, without secrets and, unless configured, without the home folder.

        In a run of `wandb agent` its parameters are there as well, flat (`optimizer.lr` beside `optimizer: {lr}`):
        W&B's sweep plots need those names. The agent gave them to the command line, so both are the same.
        """
        shown = loggable(params, home_paths=self.home_paths)
        self.attempt("configuration", lambda: self.experiment.config.update(shown, allow_val_change=True))

    @rank_zero_only
    def log_metrics(self, metrics: Mapping[str, float], step: int | None = None) -> None:
        """A row of the history, with the best of each score so far: `val/war` stays the last, `best/val/war` is new.

        `define_metric(summary="max")` would put `{"max": ...}` in the place of the last value, by whose name sweeps
        find it.
        """
        row = dict(metrics) | (self.attempt("best scores", lambda: self._bests(metrics, step)) or {})
        self.attempt("metrics", lambda: self.experiment.log(row if step is None else {**row, STEP: step}))

    def _bests(self, metrics: Mapping[str, float], step: int | None) -> dict[str, float]:
        """Best scores so far; a resumed run also reads `metrics.csv`, for W&B knows nothing of it while offline."""
        scores = {name: float(value) for name, value in metrics.items() if is_score(name)}
        if not scores or step is None:
            return {}
        if self._best is None:
            self._best = {}
            for row in logged_before(Path(str(self.save_dir)), step):
                self._take({name: value for name, value in row.items() if is_score(name)})
        self._take(scores)
        return {f"best/{name}": self._best[name] for name in scores if name in self._best}

    def _take(self, scores: Mapping[str, float]) -> None:
        assert self._best is not None
        for name, value in scores.items():
            if math.isfinite(value):
                better = min if is_loss(name) else max
                self._best[name] = better(value, self._best.get(name, value))

    @rank_zero_only
    def log_table(
        self, key: str, columns: Any = None, data: Any = None, dataframe: Any = None, step: Any = None
    ) -> None:
        """A table; never a reason for a run to fail."""
        import wandb

        self.attempt(key, lambda: self.experiment.log({key: wandb.Table(columns=columns, data=data)}))

    def may_show_texts(self, *, is_private: bool) -> bool:
        """Whether transcripts, and texts that may quote them, may leave this machine."""
        return self.log_transcripts and (self.private or not is_private)

    @rank_zero_only
    def alert(self, title: str, text: str, *, level: Literal["INFO", "WARN", "ERROR"] = "INFO") -> None:
        """Tell the users of W&B, unless the settings say no."""
        shown = loggable(text, home_paths=self.home_paths)
        if self.alerts and self._experiment is not None:
            self.attempt("alert", lambda: self.experiment.alert(title=title, text=shown, level=level))

    @rank_zero_only
    def end(self, *, exit_code: int) -> None:
        """Send what is left; after FINISH_TIMEOUT_S the rest stays on disk for `wandb sync`."""
        if self._experiment is not None:
            run = self._experiment
            self.attempt("end", lambda: run.finish(exit_code=exit_code))

    def attempt(self, what: str, call: Callable[[], Any]) -> Any:
        """The result of a call to W&B; None, and one warning, where it fails: a run does not end for its log."""
        try:
            return call()
        except Exception as error:
            if what not in self._warned:
                self._warned.add(what)
                log.warning("W&B: %s could not be logged: %s: %s", what, type(error).__name__, error)
            return None


def require_accepted(**settings: Any) -> None:
    """Refuse a name or a tag that W&B would refuse when the run starts.

    Args:
        **settings: wandb's setting -> value.

    Raises:
        UserError: names the setting and what W&B says of it.
    """
    import wandb

    for name, value in settings.items():
        if value is None or name not in wandb.Settings.model_fields:
            continue
        try:
            wandb.Settings(**{name: value})
        except (ValueError, wandb.errors.UsageError) as error:
            details: list[dict[str, Any]] = getattr(error, "errors", list)()
            said = "; ".join(str(detail["msg"]).removeprefix("Value error, ") for detail in details) or str(error)
            raise UserError(f"{SETTINGS_OF.get(name, f'logger.wandb.{name}')}: {said}") from None


def is_score(name: str) -> bool:
    """Whether the best of it is worth keeping; the scores of single classes are left out."""
    return name.startswith("val/") and name.count("/") == 1
