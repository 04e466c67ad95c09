"""A callback that notes what the batches of a run take; `speed.runs` starts runs with it and reads the notes."""

import json
import time
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytorch_lightning as pl
import torch

from emolightning.records.clips import IGNORED, SequenceBatch
from speed.machine import peak_memory_gb, reset_peak_memory, wait_for
from speed.runs import Noted


class Batches(pl.Callback):
    """Notes what batches take; each rank writes a file of its own.

    The files are `FILE.0`, `FILE.1` and so on. Validation, checkpoints and the first batch of each epoch are left out.

    Args:
        file: beginning of the files' names.
        warm: batches of training before those that count; what they need once is needed by then.
    """

    def __init__(self, *, file: str, warm: int = 1):
        self.file, self.warm = file, warm
        self.noted, self.before_gb = Noted(), 0.0
        self._seen, self._ended = 0, (0.0, 0.0)

    def setup(self, trainer: pl.Trainer, pl_module: pl.LightningModule, stage: str) -> None:
        """Note the parameters, which no engine has divided yet, and what the process holds beside them."""
        cpu, parameters = torch.device("cpu"), list(pl_module.parameters())
        self.noted.parameters = sum(each.numel() for each in parameters)
        self.noted.trained = sum(each.numel() for each in parameters if each.requires_grad)
        reset_peak_memory(cpu)
        held = sum(each.nbytes for each in parameters if each.device == cpu)
        self.before_gb = peak_memory_gb(cpu) - held / 1e9

    def on_train_epoch_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Forget when the last batch ended: what is between epochs belongs to none."""
        self._ended = (0.0, 0.0)

    def on_train_batch_end(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        """Note what a step took."""
        self._note(pl_module.device, batch, self.warm)

    def on_test_batch_end(
        self,
        trainer: pl.Trainer,
        pl_module: pl.LightningModule,
        outputs: Any,
        batch: Any,
        batch_idx: int,
        dataloader_idx: int = 0,
    ) -> None:
        """Note what the answers to a batch took."""
        self._note(pl_module.device, batch, 1)

    def on_train_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Write the notes of a training, before anything is saved."""
        self._write(trainer.global_rank)

    def on_test_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Write the notes of an evaluation."""
        self._write(trainer.global_rank)

    def _note(self, device: torch.device, batch: Any, warm: int) -> None:
        wait_for(device)
        now, noted = (time.process_time(), time.perf_counter()), self.noted
        self._seen += 1
        if self._seen > warm and any(self._ended):
            noted.clips += len(batch.clips)
            noted.batches += 1
            noted.cpu_s += now[0] - self._ended[0]
            noted.wall_s += now[1] - self._ended[1]
            noted.peak_gb = max(noted.peak_gb, peak_memory_gb(device) - self._before(device))
        else:
            reset_peak_memory(device)
        if isinstance(batch, SequenceBatch):
            self._measure(batch)
        noted.gpu = torch.cuda.get_device_name(device) if device.type == "cuda" else None
        self._ended = (time.process_time(), time.perf_counter())

    def _before(self, device: torch.device) -> float:
        return self.before_gb if device.type == "cpu" else 0.0

    def _measure(self, batch: SequenceBatch) -> None:
        noted, tokens = self.noted, batch.sequence
        noted.positions = max(noted.positions, tokens.input_ids.shape[1])
        noted.streams = sum(vectors.shape[1] for vectors in batch.features.values())
        noted.answer = max(noted.answer, int((tokens.targets != IGNORED).any(dim=0).sum()))

    def _write(self, rank: int) -> None:
        Path(f"{self.file}.{rank}").write_text(json.dumps(asdict(self.noted)), encoding="utf-8")
