"""What a training run says at its start, of its clips and its length, and at its end, of what came of it."""

from collections import Counter
from collections.abc import Mapping
from typing import Any

import pytorch_lightning as pl

from emolightning.data.loading.corpus import NO_LABEL, Corpus
from emolightning.data.loading.datamodule import label_draws, num_batches
from emolightning.data.loading.draws import CorpusDraws
from emolightning.data.loading.settings import Loading
from emolightning.data.loading.several import Corpora
from emolightning.data.perturbing.augmenting import Augmentation
from emolightning.data.readers.source import SPLITS
from emolightning.records.score_names import is_loss
from emolightning.scoring.warnings import FEW_CLIPS
from emolightning.training.plan import Plan, make_plan
from emolightning.training.stopping.early_stopping import EarlyStopping

CLIPS_DRAWN = 10_000
"""Most clips of which it is counted what augmentation removes: more take seconds."""

CLASSES_SHOWN = 12
"""Most classes shown of a split; truths that are no labels of a small vocabulary would fill the screen."""

UNEQUAL = 10
"""Times as many clips as of another label, from which on a model may do best to forget the latter."""

SCORES_SHOWN = ("val/weighted_f1", "val/uar", "val/war", "val/loss")


def plan_of(trainer: Mapping[str, Any], corpus: Corpus, loading: Loading, *, processes: int, accumulates: bool) -> Plan:
    """The plan of a run.

    Args:
        trainer: arguments of Lightning's.
        corpus: already read.
        loading: sizes of batches.
        processes: all of them.
        accumulates: whether the trainer counts a step after `accumulate_grad_batches` batches, and not after each.
    """
    batches, val_batches = num_batches(corpus, loading, processes)
    return make_plan(trainer, batches=batches, val_batches=val_batches, accumulates=accumulates)


def describe_clips(
    corpus: Corpus,
    loading: Loading,
    *,
    weights: Mapping[str, float] | None = None,
    augmentation: Augmentation | None = None,
) -> str:
    """A line a split, with its classes, how unequal ones are made equal, and what is worth doubting.

    Args:
        corpus: already read.
        loading: clips per process and step, and which are drawn.
        weights: label -> weight of its clips in the loss.
        augmentation: what is done to training clips.
    """
    lines: list[str] = []
    for split, counts in corpus.classes().items():
        told = {"no single label" if label == NO_LABEL else label: number for label, number in counts.items()}
        shown = [f"{label} {number}" for label, number in sorted(told.items())[:CLASSES_SHOWN]]
        more = [f"and {len(counts) - CLASSES_SHOWN} more"] if len(counts) > CLASSES_SHOWN else []
        lines.append(f"{split} {sum(counts.values())} clips" + (f": {', '.join([*shown, *more])}" if counts else ""))
    return "data: " + "\n      ".join(
        [
            *lines,
            *_evened(corpus, loading, weights),
            *_augmented(corpus, augmentation),
            *_too_few(corpus, loading.batch_size),
        ]
    )


def describe_draws(corpus: Corpora, draws: CorpusDraws) -> str:
    """Return lines that say what each corpus gives and what an epoch draws.

    The last one says which clips are validated on.
    """
    lines = []
    for name, part in corpus.parts.items():
        of_one = Counter(clip.split for clip in corpus.clips if clip.corpus == name)
        shown = ", ".join(f"{of_one[split]} {split}" for split in SPLITS if of_one[split])
        asked = ", ".join(part.questions.tasks)
        lines.append(f"{name}: {shown or 'no clips'}; {len(part.source.labels)} labels; asks {asked}")
    starts = draws.phases()
    for start, end in zip(starts, [*starts[1:], None], strict=True):
        drawn = ", ".join(f"{name} {quota}" for name, quota in draws.quotas(start).items())
        which = f"from epoch {start} on" if end is None else f"epochs {start} to {end - 1}"
        lines.append(f"{which}: an epoch draws {drawn}")
    number = sum(clip.split == "val" for clip in corpus.clips)
    lines.append(f"all epochs are validated on the same {counted(number, 'clip')}, {corpus.validation_hash()[:12]}")
    return "corpora: " + "\n         ".join(lines)


def _evened(corpus: Corpus, loading: Loading, weights: Mapping[str, float] | None) -> list[str]:
    """What an epoch draws and how much its clips count; or that labels are far from equal and nothing is done."""
    lines, draws = [], label_draws(corpus, loading)
    if draws is not None:
        drawn = ", ".join(f"{label} {number}" for label, number in draws.quotas.items())
        lines.append(f"data.sampling={loading.sampling}: of train an epoch draws {drawn}")
    if weights is not None:
        shown = ", ".join(f"{label} {weight:.3g}" for label, weight in weights.items())
        lines.append(f"loss.class_weights: {shown}")
    if several := [clip for clip in corpus.clips_of("train") if len(clip.shares) > 1]:
        answers = sum(max(1, len(clip.shares)) for clip in corpus.clips_of("train"))
        lines.append(
            f"data.targets=soft: {len(several)} clips of train teach several labels, each by its share of the votes; "
            f"an epoch has {answers} answers"
        )
    counts = {label: number for label, number in corpus.classes()["train"].items() if label != NO_LABEL}
    if (
        not lines
        and not isinstance(corpus, Corpora)
        and 1 < len(counts) <= CLASSES_SHOWN
        and max(counts.values()) >= UNEQUAL * min(counts.values())
    ):
        least, most = min(counts, key=counts.__getitem__), max(counts, key=counts.__getitem__)
        lines.append(
            f"{most} has {counts[most] / counts[least]:.0f} times as many clips of train as {least}; "
            "data.sampling=sqrt (or balanced) and loss.class_weights=balanced raise the recall of rare labels"
        )
    return lines


def _augmented(corpus: Corpus, augmentation: Augmentation | None) -> list[str]:
    """What is done to training clips, and how many of them go without an input in the first pass."""
    if not augmentation:
        return []
    clips = corpus.clips_of("train")[:CLIPS_DRAWN]
    removed = Counter(name for clip in clips for name in augmentation.removed(clip.id, 0))
    shown = ", ".join(f"{name} of {removed[name]}" for name in augmentation.inputs if removed[name])
    lines = [f"of {counted(len(clips), 'clip')} of train the first pass removes {shown}"] if shown else []
    return [f"augmentation: {line}" for line in [*lines, *augmentation.described()]]


def _too_few(corpus: Corpus, batch_size: int) -> list[str]:
    """What is worth doubting in so few clips; nothing of it ends a run."""
    train, val = len(corpus.clips_of("train")), len(corpus.clips_of("val"))
    found = []
    if train < batch_size:
        found.append(f"warning: data.batch_size={batch_size} is more than the {counted(train, 'clip')} of train")
    if 0 < val < FEW_CLIPS:
        found.append(
            f"warning: val has {counted(val, 'clip')}: its scores, and which checkpoint is the best, are chance; "
            f"from {FEW_CLIPS} on they begin to say something"
        )
    return found


def describe_plan(plan: Plan, trainer: pl.Trainer) -> str:
    """Epochs, steps and validations; when the run may end early. Early stopping takes its patience from the plan."""
    epochs = "epochs" if plan.epochs is None else counted(plan.epochs, "epoch")
    steps = "" if plan.steps is None else f", {counted(plan.steps, 'optimizer step')}"
    number = {None: "validations by the clock", 0: "no validation, so the last weights count as the best"}
    validations = number.get(plan.validations) or counted(plan.validations or 0, "validation")
    size = f" of {counted(plan.val_batches, 'batch')}" if plan.validations else ""
    said = [f"plan: {epochs} of {counted(plan.batches, 'batch')}{steps}; {validations}{size}"]
    stopping = early_stopping(trainer)
    if stopping is not None and plan.validations != 0:
        said.append(f"      {stopping.follow(plan)}")
    every = trainer.log_every_n_steps  # type: ignore[attr-defined]
    if trainer.loggers and plan.steps is not None and every and plan.steps < every:
        said.append(f"      train/loss is logged every {every} steps: never; trainer.log_every_n_steps=1 logs it")
    return "\n".join(said)


def early_stopping(trainer: pl.Trainer) -> EarlyStopping | None:
    """The callback, if the run has it."""
    return next((callback for callback in trainer.callbacks if isinstance(callback, EarlyStopping)), None)  # type: ignore[attr-defined]


def describe_end(trainer: pl.Trainer, seconds: float, *, resumed_at: int | None) -> str:
    """When and why training ended."""
    since = "" if resumed_at is None else f" since step {resumed_at}"
    return f"ended: {_reason(trainer)}, after {counted(trainer.global_step, 'step')}; {duration(seconds)}{since}"


def _reason(trainer: pl.Trainer) -> str:
    if trainer.global_step == trainer.max_steps:
        return f"trainer.max_steps={trainer.max_steps} reached"
    if trainer.current_epoch == trainer.max_epochs:
        return f"trainer.max_epochs={trainer.max_epochs} reached"
    stopping = early_stopping(trainer)
    if stopping is not None and stopping.reason is not None:
        return f"early, as {stopping.reason}"
    return "trainer.max_time reached"


def describe_best(checkpoint: Mapping[str, Any], *, is_validated: bool) -> str:
    """Where the weights of the adapter are from, and their scores on the validation split."""
    if not is_validated:
        return f"best:  not known without a validation; kept are the last weights, of step {checkpoint['global_step']}"
    place = f"epoch {checkpoint['epoch']} (the first is 0), step {checkpoint['global_step']}"
    scores = checkpoint.get("val_scores", {})  # Absent in files of earlier versions.
    shown = [f"{name} {scores[name]:.{3 if is_loss(name) else 4}f}" for name in SCORES_SHOWN if name in scores]
    return f"best:  {place}" + (f": {', '.join(shown)}" if shown else "")


def duration(seconds: float) -> str:
    """Words for a time.

    >>> duration(59.4), duration(95), duration(7290)
    ('59 s', '1 min 35 s', '2 h 1 min')
    """
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    return f"{whole // 60} min {whole % 60} s" if whole < 3600 else f"{whole // 3600} h {whole % 3600 // 60} min"


def counted(number: int, unit: str) -> str:
    """A number with its unit.

    >>> counted(1, "batch"), counted(2, "batch"), counted(0, "step")
    ('1 batch', '2 batches', '0 steps')
    """
    ending = "" if number == 1 else "es" if unit.endswith("ch") and unit != "epoch" else "s"
    return f"{number} {unit}{ending}"
