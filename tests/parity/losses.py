"""Checks of the training sequence: embeddings, masks, targets, logits, losses and gradients."""

from dataclasses import replace
from typing import Any

import torch
from parity.comparison import GRADIENTS, LOSSES, VALUES, Each, Near, Unchecked
from parity.golden import GoldenFolder
from parity.layouts import train_layout
from parity.subject import Subject
from torch import Tensor
from torch.nn import functional

from emolightning.models.emotion_llama.upstream.names import to_upstream, why_unused
from emolightning.models.parts.torch_files import TorchFile
from emolightning.prompt.batching import token_batch
from emolightning.records.clips import IGNORED, Batch

API = "upstream's own interface"


def recompute(golden: GoldenFolder, subject: Subject) -> dict[str, Any]:
    """Content of `train.json`, `train.safetensors` and `grads_batch.safetensors`."""
    positions = range(len(subject.samples))
    singles = [_Run(subject, [position]) for position in positions]
    batch = _Run(subject, list(positions))
    gradients = batch_gradients(subject)
    about = {
        "samples": [_about_sample(subject, position, run) for position, run in enumerate(singles)],
        "batch": _about_batch(subject, batch, singles),
        "forward_output_keys": Unchecked(API),
        "emos_loss_is_loss": Unchecked(API),
        "grads_for": Each({name: Near(float(g.norm()), GRADIENTS, "relative") for name, g in gradients.items()}),
        "trainable_without_grad": unused_head(golden),
    }
    tensors = {
        f"s{number}.{name}": value for number, run in enumerate(singles) for name, value in run.tensors().items()
    }
    tensors |= {f"batch.{name}": value for name, value in batch.tensors().items()}
    near = {name: Near(gradient, GRADIENTS, "relative") for name, gradient in gradients.items()}
    return {"train.json": about, "train.safetensors": tensors, "grads_batch.safetensors": near}


def batch_gradients(subject: Subject) -> dict[str, Tensor]:
    """Upstream's name -> gradient of the loss of all samples in one batch."""
    subject.model.zero_grad()
    subject.model(subject.batch(range(len(subject.samples)))).backward()
    gradients = {}
    for name, parameter in subject.model.named_parameters():
        if parameter.requires_grad and parameter.grad is not None:
            gradients[to_upstream(name)[0]] = parameter.grad.clone()
    subject.model.zero_grad()
    return gradients


def unused_head(golden: GoldenFolder) -> list[str]:
    """The checkpoint's parameters that have no part in the loss, in its order."""
    names = TorchFile(golden.weights("model", "ckpt")).tensors
    return [name for name in names if why_unused(name) and not name.endswith("inv_freq")]


class _Run:
    """Some samples through the model, as one batch.

    Attributes:
        batch: the samples.
        loss: float, as training computes it.
        embeddings: (batch, tokens, width), padding as upstream fills it.
        logits: (batch, tokens, vocabulary).
        token_losses: (batch, tokens - 1), 0 where there is no target; the last axis is shifted by one.
    """

    @torch.no_grad()
    def __init__(self, subject: Subject, positions: list[int]):
        self.batch: Batch = _padded(subject.batch(positions))
        self.loss = float(subject.model(self.batch))
        tokens = self.batch.sequence
        embedded = subject.model.embed(tokens, subject.model.project(self.batch))
        # Upstream pads with a token's embedding, we with another one's; both are masked.
        padding = subject.embed_text([subject.pad_id])[0]
        self.embeddings = torch.where(tokens.attention_mask[..., None].bool(), embedded, padding)
        self.logits = logits_of(subject, self.embeddings, tokens.attention_mask)
        self.token_losses = token_losses(self.logits, tokens.targets)

    def tensors(self) -> dict[str, Any]:
        """What is recorded of a batch."""
        return {
            "inputs_embeds": Near(self.embeddings, VALUES),
            "attention_mask": self.batch.sequence.attention_mask,
            "labels": self.batch.sequence.targets,
            "logits": Near(self.logits, VALUES),
        }

    @property
    def num_targets(self) -> Tensor:
        """Of each row, (batch,)."""
        return (self.batch.sequence.targets != IGNORED).sum(dim=1)


def _padded(batch: Batch) -> Batch:
    """Upstream's rows are as long as the longest context and the longest answer together; ours as the longest row."""
    tokens = batch.sequence
    answers = (tokens.targets != IGNORED).sum(dim=1)
    length = int((tokens.attention_mask.sum(dim=1) - answers).max() + answers.max())
    more = length - tokens.input_ids.shape[1]
    padded = token_batch(
        functional.pad(tokens.input_ids, (0, more)),
        functional.pad(tokens.attention_mask, (0, more)),
        functional.pad(tokens.targets, (0, more), value=IGNORED),
    )
    return replace(batch, sequence=padded)


def logits_of(subject: Subject, embeddings: Tensor, attention_mask: Tensor) -> Tensor:
    """(batch, tokens, width) -> (batch, tokens, vocabulary)."""
    return subject.model.language(inputs_embeds=embeddings, attention_mask=attention_mask).logits


def token_losses(logits: Tensor, targets: Tensor) -> Tensor:
    """Cross-entropy in float64 of each next token, (batch, tokens - 1); 0 where it is no target."""
    return functional.cross_entropy(
        logits[:, :-1].double().transpose(1, 2), targets[:, 1:], ignore_index=IGNORED, reduction="none"
    )


def _about_sample(subject: Subject, position: int, run: _Run) -> dict[str, Any]:
    sample, tokens = subject.samples[position], run.batch.sequence
    return {
        "image_id": sample.example.clip.id,
        "loss": Near(run.loss, LOSSES),
        "loss_float64_ce": Near(float(run.token_losses.sum() / run.num_targets.sum()), LOSSES),
        "n_target_tokens": int(run.num_targets.sum()),
        "seq_len": tokens.input_ids.shape[1],
        "attention_mask_sum": int(tokens.attention_mask.sum()),
        "layout": train_layout(subject, sample.example, sample.answer),
    }


def _about_batch(subject: Subject, run: _Run, singles: list[_Run]) -> dict[str, Any]:
    losses = torch.tensor([single.loss for single in singles], dtype=torch.float64)
    weights = run.num_targets
    length = run.batch.sequence.input_ids.shape[1]
    with torch.no_grad(), subject.model.language.disable_adapter():
        logits = logits_of(subject, run.embeddings, run.batch.sequence.attention_mask)
        loss = float(subject.model(run.batch))
    change = float((logits - run.logits).abs().max())
    return {
        "loss": Near(run.loss, LOSSES),
        "mean_of_single_losses": Near(float(losses.mean()), LOSSES),
        "token_weighted_mean_of_single_losses": Near(float((losses * weights).sum() / weights.sum()), LOSSES),
        "shape": list(run.embeddings.shape),
        "rows": [_about_row(run, row) for row in range(len(singles))],
        "loss_reduction_none": Near((run.token_losses.sum(dim=1) / (length - 1)).tolist(), LOSSES),
        "reduction_none_is": Unchecked("a sentence"),
        "loss_with_lora_disabled": Near(loss, LOSSES),
        "max_abs_logit_change_with_lora_disabled": Near(change, VALUES),
    }


def _about_row(run: _Run, row: int) -> dict[str, Any]:
    tokens = run.batch.sequence
    zeros = (tokens.attention_mask[row] == 0).nonzero()[:, 0].tolist()
    targets = (tokens.targets[row] != IGNORED).nonzero()[:, 0].tolist()
    length = tokens.input_ids.shape[1]
    return {
        "row_len": length,
        "n_zero": len(zeros),
        "zero_positions": [zeros[0], zeros[-1]] if zeros else [],
        "zeros_contiguous_at_end": zeros == list(range(length - len(zeros), length)),
        "targets_at": [targets[0], targets[-1]],
        # By construction here; that the record did so shows in batch.inputs_embeds.
        "pad_positions_hold_embedding_of_pad_token": True,
    }
