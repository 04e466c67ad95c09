"""Vectors in a store that were made of other files, pieces or words than the clips of a run have now."""

import os
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from test_vector_folder import HUBERT

from emolightning.data.stores.cache import clip_stamp, text_stamp
from emolightning.data.stores.converting import pack
from emolightning.data.stores.features import FolderFeatures
from emolightning.data.stores.vectors import VectorFolder
from emolightning.records.clips import Clip, Span

FILE = b"the sound of a clip"


def clip_of(folder: Path, clip_id: str, **more: object) -> Clip:
    video = folder / f"{clip_id}.mp4"
    if not video.exists():
        video.write_bytes(FILE)
    return Clip(id=clip_id, video=video, **more)


@pytest.fixture
def clips(tmp_path: Path) -> list[Clip]:
    whole, other = (clip_of(tmp_path, name) for name in ("whole", "other"))
    return [whole, other, clip_of(tmp_path, "piece", span=Span(1.0, 2.5))]


def stored(root: Path, clips: list[Clip], *, of_text: bool = False) -> Path:
    store = VectorFolder.open(root / "HL-UTT", replace(HUBERT, parameters={}))
    for number, clip in enumerate(clips):
        store.add(clip.id, np.full(4, number, np.float32), text_stamp(clip) if of_text else clip_stamp(clip))
    store.finish()
    return root


def remarks(root: Path, clips: list[Clip]) -> dict[str, str]:
    features = FolderFeatures(root=str(root), speech="HL-UTT")
    return features.load(clips, ["speech"], cache=root, missing="error").without([clips[-1].id]).remarks


@pytest.mark.parametrize("is_packed", [False, True])
def test_other_files_and_pieces_are_counted_and_named(tmp_path: Path, clips: list[Clip], is_packed: bool) -> None:
    root = stored(tmp_path / "features", clips)
    if is_packed:
        pack(root / "HL-UTT", root / "HL-UTT.safetensors")
        (root / "HL-UTT").rename(tmp_path / "away")
    assert remarks(root, clips) == {}
    clips[1].video.write_bytes(FILE + b", encoded again")
    clips[2] = replace(clips[2], span=Span(1.0, 2.0))
    place = root / ("HL-UTT.safetensors" if is_packed else "HL-UTT")
    assert remarks(root, clips) == {
        "speech": f"speech: 2 of 3 vectors of {place} were made of other files, pieces or words than the clips have "
        "now, e.g. other, piece; `emolightning extract data=NAME features=hubert_mer2023` makes them again"
    }


def test_a_copy_with_another_time_and_clips_without_media_are_nothing_to_doubt(
    tmp_path: Path, clips: list[Clip]
) -> None:
    root = stored(tmp_path / "features", clips)
    for clip in clips:
        os.utime(clip.video, ns=(1, 2))
    assert remarks(root, clips) == {}
    for clip in clips:
        clip.video.unlink()
    assert remarks(root, clips) == {}


def test_words_that_were_corrected_are_other_words(tmp_path: Path) -> None:
    clips = [clip_of(tmp_path, str(number), transcript=text) for number, text in enumerate(["oh no", "yes", "well"])]
    root = stored(tmp_path / "features", clips, of_text=True)
    assert remarks(root, [replace(clip, transcript=None) for clip in clips]) == {}
    assert remarks(root, clips) == {}
    clips[0] = replace(clips[0], transcript="oh, no!")
    assert "1 of 3 vectors" in remarks(root, clips)["speech"]


@pytest.mark.parametrize("stamp", [[], ["x"], [None, None], [1, 2, "a"]])
def test_stamps_of_any_kind_are_read(tmp_path: Path, clips: list[Clip], stamp: list) -> None:
    store = VectorFolder.open(tmp_path / "features" / "HL-UTT", HUBERT)
    for clip in clips:
        store.add(clip.id, np.ones(4, np.float32), stamp)
    store.finish()
    assert (remarks(tmp_path / "features", clips) == {}) is (len(stamp) < 2)
