"""`export-weights format=upstream`: what the released code loads, bit for bit; and the command."""

import json
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from model_factory import VISION as TINY_VISION
from model_factory import WIDTHS
from published import Files, changed, make_published, run
from trained_factory import LORA, RANDOM, description, make, save, save_run

from emolightning.__main__ import main
from emolightning.errors import InputErrors, UserError
from emolightning.models.emotion_llama.build import build_emotion_llama
from emolightning.models.emotion_llama.upstream import inspecting
from emolightning.models.emotion_llama.upstream.describing import read_trained
from emolightning.models.emotion_llama.upstream.exporting import export_upstream
from emolightning.models.emotion_llama.upstream.merging import export_merged
from emolightning.models.emotion_llama.upstream.names import why_unused
from emolightning.models.inspecting import describe
from emolightning.models.parts.language import LanguageSettings
from emolightning.models.parts.lora import LoraSettings
from emolightning.models.parts.trained_parts import TrainedParts


@pytest.fixture(scope="module")
def files(tmp_path_factory) -> Files:
    """For looking at only."""
    return make_published(tmp_path_factory.mktemp("published"))


@pytest.fixture(scope="module")
def imported(files, tmp_path_factory) -> Path:
    """An adapter folder with upstream's weights."""
    out = tmp_path_factory.mktemp("imported") / "out"
    run(files, out, description=description(LanguageSettings(path=str(files["llama"]))))
    return out / "adapter"


def test_upstream_and_back_and_upstream_again(files, imported, tmp_path):
    lines = export_upstream(read_trained(imported), tmp_path / "out.pth")
    original = torch.load(files["checkpoint"], weights_only=True)
    exported = torch.load(tmp_path / "out.pth", weights_only=True)
    assert set(exported) == {"model", "config", "scaler", "epoch"}
    assert exported["epoch"] == original["epoch"]
    assert exported["config"]["model"] | original["config"]["model"] == exported["config"]["model"] | {
        "lora_r": 4, "lora_alpha": 8
    }  # fmt: skip
    used = {name: tensor for name, tensor in original["model"].items() if not why_unused(name)}
    own = {name: tensor for name, tensor in exported["model"].items() if not name.endswith("inv_freq")}
    assert set(own) == set(used)
    assert all(torch.equal(own[name], used[name]) and own[name].dtype == used[name].dtype for name in used)
    size = sum(tensor.numel() * 4 for tensor in exported["model"].values())
    assert (tmp_path / "out.pth").stat().st_size < size + 300 * len(exported["model"]) + 4096
    assert any("of other widths than the released code" in line for line in lines)
    about = description(LanguageSettings(path=str(files["llama"])))
    run({**files, "checkpoint": tmp_path / "out.pth"}, tmp_path / "again", description=about)
    for name in ("adapter_model.safetensors", "projections.safetensors"):
        assert (tmp_path / "again" / "adapter" / name).read_bytes() == (imported / name).read_bytes()
    export_upstream(read_trained(tmp_path / "again" / "adapter"), tmp_path / "again.pth")
    again = torch.load(tmp_path / "again.pth", weights_only=True)["model"]
    assert all(torch.equal(again[name], exported["model"][name]) for name in exported["model"])
    assert describe(tmp_path / "out.pth").facts["role"].startswith("exported by EmoLightning")


def test_the_released_code_finds_every_name_it_needs(shared, tmp_path):
    """Its own checkpoint, less the head that it never calls, comes out again bit for bit."""
    golden = shared / "golden"
    files = {
        "llama": golden / "llama_tiny",
        "eva": golden / "eva_vit_tiny.pth",
        "checkpoint": golden / "checkpoint_tiny.pth",
    }
    vision = replace(TINY_VISION, image_size=112, width=88, num_layers=3, num_heads=4, mlp_width=384)
    about = description(LanguageSettings(path=str(files["llama"])))
    run(files, tmp_path / "out", vision=vision, lora=LoraSettings(r=8, alpha=16), description=about)
    export_upstream(read_trained(tmp_path / "out" / "adapter"), tmp_path / "out.pth")
    exported = torch.load(tmp_path / "out.pth", weights_only=True)["model"]
    recorded = json.loads((golden / "checkpoint_keys.json").read_text())["model"]
    needed = {name: entry for name, entry in recorded.items() if not name.startswith("attention.")}
    assert {name: list(tensor.shape) for name, tensor in exported.items()} == {
        name: entry["shape"] for name, entry in needed.items()
    }
    original = torch.load(files["checkpoint"], weights_only=True)["model"]
    assert all(torch.equal(exported[name], original[name]) for name in exported)


def test_a_run_of_our_own_can_be_exported_and_imported(files, tmp_path):
    language = LanguageSettings(path=str(files["llama"]))
    lora = replace(LORA, targets=("q_proj", "v_proj"))
    model = make(language, lora)
    checkpoint = save_run(model, tmp_path / "run", language, lora)
    export_upstream(read_trained(checkpoint), tmp_path / "out.pth")
    save(model, tmp_path / "adapter", language, lora)
    export_upstream(read_trained(tmp_path / "adapter"), tmp_path / "adapter.pth")
    first, second = (torch.load(tmp_path / name, weights_only=True) for name in ("out.pth", "adapter.pth"))
    assert (first["epoch"], second["epoch"]) == (4, None)
    assert set(first["model"]) == set(second["model"])
    assert all(torch.equal(first["model"][name], second["model"][name]) for name in first["model"])
    state = dict(model.named_parameters())
    name = "layers.1.self_attn.v_proj.lora_B"
    assert torch.equal(
        first["model"][f"llama_model.base_model.model.model.{name}.weight"],
        state[f"language.base_model.model.model.{name}.default.weight"],
    )


def test_rank_stabilised_lora_gets_the_alpha_that_scales_the_same(files, tmp_path):
    language = LanguageSettings(path=str(files["llama"]))
    lora = replace(LORA, targets=("q_proj", "v_proj"), use_rslora=True)
    save(make(language, lora), tmp_path / "adapter", language, lora)
    lines = export_upstream(read_trained(tmp_path / "adapter"), tmp_path / "out.pth")
    assert torch.load(tmp_path / "out.pth", weights_only=True)["config"]["model"]["lora_alpha"] == 16  # 8 * sqrt(4)
    assert any("rsLoRA of alpha 8 is LoRA of lora_alpha 16" in line for line in lines)
    odd = replace(lora, r=3)
    save(make(language, odd), tmp_path / "odd", language, odd)
    with pytest.raises(InputErrors, match="no whole lora_alpha"):
        export_upstream(read_trained(tmp_path / "odd"), tmp_path / "odd.pth")


@pytest.mark.parametrize(
    ("lora", "train", "message"),
    [
        (LORA, TrainedParts(), r"not on down_proj, gate_proj, k_proj, o_proj, up_proj: use format=merged"),
        (replace(LORA, targets=("q_proj", "v_proj"), use_dora=True), TrainedParts(), "upstream has no DoRA"),
        (LORA, TrainedParts(language="full"), "all of the language model was trained"),
        (LORA, TrainedParts(vision="full"), "the vision tower was trained"),
        (LORA, TrainedParts(vision="lora"), "the vision tower was trained"),
        (LORA, TrainedParts(language="frozen"), "no LoRA: the language model was frozen"),
        (
            replace(LORA, targets=("q_proj",)),
            TrainedParts(),
            r"no LoRA on 2 layers, e.g. model.layers.0.self_attn.v_proj",
        ),
    ],
)
def test_what_upstream_has_no_place_for_is_refused(tmp_path, lora, train, message):
    save(make(RANDOM, lora, train), tmp_path / "adapter", RANDOM, lora, train)
    with pytest.raises(InputErrors, match=message):
        export_upstream(read_trained(tmp_path / "adapter"), tmp_path / "out.pth")
    assert not (tmp_path / "out.pth").exists()


def test_a_run_without_some_inputs_has_to_be_asked_for(tmp_path):
    torch.manual_seed(0)
    lora = replace(LORA, targets=("q_proj", "v_proj"))
    model = build_emotion_llama(
        vision=TINY_VISION, language=RANDOM, lora=lora, inputs=("image", "speech"), feature_widths=WIDTHS
    )
    save(model, tmp_path / "adapter", RANDOM, lora)
    trained = read_trained(tmp_path / "adapter")
    with pytest.raises(InputErrors, match=r"no projection of face, motion: upstream always sees all inputs"):
        export_upstream(trained, tmp_path / "out.pth")
    lines = export_upstream(trained, tmp_path / "out.pth", allow_partial=True)
    assert any("no projection of face, motion" in line for line in lines)
    assert "feats_llama_proj1.weight" not in torch.load(tmp_path / "out.pth", weights_only=True)["model"]
    with pytest.raises(UserError, match="llama=/nowhere: no such folder"):
        export_upstream(trained, tmp_path / "other.pth", llama=Path("/nowhere"), allow_partial=True)
    with pytest.raises(UserError, match="is there already"):
        export_upstream(trained, tmp_path / "out.pth", allow_partial=True)


# What is no run


def test_adapters_that_this_project_did_not_write(tmp_path):
    folder = save(make(RANDOM), tmp_path / "adapter", RANDOM)
    config = json.loads((folder / "adapter_config.json").read_text())
    for change in ({"rank_pattern": {"q_proj": 2}}, {"peft_type": "IA3"}, {"bias": "all"}, {"r": "four"}, {"r": 0}):
        (folder / "adapter_config.json").write_text(json.dumps(config | change))
        with pytest.raises(UserError, match=r"adapter_config.json: "):
            read_trained(folder)
    (folder / "adapter_config.json").write_text(json.dumps(config | {"r": 2}))
    with pytest.raises(InputErrors, match=r"LoRA of model.layers.\d.* has shapes"):
        export_merged(read_trained(folder), tmp_path / "out")
    (folder / "emolightning.json").write_text("{}")
    (folder / "adapter_config.json").write_text(json.dumps(config))
    with pytest.raises(UserError, match=r"has no model.language"):
        export_merged(read_trained(folder), tmp_path / "out")
    (folder / "emolightning.json").write_text(json.dumps({"model": {"language": {"path": 7}, "lora": {}}}))
    with pytest.raises(UserError, match=r"does not describe a language model"):
        export_merged(read_trained(folder), tmp_path / "out")


def test_files_that_are_no_checkpoint_of_a_run(files, tmp_path):
    with pytest.raises(UserError, match="this is: Emotion-LLaMA checkpoint"):
        read_trained(files["checkpoint"])
    odd = changed(files, tmp_path, "eva", lambda state: state.clear())
    with pytest.raises(UserError, match="this is: unknown"):
        read_trained(odd["eva"])
    checkpoint = save_run(make(RANDOM), tmp_path / "run", RANDOM)
    (tmp_path / "run" / "config.yaml").write_text("seed: 1\n")
    with pytest.raises(UserError, match="config.yaml: .*is not the configuration of a run"):
        read_trained(checkpoint)


# The command


def test_the_command(tmp_path, capsys):
    lora = replace(LORA, targets=("q_proj", "v_proj"))
    save_run(make(RANDOM, lora), tmp_path / "run", RANDOM, lora)
    words = ["export-weights", f"checkpoint={tmp_path}/run", f"out={tmp_path}/out"]
    assert main([*words, "format=merged"]) == 0
    assert f"written: {tmp_path}/out" in capsys.readouterr().out
    assert main([*words[:2], f"out={tmp_path}/out.pth", "format=upstream"]) == 0
    assert describe(tmp_path / "out.pth").kind == inspecting.CHECKPOINT
    for wrong, message in (
        ("format=ggml", "not one of upstream, merged"),
        ("format=merged", "already"),
        ("format=upstream dtype=float32", "dtype is of no use with format=upstream"),
        ("format=merged allow_partial=true", "allow_partial is of no use with format=merged"),
    ):
        with pytest.raises(SystemExit) as ended:
            main([*words, *wrong.split()])
        assert ended.value.code == 1
        assert message in capsys.readouterr().err
