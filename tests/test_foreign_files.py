"""Run folders, adapters, sweeps and YAML files from elsewhere are data: every door through which one could run code."""

import json
import os
import struct
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from hydra import compose, initialize_config_dir
from hydra.core.config_store import ConfigStore
from hydra.core.hydra_config import HydraConfig
from omegaconf import DictConfig, OmegaConf
from transformers import AutoTokenizer

from emolightning.commands import reproduce
from emolightning.commands.cli import run
from emolightning.config.building import build
from emolightning.config.check import ConfigError, check_config
from emolightning.config.foreign_files import not_data
from emolightning.config.known_targets import allowed_classes, foreign_objects, known_classes, typed_classes
from emolightning.config.places import CONFIG_DIR
from emolightning.config.saved_run import load_saved_run
from emolightning.config.schema import register_schemas
from emolightning.config.sources import SAVED_RUN
from emolightning.data.readers.custom import CustomData
from emolightning.data.stores.cache import load_array
from emolightning.data.stores.reading import read_vectors
from emolightning.errors import InputErrors, UserError
from emolightning.files.documents import read_plain_yaml
from emolightning.models.parts.pretrained import describe_model
from emolightning.models.parts.tokenizer import TINY_TOKENIZER, chat_format
from emolightning.records.clips import Answer
from emolightning.runs.answers import ANSWERS, append, set_aside_other
from emolightning.runs.sweep.search import Search
from emolightning.runs.sweep.sweep_file import read_sweep_file
from emolightning.training.loggers.artifacts import _flat

REPO = CONFIG_DIR.parent

TINY = OmegaConf.to_container(OmegaConf.load(CONFIG_DIR / "model" / "tiny.yaml"))


def model(**changes: Any) -> dict[str, Any]:
    assert isinstance(TINY, dict)
    language = {**TINY["language"], "path": None}
    return {**TINY, "language": language, **changes}


def saved(folder: Path, kind: str, content: dict[str, Any]) -> Path:
    """A folder of the kind with this configuration in it."""
    folder.mkdir(parents=True, exist_ok=True)
    if kind == "adapter":
        whole = {"features": {}, "prompt": {}, "inputs": ["speech"], **content}
        (folder / "emolightning.json").write_text(json.dumps(whole))
        return folder
    (folder / "config.yaml").write_text(yaml.safe_dump(content))
    (folder / "checkpoints").mkdir(exist_ok=True)
    (folder / "checkpoints" / "best.ckpt").write_bytes(b"")
    return folder / "checkpoints" / "best.ckpt" if kind == "checkpoint" else folder


HOSTILE = {
    "another class": {"model": model(lora={"_target_": "subprocess.call", "args": ["id"]})},
    "a class of another place": {"model": model(lora={"_target_": "pytorch_lightning.Trainer"})},
    "a class of another group": {
        "features": {"_target_": "emolightning.data.readers.custom.CustomData"},
        "model": model(),
    },
    "an interpolation into a class": {"model": model(lora={"_target_": "${model.llm}"}, llm="os.system")},
    "decoded": {"model": "${oc.decode:'{_target_: os.system, command: id}'}"},
    "created": {"model": model(lora="${oc.create:{_target_: os.system}}")},
    "of the environment": {"model": model(llm="${oc.env:HOME}")},
    "escaped": {"model": model(llm="\\${oc.env:HOME}")},
    "in a list": {"model": model(parts=[{"deep": [{"_target_": "builtins.exec"}]}])},
    "no text": {"model": model(lora={"_target_": ["os.system"]})},
    "positions": {"model": model(lora={**model()["lora"], "_args_": [1]})},
    "not at once": {"model": model(lora={**model()["lora"], "_recursive_": False})},
    "later": {"model": model(lora={**model()["lora"], "_partial_": True})},
}


@pytest.mark.parametrize("content", HOSTILE.values(), ids=HOSTILE)
@pytest.mark.parametrize("kind", ["run", "checkpoint", "adapter"])
def test_a_saved_configuration_is_data(tmp_path: Path, kind: str, content: dict[str, Any]) -> None:
    place = saved(tmp_path / "run", kind, content)
    with pytest.raises(UserError, match=r"nothing of it was run|computes nothing") as caught:
        load_saved_run([f"checkpoint={place}"])
    assert str(tmp_path) in str(caught.value)


def test_a_saved_configuration_that_is_data_is_taken(tmp_path: Path) -> None:
    """Also from a folder whose name looks like an interpolation."""
    folder = saved(tmp_path / "${oc.env:HOME}", "adapter", {"model": model()})
    load_saved_run([f"checkpoint='{folder}'"])
    node = ConfigStore.instance().load(f"{SAVED_RUN}.yaml").node
    whole = OmegaConf.merge({"paths": {"outputs": "out"}}, node)
    assert (whole.output_dir, whole.run_name) == ("out/${oc.env:HOME}", "${oc.env:HOME}")
    assert whole.model.language.path is None


def test_a_class_of_ones_own_is_typed_again(tmp_path: Path) -> None:
    folder = saved(tmp_path, "run", {"model": model(lora={"_target_": "my.Lora"})})
    load_saved_run([f"checkpoint={folder}", "model.lora._target_=my.Lora"])
    with pytest.raises(UserError, match=r"model\.lora\._target_=CLASS typed on the command line"):
        load_saved_run([f"checkpoint={folder}", "model.lora._target_=my.Other"])


def test_every_class_of_configs_is_known_where_it_stands() -> None:
    known = known_classes(CONFIG_DIR)
    assert known["optimizer"] == {"torch.optim.AdamW"}
    assert known["model.lora"] == {"emolightning.models.parts.lora.LoraSettings"}
    assert known["against"] == known["data"]
    assert known["scoring.judge"] == known["judge"]
    assert "emolightning.training.loggers.csv_log.CsvLog" in known["logger.*"]
    assert not [key for key in known if key.startswith(("evaluation", "prompt", "run_name", "hydra"))]


def test_what_is_typed() -> None:
    words = [
        "optimizer._target_=a.B",
        "+data={_target_: c.D, x: [{_target_: e.F}]}",
        "seed=1",
        "x=_target_",
        "y=[_target_",
    ]
    assert typed_classes(words) == {"optimizer": {"a.B"}, "data": {"c.D"}, "data.x.0": {"e.F"}}


def composed(*words: str, folder: Path | None = None) -> DictConfig:
    register_schemas()
    with initialize_config_dir(str(folder or CONFIG_DIR), version_base="1.3"):
        return compose("train", overrides=list(words))


def test_the_check_refuses_before_it_imports(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "acts.py").write_text(f"open({str(tmp_path / 'ran')!r}, 'w')\nthing = type(len)\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    cfg = composed("optimizer._target_=acts.thing")
    with pytest.raises(ConfigError, match=r"optimizer\._target_: 'acts\.thing' is no class that configs/ names"):
        check_config(cfg)
    assert not (tmp_path / "ran").exists()


def test_a_target_that_is_computed_is_checked_as_it_resolves() -> None:
    cfg = composed("optimizer._target_=${run_name}", "run_name=os.system")
    with pytest.raises(ConfigError, match=r"optimizer\._target_: 'os\.system' is no class"):
        check_config(cfg)
    assert foreign_objects({"_target_": "torch.optim.AdamW"}, "schedule", allowed_classes([]))
    assert foreign_objects({"_target_": "torch.optim.AdamW", "_partial_": True}, "optimizer", allowed_classes([])) == []


@pytest.mark.parametrize(
    ("key", "changes", "said"),
    [
        ("schedule", {"_target_": "os.system"}, r"schedule\._target_: 'os\.system' is no class"),
        ("schedule", {"_target_": "torch.optim.AdamW"}, r"schedule\._target_: 'torch\.optim\.AdamW' is no class"),
        ("schedule", {"_args_": [1]}, r"schedule\._args_ is not for configurations"),
        ("schedule", {"_partial_": True}, r"schedule\._partial_ is not for configurations"),
        ("schedule", {"start_factor": {"_target_": "builtins.float"}}, r"schedule\.start_factor\._target_: "),
        ("schedule", {"start_facto": 0.5}, "has no such argument; did you mean start_factor"),
        ("schedule", {"start_factor": object()}, "start_factor: must be plain, not <object"),
        ("schedule", {"start_factor": "${oc.decode:'1'}"}, "must not hold"),
    ],
)
def test_right_before_an_object_is_built(key: str, changes: dict[str, Any], said: str) -> None:
    """Whatever became of the configuration since it was checked."""
    node = {"_target_": "emolightning.training.optim.schedule.WarmupCosine", "start_factor": 0.1}
    assert build(node, key).start_factor == 0.1
    with pytest.raises(UserError, match=said):
        build({**node, **changes}, key)


def test_the_running_command_line_is_not_resolved_for_it() -> None:
    """An override may hold an interpolation into the configuration, and name a class."""
    register_schemas()
    words = ["output_dir=${paths.outputs}/x", "run_name=${oc.env:NO_SUCH_VARIABLE}", "schedule._target_=builtins.dict"]
    with initialize_config_dir(str(CONFIG_DIR), version_base="1.3"):
        cfg = compose("train", overrides=words, return_hydra_config=True)
    HydraConfig.instance().set_config(cfg)
    try:
        assert build({"_target_": "builtins.dict"}, "schedule", a=1) == {"a": 1}
        with pytest.raises(UserError, match="is no class"):
            build({"_target_": "builtins.dict"}, "optimizer")
    finally:
        HydraConfig.instance().cfg = None


def test_what_an_escape_hides_is_not_computed_when_it_is_built() -> None:
    cfg = OmegaConf.create(
        {"schedule": {"_target_": "emolightning.training.optim.schedule.WarmupCosine", "start_factor": "\\${a}"}}
    )
    with pytest.raises(UserError, match=r"'\$\{a\}' must not hold"):
        build(cfg.schedule, "schedule")


FOREIGN = {
    "hydra": ({"hydra": {"job": {"env_set": {"LD_PRELOAD": "x.so"}}}}, "hydra: settings of Hydra itself"),
    "hydra.run": ({"hydra": {"run": {"dir": "/tmp/x"}}}, "hydra: settings of Hydra itself"),
    "callbacks of Hydra": ({"hydra": {"callbacks": {"x": {"_target_": "os.system"}}}}, "hydra: settings"),
    "defaults": ({"defaults": [{"override hydra/launcher": "basic"}]}, "override hydra/launcher: settings"),
    "placed": ({"defaults": [{"/data@hydra.callbacks": "dfew"}]}, "/data@hydra.callbacks: settings"),
    "decoded": ({"run_name": "${oc.decode:'[1]'}"}, "run_name: ${oc.decode:"),
    "a resolver by another name": ({"tags": ["${${run_name}:x}"]}, "tags.0: ${${run_name}"),
    "hidden": ({"notes": "${oc.select:seed,${oc.create:x}}"}, "notes: ${oc.select:"),
    "a secret": ({"run_name": "x-${oc.env:WANDB_API_KEY}"}, "would copy a secret into records"),
    "an address": ({"judge": {"base_url": "https://x"}}, "judge.base_url: where texts are sent"),
    "a bomb": (
        "a: &a [1,1,1,1,1,1,1,1,1]\n"
        + "\n".join(f"b{i}: &b{i} [{', '.join([f'*b{i - 1}' if i else '*a'] * 9)}]" for i in range(12)),
        "more than 20000 values",
    ),
}


@pytest.mark.parametrize(("content", "said"), FOREIGN.values(), ids=FOREIGN)
def test_an_experiment_from_elsewhere_is_data(tmp_path: Path, content: Any, said: str) -> None:
    (tmp_path / "experiment").mkdir()
    text = content if isinstance(content, str) else yaml.safe_dump(content)
    (tmp_path / "experiment" / "theirs.yaml").write_text(f"# @package _global_\n{text}")
    with pytest.raises(UserError) as caught:
        composed(f"hydra.searchpath=[file://{tmp_path}]", "experiment=theirs")
    assert said in str(caught.value)
    assert "theirs.yaml" in str(caught.value)


@pytest.mark.parametrize("header", ["# @package hydra.callbacks.x", "# @package _global_.hydra"])
def test_a_package_of_hydra_is_no_place_for_it(tmp_path: Path, header: str) -> None:
    (tmp_path / "experiment").mkdir()
    (tmp_path / "experiment" / "theirs.yaml").write_text(f"{header}\n_target_: os.system\n")
    with pytest.raises(UserError, match="settings of Hydra itself"):
        composed(f"hydra.searchpath=[file://{tmp_path}]", "experiment=theirs")


def test_an_option_may_not_lead_out_of_configs_unseen(tmp_path: Path) -> None:
    (tmp_path / "theirs.yaml").write_text("# @package _global_\nhydra: {run: {dir: x}}\n")
    outside = os.path.relpath(tmp_path / "theirs", CONFIG_DIR / "experiment")
    with pytest.raises(UserError, match="is not in configs/"):
        composed(f"experiment={outside}")


def test_an_experiment_from_elsewhere_that_is_data_is_taken(tmp_path: Path) -> None:
    (tmp_path / "experiment").mkdir()
    text = "# @package _global_\nrun_name: theirs-${seed}\nnotes: ${oc.env:HOME}\noptimizer: {lr: 0.5}\n"
    (tmp_path / "experiment" / "theirs.yaml").write_text(text)
    cfg = composed(f"hydra.searchpath=[file://{tmp_path}]", "experiment=theirs")
    assert (cfg.run_name, cfg.notes, cfg.optimizer.lr) == ("theirs-42", os.environ["HOME"], 0.5)
    check_config(cfg)


def test_its_classes_are_refused_and_a_folder_of_ones_own_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "optimizer").mkdir()
    (tmp_path / "optimizer" / "mine.yaml").write_text(
        "_target_: torch.optim.SGD\n_partial_: true\nlr: ${oc.decode:'0.1'}\n"
    )
    words = [f"hydra.searchpath=[file://{tmp_path}]", "optimizer=mine"]
    with pytest.raises(UserError, match="EMOLIGHTNING_CONFIGS|computes a value"):
        composed(*words)
    monkeypatch.setenv("EMOLIGHTNING_CONFIGS", f"{tmp_path}{os.pathsep}/not/there")
    cfg = composed(*words)
    check_config(cfg)
    assert cfg.optimizer.lr == 0.1
    monkeypatch.delenv("EMOLIGHTNING_CONFIGS")
    with pytest.raises(ConfigError, match=r"'torch\.optim\.SGD' is no class"):
        check_config(cfg)


@pytest.mark.parametrize("key", ["run_name", "judge.key_env"])
def test_plain_values_are_data(key: str) -> None:
    assert not_data("run_name", "a ${seed} ${data.name} $5 {x} ${oc.env:HOME,x}") == []
    assert bool(not_data(key, 3)) == (key == "judge.key_env")


def test_hydra_does_not_act_before_the_check(tmp_path: Path) -> None:
    """A whole start: a file's callback, which Hydra calls before the program, and a rerun's pickle."""
    theirs = tmp_path / "experiment"
    theirs.mkdir()
    (tmp_path / "acts.py").write_text(f"def act(**given):\n    open({str(tmp_path / 'ran')!r}, 'w')\n")
    theirs.joinpath("theirs.yaml").write_text("# @package _global_\nhydra: {callbacks: {x: {_target_: acts.act}}}\n")
    environment = {**os.environ, "PYTHONPATH": f"{REPO}{os.pathsep}{tmp_path}"}
    command = [sys.executable, REPO / "train.py", "--config-dir", tmp_path, "experiment=theirs"]
    done = subprocess.run(
        command, env=environment, cwd=tmp_path, capture_output=True, text=True, timeout=120, check=False
    )
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith(f"error: {theirs / 'theirs.yaml'} is not in configs/, so it may only hold data")
    assert not (tmp_path / "ran").exists()


def test_a_rerun_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        run(print, "train", ["--experimental-rerun=config.pickle"])
    assert caught.value.code == 2
    assert "pickle" in capsys.readouterr().err


SWEEP: dict[str, Any] = {
    "program": "train.py",
    "method": "grid",
    "metric": {"name": "val/loss", "goal": "minimize"},
    "parameters": {"seed": {"values": [1, 2]}},
}


@pytest.mark.parametrize(
    ("words", "parameters", "said"),
    [
        (["${program}", "optimizer._target_=os.system"], {}, "classes are named by configs/"),
        (["${program}", "+data={_target_: os.system}"], {}, "classes are named by configs/"),
        (["${program}", "hydra.launcher._target_=x"], {}, "classes are named by configs/"),
        (["${program}", "hydra/launcher=joblib"], {}, "settings of Hydra itself"),
        (["${program}", "+hydra.job.env_set.X=1"], {}, "settings of Hydra itself"),
        (["${program}", "+experiment@hydra.callbacks=../x"], {}, "cannot move a file to another place"),
        (["${program}", "data@hydra=x"], {}, "cannot move a file to another place"),
        (["${program}", "run_name=${oc.env:DB_PASS}"], {}, "would copy a secret"),
        (["${program}", "run_name=${oc.env:DATABASE_URL}"], {}, "would copy a secret"),
        (["${program}", "run_name=${oc.decode:x}"], {}, "computes a value"),
        (["${program}", "run_name=${oc.env:WANDB_API_KEY}"], {}, "would copy a secret"),
        (["${program}", "run_name=${envvar:MY_API_KEY}"], {}, "would copy a secret"),
        (["${program}", "judge.base_url=https://x"], {}, "where texts are sent"),
        (["bash", "-c", "id", "${program}"], {}, "starts bash -c id before ${program}"),
        (["${env}", "LD_PRELOAD=x.so", "${interpreter}", "${program}"], {}, "starts LD_PRELOAD=x.so before"),
        (["${interpreter}", "-c", "print()", "${program}"], {}, "starts -c 'print()' before"),
        (["${program}"], {"optimizer._target_": {"values": ["a", "b"]}}, "classes are named by configs/"),
        (["${program}"], {"hydra.run.dir": {"values": ["a", "b"]}}, "settings of Hydra itself"),
        (["${program}"], {"notes": {"values": ["${oc.create:x}", "b"]}}, "computes a value"),
    ],
)  # fmt: skip
def test_a_sweep_file_from_elsewhere_trains_and_nothing_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, words: list[str], parameters: dict[str, Any], said: str
) -> None:
    monkeypatch.setenv("MY_API_KEY", "x")
    content = {**SWEEP, "command": ["${env}", *words, "${args_no_hyphens}"]}
    content["parameters"] = {**SWEEP["parameters"], **parameters}
    (tmp_path / "sweep.yaml").write_text(yaml.safe_dump(content))
    with pytest.raises(InputErrors) as caught:
        read_sweep_file(tmp_path / "sweep.yaml")
    assert any(said in problem for problem in caught.value.problems)


# What lies beside the configuration


def test_a_link_among_the_answers_is_not_written_to(tmp_path: Path) -> None:
    """The user's own file, to which a run folder from elsewhere leads."""
    (tmp_path / "mine").write_text("half a line")
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / ANSWERS).symlink_to(tmp_path / "mine")
    with pytest.raises(UserError, match=r"answers\.jsonl: is a link to .*mine; nothing is written there"):
        append(tmp_path / "run" / ANSWERS, "k", [Answer("a", "x", "", None, 0.0)])
    assert (tmp_path / "mine").read_text() == "half a line"


@pytest.mark.parametrize("link", ["evaluations", "evaluations/new", ANSWERS])
def test_a_link_among_the_evaluations_is_not_followed(tmp_path: Path, link: str) -> None:
    run, away = tmp_path / "run", tmp_path / "away"
    (run / "evaluations").mkdir(parents=True)
    away.mkdir()
    append(run / ANSWERS, "new", [Answer("a", "x", "", None, 0.0)])
    if link == ANSWERS:
        (run / ANSWERS).rename(away / ANSWERS)
        (run / ANSWERS).symlink_to(away / ANSWERS)
    else:
        if link == "evaluations":
            (run / link).rmdir()
        (run / link).symlink_to(away)
    before = sorted(away.iterdir())
    with pytest.raises(UserError, match="is a link to"):
        set_aside_other(run, "other")
    assert sorted(away.iterdir()) == before


def test_a_run_folder_may_be_a_link(tmp_path: Path) -> None:
    (tmp_path / "disk" / "run").mkdir(parents=True)
    (tmp_path / "outputs").symlink_to(tmp_path / "disk")
    run = tmp_path / "outputs" / "run"
    append(run / ANSWERS, "new", [Answer("a", "x", "", None, 0.0)])
    assert set_aside_other(run, "other") == [run / "evaluations" / "new"]


@pytest.mark.parametrize(
    "change",
    [
        {"_attn_implementation": "owner/kernel"},
        {"attn_implementation": "owner/kernel@main:function"},
        {"text_config": {"attn_implementation": {"": "owner/kernel"}}},
        {"_experts_implementation": "owner/experts"},
    ],
)
def test_a_language_model_names_no_kernel_of_the_hub(tmp_path: Path, change: dict[str, Any]) -> None:
    config = {"model_type": "llama", "hidden_size": 8, "num_attention_heads": 2, "num_hidden_layers": 1}
    config |= {"intermediate_size": 8, "vocab_size": 9}
    (tmp_path / "config.json").write_text(json.dumps(config | {"_attn_implementation": "sdpa"}))
    assert describe_model(tmp_path).config.hidden_size == 8
    (tmp_path / "config.json").write_text(json.dumps(config | change))
    with pytest.raises(UserError, match="code from elsewhere; nothing of it was run"):
        describe_model(tmp_path)


def test_a_chat_template_reaches_no_python(tmp_path: Path) -> None:
    tokenizer = AutoTokenizer.from_pretrained(str(TINY_TOKENIZER))
    tokenizer.chat_template = "{{ messages.__class__.__mro__[1].__subclasses__() }}{{ messages[0].content }}"
    with pytest.raises(UserError, match="its chat template cannot be used"):
        chat_format(tokenizer, "theirs")


@pytest.mark.parametrize("shape", ["(4000000000,)", "(2, 2000000000)"])
def test_a_header_of_an_array_does_not_fill_the_memory(tmp_path: Path, shape: str) -> None:
    written = f"{{'descr': '<f4', 'fortran_order': False, 'shape': {shape}, }}".ljust(117).encode() + b"\n"
    path = tmp_path / "a.npy"
    path.write_bytes(b"\x93NUMPY\x01\x00" + struct.pack("<H", len(written)) + written + b"\0" * 16)
    with pytest.raises(UserError, match="not a readable"):
        load_array(path)
    with pytest.raises(UserError, match="not an array of numbers"):
        read_vectors(path)


@pytest.mark.parametrize("array", [np.array([1 + 2j]), np.array(["1"]), np.array([{}], dtype=object)])
def test_vectors_are_real_numbers(tmp_path: Path, array: np.ndarray) -> None:
    np.save(tmp_path / "a.npy", array, allow_pickle=True)
    with pytest.raises(UserError, match="not an array of numbers"):
        read_vectors(tmp_path / "a.npy")


@pytest.mark.parametrize("name", ["../../uv", "/home/x", "a/b", ""])
def test_a_dataset_is_not_called_like_a_place(name: str) -> None:
    with pytest.raises(UserError, match=r"data\.name=.*must be a word without a slash"):
        CustomData(name=name, annotations="x.csv", labels="mer6", inputs=["transcript"])


def test_a_message_does_not_steer_the_terminal(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "metrics.json").write_text(
        json.dumps({"benchmark": "x", "split": "test", "num_clips": 1, "metrics": {"\x1b]0;x\x07": 3}})
    )
    with pytest.raises(SystemExit) as caught:
        reproduce.main(["benchmark=mer2023_semi", f"run={tmp_path}"])
    assert caught.value.code == 1
    said = capsys.readouterr().err
    assert "\\x1b]0;x\\x07" in said
    assert "\x1b" not in said


def test_links_out_of_an_adapter_are_no_artifact(tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("x")
    adapter = tmp_path / "adapter"
    (adapter / "vision").mkdir(parents=True)
    (adapter / "a.json").write_text("{}")
    (adapter / "vision" / "b").symlink_to(tmp_path / "secret")
    assert [name for name, _ in _flat([adapter, tmp_path / "secret"])] == ["a.json", "secret"]


def test_a_study_that_is_none(tmp_path: Path) -> None:
    content = {**SWEEP, "command": ["${env}", "${interpreter}", "${program}", "${args_no_hyphens}"]}
    (tmp_path / "sweep.yaml").write_text(yaml.safe_dump(content))
    (tmp_path / "study.db").write_bytes(b"no database at all" * 100)
    with pytest.raises(UserError, match=r"study\.db: cannot be read: it is no study"):
        Search(read_sweep_file(tmp_path / "sweep.yaml"), tmp_path, [])


def test_a_command_takes_no_module_from_the_folder_it_is_called_in(tmp_path: Path) -> None:
    """`cd run-from-elsewhere; python -m emolightning inspect ...`."""
    (tmp_path / "torch.py").write_text(f"open({str(tmp_path / 'ran')!r}, 'w')\n")
    (tmp_path / "a.safetensors").write_bytes(b"")
    command = [sys.executable, "-m", "emolightning", "inspect", "file=a.safetensors"]
    environment = {**os.environ, "PYTHONPATH": str(REPO)}
    done = subprocess.run(
        command, env=environment, cwd=tmp_path, capture_output=True, text=True, timeout=200, check=False
    )
    assert (done.returncode, done.stdout) == (1, "")
    assert "is not a whole safetensors file" in done.stderr
    assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize("place", ["hydra.callbacks", "_global_.hydra", "hydra"])
def test_a_file_is_not_put_into_hydras_own_settings(place: str, tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    marker = tmp_path / "marker"
    evil = tmp_path / "evil.yaml"
    evil.write_text(
        f"x:\n  _target_: pathlib.Path.touch\n  _args_:\n  - _target_: pathlib.Path\n    _args_: [{marker}]\n"
    )
    with pytest.raises(SystemExit) as end:
        run(lambda cfg: 0, "train", [f"+experiment@{place}={tmp_path}/evil", "seed=1"])
    assert end.value.code == 2
    assert "Hydra's own settings" in capsys.readouterr().err
    assert not marker.exists()


@pytest.mark.parametrize("text", ['a: !!int ""', 'a: !!float ""', "a: !!bool x", "a: !!timestamp x"])
def test_tags_on_values_that_are_none_are_told(text: str, tmp_path: Path) -> None:
    path = tmp_path / "config.yaml"
    path.write_text(text + "\n")
    with pytest.raises(UserError, match=r"config\.yaml"):
        read_plain_yaml(path)


@pytest.mark.parametrize("header", ["{'descr': (((", "-" * 9000 + "1", "{b'descr':1, 2:3}"])
def test_damaged_headers_of_arrays_are_told(header: str, tmp_path: Path) -> None:
    path = tmp_path / "x.npy"
    path.write_bytes(b"\x93NUMPY\x01\x00" + len(header).to_bytes(2, "little") + header.encode())
    with pytest.raises(UserError, match="not a readable"):
        load_array(path)
