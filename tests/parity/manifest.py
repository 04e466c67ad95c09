"""Checks of the folder's own list of its files."""

from typing import Any

from parity.comparison import Each, Unchecked
from parity.golden import GoldenFolder
from parity.subject import Subject

from emolightning.files.digests import sha256_of

FILE = "MANIFEST.json"
NOTES = ("README.md", "bench_")
"""Beginnings of files that say nothing about numbers."""


def recompute(golden: GoldenFolder, subject: Subject) -> dict[str, Any]:
    """Content of `MANIFEST.json`."""
    about: dict[str, Any] = dict.fromkeys(golden.json(FILE), Unchecked("says how the folder was made"))
    about["files"] = Each({name: _file(golden, name) for name in golden.json(FILE).get("files", {})})
    return {FILE: about}


def _file(golden: GoldenFolder, name: str) -> Any:
    if name.startswith(NOTES):
        return Unchecked("a note")
    if not golden.has(name):
        return Unchecked("absent")
    path = golden.place(name)
    return {"bytes": path.stat().st_size, "sha256": sha256_of(path)}
