"""How an answer is generated: greedy, by beams or by sampling."""

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Generation:
    """Settings of one generated answer; `configs/generation/` has upstream's by name."""

    max_new_tokens: int = 16
    num_beams: int = 1
    """1 is greedy."""
    do_sample: bool = False
    temperature: float = 1.0
    """Temperature of sampling."""
    top_p: float = 1.0
    """Sampling draws from the smallest set of tokens with this probability."""
    repetition_penalty: float = 1.0
    """Above 1 lowers tokens that the answer has already."""
    length_penalty: float = 1.0
    """Beam search prefers longer answers where this is above 0."""

    def arguments(self) -> dict[str, Any]:
        """The arguments of transformers' `generate`.

        Upstream's `min_length=1` is left out: there BOS counted, so it never forbade an empty answer; here it would.
        """
        options: dict[str, Any] = {
            "max_new_tokens": self.max_new_tokens,
            "num_beams": self.num_beams,
            "do_sample": self.do_sample,
            "repetition_penalty": self.repetition_penalty,
        }
        if self.num_beams > 1:
            options["length_penalty"] = self.length_penalty
        if self.do_sample:
            options |= {"temperature": self.temperature, "top_p": self.top_p, "top_k": 0}
        return options
