"""What `robustness` does with a checked configuration, in order."""

import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from omegaconf import DictConfig

from emolightning.data.loading.corpus import PERTURBED, Corpus
from emolightning.data.media.audio import usable_noise
from emolightning.errors import UserError
from emolightning.records.corruptions import KINDS
from emolightning.runs.assembly_of_data import make_corpus
from emolightning.runs.assembly_of_scoring import build_scoring
from emolightning.runs.processes import Programs, kept
from emolightning.runs.variants.evaluating import Outcome, Variant, carrier, evaluate_all
from emolightning.runs.variants.measuring import differences
from emolightning.runs.variants.robustness import CLEAN, Asked, Level, levels_of, robustness_content


def tested(cfg: DictConfig, root: Path, overrides: Sequence[str]) -> dict[str, Any]:
    """Evaluate the run as it is and at every level of every corruption; the content of `robustness.json`.

    Args:
        cfg: the checked configuration.
        root: folder of all evaluations.
        overrides: the words that all of them get.

    Raises:
        UserError: a corruption that cannot be, or the run as it is cannot be evaluated.
    """
    corpus = make_corpus(cfg)
    levels, notes = plan(cfg, corpus)
    everything = [Level("", "", Variant(CLEAN)), *(level for own in levels.values() for level in own)]
    print(f"{len(everything)} evaluations: {CLEAN}, {', '.join(f'{len(v)} of {k}' for k, v in levels.items())}")
    by_name = {level.variant.name: level for level in everything}

    def tidy(outcome: Outcome) -> None:
        """What was computed of media that were read otherwise is of no further use."""
        perturbing = by_name[outcome.variant.name].perturbing
        for name in perturbing.worse if not outcome.failed else ():
            if (folder := perturbing.folder(name)) is not None:
                shutil.rmtree(corpus.folder / PERTURBED / folder, ignore_errors=True)

    with Programs() as programs:
        outcomes = evaluate_all(
            [level.variant for level in everything],
            root,
            overrides,
            carry=carrier(cfg, programs, parallel=cfg.parallel),
            parallel=cfg.parallel,
            done=tidy,
        )
    usable = [outcome for outcome in outcomes if not outcome.failed]
    found = differences(usable, build_scoring(cfg), num_samples=cfg.num_samples)
    return {
        "kind": "robustness",
        "run": cfg.checkpoint,
        **found.about(),
        "overrides": kept(list(overrides))["shown"],
        "notes": notes,
        **robustness_content(levels, {each.variant.name: each for each in outcomes}, found),
    }


def plan(cfg: DictConfig, corpus: Corpus) -> tuple[dict[str, list[Level]], list[str]]:
    """The levels of each corruption, and which ones are left out of all because the run does not allow them.

    Raises:
        UserError: one that was asked for cannot be.
    """
    severities: Mapping[str, Any] = cfg.severities
    asked = Asked(usable_noise(cfg.perturb.noise), cfg.perturb.seed, tuple(cfg.perturb.inputs))
    found, notes = {}, []
    chosen = list(cfg.corruptions or KINDS)
    for kind in chosen:
        try:
            found[kind] = levels_of(kind, severities.get(kind), corpus, asked)
        except UserError as error:
            if cfg.corruptions:
                raise
            notes.append(f"{kind} is left out: {error}")
    if unused := [name for name in severities if name not in found]:
        raise UserError(f"severities.{unused[0]}: {unused[0]} is not among corruptions={list(found)}; add it there")
    for level in (level for own in found.values() for level in own):
        twice = [other for other in found[level.kind] if other.variant.name == level.variant.name]
        if len(twice) > 1:
            raise UserError(f"severities.{level.kind}: {level.severity} is there twice; leave one out")
    if not found:
        raise UserError(f"corruptions: nothing is left to do to this run: {'; '.join(notes)}")
    return found, notes
