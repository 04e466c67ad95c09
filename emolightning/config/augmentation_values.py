"""Settings of `augmentation` that no training can mean, or not one of this model."""

from omegaconf import DictConfig, OmegaConf

from emolightning.config.families import family_of, trained_parts
from emolightning.config.problems import Problem
from emolightning.prompt.questions import SEVERAL
from emolightning.records.corruptions import CORRUPTIONS

LOW, HIGH = CORRUPTIONS["vectors"].low, CORRUPTIONS["vectors"].high


def check_augmentation(cfg: DictConfig) -> list[Problem]:
    """What lists and mappings hold; single numbers are checked with those of other settings."""
    dropout = OmegaConf.select(cfg, "augmentation.input_dropout", default=None) or {}
    problems = [
        Problem(f"augmentation.input_dropout.{name}", f"must be a probability from 0 to 1, not {chance}")
        for name, chance in dropout.items()
        if not 0 <= chance <= 1
    ]
    for key in ("augmentation.vector_noise", "augmentation.sound_noise"):
        given = OmegaConf.select(cfg, key, default=None)
        if given is not None and not (len(given) == 2 and LOW <= given[0] <= given[1] <= HIGH):
            allowed = f"the smallest and the largest ratio in dB, from {LOW:g} to {HIGH:g}, e.g. {key}=[5,20]"
            problems.append(Problem(key, f"must be {allowed}, not {list(given)}"))
    return [*problems, *_unseen_frames(cfg), *_not_mixed(cfg)]


def _unseen_frames(cfg: DictConfig) -> list[Problem]:
    """Frames that a tower sees once, before training, are the same in every pass."""
    given = OmegaConf.select(cfg, "augmentation", default=None) or {}
    names = [name for name, value in given.items() if str(name).startswith("frame_") and value]
    if not names or not OmegaConf.select(cfg, "precompute_vision", default=False):
        return []
    if (trained_parts(cfg) or {}).get("vision") != "frozen":
        return []
    said = (
        "changes frames anew in each pass, and with precompute_vision=true the frozen vision tower sees them once, "
        "before training; say precompute_vision=false"
    )
    return [Problem(f"augmentation.{names[0]}", said)]  # One sentence: one word mends all of them.


def _not_mixed(cfg: DictConfig) -> list[Problem]:
    """Vectors and labels have means; words have none, nor a loss of yes or no for each label a share."""
    if not OmegaConf.select(cfg, "augmentation.mixup", default=0):
        return []
    model = OmegaConf.select(cfg, "model", default=None)
    if any(about.kind != "vectors" for about in family_of(model).inputs.values()):
        said = (
            "mixes vectors and labels of two clips, and a language model answers in words: say model=fusion/attention"
        )
        return [Problem("augmentation.mixup", f"{said} (or another of model=fusion/...), or leave it out")]
    weights = OmegaConf.select(cfg, "prompt.tasks", default=None) or {}
    tasks = [task for task, weight in weights.items() if weight] or [OmegaConf.select(cfg, "prompt.task", default="")]
    if SEVERAL not in tasks:
        return []
    said = f"mixes shares of one label a clip, and prompt.task={SEVERAL} learns several; leave one of both out"
    return [Problem("augmentation.mixup", said)]
