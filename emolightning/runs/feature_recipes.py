"""Which recipe made the vectors of a run, as its files say it: another one is refused, unless it is on purpose."""

import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from emolightning.config.saved_run import ADAPTER_FILE, LINEAGE_FILE, find_run_folder
from emolightning.data.stores.manifest import Manifest, manifest_of
from emolightning.errors import UserError
from emolightning.files.documents import DamagedFile, read_json_object

log = logging.getLogger(__name__)

RECIPES = "feature_recipes"
"""Key of `lineage.json`, below `data`, and of an adapter's description: feature input -> content of a manifest."""


def require_same_recipes(
    setting: str, checkpoint: Path, here: Mapping[str, Manifest], *, accepts: bool = False
) -> list[str]:
    """Refuse vectors of another recipe than the weights were trained with: equally wide, they would mean nothing.

    Args:
        setting: what names the weights, for the message.
        checkpoint: run folder, checkpoint file or adapter folder.
        here: feature input -> what made the vectors that are read now, where that is known.
        accepts: whether another recipe is on purpose (`data.other_recipe=accept`).

    Returns:
        One sentence for each input of another recipe; none where they are refused.

    Raises:
        UserError: names both recipes of each such input, and what differs.
    """
    trained = recorded_recipes(checkpoint)
    problems: list[str] = []
    for name in sorted(trained.keys() & here.keys()):
        # Half precision is a matter of storage.
        if different := here[name].differences(trained[name], free=("dtype",)):
            problems.append(f"{name}: {trained[name]} in training, {here[name]} here ({'; '.join(different)})")
    for name in sorted(trained.keys() - here.keys()):
        log.info("%s: trained with vectors of %s; which recipe made those here is not known", name, trained[name])
    if problems and not accepts:
        raise UserError(
            f"{setting}={checkpoint}: was trained with vectors of another recipe\n  - "
            + "\n  - ".join(problems)
            + "\ntake the folders of the training with features.NAME=FOLDER, or extract these clips with its recipe; "
            "data.other_recipe=accept goes on all the same, and the report warns of it"
        )
    return [f"vectors of another recipe than in training (data.other_recipe=accept): {each}" for each in problems]


def recorded_recipes(checkpoint: Path) -> dict[str, Manifest]:
    """Feature input -> what made the vectors of a training; nothing where its files do not say.

    Raises:
        DamagedFile: they say it in a way that no program of ours does.
    """
    place, content = _record(checkpoint)
    recipes: Any = content.get(RECIPES) or {}
    if not isinstance(recipes, dict) or not all(isinstance(item, dict) for item in recipes.values()):
        raise DamagedFile(place, f"its {RECIPES} is no mapping of manifests")
    return {name: manifest_of(item, place) for name, item in recipes.items()}


def _record(checkpoint: Path) -> tuple[Path, Mapping[str, Any]]:
    """The file that may say it, and its part that does."""
    description = checkpoint.expanduser() / ADAPTER_FILE
    if description.is_file():
        return description, read_json_object(description)
    try:
        lineage = find_run_folder(checkpoint) / LINEAGE_FILE
    except UserError:  # A checkpoint without its run.
        return checkpoint, {}
    data = read_json_object(lineage).get("data") if lineage.is_file() else {}
    return lineage, data if isinstance(data, dict) else {}
