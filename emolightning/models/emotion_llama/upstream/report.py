"""The match report of an import: each tensor of each file, and each parameter of the model, accounted for."""

import json
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

SHOWN = 5


@dataclass
class MatchReport:
    """Which tensors went where, and what stayed over on either side."""

    sources: dict[str, dict[str, Any]] = field(default_factory=dict)
    """File -> what it is: kind, sizes, LoRA rank, likely role."""
    used: dict[str, dict[str, list[str]]] = field(default_factory=dict)
    """File -> its tensor -> parameters of the model that it fills."""
    unused: dict[str, dict[str, str]] = field(default_factory=dict)
    """File -> its tensor -> why it is not used."""
    fresh: dict[str, str] = field(default_factory=dict)
    """Parameter of the model that no file fills -> why that is right."""
    missing: dict[str, str] = field(default_factory=dict)
    """Parameter of the model that a file should fill and does not -> what was looked for."""
    homeless: dict[str, str] = field(default_factory=dict)
    """Tensor that the model has no place for -> the file, and what would fit."""
    problems: list[str] = field(default_factory=list)
    """What cannot be right, each with what would."""
    notes: list[str] = field(default_factory=list)
    """What the files do not say, or say differently, and what was taken instead."""
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
        return not (self.missing or self.homeless or self.problems)

    @property
    def num_loaded(self) -> int:
        """Parameters of the model that a file fills."""
        return len({parameter for file in self.used.values() for targets in file.values() for parameter in targets})

    def refusals(self, *, allow_partial: bool) -> list[str]:
        """Why nothing is written; empty when something may be."""
        if allow_partial:
            return list(self.problems)
        gaps = [f"no tensor for {name} ({why})" for name, why in self.missing.items()]
        gaps += [f"no place for {name} ({why})" for name, why in self.homeless.items()]
        shown = gaps[: 2 * SHOWN] + ([f"and {len(gaps) - 2 * SHOWN} more like these"] if len(gaps) > 2 * SHOWN else [])
        hint = "; allow_partial=true writes what there is"
        return [*self.problems, *shown[:-1], *(line + hint for line in shown[-1:])]

    def as_json(self) -> dict[str, Any]:
        """The content of `import.json`."""
        return {
            "complete": self.is_complete,
            "parameters_loaded": self.num_loaded,
            "sources": self.sources,
            "files": self.files,
            "used": self.used,
            "unused": self.unused,
            "fresh": self.fresh,
            "missing": self.missing,
            "homeless": self.homeless,
            "problems": self.problems,
            "notes": self.notes,
        }

    def lines(self) -> list[str]:
        """What is printed: what the files are, numbers, and the reasons for what is not used, once each."""
        lines = []
        for file in dict.fromkeys([*self.sources, *self.used, *self.unused]):
            facts, reasons = self.sources.get(file, {}), self.unused.get(file, {})
            lines.append(f"{file}: {facts.get('kind', 'file')}")
            # Plain ASCII: values may come from a file.
            lines += [f"  {name}: {json.dumps(value)}" for name, value in facts.items() if name != "kind"]
            lines.append(f"  {len(self.used.get(file, {}))} tensors used, {len(reasons)} not")
            lines += [f"    {number} x {reason}" for reason, number in Counter(reasons.values()).items()]
        counts = f"{self.num_loaded} parameters loaded, {len(self.fresh)} fresh, {len(self.missing)} missing"
        lines.append(f"model: {counts}")
        lines += [f"  {number} x fresh: {reason}" for reason, number in Counter(self.fresh.values()).items()]
        lines += [f"  missing: {name} ({why})" for name, why in _first(self.missing)]
        lines += [f"  no place: {name} ({why})" for name, why in _first(self.homeless)]
        return lines + [f"note: {note}" for note in self.notes]


def _first(gaps: Mapping[str, str]) -> list[tuple[str, str]]:
    rest = [("...", f"and {len(gaps) - SHOWN} more")] if len(gaps) > SHOWN else []
    return list(gaps.items())[:SHOWN] + rest
