"""W&B: what a run's record holds, read back; that it goes on under its id; that no server and no error ends a run."""

import csv
import json
import shutil
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

import pytest
import wandb_files
from runs import REPO, SMALL, Workplace, read_json
from safetensors.torch import load_file

from emolightning.training.loggers import tracking

UNREACHABLE = {"WANDB_API_KEY": "a" * 40, "WANDB_BASE_URL": "http://127.0.0.1:9"}


@pytest.fixture(scope="module")
def record(trained: Path) -> Path:
    """The W&B folder of a finished run."""
    return wandb_files.offline_runs(trained)[0]


@pytest.fixture(scope="module")
def continued(workplace: Workplace, trained: Path, background: ThreadPoolExecutor) -> "Future[Path]":
    """The run trained on in a copy, on data marked private, and evaluated; all of it logged."""
    return background.submit(_continue, workplace, trained)


def _continue(place: Workplace, trained: Path) -> Path:
    run = place.folder / "outputs" / "continued"
    shutil.copytree(trained, run)
    words = ("resume=auto", "trainer.max_epochs=5", "logger=[wandb,tensorboard]", "data.private=true")
    described = ("tags=[tiny,private]", f"notes='clips of {place.home}/clips'", "logger.wandb.group=a group")
    place.train(run, "run_name=trained", *words, *described)
    place.evaluate(run, "logger=wandb")
    return run


@pytest.fixture(scope="module")
def untrained(workplace: Workplace, background: ThreadPoolExecutor) -> "Future[Path]":
    """The W&B folder of a run that fails when there is no adapter to export."""

    def train() -> Path:
        run = workplace.folder / "outputs" / "untrained"
        words = (*SMALL, *workplace.clips, "logger=wandb", "+trainer.max_time=00:00:00:00", f"output_dir={run}")
        workplace.call(REPO / "train.py", *words, code=1)
        return wandb_files.offline_runs(run)[0]

    return background.submit(train)


@pytest.fixture(scope="module")
def unreachable(workplace: Workplace, trained: Path, background: ThreadPoolExecutor) -> "Future[tuple[Path, str]]":
    """A run whose server refuses, and what it printed."""

    def train() -> tuple[Path, str]:
        run = workplace.folder / "outputs" / "unreachable"
        words = (*SMALL, *workplace.clips, "logger=[csv,wandb]", "trainer.max_epochs=1", f"output_dir={run}")
        return run, workplace.call(REPO / "train.py", *words, **UNREACHABLE)

    return background.submit(train)


def csv_values(run: Path, name: str) -> list[float]:
    with (run / "metrics.csv").open(newline="") as file:
        return [float(row[name]) for row in csv.DictReader(file) if row.get(name)]


@pytest.mark.parametrize(
    "name",
    [
        "train/loss",
        "train/grad_norm",
        "train/clips_per_s",
        "train/tokens_per_s",
        "train/peak_memory_gb",
        "val/loss",
        "val/war",
        "val/weighted_f1",
        "val/unreadable",
        "val/f1/happy",
    ],
)
def test_the_history_of_a_metric_is_that_of_metrics_csv(trained: Path, record: Path, name: str) -> None:
    values = [value for _, value in wandb_files.history(record, name)]
    assert values
    assert values == pytest.approx(csv_values(trained, name))


def test_the_learning_rate_is_logged(record: Path) -> None:
    names = {name for item in wandb_files.records(record, "history") for name in item["item"]}
    assert any(name.startswith("lr-") for name in names)


def test_the_axis_is_the_optimizer_step_and_the_best_stands_beside_the_last(trained: Path, record: Path) -> None:
    metrics = wandb_files.records(record, "metric")
    assert any(m.get("glob_name") == "*" and m["step_metric"] == tracking.STEP for m in metrics)
    last = wandb_files.summary(record)["summary"]
    assert last["val/weighted_f1"] == pytest.approx(csv_values(trained, "val/weighted_f1")[-1])
    assert last["best/val/weighted_f1"] == pytest.approx(max(csv_values(trained, "val/weighted_f1")))
    assert last["best/val/loss"] == pytest.approx(min(csv_values(trained, "val/loss")))


def test_the_run_says_what_it_is(trained: Path, record: Path) -> None:
    (run, *_) = wandb_files.records(record, "run")
    assert run["run_id"] == read_json(trained / "lineage.json")["wandb_run_id"]
    assert (run["job_type"], run["project"], run["display_name"]) == ("train", "emolightning", "smoke")
    assert "host" not in run
    assert wandb_files.summary(record)["config"]["data"]["num_train"] == 48


def test_the_run_says_how_it_is_described(continued: "Future[Path]") -> None:
    _, training, *_ = wandb_files.offline_runs(continued.result())
    (run, *_) = wandb_files.records(training, "run")
    assert (run["tags"], run["run_group"]) == (["tiny", "private"], "a group")
    assert run["notes"] == "clips of ~/clips"


def test_tables_hold_the_parts_the_predictions_and_the_confusions(trained: Path, record: Path) -> None:
    predictions = wandb_files.table(record, "val/predictions")
    assert len(predictions) == 12
    assert set(predictions[0]) == {"clip", "transcript", "truth", "answer", "prediction", "correct"}
    right = sum(row["correct"] for row in predictions)
    assert right / 12 == pytest.approx(csv_values(trained, "val/war")[-1])
    cells = wandb_files.table(record, "val/confusion_matrix")
    assert sum(cell["clips"] for cell in cells) == 12
    assert sum(cell["clips"] for cell in cells if cell["truth"] == cell["answer"]) == right
    rows = wandb_files.table(record, "trained_parameters")
    tensors = [tensor for path in (trained / "adapter").glob("*.safetensors") for tensor in load_file(path).values()]
    assert sum(row["trained"] for row in rows) == sum(tensor.numel() for tensor in tensors)
    assert wandb_files.table(record, "val/confusion_matrix_plot_table")


def test_artifacts_are_the_adapter_and_the_data(trained: Path, record: Path) -> None:
    lineage = read_json(trained / "lineage.json")
    (model,) = wandb_files.artifacts(record, "model")
    assert model["name"] == f"adapter-{lineage['wandb_run_id']}"
    assert {item["path"] for item in model["manifest"]["contents"]} == {p.name for p in (trained / "adapter").iterdir()}
    (dataset,) = wandb_files.artifacts(record, "dataset")
    assert "clip_list.csv" in {item["path"] for item in dataset["manifest"]["contents"]}
    names = [item["name"] for item in lineage["artifacts"]["logged"]]
    assert names == [model["name"], dataset["name"]]


def test_no_path_of_the_home_folder_leaves(workplace: Workplace, record: Path) -> None:
    config = json.dumps(wandb_files.summary(record)["config"])
    assert str(workplace.home) not in config
    assert "~/outputs/trained" in config
    assert not wandb_files.records(record, "environment")
    for path in (record / "files").rglob("*"):
        assert path.is_dir() or str(workplace.home) not in path.read_text(errors="replace")
    sent = wandb_files.staged(record)
    assert {"emolightning.json", "adapter_config.json", "projections.safetensors", "clip_list.csv"} <= set(sent)
    assert [name for name, content in sent.items() if str(workplace.home).encode() in content] == []


def test_a_finished_run_alerts_when_all_is_written(trained: Path, record: Path) -> None:
    (alert,) = wandb_files.records(record, "alert")
    score = csv_values(trained, "val/weighted_f1")[-1]
    assert (alert["title"], alert["text"]) == ("run finished", f"18 steps, val/weighted_f1 {score:.4f}")
    written = [kind for kind in wandb_files.kinds(record) if kind in ("alert", "artifact", "history")]
    assert set(written) == {"alert", "artifact", "history"}
    assert written[-1] == "alert"


def test_a_run_that_cannot_be_exported_alerts_that_it_failed(untrained: "Future[Path]") -> None:
    (alert,) = wandb_files.records(untrained.result(), "alert")
    assert (alert["title"], alert["level"]) == ("run failed", "ERROR")
    assert "nothing was trained" in alert["text"]


def test_a_continued_run_keeps_its_id_and_its_best(trained: Path, continued: "Future[Path]") -> None:
    run = continued.result()
    lineage = read_json(run / "lineage.json")
    assert lineage["wandb_run_id"] == read_json(trained / "lineage.json")["wandb_run_id"]
    first, second, *_ = wandb_files.offline_runs(run)
    assert wandb_files.summary(first)["run_id"] == wandb_files.summary(second)["run_id"] == lineage["wandb_run_id"]
    assert wandb_files.history(second, "val/war")[0][0] > wandb_files.history(first, "val/war")[-1][0]
    best = wandb_files.summary(second)["summary"]["best/val/weighted_f1"]
    assert best == pytest.approx(max(csv_values(run, "val/weighted_f1")))


def test_an_evaluation_is_a_run_of_its_own_that_names_the_adapter(continued: "Future[Path]") -> None:
    run = continued.result()
    lineage, record = read_json(run / "lineage.json"), wandb_files.offline_runs(run)[2]
    (noted,) = [each for each in lineage["evaluations"].values() if "wandb_run_id" in each]
    (started, *_) = wandb_files.records(record, "run")
    assert (started["job_type"], started["run_group"]) == ("eval", "trained")
    assert started["run_id"] == noted["wandb_run_id"] != lineage["wandb_run_id"]
    used = [(item["name"], item["declared"]) for item in noted["artifacts"]["used"]]
    assert Path(noted["command"][0]).name == "eval.py"
    assert used == [(f"adapter-{lineage['wandb_run_id']}", False)]
    report = read_json(run / "metrics.json")
    assert wandb_files.summary(record)["summary"]["test/war"] == pytest.approx(report["metrics"]["war"]["value"])
    counts = report["confusion_matrix"]["counts"]
    cells = [cell["clips"] for cell in wandb_files.table(record, "test/confusion_matrix")]
    assert cells == [number for row in counts for number in row]
    logged = wandb_files.summary(record)["summary"]
    assert logged["test/figures/confusion"]["_type"] == logged["test/figures/per-class"]["_type"] == "html-file"


def test_the_training_is_told_its_test_scores(continued: "Future[Path]") -> None:
    run = continued.result()
    record = wandb_files.offline_runs(run)[3]
    (started, *_) = wandb_files.records(record, "run")
    assert started["run_id"] == read_json(run / "lineage.json")["wandb_run_id"]
    assert {"job_type", "run_group", "display_name", "notes"}.isdisjoint(started)
    told, metrics = wandb_files.summary(record)["summary"], read_json(run / "metrics.json")["metrics"]
    assert told["test/war"] == pytest.approx(metrics["war"]["value"])


def test_of_private_data_no_transcript_leaves(continued: "Future[Path]") -> None:
    run = continued.result()
    answers = [json.loads(line) for line in (run / "answers.jsonl").read_text().splitlines()]
    spoken = [line["prompt"].partition("video says: ")[2].partition(". ")[0] for line in answers]
    assert all(len(text) > 5 for text in spoken)
    _, training, evaluation, _ = wandb_files.offline_runs(run)
    for folder, split in ((training, "val"), (evaluation, "test")):
        rows = wandb_files.table(folder, f"{split}/predictions")
        assert {"transcript", "answer"}.isdisjoint(rows[0])
        assert len(rows) == 12
        kept = "".join(path.read_text(errors="replace") for path in folder.rglob("*") if path.is_file())
        assert not [text for text in spoken if text in kept]
        sent = b"".join(wandb_files.staged(folder).values()).decode(errors="replace")
        assert not [text for text in spoken if text in sent]
    assert wandb_files.staged(training)["clip_list.csv"].startswith(b"id,split,label\n")
    assert "val/sample_answers" not in wandb_files.summary(training)["summary"]
    (artifact,) = wandb_files.artifacts(evaluation, "evaluation")
    assert [item["path"] for item in artifact["manifest"]["contents"]] == ["metrics.json"]


def test_a_run_without_its_server_finishes_and_says_how_to_sync(unreachable: "Future[tuple[Path, str]]") -> None:
    run, output = unreachable.result()
    assert read_json(run / "lineage.json")["status"] == "finished"
    (folder,) = wandb_files.offline_runs(run)
    assert f"wandb sync {folder}" in output
    assert "Traceback" not in output
    assert wandb_files.summary(folder)["run_id"] == read_json(run / "lineage.json")["wandb_run_id"]
