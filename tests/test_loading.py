"""The benchmark of loader processes, at the smallest size. No time is asserted."""

import json
import sys
from pathlib import Path

import pytest
import torch

from emolightning.commands.cli import run
from speed import loading


@pytest.mark.parametrize("number", [1, pytest.param(2, marks=pytest.mark.slow)])
def test_every_number_of_workers_reads_the_same_clips(
    number: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    threads = torch.get_num_threads()
    output = tmp_path / "result.json"
    words = ["experiment=smoke", "data.num_train=12", f"paths.data={tmp_path}", f"workers=[0,{number}]", "rounds=2"]
    monkeypatch.setattr(sys, "argv", ["speed/loading.py", *words])
    try:
        assert run(loading.main, "loading", [*words, f"output={output}"]) == 0
    finally:
        torch.set_num_threads(threads)
    result = json.loads(output.read_text())
    assert list(result["columns"]) == ["data.num_workers=0", f"data.num_workers={number}"]
    for phases in result["columns"].values():
        assert [phases[phase]["samples"] for phase in ("training", "evaluation")] == [12, 12]
        assert all(len(phases[phase]["rounds"]) == 2 for phase in phases)
    own = result["ratios"]["data.num_workers=0"]["training"]["samples_per_s"]
    assert own == {"median": 1.0, "min": 1.0, "max": 1.0}
    assert f"data.num_workers={number}" in capsys.readouterr().out


def test_numbers_of_workers_are_none_or_more(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        run(loading.main, "loading", ["workers=[0,-1]"])
    assert ended.value.code == 1
    assert "workers: must be different numbers from 0, not [0, -1]" in capsys.readouterr().err
