"""Your own clips: a table and a folder of media. See `emolightning.data.readers.annotations` for the format."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

from emolightning.config.problems import not_one_of, suggestion
from emolightning.data.checkup.unusable import RowErrors
from emolightning.data.readers.annotations import read_custom
from emolightning.data.readers.custom_columns import COLUMNS, OPTIONAL_COLUMNS
from emolightning.data.readers.expected import Expected
from emolightning.data.readers.source import ClipSource
from emolightning.data.readers.splits import chosen_splits, three_shares
from emolightning.errors import UserError
from emolightning.records.clips import Clip, collecting_later, put_splits
from emolightning.records.score_names import number_scale
from emolightning.records.votes import TARGETS, TIES, Targets, Ties, Votes, leaders


class CustomData(ClipSource):
    """`data=custom`.

    Args:
        annotations: a table (CSV, TSV, JSON, JSONL, .xlsx) with the columns `video_name`, `emotion_label` and
            `transcription`; optional are `split` (train, val or test), `reason` (an explanation, the answer that
            prompt.task=reason trains), `subject` (nobody is in two splits), `valence` and `arousal` (numbers), and
            `start` and `end` (seconds): the row is about that piece of the video.
        media: folder of the clips; None for the folder that holds the annotations.
        columns: our name of a column -> its name in the file, for each that is called otherwise.
        label_map: word or code of the file -> label, or null to leave its rows out, `{exc: happy, xxx: null}`; or a
            table with the columns `alias` and `label`.
        label_separator: between the labels of a cell, where clips have several, e.g. `;`.
        scale: lowest and highest number of `valence` and `arousal`; others are refused. None takes any.
        annotators: columns of several people, in place of `emotion_label`: the label that most of them gave is the
            clip's. An empty cell is no vote.
        ties: clips with several such labels: `refuse`, take the one that stands `first`, or `drop` them, both counted.
        targets: what clips with such columns teach: the label of the `majority`, or with `soft` each label by its
            share of the votes. Scores compare with the majority, and with the votes beside it.
        drop: column -> a value, or several, whose rows are left out, `{quality: [bad, unsure]}`; null is an empty cell.
        said_words: words such as `None` or `nan` that are really said; else they are missing transcripts.
        empty_transcript: what an empty cell means: `error`, or `empty` where nothing is said in some clips.
        ratios: shares of train, val and test, used when the file has no `split` column.
        **shared: arguments of ClipSource.
    """

    def __init__(
        self,
        *,
        annotations: str,
        media: str | None = None,
        columns: Mapping[str, str | None] | None = None,
        label_map: Mapping[str, str | None] | str | None = None,
        label_separator: str | None = None,
        scale: Sequence[float] | None = None,
        annotators: Sequence[str] | None = None,
        ties: Ties = "refuse",
        targets: Targets = "majority",
        drop: Mapping[str, Any] | None = None,
        said_words: Sequence[str] | None = None,
        empty_transcript: Literal["error", "empty"] = "error",
        ratios: tuple[float, float, float] = (0.7, 0.15, 0.15),
        **shared: Any,
    ):
        super().__init__(**shared)
        self.annotations = Path(annotations)
        self.media = Path(media) if media is not None else self.annotations.parent
        self.columns = _known(columns or {})
        self.label_map = label_map
        self.label_separator = _separator(label_separator)
        self.scale = number_scale(scale, "data.scale")
        self.annotators, self.ties = _people(annotators, ties, targets), ties
        self.targets = targets
        if self.annotators and self.label_separator:
            raise UserError("data.annotators vote for one label a clip; leave out data.label_separator, or vote first")
        self.drop = drop
        self.said_words = tuple(said_words or ())
        self.empty_transcript = empty_transcript
        self.ratios = three_shares(ratios)

    @collecting_later()
    def read_clips(self) -> list[Clip]:
        """Read the file; splits come from its column, or by ratio, subject-disjoint and fixed by the seed."""
        if not self.takes_stock and self.annotations.is_file() and not self.media.is_dir():
            raise UserError(f"media folder {self.media} does not exist or is not a folder")
        given: dict[str, tuple[str | None, ...]] = {}
        clips = read_custom(
            self.annotations,
            self.media,
            self.labels,
            needs_transcript="transcript" in self.inputs,
            may_be_silent=self.empty_transcript == "empty",
            lost=self.lost,
            columns=self.columns,
            label_map=self.label_map,
            drop=self.drop,
            said_words=self.said_words,
            separator=self.label_separator,
            scale=self.scale,
            annotators=self.annotators,
            ties=self.ties,
            targets=self.targets,
            votes=given,
            remarks=self.remarks,
        )
        if self.annotators:
            even = {votes for votes in set(given.values()) if len(leaders(votes)) > 1}
            tied = tuple(clip for clip, votes in given.items() if votes in even)
            self.votes = Votes(self.annotators, given, self.ties, tied)
        self.remark_empty(sum(clip.transcript == "" for clip in clips), len(clips), self.empty_transcript)
        try:
            splits = chosen_splits(clips, ratios=self.ratios, seed=self.seed)
        except UserError as error:
            raise RowErrors([(str(self.annotations), [str(error)])], clips) from error
        if splits is not None:
            put_splits(clips, splits)
        return clips

    def expected(self) -> list[Expected]:
        """The file and the folder."""
        return [
            Expected("annotations", "data.annotations", (self.annotations,)),
            Expected("videos", "data.media", (self.media,), is_folder=True),
        ]

    def media_folder(self) -> Path:
        """The folder of the clips."""
        return self.media


def _separator(given: str | None) -> str | None:
    if given is not None and (not given.strip() or any(letter.isalnum() for letter in given)):
        raise UserError(f"data.label_separator={given!r}: must be a sign such as ; or |, which no label has in it")
    return given


def _known(columns: Mapping[str, str | None]) -> Mapping[str, str | None]:
    known = (*COLUMNS, *OPTIONAL_COLUMNS)
    if wrong := [name for name in columns if name not in known]:
        raise UserError(f"data.columns.{wrong[0]}: {suggestion(wrong[0], known)}")
    return columns


def _people(annotators: Sequence[str] | None, ties: str, targets: str) -> tuple[str, ...]:
    """The columns of several people; none where each clip has one label."""
    if isinstance(annotators, str) or (annotators is not None and len(annotators) < 2):
        raise UserError(f"data.annotators={annotators}: must be columns of two or more people, e.g. [rater1,rater2]")
    if len(set(annotators or ())) < len(annotators or ()):
        raise UserError(f"data.annotators={list(annotators or ())}: a column is there twice; name each person once")
    if ties not in TIES:
        raise UserError(f"data.ties: {not_one_of(ties, TIES)}")
    if targets not in TARGETS:
        raise UserError(f"data.targets: {not_one_of(targets, TARGETS)}")
    for setting, value, usual in (("ties", ties, "refuse"), ("targets", targets, "majority")):
        if value != usual and not annotators:
            raise UserError(f"data.{setting}={value} is of data.annotators=[...], which was not said; say it, too")
    return tuple(annotators or ())
