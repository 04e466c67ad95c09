"""Made-up clips: random images and vectors, texts of a given length, through the real encoder and collation."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import mean
from typing import Any

import numpy as np
import torch

from emolightning.data.stores.visual import See
from emolightning.models.emotion_llama.emotion_llama import EmotionLlama
from emolightning.models.emotion_llama.inputs import FEATURES
from emolightning.models.emotion_llama.instructions import instruction_pool, prompt_order
from emolightning.models.emotion_llama.processor import EmotionLlamaProcessor
from emolightning.models.parts.tokenizer import Tokenizer
from emolightning.records.clips import IGNORED, Clip, Example, SequenceBatch
from emolightning.records.labels import MER9

WORD = "sad"
"""One token, for Llama-2's tokenizer and for the small one."""

SPREAD = (1.0, 0.5, 1.5, 0.75, 1.25)
"""Transcripts' lengths over their mean, in turn: a batch has rows to pad, as with real clips."""


@dataclass(frozen=True)
class Texts:
    """Lengths in tokens."""

    transcript: int
    """Mean."""
    answer: int
    """Tokens of the answer and the one that ends it."""


class ClipSet:
    """Made-up clips for a model: every input, one frame each.

    Args:
        model: says how large images are, and how text is tokenised; may be on meta.
        texts: lengths of transcripts and answers.
        num_clips: how many.
        feature_width: of the face, motion and speech vectors.
        seed: of the random values.
    """

    def __init__(self, model: EmotionLlama, texts: Texts, *, num_clips: int, feature_width: int, seed: int):
        self.examples = _make_examples(model, texts, num_clips, feature_width, seed)
        self.streams = {"image": model.image_tokens, "class_token": 1, **dict.fromkeys(FEATURES, 1)}
        """Stream name -> vectors of a clip."""
        answer = words(model.tokenizer, texts.answer - 1)
        self._processor = EmotionLlamaProcessor(model.tokenizer, image_tokens=model.image_tokens)
        self._answer = answer
        (batch,) = self.batches(self.examples, num_clips)
        contexts = batch.context.attention_mask.sum(dim=1).tolist()
        learned = (batch.sequence.targets != IGNORED).sum(dim=1).tolist()
        self.lengths = list(zip(contexts, learned, strict=True))
        """Positions of each clip's context, and of its answer."""

    def batches(self, examples: Sequence[Example], size: int) -> list[SequenceBatch]:
        """These clips, or what was made of them, in order, `size` at a time."""
        parts = [examples[start : start + size] for start in range(0, len(examples), size)]
        return [self._processor.batch(part, [self._answer] * len(part)) for part in parts]

    def description(self) -> dict[str, Any]:
        """What a result says about the clips."""
        return {
            "num_clips": len(self.examples),
            "mean_context": mean(context for context, _ in self.lengths),
            "answer": self.lengths[0][1],
            "streams": self.streams,
        }


def _make_examples(model: EmotionLlama, texts: Texts, num_clips: int, feature_width: int, seed: int) -> list[Example]:
    assert model.vision is not None
    size, generator = model.vision.settings.image_size, torch.Generator().manual_seed(seed)
    instruction = instruction_pool("emotion", prompt_order(MER9))[0]
    lengths = [round(texts.transcript * SPREAD[index % len(SPREAD)]) for index in range(num_clips)]
    return [
        Example(
            clip=Clip(id=f"clip{index}", video=Path(f"clip{index}.mp4"), transcript=words(model.tokenizer, length)),
            index=index,
            instruction=instruction,
            images={"image": torch.randn(1, 3, size, size, generator=generator)},
            features={name: torch.randn(1, feature_width, generator=generator) for name in FEATURES},
        )
        for index, length in enumerate(lengths)
    ]


def words(tokenizer: Tokenizer, num_tokens: int) -> str:
    """The longest repetition of WORD with at most that many tokens; at least one."""
    text = " ".join([WORD] * num_tokens)
    while len(tokenizer.text_ids(text)) > num_tokens and " " in text:
        text = text.removesuffix(f" {WORD}")
    return text


def seen(examples: Sequence[Example], see: See) -> list[Example]:
    """The same with the vision tower's vectors in place of the image, as a run has them from its cache."""
    found = []
    for example in examples:
        vectors = see(example.images["image"].numpy())
        found.append(replace(example, images={}, features={**example.features, **_tensors(vectors)}))
    return found


def _tensors(vectors: dict[str, np.ndarray]) -> dict[str, torch.Tensor]:
    return {name: torch.from_numpy(array) for name, array in vectors.items()}
