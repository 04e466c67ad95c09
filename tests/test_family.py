"""The seam between a model family and everything else: names come in as data, and every key has one owner."""

import inspect
import re
from dataclasses import fields
from typing import Any

import pytest
from hydra import compose, initialize_config_dir
from model_factory import make_model

from emolightning.config.check import find_problems
from emolightning.config.families import all_inputs, families, family_of
from emolightning.config.places import CONFIG_DIR
from emolightning.config.run_settings import RunConfig
from emolightning.config.schema import register_schemas
from emolightning.config.shared_keys import SHARED, signature_of
from emolightning.data.loading.datamodule import ClipDataModule
from emolightning.data.loading.settings import Loading, Reading, split_settings
from emolightning.errors import UserError
from emolightning.models.emotion_llama.family import FAMILY
from emolightning.models.emotion_llama.inputs import INPUTS, STREAMS
from emolightning.records.inputs import MODALITIES, InputKind, active_inputs, named

CUSTOM = "emolightning.data.readers.custom.CustomData"
FOLDERS = "emolightning.data.stores.features.FolderFeatures"


def composed(*words: str) -> Any:
    register_schemas()
    with initialize_config_dir(str(CONFIG_DIR), version_base="1.3"):
        return compose("train", overrides=list(words))


def test_a_family_is_found_by_the_folder_of_its_model() -> None:
    assert families()["emotion_llama"] is FAMILY
    assert all(family.name == name for name, family in families().items())
    assert family_of(composed("model=tiny").model) is FAMILY
    assert family_of(composed("model=fusion/attention").model) is families()["fusion"]
    assert family_of({"_target_": "mine.models.build"}) is FAMILY  # Emotion-LLaMA is the one that is meant.


def test_the_switches_of_a_run_are_the_inputs_of_the_families() -> None:
    assert [item.name for item in fields(type(RunConfig().inputs))] == [*all_inputs()]
    assert set(INPUTS) < set(all_inputs())
    assert {about.modality for about in INPUTS.values()} == set(MODALITIES)


def test_an_input_that_the_family_gains_is_switched_like_the_others() -> None:
    inputs = {**INPUTS, "posture": InputKind("vectors", "video", "How the body is held.")}
    assert [*active_inputs(inputs, ["video"], {"face": False})] == ["image", "motion", "posture"]
    assert named(inputs, "vectors") == ["face", "motion", "speech", "posture"]
    with pytest.raises(UserError, match="no input is left"):
        active_inputs(inputs, ["video"], dict.fromkeys(("image", "face", "motion", "posture"), False))


@pytest.mark.parametrize("words", [["model=tiny", "prompt.layout=train_stage2"], ["model=tiny", "prompt.task=think"],
                                   ["model=emotion_llama_v2_tiny", "prompt.task=reason_v2"]])  # fmt: skip
def test_what_another_family_is_asked_is_refused_by_name(words: list[str]) -> None:
    (found,) = find_problems(composed(*words))
    assert re.search(r"prompt\.(layout|task): '\w+' is not one of", str(found))


@pytest.mark.parametrize(
    ("words", "problem"),
    [
        (["data=custom", "data.annotations=a.csv", "+data.bach_size=3"], r"did you mean batch_size\?"),
        (["data=custom", "data.annotations=a.csv", "data.max_skipped=much"], "max_skipped: must be float, not 'much'"),
        (["features=folders", "+features.posture=p"], "features.posture: .* has no such argument"),
        (["features=folders", "features.speech=3"], "features.speech: must be str"),
    ],
)
def test_keys_that_a_class_does_not_take_itself_are_checked(words: list[str], problem: str) -> None:
    (found,) = find_problems(composed(*words))
    assert re.search(problem, str(found))


def test_keys_of_a_data_group_go_to_their_owners() -> None:
    group = {"_target_": CUSTOM, "name": "mine", "frame": "even:4", "batch_size": 3, "max_skipped": 0.5, "seed": 1}
    own, reading, loading = split_settings(group)
    assert own == {"_target_": CUSTOM, "name": "mine", "seed": 1}
    assert (reading, loading) == (Reading(frame="even:4", max_skipped=0.5), Loading(batch_size=3))
    assert reading.choice.num_frames == 4
    with pytest.raises(UserError, match="is not a share"):
        split_settings({"max_skipped": 2})


def test_no_key_has_two_owners() -> None:
    owners = [[item.name for item in fields(kind) if item.init] for kind in (Reading, Loading)]
    own = signature_of("nowhere", CUSTOM)
    assert own is not None
    names = [*own.arguments, *owners[0], *owners[1]]
    assert len(names) == len(set(names))
    assert set(SHARED) == {"data", "against"}


def test_a_data_module_has_few_arguments_and_needs_no_call_before_its_loaders() -> None:
    assert len(inspect.signature(ClipDataModule.__init__).parameters) - 1 <= 7
    assert not [name for name in vars(ClipDataModule) if name.startswith(("use_", "require_"))]


def test_projections_stand_in_the_order_of_the_sequence() -> None:
    assert tuple(make_model().projections) == STREAMS
    assert [*make_model().parts()] == ["vision", "projections", "language"]
