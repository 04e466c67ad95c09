"""What a class or function takes, by name and by value, read from its source."""

import ast
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from emolightning.config.definitions import (
    DEPTH,
    Definition,
    MissingTarget,
    Module,
    find_definition,
    last_name,
    parent_class,
    resolve_name,
    without_first_argument,
)

INERT_BASES = {"object", "ABC", "Protocol", "Generic"}
"""Bases that add no argument."""

UNKNOWN = object()
"""A value that is not known yet, e.g. because its interpolation fails; fits everything."""

PLAIN_BASES = {
    *("str", "int", "float", "bool", "bytes", "list", "tuple", "dict", "set", "Mapping", "Sequence", "Collection"),
    *("Enum", "IntEnum", "StrEnum", "Flag", "Protocol", "NamedTuple", "TypedDict", "PathLike", "Path", "Number"),
    *("Any", "object", "Real", "Integral", "Hashable", "Sized", "Iterable", "Callable", "BaseException"),
}
"""Classes, and bases of classes, for whose objects libraries also take plain values."""

NOT_IN_YAML = {"Tensor", "torch.Tensor"}
"""Types that a library allows beside plain ones, and that a message would only confuse with."""

PLAIN_TYPES: dict[str, type | tuple[type, ...]] = {
    "bool": bool,
    "str": str,
    "Path": (str, Path),
    "list": list,
    "tuple": list,
    "dict": dict,
}
"""Annotation -> what a config holds for it."""


@dataclass(frozen=True)
class Argument:
    """What is known of one argument."""

    annotation: ast.expr | None = None
    module: Module | None = None
    """Where the names in the annotation are defined; None if it was not read from source."""
    default: ast.expr | None = None
    """None if it is required, or if that is not known."""

    def __str__(self) -> str:
        """The annotation in one notation, e.g. `int | None`."""
        return " | ".join(self.types())

    def types(self) -> list[str]:
        """The alternatives of the annotation, without the types that no YAML can hold."""
        texts = [ast.unparse(part) for part in alternatives(self.annotation)]
        return [text for text in texts if text not in NOT_IN_YAML] or texts or ["Any"]

    def accepts(self, value: object) -> bool:
        """Whether a plain config value fits. What is not a simple type accepts everything."""
        if self.module is None or (value is None and _is_none(self.default)):
            return True
        return _accepts(value, self.annotation, self.module)

    def literals(self) -> list[object]:
        """The values that its `Literal`s allow."""
        return [] if self.module is None else _literals(self.annotation, self.module)


@dataclass(frozen=True)
class Signature:
    """What can be given by name."""

    arguments: Mapping[str, Argument]
    takes_any: bool = False
    """It has `**kwargs` that lead nowhere known, so any name is accepted."""


@cache
def read_signature(target: str) -> Signature | None:
    """The signature of a dotted path, without importing anything.

    Returns:
        None if the source does not tell: compiled modules, lazy modules, computed names.

    Raises:
        MissingTarget: the source tells that there is no such thing.
    """
    try:
        found = find_definition(target)
        return _signature(found) if found else None
    except (OSError, SyntaxError, RecursionError):
        return None


def _signature(found: Definition) -> Signature | None:
    if isinstance(found.node, ast.FunctionDef | ast.AsyncFunctionDef):
        return _arguments(found.node, found.module)
    return _class_signature(found, DEPTH) if isinstance(found.node, ast.ClassDef) else None


def _arguments(function: ast.FunctionDef | ast.AsyncFunctionDef, module: Module) -> Signature:
    given = function.args
    places = [*given.posonlyargs, *given.args]
    missing: list[ast.expr | None] = [None] * (len(places) - len(given.defaults))
    defaults = [*missing, *given.defaults, *given.kw_defaults]
    every = zip([*places, *given.kwonlyargs], defaults, strict=True)
    arguments = {item.arg: Argument(item.annotation, module, default) for item, default in every}
    return Signature(arguments, given.kwarg is not None)


def _class_signature(found: Definition, depth: int) -> Signature | None:
    """From the class's own `__init__`, `__new__` or dataclass fields, else from its first base that has one."""
    if depth == 0:
        return None
    methods = {item.name: item for item in found.node.body if isinstance(item, ast.FunctionDef)}
    for name in ("__init__", "__new__"):
        if name in methods:
            own = _arguments(without_first_argument(methods[name]), found.module)
            return _with_inherited(own, methods[name], found, depth)
    decorators = {last_name(item) for item in found.node.decorator_list}
    # A class decorator or `__init_subclass__` of a library may write an `__init__` that the source does not show.
    if "__init_subclass__" in methods or decorators - {"dataclass", "final"}:
        return None
    inherited = []
    for parent in _parents(found):
        signature = _class_signature(parent, depth - 1) if parent else None
        if signature is None:
            return None
        inherited.append(signature)
    if "dataclass" in decorators:
        fields = {name: item for parent in reversed(inherited) for name, item in parent.arguments.items()}
        return Signature(fields | _own_fields(found))
    return next((parent for parent in inherited if parent.arguments or parent.takes_any), Signature({}))


def _parents(found: Definition) -> list[Definition | None]:
    return [parent_class(base, found.module) for base in found.node.bases if last_name(base) not in INERT_BASES]


def _with_inherited(own: Signature, init: ast.FunctionDef, found: Definition, depth: int) -> Signature:
    """`__init__(self, x, **rest)` that hands `rest` to `super().__init__` and to nothing else takes what that takes."""
    rest = init.args.kwarg.arg if init.args.kwarg else None
    uses = [node for node in ast.walk(init) if isinstance(node, ast.Name) and node.id == rest]
    calls = [
        node
        for node in ast.walk(init)
        if isinstance(node, ast.Call)
        and ast.unparse(node.func) == "super().__init__"
        and any(item.arg is None and ast.unparse(item.value) == rest for item in node.keywords)
    ]
    parents = _parents(found)
    if len(uses) != 1 or len(calls) != 1 or len(parents) != 1 or parents[0] is None or calls[0].args:
        return own
    parent = _class_signature(parents[0], depth - 1)
    if parent is None:
        return own
    given = {item.arg for item in calls[0].keywords}
    inherited = {name: item for name, item in parent.arguments.items() if name not in given}
    return Signature({**inherited, **own.arguments}, parent.takes_any)


def _own_fields(found: Definition) -> dict[str, Argument]:
    fields = {}
    for item in found.node.body:
        if isinstance(item, ast.AnnAssign) and isinstance(item.target, ast.Name):
            text, value = ast.unparse(item.annotation), ast.unparse(item.value) if item.value else ""
            if "ClassVar" not in text and "KW_ONLY" not in text and "init=False" not in value:
                fields[item.target.id] = Argument(item.annotation, found.module, item.value)
    return fields


def _accepts(value: object, annotation: ast.expr | None, module: Module) -> bool:
    # What is required is reported elsewhere, and what a `_target_` makes is not known here.
    if value is UNKNOWN or value == "???" or (isinstance(value, dict) and "_target_" in value):
        return True
    match annotation:
        case None:
            return True
        case ast.Constant(value=None):
            return value is None
        case ast.Constant(value=str(text)):
            return _accepts(value, ast.parse(text, mode="eval").body, module)
        case ast.BinOp(left=left, op=ast.BitOr(), right=right):
            return _accepts(value, left, module) or _accepts(value, right, module)
        case ast.Subscript(slice=inside):
            return _accepts_subscript(value, last_name(annotation), inside, module)
        case ast.Name() | ast.Attribute():
            return _accepts_name(value, annotation, module)
    return True


def alternatives(annotation: ast.expr | None) -> list[ast.expr]:
    """The types that an annotation allows, each by itself: `int | None`, `Optional[int]` and `Union[int, None]`."""
    match annotation:
        case None:
            return []
        case ast.Constant(value=str(text)):
            return alternatives(ast.parse(text, mode="eval").body)
        case ast.BinOp(left=left, op=ast.BitOr(), right=right):
            return alternatives(left) + alternatives(right)
        case ast.Subscript(slice=inside) if last_name(annotation) in ("Optional", "Union"):
            parts = inside.elts if isinstance(inside, ast.Tuple) else [inside]
            none = [ast.Constant(None)] if last_name(annotation) == "Optional" else []
            return [found for part in parts for found in alternatives(part)] + none
    return [annotation]


def _literals(annotation: ast.expr | None, module: Module) -> list[object]:
    if isinstance(annotation, ast.Constant) and isinstance(annotation.value, str):
        return _literals(ast.parse(annotation.value, mode="eval").body, module)
    if isinstance(annotation, ast.BinOp):
        return _literals(annotation.left, module) + _literals(annotation.right, module)
    if isinstance(annotation, ast.Subscript):
        inside = annotation.slice.elts if isinstance(annotation.slice, ast.Tuple) else [annotation.slice]
        if last_name(annotation) == "Literal":
            return [item.value for item in inside if isinstance(item, ast.Constant)]
        return [value for item in inside for value in _literals(item, module)]
    alias = _alias_of(annotation, module)
    return _literals(alias.node, alias.module) if alias else []


def _accepts_name(value: object, annotation: ast.Name | ast.Attribute, module: Module) -> bool:
    kind = last_name(annotation)
    if kind == "int":
        return isinstance(value, int) and not isinstance(value, bool)
    if kind == "float":
        return isinstance(value, int | float) and not isinstance(value, bool)
    if kind in PLAIN_TYPES:
        return isinstance(value, PLAIN_TYPES[kind])
    found = _found(annotation, module)
    if found is None:
        return True
    if isinstance(found.node, ast.ClassDef):
        return _may_be_plain(found, DEPTH)
    return _accepts(value, found.node, found.module) if _is_alias(found) else True


def _accepts_subscript(value: object, kind: str, inside: ast.expr, module: Module) -> bool:
    parts = inside.elts if isinstance(inside, ast.Tuple) else [inside]
    if kind == "Literal":
        words = [item.value for item in parts if isinstance(item, ast.Constant)]
        return any(value == word and type(value) is type(word) for word in words)
    if kind == "Optional":
        return value is None or _accepts(value, parts[0], module)
    if kind == "Union":
        return any(_accepts(value, part, module) for part in parts)
    if kind in ("list", "List", "Sequence", "Iterable", "Collection"):
        return isinstance(value, list) and all(_accepts(item, parts[0], module) for item in value)
    if kind in ("tuple", "Tuple"):
        if not isinstance(value, list):
            return False
        each = parts[:1] * len(value) if ast.unparse(parts[-1]) == "..." else parts
        return len(value) == len(each) and all(map(_accepts, value, each, [module] * len(each)))
    if kind in ("dict", "Dict", "Mapping"):
        return isinstance(value, dict) and all(_accepts(item, parts[-1], module) for item in value.values())
    return True


def _alias_of(annotation: ast.expr | None, module: Module) -> Definition | None:
    """`Policy = Literal["middle", "peak"]`: what `Policy` means; None for classes and what is not known."""
    found = _found(annotation, module)
    return found if found is not None and _is_alias(found) else None


def _found(annotation: ast.expr | None, module: Module) -> Definition | None:
    try:
        return resolve_name(annotation, module) if isinstance(annotation, ast.Name | ast.Attribute) else None
    except MissingTarget:  # a builtin
        return None


def _is_alias(found: Definition) -> bool:
    return isinstance(found.node, ast.Subscript | ast.BinOp | ast.Constant)


def _may_be_plain(found: Definition, depth: int) -> bool:
    """Whether what a YAML file can say may pass for an object of a class: a word for a member of an Enum."""
    names = {found.node.name, *map(last_name, found.node.bases)}
    if names & PLAIN_BASES or depth == 0:
        return True
    return any(_may_be_plain(parent, depth - 1) for parent in _parents(found) if parent)


def _is_none(default: ast.expr | None) -> bool:
    """`x: int = None`, as many libraries still write it."""
    return isinstance(default, ast.Constant) and default.value is None
