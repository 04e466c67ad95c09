"""A chat model of transformers as a model that answers questions about clips, each clip by itself."""

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
import transformers
from torch import Tensor
from torch.nn import functional

from emolightning.errors import UserError
from emolightning.models.chat_transformers.processor import PER_TOKEN, ChatBatch, ChatProcessor, Turn
from emolightning.models.emotion_model import EmotionModel
from emolightning.models.parts.answering import clip_seed, one_by_one
from emolightning.models.parts.chat_questions import VERSION
from emolightning.models.parts.context import positions_of
from emolightning.models.parts.continuations import continuation_logprobs, only_last
from emolightning.models.parts.cross_entropy import PLAIN, CrossEntropy
from emolightning.models.parts.generation import Generation
from emolightning.models.parts.lora import unwrapped


class ChatModel(EmotionModel):
    """Any model behind `AutoModelForMultimodalLM`, with adapters or without.

    Args:
        language: the whole chat model, usually wrapped by PEFT.
        processor: asks it.
        inputs: what it is shown of a clip.
        takes: what it could be shown.
    """

    fresh_parts = ()

    def __init__(self, *, language: Any, processor: ChatProcessor, inputs: Sequence[str], takes: Sequence[str]):
        super().__init__()
        self.language = language
        self.asking = processor
        self.inputs, self.takes = tuple(inputs), tuple(takes)

    def identity(self) -> dict[str, Any]:
        """How a clip becomes a prompt: the template, the sizes of frames, the question, the version of transformers."""
        folder = self.asking.folder
        processor, template = folder.processor, str(self.asking.template)
        parts = [getattr(processor, name, None) for name in ("image_processor", "video_processor", "feature_extractor")]
        settings = [part.to_dict() for part in parts if part is not None]
        return {
            "chat": {
                "model_type": folder.model_type,
                "video_as": folder.way.enters,
                "template_sha256": hashlib.sha256(template.encode()).hexdigest(),
                "processing_sha256": hashlib.sha256(
                    json.dumps(settings, sort_keys=True, default=str).encode()
                ).hexdigest(),
                "max_pixels": folder.max_pixels,
                "version": VERSION,
                "transformers": transformers.__version__,
            }
        }

    def remarks(self) -> list[str]:
        """What it does not hear or see."""
        name, found = Path(self.asking.folder.path).name, []
        if "waveform" not in self.inputs:
            why = (
                "is deaf, so the sound of clips is not used"
                if "waveform" not in self.takes
                else "is not given the sound"
            )
            found.append(f"{name} {why}: its answers are of {_joined(self.inputs)} alone")
        elif "pictures" not in self.inputs:
            why = "is blind, so pictures are not used" if "pictures" not in self.takes else "is not shown the pictures"
            found.append(f"{name} {why}: its answers are of {_joined(self.inputs)} alone")
        return found

    def describe(self, base: str | None) -> str:
        """Kind of the model and where it is from."""
        return f"{self.asking.folder.model_type} of {self.asking.folder.path}, its own chat template"

    def answer_losses(
        self, batch: Any, projected: Mapping[str, Tensor] | None = None, *, cross_entropy: CrossEntropy = PLAIN
    ) -> tuple[Tensor, Tensor]:
        """Cross-entropy of the answers, clip by clip: sums in nats, and numbers of tokens."""
        assert isinstance(batch, ChatBatch)
        losses, counts = [], []
        for row, turn in self._turns(batch, 0):
            assert turn.answer is not None
            is_own = batch.is_own[row]
            losses.append(self._loss(turn, turn.answer, cross_entropy) * is_own)
            counts.append(is_own * len(turn.answer))
        number = len(batch.clips)
        return torch.stack(losses[:number]), torch.stack(counts[:number]).long()

    @torch.no_grad()
    def generate(
        self, batch: Any, generation: Generation, *, projected: Mapping[str, Tensor] | None = None, seed: int = 0
    ) -> list[str]:
        """One answer a clip, without special tokens and outer spaces."""
        assert isinstance(batch, ChatBatch)
        answers = []
        for row, turn in self._turns(batch, generation.max_new_tokens):
            with torch.random.fork_rng(enabled=generation.do_sample):
                if generation.do_sample:
                    torch.manual_seed(clip_seed(seed, batch.clips[row].id))
                answers.append(self._generate(turn, generation))
        return answers[: len(batch.clips)]

    @torch.no_grad()
    def label_logprobs(
        self, batch: Any, labels: Sequence[str], *, projected: Mapping[str, Tensor] | None = None
    ) -> Tensor:
        """How likely each label is as the whole answer, with the token that ends it."""
        assert isinstance(batch, ChatBatch)
        answers = [self.asking.answer_ids(label) for label in labels]
        found = [
            continuation_logprobs(self.language, self._arguments(turn.context), answers, counts_itself=True)
            for _, turn in self._turns(batch, max(map(len, answers)))
        ]
        return torch.cat(found[: len(batch.clips)])

    def _turns(self, batch: ChatBatch, new: int) -> Iterator[tuple[int, Turn]]:
        """Each clip's turn; as often as on any other rank, where ranks wait for each other.

        Args:
            batch: of clips.
            new: tokens that an answer may have.

        Raises:
            UserError: a prompt is longer than the model's context.
        """
        positions = positions_of(unwrapped(self.language).config.get_text_config(decoder=True))
        for row in one_by_one(len(batch.clips), batch.is_own.device, is_synced=self.is_synced):
            turn, name = batch.turns.all[row], batch.clips[row].id
            length = turn.context["input_ids"].shape[1]
            if positions is not None and length + (new or turn.learned) > positions:
                raise UserError(
                    f"clip {name}: its prompt has {length} tokens, and {self.asking.folder.path} has room for "
                    f"{positions} with the answer; say fewer frames or pixels, "
                    "data.frame=even:4 or model.max_pixels=100352"
                )
            yield row, turn

    def _arguments(self, context: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Pixels and sound in the type of the weights."""
        dtype = next(self.language.parameters()).dtype
        return {
            name: tensor.to(dtype) if tensor.is_floating_point() and name not in KEPT else tensor
            for name, tensor in context.items()
        }

    def _loss(self, turn: Turn, answer: Tensor, cross_entropy: CrossEntropy) -> Tensor:
        """Sum over an answer's tokens, float32."""
        context, number = self._arguments(turn.context), len(answer)
        context |= {"input_ids": torch.cat([context["input_ids"], answer[None]], dim=1)}
        for name, fill in (("attention_mask", 1), *((name, 0) for name in PER_TOKEN)):
            if name in context:
                context[name] = functional.pad(context[name], (0, number), value=fill)
        kept = only_last(self.language, number + 1)
        logits = self.language(**context, use_cache=False, **kept).logits[0, -number - 1 : -1]
        return cross_entropy(logits, answer).sum()

    def _generate(self, turn: Turn, generation: Generation) -> str:
        tokenizer = self.asking.tokenizer
        ids = self.language.generate(
            **self._arguments(turn.context),
            use_cache=True,
            synced_gpus=self.is_synced,
            bos_token_id=tokenizer.bos_token_id,
            eos_token_id=tokenizer.stop_ids,
            pad_token_id=tokenizer.pad_token_id,
            **generation.arguments(),
        )
        return tokenizer.decode(ids[0, turn.context["input_ids"].shape[1] :].tolist())


KEPT = ("second_per_grid_ts", "video_second_per_grid")
"""Seconds, which are counted and not multiplied by weights."""

SHOWN = {"pictures": "pictures", "waveform": "sound", "transcript": "words"}


def _joined(inputs: Sequence[str]) -> str:
    return " and ".join(SHOWN[name] for name in inputs)
