"""`augmentation.mixup`: training clips are means of two clips, vectors and targets alike, by (seed, pass, clip)."""

from collections import Counter
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from hydra import compose, initialize_config_dir
from omegaconf import OmegaConf
from test_soft_targets import LABELS, fusion
from vector_factory import WIDTHS

from emolightning.config.check import ConfigError, check_config
from emolightning.config.places import CONFIG_DIR
from emolightning.config.schema import register_schemas
from emolightning.data.loading.examples import ClipDataset
from emolightning.data.loading.sampler import TrainSampler
from emolightning.data.perturbing.augmenting import Augmentation
from emolightning.data.perturbing.mixing import Mixup, mixed, mixed_targets
from emolightning.data.perturbing.perturbing import Perturbing
from emolightning.models.fusion.processor import FusionProcessor
from emolightning.prompt.batching import batch_to_learn
from emolightning.prompt.processor import Loaded
from emolightning.prompt.questions import Questions
from emolightning.records.clips import Clip
from emolightning.records.inputs import InputKind
from emolightning.runs.report.augmented import PASSES, shown_passes
from emolightning.runs.report.clip_cards import ClipCard
from emolightning.runs.report.clips_page import write_clips_page

ORDER = dict(zip(WIDTHS, ("audio", "text", "video"), strict=True))
INPUTS = {name: InputKind("vectors", modality, "x") for name, modality in ORDER.items()}


def clips_of(number: int) -> list[Clip]:
    return [Clip(f"c{each}", Path("c.mp4"), label=LABELS[each % 3], split="train") for each in range(number)]


def test_partners_are_those_of_seed_pass_and_clip() -> None:
    clips, made = clips_of(1500), Mixup(clips_of(1500), 0.4, seed=1)
    first = [made.partner(place, 0) for place in range(1500)]
    assert [Mixup(clips, 0.4, seed=1).partner(place, 0) for place in reversed(range(9))] == first[8::-1]
    assert first[:9] != [made.partner(place, 1) for place in range(9)]
    assert first[:9] != [Mixup(clips, 0.4, seed=2).partner(place, 0) for place in range(9)]
    assert all(0.5 <= each.own <= 1 for each in first)
    shares = torch.distributions.Beta(0.4, 0.4).sample((100_000,))
    expected = float(torch.maximum(shares, 1 - shares).mean())
    assert sum(each.own for each in first) / 1500 == pytest.approx(expected, abs=0.02)
    assert len({each.place for each in first}) == pytest.approx(1500 * (1 - 2.718281828**-1), rel=0.06)


def test_clips_are_mixed_with_their_like() -> None:
    labelled, numbered, both = ({"label": "sad"}, {"valence": 0.5}, {"label": "happy", "valence": -1.0})
    clips = [Clip(f"{n}", Path("c"), **about) for n, about in enumerate([labelled, numbered, both] * 20)]  # type: ignore[arg-type]
    made = Mixup(clips, 1.0, seed=0)
    pairs = {(place % 3, made.partner(place, number).place % 3) for place in range(60) for number in range(5)}
    assert pairs == {(0, 0), (1, 1), (2, 2)}


def test_targets_are_shares_of_both() -> None:
    one, other = (Clip(name, Path("c"), label=name) for name in ("happy", "sad"))
    assert mixed_targets(one, other, 0.75).shares == (("happy", 0.75), ("sad", 0.25))
    assert mixed_targets(one, other, 1.0).shares == (("happy", 1.0),)
    assert [label for label, _ in mixed_targets(one, replace(other, label="happy"), 0.7).shares] == ["happy"]
    judged = replace(other, shares=(("sad", 0.5), ("happy", 0.5)), valence=3.0)
    assert dict(mixed_targets(one, judged, 0.75).shares) == pytest.approx({"happy": 0.875, "sad": 0.125})
    assert mixed_targets(one, judged, 0.75).valence is None
    assert mixed_targets(replace(one, valence=1.0), judged, 0.75).valence == 1.5


def test_the_loss_is_that_of_both_labels_on_the_mean_of_the_vectors() -> None:
    model, processor, examples = fusion()
    one, other = examples[:2]
    half = mixed(one, other, 0.7)
    logprobs = model.label_logprobs(processor.collate([half]), LABELS)[0]
    batch = batch_to_learn(processor.collate, [half, examples[2]])
    assert (len(batch.clips), [len(vectors) for vectors in batch.features.values()]) == (3, [2, 2, 2])
    alone = model.label_logprobs(processor.collate([examples[2]]), LABELS)[0]
    expected = -(0.7 * logprobs[0] + 0.3 * logprobs[1] + alone[2]) / 2
    assert float(model(batch).detach()) == pytest.approx(float(expected), abs=1e-6)
    assert torch.allclose(half.features["face"], 0.7 * one.features["face"] + 0.3 * other.features["face"])
    assert (half.clip.id, half.index) == (one.clip.id, one.index)


@pytest.fixture
def dataset() -> Any:
    """dataset(**augmentation): training examples of ten clips with sequences of different lengths."""
    clips, generator = clips_of(10), torch.Generator().manual_seed(0)
    vectors = {
        name: {
            clip.id: torch.randn(2 + place % 3, width, generator=generator).numpy() for place, clip in enumerate(clips)
        }
        for name, width in WIDTHS.items()
    }
    about = {"features": SimpleNamespace(vectors=vectors), "perturbing": Perturbing(), "clips_of": lambda split: clips}
    asked = Questions({"emotion": ("",)}, "emotion", {"emotion": 1.0}, LABELS)
    corpus: Any = SimpleNamespace(**about, inputs=INPUTS, frames={}, questions=asked)

    def made(training: bool = True, **how: Any) -> ClipDataset:
        augmentation = Augmentation(INPUTS, **how) if how else None
        processor = FusionProcessor("utterance", 4, 2)
        return ClipDataset(corpus, "train", processor=processor, training=training, augmentation=augmentation)

    return made


def test_an_example_is_the_mean_of_two_that_go_without_the_same_inputs(dataset: Any) -> None:
    how: dict[str, Any] = {"seed": 3, "modality_dropout": 0.3, "vector_noise": (0, 10)}
    plain, both = dataset(**how), dataset(**how, mixup=1.0)
    gone = Counter[str]()
    for place in range(10):
        partner, removed = both.mixup.partner(place, 2), both.augmentation.removed(f"c{place}", 2)
        gone.update(removed)
        one, other, found = plain[2, place], plain[2, partner.place], both[2, place]
        noisy = {
            name: plain.augmentation.changed(Loaded(streams=plain._streams(partner.place)), other.clip.id, 2)
            for name in INPUTS
        }
        for name, vectors in found.features.items():
            second = (
                torch.zeros_like(vectors) if name in removed else noisy[name].streams[name].mean(dim=0, keepdim=True)
            )
            assert torch.equal(vectors, one.features[name] * partner.own + second * (1 - partner.own))
        assert dict(found.clip.shares)[str(found.clip.label)] >= partner.own
        assert (found.clip.id, found.index, found.removed) == (f"c{place}", place, removed)
    assert len(gone) == 3


def test_ranks_and_order_change_nothing(dataset: Any) -> None:
    mixing, found = dataset(mixup=0.5, masked_values=0.3), []
    for ranks in (1, 2):
        samplers = [
            TrainSampler(10, batch_size=4 // ranks, seed=0, rank=rank, world_size=ranks) for rank in range(ranks)
        ]
        steps = [[key for batch in batches for key in batch] for batches in zip(*samplers, strict=True)]
        found.append([[mixing[key] for key in step if not key.is_borrowed] for step in steps])
    for alone, together in zip(*found, strict=True):
        assert [example.clip for example in alone] == [example.clip for example in together]
        assert all(
            torch.equal(vectors, other.features[name])
            for one, other in zip(alone, together, strict=True)
            for name, vectors in one.features.items()
        )


def test_models_that_do_not_learn_shares_are_refused_before_anything_is_read() -> None:
    register_schemas()
    with initialize_config_dir(str(CONFIG_DIR), version_base="1.3"):
        cfg = compose("train", overrides=["model=fusion/attention", "augmentation.mixup=0.4"])
    check_config(cfg)
    said = "augmentation.mixup: mixes shares of one label a clip, and prompt.task=multi-label learns several"
    for key, value in (("task", "multi-label"), ("tasks.multi-label", 1.0)):
        other = cfg.copy()
        OmegaConf.update(other, f"prompt.{key}", value, force_add=True)
        with pytest.raises(ConfigError, match=said):
            check_config(other)


def test_a_page_says_what_a_clip_is_mixed_with(tmp_path: Path) -> None:
    clips = [replace(clip, id=f"<{clip.id}>") for clip in clips_of(5)]
    corpus: Any = SimpleNamespace(inputs=INPUTS, features=SimpleNamespace(vectors={}), clips_of=lambda split: clips)
    augmentation = Augmentation(INPUTS, mixup=0.6)
    rows = shown_passes(corpus, "<c1>", augmentation)
    assert [row.kind for row in rows] == ["vectors"] * 3 + ["targets"]
    mixup = Mixup(clips, 0.6, seed=0)
    partners = [mixup.partner(1, number) for number in range(PASSES)]
    write_clips_page(tmp_path / "p.html", [ClipCard(clips[1], passes=rows)], title="x", total=5, settings="")
    page = (tmp_path / "p.html").read_text(encoding="utf-8")
    for each in partners:
        assert f"<td>{1 - each.own:.0%} of &lt;c{each.place}&gt;: {clips[1].label} " in page
    assert shown_passes(corpus, "elsewhere", augmentation)[-1].name == "face"
