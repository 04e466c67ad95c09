r"""What a training step costs beside its arithmetic: this project's run and other loops, in turns.

  python speed/training_step.py experiment=demo
  python speed/training_step.py experiment=demo num_threads=2 output=speed/results/training_step.json

Takes all settings of train.py. The loops: the run as train.py makes it, with its callbacks and logs; a Trainer of
transformers around the same modules; a bare loop of PyTorch over the same loader, and over batches made before; and
the released recipe, whose losses are those of other batches. All others must have equal losses in each step. On a CPU
each loop does one step and gives way to the next, on a GPU all its steps of a round.
"""

import math
import sys
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, Any

if __name__ == "__main__":  # Python put this file's folder first; the checkout belongs there, to be what is measured.
    sys.path[0] = str(Path(__file__).resolve().parents[1])

from omegaconf import DictConfig, OmegaConf  # noqa: E402

from emolightning.commands.cli import run  # noqa: E402
from emolightning.config.check import check_config  # noqa: E402
from emolightning.config.problems import Problem  # noqa: E402

if TYPE_CHECKING:
    from speed.figures import Figure
    from speed.loops import Loops
    from speed.recipes import Measurement
    from speed.rounds import Column

ABOUT: dict[str, Any] = {"part": "Training", "question": "What does a training step cost beside its arithmetic?"}
OVERHEAD = 1.05
"""What is promised: a step over one of the bare loop."""

BARE = "bare"
"""What the others are compared with."""

TOLERANCES = {"hugging_face": 1e-4}
"""Loop -> by how much its losses may differ."""

PRECISIONS = ("32-true", "bf16-mixed")


def main(cfg: DictConfig) -> None:
    """Build, measure, print, write."""
    check_config(cfg, _problems(cfg))
    from speed.figures import write_result

    result = measure(cfg)
    print("\n".join(table(result)))
    write_result(cfg.output, **ABOUT, figures=figures(result), gpu=result["machine"]["gpu"], **result)


def measure(cfg: DictConfig) -> dict[str, Any]:
    """All rounds of all loops.

    Raises:
        KeyboardInterrupt: Ctrl-C in the first round; later ones are left out.
        UserError: a loop has other losses.
    """
    import torch

    from emolightning.runs.assembly_of_models import plain
    from emolightning.runs.quiet import quiet_libraries
    from speed.loops import Loops
    from speed.machine import describe_device, find_peak, pick_device
    from speed.result import describe_columns, ratios, settings_of
    from speed.rounds import alternate

    quiet_libraries()
    torch.set_num_threads(cfg.num_threads)
    device = pick_device("cpu" if cfg.trainer.accelerator == "cpu" else "auto")
    settings = settings_of(plain(cfg), Path.cwd())
    loops = Loops(_bounded(cfg), device, clock=cfg.clock, warm=cfg.warm_steps, steps=cfg.steps)
    columns, peaks = _columns(loops), [find_peak(device, None)]

    def report(number: int) -> None:
        print(f"round {number + 1} of {cfg.rounds}", flush=True)
        peaks.append(find_peak(device, None))

    # On a GPU there is room for one model, and nobody else.
    is_complete = alternate(columns, cfg.rounds, report, loops.in_turns if device.type == "cpu" else None)
    if not any(column.rounds for column in columns):
        raise KeyboardInterrupt
    require_equal_losses(loops.losses)
    peak = max(peaks, key=lambda peak: peak.flops_per_s or 0)
    described = describe_columns(columns, peak.flops_per_s)
    flops = described["ours"]["training"]["gflops_per_sample"] * 1e9 * loops.data.batch_size
    return {
        "settings": settings,
        "machine": describe_device(device, peak),
        "clips_per_step": loops.data.batch_size,
        "floor_ms": 1e3 * flops / peak.flops_per_s if peak.flops_per_s and flops else None,
        "columns": described,
        "ratios": {name: ratios(described[BARE], found) for name, found in described.items()},
        "is_complete": is_complete,
    }


def _problems(cfg: DictConfig) -> list[Problem]:
    """What is wrong with the settings of the measurement."""
    found = [Problem(name, f"must be at least 1, not {cfg[name]}") for name in ("rounds", "steps") if cfg[name] < 1]
    if cfg.warm_steps < 0:
        found.append(Problem("warm_steps", f"must be 0 or more, not {cfg.warm_steps}"))
    if cfg.clock not in ("wall", "cpu"):
        found.append(Problem("clock", f"{cfg.clock!r} is not one of wall, cpu"))
    if cfg.trainer.precision not in PRECISIONS:
        found.append(Problem("trainer.precision", f"{cfg.trainer.precision!r} is not one of {', '.join(PRECISIONS)}"))
    return found


def _bounded(cfg: DictConfig) -> DictConfig:
    """The run, as long as a measurement: one epoch, which ends after what is timed, and no validation."""
    steps = cfg.warm_steps + cfg.steps + 1
    bounded = cfg.copy()
    words = {"trainer.max_steps": steps, "trainer.limit_val_batches": 0, "data.batches_per_epoch": steps + 2}
    for name, value in words.items():
        OmegaConf.update(bounded, name, value, force_add=True)
    return bounded


def _columns(loops: "Loops") -> "list[Column]":
    """One for each loop."""
    from speed.rounds import Column

    size = loops.data.batch_size
    runs: dict[str, Callable[[], Measurement]] = {
        "prepared": loops.prepared,
        BARE: loops.bare,
        "ours": loops.ours,
        "hugging_face": loops.hugging_face,
        "upstream_1": partial(loops.upstream, 1),
        **({f"upstream_{size}": partial(loops.upstream, size)} if size > 1 else {}),
    }
    work = loops.work()
    return [Column(name, {"training": measured}, {"training": work}) for name, measured in runs.items()]


def require_equal_losses(losses: Mapping[str, list[list[float]]]) -> None:
    """Those of all steps in all rounds, but for upstream's recipe, whose batches are others.

    To the last digit; but the Trainer of transformers sums the squares of gradients in another order before it clips.

    Raises:
        UserError: names the loop and the step.
    """
    from emolightning.errors import UserError

    (first, *_) = losses[BARE]
    for name, rounds in losses.items():
        for found in rounds if not name.startswith("upstream") else ():
            for step, (loss, expected) in enumerate(zip(found, first, strict=True)):
                if not math.isclose(loss, expected, rel_tol=TOLERANCES.get(name, 0.0)):
                    raise UserError(
                        f"{name}: the loss of step {step} is {loss!r}, that of the bare loop {expected!r}: they do not "
                        "train alike; dropout draws other numbers in each loop, so say model.lora.dropout=0"
                    )


def figures(result: Mapping[str, Any]) -> "list[Figure]":
    """A step of ours over those of the other loops, and over its arithmetic."""
    from speed.figures import figure
    from speed.result import TRAINING_TIMES, threads_of

    size = result["clips_per_step"]
    taken = {name: _times(found, size) for name, found in result["columns"].items()}
    told = threads_of(result["settings"])
    on = f"a step of {size} clips{told}"

    def over(one: str, other: str) -> list[float]:
        return [mine / theirs for mine, theirs in zip(taken[one], taken[other], strict=False)]

    return [
        figure(f"{on}: ours / a bare loop", over("ours", BARE), "x", at_most=OVERHEAD),
        figure(f"{on}: ours / Hugging Face's Trainer", over("ours", "hugging_face"), "x", at_most=1.0),
        figure(f"clips/s: ours / upstream's recipe{told}", over("upstream_1", "ours"), "x", at_least=TRAINING_TIMES),
        figure(on, taken["ours"], "ms", floor=result["floor_ms"], floor_of="its matrix products at the machine's best"),
    ]


def _times(found: Mapping[str, Any], size: int) -> list[float]:
    """Milliseconds that so many clips take, in each round."""
    return [1e3 * size / each["samples_per_s"] for each in found["training"]["rounds"]]


LOOPS = {
    "prepared": "bare loop, batches made before",
    BARE: "bare loop",
    "ours": "this project's run",
    "hugging_face": "Hugging Face's Trainer",
    "upstream_1": "upstream's recipe, one by one",
}
"""Loop -> what it is called in the table."""


def table(result: Mapping[str, Any]) -> list[str]:
    """Time of a step, its ratio over the bare loop, and how far the arithmetic alone is."""
    from speed.result import shown

    size = result["clips_per_step"]
    clock = result["settings"]["clock"]
    lines = [f"{f'{size} clips a step, {clock} clock':<32}{'ms a step':>26}{'over bare':>24}{'waiting':>10}"]
    for name, found in result["columns"].items():
        measured, ratio = found["training"], result["ratios"][name]["training"]["samples_per_s"]
        times = _times(found, size)
        taken = {"median": median(times), "min": min(times), "max": max(times)}
        waiting = "" if name in ("ours", "hugging_face") else f"{measured['waiting_share']['median']:.1%}"
        lines.append(f"{LOOPS.get(name, name):<32}{shown(taken, '.1f'):>26}{shown(ratio, '.3f'):>24}{waiting:>10}")
    if (floor := result["floor_ms"]) is not None:
        far = median(_times(result["columns"]["ours"], size)) / floor
        lines.append(
            f"floor: the matrix products of a step take {floor:.1f} ms at this machine's best; ours {far:.1f} x"
        )
    return lines


if __name__ == "__main__":
    run(main, "training_step")
