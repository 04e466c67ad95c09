"""Checks of the data side: a folder in upstream's own layout, read as training reads it."""

import random
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import torch
from data_factory import corpus_of, examples_of
from parity.comparison import Unchecked
from parity.golden import GoldenFolder
from parity.samples import text_of
from parity.subject import Subject
from torch import Tensor

from emolightning.benchmarks.merr.reader import UpstreamRowsData
from emolightning.data.loading.corpus import Corpus
from emolightning.data.stores.features import FolderFeatures
from emolightning.models.emotion_llama.inputs import FEATURES
from emolightning.models.emotion_llama.instructions import instruction_pool, prompt_order
from emolightning.prompt.questions import target_text
from emolightning.records.clips import Example
from emolightning.records.labels import MER9

ITEMS, TENSORS, FOLDER = "dataset.json", "dataset.safetensors", "fake_mer"
SEED = "python_random_seed_before_each_task"
ROWS, COARSE, FINE = "relative_test3_NCEV.txt", "MERR_coarse_grained.json", "MERR_fine_grained.json"


def recompute(golden: GoldenFolder, subject: Subject) -> dict[str, Any]:
    """Content of `dataset.json` and `dataset.safetensors`."""
    if not golden.has(FOLDER) or not golden.has(ITEMS):
        reason = f"needs {FOLDER}/ and {ITEMS}"
        return {ITEMS: Unchecked(reason), TENSORS: Unchecked(reason)}
    recorded = golden.json(ITEMS)
    with TemporaryDirectory(prefix="emolightning-parity-") as cache:
        data = _data(golden.place(FOLDER), subject, Path(cache))
        data.read()
        dataset = examples_of(data, "train")
        examples = [dataset[(0, index)] for index in range(len(dataset))]
        items = [_item(examples, row, question) for row, question in _asked(recorded)]
    tensors: dict[str, Any] = {}
    for index, example in enumerate(examples):
        tensors |= {f"{index}.image": example.images["image"][0], f"{index}.video_features": _vectors(example)}
    about = {
        "items": items,
        "collated_types": _types(examples),
        SEED: Unchecked("an input, which shows in the instructions"),
    }
    return {ITEMS: about, TENSORS: tensors}


def _data(root: Path, subject: Subject, cache: Path) -> Corpus:
    folders = FolderFeatures(root=str(root), face="mae_340_UTT", motion="maeV_399_UTT", speech="HL-UTT")
    tower = subject.model.vision
    assert tower is not None
    return corpus_of(
        UpstreamRowsData, root=str(root), train=ROWS, val_fraction=0.0, coarse=COARSE, fine=FINE, name=FOLDER,
        empty_transcript="upstream", labels=MER9, features=folders,
        image_size=tower.settings.image_size, frame="first", cache=str(cache),
    )  # fmt: skip


def _asked(recorded: dict[str, Any]) -> list[tuple[dict[str, Any], str]]:
    """The recorded items, each with the question that upstream's draws give: the task first, then the instruction."""
    asked, draws, task = [], random.Random(), None
    for row in recorded["items"]:
        if row["task"] != task:
            task, draws = row["task"], random.Random(recorded[SEED])
        draws.choice([task])
        pool = instruction_pool(row["task"], prompt_order(MER9))
        asked.append((row, draws.choice(pool[:1] if row["task"] == "emotion" else pool)))
    return asked


def _item(examples: list[Example], row: dict[str, Any], question: str) -> dict[str, Any]:
    index, task = row["index"], row["task"]
    example = examples[index]
    asked = Example(clip=example.clip, index=index, instruction=question, task=task)
    vectors = _vectors(example)
    return {
        "task": task,
        "index": index,
        "instruction_input": text_of(asked),
        "answer": target_text(example.clip, task),
        "emotion": MER9.index(str(example.clip.label)),
        "image_id": example.clip.id,
        "video_features_shape": list(vectors.shape),
        "video_features_dtype": str(vectors.dtype),
    }


def _vectors(example: Example) -> Tensor:
    """(3, width), in upstream's order."""
    return torch.cat([example.features[name] for name in FEATURES])


def _types(examples: list[Example]) -> dict[str, Any]:
    """Tensors of upstream's batch of two; what is text there is text here."""
    first = examples[:2]
    images = torch.stack([example.images["image"][0] for example in first])
    vectors = torch.stack([_vectors(example) for example in first])
    emotions = torch.tensor([MER9.index(str(example.clip.label)) for example in first])
    text = Unchecked("upstream's container of texts")
    described = {"image": images, "video_features": vectors, "emotion": emotions}
    return {
        **{name: f"{tensor.dtype}{list(tensor.shape)}" for name, tensor in described.items()},
        "instruction_input": text,
        "answer": text,
        "image_id": text,
    }
