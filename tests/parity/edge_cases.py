"""Checks of upstream's edge cases: the losses of unusual sequences, each built by hand from its name."""

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
from parity.comparison import LOSSES, Each, Near, Unchecked
from parity.golden import GoldenFolder
from parity.layouts import upstream_ids
from parity.losses import logits_of, token_losses
from parity.samples import text_of
from parity.subject import Subject

from emolightning.prompt.batching import token_batch
from emolightning.records.clips import IGNORED

EDGE_CASES = "edge_cases.json"
LORA_NAMES = "strict=False with peft>=0.3 LoRA names"
NORMAL, TWO_MARKERS = "normal", "two_FeatureHere"
ContextAndAnswer = tuple[list[int], list[int]]
"""Ids of the context, and target ids of the answer: IGNORED where upstream takes a token for padding."""


@torch.no_grad()
def recompute(golden: GoldenFolder, subject: Subject) -> dict[str, Any]:
    """Content of `edge_cases.json`; the first sample's context is where nothing else is said."""
    recorded = golden.json(EDGE_CASES)
    return {EDGE_CASES: Each({name: _edge_case(subject, name, recorded) for name in recorded})}


def _edge_case(subject: Subject, name: str, recorded: Mapping[str, Any]) -> Any:
    """By its name, then by its kind: a sequence of a text that is not recorded, or upstream's own behaviour."""
    case = recorded[name]
    for pattern, build in BUILT.items():
        if found := re.match(pattern, name):
            return _about(subject, *build(subject, found, case))
    if name == LORA_NAMES:
        names = [key for key, _ in subject.model.named_parameters() if ".lora_" in key]
        return {"unexpected": len(names), "raises": Unchecked("this project refuses what upstream drops silently")}
    if not isinstance(case, Mapping) or "loss" not in case:
        return Unchecked("upstream's behaviour where this project refuses, or its own classes")
    about = _of_another_text(subject, case)
    if name.startswith(TWO_MARKERS) and NORMAL in recorded:
        about["loss"] = Near(recorded[NORMAL]["loss"], LOSSES)  # The same sequence, as the name says.
    return about


def _whole_context(subject: Subject) -> list[int]:
    return list(subject.batch([0]).context.input_ids[0].tolist())


def _answer(subject: Subject, text: str) -> list[int]:
    return upstream_ids(subject, text, add_bos=False)


def _end(subject: Subject) -> str:
    return str(subject.tokenizer.hugging_face.eos_token)


def _empty_answer(subject: Subject, _: re.Match[str], case: Any) -> ContextAndAnswer:
    return _whole_context(subject), _answer(subject, _end(subject))


def _recorded_answer(subject: Subject, _: re.Match[str], case: Any) -> ContextAndAnswer:
    """An answer whose text is not recorded, by its ids; where it has no target, it holds the padding token."""
    context = _whole_context(subject)
    targets = [IGNORED] * (case["seq_len"] - len(context))
    for place, number in zip(case["target_positions"], case["target_ids"], strict=True):
        if place < len(context):
            raise ValueError(f"target_positions {place} lies in the context of {len(context)} tokens")
        targets[place - len(context)] = number
    if targets[-1:] != [subject.tokenizer.hugging_face.eos_token_id]:
        raise ValueError(f"an answer of seq_len {case['seq_len']} whose last target is not the end")
    return context, targets


def _cut_answer(subject: Subject, found: re.Match[str], case: Any) -> ContextAndAnswer:
    """The longest of the samples' answers: the one that is certainly cut."""
    answers = [_answer(subject, sample.answer + _end(subject)) for sample in subject.samples]
    return _whole_context(subject), max(answers, key=len)[: int(found[1])]


def _cut_context(subject: Subject, found: re.Match[str], case: Any) -> ContextAndAnswer:
    """Upstream puts BOS before what it has cut."""
    return _whole_context(subject)[: int(found[1]) + 1], _first_answer(subject)


def _without_template(subject: Subject, _: re.Match[str], case: Any) -> ContextAndAnswer:
    """Only the instruction: neither `[INST]` before nor `[/INST]` behind it."""
    context, text = _whole_context(subject), text_of(subject.samples[0].example)
    places = [place for place, number in enumerate(context) if number < 0]
    before, after = text.partition("<VideoHere>")[0], text.partition("<FeatureHere>")[2]
    vectors = context[places[0] : places[-1] + 1]
    bos = subject.tokenizer.special_ids(str(subject.tokenizer.hugging_face.bos_token))
    return [*bos, *_answer(subject, before), *vectors, *_answer(subject, after)], _first_answer(subject)


def _newline_end(subject: Subject, _: re.Match[str], case: Any) -> ContextAndAnswer:
    return _whole_context(subject), _answer(subject, subject.samples[0].answer + "\n")


def _first_answer(subject: Subject) -> list[int]:
    return _answer(subject, subject.samples[0].answer + _end(subject))


BUILT: dict[str, Callable[[Subject, re.Match[str], Any], ContextAndAnswer]] = {
    r"empty_answer$": _empty_answer,
    r"answer_": _recorded_answer,
    r"max_txt_len=(\d+)": _cut_answer,
    r"max_context_len=(\d+)": _cut_context,
    r"chat_template=False \(": _without_template,
    r"end_sym default newline": _newline_end,
}
"""Beginning of a case's name -> its sequence."""


def _about(subject: Subject, context: list[int], answer: Sequence[int]) -> dict[str, Any]:
    batch = subject.batch([0])
    ids = [*context, *(subject.pad_id if number == IGNORED else number for number in answer)]
    targets = [*[IGNORED] * len(context), *answer]
    tokens = token_batch(torch.tensor([ids]), torch.ones(1, len(ids), dtype=torch.int64), torch.tensor([targets]))
    logits = logits_of(subject, subject.model.embed(tokens, subject.model.project(batch)), tokens.attention_mask)
    target_ids = [number for number in targets if number != IGNORED]
    return {
        "loss": Near(float(token_losses(logits, tokens.targets).sum() / len(target_ids)), LOSSES),
        "seq_len": len(ids),
        "target_ids": target_ids,
        "target_positions": [place for place, number in enumerate(targets) if number != IGNORED],
        "attention_mask_sum": len(ids),
    }


def _of_another_text(subject: Subject, case: Mapping[str, Any]) -> dict[str, Any]:
    """The instruction's text is not recorded; the first sample's answer stands at the end of whatever it is."""
    answer, length = _first_answer(subject), int(case["seq_len"])
    return {
        "loss": Unchecked("the text of its instruction is not recorded"),
        "seq_len": Unchecked("the text of its instruction is not recorded"),
        "target_ids": answer,
        "target_positions": list(range(length - len(answer), length)),
        "attention_mask_sum": length,
    }
