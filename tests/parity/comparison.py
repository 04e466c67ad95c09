"""Recorded against recomputed, leaf by leaf, so that nothing recorded goes unnoticed; one row for each quantity.

The recomputed side has the shape of the recorded one: objects, lists, and leaves. A plain leaf must be equal, `Near`
allows a deviation, `Unchecked` says why there is nothing to compare with.
"""

import math
import re
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
import torch
from torch import Tensor

VALUES, LOSSES, GRADIENTS, RATES = 1e-5, 2e-6, 1e-4, 1e-12
"""Limits: embeddings and logits, losses, relative error of gradients, learning rates."""

UNKNOWN = "nothing here recomputes it"


@dataclass(frozen=True)
class Near:
    """A recomputed number, list of numbers or tensor that may deviate a little."""

    value: Any
    limit: float
    kind: Literal["scaled", "absolute", "relative"] = "scaled"
    """`scaled`: limit x max(1, largest recorded magnitude); `relative`: norm of the difference / norm of the record."""


@dataclass(frozen=True)
class Unchecked:
    """A recorded value that is not compared."""

    reason: str


@dataclass(frozen=True)
class Same:
    """A recomputed object of plain values that must be equal as a whole."""

    value: Any


@dataclass(frozen=True)
class AnyOrder:
    """A recomputed list of names, of which the record may have another order."""

    names: list[str]


class Each(dict[str, Any]):
    """Many entries of one quantity: their names do not make rows of their own."""


@dataclass
class Row:
    """All values of one quantity."""

    name: str
    num_values: int = 0
    deviation: float = 0.0
    """The largest, measured by its tolerance; of values that must be equal, how many are not."""
    tolerance: float = 0.0
    """0: must be equal."""
    worst: str = ""
    """Where it is too large."""

    @property
    def is_ok(self) -> bool:
        """Within tolerance. NaN is not."""
        return self.deviation <= self.tolerance

    @property
    def _severity(self) -> float:
        if self.deviation != self.deviation:
            return math.inf
        return self.deviation / self.tolerance if self.tolerance else (math.inf if self.deviation else 0.0)

    def add(self, other: "Row") -> None:
        """Count the values of `other` and keep the worse deviation."""
        number = self.num_values + other.num_values
        both_exact = not self.tolerance and not other.tolerance
        if both_exact:
            self.deviation, self.worst = self.deviation + other.deviation, self.worst or other.worst
        elif other._severity >= self._severity:
            self.deviation, self.tolerance, self.worst = other.deviation, other.tolerance, other.worst
        self.num_values = number


@dataclass
class Comparison:
    """What came out, for all files."""

    rows: dict[str, Row] = field(default_factory=dict)
    unchecked: Counter[tuple[str, str]] = field(default_factory=Counter)
    """Recorded quantity and why it is not compared -> how many of it."""
    absent: list[str] = field(default_factory=list)
    """Files and quantities that could be checked and are not recorded."""

    @property
    def is_ok(self) -> bool:
        """Whether something was compared, and all of it agrees."""
        return bool(self.rows) and all(row.is_ok for row in self.rows.values())

    def add(self, row: Row) -> None:
        """Count a result."""
        if row.name in self.rows:
            self.rows[row.name].add(row)
        else:
            self.rows[row.name] = row

    def fail(self, name: str, reason: str) -> None:
        """Note something that cannot be compared and should."""
        self.add(Row(name, num_values=1, deviation=math.inf, worst=reason))

    def compare(self, file: str, recorded: Any, computed: Any, *, label: Callable[[str], str] | None = None) -> None:
        """Compare a file's content.

        Args:
            file: its name, the start of all names of quantities.
            recorded: its content.
            computed: the same, recomputed.
            label: a key of the top level -> the quantity it belongs to, e.g. without the number of the sample. The keys
                are then those of tensors, a closed set: one that is not computed is a failure.
        """
        if label is None:
            self._compare(recorded, computed, place="", quantity="", file=file)
            return
        for key in recorded:
            if key in computed:
                self._compare(recorded[key], computed[key], place=key, quantity=label(key), file=file)
            else:
                self.fail(f"{file}: {label(key)}", f"{key}: recorded, but ours has none")
        self.absent += sorted({f"{file}: {label(key)}" for key in computed if key not in recorded})

    def _compare(self, recorded: Any, computed: Any, *, place: str, quantity: str, file: str) -> None:
        name = f"{file}: {quantity}" if quantity else file
        if isinstance(computed, Unchecked):
            self.unchecked[name, computed.reason] += 1
        elif isinstance(computed, Same):
            differs = recorded != computed.value
            self.add(Row(name, 1, float(differs), worst=_different(place, recorded, computed.value) if differs else ""))
        elif isinstance(computed, AnyOrder):
            theirs = sorted(map(str, recorded)) if isinstance(recorded, list) else recorded
            self.add(_compare_leaf(name, place, theirs, sorted(computed.names)))
        elif isinstance(computed, Mapping):
            self._compare_objects(recorded, computed, place=place, quantity=quantity, file=file)
        elif isinstance(computed, list) and not all(_is_plain(item) for item in computed):
            self._compare_lists(recorded, computed, place=place, quantity=quantity, file=file)
        else:
            self.add(_compare_leaf(name, place, recorded, computed))

    def _compare_objects(
        self, recorded: Any, computed: Mapping[str, Any], *, place: str, quantity: str, file: str
    ) -> None:
        if not isinstance(recorded, Mapping):
            self.fail(f"{file}: {quantity}", f"{place}: an object is expected, {_shown(recorded)} recorded")
            return
        for key in [*recorded, *(key for key in computed if key not in recorded)]:
            inner = _join(quantity, "{}" if isinstance(computed, Each) else key)
            if key not in computed and isinstance(computed, Each):
                self.fail(f"{file}: {inner}", f"{_join(place, key)}: recorded, but ours has none")
            elif key not in computed:
                self.unchecked[f"{file}: {inner}", UNKNOWN] += 1
            elif key in recorded:
                self._compare(recorded[key], computed[key], place=_join(place, key), quantity=inner, file=file)
            elif isinstance(computed, Each):
                self.fail(f"{file}: {inner}", f"{_join(place, key)}: ours has it, not recorded")
            elif not isinstance(computed[key], Unchecked):
                self.absent.append(f"{file}: {inner}")

    def _compare_lists(self, recorded: Any, computed: list[Any], *, place: str, quantity: str, file: str) -> None:
        if not isinstance(recorded, list) or len(recorded) != len(computed):
            found = f"{len(recorded)} entries" if isinstance(recorded, list) else _shown(recorded)
            self.fail(f"{file}: {quantity}", f"{place}: {found} recorded, {len(computed)} computed")
            return
        for number, (theirs, ours) in enumerate(zip(recorded, computed, strict=True)):
            self._compare(theirs, ours, place=f"{place}[{number}]", quantity=f"{quantity}[]", file=file)


def without_numbers(name: str) -> str:
    """The quantity of a tensor's name.

    >>> without_numbers("s12.logits")
    's*.logits'
    """
    return re.sub(r"\d+", "*", name)


def _join(path: str, key: str) -> str:
    return f"{path}.{key}" if path else key


def _is_plain(value: Any) -> bool:
    return not isinstance(value, Near | Unchecked | Same | AnyOrder | Mapping | list)


def _compare_leaf(name: str, place: str, recorded: Any, computed: Any) -> Row:
    if isinstance(computed, Near):
        return _compare_near(name, place, recorded, computed)
    if isinstance(computed, Tensor):
        return _compare_equal_tensors(name, place, recorded, computed)
    theirs = recorded if isinstance(computed, list) and isinstance(recorded, list) else [recorded]
    ours = computed if isinstance(computed, list) and isinstance(recorded, list) else [computed]
    wrong = abs(len(theirs) - len(ours)) + sum(not _equal(a, b) for a, b in zip(theirs, ours, strict=False))
    worst = f"{place}: {_shown(recorded)} recorded, {_shown(computed)} computed" if wrong else ""
    return Row(name, num_values=max(len(theirs), 1), deviation=wrong, worst=worst)


def _different(place: str, recorded: Any, computed: Any) -> str:
    """The first entry that differs, for objects; else both."""
    if isinstance(recorded, Mapping) and isinstance(computed, Mapping):
        for key in [*computed, *recorded]:
            if recorded.get(key, UNKNOWN) != computed.get(key, UNKNOWN):
                return _different(_join(place, key), recorded.get(key), computed.get(key))
    return f"{place}: {_shown(recorded)} recorded, {_shown(computed)} computed"


def _equal(recorded: Any, computed: Any) -> bool:
    """Equal, and true is not 1."""
    return isinstance(recorded, bool) == isinstance(computed, bool) and recorded == computed


def _compare_equal_tensors(name: str, place: str, recorded: Any, computed: Tensor) -> Row:
    if not isinstance(recorded, Tensor) or recorded.shape != computed.shape:
        return _other_shape(name, place, recorded, computed)
    wrong = int((recorded != computed).sum())
    worst = f"{place}: {wrong} of {recorded.numel()} values differ" if wrong else ""
    return Row(name, num_values=recorded.numel(), deviation=wrong, worst=worst)


def _compare_near(name: str, place: str, recorded: Any, computed: Near) -> Row:
    try:
        theirs, ours = _array(recorded), _array(computed.value)
    except (TypeError, ValueError):
        return _other_shape(name, place, recorded, computed.value)
    if theirs.shape != ours.shape:
        return _other_shape(name, place, recorded, computed.value)
    difference = np.abs(theirs - ours)
    if computed.kind == "relative":
        norm = float(np.linalg.norm(theirs))
        deviation, tolerance = float(np.linalg.norm(difference)), computed.limit
        deviation = deviation / norm if norm else deviation
    else:
        deviation = float(difference.max(initial=0.0))
        scale = max(1.0, float(np.abs(theirs).max(initial=0.0))) if computed.kind == "scaled" else 1.0
        tolerance = computed.limit * scale
    row = Row(name, num_values=theirs.size, deviation=deviation, tolerance=tolerance)
    if not row.is_ok:
        row.worst = f"{place}: {_shown_worst(theirs, ours, difference)}"
    return row


def _array(value: Any) -> np.ndarray:
    """Float64 of any shape; true and false are no numbers."""
    if isinstance(value, Tensor):
        return value.detach().to(torch.float64).numpy()
    array = np.asarray(value)
    if array.dtype.kind not in "iuf" and array.size:
        raise TypeError(f"Expected numbers, but got {value!r}.")
    return array.astype(np.float64)


def _other_shape(name: str, place: str, recorded: Any, computed: Any) -> Row:
    worst = f"{place}: {_shown(recorded)} recorded, {_shown(computed)} computed"
    return Row(name, num_values=1, deviation=math.inf, worst=worst)


def _shown_worst(recorded: np.ndarray, computed: np.ndarray, difference: np.ndarray) -> str:
    position = np.unravel_index(int(np.argmax(difference)), difference.shape)
    where = f"at {[int(number) for number in position]} " if position else ""
    return f"{where}{recorded[position]:.9g} recorded, {computed[position]:.9g} computed"


def _shown(value: Any) -> str:
    if isinstance(value, Tensor):
        return f"a tensor of shape {tuple(value.shape)}"
    text = repr(value) if not isinstance(value, Sequence) or len(value) < 40 else f"{str(value[:40])[:-1]} ..."
    return text if len(text) <= 160 else f"{text[:160]} ..."
