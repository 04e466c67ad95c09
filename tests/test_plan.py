"""The length of a run, worked out before it starts; trainer's values with which it would train nothing or never end."""

from pathlib import Path
from typing import Any

import pytest
import pytorch_lightning as pl
import torch
from omegaconf import DictConfig, OmegaConf
from torch.utils.data import DataLoader

from emolightning.config.trainer_values import check_trainer
from emolightning.runs.summary import describe_best
from emolightning.training.plan import Plan, make_plan
from emolightning.training.stopping.early_stopping import EarlyStopping

DEFAULTS = {"max_epochs": 3, "max_steps": -1, "accumulate_grad_batches": 1, "check_val_every_n_epoch": 1}


class Counted(pl.LightningModule):
    """Learns nothing; counts validations."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = torch.nn.Parameter(torch.zeros(1))
        self.validations = 0

    def configure_optimizers(self) -> Any:
        return torch.optim.SGD(self.parameters(), lr=0.1)

    def training_step(self, batch: Any) -> Any:
        return self.weight.sum()

    def validation_step(self, batch: Any) -> None:
        pass

    def on_validation_epoch_end(self) -> None:
        self.validations += 1


@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"max_epochs": 2, "accumulate_grad_batches": 3},
        {"max_epochs": -1, "max_steps": 9},
        {"max_epochs": 5, "max_steps": 17, "val_check_interval": 3},
        {"val_check_interval": 0.4},
        {"max_epochs": 5, "check_val_every_n_epoch": 2},
        {"max_epochs": 5, "check_val_every_n_epoch": None, "val_check_interval": 4},
        {"limit_train_batches": 0.5, "limit_val_batches": 1},
        {"limit_train_batches": 2, "val_check_interval": 1},
        {"overfit_batches": 3},
        {"limit_val_batches": 0},
        {"max_steps": 10, "accumulate_grad_batches": 2},
    ],
)
def test_a_plan_is_what_lightning_does(settings: dict[str, Any], tmp_path: Path) -> None:
    plan = make_plan({**DEFAULTS, **settings}, batches=7, val_batches=2)
    model = Counted()
    trainer = pl.Trainer(
        **{**DEFAULTS, **settings},
        accelerator="cpu",
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        num_sanity_val_steps=0,
        default_root_dir=tmp_path,
    )
    trainer.fit(model, DataLoader(range(7)), DataLoader(range(2)))
    assert plan.batches == trainer.num_training_batches
    assert plan.steps == trainer.global_step
    assert plan.validations == model.validations


@pytest.mark.parametrize(("validations", "patience"), [(1, 3), (6, 3), (7, 4), (12, 6), (30, 15), (None, 10)])
def test_patience_is_half_of_the_run(validations: int | None, patience: int) -> None:
    plan = Plan(7, 2, 3, 21, validations)
    assert plan.patience() == patience
    stopping = EarlyStopping(monitor="val/war")
    never = "never" in stopping.follow(plan)
    assert stopping.patience == patience
    assert never == (validations in (1,))
    given = EarlyStopping(monitor="val/war", patience=30)
    assert ("never" in given.follow(plan)) == (validations is not None)
    assert given.patience == 30


def test_a_resumed_run_has_the_patience_that_was_said() -> None:
    before, after = (EarlyStopping(monitor="val/war", patience=patience) for patience in (20, 4))
    before.wait_count = 2
    after.load_state_dict(before.state_dict())
    assert (after.patience, after.wait_count) == (4, 2)


def trainer_of(**settings: Any) -> DictConfig:
    trainer = {"max_epochs": 3, "max_steps": -1, **settings}
    return OmegaConf.create({"trainer": trainer, "schedule": {"x": 1}, "resume": None, "seeds": None})


@pytest.mark.parametrize(
    ("settings", "key", "said"),
    [
        ({"max_epochs": 0}, "max_epochs", "nothing would be trained"),
        ({"max_steps": 0}, "max_steps", "nothing would be trained"),
        ({"limit_train_batches": 0.0}, "limit_train_batches", "nothing would be trained"),
        ({"max_epochs": None}, "max_epochs", "say how many, or trainer.max_steps=N"),
        ({"max_epochs": -1}, "max_epochs", "no end; say trainer.max_epochs=N or trainer.max_steps=N"),
        ({"max_epochs": None, "max_time": {"hours": 1}}, "max_epochs", "+trainer.max_time may end the run before"),
        ({"min_epochs": 4}, "min_epochs", "is 4, more than trainer.max_epochs=3"),
        ({"min_steps": 6, "max_steps": 5}, "min_steps", "is 6, more than trainer.max_steps=5"),
        ({"check_val_every_n_epoch": 0}, "check_val_every_n_epoch", "+trainer.limit_val_batches=0"),
        ({"enable_checkpointing": False}, "enable_checkpointing", "leave it true"),
        ({"use_distributed_sampler": True}, "use_distributed_sampler", "leave it false"),
        ({"barebones": True}, "barebones", "speed/throughput.py"),
    ],
)
def test_what_cannot_be_trained_is_one_problem(settings: dict[str, Any], key: str, said: str) -> None:
    (problem,) = check_trainer(trainer_of(**settings))
    assert problem.key == f"trainer.{key}"
    assert said in str(problem)


@pytest.mark.parametrize(
    "settings",
    [
        {"max_epochs": -1, "max_steps": 2},
        {"max_epochs": None, "max_steps": 2},
        {"max_epochs": 5, "max_time": "00:00:10:00", "min_epochs": 5},
        {"check_val_every_n_epoch": None, "val_check_interval": 5},
        {"limit_train_batches": 0.5, "overfit_batches": 0.0, "limit_val_batches": 0},
    ],
)
def test_what_can_be_trained_is_no_problem(settings: dict[str, Any]) -> None:
    assert check_trainer(trainer_of(**settings)) == []


def test_a_trial_has_nothing_to_continue() -> None:
    cfg = trainer_of(fast_dev_run=2)
    assert check_trainer(cfg) == []
    cfg.resume = "auto"
    assert [str(problem) for problem in check_trainer(cfg)] == [
        "trainer.fast_dev_run: tries the first batches of a new run and keeps nothing; leave out resume=auto"
    ]


def test_the_best_checkpoint_says_its_scores() -> None:
    checkpoint = {"epoch": 6, "global_step": 420, "val_scores": {"val/war": 0.975, "val/loss": 0.0812, "val/x": 1.0}}
    said = describe_best(checkpoint, is_validated=True)
    assert said == "best:  epoch 6 (the first is 0), step 420: val/war 0.9750, val/loss 0.081"
    assert "not known without a validation" in describe_best(checkpoint, is_validated=False)
