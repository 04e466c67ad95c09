"""A callback for tests: `+callbacks.noting={_target_: noting.NotesPlaces, folder: F}`."""

from pathlib import Path

import pytorch_lightning as pl


class NotesPlaces(pl.Callback):
    """Where each rank has the language model's weights before and after the first rank has shared its own.

    Args:
        folder: for a file of each rank, `meta` or the device, before and after.
    """

    def __init__(self, *, folder: str):
        self.folder = Path(folder)

    def setup(self, trainer: pl.Trainer, pl_module: pl.LightningModule, stage: str) -> None:
        """Before."""
        self._note(trainer, pl_module)

    def on_test_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """After."""
        self._note(trainer, pl_module)

    def _note(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        places = {parameter.device.type for parameter in pl_module.model.language.parameters()}
        with (self.folder / f"rank{trainer.global_rank}").open("a") as file:
            file.write(f"{','.join(sorted(places))}\n")
