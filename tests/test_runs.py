"""Whole runs: what they leave behind, that they can be repeated and interrupted, and that ranks do not change them."""

import csv
import json
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from importlib import metadata
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import yaml
from runs import (
    REPO,
    Workplace,
    answers,
    file_hashes,
    history,
    read_json,
    saved_step,
    tensor_hashes,
    validations,
)
from safetensors.torch import load_file

from emolightning.records.labels import MER6
from emolightning.records.score_names import DEFINITIONS
from emolightning.runs.answers import latest_key, set_aside_other

NUM_CLIPS = {"train": 48, "val": 12, "test": 12}

CHAINS: dict[str, Callable[..., Any]] = {}
"""Fixture name -> the programs behind it."""


def chain(function: Callable[[Workplace, Path], Any]) -> Any:
    """A fixture that comes from programs run one after the other; several such chains run side by side.

    The function gets the workplace and the folder of the finished run.
    """
    CHAINS[function.__name__] = function

    def result(chains: dict[str, Future[Any]]) -> Any:
        return chains[function.__name__].result()

    return pytest.fixture(scope="module", name=function.__name__)(result)


@pytest.fixture(scope="module")
def chains(
    request: pytest.FixtureRequest, workplace: Workplace, trained: Path, background: ThreadPoolExecutor
) -> dict[str, "Future[Any]"]:
    """All chains that the selected tests need, started in the order of this file."""
    wanted = {name for item in request.session.items for name in getattr(item, "fixturenames", ())}
    return {name: background.submit(make, workplace, trained) for name, make in CHAINS.items() if name in wanted}


# What a run leaves behind


def test_the_run_folder_is_complete(trained: Path) -> None:
    files = {"config.yaml", "lineage.json", "metrics.csv", "answers.jsonl", "metrics.json"}
    assert files | {"checkpoints", "adapter", "wandb"} <= {path.name for path in trained.iterdir()}
    assert {path.name for path in (trained / "checkpoints").iterdir()} == {"best.ckpt", "last.ckpt"}
    assert not [path for path in trained.rglob("*") if path.name.endswith(".tmp")]


def test_config_yaml_is_resolved_and_composes_no_further(trained: Path) -> None:
    text = (trained / "config.yaml").read_text()
    config = yaml.safe_load(text)
    assert "${" not in text
    assert config["data"]["num_train"] == NUM_CLIPS["train"]
    assert config["output_dir"] == str(trained)


def test_lineage_says_where_the_run_comes_from(trained: Path) -> None:
    lineage = read_json(trained / "lineage.json")
    assert lineage["status"] == "finished"
    assert lineage["seed"] == 42
    assert "experiment=smoke" in lineage["command"]
    assert is_commit_of_this_checkout(lineage["git"]["commit"])
    assert lineage["packages"]["torch"] == metadata.version("torch")  # `__version__` may end with +cu130
    assert lineage["data"]["clips"] == NUM_CLIPS
    for digest in ("annotations_sha256", "features_sha256"):
        assert re.fullmatch("[0-9a-f]{64}", lineage["data"][digest])
    assert set(lineage["base_fingerprints"]) == {"language", "vision"}
    assert all(re.fullmatch("[0-9a-f]{64}", value) for value in lineage["base_fingerprints"].values())
    assert lineage["parent_checkpoint"] is None
    assert lineage["wandb_run_id"] in wandb_folder(trained).name


def is_commit_of_this_checkout(commit: str | None) -> bool:
    """HEAD, or one before it when somebody commits while tests run; None where this is no git checkout."""
    git = ["git", "-C", str(REPO)]
    if subprocess.run([*git, "rev-parse"], capture_output=True, check=False).returncode:
        return commit is None
    ancestor = [*git, "merge-base", "--is-ancestor", str(commit), "HEAD"]
    return subprocess.run(ancestor, capture_output=True, check=False).returncode == 0


@pytest.mark.parametrize("name", ["best", "last"])
def test_checkpoints_hold_trained_tensors_and_plain_values_only(trained: Path, name: str) -> None:
    checkpoint = torch.load(trained / "checkpoints" / f"{name}.ckpt", weights_only=True)
    names = list(checkpoint["state_dict"])
    assert names
    assert all(".lora_" in key or key.startswith("model.projections.") for key in names)
    assert sum(tensor.numel() for tensor in checkpoint["state_dict"].values()) < 250_000  # of 886 336 parameters
    assert checkpoint["base_fingerprints"] == read_json(trained / "lineage.json")["base_fingerprints"]


def test_the_adapter_folder_is_in_pefts_format_and_says_how_to_rebuild_the_model(trained: Path) -> None:
    from peft import LoraConfig, PeftConfig

    folder = trained / "adapter"
    names = {"adapter_config.json", "adapter_model.safetensors", "projections.safetensors", "emolightning.json"}
    names |= {"README.md"}
    assert {path.name for path in folder.iterdir()} == names
    config = PeftConfig.from_pretrained(str(folder))
    assert isinstance(config, LoraConfig)
    assert config.r == 16
    assert {name.partition(".")[0] for name in load_file(folder / "projections.safetensors")} == {
        "image",
        "class_token",
        "face",
        "motion",
        "speech",
    }
    description = read_json(folder / "emolightning.json")
    assert set(description) >= {"model", "features", "feature_widths", "inputs", "labels", "prompt", "frame"}
    assert description["labels"] == list(MER6)
    assert str(trained) not in json.dumps(description), "a folder that is shared names no folder of this machine"


def test_the_adapter_is_the_best_checkpoint(trained: Path) -> None:
    state = torch.load(trained / "checkpoints" / "best.ckpt", weights_only=True)["state_dict"]
    projections = load_file(trained / "adapter" / "projections.safetensors")
    adapter = load_file(trained / "adapter" / "adapter_model.safetensors")
    assert len(projections) + len(adapter) == len(state)
    for name, tensor in projections.items():
        assert torch.equal(tensor, state[f"model.projections.{name}"])
    for name, tensor in adapter.items():
        own = name.replace(".lora_A.", ".lora_A.default.").replace(".lora_B.", ".lora_B.default.")
        assert torch.equal(tensor, state[f"model.language.{own}"])


def test_metrics_csv_has_a_row_for_every_validation(trained: Path) -> None:
    rows = validations(trained)
    assert [row["epoch"] for row in rows] == ["0", "1", "2"]
    assert {"val/loss", "val/weighted_f1", "val/uar", "val/war", "val/unreadable", "val/f1/happy"} <= set(rows[-1])
    assert any("train/loss" in row for row in history(trained))


def test_answers_has_one_line_for_each_clip_of_the_split(trained: Path) -> None:
    lines = answers(trained)
    assert [line["id"] for line in lines] == sorted({line["id"] for line in lines})
    assert len(lines) == NUM_CLIPS["test"]
    for line in lines:
        assert line["truth"] in MER6
        assert (line["prediction"] is None) == (line["unscored_because"] is not None)
        assert "The person in video says:" in line["prompt"]
    assert any(line["prediction"] for line in lines), "the small run should have learned to answer with labels"


def test_metrics_json_has_the_documented_form_and_agrees_with_the_answers(trained: Path) -> None:
    report, lines = read_json(trained / "metrics.json"), answers(trained)
    documented = {
        "benchmark",
        "split",
        "num_clips",
        "num_scored",
        "unscored",
        "metrics",
        "per_class",
        "confusion_matrix",
        "warnings",
    }
    assert (
        documented
        <= set(report)
        <= documented
        | {"aliases", "reading", "sampling", "data", "evaluation", "model", "num_skipped", "skipped", "skipped_clips"}
    )
    assert (report["benchmark"], report["split"], report["num_clips"]) == ("synthetic", "test", NUM_CLIPS["test"])
    assert report["num_scored"] + sum(report["unscored"].values()) == report["num_clips"]
    assert report["num_scored"] == sum(line["prediction"] is not None for line in lines)
    assert set(report["metrics"]) == set(DEFINITIONS)
    for name, metric in report["metrics"].items():
        assert set(metric) >= {"value", "ci95", "definition"}
        assert metric["definition"] == DEFINITIONS[name]
        low, high = metric["ci95"]
        assert 0 <= low <= metric["value"] <= high <= 1
    assert set(report["per_class"]) == set(MER6)
    for row in report["per_class"].values():
        assert set(row) == {"precision", "recall", "f1", "support", "ci95"}
    matrix = report["confusion_matrix"]
    counts = np.array(matrix["counts"])
    assert matrix["labels"][: len(MER6)] == list(MER6)
    assert counts.shape == (len(MER6), len(matrix["labels"]))
    assert counts.sum(axis=1).tolist() == [report["per_class"][label]["support"] for label in MER6]
    assert report["metrics"]["war"]["value"] == np.mean([line["prediction"] == line["truth"] for line in lines])


def test_wandb_has_scores_and_configuration(workplace: Workplace, trained: Path) -> None:
    program = Path(sys.executable).parent / "wandb"
    command = [program, "leet", "inspect", "--summary", "--json", wandb_folder(trained)]
    shown = json.loads(subprocess.run(command, capture_output=True, text=True, timeout=60, check=True).stdout)
    last = validations(trained)[-1]
    for name in ("val/loss", "val/weighted_f1", "val/uar", "val/war"):
        assert found(shown["summary"], name) == pytest.approx(float(last[name]), abs=1e-6)
    saved = yaml.safe_load((trained / "config.yaml").read_text().replace(str(workplace.home), "~"))  # Their home.
    for group in ("data", "model", "optimizer", "schedule", "trainer", "seed"):
        assert shown["config"][group] == saved[group]


def wandb_folder(run: Path) -> Path:
    (folder,) = (run / "wandb").glob("offline-run-*")
    return folder


def found(summary: dict[str, Any], name: str) -> float:
    """A value of W&B's summary, which may be filed as `{"val": {"loss": ...}}`."""
    if name in summary:
        return summary[name]
    for part in name.split("/"):
        summary = summary[part]
    return summary  # type: ignore[return-value]


# Once more


@dataclass(frozen=True)
class Repeated:
    """The same folder trained twice: with another seed, then as `trained` was."""

    again: Path
    other_seed: Path
    output: str


@chain
def repeated(place: Workplace, trained: Path) -> Repeated:
    run = place.folder / "outputs" / "repeated"
    place.train(run, "seed=7")
    program = place.start_training(run)
    assert program.wait() == 0, program.description()
    aside = run.with_name("repeated.previous-1")
    place.evaluate(run)
    place.evaluate(aside)
    return Repeated(run, aside, program.output())


def test_the_same_seed_gives_the_same_run(trained: Path, repeated: Repeated) -> None:
    assert tensor_hashes(repeated.again) == tensor_hashes(trained)
    assert history(repeated.again) == history(trained)
    assert answers(repeated.again) == answers(trained)
    assert (repeated.again / "metrics.json").read_bytes() == (trained / "metrics.json").read_bytes()


def test_the_same_seed_gives_the_same_adapter_folder_to_the_byte(trained: Path, repeated: Repeated) -> None:
    assert file_hashes(repeated.again / "adapter") == file_hashes(trained / "adapter")


def test_another_seed_gives_another_run(trained: Path, repeated: Repeated) -> None:
    other, own = tensor_hashes(repeated.other_seed), tensor_hashes(trained)
    assert all(other[name] != own[name] for name in own)
    assert validations(repeated.other_seed) != validations(trained)
    assert (repeated.other_seed / "metrics.json").read_bytes() != (trained / "metrics.json").read_bytes()


def test_an_earlier_run_is_set_aside_whole_and_said(repeated: Repeated) -> None:
    aside = repeated.other_seed
    assert {"config.yaml", "lineage.json", "checkpoints", "adapter", "metrics.csv"} <= {p.name for p in aside.iterdir()}
    assert str(aside) in repeated.output
    assert read_json(aside / "lineage.json")["seed"] == 7


def test_a_run_folder_that_moved_is_evaluated_where_it_is_now(trained: Path, repeated: Repeated) -> None:
    assert yaml.safe_load((repeated.other_seed / "config.yaml").read_text())["output_dir"] == str(repeated.again)
    weights = [
        read_json(run / "metrics.json")["evaluation"]["weights_sha256"] for run in (repeated.other_seed, repeated.again)
    ]
    assert weights[0] != weights[1]
    assert weights[1] == read_json(trained / "metrics.json")["evaluation"]["weights_sha256"]


# Interrupted and continued


@dataclass
class Interrupted:
    """A run that was stopped twice and then finished."""

    run: Path
    stopped_at: list[int] = field(default_factory=list)
    codes: list[int] = field(default_factory=list)
    statuses: list[str] = field(default_factory=list)
    outputs: list[str] = field(default_factory=list)
    hashes: dict[str, str] = field(default_factory=dict)


def interrupt(place: Workplace, name: str, stops: list[tuple[int, signal.Signals]]) -> Interrupted:
    """Train, send a signal when so many steps are saved, resume ..., finish."""
    result = Interrupted(place.folder / "outputs" / name)
    often = "checkpoints.every_num_steps=2"
    for num_steps, number in stops:
        program = place.start_training(result.run, often, "resume=auto")
        result.codes.append(program.signal_when(lambda wanted=num_steps: saved_step(result.run) >= wanted, number))
        result.stopped_at.append(saved_step(result.run))
        result.statuses.append(read_json(result.run / "lineage.json")["status"])
        result.outputs.append(program.output())
        assert program.has_ended_whole()
    place.train(result.run, often, "resume=auto")
    return result


@chain
def killed(place: Workplace, trained: Path) -> Interrupted:
    """In mid-epoch, and right behind a validation: an epoch has 6 steps. Then between the last step and the export."""
    result = interrupt(place, "killed", [(8, signal.SIGKILL), (12, signal.SIGKILL)])
    result.hashes = tensor_hashes(result.run)
    shutil.rmtree(result.run / "adapter")
    place.train(result.run, "checkpoints.every_num_steps=2", "resume=auto")
    return result


@chain
def stopped(place: Workplace, trained: Path) -> Interrupted:
    return interrupt(place, "stopped", [(4, signal.SIGTERM), (10, signal.SIGINT)])


def test_a_killed_run_continues_to_the_same_weights(trained: Path, killed: Interrupted) -> None:
    assert killed.codes == [-signal.SIGKILL] * 2
    assert 8 <= killed.stopped_at[0] < 12 <= killed.stopped_at[1] < 18
    assert killed.hashes == tensor_hashes(trained)


def test_a_killed_run_continues_to_the_same_history(trained: Path, killed: Interrupted) -> None:
    assert validations(killed.run) == validations(trained)
    assert history(killed.run) == history(trained)


@chain
def told(place: Workplace, trained: Path) -> Interrupted:
    return interrupt(place, "told", [(10, signal.SIGINT)])


def test_ctrl_c_ends_a_run_that_continues_to_the_same_weights(trained: Path, told: Interrupted) -> None:
    assert told.codes == [128 + signal.SIGINT]
    assert told.statuses == ["interrupted"]
    assert 10 <= told.stopped_at[0] < 18
    assert "resume=auto" in told.outputs[0]
    assert "Traceback" not in told.outputs[0]
    assert tensor_hashes(told.run) == tensor_hashes(trained)
    assert validations(told.run) == validations(trained)


@pytest.mark.slow  # SIGTERM, and what is continued after it, are in test_workers.py and below on two ranks.
def test_signals_end_a_run_with_their_code_and_a_checkpoint(stopped: Interrupted) -> None:
    assert stopped.codes == [128 + signal.SIGTERM, 128 + signal.SIGINT]
    assert stopped.statuses == ["interrupted"] * 2
    assert 4 <= stopped.stopped_at[0] < 10 <= stopped.stopped_at[1] < 18
    for output in stopped.outputs:
        assert "resume=auto" in output
        assert "Traceback" not in output


@pytest.mark.slow
def test_a_stopped_run_continues_to_the_same_weights(trained: Path, stopped: Interrupted) -> None:
    assert tensor_hashes(stopped.run) == tensor_hashes(trained)
    assert validations(stopped.run) == validations(trained)


def test_a_run_killed_behind_its_last_step_still_gets_its_adapter(trained: Path, killed: Interrupted) -> None:
    assert read_json(killed.run / "lineage.json")["status"] == "finished"
    assert tensor_hashes(killed.run) == tensor_hashes(trained)
    assert history(killed.run) == history(trained)


# Evaluations


@dataclass(frozen=True)
class Evaluations:
    """What eval.py made of one run, in this order."""

    from_file: Path
    from_adapter: Path
    run: Path
    all_clips: dict[str, Any]
    test_again: Path
    aside: list[Path]
    continued: Path
    kept_seconds: tuple[list[float], list[float]]
    shuffled: Path


@chain
def evaluations(place: Workplace, trained: Path) -> Evaluations:
    folder = place.folder / "evaluations"
    from_file, from_adapter, shuffled = (folder / name for name in ("file", "adapter", "shuffled"))
    place.evaluate(trained / "checkpoints" / "best.ckpt", f"output_dir={from_file}")
    place.evaluate(trained / "adapter", f"output_dir={from_adapter}")
    place.evaluate(trained, "shuffle=[image,transcript]", f"output_dir={shuffled}")
    run = folder / "run"
    shutil.copytree(trained, run)
    place.evaluate(run, "split=all")
    all_clips = read_json(run / "metrics.json")
    place.evaluate(run)
    aside = sorted((run / "evaluations").iterdir())
    test_again = folder / "again"
    shutil.copytree(run, test_again)
    kept_seconds = continue_interrupted(place, run)
    return Evaluations(from_file, from_adapter, run, all_clips, test_again, aside, test_again, kept_seconds, shuffled)


def continue_interrupted(place: Workplace, run: Path) -> tuple[list[float], list[float]]:
    """Cut answers.jsonl as a kill does, evaluate again; the times of the kept answers before and after."""
    lines = (run / "answers.jsonl").read_text().splitlines(keepends=True)
    kept = lines[:5]
    (run / "answers.jsonl").write_text("".join(kept) + lines[5][: len(lines[5]) // 2])
    (run / "metrics.json").unlink()
    place.evaluate(run)
    after = (run / "answers.jsonl").read_text().splitlines()
    before_s, after_s = ([json.loads(line)["seconds"] for line in part] for part in (kept, after[:5]))
    return before_s, after_s


@pytest.mark.parametrize("name", ["from_file", "from_adapter"])
def test_file_adapter_and_run_folder_are_the_same_model(trained: Path, evaluations: Evaluations, name: str) -> None:
    other = getattr(evaluations, name)
    assert answers(other) == answers(trained)
    assert (other / "metrics.json").read_bytes() == (trained / "metrics.json").read_bytes()
    assert {"config.yaml", "lineage.json"} <= {path.name for path in other.iterdir()}


def test_a_page_says_when_its_evaluation_began(trained: Path, evaluations: Evaluations) -> None:
    for folder in (trained, evaluations.from_file):
        lineage = read_json(folder / "lineage.json")
        began = lineage["evaluations"][latest_key(folder)]["started"][:16].replace("T", " ")
        page = (folder / "report.html").read_text(encoding="utf-8")
        assert f'<span class="muted">evaluated</span> {began} UTC' in page
        assert ('<span class="muted">trained</span>' in page) == (folder == trained)


def test_an_evaluation_elsewhere_leaves_the_run_as_it_is(trained: Path, evaluations: Evaluations) -> None:
    assert not (trained / "evaluations").exists()
    assert read_json(trained / "lineage.json")["status"] == "finished"


def test_split_all_answers_every_clip(evaluations: Evaluations) -> None:
    assert evaluations.all_clips["split"] == "all"
    assert evaluations.all_clips["num_clips"] == sum(NUM_CLIPS.values())


def test_an_evaluation_of_another_split_sets_the_earlier_one_aside(trained: Path, evaluations: Evaluations) -> None:
    by_split = {read_json(path / "metrics.json")["split"]: path for path in evaluations.aside}
    assert set(by_split) == {"all"}  # that of the test split came back up when it was asked for again
    assert len((by_split["all"] / "answers.jsonl").read_text().splitlines()) == sum(NUM_CLIPS.values())
    assert answers(evaluations.test_again) == answers(trained)
    assert (evaluations.test_again / "metrics.json").read_bytes() == (trained / "metrics.json").read_bytes()


def test_an_unfinished_evaluation_is_not_set_aside_over_a_finished_one(tmp_path: Path) -> None:
    """Evaluate A, evaluate B, start A again and kill it, evaluate B: the first answers of A are still somewhere."""
    line = '{{"id": "clip{0}", "key": "A", "answer": "sad", "prompt": "", "truth": "sad", "seconds": 1.0}}\n'
    for num_answers in (3, 1):
        (tmp_path / "answers.jsonl").write_text("".join(line.format(number) for number in range(num_answers)))
        set_aside_other(tmp_path, "B")
    kept = "".join(path.read_text() for path in tmp_path.rglob("answers.jsonl"))
    assert all(f"clip{number}" in kept for number in range(3))


def test_an_interrupted_evaluation_continues(trained: Path, evaluations: Evaluations) -> None:
    assert answers(evaluations.run) == answers(trained)
    assert (evaluations.run / "metrics.json").read_bytes() == (trained / "metrics.json").read_bytes()
    before_s, after_s = evaluations.kept_seconds
    assert after_s == before_s, "answers that were there were made again"


def test_shuffled_inputs_come_from_other_clips(trained: Path, evaluations: Evaluations) -> None:
    own, shuffled = answers(trained), answers(evaluations.shuffled)
    assert read_json(evaluations.shuffled / "metrics.json")["evaluation"]["shuffle"] == ["image", "transcript"]
    assert [line["id"] for line in shuffled] == [line["id"] for line in own]
    assert sorted(line["prompt"] for line in shuffled) == sorted(line["prompt"] for line in own)
    assert all(a["prompt"] != b["prompt"] for a, b in zip(own, shuffled, strict=True))


# Other settings


@chain
def voice_only(place: Workplace, trained: Path) -> Path:
    run = place.train(
        place.folder / "outputs" / "voice", "modalities=[audio]", "prompt.pool=all", "trainer.max_epochs=1"
    )
    place.evaluate(run)
    return run


def test_modalities_are_recorded_and_leave_the_sequence(voice_only: Path) -> None:
    report = read_json(voice_only / "metrics.json")
    assert report["evaluation"]["inputs"] == ["speech"]
    assert set(load_file(voice_only / "adapter" / "projections.safetensors")) == {"speech.weight", "speech.bias"}
    for line in answers(voice_only):
        assert "<speech>" in line["prompt"]
        assert not re.search("<(image|face|motion|class_token)>|says", line["prompt"])


WIDTHS = {"face": 5, "motion": 6, "speech": 7}
FOLDERS = {"face": "mae_340_UTT", "motion": "maeV_399_UTT", "speech": "HL-UTT"}


@chain
def own_features(place: Workplace, trained: Path) -> Path:
    """Vectors from folders, three frames a clip, another optimizer and schedule, bfloat16."""
    root = place.folder / "features"
    with (place.home / "clips" / "annotations.csv").open(newline="") as file:
        names = [Path(row["video_name"]).stem for row in csv.DictReader(file, skipinitialspace=True)]
    random = np.random.default_rng(0)
    for name, width in WIDTHS.items():
        (root / FOLDERS[name]).mkdir(parents=True)
        for clip in names:
            shape = (3, width) if name == "motion" else (width,)
            np.save(root / FOLDERS[name] / f"{clip}.npy", random.normal(size=shape).astype(np.float32))
    optimizer = ("optimizer._target_=torch.optim.Adam", "optimizer.lr=1e-3", "optimizer.weight_decay=0")
    schedule = ("schedule.warmup_steps=2", "schedule.start_factor=0.5", "schedule.final_factor=1.0")
    run = place.train(
        place.folder / "outputs" / "own_features",
        "features=folders",
        f"features.root={root}",
        "data.frame=even:3",
        *optimizer,
        *schedule,
        "trainer.precision=bf16-mixed",
        "trainer.max_epochs=2",
        "trainer.log_every_n_steps=1",
    )
    place.evaluate(run)
    return run


def test_features_of_any_width_and_length_are_used(own_features: Path) -> None:
    description = read_json(own_features / "adapter" / "emolightning.json")
    assert description["feature_widths"] == WIDTHS
    assert description["frame"] == "even:3"
    shapes = {
        name: tuple(t.shape) for name, t in load_file(own_features / "adapter" / "projections.safetensors").items()
    }
    assert {name: shapes[f"{name}.weight"][1] for name in WIDTHS} == WIDTHS
    report = read_json(own_features / "metrics.json")
    assert report["num_clips"] == NUM_CLIPS["test"]
    assert report["evaluation"]["frame"] == "even:3"


def test_optimizer_and_schedule_follow_the_overrides(own_features: Path) -> None:
    rates = [
        float(value) for row in history(own_features) for name, value in row.items() if re.match("lr-.*pg1$", name)
    ]
    assert rates == pytest.approx([5e-4, 7.5e-4, *[1e-3] * 10])


def test_a_run_in_bfloat16_learns_and_keeps_full_precision_weights(own_features: Path) -> None:
    state = torch.load(own_features / "checkpoints" / "last.ckpt", weights_only=True)["state_dict"]
    assert {tensor.dtype for tensor in state.values()} == {torch.float32}
    first, last = (float(row["val/loss"]) for row in validations(own_features))
    assert last < first


# The same steps, divided in another way: one process with 8 clips, two halves one after the other, two processes

SAME_STEPS = ("model.lora.dropout=0", "trainer.max_epochs=2", "trainer.log_every_n_steps=1")


@chain
def one_rank(place: Workplace, trained: Path) -> Path:
    return place.train(place.folder / "outputs" / "one_rank", *SAME_STEPS)


@chain
def accumulated(place: Workplace, trained: Path) -> Path:
    halves = ("data.batch_size=4", "trainer.accumulate_grad_batches=2")
    return place.train(place.folder / "outputs" / "accumulated", *SAME_STEPS, *halves)


@chain
def stopped_ranks(place: Workplace, trained: Path) -> tuple[Interrupted, Interrupted]:
    """Two ranks told to stop in the first epoch, as schedulers do; continued by two, and by one with the clips of both.

    That one is refused first, with the clips of one rank.
    """
    two, one = (Interrupted(place.folder / "outputs" / name) for name in ("two_ranks", "on_fewer_ranks"))
    ranks = (*SAME_STEPS, "trainer=ddp", "trainer.accelerator=cpu", "data.batch_size=4")
    program = place.start_training(two.run, *ranks, "checkpoints.every_num_steps=2")
    two.codes.append(program.signal_when(lambda: saved_step(two.run) >= 2, signal.SIGTERM))
    two.stopped_at.append(saved_step(two.run))
    two.statuses.append(read_json(two.run / "lineage.json")["status"])
    assert program.has_ended_whole(), program.description()
    shutil.copytree(two.run, one.run)
    place.train(two.run, *ranks, "checkpoints.every_num_steps=2", "resume=auto")
    program = place.start_training(one.run, *SAME_STEPS, "data.batch_size=4", "resume=auto")
    assert program.wait() == 1, program.description()
    one.outputs.append(program.output())
    place.train(one.run, *SAME_STEPS, "resume=auto")
    return two, one


@pytest.fixture(scope="module")
def two_ranks(stopped_ranks: tuple[Interrupted, Interrupted]) -> Interrupted:
    return stopped_ranks[0]


@pytest.fixture(scope="module")
def on_fewer_ranks(stopped_ranks: tuple[Interrupted, Interrupted]) -> Interrupted:
    return stopped_ranks[1]


@chain
def evaluated_on_two_ranks(place: Workplace, trained: Path) -> Path:
    folder = place.folder / "evaluations" / "two_ranks"
    place.evaluate(trained, "trainer=ddp", "trainer.accelerator=cpu", "data.batch_size=5", f"output_dir={folder}")
    return folder


def assert_same_validations(run: Path, other: Path) -> None:
    ours, theirs = validations(run), validations(other)
    assert [(row["epoch"], row["step"]) for row in ours] == [(row["epoch"], row["step"]) for row in theirs]
    for row, expected in zip(ours, theirs, strict=True):
        assert row.keys() == expected.keys()
        losses = {name: float(row.pop(name)) for name in list(row) if "/loss" in name}
        assert losses == pytest.approx({name: float(expected.pop(name)) for name in losses}, abs=1e-4)
        assert row == expected


@pytest.mark.slow  # test_accumulation.py compares sums with those of plain PyTorch.
def test_gradients_accumulated_over_halves_are_those_of_the_whole(one_rank: Path, accumulated: Path) -> None:
    assert_same_validations(accumulated, one_rank)


@pytest.mark.multi_process
def test_two_ranks_learn_what_one_learns(one_rank: Path, two_ranks: Interrupted) -> None:
    assert_same_validations(two_ranks.run, one_rank)


@pytest.mark.multi_process
def test_a_run_continues_on_fewer_ranks(one_rank: Path, on_fewer_ranks: Interrupted) -> None:
    """As `test_sigterm_ends_all_ranks_with_a_checkpoint` sees it stopped."""
    assert_same_validations(on_fewer_ranks.run, one_rank)
    rows = {row["step"]: float(row["train/loss"]) for row in history(on_fewer_ranks.run) if "train/loss" in row}
    expected = {row["step"]: float(row["train/loss"]) for row in history(one_rank) if "train/loss" in row}
    assert len(expected) == 12
    assert rows == pytest.approx(expected, abs=1e-5)


@pytest.mark.multi_process
def test_other_clips_in_a_step_are_refused_with_the_setting_to_use(on_fewer_ranks: Interrupted) -> None:
    (output,) = on_fewer_ranks.outputs
    assert "2 processes of 4 clips before, 1 process of 4 now; with 1 process say data.batch_size=8" in output


@pytest.mark.multi_process
def test_sigterm_ends_all_ranks_with_a_checkpoint(two_ranks: Interrupted) -> None:
    assert two_ranks.codes == [128 + signal.SIGTERM]
    assert two_ranks.statuses == ["interrupted"]
    assert 2 <= two_ranks.stopped_at[0] < 12


@pytest.mark.slow  # test_ranks.py compares the answers of two ranks with the same run.
@pytest.mark.multi_process
def test_two_ranks_give_the_answers_of_one(trained: Path, evaluated_on_two_ranks: Path) -> None:
    assert answers(evaluated_on_two_ranks) == answers(trained)
    assert (evaluated_on_two_ranks / "metrics.json").read_bytes() == (trained / "metrics.json").read_bytes()
    assert not list(evaluated_on_two_ranks.glob("answers.rank*"))
