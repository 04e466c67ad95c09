"""Whisper: waveform, filled or cut to 30 seconds, to averaged states of its encoder or to states of its decoder."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from emolightning.errors import UserError
from emolightning.models.encoders.encoder import SAMPLE_RATE_HZ, exact_float32, require_sound

if TYPE_CHECKING:
    from torch import Tensor


class WhisperStates:
    """States of the encoder, averaged to a number of steps, as Emotion-LLaMA-v2 takes them.

    A step covers 0.47 s of the 30 s window whatever the clip's length: what is behind its end encodes silence.

    Args:
        weights: a Hugging Face folder of Whisper.
        device: where it computes.
        num_steps: of a clip.
    """

    takes: Literal["sound"] = "sound"

    def __init__(self, *, weights: str, device: str = "cpu", num_steps: int = 64):
        from transformers.models.whisper.modeling_whisper import WhisperEncoder

        from emolightning.models.encoders.weights import (
            PROCESSING,
            fingerprint,
            load_encoder,
            side_files,
            weights_files,
        )

        folder = Path(weights)
        self._encoder = load_encoder(WhisperEncoder, folder, part="encoder").to(device)
        self.fingerprint = fingerprint(weights_files(folder))
        self.side_files = side_files(folder, PROCESSING)
        self._sound_to_mel = _load_sound_to_mel(folder)
        self._num_steps = num_steps

    def encode(self, items: Sequence[np.ndarray]) -> list[np.ndarray]:
        """As `Encoder.encode`."""
        require_sound(items, fewest_samples=1)
        return [self._encode(sound) for sound in items]

    def _encode(self, sound: np.ndarray) -> np.ndarray:
        mel = _log_mel(self._sound_to_mel, sound).to(self._encoder.device)
        with exact_float32():
            return averaged(self._encoder(mel).last_hidden_state[0], self._num_steps).cpu().numpy()


class WhisperDecoderStates:
    """Last states of the decoder for some start tokens, as MERBench takes them: they sum up what the encoder heard.

    Args:
        weights: a Hugging Face folder of Whisper.
        device: where it computes.
        num_tokens: start tokens, each of which gives a step.
    """

    takes: Literal["sound"] = "sound"

    def __init__(self, *, weights: str, device: str = "cpu", num_tokens: int = 2):
        from transformers import WhisperModel

        from emolightning.models.encoders.weights import (
            PROCESSING,
            fingerprint,
            load_encoder,
            side_files,
            weights_files,
        )

        folder = Path(weights)
        self._model = load_encoder(WhisperModel, folder).to(device)
        self.fingerprint = fingerprint(weights_files(folder))
        self.side_files = side_files(folder, PROCESSING)
        self._sound_to_mel = _load_sound_to_mel(folder)
        self._num_tokens = num_tokens

    def encode(self, items: Sequence[np.ndarray]) -> list[np.ndarray]:
        """As `Encoder.encode`."""
        require_sound(items, fewest_samples=1)
        return [self._encode(sound) for sound in items]

    def _encode(self, sound: np.ndarray) -> np.ndarray:
        import torch

        device = self._model.device
        mel = _log_mel(self._sound_to_mel, sound).to(device)
        start = self._model.config.decoder_start_token_id
        ids = torch.full((1, self._num_tokens), start, dtype=torch.long, device=device)
        with exact_float32():
            output = self._model(mel, decoder_input_ids=ids, use_cache=False)
            return output.last_hidden_state[0].cpu().numpy()


def averaged(states: "Tensor", num_steps: int) -> "Tensor":
    """Step i is the mean of the states floor(i n / steps) to ceil((i + 1) n / steps), so neighbours may share some.

    Args:
        states: (n, width); fewer than the steps get zeros at their end.
        num_steps: wanted.

    Returns:
        (steps, width).
    """
    from torch.nn import functional

    missing = max(0, num_steps - len(states))
    states = functional.pad(states.float(), (0, 0, 0, missing))
    return functional.adaptive_avg_pool1d(states.T[None], num_steps)[0].T.contiguous()


def _load_sound_to_mel(folder: Path) -> Any:
    from transformers import WhisperFeatureExtractor

    from emolightning.models.parts.pretrained import first_line

    try:
        found = WhisperFeatureExtractor.from_pretrained(str(folder), local_files_only=True)
        rate = found.sampling_rate
    except Exception as error:  # Whatever a wrong file makes of transformers.
        raise UserError(
            f"{folder}: preprocessor_config.json describes no log-mel spectrogram of Whisper ({first_line(error)}); "
            "get the model's own file"
        ) from error
    if rate != SAMPLE_RATE_HZ:
        raise UserError(f"{folder}: preprocessor_config.json says {ascii(rate)[:40]} Hz, and Whisper hears 16000 Hz")
    return found


def _log_mel(sound_to_mel: Any, sound: np.ndarray) -> "Tensor":
    """The spectrogram of 30 seconds, (1, mel bands, 3000)."""
    return sound_to_mel(sound, sampling_rate=SAMPLE_RATE_HZ, return_tensors="pt").input_features
