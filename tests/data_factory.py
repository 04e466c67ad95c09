"""The data of a run as `data=...` would read them, made without a configuration."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from emolightning.data.loading.corpus import Corpus
from emolightning.data.loading.examples import ClipDataset
from emolightning.data.loading.settings import split_settings
from emolightning.data.readers.source import ClipSource
from emolightning.models.emotion_llama.family import FAMILY
from emolightning.models.emotion_llama.inputs import INPUTS
from emolightning.models.emotion_llama.processor import EmotionLlamaProcessor
from emolightning.models.parts.language import LanguageSettings
from emolightning.models.parts.tokenizer import load_tokenizer


def corpus_of(
    kind: Callable[..., ClipSource],
    *,
    features: Any,
    inputs: Sequence[str] = tuple(INPUTS),
    image_size: int = 56,
    prompt: Mapping[str, Any] | None = None,
    **group: Any,
) -> Corpus:
    """Nothing is read yet.

    Args:
        kind: the class of the data.
        features: where vectors come from.
        inputs: active ones.
        image_size: of frames.
        prompt: settings of `prompt` that are not the defaults.
        **group: keys of the group `data`.
    """
    own, reading, loading = split_settings(group)
    source = kind(inputs=tuple(inputs), **own)
    asked = {"task": "emotion", "pool": "fixed", **(prompt or {})}
    protocol = source.official.prompt_order if source.official else ()
    return Corpus(
        source,
        inputs={name: about for name, about in INPUTS.items() if name in inputs},
        features=features,
        questions=FAMILY.questions(asked, labels=source.labels, protocol=protocol, seed=source.seed),
        frame_sizes={"image": image_size},
        reading=reading,
        num_workers=loading.num_workers,
    )


def examples_of(corpus: Corpus, split: str, **more: Any) -> ClipDataset:
    """The examples of a split, for the small tokenizer."""
    processor = EmotionLlamaProcessor(load_tokenizer(LanguageSettings()), image_tokens=4)
    return ClipDataset(corpus, split, processor=processor, **more)
