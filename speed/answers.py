"""The ways to evaluate the same clips: that they agree, what a round of each is, and how they compare."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from functools import partial
from typing import Any

import torch

from emolightning.config.command_settings import Recipe
from emolightning.errors import UserError
from emolightning.records.labels import MER9
from speed.clips import ClipSet
from speed.columns import evaluation_work, examples_of
from speed.figures import Figure, figure
from speed.machine import Peak
from speed.recipes import Subject
from speed.rounds import Column

ABOUT: dict[str, Any] = {
    "part": "Evaluation",
    "question": "How much faster are the same answers found than by the released recipe?",
}
RELEASED, TRANSFORMERS, GENERATION, LIKELIHOOD = "released recipe", "transformers' generate", "generation", "likelihood"
GENERATION_TIMES, LIKELIHOOD_TIMES, BATCH_TIMES_ON_GPU = 1.5, 8.0, 15.0
"""What is promised: by generation at equal batch size, by likelihood against one clip after the other; on a GPU by
generation of a batch against one clip after the other."""
LONG = 20
"""Tokens of an answer from which the likelihood of one clip has a promise: it costs a whole context, as they do not."""

EQUAL_LOSS = 1e-4
"""Nats of a clip by which recipes may differ in float32: attention adds in another order."""

PHASE = "evaluation"


def ways(ours: Recipe, upstream: Recipe) -> dict[str, tuple[Recipe, bool]]:
    """Name -> recipe of what generates, and whether by our loop; else by transformers' `generate`."""
    return {RELEASED: (upstream, False), TRANSFORMERS: (ours, False), GENERATION: (ours, True)}


def sizes(batch_size: int) -> list[int]:
    """Clips that are evaluated together."""
    return sorted({1, batch_size})


def require_the_same(
    subject: Subject, clips: ClipSet, ours: Recipe, upstream: Recipe, batch_size: int
) -> dict[str, float | int]:
    """What all ways agree on.

    Raises:
        UserError: an answer or a loss differs.
    """
    texts: dict[str, list[str]] = {}
    losses: dict[str, torch.Tensor] = {}
    for name, (recipe, reads_layers) in ways(ours, upstream).items():
        examples = examples_of(recipe, subject, clips)
        subject.adopt(recipe, reads_layers=reads_layers)
        subject.model.eval()
        for size in sizes(batch_size):
            with torch.inference_mode(), subject.autocast(recipe):
                batches = [batch.to(subject.device) for batch in clips.batches(examples, size)]
                texts[f"{name}, {size} at once"] = [text for batch in batches for text in subject.generated(batch)]
                found = torch.cat([subject.model.answer_losses(batch)[0] for batch in batches])
                losses[f"{name}, {size} at once"] = found.float().cpu()
    (first, expected), *others = texts.items()
    for name, said in others:
        different = sum(one != other for one, other in zip(expected, said, strict=True))
        if different and ours.precision == "32-true":
            raise UserError(f"answers: {name} answers {different} of {len(said)} clips in other words than {first}")
    most = max(float((loss - losses[first]).abs().max()) for loss in losses.values())
    if most > EQUAL_LOSS and ours.precision == "32-true":
        raise UserError(f"losses differ by up to {most:.2g} nats between recipes; {EQUAL_LOSS:g} are rounding")
    same = sum(len({said[row] for said in texts.values()}) == 1 for row in range(len(expected)))
    return {"clips": len(expected), "with_equal_answers": same, "losses_differ_at_most": most}


def make_columns(subject: Subject, clips: ClipSet, ours: Recipe, upstream: Recipe, batch_size: int) -> list[Column]:
    """Every way at every size."""
    found = []
    for name, (recipe, reads_layers) in ways(ours, upstream).items():
        work = {PHASE: evaluation_work(recipe, subject, clips, reads_layers=reads_layers)}
        examples = examples_of(recipe, subject, clips)
        for size in sizes(batch_size):
            batches = clips.batches(examples, size)
            answering = partial(subject.answer, recipe, batches, reads_layers=reads_layers)
            found.append(Column(_named(name, size), {PHASE: answering}, work))
            if name == GENERATION:
                scoring = partial(subject.score, recipe, batches, MER9)
                found.append(Column(_named(LIKELIHOOD, size), {PHASE: scoring}, work))
    return found


def _named(way: str, size: int) -> str:
    return f"{way}, {size} at once"


def figures(columns: Sequence[Column], batch_size: int, peak: Peak, device: torch.device) -> list[Figure]:
    """Ratios within each round, and the time of a clip beside what its operations would take at the device's peak."""
    taken = {column.name: _seconds(column, device) for column in columns if PHASE in column.rounds}
    work = next(column.work[PHASE] for column in columns if column.name == _named(GENERATION, batch_size))
    found = []

    def compare(name: str, other: str, at_least: float | None) -> None:
        if name in taken and other in taken:  # Else the device was too small for it.
            times = [slow / fast for fast, slow in zip(taken[name], taken[other], strict=True)]
            found.append(figure(f"{other} / ours by {name}", times, "x", at_least=at_least))

    for size in sizes(batch_size):
        compare(_named(GENERATION, size), _named(RELEASED, size), GENERATION_TIMES)
        compare(_named(GENERATION, size), _named(TRANSFORMERS, size), GENERATION_TIMES)
        is_promised = size == 1 and work.tokens >= LONG * work.samples
        compare(_named(LIKELIHOOD, size), _named(RELEASED, size), LIKELIHOOD_TIMES if is_promised else None)
    if batch_size > 1:
        promised = BATCH_TIMES_ON_GPU if device.type == "cuda" else None
        compare(_named(GENERATION, batch_size), _named(RELEASED, 1), promised)
        compare(_named(LIKELIHOOD, batch_size), _named(RELEASED, 1), LIKELIHOOD_TIMES)
    own = _named(GENERATION, batch_size)
    floor = work.flops / work.samples / peak.flops_per_s * 1e3 if peak.flops_per_s else None
    each = [1e3 * seconds / work.samples for seconds in taken.get(own, ())]
    about = "its operations at the peak of the device" if floor else ""
    return [*found, *([figure(f"a clip by {own}", each, "ms", floor=floor, floor_of=about)] if each else [])]


def _seconds(column: Column, device: torch.device) -> list[float]:
    """The processor time of each round where one thread works, else its time on the clock."""
    is_alone = device.type == "cpu" and torch.get_num_threads() == 1
    return [found.cpu_seconds if is_alone else found.seconds for found in column.rounds[PHASE]]


def lines(found: Sequence[Figure], columns: Sequence[Column], device: torch.device) -> list[str]:
    """What is printed."""
    samples = columns[0].work[PHASE].samples
    width = max(len(each.what) for each in found)
    printed = [
        f"{column.name:<{width}}  {samples / min(_seconds(column, device)):>8,.1f} clips/s in its best round"
        for column in columns
        if PHASE in column.rounds
    ]
    for each in found:
        floor = f", floor {each.floor:.2f}" if each.floor else ""
        printed.append(
            f"{each.what:<{width}}  {each.value:>8.2f} {each.unit} ({each.low:.2f} - {each.high:.2f}{floor})"
        )
    return printed


def all_rounds(columns: Sequence[Column]) -> Mapping[str, list[dict[str, Any]]]:
    """Column -> its measurements."""
    return {column.name: [asdict(found) for found in column.rounds.get(PHASE, ())] for column in columns}
