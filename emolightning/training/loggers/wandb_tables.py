"""Tables that training and evaluation log to W&B in the same form: answers, and the confusion matrix."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from types import MappingProxyType
from typing import Any, NamedTuple

from emolightning.training.loggers.tracking import WandbLog


class Row(NamedTuple):
    """One clip; `read` is what the answer says, as a text, None where that cannot be read.

    Answers are generated, so there are no probabilities to show.
    """

    clip: str
    transcript: str | None
    truth: str | None
    answer: str
    read: str | None


def prediction_table(
    rows: Iterable[Row],
    labels: Collection[str],
    *,
    shows_texts: bool,
    pictures: Mapping[str, Any] = MappingProxyType({}),
) -> tuple[list[str], list[list[Any]]]:
    """Columns and rows, with whether each answer is right; None where the truth is not known.

    Args:
        rows: in their order.
        labels: of the data.
        shows_texts: without them only labels are shown, for any other truth or answer may quote the transcript.
        pictures: of some clips, where these may be shown.
    """
    table: list[list[Any]] = []
    for row in rows:
        is_right = None if row.truth is None else row.read == row.truth
        if shows_texts:
            pictured = [pictures.get(row.clip)] if pictures else []
            table.append([row.clip, row.transcript or "", row.truth, row.answer, row.read, is_right, *pictured])
        else:
            table.append([row.clip, *(text if text in labels else None for text in (row.truth, row.read)), is_right])
    if shows_texts:
        columns = ["clip", "transcript", "truth", "answer", "prediction", "correct"]
        return [*columns, *(["picture"] if pictures else [])], table
    return ["clip", "truth", "prediction", "correct"], table


def log_confusion_matrix(
    logger: WandbLog, key: str, truths: Sequence[str], answers: Sequence[str], counts: Any
) -> None:
    """Log the counts under `key`, one row a cell, so that any plot can be made of them, and a plot under `<key>_plot`.

    Args:
        logger: its run has begun.
        key: `split/name`.
        truths: names of the rows.
        answers: names of the columns; the rows' come first.
        counts: clips, (truths, answers).
    """
    cells = [
        (truth, answer, int(counts[row][column]))
        for row, truth in enumerate(truths)
        for column, answer in enumerate(answers)
    ]
    logger.log_table(key, columns=["truth", "answer", "clips"], data=[list(cell) for cell in cells])

    def plot() -> None:
        import wandb

        clips = [(truth, answer) for truth, answer, number in cells for _ in range(number)]
        figure = wandb.plot.confusion_matrix(
            y_true=[answers.index(truth) for truth, _ in clips],
            preds=[answers.index(answer) for _, answer in clips],
            class_names=list(answers),
            title=key,
        )
        logger.experiment.log({f"{key}_plot": figure})

    logger.attempt(f"{key}_plot", plot)


def log_drawing(logger: WandbLog, key: str, svg: str) -> None:
    """Log a drawing, as it would be in a paper."""

    def show() -> None:
        import wandb

        logger.experiment.log({key: wandb.Html(svg, inject=False)})

    logger.attempt(key, show)
