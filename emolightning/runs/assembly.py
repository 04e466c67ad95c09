"""Configuration -> objects: the last place that sees a config. Everything below takes plain keyword arguments."""

import logging
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

import pytorch_lightning as pl
import torch
from omegaconf import DictConfig, OmegaConf
from pytorch_lightning.callbacks import LearningRateMonitor, ProgressBar
from torch import nn

from emolightning.config.building import build, explained_refusals
from emolightning.config.families import family_of
from emolightning.config.sources import chosen
from emolightning.config.values import MONITORS, OF_VOTES, has_votes
from emolightning.data.loading.corpus import Corpus
from emolightning.data.loading.datamodule import ClipDataModule, label_draws
from emolightning.data.loading.lengths import most_vectors
from emolightning.data.loading.settings import Loading
from emolightning.errors import UserError
from emolightning.files.writing import require_writable
from emolightning.models.family import Occasion, Sees
from emolightning.models.parts.cross_entropy import CrossEntropy
from emolightning.models.parts.generation import Generation
from emolightning.prompt.processor import Processor
from emolightning.records.labels import vocabulary
from emolightning.runs.answer_writer import AnswerWriter
from emolightning.runs.assembly_of_data import augmentation_of, loading_of, read_corpus, taught_of
from emolightning.runs.assembly_of_models import (
    build_processor,
    inputs_of,
    keep_questions,
    kept,
    plain,
    refuse_unused_scale,
    untrained,
)
from emolightning.runs.assembly_of_scoring import build_scoring
from emolightning.runs.attributes import asked_of_clips
from emolightning.runs.estimate.load import Load
from emolightning.runs.evaluate import refuse_skipped, require_whole_split
from emolightning.runs.feature_recipes import require_same_recipes
from emolightning.runs.likelihood import read_validation
from emolightning.runs.positions import require_room
from emolightning.runs.predicting import EMOTION
from emolightning.runs.quiet import quiet_libraries, quiet_other_ranks
from emolightning.runs.ranks import own_rank, require_hardware, require_srun
from emolightning.runs.resume import is_finished, refuse_changes, resumed_scale, step_size
from emolightning.runs.run import EvaluationFacts, Run, TrainingFacts
from emolightning.runs.starting import (
    require_batches,
    require_engine,
    require_labels_learned,
    require_logged,
    require_scores,
    require_something_to_train,
)
from emolightning.runs.summary import plan_of
from emolightning.runs.threads import set_num_threads
from emolightning.runs.weights import (
    check_inputs,
    find_weights,
    require_own_folder,
    require_same_inputs,
    require_same_model,
    trained_sees,
)
from emolightning.scoring.likelihood import labels_of
from emolightning.scoring.sampling import sampled
from emolightning.scoring.scoring import require_comparable
from emolightning.training.checkpoints.checkpoint_io import AtomicCheckpointIO
from emolightning.training.class_weights import class_weights
from emolightning.training.keeping import keeping
from emolightning.training.learner import EmotionLearner, Likelihood
from emolightning.training.lightning_internals import leave_signals_alone
from emolightning.training.optim.averaging import WeightAverage
from emolightning.training.optim.groups import Rates, parameter_groups
from emolightning.training.optim.range_test import GrowingRate
from emolightning.training.plan import Plan
from emolightning.training.run_folder import RunFolder, checkpoint_to_resume
from emolightning.training.stopping.early_stopping import EarlyStopping

log = logging.getLogger(__name__)


def training(cfg: DictConfig) -> Run[TrainingFacts] | None:
    """A training run, everything read and checked but the weights; None where it is finished already."""
    rank = own_rank()
    _set_up_process(cfg, rank)
    _refuse_engine(cfg)
    output_dir = Path(cfg.output_dir)
    # Paths first: a misspelt one must not cost the reading of the data, nor move an earlier run aside.
    resume_from = checkpoint_to_resume(output_dir, cfg.resume)
    initial = _initial_weights(cfg)
    config = _as_kept(cfg, resume_from)
    if resume_from and is_finished(RunFolder(output_dir), config):
        if rank == 0:
            print(f"{output_dir}: this run is finished; change a setting (e.g. trainer.max_epochs) to train on")
        return None
    if rank == 0:
        require_writable(output_dir, "output_dir")
    family, parts, processes = family_of(cfg.model), trained_parts(cfg), step_size(config).processes
    waits = processes > 1 and not OmegaConf.select(cfg, "trainer.strategy.find_unused_parameters", default=False)
    augmentation, of_data = augmentation_of(cfg), taught_of(cfg)
    learned = list(dict.fromkeys(task for _, tasks in of_data for task in tasks))
    taught = list(dict.fromkeys(task for _, tasks in of_data for task in tasks or [cfg.prompt.task]))
    for targets, tasks in of_data:
        require_labels_learned(targets, tasks or [cfg.prompt.task])
    reshaped = taught if cfg.loss.focal_gamma or cfg.loss.label_smoothing else ()
    family.require_on(
        occasion(cfg, learned, waits_for_all=waits, augments=bool(augmentation), reshaped=reshaped), config["model"]
    )
    require_something_to_train(parts, fresh_parts=family.fresh_parts, has_weights=bool(resume_from or initial))
    # What libraries refuse of these is said before data are read.
    trainer, scoring = build_trainer(cfg, callbacks=_keeping(cfg)), build_scoring(cfg)
    tools = {"optimizer": build_optimizer(cfg), "schedule": _schedule(cfg)}
    tools |= {"rates": Rates(**config["rates"]), "average": WeightAverage(cfg.ema_decay) if cfg.ema_decay else None}
    monitors = {key: OmegaConf.select(cfg, key) for key in MONITORS}
    require_logged(monitors, scoring, more=OF_VOTES if has_votes(cfg) else ())
    loading, accumulates = loading_of(cfg), cfg.accumulation == "mean"

    def plan_for(corpus: Corpus) -> Plan:
        require_batches(trainer, corpus, loading)
        _class_weights(cfg, corpus, loading)
        plan = plan_of(config["trainer"], corpus, loading, processes=processes, accumulates=accumulates)
        if plan.validations != 0:
            require_scores(monitors, scoring, corpus.clips_of("val"))
        return plan

    corpus = read_corpus(cfg, trains=True, check=plan_for)
    augmentation.require_gaps(most_vectors(corpus))
    for warning in corpus.coverage():
        log.warning("labels: %s", warning)
    if resume_from:
        refuse_changes(resume_from, config, corpus.summary())
    if initial:
        require_same_inputs(initial, trained_sees(initial, family, corpus.source.labels), corpus.inputs)
        _require_recipes("init_from", Path(cfg.init_from), corpus)
    processor = _processor_with_room(cfg, corpus, ("train", "val"))
    plan = plan_for(corpus)  # Again: clips may have been skipped.
    facts = TrainingFacts(rank, load_of(cfg), config, plan, parts, cfg.monitor.metric, resume_from, initial)
    number = len(corpus.clips_of("val"))
    settings = {name: value for name, value in config["loss"].items() if name != "class_weights"}
    tools |= {"cross_entropy": CrossEntropy(**settings), "class_weights": _class_weights(cfg, corpus, loading)}
    tools |= {"scoring": scoring, "votes": corpus.source.votes, "num_val_clips": number}
    learner = partial(_seeded_learner, cfg, corpus, is_empty=rank > 0, **tools)
    data = ClipDataModule(corpus, processor, loading, shuffle=tuple(cfg.shuffle), augmentation=augmentation)
    return Run(data, learner, trainer, scoring, facts)


def _as_kept(cfg: DictConfig, resume_from: Path | None) -> dict[str, Any]:
    """The settings as a run keeps them; what its questions name is known from here on."""
    resumed = resumed_scale(resume_from) if resume_from else None
    if resumed is None:
        refuse_unused_scale(cfg)
    elif cfg.prompt.scale is None:  # A given one is compared with the run's, even an idle one.
        cfg.prompt.scale = resumed
    keep_questions(cfg)
    return kept(cfg)


def _schedule(cfg: DictConfig) -> Any:
    """The learning rate over the steps; a range test has one of its own."""
    return GrowingRate() if cfg.lr_range_test else build(cfg.schedule, "schedule")


def _class_weights(cfg: DictConfig, corpus: Corpus, loading: Loading) -> dict[str, float] | None:
    """How much clips of each label count; refuses what cannot be weighed or drawn by label."""
    given, draws = plain(cfg.loss)["class_weights"], label_draws(corpus, loading)
    return class_weights(given, corpus.clips_of("train"), labels=corpus.source.labels, draws=draws)


def evaluation(cfg: DictConfig) -> Run[EvaluationFacts]:
    """An evaluation, everything read and checked but the weights."""
    rank = own_rank()
    _set_up_process(cfg, rank)
    if cfg.checkpoint is None:
        refuse_unused_scale(cfg)
    keep_questions(cfg)
    if rank == 0:
        require_writable(Path(cfg.output_dir), "output_dir")
    family, weights = family_of(cfg.model), None
    family.require_on(occasion(cfg), plain(cfg.model))
    if cfg.checkpoint is None:  # The model is asked as it is, here or elsewhere.
        cfg.model = untrained(plain(cfg.model))
        family.require(plain(cfg.model))
        family.require_weights(plain(cfg.model))
        require_own_folder(Path(cfg.output_dir), plain(cfg.model))
    else:
        weights = find_weights("checkpoint", Path(cfg.checkpoint))
        require_same_model("checkpoint", Path(cfg.checkpoint), plain(cfg.model), is_evaluated=True)
    if cfg.probabilities:
        _require_label_probabilities(cfg)
    scoring, writer = build_scoring(cfg), AnswerWriter(Path(cfg.output_dir), split=cfg.split)
    trainer = build_trainer(cfg, callbacks=[writer])
    require_whole_split(trainer)
    corpus = read_corpus(cfg, check=lambda rows: require_comparable(rows.clips_of(cfg.split), scoring, cfg.split))
    refuse_skipped(corpus, cfg.split)
    require_comparable(corpus.clips_of(cfg.split), scoring, cfg.split)
    subjects = {clip.id: clip.subject for clip in corpus.clips_of(cfg.split)}
    sampling = sampled(cfg.cluster, subjects, is_stratified=cfg.stratified, intervals=cfg.intervals)
    attributes = asked_of_clips(cfg.slices, corpus, cfg.split, scoring) if rank == 0 else {}
    likelihood, validation = None, None
    _refuse_unused(cfg)
    if cfg.probabilities:
        likelihood = Likelihood(cfg.likelihood.length_normalised, cfg.likelihood.prior_correction)
        if cfg.likelihood.fitted_on:
            labels_of(scoring, corpus.source.labels)
            validation = read_validation(Path(cfg.likelihood.fitted_on), subjects.keys())
    trained = plain(cfg.trained) if cfg.trained else {}
    labels = vocabulary(trained["labels"]) if trained.get("labels") else corpus.source.labels
    sees = Sees(tuple(corpus.inputs), {}, labels)
    if weights is not None:
        sees = trained_sees(weights, family, labels)
        check_inputs(sees, corpus.inputs, corpus.features.widths, weights)
        _require_recipes("checkpoint", Path(cfg.checkpoint), corpus)
    processor = _processor_with_room(cfg, corpus, (cfg.split,))
    drawn = cfg.seed if cfg.evaluation.do_sample else None
    facts = EvaluationFacts(
        rank,
        load_of(cfg),
        kept(cfg),
        cfg.checkpoint,
        weights,
        cfg.split,
        writer,
        trained,
        drawn,
        sampling,
        attributes,
        validation,
    )
    learner = partial(build_learner, cfg, corpus, sees=sees, is_empty=rank > 0, likelihood=likelihood)
    data = ClipDataModule(corpus, processor, loading_of(cfg), shuffle=tuple(cfg.shuffle))
    return Run(data, learner, trainer, scoring, facts)


def _require_label_probabilities(cfg: DictConfig) -> None:
    """Refuse to ask how likely labels are where that cannot be known.

    Raises:
        UserError: the model runs elsewhere, or its answers are no labels.
    """
    if family_of(cfg.model).weights == "elsewhere":
        raise UserError("probabilities=true: a model on a server does not say how likely labels are; leave it out")
    if cfg.prompt.task != EMOTION:
        raise UserError(
            f"probabilities=true: answers to prompt.task={cfg.prompt.task} are no labels; leave one of both"
        )


def occasion(
    cfg: DictConfig,
    learned: Sequence[str] = (),
    *,
    waits_for_all: bool = False,
    augments: bool = False,
    reshaped: Sequence[str] = (),
) -> Occasion:
    """What a family may refuse before anything is read."""
    return Occasion(
        layout=cfg.prompt.layout,
        inputs=tuple(inputs_of(cfg)),
        tasks=(cfg.prompt.task, *learned),
        precomputes_vision=cfg.precompute_vision,
        waits_for_all=waits_for_all,
        augments=augments,
        reshaped=reshaped,
    )


def _refuse_unused(cfg: DictConfig) -> None:
    """Settings of what is not asked for would be dropped."""
    given = [name for name, value in cfg.likelihood.items() if value]
    if given and not cfg.probabilities:
        raise UserError(f"likelihood.{given[0]} is of evaluation=likelihood, which was not said; say it, too")


def _set_up_process(cfg: DictConfig, rank: int) -> None:
    """Threads and messages; and what cannot run as it was started is refused."""
    quiet_libraries()
    quiet_other_ranks(rank)
    require_srun(cfg.trainer.devices, cfg.trainer.num_nodes)
    require_hardware(cfg.trainer.accelerator, cfg.trainer.devices, cfg.trainer.num_nodes, chosen=chosen("trainer"))
    set_num_threads(cfg.num_threads)


def _refuse_engine(cfg: DictConfig) -> None:
    require_engine(
        cfg.trainer.strategy,
        accumulation=cfg.accumulation,
        quantization=OmegaConf.select(cfg, "model.language.quantization", default="none"),
        precision=cfg.trainer.precision,
        accelerator=cfg.trainer.accelerator,
        averages=bool(cfg.ema_decay),
        init=OmegaConf.select(cfg, "model.lora.init", default="default"),
    )


def _initial_weights(cfg: DictConfig) -> Path | None:
    """What `init_from` names, if this model can take it."""
    if not cfg.init_from:
        return None
    found = find_weights("init_from", Path(cfg.init_from))
    require_same_model("init_from", Path(cfg.init_from), plain(cfg.model), is_evaluated=False)
    return found


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
            every_minutes=cfg.checkpoints.every_minutes,
            stopping=stopping,
        )


def _require_recipes(setting: str, checkpoint: Path, corpus: Corpus) -> None:
    """Refuse vectors of another recipe than the weights were trained with, or doubt them where that is accepted."""
    accepts = corpus.reading.other_recipe == "accept"
    corpus.doubt_vectors(require_same_recipes(setting, checkpoint, corpus.features.made_by, accepts=accepts))


def _processor_with_room(cfg: DictConfig, corpus: Corpus, splits: Sequence[str]) -> Processor:
    """What makes batches of the clips, if all of them fit into the language model."""
    processor = build_processor(cfg)
    if (language := family_of(cfg.model).language(plain(cfg.model))) is not None:
        require_room(corpus, processor, splits, language=language, max_new_tokens=cfg.evaluation.max_new_tokens)
    return processor


def _seeded_learner(cfg: DictConfig, corpus: Corpus, **training: Any) -> EmotionLearner:
    pl.seed_everything(cfg.seed, workers=True, verbose=False)
    return build_learner(cfg, corpus, **training)


def load_of(cfg: DictConfig) -> Load:
    """What a run asks of the machine."""
    return Load(
        output_dir=Path(cfg.output_dir),
        batch_size=cfg.data.batch_size,
        num_workers=cfg.data.num_workers,
        trainer=plain(cfg.trainer),
        language=family_of(cfg.model).language(plain(cfg.model)),
        image_size=OmegaConf.select(cfg, "model.vision.image_size", default=0),
        trained=trained_parts(cfg),
        precomputes_vision=cfg.precompute_vision,
        precompute_dtype=cfg.precompute_dtype,
    )


def trained_parts(cfg: DictConfig) -> dict[str, str]:
    """Part of the model -> how it trains."""
    return family_of(cfg.model).trained(plain(cfg.model), tuple(inputs_of(cfg)))


def build_learner(
    cfg: DictConfig,
    corpus: Corpus,
    *,
    sees: Sees | None = None,
    is_empty: bool = False,
    **training: Any,
) -> EmotionLearner:
    """Model and learner.

    Args:
        cfg: the run.
        corpus: already read.
        sees: what the model is built around, where that is not the data.
        is_empty: the language model gets its weights from the first rank, when training starts.
        **training: arguments of EmotionLearner.
    """
    sees = sees or Sees(tuple(corpus.inputs), corpus.features.widths, corpus.source.labels)
    model = family_of(cfg.model).build(plain(cfg.model), sees=sees, is_empty=is_empty)
    if cfg.accumulation == "sum":
        training["summed_batches"] = cfg.trainer.accumulate_grad_batches
    return EmotionLearner(
        model,
        labels=corpus.source.labels,
        sees=sees,
        seed=cfg.seed,
        generation=Generation(**plain(cfg.evaluation)),
        **training,
    )


def build_optimizer(cfg: DictConfig) -> Any:
    """What makes the optimizer of some parameters; tried on two of them, since only the optimizer knows its values.

    Raises:
        UserError: it refuses them.
    """
    make = build(cfg.optimizer, "optimizer")
    with explained_refusals("optimizer"):
        make(parameter_groups(nn.Linear(2, 2)))
    return make


def build_trainer(cfg: DictConfig, **objects: Any) -> Any:
    """Lightning's trainer with the configured loggers and callbacks."""
    settings = plain(cfg.trainer)
    if cfg.accumulation == "sum":  # The learner adds them up: the trainer would divide, and flush at an epoch's end.
        settings["accumulate_grad_batches"] = 1
    loggers = [build(node, f"logger.{name}") for name, node in (cfg.logger or {}).items()]
    callbacks = [build(node, f"callbacks.{name}") for name, node in (cfg.callbacks or {}).items()]
    if not loggers:  # Lightning's monitor refuses to watch for nobody.
        callbacks = [callback for callback in callbacks if not isinstance(callback, LearningRateMonitor)]
    if not OmegaConf.select(cfg, "trainer.enable_progress_bar", default=True):
        callbacks = [callback for callback in callbacks if not isinstance(callback, ProgressBar)]
    trainer = build(
        settings,
        "trainer",
        logger=loggers,
        callbacks=[*callbacks, *objects.pop("callbacks", [])],
        plugins=[AtomicCheckpointIO()],
        default_root_dir=cfg.output_dir,
        **objects,
    )
    leave_signals_alone(trainer)
    # Deterministic algorithms would first fill each new tensor, a search for mistakes that takes a percent of a step.
    torch.utils.deterministic.fill_uninitialized_memory = False  # type: ignore[attr-defined]
    return trainer
