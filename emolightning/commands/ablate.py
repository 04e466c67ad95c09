"""`python -m emolightning ablate [sets=A,V,T,AV,AT,VT,AVT] [parallel=2] [key=value ...]`: train and test modality sets.

Every set is a run of its own, in processes of its own, under <output_dir>-ablation/<set>; a set that is finished with
the same overrides is reused, an interrupted one continues. On data=synthetic each score is printed beside the best
achievable accuracy that follows from the generator. Writes ablation.json and ablation.csv and prints a table.

  sets       any of A, V, T, AV, AT, VT, AVT, with commas; left out, all of them
  parallel   runs at the same time (1)
  key=value  for all runs, as for train.py
"""

import csv
import json
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any

from omegaconf import DictConfig

from emolightning.commands.cli import run
from emolightning.config.check import check_config
from emolightning.config.places import program
from emolightning.errors import UserError, override
from emolightning.files.writing import write_json, written_whole
from emolightning.runs.processes import Programs, kept

MODALITY_OF = {"A": "audio", "V": "video", "T": "text"}
SETS = ("A", "V", "T", "AV", "AT", "VT", "AVT")
SCORES = ("war", "uar", "weighted_f1")
OWN = ("sets", "parallel")
"""Settings of this command; everything else goes to train.py."""


def main(argv: list[str]) -> int:
    """Run all sets; 1 if one of them failed."""
    own = dict(word.split("=", 1) for word in argv if word.split("=", 1)[0] in OWN and "=" in word)
    overrides = [word for word in argv if word.split("=", 1)[0] not in OWN]
    sets = _sets(own.get("sets", ",".join(SETS)))
    parallel = _parallel(own.get("parallel", "1"))
    return run(partial(ablate, overrides=overrides, sets=sets, parallel=parallel), "train", overrides)


def _sets(text: str) -> list[str]:
    chosen = [name.strip().upper() for name in text.strip("[]").split(",")]
    wrong = [name for name in chosen if name not in SETS]
    if wrong:
        raise UserError(f"sets={text}: {wrong} not known; choose from {','.join(SETS)}")
    return chosen


def _parallel(text: str) -> int:
    if not text.isdigit() or int(text) < 1:
        raise UserError(f"parallel={text}: must be a number of processes, 1 or more")
    return int(text)


def ablate(cfg: DictConfig, *, overrides: list[str], sets: list[str], parallel: int) -> int:
    """Train and test each set, then print and store the table.

    Args:
        cfg: the composed training configuration, for a check before the first run and for its folders.
        overrides: the command line, passed on to each run.
        sets: e.g. `["A", "AVT"]`.
        parallel: runs at the same time.
    """
    check_config(cfg)
    if cfg.seeds:
        raise UserError("seeds: each set is one run here; use sweeps/modalities.yaml for sets and seeds together")
    root = Path(f"{cfg.output_dir}-ablation")
    root.mkdir(parents=True, exist_ok=True)
    if parallel > 1:  # Runs that start together would wait for the first one to render and extract.
        print("preparing the data", flush=True)
        _prepare(cfg)
    with ThreadPoolExecutor(parallel) as pool, Programs() as programs:
        rows = list(pool.map(lambda name: _run_set(name, root, overrides, cfg.run_name, programs), sets))
    limits = _ceilings(cfg)
    table = [{**row, **_against_ceiling(row, limits)} for row in rows]
    write_json(root / "ablation.json", {"overrides": kept(overrides)["shown"], "rows": table})
    _write_csv(root / "ablation.csv", table)
    _print_table(table, root)
    return int(any(row["failed"] for row in rows))


def _prepare(cfg: DictConfig) -> None:
    from emolightning.runs.assembly import read_corpus

    read_corpus(cfg)


def _run_set(name: str, root: Path, overrides: list[str], run_name: str, programs: Programs) -> dict[str, Any]:
    """One row: trains and tests a set unless that is done, output in <set>.log."""
    folder = root / name
    note, metrics = root / f"{name}.overrides.json", folder / "metrics.json"
    is_same = note.exists() and json.loads(note.read_text()) == kept(overrides)
    if not (is_same and metrics.exists()):
        print(f"{name}: running, output in {root / name}.log", flush=True)
        write_json(note, kept(overrides))
        modalities = ",".join(MODALITY_OF[letter] for letter in name)
        train = [
            *overrides,
            f"modalities=[{modalities}]",
            override("run_name", f"{run_name}-{name}"),
            override("output_dir", folder),
            f"resume={'auto' if is_same else 'null'}",
        ]
        log = root / f"{name}.log"
        failed = programs.call([*program("train"), *train], log)
        failed = failed or programs.call([*program("eval"), override("checkpoint", folder)], log)
        if failed:
            print(f"{name}: failed with exit code {failed}, see {root / name}.log", flush=True)
            return {"set": name, "failed": failed, "num_clips": 0}
    report = json.loads(metrics.read_text())
    scores = {score: report["metrics"][score] for score in SCORES}
    print(f"{name}: WAR {scores['war']['value']:.4f}", flush=True)
    return {"set": name, "failed": 0, "num_clips": report["num_clips"], **scores}


def _ceilings(cfg: DictConfig) -> dict[str, float]:
    """Best achievable accuracy of each set, where the data are made by a known process."""
    if "error_rate" not in cfg.data:
        return {}
    from emolightning.benchmarks.synthetic.process import ceilings

    return ceilings(cfg.data.error_rate)


def _against_ceiling(row: dict[str, Any], limits: dict[str, float]) -> dict[str, Any]:
    """The ceiling, and how far above it the WAR is in binomial standard deviations."""
    if row["failed"] or row["set"] not in limits:
        return {}
    ceiling = limits[row["set"]]
    deviation = (ceiling * (1 - ceiling) / row["num_clips"]) ** 0.5
    return {"ceiling": ceiling, "above_ceiling_sd": (row["war"]["value"] - ceiling) / deviation}


def _write_csv(path: Path, table: list[dict[str, Any]]) -> None:
    with written_whole(path) as temporary, temporary.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["set", *SCORES, "ceiling", "above_ceiling_sd", "num_clips", "exit_code"])
        for row in table:
            values = [row[score]["value"] if score in row else "" for score in SCORES]
            last = [row.get("ceiling", ""), row.get("above_ceiling_sd", ""), row["num_clips"], row["failed"]]
            writer.writerow([row["set"], *values, *last])


def _print_table(table: list[dict[str, Any]], root: Path) -> None:
    from rich.console import Console
    from rich.table import Table

    shown = Table("modalities", title="Test scores by modality set, with 95 % intervals")
    for name in (*SCORES, "ceiling", "above it, in sd"):
        shown.add_column(name, justify="right")
    for row in table:
        values = [_with_interval(row[score]) if score in row else "failed" for score in SCORES]
        limit = [f"{row['ceiling']:.4f}", f"{row['above_ceiling_sd']:+.1f}"] if "ceiling" in row else ["-", "-"]
        shown.add_row(row["set"], *values, *limit)
    Console().print(shown)
    print(f"table: {root / 'ablation.json'}, {root / 'ablation.csv'}; runs: {root}/<set>")


def _with_interval(score: dict[str, Any]) -> str:
    low, high = score["ci95"]
    return f"{score['value']:.4f} [{low:.2f}, {high:.2f}]"
