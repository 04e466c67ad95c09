"""Evaluate a trained run: `python eval.py checkpoint=outputs/demo [split=test|val|train|all] [data=...] [key=value]`.

The run's own configuration is the starting point; a group chosen anew (`data=custom data.annotations=...`) replaces the
run's. Writes answers.jsonl (appended as produced, continued when interrupted) and metrics.json, and prints a table.
data.on_error=skip goes on without clips whose files are missing or broken, at most the share data.max_skipped; a
published benchmark is not scored without some of its clips.

A chat model is evaluated without a run, from its folder or on an OpenAI-compatible server:
`eval model=chat/transformers model.path=FOLDER data=NAME`,
`eval model=chat/server model.base_url=http://localhost:8000/v1 model.name=NAME data=NAME`.
"""

from omegaconf import DictConfig

from emolightning.commands.cli import run
from emolightning.config.check import check_config
from emolightning.config.families import require_run


def main(argv: list[str]) -> int:
    """Compose, check, evaluate."""
    return run(evaluate, "eval", argv)


def evaluate(cfg: DictConfig) -> None:
    """One evaluation."""
    check_config(cfg)
    require_run(cfg.model, cfg.checkpoint)
    from emolightning.runs.assembly import evaluation
    from emolightning.runs.evaluate import evaluate as answer_and_score

    answer_and_score(evaluation(cfg))
