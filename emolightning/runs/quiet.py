"""Messages of libraries that say nothing to our users, by their exact words; everything else is shown."""

import logging
import warnings

MESSAGES = (
    ".*does not have many workers.*",  # Features are in memory: more loader processes would not help.
    ".*is_gradient_checkpointing.*",  # PEFT's use of a transformers name.
    ".*gradient_checkpointing_enable.*",  # The name that all versions from 5.0 on have.
    ".*treespec, LeafSpec.*",  # Lightning's use of a torch name.
    r".*recommended to use `self\.log\(.*sync_dist=True.*",  # What is logged is of all ranks' clips already.
    ".*in eval mode at the start of training.*",  # The vision tower is frozen, and meant to be.
    ".*is smaller than the logging interval.*",  # Steps are counted over epochs; a run too short for any is told so.
    ".*your dataloader is not resumable.*",  # Its sampler is, by the number of batches done.
    ".*Checkpoint directory .* exists and is not empty.*",  # Of the run that is resumed.
)


ADVERTISERS = (
    "pytorch_lightning.utilities.rank_zero",
    "lightning_fabric.utilities.rank_zero",
    # Says at every save that weights are read without `weights_only`; AtomicCheckpointIO reads with it.
    "pytorch_lightning.trainer.connectors.checkpoint_connector",
    "bitsandbytes.autograd._functions",
)
"""Loggers."""

REMARKS = (
    "Tip: ",
    "GPU available: ",  # The line `load:` says what computes.
    "TPU available: ",
    "`Trainer.fit` stopped: ",  # The line `ended:` says it with the reason.
    "Running in `fast_dev_run` mode",
    "configured so ",  # Of limits; the line `plan:` says them as batches.
    "`weights_only` was not set",
    "inputs will be cast",  # At each layer and step: 8-bit products are in float16, which `model.language` says.
)
"""Parts of what they say."""


def quiet_libraries() -> None:
    """Filter MESSAGES and REMARKS."""
    for message in MESSAGES:
        warnings.filterwarnings("ignore", message=message)
    for name in ADVERTISERS:
        logging.getLogger(name).addFilter(_is_no_remark)
    _quiet_transformers()


def quiet_other_ranks(rank: int) -> None:
    """All ranks read the same data and would warn of it alike: the first one does."""
    if rank:
        logging.getLogger("emolightning").setLevel(logging.ERROR)


def _quiet_transformers() -> None:
    """Its bars count tensors in units of its own, and break up our lines; ours are Lightning's and Rich's."""
    from transformers.utils import logging as transformers_logging

    transformers_logging.disable_progress_bar()


def _is_no_remark(record: logging.LogRecord) -> bool:
    message = record.getMessage()
    return not any(remark in message for remark in REMARKS)
