"""The clips of several corpora as those of one dataset."""

import os
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType
from typing import Any

from emolightning.config.corpora import SETTING, by_epoch, renamed
from emolightning.data.checkup.unusable import RowErrors
from emolightning.data.readers.expected import Expected
from emolightning.data.readers.source import ClipSource
from emolightning.errors import InputErrors, UserError
from emolightning.records.clips import Clip, Span, collecting_later

JOINT = "/"
"""Between the name of a corpus and the id that a clip has there."""


class SeveralData(ClipSource):
    """`data=several`.

    The id of a clip is that of its corpus with the name of the corpus before it, `meld/dia0_utt3`, and so is its
    subject. Validated are the val clips of all corpora, or of those of `val_on`; they depend neither on weights nor on
    epochs. A clip whose file is validated on or tested, in whichever corpus, is not trained on in another.

    Args:
        corpora: name of a corpus -> its weight, or settings: `weight`, a number or one from each of some epochs on;
            `tasks`, what is asked about its clips; `features`, settings of `features` that are other ones for it;
            `data`, the option whose settings the others are, where it is not called as the corpus is.
        val_on: corpora whose val clips are validated on; None takes all that have some.
        parts: name of a corpus -> where its clips come from.
        **shared: arguments of ClipSource.
    """

    def __init__(
        self,
        *,
        corpora: dict[str, Any],
        val_on: Sequence[str] | None = None,
        parts: Mapping[str, ClipSource] = MappingProxyType({}),
        **shared: Any,
    ):
        super().__init__(**shared)
        self.corpora = corpora
        self.val_on = tuple(val_on or ())
        self.parts = parts
        self.weights = {name: by_epoch(given.get("weight")) for name, given in corpora.items()}
        """Corpus -> first epoch -> its weight from there on."""
        self.private = self.private or any(source.private for source in parts.values())

    @property
    def benchmark(self) -> str:
        """The name, and of what the clips are."""
        return f"{self.name} ({', '.join(self.parts)})"

    def expected(self) -> list[Expected]:
        """Files and folders of all corpora, with their settings as they are typed here."""
        return [
            replace(item, what=f"{item.what} of {name}", setting=self._as_typed(name, item.setting))
            for name, source in self.parts.items()
            for item in source.expected()
        ]

    def media_folder(self) -> Path:
        """The folder that holds the clips of all."""
        return Path(os.path.commonpath([source.media_folder().absolute() for source in self.parts.values()]))

    def media_folders(self) -> dict[str, Path]:
        """The folder of each corpus."""
        return {name: source.media_folder() for name, source in self.parts.items()}

    @collecting_later()
    def read_clips(self) -> list[Clip]:
        """The clips of all corpora; what is wrong with any of them is told together."""
        if not self.takes_stock:  # Before one is rendered, or read for minutes.
            self._require_files()
        clips, files, absent = list[Clip](), list[tuple[str, Sequence[str]]](), list[str]()
        for name, source in self.parts.items():
            own: list[Clip] = []
            try:
                own = source.read_clips()
            except RowErrors as error:
                own = error.clips
                files += [(path, [self._as_typed(name, text) for text in texts]) for path, texts in error.files]
            except UserError as error:
                absent.append(f"{name}: {self._as_typed(name, str(error))}")
            clips += [_as_of(name, clip) for clip in own]
            self.lost |= {f"{name}{JOINT}{clip_id}": reason for clip_id, reason in source.lost.items()}
            self.remarks += [f"{name}: {remark}" for remark in source.remarks]
        if absent and not files:
            raise InputErrors(f"data={self.name}", absent)
        if files:
            raise RowErrors([*files, *((f"data={self.name}", [text]) for text in absent)], clips)
        return self._as_used(clips)

    def _require_files(self) -> None:
        problems = []
        for name, source in self.parts.items():
            root = self.corpora[name].get("root")
            remedy = f"say {SETTING}.{name}.root=FOLDER"
            if root is not None and not Path(root).is_dir():
                problems.append(f"{name}: {root}: no such folder; {remedy}")
                continue
            for item in source.expected():
                if item.found is None:
                    looked, kind = " or ".join(map(str, item.candidates)), "folder" if item.is_folder else "file"
                    own = f"say {self._as_typed(name, item.setting)}={kind.upper()}"
                    said = remedy if item.setting == "data.root" else own + (f", or {remedy}" if root else "")
                    problems.append(f"{name}: {looked}: no such {kind}; {said}")
        if problems:
            raise InputErrors(f"data={self.name}", list(dict.fromkeys(problems)))

    def _as_typed(self, name: str, text: str) -> str:
        return renamed(text, f"{SETTING}.{name}", self.corpora[name])

    def _as_used(self, clips: list[Clip]) -> list[Clip]:
        """Without the clips that this run has no use for, which are counted."""
        held_out = {_shown(clip) for clip in clips if clip.split in ("val", "test") and self._is_used(clip)}
        clips = self._left(clips, self._is_used, self._unused)
        twice = "clips of train are validated on or tested in another corpus, and are not trained on"
        return self._left(clips, lambda clip: clip.split != "train" or _shown(clip) not in held_out, lambda _: twice)

    def _is_used(self, clip: Clip) -> bool:
        if clip.split == "train":
            return any(self.weights[clip.corpus].values())
        return clip.split != "val" or not self.val_on or clip.corpus in self.val_on

    def _unused(self, split: str) -> str:
        if split == "train":
            return "clips of train are left out, as its weight is 0"
        return f"clips of val are left out, as data.val_on={list(self.val_on)}"

    def _left(self, clips: list[Clip], is_used: Callable[[Clip], bool], why: Callable[[str], str]) -> list[Clip]:
        left = Counter((clip.corpus, str(clip.split)) for clip in clips if not is_used(clip))
        self.remarks += [f"{name}: {number} {why(split)}" for (name, split), number in left.items()]
        return [clip for clip in clips if is_used(clip)] if left else clips


def _shown(clip: Clip) -> tuple[Path, Span | None]:
    """What of which file is seen and heard."""
    return clip.video.absolute(), clip.span


def _as_of(corpus: str, clip: Clip) -> Clip:
    """A clip of one corpus as one of several."""
    subject = None if clip.subject is None else f"{corpus}{JOINT}{clip.subject}"
    return replace(clip, id=f"{corpus}{JOINT}{clip.id}", corpus=corpus, subject=subject)


def own_id(clip: Clip) -> str:
    """The id that a clip of several corpora has in its own."""
    return clip.id.removeprefix(f"{clip.corpus}{JOINT}")


def as_of_own(clip: Clip) -> Clip:
    """A clip of several corpora as its own corpus has it."""
    subject = None if clip.subject is None else clip.subject.removeprefix(f"{clip.corpus}{JOINT}")
    return replace(clip, id=own_id(clip), corpus="", subject=subject)


def by_corpus(clips: Sequence[Clip]) -> dict[str, list[Clip]]:
    """Corpus -> its clips, as it has them."""
    found: dict[str, list[Clip]] = {}
    for clip in clips:
        found.setdefault(clip.corpus, []).append(as_of_own(clip))
    return found
