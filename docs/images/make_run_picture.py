"""Draws run.png from a finished run; needs matplotlib.

`python docs/images/make_run_picture.py outputs/demo data/synthetic/media docs/images/run.png`. One clip per label: the
first one answered wrongly, where there is any, else the first one.
"""

import csv
import json
import sys
import textwrap
from pathlib import Path
from typing import Any

import av
import matplotlib.pyplot as plt

RIGHT, WRONG, BLUE, GREY = "#1b7837", "#b2182b", "#2166ac", "#888888"


def main(run: Path, media: Path, out: Path) -> None:
    """Loss, scores, confusion matrix, and below them the clips."""
    plt.rcParams.update({"font.size": 8.5, "axes.spines.top": False, "axes.spines.right": False})
    figure = plt.figure(figsize=(10, 5.7), dpi=110)
    with (run / "metrics.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    report = json.loads((run / "metrics.json").read_text())
    answers = [json.loads(line) for line in (run / "answers.jsonl").read_text().splitlines()]
    draw_loss(figure.add_axes((0.05, 0.56, 0.25, 0.37)), rows)
    draw_scores(figure.add_axes((0.36, 0.56, 0.25, 0.37)), rows)
    draw_confusion(figure.add_axes((0.70, 0.56, 0.29, 0.37)), report)
    labels = report["confusion_matrix"]["labels"][:-1]
    for column, label in enumerate(labels):
        own = [answer for answer in answers if answer["truth"] == label]
        shown = next((answer for answer in own if answer["prediction"] != label), own[0])
        draw_clip(figure, column / len(labels), 1 / len(labels), shown, media)
    figure.savefig(out)


def values(rows: list[dict[str, str]], name: str) -> tuple[list[int], list[float]]:
    """Optimizer steps and values of one column."""
    found = [row for row in rows if row[name]]
    return [int(row["step"]) + 1 for row in found], [float(row[name]) for row in found]


def draw_loss(axes: Any, rows: list[dict[str, str]]) -> None:
    """Cross-entropy of the answer's tokens."""
    axes.plot(*values(rows, "train/loss"), color=GREY, linewidth=1, label="train, one batch in ten")
    axes.plot(*values(rows, "val/loss"), color=BLUE, marker="o", markersize=3, label="val")
    axes.set(title="Loss, nats per answer token", xlabel="optimizer step", ylim=(0, None))
    axes.legend(frameon=False)


def draw_scores(axes: Any, rows: list[dict[str, str]]) -> None:
    """Scores of the validation split after each epoch."""
    axes.plot(*values(rows, "val/war"), color=BLUE, marker="o", markersize=3, label="WAR")
    axes.plot(
        *values(rows, "val/weighted_f1"), color=RIGHT, linestyle="--", marker="s", markersize=3, label="weighted F1"
    )
    axes.set(title="Validation", xlabel="optimizer step", ylim=(0, 1.02))
    axes.legend(frameon=False, loc="lower right")


def draw_confusion(axes: Any, report: dict[str, Any]) -> None:
    """Counts; rows are the truth."""
    counts, labels = report["confusion_matrix"]["counts"], report["confusion_matrix"]["labels"]
    axes.imshow(counts, cmap="Blues", aspect="auto", vmax=1.6 * max(map(max, counts)))
    for row, line in enumerate(counts):
        for column, count in enumerate(line):
            colour = "#cccccc" if not count else "black" if row == column else WRONG
            axes.text(column, row, count, ha="center", va="center", color=colour)
    axes.set_xticks(range(len(labels)), [*labels[:-1], "unreadable"], rotation=30, ha="right")
    axes.set_yticks(range(len(labels) - 1), labels[:-1])
    axes.set_title(f"Test, {report['num_clips']} clips: WAR {report['metrics']['war']['value']:.3f}")
    axes.set_ylabel("truth")
    axes.spines[:].set_visible(False)


def draw_clip(figure: Any, left: float, width: float, answer: dict[str, Any], media: Path) -> None:
    """Middle frame, transcript, truth and answer."""
    with av.open(str(media / f"{answer['id']}.mp4")) as container:
        frames = [frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)]
    axes = figure.add_axes((left + 0.012, 0.17, width - 0.024, 0.255))
    axes.imshow(frames[len(frames) // 2])
    axes.axis("off")
    said = answer["prompt"].split("video says: ")[1].split(".  [")[0]
    colour = RIGHT if answer["prediction"] == answer["truth"] else WRONG
    text, centre = {"ha": "center", "va": "top"}, left + width / 2
    figure.text(centre, 0.158, textwrap.fill(f'"{said}"', 26), fontsize=7.5, style="italic", **text)
    figure.text(centre, 0.062, f"truth: {answer['truth']}", **text)
    figure.text(centre, 0.032, f"answer: {answer['answer']}", color=colour, weight="bold", **text)


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:4]))
