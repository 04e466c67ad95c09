"""Tables of the MSP lab: what workers agreed on for each turn, and what each of them said.

`Labels/labels_consensus.csv` (`labels_concensus` before release 1.10) has the columns of COLUMNS; `.json` has the same
for each name, in MSP-Face in a list of one. `labels_detailed` has a row for each worker, since release 2.0 with the
column `EmoClass_Major`, from 1.7 to 1.12 with all in one cell of `EmoDetail`; as JSON it has objects of workers.
"""

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal, NamedTuple

from emolightning.benchmarks.corpus_files import Codes, CorpusData, Entry, Part, label_rows, number_on
from emolightning.benchmarks.msp_podcast.card import CLASSES, CORPORA, SCALE, name_of
from emolightning.data.readers.expected import expect
from emolightning.data.readers.label_files import LabelRow
from emolightning.data.readers.label_map import LabelMap
from emolightning.data.readers.tables import Record, read_table, read_text
from emolightning.data.readers.values import BadValue, clip_id, is_missing
from emolightning.errors import UserError
from emolightning.files.documents import parse_json
from emolightning.records.clips import Clip
from emolightning.records.votes import Votes, leaders

COLUMNS = ("FileName", "EmoClass", "EmoAct", "EmoVal", "SpkrID", "Split_Set")
SPLITS = {"train": "train", "development": "val", "validation": "val"}
"""Words of `Split_Set`, in small letters; others are parts that are tested."""

CODES: dict[int, Codes] = {
    8: {
        **{"N": "neutral", "H": "happy", "S": "sad", "A": "angry", "U": "surprise", "F": "fear", "D": "disgust"},
        **{"C": "contempt", "O": None, "X": None, "Other": None},
    },
    4: {
        **{"N": "neutral", "H": "happy", "S": "sad", "A": "angry"},
        **dict.fromkeys(("U", "F", "D", "C", "O", "X", "Surprise", "Fear", "Disgust", "Contempt", "Other")),
    },
}
"""Number of classes -> what letters of the consensus, and words of workers, mean; `X` is a turn without a majority."""


class Vote(NamedTuple):
    """An answer of a worker, whose name is empty where the file has none, or a word for a missing value."""

    word: str
    worker: str


class MspPodcastData(CorpusData):
    """`data=msp_podcast`.

    Args:
        root: the folder of the corpus.
        corpus: `podcast`, or `face` for MSP-Face, whose files have the same form.
        classes: 8, or the 4 that most papers take: others are left out.
        tested: the part of `Split_Set` that is the test; None for `Test1`, of MSP-Face `Test`.
        judged_by: `consensus`, or `workers`: the emotion that most of them chose, ties left out.
        targets: what clips teach: their label, or with `soft` each label by its share of the workers.
        train: False reads the tested part alone.
        truth: the consensus; None looks for the official names.
        detailed: what each worker said; likewise.
        transcripts: folder of the sentences, a file each; without one there are none.
        media: folder of the clips; None looks for the official names.
        **shared: arguments of CorpusData.
    """

    def __init__(
        self,
        *,
        root: str,
        corpus: Literal["podcast", "face"] = "podcast",
        classes: Literal[4, 8] = 8,
        tested: str | None = None,
        judged_by: Literal["consensus", "workers"] = "consensus",
        targets: Literal["majority", "soft"] = "majority",
        train: bool = True,
        truth: str | None = None,
        detailed: str | None = None,
        transcripts: str = "Transcripts",
        media: str | None = None,
        **shared: Any,
    ):
        if targets == "soft" and judged_by != "workers":
            raise UserError("data.targets=soft is of what each worker said; say data.judged_by=workers, too")
        place, title = Path(root), CORPORA[corpus]
        table = expect(place, "consensus of the workers", "data.truth", given=truth, official=_names("consensus"))
        self.detailed = expect(
            place, "answers of the workers", "data.detailed", given=detailed, official=_names("detailed")
        )
        folder = expect(place, "folder of the clips", "data.media", given=media,
                        official=("Audios", "Video", "."), is_folder=True)  # fmt: skip
        self.tested = tested or ("Test" if corpus == "face" else "Test1")
        self.reads_train, self.judged_by, self.targets = train, judged_by, targets
        self.sentences = place / transcripts
        self._votes: dict[str, list[Vote]] = {}
        """Clip -> what workers said of it."""
        super().__init__(
            title=title,
            benchmark=name_of(corpus, classes),
            parts=[Part(table, folder, None, self._read_turns)],
            codes=CODES[classes],
            **shared,
        )

    def read_clips(self) -> list[Clip]:
        """The turns, and of `judged_by=workers` the votes on them."""
        clips = super().read_clips()
        if self.judged_by == "workers":
            self.votes = self._votes_on(clips)
        return clips

    def _votes_on(self, clips: Sequence[Clip]) -> Votes:
        """Votes for labels that are kept, by the ids of the clips."""
        meaning = LabelMap(self.labels, self.codes).meaning
        kept = {clip.id: [vote for vote in self._votes[clip.id] if meaning(vote.word)] for clip in clips}
        if not any(vote.worker for said in kept.values() for vote in said):
            self.remarks.append(f"{self.title}: {self.detailed.require().name} does not say who gave which answer")
        labels = {clip: tuple(meaning(vote.word) for vote in said) for clip, said in kept.items()}
        people = {clip: tuple(vote.worker for vote in said) for clip, said in kept.items()}
        return Votes((), labels, ties="drop", raters=people)

    def _read_turns(self, path: Path, problems: list[str]) -> list[Entry]:
        rows = read_consensus(path, problems)
        votes = self._read_votes(problems) if self.judged_by == "workers" else None
        self._votes = {}
        speaks = "transcript" in self.inputs and self.sentences.is_dir()
        found, others = [], Counter[str]()
        for row in rows:
            try:
                entry = _entry(row, self.tested, votes)
                if entry.split is None:
                    others[row.values["Split_Set"]] += 1
                elif self.reads_train or entry.split == "test":
                    judged = entry if votes is None else self._judged(entry, votes[entry.name])
                    found.append(_said(judged, self.sentences) if speaks else judged)
            except BadValue as error:  # Names that leave the folder are among them.
                problems.append(f"{row.where}: {error}")
        self._remark_parts(others, has_test=any(entry.split == "test" for entry in found))
        return found

    def _judged(self, entry: Entry, votes: list[Vote]) -> Entry:
        """The same turn with what it learns of its votes, which are kept."""
        self._votes[clip_id(entry.name)] = votes
        return replace(entry, votes=tuple(vote.word for vote in votes)) if self.targets == "soft" else entry

    def _read_votes(self, problems: list[str]) -> dict[str, list[Vote]]:
        words = LabelMap(self.labels, self.codes)
        votes, num_empty = read_votes(self.detailed.require(), words, problems)
        if num_empty:
            self.remarks.append(f"{self.title}: {num_empty} answers of workers are empty: they are no votes")
        return votes

    def _remark_parts(self, others: Mapping[str, int], *, has_test: bool) -> None:
        if others and not has_test:
            raise UserError(
                f"data.tested={self.tested}: no turn is of that part; say one of {', '.join(sorted(others))}"
            )
        if others:
            each = ", ".join(f"{part} {number}" for part, number in sorted(others.items()))
            self.remarks.append(f"{self.title}: {sum(others.values())} turns of other parts are left out ({each})")


def _names(kind: str) -> tuple[str, ...]:
    spellings = (kind, "concensus") if kind == "consensus" else (kind,)
    files = [f"labels_{word}{suffix}" for word in spellings for suffix in (".csv", ".json")]
    return tuple(f"{folder}{name}" for folder in ("Labels/", "") for name in files)


def read_consensus(path: Path, problems: list[str]) -> list[Record]:
    """The turns of a table, or of a JSON file of objects by name."""
    if path.suffix.lower() != ".json":
        return read_table(path, COLUMNS, problems)
    found = []
    for name, values in _objects(path).items():
        about = values[0] if isinstance(values, list) and len(values) == 1 else values
        if not isinstance(about, dict):
            problems.append(f"{name!r}: {str(values)[:60]!r} is no object, or a list of one")
            continue
        texts = {column: str(value).strip() for column, value in about.items()}
        texts = {"FileName": name, "EmoClass": texts.get("EmoClass_Major", ""), **texts}
        if missing := [column for column in COLUMNS if column not in texts]:
            problems.append(f"{name!r}: has no {', '.join(missing)}")
        else:
            found.append(Record(repr(name), texts))
    return found


def read_votes(path: Path, words: LabelMap, problems: list[str]) -> tuple[dict[str, list[Vote]], int]:
    """Name -> the emotion that each worker chose, and how many answers are empty.

    Args:
        path: the answers of the workers.
        words: knows what a word means; a word of their own, which is `Other` here, it leaves out.
        problems: what is wrong is added to it.
    """
    votes: dict[str, list[Vote]] = defaultdict(list)
    num_empty, wrong = 0, list[str]()
    for where, name, said, worker in _worded(path, wrong):
        if not said or is_missing(said):
            num_empty += 1
            continue
        word = "Other" if said.lower().startswith("other") else said
        try:
            if words.meaning(word) is None:
                words.read(word, "EmoClass_Major")
            votes[name].append(Vote(word, "" if is_missing(worker) else worker))
        except BadValue as error:
            wrong.append(f"{where}: {error}")
    problems += [f"{path.name}, {problem}" for problem in wrong]
    return votes, num_empty


def _worded(path: Path, problems: list[str]) -> Iterator[tuple[str, str, str, str]]:
    """Place, name, answer and worker; the last two may be empty."""
    if path.suffix.lower() == ".json":
        for name, workers in _objects(path).items():
            said = workers.get("Workers", workers) if isinstance(workers, dict) else ()
            named = said.items() if isinstance(said, dict) else (("", about) for about in said)
            words = [
                (str(about["EmoClass_Major"]).strip(), str(about.get("WorkerID", about.get("Name", worker))))
                for worker, about in named
                if isinstance(about, dict) and "EmoClass_Major" in about
            ]
            if not words or len(words) < len(said):
                problems.append(f"{name!r}: each worker needs EmoClass_Major")
            yield from ((repr(name), name, *each) for each in words)
        return
    for row in read_table(path, _detailed_faults, problems):
        values = row.values
        whole, worker = values.get("EmoDetail"), values.get("WorkerID", "")
        said = (values["EmoClass_Major"], worker) if whole is None else _choice(whole)
        yield row.where, values["FileName"], *said


def _choice(detail: str) -> tuple[str, str]:
    """The second part of `WORKER00000014; Happy; Happy,Amused; A:5.0; V:6.0; D:4.0;`, and the first."""
    worker, word, *_ = f"{detail};;".split(";")
    return word.strip(), worker.strip()


def _detailed_faults(columns: Sequence[str]) -> list[str]:
    is_known = "FileName" in columns and ("EmoClass_Major" in columns or "EmoDetail" in columns)
    return [] if is_known else [f"columns {list(columns)}: needs FileName, and EmoClass_Major or EmoDetail"]


def _objects(path: Path) -> dict[str, Any]:
    content = parse_json(read_text(path), path)
    if not isinstance(content, dict):
        raise UserError(f"{path}: must be one JSON object with a key for each clip, as the corpus has it")
    return content


def _number(column: str, text: str) -> float | None:
    return None if not text or is_missing(text) else number_on(SCALE, column, text)


def _said(entry: Entry, sentences: Path) -> Entry:
    """The same turn with its sentence: `MSP-PODCAST_0001_0008.txt`, of which some are missing."""
    path = sentences / f"{clip_id(entry.name)}.txt"
    return replace(entry, transcript=" ".join(read_text(path).split()) if path.is_file() else "")


def read_truths(path: Path, problems: list[str], *, benchmark: str, split: str) -> list[LabelRow]:
    """The labels of a consensus for `score`, of all its parts."""
    classes = next(number for number in CLASSES if benchmark in {name_of(corpus, number) for corpus in CORPORA})
    entries = []
    for row in read_consensus(path, problems):
        try:
            entries.append(_entry(row, "test1", None))
        except BadValue as error:
            problems.append(f"{row.where}: {error}")
    return label_rows(entries, CLASSES[classes], CODES[classes], problems)


def _entry(row: Record, tested: str, votes: Mapping[str, list[Vote]] | None) -> Entry:
    values = row.values
    name, speaker = values["FileName"], values["SpkrID"]
    label, about = values["EmoClass"], {}
    if votes is not None:
        if name not in votes:
            raise BadValue(f"{name!r} has no vote in the answers of the workers; say data.judged_by=consensus")
        words = [vote.word for vote in votes[name]]
        most = leaders(words)
        label = most[0] if len(most) == 1 else "X"
        about = {"agreement": f"{words.count(most[0])}/{len(words)}"}
    part = values["Split_Set"].lower()
    if not part:
        raise BadValue("Split_Set is empty; it is Train, Development or a test part")
    return Entry(
        name=name,
        media=name,
        where=row.where,
        label=label,
        subject=None if speaker.lower() in ("", "unknown") or is_missing(speaker) else speaker,
        valence=_number("EmoVal", values["EmoVal"]),
        arousal=_number("EmoAct", values["EmoAct"]),
        split="test" if part == tested.lower() else SPLITS.get(part),
        attributes={**({"gender": values["Gender"]} if values.get("Gender") else {}), **about},
    )
