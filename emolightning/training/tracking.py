"""W&B: online with a key, offline without one, and never a reason for a run to fail."""

import logging
import netrc
import os
from pathlib import Path
from typing import Any, Literal

from pytorch_lightning.loggers import WandbLogger

from emolightning.errors import UserError

log = logging.getLogger(__name__)

Mode = Literal["auto", "online", "offline", "disabled"]

INIT_TIMEOUT_S = 20
"""Per attempt. wandb's own 90 s would let an unreachable server hold up every start."""


def wandb_logger(
    *,
    save_dir: str,
    project: str,
    name: str,
    mode: Mode = "auto",
    group: str | None = None,
    job_type: str = "train",
    tags: list[str] | None = None,
    notes: str | None = None,
) -> WandbLogger:
    """A W&B logger for the first rank; its files lie in `<save_dir>/wandb`.

    Args:
        save_dir: the run folder.
        project: W&B project.
        name: of the run.
        mode: `auto` is online when a key is at hand and offline otherwise; sync later with `wandb sync`.
        group: of the run, e.g. a sweep or an ablation.
        job_type: `train`, `eval`, ...
        tags: of the run.
        notes: of the run.
    """
    import wandb

    chosen = ("online" if has_key() else "offline") if mode == "auto" else mode
    Path(save_dir).mkdir(parents=True, exist_ok=True)
    common: dict[str, Any] = {
        "save_dir": save_dir,
        "project": project,
        "name": name,
        "group": group,
        "job_type": job_type,
        "tags": tags,
        "notes": notes,
    }
    logger = WandbLogger(
        **common, offline=chosen == "offline", settings=wandb.Settings(init_timeout=INIT_TIMEOUT_S, mode=chosen)
    )
    if chosen != "online":
        return logger
    try:
        _ = logger.experiment
    except wandb.errors.UsageError as error:
        raise UserError(
            f"logger.wandb.mode=online: {error}; run `wandb login`, or say logger.wandb.mode=auto"
        ) from error
    except wandb.errors.CommError as error:
        log.warning("W&B cannot be reached (%s); logging offline into %s/wandb, sync it later", error, save_dir)
        return WandbLogger(**common, offline=True, settings=wandb.Settings(mode="offline"))
    return logger


def has_key() -> bool:
    """Whether `WANDB_API_KEY` or a login in the netrc file is there."""
    if os.environ.get("WANDB_API_KEY"):
        return True
    path = Path(os.environ.get("NETRC", Path.home() / ".netrc"))
    try:
        hosts = netrc.netrc(path).hosts
    except (OSError, netrc.NetrcParseError):
        return False
    return any("wandb" in host for host in hosts)


def run_id(logger: Any) -> str | None:
    """The W&B id of a run, None for other loggers; starts the run."""
    return logger.experiment.id if isinstance(logger, WandbLogger) else None
