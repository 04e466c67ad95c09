"""Language models that are built otherwise than Llama: what a run costs on them, and that it runs."""

import json
import sys
from pathlib import Path

import pytest
from language_factory import OTHERS, make_other
from model_factory import make_batch, make_examples, make_model
from torch.utils.flop_counter import FlopCounterMode

import train as train_program
from emolightning.__main__ import main
from emolightning.models.parts.language import LanguageSettings
from emolightning.models.sizes.flops import UnknownSizes, sizes_of, training_flops
from emolightning.records.clips import IGNORED
from emolightning.runs import train as training_run

STREAMS = {"image": 4, "class_token": 1, "face": 1, "motion": 1, "speech": 1}

UNDESCRIBED = "mixtral"
"""Has experts."""

KNOWN = [name for name in OTHERS if name != UNDESCRIBED]


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One folder for each architecture."""
    root = tmp_path_factory.mktemp("models")
    for name in OTHERS:
        make_other(root / name, name)
    return root


@pytest.fixture(scope="module")
def clips(smoke_clips: tuple[str, ...]) -> tuple[str, ...]:
    return ("experiment=smoke", *smoke_clips)


@pytest.mark.parametrize("train", ["lora", "full"])
@pytest.mark.parametrize("name", KNOWN)
def test_operations_are_those_that_torch_counts(name: str, train: str, models: Path) -> None:
    model = make_model(language=LanguageSettings(path=str(models / name), attention="eager"))
    if train == "full":
        model.language.requires_grad_(True)
    batch = make_batch(model.train(), make_examples(1))
    with FlopCounterMode(display=False) as counter:
        model(batch).backward()
    ours = training_flops(
        sizes_of(model),
        positions=batch.sequence.input_ids.shape[1],
        answer=int((batch.sequence.targets != IGNORED).sum()),
        streams=STREAMS,
        frames=1,
    )
    assert ours == pytest.approx(counter.get_total_flops(), rel=0.005)


def test_experts_are_not_described(models: Path) -> None:
    model = make_model(("transcript",), language=LanguageSettings(path=str(models / UNDESCRIBED)))
    with pytest.raises(UnknownSizes, match="mixtral: has experts"):
        sizes_of(model)


def ended(patch: pytest.MonkeyPatch, *words: str) -> int:
    patch.setattr(sys, "argv", ["train.py", *words])
    try:
        return train_program.main(list(words))
    except SystemExit as error:
        return int(error.code or 0)


ADAPTED = ("model.lora.targets=all-linear", "model.lora.dropout=0")
"""PEFT has no dropout for experts."""

EAGER = ("bloom",)
"""No fused attention in transformers."""

TRAINED = ("gpt2", *EAGER, UNDESCRIBED)
"""In every run of the tests: matrices that are no nn.Linear, slow attention, experts; the others are slow."""

QUIET = ("logger=csv", "trainer.enable_progress_bar=false", "~callbacks.progress", "trainer.max_steps=2")


@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=() if name in TRAINED else pytest.mark.slow) for name in OTHERS]
)
def test_two_steps(
    name: str,
    models: Path,
    clips: tuple[str, ...],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    words = (*clips, *QUIET, f"output_dir={tmp_path}/run", f"model.llm={models / name}", "evaluation.max_new_tokens=2")
    words = (*words, *ADAPTED)
    if name in EAGER:
        assert ended(monkeypatch, *words) == 1
        assert "BloomForCausalLM has no fused attention; say model.language.attention=eager" in capsys.readouterr().err
        words = (*words, "model.language.attention=eager")
    assert ended(monkeypatch, *words) == 0
    said = capsys.readouterr()
    assert f"start: {name} of {models / name}" in said.out
    assert "load: effective batch size 8" in said.out
    unknown = "activations, which are unknown (mixtral: has experts, of which a position takes some)"
    assert (unknown in said.out) == (name == UNDESCRIBED)
    assert (tmp_path / "run" / "adapter" / "emolightning.json").exists()


def test_targets_of_conv1d_may_be_named(models: Path) -> None:
    """GPT-2's matrices are no nn.Linear."""
    model = make_model(("transcript",), language=LanguageSettings(path=str(models / "gpt2")), targets=["c_attn"])
    adapted = [name for name, _ in model.language.named_parameters() if "lora_A" in name]
    assert len(adapted) == 2


@pytest.mark.parametrize("name", OTHERS)
def test_estimate(
    name: str, models: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["estimate", "model=tiny", f"model.llm={models / name}", *ADAPTED, "model.language.attention=eager",
             "compare=false", "gpu=A100", "num_clips=100", f"output={tmp_path}/result.json"]  # fmt: skip
    monkeypatch.setattr(sys, "argv", ["emolightning", *words])
    assert main(words) == 0
    result, said = json.loads((tmp_path / "result.json").read_text()), capsys.readouterr().out
    assert result["device_bytes"]["frozen weights"] > 0
    if name == UNDESCRIBED:
        assert result["time"].keys() == {"clips_per_epoch", "steps_per_epoch"}
        assert "are unknown: mixtral: has experts" in said
        assert "activations" not in result["device_bytes"]
    else:
        assert result["time"]["hours"] > 0
        assert result["device_bytes"]["activations"] > 0


def test_an_estimate_that_fails_does_not_end_the_run(
    clips: tuple[str, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fails(*args: object) -> str:
        raise AttributeError("no attribute 'num_key_value_heads'")

    monkeypatch.setattr(training_run, "describe_load", fails)
    words = (*clips, *QUIET, f"output_dir={tmp_path}/run", "trainer.max_steps=1")
    assert ended(monkeypatch, *words) == 0
    said = capsys.readouterr()
    assert "load: not known (no attribute 'num_key_value_heads')" in said.out + said.err
