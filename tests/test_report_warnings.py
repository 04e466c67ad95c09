"""`warnings` of a report: what is said, on the screen, in metrics.json and on the page."""

from pathlib import Path

import pytest
from score_factory import HEADER, score, write_csv

from emolightning.scoring.warnings import FEW_CLIPS, warnings_of

MISSING = "1 of 3 clips have no answer and count as wrong"


def test_a_warning_is_in_all_three_places(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    answers = write_csv(tmp_path / "p.csv", HEADER[:2], [("a", "happy"), ("b", "sad")])
    truth = write_csv(tmp_path / "t.csv", ("id", "truth"), [("a", "happy"), ("b", "sad"), ("c", "sad")])
    report = score(tmp_path / "out", f"answers={answers}", f"truth={truth}", "labels=mer6", "missing=count")
    assert MISSING in report["warnings"]
    assert f"warning: {MISSING}\n" in capsys.readouterr().out
    assert f"<li>{MISSING}</li>" in (tmp_path / "out" / "report.html").read_text()


def test_small_classes_are_named(tmp_path: Path) -> None:
    rows = [
        (f"{label}{number}", label, label) for label, count in (("sad", 19), ("happy", 20)) for number in range(count)
    ]
    report = score(tmp_path / "out", f"answers={write_csv(tmp_path / 'p.csv', HEADER, rows)}", "labels=mer6")
    (warning,) = report["warnings"]
    assert warning.startswith(f"classes with under {FEW_CLIPS} clips: sad 19;")


def test_folds_warn_of_all_clips_together(tmp_path: Path) -> None:
    files = [
        write_csv(tmp_path / f"{fold}.csv", HEADER, [(f"{fold}/{clip}", "sad", "sad") for clip in range(12)])
        for fold in range(2)
    ]
    report = score(tmp_path / "out", f"answers=[{files[0]},{files[1]}]", "labels=mer6")
    assert report["warnings"] == []


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"model": {"has_random_base": True}}, "random base weights: a demonstration, not a usable model"),
        ({"data": {"training_differences": ["frames: first here"]}}, "frames: first here"),
        ({"num_scored": 0}, "NO ANSWER COULD BE SCORED ()"),
        ({"reading": {"made_neutral": 1}}, "1 answers that name no label were made neutral by parser=upstream"),
        ({"evaluation": {"zero_features": {"face": 2}}}, "2 clips have no face vector, and zeros in its place"),
        ({"data": {"official_differences": ["other clips"]}}, "other clips"),
        ({"num_clips": 19}, "there are only 19 clips"),
        ({"sampling": {"unit": "film", "num_units": 9}}, "the clips have only 9 different film"),
        ({"judge": {"failures": {"clue": {"HTTP 500": 2}}}}, "clue: the judge gave 2 clips no grade; the mean leaves"),
    ],
)
def test_what_is_warned_of(changes: dict, said: str) -> None:
    plain = {"num_clips": 40, "num_scored": 40, "unscored": {}}
    assert warnings_of(plain) == []
    (warning,) = warnings_of(plain | changes)
    assert warning.startswith(said)


@pytest.mark.parametrize("stray", ["fear", "contempt"])
def test_an_answer_with_a_label_of_no_clip_is_named(tmp_path: Path, stray: str) -> None:
    said = ["happy"] * 20 + ["sad"] * 19 + [stray]
    rows = [(f"c{number}", word, "happy" if number < 20 else "sad") for number, word in enumerate(said)]
    report = score(tmp_path / "out", f"answers={write_csv(tmp_path / 'p.csv', HEADER, rows)}", "labels=mer9")
    macro = (1 + 38 / 39) / 2
    assert report["metrics"]["macro_f1"]["value"] == pytest.approx(macro, abs=1e-15)
    assert report["metrics"]["macro_f1_observed"]["value"] == pytest.approx(macro * 2 / 3, abs=1e-15)
    (warning,) = report["warnings"]
    assert warning == (
        f"answers have labels of no clip: {stray} 1; macro_f1_observed averages over these too and is "
        f"{macro * 2 / 3:.4f}, macro_f1 does not and is {macro:.4f}"
    )
