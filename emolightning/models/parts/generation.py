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
        }
        if self.repetition_penalty != 1:
            options |= self._penalty()
        if self.num_beams > 1:
            options["length_penalty"] = self.length_penalty
        if self.do_sample:
            options |= {"temperature": self.temperature, "top_p": self.top_p, "top_k": 0}
        return options

    def _penalty(self) -> dict[str, Any]:
        """What lowers tokens that the answer has already.

        From its own argument `generate` makes one that forgives as many of the first new tokens as a context that is
        given as embeddings has padding, so that answers would depend on the batch. Draws are made clip by clip.
        """
        from transformers import LogitsProcessorList, RepetitionPenaltyLogitsProcessor

        if self.do_sample:
            return {"repetition_penalty": self.repetition_penalty}
        return {"logits_processor": LogitsProcessorList([RepetitionPenaltyLogitsProcessor(self.repetition_penalty)])}
