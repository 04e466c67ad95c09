"""How an answer is generated: greedy, by beams or by sampling."""

from typing import Any

from emolightning.config.generation import EvaluationSettings


class Generation(EvaluationSettings):
    """Settings of one generated answer; `configs/generation/` has upstream's by name."""

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
