"""Talk to a trained model about one clip: `python -m emolightning chat checkpoint=RUN media=clip.mp4`.

Each line that is typed is a question; an empty one asks as in training, /why asks for an explanation, and /quit or the
end of the input ends it. The models are trained on single questions, so earlier ones are not in the sequence. It takes
the settings of predict, `out` aside.
"""

import sys

from omegaconf import DictConfig

from emolightning.commands.cli import run
from emolightning.config.check import check_config
from emolightning.errors import UserError, printable

WHY, QUIT = "/why", "/quit"


def main(argv: list[str]) -> int:
    """Compose, check, talk."""
    return run(chat, "predict", [*argv, "out=none"])


def chat(cfg: DictConfig) -> None:
    """Answer the lines of the standard input.

    Raises:
        UserError: there is no such clip or model; or the clip cannot be used.
    """
    check_config(cfg)
    from emolightning.data.readers.asked_media import items_of
    from emolightning.records.predictions import MISSING, ZERO, Failure
    from emolightning.runs.assembly_of_clips import predictor
    from emolightning.runs.predicting import EMOTION

    items = items_of(str(cfg.media))
    if len(items) != 1:
        raise UserError(f"media={cfg.media}: has {len(items)} clips; chat is about one, predict answers about many")
    model, clip = predictor(cfg), items[0].clip
    while (line := _typed()) is not None:
        task, question = ("reason", None) if line == WHY else (EMOTION, line or None)
        (answer,) = model.predict([clip], question=question, task=task)
        if isinstance(answer, Failure):
            raise UserError(f"{answer.kind}: {answer.reason}")
        print(printable(answer.text))
        if question is None and answer.probabilities:
            likely = sorted(answer.probabilities.items(), key=lambda item: -item[1])
            print("  ".join(f"{label} {chance:.2f}" for label, chance in likely))
        if absent := [f"{name} {said}" for name, said in answer.inputs.items() if said.startswith((MISSING, ZERO))]:
            print(f"({'; '.join(absent)})")


def _typed() -> str | None:
    """The next line; None at the end."""
    if sys.stdin.isatty():
        print("> ", end="", flush=True)
    line = sys.stdin.readline()
    return None if not line or line.strip() == QUIT else line.strip()
