"""`train.py lr_range_test=N`: which learning rate a training can begin with; nothing is kept but the curve."""

import csv
import io
import math
from pathlib import Path
from typing import Any

from omegaconf import DictConfig, OmegaConf

from emolightning.errors import EndOfRun, UserError
from emolightning.files.writing import require_writable, write_whole
from emolightning.runs.assembly import training
from emolightning.runs.report.charts import Axis, Curve, axis, curves
from emolightning.runs.report.figure_files import standalone
from emolightning.runs.train import fit
from emolightning.training.optim.range_test import FEWEST, HIGHEST, LOWEST, RangeCurve, suggested

NAME = "lr_range_test"
"""What the files and the setting are called."""


def range_test(cfg: DictConfig) -> int:
    """Train with a growing rate, write the curve into `output_dir`, and print what it suggests.

    Raises:
        UserError: it cannot be written, or the curve suggests no rate.
    """
    batches, folder = cfg.lr_range_test * cfg.trainer.accumulate_grad_batches, Path(cfg.output_dir)
    require_writable(folder, "output_dir")
    OmegaConf.update(cfg, "trainer.fast_dev_run", batches, force_add=True)  # Keeps nothing, opens no folder.
    cfg.data.batches_per_epoch = batches  # The passes go on, where one is shorter.
    run: Any = training(cfg)
    curve, run.trainer.limit_val_batches = RangeCurve(cfg.lr_range_test), 0
    run.trainer.callbacks.append(curve)
    try:
        fit(run)
    except EndOfRun:  # The loss was not finite from one step to the next.
        if not curve.points:
            raise
    if run.trainer.is_global_zero:
        _write(folder, curve.points)
        rate = _rate(curve.points)
        end, what = curve.points[-1][0], f"{len(curve.points)} steps from {LOWEST:g}"
        print(f"range test: {what} to {end:.2g}; the loss falls fastest at optimizer.lr={rate:.1e}")
        print(f"curve: {folder / NAME}.svg and .csv; try that rate, and half of it, with a schedule that warms up")
    return 0


def _rate(points: list[tuple[float, float]]) -> float:
    """The suggestion, or why there is none."""
    if len(points) < FEWEST:
        raise UserError(
            f"{NAME}: the loss diverged after step {len(points)}, at a rate of {points[-1][0]:.1e}, and a suggestion "
            f"takes {FEWEST} steps; say more steps, or, where that rate is small, look at the data, at the weights of "
            "the base and at `rates`"
        )
    rate = suggested(points)
    if rate is None:
        raise UserError(f"{NAME}: the loss falls at no rate; look at {NAME}.svg in output_dir, or say more steps")
    return rate


def _write(folder: Path, points: list[tuple[float, float]]) -> None:
    """The curve as a table and as a picture."""
    table = io.StringIO()
    csv.writer(table).writerows([("lr", "smoothed_loss"), *points])
    decades = range(round(math.log10(LOWEST)), round(math.log10(HIGHEST)) + 1)
    rates = Axis("learning rate", decades[0], decades[-1], [(float(power), f"1e{power}") for power in decades])
    shown = [(math.log10(rate), loss) for rate, loss in points if math.isfinite(loss)]
    low = min(loss for _, loss in shown)
    losses = axis("loss", [min(loss, 2 * shown[0][1]) for _, loss in shown] + [low])
    svg = curves("loss over the learning rate", [Curve("", shown, has_dots=False)], rates, losses)
    folder.mkdir(parents=True, exist_ok=True)
    write_whole(folder / f"{NAME}.csv", table.getvalue())
    write_whole(folder / f"{NAME}.svg", standalone(svg))
