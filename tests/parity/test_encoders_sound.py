"""Encoders of sound against vectors that the published scripts wrote, for every clip and recipe that is recorded."""

import json
from collections import defaultdict
from pathlib import Path

import numpy as np
import pytest
import torch
from parity.recorded_features import (
    LONG,
    LONG_MEAN,
    STEPS,
    architecture,
    model_of,
    models,
    off,
    read_wav,
    recorded,
    sinc_resampled,
    sounds,
    tensors,
)

from emolightning.models.encoders.encoder import Encoder, utterance
from emolightning.models.encoders.recipes import read_recipe
from emolightning.models.encoders.speech import SpeechEncoder, SpeechPiecesEncoder, piece_starts
from emolightning.models.encoders.vggish import patches
from emolightning.models.encoders.whisper import WhisperDecoderStates, WhisperStates, averaged

RECIPES = {
    ("mer2023", "hubert"): "hubert_mer2023",
    ("mer2023", "wav2vec2"): "wav2vec2_mer2023",
    ("merbench", "hubert"): "hubert_merbench",
    ("merbench", "wav2vec2"): "wav2vec2_merbench",
    ("merbench", "wavlm"): "wavlm_merbench",
    ("merbench", "data2vec-audio"): "data2vec_audio_merbench",
    ("merbench", "whisper"): "whisper_merbench",
}
"""Script and kind of model -> recipe."""
CLASSES = {each.__name__: each for each in (SpeechEncoder, SpeechPiecesEncoder, WhisperStates, WhisperDecoderStates)}


def built(recipe: str, weights: Path) -> Encoder:
    parameters = {key: value for key, value in read_recipe(recipe).encoder.items() if key != "_target_"}
    name = read_recipe(recipe).encoder["_target_"].rpartition(".")[2]
    return CLASSES[name](**{**parameters, "weights": str(weights)})


@pytest.fixture(scope="module")
def golden(request):
    return recorded(request, "golden_features", "features_audio.safetensors")


@pytest.fixture(scope="module")
def affectgpt(request):
    return recorded(request, "golden_affectgpt", "encoders.safetensors")


@pytest.fixture(scope="module")
def v2(request):
    return recorded(request, "golden_v2", "features.safetensors")


def test_every_recorded_vector_of_sound(golden):
    known, by_recipe = models(golden), defaultdict(dict)
    for key, vectors in tensors(golden / "features_audio.safetensors").items():
        script, _, rest = key.partition("/")
        if script in ("mer2023", "merbench"):
            weights = golden / "models" / model_of(rest, known)
            by_recipe[RECIPES[script, architecture(weights)], weights][rest] = vectors
    assert by_recipe
    for (recipe, weights), expected in by_recipe.items():
        encoder = built(recipe, weights)
        clips = sorted({key.rpartition("/")[2] for key in expected})
        steps = dict(zip(clips, encoder.encode([*sounds(golden, clips).values()]), strict=True))
        for key, vectors in expected.items():
            folder, _, clip = key.rpartition("/")
            is_mean = folder.endswith("-UTT")
            most = LONG_MEAN if is_mean and len(steps[clip]) > LONG else STEPS
            assert off(utterance(steps[clip]) if is_mean else steps[clip], vectors) <= most, (recipe, key)


def test_hidden_states_are_those_of_transformers_4(golden):
    known = models(golden)
    recorded_means = tensors(golden / "features_audio.safetensors")
    keys = [key for key in recorded_means if key.startswith("hidden_mean/")]
    assert keys
    for key in keys:
        _, name, clip = key.split("/")
        weights = golden / "models" / name
        assert name in known
        encoder = SpeechEncoder(weights=str(weights), architecture=architecture(weights))
        means, sound = recorded_means[key], sounds(golden, [clip])[clip]
        assert off(utterance(encoder.encode([sound])[0]), means[-1]) <= STEPS
        encoder = SpeechEncoder(weights=str(weights), architecture=architecture(weights), num_layers=len(means))
        assert off(utterance(encoder.encode([sound])[0]), means.sum(0)) <= STEPS


def test_vggish_patches_are_equal(golden):
    cut = 7000
    wavs = {path.stem: read_wav(path)[0][0] for path in (golden / "audio").glob("*.wav")}
    expected = tensors(golden / "vggish_examples.safetensors")
    assert expected
    for key, examples in expected.items():
        name = key.removeprefix("UTT/")
        candidates = [wavs[name]] if name in wavs else [sound[:cut] for sound in wavs.values()]
        found = [patches(sound, 50) for sound in candidates]
        assert any(each.shape == examples.shape and off(each, examples) <= STEPS for each in found), key


def test_whisper_of_emotion_llama_v2(v2):
    expected = tensors(v2 / "features.safetensors")
    encoder = built("whisper_v2", v2 / "whisper_tiny")
    (steps,) = encoder.encode([expected["audio_int16"].astype(np.float32) / np.float32(32768)])
    assert off(steps, expected["audio_tokens"][0]) <= STEPS
    pooled = [key for key in expected if key.startswith("audio_pool.in_")]
    assert pooled
    for key in pooled:
        states = torch.from_numpy(expected[key][0])
        wanted = expected[key.replace(".in_", ".out_")][0]
        assert off(averaged(states, len(wanted)).numpy(), wanted) <= STEPS, key


def test_pieces_of_affectgpt(affectgpt):
    expected = tensors(affectgpt / "encoders.safetensors")
    described = json.loads((affectgpt / "preprocess.json").read_text())
    encoder = built("hubert_affectgpt", affectgpt / "hubert")
    clips = [clip for clip in described if f"{clip}.hubert" in expected]
    assert clips
    for clip in clips:
        channels, rate = read_wav(affectgpt / "media" / "audio" / f"{clip}.wav")
        sound = np.stack([sinc_resampled(channel, rate) for channel in channels]).mean(0)
        bounds = described[clip]["chunk_bounds_samples"]
        seconds = (bounds[0][1] - bounds[0][0]) // 16000
        num_samples = max(len(sound), seconds * 16000)
        assert piece_starts(num_samples, len(bounds), seconds) == [start for start, _ in bounds]
        assert off(encoder.encode([sound])[0], expected[f"{clip}.hubert"][0]) <= STEPS, clip
