"""What each place of a sequence sees, said to a language model so that it asks a GPU nothing.

Given a mask of two dimensions, transformers looks whether some of it is padding, and so waits for the device in each
step. The batch was made on this side and knows; `tests/test_synchronisation.py` has every such question fail.
"""

from typing import Any

from torch import Tensor

from emolightning.models.parts.continuations import positions_of, told
from emolightning.models.parts.lora import unwrapped
from emolightning.records.clips import TokenBatch

KINDS = ("LlamaForCausalLM", "Qwen2ForCausalLM")
"""Classes of transformers whose insides are used; a folder's own code is never run, so a name is one class."""

WHOLE = "full_attention"
"""The layers that see all that came before; others see a window of it."""


def sees_all(base: Any) -> bool:
    """Whether it is a model of these kinds, each layer of which sees all that came before."""
    if type(base).__name__ not in KINDS:
        return False
    layers = set(getattr(base.config, "layer_types", None) or [WHOLE])
    return base.config._attn_implementation in ("sdpa", "eager") and layers == {WHOLE}


def visible(language: Any, embeddings: Tensor, tokens: TokenBatch) -> dict[str, Any]:
    """Arguments of a language model: mask, and positions where some inside of a sequence are hidden.

    Args:
        language: a causal model of transformers, which may be wrapped by PEFT.
        embeddings: (batch, tokens, width)
        tokens: what was embedded.
    """
    from transformers.masking_utils import create_causal_mask

    mask, places = tokens.attention_mask, tokens.places
    found: dict[str, Any] = told(language, positions_of(mask)) if places.has_gaps else {}
    base = unwrapped(language)
    if not sees_all(base):
        return {**found, "attention_mask": mask}
    if places.is_padded:
        made = create_causal_mask(
            config=base.config,
            inputs_embeds=embeddings,
            attention_mask=mask,
            past_key_values=None,
            allow_is_causal_skip=False,
        )
        return {**found, "attention_mask": made}
    if base.training and base.model.layers[0].gradient_checkpointing:  # It would say that it takes the cache away.
        return {**found, "attention_mask": mask}
    return {**found, "attention_mask": None, "past_key_values": _Unkept()}


class _Unkept:
    """A cache that keeps nothing. Without one and without a mask, transformers looks for several texts in a row."""

    def update(self, keys: Tensor, values: Tensor, *_: Any) -> tuple[Tensor, Tensor]:
        """What attention is computed from."""
        return keys, values

    def get_seq_length(self, *_: Any) -> int:
        """How much came before."""
        return 0

    get_query_offset = get_seq_length

    def get_mask_sizes(self, length: int, *_: Any) -> tuple[int, int]:
        """How many keys there are, and where they begin."""
        return length, 0
