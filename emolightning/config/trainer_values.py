"""Values that Lightning's trainer takes, and with which a run of ours would train nothing or end in the middle."""

from collections.abc import Mapping
from typing import Any

from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from emolightning.config.problems import Problem

BUILT_IN = {
    "enable_checkpointing": (True, "a run is continued and evaluated from its checkpoints; leave it true"),
    "use_distributed_sampler": (False, "clips are dealt out to processes already; leave it false"),
    "barebones": (False, "it takes checkpoints and scores away; speed/throughput.py measures speed"),
}
"""Argument -> the value that a run needs, and why."""


def check_trainer(cfg: DictConfig) -> list[Problem]:
    """What is wrong with the trainer of a run; other mistakes in it are its own to name."""
    try:
        node = OmegaConf.select(cfg, "trainer")
        trainer: Any = OmegaConf.to_container(node, resolve=True) if isinstance(node, DictConfig) else {}
    except OmegaConfBaseException:
        return []  # Named by others.
    if "max_epochs" not in trainer:
        return []
    problems = [*_length(trainer, has_schedule=bool(cfg.get("schedule"))), *_trial(trainer, cfg)]
    every = trainer.get("check_val_every_n_epoch", 1)
    if isinstance(every, int) and every < 1:
        remedy = "+trainer.limit_val_batches=0 trains without validation"
        problems.append(
            Problem("trainer.check_val_every_n_epoch", f"must be at least 1, or null, not {every}; {remedy}")
        )
    for name, (needed, why) in BUILT_IN.items():
        if trainer.get(name, needed) not in (needed, None):
            problems.append(Problem(f"trainer.{name}", f"cannot be {str(not needed).lower()}: {why}"))
    return problems


def _length(trainer: Mapping[str, Any], *, has_schedule: bool) -> list[Problem]:
    """A run without a step, without an end, or with a least length above its greatest."""
    problems = []
    epochs, steps, limit = trainer.get("max_epochs"), trainer.get("max_steps", -1), trainer.get("limit_train_batches")
    for name, value in (("max_epochs", epochs), ("max_steps", steps), ("limit_train_batches", limit)):
        if value is not None and not isinstance(value, str) and value == 0:
            problems.append(Problem(f"trainer.{name}", "is 0: nothing would be trained; say at least 1"))
    if epochs in (None, -1) and steps in (None, -1):
        if epochs is None and not trainer.get("max_time"):
            problems.append(Problem("trainer.max_epochs", "is null: say how many, or trainer.max_steps=N"))
        elif has_schedule:
            given = "null" if epochs is None else epochs
            remedy = "say trainer.max_epochs=N or trainer.max_steps=N; +trainer.max_time may end the run before"
            problems.append(
                Problem("trainer.max_epochs", f"is {given}, so the schedule of the learning rate has no end; {remedy}")
            )
    for unit, most in (("epochs", epochs), ("steps", steps)):
        least = trainer.get(f"min_{unit}")
        if isinstance(least, int) and isinstance(most, int) and 0 < most < least:
            problems.append(Problem(f"trainer.min_{unit}", f"is {least}, more than trainer.max_{unit}={most}"))
    return problems


def _trial(trainer: Mapping[str, Any], cfg: DictConfig) -> list[Problem]:
    """Batches of which nothing is kept."""
    trials = {"trainer.fast_dev_run": trainer.get("fast_dev_run"), "lr_range_test": cfg.get("lr_range_test")}
    key = next((name for name, value in trials.items() if value), None)
    if key is None:
        return []
    given = [name for name in ("resume", "seeds", "folds", "leave_one") if cfg.get(name)]
    given += ["lr_range_test"] if all(trials.values()) else []
    why = "tries the first batches of a new run and keeps nothing"
    return [Problem(key, f"{why}; leave out {name}={cfg[name]}") for name in given]
