"""Encoders of frames against the vectors that the published scripts made: from faces, films and pictures."""

import hashlib
import json
import re
from collections import defaultdict
from pathlib import Path

import numpy as np
import pytest
import torch
from parity.frame_encoders import (
    encoder_of,
    faces_of,
    heads_that_fit,
    merbench_recipe,
    squeezed_film,
    vectors,
)
from parity.recorded_features import STEPS, off, recorded, tensors
from PIL import Image

from emolightning.data.media.images import to_model_input
from emolightning.data.media.openface import find_faces
from emolightning.models.encoders.pixels import opencv_resized
from emolightning.models.encoders.positions import parse_positions, window
from emolightning.models.encoders.vit_files import regions


@pytest.fixture(scope="module")
def features(request) -> Path:
    return recorded(request, "golden_features", "features_vision.safetensors")


@pytest.fixture(scope="module")
def second(request) -> Path:
    return recorded(request, "golden_v2", "features.safetensors")


@pytest.fixture(scope="module")
def first(request) -> Path:
    return recorded(request, "golden", "vision.safetensors")


@pytest.fixture(scope="module")
def affect(request) -> Path:
    return recorded(request, "golden_affectgpt", "encoders.safetensors")


def test_vectors_of_merbench_and_mer2024(features):
    faces, encoders, worst = faces_of(features), {}, defaultdict(float)
    for name, expected in tensors(features / "features_vision.safetensors").items():
        if name.startswith("pixels/"):
            continue
        part, model, level, face = re.fullmatch(r"(\w+)/(.+)-(UTT|FRA)/(\w+)", name).groups()
        key = (part, model)
        if key not in encoders:
            encoders[key] = encoder_of(*merbench_recipe(part, model, features))
        worst[key] = max(worst[key], off(vectors(encoders[key], faces[face], level), expected))
    print("\n".join(f"{part}/{model}: {value:.1e}" for (part, model), value in worst.items()))
    assert len(worst) > 1
    assert max(worst.values()) < STEPS


def test_pixels_are_equal_to_the_last_bit(features):
    faces, count = faces_of(features), 0
    for name, expected in tensors(features / "features_vision.safetensors").items():
        if found := re.fullmatch(r"pixels/(.+)/(\w+)\.(\d+)", name):
            encoder = encoder_of(*merbench_recipe("merbench", found[1], features))
            assert np.array_equal(encoder.pixels(faces[found[2]][int(found[3])]), expected), name
            count += 1
    assert count


def test_vectors_of_the_team_s_own_encoders(features):
    faces, expected = faces_of(features), tensors(features / "features_emotion_llama.safetensors")
    for kind, recipe, pattern in (("mae", "mae_340", "mae_*.pth"), ("maeV", "maev_399", "maeVideo*.pth")):
        (weights,) = (features / "models" / "emotion_llama").glob(pattern)
        places = {name: re.fullmatch(rf"{kind}_\d+_(UTT|FRA)(?:_every(\d+))?/(\w+)", name) for name in expected}
        first = next(name for name, place in sorted(places.items()) if place and place[1] == "UTT")
        heads = heads_that_fit(recipe, weights, faces[places[first][3]], expected[first])
        encoder, deviations = encoder_of(recipe, weights, num_heads=heads), []
        for name, place in places.items():
            if place:
                found = vectors(encoder, faces[place[3]], place[1])
                deviations.append(off(found[:: int(place[2])] if place[2] else found, expected[name]))
        print(f"{recipe}: {len(deviations)} vectors, {max(deviations):.1e}")
        assert len(deviations) > 1
        assert max(deviations) < STEPS
    assert all(name.startswith(("mae_", "maeV_")) for name in expected)


def test_positions_are_those_of_the_tables(features):
    rules = {"uniform16": "uniform:16", "uniform64": "uniform:64", "mer2024_two_segments": "ends:16",
             "emotion_llama_8x2": "pairs:8", "v2_16_if_short": "window:16:42"}  # fmt: skip
    for num_frames, table in json.loads((features / "frame_sampling.json").read_text()).items():
        for name, positions in table.items():
            if positions is not None:
                flat = sum(positions, []) if isinstance(positions[0], list) else positions
                assert parse_positions(rules[name])(int(num_frames)) == flat, (num_frames, name)


def test_windows_of_the_second_version_are_numpy_s(second):
    table = json.loads((second / "features.json").read_text())["frame_sampling"]
    streams = {row["numpy_seed"]: np.random.RandomState(row["numpy_seed"]) for row in table}
    for row in sorted(table, key=lambda row: row["call_order_in_seed"]):
        assert window(row["num_frames"], 16, streams[row["numpy_seed"]]) == row["indices"]
    for seed in streams:  # The first clip that is long enough has the window of a clip alone.
        row = next(row for row in table if row["numpy_seed"] == seed and row["num_frames"] > 16)
        assert parse_positions(f"window:16:{seed}")(row["num_frames"]) == row["indices"]


def test_tokens_of_the_second_version(second):
    expected = tensors(second / "features.safetensors")
    about = json.loads((second / "features.json").read_text())
    eva = json.loads((second / "model_config.json").read_text())["eva"]
    weights = second / eva["file"]
    encoder = encoder_of("eva_v2", weights, num_heads=eva["heads"], num_blocks=about["timm_tower"]["depth"])
    pixels = np.stack([encoder.pixels(frame) for frame in expected["frames_u8"]])
    assert hashlib.sha256(pixels.tobytes()).hexdigest() == about["video_preprocess"]["sha256_float32_le"]
    (tokens,) = encoder.encode([expected["frames_u8"]])
    assert off(tokens, expected["video_tokens"][0]) < STEPS


def test_pooling_of_the_second_version(second):
    expected = tensors(second / "features.safetensors")
    names = [name.removesuffix(".in") for name in expected if re.fullmatch(r"video_pool\w*\.in", name)]
    assert names
    for name in names:
        found = regions(torch.from_numpy(expected[f"{name}.in"][0]).float()).numpy()
        assert off(found, expected[f"{name}.out"][0]) < 1e-6


def test_tower_of_the_first_version(first):
    eva = json.loads((first / "model_config.json").read_text())["eva"]
    sizes = {"num_heads": eva["num_heads"], "num_blocks": eva["depth"], "image_size": eva["img_size"]}
    encoder = encoder_of("eva_v1", first / eva["file"], **sizes)
    expected = tensors(first / "vision.safetensors")["ln_vision_out"]
    with torch.inference_mode():
        found = encoder.see(torch.from_numpy(tensors(first / "inputs.safetensors")["image"])).numpy()
    assert off(found, expected.reshape(-1, expected.shape[-1])) < STEPS
    frame = np.random.default_rng(1).integers(0, 256, (37, 53, 3), dtype=np.uint8)
    assert np.array_equal(encoder.pixels(frame), to_model_input(frame, eva["img_size"]))


def test_frames_and_faces_of_affectgpt(affect):
    expected, about = tensors(affect / "encoders.safetensors"), json.loads((affect / "preprocess.json").read_text())
    whole = tensors(affect / "preprocess.safetensors")
    of_frames, of_faces = (encoder_of(name, affect / "clip") for name in ("clip_affectgpt", "clip_affectgpt_faces"))
    clips = sorted(path.stem for path in (affect / "media" / "video").iterdir())
    assert clips
    for clip in clips:
        frames = squeezed_film(affect / "media" / "video" / f"{clip}.mp4", of_frames.decoded_at)
        faces = find_faces(affect / "media" / "openface_face", clip)
        assert of_frames.positions(len(frames)) == about[clip]["video_indices"]
        assert of_faces.positions(faces.num_frames) == about[clip]["face_indices"]
        chosen = frames[of_frames.positions(len(frames))]
        assert np.array_equal(chosen[:, ::16, ::16].transpose(3, 0, 1, 2), whole[f"{clip}.raw_frame_sub"])
        assert off(of_frames.encode([chosen])[0], expected[f"{clip}.frame_clip"][0]) < STEPS
        chosen = np.stack(list(faces.each(of_faces.positions(faces.num_frames))))
        resized = np.stack([opencv_resized(face[..., ::-1], 224) for face in chosen])
        assert np.array_equal(resized[:, ::16, ::16].transpose(3, 0, 1, 2), whole[f"{clip}.raw_face_sub"])
        assert off(of_faces.encode([chosen])[0], expected[f"{clip}.face_clip"][0]) < STEPS
        if f"{clip}.clip_pixel_values" in expected:
            pixels = np.stack([of_faces.pixels(face[..., ::-1]) for face in chosen])
            assert np.array_equal(pixels, expected[f"{clip}.clip_pixel_values"])


def test_a_picture_of_affectgpt(affect):
    picture = np.asarray(Image.open(affect / "media" / "picture.png").convert("RGB"))
    encoder = encoder_of("clip_affectgpt_image", affect / "clip")
    expected = tensors(affect / "encoders.safetensors")["picture.clip"]
    assert off(encoder.encode([[picture]])[0], expected[0]) < STEPS
