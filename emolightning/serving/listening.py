"""`POST /transcript`: what is said in a clip, by a speech recogniser; only where the server was started with one."""

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Protocol

import numpy as np
from fastapi import APIRouter, File, UploadFile

from emolightning.data.media.audio import read_waveform
from emolightning.data.media.opening import MediaError
from emolightning.serving.refusals import Refusal
from emolightning.serving.schema import REFUSALS, Transcript
from emolightning.serving.service import Service


class Recognizer(Protocol):
    """What turns sounds into texts: see `emolightning.models.encoders.recognizer.SpeechRecognizer`."""

    def encode(self, items: Sequence[np.ndarray]) -> list[np.ndarray]:
        """UTF-8 bytes of what is said in each sound of 16 kHz, uint8 (bytes,)."""
        ...


def routes(service: Service, recognizer: Recognizer | None) -> APIRouter:
    """The route; it refuses where there is no recogniser."""
    router = APIRouter(tags=["predict"], responses=REFUSALS)

    @router.post("/transcript")
    async def transcript(media: Annotated[UploadFile, File(description="A video, or a sound file.")]) -> Transcript:
        """Listen to a clip. The words may be wrong: read them before you ask with them."""
        if recognizer is None:
            raise Refusal(404, "this server has no speech recogniser; start it with asr=FOLDER, or type the words")
        heard = await service.of_clip((media.filename, media.file), lambda path: heard_in(path, recognizer))
        return Transcript(transcript=heard)

    return router


def heard_in(path: Path, recognizer: Recognizer) -> str:
    """What is said in a file.

    Raises:
        Refusal: it has no sound that can be listened to.
    """
    try:
        sound = read_waveform(path)
    except MediaError as error:
        raise Refusal(422, f"the clip {error.reason}") from None
    (text,) = recognizer.encode([sound])
    return text.tobytes().decode("utf-8", errors="replace")
