"""Several systems as one: who said what about which clip, what follows, and the files of an evaluation."""

import sys
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

import numpy as np

from emolightning.benchmarks.published.measured import METRICS
from emolightning.errors import InputErrors, UserError, quoted_override
from emolightning.files.digests import sha256_of
from emolightning.files.writing import require_writable, write_json, writing
from emolightning.records.clips import PROBABILITY_DIGITS, Answer, Clip, Score
from emolightning.runs.answers import ANSWERS, evaluation_key, join
from emolightning.runs.ensembles.systems import Reading, System, read_system
from emolightning.runs.lineage import describe_process
from emolightning.runs.report.page import write_page
from emolightning.runs.report.table import print_metrics
from emolightning.scoring.classification import Classification
from emolightning.scoring.ensembles import decide, fitted_weights, mean_probabilities, votes
from emolightning.scoring.predictions import some
from emolightning.scoring.reading import LabelReader
from emolightning.scoring.rows import read_rows
from emolightning.scoring.warnings import warnings_of

How = Literal["mean", "vote", "weights"]
VAL = "val"
NO_LABEL = "no system names a label"


@dataclass(frozen=True)
class Request:
    """What is combined, and how."""

    runs: tuple[str, ...]
    out: Path
    how: How = "mean"
    split: str | None = None
    """The evaluation of each run folder; None takes the latest."""
    validation: tuple[str, ...] = ()
    """What weights are fitted on; empty finds it in the run folders."""
    missing: Literal["error", "others"] = "error"
    truth: Path | None = None
    truth_column: str = "truth"
    reading: Reading = Reading()


@dataclass(frozen=True)
class Table:
    """Several systems side by side, clip by clip."""

    systems: list[System]
    clips: list[str]
    labels: tuple[str, ...]
    truths: Mapping[str, str]
    absent: Mapping[str, list[str]]
    """System -> the clips that it says nothing about and others do."""

    def probabilities(self) -> np.ndarray:
        """Float64 (systems, clips, labels); NaN where a system says nothing."""
        nothing = dict.fromkeys(self.labels, np.nan)
        rows = [[(self._of(system, clip) or nothing) for clip in self.clips] for system in self.systems]
        return np.array([[[row[label] for label in self.labels] for row in of_one] for of_one in rows])

    def choices(self) -> np.ndarray:
        """Int64 (systems, clips): places of labels, -1 for none."""
        place = {label: number for number, label in enumerate(self.labels)}
        said = [[system.opinions.get(clip) for clip in self.clips] for system in self.systems]
        return np.array([[-1 if one is None else place.get(one.label or "", -1) for one in row] for row in said])

    def _of(self, system: System, clip: str) -> Mapping[str, float] | None:
        opinion = system.opinions.get(clip)
        return None if opinion is None else opinion.probabilities


def combine(request: Request) -> dict[str, Any]:
    """Read, put together, write and print.

    Returns:
        The content of `metrics.json`; without any truth what it would say of the systems.

    Raises:
        UserError: what is wrong with the systems, before anything is written.
    """
    require_new_folder(request.out)
    systems = [read_system(name, "runs", request.reading, split=request.split) for name in request.runs]
    _require_several(systems)
    truths = _truths_of(request)
    table = _table(systems, truths, missing=request.missing)
    _refuse_one_way(request, table)
    weights, fitted = _weights(request, table, truths)
    answers, ties = _answers(request.how, table, weights)
    facts = {
        "how": request.how,
        "labels": list(table.labels),
        "runs": [
            {"path": s.name, "answers_sha256": s.sha256, "weight": weight, "missing": len(table.absent[s.name])}
            for s, weight in zip(systems, weights, strict=True)
        ],
        **({"fitted": fitted} if fitted else {}),
        "ties": ties,
        "truth_sha256": sha256_of(request.truth) if request.truth else None,
        **_in_common(systems),
    }
    return _write(request.out, table, answers, facts)


def require_new_folder(out: Path) -> None:
    """Refuse a folder that holds something, or a name that looks like a file.

    Raises:
        UserError: says another name.
    """
    if out.suffix.lower() in (".csv", ".tsv", ".json", ".jsonl", ".xlsx"):
        raise UserError(f"out={out}: names a folder, which gets {ANSWERS}; say {quoted_override('out', out.stem)}")
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        other = quoted_override("out", f"{out}-2")
        raise UserError(f"out={out}: is there already, and nothing is written over; say e.g. {other}")
    require_writable(out, "out")


def _require_several(systems: Sequence[System]) -> None:
    if len(systems) < 2:
        raise UserError(f"runs=[{systems[0].name}]: is one system alone; name at least two: runs=[A,B]")
    places = [system.file.resolve() for system in systems]
    if repeated := [system for system in systems if places.count(system.file.resolve()) > 1]:
        first, second, *_ = repeated
        raise UserError(f"runs: {first.name} and {second.name} are the same answers; name each system once")
    for about in ("benchmark", "split"):
        said = {system.name: system.report[about] for system in systems if about in system.report}
        if len(set(said.values())) > 1:
            listed = ", ".join(f"{name} of {value}" for name, value in said.items())
            cure = "; split=test takes that evaluation of each run folder" if about == "split" else ""
            raise UserError(f"runs: evaluations of another {about} cannot be combined: {listed}{cure}")


def _truths_of(request: Request) -> dict[str, str]:
    """Clip -> truth as the file says it."""
    if request.truth is None:
        return {}
    column = request.reading.id
    settings = {column: "columns.id", request.truth_column: "columns.truth"}
    rows = read_rows(request.truth, [column, request.truth_column], settings=settings)
    found: dict[str, str] = {}
    for row in rows:
        clip, truth = (str(value or "").strip() for value in row.values)
        if found.setdefault(clip, truth) != truth:
            raise InputErrors(
                str(request.truth), [f"line {row.line}: {clip!r} has two truths, {found[clip]!r} and {truth!r}"]
            )
    return found


def _table(systems: Sequence[System], truths: Mapping[str, str], *, missing: str) -> Table:
    """The systems side by side; what they do not have in common is refused, or counted as asked for."""
    labels = same_labels(systems)
    clips = list(dict.fromkeys(clip for system in systems for clip in system.opinions))
    absent = {system.name: [clip for clip in clips if clip not in system.opinions] for system in systems}
    if missing == "error" and any(absent.values()):
        raise InputErrors(
            "runs",
            [
                f"{system.name}: {len(absent[system.name])} of {len(clips)} clips have no answer: "
                f"{some(absent[system.name])}{_why(system, absent[system.name])}"
                for system in systems
                if absent[system.name]
            ],
            note="missing=others combines what the other systems say about such clips, and counts them",
        )
    return Table(list(systems), clips, labels, _known(systems, truths, labels, clips), absent)


def _why(system: System, absent: Sequence[str]) -> str:
    kinds = Counter(system.failed[clip] for clip in absent if clip in system.failed)
    return f" ({', '.join(f'{count} {kind}' for kind, count in kinds.items())})" if kinds else ""


def same_labels(systems: Sequence[System]) -> tuple[str, ...]:
    """The vocabulary of all of them."""
    first = systems[0]
    if unknown := [system.name for system in systems if not system.labels]:
        raise UserError(f"runs: {unknown[0]}: does not tell its labels; say labels=mer6, or another name, or a list")
    for system in systems[1:]:
        if set(system.labels) != set(first.labels):
            raise UserError(
                f"runs: {system.name} chooses from {list(system.labels)}, and {first.name} from {list(first.labels)}; "
                "systems of other labels cannot be combined"
            )
    return first.labels


def _known(
    systems: Sequence[System], truths: Mapping[str, str], labels: Sequence[str], clips: Sequence[str]
) -> dict[str, str]:
    """Clip -> true label, of those that have one; systems that were told different truths are refused."""
    reader = LabelReader(labels)
    known: dict[str, str] = {}
    problems = []
    said = [(s.name, {clip: o.truth for clip, o in s.opinions.items() if o.truth}) for s in systems]
    for name, of_one in [*said, *([("truth", truths)] if truths else [])]:
        for clip in clips:
            if clip not in of_one:
                continue
            truth = reader.label_of(str(of_one[clip]))
            if truth is None:
                problems.append(f"{name}: truth {of_one[clip]!r} of {clip!r} is not one of {list(labels)}")
            elif known.setdefault(clip, truth) != truth:
                problems.append(f"{name}: the truth of {clip!r} is {truth!r}, and {known[clip]!r} for another")
    if problems:
        raise InputErrors("truths", problems, note="evaluate the runs on the same data, with the same labels")
    return known


def _refuse_one_way(request: Request, table: Table) -> None:
    """Probabilities that are needed and not there."""
    if request.how == "vote":
        return
    if lacking := {system.name: without for system in table.systems if (without := system.without_probabilities())}:
        raise InputErrors(
            f"how={request.how}",
            [f"{name}: {len(clips)} answers have no probabilities: {some(clips)}" for name, clips in lacking.items()],
            note="evaluate such a run again with probabilities=true, take a file of `predict`, give a table with "
            "columns p_LABEL, or say how=vote",
        )


def _weights(request: Request, table: Table, truths: Mapping[str, str]) -> tuple[list[float], dict[str, Any] | None]:
    """The weight of each system, and what it was fitted on."""
    number = len(table.systems)
    if request.how != "weights":
        if request.validation:
            raise UserError(f"validation is what how=weights is fitted on; say how=weights, which is {request.how}")
        return [1 / number] * number, None
    if {system.report.get("split") for system in table.systems} == {VAL}:
        raise UserError(f"{FITTED_ON_SCORED}; say split=test, and the weights come from split val")
    names = request.validation or _folders(request)
    if len(names) != number:
        raise UserError(f"validation: has {len(names)} entries for {number} runs; give one each, in the same order")
    systems = [read_system(name, "validation", request.reading, split=_val_of(name)) for name in names]
    for system in systems:
        if system.report.get("split", VAL) != VAL:
            raise UserError(f"validation: {system.name} is of split {system.report['split']}: {FITTED_ON_SCORED}")
    own = _table(systems, truths, missing="error")
    _refuse_one_way(replace(request, runs=()), own)
    _require_apart(own, table)
    place = {label: number for number, label in enumerate(own.labels)}
    weights, loss = fitted_weights(own.probabilities(), [place[own.truths[clip]] for clip in own.clips])
    about = [{"path": system.name, "answers_sha256": system.sha256} for system in systems]
    return weights, {"split": VAL, "num_clips": len(own.clips), "loss": loss, "runs": about}


FITTED_ON_SCORED = (
    "weights are fitted on validation clips alone, never on clips that are scored with them: on those they would fit "
    "chance, and the scores would be too good"
)


def _folders(request: Request) -> tuple[str, ...]:
    """The runs themselves, which hold their evaluations of split val."""
    if files := [name for name in request.runs if not Path(name).expanduser().is_dir()]:
        raise UserError(
            f"how=weights: {files[0]} is a file, so it does not tell what the system said of validation clips; say "
            "validation=[A,B], a file or folder for each of runs"
        )
    return request.runs


def _val_of(name: str) -> str | None:
    return VAL if Path(name).expanduser().is_dir() else None


def _require_apart(own: Table, scored: Table) -> None:
    """Refuse validation clips without a truth, and those that are scored as well."""
    if set(own.labels) != set(scored.labels):
        raise UserError(f"validation: has the labels {list(own.labels)}, and runs have {list(scored.labels)}")
    if without := [clip for clip in own.clips if clip not in own.truths]:
        raise UserError(
            f"validation: {len(without)} of {len(own.clips)} clips have no truth: {some(without)}; say truth=FILE, a "
            "table of ids and truths"
        )
    if shared := [clip for clip in own.clips if clip in set(scored.clips)]:
        raise UserError(f"validation: {len(shared)} clips are among runs as well: {some(shared)}; {FITTED_ON_SCORED}")


def _answers(how: How, table: Table, weights: Sequence[float]) -> tuple[list[Answer], dict[str, int]]:
    """What all say together about each clip, and how many clips the first rule left open."""
    has_all = not any(system.without_probabilities() for system in table.systems)
    mean = mean_probabilities(table.probabilities(), weights) if has_all else None
    choices = table.choices()
    ballots = votes(choices, len(table.labels))
    rules = {"votes": ballots} if how == "vote" else {}
    rules |= {} if mean is None else {"probabilities": mean}
    alone = {f"choice of {system.name}": votes(row[None], len(table.labels)) for system, row in _each(table, choices)}
    decided = decide([*rules.values(), *alone.values()])
    ties = {f"equal {name}": count for name, count in zip(rules, decided.ties, strict=False) if count}
    answers = []
    for number, (clip, place) in enumerate(zip(table.clips, decided.places, strict=True)):
        label = table.labels[place] if place >= 0 else ""
        chances = None
        if mean is not None:
            row = zip(table.labels, mean[number].tolist(), strict=True)
            chances = {each: round(chance, PROBABILITY_DIGITS) for each, chance in row}
        because = "" if label else NO_LABEL
        answers.append(Answer(clip, label, "", table.truths.get(clip), 0.0, not label, because, chances))
    return answers, ties


def _each(table: Table, choices: np.ndarray) -> Iterable[tuple[System, np.ndarray]]:
    return zip(table.systems, choices, strict=True)


def _in_common(systems: Sequence[System]) -> dict[str, Any]:
    """What all evaluations say alike of how they were made; inputs are those that any of them saw."""
    told = [system.report.get("evaluation") for system in systems]
    known: list[dict[str, Any]] = [each for each in told if isinstance(each, dict)]
    if len(known) < len(systems):
        return {}
    alike = {name: value for name, value in known[0].items() if all(each.get(name) == value for each in known)}
    seen = [each.get("inputs") for each in known]
    if all(isinstance(each, list) for each in seen):
        alike["inputs"] = list(dict.fromkeys(name for each in seen for name in each or ()))
    return {name: value for name, value in alike.items() if name not in ("how", "runs", "ties", "labels", "fitted")}


def _doubts(table: Table) -> tuple[dict[str, list[str]], bool]:
    """What the evaluations say against themselves, and whether one has a random base."""
    reports = [system.report for system in table.systems]
    data: dict[str, list[str]] = {"official_differences": [], "training_differences": [], "remarks": []}
    for report in reports:
        for kind, sentences in data.items():
            sentences += [each for each in (report.get("data") or {}).get(kind, ()) if each not in sentences]
    for system in table.systems:
        if skipped := system.report.get("num_skipped"):
            data["remarks"].append(f"{skipped} clips were left out of the evaluation of {system.name}")
        if absent := table.absent[system.name]:
            data["remarks"].append(f"{system.name} has no answer about {len(absent)} of {len(table.clips)} clips")
    return data, any((report.get("model") or {}).get("has_random_base") for report in reports)


def _write(out: Path, table: Table, answers: Sequence[Answer], facts: dict[str, Any]) -> dict[str, Any]:
    """The files of an evaluation; scores only where truths are known."""
    reports = [system.report for system in table.systems if system.report]
    scored = [report["confusion_matrix"]["labels"][:-1] for report in reports]
    scoring = Classification(labels=scored[0] if scored else table.labels)
    scores = [scoring.score(answer) for answer in answers]
    with writing(f"out={out}"):
        out.mkdir(parents=True, exist_ok=True)
    join(out, evaluation_key(facts), answers, scores)
    write_json(out / "lineage.json", {**describe_process(sys.argv), "combined": facts})
    told = [*_said_of(facts), f"answers: {out / ANSWERS}"]
    if not table.truths:
        counts = Counter(answer.text or NO_LABEL for answer in answers)
        listed = ", ".join(f"{label} {count}" for label, count in counts.most_common())
        print("\n".join([f"{len(answers)} clips, no truth is known: {listed}", *told]))
        return {"evaluation": facts}
    name = reports[0]["benchmark"] if reports else out.name
    split = reports[0]["split"] if reports else "test"
    data, is_random = _doubts(table)
    report = scoring.report(answers, scores, benchmark=name, split=split)
    report = replace(report, evaluation=facts, data=data, model={"has_random_base": is_random})
    content = replace(report, warnings=warnings_of(report.content())).content()
    write_json(out / METRICS, content)
    rows: list[tuple[Clip, Answer, Score]] = [
        (Clip(answer.clip_id, Path()), answer, score) for answer, score in zip(answers, scores, strict=True)
    ]
    write_page(out / "report.html", content, rows, media={}, history=[])
    print_metrics(content)
    print("\n".join([*told, f"scores:  {out / METRICS}", f"report:  {out / 'report.html'}"]))
    return content


def _said_of(facts: Mapping[str, Any]) -> list[str]:
    lines = [f"{run['weight']:.4f}  {run['path']}" for run in facts["runs"]] if facts["how"] != "vote" else []
    if fitted := facts.get("fitted"):
        loss = fitted["loss"]
        lines.append(
            f"weights are fitted on {fitted['num_clips']} clips of split {VAL}: loss {loss['fitted']:.4f} nats, with "
            f"equal weights {loss['equal']:.4f}"
        )
    ties = [f"{count} clips with {name}" for name, count in facts["ties"].items()]
    return [
        *lines,
        *([f"ties: {', '.join(ties)}; decided by what comes next, last by the order of runs"] if ties else []),
    ]
