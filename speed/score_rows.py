"""Time and memory of `python -m emolightning score` on a large predictions file.

  python speed/score_rows.py
  python speed/score_rows.py rows=1000000 rounds=3 output=speed/results/score_rows.json
  python speed/score_rows.py distinct=true output=speed/results/score_distinct_rows.json
  python speed/score_rows.py kind=words rounds=1 output=speed/results/score_words.json
  python speed/score_rows.py rows=100000 clusters=5000 output=speed/results/score_clusters.json

Writes a CSV with made-up answers: labels alone, labels in sentences, sentences that occur once, and some that cannot be
read; with `distinct=true` no text occurs twice. `kind=words` writes lists of emotion words, `clusters=N` a column of so
many subjects, of which 10,000 samples are drawn for intervals. Each round scores it in a process of its own: wall time
from its start to its end, imports and all files that `score` writes included, its processor time, and the most memory
it held. The scores are compared with those counted while writing. Exit code 1 when they differ.
"""

import sys
from pathlib import Path

if __name__ == "__main__":  # Python put this file's folder first; the checkout belongs there, to be what is measured.
    sys.path[0] = str(Path(__file__).resolve().parents[1])

import csv  # noqa: E402
import json  # noqa: E402
import os  # noqa: E402
import subprocess  # noqa: E402
import tempfile  # noqa: E402
import time  # noqa: E402
from collections.abc import Mapping, Sequence  # noqa: E402
from dataclasses import asdict, dataclass  # noqa: E402
from statistics import median  # noqa: E402
from typing import Any  # noqa: E402

import numpy as np  # noqa: E402
from omegaconf import DictConfig  # noqa: E402

from emolightning.commands.cli import run  # noqa: E402
from emolightning.config.check import check_config  # noqa: E402
from emolightning.records.labels import MER6  # noqa: E402
from speed.figures import Figure, figure, write_result  # noqa: E402

REPO = Path(__file__).resolve().parents[1]
ABOUT: dict[str, Any] = {
    "part": "Tables and scores",
    "question": "What does it take to score a large predictions file?",
}
A_MILLION, MOST_GB, MOST_S = 1_000_000, 2.0, 90.0
WORDS = (
    "happy",
    "grateful",
    "angry",
    "tired",
    "sad",
    "lonely",
    "proud",
    "curious",
    "afraid",
    "bored",
    "calm",
    "guilty",
)
"""None is a form of another."""

ROUNDING = 1e-9
"""Means that are as near as this are equal."""

FORMS = ("{label}", "{label}.", "The person is {label}.", "Clip {clip}: face and voice are {label}.", "I cannot say.")
DISTINCT = (
    *("Clip {clip}: {label}", "Clip {clip}: {label}.", "In clip {clip} the person is {label}."),
    *("Clip {clip}: face and voice are {label}.", "I cannot say of clip {clip}."),
)
SHARES = (0.3, 0.25, 0.2, 0.2, 0.05)
"""Share of the answers in each of FORMS, and of DISTINCT."""


@dataclass(frozen=True)
class Written:
    """What is in the file."""

    value: float
    """What `score` must find: the share of right answers, or the mean share of an answer's words that are true."""
    unreadable: int
    num_bytes: int


@dataclass(frozen=True)
class Round:
    """One process."""

    seconds: float
    cpu_seconds: float
    """Processor time, which other programs on the machine change less."""
    peak_memory_gb: float
    """Largest resident set, 10^9 bytes."""

    def __str__(self) -> str:
        return f"{self.seconds:.1f} s, {self.cpu_seconds:.1f} s of a processor, {self.peak_memory_gb:.2f} GB"


def main(cfg: DictConfig) -> int:
    """Write, score, compare, print; 1 for wrong scores."""
    check_config(cfg)
    with tempfile.TemporaryDirectory() as folder:
        file, out = Path(folder) / "predictions.csv", Path(folder) / "out"
        rng, texts = np.random.default_rng(cfg.seed), DISTINCT if cfg.distinct else FORMS
        is_words = cfg.kind == "words"
        written = (
            write_words(file, cfg.rows, rng)
            if is_words
            else write_predictions(file, cfg.rows, rng, texts, clusters=cfg.clusters)
        )
        rounds = []
        for number in range(cfg.rounds):
            rounds.append(score(file, out / str(number), words_of(cfg)))
            print(f"round {number + 1}: {rounds[-1]}", flush=True)
        report = json.loads((out / "0" / "metrics.json").read_text(encoding="utf-8"))
    found = report["metrics"]["ungrouped_accuracy" if is_words else "war"]["value"]
    is_right = bool(abs(found - written.value) < ROUNDING)
    is_right &= report["num_clips"] - report["num_scored"] == written.unreadable
    seconds = median(each.seconds for each in rounds)
    result = {
        "rows": cfg.rows,
        "kind": cfg.kind,
        "clusters": cfg.clusters,
        "distinct": cfg.distinct,
        "file_mb": written.num_bytes / 1e6,
        "scores_are_right": is_right,
        "seconds": seconds,
        "cpu_seconds": median(each.cpu_seconds for each in rounds),
        "rows_per_s": cfg.rows / seconds,
        "peak_memory_gb": max(each.peak_memory_gb for each in rounds),
        "rounds": [asdict(each) for each in rounds],
    }
    show(result)
    write_result(cfg.output, **ABOUT, figures=figures(result), **result)
    return int(not is_right)


def figures(result: Mapping[str, Any]) -> list[Figure]:
    """Time and memory of a file; of a million lists of words 2 GB are promised, of a million answers 90 s."""
    kind = "lists of words" if result["kind"] == "words" else "answers"
    about = ", no two alike" if result["distinct"] else ""
    about += f", {result['clusters']:,} subjects" if result["clusters"] else ""
    what, rounds = f"`score` of {result['rows']:,} {kind}{about}", result["rounds"]
    is_of_words, is_promised = result["kind"] == "words", result["rows"] == A_MILLION
    most = MOST_S if is_promised and not is_of_words else None
    return [
        figure(f"{what}: time", [each["cpu_seconds"] for each in rounds], "s", at_most=most),
        figure(
            f"{what}: memory",
            [each["peak_memory_gb"] for each in rounds],
            "GB",
            at_most=MOST_GB if is_promised and is_of_words else None,
        ),
    ]


def words_of(cfg: DictConfig) -> list[str]:
    """What `score` is told beside the file."""
    if cfg.kind == "words":
        return ["scoring=open_vocabulary"]
    return ["labels=mer6", *(["cluster=subject", "intervals=percentile"] if cfg.clusters else [])]


def write_words(path: Path, num_rows: int, rng: np.random.Generator) -> Written:
    """Write the file: ids, lists of one to five words, true ones."""
    total = 0.0
    with path.open("w", newline="", encoding="utf-8") as file:
        rows = csv.writer(file)
        rows.writerow(("id", "answer", "truth"))
        numbers = rng.integers(1, 6, (num_rows, 2)).tolist()
        for clip, sizes in enumerate(numbers):
            said, true = ([WORDS[place] for place in rng.permutation(len(WORDS))[:size]] for size in sizes)
            total += len({*said} & {*true}) / len(said)
            rows.writerow((f"sample_{clip:08}", f"[{', '.join(said)}]", f"[{', '.join(true)}]"))
    return Written(total / num_rows, 0, path.stat().st_size)


def write_predictions(
    path: Path, num_rows: int, rng: np.random.Generator, texts: Sequence[str] = FORMS, *, clusters: int = 0
) -> Written:
    """Write the file: ids, answers of which about 70 % are right where they can be read, truths."""
    truths = rng.integers(0, len(MER6), num_rows)
    said = np.where(rng.random(num_rows) < 0.65, truths, rng.integers(0, len(MER6), num_rows))
    forms = rng.choice(len(FORMS), num_rows, p=SHARES)
    readable = forms != len(FORMS) - 1
    with path.open("w", newline="", encoding="utf-8") as file:
        rows = csv.writer(file)
        rows.writerow(("id", "answer", "truth", *(["subject"] if clusters else [])))
        for clip, (truth, label, form) in enumerate(zip(truths.tolist(), said.tolist(), forms.tolist(), strict=True)):
            answer = texts[form].format(label=MER6[label], clip=clip)
            rows.writerow((f"sample_{clip:08}", answer, MER6[truth], *([f"s{clip % clusters}"] if clusters else [])))
    correct = float(((said == truths) & readable).mean())
    return Written(correct, int((~readable).sum()), path.stat().st_size)


def score(file: Path, out: Path, words: Sequence[str]) -> Round:
    """Score the file in a process of its own."""
    command = [sys.executable, "-m", "emolightning", "score", f"answers={file}", *words, f"output_dir={out}"]
    start = time.perf_counter()
    process = subprocess.Popen(command, cwd=REPO, stdout=subprocess.DEVNULL)
    _, status, used = os.wait4(process.pid, 0)  # of this child alone, where getrusage gives the largest of all
    seconds = time.perf_counter() - start
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise subprocess.CalledProcessError(process.returncode, command)
    unit = 1 if sys.platform == "darwin" else 1024
    return Round(seconds, used.ru_utime + used.ru_stime, used.ru_maxrss * unit / 1e9)


def show(result: dict) -> None:
    """Print the medians."""
    print(
        f"{result['rows']:,} rows ({result['file_mb']:.0f} MB): {result['seconds']:.1f} s, "
        f"{result['cpu_seconds']:.1f} s of a processor, {result['rows_per_s']:,.0f} rows/s, "
        f"{result['peak_memory_gb']:.2f} GB at most; "
        f"scores {'as counted' if result['scores_are_right'] else 'WRONG'}"
    )


if __name__ == "__main__":
    run(main, "score_rows")
