"""`speed/first_answer.py`: its medians and ratios, and that a run can be asked with it."""

import shutil
import sys
from pathlib import Path

import pytest
from predict_factory import make_clips, make_run

from emolightning.commands.cli import run
from emolightning.errors import UserError
from speed import first_answer


def times(torch: float, llama: float, together: float, command: float) -> first_answer.Times:
    values = dict(zip(first_answer.IMPORTS, (torch, llama), strict=True))
    values |= {first_answer.TOGETHER: together, first_answer.COMMAND: command}
    return {part: (seconds, 2 * seconds) for part, seconds in values.items()}


def test_ratios_are_of_one_round() -> None:
    """The slow round is slow in all its parts, and its ratio is that of the others."""
    result = first_answer.summary([times(1, 1, 3, 4), times(10, 10, 32, 40), times(1, 2, 4.5, 4.5)])
    assert result["median_seconds"][first_answer.TOGETHER] == {"cpu": 4.5, "wall": 9}
    assert result["ratio_to_imports"][first_answer.TOGETHER]["cpu"] == [1.5, 1.5, 1.6]
    assert result["ratio_to_imports"][first_answer.COMMAND] == {"cpu": [2, 1.5, 2], "wall": [2, 1.5, 2]}
    printed = first_answer.lines(result)
    assert printed[1].split() == ["torch,", "transformers", "1.00", "2.00"]
    assert printed[-1].endswith("CPU: 2.00 (1.50 - 2.00)")


@pytest.mark.slow
def test_a_run_is_asked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    (clip,) = make_clips(tmp_path / "clips", 1)
    words = [f"checkpoint={make_run(tmp_path / 'run', clip)}", f"media={clip}", "rounds=1"]
    monkeypatch.setattr(sys, "argv", ["speed/first_answer.py", *words])
    assert run(first_answer.main, "first_answer") == 0
    printed = capsys.readouterr().out
    assert "media and features" in printed
    assert float(printed.rsplit("CPU: ", 1)[1].split()[0]) < 2
    shutil.rmtree(tmp_path / "clips")
    with pytest.raises(UserError, match="the model cannot be asked"):
        first_answer._round(words[0].removeprefix("checkpoint="), str(clip))
