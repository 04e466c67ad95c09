"""Every page that this package writes: one dress, one file, no network, and nothing from outside that could run."""

import base64
import hashlib
import re
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader
from markupsafe import Markup, escape

from emolightning.errors import shown

COMMAND = re.compile("`([^`]+)`")
TEMPLATES = Path(__file__).parent / "templates"

LIGHT = {
    "ink": "#1b2430",
    "muted": "#5a6775",
    "ground": "#ffffff",
    "panel": "#f5f7fa",
    "line": "#dde4eb",
    "accent": "#2563a8",
    "second": "#b4601a",
    "third": "#6a4ea3",
    "fourth": "#1f7a6d",
    "good": "#19703b",
    "bad": "#b3261e",
    "warm": "#fdf3f2",
    "mark": "#e6f2ea",
    "edge": "#c3ccd6",
}
DARK = {
    "ink": "#e4eaf0",
    "muted": "#9aa8b6",
    "ground": "#11161c",
    "panel": "#1a212a",
    "line": "#2d3844",
    "accent": "#6eaef0",
    "second": "#eaa25c",
    "third": "#b79cf0",
    "fourth": "#5cc5b4",
    "good": "#62c98c",
    "bad": "#ff8f86",
    "warm": "#2e1d1e",
    "mark": "#163526",
    "edge": "#435264",
}
"""Name of a colour -> its value, on paper and in the dark."""


def render(template: str, *, scripts: tuple[str, ...] = (), **values: Any) -> str:
    """A page as text.

    Args:
        template: a file of `templates/`, which extends `base.html.jinja`.
        scripts: files of `templates/` that run beside the page's own.
        values: what the template shows; all text in it is escaped.
    """
    script = "\n".join(_text(name) for name in ("page.js", *scripts))
    return (
        environment()
        .get_template(template)
        .render(**values, script=Markup(script), script_hash=_hash(script), colours=colours())  # noqa: S704
    )


@cache
def environment() -> Environment:
    """Where templates are; transcripts, answers, labels and names come from outside: everything is escaped."""
    made = Environment(loader=FileSystemLoader(TEMPLATES), autoescape=True, trim_blocks=True)
    made.filters.update(number=number, interval=interval, short=lambda text: shown(str(text), longest=80), coded=coded)
    return made


def coded(text: str) -> Markup:
    """Escape a sentence of ours, and show its commands as such.

    Commands are between backticks.

    >>> coded("say `emolightning compare` & <b>")
    Markup('say <code>emolightning compare</code> &amp; &lt;b&gt;')
    """
    return Markup(COMMAND.sub(r"<code>\1</code>", str(escape(text))))  # noqa: S704


def colours() -> dict[str, Markup]:
    """Declarations of the colours of both themes, for a style sheet."""
    return {name: Markup(_declared(values)) for name, values in (("light", LIGHT), ("dark", DARK))}  # noqa: S704


def number(value: float | None, digits: int = 4) -> str:
    """A score as it is printed.

    >>> number(0.97765), number(None)
    ('0.9777', '-')
    """
    return "-" if value is None else f"{value:.{digits}f}"


def interval(ends: Any, digits: int = 4) -> str:
    """Both ends of an interval, where there is one.

    >>> interval([0.25, 0.5]), interval(None)
    ('0.2500 - 0.5000', '-')
    """
    return "-" if not ends or ends[0] is None else f"{ends[0]:.{digits}f} - {ends[1]:.{digits}f}"


def _declared(values: Mapping[str, str]) -> str:
    return " ".join(f"--{name}: {value};" for name, value in values.items())


@cache
def _text(name: str) -> str:
    return (TEMPLATES / name).read_text(encoding="utf-8")


def _hash(script: str) -> str:
    """What names the page's own script: the browser runs no other."""
    return "sha256-" + base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
