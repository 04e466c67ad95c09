"""The generative process: who is seen, which emotion is true, and what each modality shows of it.

Every modality shows one of three classes, and a class means several labels. Each pair of modalities leaves
exactly one pair of labels apart only by the third, so no subset of modalities can solve the task:
voice + face confuse neutral/sad, voice + words confuse angry/happy, face + words confuse worried/surprise.
"""

import itertools
import math
from dataclasses import dataclass

import numpy as np

from emolightning.benchmarks.synthetic.mixed import SEPARATOR, labels_shown
from emolightning.errors import UserError
from emolightning.records.labels import MER6

VOICE = {"quiet": ("neutral", "sad", "worried"), "loud": ("angry", "happy"), "rising": ("surprise",)}
FACE = {"still": ("neutral", "sad"), "agitated": ("angry", "worried", "surprise"), "smile": ("happy",)}
WORDS = {"plain": ("neutral", "angry", "happy"), "loss": ("sad",), "unexpected": ("worried", "surprise")}
CLASSES = {"A": VOICE, "V": FACE, "T": WORDS}
"""Modality -> class -> the labels it means."""

NUM_ACTORS = {"train": 24, "val": 6, "test": 8}
"""Actors per split; nobody is seen in two splits."""

ERROR_RATE = 0.015
"""How often a modality shows a class that is not the label's: keeps the best possible accuracy below 1."""


@dataclass(frozen=True)
class ClipPlan:
    """One clip before it is rendered. Rendering reads the classes and the seeds, never the label."""

    id: str
    split: str
    label: str
    subject: str
    voice: str
    face: str
    words: str
    actor_seed: int
    """Fixes how the actor looks and sounds: the same in all clips of a subject."""
    seed: int
    """Fixes everything else that varies between clips: duration, timing, camera, noise, slots of the sentence."""

    @property
    def shown(self) -> dict[str, str]:
        """Modality -> its class."""
        return {"A": self.voice, "V": self.face, "T": self.words}


def class_of(label: str, modality: str) -> str:
    """The class that shows `label` without error in modality A, V or T."""
    return next(name for name, labels in CLASSES[modality].items() if label in labels)


def class_probability(name: str, label: str, modality: str, error_rate: float) -> float:
    """P(class | label): 1 - e for the label's own class, e / 2 for each of the two others."""
    return 1 - error_rate if name == class_of(label, modality) else error_rate / 2


def ceilings(error_rate: float) -> dict[str, float]:
    """The best possible accuracy (WAR, and UAR since labels are balanced) of every subset of modalities.

    Bayes' rule by enumeration: sum over observed class tuples of max over labels of P(label) P(classes | label).

    Returns:
        `A`, `V`, `T`, `AV`, `AT`, `VT`, `AVT` -> accuracy in [0, 1].
    """
    return {"".join(subset): _bayes_accuracy(subset, error_rate) for size in (1, 2, 3) for subset in _subsets(size)}


def _subsets(size: int) -> list[tuple[str, ...]]:
    return list(itertools.combinations(CLASSES, size))


def _bayes_accuracy(modalities: tuple[str, ...], error_rate: float) -> float:
    total = 0.0
    for classes in itertools.product(*(CLASSES[modality] for modality in modalities)):
        seen = zip(classes, modalities, strict=True)
        terms = [(name, modality) for name, modality in seen]
        total += max(
            math.prod(class_probability(name, label, modality, error_rate) for name, modality in terms)
            for label in MER6
        ) / len(MER6)
    return total


def draw_plan(
    *,
    seed: int = 0,
    num_train: int = 960,
    num_val: int = 120,
    num_test: int = 180,
    error_rate: float = ERROR_RATE,
    mixed: bool = False,
) -> list[ClipPlan]:
    """All clips of a benchmark, train then val then test; the same arguments give the same list.

    Args:
        seed: of the whole benchmark.
        num_train: clips, a multiple of six so that every label is equally frequent; likewise the other two.
        num_val: clips.
        num_test: clips.
        error_rate: e of the process, in [0, 2/3); at 2/3 the classes would say nothing.
        mixed: every modality shows a class of its own, whatever the others show; nothing is an error then.

    Raises:
        UserError: a size or a rate outside its range.
    """
    sizes = {"train": num_train, "val": num_val, "test": num_test}
    _check_sizes(sizes, error_rate)
    plans: list[ClipPlan] = []
    first_actor = 0
    for position, (split, size) in enumerate(sizes.items()):
        # One stream per split: enlarging the training set leaves the test set as it is, apart from the clip ids.
        rng = np.random.default_rng([seed, position])
        labels = rng.permutation(np.repeat(MER6, size // len(MER6)))
        actors = first_actor + rng.permutation(np.arange(size) % NUM_ACTORS[split])
        first_actor += NUM_ACTORS[split]
        for label, actor in zip(labels.tolist(), actors.tolist(), strict=True):
            rate = None if mixed else error_rate
            plans.append(_draw_clip(rng, len(plans), split, label, actor, seed=seed, error_rate=rate))
    return plans


def _check_sizes(sizes: dict[str, int], error_rate: float) -> None:
    for split, size in sizes.items():
        if size <= 0 or size % len(MER6):
            raise UserError(
                f"num_{split}={size}: must be a positive multiple of {len(MER6)}, so that labels are balanced"
            )
    if not 0 <= error_rate < 2 / 3:
        raise UserError(f"error_rate={error_rate}: must be at least 0 and below 2/3")


def _draw_clip(
    rng: np.random.Generator, number: int, split: str, label: str, actor: int, *, seed: int, error_rate: float | None
) -> ClipPlan:
    if error_rate is None:
        shown = {modality: str(rng.choice(list(names))) for modality, names in CLASSES.items()}
        label = SEPARATOR.join(labels_shown(shown))
    else:
        shown = {modality: _draw_class(rng, label, modality, error_rate) for modality in CLASSES}
    return ClipPlan(
        id=f"synthetic_{number:05d}",
        split=split,
        label=label,
        subject=f"actor_{actor:02d}",
        voice=shown["A"],
        face=shown["V"],
        words=shown["T"],
        # 3 is the stream after the three splits.
        actor_seed=int(np.random.default_rng([seed, 3, actor]).integers(2**31)),
        seed=int(rng.integers(2**31)),
    )


def _draw_class(rng: np.random.Generator, label: str, modality: str, error_rate: float) -> str:
    names = list(CLASSES[modality])
    return str(rng.choice(names, p=[class_probability(name, label, modality, error_rate) for name in names]))
