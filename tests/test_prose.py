"""Docstrings are sentences, or name the thing itself: none begins in the middle of one."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
FOLDERS = ("emolightning", "callbacks", "speed", "tools")
BEGINS = re.compile(r"\s*(Of|For|By|With)\b")


def docstrings(source: str) -> Iterator[tuple[int, str]]:
    """Line and text of each docstring, those below a field or a constant among them."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str):
            yield node.lineno, node.value.value


def fragments(source: str) -> list[tuple[int, str]]:
    return [(line, text) for line, text in docstrings(source) if BEGINS.match(text)]


@pytest.mark.parametrize("folder", FOLDERS)
def test_no_docstring_begins_in_the_middle_of_a_sentence(folder):
    files = sorted((ROOT / folder).rglob("*.py"))
    assert files, folder
    found = [
        f"{path.relative_to(ROOT)}:{line}: {text.splitlines()[0]!r}; say what it is: begin with its name or a verb"
        for path in files
        for line, text in fragments(path.read_text(encoding="utf-8"))
    ]
    assert not found, "\n".join(found)


@pytest.mark.parametrize(
    ("source", "lines"),
    [
        ('"""By hand."""', [1]),
        ('class Size:\n    width: int\n    """Of a layer."""\n    depth: int\n    """Layers."""', [3]),
        ('def load():\n    """\n    With weights: loads them."""', [2]),
        ('async def wait():\n    """For: what comes."""', [2]),
        ('LIMIT = 3\n"""Format of Bytes: with care, for all."""', []),
        ('name = "Of nothing"\nprint("For you")', []),
    ],
)
def test_a_fragment_is_found_wherever_a_docstring_may_be(source, lines):
    assert [line for line, _ in fragments(source)] == lines
