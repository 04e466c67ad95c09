"""Our own settings of a run: their names, types and defaults. Objects are configured by `_target_` instead."""

from dataclasses import dataclass, field, make_dataclass
from typing import Any

from omegaconf import MISSING

from emolightning.config.families import all_inputs
from emolightning.config.generation import EvaluationSettings
from emolightning.records.inputs import MODALITIES

InputSwitches = make_dataclass(
    "InputSwitches",
    [
        (name, bool, field(default=about.is_on, metadata={"meaning": about.meaning}))
        for name, about in all_inputs().items()
    ],
    namespace={"__module__": __name__},
)
"""Single inputs off, within the chosen modalities: those of the model families."""


@dataclass
class PromptSettings:
    """How the question is put."""

    layout: str = "train"
    """`train`: the sequence the weights were trained on; `upstream_eval`: the one upstream scores with; `demo`: the
    one of upstream's chat demo."""
    task: str = "emotion"
    """What is asked: `emotion`, `reason` or `reason_v2`, `valence` or `arousal` as a number, `multi-label`,
    `preference` (which of two descriptions is better)."""
    tasks: dict[str, float] = field(default_factory=dict)
    """Training draws from these, task: weight; empty trains `prompt.task` alone."""
    questions: Any = None
    """Own questions, `{task: sentence or list of sentences}`, or a YAML file of them. In a sentence the labels replace
    `{labels}`, the ends of `prompt.scale` replace `{low}` and `{high}`. A run keeps the sentences, not the file."""
    scale: Any = None
    """Lowest and highest number that questions name: `[LOW,HIGH]`, `data` for the scale of the data, or `none`. Null is
    what a run that is resumed has, else the scale of the data where a question names one and it is known; an evaluation
    has that of its run, or of other data where those were chosen."""
    labels: list[str] | None = None
    """Labels that the question offers, in this order; null offers those of the benchmark's published
    protocol, or of the data in upstream's order."""
    pool: str = "fixed"
    """In training. `fixed`: upstream's first instruction; `all`: drawn by (seed, epoch, clip id); `upstream`: first for
    emotion, drawn for reasons. Evaluations ask the first."""


@dataclass
class RateSettings:
    """Learning rates of single parameters, as factors of `optimizer.lr`."""

    lora_plus_ratio: float = 1.0
    """Factor of LoRA's B (LoRA+); 1 is off, 16 is usual, with a smaller optimizer.lr."""
    layer_decay: float = 1.0
    """Factor of a layer of the language model or the vision tower, of what the layer above it has; 1 is off, 0.9 is
    usual."""
    parts: dict[str, float] = field(default_factory=dict)
    """Part of the model: factor of all that is in it, e.g. {projections: 0.1}."""


@dataclass
class LossSettings:
    """What training makes of the cross-entropy of an answer; validations measure it as it is."""

    class_weights: Any = None
    """Null; `balanced`: in inverse proportion to the clips of a label; or `{label: weight}`, 1 for the others. The mean
    over the clips of an epoch is made 1."""
    focal_gamma: float = 0.0
    """The loss of a token, or of a class, times (1 - p) to this power, p being the probability of what is true: clips
    that are known count less; 0 is off, 2 is usual."""
    label_smoothing: float = 0.0
    """Share of the target that is spread over all tokens, or classes; 0 is off, 0.1 is usual."""


@dataclass
class AugmentationSettings:
    """What is done to the inputs of training clips, drawn by (seed, pass, clip); other splits stay as they are."""

    modality_dropout: float = 0.0
    """Probability with which a modality of a clip is removed from the sequence, each by itself; one always stays."""
    input_dropout: dict[str, float] = field(default_factory=dict)
    """Input: probability with which it alone is removed, e.g. {speech: 0.3}."""
    vector_noise: list[float] | None = None
    """White noise in vectors: its ratio in dB is drawn between these two, e.g. [5,20]; null is none."""
    sound_noise: list[float] | None = None
    """The same in sound that a chat model hears by itself."""
    noise: str | None = None
    """Folder with files of noise for it, e.g. of MUSAN; null is white noise."""
    masked_steps: float = 0.0
    """Largest share of the vectors of an input that one gap of zeros takes, as masks in time of SpecAugment."""
    masked_values: float = 0.0
    """Largest share of the values of an input's vectors that one gap of zeros takes, the same in all of them."""
    frame_flip: float = 0.0
    """Probability with which the frames of a clip are turned left to right before a vision tower sees them."""
    frame_jitter: float = 0.0
    """Largest change of their brightness, contrast and saturation: 0.2 draws factors from 0.8 to 1.2."""
    frame_crop: float = 0.0
    """Largest share of their area that is cut off, at any place; the rest is enlarged."""
    frame_blur: float = 0.0
    """Largest blur: standard deviation of a Gaussian as a share of the shorter side, e.g. 0.01."""
    mixup: float = 0.0
    """Mixes the vectors and targets of two clips, with shares of Beta(this, this), e.g. 0.4; of `model=fusion/...`."""


@dataclass
class Monitor:
    """The one number that picks the best checkpoint."""

    metric: str = "val/weighted_f1"
    """Logged name, `split/metric`."""
    mode: str = "max"
    """`max` if more is better, else `min`."""


@dataclass
class EarlyStoppingSettings:
    """An end before the end, when the score that picks the checkpoint has not improved for long."""

    enabled: bool = True
    """false trains to the end of the plan."""
    patience: int | None = None
    """Validations without improvement; null is half of the run's, at least 3."""
    min_delta: float = 0.0
    """What counts as an improvement."""
    monitor: str = "${monitor.metric}"
    """Logged name, `split/metric`."""
    mode: str = "${monitor.mode}"
    """`max` if more is better, else `min`."""
    stopping_threshold: float | None = None
    """The score that is enough."""
    divergence_threshold: float | None = None
    """The score that is hopeless."""


@dataclass
class CheckpointSettings:
    """How often `checkpoints/last.ckpt` is written between validations; `best.ckpt` follows `monitor`."""

    every_minutes: float = 5.0
    """Minutes from one to the next, at the end of the step that is running then, with several processes of the next
    tenth one; 0 looks at no clock."""
    every_num_steps: int = 0
    """Optimizer steps from one to the next; 0 does not count them."""


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
    folds: int | None = None
    """train.py: cross-validates, a run for each of so many folds in output_dir/fold-<n>: labels are spread evenly,
    nobody is in two folds; each is tested once, the next one is for validation."""
    leave_one: str | None = None
    """train.py: the same with a fold for each `subject`, or each value of another column of the table, e.g. `session`
    or `fold`."""
    parallel: int = 1
    """How many runs of `seeds`, `folds` or `leave_one` train at the same time."""
    num_threads: int = 1
    """CPU threads of each process."""
    modalities: list[str] = field(default_factory=lambda: list(MODALITIES))
    """Any of audio, video, text; what is left out is removed from the sequence."""
    inputs: InputSwitches = field(default_factory=InputSwitches)  # type: ignore[valid-type]  # Its fields are data.
    """Single inputs off: image, face, motion, speech, transcript."""
    prompt: PromptSettings = field(default_factory=PromptSettings)
    """How the question is put."""
    precompute_vision: bool = True
    """A frozen vision tower sees each clip once, before the first step, and its vectors are kept in the cache (2.9 MB a
    clip at 448 pixels); false runs it in every step."""
    precompute_dtype: str | None = None
    """Type of these vectors on disk, float32 or float16; null keeps what the tower computes. float16 rounds a float32
    tower's values and halves their size."""
    accumulation: str = "mean"
    """Gradients of `trainer.accumulate_grad_batches` batches: `mean`, or `sum` as upstream, remainder carried over."""
    rates: RateSettings = field(default_factory=RateSettings)
    """Learning rates of single parameters."""
    lr_range_test: int | None = None
    """train.py: so many steps with a growing learning rate; the curve of the loss and a suggestion for optimizer.lr
    are written, nothing else is kept. 100 is usual."""
    ema_decay: float = 0.0
    """Validations, checkpoints that are evaluated and the adapter have the exponential moving average of the trained
    weights with this decay; 0 is off, 0.999 is usual."""
    loss: LossSettings = field(default_factory=LossSettings)
    """What training makes of the cross-entropy."""
    augmentation: AugmentationSettings = field(default_factory=AugmentationSettings)
    """What is done to the inputs of training clips."""
    shuffle: list[str] = field(default_factory=list)
    """Inputs permuted across the clips of each split, to see how much the model relies on them, or can do without."""
    monitor: Monitor = field(default_factory=Monitor)
    """The number that picks the best checkpoint."""
    early_stopping: EarlyStoppingSettings = field(default_factory=EarlyStoppingSettings)
    """When a run ends before its last epoch."""
    checkpoints: CheckpointSettings = field(default_factory=CheckpointSettings)
    """How often the run is saved."""
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
    """What grades a description, where scoring=reasoning."""


@dataclass
class LikelihoodSettings:
    """How likely each label is as the whole answer, beside what is generated."""

    length_normalised: bool = False
    """Take the mean over a label's tokens where else their sum is taken, which favours short labels."""
    prior_correction: bool = False
    """Divide by what labels get without any content: features and frames of zeros, the transcript `N/A`."""
    fitted_on: str | None = None
    """Folder of the same evaluation of validation clips: temperature and thresholds are fitted on it, never on test."""


@dataclass
class PerturbSettings:
    """What is done to the inputs of clips that are answered, to see how much the answers rely on them."""

    zeroed: list[str] = field(default_factory=list)
    """Inputs that are shown without content: vectors of zeros, black frames, silence, an empty transcript."""
    mean: list[str] = field(default_factory=list)
    """Inputs of which every clip has the mean over the clips of `mean_of`."""
    mean_of: str = "train"
    """Split of these clips, train or val; never the one that is answered."""
    corruption: str | None = None
    """What is made worse: noise, mer2024_noise, blur, occlusion, dropped_frames, words, vectors or wording, see
    `robustness`."""
    severity: float = 1.0
    """How much: decibels, a factor, a share, or the number of a sentence."""
    inputs: list[str] = field(default_factory=list)
    """The inputs that are made worse; empty takes all that the corruption is about."""
    noise: str | None = None
    """Folder with files of noise, e.g. of MUSAN; null is white noise."""
    seed: int = 0
    """Seed of what is drawn for each clip."""


@dataclass
class EvalConfig(RunConfig):
    """A trained run, and what to ask it."""

    checkpoint: str | None = MISSING
    """A run folder, or a checkpoint file inside one; none for a chat model as it is (model=chat/...)."""
    split: str = "test"
    """Clips to answer: train, val, test or all."""
    trained: Any = None
    """Labels and frames of the run that is evaluated: read from it, `data=custom` takes them."""
    perturb: PerturbSettings = field(default_factory=PerturbSettings)
    """Inputs without content, or made worse; see the commands `ablate` and `robustness`."""
    cluster: str | None = None
    """`subject`: clips of one subject are not independent, and intervals say so; data.columns.subject=NAME takes any
    column for it, e.g. film or dialogue."""
    stratified: bool = False
    """It was decided beforehand how many clips each label has."""
    intervals: str = "score"
    """Intervals of labels: `score` (Wilson's, carried over to averages), or `percentile` of a bootstrap."""
    slices: list[str] = field(default_factory=list)
    """What clips are told apart by, to see where the model is weak: columns of the table, `duration`, `loudness`,
    `silence`, `language`; `age:4` cuts numbers into four equal parts."""
    probabilities: bool = False
    """Also note in answers.jsonl how likely each label is, which `combine` takes; for a language model a pass more.
    `evaluation=likelihood` says the same."""
    likelihood: LikelihoodSettings = field(default_factory=LikelihoodSettings)
    """How these probabilities are made, and what is fitted to them."""


@dataclass
class RobustnessConfig(EvalConfig):
    """A trained run, and what makes its inputs worse."""

    corruptions: list[str] | None = None
    """Any of noise, mer2024_noise, blur, occlusion, dropped_frames, words, vectors, wording, frame, label_order; null
    takes all that the run allows."""
    severities: dict[str, Any] = field(default_factory=dict)
    """Corruption: list of severities, from mild to hard; what is not named takes its own."""
    num_samples: int = 10_000
    """Draws for intervals and p-values."""


@dataclass
class PredictConfig:
    """A trained run, and clips to ask it about."""

    checkpoint: str = MISSING
    """A run folder, a checkpoint file inside one, or an adapter folder."""
    media: str = MISSING
    """A media file, a folder, a pattern such as `clips/*.mp4`, or a table (CSV, JSONL) with a column video and, where
    there are any, id, question, transcript, start and end."""
    out: str = MISSING
    """The file of answers; each is written as soon as it is there. Started again, it makes what is missing."""
    format: str | None = None
    """`jsonl`, `csv`, or `upstream`: the lines that the released code's batch_infer.py writes. Null follows the name of
    `out`."""
    question: str | None = None
    """What is asked where the table asks nothing else; null asks as in training."""
    explanation_tokens: int = 500
    """Longest answer to prompt.task=reason; evaluation.max_new_tokens is for labels."""
    window: str | None = None
    """`5s` asks about each piece of so many seconds, which gives a timeline; null asks about the whole clip."""
    step: str | None = None
    """Seconds from one piece to the next, e.g. `1s`; null is `window`."""
    overwrite: bool = False
    """Answer everything anew; the old file is replaced when the model is loaded."""
    device: str = "auto"
    """`cuda`, `cpu`, or `auto`."""
    batch_size: int = 8
    """Clips that are answered together; no answer depends on it."""
    num_workers: int = 2
    """Processes that decode and describe clips."""
    seed: int = 42
    """Seed of sampling, with the clip's id."""
    num_threads: int = 1
    """CPU threads of each process."""
    modalities: list[str] = field(default_factory=lambda: list(MODALITIES))
    """Any of audio, video, text; what is left out is removed from the sequence."""
    inputs: InputSwitches = field(default_factory=InputSwitches)  # type: ignore[valid-type]  # Its fields are data.
    """Single inputs off: image, face, motion, speech, transcript."""
    prompt: PromptSettings = field(default_factory=PromptSettings)
    """How the question is put."""
    evaluation: EvaluationSettings = field(default_factory=EvaluationSettings)
    """How answers are generated."""
    paths: PathSettings = field(default_factory=PathSettings)
    """The folders of this machine."""
    data: Any = None
    """How clips are seen, from the run: labels, frame, missing (`zero` puts zeros in the place of an input that a clip
    does not have; else it is left out of the sequence)."""
    features: Any = None
    """Where the face, motion and speech vectors come from."""
    model: Any = MISSING
    """The model: vision tower, projections, language model, adapters."""


@dataclass
class DoctorConfig(RunConfig):
    """A run whose data are looked at instead."""

    against: Any = None
    """Another dataset, whose clips should not be among those of this one."""
    probe: int | None = 32
    """Clips whose media are decoded, spread evenly over the dataset; null decodes all."""
    fresh: dict[str, str] = field(default_factory=dict)
    """Feature input: weights of its encoder. A sample of the stored vectors is computed again and compared."""
    output: str | None = None
    """JSON file for the findings."""
    page: str | None = None
    """HTML file that shows clips: the chosen frames, the face, the sound, the words, the vectors, what is wrong."""
    shown: int = 24
    """Clips on the page, spread evenly over those that are probed."""
    faces: str = "none"
    """Who is seen on the page: none, center, detector, detector:longest, detector:speaking, folder:PATH."""


@dataclass
class LoadingConfig(RunConfig):
    """A run of which the reading of clips is measured (`speed/loading.py`)."""

    workers: list[int] = field(default_factory=lambda: [0, 1, 2])
    """Numbers of loader processes to compare; the first is what the others are compared with."""
    rounds: int = 7
    """Rounds; in each of them every number is measured once."""
    answer_tokens: int = 3
    """Tokens generated for each clip: a label and its end."""
    output: str | None = None
    """JSON file for the result."""


@dataclass
class TrainingStepConfig(RunConfig):
    """A run of which the steps are measured, and what other loops take for the same (`speed/training_step.py`)."""

    rounds: int = 5
    """Rounds; in each of them every loop is measured once."""
    steps: int = 20
    """Steps of a loop that are timed, from weights that are the same for all."""
    warm_steps: int = 3
    """Steps before them that are not timed."""
    clock: str = "wall"
    """`wall`; or `cpu`, the processor time of all threads, where other programs run as well."""
    output: str | None = None
    """JSON file for the result."""


@dataclass
class MerbenchConfig(RunConfig):
    """A fusion network that is tuned, cross-validated and tested by MERBench's protocol."""

    draws: int = 50
    """Settings that are drawn from the network's search space; the best on held-out clips is taken."""
    repeats: int = 6
    """Runs with the best settings, each with folds and weights of its own; reported are their mean and deviation."""
    folds: int | None = 5
    """Parts of the training clips, each held out once."""
    epochs: int = 100
    """Passes over the clips of a fold."""
    fold_batch_size: int = 32
    """Clips of a step."""
    table: str | None = None
    """A CSV of rows to make instead of one: `mer2023` for the published ones, or a file with the columns model,
    modality, network, speech, words, face, whose last three name folders of vectors."""


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
    frames: int | None = None
    """Frames of a clip; null takes those of `data.frame`."""
    feature_width: int = 1024
    """Width of the face, motion and speech vectors."""
    vocabulary_size: int = 32000
    """Tokens of a language model whose folder is missing; the default is Llama-2's."""
    gpu: str | None = None
    """A GPU whose peak is known, e.g. `A100` or `H100 80GB HBM3`."""
    device_peak_tflops: float | None = None
    """Peak of one GPU, dense, in the precision used; null takes it from `gpu`."""
    utilisation: float = 0.35
    """Assumed: share of the peak that a step reaches."""
    gpu_memory_gb: list[float] = field(default_factory=lambda: [16.0, 24.0, 40.0, 80.0])
    """Sizes of GPUs to compare with."""
    price_per_gpu_hour: float | None = None
    """In any currency; null says nothing about cost."""
    output: str | None = None
    """JSON file for the result."""
