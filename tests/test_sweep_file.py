"""Sweep files: what is refused and how, and W&B's meaning of commands and distributions."""

import copy
import sqlite3
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import sqlalchemy
import wandb.wandb_agent
import yaml
from wandb.sdk.sweeps.scheduler.optuna import search_space_from_sweep_config

from emolightning.config.places import CONFIG_DIR
from emolightning.errors import InputErrors, UserError
from emolightning.runs.sweep.checking import check_trials, combinations
from emolightning.runs.sweep.command import command_line, repeating_line
from emolightning.runs.sweep.parameters import Choices, Range, read_parameter
from emolightning.runs.sweep.search import Search
from emolightning.runs.sweep.sweep_file import read_sweep_file

REPO = CONFIG_DIR.parent
SWEEPS = sorted((REPO / "sweeps").glob("*.yaml"))

GOOD: dict[str, Any] = {
    "program": "train.py",
    "method": "random",
    "metric": {"name": "val/weighted_f1", "goal": "maximize"},
    "parameters": {"optimizer.lr": {"min": 0.001, "max": 0.01}, "seed": {"values": [0, 1]}},
    "command": [
        "${env}",
        "${interpreter}",
        "${program}",
        "experiment=smoke",
        "run_name=x-${oc.env:WANDB_RUN_ID}",
        "resume=auto",
        "${args_no_hyphens}",
    ],
}


def written(folder: Path, **changes: Any) -> Path:
    """A file with other values at some keys; None takes a key out."""
    content = {key: value for key, value in {**copy.deepcopy(GOOD), **changes}.items() if value is not None}
    path = folder / "file.yaml"
    path.write_text(yaml.safe_dump(content))
    return path


def parameters(**spec: Any) -> dict[str, Any]:
    return {"parameters": {"optimizer.lr": spec}}


def command(*words: str) -> dict[str, Any]:
    return {"command": ["${env}", "${interpreter}", "${program}", *words]}


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"methods": "grid"}, "methods: no such key; did you mean method?"),
        ({"method": "bays"}, "method: 'bays' is not known; did you mean bayes?"),
        ({"method": "custom"}, "the nearest is bayes"),
        ({"method": None}, "method: None is not known"),
        ({"controller": {"type": "local"}}, "controller: not without W&B"),
        ({"metrics": []}, "give one `metric`"),
        ({"metric": None}, "metric: is needed"),
        ({"metric": {"name": "val/f1", "gaol": "maximize"}}, "metric: gaol: no such key here; did you mean goal?"),
        ({"metric": {"name": "val/f1", "goal": "max"}}, "goal 'max' is not known; choose from maximize, minimize"),
        ({"program": "eval.py"}, "program: 'eval.py'"),
        ({"run_cap": 0}, "run_cap: must be"),
        ({"command": None}, "command: is needed"),
        (command("${args}"), "${args} is no Hydra override"),
        (command("${args_no_hyphen}"), "did you mean ${args_no_hyphens}?"),
        (command("seed=1"), "must hold ${args_no_hyphens} once"),
        (command("-m", "${args_no_hyphens}"), "takes no option"),
        ({"command": ["no-such", "${program}", "${args_no_hyphens}"]}, "command: starts no-such before ${program}"),
        ({"command": ["${program}", "${args_no_hyphens}"]}, "train.py: no such program on PATH, or not executable"),
        (command("seed=${envvar:NO_SUCH}", "${args_no_hyphens}"), "the environment has no NO_SUCH"),
        ({"parameters": {}}, "at least one setting"),
        ({"parameters": {"seed": 3}}, "parameter seed: must be a mapping such as `values: [3]`"),
        ({"parameters": {"optimizer": {"parameters": {"lr": {"value": 1}}}}}, "flat dotted names"),
        (parameters(valeus=[1]), "parameter optimizer.lr: valeus: no such key; did you mean values?"),
        (parameters(values=[]), "at least one value"),
        (parameters(values=[1, 1.0]), "1 is there twice"),
        (parameters(values=[None]), 'write "null" in quotes'),
        (parameters(values=[1], probabilities=[0.5]), "numbers with the sum 1"),
        (parameters(min=0.1), "needs value, values, or min and max"),
        (parameters(min=0.2, max=0.1), "min 0.2 must be less than max 0.1"),
        (parameters(min="1e-4", max=0.1), "min: YAML reads 1e-4 as text; write it with a point and a sign, 1.0e-04"),
        (parameters(min=1, max=2, q=1), "q: no key of distribution int_uniform"),
        (parameters(distribution="normal", mu=0), "the nearest is uniform"),
        (parameters(distribution="log_uniform", min=-4, max=-2), "log_uniform_values, whose min and max"),
        (parameters(distribution="uniforn", min=1, max=2), "did you mean uniform?"),
        (parameters(distribution="log_uniform_values", min=0, max=2), "has no logarithm"),
        (parameters(distribution="int_uniform", min=0.5, max=2), "int_uniform needs integers"),
        (parameters(distribution="q_uniform", min=0.1, max=1, q=0.3), "must be multiples of q"),
        (parameters(distribution="q_log_uniform_values", min=1, max=64, q=4), "the nearest is log_uniform_values"),
        ({"method": "grid"}, "parameter optimizer.lr: a grid needs values"),
        ({"method": "bayes", **parameters(values=[1, 2], probabilities=[0.5, 0.5])}, "use method random"),
        ({"early_terminate": {"type": "median"}}, "type must be hyperband"),
        ({"early_terminate": {"type": "hyperband", "min_itr": 1}}, "min_itr: no such key; did you mean min_iter?"),
        ({"early_terminate": {"type": "hyperband", "max_iter": 27}}, "max_iter needs s"),
        ({"early_terminate": {"type": "hyperband", "min_iter": 1, "eta": 1}}, "eta must be a number above 1"),
    ],
)
def test_a_mistake_is_refused_with_what_to_write(tmp_path: Path, changes: dict[str, Any], message: str) -> None:
    path = written(tmp_path, **changes)
    with pytest.raises(InputErrors) as caught:
        read_sweep_file(path)
    assert str(caught.value).startswith(f"{path}: ")
    assert message in str(caught.value)


def test_all_mistakes_are_listed_at_once(tmp_path: Path) -> None:
    with pytest.raises(InputErrors) as caught:
        read_sweep_file(written(tmp_path, method="x", run_cap=-1, **parameters(values=[{"a": 1}, "a=b"])))
    assert len(caught.value.problems) == 4


@pytest.mark.parametrize(("text", "message"), [("a: [", "not valid YAML"), ("- 1", "must be a mapping")])
def test_a_file_that_is_no_sweep(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "x.yaml"
    path.write_text(text)
    with pytest.raises(UserError, match=message):
        read_sweep_file(path)
    with pytest.raises(UserError, match=r"no such file; did you mean .*x\.yaml"):
        read_sweep_file(tmp_path / "y.yaml")


@pytest.mark.parametrize(
    ("changes", "extra", "message"),
    [
        (
            {"parameters": {"optimizer.weight_deacy": {"value": 1}}},
            [],
            "has no such argument; did you mean weight_decay?",
        ),
        ({"parameters": {"seed": {"values": [1, -1]}}}, [], "parameter seed: must be 0 to 4294967295, not -1"),
        ({"parameters": {"modalities": {"values": [["audoi"]]}}}, [], "did you mean audio?"),
        ({"parameters": {"notes": {"values": [7]}}}, [], "notes: 7 arrives as '7'"),
        pytest.param(
            {"parameters": {"model": {"values": ["tinny"]}}},
            [],
            "model=tinny: no such option; did you mean tiny?",
            marks=pytest.mark.slow,
        ),
        ({"metric": {"name": "val/uar", "goal": "maximize"}}, [], "the trials watch monitor.metric=val/weighted_f1"),
        pytest.param(
            {"metric": {"name": "val/weighted_f1", "goal": "minimize"}}, [], "monitor.mode=max", marks=pytest.mark.slow
        ),
        (command("${args_no_hyphens}"), [], "add run_name=file-${oc.env:WANDB_RUN_ID}"),
        pytest.param(
            command("run_name=${oc.env:WANDB_RUN_ID}", "${args_no_hyphens}"),
            [],
            "add resume=auto",
            marks=pytest.mark.slow,
        ),
        ({}, ["logger=none"], "say logger=csv"),
        ({}, ["trainer.max_epoch=3"], "did you mean max_epochs?"),
        ({}, ["seed=3"], "varies it"),
        ({}, ["seeds=[0,1]"], "make seed a parameter of the sweep"),
    ],
)
def test_what_no_trial_can_run_is_found_before_the_first(
    tmp_path: Path, changes: dict[str, Any], extra: list[str], message: str
) -> None:
    file = read_sweep_file(written(tmp_path, **changes))
    with pytest.raises(UserError) as caught:
        check_trials(file, extra)
    assert message in str(caught.value)
    assert str(file.path) in str(caught.value)


def test_a_choice_of_a_group_and_an_option_by_null_are_fine(tmp_path: Path) -> None:
    spec = {"model": {"values": ["tiny"]}, "prompt.labels": {"values": ["null", ["happy", "sad"]]}}
    check_trials(read_sweep_file(written(tmp_path, parameters=spec)))


def test_every_value_and_both_ends_are_checked(tmp_path: Path) -> None:
    spec = {"a": {"values": [1, 2]}, "b": {"min": 0.0, "max": 1.0}}
    found = list(combinations(read_sweep_file(written(tmp_path, parameters=spec))))
    assert found == [{"a": 1, "b": 0.0}, {"a": 2, "b": 0.0}, {"a": 1, "b": 1.0}]
    spec["b"] = {"distribution": "q_uniform", "min": 0.0, "max": 1.0, "q": 0.5}
    found = list(combinations(read_sweep_file(written(tmp_path, method="grid", parameters=spec))))
    assert found == [{"a": a, "b": b} for a in (1, 2) for b in (0.0, 0.5, 1.0)]


@pytest.mark.parametrize("macro", ["${args_no_hyphens}", "${args_append_hydra}", "${args_override_hydra}"])
def test_the_command_line_is_the_agents(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, macro: str) -> None:
    monkeypatch.setenv("EXTRA", "trainer=ddp")
    words = ["${env}", "${interpreter}", "${program}", "experiment=smoke", "${envvar:EXTRA}", macro, "notes=x"]
    file = read_sweep_file(written(tmp_path, command=words))
    values = {"optimizer.lr": 1e-05, "seed": 1, "modalities": ["audio"], "precompute_vision": True}
    theirs = agents_command(list(file.command), values, tmp_path, monkeypatch)
    assert theirs[:3] == ["/usr/bin/env", "python", "train.py"]
    ours = command_line(file.command, values)
    assert ours == [sys.executable, str(REPO / "train.py"), *theirs[3:]]
    assert repeating_line(file.command, {"notes": "a b"}, (), "id").startswith("WANDB_RUN_ID=id python train.py exp")
    assert "'notes=a b'" in repeating_line(["${program}", macro], {"notes": "a b"}, (), "id").replace("+", "")


def agents_command(
    words: list[str], values: dict[str, Any], folder: Path, monkeypatch: pytest.MonkeyPatch
) -> list[str]:
    """What W&B's own agent would start, caught where it starts a process."""
    started: list[list[str]] = []
    monkeypatch.setattr(
        wandb.wandb_agent, "AgentProcess", lambda command, **rest: started.append(command) or SimpleNamespace()
    )
    monkeypatch.setenv("WANDB_DIR", str(folder))
    for name in ("WANDB_RUN_ID", "WANDB_SWEEP_PARAM_PATH"):
        monkeypatch.setenv(name, "x")  # The agent sets them; so they are put back.
    agent = object.__new__(wandb.wandb_agent.Agent)
    agent._sweep_command, agent._in_jupyter, agent._function = words, False, None
    agent._forward_signals, agent._run_processes = False, {}
    args = {name: {"value": value} for name, value in values.items()}
    agent._command_run({"run_id": "id", "program": "train.py", "args": args})
    return started[0]


def test_ranks_are_started_by_the_command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "torchrun").touch(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    words = ["${env}", "torchrun", "--nproc-per-node=2", "${program}", "${args_no_hyphens}"]
    with pytest.raises(
        InputErrors, match="starts torchrun --nproc-per-node=2 before .* say launcher='torchrun --nproc"
    ):
        read_sweep_file(written(tmp_path, command=words))
    file = read_sweep_file(written(tmp_path, command=words), "torchrun --nproc-per-node=2")
    assert command_line(file.command, {"seed": 1}, ["trainer=ddp"]) == [
        "torchrun",
        "--nproc-per-node=2",
        str(REPO / "train.py"),
        "seed=1",
        "trainer=ddp",
    ]


@pytest.mark.parametrize(
    "spec",
    [
        {"values": [1, 2, 4]},
        {"values": ["a", "b"]},
        {"min": 1, "max": 5},
        {"min": 0.5, "max": 5},
        {"distribution": "log_uniform_values", "min": 0.001, "max": 0.1},
        {"distribution": "int_uniform", "min": 2, "max": 9},
        {"distribution": "q_uniform", "min": 0.0, "max": 1.0, "q": 0.25},
        {"distribution": "q_uniform", "min": 2, "max": 8, "q": 2},
        {"distribution": "q_log_uniform_values", "min": 1, "max": 64},
    ],
    ids=str,
)
def test_distributions_are_those_that_wandb_gives_optuna(tmp_path: Path, spec: dict[str, Any]) -> None:
    file = read_sweep_file(written(tmp_path, parameters={"x": spec}))
    search = Search(file, tmp_path / "sweep", [])
    trial = search.ask()
    assert trial is not None
    assert trial.distributions == search_space_from_sweep_config({"x": spec})


def test_ranges_and_choices_are_read() -> None:
    assert read_parameter("x", {"value": 3}) == (Choices((3,)), [])
    assert read_parameter("x", {"min": 1, "max": 3}) == (Range(1, 3, is_int=True, step=1), [])
    assert read_parameter("x", {"min": 1, "max": 3.0}) == (Range(1, 3.0), [])


def test_weights_are_kept_to(tmp_path: Path) -> None:
    spec = {"x": {"values": ["a", "b"], "probabilities": [0.0, 1.0]}, "y": {"min": 0.0, "max": 1.0}}
    search = Search(read_sweep_file(written(tmp_path, parameters=spec)), tmp_path / "sweep", [])
    values = [search.values(trial) for trial in (search.ask() for _ in range(6)) if trial]
    assert {row["x"] for row in values} == {"b"}
    assert len({row["y"] for row in values}) == 6


@pytest.mark.parametrize("method", ["random", "bayes", "grid"])
def test_a_search_that_was_closed_goes_on_as_if_it_had_not_been(tmp_path: Path, method: str) -> None:
    spec = {"x": {"values": [[1], [2], [3]]}, "y": {"values": [True, False]}}
    file = read_sweep_file(written(tmp_path, method=method, parameters=spec))
    whole = Search(file, tmp_path / "whole", [])
    expected = [whole.values(whole.ask()) for _ in range(5)]  # type: ignore[arg-type]
    found = []
    for _ in range(5):
        part = Search(file, tmp_path / "parts", [])
        found.append(part.values(part.ask()))  # type: ignore[arg-type]
    assert found == expected
    if method == "grid":
        assert found == [{"x": [x], "y": y} for x in (1, 2, 3) for y in (True, False)][:5]
        assert [whole.ask() is None for _ in range(3)] == [False, True, True]


@pytest.mark.parametrize("method", ["bayes", "grid"])
def test_a_search_that_is_killed_while_it_asks_goes_on(tmp_path: Path, method: str) -> None:
    """From what kill -9 would have left before each of its transactions."""
    spec = {"x": {"values": [1, 2, 3]}, "y": {"values": ["a", "b"]}}
    file = read_sweep_file(written(tmp_path, method=method, parameters=spec))
    search, left = Search(file, tmp_path / "whole", []), []

    def keep(connection: Any) -> None:
        left.append(tmp_path / f"killed-{len(left)}")
        left[-1].mkdir()
        with sqlite3.connect(tmp_path / "whole" / "study.db") as now, sqlite3.connect(left[-1] / "study.db") as then:
            now.backup(then)

    sqlalchemy.event.listen(search.study._storage._backend.engine, "commit", keep)  # type: ignore[attr-defined]
    expected = [search.values(search.ask()) for _ in range(2)]  # type: ignore[arg-type]
    for folder in list(left):
        again = Search(file, folder, [])
        while len(again.trials()) < 2:
            again.ask()
        assert [again.values(trial) for trial in again.trials()] == expected
    assert len(left) > 2


def test_another_sweep_in_the_same_folder_is_refused(tmp_path: Path) -> None:
    Search(read_sweep_file(written(tmp_path)), tmp_path / "sweep", ["trainer.max_epochs=1"])
    changed = read_sweep_file(written(tmp_path, method="bayes", run_cap=7))
    with pytest.raises(UserError) as caught:
        Search(changed, tmp_path / "sweep", ["trainer.max_epochs=2"])
    assert 'method: "random" before, "bayes" now' in str(caught.value)
    assert "max_epochs=2" in str(caught.value)
    assert "output_dir=FOLDER" in str(caught.value)
    Search(read_sweep_file(written(tmp_path, run_cap=7)), tmp_path / "sweep", ["trainer.max_epochs=1"])


def test_a_secret_is_no_parameter() -> None:
    _, (problem,) = read_parameter("judge.api_key", {"values": ["a", "b"]})
    assert "envvar" in problem


def test_a_study_of_an_earlier_form_is_another_sweep(tmp_path: Path) -> None:
    folder = tmp_path / "sweep"
    search = Search(read_sweep_file(written(tmp_path)), folder, [])
    search.study.set_user_attr("plan", {"method": "grid"})
    with pytest.raises(UserError, match="method: recorded in another form"):
        Search(read_sweep_file(written(tmp_path)), folder, [])
