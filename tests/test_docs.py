"""README and docs: every command works, what is shown is what is printed, every link leads somewhere, the site builds.

A command is a line of a `bash` block; docs/contributing/docs.md says what the block's second word does.
"""

import importlib.util
import os
import re
import shlex
import subprocess
import sys
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

import pytest
from docs_blocks import BLOCKS, BUILT, DOCS, TAGS, Output, commands_tagged, committed_pages, missing_lines, outputs
from docs_places import problem_around, run_small
from hydra import compose, initialize_config_dir
from omegaconf import OmegaConf
from runs import REPO, Workplace
from site_pages import LINK, pages

from emolightning.__main__ import COMMANDS
from emolightning.benchmarks.registry import official_benchmarks
from emolightning.commands import ablate, compare, extract, pseudo_label, score, serve
from emolightning.commands.doctor import main as doctor
from emolightning.config.check import check_config
from emolightning.config.composing import composed
from emolightning.config.places import CONFIG_DIR
from emolightning.config.schema import register_schemas
from emolightning.models.encoders.recipes import recipe_files
from emolightning.records.score_names import DEFINITIONS

OUTPUTS = outputs()
RUN, FAIL, SHOW = commands_tagged("run"), commands_tagged("fail"), commands_tagged("show")
PROGRAM = re.compile(r"\b(python (\S+\.py|-m emolightning)|train\.py|slurm/train\.sbatch) ?")
LONG = re.compile(
    r"python (train\.py|eval\.py|speed/\S+|-m emolightning (sweep|ablate|robustness|predict|doctor|prepare)) (?!--)"
)
"""Beginnings of commands that train, generate or read clips."""


def is_slow(command: str) -> bool:
    """Whether `make slow` runs it: a long one, of a page that is not README and does not show what it prints."""
    always = {c for block in BLOCKS if block.page == REPO / "README.md" for c in block.commands()}
    return command not in always | {shown.command for shown in OUTPUTS} and bool(LONG.match(command))


RUNNING = [pytest.param(c, marks=pytest.mark.slow if is_slow(c) else (), id=c) for c in [*RUN, *FAIL]]
ACCEPTED = re.compile(r"python (train\.py|eval\.py|-m emolightning (predict|doctor|prepare)) ")
CHECKED = [command for command in RUN if is_slow(command) and ACCEPTED.match(command)]
"""Composed and checked in every run of the tests."""

FULL_WORDS = {
    "score": score.full_words,
    "extract": extract.full_words,
    "serve": serve.full_words,
    "compare": compare.full_words,
    "pseudo-label": pseudo_label.full_words,
}
"""Commands that have shorter words for some settings."""
COMPOSED = [command for command in [*commands_tagged("compose"), *CHECKED] if PROGRAM.search(command)]
AROUND = SHOW + [command for command in commands_tagged("compose") if command not in COMPOSED]


def page_name(page: Path) -> str:
    return page.relative_to(REPO).as_posix()


def test_every_block_says_what_happens_to_it() -> None:
    untagged = [
        f"{page_name(block.page)}: ```{block.language} {block.tag}".rstrip()
        for block in BLOCKS
        if not block.language.startswith("{") and block.language != "python"
        if block.tag not in TAGS.get(block.language, ())
    ]
    assert untagged == [], f"tag these blocks with one of {TAGS}"
    assert RUN
    assert FAIL
    assert COMPOSED
    assert OUTPUTS


@pytest.mark.parametrize("command", AROUND, ids=str)
def test_commands_around_the_programs(command: str) -> None:
    assert problem_around(command) == "", command


@pytest.mark.parametrize("command", RUNNING)
def test_command_of_a_program(command: str, started: dict[str, "Future[str]"]) -> None:
    started[command].result()


@pytest.mark.parametrize("shown", OUTPUTS, ids=lambda shown: page_name(shown.page))
def test_what_is_shown_is_printed(shown: Output, started: dict[str, "Future[str]"]) -> None:
    printed = started[shown.command].result()
    assert missing_lines(shown.text, printed, is_exact=shown.is_exact) == [], printed


@pytest.fixture(scope="module")
def started(
    request: pytest.FixtureRequest, workplace: Workplace, trained: Path, background: ThreadPoolExecutor
) -> dict[str, "Future[str]"]:
    """The selected commands, two at a time."""
    parameters = [item.callspec.params for item in request.session.items if hasattr(item, "callspec")]
    wanted = {each["command"] for each in parameters if each.get("command") in [*RUN, *FAIL]}
    wanted |= {each["shown"].command for each in parameters if isinstance(each.get("shown"), Output)}
    return {
        command: background.submit(
            run_small, workplace, trained, command, workplace.folder / f"docs{number}", fails=command in FAIL
        )
        for number, command in enumerate([*RUN, *FAIL])
        if command in wanted
    }


@pytest.fixture(scope="module")
def full_size_runs(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Model -> the configuration of a run of its full size."""
    register_schemas()
    runs = {model: tmp_path_factory.mktemp("run") for model in ("emotion_llama_7b", "emotion_llama_v2")}
    for model, folder in runs.items():
        with initialize_config_dir(str(CONFIG_DIR), version_base="1.3"):
            cfg = compose("train", overrides=[f"model={model}"])
        OmegaConf.save(OmegaConf.create(OmegaConf.to_container(cfg, resolve=True)), folder / "config.yaml")
    return runs


@pytest.mark.parametrize("command", COMPOSED, ids=str)
def test_command_is_accepted(
    command: str,
    full_size_runs: dict[str, Path],
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    register_schemas()
    monkeypatch.chdir(tmp_path)
    (tmp_path / "questions.yaml").write_text("valence: How pleasant does the person feel, from {low} to {high}?\n")
    run = full_size_runs["emotion_llama_v2" if "weights-v2" in command else "emotion_llama_7b"]
    command = re.sub(r"(?<=checkpoint=)[^\s']+", str(run), command)
    program = PROGRAM.search(command)
    assert program
    words = shlex.split(command[program.end() :])
    name = Path(program[2] or program[1]).stem
    if program[2] == "-m emolightning":
        name, *words = words
    if name == "doctor":
        with pytest.raises(SystemExit) as error:  # its files are not here
            doctor(words)
        assert error.value.code == 1
        assert "missing" in capsys.readouterr().out
        return
    if name == "ablate":  # Its rows are evaluations of a run, or trainings.
        words = [word for word in words if word.partition("=")[0] not in ablate.OWN]
        name = "eval" if any(word.startswith("checkpoint=") for word in words) else "train"
    if name in FULL_WORDS:
        words = FULL_WORDS[name](words)
    with composed(name.replace("-", "_"), words) as cfg:
        check_config(cfg, score.own_problems(cfg) if name == "score" else ())


def test_readme_is_one_page() -> None:
    assert len((REPO / "README.md").read_text(encoding="utf-8").splitlines()) <= 150
    assert len((REPO / "README.zh-CN.md").read_text(encoding="utf-8").splitlines()) <= 150


def test_the_chinese_readme_shows_the_same_commands() -> None:
    english, chinese = (
        [(block.tag, block.commands()) for block in BLOCKS if block.page == REPO / name and block.language == "bash"]
        for name in ("README.md", "README.zh-CN.md")
    )
    assert english == chinese


def test_links_lead_somewhere() -> None:
    assert [f"{page_name(page)}: {link}" for page in committed_pages() for link in broken_links(page)] == []


def broken_links(page: Path) -> list[str]:
    """Links to files or headings that are not there; a page that is made when the site is built is none."""
    text = re.sub(r"^```.*?^```", "", page.read_text(encoding="utf-8"), flags=re.MULTILINE | re.DOTALL)
    broken = [f"#{anchor}" for anchor in re.findall(r"\]\(#([^)]+)\)", text) if anchor not in anchors(page)]
    for link in LINK.finditer(text):
        target = (page.parent / link["path"]).resolve()
        if not target.exists() or target in BUILT or (link["anchor"] and link["anchor"][1:] not in anchors(target)):
            broken.append(link[0])
    return broken


def anchors(page: Path) -> set[str]:
    """As GitHub and MyST make them of headings."""
    lines = [line for line in page.read_text(encoding="utf-8").splitlines() if line.startswith("#")]
    return {re.sub(r"[^\w -]", "", line.lstrip("# ")).lower().replace(" ", "-") for line in lines}


def test_every_page_is_in_a_table_of_contents() -> None:
    listed = {DOCS / "index.md"}
    for block in BLOCKS:
        if block.language == "{toctree}":
            entries = [line for line in block.text.splitlines() if line and not line.startswith(":")]
            listed |= {block.page.parent / f"{entry}.md" for entry in entries}
    folders = {page.parent for page in listed if page.stem == "*"}
    there = {page for page in committed_pages() if page.is_relative_to(DOCS)} | BUILT
    missing = [page for page in there if page not in listed and page.parent not in folders]
    assert sorted(map(page_name, missing)) == []
    assert sorted(page_name(page) for page in listed - there if page.stem != "*") == []


def test_pages_from_the_code_have_all_of_it() -> None:
    written = {page.relative_to(DOCS).as_posix(): text for page, text in pages(DOCS).items()}
    for page, names in {
        "reference/commands.md": COMMANDS,
        "reference/scores.md": DEFINITIONS,
        "reference/official-sets.md": official_benchmarks(),
        "reference/encoders.md": [f"| `{name}` |" for name in recipe_files()],
        "reference/settings.md": ("resume", "monitor.metric", "data=custom", "trainer=ddp"),
        "reference/python.md": ("emolightning.records.clips", "class Clip", "emolightning.training.learner"),
    }.items():
        assert [name for name in names if name not in written[page]] == [], page
    own = [page for page in committed_pages() if page.is_relative_to(DOCS) and page != DOCS / "index.md"]
    names = [page.relative_to(DOCS).with_suffix(".html").as_posix() for page in own]
    assert [name for name in names if name not in written["reference/llms.txt"]] == []


@pytest.mark.parametrize("builder", ["dummy", pytest.param("html", marks=pytest.mark.slow)])
def test_the_site_builds_without_a_warning(builder: str, tmp_path: Path) -> None:
    """The builder that writes nothing reads all pages and follows all links."""
    if not importlib.util.find_spec("sphinx"):
        pytest.skip("sphinx is not installed: make dev")
    command = [
        sys.executable,
        "-m",
        "sphinx",
        "-q",
        "-W",
        "--keep-going",
        "-n",
        "-b",
        builder,
        str(DOCS),
        str(tmp_path),
    ]
    built = subprocess.run(
        command, capture_output=True, text=True, timeout=200, env=os.environ | {"PYTHONPATH": str(REPO)}, check=False
    )
    assert built.returncode == 0, built.stdout + built.stderr
    if builder == "dummy":
        return
    assert (tmp_path / "guides" / "speed.html").exists()
    assert "guides/own-clips.html" in (tmp_path / "llms.txt").read_text(encoding="utf-8")
