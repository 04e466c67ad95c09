"""BLEU, chrF, ROUGE and the tokenisers they need: recorded values of real Chinese answers, and counts by hand."""

import csv
import json
from pathlib import Path
from typing import Any

import pytest

from emolightning.scoring.metrics.text import chrf_similarity, han_share, language_of, score_texts

NAMES = {"bleu_zh": "bleu", "chrf2": "chrf", "rouge1_char": "rouge1", "rouge2_char": "rouge2", "rougeL_char": "rouge_l"}


def column(path: Path, key: str, value: str) -> dict[str, str]:
    with path.open(encoding="utf-8-sig", newline="") as file:
        return {row[key]: row[value] for row in csv.DictReader(file)}


@pytest.fixture(scope="module")
def emer(shared: Path) -> Path:
    return shared / "benchmarks" / "affectgpt_emer_v1_baselines"


@pytest.fixture(scope="module")
def recorded(shared: Path) -> dict[str, Any]:
    values = json.loads((shared / "benchmarks" / "expected_values.json").read_text())["text_metrics_zh_emer_v1"]
    return {name: row for name, row in values.items() if name != "note"}


def test_chinese_answers_score_as_recorded(emer: Path, recorded: dict[str, Any]) -> None:
    references = column(emer / "gt.csv", "names", "chi_reasons")
    assert len(recorded) == 6
    for name, expected in recorded.items():
        answers = column(emer / f"{name}.csv", "names", "chi_reasons")
        found = score_texts([answers[clip] for clip in references], list(references.values()))
        assert found.language == "zh"
        digits = {key: 4 if key in ("bleu_zh", "chrf2") else 6 for key in NAMES}
        rounded = {key: round(found.values[ours], digits[key]) for key, ours in NAMES.items()}
        assert rounded == {key: expected[key] for key in NAMES}, name


def test_tokenisers_for_english_see_nothing_in_chinese(emer: Path, recorded: dict[str, Any]) -> None:
    references = column(emer / "gt.csv", "names", "chi_reasons")
    answers = column(emer / "valley.csv", "names", "chi_reasons")
    found = score_texts([answers[clip] for clip in references], list(references.values()), language="en")
    assert round(found.values["bleu"], 4) == recorded["valley"]["bleu_13a"] == 0.0
    assert found.values["rouge_l"] == recorded["valley"]["rouge_default"] == 0.0


ENGLISH = {
    "chatunivi.csv": (6.6923, 0.221933),
    "salmonn.csv": (2.7100, 0.182736),
    "videochatgpt.csv": (5.2999, 0.215240),
}
"""Answers to the English EMER v2 -> BLEU, ROUGE-L, from the notes beside the recorded data."""


@pytest.mark.parametrize("name", ENGLISH)
def test_english_answers_score_as_recorded(shared: Path, name: str) -> None:
    path = shared / "benchmarks" / "emer_v2_answers" / name
    if not path.exists():
        pytest.skip(f"{path} is absent")
    references = column(shared / "emer" / "v2_final-EMER-reason.csv", "name", "english")
    answers = column(path, "name", "english")
    found = score_texts([answers[clip] for clip in references], list(references.values()))
    assert (round(found.values["bleu"], 4), round(found.values["rouge_l"], 6)) == ENGLISH[name]


def test_rouge_by_hand() -> None:
    found = score_texts(["he is very sad today"], ["he looks sad"])
    # he, sad: 2 of 5 and 2 of 3; F = 2 * 2 / (5 + 3). No pair in common.
    assert found.values["rouge1"] == found.values["rouge_l"] == pytest.approx(0.5, abs=1e-12)
    assert found.values["rouge2"] == 0.0
    chinese = score_texts(["他 很难过"], ["他难过"])
    assert chinese.values["rouge_l"] == pytest.approx(2 * 3 / (4 + 3), abs=1e-12)
    assert chinese.values["rouge2"] == pytest.approx(2 * 1 / (3 + 2), abs=1e-12)


def test_signatures_say_what_was_used() -> None:
    english, chinese = score_texts(["he is sad"], ["he is sad"]), score_texts(["他很难过"], ["他很难过"])
    assert "tok:13a" in english.signatures["bleu"]
    assert "tok:zh" in chinese.signatures["bleu"]
    assert "nw:0" in chinese.signatures["chrf"]
    assert "tok:default" in english.signatures["rouge_l"]
    assert "tok:char" in chinese.signatures["rouge_l"]
    section = chinese.as_section()
    assert section["kind"].startswith("diagnostics")
    assert section["han_share"] == 1.0
    assert section["scores"].keys() == {"bleu", "chrf", "rouge1", "rouge2", "rouge_l"}


def test_language_by_share_of_han_letters() -> None:
    assert han_share(["他说 OK!"]) == 0.5
    assert han_share(["... 12"]) == 0.0
    assert language_of(["他对Alice说：Hello"]) == "zh"
    assert language_of(["She said 你好 and left the room with a smile."]) == "en"


def test_texts_have_to_pair_up() -> None:
    with pytest.raises(ValueError, match="got 1 and 2"):
        score_texts(["a"], ["a", "b"])
    with pytest.raises(ValueError, match="got 0 and 0"):
        score_texts([], [])


def test_similarity_of_a_single_text() -> None:
    assert chrf_similarity("他很难过", "他很难过") == pytest.approx(1.0)
    assert chrf_similarity("abc", "xyz") == 0.0
    assert 0 < chrf_similarity("he looks sad", "he looks happy") < 1
