"""Weights that are not those of this model, or of no run of this project, are refused with what to type instead."""

from pathlib import Path
from typing import Any

import pytest
import torch
from omegaconf import OmegaConf

from emolightning.config.check import find_problems
from emolightning.config.run_settings import EvalConfig, RunConfig
from emolightning.config.saved_run import find_run_folder
from emolightning.errors import UserError
from emolightning.runs.weights import find_weights, require_same_model

MODEL = {
    "llm": None,
    "vision": {"width": 64, "image_size": 56, "dtype": "float32"},
    "language": {"path": None, "width": 128, "seed": 0, "attention": "sdpa"},
    "lora": {"r": 16, "alpha": 32, "dropout": 0.05, "targets": "all-linear", "vision_targets": ["qkv"]},
    "train": {"vision": "frozen", "language": "lora", "projections": "full"},
}


@pytest.fixture
def run(tmp_path: Path) -> Path:
    folder = tmp_path / "lr=0.001 b"
    (folder / "checkpoints").mkdir(parents=True)
    (folder / "checkpoints" / "best.ckpt").write_bytes(b"")
    OmegaConf.save(OmegaConf.create({"model": MODEL, "run_name": "x"}), folder / "config.yaml")
    return folder


def changed(**values: Any) -> dict[str, Any]:
    cfg = OmegaConf.create(MODEL)
    for key, value in values.items():
        OmegaConf.update(cfg, key.replace("__", "."), value)
    return OmegaConf.to_container(cfg)  # type: ignore[return-value]


@pytest.mark.parametrize("place", ["", "checkpoints", "checkpoints/best.ckpt"])
def test_the_settings_that_differ_are_named_with_both_values(run: Path, place: str) -> None:
    with pytest.raises(UserError) as caught:
        require_same_model("checkpoint", run / place, changed(lora__r=8, language__width=64), is_evaluated=True)
    assert "  - model.lora.r: 16 in training, 8 here" in str(caught.value).splitlines()
    assert "  - model.language.width: 128 in training, 64 here" in str(caught.value).splitlines()
    assert f"{run}/config.yaml" in str(caught.value)


def test_where_a_base_lies_and_how_it_computes_may_differ(run: Path) -> None:
    here = changed(llm="elsewhere", language__path="elsewhere", language__attention="eager", vision__dtype="bfloat16")
    require_same_model("checkpoint", run, here, is_evaluated=True)


def test_a_run_that_starts_from_weights_may_train_otherwise(run: Path) -> None:
    require_same_model("init_from", run, changed(lora__alpha=8, train__projections="frozen"), is_evaluated=False)
    require_same_model(
        "init_from", run, changed(lora__vision_targets=["fc1"], train__vision="lora"), is_evaluated=False
    )
    with pytest.raises(UserError, match=r"model\.lora\.targets: 'all-linear' in training, \['q_proj'\] here"):
        require_same_model("init_from", run, changed(lora__targets=["q_proj"]), is_evaluated=False)


def test_weights_outside_of_a_run_are_compared_by_shape_later(tmp_path: Path) -> None:
    require_same_model("init_from", tmp_path / "alone.ckpt", changed(lora__r=3), is_evaluated=False)


UPSTREAM = {"model": {"llama_proj.weight": torch.zeros(8, 16), "llama_proj.bias": torch.zeros(8)}}
EVA = {"patch_embed.proj.weight": torch.zeros(8, 3, 14, 14), "pos_embed": torch.zeros(1, 5, 8)}


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (
            UPSTREAM,
            "it is: Emotion-LLaMA checkpoint; convert it once, `python -m emolightning import-weights 'checkpoint=",
        ),
        (EVA, "it is: EVA-CLIP vision tower; convert it once, `python -m emolightning import-weights 'eva="),
        ({"anything": torch.zeros(2)}, "it is: unknown; `python -m emolightning inspect 'file="),
    ],
)
def test_a_file_of_others_names_the_command_that_takes_it(tmp_path: Path, content: dict[str, Any], said: str) -> None:
    path = tmp_path / "a=b.pth"
    torch.save(content, path)
    with pytest.raises(UserError) as caught:
        find_weights("init_from", path)
    assert said in str(caught.value)
    assert f"init_from={path}: is no checkpoint of a run" in str(caught.value)


def test_a_pth_is_no_run_to_evaluate(tmp_path: Path) -> None:
    torch.save(UPSTREAM, tmp_path / "theirs.pth")
    with pytest.raises(UserError, match=r"a `\.pth` of the released code is converted by `import-weights`"):
        find_run_folder(tmp_path / "theirs.pth")


@pytest.mark.parametrize(("key", "value"), [("resume", "auto"), ("init_from", "outputs/a")])
def test_settings_of_training_are_not_ignored_by_an_evaluation(key: str, value: str) -> None:
    def problems(schema: Any) -> list[str]:
        cfg = OmegaConf.merge(
            OmegaConf.structured(schema), {key: value, "checkpoint": "x"} if schema is EvalConfig else {key: value}
        )
        return [str(problem) for problem in find_problems(cfg)]  # type: ignore[arg-type]

    assert f"{key} is for train.py alone; leave it out" in problems(EvalConfig)
    assert not [line for line in problems(RunConfig) if "train.py alone" in line]
