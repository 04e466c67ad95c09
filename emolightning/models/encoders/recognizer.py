"""Speech recognition by any recogniser of transformers: what is said in a clip, as text."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

import numpy as np

from emolightning.errors import UserError
from emolightning.models.encoders.encoder import SAMPLE_RATE_HZ, require_sound

CHUNK_SECONDS = 30
"""Longer sound is recognised in overlapping parts of this length, whose words are joined."""


class SpeechRecognizer:
    """Text of waveforms. It decodes greedily, so the same sound always gives the same words.

    Args:
        weights: a Hugging Face folder of a recogniser: Whisper, or HuBERT, wav2vec 2.0, WavLM with a CTC head.
        device: where it computes.
        language: of the speech, for models that take one, e.g. `en` or `zh`; None lets the model find out.
    """

    takes: Literal["sound"] = "sound"
    gives: Literal["text"] = "text"

    def __init__(self, *, weights: str, device: str = "cpu", language: str | None = None):
        from transformers import pipeline

        from emolightning.models.encoders.weights import fingerprint, weights_files
        from emolightning.models.parts.pretrained import first_line, refuse_adapter, refuse_kernels

        folder = Path(weights)
        if not (folder / "config.json").is_file():
            raise UserError(f"{folder}: no config.json in it; give the Hugging Face folder of a speech recogniser")
        refuse_adapter(folder)
        refuse_kernels(folder)
        self.fingerprint = fingerprint(weights_files(folder))
        try:
            self._pipeline: Any = pipeline(
                "automatic-speech-recognition",
                model=str(folder),
                device=device,
                dtype="float32",
                trust_remote_code=False,
            )
        except Exception as error:  # Whatever wrong files make of transformers' many classes.
            raise UserError(
                f"{folder}: not a speech recogniser ({first_line(error)}); get a whole copy of one"
            ) from error
        self._options = {"language": language} if language else {}

    def encode(self, items: Sequence[np.ndarray]) -> list[np.ndarray]:
        """The texts, each as the bytes of its UTF-8: uint8 (bytes,); empty where nothing is said.

        Raises:
            CannotEncode: sound without samples.
        """
        require_sound(items, fewest_samples=1)
        return [np.frombuffer(self._text(sound).encode(), np.uint8) for sound in items]

    def _text(self, sound: np.ndarray) -> str:
        is_long = len(sound) > CHUNK_SECONDS * SAMPLE_RATE_HZ
        said = self._pipeline(
            {"raw": sound, "sampling_rate": SAMPLE_RATE_HZ},
            **({"chunk_length_s": CHUNK_SECONDS} if is_long else {}),
            **({"generate_kwargs": self._options} if self._options else {}),
        )
        return " ".join(str(said["text"]).split())
