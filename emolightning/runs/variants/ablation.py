"""Which inputs a run needs: `ablation.json`.

Its shape: `kind` ("ablation"), `run`, `is_retrained`, `benchmark`, `split`, `num_clips`, `headline` (the score that
ranks), `chance` (what it is without looking at any clip), `draws`, `overrides`, `notes`, `warnings`, and `rows`, the
first of which is the run as it is. Each row has

    name        its folder beside this file, e.g. "no-T-shuffled"
    left        what is as it is: "AV", or "all but speech"
    changed     the inputs that are not, [] in the first row
    how         removed, zeroed, mean, shuffled; null in the first row
    failed      why there is no result, or ""
    metrics     score -> {"value", "ci95"}
    against     null in the first row; else of this row against it: "metrics" (score -> "first", "second", "difference",
                "ci95", "p", "p_holm", "verdict"), "mcnemar", "fixed", "broke", "per_class", as in compare.json
    ceiling     the best possible accuracy with what is left, of data whose process is known
    above_ceiling_sd   how far the war is above it, in binomial standard deviations
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from omegaconf import DictConfig

from emolightning.benchmarks.published.measured import METRICS, read_report
from emolightning.data.perturbing.perturbing import WITH_MEAN
from emolightning.errors import UserError, override
from emolightning.records.inputs import Inputs
from emolightning.runs.variants.evaluating import Outcome, Variant
from emolightning.runs.variants.measuring import Differences, metrics_of

MODALITY_OF = {"A": "audio", "V": "video", "T": "text"}
HOW = ("removed", "zeroed", "mean", "shuffled")
FULL = "full"


@dataclass(frozen=True)
class Ablated:
    """One row before it is evaluated."""

    variant: Variant
    left: str
    changed: tuple[str, ...] = ()
    how: str | None = None
    note: str = ""


def letters_of(inputs: Inputs) -> str:
    """The modalities of a run, e.g. `AVT`."""
    modalities = {about.modality for about in inputs.values()}
    return "".join(letter for letter, name in MODALITY_OF.items() if name in modalities)


def subsets(inputs: Inputs, asked: Sequence[str] | None) -> list[str]:
    """The sets of modalities that are left, of those that a run has.

    Raises:
        UserError: one that the run does not have.
    """
    own = letters_of(inputs)
    if asked is None:
        return [name for name in ("A", "V", "T", "AV", "AT", "VT", "AVT") if set(name) < set(own)]
    if wrong := [name for name in asked if not set(name) <= set(own)]:
        raise UserError(f"sets={','.join(wrong)}: this run has {own}; leave out what it does not have")
    return [name for name in asked if set(name) != set(own)]


def rows_of(
    inputs: Inputs, sets: Sequence[str], single: Sequence[str], ways: Sequence[str], *, is_retrained: bool = False
) -> list[Ablated]:
    """All rows: the run as it is, the sets, then single inputs, each in all ways.

    Args:
        inputs: of the run.
        sets: of modalities that are left as they are.
        single: inputs that are changed one by one.
        ways: of HOW.
        is_retrained: each row is a training, which is called as the set that it has.

    Raises:
        UserError: an input that the run does not have, or its only one.
    """
    found = [Ablated(Variant(letters_of(inputs) if is_retrained else FULL), "all")]
    groups: list[tuple[str, str, tuple[str, ...]]] = []
    for left in sets:
        kept = {MODALITY_OF[letter] for letter in left}
        gone = "".join(letter for letter in letters_of(inputs) if letter not in left)
        groups.append((gone, left, tuple(name for name, about in inputs.items() if about.modality not in kept)))
    if wrong := [name for name in single if name not in inputs]:
        raise UserError(f"inputs: {', '.join(wrong)} is no input of this run; it has {', '.join(inputs)}")
    groups += [(name, f"all but {name}", (name,)) for name in single]
    for gone, left, changed in groups:
        if len(changed) == len(inputs):
            raise UserError(f"inputs=[{gone}]: is the only input of this run; nothing is left to compare")
        for how in ways:
            words, note = words_of(inputs, changed, how)
            is_set = is_retrained and left in sets and how == "removed"
            name = left if is_set else f"no-{gone}-{how}"
            found.append(Ablated(Variant(name, words), left, changed, how, note))
    return found


def words_of(inputs: Inputs, changed: Sequence[str], how: str) -> tuple[tuple[str, ...], str]:
    """The settings of one row, and what is done otherwise than its name says."""
    if how == "removed":
        return tuple(f"inputs.{name}=false" for name in changed), ""
    if how == "shuffled":
        return (override("shuffle", list(changed)),), ""
    contents = contents_of(inputs, changed, how)
    words = tuple(override(f"perturb.{key}", names) for key, names in contents.items() if names)
    is_other = how == "mean" and contents["zeroed"]
    return words, f"{', '.join(contents['zeroed'])} has no mean and is zeroed" if is_other else ""


def contents_of(inputs: Inputs, changed: Sequence[str], how: str) -> dict[str, list[str]]:
    """Which inputs are zeroed and which have a mean: a text and a sound have none."""
    mean = [name for name in changed if how == "mean" and inputs[name].kind in WITH_MEAN]
    return {"zeroed": [name for name in changed if name not in mean], "mean": mean}


def ceilings_of(cfg: DictConfig) -> Mapping[str, float]:
    """Best possible accuracy of each set of modalities, where the data are made by a known process."""
    if "error_rate" not in cfg.data:
        return {}
    from emolightning.benchmarks.synthetic.process import ceilings

    return ceilings(cfg.data.error_rate)


def ablation_rows(
    rows: Sequence[Ablated],
    outcomes: Sequence[Outcome],
    found: Differences | None,
    *,
    limits: Mapping[str, float],
    inputs: Inputs,
) -> list[dict[str, Any]]:
    """The rows of the result file.

    Args:
        rows: as they were planned.
        outcomes: of each.
        found: of those that have a result, in their order; None where the run as it is has none.
        limits: set of modalities -> best possible accuracy.
        inputs: of the run.
    """
    places = {} if found is None else {system.name: place for place, system in enumerate(found.systems)}
    content = []
    for row, outcome in zip(rows, outcomes, strict=True):
        about: dict[str, Any] = {
            "name": row.variant.name,
            "left": row.left,
            "changed": list(row.changed),
            "how": row.how,
            "note": row.note,
            "failed": outcome.failed,
        }
        if not outcome.failed:
            report = read_report(outcome.folder / METRICS)
            about |= {"metrics": metrics_of(report), "against": None}
            about |= _against_ceiling(_left_of(row, inputs), about["metrics"], limits, report["num_clips"])
        if found is not None and not outcome.failed:
            about["against"] = found.against_first(places[row.variant.name])
        content.append(about)
    return content


def _left_of(row: Ablated, inputs: Inputs) -> str:
    """The modalities of which all inputs are as they are; nothing where one of several is changed."""
    gone = {inputs[name].modality for name in row.changed}
    is_part = any(about.modality in gone and name not in row.changed for name, about in inputs.items())
    kept = {about.modality for about in inputs.values()} - gone
    return "" if is_part else "".join(letter for letter, name in MODALITY_OF.items() if name in kept)


def _against_ceiling(
    left: str, metrics: Mapping[str, Any], limits: Mapping[str, float], num_clips: int
) -> dict[str, float]:
    """The ceiling, and how far above it the war is in binomial standard deviations."""
    if left not in limits or "war" not in metrics:
        return {}
    deviation = (limits[left] * (1 - limits[left]) / num_clips) ** 0.5
    return {"ceiling": limits[left], "above_ceiling_sd": (metrics["war"]["value"] - limits[left]) / deviation}
