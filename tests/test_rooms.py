"""The rooms of the house: which there are, what may import what, and how each says what it is."""

import ast
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from runs import REPO

ROOMS = (
    "benchmarks",
    "commands",
    "config",
    "data",
    "files",
    "models",
    "prompt",
    "records",
    "runs",
    "scoring",
    "serving",
    "training",
)
MODULES = ("__init__.py", "__main__.py", "api.py", "errors.py", "py.typed")
UPWARD = {
    "errors": "emolightning.files.names",
    "files/planted": "emolightning.records.labels",
    "records/planted": "emolightning.prompt.sequence",
    "prompt/planted": "emolightning.config.places",
    "config/planted": "emolightning.data.tables.reading",
    "data/planted": "emolightning.models.parts.language",
    "models/planted": "emolightning.scoring.scoring",
    "scoring/planted": "emolightning.benchmarks.registry",
    "benchmarks/planted": "emolightning.training.learner",
    "training/planted": "emolightning.runs.lineage",
    "runs/planted": "emolightning.commands.cli",
    "serving/planted": "emolightning.commands.cli_help",
    "commands/planted": "emolightning.api",
    "api": "emolightning.__main__",
}
"""A module of each room, and what it must not import."""


def lint(folder: Path) -> subprocess.CompletedProcess[str]:
    """`lint-imports` on the package in a folder."""
    command = (
        "import sys; from importlinter.cli import lint_imports_command as main; sys.argv[1:] = ['--no-cache']; main()"
    )
    return subprocess.run([sys.executable, "-c", command], cwd=folder, capture_output=True, text=True, check=False)


def copied(folder: Path) -> Path:
    """The source of the package and the contract."""
    shutil.copytree(
        REPO / "emolightning", folder / "emolightning", ignore=shutil.ignore_patterns("__pycache__", "*.json")
    )
    shutil.copy(REPO / "pyproject.toml", folder)
    return folder


def test_the_package_has_these_rooms_and_no_others() -> None:
    found = {path.name for path in (REPO / "emolightning").iterdir() if path.name != "__pycache__"}
    assert found == {*ROOMS, *MODULES}


def test_imports_point_down() -> None:
    linted = lint(REPO)
    assert linted.returncode == 0, linted.stdout + linted.stderr


def test_an_upward_import_in_any_room_is_found(tmp_path: Path) -> None:
    folder = copied(tmp_path)
    for place, name in UPWARD.items():
        path = folder / "emolightning" / f"{place}.py"
        before = path.read_text() if path.exists() else ""
        path.write_text(f"{before}\n\ndef late() -> None:\n    import {name}\n")
    linted = lint(folder)
    assert linted.returncode == 1
    said = re.sub(r"\s+", " ", linted.stdout)
    for place, name in UPWARD.items():
        assert f"emolightning.{place.replace('/', '.')} -> {name}" in said, said


def test_a_room_without_a_place_in_the_house_is_found(tmp_path: Path) -> None:
    folder = copied(tmp_path)
    (folder / "emolightning" / "helpers.py").write_text('"""Nobody knows where this belongs."""\n')
    linted = lint(folder)
    assert linted.returncode == 1
    assert "helpers" in linted.stdout


def test_the_package_runs_without_its_callbacks() -> None:
    """They watch and record; a configuration names them, and no code imports them."""
    for path in sorted((REPO / "emolightning").rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            names = [str(node.module)] if isinstance(node, ast.ImportFrom) else []
            names += [item.name for item in node.names] if isinstance(node, ast.Import) else []
            assert not any(name.startswith(("callbacks", "emolightning.callbacks")) for name in names), path


def test_callbacks_know_training_and_what_is_below_it() -> None:
    above = re.compile(r"emolightning\.(runs|commands|__main__)|speed|tools|train|eval")
    for path in sorted((REPO / "callbacks").glob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            assert not (isinstance(node, ast.ImportFrom) and above.match(str(node.module))), path


@pytest.mark.parametrize("room", ROOMS)
def test_each_room_says_what_it_is(room: str) -> None:
    text = (REPO / "emolightning" / room / "README.md").read_text(encoding="utf-8")
    assert len(text.splitlines()) <= 25
    for part in ("Here:", "Never here:", "Start reading at"):
        assert part in text, part
    for name in re.findall(r"`([\w/]+\.(?:py|csv|yaml))`", text):
        assert list((REPO / "emolightning" / room).glob(f"**/{name}")) or (REPO / name).exists(), name
