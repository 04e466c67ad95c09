"""The vision tower's one pass: the same vectors as in every step, from whichever clip they are asked for."""

import os
from collections import namedtuple
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from hydra import compose, initialize_config_dir
from media_factory import make_media
from model_factory import make_model

from emolightning.config.places import CONFIG_DIR
from emolightning.config.schema import register_schemas
from emolightning.data.loading.datamodule import ClipDataModule
from emolightning.data.media.choice import parse_frame_choice
from emolightning.data.media.frames import FrameStore
from emolightning.data.stores import visual
from emolightning.data.stores.manifest import read_manifest
from emolightning.data.stores.visual import VisualStore
from emolightning.errors import UserError
from emolightning.models.emotion_llama.inputs import VISUAL
from emolightning.records.clips import Clip
from emolightning.runs.answers import evaluation_key
from emolightning.runs.assembly import build_learner
from emolightning.runs.assembly_of_data import loading_of, read_corpus
from emolightning.runs.assembly_of_models import build_processor, plain
from emolightning.runs.evaluate import describe_evaluation
from emolightning.runs.vision_pass import precompute_vision, tower_on

Usage = namedtuple("Usage", "total used free")


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("visual")


@pytest.fixture
def run(place: Path, tmp_path: Path):
    """Configuration, data and learner of a smoke run with two frames a clip."""
    register_schemas()
    overrides = ["experiment=smoke", f"data.folder={place}/clips", f"data.cache={tmp_path}/cache", "data.frame=even:2"]
    with initialize_config_dir(str(CONFIG_DIR), version_base="1.3"):
        cfg = compose("train", overrides=overrides)
    corpus = read_corpus(cfg)
    return cfg, ClipDataModule(corpus, build_processor(cfg), loading_of(cfg)), build_learner(cfg, corpus)


def batch_of(data, split: str):
    return next(iter(data.evaluation_loader(split)))


def precomputed_of(data, learner, *, shuffle=(), is_wanted: bool = True) -> ClipDataModule:
    """The same data, with the tower's vectors."""
    corpus, processor, model, device = data.corpus, data.processor, learner.model, torch.device("cpu")
    clips = corpus.clips_of("val")
    visual = precompute_vision(corpus, processor, model, clips, device, is_wanted=is_wanted)
    return ClipDataModule(corpus, processor, data.loading, visual=visual, shuffle=shuffle)


def test_a_batch_brings_what_the_tower_would_have_given(run):
    cfg, data, learner = run
    plain = batch_of(data, "val")
    precomputed = batch_of(precomputed_of(data, learner), "val")
    assert plain.images
    assert not precomputed.images
    assert torch.equal(plain.sequence.input_ids, precomputed.sequence.input_ids)
    projected, expected = learner.model.project(precomputed), learner.model.project(plain)
    assert projected.keys() == expected.keys()
    for name, vectors in expected.items():
        torch.testing.assert_close(projected[name], vectors, rtol=1e-5, atol=1e-5)


def test_the_tower_runs_once_per_clip_and_not_again_in_a_second_run(run, monkeypatch):
    cfg, data, learner = run
    tower, calls = learner.model.vision, []
    handle = tower.register_forward_hook(lambda module, inputs, output: calls.append(inputs[0].shape[0]))
    for _ in range(2):
        again = precomputed_of(data, learner)
        for _ in range(3):
            learner.model(batch_of(again, "val"))
    handle.remove()
    assert calls == [2] * len(data.corpus.clips_of("val"))  # Two frames of one clip at a time.


def test_an_exchanged_picture_is_the_other_clip_s(run):
    cfg, data, learner = run
    own = precomputed_of(data, learner).dataset("val")
    other = precomputed_of(data, learner, shuffle=("image",)).dataset("val")
    donor = other.donors["image"][0]
    assert donor != 0
    assert torch.equal(other[(0, 0)].features["image"], own[(0, donor)].features["image"])
    assert torch.equal(other[(0, 0)].features["speech"], own[(0, 0)].features["speech"])


@pytest.mark.parametrize("why", [pytest.param("setting", marks=pytest.mark.slow), "tower learns"])
def test_the_tower_runs_in_every_step_where_it_must(run, why):
    cfg, data, learner = run
    learner.model.vision.requires_grad_(why == "tower learns")
    data = precomputed_of(data, learner, is_wanted=why != "setting")
    assert batch_of(data, "val").images


def make_store(folder: Path, *, tower: str = "a" * 64) -> tuple[VisualStore, Clip]:
    path = folder / "one.mp4"
    clip = Clip(id="one", video=path if path.exists() else make_media(path))
    frames = FrameStore(folder / "cache", choice=parse_frame_choice("middle"), image_size=56, num_workers=1)
    frames.prepare([clip])
    return VisualStore(folder / "cache", frames=frames, tower=tower, streams=VISUAL), clip


def test_vectors_belong_to_a_tower_and_to_a_version_of_the_clip(tmp_path):
    model, other = make_model(), make_model()
    other.vision.tower.embeddings.class_embedding.data *= -1.0
    store, clip = make_store(tmp_path)
    store.prepare([clip], tower_on(model, torch.device("cpu")), bytes_per_clip=1)
    first = store.load(clip, "class_token")
    second_store, _ = make_store(tmp_path, tower="b" * 64)
    second_store.prepare([clip], tower_on(other, torch.device("cpu")), bytes_per_clip=1)
    assert not np.allclose(second_store.load(clip, "class_token"), first)
    assert np.array_equal(store.load(clip, "class_token"), first)
    assert store.load(clip, "image").shape == (4, 4 * 16)


def test_a_full_disk_is_said_before_the_first_clip(tmp_path, monkeypatch):
    store, clip = make_store(tmp_path)
    monkeypatch.setattr(
        "emolightning.data.stores.visual.shutil.disk_usage", lambda path: Usage(10**9, 10**9, 1_500_000_000)
    )
    with pytest.raises(UserError, match=r"need 3.0 GB and 1.5 GB are free.*precompute_vision=false"):
        store.prepare([clip], tower_on(make_model(), torch.device("cpu")), bytes_per_clip=3 * 10**9)


def test_half_precision_is_a_store_of_its_own(tmp_path):
    store, clip = make_store(tmp_path)
    half = VisualStore(tmp_path / "cache", frames=store.frames, tower="a" * 64, streams=VISUAL, dtype="float16")
    for of_type in (store, half):
        of_type.prepare([clip], tower_on(make_model(), torch.device("cpu")), bytes_per_clip=1)
    assert half.load(clip, "image").dtype == np.float16
    assert np.array_equal(half.load(clip, "image"), store.load(clip, "image").astype(np.float16))
    manifest = read_manifest(half.folders["image"])
    assert manifest is not None
    assert (manifest.weights, manifest.dtype, manifest.count) == ("a" * 64, "float16", 1)
    assert manifest.parameters == {"frames": "middle-56"}


def test_vectors_of_an_older_file_are_refused(tmp_path):
    store, clip = make_store(tmp_path)
    with pytest.raises(UserError, match="the vision tower has not seen it"):
        store.load(clip, "image")
    store.prepare([clip], tower_on(make_model(), torch.device("cpu")), bytes_per_clip=1)
    os.utime(clip.video, ns=(1, 1))
    with pytest.raises(UserError, match=r"one.mp4: was changed after the vision tower saw it"):
        store.load(clip, "image")
    clip.video.unlink()
    assert store.load(clip, "image").shape == (4, 4 * 16)


def test_another_tower_with_the_same_beginning_is_refused(tmp_path):
    store, clip = make_store(tmp_path)
    store.prepare([clip], tower_on(make_model(), torch.device("cpu")), bytes_per_clip=1)
    other, _ = make_store(tmp_path, tower="a" * 63 + "b")
    with pytest.raises(UserError, match=r"(?s)holds vectors of vision tower.*weights: a{64} there, a{63}b here"):
        other.prepare([clip], tower_on(make_model(), torch.device("cpu")), bytes_per_clip=1)


def test_time_and_size_are_estimated_before_many_clips(tmp_path, monkeypatch, caplog):
    monkeypatch.setattr(visual, "MANY", 1)
    store, clip = make_store(tmp_path)
    with caplog.at_level("INFO"):
        store.prepare([clip], tower_on(make_model(), torch.device("cpu")), bytes_per_clip=30_000_000)
    assert "vision tower: 1 clips, about 0 minutes, 0.03 GB in data.cache" in caplog.text


def test_another_exchange_is_another_evaluation(run, tmp_path):
    """Else the answers of the first one would be taken for it."""
    cfg, data, learner = run
    facts = SimpleNamespace(split="val", sampling_seed=None, config=plain(cfg))
    keys = set()
    for shuffle in (("image",), ()):
        shuffled: Any = SimpleNamespace(facts=facts, data=precomputed_of(data, learner, shuffle=shuffle))
        for data.corpus.source.seed in (0, 1):
            keys.add(evaluation_key(describe_evaluation(shuffled, learner)))
    assert len(keys) == 3
