"""A sheet of answers to be read by a person, and how often the parser agrees with what the person wrote into it."""

import csv
from collections.abc import Sequence
from hashlib import sha256
from pathlib import Path
from typing import Any

from emolightning.errors import InputErrors, UserError, quoted_override
from emolightning.files.writing import written_whole
from emolightning.records.clips import Answer, Score
from emolightning.records.labels import nearest
from emolightning.records.sheets import uncomputed
from emolightning.scoring.judges.answers import BY_JUDGE
from emolightning.scoring.metrics.intervals import exact_proportion
from emolightning.scoring.reading import LabelReader
from emolightning.scoring.rows import read_rows

SHEET = "hand_check.csv"
COLUMNS = ("id", "answer", "read_as", "read_from", "human")
NO_LABEL = ("none", "-")
"""What a person writes for an answer that gives no label."""


def write_sheet(path: Path, answers: Sequence[Answer], scores: Sequence[Score], count: int) -> int:
    """Write answers drawn by their ids, so that the same clips are drawn from every system.

    Args:
        path: of the sheet.
        answers: those that are missing are not drawn.
        scores: of the answers.
        count: at most as many.

    Returns:
        The number of rows.
    """
    given = [(answer, score) for answer, score in zip(answers, scores, strict=True) if not answer.is_missing]
    drawn = sorted(given, key=lambda pair: sha256(pair[0].clip_id.encode()).digest())[:count]
    with written_whole(path) as temporary, temporary.open("w", newline="", encoding="utf-8-sig") as file:
        writer = csv.writer(file)
        writer.writerow(COLUMNS)
        for answer, score in drawn:
            cells = (answer.clip_id, answer.text, score.value or NO_LABEL[0], score.read_from, "")
            writer.writerow([uncomputed(cell) for cell in cells])
    return len(drawn)


def require_unfilled(path: Path) -> None:
    """Refuse to write a sheet over one that a person has worked on.

    Raises:
        UserError: it has answers of a person.
        InputErrors: a file of this name is no such sheet.
    """
    if not path.exists():
        return
    if count := sum(bool((row.values[0] or "").strip()) for row in read_rows(path, ("human",))):
        raise UserError(
            f"{path}: {count} of its rows are filled in, and it is not written over; give it back with "
            f"{quoted_override('hand_check', path)}, or say another output_dir"
        )


def agreement(path: Path, answers: Sequence[Answer], scores: Sequence[Score], reader: LabelReader) -> dict[str, Any]:
    """How often these scores are what a person read from the same answers, for `metrics.json`.

    Args:
        path: a sheet whose column `human` was filled in; rows without are left out and counted.
        answers: of the same clips.
        scores: of the answers.
        reader: knows the labels.

    Raises:
        InputErrors: ids of other clips, words that are no label, or no row that is filled in.
    """
    read = {answer.clip_id: score for answer, score in zip(answers, scores, strict=True)}
    written = {str(uncomputed(clip_id)): clip_id for clip_id in read}
    problems, num_empty = [], 0
    pairs: list[tuple[Score, str | None]] = []
    for row in read_rows(path, ("id", "human")):
        clip_id, human = ((value or "").strip() for value in row.values)
        clip_id = clip_id if clip_id in read else written.get(clip_id, clip_id)
        label = reader.label_of(human)
        if not human:
            num_empty += 1
        elif clip_id not in read:
            problems.append(f"line {row.line}: {clip_id!r} is no clip of these answers")
        elif label is None and human.casefold() not in NO_LABEL:
            near = nearest(human, reader.labels)
            hint = f"; did you mean {near!r}?" if near else ""
            problems.append(f"line {row.line}: human {human!r} is not one of {[*reader.labels, NO_LABEL[0]]}{hint}")
        else:
            pairs.append((read[clip_id], label))
    if not pairs and not problems:
        problems.append("the column human is empty: write what you read, or none where an answer gives no label")
    if problems:
        raise InputErrors(str(path), problems)
    values = [(score.value, human) for score, human in pairs]
    of_judge = [score.value == human for score, human in pairs if score.read_from == BY_JUDGE]
    agreed = sum(ours == theirs for ours, theirs in values)
    low, high = exact_proportion(agreed, len(pairs))
    return {
        "num_checked": len(pairs),
        "not_filled_in": num_empty,
        "agreement": agreed / len(pairs),
        "ci95": [float(low), float(high)],
        "invented": sum(ours is not None and theirs is None for ours, theirs in values),
        "lost": sum(ours is None and theirs is not None for ours, theirs in values),
        "other_label": sum(None not in (ours, theirs) and ours != theirs for ours, theirs in values),
        **({"read_by_judge": {"num_checked": len(of_judge), "agreed": sum(of_judge)}} if of_judge else {}),
    }
