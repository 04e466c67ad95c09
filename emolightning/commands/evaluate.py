"""Evaluate a trained run: `python eval.py checkpoint=outputs/demo [split=test|val|train|all] [data=...] [key=value]`.

The run's own configuration is the starting point; a group chosen anew (`data=custom data.annotations=...`) replaces the
run's. Writes answers.jsonl (appended as produced, continued when interrupted) and metrics.json, and prints a table.
data.on_error=skip goes on without clips whose files are missing or broken, at most the share data.max_skipped; a
published benchmark is not scored without some of its clips.

data=unibench answers the nine sets of MER-UniBench, each in a folder of its own below <output_dir>-mer_unibench; sets
that are finished are not answered again. Their table and mean are in metrics.json, sets.csv and report.html there.

A chat model is evaluated without a run, from its folder or on an OpenAI-compatible server:
`eval model=chat/transformers model.path=FOLDER data=NAME`,
`eval model=chat/server model.base_url=http://localhost:8000/v1 model.name=NAME data=NAME`.
"""

from pathlib import Path

from hydra.core.hydra_config import HydraConfig
from omegaconf import DictConfig

from emolightning.commands.cli import run
from emolightning.config.check import check_config
from emolightning.config.families import require_run


def main(argv: list[str]) -> int:
    """Compose, check, evaluate."""
    return run(evaluate, "eval", argv)


def evaluate(cfg: DictConfig) -> int:
    """One evaluation, or one for each set of a benchmark of several; 1 if a set failed."""
    check_config(cfg)
    require_run(cfg.model, cfg.checkpoint)
    if has_sets(cfg):
        from emolightning.runs.variants.sets import evaluate_sets

        return evaluate_sets(cfg, HydraConfig.get().overrides.task, folder_of(cfg))
    from emolightning.runs.assembly import evaluation
    from emolightning.runs.evaluate import evaluate as answer_and_score

    answer_and_score(evaluation(cfg))
    return 0


def has_sets(cfg: DictConfig) -> bool:
    """Whether the data are several sets, each with an evaluation of its own."""
    return "sets" in cfg.data


def folder_of(cfg: DictConfig) -> Path:
    """Where `metrics.json` is written: results of several sets are beside those of a run, not among them."""
    return Path(f"{cfg.output_dir}-{cfg.data.name}" if has_sets(cfg) else cfg.output_dir)
