"""A training that is killed again and again, and started again with the same command each time."""

import os
import random
import signal
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from runs import Program, Workplace, kill_session, saved_step

WAIT_S = 240
"""For the next steps, and for an end: many times what they take on a free machine."""


@dataclass(frozen=True)
class Attempt:
    """One start of the command."""

    kill: str
    seconds: float
    step: int
    """Optimizer steps in the last checkpoint behind it."""
    code: int
    """Exit code of rank 0."""
    half_written: tuple[str, ...]
    """Names of files that were being written."""


def kill_rank_1(program: Program) -> None:
    os.kill(program.rank(1), signal.SIGKILL)


def kill_all(program: Program) -> None:
    os.killpg(program.process.pid, signal.SIGKILL)


def terminate_rank_0(program: Program) -> None:
    program.process.send_signal(signal.SIGTERM)


def terminate_rank_1(program: Program) -> None:
    os.kill(program.rank(1), signal.SIGTERM)


KILLS: dict[str, tuple[Callable[[Program], None], set[int]]] = {
    # By a failed exchange with it, or, where there is none for 5 s, by Lightning's look at the ranks it started.
    "kill -9 of rank 1": (kill_rank_1, {1, -signal.SIGKILL}),
    "kill -9 of all": (kill_all, {-signal.SIGKILL}),
    "SIGTERM to rank 0": (terminate_rank_0, {128 + signal.SIGTERM}),
    "SIGTERM to rank 1": (terminate_rank_1, {128 + signal.SIGTERM}),
}
"""Name -> what is done, and the exit codes of rank 0 that may follow."""


def in_turns(number: int, seed: int) -> list[str]:
    """Kinds of so many kills, in a random order in which each occurs before one occurs again."""
    chance = random.Random(seed)
    kinds: list[str] = []
    while len(kinds) < number:
        kinds += chance.sample(list(KILLS), len(KILLS))
    return kinds[:number]


def train_through_kills(
    place: Workplace, run: Path, overrides: tuple[str, ...], *, kinds: Sequence[str], seed: int
) -> list[Attempt]:
    """Kill the training at random moments, then let it finish.

    Args:
        place: where programs run.
        run: the run folder.
        overrides: of the training on two ranks.
        kinds: of the kills, in order; names of KILLS.
        seed: of the moments.
    """
    chance = random.Random(seed)
    attempts = [
        kill_once(place, run, overrides, kind, steps=chance.randint(1, 4), delay_s=chance.uniform(0, 0.25))
        for kind in kinds
    ]
    started = time.monotonic()
    program = place.start_training(run, *overrides, "resume=auto")
    code = program.wait(WAIT_S)
    assert code == 0, program.description()
    assert program.has_ended_whole(), program.description()
    return [*attempts, Attempt("none", time.monotonic() - started, saved_step(run), code, half_written(run))]


def kill_once(
    place: Workplace, run: Path, overrides: tuple[str, ...], kind: str, *, steps: int, delay_s: float
) -> Attempt:
    """Start, wait until so many more steps are saved and some time has passed, kill, and see it end."""
    started, known = time.monotonic(), saved_step(run)
    program = place.start_training(run, *overrides, "resume=auto")
    wait_for_step(program, run, known + steps)
    time.sleep(delay_s)
    act, expected = KILLS[kind]
    assert program.process.poll() is None, f"ended before the kill: {program.description()}"
    act(program)
    code = program.wait(WAIT_S)
    # A rank that outlives the first one notices within seconds; a user would not wait for it either.
    kill_session(program.process)
    assert code in expected, f"{kind}: {program.description()}"
    step = saved_step(run)
    assert step >= known + steps, f"{kind}: {known + steps} steps were saved, now {step}"
    return Attempt(kind, time.monotonic() - started, step, code, half_written(run))


def wait_for_step(program: Program, run: Path, step: int) -> None:
    """Until the last checkpoint has come so far; it is read only when it is another file than before."""
    path, seen, deadline = run / "checkpoints" / "last.ckpt", 0, time.monotonic() + WAIT_S
    while True:
        assert program.process.poll() is None, f"ended before the kill: {program.description()}"
        assert time.monotonic() < deadline, f"step {step} was never saved: {program.description()}"
        if path.exists() and (inode := path.stat().st_ino) != seen:
            seen = inode
            if saved_step(run) >= step:
                return
        time.sleep(0.005)


def half_written(run: Path) -> tuple[str, ...]:
    """Names of temporary files in the run folder."""
    return tuple(sorted(path.name for path in run.rglob("*.tmp")))


def table(attempts: list[Attempt]) -> str:
    """One line per start."""
    lines = [
        f"{each.kill:18} {each.seconds:6.1f} s  step {each.step:3}  code {each.code:4}  {' '.join(each.half_written)}"
        for each in attempts
    ]
    return "\n".join(lines)
