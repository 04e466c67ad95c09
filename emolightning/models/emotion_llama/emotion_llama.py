r"""The assembled model: streams are projected into the language model's width and replace their placeholders.

image ----> vision tower --> 4 patches a token --> image projection -------\
                        \-----> class token --------> class_token projection ---\
    face, motion, speech vectors --------------------> their projections --------> sequence --> language model + LoRA
BOS, prompt, transcript, answer -----------------> token embeddings ---------/
"""

from collections.abc import Mapping
from typing import Any

from torch import Tensor, nn

from emolightning.models.emotion_llama.inputs import VISUAL
from emolightning.models.emotion_llama.layouts import PLACEHOLDERS
from emolightning.models.parts.answering import AnsweringModel
from emolightning.models.parts.projection import Projections
from emolightning.models.parts.vision import VisionTower
from emolightning.records.clips import Batch


class EmotionLlama(AnsweringModel):
    """Emotion-LLaMA from its parts.

    Args:
        language: a causal language model, usually wrapped by PEFT.
        tokenizer: the language model's (`emolightning.models.parts.tokenizer`).
        projections: one for each stream the model can take.
        vision: the tower; None for a model that never sees an image.
    """

    def __init__(self, *, language: Any, tokenizer: Any, projections: Projections, vision: VisionTower | None = None):
        super().__init__(language=language, tokenizer=tokenizer, placeholders=PLACEHOLDERS)
        self.projections = projections
        self.vision = vision

    def parts(self) -> dict[str, nn.Module]:
        """Its parts by name; each is frozen, adapted by LoRA, or trains in full."""
        tower = {} if self.vision is None else {"vision": self.vision}
        return {**tower, "projections": self.projections, "language": self.language}

    @property
    def image_tokens(self) -> int:
        """Vectors per frame after the image projection."""
        return self.vision.settings.num_tokens if self.vision is not None else 0

    def towers(self) -> dict[str, VisionTower]:
        """The tower, of the input `image`."""
        return {} if self.vision is None else {VISUAL[0]: self.vision}

    def project(self, batch: Batch) -> dict[str, Tensor]:
        """All streams of a batch, stream name -> (batch, tokens, width); visual ones may be there already."""
        return self.projections(super().project(batch))

    def see(self, images: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """(batch, frames, 3, size, size) -> image (batch, frames * tokens, 4 * w), class_token (batch, frames, w)."""
        if self.vision is None:
            return super().see(images)
        pictures = images[VISUAL[0]]
        batch, frames = pictures.shape[:2]
        tokens, class_token = self.vision(pictures.flatten(0, 1))
        return {
            "image": tokens.reshape(batch, frames * tokens.shape[1], -1),
            "class_token": class_token.reshape(batch, frames, -1),
        }
