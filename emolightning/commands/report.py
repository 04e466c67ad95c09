"""`python -m emolightning report run=outputs/demo [data=...]`: write report.html of an evaluated run again.

Nothing is answered or scored again. Pictures come from the clips, where they still are. An evaluation on other data
than the run's needs the same data=... here.
"""

from omegaconf import DictConfig

from emolightning.commands.cli import run
from emolightning.config.check import check_config


def main(argv: list[str]) -> int:
    """Compose the run's configuration as eval.py does, then write the page."""
    words = [f"checkpoint={word.removeprefix('run=')}" if word.startswith("run=") else word for word in argv]
    return run(report, "eval", words)


def report(cfg: DictConfig) -> int:
    """Write the page of the evaluation that lies in the run folder."""
    check_config(cfg)
    from pathlib import Path

    from emolightning.runs.assembly import make_corpus
    from emolightning.runs.report.collect import write_report

    print(write_report(Path(cfg.output_dir), make_corpus(cfg).source.read_clips()))
    return 0
