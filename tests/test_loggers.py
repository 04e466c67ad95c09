"""`logger=`: one by name, several in a list, none; TensorBoard; the length of the gradient."""

from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
from emolightning.callbacks.gradient_norm import gradient_norm
from hydra import compose, initialize_config_dir
from hydra.utils import instantiate
from runs import REPO, SMALL, Workplace

from emolightning.config.check import check_config
from emolightning.config.places import CONFIG_DIR
from emolightning.config.saved_run import load_saved_run
from emolightning.config.schema import register_schemas
from emolightning.errors import UserError
from emolightning.training.loggers import tensorboard
from emolightning.training.loggers.csv_log import CsvLog, logged_before
from emolightning.training.loggers.tracking import WandbLog


@pytest.mark.parametrize(
    ("words", "loggers"),
    [
        ([], {"csv", "wandb"}),
        (["logger=default"], {"csv", "wandb"}),
        (["logger=none"], set()),
        (["logger=csv"], {"csv"}),
        (["logger=wandb"], {"csv", "wandb"}),
        (["logger=tensorboard"], {"csv", "tensorboard"}),
        (["logger=[wandb,tensorboard]"], {"csv", "wandb", "tensorboard"}),
        (["logger=[csv,tensorboard]"], {"csv", "tensorboard"}),
        (["logger=[csv,wandb,tensorboard]"], {"csv", "wandb", "tensorboard"}),
    ],
)
@pytest.mark.parametrize("program", ["train", "eval"])
def test_loggers_are_chosen_by_name(program: str, words: list[str], loggers: set[str]) -> None:
    register_schemas()
    load_saved_run([])
    with initialize_config_dir(str(CONFIG_DIR), version_base="1.3"):
        cfg = compose(program, words)
        expected = set() if program == "eval" and not words else loggers
        assert set(cfg.logger or {}) == expected
        if program == "train":
            check_config(cfg, sources=None)


def test_a_run_without_any_logger_is_a_run(workplace: Workplace, trained: Path) -> None:
    folder = workplace.folder / "outputs" / "unlogged"
    arguments = (REPO / "train.py", *SMALL, *workplace.clips, "logger=none", "trainer.max_epochs=1")
    workplace.call(*arguments, f"output_dir={folder}")
    assert {path.name for path in folder.iterdir()} == {"adapter", "checkpoints", "config.yaml", "lineage.json"}


def test_tensorboard_that_is_not_installed_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(tensorboard, "find_spec", lambda name: None)
    with pytest.raises(UserError, match=r"pip install -e '\.\[tensorboard\]'"):
        tensorboard.tensorboard_logger(folder=str(tmp_path))


def test_tensorboard_writes_into_the_run_folder(tmp_path: Path) -> None:
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    logger = tensorboard.tensorboard_logger(folder=str(tmp_path))
    for step in range(3):
        logger.log_metrics({"val/war": step / 4}, step)
    logger.finalize("success")
    (folder,) = tmp_path.iterdir()
    events = EventAccumulator(str(folder)).Reload()
    assert [(event.step, event.value) for event in events.Scalars("val/war")] == [(0, 0.0), (1, 0.25), (2, 0.5)]


def test_what_was_logged_before_a_step(tmp_path: Path) -> None:
    assert logged_before(tmp_path, 5) == []
    logger = CsvLog(folder=str(tmp_path))
    for step in range(1, 5):
        logger.log_metrics({"val/war": step / 10}, step)
    assert [row["val/war"] for row in logged_before(tmp_path, 3)] == [0.1, 0.2]


def part_of_a_run(folder: Path, step: int, score: float) -> dict[str, float]:
    """What a process with `logger=wandb` logs to W&B of one validation."""
    register_schemas()
    with initialize_config_dir(str(CONFIG_DIR), version_base="1.3"):
        loggers = instantiate(compose("train", ["logger=wandb", f"output_dir={folder}"]).logger).values()
    sent: dict[str, float] = {}
    for logger in loggers:
        if isinstance(logger, WandbLog):
            logger._experiment = SimpleNamespace(log=sent.update)  # type: ignore[assignment]
        logger.log_metrics({"val/war": score}, step)
    return sent


def test_the_best_of_a_resumed_run_is_that_of_the_whole_run(tmp_path: Path) -> None:
    assert part_of_a_run(tmp_path, 5, 0.9)["best/val/war"] == 0.9
    assert part_of_a_run(tmp_path, 6, 0.2) == {"val/war": 0.2, "best/val/war": 0.9, "trainer/global_step": 6}
    # Resumed from before the 0.9, which is then no longer part of the run.
    assert part_of_a_run(tmp_path, 5, 0.3)["best/val/war"] == 0.3


@pytest.mark.parametrize("tail", ["0", "0,1", "0,12,0.", '0,12,0.5,"', "0,12,0.5\r", "\xff"])
def test_half_a_row_is_no_row(tmp_path: Path, tail: str) -> None:
    logger = CsvLog(folder=str(tmp_path))
    for step in (1, 2):
        logger.log_metrics({"val/war": step / 10}, step)
    with logger.path.open("ab") as file:
        file.write(tail.encode("latin-1"))
    assert [row["val/war"] for row in logged_before(tmp_path, 20)] == [0.1, 0.2]
    CsvLog(folder=str(tmp_path)).log_metrics({"val/war": 0.3}, 12)
    assert [(row["step"], row["val/war"]) for row in logged_before(tmp_path, 20)] == [(1, 0.1), (2, 0.2), (12, 0.3)]


def test_a_file_that_cannot_be_read_does_not_end_a_run(tmp_path: Path) -> None:
    (tmp_path / "metrics.csv").write_text("epoch,step,val/war\r\n0,one,0.5\r\n")
    sent: dict[str, float] = {}
    logger = WandbLog(save_dir=str(tmp_path), project="p", name="n", mode="offline")
    logger._experiment = SimpleNamespace(log=sent.update)  # type: ignore[assignment]
    logger.log_metrics({"val/war": 0.2}, 3)
    assert sent["val/war"] == 0.2


def test_the_length_of_the_gradient_is_over_all_parameters() -> None:
    module = torch.nn.Sequential(torch.nn.Linear(3, 4), torch.nn.Linear(4, 1))
    module[0].bias.requires_grad_(False)
    module(torch.ones(2, 3)).sum().backward()
    squares = sum(float(p.grad.double().pow(2).sum()) for p in module.parameters() if p.grad is not None)
    assert gradient_norm(module) == pytest.approx(squares**0.5, rel=1e-6)
