"""Prediction files of EmoBench-M and MME-Emotion: what their own scripts make of them, computed another way."""

import json
import re
from pathlib import Path
from typing import Any

import pytest
from score_factory import score, values
from sklearn.metrics import accuracy_score, f1_score

from emolightning.errors import UserError
from emolightning.records.clips import Answer
from emolightning.scoring.graded_steps import GradedSteps

EMOTIONS = ["happy", "sad", "neutral", "angry", "worried", "surprise"]
PAIRS = [
    ("happy", "happy"),
    ("sad", "angry"),
    ("Neutral", "neutral"),
    ("angry", "furious"),
    ("worried", "sad"),
    ("sad", "sad"),
]
GRADED: dict[str, str | None] = {
    "a": "<score>Step 1: 1/1, Step 2: 0/1, Step 3: 1/1</score>",
    "b": "Here it is.\n<score>Step 1: 0/1</score> and <score>Step 1: 1/1</score>",
    "c": "I cannot see the video.",
    "d": "<score>Step 1: 1/2, Step 2: 1/0, Step 3: 0/1</score>",
    "e": "<score></score>",
    "f": None,
}


def test_what_emobench_m_leaves_out_is_wrong_here_and_left_out_beside(tmp_path: Path) -> None:
    rows = [
        {"video": f"{n}.mp4", "expected_value": true, "predicted_value": said} for n, (true, said) in enumerate(PAIRS)
    ]
    (tmp_path / "said.json").write_text(json.dumps(rows))
    columns = ("columns.id=video", "columns.answer=predicted_value", "columns.truth=expected_value", "parser=strict")
    report = score(tmp_path / "out", f"answers={tmp_path}/said.json", f"labels=[{','.join(EMOTIONS)}]", *columns)
    valid = [(true.lower(), said.lower()) for true, said in PAIRS if said.lower() in EMOTIONS]
    true, said = zip(*valid, strict=True)
    beside = {name: report["metrics"][name]["value_without_unreadable"] for name in ("war", "weighted_f1")}
    assert beside["war"] == pytest.approx(accuracy_score(true, said))
    assert beside["weighted_f1"] == pytest.approx(f1_score(true, said, average="weighted", zero_division=0))
    assert values(report)["war"] == pytest.approx(3 / 6)


def official(texts: list[str | None]) -> dict[str, float]:
    """A plain reading of the released script: entries without a grade are skipped."""
    found = []
    for text in texts:
        inside = re.search(r"<score>(.*?)</score>", str(text))
        grades = (
            [int(a) / int(b) if int(b) else 0.0 for a, b in re.findall(r":\s*(\d+)/(\d+)", inside[1])] if inside else []
        )
        if grades:
            found.append((grades[-1], sum(grades[:-1]) / len(grades[:-1]) if len(grades) > 1 else 0.0, len(grades)))
    recognised, reasoned, steps = (sum(column) / len(found) for column in zip(*found, strict=True))
    return {
        "recognition_score": recognised,
        "reasoning_score": reasoned,
        "cot_score": 0.5 * recognised + 0.5 * reasoned,
        "num_steps": steps,
    }


def test_graded_steps_of_mme_emotion(tmp_path: Path) -> None:
    rows = [{"video_id": clip, "ground_truth": "happy", "score": text} for clip, text in GRADED.items()]
    (tmp_path / "eval.json").write_text(json.dumps(rows))
    columns = ("columns.id=video_id", "columns.answer=score", "columns.truth=ground_truth")
    how = ("scoring=graded_steps", "missing=count")
    report = score(tmp_path / "out", f"answers={tmp_path}/eval.json", *columns, *how)
    found, expected = values(report), official(list(GRADED.values()))
    assert {name: found[name] for name in expected} == pytest.approx(expected)
    assert found["cot_score_all"] == pytest.approx(expected["cot_score"] * 3 / 6)
    assert (report["num_clips"], report["num_scored"]) == (6, 3)
    assert report["unscored"]["no graded step in the answer"] == 2
    assert all(low <= found[name] <= high for name, (low, high) in ends(report).items())


def ends(report: dict[str, Any]) -> dict[str, list[float]]:
    return {name: entry["ci95"] for name, entry in report["metrics"].items()}


def test_the_weight_of_the_recognition_is_a_share() -> None:
    with pytest.raises(UserError, match=r"scoring\.alpha=1\.5 is not a share from 0 to 1"):
        GradedSteps(alpha=1.5)
    answer = Answer("a", "<score>Step 1: 0/1, Step 2: 1/1</score>", "", "sad", 0.0)
    one = GradedSteps(alpha=0.8)
    assert one.summary([answer], [one.score(answer)]).values["cot_score"] == pytest.approx(0.8)
