"""Folders of other sizes and seeds than the recorded ones pass, and one changed value in them fails."""

from pathlib import Path

import pytest
from parity import test_affectgpt as affectgpt
from parity import test_fusion as fusion
from parity.affectgpt_records import fusion_file
from parity.affectgpt_subject import Recorded
from parity.golden import GoldenFolder
from parity.other_folders import make_affectgpt, make_baselines, make_v2
from parity.v2 import Subject, compare, recompute
from safetensors.torch import load_file, save_file


def change(file: Path, name: str) -> None:
    """Move one value of a tensor a little."""
    tensors = load_file(file)
    flat = tensors[name].view(-1)
    flat[len(flat) // 2] += 1e-4 * max(1.0, float(flat.abs().max()))
    save_file(tensors, file)


@pytest.mark.parametrize("seed", [1, pytest.param(2, marks=pytest.mark.slow)])
def test_fusion_networks(tmp_path: Path, seed: int) -> None:
    widths = {"audio": 5 + seed, "text": 4, "video": 9}
    folder = make_baselines(tmp_path / "golden", seed=seed, hidden=6 * seed, num_labels=3 + seed, widths=widths)
    fusion.test_outputs_are_those_of_the_released_code(folder, 1.0)
    fusion.test_losses_and_gradients_are_those_of_the_released_code(folder)
    fusion.test_twenty_steps_of_training_are_those_of_the_released_code(folder)
    change(folder / "attention_utt.safetensors", "eval.emos_out")
    with pytest.raises(AssertionError, match="attention_utt: emotions"):
        fusion.test_outputs_are_those_of_the_released_code(folder, 2.0)
    change(folder / "attention_utt.safetensors", "train.w.fc_att.weight")
    with pytest.raises(AssertionError, match=r"fc_att.weight after training"):
        fusion.test_twenty_steps_of_training_are_those_of_the_released_code(folder)


@pytest.mark.parametrize("tokens", [3, pytest.param(1, marks=pytest.mark.slow)])
def test_affectgpt(tmp_path: Path, tokens: int) -> None:
    folder, file = make_affectgpt(tmp_path, seed=tokens, tokens=tokens), "fusion_attention.safetensors"
    recorded = Recorded(folder)
    computed = fusion_file(recorded)
    assert affectgpt.compared(file, recorded.tensors(file), computed).is_ok
    change(folder / file, "other.multiface_llm")
    assert not affectgpt.compared(file, recorded.tensors(file), computed, 2.0).is_ok


@pytest.mark.parametrize("seed", [5, pytest.param(6, marks=pytest.mark.slow)])
def test_emotion_llama_v2(tmp_path: Path, seed: int) -> None:
    folder = make_v2(tmp_path, seed=seed, num_tokens=seed + 1, widths={"video": 10, "audio": 2 * seed})
    computed = recompute(Subject(GoldenFolder(folder)))
    assert compare(GoldenFolder(folder), computed).is_ok
    change(folder / "encoder.safetensors", "tokens")
    failed = [name for name, row in compare(GoldenFolder(folder), computed).rows.items() if not row.is_ok]
    assert failed == ["encoder.safetensors: tokens"]
