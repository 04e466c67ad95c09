"""Vectors computed from the clips by recipes, when a run asks for them: the same values as `extract` writes."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from emolightning.data.checkup.unusable import BROKEN_VECTORS, Fault, Faults
from emolightning.data.media.faces import FacePolicy
from emolightning.data.stores.features import Absent, filled
from emolightning.data.stores.loaded import LoadedFeatures
from emolightning.data.stores.manifest import Level
from emolightning.data.stores.reading import Found, read_store
from emolightning.errors import InputErrors, UserError
from emolightning.models.encoders.recipes import read_recipe
from emolightning.records.clips import Clip
from emolightning.runs.encoding import ABSENT
from emolightning.runs.extract import Extraction


class LiveFeatures:
    """`features=live`: each input by a recipe of `configs/recipe/`, kept in `data.cache`. For small data and new clips.

    Args:
        weights: feature input -> where the weights of its encoder lie.
        level: one vector a clip, or a sequence.
        faces: who is seen, see `extract`; None lets the detector look for them where a recipe is one for faces.
        device: of the encoders: `cuda`, `cpu` or `auto`.
        batch_size: clips that are encoded together; no value depends on it.
        num_workers: processes that decode.
        **recipes: feature input -> name of a recipe, e.g. `hubert_mer2023` for `speech`.
    """

    reads_media = True
    keeps_encoders = False
    """Whether the encoders stay in memory, for whoever asks for a few clips at a time."""

    def __init__(
        self,
        *,
        weights: Mapping[str, str | None],
        level: Level = "utterance",
        faces: str | None = None,
        device: str = "auto",
        batch_size: int = 8,
        num_workers: int = 2,
        **recipes: str | None,
    ):
        self.weights, self.recipes = dict(weights), recipes
        self._encoders: dict[str, Any] = {}
        self._how = {"level": level, "faces": faces, "device": device, "batch_size": batch_size}
        self._num_workers = num_workers

    @property
    def cut_out(self) -> Path | None:
        """Folder of faces that are looked at instead of the clips' pictures.

        Raises:
            UserError: `faces` is no policy.
        """
        faces = self._how["faces"]
        return FacePolicy.parse(str(faces)).folder if faces is not None else None

    def load(self, clips: Sequence[Clip], names: Sequence[str], *, cache: Path, missing: Absent) -> LoadedFeatures:
        """Compute the vectors that the cache does not have.

        Raises:
            InputErrors: an input without a recipe or weights, or that no clip has.
            UserError: the weights of an encoder cannot be used.
        """
        problems, ready = [], {}
        for name in names:
            try:
                ready[name] = self._extraction(name, cache)
            except UserError as error:
                problems.append(f"features.{name}: {error}")
        if problems:
            raise InputErrors("features=live", problems)
        faults: dict[str, list[Fault]] = {}
        absent: dict[str, dict[str, Fault]] = {}
        stores: dict[str, Found] = {}
        for name, extraction in ready.items():
            found = extraction.run(clips)
            if self.keeps_encoders:
                self._encoders[name] = extraction.encoder
            absent[name] = _of_kind(found, name)
            stores[name] = read_store(extraction.folder, [clip for clip in clips if clip.id not in found])
            broken = {**stores[name].absent, **stores[name].broken}
            others = {clip_id: said for clip_id, said in found.items() if clip_id not in absent[name]}
            others |= {c: [Fault(BROKEN_VECTORS, reason, "delete the folder")] for c, reason in broken.items()}
            for clip_id, said in others.items():
                faults.setdefault(clip_id, []).extend(said)
        vectors = {name: store.vectors for name, store in stores.items()}
        made_by = {name: store.manifest for name, store in stores.items() if store.manifest is not None}
        return replace(filled(vectors, absent, faults, clips, missing), made_by=made_by)

    def _extraction(self, name: str, cache: Path) -> Extraction:
        """What makes the vectors of an input.

        Raises:
            UserError: there is no such recipe, or nobody says where its weights lie.
        """
        if not self.recipes.get(name):
            raise UserError(f"no recipe is named for it; say features.{name}=RECIPE, or inputs.{name}=false")
        recipe = read_recipe(str(self.recipes[name])).at(self.weights.get(name), f"features.weights.{name}")
        recipe.require_vectors()
        extraction = Extraction(recipe, root=cache, is_cache=True, num_workers=self._num_workers, **self._how)  # type: ignore[arg-type]
        extraction.encoder = self._encoders.get(name)
        return extraction


def _of_kind(faults: Faults, name: str) -> dict[str, Fault]:
    """What a clip may lack though its file is in order."""
    remedy = f"say inputs.{name}=false, or data.missing=zero to put zeros in its place"
    return {
        clip_id: replace(fault, remedy=remedy)
        for clip_id, (fault, *_) in faults.items()
        if fault.kind in ABSENT.values()
    }
