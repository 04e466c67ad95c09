"""Kinds of LoRA against their formulas, gradient checkpointing, attention, and weights of 4 and 8 bits."""

import importlib.util
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from hydra import compose, initialize_config_dir
from in_process import fit
from language_factory import make_llama3
from model_factory import LANGUAGE, VISION, make_batch, make_examples, make_model
from runs import validations
from safetensors.torch import load_file
from torch import Tensor, nn

from emolightning.config.check import ConfigError, check_config
from emolightning.config.places import CONFIG_DIR
from emolightning.config.schema import register_schemas
from emolightning.errors import InputErrors, UserError
from emolightning.models.emotion_llama.emotion_llama import EmotionLlama
from emolightning.models.parts import quantization
from emolightning.models.parts.generation import Generation
from emolightning.models.parts.language import LanguageSettings
from emolightning.models.parts.parameters import base_fingerprints, parts
from emolightning.models.parts.trained_parts import TrainedParts
from emolightning.models.parts.vision import VisionTower

LAYER = "model.layers.0.self_attn.v_proj"


def linear(model: EmotionLlama) -> tuple[nn.Module, Tensor, Tensor, Tensor]:
    """A layer with its adapter; base weight, A and B."""
    layer = model.language.get_base_model().get_submodule(LAYER)
    return layer, layer.base_layer.weight, layer.lora_A["default"].weight, layer.lora_B["default"].weight


@pytest.mark.parametrize(("use_rslora", "scale"), [(False, 6 / 4), (True, 6 / 4**0.5)])
def test_the_update_is_scaled_by_rank_or_by_its_root(use_rslora: bool, scale: float) -> None:
    layer, weight, a, b = linear(make_model(r=4, alpha=6, use_rslora=use_rslora))
    vectors = torch.randn(3, weight.shape[1])
    expected = vectors @ (weight + scale * b @ a).T
    torch.testing.assert_close(layer(vectors), expected, rtol=1e-5, atol=1e-5)


def test_dora_learns_a_magnitude_beside_the_direction() -> None:
    layer, weight, a, b = linear(make_model(r=4, alpha=6, use_dora=True))
    magnitude = layer.lora_magnitude_vector["default"].weight
    torch.testing.assert_close(magnitude.data, weight.norm(dim=1))  # At the start, that of the base.
    nn.init.normal_(magnitude)
    direction = weight + 6 / 4 * b @ a
    vectors = torch.randn(3, weight.shape[1])
    expected = vectors @ (magnitude[:, None] * direction / direction.norm(dim=1, keepdim=True)).T
    torch.testing.assert_close(layer(vectors), expected, rtol=1e-4, atol=1e-5)


def adapted(module: nn.Module) -> set[str]:
    return {name.rpartition(".")[2] for name, child in module.named_modules() if hasattr(child, "lora_A")}


@pytest.mark.parametrize(
    ("targets", "expected"),
    [
        (["q_proj", "v_proj"], {"q_proj", "v_proj"}),
        ("o_proj", {"o_proj"}),
        (["lm_head"], {"lm_head"}),
        ("all-linear", {"q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"}),
    ],
)
def test_targets(targets: Any, expected: set[str]) -> None:
    assert adapted(make_model(targets=targets).language) == expected


def test_targets_of_the_tower() -> None:
    lora = TrainedParts(vision="lora")
    assert adapted(make_model(train=lora).vision) == {"qkv", "projection", "fc1", "fc2"}
    assert adapted(make_model(train=lora, vision_targets=["qkv"]).vision) == {"qkv"}
    assert adapted(make_model().vision) == set()


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        (
            {"targets": ["q_proj", "query"]},
            r"model.lora.targets=\['q_proj', 'query'\]: .*called query; .* q_proj, k_proj",
        ),
        ({"targets": ["proj"]}, "no linear layer is called proj"),
        ({"targets": ["embed_tokens"]}, "no linear layer is called embed_tokens"),
        ({"targets": []}, "names no layer"),
        ({"vision_targets": ["q_proj"]}, r"model.lora.vision_targets=.*called q_proj; Blip2VisionModel has .*qkv"),
    ],
)
def test_targets_that_are_not_there_are_named_with_those_that_are(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(UserError, match=message):
        make_model(train=TrainedParts(vision="lora"), **settings)


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("model.lora.r=0", "must be at least 1, not 0"),
        ("model.lora.alpha=0", "must be at least 1, not 0"),
        ("model.lora.dropout=1.0", "must be 0 to 0.99, not 1.0"),
        ("model.lora.r=many", "must be int, not 'many'"),
        ("model.lora.use_dora=1", "must be true or false, not 1"),
        ("model.train.language=qlora", "'qlora' is not one of frozen, lora, full; did you mean lora?"),
        ("model.train.projections=lora", "'lora' is not one of frozen, full"),
        ("model.language.quantization=nf8", "'nf8' is not one of none, int8, nf4"),
        ("model.language.attention=flash", "'flash' is not one of sdpa, eager"),
        ("model.vision.attention=flash", "'flash' is not one of sdpa, eager"),
    ],
)
def test_words_and_numbers_that_no_run_can_mean(override: str, message: str) -> None:
    register_schemas()
    with initialize_config_dir(str(CONFIG_DIR), version_base="1.3"):
        cfg = compose("train", overrides=[override])
    with pytest.raises(ConfigError) as error:
        check_config(cfg)
    assert message in str(error.value)


def loss_and_gradients(model: EmotionLlama) -> tuple[float, dict[str, Tensor]]:
    """Of one batch in train mode, dropout drawn anew."""
    model.train()
    model.zero_grad()
    torch.manual_seed(3)
    loss = model(make_batch(model, make_examples(2)))
    loss.backward()
    model.eval()
    return loss.item(), {name: p.grad.clone() for name, p in model.named_parameters() if p.grad is not None}


@pytest.mark.parametrize(
    "train",
    [
        TrainedParts(),
        TrainedParts(projections="frozen"),  # Then the inputs of the language model need no gradients.
        TrainedParts(language="full"),
        TrainedParts(language="frozen"),
    ],
    ids=lambda train: f"{train.language}-{train.projections}",
)
def test_gradient_checkpointing_computes_again_and_the_same(train: TrainedParts) -> None:
    plain = make_model(train=train, dropout=0.3)
    checkpointed = make_model(train=train, dropout=0.3, language=replace(LANGUAGE, gradient_checkpointing=True))
    calls = []
    layer = next(module for name, module in checkpointed.named_modules() if name.endswith("layers.0.input_layernorm"))
    layer.register_forward_hook(lambda *_: calls.append(layer.training))
    loss, gradients = loss_and_gradients(plain)
    again, others = loss_and_gradients(checkpointed)
    assert calls == [True, True]
    assert again == loss
    assert others.keys() == gradients.keys()
    assert all(torch.equal(others[name], gradients[name]) for name in gradients)
    calls.clear()
    batch, generation = make_batch(plain, make_examples(3)), Generation(max_new_tokens=5)
    assert checkpointed.generate(batch, generation) == plain.generate(batch, generation)
    assert len(calls) <= 5  # The cache is on: a token a call behind the first.
    assert not any(calls)


def test_a_run_with_gradient_checkpointing_validates_and_ends_with_the_same_weights(
    smoke_clips: tuple[str, ...], tmp_path: Path
) -> None:
    register_schemas()
    found = []
    for setting in ("false", "true"):
        run = tmp_path / setting
        words = ["experiment=smoke", "logger=csv", "~callbacks.progress", *smoke_clips, f"output_dir={run}",
                 f"model.language.gradient_checkpointing={setting}"]  # fmt: skip
        with initialize_config_dir(str(CONFIG_DIR), version_base="1.3"):
            fit(compose("train", overrides=words))
        scores = validations(run)[-1]
        weights = load_file(run / "adapter/adapter_model.safetensors")
        found.append(({name: value for name, value in scores.items() if name.startswith("val/")}, weights))
    (scores, weights), (others, again) = found
    assert scores == others
    assert float(scores["val/loss"]) > 0
    assert all(torch.equal(weights[name], again[name]) for name in weights)


def test_both_attentions_are_the_same_function() -> None:
    fused, eager = make_model(), make_model(language=replace(LANGUAGE, attention="eager"))
    kinds = [model.language.config._attn_implementation for model in (fused, eager)]
    assert kinds == ["sdpa", "eager"]
    batch = make_batch(fused, make_examples(3))
    with torch.no_grad():
        torch.testing.assert_close(eager(batch), fused(batch), rtol=1e-5, atol=1e-5)


def test_both_attentions_of_the_tower() -> None:
    fused, eager = VisionTower(VISION), VisionTower(replace(VISION, attention="eager"))
    assert [tower.tower.config._attn_implementation for tower in (fused, eager)] == ["sdpa", "eager"]
    images = torch.randn(2, 3, 56, 56)
    torch.testing.assert_close(eager(images)[0], fused(images)[0], rtol=1e-4, atol=1e-5)


def test_attention_of_a_folder(tmp_path: Path) -> None:
    settings = LanguageSettings(path=str(make_llama3(tmp_path)), attention="eager")
    assert make_model(language=settings).language.config._attn_implementation == "eager"


@pytest.mark.parametrize("kind", ["int8", "nf4"])
def test_quantisation_says_what_it_needs(kind: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(quantization, "is_installed", lambda: False)
    with pytest.raises(InputErrors) as error:
        make_model(language=replace(LANGUAGE, quantization=kind), train=TrainedParts(language="full"))
    said = error.value.problems
    assert len(said) == 3
    assert "pip install -e '.[quantization]'" in said[2]
    assert "model.llm=FOLDER" in said[1]
    assert "model.train.language=lora" in said[0]


needs_bitsandbytes = pytest.mark.skipif(
    importlib.util.find_spec("bitsandbytes") is None, reason="bitsandbytes is not installed (the extra quantization)"
)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> str:
    return str(make_llama3(tmp_path_factory.mktemp("llama3")))


KINDS = [("int8", False), ("nf4", False), ("nf4", True)]


@needs_bitsandbytes
@pytest.mark.parametrize(("kind", "dora"), KINDS)
@pytest.mark.parametrize("dtype", ["float32", "bfloat16", "float16"])
def test_training_beside_a_quantised_base(folder: str, kind: Any, dora: bool, dtype: Any) -> None:
    model = make_model(language=LanguageSettings(path=folder, quantization=kind, dtype=dtype), use_dora=dora)
    base = base_fingerprints(model)
    loss, gradients = loss_and_gradients(model)
    assert all(gradient.isfinite().all() and gradient.any() for gradient in gradients.values())
    trained = {name: p for name, p in model.named_parameters() if p.requires_grad}
    assert gradients.keys() == trained.keys()
    assert {p.dtype for p in trained.values()} == {torch.float32}
    model.generate(make_batch(model, make_examples(2)), Generation(max_new_tokens=4))
    again, others = loss_and_gradients(model)  # An evaluation in between changes nothing.
    assert again == loss
    assert all(torch.equal(others[name], gradients[name]) for name in gradients)
    assert base_fingerprints(model) == base
    optimizer = torch.optim.Adam(trained.values(), lr=0.01)
    for _ in range(8):
        loss_and_gradients(model)
        optimizer.step()
    assert loss_and_gradients(model)[0] < 0.8 * loss


@needs_bitsandbytes
@pytest.mark.parametrize("kind", ["int8", "nf4"])
def test_a_quantised_base_is_near_the_plain_one_and_counted_like_it(folder: str, kind: Any) -> None:
    plain = make_model(language=LanguageSettings(path=folder), targets=["q_proj"])
    quantised = make_model(language=LanguageSettings(path=folder, quantization=kind), targets=["q_proj"])
    batch = make_batch(plain, make_examples(4))
    with torch.no_grad():
        assert quantised(batch).item() == pytest.approx(plain(batch).item(), rel=0.15)
        assert quantised(batch).item() != plain(batch).item()
    rows = [{row.name: row for row in parts(model)}["language"] for model in (plain, quantised)]
    assert (rows[0].total, rows[0].trained) == (rows[1].total, rows[1].trained)
    assert kind in rows[1].dtype.split("+")
    assert base_fingerprints(plain)["language"] != base_fingerprints(quantised)["language"]


@needs_bitsandbytes
def test_dora_beside_int8_on_a_cpu_is_refused(folder: str) -> None:
    settings = LanguageSettings(path=folder, quantization="int8")
    if torch.cuda.is_available():
        pytest.skip("the weights are on a GPU")
    with pytest.raises(UserError, match=r"use_dora=true: .*quantization=nf4"):
        make_model(language=settings, use_dora=True)
