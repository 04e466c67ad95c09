"""Training in this process: where runs end, what a continuation may change, what is refused before any work."""

import re
import shlex
from pathlib import Path
from typing import Any

import in_process
import pytest
import torch
from hydra import compose, initialize_config_dir
from hydra.core.override_parser.overrides_parser import OverridesParser
from lightning_fabric.plugins.precision.utils import _convert_fp_tensor
from lightning_utilities.core.apply_func import apply_to_collection
from model_factory import make_batch, make_examples, make_model
from omegaconf import DictConfig, OmegaConf
from runs import validations

from emolightning.config.check import ConfigError, check_config
from emolightning.config.places import CONFIG_DIR
from emolightning.config.schema import register_schemas
from emolightning.errors import UserError, override
from emolightning.files.writing import update_json
from emolightning.runs import assembly
from emolightning.training.checkpoints.last_checkpoint import LastCheckpoint
from emolightning.training.learner import EmotionLearner


@pytest.fixture
def configured(smoke_clips: tuple[str, ...], tmp_path: Path) -> Any:
    """`experiment=smoke` with 3 batches an epoch, its clips shared by tests."""

    def configure(*overrides: str) -> DictConfig:
        register_schemas()
        common = [
            "experiment=smoke",
            "logger=csv",
            *smoke_clips,
            f"output_dir={tmp_path}/run",
            "trainer.enable_progress_bar=false",
            "~callbacks.progress",
        ]
        with initialize_config_dir(str(CONFIG_DIR), version_base="1.3"):
            return compose("train", overrides=[*common, *overrides])

    return configure


def last_step(folder: Path) -> int:
    return torch.load(folder / "run/checkpoints/last.ckpt", weights_only=True)["global_step"]


@pytest.mark.parametrize(
    ("overrides", "steps"),
    [
        (["trainer.max_steps=1"], 1),
        pytest.param(["trainer.max_steps=4", "trainer.max_epochs=5"], 4, marks=pytest.mark.slow),
        pytest.param(["trainer.check_val_every_n_epoch=2"], 3, marks=pytest.mark.slow),
        pytest.param(["+trainer.limit_train_batches=2", "trainer.max_epochs=4"], 8, marks=pytest.mark.slow),
        pytest.param(["trainer.num_sanity_val_steps=1"], 3, marks=pytest.mark.slow),
        pytest.param(["+trainer.limit_val_batches=1"], 3, marks=pytest.mark.slow),
        pytest.param(["trainer.val_check_interval=0.34"], 3, marks=pytest.mark.slow),
        pytest.param(["trainer.max_epochs=-1", "trainer.max_steps=4"], 4, marks=pytest.mark.slow),
        (["trainer.max_epochs=null", "trainer.max_steps=2", "data.num_workers=1"], 2),
        (["+trainer.limit_val_batches=0", "trainer.accumulate_grad_batches=5"], 1),
        (["trainer.check_val_every_n_epoch=null", "trainer.val_check_interval=2"], 3),
    ],
)
def test_every_step_is_in_the_last_checkpoint(
    configured: Any, tmp_path: Path, overrides: list[str], steps: int
) -> None:
    in_process.fit(configured(*overrides))
    assert last_step(tmp_path) == steps
    assert (tmp_path / "run/adapter/projections.safetensors").exists()


def test_a_run_that_trains_nothing_says_so(configured: Any) -> None:
    with pytest.raises(UserError, match="nothing was trained.*max_epochs"):
        in_process.fit(configured("trainer.max_epochs=0"))


def test_a_trial_keeps_nothing_and_leaves_an_earlier_run_alone(
    configured: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    in_process.fit(configured("trainer.max_steps=1"))
    before = {path: path.stat().st_mtime_ns for path in sorted(tmp_path.rglob("*"))}
    capsys.readouterr()
    in_process.fit(configured("+trainer.fast_dev_run=2", "logger=default"))
    assert "fast_dev_run: 2 batch(es) trained and validated, nothing was kept" in capsys.readouterr().out
    assert {path: path.stat().st_mtime_ns for path in sorted(tmp_path.rglob("*"))} == before


def test_overfitting_sees_the_same_clips_in_every_epoch(configured: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[list[int]] = []
    real = EmotionLearner.training_step

    def noted(learner: EmotionLearner, batch: Any, batch_idx: int) -> Any:
        seen.append(batch.indices.tolist())
        return real(learner, batch, batch_idx)

    monkeypatch.setattr(EmotionLearner, "training_step", noted)
    in_process.fit(configured("+trainer.overfit_batches=2", "trainer.max_epochs=3"))
    assert len(seen) == 6
    assert seen[:2] == seen[2:4] == seen[4:]
    assert set(seen[0]).isdisjoint(seen[1])


def test_a_run_says_its_clips_its_plan_its_end_and_its_best(
    configured: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The learning rate is 0: the score of the first validation stays the best, the later ones are as good."""
    words = [
        "trainer.max_epochs=9",
        "early_stopping.patience=2",
        "optimizer.lr=0",
        "resume=null",
    ]
    in_process.fit(configured(*words))
    said = capsys.readouterr().out
    assert "data: train 24 clips: angry 4, happy 4, neutral 4, sad 4, surprise 4, worried 4" in said
    assert re.search(r"warning: val has \d+ clips: its scores, and which checkpoint is the best, are chance", said)
    assert "is more than the" not in said
    assert "plan: 9 epochs of 3 batches, 27 optimizer steps; 9 validations of 2 batches" in said
    assert "early stopping: after 2 in a row without a better val/weighted_f1" in said
    score = torch.load(tmp_path / "run/checkpoints/best.ckpt", weights_only=True)["val_scores"]["val/weighted_f1"]
    assert f"ended: early, as val/weighted_f1 was not better than {score:.4f} in 2 validations, after 9 steps" in said
    assert f"best:  epoch 2 (the first is 0), step 9: val/weighted_f1 {score:.4f}" in said


def test_a_resumed_run_keeps_its_settings(configured: Any, tmp_path: Path) -> None:
    in_process.fit(configured())
    before = (tmp_path / "run/config.yaml").read_text()
    changes = ["modalities=[text]", "model.lora.r=4", "data.batch_size=4", "optimizer.lr=0.1", "seed=7"]
    with pytest.raises(UserError) as error:
        in_process.fit(configured("trainer.max_epochs=2", "resume=auto", *changes))
    message = str(error.value)
    for key in ("modalities", "model.lora.r: 16 before, 4 now", "data.batch_size", "optimizer.lr", "seed"):
        assert key in message
    assert "init_from" in message
    assert (tmp_path / "run/config.yaml").read_text() == before
    in_process.fit(configured("trainer.max_epochs=2", "resume=auto"))
    assert last_step(tmp_path) == 6


def test_a_finished_run_is_not_trained_past_its_end(
    configured: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    in_process.fit(configured())
    in_process.fit(configured("resume=auto"))
    assert "this run is finished" in capsys.readouterr().out
    file = tmp_path / "run/config.yaml"
    before = file.read_text()
    file.write_text(before.replace("  scale: null\n", "  scale: [1, 5]\n"))
    in_process.fit(configured("resume=auto", "prompt.scale=[1,5]"))
    assert "this run is finished" in capsys.readouterr().out, "one of before, with a scale that no question names"
    file.write_text(before)
    update_json(tmp_path / "run/lineage.json", status="interrupted")
    in_process.fit(configured("resume=auto"))
    assert last_step(tmp_path) == 3


def test_a_validation_that_is_repeated_has_one_row(
    configured: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Killed between its row and its checkpoint; no other row of the repeated step comes before."""

    def killed(*args: Any) -> None:
        raise RuntimeError("killed")

    with monkeypatch.context() as patch:
        patch.setattr(LastCheckpoint, "on_validation_end", killed)
        with pytest.raises(RuntimeError, match="killed"):
            in_process.fit(configured())
    assert last_step(tmp_path) == 2
    assert [row["step"] for row in validations(tmp_path / "run")] == ["2"]
    in_process.fit(configured("resume=auto"))
    assert [row["step"] for row in validations(tmp_path / "run")] == ["2"]


def test_weights_of_other_inputs_are_refused_as_a_start(configured: Any, tmp_path: Path) -> None:
    in_process.fit(configured())
    other = configured("modalities=[text]", f"init_from={tmp_path}/run", f"output_dir={tmp_path}/other")
    with pytest.raises(UserError, match=r"trained with \['face', 'image', 'motion', 'speech'\], this run has \[\]"):
        in_process.fit(other)
    assert not (tmp_path / "other").exists()


@pytest.mark.parametrize("setting", ["init_from=/nowhere", "resume=/nowhere/last.ckpt"])
def test_a_misspelt_path_is_found_before_the_data_is_read(
    configured: Any, monkeypatch: pytest.MonkeyPatch, setting: str
) -> None:
    monkeypatch.setattr(assembly, "read_corpus", lambda cfg: pytest.fail("the data was read"))
    with pytest.raises(UserError, match="/nowhere"):
        in_process.fit(configured(setting))


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("monitor.metric=val/weigthed_f1", "did you mean val/weighted_f1"),
        ("data.batch_size=0", "data.batch_size: must be at least 1, not 0"),
        ("model.lora.r=0", "model.lora.r: must be at least 1, not 0"),
    ],
)
def test_values_that_no_run_can_mean(configured: Any, override: str, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        check_config(configured(override))


def test_scores_of_a_class_may_be_monitored(configured: Any) -> None:
    check_config(configured("monitor.metric=val/recall/happy"))


def test_lora_targets_that_do_not_exist_are_named(configured: Any) -> None:
    with pytest.raises(Exception, match=r"model.lora.targets=.*foo"):
        in_process.fit(configured("model.lora.targets=[foo]"))


def test_batches_pass_through_every_precision_plugin() -> None:
    """Half, FSDP and DeepSpeed plugins convert batches like this; frozen clips inside would be refused."""
    model = make_model()
    batch = make_batch(model, make_examples(2))
    converted = apply_to_collection(batch, function=_convert_fp_tensor, dtype=torch.Tensor, dst_type=torch.bfloat16)
    assert converted.images["image"].dtype == torch.bfloat16
    assert [clip.id for clip in converted.clips] == ["clip0", "clip1"]
    assert model(converted).isfinite()


def test_the_saved_configuration_is_resolved_and_its_folder_can_be_pasted(
    configured: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "lr=0.001 it's"
    in_process.fit(configured("trainer.max_steps=1", override("output_dir", folder)))
    assert "${" not in (folder / "config.yaml").read_text()
    assert OmegaConf.load(folder / "config.yaml").seed == 42
    (line,) = [line for line in capsys.readouterr().out.splitlines() if line.startswith("evaluate:")]
    (parsed,) = OverridesParser.create().parse_overrides(shlex.split(line)[3:])
    assert (parsed.key_or_group, parsed.value()) == ("checkpoint", str(folder))


def test_a_run_follows_the_scoring_that_it_is_given(
    configured: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Sets of words in place of labels: other scores are logged, and one of them picks the checkpoint."""
    words = ["scoring=open_vocabulary", "scoring.answers=text"]
    with pytest.raises(UserError, match=r"monitor\.metric: with this scoring 'val/weighted_f1' is not one of val/loss"):
        in_process.fit(configured(*words))
    in_process.fit(configured(*words, "monitor.metric=val/ew_f1"))
    (row,) = validations(tmp_path / "run")
    assert float(row["val/ew_f1"]) >= 0
    assert "val/weighted_f1" not in row
    saved = torch.load(tmp_path / "run/checkpoints/best.ckpt", weights_only=True)
    assert saved["val_scores"]["val/ew_f1"] == pytest.approx(float(row["val/ew_f1"]))
    with pytest.raises(UserError, match="split=val: none of its 12 clips has what answers are compared with"):
        in_process.fit(configured("scoring=reasoning", "monitor.metric=val/label_overlap_offline"))
