"""Stored vectors beside fresh ones: what differs, by how much, and of which clip."""

import numpy as np
import pytest

from emolightning.data.stores.comparing import HALF_TOLERANCE, compare
from emolightning.data.stores.loaded import Vectors
from emolightning.errors import UserError

RNG = np.random.default_rng(3)
FRESH = {f"clip{number}": RNG.standard_normal((2, 50)).astype(np.float32) for number in range(4)}


def fresh(clip_id: str) -> np.ndarray:
    if clip_id == "mute":
        raise UserError("mute.mp4: no sound")
    return FRESH[clip_id]


def test_equal_stores_differ_by_nothing_and_clips_that_are_not_stored_are_left_out():
    found = compare(Vectors.of(FRESH), fresh, [*FRESH, "other"])
    assert found.differences == dict.fromkeys(FRESH, 0.0)
    assert found.problems("speech") == []
    assert found.described("speech").startswith("speech: 4 stored vectors compared with fresh ones; they differ by 0 (")


@pytest.mark.parametrize(("change", "is_told"), [(1e-6, False), (1e-3, True), (float("nan"), True)])
def test_the_largest_difference_is_told_with_its_clip(change, is_told):
    stored = {clip_id: array.copy() for clip_id, array in FRESH.items()}
    stored["clip2"][1, 7] += change * np.abs(FRESH["clip2"]).max()
    found = compare(Vectors.of(stored), fresh, list(FRESH))
    assert [problem.split(":")[1] for problem in found.problems("speech")] == [" clip2"] * is_told
    if change == 1e-3:
        assert found.largest == ("clip2", pytest.approx(1e-3, rel=1e-3))
        assert "they differ by 0.001 (clip2)" in found.described("speech")


def test_rounding_to_half_precision_is_within_its_own_tolerance():
    stored = {clip_id: array.astype(np.float16).astype(np.float32) for clip_id, array in FRESH.items()}
    found = compare(stored, fresh, list(FRESH))
    assert len(found.problems("face")) == 4
    assert found.problems("face", tolerance=HALF_TOLERANCE) == []


def test_other_shapes_and_clips_that_fail_are_named():
    found = compare({"clip0": FRESH["clip0"][:1], "mute": FRESH["clip1"]}, fresh, ["clip0", "mute"])
    assert found.largest is None
    assert found.problems("speech") == [
        "speech: clip0: has shape (1, 50) stored and (2, 50) fresh; the store was made by another recipe or from "
        "another file; extract it again",
        "speech: mute: no fresh vector to compare with: mute.mp4: no sound",
    ]
    assert found.described("speech") == "speech: no stored vector could be compared with a fresh one"


def test_a_fresh_vector_of_zeros_is_not_divided_by():
    (difference,) = compare({"a": np.ones((1, 3))}, lambda clip_id: np.zeros(3), ["a"]).differences.values()
    assert difference == float("inf")
