"""The file of a model's answers about new clips: a line each, written at once; what a second call goes on from.

Rules of upstream's batch inference: an item that is answered is skipped, one that failed is tried again, and what has
changed since (question, file, settings) is refused by name. Under torchrun each process writes a file of its own, and
the last one to end joins them.
"""

import csv
import fcntl
import json
import os
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import IO, Any

from emolightning.data.readers.asked_media import Item
from emolightning.errors import InputErrors, UserError
from emolightning.files.documents import DamagedFile
from emolightning.files.writing import writing, written_whole
from emolightning.runs.prediction_lines import FACTS, Format, one_cell, table_row

STATUSES = ("success", "error")

BEGINNINGS = {"jsonl": b'{"id":', "csv": b"id,status,", "upstream": b'{"schema_version":'}
"""Format -> how its file begins."""


class BrokenOutput(UserError):
    """The file of answers cannot be gone on from: damaged, locked, or not writable."""


class Conflict(InputErrors):
    """Items that were answered before have changed since."""


class PredictionFile:
    """One file of answers, open for appending.

    Args:
        path: of the file.
        form: of its lines.
        labels: the columns of probabilities in a table; known when the model is.
        rank: of this process.
        world_size: number of processes that share the work.

    Raises:
        BrokenOutput: another process writes it, or it is damaged, or cannot be written.
    """

    def __init__(self, path: Path, form: Format, *, rank: int = 0, world_size: int = 1):
        self.path, self.form = path, form
        self.own = path if world_size == 1 else path.with_name(f".{path.name}.rank{rank}")
        self.labels: tuple[str, ...] = ()
        self._locks: list[IO[bytes]] = []
        try:
            with writing(f"out={path}"):
                path.parent.mkdir(parents=True, exist_ok=True)
                self._lock(f".{path.name}.lock", fcntl.LOCK_EX if world_size == 1 else fcntl.LOCK_SH)
                if world_size > 1:  # Another group of processes has a process of the same rank.
                    self._lock(f".{path.name}.rank{rank}.lock", fcntl.LOCK_EX)
                # Nothing is changed in a file whose lines are not ours: `out` may be somebody's table or clip.
                self.known = self._read()
                if self._mend_end():
                    self.known = self._read()
        except BrokenOutput:
            raise
        except UserError as error:
            raise BrokenOutput(str(error)) from error

    def _lock(self, name: str, kind: int) -> None:
        file = (self.path.parent / name).open("ab")
        try:
            fcntl.flock(file, kind | fcntl.LOCK_NB)
        except BlockingIOError:
            file.close()
            raise BrokenOutput(f"out={self.path}: another process is writing it; wait for its end") from None
        self._locks.append(file)

    def _places(self) -> list[Path]:
        return [self.path, *sorted(self.path.parent.glob(f".{self.path.name}.rank*[0-9]"))]

    def _read(self) -> dict[str, dict[str, Any]]:
        """Id -> its line; of several an answer counts before an error."""
        found: dict[str, dict[str, Any]] = {}
        for place in self._places():
            for line in _lines(place, self.form):
                record = self._decoded(line, place)
                if record is not None and found.get(record["id"], {}).get("status") != "success":
                    found[record["id"]] = record
        return found

    def _decoded(self, line: tuple[int, str], place: Path) -> dict[str, Any] | None:
        """What a line says; None for the header of a table."""
        number, text = line
        names = FACTS[self.form]
        try:
            if self.form == "csv":
                cells = _cells(text)
                if number == 1:
                    if tuple(cells[: len(names)]) != names:
                        raise ValueError("the header is another one")
                    return None
                record: Any = dict(zip(names, cells, strict=False))
            else:
                record = json.loads(text)
            if not all(isinstance(record[name], str) for name in names[:3]) or record["status"] not in STATUSES:
                raise ValueError("its values are no answer's")
        except (ValueError, KeyError, TypeError, csv.Error, RecursionError) as error:
            if number == 1:
                raise BrokenOutput(_no_answers(place, self.form)) from None
            raise BrokenOutput(str(DamagedFile(f"{place}, line {number}", error))) from None
        return {**record, "line": text, **dict(zip(FACTS["jsonl"], (record.get(n) for n in names), strict=True))}

    def _mend_end(self) -> bool:
        """Cut off what a killed process left after the last newline; a whole line that lacks only that gets it.

        Returns:
            Whether there is a line more.
        """
        if not self.own.exists():
            return False
        with self.own.open("rb+") as file:
            content = file.read()
            start = content.rfind(b"\n") + 1
            last = content[start:]
            if not last:
                return False
            beginning = BEGINNINGS[self.form]
            if start == 0 and not (last.startswith(beginning) or beginning.startswith(last)):
                raise BrokenOutput(_no_answers(self.own, self.form))
            try:
                is_whole = isinstance(json.loads(last), dict)
            except (ValueError, RecursionError):
                is_whole = False
            if is_whole:
                self._decoded((content.count(b"\n") + 1, last.decode("utf-8", errors="replace")), self.own)
                file.write(b"\n")
            else:
                file.truncate(start)
            return is_whole

    def require_same(
        self,
        items: Sequence[Item],
        media: Mapping[str, str | None],
        requests: Mapping[str, str] | None = None,
    ) -> None:
        """Refuse answers to other questions about other files.

        Args:
            items: all of them.
            media: id -> hash of its file.
            requests: id -> hash of what is asked; None while that is not known.

        Raises:
            Conflict: names each item and what has changed.
        """
        ids = {one_cell(item.clip.id) if self.form == "csv" else item.clip.id: item.clip.id for item in items}
        problems = [
            f"{name}: was answered before and is not among the items now" for name in self.known if name not in ids
        ]
        for name, record in self.known.items():
            if name in ids and record["status"] == "success":
                if requests is not None and record["request"] != requests[ids[name]]:
                    problems.append(f"{name}: question, transcript or file name has changed since it was answered")
                elif record["media"] != media[ids[name]]:
                    problems.append(f"{name}: the content of its file has changed since it was answered")
        self._refuse(problems)

    def require_settings(self, settings: str) -> None:
        """Refuse answers of another model or other settings, and a table with other columns.

        Raises:
            Conflict: names each item.
        """
        if self.form == "csv":
            for place in self._places():
                first = next(iter(_lines(place, self.form)), None)
                if first is not None and _cells(first[1]) != self.columns():
                    self._refuse([f"its columns are not those of this version: {', '.join(self.columns())}"])
        known = [name for name, record in self.known.items() if record["status"] == "success"]
        changed = [name for name in known if self.known[name]["settings"] != settings]
        self._refuse([f"{name}: the model or its settings have changed since it was answered" for name in changed])

    def _refuse(self, problems: Sequence[str]) -> None:
        if problems:
            note = "say overwrite=true to answer all anew, or another out=FILE"
            raise Conflict(f"out={self.path}", problems, note=note)

    def is_answered(self, item: Item) -> bool:
        """Whether there is an answer."""
        name = one_cell(item.clip.id) if self.form == "csv" else item.clip.id
        return self.known.get(name, {}).get("status") == "success"

    def forget(self) -> None:
        """Begin anew."""
        self.known = {}
        with writing(f"out={self.path}"):
            for place in [self.own] if self.own != self.path else self._places():
                place.unlink(missing_ok=True)

    def append(self, records: Iterable[Mapping[str, Any]]) -> None:
        """Write lines at once, down to the disk.

        Raises:
            CannotWrite: half a line may be left, which the next call cuts off.
        """
        lines = [self.encoded(record) for record in records]
        with writing(f"out={self.path}"):
            is_new = not self.own.exists() or self.own.stat().st_size == 0
            with self.own.open("a", encoding="utf-8", newline="") as file:
                file.write("".join([self.header() if is_new else "", *lines]))
                file.flush()
                os.fsync(file.fileno())

    def header(self) -> str:
        """The first line of a table."""
        return table_row(self.columns()) if self.form == "csv" else ""

    def columns(self) -> list[str]:
        """Names of the columns of a table."""
        chances = [f"p_{label}" for label in self.labels]
        return [*FACTS["csv"], "label", *chances, "text", "question", "inputs", "error", "video", "start", "end"]

    def encoded(self, record: Mapping[str, Any]) -> str:
        """One line."""
        if self.form != "csv":
            return json.dumps(record, ensure_ascii=False, separators=(",", ":")) + "\n"
        chances = record.get("probabilities") or {}
        error = record.get("error") or {}
        cells = [
            *(record[name] for name in FACTS["csv"]),
            record["label"],
            *(chances.get(label) for label in self.labels),
            *(record["text"], record["question"], json.dumps(record["inputs"], ensure_ascii=False)),
            *(": ".join(error.values()), record["video"], record.get("start"), record.get("end")),
        ]
        return table_row(["" if cell is None else cell for cell in cells])

    def said(self, items: Sequence[Item]) -> dict[str, tuple[str | None, dict[str, float]]]:
        """Id -> label and probabilities, of those that have any."""
        found: dict[str, tuple[str | None, dict[str, float]]] = {}
        for item in items:
            record = self.known.get(one_cell(item.clip.id) if self.form == "csv" else item.clip.id)
            if record is None or record["status"] != "success" or self.form == "upstream":
                continue
            if self.form == "csv":
                cells = dict(zip(self.columns(), _cells(record["line"]), strict=True))
                chances = {label: float(cells[f"p_{label}"]) for label in self.labels if cells[f"p_{label}"]}
                found[item.clip.id] = cells["label"] or None, chances
            else:
                found[item.clip.id] = record["label"], record["probabilities"] or {}
        return found

    def finish(self, items: Sequence[Item]) -> bool:
        """Put the lines in the order of the items, one each; of several processes the last one does it.

        Returns:
            Whether this process did.

        Raises:
            CannotWrite: all lines are still there.
        """
        if self.own != self.path:
            fcntl.flock(self._locks[0], fcntl.LOCK_UN)
            try:
                fcntl.flock(self._locks[0], fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                return False
        self.known = found = self._read()
        names = [one_cell(item.clip.id) if self.form == "csv" else item.clip.id for item in items]
        others = [place for place in self._places() if place != self.path]
        lines = [found[name]["line"] + "\n" for name in names if name in found]
        text = self.header() + "".join(lines)
        if others or text != (self.path.read_text(encoding="utf-8") if self.path.exists() else ""):
            with written_whole(self.path) as temporary, temporary.open("w", encoding="utf-8", newline="") as file:
                file.write(text)
        for place in others:
            place.unlink(missing_ok=True)
        return True

    def close(self) -> None:
        """Give the file free."""
        for lock in self._locks:
            with suppress(OSError):
                lock.close()


def _lines(place: Path, form: Format) -> list[tuple[int, str]]:
    """The whole lines, with their numbers."""
    if place.is_symlink():
        raise BrokenOutput(f"{place}: is a link; nothing is written there: put a copy in its place")
    if not place.exists():
        return []
    if not place.is_file():
        raise BrokenOutput(f"{place}: is a {'folder' if place.is_dir() else 'device'}; say out=FILE")
    try:
        content = place.read_bytes()
        text = content[: content.rfind(b"\n") + 1].decode("utf-8")
    except OSError as error:
        raise BrokenOutput(str(DamagedFile(place, error))) from None
    except UnicodeDecodeError:
        raise BrokenOutput(_no_answers(place, form)) from None
    return [(number, line) for number, line in enumerate(text.split("\n")[:-1], start=1)]


def _cells(text: str) -> list[str]:
    """The cells of one line, however long: a question that was too long for the model is in its line, too."""
    usual = csv.field_size_limit(len(text) + 1)
    try:
        (cells,) = csv.reader([text])
    finally:
        csv.field_size_limit(usual)
    return cells


def _no_answers(place: Path, form: Format) -> str:
    return (
        f"{place}: is no {form} file of answers, so nothing is written there; say another out=FILE, or its format=..."
    )
