"""A line of the file of a model's answers about new clips: what it says, and the hashes that it is known by."""

import csv
import hashlib
import io
import json
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

from emolightning.data.readers.asked_media import Item
from emolightning.records.predictions import Failure, Prediction

Format = Literal["jsonl", "csv", "upstream"]

FACTS = {
    "upstream": ("id", "status", "request_hash", "video_fingerprint", "run_fingerprint"),
    "jsonl": ("id", "status", "request", "media", "settings"),
    "csv": ("id", "status", "request", "media", "settings"),
}
"""Format -> names of what a line is compared by: id, success or error, hashes of question, file and settings."""

FORMULA = ("=", "+", "-", "@", "\t", "\r")
"""Beginnings of cells that a spreadsheet would compute."""


def digest(content: Any) -> str:
    """sha256 of plain values, as upstream writes it.

    >>> digest({"b": 1, "a": "x"})[:14]
    'sha256:cdab067'
    """
    text = json.dumps(content, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return "sha256:" + hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def request_hash(item: Item, question: str) -> str:
    """What is asked about which file: upstream's hash, where neither transcript nor piece is given."""
    content: dict[str, Any] = {
        "id": item.clip.id,
        "prompt": question,
        "resolved_video": os.path.realpath(item.clip.video),
    }
    if item.clip.transcript is not None:
        content["transcript"] = item.clip.transcript
    if item.clip.span is not None:
        content |= {"start": item.clip.span.start, "end": item.clip.span.end}
    return digest(content)


def file_hash(path: Path) -> str | None:
    """sha256 of a file's content; None where it cannot be read, and of pipes and devices, which may have no end."""
    if not os.path.isfile(path):  # A name that no file can have is no error here.
        return None
    try:
        with path.open("rb") as file:
            return "sha256:" + hashlib.file_digest(file, "sha256").hexdigest()
    except OSError:
        return None


def file_stamp(path: Path) -> tuple[int, ...] | None:
    """What changes when a file is written or replaced, had without reading it; None where there is no such file."""
    if not os.path.isfile(path):
        return None
    try:
        status = path.stat()
    except OSError:
        return None
    return status.st_size, status.st_mtime_ns, status.st_ctime_ns, status.st_ino


def record_of(
    form: Format,
    item: Item,
    answer: Prediction | Failure,
    *,
    question: str,
    media: str | None,
    settings: str,
) -> dict[str, Any]:
    """What a line says of an item. The time that an answer took is in upstream's lines alone: no two calls agree on it.

    Args:
        form: of the file.
        item: what was asked about.
        answer: of the model.
        question: that was asked.
        media: hash of the file.
        settings: hash of the model and its settings.
    """
    content: dict[str, Any] = answer.content()
    is_good, request = isinstance(answer, Prediction), request_hash(item, question)
    error = None if is_good else {"kind": content["kind"], "reason": content["reason"]}
    if form == "upstream":
        return {
            "schema_version": 1,
            "run_fingerprint": settings,
            "request_hash": request,
            "video_fingerprint": media,
            "id": item.clip.id,
            "video": item.video,
            "resolved_video": os.path.realpath(item.clip.video),
            "prompt": question,
            "source": {"mode": item.mode, "input": item.place, "record": item.record},
            "status": "success" if is_good else "error",
            "answer": content.get("text"),
            "error": error and {"stage": "inference", "type": error["kind"], "message": error["reason"]},
            "duration_ms": round(1000 * content.get("seconds", 0.0), 3),
        }
    span = item.clip.span
    return {
        "id": item.clip.id,
        "status": "success" if is_good else "error",
        **({"start": span.start, "end": span.end} if span is not None else {}),
        **{name: content.get(name) for name in ("label", "probabilities", "text")},
        "question": question,
        "inputs": content.get("inputs"),
        "error": error,
        "video": item.video,
        "request": request,
        "media": media,
        "settings": settings,
    }


def one_cell(text: Any) -> Any:
    """A cell on one line that no spreadsheet computes."""
    if not isinstance(text, str):
        return text
    line = " ".join(text.splitlines())
    return f"'{line}" if line.startswith(FORMULA) else line


def table_row(cells: Sequence[Any]) -> str:
    out = io.StringIO()
    csv.writer(out, lineterminator="\n").writerow([one_cell(cell) for cell in cells])
    return out.getvalue()
