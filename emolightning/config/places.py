"""Where this installation has its own files: beside the package in a checkout, inside of it where it is installed."""

import sys
from pathlib import Path

PACKAGE = Path(__file__).resolve().parents[1]

IS_CHECKOUT = (PACKAGE.parent / "train.py").is_file() and (PACKAGE.parent / "configs").is_dir()

ROOT = PACKAGE.parent if IS_CHECKOUT else PACKAGE
"""The folder that holds `configs/`, `sweeps/` and `callbacks/`."""

CONFIG_DIR = ROOT / "configs"


def program(name: str) -> list[str]:
    """The words of a command line that start a program: the script of a checkout, or the installed command.

    Args:
        name: `train` or `eval`.
    """
    return [sys.executable, *([str(ROOT / f"{name}.py")] if IS_CHECKOUT else ["-m", "emolightning", name])]


def spoken(name: str) -> str:
    """The same as a user types it: `python train.py`, or `emolightning train`."""
    return f"python {name}.py" if IS_CHECKOUT else f"emolightning {name}"
