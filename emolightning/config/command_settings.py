"""Settings of the commands that are no runs, and of the benchmarks."""

from dataclasses import dataclass, field
from typing import Any

from omegaconf import MISSING

from emolightning.config.run_settings import PathSettings


@dataclass
class ImportConfig:
    """Published weights, and where they go."""

    llama: str = MISSING
    """Hugging Face folder of the language model (Llama-2-7b-chat-hf); it stays where it is."""
    eva: str | None = None
    """The vision tower, `eva_vit_g.pth`; null for a family without one (model=affectgpt)."""
    checkpoint: str = MISSING
    """The family's `.pth`: LoRA and projections."""
    more_checkpoints: list[str] = field(default_factory=list)
    """Later files, whose tensors replace those of earlier ones (ckpt_2 and ckpt_3); model=affectgpt alone has them."""
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
    """Type of the merged weights: float32, bfloat16 or float16; null keeps that of the language model's files."""
    allow_partial: bool = False
    """Write for the released code although it has parts that were not trained here; there they are random."""


@dataclass
class InspectConfig:
    """What to look at."""

    file: str = MISSING
    """A `.pth` or safetensors file, or a folder."""


@dataclass
class ConvertConfig:
    """Vectors of an encoder, and the form they get."""

    source: str = MISSING
    """A folder of vectors, which is packed into one file; or a packed file, which becomes a folder."""
    out: str | None = None
    """The file or folder; null puts it beside the source, under the same name."""
    dtype: str | None = None
    """Type of the packed values: float32 or float16; null keeps that of the folder's files."""


@dataclass
class ColumnNames:
    """The columns of predictions and truth, as the files spell them."""

    id: str = "id"
    """Which clip; of both files."""
    answer: str = "answer"
    """What the system said."""
    truth: str = "truth"
    """The right answer; in the truth file, or in the predictions where there is no truth file."""
    truth_id: str | None = None
    """Which clip, where the truth file calls it otherwise."""
    annotator: str | None = None
    """Who judged, in a table of truths with a row for each judgement; several people then make the truth."""
    valence_answer: str | None = None
    """Predicted valence; with valence_truth it is scored, and MER2023's combined score with it."""
    valence_truth: str | None = None
    """True valence, -5 to 5, or -10 for none."""
    arousal_answer: str | None = None
    """Predicted arousal; with arousal_truth it is scored as valence is."""
    arousal_truth: str | None = None
    """True arousal, on arousal_scale, or -10 for none."""


@dataclass
class AnswerFileConfig:
    """How a file of answers is read and scored."""

    benchmark: str | None = None
    """An official benchmark, e.g. `mer2023_semi`: gives labels and scoring, and its sizes are compared."""
    split: str = "test"
    """What was predicted, for the record: train, val, test or all."""
    columns: ColumnNames = field(default_factory=ColumnNames)
    """Names of the columns."""
    ids: str = "exact"
    """`exact`: ids are compared as text, 1249 is not 01249; `stem`: without the suffix of a video."""
    pair_by: str = "id"
    """`id`; or `row`, for files in the same order: the first row with the first, and so on."""
    missing: str = "error"
    """Clips without an answer: `error`, or `count` them as wrong."""
    extra: str = "error"
    """Answers to clips that the truth does not have: `error`, or `ignore` and count them."""
    annotators: list[str] = field(default_factory=list)
    """Columns of the truth, one a person, e.g. [rater1,rater2,rater3]: the label that most gave is the truth."""
    ties: str = "refuse"
    """Clips with several such labels: `refuse`, take the one that stands `first`, or `drop` them; both are counted."""
    paths: PathSettings = field(default_factory=PathSettings)
    """The folders of this machine."""
    judge: Any = None
    """Who grades descriptions, for `scoring=reasoning`."""


@dataclass
class ScoreConfig(AnswerFileConfig):
    """Predictions of any system, and what to score them against."""

    answers: list[str] = MISSING
    """Table (CSV, TSV, JSON, JSONL, .xlsx), or a run folder; a list of them is one a fold."""
    truth: list[str] = field(default_factory=list)
    """Table with the truth, or one a fold; left out, truth is a column of the answers."""
    output_dir: str = MISSING
    """Gets `metrics.json`, `answers.jsonl` and `report.html`; of folds one folder each."""
    valence_missing: str = "error"
    """Clips with a true valence (or arousal) and no predicted one: `error`, `worst` (the largest error possible), or
    `exclude`."""
    valence_scale: list[float] = field(default_factory=lambda: [-5.0, 5.0])
    """Lowest and highest valence; MER2023's combined score is for its own, -5 to 5."""
    arousal_scale: list[float] = field(default_factory=lambda: [-5.0, 5.0])
    """Lowest and highest arousal."""
    probabilities: bool = False
    """Score how likely labels are, from columns `p_LABEL` or an object `probabilities`: top-k, AUC, calibration."""
    hand_check: str | None = None
    """A number writes `hand_check.csv`, a sheet of so many answers for a person to read; FILE is one filled in."""
    cluster: str | None = None
    """Column of the table with the truth, e.g. subject, film or dialogue: clips that share it are not independent."""
    slices: list[str] = field(default_factory=list)
    """Columns there, to see where the system is weak, e.g. [subject,language]; `age:4` makes four parts of numbers."""
    stratified: bool = False
    """It was decided beforehand how many clips each label has."""
    intervals: str = "score"
    """Intervals of labels: `score` (Wilson's, carried over to averages), or `percentile` of a bootstrap."""
    scoring: Any = MISSING
    """What turns answers into scores."""


@dataclass
class CompareConfig(AnswerFileConfig):
    """Systems, and the clips that they are compared on."""

    runs: list[str] = MISSING
    """Run folders, folders of `seeds=[...]`, files of answers, and names of systems with published figures."""
    names: list[str] = field(default_factory=list)
    """What the runs and files are called; empty takes the names of their folders and files."""
    out: str | None = None
    """A folder that gets `compare.json`, `.md`, `.tex`, `.csv`, `.html`, `pairs.csv`, `clips.csv`; or one such file."""
    truth: str | None = None
    """Table with the truth of the files of answers; left out, truth is a column of each."""
    only_shared: bool = False
    """Compare on the clips that all systems have, and count the others; false refuses other clips."""
    clips: str | None = None
    """Table with the columns of `cluster` and `slices` for each clip, and its id in columns.id."""
    cluster: str | None = None
    """Column that says which clips belong together, e.g. `subject`: they are drawn together, for they are alike."""
    slices: list[str] = field(default_factory=list)
    """Columns whose values are compared one by one, e.g. `language`; `age:4` makes four parts of numbers."""
    system: str | None = None
    """Only published models whose names contain this."""
    num_samples: int = 10_000
    """Draws for intervals and p-values."""
    seed: int = 0
    """Seed of the draws."""
    scoring: Any = None
    """What reads files of answers, and sets of words; runs with labels or grades are taken as they were scored."""


@dataclass
class AnswerColumns:
    """The columns of a table of answers, where it is neither of `predict` nor of an evaluation."""

    id: str = "id"
    """Which clip; of the truth file, too."""
    answer: str = "answer"
    """What the system said; columns `p_LABEL` may say how likely each label is."""


@dataclass
class CombinedColumns(AnswerColumns):
    """The same, and that of the truth."""

    truth: str = "truth"
    """The right answer, in the truth file."""


@dataclass
class CombineConfig:
    """Several systems, and how they become one."""

    runs: list[str] = MISSING
    """Evaluated run folders, folders of `score`, files of `predict`, or tables of published answers; at least two."""
    out: str = MISSING
    """A new folder; gets `answers.jsonl` and, where truths are known, `metrics.json` and `report.html`."""
    how: str = "mean"
    """`mean` of probabilities; `vote`; or `weights`, a weighted mean fitted on validation clips."""
    split: str | None = None
    """The evaluation of each run folder: train, val, test or all; null takes the latest."""
    validation: list[str] = field(default_factory=list)
    """What weights are fitted on, one for each of runs; empty takes the evaluations of split val in the run folders."""
    truth: str | None = None
    """A table with the truth of each clip, where the runs do not have it."""
    labels: list[str] | None = None
    """The vocabulary, by name or spelt out, for answers that are texts."""
    columns: CombinedColumns = field(default_factory=CombinedColumns)
    """Names of the columns of tables."""
    missing: str = "error"
    """Clips that only some of the systems have an answer about: `error`, or `others`, what those say, counted."""


@dataclass
class PseudoLabelConfig:
    """Clips without labels, and who labels them."""

    run: str = MISSING
    """A run folder, a checkpoint file inside one, or an adapter folder, which is asked; or answers that are there: a
    file of `predict`, a folder of `combine`."""
    out: str = MISSING
    """The annotation file, a CSV table; its counts lie beside it, and so do the answers."""
    media: str | None = None
    """The clips, as in `predict`: a folder, a pattern, or a table with a column video, and transcript where there is
    one."""
    data: Any = None
    """Instead, the clips of a dataset, with its transcripts."""
    min_confidence: float = 0.9
    """The least probability of the label that is said; 0 also takes answers without probabilities."""
    agree_with: list[str] = field(default_factory=list)
    """Others like `run`, all of which must say the same label."""
    max_per_label: int | None = None
    """The most clips of a label, the likeliest first; null takes all."""
    take_known: bool = False
    """Also take clips whose truth is known. Those of a test split make scores on it worthless, which is said."""
    labelled: str | None = None
    """An annotation file whose rows come first, and whose clips are not labelled again."""
    labelled_media: str | None = None
    """Folder of its clips; null is the folder that holds it."""
    labels: list[str] | None = None
    """The vocabulary of answers that are texts, in tables, by name or spelt out."""
    columns: AnswerColumns = field(default_factory=AnswerColumns)
    """Names of the columns of such tables."""
    settings: list[str] = field(default_factory=list)
    """What each run is asked with: settings of `predict`, which may also be written without this, e.g.
    `features=live`."""
    seed: int = 42
    """Seed of splits, where the annotation file has none."""
    paths: PathSettings = field(default_factory=PathSettings)
    """The folders of this machine."""


@dataclass
class ScoreRowsConfig:
    """A made-up predictions file, and how often to score it."""

    rows: int = 1_000_000
    """Rows of the file."""
    kind: str = "labels"
    """`labels`, or `words`: lists of emotion words, scored by scoring=open_vocabulary."""
    clusters: int = 0
    """Subjects of the clips; with them intervals are percentiles of 10,000 draws of whole subjects."""
    rounds: int = 3
    """Processes that score it, one after the other."""
    distinct: bool = False
    """Every answer is another text; otherwise most of them repeat, as those of real systems do."""
    seed: int = 0
    """Seed of the made-up answers."""
    output: str | None = None
    """JSON file for the result."""


@dataclass
class TableRowsConfig:
    """A made-up annotation table, and how often to read it."""

    rows: list[int] = field(default_factory=lambda: [1_000_000])
    """Rows of each table."""
    subjects: int = 5000
    """People who are seen, each in clips of all labels."""
    pieces: int = 1
    """Clips of one file; more than one have start and end."""
    annotators: int = 0
    """Columns of people in place of the label, three or more, all but one of whom agree; 0 is the label."""
    kind: str = "csv"
    """`csv` or `tsv`."""
    num_folds: int = 5
    """Folds that leave subjects whole."""
    rounds: int = 3
    """Processes that read a table, one after the other."""
    folder: str | None = None
    """Where tables and files are written and removed again; null is the system's folder for temporary files."""
    seed: int = 0
    """Seed of labels and people."""
    output: str | None = None
    """JSON file for the result."""


@dataclass
class StoresConfig:
    """Made-up vectors, and how often to read them."""

    clips: int = 20_000
    """Clips of each encoder."""
    encoders: int = 3
    """Folders, each of which is packed into one file."""
    tokens: int = 1
    """Vectors of a clip."""
    width: int = 1024
    """Values of a vector."""
    rounds: int = 3
    """Epochs of each way."""
    folder: str | None = None
    """Where the vectors are written and removed again; null is the system's folder for temporary files."""
    seed: int = 0
    """Seed of values and order."""
    output: str | None = None
    """JSON file for the result."""


@dataclass
class FirstAnswerConfig:
    """A run that is asked about a clip, to measure it."""

    checkpoint: str = MISSING
    """A run folder, a checkpoint file or an adapter folder."""
    media: str = MISSING
    """A clip."""
    rounds: int = 5
    """Rounds; each starts two new processes."""
    output: str | None = None
    """JSON file for the result."""


@dataclass
class ExtractingConfig:
    """Clips that are encoded, to measure it."""

    media: str = MISSING
    """A folder of clips."""
    words: list[str] = MISSING
    """Words of the command `extract`, e.g. `["features=hubert_mer2023","weights=FOLDER"]`."""
    copies: int = 10
    """How often each clip is extracted in the shorter extraction; the longer one has four times as many."""
    output: str | None = None
    """JSON file for the result."""


@dataclass
class ReproduceConfig:
    """Published scores, and a run to set beside them."""

    benchmark: str | None = None
    """A benchmark, e.g. `mer2023_semi`, or the family of several, e.g. `mer2023`; null lists what there is."""
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
    precompute_vision: bool = False
    """The vision tower has seen each clip once before; false runs it in every step and for every answer."""
    precision: str = "16-mixed"
    """As in `trainer.precision`: 32-true, bf16-mixed or 16-mixed. On a CPU it is always 32-true."""
    dtype: str = "float16"
    """Type of the frozen weights, the tower's included; on a CPU it is always float32."""
    attention: str = "eager"
    """`sdpa`: torch's fused attention; `eager`: written out."""
    clip_norm: float = 0.0
    """As `trainer.gradient_clip_val`; 0 does not clip."""


def our_recipe() -> Recipe:
    """What this project does when nothing else is said."""
    batch_size: Any = "${batch_size}"
    return Recipe(
        batch_size=batch_size,
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
    """Clips of a recipe in a round."""
    batch_size: int = 16
    """Clips of a training step in our recipe; of answers, those that speed/answering.py finds together."""
    transcript_tokens: int = 24
    """Mean length of the transcripts; they vary by half of it."""
    answer_tokens: int = 20
    """Tokens learned of each clip, the one that ends the answer included; speed/answering.py generates as many."""
    feature_width: int = 1024
    """Width of the face, motion and speech vectors."""
    weights: str = "folders"
    """`folders`: those that the model names, if it names any; `random`: none is read."""
    vocabulary_size: int = 32000
    """Tokens of a language model that has a folder, where weights=random; the default is Llama-2's."""
    device: str = "auto"
    """`auto`: a GPU if there is one; `cpu`; `cuda`; `meta`: nothing is computed, shapes and sizes are shown."""
    device_peak_tflops: float | None = None
    """Peak of the device, dense, in the precision used; null takes it from a table, and measures it on a CPU."""
    ablate: bool = False
    """Also measure our recipe with each single setting of upstream's."""
    output: str | None = None
    """JSON file for the result."""
    num_threads: int = 1
    """CPU threads."""
    seed: int = 0
    """Seed of the clips and the random weights."""
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
    """Folder with `gt.csv` and a CSV file for each model, columns names and chi_reasons."""
    output: str | None = None
    """JSON file for the result."""
    paths: PathSettings = field(default_factory=PathSettings)
    """The folders of this machine."""
    scoring: Any = MISSING
    """What turns answers into scores."""
    judge: Any = None
    """What grades a description."""


@dataclass
class ExtractConfig:
    """Clips, and the vectors that are made of them."""

    data: Any = None
    """A dataset; its annotations are read, and its media."""
    media: str | None = None
    """Instead, a folder of media without annotations; a clip's id is its path without the suffix."""
    recipe: Any = None
    """How the vectors are made: `features=NAME` chooses one, `weights=PATH` says where its weights lie."""
    out: str = "${paths.data}/features"
    """Gets a folder of vectors."""
    folder: str | None = None
    """Its name; null is upstream's for these features, else the recipe's with -UTT or -FRA."""
    level: str = "utterance"
    """`utterance`: one vector a clip; `frame`: a sequence."""
    dtype: str = "float32"
    """Type of the stored values: float32, or float16 for half the disk."""
    faces: str | None = None
    """Who is seen, by encoders of frames: `none`, the whole picture; `center`; `detector`; or `folder:PATH`, what
    OpenFace has cut out. Null is the detector for recipes of faces, else none."""
    device: str = "auto"
    """Where the encoder computes: `cuda`, `cpu`, or `auto`."""
    batch_size: int = 8
    """Clips that are encoded together; no value depends on it."""
    num_workers: int = 2
    """Processes that decode."""
    num_threads: int | None = None
    """CPU threads of the encoder; null takes all cores. Another number gives other roundings, of about 1e-6."""
    shard: str | None = None
    """`1/4` makes the first of four parts; null makes all; processes of torchrun share it."""
    on_error: str = "stop"
    """Clips without a vector: `stop` ends with exit code 1 when all others are done, `skip` with 0."""
    max_skipped: float = 0.05
    """The largest share of clips that `skip` accepts."""
    output: str | None = None
    """JSON file that gets all clips without a vector, with reasons; under torchrun one a process, `x.1-of-2.json`."""
    seed: int = 42
    """Seed of splits; vectors do not depend on it."""
    paths: PathSettings = field(default_factory=PathSettings)
    """The folders of this machine."""


@dataclass
class PrepareConfig:
    """A dataset in its own files, and the folder that it becomes."""

    data: Any = None
    """A dataset; data=NAME chooses it."""
    out: str = MISSING
    """Gets the clips, the table and `prepare.json`."""
    format: str = "custom"
    """`custom`: a table for data=custom; `llama_factory`, `ms_swift`: conversations; `merr`: row files and MERR's
    explanations."""
    clips: str = "link"
    """What is done with whole files: `link`, on the same disk without taking room, or `copy`. Pieces are cut out."""
    transcripts: bool = True
    """Whether what is said is read; false where the annotations have none."""
    num_folds: int | None = None
    """Divides all clips into so many folds, in the column `fold`: labels spread evenly, subjects whole."""
    task: str = "emotion"
    """Which answer conversations teach: `emotion`, `reason` for explanations, `valence` or `arousal` as a number,
    `multi-label` for all labels of a clip."""
    question: str | None = None
    """What conversations ask; null is the question that a run with this `prompt.task` asks."""
    num_workers: int = 2
    """Processes that link, copy and cut."""
    on_error: str = "stop"
    """Clips without usable media: `stop` writes no table, `skip` leaves them out and counts them."""
    max_skipped: float = 0.05
    """The largest share of clips that `skip` accepts."""
    seed: int = 42
    """Seed of splits and folds that are made here."""
    paths: PathSettings = field(default_factory=PathSettings)
    """The folders of this machine."""


@dataclass
class ServeConfig:
    """Trained runs, and who may ask them what."""

    checkpoint: Any = MISSING
    """A run folder, a checkpoint file inside one, or an adapter folder; a list `[A,B]` serves several side by side."""
    host: str = "127.0.0.1"
    """The address to listen at; 127.0.0.1 is reached from this machine alone, 0.0.0.0 from all others too."""
    port: int = 7860
    """0 takes any that is free."""
    examples: str | None = None
    """Clips that the page offers to try: what `media` of `predict` takes, a folder or a table with transcripts."""
    faces: str | None = None
    """Whose face the page shows, as in `extract`; null is the detector where OpenCV is installed. No answer depends on
    it."""
    asr: str | None = None
    """Folder of a speech recogniser (Whisper; HuBERT, wav2vec 2.0 or WavLM with a CTC head): the page then offers to
    write down what is said. null leaves that to whoever asks."""
    language: str | None = None
    """Language of the speech, for recognisers that take one, e.g. `en`; null lets the recogniser find out."""
    max_mib: float = 64
    """Largest request."""
    max_clip_seconds: float = 60
    """Longest clip."""
    timeout_seconds: float = 120
    """Longest time to send a request, and again to answer it."""
    max_waiting: int = 16
    """Requests that wait while one is answered; more are refused until there is room."""
    max_clips: int = 16
    """Most clips of one request."""
    device: str = "auto"
    """`cuda`, `cpu`, or `auto`."""
    settings: list[str] = field(default_factory=list)
    """What each run is opened with: settings of `predict`, which may also be written without this, e.g.
    `features=live`."""
