r"""The assembled model: four streams, the first of which is computed from the others.

frame ---> vision tower --> 4 patches a token -----------> image projection ----\
                       \--> class token, repeated --\
video vectors --------------------------------------- > fusion --> projection ---> sequence --> language model + LoRA
audio vectors --------------------------------------/          video, audio --/
BOS, prompt, transcript, answer ------------------------> token embeddings --/
"""

from collections.abc import Mapping, Sequence
from typing import Any

from torch import Tensor, nn

from emolightning.models.emotion_llama_v2.fusion import ConvProAttention
from emolightning.models.emotion_llama_v2.inputs import FRESH, FUSED, FUSION, VISUAL
from emolightning.models.emotion_llama_v2.layouts import PLACEHOLDERS
from emolightning.models.parts.answering import AnsweringModel
from emolightning.models.parts.projection import Projections
from emolightning.models.parts.vision import VisionTower
from emolightning.records.clips import Batch


class EmotionLlamaV2(AnsweringModel):
    """Emotion-LLaMA-v2 from its parts.

    Args:
        language: a causal language model, usually wrapped by PEFT.
        tokenizer: the language model's (`emolightning.models.parts.tokenizer`).
        projections: one for each stream of the sequence that the model can take.
        fusion: of the streams that it was built for; does nothing in a model of text alone.
        vision: the tower; None for a model that never sees an image.
        num_tokens: vectors of every stream but the image's.
    """

    fresh_parts: Sequence[str] = FRESH

    def __init__(
        self,
        *,
        language: Any,
        tokenizer: Any,
        projections: Projections,
        fusion: ConvProAttention | nn.Identity,
        vision: VisionTower | None,
        num_tokens: int,
    ):
        super().__init__(language=language, tokenizer=tokenizer, placeholders=PLACEHOLDERS)
        self.projections = projections
        self.fusion = fusion
        self.vision = vision
        self.num_tokens = num_tokens

    def parts(self) -> dict[str, nn.Module]:
        """Its parts by name; each is frozen, adapted by LoRA, or trains in full."""
        tower: dict[str, nn.Module] = {} if self.vision is None else {"vision": self.vision}
        return {**tower, "fusion": self.fusion, "projections": self.projections, "language": self.language}

    @property
    def image_tokens(self) -> int:
        """Vectors per frame after the image projection."""
        return self.vision.settings.num_tokens if self.vision is not None else 0

    def towers(self) -> dict[str, VisionTower]:
        """The tower, of the input `image`."""
        return {} if self.vision is None else {VISUAL[0]: self.vision}

    def project(self, batch: Batch) -> dict[str, Tensor]:
        """All streams of a batch, stream name -> (batch, tokens, width); visual ones may be there already."""
        streams = super().project(batch)
        if isinstance(self.fusion, ConvProAttention) and streams:
            streams[FUSION] = self.fusion(self._side_by_side(streams, self.fusion.widths))
        return self.projections({name: vectors for name, vectors in streams.items() if name in self.projections})

    def _side_by_side(self, streams: Mapping[str, Tensor], widths: Mapping[str, int]) -> dict[str, Tensor]:
        """What is fused, (batch, num_tokens, width) each; zeros in the place of what is not there, as upstream."""
        some = next(iter(streams.values()))
        found = {name: some.new_zeros(len(some), self.num_tokens, width) for name, width in widths.items()}
        for name in (name for name in FUSED if name in found and name in streams):
            vectors = streams[name]
            if name == VISUAL[1]:
                vectors = vectors.mean(dim=1, keepdim=True).expand(-1, self.num_tokens, -1)
            found[name] = vectors
        return found

    def see(self, images: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """(batch, frames, 3, size, size) -> image (batch, frames * tokens, 4 * w), class_token (batch, frames, w)."""
        if self.vision is None:
            return super().see(images)
        pictures = images[VISUAL[0]]
        batch, frames = pictures.shape[:2]
        tokens, class_token = self.vision(pictures.flatten(0, 1))
        return {
            VISUAL[0]: tokens.reshape(batch, frames * tokens.shape[1], -1),
            VISUAL[1]: class_token.reshape(batch, frames, -1),
        }
