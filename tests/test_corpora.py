"""Corpora as their owners give them: their own files to clips, with what they drop, and the official numbers."""

import csv
import shutil
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from corpus_factory import (
    IEMOCAP_CODES,
    MELD_PLACES,
    MELD_ROWS,
    link,
    make_corpora,
    make_merbench,
    write_rows,
    write_text,
)
from hydra.errors import InstantiationException
from test_benchmarks import evaluated, made

from emolightning.benchmarks.registry import official_benchmarks
from emolightning.data.checkup.checkup import look_at
from emolightning.data.checkup.unusable import RowErrors
from emolightning.data.readers.folds import folds_of, in_fold
from emolightning.data.readers.source import SPLITS, ClipSource
from emolightning.errors import InputErrors, UserError
from emolightning.records.clip_digests import digest
from emolightning.records.clips import Clip, Span

FOLDERS = {
    "meld": "MELD",
    "iemocap": "IEMOCAP_full_release",
    "ch_sims": "CH-SIMS",
    "ch_sims_v2": "CH-SIMSv2",
    "cmu_mosi": "CMU-MOSI",
    "cmu_mosei": "CMU-MOSEI",
    "ravdess": "RAVDESS",
    "crema_d": "CREMA-D",
    "savee": "SAVEE",
    "enterface05": "eNTERFACE05",
    "mafw": "MAFW",
    "ferv39k": "FERV39k",
    "ovmerd_plus": "OV-MERD",
    "mer2025": "MER2025",
    "mer2026": "MER2026",
    "mer2025_fg": "MER2025",
    "mer2026_fg": "MER2026",
}


@pytest.fixture(scope="module")
def corpora(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """All of them, small. For looking at only."""
    return make_corpora(tmp_path_factory.mktemp("corpora"))


@pytest.fixture
def own(corpora: Path, tmp_path: Path) -> Path:
    """A copy that a test may damage."""
    return Path(shutil.copytree(corpora, tmp_path / "own"))


def source(root: Path, name: str, *overrides: str) -> ClipSource:
    return made(root, name, f"data.root={root / FOLDERS[name]}", *overrides).source


def read(root: Path, name: str, *overrides: str) -> dict[str, Clip]:
    return {clip.id: clip for clip in source(root, name, *overrides).read_clips()}


def labels(clips: dict[str, Clip], split: str = "test") -> list[str | None]:
    return [clip.label for clip in clips.values() if clip.split == split]


def test_meld_has_one_name_for_clips_of_three_splits(corpora: Path) -> None:
    data = source(corpora, "meld")
    clips = {clip.id: clip for clip in data.read_clips()}
    assert Counter(clip.split for clip in clips.values()) == dict.fromkeys(("train", "val", "test"), len(MELD_ROWS))
    assert labels(clips) == ["neutral", "happy", "sad", "angry", "surprise", "disgust", "fear"]
    assert clips["test_dia0_utt1"].open_labels == ("joy",)  # On some wheels joy is another word than happy.
    first = clips["dev_dia0_utt0"]
    assert first.video == corpora / "MELD" / MELD_PLACES["dev"][1] / "dia0_utt0.mp4"
    assert (first.subject, first.split) == ("Chandler", "val")
    assert first.transcript == "also I was the point person on my company’s transition"
    assert clips["test_dia1_utt0"].transcript == clips["test_dia1_utt1"].transcript == ""
    assert data.remarks == [
        "emotion_label: 9 rows are read as labels (anger -> angry 3, joy -> happy 3, sadness -> sad 3)",
        "6 of 21 transcripts have characters of Windows-1252, which are read as meant",
        "6 of 21 clips have an empty transcript: the sentence is empty",
    ]


def test_meld_s_other_label_and_dialogues(corpora: Path) -> None:
    words = ("data.target=sentiment", "data.labels=sentiment3", "data.train=false", "data.subject=dialogue")
    data = source(corpora, "meld", *words, "inputs.transcript=false")
    clips = {clip.id: clip for clip in data.read_clips()}
    assert data.benchmark == "meld_sentiment"
    assert labels(clips) == ["neutral", "positive", *["negative"] * 5]
    assert {clip.subject for clip in clips.values()} == {"test_dia0", "test_dia1", "test_dia2"}
    assert {clip.transcript for clip in clips.values()} == {None}


def test_clips_of_meld_in_one_folder_are_called_as_their_ids(own: Path) -> None:
    for dialogue, utterance, *_ in MELD_ROWS:
        link(own / "video.mp4", own / "MELD" / "subvideo" / f"test_dia{dialogue}_utt{utterance}.mp4")
    clips = read(own, "meld", "data.media=subvideo", "data.train=false")
    assert clips["test_dia2_utt1"].video == own / "MELD" / "subvideo" / "test_dia2_utt1.mp4"


@pytest.mark.parametrize(
    ("classes", "codes", "mapped"),
    [
        (4, "neu hap exc sad ang", "neutral happy happy sad angry"),
        (5, "neu hap exc sad ang fru", "neutral happy happy sad angry frustrated"),
        (6, "neu hap exc sad ang fru", "neutral happy excited sad angry frustrated"),
    ],
)
def test_iemocap_s_turns_are_pieces_of_its_films(corpora: Path, classes: int, codes: str, mapped: str) -> None:
    data = source(corpora, "iemocap", f"data.classes={classes}", "data.session=3")
    clips = {clip.id: clip for clip in data.read_clips()}
    assert labels(clips) == mapped.split()
    assert {clip.id[:5] for clip in clips.values() if clip.split == "test"} == {"Ses03"}
    assert {clip.id[:5] for clip in clips.values() if clip.split != "test"} == {"Ses01", "Ses02", "Ses04", "Ses05"}
    people = {
        split: {clip.subject for clip in clips.values() if clip.split == split} for split in ("train", "val", "test")
    }
    assert people["test"] == {"Ses03F", "Ses03M"}
    assert people["val"]
    assert not people["train"] & people["val"]
    turn = clips["Ses03F_impro01_M000"]
    assert (turn.label, turn.span, turn.valence, turn.transcript) == ("happy", Span(0.1, 0.5), 2.5, "Line 1.")
    assert turn.video.name == "Ses03F_impro01.avi"
    dropped = sorted(set(IEMOCAP_CODES) - set(codes.split()))
    left_out = ", ".join(f"{code} 5" for code in dropped)
    assert f"IEMOCAP: {5 * len(dropped)} rows are left out ({left_out})" in data.remarks


def test_a_session_of_iemocap_is_left_out_in_turn(corpora: Path) -> None:
    clips = list(read(corpora, "iemocap").values())
    assert {clip.attributes["session"] for clip in clips if clip.split == "test"} == {"5"}
    held_out = folds_of(clips, folds=None, leave_one="session")
    assert held_out == [f"session={number}" for number in range(1, 6)]
    for name in held_out:
        divided = in_fold(clips, name, seed=0)
        assert {clip.id[4] for clip in divided if clip.split == "test"} == {name[-1]}
        people = {split: {clip.subject for clip in divided if clip.split == split} for split in SPLITS}
        assert not people["train"] & people["val"]


def test_turns_of_iemocap_that_are_cut_already(own: Path) -> None:
    link(own / "video.mp4", own / "IEMOCAP_full_release" / "subvideo-tgt" / "Ses05F_impro01_F000.avi")
    data = source(own, "iemocap", "data.media=subvideo-tgt", "data.train=false")
    data.takes_stock = True
    clips = {clip.id: clip for clip in data.read_clips()}
    assert (clips["Ses05F_impro01_F000"].span, len(clips), len(data.lost)) == (None, 5, 4)


def test_numbers_of_sentiment_are_valence_and_their_sign_the_label(corpora: Path) -> None:
    clips = read(corpora, "ch_sims")
    assert [(clip.id, clip.valence, clip.label, clip.split) for clip in clips.values()] == [
        ("video_0001_0001", -1.0, "negative", "train"),
        ("video_0001_0002", 0.6, "positive", "train"),
        ("video_0002_0001", 0.0, "neutral", "val"),
        ("video_0001_0003", -0.2, "negative", "test"),
        ("video_0003_0001", 0.8, "positive", "test"),
    ]
    assert clips["video_0001_0001"].subject == "video_0001"
    assert clips["video_0001_0001"].video == corpora / "CH-SIMS" / "Raw" / "video_0001" / "0001.mp4"
    clips = read(corpora, "cmu_mosi")
    assert clips["03bSnISJMiM_10"].valence == -2.4000000954
    assert clips["-iRBcNs9oI8_1"].transcript == "AND IT WAS GREAT"
    clips = read(corpora, "ch_sims_v2", "data.train=false")
    assert {name: (clip.valence, clip.label, clip.video.name) for name, clip in clips.items()} == {
        "aqgy3_0001_00000": (0.4, "positive", "00000.mp4"),
        "aqgy3_0001_00002": (-0.8, "negative", "00002.mp4"),
    }
    clips = read(corpora, "cmu_mosei")
    assert [clip.label for clip in clips.values()] == ["positive", "positive", "positive", "negative", "neutral"]
    assert (clips["_0efYOjQYRc_0"].transcript, clips["_0efYOjQYRc_0"].subject) == ("", "_0efYOjQYRc")


ARCHIVED: dict[str, tuple[str, dict[str, dict[str, tuple[int, float]]]]] = {
    "cmu_mosi": (
        "label.npz",
        {
            "train_corpus": {"03bSnISJMiM_10": (0, -2.4)},
            "val_corpus": {"03bSnISJMiM_2": (0, 0.0)},
            "test_corpus": {"-iRBcNs9oI8_1": (0, 3.0), "_x_12": (0, -0.2)},
        },
    ),
    "ch_sims_v2": (
        "label.npz",
        {"train_corpus": {"aqgy3_0001_00001": (0, 0.2)}, "val_corpus": {"aqgy3_0002_00001": (0, 1.0)}, "test_corpus": {
            "aqgy4_0003_00012": (0, -1.0)}},
    ),
    "meld": (
        "label.npz",
        {
            "train_corpus": {"train_dia0_utt0": (3, -10.0)},
            "val_corpus": {"dev_dia0_utt0": (1, -10.0)},
            "test_corpus": {"test_dia0_utt0": (1, -10.0), "test_dia0_utt1": (6, -10.0)},
        },
    ),
    "iemocap": (
        "label_4way.npz",
        {"whole_corpus": {f"Ses0{1 + n // 2}F_impro01_{'FM'[n % 2]}000": (3 * (n % 2), -10.0) for n in range(10)}},
    ),
}  # fmt: skip
"""Data -> its archive of MERBench's: numbers of labels, and values."""


def archived(folder: Path, video: Path, name: str, *words: str) -> ClipSource:
    file, corpora = ARCHIVED[name]
    make_merbench(folder, video, file, corpora)
    media = ("data.media=subvideo",) if name in ("cmu_mosi", "ch_sims_v2") else ()
    return made(folder, name, f"data.root={folder}", f"data.truth={file}", *media, *words).source


@pytest.mark.parametrize(
    ("name", "tested"),
    [
        ("cmu_mosi", {"-iRBcNs9oI8_1": ("positive", 3.0, "-iRBcNs9oI8"), "_x_12": ("negative", -0.2, "_x")}),
        pytest.param("ch_sims_v2", {"aqgy4_0003_00012": ("negative", -1.0, "aqgy4_0003")}, marks=pytest.mark.slow),
        pytest.param(
            "meld",
            {"test_dia0_utt0": ("happy", None, None), "test_dia0_utt1": ("surprise", None, None)},
            marks=pytest.mark.slow,
        ),
        (
            "iemocap",
            {
                "Ses05F_impro01_F000": ("happy", None, "Ses05F"),
                "Ses05F_impro01_M000": ("angry", None, "Ses05M"),
            },
        ),
    ],
)
def test_corpora_as_merbench_hands_them_round(
    corpora: Path, tmp_path: Path, name: str, tested: dict[str, tuple[str, float | None, str | None]]
) -> None:
    data = archived(tmp_path, corpora / "video.mp4", name)
    clips = {clip.id: clip for clip in data.read_clips()}
    found = {clip.id: (clip.label, clip.valence, clip.subject) for clip in clips.values() if clip.split == "test"}
    assert found == tested
    assert {clip.split for clip in clips.values()} == {"train", "val", "test"}
    assert all(clip.video == tmp_path / "subvideo" / f"{clip.id}.mp4" for clip in clips.values())
    assert Counter(bool(clip.transcript) for clip in clips.values())[False] == 1
    assert data.remarks[-1] == f"1 of {len(clips)} clips have an empty transcript: the sentence is empty"
    if name == "meld":
        assert clips["test_dia0_utt0"].open_labels == ("joy",)


@pytest.mark.parametrize(
    ("name", "entry", "words", "said"),
    [
        ("meld", ("test_corpus", "test_dia1_utt0", (7, -10.0)), [], "emo 7 is not one of 0 anger, 1 joy, 2 sadness"),
        *(
            pytest.param(*each, marks=pytest.mark.slow)
            for each in (
                ("iemocap", ("whole_corpus", "Ses05F_x_F000", (4, -10.0)), [], "emo 4 is not one of 0 hap, 1 sad"),
                ("cmu_mosi", ("test_corpus", "a_1", (0, -10.0)), [], "label '-10.0' is not a number from -3 to 3"),
                ("cmu_mosi", ("test_corpus", "../a_1", (0, 1.0)), [], "leaves the media folder"),
                (
                    *("meld", None, ["data.target=sentiment", "data.labels=sentiment3"]),
                    "data.truth=label.npz has emotions alone",
                ),
                (
                    *("iemocap", None, ["data.classes=6"]),
                    "data.classes=6: data.truth=label_4way.npz is read with four classes",
                ),
            )
        ),
    ],
)
def test_wrong_archives_of_merbench(
    corpora: Path,
    tmp_path: Path,
    name: str,
    entry: tuple[str, str, tuple[int, float]] | None,
    words: list[str],
    said: str,
) -> None:
    file, own = ARCHIVED[name]
    changed = {corpus: dict(clips) for corpus, clips in own.items()}
    if entry is not None:
        changed[entry[0]][entry[1]] = entry[2]
    try:
        ARCHIVED[name] = (file, changed)
        with pytest.raises((UserError, InstantiationException)) as caught:
            archived(tmp_path, corpora / "video.mp4", name, *words).read_clips()
    finally:
        ARCHIVED[name] = (file, own)
    assert said in str(caught.value)


def test_ravdess_takes_speech_with_picture_and_sound(corpora: Path) -> None:
    data = source(corpora, "ravdess")
    clips = {clip.id: clip for clip in data.read_clips()}
    assert len(clips) == 7
    scared = clips["01-01-06-01-02-01-24"]
    assert (scared.label, scared.subject, scared.transcript) == ("fear", "24", "Dogs are sitting by the door.")
    assert data.remarks[0] == "RAVDESS: 2 files are left out (channel 02 1, modality 02 1)"
    splits = {split: {clip.subject for clip in clips.values() if clip.split == split} for split in SPLITS}
    assert sorted(who for people in splits.values() for who in people) == ["01", "02", "24"]
    sung = source(corpora, "ravdess", "data.channel=song", "data.ratios=[0,0,1]").read_clips()
    assert [(clip.id, clip.label, clip.split) for clip in sung] == [("01-02-03-01-01-01-02", "happy", "test")]


def test_crema_d_has_twelve_sentences_and_one_name_of_another_form(corpora: Path) -> None:
    data = source(corpora, "crema_d")
    clips = {clip.id: clip for clip in data.read_clips()}
    odd = clips["1040_ITH_SAD_X"]
    assert (odd.label, odd.subject, odd.transcript) == ("sad", "1040", "I think I have a doctor's appointment.")
    assert len(clips) == 7
    assert data.remarks[0] == (
        "CREMA-D: 1 files are left out, for they are not called like '1001_DFA_ANG_XX.flv': intro.flv"
    )
    heard = source(corpora, "crema_d", "data.media=AudioWAV", "data.ratios=[0,0,1]").read_clips()
    assert [clip.video.name for clip in heard] == ["1001_IEO_ANG_HI.wav"]


def test_savee_and_enterface_have_names_below_folders(corpora: Path) -> None:
    clips = read(corpora, "savee", "inputs.transcript=false")
    assert [clip.id for clip in clips.values()][:4] == ["DC_a01", "DC_n30", "DC_sa01", "DC_su15"]
    assert [clip.label for clip in clips.values()][:4] == ["angry", "neutral", "sad", "surprise"]
    data = source(corpora, "enterface05", "data.ratios=[1,0,0]")
    clips = {clip.id: clip for clip in data.read_clips()}
    assert {name: (clip.label, clip.subject) for name, clip in clips.items()} == {
        "s1_an_1": ("angry", "1"), "s3_ha_5": ("happy", "3"), "s44_fe_5": ("fear", "44"), "s6_di_2": ("disgust", "6"),
    }  # fmt: skip
    assert data.remarks[-1] == "eNTERFACE'05 has no transcripts: the question is put without the sentence"


def test_mafw_in_both_of_its_forms(corpora: Path) -> None:
    clips = read(corpora, "mafw", "data.val_fraction=0")
    assert {name: (clip.label, clip.split) for name, clip in clips.items()} == {
        "00025": ("angry", "test"), "00028": ("disappointment", "test"),
        "03747": ("happy", "train"), "00001": ("anxiety", "train"),
    }  # fmt: skip
    derived = read(
        corpora, "mafw", "data.val_fraction=0", "data.truth=clip_test.txt", "data.train_truth=clip_train.txt"
    )
    assert {name: clip.label for name, clip in derived.items()} == {name: clip.label for name, clip in clips.items()}


def test_mafw_s_compound_classes_are_several_labels(corpora: Path) -> None:
    data = source(corpora, "mafw", "data.target=compound", "data.val_fraction=0")
    clips = {clip.id: clip for clip in data.read_clips()}
    assert {name: (clip.label, clip.open_labels, clip.split) for name, clip in clips.items()} == {
        "00025": (None, ("angry", "disgust"), "test"),
        "00028": ("neutral", ("neutral",), "test"),
        "03747": (None, ("sad", "anxiety", "helplessness"), "train"),
        "00001": ("angry", ("angry",), "train"),
    }
    assert data.benchmark == "mafw_compound_fold1"
    assert "mafw_compound_fold1, test: 2 clips, the official set has 1818" in data.official_differences(
        list(clips.values()), offered=[]
    )


def test_ferv39k_has_one_number_in_several_scenes(corpora: Path) -> None:
    clips = read(corpora, "ferv39k", "data.train=false")
    assert {name: clip.label for name, clip in clips.items()} == {
        "Action/Happy/0267": "happy",
        "Crime/Fear/0267": "fear",
    }
    assert clips["Crime/Fear/0267"].video == corpora / "FERV39k" / "2_ClipsforFaceCrop" / "Crime" / "Fear" / "0267.mp4"


def test_clips_without_a_word_are_neutral_as_officially(corpora: Path) -> None:
    data = source(corpora, "ovmerd_plus")
    clips = {clip.id: clip for clip in data.read_clips()}
    assert [clip.open_labels for clip in clips.values()] == [
        ("worry", "shocked"), ("calm", "at ease"), ("neutral",), ("angry",),
    ]  # fmt: skip
    assert clips["samplenew3_00000062"].transcript == "Line of samplenew3_00000062."
    assert data.remarks == ["1 of 4 clips have no word: 'neutral' is used, as officially"]
    assert len(read(corpora, "mer2026_fg")) == 2
    assert [clip.open_labels for clip in read(corpora, "mer2025_fg").values()][1:] == [("neutral",), ("angry",)]


def test_the_real_list_of_ov_merd_is_the_official_one(shared: Path, tmp_path: Path) -> None:
    store = shared / "benchmarks" / "mer2024_ov_store"
    words = (f"data.root={store}", f"data.media={tmp_path}", "inputs.transcript=false")
    corpus = made(tmp_path, "ovmerd_plus", *words)
    corpus.source.takes_stock = True
    corpus.clips = corpus.source.read_clips()
    assert (len(corpus.clips), corpus.official_differences()) == (532, [])


def test_challenges_train_on_what_is_public_and_test_on_what_is_given(corpora: Path) -> None:
    clips = read(corpora, "mer2025", "data.val_fraction=0.25")
    assert Counter(clip.split for clip in clips.values()) == {"train": 3, "val": 1}
    assert clips["samplenew3_00000062"].valence == -1.5
    assert clips["samplenew3_00130000"].valence is None
    clips = read(corpora, "mer2026", "data.truth=own_test.csv", "data.val_fraction=0.4")
    assert Counter(clip.split for clip in clips.values()) == {"train": 2, "val": 1, "test": 1}
    with pytest.raises(UserError, match=r"data\.train and data\.truth are null: name the table"):
        read(corpora, "mer2026", "data.train=null")
    with pytest.raises(InputErrors, match="own_test.csv, line 2 as well"):
        read(corpora, "mer2026", "data.truth=own_test.csv", "data.train=own_test.csv")


@pytest.mark.parametrize(
    ("lines", "said"),
    [
        (["00025.mp4 3"], "line 1: label '3': lists of `path label` number the eleven classes in different orders"),
        (["00025 47 11"], "line 1: label '11' is not 0 to 10 (happy, sad"),
        (["00025.mp4 angr"], "line 1: emotion_label 'angr' is not one of"),
        (["compound", "00025.mp4 anger_joy_anger"], "line 1: emotion_label 'anger_joy_anger' has 'angry' twice"),
        (["compound", "00025.mp4 12"], "line 1: label '12' is a number; compound classes are read as words"),
        (["00025.mp4"], "line 1: '00025.mp4' is not `path label` or `path frames label`"),
        (["00025.mp4 anger", "00025 47 3"], "line 2: 00025 is there twice"),
        ([".. anger"], "line 1: video_name '..' leaves the media folder"),
        ([], "there are no clips in the file"),
    ],
)
def test_wrong_lines_of_a_list(own: Path, lines: list[str], said: str) -> None:
    words = ["data.target=compound"] if "compound" in lines else []
    write_text(own / "MAFW" / "own.txt", [line for line in lines if line != "compound"])
    found = problems(own, "mafw", "data.train=false", "data.truth=own.txt", *words)
    assert any(said in problem for problem in found), found


@pytest.mark.parametrize(
    ("name", "words", "message"),
    [
        ("mafw", ["data.fold=6"], "6 is not one of 1, 2, 3, 4, 5"),
        ("mafw", ["data.fold=2"], r"set_2/train\.txt .*no such file; set data\.root"),
        ("ravdess", ["data.channel=sung"], "'sung' is not one of speech, song, both"),
        ("crema_d", ["data.media=clips"], r"clips: no such folder; .* data\.media"),
        ("crema_d", ["data.ratios=[1,0]"], r"data\.ratios: \[1, 0\] must be three shares"),
        ("savee", ["data.media=../MAFW"], "no file is called like 'DC/sa01.avi'; set data.root to the folder of SAVEE"),
        ("meld", ["data.target=mood"], "'mood' is not one of emotion, sentiment"),
        (
            "meld",
            ["data.target=sentiment"],
            r"meld_sentiment has positive, negative as well; say 'data\.labels=\[positive, ?neutral, ?negative\]'",
        ),
        ("meld", ["data.media=clips"], r"clips: no such folder; .* data\.media"),
        ("iemocap", ["data.session=6"], "6 is not one of 1, 2, 3, 4, 5"),
        ("iemocap", ["data.classes=7"], "7 is not one of 4, 5, 6"),
        ("ch_sims", ["data.root=/nowhere"], r"/nowhere/label\.csv: no such file; set data\.root"),
        ("ch_sims", ["data.truth=labels.csv"], r"labels\.csv: no such file"),
    ],
)
def test_a_wrong_choice_is_named_with_what_there_is(corpora: Path, name: str, words: list[str], message: str) -> None:
    with pytest.raises((UserError, InstantiationException), match=message):
        source(corpora, name, *words).read_clips()


def problems(root: Path, name: str, *words: str) -> list[str]:
    with pytest.raises((RowErrors, InputErrors)) as caught:
        source(root, name, *words).read_clips()
    return caught.value.problems


def test_wrong_rows_are_named_with_their_file_and_line(own: Path) -> None:
    table = own / "MELD" / "test_sent_emo.csv"
    table.write_text(table.read_text().replace(",joy,", ",joyous,").replace(",Monica,fear,", ",Monica,,"))
    (word, empty) = problems(own, "meld", "data.train=false")
    assert word.startswith("line 3: emotion_label 'joyous' is not one of ['angry', 'happy'")
    assert empty.startswith("line 8: emotion_label is empty")
    rows = own / "CH-SIMS" / "label.csv"
    rows.write_text(rows.read_text().replace("0.8,0.8", "1.8,0.8").replace(",test", ",tset", 1))
    (mode, number) = problems(own, "ch_sims")
    assert mode == "line 5: mode 'tset' is not one of ['train', 'valid', 'test']"
    assert number == "line 6: label '1.8' is not a number from -1 to 1"
    turns = own / "IEMOCAP_full_release" / "Session5" / "dialog" / "EmoEvaluation" / "Ses05F_impro01.txt"
    write_text(turns, ["[0.5 - 0.2]\tSes05F_impro01_F000\tneu\t[2.5, 2.5, 2.5]", "[0.5 - 0.7] Ses05F_impro01_F001 neu"])
    (order, form, *_) = problems(own, "iemocap", "data.train=false")
    assert (
        order == "Ses05F_impro01.txt, line 1: the turn 'Ses05F_impro01_F000' ends at 0.2 s, before it begins at 0.5 s"
    )
    assert form.startswith("Ses05F_impro01.txt, line 2: '[0.5 - 0.7] Ses05F_impro01_F001 neu' is not")


UNIBENCH = "unibench/labels"
WORDS = {
    "0": "happy", "1": "sad", "2": "neutral", "3": "angry", "4": "excited", "5": "frustrated",
}  # fmt: skip


def rows_of(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


@pytest.mark.parametrize(("file", "name"), [("cmumosi", "cmu_mosi"), ("sims", "ch_sims")])
def test_the_real_lists_of_sentiment_are_the_official_ones(shared: Path, tmp_path: Path, file: str, name: str) -> None:
    rows = [
        (*row["name"].rsplit("_", 1), "", row["val"], "", "", "", "", row["split"].replace("val", "valid"))
        for row in rows_of(shared / UNIBENCH / f"{file}.csv")
    ]
    header = ["video_id", "clip_id", "text", "label", "label_T", "label_A", "label_V", "annotation", "mode"]
    write_rows(tmp_path / "label.csv", header, rows)
    corpus = made(tmp_path, name, f"data.root={tmp_path}", "inputs.transcript=false")
    corpus.source.takes_stock = True
    corpus.clips = corpus.source.read_clips()
    assert len(corpus.clips) == len(rows)
    assert corpus.official_differences() == []
    corpus.clips = corpus.clips[:-1]
    assert corpus.official_differences()


@pytest.mark.slow
@pytest.mark.parametrize(
    ("file", "name", "archive"), [("cmumosi", "cmu_mosi", "label"), ("iemocap_4way", "iemocap", "label_4way")]
)
def test_the_real_lists_as_archives_are_the_official_ones(
    shared: Path, tmp_path: Path, file: str, name: str, archive: str
) -> None:
    arrays: dict[str, dict[str, Any]] = {}
    for row in rows_of(shared / UNIBENCH / f"{file}.csv"):
        entry = {"emo": int(row.get("emo", 0)), "val": float(row.get("val", -10))}
        arrays.setdefault(f"{row['split']}_corpus", {})[row["name"]] = entry
    kinds: Any = {corpus: np.array(clips, dtype=object) for corpus, clips in arrays.items()}
    np.savez(tmp_path / f"{archive}.npz", **kinds)
    words = (f"data.root={tmp_path}", f"data.truth={archive}.npz", "inputs.transcript=false")
    corpus = made(tmp_path, name, *words)
    corpus.source.takes_stock = True
    corpus.clips = corpus.source.read_clips()
    assert corpus.official_differences() == []


@pytest.mark.parametrize(
    ("fold", "split"), [(2, "test"), *(pytest.param(1, split, marks=pytest.mark.slow) for split in ("test", "train"))]
)
def test_the_real_lists_of_mafw_are_the_official_ones(shared: Path, tmp_path: Path, fold: int, split: str) -> None:
    rows = rows_of(shared / "unibench" / "mafw" / f"set_{fold}_{split}.csv")
    write_text(tmp_path / "list.txt", [f"x/{row['name']} {row['frames']} {row['label']}" for row in rows])
    write_text(tmp_path / f"MAFW_set_{fold}_test_faces.txt", ["99999 1 0"])
    words = ("data.truth=list.txt", "data.train=false") if split == "test" else ("data.train_truth=list.txt",)
    corpus = made(tmp_path, "mafw", f"data.root={tmp_path}", f"data.fold={fold}", "inputs.transcript=false", *words)
    corpus.source.takes_stock = True
    corpus.clips = [clip for clip in corpus.source.read_clips() if clip.id != "99999"]
    assert len(corpus.clips) == len(rows)
    assert corpus.official_differences() == []


@pytest.mark.parametrize("session", [5, *(pytest.param(number, marks=pytest.mark.slow) for number in range(1, 5))])
def test_the_real_turns_of_iemocap_are_the_official_ones(shared: Path, tmp_path: Path, session: int) -> None:
    official = official_benchmarks()[f"iemocap_session{session}"]
    rows = [row for row in rows_of(shared / UNIBENCH / "iemocap_4way.csv") if row["name"][4] == str(session)]
    codes = dict(zip("0123", ("exc", "sad", "neu", "ang"), strict=True))
    lines = [f"[0.0 - 1.0]\t{row['name']}\t{codes[row['emo']]}\t[2.5, 2.5, 2.5]" for row in rows]
    write_text(tmp_path / f"Session{session}" / "dialog" / "EmoEvaluation" / "Ses.txt", lines)
    words = (f"data.root={tmp_path}", f"data.session={session}", "data.train=false", "inputs.transcript=false")
    corpus = made(tmp_path, "iemocap", *words)
    corpus.source.takes_stock = True
    corpus.clips = corpus.source.read_clips()
    assert corpus.official_differences() == []
    assert digest({row["name"]: WORDS[row["emo"]] for row in rows}) == official.digests["test"].ids


def test_doctor_counts_what_is_there_and_says_what_differs(corpora: Path) -> None:
    found, _ = look_at(made(corpora, "meld", f"data.root={corpora / 'MELD'}", "modalities=[text]"), probe=0)
    assert found.problems == []
    assert found.classes["test"]["disgust"] == 1
    assert "meld, test: 7 clips, the official set has 2610" in found.warnings
    assert any(sentence.startswith("emotion_label: 9 rows are read") for sentence in found.warnings)


EVALUATED: dict[str, tuple[str, int, list[str]]] = {
    "meld": ("meld", 7, ["inputs.transcript=false"]),
    "iemocap": ("iemocap_session5", 5, []),
    "ch_sims": ("ch_sims", 2, ["scoring=sentiment"]),
    "ch_sims_v2": ("ch_sims_v2", 2, ["scoring=sentiment"]),
    "cmu_mosi": ("cmu_mosi", 1, ["scoring=sentiment"]),
    "cmu_mosei": ("cmu_mosei", 3, ["scoring=sentiment"]),
    "ovmerd_plus": ("ovmerd_plus", 4, ["scoring=open_vocabulary", "prompt.task=reason"]),
    "mer2025": ("mer2025_semi", 4, ["data.truth=track1_train_disdim.csv", "data.train=null"]),
    "mer2025_fg": ("mer2025_fg", 3, ["scoring=open_vocabulary", "prompt.task=reason"]),
    "mer2026_fg": ("mer2026_fg", 2, ["scoring=open_vocabulary", "prompt.task=reason"]),
    "mer2026": ("mer2026_cross", 1, ["data.truth=own_test.csv", "data.train=null"]),
    "mafw": ("mafw_fold1", 2, ["inputs.transcript=false", "data.train=false"]),
    "ferv39k": ("ferv39k", 2, ["inputs.transcript=false", "data.train=false"]),
    "ravdess": ("ravdess", 7, ["data.ratios=[0,0,1]"]),
    "crema_d": ("crema_d", 7, ["data.ratios=[0,0,1]"]),
    "savee": ("savee", 12, ["data.ratios=[0,0,1]", "inputs.transcript=false"]),
    "enterface05": ("enterface05", 4, ["data.ratios=[0,0,1]", "inputs.transcript=false"]),
}


@pytest.mark.slow
@pytest.mark.parametrize("name", EVALUATED)
def test_doctor_finds_nothing_wrong_in_small_copies(corpora: Path, name: str) -> None:
    _, number, words = EVALUATED[name]
    ours = [word for word in words if not word.startswith(("scoring", "prompt"))]
    root = f"data.root={corpora / FOLDERS[name]}"
    found, clips = look_at(made(corpora, name, root, f"data.cache={corpora / 'cache'}", *ours), probe=None)
    assert found.problems == []
    assert sum(clip.split == "test" for clip in clips) == number


@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=() if name == "iemocap" else pytest.mark.slow) for name in EVALUATED]
)
def test_a_trained_model_is_evaluated(corpora: Path, trained: Path, tmp_path: Path, name: str) -> None:
    benchmark, number, words = EVALUATED[name]
    root = f"data.root={corpora / FOLDERS[name]}"
    report, answers = evaluated(corpora, trained, tmp_path, name, root, *words)
    assert (report["benchmark"], report["num_clips"], len(answers)) == (benchmark, number, number)
    truths = [line["truth"] for line in answers]
    ours = [word for word in words if not word.startswith("scoring")]
    expected = list(read(corpora, name, *ours).values())
    tested = [clip for clip in expected if clip.split == "test"]
    numbers, lists = (any(word == f"scoring={kind}" for word in words) for kind in ("sentiment", "open_vocabulary"))
    assert truths == [
        repr(clip.valence) if numbers else str(list(clip.open_labels or ())) if lists else clip.label for clip in tested
    ]


@pytest.mark.slow
def test_several_labels_of_mafw_are_evaluated(corpora: Path, trained: Path, tmp_path: Path) -> None:
    own = (
        f"data.root={corpora / FOLDERS['mafw']}",
        "data.target=compound",
        "data.train=false",
        "inputs.transcript=false",
    )
    found, clips = look_at(made(corpora, "mafw", *own), probe=None)
    assert (found.problems, len(clips)) == ([], 2)
    asked = ("prompt.task=multi-label", "scoring=multi_label")
    report, answers = evaluated(corpora, trained, tmp_path, "mafw", *own, *asked)
    assert (report["benchmark"], report["num_clips"]) == ("mafw_compound_fold1", 2)
    assert "subset_accuracy" in report["metrics"]
    assert [line["truth"] for line in answers] == ["angry, disgust", "neutral"]
