"""A training or evaluation that ends at any of its writes goes on with the same command, and comes out the same.

Ends are `kill -9` right there, and a system that refuses: then one sentence names the reason.
"""

import json
from pathlib import Path

import pytest
from runs import REPO, Workplace

SLOW = [pytest.mark.slow, pytest.mark.timeout(7200)]


@pytest.mark.timeout(900)
@pytest.mark.parametrize(
    ("selection", "end", "at_least"),
    [
        ("few", "kill", 2),
        pytest.param("telling", "kill", 6, marks=SLOW),
        pytest.param("telling", "ENOSPC", 6, marks=SLOW),
        pytest.param("all", "kill", 80, marks=SLOW),
        pytest.param("all", "ENOSPC", 60, marks=SLOW),
        pytest.param("all", "EIO", 60, marks=SLOW),
    ],
)
def test_a_program_that_ends_at_a_write(
    selection: str, end: str, at_least: int, workplace: Workplace, tmp_path: Path
) -> None:
    program = workplace.start(REPO / "tests" / "kill_places.py", tmp_path, selection, end)
    assert program.wait(7000 if selection == "all" else 800) == 0, program.description()
    results = json.loads((tmp_path / "results.json").read_text())["places"]
    assert len(results) >= at_least
    wrong = [place for place in results if place["differences"]]
    assert not wrong, json.dumps(wrong, indent=1)
    print(f"\n{end}: {len(results)} places, all equal")
