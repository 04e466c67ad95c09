"""docs/benchmarks.md: its commands are accepted, its figures are those of the table, its links lead somewhere."""

import re
import shlex
from pathlib import Path

import pytest
from hydra import compose, initialize_config_dir
from omegaconf import OmegaConf
from runs import REPO

from emolightning.benchmarks.official import BENCHMARKS
from emolightning.benchmarks.published.table import read_published
from emolightning.commands.doctor import main as doctor
from emolightning.commands.score import full_words, own_problems
from emolightning.config.check import check_config
from emolightning.config.places import CONFIG_DIR
from emolightning.config.saved_run import load_saved_run
from emolightning.config.schema import register_schemas

PAGE = (REPO / "docs" / "benchmarks.md").read_text(encoding="utf-8")
BLOCKS = "".join(re.findall(r"^```bash\n(.*?)^```", PAGE, flags=re.MULTILINE | re.DOTALL))
COMMANDS = [line for line in BLOCKS.splitlines() if line.startswith("python ")]


@pytest.fixture(scope="module")
def run_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The configuration of a run of the full-size model."""
    register_schemas()
    folder = tmp_path_factory.mktemp("run")
    with initialize_config_dir(str(CONFIG_DIR), version_base="1.3"):
        cfg = compose("train", overrides=["model=emotion_llama_7b"])
    OmegaConf.save(OmegaConf.create(OmegaConf.to_container(cfg, resolve=True)), folder / "config.yaml")
    return folder


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_is_accepted(command: str, run_folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    register_schemas()
    program, *words = shlex.split(command.replace("$RUN", str(run_folder)))[1:]
    name, words = ("eval", words) if program == "eval.py" else (words[1], words[2:])
    if name == "doctor":
        with pytest.raises(SystemExit) as error:  # its files are not here
            doctor(words)
        assert error.value.code == 1
        assert "missing" in capsys.readouterr().out
        return
    if name == "eval":
        load_saved_run(words)
    if name == "score":
        words = full_words(words)
    with initialize_config_dir(str(CONFIG_DIR), version_base="1.3"):
        cfg = compose(name, overrides=words)
    check_config(cfg, own_problems(cfg) if name == "score" else ())


def test_every_benchmark_has_its_commands() -> None:
    for command in ("doctor data=", "reproduce benchmark=", "score answers="):
        assert any(f"-m emolightning {command}" in line for line in COMMANDS), command
    for name in BENCHMARKS:
        assert f"`{name}`" in PAGE or name.startswith("dfew_fold"), name


def test_the_figures_are_in_the_table() -> None:
    paragraphs = re.findall(r"\*\*Published\.\*\*(.*?)\n\n", PAGE, flags=re.DOTALL)
    figures = {figure for text in paragraphs for figure in re.findall(r"(?<![\d.:])\d+\.\d\d(?:\d\d)?(?![\d.])", text)}
    verified = [score for score in read_published() if score.is_verified]
    printed = {score.printed for score in verified} | {f"{float(score.printed):.4f}" for score in verified}
    assert len(figures) > 15
    assert figures - printed == set()


def test_links_lead_somewhere() -> None:
    headings = {re.sub(r"[^\w -]", "", line.lstrip("# ")).lower().replace(" ", "-") for line in PAGE.splitlines()}
    links = re.findall(r"\]\(([^)]+)\)", PAGE)
    assert links
    assert [link for link in links if link.startswith("#") and link[1:] not in headings] == []
    assert all((REPO / path).exists() for path in re.findall(r"`(emolightning/[\w/.]+|benchmarks/\w+\.py)`", PAGE))
