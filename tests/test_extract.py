"""`emolightning extract`: clips to vectors that are there once, whole, and made by one recipe."""

import csv
import errno
import hashlib
import json
import os
import shutil
import signal
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from encoder_factory import make_ctc, make_speech, make_text
from encoder_folders import make_image_folder
from media_factory import make_media
from runs import Workplace
from safetensors.torch import load_file, save_file

from emolightning.__main__ import main
from emolightning.data.media.audio import read_waveform
from emolightning.data.media.faces import FacePolicy, Faces
from emolightning.data.stores.manifest import read_manifest
from emolightning.models.encoders.encoder import utterance
from emolightning.models.encoders.speech import SpeechEncoder
from emolightning.records.clips import Clip
from emolightning.runs import encoding

CLIPS = 6


@pytest.fixture(scope="module")
def hubert(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_speech(tmp_path_factory.mktemp("weights") / "hubert", "hubert")


@pytest.fixture(scope="module")
def media(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("media")
    (folder / "talks").mkdir()
    for number in range(CLIPS):
        name = f"talks/{number}.mp4" if number % 2 else f"{number}.mkv"
        make_media(folder / name, seconds=0.3 + 0.1 * number, size=(64, 48))
    return folder


def words(out: Path, media: Path, weights: Path, *more: str, features: str = "hubert_mer2023") -> list[str]:
    place = [f"media={media}", f"out={out}", f"features={features}", f"weights={weights}"]
    return ["extract", *place, "num_threads=1", *more]  # Roundings depend on it.


def run(*given: str) -> int:
    """The exit code of a command."""
    try:
        return main(list(given))
    except SystemExit as ended:
        return int(ended.code or 0)


def digests(folder: Path) -> dict[str, str]:
    """Name -> sha256 of all files of a store but its lock."""
    return {
        path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and path.name != ".lock"
    }


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory, media: Path, hubert: Path) -> Path:
    """The store of an extraction that nothing interrupted."""
    out = tmp_path_factory.mktemp("whole")
    assert run(*words(out, media, hubert)) == 0
    return out / "HL-UTT"


def test_a_vector_is_the_encoders_of_the_clips_sound(whole: Path, media: Path, hubert: Path) -> None:
    encoder = SpeechEncoder(weights=str(hubert), architecture="hubert")
    for clip in ("0.mkv", "talks/1.mp4"):
        (steps,) = encoder.encode([read_waveform(media / clip)])
        kept = np.load(whole / f"{clip.rpartition('.')[0]}.npy")
        assert kept.dtype == np.float32
        np.testing.assert_array_equal(kept, utterance(steps))


def test_the_manifest_says_what_made_it(whole: Path) -> None:
    manifest = read_manifest(whole)
    assert manifest is not None
    assert (manifest.recipe, manifest.encoder, manifest.level) == ("hubert_mer2023", "SpeechEncoder", "utterance")
    assert (manifest.width, manifest.count) == (16, CLIPS)
    assert manifest.parameters == {"architecture": "hubert"}


def test_again_makes_nothing_and_changes_nothing(
    whole: Path, media: Path, hubert: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = {path: path.stat().st_mtime_ns for path in whole.rglob("*.npy")}
    assert run(*words(whole.parent, media, hubert)) == 0
    assert {path: path.stat().st_mtime_ns for path in whole.rglob("*.npy")} == before
    assert f"{CLIPS} of {CLIPS} clips" in capsys.readouterr().out


@pytest.mark.parametrize("batch_size", [1, 5])
def test_shards_in_any_batches_give_the_same_store(
    whole: Path, media: Path, hubert: Path, tmp_path: Path, batch_size: int
) -> None:
    for shard in ("2/2", "1/2"):
        assert run(*words(tmp_path, media, hubert, f"shard={shard}", f"batch_size={batch_size}", "num_workers=0")) == 0
    assert digests(tmp_path / "HL-UTT") == digests(whole)


def test_frames_are_a_sequence_at_frame_level(media: Path, tmp_path: Path) -> None:
    weights = make_image_folder(tmp_path / "clip", "clip")
    given = words(tmp_path, media, weights, "level=frame", "faces=center:32", features="clip_merbench")
    assert run(*given, "num_workers=0") == 0
    folder = tmp_path / "clip_merbench-FRA"
    assert np.load(folder / "0.npy").shape == (8, 20)
    assert np.load(folder / "talks" / "1.npy").shape == (10, 20)
    manifest = read_manifest(folder)
    assert manifest is not None
    assert manifest.faces == "center:32"


def test_text_is_that_of_the_annotations(media: Path, tmp_path: Path) -> None:
    table = tmp_path / "clips.csv"
    table.write_text("video_name,emotion_label,transcription,split\n0.mkv,sad,oh no,train\ntalks/1.mp4,sad,yes,val\n")
    weights = make_text(tmp_path / "bert", "bert")
    given = ["extract", "data=custom", f"data.annotations={table}", f"data.media={media}", "features=macbert_merbench"]
    assert run(*given, f"weights={weights}", f"out={tmp_path}") == 0
    made = {path.relative_to(tmp_path).as_posix() for path in tmp_path.rglob("*.npy")}
    assert {name.partition("/")[2] for name in made} == {"0.npy", "talks/1.npy"}


def test_media_without_annotations_have_no_text(
    media: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    weights = make_text(tmp_path / "bert", "bert")
    assert run(*words(tmp_path, media, weights, features="macbert_merbench")) == 1
    assert "features=macbert_merbench takes what is said; say data=NAME" in capsys.readouterr().err


def test_what_is_recognised_is_a_table(media: Path, tmp_path: Path) -> None:
    weights = make_ctc(tmp_path / "ctc")
    assert run(*words(tmp_path, media, weights, "on_error=skip", "max_skipped=1", features="asr")) == 0
    with (tmp_path / "transcripts.csv").open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert rows
    assert rows[0].keys() == {"video_name", "transcription"}
    assert all(row["transcription"] for row in rows)
    assert not list(tmp_path.rglob("manifest.json"))


def test_what_a_clip_said_before_it_was_damaged_is_not_in_the_table(media: Path, tmp_path: Path) -> None:
    weights, mine = make_ctc(tmp_path / "ctc"), tmp_path / "mine"
    mine.mkdir()
    for name in ("0.mkv", "2.mkv"):
        shutil.copy(media / name, mine)
    given = words(tmp_path, mine, weights, "on_error=skip", "max_skipped=0.5", "num_workers=0", features="asr")
    assert run(*given) == 0
    assert "2," in (tmp_path / "transcripts.csv").read_text()
    (mine / "2.mkv").write_bytes(b"torn")
    assert run(*given) == 0
    assert "2," not in (tmp_path / "transcripts.csv").read_text()


def test_a_recogniser_without_a_head_is_refused(
    media: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Its words would come from random numbers."""
    weights = make_ctc(tmp_path / "ctc")
    tensors = load_file(weights / "model.safetensors")
    save_file({name: value for name, value in tensors.items() if "lm_head" not in name}, weights / "model.safetensors")
    assert run(*words(tmp_path, media, weights, features="asr")) == 1
    assert "missing, and would be random: lm_head.bias, lm_head.weight" in capsys.readouterr().err
    assert run(*words(tmp_path, media, make_text(tmp_path / "bert", "bert"), features="asr")) == 1
    assert "model_type 'bert', which recognises no speech" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"num_hidden_layers": 10**7}, "num_hidden_layers 10000000, and there are only"),
        ({"conv_stride": [0] * 7}, "the model fails on a second of silence"),
    ],
)
def test_a_configuration_that_no_file_can_fill_is_refused_at_once(
    media: Path, tmp_path: Path, changes: dict[str, Any], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    weights = make_speech(tmp_path / "hubert", "hubert")
    described = json.loads((weights / "config.json").read_text())
    (weights / "config.json").write_text(json.dumps(described | changes))
    assert run(*words(tmp_path, media, weights)) == 1
    assert message in capsys.readouterr().err


def test_one_clip_needs_no_splits(media: Path, hubert: Path, tmp_path: Path) -> None:
    table = tmp_path / "clips.csv"
    table.write_text("video_name,emotion_label,transcription\n0.mkv,sad,oh no\n")
    given = ["data=custom", f"data.annotations={table}", f"data.media={media}", "features=hubert_mer2023"]
    assert run("extract", *given, f"weights={hubert}", f"out={tmp_path}") == 0
    assert (tmp_path / "HL-UTT" / "0.npy").is_file()


@pytest.mark.parametrize(
    ("name", "message"),
    [
        (b"a\\b.mp4", "another file on other systems"),
        (b"b\xff.mp4", "the name is not UTF-8"),
        (b"x" * 250 + b".ts", "the name has 250 bytes, and 240 are allowed"),
        ("o\u0308k.mp4".encode(), "would both be this clip"),
    ],
)
def test_names_that_no_vector_can_have_are_told_before_anything_is_made(
    hubert: Path, tmp_path: Path, name: bytes, message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    mine = tmp_path / "mine"
    mine.mkdir()
    (mine / "\u00f6k.mp4").touch()
    Path(os.fsdecode(os.fsencode(mine) + b"/" + name)).touch()
    assert run(*words(tmp_path, mine, hubert)) == 1
    assert message in capsys.readouterr().err
    assert not (tmp_path / "HL-UTT").exists()


def test_ranks_share_a_shard_and_write_their_own_lists(
    media: Path, hubert: Path, tmp_path: Path, whole: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WORLD_SIZE", "2")
    for shard in ("1/2", "2/2"):
        for rank in ("1", "0"):
            monkeypatch.setenv("RANK", rank)
            listed = f"output={tmp_path}/{shard[0]}.json"
            assert run(*words(tmp_path, media, hubert, f"shard={shard}", listed, "num_workers=0")) == 0
    assert digests(tmp_path / "HL-UTT") == digests(whole)
    counts = {path.name: json.loads(path.read_text())["num_clips"] for path in tmp_path.glob("*.json")}
    assert counts == {"1.1-of-2.json": 2, "1.2-of-2.json": 1, "2.1-of-2.json": 2, "2.2-of-2.json": 1}


@pytest.fixture
def with_faults(tmp_path: Path) -> Path:
    """One good clip, one without sound, one that is cut short."""
    folder = tmp_path / "faulty"
    folder.mkdir()
    make_media(folder / "good.mp4", seconds=0.4)
    make_media(folder / "silent.mp4", seconds=0.4, audio=False)
    (folder / "torn.mp4").write_bytes((folder / "good.mp4").read_bytes()[:2000])
    return folder


def test_clips_without_a_vector_are_named_and_counted(
    with_faults: Path, hubert: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    found = tmp_path / "found.json"
    assert run(*words(tmp_path, with_faults, hubert, f"output={found}")) == 1
    said = capsys.readouterr()
    assert "1 of 3 clips" in said.out
    assert "silent: " in said.err
    assert "torn: " in said.err
    assert "2 of 3 clips cannot be used (1 no sound, 1 media that cannot be decoded)" in said.err
    assert "on_error=skip goes on" in said.err
    assert "data.on_error" not in said.err
    assert json.loads(found.read_text())["num_skipped"] == 2
    assert [path.name for path in (tmp_path / "HL-UTT").glob("*.npy")] == ["good.npy"]


@pytest.mark.parametrize(("share", "code"), [("0.5", 1), ("0.7", 0)])
def test_so_many_may_be_skipped(
    with_faults: Path, hubert: Path, tmp_path: Path, share: str, code: int, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(*words(tmp_path, with_faults, hubert, "on_error=skip", f"max_skipped={share}")) == code
    said = capsys.readouterr()
    assert ("max_skipped=0.5 allows 1 of 3" in said.err) is bool(code)
    assert ("2 of 3 clips cannot be used" in said.out) is not bool(code)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (["features=hubert"], "hubert: no such option; did you mean hubert_mer2023?"),
        (["media=."], "features: says which recipe"),
        (["features=hubert_mer2023", "weights=x"], "say which clips: data=NAME, or media=FOLDER"),
        (["features=hubert_mer2023", "media=."], "recipe.encoder.weights"),
        (["features=hubert_mer2023", "weights=x", "media=nowhere"], "media=nowhere: no such folder"),
        (["features=mae_340", "weights=x", "media=.", "faces=nose"], "faces='nose'"),
        (["features=hubert_mer2023", "weights=x", "media=.", "level=word"], "level"),
        (["features=hubert_mer2023", "weights=x", "media=.", "batch_size=0"], "batch_size: must be at least 1"),
        (["features=hubert_mer2023", "weights=x", "media=.", "dtype=bfloat16"], "not one of float32, float16"),
        (["features=hubert_mer2023", "weights=x", "media=.", "device=meta"], "not one of auto, cpu, cuda"),
        (["features=hubert_mer2023", "weights=x", "media=.", "folder=../up"], "'../up' is no name of a folder"),
        (["features=hubert_mer2023", "weights=x", "media=.", "folder=/up"], "'/up' is no name of a folder"),
        (["features=hubert_mer2023", "weights=x", "media=.", "out="], "out: must not be empty"),
        (["features=hubert_mer2023", "weights=", "media=."], "weights=PATH says where they lie"),
        (
            ["features=hubert_mer2023", "weights=x", "media=.", "faces=center"],
            "takes sound, so it has no use for faces",
        ),
        (["features=asr", "weights=x", "media=.", "level=frame"], "has no use for level=frame"),
        (["features=asr", "weights=x", "media=.", "dtype=float16"], "has no use for dtype=float16"),
        (["features=hubert_mer2023", "weights=x", "media=.", "data=synthetic"], "leave it out, or data=NAME"),
        (["features=hubert_mer2023", "weights=x", "media=clip.mp4"], "is a file; say media=. for all media beside it"),
    ],
)
def test_settings_that_cannot_be_meant(
    given: list[str], message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "clip.mp4").touch()
    assert run("extract", *given) in (1, 2)
    assert not list(tmp_path.rglob("manifest.json"))
    said = capsys.readouterr().err
    assert message in said
    assert "Traceback" not in said


@pytest.mark.parametrize("shard", ["0/2", "3/2", "2", "a/b", "1/0", "-1/2"])
def test_a_shard_is_one_of_n(
    media: Path, hubert: Path, tmp_path: Path, shard: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(*words(tmp_path, media, hubert, f"shard={shard}")) == 1
    assert "the first of four is shard=1/4" in capsys.readouterr().err


def test_another_recipe_does_not_write_into_the_folder(
    whole: Path, media: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    other = make_speech(tmp_path / "other", "hubert", seed=5)
    assert run(*words(whole.parent, media, other)) == 1
    said = capsys.readouterr().err
    assert "holds vectors of hubert_mer2023" in said
    assert "weights: " in said


def test_two_files_of_one_name_are_refused(hubert: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for name in ("a.mp4", "a.wav"):
        (tmp_path / name).touch()
    assert run(*words(tmp_path / "out", tmp_path, hubert)) == 1
    assert "a.mp4 and a.wav would both be this clip" in capsys.readouterr().err


def test_frames_come_out_of_the_decoder_at_the_size_of_the_recipe(media: Path, tmp_path: Path) -> None:
    weights = make_image_folder(tmp_path / "clip", "clip")
    given = words(tmp_path, media, weights, "recipe.encoder.decoded_at=40", "level=frame", features="clip_affectgpt")
    assert run(*given) == 0
    manifest = read_manifest(tmp_path / "clip_affectgpt-FRA")
    assert manifest is not None
    assert manifest.parameters["decoded_at"] == 40
    assert np.load(tmp_path / "clip_affectgpt-FRA" / "0.npy").shape[0] == 8


def test_whose_face_was_chosen_is_kept_beside_the_vectors(
    media: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def crops(self: FacePolicy, clip: Clip, positions: Any, **_: Any) -> Faces:
        return Faces(np.zeros((len(positions(3)), 32, 32, 3), np.uint8), {"boxes": [[1, 2, 3]], "num_tracks": 1})

    monkeypatch.setattr(FacePolicy, "crops", crops)
    monkeypatch.setattr(FacePolicy, "require", lambda self: None)
    weights = make_image_folder(tmp_path / "clip", "clip")
    given = words(tmp_path, media, weights, "num_workers=0", features="clip_merbench")
    assert run(*given) == 0
    folder = tmp_path / "clip-vit-large-patch14-UTT"
    manifest = read_manifest(folder)
    assert manifest is not None
    assert manifest.faces == "detector:largest:112:0.15", "a recipe of faces looks for them where nothing else is said"
    chosen = json.loads((folder / ".chosen" / "talks" / "1.json").read_text())
    assert chosen == {"boxes": [[1, 2, 3]], "num_tracks": 1}
    assert len(list((folder / ".chosen").rglob("*.json"))) == CLIPS


@pytest.mark.parametrize(
    ("features", "kind", "faces"),
    [
        pytest.param("clip_merbench", "clip", "none", marks=pytest.mark.slow),
        ("videomae_merbench", "videomae", "center:32"),
    ],
)
def test_frames_that_fill_the_memory_are_taken_one_by_one(
    media: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, features: str, kind: str, faces: str
) -> None:
    """The same vectors, repeated frames included; memory does not hold a long clip."""
    weights = make_image_folder(tmp_path / kind, kind)
    given = [f"faces={faces}", "num_workers=0", "on_error=skip", "max_skipped=0.5"]
    torn = tmp_path / "torn"
    torn.mkdir()
    shutil.copy(media / "0.mkv", torn / "a.mkv")
    (torn / "b.mkv").write_bytes((media / "2.mkv").read_bytes()[:3000])
    stores = []
    for most in (2**28, 1000):
        monkeypatch.setattr(encoding, "MOST_HANDED_OVER_BYTES", most)
        assert run(*words(tmp_path / str(most), torn, weights, *given, features=features)) == 0
        stores.append(digests(tmp_path / str(most)))
    assert stores[0] == stores[1]
    assert sum(name.endswith(".npy") for name in stores[0]) == 1


def test_what_the_detector_chose_is_written_down(shared: Path, tmp_path: Path) -> None:
    table = tmp_path / "clips.csv"
    table.write_text(
        "video_name,emotion_label,transcription,split,start,end\nsample_00000167.mp4,sad,oh no,train,0.4,1.0\n"
    )
    weights = make_image_folder(tmp_path / "clip", "clip")
    given = [f"data.annotations={table}", f"data.media={shared / 'clips'}", "features=clip_merbench"]
    assert run("extract", "data=custom", *given, f"weights={weights}", f"out={tmp_path}") == 0
    (record,) = (json.loads(path.read_text()) for path in tmp_path.rglob(".chosen/*.json"))
    assert record["num_tracks"] == 1
    assert len(record["boxes"]) == record["num_frames"]


def test_a_vector_that_is_no_number_is_the_clips_problem(
    media: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, hubert: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    real = SpeechEncoder.encode

    def huge(self: SpeechEncoder, items: Any) -> list[np.ndarray]:
        return [
            steps * np.float32(1e9 if len(item) < 6000 else 1)
            for item, steps in zip(items, real(self, items), strict=True)
        ]

    monkeypatch.setattr(SpeechEncoder, "encode", huge)
    given = ["dtype=float16", "num_workers=0", "on_error=skip", "max_skipped=0.5"]
    assert run(*words(tmp_path, media, hubert, *given)) == 0
    assert len(list((tmp_path / "HL-UTT").rglob("*.npy"))) == CLIPS - 1
    assert "1 of 6 clips cannot be used" in capsys.readouterr().out


@pytest.mark.parametrize("error", [MemoryError(), RuntimeError("DefaultCPUAllocator: can't allocate memory: 12 TB")])
def test_a_clip_that_is_too_long_for_the_memory_does_not_spoil_the_others(
    media: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    hubert: Path,
    capsys: pytest.CaptureFixture[str],
    error: Exception,
) -> None:
    real = SpeechEncoder.encode

    def encode(self: SpeechEncoder, items: Any) -> list[np.ndarray]:
        if any(12000 < len(item) < 16000 for item in items):
            raise error
        return real(self, items)

    monkeypatch.setattr(SpeechEncoder, "encode", encode)
    assert run(*words(tmp_path, media, hubert, "num_workers=0")) == 1
    assert "memory is too small to encode it; cut it into pieces" in capsys.readouterr().err
    assert len(list((tmp_path / "HL-UTT").rglob("*.npy"))) == CLIPS - 1


@pytest.mark.parametrize("is_old", [False, True])
def test_files_beside_the_weights_belong_to_the_recipe(
    whole: Path, media: Path, hubert: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], is_old: bool
) -> None:
    """A folder of before they were noted goes on, whatever they are now."""
    weights, folder = Path(shutil.copytree(hubert, tmp_path / "weights")), tmp_path / "HL-UTT"
    shutil.copytree(whole, folder)
    said = json.loads((weights / "preprocessor_config.json").read_text())
    (weights / "preprocessor_config.json").write_text(json.dumps({**said, "do_normalize": False}))
    manifest = json.loads((folder / "manifest.json").read_text())
    assert manifest["side_files"].keys() == {"config.json", "preprocessor_config.json"}
    if is_old:
        del manifest["side_files"]
        (folder / "manifest.json").write_text(json.dumps(manifest))
    (folder / "0.npy").unlink()
    assert run(*words(tmp_path, media, weights, "num_workers=0")) == (0 if is_old else 1)
    assert ("side_files.preprocessor_config.json: " in capsys.readouterr().err) is not is_old
    assert (folder / "0.npy").exists() is is_old


@pytest.mark.parametrize("is_whole", [pytest.param(True, marks=pytest.mark.slow), False])
def test_doctor_computes_some_vectors_again(
    whole: Path, media: Path, hubert: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], is_whole: bool
) -> None:
    table, root = tmp_path / "clips.csv", tmp_path / "features"
    shutil.copytree(whole, root / "HL-UTT")
    if not is_whole:
        other = np.load(root / "HL-UTT" / "2.npy")
        shutil.copy(root / "HL-UTT" / "0.npy", root / "HL-UTT" / "2.npy")
        line = (root / "HL-UTT" / "vectors.jsonl").read_text().splitlines()
        told = {json.loads(text)["id"]: json.loads(text) for text in line}
        told["2"] |= {name: told["0"][name] for name in ("sha256", "size")}
        (root / "HL-UTT" / "vectors.jsonl").write_text("".join(f"{json.dumps(record)}\n" for record in told.values()))
        assert not np.array_equal(other, np.load(root / "HL-UTT" / "2.npy"))
    rows = [
        f"{clip},sad,oh no,{split}" for clip, split in (("0.mkv", "train"), ("2.mkv", "val"), ("talks/1.mp4", "test"))
    ]
    table.write_text("\n".join(["video_name,emotion_label,transcription,split", *rows]))
    given = [
        "doctor",
        "data=custom",
        f"data.annotations={table}",
        f"data.media={media}",
        f"data.cache={tmp_path}/cache",
    ]
    stored = ["features=folders", f"features.root={root}", "features.speech=HL-UTT"]
    code = run(*given, *stored, "inputs.face=false", "inputs.motion=false", f"fresh={{speech: {hubert}}}")
    said = capsys.readouterr().out
    assert "speech: 3 stored vectors compared with fresh ones" in said
    assert ("speech: 2: stored and fresh vector differ by" in said) is not is_whole
    assert bool(code) is not is_whole


@pytest.mark.parametrize(
    ("number", "shares"), [(24, (0.4,)), pytest.param(300, (0.4, 0.6, 0.8), marks=pytest.mark.slow)]
)
def test_killed_it_ends_with_the_same_store(
    workplace: Workplace, media: Path, hubert: Path, tmp_path: Path, number: int, shares: tuple[float, ...]
) -> None:
    """Only vectors in flight are computed twice, and nothing half is left."""
    many, folder = tmp_path / "many", tmp_path / "out" / "HL-UTT"
    many.mkdir()
    sources = sorted(path for path in media.rglob("*.*") if path.is_file())
    for place in range(number):
        source = sources[place % len(sources)]
        os.link(source, many / f"clip{place:03}{source.suffix}")
    kept: set[str] = set()
    for share in shares:
        program = workplace.start("-m", "emolightning", *words(tmp_path / "out", many, hubert, "batch_size=2"))
        program.signal_when(lambda share=share: len(list(folder.glob("*.npy"))) >= share * number, signal.SIGKILL)
        there = {path.name for path in folder.glob("*.npy")}
        assert kept <= there
        assert len(there) < number
        kept = there
    stamps = {path.name: path.stat().st_mtime_ns for path in folder.glob("*.npy")}
    assert run(*words(tmp_path / "out", many, hubert)) == 0
    again = [name for name, stamp in stamps.items() if (folder / name).stat().st_mtime_ns != stamp]
    assert len(again) <= 1, again
    assert run(*words(tmp_path / "other", many, hubert)) == 0
    assert digests(folder) == digests(tmp_path / "other" / "HL-UTT")


def test_a_disk_that_fills_keeps_what_is_done(
    media: Path, hubert: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    real, done = np.save, []

    def save(file: Any, array: np.ndarray, **options: Any) -> None:
        if len(done) == 3:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        done.append(file)
        real(file, array, **options)

    with monkeypatch.context() as patched:
        patched.setattr(np, "save", save)
        assert run(*words(tmp_path, media, hubert, "num_workers=0")) == 1
    said = capsys.readouterr().err
    assert "No space left on device" in said
    assert "Traceback" not in said
    kept = {path: path.stat().st_mtime_ns for path in (tmp_path / "HL-UTT").rglob("*.npy")}
    assert len(kept) == 3
    assert run(*words(tmp_path, media, hubert, "num_workers=0")) == 0
    assert all(path.stat().st_mtime_ns == stamp for path, stamp in kept.items())
