"""Where this installation has its own files: beside the package in a checkout, inside of it where it is installed."""

import re
import sys
from pathlib import Path

PACKAGE = Path(__file__).resolve().parents[1]

IS_CHECKOUT = (PACKAGE.parent / "train.py").is_file() and (PACKAGE.parent / "configs").is_dir()

ROOT = PACKAGE.parent if IS_CHECKOUT else PACKAGE
"""The folder that holds `configs/`, `sweeps/` and `callbacks/`."""

CONFIG_DIR = ROOT / "configs"

NAMED = 3
"""Files of a group that a message names; a key may be in all of them."""


def program(name: str) -> list[str]:
    """The words of a command line that start a program: the script of a checkout, or the installed command.

    Args:
        name: `train` or `eval`.
    """
    return [sys.executable, *([str(ROOT / f"{name}.py")] if IS_CHECKOUT else ["-m", "emolightning", name])]


def spoken(name: str) -> str:
    """The same as a user types it: `python train.py`, or `emolightning train`."""
    return f"python {name}.py" if IS_CHECKOUT else f"emolightning {name}"


def said_of_others(group: str, key: str) -> str:
    """`data=custom and data=msp_podcast have it`, of the files of a group that set a key; nothing where none does.

    Of many, the first ones are named.
    """
    files = sorted((CONFIG_DIR / group).glob("[!_]*.yaml")) if group else []
    found = [path.stem for path in files if re.search(rf"^{re.escape(key)}:", path.read_text(encoding="utf-8"), re.M)]
    rest = len(found) - NAMED if len(found) > NAMED + 1 else 0
    names = [*(f"{group}={name}" for name in (found[:NAMED] if rest else found)), *([f"{rest} others"] if rest else [])]
    shown = " and ".join([", ".join(names[:-1]), names[-1]] if len(names) > 1 else names)
    return f"{shown} {'has' if len(names) == 1 else 'have'} it" if names else ""
