"""The one object by which the rest of the package knows Emotion-LLaMA. Heavy imports wait for the methods."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from emolightning.errors import UserError
from emolightning.models.emotion_llama.inputs import FEATURES, INPUTS, VISUAL
from emolightning.models.emotion_llama.instructions import POOLS, instruction_pool, prompt_order
from emolightning.models.emotion_llama.layouts import LAYOUTS
from emolightning.models.family import Family, Occasion, Released, Sees, Weights
from emolightning.prompt.processor import SequenceProcessor
from emolightning.prompt.questions import Questions, questions_of, with_general
from emolightning.records.inputs import Inputs
from emolightning.records.labels import vocabulary

if TYPE_CHECKING:
    from pathlib import Path

    from emolightning.models.inspecting import Description
    from emolightning.models.parts.language import LanguageSettings
    from emolightning.models.parts.torch_files import TorchFile


PROJECTIONS = "projections"
"""Attribute of the model that holds them."""


class EmotionLlamaFamily:
    """Emotion-LLaMA: EVA-CLIP, three feature vectors and a transcript before a language model with LoRA."""

    name = "emotion_llama"
    weights: Weights = "run"
    inputs: Inputs = INPUTS
    layouts: Sequence[str] = LAYOUTS
    tasks: Sequence[str] = with_general(tuple(POOLS))
    fresh_parts: Sequence[str] = (PROJECTIONS,)
    projected: Sequence[str] = (*FEATURES, VISUAL[0])
    """Inputs with a projection, in the order in which models are built."""
    features: Sequence[str] = FEATURES
    """Those of them that are vectors."""

    def takes(self, settings: Mapping[str, Any]) -> Inputs:
        """All of them."""
        return self.inputs

    def require(self, settings: Mapping[str, Any]) -> None:
        """Refuse settings that exclude each other, and weights that are not there; nothing is loaded.

        Raises:
            UserError: all of them.
        """
        from emolightning.models.parts.assembling import require_settings

        require_settings(*(self._part(settings, name) for name in ("vision", "language", "train")))
        self.require_weights(settings)

    def require_on(self, occasion: Occasion, settings: Mapping[str, Any]) -> None:
        """Nothing is excluded."""

    def require_weights(self, settings: Mapping[str, Any]) -> None:
        """Say which weights are not there; nothing is loaded.

        Raises:
            UserError: in one sentence, all of them.
        """
        from emolightning.models.parts.assembling import require_weights

        require_weights(self._part(settings, "vision"), self._part(settings, "language"))

    def language(self, settings: Mapping[str, Any]) -> "LanguageSettings":
        """Its language model."""
        return self._part(settings, "language")

    def frame_sizes(self, settings: Mapping[str, Any]) -> dict[str, int]:
        """Pixels of a frame, both ways."""
        return {VISUAL[0]: settings["vision"]["image_size"]}

    def trained(self, settings: Mapping[str, Any], inputs: Sequence[str]) -> dict[str, str]:
        """Part -> how it trains."""
        return self._part(settings, "train").of(inputs)

    def questions(
        self, prompt: Mapping[str, Any], *, labels: Sequence[str], protocol: Sequence[str], seed: int
    ) -> Questions:
        """Upstream's instructions, with the labels that are offered filled in."""
        chosen, pool = prompt.get("labels"), prompt["pool"]
        offered = list(protocol) or prompt_order(labels)
        if chosen is not None:
            offered = list(vocabulary(chosen))

        def sentences(task: str) -> Sequence[str]:
            found = instruction_pool(task, offered)  # Upstream has commented out the others for emotion.
            return found[:1] if pool == "upstream" and task == "emotion" else found

        return questions_of(prompt, offered, sentences, known=POOLS, seed=seed)

    def processor(self, settings: Mapping[str, Any], *, layout: str) -> SequenceProcessor:
        """Turns clips into what the model reads; loads the tokenizer of its language model.

        Raises:
            UserError: it cannot be read, or has a chat format that the layout is not for.
        """
        from emolightning.models.emotion_llama.processor import EmotionLlamaProcessor
        from emolightning.models.parts.tokenizer import load_tokenizer

        image_tokens = self._part(settings, "vision").num_tokens
        return EmotionLlamaProcessor(
            load_tokenizer(self._part(settings, "language")), image_tokens=image_tokens, layout=layout
        )

    def build(self, settings: Mapping[str, Any], *, sees: Sees, is_empty: bool = False) -> Any:
        """The model; its labels are words that any language model knows."""
        from emolightning.config.building import build

        about = {"inputs": list(sees.inputs), "feature_widths": dict(sees.feature_widths)}
        return build(settings, "model", is_empty=is_empty, **about)

    def sees_of(self, shapes: Mapping[str, tuple[int, ...]], told: Sees) -> Sees:
        """What the model that has exactly these projections is built around.

        Raises:
            ValueError: one of them is no projection.
        """
        found = {}
        for name, shape in shapes.items():
            part, _, rest = name.partition(".")
            if part == PROJECTIONS and name.endswith(".weight"):
                if len(shape) != 2 or rest.count(".") != 1:
                    raise ValueError(f"{rest} is no projection")
                found[rest.removesuffix(".weight")] = shape[1]
        names = [name for name in self.projected if name in found]
        return Sees(names, {name: found[name] for name in self.features if name in found}, told.labels)

    def recognised(self, file: "TorchFile") -> "Description | None":
        """What an opened file is, if it is published, of whatever family with LoRA and this tower."""
        from emolightning.models.emotion_llama.upstream.inspecting import recognised

        return recognised(file)

    def released_kinds(self) -> dict[str, str]:
        """Kind of file -> the argument of `import-weights` that takes it."""
        from emolightning.models.emotion_llama.upstream.inspecting import released_kinds

        return released_kinds()

    def import_released(
        self, settings: Mapping[str, Any], files: Released, out: "Path", *, allow_partial: bool, dry_run: bool
    ) -> list[str]:
        """Convert published weights.

        Args:
            settings: of the model.
            files: the published ones.
            out: gets `eva_clip_g/`, `adapter/` and `import.json`.
            allow_partial: write although parameters have no tensor, or tensors no place.
            dry_run: only say what would be done.

        Returns:
            The match report, and what was written.

        Raises:
            UserError: the tower is not given, or there are several checkpoints.
        """
        from emolightning.models.emotion_llama.upstream.describing import describe
        from emolightning.models.emotion_llama.upstream.format import format_of
        from emolightning.models.emotion_llama.upstream.importing import import_weights

        if files.eva is None:
            raise UserError("eva: give the vision tower, eva=FILE (eva_vit_g.pth); only model=affectgpt has none")
        if len(files.checkpoints) > 1:
            raise UserError("more_checkpoints: only model=affectgpt has several; give one file, checkpoint=FILE")
        format = format_of(settings)
        report = import_weights(
            llama=files.llama,
            eva=files.eva,
            checkpoint=files.checkpoints[0],
            out=out,
            vision=self._part(settings, "vision"),
            lora=self._part(settings, "lora"),
            format=format,
            description=describe(settings, files.llama, out, format.folders),
            allow_partial=allow_partial,
            dry_run=dry_run,
        )
        return [*report.lines(), f"written: {out}/eva_clip_g, {out}/adapter, {out}/import.json"]

    def export_released(
        self, place: "Path", weights: "Path", out: "Path", *, llama: "Path | None", allow_partial: bool
    ) -> list[str]:
        """Write trained weights as the released code's file; what is said about it.

        Args:
            place: a run, or what is in one.
            weights: the checkpoint file or adapter folder that this means.
            out: the file.
            llama: where the language model lies now.
            allow_partial: write although the released code has parameters that were not trained here.
        """
        from emolightning.models.emotion_llama.upstream.describing import read_trained
        from emolightning.models.emotion_llama.upstream.exporting import export_upstream

        return export_upstream(read_trained(weights), out, llama=llama, allow_partial=allow_partial)

    def export_merged(self, weights: "Path", out: "Path", *, llama: "Path | None", dtype: str | None) -> list[str]:
        """Write a language model with LoRA merged into it, and the projections beside it; what is said about it."""
        from emolightning.models.emotion_llama.upstream.describing import read_trained
        from emolightning.models.emotion_llama.upstream.merging import export_merged

        return export_merged(read_trained(weights), out, llama=llama, dtype=dtype)

    def _part(self, settings: Mapping[str, Any], name: str) -> Any:
        from emolightning.config.building import build
        from emolightning.models.parts.trained_parts import TrainedParts

        if name == "train" and name not in settings:  # Runs from before that was a setting trained as its defaults.
            return TrainedParts()
        return build(settings[name], f"model.{name}")


FAMILY: Family = EmotionLlamaFamily()
