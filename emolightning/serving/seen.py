"""What a page shows of a clip: the chosen frames, the face, the sound."""

from emolightning.data.media.choice import FrameChoice
from emolightning.data.media.faces import FacePolicy
from emolightning.records.clips import Clip
from emolightning.runs.report.clip_cards import look
from emolightning.runs.report.clips_page import face_sentence
from emolightning.runs.report.pictures import jpeg_uri
from emolightning.serving.schema import Frame, Seen


def seen_of(clip: Clip, choice: FrameChoice, faces: FacePolicy) -> Seen:
    """Look at a clip; what cannot be had is a remark."""
    card = look(clip, choice, faces)
    return Seen(
        num_frames=card.num_frames,
        frames=[
            Frame(
                picture=jpeg_uri(picture.pixels),
                position=picture.position,
                width=picture.size[0],
                height=picture.size[1],
                box=picture.box,
            )
            for picture in card.pictures
        ],
        faces=[jpeg_uri(crop) for crop in card.crops],
        face=face_sentence(card),
        wave=[] if card.sound is None else [round(float(value), 4) for value in card.sound],
        seconds=card.seconds,
        remarks=[f"{kind}: {reason}" if reason else kind for kind, reason in card.remarks],
    )
