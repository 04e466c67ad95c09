"""Several labels a clip: scores as scikit-learn has them, and a file of answers from one end to the other."""

import json
from pathlib import Path

import numpy as np
import pytest
from sklearn.metrics import (
    accuracy_score,
    average_precision_score,
    f1_score,
    hamming_loss,
    jaccard_score,
    roc_auc_score,
)

from emolightning.__main__ import main
from emolightning.errors import InputErrors
from emolightning.records.clips import Answer, Clip
from emolightning.scoring.metrics.multi_label import counted, labels_in
from emolightning.scoring.metrics.resampling import Resampling
from emolightning.scoring.multi_label import MultiLabel

WORDS = ("anger", "fear", "joy", "shame")


@pytest.mark.parametrize(("seed", "number"), [(0, 40), (1, 7)])
def test_scores_are_those_of_scikit_learn(seed: int, number: int) -> None:
    rng = np.random.default_rng(seed)
    real, said = (rng.random((number, len(WORDS))) < 0.4 for _ in range(2))
    real[0] = True  # Every label is in a truth.
    texts = [[[word for word, is_there in zip(WORDS, row, strict=True) if is_there] for row in bits]
             for bits in (real, said)]  # fmt: skip
    counts = counted(texts[0], [[*labels, "boredom"] for labels in texts[1]])
    found = counts.values()
    assert found["micro_f1"] == pytest.approx(f1_score(real, said, average="micro"))
    assert found["macro_f1"] == pytest.approx(f1_score(real, said, average="macro"))
    assert found["hamming_loss"] == pytest.approx(hamming_loss(real, said))
    assert counted(texts[0], texts[1]).values()["subset_accuracy"] == pytest.approx(accuracy_score(real, said))
    assert found["subset_accuracy"] == 0  # The label that no truth has is in every answer.
    assert found["samples_f1"] == pytest.approx(f1_score(real, said, average="samples", zero_division=0))
    assert found["jaccard"] == pytest.approx(jaccard_score(real, said, average="samples", zero_division=0), abs=1e-5)
    assert found["map"] == pytest.approx(average_precision_score(real, said.astype(float), average="macro"))
    for name, (low, high) in counts.intervals(Resampling()).items():
        assert 0 <= low <= found[name] <= high <= 1, name


def test_labels_are_ranked_by_probabilities(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    rng = np.random.default_rng(4)
    real = rng.random((12, 3)) < 0.5
    real[:2] = [[True, True, False], [False, False, True]]
    values = np.round(0.6 * rng.random((12, 4)) + 0.4 * np.column_stack([real, real[:, 0]]), 3)
    words = ("anger", "fear", "joy")
    lines = ["id;answer;truth;p_anger;p_fear;p_joy;p_shame"]
    for at, (row, numbers) in enumerate(zip(real, values, strict=True)):
        truth = ", ".join(word for word, is_there in zip(words, row, strict=True) if is_there) or "anger"
        lines.append(f"c{at};{truth};{truth};" + ";".join(map(str, numbers)))
    real[~real.any(axis=1), 0] = True
    (tmp_path / "p.csv").write_text("\n".join(lines) + "\n")
    given = (f"answers={tmp_path}/p.csv", "scoring=multi_label", "probabilities=true")
    assert main(["score", *given, f"output_dir={tmp_path}/out"]) == 0
    found = json.loads((tmp_path / "out" / "metrics.json").read_text())["ranking"]
    own = values[:, :3]
    assert found["metrics"]["macro_auc"]["value"] == pytest.approx(roc_auc_score(real, own, average="macro"))
    expected = average_precision_score(real, own, average="macro")
    assert found["metrics"]["macro_average_precision"]["value"] == pytest.approx(expected)
    areas = {name: row["auc"] for name, row in found["per_class"].items()}
    assert areas == pytest.approx(dict(zip(words, roc_auc_score(real, own, average=None), strict=True)))
    assert "Labels ranked by probabilities: macro_auc" in " ".join(capsys.readouterr().out.split())
    assert "Labels ranked by probabilities" in (tmp_path / "out" / "report.html").read_text()


@pytest.mark.slow
def test_a_label_without_probabilities_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "p.csv").write_text("id;answer;truth;p_anger\na;anger;anger, fear;0.5\nb;anger;anger;0.9\n")
    given = (f"answers={tmp_path}/p.csv", "scoring=multi_label", "probabilities=true", f"output_dir={tmp_path}/out")
    with pytest.raises(SystemExit):
        main(["score", *given])
    assert "probabilities and labels differ in fear; write a column of each label of the" in capsys.readouterr().err


def test_truths_are_the_labels_of_a_clip_and_an_answer_may_have_none() -> None:
    scoring = MultiLabel()
    clip = Clip("c", Path("c.mp4"), open_labels=("anger", "fear"))
    assert scoring.truth(clip) == "anger, fear"
    assert scoring.truth(Clip("d", Path("d.mp4"), label="joy")) == "joy"
    assert scoring.score(Answer("c", " Fear;joy", "", None, 0.0)).value == "fear, joy"
    assert scoring.score(Answer("c", " ; ", "", None, 0.0)).unscored_because == "empty answer"
    assert labels_in("") == []
    with pytest.raises(InputErrors, match="no clip has any; write them side by side, e.g. anger, fear"):
        scoring.require_truths(["", " , "])


def test_a_file_of_answers(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    rows = ["id;answer;truth", "a;anger, joy;anger, joy", "b;boredom;fear", "c;;joy"]
    (tmp_path / "answers.csv").write_text("\n".join(rows) + "\n")
    given = (f"answers={tmp_path}/answers.csv", "scoring=multi_label", f"output_dir={tmp_path}/out")
    assert main(["score", *given]) == 0
    report = json.loads((tmp_path / "out" / "metrics.json").read_text())
    assert report["metrics"]["micro_f1"]["value"] == pytest.approx(2 * 2 / (2 + 4))
    assert report["reading"]["labels_of_no_truth"] == {"boredom": 1}
    assert report["unscored"] == {"empty answer": 1}
    assert "micro_f1" in capsys.readouterr().out
