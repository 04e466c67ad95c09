"""Keys of a group that its `_target_` does not take: the program splits them off and makes their objects itself.

`data.batch_size=8` is a key of the group `data` beside those of the class that reads its clips.
"""

import ast
from dataclasses import replace
from typing import Any

from emolightning.config.corpora import is_one
from emolightning.config.documentation import argument_docs
from emolightning.config.families import all_inputs
from emolightning.config.signatures import Argument, Signature, read_signature
from emolightning.records.inputs import named

SHARED = {
    group: tuple(f"emolightning.data.loading.settings.{name}" for name in ("Reading", "Loading"))
    for group in ("data", "against")  # The second is another dataset, in `doctor`.
}
"""Group -> the dataclasses whose fields are keys of it; `split_settings` beside them does the splitting."""

OF_CORPUS = (*SHARED["data"], "emolightning.config.corpora.Share")
"""The same of one corpus of several."""


FEATURES = "features"
"""The group whose classes may take any input that is vectors, `**folders`: the names are those of the families."""


def signature_of(key: str, target: str) -> Signature | None:
    """What may be set at a key: the arguments of its class, and the keys that are split off.

    Raises:
        MissingTarget: there is no such class.
    """
    own = read_signature(target)
    if own is not None and own.takes_any and key == FEATURES:
        return _with_inputs(own)
    if own is None or not (names := _split_off(key)):
        return own
    shared = [read_signature(name) for name in names]
    arguments = {name: item for part in shared if part for name, item in part.arguments.items()}
    return replace(own, arguments={**own.arguments, **arguments})


def docs_of(key: str, target: Any) -> dict[str, str]:
    """Argument -> what is written about it."""
    docs = argument_docs(target)
    if key == FEATURES:
        docs |= {name: f"folder for: {all_inputs()[name].meaning}" for name in named(all_inputs(), "vectors")}
    for name in _split_off(key):
        docs |= argument_docs(name)
    return docs


def _split_off(key: str) -> tuple[str, ...]:
    """The dataclasses whose fields are keys of a node beside the arguments of its class."""
    return OF_CORPUS if is_one(key) else SHARED.get(key, ())


def _with_inputs(own: Signature) -> Signature:
    """A class that takes a folder for each input takes one for those that there are, and no misspelt one."""
    module = next((item.module for item in own.arguments.values()), None)
    folder = Argument(ast.parse("str | None", mode="eval").body, module)
    return Signature({**own.arguments, **dict.fromkeys(named(all_inputs(), "vectors"), folder)})
