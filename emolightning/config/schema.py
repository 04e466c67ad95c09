"""Our own settings: their names, types, defaults and allowed values. Objects are configured by `_target_` instead."""

import difflib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, fields, is_dataclass
from pathlib import Path
from typing import Any, get_type_hints

from hydra.core.config_store import ConfigStore
from omegaconf import MISSING, DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException, ValidationError

from emolightning.errors import UserError
from emolightning.inputs import INPUTS, MODALITIES, active_inputs
from emolightning.instructions import POOLS
from emolightning.scores import LOGGED, PER_CLASS

CONFIG_DIR = Path(__file__).resolve().parents[2] / "configs"
"""Beside the package: this is run from a checkout, not from site-packages."""

LAYOUTS = ("train", "upstream_eval", "demo")
INSTRUCTIONS = ("fixed", "all", "upstream")
MODES = ("max", "min")
ACCUMULATIONS = ("mean", "sum")
SPLITS = ("train", "val", "test", "all")
PRECISIONS = ("32-true", "bf16-mixed", "16-mixed")
ATTENTIONS = ("sdpa", "eager")
DTYPES = ("float32", "bfloat16", "float16")
DEVICES = ("auto", "cpu", "cuda", "meta")
WEIGHTS = ("folders", "random")
FORMATS = ("upstream", "merged")
IDS = ("exact", "stem")
MISSING_ANSWERS = ("error", "count")
EXTRA_ANSWERS = ("error", "ignore")

CHOICES = {
    "prompt.layout": LAYOUTS,
    "prompt.pool": INSTRUCTIONS,
    "prompt.task": tuple(POOLS),
    "accumulation": ACCUMULATIONS,
    "monitor.mode": MODES,
    "split": SPLITS,
    "format": FORMATS,
    "dtype": DTYPES,
    "device": DEVICES,
    "weights": WEIGHTS,
    "ids": IDS,
    "missing": MISSING_ANSWERS,
    "extra": EXTRA_ANSWERS,
    "ours.precision": PRECISIONS,
    "ours.dtype": DTYPES,
    "ours.attention": ATTENTIONS,
    "upstream.precision": PRECISIONS,
    "upstream.dtype": DTYPES,
    "upstream.attention": ATTENTIONS,
}
"""Setting -> the words it may hold."""

RANGES = {
    "seed": (0, 2**32 - 1),
    "num_threads": (1, None),
    "parallel": (1, None),
    "evaluation.max_new_tokens": (1, None),
    "evaluation.num_beams": (1, None),
    "evaluation.temperature": (1e-6, None),
    "evaluation.top_p": (1e-6, 1),
    "evaluation.repetition_penalty": (1e-6, None),
    "data.batch_size": (1, None),
    "data.batches_per_epoch": (1, None),
    "data.num_workers": (0, None),
    "model.lora.r": (1, None),
    "model.lora.alpha": (1, None),
    "model.lora.dropout": (0, 0.99),
    "trainer.accumulate_grad_batches": (1, None),
    "probe": (0, None),
    "rounds": (1, None),
    "rows": (1, None),
    "samples": (1, None),
    "batch_size": (1, None),
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
    "ours.answers_at_once": (1, None),
    "upstream.batch_size": (1, None),
    "upstream.answers_at_once": (1, None),
}
"""Setting -> smallest and largest number it may hold; None is no limit. NumPy takes 32-bit seeds only."""


@dataclass
class InputSwitches:
    """Single inputs off, within the chosen modalities."""

    image: bool = True
    """Frames of the clip, seen by the vision tower."""
    face: bool = True
    """Facial feature vectors."""
    motion: bool = True
    """Feature vectors of movement over time."""
    speech: bool = True
    """Feature vectors of the voice."""
    transcript: bool = True
    """What is said, as text in the prompt."""


@dataclass
class PromptSettings:
    """How the question is put."""

    layout: str = "train"
    """`train`: the sequence the weights were trained on; `upstream_eval`: the one upstream scores with; `demo`: the
    one of upstream's chat demo."""
    task: str = "emotion"
    """What is asked: `emotion`, `reason` or `reason_v2`."""
    tasks: dict[str, float] = field(default_factory=dict)
    """Training draws from these, task: weight; empty trains `prompt.task` alone."""
    labels: list[str] | None = None
    """Labels that the question offers, in this order; null offers those of the benchmark's published
    protocol, or of the data in upstream's order."""
    pool: str = "fixed"
    """In training. `fixed`: upstream's first instruction; `all`: drawn by (seed, epoch, clip id); `upstream`: first for
    emotion, drawn for reasons. Evaluations ask the first."""


@dataclass
class Monitor:
    """The one number that picks the best checkpoint."""

    metric: str = "val/weighted_f1"
    """Logged name, `split/metric`."""
    mode: str = "max"
    """`max` if more is better, else `min`."""


@dataclass
class EvaluationSettings:
    """How answers are generated."""

    max_new_tokens: int = 16
    """Longest answer, in tokens."""
    num_beams: int = 1
    """Beams of the search; 1 is greedy."""
    do_sample: bool = False
    """Draw tokens instead of taking the likeliest; each clip with a seed of its own."""
    temperature: float = 1.0
    """Of sampling."""
    top_p: float = 1.0
    """Of sampling: the smallest set of tokens with this probability."""
    repetition_penalty: float = 1.0
    """Above 1 lowers tokens that the answer has already."""
    length_penalty: float = 1.0
    """Of beam search: above 0 prefers longer answers."""


@dataclass
class PathSettings:
    """The folders of this machine."""

    data: str = "${oc.env:EMOLIGHTNING_DATA,data}"
    """Datasets and features; set EMOLIGHTNING_DATA to move it for all runs."""
    outputs: str = "${oc.env:EMOLIGHTNING_OUTPUTS,outputs}"
    """Run folders; or set EMOLIGHTNING_OUTPUTS."""
    weights: str = "${oc.env:EMOLIGHTNING_WEIGHTS,weights}"
    """Pretrained weights; or set EMOLIGHTNING_WEIGHTS."""


@dataclass
class RunConfig:
    """Everything a training run is made of."""

    run_name: str = "${data.name}"
    """Name of the run and of its folder."""
    output_dir: str = "${paths.outputs}/${run_name}"
    """The run folder: checkpoints, answers, metrics. No clock in it, so that all ranks agree."""
    seed: int = 42
    """Seed of weights, order and instructions, 0 to 2**32 - 1."""
    seeds: list[int] | None = None
    """train.py: trains and tests once for each, in output_dir/seed-<n>, and gives mean, deviation and interval."""
    parallel: int = 1
    """With seeds: runs at the same time."""
    num_threads: int = 1
    """CPU threads of each process."""
    modalities: list[str] = field(default_factory=lambda: list(MODALITIES))
    """Any of audio, video, text; what is left out is removed from the sequence."""
    inputs: InputSwitches = field(default_factory=InputSwitches)
    """Single inputs off: image, face, motion, speech, transcript."""
    prompt: PromptSettings = field(default_factory=PromptSettings)
    """How the question is put."""
    precompute_vision: bool = True
    """A frozen vision tower sees each clip once, before the first step, and its vectors are kept in the cache (2.9 MB a
    clip at 448 pixels); false runs it in every step."""
    accumulation: str = "mean"
    """Gradients of `trainer.accumulate_grad_batches` batches: `mean`, or `sum` as upstream, remainder carried over."""
    monitor: Monitor = field(default_factory=Monitor)
    """The number that picks the best checkpoint."""
    evaluation: EvaluationSettings = field(default_factory=EvaluationSettings)
    """How answers are generated."""
    paths: PathSettings = field(default_factory=PathSettings)
    """The folders of this machine."""
    resume: str | None = None
    """`auto` goes on from the last checkpoint of output_dir, a path from that checkpoint."""
    init_from: str | None = None
    """Start from the trained weights of a run folder, checkpoint file or adapter folder, with a fresh optimizer."""
    tags: list[str] = field(default_factory=list)
    """Words to find the run by, e.g. in W&B."""
    notes: str = ""
    """A sentence for whoever reads the run later."""
    data: Any = MISSING
    """The dataset: clips, splits, loaders."""
    features: Any = None
    """Where the face, motion and speech vectors come from."""
    model: Any = MISSING
    """The model: vision tower, projections, language model, adapters."""
    optimizer: Any = MISSING
    """What turns gradients into steps."""
    schedule: Any = MISSING
    """The learning rate over the steps."""
    trainer: Any = MISSING
    """The Lightning trainer: hardware, precision, length."""
    logger: Any = None
    """Where numbers go."""
    callbacks: Any = None
    """What watches the run."""
    scoring: Any = None
    """What turns answers into scores."""
    judge: Any = None
    """With scoring=reasoning: what grades a description."""


@dataclass
class EvalConfig(RunConfig):
    """A trained run, and what to ask it."""

    checkpoint: str = MISSING
    """A run folder, or a checkpoint file inside one."""
    split: str = "test"
    """Clips to answer: train, val, test or all."""
    shuffle: list[str] = field(default_factory=list)
    """Inputs permuted across clips, to see how much the model relies on them."""


@dataclass
class DoctorConfig(RunConfig):
    """A run whose data are looked at instead."""

    against: Any = None
    """Another dataset, whose clips should not be among those of this one."""
    probe: int | None = 32
    """Clips whose media are decoded, spread evenly over the dataset; null decodes all."""
    output: str | None = None
    """JSON file for the findings."""


@dataclass
class EstimateConfig(RunConfig):
    """A run whose memory, time and cost are worked out instead."""

    compare: bool = True
    """Also a line for every file of configs/trainer, with the number of GPUs that was chosen."""
    num_clips: int | None = None
    """Clips of the train split; null takes `data.batches_per_epoch`, if that is set."""
    text_tokens: int = 128
    """Assumed: tokens of question, transcript and answer together."""
    answer_tokens: int = 20
    """Assumed: tokens with a loss."""
    frames: int = 1
    """Frames of a clip."""
    feature_width: int = 1024
    """Of the face, motion and speech vectors."""
    vocabulary_size: int = 32000
    """Of a language model whose folder is not there: Llama-2's."""
    gpu: str | None = None
    """A GPU whose peak is known, e.g. `A100` or `H100 80GB HBM3`."""
    device_peak_tflops: float | None = None
    """Peak of one GPU, dense, in the precision used; null takes it from `gpu`."""
    utilisation: float = 0.35
    """Assumed: share of the peak that a step reaches."""
    gpu_memory_gb: list[float] = field(default_factory=lambda: [24.0, 40.0, 80.0])
    """Sizes of GPUs to compare with."""
    price_per_gpu_hour: float | None = None
    """In any currency; null says nothing about cost."""
    output: str | None = None
    """JSON file for the result."""


@dataclass
class ImportConfig:
    """Published weights, and where they go."""

    llama: str = MISSING
    """Hugging Face folder of the language model (Llama-2-7b-chat-hf); it stays where it is."""
    eva: str = MISSING
    """The vision tower, `eva_vit_g.pth`."""
    checkpoint: str = MISSING
    """Emotion-LLaMA's `.pth`: LoRA and projections."""
    out: str = "${paths.weights}"
    """Gets `eva_clip_g/`, `adapter/` and `import.json`."""
    dry_run: bool = False
    """Only print the match report."""
    allow_partial: bool = False
    """Write although parameters of the model have no tensor; they stay fresh."""
    paths: PathSettings = field(default_factory=PathSettings)
    """The folders of this machine."""
    model: Any = MISSING
    """The model that the weights are for: sizes of the tower, rank of LoRA."""


@dataclass
class ExportConfig:
    """Trained weights, and the form that others need."""

    checkpoint: str = MISSING
    """A run folder (its best checkpoint), a checkpoint file inside one, or an adapter folder."""
    format: str = MISSING
    """`upstream`: a `.pth` for the released code; `merged`: a Hugging Face folder without adapters."""
    out: str = MISSING
    """The `.pth`, or the folder; nothing is written over."""
    llama: str | None = None
    """Where the language model lies now; null is where it lay in training."""
    dtype: str | None = None
    """Of the merged weights, float32, bfloat16 or float16; null keeps that of the language model's files."""
    allow_partial: bool = False
    """Write for the released code although it has parts that were not trained here; there they are random."""


@dataclass
class ConsolidateConfig:
    """A folder of DeepSpeed's, and the file that it becomes."""

    folder: str = MISSING
    """What DeepSpeed's `save_checkpoint` wrote: has a file `latest`."""
    out: str = MISSING
    """The checkpoint file; nothing is written over."""
    allow_unknown_base: bool = False
    """Write although the folder does not say which language model and vision tower its weights belong to."""


@dataclass
class InspectConfig:
    """What to look at."""

    file: str = MISSING
    """A `.pth` or safetensors file, or a folder."""


@dataclass
class ParityConfig:
    """Recorded values, and how to recompute them."""

    golden: str = MISSING
    """Folder with `model_config.json`, weights, `samples.json`, `inputs.safetensors` and what was recorded of them."""
    num_threads: int = 1
    """CPU threads."""


@dataclass
class ColumnNames:
    """The columns of predictions and truth, as the files spell them."""

    id: str = "id"
    """Which clip; of both files."""
    answer: str = "answer"
    """What the system said."""
    truth: str = "truth"
    """Of the truth file, or of the predictions where there is none."""
    truth_id: str | None = None
    """Which clip, where the truth file calls it otherwise."""
    valence_answer: str | None = None
    """Predicted valence; with valence_truth it is scored, and MER2023's combined score with it."""
    valence_truth: str | None = None
    """True valence, -5 to 5, or -10 for none."""


@dataclass
class ScoreConfig:
    """Predictions of any system, and what to score them against."""

    answers: list[str] = MISSING
    """CSV or JSONL file, or a run folder; a list of them is one a fold."""
    truth: list[str] = field(default_factory=list)
    """CSV or JSONL file with the truth, or one a fold; left out, truth is a column of the answers."""
    output_dir: str = MISSING
    """Gets `metrics.json`, `answers.jsonl` and `report.html`; of folds one folder each."""
    benchmark: str | None = None
    """An official benchmark, e.g. `mer2023_semi`: gives labels and scoring, and its sizes are compared."""
    split: str = "test"
    """What was predicted, for the record: train, val, test or all."""
    columns: ColumnNames = field(default_factory=ColumnNames)
    """Names of the columns."""
    ids: str = "exact"
    """`exact`: ids are compared as text, 1249 is not 01249; `stem`: without the suffix of a video."""
    missing: str = "error"
    """Clips without an answer: `error`, or `count` them as wrong."""
    extra: str = "error"
    """Answers to clips that the truth does not have: `error`, or `ignore` and count them."""
    paths: PathSettings = field(default_factory=PathSettings)
    """The folders of this machine."""
    scoring: Any = MISSING
    """What turns answers into scores."""
    judge: Any = None
    """Who grades descriptions, for `scoring=reasoning`."""


@dataclass
class ScoreRowsConfig:
    """A made-up predictions file, and how often to score it."""

    rows: int = 1_000_000
    """Rows of the file."""
    rounds: int = 3
    """Processes that score it, one after the other."""
    seed: int = 0
    """Of the answers."""
    output: str | None = None
    """JSON file for the result."""


@dataclass
class ReproduceConfig:
    """Published scores, and a run to set beside them."""

    benchmark: str | None = None
    """A benchmark, e.g. `mer2023_semi`, or the beginning of several, e.g. `mer2023`; null lists what there is."""
    run: str | None = None
    """Folder with the run's `metrics.json`; null lists the published scores."""
    system: str | None = None
    """Only published models whose names contain this."""
    output_dir: str | None = None
    """Gets `reproduce.json`; null puts it into the folder of the run."""


@dataclass
class Recipe:
    """How the same clips are trained on and answered."""

    batch_size: int = 1
    """Clips of a training step."""
    answers_at_once: int = 1
    """Clips whose answers are generated together."""
    precompute_vision: bool = False
    """The vision tower has seen each clip once before; false runs it in every step and for every answer."""
    precision: str = "16-mixed"
    """As in `trainer.precision`: 32-true, bf16-mixed or 16-mixed. On a CPU it is 32-true whatever stands here."""
    dtype: str = "float16"
    """Of the frozen weights, the tower's as well. On a CPU it is float32 whatever stands here."""
    attention: str = "eager"
    """`sdpa`: torch's fused attention; `eager`: written out."""
    clip_norm: float = 0.0
    """As `trainer.gradient_clip_val`; 0 does not clip."""


def our_recipe() -> Recipe:
    """What this project does when nothing else is said."""
    batch_size: Any = "${batch_size}"
    return Recipe(
        batch_size=batch_size,
        answers_at_once=batch_size,
        precompute_vision=True,
        precision="bf16-mixed",
        dtype="${model.language.dtype}",
        attention="${model.language.attention}",
        clip_norm=1.0,
    )


@dataclass
class ThroughputConfig:
    """What to measure: our recipe and upstream's on the same model and clips, in alternating rounds."""

    rounds: int = 7
    """Rounds; in each of them every recipe is measured once."""
    samples: int = 64
    """Clips of a recipe in a round, for training and for evaluation."""
    batch_size: int = 16
    """Of our recipe: clips of a training step, and answers generated together."""
    transcript_tokens: int = 24
    """Mean length of the transcripts; they vary by half of it."""
    answer_tokens: int = 20
    """Tokens learned of each clip, and tokens generated for it, the one that ends the answer included."""
    feature_width: int = 1024
    """Of the face, motion and speech vectors."""
    weights: str = "folders"
    """`folders`: those that the model names, if it names any; `random`: none is read."""
    vocabulary_size: int = 32000
    """With weights=random, of a language model that would be read from a folder: Llama-2's."""
    device: str = "auto"
    """`auto`: a GPU if there is one; `cpu`; `cuda`; `meta`: nothing is computed, shapes and sizes are shown."""
    device_peak_tflops: float | None = None
    """Of the device, dense, in the precision used; null takes it from a table, and measures it on a CPU."""
    ablate: bool = False
    """Also measure our recipe with each single setting of upstream's."""
    output: str | None = None
    """JSON file for the result."""
    num_threads: int = 1
    """CPU threads."""
    seed: int = 0
    """Of clips and random weights."""
    ours: Recipe = field(default_factory=our_recipe)
    """Our recipe."""
    upstream: Recipe = field(default_factory=Recipe)
    """The recipe of the released code."""
    paths: PathSettings = field(default_factory=PathSettings)
    """The folders of this machine."""
    model: Any = MISSING
    """The model: vision tower, projections, language model, adapters."""
    optimizer: Any = MISSING
    """What turns gradients into steps."""


@dataclass
class EmerBaselinesConfig:
    """Published answers, to be judged anew."""

    folder: str = MISSING
    """With `gt.csv` and a CSV file for each model, columns names and chi_reasons."""
    output: str | None = None
    """JSON file for the result."""
    paths: PathSettings = field(default_factory=PathSettings)
    """The folders of this machine."""
    scoring: Any = MISSING
    """What turns answers into scores."""
    judge: Any = None
    """What grades a description."""


@dataclass(frozen=True)
class Problem:
    """One thing to mend in the configuration."""

    key: str
    """Dotted key, e.g. `data.batch_size`."""
    message: str

    def __str__(self) -> str:
        return f"{self.key}{' ' if self.message.startswith('is ') else ': '}{self.message}"


SCHEMAS = {
    "run_schema": RunConfig,
    "eval_schema": EvalConfig,
    "doctor_schema": DoctorConfig,
    "estimate_schema": EstimateConfig,
    "import_schema": ImportConfig,
    "export_schema": ExportConfig,
    "consolidate_schema": ConsolidateConfig,
    "inspect_schema": InspectConfig,
    "parity_schema": ParityConfig,
    "score_schema": ScoreConfig,
    "reproduce_schema": ReproduceConfig,
    "score_rows_schema": ScoreRowsConfig,
    "throughput_schema": ThroughputConfig,
    "emer_baselines_schema": EmerBaselinesConfig,
}
"""Name in a primary config's defaults list -> its settings."""


def register_schemas() -> None:
    """Make the schemas available to defaults lists by their names."""
    for name, schema in SCHEMAS.items():
        ConfigStore.instance().store(name=name, node=schema, provider="emolightning")


def closest(word: object, options: Iterable[str]) -> str | None:
    """The option that `word` was probably meant to be, or None.

    >>> closest("max_epoch", ["max_epochs", "min_epochs"])
    'max_epochs'
    """
    spellings = {option.lower(): option for option in options}
    matches = difflib.get_close_matches(str(word).lower(), list(spellings), n=1, cutoff=0.6)
    return spellings[matches[0]] if matches else None


def suggestion(word: object, options: Iterable[str], *, limit: int = 12) -> str:
    """`did you mean X?` if an option is near, else the options themselves."""
    names = list(options)
    near = closest(word, names)
    if near:
        return f"did you mean {near}?"
    return f"choose from {', '.join(names[:limit])}{', ...' if len(names) > limit else ''}" if names else "it has none"


def not_one_of(value: object, options: Iterable[str]) -> str:
    """`'pek' is not one of middle, peak; did you mean peak?`."""
    names = list(options)
    near = closest(value, names)
    return f"{value!r} is not one of {', '.join(names)}{f'; did you mean {near}?' if near else ''}"


def check_settings(cfg: DictConfig) -> list[Problem]:
    """Values of our own settings that no run can mean, and keys that are none of ours; absent keys are skipped."""
    schema = OmegaConf.get_type(cfg)
    problems = unknown_settings(cfg, schema) if is_dataclass(schema) else []
    for key, options in CHOICES.items():
        value = _value(cfg, key)
        if value is not None and value not in options:
            problems.append(Problem(key, not_one_of(value, options)))
    for key, (low, high) in RANGES.items():
        value = _value(cfg, key)
        is_number = isinstance(value, int | float)  # What should be one and is not, is reported with its type.
        if is_number and not (low <= value and (high is None or value <= high)):
            allowed = f"at least {low}" if high is None else f"{low} to {high}"
            problems.append(Problem(key, f"must be {allowed}, not {value}"))
    return problems + _check_inputs(cfg) + _check_tasks(cfg) + _check_monitor(cfg) + _check_seeds(cfg)


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
            problems.append(Problem(key, str(error).partition("\n")[0]))
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
    for key, options in (("modalities", MODALITIES), ("shuffle", INPUTS)):
        for name in _value(cfg, key) or ():
            if name not in options:
                problems.append(Problem(key, not_one_of(name, options)))
    modalities, switches = _value(cfg, "modalities"), _value(cfg, "inputs")
    if problems or modalities is None or switches is None:
        return problems
    try:
        active = active_inputs(modalities, {name: switches.get(name, True) for name in INPUTS})
    except UserError as error:
        return [Problem("modalities", str(error))]
    idle = [name for name in _value(cfg, "shuffle") or () if name not in active]
    return [Problem("shuffle", f"{name} is not an input of this run; it has {', '.join(active)}") for name in idle]


def _check_tasks(cfg: DictConfig) -> list[Problem]:
    problems = []
    for task, weight in (_value(cfg, "prompt.tasks") or {}).items():
        if task not in POOLS:
            problems.append(Problem("prompt.tasks", not_one_of(task, POOLS)))
        elif not weight >= 0:
            problems.append(Problem(f"prompt.tasks.{task}", f"must be a weight of 0 or more, not {weight}"))
    weights = (_value(cfg, "prompt.tasks") or {}).values()
    if not problems and weights and not any(weights):
        problems.append(Problem("prompt.tasks", "leaves no task: give one of them a weight above 0"))
    return problems


def _check_monitor(cfg: DictConfig) -> list[Problem]:
    """Lightning would miss a misspelt score only after the first epoch."""
    name = _value(cfg, "monitor.metric")
    if name is None or name in LOGGED or name.startswith(tuple(f"val/{score}/" for score in PER_CLASS)):
        return []
    return [Problem("monitor.metric", not_one_of(name, LOGGED))]


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


def _value(cfg: DictConfig, key: str) -> Any:
    """None for what is absent, missing or not resolvable: `check_config` reports those once, for all keys."""
    try:
        return OmegaConf.select(cfg, key, default=None)
    except OmegaConfBaseException:
        return None
