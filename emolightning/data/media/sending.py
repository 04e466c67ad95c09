"""A clip for a model that reads by itself: as files for one elsewhere, or as frames and samples."""

import io
import mimetypes
import wave

import numpy as np
from PIL import Image

from emolightning.data.media.audio import NoAudioTrack, read_waveform
from emolightning.data.media.choice import FrameChoice
from emolightning.data.media.video import read_film, read_frames
from emolightning.errors import UserError
from emolightning.records.clips import AnyMedium, Clip, Medium, Waveform
from emolightning.records.inputs import Kind

LONGEST_SIDE = 768
"""Pixels of a still: more cost tokens, and most models shrink them again."""
QUALITY = 90
SAMPLE_RATE = 16000


def media_of(clip: Clip, kind: Kind, choice: FrameChoice) -> tuple[AnyMedium, ...]:
    """What is read of a clip; nothing where it has no sound.

    Args:
        clip: which.
        kind: `file`, `stills`, `sound`, `film` or `waveform`.
        choice: of the stills, or of the film.

    Raises:
        MediaError: it cannot be read.
        UserError: it is a piece of a file, which cannot be sent as it is.
    """
    if kind == "stills":
        frames = read_frames(
            clip.video, choice.of_clip(clip.id), span=clip.span, keep=_shrunk, corruption=clip.corruption
        )
        return tuple(Medium("image", "jpeg", _jpeg(frame)) for frame in frames)
    if kind == "film":
        return (read_film(clip.video, choice.of_clip(clip.id), span=clip.span, corruption=clip.corruption),)
    if kind in ("sound", "waveform"):
        return _heard(clip, as_file=kind == "sound")
    if clip.span is not None:
        raise UserError(
            f"{clip.id}: is a piece of {clip.video.name}, and a file is sent whole; send pictures and sound of it with "
            "inputs.film=false inputs.stills=true inputs.sound=true"
        )
    main, _, format_ = (mimetypes.guess_type(clip.video.name)[0] or "video/mp4").partition("/")
    return (Medium("audio" if main == "audio" else "video", format_, _content(clip)),)


def _content(clip: Clip) -> bytes:
    try:
        return clip.video.read_bytes()
    except OSError as error:
        raise UserError(f"{clip.video}: cannot be read ({error.strerror})") from None


def _shrunk(frame: np.ndarray) -> np.ndarray:
    image = Image.fromarray(frame)
    image.thumbnail((LONGEST_SIDE, LONGEST_SIDE), Image.Resampling.BICUBIC)
    return np.asarray(image)


def _jpeg(frame: np.ndarray) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(frame).save(buffer, "JPEG", quality=QUALITY)
    return buffer.getvalue()


def _heard(clip: Clip, *, as_file: bool) -> tuple[AnyMedium, ...]:
    """One channel, as samples or as a file of 16 bits."""
    try:
        waveform = read_waveform(clip.video, sample_rate=SAMPLE_RATE, span=clip.span, corruption=clip.corruption)
    except NoAudioTrack:
        return ()
    if not as_file:
        return (Waveform(waveform, SAMPLE_RATE),)
    buffer = io.BytesIO()
    with wave.open(buffer, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(SAMPLE_RATE)
        file.writeframes(np.round(waveform * 32768).clip(-32768, 32767).astype("<i2").tobytes())
    return (Medium("audio", "wav", buffer.getvalue()),)
