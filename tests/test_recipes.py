"""Upstream's recipes as programs: from nothing but configuration and a folder in upstream's layout."""

import json

import pytest
import torch
from runs import REPO, Workplace, history, read_json, validations
from upstream_factory import make_dfew_folder, make_upstream_folder

SMALL = ("model=tiny", "trainer=cpu", "trainer.max_epochs=2", "data.batches_per_epoch=3", "data.batch_size=2",
         "trainer.accumulate_grad_batches=2", "data.val_fraction=0.25", "logger=csv", "schedule.warmup_steps=2",
         "evaluation.max_new_tokens=4", "trainer.log_every_n_steps=1")  # fmt: skip


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    return make_upstream_folder(tmp_path_factory.mktemp("mer") / "MER2023")


@pytest.fixture(scope="module")
def stages(workplace: Workplace, root):
    """Folders of stage 1 and of stage 2, which starts from it."""
    folders = [workplace.folder / "recipes" / name for name in ("stage1", "stage2")]
    common = [*SMALL, f"data.root={root}", f"data.cache={root}/cache"]
    output = workplace.call(REPO / "train.py", "experiment=stage1", *common, f"output_dir={folders[0]}")
    workplace.call(
        REPO / "train.py", "experiment=stage2", *common, f"init_from={folders[0]}", f"output_dir={folders[1]}"
    )
    return folders, output


def test_stage_1_trains_both_tasks_and_says_which_labels_it_lacks(stages):
    (first, _), output = stages
    data = read_json(first / "lineage.json")["data"]
    assert data["tasks"] == {"emotion": 1.0, "reason": 1.0}
    assert "offered in the question but never in training: neutral, surprise" in " ".join(output.split())
    assert data["label_coverage"]
    assert len(validations(first)) == 2


def test_the_learning_rate_is_upstream_s_per_batch(stages):
    """Base 1e-5, warm-up from 1e-6 over 2 of 6 batches, then a cosine whose clock started with the first batch."""
    (first, _), _ = stages
    rates = [float(row["lr-AdamW/pg1"]) for row in history(first) if "lr-AdamW/pg1" in row]
    expected = [1e-6, 5.5e-6, 1e-6 + 4.5e-6 * 1.5, 1e-6 + 4.5e-6, 1e-6 + 4.5e-6 * 0.5, 1e-6 + 4.5e-6 * (1 - 0.8660254)]
    assert rates == pytest.approx(expected, rel=1e-6)


def test_stage_2_starts_from_stage_1_and_learns_explanations(stages):
    (first, second), _ = stages
    lineage = read_json(second / "lineage.json")
    assert lineage["parent_checkpoint"] == str(first)
    assert lineage["data"]["tasks"] == {"reason_v2": 1.0}
    before, after = (
        torch.load(run / "checkpoints" / "best.ckpt", weights_only=True)["state_dict"] for run in stages[0]
    )
    assert before.keys() == after.keys()
    # One step of a constant 1e-6 per epoch from the weights of stage 1; AdamW moves each number by about its rate.
    assert all((after[name] - before[name]).abs().max() < 1e-5 for name in before)
    assert any(not torch.equal(after[name], before[name]) for name in before)


def test_the_result_is_evaluated_on_a_row_file_in_upstream_s_layout(workplace: Workplace, stages, root):
    (_, second), _ = stages
    (root / "test.txt").write_text("sample_00000000 25 happy -10\nsample_00000001 25 sad 0.5\n")
    folder = workplace.folder / "recipes" / "evaluation"
    workplace.evaluate(
        second, "data.train=null", "data.test=test.txt", "prompt.layout=upstream_eval", "prompt.task=emotion",
        "generation=upstream", f"output_dir={folder}",
    )  # fmt: skip
    answers = [json.loads(line) for line in (folder / "answers.jsonl").read_text().splitlines()]
    assert [answer["truth"] for answer in answers] == ["happy", "sad"]
    assert all(answer["prompt"].startswith("<s><s>[INST] <video><image><face>") for answer in answers)
    assert read_json(folder / "metrics.json")["evaluation"]["generation"]["max_new_tokens"] == 20


@pytest.mark.slow  # test_benchmarks.py evaluates on DFEW, and its question; the recipe composes in test_configs.py.
def test_dfew_asks_in_the_official_order(workplace: Workplace, tmp_path):
    root = make_dfew_folder(tmp_path / "DFEW", num_clips=12)
    folder = workplace.folder / "recipes" / "dfew"
    switches = ("inputs.face=false", "inputs.motion=false", "inputs.speech=false")
    workplace.call(
        REPO / "train.py", "experiment=dfew_finetune", *SMALL, *switches, f"data.root={root}",
        f"data.cache={tmp_path}/cache", f"output_dir={folder}",
    )  # fmt: skip
    workplace.evaluate(folder)
    first = json.loads((folder / "answers.jsonl").read_text().splitlines()[0])
    assert "represents: happy, sad, neutral, angry, surprise, disgust, fear." in first["prompt"]
    assert "says" not in first["prompt"]
