"""What a library or this machine refuses is one sentence with the setting, said before clips are read."""

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import in_process
import pytest
import pytorch_lightning as pl
import torch
from hydra import compose, initialize_config_dir
from omegaconf import DictConfig, open_dict
from pytorch_lightning.demos.boring_classes import BoringModel

from emolightning.config.building import LIGHTNING, explained_refusals
from emolightning.config.check import find_problems
from emolightning.config.places import CONFIG_DIR
from emolightning.config.question_values import check_questions
from emolightning.config.schema import register_schemas
from emolightning.data.loading.settings import Loading
from emolightning.errors import UserError
from emolightning.runs.evaluate import require_whole_split
from emolightning.runs.ranks import require_hardware
from emolightning.runs.starting import require_batches, require_part


def composed(*overrides: str) -> DictConfig:
    register_schemas()
    with initialize_config_dir(str(CONFIG_DIR), version_base="1.3"):
        return compose("train", overrides=["experiment=smoke", "logger=csv", *overrides])


@pytest.mark.parametrize(
    ("overrides", "said"),
    [
        (["trainer.devices=0"], "trainer: pytorch_lightning.Trainer refuses its settings: `Trainer(devices=0)`"),
        pytest.param(["trainer.devices=-4"], "should be an int > 0", marks=pytest.mark.slow),
        (["trainer.strategy=ddpp"], "You selected an invalid strategy name"),
        (["trainer.strategy=deepspeed_stage_2"], "say trainer=deepspeed_zero2"),
        (["trainer.accelerator=gpus"], "You selected an invalid accelerator name"),
        (["+trainer.profiler=stopwatch"], "it can only be one of"),
        (["+trainer.gradient_clip_algorithm=median"], "Allowed algorithms"),
        (["trainer.val_check_interval=often"], "Expected 'DD:HH:MM:SS'"),
        (["trainer.enable_checkpointing=false"], "enable_checkpointing=False"),
        (["+trainer.logger=true"], "trainer.logger: is filled in by the program"),
        (
            ["early_stopping.mode=lowest"],
            "early_stopping: `mode` can be min, max",
        ),
        (["monitor.mode=lowest", "early_stopping.enabled=false"], "monitor: `mode` can be min, max"),
        (["optimizer.lr=-1"], "optimizer: Invalid learning rate: -1"),
        pytest.param(["optimizer.betas=[0.9,1.5]"], "optimizer: Invalid beta parameter", marks=pytest.mark.slow),
        (["optimizer.fused=true", "+optimizer.foreach=true"], "optimizer: `fused` and `foreach`"),
        (["logger=wandb", "logger.wandb.project=lab/emotion"], "logger.wandb.project: Invalid project name"),
        (["logger=wandb", f"tags=[{'x' * 65}]"], "tags: Tag 'xxx"),
        pytest.param(["logger=wandb", 'tags=[ok,""]'], "tags: Tag at index 1 is empty", marks=pytest.mark.slow),
        (["model.language.width=100"], "model.language.width=100: must be divisible by 2 * num_heads=8"),
        (["model.vision.patch_size=13"], "model.vision.image_size=56 with patch_size=13"),
    ],
    ids=lambda value: value[-1] if isinstance(value, list) else "",
)
def test_settings_are_tried_before_clips_are_read(
    overrides: list[str], said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        "emolightning.runs.assembly_of_data.make_corpus", lambda *_, **__: pytest.fail("clips are read")
    )
    with pytest.raises(UserError) as caught:
        in_process.fit(composed(f"output_dir={tmp_path}/run", *overrides))
    assert said in str(caught.value)
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(
    ("overrides", "said"),
    [
        (["optimizer.lr=1e-4x"], "optimizer.lr: must be float, not '1e-4x'"),
        (["optimizer.eps=tiny"], "optimizer.eps: must be float, not 'tiny'"),
        (["optimizer.betas=[0.9]"], "optimizer.betas: must be tuple[float | Tensor, float | Tensor], not [0.9]"),
        (["trainer.max_epochs=many"], "trainer.max_epochs: must be int or null, not 'many'"),
        (["optimizer.fused=maybe"], "optimizer.fused: must be true, false or null, not 'maybe'"),
        (["checkpoints.every_minutes=inf"], "checkpoints.every_minutes: must be a finite number of at least 0"),
        (["monitor.metric=val/soft_accuracy"], "data.judged_by=workers with data=msp_podcast"),
        (["prompt.questions=nope.yaml"], "prompt.questions: nope.yaml: no such file"),
        (["prompt.questions={emotoin: hi}"], "'emotoin' is not one of emotion, "),
        (["prompt.questions={valence: 'From {low} to {hihg}?'}"], "valence: {hihg} is no place; did you mean {high}?"),
        (["prompt.scale=[1,1]"], "the lowest and the highest, e.g. [-1,1], or data, or none"),
        (["data.scale=[5,1]"], "data.scale: [5, 1] must be two numbers, the lowest and the highest, e.g. [-1,1]"),
        (["data.scale=5"], "data.scale: 5 must be two numbers"),
        (["scoring=numbers", "scoring.scale=[a,b]"], "scoring.scale: ['a', 'b'] must be two numbers"),
        (["trainer.precision=int8"], "trainer.precision: 'int8' is not one of 32-true"),
        (["trainer.val_check_interval=0"], "trainer.val_check_interval: must be at least"),
        (
            ["early_stopping.monitor=val/f1"],
            "early_stopping.monitor: 'val/f1' is not one of",
        ),
        (["schedule.warmup_fraction=2"], "schedule.warmup_fraction: must be 0 to 1, not 2"),
        (["run_name=''"], "run_name: must not be empty"),
        (["output_dir=''"], "output_dir: must not be empty"),
    ],
    ids=lambda value: value[-1] if isinstance(value, list) else "",
)
def test_values_are_compared_with_what_libraries_declare(overrides: list[str], said: str) -> None:
    (problem,) = find_problems(composed(*overrides))
    assert said in str(problem)


def test_a_word_in_braces_is_a_place_and_json_is_text(tmp_path: Path) -> None:
    """A model that was trained with other braces is asked with them."""
    file, places = tmp_path / "own.yaml", "{labels}, {low}, {high}"
    near = {"{ labels }": "{labels}", "{labels:x}": "{labels}", "{{labels}}": "{labels}", "{Low}": "{low}"}
    text = f"Of {places} or {{}}, {{a: 1}}, {', '.join(near)}? As {{'a': {{labels}}, \"b\": {{'c': {{labls}}}}}}."
    near["{labls}"] = "{labels}"
    said = [f"{word} is no place; did you mean {place}?" for word, place in near.items()]
    given, tasks = {"emotion": ["Of {labels}?", text]}, ("emotion", "preference")
    assert list(map(str, check_questions(given, tasks=tasks))) == [f"prompt.questions.emotion: {each}" for each in said]
    assert check_questions(given, tasks=tasks, kept={"emotion": [text]}) == []
    asked = {"preference": "{a1}, {a2} or {a3}?", "emotion": "{a1}?", "wit": "?", "reason": [3]}
    file.write_text(json.dumps(asked))
    assert [(each.key, each.message.partition(";")[0]) for each in check_questions(str(file), tasks=tasks)] == [
        ("prompt.questions", f"{file}: reason: [3] is no question")
    ]
    del asked["reason"]
    file.write_text(json.dumps(asked))
    assert [(each.key, each.message.partition(";")[0]) for each in check_questions(str(file), tasks=tasks)] == [
        ("prompt.questions", f"{file}: 'wit' is not one of emotion, preference"),
        ("prompt.questions", f"{file}: preference: {{a3}} is no place"),
        ("prompt.questions", f"{file}: emotion: {{a1}} is no place"),
    ]


def test_what_libraries_declare_fits_everything_that_is_configured() -> None:
    words = ["trainer=fsdp", "trainer.val_check_interval=00:00:10:00", "trainer.deterministic=warn", "optimizer.lr=1"]
    more = [
        "+optimizer.amsgrad=true",
        "+optimizer.foreach=null",
        "+trainer.limit_val_batches=3",
        "+trainer.profiler=simple",
    ]
    cfg = composed(*words, *more)
    assert find_problems(cfg) == []
    with open_dict(cfg):
        cfg.trainer.strategy = {"_target_": "pytorch_lightning.strategies.DDPStrategy", "timeout": 1800}
    (problem,) = find_problems(cfg)
    assert str(problem) == "trainer.strategy.timeout: must be timedelta or null, not 1800"


def test_gpus_that_are_not_there(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 0)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: False)
    with pytest.raises(
        UserError, match=r"^trainer=one_gpu: trainer\.accelerator=gpu: no GPU is visible here .*trainer=cpu"
    ):
        require_hardware("gpu", 1, chosen="one_gpu")
    with pytest.raises(UserError, match=r"^trainer\.accelerator=cuda: .* leave that setting out") as changed:
        require_hardware("cuda", 1, chosen="cpu")
    assert "say trainer=cpu" not in str(changed.value)
    for devices in (4, "4"):
        with pytest.raises(UserError, match=r"would start 4 processes on the CPU .* say trainer\.accelerator=cpu"):
            require_hardware("auto", devices)
    with pytest.raises(UserError, match="would start 2 processes"):
        require_hardware("auto", 1, 2)
    require_hardware("auto", 1)
    require_hardware("cpu", 4, 2)


def test_more_gpus_than_there_are(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    with pytest.raises(UserError, match=r"trainer\.devices=4: 2 GPU\(s\) are visible here; say at most 2"):
        require_hardware("auto", 4)
    for devices in (2, -1, "auto", [0, 1]):
        require_hardware("gpu", devices)


def of_batches(batches: int, **trainer: Any) -> None:
    corpus: Any = SimpleNamespace(clips_of=lambda _: ["clip"] * 2 * batches)
    given = {"limit_train_batches": 1.0, "limit_val_batches": 1.0, "val_check_interval": 1.0}
    asked = SimpleNamespace(world_size=1, **{"check_val_every_n_epoch": 1, **given, **trainer})
    require_batches(asked, corpus, Loading(batch_size=2))


@pytest.mark.parametrize(
    ("trainer", "said"),
    [
        ({"val_check_interval": 1000}, "val_check_interval=1000: an epoch has 8 batch(es); say at most 8"),
        ({"val_check_interval": 5, "limit_train_batches": 0.5}, "an epoch has 4 batch(es)"),
        ({"val_check_interval": 5, "limit_train_batches": 3}, "an epoch has 3 batch(es)"),
        (
            {"limit_train_batches": 0.1},
            "limit_train_batches=0.1: of 8 batches that is less than one; say at least 0.125",
        ),
        ({"limit_val_batches": 0.01}, "limit_val_batches=0.01: of 8 batches"),
    ],
)
def test_shares_and_intervals_that_no_epoch_can_keep(trainer: dict[str, Any], said: str) -> None:
    with pytest.raises(UserError) as caught:
        of_batches(8, **trainer)
    assert said in str(caught.value)


def test_shares_and_intervals_that_fit() -> None:
    of_batches(8, val_check_interval=8, limit_train_batches=0.125 * 8, limit_val_batches=0.125)
    of_batches(8, val_check_interval=1000, check_val_every_n_epoch=None)
    of_batches(8, limit_train_batches=0)
    require_part("trainer.limit_test_batches", 0.01, 0)


@pytest.mark.parametrize("trainer", [{"limit_test_batches": 1}, {"limit_test_batches": 0.5}, {"fast_dev_run": True}])
def test_an_evaluation_of_a_part_of_its_split(trainer: dict[str, Any]) -> None:
    require_whole_split(SimpleNamespace(limit_test_batches=1.0, fast_dev_run=False))
    with pytest.raises(UserError, match="answers all clips of its split"):
        require_whole_split(SimpleNamespace(**{"limit_test_batches": 1.0, "fast_dev_run": False, **trainer}))


class Buggy(pl.Callback):
    """Does what Lightning refuses: a mistake of ours, not of a setting."""

    def on_train_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        pl_module.log("x", "no number")  # type: ignore[arg-type]


def test_a_run_explains_refusals_of_its_trainer_and_no_mistake_of_ours(monkeypatch: pytest.MonkeyPatch) -> None:
    quiet = {"logger": False, "enable_checkpointing": False, "enable_progress_bar": False, "max_steps": 1}
    with pytest.raises(UserError, match=r"^trainer: .*val_check_interval"), explained_refusals("trainer", *LIGHTNING):
        pl.Trainer(**quiet, accelerator="cpu", val_check_interval=1000).fit(BoringModel())
    monkeypatch.setattr("emolightning.config.building.OUR_FOLDERS", (Path(__file__).parent,))
    trainer = pl.Trainer(**quiet, accelerator="cpu", callbacks=[Buggy()])
    with pytest.raises(Exception, match="no number") as caught, explained_refusals("trainer", *LIGHTNING):
        trainer.fit(BoringModel())
    assert not isinstance(caught.value, UserError)
