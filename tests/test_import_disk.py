"""`import-weights` on the disk: whole or not there, after failures, kills and repetitions; and the command."""

import json
from dataclasses import replace

import pytest
from published import SIZES, Files, make_published, run, tree
from weights_factory import make_checkpoint

from emolightning.__main__ import main
from emolightning.errors import UserError
from emolightning.files import staging
from emolightning.models.emotion_llama.upstream import importing


@pytest.fixture(scope="module")
def files(tmp_path_factory) -> Files:
    """For looking at only."""
    return make_published(tmp_path_factory.mktemp("published"))


@pytest.mark.parametrize("error", [KeyboardInterrupt, RuntimeError])
@pytest.mark.parametrize("place", ["write_tower", "write_adapter", "write_json"])
def test_a_failure_leaves_nothing(files, tmp_path, monkeypatch, error, place):
    original = getattr(importing, place)

    def fail(*arguments, **options):
        original(*arguments, **options)
        raise error("in the middle")

    monkeypatch.setattr(importing, place, fail)
    with pytest.raises(error):
        run(files, tmp_path / "out")
    assert list(tmp_path.iterdir()) == []


def test_a_full_disk_is_said(files, tmp_path, monkeypatch):
    def fail(*arguments, **options):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(importing, "write_adapter", fail)
    with pytest.raises(UserError, match="No space left"):
        run(files, tmp_path / "out")
    assert list(tmp_path.iterdir()) == []


def test_a_killed_import_does_not_look_complete_and_is_repeated(files, tmp_path, monkeypatch):
    def die(*arguments):
        raise SystemExit("killed")

    out = tmp_path / "out"
    with monkeypatch.context() as patch:
        patch.setattr(staging.shutil, "rmtree", lambda *arguments, **options: None)  # a kill takes nothing away
        patch.setattr(importing, "write_adapter", die)
        with pytest.raises(SystemExit):
            run(files, out)
    assert [path.name for path in out.iterdir()] == [".unfinished"]
    run(files, out)
    assert sorted(path.name for path in out.iterdir()) == ["adapter", "eva_clip_g", "import.json"]


def test_the_same_import_again_replaces_itself_and_another_is_refused(files, tmp_path, monkeypatch):
    out = tmp_path / "out"
    (out / "Llama-2-7b-chat-hf").mkdir(parents=True)
    run(files, out)
    before = tree(out)
    run(files, out)
    assert tree(out) == before
    with monkeypatch.context() as patch:
        patch.setattr(importing, "write_adapter", lambda *arguments: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            run(files, out)
    assert tree(out) == before
    other = make_checkpoint(tmp_path / "other.pth", replace(SIZES, seed=8))
    with pytest.raises(UserError, match="holds another import"):
        run({**files, "checkpoint": other}, out)
    (out / "import.json").unlink()
    with pytest.raises(UserError, match="without the import.json"):
        run(files, out)
    (out / "import.json").write_text("[]")
    with pytest.raises(UserError, match="holds another import"):
        run(files, out)


def test_two_imports_at_once_into_one_folder(files, tmp_path):
    with staging.staged(tmp_path / "out", last="x", label="out") as stage:
        with pytest.raises(UserError, match="another process is writing there"):
            run(files, tmp_path / "out")
        (stage / "x").mkdir()
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["x"]


def test_the_command(files, tmp_path, capsys):
    words = [f"{name}={path}" for name, path in files.items()] + [f"out={tmp_path}/out", *SIZES.overrides()]
    assert main(["import-weights", *words, "--dry-run"]) == 0
    printed = capsys.readouterr().out
    assert "nothing written (dry run)" in printed
    assert "LoRA rank: 4" in printed
    assert "likely stage 1" in printed
    assert not (tmp_path / "out").exists()
    assert main(["import-weights", *words]) == 0
    assert "187" not in capsys.readouterr().out
    content = json.loads((tmp_path / "out" / "adapter" / "emolightning.json").read_text())
    assert content["model"]["vision"]["path"] == f"{tmp_path}/out/eva_clip_g"
    assert content["epoch"] == 3
    with pytest.raises(SystemExit) as ended:
        main(["import-weights", *words, "model.lora.r=8"])
    assert ended.value.code == 1
    assert "say model.lora.r=4" in capsys.readouterr().err
