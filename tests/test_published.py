"""Published scores: complete, as printed, and equal to what can be computed again."""

import csv
import json
from collections import Counter
from pathlib import Path
from statistics import fmean

import numpy as np
import pytest
from sklearn.metrics import accuracy_score, f1_score, precision_score

from emolightning.benchmarks.published.protocols import all_protocols
from emolightning.benchmarks.published.table import COLUMNS, PublishedScore, read_published, read_scores
from emolightning.benchmarks.registry import cards, official_benchmarks, published_files
from emolightning.errors import InputErrors
from emolightning.records.score_names import DEFINITIONS, DIMENSION_DEFINITIONS
from emolightning.scoring.metrics.classification import scores as scores_of
from emolightning.scoring.metrics.sentiment import PROTOCOLS as SENTIMENT
from emolightning.scoring.open_vocabulary_measures import DEFINITIONS as OPEN_VOCABULARY
from emolightning.scoring.preference import TWO_CLASS_DEFINITIONS

PAGE_MER2023 = """
    wav2vec 2.0|A|0.4028  VGGish|A|0.5481  HuBERT|A|0.8511  ResNet|V|0.4132  MAE|V|0.5547  VideoMAE|V|0.6068
    RoBERTa|T|0.4061  BERT|T|0.4360  MacBERT|T|0.4632  MER2023-Baseline|AV|0.8675  MER2023-Baseline|AVT|0.8640
    Transformer|AVT|0.8853  FBP|AVT|0.8855  VAT|AV|0.8911  Emotion-LLaMA|AV|0.8905  Emotion-LLaMA|AVT|0.9036
"""
PAGE_EMER = """
    VideoChat-Text|6.42|3.94  Video-LLaMA|6.64|4.89  Video-ChatGPT|6.95|5.74  PandaGPT|7.14|5.51
    VideoChat-Embed|7.15|5.65  Valley|7.24|5.77  Emotion-LLaMA|7.83|6.25
"""
PAGE_NOISE = "SZTU-CMU|0.8530  BZL arc06|0.8383  VIRlab|0.8365  T_MERG|0.8271  AI4AI|0.8128  Emotion-LLaMA|0.8452"
PAGE_DFEW = "Baseline|38.12|52.34|no  Video-LLaMA|41.23|55.67|no  Emotion-LLaMA|45.59|59.37|yes"


def rows_of(page: str) -> list[list[str]]:
    """Cells are divided by bars, rows by two spaces or a line."""
    rows = [row for line in page.splitlines() for row in line.strip().split("  ") if row]
    return [row.split("|") for row in rows]


def page_cells() -> list[tuple[str, str, str, str, str, bool]]:
    """Every cell of upstream's documentation page: benchmark, model, inputs, score, printed value, verified."""
    cells = [
        ("mer2023_semi", model, inputs, "weighted_f1", value, True) for model, inputs, value in rows_of(PAGE_MER2023)
    ]
    cells.append(("mer2023_semi", "Emotion-LLaMA", "AVT", "macro_f1", "0.9036", False))
    for model, clue, label in rows_of(PAGE_EMER):
        cells += [
            ("emer_v1", model, "", "clue_overlap", clue, True),
            ("emer_v1", model, "", "label_overlap", label, True),
        ]
    for model, value in rows_of(PAGE_NOISE):
        inputs = "AVT" if model == "Emotion-LLaMA" else ""
        cells.append(("mer2024_noise", model, inputs, "weighted_f1", value, True))
    cells.append(("mer2024_noise", "Emotion-LLaMA with Conv-Attention", "AVT", "weighted_f1", "0.8530", False))
    for metric, value in (("uar", "45.59"), ("war", "59.37")):
        cells.append(("mer2024_ov", "Emotion-LLaMA", "", metric, value, False))
    for model, uar, war, verified in rows_of(PAGE_DFEW):
        cells += [
            ("dfew_fold1", model, "", name, value, verified == "yes") for name, value in (("uar", uar), ("war", war))
        ]
    return cells


@pytest.fixture(scope="module")
def published() -> list[PublishedScore]:
    return read_published()


@pytest.mark.parametrize("cell", page_cells(), ids=lambda cell: "-".join(map(str, cell)))
def test_every_cell_of_upstreams_page_is_there(
    published: list[PublishedScore], cell: tuple[str, str, str, str, str, bool]
) -> None:
    *wanted, is_verified = cell
    found = [
        score
        for score in published
        if [score.benchmark, score.model, score.modality, score.metric, score.printed] == wanted
    ]
    assert [score.is_verified for score in found] == [is_verified]


def test_what_is_unverified_says_why_and_is_nothing_else(published: list[PublishedScore]) -> None:
    unverified = [score for score in published if not score.is_verified]
    second_hand = [score for score in unverified if score.remark.startswith("second-hand: ")]
    assert len(unverified) - len(second_hand) == sum(not cell[-1] for cell in page_cells()) == 8
    others = [score for score in unverified if score not in second_hand]
    assert all(score.remark and score.protocol.way == "documentation_page" for score in others)
    assert {score.model for score in second_hand} == {"AffectGPT 7B (as Light-MER lists it)", "MAE-DFER"}


WITHOUT_FIGURES = (
    *("iemocap", *(f"iemocap_session{number}" for number in range(1, 5)), "iemocap5", "iemocap6"),
    *(
        "meld_sentiment",
        "crema_d",
        "savee",
        "mer2025_semi",
        "mer2026_cross",
        "mer2025_fg",
        "mer2026_fg",
        *(f"mafw_fold{number}" for number in (1, 2, 4, 5)),
        *(f"mafw_compound_fold{number}" for number in range(1, 6)),
        *("afew", "msp_improv", "msp_podcast", "msp_podcast4", "msp_face", "msp_face4"),
    ),
)
"""Sets that nothing published is measured on here: parts, and other ways to divide."""


def test_protocols_are_used_and_of_known_benchmarks(published: list[PublishedScore]) -> None:
    assert {score.protocol.name for score in published} == set(all_protocols())
    for protocol in all_protocols().values():
        assert protocol.benchmark in official_benchmarks() or not protocol.conditions or protocol.num_clips
    with_scores = {score.benchmark for score in published}
    without = {name for name, official in official_benchmarks().items() if name not in with_scores}
    assert without == {"emer_v2", *WITHOUT_FIGURES}


def test_scores_of_our_benchmarks_have_the_names_that_runs_give_them(published: list[PublishedScore]) -> None:
    names = {*DEFINITIONS, *DIMENSION_DEFINITIONS, *OPEN_VOCABULARY, "clue_overlap", "label_overlap"}
    names |= {name for protocol in SENTIMENT.values() for name in protocol.definitions()} | {"mean_of_nine"}
    names |= {*TWO_CLASS_DEFINITIONS, "swap_consistency"}  # The second of two runs, which none has by itself.
    assert {score.metric for score in published if score.benchmark in official_benchmarks()} <= names


MER_UNIBENCH = (
    *("mer2023_multi", "mer2024_semi", "meld", "iemocap_session5", "cmu_mosi", "cmu_mosei", "ch_sims", "ch_sims_v2"),
    "ovmerd_plus",
)


@pytest.mark.parametrize(("ways", "number"), [(("mer_unibench", "mean"), 19), (("light_mer",), 7)])
def test_means_of_mer_unibench(published: list[PublishedScore], ways: tuple[str, ...], number: int) -> None:
    cells = [score for score in published if score.protocol.way in ways]
    systems = {(score.model, score.modality) for score in cells}
    assert len(systems) == number
    for system in systems:
        own = {score.benchmark: float(score.printed) for score in cells if (score.model, score.modality) == system}
        assert fmean(own[name] for name in MER_UNIBENCH) == pytest.approx(
            own["mer_unibench"], abs=0.01
        )  # 56.71 is cut off


def test_mean_of_ov_mer(published: list[PublishedScore]) -> None:
    models = {score.model for score in published if score.benchmark == "ovmerd"}
    assert len(models) == 12
    for model in models:
        cells = {s.metric: float(s.printed) for s in published if (s.benchmark, s.model) == ("ovmerd", model)}
        mean = cells.pop("m_avg")
        del cells["gpt_groups"]
        assert len(cells) == 12
        assert fmean(cells.values()) == pytest.approx(mean, abs=0.011)  # means of two runs, rounded one by one


def test_mean_of_the_folds_of_dfew(published: list[PublishedScore]) -> None:
    cells = {
        (s.benchmark, s.metric): float(s.printed) for s in published if s.model == "MAE-DFER" and s.modality == "V"
    }
    for metric in ("uar", "war"):
        mean = fmean(cells[f"dfew_fold{fold}", metric] for fold in range(1, 6))
        assert round(mean, 2) == cells["dfew", metric]


MAFW_FOLD3 = """
    190 21 5 1 7 13 11 3 24 1 2 | 17 39 0 4 4 15 8 7 25 1 8 | 2 1 64 1 0 20 31 0 5 0 1 | 5 4 0 213 16 2 0 5 1 0 2
    19 6 1 8 127 13 13 8 20 10 3 | 15 6 7 2 3 229 3 2 24 1 2 | 17 5 15 5 3 16 136 1 14 0 2 | 2 9 1 20 9 0 1 1 0 3 1
    19 17 7 1 8 34 14 2 75 4 2 | 0 7 0 13 5 3 0 2 9 3 10 | 2 2 1 1 2 5 1 3 7 3 9
"""
"""Confusion matrix of MAE-DFER on fold 3 of MAFW: its logs/mafw.out."""


def test_the_fold_of_mafw_whose_log_is_kept(published: list[PublishedScore]) -> None:
    counts = np.array(MAFW_FOLD3.replace("|", " ").split(), dtype=int).reshape(11, 11)
    assert counts.sum() == official_benchmarks()["mafw_fold3"].num_clips
    computed = scores_of(np.pad(counts, ((0, 0), (0, 1))))  # No clip without an answer.
    cells = [score for score in published if score.benchmark == "mafw_fold3"]
    assert {score.metric for score in cells} == {"uar", "war", "weighted_f1", "macro_f1"}
    for score in cells:
        assert score.factor * float(computed[score.metric]) == pytest.approx(float(score.printed), abs=score.last_digit)


@pytest.mark.parametrize(
    ("benchmark", "entry"), [("mer2023_semi", "mer2023_semi_authors"), ("mer2024_noise", "mer2024_noise_issue37")]
)
def test_published_confusion_matrices_give_the_published_scores(
    shared: Path, published: list[PublishedScore], benchmark: str, entry: str
) -> None:
    entries = json.loads((shared / "benchmarks/published_confusions/confusion_matrices.json").read_text())
    counts = np.array(next(each["matrix"] for each in entries if each["id"] == entry))
    truth = np.repeat(np.arange(len(counts)), counts.sum(axis=1))
    answers = np.concatenate([np.repeat(np.arange(len(counts)), row) for row in counts])
    computed = {
        "weighted_f1": f1_score(truth, answers, average="weighted"),
        "war": accuracy_score(truth, answers),
        "weighted_precision": precision_score(truth, answers, average="weighted"),
    }
    cells = {s.metric: s.printed for s in published if s.benchmark == benchmark and s.num_decimals > 10}
    assert {name: float(value) for name, value in cells.items()} == pytest.approx(computed, abs=1e-12)


def test_published_mer2024_ov(shared: Path, published: list[PublishedScore]) -> None:
    recorded = json.loads((shared / "benchmarks/expected_values.json").read_text())["mer2024_ov_gpt_synonym"]
    cells = {s.metric: float(s.printed) for s in published if s.benchmark == "mer2024_ov" and s.is_verified}
    assert cells == {
        name: recorded[key] for name, key in (("accuracy", "accuracy_s"), ("recall", "recall_s"), ("average", "avg"))
    }


MER2023 = cards()["mer2023"].protocols
"""Those that a table of its figures may name."""

OF_ELSEWHERE = 5 + 10 + 3 + 8 + 6 + 70 + 100
"""Cells that the transcription does not have: result files, MAE-DFER on five folds, MER2024-OV, what is unverified,
MAE-DFER on MAFW, and the tables of Light-MER and EmoPrefer."""

BENCHMARK_NAMES = {
    "EMER-v1": "emer_v1",
    "DFEW (set_1 test)": "dfew_fold1",
    "DFEW (5-fold)": "dfew",
    "OV-MERD": "ovmerd",
    "MER-UniBench/MER2023": "mer2023_multi",
    "MER-UniBench/MER2024": "mer2024_semi",
    "MER-UniBench/IEMOCAP": "iemocap_session5",
    "MER-UniBench/CH-SIMSv2": "ch_sims_v2",
    "MER-UniBench/OV-MERD+": "ovmerd_plus",
    "MER-UniBench/Mean": "mer_unibench",
    "EmoPrefer-Data (574)": "emoprefer",
}
METRIC_NAMES = {
    "HIT": "hit",
    "WAF": "f1_non0",
    "EW-F": "ew_f1_level1",
    "mean": "mean_of_nine",
    "two-class WAF": "two_class_weighted_f1",
    "two-class ACC": "two_class_war",
    "three-class WAF": "weighted_f1",
    "three-class ACC": "war",
    "swap consistency": "swap_consistency",
    "accuracy": "war",
    "combined": "mer2023_combined",
    "GPT": "gpt_groups",
    "M1": "m1_f1",
    "M2": "m2_f1",
    "M-avg": "m_avg",
    **{f"M3-W{wheel}-L{level}": f"ew_f1_level{level}_wheel{wheel}" for wheel in range(1, 6) for level in (1, 2)},
}


def test_the_transcribed_scores_are_all_there(shared: Path, published: list[PublishedScore]) -> None:
    with (shared / "benchmarks/leaderboards/published_scores.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    wanted = Counter(_transcribed(row) for row in rows)
    # The baseline's A, V score is in the README's table as well as in its own paper: one cell.
    wanted["mer2023_semi", "weighted_f1", 0.8675] -= 1
    found = Counter((score.benchmark, score.metric, float(score.printed)) for score in published)
    assert wanted - found == Counter()
    assert (found - wanted).total() == OF_ELSEWHERE


@pytest.mark.parametrize(("way", "begins"), [("light_mer", "MER-UniBench/"), ("best_strategy", "EmoPrefer-Data")])
def test_the_tables_of_light_mer_and_emoprefer_are_all_there(
    shared: Path, published: list[PublishedScore], way: str, begins: str
) -> None:
    with (shared / "unibench/published.csv").open(newline="") as file:
        rows = [row for row in csv.DictReader(file) if row["benchmark"].startswith(begins)]
    assert len(rows) == {"light_mer": 70, "best_strategy": 100}[way]
    wanted = Counter(
        (*_transcribed({**row, "model": "", "value": row["value_percent"]}), row["system"].partition(" (as listed")[0],
         row["modality"])
        for row in rows
    )  # fmt: skip
    cells = [score for score in published if score.protocol.way == way]
    assert wanted == Counter(
        (s.benchmark, s.metric, float(s.printed), s.model.partition(" (as Light")[0], s.modality) for s in cells
    )
    second_hand = {score.model for score in cells if not score.is_verified}
    assert second_hand == ({"AffectGPT 7B (as Light-MER lists it)"} if way == "light_mer" else set())


@pytest.mark.parametrize(
    ("name", "printed"),
    [("iemocap_session5", "60.54"), ("cmu_mosi", "81.30"), ("ch_sims", "88.49"), ("ovmerd_plus", "62.52")],
)
def test_what_was_recomputed_of_affectgpt_is_what_it_published(
    shared: Path, published: list[PublishedScore], name: str, printed: str
) -> None:
    cells = [s for s in published if (s.benchmark, s.protocol.way, s.model) == (name, "mer_unibench", "AffectGPT")]
    assert [(cell.printed, cell.is_verified) for cell in cells if cell.modality == "AVT"] == [(printed, True)]
    text = (shared.parent / "reference" / "mer-unibench.md").read_text(encoding="utf-8")
    assert f"| **{printed}** |" in text


def _transcribed(row: dict[str, str]) -> tuple[str, str, float]:
    benchmark = row["benchmark"]
    plain = benchmark.removeprefix("MER-UniBench/").lower().replace("-", "_")
    name = "dfew_fold1" if (benchmark, row["model"]) == ("DFEW", "GPT-4V") else BENCHMARK_NAMES.get(benchmark, plain)
    return name, METRIC_NAMES.get(row["metric"], row["metric"]), float(row["value"])


@pytest.mark.parametrize(
    ("column", "value", "message"),
    [
        ("value", "0.9.0", "'0.9.0' is not a number with decimals"),
        ("value", "90.36", "90.36 is not a fraction"),
        ("scale", "points", "'points' is not one of fraction, percent"),
        ("modality", "VA", "'VA' is not one of"),
        ("protocol", "mer2023_semi/folds", "'mer2023_semi/folds' is not described"),
        ("protocol", "mer2023_multi/challenge", "is one of mer2023_multi, not of mer2023_semi"),
        ("verified", "yes", "'yes' is not true or false"),
        ("verified", "false", "does not say why"),
        ("source", " ", "source is empty"),
        ("model", "VGGish", "is in line 3 already"),
    ],
)
def test_a_wrong_row_is_refused_with_its_line(tmp_path: Path, column: str, value: str, message: str) -> None:
    lines = list(csv.DictReader(published_files()["mer2023"].open(newline="")))
    lines[4] |= {"modality": "A", column: value}
    with pytest.raises(InputErrors) as error:
        read_scores(written(tmp_path, lines), MER2023)
    assert error.value.problems == [error.value.problems[0]]
    assert error.value.problems[0].startswith("line 6: ")
    assert message in error.value.problems[0]


def test_other_columns_are_refused(tmp_path: Path) -> None:
    file = tmp_path / "scores.csv"
    file.write_text("benchmark,value\nmer2023_semi,0.9\n")
    with pytest.raises(InputErrors, match="columns must be benchmark, model"):
        read_scores(file, MER2023)
    file.write_text(f"{','.join(COLUMNS)}\nmer2023_semi,HuBERT\n")
    with pytest.raises(InputErrors, match="line 2: has not 10 columns"):
        read_scores(file, MER2023)


def written(folder: Path, rows: list[dict[str, str]]) -> Path:
    with (folder / "scores.csv").open("w", newline="") as file:
        writer = csv.DictWriter(file, COLUMNS)
        writer.writeheader()
        writer.writerows(rows)
    return folder / "scores.csv"
