"""Rows of label files -> clips, with their videos and what other files say about them; validation out of train."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from emolightning.data.readers.label_files import LabelRow, read_label_file
from emolightning.data.readers.splits import assign_splits
from emolightning.data.readers.tables import build_clips
from emolightning.data.readers.transcripts import Transcripts
from emolightning.data.readers.values import MediaFolder, clip_id, label_of
from emolightning.records.clips import Clip


@dataclass(frozen=True)
class ClipReader:
    """Label files -> clips."""

    media: MediaFolder
    labels: tuple[str, ...]
    transcripts: Transcripts | None = None
    """None when the run has no transcripts."""
    coarse: Mapping[str, str] = field(default_factory=dict)
    fine: Mapping[str, str] = field(default_factory=dict)

    def read(self, path: Path, split: str, *, corpus: str | None = None) -> list[Clip]:
        """The clips of one file.

        Raises:
            InputErrors: everything that is wrong with its rows, by line.
        """
        problems: list[str] = []
        rows = read_label_file(path, problems, corpus=corpus)
        return build_clips(path, rows, lambda row: self._clip(row, split, f"{path}, {row.where}"), problems)

    def _clip(self, row: LabelRow, split: str, source: str) -> Clip:
        identity = clip_id(row.name)
        transcript = self.transcripts.of(identity) if self.transcripts else None
        return Clip(
            id=identity,
            video=self.media.find(row.name, identity),
            transcript=transcript,
            label=label_of(row.label, self.labels),
            reason=self.coarse.get(identity),
            detailed_reason=self.fine.get(identity),
            split=split,
            valence=row.valence,
            source=source,
        )


def take_val(clips: Sequence[Clip], *, fraction: float, seed: int) -> list[Clip]:
    """The same clips, with a share of those in `train` moved to `val`: evenly over the labels, fixed by the seed."""
    pool = [replace(clip, split=None) for clip in clips if clip.split == "train"]
    if not fraction or not pool:
        return list(clips)
    divided = {clip.id: clip for clip in assign_splits(pool, seed=seed, ratios=(1 - fraction, fraction, 0.0))}
    return [divided.get(clip.id, clip) for clip in clips]
