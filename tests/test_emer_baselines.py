"""The published answers to EMER v1, judged anew by `speed/emer_baselines.py`."""

import csv
from pathlib import Path
from typing import Any

import pytest
from scipy.stats import spearmanr

from emolightning.errors import UserError
from emolightning.scoring.judges.offline import OfflineJudge
from emolightning.scoring.reasoning import Reasoning
from speed.emer_baselines import PUBLISHED, judge_all, lines, rank_agreement


def scoring() -> Reasoning:
    return Reasoning(judge=OfflineJudge())


@pytest.fixture(scope="module")
def result(shared: Path) -> dict[str, Any]:
    return judge_all(shared / "benchmarks" / "affectgpt_emer_v1_baselines", scoring())


def test_text_scores_rank_the_models_as_recorded(result: dict[str, Any]) -> None:
    # From the notes beside the recorded data: clue and label column.
    recorded = {"chrf": (0.71, 0.89), "bleu": (0.54, 0.83), "rouge_l": (-0.09, 0.31)}
    found = {name: result["spearman"][name] for name in recorded}
    assert {name: (round(row["clue"], 2), round(row["label"], 2)) for name, row in found.items()} == recorded


def test_agreement_of_the_judge_is_printed_whatever_it_is(result: dict[str, Any]) -> None:
    text = "\n".join(lines(result))
    assert "offline judge, 0-10, 100 clips" in text
    assert "never with published scores" in text
    for place, overlap in enumerate(("clue", "label")):
        theirs = [row[place] for row in PUBLISHED.values()]
        ours = [result["models"][model][overlap] for model in PUBLISHED]
        line = next(line for line in text.splitlines() if f"published {overlap} column" in line)
        shown = dict(zip(("clue", "label"), line.split()[-5:-3], strict=True))
        assert shown[overlap] == f"{spearmanr(ours, theirs).statistic:.2f}"


def test_every_clip_is_graded_or_counted(result: dict[str, Any]) -> None:
    for row in result["models"].values():
        for overlap in ("clue", "label"):
            assert row[f"num_{overlap}"] + sum(row["failures"][overlap].values()) == 100


def test_an_order_like_the_published_one_is_1() -> None:
    models = {
        model: {"clue": clue, "label": -label, "chrf": None, "bleu": 0, "rouge_l": 0}
        for model, (clue, label) in PUBLISHED.items()
    }
    del models["valley"]
    found = rank_agreement({**models, "valley": {"clue": 9, "label": -9, "chrf": 1, "bleu": 1, "rouge_l": 0.5}})
    assert found["clue"]["clue"] == pytest.approx(1)
    assert found["label"]["label"] == pytest.approx(-1)
    assert "chrf" not in found


def write(path: Path, rows: dict[str, str], text: str = "chi_reasons") -> None:
    with path.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows([("names", text), *rows.items()])


def test_files_that_do_not_fit(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"gt\.csv: cannot be read"):
        judge_all(tmp_path, scoring())
    write(tmp_path / "gt.csv", {"a": "他很难过"})
    for model in PUBLISHED:
        write(tmp_path / f"{model}.csv", {"b": "他很高兴"})
    with pytest.raises(UserError, match=r"has other clips than gt\.csv"):
        judge_all(tmp_path, scoring())
    write(tmp_path / "gt.csv", {"a": "x"}, text="reason")
    with pytest.raises(UserError, match="needs the columns names and chi_reasons"):
        judge_all(tmp_path, scoring())
