"""Speech recognition by any recogniser of transformers: what is said in a clip, as text."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

import numpy as np

from emolightning.errors import UserError
from emolightning.files.documents import read_json_object
from emolightning.models.encoders.encoder import SAMPLE_RATE_HZ, require_sound

CONFIG, GENERATION = "config.json", "generation_config.json"
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
        import transformers

        from emolightning.models.encoders.weights import (
            PROCESSING,
            TOKENIZING,
            fingerprint,
            load_encoder,
            side_files,
            weights_files,
        )
        from emolightning.models.parts.pretrained import first_line, refuse_own_code

        folder = Path(weights)
        if not (folder / CONFIG).is_file():
            raise UserError(f"{folder}: no {CONFIG} in it; give the Hugging Face folder of a speech recogniser")
        model_type = str(read_json_object(folder / CONFIG).get("model_type"))
        kind = _kind(folder, model_type)
        # Read here, so that a head that the files do not have is missed, and not made up of random numbers.
        model = load_encoder(kind, folder, model_types={model_type})
        self.fingerprint = fingerprint(weights_files(folder))
        self.side_files = side_files(folder, (GENERATION, *PROCESSING, *TOKENIZING))
        try:
            if (folder / GENERATION).is_file():
                model.generation_config = transformers.GenerationConfig.from_pretrained(
                    str(folder), local_files_only=True
                )
            local: dict[str, Any] = {"local_files_only": True, "trust_remote_code": False}
            self._pipeline: Any = transformers.pipeline(
                "automatic-speech-recognition",
                model=model,
                tokenizer=transformers.AutoTokenizer.from_pretrained(str(folder), **local),
                feature_extractor=transformers.AutoFeatureExtractor.from_pretrained(str(folder), **local),
                device=device,
            )
        except Exception as error:  # Whatever wrong files make of transformers' many classes.
            refuse_own_code(folder, error)
            raise UserError(
                f"{folder}: not a whole speech recogniser ({first_line(error)}); its tokenizer, "
                "preprocessor_config.json and generation_config.json belong to it"
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


def _kind(folder: Path, model_type: str) -> Any:
    """The class of a recogniser.

    Raises:
        UserError: transformers has none of this type.
    """
    import transformers
    from transformers.models.auto import modeling_auto

    types = {**modeling_auto.MODEL_FOR_SPEECH_SEQ_2_SEQ_MAPPING_NAMES, **modeling_auto.MODEL_FOR_CTC_MAPPING_NAMES}
    if model_type not in types:
        raise UserError(
            f"{folder}: {CONFIG} says model_type {ascii(model_type)[:80]}, which recognises no speech; give the folder "
            "of Whisper, or of HuBERT, wav2vec 2.0 or WavLM with a CTC head"
        )
    return getattr(transformers, types[model_type])
