"""Media file -> waveform for the speech encoder."""

from collections.abc import Iterator
from pathlib import Path

import av
import numpy as np
from av.container import InputContainer

from emolightning.data.media.opening import MAX_SECONDS, MediaError, complete_packets, open_stream, packets_of
from emolightning.data.media.pieces import sound_of_piece
from emolightning.data.perturbing.sound import BrokenNoise, noise_files, noisy
from emolightning.errors import UserError
from emolightning.records.clips import Span
from emolightning.records.corruptions import Corruption

BLOCK_S = 6.0
"""Seconds of sound that are resampled at once."""

_NOT_RESAMPLED = "its sound cannot be resampled ({}); convert it, e.g. with ffmpeg"


class NoAudioTrack(MediaError):
    """A sound file without sound: a video with no audio track, or an empty one. Often fine, so it has its own type."""


def has_audio(path: Path) -> bool:
    """True if there is an audio track with something in it; nothing is decoded.

    Raises:
        MediaError: not a media file.
    """
    with open_stream(Path(path), "audio") as (container, stream):
        return stream is not None and any(packet.size for packet in packets_of(container, stream))


def read_waveform(
    path: Path, *, sample_rate: int = 16000, span: Span | None = None, corruption: Corruption | None = None
) -> np.ndarray:
    """The audio track as one channel.

    Args:
        path: the file.
        sample_rate: Hz of what is returned.
        span: the piece that is read; None for all.
        corruption: what is done to it; None leaves it as it is.

    Returns:
        (samples,) float32 in [-1, 1].

    Raises:
        NoAudioTrack: there is no audio track, or it is empty.
        MediaError: not a media file, cut short or damaged, or the piece reaches beyond its end.
    """
    path = Path(path)
    # 16-bit on purpose: FFmpeg then averages the channels, as in the wav files that upstream's features come from.
    # With floating point it adds them up to 1.41 times full scale.
    resampler = av.AudioResampler(format="s16", layout="mono", rate=sample_rate)
    chunks: list[np.ndarray] = []
    num_samples = 0
    with open_stream(path, "audio") as (container, stream):
        if stream is None:
            raise NoAudioTrack(path, "has no audio track")
        for frame in _in_blocks(_frames(container, stream, span), path):
            chunks += (resampled := _resampled(resampler, frame, path))
            num_samples += sum(chunk.size for chunk in resampled)
            if num_samples > MAX_SECONDS * sample_rate:
                reason = f"its sound lasts longer than {MAX_SECONDS} s, which is the most for a clip; cut it"
                raise MediaError(path, reason)
        chunks += _resampled(resampler, None, path) if num_samples or chunks else []
    if not any(chunk.size for chunk in chunks):
        raise NoAudioTrack(path, f"its audio track is empty (0 samples){f' in {span}' if span else ''}")
    waveform = np.concatenate(chunks).astype(np.float32)
    waveform /= np.float32(32768)
    if corruption is None or corruption.about.modality not in ("audio", "both"):
        return waveform
    return noisy(waveform, sample_rate, corruption, read_noise)


def usable_noise(folder: str | None, setting: str = "perturb.noise") -> tuple[str, ...]:
    """The files of noise in a folder; a broken one is refused here, before it spoils the clips that it is mixed into.

    Args:
        folder: with sound files; None for none.
        setting: that names it.

    Raises:
        UserError: names the file.
    """
    files = noise_files(folder, setting)
    for file in files:
        try:
            has_sound = has_audio(Path(file))
        except MediaError as error:
            raise UserError(f"{setting}={folder}: {error}; or take it out of the folder") from None
        if not has_sound:
            raise UserError(f"{setting}={folder}: {file}: has no sound; take it out of the folder")
    return files


def read_noise(path: Path, rate: int) -> np.ndarray:
    """The sound of a file of noise, (samples,) float32.

    Raises:
        BrokenNoise: it cannot be read to its end, which its beginning did not show.
    """
    try:
        return read_waveform(path, sample_rate=rate)
    except MediaError as error:
        raise BrokenNoise(f"a file of noise cannot be mixed in: {error}; or take it out of its folder") from None


def _frames(container: InputContainer, stream: av.AudioStream, span: Span | None) -> Iterator[av.AudioFrame]:
    if span is not None:
        yield from sound_of_piece(container, stream, span)
        return
    for packet in complete_packets(container, stream):
        yield from stream.decode(packet)


def _in_blocks(frames: Iterator[av.AudioFrame], path: Path) -> Iterator[av.AudioFrame]:
    """Join frames of sound to longer ones, which are resampled sooner.

    Resampling one frame costs as much time as resampling thousands of its samples.

    Raises:
        MediaError: sound of another kind follows.
    """
    waiting, kind = av.AudioFifo(), None  # Reading many, of which there is one, gives no None.
    for frame in frames:
        kind = kind or _kind(frame)
        if _kind(frame) != kind:  # A queue would not notice another number of channels.
            before, now = (f"{name}, {layout}, {rate} Hz" for name, layout, rate in (kind, _kind(frame)))
            raise MediaError(path, _NOT_RESAMPLED.format(f"it changes from {before} to {now}"))
        frame.pts = None
        waiting.write(frame)
        if waiting.samples >= BLOCK_S * frame.sample_rate:
            yield from waiting.read_many(waiting.samples)
    if waiting.samples:
        yield from waiting.read_many(waiting.samples)


def _kind(frame: av.AudioFrame) -> tuple[str, str, int]:
    return frame.format.name, frame.layout.name, frame.sample_rate


def _resampled(resampler: av.AudioResampler, frame: av.AudioFrame | None, path: Path) -> list[np.ndarray]:
    """Pieces of (samples,) int16; None as the frame takes out what the resampler still holds."""
    if frame is not None and (samples := _converted(frame, resampler.rate)) is not None:
        return [samples]
    try:
        return [piece.to_ndarray().reshape(-1).copy() for piece in resampler.resample(frame)]
    except ValueError as error:
        raise MediaError(path, _NOT_RESAMPLED.format(error)) from None


def _converted(frame: av.AudioFrame, rate: int) -> np.ndarray | None:
    """Return what a resampler would make of a frame that needs no filter.

    That is one channel of floating point at the resampler's own rate; None for other sound. The result is (samples,)
    int16. The filters that it sets up for that take as long as decoding a second of sound.
    """
    if _kind(frame) not in (("flt", "mono", rate), ("fltp", "mono", rate)):
        return None
    samples = frame.to_ndarray()[0] * np.float32(32768)
    if not np.abs(samples).max(initial=0) < 1 << 31:  # Also where one is no number.
        return None
    np.rint(samples, out=samples)
    return samples.clip(-32768, 32767, out=samples).astype(np.int16)
