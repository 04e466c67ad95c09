"""What a report says of the system: labels that are answered too often, judges that grade length."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy.stats import binomtest
from score_factory import HEADER, metrics_of, score, write_csv

from emolightning.records.clips import Answer
from emolightning.scoring.classification import Classification
from emolightning.scoring.diagnosis import MIN_GRADED, diagnosis_of, length_bias


def matrix(*counts: list[int]) -> dict[str, Any]:
    return {"confusion_matrix": {"labels": ["happy", "sad", "angry", "(unreadable)"], "counts": list(counts)}}


def test_a_label_that_is_preferred_is_named_with_what_helps() -> None:
    (said,) = diagnosis_of(matrix([30, 0, 0, 0], [18, 12, 0, 0], [1, 1, 28, 0]))
    assert said.startswith("happy is answered too often: 49 answers for 30 clips (precision 0.61, recall 1.00, p = ")
    assert "sad is answered too rarely: 13 answers for 30 clips" in said
    assert "angry" not in said
    assert "data.sampling=balanced" in said
    p = 3 * binomtest(19, 19).pvalue
    assert f"p = {p:.2g})" in said


@pytest.mark.parametrize(
    "counts",
    [
        ([30, 0, 0, 0], [0, 30, 0, 0], [0, 0, 30, 0]),
        ([25, 5, 0, 0], [6, 24, 0, 0], [0, 0, 30, 0]),
        ([10, 0, 0, 20], [0, 10, 0, 20], [0, 0, 10, 20]),
    ],
    ids=["right", "mistakes in both directions", "unreadable"],
)
def test_mistakes_without_a_side_are_not_named(counts: tuple[list[int], ...]) -> None:
    assert diagnosis_of(matrix(*counts)) == []


def test_systems_without_a_preference_are_seldom_named() -> None:
    rng, named = np.random.default_rng(4), 0
    for _ in range(400):
        truths = rng.integers(0, 3, 90)
        answers = np.where(rng.random(90) < 0.5, truths, rng.integers(0, 3, 90))
        counts = np.zeros((3, 4), dtype=int)
        np.add.at(counts, (truths, answers), 1)
        named += bool(diagnosis_of(matrix(*counts.tolist())))
    assert named <= 30


def test_grades_that_grow_with_length() -> None:
    rng = np.random.default_rng(0)
    lengths = list(range(10, 10 + 2 * MIN_GRADED))
    grown = length_bias(lengths, np.array(lengths) / 10 + rng.random(len(lengths)))
    assert grown is not None
    assert grown["spearman"] > 0.9
    (said,) = diagnosis_of({"judge": {"length_bias": {"clue_overlap": grown, "label_overlap": None}}})
    assert said.startswith("clue_overlap: the judge grades longer answers higher (Spearman +0.9")
    assert length_bias(lengths, np.full(len(lengths), 3.0)) is None
    assert length_bias(lengths[:9], np.arange(9.0)) is None


def test_a_score_warns(tmp_path: Path) -> None:
    rows = [(f"c{at}", "happy", ("happy", "sad")[at % 2]) for at in range(40)]
    report = score(tmp_path / "out", f"answers={write_csv(tmp_path / 'a.csv', HEADER, rows)}", "labels=[happy,sad]")
    assert any("happy is answered too often: 40 answers for 20 clips" in each for each in report["warnings"])
    assert "answered too often" in (tmp_path / "out" / "report.html").read_text()


def read(*answers: tuple[str, str]) -> dict[str, Any]:
    """The report of (text, truth) pairs."""
    scoring = Classification(labels=["happy", "sad", "angry"])
    given = [Answer(f"c{number}", text, "", truth, 0.0) for number, (text, truth) in enumerate(answers)]
    return metrics_of(scoring, given, benchmark="b", split="test")


def test_a_statement_against_its_reasons_is_named() -> None:
    against = [
        ("He laughs and is happy. <answer>sad</answer>", "happy"),
        ("She cries; this is sadness. Final answer: angry", "sad"),
        ('{"reason": "he is angry", "emotion": "sad"}', "angry"),
        ("<think>She seems sad.</think> happy", "sad"),
    ]
    alike = [("He shouts, which is anger. <answer>angry</answer>", "angry"), ("Final answer: happy, not sad", "happy")]
    report = read(*against * 4, *alike * 8, ("happy", "happy"))
    found = report["reading"]["contradictions"]
    assert (found["num_against"], found["num_wrong"]) == (16, 16)
    assert found["clips"][0] == {"id": "c0", "stated": "sad", "reasons": "happy"}
    said = next(each for each in diagnosis_of(report) if "reasons" in each)
    assert "e.g. 'c0': sad, for reasons of happy" in said
    assert "contradictions" not in read(*alike)["reading"]
    few = diagnosis_of(read(*against[:1], *alike))
    assert not [each for each in few if "reasons" in each]


@pytest.mark.parametrize(("confidence", "is_said"), [(0.9, True), (0.62, False), (0.4, False)])
def test_probabilities_that_are_too_high(confidence: float, is_said: bool) -> None:
    parts = [{"num_clips": 100, "confidence": confidence, "accuracy": 0.6}]
    said = diagnosis_of({"likelihood": {"reliability": parts}})
    assert [each.startswith("the likeliest labels are said") for each in said] == ([True] if is_said else [])
