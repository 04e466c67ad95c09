"""`parity`: the recorded tensors of Emotion-LLaMA-v2's released code, and records with one wrong value."""

import json
from pathlib import Path
from typing import Any

import pytest
from parity.comparison import Comparison
from parity.golden import GoldenFolder
from parity.report import lines
from parity.v2 import Subject, compare, recompute
from safetensors.torch import load_file, save_file


@pytest.fixture(scope="module")
def golden(request: pytest.FixtureRequest) -> Path:
    """The folder of `--golden=DIR` if it is one of this family; else the recorded one beside the checkout."""
    given = request.config.getoption("--golden")
    if given is None:
        return request.getfixturevalue("shared") / "golden_v2"
    if "conv_pro" not in json.loads((Path(given) / "model_config.json").read_text()):
        pytest.skip(f"--golden={given} is of another model")
    return Path(given).resolve()


@pytest.fixture(scope="module")
def subject(golden: Path) -> Subject:
    """Our model with the folder's weights."""
    return Subject(GoldenFolder(golden))


@pytest.fixture(scope="module")
def computed(subject: Subject) -> dict[str, Any]:
    """Everything that is recorded, recomputed."""
    return recompute(subject)


@pytest.fixture(scope="module")
def compared(golden: Path, computed: dict[str, Any]) -> Comparison:
    """What we compute beside what is recorded."""
    return compare(GoldenFolder(golden), computed)


def test_the_released_code_s_numbers_are_ours(compared: Comparison) -> None:
    report = lines(compared)
    print("\n".join(report))
    assert compared.is_ok, "\n".join(line for line in report if not line.endswith("ok"))


def test_every_kind_of_record_was_compared(compared: Comparison, request: pytest.FixtureRequest) -> None:
    if request.config.getoption("--golden") is not None:
        pytest.skip("another folder may hold less")
    tensors = ("tokens", "atts", "fusion.conv_block.*", "s*.logits", "train_loop.safetensors: llama_proj.weight")
    for quantity in (*tensors, "batch.loss", "samples[].ids", "strings[].ids", "keys.{}", "accum*.losses"):
        found = [row for name, row in compared.rows.items() if quantity.replace("accum*", "accum2") in name]
        assert found, quantity
        assert all(row.is_ok for row in found), quantity
    assert not compared.absent


def test_every_tensor_of_the_checkpoint_is_accounted_for(subject: Subject, golden: Path) -> None:
    (checkpoint,) = golden.glob("checkpoint*.pth")
    report = subject.report
    assert report.is_complete
    assert len(report.used[str(checkpoint)]) == len(json.loads((golden / "checkpoint_keys.json").read_text())["model"])
    assert report.sources[str(checkpoint)]["kind"] == "Emotion-LLaMA-v2 checkpoint"


@pytest.mark.parametrize(
    ("file", "place", "value"),
    [
        ("train.json", ("samples", 3, "loss"), 1.25),
        ("train.json", ("samples", 0, "layout", 1, "ids", 2), 7),
        ("train.json", ("grads", "conv_pro_module.fc_att.bias", "norm"), 0.5),
        ("train_loop.json", ("accum2", "losses", 4), 0.7435),
        ("eval.json", ("samples", 2, "ids", 4), 7),
        ("eval.json", ("beam3", "ids", 1, 1), 409),
        ("text.json", ("strings", 0, "ids", 2), 273),
        ("lr_schedule.json", ("stage1_and_2", "trace", 6, 1), 9.99e-5),
        ("checkpoint_keys.json", ("optimizer_groups", 1, "names", 0), "llama_proj.weight"),
        ("keys_fullsize.json", ("keys", "conv_pro_module.fc_att.weight", 0, 0), 4),
        ("encoder.safetensors", "tokens", 1e-3),
        ("encoder.safetensors", "atts", 1),
        ("train.safetensors", "batch.logits_row1", 1e-2),
        ("grads_batch.safetensors", "conv_pro_module.fc_final.weight", 1e-3),
        ("train_loop.safetensors", "llama_proj_audio.weight", 1e-4),
        ("eval.safetensors", "s2.first_logits", 1e-2),
    ],
)
def test_one_changed_value_fails(golden, computed, tmp_path, file, place, value):
    if isinstance(place, str):
        tensors = load_file(golden / file)
        tensors[place].view(-1)[tensors[place].numel() // 2] += value
        save_file(tensors, tmp_path / file)
    else:
        content = inner = json.loads((golden / file).read_text())
        for key in place[:-1]:
            inner = inner[key]
        assert inner[place[-1]] != value
        inner[place[-1]] = value
        (tmp_path / file).write_text(json.dumps(content))
    failed = [row for row in compare(Changed(golden, tmp_path), {file: computed[file]}).rows.values() if not row.is_ok]
    assert failed
    assert all(row.worst for row in failed)


class Changed(GoldenFolder):
    """A folder of which some files are others."""

    def __init__(self, folder: Path, others: Path):
        self.others = others
        super().__init__(folder)

    def place(self, name: str) -> Path:
        """The changed file, where there is one."""
        return self.others / name if (self.others / name).exists() else super().place(name)
