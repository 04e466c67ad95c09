"""Small files of a run: metrics.csv, lineage.json, the array cache, checkpoints."""

import csv
import json
import os

import numpy as np
import pytest
import torch
from deadly_clips import describe_size

from emolightning.config.secrets import redact
from emolightning.data.stores import cache
from emolightning.data.stores.cache import compute_missing, load_array
from emolightning.errors import UserError
from emolightning.files.writing import CannotWrite, update_json, write_json
from emolightning.records.clips import Clip
from emolightning.runs.lineage import describe_process
from emolightning.training.checkpoints.checkpoint_io import AtomicCheckpointIO
from emolightning.training.loggers.csv_log import CsvLog
from emolightning.training.run_folder import checkpoint_to_resume, open_run_folder


def rows_of(path):
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def test_csv_log_adds_columns_and_survives_a_resume(tmp_path):
    log = CsvLog(folder=str(tmp_path))
    log.log_metrics({"a": 1.0}, step=1)
    log.log_metrics({"a": 2.0, "b": 5.0, "epoch": 0.0}, step=2)
    log.log_metrics({"a": 3.0}, step=3)
    resumed = CsvLog(folder=str(tmp_path))
    resumed.log_metrics({"c": 9.0}, step=3)
    assert rows_of(tmp_path / "metrics.csv") == [
        {"epoch": "", "step": "1", "a": "1.0", "b": "", "c": ""},
        {"epoch": "0", "step": "2", "a": "2.0", "b": "5.0", "c": ""},
        {"epoch": "", "step": "3", "a": "", "b": "", "c": "9.0"},
    ]


@pytest.mark.parametrize(
    "setting",
    [
        "logger.wandb.api_key=abc",
        "my.TOKEN=abc",
        "db_password=abc",
        "+judge.apikey=abc",
        "judge.api_key='x abc'",
        "judge.api_key=x abc",
        "judge.headers={Authorization: Bearer abc}",
        'judge={"api_key": "x abc"}',
        "judge.base_url=https://user:abc@host/v1",
        "judge.base_url=https://user:x@abc@host/v1",
        "env.OPENAI_KEY_1=abc",
        "judge.accessToken=abc",
        "judge.headers=Bearer abcdefgh",
        "given: api_key=[x, abc] seed=1",
    ],
)
def test_secrets_do_not_reach_the_lineage(setting):
    assert "abc" not in redact(setting)
    assert "abc" not in json.dumps(describe_process(["train.py", setting]))


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("evaluation.max_new_tokens=8", "evaluation.max_new_tokens=8"),
        ("model.tokenizer=llama", "model.tokenizer=llama"),
        ("monkey=abc tokens=a,b", "monkey=abc tokens=a,b"),
        ("train.py 'judge.api_key=abc' seed=1", "train.py 'judge.api_key=***' seed=1"),
        ("train.py judge.api_key='a b' seed=1", "train.py judge.api_key='***' seed=1"),
        ('{"api_key": "a b", "x": 1}', '{"api_key": "***", "x": 1}'),
        ("given: api_key=[x, abc] seed=1", "given: api_key=*** seed=1"),
        ("bearer of news", "bearer of news"),
        ("ssh://git@host/x and me@host", "ssh://***@host/x and me@host"),
    ],
)
def test_the_value_of_a_secret_is_hidden_and_nothing_else(text, shown):
    assert redact(text) == shown


def test_json_updates_keep_the_rest(tmp_path):
    write_json(tmp_path / "x.json", {"a": 1, "b": 2})
    update_json(tmp_path / "x.json", b=3)
    assert json.loads((tmp_path / "x.json").read_text()) == {"a": 1, "b": 3}


def make_clips(folder, sizes):
    clips = []
    for number, size in enumerate(sizes):
        path = folder / f"{number}.mp4"
        path.write_bytes(b"x" * size)
        clips.append(Clip(f"sub/{number}", path))
    return clips


@pytest.mark.parametrize("num_workers", [1, 2])
def test_cache_computes_once_and_again_when_a_file_changes(tmp_path, monkeypatch, num_workers):
    monkeypatch.setattr(cache, "IN_PROCESS", 2)
    clips = make_clips(tmp_path, [3, 0, 1, 5])
    folders = {"first": tmp_path / "a", "second": tmp_path / "b"}
    options = {"title": "t", "num_workers": num_workers}
    summary = compute_missing(clips, folders, describe_size, **options)
    assert [problem.split(":")[0] for problem in summary.problems] == ["sub/1"]
    assert summary.absent == {"first": {}, "second": {"sub/2": "too short"}}
    assert load_array(tmp_path / "b/sub/3.npy").tolist() == [5]
    before = (tmp_path / "a/sub/0.npy").stat().st_mtime_ns
    clips[3].video.write_bytes(b"x" * 7)
    os.utime(clips[3].video, ns=(1, 1))
    compute_missing(clips, folders, describe_size, **options)
    assert load_array(tmp_path / "a/sub/3.npy").tolist() == [7]
    assert (tmp_path / "a/sub/0.npy").stat().st_mtime_ns == before


def test_arrays_with_pickles_are_refused(tmp_path):
    np.save(tmp_path / "x.npy", np.array([{"a": 1}], dtype=object), allow_pickle=True)
    with pytest.raises(UserError, match=r"x.npy: not a readable .npy array"):
        load_array(tmp_path / "x.npy")


def test_a_failed_save_leaves_the_previous_checkpoint(tmp_path, monkeypatch):
    path = tmp_path / "last.ckpt"
    AtomicCheckpointIO().save_checkpoint({"step": 1}, path)

    def half(checkpoint, file):
        file.write(b"half")
        raise OSError("disk full")

    monkeypatch.setattr(torch, "save", half)
    with pytest.raises(CannotWrite, match="last.ckpt: cannot be written: disk full"):
        AtomicCheckpointIO().save_checkpoint({"step": 2}, path)
    assert AtomicCheckpointIO().load_checkpoint(path) == {"step": 1}


def test_checkpoints_cannot_run_code(tmp_path):
    class Payload:
        def __reduce__(self):
            return os.system, ("true",)

    torch.save({"x": Payload()}, tmp_path / "evil.ckpt")
    with pytest.raises(Exception, match="Weights only load failed"):
        AtomicCheckpointIO().load_checkpoint(tmp_path / "evil.ckpt")


def test_run_folder_of_an_earlier_run_is_set_aside(tmp_path):
    for expected in ([], ["run.previous-1"], ["run.previous-1", "run.previous-2"]):
        folder = open_run_folder(tmp_path / "run", checkpoint_to_resume(tmp_path / "run", None))
        assert sorted(p.name for p in tmp_path.iterdir()) == sorted([*expected, "run"])
        folder.config.write_text("x: 1")
    assert checkpoint_to_resume(tmp_path / "run", "auto") is None  # nothing was saved: a fresh start
    (tmp_path / "run/checkpoints").mkdir()
    (tmp_path / "run/checkpoints/last.ckpt").touch()
    last = checkpoint_to_resume(tmp_path / "run", "auto")
    assert last == tmp_path / "run/checkpoints/last.ckpt"
    open_run_folder(tmp_path / "run", last)
    assert last.exists()
    open_run_folder(tmp_path / "other", last)  # continued elsewhere: the old folder stays
    assert last.exists()
    with pytest.raises(UserError, match="no such checkpoint"):
        checkpoint_to_resume(tmp_path / "run", str(tmp_path / "none.ckpt"))
