"""How much the clips of each label count in the loss."""

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence

from emolightning.config.loss_values import BALANCED, WEIGHTS
from emolightning.config.problems import not_one_of
from emolightning.data.loading.draws import LabelDraws, labels_of
from emolightning.errors import UserError
from emolightning.records.clips import Clip


def class_weights(
    given: str | Mapping[str, float] | None,
    clips: Sequence[Clip],
    *,
    labels: Sequence[str],
    draws: LabelDraws | None = None,
) -> dict[str, float] | None:
    """Label -> weight of its clips; their mean over the clips of a pass is 1, so that the loss keeps its scale.

    Args:
        given: `balanced`, weights by label, or None for all clips alike.
        clips: of the train split.
        labels: the vocabulary.
        draws: what a pass consists of; None is each clip once.

    Raises:
        UserError: clips without a label, a label that is none, or nothing to balance.
    """
    if given is None:
        return None
    known = {} if isinstance(given, str) else {str(label): weight for label, weight in given.items()}
    for label in known:
        if label not in labels:
            raise UserError(f"{WEIGHTS}: {not_one_of(label, labels)}")
    labels_of(clips, f"{WEIGHTS}={given}")
    drawn = _drawn(clips, draws)
    if given == BALANCED and draws and draws.sampling == BALANCED:
        raise UserError(
            f"{WEIGHTS}=balanced with data.sampling=balanced: all labels are drawn equally often already, so there is "
            "nothing to weigh; leave one of both out, or say data.sampling=sqrt"
        )
    raw = {label: 1 / number if given == BALANCED else known.get(label, 1.0) for label, number in drawn.items()}
    mean = sum(raw[label] * number for label, number in drawn.items()) / sum(drawn.values())
    return {label: weight / mean for label, weight in raw.items()}


def _drawn(clips: Sequence[Clip], draws: LabelDraws | None) -> Mapping[str, float]:
    """Label -> how many clips of a pass teach it; one that teaches several counts for each by its share."""
    found = Counter(str(clip.label) for clip in clips)
    drawn = draws.quotas if draws else dict(sorted(found.items()))
    if not any(clip.shares for clip in clips):
        return drawn
    sums: defaultdict[str, float] = defaultdict(float)
    for clip in clips:
        own = str(clip.label)
        for label, share in clip.shares or ((own, 1.0),):
            sums[label] += share * drawn[own] / found[own]
    return dict(sorted(sums.items()))
