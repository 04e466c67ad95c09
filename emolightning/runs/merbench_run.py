"""MERBench's protocol on the vectors of a dataset: what was done is kept fold by fold, and gone on from."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import torch
from omegaconf import DictConfig
from safetensors.torch import load_file, save_file
from torch import Tensor

from emolightning.config.building import build
from emolightning.config.families import family_of
from emolightning.data.loading.corpus import Corpus
from emolightning.data.loading.examples import ClipDataset
from emolightning.errors import UserError
from emolightning.files.documents import read_json_object
from emolightning.files.writing import write_json, written_whole
from emolightning.models.family import Sees
from emolightning.models.fusion.search_space import space_of
from emolightning.runs.assembly_of_data import read_corpus
from emolightning.runs.assembly_of_models import build_processor, plain
from emolightning.runs.merbench import Fold, Outputs, Recipe, Rows, draw, folds_of, summarised, train_fold
from emolightning.runs.seeds import spread

OF_TRAINING = ("lr", "grad_clip")
"""Settings that are drawn and not the network's."""


@dataclass(frozen=True)
class Task:
    """Everything that the folds of a run share."""

    folder: Path
    family: Any
    model: Mapping[str, Any]
    """The group `model`, resolved."""
    sees: Sees
    train: Rows
    tests: Mapping[str, Rows]
    recipe: Recipe
    folds: int
    data: str
    """Hash of vectors and annotations: folds of other data are not taken for these."""

    def scores(self, drawn: Mapping[str, float], seed: int) -> dict[str, dict[str, float]]:
        """`cv` and each test, with some settings."""
        places = folds_of(len(self.train), self.folds, seed=seed)
        done = [self._fold(drawn, seed, number, *place) for number, place in enumerate(places)]
        return summarised(done, self.tests)

    def _fold(self, drawn: Mapping[str, float], seed: int, number: int, learned: Tensor, held_out: Tensor) -> Fold:
        recipe = replace(self.recipe, lr=drawn["lr"], grad_clip=drawn["grad_clip"])
        own = {name: value for name, value in drawn.items() if name not in OF_TRAINING}
        model = {**self.model, "network": {**self.model["network"], **own}}
        about = [model, asdict(recipe), seed, number, self.folds, self.data]
        key = hashlib.sha256(json.dumps(about, sort_keys=True).encode()).hexdigest()[:16]
        note, values = self.folder / "folds" / f"{key}.json", self.folder / "folds" / f"{key}.safetensors"
        if note.exists():
            return _read(note, values, self.tests)
        with torch.random.fork_rng():
            torch.manual_seed(seed * 1_000_003 + number)
            classifier = self.family.build(model, sees=self.sees)
        rows, held = self.train.at(learned), self.train.at(held_out)
        fold = train_fold(classifier.network, rows, held, self.tests, recipe, seed=seed * 1_000_003 + number)
        _write(fold, note, values)
        return fold


def _write(fold: Fold, note: Path, values: Path) -> None:
    note.parent.mkdir(parents=True, exist_ok=True)
    said = {"held_out": fold.held_out, **fold.tests}
    tensors = {f"{name}.logits": each.logits.contiguous() for name, each in said.items()}
    tensors |= {f"{name}.valence": each.valence.contiguous() for name, each in said.items() if each.valence is not None}
    with written_whole(values) as place:
        save_file(tensors, place)
    write_json(note, {"epoch": fold.epoch, "scores": fold.scores})  # Last: it says that the fold is done.


def _read(note: Path, values: Path, tests: Mapping[str, Rows]) -> Fold:
    about, tensors = read_json_object(note), load_file(values)
    said = {n: Outputs(tensors[f"{n}.logits"], tensors.get(f"{n}.valence")) for n in ("held_out", *tests)}
    return Fold(about["epoch"], about["scores"], said["held_out"], {name: said[name] for name in tests})


def measured(cfg: DictConfig) -> dict[str, Any]:
    """The protocol, from the vectors to the mean over repeats; also written as `merbench.json`.

    Raises:
        UserError: the model is no fusion network, or there is nothing to test on.
    """
    task = _task(cfg)
    network = task.model["network"]["_target_"].rpartition(".")[2].removesuffix("Settings")
    name = "".join(f"_{letter.lower()}" if letter.isupper() else letter for letter in network).lstrip("_")
    draws = [draw(name, seed=cfg.seed + number) for number in range(cfg.draws)]
    distinct = list({json.dumps(each, sort_keys=True): each for each in draws}.values())
    tried = []
    for number, drawn in enumerate(distinct):
        metric = task.scores(drawn, cfg.seed)["cv"]["metric"]
        print(f"draw {number + 1} of {len(distinct)}: cv {metric:.4f} with {drawn}", flush=True)
        tried.append((metric, drawn))
    _, best = max(tried, key=lambda each: each[0])
    repeats = [task.scores(best, cfg.seed + number) for number in range(cfg.repeats)]
    scores = {
        part: {score: asdict(spread([each[part][score] for each in repeats])) for score in repeats[0][part]}
        for part in repeats[0]
    }
    result = {"network": name, "best": best, "num_draws": len(draws), "scores": scores, "space": _listed(name)}
    write_json(task.folder / "merbench.json", result)
    return result


def _listed(network: str) -> dict[str, list[float]]:
    return {name: list(values) for name, values in space_of(network).items()}


def described(result: Mapping[str, Any]) -> str:
    """The settings that were best, and a line for each set of clips."""
    lines = [f"best of {result['num_draws']} draws: {result['best']}"]
    for part, scores in result["scores"].items():
        said = [f"{name} {each['mean']:.4f} +- {each['sd'] or 0:.4f}" for name, each in scores.items()]
        lines.append(f"{part}: {', '.join(said)}")
    return "\n".join(lines)


def _task(cfg: DictConfig) -> Task:
    family, model = family_of(cfg.model), plain(cfg.model)
    if family.name != "fusion":
        raise UserError("merbench is for fusion networks; say model=fusion/attention, or another of them")
    torch.set_num_threads(cfg.num_threads)
    corpus = read_corpus(cfg)
    sees = Sees(tuple(corpus.inputs), corpus.features.widths, corpus.source.labels)
    classifier = build(model, "model", **{**asdict(sees), "inputs": list(sees.inputs), "labels": list(sees.labels)})
    splits = {split: [clip for clip in corpus.clips if clip.split == split] for split in ("train", "val", "test")}
    learned = [split for split in ("train", "val") if splits[split]]
    if not learned or not splits["test"]:
        raise UserError(
            f"data={corpus.source.name}: needs clips to train on and clips in the split test; of data=mer2023 and "
            "mer2024 the former are the labels that data.train=FILE names"
        )
    parts = [_rows(cfg, corpus, split, classifier.places) for split in learned]
    return Task(
        folder=Path(cfg.output_dir),
        family=family,
        model=model,
        sees=sees,
        train=_joined(parts),
        tests={"test": _rows(cfg, corpus, "test", classifier.places)},
        recipe=Recipe(epochs=cfg.epochs, batch_size=cfg.fold_batch_size),
        folds=cfg.folds,
        data=f"{corpus.features.hash()}/{corpus.summary()['annotations_sha256']}",
    )


def _rows(cfg: DictConfig, corpus: Corpus, split: str, places: list[list[str]]) -> Rows:
    """The clips of a split as a network reads them.

    Raises:
        UserError: clips without a label.
    """
    dataset = ClipDataset(corpus, split, processor=build_processor(cfg))
    examples, labels = [dataset[0, index] for index in range(len(dataset))], corpus.source.labels
    if unknown := [example.clip.id for example in examples if example.clip.label not in labels]:
        raise UserError(f"split {split}: {len(unknown)} clips have no label, e.g. {unknown[0]}")
    streams = [
        torch.stack([torch.cat([e.features[n].float() for n in names], dim=-1) for e in examples]) for names in places
    ]
    if cfg.model.level == "utterance":
        streams = [stream[:, 0] for stream in streams]
    valences = [example.clip.valence for example in examples]
    has_all = cfg.model.valence and None not in valences
    if cfg.model.valence and not has_all:
        raise UserError(f"model.valence=true: clips of split {split} have none; say model.valence=false")
    return Rows(
        streams,
        torch.tensor([labels.index(str(example.clip.label)) for example in examples]),
        torch.tensor(valences, dtype=torch.float32) if has_all else None,
    )


def _joined(parts: list[Rows]) -> Rows:
    valences = [part.valence for part in parts if part.valence is not None]
    return Rows(
        [torch.cat(list(streams)) for streams in zip(*(part.streams for part in parts), strict=True)],
        torch.cat([part.labels for part in parts]),
        torch.cat(valences) if valences else None,
    )
