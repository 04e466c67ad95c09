"""Recipes: every file is one, says what its class takes, and a user's own count as well."""

from pathlib import Path

import pytest
from omegaconf import OmegaConf

from emolightning.config.check import ConfigError, check_config
from emolightning.config.places import CONFIG_DIR
from emolightning.errors import InputErrors, UserError
from emolightning.models.encoders.recipes import read_recipe, recipe_files

NAMES = sorted(path.stem for path in (CONFIG_DIR / "recipe").glob("*.yaml"))


def checked(name: str, **changes: object) -> None:
    encoder = dict(read_recipe(name).encoder)
    if encoder["weights"] == "???":
        encoder["weights"] = "some/folder"
    check_config(OmegaConf.create({"recipe": {"encoder": encoder | changes}}))


@pytest.mark.parametrize("name", NAMES)
def test_a_recipe_fits_its_class(name):
    recipe = read_recipe(name)
    assert recipe.name == name
    assert recipe.gives_text if recipe.width is None else recipe.width > 0
    assert (recipe.published is None) == (recipe.encoder["weights"] is None)
    checked(name)
    with pytest.raises(ConfigError, match="has no such argument"):
        checked(name, num_layerz=3)


def test_no_two_recipes_are_told_apart_by_their_names_alone():
    known = [read_recipe(name) for name in NAMES]
    told = [(str(each.encoder), each.published, each.folder) for each in known]
    assert len(set(told)) == len(told)


def test_an_unknown_recipe_is_answered_with_the_nearest():
    with pytest.raises(UserError, match="recipe 'hubert_mer2032': did you mean hubert_mer2023"):
        read_recipe("hubert_mer2032")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("- a", "is no mapping"),
        ("width: 3", "encoder: is missing"),
        ("{encoder: 3, published: null, width: w, folder: 1, source: s, used_by: u}", "width: is 'w', and must be a w"),
        ("{encoder: 3, published: null, width: 1, folder: null, source: s, used_by: u, more: 1}", "'more': is no key"),
        ("{encoder: {}, published: null, width: 1, folder: null, source: s, used_by: u}", "needs _target_ and weights"),
        ("width: [", "is not valid YAML"),
    ],
)
def test_what_is_wrong_with_a_file_is_said(text, message, tmp_path, monkeypatch):
    write_own(tmp_path, monkeypatch, "mine", text)
    with pytest.raises(UserError, match=message):
        read_recipe("mine")


def test_all_problems_of_a_file_at_once(tmp_path, monkeypatch):
    write_own(tmp_path, monkeypatch, "mine", "width: 1\nfolders: x")
    with pytest.raises(InputErrors) as error:
        read_recipe("mine")
    assert len(error.value.problems) == 6


def write_own(folder: Path, monkeypatch: pytest.MonkeyPatch, name: str, text: str) -> None:
    (folder / "recipe").mkdir(exist_ok=True)
    (folder / "recipe" / f"{name}.yaml").write_text(text)
    monkeypatch.setenv("EMOLIGHTNING_CONFIGS", str(folder))


def test_a_recipe_of_one_s_own(tmp_path, monkeypatch):
    text = (CONFIG_DIR / "recipe" / "hubert_mer2023.yaml").read_text()
    write_own(tmp_path, monkeypatch, "mine", text.replace("width: 1024", "width: 768"))
    assert read_recipe("mine").width == 768
    assert [*recipe_files()] == sorted([*NAMES, "mine"])
    write_own(tmp_path, monkeypatch, "hubert_mer2023", text.replace("width: 1024", "width: 512"))
    assert read_recipe("hubert_mer2023").width == 512
