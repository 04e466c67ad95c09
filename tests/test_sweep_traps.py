"""The grammar between a sweep file and a setting: what each value becomes on W&B's command line, and then in Hydra."""

import math
from typing import Any

import pytest
import yaml
from hydra import compose, initialize_config_dir
from hydra.errors import HydraException
from omegaconf import OmegaConf
from wandb.sdk.launch.sweeps.utils import create_sweep_command_args

from emolightning.config.places import CONFIG_DIR
from emolightning.config.schema import register_schemas
from emolightning.runs.sweep.grammar import mistake, pasted
from emolightning.runs.sweep.parameters import read_parameter

ERROR = object()
"""Hydra refuses the word."""

ACCEPTED = [
    # YAML, the agent's word behind x=, what arrives
    ("true", "True", True),
    ("false", "False", False),
    ("3", "3", 3),
    ("-3", "-3", -3),
    ("0.1", "0.1", 0.1),
    ("1.0e-5", "1e-05", 1e-05),
    ("-2.5e+3", "-2500.0", -2500.0),
    ("123456789012345678", "123456789012345678", 123456789012345678),
    ("[1, 2]", "[1, 2]", [1, 2]),
    ("[audio, text]", "['audio', 'text']", ["audio", "text"]),
    ("[[1], [a, true]]", "[[1], ['a', True]]", [[1], ["a", True]]),
    ("['a, b', \"it's\"]", "['a, b', \"it's\"]", ["a, b", "it's"]),
    ("foo/bar", "foo/bar", "foo/bar"),
    ("hello world", "hello world", "hello world"),
    ("'x:y'", "x:y", "x:y"),
    ("'%d'", "%d", "%d"),
    ("''", "", ""),
    ("'007'", "007", "007"),
    ("'-'", "-", "-"),
    ("'a.b-c_d@e'", "a.b-c_d@e", "a.b-c_d@e"),
    ("'a\\b'", "a\\b", "a\\b"),
    ("'2024-01-01'", "2024-01-01", "2024-01-01"),
    ("'null'", "null", None),
]

REFUSED = [
    # YAML, the agent's word behind x=, what arrives instead, part of our message
    ("null", "None", "None", 'write "null" in quotes'),
    ("'true'", "true", True, "write true without quotes"),
    ("'True'", "True", True, "write true without quotes"),
    ("1e-5", "1e-5", 1e-05, "write the number, 1e-05"),
    ("'3'", "3", 3, "write the number, 3"),
    ("'inf'", "inf", math.inf, "arrives as inf"),
    (".inf", "inf", math.inf, "finite"),
    (".nan", "nan", math.nan, "finite"),
    ("{x: 1}", "{'x': 1}", ERROR, "dotted key"),
    ("[{x: 1}]", "[{'x': 1}]", ERROR, "dotted key"),
    ("[null]", "[None]", ["None"], "in it: null is pasted as None"),
    ("['null']", "['null']", ["null"], "cannot be in a list"),
    ("'x=y'", "x=y", ERROR, "Hydra cannot read x=x=y"),
    ("'a,b'", "a,b", ERROR, "sweep of its own"),
    ("'(1, 2)'", "(1, 2)", ERROR, "Hydra cannot read"),
    ("'f(x)'", "f(x)", ERROR, "Hydra cannot read"),
    ("'choice(a,b)'", "choice(a,b)", ERROR, "sweep of its own"),
    ("'range(1, 4)'", "range(1, 4)", ERROR, "sweep of its own"),
    ("'int(1.5)'", "int(1.5)", 1, "arrives as 1"),
    ("'[1'", "[1", ERROR, "Hydra cannot read"),
    ("'[1, 2]'", "[1, 2]", [1, 2], "arrives as [1, 2]"),
    ("'{a: 1}'", "{a: 1}", {"a": 1}, "arrives as {'a': 1}"),
    ("\"'quoted'\"", "'quoted'", "quoted", "arrives as 'quoted'"),
    ('"it\'s"', "it's", ERROR, "Hydra cannot read"),
    ("' spaced '", " spaced ", "spaced", "arrives as 'spaced'"),
    ("'${seed}'", "${seed}", 42, "interpolation"),
    ("überraschung", "überraschung", ERROR, "Hydra cannot read"),
]


def agents_word(value: Any) -> str:
    """What `wandb agent` puts on the command line, by W&B's own code."""
    (word,) = create_sweep_command_args({"args": {"x": {"value": value}}})["args_no_hyphens"]
    return word


def arrived(word: str) -> Any:
    """The value in a composed configuration; ERROR where Hydra composes none."""
    register_schemas()
    with initialize_config_dir(str(CONFIG_DIR), version_base="1.3"):
        try:
            value = OmegaConf.select(compose("train", overrides=[f"+{word}"]), "x")
        except HydraException:
            return ERROR
    return OmegaConf.to_container(value) if OmegaConf.is_config(value) else value


def is_equal(left: Any, right: Any) -> bool:
    return repr(left) == repr(right)  # tells 1 from true and from 1.0, and knows nan


def test_there_are_enough_traps() -> None:
    assert len(REFUSED) >= 20


@pytest.mark.parametrize(("written", "word", "value"), ACCEPTED, ids=[row[0] for row in ACCEPTED])
def test_an_accepted_value_arrives_as_it_is(written: str, word: str, value: Any) -> None:
    given = yaml.safe_load(written)
    assert agents_word(given) == f"x={word}" == pasted("x", given)
    assert is_equal(arrived(agents_word(given)), value)
    assert given == "null" or is_equal(given, value)
    assert mistake("x", given) is None


@pytest.mark.parametrize(
    ("written", "word", "value", "message"), REFUSED, ids=[f"{row[0]} {index}" for index, row in enumerate(REFUSED)]
)
def test_a_value_that_would_change_is_refused(written: str, word: str, value: Any, message: str) -> None:
    given = yaml.safe_load(written)
    assert agents_word(given) == f"x={word}" == pasted("x", given)
    found = arrived(agents_word(given))
    assert is_equal(found, value), f"Hydra gives {found!r}"
    assert message in (mistake("x", given) or "accepted")
    _, problems = read_parameter("x", {"values": [given]})
    assert message in problems[0]


def test_what_yaml_reads_as_a_date_cannot_go_to_a_server_and_is_refused() -> None:
    given = yaml.safe_load("2024-01-01")
    with pytest.raises(TypeError, match="not JSON serializable"):
        agents_word(given)
    assert "YAML reads it as date" in str(mistake("x", given))
