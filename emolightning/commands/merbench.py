r"""`python -m emolightning merbench model=fusion/NAME data=NAME features=... [key=value ...]`: MERBench's protocol.

Settings are drawn from the network's search space, each is cross-validated, the best is repeated, and the test split is
answered by the mean of the folds' logits. Everything follows from `seed`; started again, it makes what is missing:
  python -m emolightning merbench model=fusion/lmf data=mer2023 data.root=MER2023 features=folders \
    features.root=features +features.words=MacBERT-UTT

table=mer2023 makes a row for each feature and fusion of the published MER2023 table, the published value beside it,
from a folder of features; rows whose folders are not there are said to be absent:
  python -m emolightning merbench table=mer2023 data=mer2023 data.root=MER2023 data.train=label-6way.npz \
    features=folders features.root=features
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from omegaconf import DictConfig

from emolightning.commands.cli import run
from emolightning.config.check import check_config
from emolightning.errors import UserError, override


def main(argv: list[str]) -> int:
    """Compose, check, run."""
    return run(merbench, "merbench", argv)


def merbench(cfg: DictConfig) -> None:
    """One network, or a table of them."""
    check_config(cfg)
    from emolightning.runs.quiet import quiet_libraries

    quiet_libraries()
    if cfg.table is None:
        _one(cfg)
        return
    from hydra.core.hydra_config import HydraConfig

    given = [word for word in HydraConfig.get().overrides.task if not word.startswith("table=")]
    _table(cfg, given)


def _one(cfg: DictConfig) -> dict[str, Any]:
    """Run and print; the content of `merbench.json`."""
    from emolightning.runs.merbench_run import described, measured

    result = measured(cfg)
    print(described(result))
    return result


def _table(cfg: DictConfig, given: Sequence[str]) -> None:
    """A row for each line of the table, with the published value beside it."""
    from emolightning.benchmarks.classifier_table import published_value, read_rows
    from emolightning.config.composing import composed
    from emolightning.files.writing import write_json

    found, root = [], Path(cfg.output_dir)
    for row in read_rows(cfg.table):
        line: dict[str, Any] = {
            "model": row.model,
            "modality": row.modality,
            "published": published_value(cfg.table, row),
            **({"remark": row.remark} if row.remark else {}),
        }
        absent = [name for name in row.folders.values() if not (Path(cfg.features.root) / name).exists()]
        if absent:
            line["absent"] = absent
        else:
            own = [*row.words, override("output_dir", root / row.name)]
            with composed("merbench", [*given, *own]) as of_row:
                check_config(of_row)
                print(f"{row.name}:", flush=True)
                line |= _one(of_row)
        found.append(line)
    if all("absent" in line for line in found):
        named = ", ".join(found[0]["absent"])
        raise UserError(
            f"features.root={cfg.features.root}: has none of the folders that table={cfg.table} names; say "
            f"features.root=FOLDER, the one that holds {named} and others"
        )
    write_json(root / "table.json", {"rows": found})
    print(_lines(found))
    print(f"table: {root / 'table.json'}")


def _lines(found: Sequence[dict[str, Any]]) -> str:
    lines = [f"{'model':<20}{'modality':<10}{'weighted F1':>20}{'published':>12}"]
    for line in found:
        if "absent" in line:
            value = "no " + ", ".join(line["absent"])
        else:
            spread = line["scores"]["test"]["f1"]
            value = f"{spread['mean']:.4f} +- {spread['sd'] or 0:.4f}"
        published = "" if line["published"] is None else f"{line['published']:.4f}"
        said = f"{line['model']:<20}{line['modality']:<10}{value:>20}{published:>12}"
        lines.append(f"{said}  {line['remark']}" if "remark" in line else said)
    return "\n".join(lines)
