"""What a score is worth without looking at any clip: one label for all of them, or labels that are drawn."""

from collections.abc import Mapping

import numpy as np

from emolightning.scoring.metrics.classification import scores


def chance_levels(supports: Mapping[str, int]) -> dict[str, dict[str, float]]:
    """The scores of `always LABEL`, the most frequent one, and of each label equally often.

    Args:
        supports: clips of each label; the scores of drawn labels are those of the expected counts.

    >>> levels = chance_levels({"happy": 3, "sad": 1})
    >>> [(name, values["war"], values["uar"]) for name, values in levels.items()]
    [('always happy', 0.75, 0.5), ('labels at random', 0.5, 0.5)]
    """
    clips = np.array(list(supports.values()), dtype=np.float64)
    if not clips.sum():
        return {}
    most, none = int(clips.argmax()), np.zeros((len(clips), 1))
    always, drawn = np.zeros((len(clips), len(clips))), np.repeat(clips[:, None] / len(clips), len(clips), axis=1)
    always[:, most] = clips
    found = {f"always {list(supports)[most]}": always, "labels at random": drawn}
    return {
        name: {score: float(value) for score, value in scores(np.hstack([counts, none])).items()}
        for name, counts in found.items()
    }
