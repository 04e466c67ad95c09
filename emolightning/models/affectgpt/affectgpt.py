r"""The assembled model: pooled vectors of faces, frames and voice replace their placeholders.

eight faces, eight frames ----> attention, mean or Q-Former --> affectgpt_proj ---------\
eight pieces of sound --------> the same for sound -----------> audio_llama_proj --------> sequence --> language model
faces (or frames) and sound --> one fused vector -------------> multi_llama_proj -------/               + LoRA
prompt, subtitle, answer ---------------------------> token embeddings ----------------/
"""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn
from transformers import StoppingCriteria, StoppingCriteriaList

from emolightning.models.affectgpt.fusion import Fusion
from emolightning.models.affectgpt.inputs import FRESH
from emolightning.models.affectgpt.instructions import answer_to
from emolightning.models.affectgpt.layouts import END, PLACEHOLDERS
from emolightning.models.parts.answering import AnsweringModel
from emolightning.records.clips import SequenceBatch

TAIL = 4
"""Tokens at the end of an answer that `###` can be spread over."""


class AffectGPT(AnsweringModel):
    """AffectGPT from its parts. Its encoders are frozen and not in it: their vectors are its inputs.

    Args:
        language: a causal language model, usually wrapped by PEFT.
        tokenizer: the language model's (`emolightning.models.parts.tokenizer`).
        projections: everything between encoders and language model.
    """

    fresh_parts: Sequence[str] = FRESH

    def __init__(self, *, language: Any, tokenizer: Any, projections: Fusion):
        super().__init__(language=language, tokenizer=tokenizer, placeholders=PLACEHOLDERS)
        self.projections = projections

    def parts(self) -> dict[str, nn.Module]:
        """Its parts by name; each is frozen, adapted by LoRA, or trains in full."""
        return {"projections": self.projections, "language": self.language}

    def project(self, batch: SequenceBatch) -> dict[str, Tensor]:
        """All streams of a batch, stream name -> (batch, tokens, width)."""
        return self.projections(batch.features) if batch.features else {}

    def answer_ids(self, text: str, prompt: str) -> list[int]:
        """The tokens of a whole answer: the sentence that answers the prompt, `###`, and the token that ends it."""
        return [*self.tokenizer.text_ids(f"{answer_to(prompt, text)}{END}"), self.tokenizer.end_id]

    def ending(self) -> dict[str, Any]:
        """An answer ends where its text ends with `###`, in whatever tokens: the released code misses ` ###`."""
        return {"stopping_criteria": StoppingCriteriaList([EndOfText(self.tokenizer)])}

    def spoken(self, text: str) -> str:
        """The answer without what ends it, and without a turn that was opened inside of it."""
        return text.rpartition(END)[0].rpartition("Assistant:")[2].strip() if END in text else text


class EndOfText(StoppingCriteria):
    """True for each row whose new text ends with `###`."""

    def __init__(self, tokenizer: Any):
        self.tokenizer = tokenizer

    def __call__(self, input_ids: Tensor, scores: Any, **kwargs: Any) -> Tensor:
        """Look at the last tokens, (rows,)."""
        rows = [self.tokenizer.decode(row[-TAIL:]).endswith(END) for row in input_ids.tolist()]
        return torch.tensor(rows, device=input_ids.device)
