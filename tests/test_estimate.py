"""Memory, time and cost: formulas against sums by hand, against tensors that are there, and what torch keeps."""

import json
import os
import re
from collections.abc import Mapping
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from hydra import compose, initialize_config_dir
from hydra.utils import instantiate
from model_factory import LANGUAGE, make_batch, make_examples, make_model
from omegaconf import DictConfig
from runs import REPO, Workplace

from emolightning.config.places import CONFIG_DIR
from emolightning.config.schema import register_schemas
from emolightning.models.emotion_llama.emotion_llama import EmotionLlama
from emolightning.models.parts.language import LanguageSettings
from emolightning.models.parts.trained_parts import TrainedParts
from emolightning.models.sizes.activations import Lengths
from emolightning.models.sizes.held import Held
from emolightning.models.sizes.inventory import held
from emolightning.records.clips import IGNORED, Batch
from emolightning.runs import starting
from emolightning.runs.assembly import load_of
from emolightning.runs.estimate.estimating import Effective, Engine, Estimator, engine_of, num_ranks
from emolightning.runs.estimate.memory import memory, sent
from emolightning.runs.starting import describe_load, too_little
from emolightning.training.optim.groups import parameter_groups

STREAMS = {"image": 4, "class_token": 1, "face": 1, "motion": 1, "speech": 1}

BILLION = 1_000_000_000

SEVEN = Held(
    frozen=7 * BILLION,
    frozen_bytes=14 * BILLION,
    quantized_bytes=0,
    trained=BILLION // 10,
    trained_bytes=BILLION // 10 * 4,
    block_bytes=BILLION // 10 * 4,
    outside_bytes=BILLION,
    shared_bytes=14 * BILLION,
)
"""7 billion frozen numbers in half precision, 0.1 billion trained ones in float32."""

SHARDED = ("shards_optimizer", "shards_gradients", "shards_weights")

LOADED = 14.4 + 7 * 0.4
"""By one process all of it, by the other seven what is not handed to them."""

LIGHTNING = "pytorch_lightning.strategies"


def engine(kind: str, num_sharded: int = 0, **more: Any) -> Engine:
    return Engine("", ranks=8, ranks_per_node=8, kind=kind, **dict.fromkeys(SHARDED[:num_sharded], True), **more)


def gigabytes(found: Mapping[str, int]) -> list[float]:
    """Items that are not 0, in order."""
    return [round(size / BILLION, 6) for size in found.values() if size]


@pytest.mark.parametrize(
    ("described", "device", "host"),
    [
        # frozen, trained, gradients, moments (8 bytes a number); DDP's buckets are one more copy of the gradients
        (Engine("", kind="single"), [14, 0.4, 0.4, 0.8], [14.4]),
        (engine("ddp"), [14, 0.4, 0.4, 0.8, 0.4], [LOADED]),
        # an eighth of each; gathered are two layers and what is in none: 2 * 0.4 + 1
        (engine("fsdp", 3), [1.75, 0.05, 0.05, 0.1, 1.8], [LOADED]),
        # in bfloat16: frozen 2 * 7, trained and gradients 2 * 0.1; in float32 an eighth of 4 * 0.1 and of 8 * 0.1
        (engine("deepspeed", 1), [14, 0.2, 0.2, 0.05, 0.1], [LOADED]),
        (engine("deepspeed", 2), [14, 0.2, 0.025, 0.05, 0.1], [LOADED]),
        # two buffers of 0.2 billion numbers in bfloat16
        (engine("deepspeed", 2, bucket=BILLION // 5, num_buckets=2), [14, 0.2, 0.025, 0.05, 0.1, 0.8], [LOADED]),
        (engine("deepspeed", 3, max_live=BILLION), [1.75, 0.025, 0.025, 0.05, 0.1, 2], [LOADED]),
        # in main memory, of all eight: gradients, masters and moments in float32, 4 + 4 + 8 bytes a number
        (engine("deepspeed", 2, offloads_optimizer=True), [14, 0.2], [0.4, 0.4, 0.8, LOADED]),
        (
            engine("deepspeed", 3, offloads_optimizer=True, offloads_weights=True, max_live=BILLION),
            [2],
            [14, 0.2, 0.4, 0.4, 0.8, LOADED],
        ),
    ],
)
def test_sums_by_hand(described: Engine, device: list[float], host: list[float]) -> None:
    found = memory(SEVEN, described, compute_bytes=2, step={}, overhead=0)
    assert gigabytes(found.device) == device
    assert gigabytes(found.host) == host


@pytest.mark.parametrize(
    ("described", "batches", "expected"),
    [
        (Engine("", kind="single"), 1, []),
        # seven eighths of 0.4 GB of gradients, scattered and gathered; once, however many batches
        (engine("ddp"), 1, [0.7]),
        (engine("ddp"), 4, [0.7]),
        # 0.2 GB in bfloat16: gradients are scattered, what trains is gathered
        (engine("deepspeed", 1), 4, [0.175, 0.175]),
        (engine("deepspeed", 2), 4, [0.7, 0.175]),
        # all 14.2 GB before the forward and before the backward pass
        (engine("deepspeed", 3), 1, [0.175, 24.85]),
        (engine("fsdp", 3), 2, [0.7, 50.4]),
    ],
)
def test_what_is_sent_by_hand(described: Engine, batches: int, expected: list[float]) -> None:
    assert gigabytes(sent(SEVEN, described, compute_bytes=2, batches=batches)) == expected


def test_full_training_sends_what_the_zero_paper_says() -> None:
    """Its section 7: twice the numbers of parameters in ZeRO-1 and 2 as in plain data parallelism, three times in 3."""
    whole = Held(0, 0, 0, trained=BILLION, trained_bytes=2 * BILLION, block_bytes=0, outside_bytes=0)
    many = {"ranks": 512, "ranks_per_node": 8}
    plain = Engine("", kind="ddp", **many)
    engines = [plain, *(replace(engine("deepspeed", number), **many) for number in (1, 2, 3))]
    times = [sum(sent(whole, each, compute_bytes=2).values()) / (2 * BILLION) for each in engines]
    assert times == pytest.approx([2, 2, 2, 3], abs=0.01)


def test_full_training_of_the_zero_paper() -> None:
    """Its figure 1: 7.5 billion parameters on 64 GPUs need 120, 31.4, 16.6 and 1.9 GB."""
    whole = Held(0, 0, 0, trained=7_500_000_000, trained_bytes=0, block_bytes=0, outside_bytes=0)
    found = []
    for num_sharded in range(4):
        shards = dict.fromkeys(SHARDED[:num_sharded], True)
        described = Engine("", ranks=64, ranks_per_node=8, kind="deepspeed", **shards)
        found.append(memory(whole, described, compute_bytes=2, step={}, overhead=0).device_total / 1e9)
    assert found == pytest.approx([120, 31.4, 16.6, 1.9], abs=0.05)


@pytest.mark.parametrize(
    "train",
    [TrainedParts(), TrainedParts(vision="lora"), TrainedParts(vision="full", language="full"), TrainedParts("lora")],
)
def test_parameters_gradients_and_moments_are_those_that_are_there(train: TrainedParts) -> None:
    """Byte by byte after a step; AdamW's counters of steps, four bytes a tensor, stand apart."""
    model = make_model(train=train).train()
    optimizer = torch.optim.AdamW(parameter_groups(model))
    model(make_batch(model, make_examples(2))).backward()
    optimizer.step()
    expected = memory(held(model), Engine(""), compute_bytes=4, step={}, overhead=0)
    parameters = list(model.parameters())
    states = [tensor for state in optimizer.state.values() for name, tensor in state.items() if name != "step"]
    assert dict(expected.device) == {
        "frozen weights": sum(p.nbytes for p in parameters if not p.requires_grad),
        "trained weights": sum(p.nbytes for p in parameters if p.requires_grad),
        "gradients": sum(p.grad.nbytes for p in parameters if p.grad is not None),
        "Adam's moments": sum(tensor.nbytes for tensor in states),
        "gathered weights": 0,
        "buffers of gradients": 0,
        "CUDA and allocator": 0,
    }


@pytest.mark.slow
@pytest.mark.multi_process
@pytest.mark.parametrize("stage", [1, 2, 3])
def test_two_ranks_of_deepspeed_hold_what_the_formula_says(stage: int, workplace: Workplace) -> None:
    """To the byte: the sizes of this model are even. Gradients are gone behind the step."""
    start = ("-m", "torch.distributed.run", "--standalone", "--nproc_per_node=2")
    search = os.pathsep.join([str(REPO), str(REPO / "tests")])
    said = workplace.call(*start, REPO / "tests" / "held_by_deepspeed.py", stage, PYTHONPATH=search)
    (found,) = re.findall(r"held: (\{.*\})", said)
    shards = dict.fromkeys(SHARDED[:stage], True)
    described = Engine("", ranks=2, kind="deepspeed", **shards)
    expected = memory(held(make_model()), described, compute_bytes=2, step={}, overhead=0).device
    assert json.loads(found) == {name: size for name, size in expected.items() if size and name != "gradients"}


def kept_by_torch(model: EmotionLlama, batch: Batch, *, is_mixed: bool) -> int:
    """Bytes of everything that autograd saves in a forward pass, parameters aside; each memory counts once."""
    weights = {p.untyped_storage().data_ptr() for p in model.parameters()}
    found: dict[int, torch.UntypedStorage] = {}

    def keep(tensor: torch.Tensor) -> torch.Tensor:
        storage = tensor.untyped_storage()
        if storage.data_ptr() not in weights:
            found[storage.data_ptr()] = storage
        return tensor

    with (
        torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor),
        torch.autocast("cpu", dtype=torch.bfloat16, enabled=is_mixed),
    ):
        model(batch)
    return sum(storage.nbytes() for storage in found.values())


def estimator_of(model: EmotionLlama, language: LanguageSettings, batch: Batch) -> Estimator:
    tokens = batch.sequence
    places = (tokens.targets != IGNORED).any(dim=0)
    lengths = Lengths(tokens.input_ids.shape[1], int(places.sum()), STREAMS)
    settings = {"language": vars(language)}
    return Estimator(model, settings, lengths=lengths, rows=len(batch.clips), sees_images=True)


@pytest.mark.parametrize(
    ("language", "lora", "train", "precision"),
    [
        ({}, {}, TrainedParts(), "32-true"),
        ({}, {"dropout": 0.1}, TrainedParts(), "32-true"),
        ({}, {"dropout": 0.1, "targets": ["q_proj", "v_proj"]}, TrainedParts(), "32-true"),
        ({"attention": "eager"}, {}, TrainedParts(), "32-true"),
        ({}, {}, TrainedParts(language="full"), "32-true"),
        ({}, {}, TrainedParts(vision="lora"), "32-true"),
        ({}, {}, TrainedParts(vision="full"), "32-true"),
        ({}, {"dropout": 0.1}, TrainedParts(), "bf16-mixed"),
        ({"dtype": "float16"}, {"dropout": 0.1}, TrainedParts(), "bf16-mixed"),
        ({"dtype": "bfloat16"}, {"dropout": 0.1}, TrainedParts(), "bf16-mixed"),
    ],
)
def test_activations_are_what_torch_keeps(
    language: dict[str, Any], lora: dict[str, Any], train: TrainedParts, precision: str
) -> None:
    """Without the logits, of which torch keeps less than there are at the height of the step."""
    settings = LanguageSettings(width=64, num_layers=4, num_heads=4, mlp_width=96, **language)
    model = make_model(language=settings, train=train, **lora).train()
    batch = make_batch(model, make_examples(4))
    real = kept_by_torch(model, batch, is_mixed=precision == "bf16-mixed")
    estimator = estimator_of(model, settings, batch)
    expected = estimator.memory(Engine(""), precision, is_gpu=False).device
    log_softmax = int((batch.sequence.targets != IGNORED).sum()) * estimator.sizes.decoder.vocabulary_size * 4
    found = expected["activations"] + expected["autocast's copies of weights"] + log_softmax
    assert 0.85 * real <= found <= 1.0 * real


def test_checkpointing_keeps_the_inputs_of_layers() -> None:
    whole = LanguageSettings(width=64, num_layers=4, num_heads=4, mlp_width=96)
    again = LanguageSettings(**{**vars(whole), "gradient_checkpointing": True})
    model = make_model(language=again).train()
    batch = make_batch(model, make_examples(4))
    real = kept_by_torch(model, batch, is_mixed=False)
    with_it, without = (
        estimator_of(model, settings, batch).memory(Engine(""), "32-true", is_gpu=False).device["activations"]
        for settings in (again, whole)
    )
    rows, positions = batch.sequence.input_ids.shape
    assert with_it < without / 2
    inputs = 4 * rows * positions * 64 * 4
    assert inputs < real < with_it, "the rest is one layer, computed again"


def test_autocast_copies_the_frozen_matrices_of_another_type() -> None:
    """All of the language model's; of bfloat16 weights none. One layer's at a time with checkpointing."""
    sizes = {"width": 64, "num_layers": 4, "num_heads": 4, "mlp_width": 96}
    kept = {}
    for dtype, again in (("float16", False), ("bfloat16", False), ("float16", True)):
        language = LanguageSettings(**sizes, dtype=dtype, gradient_checkpointing=again)
        model = make_model(language=language)
        batch = make_batch(model, make_examples(1))
        device = estimator_of(model, language, batch).memory(Engine(""), "bf16-mixed", is_gpu=False).device
        kept[dtype, again] = device["autocast's copies of weights"]
    layer = 4 * 64 * 64 + 3 * 64 * 96
    head = 64 * model.language.config.vocab_size
    assert kept["float16", False] - kept["bfloat16", False] == 2 * (4 * layer + head)
    assert kept["float16", True] - kept["bfloat16", False] == 2 * (layer + head)


@pytest.mark.parametrize(("planned", "layer"), [("nf4", 0.5 + 4 / 64), ("int8", 1)])
def test_quantised_weights(planned: Any, layer: float) -> None:
    """Half a byte a number and a float32 for 64 of them; a byte, and a float32 for each row. Not the head."""
    model = make_model(language=LANGUAGE)
    plain, packed = held(model), held(model, planned=planned)
    width, mlp_width, num_layers = 32, 48, 2
    numbers = num_layers * (4 * width * width + 3 * width * mlp_width)
    rows = num_layers * (5 * width + 2 * mlp_width)
    assert plain.frozen - packed.frozen == numbers
    assert packed.quantized_bytes == numbers * layer + (4 * rows if planned == "int8" else 0)


@pytest.mark.parametrize(
    ("strategy", "ranks", "expected"),
    [
        ("auto", 1, "one process"),
        ("auto", 4, "DDP"),
        ({"_target_": f"{LIGHTNING}.DDPStrategy"}, 2, "DDP"),
        ({"_target_": f"{LIGHTNING}.ModelParallelStrategy"}, 2, "FSDP2"),
        ({"_target_": f"{LIGHTNING}.DeepSpeedStrategy", "stage": 3}, 2, "DeepSpeed ZeRO-3"),
        (
            {"_target_": f"{LIGHTNING}.DeepSpeedStrategy", "stage": 3, "offload_parameters": True},
            2,
            "DeepSpeed ZeRO-3, weights in main memory",
        ),
        (
            {"_target_": "a.B_DeepSpeed", "config": {"zero_optimization": {"stage": 1, "offload_optimizer": {"a": 1}}}},
            2,
            "DeepSpeed ZeRO-1, optimizer in main memory",
        ),
    ],
)
def test_engines_are_read_from_a_trainers_settings(strategy: Any, ranks: int, expected: str) -> None:
    assert engine_of({"strategy": strategy, "num_nodes": 1}, ranks).name == expected


@pytest.mark.parametrize(
    ("devices", "accelerator", "expected"),
    [(4, "gpu", 8), ("4", "gpu", 8), ([0, 2], "gpu", 4), ("auto", "gpu", None), (-1, "gpu", None), ("auto", "cpu", 1)],
)
def test_number_of_processes(devices: Any, accelerator: str, expected: int | None) -> None:
    assert num_ranks({"devices": devices, "accelerator": accelerator, "num_nodes": 2}) == expected


def composed(*overrides: str) -> DictConfig:
    register_schemas()
    with initialize_config_dir(str(CONFIG_DIR), version_base="1.3"):
        return compose("train", overrides=list(overrides))


@pytest.mark.parametrize(("words", "numbers"), [((), 50_000_000), (("trainer.strategy.bucket_mb=20",), 5_000_000)])
def test_the_buffers_are_those_of_our_strategy(words: tuple[str, ...], numbers: int) -> None:
    cfg = composed("trainer=deepspeed_zero2", *words)
    zero = instantiate(cfg.trainer.strategy).config["zero_optimization"]
    assert engine_of(cfg.trainer, 2).bucket == numbers == zero["reduce_bucket_size"]


def test_a_gpu_that_is_too_small_is_warned_of() -> None:
    cfg = composed("model=emotion_llama_7b", "trainer=one_gpu", "data.batch_size=6")
    expected = memory(SEVEN, Engine(""), compute_bytes=2, step={}, overhead=0)
    first, *rest = too_little(load_of(cfg), expected, 12 * BILLION).splitlines()
    assert first == "this run needs about 15.6 GB of a GPU with 12 GB; settings that need less:"
    assert rest[0] == (
        "  1. data.batch_size=3 trainer.accumulate_grad_batches=2 (now 6 and 1: the effective batch size stays)"
    )


@pytest.mark.parametrize(("available", "warning"), [(BILLION, "this run needs about 1.5 GB"), (80 * BILLION, "")])
def test_what_a_gpu_run_says_before_its_first_step(
    available: int, warning: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """On two GPUs of a machine that has none."""
    monkeypatch.setattr(torch.cuda, "get_device_properties", lambda device: SimpleNamespace(total_memory=available))
    monkeypatch.setattr(starting, "_longest", lambda corpus, processor: Lengths(100, 4, STREAMS))
    cfg = composed("trainer=one_gpu", "trainer.devices=2", "data.batch_size=3", "trainer.accumulate_grad_batches=5")
    strategy = SimpleNamespace(root_device=torch.device("cuda"))
    trainer = SimpleNamespace(world_size=4, num_nodes=2, strategy=strategy)
    learner: Any = SimpleNamespace(model=make_model())
    corpus: Any = None
    processor: Any = None
    said = describe_load(load_of(cfg), corpus, processor, learner, trainer)
    first, second = said.splitlines()
    assert first == (
        "load: effective batch size 60 = data.batch_size 3 x 4 process(es) x 5 accumulated on 2 machines; DDP, about "
        f"1.5 GB a process of {available // BILLION} GB"
    )
    assert second.startswith("      CUDA and allocator 1.50")
    remarks = [record.getMessage() for record in caplog.records]
    assert any(remark.startswith(warning) for remark in remarks) if warning else remarks
    if not warning:
        assert remarks[0].startswith("memory: model.language.dtype=bfloat16 (now float32")


def test_the_effective_batch_size() -> None:
    assert str(Effective(4, 2, 3)) == ("effective batch size 24 = data.batch_size 4 x 2 process(es) x 3 accumulated")
