"""`import-weights`: every tensor accounted for, values bit for bit, nothing half written."""

import json
import shutil
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from model_factory import make_examples
from parity.checkpoint import full_size_names
from peft import PeftModel
from published import FIRST_QUERY, LORA, SIZES, VISION, Files, build, changed, make_published, run, tree
from safetensors.torch import load_file, save_file
from torch.nn import functional
from transformers import AutoModelForCausalLM
from weights_factory import PROJECTIONS, make_checkpoint, make_llama, plain_encode_img

from emolightning.errors import InputErrors, UserError
from emolightning.models.emotion_llama.inputs import FEATURES
from emolightning.models.emotion_llama.processor import EmotionLlamaProcessor
from emolightning.models.emotion_llama.upstream.describing import describe
from emolightning.models.emotion_llama.upstream.names import why_unused
from emolightning.models.inspecting import describe_torch_file
from emolightning.models.parts.lora import LoraSettings
from emolightning.models.parts.parameters import base_fingerprints
from emolightning.models.parts.torch_files import TorchFile
from emolightning.models.parts.vision import VisionSettings, VisionTower
from emolightning.runs.weights import load_weights


@pytest.fixture(scope="module")
def files(tmp_path_factory) -> Files:
    """For looking at only."""
    return make_published(tmp_path_factory.mktemp("published"))


# What is imported


def test_every_tensor_and_every_parameter_is_accounted_for(files, tmp_path):
    report = run(files, tmp_path / "out")
    state = torch.load(files["checkpoint"], weights_only=True)["model"]
    content = {
        str(files["llama"]): set(load_file(files["llama"] / "model.safetensors")),
        str(files["eva"]): set(torch.load(files["eva"], weights_only=True)),
        str(files["checkpoint"]): set(state),
    }
    for file, names in content.items():
        used, unused = set(report.used[file]), set(report.unused.get(file, {}))
        assert used | unused == names
        assert not used & unused
        assert all(report.unused.get(file, {}).values())
    parameters = {target for file in report.used.values() for targets in file.values() for target in targets}
    model = build(files, tmp_path / "out")
    plain = {name.replace(".base_layer.", ".").replace(".default.", ".") for name, _ in model.named_parameters()}
    ours = {
        name if ".lora_" in name or not name.startswith("language.") else name.replace("base_model.model.", "", 1)
        for name in plain
    }
    assert parameters | set(report.fresh) == ours
    assert set(report.fresh) == {"vision.tower.post_layernorm.weight", "vision.tower.post_layernorm.bias"}
    stored = json.loads((tmp_path / "out" / "import.json").read_text())
    assert stored["complete"] is True
    assert stored["used"] == report.used
    assert stored["unused"] == report.unused
    assert {stored["files"][str(files[name])]["bytes"] for name in ("eva", "checkpoint")} == {
        files[name].stat().st_size for name in ("eva", "checkpoint")
    }


def test_values_are_those_of_the_files_bit_for_bit(files, tmp_path):
    run(files, tmp_path / "out")
    eva = torch.load(files["eva"], weights_only=True)
    tower = load_file(tmp_path / "out" / "eva_clip_g" / "model.safetensors")
    assert torch.equal(tower["embeddings.position_embedding"], eva["pos_embed"])
    assert torch.equal(tower["encoder.layers.1.mlp.fc2.weight"], eva["blocks.1.mlp.fc2.weight"])
    bias = tower["encoder.layers.1.self_attn.qkv.bias"].view(3, -1)
    assert torch.equal(bias[0], eva["blocks.1.attn.q_bias"])
    assert torch.equal(bias[1], torch.zeros_like(bias[1]))
    assert torch.equal(bias[2], eva["blocks.1.attn.v_bias"])
    assert "encoder.layers.2.mlp.fc2.weight" not in tower
    state = torch.load(files["checkpoint"], weights_only=True)["model"]
    loras = load_file(tmp_path / "out" / "adapter" / "adapter_model.safetensors")
    assert len(loras) == 2 * 2 * SIZES.layers
    for name, tensor in loras.items():
        assert torch.equal(tensor, state[f"llama_model.{name}"])
    projections = load_file(tmp_path / "out" / "adapter" / "projections.safetensors")
    for ours, theirs in zip(("image", *FEATURES, "class_token"), PROJECTIONS, strict=True):
        assert torch.equal(projections[f"{ours}.weight"], state[f"{theirs}.weight"])
        assert torch.equal(projections[f"{ours}.bias"], state[f"{theirs}.bias"])


@pytest.mark.parametrize("image_size", [28, 56, 112])
def test_positions_follow_the_image_size_of_the_run(files, tmp_path, image_size):
    run(files, tmp_path / "out")
    model = build(files, tmp_path / "out", image_size=image_size)
    generator = torch.Generator().manual_seed(1)
    images = torch.randn(2, 3, image_size, image_size, generator=generator)
    features = torch.randn(2, 3, SIZES.features, generator=generator)
    sizes = replace(SIZES, image_size=image_size)
    expected = plain_encode_img(files["eva"], files["checkpoint"], sizes, images, features)
    tokens, class_token = model.vision(images)
    given = {"image": tokens, "class_token": class_token}
    given |= {name: features[:, [place]] for place, name in enumerate(FEATURES)}
    streams = model.projections(given)
    found = torch.cat([streams[name] for name in ("image", *FEATURES, "class_token")], dim=1)
    torch.testing.assert_close(found, expected, atol=1e-5, rtol=1e-5)


def test_the_norm_behind_the_tower_has_no_affine_part_and_its_own_epsilon(files, tmp_path):
    run(files, tmp_path / "out")
    tower = VisionTower(replace(VISION, path=str(tmp_path / "out" / "eva_clip_g"))).tower
    assert tower.post_layernorm.eps == 1e-5
    assert {layer.layer_norm1.eps for layer in tower.encoder.layers} == {1e-6}
    values = torch.randn(3, 24, generator=torch.Generator().manual_seed(0)) * 1e-2
    assert torch.equal(tower.post_layernorm(values), functional.layer_norm(values, (24,), eps=1e-5))


def test_the_golden_checkpoint_imports(shared, tmp_path):
    golden = shared / "golden"
    files = {
        "llama": golden / "llama_tiny",
        "eva": golden / "eva_vit_tiny.pth",
        "checkpoint": golden / "checkpoint_tiny.pth",
    }
    vision = VisionSettings(image_size=112, width=88, num_layers=3, num_heads=4, mlp_width=384)
    report = run(files, tmp_path / "out", vision=vision, lora=LoraSettings(r=8, alpha=16))
    assert report.is_complete
    unexpected = json.loads((golden / "vision.json").read_text())["eva_unexpected_keys"]
    assert set(report.unused[str(files["eva"])]) == set(unexpected)
    recorded = json.loads((golden / "checkpoint_keys.json").read_text())["model"]
    unused = report.unused[str(files["checkpoint"])]
    assert set(report.used[str(files["checkpoint"])]) | set(unused) == set(recorded)
    assert {name.partition(".")[0] if name.startswith("attention") else name.rpartition(".")[2] for name in unused} == {
        "attention",
        "inv_freq",
    }
    tower = VisionTower(replace(vision, path=str(tmp_path / "out" / "eva_clip_g"))).tower
    expected = load_file(golden / "vision.safetensors")["pos_embed_interpolated"]
    torch.testing.assert_close(tower.embeddings.position_embedding, expected, atol=1e-6, rtol=0)


def test_the_full_size_model_has_the_recorded_names_and_shapes(shared):
    recorded = json.loads((shared / "golden" / "keys_fullsize.json").read_text())["keys"]
    ours = full_size_names()
    rest = {name for name in recorded if name not in ours}
    assert {name: entry["shape"] for name, entry in ours.items()} == {
        name: entry["shape"] for name, entry in recorded.items() if name not in rest
    }
    assert len(ours) == 942
    assert all(why_unused(name) for name in rest)


# The bases that it belongs to


@pytest.mark.parametrize("dtype", ["float32", "bfloat16", "float16"])
@pytest.mark.parametrize("image_size", [56, 112])
def test_recorded_fingerprints_are_those_of_the_loaded_model(files, tmp_path, dtype, image_size):
    run(files, tmp_path / "out")
    recorded = json.loads((tmp_path / "out" / "adapter" / "emolightning.json").read_text())["base_fingerprints"]
    model = build(files, tmp_path / "out", dtype=dtype, image_size=image_size)  # It loads the adapter.
    assert recorded["language"][dtype] == base_fingerprints(model)["language"]
    del model.vision.tower.embeddings.position_embedding
    assert recorded["vision"][dtype] == base_fingerprints(model)["vision"]
    assert len({*recorded["language"].values(), *recorded["vision"].values()}) == 6


@pytest.mark.parametrize("dtype", ["float32", "float16"])
def test_an_adapter_on_another_base_is_refused(files, tmp_path, dtype):
    """Of the same shapes, as Llama-2-7b beside Llama-2-7b-chat."""
    run(files, tmp_path / "out")
    other = {**files, "llama": make_llama(tmp_path / "llama", replace(SIZES, seed=8))}
    with pytest.raises(UserError, match=r"trained on another base: language differ"):
        build(other, tmp_path / "out", dtype=dtype)
    path = tmp_path / "out" / "eva_clip_g" / "model.safetensors"
    tower = load_file(path)
    tower["encoder.layers.1.mlp.fc2.weight"][0, 0] += 1
    save_file(tower, path)
    with pytest.raises(UserError, match=r"trained on another base: vision differ"):
        build(files, tmp_path / "out", dtype=dtype)


def test_a_quantised_base_is_not_compared_and_that_is_said(files, tmp_path, caplog):
    """A parameter of integers stands for bitsandbytes' own, which need that library."""
    run(files, tmp_path / "out")
    model = build(files, tmp_path / "out")
    layer = model.language.base_model.model.model.layers[0].mlp.up_proj
    layer.weight = torch.nn.Parameter(layer.weight.to(torch.int8), requires_grad=False)
    load_weights(model, tmp_path / "out" / "adapter")
    (record,) = caplog.records
    assert "this language model was not compared: its weights are quantised" in record.getMessage()


def test_places_do_not_depend_on_the_working_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    model = {"language": {"tokenizer": "words"}, "vision": {}, "train": {}}
    described = describe(model, Path("llama"), Path("sub/../out"), {})["model"]
    assert described["llm"] == described["language"]["path"] == str(tmp_path / "llama")
    assert described["language"]["tokenizer"] == str(tmp_path / "words")
    assert described["vision"]["path"] == str(tmp_path / "out" / "eva_clip_g")
    model["language"]["tokenizer"] = None
    assert describe(model, Path("llama"), Path("out"), {})["model"]["language"]["tokenizer"] is None


# Forms of the same content


def test_names_of_old_and_new_peft_give_the_same_files(files, tmp_path):
    run(files, tmp_path / "old")
    new = make_checkpoint(tmp_path / "new.pth", SIZES, new_peft=True)
    run({**files, "checkpoint": new}, tmp_path / "new")
    assert any("lora_A.default.weight" in name for name in torch.load(new, weights_only=True)["model"])
    assert tree(tmp_path / "old" / "adapter") == tree(tmp_path / "new" / "adapter")


def test_files_of_before_torch_1_6_give_the_same_folders(files, tmp_path):
    run(files, tmp_path / "zip")
    old = dict(files)
    for name in ("eva", "checkpoint"):
        old[name] = tmp_path / f"{name}.pth"
        torch.save(torch.load(files[name], weights_only=True), old[name], _use_new_zipfile_serialization=False)
    run(old, tmp_path / "old")
    for name in ("eva_clip_g", "adapter"):
        assert tree(tmp_path / "zip" / name) == tree(tmp_path / "old" / name)


def test_a_language_model_in_shards(files, tmp_path):
    sharded = make_llama(tmp_path / "llama", SIZES, shards=3)
    assert len(list(sharded.glob("*.safetensors"))) > 1
    report = run({**files, "llama": sharded}, tmp_path / "out")
    assert set(report.used[str(sharded)]) == set(load_file(files["llama"] / "model.safetensors"))


def test_a_language_model_whose_head_is_its_embedding(files, tmp_path):
    folder = shutil.copytree(files["llama"], tmp_path / "llama")
    state = load_file(folder / "model.safetensors")
    del state["lm_head.weight"]
    save_file(state, folder / "model.safetensors", metadata={"format": "pt"})
    with pytest.raises(InputErrors, match="has no lm_head.weight"):
        run({**files, "llama": folder}, tmp_path / "out", allow_partial=True)
    content = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps(content | {"tie_word_embeddings": True}))
    report = run({**files, "llama": folder}, tmp_path / "out")
    assert report.is_complete
    assert "embedding" in report.fresh["language.lm_head.weight"]


def test_a_checkpoint_may_hold_its_frozen_base(files, tmp_path):
    """As upstream's would, were it saved with all that the model is: in float16, with its wrapped head."""

    def add_base(state):
        for name, tensor in load_file(files["llama"] / "model.safetensors").items():
            state[f"llama_model.base_model.model.{name.replace('lm_head.', 'lm_head.0.')}"] = tensor
        for name, tensor in torch.load(files["eva"], weights_only=True).items():
            state[f"visual_encoder.{name}"] = tensor.float()
        state["visual_encoder.pos_embed"] = torch.zeros(1, 17, 24)  # interpolated
        state |= {"ln_vision.weight": torch.ones(24), "ln_vision.bias": torch.zeros(24)}

    report = run(changed(files, tmp_path, "checkpoint", add_base), tmp_path / "out")
    assert report.is_complete
    reasons = report.unused[str(tmp_path / "changed_checkpoint.pth")]
    assert reasons["llama_model.base_model.model.lm_head.0.weight"].startswith("frozen tensor of the language model")
    assert reasons["visual_encoder.blocks.2.attn.q_bias"].startswith("frozen tensor of the vision tower")
    assert "interpolated" in reasons["visual_encoder.pos_embed"]


def test_peft_itself_reads_the_adapter(files, tmp_path):
    run(files, tmp_path / "out")
    model = build(files, tmp_path / "out")
    base = AutoModelForCausalLM.from_pretrained(files["llama"], dtype=torch.float32)
    theirs = PeftModel.from_pretrained(base, tmp_path / "out" / "adapter").eval()
    ids = torch.tensor([[1, 17, 5, 230, 42]])
    with torch.no_grad():
        assert torch.equal(theirs(ids).logits, model.language(ids).logits)
        with theirs.disable_adapter():
            assert not torch.allclose(theirs(ids).logits, model.language(ids).logits, atol=1e-2)


def test_lora_on_other_layers_than_upstream_s(files, tmp_path):
    """In the MLP, and outside of it in one layer only: each layer counts once."""
    mlp = "llama_model.base_model.model.model.layers.{}.mlp.up_proj.lora_{}.weight"

    def add(state):
        for layer in range(SIZES.layers):
            state[mlp.format(layer, "A")] = torch.randn(SIZES.rank, SIZES.hidden)
            state[mlp.format(layer, "B")] = torch.randn(SIZES.llama_mlp, SIZES.rank)

    more = changed(files, tmp_path, "checkpoint", add)
    assert describe_torch_file(TorchFile(more["checkpoint"])).facts["LoRA layers"] == SIZES.layers
    with pytest.raises(InputErrors, match=r"say 'model.lora.targets=\[q_proj,up_proj,v_proj\]'"):
        run(more, tmp_path / "out")
    report = run(more, tmp_path / "out", lora=replace(LORA, targets=("q_proj", "up_proj", "v_proj")))
    assert report.is_complete
    stored = load_file(tmp_path / "out" / "adapter" / "adapter_model.safetensors")
    state = torch.load(more["checkpoint"], weights_only=True)["model"]
    assert torch.equal(stored["base_model.model.model.layers.1.mlp.up_proj.lora_B.weight"], state[mlp.format(1, "B")])


# Less than everything


def test_a_partial_import_has_to_be_asked_for_and_can_be_loaded(files, tmp_path):
    lost = [f"{PROJECTIONS[4]}.weight", f"{FIRST_QUERY}lora_A.weight", f"{FIRST_QUERY}lora_B.weight"]

    def take_out(state):
        for name in lost:
            del state[name]
        state["resampler.query"] = torch.zeros(3)

    partial = changed(files, tmp_path, "checkpoint", take_out)
    with pytest.raises(InputErrors) as refused:
        run(partial, tmp_path / "out")
    assert not (tmp_path / "out").exists()
    for name in (
        "projections.class_token.weight",
        "layers.0.self_attn.q_proj.lora_A",
        "resampler.query",
        "allow_partial=true",
    ):
        assert name in str(refused.value)
    report = run(partial, tmp_path / "out", allow_partial=True)
    assert not report.is_complete
    assert len(report.missing) == 3
    assert set(report.missing) <= set(report.fresh)
    assert list(report.homeless) == ["resampler.query"]
    model = build(files, tmp_path / "out")
    layer = model.language.base_model.model.model.layers[0].self_attn.q_proj
    assert not layer.lora_B["default"].weight.any()
    assert layer.lora_A["default"].weight.any()
    assert 0 < model.projections["class_token"].weight.abs().max() <= SIZES.vision_width**-0.5
    run(partial, tmp_path / "again", allow_partial=True)
    assert tree(tmp_path / "out" / "adapter") == tree(tmp_path / "again" / "adapter")


def test_a_partial_tower_can_be_loaded(files, tmp_path):
    lost = ("blocks.0.norm1.weight", "blocks.1.attn.v_bias", "pos_embed", "blocks.1.mlp.fc1.weight")
    partial = changed(files, tmp_path, "eva", lambda state: [state.pop(name) for name in lost])
    with pytest.raises(InputErrors, match=r"vision.tower.encoder.layers.1.self_attn.qkv.bias"):
        run(partial, tmp_path / "out")
    run(partial, tmp_path / "out", allow_partial=True)
    tower = build(files, tmp_path / "out").vision.tower
    assert torch.equal(tower.encoder.layers[0].layer_norm1.weight, torch.ones(24))
    assert not tower.encoder.layers[1].self_attn.qkv.bias.any()


def test_a_dry_run_writes_nothing(files, tmp_path):
    report = run(files, tmp_path / "out", dry_run=True)
    assert report.num_loaded > 50
    assert list(tmp_path.iterdir()) == []


def test_an_imported_model_answers(files, tmp_path):
    run(files, tmp_path / "out")
    model = build(files, tmp_path / "out")
    examples = make_examples(2)
    generator = torch.Generator().manual_seed(0)
    for example in examples:
        for name in FEATURES:
            example.features[name] = torch.randn(1, SIZES.features, generator=generator)
    processor = EmotionLlamaProcessor(model.tokenizer, image_tokens=model.image_tokens, layout="upstream_eval")
    batch = processor.batch(examples, [example.clip.label for example in examples])
    with torch.no_grad():
        assert model(batch).isfinite()


def test_a_trained_tensor_keeps_its_type(files, tmp_path):
    half = changed(
        files,
        tmp_path,
        "checkpoint",
        lambda state: state.update({"llama_proj.weight": state["llama_proj.weight"].half()}),
    )
    run(half, tmp_path / "out")
    stored = load_file(tmp_path / "out" / "adapter" / "projections.safetensors")["image.weight"]
    assert stored.dtype == torch.float16
