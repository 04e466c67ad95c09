"""The LightningModule: training steps, and validation that generates answers and scores them."""

import math
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import pytorch_lightning as pl
import torch
from torch import Tensor
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LambdaLR

from emolightning.errors import UserError
from emolightning.models.emotion_model import EmotionModel
from emolightning.models.family import Sees
from emolightning.models.parts.cross_entropy import PLAIN, CrossEntropy
from emolightning.models.parts.generation import Generation
from emolightning.models.parts.parameters import base_fingerprints, load_checkpoint, trained_state
from emolightning.records.clips import PROBABILITY_DIGITS, Answer, Batch, Said
from emolightning.records.votes import Votes
from emolightning.scoring.scoring import Scoring
from emolightning.training.engines.optimizer_state import read_optimizer, write_optimizer
from emolightning.training.engines.sharing import share_weights
from emolightning.training.label_losses import LabelLosses
from emolightning.training.lightning_internals import is_validation_next, may_be_logged
from emolightning.training.optim.averaging import AVERAGED, WeightAverage
from emolightning.training.optim.groups import PLAIN_RATES, Rates, optimizer_of, parameter_groups, set_rates
from emolightning.training.optim.schedule import Length, Schedule
from emolightning.training.stopping.divergence import FiniteLosses, require_finite_weights
from emolightning.training.validation import Validation


@dataclass(frozen=True)
class Likelihood:
    """How labels are scored."""

    length_normalised: bool = False
    """The mean over a label's tokens counts, not their sum."""
    prior_correction: bool = False
    """What a label gets without any content is taken off."""


SHOWN = ("weighted_f1", "uar", "war")
"""Scores beside the progress bar."""


class EmotionLearner(pl.LightningModule):
    """Trains what is not frozen of a model.

    Args:
        model: the assembled model.
        labels: the vocabulary of the data.
        sees: what the model was built around, for its checkpoints.
        scoring: what a validation scores answers with; None where nothing is validated.
        optimizer: makes an optimizer from parameter groups; None for evaluation only.
        schedule: of the learning rate; None keeps it constant.
        rates: of single parameters, beside the optimizer's.
        average: of what trains; validations and what is shared have it. None has the weights themselves.
        generation: how answers are generated; None is greedily.
        seed: with the number of batches done it fixes dropout, so that a resumed run repeats an uninterrupted one.
        summed_batches: 1, or the number of batches whose gradients are summed for a step, as upstream accumulates.
        num_val_clips: size of the validation split; scores of any other set of clips are refused.
        likelihood: how answers of a test say how likely each label is; None does not ask.
        cross_entropy: of a token or a class, in training.
        class_weights: label -> weight of its clips in training; None counts all alike.
        votes: on the clips, which validations compare answers with as well; None where there are none.
    """

    def __init__(
        self,
        model: EmotionModel,
        *,
        labels: Sequence[str],
        sees: Sees | None = None,
        scoring: Scoring | None = None,
        optimizer: Callable[[list[dict[str, Any]]], Optimizer] | None = None,
        schedule: Schedule | None = None,
        rates: Rates = PLAIN_RATES,
        average: WeightAverage | None = None,
        generation: Generation | None = None,
        seed: int = 0,
        summed_batches: int = 1,
        num_val_clips: int | None = None,
        likelihood: Likelihood | None = None,
        cross_entropy: CrossEntropy = PLAIN,
        class_weights: Mapping[str, float] | None = None,
        votes: Votes | None = None,
    ):
        super().__init__()
        # Checkpoints hold what trains, so loading is checked by load_trained_state and not by torch's strict mode.
        self.strict_loading = False
        self.model = model
        self.labels = tuple(labels)
        self.sees = sees
        self.make_optimizer = optimizer
        self.schedule = schedule
        self.rates = rates
        self.average = average
        self.generation = generation or Generation()
        self.seed = seed
        self.summed_batches = summed_batches
        self.num_val_clips = num_val_clips
        self.likelihood = likelihood
        self.cross_entropy = cross_entropy
        self.class_weights = class_weights
        self.label_losses = LabelLosses(self.labels)
        self.finite_losses = FiniteLosses()
        self._prior: Tensor | float = 0.0
        self.validation = Validation(scoring, votes) if scoring is not None else None
        self._resumed_batches = 0
        self._has_pending_gradients = False
        self._gradients_to_restore: dict[str, Tensor] = {}
        self._optimizer_to_restore: dict[str, Any] | None = None

    def configure_model(self) -> None:
        """Send the first rank's weights to all ranks, in the pieces that the engine wants."""
        strategy: Any = self.trainer.strategy
        if self.trainer.world_size == 1 and not hasattr(strategy, "shard"):
            return
        # Of whole weights, which only the first rank may have and soon nobody has.
        own = self.base_fingerprints if self.global_rank == 0 else None
        self.base_fingerprints = strategy.broadcast(own)
        if hasattr(strategy, "shard"):
            strategy.shard(self)
        else:
            share_weights(self.model, strategy.root_device)

    def configure_optimizers(self) -> Any:
        """The configured optimizer on upstream's two groups for each rate; the schedule advances per optimizer step."""
        if self.make_optimizer is None:
            raise ValueError("Expected an `optimizer` for training, but got None.")
        groups = parameter_groups(self.model, decays_all=self.model.decays_all, rates=self.rates)
        optimizer = optimizer_of(self.make_optimizer, groups, is_sharded=hasattr(self.trainer.strategy, "shard"))
        set_rates(optimizer)
        if self.schedule is None:
            return optimizer
        schedule, run = self.schedule, self._length(optimizer.defaults["lr"])
        scheduler = LambdaLR(optimizer, lambda step: schedule.factor(step, run))
        return {"optimizer": optimizer, "lr_scheduler": {"scheduler": scheduler, "interval": "step"}}

    def _length(self, base_lr: float) -> Length:
        self.trainer.fit_loop.setup_data()  # Counts the batches, also where `max_steps` alone says when to end.
        total_steps = int(self.trainer.estimated_stepping_batches)
        batches, together = int(self.trainer.num_training_batches), self.trainer.accumulate_grad_batches
        return Length(total_steps, math.ceil(batches / together), base_lr)

    def on_train_batch_start(self, batch: Batch, batch_idx: int) -> None:
        """Dropout depends on (seed, batches done, rank), never on what ran before, so that a resume is exact."""
        if self._gradients_to_restore:
            self._restore_gradients()
        done = self.trainer.fit_loop.epoch_loop.batch_progress.total.ready
        self.model.step = done - 1
        self._seed_dropout((self.seed * 1_000_003 + done) * 4_096 + self.global_rank)

    def _seed_dropout(self, number: int) -> None:
        """As `torch.manual_seed`, which would note a traceback for every kind of device that is not there."""
        torch.default_generator.manual_seed(number)
        if self.device.type != "cpu":
            torch.get_device_module(self.device).manual_seed(number)

    def training_step(self, batch: Batch, batch_idx: int) -> Tensor:
        """The loss of a batch; logged is that of all ranks' batches together."""
        if batch_idx == 0:  # And not where an epoch begins: one that is resumed in the middle goes on.
            self.label_losses = LabelLosses(self.labels)
        loss, together = self._losses(batch)
        self.finite_losses.add(together, self.trainer)
        # Reading it waits for the device. A validation follows: what is monitored may be this loss.
        if batch_idx == 0 or may_be_logged(self.trainer) or is_validation_next(self.trainer):
            self.log("train/loss", together.cpu(), prog_bar=True, batch_size=len(batch.clips))
        return loss

    def _losses(self, batch: Batch) -> tuple[Tensor, Tensor]:
        """This rank's part of the loss, and the loss: the mean over the answer tokens of all ranks' clips. Scalars."""
        ranks = self.trainer.world_size
        losses, tokens, more = self.model.learning_losses(batch, self.cross_entropy)
        if batch.shares is not None:  # Expected over the votes of each clip, both of them.
            losses, tokens = losses * batch.shares, tokens * batch.shares
        by_label = self.label_losses.of_batch((clip.label for clip in batch.clips), losses, tokens)
        if self.class_weights is not None:
            weights = [1.0 if clip.label is None else self.class_weights[clip.label] for clip in batch.clips]
            losses = losses * torch.tensor(weights, dtype=losses.dtype).to(losses.device, non_blocking=True)
        if ranks == 1:
            self.label_losses.add(by_label)
            loss = losses.sum() / tokens.sum()
            loss = loss if more is None else loss + more
            return loss, loss.detach()
        own = torch.stack([losses.detach().sum().double(), tokens.sum().double()])
        both = self.trainer.strategy.reduce(torch.cat([own, by_label.flatten().to(own)]), reduce_op="sum")
        total, num_tokens = both[:2]
        self.label_losses.add(both[2:].view_as(by_label))
        # Engines average gradients over ranks; a mean of means would weigh the clips of ranks with fewer tokens more.
        loss = losses.sum() * (ranks / num_tokens).to(losses.dtype)
        return loss if more is None else loss + more, total / num_tokens

    def optimizer_step(
        self, epoch: int, batch_idx: int, optimizer: Any, optimizer_closure: Callable[[], Any] | None = None
    ) -> None:
        """Step; with summed batches only after each `summed_batches`-th of an epoch.

        Upstream's rule: gradients are added, not averaged, and what is over at the end of an epoch is neither used nor
        dropped but carried into the first step of the next one.
        """
        assert optimizer_closure is not None
        if (batch_idx + 1) % self.summed_batches:
            optimizer_closure()
            self._has_pending_gradients = True
            return
        optimizer.step(closure=optimizer_closure)
        if self.average is not None:
            self.average.update(self.model)
        self._has_pending_gradients = False

    def optimizer_zero_grad(self, epoch: int, batch_idx: int, optimizer: Optimizer) -> None:
        """Drop the gradients that a step has used; never those that wait for one."""
        if not self._has_pending_gradients:
            optimizer.zero_grad()

    def on_validation_epoch_start(self) -> None:
        """Validate the average, where there is one."""
        self._exchange_average()

    def _exchange_average(self) -> None:
        if self.average is not None and self.average.values:  # Not yet in a sanity check.
            self.average.exchange(self.model)

    def validation_step(self, batch: Batch, batch_idx: int) -> dict[str, Any]:
        """Loss and generated answers; answers and scores go to callbacks."""
        assert self.validation is not None
        projected = self.model.project(batch)
        losses, tokens = self.model.answer_losses(batch, projected)
        answers, scores = self.validation.add(batch, self.answer(batch, projected), losses, tokens)
        return {"answers": answers, "scores": scores}

    def on_validation_epoch_end(self) -> None:
        """Log the scores over all unique clips of all ranks; of a sanity check, which sees a part, nothing."""
        assert self.validation is not None
        self._exchange_average()  # Back: callbacks save after this.
        if self.trainer.sanity_checking:
            self.validation.reset()
            return
        loader: Any = self.trainer.val_dataloaders
        is_whole = sum(self.trainer.num_val_batches) == len(loader)
        values = self.validation.finish(self.trainer, num_clips=self.num_val_clips if is_whole else None)
        for name, value in values.items():
            self.log(f"val/{name}", value, prog_bar=name in SHOWN, rank_zero_only=False, sync_dist=False)
        # In the row of the validation, which is kept over a resume; a row of its own behind it would be another one.
        for name, value in self.label_losses.means().items():
            self.log(f"train/{name}", value, rank_zero_only=False, sync_dist=False)

    def test_step(self, batch: Batch, batch_idx: int) -> dict[str, list[Answer]]:
        """Answers only: they are scored when all are in the file that a callback writes them to."""
        projected = self.model.project(batch)
        if self.likelihood is None:
            return {"answers": self.answer(batch, projected)}
        start = time.perf_counter()
        said, found = self.model.say_with_logprobs(
            batch, self.generation, self.labels, projected=projected, seed=self.seed
        )
        answers = _answers(batch, said, time.perf_counter() - start)
        rows = (self._compared(batch, found, self.likelihood) - self._prior).softmax(dim=1).tolist()
        chances = [
            {label: round(p, PROBABILITY_DIGITS) for label, p in zip(self.labels, row, strict=True)} for row in rows
        ]
        return {"answers": [replace(answer, probabilities=row) for answer, row in zip(answers, chances, strict=True)]}

    def on_test_start(self) -> None:
        """What labels get without any content, once, before the clips."""
        if self.likelihood is not None and self.likelihood.prior_correction:
            data: Any = self.trainer.datamodule  # type: ignore[attr-defined]
            batch = data.without_content().to(self.device)
            with torch.no_grad():
                found = self.model.label_logprobs(batch, self.labels, projected=self.model.project(batch))
                self._prior = self._compared(batch, found, self.likelihood)

    def _compared(self, batch: Batch, logprobs: Tensor, likelihood: Likelihood) -> Tensor:
        """What labels are compared by, (batch, labels) float64: log-probabilities, by token if asked for."""
        found = logprobs.double()
        if likelihood.length_normalised:
            found = found / found.new_tensor(self.model.label_lengths(batch, self.labels))
        return found

    def answer(self, batch: Batch, projected: dict[str, Tensor]) -> list[Answer]:
        """Ask the model about each clip of a batch."""
        start = time.perf_counter()
        found = self.model.say(batch, self.generation, projected=projected, seed=self.seed)
        return _answers(batch, found, time.perf_counter() - start)

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Keep trained parameters and projections only, and the fingerprint of the base they belong to."""
        self.finite_losses.require(self.trainer)
        state = trained_state(self.model)
        require_finite_weights(state, self.trainer)
        if self.average is not None:
            state, weights = self.average.split(state)
            checkpoint[AVERAGED] = {"decay": self.average.decay, "steps": self.average.steps, "weights": weights}
        checkpoint["state_dict"] = {f"model.{name}": value for name, value in state.items()}
        checkpoint["optimizer_states"] = []  # Lightning's are of one engine and one number of ranks.
        checkpoint["optimizer"] = read_optimizer(self._engine_optimizer(), self.model)
        checkpoint["base_fingerprints"] = self.base_fingerprints
        if (sees := self.sees) is not None:
            widths = {name: int(width) for name, width in sees.feature_widths.items()}
            said = {"inputs": list(sees.inputs), "feature_widths": widths, "labels": list(sees.labels)}
            checkpoint["sees"] = said
        checkpoint["batches_per_epoch"] = int(self.trainer.num_training_batches)
        checkpoint["step_size"] = self._step_size()
        checkpoint["val_scores"] = self._val_scores()
        checkpoint["label_losses"] = self.label_losses.sums.cpu()
        if self._has_pending_gradients:
            gradients = {name: p.grad for name, p in self.model.named_parameters() if p.grad is not None}
            checkpoint["pending_gradients"] = gradients

    def _val_scores(self) -> dict[str, float]:
        """The scores of the last validation, without those of single classes."""
        logged = self.trainer.callback_metrics.items()
        return {name: float(value) for name, value in logged if name.startswith("val/") and name.count("/") == 1}

    def _step_size(self) -> dict[str, int]:
        """The clips of an optimizer step: clips of a process, processes, batches (`StepSize` in runs/resume.py)."""
        data: Any = getattr(self.trainer, "datamodule", None)
        batches = self.trainer.accumulate_grad_batches * self.summed_batches
        if data is None:  # Loaders alone, which do not say.
            return {}
        return {"clips": data.batch_size, "processes": self.trainer.world_size, "batches": batches}

    def on_load_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Continue from a checkpoint."""
        averaged: Any = checkpoint.get(AVERAGED)
        if (averaged is None) != (self.average is None):
            has = "no average" if averaged is None else f"the average of ema_decay={averaged['decay']:g}"
            raise UserError(f"resume: the checkpoint has {has}; resume with the same ema_decay")
        averages = {name.removeprefix("model."): value for name, value in checkpoint["state_dict"].items()}
        if averaged is not None:  # In place: Lightning loads it once more.
            checkpoint["state_dict"] = {f"model.{name}": value for name, value in averaged["weights"].items()}
        load_checkpoint(self.model, checkpoint, self.base_fingerprints)
        if self.average is not None:
            self.average.restore(self.model, averages, averaged["steps"])
        self._optimizer_to_restore = checkpoint["optimizer"]
        self._resumed_batches = checkpoint["batches_per_epoch"]
        self._gradients_to_restore = checkpoint.get("pending_gradients", {})
        sums = checkpoint.get("label_losses")  # Absent in files of earlier versions.
        if sums is not None and sums.shape == self.label_losses.sums.shape:
            self.label_losses.sums = sums.clone()

    def _restore_gradients(self) -> None:
        """Right before the first batch: Lightning drops gradients between loading a checkpoint and training."""
        for name, parameter in self.model.named_parameters():
            if name in self._gradients_to_restore:
                parameter.grad = self._gradients_to_restore[name].to(parameter.device)
        self._has_pending_gradients = bool(self._gradients_to_restore)
        self._gradients_to_restore = {}

    def on_train_start(self) -> None:
        """Refuse to resume with epochs of another length: the place in the epoch would be another one."""
        batches = int(self.trainer.num_training_batches)
        is_resumed = self.trainer.ckpt_path is not None
        if is_resumed and self._resumed_batches != batches:
            raise UserError(
                f"resume: an epoch has {batches} batches per process now and had {self._resumed_batches} when the "
                "checkpoint was saved; resume with the same clips, and the same data.batch_size times processes"
            )
        if self._optimizer_to_restore is not None:
            write_optimizer(self._engine_optimizer(), self.model, self._optimizer_to_restore)
            self._optimizer_to_restore = None
        if self.average is not None:
            self.average.begin(self.model)

    def _engine_optimizer(self) -> Any:
        """The optimizer itself, or DeepSpeed's around it; not Lightning's."""
        (optimizer,) = self.trainer.strategy.optimizers
        return optimizer

    @cached_property
    def base_fingerprints(self) -> dict[str, str]:
        """Fingerprints of the frozen parts; computed once."""
        return base_fingerprints(self.model)


def _answers(batch: Batch, said: Sequence[Said], seconds: float) -> list[Answer]:
    """What was said in so many seconds about each clip of a batch."""
    return [
        Answer(
            clip.id,
            each.text,
            each.prompt,
            None,
            seconds / len(said),
            bool(each.missing_because),
            each.missing_because,
            valence=each.valence,
        )
        for clip, each in zip(batch.clips, said, strict=True)
    ]
