"""What a run of any family can: ranks answer as one, its weights come back from other files, new clips are answered."""

import json
from pathlib import Path

import pytest
import torch
from language_factory import make_qwen2
from runs import Workplace, answers, file_hashes
from weights_factory import Sizes, make_checkpoint_v2, make_eva, make_llama

import emolightning as el
from emolightning.__main__ import main
from emolightning.models.emotion_llama_v2.fusion import FusionSettings

CLIPS = ("data.num_train=12", "data.num_val=6", "data.num_test=6", "data.batch_size=6", "evaluation.max_new_tokens=6")
SMOKE = ("data.num_train=48", "data.num_val=12", "data.num_test=12")
"""The clips of the shared workplace."""
RANKS = ("trainer=ddp", "trainer.accelerator=cpu", "trainer.devices=2")


def clips_in(folder: Path) -> list[str]:
    return [f"data.folder={folder}/clips", f"data.cache={folder}/cache", *CLIPS, "logger=none", "callbacks=eval"]


@pytest.mark.slow
@pytest.mark.multi_process
@pytest.mark.parametrize("model", ["fusion/attention", "emotion_llama_v2_tiny"])
def test_two_ranks_answer_with_the_same_bytes_as_one_and_a_new_clip_is_answered(
    workplace: Workplace, model: str
) -> None:
    place = workplace.folder / model.replace("/", "-")
    run = workplace.train(place / "run", f"model={model}", "trainer.max_epochs=1")
    for name, words in (("one", ()), ("two", RANKS), ("adapter", ())):
        weights = run / "adapter" if name == "adapter" else run
        clips = [*workplace.clips, *SMOKE] if name == "adapter" else []
        workplace.evaluate(weights, f"output_dir={place}/{name}", *clips, *words)
    assert answers(place / "one") == answers(place / "two")
    assert (place / "one" / "metrics.json").read_bytes() == (place / "two" / "metrics.json").read_bytes()
    said = [[(line["id"], line["answer"]) for line in answers(place / name)] for name in ("one", "adapter")]
    assert said[0] == said[1]
    clip = next((workplace.home / "clips").rglob("*.mp4"))
    answer = el.load(run).predict(clip, transcript="Oh no!")
    assert abs(sum(answer.probabilities.values()) - 1) < 1e-5


def done(*words: object) -> None:
    """A command that ends well."""
    try:
        code = main(list(map(str, words)))
    except SystemExit as ended:
        code = ended.code
    assert not code, words


def said_by(weights: Path, folder: Path, name: str, *more: str) -> list[object]:
    given = ("data=synthetic", "features=signal", *clips_in(folder), *more)
    done("eval", f"checkpoint={weights}", f"output_dir={folder}/{name}", *given)
    return [(line["id"], line["answer"]) for line in answers(folder / name)]


@pytest.mark.slow
def test_affectgpt_s_file_out_and_in_again_gives_the_same_answers(tmp_path: Path) -> None:
    llama = make_qwen2(tmp_path / "llm")
    model = ("model=affectgpt_tiny", f"llama={llama}")
    run = el.train("model=affectgpt_tiny", f"model.llm={llama}", *clips_in(tmp_path), "trainer.max_epochs=1",
                   f"output_dir={tmp_path}/run")  # fmt: skip
    done("export-weights", f"checkpoint={run}", "format=upstream", f"out={tmp_path}/own.pth")
    done("import-weights", *model, f"checkpoint={tmp_path}/own.pth", f"out={tmp_path}/back")
    first = said_by(run / "adapter", tmp_path, "first")
    shown = ("inputs.frame=false", "inputs.picture=false")  # The file does not say which of them trained its layers.
    assert said_by(tmp_path / "back" / "adapter", tmp_path, "second", *shown) == first


@pytest.mark.slow
def test_emotion_llama_v2_s_file_out_and_in_again_gives_the_same_answers(tmp_path: Path) -> None:
    sizes, fusion = Sizes(seed=7), FusionSettings(hidden=64, width=32, output=64)
    llama, eva = make_llama(tmp_path / "llama", sizes), make_eva(tmp_path / "eva.pth", sizes)
    run = el.train("model=emotion_llama_v2_tiny", *clips_in(tmp_path), "trainer.max_epochs=1",
                   f"output_dir={tmp_path}/run")  # fmt: skip
    widths = json.loads((run / "adapter" / "emolightning.json").read_text())["feature_widths"]
    theirs = make_checkpoint_v2(tmp_path / "theirs.pth", sizes, fusion, widths)
    model = ("model=emotion_llama_v2_tiny", *sizes.overrides(), "model.lora.targets=[q_proj,v_proj]")
    files = (*model, f"llama={llama}", f"eva={eva}")
    done("import-weights", *files, f"checkpoint={theirs}", f"out={tmp_path}/in")
    done("export-weights", f"checkpoint={tmp_path}/in/adapter", "format=upstream", f"out={tmp_path}/own.pth")
    done("import-weights", *files, f"checkpoint={tmp_path}/own.pth", f"out={tmp_path}/back")
    first = said_by(tmp_path / "in" / "adapter", tmp_path, "first")
    assert said_by(tmp_path / "back" / "adapter", tmp_path, "second") == first
    weights = [torch.load(tmp_path / name, weights_only=True)["model"] for name in ("theirs.pth", "own.pth")]
    assert all(torch.equal(weights[1][name], tensor) for name, tensor in weights[0].items())
    hashes = [file_hashes(tmp_path / name / "adapter") for name in ("in", "back")]
    assert {n: h for n, h in hashes[0].items() if n.endswith("safetensors")} == {
        n: h for n, h in hashes[1].items() if n.endswith("safetensors")
    }
