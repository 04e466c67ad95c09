"""Corpora whose files are called by what is in them, `1001_DFA_ANG_XX.flv`: the names are the annotation."""

import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NoReturn

from emolightning.benchmarks.corpus_files import Codes, CorpusData, Entry, Part
from emolightning.data.readers.custom_clips import SPLITS
from emolightning.data.readers.expected import expect
from emolightning.data.readers.label_map import LabelMap, what_to_do
from emolightning.data.readers.splits import assign_splits, three_shares
from emolightning.data.readers.values import BadValue
from emolightning.errors import UserError
from emolightning.files.media_suffixes import MEDIA_SUFFIXES
from emolightning.records.clips import Clip, in_splits

SHOWN = 3
"""Names that a remark has."""


@dataclass(frozen=True)
class NameCodes:
    """How the files of a corpus are called."""

    title: str
    benchmark: str | None
    pattern: re.Pattern[str]
    """The end of a path without its suffix; its groups are `label`, `subject` and perhaps `sentence`."""
    codes: Codes
    form: str
    """What such a name looks like, for messages."""
    folders: tuple[str, ...]
    """Where the files are, the first that exists; all folders below are looked through."""
    sentences: Mapping[str, str] = field(default_factory=dict)
    """Code -> what is said."""
    identity: Callable[[re.Match[str]], str] = lambda found: found[0]
    """What a clip is called."""
    others: tuple[str, ...] = ()
    """Groups of the pattern that are kept as attributes."""


class NameCodeData(CorpusData):
    """The clips of such a corpus; splits are made here, and nobody is in two of them.

    Args:
        corpus: how its files are called.
        root: the folder of the corpus.
        media: folder of the files; None looks for the official names.
        wanted: group of the names -> the codes that are taken; files of others are counted.
        ratios: shares of train, val and test.
        **shared: arguments of CorpusData.
    """

    def __init__(
        self,
        corpus: NameCodes,
        *,
        root: str,
        media: str | None = None,
        wanted: Mapping[str, tuple[str, ...]] | None = None,
        ratios: tuple[float, float, float] = (0.7, 0.15, 0.15),
        **shared: Any,
    ):
        self.names, self.wanted, self.ratios = corpus, wanted or {}, three_shares(ratios)
        folder = expect(Path(root), "folder of the clips", "data.media", given=media, official=corpus.folders,
                        is_folder=True)  # fmt: skip
        part = Part(folder, folder, None, self._read_names)
        super().__init__(title=corpus.title, benchmark=corpus.benchmark, parts=[part], codes=corpus.codes, **shared)

    def with_splits(self, clips: list[Clip]) -> list[Clip]:
        """Splits are made by ratio, subject by subject."""
        return assign_splits(clips, ratios=self.ratios, seed=self.seed)

    def _read_names(self, folder: Path, problems: list[str]) -> list[Entry]:
        found, others, left_out = [], list[str](), Counter[str]()
        for path in _media_below(folder):
            name = path.relative_to(folder).as_posix()
            match = self.names.pattern.search(name.removesuffix(path.suffix))
            if match is None:
                others.append(name)
            elif other := next((group for group, codes in self.wanted.items() if match[group] not in codes), None):
                left_out[f"{other} {match[other]}"] += 1
            else:
                found.append(_entry(self.names, match, name))
        if others:
            rest = f" and {len(others) - SHOWN} more" if len(others) > SHOWN else ""
            self.remarks.append(
                f"{self.title}: {len(others)} files are left out, for they are not called like {self.names.form!r}: "
                f"{', '.join(others[:SHOWN])}{rest}"
            )
        if left_out:
            each = ", ".join(f"{what} {count}" for what, count in sorted(left_out.items()))
            self.remarks.append(f"{self.title}: {left_out.total()} files are left out ({each})")
        if not found:
            problems.append(f"no file is called like {self.names.form!r}; set data.root to the folder of {self.title}")
        return found


class NamedData(NameCodeData):
    """`data=named`: a folder of clips whose names, or whose folders, say the label.

    Args:
        root: the folder; all folders below it are looked through.
        names: the form of a path without its suffix, `label/*` or `subject_sentence_label_*`: words are what stands
            there, of which `label` is needed, `*` is anything, other characters are themselves. `subject` is in one
            split alone, `split` divides the clips, `sentence` says what is said; other words are kept as columns.
        label_map: what a label is written as -> label, or null to leave its files out.
        sentences: code of a sentence -> what is said.
        **shared: arguments of NameCodeData.
    """

    def __init__(
        self,
        *,
        root: str,
        names: str,
        label_map: Mapping[str, str | None] | None = None,
        sentences: Mapping[str, str] | None = None,
        **shared: Any,
    ):
        lower = _WORD.sub(lambda word: word[0].lower(), names)  # As columns of a table are called.
        corpus = NameCodes(
            title=f"data=named, data.names={names}",
            benchmark=None,
            pattern=_pattern(lower),
            codes={str(code): label for code, label in (label_map or {}).items()},
            form=names,
            folders=(".",),
            sentences={str(code): text for code, text in (sentences or {}).items()},
            identity=lambda found: found.string,
            others=tuple(word for word in _words(lower) if word not in ("label", "subject", "sentence")),
        )
        super().__init__(corpus, root=root, **shared)

    def with_splits(self, clips: list[Clip]) -> list[Clip]:
        """Splits are those of the names, or are made by ratio."""
        if "split" not in self.names.others:
            return super().with_splits(clips)
        if wrong := sorted(
            {clip.attributes["split"] for clip in clips if clip.attributes["split"].lower() not in SPLITS}
        ):
            raise UserError(f"{self.title}: split {', '.join(map(repr, wrong))} is not one of {list(SPLITS)}")
        given = in_splits(clips, (SPLITS[clip.attributes["split"].lower()] for clip in clips))
        return assign_splits(given, seed=self.seed)

    def _read_names(self, folder: Path, problems: list[str]) -> list[Entry]:
        entries = super()._read_names(folder, problems)
        labels, unknown = LabelMap(self.labels, self.codes), Counter[str]()
        for word in (entry.label for entry in entries if entry.label):
            try:
                if not labels.leaves_out(word):
                    labels.read(word)
            except BadValue:
                unknown[word] += 1
        if unknown:
            each = ", ".join(f"{word!r} ({number} files)" for word, number in unknown.items())
            raise UserError(
                f"{self.title}: {each} are not among {list(self.labels)}; {what_to_do(list(unknown))}; or label is at "
                "another place in the names"
            )
        return entries


_WORD = re.compile(r"[A-Za-z]+")


def _words(names: str) -> list[str]:
    """The words of a form of names.

    Raises:
        UserError: there is no label, or a word twice.
    """
    words = _WORD.findall(names)
    if repeated := sorted({word for word in words if words.count(word) > 1}):
        raise UserError(f"data.names={names}: {repeated[0]!r} is there twice; say * for what is of no interest")
    if "label" not in words:
        raise UserError(f"data.names={names}: must say where the label is, e.g. label/* or subject_label_*")
    return words


def _pattern(names: str) -> re.Pattern[str]:
    """A pattern for the end of a path, from the beginning of a name on."""
    _words(names)
    between = "".join(sorted({mark for mark in _WORD.sub("", names) if mark not in "*/"}))
    word = f"[^/{re.escape(between)}]+"
    parts = [
        f"(?P<{part}>{word})" if _WORD.fullmatch(part) else "[^/]*" if part == "*" else re.escape(part)
        for part in re.findall(r"[A-Za-z]+|.", names)
    ]
    return re.compile(f"(?:^|(?<=/)){''.join(parts)}$")


def _media_below(folder: Path) -> Iterator[Path]:
    """Files with pictures or sound, in the order of their names; what is hidden are attributes of Apple's."""
    for path in sorted(folder.rglob("*")):
        if path.suffix.lower() in MEDIA_SUFFIXES and not path.name.startswith(".") and path.is_file():
            yield path


def _entry(corpus: NameCodes, match: re.Match[str], name: str) -> Entry:
    known = match.groupdict()
    said = corpus.sentences.get(known.get("sentence", "")) if corpus.sentences else None
    return Entry(
        name=corpus.identity(match),
        media=name,
        where=name,
        label=known["label"],
        transcript=said,
        subject=known.get("subject"),
        attributes={name: known[name] for name in corpus.others},
    )


def no_label_file(corpus: NameCodes, path: Path) -> NoReturn:
    """What `score` says to a label file of such a corpus.

    Raises:
        UserError: always; labels are in the names of the clips.
    """
    raise UserError(
        f"truth={path}: the labels of {corpus.title} are in the names of its clips; give a table with the columns id "
        "and truth"
    )
