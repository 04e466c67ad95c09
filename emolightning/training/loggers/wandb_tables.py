"""Tables that training and evaluation log to W&B in the same form: answers, and the confusion matrix."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from types import MappingProxyType
from typing import Any, NamedTuple

from emolightning.training.loggers.tracking import WandbLog


class Row(NamedTuple):
    """One clip; `read` is what the answer says, as a text, None where that cannot be read."""

    clip: str
    transcript: str | None
    truth: str | None
    answer: str
    read: str | None
    probability: float | None = None
    """How likely what was read is to the model, where labels have been given probabilities."""
    probabilities: Mapping[str, float] = {}  # Not MappingProxyType, which ranks cannot send to each other.
    """How likely each label is."""


def prediction_table(
    rows: Iterable[Row],
    labels: Collection[str],
    *,
    shows_texts: bool,
    media: Mapping[str, Mapping[str, Any]] = MappingProxyType({}),
) -> tuple[list[str], list[list[Any]]]:
    """Columns and rows, with whether each answer is right, None where the truth is not known, and how likely it was.

    Args:
        rows: in their order.
        labels: of the data.
        shows_texts: without them only labels are shown, for any other truth or answer may quote the transcript.
        media: column -> what it shows of some clips, where these may be shown.
    """
    listed = list(rows)
    columns = (
        ["clip", "transcript", "truth", "answer", "prediction"] if shows_texts else ["clip", "truth", "prediction"]
    )
    extra = ["probability"] * any(row.probability is not None for row in listed)
    likely = [label for label in labels if any(label in row.probabilities for row in listed)]
    shown = [column for column, of_clips in media.items() if shows_texts and of_clips]
    table: list[list[Any]] = []
    for row in listed:
        own = {
            "clip": row.clip,
            "transcript": row.transcript or "",
            "truth": row.truth if shows_texts or row.truth in labels else None,
            "answer": row.answer,
            "prediction": row.read if shows_texts or row.read in labels else None,
            "correct": None if row.truth is None else row.read == row.truth,
            "probability": row.probability,
        }
        chances = [row.probabilities.get(label) for label in likely]
        seen = [media[column].get(row.clip) for column in shown]
        table.append([*(own[name] for name in (*columns, "correct", *extra)), *chances, *seen])
    return [*columns, "correct", *extra, *(f"p_{label}" for label in likely), *shown], table


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
