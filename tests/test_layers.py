"""Imports point one way: parsed from the source of every file."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

import callbacks

ROOT = Path(__file__).parent.parent

BOTTOM = {
    "benchmarks",
    "chat_format",
    "clip_digests",
    "closed_pipes",
    "config",
    "documents",
    "errors",
    "file_names",
    "gpus",
    "inputs",
    "instructions",
    "labels",
    "lineage",
    "logged_rows",
    "media_suffixes",
    "memory",
    "parsing",
    "prompt",
    "quiet",
    "records",
    "scores",
    "shown_texts",
    "staging",
    "tables",
    "told_to_stop",
    "writing",
}
"""Modules, and the folders config and tables, that import only each other."""

ENTRY = {
    "__main__",
    "as_trained",
    "assembly",
    "cli",
    "cli_help",
    "commands",
    "estimating",
    "evaluation_run",
    "failed_writes",
    "launching",
    "multirun",
    "object_help",
    "out_of_memory",
    "parity",
    "positions",
    "processes",
    "reporting",
    "resuming",
    "starting",
    "run_summary",
    "score_run",
    "score_truth",
    "seeds",
    "sweeps",
    "training_run",
    "vision_pass",
    "wandb_record",
    "weights",
}
"""Modules and folders of emolightning/ that may import everything, and that nothing below may import."""

PARTS = {"data": 1, "model": 1, "metrics": 1, "published": 1, "training": 2, "evaluation": 2, "upstream": 2}
"""Folder -> layer; folders of the same layer do not import each other."""

BOTTOM_LAYER, CALLBACKS_LAYER, ENTRY_LAYER = 0, 3, 4


def place(name: str) -> tuple[int, str] | None:
    """Layer and part of a dotted module name; None if it is not ours.

    Raises:
        KeyError: a module of ours that no layer lists.
    """
    top, _, rest = name.partition(".")
    if top in ("train", "eval", "benchmarks"):
        return ENTRY_LAYER, top
    if top == "callbacks":
        return CALLBACKS_LAYER, top
    if top != "emolightning":
        return None
    part = rest.partition(".")[0]
    if part in PARTS:
        return PARTS[part], part
    if part in ENTRY:
        return ENTRY_LAYER, part
    if part in BOTTOM or not part:
        return BOTTOM_LAYER, "bottom"
    raise KeyError(f"{name}: say in tests/test_layers.py which layer it belongs to")


def imports(tree: ast.AST) -> Iterator[str]:
    """Dotted names that are imported when the code runs, at any depth; not those under `if TYPE_CHECKING:`."""
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test):
            for alternative in node.orelse:
                yield from imports(ast.Module([alternative], []))
        elif isinstance(node, ast.Import):
            yield from (item.name for item in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "imports are absolute here"
            is_package = node.module in ("emolightning", "callbacks")
            yield from (f"{node.module}.{item.name}" if is_package else str(node.module) for item in node.names)
        else:
            yield from imports(node)


def upward_imports(root: Path) -> list[str]:
    """One line for each import that points up or to a sibling."""
    folders = ("emolightning", "callbacks", "benchmarks")
    files = [path for folder in folders for path in (root / folder).rglob("*.py")]
    found = []
    for path in sorted([*files, *root.glob("*.py")]):
        importer = ".".join(path.relative_to(root).with_suffix("").parts).removesuffix(".__init__")
        here = place(importer)
        for name in imports(ast.parse(path.read_text(encoding="utf-8"))):
            there = place(name) if here else None
            if here and there and not may_import(here, there):
                found.append(f"{path.relative_to(root)} imports {name}")
    return found


def may_import(here: tuple[int, str], there: tuple[int, str]) -> bool:
    """Down, or within the same part; the entry layer is free."""
    return there[0] < here[0] or here == there or here[0] == ENTRY_LAYER


def test_imports_point_down() -> None:
    assert upward_imports(ROOT) == []


@pytest.mark.parametrize(
    ("path", "line"),
    [
        ("emolightning/labels.py", "from emolightning.data.video import read"),
        ("emolightning/data/video.py", "from emolightning.model import language"),
        ("emolightning/data/video.py", "import emolightning.training.learner"),
        ("emolightning/training/learner.py", "from emolightning.evaluation.answers import join"),
        ("emolightning/evaluation/answers.py", "def f():\n    from callbacks.answer_writer import AnswerWriter"),
        ("emolightning/training/learner.py", "import callbacks"),
        ("callbacks/throughput.py", "from emolightning.commands import ablate"),
        ("emolightning/config/schema.py", "from emolightning import cli"),
        ("emolightning/model/vision.py", "import train"),
        ("emolightning/model/language.py", "import benchmarks.recipes"),
    ],
)
def test_a_planted_upward_import_is_found(tmp_path: Path, path: str, line: str) -> None:
    (tmp_path / path).parent.mkdir(parents=True)
    (tmp_path / path).write_text(line + "\n")
    (found,) = upward_imports(tmp_path)
    assert found.startswith(f"{path} imports ")


@pytest.mark.parametrize(
    ("path", "line"),
    [
        ("emolightning/data/video.py", "from emolightning.data.frames import x\nfrom emolightning import labels"),
        ("emolightning/training/learner.py", "from emolightning.model.vision import x"),
        ("callbacks/throughput.py", "from emolightning.evaluation.answers import x"),
        ("emolightning/commands/ablate.py", "import callbacks\nfrom emolightning.cli import run"),
        ("train.py", "from emolightning.cli import run"),
        ("benchmarks/recipes.py", "from emolightning.training.optimizer import parameter_groups"),
        (
            "emolightning/labels.py",
            "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from emolightning.model.vision import x",
        ),
    ],
)
def test_imports_that_are_fine(tmp_path: Path, path: str, line: str) -> None:
    (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
    (tmp_path / path).write_text(line + "\n")
    assert upward_imports(tmp_path) == []


def test_a_module_that_no_layer_lists_is_refused(tmp_path: Path) -> None:
    (tmp_path / "emolightning").mkdir()
    (tmp_path / "emolightning" / "helpers.py").write_text("")
    with pytest.raises(KeyError, match="which layer"):
        upward_imports(tmp_path)


def test_callbacks_is_ours() -> None:
    intruder = Path(callbacks.__file__)
    assert intruder.is_relative_to(ROOT), f"the name `callbacks` is taken by {intruder}: uninstall that distribution"
