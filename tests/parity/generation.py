"""Checks of generation: contexts for scoring and for the chat demo, first logits, greedy and beam answers."""

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from typing import Any

import torch
from parity.comparison import LOSSES, VALUES, Near, Same, Unchecked
from parity.golden import GoldenFolder
from parity.layouts import generation_layout, shown_context
from parity.losses import logits_of, token_losses
from parity.samples import Sample, text_of
from parity.subject import Subject
from torch import Tensor

from emolightning.config.places import CONFIG_DIR
from emolightning.models.parts.generation import Generation
from emolightning.records.clips import IGNORED, Batch

LAYOUT = "upstream_eval"
EVALUATION, CHAT = "eval.json", "chat.json"
BEHIND_AN_ANSWER = r"s(\d+) context \+ embedding of '(.*)'"


def upstream_options(name: str) -> Generation:
    """A preset of `configs/generation/`."""
    from omegaconf import OmegaConf

    content = OmegaConf.to_container(OmegaConf.load(CONFIG_DIR / "generation" / f"{name}.yaml"))
    assert isinstance(content, dict)
    parents = content.pop("defaults", [])
    own = upstream_options(parents[0]) if parents else Generation()
    return replace(own, **{str(key): value for key, value in content.items()})


def as_upstream_says(generation: Generation) -> dict[str, Any]:
    """Arguments of upstream's `generate`. Its min_length counted BOS, so 1 forbade nothing; ours has none."""
    return {**asdict(generation), "min_length": 1}


@torch.no_grad()
def recompute(golden: GoldenFolder, subject: Subject) -> dict[str, Any]:
    """Content of `eval.json` and `eval.safetensors`."""
    recorded = golden.json(EVALUATION) if golden.has(EVALUATION) else {}
    contexts = [_Context(subject, [number]) for number in range(len(subject.samples))]
    together = _Context(subject, list(range(len(subject.samples))))
    about: dict[str, Any] = {"generate_defaults": Same(as_upstream_says(upstream_options("upstream")))}
    if "samples" in recorded:
        longest = _max_new_tokens(recorded["samples"])
        about["samples"] = [_about_sample(subject, context, longest) for context in contexts]
    if "eos_as_first_token" in recorded:
        about["eos_as_first_token"] = _about_end(subject, contexts, recorded["eos_as_first_token"])
    if "batch" in recorded:
        about["batch"] = _about_batch(golden, subject, together, contexts)
    tensors: dict[str, Any] = {}
    for number, context in enumerate(contexts):
        tensors |= {
            f"s{number}.inputs_embeds": Near(context.embeddings, VALUES),
            f"s{number}.attention_mask": context.mask,
            f"s{number}.first_step_logits": Near(logits_of(subject, context.embeddings, context.mask)[0, -1], VALUES),
        }
    # Upstream's padding is zeros, ours some token's embedding; both are masked.
    padded = together.embeddings * together.mask[..., None]
    tensors |= {"batch.inputs_embeds": Near(padded, VALUES), "batch.attention_mask": together.mask}
    return {EVALUATION: about, "eval.safetensors": tensors}


class _Context:
    """Some samples' contexts, embedded.

    Attributes:
        embeddings: (batch, tokens, width), padded on the left.
        mask: (batch, tokens)
    """

    def __init__(self, subject: Subject, positions: list[int], *, layout: str = LAYOUT):
        self.batch: Batch = subject.batch(positions, layout=layout)
        self.subject = subject
        self.sample = subject.samples[positions[0]]
        tokens = self.batch.context
        self.embeddings: Tensor = subject.model.embed(tokens, subject.model.project(self.batch))
        self.mask = tokens.attention_mask

    def ids(self, generation: Generation) -> list[list[int]]:
        """New tokens of each row, up to and including the one that ends it."""
        return self._rows(self.subject.model.generate_ids(self.embeddings, self.mask, generation))

    def _rows(self, ids: Tensor) -> list[list[int]]:
        stops = self.subject.tokenizer.stop_ids
        rows = []
        for row in ids.tolist():
            end = next((place + 1 for place, number in enumerate(row) if number in stops), len(row))
            rows.append(row[:end])
        return rows


def _max_new_tokens(recorded: Sequence[Mapping[str, Any]]) -> int:
    """An input, one for all samples: what most of them name."""
    return Counter(int(sample["kwargs"]["max_new_tokens"]) for sample in recorded).most_common(1)[0][0]


def _about_sample(subject: Subject, context: _Context, max_new_tokens: int) -> dict[str, Any]:
    sample = context.sample
    given = replace(upstream_options("upstream"), max_new_tokens=max_new_tokens)
    (greedy,), (short,) = context.ids(given), context.ids(upstream_options("upstream"))
    (beams,) = context.ids(replace(given, num_beams=3))
    bos = subject.tokenizer.bos_token_id  # transformers 4.30 puts one before what it generates from embeddings.
    return {
        "image_id": sample.example.clip.id,
        "text": f"<s>[INST] {text_of(sample.example)} [/INST]",
        "layout": generation_layout(subject, sample.example, LAYOUT),
        "context_len": context.embeddings.shape[1],
        "kwargs": Same(as_upstream_says(given)),
        "output_ids": [bos, *greedy],
        "answer": subject.tokenizer.decode(greedy),
        "answer_default_20_tokens": subject.tokenizer.decode(short),
        "beam3_ids": [bos, *beams],
        "beam3_answer": subject.tokenizer.decode(beams),
        "min_top1_top2_logit_gap": Near(_smallest_gap(subject, context, greedy), 2 * VALUES),
    }


def _smallest_gap(subject: Subject, context: _Context, ids: list[int]) -> float:
    """Between the two likeliest tokens, over all steps of an answer."""
    embeddings = torch.cat([context.embeddings, subject.embed_text(ids)[None]], dim=1)
    mask = torch.ones(embeddings.shape[:2], dtype=torch.int64)
    start = context.embeddings.shape[1] - 1
    best = logits_of(subject, embeddings, mask)[0, start : start + len(ids)].topk(2, dim=-1).values
    return float((best[:, 0] - best[:, 1]).min())


def _about_end(subject: Subject, contexts: list[_Context], recorded: Mapping[str, Any]) -> Any:
    """An answer that ends at once: the context has the whole answer already."""
    found = re.fullmatch(BEHIND_AN_ANSWER, recorded["context"])
    if not found:
        raise ValueError(f"eos_as_first_token: {recorded['context']!r} is no context that can be built here")
    context = contexts[int(found[1])]
    answer = context.sample.answer
    more = subject.embed_text(subject.tokenizer.text_ids(answer))[None]
    embeddings = torch.cat([context.embeddings, more], dim=1)
    mask = torch.ones(embeddings.shape[:2], dtype=torch.int64)
    ids = subject.model.generate_ids(embeddings, mask, upstream_options("upstream"))
    (row,) = context._rows(ids)
    return {
        "context": f"s{int(found[1])} context + embedding of {answer!r}",
        "min_length": as_upstream_says(Generation())["min_length"],
        "output_ids": [subject.tokenizer.bos_token_id, *row],
    }


def _about_batch(golden: GoldenFolder, subject: Subject, together: _Context, alone: list[_Context]) -> dict[str, Any]:
    options = upstream_options("upstream")
    rows, singles = together.ids(options), [context.ids(options)[0] for context in alone]
    name = f"{golden.config['model']['llama_model']}/generation_config.json"
    filler = golden.json(name).get("pad_token_id", 0) if golden.has(name) else 0
    longest = max(map(len, rows))
    bos = subject.tokenizer.bos_token_id
    return {
        "output_ids": [[bos, *row, *[filler] * (longest - len(row))] for row in rows],
        "answers": [subject.tokenizer.decode(row) for row in rows],
        "equal_to_single": [row == single for row, single in zip(rows, singles, strict=True)],
        "left_padding": (together.mask == 0).sum(dim=1).tolist(),
        # By construction here; that the record did so shows in batch.inputs_embeds.
        "padding_embedding_is_zero": True,
        "finished_rows_padded_with": filler,
    }


@torch.no_grad()
def recompute_contexts(golden: GoldenFolder, subject: Subject) -> dict[str, Any]:
    """Content of `train_vs_eval.json`: the two contexts side by side."""
    return {"train_vs_eval.json": [_side_by_side(subject, number) for number in range(len(subject.samples))]}


def _side_by_side(subject: Subject, position: int) -> dict[str, Any]:
    about: dict[str, Any] = {"image_id": subject.samples[position].example.clip.id}
    for name, layout in (("train", "train"), ("eval", LAYOUT)):
        batch = subject.batch([position], layout=layout)
        ids = batch.context.input_ids[0].tolist()
        first_text = next(place for place, number in enumerate(ids) if number != subject.tokenizer.bos_token_id)
        embedded = subject.model.embed(batch.sequence, subject.model.project(batch))
        logits = logits_of(subject, embedded, batch.sequence.attention_mask)
        losses = token_losses(logits, batch.sequence.targets)
        count = int((batch.sequence.targets != IGNORED).sum())
        about |= {
            f"{name}_context_len": len(ids),
            f"{name}_context": shown_context(ids, subject.model.image_tokens),
            f"{name}_bos": ids[: first_text + 1],
            f"loss_behind_{name}_context": Near(float(losses.sum()) / count, LOSSES),
        }
    return about


@torch.no_grad()
def recompute_chat(golden: GoldenFolder, subject: Subject) -> dict[str, Any]:
    """Content of `chat.json` and `chat.safetensors`: the demo's context of a sample with features of its own."""
    tensors = golden.tensors("chat.safetensors") if golden.has("chat.safetensors") else {}
    recorded = golden.json(CHAT) if golden.has(CHAT) else {}
    if not tensors or not recorded:
        reason = "needs both chat.json and chat.safetensors"
        return {CHAT: Unchecked(reason), "chat.safetensors": Unchecked(reason)}
    sample = next((sample for sample in subject.samples if _typed(sample) == recorded["question"]), None)
    if sample is None:
        raise ValueError(f"question {recorded['question']!r} is none of the samples'")
    vectors = tensors["video_features"][0]
    own = {name: vectors[number : number + 1] for number, name in enumerate(sample.example.features)}
    example = replace(sample.example, features=own)
    batch = subject.batch_of([example], [sample.answer], layout="demo")
    projected = subject.model.project(batch)
    layout = generation_layout(subject, example, "demo")
    ids = batch.context.input_ids[0].tolist()
    marker = "<video><VideoHere></video> <feature><FeatureHere></feature>"
    about = {
        "messages": [["<s>[INST] ", marker], ["<s>[INST] ", _typed(sample)]],
        "question": _typed(sample),
        "prompt": f"<s>[INST] {marker}<s>[INST] {_typed(sample)} [/INST]",
        "layout": layout,
        "ids_of_s_in_sequence": ids.count(subject.tokenizer.bos_token_id),
        "generation_kwargs": Same(as_upstream_says(upstream_options("demo"))),
        "context_len": len(ids),
    }
    return {
        CHAT: about,
        "chat.safetensors": {
            "encode_img": Near(subject.in_order(projected), VALUES),
            "inputs_embeds": Near(subject.model.embed(batch.context, projected), VALUES),
            "video_features": Unchecked("an input"),
        },
    }


def _typed(sample: Sample) -> str:
    """What a user of the demo types: upstream's text without markers and outer spaces."""
    example = sample.example
    return f"The person in video says: {example.clip.transcript}.  [{example.task}] {example.instruction}"
