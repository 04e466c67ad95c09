"""Training steps by our recipe, by upstream's and by ours with each of its settings, in alternating rounds.

  python speed/throughput.py model=tiny
  python speed/throughput.py model=tiny ablate=true output=speed/results/tiny.json
  python speed/throughput.py model=emotion_llama_7b weights=random output=speed/results/7b.json
  python speed/throughput.py model=emotion_llama_7b device=meta

Clips are made up: random images and vectors, transcripts and answers of a given length. No dataset is needed, and with
weights=random no weights. Measured are samples and tokens per second, peak memory and model FLOP utilisation, of steps
alone: what a run adds to them is asked by speed/training_step.py, and what answers take by speed/answering.py.
speed/README.md says what the numbers mean.
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
    check_config(cfg, uneven_rounds(cfg))
    from speed import assembly

    assembly.show_shapes(cfg) if cfg.device == "meta" else assembly.measure(cfg)


def uneven_rounds(cfg: DictConfig) -> list[Problem]:
    """Recipes whose last batch of a round would be smaller than the others."""
    sizes = {f"{recipe}.batch_size": cfg[recipe].batch_size for recipe in ("ours", "upstream")}
    return [
        Problem(key, f"must divide samples={cfg.samples}, not {size}")
        for key, size in sizes.items()
        if size > 0 and cfg.samples % size
    ]


if __name__ == "__main__":
    run(main, "throughput")
