"""MMEVerse's annotation files -> clips: the rows of one data set, with the answers of each task.

`<folder>/<FOLDER>_merged.csv` for the first stage, `<folder>/AU_gpt/<FOLDER>_AU_gpt.csv` for the second,
`<folder>/<FOLDER>_label.csv` for the evaluation, `<folder>/video/<video_id>.mp4`. Any kind of table is read.
"""

import re
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any, Literal

from emolightning.benchmarks.merr.captions import blip_caption
from emolightning.benchmarks.mmeverse.sets import FILES, IMAGE, MOST_WORDS, SETS
from emolightning.data.readers.expected import Expected, expect
from emolightning.data.readers.labelled_clips import take_val
from emolightning.data.readers.source import ClipSource
from emolightning.data.readers.tables import Record, build_clips, read_all, read_table
from emolightning.data.readers.values import BadValue, MediaFolder, clip_id, label_of
from emolightning.errors import UserError
from emolightning.records.clips import Clip
from emolightning.records.labels import vocabulary


class MmeverseData(ClipSource):
    """`data=mmeverse`.

    Args:
        root: the folder that holds one folder for each data set.
        set: a data set, see `sets.py`.
        stage: whose training file is read, of upstream's first stage or its second; None reads the test rows alone.
        test: whether the test rows are read.
        audio: which of the two answers about the sound is trained on: the longer one's model is `AudioReasoner`.
        media: folder of the clips; None for `video` beside the annotations.
        val_fraction: share of the training rows, evenly over the labels and fixed by the seed.
        captions: `blip` puts answers through upstream's text processor, `raw` leaves them.
        **shared: arguments of ClipSource; its labels must be those of the data set.
    """

    def __init__(
        self,
        *,
        root: str,
        set: str = "mer2023",
        stage: Literal[1, 2] | None = 1,
        test: bool = True,
        audio: Literal["AudioReasoner", "Qwen2Audio"] = "AudioReasoner",
        media: str | None = None,
        val_fraction: float = 0.05,
        captions: Literal["blip", "raw"] = "blip",
        **shared: Any,
    ):
        if set not in SETS:
            raise UserError(f"data.set: {set!r} is not one of {list(SETS)}")
        self.rows = SETS[set]
        shared["name"] = f"{shared['name']}_{set}"
        super().__init__(**shared)
        if sorted(self.labels) != sorted(vocabulary(self.rows.vocabulary)):
            raise UserError(f"data.labels: data.set={set} has other ones; say data.labels={self.rows.vocabulary}")
        self.root, self.stage, self.test = Path(root), stage, test
        self.audio = f"response_{audio}"
        self.val_fraction, self.captions = val_fraction, captions
        self.media = Path(media) if media else self.root / self.rows.folder / "video"

    def media_folder(self) -> Path:
        """The folder of the videos."""
        return self.media

    def expected(self) -> list[Expected]:
        """The files that are read, and the folder of the videos."""
        files = [
            expect(self.root, f"rows of {part}", "data.root", given=None, official=(self._file(part),))
            for part in self._parts()
        ]
        return [*files, self._videos()]

    def _parts(self) -> list[str]:
        return [*([f"stage{self.stage}"] if self.stage else []), *(["test"] if self.test else [])]

    def _file(self, part: str) -> str:
        return f"{self.rows.folder}/{FILES[part].format(name=self.rows.folder)}"

    def _videos(self) -> Expected:
        return Expected("folder of the videos", "data.media", (self.media,), is_folder=True)

    def read_clips(self) -> list[Clip]:
        """The rows of the training file and of the test file; what else is in them is left out and counted."""
        media = self.find_media(self._videos())
        clips = read_all(partial(self._read, part, media) for part in self._parts())
        return take_val(clips, fraction=self.val_fraction, seed=self.seed) if self.stage else clips

    def _read(self, part: str, media: MediaFolder) -> list[Clip]:
        path, rows, problems = self.root / self._file(part), self.rows, list[str]()
        is_test = part == "test"
        mode = (rows.test_mode or rows.mode) if is_test else rows.mode
        text = (rows.test_text or rows.text) if is_test else rows.text
        needed = ["video_id", mode, rows.label, *([text] if "transcript" in self.inputs else [])]
        records = read_table(path, needed, problems)
        wanted = rows.test if is_test else rows.train
        kept = [record for record in records if record.values[mode] in wanted]
        if not kept:
            found = sorted({record.values[mode] for record in records})
            raise UserError(f"{path}: no row has {mode} {' or '.join(wanted)}; it has {found}")
        if rows.has_several:  # MAFW has rows of one label alone.
            kept = [record for record in kept if record.values[rows.label]]
        elif is_test:
            kept = [record for record in kept if self._is_tested(record)]
        if len(kept) < len(records):
            self.remarks.append(f"{path.name}: {len(records) - len(kept)} of {len(records)} rows are of no {part}")
        return build_clips(path, kept, partial(self._clip, media, part, text, path), problems)

    def _is_tested(self, record: Record) -> bool:
        """Whether a row of the test file is scored: a word that is no label stays, so that it is told."""
        word = self._word(record.values[self.rows.label], is_test=True)
        return word not in self.labels or word in (self.rows.tested or (word,))

    def _word(self, written: str, *, is_test: bool) -> str:
        word = written.lower()
        return self.rows.aliases.get(word, word) if is_test else word

    def _clip(self, media: MediaFolder, part: str, text: str, path: Path, record: Record) -> Clip:
        values, is_test = record.values, part == "test"
        identity = clip_id(values["video_id"])
        labels = self._labels(values[self.rows.label], is_test=is_test)
        answers = {} if is_test else self._answers(part, values, labels)
        return Clip(
            id=identity,
            video=media.find(values["video_id"], identity),
            transcript=values[text] if "transcript" in self.inputs else None,
            label=None if self.rows.has_several else labels[0],
            open_labels=tuple(labels) if self.rows.has_several else None,
            reason=answers.get("reason"),
            answers={self.rows.task: ",".join(labels), **answers},
            split="test" if is_test else "train",
            source=f"{path}, {record.where}",
        )

    def _labels(self, written: str, *, is_test: bool) -> list[str]:
        words = re.split(r"[,;]", written) if self.rows.has_several else [written]
        found = [label_of(self._word(word.strip(), is_test=is_test), self.labels) for word in words if word.strip()]
        if not found:
            raise BadValue(f"{self.rows.label} is empty; give one of {list(self.labels)}")
        return found

    def _answers(self, part: str, values: Mapping[str, str], labels: list[str]) -> dict[str, str]:
        """Task -> answer, of the tasks that a row has a text for; upstream leaves out what is too long."""
        columns = {"audio": self.audio, "image": IMAGE} if part == "stage1" else {"reason": self.rows.reasoning}
        texts = {task: values.get(column, "") for task, column in columns.items()}
        found = {task: self._as_learned(text) for task, text in texts.items() if self._is_learned(part, text)}
        if part == "stage2":  # Also without a text, as upstream.
            thought = f"<think>{texts['reason']}</think><answer>{','.join(labels)}</answer>"
            task = "think-multi" if self.rows.label == "multi_label" else "think"
            found |= {task: self._as_learned(thought)} if self._is_learned(part, thought) else {}
        return found

    def _is_learned(self, part: str, text: str) -> bool:
        return bool(text) and len(text.split()) <= MOST_WORDS[part]

    def _as_learned(self, text: str) -> str:
        return text if self.captions == "raw" else blip_caption(text)
