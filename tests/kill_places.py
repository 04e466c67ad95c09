"""Ends a small training and evaluation at each of its writes, and starts it again with the same command.

`python tests/kill_places.py ROOT SELECTION END` imports everything once and forks a child for each program. A place is
an audit event of Python below the run's folder: a file opened for writing, a rename, an unlink, a folder made or
removed; those that change nothing, as the unlink of a file that is not there, are none. END is what the hook does right
before it happens: `kill` sends SIGKILL, ENOSPC and EIO are raised as the system would. `ROOT/results.json` says of each
place what differs from the run that nobody ended; nothing, if all is well.

The configuration of the training is composed once. Where a training is ended behind the preparation of its data, the
cache is that of the whole run; where its weights end the same, its answers are not asked for again.
"""

import errno
import json
import os
import re
import shutil
import signal
import sys
import traceback
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from hydra import compose, initialize_config_dir
from runs import REPO, answers, file_hashes, history, read_json
from warm_server import IMPORTED, exit_code

from emolightning.config.places import CONFIG_DIR
from emolightning.config.schema import register_schemas
from emolightning.errors import UserError

EVENTS = ("open", "os.rename", "os.remove", "os.mkdir", "os.rmdir", "os.truncate", "os.link")
"""Of Python's audit hooks; `os.replace` is a rename, `unlink` a remove."""

WRITES = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND

RUN = (
    *("experiment=smoke", "data.num_train=12", "data.num_val=6", "data.num_test=6", "data.batch_size=6"),
    *("trainer.max_epochs=2", "trainer.log_every_n_steps=1", "trainer.enable_progress_bar=false"),
    *("checkpoints.every_num_steps=1", "~callbacks.progress", "logger=csv", "features.num_workers=1"),
)
"""Two steps and a validation, twice."""

TELLING = (
    "train os.rename cache/*/signal-1-speech/.vectors.jsonl.tmp",
    "train os.rename run/.config.yaml.tmp",
    "train open run/metrics.csv",
    "train os.rename run/checkpoints/.last.ckpt.tmp",
    "train os.rename run/adapter/.unfinished/emolightning.json",
    "eval os.rename run/.metrics.json.tmp",
)
"""One of each kind of file: the second time that each happens, where there is one."""

FEW = (TELLING[3], TELLING[5])
"""Places for the default tests: a checkpoint, the scores. Caches that are killed while written: test_extract.py."""


@dataclass(frozen=True)
class Place:
    """One write of a program."""

    program: str
    kind: str
    """Event and path below the folder of the run, the same for all clips."""
    number: int
    """How many of this kind come before it."""

    @property
    def is_of_run(self) -> bool:
        """Or else of the cache."""
        return self.kind.partition(" ")[2].startswith("run")


def kind_of(event: str, path: str) -> str:
    """Without names of clips, of processes and of the folder of the media."""
    path = re.sub(r"[^/]+\.npy", "*.npy", re.sub(r"\.\d+\.tmp$", ".tmp", path))
    path = re.sub(r"\.part-\d+-[0-9a-f]+", ".part-*", path)
    return f"{event} {re.sub(r'^cache/[^/]+/', 'cache/*/', path)}"


class Writes:
    """An audit hook that counts the writes below a folder, by kind.

    Args:
        folder: with run and cache.
        then: called with kind and number, before the write happens.
    """

    def __init__(self, folder: Path, then: Callable[[str, int], None]):
        self.folder = f"{folder}/"
        self.then = then
        self.numbers: Counter[str] = Counter()

    def __call__(self, event: str, args: tuple[Any, ...]) -> None:
        """For `sys.addaudithook`."""
        if event not in EVENTS or not (path := str(args[0])).startswith(self.folder):
            return
        if event == "open" and not self._is_for_writing(*args[1:3]):
            return
        # A folder that is there, and a file that is not there any more.
        if os.path.isdir(path) if event in ("open", "os.mkdir") else not os.path.exists(path):
            return
        kind = kind_of(event, path.removeprefix(self.folder))
        self.numbers[kind] += 1
        self.then(kind, self.numbers[kind] - 1)

    @staticmethod
    def _is_for_writing(mode: str | None, flags: int) -> bool:
        return bool(set(mode) & set("wax+")) if isinstance(mode, str) else bool(flags & WRITES)


class Trials:
    """Programs in folders of their own below `root`.

    Args:
        root: of everything.
        end: `kill`, or the name of an error number.
    """

    def __init__(self, root: Path, end: str):
        self.root = root
        self.end = end
        self.whole = root / "whole"
        """Trained and evaluated; `trained` is the same before its evaluation."""
        register_schemas()
        with initialize_config_dir(str(CONFIG_DIR), version_base="1.3"):
            self.cfg = compose("train", overrides=[*RUN, f"data.folder={root}/clips", "resume=auto"])

    def train(self, folder: Path) -> int:
        """The training; exit code."""
        from in_process import fit

        cfg = self.cfg.copy()
        cfg.data.cache, cfg.output_dir = f"{folder}/cache", f"{folder}/run"
        try:
            fit(cfg)
        except UserError as error:
            print(f"error: {error}", flush=True)
            return 1
        except BaseException:
            traceback.print_exc()
            return 2
        return 0

    def call(self, program: str, folder: Path, then: Callable[[str, int], None] | None = None) -> int:
        """Exit code of the training or of eval.py, forked; `then` is told of its writes."""
        folder.mkdir(exist_ok=True)
        pid = os.fork()
        if pid == 0:
            with (folder / f"{program}.log").open("ab", buffering=0) as log:
                os.dup2(log.fileno(), 1)
                os.dup2(log.fileno(), 2)
            os.chdir(folder)
            if then is not None:
                sys.addaudithook(Writes(folder, then))
            words = [str(REPO / "eval.py"), f"checkpoint={folder}/run", f"data.cache={folder}/cache"]
            os._exit(self.train(folder) if program == "train" else exit_code(words))
        return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])

    def record(self) -> list[Place]:
        """Run both programs once, and note their writes."""
        places = []
        for program in ("train", "eval"):
            notes = os.open(self.root / f"{program}.places", os.O_WRONLY | os.O_CREAT)

            def note(kind: str, number: int, notes: int = notes) -> None:
                os.write(notes, json.dumps([kind, number]).encode() + b"\n")

            code = self.call(program, self.whole, note)
            assert code == 0, (self.whole / f"{program}.log").read_text()
            lines = (self.root / f"{program}.places").read_text().splitlines()
            places += [Place(program, *json.loads(line)) for line in lines]
            if program == "train":
                shutil.copytree(self.whole, self.root / "trained")
        return places

    def try_out(self, place: Place, name: str) -> list[str]:
        """Kill a program at a place and start it again; what differs from the whole run."""
        folder = self.root / name
        if place.program == "eval":
            shutil.copytree(self.root / "trained", folder)
        elif place.is_of_run:
            shutil.copytree(self.root / "trained" / "cache", folder / "cache")

        def act(kind: str, number: int) -> None:
            if (kind, number) != (place.kind, place.number):
                return
            if self.end == "kill":
                os.kill(os.getpid(), signal.SIGKILL)
            number = getattr(errno, self.end)
            raise OSError(number, os.strerror(number), f"{folder}/{kind.partition(' ')[2]}")

        code = self.call(place.program, folder, act)
        if unlike := self._unlike(code, (folder / f"{place.program}.log").read_text(errors="replace")):
            return [unlike]
        if code := self.call(place.program, folder):
            log = (folder / f"{place.program}.log").read_text(errors="replace")
            return [f"started again it ends with {code}: {log[-1500:]}"]
        found = differences((self.root / "trained" if place.program == "train" else self.whole) / "run", folder / "run")
        if not found:
            shutil.rmtree(folder)
        return found

    def _unlike(self, code: int, log: str) -> str | None:
        """What is wrong with the end itself: a refusal is one sentence that names the reason."""
        if self.end == "kill":
            return None if code == -signal.SIGKILL else f"was not killed: exit code {code}"
        said = [line for line in log.splitlines() if line.startswith("error: ")]
        reason = os.strerror(getattr(errno, self.end))
        is_one = code == 1 and len(said) == 1 and reason in said[0] and "Traceback" not in log
        return None if is_one else f"exit code {code}, {log[-1500:]}"


def differences(whole: Path, run: Path) -> list[str]:
    """What is not as in the run that nobody killed; bytes, but for times and speeds."""
    root = re.escape(str(whole.parent.parent))
    pairs: dict[str, Callable[[Path], Any]] = {
        "adapter": lambda folder: file_hashes(folder / "adapter"),
        "metrics.csv": history,
        "config.yaml": lambda folder: re.sub(f"{root}/[^/\n]+", "", (folder / "config.yaml").read_text()),
        "status": lambda folder: read_json(folder / "lineage.json")["status"],
        "files": lambda folder: sorted(str(path.relative_to(folder)) for path in folder.rglob("*")),
    }
    if (whole / "answers.jsonl").exists():
        pairs |= {"answers.jsonl": answers, "metrics.json": lambda folder: read_json(folder / "metrics.json")}
    return [
        f"{name}: {read(whole)!r:.2000} in the whole run, {read(run)!r:.2000} in the other"
        for name, read in pairs.items()
        if read(whole) != read(run)
    ]


def selected(places: Sequence[Place], selection: str) -> list[Place]:
    """`all`: every write below run/, of the caches the first and last of a kind; or TELLING, or FEW."""
    kinds: dict[str, list[Place]] = {}
    for place in places:
        kinds.setdefault(f"{place.program} {place.kind}", []).append(place)
    if selection != "all":
        chosen = {"telling": TELLING, "few": FEW}[selection]
        return [kinds[kind][min(1, len(kinds[kind]) - 1)] for kind in chosen]
    ends = {place for members in kinds.values() for place in (members[0], members[-1])}
    return [place for place in places if place.is_of_run or place in ends]


def main(root: Path, selection: str, end: str) -> None:
    """Record, kill, compare; write the results."""
    for name in IMPORTED:
        __import__(name)
    from emolightning.data.stores import cache

    cache.IN_PROCESS = 10**9  # A pool starts processes, which takes longer than all the rest.
    trials = Trials(root, end)
    places = trials.record()
    if end != "kill":
        places = [place for place in places if place.kind.startswith(("open", "os.rename", "os.mkdir"))]
    results = []
    for number, place in enumerate(selected(places, selection)):
        found = trials.try_out(place, f"{place.program}-{number:03}")
        results.append({**asdict(place), "differences": found})
        print(place.program, place.kind, place.number, found or "equal", flush=True)
        (root / "results.json").write_text(json.dumps({"writes": len(places), "places": results}, indent=1))


if __name__ == "__main__":
    main(Path(sys.argv[1]), *sys.argv[2:])
