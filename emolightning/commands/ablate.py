"""`python -m emolightning ablate [checkpoint=RUN] [how=...] [sets=...] [inputs=...] [key=value ...]`: what is needed?

  ablate checkpoint=outputs/demo how=[removed,shuffled]     a trained run, with every set of modalities left
  ablate checkpoint=outputs/demo sets=AV inputs=all how=[zeroed,mean]
  ablate experiment=demo sets=A,V,T,AVT parallel=2          a training for each set, from this command line

With a checkpoint nothing is trained: the run is evaluated as it is, and again with the other inputs changed; key=value
is as for eval.py. Without one every set is trained and tested in processes of its own, with key=value as for train.py.
Each row is an ordinary evaluation in a folder of its own, <output_dir>-ablation/<row>; one that is finished with the
same settings is not done again, an interrupted one continues. On data=synthetic each score is beside the best possible
accuracy that follows from the generator. Writes ablation.json, .md, .tex, .csv and .html, and prints a table with
intervals and paired tests against the run as it is.

  sets       modalities that are left as they are, any of A, V, T, AV, AT, VT, AVT, with commas; left out, all that
             there are, or none where inputs= is said
  inputs     inputs that are changed one by one, e.g. [speech,face], or all
  how        removed (default): not in the sequence; zeroed: zeros, black, silence, no words; mean: the mean over the
             training clips (perturb.mean_of=val takes those of validation); shuffled: exchanged among all clips, so
             that no clip keeps its own. A training has its inputs removed or shuffled.
  parallel   evaluations or runs at the same time (1)
  key=value  for all rows
"""

from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

from omegaconf import DictConfig

from emolightning.commands.cli import run
from emolightning.config.check import check_config
from emolightning.config.families import require_run
from emolightning.config.problems import not_one_of
from emolightning.config.sources import override_key
from emolightning.errors import UserError

SETS = ("A", "V", "T", "AV", "AT", "VT", "AVT")
HOW = ("removed", "zeroed", "mean", "shuffled")
OF_TRAINING = ("removed", "shuffled")
OWN = ("sets", "inputs", "how", "parallel")
"""Settings of this command; everything else goes to train.py or eval.py."""

OF_ROWS = (
    *("shuffle", "perturb.zeroed", "perturb.mean", "perturb.corruption"),
    *("seeds", "folds", "leave_one", "resume", "run_name"),
)
"""Settings that the rows have for themselves."""


def main(argv: list[str]) -> int:
    """Run all rows; 1 if one of them failed."""
    own = dict(word.split("=", 1) for word in argv if word.split("=", 1)[0] in OWN and "=" in word)
    overrides = [word for word in argv if word.split("=", 1)[0] not in OWN]
    is_trained = any(word.startswith(("checkpoint=", "model=chat/")) for word in overrides)
    asked = partial(
        ablate,
        overrides=overrides,
        sets=_words("sets", own.get("sets"), SETS, str.upper),
        inputs=_words("inputs", own.get("inputs")) or [],
        how=_words("how", own.get("how", "removed"), HOW) or [],
        parallel=_parallel(own.get("parallel", "1")),
    )
    return run(asked, "eval" if is_trained else "train", overrides)


def _words(
    key: str, text: str | None, options: Sequence[str] | None = None, spelt: Callable[[str], str] = str
) -> list[str] | None:
    """A list of words, with or without brackets."""
    if text is None:
        return None
    chosen = [spelt(word.strip().strip("'\"")) for word in text.strip("[]").split(",")]
    for word in chosen:
        if options is not None and word not in options:
            raise UserError(f"{key}={text}: {not_one_of(word, options)}")
    return list(dict.fromkeys(chosen))


def _parallel(text: str) -> int:
    if not text.isdigit() or int(text) < 1:
        raise UserError(f"parallel={text}: must be a number of processes, 1 or more")
    return int(text)


def ablate(
    cfg: DictConfig,
    *,
    overrides: Sequence[str],
    sets: Sequence[str] | None,
    parallel: int,
    inputs: Sequence[str] = (),
    how: Sequence[str] = ("removed",),
) -> int:
    """Carry out all rows, then print and store the table.

    Args:
        cfg: the composed configuration, for a check before the first row and for its folders.
        overrides: the command line, passed on to each row.
        sets: modalities that are left, e.g. `["A", "AV"]`.
        parallel: rows at the same time.
        inputs: those that are changed one by one.
        how: they are changed.
    """
    check_config(cfg)
    _refuse_overrides(cfg, overrides)
    if not is_evaluated(cfg) and (wrong := [way for way in how if way not in OF_TRAINING]):
        raise UserError(
            f"how={','.join(wrong)}: is of a trained run: say checkpoint=RUN; to a training an input without content "
            "is one that is removed, so say how=removed or how=shuffled"
        )
    from emolightning.runs.variants.ablating import ablated
    from emolightning.runs.variants.writing import print_variants, write_variants

    root = Path(f"{cfg.output_dir}-ablation")
    content = ablated(cfg, root, overrides, sets=sets, single=inputs, ways=how, parallel=parallel)
    files = write_variants(content, root)
    print_variants(content)
    print(f"table: {', '.join(map(str, files))}; rows: {root}/<row>")
    return int(any(row["failed"] for row in content["rows"]))


def is_evaluated(cfg: DictConfig) -> bool:
    """Whether a run is given, and nothing is trained."""
    return "checkpoint" in cfg


def _refuse_overrides(cfg: DictConfig, overrides: Sequence[str]) -> None:
    """What the rows have for themselves."""
    for word in overrides:
        key = override_key(word)
        if key in OF_ROWS and word != "resume=auto":
            remedy = "use sweeps/modalities.yaml for sets and seeds together" if key == "seeds" else "leave it out"
            raise UserError(f"{word}: each row is one run here, with a {key} of its own; {remedy}")
    if is_evaluated(cfg):
        require_run(cfg.model, cfg.checkpoint)
