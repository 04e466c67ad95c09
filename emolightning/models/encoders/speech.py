"""HuBERT, wav2vec 2.0, WavLM and data2vec-audio: waveform to a vector for each 20 ms, in three published recipes.

MER2023's script (Emotion-LLaMA's HL-UTT) takes the last hidden state of the whole clip, MERBench's the sum of the last
four over rows of ten seconds, AffectGPT the mean of the last four over eight pieces of two seconds.
"""

from collections.abc import Iterator, Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any, Literal

import numpy as np

from emolightning.errors import UserError
from emolightning.files.documents import read_json_object
from emolightning.models.encoders.encoder import SAMPLE_RATE_HZ, exact_float32, require_sound

CLASSES = {
    "hubert": "HubertModel",
    "wav2vec2": "Wav2Vec2Model",
    "wavlm": "WavLMModel",
    "data2vec-audio": "Data2VecAudioModel",
}
"""`model_type` of a folder -> class of transformers."""

Architecture = Literal["hubert", "wav2vec2", "wavlm", "data2vec-audio"]
PREPROCESSING = "preprocessor_config.json"
ROWS_TOGETHER = 8
"""Rows of one clip that go through the model together: bounds the memory of a long clip."""


class SpeechEncoder:
    """Hidden states of a whole clip, or of its rows.

    Args:
        weights: a Hugging Face folder of this architecture.
        device: where it computes.
        architecture: `model_type` in the folder's `config.json`.
        num_layers: last hidden states that are added up.
        row_samples: the normalised clip is cut into rows of so many samples, which do not hear each other; the last one
            is filled with zeros, and the steps of the zeros are kept. None takes the clip whole.
    """

    takes: Literal["sound"] = "sound"

    def __init__(
        self,
        *,
        weights: str,
        architecture: Architecture,
        device: str = "cpu",
        num_layers: int = 1,
        row_samples: int | None = None,
    ):
        self._model = SpeechModel(weights, architecture, device, num_layers)
        self.fingerprint, self.side_files = self._model.fingerprint, self._model.side_files
        self._row_samples = row_samples

    def encode(self, items: Sequence[np.ndarray]) -> list[np.ndarray]:
        """As `Encoder.encode`."""
        require_sound(items, fewest_samples=self._model.fewest_samples)
        return [self._encode(self._model.normalised(sound)) for sound in items]

    def _encode(self, sound: np.ndarray) -> np.ndarray:
        length = self._row_samples
        if length is None or len(sound) <= length:
            return np.concatenate(list(self._model.steps(sound[None])))
        rows = np.zeros((-(-len(sound) // length), length), np.float32)
        rows.reshape(-1)[: len(sound)] = sound
        return np.concatenate(list(self._model.steps(rows)))


class SpeechPiecesEncoder:
    """One vector for each of some equally long pieces, which are evenly spread and may overlap.

    The pieces start where AffectGPT's do, so the last of them ends before the clip does. Each loses its mean, then all
    pieces of the clip are normalised together, and the hidden states are averaged over layers and time.

    Args:
        weights: a Hugging Face folder of this architecture.
        device: where it computes.
        architecture: `model_type` in the folder's `config.json`.
        num_layers: last hidden states that are averaged.
        num_pieces: of a clip.
        piece_seconds: length of each; a shorter clip is filled with zeros.
    """

    takes: Literal["sound"] = "sound"

    def __init__(
        self,
        *,
        weights: str,
        architecture: Architecture,
        device: str = "cpu",
        num_layers: int = 4,
        num_pieces: int = 8,
        piece_seconds: int = 2,
    ):
        self._model = SpeechModel(weights, architecture, device, num_layers)
        self.fingerprint, self.side_files = self._model.fingerprint, self._model.side_files
        self._num_layers, self._num_pieces, self._seconds = num_layers, num_pieces, piece_seconds

    def encode(self, items: Sequence[np.ndarray]) -> list[np.ndarray]:
        """As `Encoder.encode`."""
        require_sound(items, fewest_samples=1)
        return [self._encode(self._pieces(sound)) for sound in items]

    def _pieces(self, sound: np.ndarray) -> np.ndarray:
        length = self._seconds * SAMPLE_RATE_HZ
        sound = np.pad(sound, (0, max(0, length - len(sound))))
        starts = piece_starts(len(sound), self._num_pieces, self._seconds)
        pieces = np.stack([sound[start : start + length] for start in starts])
        return self._model.normalised(pieces - pieces.mean(1, keepdims=True))

    def _encode(self, pieces: np.ndarray) -> np.ndarray:
        steps = self._model.steps(pieces)
        return np.stack([np.mean(step, axis=0) for step in steps]) / np.float32(self._num_layers)


def piece_starts(num_samples: int, num_pieces: int, seconds: int) -> list[int]:
    """First samples of the pieces, by exact arithmetic on the length in seconds as a floating-point number.

    >>> piece_starts(52800, 8, 2)[:3]  # 3.3 s is a little less than it looks
    [0, 2599, 5199]
    """
    room = Fraction(num_samples / SAMPLE_RATE_HZ) - seconds
    return [int(SAMPLE_RATE_HZ * number * room / num_pieces) for number in range(num_pieces)]


class SpeechModel:
    """The network of a folder, and how its sound is normalised.

    Args:
        weights: the folder.
        architecture: its `model_type`.
        device: where it computes.
        num_layers: last hidden states that are added up.
    """

    def __init__(self, weights: str, architecture: Architecture, device: str, num_layers: int):
        import transformers

        from emolightning.models.encoders import attention
        from emolightning.models.encoders.weights import fingerprint, load_encoder, side_files, weights_files

        folder = Path(weights)
        # What is masked in training needs a tensor that not every file has.
        changes = {"mask_time_prob": 0.0, "mask_feature_prob": 0.0, "layerdrop": 0.0}
        self._network = load_encoder(
            getattr(transformers, CLASSES[architecture]), folder, changes=changes, attn_implementation=attention.NAME
        )
        self._network.to(device)
        self._num_layers = num_layers
        most = self._network.config.num_hidden_layers + 1
        if not 1 <= num_layers <= most:
            raise UserError(f"num_layers={num_layers}: {folder} has {most} hidden states; say 1 to {most}")
        self.fingerprint = fingerprint(weights_files(folder))
        self.side_files = side_files(folder, (PREPROCESSING,))
        self._does_normalise = read_normalisation(folder)

    @property
    def fewest_samples(self) -> int:
        """Samples of one step."""
        config, samples = self._network.config, 1
        for kernel, stride in zip(reversed(config.conv_kernel), reversed(config.conv_stride), strict=True):
            samples = (samples - 1) * stride + kernel
        return samples

    def normalised(self, sound: np.ndarray) -> np.ndarray:
        """The sound with mean 0 and variance 1 over all of it, where the folder says so."""
        if not self._does_normalise:
            return sound
        return (sound - sound.mean()) / np.sqrt(sound.var() + np.float32(1e-7))

    def steps(self, rows: np.ndarray) -> Iterator[np.ndarray]:
        """The added hidden states of each row.

        Args:
            rows: (rows, samples).

        Yields:
            float32 (steps, width).
        """
        import torch

        device = self._network.device
        for start in range(0, len(rows), ROWS_TOGETHER):
            some = torch.from_numpy(np.ascontiguousarray(rows[start : start + ROWS_TOGETHER])).to(device)
            with exact_float32():
                yield from self._added(self._network(some, output_hidden_states=True)).cpu().numpy()

    def _added(self, output: Any) -> Any:
        # transformers 5 leaves the final normalisation out of the last of `hidden_states`.
        states = [*output.hidden_states[:-1], output.last_hidden_state]
        return sum(states[-self._num_layers :][1:], states[-self._num_layers])


def read_normalisation(folder: Path) -> bool:
    """True if `preprocessor_config.json` wants sound of mean 0 and variance 1.

    Raises:
        UserError: there is no such file, it says nothing of it, or it asks for another sample rate.
    """
    found = read_json_object(folder / PREPROCESSING)
    rate, does_normalise = found.get("sampling_rate", SAMPLE_RATE_HZ), found.get("do_normalize")
    if rate != SAMPLE_RATE_HZ or not isinstance(does_normalise, bool):
        raise UserError(
            f"{folder / PREPROCESSING}: says sampling_rate {ascii(rate)[:40]} and do_normalize "
            f"{ascii(does_normalise)[:40]}; {SAMPLE_RATE_HZ} and true or false are needed: get the model's own file"
        )
    return does_normalise
