"""The same training under each engine: memory of a process beside what `estimate` says of it, and clips/s.

  python speed/engines.py
  python speed/engines.py --rounds=3 --output=speed/results/engines.json
  python speed/engines.py --accelerator=gpu --devices=8 --model emotion_llama_7b --output=speed/results/engines-gpu.json

Each round starts `train.py` once for every engine, one process and `--devices` of them, on rendered clips, every second
round in reverse order. What counts is the most memory that the first process has in its steps, without what it held
beside the weights before them; of a GPU it is what torch allocated. On a CPU that is coarse, since the allocator keeps
what was freed, so the default is a model of 27 million parameters that trains whole: smaller ones show no difference.
What an engine leaves in main memory is there all the same, and is counted with it.
"""

import sys
from pathlib import Path

REPO = Path(__file__).resolve().parents[1]

if __name__ == "__main__":  # Python put this file's folder first; the checkout belongs there, to be what is measured.
    sys.path[0] = str(REPO)

import argparse  # noqa: E402
import json  # noqa: E402
import tempfile  # noqa: E402
from collections.abc import Mapping, Sequence  # noqa: E402
from statistics import median  # noqa: E402
from typing import Any  # noqa: E402

from emolightning.errors import UserError  # noqa: E402
from speed.figures import Drawing, Figure, Table, figure, write_result  # noqa: E402
from speed.runs import Noted, about, clips_per_s, require_settings, start, watched  # noqa: E402

ABOUT: dict[str, Any] = {"part": "Training", "question": "How much memory does each engine take?"}
ENGINES = ("single", "ddp", "deepspeed_zero1", "deepspeed_zero2", "zero2_offload", "deepspeed_zero3", "zero3_offload",
           "fsdp")  # fmt: skip
"""Trainers; the first is one process."""
SIZES = (
    *("model.language.width=512", "model.language.num_layers=8", "model.language.num_heads=8"),
    *("model.language.mlp_width=1376", "model.train.language=full"),
)
"""The default model's language model, larger and trained whole: else nothing could be told apart."""
BUCKET_MB = 16
"""DeepSpeed's buffers; its default is larger than this model."""
WARM = 2


def main(argv: Sequence[str]) -> int:
    """Train, compare, print, write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--engines", nargs="+", choices=ENGINES, default=list(ENGINES), help="trainers")
    parser.add_argument("--devices", type=int, default=2, help="processes of all but the first")
    parser.add_argument("--accelerator", choices=("cpu", "gpu"), default="cpu")
    parser.add_argument(
        "--model", nargs="+", default=["tiny", *SIZES], help="name of the model, and settings of all runs"
    )
    parser.add_argument("--batch-size", type=int, default=4, help="clips of a process and step")
    parser.add_argument("--steps", type=int, default=6, help="steps that count")
    parser.add_argument("--rounds", type=int, default=1, help="runs of each engine, in turns")
    parser.add_argument("--data", type=Path, default=Path("data"), help="folder of rendered clips and caches")
    parser.add_argument("--output", type=Path, help="JSON file for the result")
    args = parser.parse_args(argv)
    for name in ("devices", "batch_size", "steps", "rounds"):
        if getattr(args, name) < 1:
            parser.error(f"--{name.replace('_', '-')}={getattr(args, name)}: must be at least 1")
    rounds: dict[str, list[list[Noted]]] = {name: [] for name in args.engines}
    try:
        for name in args.engines:
            require_settings(words(name, args))
        require_gpus(args)
        for number in range(args.rounds):
            for name in args.engines[:: -1 if number % 2 else 1]:
                rounds[name].append(trained(name, args))
                print(f"round {number + 1} of {args.rounds}, {name}: {rounds[name][-1]}", flush=True)
        said = {name: estimated(name, args, rounds[name][0][0]) for name in args.engines}
    except UserError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    write(args, rounds, said)
    return 0


def require_gpus(args: argparse.Namespace) -> None:
    """Refuse GPUs that are not there.

    Raises:
        UserError: says how many there are.
    """
    if args.accelerator == "gpu":
        import torch

        number, needed = torch.cuda.device_count(), 1 if args.engines == [ENGINES[0]] else args.devices
        if number < needed:
            raise UserError(
                f"--accelerator=gpu: {needed} are needed, torch sees {number} here; say --accelerator=cpu"
                + (f", or --devices={number}" if number else "")
            )


def words(name: str, args: argparse.Namespace) -> list[str]:
    """Return the settings of an engine, for `train.py` and for `estimate`."""
    is_single, on_gpu = name == ENGINES[0], args.accelerator == "gpu"
    trainer = ("one_gpu" if on_gpu else "cpu") if is_single else name
    found = [f"trainer={trainer}", f"trainer.accelerator={args.accelerator}", f"data.batch_size={args.batch_size}"]
    if not is_single:
        found += [f"trainer.devices={args.devices}", *(["trainer.precision=bf16-mixed"] if on_gpu else [])]
    if "zero" in name and not on_gpu:
        found.append(f"trainer.strategy.bucket_mb={BUCKET_MB}")
    return [*found, f"model={args.model[0]}", *args.model[1:], f"paths.data={args.data.resolve()}"]


def trained(name: str, args: argparse.Namespace) -> list[Noted]:
    """Train under an engine, and return what each process took."""
    steps = WARM + args.steps
    bounds = [f"trainer.max_steps={steps}", f"data.batches_per_epoch={steps}", "+trainer.limit_val_batches=0"]
    with tempfile.TemporaryDirectory() as folder:
        run = [*words(name, args), *bounds, f"output_dir={folder}/run", f"+callbacks.batches.warm={WARM}"]
        return watched("train.py", run, Path(folder), ranks=1 if name == ENGINES[0] else args.devices)


def estimated(name: str, args: argparse.Namespace, noted: Noted) -> dict[str, int]:
    """Return item -> bytes of a process, as `estimate` says.

    Clips are as long as those that were trained on, and main memory is a process's share.
    """
    with tempfile.TemporaryDirectory() as folder:
        file = f"{folder}/estimate.json"
        lengths = [f"text_tokens={noted.positions - noted.streams}", f"answer_tokens={noted.answer}"]
        call = [sys.executable, "-m", "emolightning", "estimate", *words(name, args), *lengths]
        call += ["compare=false", f"output={file}"]
        start(call)
        found = json.loads(Path(file).read_text(encoding="utf-8"))
    left = {item: size for item, size in found["device_bytes"].items() if item != "CUDA and allocator"}
    kept = {
        item: size // found["ranks"] for item, size in found["host_bytes"].items() if not item.startswith("loading")
    }
    return {**left, **(kept if args.accelerator == "cpu" else {})}


def write(
    args: argparse.Namespace, rounds: Mapping[str, list[list[Noted]]], said: Mapping[str, Mapping[str, int]]
) -> None:
    """Print the table, write the result."""
    peaks = {name: [ranks[0].peak_gb for ranks in found] for name, found in rounds.items()}
    speeds = {name: [clips_per_s(ranks) for ranks in found] for name, found in rounds.items()}
    expected = {name: sum(items.values()) / 1e9 for name, items in said.items()}
    figures: list[Figure] = []
    for name in rounds:
        ratios = [peak / expected[name] for peak in peaks[name]]
        figures += [
            figure(f"{name}: most memory of a process / what `estimate` says", ratios, "x"),
            figure(f"{name}: most memory of a process", peaks[name], "GB"),
            figure(f"{name}: speed", speeds[name], "clips/s"),
        ]
    processes = {name: 1 if name == ENGINES[0] else args.devices for name in rounds}
    rows = [(name, str(processes[name]), expected[name], median(peaks[name]), median(speeds[name])) for name in rounds]
    columns = ("trainer", "processes", "estimated, GB", "measured, GB", "clips/s")
    for row in (columns, *rows):
        print("".join(f"{cell if isinstance(cell, str) else format(cell, '.3f'):<20}" for cell in row))
    bars = {name: {"estimated": expected[name], "measured": median(peaks[name])} for name in rounds}
    first = next(iter(rounds.values()))[0][0]
    write_result(
        args.output,
        **ABOUT,
        figures=figures,
        tables=[
            Table(f"{first.parameters / 1e6:.1f} M parameters, {first.trained / 1e6:.1f} M trained", columns, rows)
        ],
        drawings=[Drawing("Memory of a process by engine", "GB", bars=bars)],
        gpu=first.gpu,
        settings={"model": args.model, "batch_size": args.batch_size, "steps": args.steps, "warm": WARM},
        estimated=said,
        rounds={name: [about(ranks) for ranks in found] for name, found in rounds.items()},
    )


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
