"""The README's commands work: each is run as it stands there, at a small size, in a folder of its own.

A command is a line of a ```bash block; lines that begin with # are comments, a backslash continues a line.
"""

import re
import shlex
import shutil
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from threading import Lock

import pytest
from hydra import compose, initialize_config_dir
from runs import REPO, Workplace, make_dataset
from weights_factory import Sizes, make_checkpoint, make_eva, make_llama

from emolightning.config.check import check_config
from emolightning.config.places import CONFIG_DIR
from emolightning.config.saved_run import load_saved_run
from emolightning.config.schema import register_schemas

README = REPO / "README.md"
ONE_AT_A_TIME = Lock()
"""Hydra composes in one place of the process."""
SHARED = REPO.parent / "shared"

KNOWN = (
    "git clone", "cd ", "python3 -m venv", "python -m venv", "source ", ". ", "pip install", "wandb login",
    "torchrun ", "mkdir ", "sbatch ",
)  # fmt: skip
"""Beginnings of commands that set up a machine or start programs elsewhere (tests/test_launch.py); not run here."""

NEEDS_MORE = (
    "model=emotion_llama_7b", "features=folders", "trainer=one_gpu", "trainer=ddp", "demo-zero2",
    "trainer.accelerator=gpu", "experiment=stage1", "experiment=stage2", "checkpoint=weights/adapter",
    "checkpoint=outputs/custom-7b", "doctor",
)  # fmt: skip
"""With one of these a command needs weights, vectors or hardware that are not here: it is composed and checked only.
(Two ranks on a CPU are run in test_engines.py and test_runs.py.)"""

SIZES = ("data.num_train=48", "data.num_val=12", "data.num_test=12", "data.batch_size=8")
"""Of rendered benchmarks."""


def commands(text: str) -> list[str]:
    """All commands of a page, in order."""
    blocks = re.findall(r"^```bash\n(.*?)^```", text, flags=re.MULTILINE | re.DOTALL)
    lines = "".join(blocks).replace("\\\n", " ").splitlines()
    return [" ".join(line.split()) for line in lines if line.strip() and not line.lstrip().startswith("#")]


COMMANDS = list(dict.fromkeys(commands(README.read_text(encoding="utf-8"))))
RUNNABLE = [
    command
    for command in COMMANDS
    if re.match(r"(\w+=\S* )*python (train\.py|eval\.py|-m emolightning|speed/)", command)
]
OTHERS = [command for command in COMMANDS if command not in RUNNABLE]


def test_the_readme_shows_commands() -> None:
    assert any("train.py" in command for command in RUNNABLE)
    assert any("eval.py" in command for command in RUNNABLE)


def test_all_shell_blocks_are_marked_bash() -> None:
    marks = set(re.findall(r"^```(\w+)", README.read_text(encoding="utf-8"), flags=re.MULTILINE))
    assert not marks & {"sh", "shell", "console", "zsh"}, "this test reads ```bash blocks only"


def test_links_lead_to_files() -> None:
    links = re.findall(r"\]\((?!https?:|#)([^)#\s]+)", README.read_text(encoding="utf-8"))
    assert [link for link in links if not (REPO / link).exists()] == []


@pytest.mark.parametrize("command", OTHERS)
def test_commands_around_the_programs(command: str) -> None:
    words = shlex.split(command, comments=True)
    if words[0] == "make":
        targets = re.findall(r"^([a-z][\w-]*):", (REPO / "Makefile").read_text(), flags=re.MULTILINE)
        assert set(words[1:]) <= set(targets), f"`{command}`: the Makefile has {targets}"
    elif words[:2] == ["wandb", "sweep"]:
        assert (REPO / words[2]).is_file()
    elif words[:2] in (["wandb", "agent"], ["wandb", "sync"]):
        assert len(words) == 3
    else:
        assert command.startswith(KNOWN), (
            f"README.md shows a command that tests/test_readme.py does not know how to run: `{command}`; "
            "teach it, or change the README"
        )


@pytest.mark.parametrize("command", RUNNABLE)
def test_command_of_a_program(command: str, started: dict[str, "Future[None]"]) -> None:
    started[command].result()


@pytest.fixture(scope="module")
def started(
    request: pytest.FixtureRequest, workplace: Workplace, trained: Path, background: ThreadPoolExecutor
) -> dict[str, "Future[None]"]:
    """The selected commands, two at a time."""
    items = [item for item in request.session.items if getattr(item, "originalname", "") == "test_command_of_a_program"]
    wanted = {item.callspec.params["command"] for item in items}  # type: ignore[attr-defined]
    numbered = enumerate(command for command in RUNNABLE if command in wanted)
    return {
        command: background.submit(run_small, workplace, trained, command, workplace.folder / f"readme{number}")
        for number, command in numbered
    }


def run_small(place: Workplace, trained: Path, command: str, folder: Path) -> None:
    """One command in a new folder that has the files it names."""
    environment, script, words = parse(command)
    if set(words) & set(NEEDS_MORE) and words[0] != "estimate":  # estimate counts the model, it needs no weights
        with ONE_AT_A_TIME:
            check_only(script, words, trained)
        return
    folder.mkdir()
    if words[:1] == ["import-weights"]:
        words += make_published_files(folder, dict(word.split("=", 1) for word in words[1:]))
    for word in words if words[:1] != ["import-weights"] else ():
        key, _, value = word.partition("=")
        if key in FILES:
            FILES[key](trained, folder / value)
    if not any(word.startswith("--") for word in words):  # --help, --cfg: shown, not run
        words += small_words(place, script, words)
    place.call(*script, *words, cwd=folder, **environment)


def parse(command: str) -> tuple[dict[str, str], list[str], list[str]]:
    """`A=1 python train.py x=2` -> environment, script, and the words behind it."""
    words = shlex.split(command, comments=True)
    start = words.index("python") + 1
    environment = dict(word.split("=", 1) for word in words[: start - 1])
    if words[start] == "-m":
        return environment, words[start : start + 2], words[start + 2 :]
    return environment, [str(REPO / words[start])], words[start + 1 :]


def check_only(script: list[str], words: list[str], trained: Path) -> None:
    """What can be said about a command without running it."""
    register_schemas()
    name = Path(script[-1]).stem
    if words[0] in ("export-weights", "doctor"):
        with initialize_config_dir(str(CONFIG_DIR), version_base="1.3"):
            check_config(compose(words[0].replace("-", "_"), overrides=words[1:]))
        return
    assert name in ("train", "eval"), f"{script} {words} cannot be checked without running it"
    words = [f"checkpoint={trained}" if word.startswith("checkpoint=") else word for word in words]
    load_saved_run(words)
    with initialize_config_dir(str(CONFIG_DIR), version_base="1.3"):
        check_config(compose(name, overrides=words))


def small_words(place: Workplace, script: list[str], words: list[str]) -> list[str]:
    """Words behind those of the README, that make a training small; the last word on a setting counts."""
    if Path(script[-1]).name == "throughput.py":
        return ["rounds=1", "samples=2", "batch_size=2", "answer_tokens=2"]
    is_ablation, is_sweep = words[:1] == ["ablate"], words[:1] == ["sweep"]
    if Path(script[-1]).name != "train.py" and not is_ablation and not is_sweep:
        return []
    data = [] if "data=custom" in words else [*SIZES, *place.clips]
    logger = [] if any(word.startswith("logger") for word in words) else ["logger=csv"]
    fewer = ["count=2"] if is_sweep else ["seeds=[0]"] if any(word.startswith("seeds=") for word in words) else []
    return [*data, *logger, "trainer.max_epochs=1", *(["sets=T"] if is_ablation else []), *fewer]


def copy_run(trained: Path, path: Path) -> None:
    """A trained run where the command looks for one, or for a file or folder of it."""
    inner = next((part for part in (path, *path.parents) if part.name in ("checkpoints", "adapter")), None)
    run = inner.parent if inner else path
    if not run.exists():
        shutil.copytree(trained, run)


def make_annotations(trained: Path, path: Path) -> None:
    """An annotation file with its clips beside it."""
    assert path.suffix == ".csv", f"data.annotations={path.name}: teach tests/test_readme.py to make such a file"
    make_dataset(path, path.parent)


def make_media(trained: Path, path: Path) -> None:
    """The folder of those clips."""
    make_dataset(path.parent / "unused.csv", path)


def make_published_files(folder: Path, named: dict[str, str]) -> list[str]:
    """Files of the published kinds at a small size; the settings of that size."""
    sizes = Sizes()
    make_llama(folder / named["llama"], sizes)
    make_eva(folder / named["eva"], sizes)
    make_checkpoint(folder / named["checkpoint"], sizes)
    return sizes.overrides()


def make_predictions(trained: Path, path: Path) -> None:
    """Answers of another system."""
    path.write_text("name,emotion\nclip0,happy\nclip1,sad\n")


def make_truth(trained: Path, path: Path) -> None:
    """The labels of its clips."""
    path.write_text("name,label\nclip0,happy\nclip1,worried\n")


def copy_sweep(trained: Path, path: Path) -> None:
    """The repository's sweep of that name."""
    path.parent.mkdir()
    shutil.copy(REPO / "sweeps" / path.name, path)


FILES: dict[str, Callable[[Path, Path], object]] = {
    "checkpoint": copy_run,
    "run": copy_run,
    "init_from": copy_run,
    "data.annotations": make_annotations,
    "data.media": make_media,
    "answers": make_predictions,
    "truth": make_truth,
    "file": copy_sweep,
}
"""Setting -> makes the file or folder that a command names with it."""
