"""The W&B logger in this process: what leaves the machine, whose run it is, how it ends, what its errors do."""

import json
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import wandb_files
from media_factory import make_media
from runs import read_json

from emolightning.config.secrets import loggable
from emolightning.errors import UserError
from emolightning.files.writing import write_json
from emolightning.records.clips import Answer, Clip, Score, Span
from emolightning.runs import wandb_media
from emolightning.runs.wandb_media import shown_media
from emolightning.runs.wandb_record import EvaluationRecord, reported, results
from emolightning.training.loggers import tracking, wandb_environment
from emolightning.training.loggers.artifacts import artifact_name, log_artifact, use_artifact
from emolightning.training.loggers.tracking import WandbLog
from emolightning.training.loggers.wandb_environment import OF_AGENT, choose_id, choose_mode, has_key
from emolightning.training.loggers.wandb_tables import Row, prediction_table


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
    text = "7 steps" if end == "interrupted" else "7 steps: ValueError: loss is nan at ~/x"
    assert sent == [{"title": f"{what} {end}", "text": text, "level": level}]
    assert ended == [1, 1]


def test_progress_that_cannot_be_told_hides_no_error(offline: WandbLog) -> None:
    ended: list[int] = []
    offline._experiment = SimpleNamespace(  # type: ignore[assignment]
        alert=lambda **words: None, finish=lambda exit_code: ended.append(exit_code)
    )
    with pytest.raises(ZeroDivisionError), reported(offline, "run", done=lambda: str(float("no number"))):
        raise ZeroDivisionError
    assert ended == [1]


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
    for name, value in zip(OF_AGENT, ("agents01", "sweep001", str(parameters)), strict=True):
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
    for is_there, expected in ((True, with_key), (False, without)):
        monkeypatch.setattr(wandb_environment, "has_key", lambda is_there=is_there: is_there)
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


def test_a_table_has_pictures_where_texts_may_be_shown() -> None:
    rows = [Row("c1", "words", "happy", "sad", "sad"), Row("c2", None, "sad", "sad", "sad")]
    media: dict[str, dict[str, Any]] = {"picture": {"c1": "a picture"}, "sound": {}}
    columns, table = prediction_table(rows, ["happy", "sad"], shows_texts=True, media=media)
    assert columns[-1] == "picture"
    assert [row[-1] for row in table] == ["a picture", None]
    assert "picture" not in prediction_table(rows, ["happy"], shows_texts=False, media=media)[0]


@pytest.mark.parametrize(
    ("report", "shows_texts", "files", "texts"),
    [
        (
            {"slices": {"columns": {"subject": "Ann"}}, "n": 1},
            True,
            ["metrics.json", "answers.jsonl", "report.html"],
            "",
        ),
        ({"slices": {"columns": {"subject": "Ann"}}, "n": 1}, False, [], '{\n  "n": 1\n}\n'),
        ({"n": 1}, False, ["metrics.json"], ""),
    ],
)
def test_slices_of_private_data_stay_here(
    tmp_path: Path, report: dict[str, Any], shows_texts: bool, files: list[str], texts: str
) -> None:
    found, contents = results(tmp_path, report, shows_texts=shows_texts)
    assert [path.name for path in found] == files
    assert contents == ({"metrics.json": texts} if texts else {})


@pytest.mark.parametrize("shows_texts", [True, False])
def test_a_table_says_how_likely_labels_are_where_they_have_probabilities(shows_texts: bool) -> None:
    chances = {"sad": 0.75, "happy": 0.25}
    rows = [Row("c1", "words", "happy", "sad", "sad", 0.75, chances), Row("c2", None, "sad", "a secret", None)]
    columns, table = prediction_table(
        rows, ["happy", "sad"], shows_texts=shows_texts, media={"picture": {"c1": "a picture"}}
    )
    assert columns[columns.index("correct") + 1 :][:3] == ["probability", "p_happy", "p_sad"]
    read = [dict(zip(columns, row, strict=True)) for row in table]
    assert [(row["probability"], row["p_happy"]) for row in read] == [(0.75, 0.25), (None, None)]
    assert ("a secret" in str(table)) == shows_texts


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


def test_a_key_is_one_for_the_server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("WANDB_API_KEY", "WANDB_BASE_URL", "WANDB_CONFIG_DIR"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    assert not has_key()
    (tmp_path / "netrc").write_text("machine api.wandb.ai login user password x\n")
    assert has_key()
    monkeypatch.setenv("WANDB_BASE_URL", "https://lab.example:8080")
    assert not has_key()
    (tmp_path / "netrc").write_text("machine lab.example:8080 login user password x\n")
    assert has_key()
    monkeypatch.delenv("WANDB_BASE_URL")
    assert not has_key()
    settings = tmp_path / ".config" / "wandb" / "settings"  # of `wandb login --host`
    settings.parent.mkdir(parents=True)
    settings.write_text("[default]\nbase_url = https://lab.example:8080\n")
    assert has_key()
    (tmp_path / "netrc").unlink()
    monkeypatch.setenv("WANDB_API_KEY", "x")
    assert has_key()


def scored_clips(folder: Path, **media: bool) -> tuple[list[Clip], list[tuple[Answer, Score]]]:
    """Clips with and without a film or sound, the last one wrong, and answers about them."""
    clips, scored = [], []
    for name, said, has in (("a/../1", "sad", media), ("2", "sad", {"audio": False}), ("3", "happy", media)):
        path = folder / f"{Path(name).name}.mp4"
        make_media(path, seconds=0.2, **has)
        clips.append(Clip(name, path, label="sad"))
        scored.append((Answer(name, said, "", "sad", 0.0), Score(name, said, None, said)))
    (folder / "2.mp4").write_bytes(b"no film")
    return clips, scored


@pytest.mark.parametrize(
    ("limits", "pictures", "sounds"),
    [
        ({"most_clips": 9, "most_mb": 1}, {"3", "a/../1"}, {"3", "a/../1"}),
        ({"most_clips": 1, "most_mb": 1}, {"3"}, {"3"}),
        ({"most_clips": 9, "most_mb": 0.01}, {"3"}, {"3"}),
        ({"most_clips": 0, "most_mb": 1}, set(), set()),
    ],
)
def test_a_table_shows_what_is_wrong_first_and_counts_what_it_leaves_out(
    tmp_path: Path, limits: dict[str, Any], pictures: set[str], sounds: set[str]
) -> None:
    clips, scored = scored_clips(tmp_path)
    (files := tmp_path / "files").mkdir()
    found = shown_media(clips, scored, files, frame="first", **limits)
    assert (set(found.columns["picture"]), set(found.columns["sound"])) == (pictures, sounds)
    assert found.counts("test") == {"test/media_clips": len(pictures), "test/media_left_out": 3 - len(pictures)}
    assert all(path.parent == files for path in files.rglob("*"))


def test_a_piece_of_a_silent_film_needs_no_room_for_sound(tmp_path: Path) -> None:
    clip = Clip("1", make_media(tmp_path / "1.mp4", seconds=0.4, audio=False), label="sad", span=Span(0, 0.4))
    scored = [(Answer("1", "sad", "", "sad", 0.0), Score("1", "sad", None, "sad"))]
    found = shown_media([clip], scored, tmp_path, frame="first", most_clips=9, most_mb=0.01)
    assert (set(found.columns["picture"]), found.columns["sound"]) == ({"1"}, {})


def test_a_clip_of_sound_alone_is_heard(tmp_path: Path) -> None:
    sound = make_media(tmp_path / "1.wav", video=False, seconds=0.2, codecs=(None, "pcm_s16le"))
    clips = [Clip("1", sound, label="sad"), Clip("2", sound, label="sad", span=Span(0, 0.1))]
    scored = [(Answer(clip.id, "sad", "", "sad", 0.0), Score(clip.id, "sad", None, "sad")) for clip in clips]
    found = shown_media(clips, scored, tmp_path, frame="first", most_clips=9, most_mb=1)
    assert (found.columns["picture"], set(found.columns["sound"]), found.num_left_out) == ({}, {"1", "2"}, 0)


@pytest.mark.parametrize(
    ("most_mb", "seconds", "tried"), [(0, 0.2, 0), (0.0001, 0.2, 0), (0.006, 0.2, 0), (0.006, None, 9)]
)
def test_clips_that_do_not_fit_are_not_read_and_leave_no_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, most_mb: float, seconds: float | None, tried: int
) -> None:
    sound = make_media(tmp_path / "1.wav", video=False, seconds=0.2, codecs=(None, "pcm_s16le"))
    clips = [Clip(str(number), sound, label="sad") for number in range(9)]
    scored = [(Answer(clip.id, "sad", "", "sad", 0.0), Score(clip.id, "sad", None, "sad")) for clip in clips]
    read: list[Path] = []
    monkeypatch.setattr(wandb_media, "read_waveform", lambda path, **_: read.append(path) or np.zeros(3200))
    if seconds is None:  # Some headers do not say it.
        monkeypatch.setattr(wandb_media, "_seconds_of_sound", lambda clip: 0.0)
    (files := tmp_path / "files").mkdir()
    found = shown_media(clips, scored, files, frame="first", most_clips=9, most_mb=most_mb)
    assert (len(read), found.num_clips, list(files.iterdir())) == (tried, 0, [])


@pytest.mark.parametrize("setting", ["media_clips", "media_mb"])
def test_fewer_than_no_clips_are_refused(tmp_path: Path, setting: str) -> None:
    with pytest.raises(UserError, match=rf"logger\.wandb\.{setting}=-1: must be 0 or more"):
        WandbLog(save_dir=str(tmp_path), project="p", name="n", **{setting: -1})  # type: ignore[arg-type]
