"""`python -m emolightning robustness checkpoint=RUN [corruptions=[noise,words]] [key=value ...]`: how a run bears it.

  robustness checkpoint=outputs/demo corruptions=[noise,blur,occlusion,dropped_frames]
  robustness checkpoint=outputs/demo corruptions=[noise] severities.noise=[30,20,10,0] perturb.noise=musan/speech
  robustness checkpoint=outputs/mer corruptions=[vectors] perturb.inputs=[speech]
  robustness checkpoint=outputs/demo corruptions=[label_order,wording,frame]

The run is evaluated as it is, and again at each severity: noise in the sound (white, or of the files of perturb.noise),
mer2024_noise (the recipe of MER2024-NOISE, with the files of perturb.noise), blur, occlusion, dropped_frames, words
(errors in the transcript), vectors (noise in the vectors of inputs), frame (other frames), label_order and wording of
the question. Left out, corruptions are all that the run allows. Everything is mixed while clips are read, by seed and
clip: the same on any ranks, in batches of any size. Sound and pictures can be made worse where they are read in this
run (features=signal, features=live, a vision tower, a chat model); vectors that are read from a store get vectors.

Each level is an ordinary evaluation in a folder of its own, <output_dir>-robustness/<corruption>-<severity>; one that
is finished with the same settings is not done again, an interrupted one continues. Writes robustness.json, .md, .tex,
.csv and .html, and prints tables: scores with intervals, paired tests against the run as it is, area under the
curve, share that is lost. key=value is as for eval.py.
"""

from collections.abc import Sequence
from functools import partial
from pathlib import Path

from omegaconf import DictConfig, ListConfig

from emolightning.commands.cli import run
from emolightning.config.check import check_config
from emolightning.config.families import require_run
from emolightning.config.problems import Problem, not_one_of
from emolightning.config.sources import override_key
from emolightning.errors import UserError
from emolightning.records.corruptions import KINDS

OWN = ("corruptions", "severities", "num_samples", "parallel", "output_dir", "run_name")
"""Settings of this command; everything else goes to each evaluation."""

OF_LEVELS = ("shuffle", "perturb.corruption", "perturb.severity", "perturb.zeroed", "perturb.mean")
"""Settings that the levels have for themselves."""


def main(argv: list[str]) -> int:
    """Run all levels; 1 if one of them failed."""
    words = [word for word in argv if override_key(word).partition(".")[0] not in OWN or "=" not in word]
    return run(partial(robustness, overrides=words), "robustness", argv)


def robustness(cfg: DictConfig, *, overrides: Sequence[str]) -> int:
    """Carry out all levels, then print and store the tables.

    Args:
        cfg: the composed configuration.
        overrides: the words of the command line that each evaluation gets.
    """
    check_config(cfg, _own_problems(cfg))
    for word in overrides:
        if (key := override_key(word)) in OF_LEVELS:
            raise UserError(f"{word}: each level has a {key} of its own; leave it out, and say corruptions=[...]")
    require_run(cfg.model, cfg.checkpoint)
    from emolightning.runs.variants.testing import tested
    from emolightning.runs.variants.writing import print_variants, write_variants

    root = Path(f"{cfg.output_dir}-robustness")
    content = tested(cfg, root, [word for word in overrides if override_key(word) != "perturb.inputs"])
    files = write_variants(content, root)
    print_variants(content)
    print(f"tables: {', '.join(map(str, files))}; evaluations: {root}/<corruption>-<severity>")
    return int(any(level["failed"] for each in content["corruptions"] for level in each["levels"]))


def _own_problems(cfg: DictConfig) -> list[Problem]:
    """Corruptions that there are not, and severities that are no lists."""
    problems = [
        Problem(key, not_one_of(name, KINDS))
        for key, names in (("corruptions", cfg.corruptions or ()), ("severities", cfg.severities))
        for name in names
        if name not in KINDS
    ]
    for name, given in cfg.severities.items():
        if name in KINDS and not isinstance(given, ListConfig):
            example = ",".join(f"{level:g}" for level in KINDS[str(name)].levels[:2]) or "first,-1"
            problems.append(Problem(f"severities.{name}", f"{given!r} is no list; say severities.{name}=[{example}]"))
    if not 100 <= cfg.num_samples <= 1_000_000:
        problems.append(Problem("num_samples", f"is {cfg.num_samples}, and must be from 100 to 1000000"))
    return problems
