"""What is written about the arguments of a class or function, read from its source: for `--help`, without importing."""

import ast
import inspect
import itertools
import re

from emolightning.config.definitions import DEPTH, Definition, MissingTarget, find_definition, parent_class

HEADINGS = ("Args:", "Arguments:", "Parameters:")
ENTRY = re.compile(r"^(?P<indent>\s+)\*{0,2}(?P<name>\w+)(?:\s*\([^)]*\))?\s*:\s*(?P<text>.*)$")
MARKUP = re.compile(r":\w+:`~?(?:[\w.]*\.)?(\w+)`|``([^`]*)``")


def argument_docs(target: str) -> dict[str, str]:
    """Argument -> what is written about it, on one line, as far as the source of a dotted name tells."""
    try:
        found = find_definition(target)
        return _docs(found, DEPTH) if found else {}
    except (OSError, SyntaxError, RecursionError, MissingTarget):
        return {}


def field_docs(node: ast.ClassDef) -> dict[str, str]:
    """Field -> the text below it, as dataclasses of this project are documented."""
    return {
        ast.unparse(item.target): str(following.value.value)
        for item, following in itertools.pairwise(node.body)
        if isinstance(item, ast.AnnAssign)
        and isinstance(following, ast.Expr)
        and isinstance(following.value, ast.Constant)
    }


def first_sentence(text: str) -> str:
    """The beginning of a description."""
    return re.split(r"(?<=[^.\s]{2}[.!])\s(?=[A-Z`])", text, maxsplit=1)[0]


def _one_line(text: str) -> str:
    """The first paragraph, without markup."""
    joined = " ".join(text.split("\n\n")[0].split())
    return MARKUP.sub(lambda match: match[1] or match[2], joined)


def _docs(found: Definition, depth: int) -> dict[str, str]:
    if isinstance(found.node, ast.FunctionDef | ast.AsyncFunctionDef):
        return _entries(ast.get_docstring(found.node) or "")
    if not isinstance(found.node, ast.ClassDef) or depth == 0:
        return {}
    docs: dict[str, str] = {}
    for base in reversed(found.node.bases):
        parent = parent_class(base, found.module)
        docs |= _docs(parent, depth - 1) if parent else {}
    inits = [item for item in found.node.body if isinstance(item, ast.FunctionDef) and item.name == "__init__"]
    texts = [_assigned_docstring(found), ast.get_docstring(found.node), *map(ast.get_docstring, inits)]
    fields = {name: _one_line(text) for name, text in field_docs(found.node).items()}
    return docs | {name: text for part in filter(None, texts) for name, text in _entries(part).items()} | fields


def _assigned_docstring(found: Definition) -> str:
    """`AdamW.__doc__ = ...`, as torch writes those of its optimizers."""
    for statement in found.module.tree.body:
        if isinstance(statement, ast.Assign) and ast.unparse(statement.targets[0]) == f"{found.node.name}.__doc__":
            parts = [item.value for item in ast.walk(statement.value) if isinstance(item, ast.Constant)]
            return inspect.cleandoc("".join(part for part in parts if isinstance(part, str)))
    return ""


def _entries(docstring: str) -> dict[str, str]:
    """The entries of the section `Args:`, Google style."""
    lines = docstring.splitlines()
    start = next((number for number, line in enumerate(lines) if line.strip() in HEADINGS), None)
    if start is None:
        return {}
    texts: dict[str, list[str]] = {}
    name, indent = "", ""
    for line in lines[start + 1 :]:
        entry = ENTRY.match(line)
        if line.strip() and not line.startswith(" "):
            break
        if entry and (not indent or entry["indent"] == indent):
            name, indent = entry["name"], entry["indent"]
            texts[name] = [entry["text"]]
        elif name:
            texts[name].append(line)
    return {name: _one_line("\n".join(parts)) for name, parts in texts.items()}
