"""Open-vocabulary scores of the public files: recorded values, by the functions and by the score command."""

import csv
import json

import numpy as np
import pytest
from open_vocabulary_reports import answers_of, value
from score_factory import metrics_of

from emolightning.__main__ import main
from emolightning.records.clips import Answer
from emolightning.scoring.metrics.label_lists import separated
from emolightning.scoring.metrics.wheel_files import read_wheels
from emolightning.scoring.open_vocabulary import OpenVocabulary


def column(path, key, *names):
    with path.open(newline="", encoding="utf-8-sig") as file:
        return {row[key]: tuple(row[name] for name in names) for row in csv.DictReader(file)}


@pytest.fixture(scope="module")
def recorded(shared):
    return json.loads((shared / "benchmarks/expected_values.json").read_text())


def public_answers(shared, truth_file="check-openset.csv"):
    store = shared / "benchmarks/mer2024_ov_store"
    truths = column(store / truth_file, "name", "openset")
    texts = column(store / "predict-openset.csv", "name", "openset")
    return [Answer(name, *text, "", *truths[name], 0.0) for name, text in texts.items()]


@pytest.fixture(scope="module")
def public_report(shared):
    folder = shared / "benchmarks"
    groups = str(folder / "mer2024_ov_store/openset-synonym.zip")
    scoring = OpenVocabulary(wheels=str(folder / "emotion_wheel_2025"), synonym_groups=groups)
    return metrics_of(scoring, public_answers(shared), benchmark="mer2024_ov", split="test")


def test_published_values_of_the_group_protocol(public_report, recorded):
    expected = recorded["mer2024_ov_gpt_synonym"]
    assert public_report["num_clips"] == expected["n"]
    for name, key in (("accuracy", "accuracy_s"), ("recall", "recall_s"), ("average", "avg")):
        assert value(public_report, name) == pytest.approx(expected[key], abs=1e-12)
    without = expected["without_grouping"]
    assert value(public_report, "ungrouped_accuracy") == pytest.approx(without["accuracy"], abs=1e-12)
    assert value(public_report, "ungrouped_recall") == pytest.approx(without["recall"], abs=5e-9)  # eight digits given


@pytest.mark.parametrize("level", ["level1", "level2"])
def test_recorded_values_of_every_wheel(public_report, recorded, level):
    expected = recorded["mer2024_ov_emotion_wheel"]["2025"][level]
    for number, wheel in enumerate(expected["per_wheel"], start=1):
        found = public_report["open_vocabulary"]["per_wheel"][level][f"wheel{number}"]
        assert found["num_clips"] == wheel["n"]
        pairs = [(found["f1"], "f"), (found["precision"], "precision"), (found["recall"], "recall")]
        assert all(number == pytest.approx(wheel[name], abs=1e-12) for number, name in pairs)
    names = (f"ew_f1_{level}", f"ew_precision_{level}", f"ew_recall_{level}")
    assert [value(public_report, name) for name in names] == pytest.approx(expected["mean_f_p_r"], abs=1e-12)


def test_recorded_values_without_wheels(public_report):
    found = [value(public_report, f"{kind}_{name}") for kind in ("m1", "m2") for name in ("precision", "recall", "f1")]
    assert found == pytest.approx([0.3338872, 0.2581967, 0.2912039, 0.3565962, 0.3037333, 0.3280487], abs=5e-8)
    assert public_report["open_vocabulary"]["clips_counted"]["m1"] == 331


def test_recorded_number_of_unknown_words(public_report):
    labels = public_report["open_vocabulary"]["labels"]
    assert sum(side["num_labels"] for side in labels.values()) == 1895
    assert sum(side["num_unknown"] for side in labels.values()) == 209


def test_ovmerd_plus_truths_give_the_same_on_the_shared_clips(shared, public_report):
    answers = public_answers(shared, "ovmerdplus_532_check-result-openset-chi-translate.csv")
    scoring = OpenVocabulary(wheels=str(shared / "benchmarks/emotion_wheel_2025"), wheel_levels=[1])
    report = metrics_of(scoring, answers, benchmark="ov_merd_plus", split="test")
    assert value(report, "ew_f1_level1") == value(public_report, "ew_f1_level1")


@pytest.mark.parametrize("num_labels", [1, 2, 5])
def test_recorded_hit_of_gpt4v(shared, recorded, num_labels):
    expected = recorded["hit_rate_gpt4v_mer2023_multi"]
    rows = column(shared / "benchmarks/gpt4v_emotion/mer2023/label-gpt4v-multi.csv", "name", "gpt4v", "gt")
    answers = [Answer(name, text, "", truth, 0.0) for name, (text, truth) in rows.items()]
    scoring = OpenVocabulary(wheels=str(shared / "benchmarks/emotion_wheel_2025"), max_labels=num_labels)
    report = metrics_of(scoring, answers, benchmark="mer2023_multi", split="test")
    assert value(report, "hit") == pytest.approx(expected[f"k{num_labels}"], abs=1e-12)
    assert value(report, "num_labels") == num_labels
    hits = report["open_vocabulary"]["per_wheel"]["hit"]
    assert [hits[f"wheel{k}"]["num_clips"] for k in range(1, 6)] == expected["n_per_wheel"]


def test_score_command_gives_the_recorded_values(shared, recorded, tmp_path, capsys):
    folder, store = shared / "benchmarks", shared / "benchmarks/mer2024_ov_store"
    words = [
        "benchmark=mer2024_ov",
        f"answers={store}/predict-openset.csv",
        f"truth={store}/check-openset.csv",
        "columns.id=name",
        "columns.answer=openset",
        "columns.truth=openset",
        f"scoring.wheels={folder}/emotion_wheel_2026",
        f"scoring.synonym_groups={store}/openset-synonym.flat.json",
        f"output_dir={tmp_path}",
    ]
    assert main(["score", *words]) == 0
    report = json.loads((tmp_path / "metrics.json").read_text())
    assert report["benchmark"] == "mer2024_ov"
    assert value(report, "average") == pytest.approx(recorded["mer2024_ov_gpt_synonym"]["avg"], abs=1e-12)
    assert report["open_vocabulary"]["wheels"]["year"] == "2026"
    assert "official emotion wheels of 2026" in capsys.readouterr().out


@pytest.mark.parametrize("year", ["2025", "2026"])
def test_ovmerd_plus_against_a_plain_loop_over_clips(shared, year):
    """Another way: each clip's sets and the two means written out, words shuffled between clips as answers."""
    wheels = read_wheels(shared / f"benchmarks/emotion_wheel_{year}")
    store = shared / "benchmarks/mer2024_ov_store/ovmerdplus_532_check-result-openset-chi-translate.csv"
    truths = [text for (text,) in column(store, "name", "openset").values()]
    texts = truths[7:] + truths[:7]
    scoring = OpenVocabulary(wheels=str(shared / f"benchmarks/emotion_wheel_{year}"))
    report = metrics_of(scoring, answers_of(truths, texts), benchmark="b", split="test")
    assert report["open_vocabulary"]["wheels"]["year"] == year
    for level in (1, 2):
        fs = []
        for wheel in range(5):
            precisions, recalls = [], []
            for truth, text in zip(truths, texts, strict=True):
                true, answered = (
                    {wheels.sector(word, wheel, level) for word in separated(written)} - {None}
                    for written in (truth, text)
                )
                if true:
                    precisions.append(sum(word in true for word in answered) / max(1, len(answered)))
                    recalls.append(sum(word in answered for word in true) / len(true))
            precision, recall = np.mean(precisions), np.mean(recalls)
            fs.append(2 * precision * recall / (precision + recall))
        assert value(report, f"ew_f1_level{level}") == pytest.approx(np.mean(fs), abs=1e-12)
