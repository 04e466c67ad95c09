"""Runs of train.py and eval.py in processes of their own, and what `speed.watched` notes of their batches."""

import json
import os
import shlex
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median
from typing import Any

from emolightning.config.check import check_config
from emolightning.config.composing import composed
from emolightning.config.families import require_trainable
from emolightning.errors import UserError

REPO = Path(__file__).resolve().parents[1]


@dataclass
class Noted:
    """What the batches of one process took."""

    clips: int = 0
    batches: int = 0
    cpu_s: float = 0.0
    """Processor time from the end of one batch to the end of the next: reading, logs and all callbacks included."""
    wall_s: float = 0.0
    peak_gb: float = 0.0
    """Most memory meanwhile; on a CPU without what the process held beside the weights before its first step."""
    parameters: int = 0
    trained: int = 0
    positions: int = 0
    """Length of the longest sequence."""
    streams: int = 0
    """Positions of it that are no text."""
    answer: int = 0
    """Most tokens that a clip learned."""
    gpu: str | None = None


def require_settings(words: Sequence[str]) -> None:
    """Refuse settings that train.py would refuse, in this process, since a new one imports for ten seconds first.

    Raises:
        UserError: says all that is wrong with them.
    """
    with composed("train", words) as cfg:
        check_config(cfg)
        require_trainable(cfg.model)


def watched(program: str, words: Sequence[str], folder: Path, *, ranks: int = 1) -> list[Noted]:
    """Run a program, and return what each of its ranks noted.

    Args:
        program: `train.py` or `eval.py`.
        words: its settings.
        folder: for the notes; there already.
        ranks: processes that it starts.

    Raises:
        UserError: the run failed; in its own words.
    """
    file = folder / f"noted-{program}"
    for old in folder.glob(f"{file.name}.*"):
        old.unlink()
    call = [sys.executable, str(REPO / program), *words, "logger=csv"]
    call += [f"+callbacks.batches={{_target_:speed.watched.Batches,file:'{file}'}}"]
    start(call)
    return [Noted(**json.loads(Path(f"{file}.{rank}").read_text(encoding="utf-8"))) for rank in range(ranks)]


def start(call: Sequence[str]) -> None:
    """Wait for a process that imports this checkout.

    Raises:
        UserError: it failed; names the call and its code, with the error that it printed, or with the end of all that
            it printed.
    """
    environment = {**os.environ, "PYTHONPATH": str(REPO)}
    done = subprocess.run(call, cwd=REPO, env=environment, capture_output=True, text=True, check=False)
    if done.returncode:
        said = f"\n{done.stderr}".rpartition("\nerror: ")[2].strip() or done.stdout.strip() or "it printed nothing"
        ended = f"was killed by signal {-done.returncode}" if done.returncode < 0 else f"ended with {done.returncode}"
        raise UserError(f"{shlex.join(call[1:])} {ended}: {said[-2000:]}")


def clips_per_s(noted: Sequence[Noted]) -> float:
    """Return the clips/s of all ranks together.

    A second is one of a rank's processor time, and one of the clock where GPUs do the work.
    """
    seconds = [each.wall_s if each.gpu else each.cpu_s for each in noted]
    return sum(each.clips for each in noted) / median(seconds)


def about(noted: Sequence[Noted]) -> Mapping[str, Any]:
    """All notes, as a result keeps them."""
    return {"ranks": [asdict(each) for each in noted]}
