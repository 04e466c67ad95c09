"""Settings -> AffectGPT: the same function for the tiny model, AffectGPT, and Light-MER's teacher and student."""

from collections.abc import Collection, Mapping, Sequence
from functools import partial
from typing import Any

import torch

from emolightning.errors import InputErrors, UserError
from emolightning.models.affectgpt.affectgpt import AffectGPT
from emolightning.models.affectgpt.distillation import DistillationSettings
from emolightning.models.affectgpt.distilled import DistilledAffectGPT
from emolightning.models.affectgpt.fusion import POSITIONS, Fusion
from emolightning.models.affectgpt.inputs import STREAMS, VIDEO
from emolightning.models.affectgpt.settings import FusionSettings
from emolightning.models.affectgpt.teacher import load_teacher
from emolightning.models.parts.assembling import language_that_answers, require_settings, require_weights
from emolightning.models.parts.language import LanguageSettings
from emolightning.models.parts.lora import LoraSettings
from emolightning.models.parts.tokenizer import Tokenizer, load_tokenizer
from emolightning.models.parts.trained_parts import TrainedParts
from emolightning.prompt.chat_format import ChatFormat

TINY = "affectgpt_tiny"
WIDTH_OF = (
    (VIDEO, ("video_attention_mlp", "video_frame_position_embedding", "multi_video_embs", "affectgpt_proj")),
    (("speech",), ("audio_attention_mlp", "audio_position_embedding", "multi_audio_embs", "audio_llama_proj")),
    (("picture",), ("image_llama_proj",)),
)
"""Inputs, and the layers that show how wide their vectors are: the first that weights have."""

OPENING, END = "<|im_start|>", "<|im_end|>"
"""Qwen's tokens, which upstream sets by hand."""


def build_affectgpt(
    *,
    language: LanguageSettings,
    lora: LoraSettings,
    fusion: FusionSettings,
    inputs: Sequence[str],
    feature_widths: Mapping[str, int],
    teacher: str | None = None,
    distillation: DistillationSettings = DistillationSettings(),  # noqa: B008  # frozen
    train: TrainedParts = TrainedParts(),  # noqa: B008  # frozen
    llm: str | None = None,
    is_empty: bool = False,
) -> AffectGPT:
    """Assemble the model with the layers that the run's inputs need.

    Args:
        language: sizes and weights of the language model.
        lora: its adapters.
        fusion: how vectors become tokens.
        inputs: active inputs (`emolightning.models.affectgpt.inputs`).
        feature_widths: input -> width of its vectors, read from the data.
        teacher: the run that it learns from beside the answers; None for none.
        distillation: how much it learns from it.
        train: how each part trains.
        llm: what `language.path` refers to in a configuration, so that it has a short name; not read here.
        is_empty: the language model has no weights yet; the first rank shares them later.

    Raises:
        UserError: local weights are missing; or faces and frames are of different widths.
        InputErrors: settings that exclude each other.
    """
    require_own_settings(language, fusion, train)
    require_weights(None, language, tiny=TINY)
    own = load_affectgpt_tokenizer(language)
    adapted, tokenizer, width = language_that_answers(language, lora, train, is_empty=is_empty, tokenizer=own)
    widths = {name: feature_widths[name] for name in inputs if name in feature_widths}
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(fusion.seed)
        projections = Fusion(streams_of(inputs, fusion), **stream_widths(widths), width=width, settings=fusion)
    parts = {"language": adapted, "tokenizer": tokenizer, "projections": projections}
    projections.requires_grad_(train.projections == "full")
    if teacher is None:
        return AffectGPT(**parts)
    find = partial(load_teacher, teacher, tokenizer, fusion)
    return DistilledAffectGPT(**parts, load_teacher=find, settings=distillation)


def streams_of(inputs: Collection[str], fusion: FusionSettings) -> tuple[str, ...]:
    """What a model makes tokens of.

    >>> streams_of(["face", "speech", "transcript"], FusionSettings())
    ('multi', 'speech', 'face')
    >>> streams_of(["face", "speech"], FusionSettings(multi="none"))
    ('speech', 'face')
    """
    has_multi = fusion.multi != "none" and "speech" in inputs and bool({*VIDEO} & {*inputs})
    return tuple(name for name in STREAMS if name in inputs or (name == "multi" and has_multi))


def trained_widths(shapes: Mapping[str, tuple[int, ...]]) -> dict[str, int]:
    """Input -> width of the vectors that trained layers take; faces and frames are one for them.

    Args:
        shapes: name of a trained tensor -> its shape.

    Raises:
        ValueError: one of these layers has no width.
    """
    found: dict[str, int] = {}
    for inputs, layers in WIDTH_OF:
        for name in layers:
            shape = shapes.get(f"projections.{name}.weight")
            if shape is not None:
                if len(shape) != 2:
                    raise ValueError(f"{name} is no layer of AffectGPT")
                found |= dict.fromkeys(inputs, shape[1])
                break
    return found


def stream_widths(widths: Mapping[str, int]) -> dict[str, int]:
    """Widths of what is seen and of what is heard; 0 for what is not there.

    Raises:
        UserError: the encoders of faces, frames and pictures differ, though they share layers.
    """
    seen = {name: widths[name] for name in (*VIDEO, "picture") if name in widths}
    if len(set(seen.values())) > 1:
        said = ", ".join(f"{name} {width}" for name, width in seen.items())
        raise UserError(
            f"features: AffectGPT's faces, frames and pictures share their layers, and these vectors are of different "
            f"widths: {said}; extract them with the same encoder, or switch one off (inputs.NAME=false)"
        )
    return {"video": next(iter(seen.values()), 0), "audio": widths.get("speech", 0)}


def chat_of(tokenizer: Any) -> ChatFormat | None:
    """What AffectGPT puts around a prompt: Qwen's tokens alone, not its template; Llama-2's for other tokenizers."""
    known = tokenizer.get_vocab()
    if OPENING in known and END in known:
        return ChatFormat(opening=OPENING, end=END)
    if tokenizer.bos_token is None or tokenizer.eos_token is None:
        return None
    return ChatFormat(opening=tokenizer.bos_token, end=tokenizer.eos_token)


def load_affectgpt_tokenizer(settings: LanguageSettings) -> Tokenizer:
    """The tokenizer of a language model, with AffectGPT's way to begin and end a sequence.

    Raises:
        UserError: the folder holds none.
    """
    return load_tokenizer(settings, chat_of)


def require_own_settings(language: LanguageSettings, fusion: FusionSettings, train: TrainedParts) -> None:
    """Refuse settings that exclude each other.

    Raises:
        InputErrors: all of them.
    """
    require_settings(None, language, train)
    problems = []
    if train.vision != "frozen":
        said = "AffectGPT's encoders are frozen and outside of the model; say frozen"
        problems.append(f"model.train.vision={train.vision}: {said}")
    if fusion.qformer_width % fusion.qformer_heads:
        said = f"must be divisible by qformer_heads={fusion.qformer_heads}"
        problems.append(f"model.fusion.qformer_width={fusion.qformer_width}: {said}")
    most = [POSITIONS[kind] for kind in ("video", "audio") if getattr(fusion, kind) == "qformer"]
    if fusion.steps > min(most, default=fusion.steps):
        problems.append(f"model.fusion.steps={fusion.steps}: its Q-Former has positions for {min(most)} vectors")
    if problems:
        raise InputErrors("model", problems)
