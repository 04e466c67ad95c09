"""`metrics.json` as a table for people."""

from collections.abc import Mapping
from typing import Any

from rich.box import SIMPLE
from rich.console import Console, Group
from rich.markup import escape
from rich.table import Table
from rich.text import Text

from emolightning.scoring.metrics.paired import p_text

HEADLINES = ("weighted_f1", "macro_f1", "uar", "war")


def metrics_table(report: dict[str, Any]) -> Group:
    """Scores with intervals, and for labels per-class values and the confusion matrix, ready to print."""
    parts: list[Any] = [_summary(report), _scores(report)]
    if "confusion_matrix" in report:
        parts += [_classes(report), _confusion(report)]
    parts += _slices(report)
    return Group(*parts, *map(Text, [*about_likelihood(report), *about_annotators(report)]))


def print_metrics(report: dict[str, Any]) -> None:
    """Print to standard output: what makes the scores worth doubting, then the scores."""
    for warning in report.get("warnings", ()):
        print(f"warning: {warning}")
    Console(soft_wrap=False).print(metrics_table(report))


def _summary(report: dict[str, Any]) -> str:
    unscored = ", ".join(f"{count} {escape(str(reason))}" for reason, count in report["unscored"].items()) or "none"
    read = "with a label" if "confusion_matrix" in report else "that could be scored"
    return (
        f"[bold]{escape(report['benchmark'])} / {report['split']}[/bold]: {report['num_clips']} clips, "
        f"{report['num_scored']} answers {read}{_how(report)}; without: {unscored}"
    )


def _how(report: dict[str, Any]) -> str:
    """How many labels are not what the answer says to the letter; nothing where there are none."""
    by_alias = sum(report.get("aliases", {}).values())
    made_neutral = report.get("reading", {}).get("made_neutral", 0)
    parts = [f"{by_alias} by an alias"] if by_alias else []
    parts += [f"{made_neutral} made neutral by parser=upstream"] if made_neutral else []
    return f" ({', '.join(parts)})" if parts else ""


def _scores(report: dict[str, Any]) -> Group:
    """The scores; of labels a second column without unreadable answers, of folds one with the deviation."""
    metrics = report["metrics"]
    extra = {
        title: key
        for title, key in (("without unreadable", "value_without_unreadable"), ("sd over folds", "sd"))
        if any(key in score for score in metrics.values())
    }
    table = Table(title="Scores", box=SIMPLE)
    for name in ("score", "value", "95 % interval", *extra):
        table.add_column(name, justify="left" if name == "score" else "right")
    for name, score in metrics.items():
        values = [_number(score.get(key)) for key in extra.values()]
        span = " - ".join(map(_number, score["ci95"]))
        table.add_row(escape(name), _number(score["value"]), span, *values, style="bold" if name in HEADLINES else "")
    notes = ["Unreadable answers count as wrong."] if "confusion_matrix" in report else []
    notes += [f"  {name}: {score['definition']}" for name, score in metrics.items()]
    notes += about_intervals(report)
    notes += _by_parser(report)
    return Group(table, Text("\n".join(notes), style="dim"))


def _by_parser(report: dict[str, Any]) -> list[str]:
    """The headline as other parsers read the same answers."""
    others = report.get("reading", {}).get("other_parsers", {})
    listed = [f"{name} {of['weighted_f1']:.4f} ({of['unreadable']} unreadable)" for name, of in others.items()]
    notes = [f"weighted_f1 under other parsers: {', '.join(listed)}."] if listed else []
    if checked := report.get("reading", {}).get("hand_check"):
        low, high = checked["ci95"]
        notes.append(
            f"A person reads {checked['agreement']:.1%} of {checked['num_checked']} answers alike (95 % interval "
            f"{low:.1%} to {high:.1%}); {checked['invented']} labels are invented, {checked['lost']} lost, "
            f"{checked['other_label']} are others."
        )
        if judged := checked.get("read_by_judge"):
            notes.append(f"A judge read {judged['num_checked']} of them, the person {judged['agreed']} of these alike.")
    return notes


def about_intervals(report: Mapping[str, Any]) -> list[str]:
    """How intervals were made, and what two systems must differ by on these clips; nothing of reports without that."""
    about, metrics = report.get("sampling"), report["metrics"]
    made: dict[str, list[str]] = {}
    for name, score in metrics.items():
        made.setdefault(str(score.get("interval", "")), []).append(name)
    sentences = [f"Intervals of {', '.join(names)}: {method}." for method, names in made.items() if method]
    if len(sentences) == 1:
        sentences = [f"Intervals: {method}." for method in made if method]
    if about is None:
        return sentences
    if about.get("unit", "clip") != "clip":
        sentences.append(f"Clips of one {about['unit']} count as dependent; there are {about['num_units']} of them.")
    found = about["detectable_difference"]
    shown = [name for name in HEADLINES if name in found] or list(found)[:1]
    if shown:
        differences = ", ".join(f"{name} {found[name]:.3f}" for name in shown)
        sentences.append(
            f"To be told apart on these {report['num_clips']} clips, two systems as good as this one must differ by "
            f"about: {differences} (found in 4 of 5 tests at 5 %, if they err independently; by less if they err on "
            "the same clips, which `emolightning compare` takes into account)."
        )
    return sentences


def about_likelihood(report: Mapping[str, Any]) -> list[str]:
    """What the likeliest labels are worth, and whether their probabilities are what they say; nothing without them."""
    if ranked := report.get("ranking", {}).get("metrics"):
        return [f"Labels ranked by probabilities: {_values(ranked)}."]
    section = report.get("likelihood")
    if section is None:
        return []
    agreement = section["agreement"]
    sentences = [
        f"Likeliest labels: {_headlines(section['metrics'])}; they are the generated ones for "
        f"{100 * agreement['share']:.1f} % of {section['num_clips']} clips ({agreement['num_different']} differ, "
        f"{agreement['unread']} of these unreadable).",
        f"Their probabilities: {_calibrated(section['calibration'])}; area under risk against coverage "
        f"{section['risk_coverage']['area']:.4f}.",
    ]
    if ranked := section.get("ranking", {}).get("metrics"):
        sentences.append(f"Ranked by them: {_values(ranked)}.")
    if fitted := section.get("fitted"):
        thresholds = ", ".join(f"{label} {value:.2f}" for label, value in fitted["thresholds"].items())
        sentences += [
            f"Fitted on {fitted['num_clips']} validation clips, temperature {fitted['temperature']:.3f}: "
            f"{_calibrated(fitted['calibration'])}.",
            f"With thresholds tuned there for {fitted['tuned_for']} ({thresholds}): {_headlines(fitted['metrics'])}.",
        ]
    return sentences


def about_annotators(report: Mapping[str, Any]) -> list[str]:
    """How far people agree and what one of them scores, beside the system; nothing where one label is the truth."""
    section = report.get("annotators")
    if section is None:
        return []
    kappas = {name: each for name, each in section["agreement"].items() if each.get("value") is not None}
    found = ", ".join(f"{name} {_with_ends(each)}" for name, each in kappas.items()) or "not known"
    sentences = [f"{_people(section)}; agreement: {found}."]
    ceiling, name = section["ceiling"], HEADLINES[0]
    if name in ceiling["ceiling"]:
        people, system, difference = (_with_ends(ceiling[kind][name]) for kind in ("ceiling", "system", "difference"))
        sentences.append(
            f"One annotator against the label of most others: {name} {people}; the system against the same truths: "
            f"{system}; difference {difference}."
        )
    votes = ", ".join(f"{name} {_with_ends(each)}" for name, each in section["votes"].items())
    return [*sentences, *([f"Answers against votes: {votes}."] if votes else ())]


def _people(section: Mapping[str, Any]) -> str:
    """Return a phrase that says how many annotators there are.

    Where each clip was judged by different people, it says of how many pairs Cohen's kappa is the mean.
    """
    if names := section["names"]:
        return f"{len(names)} annotators"
    number, pairs = section["num_annotators"], section["num_pairs"]
    if not number:
        return "Annotators who are not named, so without Cohen's kappa"
    told = f"of {pairs['sharing_clips']} pairs who share clips {pairs['with_kappa']} have Cohen's kappa"
    return f"{number} annotators, different ones for each clip ({told})"


def _with_ends(entry: Mapping[str, Any]) -> str:
    ends = f" ({_number(entry['ci95'][0])} to {_number(entry['ci95'][1])})" if "ci95" in entry else ""
    return f"{_number(entry['value'])}{ends}"


def _values(metrics: Mapping[str, Any]) -> str:
    return ", ".join(f"{name} {each['value']:.4f}" for name, each in metrics.items())


def _headlines(metrics: Mapping[str, Any]) -> str:
    return ", ".join(f"{name} {metrics[name]['value']:.4f}" for name in HEADLINES)


def _calibrated(values: Mapping[str, float]) -> str:
    return f"ECE {values['ece']:.4f}, Brier {values['brier']:.4f}, NLL {values['nll']:.4f}"


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:.4f}"


def _classes(report: dict[str, Any]) -> Table:
    table = Table("class", title="Per class", box=SIMPLE)
    for name in ("precision", "recall", "f1", "support"):
        table.add_column(name, justify="right")
    for label, row in report["per_class"].items():
        table.add_row(
            escape(label), *(f"{row[name]:.4f}" for name in ("precision", "recall", "f1")), str(row["support"])
        )
    return table


def _slices(report: dict[str, Any]) -> list[Any]:
    """Right answers by attributes of clips; nothing where none were asked for."""
    section = report.get("slices")
    if section is None:
        return []
    table = Table("slice", title="Right answers by slices", box=SIMPLE)
    for name in ("clips", "right", "95 % interval", "expected", "gap", "p (Holm)"):
        table.add_column(name, justify="right")
    for column, about in section["columns"].items():
        for row in about["slices"]:
            p = "-" if row["p_holm"] is None else p_text(row["p_holm"])
            cells = [str(row["num_clips"]), _number(row["value"]), " - ".join(map(_number, row["ci95"]))]
            style = "bold" if row["verdict"] in ("weaker", "stronger") else ""
            cells += [_number(row["expected"]), f"{row['gap']:+.4f}", p]
            table.add_row(escape(f"{column} {row['name']}"), *cells, style=style)
    return [table, Text("\n".join(about_slices(report)), style="dim")]


def about_slices(report: Mapping[str, Any]) -> list[str]:
    """What slices say, in words: the gaps that were found, and what was not looked at."""
    section = report["slices"]
    found = [
        f"{column} {row['name']}: {row['verdict']}, {row['value']:.4f} of {row['num_clips']} clips are right, and "
        f"{row['expected']:.4f} of all clips with these labels (p {p_text(row['p_holm'])})."
        for column, about in section["columns"].items()
        for row in about["slices"]
        if row["verdict"] in ("weaker", "stronger")
    ]
    found = found or [f"No gap is shown in {section['num_tests']} slices."]
    unknown = [
        f"{column} {about['num_unknown']}" for column, about in section["columns"].items() if about["num_unknown"]
    ]
    found += [f"Clips of which it is not known: {', '.join(unknown)}."] if unknown else []
    if small := sum(about["num_small"] for about in section["columns"].values()):
        found.append(
            f"{small} slices have fewer than {section['min_clips']} clips inside or outside and are not tested."
        )
    return [*found, "expected: what clips with the same labels have; p: of chance, adjusted over all slices."]


def _confusion(report: dict[str, Any]) -> Table:
    """Short column names, so that nine classes fit into 80 columns; the rows carry the whole ones."""
    labels = report["confusion_matrix"]["labels"]
    table = Table(
        "truth", title="Confusion matrix (columns: answers; none: unreadable)", box=SIMPLE, padding=(0, 1, 0, 0)
    )
    table.columns[0].no_wrap = True
    for label in labels[:-1]:
        table.add_column(escape(label[:5]), justify="right", no_wrap=True)
    table.add_column("none", justify="right", no_wrap=True)
    for row, counts in enumerate(report["confusion_matrix"]["counts"]):
        cells = [f"[bold]{count}[/bold]" if row == column else str(count) for column, count in enumerate(counts)]
        table.add_row(escape(labels[row]), *cells)
    return table
