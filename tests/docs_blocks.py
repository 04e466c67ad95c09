"""Pages of the README and the docs, and their fenced blocks. docs/contributing/docs.md says what the tags mean."""

import re
import sys
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

from runs import REPO

DOCS = REPO / "docs"
sys.path.insert(0, str(DOCS))

from site_pages import WRITERS, copies  # noqa: E402

BUILT = {page for _, page in copies(DOCS)} | {DOCS / "reference" / f"{name}.md" for name in WRITERS}
"""Pages of the site that come from the code."""

TAGS = {"bash": {"run", "fail", "compose", "show"}, "text": {"output", "example"}}

FENCE = re.compile(r"^(?P<ticks>```+|:::+)(?P<info>[^\n`]*)\n(?P<text>.*?)^(?P=ticks)[ ]*$", re.MULTILINE | re.DOTALL)


@dataclass(frozen=True)
class Block:
    """What is between two fences."""

    page: Path
    language: str
    tag: str
    text: str

    def commands(self) -> list[str]:
        """Its lines; one that begins with # is a comment, a backslash continues a line."""
        lines = self.text.replace("\\\n", " ").splitlines()
        return [" ".join(line.split()) for line in lines if line.strip() and not line.lstrip().startswith("#")]


@dataclass(frozen=True)
class Output:
    """What a page says that a command prints."""

    page: Path
    command: str
    text: str
    is_exact: bool


def committed_pages() -> list[Path]:
    """All pages that are tested, without those that are made when the site is built."""
    docs = set(DOCS.rglob("*.md")) - BUILT
    top = {REPO / "README.md", REPO / "README.zh-CN.md", REPO / "CONTRIBUTING.md", REPO / "speed" / "README.md"}
    rooms = (REPO / "emolightning").glob("**/README.md")
    return sorted({*docs, *top, *rooms})


def blocks_of(page: Path) -> list[Block]:
    """The fenced blocks of a page, in order."""
    found = FENCE.finditer(page.read_text(encoding="utf-8"))
    words = [(match["info"].split() + ["", ""], match["text"]) for match in found]
    return [Block(page, language, tag, text) for (language, tag, *_), text in words]


BLOCKS = [block for page in committed_pages() for block in blocks_of(page)]


def commands_tagged(*tags: str) -> list[str]:
    """Each command of these blocks once."""
    return list(dict.fromkeys(c for block in BLOCKS if block.tag in tags for c in block.commands()))


def outputs() -> list[Output]:
    """What is shown as printed, each with the last command of the block of commands before it."""
    shown = []
    for page in committed_pages():
        kept = [block for block in blocks_of(page) if block.language == "bash" or block.tag == "output"]
        for before, block in pairwise(kept):
            if block.tag == "output":
                shown.append(Output(page, before.commands()[-1], block.text, before.tag == "fail"))
    return shown


def missing_lines(shown: str, printed: str, *, is_exact: bool) -> list[str]:
    """Lines that are shown and are not printed, in this order; without `is_exact` numbers count by their places."""
    left = iter([_shape(line, is_exact) for line in printed.splitlines()])
    wanted = [line for line in shown.splitlines() if line.strip()]
    return [line for line in wanted if _shape(line, is_exact) not in left]


def _shape(line: str, is_exact: bool) -> str:
    line = " ".join(re.sub(r"─+", "─", line).split())
    return line if is_exact else re.sub(r"\d+(\.\d+)?", "#", line)
