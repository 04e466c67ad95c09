"""Evaluation of the same clips in four ways, at two batch sizes, in alternating rounds of one process.

  python speed/answering.py model=tiny
  python speed/answering.py model=tiny rounds=9 samples=64 answer_tokens=3 output=speed/results/answering-short.json
  python speed/answering.py model=tiny rounds=9 samples=64 num_threads=2 output=speed/results/answering-2-threads.json

The ways: the released recipe (the tower in every answer, eager attention, transformers' `generate`), our recipe with
transformers' `generate`, with this project's own loop, and the likelihood of nine labels. Before anything is measured
all of them must give each clip the same answer and the same loss. With one thread processor time is compared, with
several the time on the clock. Settings are those of speed/throughput.py; speed/README.md says what they mean.
"""

import sys
from pathlib import Path

if __name__ == "__main__":  # Python put this file's folder first; the checkout belongs there, to be what is measured.
    sys.path[0] = str(Path(__file__).resolve().parents[1])

from omegaconf import DictConfig  # noqa: E402

from emolightning.commands.cli import run  # noqa: E402
from emolightning.config.check import check_config  # noqa: E402
from emolightning.config.problems import Problem  # noqa: E402


def main(cfg: DictConfig) -> None:
    """Measure, print, write."""
    check_config(cfg, uneven_batches(cfg))
    from speed import assembly

    assembly.compare_answers(cfg)


def uneven_batches(cfg: DictConfig) -> list[Problem]:
    """What is measured at a size of its own, or not at all."""
    found = []
    if cfg.batch_size > 0 and cfg.samples % cfg.batch_size:
        found.append(Problem("batch_size", f"must divide samples={cfg.samples}, not {cfg.batch_size}"))
    if cfg.device == "meta":
        found.append(Problem("device", "nothing is computed on meta, so there is nothing to measure; say cpu or cuda"))
    return found


if __name__ == "__main__":
    run(main, "throughput")
