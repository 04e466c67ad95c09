"""`inspect`: what a file of weights is, from its names and settings, without its values."""

import json
import resource

import pytest
import torch
from published import SIZES, Files, changed, make_published, run
from safetensors.torch import save_file
from weights_factory import make_checkpoint, make_llama

from emolightning.__main__ import main
from emolightning.errors import UserError
from emolightning.models import inspecting
from emolightning.models.emotion_llama.upstream.inspecting import CHECKPOINT, EVA, likely_role
from emolightning.models.inspecting import describe


@pytest.fixture(scope="module")
def files(tmp_path_factory) -> Files:
    """For looking at only."""
    return make_published(tmp_path_factory.mktemp("published"))


def test_a_checkpoint_s_facts(files):
    found = describe(files["checkpoint"])
    assert found.kind == CHECKPOINT
    assert found.facts == {
        "role": "likely stage 1: it started from no earlier checkpoint; init_lr 1e-05, 30 epochs",
        "epoch": 3,
        "LoRA rank": 4,
        "LoRA alpha": 8,
        "LoRA targets": ["q_proj", "v_proj"],
        "LoRA layers": 2,
        "projections": {
            "image": [32, 96],
            "face": [32, 12],
            "motion": [32, 12],
            "speech": [32, 12],
            "class_token": [32, 24],
        },
        "image_size": None,
        "optimizer": True,
        "unused tensors": 4,
    }


def test_the_names_of_new_peft_make_no_difference(files, tmp_path):
    new = make_checkpoint(tmp_path / "new.pth", SIZES, new_peft=True)
    assert describe(new) == describe(files["checkpoint"])


def test_the_tower_s_facts(files):
    found = describe(files["eva"])
    assert found.kind == EVA
    assert found.facts == {
        "width": 24,
        "patch_size": 14,
        "blocks": 3,
        "mlp_width": 40,
        "position grid": "2x2",
        "dtypes": ["float16"],
        "tensors": 4 + 3 * 13 + 4,
    }


def test_the_golden_checkpoint_s_settings(shared):
    facts = describe(shared / "golden" / "checkpoint_tiny.pth").facts
    assert facts["role"].startswith("likely stage 1: it started from no earlier checkpoint; init_lr 0.0001, 3 epochs")
    assert (facts["LoRA rank"], facts["LoRA alpha"], facts["image_size"], facts["epoch"]) == (8, 16, 112, 0)


@pytest.mark.parametrize(
    ("config", "role"),
    [
        ({}, "not said"),
        ({"model": {}}, "likely stage 1"),
        ({"model": {"ckpt": "/x/1.pth"}, "run": {"init_lr": 1e-6}}, "stage 2 or later: it started from /x/1.pth"),
        ({"model": {"ckpt": "a\x1b[2Jb"}}, r"started from a\x1b[2Jb"),
        ({"model": 3, "run": [1], "datasets": "x"}, "likely stage 1"),
        ({"datasets": {"feature_face_caption": {}}}, "data feature_face_caption"),
        ({"exported_by": "EmoLightning 0"}, "exported by EmoLightning 0"),
    ],
)  # fmt: skip
def test_the_likely_role(config, role):
    found = likely_role(config)
    assert role in found
    assert found.isprintable()


def test_folders(files, tmp_path):
    run(files, tmp_path / "out")
    language = describe(files["llama"])
    assert language.kind == inspecting.LANGUAGE_MODEL
    assert (language.facts["model_type"], language.facts["hidden_size"], language.facts["tensors"]) == ("llama", 32, 21)
    assert describe(make_llama(tmp_path / "sharded", SIZES, shards=3)).facts == language.facts
    assert describe(tmp_path / "out" / "eva_clip_g").kind == inspecting.VISION_MODEL
    adapter = describe(tmp_path / "out" / "adapter")
    assert adapter.kind == inspecting.ADAPTER
    assert (adapter.facts["LoRA rank"], adapter.facts["LoRA alpha"]) == (4, 8)
    assert describe(tmp_path).kind == inspecting.UNKNOWN
    assert describe(files["llama"] / "model.safetensors").kind == inspecting.SAFETENSORS


def test_runs(tmp_path):
    (tmp_path / "checkpoints").mkdir()
    torch.save({"state_dict": {}, "base_fingerprints": {}, "epoch": 2}, tmp_path / "checkpoints" / "last.ckpt")
    (tmp_path / "config.yaml").write_text("seed: 1\n")
    assert describe(tmp_path).kind == inspecting.RUN_FOLDER
    found = describe(tmp_path / "checkpoints" / "last.ckpt")
    assert (found.kind, found.facts) == (inspecting.RUN_CHECKPOINT, {"tensors": 0, "epoch": 2})


def test_no_value_is_read(tmp_path):
    """Four gigabytes that are a hole on the disk, and that no test could afford to look at."""
    header = json.dumps({"x": {"dtype": "F32", "shape": [2**30], "data_offsets": [0, 2**32]}}).encode()
    with (tmp_path / "large.safetensors").open("wb") as file:
        file.write(len(header).to_bytes(8, "little") + header)
        file.truncate(8 + len(header) + 2**32)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    assert describe(tmp_path / "large.safetensors").facts == {"tensors": 1, "dtypes": ["float32"]}
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 100 * 2**10


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04", b"\x80\x02", b"<html>no such page</html>", bytes(range(256))])
def test_what_is_no_file_of_weights(tmp_path, content):
    path = tmp_path / "x.pth"
    path.write_bytes(content)
    with pytest.raises(UserError, match=str(path)):
        describe(path)
    path = path.rename(tmp_path / "x.safetensors")
    with pytest.raises(UserError, match="is not a whole safetensors file"):
        describe(path)


def test_names_that_would_steer_a_terminal_are_refused(files, tmp_path):
    save_file({"a\x1b[2J": torch.zeros(1)}, tmp_path / "x.safetensors")
    with pytest.raises(UserError, match=r"refused: 'a\\x1b\[2J'"):
        describe(tmp_path / "x.safetensors")
    odd = changed(files, tmp_path, "checkpoint", lambda state: state.update({"x" * 600: torch.zeros(1)}))
    with pytest.raises(UserError, match="is no name of a tensor"):
        describe(odd["checkpoint"])


def test_the_command(files, capsys, tmp_path):
    assert main(["inspect", f"file={files['checkpoint']}"]) == 0
    printed = json.loads(capsys.readouterr().out)
    assert printed["kind"] == CHECKPOINT
    assert printed["LoRA rank"] == 4
    torch.save({"x\x1b[2J": 1}, tmp_path / "other.pth")
    with pytest.raises(SystemExit) as ended:
        main(["inspect", f"file={tmp_path}/other.pth"])
    assert ended.value.code == 1
    printed = capsys.readouterr().out
    assert json.loads(printed)["kind"] == "unknown"
    assert printed.isascii()
    assert all(character.isprintable() or character == "\n" for character in printed)
