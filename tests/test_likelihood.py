"""`evaluation=likelihood`: labels are scored beside the generated answer; what is fitted sees validation clips only."""

import json
import re
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from in_process import evaluate
from runs import Workplace

from emolightning.config.check import check_config
from emolightning.config.places import CONFIG_DIR
from emolightning.config.saved_run import load_saved_run
from emolightning.config.schema import register_schemas
from emolightning.errors import UserError
from emolightning.records.clips import Answer, Score
from emolightning.records.labels import MER6
from emolightning.runs.report.table import about_likelihood
from emolightning.scoring.classification import Classification
from emolightning.scoring.likelihood import fitted_on, labels_of, likelihood_section
from emolightning.scoring.metrics.calibration import softmax
from emolightning.scoring.open_vocabulary import OpenVocabulary

LABELS = ("happy", "sad", "angry")


def evaluated(trained: Path, output: Path, *more: str) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """metrics.json and the lines of answers.jsonl."""
    from hydra import compose, initialize_config_dir

    register_schemas()
    words = [f"checkpoint={trained}", f"output_dir={output}", "~callbacks.progress", *more]
    load_saved_run(words)
    with initialize_config_dir(str(CONFIG_DIR), version_base="1.3"):
        cfg = compose("eval", overrides=words)
    check_config(cfg)
    evaluate(cfg)
    lines = (output / "answers.jsonl").read_text(encoding="utf-8").splitlines()
    return json.loads((output / "metrics.json").read_text(encoding="utf-8")), list(map(json.loads, lines))


def said(seed: int, number: int = 40, *, certain: float = 1.0) -> tuple[list[Answer], list[Score]]:
    """Answers with probabilities; every fourth generated one is another than the likeliest."""
    rng, answers, scores = np.random.default_rng(seed), [], []
    for place in range(number):
        logits = rng.normal(0, 1.5, 3)
        truth = LABELS[rng.choice(3, p=softmax(logits[None])[0])]
        best = int(logits.argmax())
        text = LABELS[best if place % 4 else (best + 1) % 3]
        answers.append(
            Answer(
                f"c{seed}-{place}",
                text,
                "",
                truth,
                0.0,
                probabilities=dict(zip(LABELS, softmax(certain * logits[None])[0].tolist(), strict=True)),
            )
        )
        scores.append(Score(answers[-1].clip_id, text, None, text))
    return answers, scores


def test_an_evaluation_scores_labels_and_is_fitted_on_validation(
    trained: Path, workplace: Workplace, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ("evaluation=likelihood", "likelihood.length_normalised=true", "likelihood.prior_correction=true")
    validation, _ = evaluated(trained, tmp_path / "val", *words, "split=val")
    report, lines = evaluated(trained, tmp_path / "test", *words, f"likelihood.fitted_on={tmp_path / 'val'}")
    assert "fitted" not in validation["likelihood"]
    section, texts = report["likelihood"], capsys.readouterr().out
    assert section["fitted"]["num_clips"] == validation["num_clips"]
    assert all(list(line["probabilities"]) == list(MER6) for line in lines)
    likeliest = [max(line["probabilities"], key=line["probabilities"].get) for line in lines]
    assert section["metrics"]["war"]["value"] == np.mean(
        [a == b["truth"] for a, b in zip(likeliest, lines, strict=True)]
    )
    assert section["agreement"]["share"] == np.mean(
        [a == b["prediction"] for a, b in zip(likeliest, lines, strict=True)]
    )
    assert "Likeliest labels: weighted_f1" in re.sub(r"\s+", " ", texts)
    assert "How likely labels are" in (tmp_path / "test" / "report.html").read_text(encoding="utf-8")
    with pytest.raises(UserError, match="is of split=test"):
        evaluated(trained, tmp_path / "again", *words, f"likelihood.fitted_on={tmp_path / 'test'}")
    with pytest.raises(UserError, match="another likelihood than this evaluation"):
        evaluated(trained, tmp_path / "other", "evaluation=likelihood", f"likelihood.fitted_on={tmp_path / 'val'}")
    shutil.rmtree(tmp_path / "val")
    with pytest.raises(UserError, match=r"no metrics.json there; evaluate with evaluation=likelihood split=val"):
        evaluated(trained, tmp_path / "none", *words, f"likelihood.fitted_on={tmp_path / 'val'}")


@pytest.mark.parametrize("seed", [0, 1])
def test_agreement_and_what_is_fitted(seed):
    answers, scores = said(seed, certain=4.0)
    scoring = Classification(labels=LABELS)
    fitted = fitted_on(said(seed + 10, 400, certain=4.0)[0], LABELS)
    section = likelihood_section(answers, scores, scoring, fitted=fitted)
    assert section["agreement"] == {"share": 0.75, "num_different": 10, "unread": 0}
    assert fitted.temperature == pytest.approx(4, rel=0.25)
    assert section["fitted"]["calibration"]["nll"] < section["calibration"]["nll"]
    assert sum(part["num_clips"] for part in section["reliability"]) == 40
    assert "ECE" in " ".join(about_likelihood({"likelihood": section}))


def test_a_scoring_without_these_labels_is_refused():
    with pytest.raises(UserError, match="say scoring=classification"):
        labels_of(OpenVocabulary(), LABELS)
    with pytest.raises(UserError, match=r"leave out scoring.labels"):
        labels_of(Classification(labels=LABELS), LABELS[::-1])
