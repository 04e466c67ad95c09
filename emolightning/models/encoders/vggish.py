"""VGGish (arXiv 1609.09430): 0.96 s of log-mel spectrogram to a vector, in torch, with the preprocessing of AudioSet.

As in MERBench's script there is no PCA and no quantisation behind the network.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from emolightning.errors import InputErrors, UserError
from emolightning.models.encoders.encoder import SAMPLE_RATE_HZ, exact_float32, require_sound

if TYPE_CHECKING:
    from torch import Tensor, nn

WINDOW, HOP, FFT = 400, 160, 512
"""Samples of a spectrogram's frame (25 ms), from one frame to the next (10 ms), and of the Fourier transform."""
BANDS, LOWEST_HZ, HIGHEST_HZ, LOG_OFFSET = 64, 125.0, 7500.0, 0.01
PATCH_FRAMES = 96
CHANNELS = (64, "pool", 128, "pool", 256, 256, "pool", 512, 512, "pool")
UNUSED = "pproc."
"""The names of the PCA in files of the torch port begin so."""
PATCHES_TOGETHER = 64


class VggishEncoder:
    """A vector for each patch of the spectrogram.

    Args:
        weights: a file, `.safetensors` or `.pth`, with the names of the public torch port, `features.0.weight` to
            `embeddings.4.bias`.
        device: where it computes.
        hop_seconds: from one patch to the next: 0.5 for utterances, 0.05 for frames in the published features.
    """

    takes: Literal["sound"] = "sound"

    def __init__(self, *, weights: str, device: str = "cpu", hop_seconds: float = 0.5):
        from emolightning.files.digests import sha256_of

        self._network = _load(Path(weights)).to(device)
        self.fingerprint = sha256_of(Path(weights))
        self.side_files: dict[str, str] = {}
        self._device = device
        self._hop_frames = round(hop_seconds * SAMPLE_RATE_HZ / HOP)
        if self._hop_frames < 1:
            raise UserError(f"hop_seconds={hop_seconds}: frames are 0.01 s apart; say 0.01 or more")

    def encode(self, items: Sequence[np.ndarray]) -> list[np.ndarray]:
        """As `Encoder.encode`."""
        require_sound(items, fewest_samples=1)
        return [self._encode(patches(sound, self._hop_frames)) for sound in items]

    def _encode(self, examples: np.ndarray) -> np.ndarray:
        import torch

        found = []
        for start in range(0, len(examples), PATCHES_TOGETHER):
            some = torch.from_numpy(examples[start : start + PATCHES_TOGETHER, None]).to(self._device)
            with exact_float32():
                found.append(self._network(some).cpu().numpy())
        return np.concatenate(found)


def patches(sound: np.ndarray, hop_frames: int) -> np.ndarray:
    """The log-mel spectrogram in patches; a sound of less than a second is repeated until it has one.

    Args:
        sound: float32 (samples,).
        hop_frames: from the start of a patch to the next; an incomplete last patch is left out.

    Returns:
        float32 (patches, 96, 64).
    """
    if len(sound) < SAMPLE_RATE_HZ:
        sound = np.tile(sound, -(-SAMPLE_RATE_HZ // len(sound)))
    mel = log_mel(sound.astype(np.float64)).astype(np.float32)
    windows = np.lib.stride_tricks.sliding_window_view(mel, PATCH_FRAMES, axis=0)[::hop_frames]
    return windows.transpose(0, 2, 1).copy()


def log_mel(sound: np.ndarray) -> np.ndarray:
    """The logarithm of the magnitudes in mel bands, (frames, 64), float64."""
    frames = np.lib.stride_tricks.sliding_window_view(sound, WINDOW)[::HOP]
    periodic_hann = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(WINDOW) / WINDOW)
    magnitudes = np.abs(np.fft.rfft(frames * periodic_hann, FFT))
    return np.log(magnitudes @ mel_bands() + LOG_OFFSET)


def mel_bands() -> np.ndarray:
    """Triangles that are straight on the mel scale, (257, 64); the constant part of a sound is in none."""
    bins = _mel(np.linspace(0, SAMPLE_RATE_HZ / 2, FFT // 2 + 1))[:, None]
    edges = np.linspace(_mel(LOWEST_HZ), _mel(HIGHEST_HZ), BANDS + 2)
    lower, center, upper = edges[:-2], edges[1:-1], edges[2:]
    bands = np.maximum(0, np.minimum((bins - lower) / (center - lower), (upper - bins) / (upper - center)))
    bands[0] = 0
    return bands


def _mel(hertz: Any) -> Any:
    return 1127 * np.log1p(np.asarray(hertz) / 700)


def _load(path: Path) -> "nn.Module":
    import torch

    with torch.device("meta"):
        network = build()
    tensors = {name: tensor.float() for name, tensor in _read(path).items() if not name.startswith(UNUSED)}
    expected = {name: tuple(tensor.shape) for name, tensor in network.state_dict().items()}
    problems = [
        f"{ascii(name)} is {_shape(tensors, name)} there, and must be {expected.get(name, 'absent')}"
        for name in sorted({*expected, *tensors})
        if _shape(tensors, name) != expected.get(name, "absent")
    ]
    if problems:
        hint = "take a file with the names of the public torch port of VGGish"
        raise InputErrors(str(path), [*problems[:-1], f"{problems[-1]}; {hint}"], limit=5)
    network.load_state_dict(tensors, assign=True)
    return network.eval()


def _shape(tensors: Mapping[str, "Tensor"], name: str) -> tuple[int, ...] | str:
    return tuple(tensors[name].shape) if name in tensors else "absent"


def _read(path: Path) -> dict[str, "Tensor"]:
    from emolightning.models.parts.safetensors_files import read_safetensor, safetensors_infos
    from emolightning.models.parts.torch_files import TorchFile

    if path.suffix == ".safetensors":
        return {name: read_safetensor(path, name) for name in safetensors_infos(path)}
    file = TorchFile(path)
    return file.load(file.tensors)


def build() -> "nn.Module":
    """The network: (patches, 1, 96, 64) to (patches, 128)."""
    from torch import nn

    layers: list[nn.Module] = []
    inner = 1
    for channels in CHANNELS:
        if isinstance(channels, int):
            layers += [nn.Conv2d(inner, channels, 3, padding=1), nn.ReLU()]
            inner = channels
        else:
            layers.append(nn.MaxPool2d(2))
    heads = [nn.Linear(512 * 6 * 4, 4096), nn.ReLU(), nn.Linear(4096, 4096), nn.ReLU(), nn.Linear(4096, 128), nn.ReLU()]

    class Vggish(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.features, self.embeddings = nn.Sequential(*layers), nn.Sequential(*heads)

        def forward(self, examples: "Tensor") -> "Tensor":
            # TensorFlow keeps the channels last: so the weights of the first linear layer count.
            return self.embeddings(self.features(examples).permute(0, 2, 3, 1).flatten(1))

    return Vggish()
