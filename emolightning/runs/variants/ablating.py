"""What `ablate` does with a checked configuration, in order."""

from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

from omegaconf import DictConfig

from emolightning.benchmarks.published.measured import METRICS, read_report
from emolightning.config.families import family_of
from emolightning.data.perturbing.perturbing import perturbing_of
from emolightning.errors import UserError
from emolightning.records.inputs import Inputs
from emolightning.runs.assembly import occasion
from emolightning.runs.assembly_of_data import read_corpus
from emolightning.runs.assembly_of_models import inputs_of, plain
from emolightning.runs.assembly_of_scoring import build_scoring
from emolightning.runs.processes import Programs, kept
from emolightning.runs.variants.ablation import (
    Ablated,
    ablation_rows,
    ceilings_of,
    contents_of,
    letters_of,
    rows_of,
    subsets,
)
from emolightning.runs.variants.evaluating import Outcome, carrier, evaluate_all, trained_and_tested
from emolightning.runs.variants.measuring import Differences, differences

NUM_SAMPLES = 10_000


def ablated(
    cfg: DictConfig,
    root: Path,
    overrides: Sequence[str],
    *,
    sets: Sequence[str] | None,
    single: Sequence[str],
    ways: Sequence[str],
    parallel: int = 1,
    num_samples: int = NUM_SAMPLES,
) -> dict[str, Any]:
    """Evaluate or train each row, and compare it with the run as it is; the content of `ablation.json`.

    Args:
        cfg: of the run, with a `checkpoint` where it is trained.
        root: folder of all rows.
        overrides: the command line, passed on to each row.
        sets: modalities that are left; None takes all, or none where single inputs are named.
        single: inputs that are changed one by one, or `all`.
        ways: they are changed in.
        parallel: rows at the same time.
        num_samples: draws for intervals.

    Raises:
        UserError: a row that cannot be, or the run as it is cannot be evaluated.
    """
    is_trained, inputs = "checkpoint" in cfg, inputs_of(cfg)
    single = list(inputs) if list(single) == ["all"] else single
    left = [] if sets is None and single else subsets(inputs, sets)
    own = letters_of(inputs)
    rows = rows_of(inputs, left, single, ways, is_retrained=not is_trained)
    if not is_trained:
        rows = [row for row in rows if row.changed or sets is None or own in sets]
    for row in rows:
        _require(cfg, inputs, row)
    if not is_trained and parallel > 1:  # Runs that start together would wait for the first to render and extract.
        print("preparing the data", flush=True)
        read_corpus(cfg)
    with Programs() as programs:
        carry = carrier(cfg, programs, parallel=parallel) if is_trained else partial(trained_and_tested, programs)
        outcomes = evaluate_all(
            [row.variant for row in rows], root, overrides, carry=carry, parallel=parallel, needs_first=is_trained
        )
    found = _against_full(cfg, outcomes, num_samples) if not rows[0].changed else None
    return {
        "kind": "ablation",
        "run": cfg.get("checkpoint"),
        "is_retrained": not is_trained,
        **_about(outcomes, found),
        "overrides": kept(list(overrides))["shown"],
        "notes": [],
        "rows": ablation_rows(rows, outcomes, found, limits=ceilings_of(cfg), inputs=inputs),
    }


def _require(cfg: DictConfig, inputs: Inputs, row: Ablated) -> None:
    """Refuse a row that cannot be, before the first one is carried out.

    Raises:
        UserError: names the row, and what to type.
    """
    try:
        if row.how == "removed":
            left = tuple(name for name in inputs if name not in row.changed)
            family_of(cfg.model).require_on(replace(occasion(cfg), inputs=left), plain(cfg.model))
        if row.how in ("zeroed", "mean"):
            contents = contents_of(inputs, row.changed, row.how)
            zeroed, mean, of = contents["zeroed"], contents["mean"], cfg.perturb.mean_of
            perturbing_of(inputs, reads_media=False, split=cfg.split, zeroed=zeroed, mean=mean, mean_of=of)
    except UserError as error:
        raise UserError(f"{row.variant.name}: {error}; or leave this row out (sets=..., inputs=..., how=...)") from None


def _against_full(cfg: DictConfig, outcomes: Sequence[Outcome], num_samples: int) -> Differences | None:
    if outcomes[0].failed:
        return None
    usable = [outcome for outcome in outcomes if not outcome.failed]
    return differences(usable, build_scoring(cfg), num_samples=num_samples)


def _about(outcomes: Sequence[Outcome], found: Differences | None) -> dict[str, Any]:
    """What the rows are of."""
    if found is not None:
        return found.about()
    report = next((read_report(each.folder / METRICS) for each in outcomes if not each.failed), None)
    headline = "war" if report is None else next(iter(report["metrics"]))
    about = {name: report[name] if report else None for name in ("benchmark", "split", "num_clips")}
    return {**about, "headline": headline, "draws": None, "warnings": []}
