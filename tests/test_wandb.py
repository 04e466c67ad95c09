"""W&B: what a run's record holds, read back; that it goes on under its id; that no server and no error ends a run."""

import csv
import json
import os
import shutil
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import wandb_files
from runs import REPO, SMALL, Workplace, read_json
from safetensors.torch import load_file

from callbacks.predictions import Row, prediction_table
from emolightning.lineage import loggable, write_json
from emolightning.training import tracking
from emolightning.training.artifacts import artifact_name, log_artifact, use_artifact
from emolightning.training.tracking import WandbLog, choose_id, choose_mode
from emolightning.wandb_record import EvaluationRecord, reported

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
    described = ("tags=[tiny,private]", f"notes='clips of {place.folder}/clips'", "logger.wandb.group=a group")
    place.train(run, "run_name=trained", *words, *described)
    place.evaluate(run, "logger=wandb")
    return run


@pytest.fixture(scope="module")
def untrained(workplace: Workplace, background: ThreadPoolExecutor) -> "Future[Path]":
    """The W&B folder of a run that fails when there is no adapter to export."""

    def train() -> Path:
        run = workplace.folder / "outputs" / "untrained"
        words = (*SMALL, *workplace.clips, "logger=wandb", "trainer.max_epochs=0", f"output_dir={run}")
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
    assert (run["job_type"], run["project"], run["display_name"]) == ("train", "emolightning", "trained")
    assert "host" not in run
    assert wandb_files.summary(record)["config"]["data"]["num_train"] == 48


def test_the_run_says_how_it_is_described(continued: "Future[Path]") -> None:
    _, training, _ = wandb_files.offline_runs(continued.result())
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
    assert str(workplace.folder) not in config  # the home of the programs
    assert "~/outputs/trained" in config
    assert not wandb_files.records(record, "environment")
    for path in (record / "files").rglob("*"):
        assert path.is_dir() or str(workplace.folder) not in path.read_text(errors="replace")
    sent = wandb_files.staged(record)
    assert {"emolightning.json", "adapter_config.json", "projections.safetensors", "clip_list.csv"} <= set(sent)
    assert [name for name, content in sent.items() if str(workplace.folder).encode() in content] == []


def test_a_finished_run_alerts_when_all_is_written(trained: Path, record: Path) -> None:
    (alert,) = wandb_files.records(record, "alert")
    score = csv_values(trained, "val/weighted_f1")[-1]
    assert (alert["title"], alert["text"]) == ("run finished", f"24 steps, val/weighted_f1 {score:.4f}")
    kinds = [kind for kind in wandb_files.kinds(record) if kind in ("alert", "artifact")]
    assert kinds == ["artifact", "artifact", "alert"]


def test_a_run_that_cannot_be_exported_alerts_that_it_failed(untrained: "Future[Path]") -> None:
    (alert,) = wandb_files.records(untrained.result(), "alert")
    assert (alert["title"], alert["level"]) == ("run failed", "ERROR")
    assert "nothing was trained" in alert["text"]


def test_a_continued_run_keeps_its_id_and_its_best(trained: Path, continued: "Future[Path]") -> None:
    run = continued.result()
    lineage = read_json(run / "lineage.json")
    assert lineage["wandb_run_id"] == read_json(trained / "lineage.json")["wandb_run_id"]
    first, second, _ = wandb_files.offline_runs(run)
    assert wandb_files.summary(first)["run_id"] == wandb_files.summary(second)["run_id"] == lineage["wandb_run_id"]
    assert wandb_files.history(second, "val/war")[0][0] > wandb_files.history(first, "val/war")[-1][0]
    best = wandb_files.summary(second)["summary"]["best/val/weighted_f1"]
    assert best == pytest.approx(max(csv_values(run, "val/weighted_f1")))


def test_an_evaluation_is_a_run_of_its_own_that_names_the_adapter(continued: "Future[Path]") -> None:
    run = continued.result()
    lineage, record = read_json(run / "lineage.json"), wandb_files.offline_runs(run)[-1]
    ((_, noted),) = lineage["evaluations"].items()
    (started, *_) = wandb_files.records(record, "run")
    assert (started["job_type"], started["run_group"]) == ("eval", "trained")
    assert started["run_id"] == noted["wandb_run_id"] != lineage["wandb_run_id"]
    used = [(item["name"], item["declared"]) for item in noted["artifacts"]["used"]]
    assert used == [(f"adapter-{lineage['wandb_run_id']}", False)]
    report = read_json(run / "metrics.json")
    assert wandb_files.summary(record)["summary"]["test/war"] == pytest.approx(report["metrics"]["war"]["value"])
    counts = report["confusion_matrix"]["counts"]
    cells = [cell["clips"] for cell in wandb_files.table(record, "test/confusion_matrix")]
    assert cells == [number for row in counts for number in row]


def test_of_private_data_no_transcript_leaves(continued: "Future[Path]") -> None:
    run = continued.result()
    answers = [json.loads(line) for line in (run / "answers.jsonl").read_text().splitlines()]
    spoken = [line["prompt"].partition("video says: ")[2].partition(". ")[0] for line in answers]
    assert all(len(text) > 5 for text in spoken)
    _, training, evaluation = wandb_files.offline_runs(run)
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


# Without a program


@pytest.fixture
def offline(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """A logger whose W&B run answers every call with an error."""

    class Broken:
        id = "abcd1234"

        def __getattr__(self, name: str) -> Any:
            raise ConnectionError("gone")

    logger = WandbLog(save_dir=str(tmp_path), project="p", name="n", mode="offline")
    logger._experiment = Broken()  # type: ignore[assignment]
    return logger


def test_whatever_wandb_raises_is_one_warning(offline: WandbLog, caplog: pytest.LogCaptureFixture) -> None:
    for step in range(3):
        offline.log_metrics({"val/war": 0.5}, step)
    offline.log_hyperparams({"a": 1})
    offline.log_table("t", columns=["a"], data=[[1]])
    offline.alert("title", "text")
    offline.end(exit_code=0)
    warned = [record.message for record in caplog.records]
    assert len(warned) == 5
    assert sum("metrics could not be logged" in message for message in warned) == 1


def test_offline_a_used_artifact_is_noted_as_not_declared(offline: WandbLog) -> None:
    assert use_artifact(offline, "adapter-x") == [{"name": "adapter-x", "declared": False, "run": "abcd1234"}]


@pytest.mark.parametrize("what", ["run", "evaluation"])
@pytest.mark.parametrize(
    ("error", "end", "level"),
    [
        (ValueError("loss is nan at /home/ada/x"), "failed", "ERROR"),
        (KeyboardInterrupt(), "interrupted", "WARN"),
        (SystemExit(143), "interrupted", "WARN"),
    ],
)
def test_a_bad_end_is_an_alert(
    offline: WandbLog, monkeypatch: pytest.MonkeyPatch, what: str, error: BaseException, end: str, level: str
) -> None:
    monkeypatch.setenv("HOME", "/home/ada")
    sent: list[dict[str, str]] = []
    ended: list[int] = []
    offline._experiment = SimpleNamespace(  # type: ignore[assignment]
        alert=lambda **words: sent.append(words), finish=lambda exit_code: ended.append(exit_code)
    )
    for alerts in (True, False):
        offline.alerts = alerts
        with pytest.raises(type(error)), reported(offline, what, done=lambda: "7 steps"):
            raise error
    text = f"7 steps: {type(error).__name__}: {error}".replace("/home/ada", "~")
    assert sent == [{"title": f"{what} {end}", "text": text, "level": level}]
    assert ended == [1, 1]


@pytest.fixture
def start(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., WandbLog]]:
    """Makes loggers of offline runs, in a home folder with nothing of this machine's W&B."""
    import wandb

    for name in [name for name in os.environ if name.startswith("WANDB")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("HOME", str(tmp_path))
    wandb.teardown()
    yield lambda **settings: WandbLog(
        **({"save_dir": str(tmp_path / "run"), "project": "p", "name": "n", "mode": "offline"} | settings)
    )
    wandb.teardown()


def begun(logger: WandbLog) -> WandbLog:
    logger.begin(run_id="ours0001", job_type="train")
    return logger


def written(logger: WandbLog) -> Path:
    """The W&B folder of a run, which this ends."""
    logger.end(exit_code=0)
    return wandb_files.offline_runs(Path(str(logger.save_dir)))[-1]


def test_files_and_descriptions_leave_without_home_and_secrets(tmp_path: Path, start: Callable[..., WandbLog]) -> None:
    adapter, annotations = tmp_path / "run" / "adapter", tmp_path / "list.csv"
    weights = {"language": {"path": f"{tmp_path}/weights/llm", "token": "hf_abc"}, "max_new_tokens": 16}
    write_json(adapter / "emolightning.json", weights)
    write_json(adapter / "vision" / "adapter_config.json", {"base_model_name_or_path": f"{tmp_path}/weights/vit"})
    write_json(adapter / "adapter_config.json", {"base_model_name_or_path": "llama"})
    (adapter / "projections.safetensors").write_bytes(b"\xff\x00")
    annotations.write_text(f"video,label\n{tmp_path}/clips/1.mp4,happy\n")
    texts = {"name": f"n {tmp_path}/a", "group": f"g {tmp_path}", "notes": f"n {tmp_path}/b", "tags": [f"{tmp_path}/c"]}
    logger = begun(start(**texts))
    assert log_artifact(logger, "adapter-x", "model", files=[adapter])[0]["contents"] == ["adapter"]
    log_artifact(logger, "data-x", "dataset", files=[annotations])
    record = written(logger)
    sent = wandb_files.staged(record)
    assert not [name for name, content in sent.items() if str(tmp_path).encode() in content or b"hf_abc" in content]
    shown = json.loads(sent["emolightning.json"])
    assert shown == {"language": {"path": "~/weights/llm", "token": "***"}, "max_new_tokens": 16}
    assert json.loads(sent["vision/adapter_config.json"]) == {"base_model_name_or_path": "~/weights/vit"}
    assert sent["adapter_config.json"] == (adapter / "adapter_config.json").read_bytes()
    assert sent["projections.safetensors"] == b"\xff\x00"
    assert sent["list.csv"] == b"video,label\n~/clips/1.mp4,happy\n"
    (run, *_) = wandb_files.records(record, "run")
    assert [run[key] for key in ("display_name", "run_group", "notes", "tags")] == ["n ~/a", "g ~", "n ~/b", ["~/c"]]


@pytest.mark.parametrize("capture", [False, True])
def test_what_wandb_captures_is_captured_on_request_only(start: Callable[..., WandbLog], capture: bool) -> None:
    logger = begun(start(capture=capture))
    assert logger.experiment.settings.x_save_requirements is capture
    record = written(logger)
    (run, *_) = wandb_files.records(record, "run")
    assert ("host" in run) is capture
    assert bool(wandb_files.records(record, "environment")) is capture


def test_a_setting_that_this_wandb_lacks_is_named(
    start: Callable[..., WandbLog], monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setitem(tracking.NO_CAPTURE, "x_of_another_version", False)
    logger = begun(start())
    assert logger.mode == "offline"
    logger.end(exit_code=0)
    assert "no setting x_of_another_version" in caplog.text


def test_an_evaluation_is_never_the_agents_run(
    tmp_path: Path, start: Callable[..., WandbLog], monkeypatch: pytest.MonkeyPatch
) -> None:
    logger, folder = start(), tmp_path / "run"
    folder.mkdir()
    write_json(folder / "lineage.json", {"wandb_run_id": "agents01"})
    monkeypatch.setenv("WANDB_RUN_ID", "agents01")
    monkeypatch.setenv("WANDB_SWEEP_ID", "sweep001")
    with EvaluationRecord(logger, folder, "key").running(run_name="trained", config={}):
        assert os.environ["WANDB_RUN_ID"] == "agents01"
    (run, *_) = wandb_files.records(written(logger), "run")
    lineage = read_json(folder / "lineage.json")
    assert lineage["evaluations"]["key"]["wandb_run_id"] == run["run_id"] != "agents01"
    assert "sweep_id" not in run
    assert lineage["wandb_run_id"] == "agents01"


def test_the_parameters_of_an_agent_stand_beside_the_configuration(
    tmp_path: Path, start: Callable[..., WandbLog], monkeypatch: pytest.MonkeyPatch
) -> None:
    parameters = tmp_path / "config.yaml"
    parameters.write_text("wandb_version: 1\noptimizer.lr: {value: 0.01}\n")
    for name, value in zip(tracking.OF_AGENT, ("agents01", "sweep001", str(parameters)), strict=True):
        monkeypatch.setenv(name, value)
    logger = begun(start())
    logger.log_hyperparams({"optimizer": {"lr": 0.01, "betas": [0.9, 0.99]}})
    summary = wandb_files.summary(written(logger))
    assert summary["run_id"] == "agents01"
    assert summary["config"]["optimizer.lr"] == summary["config"]["optimizer"]["lr"] == 0.01


@pytest.mark.parametrize(
    ("asked", "with_key", "without"),
    [
        (None, "online", "offline"),
        ("online", "online", "offline"),
        ("offline", "offline", "offline"),
        ("dryrun", "offline", "offline"),
        ("disabled", "disabled", "disabled"),
    ],
)
def test_of_mode_auto_the_environment_decides(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, asked: str | None, with_key: str, without: str
) -> None:
    monkeypatch.delenv("WANDB_MODE", raising=False)
    if asked:
        monkeypatch.setenv("WANDB_MODE", asked)
    for has_key, expected in ((True, with_key), (False, without)):
        monkeypatch.setattr(tracking, "has_key", lambda has_key=has_key: has_key)
        assert choose_mode() == expected
        assert WandbLog(save_dir=str(tmp_path), project="p", name="n").mode == expected
    assert WandbLog(save_dir=str(tmp_path), project="p", name="n", mode="online").mode == "online"


def test_without_texts_a_table_shows_labels_only() -> None:
    rows = [
        Row("1", "I am fine.", "happy", "She is happy.", "happy"),
        Row("2", None, "I am fine, she said", "no", None),
        Row("3", "Oh.", None, "sad", "sad"),
    ]
    columns, table = prediction_table(rows, ["happy", "sad"], shows_texts=False)
    assert columns == ["clip", "truth", "prediction", "correct"]
    assert table == [["1", "happy", "happy", True], ["2", None, None, False], ["3", None, "sad", None]]
    columns, table = prediction_table(rows, ["happy", "sad"], shows_texts=True)
    assert dict(zip(columns, table[1], strict=True)) == {
        "clip": "2", "transcript": "", "truth": "I am fine, she said", "answer": "no", "prediction": None,
        "correct": False,
    }  # fmt: skip


def test_the_agents_id_wins(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("WANDB_RUN_ID", raising=False)
    assert choose_id("earlier1") == "earlier1"
    assert choose_id(None) != choose_id(None)
    monkeypatch.setenv("WANDB_RUN_ID", "agents01")
    assert choose_id("earlier1") == "agents01"


def test_the_end_of_a_run_waits_for_a_vanished_server_for_a_limited_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import wandb

    given: dict[str, Any] = {}
    monkeypatch.setattr(wandb, "init", lambda **words: given.update(words))
    WandbLog(save_dir=str(tmp_path), project="p", name="n", mode="offline")._init("offline")
    assert 0 < given["settings"].finish_timeout <= 60
    assert 0 < given["settings"].init_timeout <= 10
    assert given["resume"] == "allow"


@pytest.mark.parametrize(
    ("given", "shown"),
    [
        ({"api_key": "abc", "max_new_tokens": 16}, {"api_key": "***", "max_new_tokens": 16}),
        (
            {"apikey": "abc", "headers": {"Authorization": "Bearer abc"}},
            {"apikey": "***", "headers": {"Authorization": "***"}},
        ),
        (
            {"api_keys": ["abc"], "tokens": "a b", "tokenizer": "t"},
            {"api_keys": "***", "tokens": "a b", "tokenizer": "t"},
        ),
        (
            {"base_url": "https://ada:pw@host:8000/v1?token=abc&x=1"},
            {"base_url": "https://***@host:8000/v1?token=***&x=1"},
        ),
        (["judge.api_key=abc"], ["judge.api_key=***"]),
        ("/home/ada/clips", "~/clips"),
        ("/home/ada", "~"),
        ("/home/adam/clips", "/home/adam/clips"),
        ("/mnt/home/ada/clips", "/mnt/home/ada/clips"),
        ("file:///home/ada/x", "file://~/x"),
        ({"a": None, "b": [1.5, True]}, {"a": None, "b": [1.5, True]}),
    ],
)
def test_what_leaves_has_no_secret_and_no_home(given: Any, shown: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/home/ada")
    assert loggable(given) == shown


def test_home_paths_stay_where_that_is_configured(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/home/ada")
    assert loggable({"a": "/home/ada/x", "token": "t"}, home_paths=True) == {"a": "/home/ada/x", "token": "***"}


def test_private_and_log_transcripts_decide_together(tmp_path: Path) -> None:
    def shows(is_private: bool, **settings: bool) -> bool:
        logger = WandbLog(save_dir=str(tmp_path), project="p", name="n", mode="offline", **settings)
        return logger.may_show_texts(is_private=is_private)

    assert shows(False)
    assert not shows(True)
    assert shows(True, private=True)
    assert not shows(False, log_transcripts=False)
    assert not shows(True, private=True, log_transcripts=False)


def test_names_of_artifacts_have_no_characters_that_wandb_refuses() -> None:
    assert artifact_name("data-mer 2023/é") == "data-mer-2023--"
