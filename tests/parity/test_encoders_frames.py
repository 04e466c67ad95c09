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
    decord_frames,
    deviation,
    encoder_of,
    faces_of,
    heads_that_fit,
    merbench_recipe,
    recorded_in,
    vectors,
)
from PIL import Image

from emolightning.data.media.images import to_model_input
from emolightning.data.media.openface import find_faces
from emolightning.models.encoders.positions import parse_positions, window
from emolightning.models.encoders.vit_files import regions

TOLERANCE = 1e-5


def folder_of(request: pytest.FixtureRequest, name: str, *marks: str) -> Path:
    """The folder of `--golden=DIR`, if it is of this kind; else the recorded one, where it is."""
    given = request.config.getoption("--golden")
    if given is None:
        return request.getfixturevalue("shared") / name
    missing = [mark for mark in marks if not (Path(given) / mark).exists()]
    if missing:
        pytest.skip(f"--golden={given} is no {name}: it has no {', '.join(missing)}")
    return Path(given).resolve()


@pytest.fixture(scope="module")
def features(request) -> Path:
    return folder_of(request, "golden_features", "features_vision.safetensors", "face")


@pytest.fixture(scope="module")
def second(request) -> Path:
    return folder_of(request, "golden_v2", "features.safetensors", "eva_vit_tiny.pth")


@pytest.fixture(scope="module")
def first(request) -> Path:
    return folder_of(request, "golden", "vision.safetensors", "eva_vit_tiny.pth")


@pytest.fixture(scope="module")
def affect(request) -> Path:
    return folder_of(request, "golden_affectgpt", "encoders.safetensors", "media/video")


def test_vectors_of_merbench_and_mer2024(features):
    faces, encoders, worst = faces_of(features), {}, defaultdict(float)
    for name, recorded in recorded_in(features / "features_vision.safetensors").items():
        if name.startswith("pixels/"):
            continue
        part, model, level, face = re.fullmatch(r"(\w+)/(.+)-(UTT|FRA)/(\w+)", name).groups()
        key = (part, model)
        if key not in encoders:
            encoders[key] = encoder_of(*merbench_recipe(part, model, features))
        worst[key] = max(worst[key], deviation(vectors(encoders[key], faces[face], level), recorded))
    print("\n".join(f"{part}/{model}: {value:.1e}" for (part, model), value in worst.items()))
    assert len(worst) > 1
    assert max(worst.values()) < TOLERANCE


def test_pixels_are_equal_to_the_last_bit(features):
    faces, count = faces_of(features), 0
    for name, recorded in recorded_in(features / "features_vision.safetensors").items():
        if found := re.fullmatch(r"pixels/(.+)/(\w+)\.(\d+)", name):
            encoder = encoder_of(*merbench_recipe("merbench", found[1], features))
            assert np.array_equal(encoder.pixels(faces[found[2]][int(found[3])]), recorded), name
            count += 1
    assert count


def test_vectors_of_the_team_s_own_encoders(features):
    faces, recorded = faces_of(features), recorded_in(features / "features_emotion_llama.safetensors")
    for kind, recipe, pattern in (("mae", "mae_340", "mae_*.pth"), ("maeV", "maev_399", "maeVideo*.pth")):
        (weights,) = (features / "models" / "emotion_llama").glob(pattern)
        places = {name: re.fullmatch(rf"{kind}_\d+_(UTT|FRA)(?:_every(\d+))?/(\w+)", name) for name in recorded}
        first = next(name for name, place in sorted(places.items()) if place and place[1] == "UTT")
        heads = heads_that_fit(recipe, weights, faces[places[first][3]], recorded[first], TOLERANCE)
        encoder, deviations = encoder_of(recipe, weights, num_heads=heads), []
        for name, place in places.items():
            if place:
                found = vectors(encoder, faces[place[3]], place[1])
                deviations.append(deviation(found[:: int(place[2])] if place[2] else found, recorded[name]))
        print(f"{recipe}: {len(deviations)} vectors, {max(deviations):.1e}")
        assert len(deviations) > 1
        assert max(deviations) < TOLERANCE
    assert all(name.startswith(("mae_", "maeV_")) for name in recorded)


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
    recorded = recorded_in(second / "features.safetensors")
    about = json.loads((second / "features.json").read_text())
    heads = json.loads((second / "model_config.json").read_text())["eva"]["heads"]
    weights = second / "eva_vit_tiny.pth"
    encoder = encoder_of("eva_v2", weights, num_heads=heads, num_blocks=about["timm_tower"]["depth"])
    pixels = np.stack([encoder.pixels(frame) for frame in recorded["frames_u8"]])
    assert hashlib.sha256(pixels.tobytes()).hexdigest() == about["video_preprocess"]["sha256_float32_le"]
    (tokens,) = encoder.encode([recorded["frames_u8"]])
    assert deviation(tokens, recorded["video_tokens"][0]) < TOLERANCE


def test_pooling_of_the_second_version(second):
    recorded = recorded_in(second / "features.safetensors")
    names = [name.removesuffix(".in") for name in recorded if re.fullmatch(r"video_pool\w*\.in", name)]
    assert names
    for name in names:
        found = regions(torch.from_numpy(recorded[f"{name}.in"][0]).float()).numpy()
        assert deviation(found, recorded[f"{name}.out"][0]) < 1e-6


def test_tower_of_the_first_version(first):
    eva = json.loads((first / "model_config.json").read_text())["eva"]
    sizes = {"num_heads": eva["num_heads"], "num_blocks": eva["depth"], "image_size": eva["img_size"]}
    encoder = encoder_of("eva_v1", first / eva["file"], **sizes)
    recorded = recorded_in(first / "vision.safetensors")["ln_vision_out"]
    with torch.inference_mode():
        found = encoder.see(torch.from_numpy(recorded_in(first / "inputs.safetensors")["image"])).numpy()
    assert deviation(found, recorded.reshape(-1, recorded.shape[-1])) < TOLERANCE
    frame = np.random.default_rng(1).integers(0, 256, (37, 53, 3), dtype=np.uint8)
    assert np.array_equal(encoder.pixels(frame), to_model_input(frame, eva["img_size"]))


def test_frames_and_faces_of_affectgpt(affect):
    recorded, about = recorded_in(affect / "encoders.safetensors"), json.loads((affect / "preprocess.json").read_text())
    whole = recorded_in(affect / "preprocess.safetensors")
    of_frames, of_faces = (encoder_of(name, affect / "clip") for name in ("clip_affectgpt", "clip_affectgpt_faces"))
    clips = sorted(path.stem for path in (affect / "media" / "video").iterdir())
    assert clips
    for clip in clips:
        frames = np.stack(list(decord_frames(affect / "media" / "video" / f"{clip}.mp4", 224)))
        faces = find_faces(affect / "media" / "openface_face", clip)
        assert of_frames.positions(len(frames)) == about[clip]["video_indices"]
        assert of_faces.positions(faces.num_frames) == about[clip]["face_indices"]
        chosen = frames[of_frames.positions(len(frames))]
        assert np.array_equal(chosen[:, ::16, ::16].transpose(3, 0, 1, 2), whole[f"{clip}.raw_frame_sub"])
        assert deviation(of_frames.encode([chosen])[0], recorded[f"{clip}.frame_clip"][0]) < TOLERANCE
        found = of_faces.encode([faces.read(of_faces.positions(faces.num_frames))])[0]
        assert deviation(found, recorded[f"{clip}.face_clip"][0]) < TOLERANCE
        if f"{clip}.clip_pixel_values" in recorded:
            pixels = np.stack([of_faces.pixels(face[..., ::-1]) for face in faces.read(about[clip]["face_indices"])])
            assert np.array_equal(pixels, recorded[f"{clip}.clip_pixel_values"])


def test_a_picture_of_affectgpt(affect):
    picture = np.asarray(Image.open(affect / "media" / "picture.png").convert("RGB"))
    encoder = encoder_of("clip_affectgpt_image", affect / "clip")
    recorded = recorded_in(affect / "encoders.safetensors")["picture.clip"]
    assert deviation(encoder.encode([[picture]])[0], recorded[0]) < TOLERANCE
