"""Checkpoints and stopping are parts of every run: no entry of `callbacks` is needed, and their old names are read."""

from pathlib import Path
from typing import Any

import in_process
import pytest
import torch
import yaml
from hydra import compose, initialize_config_dir
from omegaconf import DictConfig

from emolightning.config.check import ConfigError, check_config
from emolightning.config.composing import composed
from emolightning.config.places import CONFIG_DIR
from emolightning.config.renamed import present_words, saved_as_now
from emolightning.config.schema import register_schemas
from emolightning.files.writing import write_json
from emolightning.models.parts.adapter import DESCRIPTION
from emolightning.runs.assembly import training
from emolightning.runs.assembly_of_models import plain
from emolightning.runs.resume import changed_settings, is_finished
from emolightning.training.checkpoints.best_checkpoint import BestCheckpoint
from emolightning.training.checkpoints.last_checkpoint import LastCheckpoint
from emolightning.training.run_folder import RunFolder
from emolightning.training.stopping.early_stopping import EarlyStopping
from emolightning.training.stopping.graceful_stop import GracefulStop

WATCHERS = list(yaml.safe_load((CONFIG_DIR / "callbacks" / "train.yaml").read_text()))
ALWAYS = ("progress", "confusion_matrix")
"""Left out one by one in every run of the tests; the others too in the slow ones."""

PARTS = (EarlyStopping, GracefulStop, BestCheckpoint, LastCheckpoint)


@pytest.fixture(scope="module")
def clips(smoke_clips: tuple[str, ...]) -> tuple[str, ...]:
    return smoke_clips


def configured(clips: tuple[str, ...], run: Path, *words: str) -> DictConfig:
    register_schemas()
    common = ["experiment=smoke", "logger=csv", *clips]
    with initialize_config_dir(str(CONFIG_DIR), version_base="1.3"):
        return compose("train", overrides=[*common, f"output_dir={run}", *words])


@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=() if name in ALWAYS else pytest.mark.slow) for name in WATCHERS]
)
def test_a_run_without_one_of_its_watchers_is_saved(name: str, clips: tuple[str, ...], tmp_path: Path) -> None:
    cfg = configured(clips, tmp_path / "run", f"~callbacks.{name}", "early_stopping.patience=1")
    check_config(cfg)
    in_process.fit(cfg)
    for file in ("checkpoints/best.ckpt", "checkpoints/last.ckpt", "adapter/projections.safetensors"):
        assert (tmp_path / "run" / file).is_file(), file


def test_a_run_that_nobody_watches_stops_early_and_goes_on(
    clips: tuple[str, ...], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["~callbacks", "trainer.enable_progress_bar=false", "optimizer.lr=0", "early_stopping.patience=1"]
    run = tmp_path / "run"
    in_process.fit(configured(clips, run, *words, "trainer.max_epochs=1"))
    in_process.fit(configured(clips, run, *words, "trainer.max_epochs=9", "resume=auto"))
    assert "ended: early" in capsys.readouterr().out
    assert torch.load(run / "checkpoints/last.ckpt", weights_only=True)["global_step"] == 6


@pytest.mark.parametrize("words", [[], ["~callbacks"], ["early_stopping.enabled=false"]], ids=str)
def test_each_run_has_the_parts_that_keep_it(words: list[str], clips: tuple[str, ...], tmp_path: Path) -> None:
    run = training(configured(clips, tmp_path, *words, "checkpoints.every_num_steps=7"))
    assert run is not None
    trainer: Any = run.trainer
    found = [type(callback) for callback in trainer.callbacks if isinstance(callback, PARTS)]
    assert found == list(PARTS[1:] if "early_stopping.enabled=false" in words else PARTS)
    last = next(callback for callback in trainer.callbacks if isinstance(callback, LastCheckpoint))
    assert (last.every_num_steps, last.path) == (7, tmp_path / "checkpoints" / "last.ckpt")


@pytest.mark.parametrize(
    ("word", "now"),
    [
        ("callbacks.early_stopping.patience=4", ["early_stopping.patience=4"]),
        ("+callbacks.early_stopping.divergence_threshold=0.1", ["early_stopping.divergence_threshold=0.1"]),
        ("callbacks.last.every_num_steps=1,2", ["checkpoints.every_num_steps=1,2"]),
        ("callbacks.best.monitor=val/war", ["monitor.metric=val/war"]),
        ("~callbacks.early_stopping", ["early_stopping.enabled=false"]),
        ("~callbacks.last", []),
        ("~callbacks.graceful_stop", []),
        ("~callbacks.progress", ["~callbacks.progress"]),
        ("callbacks.latest.every_num_steps=1", ["callbacks.latest.every_num_steps=1"]),
        ("notes=callbacks.last", ["notes=callbacks.last"]),
    ],
)
def test_a_setting_of_before_is_read_and_its_present_name_is_said(word: str, now: list[str]) -> None:
    words, notes = present_words([word])
    assert words == now
    assert len(notes) == (word not in now)
    assert all(word in note and "".join(now) in note for note in notes)


@pytest.mark.parametrize(
    ("name", "said"),
    [("early_stopping", "say early_stopping.patience=N"), ("last", "say checkpoints.every_num_steps=N")],
)
def test_an_entry_in_a_file_of_the_users_is_told_its_present_place(
    name: str, said: str, clips: tuple[str, ...], tmp_path: Path
) -> None:
    cfg = configured(clips, tmp_path, f"++callbacks.{name}.patience=3")
    with pytest.raises(ConfigError, match=f"callbacks.{name} is no callback any more.*{said}"):
        check_config(cfg)


@pytest.mark.parametrize(
    ("callbacks", "stopping", "steps"),
    [
        ({"early_stopping": {"_target_": "x.Y", "patience": 4, "monitor": "val/war"}}, (True, 4, "val/war"), 100),
        ({"last": {"_target_": "x.Y", "folder": "f", "every_num_steps": 7}}, (False, None, "val/uar"), 7),
    ],
)
def test_a_saved_run_says_what_its_callbacks_said(callbacks: dict[str, Any], stopping: Any, steps: int) -> None:
    saved = saved_as_now({"monitor": {"metric": "val/uar", "mode": "max"}, "callbacks": {"progress": {}, **callbacks}})
    assert saved["callbacks"] == {"progress": {}}
    assert tuple(saved["early_stopping"][key] for key in ("enabled", "patience", "monitor")) == stopping
    assert saved["checkpoints"] == {"every_minutes": 0.0, "every_num_steps": steps}  # No clock was looked at then.


def test_an_own_table_of_before_had_one_label_a_clip() -> None:
    custom = {"_target_": "emolightning.data.readers.custom.CustomData", "annotations": "t.csv"}
    assert saved_as_now({"data": custom})["data"].items() >= {"annotators": None, "ties": "refuse", **custom}.items()
    other = {"_target_": "emolightning.benchmarks.meld.reader.MeldData"}
    assert "annotators" not in saved_as_now({"data": other})["data"]


KEYS = (Path(__file__).parent / "settings_before.txt").read_text(encoding="utf-8").split()
"""Every setting that trainings had before clips could be mixed and questions be one's own."""

RUNS = {
    "demo": ["experiment=demo"],
    "custom": ["data=custom", "data.annotations=t.csv", "data.media=m", "data.labels=mer6"],
    "meld": ["data=meld"],
    "iemocap": ["data=iemocap"],
    "sentiment": ["data=cmu_mosi", "scoring=sentiment"],
    "numbers": ["prompt.task=valence", "scoring=numbers", "monitor.metric=val/ccc"],
    "numbers on no scale": ["prompt.task=valence", "scoring=numbers", "monitor.metric=val/ccc", "prompt.scale=none"],
}


def as_before(node: Any, key: str = "") -> Any:
    """A configuration without the settings that came later."""
    if not isinstance(node, dict) or not node:
        return node
    names = {name: f"{key}.{name}" if key else name for name in node}
    return {
        name: as_before(value, names[name])
        for name, value in node.items()
        if any(f"{known}.".startswith(f"{names[name]}.") for known in KEYS)
    }


@pytest.mark.parametrize("words", RUNS.values(), ids=RUNS)
def test_a_run_that_was_finished_before_settings_came_is_finished(
    words: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with composed("train", [*words, f"output_dir={tmp_path}", "resume=auto"]) as cfg:
        now = plain(cfg)
    folder, before = RunFolder(tmp_path), as_before(now)
    if before["scoring"].get("protocol", "") is None:
        before["scoring"]["protocol"] = "mosi"  # What it was when nobody said it.
    before["trainer"] |= {"accelerator": "cpu", "deterministic": True}  # The default was a CPU.
    assert now["trainer"]["accelerator"] == "auto"
    folder.config.write_text(yaml.safe_dump(before), encoding="utf-8")
    write_json(folder.lineage, {"status": "finished"})
    folder.adapter.mkdir()
    (folder.adapter / DESCRIPTION).touch()
    folder.checkpoints.mkdir()
    (folder.checkpoints / "last.ckpt").touch()
    assert training(cfg) is None
    assert "this run is finished" in capsys.readouterr().out
    now["prompt"]["scale"] = None  # As a run saves `none`, and as all did before questions had a scale.
    assert is_finished(folder, now)
    assert changed_settings(saved_as_now(before), now) == []
    folder.config.write_text(yaml.safe_dump({**before, "data": 3}), encoding="utf-8")
    assert not is_finished(folder, now), "a damaged file is no finished run"
    folder.config.write_text(yaml.safe_dump(before), encoding="utf-8")
    assert not is_finished(folder, {**now, "prompt": {**now["prompt"], "questions": {"emotion": ["Well?"]}}})
    other = {**now, "data": {**now["data"], "scale": [0, 9], "mixed": True}, "model": {**now["model"], "scale": 7}}
    assert changed_settings(now, other) == ["model.scale: None before, 7 now"]
