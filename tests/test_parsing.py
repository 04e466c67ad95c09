"""Answers -> labels, or the reason there is none."""

import json

import pytest

from emolightning.errors import UserError
from emolightning.labels import DFEW7, MER6, MER9, canonical, nearest, vocabulary
from emolightning.parsing import EMPTY, NO_LABEL, NOT_EXACT, OUTSIDE, SEVERAL, LabelReader, read_label, read_upstream


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


@pytest.mark.parametrize("text", ["un-happy", "happy-ish", "non\u2010happy", "non\u2011happy", "happy-go-lucky"])
def test_a_hyphen_joins_words(text):
    assert read_label(text, MER6).unscored_because == NO_LABEL


@pytest.mark.parametrize("text", ["happy-", "- happy", "-happy", "happy - because she smiles", "mood -happy- today"])
def test_a_dangling_hyphen_is_punctuation(text):
    assert read_label(text, MER6).label == "happy"


@pytest.mark.parametrize("parser", ["words", "strict", "upstream"])
def test_truths_have_aliases_whatever_the_parser_of_answers(parser):
    reader = LabelReader(MER6, parser=parser)
    assert (reader.label_of("Sadness"), reader.is_alias("sadness"), reader.label_of("disgust")) == ("sad", True, None)


@pytest.mark.parametrize(
    ("text", "label", "reason"),
    [(" SAD ", "sad", None), ("sad.", None, NOT_EXACT), ("sadness", None, NOT_EXACT), (" ", None, EMPTY)],
)
def test_strict_takes_nothing_but_a_label(text, label, reason):
    reading = LabelReader(MER6, parser="strict").read(text)
    assert (reading.label, reading.unscored_because, reading.alias) == (label, reason, None)


@pytest.mark.parametrize(
    ("text", "label", "is_default"),
    [
        ("I am neutral", "neutral", False),
        ("semineutral", "neutral", True),
        ("fear", "neutral", True),
        ("", "neutral", True),
    ],
)
def test_upstreams_default_is_told_from_a_neutral_answer(text, label, is_default):
    reading = LabelReader(MER6, parser="upstream").read(text)
    assert (reading.label, reading.is_default) == (label, is_default)


def test_upstreams_labels_outside_the_vocabulary_are_not_read():
    assert LabelReader(DFEW7, parser="upstream").read("worried").unscored_because == OUTSIDE
    with pytest.raises(UserError, match="lack it"):
        LabelReader(("happy", "sad"), parser="upstream")


def test_aliases_are_a_choice():
    assert LabelReader(MER6, aliases={}).read("surprised").unscored_because == NO_LABEL
    assert LabelReader(MER6, aliases={"fear": "worried"}).read("Fear!").label == "worried"
    assert LabelReader(DFEW7, aliases={"fright": "fear", "worry": "worried"}).read("worry").unscored_because == OUTSIDE


@pytest.mark.parametrize(
    ("text", "first", "first_valid"),
    [
        ("sad, happy", "sad", "sad"),
        ("['Pain', 'happy']", None, "happy"),
        ("[sad and happy, angry]", None, "angry"),
        ("none,of,these", None, None),
    ],
)
def test_ranked_lists(text, first, first_valid):
    assert LabelReader(MER6, answer_list="first").read(text).label == first
    assert LabelReader(MER6, answer_list="first_valid").read(text).label == first_valid


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
