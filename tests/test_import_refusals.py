"""`import-weights` on wrong, damaged and hostile files: a message that names file, tensor and fix, nothing written."""

import json
import os
import pickle
import re
import shutil
import zipfile
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from published import FIRST_QUERY, LORA, SIZES, VISION, Files, changed, make_published, run
from safetensors.torch import load_file, save_file
from weights_factory import make_llama

from emolightning.errors import InputErrors, UserError
from emolightning.models.emotion_llama.upstream import values


@pytest.fixture(scope="module")
def files(tmp_path_factory) -> Files:
    """For looking at only."""
    return make_published(tmp_path_factory.mktemp("published"))


def wrong_inputs(files, tmp_path) -> dict[str, Path]:
    """One of each kind."""
    adapter = tmp_path / "import"
    if not adapter.exists():
        run(files, adapter)
    torch.save({"state_dict": {"a": torch.zeros(1)}, "base_fingerprints": {}, "epoch": 1}, tmp_path / "last.ckpt")
    torch.save({"a": torch.zeros(1)}, tmp_path / "other.pth")
    (tmp_path / "empty").mkdir(exist_ok=True)
    return {
        **files,
        "adapter": adapter / "adapter",
        "vision": adapter / "eva_clip_g",
        "run checkpoint": tmp_path / "last.ckpt",
        "other": tmp_path / "other.pth",
        "safetensors": files["llama"] / "model.safetensors",
        "empty folder": tmp_path / "empty",
        "absent": tmp_path / "absent.pth",
    }


@pytest.mark.parametrize("argument", ["llama", "eva", "checkpoint"])
def test_a_wrong_file_for_each_argument(files, tmp_path, argument):
    for kind, path in wrong_inputs(files, tmp_path).items():
        if kind == argument:
            continue
        with pytest.raises(UserError) as refused:
            run({**files, argument: path}, tmp_path / "out")
        message = str(refused.value)
        assert message.startswith(f"{argument}={path}")
        if kind in files:
            assert f"give it as {kind}=" in message
        if kind == "absent":
            assert "no such file" in message
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("argument", ["eva", "checkpoint"])
@pytest.mark.parametrize("legacy", [False, True])
@pytest.mark.parametrize("share", [0.0, 0.1, 0.5, 0.9, 0.999])
def test_a_file_that_is_cut_short(files, tmp_path, argument, legacy, share):
    path = tmp_path / "cut.pth"
    torch.save(torch.load(files[argument], weights_only=True), path, _use_new_zipfile_serialization=not legacy)
    content = path.read_bytes()
    path.write_bytes(content[: int(share * len(content))])
    with pytest.raises(UserError, match=rf"{argument}={path}: .*cut short"):
        run({**files, argument: path}, tmp_path / "out")


class Runs:
    """What a hostile pickle looks like from inside."""

    def __init__(self, path: Path):
        self.path = path

    def __reduce__(self):
        return os.mkdir, (str(self.path),)


@pytest.mark.parametrize("argument", ["eva", "checkpoint"])
@pytest.mark.parametrize("form", ["zip", "legacy", "pickle", "zip of another name"])
def test_code_in_a_pickle_is_not_run(files, tmp_path, argument, form):
    sentinel, path = tmp_path / "was_run", tmp_path / "hostile.pth"
    content = {**torch.load(files[argument], weights_only=True), "more": Runs(sentinel)}
    if form == "pickle":
        path.write_bytes(pickle.dumps(content["more"]))
    else:
        torch.save(content, path, _use_new_zipfile_serialization=form != "legacy")
    if form == "zip of another name":
        path = path.rename(tmp_path / "hostile.bin")
    with pytest.raises(UserError, match=r"refused: .* nothing in it was run"):
        run({**files, argument: path}, tmp_path / "out")
    assert not sentinel.exists()
    assert not (tmp_path / "out").exists()
    pickle.loads(pickle.dumps(Runs(sentinel)))
    assert sentinel.exists()  # so the test could have failed


@pytest.mark.parametrize("seed", [1, *(pytest.param(seed, marks=pytest.mark.slow) for seed in (0, 2, 3))])
def test_damaged_bytes_are_a_user_s_error_and_never_a_traceback(files, tmp_path, seed):
    """Of the pickle inside; damaged values are beyond what a file without checksums can tell."""
    generator = torch.Generator().manual_seed(seed)

    def number(end: int) -> int:
        return int(torch.randint(end, (1,), generator=generator))

    path, messages = tmp_path / "damaged.pth", []
    for _ in range(60):
        with zipfile.ZipFile(files["checkpoint"]) as source, zipfile.ZipFile(path, "w") as target:
            for item in source.infolist():
                content = bytearray(source.read(item.filename))
                if item.filename.endswith("data.pkl"):
                    for _ in range(1 + number(3)):
                        content[number(len(content))] = number(256)
                target.writestr(item.filename, bytes(content))
        try:
            run({**files, "checkpoint": path}, tmp_path / "out", dry_run=True)
        except UserError as error:
            messages.append(str(error))
    assert messages
    assert all(str(path) in message for message in messages)
    assert all(character.isprintable() or character == "\n" for message in messages for character in message)


def test_a_missing_and_a_short_shard(files, tmp_path):
    sharded = make_llama(tmp_path / "llama", SIZES, shards=3)
    first, second, *_ = sorted(sharded.glob("*.safetensors"))
    content = first.read_bytes()
    first.write_bytes(content[:-100])
    with pytest.raises(UserError, match=rf"{first}: is not a whole safetensors file"):
        run({**files, "llama": sharded}, tmp_path / "out")
    first.unlink()
    with pytest.raises(UserError, match=rf"llama=.*1 of \d shards are missing: '{first.name}'"):
        run({**files, "llama": sharded}, tmp_path / "out")
    first.write_bytes(second.read_bytes())
    with pytest.raises(UserError, match=r"names \d+ tensor\(s\) that are in no shard"):
        run({**files, "llama": sharded}, tmp_path / "out")


def test_an_index_cannot_lead_out_of_its_folder(files, tmp_path):
    sharded = make_llama(tmp_path / "llama", SIZES, shards=3)
    index = sharded / "model.safetensors.index.json"
    content = json.loads(index.read_text())
    content["weight_map"]["lm_head.weight"] = "../outside.safetensors"
    shutil.copy(files["llama"] / "model.safetensors", tmp_path / "outside.safetensors")
    index.write_text(json.dumps(content))
    with pytest.raises(UserError, match="outside"):
        run({**files, "llama": sharded}, tmp_path / "out")
    index.write_text('{"weight_map": [1]}')
    with pytest.raises(UserError, match="is not an index"):
        run({**files, "llama": sharded}, tmp_path / "out")


def put(name, value):
    return lambda state: state.update({name: value})


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        (
            f"{FIRST_QUERY}lora_B.weight",
            torch.zeros(16, 4),
            r"lora_B.weight has shape \(16, 4\), the model's is \(32, 4\)",
        ),
        (
            "llama_proj.weight",
            torch.zeros(32, 48),
            r"llama_proj.weight has shape \(32, 48\), the model's is \(32, 96\)",
        ),
        ("llama_proj.weight", torch.zeros(48, 96), r"projections to a width of \[32, 48\], not 32"),
        ("llama_proj.bias", torch.zeros(()), r"llama_proj.bias has shape \(\)"),
        ("llama_proj.bias", torch.zeros(32, dtype=torch.int64), "llama_proj.bias holds int64"),
        ("llama_proj.bias", torch.zeros(32).to_sparse(), "'llama_proj.bias' is sparse"),
        ("llama_proj.bias", torch.zeros(32, device="meta"), "'llama_proj.bias' is without values"),
        (f"{FIRST_QUERY}lora_A.weight", torch.zeros(7, 32), r"LoRA of several ranks, \[4, 7\]"),
        (f"{FIRST_QUERY}lora_A.default.weight", torch.zeros(4, 32), "are the same parameter"),
        ("Q-Former.weight", torch.zeros(3), "no place for Q-Former.weight"),
        ("ln_vision.weight", torch.full((24,), 2.0), "ln_vision.weight is not the untrained"),
        ("x\x1b[2J", torch.zeros(3), r"refused: 'x\\x1b\[2J' is no name"),
    ],
)
def test_a_tensor_of_the_checkpoint_that_does_not_fit_is_named(files, tmp_path, name, value, message):
    with pytest.raises(UserError, match=message):
        run(changed(files, tmp_path, "checkpoint", put(name, value)), tmp_path / "out")
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("blocks.1.attn.q_bias", torch.zeros(25), r"blocks.1.attn.q_bias has shape \(25,\), the model's is \(24,\)"),
        ("pos_embed", torch.zeros(1, 6, 24), r"pos_embed has shape \(1, 6, 24\)"),
        ("pos_embed", torch.zeros(5), r"pos_embed has shape \(5,\)"),
        ("blocks.0.attn.k_bias", torch.zeros(24), "no place for blocks.0.attn.k_bias"),
        ("blocks.7.norm1.bias", torch.zeros(24), "say model.vision.num_layers=3"),
        ("patch_embed.proj.weight", torch.zeros(3), "expected the EVA-CLIP vision tower"),
        ("patch_embed.proj.weight", torch.zeros(48, 3, 16, 16), "say model.vision.width=48 model.vision.patch_size=16"),
    ],
)
def test_a_tensor_of_the_tower_that_does_not_fit_is_named(files, tmp_path, name, value, message):
    with pytest.raises(UserError, match=message):
        run(changed(files, tmp_path, "eva", put(name, value)), tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_a_base_that_was_trained_too_is_named(files, tmp_path):
    name = "llama_model.base_model.model.model.norm.weight"
    values = load_file(files["llama"] / "model.safetensors")["model.norm.weight"].float()
    nudged = changed(files, tmp_path, "checkpoint", put(name, values * (1 + 1e-6)))
    with pytest.raises(InputErrors, match=f"{name} differs from model.norm.weight in llama="):
        run(nudged, tmp_path / "out", allow_partial=True)
    tower = torch.load(files["eva"], weights_only=True)["blocks.0.mlp.fc1.bias"]
    nudged = changed(files, tmp_path, "checkpoint", put("visual_encoder.blocks.0.mlp.fc1.bias", tower + 1))
    with pytest.raises(InputErrors, match="differs from blocks.0.mlp.fc1.bias in eva="):
        run(nudged, tmp_path / "out")


@pytest.mark.parametrize("value", [float("nan"), float("inf"), -float("inf")])
def test_values_that_are_not_finite_are_refused(files, tmp_path, value):
    def spoil(name, count):
        return lambda state: state[name].view(-1)[:count].fill_(value)

    spoilt = changed(files, tmp_path, "checkpoint", spoil(f"{FIRST_QUERY}lora_A.weight", 3))
    spoilt = changed(spoilt, tmp_path, "eva", spoil("blocks.1.mlp.fc1.weight", 2))
    spoilt["llama"] = shutil.copytree(files["llama"], tmp_path / "llama")
    state = load_file(spoilt["llama"] / "model.safetensors")
    state["lm_head.weight"][-1, -1] = value
    save_file(state, spoilt["llama"] / "model.safetensors", metadata={"format": "pt"})
    for dry_run in (True, False):
        with pytest.raises(InputErrors) as refused:
            run(spoilt, tmp_path / "out", allow_partial=True, dry_run=dry_run)
        found = [problem.split(" values are")[0] for problem in refused.value.problems]
        assert found == [
            f"{spoilt['eva']}: blocks.1.mlp.fc1.weight: 2 of {40 * 24}",
            f"{spoilt['checkpoint']}: {FIRST_QUERY}lora_A.weight: 3 of {4 * 32}",
            f"{spoilt['llama']}: lm_head.weight: 1 of {state['lm_head.weight'].numel()}",
        ]
    assert not (tmp_path / "out").exists()


def test_every_value_of_a_large_tensor_is_looked_at(monkeypatch):
    monkeypatch.setattr("emolightning.models.parts.tensor_info.PIECE", 7)
    for place in (0, 6, 7, 99):
        tensor = torch.zeros(10, 10, dtype=torch.float16)
        tensor.view(-1)[place] = float("nan")
        (line,) = values.not_finite(Path("file"), [("fine", torch.zeros(3)), ("name", tensor)])
        assert line.startswith("file: name: 1 of 100 values")


def test_another_tower_is_not_called_another_language_model(files, tmp_path):
    """The checkpoint's projections lead to this language model, from vectors of a wider tower."""
    for name, width, said in (("llama_proj", 128, 32), ("cls_tk_llama_proj", 32, 32)):
        with pytest.raises(InputErrors) as refused:
            run(changed(files, tmp_path, "checkpoint", put(f"{name}.weight", torch.zeros(32, width))), tmp_path / "out")
        (problem,) = refused.value.problems
        assert f"a vision tower of width {said}, that in eva= is 24 wide" in problem
        assert "language model" not in problem


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"lora": replace(LORA, r=64)}, r"model.lora.r is 4, not 64; say model.lora.r=4$"),
        ({"lora": replace(LORA, alpha=16)}, r"model.lora.alpha is 8, not 16; say model.lora.alpha=8$"),
        ({"lora": replace(LORA, targets=("q_proj", "k_proj"))}, r"model.lora.targets=\[q_proj,v_proj\]"),
        ({"lora": replace(LORA, use_dora=True)}, r"upstream's LoRA is plain; say model.lora.use_dora=false$"),
        ({"lora": replace(LORA, use_rslora=True)}, r"upstream's LoRA is plain; say model.lora.use_rslora=false$"),
        ({"lora": replace(LORA, init="olora")}, r"upstream's LoRA is plain; say model.lora.init=default$"),
        ({"vision": replace(VISION, width=32, num_heads=4)}, r"say model.vision.width=24$"),
        ({"vision": replace(VISION, num_heads=5)}, r"model.vision.num_heads=5: the width 24 is no multiple"),
        ({"vision": replace(VISION, num_layers=1)}, r"say model.vision.num_layers=2$"),
        ({"vision": replace(VISION, num_layers=5)}, r"say model.vision.num_layers=2$"),
    ],
)
def test_settings_that_the_files_contradict_come_with_the_fix(files, tmp_path, settings, message):
    with pytest.raises(InputErrors) as refused:
        run(files, tmp_path / "out", **settings)
    assert any(re.search(message, problem) for problem in refused.value.problems), str(refused.value)
    assert len(refused.value.problems) < 15


def test_another_language_model_is_one_problem(files, tmp_path):
    for sizes, message in (
        (replace(SIZES, hidden=64), "a width of [32], not 64"),
        (replace(SIZES, layers=1), "LoRA on 2 layers, not 1"),
    ):
        other = make_llama(tmp_path / f"llama{sizes.hidden}", sizes)
        with pytest.raises(InputErrors) as refused:
            run({**files, "llama": other}, tmp_path / "out")
        (problem,) = refused.value.problems
        assert message in problem
        assert "another language model" in problem


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"model_type": "unheard_of"}, "describes no language model"),
        ({"model_type": "clip"}, "describes no language model"),
        ({"num_hidden_layers": 3}, "has no model.layers.2"),
        ({"intermediate_size": 50}, r"mlp.gate_proj.weight has shape \(48, 32\), the model's is \(50, 32\)"),
        ({"auto_map": {"AutoConfig": "code.Config"}, "model_type": "own"}, "nothing of it was run"),
    ],
)  # fmt: skip
def test_a_config_that_is_not_that_of_the_weights(files, tmp_path, change, message):
    folder = shutil.copytree(files["llama"], tmp_path / "llama")
    content = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps(content | change))
    (folder / "code.py").write_text("raise SystemExit('was run')")
    with pytest.raises(UserError, match=message):
        run({**files, "llama": folder}, tmp_path / "out", allow_partial=True)
    (folder / "config.json").write_text("{")
    with pytest.raises(UserError, match=r"config.json: .*it is not JSON"):
        run({**files, "llama": folder}, tmp_path / "out")


def test_the_settings_of_a_checkpoint_are_only_data(files, tmp_path):
    content = torch.load(files["checkpoint"], weights_only=True)
    content["config"]["model"] = {
        "lora_r": 4,
        "lora_alpha": "\x1b[2J",
        "image_size": [448],
        "ckpt": "\x1b]0;x\x07" * 99,
    }
    content["config"]["datasets"] = {"\x9b2J": 1}
    content["config"]["run"] = {"init_lr": content["config"], "max_epoch": torch.zeros(10)}
    content["epoch"] = "many"
    torch.save(content, tmp_path / "odd.pth")
    report = run({**files, "checkpoint": tmp_path / "odd.pth"}, tmp_path / "out")
    assert any("does not say LoRA's alpha; model.lora.alpha=8 was taken" in note for note in report.notes)
    assert all(line.isprintable() for line in report.lines())


def test_a_checkpoint_inside_itself_ends(files, tmp_path):
    content = torch.load(files["checkpoint"], weights_only=True)
    content["model"] = content
    torch.save(content, tmp_path / "loop.pth")
    with pytest.raises(UserError, match="expected the Emotion-LLaMA checkpoint"):
        run({**files, "checkpoint": tmp_path / "loop.pth"}, tmp_path / "out")
