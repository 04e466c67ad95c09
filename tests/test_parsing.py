"""Answers -> labels, or the reason there is none."""

import json

import pytest

from emolightning.errors import UserError
from emolightning.records.labels import DFEW7, MER6, MER9, canonical, nearest, vocabulary
from emolightning.scoring.reading import (
    EMPTY,
    NO_LABEL,
    NOT_EXACT,
    OUTSIDE,
    SEVERAL,
    LabelReader,
    read_label,
)
from emolightning.scoring.upstream_readers import read_upstream


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
        ("unhappy sadly angrily", SEVERAL),
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


SEVERAL_WORDS = ("very happy", "Very-Sad", "calm", "Épuisé", "χαρούμενος", "straße")


@pytest.mark.parametrize("parser", ["words", "strict"])
@pytest.mark.parametrize(
    ("text", "label"),
    [
        ("very  happy", "very happy"),
        ("very\u00a0happy", "very happy"),
        ("Very\tHappy", "very happy"),
        (" very\r\nhappy\n", "very happy"),
        ("very\u3000happy", "very happy"),
        ("very\u2009happy\u200b", "very happy"),
        ("very-happy", "very happy"),
        ("very_happy", "very happy"),
        ("VERY\u2011HAPPY", "very happy"),
        ("ｖｅｒｙ　ｈａｐｐｙ", "very happy"),
        ("very\u2013sad", "very-sad"),
        ("very sad", "very-sad"),
        ("very\u2212sad", "very-sad"),
        ("ca\u00adlm\u200e", "calm"),
        ("\ufeffcalm", "calm"),
        ("e\u0301puise\u0301", "épuisé"),
        ("ÉPUISÉ", "épuisé"),
        ("ΧΑΡΟΎΜΕΝΟΣ", "χαρούμενος"),
        ("STRASSE", "straße"),
    ],
)
def test_one_text_in_many_spellings(parser, text, label):
    reader = LabelReader(vocabulary(SEVERAL_WORDS), parser=parser)
    assert reader.read(text).label == label
    assert reader.label_of(text) == label
    assert canonical(text, vocabulary(SEVERAL_WORDS)) == label


@pytest.mark.parametrize(
    "text", ["very happy。", "“very happy”！", "very  happy؟", "_very happy_", "¡Very Happy!", "**very\nhappy**…"]
)
def test_punctuation_of_any_script_around_a_label(text):
    assert LabelReader(("very happy", "sad")).read(text).label == "very happy"


@pytest.mark.parametrize("text", ["un_happy", "happy_ish", "non\u2012happy"])
def test_other_joints_join_words_too(text):
    assert read_label(text, MER6).unscored_because == NO_LABEL


def test_an_alias_of_several_words():
    reader = LabelReader(MER6, aliases={"over the  moon": "happy"})
    reading = reader.read("She is over\u00a0the-moon!")
    assert (reading.label, reading.alias) == ("happy", "over the moon")


@pytest.mark.parametrize("text", ["happy，sad", "sad、happy", "“happy”, sad", "［happy, sad］"])
def test_lists_of_other_scripts(text):
    strict = LabelReader(MER6, parser="strict", answer_list="first")
    assert strict.read(text).label == ("sad" if text.startswith("sad") else "happy")


def test_upstream_reads_to_the_letter_what_is_spelt_otherwise():
    reader = LabelReader(MER6, parser="upstream")
    for text in ("very\u00a0sad", "ｓａｄ", "sad_", "it is\tsad"):
        assert (reader.read(text).label, reader.read(text).is_default) == ("neutral", True)


def test_aliases_are_a_choice():
    assert LabelReader(MER6, aliases={}, wide=False).read("surprised").unscored_because == NO_LABEL
    assert LabelReader(MER6, aliases={"fear": "worried"}).read("Fear!").label == "worried"
    assert LabelReader(DFEW7, aliases={"fright": "fear", "worry": "worried"}).read("worry").unscored_because == OUTSIDE


@pytest.mark.parametrize(
    ("text", "first", "first_valid"),
    [
        ("['comfort', 'concern', 'care', 'happy']", None, "happy"),
        ("[concern, sadness, warmth]", None, "sad"),
        ("[concern, anger]", "worried", "worried"),
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
    assert vocabulary(["Very  Happy", "e\u0301"]) == ("very happy", "é")
    assert canonical("Fear", DFEW7) == "fear"
    assert canonical("fear", MER6) is None
    assert nearest("hapy", MER6) == "happy"
    assert nearest("zzz", MER9) is None
    for bad in ("mer7", [], ["a", "A"], ["a", ""], ["a b", "a  b"], ["a-b", "a b"], ["é", "e\u0301"]):
        with pytest.raises(UserError) as refused:
            vocabulary(bad)
        assert ("it has none" in str(refused.value)) is (bad == [])


def test_upstream_reads_answers_as_recorded(shared):
    pairs = json.loads((shared / "golden" / "text.json").read_text())["label_postprocess"]
    assert [read_upstream(pair["in"]) for pair in pairs] == [pair["out"] for pair in pairs]
