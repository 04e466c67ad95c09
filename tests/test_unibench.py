"""MER-UniBench's and MER2026's scores of the authors' published answers: what the official scripts give, to 1e-9."""

import csv
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest
from score_factory import score, values, write_csv

from emolightning.records.clips import Answer
from emolightning.records.labels import MER6
from emolightning.scoring.classification import Classification
from emolightning.scoring.metrics.label_lists import separated
from emolightning.scoring.metrics.open_vocabulary import f_score, overlap
from emolightning.scoring.open_vocabulary import OpenVocabulary
from emolightning.scoring.preference import Preference
from emolightning.scoring.scoring import Scoring
from emolightning.scoring.sentiment import WORDS, Sentiment

IEMOCAP4 = ("happy", "sad", "neutral", "anger")
TOLERANCE = 1e-9


def rows_of(path: Path) -> list[dict[str, str]]:
    with path.open(newline="", encoding="utf-8-sig") as file:
        return list(csv.DictReader(file))


@pytest.fixture(scope="module")
def recorded(shared: Path) -> dict[str, Any]:
    return json.loads((shared / "unibench/expected_values.json").read_text())


@pytest.fixture(scope="module")
def unibench(shared: Path) -> Path:
    return shared / "unibench"


@pytest.fixture(scope="module")
def wheels_2025(shared: Path) -> OpenVocabulary:
    return OpenVocabulary(wheels=str(shared / "benchmarks/emotion_wheel_2025"))


def truths_of(unibench: Path, name: str) -> dict[str, str]:
    """Clip -> its true number, word or list, of the clips that the official script scores."""
    if name in ("cmumosi", "sims"):
        rows = rows_of(unibench / f"labels/{name}.csv")
        return {row["name"]: row["val"] for row in rows if row["split"] == "test"}
    if name == "iemocapfour":
        rows = rows_of(unibench / "labels/iemocap_4way.csv")
        return {row["name"]: IEMOCAP4[int(row["emo"])] for row in rows if row["name"][4] == "5"}
    store = unibench.parent / "benchmarks/mer2024_ov_store"
    return {
        row["name"]: row["openset"] for row in rows_of(store / "ovmerdplus_532_check-result-openset-chi-translate.csv")
    }


def answers_of(unibench: Path, name: str, epoch: str, column: str) -> list[Answer]:
    rows = rows_of(unibench / f"predictions/affectgpt_{name}.csv")
    said = {row["name"]: row[column] for row in rows if row["epoch"] == epoch}
    return [Answer(clip, said[clip], "", truth, 0.0) for clip, truth in truths_of(unibench, name).items()]


def summary(scoring: Scoring, answers: Sequence[Answer]) -> Mapping[str, float]:
    return scoring.summary(answers, [scoring.score(answer) for answer in answers]).values


def is_equal(found: Mapping[str, float], expected: Mapping[str, float], names: Mapping[str, str]) -> bool:
    return all(found[ours] == pytest.approx(expected[theirs], abs=TOLERANCE) for ours, theirs in names.items())


EPOCHS = ["best", pytest.param("every", marks=pytest.mark.slow)]


def epochs_of(recorded: Mapping[str, Any], which: str) -> dict[str, Any]:
    """Epoch -> its recorded scores, of the published epoch or of every one."""
    found = recorded["official_per_epoch"]
    return found if which == "every" else {str(recorded["best_epoch"]): found[str(recorded["best_epoch"])]}


@pytest.mark.parametrize("name", ["cmumosi", "sims"])
def test_sentiment_of_every_epoch(unibench: Path, recorded: dict[str, Any], name: str) -> None:
    scoring = Sentiment(protocol="mer_unibench")
    for epoch, expected in recorded[name]["official_per_epoch"].items():
        found = summary(scoring, answers_of(unibench, name, epoch, "sentiment"))
        assert is_equal(found, expected, {"f1_non0": "weighted_f1", "acc2_non0": "accuracy"}), epoch
        assert found["f1_non0"] == pytest.approx(recorded[name]["official_per_epoch_all"][epoch], abs=TOLERANCE)


@pytest.mark.parametrize("name", ["cmumosi", "sims"])
def test_sentiment_is_counted_as_officially(unibench: Path, recorded: dict[str, Any], name: str) -> None:
    of_set, scoring = recorded[name], Sentiment(protocol="mer_unibench")
    answers = answers_of(unibench, name, str(of_set["best_epoch"]), "sentiment")
    assert len(answers) == of_set["clips"]
    report = scoring.report(answers, [scoring.score(each) for each in answers], benchmark=name, split="test")
    section, words = dict(report.sentiment or {}), of_set["sentiment_words"]
    assert section["zero_truths"] == of_set["zero_truths_removed"]
    assert section["answers"] == {word if word in WORDS else "other": count for word, count in words.items()}


@pytest.mark.parametrize("which", EPOCHS)
def test_hit_of_an_epoch(unibench: Path, recorded: dict[str, Any], wheels_2025: OpenVocabulary, which: str) -> None:
    for epoch, expected in epochs_of(recorded["iemocapfour"], which).items():
        found = summary(wheels_2025, answers_of(unibench, "iemocapfour", epoch, "openset"))
        assert is_equal(found, expected, {"hit": "hit", "mscore": "mscore"}), epoch
        assert found["hit_all"] < found["hit"]  # The neutral clips count, and few answers name them.


@pytest.mark.parametrize(
    ("name", "score", "by_rules"),
    [
        pytest.param("iemocapfour", "hit", 0.6222, marks=pytest.mark.slow),
        ("ovmerdplus", "ew_f1_level1", 0.6252),
    ],
)
def test_sentences_are_read_by_rules_nearly_as_by_the_official_model(
    shared: Path, unibench: Path, recorded: dict[str, Any], name: str, score: str, by_rules: float
) -> None:
    scoring = OpenVocabulary(wheels=str(shared / "benchmarks/emotion_wheel_2025"), answers="text")
    found = summary(scoring, answers_of(unibench, name, str(recorded[name]["best_epoch"]), "answer"))
    assert found[score] == pytest.approx(by_rules, abs=1e-4)  # "emotional state" is no emotion: it was 0.69 and 0.59.
    assert 100 * found[score] == pytest.approx(recorded[name]["published_percent"], abs=2)


def test_hit_of_every_wheel(unibench: Path, recorded: dict[str, Any], wheels_2025: OpenVocabulary) -> None:
    of_set = recorded["iemocapfour"]
    answers = answers_of(unibench, "iemocapfour", str(of_set["best_epoch"]), "openset")
    report = wheels_2025.report(answers, [wheels_2025.score(each) for each in answers], benchmark="i", split="test")
    section = dict(report.open_vocabulary or {})
    for wheel, expected in of_set["best_epoch_per_wheel_level1"].items():
        of_wheel = {family: section["per_wheel"][family][wheel] for family in ("hit", "mscore", "hit_all")}
        assert of_wheel["hit"]["hit"] == pytest.approx(expected["hit"], abs=TOLERANCE)
        assert of_wheel["mscore"]["mscore"] == pytest.approx(expected["mscore"], abs=TOLERANCE)
        assert (of_wheel["hit"]["num_clips"], of_wheel["hit_all"]["num_clips"]) == (expected["counted"], 1241)
    mean = section["labels"]["answers"]["mean_per_clip"]
    assert mean == pytest.approx(of_set["mean_labels_per_prediction"], abs=TOLERANCE)
    assert report.unscored == {"empty answer": of_set["empty_predictions"]}
    found = {label: [wheels_2025.wheels.sector(label, k, 1) for k in range(5)] for label in IEMOCAP4}
    assert found == of_set["label_on_wheels_2025"]


EW = {"ew_f1_level1": "f", "ew_precision_level1": "precision", "ew_recall_level1": "recall"}
EW2 = {name.replace("level1", "level2"): key for name, key in EW.items()}


@pytest.mark.parametrize("which", EPOCHS)
def test_sets_of_words_of_an_epoch(
    unibench: Path, recorded: dict[str, Any], wheels_2025: OpenVocabulary, which: str
) -> None:
    of_set = recorded["ovmerdplus"]
    for epoch, expected in epochs_of(of_set, which).items():
        found = summary(wheels_2025, answers_of(unibench, "ovmerdplus", epoch, "openset"))
        assert is_equal(found, expected, EW), epoch
        if int(epoch) == of_set["best_epoch"]:
            assert is_equal(found, of_set["best_epoch_level2"], EW2)
            for kind in ("m1", "m2"):
                names = {f"{kind}_{name}": name for name in ("precision", "recall")}
                assert is_equal(found, of_set[f"best_epoch_{kind.upper()}"], names)


@pytest.mark.parametrize(
    "epoch", ["50", *(pytest.param(str(n), marks=pytest.mark.slow) for n in (30, 35, 40, 45, 55, 60))]
)
def test_sets_of_words_by_the_wheels_of_2026(
    shared: Path, unibench: Path, recorded: dict[str, Any], epoch: str
) -> None:
    scoring = OpenVocabulary(wheels=str(shared / "benchmarks/emotion_wheel_2026"))
    found = summary(scoring, answers_of(unibench, "ovmerdplus", epoch, "openset"))
    expected = recorded["ovmerdplus"]["official_2026_wheels_per_epoch"][epoch]
    assert is_equal(found, expected["level1"], EW)
    assert is_equal(found, expected["level2"], EW2)


def test_sets_of_words_of_every_wheel(unibench: Path, recorded: dict[str, Any], wheels_2025: OpenVocabulary) -> None:
    of_set = recorded["ovmerdplus"]
    answers = answers_of(unibench, "ovmerdplus", str(of_set["best_epoch"]), "openset")
    report = wheels_2025.report(answers, [wheels_2025.score(each) for each in answers], benchmark="o", split="test")
    levels = dict(report.open_vocabulary or {})["per_wheel"]
    for wheel, expected in of_set["best_epoch_per_wheel_level1"].items():
        assert is_equal(levels["level1"][wheel], expected, {"precision": "precision", "recall": "recall"})
        assert levels["level1"][wheel]["num_clips"] == expected["counted"]
        assert levels["level1_all"][wheel]["num_clips"] == of_set["clips"]
    assert report.unscored == {"empty answer": of_set["empty_predictions"]}


@pytest.mark.parametrize(
    ("rule", "margin"),
    [
        ("longer_text_wins (ties -> same)", 1),
        ("same_if_length_differs_by_less_than_50_else_longer", 50),
        ("always_a1", None),
        ("always_same", None),
    ],
)
def test_preferences(unibench: Path, recorded: dict[str, Any], rule: str, margin: int | None) -> None:
    rows = rows_of(unibench / "emoprefer/preference_emoprefer.csv")

    def said(row: Mapping[str, str]) -> str:
        if margin is None:
            return rule.removeprefix("always_")
        more = len(row["a1"]) - len(row["a2"])
        return "same" if abs(more) < margin else "a1" if more > 0 else "a2"

    found = summary(Preference(), [Answer(row["name"], said(row), "", row["preference"], 0.0) for row in rows])
    of_two = {"two_class_weighted_f1": "two_class_waf", "two_class_war": "two_class_acc"}
    of_three = {"weighted_f1": "three_class_waf", "war": "three_class_acc"}
    assert is_equal(found, recorded["emoprefer"]["rules"][rule], of_two | of_three)


def test_what_an_answer_prefers(recorded: dict[str, Any]) -> None:
    expected = recorded["emoprefer"]["answer_parsing"]
    found = {text: Preference().score(Answer("a", text, "", None, 0.0)).value for text in expected}
    assert found == expected


def test_written_lists(recorded: dict[str, Any]) -> None:
    for text, expected in recorded["string_to_list"].items():
        assert separated(text) == [word.lower() for word in expected], text


def test_the_example_of_the_first_track(recorded: dict[str, Any]) -> None:
    example = recorded["track1_semi_cross_example"]
    pairs = enumerate(zip(example["prediction"], example["truth"], strict=True))
    answers = [Answer(f"c{number}", said, "", truth, 0.0) for number, (said, truth) in pairs]
    found = summary(Classification(labels=MER6, parser="strict"), answers)
    assert found["weighted_f1"] == pytest.approx(example["weighted_f1"], abs=TOLERANCE)


def test_words_on_wheels_as_the_rewards_of_affect_r1_have_them(unibench: Path, wheels_2025: OpenVocabulary) -> None:
    wheels = wheels_2025.wheels
    for example in json.loads((unibench / "rewards/rewards.json").read_text())["affect_r1"]:
        said = example["completion"].partition("<answer>")[2].partition("</answer>")[0] or example["completion"]
        words = [[*map(str.lower, example["truth"])], separated(said)]
        found = [[sorted({s for w in of if (s := wheels.sector(w, k, 1))}) for of in words] for k in range(5)]
        assert found == example["mapped_per_wheel_truth_and_prediction"]
        f1 = [float(f_score(*overlap(*of_wheel))) if all(of_wheel) else 0.0 for of_wheel in found]
        assert sum(f1) / 5 == pytest.approx(example["wheel_reward"], abs=TOLERANCE)


def test_the_score_command_gives_the_published_sentiment(
    unibench: Path, recorded: dict[str, Any], tmp_path: Path
) -> None:
    answers = answers_of(unibench, "sims", "30", "sentiment")
    said = write_csv(tmp_path / "said.csv", ("name", "sentiment"), [(each.clip_id, each.text) for each in answers])
    truth = write_csv(tmp_path / "truth.csv", ("name", "val"), [(each.clip_id, each.truth) for each in answers])
    columns = ("columns.id=name", "columns.answer=sentiment", "columns.truth=val")
    how = ("scoring=sentiment", "scoring.protocol=mer_unibench")
    report = score(tmp_path / "out", f"answers={said}", f"truth={truth}", *columns, *how)
    assert round(100 * values(report)["f1_non0"], 2) == recorded["sims"]["published_percent"]
    words = recorded["sims"]["sentiment_words"]
    counted = {"neutral" if word == "neutral" else "other" if word == "mixed" else word: n for word, n in words.items()}
    assert report["sentiment"] == {
        "protocol": "mer_unibench",
        "num_compared": 457,
        "zero_truths": recorded["sims"]["zero_truths_removed"],
        "answers": counted,
    }
    assert report["unscored"] == {"neither positive nor negative nor neutral (counts as 0, as officially)": 1}


@pytest.mark.slow
def test_the_score_command_gives_the_published_hit(
    shared: Path, unibench: Path, recorded: dict[str, Any], tmp_path: Path
) -> None:
    answers = answers_of(unibench, "iemocapfour", "35", "openset")
    said = write_csv(tmp_path / "said.csv", ("id", "answer"), [(each.clip_id, each.text) for each in answers])
    truth = write_csv(tmp_path / "truth.csv", ("id", "truth"), [(each.clip_id, each.truth) for each in answers])
    how = ("scoring=open_vocabulary", f"scoring.wheels={shared}/benchmarks/emotion_wheel_2025")
    report = score(tmp_path / "out", f"answers={said}", f"truth={truth}", *how)
    assert round(100 * values(report)["hit"], 2) == recorded["iemocapfour"]["published_percent"]
