"""Folders of vectors: however often a process is ended, and however many share the work, the bytes are the same."""

import errno
import json
import os
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from emolightning.data.stores.manifest import Manifest, read_manifest
from emolightning.data.stores.records import read_records
from emolightning.data.stores.vectors import VectorFolder
from emolightning.errors import UserError
from emolightning.files.documents import DamagedFile
from emolightning.files.writing import CannotWrite

HUBERT = Manifest(
    recipe="hubert_mer2023", encoder="x.Hubert", weights="a" * 64, level="utterance", parameters={"layers": [4, 5]},
    versions={"transformers": "5.1.0"},
)  # fmt: skip
FRAMES = replace(HUBERT, level="frame")
IDS = [f"clip{number:02}" for number in range(12)] + ["talks/01", "Jos\u00e9"]


def vector(clip_id: str, steps: int | None = None) -> np.ndarray:
    shape = (6,) if steps is None else (steps, 6)
    return np.random.default_rng(sum(clip_id.encode())).standard_normal(shape).astype(np.float32)


def stamp(clip_id: str) -> list[int]:
    return [len(clip_id), 123]


def fill(folder: Path, ids=IDS, manifest=HUBERT) -> VectorFolder:
    store = VectorFolder.open(folder, manifest)
    for clip_id in ids:
        if not store.is_done(clip_id, stamp(clip_id)):
            store.add(clip_id, vector(clip_id), stamp(clip_id))
    return store


def content(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.fixture(scope="module")
def whole(tmp_path_factory) -> dict[str, bytes]:
    folder = tmp_path_factory.mktemp("whole") / "HL-UTT"
    fill(folder).finish()
    return content(folder)


def test_a_folder_is_upstreams_with_a_manifest_and_a_line_for_each_vector(whole, tmp_path):
    assert sorted(whole) == sorted([*(f"{clip_id}.npy" for clip_id in IDS), ".lock", "manifest.json", "vectors.jsonl"])
    assert json.loads(whole["manifest.json"]) == {
        "format": "emolightning vectors 1", "recipe": "hubert_mer2023", "encoder": "x.Hubert", "weights": "a" * 64,
        "level": "utterance", "side_files": {}, "parameters": {"layers": [4, 5]}, "faces": "none",
        "dtype": "float32", "width": 6, "count": 14, "versions": {"transformers": "5.1.0"},
    }  # fmt: skip
    first = json.loads(whole["vectors.jsonl"].splitlines()[1])
    assert {key: first[key] for key in ("id", "stamp", "shape", "size")} == {
        "id": "clip00", "stamp": [6, 123], "shape": [6], "size": 152,
    }  # fmt: skip
    np.save(tmp_path / "x.npy", vector("clip03"))
    assert whole["clip03.npy"] == (tmp_path / "x.npy").read_bytes()


def test_shards_side_by_side_give_the_same_bytes(whole, tmp_path):
    first, second = (VectorFolder.open(tmp_path, HUBERT) for _ in range(2))
    for number, clip_id in enumerate(reversed(IDS)):
        (first, second)[number % 2].add(clip_id, vector(clip_id), stamp(clip_id))
    first.finish()
    unfinished = read_manifest(tmp_path)
    assert unfinished is not None
    assert unfinished.count is None  # The other one still writes.
    second.finish()
    assert content(tmp_path) == whole


def test_a_second_pass_writes_nothing(whole, tmp_path):
    fill(tmp_path).finish()
    before = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*") if path.name != ".lock"}
    store = VectorFolder.open(tmp_path, HUBERT)
    assert all(store.is_done(clip_id, stamp(clip_id)) for clip_id in IDS)
    store.finish()
    assert {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*") if path.name != ".lock"} == before


def test_a_vector_counts_only_for_the_file_it_was_made_from_and_only_whole(tmp_path):
    fill(tmp_path).finish()
    (tmp_path / "clip01.npy").write_bytes(b"\x93NUMPY")
    (tmp_path / "clip02.npy").unlink()
    store = VectorFolder.open(tmp_path, HUBERT)
    assert not store.is_done("clip00", [7, 123])
    assert [clip_id for clip_id in IDS if not store.is_done(clip_id, stamp(clip_id))] == ["clip01", "clip02"]


KILLED = """
import os, signal, sys
sys.path.insert(0, {tests!r})
import test_vector_folder as ours
from pathlib import Path
left = {left}
def hook(event, args):
    global left
    if event in ("os.rename", "open") and {folder!r} in str(args[0]):
        left -= 1
        if left < 0:
            os.kill(os.getpid(), signal.SIGKILL)
sys.addaudithook(hook)
ours.fill(Path({folder!r})).finish()
"""


@pytest.mark.multi_process
def test_kills_at_any_write_lose_what_was_in_flight_and_nothing_else(whole, tmp_path):
    folder, kept = tmp_path / "HL-UTT", []
    for left in (20, 33, 9):
        script = KILLED.format(tests=str(Path(__file__).parent), left=left, folder=str(folder))
        ended = subprocess.run([sys.executable, "-c", script], timeout=120, capture_output=True, text=True)
        assert ended.returncode == -signal.SIGKILL, ended.stderr
        store = VectorFolder.open(folder, HUBERT)
        kept.append(sum(store.is_done(clip_id, stamp(clip_id)) for clip_id in IDS))
        there = [np.load(path).shape for path in folder.rglob("*.npy") if ".part-" not in str(path)]
        assert set(there) == {(6,)}
        assert len(there) - kept[-1] in (0, 1)
    assert 0 < kept[0] < kept[1] <= kept[2]
    fill(folder).finish()
    assert content(folder) == whole


@pytest.mark.parametrize(
    ("other", "told"),
    [
        (replace(HUBERT, weights="b" * 64), f"weights: {'a' * 64} there, {'b' * 64} here"),
        (replace(HUBERT, recipe="hubert_merbench"), "recipe: hubert_mer2023 there, hubert_merbench here"),
        (replace(HUBERT, parameters={"layers": [4]}), r"parameters.layers: \[4, 5\] there, \[4\] here"),
        (FRAMES, "level: utterance there, frame here"),
        (replace(HUBERT, faces="detector"), "faces: none there, detector here"),
        (replace(HUBERT, width=8), "width: 6 there, 8 here"),
    ],
)
def test_another_recipe_is_refused_with_both_named(tmp_path, other, told):
    fill(tmp_path).finish()
    with pytest.raises(UserError, match=rf"(?s)holds vectors of hubert_mer2023 .*, not of {other.recipe} .*{told}"):
        VectorFolder.open(tmp_path, other)


def test_vectors_of_unknown_recipe_get_no_others_among_them(tmp_path):
    np.save(tmp_path / "clip.npy", vector("clip"))
    with pytest.raises(UserError, match=r"unknown recipe \(no manifest.json\), so those of hubert_mer2023 .* another"):
        VectorFolder.open(tmp_path, HUBERT)
    assert [path.name for path in tmp_path.glob("*.json*")] == []


def test_versions_are_noted_not_refused(tmp_path, caplog):
    fill(tmp_path, IDS[:3]).finish()
    fill(tmp_path, manifest=replace(HUBERT, versions={"transformers": "5.2.0", "numpy": "2"})).finish()
    manifest = read_manifest(tmp_path)
    assert manifest is not None
    assert manifest.versions == {"transformers": "5.1.0, 5.2.0", "numpy": "2"}
    assert "several versions of transformers: 5.1.0, 5.2.0" in caplog.text


@pytest.mark.parametrize(
    "clip_id", ["../clip", "/etc/clip", "a/../../clip", "", "a//b", "a\\b", "..", "a\0b", ".part-1/x"]
)
def test_ids_do_not_leave_the_folder(tmp_path, clip_id):
    store = VectorFolder.open(tmp_path / "in", HUBERT)
    with pytest.raises(UserError, match="names no file inside of"):
        store.add(clip_id, vector("clip"), [1])
    assert not list(tmp_path.rglob("*.npy"))


def test_a_link_does_not_lead_out_of_the_folder(tmp_path):
    (tmp_path / "in").mkdir()
    (tmp_path / "in/talks").symlink_to(tmp_path)
    with pytest.raises(UserError, match="leaves .* through a link"):
        VectorFolder.open(tmp_path / "in", HUBERT).add("talks/01", vector("clip"), [1])
    assert not (tmp_path / "01.npy").exists()


@pytest.mark.parametrize(
    ("array", "manifest", "told"),
    [
        (np.zeros((2, 6)), HUBERT, r"shape \(2, 6\), utterance level is \(width,\)"),
        (np.zeros(6), FRAMES, r"shape \(6,\), frame level is \(steps, width\)"),
        (np.zeros((0, 6)), FRAMES, r"shape \(0, 6\)"),
        (np.full(6, np.nan), HUBERT, "not finite numbers in float32"),
        (np.full(6, 1e6), replace(HUBERT, dtype="float16"), "not finite numbers in float16"),
        (np.zeros(7), replace(HUBERT, width=6), "7 wide, .* holds 6"),
    ],
)
def test_what_the_manifest_does_not_promise_is_refused(tmp_path, array, manifest, told):
    store = VectorFolder.open(tmp_path, manifest)
    with pytest.raises(UserError, match=f"^clip: the encoder gave .*{told}"):
        store.add("clip", array, [1])
    store.finish()
    assert not list(tmp_path.glob("*.npy"))


def test_a_full_disk_keeps_what_is_done_and_says_so(whole, tmp_path, monkeypatch):
    store, save = fill(tmp_path, IDS[:5]), np.save

    def full(file, array, **options):
        file.write(b"half")
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(np, "save", full)
    with pytest.raises(CannotWrite, match="clip05.npy: cannot be written: No space left on device"):
        store.add("clip05", vector("clip05"), [1])
    store.finish()
    monkeypatch.setattr(np, "save", save)
    again = VectorFolder.open(tmp_path, HUBERT)
    assert [clip_id for clip_id in IDS if again.is_done(clip_id, stamp(clip_id))] == IDS[:5]
    fill(tmp_path).finish()
    assert content(tmp_path) == whole


@pytest.mark.parametrize(
    "changes",
    [
        {"format": "emolightning vectors 2"}, {"level": "clip"}, {"width": -1}, {"width": 2**40}, {"width": True},
        {"count": "many"}, {"parameters": []}, {"versions": {"a": 1}}, {"recipe": "x" * 2000}, {"code": "x"},
        {"weights": None}, {"dtype": "object"},
    ],
)  # fmt: skip
def test_a_manifest_from_outside_is_checked(tmp_path, changes):
    (tmp_path / "manifest.json").write_text(json.dumps({**HUBERT.content(), **changes}))
    with pytest.raises(DamagedFile, match=f"manifest.json: cannot be read: .*{next(iter(changes))}"):
        read_manifest(tmp_path)


def test_damaged_lines_cost_their_vectors_only(tmp_path, caplog):
    fill(tmp_path).finish()
    path = tmp_path / "vectors.jsonl"
    lines = path.read_bytes().splitlines(keepends=True)
    lines[3] = lines[3][:20] + b"\n"
    path.write_bytes(b"".join([*lines, b'{"id": [], "stamp": 3}\n', b"[" * 100_000, b"\n\xff"]))
    assert len(read_records(path)) == len(IDS) - 1
    assert "damaged lines" in caplog.text
