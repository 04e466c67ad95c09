"""BERT, RoBERTa and XLM-RoBERTa: a transcript to a vector for each of its tokens, as MER2023's and MERBench's scripts.

MacBERT and Chinese RoBERTa-wwm are BERT, and the multilingual mpnet of sentence-transformers is XLM-RoBERTa.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

import numpy as np

from emolightning.errors import UserError
from emolightning.models.encoders.encoder import CannotEncode, exact_float32

CLASSES = {"bert": "BertModel", "roberta": "RobertaModel", "xlm-roberta": "XLMRobertaModel"}
"""`model_type` of a folder -> class of transformers."""

Architecture = Literal["bert", "roberta", "xlm-roberta"]


class TextEncoder:
    """Sum of the last hidden states, without those of the tokens that begin and end a sequence.

    A text is encoded as it is. One that is too long for the model is refused, as upstream's script fails on it.

    Args:
        weights: a Hugging Face folder of this architecture, with its tokenizer.
        device: where it computes.
        architecture: `model_type` in the folder's `config.json`.
        num_layers: last hidden states that are added up.
        missing: what a text without any token becomes: refused, or one step of zeros, as upstream's.
    """

    takes: Literal["text"] = "text"

    def __init__(
        self,
        *,
        weights: str,
        architecture: Architecture,
        device: str = "cpu",
        num_layers: int = 4,
        missing: Literal["error", "zero"] = "error",
    ):
        import transformers

        from emolightning.models.encoders.weights import (
            TOKENIZING,
            fingerprint,
            load_encoder,
            side_files,
            weights_files,
        )

        folder = Path(weights)
        kind = getattr(transformers, CLASSES[architecture])
        self._model = load_encoder(kind, folder, add_pooling_layer=False).to(device)
        self._tokenizer = _load_tokenizer(folder, self._model.config.vocab_size)
        self.fingerprint = fingerprint(weights_files(folder))
        self.side_files = side_files(folder, TOKENIZING)
        self._num_layers, self._missing = num_layers, missing
        # The positions of RoBERTa begin behind that of the padding token.
        offset = 0 if architecture == "bert" else self._model.config.pad_token_id + 1
        self._most_tokens = self._model.config.max_position_embeddings - offset

    def token_ids(self, text: str) -> list[int]:
        """The tokens of a text, with the one that begins and the one that ends a sequence."""
        return self._tokenizer(text, truncation=False, verbose=False)["input_ids"]

    def encode(self, items: Sequence[str]) -> list[np.ndarray]:
        """As `Encoder.encode`."""
        sequences = [self.token_ids(text) for text in items]
        for item, ids in enumerate(sequences):
            if len(ids) > self._most_tokens:
                raise CannotEncode(
                    item,
                    f"its text has {len(ids)} tokens, and this encoder takes {self._most_tokens} at most; shorten it",
                )
            if len(ids) <= 2 and self._missing == "error":
                raise CannotEncode(item, "it has no text; say missing=zero for a vector of zeros, or leave it out")
        return [self._encode(ids) for ids in sequences]

    def _encode(self, ids: list[int]) -> np.ndarray:
        import torch

        if len(ids) <= 2:
            return np.zeros((1, self._model.config.hidden_size), np.float32)
        with exact_float32():
            output = self._model(torch.tensor([ids], device=self._model.device), output_hidden_states=True)
            states = [*output.hidden_states[:-1], output.last_hidden_state][-self._num_layers :]
            return sum(states[1:], states[0])[0, 1:-1].cpu().numpy()


def _load_tokenizer(folder: Path, num_embeddings: int) -> Any:
    from transformers import AutoTokenizer

    from emolightning.models.parts.pretrained import broken_json, first_line, refuse_own_code, require_vocabulary

    try:
        tokenizer = AutoTokenizer.from_pretrained(str(folder), local_files_only=True, trust_remote_code=False)
        around, num_tokens = tokenizer("")["input_ids"], len(tokenizer)
    except Exception as error:  # Whatever damaged files make of transformers' many classes.
        refuse_own_code(folder, error)
        raise UserError(
            f"{folder}: {broken_json(folder)}no tokenizer that transformers can read ({first_line(error)}); get a "
            "whole copy of the encoder, with its tokenizer"
        ) from error
    require_vocabulary(folder, tokenizer)
    if len(around) != 2:
        raise UserError(
            f"{folder}: its tokenizer puts {len(around)} token(s) around a text, and this recipe takes one off either "
            "end; get the tokenizer that the encoder came with"
        )
    if num_tokens > num_embeddings:
        raise UserError(
            f"{folder}: its tokenizer has {num_tokens} tokens, and the encoder has embeddings for {num_embeddings}; "
            "get the tokenizer that the encoder came with"
        )
    return tokenizer
