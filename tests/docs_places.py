"""Commands of the docs at a small size: the files that they name, and the words that make them small."""

import re
import shlex
import shutil
from collections.abc import Callable
from pathlib import Path
from urllib.parse import urlsplit

from media_factory import make_media as make_clip
from runs import REPO, Workplace, make_dataset
from serving_factory import fake
from weights_factory import Sizes, make_checkpoint, make_eva, make_llama

from emolightning.serving.app import create_app

SIZES = ("data.num_train=48", "data.num_val=12", "data.num_test=12", "data.batch_size=8")
"""The sizes of rendered benchmarks."""

BAD_ROWS = """video_name, emotion_label, transcription
synthetic_00000.mp4, happy, What a day
synthetic_00001.mp4, suprise, What a day
synthetic_00002.mp4, sad, We lost the match, again
synthetic_00003.mp4, worried,
interview_07.mp4, worried, He has not called
synthetic_00000.mp4, happy, What a day
../other/x.mp4, happy, What a day
synthetic_00004.mp4, sad, What a day
"""


def run_small(place: Workplace, trained: Path, command: str, folder: Path, *, fails: bool = False) -> str:
    """The output of one command, run in a new folder that has the files it names."""
    environment, script, words = parse(command)
    folder.mkdir()
    if words[:1] == ["import-weights"]:
        words += make_published_files(folder, dict(word.split("=", 1) for word in words[1:]))
    for word in words if words[:1] != ["import-weights"] else ():
        key, _, value = word.partition("=")
        if key in FILES:
            FILES[key](trained, folder / value)
    if not fails and not any(word.startswith("--") for word in words):  # --help, --cfg: shown, not run
        words += small_words(place, script, words)
    program = place.start(*script, *words, cwd=folder, **environment)
    assert program.wait() in ((1, 2) if fails else (0,)), program.description()
    return program.output()


def parse(command: str) -> tuple[dict[str, str], list[str], list[str]]:
    """`A=1 python train.py x=2` -> environment, script, and the words after it."""
    words = shlex.split(command, comments=True)
    assert "python" in words, f"`{command}` is in a block that is run, and is no program of this project"
    start = words.index("python") + 1
    environment = dict(word.split("=", 1) for word in words[: start - 1])
    if words[start] == "-m":
        return environment, words[start : start + 2], words[start + 2 :]
    return environment, [str(REPO / words[start])], words[start + 1 :]


def small_words(place: Workplace, script: list[str], words: list[str]) -> list[str]:
    """Words after those of the page that make a training small; the last word on a setting counts."""
    if Path(script[-1]).name == "throughput.py":
        return ["rounds=1", "samples=2", "batch_size=2", "answer_tokens=2"]
    is_ablation, is_sweep = words[:1] == ["ablate"], words[:1] == ["sweep"]
    if is_ablation and any(word.startswith("checkpoint=") for word in words):
        return []
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
    assert path.suffix == ".csv", f"data.annotations={path.name}: teach tests/docs_places.py to make such a file"
    if path.name == "bad.csv":
        path.write_text(BAD_ROWS, encoding="utf-8")
    else:
        make_dataset(path, path.parent)


def make_media(trained: Path, path: Path) -> None:
    """The folder of those clips, and of those of `bad.csv`."""
    make_dataset(path.parent / "unused.csv", path)
    if (path.parent / "bad.csv").exists():
        make_clip(path / "synthetic_00000.mp4", seconds=0.4)
        for number in range(1, 4):
            shutil.copy(path / "synthetic_00000.mp4", path / f"synthetic_0000{number}.mp4")
        (path / "synthetic_00004.mp4").touch()


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


def make_systems(trained: Path, path: Path) -> None:
    """Answers of two systems, of which the second is right about one clip more."""
    first, second = path.name.strip("[]").split(",")
    make_predictions(trained, path.with_name(first))
    path.with_name(second).write_text("name,emotion\nclip0,happy\nclip1,worried\n")


def make_truth(trained: Path, path: Path) -> None:
    """The labels of its clips."""
    path.write_text("name,label\nclip0,happy\nclip1,worried\n")


def copy_sweep(trained: Path, path: Path) -> None:
    """The repository's sweep of that name."""
    path.parent.mkdir()
    shutil.copy(REPO / "sweeps" / path.name, path)


def make_asked(trained: Path, path: Path) -> None:
    """What `predict` is asked about: a folder, one clip of it, or a table that names it."""
    folder = path if not path.suffix else path.parent if path.suffix == ".mp4" else path.parent / "my_clips"
    if not folder.is_dir() or not any(folder.glob("*.mp4")):
        make_dataset(path.parent / "unused.csv", folder)
    if path.suffix == ".csv":
        path.write_text("video,question,transcript\nmy_clips/clip0.mp4,,What a day.\nmy_clips/clip1.mp4,Glad?,\n")


FILES: dict[str, Callable[[Path, Path], object]] = {
    "checkpoint": copy_run,
    "run": copy_run,
    "init_from": copy_run,
    "data.annotations": make_annotations,
    "data.media": make_media,
    "media": make_asked,
    "answers": make_predictions,
    "runs": make_systems,
    "truth": make_truth,
    "file": copy_sweep,
}
"""Setting -> makes the file or folder that a command names with it."""


def problem_around(command: str) -> str:
    """What is wrong with a command that sets up a machine or starts a program elsewhere; empty if nothing is."""
    words = [word for word in shlex.split(command, comments=True) if not re.match(r"\w+=", word)]
    if words[:1] == ["make"]:
        targets = re.findall(r"^([a-z][\w-]*):", (REPO / "Makefile").read_text(), flags=re.MULTILINE)
        return "" if set(words[1:]) <= set(targets) else f"the Makefile has {targets}"
    if words[:2] == ["wandb", "sweep"] or words[:1] == ["pytest"]:
        files = [word for word in words[1:] if "/" in word and not word.startswith("-")]
        return "" if all((REPO / name).exists() for name in files) else f"no such file among {files}"
    if words[:2] == ["pip", "install"]:
        extras = set(re.findall(r"\[(\w+)\]", command))
        known = set(re.findall(r"^(\w+) = \[", (REPO / "pyproject.toml").read_text(), flags=re.MULTILINE))
        return "" if extras <= known else f"pyproject.toml has no extra {extras - known}"
    if words[:1] == ["curl"]:
        return _problem_of_request(words[1], re.findall(r"(?<=-F )\w+", command))
    if not words or command.startswith(SET_UP):
        return ""
    return "tests/docs_places.py does not know how to check it; teach it, or change the page"


def _problem_of_request(address: str, fields: list[str]) -> str:
    """What is wrong with a request to `emolightning serve`: its address, or a field of its form."""
    schema = create_app([fake()]).app.openapi()
    asked = schema["paths"].get(urlsplit(address).path, {}).get("post" if fields else "get")
    if asked is None:
        return f"{address}: serve has {sorted(schema['paths'])}"
    if not fields:
        return ""
    (form,) = asked["requestBody"]["content"].values()
    known = schema["components"]["schemas"][form["schema"]["$ref"].rpartition("/")[2]]["properties"]
    return "" if set(fields) <= set(known) else f"{address} has the fields {sorted(known)}"


SET_UP = (
    "cd ", "git clone", "python3 -m venv", "source ", "mkdir ", "pre-commit install", "wandb agent", "wandb sync",
    "wandb login", "emolightning --help", "emolightning chat",
)  # fmt: skip
"""Beginnings of commands that set up a machine, or need a server."""
