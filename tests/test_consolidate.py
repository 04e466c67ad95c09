"""`consolidate`: folders that DeepSpeed wrote on two ranks, against the values that it gives out by name."""

import logging
import os
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from model_factory import LANGUAGE, WIDTHS, make_model
from runs import REPO, Workplace

from emolightning.__main__ import main
from emolightning.errors import UserError
from emolightning.labels import MER6
from emolightning.resuming import require_optimizer
from emolightning.training import zero_folder
from emolightning.training.consolidation import consolidate
from emolightning.training.learner import EmotionLearner
from emolightning.weights import load_weights, trained_widths

pytestmark = pytest.mark.multi_process

MODEL, OPTIMIZER = "checkpoint/mp_rank_00_model_states.pt", "checkpoint/zero_pp_rank_1_mp_rank_00_optim_states.pt"


@pytest.fixture(scope="module")
def saved(workplace: Workplace, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What the program leaves. For looking at only."""
    folder = tmp_path_factory.mktemp("saved")
    start = ("-m", "torch.distributed.run", "--standalone", "--nproc_per_node=2")
    search = os.pathsep.join([str(REPO), str(REPO / "tests")])
    workplace.call(*start, REPO / "tests" / "saved_by_deepspeed.py", folder, PYTHONPATH=search)
    return folder


def odd_learner() -> EmotionLearner:
    """With the model of saved_by_deepspeed, and its LoRA and projections as they were before the step."""
    return EmotionLearner(make_model(language=replace(LANGUAGE, mlp_width=49), r=3), labels=MER6)


def read(path: Path) -> dict[str, Any]:
    return torch.load(path, weights_only=True)


@pytest.mark.parametrize("stage", [1, 2, 3])
def test_what_was_trained_bit_for_bit(saved: Path, tmp_path: Path, stage: int) -> None:
    expected = read(saved / f"stage{stage}.pt")
    assert any(tensor.numel() % 2 for tensor in expected.values())
    consolidate(saved / f"stage{stage}_trained", tmp_path / "out.ckpt")
    found = read(tmp_path / "out.ckpt")
    assert (found["global_step"], found["epoch"]) == (1, 0)
    assert found["state_dict"].keys() == expected.keys()
    for name, tensor in found["state_dict"].items():
        assert tensor.dtype == torch.float32
        assert torch.equal(tensor, expected[name]), name
    numbers = sum(tensor.numel() for tensor in expected.values())
    assert (tmp_path / "out.ckpt").stat().st_size < 4 * numbers + 1000 * len(expected)  # no tensor with its neighbours


@pytest.mark.parametrize("stage", [1, 2, 3])
def test_a_folder_with_frozen_parameters_fills_a_model(saved: Path, tmp_path: Path, stage: int) -> None:
    out = tmp_path / "out.ckpt"
    consolidate(saved / f"stage{stage}", out)
    learner = odd_learner()
    before = {name: tensor.clone() for name, tensor in learner.state_dict().items()}
    assert trained_widths(out).items() > WIDTHS.items()
    learner.model.projections.speech.weight.data.zero_()
    assert load_weights(learner, out) == ["language", "projections"]
    expected = before | read(saved / f"stage{stage}.pt")
    own = learner.state_dict()
    assert own.keys() == expected.keys()
    assert all(torch.equal(own[name], expected[name]) for name in own)
    assert any(not torch.equal(own[name], before[name]) for name in own)


def test_the_command(saved: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["consolidate", f"folder={saved / 'stage2'}", f"out={tmp_path / 'out.ckpt'}"]
    assert main(words) == 0
    said = capsys.readouterr().out
    assert said.splitlines()[0] == "ZeRO stage 2 on 2 rank(s), step 1"
    assert f"written: {tmp_path / 'out.ckpt'}" in said
    with pytest.raises(SystemExit) as ended:
        main(words)
    assert ended.value.code == 1
    assert "exists already; nothing is written over" in capsys.readouterr().err


def test_an_unknown_base_has_to_be_allowed(saved: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    folder, out = shutil.copytree(saved / "stage2", tmp_path / "folder"), tmp_path / "out.ckpt"
    content = read(folder / MODEL)
    del content["base_fingerprints"], content["global_step"]
    torch.save(content, folder / MODEL)
    with pytest.raises(UserError, match=r"no base_fingerprints.*allow_unknown_base=true"):
        consolidate(folder, out)
    assert not out.exists()
    assert "the base is not known: nothing will compare it" in consolidate(folder, out, allow_unknown_base=True)
    assert read(out)["base_fingerprints"] == {}
    assert read(out)["global_step"] == 1  # DeepSpeed's own count
    with caplog.at_level(logging.WARNING):
        load_weights(odd_learner(), out)
    assert "does not say which base its weights belong to" in caplog.text


def test_there_is_nothing_to_resume_from(saved: Path, tmp_path: Path) -> None:
    consolidate(saved / "stage1", tmp_path / "out.ckpt")
    with pytest.raises(UserError, match=r"no optimizer's state; start with init_from="):
        require_optimizer(tmp_path / "out.ckpt")


# What is not whole


def cut(folder: Path) -> None:
    path = folder / OPTIMIZER
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def advance(folder: Path) -> None:
    """The second rank's file is of a later save than the first one's."""
    with zero_folder.data_only():
        content = torch.load(folder / OPTIMIZER, mmap=False)  # a mapped file cannot be written over
    for state in content["optimizer_state_dict"]["base_optimizer_state"]["state"].values():
        state["step"] += 1
    torch.save(content, folder / OPTIMIZER)


def lengthen(folder: Path) -> None:
    """As if the model had one more layer than the optimizer knows of."""
    content = read(folder / MODEL)
    content["param_shapes"][0]["model.language.more"] = torch.Size([100])
    torch.save(content, folder / MODEL)


def rename(folder: Path) -> None:
    content = read(folder / MODEL)
    content["param_shapes"] = [
        {f"other.{name}": shape for name, shape in group.items()} for group in content["param_shapes"]
    ]
    torch.save(content, folder / MODEL)


@pytest.mark.parametrize(
    ("break_it", "message"),
    [
        (shutil.rmtree, r"no such folder"),
        (lambda folder: (folder / "latest").unlink(), r"latest: no such file"),
        (lambda folder: (folder / "latest").write_text("../elsewhere"), r"latest: '\.\./elsewhere' is not the name"),
        (lambda folder: (folder / "latest").write_text("step9"), r"step9: no such folder, but .*latest names it"),
        (lambda folder: (folder / MODEL).unlink(), r"mp_rank_00_model_states\.pt: no such file"),
        (lambda folder: (folder / OPTIMIZER).unlink(), r"zero_pp_rank_1_\S+: no such file; 2 ranks trained"),
        (
            lambda folder: shutil.copy(folder / OPTIMIZER, folder / OPTIMIZER.replace("rank_1", "rank_2")),
            r"zero_pp_rank_2_\S+: 2 rank\(s\) trained, so this file is of another save",
        ),
        (cut, r"zero_pp_rank_1_\S+: cannot be read .* cut short or damaged"),
        (advance, r"pieces of several saves: .*rank_0\S+ at step 1, .*rank_1\S+ at step 2"),
        (lengthen, r"its pieces do not fit together \(ValueError"),
        (rename, r"other\.model\.\S+ is in no part of the model"),
    ],
)
def test_a_folder_that_is_not_whole(
    saved: Path, tmp_path: Path, break_it: Callable[[Path], object], message: str
) -> None:
    folder = shutil.copytree(saved / "stage2", tmp_path / "folder")
    break_it(folder)
    with pytest.raises(UserError, match=message):
        consolidate(folder, tmp_path / "out.ckpt")
    assert not (tmp_path / "out.ckpt").exists()


def test_the_inner_folder_points_to_the_outer(saved: Path, tmp_path: Path) -> None:
    with pytest.raises(UserError, match=rf"give {saved / 'stage3'}, which has one"):
        consolidate(saved / "stage3" / "checkpoint", tmp_path / "out.ckpt")


# What would run


class Hostile:
    """Makes a folder when it is unpickled."""

    def __init__(self, made: Path):
        self.made = made

    def __reduce__(self) -> tuple[Callable[[str], None], tuple[str]]:
        return os.mkdir, (str(self.made),)


@pytest.mark.parametrize("file", [MODEL, OPTIMIZER])
def test_objects_of_others_are_refused_and_nothing_runs(
    saved: Path, tmp_path: Path, file: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also where somebody's environment allows all pickles."""
    monkeypatch.setenv("TORCH_FORCE_NO_WEIGHTS_ONLY_LOAD", "1")
    folder, made = shutil.copytree(saved / "stage2", tmp_path / "folder"), tmp_path / "made"
    torch.save({"more": Hostile(made)}, folder / file)
    with pytest.raises(UserError, match=rf"{Path(file).name}: refused: it wants \w+\.mkdir"):
        consolidate(folder, tmp_path / "out.ckpt")
    assert not made.exists()
    assert os.environ["TORCH_FORCE_NO_WEIGHTS_ONLY_LOAD"] == "1"
    assert "TORCH_FORCE_WEIGHTS_ONLY_LOAD" not in os.environ
    torch.load(folder / file, weights_only=False)
    assert made.exists(), "the file is not hostile"


class ByName:
    """Pickled as an attribute of something, which is how Python 3.11.2 pickles a member of an enumeration."""

    def __init__(self, owner: Any, name: str):
        self.found = (owner, name)

    def __reduce__(self) -> tuple[Callable[..., Any], tuple[Any, str]]:
        return getattr, self.found


def test_of_attributes_only_the_stages_are_read(tmp_path: Path) -> None:
    from deepspeed.runtime.zero.config import ZeroStageEnum

    torch.save({"stage": ByName(ZeroStageEnum, "weights")}, tmp_path / "stage.pt")
    torch.save({"stage": ByName(ZeroStageEnum, "__class__")}, tmp_path / "other.pt")
    with zero_folder.data_only():
        assert zero_folder.read_piece(tmp_path / "stage.pt") == {"stage": ZeroStageEnum.weights}
        with pytest.raises(UserError, match=r"other\.pt: cannot be read"):
            zero_folder.read_piece(tmp_path / "other.pt")


def test_deepspeeds_own_reader_runs_nothing_either(
    saved: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A file that is exchanged between our look at it and DeepSpeed's."""
    folder, made = shutil.copytree(saved / "stage2", tmp_path / "folder"), tmp_path / "made"
    look = zero_folder.open_zero_folder

    def exchanged_after(path: Path) -> zero_folder.ZeroFolder:
        found = look(path)
        (folder / MODEL).unlink()  # What was looked at stays mapped.
        torch.save({"more": Hostile(made)}, folder / MODEL)
        return found

    monkeypatch.setattr("emolightning.training.consolidation.open_zero_folder", exchanged_after)
    with pytest.raises(UserError, match=r"do not fit together \(UnpicklingError"):
        consolidate(folder, tmp_path / "out.ckpt")
    assert not made.exists()
