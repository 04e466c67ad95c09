"""`python -m emolightning pseudo-label run=RUN media=... out=FILE.csv [key=value ...]`: labels for unlabelled clips.

A trained run is asked about clips that nobody has labelled, as by `predict`; what it is sure of becomes an annotation
file, which `train data=custom` reads:

  pseudo-label run=outputs/a media=unlabelled out=pseudo.csv
  pseudo-label run=outputs/a media=unlabelled min_confidence=0.8 agree_with=[outputs/b] max_per_label=500 out=pseudo.csv
  pseudo-label run=outputs/a media=table.csv labelled=my_clips.csv labelled_media=my_clips out=both.csv
  pseudo-label run=outputs/both media=unlabelled out=pseudo.csv        (a folder of `combine`, or a file of `predict`)

The answers are kept beside `out`, and a second call goes on from them. Clips are left out for a confidence that is too
low, for another system that says otherwise, and where a truth is known already; each reason is counted for each label,
on the screen and in a JSON file beside `out`. Rows have the columns confidence and source, and all are of split train;
with labelled=FILE those of that file come first, with their splits. Nothing is written over.

Settings of `predict` that say how a run sees clips (features, modalities, device, batch_size, ...) are taken too.
"""

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import TYPE_CHECKING

from omegaconf import DictConfig

from emolightning.commands.cli import run
from emolightning.commands.combine import vocabulary_of
from emolightning.commands.score import as_list
from emolightning.config.check import check_config
from emolightning.config.command_settings import PseudoLabelConfig
from emolightning.config.composing import composed
from emolightning.config.problems import Problem
from emolightning.config.run_settings import PredictConfig
from emolightning.config.sources import override_key
from emolightning.errors import UserError, override
from emolightning.records.labels import vocabulary

if TYPE_CHECKING:
    from emolightning.data.readers.asked_media import Item
    from emolightning.records.clips import Clip
    from emolightning.runs.ensembles.systems import System

LISTS = ("agree_with", "labels")
"""Settings that are lists, where a single entry is written as itself."""

NOT_PASSED = {"checkpoint", "format", "window", "step"}
"""Settings of `predict` that mean nothing here."""


def main(argv: list[str]) -> int:
    """Compose, check, ask, choose."""
    return run(pseudo_label, "pseudo_label", full_words(argv))


def full_words(argv: Sequence[str]) -> list[str]:
    """The command line as Hydra takes it: settings of `predict` become `settings`.

    >>> full_words(["run=outputs/a", "features=live", "agree_with=outputs/b"])
    ['run=outputs/a', 'agree_with=["outputs/b"]', "settings=['features=live']"]
    """
    own = {item.name for item in fields(PseudoLabelConfig)}
    theirs = {item.name for item in fields(PredictConfig)} | {"generation"}
    passed = [w for w in argv if "=" in w and override_key(w).partition(".")[0] in theirs - own - NOT_PASSED]
    words = [as_list(word, LISTS) for word in argv if word not in passed]
    return [*words, override("settings", passed)] if passed else words


def pseudo_label(cfg: DictConfig) -> int:
    """Ask each system, and write what they are sure of."""
    check_config(cfg, own_problems(cfg))
    from emolightning.runs.ensembles.combine import same_labels
    from emolightning.runs.ensembles.pseudo_labels import (
        Rules,
        choose,
        may_be_labelled,
        require_new_file,
        write_annotations,
    )
    from emolightning.runs.ensembles.systems import System

    out, names = Path(cfg.out), [cfg.run, *cfg.agree_with]
    require_new_file(out)
    _require_alone(names)
    # All of them are composed and checked before the first model is loaded.
    runs = {name: _asking(cfg, name, out, number) for number, name in _models(names)}
    given = {name: _read(cfg, name, number) for number, name in enumerate(names) if name not in runs}
    labels = same_labels([*given.values(), *(System(name, out, "", {}, labels=r.labels) for name, r in runs.items())])
    labelled = _labelled(cfg, labels)
    items = _items(cfg, transcripts=any(each.sees_transcripts for each in runs.values()) or not runs)
    rules = Rules(cfg.min_confidence, cfg.max_per_label, cfg.take_known)
    clips = [item.clip for item in items]
    todo = [item for item, is_open in zip(items, may_be_labelled(clips, labelled, rules), strict=True) if is_open]
    asked = {name: _asked(each, todo, name) for name, each in runs.items()}
    system, *others = [(given | asked)[name] for name in names]
    chosen = choose(clips, system, others, rules, labelled=labelled, split=system.report.get("split"))
    write_annotations(out, chosen, system, others, rules, labelled=labelled)
    return 0


def own_problems(cfg: DictConfig) -> list[Problem]:
    """Settings that do not go together."""
    problems = []
    if (cfg.media is None) == (cfg.data is None):
        problems.append(Problem("media", "say media=FOLDER or data=NAME, one of them: the clips that get labels"))
    if cfg.labelled_media is not None and cfg.labelled is None:
        problems.append(Problem("labelled_media", "is the folder of labelled=FILE; say that as well"))
    if not 0 <= cfg.min_confidence <= 1:
        problems.append(Problem("min_confidence", f"{cfg.min_confidence:g} must be from 0 to 1"))
    if cfg.max_per_label is not None and cfg.max_per_label < 1:
        problems.append(Problem("max_per_label", f"{cfg.max_per_label} must be 1 or more, or null for all"))
    return problems


def _require_alone(names: Sequence[str]) -> None:
    places = [os.path.realpath(Path(name).expanduser()) for name in names]  # resolve() raises at links in a circle
    if repeated := [name for name, place in zip(names, places, strict=True) if places.count(place) > 1]:
        raise UserError(f"agree_with: {repeated[-1]} is named twice, and a system always agrees with itself")
    if int(os.environ.get("WORLD_SIZE", "1")) > 1:
        raise UserError("pseudo-label is one process; let torchrun start `predict`, and give its file: run=FILE")


def _models(names: Sequence[str]) -> Iterator[tuple[int, str]]:
    """Those of the systems that are asked; of the others there are answers."""
    for number, name in enumerate(names):
        path = Path(name).expanduser()
        if path.suffix == ".ckpt" or any((path / part).exists() for part in ("checkpoints", "emolightning.json")):
            yield number, name


@dataclass(frozen=True)
class _Asking:
    """A run that is asked."""

    words: list[str]
    """Its command line of `predict`."""
    labels: tuple[str, ...]
    sees_transcripts: bool


def _asking(cfg: DictConfig, name: str, out: Path, number: int) -> _Asking:
    """How a run is asked, composed and checked."""
    from emolightning.runs.assembly_of_models import inputs_of
    from emolightning.runs.weights import find_weights

    place = Path(name).expanduser()
    find_weights("agree_with" if number else "run", place)
    file = out.with_name(f"{out.stem}.{number}-{place.resolve().stem}.jsonl")
    words = [override("checkpoint", name), override("out", file), "media=none", *cfg.settings]
    with composed("predict", words) as asked:
        check_config(asked)
        if asked.prompt.task != "emotion":
            raise UserError(f"prompt.task={asked.prompt.task}: its answers are no labels; leave it out")
        return _Asking(words, vocabulary(asked.data.labels), "transcript" in inputs_of(asked))


def _items(cfg: DictConfig, *, transcripts: bool) -> "list[Item]":
    """The clips that get labels, of media or of a dataset."""
    from emolightning.data.readers.asked_media import Item, items_of

    if cfg.media is not None:
        return items_of(str(cfg.media))
    from emolightning.runs.assembly_of_clips import clips_of_dataset

    clips = clips_of_dataset(cfg, transcripts=transcripts)
    name = str(cfg.data.name)
    return [Item(clip, None, str(clip.video), "data", name, number) for number, clip in enumerate(clips, start=1)]


def _asked(asking: _Asking, items: "list[Item]", name: str) -> "System":
    """What a run says about the clips; answers that are there already are not asked for again."""
    from emolightning.runs.assembly_of_clips import predictor
    from emolightning.runs.ensembles.systems import Reading, read_system
    from emolightning.runs.predict import Request, predict
    from emolightning.runs.threads import set_num_threads

    with composed("predict", asking.words) as cfg:
        set_num_threads(cfg.num_threads)
        request = Request(
            items, question=cfg.question, task=cfg.prompt.task, out=Path(cfg.out), form="jsonl", overwrite=cfg.overwrite
        )
        done = predict(request, lambda: predictor(cfg))
    failed = sum(done.failed.values())
    print(f"{cfg.out}: {done.answered} answered, {done.skipped} had an answer before, {failed} failed")
    system = read_system(str(cfg.out), "run", Reading())
    return replace(system, name=name, labels=system.labels or asking.labels)  # the file of no answer tells no labels


def _read(cfg: DictConfig, name: str, number: int) -> "System":
    """Answers that are there."""
    from emolightning.runs.ensembles.systems import Reading, read_system

    reading = Reading(vocabulary_of(list(cfg.labels or ())), cfg.columns.id, cfg.columns.answer)
    return read_system(name, "agree_with" if number else "run", reading)


def _labelled(cfg: DictConfig, labels: tuple[str, ...]) -> "list[Clip]":
    """The clips of an annotation file, each with the split that `data=custom` would give it."""
    if cfg.labelled is None:
        return []
    from emolightning.data.readers.annotations import read_custom
    from emolightning.data.readers.splits import assign_splits

    file = Path(cfg.labelled)
    media = file.parent if cfg.labelled_media is None else Path(cfg.labelled_media)
    return assign_splits(read_custom(file, media, labels, needs_transcript=False), seed=cfg.seed)
