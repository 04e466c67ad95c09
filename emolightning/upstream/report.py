"""The match report of an import: each tensor of each file, and each parameter of the model, accounted for."""

from collections import Counter
from dataclasses import dataclass, field
from typing import Any

SHOWN = 5


@dataclass
class MatchReport:
    """Which tensors went where, and what stayed over on either side."""

    used: dict[str, dict[str, list[str]]] = field(default_factory=dict)
    """File -> its tensor -> parameters of the model that it fills."""
    unused: dict[str, dict[str, str]] = field(default_factory=dict)
    """File -> its tensor -> why it is not used."""
    fresh: dict[str, str] = field(default_factory=dict)
    """Parameter of the model that no file fills -> why that is right."""
    missing: list[str] = field(default_factory=list)
    """Parameters of the model that a file should fill and does not."""
    problems: list[str] = field(default_factory=list)
    """What does not fit, each with what would."""
    files: dict[str, dict[str, Any]] = field(default_factory=dict)
    """File -> size and sha256."""

    def use(self, file: str, sources: tuple[str, ...], parameter: str) -> None:
        """Note that `sources` of `file` fill `parameter`."""
        for source in sources:
            self.used.setdefault(file, {}).setdefault(source, []).append(parameter)

    def leave(self, file: str, name: str, reason: str) -> None:
        """Note a tensor that is not used."""
        self.unused.setdefault(file, {})[name] = reason

    @property
    def is_complete(self) -> bool:
        """Whether every tensor and every parameter is accounted for and fits."""
        return not self.missing and not self.problems

    @property
    def num_loaded(self) -> int:
        """Parameters of the model that a file fills."""
        return len({parameter for file in self.used.values() for targets in file.values() for parameter in targets})

    def as_json(self) -> dict[str, Any]:
        """For `import.json`."""
        return {
            "complete": self.is_complete,
            "parameters_loaded": self.num_loaded,
            "files": self.files,
            "used": self.used,
            "unused": self.unused,
            "fresh": self.fresh,
            "missing": self.missing,
            "problems": self.problems,
        }

    def lines(self) -> list[str]:
        """What is printed: numbers, and the reasons for what is not used, once each."""
        lines = []
        for file in dict.fromkeys([*self.used, *self.unused]):
            reasons = self.unused.get(file, {})
            lines.append(f"{file}: {len(self.used.get(file, {}))} tensors used, {len(reasons)} not")
            lines += [f"  {number} x {reason}" for reason, number in Counter(reasons.values()).items()]
        lines.append(
            f"model: {self.num_loaded} parameters loaded, {len(self.fresh)} fresh, {len(self.missing)} missing"
        )
        lines += [f"  {number} x fresh: {reason}" for reason, number in Counter(self.fresh.values()).items()]
        lines += [f"  missing: {name}" for name in _first(self.missing)]
        return lines + [f"  problem: {problem}" for problem in _first(self.problems)]


def _first(names: list[str]) -> list[str]:
    return names[:SHOWN] + ([f"and {len(names) - SHOWN} more"] if len(names) > SHOWN else [])
