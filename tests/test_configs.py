"""Every file of configs/ and sweeps/ composes to a configuration that the checker accepts; nothing is built."""

import copy
import itertools
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from hydra import compose, initialize_config_dir
from hydra.errors import HydraException
from omegaconf import DictConfig, OmegaConf
from wandb.sdk.launch.sweeps.utils import create_sweep_command, create_sweep_command_args

from emolightning.config.check import ConfigError, check_config
from emolightning.config.corpora import fill_corpora
from emolightning.config.places import CONFIG_DIR
from emolightning.config.saved_run import load_saved_run
from emolightning.config.schema import register_schemas
from emolightning.runs.sweep.checking import check_trials
from emolightning.runs.sweep.sweep_file import read_sweep_file

REPO = CONFIG_DIR.parent
FILES = sorted(path.relative_to(CONFIG_DIR) for path in CONFIG_DIR.rglob("*.yaml"))
RECIPES = [path for path in FILES if path.parts[0] == "recipe"]
OPTIONS = [path for path in FILES if len(path.parts) > 1 and not path.name.startswith("_") and path not in RECIPES]
SWEEPS = sorted((REPO / "sweeps").glob("*.yaml"))
LONG_SWEEPS = ("lora", "modalities", "prompt_labels")
"""Of many trials: all of them are checked by the slow tests, their first and last always."""

SERVER = ["scoring=reasoning", "judge.base_url=http://localhost:8000/v1", "judge.model=some-model"]
REQUIRED = {
    "data/custom": ["data.annotations=clips.csv"],
    "data/several": ["++data.corpora={meld: 2, iemocap: 1}"],
    "data/named": ["data.root=clips", "data.names=label/*"],
    "features/mer2023": ["data=mer2023"],
    "features/mer2024": ["data=mer2024_noise"],
    "features/dfew": ["data=dfew"],
    "features/mmeverse": ["data=mmeverse"],
    "judge/offline": ["scoring=reasoning"],
    "judge/openai": SERVER,
    "judge/original_scheme": SERVER,
    "model/chat/transformers": ["model.path=FOLDER"],
    "model/chat/server": ["model.base_url=http://localhost:8000/v1", "model.name=some-model"],
    "scoring/open_vocabulary_judge": [
        "scoring.synonym_groups.base_url=http://localhost:8000/v1",
        "scoring.synonym_groups.model=some-model",
    ],
}
"""Option -> what it asks the user for."""

EVAL_GROUPS = ("data", "features", "trainer", "logger", "callbacks", "scoring", "judge", "evaluation")
"""Groups that eval.py may choose anew."""


@pytest.fixture(autouse=True)
def machine(monkeypatch: pytest.MonkeyPatch) -> None:
    register_schemas()
    monkeypatch.setenv("WANDB_RUN_ID", "abc123")  # as the agent sets it for each trial


def composed(name: str, *overrides: str) -> DictConfig:
    with initialize_config_dir(str(CONFIG_DIR), version_base="1.3"):
        cfg = compose(name, overrides=list(overrides))
        fill_corpora(cfg)  # As every command does.
        return cfg


def option(path: Path) -> list[str]:
    """`data/custom.yaml` -> the words that choose it."""
    name = path.with_suffix("").as_posix()
    return [name.replace("/", "=", 1), *REQUIRED.get(name, [])]


@pytest.fixture(scope="module")
def saved_run(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The configuration of a trained run, as eval.py finds it."""
    register_schemas()
    folder = tmp_path_factory.mktemp("run")
    cfg = OmegaConf.to_container(composed("train", "experiment=demo"), resolve=True)
    OmegaConf.save(OmegaConf.create(cfg), folder / "config.yaml")
    return f"checkpoint={folder}"


def test_there_are_files_of_all_kinds() -> None:
    assert {path.parts[0] for path in OPTIONS} >= {"data", "features", "model", "trainer", "experiment", *EVAL_GROUPS}
    assert len(SWEEPS) >= 3


@pytest.mark.parametrize("path", [path for path in OPTIONS if path.parts[0] != "evaluation"], ids=str)
def test_every_option_makes_a_training_run(path: Path) -> None:
    check_config(composed("train", *option(path)))


EVAL_OPTIONS = [path for path in OPTIONS if path.parts[0] in EVAL_GROUPS]
EVAL_ALWAYS = {path.parts[0]: path for path in EVAL_OPTIONS}.values()
"""One of each group; those that ask the user for something come as well."""


@pytest.mark.parametrize(
    "path",
    [
        pytest.param(
            path,
            id=str(path),
            marks=() if path in EVAL_ALWAYS or path.with_suffix("").as_posix() in REQUIRED else pytest.mark.slow,
        )
        for path in EVAL_OPTIONS
    ],
)
def test_every_option_makes_an_evaluation(path: Path, saved_run: str) -> None:
    words = [saved_run, *option(path)]
    load_saved_run(words)
    check_config(composed("eval", *words))


DATA, TRAINERS = ([path for path in OPTIONS if path.parts[0] == group] for group in ("data", "trainer"))
SOME_PAIRS = {
    (DATA[number % len(DATA)], TRAINERS[number % len(TRAINERS)]) for number in range(max(len(DATA), len(TRAINERS)))
}
"""Each benchmark and each trainer once; all their pairs are for the slow tests."""


@pytest.mark.parametrize(
    ("data", "trainer"),
    [
        pytest.param(*pair, id="-".join(map(str, pair)), marks=[] if pair in SOME_PAIRS else pytest.mark.slow)
        for pair in itertools.product(DATA, TRAINERS)
    ],
)
def test_data_and_trainers_go_together_with_the_full_size_model(data: Path, trainer: Path) -> None:
    check_config(composed("train", "model=emotion_llama_7b", *option(data), *option(trainer)))


@pytest.mark.parametrize("path", FILES, ids=str)
def test_every_file_begins_by_saying_what_it_is(path: Path) -> None:
    lines = (CONFIG_DIR / path).read_text().splitlines()
    said = [line for line in lines[:2] if line.startswith("#") and "@package" not in line]
    assert said, f"{path} has no comment at its top"
    if path.parts[0] == "experiment":
        assert any("python train.py experiment=" + path.stem in line for line in lines), "how is it started?"


@pytest.mark.parametrize("path", SWEEPS, ids=lambda path: path.stem)
def test_every_sweep_says_how_it_is_started(path: Path) -> None:
    head = path.read_text().partition("program:")[0]
    assert f"wandb sweep sweeps/{path.name}" in head
    assert "wandb agent" in head
    assert f"python -m emolightning sweep file=sweeps/{path.name}" in head


def test_there_is_a_sweep_for_each_question() -> None:
    assert {path.stem for path in SWEEPS} == {"learning_rate", "lora", "modalities", "prompt_labels", "seeds"}


@pytest.mark.parametrize(
    "path",
    [pytest.param(path, id=path.stem, marks=pytest.mark.slow if path.stem in LONG_SWEEPS else ()) for path in SWEEPS],
)
def test_the_sweep_command_accepts_every_sweep(path: Path) -> None:
    check_trials(read_sweep_file(path))


@pytest.mark.parametrize("path", SWEEPS, ids=lambda path: path.stem)
def test_trials_of_every_sweep_are_valid_runs_of_the_agent(path: Path) -> None:
    """The first and the last: the command checks all of them above, of the same words."""
    check_sweep(yaml.safe_load(path.read_text()), ends_only=True)


@pytest.mark.slow
@pytest.mark.parametrize("path", SWEEPS, ids=lambda path: path.stem)
def test_every_trial_of_every_sweep_is_a_valid_run_of_the_agent(path: Path) -> None:
    check_sweep(yaml.safe_load(path.read_text()))


@pytest.mark.parametrize(
    ("key", "parameter", "message"),
    [
        ("model.lora.rank", {"values": [4]}, "Could not override 'model.lora.rank'"),
        ("sead", {"values": [0]}, "Could not override 'sead'"),
        ("schedule.warmup_fraction", {"values": ["fast"]}, "schedule.warmup_fraction: must be float, not 'fast'"),
        ("modalities", {"values": [["audoi"]]}, "did you mean audio"),
        ("optimizer", {"parameters": {"lr": {"values": [0.1]}}}, "flat dotted names"),
        ("resume", {"values": [None]}, "Hydra reads None as a word"),
    ],
)
def test_a_mistake_in_a_sweep_is_found(key: str, parameter: dict[str, Any], message: str) -> None:
    sweep = copy.deepcopy(yaml.safe_load(SWEEPS[0].read_text()))
    sweep["parameters"][key] = parameter
    with pytest.raises((HydraException, ConfigError, AssertionError), match=message):
        check_sweep(sweep)


def test_a_wrong_metric_in_a_sweep_is_found() -> None:
    sweep = yaml.safe_load(SWEEPS[0].read_text())
    sweep["metric"]["name"] = "val/f1"
    with pytest.raises(AssertionError, match="val/weighted_f1"):
        check_sweep(sweep)


def check_sweep(sweep: dict[str, Any], *, ends_only: bool = False) -> None:
    """Compose what the agent would start: a grid whole, of a search each value of each parameter; or first and last."""
    assert (REPO / sweep["program"]).is_file()
    assert sweep["method"] in ("grid", "random", "bayes")
    trials = list(sweep_trials(sweep))
    assert trials
    for values in [trials[0], trials[-1]] if ends_only else trials:
        cfg = composed("train", *command_overrides(sweep, values))
        check_config(cfg)
        assert sweep["metric"]["name"] == cfg.monitor.metric
        assert sweep["metric"]["goal"] == {"max": "maximize", "min": "minimize"}[cfg.monitor.mode]
        assert "abc123" in cfg.output_dir, "trials would write into each other's run folder"
        for key, value in values.items():
            assert OmegaConf.select(cfg, key) == value, f"{key}={value} arrives as {OmegaConf.select(cfg, key)!r}"


def sweep_trials(sweep: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """All combinations of a grid; else such that each value of each parameter occurs, of a range its ends."""
    choices = {}
    for key, parameter in sweep["parameters"].items():
        assert "parameters" not in parameter, f"{key}: Hydra cannot read nested parameters, write flat dotted names"
        choices[key] = _values(key, parameter, is_grid=sweep["method"] == "grid")
    if sweep["method"] == "grid":
        yield from (dict(zip(choices, values, strict=True)) for values in itertools.product(*choices.values()))
        return
    first = {key: values[0] for key, values in choices.items()}
    for key, values in choices.items():
        for value in values:
            yield {**first, key: value}


def _values(key: str, parameter: dict[str, Any], *, is_grid: bool) -> list[Any]:
    if "value" in parameter:
        values = [parameter["value"]]
    elif "values" in parameter:
        values = parameter["values"]
    else:
        assert not is_grid, f"{key}: a grid needs `values`"
        assert all(isinstance(parameter[end], int | float) for end in ("min", "max")), f"{key}: {parameter}"
        values = [parameter["min"], parameter["max"]]
    assert None not in values, f"{key}: Hydra reads None as a word; name the option, or leave the parameter out"
    return values


def command_overrides(sweep: dict[str, Any], values: dict[str, Any]) -> list[str]:
    """The words behind the program, expanded by W&B's own code."""
    command = create_sweep_command(list(sweep["command"]))
    arguments = create_sweep_command_args({"args": {key: {"value": value} for key, value in values.items()}})
    assert command[:3] == ["${env}", "${interpreter}", "${program}"]
    assert command[-1] == "${args_no_hyphens}"
    return [*command[3:-1], *arguments["args_no_hyphens"]]
