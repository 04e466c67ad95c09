"""The card of an adapter folder: base, data, scores, inputs, licence, and how to load it."""

import re
from pathlib import Path

import pytest
import yaml
from runs import read_json

from emolightning.models.parts.adapter import CARD, write_scores
from emolightning.models.parts.card import model_card

FULL = {
    "model": {"language": {"path": "/home/me/Llama-2-7b-chat-hf"}},
    "inputs": ["image", "speech", "transcript"],
    "feature_widths": {"speech": 1024},
    "feature_recipes": {"speech": {"recipe": "hubert_mer2023"}},
    "labels": ["happy", "sad"],
    "offered": ["sad", "happy"],
    "frame": "middle",
    "data": {
        "name": "mer2023",
        "clips": {"train": 30, "val": 4, "test": 6},
        "annotations_sha256": "a" * 64,
        "features_sha256": "b" * 64,
    },
    "val_scores": {"val/weighted_f1": 0.75, "val/loss": 0.5},
}
REPORT = {
    "benchmark": "MER2023-SEMI",
    "split": "test",
    "num_clips": 834,
    "metrics": {"weighted_f1": {"value": 0.9, "ci95": [0.88, 0.92]}, "ter": {"value": None}},
    "warnings": ["classes with under 20 clips: doubt 3"],
}


def test_it_says_what_one_needs() -> None:
    card = model_card(FULL)
    _, front, text = re.split(r"^---$", card, flags=re.MULTILINE)
    assert yaml.safe_load(front)["base_model"] == "Llama-2-7b-chat-hf"
    for part in (
        "mer2023",
        "train 30, val 4, test 6",
        "a" * 64,
        "b" * 64,
        "vectors of 1024 values, by `hubert_mer2023`",
    ):
        assert part in text
    assert "| val/weighted_f1 | 0.7500 |" in text
    assert "not a test" in text
    assert "MIT licence" in text
    assert "/home/me" not in card
    (program,) = re.findall(r"```python\n(.*?)```", text, flags=re.DOTALL)
    assert len(program.strip().splitlines()) == 3


def test_scores_of_a_test_have_intervals() -> None:
    card = model_card(FULL, REPORT)
    assert "| weighted_f1 | 0.9000 | 0.8800 to 0.9200 |" in card
    assert "MER2023-SEMI, test, 834 clips" in card
    assert "val/weighted_f1" not in card
    assert "- classes with under 20 clips: doubt 3" in card


@pytest.mark.parametrize("description", [{}, {"model": {"language": {"path": None}}}, {"data": {"name": "x"}}])
def test_little_is_known(description: dict) -> None:
    card = model_card(description)
    assert card.startswith("---\nlibrary_name: peft\n")
    assert "None" not in card
    assert "## Scores" not in card


def test_a_run_has_one(trained: Path) -> None:
    """With the scores of its evaluation, and a folder that PEFT itself still reads."""
    card = (trained / "adapter" / CARD).read_text()
    report = read_json(trained / "metrics.json")
    value = report["metrics"]["weighted_f1"]["value"]
    assert f"| weighted_f1 | {value:.4f} |" in card
    assert read_json(trained / "lineage.json")["data"]["annotations_sha256"] in card
    write_scores(trained / "adapter", report)
    assert (trained / "adapter" / CARD).read_text() == card
