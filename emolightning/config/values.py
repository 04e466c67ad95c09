"""Values that our own settings may have; what is wrong with those of a configuration."""

from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from math import inf
from typing import Any, get_type_hints

from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException, ValidationError

from emolightning.config.augmentation_values import check_augmentation
from emolightning.config.command_settings import (
    CombineConfig,
    ExtractConfig,
    PrepareConfig,
    PseudoLabelConfig,
    ScoreRowsConfig,
)
from emolightning.config.corpora_values import check_corpora, refuse_corpora
from emolightning.config.families import all_inputs, families, family_of
from emolightning.config.lora_values import check_lora_init
from emolightning.config.loss_values import check_loss
from emolightning.config.problems import Problem, not_one_of, reason_of, suggestion
from emolightning.config.question_values import check_questions, kept_questions
from emolightning.config.rate_values import check_rates
from emolightning.config.renamed import BUILT_IN
from emolightning.config.run_settings import (
    EvalConfig,
    MerbenchConfig,
    PredictConfig,
    RobustnessConfig,
    RunConfig,
)
from emolightning.config.trainer_values import check_trainer
from emolightning.errors import UserError
from emolightning.prompt.questions import GENERAL, NO_SCALE, QUOTED
from emolightning.records.corruptions import CORRUPTIONS
from emolightning.records.inputs import MODALITIES, Inputs, active_inputs
from emolightning.records.score_names import (
    BEST_SOFT_ACCURACY,
    DIMENSIONS,
    LOGGED,
    MISSING_NUMBERS,
    PER_CLASS,
    SOFT_ACCURACY,
    number_scale,
)
from emolightning.records.votes import TIES

LAYOUTS = tuple(dict.fromkeys(layout for family in families().values() for layout in family.layouts))
TASKS = tuple(dict.fromkeys(task for family in families().values() for task in family.tasks))
TAUGHT = ("emotion", "reason", *(task for task in GENERAL if task not in QUOTED))
"""Tasks whose answers a clip has by itself."""
INSTRUCTIONS = ("fixed", "all", "upstream")
MODES = ("max", "min")
ACCUMULATIONS = ("mean", "sum")
SPLITS = ("train", "val", "test", "all")
PRECISIONS = ("32-true", "bf16-mixed", "16-mixed")
TRAINER_PRECISIONS = (*PRECISIONS, "bf16-true", "16-true")
ATTENTIONS = ("sdpa", "eager")
DTYPES = ("float32", "bfloat16", "float16")
KEPT_DTYPES = ("float32", "float16")
REAL_DEVICES = ("auto", "cpu", "cuda")
DEVICES = (*REAL_DEVICES, "meta")
WEIGHTS = ("folders", "random")
FORMATS = ("upstream", "merged")
LEVELS = ("utterance", "frame")
ON_ERROR = ("stop", "skip")
IDS = ("exact", "stem")
PAIRINGS = ("id", "row")
MISSING_ANSWERS = ("error", "count")
EXTRA_ANSWERS = ("error", "ignore")
HOW = ("mean", "vote", "weights")
MISSING_VALENCE = tuple(MISSING_NUMBERS)
INTERVALS = ("score", "percentile")

CHOICES = {
    "prompt.layout": LAYOUTS,
    "prompt.pool": INSTRUCTIONS,
    "prompt.task": TASKS,
    "accumulation": ACCUMULATIONS,
    "monitor.mode": MODES,
    "split": SPLITS,
    "trainer.precision": TRAINER_PRECISIONS,
    "format": FORMATS,
    "dtype": DTYPES,
    "precompute_dtype": KEPT_DTYPES,
    "device": DEVICES,
    "weights": WEIGHTS,
    "level": LEVELS,
    "on_error": ON_ERROR,
    "ids": IDS,
    "pair_by": PAIRINGS,
    "missing": MISSING_ANSWERS,
    "how": HOW,
    "extra": EXTRA_ANSWERS,
    "ties": TIES,
    "valence_missing": MISSING_VALENCE,
    "intervals": INTERVALS,
    "perturb.corruption": tuple(CORRUPTIONS),
    "perturb.mean_of": ("train", "val"),
    "ours.precision": PRECISIONS,
    "ours.dtype": DTYPES,
    "ours.attention": ATTENTIONS,
    "upstream.precision": PRECISIONS,
    "upstream.dtype": DTYPES,
    "upstream.attention": ATTENTIONS,
}
"""Setting -> the words it may hold."""

OWN_CHOICES: Mapping[Any, dict[str, tuple[str, ...]]] = {
    PredictConfig: {"format": ("jsonl", "csv", "upstream"), "device": REAL_DEVICES},
    EvalConfig: {"cluster": ("subject",)},
    RobustnessConfig: {"cluster": ("subject",)},
    ExtractConfig: {"dtype": KEPT_DTYPES, "device": REAL_DEVICES},
    PrepareConfig: {
        "format": ("custom", "llama_factory", "ms_swift", "merr"),
        "clips": ("link", "copy"),
        "task": TAUGHT,
    },
    ScoreRowsConfig: {"kind": ("labels", "words")},
    CombineConfig: {"missing": ("error", "others")},
}
"""The same where a command means something else by a name."""

OF_ONE_CORPUS = (ExtractConfig, PrepareConfig, PseudoLabelConfig)
"""What reads the clips of a dataset alone."""

NOT_EMPTY = ("run_name", "output_dir", "paths.outputs", "paths.data", "paths.weights", "checkpoint", "out")
"""Names of files and folders: an empty one would mean the current folder."""

OF_INPUTS = ("shuffle", "perturb.zeroed", "perturb.mean", "perturb.inputs", "augmentation.input_dropout")
"""Lists of inputs that something is done to, or mappings from them."""

MONITORS = ("monitor.metric", "early_stopping.monitor")

OF_VOTES = tuple(f"val/{name}" for name in (SOFT_ACCURACY, BEST_SOFT_ACCURACY))
"""What a validation of clips with several annotators logs, too."""

NEEDS_VOTES = (
    "needs what each annotator of a clip said: data.annotators=[COLUMN,...] with data=custom, data.judged_by=workers "
    "with data=msp_podcast"
)

OF_TRAINING = ("augmentation", "rates", "ema_decay", "lr_range_test")
"""Settings that other programs leave as they are."""

CLASSIFICATION = ".Classification"
"""End of the `_target_` of the scoring whose scores have fixed names."""

SIZES = ("width", "num_layers", "num_heads", "mlp_width")

RANGES = {
    "seed": (0, 2**32 - 1),
    "perturb.seed": (0, 2**32 - 1),
    "num_threads": (1, None),
    "parallel": (1, None),
    "explanation_tokens": (1, None),
    "evaluation.max_new_tokens": (1, None),
    "evaluation.num_beams": (1, None),
    "evaluation.temperature": (1e-6, None),
    "evaluation.top_p": (1e-6, 1),
    "evaluation.repetition_penalty": (1e-6, None),
    "batch_size": (1, None),
    "num_workers": (0, None),
    "max_skipped": (0, 1),
    "data.batch_size": (1, None),
    "data.batches_per_epoch": (1, None),
    "data.num_workers": (0, None),
    "data.length_buckets": (2, None),
    "model.lora.r": (1, None),
    "model.lora.alpha": (1, None),
    "model.lora.dropout": (0, 0.99),
    "trainer.accumulate_grad_batches": (1, None),
    "trainer.gradient_clip_val": (0, None),
    "trainer.check_val_every_n_epoch": (1, None),
    "trainer.val_check_interval": (1e-6, None),
    "trainer.num_nodes": (1, None),
    "augmentation.modality_dropout": (0, 1),
    "augmentation.masked_steps": (0, 1),
    "augmentation.masked_values": (0, 1),
    "augmentation.frame_flip": (0, 1),
    "augmentation.frame_jitter": (0, 1),
    "augmentation.frame_crop": (0, 0.99),
    "augmentation.frame_blur": (0, 0.1),
    "augmentation.mixup": (0, 100),
    "rates.lora_plus_ratio": (1e-6, None),
    "rates.layer_decay": (1e-6, 1),
    "ema_decay": (0, 0.999999),
    "lr_range_test": (20, 10_000),
    "loss.focal_gamma": (0, None),
    "loss.label_smoothing": (0, 0.99),
    "early_stopping.patience": (0, None),
    "checkpoints.every_minutes": (0, None),
    "checkpoints.every_num_steps": (0, None),
    "callbacks.sample_answers.num_clips": (0, None),
    "callbacks.predictions.num_clips": (0, None),
    "callbacks.throughput.every_num_batches": (1, None),
    **{f"model.{part}.{size}": (1, None) for part in ("vision", "language") for size in SIZES},
    "model.vision.image_size": (1, None),
    "model.vision.patch_size": (1, None),
    "schedule.warmup_fraction": (0, 1),
    "schedule.warmup_steps": (0, None),
    "schedule.start_factor": (0, None),
    "schedule.final_factor": (0, None),
    "schedule.min_lr": (0, None),
    "schedule.warmup_lr": (0, None),
    "draws": (1, None),
    "repeats": (1, None),
    "folds": (2, None),
    "num_folds": (3, None),
    "subjects": (1, None),
    "pieces": (1, None),
    "epochs": (1, None),
    "fold_batch_size": (1, None),
    "model.steps": (1, None),
    "model.scale": (0, None),
    "model.network.dropout": (0, 0.99),
    "model.network.hidden_dim": (2, None),
    "probe": (0, None),
    "rounds": (1, None),
    "rows": (1, None),
    "clusters": (0, None),
    "samples": (1, None),
    "transcript_tokens": (1, None),
    "answer_tokens": (2, None),
    "feature_width": (1, None),
    "vocabulary_size": (1, None),
    "device_peak_tflops": (1e-6, None),
    "num_clips": (1, None),
    "text_tokens": (2, None),
    "frames": (1, None),
    "utilisation": (1e-3, 1),
    "price_per_gpu_hour": (0, None),
    "ours.batch_size": (1, None),
    "upstream.batch_size": (1, None),
}
"""Setting -> smallest and largest number it may hold; None is no limit. NumPy takes 32-bit seeds only."""


def check_settings(cfg: DictConfig) -> list[Problem]:
    """Values of our own settings that no run can mean, and keys that are none of ours; absent keys are skipped."""
    schema = OmegaConf.get_type(cfg)
    problems = unknown_settings(cfg, schema) if is_dataclass(schema) else []
    for key, options in {**CHOICES, **_of_family(cfg), **OWN_CHOICES.get(schema, {})}.items():
        value = _value(cfg, key)
        if value is not None and value not in options:
            problems.append(Problem(key, not_one_of(value, options)))
    problems += [Problem(key, "must not be empty") for key in NOT_EMPTY if _value(cfg, key) == ""]
    for key, (low, high) in RANGES.items():
        value = _value(cfg, key)
        is_number = isinstance(value, int | float)  # What should be one and is not, is reported with its type.
        if is_number and not (low <= value < inf and (high is None or value <= high)):
            allowed = f"a finite number of at least {low}" if value == inf and high is None else _range(low, high)
            problems.append(Problem(key, f"must be {allowed}, not {value}"))
    questions, tasks = _plain(_value(cfg, "prompt.questions")), _of_family(cfg).get("prompt.task", TASKS)
    return (
        problems
        + _check_inputs(cfg)
        + _check_tasks(cfg)
        + _check_scales(cfg)
        + check_questions(questions, tasks=tasks, kept=kept_questions(cfg) if questions else None)
        + _check_monitor(cfg)
        + _check_callbacks(cfg)
        + _check_lengths(cfg)
        + _check_seeds(cfg)
        + _check_folds(cfg)
        + _check_evaluation(cfg)
        + check_trainer(cfg)
        + check_loss(cfg)
        + (check_rates(cfg) + check_lora_init(cfg) if schema is RunConfig else [])
        + check_augmentation(cfg)
        + (
            refuse_corpora(cfg)
            if schema in OF_ONE_CORPUS
            else check_corpora(cfg, tasks=tasks, trains=schema is RunConfig)
        )
    )


def _range(low: float, high: float | None) -> str:
    return f"at least {low}" if high is None else f"{low} to {high}"


def unknown_settings(node: Mapping, schema: type, prefix: str = "") -> list[Problem]:
    """Keys of `node` that the dataclass `schema` does not have, at any depth that is typed."""
    types, problems = get_type_hints(schema), []
    names = [item.name for item in fields(schema)]
    for key in node:
        if key not in names:
            problems.append(Problem(f"{prefix}{key}", f"no such setting; {suggestion(key, names)}"))
        elif is_dataclass(types[key]) and isinstance(node[key], Mapping | DictConfig):
            problems += unknown_settings(node[key], types[key], f"{prefix}{key}.")
    return problems


def check_content(content: Mapping[str, Any], schema: type) -> list[Problem]:
    """Keys and types of one file's settings, all of them where OmegaConf stops at the first."""
    problems = unknown_settings(content, schema)
    written = OmegaConf.create(dict(content))
    for key in leaf_keys(content):
        try:
            OmegaConf.update(OmegaConf.structured(schema), key, OmegaConf.select(written, key))
        except ValidationError as error:
            problems.append(Problem(key, reason_of(error)))
        except OmegaConfBaseException:
            continue  # an unknown key, listed above
    return problems


def leaf_keys(node: Mapping[str, Any], prefix: str = "") -> list[str]:
    """Dotted keys of everything that is not a mapping."""
    keys = []
    for key, value in node.items():
        keys += leaf_keys(value, f"{prefix}{key}.") if isinstance(value, Mapping) else [f"{prefix}{key}"]
    return keys


def _check_inputs(cfg: DictConfig) -> list[Problem]:
    problems = []
    for key, options in (("modalities", MODALITIES), *((key, all_inputs()) for key in OF_INPUTS)):
        for name in _value(cfg, key) or ():
            if name not in options:
                problems.append(Problem(key, not_one_of(name, options)))
    modalities, switches = _value(cfg, "modalities"), _value(cfg, "inputs")
    if problems or modalities is None or switches is None:
        return problems
    try:
        active = active_inputs(_inputs_of(_value(cfg, "model")), modalities, switches)
    except UserError as error:
        return [Problem("modalities", str(error))]
    idle = [(key, name) for key in OF_INPUTS for name in _value(cfg, key) or () if name not in active]
    return [Problem(key, f"{name} is not an input of this run; it has {', '.join(active)}") for key, name in idle]


def _inputs_of(model: Any) -> Inputs:
    """What the model can take, as far as its settings are there."""
    return family_of(model).takes(OmegaConf.to_container(model) if OmegaConf.is_config(model) else {})


def _of_family(cfg: DictConfig) -> dict[str, tuple[str, ...]]:
    """What the family of the run's model can be asked, and how."""
    model = _value(cfg, "model")
    if model is None:
        return {}
    family = family_of(model)
    return {"prompt.layout": tuple(family.layouts) or LAYOUTS, "prompt.task": tuple(family.tasks) or TASKS}


def _check_tasks(cfg: DictConfig) -> list[Problem]:
    problems = []
    known = _of_family(cfg).get("prompt.task", TASKS)
    for task, weight in (_value(cfg, "prompt.tasks") or {}).items():
        if task not in known:
            problems.append(Problem("prompt.tasks", not_one_of(task, known)))
        elif not weight >= 0:
            problems.append(Problem(f"prompt.tasks.{task}", f"must be a weight of 0 or more, not {weight}"))
    task = _value(cfg, "prompt.task")
    if task in DIMENSIONS and str(_value(cfg, "scoring._target_")).endswith(CLASSIFICATION):
        said = f"answers to prompt.task={task} are numbers, no labels: say scoring=numbers"
        problems.append(Problem("scoring", f"{said}, and in training monitor.metric=val/ccc"))
    weights = (_value(cfg, "prompt.tasks") or {}).values()
    if not problems and weights and not any(weights):
        problems.append(Problem("prompt.tasks", "leaves no task: give one of them a weight above 0"))
    return problems


SCALES = {"prompt.scale": ("data", NO_SCALE), "data.scale": (), "scoring.scale": ()}
"""Settings that are two numbers, and the words that may stand in their place."""


def _check_scales(cfg: DictConfig) -> list[Problem]:
    problems = []
    for key, words in SCALES.items():
        given = _plain(_value(cfg, key))
        try:
            number_scale(None if given in words else given, key)
        except UserError as error:
            said = str(error).removeprefix(f"{key}: ")
            problems.append(Problem(key, "".join([said, *(f", or {word}" for word in words)])))
    return problems


def _plain(value: Any) -> Any:
    return OmegaConf.to_container(value) if OmegaConf.is_config(value) else value


def has_votes(cfg: DictConfig) -> bool:
    """Whether the data say what each of several people called a clip."""
    return bool(_value(cfg, "data.annotators")) or _value(cfg, "data.judged_by") == "workers"


def _check_monitor(cfg: DictConfig) -> list[Problem]:
    """Lightning would miss a misspelt score only after the first epoch."""
    problems = []
    has_labels = str(_value(cfg, "scoring._target_")).endswith(CLASSIFICATION)
    logged = (*LOGGED, *(OF_VOTES if has_votes(cfg) else ()))
    for key in MONITORS:
        name = _value(cfg, key)
        if not isinstance(name, str) or name in (*logged, "train/loss"):
            continue
        if name.startswith("val/") and not has_labels:  # Other scorings say their names when they are built.
            continue
        if name in OF_VOTES:
            problems.append(Problem(key, f"{name} {NEEDS_VOTES}"))
        elif not name.startswith(tuple(f"val/{score}/" for score in PER_CLASS)):
            problems.append(Problem(key, not_one_of(name, logged)))
    # What early stopping takes from `monitor.metric` is said once.
    return problems[:1] if {problem.key for problem in problems} > {"monitor.metric"} else problems


def _check_callbacks(cfg: DictConfig) -> list[Problem]:
    """Entries of `callbacks` in a file of the user's that are parts of every run now."""
    present = _value(cfg, "callbacks") or ()
    return [Problem(f"callbacks.{name}", said) for name, said in BUILT_IN.items() if name in present]


def _check_lengths(cfg: DictConfig) -> list[Problem]:
    """Only a model that puts clips into the sequence of a language model of its own knows how long that is."""
    if _value(cfg, "data.length_buckets") is None or _value(cfg, "model.language.width") is not None:
        return []
    said = "is about sequences of a language model that are known before they are made; this model has none"
    return [Problem("data.length_buckets", f"{said}; leave it out")]


def _check_evaluation(cfg: DictConfig) -> list[Problem]:
    """Settings of training that an evaluation, or MERBench's protocol, would ignore."""
    schema = OmegaConf.get_type(cfg)
    if schema not in (EvalConfig, RobustnessConfig, MerbenchConfig):
        return []
    given = () if schema is MerbenchConfig else ("resume", "init_from")
    idle = [key for key in given if _value(cfg, key) is not None]
    default = OmegaConf.structured(RunConfig)
    idle += [key for key in OF_TRAINING if cfg[key] != default[key]]
    return [Problem(key, "is for train.py alone; leave it out") for key in idle]


def _check_seeds(cfg: DictConfig) -> list[Problem]:
    """Only train.py repeats itself; to other commands a run has one seed."""
    seeds = _value(cfg, "seeds")
    if seeds is None:
        return []
    if OmegaConf.get_type(cfg) is not RunConfig:
        return [Problem("seeds", "is for train.py alone")]
    low, high = RANGES["seed"]
    wrong = [seed for seed in seeds if not low <= seed <= high]
    if wrong or not seeds or len(set(seeds)) < len(seeds):
        return [Problem("seeds", f"must be different numbers from {low} to {high}, at least one, not {list(seeds)}")]
    return []


def _check_folds(cfg: DictConfig) -> list[Problem]:
    """Only train.py repeats itself."""
    schema = OmegaConf.get_type(cfg)
    given = [name for name in ("folds", "leave_one") if _value(cfg, name) is not None]
    if not given or schema is MerbenchConfig:
        return []
    if schema is not RunConfig:
        return [Problem(name, "is for train.py alone") for name in given]
    if len(given) == 2:
        return [Problem("leave_one", "says which folds there are, and so does folds; leave out one of both")]
    if _value(cfg, "data.held_out") is not None:
        return [Problem("data.held_out", f"is said for each run by {given[0]}; leave out one of both")]
    if given == ["folds"] and cfg.folds == 2:
        return [Problem("folds", "must be at least 3, not 2: one is tested, one is for validation")]
    return []


def _value(cfg: DictConfig, key: str) -> Any:
    """None for what is absent, missing or not resolvable: `check_config` reports those once, for all keys."""
    try:
        return OmegaConf.select(cfg, key, default=None)
    except OmegaConfBaseException:
        return None
