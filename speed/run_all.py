"""Run every script of speed/ at a small size, each in a process of its own, and write a page of what they found.

  make speed
  python speed/run_all.py likelihoods stores
  python speed/run_all.py --out build/speed --keep-going

Result files and page go to `--out`; the files of speed/results/, from which the docs are written, stay as they are.
A script that needs a run or clips gets those of `experiment=smoke`, which is trained first. Small sizes show that
everything runs; their numbers say little. A figure that is kept comes from the command beside it on the page.
"""

import sys
from pathlib import Path

REPO = Path(__file__).resolve().parents[1]

if __name__ == "__main__":  # Python put this file's folder first; the checkout belongs there, to be what is measured.
    sys.path[0] = str(REPO)

import argparse  # noqa: E402
import os  # noqa: E402
import subprocess  # noqa: E402
import time  # noqa: E402
from collections.abc import Sequence  # noqa: E402

from emolightning.config.problems import suggestion  # noqa: E402
from speed.page import main as write_page  # noqa: E402

OUTPUT = "output={output}"

SMALL: dict[str, tuple[str, ...]] = {
    "start_up": ("--rounds=1", "--commands", "help", "error", "score", "--output={output}"),
    "first_answer": ("checkpoint={run}", "media={clip}", "rounds=1", OUTPUT),
    "decoding": ("rendered={clips}", "--frames", "middle", "--rounds=1", "--output={output}"),
    "loading": ("experiment=smoke", "workers=[0,1]", "rounds=1", "paths.data={data}", OUTPUT),
    "training_step": (
        "experiment=smoke",
        "model.lora.dropout=0",
        "rounds=1",
        "steps=3",
        "warm_steps=1",
        "paths.data={data}",
        OUTPUT,
    ),
    "stores": ("clips=200", "rounds=2", OUTPUT),
    "many_clips": ("--clips", "100", "300", "--width=8", "--rounds=1", "--output={output}"),
    "engines": (
        *("--engines", "single", "ddp", "--model", "tiny", "experiment=smoke", "--steps=2"),
        *("--data={data}", "--output={output}"),
    ),
    "families": ("--epochs=1", "--set", "experiment=smoke", "--data={data}", "--output={output}"),
    "throughput": ("model=tiny", "rounds=2", "samples=16", "ablate=true", OUTPUT),
    "answering": ("model=tiny", "rounds=2", "samples=16", OUTPUT),
    "likelihoods": ("--width=64", "--layers=2", "--tokens=60", "--rounds=3", "--output={output}"),
    "table_rows": ("rows=[1000,2000]", "rounds=1", OUTPUT),
    "score_rows": ("rows=10000", "rounds=1", OUTPUT),
}
"""Script -> its words at a small size. Places in braces: the result file, a trained run, its rendered clips."""

NEEDS_WEIGHTS = ("extracting",)
"""Scripts that measure only with the weights of an encoder."""

NO_MEASUREMENT = ("emer_baselines", "importing", "page", "run_all")
"""Programs of speed/ that measure no time."""


def main(argv: Sequence[str]) -> int:
    """Run the scripts, write the page; 1 if one of them failed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("scripts", nargs="*", help=f"some of: {', '.join(SMALL)}; all without")
    parser.add_argument("--out", type=Path, default=REPO / "build" / "speed", help="folder of result files and page")
    parser.add_argument("--keep-going", action="store_true", help="go on after a script that failed")
    args = parser.parse_args(argv)
    for name in args.scripts:
        if name not in SMALL:
            parser.error(f"{name}: {suggestion(name, SMALL)}")
    out, failed = args.out.resolve(), []
    for name in args.scripts or SMALL:
        if _needs_run(name) and not _is_trained(out):
            _run("train.py", _training_words(out))
        started = time.perf_counter()
        (out / f"{name}.json").unlink(missing_ok=True)  # A result of before would stand on the page as one of now.
        if _run(f"speed/{name}.py", words(name, out)):
            failed.append(name)
            if not args.keep_going:
                break
        print(f"{name}: {time.perf_counter() - started:.0f} s", flush=True)
    code = write_page(["--results", str(out), "--page", str(out / "performance.md")])
    if failed:
        print(f"error: failed: {', '.join(failed)}; the messages are above", file=sys.stderr)
    return 1 if failed else code


def words(name: str, out: Path) -> list[str]:
    """What a script is told at its small size."""
    clips = out / "data" / "synthetic-smoke"
    places = {
        "output": out / f"{name}.json",
        "run": out / "run",
        "data": out / "data",
        "clips": clips / "media",
        "clip": next(iter(sorted((clips / "media").glob("*.mp4"))), "none"),
    }
    return [word.format_map(places) for word in SMALL[name]]


def _needs_run(name: str) -> bool:
    return any(place in word for word in SMALL[name] for place in ("{run}", "{clip", "{data}"))


def _is_trained(out: Path) -> bool:
    return (out / "run" / "adapter").is_dir()


def _training_words(out: Path) -> list[str]:
    return ["experiment=smoke", f"output_dir={out / 'run'}", f"paths.data={out / 'data'}", "logger=csv"]


def _run(program: str, arguments: Sequence[str]) -> int:
    print(f"$ python {program} {' '.join(arguments)}", flush=True)
    environment = {**os.environ, "PYTHONPATH": str(REPO)}
    return subprocess.run([sys.executable, program, *arguments], cwd=REPO, env=environment, check=False).returncode


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
