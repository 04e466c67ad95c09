"""Recipes: which encoder, with which parameters, makes which published features."""

import importlib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from emolightning.config.foreign_files import trusted_folders
from emolightning.config.problems import suggestion
from emolightning.errors import InputErrors, UserError
from emolightning.files.documents import read_plain_yaml

WORDS = {str: "a text", int | None: "a whole number or null", str | None: "a text or null"}


@dataclass(frozen=True)
class Recipe:
    """One file, as it is written."""

    name: str
    encoder: Mapping[str, Any]
    """`_target_`, `weights` (`???` where there are some) and the parameters that the values depend on."""
    published: str | None
    """Name of the published weights; None for an encoder without any."""
    width: int | None
    """Values of a vector, with those weights; None for what gives no vectors."""
    folder: str | None
    """What upstream calls the folder of the vectors, one a clip where nothing else is said; None if it has none."""
    source: str
    """Script, commit or paper that it is taken from."""
    used_by: str
    """Models and rows of tables."""

    def at(self, weights: str | None, setting: str) -> "Recipe":
        """The recipe with its weights.

        Args:
            weights: where they lie; an encoder without any needs none.
            setting: that says so, for the message.

        Raises:
            UserError: nobody says it.
        """
        if self.encoder["weights"] is None:
            return self
        if weights is None:
            raise UserError(f"say where the weights of {self.published} lie: {setting}=PATH")
        return replace(self, encoder={**self.encoder, "weights": weights})

    @property
    def takes(self) -> str:
        """What the encoder takes of a clip: sound, frames or text."""
        return str(self._class().takes)

    @property
    def gives_text(self) -> bool:
        """Whether it writes what is said, instead of vectors."""
        return getattr(self._class(), "gives", "vectors") == "text"

    def require_vectors(self) -> None:
        """Refuse a recipe that writes what is said.

        Raises:
            UserError: this one does.
        """
        if self.gives_text:
            raise UserError(f"recipe {self.name} writes what is said, and no vectors; emolightning extract runs it")

    def _class(self) -> Any:
        module, _, name = str(self.encoder["_target_"]).rpartition(".")
        return getattr(importlib.import_module(module), name)


def recipe_files() -> dict[str, Path]:
    """Name -> file of all recipes: those of `configs/`, and of EMOLIGHTNING_CONFIGS, which win."""
    found: dict[str, Path] = {}
    for folder in trusted_folders():
        found |= {path.stem: path for path in (folder / "recipe").glob("*.yaml")}
    return dict(sorted(found.items()))


def read_recipe(name: str) -> Recipe:
    """A recipe by its name.

    Raises:
        UserError: there is none of this name.
        InputErrors: keys of the file are missing, unknown or of another type.
    """
    files = recipe_files()
    if name not in files:
        raise UserError(f"recipe {ascii(name)[:80]}: {suggestion(name, files, limit=60)}")
    return recipe_of(name, read_plain_yaml(files[name]), str(files[name]))


def recipe_of(name: str, content: Any, place: str) -> Recipe:
    """A recipe of plain values.

    Args:
        name: of the recipe.
        content: what its file holds.
        place: where that comes from, for messages.

    Raises:
        InputErrors: keys are missing, unknown or of another type.
    """
    if problems := _problems(content):
        raise InputErrors(place, problems)
    return Recipe(name=name, **content)


def _problems(content: Any) -> list[str]:
    if not isinstance(content, dict):
        return ["is no mapping"]
    expected = {name: kind for name, kind in Recipe.__annotations__.items() if name != "name"}
    problems = [f"{ascii(key)}: is no key of a recipe; {', '.join(expected)} are" for key in content.keys() - expected]
    problems += [f"{key}: is missing" for key in expected if key not in content]
    problems += [
        f"{key}: is {ascii(content[key])[:80]}, and must be {WORDS.get(kind, 'a mapping')}"
        for key, kind in expected.items()
        if key in content and not isinstance(content[key], dict if kind not in WORDS else kind)
    ]
    if not problems and not {"_target_", "weights"} <= content["encoder"].keys():
        problems.append("encoder: needs _target_ and weights (null for an encoder without any)")
    return problems
