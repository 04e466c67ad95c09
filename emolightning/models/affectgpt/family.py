"""The one object by which the rest of the package knows AffectGPT. Heavy imports wait for the methods."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from emolightning.errors import UserError
from emolightning.models.affectgpt.inputs import FRESH, INPUTS, OF_TEACHER
from emolightning.models.affectgpt.instructions import TASKS, question
from emolightning.models.affectgpt.layouts import NAMES, layout_of
from emolightning.models.family import Family, Occasion, Released, Sees, Weights
from emolightning.prompt.questions import Questions, questions_of, with_general
from emolightning.records.inputs import Inputs
from emolightning.records.labels import vocabulary

if TYPE_CHECKING:
    from pathlib import Path

    from emolightning.models.affectgpt.affectgpt import AffectGPT
    from emolightning.models.affectgpt.processor import AffectGPTProcessor
    from emolightning.models.inspecting import Description
    from emolightning.models.parts.language import LanguageSettings
    from emolightning.models.parts.torch_files import TorchFile


class AffectGPTFamily:
    """AffectGPT: pooled vectors of faces or frames and of the voice, one token of both, and a subtitle."""

    name = "affectgpt"
    weights: Weights = "run"
    inputs: Inputs = INPUTS
    layouts: Sequence[str] = NAMES
    tasks: Sequence[str] = with_general(tuple(TASKS))
    fresh_parts: Sequence[str] = FRESH

    def takes(self, settings: Mapping[str, Any]) -> Inputs:
        """All of them."""
        return self.inputs

    def require(self, settings: Mapping[str, Any]) -> None:
        """Refuse settings that exclude each other, and weights that are not there; nothing is loaded.

        Raises:
            UserError: all of them.
        """
        from emolightning.models.affectgpt.build import require_own_settings

        require_own_settings(*(self._part(settings, name) for name in ("language", "fusion", "train")))
        self.require_weights(settings)

    def require_on(self, occasion: Occasion, settings: Mapping[str, Any]) -> None:
        """Refuse layers that train and that no sequence of the layout uses, where processes wait for all of them.

        Raises:
            UserError: which streams these layers are of, and which settings leave them out; or a teacher would be shown
                inputs that are changed for its student.
        """
        from emolightning.models.affectgpt.build import streams_of

        if occasion.augments and settings.get("teacher"):
            raise UserError(
                "augmentation: changes what clips show, and a teacher (model.teacher) is shown the same; leave one of "
                "both out"
            )
        if not occasion.waits_for_all or self._part(settings, "train").projections != "full":
            return
        pieces = layout_of(occasion.layout)[0].pieces
        made = streams_of(occasion.inputs, self._part(settings, "fusion"))
        if unused := [name for name in made if name not in pieces]:
            only_multi = unused == ["multi"]
            cure = "model.fusion.multi=none" if only_multi else "trainer.strategy.find_unused_parameters=true"
            raise UserError(
                f"prompt.layout={occasion.layout} does not show {', '.join(unused)}, whose layers would train all the "
                f"same, and several processes wait for their gradients: say {cure}, or train in one process"
            )

    def require_weights(self, settings: Mapping[str, Any]) -> None:
        """Say which weights are not there; nothing is loaded.

        Raises:
            UserError: in one sentence, all of them.
        """
        from emolightning.models.affectgpt.build import TINY
        from emolightning.models.parts.assembling import require_weights

        require_weights(None, self._part(settings, "language"), tiny=TINY)

    def language(self, settings: Mapping[str, Any]) -> "LanguageSettings":
        """Its language model."""
        return self._part(settings, "language")

    def frame_sizes(self, settings: Mapping[str, Any]) -> dict[str, int]:
        """It sees no frames itself: its encoders give vectors."""
        return {}

    def trained(self, settings: Mapping[str, Any], inputs: Sequence[str]) -> dict[str, str]:
        """Part -> how it trains; what a teacher is compared through trains in full."""
        found = self._part(settings, "train").of(inputs)
        return found | ({"distillation": "full"} if settings.get("teacher") else {})

    def questions(
        self, prompt: Mapping[str, Any], *, labels: Sequence[str], protocol: Sequence[str], seed: int
    ) -> Questions:
        """Upstream's questions, with the labels that are offered filled in; there is one for each task."""
        chosen = prompt.get("labels")
        offered = list(vocabulary(chosen)) if chosen is not None else list(protocol) or list(labels)
        return questions_of(prompt, offered, lambda task: (question(task, offered),), known=TASKS, seed=seed)

    def processor(self, settings: Mapping[str, Any], *, layout: str) -> "AffectGPTProcessor":
        """Turns clips into what the model reads; loads the tokenizer of its language model.

        Raises:
            UserError: it cannot be read, or the layout shows what the model does not have.
        """
        from emolightning.models.affectgpt.build import load_affectgpt_tokenizer
        from emolightning.models.affectgpt.processor import AffectGPTProcessor

        tokenizer = load_affectgpt_tokenizer(self._part(settings, "language"))
        return AffectGPTProcessor(tokenizer, fusion=self._part(settings, "fusion"), layout=layout)

    def build(self, settings: Mapping[str, Any], *, sees: Sees, is_empty: bool = False) -> "AffectGPT":
        """The model; its labels are words that any language model knows."""
        from emolightning.config.building import build

        about = {"inputs": list(sees.inputs), "feature_widths": dict(sees.feature_widths)}
        return build(settings, "model", is_empty=is_empty, **about)

    def sees_of(self, shapes: Mapping[str, tuple[int, ...]], told: Sees) -> Sees:
        """What the model that has exactly these layers is built around; faces and frames are one for them.

        Raises:
            ValueError: they are not weights of this family.
        """
        from emolightning.models.affectgpt.build import trained_widths

        layers = trained_widths(shapes)
        of_teacher = {name: width for name, width in told.feature_widths.items() if name.startswith(OF_TEACHER)}
        widths = {name: width for name, width in layers.items() if name in told.inputs or not told.inputs} | of_teacher
        return Sees([name for name in INPUTS if name in widths], widths, told.labels)

    def recognised(self, file: "TorchFile") -> "Description | None":
        """What an opened file is, if it is a published checkpoint."""
        from emolightning.models.affectgpt.upstream import recognised

        return recognised(file)

    def released_kinds(self) -> dict[str, str]:
        """Kind of file -> the argument of `import-weights` that takes it."""
        from emolightning.models.affectgpt.upstream import KIND

        return {KIND: "checkpoint"}

    def import_released(
        self, settings: Mapping[str, Any], files: Released, out: "Path", *, allow_partial: bool, dry_run: bool
    ) -> list[str]:
        """Convert a published checkpoint, in one file or several.

        Args:
            settings: of the model.
            files: the published ones.
            out: gets `adapter/` and `import.json`.
            allow_partial: of no meaning: a checkpoint has everything that trains.
            dry_run: only say what would be done.

        Returns:
            The match report.
        """
        import os

        from emolightning.models.affectgpt.upstream import import_affectgpt

        base = os.path.abspath(files.llama)
        model = {**settings, "llm": base, "language": {**settings["language"], "path": base}}
        report = import_affectgpt(
            llama=files.llama,
            checkpoints=files.checkpoints,
            out=out,
            language=self._part(model, "language"),
            lora=self._part(model, "lora"),
            fusion=self._part(model, "fusion"),
            description={"model": model, "prompt": {"layout": "train", "task": "emotion", "pool": "fixed"}},
            dry_run=dry_run,
        )
        return [*report.lines(), f"written: {out}/adapter, {out}/import.json"]

    def export_released(
        self, place: "Path", weights: "Path", out: "Path", *, llama: "Path | None", allow_partial: bool
    ) -> list[str]:
        """Write the adapter folder of a run as the released code's file; what is said about it.

        Args:
            place: a run or its adapter folder.
            weights: what this means for other families.
            out: the file.
            llama: of no meaning: the file does not depend on it.
            allow_partial: the same.

        Raises:
            UserError: it is a checkpoint file.
        """
        from emolightning.models.affectgpt.upstream import export_affectgpt
        from emolightning.models.parts.adapter import DESCRIPTION

        if place.is_file():
            raise UserError(f"checkpoint={place}: give the folder of the run, whose adapter folder is exported")
        own = place / "adapter"
        return export_affectgpt(own if (own / DESCRIPTION).is_file() else place, out)

    def _part(self, settings: Mapping[str, Any], name: str) -> Any:
        from emolightning.config.building import build

        return build(settings[name], f"model.{name}")


FAMILY: Family = AffectGPTFamily()
