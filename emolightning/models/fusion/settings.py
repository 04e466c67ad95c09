"""The settings of each network; the defaults are in the middle of what MERBench draws from (`search_space.py`)."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from importlib import import_module
from typing import TYPE_CHECKING, ClassVar

if TYPE_CHECKING:
    from torch import nn

    from emolightning.models.fusion.networks.blocks import Shape


@dataclass(frozen=True)
class NetworkSettings:
    """What all networks have."""

    network: ClassVar[str]
    """Module and class below `networks/`."""
    levels: ClassVar[tuple[str, ...]] = ("utterance", "frame")
    """What it can read."""
    takes_three: ClassVar[bool] = True
    """Whether it has a place for each modality; else it has one for each input."""
    has_valence: ClassVar[bool] = True
    """Whether it can have a head for valence."""

    def make(self, shape: "Shape") -> "nn.Module":
        """The network."""
        module, _, name = self.network.partition(":")
        return getattr(import_module(f"emolightning.models.fusion.networks.{module}"), name)(shape, **asdict(self))


@dataclass(frozen=True)
class MlpSettings(NetworkSettings):
    """The MER2023 baseline's MLP: the unimodal rows."""

    network = "mlp:Mlp"
    levels = ("utterance",)
    layers: Sequence[int] = field(default=(256, 128))
    """Widths of its layers."""
    dropout: float = 0.3


@dataclass(frozen=True)
class AttentionMer2023Settings(NetworkSettings):
    """The MER2023 baseline's attention."""

    network = "attention_mer2023:AttentionMer2023"
    levels = ("utterance",)
    layers: Sequence[int] = field(default=(256, 128))
    """Widths of each perceptron's layers."""
    dropout: float = 0.3


@dataclass(frozen=True)
class AttentionSettings(NetworkSettings):
    """MERBench's attention."""

    network = "attention:Attention"
    hidden_dim: int = 128
    """Width of a modality."""
    dropout: float = 0.3


@dataclass(frozen=True)
class AttentionTopnSettings(NetworkSettings):
    """MER2024's attention over every input."""

    network = "attention_topn:AttentionTopn"
    levels = ("utterance",)
    takes_three = False
    hidden_dim: int = 128
    """Width of an input."""
    dropout: float = 0.3


@dataclass(frozen=True)
class ConvAttentionSettings(NetworkSettings):
    """Emotion-LLaMA-v2's Conv-Attention."""

    network = "conv_attention:ConvAttention"
    takes_three = False
    has_valence = False
    layers: Sequence[int] = field(default=(512, 128))
    """Widths of each perceptron's layers."""
    dropout: float = 0.1


@dataclass(frozen=True)
class LfDnnSettings(NetworkSettings):
    """Late fusion."""

    network = "lf_dnn:LfDnn"
    hidden_dim: int = 128
    """Width of a modality."""
    dropout: float = 0.3


@dataclass(frozen=True)
class TfnSettings(NetworkSettings):
    """Tensor fusion."""

    network = "tfn:Tfn"
    hidden_dim: int = 64
    """Width of a modality; the first layer behind the product has (hidden_dim + 1)^3 inputs."""
    dropout: float = 0.3


@dataclass(frozen=True)
class LmfSettings(NetworkSettings):
    """Low-rank fusion."""

    network = "lmf:Lmf"
    hidden_dim: int = 128
    """Width of a modality."""
    rank: int = 4
    dropout: float = 0.3


@dataclass(frozen=True)
class EfLstmSettings(NetworkSettings):
    """Early fusion by an LSTM."""

    network = "ef_lstm:EfLstm"
    levels = ("aligned",)
    hidden_dim: int = 256
    """Width of the states."""
    num_layers: int = 2
    dropout: float = 0.3


@dataclass(frozen=True)
class MultSettings(NetworkSettings):
    """MulT."""

    network = "mult:Mult"
    levels = ("frame",)
    hidden_dim: int = 64
    """Width of a modality."""
    layers: int = 4
    """Layers of each encoder."""
    num_heads: int = 8
    conv1d_kernel_size: int = 3
    dropout: float = 0.1


@dataclass(frozen=True)
class MisaSettings(NetworkSettings):
    """MISA."""

    network = "misa:Misa"
    hidden_dim: int = 128
    """Width of each part."""
    diff_weight: float = 0.1
    sim_weight: float = 0.1
    recon_weight: float = 0.1
    dropout: float = 0.3


@dataclass(frozen=True)
class MmimSettings(NetworkSettings):
    """MMIM."""

    network = "mmim:Mmim"
    hidden_dim: int = 128
    """Width of everything."""
    cpc_layers: int = 2
    alpha: float = 0.1
    beta: float = 0.1
    dropout: float = 0.1


@dataclass(frozen=True)
class FbpSettings(NetworkSettings):
    """Factorised bilinear pooling."""

    network = "fbp:Fbp"
    hidden_dim: int = 128
    """Width of a modality."""
    factors: int = 4
    """Products that are summed for each value."""
    signed_sqrt: bool = False
    dropout: float = 0.3
