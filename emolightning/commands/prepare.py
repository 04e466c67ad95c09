"""`python -m emolightning prepare data=NAME out=FOLDER [key=value ...]`: a dataset in its own files as one table.

Any dataset of `data=` becomes a folder with `clips/`, called as their ids, and `annotations.csv`, which `data=custom`
reads: with the same clips, labels, splits, transcripts and subjects.

  prepare data=meld data.root=MELD.Raw out=prepared/meld
  prepare data=iemocap data.root=IEMOCAP_full_release out=prepared/iemocap num_folds=5
  prepare data=meld data.root=MELD.Raw out=prepared/meld format=llama_factory

Whole files are linked, which takes no room, or copied with clips=copy; pieces of long files are cut out, encoded again.
format=llama_factory and ms_swift write conversations, a file for each split, and format=merr the row files of
Emotion-LLaMA; several formats may lie in one folder. What is mapped, left out and skipped is counted on the screen and
in prepare.json. Started again, it makes what is missing, also after it was killed; a folder that it has not made, or
made of other clips, is refused. Clips without usable media end it, with on_error=skip where they are more than
max_skipped.
"""

from omegaconf import DictConfig

from emolightning.commands.cli import run
from emolightning.config.check import check_config
from emolightning.config.problems import Problem


def main(argv: list[str]) -> int:
    """Compose, check, prepare."""
    return run(prepare, "prepare", argv)


def prepare(cfg: DictConfig) -> None:
    """Prepare, and print what there is now."""
    check_config(cfg, own_problems(cfg))
    from pathlib import Path

    from emolightning.runs.assembly_of_clips import source_of_dataset
    from emolightning.runs.preparing import preparing
    from emolightning.runs.quiet import quiet_libraries

    quiet_libraries()
    form = preparing.Form(cfg.format, cfg.clips, cfg.task, cfg.question, cfg.num_folds, cfg.seed)
    source = source_of_dataset(cfg, transcripts=cfg.transcripts)
    lines = preparing.prepare(
        source,
        Path(cfg.out).expanduser(),
        form,
        num_workers=cfg.num_workers,
        on_error=cfg.on_error,
        max_skipped=cfg.max_skipped,
    )
    print("\n".join(lines))


def own_problems(cfg: DictConfig) -> list[Problem]:
    """Settings that do not go together."""
    is_talk, problems = cfg.format in ("llama_factory", "ms_swift"), list[Problem]()
    if cfg.data is None:
        problems.append(
            Problem("data", "say which clips: data=NAME, with what that dataset needs, e.g. data.root=FOLDER")
        )
    for name, usual in (("task", "emotion"), ("question", None)):
        if cfg[name] != usual and not is_talk:
            problems.append(Problem(name, f"is for format=llama_factory and ms_swift, not {cfg.format}"))
    if cfg.num_folds is not None and cfg.format != "custom":
        problems.append(Problem("num_folds", f"writes a column of the table: format=custom, not {cfg.format}"))
    if cfg.question is not None and not cfg.question.strip():
        problems.append(Problem("question", "must not be empty; null is Emotion-LLaMA's question"))
    return problems
