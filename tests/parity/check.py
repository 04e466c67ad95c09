"""A golden folder recomputed: which files there can be, and what recomputes each."""

from collections.abc import Callable
from typing import Any

from parity import (
    checkpoint,
    edge_cases,
    generation,
    inputs,
    loops,
    losses,
    manifest,
    pictures,
    published,
    rows,
    schedules,
    texts,
    vision,
    vocabulary,
)
from parity.comparison import Comparison, Unchecked, without_numbers
from parity.golden import CONFIG, SAMPLES, GoldenFolder
from parity.subject import Subject, build_subject

Recompute = Callable[[GoldenFolder, Subject], dict[str, Any]]

GROUPS: tuple[tuple[Recompute, tuple[str, ...]], ...] = (
    (manifest.recompute, (manifest.FILE,)),
    (inputs.recompute, (CONFIG,)),
    (inputs.recompute_samples, (SAMPLES,)),
    (vision.recompute, ("vision.json", "vision.safetensors")),
    (losses.recompute, ("train.json", "train.safetensors", "grads_batch.safetensors")),
    (generation.recompute, (generation.EVALUATION, "eval.safetensors")),
    (generation.recompute_contexts, ("train_vs_eval.json",)),
    (generation.recompute_chat, (generation.CHAT, "chat.safetensors")),
    (loops.recompute, (loops.LOOPS, loops.WEIGHTS)),
    (schedules.recompute, (schedules.FILE,)),
    (texts.recompute, (texts.FILE,)),
    (vocabulary.recompute, (vocabulary.FILE,)),
    (pictures.recompute, (pictures.ABOUT, pictures.TENSORS)),
    (rows.recompute, (rows.ITEMS, rows.TENSORS)),
    (checkpoint.recompute, (checkpoint.KEYS,)),
    (checkpoint.recompute_full_size, (checkpoint.FULL_SIZE,)),
    (published.recompute, (published.METRICS,)),
    (edge_cases.recompute, (edge_cases.EDGE_CASES,)),
)
"""What recomputes, and the files whose content it gives."""

NOT_HERE = {
    "bench_threads1.json": "speed of the recording machine",
    "bench_threads2.json": "speed of the recording machine",
    "README.md": "a note",
}
"""Files that nothing recomputes."""

NO_RECORD = (manifest.FILE, CONFIG, SAMPLES)
"""Files that hold nothing that a model has made."""


def check(golden: GoldenFolder, *, progress: Callable[[str], None] = lambda _: None) -> Comparison:
    """Recompute everything that the folder has recorded.

    Args:
        golden: the folder.
        progress: called with the name of each file before it is recomputed.

    Raises:
        UserError: the weights cannot be imported.
    """
    progress(CONFIG)
    subject = build_subject(golden)
    comparison = Comparison()
    for recompute, files in GROUPS:
        present = [name for name in files if golden.has(name)]
        comparison.absent += [name for name in files if name not in present]
        if present:
            progress(", ".join(present))
            compare_group(comparison, golden, subject, recompute, present)
    comparison.unchecked.update((name, reason) for name, reason in NOT_HERE.items() if golden.has(name))
    if comparison.is_ok and all(row.partition(":")[0] in NO_RECORD for row in comparison.rows):
        comparison.fail(str(golden.folder), "nothing recorded was found to compare: only inputs are there")
    return comparison


def compare_group(
    comparison: Comparison, golden: GoldenFolder, subject: Subject, recompute: Recompute, files: list[str]
) -> None:
    """Recompute some files' content and compare it; a record that cannot be, or contradicts itself, is a failure."""
    try:
        computed = recompute(golden, subject)
    except (LookupError, TypeError, ValueError, AttributeError, ArithmeticError, RuntimeError) as error:
        # What it needs to recompute stands in the file, in a form of its own or in contradiction to the rest.
        comparison.fail(files[0], f"what is recorded there cannot be recomputed: {type(error).__name__}: {error}")
        return
    for name in files:
        if isinstance(computed[name], Unchecked):
            comparison.unchecked[name, computed[name].reason] += 1
        else:
            comparison.compare(name, _recorded(golden, name), computed[name], label=_label(name))


def _recorded(golden: GoldenFolder, name: str) -> Any:
    if name.endswith(".npz"):
        import torch

        return {key: torch.from_numpy(array) for key, array in golden.arrays(name).items()}
    return golden.tensors(name) if name.endswith(".safetensors") else golden.json(name)


def _label(name: str) -> Callable[[str], str] | None:
    """Tensors of all samples, layers and loops are one quantity."""
    return without_numbers if name.endswith(".safetensors") else None
