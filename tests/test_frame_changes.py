"""`augmentation.frame_*`: frames of training clips turned, cut, in another light, out of focus."""

from collections.abc import Iterator
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from hydra import compose, initialize_config_dir
from omegaconf import OmegaConf
from PIL import Image, ImageEnhance
from torch.nn import functional

from emolightning.config.check import ConfigError, check_config
from emolightning.config.places import CONFIG_DIR
from emolightning.config.schema import register_schemas
from emolightning.data.media.images import normalise
from emolightning.data.perturbing.augmenting import Augmentation
from emolightning.data.perturbing.frame_changes import FrameChange
from emolightning.errors import UserError
from emolightning.prompt.processor import Loaded
from emolightning.records.inputs import InputKind
from emolightning.runs.report.augmented import PASSES, shown_passes
from emolightning.runs.report.pictures import jpeg_uri

INPUTS = {"image": InputKind("frames", "video", "x"), "face": InputKind("vectors", "video", "x")}
PICTURE = np.random.default_rng(3).integers(0, 256, (24, 31, 3), dtype=np.uint8)
FRAMES = torch.from_numpy(np.stack([normalise(PICTURE), normalise(PICTURE[::-1])]))
ALL: dict[str, Any] = {"frame_flip": 0.5, "frame_jitter": 0.4, "frame_crop": 0.5, "frame_blur": 0.05}


def test_draws_are_those_of_seed_pass_and_clip() -> None:
    made = Augmentation(INPUTS, seed=1, **ALL)
    drawn = [made.frame_change(clip, number) for number in range(2) for clip in "abc"]
    assert len({*drawn}) == 6
    again = Augmentation(INPUTS, seed=1, mixup=0.2, masked_values=0.5, **ALL)
    assert [again.frame_change(clip, number) for number in (1, 0) for clip in "cba"] == drawn[::-1]
    assert replace(made, seed=2).frame_change("a", 0) != drawn[0]
    alone = Augmentation(INPUTS, seed=1, frame_flip=0.5)
    assert [alone.frame_change(clip, 0).is_flipped for clip in "abc"] == [each.is_flipped for each in drawn[:3]]
    many = [made.frame_change(f"c{number}", 0) for number in range(1000)]
    assert sum(each.is_flipped for each in many) == pytest.approx(500, abs=50)
    assert 0.5 <= min(each.side**2 for each in many) < 0.51
    assert all(0.6 <= getattr(each, name) <= 1.4 for each in many for name in ("brightness", "contrast", "saturation"))
    assert 0.049 < max(each.blur for each in many) <= 0.05


def test_all_frames_of_a_clip_are_changed_alike_and_nothing_else_is() -> None:
    loaded = Loaded("said", {"image": FRAMES}, {"face": torch.ones(2, 3)})
    kept = FRAMES.clone()
    made = Augmentation(INPUTS, **ALL)
    found = made.changed(loaded, "a", 0)
    alone = made.changed(Loaded(images={"image": FRAMES[:1]}), "a", 0)
    light = Augmentation(INPUTS, frame_crop=0.5, frame_blur=0.05)
    assert torch.equal(
        light.changed(loaded, "a", 0).images["image"][:1], light.frame_change("a", 0).of_normalised(kept[:1])
    )
    assert found.images["image"].shape == FRAMES.shape == (2, 3, 24, 31)
    assert not torch.allclose(found.images["image"][:1], FRAMES[:1], atol=0.1)
    assert alone.images["image"].shape == (1, 3, 24, 31)
    assert torch.equal(found.streams["face"], loaded.streams["face"])
    assert torch.equal(FRAMES, kept), "frames are shared by all passes"
    assert torch.equal(FrameChange(is_flipped=True).of_normalised(FRAMES), FRAMES.flip(-1))
    assert torch.equal(FrameChange().of_normalised(FRAMES), FRAMES)


@pytest.mark.parametrize(("side", "top", "left"), [(0.7, 0.0, 1.0), (0.5, 0.3, 0.6), (0.93, 1.0, 0.2)])
def test_a_crop_is_that_of_a_sampling_grid(side: float, top: float, left: float) -> None:
    middles = [2 * (start * (1 - side) + side / 2) - 1 for start in (left, top)]
    place = torch.tensor([[[side, 0.0, middles[0]], [0.0, side, middles[1]]]]).repeat(2, 1, 1)
    grid = functional.affine_grid(place, list(FRAMES.shape), align_corners=False)
    expected = functional.grid_sample(FRAMES, grid, padding_mode="border", align_corners=False)
    assert torch.allclose(FrameChange(side=side, top=top, left=left).of_normalised(FRAMES), expected, atol=1e-4)


@pytest.mark.parametrize("blur", [0.03, 0.2])
def test_a_blur_is_a_convolution(blur: float) -> None:
    sigma, reach = blur * 24, 8 if blur < 0.1 else 15
    offsets = torch.arange(-reach, reach + 1)
    weights = torch.exp(-0.5 * (offsets / sigma) ** 2) * (offsets.abs() <= np.ceil(3 * sigma))
    weights /= weights.sum()
    padded = functional.pad(FRAMES, (reach, reach, reach, reach), mode="reflect").reshape(6, 1, 24 + 2 * reach, -1)
    expected = functional.conv2d(padded, torch.outer(weights, weights)[None, None]).reshape(FRAMES.shape)
    assert torch.allclose(FrameChange(blur=blur).of_normalised(FRAMES), expected, atol=1e-5)


@pytest.mark.parametrize("factor", [0.6, 1.4])
@pytest.mark.parametrize(
    ("name", "enhance"),
    [
        ("brightness", ImageEnhance.Brightness),
        ("contrast", ImageEnhance.Contrast),
        ("saturation", ImageEnhance.Color),
    ],
)
def test_light_is_that_of_pillow(name: str, enhance: Any, factor: float) -> None:
    how: dict[str, Any] = {name: factor}
    change = FrameChange(**how)
    expected = np.asarray(enhance(Image.fromarray(PICTURE)).enhance(factor)).astype(int)
    assert np.abs(change.of_picture(PICTURE).astype(int) - expected).max() <= 2  # It rounds greys and products.
    frames = torch.from_numpy(normalise(PICTURE))[None]
    expected_frames = torch.from_numpy(normalise(change.of_picture(PICTURE)))[None]
    assert torch.allclose(change.of_normalised(frames), expected_frames, atol=0.01)


@pytest.fixture
def two_threads() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    yield
    torch.set_num_threads(before)


def test_threads_change_no_bit(two_threads: None) -> None:
    frames = torch.randn(1, 3, 120, 121, generator=torch.Generator().manual_seed(0))  # More than a thread's share.
    change = FrameChange(True, 0.8, 0.3, 0.7, 1.1, 0.8, 1.3, 0.01)
    both = change.of_normalised(frames)
    torch.set_num_threads(1)
    assert torch.equal(change.of_normalised(frames), both)


@pytest.mark.parametrize("name", ALL)
def test_runs_without_frames_are_refused(name: str) -> None:
    with pytest.raises(
        UserError, match=f"augmentation.{name}: is about frames that a vision tower sees, .*it has face"
    ):
        Augmentation({"face": INPUTS["face"]}, **dict.fromkeys([name], ALL[name]))


def test_frames_that_a_tower_sees_once_are_refused_before_anything_is_read() -> None:
    register_schemas()
    with initialize_config_dir(str(CONFIG_DIR), version_base="1.3"):
        cfg = compose("train", overrides=["experiment=smoke", "augmentation.frame_flip=0.5"])
    said = "augmentation.frame_flip: changes frames anew .* the frozen vision tower .*; say precompute_vision=false"
    with pytest.raises(ConfigError, match=said):
        check_config(cfg)
    for words in ("precompute_vision=false", "model.train.vision=lora", "augmentation.frame_flip=0"):
        other: Any = OmegaConf.merge(cfg, OmegaConf.from_dotlist([words]))
        check_config(other)


def test_a_page_shows_a_frame_as_the_passes_have_it() -> None:
    corpus: Any = SimpleNamespace(inputs=INPUTS, features=SimpleNamespace(vectors={}))
    made = Augmentation(INPUTS, input_dropout={"image": 0.5}, **ALL)
    (image, face) = shown_passes(corpus, "c", made, PICTURE)
    assert (image.kind, face.cells) == ("frames", ["kept"] * (PASSES + 1))
    expected = [made.frame_change("c", number).of_picture(PICTURE) for number in range(PASSES)]
    removed = [made.removed("c", number) for number in range(PASSES)]
    assert image.cells == [
        jpeg_uri(PICTURE),
        *("removed" if gone else jpeg_uri(pixels) for pixels, gone in zip(expected, removed, strict=True)),
    ]
    assert set(shown_passes(corpus, "c", made)[0].cells) == {"kept", "removed"}, "a clip without pictures"
