"""`score`: against scikit-learn, and what it counts, refuses and writes."""

import json
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from scipy.stats import binomtest
from score_factory import HEADER, refusal, score, values, write_csv, write_jsonl
from sklearn.metrics import (
    balanced_accuracy_score,
    f1_score,
    matthews_corrcoef,
    mean_squared_error,
    precision_score,
)

from emolightning.commands.cli import run
from emolightning.records.labels import MER6
from emolightning.runs.answers import latest_key, read_answers
from emolightning.scoring.classification import Classification
from speed import score_rows

ROWS = [("a", "Happy.", "happy"), ("b", "sad or angry", "sad"), ("c", "anger", "angry"), ("d", "", "sad")]


@pytest.fixture
def predictions(tmp_path: Path) -> Path:
    return write_csv(tmp_path / "predictions.csv", HEADER, ROWS)


def drawn(num_clips: int = 300, seed: int = 0) -> list[tuple[str, str, str]]:
    """Ids, answers of which some cannot be read, and truths."""
    rng = np.random.default_rng(seed)
    truths = rng.choice(MER6, num_clips)
    answers = np.where(rng.random(num_clips) < 0.6, truths, rng.choice([*MER6, "no idea", "disgust"], num_clips))
    return [(f"{number:04}", str(answer), str(truth)) for number, (answer, truth) in enumerate(zip(answers, truths))]  # noqa: B905


def test_values_are_those_of_scikit_learn(tmp_path: Path) -> None:
    rows = drawn()
    report = score(tmp_path / "out", f"answers={write_csv(tmp_path / 'p.csv', HEADER, rows)}", "labels=mer6")
    truths, answers = [row[2] for row in rows], [row[1] for row in rows]
    options = {"labels": list(MER6), "zero_division": 0}
    macro = {
        "f1": f1_score(truths, answers, average="macro", **options),
        "precision": precision_score(truths, answers, average="macro", **options),
    }
    with pytest.warns(UserWarning, match="y_pred contains classes not in y_true"):
        recall = balanced_accuracy_score(truths, answers)
    assert values(report) == pytest.approx(
        {
            "weighted_f1": f1_score(truths, answers, average="weighted", **options),
            "macro_f1": macro["f1"],
            "macro_f1_observed": macro["f1"],
            "uar": recall,
            "war": np.mean(np.array(truths) == np.array(answers)),
            "mcc": matthews_corrcoef(truths, [said if said in MER6 else "unreadable" for said in answers]),
            "macro_precision": macro["precision"],
            "macro_precision_observed": macro["precision"],
            "weighted_precision": precision_score(truths, answers, average="weighted", **options),
        },
        abs=1e-12,
    )
    readable = [(truth, answer) for truth, answer in zip(truths, answers, strict=True) if answer in MER6]
    without = f1_score(*zip(*readable, strict=True), average="weighted", **options)
    assert report["metrics"]["weighted_f1"]["value_without_unreadable"] == pytest.approx(without, abs=1e-12)
    assert report["unscored"] == {
        "no label in answer": answers.count("no idea"),
        "label outside the vocabulary": answers.count("disgust"),
    }


def test_csv_and_jsonl_truth_inside_and_beside(tmp_path: Path, predictions: Path) -> None:
    one_file = score(tmp_path / "one", f"answers={predictions}", "labels=mer6")
    keys = ("name", "said")
    said = write_jsonl(tmp_path / "said.jsonl", [dict(zip(keys, row[:2], strict=True)) for row in reversed(ROWS)])
    truth = write_csv(tmp_path / "truth.csv", ("clip", "discrete"), [(row[0], row[2]) for row in ROWS])
    columns = ("columns.id=name", "columns.answer=said", "columns.truth=discrete", "columns.truth_id=clip")
    two_files = score(tmp_path / "two", f"answers={said}", f"truth={truth}", "labels=mer6", *columns)
    for key in ("num_clips", "num_scored", "unscored", "aliases", "metrics", "per_class", "confusion_matrix"):
        assert one_file[key] == two_files[key]
    assert one_file["aliases"] == {"anger": 1}
    assert one_file["unscored"] == {"several labels in answer": 1, "empty answer": 1}


def test_the_folder_is_read_like_a_run(tmp_path: Path, predictions: Path) -> None:
    score(tmp_path / "out", f"answers={predictions}", "labels=mer6")
    answers = read_answers(tmp_path / "out", latest_key(tmp_path / "out"))
    assert [(answer.clip_id, answer.text, answer.truth) for answer in answers.values()] == ROWS
    page = (tmp_path / "out" / "report.html").read_text()
    assert "Unreadable answers (2)" in page
    again = score(tmp_path / "again", f"answers={tmp_path / 'out'}", "labels=mer6")
    assert values(again)["war"] == 0.5


def test_scores_of_other_answers_are_set_aside(tmp_path: Path, predictions: Path) -> None:
    out = tmp_path / "out"
    for _ in range(2):
        first = score(out, f"answers={predictions}", "labels=mer6")
        assert not (out / "evaluations").exists()
    score(out, f"answers={predictions}", "labels=mer6", "aliases=none")
    (aside,) = (out / "evaluations").iterdir()
    assert json.loads((aside / "metrics.json").read_text()) == first
    assert {path.name for path in aside.iterdir()} == {"answers.jsonl", "metrics.json", "report.html"}


def test_parsers(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    rows = [("a", "sad", "sad"), ("b", "I feel sad", "sad"), ("c", "sadness", "sad"), ("d", "fear", "neutral")]
    file = write_csv(tmp_path / "p.csv", HEADER, rows)
    war = {}
    for parser in ("words", "strict", "upstream"):
        report = score(tmp_path / parser, f"answers={file}", "labels=mer6", f"parser={parser}")
        war[parser] = values(report)["war"]
        others = report["reading"].pop("other_parsers")
        assert others.keys() == {"words", "strict", "upstream", "upstream_2026"} - {parser}
        assert others.get("words", {"unreadable": 1})["unreadable"] == 1
        assert report["reading"] == {
            "parser": parser,
            "aliases": "default" if parser == "words" else "none",
            "answer_list": "whole",
            "made_neutral": 2 if parser == "upstream" else 0,
            "misspelt": 0,
            "read_from": {"the answer is the label": 1, "the text": 1, "a label alone": 2} if parser == "words" else {},
        }
    assert war == {"words": 0.75, "strict": 0.25, "upstream": 0.75}
    printed = " ".join(capsys.readouterr().out.split())
    assert "3 answers with a label (1 by an alias); without: 1 label outside the vocabulary" in printed
    assert "4 answers with a label (2 made neutral by parser=upstream); without: none" in printed


def test_aliases_from_a_file(tmp_path: Path) -> None:
    file = write_csv(tmp_path / "p.csv", HEADER, [("a", "blue", "sad"), ("b", "sadness", "sad")])
    table = write_csv(tmp_path / "aliases.csv", ("alias", "label"), [("Blue", "sad"), ("jolly", "happy")])
    report = score(tmp_path / "more", f"answers={file}", "labels=mer6", f"aliases={table}")
    assert report["aliases"] == {"blue": 1, "sadness": 1}
    assert report["reading"]["aliases"] == "default, aliases.csv"
    report = score(tmp_path / "out", f"answers={file}", "labels=mer6", f"aliases='replace:{table}'")
    assert report["aliases"] == {"blue": 1}
    assert report["unscored"] == {"no label in answer": 1}
    assert report["reading"]["aliases"] == "aliases.csv"


def test_answers_that_are_lists(tmp_path: Path) -> None:
    rows = [
        {"id": 1, "answer": ["joy", "sad"], "truth": "happy"},
        {"id": 2, "answer": "['bored', 'Sad']", "truth": "sad"},
        {"id": 3, "answer": "", "truth": "sad"},
    ]
    file = write_jsonl(tmp_path / "p.jsonl", rows)
    found = {
        reading: values(score(tmp_path / reading, f"answers={file}", "labels=mer6", f"answer_list={reading}"))["war"]
        for reading in ("whole", "first", "first_valid")
    }
    assert found == pytest.approx({"whole": 1 / 3, "first": 1 / 3, "first_valid": 2 / 3})


def test_what_does_not_pair_up_is_counted_when_asked(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    said = [("a", "happy"), ("a", "happy"), ("b", "sad"), ("x", "sad")]
    answers = write_csv(tmp_path / "p.csv", HEADER[:2], said)
    truth = write_csv(tmp_path / "t.csv", ("id", "truth"), [("a", "happiness"), ("b", "angry"), ("c", "sad")])
    report = score(
        tmp_path / "out", f"answers={answers}", f"truth={truth}", "labels=mer6", "missing=count", "extra=ignore"
    )
    facts = report["evaluation"]
    counted = {key: facts[key] for key in ("num_rows", "equal_repeats", "missing", "extra", "truth_aliases")}
    assert counted == {"num_rows": 4, "equal_repeats": 1, "missing": 1, "extra": 1, "truth_aliases": {"happiness": 1}}
    assert (report["num_clips"], report["unscored"]) == (3, {"no answer for the clip": 1})
    assert values(report)["war"] == pytest.approx(1 / 3)
    assert report["metrics"]["war"]["value_without_unreadable"] == 0.5
    lines = (tmp_path / "out" / "answers.jsonl").read_text().splitlines()
    assert json.loads(lines[2])["answer"] is None
    assert "1 rows repeat an earlier one" in capsys.readouterr().out


def test_null_is_no_answer_and_empty_is_one(tmp_path: Path) -> None:
    said = {"a": None, "b": "", "c": "sad"}
    rows = [{"id": clip, "answer": answer, "truth": "sad"} for clip, answer in said.items()]
    file = write_jsonl(tmp_path / "p.jsonl", rows)
    report = score(tmp_path / "out", f"answers={file}", "labels=mer6", "missing=count")
    assert report["unscored"] == {"no answer for the clip": 1, "empty answer": 1}
    assert report["evaluation"]["null_answers"] == 1
    again = score(tmp_path / "again", f"answers={tmp_path / 'out'}", "labels=mer6", "missing=count")
    assert again["unscored"] == report["unscored"]


def test_names_of_files_with_characters_that_mean_something_to_hydra(tmp_path: Path) -> None:
    file = write_csv(tmp_path / 'a b=c, "d" {e}.csv', HEADER, ROWS)
    assert values(score(tmp_path / "out", f"answers={file}", "labels=mer6"))["war"] == 0.5


def test_ids_by_stem(tmp_path: Path) -> None:
    answers = write_csv(tmp_path / "p.csv", HEADER[:2], [("a.mp4", "sad"), ("b.v2", "sad")])
    truth = write_csv(tmp_path / "t.csv", ("id", "truth"), [("a", "sad"), ("b.v2", "sad")])
    report = score(tmp_path / "out", f"answers={answers}", f"truth={truth}", "labels=mer6", "ids=stem")
    assert values(report)["war"] == 1.0


def test_folds(tmp_path: Path) -> None:
    rows = drawn(num_clips=400)
    parts = [rows[:100], rows[100:250], rows[250:]]
    files = [write_csv(tmp_path / f"{number}.csv", HEADER, part) for number, part in enumerate(parts)]
    single = [score(tmp_path / file.stem, f"answers={file}", "labels=mer6") for file in files]
    report = score(tmp_path / "out", f"answers=[{','.join(map(str, files))}]", "labels=mer6")
    for name, metric in report["metrics"].items():
        expected = [values(each)[name] for each in single]
        assert metric["per_fold"] == expected
        assert metric["value"] == pytest.approx(np.mean(expected), abs=1e-12)
        assert metric["sd"] == pytest.approx(np.std(expected, ddof=1), abs=1e-12)
        assert metric["ci95"][0] < metric["value"] < metric["ci95"][1]
    assert (report["num_folds"], report["num_clips"]) == (3, 400)
    assert np.sum(report["confusion_matrix"]["counts"]) == 400
    assert values(json.loads((tmp_path / "out/fold2/metrics.json").read_text())) == values(single[1])


def test_folds_of_a_benchmark_have_sizes_of_their_own(tmp_path: Path) -> None:
    files = [write_csv(tmp_path / f"{name}.csv", HEADER, [(name, "sad", "sad")]) for name in ("a", "b")]
    report = score(tmp_path / "out", f"answers=[{','.join(map(str, files))}]", "benchmark=dfew")
    assert report["benchmark"] == "dfew"
    for number, facts in enumerate(report["evaluation"].values(), start=1):
        said = facts["differences_from_official"][0]
        assert said == f"dfew_fold{number}, test: 1 clips, the official set has 2341"


VALENCE = ("columns.valence_answer=predicted", "columns.valence_truth=valence", "labels=mer6")


def test_valence(tmp_path: Path) -> None:
    header = (*HEADER, "predicted", "valence")
    rows = [(*row, f"{0.01 * number:.2f}", f"{-0.5 + 0.02 * number:.2f}") for number, row in enumerate(drawn(200))]
    rows[3] = (*rows[3][:4], "-10")
    rows[4] = (*rows[4][:3], "-10.0", rows[4][4])
    rows[5] = (*rows[5][:3], "", rows[5][4])
    rows[6] = (*rows[6][:3], "7.5", rows[6][4])
    file = write_csv(tmp_path / "p.csv", header, rows)
    report = score(tmp_path / "out", f"answers={file}", "valence_missing=exclude", *VALENCE)
    used = [row for number, row in enumerate(rows) if number not in (3, 4, 5)]
    mse = mean_squared_error([float(row[4]) for row in used], [float(row[3]) for row in used])
    measured = values(report)
    assert measured["valence_mse"] == pytest.approx(mse, abs=1e-12)
    assert measured["mer2023_combined"] == pytest.approx(measured["weighted_f1"] - mse / 4, abs=1e-12)
    predicted, true = (np.array([float(row[column]) for row in used]) for column in (3, 4))
    assert measured["valence_mae"] == pytest.approx(np.abs(predicted - true).mean(), abs=1e-12)
    assert measured["valence_pearson"] == pytest.approx(np.corrcoef(predicted, true)[0, 1], abs=1e-12)
    covariance = np.cov(predicted, true, ddof=0)
    ccc = 2 * covariance[0, 1] / (np.trace(covariance) + (predicted.mean() - true.mean()) ** 2)
    assert measured["valence_ccc"] == pytest.approx(ccc, abs=1e-12)
    for name in ("valence_mse", "mer2023_combined", "valence_mae", "valence_ccc", "valence_pearson"):
        low, high = report["metrics"][name]["ci95"]
        assert low < measured[name] < high
    assert report["valence"] == {
        "num_scored": 197,
        "missing_true": 1,
        "missing_predicted": 2,
        "missing": "exclude",
        "predicted_off_the_scale": 1,
        "num_bootstrap_samples": 10_000,
    }
    assert report["warnings"][0].startswith("valence: 2 clips have no predicted value and are left out of valence_mse")
    assert report["metrics"]["valence_mse"]["definition"].endswith("clips without a predicted value are left out")


def with_valence(folder: Path, predicted: Sequence[object], true: Sequence[object]) -> Path:
    rows = [(f"c{n}", "sad", "sad", *pair) for n, pair in enumerate(zip(predicted, true, strict=True))]
    return write_csv(folder / "valence.csv", (*HEADER, "predicted", "valence"), rows)


@pytest.mark.parametrize("absent", ["", "-10", " ", "-10.0"])
def test_missing_valence_is_refused_by_default(tmp_path: Path, capsys: pytest.CaptureFixture[str], absent: str) -> None:
    file = with_valence(tmp_path, [1, absent, absent, 2], [1, 1, -10, 0])
    said = refusal(capsys, tmp_path / "out", f"answers={file}", *VALENCE)
    assert "1 of 4 clips have a true valence and no predicted one: 'c1'" in said
    assert "valence_missing=worst" in said
    assert "valence_missing=exclude" in said


@pytest.mark.parametrize(
    ("predicted", "true"), [(["", 2, 1], [3, 1, 1]), ([1, "", "", 0], [1, -2.5, -10, 1]), (["", "", 4], [0, 5, 4])]
)
def test_missing_valence_as_the_worst_never_helps(
    tmp_path: Path, predicted: Sequence[object], true: Sequence[float]
) -> None:
    file = with_valence(tmp_path, predicted, true)
    report = score(tmp_path / "out", f"answers={file}", "valence_missing=worst", *VALENCE)
    pairs = [(said, value) for said, value in zip(predicted, true, strict=True) if value != -10]
    farthest = [(5 if value <= 0 else -5) if said == "" else said for said, value in pairs]
    expected = mean_squared_error([value for _, value in pairs], farthest)
    assert values(report)["valence_mse"] == pytest.approx(expected, abs=1e-12)
    for guess in (-5, 0, 5):
        honest = [guess if said == "" else said for said, _ in pairs]
        assert mean_squared_error([value for _, value in pairs], honest) <= expected
    assert any("each counts as the largest error possible" in warning for warning in report["warnings"])


def test_clips_without_a_row_are_without_valence_too(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    answers = write_csv(tmp_path / "p.csv", (*HEADER[:2], "predicted"), [("a", "sad", "1")])
    truth = write_csv(tmp_path / "t.csv", ("id", "truth", "valence"), [("a", "sad", "1"), ("b", "sad", "2")])
    words = (f"answers={answers}", f"truth={truth}", "missing=count", *VALENCE)
    assert "have a true valence and no predicted one: 'b'" in refusal(capsys, tmp_path / "out", *words)
    report = score(tmp_path / "worst", *words, "valence_missing=worst")
    assert values(report)["valence_mse"] == (0 + 49) / 2


def test_a_perfect_valence_has_an_interval(tmp_path: Path) -> None:
    file = with_valence(tmp_path, [1, 2, 3, 0], [1, 2, 3, 0])
    metrics = score(tmp_path / "out", f"answers={file}", *VALENCE)["metrics"]
    share = binomtest(0, 4).proportion_ci().high
    assert metrics["valence_mse"]["ci95"] == pytest.approx([0, 100 * share])
    assert metrics["mer2023_combined"]["ci95"] == pytest.approx([metrics["weighted_f1"]["ci95"][0] - 25 * share, 1])


def test_scoring_of_a_benchmark_without_labels(tmp_path: Path) -> None:
    rows = [
        {"id": "a", "answer": ["happy"], "truth": ["happy", "excited"]},
        {"id": "b", "answer": [], "truth": ["sad"]},
    ]
    file = write_jsonl(tmp_path / "p.jsonl", rows)
    report = score(tmp_path / "out", f"answers={file}", "benchmark=mer2024_ov")
    assert report["unscored"] == {"empty answer": 1}
    page = (tmp_path / "out" / "report.html").read_text()
    assert "Clips (2)" in page
    assert "Confusion matrix" not in page


def test_descriptions_of_a_benchmark(tmp_path: Path) -> None:
    file = write_csv(
        tmp_path / "p.csv", HEADER, [("a", "He smiles, he is happy.", "His smile shows that he is happy.")]
    )
    report = score(tmp_path / "out", f"answers={file}", "benchmark=emer_v1")
    assert report["num_scored"] == 1
    assert report["evaluation"]["differences_from_official"] == ["emer_v1, test: 1 clips, the official set has 100"]


@pytest.mark.parametrize("distinct", [False, pytest.param(True, marks=pytest.mark.slow)])
def test_the_benchmark_at_a_small_size(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, distinct: bool) -> None:
    words = ("rows=300", "rounds=1", f"distinct={distinct}", f"output={tmp_path / 'r.json'}")
    monkeypatch.setattr(sys, "argv", ["speed/score_rows.py", *words])
    assert run(score_rows.main, "score_rows") == 0
    result = json.loads((tmp_path / "r.json").read_text())
    assert result["scores_are_right"]
    assert (result["rows"], len(result["rounds"])) == (300, 1)


def test_no_torch(tmp_path: Path, predictions: Path) -> None:
    code = (
        "import sys; sys.argv = ['emolightning', 'score']\n"
        "from emolightning.commands.score import main\n"
        f"main(['answers={predictions}', 'labels=mer6', 'output_dir={tmp_path / 'out'}'])\n"
        "assert not {'torch', 'transformers', 'pytorch_lightning', 'peft', 'wandb', 'av'} & set(sys.modules)\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True, cwd=Path(__file__).parents[1], capture_output=True)


def test_truths_are_compared_as_labels() -> None:
    scoring = Classification(labels=["happy", "sad"])
    assert scoring.reader.label_of(" Happiness ") == "happy"
    assert scoring.reader.label_of("very happy") is None
