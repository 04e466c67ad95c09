"""Which published scores a run is compared with, and with which verdict."""

from pathlib import Path
from typing import Any

import pytest
from published_runs import ALL, RECIPE, SEEN, cell, compared, dfew, emotion_llama, metric, report_of

from emolightning.benchmarks.published.protocols import expected_clips
from emolightning.benchmarks.published.table import PublishedScore
from emolightning.benchmarks.registry import official_benchmarks


@pytest.mark.parametrize(
    ("measured", "verdict", "is_equal"),
    [
        ((0.9036, 0.88, 0.92), "within interval", True),
        ((0.90357721, 0.88, 0.92), "within interval", True),  # rounded up to 0.9036
        ((0.90369, 0.88, 0.92), "within interval", True),  # cut off to 0.9036
        ((0.90371, 0.88, 0.92), "within interval", False),
        ((0.93, 0.9036, 0.95), "within interval", False),
        ((0.93, 0.9113, 0.95), "within interval", False),  # 0.0264 apart; 0.0187 and 0.02 are 0.0274 together
        ((0.93, 0.9213, 0.945), "better", False),  # 0.0087 and 0.015: 0.0173
        ((0.89, 0.87, 0.9), "within interval", False),  # 0.0136 apart; 0.01 and 0.02: 0.0224
        ((0.89, 0.882, 0.8994), "worse", False),  # 0.0094 and 0.008: 0.0123, and one unit of the last digit
        ((0.89, 0.882, 0.9009), "within interval", False),  # 0.0109 and 0.008: 0.0135, and one unit
    ],
)
def test_the_interval_holds_the_published_value_or_does_not(
    tmp_path: Path, measured: tuple[float, float, float], verdict: str, is_equal: bool
) -> None:
    row = emotion_llama(compared(tmp_path, report_of(metrics={"weighted_f1": metric(*measured)})))
    assert (row.verdict, row.is_equal_as_printed) == (verdict, is_equal)
    assert row.difference == pytest.approx(measured[0] - 0.9036)


def test_a_published_percentage_that_was_cut_off(tmp_path: Path) -> None:
    """1390 of 2341 clips are 59.376 %; the paper prints 59.37."""
    war = 1390 / 2341
    report = report_of(
        "dfew_fold1", metrics={"war": metric(war, war - 0.001, war + 0.001), "uar": metric(0.4, 0.3, 0.5)}
    )
    row = cell(compared(tmp_path, report), "zero_shot", "Emotion-LLaMA", "war")
    assert (row.verdict, row.is_equal_as_printed) == ("within interval", True)
    assert row.ours is not None
    assert (row.ours.value, row.ours.low, row.ours.high) == pytest.approx((59.376335, 59.276335, 59.476335))
    assert row.difference == pytest.approx(0.006335, abs=1e-6)


@pytest.mark.parametrize(
    ("sad", "verdict"),
    [
        (257, "within interval"),
        (253, "within interval; on 830 clips, published on 834"),
        (299, "not comparable: other clips: the run has 876, the figure is of 834"),
        (216, "within interval; on 793 clips, published on 834"),
        (215, "not comparable: other clips: the run has 792, the figure is of 834"),
    ],
)
def test_another_number_of_clips_is_in_the_verdict(tmp_path: Path, sad: int, verdict: str) -> None:
    """5 % of 834 are 41.7; what counts is clips with a label, not those that were answered."""
    report = report_of(num_clips=1000)
    report["per_class"]["sad"]["support"] = sad
    assert emotion_llama(compared(tmp_path, report)).verdict == verdict


TRAPS = {
    "another test set and another score": (
        report_of("mer2023_semi"),
        ("mer2023_semi", "mer2023_multi"),
        ("mer_unibench", "Emotion-LLaMA", "hit"),
        "other clips: the run is on mer2023_semi, the figure on mer2023_multi",
    ),
    "another score on the same clips": (
        report_of("mer2023_multi"),
        ("mer2023_multi",),
        ("mer_unibench", "Emotion-LLaMA", "hit"),
        "other score: the run has no hit",
    ),
    "a wheel of our own": (
        report_of(
            "mer2023_multi",
            metrics={"hit": metric(0.6, 0.5, 0.7)},
            open_vocabulary={"wheels": {"name": "our own", "year": None}, "answers": "written lists"},
        ),
        ("mer2023_multi",),
        ("mer_unibench", "Emotion-LLaMA", "hit"),
        "other protocol: wheels is 2025 there, our own here",
    ),
    "wheels of another year": (
        report_of(
            "mer2024_semi",
            metrics={"hit": metric(0.7, 0.6, 0.8)},
            open_vocabulary={"wheels": {"name": "official", "year": "2026"}, "answers": "written lists"},
        ),
        ("mer2024_semi",),
        ("mer_unibench", "Emotion-LLaMA", "hit"),
        "other protocol: wheels is 2025 there, 2026 here",
    ),
    "a judge of today": (
        report_of("emer_v1", metrics={"clue_overlap_offline": metric(7.8, 7.5, 8.1)}),
        ("emer_v1",),
        ("gpt35_judge", "Emotion-LLaMA", "clue_overlap"),
        "gpt-3.5-turbo-16k-0613 gave these grades and is no longer served; another judge has a scale of its own",
    ),
    "one fold against five": (
        dfew(),
        ("dfew", "dfew_fold1"),
        ("five_folds", "MAE-DFER", "war"),
        "other clips: the run is on dfew_fold1, the figure on dfew",
    ),
    "three folds against five": (
        report_of("dfew", num_folds=3, metrics={"war": metric(0.7, 0.6, 0.8)}),
        ("dfew",),
        ("five_folds", "MAE-DFER", "war"),
        "other protocol: num_folds is 5 there, 3 here",
    ),
    "five folds against one": (
        report_of("dfew", num_folds=5, metrics={"war": metric(0.59, 0.5, 0.7)}),
        ("dfew", "dfew_fold1"),
        ("zero_shot", "Emotion-LLaMA", "war"),
        "other clips: the run is on dfew, the figure on dfew_fold1",
    ),
    "a partition that nobody names": (
        report_of("dfew", num_folds=5, metrics={"war": metric(0.8, 0.7, 0.9)}),
        ("dfew",),
        ("partition_not_stated", "HumanOmni", "war"),
        "which of the folds was tested is not stated",
    ),
    "the weighted F1 called macro": (
        report_of(metrics={"macro_f1": metric(0.9036, 0.88, 0.92)}),
        ("mer2023_semi",),
        ("documentation_page", "Emotion-LLaMA", "macro_f1"),
        "unverified: the page defines its F1 as the mean over classes; 0.9036 is the weighted F1, and the macro F1 of "
        "the same answers is 0.8134",
    ),
    "DFEW's scores called MER2024-OV's": (
        report_of("mer2024_ov", metrics={"uar": metric(0.4559, 0.4, 0.5)}),
        ("mer2024_ov",),
        ("documentation_page", "Emotion-LLaMA", "uar"),
        "unverified: these are the zero-shot scores on DFEW; MER2024-OV is ranked by set-level accuracy and recall",
    ),
    "groups of another model": (
        report_of(
            "mer2024_ov",
            metrics={"average": metric(0.54, 0.5, 0.58)},
            open_vocabulary={"synonym_groups": {"source": {"model": "some-model"}, "sha256": None}},
        ),
        ("mer2024_ov",),
        ("challenge", "example answers of the organisers", "average"),
        "other protocol: synonym_groups is 892f588d... there, some-model here",
    ),
    "another frame": (
        dfew(evaluation=RECIPE),
        ("dfew_fold1",),
        ("zero_shot_first", "Emotion-LLaMA (documented recipe)", "war"),
        "other protocol: frame is first there, middle here",
    ),
    "with transcripts": (
        dfew(evaluation=RECIPE | {"inputs": SEEN["inputs"]}),
        ("dfew_fold1",),
        ("zero_shot_middle", "Emotion-LLaMA (documented recipe)", "war"),
        "other protocol: transcript is False there, True here",
    ),
    "another order of labels": (
        dfew(evaluation=RECIPE | {"prompt": {"labels": ["neutral", "angry"]}}),
        ("dfew_fold1",),
        ("zero_shot_middle", "Emotion-LLaMA (documented recipe)", "war"),
        "other protocol: offered is happy, sad, neutral, angry, surprise, disgust, fear there, neutral, angry here",
    ),
    "words mapped to labels": (
        report_of(
            "mer2023_multi",
            metrics={"war": metric(0.65, 0.6, 0.7)},
            reading={"parser": "words", "aliases": "default", "answer_list": "first"},
        ),
        ("mer2023_multi",),
        ("gpt4v", "GPT-4V", "war"),
        "other protocol: aliases is none there, default here",
    ),
    "validation clips": (
        report_of(split="val"),
        ("mer2023_semi",),
        ("challenge", "VAT", "weighted_f1"),
        "other clips: the run is on split val",
    ),
    "other inputs": (
        report_of(evaluation=SEEN | {"inputs": ["speech", "transcript"]}),
        ("mer2023_semi",),
        ("challenge", "VAT", "weighted_f1"),
        "other inputs: AV there, AT here",
    ),
    "a run that was trained on what others never saw": (
        dfew(model={"trained_on": "dfew", "evaluated_on": "dfew"}),
        ("dfew_fold1",),
        ("zero_shot", "Emotion-LLaMA", "war"),
        "other protocol: zero-shot there, trained on these data here",
    ),
    "a zero-shot run beside a trained one": (
        report_of(
            "dfew",
            num_folds=5,
            metrics={"war": metric(0.59, 0.5, 0.7)},
            model={"trained_on": "mer2023", "evaluated_on": "dfew"},
        ),
        ("dfew",),
        ("five_folds", "MAE-DFER", "war"),
        "other protocol: trained on these data there, zero-shot here",
    ),
    "permuted inputs": (
        report_of(evaluation=SEEN | {"shuffle": ["face"]}),
        ("mer2023_semi",),
        ("challenge", "VAT", "weighted_f1"),
        "the run permuted face across clips",
    ),
}


@pytest.mark.parametrize("name", TRAPS)
def test_unlike_figures_are_not_compared(tmp_path: Path, name: str) -> None:
    report, requested, (protocol, model, score), reason = TRAPS[name]
    modality = "AVT" if protocol == "mer_unibench" else None
    row = cell(compared(tmp_path, report, *requested), protocol, model, score, modality)
    assert row.verdict == f"not comparable: {reason}"
    assert (row.ours, row.difference, row.ends, row.is_equal_as_printed) == (None, None, None, False)
    is_there = report["benchmark"] == row.score.benchmark and score in report["metrics"]
    assert (row.beside is not None) == is_there


def test_the_documented_recipe_is_compared(tmp_path: Path) -> None:
    rows = compared(tmp_path, dfew(evaluation=RECIPE))
    found = {row.score.protocol.way: row.verdict for row in rows if row.score.metric == "war" and row.ours is not None}
    assert found == {"zero_shot": "within interval", "zero_shot_middle": "within interval"}


def test_published_on_fewer_clips_than_official(tmp_path: Path) -> None:
    """GPT-4V refused four clips of DFEW: a run on the same 2337 has as many as were published."""
    reading = {"parser": "words", "aliases": "none", "answer_list": "first"}
    report = report_of(
        "dfew_fold1",
        num_clips=2337,
        per_class={},
        evaluation={},
        reading=reading,
        metrics={"war": metric(0.4368849, 0.417, 0.457)},
    )
    rows = compared(tmp_path, report)
    assert cell(rows, "gpt4v", "GPT-4V", "war").verdict == "within interval"
    assert cell(rows, "zero_shot", "Emotion-LLaMA", "war").verdict == "worse; on 2337 clips, published on 2341"


def test_every_score_can_be_met_or_says_why_not(tmp_path: Path) -> None:
    """A run with each published value and all conditions of its protocol gets `within interval` for it."""
    for score in ALL:
        report = fitting_report(score)
        row = next(row for row in compared(tmp_path, report, score.benchmark) if row.score == score)
        if score.is_verified and score.protocol.never is None and score.benchmark in official_benchmarks():
            assert (row.verdict, row.is_equal_as_printed) == ("within interval", True), score
        else:
            assert row.verdict.startswith("not comparable: "), score
            is_ours = score.benchmark in official_benchmarks()
            assert is_ours or row.verdict.endswith(f"this project does not evaluate {score.benchmark}")


def fitting_report(score: PublishedScore) -> dict[str, Any]:
    """Same clips, inputs, conditions and value."""
    wanted = score.protocol.conditions
    letters = {"A": ["speech"], "V": ["face"], "T": ["transcript"]}
    value = float(score.printed) / score.factor
    frame = wanted.get("frame", "first")
    return report_of(
        score.benchmark,
        num_clips=expected_clips(score.protocol) or 1,
        per_class={},
        num_folds=wanted.get("num_folds", 1),
        metrics={score.metric: metric(value, value, value)},
        evaluation={
            "inputs": [name for letter in score.modality or "AV" for name in letters[letter]],
            "frame": "peak:peaks.json" if frame == "peak" else frame,
            "prompt": {"labels": None, "layout": "upstream_eval"},
        },
        reading={"parser": "upstream", "aliases": "none", "answer_list": "first"},
        open_vocabulary={
            "wheels": {"year": "2025"},
            "answers": "written lists",
            "synonym_groups": {"sha256": wanted.get("synonym_groups")},
        },
    )
