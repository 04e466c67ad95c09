"""How long a first answer takes from a cold start, by part, beside the imports that nobody can avoid.

  python speed/first_answer.py checkpoint=outputs/demo media=clip.mp4
  python speed/first_answer.py checkpoint=outputs/demo media=clip.mp4 rounds=7 output=speed/results/first_answer.json

Each round starts two new processes: one asks by `import emolightning` and notes the time of each part, the other is the
command `predict`, whole. docs/reference/performance.md says what was found.
"""

import sys
from pathlib import Path

if __name__ == "__main__":  # Python put this file's folder first; the checkout belongs there, to be what is measured.
    sys.path[0] = str(Path(__file__).resolve().parents[1])

import json  # noqa: E402
import os  # noqa: E402
import resource  # noqa: E402
import subprocess  # noqa: E402
import tempfile  # noqa: E402
import time  # noqa: E402
from collections.abc import Sequence  # noqa: E402
from statistics import median  # noqa: E402
from typing import Any  # noqa: E402

from omegaconf import DictConfig  # noqa: E402

from emolightning.commands.cli import run  # noqa: E402
from emolightning.config.check import check_config  # noqa: E402
from emolightning.errors import UserError  # noqa: E402
from speed.figures import Figure, Table, write_result  # noqa: E402

Times = dict[str, tuple[float, float]]
"""Part -> seconds of processor time, and on the clock."""

CHECKOUT = Path(__file__).resolve().parents[1]

IMPORTS = ("torch, transformers", "what transformers' Llama imports")
"""Parts that any program with such a model has."""

TOGETHER, COMMAND = "together", "the command predict, whole"

ABOUT: dict[str, Any] = {"part": "Start-up", "question": "How long does a first answer take from a cold start?"}

PARTS = """
import json, sys, time

times = {}

def done(part, since):
    times[part] = [time.process_time() - since[0], time.perf_counter() - since[1]]
    return time.process_time(), time.perf_counter()

begun = now = time.process_time(), time.perf_counter()
import torch, transformers
now = done("torch, transformers", now)
transformers.LlamaForCausalLM
now = done("what transformers' Llama imports", now)
import emolightning as el
import emolightning.runs.assembly_of_clips
now = done("everything else that is imported", now)
model = el.load(sys.argv[1], device="cpu")
now = done("configuration and weights", now)
reader = model.predictor.reader
read = reader.read

def measured(clips):
    since = time.process_time(), time.perf_counter()
    found = list(read(clips))
    done("media and features", since)
    return found

reader.read = measured
model.predict(sys.argv[2])
done("answer", now)
for place in (0, 1):
    times["answer"][place] -= times["media and features"][place]
done("together", begun)
print(json.dumps(times))
"""


def main(cfg: DictConfig) -> None:
    """Ask in new processes, and print where the time goes."""
    check_config(cfg)
    rounds = [_round(cfg.checkpoint, cfg.media) for _ in range(cfg.rounds)]
    result = summary(rounds)
    print("\n".join(lines(result)))
    write_result(
        cfg.output, **ABOUT, figures=figures(result, len(rounds)), tables=[table(result)], **result, rounds=rounds
    )


def _round(checkpoint: str, media: str) -> Times:
    """One start of each kind."""
    times: Times = {
        part: (each[0], each[1])
        for part, each in json.loads(_output("-c", PARTS, checkpoint, media).splitlines()[-1]).items()
    }
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    begun = time.perf_counter()
    with tempfile.TemporaryDirectory() as folder:
        words = (f"checkpoint={checkpoint}", f"media={media}", f"out={folder}/answers.jsonl", "device=cpu")
        _output("-m", "emolightning", "predict", *words)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    spent = after.ru_utime + after.ru_stime - used.ru_utime - used.ru_stime
    return {**times, COMMAND: (spent, time.perf_counter() - begun)}


def _output(*words: str) -> str:
    """What a new process of Python prints.

    Raises:
        UserError: it fails, and says why.
    """
    environment = {**os.environ, "PYTHONPATH": str(CHECKOUT)}
    done = subprocess.run([sys.executable, *words], capture_output=True, text=True, env=environment, check=False)
    if done.returncode:
        raise UserError(f"the model cannot be asked: {done.stderr.strip().splitlines()[-1]}")
    return done.stdout


def summary(rounds: Sequence[Times]) -> dict[str, Any]:
    """Medians over the rounds; ratios are taken within each round, whose parts meet the same machine."""
    parts = {
        part: {
            name: round(median(each[part][place] for each in rounds), 3) for place, name in enumerate(("cpu", "wall"))
        }
        for part in rounds[0]
    }
    return {
        "median_seconds": parts,
        "ratio_to_imports": {
            part: {
                name: _spread([_ratio(each, part, place) for each in rounds]) for place, name in enumerate(parts[part])
            }
            for part in (TOGETHER, COMMAND)
        },
    }


def _ratio(times: Times, part: str, place: int) -> float:
    return times[part][place] / sum(times[name][place] for name in IMPORTS)


def _spread(values: Sequence[float]) -> list[float]:
    """Median, smallest, largest."""
    return [round(value, 2) for value in (median(values), min(values), max(values))]


def figures(result: dict[str, Any], rounds: int) -> list[Figure]:
    """The first answer over what any program with such a model imports, by Python and by the command."""
    found = {part: result["ratio_to_imports"][part]["cpu"] for part in (TOGETHER, COMMAND)}
    names = {TOGETHER: "a first answer from Python", COMMAND: "a first answer of the command `predict`"}
    return [
        Figure(f"{names[part]} / imports of torch and transformers' Llama", middle, "x", low, high, rounds)
        for part, (middle, low, high) in found.items()
    ]


def table(result: dict[str, Any]) -> Table:
    """Seconds of each part."""
    rows = [(part, each["cpu"], each["wall"]) for part, each in result["median_seconds"].items()]
    return Table("Seconds by part", ("part", "processor time", "on the clock"), rows)


def lines(result: dict[str, Any]) -> list[str]:
    """The table."""
    rows = [f"{'':<34}{'CPU s':>8}{'clock s':>9}"]
    rows += [f"{part:<34}{each['cpu']:>8.2f}{each['wall']:>9.2f}" for part, each in result["median_seconds"].items()]
    for part, kinds in result["ratio_to_imports"].items():
        middle, low, high = kinds["cpu"]
        rows.append(f"{part} / the first two rows, CPU: {middle:.2f} ({low:.2f} - {high:.2f})")
    return rows


if __name__ == "__main__":
    sys.exit(run(main, "first_answer"))
