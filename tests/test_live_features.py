"""From media and a table of labels to a trained model: vectors extracted before, or computed when a run asks."""

from pathlib import Path

import numpy as np
import pytest
from encoder_factory import make_speech
from encoder_folders import make_image_folder
from media_factory import make_media
from runs import REPO, Workplace, answers, read_json

from emolightning.__main__ import main
from emolightning.errors import InputErrors, UserError
from emolightning.records.clips import Clip
from emolightning.runs.live_features import LiveFeatures

NUMBER = 12
SPEECH_ALONE = ("inputs.face=false", "inputs.motion=false")


@pytest.fixture(scope="module")
def place(workplace: Workplace) -> Path:
    """Clips, their table, and a tiny HuBERT."""
    folder = workplace.folder / "live"
    (folder / "clips").mkdir(parents=True)
    rows = ["video_name, emotion_label, transcription, split"]
    for number in range(NUMBER):
        make_media(folder / "clips" / f"{number}.mp4", seconds=0.3 + 0.02 * number, size=(64, 48))
        label, split = ("happy", "sad")[number % 2], ("train", "train", "val", "test")[number // 3]
        rows.append(f'{number}.mp4, {label}, "This is clip {number}.", {split}')
    (folder / "clips.csv").write_text("\n".join(rows))
    make_speech(folder / "hubert", "hubert")
    return folder


@pytest.fixture(scope="module")
def data(place: Path) -> tuple[str, ...]:
    return (f"data.annotations={place}/clips.csv", f"data.media={place}/clips", f"data.cache={place}/cache")


def test_a_run_on_extracted_vectors_answers_the_same_on_live_ones(
    workplace: Workplace, place: Path, data: tuple[str, ...]
) -> None:
    recipe = ("features=hubert_mer2023", f"weights={place}/hubert", f"out={place}/features", "num_threads=1")
    assert main(["extract", "data=custom", *data[:2], *recipe]) == 0
    run = place / "run"
    words = ("data=custom", *data, "model=tiny", "trainer=cpu", "trainer.max_epochs=2", "data.batch_size=2")
    folders = ("features=folders", f"features.root={place}/features", "features.speech=HL-UTT")
    short = ("logger=csv", "evaluation.max_new_tokens=6", f"output_dir={run}")
    workplace.call(REPO / "train.py", *words, *folders, *SPEECH_ALONE, *short)
    workplace.evaluate(run, "split=all", f"output_dir={place}/stored")
    live = ("features=live", f"features.weights.speech={place}/hubert", *data)
    workplace.evaluate(run, "split=all", *live, f"output_dir={place}/computed")
    assert len(answers(place / "stored")) == NUMBER
    assert answers(place / "computed") == answers(place / "stored")
    stored, computed = (read_json(place / name / "metrics.json") for name in ("stored", "computed"))
    assert computed["metrics"] == stored["metrics"]
    assert computed["evaluation"]["features_sha256"] == stored["evaluation"]["features_sha256"]
    other = make_speech(place / "other", "hubert", seed=1)
    live = ("features=live", f"features.weights.speech={other}", *data)
    said = workplace.evaluate(run, "split=all", *live, f"output_dir={place}/refused", code=1)
    assert "weights: " in said


def test_each_input_is_computed_by_its_recipe_and_kept(place: Path, tmp_path: Path) -> None:
    clips = [Clip(str(number), place / "clips" / f"{number}.mp4") for number in range(3)]
    make_image_folder(tmp_path / "clip", "clip")
    weights = {"face": str(tmp_path / "clip"), "speech": str(place / "hubert"), "motion": None}
    source = LiveFeatures(
        weights=weights, face="clip_merbench", speech="hubert_mer2023", motion=None, faces="center:32"
    )
    loaded = source.load(clips, ["face", "speech"], cache=tmp_path / "cache", missing="error")
    assert loaded.widths == {"face": 20, "speech": 16}
    assert {name: manifest.recipe for name, manifest in loaded.made_by.items()} == {
        "face": "clip_merbench",
        "speech": "hubert_mer2023",
    }
    before = {path: path.stat().st_mtime_ns for path in (tmp_path / "cache").rglob("*.npy")}
    again = source.load(clips, ["face", "speech"], cache=tmp_path / "cache", missing="error")
    assert {path: path.stat().st_mtime_ns for path in (tmp_path / "cache").rglob("*.npy")} == before
    np.testing.assert_array_equal(again.vectors["face"]["1"], loaded.vectors["face"]["1"])
    other = LiveFeatures(weights=weights, face="clip_merbench", faces="center:24")
    assert len(other.load(clips, ["face"], cache=tmp_path / "cache", missing="error").vectors["face"]) == 3
    assert len(list((tmp_path / "cache").iterdir())) == 3, "another policy has a folder of its own"


@pytest.mark.parametrize("missing", ["error", "zero"])
def test_a_clip_without_sound_is_a_fault_or_zeros(place: Path, tmp_path: Path, missing: str) -> None:
    silent = make_media(tmp_path / "silent.mp4", seconds=0.3, audio=False)
    clips = [Clip("0", place / "clips" / "0.mp4"), Clip("silent", silent)]
    source = LiveFeatures(weights={"speech": str(place / "hubert")}, speech="hubert_mer2023")
    loaded = source.load(clips, ["speech"], cache=tmp_path / "cache", missing=missing)
    if missing == "error":
        (fault,) = loaded.faults["silent"]
        assert fault.kind == "no sound"
        assert "data.missing=zero" in fault.remedy
    else:
        assert not loaded.faults
        assert loaded.zeros["speech"].keys() == {"silent"}
        assert not loaded.vectors["speech"]["silent"].any()


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({}, "no recipe is named for it; say features.speech=RECIPE"),
        ({"speech": "hubert_mer2024"}, "did you mean hubert_mer2023"),
        ({"speech": "hubert_mer2023"}, "say where the weights of TencentGameMate/chinese-hubert-large lie"),
    ],
)
def test_what_an_input_lacks_is_said_before_weights_are_read(
    settings: dict[str, str], message: str, tmp_path: Path
) -> None:
    with pytest.raises(InputErrors, match=message):
        LiveFeatures(weights={}, **settings).load([], ["speech"], cache=tmp_path, missing="error")


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"speech": "asr"}, "features.speech: recipe asr writes what is said, and no vectors"),
        ({"batch_size": 0}, "batch_size=0, num_workers=2: at least 1 and 0 are needed"),
        ({"num_workers": -1}, "batch_size=8, num_workers=-1: at least 1 and 0 are needed"),
        ({"device": "tpu"}, "device=tpu is not one of auto, cpu, cuda"),
    ],
)
def test_settings_that_cannot_be_meant_are_refused(tmp_path: Path, settings: dict[str, object], message: str) -> None:
    given = {"speech": "hubert_mer2023", "weights": {"speech": str(tmp_path)}, **settings}
    with pytest.raises(UserError, match=message):
        LiveFeatures(**given).load([], ["speech"], cache=tmp_path, missing="error")
