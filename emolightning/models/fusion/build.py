"""Settings -> a fusion network that answers."""

from collections.abc import Mapping, Sequence

from emolightning.models.fusion.classifier import FusionClassifier
from emolightning.models.fusion.inputs import one_place_each, three_places, widths_of
from emolightning.models.fusion.networks.blocks import Shape
from emolightning.models.fusion.processor import Level
from emolightning.models.fusion.settings import NetworkSettings


def build_fusion(
    *,
    network: NetworkSettings,
    inputs: Sequence[str],
    feature_widths: Mapping[str, int],
    labels: Sequence[str],
    level: Level = "utterance",
    steps: int = 32,
    scale: int = 0,
    valence: bool = False,
) -> FusionClassifier:
    """Assemble the classifier.

    Args:
        network: which, and its sizes.
        inputs: active inputs.
        feature_widths: feature input -> width, read from the data.
        labels: the vocabulary.
        level: `utterance`: the mean of each input's vectors; `frame`: sequences; `aligned`: as long as those of text.
        steps: length of every sequence.
        scale: vectors of an encoder that are one step; 0 is MERBench's, 12 for `frame` and 6 for `aligned`.
        valence: also learns the valence of clips that have one.
    """
    names = [name for name in inputs if name in feature_widths]
    places = three_places(names) if network.takes_three else one_place_each(names)
    shape = Shape(widths_of(places, feature_widths), len(labels), valence, level)
    return FusionClassifier(
        network=network.make(shape),  # type: ignore[arg-type]
        places=places,
        widths={name: feature_widths[name] for name in names},
        labels=labels,
        is_sequence=level != "utterance",
    )
