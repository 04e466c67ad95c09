"""The preprocessing is equal to upstream's to the last bit."""

import hashlib
import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from emolightning.data.media.images import normalise, resize, to_model_input

GOLDEN = Path(__file__).resolve().parents[2] / "shared" / "data" / "golden" / "image"

needs_golden = pytest.mark.skipif(not GOLDEN.is_dir(), reason=f"no recorded tensors in {GOLDEN}")


def picture(name: str) -> np.ndarray:
    return np.asarray(Image.open(GOLDEN / name).convert("RGB"))


@needs_golden
@pytest.mark.parametrize("size", [448, 112])
@pytest.mark.parametrize(("key", "name"), [("frame", "frame_sample_00002422.png"), ("synthetic", "synthetic.png")])
def test_equal_to_torchvision_to_the_last_bit(key, name, size):
    recorded = json.loads((GOLDEN / "preprocess.json").read_text())[f"{key}_{size}"]
    resized = resize(picture(name), size)
    with np.load(GOLDEN / "preprocess.npz") as tensors:
        np.testing.assert_array_equal(resized, tensors[f"{key}_{size}_resized_uint8_chw"].transpose(1, 2, 0))
    values = to_model_input(picture(name), size)
    assert values.shape == (3, size, size)
    assert values.dtype == np.float32
    assert hashlib.sha256(np.ascontiguousarray(values).tobytes()).hexdigest() == recorded["sha256_float32"]


@needs_golden
def test_equal_to_recorded_values():
    with np.load(GOLDEN / "preprocess.npz") as tensors:
        values = to_model_input(picture("synthetic.png"), 448)
        np.testing.assert_array_equal(values, tensors["synthetic_448_tensor"])
        values = to_model_input(picture("frame_sample_00002422.png"), 448)
        np.testing.assert_array_equal(values[:, [0, 223, 447]], tensors["frame_448_tensor_rows_0_223_447"])


def test_two_steps_are_one():
    frame = np.random.default_rng(0).integers(0, 256, size=(30, 50, 3), dtype=np.uint8)
    resized = resize(frame, 16)
    assert resized.shape == (16, 16, 3)
    assert resized.dtype == np.uint8
    np.testing.assert_array_equal(normalise(resized), to_model_input(frame, 16))


def test_a_frame_of_the_right_size_is_only_normalised():
    frame = np.zeros((4, 4, 3), dtype=np.uint8)
    frame[..., 2] = 255
    values = to_model_input(frame, 4)
    np.testing.assert_allclose(values[0], -0.48145466 / 0.26862954, rtol=1e-6)
    np.testing.assert_allclose(values[2], (1 - 0.40821073) / 0.27577711, rtol=1e-6)
