"""The one object by which the rest of the package knows Emotion-LLaMA-v2. Heavy imports wait for the methods."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from emolightning.models.emotion_llama_v2.inputs import FEATURES, INPUTS, VISUAL
from emolightning.models.emotion_llama_v2.instructions import TASKS, instruction_pool
from emolightning.models.emotion_llama_v2.layouts import LAYOUTS
from emolightning.prompt.questions import Questions
from emolightning.records.inputs import Inputs
from emolightning.records.labels import vocabulary

if TYPE_CHECKING:
    from emolightning.models.emotion_llama.upstream.format import Format
    from emolightning.models.emotion_llama_v2.emotion_llama_v2 import EmotionLlamaV2
    from emolightning.models.emotion_llama_v2.processor import EmotionLlamaV2Processor
    from emolightning.models.family import Family


class EmotionLlamaV2Family:
    """Emotion-LLaMA-v2: EVA-CLIP, 64 video and 64 audio vectors, what is fused of them, and a transcript."""

    name = "emotion_llama_v2"
    inputs: Inputs = INPUTS
    layouts: Sequence[str] = LAYOUTS
    tasks: Sequence[str] = TASKS

    def require(self, settings: Mapping[str, Any]) -> None:
        """Refuse settings that exclude each other, and weights that are not there; nothing is loaded.

        Raises:
            UserError: all of them.
        """
        from emolightning.models.parts.assembling import require_settings

        require_settings(*(self._part(settings, name) for name in ("vision", "language", "train")))
        self.require_weights(settings)

    def require_weights(self, settings: Mapping[str, Any]) -> None:
        """Say which weights are not there; nothing is loaded.

        Raises:
            UserError: in one sentence, all of them.
        """
        from emolightning.models.parts.assembling import require_weights

        require_weights(self._part(settings, "vision"), self._part(settings, "language"))

    def questions(
        self, prompt: Mapping[str, Any], *, labels: Sequence[str], protocol: Sequence[str], seed: int
    ) -> Questions:
        """Upstream's instructions for the labels that are offered."""
        task, chosen, layout = prompt["task"], prompt.get("labels"), prompt.get("layout", "train")
        tasks = {name: weight for name, weight in (prompt.get("tasks") or {}).items() if weight} or {task: 1.0}
        offered = list(vocabulary(chosen)) if chosen is not None else list(protocol) or list(labels)
        asked = {**tasks, task: 1.0}
        pools: dict[str, Sequence[str]] = {name: instruction_pool(name, offered, layout=layout) for name in asked}
        return Questions(pools, task, tasks, tuple(offered), draws=prompt["pool"] != "fixed", seed=seed)

    def processor(self, settings: Mapping[str, Any], *, layout: str) -> "EmotionLlamaV2Processor":
        """Turns clips into what the model reads; loads the tokenizer of its language model.

        Raises:
            UserError: it cannot be read, or has a chat format that the layout is not for.
        """
        from emolightning.models.emotion_llama_v2.processor import EmotionLlamaV2Processor
        from emolightning.models.parts.tokenizer import load_tokenizer

        return EmotionLlamaV2Processor(
            load_tokenizer(self._part(settings, "language")),
            image_tokens=self._part(settings, "vision").num_tokens,
            num_tokens=settings["num_tokens"],
            missing=settings["missing"],
            layout=layout,
        )

    def build(
        self, settings: Mapping[str, Any], *, sees: Mapping[str, Any], is_empty: bool = False
    ) -> "EmotionLlamaV2":
        """The model.

        Args:
            settings: the group `model` of the configuration, resolved.
            sees: `inputs`, and `feature_widths` of those that are vectors.
            is_empty: the language model gets its weights later, from the first rank.
        """
        from emolightning.config.building import build

        return build(settings, "model", is_empty=is_empty, **sees)

    def sees_of(self, widths: Mapping[str, int]) -> dict[str, Any]:
        """The argument `sees` of the model that has exactly these projections."""
        names = [name for name in (VISUAL[0], *FEATURES) if name in widths]
        return {"inputs": names, "feature_widths": {name: widths[name] for name in FEATURES if name in widths}}

    def image_size(self, settings: Mapping[str, Any]) -> int:
        """Pixels of a frame, both ways."""
        return settings["vision"]["image_size"]

    def checkpoint(self, settings: Mapping[str, Any]) -> "Format":
        """The format of its published checkpoints.

        Args:
            settings: the group `model`; without sizes of the fusion they are upstream's.
        """
        from emolightning.models.emotion_llama_v2.fusion import FusionSettings
        from emolightning.models.emotion_llama_v2.upstream import checkpoint_format

        fusion = settings.get("fusion")
        return checkpoint_format(self._part(settings, "fusion") if fusion else FusionSettings())

    def _part(self, settings: Mapping[str, Any], name: str) -> Any:
        from emolightning.config.building import build

        return build(settings[name], f"model.{name}")


FAMILY: "Family" = EmotionLlamaV2Family()
