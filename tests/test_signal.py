"""The classical descriptors: defined for every clip, and able to tell the synthetic classes apart."""

import time
import warnings

import numpy as np
import pytest

from emolightning.benchmarks.synthetic.clip import FRAME_RATE, make_clip
from emolightning.benchmarks.synthetic.process import ClipPlan, draw_plan
from emolightning.data.media import signal
from emolightning.data.media.signal import (
    FACE_WIDTH,
    MOTION_WIDTH,
    SPEECH_WIDTH,
    describe_face,
    describe_motion,
    describe_speech,
)

RATE = 16000
NUM_TRAIN = 120


@pytest.fixture(autouse=True)
def _no_warnings():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        yield


@pytest.fixture(scope="module")
def clips() -> tuple[list[ClipPlan], dict[str, np.ndarray]]:
    """120 clips of 24 actors to learn from and 60 of 14 others, described without the detour over files."""
    plans = draw_plan(num_train=NUM_TRAIN, num_val=30, num_test=30)
    described: dict[str, list[np.ndarray]] = {"speech": [], "face": [], "motion": [], "picture": []}
    for plan in plans:
        frames, sound = make_clip(plan, 112)
        described["speech"].append(describe_speech(sound, RATE))
        described["face"].append(describe_face(frames))
        described["motion"].append(describe_motion(frames, np.arange(len(frames)) / FRAME_RATE))
        small = frames[len(frames) // 2].reshape(56, 2, 56, 2, 3).mean(axis=(1, 3))
        described["picture"].append(small.ravel() / 255)
    return plans, {name: np.stack(rows) for name, rows in described.items()}


def ridge_accuracy(rows: np.ndarray, classes: list[str], num_train: int) -> float:
    """Least squares on one-hot targets, learnt from the first rows and tested on the others."""
    names, targets = np.unique(classes, return_inverse=True)
    rows = rows - rows[:num_train].mean(axis=0)
    train, test = rows[:num_train], rows[num_train:]
    kernel = train @ train.T
    ridge = 0.01 * np.trace(kernel) / num_train * np.eye(num_train)
    one_hot = np.eye(len(names))[targets[:num_train]]
    weights = np.linalg.solve(kernel + ridge, one_hot - one_hot.mean(axis=0))
    guesses = (test @ (train.T @ weights) + one_hot.mean(axis=0)).argmax(axis=1)
    return float((guesses == targets[num_train:]).mean())


def test_classes_are_told_apart_on_unseen_actors(clips: tuple[list[ClipPlan], dict[str, np.ndarray]]):
    plans, rows = clips
    voices, faces = [plan.voice for plan in plans], [plan.face for plan in plans]
    assert ridge_accuracy(rows["speech"], voices, NUM_TRAIN) >= 0.98
    assert ridge_accuracy(np.hstack([rows["face"], rows["motion"]]), faces, NUM_TRAIN) >= 0.97
    # One picture alone: what a run without face and motion sees.
    assert ridge_accuracy(rows["picture"], faces, NUM_TRAIN) >= 0.85


def test_sound_and_picture_tell_nothing_beyond_their_classes(clips: tuple[list[ClipPlan], dict[str, np.ndarray]]):
    plans, rows = clips
    # Neutral and sad share face and voice: only the words tell them apart.
    alike = [
        i
        for i, plan in enumerate(plans)
        if plan.face == "still" and plan.voice == "quiet" and plan.label in ("neutral", "sad")
    ]
    train = sum(i < NUM_TRAIN for i in alike)
    every = np.hstack([rows["face"], rows["motion"], rows["speech"]])[alike]
    accuracy = ridge_accuracy(every, [plans[i].label for i in alike], train)
    assert abs(accuracy - 0.5) < 4 * 0.5 / np.sqrt(len(alike) - train)


def test_descriptors_have_about_unit_size(clips: tuple[list[ClipPlan], dict[str, np.ndarray]]):
    _, rows = clips
    for name, width in {"speech": SPEECH_WIDTH, "face": FACE_WIDTH, "motion": MOTION_WIDTH}.items():
        assert rows[name].shape == (NUM_TRAIN + 60, width)
        assert rows[name].dtype == np.float32
        assert np.abs(rows[name]).max() < 6
        assert 0.1 < rows[name].std() < 1.5
    assert (SPEECH_WIDTH, FACE_WIDTH, MOTION_WIDTH) == (115, 384, 136)


@pytest.mark.parametrize("num_samples", [1, 2, 100, 399, 400, 401, 641, 16000])
@pytest.mark.parametrize("kind", ["silent", "constant", "noise", "clipped"])
def test_speech_of_any_sound_is_finite(kind: str, num_samples: int):
    noise = np.random.default_rng(0).uniform(-1, 1, num_samples)
    sound = {"silent": 0 * noise, "constant": 0 * noise + 0.5, "noise": noise, "clipped": np.sign(noise)}[kind]
    vector = describe_speech(sound.astype(np.float32), RATE)
    assert vector.shape == (SPEECH_WIDTH,)
    assert np.isfinite(vector).all()
    assert np.abs(vector).max() < 10


@pytest.mark.parametrize("rate", [8000, 22050, 48000])
def test_speech_of_other_sample_rates(rate: int):
    tone = np.sin(2 * np.pi * 200 * np.arange(rate) / rate).astype(np.float32)
    vector = describe_speech(tone, rate)
    assert np.isfinite(vector).all()
    assert vector[4 * signal.NUM_MELS + 1] == pytest.approx(np.log2(200 / 150), abs=0.05)


def test_pitch_is_followed():
    seconds = np.arange(RATE) / RATE
    pitch_hz = 120 * 2**seconds
    phase = 2 * np.pi * np.cumsum(pitch_hz) / RATE
    sound = sum(np.sin(k * phase) / k for k in range(1, 9)) * 0.2
    voiced, level, _, _, trend, slope = describe_speech(sound.astype(np.float32), RATE)[104:110]
    assert voiced > 0.95
    assert level == pytest.approx(np.log2(120 / 150) + 0.5, abs=0.05)
    assert trend == pytest.approx(2 / 3, abs=0.06)
    assert slope == pytest.approx(1.0, abs=0.08)


@pytest.mark.parametrize(
    "shape", [(1, 112, 112, 3), (2, 112, 112, 3), (3, 5, 7, 3), (64, 112, 112, 3), (1, 1, 1, 3), (5, 120, 90, 3)]
)
@pytest.mark.parametrize("kind", ["black", "white", "noise"])
def test_pictures_of_any_kind_are_finite(kind: str, shape: tuple[int, ...]):
    noise = np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8)
    frames = {"black": noise * 0, "white": noise * 0 + 255, "noise": noise}[kind]
    face, motion = describe_face(frames), describe_motion(frames, np.arange(len(frames)) / 25)
    assert face.shape == (FACE_WIDTH,)
    assert motion.shape == (MOTION_WIDTH,)
    assert np.isfinite(face).all()
    assert np.isfinite(motion).all()
    assert max(np.abs(face).max(), np.abs(motion).max()) < 10
    if kind != "noise":
        assert not face.any()


def test_repeated_time_stamps_are_survived():
    frames = np.random.default_rng(0).integers(0, 256, (4, 112, 112, 3), dtype=np.uint8)
    assert np.isfinite(describe_motion(frames, np.array([0.0, 0.0, 0.1, 0.1]))).all()


def test_edges_are_found_in_their_cell_and_direction():
    frames = np.zeros((1, 112, 112, 3), dtype=np.uint8)
    # A vertical edge a quarter into the crop of 72 pixels that starts at 20: cells of 9 pixels, column 2.
    frames[:, :, 20 + 22 :] = 200
    histogram = describe_face(frames).reshape(8, 8, 6)
    assert set(zip(*(axis.tolist() for axis in np.nonzero(histogram)[1:]), strict=True)) == {(2, 0)}


def test_motion_is_found_in_its_cell_and_time():
    frames = np.zeros((17, 112, 112, 3), dtype=np.uint8)
    frames[9:, 84:98, 14:28] = 255
    vector = describe_motion(frames, np.arange(17) / 16)
    energy, steps, lasting = vector[:64].reshape(8, 8), vector[64:72], vector[72:].reshape(8, 8)
    assert np.unravel_index(energy.argmax(), (8, 8)) == np.unravel_index(lasting.argmax(), (8, 8)) == (6, 1)
    assert steps.argmax() == 4


@pytest.mark.parametrize("sound", [np.zeros(0, np.float32), np.zeros((2, 100), np.float32)])
def test_empty_and_stereo_sound_is_refused(sound: np.ndarray):
    with pytest.raises(ValueError, match="waveform of shape"):
        describe_speech(sound, RATE)


def test_empty_pictures_are_refused():
    for shape in ((0, 112, 112, 3), (2, 112, 112), (2, 112, 112, 1), (2, 0, 112, 3)):
        with pytest.raises(ValueError, match="frames of shape"):
            describe_face(np.zeros(shape, np.uint8))
    with pytest.raises(ValueError, match="1 times for 2 frames"):
        describe_motion(np.zeros((2, 8, 8, 3), np.uint8), np.zeros(1))


def test_a_clip_is_described_in_a_few_milliseconds(clips: tuple[list[ClipPlan], dict[str, np.ndarray]]):
    frames, sound = make_clip(clips[0][0], 112)
    times = np.arange(len(frames)) / FRAME_RATE
    durations = []
    for _ in range(10):
        start = time.perf_counter()
        describe_speech(sound, RATE), describe_face(frames), describe_motion(frames, times)
        durations.append(time.perf_counter() - start)
    # Measured 6 ms; the fastest of ten, since the machine may be busy.
    assert min(durations) < 0.02


@pytest.mark.parametrize("seconds", [1.3, 75.0])
def test_blocks_of_windows_give_the_values_of_all_at_once(monkeypatch, seconds):
    time = np.arange(round(seconds * 8000)) / 8000
    sound = (0.4 * np.sin(2 * np.pi * (150 + 20 * np.sin(time)) * time)).astype(np.float32)
    monkeypatch.setattr(signal, "BLOCK", 10**9)
    whole = describe_speech(sound, 8000)
    for block in (50, 6000):
        monkeypatch.setattr(signal, "BLOCK", block)
        np.testing.assert_allclose(describe_speech(sound, 8000), whole, rtol=1e-6, atol=1e-6)
