"""Files are there whole or not at all: after exceptions, refusals of the system and kills."""

import ast
import errno
import os
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from model_factory import make_model

from emolightning.data.stores.cache import Outcome, compute_missing
from emolightning.files.writing import CannotWrite, write_whole, written_whole
from emolightning.models.parts import adapter
from emolightning.models.parts.adapter import save_adapter
from emolightning.records.clips import Clip

REPO = Path(__file__).resolve().parents[1]

IN_PLACE = {
    "emolightning/data/media/sending.py": "a sound in memory",
    "emolightning/data/stores/cache.py": "a worker's last words, to nowhere",
    "emolightning/data/stores/vectors.py": "in the part of its process, then renamed",
    "emolightning/data/stores/records.py": "into the place that written_whole gives",
    "emolightning/data/stores/converting.py": "into the place that written_whole gives; folders inside of a stage",
    "emolightning/runs/transcripts.py": "what written_whole gives, and lines of checksums: a half one means none",
    "emolightning/serving/uploads.py": "a request's temporary file, removed with its folder",
    "emolightning/runs/answers.py": "appended line by line, a half line is cut off; whole files by written_whole",
    "emolightning/runs/prediction_file.py": "appended line by line, a half line is cut off; whole by written_whole",
    "emolightning/prompt/asking/cache.py": "appended line by line, a half line is passed over",
    "emolightning/models/parts/adapter.py": "inside of a stage",
    "emolightning/models/parts/safetensors_files.py": "inside of a stage",
    "emolightning/runs/processes.py": "a log, appended by the program itself",
    "emolightning/training/loggers/csv_log.py": "appended row by row, a half row is cut off",
    "emolightning/training/checkpoints/checkpoint_io.py": "into the place that written_whole gives",
    "emolightning/runs/variants/evaluating.py": "a log, appended by the evaluation itself",
    "emolightning/scoring/hand_check.py": "into the place that written_whole gives",
    "emolightning/runs/merbench_run.py": "into the place that written_whole gives",
    "emolightning/runs/members.py": "into the place that written_whole gives",
    "emolightning/runs/report/figure_files.py": "into the place that written_whole gives",
    "emolightning/runs/sweep/results.py": "into the place that written_whole gives",
    "emolightning/models/affectgpt/upstream.py": "inside of a stage, or into the place that written_whole gives",
    "emolightning/models/emotion_llama/upstream/base.py": "inside of a stage",
    "emolightning/models/emotion_llama/upstream/exporting.py": "into the place that written_whole gives",
    "emolightning/models/emotion_llama/upstream/writing.py": "inside of a stage",
    "emolightning/runs/wandb_media.py": "in a folder that is gone when the table is sent",
    "emolightning/files/writing.py": "this is written_whole",
}
"""Files that open something for writing themselves, and why that leaves no half file."""

WRITERS = ("write_text", "write_bytes", "save_file", "copyfile", "copytree")


def writers(path: Path) -> Iterator[int]:
    """Lines on which a file is written: by an `open` with such a mode, or by a call that does nothing else."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if not isinstance(node, ast.Call):
            continue
        function = node.func
        name = function.attr if isinstance(function, ast.Attribute) else getattr(function, "id", "")
        whose = ast.unparse(function.value) if isinstance(function, ast.Attribute) else ""
        modes = [
            word.value for word in ast.walk(node) if isinstance(word, ast.Constant) and isinstance(word.value, str)
        ]
        is_opened = name == "open" and any(set(mode) <= set("rwabx+t") and set(mode) & set("wax+") for mode in modes)
        is_saved = name == "save" and whose in ("torch", "np", "OmegaConf")
        if whose != "av" and (name in WRITERS or is_opened or is_saved):
            yield node.lineno


def test_nothing_is_written_in_place() -> None:
    files = [*(REPO / "emolightning").rglob("*.py"), *(REPO / "callbacks").glob("*.py")]
    found = {str(path.relative_to(REPO)) for path in files if any(writers(path))}
    assert found == set(IN_PLACE), "write with emolightning.files.writing.written_whole, or say above why not"


@pytest.mark.parametrize(
    ("error", "raised", "said"),
    [
        (ZeroDivisionError("sum"), ZeroDivisionError, "sum"),
        (OSError(errno.ENOSPC, "x"), CannotWrite, r"a\.json: cannot be written: No space left"),
        (KeyboardInterrupt("told"), KeyboardInterrupt, "told"),
    ],
)
def test_a_block_that_fails_leaves_the_file_as_it_was(
    error: BaseException, raised: type[BaseException], said: str, tmp_path: Path
) -> None:
    def write(text: str, *, fails: bool) -> None:
        with written_whole(tmp_path / "below" / "a.json") as place:
            place.write_text(text)
            if fails:
                raise error

    write("one", fails=False)
    with pytest.raises(raised, match=said):
        write("tw", fails=True)
    (file,) = (tmp_path / "below").iterdir()
    assert (file.name, file.read_text()) == ("a.json", "one")


@pytest.mark.parametrize("refused", ["fsync", "replace"])
def test_a_disk_that_refuses_late(refused: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Some file systems take everything, and say only when it has to be on the disk that there is no room."""

    def full(*args: object) -> None:
        raise OSError(errno.EIO, "x")

    write_whole(tmp_path / "config.yaml", "a: 1\n")
    monkeypatch.setattr(os, refused, full)
    with pytest.raises(CannotWrite, match=r"config\.yaml: cannot be written: Input/output error"):
        write_whole(tmp_path / "config.yaml", "a: 2\n")
    assert (tmp_path / "config.yaml").read_text() == "a: 1\n"
    assert [path.name for path in tmp_path.iterdir()] == ["config.yaml"]


def test_an_adapter_is_replaced_as_a_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    model = make_model()
    save_adapter(model, tmp_path, {"labels": ["a"]})
    (tmp_path / "notes.txt").write_text("mine")
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    for parameter in model.projections.parameters():
        parameter.data += 1

    def full(*args: object) -> None:
        raise OSError(errno.ENOSPC, "x")

    with monkeypatch.context() as patch:
        patch.setattr(adapter, "save_file", full)
        with pytest.raises(CannotWrite, match="No space left on device; nothing was kept"):
            save_adapter(model, tmp_path, {"labels": ["b"]})
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == before
    save_adapter(model, tmp_path, {"labels": ["b"]})
    after = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    assert after.keys() == before.keys()
    changed = {name for name in after if after[name] != before[name]}
    assert changed == {"projections.safetensors", "emolightning.json", "README.md"}


def test_a_killed_pass_over_the_clips_keeps_what_was_done(tmp_path: Path) -> None:
    clips = [Clip(f"c{number}", tmp_path / f"c{number}.mp4") for number in range(6)]
    asked: list[str] = []

    def compute(clip: Clip, names: tuple[str, ...], *, last: str | None = None) -> Outcome:
        if clip.id == last:
            os._exit(9)
        asked.append(clip.id)
        return Outcome({name: np.full(3, int(clip.id[1:])) for name in names})

    folders = {"face": tmp_path / "face", "motion": tmp_path / "motion"}
    child = os.fork()
    if child == 0:
        compute_missing(clips, folders, lambda *args: compute(*args, last="c4"), title="", num_workers=1)
        os._exit(0)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 9
    compute_missing(clips, folders, compute, title="", num_workers=1)
    assert asked == ["c4", "c5"]
    assert [int(np.load(folders["motion"] / f"c{number}.npy")[0]) for number in range(6)] == list(range(6))
