"""Answers whose reasons, read by themselves, name another label than what they state."""

import re
from collections import Counter
from collections.abc import Iterable
from typing import Any

from emolightning.records.clips import Answer, Score
from emolightning.scoring.reading import LESSER, WHOLE, LabelReader
from emolightning.scoring.words.statement import ANY_TAG, final_statement
from emolightning.scoring.words.weighing import STATEMENTS

PASSED_OVER = re.compile(rf"(?:^|; )([^;]+?) \({LESSER}\)")
"""Words of an answer that mean an emotion and are outweighed by its statement."""

MOST_NAMED = 20
"""Clips that are named."""

IN_TEXT = frozenset(STATEMENTS.values())
"""Statements that are read together with their reasons."""


def contradictions(pairs: Iterable[tuple[Answer, Score]], reader: LabelReader) -> dict[str, Any] | None:
    """How many answers contradict their reasons, and whether these are wrong more often; None where there are none.

    `p` is of Fisher's exact test against answers that agree with their reasons.

    Args:
        pairs: answers with a truth, and what was read from them.
        reader: of the labels.
    """
    table, named = Counter[tuple[bool, bool]](), list[dict[str, Any]]()
    for answer, score in pairs:
        reasons = label_of_reasons(answer, score, reader)
        if reasons is not None:
            is_against = reasons != score.value
            table[is_against, score.value != answer.truth] += 1
            if is_against and len(named) < MOST_NAMED:
                named.append({"id": answer.clip_id, "stated": score.value, "reasons": reasons})
    number = table[True, True] + table[True, False]
    if not number:
        return None
    from scipy.stats import fisher_exact

    counts = [[table[is_against, True], table[is_against, False]] for is_against in (True, False)]
    return {
        "num_with_reasons": table.total(),
        "num_against": number,
        "num_wrong": table[True, True],
        "p": float(fisher_exact(counts, alternative="greater").pvalue),
        "clips": named,
    }


def label_of_reasons(answer: Answer, score: Score, reader: LabelReader) -> str | None:
    """The one label of what leads to an answer's statement; None where it names none, or several."""
    if score.value is None or score.read_from in (WHOLE, ""):
        return None
    if score.read_from in IN_TEXT:
        lesser = {reader.read(word).label for word in PASSED_OVER.findall(score.passed_over)} - {None}
        return lesser.pop() if len(lesser) == 1 else None
    stated = final_statement(answer.text).text.strip()
    reasons, found, _ = answer.text.rpartition(stated) if stated else ("", "", "")
    reasons = ANY_TAG.sub(" ", reasons)  # An opened one would hide what precedes it.
    return reader.read(reasons).label if found and reasons.strip() else None
