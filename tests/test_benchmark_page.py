"""Pages of the benchmarks: each has its commands, figures are those of the table. Commands and links: test_docs.py."""

import re

from runs import REPO

from emolightning.benchmarks.published.table import read_published
from emolightning.benchmarks.registry import official_benchmarks

PAGES = [REPO / "docs" / "benchmarks" / "index.md", *sorted((REPO / "emolightning" / "benchmarks").glob("*/README.md"))]
PAGE = "\n".join(page.read_text(encoding="utf-8") for page in PAGES)
BLOCKS = "".join(re.findall(r"^```bash \w+\n(.*?)^```", PAGE, flags=re.MULTILINE | re.DOTALL))
COMMANDS = [line for line in BLOCKS.splitlines() if line.startswith("python ")]


def test_every_benchmark_has_its_commands() -> None:
    for command in ("doctor data=", "reproduce benchmark=", "score answers="):
        assert any(f"-m emolightning {command}" in line for line in COMMANDS), command
    for name in official_benchmarks():
        assert f"`{name}`" in PAGE or name.startswith(
            ("dfew_fold", "mafw_fold", "mafw_compound_fold", "iemocap_session")
        ), name


def test_the_figures_are_in_the_table() -> None:
    paragraphs = re.findall(r"\*\*Published\.\*\*(.*?)\n\n", PAGE, flags=re.DOTALL)
    figures = {figure for text in paragraphs for figure in re.findall(r"(?<![\d.:])\d+\.\d\d(?:\d\d)?(?![\d.])", text)}
    verified = [score for score in read_published() if score.is_verified]
    printed = {score.printed for score in verified} | {f"{float(score.printed):.4f}" for score in verified}
    assert len(figures) > 15
    assert figures - printed == set()
