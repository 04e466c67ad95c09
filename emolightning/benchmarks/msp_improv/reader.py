"""MSP-IMPROV: `Evalution.txt`, as its owners spell it, with a line for each turn among those of single annotators.

`UTD-IMPROV-S01A-F01-P-FM01.avi; A; A:2.333333; V:3.333333; D:3.000000 ; N:3.666667;` is sentence and target emotion,
speaker, condition, turn; emotion, activation, valence, dominance, naturalness. The clip itself is
`session1/S01A/P/MSP-IMPROV-S01A-F01-P-FM01.avi`.
"""

import re
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any, Literal

from emolightning.benchmarks.corpus_files import Codes, CorpusData, Entry, Part, label_rows, number_on
from emolightning.benchmarks.msp_improv.card import SCALE
from emolightning.data.readers.expected import expect
from emolightning.data.readers.label_files import LabelRow
from emolightning.data.readers.tables import read_text
from emolightning.data.readers.values import BadValue, is_missing
from emolightning.records.labels import IEMOCAP4

CODES: Codes = {"H": "happy", "S": "sad", "N": "neutral", "A": "angry", "O": None, "X": None}
"""`O` is another emotion, `X` a turn without a majority."""

TURN = re.compile(
    r"(?:UTD|MSP)-IMPROV-"
    r"(?P<turn>(?P<sentence>S\d\d[AHNS])-(?P<speaker>[FM]0?(?P<session>\d+))-(?P<condition>[A-Z])-\w+)\.avi; "
    r"(?P<code>\w+); A:(?P<arousal>[^;]+); V:(?P<valence>[^;]+);"
)

CONDITIONS = {"P": "other_improvised", "R": "target_read", "S": "target_improvised", "T": "natural"}


class MspImprovData(CorpusData):
    """`data=msp_improv`.

    Args:
        root: the folder of the corpus.
        session: which one is tested; the others are trained on.
        train: False reads the tested session alone.
        truth: the judgements; None looks for the official names.
        media: folder of the sessions; likewise.
        **shared: arguments of CorpusData.
    """

    def __init__(
        self,
        *,
        root: str,
        session: Literal[1, 2, 3, 4, 5, 6] = 6,
        train: bool = True,
        truth: str | None = None,
        media: str | None = None,
        **shared: Any,
    ):
        table = expect(
            Path(root), "judgements", "data.truth", given=truth, official=("Evalution.txt", "Evaluation.txt")
        )
        folder = expect(Path(root), "folder of the sessions", "data.media", given=media,
                        official=("Video", "Audio", "."), is_folder=True)  # fmt: skip
        read = partial(read_entries, session=str(session), train=train)
        super().__init__(
            title="MSP-IMPROV", benchmark="msp_improv", parts=[Part(table, folder, None, read)], codes=CODES, **shared
        )


def read_entries(path: Path, problems: list[str], *, session: str, train: bool = True) -> list[Entry]:
    """The turns.

    Args:
        path: the judgements.
        problems: gets what is wrong with their lines.
        session: the tested one.
        train: whether the others are read as well.
    """
    found = [entry for entry in _turns(path, session, problems) if train or entry.split == "test"]
    if not found and not problems:
        problems.append("no line begins with UTD-IMPROV- and a turn of the session; it is Evalution.txt of the corpus")
    return found


def _turns(path: Path, session: str, problems: list[str]) -> Iterator[Entry]:
    for number, line in enumerate(read_text(path).splitlines(), start=1):
        if not line.startswith(("UTD-IMPROV-", "MSP-IMPROV-")):
            continue  # Single annotators.
        try:
            yield _entry(line, f"line {number}", session)
        except BadValue as error:
            problems.append(f"line {number}: {error}")


def _entry(line: str, where: str, session: str) -> Entry:
    turn = TURN.match(line)
    if turn is None:
        raise BadValue(f"{line[:80]!r} is not `UTD-IMPROV-<turn>.avi; <emotion>; A:<number>; V:<number>; ...`")
    name = f"MSP-IMPROV-{turn['turn']}"
    return Entry(
        name=name,
        media=f"session{turn['session']}/{turn['sentence']}/{turn['condition']}/{name}",
        where=where,
        label=turn["code"],
        subject=turn["speaker"],
        valence=_number("V", turn["valence"]),
        arousal=_number("A", turn["arousal"]),
        split="test" if turn["session"] == session else "train",
        attributes={
            "session": turn["session"],
            "condition": CONDITIONS.get(turn["condition"], turn["condition"]),
            "sentence": turn["sentence"],
        },
    )


def _number(column: str, text: str) -> float | None:
    return None if is_missing(text.strip()) else number_on(SCALE, column, text.strip())


def read_truths(path: Path, problems: list[str], *, benchmark: str, split: str) -> list[LabelRow]:
    """The labels for `score`, of all sessions."""
    return label_rows(read_entries(path, problems, session=""), IEMOCAP4, CODES, problems)
