"""Where the start of each command goes: processor time and modules by part, beside what its libraries take alone.

  python speed/start_up.py
  python speed/start_up.py --rounds=5 --output=speed/results/start_up.json
  python speed/start_up.py --commands help error --rounds=3

`help` and `error` (a value of the wrong type), `score` of 180 rows, `doctor` of the demo's 1,260 clips, `train` of the
demo up to its first optimizer step, W&B without network included. Clips are rendered, and caches are filled, by a first
start that is not counted. In each round every command starts in a new process, every second round in reverse order.
"""

import sys
from pathlib import Path

REPO = Path(__file__).resolve().parents[1]

if __name__ == "__main__":  # Python put this file's folder first; the checkout belongs there, to be what is measured.
    sys.path[0] = str(REPO)

import argparse  # noqa: E402
import csv  # noqa: E402
import json  # noqa: E402
import os  # noqa: E402
import subprocess  # noqa: E402
import tempfile  # noqa: E402
from collections.abc import Mapping, Sequence  # noqa: E402
from dataclasses import asdict, dataclass  # noqa: E402
from statistics import median  # noqa: E402
from typing import Any  # noqa: E402

from emolightning.records.labels import MER6  # noqa: E402
from speed.figures import Drawing, Figure, Table, figure, write_result  # noqa: E402

ABOUT: dict[str, Any] = {"part": "Start-up", "question": "Where does the start of a command go?"}
ROWS = 180

PARTS = {
    "torch": ("torch", "torchgen", "functorch"),
    "torch's compiler": ("torch._dynamo", "torch._inductor", "torch._functorch", "sympy", "mpmath"),
    "transformers": ("transformers", "huggingface_hub", "tokenizers", "safetensors", "accelerate", "sentencepiece"),
    "PEFT": ("peft",),
    "Lightning": ("pytorch_lightning", "lightning_fabric", "lightning_utilities", "torchmetrics"),
    "W&B": ("wandb", "opentelemetry"),
    "SciPy": ("scipy",),
    "NumPy, PyAV, PIL": ("numpy", "av", "PIL"),
    "Hydra": ("hydra", "omegaconf", "antlr4", "yaml"),
    "this project": ("emolightning", "callbacks", "train"),
}
"""Part -> packages; the most exact name counts. What is in none of them is `other modules`."""

OTHER, REST = "other modules", "no import"


@dataclass(frozen=True)
class Command:
    """A command that is started."""

    words: tuple[str, ...]
    """Its command line; places in braces are put in."""
    code: int
    most_s: float
    """Processor time that is promised."""
    allowed: tuple[str, ...]
    """Heavy parts that it may import."""
    floor: str = ""
    """What any program with the same libraries imports."""


HEAVY = ("torch", "torch's compiler", "transformers", "PEFT", "Lightning", "W&B", "SciPy")
LLAMA = "import torch; from transformers import LlamaForCausalLM"
OUT = "output_dir={folder}/run"

COMMANDS = {
    "help": Command(("train.py", "--help"), 0, 2.0, ()),
    "error": Command(("train.py", "trainer.max_epochs=x"), 1, 2.0, ()),
    "score": Command(("-m", "emolightning", "score", "answers={answers}", "labels=mer6", OUT), 0, 4.0, ("SciPy",)),
    "doctor": Command(
        ("-m", "emolightning", "doctor", "experiment={experiment}", "paths.data={data}"),
        *(0, 12.0, ("torch", "torch's compiler", "transformers", "PEFT", "SciPy"), LLAMA),
    ),
    "train": Command(
        ("train.py", "experiment={experiment}", "paths.data={data}", OUT),
        *(0, 20.0, HEAVY, f"{LLAMA}; import peft, pytorch_lightning, wandb"),
    ),
}
"""What is started, and what is promised of it."""


@dataclass(frozen=True)
class Start:
    """One process."""

    seconds: float
    """Processor time."""
    modules: int
    parts: Mapping[str, float]
    """Part -> processor time of its modules."""
    heavy: tuple[str, ...]
    """Heavy parts of which any module is there."""


def main(argv: Sequence[str]) -> int:
    """Start, count, print, write; 1 where a command imports what it must not."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--commands", nargs="+", choices=COMMANDS, default=list(COMMANDS), help="which are started")
    parser.add_argument("--rounds", type=int, default=3, help="processes of each command")
    parser.add_argument("--experiment", default="demo", help="what doctor looks at and train trains")
    parser.add_argument("--data", type=Path, default=Path("data"), help="folder of rendered clips and caches")
    parser.add_argument("--output", type=Path, help="JSON file for the result")
    args = parser.parse_args(argv)
    if args.rounds < 1:
        parser.error(f"--rounds={args.rounds}: must be at least 1")
    places = {"data": args.data.resolve(), "experiment": args.experiment}
    starts = measure({name: COMMANDS[name] for name in args.commands}, args.rounds, places)
    floors = {name: [floor(COMMANDS[name].floor) for _ in found] for name, found in starts.items()}
    print("\n".join(lines(starts)))
    wrong = [name for name, found in starts.items() if set(found[0].heavy) - set(COMMANDS[name].allowed)]
    write_result(
        args.output,
        **ABOUT,
        figures=figures(starts, floors),
        tables=[table(starts)],
        drawings=[drawing(starts)],
        experiment=args.experiment,
        starts={name: [asdict(start) for start in found] for name, found in starts.items()},
        floors=floors,
    )
    for name in wrong:
        more = ", ".join(sorted(set(starts[name][0].heavy) - set(COMMANDS[name].allowed)))
        print(f"error: {name} imports {more}; import it in the function that needs it", file=sys.stderr)
    return int(bool(wrong))


def measure(commands: Mapping[str, Command], rounds: int, places: Mapping[str, object]) -> dict[str, list[Start]]:
    """Each command once without counting, then in all rounds."""
    starts: dict[str, list[Start]] = {name: [] for name in commands}
    for number in range(rounds + 1):
        for name in list(commands) if number % 2 else reversed(list(commands)):
            with tempfile.TemporaryDirectory() as folder:
                found = start(commands[name], {**places, "folder": folder, "answers": written_answers(Path(folder))})
            if number:
                starts[name].append(found)
    return starts


def written_answers(folder: Path) -> Path:
    """A file for `score`; every third answer is wrong."""
    path = folder / "answers.csv"
    with path.open("w", newline="", encoding="utf-8") as file:
        rows = csv.writer(file)
        rows.writerow(("id", "answer", "truth"))
        for number in range(ROWS):
            truth = MER6[number % len(MER6)]
            rows.writerow((f"clip{number}", truth if number % 3 else MER6[number % 5], truth))
    return path


def start(command: Command, places: Mapping[str, object]) -> Start:
    """Start a command in a process of its own.

    Raises:
        SystemExit: it ends in another way than it should.
    """
    output = Path(str(places["folder"])) / "imports.json"
    words = [word.format_map(places) for word in command.words]
    done = python("speed/importing.py", str(output), *words)
    if done.returncode != command.code:
        raise SystemExit(f"{' '.join(words)} ended with {done.returncode}, not {command.code}:\n{done.stderr[-2000:]}")
    return counted(json.loads(output.read_text(encoding="utf-8")))


def python(*words: str) -> "subprocess.CompletedProcess[str]":
    """What a new process of Python does, without network for W&B."""
    environment = {**os.environ, "PYTHONPATH": str(REPO), "WANDB_MODE": "offline"}
    command = [sys.executable, *words]
    return subprocess.run(command, cwd=REPO, env=environment, capture_output=True, text=True, check=False)


def counted(found: Mapping[str, dict]) -> Start:
    """The parts of what a process wrote."""
    parts: dict[str, float] = {}
    for module, seconds in found["seconds"].items():
        parts[part_of(module)] = parts.get(part_of(module), 0.0) + seconds
    total = float(found["all"])  # type: ignore[arg-type]
    parts[REST] = max(0.0, total - sum(parts.values()))
    there = {part_of(module) for module in found["modules"]}
    return Start(total, len(found["modules"]), parts, tuple(part for part in HEAVY if part in there))


def part_of(module: str) -> str:
    """The part of a module.

    >>> part_of("torch._dynamo.utils"), part_of("torch.nn"), part_of("csv")
    ("torch's compiler", 'torch', 'other modules')
    """
    names = module.split(".")
    for length in range(len(names), 0, -1):
        for part, packages in PARTS.items():
            if ".".join(names[:length]) in packages:
                return part
    return OTHER


def floor(code: str) -> float | None:
    """Processor time of a process that only imports; None without a floor."""
    if not code:
        return None
    done = python("-c", f"import time\n{code}\nprint(time.process_time())")
    return float(done.stdout.split()[-1])


def figures(starts: Mapping[str, Sequence[Start]], floors: Mapping[str, Sequence[float | None]]) -> list[Figure]:
    """Time and modules of each command."""
    found = []
    for name, each in starts.items():
        least, command = [value for value in floors[name] if value is not None], COMMANDS[name]
        found += [
            figure(
                f"start of `{name}`: time",
                [one.seconds for one in each],
                "s",
                at_most=command.most_s,
                floor=median(least) if least else None,
                floor_of="its libraries imported alone" if least else "",
            ),
            figure(f"start of `{name}`: modules", [one.modules for one in each], "modules"),
        ]
    return found


def by_part(starts: Mapping[str, Sequence[Start]]) -> dict[str, dict[str, float]]:
    """Part -> command -> median seconds."""
    names = [*PARTS, OTHER, REST]
    return {
        part: {name: median(one.parts.get(part, 0.0) for one in found) for name, found in starts.items()}
        for part in names
    }


def table(starts: Mapping[str, Sequence[Start]]) -> Table:
    """Seconds of each part in each command."""
    rows = [
        (part, *(f"{value:.2f}" if value >= 0.005 else "" for value in row.values()))
        for part, row in by_part(starts).items()
    ]
    return Table("Processor time by part, s", ("part", *starts), rows)


def drawing(starts: Mapping[str, Sequence[Start]]) -> Drawing:
    """Bars of each part, one for each command with heavy parts."""
    shown = {name: found for name, found in starts.items() if COMMANDS[name].allowed} or starts
    return Drawing("Start-up by part", "processor time, s", bars=by_part(shown))


def lines(starts: Mapping[str, Sequence[Start]]) -> list[str]:
    """What is printed."""
    found = [f"{'part':<20}" + "".join(f"{name:>10}" for name in starts)]
    found += [
        f"{part:<20}" + "".join(f"{value:>10.2f}" for value in row.values()) for part, row in by_part(starts).items()
    ]
    found.append(
        f"{'together, s':<20}" + "".join(f"{median(s.seconds for s in each):>10.2f}" for each in starts.values())
    )
    found.append(f"{'modules':<20}" + "".join(f"{each[0].modules:>10}" for each in starts.values()))
    return found


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
