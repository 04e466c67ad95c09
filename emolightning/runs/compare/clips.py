"""The clips that systems are compared on: the same for all of them, with the same truths, or they are refused."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from emolightning.errors import InputErrors, UserError
from emolightning.runs.compare.systems import Said, System
from emolightning.scoring.predictions import some
from emolightning.scoring.rows import read_rows
from emolightning.scoring.slices import Attribute, Groups, grouped, split_bins


@dataclass(frozen=True)
class Compared:
    """Clips in their order, and how they belong together."""

    ids: list[str]
    truths: list[str]
    left_out: dict[str, list[str]] = field(default_factory=dict)
    """System -> its clips that others do not have."""
    clusters: np.ndarray | None = None
    """The cluster of each clip, a text, (clips,)."""
    slices: dict[str, Groups] = field(default_factory=dict)
    """Column -> the slices that it puts the clips into."""


def same_clips(systems: Sequence[System], *, only_shared: bool) -> Compared:
    """The clips of all systems, in the order of the first.

    Args:
        systems: at least one.
        only_shared: clips that not every system has are left out; else they are refused.

    Raises:
        InputErrors: systems with other clips, or with other truths for the same clips.
        UserError: no clip is left.
    """
    all_said = [(system.name, said) for system in systems for said in system.said]
    truths = [{answer.clip_id: str(answer.truth) for answer, _ in said.scored} for _, said in all_said]
    shared = [clip for clip in truths[0] if all(clip in each for each in truths)]
    known = set(shared)
    left_out: dict[str, list[str]] = {}
    for (name, _), each in zip(all_said, truths, strict=True):
        if extra := [clip for clip in each if clip not in known and clip not in left_out.get(name, ())]:
            left_out[name] = [*left_out.get(name, []), *extra]
    if not shared:
        raise UserError(
            f"runs: {' and '.join(dict.fromkeys(name for name, _ in all_said))} have no clip in common; compare runs "
            "on the same clips, and say ids=stem where ids of files differ in the suffix of a video alone"
        )
    if left_out and not only_shared:
        problems = [
            f"{name}: {len(clips)} of its clips are not in every system: {some(clips)}"
            for name, clips in left_out.items()
        ]
        note = f"{len(shared)} clips are in all of them; only_shared=true compares on these and counts the others"
        raise InputErrors("runs", problems, note=note)
    _refuse_other_truths(all_said, truths, shared)
    return Compared(shared, [truths[0][clip] for clip in shared], left_out)


def _refuse_other_truths(
    all_said: Sequence[tuple[str, Said]], truths: Sequence[dict[str, str]], shared: Sequence[str]
) -> None:
    problems = []
    for (name, _), each in zip(all_said[1:], truths[1:], strict=True):
        if other := [clip for clip in shared if each[clip] != truths[0][clip]]:
            clip = other[0]
            problems.append(
                f"{name}: {len(other)} of {len(shared)} clips have another truth than in {all_said[0][0]}: {clip!r} is "
                f"{each[clip][:80]!r} there and {truths[0][clip][:80]!r} here"
            )
    if problems:
        raise InputErrors("runs", problems, note="score the answers of both against the same file of truths")


def with_table(
    compared: Compared, table: Path, *, id_column: str, cluster: str | None, slices: Sequence[str]
) -> Compared:
    """The clips with their cluster and their slices.

    Args:
        compared: the clips.
        table: has a row for each of them, and perhaps for others.
        id_column: of the table.
        cluster: column whose values say which clips belong together, e.g. `subject`.
        slices: columns whose values are looked at one by one, or `age:4` for equal parts of numbers.

    Raises:
        InputErrors: what is wrong in the table; clips that it does not have, or twice with other values.
        UserError: all clips are in one cluster.
    """
    bins = dict(map(split_bins, slices))
    columns = list(dict.fromkeys([*([cluster] if cluster else []), *bins]))
    settings = {
        id_column: "columns.id",
        **dict.fromkeys(bins, "slices"),
        **({cluster: "cluster"} if cluster else {}),
    }
    found: dict[str, tuple[str, ...]] = {}
    problems = []
    for row in read_rows(table, [id_column, *columns], settings=settings):
        clip, values = (row.values[0] or "").strip(), tuple((value or "").strip() for value in row.values[1:])
        if found.setdefault(clip, values) != values:
            problems.append(f"line {row.line}: {clip!r} is there twice, with other values")
    if missing := [clip for clip in compared.ids if clip not in found]:
        problems.append(f"{len(missing)} of {len(compared.ids)} clips have no row: {some(missing)}")
    if cluster and (empty := [clip for clip in compared.ids if clip in found and not found[clip][0]]):
        problems.append(f"{cluster} is empty for {len(empty)} clips: {some(empty)}")
    if problems:
        raise InputErrors(str(table), problems)
    by_column = {name: [found[clip][place] for clip in compared.ids] for place, name in enumerate(columns)}
    clusters = np.array(by_column[cluster]) if cluster else None
    if clusters is not None and (clusters == clusters[0]).all():
        raise UserError(
            f"cluster={cluster}: all clips are of {str(clusters[0])!r}; clusters are drawn, so it needs several"
        )
    groups = {name: grouped(name, Attribute(by_column[name], number)) for name, number in bins.items()}
    return Compared(compared.ids, compared.truths, compared.left_out, clusters, groups)
