"""What several networks are made of: encoders of one modality, the heads, and the weighted sum of modalities."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

AUDIO, TEXT, VIDEO = range(3)
"""Places of the three modalities among the streams of a network."""


@dataclass(frozen=True)
class Shape:
    """What a network is built for."""

    widths: Sequence[int]
    """Width of each stream: of three, those of sound, text and video."""
    num_labels: int
    has_valence: bool
    level: str
    """`utterance`: one vector a stream; `frame` and `aligned`: a sequence."""


@dataclass(frozen=True)
class Fused:
    """What a network makes of the streams of some clips."""

    features: Tensor
    """(batch, width), what the heads read."""
    emotions: Tensor
    """(batch, labels), logits."""
    valence: Tensor | None
    """(batch,)"""
    penalty: Tensor
    """What training adds to the loss, a scalar."""

    def of(self, clips: Tensor) -> "Fused":
        """The same of some of the clips, perhaps of one several times."""
        valence = None if self.valence is None else self.valence[clips]
        return Fused(self.features[clips], self.emotions[clips], valence, self.penalty)


class FusionNetwork(nn.Module):
    """Streams to features, and two heads on these.

    Args:
        shape: of streams and answers.
        width: of the features.
    """

    def __init__(self, shape: Shape, width: int):
        super().__init__()
        self.fc_out_1 = nn.Linear(width, shape.num_labels)
        self.fc_out_2 = nn.Linear(width, 1) if shape.has_valence else None

    def fuse(self, streams: Sequence[Tensor]) -> tuple[Tensor, Tensor | None]:
        """Features, (batch, width), and what training adds to the loss.

        Args:
            streams: each (batch, width), or (batch, time, width) of a sequence.
        """
        raise NotImplementedError

    def forward(self, streams: Sequence[Tensor]) -> Fused:
        """The answers."""
        features, penalty = self.fuse(streams)
        valence = None if self.fc_out_2 is None else self.fc_out_2(features)[:, 0]
        return Fused(features, self.fc_out_1(features), valence, features.new_zeros(()) if penalty is None else penalty)


class MlpEncoder(nn.Module):
    """A vector: dropout, then three layers with ReLU."""

    def __init__(self, width: int, hidden: int, dropout: float):
        super().__init__()
        self.drop = nn.Dropout(dropout)
        self.linear_1 = nn.Linear(width, hidden)
        self.linear_2 = nn.Linear(hidden, hidden)
        self.linear_3 = nn.Linear(hidden, hidden)

    def forward(self, vectors: Tensor) -> Tensor:
        """(batch, width) -> (batch, hidden)."""
        hidden = functional.relu(self.linear_1(self.drop(vectors)))
        return functional.relu(self.linear_3(functional.relu(self.linear_2(hidden))))


class LstmEncoder(nn.Module):
    """A sequence: the last state of an LSTM, dropout, and a layer without activation."""

    def __init__(self, width: int, hidden: int, dropout: float):
        super().__init__()
        self.rnn = nn.LSTM(width, hidden, batch_first=True)
        self.dropout = nn.Dropout(dropout)
        self.linear_1 = nn.Linear(hidden, hidden)

    def forward(self, sequences: Tensor) -> Tensor:
        """(batch, time, width) -> (batch, hidden)."""
        _, (states, _) = self.rnn(sequences)
        return self.linear_1(self.dropout(states[-1]))


def encoder(level: str, width: int, hidden: int, dropout: float) -> nn.Module:
    """The encoder of one modality."""
    kind = MlpEncoder if level == "utterance" else LstmEncoder
    return kind(width, hidden, dropout)


class ThreeEncoders(FusionNetwork):
    """A network that encodes each of the three modalities to one width first.

    Args:
        shape: of streams and answers.
        width: of the features.
        hidden_dim: width of a modality.
        dropout: of the encoders.
    """

    def __init__(self, shape: Shape, width: int, *, hidden_dim: int, dropout: float):
        super().__init__(shape, width)
        audio, text, video = shape.widths
        self.audio_encoder = encoder(shape.level, audio, hidden_dim, dropout)
        self.text_encoder = encoder(shape.level, text, hidden_dim, dropout)
        self.video_encoder = encoder(shape.level, video, hidden_dim, dropout)

    def encode(self, streams: Sequence[Tensor]) -> tuple[Tensor, Tensor, Tensor]:
        """Sound, text and video, each (batch, hidden)."""
        return (
            self.audio_encoder(streams[AUDIO]),
            self.text_encoder(streams[TEXT]),
            self.video_encoder(streams[VIDEO]),
        )


def perceptron(width: int, layers: Sequence[int], dropout: float) -> nn.Sequential:
    """Linear, ReLU, dropout for each of some widths, as the MER2023 baseline and Emotion-LLaMA-v2 have it."""
    found: list[nn.Module] = []
    for before, after in zip((width, *layers), layers, strict=False):
        found += [nn.Linear(before, after), nn.ReLU(), nn.Dropout(dropout)]
    return nn.Sequential(*found)


def weighted_sum(hidden: Sequence[Tensor], weights: Tensor) -> Tensor:
    """The sum of some vectors by raw weights, without softmax.

    Args:
        hidden: n of (..., width).
        weights: (..., n)
    """
    return torch.matmul(torch.stack(list(hidden), dim=-1), weights.unsqueeze(-1)).squeeze(-1)
