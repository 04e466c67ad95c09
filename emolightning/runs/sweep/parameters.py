"""One parameter of a sweep file: the values it may take, and every way to write it that cannot be run."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from emolightning.config.problems import suggestion
from emolightning.config.secrets import SECRET_NAME
from emolightning.runs.sweep.grammar import mistake


@dataclass(frozen=True)
class Choices:
    """`values`, or a single `value`."""

    values: tuple[Any, ...]
    weights: tuple[float, ...] | None = None
    """Probability of each value; None is the same for all."""

    def examples(self) -> list[Any]:
        """All of them."""
        return list(self.values)

    def names(self) -> list[int | float | str]:
        """What replaces each value where only numbers and texts can be: lists, true and false by their text."""
        return [
            value if isinstance(value, int | float | str) and not isinstance(value, bool) else str(value)
            for value in self.values
        ]


@dataclass(frozen=True)
class Range:
    """Numbers from `low` to `high`, both included."""

    low: float
    high: float
    is_int: bool = False
    is_log: bool = False
    step: float | None = None

    def examples(self) -> list[Any]:
        """Its ends."""
        return [self.low, self.high]

    def steps(self) -> list[Any] | None:
        """All its values; None where they cannot be counted."""
        if self.step is None:
            return None
        count = round((self.high - self.low) / self.step)
        values = [self.low + index * self.step for index in range(count + 1)]
        return [int(value) for value in values] if self.is_int else values


Parameter = Choices | Range

ENDS = frozenset({"min", "max"})
KEYS = {
    "constant": frozenset({"value"}),
    "categorical": frozenset({"values"}),
    "categorical_w_probabilities": frozenset({"values", "probabilities"}),
    "uniform": ENDS,
    "int_uniform": ENDS,
    "q_uniform": ENDS | {"q"},
    "log_uniform_values": ENDS,
    "q_log_uniform_values": ENDS | {"q"},
}
"""Distribution -> the keys that W&B knows for it."""

OPTIONAL = frozenset({"q", "distribution"})
STEPPED = ("int_uniform", "q_uniform", "q_log_uniform_values")

INSTEAD = {
    "normal": "uniform",
    "q_normal": "q_uniform",
    "beta": "uniform",
    "q_beta": "q_uniform",
    "log_normal": "log_uniform_values",
    "q_log_normal": "q_log_uniform_values",
    "log_uniform": "log_uniform_values, whose min and max are the values themselves and no exponents",
    "q_log_uniform": "q_log_uniform_values, whose min and max are the values themselves and no exponents",
    "inv_log_uniform": "log_uniform_values",
    "inv_log_uniform_values": "log_uniform_values",
}
"""W&B's distributions that Optuna has not -> the nearest that it has."""


def read_parameter(name: str, spec: Any) -> tuple[Parameter | None, list[str]]:
    """The parameter, or what is wrong with it.

    Args:
        name: a setting in dotted form, e.g. `optimizer.lr`.
        spec: what is below it in the file.
    """
    if SECRET_NAME.search(name):
        return None, ["a secret would be in the record of every trial; put it into command, NAME=${envvar:VARIABLE}"]
    if not isinstance(spec, Mapping):
        return None, [f"must be a mapping such as `values: [{spec}]`, not {spec!r}"]
    if "parameters" in spec:
        return None, ["nested parameters reach Hydra as {'x': 1}, which it cannot read; write flat dotted names"]
    kind = spec.get("distribution", _implied(spec))
    if kind in INSTEAD:
        return None, [f"distribution {kind} cannot be drawn without W&B; the nearest is {INSTEAD[kind]}"]
    if kind is None:
        known = {*KEYS["q_uniform"], "value", "values", "probabilities", "distribution"}
        wrong = [f"{key}: no such key; {suggestion(key, sorted(known))}" for key in spec if key not in known]
        return None, wrong or ["needs value, values, or min and max"]
    if kind not in KEYS:
        return None, [f"distribution {kind!r} is not known; {suggestion(kind, KEYS)}"]
    problems = [
        f"{key}: no key of distribution {kind}; {suggestion(key, sorted(KEYS[kind] | {'distribution'}))}"
        for key in spec
        if key not in KEYS[kind] | {"distribution"}
    ]
    problems += [f"{key} is missing" for key in sorted(KEYS[kind] - OPTIONAL - set(spec))]
    if problems:
        return None, problems
    return _choices(name, spec) if "value" in spec or "values" in spec else _range(kind, spec)


def _implied(spec: Mapping[str, Any]) -> str | None:
    """As W&B does it: a range between two integers is one of integers."""
    if "value" in spec:
        return "constant"
    if "values" in spec:
        return "categorical_w_probabilities" if "probabilities" in spec else "categorical"
    if set(spec) >= ENDS:
        return "int_uniform" if all(_is_int(spec[end]) for end in ENDS) else "uniform"
    return None


def _choices(name: str, spec: Mapping[str, Any]) -> tuple[Parameter | None, list[str]]:
    values = spec.get("values", [spec.get("value")])
    if not isinstance(values, list) or not values:
        return None, [f"values must be a list of at least one value, not {values!r}"]
    problems = [f"value {value!r}: {said}" for value in values if (said := mistake(name, value))]
    names = Choices(tuple(values)).names()
    problems += [f"value {name!r} is there twice" for name in dict.fromkeys(names) if names.count(name) > 1]
    weights = spec.get("probabilities")
    if weights is not None:
        if not isinstance(weights, list) or not all(_is_number(weight) and weight >= 0 for weight in weights):
            problems.append(f"probabilities must be a list of numbers of 0 or more, not {weights!r}")
        elif len(weights) != len(values) or not math.isclose(sum(weights), 1.0, abs_tol=1e-6):
            problems.append(f"probabilities must be {len(values)} numbers with the sum 1, not {weights!r}")
    if problems:
        return None, problems
    return Choices(tuple(values), tuple(weights) if weights else None), []


def _range(kind: str, spec: Mapping[str, Any]) -> tuple[Parameter | None, list[str]]:
    low, high, step = spec["min"], spec["max"], spec.get("q", 1 if kind in STEPPED else None)
    problems = [f"{key}: {_not_a_number(spec[key])}" for key in ("min", "max", "q") if not _is_number(spec.get(key, 0))]
    if problems:
        return None, problems
    if low >= high:
        return None, [f"min {low} must be less than max {high}"]
    is_int = all(_is_int(value) for value in (low, high, step))
    if kind == "int_uniform" and not is_int:
        return None, [f"int_uniform needs integers, not {low} and {high}; uniform takes others"]
    if kind == "q_uniform" and not (step > 0 and _is_multiple(low, step) and _is_multiple(high, step)):
        return None, [f"min {low} and max {high} must be multiples of q {step}: Optuna's steps begin at min"]
    if kind.endswith("log_uniform_values") and low <= 0:
        return None, [f"min {low} has no logarithm; it must be above 0"]
    if kind == "q_log_uniform_values" and not (step == 1 and is_int):
        return None, ["Optuna steps a logarithmic range by 1 between integers only; the nearest is log_uniform_values"]
    return Range(low, high, is_int=is_int, is_log="log" in kind, step=step), []


def _is_multiple(value: float, step: float) -> bool:
    return math.isclose(value / step, round(value / step), abs_tol=1e-9)


def _is_int(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def _not_a_number(value: Any) -> str:
    if isinstance(value, str) and _reads_as_float(value):
        return f"YAML reads {value} as text; write it with a point and a sign, {float(value):.1e}"
    return f"must be a number, not {value!r}"


def _reads_as_float(text: str) -> bool:
    try:
        return math.isfinite(float(text))
    except ValueError:
        return False
