"""Runs that were saved before modules moved: their names are read as the present ones."""

import shutil
from pathlib import Path
from typing import Any

import pytest
import yaml
from runs import REPO, Workplace, read_json

from emolightning.config.renamed import MODULES
from emolightning.config.saved_run import read_configuration, saved_model
from emolightning.files.writing import write_json

OLD = {new: old for old, new in MODULES.items()}


def test_each_name_has_a_present_one() -> None:
    for old, new in MODULES.items():
        path = f"{new.replace('.', '/')}.py".replace("emolightning/callbacks/", "callbacks/")
        assert (REPO / path).is_file(), new
        assert old != new


def as_saved_before(node: Any) -> Any:
    """Values with the names that runs of November 2026 hold."""
    if isinstance(node, list):
        return [as_saved_before(item) for item in node]
    if not isinstance(node, dict):
        return node
    before = {key: as_saved_before(value) for key, value in node.items()}
    module, _, name = str(node.get("_target_", "")).rpartition(".")
    return before | ({"_target_": f"{OLD[module]}.{name}"} if module in OLD else {})


def with_callbacks_of_before(config: dict[str, Any]) -> dict[str, Any]:
    """Checkpoints and stopping as entries of `callbacks`, as they were."""
    stopping = {key: value for key, value in config["early_stopping"].items() if not key.endswith("threshold")}
    del stopping["enabled"]
    folder = f"{config['output_dir']}/checkpoints"
    before = {
        "early_stopping": {"_target_": "callbacks.early_stopping.EarlyStopping", **stopping},
        "graceful_stop": {"_target_": "callbacks.graceful_stop.GracefulStop"},
        "best": {"_target_": "callbacks.best_checkpoint.BestCheckpoint", "folder": folder, **config["monitor"]},
        "last": {
            **{"_target_": "callbacks.last_checkpoint.LastCheckpoint", "folder": folder},
            "every_num_steps": config["checkpoints"]["every_num_steps"],
        },
    }
    left = {key: value for key, value in config.items() if key not in ("early_stopping", "checkpoints")}
    return {**left, "callbacks": {**config["callbacks"], **before}}


@pytest.fixture
def old_run(trained: Path, tmp_path: Path) -> Path:
    """The trained run as the code before the moves would have written it."""
    run = tmp_path / "old"
    shutil.copytree(trained, run)
    config = yaml.safe_load((run / "config.yaml").read_text())
    (run / "config.yaml").write_text(yaml.safe_dump(with_callbacks_of_before(as_saved_before(config)), sort_keys=False))
    description = run / "adapter" / "emolightning.json"
    write_json(description, as_saved_before(read_json(description)))
    return run


def test_a_run_of_the_old_layout_still_evaluates(workplace: Workplace, trained: Path, old_run: Path) -> None:
    assert "emolightning.model.build.build_emotion_llama" in (old_run / "config.yaml").read_text()
    now = read_configuration(trained / "config.yaml")
    now["checkpoints"]["every_minutes"] = 0.0  # Nothing was saved by the clock then.
    assert read_configuration(old_run / "config.yaml") == now
    (old_run / "metrics.json").unlink()
    workplace.evaluate(old_run)
    assert read_json(old_run / "metrics.json")["metrics"] == read_json(trained / "metrics.json")["metrics"]


def test_an_adapter_of_the_old_layout_is_read(trained: Path, old_run: Path) -> None:
    _, model = saved_model(old_run / "adapter")
    assert model == saved_model(trained / "adapter")[1]
    assert model["_target_"] == "emolightning.models.emotion_llama.build.build_emotion_llama"
