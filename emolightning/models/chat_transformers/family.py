"""The one object by which the rest of the package knows chat models in folders. Heavy imports wait for the methods."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from emolightning.models.chat_transformers.inputs import INPUTS, taken
from emolightning.models.family import Family, Occasion, Sees, Weights
from emolightning.models.parts.chat_questions import TASKS, question_of
from emolightning.prompt.questions import Questions, questions_of, with_general
from emolightning.records.inputs import Inputs
from emolightning.records.labels import vocabulary

if TYPE_CHECKING:
    from emolightning.models.chat_transformers.model import ChatModel
    from emolightning.models.chat_transformers.processor import ChatProcessor


class ChatTransformersFamily:
    """Chat models that transformers has, as they are or with adapters."""

    name = "chat_transformers"
    weights: Weights = "folder"
    inputs: Inputs = INPUTS
    layouts: Sequence[str] = ("train",)
    tasks: Sequence[str] = with_general(tuple(TASKS))
    fresh_parts: Sequence[str] = ()

    def takes(self, settings: Mapping[str, Any]) -> Inputs:
        """What the model of a folder sees and hears; all where there is no such folder, which `require` says."""
        try:
            config = json.loads((Path(str(settings.get("path"))) / "config.json").read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return INPUTS
        return taken(config) if isinstance(config, dict) else INPUTS

    def require(self, settings: Mapping[str, Any]) -> None:
        """Refuse settings that exclude each other, and a folder that cannot be used; no weights are read.

        Raises:
            UserError: says which.
        """
        from emolightning.models.chat_transformers.build import require_own_settings

        language, train = (self._part(settings, name) for name in ("language", "train"))
        require_own_settings(language, train, settings["max_pixels"])
        self.require_weights(settings)

    def require_on(self, occasion: Occasion, settings: Mapping[str, Any]) -> None:
        """Nothing is excluded."""

    def require_weights(self, settings: Mapping[str, Any]) -> None:
        """Say what the folder lacks; no weights are read.

        Raises:
            UserError: in one sentence, all of it.
        """
        from emolightning.models.parts.assembling import require_weights

        self.processor(settings, layout="train")
        require_weights(None, self._part(settings, "language"))

    def language(self, settings: Mapping[str, Any]) -> None:
        """None: it is a part of the chat model, whose processor alone knows how long a prompt becomes."""
        return

    def frame_sizes(self, settings: Mapping[str, Any]) -> dict[str, int]:
        """Nothing: its processor takes frames of any size."""
        return {}

    def trained(self, settings: Mapping[str, Any], inputs: Sequence[str]) -> dict[str, str]:
        """Its one part."""
        return {"language": self._part(settings, "train").language}

    def questions(
        self, prompt: Mapping[str, Any], *, labels: Sequence[str], protocol: Sequence[str], seed: int
    ) -> Questions:
        """One question a task, with the labels that are offered.

        Raises:
            UserError: there is no such task.
        """
        offered = list(vocabulary(chosen)) if (chosen := prompt.get("labels")) else list(protocol or labels)
        return questions_of(prompt, offered, lambda task: (question_of(task, offered),), known=TASKS, seed=seed)

    def processor(self, settings: Mapping[str, Any], *, layout: str) -> "ChatProcessor":
        """Turns clips into prompts; reads the folder's own processor."""
        from emolightning.models.chat_transformers.folder import read_folder
        from emolightning.models.chat_transformers.processor import ChatProcessor

        return ChatProcessor(read_folder(str(settings["language"]["path"]), settings["max_pixels"]))

    def build(self, settings: Mapping[str, Any], *, sees: Sees, is_empty: bool = False) -> "ChatModel":
        """The model."""
        from emolightning.config.building import build

        return build(settings, "model", is_empty=is_empty, inputs=list(sees.inputs))

    def sees_of(self, shapes: Mapping[str, tuple[int, ...]], told: Sees) -> Sees:
        """What the file of the weights says: adapters do not tell what was shown.

        Raises:
            ValueError: it says nothing.
        """
        if not told.inputs:
            raise ValueError("it does not say what its model was shown")
        return told

    def _part(self, settings: Mapping[str, Any], name: str) -> Any:
        from emolightning.config.building import build

        return build(settings[name], f"model.{name}")


FAMILY: Family = ChatTransformersFamily()
"""Qwen2-VL to Qwen3-VL, Omni's thinkers, Qwen2-Audio, LLaVA's, VideoLLaMA3, InternVL, Gemma and whatever else
transformers reads as a multimodal language model."""
