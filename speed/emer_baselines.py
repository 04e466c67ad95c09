"""The answers of six models to EMER v1, judged anew: is their order the published one?

  python speed/emer_baselines.py folder=DIR
  python speed/emer_baselines.py folder=DIR judge=openai judge.base_url=http://localhost:8000/v1 judge.model=NAME

The model that gave the published grades is gone, so another judge's values cannot be theirs. What can be compared is
the order of the models: Spearman's rank correlation. With six models it says little: chance alone gives 0.83 or more,
in absolute value, in 5.8 % of cases. The texts are AffectGPT's `baseline_results/`, which its history still has at
commit 1d5fb1b.
"""

import csv
import sys
from pathlib import Path

if __name__ == "__main__":  # Python put this file's folder first; the checkout belongs there, to be what is measured.
    sys.path[0] = str(Path(__file__).resolve().parents[1])

from typing import TYPE_CHECKING, Any  # noqa: E402

from omegaconf import DictConfig  # noqa: E402

from emolightning.commands.cli import run  # noqa: E402
from emolightning.config.check import check_config  # noqa: E402
from emolightning.errors import UserError  # noqa: E402

if TYPE_CHECKING:
    from emolightning.scoring.reasoning import Reasoning

TRUTH = "gt.csv"
ID, TEXT = "names", "chi_reasons"

PUBLISHED = {
    "videochat(text)": (6.42, 3.94),
    "videollama": (6.64, 4.89),
    "videochatgpt": (6.95, 5.74),
    "pandagpt": (7.14, 5.51),
    "videochat(emb)": (7.15, 5.65),
    "valley": (7.24, 5.77),
}
"""File -> clue and label overlap by gpt-3.5-turbo-16k-0613 on 100 clips, from Emotion-LLaMA's README."""

OVERLAPS = ("clue", "label")
SCORES = ("chrf", "bleu", "rouge_l")
"""Text scores shown beside; by scoring's own names."""


def main(cfg: DictConfig) -> None:
    """Judge, print, write."""
    check_config(cfg)
    from emolightning.config.building import build

    result = judge_all(Path(cfg.folder), build(cfg.scoring, "scoring"))
    print("\n".join(lines(result)))
    if cfg.output:
        from emolightning.files.writing import write_json

        write_json(Path(cfg.output), result)
        print(f"\nresult: {cfg.output}")


def judge_all(folder: Path, scoring: "Reasoning") -> dict[str, Any]:
    """Values of each model, and the rank correlation of each column with the published ones.

    Raises:
        UserError: a file is missing, or has other clips than `gt.csv`.
    """
    from emolightning.records.clips import Answer

    truths = read_texts(folder / TRUTH)
    models = {}
    for model in PUBLISHED:
        texts = read_texts(folder / f"{model}.csv")
        if set(texts) != set(truths):
            raise UserError(f"{folder / model}.csv: has other clips than {TRUTH}")
        answers = [Answer(clip_id, texts[clip_id], "", truth, 0.0) for clip_id, truth in truths.items()]
        scores = [scoring.score(answer) for answer in answers]
        models[model] = _values(scoring.report(answers, scores, benchmark="emer_v1", split="test").content())
    return {
        "judge": {key: value for key, value in scoring.judge.describe().items() if key != "calls"},
        "num_clips": len(truths),
        "models": models,
        "spearman": rank_agreement(models),
    }


def read_texts(path: Path) -> dict[str, str]:
    """Clip -> text.

    Raises:
        UserError: no such file, or other columns.
    """
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            rows = list(csv.DictReader(file))
    except OSError as error:
        raise UserError(f"{path}: cannot be read: {error.strerror}") from error
    if not rows or not {ID, TEXT} <= set(rows[0]):
        raise UserError(f"{path}: needs the columns {ID} and {TEXT}, and a row for each clip")
    return {row[ID]: row[TEXT] for row in rows}


def _values(report: dict[str, Any]) -> dict[str, Any]:
    overlaps = dict(zip(OVERLAPS, report["metrics"].values(), strict=True))
    return {
        **{name: score["value"] for name, score in overlaps.items()},
        **{f"num_{name}": score["num_clips"] for name, score in overlaps.items()},
        "failures": report["judge"]["failures"],
        **{name: report["text"]["scores"][name]["value"] for name in SCORES},
    }


def rank_agreement(models: dict[str, dict[str, Any]]) -> dict[str, dict[str, float]]:
    """Column -> Spearman's correlation with the published clue and label column."""
    from scipy.stats import spearmanr

    found: dict[str, dict[str, float]] = {}
    for column in (*OVERLAPS, *SCORES):
        ours = [values[column] for values in models.values()]
        if None in ours:  # a model of which no answer was graded
            continue
        published = {name: [PUBLISHED[model][place] for model in models] for place, name in enumerate(OVERLAPS)}
        found[column] = {name: float(spearmanr(ours, theirs).statistic) for name, theirs in published.items()}
    return found


def lines(result: dict[str, Any]) -> list[str]:
    """What is printed."""
    judge = result["judge"]
    low, high = judge["scale"]
    columns = (*OVERLAPS, *SCORES)
    title = f"{judge['name']} judge, {low:g}-{high:g}, {result['num_clips']} clips"
    head = f"{title:<38}{'published clue label':>22}" + "".join(f"{name:>10}" for name in columns)
    rows = [_row(model, values, columns) for model, values in result["models"].items()]
    agreement = [
        f"{f'Spearman with the published {name} column':<60}"
        + "".join(f"{result['spearman'].get(column, {}).get(name, float('nan')):>10.2f}" for column in columns)
        for name in OVERLAPS
    ]
    failed = [_failed(model, values, result["num_clips"]) for model, values in result["models"].items()]
    return [head, *rows, "", *agreement, "", *filter(None, failed), f"comparable with: {judge['comparable_with']}"]


def _row(model: str, values: dict[str, Any], columns: tuple[str, ...]) -> str:
    clue, label = PUBLISHED[model]
    cells = ["-" if values[name] is None else f"{values[name]:.4f}" for name in columns]
    return f"{model:<38}{clue:>16.2f}{label:>6.2f}" + "".join(f"{cell:>10}" for cell in cells)


def _failed(model: str, values: dict[str, Any], num_clips: int) -> str:
    parts = [
        f"{name} {num_clips - values[f'num_{name}']} ({', '.join(values['failures'][name])})"
        for name in OVERLAPS
        if values[f"num_{name}"] < num_clips
    ]
    return f"not graded, {model}: {'; '.join(parts)}" if parts else ""


if __name__ == "__main__":
    run(main, "emer_baselines")
