"""`emolightning predict`: what is asked about, what is written, what a second call skips, tries again and refuses."""

import csv
import io
import json
import os
import shutil
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from media_factory import make_media
from predict_factory import make_clips, make_run
from runs import Workplace

from emolightning.__main__ import main
from emolightning.data.media.windows import seconds_of, windows
from emolightning.data.readers.asked_media import items_of
from emolightning.errors import InputErrors, UserError
from emolightning.runs import prediction_file
from emolightning.runs.predict import Request
from emolightning.runs.predict import predict as answer
from emolightning.runs.predicting import Predictor
from emolightning.runs.prediction_file import BrokenOutput, PredictionFile
from emolightning.runs.prediction_lines import Format, request_hash, table_row

Lines = list[dict[str, Any]]


@pytest.fixture(scope="module")
def clips(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("clips")
    make_clips(folder)
    return folder


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory, clips: Path) -> Path:
    return make_run(tmp_path_factory.mktemp("run") / "adapter", clips / "clip0.mp4")


def code_of(*words: object) -> int:
    try:
        return main(["predict", *map(str, words)])
    except SystemExit as ended:
        return int(ended.code or 0)


def ask(run: Path, media: object, out: Path, *more: object) -> int:
    small = ("evaluation.max_new_tokens=2", "num_workers=0", "device=cpu")
    return code_of(f"checkpoint={run}", f"media={media}", f"out={out}", *small, *more)


def read(out: Path) -> Lines:
    return [json.loads(line) for line in out.read_text(encoding="utf-8").splitlines()]


def without_time(lines: Lines) -> Lines:
    return [{name: value for name, value in line.items() if name != "duration_ms"} for line in lines]


def test_a_folder_and_a_file(run: Path, clips: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "answers.jsonl"
    assert ask(run, clips, out) == 0
    assert "3 answered" in capsys.readouterr().out
    lines = read(out)
    assert [line["id"] for line in lines] == ["clip0", "clip1", "clip2"]
    for line in lines:
        assert line["status"] == "success"
        assert sum(line["probabilities"].values()) == pytest.approx(1)
        assert line["inputs"]["transcript"] == "missing: no transcript was given"
    before = out.read_bytes()
    assert ask(run, clips, out) == 0
    assert "0 answered, 3 had an answer before" in capsys.readouterr().out
    assert out.read_bytes() == before
    one = tmp_path / "one.jsonl"
    assert ask(run, clips / "clip1.mp4", one) == 0
    assert read(one)[0]["probabilities"] == pytest.approx(lines[1]["probabilities"], abs=1e-5)
    pattern = tmp_path / "pattern.jsonl"
    assert ask(run, f"'{clips}/*[01].mp4'", pattern) == 0
    assert [line["id"] for line in read(pattern)] == ["clip0", "clip1"]


def table(path: Path, rows: Lines) -> Path:
    if path.suffix == ".jsonl":
        path.write_text("".join(json.dumps(row) + "\n" for row in rows))
        return path
    with path.open("w", newline="", encoding="utf-8-sig") as file:
        out = csv.DictWriter(file, list(rows[0]))
        out.writeheader()
        out.writerows(rows)
    return path


@pytest.mark.parametrize("suffix", [".csv", ".jsonl"])
def test_a_table_with_questions_and_transcripts(run: Path, clips: Path, tmp_path: Path, suffix: str) -> None:
    shutil.copytree(clips, tmp_path / "media")
    rows = [
        {"video": "media/clip0.mp4", "id": "a", "question": "Glad?", "transcript": "Hm, well."},
        {"video": "media/clip1.mp4", "id": "", "question": "", "transcript": ""},
        {"video": "media/gone.mp4", "id": "c", "question": "", "transcript": "x"},
    ]
    rows = [{k: v for k, v in row.items() if v} for row in rows] if suffix == ".jsonl" else rows
    out = tmp_path / "out.jsonl"
    assert ask(run, table(tmp_path / f"items{suffix}", rows), out, "question='Sad?'") == 1
    first, second, third = read(out)
    assert (first["question"], first["inputs"]["transcript"]) == ("Glad?", "used")
    assert (second["id"], second["question"]) == ("media/clip1.mp4", "Sad?")
    assert second["inputs"]["transcript"].startswith("missing" if suffix == ".jsonl" else "used")
    assert (third["status"], third["error"]["kind"], third["text"]) == ("error", "no media file", None)
    shutil.copy(clips / "clip2.mp4", tmp_path / "media" / "gone.mp4")  # An error is tried again.
    assert ask(run, tmp_path / f"items{suffix}", out, "question='Sad?'") == 0
    assert [line["status"] for line in read(out)] == ["success"] * 3


def edit_line(out: Path) -> None:
    first, second, *rest = out.read_text().splitlines(keepends=True)
    out.write_text("".join([first, second.replace('"success"', 'success"'), *rest]))


def add_half_line(out: Path) -> None:
    with out.open("a") as file:
        file.write('{"id":"clip9","sta')


def drop_newline(out: Path) -> None:
    out.write_text(out.read_text().removesuffix("\n"))


def change_file(out: Path) -> None:
    make_media(out.parent / "media" / "clip1.mp4", seconds=0.6, loudness=(0.9, 0.1))


def change_nothing(out: Path) -> None:
    assert out.exists()


def remove_clip(out: Path) -> None:
    (out.parent / "media" / "clip2.mp4").unlink()


def add_clip(out: Path) -> None:
    make_media(out.parent / "media" / "clip3.mp4", seconds=0.4)


RULES = [
    ("same items and settings are skipped", change_nothing, (), 0, ""),
    ("a changed question is a conflict", change_nothing, ("question='Why?'",), 2, "clip0: question"),
    ("a changed file is a conflict", change_file, (), 2, "clip1: the content of its file"),
    ("a changed setting is a conflict", change_nothing, ("inputs.image=false",), 2, "clip0: the model or its settings"),
    ("another way of generating is a conflict", change_nothing, ("evaluation.num_beams=2",), 2, "clip2: the model"),
    ("another task is a conflict", change_nothing, ("prompt.task=reason",), 2, "clip0: question"),
    ("an answer about no item is a conflict", remove_clip, (), 2, "clip2: was answered before and is not among"),
    ("a new item is answered", add_clip, (), 0, ""),
    ("another device or batch is none", change_nothing, ("batch_size=1", "device=auto"), 0, ""),
    ("half a last line is redone", add_half_line, (), 0, ""),
    ("a whole last line is kept", drop_newline, (), 0, ""),
    ("another broken line ends it", edit_line, (), 4, "line 2"),
    ("overwrite begins anew", change_file, ("overwrite=true",), 0, ""),
]
"""Change of the file, words of the second call, exit code, what is said: as in upstream's batch inference."""


OF_EVERY_FORM = ("a changed file is a conflict", "a new item is answered", "half a last line is redone")
"""Rules that each form is held to always; JSON lines to all of them, the other forms to the rest by the slow tests."""


@pytest.mark.parametrize(
    ("change", "words", "code", "said", "form"),
    [
        pytest.param(
            *(*rule, form),
            id=f"{name}-{form}",
            marks=() if form == "jsonl" or name in OF_EVERY_FORM else pytest.mark.slow,
        )
        for name, *rule in RULES
        for form in ("jsonl", "upstream", "csv")
    ],
)
def test_rules(
    change: Callable[[Path], None],
    words: tuple[str, ...],
    code: int,
    said: str,
    form: str,
    tmp_path: Path,
    answered: dict[str, Path],
    run: Path,
    opened: None,
    capsys: pytest.CaptureFixture[str],
) -> None:
    if form == "csv" and change in (edit_line, drop_newline):
        pytest.skip("of lines that are JSON")
    shutil.copytree(answered[form], tmp_path, dirs_exist_ok=True)
    media, out = tmp_path / "media", tmp_path / "out"
    lines = out.read_text().replace(str(answered[form]), str(tmp_path))  # Upstream's lines hold where files are.
    out.write_text(lines)
    rehash(out, form, media)
    before = out.read_text()
    change(out)
    if form == "csv" and change is add_half_line:
        out.write_text(before + "clip9,suc")
    assert ask(run, media, out, f"format={form}", *words) == code
    assert said in capsys.readouterr().err
    if code in (2, 4):
        assert out.read_text().startswith(before[:20])
    elif change in (change_nothing, add_half_line, drop_newline) and "overwrite=true" not in words:
        assert out.read_text() == before


def rehash(out: Path, form: str, media: Path) -> None:
    """Write the hashes of questions anew, for the folder is another one now."""
    items = {item.clip.id: item for item in items_of(str(media))}
    text = out.read_text()
    file = PredictionFile(out, form)  # type: ignore[arg-type]
    for name, record in file.known.items():
        question = record["prompt"] if form == "upstream" else USUAL[0]
        text = text.replace(record["request"], request_hash(items[name], question))
    file.close()
    out.write_text(text)


USUAL: list[str] = []


@pytest.fixture(scope="module")
def answered(run: Path, clips: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Format -> a folder with clips and their answers."""
    found = {}
    for form in ("jsonl", "upstream", "csv"):
        found[form] = tmp_path_factory.mktemp(form)
        shutil.copytree(clips, found[form] / "media")
        assert ask(run, found[form] / "media", found[form] / "out", f"format={form}") == 0
    USUAL[:] = [read(found["jsonl"] / "out")[0]["question"]]
    return found


@pytest.fixture
def opened(monkeypatch: pytest.MonkeyPatch) -> None:
    """A model that was built is built again in no time."""
    from emolightning.runs import assembly_of_clips as assembly

    known: dict[str, Any] = {}
    filled = assembly._filled

    def remembered(*given: Any) -> Any:
        return known.get("model") or known.setdefault("model", filled(*given))

    monkeypatch.setattr(assembly, "_filled", remembered)


def test_upstream_s_hash() -> None:
    """The value that its documentation's example gives."""
    from emolightning.data.readers.asked_media import Item
    from emolightning.records.clips import Clip

    item = Item(Clip("sample-001", Path("/data/videos/clip 01.mp4")), None, "clip 01.mp4", "csv", "x.csv", 1)
    expected = "sha256:3973ce21e873f76208b45e52640496be6b1b6b874ec738352155526f030c76cd"
    assert request_hash(item, "What emotion is expressed, and why?") == expected


def test_upstream_s_lines(answered: dict[str, Path]) -> None:
    lines = read(answered["upstream"] / "out")
    assert list(lines[0]) == [
        *("schema_version", "run_fingerprint", "request_hash", "video_fingerprint", "id", "video", "resolved_video"),
        *("prompt", "source", "status", "answer", "error", "duration_ms"),
    ]
    assert lines[1]["source"] == {"mode": "directory", "input": str(answered["upstream"] / "media"), "record": 2}


def test_a_table_of_answers(answered: dict[str, Path]) -> None:
    with (answered["csv"] / "out").open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    lines = read(answered["jsonl"] / "out")
    assert [row["id"] for row in rows] == [line["id"] for line in lines]
    assert [float(row["p_happy"]) for row in rows] == [line["probabilities"]["happy"] for line in lines]


def test_cells_that_a_spreadsheet_would_compute_are_defused(tmp_path: Path) -> None:
    row = table_row(["=1+1", "a\nb\r\nc", "-x", None, 3.5])
    assert row == "'=1+1,a b c,'-x,,3.5\n"
    assert list(csv.reader([row])) == [["'=1+1", "a b c", "'-x", "", "3.5"]]


@pytest.mark.parametrize("form", ["csv", "jsonl"])
def test_a_long_question_is_read_again(form: Format, tmp_path: Path) -> None:
    facts = {"id": "x", "status": "success", "request": "r", "media": "m", "settings": "s", "label": "happy"}
    said = {"probabilities": {"happy": 1.0}, "text": "happy", "question": "why " * 50_000, "inputs": {}, "error": None}
    for _ in range(2):
        file = PredictionFile(tmp_path / "out", form)
        file.labels = ("happy",)
        if not file.known:
            file.append([{**facts, **said, "video": "x.mp4"}])
        file.close()
    assert list(file.known) == ["x"]


def test_another_process_is_kept_out(
    run: Path, clips: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    held = PredictionFile(tmp_path / "out.jsonl", "jsonl")
    try:
        assert ask(run, clips, tmp_path / "out.jsonl") == 4
    finally:
        held.close()
    assert "another process" in capsys.readouterr().err
    first = PredictionFile(tmp_path / "out.jsonl", "jsonl", rank=0, world_size=2)
    second = PredictionFile(tmp_path / "out.jsonl", "jsonl", rank=1, world_size=2)
    with pytest.raises(prediction_file.BrokenOutput):
        PredictionFile(tmp_path / "out.jsonl", "jsonl", rank=1, world_size=2)
    with pytest.raises(prediction_file.BrokenOutput):
        PredictionFile(tmp_path / "out.jsonl", "jsonl")
    first.close()
    second.close()
    PredictionFile(tmp_path / "out.jsonl", "jsonl").close()


def test_processes_share_the_work(
    run: Path, clips: Path, tmp_path: Path, opened: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And a call of one goes on from what two have left, and the other way round."""
    whole, out = tmp_path / "whole.jsonl", tmp_path / "out.jsonl"
    assert ask(run, clips, whole) == 0
    other = PredictionFile(out, "jsonl", rank=0, world_size=2)  # Rank 0 is still at work.
    monkeypatch.setenv("WORLD_SIZE", "2")
    monkeypatch.setenv("RANK", "1")
    assert ask(run, clips, out) == 0
    assert not out.exists()
    other.close()
    monkeypatch.setenv("RANK", "0")
    assert ask(run, clips, out) == 0
    assert [line["id"] for line in read(out)] == ["clip0", "clip1", "clip2"]
    expected = without_time(read(whole))
    for ours, theirs in zip(without_time(read(out)), expected, strict=True):
        assert ours["probabilities"] == pytest.approx(theirs.pop("probabilities"), abs=1e-5)
        assert {k: v for k, v in ours.items() if k != "probabilities"} == theirs
    assert sorted(path.name for path in tmp_path.glob(".out*[0-9]")) == []


def test_exit_codes(
    run: Path, clips: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "out.jsonl"
    broken = tmp_path / "broken"
    shutil.copytree(run, broken)
    (broken / "projections.safetensors").write_bytes(b"x")
    bad = table(tmp_path / "bad.csv", [{"video": "a.mp4", "id": "x"}, {"video": "b.mp4", "id": "x"}])
    for place, media, more, code, said in (
        (run, tmp_path / "no.mp4", (), 2, "no such file or folder"),
        (run, clips, ("windo=5s",), 2, "did you mean window"),
        (run, clips, ("window=5", "step=0s"), 2, "number of seconds"),
        (run, clips, ("step=1s",), 2, "say window=5s"),
        (run, clips, ("format=xml",), 2, "upstream"),
        (run, clips, ("prompt.task=x",), 2, "reason"),
        (run, bad, (), 2, "2 items have this id"),
        (tmp_path / "nothing", clips, (), 2, "no such file or folder"),
        (broken, clips, (), 3, "projections.safetensors"),
    ):
        assert ask(place, media, out, *more) == code, capsys.readouterr()
        assert said in capsys.readouterr().err
    (tmp_path / "file").write_text("")
    assert ask(run, clips, tmp_path / "file" / "out.jsonl") == 4
    assert "cannot be written" in capsys.readouterr().err


def test_a_full_memory_is_written_and_ends_it(
    run: Path, clips: Path, tmp_path: Path, opened: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    import torch

    def full(*args: object) -> None:
        raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2 GiB")

    monkeypatch.setattr(Predictor, "_answer", full)
    assert ask(run, clips, tmp_path / "out.jsonl") == 3
    (line,) = read(tmp_path / "out.jsonl")
    assert (line["id"], line["error"]["kind"]) == ("clip0", "out of memory")


@pytest.mark.parametrize(
    ("form", "content"),
    [
        ("csv", b"video,transcript\na.mp4,hm"),
        ("csv", b"a,b,c,d,e\n1,2,3,4,5\n1,2"),
        ("csv", b"video"),
        ("jsonl", b"precious"),
        ("jsonl", b'{"id":"a","video":"a.mp4"}'),
        ("jsonl", b"\x00\x00\x00 ftypisom\n\xa1\n\x07"),
        ("upstream", b'{"id":"a","status":"success"}\n{"id'),
    ],
)
def test_a_file_of_something_else_is_left_as_it_is(form: Format, content: bytes, tmp_path: Path) -> None:
    out = tmp_path / "out"
    out.write_bytes(content)
    with pytest.raises(BrokenOutput, match="nothing is written there"):
        PredictionFile(out, form)
    assert out.read_bytes() == content


def test_what_is_asked_about_is_not_written_over(clips: Path, tmp_path: Path) -> None:
    asked = table(tmp_path / "asked.csv", [{"video": str(clips / "clip0.mp4")}])
    for media, out in ((asked, asked), (asked, clips / "clip0.mp4"), (clips, clips / ".." / clips.name / "clip1.mp4")):
        before = out.read_bytes()
        request = Request(items_of(str(media)), None, "emotion", out, "jsonl", overwrite=True)
        with pytest.raises(UserError, match="which is asked about"):
            answer(request, pytest.fail)
        assert out.read_bytes() == before


def test_pipes_devices_and_impossible_names_are_not_read(run: Path, clips: Path, tmp_path: Path, opened: None) -> None:
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "loop").symlink_to("loop")
    names = ["pipe", "/dev/zero", "a" * 300, "loop", str(clips), str(clips / "clip0.mp4")]
    asked = table(tmp_path / "asked.jsonl", [{"video": name} for name in names])
    assert ask(run, asked, tmp_path / "out") == 1
    *failed, good = read(tmp_path / "out")
    assert good["status"] == "success"
    assert [line["error"]["reason"].rpartition(": ")[2] for line in failed] == [
        *["is no file, but a folder or a device"] * 2,
        *["no such file"] * 2,
        "is no file, but a folder or a device",
    ]


def test_a_file_is_read_once_however_many_its_pieces(clips: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from emolightning.runs import predict

    hashed: list[Path] = []
    hash_of = predict.file_hash

    def noted(path: Path) -> str | None:
        hashed.append(path)
        return hash_of(path)

    monkeypatch.setattr(predict, "file_hash", noted)
    (item,) = items_of(str(clips / "clip0.mp4"))
    media = predict.MediaFiles([item] * 5)
    assert not any(media.has_changed(item.clip.video) for _ in range(5))
    os.utime(item.clip.video)
    assert not media.has_changed(item.clip.video)
    assert len(hashed) == 2


def test_wrong_rows_are_told_at_once(tmp_path: Path) -> None:
    rows: Lines = [
        {"video": "a.mp4", "question": " "},
        {"video": 3},
        {"id": "x"},
        {"video": "b.mp4", "start": 3, "end": 1},
    ]
    rows += [{"video": "a\0.mp4"}, {"video": "c.mp4", "transcript": "half \ud83d"}]
    with pytest.raises(InputErrors) as error:
        items_of(str(table(tmp_path / "bad.jsonl", rows)))
    assert len(error.value.problems) == 6
    assert "transcript has a character that no text has" in error.value.problems[-1]
    with pytest.raises(UserError, match="no such file or folder"):
        items_of("a" * 300)
    (tmp_path / "empty.csv").write_text("video\n")
    with pytest.raises(UserError, match="no rows"):
        items_of(str(tmp_path / "empty.csv"))


def test_a_timeline(run: Path, tmp_path: Path, opened: None) -> None:
    path = make_media(tmp_path / "talk.mp4", seconds=2.4)
    assert seconds_of(path) == pytest.approx(2.4, abs=0.05)
    out = tmp_path / "out.jsonl"
    assert ask(run, path, out, "window=1s", "step=0.5s", "batch_size=8") == 0
    lines = read(out)
    assert [(line["start"], line["end"]) for line in lines[:3]] == [(0.0, 1.0), (0.5, 1.5), (1.0, 2.0)]
    assert lines[-1]["end"] == pytest.approx(2.4, abs=0.05)
    assert lines[0]["id"] == "talk_0-1000ms"
    picture = (tmp_path / f"{out.name}.pictures" / "talk.svg").read_text(encoding="utf-8")
    assert f"{len(lines)} pieces of 1 s, one every 0.5 s" in picture
    table = tmp_path / "table.csv"
    assert ask(run, path, table, "window=1s", "step=0.5s", "batch_size=8") == 0
    assert (tmp_path / "table.csv.pictures" / "talk.svg").read_text(encoding="utf-8") == picture
    with table.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert [(row["start"], row["end"]) for row in rows] == [(str(line["start"]), str(line["end"])) for line in lines]
    why = tmp_path / "why.jsonl"
    assert ask(run, path, why, "window=2s", "prompt.task=reason", "explanation_tokens=2") == 0
    assert not (tmp_path / "why.jsonl.pictures").exists()


def test_a_table_with_other_columns_is_not_continued(
    run: Path, tmp_path: Path, opened: None, capsys: pytest.CaptureFixture[str]
) -> None:
    path, table = make_media(tmp_path / "a.mp4", seconds=0.4), tmp_path / "table.csv"
    assert ask(run, path, table) == 0
    table.write_text(table.read_text().replace(",start,end", "", 1))
    assert ask(run, path, table) == 2
    said = capsys.readouterr().err
    assert "its columns are not those of this version: id, status, " in said
    assert "overwrite=true" in said


@pytest.mark.parametrize(("seconds", "number"), [(0.3, 1), (5.0, 1), (5.1, 1), (5.5, 2), (7.0, 3)])
def test_pieces_cover_the_clip(seconds: float, number: int) -> None:
    pieces = windows(seconds, window=5, step=1)
    assert len(pieces) == number
    assert pieces[0].start == 0
    assert seconds - pieces[-1].end <= 0.2


@pytest.mark.parametrize(("window", "step"), [(0.1, 0.1), (0.15, 0.3)])
def test_short_pieces_go_on_to_the_end(window: float, step: float) -> None:
    pieces = windows(2.5, window=window, step=step)
    assert [piece.start for piece in pieces] == pytest.approx([step * number for number in range(len(pieces))])
    assert 2.5 - step - 0.01 <= pieces[-1].end <= 2.5


KEPT = ((3, 1, "csv"), (2, 2, "jsonl"))
"""One of each form, alone and as one of two; the others are slow."""


@pytest.mark.parametrize(
    ("kept", "ranks", "form"),
    [
        pytest.param(*case, form, marks=() if (*case, form) in KEPT else pytest.mark.slow)
        for case in ((1, 1), (3, 1), (2, 2), (0, 2))
        for form in ("jsonl", "csv")
    ],
)
def test_the_file_does_not_tell_how_it_was_made(
    run: Path, tmp_path: Path, kept: int, ranks: int, form: str, opened: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Some lines are there already, as after a kill; processes share the rest: the bytes are those of one call."""
    make_clips(tmp_path / "media", 5)
    whole, out = tmp_path / "whole", tmp_path / "out"
    words = (f"format={form}", "batch_size=2")
    assert ask(run, tmp_path / "media", whole, *words) == 0
    lines = whole.read_text(encoding="utf-8").splitlines(keepends=True)
    out.write_text("".join(lines[: kept + (form == "csv")]), encoding="utf-8")
    for rank in range(ranks):
        monkeypatch.setenv("RANK", str(rank))
        monkeypatch.setenv("WORLD_SIZE", str(ranks))
        assert ask(run, tmp_path / "media", out, *words) == 0
    assert out.read_bytes() == whole.read_bytes()


@pytest.mark.parametrize(("times", "number"), [(2, 24), pytest.param(10, 300, marks=pytest.mark.slow)])
def test_a_killed_call_goes_on(
    run: Path, clips: Path, tmp_path: Path, workplace: Workplace, times: int, number: int
) -> None:
    """Killed after some answers, alone or as one of two: the file ends as that of a call that was not killed."""
    media, out = tmp_path / "media", tmp_path / "out.jsonl"
    media.mkdir()
    for position in range(number):
        shutil.copy(clips / f"clip{position % 3}.mp4", media / f"c{position:03}.mp4")
    words = ("-m", "emolightning", "predict", f"checkpoint={run}", f"media={media}", f"out={out}")
    more = ("evaluation.max_new_tokens=2", "num_workers=0", "batch_size=4")

    def size() -> int:
        return sum(path.stat().st_size for path in tmp_path.iterdir() if path.is_file())

    for turn in range(times):
        before, ranks = size(), 2 if turn % 4 == 3 else 1
        more_words = [{}] if ranks == 1 else [{"RANK": str(rank), "WORLD_SIZE": "2"} for rank in range(ranks)]
        programs = [workplace.start(*words, *more, **environment) for environment in more_words]
        programs[0].signal_when(lambda before=before: size() > before, signal.SIGKILL)  # type: ignore[misc]
        for program in programs[1:]:
            program.process.kill()
            program.wait()
        assert size() > before
    workplace.call(*words, *more)
    lines = read(out)
    assert [line["id"] for line in lines] == sorted(path.stem for path in media.iterdir())
    assert os.listdir(tmp_path).count("out.jsonl") == 1
    assert not list(tmp_path.glob(".out.jsonl.rank*[0-9]"))
    whole = tmp_path / "whole.jsonl"
    assert code_of(*words[3:5], f"out={whole}", *more) == 0
    assert out.read_bytes() == whole.read_bytes()


def test_talk_about_a_clip(
    run: Path, clips: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO("\nGlad?\n/why\n/quit\nnever\n"))
    words = [f"checkpoint={run}", "evaluation.max_new_tokens=2", "explanation_tokens=3", "device=cpu", "num_workers=0"]
    assert main(["chat", f"media={clips}/clip0.mp4", *words]) == 0
    output = capsys.readouterr().out
    assert output.count("transcript missing: no transcript was given") == 3
    assert len([line for line in output.splitlines() if "happy 0." in line]) == 1
    with pytest.raises(SystemExit):
        main(["chat", f"media={clips}", *words])
    assert "chat is about one" in capsys.readouterr().err
