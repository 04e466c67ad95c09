"""A reader that closes the pipe is no error, and what the program does besides printing goes on."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent

PRINTS = """
import sys
from emolightning.commands.closed_pipes import outlive_readers
outlive_readers()
for number in range(50_000):
    print("zeile ü", number, file=getattr(sys, sys.argv[1]))
open(sys.argv[2], "w").write("done")
"""


@pytest.mark.parametrize("stream", ["stdout", "stderr"])
def test_printing_goes_on_into_nothing(stream: str, tmp_path: Path) -> None:
    process = subprocess.Popen(
        [sys.executable, "-c", PRINTS, stream, tmp_path / "done"],
        cwd=ROOT,
        env={"PATH": os.environ["PATH"], "PYTHONIOENCODING": "utf-8"},
        **{stream: subprocess.PIPE},  # type: ignore[call-overload]
    )
    pipe = getattr(process, stream)
    assert pipe.readline().decode() == "zeile ü 0\n"
    pipe.close()
    assert process.wait(30) == 0
    assert (tmp_path / "done").read_text() == "done"


def test_a_command_whose_reader_leaves(tmp_path: Path) -> None:
    rows = [f"c{number},happy,sad" for number in range(40)]
    (tmp_path / "answers.csv").write_text("\n".join(["id,answer,truth", *rows]) + "\n")
    command = (
        f"{sys.executable} -m emolightning score answers={tmp_path}/answers.csv labels=mer6 output_dir={tmp_path}/out"
    )
    shell = f"set -o pipefail; {command} 2>{tmp_path}/err | true"
    assert subprocess.run(["bash", "-c", shell], cwd=ROOT, timeout=60).returncode == 0
    assert (tmp_path / "err").read_text() == ""
    assert (tmp_path / "out" / "metrics.json").exists()
    assert (
        subprocess.run(["bash", "-c", f"set -o pipefail; {sys.executable} train.py --help | true"], cwd=ROOT).returncode
        == 0
    )
