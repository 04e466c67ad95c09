"""`scoring=reasoning`: the offline judge against values by hand, and what a report makes of any judge's grades."""

import csv
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from score_factory import metrics_of

from emolightning.errors import UserError
from emolightning.records.clips import Answer, Clip
from emolightning.scoring.judges.judge import Grade, JudgeScore, Pair
from emolightning.scoring.judges.offline import OfflineJudge
from emolightning.scoring.reasoning import Reasoning
from emolightning.scoring.scoring import require_comparable

# Offline


def label_of(truth: str, answer: str, **arguments: Any) -> tuple[float | None, str | None]:
    grade = OfflineJudge(**arguments).score([Pair("clip", truth, answer)])[0].label
    return grade.value, grade.failure


def test_label_overlap_by_hand() -> None:
    assert label_of("He is happy.", "A joyful man") == (10.0, None)
    # {happy, sad} and {happy}: precision 1, recall 1/2, F = 2/3
    assert label_of("He is happy, then sad.", "He looks glad.")[0] == pytest.approx(20 / 3)
    assert label_of("He is happy.", "He is angry.") == (0.0, None)
    assert label_of("He is happy.", "There is a table.") == (0.0, None)
    assert label_of("There is a table.", "happy") == (None, "no emotion word of the wheel in the reference")
    assert label_of("因此推测他的情感状态为生气。", "He seems furious.") == (10.0, None)
    # Level 2 tells neighbours within a sector apart.
    assert label_of("He is happy.", "He is proud.", level=2) == (0.0, None)


def test_denied_emotions_do_not_count() -> None:
    assert label_of("He is not happy but sad.", "sad") == (10.0, None)
    assert label_of("他不太高兴，很难过", "他没有生气，很难过") == (10.0, None)
    assert label_of("他不高兴", "难过") == (10.0, None)  # 不高兴 is unhappy


def test_clue_overlap_is_chrf_of_one_language() -> None:
    (score,) = OfflineJudge().score([Pair("clip", "他皱着眉头，很难过", "他皱着眉头，很难过")])
    assert score.clue.value == pytest.approx(10.0)
    (score,) = OfflineJudge().score([Pair("clip", "他皱着眉头，很难过", "He frowns and is sad.")])
    assert (score.clue.value, score.clue.failure) == (None, "reference and answer in different languages")
    assert score.label.value == 10.0


def test_official_wheels_by_path(shared: Path) -> None:
    judge = OfflineJudge(wheels=str(shared / "benchmarks" / "emotion_wheel_2026"))
    (score,) = judge.score([Pair("clip", "excited, joyful, happy", "happy, satisfied")])
    # By the worked examples of the wheels: {surprised, happy} and {happy} on wheel 1 give F = 2/3.
    assert score.label.value is not None
    assert 0 < score.label.value < 10
    assert "2026" in judge.describe()["wheels"]["name"]


def test_real_answers_rank_and_repeat(shared: Path) -> None:
    folder = shared / "benchmarks" / "affectgpt_emer_v1_baselines"

    def column(name: str) -> dict[str, str]:
        with (folder / f"{name}.csv").open(encoding="utf-8-sig", newline="") as file:
            return {row["names"]: row["chi_reasons"] for row in csv.DictReader(file)}

    truths, answers = column("gt"), column("valley")
    real = [Pair(clip, truths[clip], answers[clip]) for clip in truths]
    exchanged = [
        Pair(pair.clip_id, pair.truth, answers[other]) for pair, other in zip(real, sorted(answers)[::-1], strict=True)
    ]
    own = [Pair(pair.clip_id, pair.truth, pair.truth) for pair in real]
    judge = OfflineJudge()
    means = [
        np.mean([score.label.value for score in judge.score(some) if score.label.value is not None])
        for some in (own, real, exchanged)
    ]
    assert means[0] == pytest.approx(10.0)
    assert means[0] > means[1] > means[2], "answers of other clips must not fit better"
    assert judge.score(real) == OfflineJudge().score(real)


# The report


def answer(clip_id: str, text: str, truth: str | None) -> Answer:
    return Answer(clip_id, text, "", truth, 0.0)


class FixedJudge:
    """Grades by a table."""

    name = "fixed"
    scale = (1.0, 10.0)

    def __init__(self, table: dict[str, tuple[float | None, float | None]]):
        self.table = table
        self.seen: list[str] = []

    def score(self, pairs: Sequence[Pair]) -> list[JudgeScore]:
        self.seen += [pair.clip_id for pair in pairs]
        grades = [
            [Grade(value, "w\x1b[31mhy\n") if value is not None else Grade(None, failure="HTTP 500") for value in row]
            for row in (self.table[pair.clip_id] for pair in pairs)
        ]
        return [JudgeScore(pair.clip_id, *row) for pair, row in zip(pairs, grades, strict=True)]

    def describe(self) -> dict[str, Any]:
        return {"name": self.name, "comparable_with": "nothing"}


def test_report() -> None:
    judge = FixedJudge({"a": (8.0, 6.0), "b": (None, 4.0), "c": (5.0, None), "f": (7.0, 2.0)})
    answers = [
        answer("a", "She laughs.", "She smiles."),
        answer("b", "She cries.", "She weeps."),
        answer("c", "He frowns.", "He is angry."),
        answer("d", "  ", "He shouts."),
        answer("e", "Whatever.", None),
        answer("f", "He sings.", "He sings."),
        Answer("g", "", "", "He nods.", 0.0, is_missing=True),
    ]
    report = metrics_of(Reasoning(judge=judge), answers, benchmark="emer_v1", split="test")
    assert (report["benchmark"], report["split"], report["num_clips"], report["num_scored"]) == (
        "emer_v1",
        "test",
        7,
        4,
    )
    assert report["unscored"] == {"HTTP 500": 2, "no reference text": 1}
    clue, label = report["metrics"]["clue_overlap_fixed"], report["metrics"]["label_overlap_fixed"]
    # An empty and a missing answer count as 1, the lowest; failures are left out.
    assert clue["value"] == pytest.approx((8 + 5 + 1 + 7 + 1) / 5)
    assert label["value"] == pytest.approx((6 + 4 + 1 + 2 + 1) / 5)
    assert clue["num_clips"] == label["num_clips"] == 5
    assert clue["ci95"][0] < clue["value"] < clue["ci95"][1]
    assert "fixed judge's 1-10 grade" in clue["definition"]
    assert clue["definition"].endswith("comparable with nothing")
    assert report["judge"]["failures"] == {"clue": {"HTTP 500": 1}, "label": {"HTTP 500": 1}}
    # c has no label and b no clue: five clips have each, four have both.
    assert report["judge"]["num_scored"] == {"clue": 5, "label": 5}
    assert report["judge"]["lowest_without_judge"] == {"empty answer": 1, "no answer for the clip": 1}
    assert judge.seen == ["a", "b", "c", "f"]
    assert report["clips"][0] == {"id": "a", "clue": 8.0, "clue_reason": "w [31mhy ", "label": 6.0} | {
        "label_reason": "w [31mhy "
    }
    assert [row["id"] for row in report["clips"]] == ["a", "b", "c", "d", "f", "g"]
    assert report["text"]["kind"].startswith("diagnostics")
    json.dumps(report, allow_nan=False)


def test_each_overlap_has_its_own_number_of_clips() -> None:
    judge = FixedJudge({"a": (8.0, None), "b": (7.0, None), "c": (5.0, 3.0)})
    answers = [answer(name, "She laughs.", "She smiles.") for name in "abc"]
    report = metrics_of(Reasoning(judge=judge), answers, benchmark="emer_v1", split="test")
    assert (report["num_scored"], report["judge"]["num_scored"]) == (1, {"clue": 3, "label": 1})
    assert [score["num_clips"] for score in report["metrics"].values()] == [3, 1]


def test_interval_is_a_bootstrap_over_clips() -> None:
    random = np.random.default_rng(1)
    grades = random.integers(1, 11, size=200).astype(float)
    judge = FixedJudge({str(index): (grade, grade) for index, grade in enumerate(grades)})
    answers = [answer(str(index), "text", "truth") for index in range(200)]
    found = metrics_of(Reasoning(judge=judge), answers, benchmark="x", split="test")["metrics"]["clue_overlap_fixed"]
    half = 1.96 * grades.std() / np.sqrt(200)
    assert found["ci95"] == pytest.approx([grades.mean() - half, grades.mean() + half], abs=0.05)


def test_nothing_graded_is_no_zero() -> None:
    report = metrics_of(
        Reasoning(judge=FixedJudge({"a": (None, None)})), [answer("a", "x", "y")], benchmark="x", split="test"
    )
    assert report["metrics"]["clue_overlap_fixed"]["value"] is None
    assert report["num_scored"] == 0
    empty = metrics_of(Reasoning(judge=FixedJudge({})), [answer("a", "x", None)], benchmark="x", split="test")
    assert (empty["unscored"], empty.get("text")) == ({"no reference text": 1}, None)
    json.dumps([report, empty], allow_nan=False)


def test_truth_is_the_longer_explanation() -> None:
    scoring = Reasoning(judge=OfflineJudge())
    clip = Clip("a", Path("a.mp4"), reason="short", detailed_reason="long")
    assert scoring.truth(clip) == "long"
    assert scoring.truth(Clip("a", Path("a.mp4"), reason="short")) == "short"
    assert scoring.truth(Clip("a", Path("a.mp4"), label="happy")) is None
    assert scoring.score(answer("a", " ", "t")).unscored_because == "empty answer"
    assert scoring.score(answer("a", "She laughs.", "t")).value == "She laughs."


def test_a_split_without_descriptions_is_refused_before_it_is_answered() -> None:
    scoring = Reasoning(judge=OfflineJudge())
    labelled, described = Clip("a", Path("a.mp4"), label="happy"), Clip("b", Path("b.mp4"), reason="She smiles.")
    with pytest.raises(UserError, match="split=test: none of its 2 clips has what answers are compared with"):
        require_comparable([labelled, labelled], scoring, "test")
    require_comparable([labelled, described], scoring, "test")


def test_a_clip_twice_is_refused() -> None:
    with pytest.raises(ValueError, match="one answer for each clip"):
        metrics_of(
            Reasoning(judge=OfflineJudge()), [answer("a", "x", "y"), answer("a", "z", "y")], benchmark="x", split="test"
        )
