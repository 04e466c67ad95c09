"""Which parts train: what learns, what a checkpoint and an adapter folder hold, and what a later run starts from."""

import itertools
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from emolightning.callbacks.trainable_parameters import parameter_table
from hydra import compose, initialize_config_dir
from in_process import evaluate, fit
from model_factory import LANGUAGE, VISION, make_batch, make_examples, make_model
from omegaconf import DictConfig
from safetensors.torch import load_file

from emolightning.config.places import CONFIG_DIR
from emolightning.config.saved_run import load_saved_run
from emolightning.config.schema import register_schemas
from emolightning.errors import InputErrors, UserError
from emolightning.models.emotion_llama.emotion_llama import EmotionLlama
from emolightning.models.parts.adapter import load_adapter, save_adapter
from emolightning.models.parts.assembling import require_settings
from emolightning.models.parts.parameters import base_fingerprints, load_trained_state, parts, trained_state
from emolightning.models.parts.trained_parts import TrainedParts

HOW = ("frozen", "lora", "full")
ALL = [TrainedParts(*how) for how in itertools.product(HOW, HOW, ("frozen", "full"))]


def named(train: TrainedParts) -> str:
    return f"{train.vision}-{train.language}-{train.projections}"


def expected_to_train(name: str, train: TrainedParts) -> bool:
    part = name.partition(".")[0]
    how = getattr(train, part)
    return how == "full" or (how == "lora" and "lora_" in name)


def one_step(model: EmotionLlama) -> None:
    """Move everything that trains."""
    trained = [parameter for parameter in model.parameters() if parameter.requires_grad]
    model.train()
    model(make_batch(model, make_examples(2))).backward()
    torch.optim.SGD(trained, lr=0.5).step()
    model.zero_grad()
    model.eval()


@pytest.mark.parametrize("train", ALL[1:], ids=named)
def test_exactly_what_shall_train_gets_gradients(train: TrainedParts) -> None:
    model = make_model(train=train)
    model(make_batch(model, make_examples(2))).backward()
    for name, parameter in model.named_parameters():
        trains = expected_to_train(name, train)
        assert parameter.requires_grad == trains, name
        assert (parameter.grad is not None and bool(parameter.grad.any())) == trains, name


@pytest.mark.parametrize("train", ALL, ids=named)
def test_the_table_of_parts_counts_them(train: TrainedParts) -> None:
    model = make_model(train=train)
    rows = {row.name: row for row in parts(model)}
    states = {"frozen": "frozen", "lora": "adapters", "full": "trained"}
    assert rows["vision"].state == states[train.vision]
    assert rows["language"].state == states[train.language]
    assert {row.state for name, row in rows.items() if "." in name} == {states[train.projections]}
    trained = sum(row.trained for row in rows.values())
    assert trained == sum(p.numel() for name, p in model.named_parameters() if expected_to_train(name, train))
    assert parameter_table(list(rows.values())).columns[3]._cells[-1] == f"{trained:,}"


ALWAYS = [
    each for each in ALL if (HOW.index(each.vision) + HOW.index(each.language)) % 2 == (each.projections == "full")
]
"""Each way of a part with each way of the others."""


@pytest.mark.parametrize(
    "train",
    [pytest.param(each, id=named(each), marks=() if each in ALWAYS else pytest.mark.slow) for each in ALL[1:]],
)
def test_an_adapter_folder_brings_back_whatever_trained(train: TrainedParts, tmp_path: Path) -> None:
    model = make_model(train=train)
    one_step(model)
    batch = make_batch(model, make_examples(2))
    with torch.no_grad():
        expected = model(batch)
    save_adapter(model, tmp_path, {})
    other = make_model(train=train, seed=9)
    with torch.no_grad():
        assert not torch.equal(other(batch), expected)
        load_adapter(other, tmp_path)
        assert torch.equal(other(batch), expected)
    lora = {"language": "adapter_model.safetensors", "vision": "vision/adapter_model.safetensors"}
    for part in ("language", "vision"):
        assert (tmp_path / lora[part]).exists() == (getattr(train, part) == "lora")
        assert (tmp_path / f"{part}.safetensors").exists() == (getattr(train, part) == "full")


@pytest.mark.parametrize("train", ALL, ids=named)
def test_a_checkpoint_holds_what_trains_and_the_projections(train: TrainedParts) -> None:
    """Projections also where they are frozen: they came from an earlier run, and no base brings them back."""
    model = make_model(train=train)
    state = {name: tensor.clone() for name, tensor in trained_state(model).items()}
    everything = {name for name, _ in model.named_parameters()}
    assert set(state) == {n for n in everything if expected_to_train(n, train) or n.startswith("projections.")}
    other = make_model(train=train, seed=9)
    assert load_trained_state(other, state) == sorted({name.partition(".")[0] for name in state})
    batch = make_batch(model, make_examples(2))
    with torch.no_grad():
        assert torch.equal(other(batch), model(batch))


def test_vision_adapters_are_read_by_peft_itself(tmp_path: Path) -> None:
    from peft import PeftModel

    model = make_model(train=TrainedParts(vision="lora"))
    one_step(model)
    save_adapter(model, tmp_path, {})
    images = torch.randn(2, 3, 56, 56)
    expected = model.vision(images)[0]
    fresh = make_model().vision
    assert not torch.allclose(fresh(images)[0], expected, atol=1e-4)
    fresh.tower = PeftModel.from_pretrained(fresh.tower, str(tmp_path / "vision"))
    torch.testing.assert_close(fresh(images)[0], expected)


def test_a_tower_is_in_train_mode_only_while_it_trains() -> None:
    for how in HOW:
        model = make_model(train=TrainedParts(vision=how)).train()
        assert model.vision.tower.training == (how != "frozen")
        assert not model.eval().vision.tower.training


def test_fingerprints_are_of_the_base_alone() -> None:
    """So that weights of a run without adapters can start one with them; what trains in full has no base."""
    plain = base_fingerprints(make_model(train=TrainedParts(language="frozen")))
    assert set(plain) == {"language", "vision"}
    assert base_fingerprints(make_model(train=TrainedParts("lora", "lora"), targets=["q_proj"])) == plain
    full = make_model(train=TrainedParts("full", "full"))
    assert base_fingerprints(full) == {}
    assert base_fingerprints(full, before_training=True) == plain
    one_step(full)
    assert base_fingerprints(full, before_training=True) != plain


@pytest.mark.parametrize("there", HOW)
@pytest.mark.parametrize("here", HOW)
@pytest.mark.parametrize("part", ["language", "vision"])
def test_weights_of_a_part_that_trains_otherwise(part: str, there: str, here: str, tmp_path: Path) -> None:
    """Refused with the setting that fits; but a run may start from weights of a part that was frozen."""
    source = make_model(train=TrainedParts(**{part: there}))
    save_adapter(source, tmp_path, {})
    state = {name: tensor.clone() for name, tensor in trained_state(source).items()}
    for may_start_fresh in (False, True):
        model = make_model(train=TrainedParts(**{part: here}), seed=9)
        loads = (
            lambda: load_adapter(model, tmp_path, may_start_fresh=may_start_fresh),  # noqa: B023  # called here
            lambda: load_trained_state(model, state, may_start_fresh=may_start_fresh),  # noqa: B023
        )
        for load in loads:
            if there == here or (there == "frozen" and may_start_fresh):
                loaded = load()
                assert (part in loaded) == (there != "frozen")
                assert "projections" in loaded
            else:
                with pytest.raises(
                    ValueError, match=rf"model.train.{part} was {there} .* say model.train.{part}={there}"
                ):
                    load()


@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
def test_weights_of_half_precision_do_not_train_in_full(dtype: str) -> None:
    settings = {"vision": replace(VISION, dtype=dtype), "language": replace(LANGUAGE, dtype=dtype)}
    with pytest.raises(InputErrors) as error:
        require_settings(**settings, train=TrainedParts("full", "full"))
    assert len(error.value.problems) == 2
    for part in settings:
        assert f"model.{part}.dtype=float32" in str(error.value)
    require_settings(**settings, train=TrainedParts("lora", "lora"))


@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
@pytest.mark.parametrize("dora", [False, True])
def test_adapters_beside_half_precision_are_float32(dtype: str, dora: bool) -> None:
    model = make_model(language=replace(LANGUAGE, dtype=dtype), use_dora=dora)
    assert {p.dtype for p in model.parameters() if p.requires_grad} == {torch.float32}
    one_step(model)
    assert model(make_batch(model, make_examples(2))).isfinite()


@pytest.fixture
def configured(smoke_clips: tuple[str, ...], tmp_path: Path) -> Any:
    """A smoke run, or its evaluation, in this process."""

    def configure(run: str, *overrides: str) -> DictConfig:
        register_schemas()
        words = ["experiment=smoke", "logger=csv", "~callbacks.progress", *smoke_clips,
                 f"output_dir={tmp_path / run}", *overrides]  # fmt: skip
        with initialize_config_dir(str(CONFIG_DIR), version_base="1.3"):
            return compose("train", overrides=words)

    return configure


def answers(checkpoint: Path, out: Path) -> list[str]:
    words = [f"checkpoint={checkpoint}", f"output_dir={out}", "~callbacks.progress"]
    load_saved_run(words)
    with initialize_config_dir(str(CONFIG_DIR), version_base="1.3"):
        evaluate(compose("eval", overrides=words))
    return [json.loads(line)["answer"] for line in (out / "answers.jsonl").read_text().splitlines()]


@pytest.mark.slow
def test_a_run_that_trains_everything_and_its_evaluation(configured: Any, tmp_path: Path) -> None:
    settings = ["model.train.vision=lora", "model.train.language=full", "optimizer.lr=0.003", "trainer.max_epochs=4"]
    fit(configured("run", *settings))
    run = tmp_path / "run"
    adapter = run / "adapter"
    assert {"language.safetensors", "projections.safetensors", "vision"} <= {path.name for path in adapter.iterdir()}
    checkpoint = torch.load(run / "checkpoints/best.ckpt", weights_only=True)
    assert set(checkpoint["base_fingerprints"]) == {"vision"}
    weights = load_file(adapter / "language.safetensors")
    stored = {name: tensor for name, tensor in checkpoint["state_dict"].items() if name.startswith("model.language.")}
    assert {f"model.language.{name}" for name in weights} == set(stored)
    found = answers(run, tmp_path / "first")
    assert found == answers(adapter, tmp_path / "second")
    assert len(set(found)) > 1


def test_projections_first_then_adapters(configured: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """What one does with a language model that the projections do not know yet."""
    fit(configured("first", "model.train.language=frozen"))
    assert "start: llama, random weights, Llama-2's chat format; frozen: vision, language; fresh: projections" in (
        capsys.readouterr().out
    )
    for name, start in (("second", "first"), ("third", "first/adapter")):
        fit(configured(name, f"init_from={tmp_path / start}", "model.train.projections=frozen"))
        source = tmp_path / start / ("" if "adapter" in start else "checkpoints/best.ckpt")
        said = " ".join(capsys.readouterr().out.split())
        assert f"frozen: vision; from {source}: projections; fresh: LoRA of language" in said
    before = load_file(tmp_path / "first/adapter/projections.safetensors")
    for name in ("second", "third"):
        after = load_file(tmp_path / name / "adapter/projections.safetensors")
        assert all(torch.equal(after[key], before[key]) for key in before)
    fit(configured("second", f"init_from={tmp_path / 'first'}", "model.train.projections=frozen", "resume=auto",
                   "trainer.max_epochs=2"))  # fmt: skip
    last = tmp_path / "second/checkpoints/last.ckpt"
    assert f"frozen: vision; from {last}: projections, LoRA of language" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        (["model.train.projections=frozen"], "would keep random projections; start from trained ones with init_from"),
        (["model.train.projections=frozen", "model.train.language=frozen"], "nothing would train: .*vision=frozen"),
        (["modalities=[text]", "model.train.language=frozen", "model.train.vision=lora"], "nothing would train"),
        (["model.train.language=full", "model.language.dtype=float16"], r"model.language.dtype=float32"),
    ],
)
def test_runs_that_make_no_sense_are_refused_before_the_data_is_read(
    configured: Any, monkeypatch: pytest.MonkeyPatch, overrides: list[str], message: str
) -> None:
    monkeypatch.setattr(
        "emolightning.runs.assembly_of_data.make_corpus", lambda *args, **kwargs: pytest.fail("the data was read")
    )
    with pytest.raises(UserError, match=message):
        fit(configured("run", *overrides))
