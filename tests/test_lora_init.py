"""PiSSA and OLoRA beside a base that stays as it is: what they begin with, learn, save and export."""

import copy
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from model_factory import make_batch, make_examples
from peft import LoraConfig, PeftModel, get_peft_model
from torch import Tensor, nn
from trained_factory import LORA, RANDOM, description, logits, make, merged_language, save, save_run

from emolightning.errors import UserError
from emolightning.models.emotion_llama.emotion_llama import EmotionLlama
from emolightning.models.emotion_llama.upstream.merging import export_merged
from emolightning.models.emotion_llama.upstream.trained import read_adapter, read_checkpoint
from emolightning.models.parts.adapter import load_adapter
from emolightning.models.parts.generation import Generation
from emolightning.models.parts.language import load_language_model
from emolightning.models.parts.lora import LoraSettings, attach_vision_lora, is_start, start_from_base
from emolightning.models.parts.parameters import base_fingerprints, load_trained_state, parts, trained_state
from emolightning.models.parts.trained_parts import TrainedParts

INITS = ("pissa", "olora")

BOTH = TrainedParts(vision="lora")


def gradients(model: nn.Module, vectors: Tensor) -> dict[str, Tensor]:
    model(vectors).square().sum().backward()
    return {name: p.grad for name, p in model.named_parameters() if p.grad is not None}


@pytest.mark.parametrize(("init", "use_rslora"), [("pissa", False), ("pissa", True), ("olora", False)])
def test_it_begins_as_its_base_and_learns_what_peft_learns(init: Any, use_rslora: bool) -> None:
    torch.manual_seed(0)
    base, vectors = (
        nn.Sequential(nn.Linear(12, 16), nn.Tanh(), nn.Linear(16, 8)).requires_grad_(False),
        torch.randn(5, 12),
    )
    plain, theirs, expected = copy.deepcopy(base), copy.deepcopy(base), base(vectors)
    before = {name: tensor.clone() for name, tensor in base.state_dict().items()}
    own = attach_vision_lora(
        base, LoraSettings(r=4, alpha=6, dropout=0.0, vision_targets=["0", "2"], use_rslora=use_rslora, init=init)
    )
    assert torch.equal(own(vectors), expected)  # B is zero before there are weights: a checkpoint may fill both.
    start_from_base(own)
    torch.testing.assert_close(own(vectors), expected, atol=1e-6, rtol=1e-6)
    after = own.get_base_model().state_dict()
    assert all(torch.equal(after[f"{name[0]}.base_layer.{name[2:]}"], tensor) for name, tensor in before.items())
    config = LoraConfig(r=4, lora_alpha=6, lora_dropout=0.0, target_modules=["0", "2"], use_rslora=use_rslora)
    config.init_lora_weights = init
    theirs = get_peft_model(theirs, config)
    models, vectors = (own.train(), theirs.train()), torch.randn(5, 12)
    optimizers = [
        torch.optim.SGD([p for p in m.parameters() if p.requires_grad], 0.01, weight_decay=0.1) for m in models
    ]
    for _ in range(3):
        found, wanted = (gradients(model, vectors) for model in models)
        assert found.keys() == wanted.keys()
        for name in wanted:
            torch.testing.assert_close(found[name], wanted[name], atol=1e-5, rtol=1e-5)
        for optimizer in optimizers:
            optimizer.step()
            optimizer.zero_grad()
    torch.testing.assert_close(own(vectors), theirs(vectors), atol=1e-5, rtol=1e-5)
    assert (own(vectors) - plain(vectors)).abs().max() > 1e-2


@pytest.fixture(scope="module", params=["pissa", pytest.param("olora", marks=pytest.mark.slow)])
def init(request: pytest.FixtureRequest) -> Any:
    return request.param


def begun(init: Any, **lora: Any) -> EmotionLlama:
    """A model as a run begins it."""
    model = make(RANDOM, LoraSettings(**{**vars(LORA), "init": init, **lora}), BOTH)
    start_from_base(model)
    return model


@pytest.fixture(scope="module")
def learned(init: Any) -> EmotionLlama:
    """After two steps."""
    model = begun(init)
    optimizer = torch.optim.AdamW([p for p in model.parameters() if p.requires_grad], lr=0.02, weight_decay=0.1)
    for _ in range(2):
        model(make_batch(model, make_examples(2))).backward()
        optimizer.step()
        optimizer.zero_grad()
    return model.eval()


def test_the_frozen_half_is_saved_and_counted_as_not_trained(init: Any, learned: EmotionLlama) -> None:
    first, plain = begun(init), make(RANDOM, LORA, BOTH)
    assert base_fingerprints(learned) == base_fingerprints(first) == base_fingerprints(plain)
    before, after = trained_state(first), trained_state(learned)
    frozen = {name for name in after if is_start(name)}
    assert len(frozen) * 2 == sum("lora_" in name for name in after)
    assert {name for name in after if not torch.equal(before[name], after[name])} == after.keys() - frozen
    counted = {row.name: row for row in parts(learned)}["language"]
    assert counted.trained == {row.name: row for row in parts(plain)}["language"].trained
    assert counted.trained * 2 == sum(tensor.numel() for name, tensor in after.items() if name.startswith("language."))
    other = make(RANDOM, replace(LORA, init=init), BOTH)
    load_trained_state(other, after)
    assert all(torch.equal(tensor, after[name]) for name, tensor in trained_state(other).items())
    assert torch.equal(logits(other.language), logits(learned.language))


def test_the_adapter_folder_has_both_as_one(init: Any, learned: EmotionLlama, tmp_path: Path) -> None:
    lora = replace(LORA, init=init)
    save(learned, tmp_path, RANDOM, lora, BOTH)
    assert not (tmp_path / "start").exists()
    config = json.loads((tmp_path / "adapter_config.json").read_text())
    assert (config["r"], config["lora_alpha"], config["init_lora_weights"]) == (8, 16, True)
    other = make(RANDOM, lora, BOTH)
    assert load_adapter(other, tmp_path) == ["language", "projections", "vision"]
    assert all(torch.equal(tensor, trained_state(other)[name]) for name, tensor in trained_state(learned).items())
    batch = make_batch(learned, make_examples(2))
    assert other.generate(batch, Generation(max_new_tokens=4)) == learned.generate(batch, Generation(max_new_tokens=4))
    theirs = PeftModel.from_pretrained(
        load_language_model(RANDOM, learned.language.config.vocab_size), str(tmp_path)
    ).eval()
    torch.testing.assert_close(logits(theirs), logits(learned.language), atol=1e-5, rtol=1e-5)
    export_merged(read_adapter(tmp_path), tmp_path / "out")
    torch.testing.assert_close(
        logits(merged_language(tmp_path / "out")), logits(learned.language), atol=1e-4, rtol=1e-4
    )
    with pytest.raises(
        UserError, match=f"trained with model.lora.init={init}, here default; say model.lora.init={init}"
    ):
        load_adapter(make(RANDOM, replace(LORA, r=8, alpha=16), BOTH), tmp_path)


def test_a_scale_by_the_root_of_the_rank_is_the_same_in_the_folder(tmp_path: Path) -> None:
    lora = replace(LORA, init="olora", use_rslora=True)
    model = begun("olora", use_rslora=True)
    save(model, tmp_path, RANDOM, lora, BOTH)
    scale = read_adapter(tmp_path).lora
    assert scale.factor == pytest.approx(8 / 4**0.5, rel=1e-15)
    load_adapter(make(RANDOM, lora, BOTH), tmp_path)


def test_what_has_no_such_factors_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"init=pissa: q_proj is 32 by 32, so model.lora.r is at most 32, not 33$"):
        make(RANDOM, replace(LORA, init="pissa", r=33, targets=["q_proj"]))
    lora = replace(LORA, init="pissa")
    checkpoint = save_run(make(RANDOM, lora), tmp_path, RANDOM, lora)
    with pytest.raises(
        UserError, match=rf"init=pissa a checkpoint has two adapters .* say checkpoint={tmp_path}/adapter$"
    ):
        read_checkpoint(checkpoint, lambda: description(RANDOM, lora))
