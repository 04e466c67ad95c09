"""The content of `compare.json` as sentences and tables, for a screen, a page, a paper."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from emolightning.records.sheets import Sheet
from emolightning.scoring.metrics.paired import p_text
from emolightning.scoring.predictions import some

NOTHING = "-"
"""Stands where nothing is recorded."""

MOST_DIFFERENCES = 40
"""Settings shown of two runs; all are in compare.json."""

Content = Mapping[str, Any]


def sheets(content: Content) -> list[Sheet]:
    """All tables: the systems, then each pair."""
    found = [systems_sheet(content)]
    for pair in content["pairs"]:
        found += [_pair_sheet(pair, content), *_class_sheets(pair), *_slice_sheets(pair), *_setting_sheets(pair)]
    return found


def systems_sheet(content: Content) -> Sheet:
    """A row a system, below them what was published; columns of which nothing is recorded are left out."""
    names = list(content["columns"])
    head = ["system", "protocol", "training", "inputs", "parameters", "trained", "s/clip", "clips", *names]
    rows = [
        [
            _named(system),
            "measured here",
            system["training"] or NOTHING,
            system["modality"] or NOTHING,
            _count(system["num_parameters"]),
            _count(system["num_trained"]),
            NOTHING if system["seconds_per_clip"] is None else f"{system['seconds_per_clip']:.3g}",
            str(system["num_clips"]),
            *(_value(system["metrics"].get(name)) for name in names),
            NOTHING,
        ]
        for system in content["systems"]
    ]
    reasons: dict[str, int] = {}
    rows += _published(content["published"], names, reasons)
    head.append("against ours")
    filled = [place for place in range(len(head)) if place == 0 or any(row[place] != NOTHING for row in rows)]
    title = f"{content['benchmark']} / {content['split']}: {content['num_clips']} clips"
    notes = [*_notes_of_systems(content), *(f"[{number}] {reason}" for reason, number in reasons.items())]
    return Sheet(title, [head[place] for place in filled], [[row[place] for place in filled] for row in rows], notes)


def _published(published: Sequence[Content], names: Sequence[str], reasons: dict[str, int]) -> Iterator[list[str]]:
    """A row for the cells of one model and protocol; reasons against a comparison get numbers."""
    rows: dict[tuple[str, ...], list[Content]] = {}
    for cell in published:
        rows.setdefault((cell["model"], cell["modality"] or NOTHING, cell["protocol"]), []).append(cell)
    for (model, modality, protocol), cells in rows.items():
        printed = {cell["metric"]: _short(cell["value"]) for cell in cells}
        values = [printed.get(name, NOTHING) for name in names]
        about = [model, f"published, {protocol}", cells[0]["training"] or NOTHING, modality, *[NOTHING] * 4]
        yield [*about, *values, _verdicts(cells, reasons)]


def _verdicts(cells: Sequence[Content], reasons: dict[str, int]) -> str:
    """What the cells say about our systems, each sentence once."""
    said: dict[str, dict[str, None]] = {}
    for cell in cells:
        for name, verdict in cell["verdicts"].items():
            word, _, reason = verdict.partition(": ")
            short = f"{word} [{reasons.setdefault(reason, len(reasons) + 1)}]" if reason else verdict
            about = f"{cell['metric']} {short}" if len(cells) > 1 and not reason else short
            said.setdefault(about, {})[name] = None
    everybody = len(cells[0]["verdicts"])
    return "; ".join(
        verdict if len(names) == everybody else f"{', '.join(names)}: {verdict}" for verdict, names in said.items()
    )


def _notes_of_systems(content: Content) -> list[str]:
    how = {system["training"] for system in content["systems"]}
    notes = list(content["notes"])
    if any((each or "").startswith("zero-shot") for each in how) and any(
        (each or "").startswith("trained") for each in how
    ):
        notes.append(
            "zero-shot systems and systems that were trained on these data are in one table: see the column training"
        )
    if None in how:
        without = [system["name"] for system in content["systems"] if system["training"] is None]
        notes.append(f"whether {', '.join(without)} saw these data in training is not recorded")
    for way, about in {cell["protocol"]: cell["about"] for cell in content["published"]}.items():
        notes.append(f"{way}: {about}")
    return notes


def _named(system: Content) -> str:
    seeds = system["num_seeds"]
    return f"{system['name']} (mean of {seeds} seeds)" if seeds > 1 else system["name"]


def _count(number: int | None) -> str:
    if number is None:
        return NOTHING
    for unit, name in ((10**9, "B"), (10**6, "M"), (10**3, "k")):
        if number >= unit:
            return f"{number / unit:.3g} {name}"
    return str(number)


def _value(metric: Content | None) -> str:
    if metric is None or metric["value"] is None:
        return NOTHING
    ends = "" if None in metric["ci95"] else f" [{metric['ci95'][0]:.3f}, {metric['ci95'][1]:.3f}]"
    return f"{metric['value']:.4f}{ends}"


def _short(printed: str) -> str:
    """A printed figure, of a result file's sixteen digits rounded to those of ours."""
    return printed if len(printed.partition(".")[2]) <= 4 else f"{float(printed):.4f}"


def _p_is(p: float) -> str:
    text = p_text(p)
    return f"p {text}" if text.startswith("<") else f"p = {text}"


def _pair_sheet(pair: Content, content: Content) -> Sheet:
    first, second = pair["first"], pair["second"]
    extra = "cohens_dz" in next(iter(pair["metrics"].values()))
    columns = ["score", first, second, "difference", "95 % interval", "p", "p (Holm)", f"{second} is"]
    rows = []
    for name, row in pair["metrics"].items():
        ends = f"{row['ci95'][0]:+.4f} to {row['ci95'][1]:+.4f}"
        values = [f"{row['first']:.4f}", f"{row['second']:.4f}", f"{row['difference']:+.4f}", ends]
        ps = [p_text(row["p"]), p_text(row["p_holm"])]
        effect = [NOTHING if row["cohens_dz"] is None else f"{row['cohens_dz']:+.2f}"] if extra else []
        rows.append([name, *values, *ps, row["verdict"], *effect])
    return Sheet(
        f"{second} against {first}", [*columns, *(["Cohen's dz"] if extra else [])], rows, sentences(pair, content)
    )


def sentences(pair: Content, content: Content) -> list[str]:
    """What is known of a pair, in words: the verdict first."""
    second, headline = pair["second"], pair["headline"]
    found = []
    row = pair["metrics"].get(headline)
    if row is not None:
        ends = f"95 % interval {row['ci95'][0]:+.4f} to {row['ci95'][1]:+.4f}"
        is_so = "no difference shown" if row["verdict"] == "no difference shown" else f"{second} is {row['verdict']}"
        found.append(
            f"{is_so}: {headline} {row['second']:.4f} against {row['first']:.4f}, "
            f"difference {row['difference']:+.4f}, {ends}, {_p_is(row['p_holm'])}"
        )
        if row["detectable"]:
            found.append(
                f"on these {content['num_clips']} clips a true difference of {row['detectable']:.4f} in {headline} "
                "would be found four times in five"
            )
    if "mcnemar" in pair:
        found += _mcnemar_sentences(pair, content)
    return found


def _mcnemar_sentences(pair: Content, content: Content) -> list[str]:
    test, fixed, broke = pair["mcnemar"], pair["fixed"], pair["broke"]
    found = [
        f"{pair['second']} fixed {fixed['count']} clips and broke {broke['count']}; both are right on "
        f"{test['both_right']} and wrong on {test['both_wrong']}"
    ]
    found += [f"{word}: {some(part['clips'])}" for word, part in (("fixed", fixed), ("broke", broke)) if part["clips"]]
    odds = "-" if test["odds_ratio"] is None else f"{test['odds_ratio']:.3g}"
    sizes = f"odds ratio {odds}, Cohen's g {test['cohens_g']:+.3f}, Cohen's h {test['cohens_h']:+.3f}"
    if content["cluster"]:
        found.append(
            f"{sizes}; McNemar's test takes clips as independent, so p-values are of whole clusters that change sides"
        )
    elif pair["has_seeds"]:
        found.append(f"{sizes}; p-values are of draws of seeds and clips")
    else:
        found.append(f"exact McNemar test of right answers: {_p_is(test['p_exact'])}; {sizes}")
    return found


def _class_sheets(pair: Content) -> Iterator[Sheet]:
    if rows := pair.get("per_class"):
        yield _parts_sheet(
            f"{pair['second']} against {pair['first']}: recall of each class", "class", "support", pair, rows
        )


def _slice_sheets(pair: Content) -> Iterator[Sheet]:
    for column, rows in pair.get("slices", {}).items():
        name = next(iter(rows.values()))["metric"]
        yield _parts_sheet(
            f"{pair['second']} against {pair['first']}: {name} by {column}", column, "num_clips", pair, rows
        )


def _parts_sheet(title: str, name: str, number: str, pair: Content, rows: Mapping[str, Content]) -> Sheet:
    counts = [each for each in ("fixed", "broke") if each in next(iter(rows.values()))]
    columns = [name, "clips", pair["first"], pair["second"], "difference", "95 % interval", *counts, "p", "p (Holm)"]
    cells = [
        [
            label,
            str(row[number]),
            f"{row['first']:.4f}",
            f"{row['second']:.4f}",
            f"{row['difference']:+.4f}",
            f"{row['ci95'][0]:+.4f} to {row['ci95'][1]:+.4f}",
            *(str(row[each]) for each in counts),
            p_text(row["p"]),
            p_text(row["p_holm"]),
        ]
        for label, row in rows.items()
    ]
    return Sheet(title, columns, cells)


def _setting_sheets(pair: Content) -> Iterator[Sheet]:
    if differences := pair["settings"]:
        shown = list(differences.items())[:MOST_DIFFERENCES]
        rows = [[name, *(NOTHING if value is None else str(value) for value in values)] for name, values in shown]
        more = len(differences) - len(shown)
        notes = [f"{more} more settings differ; all are in compare.json"] if more else []
        yield Sheet("Settings that differ", ["setting", pair["first"], pair["second"]], rows, notes)
