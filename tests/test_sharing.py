"""Ranks that have no weights yet: what they build has the places for those that the first rank sends."""

from pathlib import Path
from typing import Any

import pytest
import torch
from language_factory import make_llama3, make_qwen2
from model_factory import make_model
from runs import REPO, Workplace, answers
from torch import distributed, nn

from emolightning.errors import UserError
from emolightning.models.parts.language import LanguageSettings, load_language_model
from emolightning.runs.starting import require_engine
from emolightning.training.engines.sharing import decoder_layers, share_weights


def places(model: nn.Module) -> dict[str, tuple[Any, ...]]:
    """All tensors that are sent, by name."""
    named = [*model.named_parameters(remove_duplicate=False), *model.named_buffers()]
    return {name: (tuple(tensor.shape), tensor.dtype) for name, tensor in named}


@pytest.mark.parametrize("make", [make_llama3, make_qwen2])
@pytest.mark.parametrize("dtype", ["float32", "float16", "bfloat16"])
def test_an_empty_model_has_a_place_for_every_tensor_of_its_folder(tmp_path: Path, make: Any, dtype: Any) -> None:
    settings = LanguageSettings(path=str(make(tmp_path)), dtype=dtype)
    full, empty = (load_language_model(settings, 0, is_empty=is_empty) for is_empty in (False, True))
    assert places(empty) == places(full)
    assert {parameter.device.type for parameter in empty.parameters()} == {"meta"}
    assert empty.config._attn_implementation == full.config._attn_implementation


def test_a_random_model_too() -> None:
    full, empty = (load_language_model(LanguageSettings(), 300, is_empty=is_empty) for is_empty in (False, True))
    assert places(empty) == places(full)


def test_weights_that_are_one_tensor_stay_one(monkeypatch: pytest.MonkeyPatch) -> None:
    """A head that is the embedding is sent once, and is the embedding on every rank."""
    monkeypatch.setattr(distributed, "is_initialized", lambda: True)
    monkeypatch.setattr(distributed, "get_rank", lambda: 0)
    sent: list[int] = []
    monkeypatch.setattr(distributed, "broadcast", lambda tensor, source: sent.append(tensor.numel()))
    module = nn.ModuleDict({"embedding": nn.Embedding(5, 3), "head": nn.Linear(3, 5, bias=False)})
    module["head"].weight = module["embedding"].weight
    before = module["head"].weight.detach().clone()
    share_weights(module, torch.device("cpu"))
    assert sent == [5 * 3 * 4]
    assert module["head"].weight is module["embedding"].weight
    assert torch.equal(module["head"].weight, before)


def test_quantised_weights_are_left_to_each_rank(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(distributed, "is_initialized", lambda: True)
    monkeypatch.setattr(distributed, "get_rank", lambda: 0)
    monkeypatch.setattr(distributed, "broadcast", lambda tensor, source: pytest.fail("sent"))
    module = nn.Module()
    module.packed = nn.Parameter(torch.zeros(4, dtype=torch.uint8), requires_grad=False)
    share_weights(module, torch.device("cpu"))


def test_the_layers_of_the_language_model_are_found() -> None:
    model = make_model()
    assert [type(layer).__name__ for layer in decoder_layers(model)] == ["LlamaDecoderLayer"] * 2


@pytest.mark.slow
@pytest.mark.multi_process
def test_an_evaluation_reads_the_weights_in_one_process(workplace: Workplace, trained: Path, tmp_path: Path) -> None:
    noting = f"+callbacks.noting={{_target_: noting.NotesPlaces, folder: {tmp_path}}}"
    run = workplace.folder / "outputs" / "shared"
    words = ("trainer=ddp", "trainer.accelerator=cpu", "trainer.devices=2", noting, f"output_dir={run}")
    workplace.call(REPO / "eval.py", f"checkpoint={trained}", *words, PYTHONPATH=f"{REPO}:{REPO / 'tests'}")
    assert (tmp_path / "rank0").read_text().split() == ["cpu", "cpu"]
    assert (tmp_path / "rank1").read_text().split()[-1] == "cpu"
    assert "meta" in (tmp_path / "rank1").read_text().split()[0].split(",")
    assert [line["answer"] for line in answers(run)] == [line["answer"] for line in answers(trained)]


@pytest.mark.parametrize(
    ("strategy", "accumulation", "quantization", "words"),
    [
        ({"_target_": "a.Fsdp"}, "sum", "none", "accumulation=mean"),
        ({"_target_": "a.deepspeed_zero", "stage": 1}, "sum", "none", "accumulation=mean"),
        ({"_target_": "a.deepspeed_zero", "stage": 3}, "mean", "nf4", "trainer=deepspeed_zero2"),
        ({"_target_": "a.Fsdp"}, "mean", "int8", "trainer=deepspeed_zero2"),
    ],
)
def test_what_an_engine_cannot_keep_is_refused(
    strategy: dict[str, Any], accumulation: str, quantization: str, words: str
) -> None:
    with pytest.raises(UserError, match=words):
        require_engine(strategy, accumulation=accumulation, quantization=quantization)


def test_an_engine_that_cuts_the_frozen_adapter_is_refused() -> None:
    with pytest.raises(UserError, match=r"model.lora.init=pissa with trainer.strategy=Fsdp: .*trainer=ddp"):
        require_engine({"_target_": "a.Fsdp"}, accumulation="mean", quantization="none", init="pissa")


def test_what_an_engine_can_keep_is_not() -> None:
    require_engine("ddp", accumulation="mean", quantization="none", init="olora")
    require_engine("auto", accumulation="sum", quantization="nf4")
    require_engine({"_target_": "a.deepspeed_zero", "stage": 2}, accumulation="mean", quantization="nf4")
