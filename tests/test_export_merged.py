"""`export-weights format=merged`: a language model that answers as it did with its adapters."""

import json
from dataclasses import replace

import pytest
import torch
from model_factory import VISION as TINY_VISION
from model_factory import WIDTHS
from published import SIZES, build, make_published, run, tree
from safetensors.torch import load_file, save_file
from trained_factory import LLAMA, LORA, RANDOM, description, logits, make, merged_language, save, save_run
from transformers import AutoTokenizer
from weights_factory import make_llama

from emolightning.errors import InputErrors, UserError
from emolightning.models import inspecting
from emolightning.models.emotion_llama.build import build_emotion_llama
from emolightning.models.emotion_llama.inputs import INPUTS
from emolightning.models.emotion_llama.upstream import merging
from emolightning.models.emotion_llama.upstream.describing import read_trained
from emolightning.models.emotion_llama.upstream.exporting import export_upstream
from emolightning.models.emotion_llama.upstream.merging import export_merged
from emolightning.models.inspecting import describe
from emolightning.models.parts.adapter import load_adapter
from emolightning.models.parts.language import LanguageSettings
from emolightning.models.parts.trained_parts import TrainedParts


@pytest.mark.parametrize(
    "lora",
    [
        LORA,
        replace(LORA, targets=("q_proj", "v_proj")),
        pytest.param(replace(LORA, use_rslora=True), marks=pytest.mark.slow),
        pytest.param(replace(LORA, use_dora=True), marks=pytest.mark.slow),
        replace(LORA, use_dora=True, use_rslora=True, alpha=3),
    ],
)
@pytest.mark.parametrize("source", ["folder", "random"])
def test_the_merged_model_computes_what_the_adapters_did(tmp_path, lora, source):
    path = str(make_llama(tmp_path / "llama", LLAMA, dtype=torch.float32)) if source == "folder" else None
    language = replace(RANDOM, path=path)
    model = make(language, lora)
    save(model, tmp_path / "adapter", language, lora)
    export_merged(read_trained(tmp_path / "adapter"), tmp_path / "out")
    merged = merged_language(tmp_path / "out")
    expected = logits(model.language)
    # Merged weights are rounded once more, so the deviation grows with the logits.
    torch.testing.assert_close(logits(merged), expected, atol=1e-5 * max(1.0, float(expected.abs().max())), rtol=0)
    with model.language.disable_adapter():
        assert (logits(model.language) - expected).abs().max() > 0.05
    theirs = model.language.merge_and_unload()
    for name, parameter in merged.named_parameters():
        torch.testing.assert_close(parameter, theirs.get_parameter(name), atol=1e-6, rtol=1e-5)
    assert AutoTokenizer.from_pretrained(tmp_path / "out" / "language")("sad")["input_ids"]


def test_checkpoint_and_adapter_merge_to_the_same_bytes(tmp_path):
    model = make(RANDOM)
    checkpoint = save_run(model, tmp_path / "run", RANDOM)
    save(model, tmp_path / "adapter", RANDOM)
    for name, place in (("one", checkpoint), ("two", tmp_path / "adapter")):
        export_merged(read_trained(place), tmp_path / name)
    assert tree(tmp_path / "one" / "language") == tree(tmp_path / "two" / "language")
    assert load_file(tmp_path / "one" / "projections.safetensors").keys() == model.projections.state_dict().keys()
    about = json.loads((tmp_path / "one" / "emolightning.json").read_text())
    assert about["inputs"] == list(INPUTS)
    assert about["feature_widths"] == WIDTHS


def test_shards_and_type_are_those_of_the_base(tmp_path):
    base = make_llama(tmp_path / "llama", LLAMA, dtype=torch.bfloat16, shards=3)
    language = LanguageSettings(path=str(base))
    model = make(language)
    save(model, tmp_path / "adapter", language)
    export_merged(read_trained(tmp_path / "adapter"), tmp_path / "out")
    shards = sorted(path.name for path in base.glob("*.safetensors"))
    assert len(shards) == 3
    assert sorted(path.name for path in (tmp_path / "out" / "language").glob("*.safetensors")) == shards
    unmerged = dict(model.language.base_model.model.named_parameters())
    for shard in shards:
        before, after = load_file(base / shard), load_file(tmp_path / "out" / "language" / shard)
        assert before.keys() == after.keys()
        assert {tensor.dtype for tensor in after.values()} == {torch.bfloat16}
        for name in before:
            is_adapted = name.replace(".weight", ".lora_A.default.weight") in unmerged
            assert torch.equal(before[name], after[name]) != is_adapted
    # Rounded once, from float32: as near as bfloat16 can be.
    merged = merged_language(tmp_path / "out")
    theirs = model.language.merge_and_unload()
    for name, parameter in merged.named_parameters():
        assert torch.equal(parameter, theirs.get_parameter(name).to(torch.bfloat16).float())
    export_merged(read_trained(tmp_path / "adapter"), tmp_path / "wide", dtype="float32")
    assert json.loads((tmp_path / "wide" / "language" / "config.json").read_text())["dtype"] == "float32"
    torch.testing.assert_close(logits(merged_language(tmp_path / "wide")), logits(theirs), atol=2e-5, rtol=1e-5)
    index = json.loads((tmp_path / "wide" / "language" / "model.safetensors.index.json").read_text())
    assert index["metadata"]["total_size"] == 4 * sum(parameter.numel() for parameter in theirs.parameters())


@pytest.mark.parametrize("train", [TrainedParts(language="full"), TrainedParts(language="frozen")])
def test_a_language_model_that_trained_in_full_or_not_at_all(tmp_path, train):
    model = make(RANDOM, LORA, train)
    save(model, tmp_path / "adapter", RANDOM, LORA, train)
    export_merged(read_trained(tmp_path / "adapter"), tmp_path / "out")
    assert torch.equal(logits(merged_language(tmp_path / "out")), logits(model.language))


@pytest.mark.parametrize("vision", ["frozen", "full", "lora"])
def test_the_folder_is_an_adapter_folder_of_the_merged_model(tmp_path, vision):
    train = TrainedParts(vision=vision)
    model = make(RANDOM, LORA, train)
    save(model, tmp_path / "adapter", RANDOM, LORA, train)
    export_merged(read_trained(tmp_path / "adapter"), tmp_path / "out")
    assert describe(tmp_path / "out").kind == inspecting.MERGED
    about = json.loads((tmp_path / "out" / "emolightning.json").read_text())
    parts = {name: value for name, value in about["model"]["train"].items() if name != "_target_"}
    assert parts == {"vision": vision, "language": "frozen", "projections": "full"}
    again = build_emotion_llama(
        vision=TINY_VISION,
        language=LanguageSettings(**about["model"]["language"]),
        lora=LORA,
        inputs=INPUTS,
        feature_widths=WIDTHS,
        train=TrainedParts(**parts),
    )
    load_adapter(again, tmp_path / "out")
    torch.testing.assert_close(logits(again.language), logits(model.language), atol=2e-5, rtol=1e-5)
    for name, parameter in model.named_parameters():
        if name.startswith(("projections.", "vision.")):
            assert torch.equal(again.get_parameter(name), parameter)


def test_lora_of_the_tower_comes_from_the_adapter_folder(tmp_path):
    train = TrainedParts(vision="lora")
    checkpoint = save_run(make(RANDOM, LORA, train), tmp_path / "run", RANDOM)
    with pytest.raises(UserError, match="export the adapter folder of the run instead"):
        export_merged(read_trained(checkpoint), tmp_path / "out")


def test_an_imported_checkpoint_can_be_merged(tmp_path):
    files = make_published(tmp_path)
    imported = tmp_path / "imported"
    run(files, imported, description=description(LanguageSettings(path=str(files["llama"]))))
    lines = export_merged(read_trained(imported / "adapter"), tmp_path / "out", dtype="float32")
    assert not any("not recorded" in line or "not compared" in line for line in lines)
    model = build(files, imported)
    torch.testing.assert_close(logits(merged_language(tmp_path / "out")), logits(model.language), atol=1e-3, rtol=1e-4)


def test_an_import_is_merged_into_its_own_language_model_only(tmp_path):
    files = make_published(tmp_path)
    run(files, tmp_path / "imported", description=description(LanguageSettings(path=str(files["llama"]))))
    imported = tmp_path / "imported" / "adapter"
    other = make_llama(tmp_path / "other", replace(SIZES, seed=8))
    with pytest.raises(UserError, match="trained on another language model"):
        export_merged(read_trained(imported), tmp_path / "out", llama=other)
    content = json.loads((imported / "emolightning.json").read_text())
    # As imports of before fingerprints were recorded.
    (imported / "emolightning.json").write_text(json.dumps({**content, "base_fingerprints": {}}))
    lines = export_merged(read_trained(imported), tmp_path / "out", llama=other)
    assert any("it is not recorded which language model" in line for line in lines)


def test_a_run_that_reads_only_words_has_no_projections(tmp_path):
    torch.manual_seed(0)
    model = build_emotion_llama(
        vision=TINY_VISION, language=RANDOM, lora=LORA, inputs=("transcript",), feature_widths={}
    ).eval()
    save(model, tmp_path / "adapter", RANDOM)
    export_merged(read_trained(tmp_path / "adapter"), tmp_path / "out")
    assert load_file(tmp_path / "out" / "projections.safetensors") == {}
    torch.testing.assert_close(logits(merged_language(tmp_path / "out")), logits(model.language), atol=2e-5, rtol=1e-5)


def test_another_base_is_refused(tmp_path):
    language = LanguageSettings(path=str(make_llama(tmp_path / "llama", LLAMA)))
    save(make(language), tmp_path / "adapter", language)
    trained = read_trained(tmp_path / "adapter")
    other = make_llama(tmp_path / "other", replace(LLAMA, seed=2))
    with pytest.raises(UserError, match="were trained on another language model; say llama=FOLDER"):
        export_merged(trained, tmp_path / "out", llama=other)
    smaller = make_llama(tmp_path / "smaller", replace(LLAMA, layers=1, hidden=16))
    with pytest.raises(InputErrors, match=r"model.layers.1.mlp.down_proj.weight, which .*smaller does not have"):
        export_merged(trained, tmp_path / "out", llama=smaller)
    (tmp_path / "llama").rename(tmp_path / "moved")
    with pytest.raises(UserError, match=r"no such folder; say llama=FOLDER where the language model lies now"):
        export_merged(trained, tmp_path / "out")
    assert not (tmp_path / "out").exists()
    export_merged(trained, tmp_path / "out", llama=tmp_path / "moved")
    with pytest.raises(UserError, match="has language, projections.safetensors, emolightning.json already"):
        export_merged(trained, tmp_path / "out", llama=tmp_path / "moved")


def test_a_base_may_hold_tensors_that_are_no_parameters(tmp_path):
    """Published Llama-2 folders hold the rotary frequencies."""
    base = make_llama(tmp_path / "llama", LLAMA)
    state = load_file(base / "model.safetensors")
    state["model.layers.0.self_attn.rotary_emb.inv_freq"] = torch.ones(8)
    save_file(state, base / "model.safetensors", metadata={"format": "pt"})
    language = LanguageSettings(path=str(base))
    save(make(language), tmp_path / "adapter", language)
    export_merged(read_trained(tmp_path / "adapter"), tmp_path / "out")
    assert set(load_file(tmp_path / "out" / "language" / "model.safetensors")) == set(state)


@pytest.mark.parametrize("error", [KeyboardInterrupt, RuntimeError])
def test_a_failure_leaves_nothing(tmp_path, monkeypatch, error):
    save(make(RANDOM), tmp_path / "adapter", RANDOM)

    def fail(*arguments):
        raise error

    monkeypatch.setattr(merging, "_write_part", fail)
    with pytest.raises(error):
        export_merged(read_trained(tmp_path / "adapter"), tmp_path / "out")
    monkeypatch.setattr("emolightning.models.emotion_llama.upstream.exporting.torch.save", fail)
    lora = replace(LORA, targets=("q_proj", "v_proj"))
    save(make(RANDOM, lora), tmp_path / "plain", RANDOM, lora)
    with pytest.raises(error):
        export_upstream(read_trained(tmp_path / "plain"), tmp_path / "out.pth")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["adapter", "plain"]
