"""Pages of the docs site that come from the code: settings, commands, scores, official sets, Python, llms.txt.

Pages of benchmarks and of speed lie in the folders of their code, so that a benchmark is one folder; they are copied.
"""

import ast
import importlib
import os
import re
from collections.abc import Iterator
from dataclasses import is_dataclass
from pathlib import Path
from typing import Any

from emolightning.__main__ import COMMANDS
from emolightning.benchmarks.registry import official_benchmarks
from emolightning.commands.cli_help import about_file, default_text, schema_docs
from emolightning.config.places import CONFIG_DIR, PACKAGE
from emolightning.config.run_settings import EvalConfig, RunConfig
from emolightning.models.encoders.recipes import Recipe, read_recipe, recipe_files
from emolightning.records.score_names import DEFINITIONS, DIMENSION_DEFINITIONS
from emolightning.scoring.graded_steps import DEFINITIONS as GRADED_STEPS
from emolightning.scoring.metrics.multi_label import DEFINITIONS as MULTI_LABEL
from emolightning.scoring.metrics.sentiment import PROTOCOLS
from emolightning.scoring.open_vocabulary_measures import DEFINITIONS as OPEN_VOCABULARY
from emolightning.scoring.preference import TWO_CLASS_DEFINITIONS

REPO = PACKAGE.parent

LINK = re.compile(r"\[(?P<text>[^\]]*)\]\((?P<path>(?!https?:|#|mailto:)[^)\s#]+)(?P<anchor>#[^)\s]*)?\)")

COMMITTED = ("index", "performance")
"""Pages of these folders that are not written here; speed/page.py writes the second one."""

RECIPES = "recipe"
"""A folder of `configs/` that is no group of a run."""

TAKES = {"sound": "Sound", "frames": "Frames", "text": "Transcripts"}

ABOUT_RECIPES = """
The same encoder has several recipes, and each gives other values: a model must be given the vectors of the recipe that
it was trained with. A recipe is a file of `configs/recipe/`; one of your own, for any folder of the right class, may
lie in `recipe/` of a folder named in `EMOLIGHTNING_CONFIGS`.

Vectors of an utterance are the mean of the steps, computed by numpy in float32, as in the published files. Weights are
yours to get, from where *weights* says; nothing is downloaded. No code of a folder is run.

- Sound is 16 kHz, one channel, 16 bit, as `ffmpeg -ar 16000 -ac 1` writes it. AffectGPT resamples files of another rate
  in floating point instead: on a stereo file of 22.05 kHz its values differ from ours by 0.5 % of the largest.
- openSMILE is the extra `opensmile`; its licence allows research only.
- `sees=faces`: published vectors are those of OpenFace's aligned faces, 112 x 112 pixels; other crops give others.
- `frames=`: `every`; `first`; `uniform:N`, evenly spaced; `pairs:N`, a frame and the next in each of N parts; `ends:N`,
  the first and the last N of every fourth frame; `window:N:SEED`, N consecutive ones at a random place.
- Emotion-LLaMA-v2 draws all windows from one stream of random numbers, so its frames depend on the order of the clips;
  `eva_v2` draws for each clip alone, as v2 does for the first.
- Emotion-LLaMA's `HL-UTT` is `hubert_mer2023`, whose weights are public. `hubert_merbench` gives other values.
- `mae_340_UTT` and `maeV_399_UTT` are of two encoders that Emotion-LLaMA's authors trained on unlabelled clips of
  MER2023. Their script reads faces in the order in which a folder lists them, which differs from disk to disk; here
  names are sorted. It loads `maeVideo_ckp199.pth` unless changed, which gives other values than `maeVideo_ckp399.pth`.
- Not here: emotion2vec, because the maintained package that carries it, `funasr`, evaluates a text of the weights'
  folder as Python code; wav2vec of 2019 (fairseq); language models as encoders of text; older sets of openSMILE;
  EVA-02 of timm; MANet, EmoNet and the ResNets of MERBench for faces, whose weights need code of their own.
"""

SCHEMAS = {"Training": RunConfig, "Evaluation, besides those of training": EvalConfig}


def write_pages(docs: Path) -> None:
    """Write every page that differs from what is there, so that a second build has nothing to do; remove old ones."""
    written = pages(docs)
    for folder in {page.parent for page in written} - {docs / "guides"}:
        for old in set(folder.glob("*.md")) - set(written) - {folder / f"{name}.md" for name in COMMITTED}:
            old.unlink()
    for page, text in written.items():
        page.parent.mkdir(parents=True, exist_ok=True)
        if not page.exists() or page.read_text(encoding="utf-8") != text:
            page.write_text(text, encoding="utf-8")


def pages(docs: Path) -> dict[Path, str]:
    """Page -> text. None of them is committed."""
    texts = {page: on_the_site(source.read_text(encoding="utf-8"), source, page) for source, page in copies(docs)}
    texts |= {docs / "reference" / f"{name}.md": "\n".join(write()) + "\n" for name, write in WRITERS.items()}
    return texts | {docs / "reference" / "llms.txt": "\n".join(overview(docs, texts)) + "\n"}


def copies(docs: Path) -> Iterator[tuple[Path, Path]]:
    """Pages that lie in the folder of their code, and where they are on the site."""
    yield REPO / "speed" / "README.md", docs / "guides" / "speed.md"
    for source in sorted((PACKAGE / "benchmarks").glob("*/README.md")):
        yield source, docs / "benchmarks" / f"{source.parent.name}.md"


def on_the_site(text: str, source: Path, page: Path | None = None) -> str:
    """A page with its links as the site has them: to the copy of a page, or, for other files, their name.

    Args:
        text: Markdown.
        source: the file that the links are relative to.
        page: where it is on the site, if that is elsewhere.
    """
    docs = REPO / "docs"
    places = dict(copies(docs))

    def mended(link: re.Match[str]) -> str:
        target = (source.parent / link["path"]).resolve()
        target = places.get(target, target)
        if not target.is_relative_to(docs):
            name = target.relative_to(REPO).as_posix()
            return f"`{name}`" if link["text"].strip("`") in (name, target.name) else f"{link['text']} (`{name}`)"
        path = os.path.relpath(target, (page or source).parent)
        return f"[{link['text']}]({path}{link['anchor'] or ''})"

    return LINK.sub(mended, text)


def settings() -> Iterator[str]:
    """Every setting of a run with its default, and every option of a group."""
    yield from ("# Settings", "", "`key=value` on the command line sets one; `--help` shows the same.", "")
    seen: set[str] = set()
    for title, schema in SCHEMAS.items():
        yield from (f"## {title}", "", "| setting | default | meaning |", "|---|---|---|")
        for name, value, doc in setting_rows(schema()):
            if name not in seen:
                seen.add(name)
                yield f"| `{name}` | {f'`{value}`' if value else ''} | {cell(doc)} |"
        yield ""
    yield from ("## Groups", "", "`group=option` chooses a file of `configs/`.", "")
    for group in sorted(path for path in CONFIG_DIR.iterdir() if path.is_dir() and path.name != RECIPES):
        files = sorted(path for path in group.glob("*.yaml") if not path.stem.startswith("_"))
        yield from (f"### {group.name}", "", "| option | meaning |", "|---|---|")
        yield from (f"| `{group.name}={path.stem}` | {cell(about_file(path))} |" for path in files)
        yield ""


def setting_rows(defaults: Any, prefix: str = "") -> Iterator[tuple[str, str, str]]:
    """Name, default and docstring of each setting of a schema's instance, nested ones included."""
    docs = {name: doc for schema in type(defaults).__mro__[:-1] for name, doc in schema_docs(schema).items()}
    for name, item in type(defaults).__dataclass_fields__.items():
        value = getattr(defaults, name)
        if is_dataclass(value):
            yield from setting_rows(value, f"{prefix}{name}.")
        elif item.type is not Any:
            yield f"{prefix}{name}", default_text(value), docs[name]


def commands() -> Iterator[str]:
    """Each command with the docstring that its `--help` begins with."""
    yield from ("# Commands", "", "`python -m emolightning NAME key=value ...`; each tells more with `--help`.", "")
    for name, (module, about) in COMMANDS.items():
        doc = ast.get_docstring(parsed(REPO / f"{module.replace('.', '/')}.py")) or ""
        yield from (f"## {name}", "", f"{about[0].upper()}{about[1:]}.", "", "```text", doc.strip(), "```", "")


def scores() -> Iterator[str]:
    """Each score with the definition that `metrics.json` gives, by the kind of scoring."""
    kinds = {
        "Labels": DEFINITIONS,
        "Two descriptions (`scoring=preference`), beside those of labels": TWO_CLASS_DEFINITIONS,
        "Graded steps (`scoring=graded_steps`)": GRADED_STEPS,
        "Valence and arousal beside labels": DIMENSION_DEFINITIONS,
        "Several labels (`scoring=multi_label`)": MULTI_LABEL,
        "Sets of words (`scoring=open_vocabulary`)": OPEN_VOCABULARY,
        **{
            f"Sentiment (`scoring=sentiment scoring.protocol={name}`): {each.about}": each.definitions()
            for name, each in PROTOCOLS.items()
        },
    }
    yield "# Scores"
    for title, definitions in kinds.items():
        yield from ("", f"## {title}", "", "| name | definition |", "|---|---|")
        yield from (f"| `{name}` | {cell(text)} |" for name, text in definitions.items())


def official_sets() -> Iterator[str]:
    """Each official set: sizes, labels, headline, what reads its clips, source."""
    yield from ("# Official sets", "", "| name | clips | labels | headline | read by | source |")
    yield "|---|---|---|---|---|---|"
    for name, each in official_benchmarks().items():
        sizes = ", ".join(f"{split} {number}" for split, number in each.sizes.items())
        labels = ", ".join(each.labels) or "free text"
        read_by = ", ".join(f"`{words}`" for words in each.read_by) or "its folds"
        yield f"| `{name}` | {sizes} | {labels} | `{each.headline}` | {read_by} | {cell(each.source)} |"


def encoders() -> Iterator[str]:
    """Each recipe of an encoder: weights, upstream's folder, width, who uses it, parameters and source."""
    yield from ("# Encoders and recipes", "", *ABOUT_RECIPES.strip().splitlines(), "")
    recipes = {name: read_recipe(name) for name in recipe_files()}
    for takes, title in TAKES.items():
        found = {name: each for name, each in recipes.items() if target_of(each).takes == takes}
        yield from (f"## {title}", "", "| recipe | weights | folder | width | used by |", "|---|---|---|---|---|")
        for name, each in found.items():
            folder = f"`{each.folder}`" if each.folder else ""
            row = (f"`{name}`", cell(each.published or "none"), folder, str(each.width), cell(each.used_by))
            yield f"| {' | '.join(row)} |"
        yield from ("", "| recipe | what it computes | parameters | source |", "|---|---|---|---|")
        for name, each in found.items():
            about = cell(about_file(CONFIG_DIR / RECIPES / f"{name}.yaml"))
            yield f"| `{name}` | {about} | {parameters(each)} | {cell(each.source)} |"
        yield ""


def target_of(recipe: Recipe) -> Any:
    """The class of a recipe; its module imports nothing heavy."""
    module, _, name = recipe.encoder["_target_"].rpartition(".")
    return getattr(importlib.import_module(module), name)


def parameters(recipe: Recipe) -> str:
    """What the recipe says to its class."""
    said = {key: value for key, value in recipe.encoder.items() if key not in ("_target_", "weights")}
    name = recipe.encoder["_target_"].rpartition(".")[2]
    return f"`{name}({', '.join(f'{key}={value}' for key, value in said.items())})`"


def python() -> Iterator[str]:
    """Each room: what its README says, and its modules with their public classes and functions."""
    yield from (
        "# Python",
        "",
        "The rooms of the package, in the order of the alphabet. Names that begin with `_` are left out.",
        "",
    )
    offered = PACKAGE / "api.py"
    yield from ("## import emolightning as el", "", first_line(parsed(offered)), "")
    yield from module_lines(dotted(offered), parsed(offered))
    for room in sorted(path for path in PACKAGE.iterdir() if (path / "README.md").is_file()):
        title, *about = (room / "README.md").read_text(encoding="utf-8").splitlines()
        yield from (f"## {title.lstrip('# ')}", "", *about, "", "| module | what it is |", "|---|---|")
        modules = {path: parsed(path) for path in sorted(room.rglob("*.py"))}
        for path, tree in modules.items():
            if doc := first_line(tree):
                yield f"| `{dotted(path)}` | {cell(doc)} |"
        yield ""
        for path, tree in modules.items():
            yield from module_lines(dotted(path), tree)


def module_lines(name: str, tree: ast.Module) -> Iterator[str]:
    """The public classes and functions of a module, each with its signature and the first line of its docstring."""
    public = [item for item in tree.body if isinstance(item, ast.ClassDef | ast.FunctionDef) and item.name[0] != "_"]
    if public:
        yield from (f"### {name}", "")
    for item in public:
        yield from (f"- `{signature(item)}`", *([f"  : {first_line(item)}"] if first_line(item) else []))
    if public:
        yield ""


def signature(item: ast.ClassDef | ast.FunctionDef) -> str:
    """As it is written in the source, without the body."""
    if isinstance(item, ast.ClassDef):
        bases = ", ".join(map(ast.unparse, item.bases))
        return f"class {item.name}({bases})" if bases else f"class {item.name}"
    returns = f" -> {ast.unparse(item.returns)}" if item.returns else ""
    return f"{item.name}({ast.unparse(item.args)}){returns}"


def overview(docs: Path, texts: dict[Path, str]) -> Iterator[str]:
    """`llms.txt`: what the project is, and a line a page."""
    own = {page: page.read_text(encoding="utf-8") for page in docs.rglob("*.md")} | texts
    about = own.pop(docs / "index.md").split("\n\n")[1]
    yield from ("# EmoLightning", "", *(f"> {line}" for line in about.splitlines()), "", "## Pages", "")
    for page in sorted(own):
        title = own[page].splitlines()[0].lstrip("# ")
        yield f"- [{title}]({page.relative_to(docs).with_suffix('.html').as_posix()})"


def parsed(path: Path) -> ast.Module:
    """A source file; reading is cheaper than importing, and needs no torch."""
    return ast.parse((path if path.exists() else path.with_suffix("") / "__init__.py").read_text(encoding="utf-8"))


def dotted(path: Path) -> str:
    """The name of a module inside of the package."""
    return ".".join(path.relative_to(REPO).with_suffix("").parts).removesuffix(".__init__")


def first_line(node: ast.Module | ast.ClassDef | ast.FunctionDef) -> str:
    """The first line of a docstring."""
    return (ast.get_docstring(node) or "").split("\n")[0]


def cell(text: str) -> str:
    """A text as one cell of a table."""
    return " ".join(text.split()).replace("|", "\\|").replace("<", "&lt;")


WRITERS = {
    "settings": settings,
    "commands": commands,
    "scores": scores,
    "official-sets": official_sets,
    "encoders": encoders,
    "python": python,
}
"""Page of `reference/` -> what writes its lines."""
