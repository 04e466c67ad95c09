"""Which settings a resumed run may change, and when there is nothing left to do."""

import traceback
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import torch

from emolightning.config.saved_run import read_configuration
from emolightning.errors import UserError, quoted_override, shortened
from emolightning.files.documents import DamagedFile, read_json_object
from emolightning.models.parts.adapter import DESCRIPTION
from emolightning.models.parts.tensor_info import require_trained_weights
from emolightning.prompt.questions import NO_SCALE
from emolightning.runs.assembly_of_scoring import protocol_of
from emolightning.runs.estimate.estimating import num_ranks
from emolightning.runs.weights import read_checkpoint
from emolightning.training.engines.optimizer_state import damage_of
from emolightning.training.run_folder import RunFolder

PROGRESS = {"batches_per_epoch": int, "epoch": int, "global_step": int, "loops": dict, "lr_schedulers": list}
"""What says in a checkpoint how far a run came; Lightning begins anew where it is not there."""

RESTORING = "checkpoint_connector.py"
"""Lightning's module that puts a checkpoint back."""

FIXED = (
    "model",
    "modalities",
    "inputs",
    "features",
    "data",
    "prompt",
    "precompute_vision",
    "precompute_dtype",
    "seed",
    "optimizer",
    "schedule",
    "rates",
    "ema_decay",
    "accumulation",
    "loss",
    "augmentation",
    "shuffle",
)
"""Settings that a checkpoint was made with, and that a continuation of the same run keeps."""

FREE = (
    "num_workers",
    "render_workers",
    "cache",
    "folder",
    "media",
    "annotations",
    "root",
    "private",
    "on_error",
    "max_skipped",
)
"""Keys inside them that say where things are or how fast they are read, not what is learned."""

FREE_OF_DATA = ("data.mixed", "data.scale", "data.batch_size")
"""Full keys of the same: of the first two the annotations tell, of the last the clips of a step."""

HARDWARE = ("accelerator", "deterministic")
"""Keys of `trainer` that say where a run computes: on other hardware it is the same run."""


@dataclass(frozen=True)
class StepSize:
    """The clips of an optimizer step."""

    clips: int
    """Clips of one process in one batch, `data.batch_size`."""
    processes: int
    batches: int
    """`trainer.accumulate_grad_batches`."""

    def changes(self, now: "StepSize") -> list[str]:
        """What differs in clips: other processes may go on where the clips together are the same."""
        problems = []
        if now.clips * now.processes != self.clips * self.processes:
            problems.append(
                f"data.batch_size: {_processes(self.processes)} of {self.clips} clips before, "
                f"{_processes(now.processes)} of {now.clips} now; {self._remedy(now.processes)}"
            )
        if now.batches != self.batches:
            problems.append(f"trainer.accumulate_grad_batches: {self.batches} before, {now.batches} now")
        return problems

    def _remedy(self, processes: int) -> str:
        together = self.clips * self.processes
        if together % processes:
            possible = ", ".join(str(number) for number in range(1, together + 1) if together % number == 0)
            return f"{together} clips together are not to be divided by {processes}; possible processes: {possible}"
        return f"with {_processes(processes)} say data.batch_size={together // processes}"


def _processes(number: int) -> str:
    return f"{number} process{'es' * (number > 1)}"


def is_finished(folder: RunFolder, config: Mapping[str, Any]) -> bool:
    """Whether the folder holds this very run, trained to its end: an early stop would otherwise be trained past."""
    if not (folder.adapter / DESCRIPTION).exists():  # Written last; also missing where someone removed the folder.
        return False
    if read_json_object(folder.lineage).get("status") != "finished":
        return False
    return _compared(read_configuration(folder.config)) == _compared(config)


def _compared(config: Mapping[str, Any]) -> dict[str, Any]:
    """Return the settings that say whether two runs are the same.

    Hardware does not count, nor how often checkpoints are saved. A scale of sentiment that nobody named is that of the
    benchmark.
    """
    scoring, data, trainer = config.get("scoring"), config.get("data"), config.get("trainer")
    name = data.get("name") if isinstance(data, Mapping) else None
    if isinstance(scoring, Mapping) and isinstance(name, str) and scoring.get("protocol", "") is None:
        scoring = {**scoring, "protocol": protocol_of(name)}
    if isinstance(trainer, Mapping):
        trainer = {key: value for key, value in trainer.items() if key not in HARDWARE}
    return {**config, "scoring": scoring, "trainer": trainer, "checkpoints": None, "resume": None}


def refuse_changes(checkpoint: Path, config: Mapping[str, Any], data: Mapping[str, Any]) -> None:
    """Refuse to continue a run as another one, before any of its files is written.

    Args:
        checkpoint: to resume from, `<run>/checkpoints/last.ckpt`.
        config: all settings now, as a run saves them.
        data: summary of the data now.

    Raises:
        UserError: lists the settings that differ, with both values.
    """
    require_optimizer(checkpoint)
    run = RunFolder(checkpoint.parent.parent)
    if not run.config.exists() or not run.lineage.exists():
        return  # A checkpoint without its run: the model's own checks of names and shapes remain.
    problems = changed_settings(read_configuration(run.config), config)
    problems += step_size_of(checkpoint, run).changes(step_size(config))
    saved = read_json_object(run.lineage).get("data")
    if not isinstance(saved, dict):
        raise DamagedFile(run.lineage, "it does not say what the data were")
    problems += _other_skipped(saved.get("skipped_clips", ()), data["skipped_clips"])
    problems += [
        f"data: {name.removesuffix('_sha256')} are not those of the run"
        for name in ("annotations_sha256", "features_sha256")
        if saved.get(name) != data[name]
    ]
    if problems:
        raise UserError(
            f"{checkpoint}: a resumed run keeps its settings; different are\n  - "
            + "\n  - ".join(problems)
            + "\nto train on with others, start a new run with init_from=<run>"
        )


def changed_settings(saved: Mapping[str, Any], config: Mapping[str, Any]) -> list[str]:
    """Settings that a continuation must keep and that differ, with both values."""
    before, now = _leaves(saved), _leaves(config)
    return [
        f"{key}: {before.get(key)!r} before, {now.get(key)!r} now"
        for key in sorted(before.keys() | now.keys())
        if key.split(".")[0] in FIXED and not _is_free(key) and before.get(key) != now.get(key)
    ]


def _is_free(key: str) -> bool:
    return key in FREE_OF_DATA or key.split(".")[-1] in FREE


def _other_skipped(before: Iterable[Mapping[str, Any]], now: Iterable[Mapping[str, Any]]) -> list[str]:
    """Clips that one part of the run does without and the other has: the reason that hashes differ."""
    earlier, later = {clip["id"]: clip for clip in before}, {clip["id"]: clip for clip in now}
    problems = [f"data: clip {clip} was skipped before and can be used now" for clip in earlier if clip not in later]
    new = [
        f"data: clip {name} was used before: {clip['reason']}" for name, clip in later.items() if name not in earlier
    ]
    return shortened([*problems, *new], shown=5)


def resumed_scale(checkpoint: Path) -> Any:
    """The `prompt.scale` that a run goes on with where nobody gives another: its own, `none` if it had none.

    Args:
        checkpoint: to resume from; None is returned of one without its run.
    """
    config = RunFolder(checkpoint.parent.parent).config
    if not config.exists():
        return None
    asked = read_configuration(config).get("prompt")
    return (asked.get("scale") if isinstance(asked, dict) else None) or NO_SCALE


def require_optimizer(checkpoint: Path) -> None:
    """Refuse a checkpoint that has weights only, or whose optimizer state is damaged.

    Raises:
        UserError: says what to do instead.
    """
    saved = read_checkpoint(checkpoint)
    if "optimizer" not in saved and "optimizer_states" not in saved:
        raise UserError(
            f"resume={checkpoint}: has weights but no optimizer's state; start with "
            f"{quoted_override('init_from', checkpoint)}"
        )
    weights = saved["state_dict"]
    require_trained_weights(checkpoint, weights)
    damage = damage_of(saved.get("optimizer"), {name.removeprefix("model."): value for name, value in weights.items()})
    for name, kind in PROGRESS.items():
        if type(saved.get(name)) is not kind:
            damage = damage or f"its {name} is no {kind.__name__}"
    if damage:
        raise DamagedFile(checkpoint, damage)


@contextmanager
def explained_resume(checkpoint: Path | None) -> Iterator[None]:
    """What fails while Lightning puts a checkpoint's loops, schedules and callbacks back is a fault of the file.

    Raises:
        UserError: names the file and what failed.
    """
    try:
        yield
    except Exception as error:
        frames = {Path(frame.filename).name for frame in traceback.extract_tb(error.__traceback__)}
        if checkpoint is None or RESTORING not in frames or isinstance(error, UserError):
            raise
        raise DamagedFile(checkpoint, f"no run goes on from it ({type(error).__name__}: {error})") from error


def step_size(config: Mapping[str, Any]) -> StepSize:
    """That of a run's settings."""
    trainer = config["trainer"]
    processes = num_ranks(trainer) or torch.cuda.device_count() * trainer["num_nodes"]
    return StepSize(config["data"]["batch_size"], processes, trainer["accumulate_grad_batches"])


def step_size_of(checkpoint: Path, run: RunFolder) -> StepSize:
    """That of the run that saved a checkpoint; a continuation on other ranks has written config.yaml anew."""
    saved = read_checkpoint(checkpoint).get("step_size")
    if not saved:  # Before checkpoints said it.
        return step_size(read_configuration(run.config))
    names = [item.name for item in fields(StepSize)]
    if not isinstance(saved, dict) or sorted(saved) != sorted(names) or not all(type(x) is int for x in saved.values()):
        raise DamagedFile(checkpoint, f"its step_size must be {', '.join(names)}")
    return StepSize(**saved)


def _leaves(node: Any, prefix: str = "") -> dict[str, Any]:
    """Dotted keys of everything that is not a mapping."""
    if not isinstance(node, Mapping):
        return {prefix.removesuffix("."): node}
    return {key: value for name, child in node.items() for key, value in _leaves(child, f"{prefix}{name}.").items()}
