"""Each family that a run trains, at its small size, on the rendered clips: parameters, clips/s, score.

  python speed/families.py
  python speed/families.py --rounds=3 --output=speed/results/families.json
  python speed/families.py --families emotion_llama fusion --epochs=10

Each round trains every one as `experiment=demo` does, for as many steps and with the round as seed, and evaluates it,
every second round in reverse order. Clips/s are of one thread's processor time, of the clock on a GPU: from one batch
to the next, reading, logs and callbacks included, without validation and start. Sizes and settings are those of the
small models, so a line says what a family costs here, and nothing of the published weights.
"""

import sys
from pathlib import Path

if __name__ == "__main__":  # Python put this file's folder first; the checkout belongs there, to be what is measured.
    sys.path[0] = str(Path(__file__).resolve().parents[1])

import argparse  # noqa: E402
import json  # noqa: E402
import tempfile  # noqa: E402
from collections.abc import Mapping, Sequence  # noqa: E402
from dataclasses import asdict, dataclass  # noqa: E402
from statistics import median  # noqa: E402
from typing import Any  # noqa: E402

from emolightning.errors import UserError  # noqa: E402
from speed.figures import Drawing, Figure, Table, figure, write_result  # noqa: E402
from speed.runs import clips_per_s, require_settings, watched  # noqa: E402

ABOUT: dict[str, Any] = {"part": "Models", "question": "What do the model families cost, and what do they reach?"}
DEMO = ("prompt.pool=all", "model.lora.dropout=0")
FAMILIES: dict[str, tuple[str, ...]] = {
    "emotion_llama": ("model=tiny", *DEMO),
    "emotion_llama_v2": ("model=emotion_llama_v2_tiny", *DEMO),
    "affectgpt": ("model=affectgpt_tiny", *DEMO, "evaluation.max_new_tokens=40"),
    "fusion": ("model=fusion/attention", "optimizer.lr=1e-3"),
}
"""Family -> its settings; its folder of `models/`. Those that only answer are not trained and not here."""
SCORES = {"war": "WAR", "macro_f1": "macro F1"}
CHANNELS = "AVT"
"""Face, voice and words: the ceiling of a model that sees all of a clip."""


@dataclass(frozen=True)
class Round:
    """One family, trained and evaluated once."""

    parameters: int
    trained: int
    training: float
    """Clips/s."""
    evaluation: float
    """Clips/s."""
    scores: Mapping[str, Mapping[str, Any]]
    """Score -> `value` and `ci95`."""
    gpu: str | None


def main(argv: Sequence[str]) -> int:
    """Train, evaluate, print, write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--families", nargs="+", choices=FAMILIES, default=list(FAMILIES), help="folders of models/")
    parser.add_argument("--epochs", type=int, default=10, help="of training; the demo has ten")
    parser.add_argument("--rounds", type=int, default=1, help="trainings of each family; the seed is the round")
    parser.add_argument("--data", type=Path, default=Path("data"), help="folder of rendered clips and caches")
    parser.add_argument("--set", nargs="+", default=[], metavar="KEY=VALUE", help="settings of all trainings")
    parser.add_argument("--output", type=Path, help="JSON file for the result")
    args = parser.parse_args(argv)
    for name in ("rounds", "epochs"):
        if getattr(args, name) < 1:
            parser.error(f"--{name}={getattr(args, name)}: must be at least 1")
    rounds: dict[str, list[Round]] = {name: [] for name in args.families}
    try:
        for name in args.families:
            require_settings(words(name, 0, args))
        for number in range(args.rounds):
            for name in args.families[:: -1 if number % 2 else 1]:
                found, ceiling = run(name, number, args)
                rounds[name].append(found)
                print(f"round {number + 1} of {args.rounds}, {name}: {found}", flush=True)
    except UserError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    shown = table(rounds, ceiling)
    for row in (shown.columns, *shown.rows):
        print("".join(f"{cell if isinstance(cell, str) else format(cell, ',.4g'):<24}" for cell in row))
    write_result(
        args.output,
        **ABOUT,
        figures=figures(rounds),
        tables=[shown],
        drawings=[drawing(rounds)],
        gpu=rounds[args.families[0]][0].gpu,
        settings={"epochs": args.epochs, "families": {name: FAMILIES[name] for name in rounds}, "set": args.set},
        ceiling=ceiling,
        rounds={name: [asdict(each) for each in found] for name, found in rounds.items()},
    )
    return 0


def words(name: str, seed: int, args: argparse.Namespace) -> list[str]:
    """Return the settings of a training."""
    return [*FAMILIES[name], f"trainer.max_epochs={args.epochs}", f"seed={seed}", *args.set, paths_of(args)]


def paths_of(args: argparse.Namespace) -> str:
    """Return the setting of the folder with clips and caches."""
    return f"paths.data={args.data.resolve()}"


def run(name: str, seed: int, args: argparse.Namespace) -> tuple[Round, float]:
    """Train and evaluate a family once; return its round and the ceiling.

    The ceiling is the best WAR that is possible on these clips, in expectation.
    """
    from omegaconf import OmegaConf

    from emolightning.benchmarks.synthetic.process import ceilings

    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder) / "run"
        training = watched("train.py", [*words(name, seed, args), f"output_dir={place}"], Path(folder))
        answering = watched("eval.py", [f"checkpoint={place}", paths_of(args)], Path(folder))
        metrics = json.loads((place / "metrics.json").read_text(encoding="utf-8"))["metrics"]
        ceiling = ceilings(OmegaConf.load(place / "config.yaml").data.error_rate)[CHANNELS]
    scores = {score: {each: metrics[score][each] for each in ("value", "ci95")} for score in SCORES}
    (noted,) = training
    speeds = clips_per_s(training), clips_per_s(answering)
    return Round(noted.parameters, noted.trained, *speeds, scores, noted.gpu), ceiling


def figures(rounds: Mapping[str, Sequence[Round]]) -> list[Figure]:
    """Return the speed and the score of each family."""
    found = []
    for name, each in rounds.items():
        found += [
            figure(f"{name}: training", [one.training for one in each], "clips/s"),
            figure(f"{name}: evaluation", [one.evaluation for one in each], "clips/s"),
            figure(f"{name}: WAR of the test clips", [100 * one.scores["war"]["value"] for one in each], "%"),
        ]
    return found


def table(rounds: Mapping[str, Sequence[Round]], ceiling: float) -> Table:
    """All families side by side; scores with the 95 % interval of the first round."""
    rows = []
    for name, each in rounds.items():
        first = each[0]
        scores = [
            "{:.3f} ({:.3f} - {:.3f})".format(first.scores[score]["value"], *first.scores[score]["ci95"])
            for score in SCORES
        ]
        speeds = (median(getattr(one, way) for one in each) for way in ("training", "evaluation"))
        rows.append((name, f"{first.parameters:,}", f"{first.trained:,}", *speeds, *scores))
    columns = ("family", "parameters", "trained", "training, clips/s", "evaluation, clips/s", *SCORES.values())
    return Table(f"Test clips, seed 0, 95 % intervals; the best WAR in expectation is {ceiling:.3f}", columns, rows)


def drawing(rounds: Mapping[str, Sequence[Round]]) -> Drawing:
    """Draw the clips/s of training and evaluation, for each family."""
    return Drawing(
        "Clips/s by family",
        "clips/s of one thread",
        bars={
            name: {way: median(getattr(one, way) for one in each) for way in ("training", "evaluation")}
            for name, each in rounds.items()
        },
    )


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
