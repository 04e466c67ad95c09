"""The feature vectors that fusion networks read, and how they fill the places of a network."""

from collections.abc import Mapping, Sequence

from emolightning.records.inputs import InputKind, Inputs

INPUTS: Inputs = {
    "speech": InputKind("vectors", "audio", "Feature vectors of the voice."),
    "words": InputKind("vectors", "text", "Feature vectors of what is said."),
    "face": InputKind("vectors", "video", "Facial feature vectors."),
    "motion": InputKind("vectors", "video", "Feature vectors of movement over time."),
}

PLACES = ("audio", "text", "video")
"""The three streams of a network, in their order."""

INSTEAD = {"audio": ("text", "video"), "text": ("video", "audio"), "video": ("text", "audio")}
"""Place -> whose vectors stand in where a run has none for it, as the published rows of fewer modalities were made."""


def three_places(inputs: Sequence[str]) -> list[list[str]]:
    """The inputs of each place; several are put side by side, and a place without any repeats another one.

    >>> three_places(["speech", "face", "motion"])
    [['speech'], ['face', 'motion'], ['face', 'motion']]
    >>> three_places(["speech", "words"]), three_places(["words"])
    ([['speech'], ['words'], ['words']], [['words'], ['words'], ['words']])
    """
    own = {place: [name for name in inputs if INPUTS[name].modality == place] for place in PLACES}
    return [own[place] or own[INSTEAD[place][0]] or own[INSTEAD[place][1]] for place in PLACES]


def one_place_each(inputs: Sequence[str]) -> list[list[str]]:
    """A place for every input."""
    return [[name] for name in inputs]


def widths_of(places: Sequence[Sequence[str]], widths: Mapping[str, int]) -> list[int]:
    """Width of each place."""
    return [sum(widths[name] for name in names) for names in places]
