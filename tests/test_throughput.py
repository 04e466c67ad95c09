"""The benchmark: operations against torch's own count, and the program at the smallest size. No time is asserted."""

import json
import statistics
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from model_factory import make_batch, make_examples, make_model
from torch.utils.flop_counter import FlopCounterMode

from emolightning.commands.cli import run
from emolightning.config.command_settings import Recipe
from emolightning.models.emotion_llama.emotion_llama import EmotionLlama
from emolightning.models.parts.decoder import Decoder
from emolightning.models.parts.generation import Generation
from emolightning.models.sizes.flops import answering_flops, sizes_of, training_flops
from emolightning.records.clips import IGNORED
from speed import assembly, machine, throughput
from speed.building import build_random
from speed.clips import ClipSet, Texts, words
from speed.columns import make_column
from speed.machine import Peak
from speed.recipes import FixedLength, Measurement, Subject, ablations, hold_frozen
from speed.rounds import Column, Work, alternate

STREAMS = {"image": 4, "class_token": 1, "face": 1, "motion": 1, "speech": 1}

SMALL = ("rounds=1", "samples=4", "batch_size=2", "transcript_tokens=4", "answer_tokens=3", "feature_width=8")

NARROW = (
    *("model.vision.image_size=56", "model.vision.width=16", "model.vision.num_layers=2", "model.vision.num_heads=2"),
    *("model.vision.mlp_width=32", "model.language.width=32", "model.language.num_layers=2"),
    *("model.language.num_heads=2", "model.language.mlp_width=48", "model.lora.r=4"),
)
"""The 7B configuration at a size for a CPU."""

OURS = Recipe(batch_size=2, precompute_vision=True, precision="32-true", dtype="float32")


@pytest.fixture(autouse=True)
def threads() -> Iterator[None]:
    """The program sets their number."""
    before = torch.get_num_threads()
    yield
    torch.set_num_threads(before)


@pytest.fixture
def model() -> EmotionLlama:
    """Attention written out: torch does not count its fused kernels on every device."""
    made = make_model()
    Subject(made, torch.device("cpu"), torch.optim.AdamW, 2).adopt(OURS)
    return made


def benchmark(monkeypatch: pytest.MonkeyPatch, *overrides: str) -> int:
    """Its exit code."""
    words = [*SMALL, *overrides]
    monkeypatch.setattr(sys, "argv", ["speed/throughput.py", *words])
    try:
        return run(throughput.main, "throughput", words)
    except SystemExit as error:
        return int(error.code or 0)


@pytest.mark.parametrize(("trained", "tolerance"), [(None, 0), ("language", 0), ("vision", 0.03)])
def test_operations_of_a_training_step(model: EmotionLlama, trained: str | None, tolerance: float) -> None:
    """Equal to what torch counts. Of a trained tower it counts 2 % less at this size: pictures need no gradient."""
    if trained:
        getattr(model, trained).requires_grad_(True)
    batch = make_batch(model.train(), make_examples(1))
    with FlopCounterMode(display=False) as counter:
        model(batch).backward()
    positions, answer = batch.sequence.input_ids.shape[1], int((batch.sequence.targets != IGNORED).sum())
    flops = training_flops(sizes_of(model), positions=positions, answer=answer, streams=STREAMS, frames=1)
    assert flops == pytest.approx(counter.get_total_flops(), rel=tolerance)


def test_a_step_on_precomputed_vectors_has_no_tower(model: EmotionLlama) -> None:
    given = {"positions": 60, "answer": 2, "streams": STREAMS}
    with FlopCounterMode(display=False) as counter:
        model.see({"image": torch.randn(1, 1, 3, 56, 56)})
    sizes = sizes_of(model)
    saved = training_flops(sizes, frames=1, **given) - training_flops(sizes, frames=0, **given)
    assert saved == counter.get_total_flops()


@pytest.mark.parametrize(
    ("num_tokens", "reads_layers", "is_exact"),
    [(1, True, True), (2, True, True), (9, True, True), (9, False, True), (9, True, False)],
)
def test_operations_and_length_of_an_answer(
    model: EmotionLlama, num_tokens: int, reads_layers: bool, is_exact: bool
) -> None:
    """Adapters are added to weights while the decoder is made, which is counted by itself; none under autocast."""
    model.reads_layers = reads_layers
    batch = make_batch(model, make_examples(1))
    generation, autocast = FixedLength(max_new_tokens=num_tokens), torch.autocast("cpu", enabled=not is_exact)
    with autocast, FlopCounterMode(display=False) as of_sums:
        Decoder(model.language)
    assert (of_sums.get_total_flops() > 0) == is_exact
    with autocast, FlopCounterMode(display=False) as counter:
        embeddings = model.embed(batch.context, model.project(batch))
        ids = model.generate_ids(embeddings, batch.context.attention_mask, generation)
    assert ids.shape == (1, num_tokens)
    positions = batch.context.input_ids.shape[1]
    asked = {"positions": positions, "answer": num_tokens, "streams": STREAMS, "frames": 1}
    flops = answering_flops(sizes_of(model, is_exact=is_exact), reads_layers=reads_layers, **asked)
    assert flops == counter.get_total_flops() - reads_layers * of_sums.get_total_flops()


@pytest.mark.parametrize("change", ["another kind", "disabled", "merged", "the head's"])
def test_no_adapter_is_added_that_the_decoder_asks_as_it_is(change: str) -> None:
    settings = {"another kind": {"use_dora": True}, "the head's": {"targets": "lm_head"}}.get(change, {})
    model = make_model(**settings)
    if change == "disabled":
        model.language.disable_adapter_layers()
    elif change == "merged":
        model.language.merge_adapter()
    with FlopCounterMode(display=False) as of_sums:
        Decoder(model.language)
    decoder = sizes_of(model, is_exact=True).decoder
    assert (decoder.added_weights, of_sums.get_total_flops()) == (0, 0)
    assert decoder.adapter_weights > 0


def test_answers_end_where_they_shall_even_if_the_model_would_stop(model: EmotionLlama) -> None:
    batch = make_batch(model, make_examples(2))
    head = model.language.get_base_model().lm_head
    with torch.no_grad():
        head.weight.zero_()  # all tokens are equally likely, so greedy takes the first that is allowed
    model.tokenizer.stop_ids = [0, *model.tokenizer.stop_ids]
    embeddings = model.embed(batch.context, model.project(batch))
    free = model.generate_ids(embeddings, batch.context.attention_mask, Generation(max_new_tokens=5))
    fixed = model.generate_ids(embeddings, batch.context.attention_mask, FixedLength(max_new_tokens=5))
    assert free.shape[1] == 1
    assert fixed.shape[1] == 5
    assert not set(fixed.flatten().tolist()) & set(model.tokenizer.stop_ids)


def test_clips_have_the_lengths_that_were_asked_for() -> None:
    model = make_model()
    clips = ClipSet(model, Texts(transcript=8, answer=5), num_clips=10, feature_width=8, seed=0)
    spoken = [len(model.tokenizer.text_ids(example.clip.transcript or "")) for example in clips.examples]
    assert statistics.mean(spoken) == pytest.approx(8, abs=0.5)
    assert (min(spoken), max(spoken)) == (4, 12)
    assert {answer for _, answer in clips.lengths} == {5}
    assert len(model.tokenizer.text_ids(words(model.tokenizer, 7))) == 7
    assert [len(batch.clips) for batch in clips.batches(clips.examples, 4)] == [4, 4, 2]


def test_the_program_measures_both_recipes_and_their_ratio(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "results" / "tiny.json"
    assert benchmark(monkeypatch, "rounds=2", "ablate=true", f"output={file}") == 0
    printed = capsys.readouterr().out
    assert "upstream recipe" in printed
    assert "ours / upstream" in printed
    result = json.loads(file.read_text())
    assert result["command"][0] == "speed/throughput.py"
    assert {"commit", "dirty"} == set(result["git"])
    assert result["machine"]["device"]
    assert result["packages"]["torch"]
    assert "paths" not in result["settings"]
    ours, upstream = result["recipes"]["ours"], result["recipes"]["upstream"]
    assert (ours["batch_size"], ours["precompute_vision"], ours["attention"]) == (2, True, "sdpa")
    assert (upstream["batch_size"], upstream["precompute_vision"], upstream["attention"]) == (1, False, "eager")
    check_ratios(result, "training")
    assert len(result["columns"]["ours"]["vision"]["rounds"]) == 2
    assert set(result["ablations"]) == {
        *("ours, batch_size=1", "ours, precompute_vision=false", "ours, attention=eager", "ours, clip_norm=0.0")
    }
    compared = [each for each in result["figures"] if each["unit"] == "x"]
    assert [each["what"].split(": ")[1] for each in compared] == [
        *("ours / released recipe", "ours, batch_size=1 / ours", "ours, precompute_vision=false / ours"),
        *("ours, attention=eager / ours", "ours, clip_norm=0.0 / ours"),
    ]
    assert not any(each["at_least"] for each in compared), "a promise of steps alone is one of a GPU"


def check_ratios(result: dict[str, Any], phase: str) -> None:
    """Median of the quotients of the two rounds; speed and utilisation once more from seconds."""
    one, other = (result["columns"][name][phase] for name in ("ours", "upstream"))
    pairs = list(zip(one["rounds"], other["rounds"], strict=True))
    assert len(pairs) == 2
    for name, ratio in result["ratios"][phase].items():
        quotients = [here[name] / there[name] for here, there in pairs]
        assert ratio["median"] == pytest.approx(statistics.median(quotients))
        assert (ratio["min"], ratio["max"]) == (min(quotients), max(quotients))
    for measured in (one, other):
        for found in measured["rounds"]:
            assert found["samples_per_s"] * found["seconds"] == pytest.approx(4)
            assert found["tokens_per_s"] * found["seconds"] == pytest.approx(measured["tokens"])
            gflops = found["mfu"] * found["seconds"] * result["machine"]["peak_tflops"] * 1e3
            assert gflops == pytest.approx(4 * measured["gflops_per_sample"])
    assert one["tokens"] == other["tokens"], "both recipes have the same work"


def test_the_7b_configuration_at_a_narrow_width(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "narrow.json"
    words = ("model=emotion_llama_7b", "weights=random", "device=cpu", *NARROW)
    assert benchmark(monkeypatch, *words, f"output={file}") == 0
    result = json.loads(file.read_text())
    parts = {part["name"]: part for part in result["parts"]}
    assert parts["language"]["total"] > 2 * 32_000 * 32, "head and embeddings have Llama-2's vocabulary"
    assert result["columns"]["ours"]["training"]["rounds"][0]["seconds"] > 0


@pytest.mark.slow
def test_the_7b_model_on_meta(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Parameters: the `trainable params: 33554432 || all params: 6771970048` of upstream's log, and its projections."""
    file = tmp_path / "meta.json"
    words = ("model=emotion_llama_7b", "device=meta", "feature_width=1024", f"output={file}")
    assert benchmark(monkeypatch, *words) == 0
    result = json.loads(file.read_text())
    parts = {part["name"]: part for part in result["parts"]}
    assert (parts["language"]["total"], parts["language"]["trained"]) == (6_771_970_048, 33_554_432)
    assert sum(part["trained"] for part in parts.values()) == 33_554_432 + 23_072_768 + 12_595_200 + 5_771_264
    assert result["shapes"]["image"] == [1, 256, 5632]
    assert result["shapes"]["logits"] == [1, 3, 32_000]
    for found in result["gflops"].values():
        assert found["formula"] == pytest.approx(found["counted"], rel=1e-6)
    assert result["memory_gb"]["weights"] == pytest.approx(2 * (6.738 + 0.987) + 4 * 0.075, abs=0.02)
    assert "6,771,970,048" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("word", "message"),
    [
        ("bach_size=3", "did you mean batch_size?"),
        ("ours.atention=eager", "did you mean attention?"),
        ("upstream.attention=flash", "'flash' is not one of sdpa, eager"),
        ("ours.batch_size=3", "ours.batch_size: must divide samples=4, not 3"),
        ("rounds=0", "rounds: must be at least 1, not 0"),
        ("ours.answers_at_once=5", "ours.answers_at_once"),
        ("ours.reads_layers=false", "ours.reads_layers"),
        ("model=emotion_llama_7b", "weights=random measures without them"),
    ],
)
def test_a_mistake_is_told_before_anything_is_measured(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], word: str, message: str
) -> None:
    monkeypatch.setattr(assembly, "make_column", pytest.fail)
    assert benchmark(monkeypatch, word) in (1, 2)
    assert message in capsys.readouterr().err


def test_what_is_too_large_for_the_device_is_said_and_the_other_is_measured(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    train = Subject.train

    def too_large(subject: Subject, recipe: Recipe, *rest: Any) -> Measurement:
        if recipe.batch_size > 1:
            raise torch.OutOfMemoryError
        return train(subject, recipe, *rest)

    monkeypatch.setattr(Subject, "train", too_large)
    file = tmp_path / "result.json"
    assert benchmark(monkeypatch, "rounds=2", f"output={file}") == 0
    result = json.loads(file.read_text())
    assert result["columns"]["ours"]["training"]["out_of_memory"]
    assert result["ratios"]["training"]["samples_per_s"] is None
    assert len(result["columns"]["upstream"]["training"]["rounds"]) == 2
    assert result["columns"]["upstream"]["training"]["samples_per_s"]["median"] > 0
    assert "out of memory" in capsys.readouterr().out


def test_ctrl_c_keeps_the_rounds_that_were_complete(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    train, calls = Subject.train, []

    def interrupted(subject: Subject, *rest: Any) -> Measurement:
        calls.append(rest)
        if len(calls) == 4:
            raise KeyboardInterrupt
        return train(subject, *rest)

    monkeypatch.setattr(Subject, "train", interrupted)
    file = tmp_path / "result.json"
    assert benchmark(monkeypatch, "rounds=5", f"output={file}") == 130
    result = json.loads(file.read_text())
    assert [len(result["columns"][name]["training"]["rounds"]) for name in ("ours", "upstream")] == [1, 1]
    assert result["notes"][0].startswith("interrupted")
    assert "note: interrupted" in capsys.readouterr().out


def test_rounds_take_turns() -> None:
    order: list[str] = []

    def make(name: str) -> Column:
        def run() -> Measurement:
            order.append(name)
            return Measurement(seconds=1.0)

        return Column(name, {"training": run, "evaluation": run}, {})

    columns = [make("a"), make("b")]
    assert alternate(columns, 2, report=lambda number: None)
    assert "".join(order) == "abab" + "baba"


@pytest.mark.parametrize(("precision", "dtype"), [("bf16-mixed", "bfloat16"), ("16-mixed", "float16")])
def test_half_precision_as_on_a_gpu(precision: str, dtype: str) -> None:
    """The steps of a GPU's recipes, on a CPU: autocast, loss scaling, frozen weights in half precision."""
    model = make_model()
    subject = Subject(model, torch.device("cpu"), torch.optim.AdamW, 2)
    clips = ClipSet(model, Texts(4, 3), num_clips=2, feature_width=12, seed=0)
    for example in clips.examples:
        example.features.update(motion=torch.randn(1, 10), speech=torch.randn(1, 8))
    recipe = Recipe(batch_size=2, precision=precision, dtype=dtype, attention="sdpa", clip_norm=1.0)
    before = {name: p.clone() for name, p in model.named_parameters() if p.requires_grad}
    column = make_column("half", recipe, subject, clips)
    assert column.run["training"]().skipped_steps == 0
    assert subject.answer(recipe, clips.batches(clips.examples, 2)).seconds > 0
    kinds = {(p.dtype, p.requires_grad) for p in model.parameters()}
    assert kinds == {(getattr(torch, dtype), False), (torch.float32, True)}
    assert any(not torch.equal(p, before[name]) for name, p in model.named_parameters() if name in before)


def test_a_step_that_overflows_is_counted() -> None:
    model = make_model()
    subject = Subject(model, torch.device("cpu"), torch.optim.AdamW, 2)
    clips = ClipSet(model, Texts(4, 3), num_clips=2, feature_width=12, seed=0)
    for example in clips.examples:
        example.features.update(motion=torch.randn(1, 10), speech=torch.randn(1, 8))
    scaler = torch.amp.GradScaler("cpu", init_scale=2.0**126)
    batches = clips.batches(clips.examples, 1)
    found = subject.train(Recipe(precision="16-mixed", dtype="float32"), batches, scaler)
    assert found.skipped_steps == len(batches)


def test_ablations_change_one_setting_each() -> None:
    ours, upstream = Recipe(batch_size=8, attention="sdpa"), Recipe(batch_size=1, attention="eager")
    assert ablations(ours, upstream) == {
        "ours, batch_size=1": Recipe(batch_size=1, attention="sdpa"),
        "ours, attention=eager": Recipe(batch_size=8, attention="eager"),
    }


def test_quantised_weights_are_left_alone() -> None:
    layer = torch.nn.Linear(2, 2)
    layer.weight = torch.nn.Parameter(torch.zeros(2, 2, dtype=torch.uint8), requires_grad=False)
    hold_frozen(layer.requires_grad_(False), torch.float16)
    assert (layer.weight.dtype, layer.bias.dtype) == (torch.uint8, torch.float16)


def test_a_trained_tower_cannot_be_computed_ahead(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("emolightning.models.parts.vision.VisionTower.is_trained", True)
    assert benchmark(monkeypatch) == 1
    assert "say ours.precompute_vision=false" in capsys.readouterr().err


def test_random_weights_make_a_model_that_works() -> None:
    """Made on meta and filled afterwards: nothing is left without a value, and rotary frequencies are Llama's."""
    from emolightning.models.emotion_llama.build import build_emotion_llama
    from emolightning.models.family import Sees
    from emolightning.models.parts.language import LanguageSettings
    from emolightning.models.parts.lora import LoraSettings
    from emolightning.models.parts.vision import VisionSettings

    def build(settings: Any, sees: Sees) -> EmotionLlama:
        language, vision = LanguageSettings(**settings["language"]), VisionSettings(**settings["vision"])
        about = {"inputs": sees.inputs, "feature_widths": sees.feature_widths}
        return build_emotion_llama(language=language, vision=vision, lora=LoraSettings(r=4), **about)

    sizes = {"width": 32, "num_layers": 2, "num_heads": 2, "mlp_width": 48, "path": "weights/absent"}
    settings = {"language": {**sizes, "tokenizer": None}, "vision": {**sizes, "image_size": 56}}
    device = torch.device("cpu")
    made = build_random(build, settings, device, feature_width=8, vocabulary_size=1_000, seed=0)
    assert all(torch.isfinite(tensor).all() for tensor in [*made.parameters(), *made.buffers()])
    assert made.language.get_input_embeddings().num_embeddings == 1_000
    (frequencies,) = [buffer for name, buffer in made.named_buffers() if name.endswith("rotary_emb.inv_freq")]
    expected = [10_000 ** (-2 * pair / 16) for pair in range(8)]
    assert frequencies.tolist() == pytest.approx(expected)
    again = build_random(build, settings, device, feature_width=8, vocabulary_size=1_000, seed=0)
    assert all(torch.equal(one, two) for one, two in zip(made.parameters(), again.parameters(), strict=True))


@pytest.mark.parametrize(
    ("name", "tflops"),
    [
        ("NVIDIA H100 80GB HBM3", 989.5),
        ("NVIDIA H100 PCIe", 756.5),
        ("NVIDIA A100-SXM4-80GB", 312.0),
        ("NVIDIA L40S", 362.0),
        ("NVIDIA L40", None),
        ("NVIDIA GeForce RTX 4090", 165.2),
        ("Some other card", None),
    ],
)
def test_the_peak_of_a_gpu_is_that_of_its_name(
    monkeypatch: pytest.MonkeyPatch, name: str, tflops: float | None
) -> None:
    monkeypatch.setattr(machine, "device_name", lambda device: name)
    found = machine.find_peak(torch.device("cuda"), None).flops_per_s
    assert found == (None if tflops is None else tflops * 1e12)
    assert machine.find_peak(torch.device("cuda"), 10.0) == Peak(10e12, "device_peak_tflops")


def test_the_peak_of_memory_begins_anew() -> None:
    device = torch.device("cpu")
    if "since its start" in machine.memory_kind(device):
        pytest.skip("this system does not let a process reset its peak")
    machine.reset_peak_memory(device)
    before = machine.peak_memory_gb(device)
    held = torch.ones(100_000_000, dtype=torch.uint8)
    assert machine.peak_memory_gb(device) > before + 0.09
    del held
    machine.reset_peak_memory(device)
    assert machine.peak_memory_gb(device) < before + 0.05


def test_utilisation_of_an_unknown_device_is_unknown() -> None:
    from speed.result import describe_columns

    column = Column("ours", {"training": Measurement}, {"training": Work(1, 10, 1_000)})
    column.rounds["training"] = [Measurement(seconds=2.0)]
    described = describe_columns([column], None)["ours"]["training"]
    assert described["mfu"] is None
    assert described["tokens_per_s"] == {"median": 5.0, "min": 5.0, "max": 5.0}
