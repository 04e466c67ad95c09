"""Settings as words of a command line: what is printed is what a shell and Hydra read back."""

import shlex
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest
from hydra.core.hydra_config import HydraConfig
from hydra.core.override_parser.overrides_parser import OverridesParser
from omegaconf import OmegaConf, open_dict

from emolightning.config.check import find_problems
from emolightning.config.errors import CONFIG_ERRORS, Launch, explain
from emolightning.config.places import CONFIG_DIR
from emolightning.config.schema import register_schemas
from emolightning.errors import UserError, override, quoted_override
from emolightning.records.labels import vocabulary
from emolightning.runs.report.collect import write_report
from emolightning.runs.seeds import run_seeds
from emolightning.runs.sweep.session import _print_summary
from emolightning.runs.sweep.trial import TrialRow

VALUES = [
    "outputs/demo",
    "lr=0.001",
    "my run",
    'it\'s "so"',
    "愤怒",
    "",
    " edge ",
    "null",
    "true",
    "1",
    "-1e3",
    "a,b",
    "[x]",
    "{x: 1}",
    "choice(a,b)",
    "back\\slash\\",
    "a#b;c&d|e",
    "ends with a backslash\\",
    "${paths.data}/x",
    "a: b",
    "~/clips",
    Path("a b/c"),
    None,
    True,
    3,
    0.5,
    ["愤怒", "高兴"],
    ["-1", "0", "1"],
    ["calm", "very tense", "=", "'"],
    [],
    {"exc": "happy", "xxx": None},
    {0: "neutral", -1: "sad", "e0": "very angry"},
]


def read_back(word: str) -> object:
    (override,) = shlex.split(word)
    (parsed,) = OverridesParser.create().parse_overrides([override])
    assert parsed.key_or_group == "data.x"
    return OmegaConf.to_container(OmegaConf.create({"x": parsed.value()}), resolve=True)["x"]


@pytest.mark.parametrize("value", VALUES, ids=repr)
def test_a_quoted_override_is_read_back_as_the_same_value(value: object) -> None:
    assert read_back(quoted_override("data.x", value)) == (str(value) if isinstance(value, Path) else value)


def test_plain_values_stay_plain() -> None:
    assert quoted_override("checkpoint", "outputs/demo-1.2") == "checkpoint=outputs/demo-1.2"
    assert quoted_override("data.labels", ["calm", "tense"]) == "'data.labels=[calm,tense]'"


def test_a_key_that_hydra_cannot_hold_is_refused() -> None:
    with pytest.raises(ValueError, match="Expected a key"):
        quoted_override("data.label_map", {"愤怒": "angry"})


@pytest.fixture
def launch() -> Iterator[Launch]:
    register_schemas()
    yield Launch(CONFIG_DIR, "train", ["data=custom", "data.annotations=a.csv"])
    HydraConfig.instance().cfg = None  # explain() sets it, as for a program that ends then


@pytest.mark.parametrize("entries", [["ruhig", "ängstlich"], ["very calm", "it's = tense"]])
def test_the_remedy_for_a_list_works_when_it_is_pasted(launch: Launch, entries: list[str]) -> None:
    wrong = replace(launch, overrides=[*launch.overrides, f"data.labels=[{','.join(entries)}]"])
    with pytest.raises(CONFIG_ERRORS) as caught:
        wrong.compose(wrong.overrides)
    (line,) = (line for line in explain(caught.value, wrong) if line.startswith("data.labels"))
    (pasted,) = shlex.split(line.partition("quote each entry: ")[2].removesuffix(" (on the command line)"))
    assert list(launch.compose([*launch.overrides, pasted]).data.labels) == entries


def test_the_remedy_for_numbers_as_labels_works_when_it_is_pasted(launch: Launch) -> None:
    cfg = launch.compose([*launch.overrides, "data.labels=[-2,2]"])
    with open_dict(cfg):
        del cfg["hydra"]
    (problem,) = (str(problem) for problem in find_problems(cfg) if problem.key == "data.labels")
    (pasted,) = shlex.split(problem.partition("as text: ")[2])
    assert list(launch.compose([*launch.overrides, pasted]).data.labels) == ["-2", "2"]


@pytest.mark.parametrize("entries", [["愤怒", "高兴"], ["calm", "very tense"]])
def test_a_list_that_was_quoted_as_a_whole_is_told_with_the_right_quotes(launch: Launch, entries: list[str]) -> None:
    with pytest.raises(UserError) as caught:
        vocabulary(f"[{','.join(entries)}]")
    (pasted,) = shlex.split(str(caught.value).partition("around each entry: ")[2])
    assert list(launch.compose([*launch.overrides, pasted]).data.labels) == entries


def pasted(line: str) -> dict[str, object]:
    """The settings of a printed command, as the shell and Hydra read it."""
    words = shlex.split(line.partition("python ")[2])
    return {item.key_or_group: item.value() for item in OverridesParser.create().parse_overrides(words[1:])}


class Plain(dict[str, object]):
    """Settings that are taken as they are, where OmegaConf would look for what `${x}` stands for."""

    __getattr__ = dict.__getitem__


@pytest.mark.parametrize("name", ["lr=0.001", "my run's", "愤怒 [1,2]", "${x}"])
def test_commands_that_are_printed_run_when_they_are_pasted(
    name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / name
    folder.mkdir()
    with pytest.raises(UserError) as caught:
        write_report(folder, [])
    assert OmegaConf.create(pasted(str(caught.value))).checkpoint == str(folder)
    (folder / "config.yaml").write_text("")
    with pytest.raises(UserError) as caught:
        run_seeds(Plain(output_dir=str(folder), seeds=[1]), [])  # type: ignore[arg-type]
    word = str(caught.value).partition("say ")[2].partition(", for a folder")[0]
    assert OmegaConf.create(pasted(f"python train.py {word}")).output_dir == f"{folder}-seeds"
    best = TrialRow(1, "done", {}, 0.5, 3, 3, 1, 1.0, str(folder), "log", 0, "", "")
    _print_summary([best], SimpleNamespace(mode="max", metric="val/war"))  # type: ignore[arg-type]
    (line,) = [line for line in capsys.readouterr().out.splitlines() if line.startswith("evaluate:")]
    assert OmegaConf.create(pasted(line)).checkpoint == str(folder)


def test_programs_that_are_started_get_their_folders(tmp_path: Path) -> None:
    (parsed,) = OverridesParser.create().parse_overrides([override("output_dir", tmp_path / "lr=0.1 it's")])
    assert parsed.value() == str(tmp_path / "lr=0.1 it's")
