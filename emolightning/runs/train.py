"""What `train.py` does with a checked configuration, in order."""

import logging
import sys
import time
from collections.abc import Mapping
from contextlib import nullcontext, suppress
from functools import partial
from typing import Any

import pytorch_lightning as pl

from emolightning.config.places import spoken
from emolightning.config.secrets import loggable
from emolightning.data.loading.corpus import Corpus
from emolightning.data.loading.datamodule import ClipDataModule, corpus_draws
from emolightning.data.loading.several import Corpora
from emolightning.errors import UserError, quoted_override
from emolightning.files.writing import CannotWrite, update_json, write_json
from emolightning.models.parts.adapter import save_adapter
from emolightning.models.parts.card import RANDOM_BASE, has_random_base
from emolightning.models.parts.pretrained import first_line
from emolightning.runs.endings.guard import guarded
from emolightning.runs.endings.out_of_memory import explained_out_of_memory
from emolightning.runs.lineage import describe_process, save_config
from emolightning.runs.run import Run, TrainingFacts
from emolightning.runs.starting import describe_load, take_start
from emolightning.runs.summary import describe_best, describe_clips, describe_draws, describe_end, describe_plan
from emolightning.runs.vision_pass import with_vision
from emolightning.runs.wandb_record import log_training, read_lineage, reported, wandb_id, wandb_of
from emolightning.runs.weights import find_weights, read_checkpoint
from emolightning.training.learner import EmotionLearner
from emolightning.training.run_folder import BEST, RunFolder, open_run_folder

log = logging.getLogger(__name__)


def fit(run: Run[TrainingFacts]) -> None:
    """Build the model, train, export the adapter."""
    facts, trainer, corpus = run.facts, run.trainer, run.data.corpus
    is_trial = bool(trainer.fast_dev_run)  # type: ignore[attr-defined]
    if not is_trial:
        open_run_folder(facts.output_dir, facts.resume_from, is_first_rank=facts.rank == 0)
    with explained_out_of_memory(facts.load):
        learner = run.make_learner()
    if facts.rank == 0:
        if has_random_base(facts.config["model"]):
            print(f"warning: {RANDOM_BASE}")
        print(_start(run, learner))
    if trainer.is_global_zero:
        print(*filter(None, [_load(run, learner), *_recipe(run, learner)]), sep="\n")
        how: Any = {"weights": learner.class_weights, "augmentation": run.data.augmentation}
        print(describe_clips(corpus, run.data.loading, **how))
    said = describe_plan(facts.plan, trainer)  # On all ranks: early stopping learns of the plan.
    if is_trial:
        _try_out(run, learner)
        return
    if trainer.is_global_zero:
        print(said)
    with explained_out_of_memory(facts.load):
        data = with_vision(run, learner, [*corpus.clips_of("train"), *corpus.clips_of("val")])
    folder = RunFolder(facts.output_dir)
    wandb = wandb_of(trainer.loggers) if trainer.is_global_zero else None
    told = reported(wandb, "run", done=partial(_describe_progress, trainer, facts.monitor))
    with guarded(facts.load, trainer, trains=True, resume_from=facts.resume_from, reported=told):
        if trainer.is_global_zero:
            _record_start(run, learner)
        _train(run, data, learner)
    if trainer.is_global_zero:
        print(f"run folder: {folder.path}\nevaluate:   {spoken('eval')} {quoted_override('checkpoint', folder.path)}")


def _start(run: Run[TrainingFacts], learner: EmotionLearner) -> str:
    """Load the weights that training starts from, and say which part has which."""
    facts = run.facts
    base = facts.load.language.path if facts.load.language is not None else None
    return take_start(learner, facts.parts, base=base, resume_from=facts.resume_from, initial=facts.initial)


def _load(run: Run[TrainingFacts], learner: EmotionLearner) -> str:
    """What the run will need; an estimate that fails says so, and never ends a run."""
    try:
        return describe_load(run.facts.load, run.data.corpus, run.data.processor, learner, run.trainer)
    except UserError:
        raise  # A clip that cannot be read would end the run as well.
    except Exception as error:
        return f"load: not known ({first_line(error)})"


def _recipe(run: Run[TrainingFacts], learner: EmotionLearner) -> list[str]:
    """What is done otherwise than by one rate for all weights, on batches of any clips."""
    said = [learner.rates.described(learner.model)]
    corpus, processes = run.data.corpus, run.trainer.world_size
    if isinstance(corpus, Corpora) and (draws := corpus_draws(corpus, run.data.loading, processes)) is not None:
        said.append(describe_draws(corpus, draws))
    if (buckets := run.data.buckets) is not None:
        sampler = run.data.train_sampler()
        now, without = (100 * sampler.padding(buckets.lengths, buckets=each) for each in (buckets, None))
        said.append(
            f"lengths: data.length_buckets={buckets.batches}: {now:.1f} % of the positions of a pass are padding; "
            f"without it {without:.1f} %"
        )
    if (init := (run.facts.config["model"].get("lora") or {}).get("init", "default")) != "default":
        said.append(f"lora: begins at factors of its base's weights, model.lora.init={init}; the base stays as it is")
    if learner.average is not None:
        decay = learner.average.decay
        said.append(f"average: validated and shared is the moving average of the weights, ema_decay={decay:g}")
    return said


def _try_out(run: Run[TrainingFacts], learner: EmotionLearner) -> None:
    """Train and validate on the first batches and keep nothing: no folder is opened, an earlier run stays as it is."""
    with guarded(run.facts.load, run.trainer, trains=True):
        run.trainer.fit(learner, datamodule=run.data)
    if run.trainer.is_global_zero and not run.facts.config["lr_range_test"]:
        number = int(run.facts.load.trainer["fast_dev_run"])
        print(
            f"fast_dev_run: {number} batch(es) trained and validated, nothing was kept; leave trainer.fast_dev_run "
            "out to train, or say +trainer.limit_train_batches=N for shorter epochs"
        )


def _train(run: Run[TrainingFacts], data: ClipDataModule, learner: EmotionLearner) -> None:
    """Fit, and on the first rank export and log what came of it; `lineage.json` says whether it is finished."""
    folder, trainer, resume_from = RunFolder(run.facts.output_dir), run.trainer, run.facts.resume_from
    resumed_at = int(read_checkpoint(resume_from)["global_step"]) if resume_from else None
    wandb = wandb_of(trainer.loggers) if trainer.is_global_zero else None
    status, since = "interrupted", time.monotonic()
    try:
        trainer.fit(learner, datamodule=data, ckpt_path=resume_from, weights_only=True)
        if trainer.is_global_zero:
            best = _export(run, learner)
            print(describe_end(trainer, time.monotonic() - since, resumed_at=resumed_at))
            print(describe_best(best, is_validated=(folder.checkpoints / BEST).exists()))
        if wandb is not None:
            wandb.attempt("artifacts", partial(log_training, wandb, folder, data.corpus))
        status = "finished"  # Not before the adapter is there: a finished run is not taken up again.
    finally:
        if trainer.is_global_zero:
            # On a full disk this fails as well, and is not what is to be said.
            with nullcontext() if status == "finished" else suppress(CannotWrite):
                update_json(folder.lineage, status=status)


def _record_start(run: Run[TrainingFacts], learner: EmotionLearner) -> None:
    """Everything about the run that is known before its first step, so that a killed run has it too."""
    facts, loggers, folder = run.facts, run.trainer.loggers, RunFolder(run.facts.output_dir)
    save_config(facts.config, folder.config)
    earlier = read_lineage(folder.path)
    run_id = wandb_id(loggers, earlier.get("wandb_run_id"))
    lineage = {
        **describe_process(sys.argv),
        "status": "running",
        "seed": facts.config["seed"],
        "data": run.data.corpus.summary(),
        "base_fingerprints": learner.base_fingerprints,
        "parent_checkpoint": str(facts.resume_from) if facts.resume_from else facts.config["init_from"],
        "wandb_run_id": run_id,
        "sessions": [*earlier.get("sessions", ()), *([_session(earlier)] if earlier else [])],
        **{name: earlier[name] for name in ("evaluations",) if name in earlier},
    }
    write_json(folder.lineage, lineage)
    if (wandb := wandb_of(loggers)) is not None and run_id is not None:  # Its id is on disk by now.
        wandb.begin(run_id=run_id, job_type="train")
    for logger in loggers:
        logger.log_hyperparams(loggable(dict(facts.config)) if wandb is not logger else dict(facts.config))


def _describe_progress(trainer: pl.Trainer, monitor: str) -> str:
    """`24 steps, val/weighted_f1 0.3125`, for an alert."""
    score = trainer.callback_metrics.get(monitor)
    return f"{trainer.global_step} steps" + (f", {monitor} {float(score):.4f}" if score is not None else "")


def _session(lineage: dict[str, Any]) -> dict[str, Any]:
    """What is kept of an earlier part of a resumed run."""
    return {name: lineage.get(name) for name in ("started", "status", "command", "git", "wandb_run_id")}


def _export(run: Run[TrainingFacts], learner: EmotionLearner) -> dict[str, Any]:
    """Write the adapter folder from the best checkpoint, and give that.

    Raises:
        UserError: the trainer's settings ended the run before its first step.
    """
    if learner.trainer.global_step == 0:
        raise UserError(
            "nothing was trained, so there is no adapter: look at trainer.max_epochs, max_steps and max_time"
        )
    best = read_checkpoint(find_weights("output_dir", run.facts.output_dir))
    save_adapter(
        learner.model,
        RunFolder(run.facts.output_dir).adapter,
        {**adapter_description(run.facts.config, run.data.corpus), "val_scores": best.get("val_scores") or {}},
        state={name.removeprefix("model."): tensor for name, tensor in best["state_dict"].items()},
        fingerprints=best["base_fingerprints"],
    )
    return best


OF_DATA = ("name", "clips", "classes", "annotations_sha256", "features_sha256")
"""What an adapter folder says of the data that it was trained on."""


def adapter_description(config: Mapping[str, Any], corpus: Corpus) -> dict[str, Any]:
    """What one needs beside the weights to rebuild the model and ask it the same question."""
    return {
        **{name: config[name] for name in ("model", "features", "prompt")},
        "feature_widths": corpus.features.widths,
        "feature_recipes": {name: made_by.content() for name, made_by in corpus.features.made_by.items()},
        "inputs": list(corpus.inputs),
        "labels": list(corpus.source.labels),
        "offered": list(corpus.questions.offered),
        "frame": str(corpus.reading.frame),
        "data": {name: value for name, value in corpus.summary().items() if name in OF_DATA},
        **({"ema_decay": config["ema_decay"]} if config.get("ema_decay") else {}),
    }
