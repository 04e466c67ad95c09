"""The one object by which the rest of the package knows Emotion-LLaMA-v2. Heavy imports wait for the methods."""

from collections.abc import Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

from emolightning.errors import UserError
from emolightning.models.emotion_llama.family import EmotionLlamaFamily
from emolightning.models.emotion_llama_v2.inputs import FEATURES, FRESH, FUSION, INPUTS, ONLY, VISUAL
from emolightning.models.emotion_llama_v2.instructions import TASKS, instruction_pool
from emolightning.models.emotion_llama_v2.layouts import LAYOUTS
from emolightning.models.family import Family, Occasion
from emolightning.prompt.processor import SequenceProcessor
from emolightning.prompt.questions import (
    Question,
    Questions,
    choose_instruction,
    questions_of,
    target_text,
    with_general,
)
from emolightning.records.clips import Clip
from emolightning.records.inputs import Inputs
from emolightning.records.labels import vocabulary

if TYPE_CHECKING:
    from emolightning.models.emotion_llama.upstream.format import Format


class LabelIfNoText(Questions):
    """A clip without a text for the task that was drawn is asked what evaluations ask, as upstream does."""

    def ask(self, clip: Clip, *, epoch: int, training: bool) -> Question:
        """The question put about a clip, by (seed, epoch, clip id) only."""
        asked = super().ask(clip, epoch=epoch, training=training)
        if not training or asked.task == self.task or target_text(clip, asked.task):
            return asked
        pool = self.instructions(self.task, clip, training=True)
        return Question(self.task, choose_instruction(pool, seed=self.seed, epoch=epoch, clip_id=clip.id))

    def without_answer(self, clip: Clip) -> list[str]:
        """The task that evaluations ask, where a clip that is learned has no answer to it."""
        return super().without_answer(clip) if not target_text(clip, self.task) else []


class EmotionLlamaV2Family(EmotionLlamaFamily):
    """Emotion-LLaMA-v2: EVA-CLIP, 64 video and 64 audio vectors, what is fused of them, and a transcript."""

    name = "emotion_llama_v2"
    inputs: Inputs = INPUTS
    layouts: Sequence[str] = LAYOUTS
    tasks: Sequence[str] = with_general(TASKS)
    fresh_parts: Sequence[str] = FRESH
    projected: Sequence[str] = (VISUAL[0], *FEATURES)
    features: Sequence[str] = FEATURES

    def require_on(self, occasion: Occasion, settings: Mapping[str, Any]) -> None:
        """Refuse tasks that show a picture of zeros, where the tower has seen the clips before.

        Raises:
            UserError: names them, and the setting.
        """
        hiding = [task for task in occasion.tasks if VISUAL[0] not in ONLY.get(task, VISUAL)]
        if hiding and occasion.precomputes_vision and VISUAL[0] in occasion.inputs:
            raise UserError(
                f"prompt.task={hiding[0]} shows the vision tower a picture of zeros, and with precompute_vision=true "
                "it has seen the clips before anything is asked: say precompute_vision=false"
            )

    def trained(self, settings: Mapping[str, Any], inputs: Sequence[str]) -> dict[str, str]:
        """Part -> how it trains; the fusion as the projections do."""
        found = self._part(settings, "train").of(inputs)
        return {FUSION: found["projections"], **found} if "projections" in found else found

    def questions(
        self, prompt: Mapping[str, Any], *, labels: Sequence[str], protocol: Sequence[str], seed: int
    ) -> Questions:
        """Upstream's instructions for the labels that are offered."""
        chosen, layout = prompt.get("labels"), prompt.get("layout", "train")
        offered = list(vocabulary(chosen)) if chosen is not None else list(protocol) or list(labels)
        sentences = partial(instruction_pool, labels=offered, layout=layout)
        return questions_of(prompt, offered, sentences, known=TASKS, seed=seed, kind=LabelIfNoText)

    def processor(self, settings: Mapping[str, Any], *, layout: str) -> SequenceProcessor:
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

    def checkpoint(self, settings: Mapping[str, Any]) -> "Format":
        """The format of its published checkpoints.

        Args:
            settings: the group `model`; without sizes of the fusion they are upstream's.
        """
        from emolightning.models.emotion_llama_v2.fusion import FusionSettings
        from emolightning.models.emotion_llama_v2.upstream import checkpoint_format

        fusion = settings.get("fusion")
        return checkpoint_format(self._part(settings, "fusion") if fusion else FusionSettings())


FAMILY: Family = EmotionLlamaV2Family()
