"""How a language model marks the question and its answer: Llama-2's brackets, or the template of a later chat model."""

from dataclasses import dataclass


@dataclass(frozen=True)
class ChatFormat:
    """What is around a question, and what ends an answer. The defaults are Llama-2's, as upstream uses it."""

    opening: str = "<s>"
    """Before the question; its special tokens count as such. Llama-2's is BOS alone."""
    closing: str = ""
    """What follows the question, up to where the answer starts; its special tokens count as such."""
    end: str = "</s>"
    """The special token that ends an answer."""
    in_brackets: bool = True
    """Whether `[INST]` and `[/INST]` are around the question, as plain text inside the first and last piece."""
