"""Where a dotted name is defined, found in the source: importing torch to find a typo costs ten seconds."""

import ast
import copy
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any

DEPTH = 30
"""Re-exports and bases followed before giving up: cycles are legal Python."""

NOT_STATIC = re.compile(r"sys\.modules\[__name__\]\s*=|globals\(\)\[|globals\(\)\.update|def __getattr__")
"""A module with one of these may have names that its source does not show."""


@dataclass(frozen=True)
class Module:
    """A module's source, or a namespace folder with none."""

    name: str
    tree: ast.Module
    folders: tuple[Path, ...]
    """Where its submodules are; empty for a plain module."""
    static: bool
    """Whether the source shows all names."""


@dataclass(frozen=True)
class Definition:
    """A class, a function, or the value of an assignment, and its place."""

    module: Module
    node: Any
    """`ast.ClassDef`, `ast.FunctionDef`, `ast.AsyncFunctionDef` or `ast.expr`."""


class MissingTarget(LookupError):
    """The dotted path certainly leads nowhere; says which part, and what there is instead."""

    def __init__(self, parent: str, name: str, options: list[str]):
        super().__init__(f"no {name} in {parent}")
        self.name = name
        self.options = options


def find_definition(target: str) -> Definition | None:
    """The class, function or value that a dotted path names, without importing anything.

    Returns:
        None if the source does not tell: compiled modules, lazy modules, computed names.

    Raises:
        MissingTarget: the source tells that there is no such thing.
    """
    top, *rest = target.split(".")
    module = load_module(top)
    return _follow(module, rest, DEPTH) if module else None


def resolve_name(expr: ast.expr, module: Module) -> Definition | None:
    """What a name or a dotted name means inside `module`; None if it cannot be told."""
    parts = ast.unparse(expr).split(".") if isinstance(expr, ast.Name | ast.Attribute) else []
    if not parts or not all(part.isidentifier() for part in parts):
        return None
    return _follow(module, parts, DEPTH)


@cache
def load_module(name: str) -> Module | None:
    """The source of a module by its dotted name; only the top-level name asks Python's finders."""
    top, *rest = name.split(".")
    try:
        spec = find_spec(top)
    except (ImportError, ValueError, AttributeError):
        return None
    if spec is None:
        return None
    folders = tuple(Path(folder) for folder in spec.submodule_search_locations or ())
    source = Path(spec.origin) if spec.origin and spec.origin.endswith(".py") else None
    for part in rest:
        step = _step(folders, part)
        if step is None:
            return None
        source, folders = step
    if source is None and not folders:
        return None
    text = source.read_text(encoding="utf-8") if source else ""
    return Module(name, ast.parse(text), folders, not NOT_STATIC.search(text))


def _step(folders: tuple[Path, ...], part: str) -> tuple[Path | None, tuple[Path, ...]] | None:
    for folder in folders:
        names = _listing(folder)
        if part in names and (folder / part).is_dir():
            init = folder / part / "__init__.py"
            return (init if init.is_file() else None), (folder / part,)
        if f"{part}.py" in names:
            return folder / f"{part}.py", ()
    return None


@cache
def _listing(folder: Path) -> frozenset[str]:
    """Names as spelt: `Trainer` must not match `trainer/` where the file system ignores case."""
    return frozenset(path.name for path in folder.iterdir()) if folder.is_dir() else frozenset()


def _follow(place: Module | Definition | None, parts: list[str], depth: int) -> Definition | None:
    for index, part in enumerate(parts):
        if isinstance(place, Definition):
            place = _method(place, part, depth)
        elif place is not None:
            # `torch.optim.AdamW`: `optim` is the submodule, whatever the namesakes in `torch/__init__.py`; looking
            # there first also saves parsing it.
            inner = load_module(f"{place.name}.{part}") if index < len(parts) - 1 else None
            place = inner or _member(place, part, depth)
    return place if isinstance(place, Definition) else None


def _member(module: Module, name: str, depth: int) -> Module | Definition | None:
    """A name inside a module: defined, re-exported, starred, or a submodule."""
    if depth == 0:
        return None
    for statement in reversed(list(_statements(module.tree.body))):
        if isinstance(statement, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef) and statement.name == name:
            return Definition(module, statement)
        if isinstance(statement, ast.Assign | ast.AnnAssign) and name in _assigned(statement):
            if statement.value and name in {getattr(node, "id", "") for node in ast.walk(statement.value)}:
                continue  # `Name = wrap(Name)`: the one before
            return _alias(Definition(module, statement.value or statement), depth)
        if isinstance(statement, ast.ImportFrom) and name in {item.asname or item.name for item in statement.names}:
            original = next(item.name for item in statement.names if (item.asname or item.name) == name)
            source = load_module(_source_name(module, statement))
            return _member(source, original, depth - 1) if source else None
        if isinstance(statement, ast.Import):
            for item in statement.names:
                if name == (item.asname or item.name.split(".")[0]):
                    return load_module(item.name if item.asname else name)
    inner = load_module(f"{module.name}.{name}") if module.folders else None
    return inner or _starred_member(module, name, depth)


def _starred_member(module: Module, name: str, depth: int) -> Module | Definition | None:
    """A name that came with `from x import *`.

    Raises:
        MissingTarget: no such name, neither here nor in a starred module.
    """
    if not module.static:  # transformers: its stars lead through thousands of files that it loads lazily
        return None
    for statement in _statements(module.tree.body):
        if isinstance(statement, ast.ImportFrom) and statement.names[0].name == "*":
            source = load_module(_source_name(module, statement))
            try:
                return _member(source, name, depth - 1) if source else None
            except MissingTarget:
                continue
    raise MissingTarget(module.name, name, _names(module))


def _alias(definition: Definition, depth: int) -> Module | Definition | None:
    """`Name = Other` means Other, if Other can be found; else the assigned value itself."""
    if isinstance(definition.node, ast.Name | ast.Attribute):
        parts = ast.unparse(definition.node).split(".")
        try:
            return _follow(definition.module, parts, depth - 1) or definition
        except MissingTarget:  # a builtin
            return definition
    return definition


def _statements(body: list[ast.stmt]) -> Iterator[ast.stmt]:
    """The statements of a module, those under `if`, `try` and `with` included."""
    for statement in body:
        if isinstance(statement, ast.If | ast.Try | ast.With):
            parts = [getattr(statement, part, []) for part in ("orelse", "finalbody", "body")]
            for handler in getattr(statement, "handlers", []):
                yield from _statements(handler.body)
            for part in parts:
                yield from _statements(part)
        else:
            yield statement


def _assigned(statement: ast.Assign | ast.AnnAssign) -> set[str]:
    targets = statement.targets if isinstance(statement, ast.Assign) else [statement.target]
    return {target.id for target in targets if isinstance(target, ast.Name)}


def _source_name(module: Module, statement: ast.ImportFrom) -> str:
    if not statement.level:
        return statement.module or ""
    package = module.name.split(".") if module.folders else module.name.split(".")[:-1]
    base = package[: len(package) - (statement.level - 1)]
    return ".".join([*base, *([statement.module] if statement.module else [])])


def _names(module: Module) -> list[str]:
    """Public names, for a suggestion."""
    names = [path.removesuffix(".py") for folder in module.folders for path in sorted(_listing(folder))]
    for statement in _statements(module.tree.body):
        if isinstance(statement, ast.ClassDef | ast.FunctionDef):
            names.append(statement.name)
        elif isinstance(statement, ast.ImportFrom | ast.Import):
            names += [item.asname or item.name for item in statement.names]
    return [name for name in dict.fromkeys(names) if name.isidentifier() and not name.startswith("_")]


def parent_class(base: ast.expr, module: Module) -> Definition | None:
    """The class that an expression in a list of bases names; None if it cannot be read."""
    try:
        found = resolve_name(base.value if isinstance(base, ast.Subscript) else base, module)
    except MissingTarget:  # a builtin
        return None
    return found if found and isinstance(found.node, ast.ClassDef) else None


def last_name(expr: ast.expr) -> str:
    """`a.b.C` -> `C`; of what is called or subscripted, the thing itself."""
    if isinstance(expr, ast.Call):
        return last_name(expr.func)
    if isinstance(expr, ast.Subscript):
        return last_name(expr.value)
    return expr.id if isinstance(expr, ast.Name) else expr.attr if isinstance(expr, ast.Attribute) else ""


def _method(found: Definition, name: str, depth: int) -> Definition | None:
    """A method reached through its class, without the first argument that Python binds."""
    if not isinstance(found.node, ast.ClassDef) or depth == 0:
        return None
    for item in found.node.body:
        if isinstance(item, ast.FunctionDef) and item.name == name:
            is_static = "staticmethod" in {last_name(decorator) for decorator in item.decorator_list}
            return Definition(found.module, item if is_static else without_first_argument(item))
    parents = (parent_class(base, found.module) for base in found.node.bases)
    return next(filter(None, (_method(parent, name, depth - 1) for parent in parents if parent)), None)


def without_first_argument(function: ast.FunctionDef) -> ast.FunctionDef:
    """The function as its caller sees it, once `self` or `cls` is bound."""
    bound = copy.copy(function)
    bound.args = copy.copy(function.args)
    kind = "posonlyargs" if function.args.posonlyargs else "args"
    setattr(bound.args, kind, getattr(function.args, kind)[1:])
    return bound
