"""Which parts of the model train, and how."""

from collections.abc import Collection
from dataclasses import dataclass
from typing import Literal

How = Literal["frozen", "lora", "full"]
"""Not at all; by adapters beside the frozen weights; all weights of the part."""


@dataclass(frozen=True)
class TrainedParts:
    """How each part trains. The defaults are upstream's."""

    vision: How = "frozen"
    language: How = "lora"
    projections: Literal["frozen", "full"] = "full"

    def of(self, inputs: Collection[str]) -> dict[str, str]:
        """Part -> how it trains, for the parts that a model with these inputs has.

        >>> TrainedParts().of(["speech", "transcript"])
        {'projections': 'full', 'language': 'lora'}
        """
        parts = {"vision": self.vision} if "image" in inputs else {}
        if set(inputs) - {"transcript"}:
            parts["projections"] = self.projections
        return {**parts, "language": self.language}
