"""One thing to mend in a configuration, and the nearest valid name."""

import difflib
import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Problem:
    """One thing to mend in the configuration."""

    key: str
    """Dotted key, e.g. `data.batch_size`."""
    message: str

    def __str__(self) -> str:
        return f"{self.key}{' ' if self.message.startswith('is ') else ': '}{self.message}"


OTHER_WORDS = {
    "epochs": "max_epochs",
    "num_epochs": "max_epochs",
    "steps": "max_steps",
    "learning_rate": "lr",
    "gpus": "devices",
    "num_gpus": "devices",
    "bs": "batch_size",
    "workers": "num_workers",
    "grad_accum": "accumulate_grad_batches",
    "gradient_accumulation_steps": "accumulate_grad_batches",
    "rank": "r",
    "csv": "annotations",
    "video_dir": "media",
    "videos": "media",
}
"""Names that other programs have for a setting -> its name here."""


_IN_YAML = {"Integer": "int", "Float": "float", "Boolean": "true or false"}
_OTHER_TYPE = re.compile(rf"Value '(.*)' of type '(\w+)' could not be converted to ({'|'.join(_IN_YAML)})")
"""How OmegaConf says that a value does not fit, and its types as a YAML file has them."""

SHORT = 3
"""Letters of a word of which one is too much to be a slip."""


def closest(word: object, options: Iterable[str]) -> str | None:
    """The option that `word` was probably meant to be, or None.

    >>> closest("max_epoch", ["max_epochs", "min_epochs"]), closest("learning_rate", ["lr", "betas"])
    ('max_epochs', 'lr')
    >>> closest("gpu", ["cpu", "ddp", "one_gpu"])  # One letter of three is no slip of the pen.
    'one_gpu'
    """
    options = list(options)
    if (known := OTHER_WORDS.get(str(word).lower())) in options:
        return known
    spellings = {option.lower(): option for option in options}
    written = str(word).lower()
    with_part = [low for low in spellings if written in low.split("_")]
    cutoff = 0.0 if with_part else 0.7 if len(written) <= SHORT else 0.6
    matches = difflib.get_close_matches(written, with_part or list(spellings), n=1, cutoff=cutoff)
    return spellings[matches[0]] if matches else None


def absent(path: Path, wanted: str = "file or folder") -> str:
    """What to say of a path that is not what was wanted: something else is there, or a name is near.

    >>> absent(Path("/"), "file")
    'is a folder; name a file'
    """
    if path.is_dir():
        return f"is a folder; name a {wanted}"
    if path.is_symlink() and not path.exists():
        return f"is a link that leads nowhere; name a {wanted}"
    if path.exists():
        return f"is no ordinary file; name a {wanted}"
    siblings = [item.name for item in path.parent.iterdir()] if path.parent.is_dir() else []
    near = closest(path.name, siblings)
    return f"no such {wanted}{f'; did you mean {path.parent / near}?' if near else ''}"


def reason_of(error: BaseException) -> str:
    """The first line of an exception of Hydra or OmegaConf, in words for YAML.

    >>> reason_of(ValueError("field 'checkpoints.every_minutes' is not Optional"))
    'must not be null'
    >>> reason_of(ValueError("Value 'True' of type 'bool' could not be converted to Float"))
    'must be float, not true'
    """
    line = str(error).partition("\n")[0]
    if found := _OTHER_TYPE.fullmatch(line):
        value, kind, wanted = found.groups()
        written = {"str": repr(value), "bool": value.lower()}.get(kind, value)
        return f"must be {_IN_YAML[wanted]}, not {written}"
    return "must not be null" if line.endswith("is not Optional") else line


def suggestion(word: object, options: Iterable[str], *, limit: int = 12) -> str:
    """`did you mean X?` if an option is near, else the options themselves."""
    names = list(options)
    near = closest(word, names)
    if near:
        return f"did you mean {near}?"
    return f"choose from {', '.join(names[:limit])}{', ...' if len(names) > limit else ''}" if names else "it has none"


def not_one_of(value: object, options: Iterable[str]) -> str:
    """`'pek' is not one of middle, peak; did you mean peak?`."""
    names = list(options)
    near = closest(value, names)
    return f"{value!r} is not one of {', '.join(names)}{f'; did you mean {near}?' if near else ''}"
