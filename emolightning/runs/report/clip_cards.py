"""What a page shows of single clips: the chosen frames, the face, the sound, the words, the vectors, what is wrong."""

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

import numpy as np
from PIL import Image

from emolightning.data.checkup.checkup import sample
from emolightning.data.checkup.unusable import NO_FACE, NO_SOUND, UNDECODABLE
from emolightning.data.loading.corpus import Corpus
from emolightning.data.media.audio import NoAudioTrack, read_waveform
from emolightning.data.media.choice import FrameChoice, even_positions
from emolightning.data.media.faces import FacePolicy
from emolightning.data.media.held import held_open
from emolightning.data.media.openface import NoFace
from emolightning.data.media.opening import MediaError
from emolightning.data.media.video import count_frames, known_choice, read_frames
from emolightning.data.perturbing.augmenting import Augmentation
from emolightning.errors import UserError
from emolightning.records.clips import Clip
from emolightning.runs.report.augmented import Shown, shown_passes

MOST_FRAMES = 4
"""Chosen frames that are shown of one clip."""
MOST_CROPS = 8
FRAME_PX = (560, 320)
"""Most width and height of a frame on the page."""
COLUMNS = 300
"""Parts of a waveform."""
MEANT = {"long": "it is far longer than the rest"}
"""What a kind of unusual clips means, where its name does not say it."""
_RATE_HZ = 16_000


@dataclass(frozen=True)
class Picture:
    """One chosen frame."""

    pixels: np.ndarray
    """uint8 (height, width, 3), shrunk."""
    position: int
    size: tuple[int, int]
    """Width and height of the video."""
    box: tuple[int, int, int] | None = None
    """Left, top and side of the face that is cut out, in pixels of the video."""


@dataclass(frozen=True)
class Vectors:
    """What one feature input has of a clip."""

    name: str
    shape: str
    """`1 x 1024`, or why there is none."""
    is_there: bool


@dataclass
class ClipCard:
    """One clip on the page."""

    clip: Clip
    num_frames: int | None = None
    pictures: list[Picture] = field(default_factory=list)
    crops: list[np.ndarray] = field(default_factory=list)
    face: dict[str, Any] = field(default_factory=dict)
    """What the policy says of its choice; empty where it makes none."""
    sound: np.ndarray | None = None
    """(columns,) float64: the loudest sample of each part of the clip."""
    seconds: float | None = None
    """Length of the sound."""
    vectors: list[Vectors] = field(default_factory=list)
    passes: list[Shown] = field(default_factory=list)
    """Each input as a training with augmentation is shown it, see `shown_passes`."""
    remarks: list[tuple[str, str]] = field(default_factory=list)
    """A kind that is counted, and a sentence or nothing."""

    @property
    def seen(self) -> list[tuple[float, float]]:
        """Begin and length of each stretch in which the face is seen, as shares of the clip."""
        flags = [box is not None for box in self.face.get("boxes", [])]
        edges = np.flatnonzero(np.diff([0, *flags, 0]))
        return [(start / len(flags), (end - start) / len(flags)) for start, end in edges.reshape(-1, 2)]


def make_cards(
    corpus: Corpus,
    clips: Sequence[Clip],
    policy: FacePolicy,
    *,
    number: int,
    unusual: Mapping[str, Collection[str]] = MappingProxyType({}),
    augmentation: Augmentation | None = None,
) -> list[ClipCard]:
    """Cards of at most so many clips, evenly spread.

    Args:
        corpus: whose frames, features and inputs are shown; its features are loaded as far as they are to be shown.
        clips: that have media.
        policy: who is seen.
        number: of cards.
        unusual: kind -> ids of such clips, see `Checkup`.
        augmentation: what is done to training clips; None, or one that does nothing, is not shown.
    """
    cards = [make_card(corpus, clip, policy) for clip in sample(clips, number)]
    for card in cards:
        if augmentation and card.clip.split == "train":
            picture = card.pictures[0].pixels if card.pictures else None
            card.passes = shown_passes(corpus, card.clip.id, augmentation, picture)
        card.remarks += [(kind, MEANT.get(kind, "")) for kind, ids in unusual.items() if card.clip.id in ids]
    return cards


def make_card(corpus: Corpus, clip: Clip, policy: FacePolicy) -> ClipCard:
    """Everything about one clip of a dataset; what cannot be had is a remark."""
    card = look(clip, corpus.reading.choice, policy)
    card.vectors = _vectors(corpus, clip)
    return card


def look(clip: Clip, choice: FrameChoice, policy: FacePolicy) -> ClipCard:
    """What there is to see and hear of one clip; what cannot be had is a remark."""
    card = ClipCard(clip)
    with held_open(clip.video, clip.span):
        _fill(card, choice, policy)
    return card


def _fill(card: ClipCard, choice: FrameChoice, policy: FacePolicy) -> None:
    steps = {
        NO_FACE: lambda: _add_face(card, policy),
        UNDECODABLE: lambda: _add_pictures(card, choice),
        NO_SOUND: lambda: _add_sound(card),
    }
    for absent, step in steps.items():
        try:
            step()
        except (NoFace, NoAudioTrack) as error:
            card.remarks.append((absent, error.reason))
        except UserError as error:
            card.remarks.append((UNDECODABLE, error.reason if isinstance(error, MediaError) else str(error)))
    card.remarks = list(dict.fromkeys(card.remarks))


def counted_remarks(cards: Sequence[ClipCard]) -> str:
    """`2 no face, 1 silent`; nothing where there is nothing to say."""
    kinds = Counter(kind for card in cards for kind in dict.fromkeys(kind for kind, _ in card.remarks))
    return ", ".join(f"{number} {kind}" for kind, number in kinds.items())


def _vectors(corpus: Corpus, clip: Clip) -> list[Vectors]:
    shown = []
    for name, of_input in corpus.features.vectors.items():
        zeros = corpus.features.zeros.get(name, {})
        if clip.id in zeros:
            shown.append(Vectors(name, f"zeros: {zeros[clip.id]}", False))
        elif clip.id in of_input:
            shown.append(Vectors(name, f"{of_input.num_tokens(clip.id)} x {of_input.width}", True))
        else:
            shown.append(Vectors(name, "none", False))
    return shown


def _add_face(card: ClipCard, policy: FacePolicy) -> None:
    if policy.kind == "none":
        return
    faces = policy.crops(card.clip, lambda number: even_positions(number, min(number, MOST_CROPS)))
    card.crops, card.face = list(faces.frames), faces.record


def _add_pictures(card: ClipCard, chosen: FrameChoice) -> None:
    clip, sizes = card.clip, []
    choice = known_choice(clip.video, chosen.of_clip(clip.id), span=clip.span)

    def keep(pixels: np.ndarray) -> np.ndarray:
        sizes.append((pixels.shape[1], pixels.shape[0]))
        image = Image.fromarray(pixels)
        image.thumbnail(FRAME_PX)
        return np.asarray(image)

    frames = read_frames(clip.video, choice, span=clip.span, keep=keep)
    card.num_frames = card.face.get("num_frames") or count_frames(clip.video, clip.span)
    boxes = card.face.get("boxes") or [None] * card.num_frames
    for pixels, position in list(zip(frames, choice.positions(card.num_frames), strict=False))[:MOST_FRAMES]:
        card.pictures.append(Picture(pixels, position, sizes[0], boxes[position]))


def _add_sound(card: ClipCard) -> None:
    card.sound, card.seconds = loudness(card.clip, COLUMNS)


def loudness(clip: Clip, parts: int) -> tuple[np.ndarray, float]:
    """The loudest sample of each part of a clip, (parts,) float64, and the length of its sound in seconds.

    Raises:
        NoAudioTrack: there is no sound.
        MediaError: the file cannot be read.
    """
    waveform = read_waveform(clip.video, sample_rate=_RATE_HZ, span=clip.span)
    edges = np.linspace(0, len(waveform), min(parts, len(waveform)) + 1).astype(int)[:-1]
    return np.maximum.reduceat(np.abs(waveform), edges).astype(np.float64), len(waveform) / _RATE_HZ
