"""One command in this process, with the processor time of each module that it imports; for speed/start_up.py.

  python speed/importing.py OUTPUT.json train.py --help
  python speed/importing.py OUTPUT.json -m emolightning doctor data=synthetic

It needs nothing but Python, so that what it counts is what the command imports. The command ends after the first step
of an optimizer: what comes later is no start-up.
"""

import atexit
import importlib.machinery
import json
import os
import runpy
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

STEP = "torch.optim.optimizer"
"""The module that knows of steps."""


class Clock:
    """Seconds of processor time that each module took itself, without those that it imported.

    Args:
        path: the file that gets them.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.seconds: dict[str, float] = {}
        self._inner: list[float] = []

    def watch(self, loader: Any) -> None:
        """Have a class of loaders measured from now on."""
        real = loader.exec_module

        def exec_module(this: Any, module: Any) -> None:
            begun = time.process_time()
            self._inner.append(0.0)
            try:
                real(this, module)
            finally:
                taken, inner = time.process_time() - begun, self._inner.pop()
                self.seconds[module.__name__] = self.seconds.get(module.__name__, 0.0) + taken - inner
                if self._inner:
                    self._inner[-1] += taken
                if module.__name__ == STEP:
                    module.register_optimizer_step_post_hook(lambda *_: self._stop())

        loader.exec_module = exec_module

    def write(self) -> None:
        """Write what was found, once: at a step, or when the process ends."""
        if not self.path.exists():
            found = {"seconds": self.seconds, "all": time.process_time(), "modules": list(sys.modules)}
            self.path.write_text(json.dumps(found), encoding="utf-8")

    def _stop(self) -> None:
        self.write()
        os._exit(0)  # Nothing of the run is wanted any more, and closing it takes seconds.


def measure(output: str, words: Sequence[str]) -> None:
    """Run a command.

    Args:
        output: the file that gets what was found.
        words: a script, or `-m` and a module, and its arguments.
    """
    clock = Clock(Path(output))
    for loader in (importlib.machinery.SourceFileLoader, importlib.machinery.ExtensionFileLoader):
        clock.watch(loader)
    atexit.register(clock.write)
    sys.argv = list(words[1:] if words[0] == "-m" else words)
    if words[0] == "-m":
        runpy.run_module(words[1], run_name="__main__", alter_sys=True)
    else:
        runpy.run_path(words[0], run_name="__main__")


if __name__ == "__main__":
    sys.path[0] = str(Path(__file__).resolve().parents[1])  # the checkout, to be what is measured
    if len(sys.argv) < 3:
        print(__doc__)
        sys.exit(0 if sys.argv[1:] in (["--help"], ["-h"]) else 2)
    measure(sys.argv[1], sys.argv[2:])
