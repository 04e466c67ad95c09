"""`python -m emolightning inspect file=FILE`: what a file of weights is, without loading it.

Knows EVA-CLIP-g, Emotion-LLaMA's checkpoints (LoRA rank, projections, likely stage), Hugging Face folders, adapter
folders and checkpoints of training runs. Prints JSON.
"""

from omegaconf import DictConfig

from emolightning.commands.cli import run
from emolightning.config.check import check_config


def main(argv: list[str]) -> int:
    """Compose, check, look."""
    return run(inspect_file, "inspect", argv)


def inspect_file(cfg: DictConfig) -> int:
    """Print kind and facts; 1 for a file that is nothing of ours."""
    check_config(cfg)
    import json
    from pathlib import Path

    from emolightning.models.inspecting import UNKNOWN, describe

    found = describe(Path(cfg.file).expanduser())
    # Plain ASCII: a file that was downloaded does not steer the terminal.
    print(json.dumps({"file": cfg.file, "kind": found.kind, **found.facts}, indent=2, default=str))
    return int(found.kind == UNKNOWN)
