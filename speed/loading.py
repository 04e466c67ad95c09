r"""Reading clips in this process or in workers: training steps and answers on a run's own data, in alternating rounds.

  python speed/loading.py experiment=demo
  python speed/loading.py data=custom data.annotations=my.csv data.media=clips data.batches_per_epoch=16 \
    precompute_vision=false output=FILE.json

Takes all settings of train.py. A pass is an epoch of training, or the answers to the validation split, with the start
and the end of its workers, as in a run. docs/reference/performance.md says what was found.
"""

import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

if __name__ == "__main__":  # Python put this file's folder first; the checkout belongs there, to be what is measured.
    sys.path[0] = str(Path(__file__).resolve().parents[1])

from omegaconf import DictConfig  # noqa: E402

from emolightning.commands.cli import run  # noqa: E402
from emolightning.config.check import check_config  # noqa: E402
from emolightning.config.problems import Problem  # noqa: E402

if TYPE_CHECKING:
    from emolightning.data.loading.datamodule import ClipDataModule
    from emolightning.records.clips import SequenceBatch
    from speed.figures import Figure
    from speed.recipes import Measurement
    from speed.rounds import Column

PHASES = ("training", "evaluation")
ABOUT: dict[str, Any] = {"part": "Reading", "question": "Does reading clips in workers pay?"}


def main(cfg: DictConfig) -> None:
    """Build, measure, print, write."""
    wrong = not cfg.workers or min(cfg.workers) < 0 or len(set(cfg.workers)) < len(cfg.workers)
    said = f"must be different numbers from 0, not {list(cfg.workers)}"
    check_config(cfg, [Problem("workers", said)] if wrong else [])
    import torch

    from emolightning.data.loading.datamodule import ClipDataModule
    from emolightning.runs.assembly import build_learner
    from emolightning.runs.assembly_of_data import loading_of, read_corpus
    from emolightning.runs.assembly_of_models import build_processor, plain
    from emolightning.runs.quiet import quiet_libraries
    from emolightning.runs.vision_pass import precompute_vision
    from speed.figures import write_result
    from speed.machine import Peak, describe_device, pick_device
    from speed.result import describe_columns, ratios, settings_of
    from speed.rounds import alternate

    quiet_libraries()
    torch.set_num_threads(cfg.num_threads)
    device = pick_device("cpu" if cfg.trainer.accelerator == "cpu" else "auto")
    corpus, processor = read_corpus(cfg), build_processor(cfg)
    learner = build_learner(cfg, corpus)
    learner.model.to(device)
    seen, wanted = [*corpus.clips_of("train"), *corpus.clips_of("val")], cfg.precompute_vision
    visual = precompute_vision(corpus, processor, learner.model, seen, device, is_wanted=wanted)
    data = ClipDataModule(corpus, processor, loading_of(cfg), visual=visual)
    columns = _columns(cfg, data, learner.model, device)
    is_complete = alternate(
        columns, cfg.rounds, lambda number: print(f"round {number + 1} of {cfg.rounds}", flush=True)
    )
    if not any(column.rounds for column in columns):
        raise KeyboardInterrupt
    described = describe_columns(columns, None)
    result = {
        "settings": settings_of(plain(cfg), Path.cwd()),
        "machine": describe_device(device, Peak(None, "not measured")),
        "columns": described,
        "ratios": {name: ratios(found, described[columns[0].name]) for name, found in described.items()},
        "is_complete": is_complete,
    }
    print("\n".join(table(result)))
    write_result(cfg.output, **ABOUT, figures=figures(result), gpu=result["machine"]["gpu"], **result)


def figures(result: dict[str, Any]) -> "list[Figure]":
    """How long steps wait for batches, and clips/s of each number of workers over those of the first."""
    from speed.figures import Figure, figure

    first = next(iter(result["columns"]))
    waits = {
        name: [100 * each["waiting_share"] for each in phases["training"]["rounds"]]
        for name, phases in result["columns"].items()
    }
    waiting = [figure(f"waiting in a training step: {name}", shares, "%") for name, shares in waits.items()]
    compared = [
        Figure(f"{phase}: {name} / {first}", spread["median"], "x", spread["min"], spread["max"], rounds)
        for name, phases in result["ratios"].items()
        for phase in PHASES
        if name != first and (spread := phases[phase]["samples_per_s"])
        if (rounds := len(result["columns"][name][phase]["rounds"]))
    ]
    return [*waiting, *compared]


def _columns(cfg: DictConfig, data: "ClipDataModule", model: Any, device: Any) -> "list[Column]":
    """One for each number of workers, all on the same model."""
    import torch

    from emolightning.config.building import build
    from emolightning.config.command_settings import Recipe
    from speed.recipes import Subject, on_device
    from speed.rounds import Column, Work

    size = data.batch_size
    settings = Recipe(batch_size=size, precision=cfg.trainer.precision, attention="sdpa")
    recipe = on_device(settings, device)
    subject = Subject(model, device, build(cfg.optimizer, "optimizer"), cfg.answer_tokens)
    columns = []
    for number in cfg.workers:
        train, val = Epochs(data, "train", number), Epochs(data, "val", number)
        scaler = torch.amp.GradScaler(device.type, enabled=recipe.precision == "16-mixed")
        work = {phase: Work(each.num_clips(), 0, 0) for phase, each in zip(PHASES, (train, val), strict=True)}
        steps: dict[str, Callable[[], Measurement]] = {
            "training": partial(subject.train, recipe, train, scaler),
            "evaluation": partial(subject.answer, recipe, val),
        }
        columns.append(Column(f"data.num_workers={number}", steps, work))
    return columns


class Epochs(Sequence["SequenceBatch"]):
    """The batches of a split, read anew in each pass.

    Args:
        data: ready for loaders.
        split: `train` or `val`.
        num_workers: of the loader.
    """

    def __init__(self, data: "ClipDataModule", split: str, num_workers: int):
        self.data = data
        self.split = split
        self.num_workers = num_workers

    def _loader(self, num_workers: int) -> Any:
        from emolightning.data.loading.datamodule import ClipDataModule

        loading = replace(self.data.loading, num_workers=num_workers)
        data = ClipDataModule(self.data.corpus, self.data.processor, loading, visual=self.data.visual)
        return data.train_dataloader() if self.split == "train" else data.val_dataloader()

    def __len__(self) -> int:
        return len(self._loader(0))

    def __getitem__(self, number: Any) -> Any:
        """Read here: the step that is not timed needs no workers."""
        return list(self._loader(0))[number] if number else next(iter(self._loader(0)))

    def __iter__(self) -> "Iterator[SequenceBatch]":
        return iter(self._loader(self.num_workers))

    def num_clips(self) -> int:
        """Clips of a pass."""
        return sum(len(batch.clips) for batch in self._loader(0))


def table(result: dict[str, Any]) -> list[str]:
    """Samples per second, their ratio over the first column, with the range over the rounds; waiting for batches."""
    from speed.result import shown

    head = f"{'':<20}{'training, samples/s':>28}{'ratio':>22}{'evaluation, samples/s':>28}{'ratio':>22}"
    lines = [f"{head}{'waiting in training':>24}"]
    for name, found in result["columns"].items():
        cells = []
        for phase in PHASES:
            ratio = result["ratios"][name][phase]["samples_per_s"]
            cells += [f"{shown(found[phase]['samples_per_s'], '.1f'):>28}", f"{shown(ratio, '.2f'):>22}"]
        cells.append(f"{shown(found['training']['waiting_share'], '.1%'):>24}")
        lines.append(f"{name:<20}{''.join(cells)}")
    return lines


if __name__ == "__main__":
    run(main, "loading")
