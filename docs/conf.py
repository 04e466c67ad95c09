"""The docs site: `make docs` builds it into build/docs. Pages that come from the code are written by site_pages.py."""

import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent)]

from site_pages import on_the_site, write_pages  # noqa: E402
from sphinx.application import Sphinx  # noqa: E402

project = "EmoLightning"
author = "The EmoLightning developers"
extensions = ["myst_parser"]
exclude_patterns = ["images"]
myst_enable_extensions = ["colon_fence"]
myst_heading_anchors = 3
html_theme = "furo"
html_title = "EmoLightning"
html_show_sourcelink = False
html_show_copyright = False
html_static_path = ["site.css"]
html_css_files = ["site.css"]
html_extra_path = ["reference/llms.txt"]

write_pages(HERE)


def _mend_links(app: Sphinx, docname: str, source: list[str]) -> None:
    source[0] = on_the_site(source[0], HERE / f"{docname}.md")


def setup(app: Sphinx) -> None:
    """Have links to files of the repository lead to a page of the site, or become a name."""
    app.connect("source-read", _mend_links)
