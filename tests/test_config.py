"""Our settings: defaults, values, and the evaluation's inheritance from a saved run."""

import json
from pathlib import Path

import pytest
from hydra import compose, initialize_config_dir
from hydra.core.config_store import ConfigStore
from omegaconf import DictConfig, OmegaConf

from emolightning.config.places import CONFIG_DIR
from emolightning.config.problems import closest, suggestion
from emolightning.config.renamed import ADDED
from emolightning.config.run_settings import EvalConfig, RunConfig
from emolightning.config.saved_run import find_run_folder, load_saved_run
from emolightning.config.schema import register_schemas
from emolightning.config.sources import SAVED_RUN
from emolightning.config.values import check_content, check_settings
from emolightning.errors import UserError

EVAL = """
defaults:
  - eval_schema
  - saved_run
  - data: null
  - features: null
  - trainer: single
  - _self_
"""

SAVED = """
run_name: first
output_dir: /where/it/was/trained
resume: auto
paths: {data: /training/machine}
modalities: [audio, text]
data: {name: saved, x: 0, batch_size: 2, saved_only: true}
model: {rank: 4}
trainer: {devices: 8, strategy: deepspeed}
"""


def settings(schema: type = RunConfig, **values: object) -> DictConfig:
    return OmegaConf.merge(OmegaConf.structured(schema), values)


def lines(cfg: DictConfig) -> list[str]:
    return [str(problem) for problem in check_settings(cfg)]


@pytest.fixture
def configs(tmp_path: Path) -> Path:
    folder = tmp_path / "configs"
    files = {
        "eval.yaml": EVAL,
        "data/custom.yaml": "name: custom\nx: ???\nbatch_size: 16\n",
        "features/signal.yaml": "kind: signal\n",
        "trainer/single.yaml": "devices: 1\n",
    }
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    return folder


@pytest.fixture
def run_folder(tmp_path: Path) -> Path:
    folder = tmp_path / "outputs" / "first"
    (folder / "checkpoints").mkdir(parents=True)
    (folder / "checkpoints" / "best.ckpt").write_bytes(b"")
    (folder / "config.yaml").write_text(SAVED)
    return folder


def evaluated(configs: Path, *words: str) -> DictConfig:
    register_schemas()
    load_saved_run(words, configs)
    with initialize_config_dir(str(configs), version_base="1.3"):
        return compose("eval", overrides=list(words))


def test_the_defaults_are_valid() -> None:
    assert lines(settings()) == []
    assert lines(settings(EvalConfig, checkpoint="outputs/x")) == []


def test_every_wrong_value_is_named_with_what_is_allowed() -> None:
    cfg = settings(
        EvalConfig,
        seed=-1,
        num_threads=0,
        modalities=["audio", "vidio"],
        prompt={"layout": "trian", "pool": "none"},
        monitor={"mode": "maximum"},
        evaluation={"max_new_tokens": 0},
        split="tset",
        shuffle=["speach"],
    )
    layout, *others, shuffle = lines(cfg)
    assert layout.startswith("prompt.layout: 'trian' is not one of train, ")  # No model is chosen: those of all.
    assert layout.endswith("; did you mean train?")
    assert others == [
        "prompt.pool: 'none' is not one of fixed, all, upstream",
        "monitor.mode: 'maximum' is not one of max, min; did you mean max?",
        "split: 'tset' is not one of train, val, test, all; did you mean test?",
        "seed: must be 0 to 4294967295, not -1",
        "num_threads: must be at least 1, not 0",
        "evaluation.max_new_tokens: must be at least 1, not 0",
        "modalities: 'vidio' is not one of audio, video, text; did you mean video?",
    ]
    assert shuffle.startswith("shuffle: 'speach' is not one of ")
    assert shuffle.endswith("; did you mean speech?")


def test_a_run_needs_an_input() -> None:
    (line,) = lines(settings(modalities=["audio"], inputs={"speech": False}))
    assert "no input is left" in line


def test_only_inputs_of_the_run_are_shuffled() -> None:
    (line,) = lines(settings(EvalConfig, modalities=["audio"], shuffle=["face"]))
    assert line == "shuffle: face is not an input of this run; it has speech"


def test_a_key_forced_in_with_a_plus_is_still_unknown() -> None:
    cfg = settings()
    OmegaConf.update(cfg, "seeed", 3, force_add=True)
    OmegaConf.update(cfg, "prompt.layuot", "train", force_add=True)
    assert lines(cfg) == [
        "prompt.layuot: no such setting; did you mean layout?",
        "seeed: no such setting; did you mean seed?",
    ]


def test_a_file_is_checked_for_all_keys_and_types() -> None:
    content = {"sead": 3, "evaluation": {"max_new_tokens": "fifty", "beams": 2}, "data": {"anything": 1}, "seed": "x"}
    problems = {problem.key: problem.message for problem in check_content(content, RunConfig)}
    assert set(problems) == {"sead", "evaluation.beams", "evaluation.max_new_tokens", "seed"}
    assert "did you mean seed?" in problems["sead"]
    assert "'fifty'" in problems["evaluation.max_new_tokens"]


def test_paths_follow_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EMOLIGHTNING_DATA", "/big/disk")
    monkeypatch.delenv("EMOLIGHTNING_OUTPUTS", raising=False)
    cfg = settings(data={"name": "dfew"})
    assert cfg.paths.data == "/big/disk"
    assert cfg.output_dir == "outputs/dfew"


def test_suggestions() -> None:
    assert closest("max_epoch", ["max_epochs", "min_epochs"]) == "max_epochs"
    assert closest("nothing_like_it", ["max_epochs"]) is None
    assert suggestion("zzz", ["a", "b"]) == "choose from a, b"


LATER = {"other_recipe": "refuse", **ADDED["data"]}
"""Settings of data that came after the saved run."""


def test_a_saved_run_is_the_starting_point(configs: Path, run_folder: Path) -> None:
    cfg = evaluated(configs, f"checkpoint={run_folder}")
    assert cfg.data == {"name": "saved", "x": 0, "batch_size": 2, "saved_only": True, **LATER}
    assert cfg.model == {"rank": 4}
    assert cfg.modalities == ["audio", "text"]
    assert cfg.split == "test"


def test_a_group_chosen_anew_replaces_the_saved_one(configs: Path, run_folder: Path) -> None:
    cfg = evaluated(configs, f"checkpoint={run_folder}", "data=custom", "data.x=1", "features=signal")
    assert cfg.data == {"name": "custom", "x": 1, "batch_size": 16}
    assert cfg.features == {"kind": "signal"}


def test_a_single_key_modifies_the_saved_group(configs: Path, run_folder: Path) -> None:
    cfg = evaluated(configs, f"checkpoint={run_folder}", "data.batch_size=4")
    assert cfg.data == {"name": "saved", "x": 0, "batch_size": 4, "saved_only": True, **LATER}


def test_a_group_of_the_defaults_list_replaces_the_saved_one(configs: Path, run_folder: Path) -> None:
    assert evaluated(configs, f"checkpoint={run_folder}").trainer == {"devices": 1}


def test_folders_are_of_this_machine_and_the_run_folder_may_have_moved(configs: Path, run_folder: Path) -> None:
    cfg = evaluated(configs, f"checkpoint={run_folder / 'checkpoints' / 'best.ckpt'}")
    assert cfg.output_dir == str(run_folder)
    assert cfg.paths.data != "/training/machine"
    assert cfg.resume is None


def test_a_second_evaluation_does_not_see_the_first(configs: Path, run_folder: Path) -> None:
    evaluated(configs, f"checkpoint={run_folder}")
    cfg = evaluated(configs)
    assert OmegaConf.is_missing(cfg, "checkpoint")
    assert OmegaConf.is_missing(cfg, "data")


def test_quoted_checkpoint_paths(configs: Path, run_folder: Path) -> None:
    path = run_folder / "checkpoints" / "epoch=3.ckpt"
    path.write_bytes(b"")
    assert evaluated(configs, f'checkpoint="{path}"').data.name == "saved"


def test_a_misspelt_checkpoint_is_told_with_the_nearest(run_folder: Path) -> None:
    with pytest.raises(UserError, match=r"firts: no such file or folder; did you mean .*first\?"):
        find_run_folder(run_folder.parent / "firts")


def test_a_checkpoint_outside_a_run_folder_is_told_what_that_is(tmp_path: Path) -> None:
    (tmp_path / "a.ckpt").write_bytes(b"")
    with pytest.raises(UserError, match="belongs to no run folder"):
        find_run_folder(tmp_path / "a.ckpt")


def test_a_broken_saved_configuration_is_named(configs: Path, run_folder: Path) -> None:
    (run_folder / "config.yaml").write_text("a: [1\n")
    with pytest.raises(UserError, match=r"config\.yaml: cannot be read"):
        load_saved_run([f"checkpoint={run_folder}"], configs)


def test_schemas_are_registered() -> None:
    register_schemas()
    assert {"run_schema.yaml", "eval_schema.yaml"} <= set(ConfigStore.instance().repo)
    assert (CONFIG_DIR / "train.yaml").is_file()


def test_an_adapter_on_its_own_says_what_the_model_is(tmp_path: Path) -> None:
    folder = tmp_path / "shared"
    folder.mkdir()
    content = {"model": {"a": 1}, "features": {"b": 2}, "prompt": {"task": "emotion"}, "inputs": ["speech"]}
    (folder / "emolightning.json").write_text(json.dumps(content))
    load_saved_run([f"checkpoint={folder}"])
    node = ConfigStore.instance().load(f"{SAVED_RUN}.yaml").node
    assert (node.model, node.features) == ({"a": 1}, {"b": 2})
    assert [name for name, on in node.inputs.items() if on] == ["speech"]
    assert OmegaConf.to_container(node)["output_dir"] == "${paths.outputs}/shared"
    (folder / "emolightning.json").write_text("{}")
    with pytest.raises(UserError, match="does not describe an adapter"):
        load_saved_run([f"checkpoint={folder}"])


@pytest.mark.parametrize("target", ["os.mkdir", "${run_name}", "emolightning.runs.lineage.write_json", 3])
def test_a_folder_from_elsewhere_builds_only_what_configs_name(tmp_path: Path, target: object) -> None:
    content = {"model": {"parts": [{"_target_": target}]}, "features": {}, "prompt": {}, "inputs": []}
    (tmp_path / "emolightning.json").write_text(json.dumps(content))
    with pytest.raises(UserError, match=r"nothing of it was run|computes nothing"):
        load_saved_run([f"checkpoint={tmp_path}"])


def test_a_run_folder_from_elsewhere_builds_only_what_configs_name(configs: Path, run_folder: Path) -> None:
    (run_folder / "config.yaml").write_text("model: {_target_: subprocess.run, args: [id]}\n")
    with pytest.raises(UserError, match="'subprocess.run' is no class that configs/ names for model"):
        load_saved_run([f"checkpoint={run_folder}"], configs)
    (configs / "model").mkdir()
    (configs / "model" / "mine.yaml").write_text("# My own\n_target_: subprocess.run\n")
    load_saved_run([f"checkpoint={run_folder}"], configs)
