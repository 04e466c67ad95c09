"""What the answers of systems add to the sums that their scores are computed from, for each kind of answers."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from emolightning.errors import UserError
from emolightning.records.clips import Answer, Score
from emolightning.runs.compare.clips import Compared
from emolightning.runs.compare.systems import GRADES, LABELS, NUMBERS, SETS, WORDS, Said, System, indices, numbers_of
from emolightning.scoring.metrics.multi_label import counted, labels_in
from emolightning.scoring.metrics.paired import Summed
from emolightning.scoring.summed import of_counts, of_labels, of_means, of_words


def sums_of(systems: Sequence[System], compared: Compared, scoring: Any) -> list[Summed]:
    """The sums of each system, all of one kind.

    Args:
        systems: of the clips.
        compared: the clips.
        scoring: reads sets of words, where answers are such.

    Raises:
        UserError: they were not scored in one way.
    """
    of_kind = {LABELS: _of_labels, WORDS: _of_words, GRADES: _of_grades, NUMBERS: _of_numbers, SETS: _of_sets}
    return of_kind[systems[0].kind](systems, compared, scoring)


def _of_labels(systems: Sequence[System], compared: Compared, scoring: Any) -> list[Summed]:
    labels = list(dict.fromkeys(label for system in systems for said in system.said for label in said.labels))
    truths = np.array([labels.index(truth) for truth in compared.truths], dtype=np.int64)
    found = []
    for system in systems:
        folds = system.said[0].folds
        places = np.array([folds[clip] for clip in compared.ids], dtype=np.int64) if folds else None
        found.append(of_labels(truths, [indices(said, labels, compared.ids) for said in system.said], labels, places))
    if len({len(each.rows) for each in found}) > 1:
        raise UserError(
            "runs: some are means over folds and some are not; compare folds with folds, or score all answers of a "
            "system as one file"
        )
    return found


def _of_words(systems: Sequence[System], compared: Compared, scoring: Any) -> list[Summed]:
    found = []
    for system in systems:
        all_measures = []
        for said in system.said:
            ordered = _ordered(said, compared)
            all_measures.append(scoring.measures([each[0] for each in ordered], [each[1] for each in ordered]))
        found.append(of_words(all_measures))
    return found


def _of_grades(systems: Sequence[System], compared: Compared, scoring: Any) -> list[Summed]:
    names = {system.name: sorted(said.grades()) for system in systems for said in system.said}
    if len({tuple(each) for each in names.values()}) > 1:
        listed = "; ".join(f"{name}: {', '.join(each)}" for name, each in names.items())
        raise UserError(f"runs: grades of different judges do not compare ({listed}); grade all with one judge=...")
    return [
        of_means(
            [
                {
                    name: np.array([grades.get(clip, np.nan) for clip in compared.ids])
                    for name, grades in said.grades().items()
                }
                for said in system.said
            ]
        )
        for system in systems
    ]


def _of_numbers(systems: Sequence[System], compared: Compared, scoring: Any) -> list[Summed]:
    kinds = {system.name: numbers_of(said.report).protocol.about for system in systems for said in system.said}
    if len(set(kinds.values())) > 1:
        listed = "; ".join(f"{name}: {about}" for name, about in kinds.items())
        raise UserError(f"runs: numbers of different scales or protocols do not compare: {listed}; score them by one")
    how = numbers_of(systems[0].report)
    how.require_truths(compared.truths)
    return [of_counts([how.counted(_ordered(said, compared)) for said in system.said]) for system in systems]


def _of_sets(systems: Sequence[System], compared: Compared, scoring: Any) -> list[Summed]:
    truths = [labels_in(truth) for truth in compared.truths]
    return [
        of_counts(
            [
                counted(truths, [labels_in(score.value or "") for _, score in _ordered(said, compared)])
                for said in system.said
            ]
        )
        for system in systems
    ]


def _ordered(said: Said, compared: Compared) -> list[tuple[Answer, Score]]:
    pairs_of = {answer.clip_id: (answer, score) for answer, score in said.scored}
    return [pairs_of[clip] for clip in compared.ids]


def range_of(system: System, name: str) -> float:
    """How far two values of a clip can be apart: 1, or the scale of the judge, or of numbers."""
    if system.kind == GRADES:
        lowest, highest = system.report["judge"]["scale"]
    elif system.kind == NUMBERS:
        lowest, highest = numbers_of(system.report).protocol.ranges()[name]
    else:
        return 1.0
    return float(highest - lowest)
