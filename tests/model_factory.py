"""Small models and batches for tests: every part in its real class."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch

from emolightning.models.emotion_llama.build import build_emotion_llama
from emolightning.models.emotion_llama.emotion_llama import EmotionLlama
from emolightning.models.emotion_llama.inputs import INPUTS
from emolightning.models.emotion_llama.instructions import instruction_pool, prompt_order
from emolightning.models.emotion_llama.processor import EmotionLlamaProcessor
from emolightning.models.parts.language import LanguageSettings
from emolightning.models.parts.lora import LoraSettings
from emolightning.models.parts.trained_parts import TrainedParts
from emolightning.models.parts.vision import VisionSettings
from emolightning.records.clips import Clip, Example, SequenceBatch
from emolightning.records.labels import MER6

torch.set_num_threads(1)
"""As a run does: at these sizes a second thread is one to wait for."""

WIDTHS = {"face": 12, "motion": 10, "speech": 8}
VISION = VisionSettings(image_size=56, width=16, num_layers=2, num_heads=2, mlp_width=32)
LANGUAGE = LanguageSettings(width=32, num_layers=2, num_heads=2, mlp_width=48)


def make_model(
    inputs: Sequence[str] = tuple(INPUTS),
    *,
    seed: int = 0,
    language: LanguageSettings = LANGUAGE,
    train: TrainedParts = TrainedParts(),  # noqa: B008  # frozen
    **lora: Any,
) -> EmotionLlama:
    """A model of a few thousand parameters; LoRA's B is random too, so that the adapters do something."""
    torch.manual_seed(seed)
    adapters = LoraSettings(**{"r": 4, "alpha": 8, "dropout": 0.0, "targets": "all-linear", **lora})
    model = build_emotion_llama(
        vision=VISION, language=language, lora=adapters, inputs=inputs, feature_widths=WIDTHS, train=train
    )
    for name, parameter in model.named_parameters():
        if "lora_B" in name:
            torch.nn.init.normal_(parameter, std=0.1)
    return model.eval()


def make_examples(
    num_clips: int, inputs: Sequence[str] = tuple(INPUTS), *, frames: int = 1, seed: int = 0
) -> list[Example]:
    """Clips with random inputs and transcripts of different lengths."""
    generator = torch.Generator().manual_seed(seed)
    instruction = instruction_pool("emotion", prompt_order(MER6))[0]
    return [
        Example(
            clip=Clip(
                id=f"clip{index}",
                video=Path(f"clip{index}.mp4"),
                transcript="word " * (index + 1) if "transcript" in inputs else None,
                label=MER6[index % len(MER6)],
            ),
            index=index,
            instruction=instruction,
            images={"image": torch.randn(frames, 3, 56, 56, generator=generator)} if "image" in inputs else {},
            features={
                name: torch.randn(1, width, generator=generator) for name, width in WIDTHS.items() if name in inputs
            },
        )
        for index in range(num_clips)
    ]


def make_batch(model: EmotionLlama, examples: list[Example], *, layout: str = "train") -> SequenceBatch:
    """The examples as the model's batch."""
    processor = EmotionLlamaProcessor(model.tokenizer, image_tokens=model.image_tokens, layout=layout)
    return processor.batch(examples, [example.clip.label for example in examples])
