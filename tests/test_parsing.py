"""Answers -> labels, or the reason there is none."""

import json

import pytest

from emolightning.errors import UserError
from emolightning.labels import DFEW7, MER6, MER9, canonical, nearest, vocabulary
from emolightning.parsing import EMPTY, NO_LABEL, OUTSIDE, SEVERAL, read_label, read_upstream


@pytest.mark.parametrize(
    ("text", "label", "alias"),
    [
        ("sad", "sad", None),
        ("Sad.", "sad", None),
        ("The emotion is ANGRY!", "angry", None),
        ("happy, happy", "happy", None),
        ("He feels sadness", "sad", "sadness"),
        ("surprised", "surprise", "surprised"),
        ("joy and happiness", "happy", "joy"),
        ("ｓａｄ", "sad", None),
    ],
)
def test_one_label(text, label, alias):
    reading = read_label(text, MER6)
    assert (reading.label, reading.alias, reading.unscored_because) == (label, alias, None)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", EMPTY),
        ("  \n", EMPTY),
        ("I cannot tell", NO_LABEL),
        ("unhappy sadly angrily", NO_LABEL),
        ("happy or sad", SEVERAL),
        ("disgust", OUTSIDE),
        ("contempt.", OUTSIDE),
    ],
)
def test_reasons_for_no_label(text, reason):
    reading = read_label(text, MER6)
    assert (reading.label, reading.unscored_because) == (None, reason)


def test_labels_of_several_words():
    labels = ("happy", "happy surprise")
    assert read_label("a happy surprise", labels).label == "happy surprise"


def test_vocabularies():
    assert vocabulary("mer6") == MER6
    assert vocabulary(["A", " b "]) == ("a", "b")
    assert canonical("Fear", DFEW7) == "fear"
    assert canonical("fear", MER6) is None
    assert nearest("hapy", MER6) == "happy"
    assert nearest("zzz", MER9) is None
    for bad in ("mer7", [], ["a", "A"], ["a", ""]):
        with pytest.raises(UserError):
            vocabulary(bad)


def test_upstream_reads_answers_as_recorded(shared):
    pairs = json.loads((shared / "golden" / "text.json").read_text())["label_postprocess"]
    assert [read_upstream(pair["in"]) for pair in pairs] == [pair["out"] for pair in pairs]
