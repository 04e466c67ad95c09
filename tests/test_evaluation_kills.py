"""Killed at random moments and started again with other ranks, an evaluation ends as one that nobody killed."""

import os
import random
import re
import signal
import time
from collections import Counter
from pathlib import Path

import pytest
from kills import KILLS, WAIT_S, half_written
from runs import REPO, Program, Workplace, answers, kill_session

pytestmark = [pytest.mark.slow, pytest.mark.multi_process, pytest.mark.timeout(3600)]

NUMBER = 300
SLOWLY = "evaluation.num_beams=4"
"""Else all clips are answered before the second kill."""
CLIPS = ("data.num_train=6", "data.num_val=6", f"data.num_test={NUMBER}", "data.batch_size=1", SLOWLY)
RANKS = {
    1: ("trainer=single",),
    **{count: ("trainer=ddp", "trainer.accelerator=cpu", f"trainer.devices={count}") for count in (2, 3)},
}
LAST = 4
"""Kills that wait for the last answer: they fall into the writing of scores and page."""


def interrupt_all(program: Program) -> None:
    """Ctrl-C, as a terminal sends it."""
    os.killpg(program.process.pid, signal.SIGINT)


ENDS = {**KILLS, "Ctrl-C": (interrupt_all, {128 + signal.SIGINT})}
EARLY = {1, -signal.SIGTERM, -signal.SIGINT, -signal.SIGKILL}
"""Exit codes of a program that was told to end before it listens, or whose other ranks ended before it did."""
OF_ONE = [name for name in ENDS if not name.endswith("rank 1")]


def num_answered(folder: Path) -> int:
    """Clips that have an answer in a whole line, in the files of all ranks."""
    found: set[bytes] = set()
    for path in folder.glob("answers*.jsonl"):
        found |= set(re.findall(rb'^\{"id": "([^"]+)"', path.read_bytes(), flags=re.MULTILINE))
    return len(found)


def end_once(program: Program, folder: Path, kind: str, chance: random.Random, *, is_last: bool) -> str:
    """Wait for some more answers or for all of them, then a moment more, then end it; gives what happened."""
    known, starts = num_answered(folder), chance.random() < 0.2
    wanted = NUMBER if is_last else known if starts else min(NUMBER, known + chance.randint(1, 6))
    delay, deadline = chance.uniform(0, 0.6 if is_last else 3 if starts else 0.1), time.monotonic() + WAIT_S
    while num_answered(folder) < wanted and program.process.poll() is None:
        assert time.monotonic() < deadline, program.description()
        time.sleep(0.005)
    time.sleep(delay)
    if program.process.poll() is None:
        act, expected = ENDS[kind]
        try:
            act(program)
        except (ValueError, ProcessLookupError):  # Rank 1 has not begun yet, or it or all have ended since.
            kind, expected = "kill -9 of all", {-signal.SIGKILL}
            kill_session(program.process)
        code = program.wait(WAIT_S)
        kill_session(program.process)
        assert code in expected | EARLY | {0}, f"{kind}: {program.description()}"
        return kind if code else "ended by itself"
    assert program.wait() == 0, program.description()
    return "ended by itself"


@pytest.mark.parametrize("seed", [1, 2])
def test_an_evaluation_killed_twenty_times(trained: Path, workplace: Workplace, seed: int) -> None:
    place, chance = workplace.folder / f"evaluation kills {seed}", random.Random(seed)
    words = (f"checkpoint={trained}", *CLIPS, f"data.folder={workplace.home}/three-hundred")
    workplace.evaluate(trained, *words[1:], f"output_dir={place}/whole")
    told: Counter[str] = Counter()
    while sum(told.values()) - told["ended by itself"] < 20:
        number, count = sum(told.values()), chance.choice([1, 2, 3])
        kind = "kill -9 of all" if number % 2 else chance.choice(OF_ONE if count == 1 else list(ENDS))
        program = workplace.start(REPO / "eval.py", *words, *RANKS[count], f"output_dir={place}/killed")
        is_last = sum(told.values()) - told["ended by itself"] >= 20 - LAST
        end = end_once(program, place / "killed", kind, chance, is_last=is_last)
        told[end] += 1
        names = half_written(place / "killed")
        print(f"{count} rank(s), {end}: {num_answered(place / 'killed')} answered {' '.join(names)}", flush=True)
        assert told["ended by itself"] < 10
    workplace.evaluate(trained, *words[1:], *RANKS[chance.choice([1, 2, 3])], f"output_dir={place}/killed")
    print(dict(told))
    assert (place / "killed" / "metrics.json").read_bytes() == (place / "whole" / "metrics.json").read_bytes()
    assert answers(place / "killed") == answers(place / "whole")
    assert len({line["id"] for line in answers(place / "killed")}) == NUMBER == len(answers(place / "killed"))
    assert not half_written(place / "killed")
    assert not list((place / "killed").glob("answers.rank*"))
