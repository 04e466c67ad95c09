"""What `train.py` does with a checked configuration, in order."""

import logging
import sys
import time
from contextlib import nullcontext, suppress
from functools import partial
from pathlib import Path
from typing import Any

import pytorch_lightning as pl
from omegaconf import DictConfig, OmegaConf

from emolightning.config.building import build, explained_refusals
from emolightning.config.places import spoken
from emolightning.config.secrets import loggable
from emolightning.config.sources import chosen
from emolightning.config.values import MONITORS
from emolightning.data.loading.datamodule import ClipDataModule
from emolightning.errors import UserError, quoted_override
from emolightning.files.writing import CannotWrite, require_writable, update_json, write_json
from emolightning.models.parts.adapter import save_adapter
from emolightning.models.parts.card import RANDOM_BASE, has_random_base
from emolightning.models.parts.pretrained import first_line
from emolightning.runs.assembly import (
    adapter_description,
    build_data,
    build_learner,
    build_optimizer,
    build_scoring,
    build_trainer,
    inputs_of,
    plain,
    save_config,
    trained_parts,
)
from emolightning.runs.endings.guard import guarded
from emolightning.runs.endings.out_of_memory import explained_out_of_memory
from emolightning.runs.lineage import describe_process
from emolightning.runs.positions import require_room
from emolightning.runs.quiet import quiet_libraries, quiet_other_ranks
from emolightning.runs.ranks import own_rank, require_hardware, require_srun, set_num_threads
from emolightning.runs.resume import is_finished, refuse_changes
from emolightning.runs.starting import (
    describe_load,
    require_batches,
    require_engine,
    require_logged,
    require_scores,
    require_something_to_train,
    take_start,
)
from emolightning.runs.summary import describe_best, describe_clips, describe_end, describe_plan, plan_of
from emolightning.runs.vision_pass import precompute_vision
from emolightning.runs.wandb_record import log_training, read_lineage, reported, wandb_id, wandb_of
from emolightning.runs.weights import find_weights, read_checkpoint, require_same_inputs, require_same_model
from emolightning.scoring.scoring import Scoring
from emolightning.training.keeping import keeping
from emolightning.training.learner import EmotionLearner
from emolightning.training.run_folder import BEST, RunFolder, checkpoint_to_resume, open_run_folder
from emolightning.training.stopping.early_stopping import EarlyStopping

log = logging.getLogger(__name__)


def fit(cfg: DictConfig) -> None:
    """Read the data, build the model, train, export the adapter."""
    rank = own_rank()
    _set_up_process(cfg, rank)
    # Paths first: a misspelt one shall not cost the reading of the data, nor move an earlier run aside.
    resume_from = checkpoint_to_resume(Path(cfg.output_dir), cfg.resume)
    initial = _initial_weights(cfg)
    if resume_from and is_finished(RunFolder(Path(cfg.output_dir)), cfg):
        if rank == 0:
            print(f"{cfg.output_dir}: this run is finished; change a setting (e.g. trainer.max_epochs) to train on")
        return
    if rank == 0:
        require_writable(Path(cfg.output_dir), "output_dir")
    parts = trained_parts(cfg).of(inputs_of(cfg))
    require_something_to_train(parts, has_weights=bool(resume_from or initial))
    trainer, optimizer, schedule = _tools(cfg)
    scoring = build_scoring(cfg)
    monitors = {key: OmegaConf.select(cfg, key) for key in MONITORS}
    require_logged(monitors, scoring)
    data = _read_data(cfg, resume_from, initial)
    require_batches(trainer, data)
    plan = plan_of(cfg, data)
    if plan.validations != 0:
        require_scores(monitors, scoring, data.clips_of("val"))
    is_trial = bool(trainer.fast_dev_run)  # type: ignore[attr-defined]
    if not is_trial:
        open_run_folder(Path(cfg.output_dir), resume_from, is_first_rank=rank == 0)
    learner = _build_learner(cfg, data, scoring, optimizer=optimizer, schedule=schedule, is_empty=rank > 0)
    if rank == 0:
        if has_random_base(plain(cfg.model)):
            print(f"warning: {RANDOM_BASE}")
        print(take_start(learner, parts, base=cfg.model.language.path, resume_from=resume_from, initial=initial))
    if trainer.is_global_zero:
        print(_load(cfg, data, learner, trainer))
        print(describe_clips(data))
    said = describe_plan(cfg, plan, trainer)  # On all ranks: early stopping learns of the plan.
    if is_trial:
        _try_out(cfg, data, learner, trainer)
        return
    if trainer.is_global_zero:
        print(said)
    with explained_out_of_memory(cfg):
        seen = [*data.clips_of("train"), *data.clips_of("val")]
        precompute_vision(cfg, data, learner, seen, trainer.strategy.root_device)
    folder = RunFolder(Path(cfg.output_dir))
    wandb = wandb_of(trainer.loggers) if trainer.is_global_zero else None
    progress = partial(_describe_progress, trainer, cfg.monitor.metric)
    with guarded(cfg, trainer, trains=True, resume_from=resume_from, reported=reported(wandb, "run", done=progress)):
        if trainer.is_global_zero:
            _record_start(cfg, folder, data, learner, trainer, resume_from)
        _train(cfg, folder, data, learner, trainer, resume_from)
    if trainer.is_global_zero:
        print(f"run folder: {folder.path}\nevaluate:   {spoken('eval')} {quoted_override('checkpoint', folder.path)}")


def _set_up_process(cfg: DictConfig, rank: int) -> None:
    """Threads and messages; and what cannot run as it was started, or with this engine, is refused."""
    quiet_libraries()
    quiet_other_ranks(rank)
    require_srun(cfg.trainer.devices, cfg.trainer.num_nodes)
    require_hardware(cfg.trainer.accelerator, cfg.trainer.devices, cfg.trainer.num_nodes, chosen=chosen("trainer"))
    require_engine(
        cfg.trainer.strategy,
        accumulation=cfg.accumulation,
        quantization=OmegaConf.select(cfg, "model.language.quantization", default="none"),
        precision=cfg.trainer.precision,
        accelerator=cfg.trainer.accelerator,
    )
    set_num_threads(cfg.num_threads)


def _initial_weights(cfg: DictConfig) -> Path | None:
    """What `init_from` names, if this model can take it."""
    if not cfg.init_from:
        return None
    found = find_weights("init_from", Path(cfg.init_from))
    require_same_model("init_from", Path(cfg.init_from), plain(cfg.model), is_evaluated=False)
    return found


def _tools(cfg: DictConfig) -> tuple[pl.Trainer, Any, Any]:
    """Trainer, what makes the optimizer, and schedule: what libraries refuse of them is said before data are read."""
    trainer = build_trainer(cfg, callbacks=_keeping(cfg))
    return trainer, build_optimizer(cfg), build(cfg.schedule, "schedule")


def _keeping(cfg: DictConfig) -> list[pl.Callback]:
    """Checkpoints and stopping, which every run has."""
    with explained_refusals("early_stopping"):
        settings = {name: value for name, value in plain(cfg.early_stopping).items() if name != "enabled"}
        stopping = EarlyStopping(**settings) if cfg.early_stopping.enabled else None
    with explained_refusals("monitor"):
        return keeping(
            Path(cfg.output_dir),
            monitor=cfg.monitor.metric,
            mode=cfg.monitor.mode,
            every_num_steps=cfg.checkpoints.every_num_steps,
            stopping=stopping,
        )


def _read_data(cfg: DictConfig, resume_from: Path | None, initial: Path | None) -> ClipDataModule:
    """The data, if it is fit for training and for the weights that there are."""
    data = build_data(cfg, stage="fit")
    data.require_targets()
    for warning in data.coverage():
        log.warning("labels: %s", warning)
    if resume_from:
        refuse_changes(resume_from, cfg, data.summary())
    if initial:
        require_same_inputs(initial, inputs_of(cfg))
    require_room(cfg, data, ("train", "val"))
    return data


def _build_learner(
    cfg: DictConfig, data: ClipDataModule, scoring: Scoring, *, optimizer: Any, schedule: Any, is_empty: bool
) -> EmotionLearner:
    """Seeded; on other ranks than the first without weights, which come to them when training starts."""
    pl.seed_everything(cfg.seed, workers=True, verbose=False)
    with explained_out_of_memory(cfg):
        return build_learner(
            cfg,
            data,
            scoring=scoring,
            optimizer=optimizer,
            schedule=schedule,
            num_val_clips=len(data.clips_of("val")),
            is_empty=is_empty,
        )


def _load(cfg: DictConfig, data: ClipDataModule, learner: EmotionLearner, trainer: pl.Trainer) -> str:
    """What the run will need; an estimate that fails says so, and never ends a run."""
    try:
        return describe_load(cfg, data, learner, trainer)
    except UserError:
        raise  # A clip that cannot be read would end the run as well.
    except Exception as error:
        return f"load: not known ({first_line(error)})"


def _try_out(cfg: DictConfig, data: ClipDataModule, learner: EmotionLearner, trainer: pl.Trainer) -> None:
    """Train and validate on the first batches and keep nothing: no folder is opened, an earlier run stays as it is."""
    with guarded(cfg, trainer, trains=True):
        trainer.fit(learner, datamodule=data)
    if trainer.is_global_zero:
        number = int(cfg.trainer.fast_dev_run)
        print(
            f"fast_dev_run: {number} batch(es) trained and validated, nothing was kept; leave trainer.fast_dev_run "
            "out to train, or say +trainer.limit_train_batches=N for shorter epochs"
        )


def _train(
    cfg: DictConfig,
    folder: RunFolder,
    data: ClipDataModule,
    learner: EmotionLearner,
    trainer: pl.Trainer,
    resume_from: Path | None,
) -> None:
    """Fit, and on the first rank export and log what came of it; `lineage.json` says whether it is finished."""
    resumed_at = int(read_checkpoint(resume_from)["global_step"]) if resume_from else None
    wandb = wandb_of(trainer.loggers) if trainer.is_global_zero else None
    status, since = "interrupted", time.monotonic()
    try:
        trainer.fit(learner, datamodule=data, ckpt_path=resume_from, weights_only=True)
        if trainer.is_global_zero:
            best = _export(cfg, folder, data, learner)
            print(describe_end(trainer, time.monotonic() - since, resumed_at=resumed_at))
            print(describe_best(best, is_validated=(folder.checkpoints / BEST).exists()))
        if wandb is not None:
            wandb.attempt("artifacts", partial(log_training, wandb, folder, data))
        status = "finished"  # Not before the adapter is there: a finished run is not taken up again.
    finally:
        if trainer.is_global_zero:
            # On a full disk this fails as well, and is not what is to be said.
            with nullcontext() if status == "finished" else suppress(CannotWrite):
                update_json(folder.lineage, status=status)


def _record_start(
    cfg: DictConfig,
    folder: RunFolder,
    data: ClipDataModule,
    learner: EmotionLearner,
    trainer: pl.Trainer,
    resume_from: Path | None,
) -> None:
    """Everything about the run that is known before its first step, so that a killed run has it too."""
    save_config(cfg, folder.config)
    earlier = read_lineage(folder.path)
    run_id = wandb_id(trainer.loggers, earlier.get("wandb_run_id"))
    lineage = {
        **describe_process(sys.argv),
        "status": "running",
        "seed": cfg.seed,
        "data": data.summary(),
        "base_fingerprints": learner.base_fingerprints,
        "parent_checkpoint": str(resume_from) if resume_from else cfg.init_from,
        "wandb_run_id": run_id,
        "sessions": [*earlier.get("sessions", ()), *([_session(earlier)] if earlier else [])],
        **{name: earlier[name] for name in ("evaluations",) if name in earlier},
    }
    write_json(folder.lineage, lineage)
    if (wandb := wandb_of(trainer.loggers)) is not None and run_id is not None:  # Its id is on disk by now.
        wandb.begin(run_id=run_id, job_type="train")
    for logger in trainer.loggers:
        logger.log_hyperparams(loggable(plain(cfg)) if wandb is not logger else plain(cfg))


def _describe_progress(trainer: pl.Trainer, monitor: str) -> str:
    """`24 steps, val/weighted_f1 0.3125`, for an alert."""
    score = trainer.callback_metrics.get(monitor)
    return f"{trainer.global_step} steps" + (f", {monitor} {float(score):.4f}" if score is not None else "")


def _session(lineage: dict[str, Any]) -> dict[str, Any]:
    """What is kept of an earlier part of a resumed run."""
    return {name: lineage.get(name) for name in ("started", "status", "command", "git", "wandb_run_id")}


def _export(cfg: DictConfig, folder: RunFolder, data: ClipDataModule, learner: EmotionLearner) -> dict[str, Any]:
    """Write the adapter folder from the best checkpoint, and give that.

    Raises:
        UserError: the trainer's settings ended the run before its first step.
    """
    if learner.trainer.global_step == 0:
        raise UserError(
            "nothing was trained, so there is no adapter: look at trainer.max_epochs, max_steps and max_time"
        )
    best = read_checkpoint(find_weights("output_dir", folder.path))
    save_adapter(
        learner.model,
        folder.adapter,
        adapter_description(cfg, data),
        state={name.removeprefix("model."): tensor for name, tensor in best["state_dict"].items()},
        fingerprints=best["base_fingerprints"],
    )
    return best
