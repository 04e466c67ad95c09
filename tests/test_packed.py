"""One packed file in place of a folder: the same vectors, the same bytes on the way back, and nothing hostile."""

import json
import os
import pickle
import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file
from test_vector_folder import FRAMES, HUBERT, IDS, content, fill, stamp, vector

from emolightning.__main__ import main
from emolightning.commands.cli import run
from emolightning.data.stores import reading
from emolightning.data.stores.converting import pack, unpack
from emolightning.data.stores.features import FolderFeatures
from emolightning.data.stores.packed import PackedVectors
from emolightning.data.stores.vectors import VectorFolder
from emolightning.errors import InputErrors, UserError
from emolightning.files.documents import DamagedFile
from emolightning.files.writing import CannotWrite
from emolightning.records.clips import Clip
from speed import stores

CLIPS = [Clip(clip_id, Path(f"{clip_id}.mp4")) for clip_id in IDS]


def upstream_folder(folder: Path, kind: str) -> Path:
    """Without a manifest: vectors, sequences, or both."""
    for number, clip_id in enumerate(IDS):
        steps = {"UTT": None, "FRA": number + 1, "mixed": number or None}[kind]
        path = folder / f"{clip_id}.npy"
        path.parent.mkdir(parents=True, exist_ok=True)
        np.save(path, vector(clip_id, steps))
    return folder


def whole(folder: Path) -> dict[str, bytes]:
    return {name: data for name, data in content(folder).items() if name != ".lock"}


def load(root: Path, folder: str = "HL", clips=CLIPS, missing="error"):
    return FolderFeatures(root=str(root), speech=folder).load(clips, ["speech"], cache=root / "cache", missing=missing)


@pytest.mark.parametrize("kind", ["UTT", "FRA", "mixed"])
def test_there_and_back_are_the_same_bytes(tmp_path, kind):
    folder = upstream_folder(tmp_path / "HL", kind)
    packed = pack(folder, tmp_path / "HL.safetensors")
    assert packed.ids == sorted(IDS)
    for clip_id in IDS:
        assert np.array_equal(packed.stored(clip_id), np.load(folder / f"{clip_id}.npy"))
    assert unpack(tmp_path / "HL.safetensors", tmp_path / "back") == len(IDS)
    assert content(tmp_path / "back") == content(folder)
    assert load_file(tmp_path / "HL.safetensors")["values"].shape[1] == 6


@pytest.mark.parametrize("manifest", [HUBERT, FRAMES, replace(HUBERT, dtype="float16")])
def test_manifest_and_stamps_travel(tmp_path, manifest):
    store = VectorFolder.open(tmp_path / "HL", manifest)
    for clip_id in IDS:
        store.add(clip_id, vector(clip_id, None if manifest.level == "utterance" else 3), stamp(clip_id))
    store.finish()
    packed = pack(tmp_path / "HL", tmp_path / "HL.safetensors")
    assert packed.manifest == replace(manifest, width=6, count=len(IDS))
    unpack(tmp_path / "HL.safetensors", tmp_path / "back")
    assert whole(tmp_path / "back") == whole(tmp_path / "HL")


@pytest.mark.parametrize("kind", ["UTT", "mixed"])
def test_features_are_the_same_wherever_they_are_stored(tmp_path, kind, monkeypatch):
    folder = upstream_folder(tmp_path / "HL", kind)
    held = load(tmp_path)
    monkeypatch.setattr(reading, "HELD_BYTES", 100)
    asked = load(tmp_path)
    pack(folder, tmp_path / "HL.safetensors")
    packed = load(tmp_path, "HL.safetensors")
    for other in (asked, packed, pickle.loads(pickle.dumps(packed)), pickle.loads(pickle.dumps(asked))):
        assert other.hash() == held.hash()
        assert other.widths == {"speech": 6}
        for clip_id in IDS:
            assert np.array_equal(other.vectors["speech"][clip_id], held.vectors["speech"][clip_id])
            assert other.vectors["speech"][clip_id].shape == (held.vectors["speech"].num_tokens(clip_id), 6)
    assert packed.without(IDS[:2]).hash() == held.without(IDS[:2]).hash() != held.hash()


def test_a_packed_file_is_open_once_however_many_clips_are_read(tmp_path):
    pack(upstream_folder(tmp_path / "HL", "FRA"), tmp_path / "HL.safetensors")
    before = len(os.listdir("/proc/self/fd"))
    packed = PackedVectors(tmp_path / "HL.safetensors")
    assert sum(len(packed.read(clip_id)) for clip_id in IDS * 20) == 20 * sum(range(1, len(IDS) + 1))
    assert len(os.listdir("/proc/self/fd")) - before <= 1


def test_clips_without_a_vector_are_told_or_zero(tmp_path):
    pack(upstream_folder(tmp_path / "HL", "UTT"), tmp_path / "HL.safetensors")
    os.rename(tmp_path / "HL", tmp_path / "elsewhere")
    clips = [*CLIPS, Clip("other", Path("other.mp4"))]
    loaded = load(tmp_path, clips=clips)
    assert [fault.reason for fault in loaded.faults["other"]] == [f"no other in {tmp_path}/HL.safetensors"]
    zero = load(tmp_path, clips=clips, missing="zero")
    assert not zero.vectors["speech"]["other"].any()
    assert zero.zeros == {"speech": {"other": f"no other in {tmp_path}/HL.safetensors"}}


def test_a_folder_and_a_packed_file_of_one_name_are_not_guessed_between(tmp_path):
    pack(upstream_folder(tmp_path / "HL", "UTT"), tmp_path / "HL.safetensors")
    with pytest.raises(InputErrors, match=r"say which one: features.speech=HL/ or features.speech=HL.safetensors"):
        load(tmp_path)
    assert load(tmp_path, "HL/").hash() == load(tmp_path, "HL.safetensors").hash()
    with pytest.raises(InputErrors, match="there is no folder .*none"):
        load(tmp_path, "none")


def test_half_precision_is_asked_for_and_said(tmp_path):
    fill(tmp_path / "HL").finish()
    packed = pack(tmp_path / "HL", tmp_path / "half.safetensors", dtype="float16")
    assert packed.manifest is not None
    assert packed.manifest.dtype == "float16"
    for clip_id in IDS:
        assert np.array_equal(packed.stored(clip_id), vector(clip_id).astype(np.float16))
        assert packed.read(clip_id).dtype == np.float32
    assert unpack(tmp_path / "half.safetensors", tmp_path / "back") == len(IDS)
    reopened = VectorFolder.open(tmp_path / "back", replace(HUBERT, dtype="float16"))
    assert all(reopened.is_done(clip_id, stamp(clip_id)) for clip_id in IDS)


def spoil(folder: Path, what: str) -> str:
    """Make a vector of a folder one that cannot be packed, and give what is said of it."""
    array, path = vector("clip03"), folder / "clip03.npy"
    if what == "not finite":
        array[2] = np.inf
    elif what == "width":
        array = array[:5]
    elif what == "type":
        array = array.astype(np.float64)
    elif what == "shape":
        array = array.reshape(1, 2, 3)
    elif what == "large":
        array *= 1e6
    np.save(path, array)
    if what == "damaged":
        path.write_bytes(b"not an array")
    return {"not finite": "not finite", "width": "5 wide, most are 6", "type": "values of float64; say dtype=float32",
            "shape": r"shape \(1, 2, 3\)", "damaged": "not an array of numbers",
            "large": "not finite numbers in float16"}[what]  # fmt: skip


@pytest.mark.parametrize("what", ["not finite", "width", "type", "shape", "damaged", "large"])
def test_what_cannot_be_packed_is_told_and_nothing_is_written(tmp_path, what):
    folder = upstream_folder(tmp_path / "HL", "UTT")
    with pytest.raises(InputErrors, match=rf"clip03.npy: .*{spoil(folder, what)}"):
        pack(folder, tmp_path / "HL.safetensors", dtype="float16" if what == "large" else None)
    assert [path.name for path in tmp_path.iterdir()] == ["HL"]


def test_a_folder_that_is_being_filled_is_not_packed(tmp_path):
    store = fill(tmp_path / "HL")
    with pytest.raises(UserError, match="not complete; let the extraction finish"):
        pack(tmp_path / "HL", tmp_path / "HL.safetensors")
    store.finish()
    np.save(tmp_path / "HL/foreign.npy", vector("foreign"))
    (tmp_path / "HL/clip02.npy").unlink()
    with pytest.raises(InputErrors, match=r"(?s)foreign.npy: was not made by hubert_mer2023.*clip02.npy: is not there"):
        pack(tmp_path / "HL", tmp_path / "HL.safetensors")


@pytest.mark.parametrize("change", ["foreign", "changed"])
def test_two_recipes_in_one_folder_are_a_fault_of_the_clip(tmp_path, change):
    fill(tmp_path / "HL", IDS[1:]).finish()
    np.save(tmp_path / f"HL/{IDS[0]}.npy" if change == "foreign" else tmp_path / "HL/clip04.npy", vector("x"))
    loaded = load(tmp_path, clips=CLIPS[1 if change == "changed" else 0 :])
    ((clip_id, (fault,)),) = loaded.faults.items()
    told = {"foreign": ("clip00", "was not made by hubert_mer2023"), "changed": ("clip04", "values were changed since")}
    assert clip_id == told[change][0]
    assert told[change][1] in fault.reason
    assert loaded.made_by["speech"].recipe == "hubert_mer2023"


def test_a_file_that_changes_during_a_run_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(reading, "HELD_BYTES", 0)
    loaded = load(tmp_path if upstream_folder(tmp_path / "HL", "FRA") else tmp_path)
    np.save(tmp_path / "HL/clip03.npy", vector("clip03", 9))
    with pytest.raises(UserError, match="clip03.npy: was changed after the run had begun"):
        loaded.vectors["speech"]["clip03"]


def test_a_full_disk_is_said_before_a_byte_is_written(tmp_path, monkeypatch):
    folder = upstream_folder(tmp_path / "HL", "UTT")
    pack(folder, tmp_path / "HL.safetensors")
    monkeypatch.setattr("shutil.disk_usage", lambda path: type("Usage", (), {"free": 100})())
    with pytest.raises(CannotWrite, match=r"x.safetensors: cannot be written: No space left on device"):
        pack(folder, tmp_path / "x.safetensors")
    with pytest.raises(CannotWrite, match=r"back: cannot be written: No space left on device"):
        unpack(tmp_path / "HL.safetensors", tmp_path / "back")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["HL", "HL.safetensors"]


def test_a_folder_that_is_there_is_not_written_over(tmp_path):
    pack(upstream_folder(tmp_path / "HL", "UTT"), tmp_path / "HL.safetensors")
    with pytest.raises(UserError, match="HL is there already; name another folder with out=FOLDER"):
        unpack(tmp_path / "HL.safetensors", tmp_path / "HL")


def ids_of(names: list[str]) -> np.ndarray:
    return np.frombuffer("\0".join(names).encode(), np.uint8).copy()


def with_offsets(tensors, number: int, value: int) -> dict[str, np.ndarray]:
    offsets = tensors["offsets"].copy()
    offsets[number] = value
    return {"offsets": offsets}


HOSTILE = {
    "an id that leaves": lambda t: {"ids": ids_of(["../../x", *sorted(IDS)[1:]])},
    "an absolute id": lambda t: {"ids": ids_of(["/etc/x", *sorted(IDS)[1:]])},
    "two equal ids": lambda t: {"ids": ids_of([sorted(IDS)[1], *sorted(IDS)[1:]])},
    "too few ids": lambda t: {"ids": ids_of(sorted(IDS)[1:])},
    "no text": lambda t: {"ids": np.full(30, 255, np.uint8)},
    "a negative offset": lambda t: with_offsets(t, 0, -5),
    "an offset too far": lambda t: with_offsets(t, -1, 10**12),
    "offsets that go back": lambda t: with_offsets(t, 3, 1),
    "offsets of another type": lambda t: {"offsets": t["offsets"].astype(np.int32)},
    "no rows": lambda t: {"values": t["values"].reshape(-1)},
    "texts as values": lambda t: {"values": t["values"].view(np.uint8)},
    "a flat sequence": lambda t: {"is_flat": np.ones(3, np.uint8)},
    "few checksums": lambda t: {"checksums": t["checksums"][:3]},
    "one more tensor": lambda t: {"code": np.zeros(3)},
}


@pytest.mark.parametrize("name", [*HOSTILE, "no format", "a bad manifest", "cut short", "no file", "text"])
def test_an_index_from_outside_is_checked(tmp_path, name):
    path = tmp_path / "HL.safetensors"
    pack(upstream_folder(tmp_path / "HL", "UTT"), path)
    tensors = load_file(path)
    metadata = {"format": "emolightning packed 1"}
    if name == "a bad manifest":
        metadata["manifest"] = json.dumps({**HUBERT.content(), "level": "code"})
    save_file(tensors | HOSTILE.get(name, lambda t: {})(tensors), path, None if name == "no format" else metadata)
    if name == "cut short":
        path.write_bytes(path.read_bytes()[:-9])
    elif name == "no file":
        path.unlink()
    elif name == "text":
        path.write_text("x" * 100)
    with pytest.raises(DamagedFile, match="HL.safetensors: cannot be read: "):
        PackedVectors(path)


def test_damage_of_values_is_met_when_they_are_read_and_unpacked(tmp_path):
    path = tmp_path / "HL.safetensors"
    pack(upstream_folder(tmp_path / "HL", "UTT"), path)
    tensors = load_file(path)
    values = tensors["values"].copy()
    values[2, 1], values[3, 1] = np.nan, 7
    save_file(tensors | {"values": values}, path, {"format": "emolightning packed 1"})
    packed = PackedVectors(path)
    with pytest.raises(UserError, match="holds values that are not finite"):
        packed.read(packed.ids[2])
    with pytest.raises(UserError, match="is not what was packed"):
        unpack(path, tmp_path / "back")
    assert not (tmp_path / "back").exists()
    assert not list(tmp_path.glob(".*"))


def test_the_command_goes_both_ways(tmp_path, capsys):
    fill(tmp_path / "HL").finish()
    assert main(["convert-features", f"source={tmp_path}/HL"]) == 0
    told = capsys.readouterr().out
    assert f"{tmp_path}/HL.safetensors: 14 clips, 6 wide" in told
    assert "made by hubert_mer2023 (weights aaaaaaaaaaaa, utterance)" in told
    assert main(["convert-features", f"source={tmp_path}/HL.safetensors", f"out={tmp_path}/back"]) == 0
    assert "back: 14 clips" in capsys.readouterr().out
    assert whole(tmp_path / "back") == whole(tmp_path / "HL")


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["source={}/none"], "there is no such folder or file"),
        (["source={}/clips.csv"], r"is neither a folder of vectors nor a packed file \(\*\.safetensors\)"),
        (["source={}/empty"], "holds no .npy files"),
        (["source={}/HL", "dtype=bfloat16"], "dtype=bfloat16: is not one of float32, float16; null"),
        (["source={}/HL.safetensors", "out={}/back", "dtype=float16"], "dtype is for packing"),
        (["source={}/HL.safetensors"], "HL is there already; name another folder with out=FOLDER"),
    ],
)
def test_the_command_says_what_it_cannot_convert(tmp_path, capsys, words, told):
    pack(upstream_folder(tmp_path / "HL", "UTT"), tmp_path / "HL.safetensors")
    (tmp_path / "empty").mkdir()
    (tmp_path / "clips.csv").touch()
    with pytest.raises(SystemExit) as ended:
        main(["convert-features", *(word.format(tmp_path) for word in words)])
    assert ended.value.code == 1
    assert re.search(told, capsys.readouterr().err)


def test_the_measurement_compares_values_and_counts_files(tmp_path, monkeypatch):
    words = [f"output={tmp_path}/r.json", f"folder={tmp_path}", "clips=20", "encoders=2", "width=8", "rounds=2"]
    monkeypatch.setattr("sys.argv", ["speed/stores.py", *words])
    assert run(stores.main, "stores") == 0
    result = json.loads((tmp_path / "r.json").read_text())
    assert result["values_are_equal"]
    assert (result["vectors"], len(result["ratios"])) == (40, 2)
    assert result["mapped_files"] == {"folders": 0, "packed": 2}
    assert [path.name for path in tmp_path.iterdir()] == ["r.json"]
