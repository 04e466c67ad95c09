"""The model against a plain-PyTorch reading of how upstream computes, on random weights."""

import dataclasses

import pytest
import torch
from model_factory import LANGUAGE, VISION, WIDTHS, make_batch, make_examples, make_model
from torch.nn import functional

from emolightning.errors import UserError
from emolightning.models.emotion_llama.build import build_emotion_llama
from emolightning.models.emotion_llama.inputs import INPUTS
from emolightning.models.emotion_llama.layouts import PLACEHOLDERS
from emolightning.models.parts.generation import Generation
from emolightning.models.parts.language import LanguageSettings
from emolightning.models.parts.lora import LoraSettings
from emolightning.models.parts.parameters import base_fingerprints, load_trained_state, parts, trained_state
from emolightning.models.parts.vision import VisionSettings
from emolightning.records.clips import IGNORED


@pytest.fixture
def model():
    return make_model()


def read_vision(model, images):
    """Upstream's `encode_img` up to the projections: ViT, then a LayerNorm without affine part, eps 1e-5."""
    seen = {}
    hook = model.vision.tower.post_layernorm.register_forward_pre_hook(
        lambda _, args: seen.setdefault("hidden", args[0])
    )
    model.vision.tower(pixel_values=images)
    hook.remove()
    return functional.layer_norm(seen["hidden"], (VISION.width,), eps=1e-5)


def test_image_and_class_token_projections_follow_upstream(model):
    batch = make_batch(model, make_examples(3))
    hidden = read_vision(model, batch.images["image"][:, 0])
    rows = []
    for clip in hidden[:, 1:]:  # 16 patches -> 4 rows of 4 consecutive patches, concatenated
        rows.append(torch.stack([torch.cat([clip[4 * t + k] for k in range(4)]) for t in range(4)]))
    image, class_token = model.projections["image"], model.projections["class_token"]
    projected = model.project(batch)
    assert projected["image"].shape == (3, 4, LANGUAGE.width)
    assert projected["class_token"].shape == (3, 1, LANGUAGE.width)
    expected = torch.stack(rows) @ image.weight.T + image.bias
    torch.testing.assert_close(projected["image"], expected, rtol=0, atol=1e-5)
    expected = hidden[:, :1] @ class_token.weight.T + class_token.bias
    torch.testing.assert_close(projected["class_token"], expected, rtol=0, atol=1e-5)


@pytest.mark.parametrize("name", list(WIDTHS))
def test_feature_projections_are_one_linear_layer(model, name):
    batch = make_batch(model, make_examples(2))
    layer = model.projections[name]
    assert tuple(layer.weight.shape) == (LANGUAGE.width, WIDTHS[name])
    expected = batch.features[name] @ layer.weight.T + layer.bias
    torch.testing.assert_close(model.project(batch)[name], expected, rtol=0, atol=1e-6)


def test_streams_stand_at_their_places_in_upstream_order(model):
    batch = make_batch(model, make_examples(2))
    projected = model.project(batch)
    embeddings = model.embed(batch.sequence, projected)
    table = model.language.get_input_embeddings().weight
    for row, ids in enumerate(batch.sequence.input_ids.tolist()):
        streams = [token for token in ids if token < 0]
        order = ["image"] * 4 + ["face", "motion", "speech", "class_token"]
        assert streams == [PLACEHOLDERS[name] for name in order]
        taken = dict.fromkeys(projected, 0)
        names = {code: name for name, code in PLACEHOLDERS.items()}
        for position, token in enumerate(ids):
            if token >= 0:
                expected = table[token]
            else:
                expected = projected[names[token]][row, taken[names[token]]]
                taken[names[token]] += 1
            torch.testing.assert_close(embeddings[row, position], expected, rtol=0, atol=0)


@torch.no_grad()
def test_loss_is_the_token_mean_over_answers_only(model):
    batch = make_batch(model, make_examples(3))
    losses, tokens = model.answer_losses(batch)
    embeddings = model.embed(batch.sequence, model.project(batch))
    logits = model.language(inputs_embeds=embeddings, attention_mask=batch.sequence.attention_mask).logits
    total, count = 0.0, 0
    for row in range(3):
        own = 0.0
        for position, target in enumerate(batch.sequence.targets[row].tolist()):
            if target != IGNORED:
                own -= float(torch.log_softmax(logits[row, position - 1], dim=-1)[target])
                count += 1
        assert float(losses[row]) == pytest.approx(own, abs=1e-4)
        total += own
    assert tokens.tolist() == [2, 2, 2]  # a label is one piece, and EOS
    assert float(model(batch)) == pytest.approx(total / count, abs=1e-5)


@pytest.mark.parametrize("num_beams", [1, 3])
def test_answers_do_not_depend_on_the_batch(model, num_beams):
    examples = make_examples(4)
    together = model.generate(make_batch(model, examples), Generation(max_new_tokens=6, num_beams=num_beams))
    alone = [
        model.generate(make_batch(model, [example]), Generation(max_new_tokens=6, num_beams=num_beams))[0]
        for example in examples
    ]
    assert together == alone


def test_generation_equals_greedy_decoding_by_hand(model):
    batch = make_batch(model, make_examples(1))
    embeddings = model.embed(batch.context, model.project(batch))
    ids = []
    for _ in range(5):
        token = int(model.language(inputs_embeds=embeddings).logits[0, -1].argmax())
        if token == model.tokenizer.end_id:
            break
        ids.append(token)
        embeddings = torch.cat([embeddings, model.language.get_input_embeddings().weight[token][None, None]], dim=1)
    expected = model.tokenizer.decode(ids)
    assert model.generate(batch, Generation(max_new_tokens=5)) == [expected]


def test_streams_of_different_length_use_only_their_own_vectors(model):
    examples = make_examples(2)
    longer = {**examples[1].features, "speech": torch.randn(3, WIDTHS["speech"])}
    examples[1] = dataclasses.replace(examples[1], features=longer)
    both = make_batch(model, examples)
    assert both.features["speech"].shape == (2, 3, WIDTHS["speech"])
    losses, _ = model.answer_losses(both)
    alone = torch.cat([model.answer_losses(make_batch(model, [example]))[0] for example in examples])
    torch.testing.assert_close(losses, alone, rtol=0, atol=1e-5)


def test_several_frames_give_several_images(model):
    batch = make_batch(model, make_examples(2, frames=3))
    projected = model.project(batch)
    assert projected["image"].shape[1] == 3 * model.image_tokens
    assert projected["class_token"].shape[1] == 3
    assert model(batch).isfinite()


@pytest.mark.parametrize("inputs", [("speech",), ("transcript",), ("image",), ("face", "motion"), ("image", "speech")])
def test_inputs_that_are_off_are_in_neither_model_nor_sequence(inputs):
    model = make_model(inputs)
    batch = make_batch(model, make_examples(2, inputs))
    streams = {name for name in inputs if name != "transcript"} | ({"class_token"} if "image" in inputs else set())
    assert set(model.projections) == streams
    assert (model.vision is None) == ("image" not in inputs)
    present = {token for token in batch.sequence.input_ids.flatten().tolist() if token < 0}
    assert present == {PLACEHOLDERS[name] for name in streams}
    assert model(batch).isfinite()


def test_vision_tower_stays_in_eval_mode_and_frozen(model):
    model.train()
    assert not model.vision.tower.training
    assert all(not parameter.requires_grad for parameter in model.vision.parameters())
    assert model.language.training


def test_only_adapters_and_projections_get_gradients(model):
    model(make_batch(model, make_examples(2))).backward()
    for name, parameter in model.named_parameters():
        trained = "lora_" in name or name.startswith("projections.")
        assert parameter.requires_grad == trained, name
        assert (parameter.grad is not None) == trained, name


def test_base_does_not_depend_on_the_runs_seed():
    first, second = make_model(seed=1), make_model(seed=2)
    assert base_fingerprints(first) == base_fingerprints(second)
    assert not torch.equal(first.projections["face"].weight, second.projections["face"].weight)


def test_trained_state_round_trip_and_mismatch(model):
    other = make_model(seed=5)
    state = {name: tensor.clone() for name, tensor in trained_state(model).items()}
    load_trained_state(other, state)
    batch = make_batch(model, make_examples(2))
    assert float(other(batch)) == float(model(batch))
    state["projections.face.weight"] = torch.zeros(1, 1)
    state["extra"] = state.pop("projections.speech.bias")
    with pytest.raises(ValueError, match=r"missing projections.speech.bias; left over extra; .*shape \(1, 1\)"):
        load_trained_state(other, state)


def test_full_size_model_has_upstreams_numbers_of_parameters():
    """Source: the unmodified upstream code on the meta device (trained tensors of the published checkpoint)."""
    language = LanguageSettings(width=4096, num_layers=32, num_heads=32, mlp_width=11008)
    with torch.device("meta"):
        model = build_emotion_llama(
            vision=VisionSettings(), language=language, lora=LoraSettings(), inputs=INPUTS,
            feature_widths=dict.fromkeys(WIDTHS, 1024),
        )  # fmt: skip
    rows = {part.name: part for part in parts(model)}
    assert rows["language"].trained == 33_554_432
    assert rows["projections.image"].total == 23_072_768
    assert rows["projections.class_token"].total == 5_771_264
    assert sum(rows[f"projections.{name}"].total for name in WIDTHS) == 12_595_200
    assert rows["vision"].state == "frozen"
    assert model.image_tokens == 256


def test_full_size_model_says_what_is_missing(tmp_path):
    with pytest.raises(UserError) as error:
        build_emotion_llama(
            vision=VisionSettings(path=str(tmp_path / "eva")),
            language=LanguageSettings(path=str(tmp_path / "llama")),
            lora=LoraSettings(), inputs=INPUTS, feature_widths=WIDTHS,
        )  # fmt: skip
    message = str(error.value)
    assert str(tmp_path / "eva") in message
    assert str(tmp_path / "llama") in message
    assert "model.language.path" in message
    assert len(message.splitlines()) == 1


def test_local_folders_load_to_the_same_model(tmp_path):
    """`model=emotion_llama_7b` is the same code with paths: saved parts, read back, answer the same."""
    model = make_model()
    batch = make_batch(model, make_examples(2))
    model.tokenizer.save_pretrained(tmp_path / "llama")
    model.vision.tower.save_pretrained(tmp_path / "eva")
    model.language.unload().save_pretrained(tmp_path / "llama")
    with torch.no_grad():  # unload() took the adapters out: this is the base alone, as is LoRA at its start.
        expected = float(model(batch))
    loaded = build_emotion_llama(
        vision=dataclasses.replace(VISION, path=str(tmp_path / "eva"), seed=9),
        language=LanguageSettings(path=str(tmp_path / "llama")),
        lora=LoraSettings(r=4), inputs=INPUTS, feature_widths=WIDTHS,
    )  # fmt: skip
    loaded.projections.load_state_dict(model.projections.state_dict())
    with torch.no_grad():
        found = float(loaded(batch))
    assert found == pytest.approx(expected, abs=1e-6)
