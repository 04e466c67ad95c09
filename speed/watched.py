"""Runs of train.py and eval.py in processes of their own, with a callback that notes what their batches take."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median
from typing import Any

import pytorch_lightning as pl
import torch

from emolightning.errors import UserError
from emolightning.records.clips import IGNORED, SequenceBatch
from speed.machine import peak_memory_gb, reset_peak_memory, wait_for

REPO = Path(__file__).resolve().parents[1]


@dataclass
class Noted:
    """What the batches of one process took."""

    clips: int = 0
    batches: int = 0
    cpu_s: float = 0.0
    """Processor time from the end of one batch to the end of the next: reading, logs and all callbacks included."""
    wall_s: float = 0.0
    peak_gb: float = 0.0
    """Most memory meanwhile; on a CPU without what the process held beside the weights before its first step."""
    parameters: int = 0
    trained: int = 0
    positions: int = 0
    """Of the longest sequence."""
    streams: int = 0
    """Positions of it that are no text."""
    answer: int = 0
    """Most tokens that a clip learned."""
    gpu: str | None = None


class Batches(pl.Callback):
    """Notes what batches take, each rank in a file of its own: `FILE.0`, `FILE.1` and so on.

    Validation, checkpoints and the first batch of each epoch are left out.

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
        """Nothing of before belongs to a batch."""
        self._ended = (0.0, 0.0)

    def on_train_batch_end(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        """Note a step."""
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
        """Note answers."""
        self._note(pl_module.device, batch, 1)

    def on_train_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Write, before anything is saved."""
        self._write(trainer.global_rank)

    def on_test_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Write."""
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


def watched(program: str, words: Sequence[str], folder: Path, *, ranks: int = 1) -> list[Noted]:
    """What each rank of a run noted.

    Args:
        program: `train.py` or `eval.py`.
        words: its settings.
        folder: for the notes; there already.
        ranks: processes that it starts.

    Raises:
        UserError: the run failed, with the end of what it said.
    """
    file = folder / f"noted-{program}"
    for old in folder.glob(f"{file.name}.*"):
        old.unlink()
    call = [sys.executable, str(REPO / program), *words, "logger=csv"]
    call += [f"+callbacks.batches={{_target_:speed.watched.Batches,file:'{file}'}}"]
    environment = {**os.environ, "PYTHONPATH": str(REPO)}
    done = subprocess.run(call, cwd=REPO, env=environment, capture_output=True, text=True, check=False)
    if done.returncode:
        raise UserError(f"{program} {' '.join(words)} ended with {done.returncode}:\n{done.stderr[-2000:]}")
    return [Noted(**json.loads(Path(f"{file}.{rank}").read_text(encoding="utf-8"))) for rank in range(ranks)]


def clips_per_s(noted: Sequence[Noted]) -> float:
    """Clips of all ranks in a second of processor time of one of them; of the clock where GPUs do the work."""
    seconds = [each.wall_s if each.gpu else each.cpu_s for each in noted]
    return sum(each.clips for each in noted) / median(seconds)


def about(noted: Sequence[Noted]) -> Mapping[str, Any]:
    """All notes, as a result keeps them."""
    return {"ranks": [asdict(each) for each in noted]}
