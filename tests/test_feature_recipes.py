"""Weights are asked about vectors of the recipe they were trained with, or the evaluation is refused."""

import json
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from runs import Workplace, read_json
from test_vector_folder import HUBERT

from emolightning.data.stores.manifest import Manifest
from emolightning.data.stores.vectors import VectorFolder
from emolightning.errors import UserError
from emolightning.files.documents import DamagedFile
from emolightning.runs.feature_recipes import recorded_recipes, require_same_recipes

OTHER = replace(HUBERT, recipe="hubert_merbench", parameters={"layers": [24]})


@pytest.fixture(params=["run", "checkpoint", "adapter in its run", "adapter alone"])
def weights(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """Files of a run that was trained with HuBERT's vectors for speech."""
    recipes = {"feature_recipes": {"speech": HUBERT.content()}}
    adapter = tmp_path / "run/adapter" if request.param != "adapter alone" else tmp_path / "alone"
    adapter.mkdir(parents=True)
    (adapter / "emolightning.json").write_text(json.dumps({"model": {}, **recipes}))
    if request.param == "adapter alone":
        return adapter
    (tmp_path / "run/config.yaml").write_text("seed: 1\n")
    (tmp_path / "run/lineage.json").write_text(json.dumps({"data": recipes}))
    (tmp_path / "run/checkpoints").mkdir()
    (tmp_path / "run/checkpoints/best.ckpt").touch()
    places = {"run": ".", "checkpoint": "checkpoints/best.ckpt", "adapter in its run": "adapter"}
    return tmp_path / "run" / places[request.param]


def test_another_recipe_is_refused_with_both_named(weights: Path) -> None:
    told = (
        r"(?s)checkpoint=.*speech: hubert_mer2023 \(.*\) in training, hubert_merbench \(.*\) here \(.*layers: \[4, 5\]"
    )
    with pytest.raises(UserError, match=told):
        require_same_recipes("checkpoint", weights, {"speech": OTHER, "face": OTHER})


def test_another_recipe_on_purpose_is_a_sentence(weights: Path) -> None:
    (said,) = require_same_recipes("checkpoint", weights, {"speech": OTHER, "face": OTHER}, accepts=True)
    assert said.startswith("vectors of another recipe than in training (data.other_recipe=accept): speech: hubert_mer")
    assert "hubert_merbench (weights aaaaaaaaaaaa, utterance) here" in said
    assert require_same_recipes("checkpoint", weights, {"speech": HUBERT}, accepts=True) == []


def test_the_same_recipe_is_taken_however_it_is_stored(weights: Path) -> None:
    versions = {"transformers": "6.0"}
    here = replace(HUBERT, dtype="float16", versions=versions, width=1024, count=7)
    require_same_recipes("checkpoint", weights, {"speech": here})
    require_same_recipes("checkpoint", weights, {"face": OTHER})
    require_same_recipes("checkpoint", weights, {})


@pytest.mark.parametrize("recorded", [[], {"speech": "hubert"}, {"speech": {"recipe": "x"}}])
def test_a_record_from_outside_is_checked(tmp_path: Path, recorded: object) -> None:
    (tmp_path / "emolightning.json").write_text(json.dumps({"feature_recipes": recorded}))
    if not recorded:
        assert recorded_recipes(tmp_path) == {}
        return
    with pytest.raises(DamagedFile, match="emolightning.json: cannot be read"):
        recorded_recipes(tmp_path)


@pytest.mark.parametrize("record", ["a run without a lineage", "no run"])
def test_where_nothing_is_recorded_nothing_is_refused(tmp_path: Path, record: str) -> None:
    if record != "no run":
        (tmp_path / "config.yaml").write_text("seed: 1\n")
    require_same_recipes("init_from", tmp_path, {"speech": OTHER})


def test_a_run_records_its_recipes_and_an_evaluation_with_others_is_refused(
    trained: Path, workplace: Workplace, tmp_path: Path
) -> None:
    widths = read_json(trained / "adapter/emolightning.json")["feature_widths"]
    made_by = {name: Manifest("signal-1", "SignalFeatures", weights="", level="utterance") for name in widths}
    assert recorded_recipes(trained) == recorded_recipes(trained / "adapter") == made_by
    clips = sorted({path.stem for path in (workplace.home / "clips").rglob("*.mp4")})
    for name, width in widths.items():
        store = VectorFolder.open(tmp_path / name, OTHER)
        for clip_id in clips:
            store.add(clip_id, np.ones(width), [1])
        store.finish()
    folders = [f"features.{name}={name}" for name in widths]
    output = workplace.evaluate(trained, "features=folders", f"features.root={tmp_path}", *folders, code=1)
    for name in widths:
        assert f"{name}: signal-1 (utterance) in training, hubert_merbench (weights aaaaaaaaaaaa, utterance)" in output
    assert "data.other_recipe=accept goes on all the same" in output
    older = Path(shutil.copytree(trained, tmp_path / "older"))  # A run of before the setting came.
    config = older / "config.yaml"
    now = config.read_text()
    config.write_text(now.replace("  other_recipe: refuse\n", ""))
    assert config.read_text() != now
    accepting = ["data.other_recipe=accept", f"output_dir={tmp_path}/accepted"]
    workplace.evaluate(older, "features=folders", f"features.root={tmp_path}", *folders, *accepting)
    warned = [each for each in read_json(tmp_path / "accepted/metrics.json")["warnings"] if "of another recipe" in each]
    assert len(warned) == len(widths)
    assert all("signal-1 (utterance) in training, hubert_merbench" in each for each in warned)
