"""What a class or function takes, by name and by value, read from its source."""

import ast
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from emolightning.definitions import (
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
class Signature:
    """What can be given by name."""

    annotations: Mapping[str, ast.expr | None]
    """Argument -> its annotation, in order."""
    takes_any: bool = False
    """It has `**kwargs`, so any name is accepted."""
    module: Module | None = None
    """Where the names in the annotations are defined; None if they were not read."""

    def describe(self, name: str) -> str:
        """An argument's annotation as its author wrote it, e.g. `int | None`."""
        return ast.unparse(self.annotations[name]).strip("'") if self.annotations[name] else "Any"


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
    every = [*given.posonlyargs, *given.args, *given.kwonlyargs]
    return Signature({item.arg: item.annotation for item in every}, given.kwarg is not None, module)


def _class_signature(found: Definition, depth: int) -> Signature | None:
    """From the class's own `__init__`, `__new__` or dataclass fields, else from its first base that has one."""
    methods = {item.name: item for item in found.node.body if isinstance(item, ast.FunctionDef)}
    for name in ("__init__", "__new__"):
        if name in methods:
            return _arguments(without_first_argument(methods[name]), found.module)
    # A class decorator or `__init_subclass__` of a library may write an `__init__` that the source does not show.
    if "__init_subclass__" in methods or {last_name(item) for item in found.node.decorator_list} - {
        "dataclass",
        "final",
    }:
        return None
    parents = [parent_class(base, found.module) for base in found.node.bases if last_name(base) not in INERT_BASES]
    if depth == 0 or None in parents:
        return None
    inherited = [_class_signature(parent, depth - 1) for parent in parents]
    if None in inherited:
        return None
    if _is_dataclass(found.node):
        fields = {name: item for parent in reversed(inherited) for name, item in parent.annotations.items()}
        return Signature(fields | _own_fields(found.node), module=found.module)
    return next((parent for parent in inherited if parent.annotations or parent.takes_any), Signature({}))


def _own_fields(node: ast.ClassDef) -> dict[str, ast.expr]:
    fields = {}
    for item in node.body:
        if isinstance(item, ast.AnnAssign) and isinstance(item.target, ast.Name):
            text, value = ast.unparse(item.annotation), ast.unparse(item.value) if item.value else ""
            if "ClassVar" not in text and "KW_ONLY" not in text and "init=False" not in value:
                fields[item.target.id] = item.annotation
    return fields


def _is_dataclass(node: ast.ClassDef) -> bool:
    return "dataclass" in {last_name(item) for item in node.decorator_list}


def accepts(value: object, annotation: ast.expr | None, module: Module) -> bool:
    """Whether a plain config value fits an annotation. What is not a simple type accepts everything.

    Args:
        value: as it stands in YAML: text, number, bool, None, list or dict.
        annotation: the expression in the source of `module`.
        module: where its names are defined.
    """
    if isinstance(value, dict) and "_target_" in value:  # what that makes is not known here
        return True
    match annotation:
        case None:
            return True
        case ast.Constant(value=None):
            return value is None
        case ast.Constant(value=str(text)):
            return accepts(value, ast.parse(text, mode="eval").body, module)
        case ast.BinOp(left=left, op=ast.BitOr(), right=right):
            return accepts(value, left, module) or accepts(value, right, module)
        case ast.Subscript(slice=inside):
            return _accepts_subscript(value, last_name(annotation), inside, module)
        case ast.Name() | ast.Attribute():
            return _accepts_name(value, annotation, module)
    return True


def literals(annotation: ast.expr | None, module: Module) -> list[object]:
    """The values that the `Literal`s of an annotation allow."""
    if isinstance(annotation, ast.Constant) and isinstance(annotation.value, str):
        return literals(ast.parse(annotation.value, mode="eval").body, module)
    if isinstance(annotation, ast.BinOp):
        return literals(annotation.left, module) + literals(annotation.right, module)
    if isinstance(annotation, ast.Subscript):
        inside = annotation.slice.elts if isinstance(annotation.slice, ast.Tuple) else [annotation.slice]
        if last_name(annotation) == "Literal":
            return [item.value for item in inside if isinstance(item, ast.Constant)]
        return [value for item in inside for value in literals(item, module)]
    alias = _alias_of(annotation, module)
    return literals(alias.node, alias.module) if alias else []


def _accepts_name(value: object, annotation: ast.Name | ast.Attribute, module: Module) -> bool:
    kind = last_name(annotation)
    if kind == "int":
        return isinstance(value, int) and not isinstance(value, bool)
    if kind == "float":
        return isinstance(value, int | float) and not isinstance(value, bool)
    if kind in PLAIN_TYPES:
        return isinstance(value, PLAIN_TYPES[kind])
    alias = _alias_of(annotation, module)
    return accepts(value, alias.node, alias.module) if alias else True


def _accepts_subscript(value: object, kind: str, inside: ast.expr, module: Module) -> bool:
    parts = inside.elts if isinstance(inside, ast.Tuple) else [inside]
    if kind == "Literal":
        return any(value == item.value and type(value) is type(item.value) for item in parts)
    if kind == "Optional":
        return value is None or accepts(value, parts[0], module)
    if kind == "Union":
        return any(accepts(value, part, module) for part in parts)
    if kind in ("list", "List", "Sequence", "Iterable", "Collection"):
        return isinstance(value, list) and all(accepts(item, parts[0], module) for item in value)
    if kind in ("tuple", "Tuple"):
        each = parts[:1] * len(value) if isinstance(value, list) and ast.unparse(parts[-1]) == "..." else parts
        fits = isinstance(value, list) and len(value) == len(each)
        return fits and all(accepts(item, part, module) for item, part in zip(value, each, strict=True))
    if kind in ("dict", "Dict", "Mapping"):
        return isinstance(value, dict) and all(accepts(item, parts[-1], module) for item in value.values())
    return True


def _alias_of(annotation: ast.expr | None, module: Module) -> Definition | None:
    """`Policy = Literal["middle", "peak"]`: what stands for `Policy`; None for classes and what is not known."""
    try:
        found = resolve_name(annotation, module) if isinstance(annotation, ast.Name | ast.Attribute) else None
    except MissingTarget:  # a builtin
        return None
    is_alias = found is not None and isinstance(found.node, ast.Subscript | ast.BinOp | ast.Constant)
    return found if is_alias else None
