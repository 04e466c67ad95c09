"""Ask a trained model about new clips: `python -m emolightning predict checkpoint=RUN media=FILE|FOLDER out=FILE`.

No labels are needed, and no scores are written:

  predict checkpoint=outputs/demo media=clip.mp4 out=answers.jsonl
  predict checkpoint=outputs/demo media=my_clips out=answers.csv
  predict checkpoint=outputs/demo media='my_clips/*.mp4' out=answers.jsonl prompt.task=reason
  predict checkpoint=outputs/demo media=questions.csv out=answers.jsonl
  predict checkpoint=outputs/demo media=talk.mp4 window=5s step=1s out=timeline.jsonl

A table has a column video and, where there are any, id, question, transcript, start and end. A line holds label,
probability of each label, text, question, and what became of each input; or why there is no answer. Each is
written at once. Started again, items that have an answer are skipped, those that failed are tried again, and what has
changed is refused by name. With window=... each clip gets a
picture (SVG) of its timeline. Under torchrun the processes share the work.

Exit codes: 0 all good; 1 some items failed; 2 wrong arguments, or a conflict with the answers that are there; 3 the
model cannot be loaded; 4 the file of answers is damaged, locked or cannot be written.
"""

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from omegaconf import DictConfig

from emolightning.commands.cli import run
from emolightning.config.check import check_config
from emolightning.errors import UserError, printable

if TYPE_CHECKING:
    from emolightning.runs.predict import Done

FAILED, ARGUMENTS, MODEL, OUTPUT = 1, 2, 3, 4


def main(argv: list[str]) -> int:
    """Compose, check, ask."""
    begun: list[DictConfig] = []

    def ask(cfg: DictConfig) -> int:
        begun.append(cfg)
        return predict(cfg)

    ask.__module__, ask.__doc__ = __name__, __doc__
    try:
        return run(ask, "predict", argv)
    except SystemExit as end:
        if not begun and end.code == FAILED:  # A mistake that was found before, e.g. no such run.
            sys.exit(ARGUMENTS)
        raise


def predict(cfg: DictConfig) -> int:
    """Ask about every item; the exit code."""
    from emolightning.files.writing import CannotWrite

    try:
        check_config(cfg)
        return _predict(cfg)
    except CannotWrite as error:
        return _refused(error, OUTPUT)
    except UserError as error:
        from emolightning.runs.predict import NoModel
        from emolightning.runs.prediction_file import BrokenOutput

        kinds = {NoModel: MODEL, BrokenOutput: OUTPUT}
        return _refused(error, kinds.get(type(error), ARGUMENTS))


def _predict(cfg: DictConfig) -> int:
    from emolightning.runs.assembly_of_clips import predictor
    from emolightning.runs.predict import Request, asked_items
    from emolightning.runs.predict import predict as answer
    from emolightning.runs.threads import set_num_threads

    set_num_threads(cfg.num_threads)
    out = Path(cfg.out)
    rank, world_size = (int(os.environ.get(name, default)) for name, default in (("RANK", "0"), ("WORLD_SIZE", "1")))
    request = Request(
        asked_items(str(cfg.media), window=cfg.window, step=cfg.step),
        question=cfg.question,
        task=cfg.prompt.task,
        out=out,
        form=cfg.format or ("csv" if out.suffix.lower() == ".csv" else "jsonl"),
        rank=rank,
        world_size=world_size,
        overwrite=cfg.overwrite,
        draws=cfg.window is not None,
    )
    done = answer(request, lambda: predictor(cfg))
    print(f"{out}: {_described(done)}")
    if done.pictures:
        print(f"pictures: {done.pictures}")
    elif request.draws and request.form == "upstream":
        print("no pictures: the lines of format=upstream hold no probabilities")
    return FAILED if done.failed else 0


def _described(done: "Done") -> str:
    each = f" ({done.seconds / done.answered:.2f} s each)" if done.answered else ""
    counts = [f"{done.answered} answered{each}", *([f"{done.skipped} had an answer before"] if done.skipped else [])]
    if done.failed:
        kinds = ", ".join(f"{number} {kind}" for kind, number in done.failed.items())
        counts.append(f"{sum(done.failed.values())} failed ({kinds})")
    return ", ".join(counts)


def _refused(error: UserError, code: int) -> int:
    print(f"error: {printable(str(error))}", file=sys.stderr)
    return code
