"""Encoders of frames: any folder of the right kind, one clip at a time to the bit, bounded memory, clear refusals."""

import hashlib
import json
import tracemalloc
from pathlib import Path

import numpy as np
import pytest
import torch
import transformers
from encoder_folders import make_image_folder
from parity.frame_encoders import encoder_of
from PIL import Image
from safetensors.torch import load_file, save_file

from emolightning.errors import UserError
from emolightning.models.encoders.encoder import CannotEncode, FrameEncoder, utterance
from emolightning.models.encoders.images import ImageEncoder
from emolightning.models.encoders.pixels import opencv_resized
from emolightning.models.encoders.positions import parse_positions, uniform
from emolightning.models.encoders.video_mae import VideoMaeEncoder
from emolightning.models.encoders.vit_files import EvaFileEncoder, MaeFileEncoder, VideoMaeFileEncoder

RECIPES = {
    "clip": "clip_merbench",
    "siglip": "siglip_affectgpt",
    "data2vec-vision": "data2vec_vision_merbench",
    "dinov2": "dinov2_merbench",
    "vit_mae": "vit_mae",
    "resnet": "resnet50",
    "videomae": "videomae_merbench",
}


@pytest.fixture(scope="module")
def folders(tmp_path_factory) -> dict[str, Path]:
    root = tmp_path_factory.mktemp("folders")
    return {kind: make_image_folder(root / kind, kind) for kind in RECIPES}


def film(num_frames: int, height: int = 40, width: int = 50, *, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (num_frames, height, width, 3), dtype=np.uint8)


def plainly(kind: str, folder: Path, frames: np.ndarray) -> np.ndarray:
    """The recipe written with transformers alone."""
    t = transformers
    processor = t.AutoImageProcessor.from_pretrained(folder, backend="pil")
    pixels = torch.from_numpy(np.stack([np.squeeze(processor(Image.fromarray(f)).pixel_values) for f in frames]))
    with torch.inference_mode():
        if kind == "clip":
            return t.CLIPModel.from_pretrained(folder).get_image_features(pixels).pooler_output.numpy()
        if kind == "siglip":
            return t.SiglipModel.from_pretrained(folder).get_image_features(pixels).pooler_output.numpy()
        if kind in ("dinov2", "data2vec-vision"):
            model = t.AutoModel.from_pretrained(folder).eval()
            layers = []
            layer = model.encoder.layer[-1]
            layer.register_forward_hook(lambda *given: layers.append(given[-1]))
            model(pixels)
            return (layers[0][0] if isinstance(layers[0], tuple) else layers[0]).sum(dim=1).numpy()
        if kind == "vit_mae":  # A ViT without a mask is what MAE is then.
            model = t.ViTMAEModel.from_pretrained(folder, mask_ratio=0.0).eval()
            return model(pixels).last_hidden_state[:, 0].numpy()
        if kind == "resnet":
            return t.AutoModel.from_pretrained(folder).eval()(pixels).pooler_output[..., 0, 0].numpy()
        tokens = t.AutoModel.from_pretrained(folder).eval()(pixels[None]).last_hidden_state
        return tokens.reshape(8, 16, 32).mean(dim=1).numpy()


@pytest.mark.parametrize("kind", RECIPES)
def test_a_recipe_is_what_transformers_computes(kind, folders):
    encoder = encoder_of(RECIPES[kind], folders[kind])
    frames = film(19, *([encoder.decoded_at] * 2 if encoder.decoded_at else []))
    chosen = frames[encoder.positions(len(frames))]
    (found,) = encoder.encode([chosen])
    expected = plainly(kind, folders[kind], chosen)
    assert isinstance(encoder, FrameEncoder)
    assert encoder.takes == "frames"
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, expected, rtol=0, atol=2e-6 * np.abs(expected).max())


@pytest.mark.parametrize("kind", ["clip", "dinov2", "resnet", "videomae"])
def test_a_clip_is_the_same_to_the_bit_in_any_company(kind, folders):
    encoder = encoder_of(RECIPES[kind], folders[kind])
    clips = [film(num_frames, seed=num_frames)[encoder.positions(num_frames)] for num_frames in (1, 33, 5, 70)]
    together = encoder.encode(clips)
    alone = [encoder.encode([clip])[0] for clip in reversed(clips)][::-1]
    one_by_one = encoder.encode([(frame for frame in clip) for clip in clips])
    for each in (alone, one_by_one):
        assert all(np.array_equal(first, second) for first, second in zip(together, each, strict=True))
    assert encoder.encode([]) == []


@pytest.mark.parametrize(
    ("kind", "name"),
    [
        ("clip", "vision_model.embeddings.position_ids"),
        ("siglip", "vision_model.embeddings.position_ids"),
        (
            "data2vec-vision",
            "data2vec_vision.encoder.layer.0.attention.attention.relative_position_bias.relative_position_index",
        ),
        ("dinov2", "classifier.weight"),
    ],
)
def test_files_of_older_versions_in_either_format(kind, name, folders, tmp_path):
    """Buffers that transformers once saved, and `pytorch_model.bin`."""
    for path in folders[kind].glob("*.json"):
        (tmp_path / path.name).write_text(path.read_text())
    tensors = load_file(folders[kind] / "model.safetensors")
    torch.save({**tensors, name: torch.arange(17)[None]}, tmp_path / "pytorch_model.bin")
    expected, found = (encoder_of(RECIPES[kind], folder) for folder in (folders[kind], tmp_path))
    frames = film(2, *([expected.decoded_at] * 2 if expected.decoded_at else []))
    chosen = frames[expected.positions(2)]
    assert np.array_equal(found.encode([chosen])[0], expected.encode([chosen])[0])
    assert found.fingerprint != expected.fingerprint
    assert found.side_files == expected.side_files
    assert found.side_files.keys() == {"config.json", "preprocessor_config.json"}


def test_all_tokens_their_mean_and_both_orders_of_colours(folders):
    frames = film(3)
    say = {"weights": folders["dinov2"], "output": "last"}
    tokens = ImageEncoder(**say).encode([frames])[0]
    assert tokens.shape == (3 * 17, 32)
    np.testing.assert_allclose(
        ImageEncoder(**say, pool="mean").encode([frames])[0], tokens.reshape(3, 17, 32).mean(axis=1), atol=1e-6
    )
    assert np.array_equal(ImageEncoder(**say, pool="first").encode([frames])[0], tokens[::17])
    swapped = ImageEncoder(**say, channels="bgr").encode([frames[..., ::-1]])[0]
    assert np.array_equal(swapped, tokens)
    places = ImageEncoder(weights=folders["resnet"], output="last").encode([frames])[0]
    assert places.shape[1] == 12
    pooled = ImageEncoder(weights=folders["clip"], output="pooled").encode([frames])[0]
    assert pooled.shape == (3, 32)


def test_a_thousand_frames_need_the_memory_of_a_chunk(folders):
    encoder = ImageEncoder(weights=folders["clip"], output="projected")
    picture = film(1, 300, 300)[0]
    tracemalloc.start()
    (found,) = encoder.encode([(picture.copy() for _ in range(1000))])
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert found.shape == (1000, 20)
    assert peak < 30_000_000  # All frames together have 270 MB.
    assert utterance(found).shape == (20,)


@pytest.mark.parametrize(
    ("frames", "words"),
    [
        (np.zeros((0, 8, 8, 3), np.uint8), "no frame"),
        (np.zeros((2, 8, 8, 3), np.float32), "float32"),
        (np.zeros((2, 8, 8), np.uint8), r"uint8 \(8, 8\)"),
        (np.zeros((2, 8, 8, 4), np.uint8), r"\(8, 8, 4\)"),
        (np.zeros((2, 0, 8, 3), np.uint8), "with pixels"),
    ],
)
def test_what_is_no_frames_is_refused_by_its_number(folders, frames, words):
    encoder = ImageEncoder(weights=folders["clip"], output="projected")
    with pytest.raises(CannotEncode, match=words) as error:
        encoder.encode([film(1), frames])
    assert error.value.item == 1


def test_frames_of_another_decoder_are_refused(folders):
    encoder = encoder_of("siglip_affectgpt", folders["siglip"])
    assert (encoder.sees, encoder.decoded_at) == ("frames", 224)
    with pytest.raises(CannotEncode, match="50 x 40 pixels; the decoder must give 224 x 224"):
        encoder.encode([film(2)])


def test_a_film_of_another_length_is_refused(folders):
    with pytest.raises(CannotEncode, match="film of 5 frames.*16"):
        VideoMaeEncoder(weights=folders["videomae"]).encode([film(16), film(21)])
    with pytest.raises(UserError, match="every does not give 16"):
        VideoMaeEncoder(weights=folders["videomae"], frames="every")


@pytest.mark.parametrize(
    "text", ["", "all", "uniform", "uniform:0", "uniform:16:1", "window:16", "pairs:-1", "ends:1e3"]
)
def test_an_unknown_rule_names_the_known_ones(text):
    with pytest.raises(UserError, match="uniform:N, ends:N, pairs:N, window:N:SEED"):
        parse_positions(text)


@pytest.mark.parametrize("rule", ["every", "first", "uniform:8", "uniform:7", "ends:16", "pairs:8", "window:16:42"])
def test_positions_are_inside_the_clip_and_of_one_number(rule):
    found = {num_frames: parse_positions(rule)(num_frames) for num_frames in range(1, 400)}
    assert all(min(each) >= 0 and max(each) < num_frames for num_frames, each in found.items())
    if rule != "every":
        assert len({len(each) for each in found.values()}) == 1
    assert found[1] == [0] * len(found[1])


@pytest.mark.parametrize("count", [8, 16, 64])
def test_uniform_is_numpy_s_arange(count):
    for num_frames in range(1, 1200):
        step = num_frames / min(num_frames, count)
        expected = np.arange(0, num_frames, step).astype(int).tolist()
        assert uniform(num_frames, count) == (expected + expected[-1:] * count)[:count]


def test_bytes_are_resized_as_opencv_does():
    # Of OpenCV 5.0.0 (4.11 gives the same): height, width, size, start of the SHA-256 of `cv2.resize`.
    random = np.random.RandomState(5)
    for height, width, size, digest in OPENCV:
        frame = random.randint(0, 256, (height, width, 3)).astype(np.uint8)
        assert hashlib.sha256(opencv_resized(frame, size).tobytes()).hexdigest().startswith(digest)
    assert np.array_equal(opencv_resized(frame[:7, :7], 7), frame[:7, :7])


OPENCV = [
    (32, 32, 224, "c767ef88c3a54171"),
    (112, 96, 224, "807f167ecb8b1edf"),
    (300, 170, 112, "a090db86088bfb3f"),
    (1, 7, 5, "af311acca0ba5b33"),
    (448, 448, 224, "8c9c5657a6564d8b"),
]


def without(folder: Path, name: str) -> Path:
    (folder / name).unlink()
    return folder


def with_values(path: Path, **values) -> None:
    path.write_text(json.dumps({**json.loads(path.read_text()), **values}))


def test_folders_that_hold_something_else_are_refused(tmp_path):
    folder = make_image_folder(tmp_path / "clip", "clip")
    with pytest.raises(UserError, match="output=projected is of CLIP.*'resnet'"):
        ImageEncoder(weights=make_image_folder(tmp_path / "resnet", "resnet"), output="projected")
    with pytest.raises(UserError, match="gives no output=before_norm"):
        ImageEncoder(weights=tmp_path / "resnet", output="before_norm", pool="sum")
    with pytest.raises(UserError, match="pool=sum has nothing to pool"):
        ImageEncoder(weights=folder, output="projected", pool="sum")
    with pytest.raises(UserError, match="none of projected, pooled"):
        ImageEncoder(weights=folder, output="logits")
    with pytest.raises(UserError, match="neither rgb nor bgr"):
        ImageEncoder(weights=folder, output="projected", channels="grb")
    with pytest.raises(UserError, match="'people' is neither frames nor faces"):
        ImageEncoder(weights=folder, output="projected", sees="people")
    with pytest.raises(UserError, match="no such folder"):
        ImageEncoder(weights=tmp_path / "absent", output="projected")
    with pytest.raises(UserError, match="this recipe needs videomae"):
        VideoMaeEncoder(weights=folder)
    with_values(folder / "config.json", model_type="bert")
    with pytest.raises(UserError, match="'bert', which is no image model"):
        ImageEncoder(weights=folder, output="last", pool="first")


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"size": {"shortest_edge": 10**9}}, "size.shortest_edge=1000000000; it must be 1 to 2048"),
        ({"crop_size": {"height": 10**6, "width": 10**6}}, "crop_size"),
        ({"size": {"shortest_edge": "big"}}, "preprocessor_config.json"),
        ({"image_mean": [0.5]}, "preprocessor_config.json"),
        ({"crop_size": {"height": 16, "width": 16}}, "gives no output"),
        ({"image_processor_type": "NoProcessor", "feature_extractor_type": None}, "describes no image processor"),
    ],
)
def test_preprocessing_that_does_not_fit_is_refused(tmp_path, values, words):
    folder = make_image_folder(tmp_path / "clip", "clip")
    with_values(folder / "preprocessor_config.json", **values)
    with pytest.raises(UserError, match=words):
        ImageEncoder(weights=folder, output="projected")


@pytest.mark.parametrize("share", [1e-6, 0, 2, "half"])
def test_a_crop_that_makes_frames_huge_is_refused(tmp_path, share):
    folder = make_image_folder(tmp_path / "resnet", "resnet")
    with_values(folder / "preprocessor_config.json", crop_pct=share)
    with pytest.raises(UserError, match=r"crop_pct=.*; it must be 0.2 to 1"):
        ImageEncoder(weights=folder, output="pooled")


def test_a_folder_without_preprocessing_or_with_a_changed_tensor_is_refused(tmp_path):
    folder = make_image_folder(tmp_path / "dinov2", "dinov2")
    (folder / "preprocessor_config.json").write_text("{")
    with pytest.raises(UserError, match="preprocessor_config.json is not JSON"):
        ImageEncoder(weights=folder, output="before_norm", pool="sum")
    with pytest.raises(UserError, match="no preprocessor_config.json, which says"):
        ImageEncoder(weights=without(folder, "preprocessor_config.json"), output="before_norm", pool="sum")
    tensors = load_file(folder / "model.safetensors")
    save_file(dict(list(tensors.items())[1:]), folder / "model.safetensors", {"format": "pt"})
    with pytest.raises(UserError, match="1 tensor.s. missing"):
        ImageEncoder(weights=folder, output="before_norm", pool="sum")


def make_vit(path: Path, *, tubes: bool = False, depth: int = 2, width: int = 12, **more) -> Path:
    """A file like those of MAE, of VideoMAE's pre-training, or of EVA-CLIP."""
    generator = torch.Generator().manual_seed(depth)

    def draw(*shape: int) -> torch.Tensor:
        return 0.2 * torch.randn(*shape, generator=generator)

    patch = (width, 3, 2, 56, 56) if tubes else (width, 3, 16, 16)
    state = {"patch_embed.proj.weight": draw(*patch), "patch_embed.proj.bias": draw(width)}
    if not tubes:
        state |= {"cls_token": draw(1, 1, width), "pos_embed": draw(1, 1 + 4 * 4, width)}
    for block in range(depth):
        shapes = {"norm1.weight": (width,), "norm1.bias": (width,), "attn.qkv.weight": (3 * width, width),
                  "attn.proj.weight": (width, width), "attn.proj.bias": (width,), "norm2.weight": (width,),
                  "norm2.bias": (width,), "mlp.fc1.weight": (20, width), "mlp.fc1.bias": (20,),
                  "mlp.fc2.weight": (width, 20), "mlp.fc2.bias": (width,)}  # fmt: skip
        shapes |= {"attn.q_bias": (width,), "attn.v_bias": (width,)} if tubes else {"attn.qkv.bias": (3 * width,)}
        state |= {f"blocks.{block}.{name}": draw(*shape) for name, shape in shapes.items()}
    state |= {"norm.weight": draw(width), "norm.bias": draw(width)}
    prefix = "encoder." if tubes else ""
    state = {f"{prefix}{name}": tensor for name, tensor in state.items()}
    state |= {"decoder_embed.weight": draw(4, width), "mask_token": draw(1, 1, 4), **more}
    torch.save({"model": {name: tensor for name, tensor in state.items() if tensor is not None}, "epoch": 3}, path)
    return path


def test_files_of_the_team_s_kind(tmp_path):
    mae = MaeFileEncoder(weights=make_vit(tmp_path / "mae.pth"), num_heads=3)
    assert mae.encode([film(2), film(1)])[0].shape == (2, 12)
    assert mae.pixels(film(1)[0]).shape == (3, 64, 64)
    video = VideoMaeFileEncoder(weights=make_vit(tmp_path / "video.pth", tubes=True), num_heads=3)
    (tokens,) = video.encode([film(30)[video.positions(30)]])
    assert tokens.shape == (8 * 4 * 4, 12)
    assert mae.fingerprint == hashlib.sha256((tmp_path / "mae.pth").read_bytes()).hexdigest()
    with pytest.raises(UserError, match="holds 2 files"):
        MaeFileEncoder(weights=tmp_path, num_heads=3)
    (tmp_path / "video.pth").unlink()
    alone = MaeFileEncoder(weights=tmp_path, num_heads=3)
    assert np.array_equal(alone.encode([film(2)])[0], mae.encode([film(2)])[0])


def test_a_norm_after_the_last_block_is_applied_by_mae_and_left_by_videomae(tmp_path):
    def encoded(kind, tubes: bool, **more) -> np.ndarray:
        encoder = kind(weights=make_vit(tmp_path / "file.pth", tubes=tubes, **more), num_heads=3)
        return encoder.encode([film(16)])[0]

    zeros = torch.zeros(12)
    assert not encoded(MaeFileEncoder, False, **{"norm.weight": zeros, "norm.bias": zeros}).any()
    same = encoded(VideoMaeFileEncoder, True, **{"encoder.norm.weight": zeros, "encoder.norm.bias": zeros})
    assert np.array_equal(same, encoded(VideoMaeFileEncoder, True))


class Evil:
    def __reduce__(self):
        return (Path.touch, (Path("/tmp/frame_encoders_were_here"),))


@pytest.mark.parametrize(
    ("more", "words"),
    [
        ({"blocks.1.mlp.fc1.bias": None}, "1 tensor.s. missing: blocks.1.mlp.fc1.bias"),
        ({"blocks.0.mlp.fc1.weight": None}, "missing: blocks.0.mlp.fc1.weight"),
        ({"patch_embed.proj.weight": None}, "missing: patch_embed.proj.weight"),
        ({"patch_embed.proj.weight": torch.zeros(12, 1, 16, 16)}, "patch_embed.proj.weight .12, 1, 16, 16"),
        ({"blocks.1.norm1.weight": torch.zeros(5)}, "1 tensor.s. of another shape: blocks.1.norm1.weight"),
        ({"blocks.999999.norm1.weight": torch.zeros(12)}, "of 1000000 blocks only 3 are there"),
        ({"extra.weight": torch.zeros(5)}, "1 tensor.s. not of this model: extra.weight"),
        ({"pos_embed": torch.zeros(1, 18, 12)}, "17 positions .* no square"),
        ({"cls_token": torch.zeros(1, 1, 24)}, "of another shape: cls_token"),
        ({"pos_embed": torch.zeros(1, 17, 24)}, "of another shape: pos_embed"),
    ],
)
def test_files_with_something_wrong_are_refused(tmp_path, more, words):
    path = make_vit(tmp_path / "mae.pth", **more)
    with pytest.raises(UserError, match=words) as error:
        MaeFileEncoder(weights=path, num_heads=3)
    assert str(path) in str(error.value)


def test_files_that_are_no_such_thing_are_refused(tmp_path):
    with pytest.raises(UserError, match="5 heads do not divide its width 12"):
        MaeFileEncoder(weights=make_vit(tmp_path / "mae.pth"), num_heads=5)
    with pytest.raises(UserError, match="no tensor called encoder"):
        VideoMaeFileEncoder(weights=tmp_path / "mae.pth", num_heads=3)
    with pytest.raises(UserError, match="is for tubes of"):
        VideoMaeFileEncoder(
            weights=make_vit(tmp_path / "video.pth", tubes=True), num_heads=3, window=5, frames="uniform:5"
        )
    torch.save({"model": {"cls_token": Evil()}}, tmp_path / "evil.pth")
    with pytest.raises(UserError, match="nothing in it was run"):
        MaeFileEncoder(weights=tmp_path / "evil.pth")
    with pytest.raises(UserError, match="absent.pth"):
        MaeFileEncoder(weights=tmp_path / "absent.pth")


def test_the_two_towers_of_one_file(tmp_path):
    path = make_vit(tmp_path / "eva.pth", depth=3, **{"head.weight": torch.zeros(2, 12), "mask_token": None,
                                                     "decoder_embed.weight": None})  # fmt: skip
    frames = film(16)
    say = {"weights": path, "num_heads": 3}
    first = EvaFileEncoder(**say, version="v1", num_blocks=2, image_size=128, frames="first")
    tokens = first.encode([frames[:1]])[0]
    assert tokens.shape == (1 + 8 * 8, 12)
    np.testing.assert_allclose(tokens.mean(axis=1), 0, atol=1e-6)
    second = EvaFileEncoder(**say, version="v2", num_blocks=3, image_size=64, frames="window:16:42")
    assert second.encode([frames])[0].shape == (64, 12)
    for more, words in (
        ({"num_blocks": 4}, "blocks.3 is missing; 4 blocks are needed"),
        ({}, "blocks.39 is missing"),
        ({"num_blocks": 3, "image_size": 100}, "no multiple of its patches' 16"),
        ({"num_blocks": 3, "version": "v3"}, "none of v1, v2"),
    ):
        with pytest.raises(UserError, match=words):
            EvaFileEncoder(**{**say, "version": "v2", "frames": "window:16:42", **more})
    without_norm = make_vit(tmp_path / "other.pth", **{"norm.weight": None, "norm.bias": None})
    with pytest.raises(UserError, match="norm.weight is missing"):
        EvaFileEncoder(weights=without_norm, num_heads=3, version="v2", num_blocks=2, frames="window:16:42")
