"""What a folder of vectors says of itself: which encoder made them, with which weights, of what.

`manifest.json` is data from outside as everything in such a folder: types and sizes are checked before a value is used.
A folder without one, as upstream's, holds vectors of unknown recipe.
"""

import hashlib
import json
from collections.abc import Collection, Iterator, Mapping
from dataclasses import asdict, dataclass, field, fields, replace
from pathlib import Path
from typing import Any, Literal, get_args

from emolightning.files.documents import DamagedFile, read_json_object
from emolightning.files.writing import write_json

NAME = "manifest.json"
FORMAT = "emolightning vectors 1"

Level = Literal["utterance", "frame"]
"""One vector a clip, (width,), or a sequence of them, (steps, width)."""

Kept = Literal["float32", "float16"]

WIDEST = 2**20
LONGEST_TEXT = 1000
_ALLOWED = {"level": get_args(Level), "dtype": get_args(Kept)}
_COUNTED = ("width", "count")
_MAPPINGS = ("parameters", "versions", "side_files")
_FREE = ("versions", "count")
"""What may differ between two parts of one store: versions are noted, not compared."""


@dataclass(frozen=True)
class Manifest:
    """Everything that the values of a store depend on."""

    recipe: str
    """Name of the recipe, `configs/recipe/<name>.yaml`."""
    encoder: str
    """The encoder's class."""
    weights: str
    """Fingerprint of the weights: sha256 of the files' content; empty where there are none."""
    level: Level
    side_files: Mapping[str, str] = field(default_factory=dict)
    """File beside the weights that the encoder reads -> sha256; empty where there are none, or nobody noted them."""
    parameters: Mapping[str, Any] = field(default_factory=dict)
    """The recipe's parameters: plain values."""
    faces: str = "none"
    """Who is seen, e.g. `detector`."""
    dtype: Kept = "float32"
    width: int | None = None
    """None until the first vector is there."""
    count: int | None = None
    """Vectors of a store that is finished; None while it is being made."""
    versions: Mapping[str, str] = field(default_factory=dict)
    """Package -> version, or versions where parts were made by several."""

    def __str__(self) -> str:
        weights = f"weights {self.weights[:12]}, " if self.weights else ""
        return f"{self.recipe} ({weights}{self.level})"

    def differences(self, other: "Manifest", *, free: Collection[str] = ()) -> list[str]:
        """What differs from another store, one sentence a key: `KEY: OTHER'S VALUE there, OWN VALUE here`.

        Args:
            other: of the other store.
            free: keys that may differ, besides versions and count.
        """
        return list(self._differences(other, {*_FREE, *free}))

    def _differences(self, other: "Manifest", free: Collection[str]) -> Iterator[str]:
        own, theirs = _plain(self), _plain(other)
        for name in (item.name for item in fields(self) if item.name not in free):
            if name == "width" and None in (own[name], theirs[name]):
                continue
            if name == "side_files" and not (own[name] and theirs[name]):
                continue  # Stores of before they were noted.
            if own[name] == theirs[name]:
                continue
            if name not in _MAPPINGS:
                yield f"{name}: {theirs[name]} there, {own[name]} here"
                continue
            for key in sorted(own[name].keys() | theirs[name].keys()):
                there, here = theirs[name].get(key, "nothing"), own[name].get(key, "nothing")
                if there != here:
                    yield f"{name}.{key}: {there} there, {here} here"

    def with_versions_of(self, other: "Manifest") -> "Manifest":
        """The same, made by the versions of both."""
        versions = {
            name: ", ".join(sorted({text for of in (self, other) for text in of.versions.get(name, "").split(", ")}))
            for name in sorted(self.versions.keys() | other.versions.keys())
        }
        return replace(self, versions={name: text.removeprefix(", ") for name, text in versions.items()})

    def key(self) -> str:
        """A short name of all that the values depend on."""
        content = {name: value for name, value in _plain(self).items() if name not in (*_FREE, "width")}
        if not content["side_files"]:
            del content["side_files"]
        return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()[:12]

    def content(self) -> dict[str, Any]:
        """The content of `manifest.json`: the same bytes for the same store."""
        return {"format": FORMAT, **_plain(self)}

    def write(self, folder: Path) -> None:
        """Replace the manifest of a folder in one step.

        Raises:
            CannotWrite: the previous one is still there.
        """
        write_json(folder / NAME, self.content())


def _plain(manifest: Manifest) -> dict[str, Any]:
    """Plain values as JSON gives them back: a tuple is a list."""
    return json.loads(json.dumps(asdict(manifest), sort_keys=True))


def read_manifest(folder: Path) -> Manifest | None:
    """The manifest of a folder of vectors; None where there is none, as in upstream's folders.

    Raises:
        DamagedFile: it is none.
    """
    path = folder / NAME
    return manifest_of(read_json_object(path), path) if path.exists() else None


def manifest_of(content: Mapping[str, Any], place: Path) -> Manifest:
    """The manifest in a JSON object.

    Args:
        content: as read; nothing of it is trusted.
        place: the file, for messages.

    Raises:
        DamagedFile: names the key that is wrong.
    """
    values = dict(content)
    if values.pop("format", None) != FORMAT:
        raise DamagedFile(place, f"it is not a manifest of format {FORMAT!r}")
    known = {item.name for item in fields(Manifest)}
    if wrong := [*_wrong_keys(values, known)]:
        raise DamagedFile(place, "; ".join(wrong))
    return Manifest(**values)


def _wrong_keys(values: Mapping[str, Any], known: set[str]) -> Iterator[str]:
    for name in sorted({"recipe", "encoder", "weights", "level"} - values.keys()):
        yield f"{name} is not there"
    for name, value in values.items():
        if name not in known:
            yield f"{name!r} is no key of a manifest"
        elif not _is_possible(name, value):
            yield f"{name} is {str(value)[:100]!r}"


def _is_possible(name: str, value: Any) -> bool:
    """Whether a key of a manifest may have this value."""
    if name in _COUNTED:
        return value is None or (type(value) is int and value >= 0 and (name == "count" or value <= WIDEST))
    if name in _MAPPINGS:
        return isinstance(value, dict) and (name == "parameters" or all(map(_is_text, value.values())))
    return _is_text(value) and value in _ALLOWED.get(name, (value,))


def _is_text(value: Any) -> bool:
    return isinstance(value, str) and len(value) <= LONGEST_TEXT
