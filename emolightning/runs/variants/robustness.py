"""How a run bears what makes its inputs worse: `robustness.json`.

Its shape: `kind` ("robustness"), `run`, `benchmark`, `split`, `num_clips`, `headline` (the score that ranks), `chance`
(what it is without looking at any clip), `draws`, `overrides`, `notes`, `warnings`, `clean` ({"name", "metrics"}: the
run as it is), and `corruptions`, each with

    name, about, axis   what it is called, what is done, what its severity is, with its unit
    inputs              the inputs that are made worse; [] where it is the question
    is_ordered          false where severities are only names (frames, orders of labels, sentences): then no curve
    levels              from mild to hard, each with
        severity            a number, or a text such as "first"
        name                its folder beside this file, e.g. "noise-10"
        failed              why there is no result, or ""
        metrics             score -> {"value", "ci95"}
        against             of this level against the clean run: "metrics" (score -> "first", "second", "difference",
                            "ci95", "p", "p_holm", "verdict"), "mcnemar", "fixed", "broke", "per_class"
        drop                score -> {"value", "ci95"}: share of the clean value that is lost
    area                score -> {"value", "ci95"}: mean height of the curve from clean over the levels, at equal steps;
                        null where is_ordered is false
    drop                score -> {"value", "ci95"}: share of the clean value that the mean over the levels loses
    range               score -> [lowest, highest] over the clean run and the levels

A curve has the clean run at step 0 and level k at step k. Results that are absent are left out of area, drop and range.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from emolightning.data.loading.corpus import Corpus
from emolightning.data.media.choice import FrameChoice, parse_frame_choice
from emolightning.data.perturbing.perturbing import Perturbing, perturbing_of, worse_inputs
from emolightning.errors import UserError, override
from emolightning.records.corruptions import FRAME, KINDS, LABEL_ORDER, UNORDERED, Corruption
from emolightning.runs.variants.evaluating import Outcome, Variant
from emolightning.runs.variants.measuring import Differences, area, drop, metrics_of, share_of, value_of, with_interval

CLEAN = "clean"


@dataclass(frozen=True)
class Level:
    """One severity before it is evaluated."""

    kind: str
    severity: float | str
    variant: Variant
    perturbing: Perturbing = Perturbing()
    """What is done to inputs."""


@dataclass(frozen=True)
class Asked:
    """What is done at every level."""

    noise: tuple[str, ...] = ()
    """Files of noise."""
    seed: int = 0
    only: tuple[str, ...] = ()
    """The inputs that are made worse; empty means all."""


def levels_of(kind: str, severities: Sequence[Any] | None, corpus: Corpus, asked: Asked) -> list[Level]:
    """The levels of one corruption.

    Args:
        kind: one of KINDS.
        severities: None takes the kind's own.
        corpus: of the run, nothing read yet.
        asked: what all levels have in common.

    Raises:
        UserError: it cannot be done to this run, or not so severely; says what to type.
    """
    if severities is not None and not severities:
        raise UserError(f"severities.{kind}: is empty; name some, or leave it out")
    if kind == FRAME:
        return _frames(corpus, severities)
    given = KINDS[kind].levels if severities is None else [_number(kind, each) for each in severities]
    if kind == "wording" and severities is None:
        given = given[: max(1, len(corpus.questions.pools[corpus.questions.task]) - 1)]
    if kind == LABEL_ORDER:
        return [_order(corpus, each) for each in given]
    return [_perturbed(kind, each, corpus, asked) for each in given]


def _number(kind: str, severity: Any) -> float:
    if isinstance(severity, bool) or not isinstance(severity, int | float):
        raise UserError(
            f"severities.{kind}: {severity!r} is no number; {KINDS[kind].axis}, e.g. {KINDS[kind].levels[0]:g}"
        )
    return severity


def _perturbed(kind: str, severity: float, corpus: Corpus, asked: Asked) -> Level:
    corruption = Corruption(kind, severity, asked.seed, asked.noise if "noise" in kind else ())
    possible = worse_inputs(corruption, corpus.inputs)
    only = [name for name in asked.only if name in possible]
    if possible and asked.only and not only:
        raise UserError(
            f"perturb.inputs: {kind} does nothing to {', '.join(asked.only)}; it is about {', '.join(possible)}"
        )
    features = corpus.feature_source
    perturbing = perturbing_of(
        corpus.inputs,
        reads_media=features is not None and features.reads_media,
        cut_out=getattr(features, "cut_out", None),
        split=corpus.perturbing.split,
        corruption=corruption,
        only=only,
    )
    perturbing.asked(corpus.questions)
    words = [override("perturb.corruption", kind), f"perturb.severity={severity:g}"]
    words += [override("perturb.inputs", only)] if only else []
    return Level(kind, severity, Variant(f"{kind}-{severity:g}", tuple(words)), perturbing)


def _frames(corpus: Corpus, severities: Sequence[Any] | None) -> list[Level]:
    """Other frames, for inputs that do not fix their own."""
    free = [
        name
        for name, about in corpus.inputs.items()
        if about.kind in ("frames", "stills", "film") and about.frame is None
    ]
    if not free:
        raise UserError(f"corruptions=[{FRAME}]: no input of this run follows data.frame; leave it out")
    own = corpus.reading.choice
    others = [_other(own, text) for text in (severities or _usual(own))]
    return [
        Level(FRAME, text, Variant(f"{FRAME}-{text.replace(':', '-')}", (override("data.frame", text),)))
        for text in others
    ]


def _usual(own: FrameChoice) -> list[str]:
    """Choices of as many frames as the run's own."""
    number = own.num_frames
    usual = ["first", "middle", "-1"] if number == 1 else [f"even:{number}", f"window:{number}", f"window:{number}:1"]
    return [text for text in usual if text != str(own)]


def _other(own: FrameChoice, text: Any) -> str:
    choice = parse_frame_choice(str(text))
    if choice.file:
        raise UserError(
            f"severities.{FRAME}: {text}: a file of peaks is no other choice; say `peak` to have them found"
        )
    if str(choice) == str(own):
        raise UserError(f"severities.{FRAME}: {text}: is the run's own choice, with which it is clean; leave it out")
    return str(choice)


def _order(corpus: Corpus, number: float) -> Level:
    """The labels of the question in an order that is drawn by a number."""
    questions = corpus.questions
    offered, pool = list(questions.offered), questions.pools[questions.task]
    if not all(label in pool[0] for label in offered) or len(offered) < 2:
        raise UserError(f"corruptions=[{LABEL_ORDER}]: the question of this run offers no labels; leave it out")
    if number != int(number) or not 1 <= number <= KINDS[LABEL_ORDER].high:
        raise UserError(f"severities.{LABEL_ORDER}: {number:g}: orders are numbered from 1, and 0 is the run's own")
    draws = np.random.default_rng(int(number))
    order = offered
    while order == offered:
        order = [offered[place] for place in draws.permutation(len(offered))]
    variant = Variant(f"{LABEL_ORDER}-{number:g}", (override("prompt.labels", order),))
    return Level(LABEL_ORDER, int(number), variant)


def robustness_content(
    levels: Mapping[str, Sequence[Level]], outcomes: Mapping[str, Outcome], found: Differences
) -> dict[str, Any]:
    """The part of the result file that is about answers.

    Args:
        levels: corruption -> its levels.
        outcomes: of each variant by its name.
        found: the evaluations that have a result, the clean one first.
    """
    places = {system.name: place for place, system in enumerate(found.systems)}
    return {
        "clean": {"name": CLEAN, "metrics": metrics_of(found.systems[0].system.report)},
        "corruptions": [_corruption(kind, own, outcomes, found, places) for kind, own in levels.items()],
    }


def _corruption(
    kind: str,
    levels: Sequence[Level],
    outcomes: Mapping[str, Outcome],
    found: Differences,
    places: Mapping[str, int],
) -> dict[str, Any]:
    rows = [_level(level, outcomes[level.variant.name], found, places) for level in levels]
    there = [found.systems[places[level.variant.name]] for level in levels if level.variant.name in places]
    clean, about, is_ordered = found.systems[0], KINDS[kind], kind not in UNORDERED

    def over(make: Callable[[Any, list[Any]], Any], *, is_share: bool = False) -> dict[str, Any]:
        return {
            name: with_interval(
                make(value_of(clean, name), [value_of(each, name) for each in there]),
                make(clean.draws[name], [each.draws[name] for each in there]),
                share_of(found.least, value_of(clean, name)) if is_share else found.least,
            )
            for name in found.names
            if there
        }

    return {
        "name": kind,
        "about": about.about,
        "axis": about.axis,
        "inputs": list(levels[0].perturbing.worse),
        "is_ordered": is_ordered,
        "levels": rows,
        "area": over(lambda first, others: area([first, *others])) if is_ordered else None,
        "drop": over(drop, is_share=True),
        "range": {
            name: [min(values), max(values)]
            for name in found.names
            if (values := [value_of(each, name) for each in (clean, *there)])
        },
    }


def _level(level: Level, outcome: Outcome, found: Differences, places: Mapping[str, int]) -> dict[str, Any]:
    about: dict[str, Any] = {"severity": level.severity, "name": level.variant.name, "failed": outcome.failed}
    place = places.get(level.variant.name)
    if place is None:
        return about
    clean, own = found.systems[0], found.systems[place]
    lost = {
        name: with_interval(
            drop(value_of(clean, name), [value_of(own, name)]),
            drop(clean.draws[name], [own.draws[name]]),
            share_of(found.least, value_of(clean, name)),
        )
        for name in found.names
    }
    return about | {"metrics": metrics_of(own.system.report), "against": found.against_first(place), "drop": lost}
