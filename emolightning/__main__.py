"""`emolightning COMMAND key=value ...`, the same as `python -m emolightning COMMAND ...`: the list of commands."""

import importlib
import sys
from pathlib import Path

from emolightning.commands.closed_pipes import outlive_readers
from emolightning.config.problems import suggestion
from emolightning.errors import UserError, printable

COMMANDS = {
    "train": ("emolightning.commands.train", "fine-tune Emotion-LLaMA: data, model, fit, run folder"),
    "eval": ("emolightning.commands.evaluate", "answers and scores of a trained run, of a checkpoint or an adapter"),
    "predict": ("emolightning.commands.predict", "answers of a trained run about new clips, without labels"),
    "chat": ("emolightning.commands.chat", "questions about one clip, typed in the terminal"),
    "ablate": (
        "emolightning.commands.ablate",
        "which inputs a run needs: each removed, zeroed, shuffled or its mean, or each set trained and tested",
    ),
    "robustness": (
        "emolightning.commands.robustness",
        "how a run bears noise, blur, lost frames, wrong words, other questions: curves with intervals",
    ),
    "sweep": ("emolightning.commands.sweep", "a W&B sweep file on this machine, without a server"),
    "doctor": (
        "emolightning.commands.doctor",
        "what a dataset needs and has: files, clips, labels, features, media; what would fail",
    ),
    "prepare": (
        "emolightning.commands.prepare",
        "a dataset in its own files into one folder of clips and a table, or into files of other programs",
    ),
    "extract": (
        "emolightning.commands.extract",
        "clips to feature vectors, by the recipes of published features; resumable, in parts",
    ),
    "serve": ("emolightning.commands.serve", "a page and an HTTP API for trained runs"),
    "estimate": ("emolightning.commands.estimate", "memory, time and cost of a training run, before it is one"),
    "merbench": (
        "emolightning.commands.merbench",
        "a fusion network on feature vectors by MERBench's protocol, or a table of them",
    ),
    "import-weights": (
        "emolightning.commands.import_weights",
        "published weights (Llama-2, EVA-CLIP-g, Emotion-LLaMA's .pth) into this project's folders",
    ),
    "export-weights": (
        "emolightning.commands.export_weights",
        "trained weights as Emotion-LLaMA's .pth, or merged into a Hugging Face folder",
    ),
    "convert-features": (
        "emolightning.commands.convert_features",
        "a folder of feature vectors into one packed file, or back",
    ),
    "inspect": ("emolightning.commands.inspect_file", "what a file of weights is, without loading it"),
    "score": ("emolightning.commands.score", "predictions of any system from a table, without a model"),
    "combine": ("emolightning.commands.combine", "several systems as one: mean, vote, or weights of validation clips"),
    "compare": (
        "emolightning.commands.compare",
        "is B better than A? runs, files and published figures on the same clips, in one table",
    ),
    "pseudo-label": (
        "emolightning.commands.pseudo_label",
        "labels for unlabelled clips: what trained runs are sure of, as an annotation file",
    ),
    "reproduce": ("emolightning.commands.reproduce", "published scores, and a run's scores beside them"),
    "report": ("emolightning.commands.report", "report.html of an evaluated run again, from its folder"),
}
"""Name -> module with `main(argv) -> exit code`, and what it does."""


def main(argv: list[str]) -> int:
    """Call a command by its name.

    Args:
        argv: the command line without the program.

    Returns:
        The command's exit code; 1 for a UserError, 2 for an unknown command.
    """
    outlive_readers()
    if not argv or argv[0] in ("--help", "-h", "help"):
        print(usage())
        return 0
    name, *rest = argv
    if name not in COMMANDS:
        print(f"error: no command {name!r}; {suggestion(name, COMMANDS)}", file=sys.stderr)
        return 2
    try:
        return importlib.import_module(COMMANDS[name][0]).main(rest)
    except UserError as error:  # a command's own words, before `run` takes over
        print(f"error: {printable(str(error))}", file=sys.stderr)
        return 1


def usage() -> str:
    """What there is, one line a command."""
    width = max(map(len, COMMANDS))
    lines = [f"  {name:<{width}}  {about}" for name, (_, about) in COMMANDS.items()]
    head = "usage: emolightning COMMAND [key=value ...]\n\nEach command tells more with --help.\n\nCommands"
    return "\n".join([head, *lines, "", "In a checkout python train.py and python eval.py are the first two."])


def _leave_folder() -> None:
    """Take the current folder out of the places that modules come from: in a run from elsewhere it may hold some.

    `python -m` puts it there, first. Nothing of it is needed, unless it is this checkout.
    """
    here, ours = Path.cwd(), Path(__file__).resolve().parents[1]
    if sys.path and Path(sys.path[0] or ".").absolute() == here and here.resolve() != ours:
        del sys.path[0]


def program() -> None:
    """Carry out the command line of this process, and end it with the command's exit code."""
    sys.exit(main(sys.argv[1:]))


if __name__ == "__main__":
    _leave_folder()
    program()
