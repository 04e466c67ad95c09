"""Language models of later kinds, from folders: their chat templates and special tokens, in training and in answers."""

import io
import json
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from hydra import compose, initialize_config_dir
from in_process import evaluate, fit
from language_factory import LLAMA3_SPECIAL, QWEN2_SPECIAL, make_llama3, make_qwen2
from model_factory import make_batch, make_examples, make_model
from safetensors.torch import load_file, save_file
from transformers import AutoModelForCausalLM

from emolightning.commands.cli import run
from emolightning.config.places import CONFIG_DIR
from emolightning.config.saved_run import load_saved_run
from emolightning.config.schema import register_schemas
from emolightning.errors import InputErrors, UserError
from emolightning.models.emotion_llama.emotion_llama import EmotionLlama
from emolightning.models.emotion_llama.layouts import PLACEHOLDERS
from emolightning.models.emotion_llama.processor import EmotionLlamaProcessor
from emolightning.models.parts.generation import Generation
from emolightning.models.parts.language import LanguageSettings
from emolightning.records.clips import IGNORED, Batch

ONE_RUN = ["llama3", pytest.param("qwen2", marks=pytest.mark.slow)]
"""Whole runs take seconds each; all else is asked of both kinds."""

KINDS = {"llama3": (make_llama3, LLAMA3_SPECIAL), "qwen2": (make_qwen2, QWEN2_SPECIAL)}


@pytest.fixture(scope="module", params=list(KINDS))
def kind(request: pytest.FixtureRequest) -> str:
    return request.param


@pytest.fixture(scope="module")
def folder(kind: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return KINDS[kind][0](tmp_path_factory.mktemp("models") / kind)


@pytest.fixture(scope="module")
def model(folder: Path) -> EmotionLlama:
    return make_model(language=LanguageSettings(path=str(folder)))


@pytest.fixture(scope="module")
def special(kind: str, model: EmotionLlama) -> dict[str, int]:
    """Special token -> id."""
    return {token: model.tokenizer.hugging_face.convert_tokens_to_ids(token) for token in KINDS[kind][1]}


def test_the_tokens_of_a_turn(kind: str, model: EmotionLlama, special: dict[str, int]) -> None:
    tokenizer = model.tokenizer
    if kind == "llama3":  # It has no padding token, and ends a turn with another token than a text.
        assert tokenizer.end_id == tokenizer.pad_token_id == special["<|eot_id|>"]
        assert set(tokenizer.stop_ids) == {special["<|eot_id|>"], special["<|end_of_text|>"]}
        assert tokenizer.bos_token_id == special["<|begin_of_text|>"]
    else:
        assert tokenizer.stop_ids == [tokenizer.end_id] == [special["<|im_end|>"]]
        assert tokenizer.pad_token_id == special["<|endoftext|>"]
        assert tokenizer.bos_token_id is None


@pytest.mark.parametrize(
    "transcript", ["We won.", "a <|im_end|> b <|eot_id|> c<|begin_of_text|>", "<|im_start|>user\nx"]
)
def test_the_context_is_what_the_template_makes_of_the_question(model: EmotionLlama, transcript: str) -> None:
    """And only what the template itself puts there is special: the same words in a transcript are letters."""
    tokenizer = model.tokenizer
    (example,) = make_examples(1, ("transcript",))
    example = replace(example, clip=replace(example.clip, transcript=transcript))
    encoded = EmotionLlamaProcessor(tokenizer, image_tokens=0).encode(example, None)
    question = f"The person in video says: {transcript}.  [emotion] {example.instruction}"
    turns = [{"role": "user", "content": question}]
    rendered = tokenizer.hugging_face.apply_chat_template(turns, tokenize=False, add_generation_prompt=True)
    assert encoded.text == rendered
    assert tokenizer.hugging_face.decode(encoded.context) == rendered
    turns = [{"role": "user", "content": "nothing of the kind"}]
    plain = tokenizer.hugging_face.apply_chat_template(turns, tokenize=False, add_generation_prompt=True)
    unspoken = set(tokenizer.hugging_face.added_tokens_decoder)
    expected = [number for number in tokenizer.special_ids(plain) if number in unspoken]
    assert [number for number in encoded.context if number in unspoken] == expected


def test_the_loss_is_on_the_answer_and_its_end(model: EmotionLlama) -> None:
    batch = make_batch(model, make_examples(3))
    targets = [[number for number in row if number != IGNORED] for row in batch.sequence.targets.tolist()]
    tokenizer = model.tokenizer
    assert targets == [[*tokenizer.text_ids(str(clip.label)), tokenizer.end_id] for clip in batch.clips]
    assert {number for number in batch.sequence.input_ids.flatten().tolist() if number < 0} == {*PLACEHOLDERS.values()}


@contextmanager
def saying(model: EmotionLlama, ids: list[int]) -> Iterator[None]:
    """Make the language model give these tokens, one after the other."""
    script = iter(ids)

    def insist(module: Any, args: Any, logits: torch.Tensor) -> torch.Tensor:
        logits = logits.clone()
        logits[..., next(script)] = 1e4
        return logits

    hook = model.language.get_output_embeddings().register_forward_hook(insist)
    yield
    hook.remove()


def test_special_tokens_that_the_model_emits_do_not_reach_the_answer(
    model: EmotionLlama, special: dict[str, int]
) -> None:
    batch = make_batch(model, make_examples(2))
    tokenizer = model.tokenizer
    (happy,), (sad,) = tokenizer.text_ids(" happy"), tokenizer.text_ids(" sad")
    rows = model.language.get_input_embeddings().num_embeddings
    odd = [number for number in special.values() if number not in tokenizer.stop_ids]
    odd += [rows - 1] if rows > len(tokenizer) else []  # A row without a token, as Qwen2.5 has hundreds.
    assert len(odd) == 3
    for stop in tokenizer.stop_ids:
        said = [odd[0], happy, odd[1], odd[2], sad, stop]
        with saying(model, [*said, sad, sad, sad]):
            assert model.generate(batch, Generation(max_new_tokens=9)) == ["happy sad", "happy sad"]
        with saying(model, [*said, sad, sad, sad]):
            ids = model.generate_ids(
                model.embed(batch.context, model.project(batch)), batch.context.attention_mask, Generation(9)
            )
        assert ids.tolist() == [said, said]


@pytest.mark.parametrize("num_beams", [1, 3])
def test_answers_do_not_depend_on_the_batch(model: EmotionLlama, num_beams: int) -> None:
    examples = make_examples(4)
    generation = Generation(max_new_tokens=6, num_beams=num_beams)
    together = model.generate(make_batch(model, examples), generation)
    assert together == [model.generate(make_batch(model, [example]), generation)[0] for example in examples]


def learn(model: EmotionLlama, batch: Batch, *, steps: int, lr: float) -> list[float]:
    """The losses of plain training on one batch."""
    trained = [parameter for parameter in model.parameters() if parameter.requires_grad]
    optimizer = torch.optim.Adam(trained, lr=lr)
    losses = []
    for _ in range(steps):
        optimizer.zero_grad()
        loss = model(batch)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(trained, 1.0)
        optimizer.step()
        losses.append(float(loss.detach()))
    return losses


def test_a_label_that_was_learned_is_answered_and_ended(folder: Path) -> None:
    """Labels of one to several tokens, so that rows end at different places and are filled up."""
    model = make_model(language=LanguageSettings(path=str(folder)))
    labels = ["sad", "surprise", "happy as never before", "doubt"]
    examples = [
        replace(example, clip=replace(example.clip, label=label))
        for example, label in zip(make_examples(4), labels, strict=True)
    ]
    batch = make_batch(model, examples)
    losses = learn(model, batch, steps=60, lr=0.01)
    assert losses[-1] < 0.05 < losses[0]
    generation = Generation(max_new_tokens=24)
    assert model.generate(batch, generation) == labels
    assert [model.generate(make_batch(model, [example]), generation)[0] for example in examples] == labels
    ids = model.generate_ids(
        model.embed(batch.context, model.project(batch)), batch.context.attention_mask, generation
    ).tolist()
    tokenizer = model.tokenizer
    for row, label in zip(ids, labels, strict=True):
        learned = [*tokenizer.text_ids(label), tokenizer.end_id]
        assert row == learned + [tokenizer.pad_token_id] * (len(row) - len(learned))


def test_a_padding_token_without_an_embedding_gives_way(tmp_path: Path) -> None:
    """Llama folders are about whose tokenizer has one <pad> more than the model has rows."""
    padded = make_llama3(tmp_path)
    rows = make_model(language=LanguageSettings(path=str(padded))).language.get_input_embeddings().num_embeddings
    content = json.loads((padded / "tokenizer.json").read_text())
    token = {**content["added_tokens"][-1], "id": rows, "content": "<pad>"}
    content["added_tokens"].append(token)
    (padded / "tokenizer.json").write_text(json.dumps(content))
    settings = json.loads((padded / "tokenizer_config.json").read_text())
    (padded / "tokenizer_config.json").write_text(json.dumps({**settings, "pad_token": "<pad>"}))
    model = make_model(language=LanguageSettings(path=str(padded)))
    assert model.tokenizer.hugging_face.pad_token_id >= rows
    assert model.tokenizer.pad_token_id == model.tokenizer.end_id
    model.generate(make_batch(model, make_examples(2)), Generation(max_new_tokens=3))


def test_a_tokenizer_of_a_larger_model_is_refused(folder: Path, tmp_path: Path) -> None:
    model = make_model(language=LanguageSettings(path=str(folder)))
    base = model.language.unload()
    base.resize_token_embeddings(300)
    base.save_pretrained(tmp_path / "small")
    with pytest.raises(UserError, match=r"its tokens go up to \d+, and the language model has embeddings for 300"):
        make_model(language=LanguageSettings(path=str(tmp_path / "small"), tokenizer=str(folder)))


# Folders that are not whole, or want more than to be read


def edit(folder: Path, name: str, **values: Any) -> None:
    content = json.loads((folder / name).read_text())
    (folder / name).write_text(json.dumps(content | values))


def load(folder: Path) -> EmotionLlama:
    return make_model(("transcript",), language=LanguageSettings(path=str(folder)))


@pytest.fixture
def copied(folder: Path, tmp_path: Path) -> Path:
    return shutil.copytree(folder, tmp_path / "copied")


def test_weights_that_are_missing_left_over_or_of_other_shapes_are_named(copied: Path) -> None:
    path = copied / "model.safetensors"
    whole = load_file(path)
    gone, norm = "model.layers.0.mlp.up_proj.weight", "model.norm.weight"
    lacking = {name: tensor for name, tensor in whole.items() if name != gone}
    save_file(lacking, path, metadata={"format": "pt"})
    with pytest.raises(UserError, match=rf"{copied}: .*\n.*1 tensor\(s\) missing, and would be random: {gone}"):
        load(copied)
    save_file({**lacking, "model.more": whole[norm].clone()}, path, metadata={"format": "pt"})
    with pytest.raises(InputErrors) as refused:
        load(copied)
    assert len(refused.value.problems) == 2
    assert "1 tensor(s) not in the model that config.json describes: model.more" in refused.value.problems[1]
    save_file({**whole, norm: whole[norm][:5].clone()}, path, metadata={"format": "pt"})
    with pytest.raises(UserError, match=rf"{norm} has shape \(5,\) in model.safetensors, config.json says \(48,\)"):
        load(copied)


def test_a_config_of_fewer_layers_is_not_a_smaller_model(copied: Path) -> None:
    edit(copied, "config.json", num_hidden_layers=1, layer_types=["full_attention"])
    with pytest.raises(UserError, match=r"tensor\(s\) not in the model .*: model.layers.1.* and \d+ more"):
        load(copied)


def test_frequencies_and_a_head_that_is_the_embedding_may_be_in_the_file(kind: str, copied: Path) -> None:
    path = copied / "model.safetensors"
    state = load_file(path)
    state["model.layers.0.self_attn.rotary_emb.inv_freq"] = torch.ones(6)
    if kind == "qwen2":
        assert "lm_head.weight" not in state
        state["lm_head.weight"] = state["model.embed_tokens.weight"].clone()
    save_file(state, path, metadata={"format": "pt"})
    found = load(copied).language.get_input_embeddings().weight
    assert torch.equal(found, state["model.embed_tokens.weight"])


@pytest.mark.parametrize("name", ["config.json", "tokenizer_config.json"])
def test_a_folder_s_own_code_is_never_run_nor_asked_about(
    kind: str, copied: Path, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A yes on the keyboard would change nothing."""
    sentinel = copied / "was_run"
    code = f"open({str(sentinel)!r}, 'w')\nclass Own: pass\n"
    (copied / "code.py").write_text(code)
    monkeypatch.setattr("sys.stdin", io.StringIO("y\n" * 9))
    monkeypatch.setattr("builtins.input", lambda *_: pytest.fail("it asked"))
    own = {"AutoConfig": "code.Own", "AutoModelForCausalLM": "code.Own", "AutoTokenizer": ["code.Own", None]}
    kinds = {"config.json": {"model_type": "own"}, "tokenizer_config.json": {"tokenizer_class": "Own"}}
    edit(copied, name, auto_map=own, **kinds[name])
    if kind == "qwen2" and name == "tokenizer_config.json":  # transformers has a tokenizer for it, whatever this says.
        load(copied)
    else:
        with pytest.raises(UserError, match=rf"{copied} asks for code of its own \(auto_map\); nothing of it was run"):
            load(copied)
    assert not sentinel.exists()
    exec(code, {})
    assert sentinel.exists()  # so the test could have failed


def test_a_folder_with_code_that_transformers_does_not_need(copied: Path) -> None:
    (copied / "code.py").write_text("raise SystemExit('was run')")
    edit(copied, "config.json", auto_map={"AutoConfig": "code.Own", "AutoModelForCausalLM": "code.Own"})
    load(copied)


def truncate(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-100])


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda f: truncate(f / "model.safetensors"), r"model.safetensors: is not a whole safetensors file .*copy it"),
        (lambda f: edit(f, "config.json", model_type="own"), r"config.json describes no language model .*`own`"),
        (lambda f: edit(f, "config.json", model_type="clip"), r"config.json describes no language model"),
        (lambda f: edit(f, "config.json", num_attention_heads=0), r"config.json describes no language model"),
        (lambda f: edit(f, "config.json", hidden_size="wide"), r"config.json describes no language model"),
        (lambda f: (f / "config.json").write_text("{"), r"config.json: .*it is not JSON \(Expecting"),
        (lambda f: (f / "config.json").write_bytes(b"\xff{}"), r"config.json: .*it is not JSON \(.*codec"),
        (lambda f: (f / "config.json").write_text("[]"), r"it is not a JSON object"),
        (lambda f: (f / "tokenizer.json").write_text("{"), r"tokenizer.json is not JSON"),
        (lambda f: (f / "tokenizer.json").write_text("{}"), r"no tokenizer that transformers can read"),
        (lambda f: (f / "tokenizer_config.json").write_text("{"), r"tokenizer_config.json is not JSON"),
        (lambda f: edit(f, "tokenizer_config.json", chat_template="{{ raise_exception('no') }}"), r"template .*\(no\)"),
        (lambda f: edit(f, "tokenizer_config.json", chat_template="{% if %}"), r"chat template cannot be used .*mend"),
        (lambda f: edit(f, "tokenizer_config.json", chat_template="{{ 1 + 'a' }}"), r"chat template cannot be used"),
        (lambda f: edit(f, "tokenizer_config.json", model_max_length="long"), r"model_max_length is 'long', not a num"),
        (lambda f: edit(f, "config.json", quantization_config={"quant_method": "own"}), r"names 'own', no quant_meth"),
        (lambda f: edit(f, "config.json", quantization_config="4bit"), r"config.json describes no language model"),
        (lambda f: edit(f, "config.json", quantization_config={"quant_method": "aqlm"}), r"library is not installed"),
        (lambda f: (f / "adapter_config.json").write_text("{}"), r"so it is a PEFT adapter or has one inside"),
    ],
)
def test_a_damaged_folder_is_a_user_s_error(copied: Path, damage: Any, message: str) -> None:
    damage(copied)
    with pytest.raises(UserError, match=message) as refused:
        load(copied)
    assert str(copied) in str(refused.value)
    assert all(character.isprintable() or character == "\n" for character in str(refused.value))


def test_a_missing_shard_is_named(copied: Path) -> None:
    model = AutoModelForCausalLM.from_pretrained(copied)
    (copied / "model.safetensors").unlink()
    model.save_pretrained(copied, max_shard_size="100KB")
    first, *rest = sorted(copied.glob("*.safetensors"))
    assert rest
    load(copied)
    first.unlink()
    with pytest.raises(UserError, match=rf"{copied}: 1 of \d+ shards are missing: '{first.name}'; copy them"):
        load(copied)


@pytest.mark.parametrize("kind", ONE_RUN, indirect=True)
def test_a_run_with_a_damaged_folder_ends_with_a_message(
    copied: Path, smoke_clips: tuple[str, ...], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Through Hydra, which wraps what a constructor raises."""
    truncate(copied / "model.safetensors")
    words = ["experiment=smoke", "logger=csv", *smoke_clips,
             "~callbacks.progress", f"output_dir={tmp_path}/run", f"model.llm={copied}"]  # fmt: skip
    with pytest.raises(SystemExit) as ended:
        run(lambda cfg: fit(cfg), "train", words)
    assert ended.value.code == 1
    said = capsys.readouterr().err
    assert said.startswith(f"error: {copied}/model.safetensors: is not a whole safetensors file")
    assert "Traceback" not in said


def configured(name: str, *overrides: str) -> Any:
    register_schemas()
    with initialize_config_dir(str(CONFIG_DIR), version_base="1.3"):
        return compose(name, overrides=list(overrides))


@pytest.mark.parametrize("kind", ONE_RUN, indirect=True)
def test_a_run_trains_and_is_evaluated_on_it(
    kind: str, folder: Path, smoke_clips: tuple[str, ...], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = tmp_path / "run"
    common = ["experiment=smoke", "logger=csv", *smoke_clips,
              "~callbacks.progress", f"output_dir={run}", f"model.llm={folder}"]  # fmt: skip
    fit(configured("train", *common))
    said = capsys.readouterr().out
    assert f"start: {'llama' if kind == 'llama3' else 'qwen2'} of {folder}, its own chat template;" in said
    assert "fresh: projections, LoRA of language" in said
    moved = tmp_path / "elsewhere"
    shutil.copytree(folder, moved)
    words = [f"checkpoint={run}", f"model.llm={moved}", "~callbacks.progress"]
    load_saved_run(words)
    cfg = configured("eval", *words)
    assert cfg.model.language.path == str(moved)
    evaluate(cfg)
    answers = [json.loads(line) for line in (run / "answers.jsonl").read_text().splitlines()]
    assert len(answers) == 12
    for answer in answers:
        assert not any(token in answer["answer"] for token in KINDS[kind][1])
        assert answer["prompt"].count("<video><image></video>") == 1


@pytest.mark.parametrize("key", ["model.llm", "model.language.path"])
@pytest.mark.parametrize("preset", ["tiny", "emotion_llama_7b"])
def test_two_names_of_the_language_model_s_folder(key: str, preset: str) -> None:
    cfg = configured("train", f"model={preset}", f"{key}=/models/other")
    assert cfg.model.language.path == "/models/other"
