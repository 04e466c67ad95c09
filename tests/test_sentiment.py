"""Sentiment and arousal as numbers: what papers' code gives, and that leaving answers out never pays."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from omegaconf import OmegaConf
from score_factory import HEADER, refusal, score, values, write_csv
from sklearn.metrics import accuracy_score, f1_score

from emolightning.errors import InputErrors, UserError
from emolightning.records.clips import Answer, Clip
from emolightning.records.score_names import is_loss
from emolightning.runs.assembly_of_scoring import build_scoring
from emolightning.scoring.metrics.resampling import Resampling
from emolightning.scoring.metrics.sentiment import PROTOCOLS, sentiments
from emolightning.scoring.sentiment import Sentiment


def numbers(seed: int, number: int, width: float) -> tuple[np.ndarray, np.ndarray]:
    """Predicted and true: many halves, ends of classes, values off the scale, and exact zeros."""
    rng = np.random.default_rng(seed)
    true = rng.integers(-6, 7, number) * width / 6
    predicted = np.where(
        rng.random(number) < 0.4, rng.integers(-8, 9, number) * width / 6, true + rng.normal(size=number)
    )
    return predicted, true


def of_classes(predicted: np.ndarray, true: np.ndarray) -> tuple[float, float]:
    return float(accuracy_score(true, predicted)), float(f1_score(true, predicted, average="weighted"))


@pytest.mark.parametrize(("seed", "number"), [(0, 300), (1, 31)])
def test_scores_of_mosi(seed: int, number: int) -> None:
    predicted, true = numbers(seed, number, 3)
    found = sentiments(predicted, true, PROTOCOLS["mosi"]).values()
    known = true != 0
    has0, non0 = of_classes(predicted >= 0, true >= 0), of_classes(predicted[known] > 0, true[known] > 0)
    wholes = [np.mean(np.round(predicted.clip(-m, m)) == np.round(true.clip(-m, m))) for m in (2, 3)]
    errors = [np.abs(predicted - true).mean(), np.corrcoef(predicted, true)[0, 1]]
    assert list(found.values()) == pytest.approx([*has0, *non0, *wholes, *errors], abs=1e-12)


@pytest.mark.parametrize(("seed", "number"), [(2, 300), (3, 31)])
def test_scores_of_sims(seed: int, number: int) -> None:
    predicted, true = numbers(seed, number, 1)
    found = sentiments(predicted, true, PROTOCOLS["sims"]).values()
    predicted = predicted.clip(-1, 1)
    cut = [[np.digitize(each, edges, right=True) for each in (predicted, true)]
           for edges in ([0.0], [-0.1, 0.1], [-0.7, -0.1, 0.1, 0.7])]  # fmt: skip
    two, three, five = (of_classes(*each) for each in cut)
    errors = [np.abs(predicted - true).mean(), np.corrcoef(predicted, true)[0, 1]]
    assert list(found.values()) == pytest.approx([*two, three[0], five[0], *errors], abs=1e-12)


@pytest.mark.parametrize("protocol", ["mosi", "sims"])
@pytest.mark.parametrize("place", [0, 4, 9])
def test_an_answer_that_is_left_out_never_pays(protocol: str, place: int) -> None:
    predicted, true = numbers(7, 40, 3 if protocol == "mosi" else 1)
    true[place] = [-1.0, 0.0, 1.0][place % 3]
    silent, how = predicted.copy(), PROTOCOLS[protocol]
    silent[place] = np.nan
    without = sentiments(silent, true, how).values()
    for guess in (-1.0, 0.0, 1.0):
        silent[place] = guess
        given = sentiments(silent, true, how).values()
        for name in without.keys() - {"corr"}:
            assert (
                (without[name] >= given[name] - 1e-12) if is_loss(name) else (without[name] <= given[name] + 1e-12)
            ), name


def test_intervals_hold_the_scores() -> None:
    found = sentiments(*numbers(5, 60, 3), PROTOCOLS["mosi"])
    draws = found.samples(Resampling(num_samples=500))
    for name, value in found.values().items():
        assert np.quantile(draws[name], 0.01) < value < np.quantile(draws[name], 0.99), name


@pytest.mark.parametrize(
    ("text", "value", "reason"),
    [
        ("1.4", "1.4", None),
        ("Sentiment: \u22121.2.", "-1.2", None),
        ("It is \u20132.5", "-2.5", None),
        ("\uff0d2.5", "-2.5", None),
        ("Minus 2.5", "-2.5", None),
        ("I say negative 0.5.", "-0.5", None),
        ("Valence: \u2212 2", "-2", None),
        ("sad \u2013 2.5", "2.5", None),
        ("sad\u20142.5", None, "a dash before the number that may be a minus or not"),
        ("- 2.5", None, "a dash before the number that may be a minus or not"),
        ("2.5e\u20131", "2.5e-1", None),
        ("2\u20133", None, "several numbers in the answer"),
        ("from -3 to 3, about 1", None, "several numbers in the answer"),
        ("positive", None, "no number in the answer"),
        ("nan", None, "no number in the answer"),
        ("1e999", None, "no number in the answer"),
        (" ", None, "empty answer"),
    ],
)
def test_numbers_in_answers(text: str, value: str | None, reason: str | None) -> None:
    found = Sentiment().score(Answer("c", text, "", None, 0.0))
    assert (found.value, found.unscored_because) == (value, reason)


@pytest.mark.parametrize(
    ("truths", "protocol", "message"),
    [
        (["1", "4"], "mosi", "'4' is not a number from -3 to 3"),
        (["0.5", "-10"], "sims", "'-10' is not a number from -1 to 1"),
        (["1", "happy"], "mer_unibench", "'happy' is not a number"),
        (["1", "inf"], "mer_unibench", "'inf' is not a number"),
        (["0", "0.0"], "mosi", "no clip is positive or negative"),
    ],
)
def test_truths_that_are_refused(truths: Sequence[str], protocol: str, message: str) -> None:
    with pytest.raises(InputErrors, match=message):
        Sentiment(protocol=protocol).require_truths(truths)


@pytest.mark.parametrize(
    ("said", "place", "scale"),
    [
        (None, {"data": {"name": "ch_sims"}}, "sims"),
        (None, {"benchmark": "cmu_mosei"}, "mosi"),
        (None, {"data": {"name": "custom"}}, "mosi"),
        ("mer_unibench", {"benchmark": "ch_sims"}, "mer_unibench"),
    ],
)
def test_the_scale_is_that_of_the_benchmark(said: str | None, place: dict[str, Any], scale: str) -> None:
    target = "emolightning.scoring.sentiment.Sentiment"
    built: Any = build_scoring(OmegaConf.create({"scoring": {"_target_": target, "protocol": said}, **place}))
    assert built.name == scale


@pytest.mark.parametrize(
    ("said", "place", "scale"),
    [
        (None, {"data": {"name": "iemocap"}}, (1, 5)),
        (None, {"benchmark": "cmu_mosi"}, (-3, 3)),
        (None, {"data": {"name": "mer2025"}}, (-5, 5)),
        ([0, 1], {"data": {"name": "ch_sims"}}, (0, 1)),
    ],
)
def test_numbers_have_the_scale_of_their_corpus(said: Any, place: dict[str, Any], scale: tuple[int, int]) -> None:
    target = "emolightning.scoring.numbers.Numbers"
    built: Any = build_scoring(OmegaConf.create({"scoring": {"_target_": target, "scale": said}, **place}))
    assert built.protocol.scale == scale


def test_what_is_compared_and_unknown_protocols() -> None:
    assert Sentiment().truth(Clip("c", Path("c.mp4"), valence=1.5)) == "1.5"
    assert Sentiment().truth(Clip("c", Path("c.mp4"), label="happy")) is None
    with pytest.raises(UserError, match="must be one of mosi, sims, mer_unibench, not 'mosei'"):
        Sentiment(protocol="mosei")


def test_a_file_of_numbers(tmp_path: Path) -> None:
    rows = [("a", "1.2", "1"), ("b", "no idea", "-2"), ("c", "0.5", "0"), ("d", "-2.6", "-3"), ("e", "5", "3")]
    file = write_csv(tmp_path / "p.csv", HEADER, rows)
    report = score(tmp_path / "out", f"answers={file}", "scoring=sentiment")
    found = values(report)
    assert found["mae"] == pytest.approx((0.2 + 5 + 0.5 + 0.4 + 2) / 5)
    assert (found["acc2_non0"], found["acc2_has0"], found["acc7"]) == (0.75, 0.8, 0.8)
    assert report["unscored"] == {"no number in the answer": 1}
    assert report["sentiment"] == {
        "protocol": "mosi",
        "num_compared": 5,
        "zero_truths": 1,
        "predicted_off_the_scale": 1,
    }
    assert all(low <= found[name] <= high for name, of in report["metrics"].items() for low, high in [of["ci95"]])


def numbered(folder: Path, name: str, predicted: Sequence[object], true: Sequence[object]) -> tuple[str, ...]:
    rows = [(f"c{n}", "sad", "sad", *pair) for n, pair in enumerate(zip(predicted, true, strict=True))]
    file = write_csv(folder / "numbers.csv", (*HEADER, "said", name), rows)
    return f"answers={file}", f"columns.{name}_answer=said", f"columns.{name}_truth={name}", "labels=mer6"


def test_arousal_on_a_scale_of_its_own(tmp_path: Path) -> None:
    words = numbered(tmp_path, "arousal", [1, 3, "", 9], [2, 3, 5, -10])
    how = ("arousal_scale=[1,9]", "valence_missing=worst")
    report = score(tmp_path / "out", *words, *how)
    found: dict[str, Any] = values(report)
    assert found["arousal_mse"] == pytest.approx((1 + 0 + 16) / 3)
    assert found["arousal_mae"] == pytest.approx(5 / 3)
    assert report["metrics"]["arousal_mse"]["definition"].startswith("mean squared error of arousal over clips")
    assert (report["arousal"]["missing_predicted"], report["arousal"]["missing_true"]) == (1, 1)
    assert "mer2023_combined" not in found
    assert any(line.startswith("arousal: 1 clips have no predicted value; each counts") for line in report["warnings"])


@pytest.mark.parametrize(
    ("name", "predicted", "true", "more", "message"),
    [
        ("arousal", [1, ""], [2, 3], (), "1 of 2 clips have a true arousal and no predicted one: 'c1'"),
        ("arousal", [1, 2], [2, 7], (), "line 3: arousal '7' of 'c1' is not between -5 and 5, nor -10 for none; "),
        ("valence", [1, 2], [2, 3], ("valence_scale=[3]",), "must be [LOWEST,HIGHEST], e.g. [-5,5], not [3.0]"),
        ("valence", [1, 2], [2, 3], ("valence_scale=[5,-5]",), "must be [LOWEST,HIGHEST], e.g. [-5,5]"),
        ("arousal", [1, 2], [2, 3], ("~columns.arousal_truth",), "columns.arousal_truth"),
    ],
)  # fmt: skip
def test_numbers_that_are_refused(
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    name: str,
    predicted: Sequence[object],
    true: Sequence[object],
    more: tuple[str, ...],
    message: str,
) -> None:
    words = numbered(tmp_path, name, predicted, true)
    if more == ("~columns.arousal_truth",):
        words, more = tuple(word for word in words if "arousal_truth" not in word), ()
    assert message in refusal(capsys, tmp_path / "out", *words, *more)
