"""Emotion-LLaMA's own layout: row files, a transcript table, MERR's explanations, videos by name.

Row files and other label files: `data/readers/label_files.py`; the transcript table: `data/readers/transcripts.py`.
MERR_coarse_grained.json maps a name to `{"caption"}`, MERR_fine_grained.json to `{"smp_reason_caption"}`.
"""

import json
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any, Literal

from emolightning.benchmarks.merr.captions import blip_caption
from emolightning.data.readers.expected import Expected, expect
from emolightning.data.readers.labelled_clips import ClipReader, take_val
from emolightning.data.readers.source import ClipSource
from emolightning.data.readers.tables import read_all, read_text, refuse_twice
from emolightning.data.readers.transcripts import Empty, Transcripts, read_transcripts
from emolightning.errors import InputErrors, UserError
from emolightning.files.names import composed
from emolightning.records.clips import Clip


class UpstreamRowsData(ClipSource):
    """`data=merr_coarse`, `merr_fine`, `mer2023_pseudo` and anything else in upstream's layout.

    Args:
        root: the folder that all other names are relative to.
        train: row file of the clips to train on.
        val: row file of the validation clips; None takes `val_fraction` of those of `train`.
        test: row file of the clips to test on; None leaves that split empty.
        val_fraction: share of the training clips, evenly over the labels and fixed by the seed.
        transcripts: table of what is said.
        coarse: MERR's coarse captions, the answers of task `reason`.
        fine: MERR's fine captions, the answers of task `reason_v2`.
        media: folder of `<name>.mp4`, or else `<name>.avi`.
        captions: `blip` puts answers through upstream's text processor, `raw` leaves them.
        empty_transcript: `error`; `empty`; or `upstream`, the word `nan` that upstream makes of an empty cell.
        **shared: arguments of ClipSource.
    """

    def __init__(
        self,
        *,
        root: str,
        train: str | None = None,
        val: str | None = None,
        test: str | None = None,
        val_fraction: float = 0.05,
        transcripts: str | None = "transcription_en_all.csv",
        coarse: str | None = None,
        fine: str | None = None,
        media: str = "video",
        captions: Literal["blip", "raw"] = "blip",
        empty_transcript: Empty = "error",
        **shared: Any,
    ):
        super().__init__(**shared)
        self.root = Path(root)
        self.row_files = {name: file for name, file in (("train", train), ("val", val), ("test", test)) if file}
        self.val_fraction = val_fraction
        self.transcripts, self.coarse, self.fine = transcripts, coarse, fine
        self.media = self.root / media
        self.captions = captions
        self.empty_transcript = empty_transcript

    def media_folder(self) -> Path:
        """The folder of the videos."""
        return self.media

    def expected(self) -> list[Expected]:
        """Row files, what belongs to them, and the folder of the videos."""
        named: list[tuple[str, str, str | None]]
        named = [(f"rows of {split}", f"data.{split}", file) for split, file in self.row_files.items()]
        named += [("transcripts", "data.transcripts", self.transcripts)] if self._has_transcripts() else []
        named += [("coarse captions", "data.coarse", self.coarse)] if self.coarse else []
        named += [("fine captions", "data.fine", self.fine)] if self.fine else []
        files = [expect(self.root, what, setting, given=name, official=()) for what, setting, name in named]
        return [*files, self._videos()]

    def _has_transcripts(self) -> bool:
        return "transcript" in self.inputs and self.transcripts is not None

    def _videos(self) -> Expected:
        return Expected("folder of the videos", "data.media", (self.media,), is_folder=True)

    def read_clips(self) -> list[Clip]:
        """The clips of all row files, in their order; validation clips taken from train where no file names them."""
        if not self.row_files:
            raise UserError(f"data={self.name}: no row file; say data.train=FILE (or val, test), relative to data.root")
        reader = ClipReader(
            media=self.find_media(self._videos()),
            labels=self.labels,
            transcripts=self._transcripts(),
            coarse=read_captions(self.root / self.coarse, "caption") if self.coarse else {},
            fine=read_captions(self.root / self.fine, "smp_reason_caption") if self.fine else {},
        )
        clips = read_all(partial(reader.read, self.root / file, split) for split, file in self.row_files.items())
        refuse_twice(clips)
        if "val" not in self.row_files and "train" in self.row_files:
            clips = take_val(clips, fraction=self.val_fraction, seed=self.seed)
        return [self._as_learned(clip) for clip in clips]

    def _transcripts(self) -> Transcripts | None:
        if self.transcripts is None or not self._has_transcripts():
            return None
        return read_transcripts(self.root / self.transcripts, empty=self.empty_transcript)

    def _as_learned(self, clip: Clip) -> Clip:
        if self.captions == "raw":
            return clip
        return replace(clip, reason=_processed(clip.reason), detailed_reason=_processed(clip.detailed_reason))


def _processed(text: str | None) -> str | None:
    return None if text is None else blip_caption(text)


def read_captions(path: Path, key: str) -> dict[str, str]:
    """Name -> explanation of one of MERR's files.

    Raises:
        UserError: no such file.
        InputErrors: not that kind of JSON, or entries without the text.
    """
    try:
        content = json.loads(read_text(path))
    except ValueError as error:
        raise InputErrors(str(path), [f"is not JSON: {error}"]) from error
    if not isinstance(content, dict):
        raise InputErrors(str(path), ["is not an object that maps names to explanations"])
    wrong = [
        name for name, entry in content.items() if not (isinstance(entry, dict) and isinstance(entry.get(key), str))
    ]
    if wrong:
        raise InputErrors(str(path), [f"{name!r} has no text {key!r}" for name in wrong])
    return {composed(name): entry[key] for name, entry in content.items()}
