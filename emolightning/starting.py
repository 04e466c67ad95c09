"""What a training run starts from: what must not be, and the line that says what is."""

from collections.abc import Collection, Mapping
from pathlib import Path

from emolightning.errors import UserError
from emolightning.model.emotion_llama import EmotionLlama
from emolightning.model.parameters import WITHOUT_BASE
from emolightning.training.learner import EmotionLearner
from emolightning.weights import load_weights


def require_something_to_train(parts: Mapping[str, str], *, has_weights: bool) -> None:
    """Refuse a run that would learn nothing, or that would keep random projections.

    Args:
        parts: part -> how it trains.
        has_weights: whether the run starts from trained weights.

    Raises:
        UserError: says which setting to change.
    """
    if set(parts.values()) == {"frozen"}:
        given = " ".join(f"model.train.{name}=frozen" for name in parts)
        raise UserError(f"nothing would train: {given}; set one to full, or vision or language to lora")
    if parts.get(WITHOUT_BASE) == "frozen" and not has_weights:
        raise UserError(
            "model.train.projections=frozen would keep random projections; start from trained ones with init_from=..., "
            "or say model.train.projections=full"
        )


def take_start(
    learner: EmotionLearner,
    parts: Mapping[str, str],
    *,
    base: str | None,
    resume_from: Path | None,
    initial: Path | None,
) -> str:
    """Load the weights of `init_from`; what a run resumes from is left to Lightning.

    Args:
        learner: to be filled.
        parts: part -> how it trains.
        base: folder of the language model; None is a random one.
        resume_from: a checkpoint of this run.
        initial: weights of an earlier one. A part that was frozen there starts fresh here.

    Returns:
        One line that says of each part what it starts from.
    """
    if resume_from:
        loaded = [name for name, how in parts.items() if how != "frozen" or name == WITHOUT_BASE]
    else:
        loaded = load_weights(learner, initial, may_start_fresh=True) if initial else []
    return describe_start(learner.model, parts, base=base, loaded=loaded, source=resume_from or initial)


def describe_start(
    model: EmotionLlama, parts: Mapping[str, str], *, base: str | None, loaded: Collection[str], source: Path | None
) -> str:
    """The language model, and which parts start fresh, from trained weights, or stay as they are."""
    groups: dict[str, list[str]] = {}
    for part, how in parts.items():
        origin = f"from {source}" if part in loaded else _origin(part, how)
        groups.setdefault(origin, []).append(f"LoRA of {part}" if how == "lora" else part)
    kind = model.language.config.model_type
    chat = "Llama-2's chat format" if model.tokenizer.chat.in_brackets else "its own chat template"
    said = "; ".join(f"{origin}: {', '.join(names)}" for origin, names in groups.items())
    return f"start: {kind}{f' of {base}' if base else ', random weights'}, {chat}; {said}"


def _origin(part: str, how: str) -> str:
    """Of a part without trained weights."""
    if how == "frozen":
        return "frozen"
    return "fresh" if how == "lora" or part == WITHOUT_BASE else "from its base, all weights"
