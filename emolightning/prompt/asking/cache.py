"""Replies of a language model, kept by the content of the question: a repeated run asks nothing twice.

JSON lines, appended with one write each: a killed process loses at most the reply it was writing, and what it left of
that line is passed over. Only replies that could be read are put in, and what is taken out is read again by the caller,
so a damaged file can cost a question but not change a grade.
"""

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from threading import Lock
from typing import Any

from emolightning.errors import UserError


def content_key(content: Mapping[str, Any]) -> str:
    """sha256 over everything that a reply depends on."""
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()


class ReplyCache:
    """Replies by key; of several for a key the last counts.

    Args:
        path: the file; made with its folder when it is first needed.

    Raises:
        UserError: the file cannot be read or written.
    """

    def __init__(self, path: Path):
        self.path = path
        self.num_damaged = 0
        """Lines that are no record of ours."""
        self._lock = Lock()
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.touch(mode=0o600)
            content = path.read_bytes()
            if content and not content.endswith(b"\n"):  # the half line of a killed process: the next starts afresh
                self._append(b"\n")
        except OSError as error:
            raise self._refused(error) from error
        self._replies = dict(filter(None, map(self._record, content.split(b"\n"))))

    def get(self, key: str) -> str | None:
        """The reply, if there is one."""
        return self._replies.get(key)

    def put(self, key: str, reply: str, **about: str) -> None:
        """Keep a reply that was read, from any thread.

        Args:
            key: of the question.
            reply: as it came.
            **about: for people who look into the file.

        Raises:
            UserError: the file cannot be written.
        """
        line = json.dumps({"key": key, **about, "reply": reply}) + "\n"
        with self._lock:
            try:
                self._append(line.encode())
            except OSError as error:
                raise self._refused(error) from error
            self._replies[key] = reply

    def _append(self, content: bytes) -> None:
        """In one write. Opened each time: a thread that outlives the run must not write into a file that is closed."""
        with self.path.open("ab", buffering=0) as file:
            file.write(content)

    def _refused(self, error: OSError) -> UserError:
        return UserError(f"{self.path}: replies cannot be kept there ({error.strerror}); set `cache` to another file")

    def _record(self, line: bytes) -> tuple[str, str] | None:
        if not line.strip():
            return None
        try:
            record = json.loads(line)
            key, reply = record["key"], record["reply"]
        except (ValueError, KeyError, TypeError, RecursionError):
            self.num_damaged += 1
            return None
        if not isinstance(key, str) or not isinstance(reply, str):
            self.num_damaged += 1
            return None
        return key, reply
