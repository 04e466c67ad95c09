"""`python -m emolightning sweep file=sweeps/NAME.yaml [count=N] [parallel=K] [output_dir=FOLDER] [key=value ...]`.

Runs a W&B sweep file on this machine, without a server: the same search, command lines and early stops. Every
configuration is checked before the first trial. Each trial is a fresh process with a run folder and a log of its own;
one that fails is recorded, three in a row end the sweep. The same command again continues an interrupted sweep: what is
finished stays, what was running is taken up where it was saved.

  file        the sweep
  count       trials in all; if not given the file's run_cap, or all combinations of a grid
  parallel    trials at the same time (1)
  output_dir  folder of the sweep (<paths.outputs>/sweeps/NAME)
  launcher    the program that the file starts before train.py, if it does, e.g. 'torchrun --nproc-per-node=2'
  key=value   overrides for all trials, e.g. trainer.max_epochs=3 logger=csv

Leaves study.db (SQLite, also for optuna-dashboard), logs/, sweep.csv, sweep.json and sweep.html in the sweep's folder.
"""

import sys
from functools import partial
from pathlib import Path

from emolightning.commands.cli import orderly, refuse_usage

OWN = ("file", "count", "parallel", "output_dir", "launcher")


def main(argv: list[str]) -> int:
    """Run or continue a sweep.

    Returns:
        0 when all trials are done and one of them has a value; 1 when none has, or too many in a row failed; 2 for a
        wrong command line; 130 or 143 after a signal.
    """
    if not argv or {"--help", "-h"} & set(argv):
        print(__doc__)
        return 0
    own, extra = _split(argv)
    if "file" not in own:
        refuse_usage("file=sweeps/NAME.yaml is needed: the sweep to run")
    return orderly(partial(_sweep, own, extra))


def _sweep(own: dict[str, str], extra: list[str]) -> int:
    from emolightning.runs.sweep.checking import check_trials, combinations
    from emolightning.runs.sweep.sweep_file import read_sweep_file

    file = read_sweep_file(Path(own["file"]), own.get("launcher", ""))
    count = _number("count", own["count"]) if "count" in own else file.run_cap
    parallel = _number("parallel", own.get("parallel", "1"))
    num_checked = sum(1 for _ in combinations(file))
    print(f"{file.path}: checking {num_checked} configurations", flush=True)
    outputs = check_trials(file, extra)
    folder = Path(own["output_dir"]) if "output_dir" in own else outputs / "sweeps" / file.name
    from emolightning.runs.sweep.session import run_session

    return run_session(file, folder, extra=extra, count=count, parallel=parallel)


def _split(argv: list[str]) -> tuple[dict[str, str], list[str]]:
    """This command's words, and those for all trials."""
    own, extra = {}, []
    for word in argv:
        name, equals, value = word.partition("=")
        if word.startswith("-") or not equals:
            refuse_usage(f"{word}: settings are written key=value")
        if name in OWN:
            own[name] = value
        else:
            extra.append(word)
    return own, extra


def _number(name: str, text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        refuse_usage(f"{name}={text}: must be a number of 1 or more")
    return int(text)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
