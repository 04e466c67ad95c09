"""Attention in the order of operations that the published vectors of sound were computed in.

The scripts ran transformers 4.36, which multiplies the queries before it compares them with the keys; transformers 5
multiplies the scores, or fuses all of it. On the same processor the values are then those of the scripts to the bit,
which a mean over many near-equal steps needs: its rounding turns a difference of 1e-7 into one of 1e-5.
"""

from typing import Any

from torch import Tensor
from torch.nn import functional
from transformers import AttentionInterface

NAME = "queries_first"
LONGEST = 2000
"""Steps (40 s of sound). More are compared without keeping all scores, whose number grows with the square."""


def queries_first(
    module: Any, query: Tensor, key: Tensor, value: Tensor, attention_mask: Tensor | None, *, scaling: float, **_: Any
) -> tuple[Tensor, None]:
    """Attention as transformers calls it, for a network that has no mask and does not train.

    Args:
        module: layer that asks; not needed.
        query: (batch, heads, steps, width), as are the key and the value.
        key: compared with the query.
        value: added up.
        attention_mask: None.
        scaling: factor of the query.
        **_: what else transformers says, e.g. dropout.

    Returns:
        (batch, steps, heads, width), and no scores.
    """
    if attention_mask is not None:
        raise ValueError("Expected no attention_mask, but got one.")
    if query.shape[2] > LONGEST:
        found = functional.scaled_dot_product_attention(query, key, value, scale=scaling)
    else:
        found = ((query * scaling) @ key.transpose(2, 3)).softmax(-1) @ value
    return found.transpose(1, 2), None


AttentionInterface.register(NAME, queries_first)
