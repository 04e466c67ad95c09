"""`metrics.json` as a table for people."""

from typing import Any

from rich.console import Console, Group
from rich.table import Table

HEADLINES = ("weighted_f1", "macro_f1", "uar", "war")


def metrics_table(report: dict[str, Any]) -> Group:
    """Scores with intervals, per-class values and the confusion matrix, ready to print."""
    return Group(_summary(report), _scores(report), _classes(report), _confusion(report))


def print_metrics(report: dict[str, Any]) -> None:
    """Print to standard output."""
    Console(soft_wrap=False).print(metrics_table(report))


def _summary(report: dict[str, Any]) -> str:
    unscored = ", ".join(f"{count} {reason}" for reason, count in report["unscored"].items()) or "none"
    return (
        f"[bold]{report['benchmark']} / {report['split']}[/bold]: {report['num_clips']} clips, "
        f"{report['num_scored']} answers with a label; without: {unscored}"
    )


def _scores(report: dict[str, Any]) -> Table:
    table = Table("score", "value", "95 % interval", "definition", title="Scores (unreadable answers count as wrong)")
    for name, score in report["metrics"].items():
        low, high = score["ci95"]
        style = "bold" if name in HEADLINES else ""
        table.add_row(name, f"{score['value']:.4f}", f"{low:.4f} - {high:.4f}", score["definition"], style=style)
    return table


def _classes(report: dict[str, Any]) -> Table:
    table = Table("class", title="Per class")
    for name in ("precision", "recall", "f1", "support"):
        table.add_column(name, justify="right")
    for label, row in report["per_class"].items():
        table.add_row(label, *(f"{row[name]:.4f}" for name in ("precision", "recall", "f1")), str(row["support"]))
    return table


def _confusion(report: dict[str, Any]) -> Table:
    labels = report["confusion_matrix"]["labels"]
    table = Table("truth \\ answer", title="Confusion matrix")
    for label in labels:
        table.add_column(label, justify="right")
    for label, counts in zip(labels, report["confusion_matrix"]["counts"], strict=False):
        table.add_row(label, *(f"[bold]{n}[/bold]" if labels[i] == label else str(n) for i, n in enumerate(counts)))
    return table
