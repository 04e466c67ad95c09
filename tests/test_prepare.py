"""`prepare`: datasets in their own files become a folder that `data=custom` and other programs read alike."""

import csv
import errno
import json
import os
import pickle
import re
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from corpus_factory import NAMES, link, make_iemocap, make_meld
from hydra.errors import InstantiationException
from media_factory import make_media
from test_benchmarks import made

from emolightning.benchmarks.registry import scale_of
from emolightning.commands.prepare import own_problems
from emolightning.commands.prepare import prepare as command
from emolightning.config.check import ConfigError, check_config
from emolightning.config.composing import composed
from emolightning.data.media.audio import read_waveform
from emolightning.data.media.video import count_frames
from emolightning.data.readers.folds import values_of
from emolightning.errors import InputErrors, UserError, override
from emolightning.files.writing import CannotWrite
from emolightning.records.clips import Clip
from emolightning.runs.assembly_of_data import make_corpus
from emolightning.runs.preparing.formats import about_valence, refuse_unfit, write_conversations

ROOTS = {"meld": "MELD", "iemocap": "IEMOCAP_full_release", "crema_d": "CREMA-D"}
Prepare = Callable[..., str]


@pytest.fixture(scope="module")
def corpora(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three corpora, of tables, of films with times, and of names that are codes."""
    root = tmp_path_factory.mktemp("corpora")
    video = make_media(root / "video.mp4", seconds=1.2)
    make_meld(root / "MELD", video)
    make_iemocap(root / "IEMOCAP_full_release", video)
    for name in NAMES["CREMA-D"]:
        link(video, root / "CREMA-D" / name)
    return root


@pytest.fixture
def prepare(corpora: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Prepare:
    """prepare("meld", ...): what the command prints; the folder is `out`."""

    def run(name: str, *words: str) -> str:
        own = [f"data={name}", f"data.root={corpora / ROOTS[name]}", f"out={tmp_path / 'out'}", "num_workers=1"]
        with composed("prepare", [*own, *words]) as cfg:
            command(cfg)
        return capsys.readouterr().out

    return run


def said_of(clips: list[Clip]) -> dict[str, tuple[object, ...]]:
    return {clip.id: (clip.label, clip.split, clip.subject, clip.transcript, clip.valence) for clip in clips}


def read_by(words: list[str]) -> list[Clip]:
    with composed("train", words) as cfg:
        check_config(cfg)
        return make_corpus(cfg).source.read_clips()


def source_of(corpora: Path, name: str, *words: str) -> dict[str, tuple[object, ...]]:
    return said_of(made(corpora, name, f"data.root={corpora / ROOTS[name]}", *words).source.read_clips())


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("meld", ()),
        ("iemocap", ("data.train=false", "data.classes=6")),
        ("crema_d", ("num_folds=3", "clips=copy")),
    ],
)
def test_a_corpus_is_the_same_as_a_table(
    prepare: Prepare, corpora: Path, tmp_path: Path, name: str, words: tuple[str, ...]
) -> None:
    output, out = prepare(name, *words), tmp_path / "out"
    note = json.loads((out / "prepare.json").read_text())
    assert note["is_complete"]
    assert "train: python train.py data=custom" in output
    read = read_by(note["read_by"])
    expected = source_of(corpora, name, *(word for word in words if word.startswith("data.")))
    if name == "meld":  # Its official splits share speakers.
        assert "4 people are in more than one split" in output
        assert {clip.attributes["speaker"] for clip in read} == {about[2] for about in expected.values()}
        read = [replace(clip, subject=clip.attributes["speaker"]) for clip in read]
    assert said_of(read) == expected
    assert {clip.video.parent for clip in read} == {out / "clips"}
    if name == "iemocap":
        turn = next(clip for clip in read if clip.id == "Ses05F_impro01_M000")
        assert (turn.span, count_frames(turn.video)) == (None, 10)
        assert len(read_waveform(turn.video, sample_rate=16000)) == pytest.approx(0.4 * 16000, abs=2048)
    if name == "crema_d":
        rows = list(csv.DictReader((out / "annotations.csv").open(encoding="utf-8")))
        people = {number: {row["subject"] for row in rows if row["fold"] == number} for number in "123"}
        assert all(people.values())
        assert len(set.union(*people.values())) == sum(map(len, people.values())) == 4
        assert not any(clip.video.samefile(corpora / "CREMA-D" / "VideoFlash" / clip.video.name) for clip in read)


def test_it_goes_on_where_it_was_ended(
    prepare: Prepare, corpora: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    words, placed, out = ("data.train=false", "data.session=2"), list[str](), tmp_path / "out"
    from emolightning.data.media import cutting

    cut = cutting.cut

    def ended(video: Path, span: object, file: Path, *, only_sound: bool) -> None:
        if len(placed) == 2:
            raise KeyboardInterrupt
        placed.append(file.name)
        cut(video, span, file, only_sound=only_sound)  # type: ignore[arg-type]

    monkeypatch.setattr(cutting, "cut", ended)
    with pytest.raises(KeyboardInterrupt):
        prepare("iemocap", *words)
    assert not (out / "annotations.csv").exists()
    assert not json.loads((out / "prepare.json").read_text())["is_complete"]
    first = {path.name: path.stat().st_ino for path in (out / "clips").glob("*.mp4")}
    assert len(first) == 2
    monkeypatch.setattr(cutting, "cut", cut)
    prepare("iemocap", *words)
    there = {path.name: path.stat().st_ino for path in (out / "clips").iterdir()}
    assert there.items() >= first.items()
    assert len(there) == 5
    with pytest.raises(UserError, match="holds other clips, or those of other settings .data=iemocap, clips=link."):
        prepare("iemocap", *words, "clips=copy")


def test_other_programs_get_conversations_and_row_files(prepare: Prepare, corpora: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    prepare("meld", "format=llama_factory")
    talks = json.loads((out / "val.json").read_text())
    assert talks[1] == {
        "messages": [
            {
                "role": "user",
                "content": "<video>The person in video says: You must’ve had your hands full.. Please determine which "
                "emotion label in the video represents: happy, sad, neutral, angry, surprise, fear, disgust.",
            },
            {"role": "assistant", "content": "happy"},
        ],
        "videos": ["clips/dev_dia0_utt1.mp4"],
    }
    assert (out / talks[1]["videos"][0]).is_file()
    entry = json.loads((out / "dataset_info.json").read_text())["out_train"]
    assert (entry["file_name"], entry["columns"]) == ("train.json", {"messages": "messages", "videos": "videos"})
    prepare("meld", "format=ms_swift", "question=How does the speaker feel?")
    lines = [json.loads(line) for line in (out / "test.jsonl").read_text().splitlines()]
    assert [line["messages"][1]["content"] for line in lines][:3] == ["neutral", "happy", "sad"]
    assert lines[2]["messages"][0]["content"] == "<video>How does the speaker feel?"
    assert Path(lines[0]["videos"][0]).samefile(out / "clips" / "test_dia0_utt0.mp4")
    prepare("meld", "format=merr")
    words = json.loads((out / "prepare.json").read_text())["read_by"]
    read = read_by(words)
    expected = source_of(corpora, "meld")
    assert {clip.id: (clip.label, clip.split, clip.transcript) for clip in read} == {
        name: (label, split, said) for name, (label, split, _, said, _) in expected.items()
    }


def test_clips_that_cannot_be_used_are_counted(prepare: Prepare, corpora: Path, tmp_path: Path) -> None:
    table = tmp_path / "t.csv"
    for number in range(4):
        link(corpora / "video.mp4", tmp_path / "media" / f"{number}.mp4")
    rows = [f"{number}.mp4,joy,Line.,{10 * (number == 2)},{10 * (number == 2) + 1}" for number in range(5)]
    table.write_text("\n".join(["video_name,emotion_label,transcription,start,end", *rows]))
    words = ["data=custom", f"data.annotations={table}", f"data.media={tmp_path / 'media'}", f"out={tmp_path / 'out'}"]
    with composed("prepare", words) as cfg, pytest.raises(InputErrors, match="no file '4.mp4'") as caught:
        command(cfg)
    assert "1 of 5 clips cannot be used" in str(caught.value)
    with composed("prepare", [*words, "on_error=skip", "max_skipped=0.4"]) as cfg:
        command(cfg)
    note = json.loads((tmp_path / "out" / "prepare.json").read_text())
    assert (note["num_clips"], note["num_skipped"]) == (3, 2)
    assert note["skipped"] == {"media that cannot be decoded": 1, "no media file": 1}
    assert "reaches beyond the end" in note["skipped_clips"][0]["reason"]


def test_several_labels_and_numbers_stay(corpora: Path, tmp_path: Path) -> None:
    table = tmp_path / "t.csv"
    rows = ["0.mp4,joy;surprise,Hi.,0.5,-1,x", "1.mp4,sad,Oh.,,0.25,y", "2.mp4,anger;sadness,No.,-0.5,,z"]
    for row in rows:
        link(corpora / "video.mp4", tmp_path / "media" / row.partition(",")[0])
    table.write_text("\n".join(["video_name,emotion_label,transcription,valence,arousal,country", *rows]))
    own = ["data=custom", f"data.annotations={table}", f"data.media={tmp_path / 'media'}", 'data.label_separator=";"']
    with composed("prepare", [*own, f"out={tmp_path / 'out'}"]) as cfg:
        command(cfg)
    words = json.loads((tmp_path / "out" / "prepare.json").read_text())["read_by"]

    def said(clips: list[Clip]) -> list[tuple[object, ...]]:
        return [(c.id, c.label, c.open_labels, c.valence, c.arousal, c.split, c.attributes) for c in clips]

    assert said(read_by(words)) == said(read_by(own))
    assert read_by(words)[0].open_labels == ("happy", "surprise")


def own_clips(corpora: Path, tmp_path: Path, header: str, *rows: str) -> list[str]:
    """The words of a table with these rows, whose first cell is a file."""
    for row in rows:
        link(corpora / "video.mp4", tmp_path / "media" / row.partition(",")[0])
    (tmp_path / "t.csv").write_text("\n".join([header, *rows]))
    return ["data=custom", f"data.annotations={tmp_path / 't.csv'}", f"data.media={tmp_path / 'media'}"]


def prepared(tmp_path: Path, *words: str) -> list[str]:
    """The words that read what was prepared."""
    with composed("prepare", [*words, f"out={tmp_path / 'out'}", "num_workers=1"]) as cfg:
        command(cfg)
    return list(json.loads((tmp_path / "out" / "prepare.json").read_text())["read_by"])


HEADER = "video_name,emotion_label,transcription,split,valence"
ROWS = ("0.mp4,joy,Hi.,train,0.5", "1.mp4,sad,Oh.,train,-1", "2.mp4,sad,No.,test,")


@pytest.mark.parametrize("how", ["link", "copy"])
def test_a_folder_that_cannot_be_written_is_no_fault_of_clips(
    corpora: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, how: str
) -> None:
    words = own_clips(corpora, tmp_path, HEADER, *ROWS)
    links = os.link

    def full(source: Path, target: Path) -> None:
        if "1.mp4" in str(target):
            raise OSError(errno.ENOSPC if how == "copy" else errno.EXDEV, "full or another disk")
        links(source, target)

    monkeypatch.setattr(*((os, "link") if how == "link" else (shutil, "copy2")), full)
    with pytest.raises(CannotWrite, match="out/clips/1.mp4: cannot be written: ") as caught:
        prepared(tmp_path, *words, f"clips={how}", "on_error=skip", "max_skipped=0.9")
    again = pickle.loads(pickle.dumps(caught.value))  # As it comes out of a process.
    assert (str(again), again.reason) == (str(caught.value), caught.value.reason)


@pytest.mark.parametrize(
    ("scale", "columns", "told"),
    [
        ("[-1,1]", ["0 happy 2.5", "0 sad -5.0"], "valence of 2 clips is put from -1 to 1 on -5 to 5"),
        ("[-5,5]", ["0 happy 0.5", "0 sad -1.0"], ""),
        ("null", ["0 happy", "0 sad"], "valence of 2 clips is left out"),
    ],
)
def test_row_files_have_their_own_scale_and_no_clips_of_others(
    corpora: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], scale: str, columns: list[str], told: str
) -> None:
    words = own_clips(corpora, tmp_path, HEADER, *ROWS)
    read = read_by(prepared(tmp_path, *words, "format=merr", f"data.scale={scale}"))
    assert (tmp_path / "out" / "train.txt").read_text().splitlines() == [
        f"{number} {rest}" for number, rest in enumerate(columns)
    ]
    said = capsys.readouterr().out
    assert told in said if told else "valence of" not in said
    assert [clip.split for clip in read] == ["train", "train", "test"], "none of train is taken for val"


@pytest.mark.parametrize(
    ("scale", "valence", "told"),
    [
        (scale_of("iemocap"), 5.5, ["is left out: it is not from 1 to 5", "of 0 clips is put from 1 to 5 on -5 to 5"]),
        (scale_of("ch_sims"), 1.0, ["valence of 1 clips is put from -1 to 1 on -5 to 5"]),
        (scale_of("merr_fine"), 2.0, []),
    ],
)
def test_the_scale_of_a_corpus_is_known(scale: tuple[float, float], valence: float, told: list[str]) -> None:
    found = about_valence([Clip("a", Path("a.mp4"), valence=valence), Clip("b", Path("b.mp4"))], scale)
    assert len(found) == len(told)
    assert all(each in line for each, line in zip(told, found, strict=True))


def test_votes_become_labels_and_their_columns_stay_behind(
    corpora: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rows = ("0.mp4,joy,joy,sad,Hi.,x,train", "1.mp4,sad,sad,sad,Oh.,y,test")
    words = own_clips(corpora, tmp_path, "video_name,Rater1,rater2,rater3,transcription,country,split", *rows)
    read = read_by(prepared(tmp_path, *words, "data.annotators=[Rater1,rater2,rater3]"))
    assert [(clip.label, clip.attributes) for clip in read] == [("happy", {"country": "x"}), ("sad", {"country": "y"})]
    assert "3 columns of people are not in the table" in capsys.readouterr().out


@pytest.mark.parametrize("words", [("happy", "bliss"), ("bliss",)])
def test_a_table_takes_clips_whose_words_are_all_labels(words: tuple[str, ...]) -> None:
    clip = Clip("a", Path("a.mp4"), open_labels=words)
    with pytest.raises(InputErrors, match="has 'bliss', and a table has labels of .'happy', 'sad'. alone"):
        refuse_unfit([clip], form="custom", task="emotion", labels=("happy", "sad"))
    refuse_unfit([replace(clip, open_labels=("happy", "sad"))], form="custom", task="emotion", labels=("happy", "sad"))


@pytest.mark.parametrize(
    ("task", "answer", "asked"),
    [
        ("valence", "-0.50", "feel? Answer with one number from -1 to 1 and"),
        ("multi-label", "sad, happy", "separated by commas: happy, sad, angry."),
    ],
)
def test_conversations_teach_numbers_and_several_labels(tmp_path: Path, task: str, answer: str, asked: str) -> None:
    labels = ("happy", "sad", "angry")
    clip = Clip("a", Path("a.mp4"), valence=-0.5, open_labels=("sad", "happy"), split="train")
    refuse_unfit([clip], form="ms_swift", task=task, labels=labels)
    with pytest.raises(InputErrors, match="'b' has no answer for task arousal"):
        refuse_unfit([replace(clip, id="b")], form="ms_swift", task="arousal", labels=labels)
    (written,) = write_conversations(
        tmp_path, [clip], form="ms_swift", labels=labels, task=task, question=None, scale=(-1, 1)
    )
    question, said = json.loads(written.read_text())["messages"]
    assert said["content"] == answer
    assert asked in question["content"]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["format=ms_swift", "task=preference"], "'preference' is not one of emotion, reason, valence, arousal, multi"),
        (["format=csv"], "format: 'csv' is not one of custom, llama_factory, ms_swift, merr"),
        (["num_folds=2"], "num_folds: must be at least 3"),
        (["format=ms_swift", "question=' '"], "question: must not be empty"),
        (["format=merr", "num_folds=5"], "num_folds: writes a column of the table"),
        (["task=reason"], "task is for format=llama_factory and ms_swift, not custom"),
        (["clips=symlink"], "clips: 'symlink' is not one of link, copy"),
        (["on_error=ignore"], "on_error: 'ignore' is not one of stop, skip"),
        (["~data"], "data: say which clips"),
    ],
)
def test_settings_that_cannot_be_meant(words: list[str], message: str) -> None:
    data = [] if "~data" in words else ["data=meld"]
    own = [word for word in words if word != "~data"]
    with composed("prepare", [*data, "out=x", *own]) as cfg, pytest.raises(ConfigError) as caught:
        check_config(cfg, own_problems(cfg))
    assert message in str(caught.value)


def test_folders_that_are_not_its_own_are_left_alone(prepare: Prepare, corpora: Path, tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "thesis.txt").write_text("mine")
    with pytest.raises(UserError, match=r"holds \['thesis.txt'\] and no prepare.json, so it was not made here"):
        prepare("crema_d")
    assert os.listdir(tmp_path / "out") == ["thesis.txt"]
    inside = corpora / "CREMA-D" / "VideoFlash" / "out"
    with pytest.raises(UserError, match="is inside of the folder of the clips"):
        prepare("crema_d", f"out={inside}")
    (tmp_path / "out" / "thesis.txt").unlink()
    with pytest.raises(InputErrors, match="has no answer for task reason"):
        prepare("crema_d", "format=ms_swift", "task=reason")


@pytest.fixture
def named(corpora: Path, tmp_path: Path) -> Callable[..., list[Clip]]:
    """named(names, paths, *words): the clips of a folder with these files."""

    def read(names: str, paths: list[str], *words: str) -> list[Clip]:
        for path in paths:
            link(corpora / "video.mp4", tmp_path / "named" / path)
        root = tmp_path / "named"
        return read_by(["data=named", f"data.root={root}", override("data.names", names), *words])

    return read


def test_names_and_folders_say_the_labels(named: Callable[..., list[Clip]]) -> None:
    paths = [
        f"{split}/{label}/x{n}.mp4" for split in ("train", "dev", "test") for n, label in enumerate(("Joy", "sad"))
    ]
    clips = named("split/label/*", [*paths, "notes.mp4"])
    assert [(clip.id, clip.label, clip.split) for clip in clips][:2] == [
        ("dev/Joy/x0", "happy", "val"),
        ("dev/sad/x1", "sad", "val"),
    ]
    assert (len(clips), {clip.subject for clip in clips}) == (6, {None})


def test_names_with_codes_and_other_words(named: Callable[..., list[Clip]]) -> None:
    paths = [f"day{n % 2}/p{n:02}-S{n % 3}-{code}-x-1.mp4" for n in range(6) for code in ("ANG", "W", "XX")]
    words = ("data.label_map={ANG: angry, W: worried, XX: null}", "data.sentences={S0: Hello., S1: No., S2: Why?}")
    clips = named("Session/subject-Sentence-label-*", paths, *words)
    first = clips[0]
    assert (first.id, first.label, first.subject) == ("day0/p00-S0-ANG-x-1", "angry", "p00")
    assert (first.transcript, first.attributes) == ("Hello.", {"session": "day0"})
    assert values_of(clips, "Session")[first.id] == "day0"
    assert values_of(clips, "Subject")[first.id] == "p00"
    assert len(clips) == 12
    homes = {clip.subject: {other.split for other in clips if other.subject == clip.subject} for clip in clips}
    assert {len(splits) for splits in homes.values()} == {1}


@pytest.mark.parametrize(
    ("names", "message"),
    [
        ("subject_*", "data.names=subject_.: must say where the label is, e.g. label/. or subject_label_."),
        ("label_label", "'label' is there twice; say . for what is of no interest"),
        ("label-take", "no file is called like 'label-take'; set data.root to the folder"),
        ("take_label", r"'aa' \(1 files\), 'bb' \(1 files\) are not among .*label_map=.aa: LABEL, bb: LABEL"),
        ("split/label_*", "split 'sad' is not one of"),
    ],
)
def test_forms_of_names_that_fit_no_file(named: Callable[..., list[Clip]], names: str, message: str) -> None:
    with pytest.raises((UserError, InstantiationException)) as caught:
        named(names, ["sad/fear_aa.mp4", "sad/fear_bb.mp4"])
    assert re.search(message, str(caught.value.__cause__ or caught.value))
