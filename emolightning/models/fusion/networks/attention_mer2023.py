"""The MER2023 baseline's attention: modalities weighted by raw scores, without softmax."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from emolightning.models.fusion.networks.blocks import FusionNetwork, Shape, perceptron, weighted_sum


class AttentionMer2023(FusionNetwork):
    """A perceptron for each modality, one on all of them for the scores."""

    def __init__(self, shape: Shape, *, layers: Sequence[int], dropout: float):
        super().__init__(shape, layers[-1])
        audio, text, video = shape.widths
        self.audio_mlp = perceptron(audio, layers, dropout)
        self.text_mlp = perceptron(text, layers, dropout)
        self.video_mlp = perceptron(video, layers, dropout)
        self.attention_mlp = perceptron(3 * layers[-1], layers, dropout)
        self.fc_att = nn.Linear(layers[-1], 3)

    def fuse(self, streams: Sequence[Tensor]) -> tuple[Tensor, None]:
        """The weighted sum of the modalities."""
        encoders = (self.audio_mlp, self.text_mlp, self.video_mlp)
        hidden = [encode(stream) for encode, stream in zip(encoders, streams, strict=True)]
        return weighted_sum(hidden, self.fc_att(self.attention_mlp(torch.cat(hidden, dim=1)))), None
