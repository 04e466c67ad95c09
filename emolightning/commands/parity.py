"""`python -m emolightning parity golden=DIR`: recorded values of the released code, recomputed here.

Builds the model from the weights in a golden folder, recomputes everything that is recorded beside them, and prints one
line a quantity: number of values, largest deviation, tolerance. What is not compared is listed with the reason. The
folder needs `model_config.json`, the weights that it names, `samples.json` and `inputs.safetensors`.
Exit code 1 when a quantity deviates by more than its tolerance.
"""

from omegaconf import DictConfig

from emolightning.cli import run
from emolightning.config.check import check_config


def main(argv: list[str]) -> int:
    """Compose, check, compare."""
    return run(parity, "parity", argv)


def parity(cfg: DictConfig) -> int:
    """Recompute, print; 1 above tolerance."""
    check_config(cfg)
    from pathlib import Path

    from emolightning.quiet import quiet_libraries

    quiet_libraries()
    import torch

    from emolightning.parity.check import check
    from emolightning.parity.golden import GoldenFolder
    from emolightning.parity.report import lines

    torch.set_num_threads(cfg.num_threads)
    comparison = check(GoldenFolder(Path(cfg.golden)), progress=lambda name: print(f"recomputing {name}", flush=True))
    print("\n".join(lines(comparison)))
    return int(not comparison.is_ok)
