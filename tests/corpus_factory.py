"""Small copies of corpora as their owners give them, oddities included, with short real videos."""

import csv
import os
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from media_factory import make_media

MELD_ROWS = (
    (0, 0, "Chandler", "also I was the point person on my company\x92s transition", "neutral", "neutral"),
    (0, 1, "The Interviewer", "You must\x92ve had your hands full.", "joy", "positive"),
    (1, 0, "Joey", "", "sadness", "negative"),
    (1, 1, "Chandler", "None", "anger", "negative"),
    (1, 2, "Joey", "What, ever?", "surprise", "negative"),
    (2, 0, "Monica", "Ew!", "disgust", "negative"),
    (2, 1, "Monica", "No, no!", "fear", "negative"),
)
MELD_PLACES = {
    "train": ("train_sent_emo.csv", "train/train_splits"),
    "dev": ("dev_sent_emo.csv", "dev/dev_splits_complete"),
    "test": ("test_sent_emo.csv", "test/output_repeated_splits_test"),
}
IEMOCAP_CODES = ("neu", "hap", "exc", "sad", "ang", "fru", "xxx", "sur")
SIMS_ROWS = (
    ("video_0001", "1", "我不想嫁给李茶", -1.0, "train"),
    ("video_0001", "2", "", 0.6, "train"),
    ("video_0002", "1", "好", 0.0, "valid"),
    ("video_0001", "3", "不行", -0.2, "test"),
    ("video_0003", "1", "行", 0.8, "test"),
)
MOSI_ROWS = (
    ("-iRBcNs9oI8", "1", "AND IT WAS GREAT", 3.0, "test"),
    ("03bSnISJMiM", "10", "WELL", -2.4000000954, "train"),
    ("03bSnISJMiM", "2", "UMM", 0.0, "valid"),
)
SIMS_V2_ROWS = (
    ("aqgy3_0001", "00000", "你好", 0.4, "test"),
    ("aqgy3_0001", "00002", "不", -0.8, "test"),
    ("aqgy4_0003", "00012", "嗯", 0.0, "train"),
    ("aqgy5_0001", "00001", "谢谢", 0.2, "valid"),
)
MOSEI_ROWS = (
    ("--qXJuDtHPw", "5", "I see that a writer", 1.0, "test"),
    ("_0efYOjQYRc", "0", "", -0.6666667, "test"),
    ("zwTrXwi54us", "12", "So", 0.0, "test"),
    ("-3g5yACwYnA", "10", "Key", 2.3333333, "train"),
    ("-3g5yACwYnA", "11", "Well", 0.3333333, "valid"),
)

NAMES = {
    "RAVDESS": [
        *(f"Video_Speech_Actor_{a:02}/Actor_{a:02}/01-01-0{e}-01-02-01-{a:02}.mp4" for a in (1, 2, 24) for e in (1, 6)),
        *(f"Video_Speech_Actor_01/Actor_01/0{modality}-01-05-02-01-02-01.mp4" for modality in (1, 2)),
        "Video_Song_Actor_02/Actor_02/01-02-03-01-01-01-02.mp4",
        "Video_Speech_Actor_01/Actor_01/._01-01-08-01-02-01-01.mp4",
    ],
    "CREMA-D": [
        f"VideoFlash/{actor}_{code}.flv" for actor in (1001, 1002, 1091) for code in ("IEO_ANG_HI", "DFA_NEU_XX")
    ]
    + ["VideoFlash/1040_ITH_SAD_X.flv", "AudioWAV/1001_IEO_ANG_HI.wav", "VideoFlash/intro.flv"],
    "SAVEE": [
        f"AudioVisualClip/{who}/{code}.avi" for who in ("DC", "JE", "KL") for code in ("a1", "sa01", "su15", "n30")
    ],
    "eNTERFACE05": [
        *("subject 1/anger/sentence 1/s1_an_1.avi", "subject 6/disgust/s6_di_2.avi", "subject 44/fear/s44_fe_5.avi"),
        "subject 3/happiness/sentence 5/s_3_ha_5.avi",
    ],
}
"""Corpora whose names are their annotation, with one file of each odd kind."""

MAFW_LINES = {
    "test": [("00025", "anger"), ("00028", "disappointment")],
    "train": [("03747", "happiness"), ("00001", "anxiety")],
}
MAFW_COMPOUND = {
    "test": [("00025", "anger_disgust"), ("00028", "neutral")],
    "train": [("03747", "sadness_anxiety_helplessness"), ("00001", "anger")],
}
FERV39K_LINES = {
    "test": [("Action/Happy/0267", "Happy"), ("Crime/Fear/0267", "Fear")],
    "train": [("Action/Sad/0001", "Sad"), ("War/Disgust/0002", "Disgust")],
}


def make_corpora(root: Path) -> Path:
    """Folders as the settings call them, below `root`."""
    video = make_media(root / "video.mp4", seconds=1.2)
    make_meld(root / "MELD", video)
    make_iemocap(root / "IEMOCAP_full_release", video)
    make_mmsa(root / "CH-SIMS", video, "label.csv", SIMS_ROWS, digits=4)
    make_mmsa(root / "CH-SIMSv2", video, "meta.csv", SIMS_V2_ROWS)
    make_mmsa(root / "CMU-MOSI", video, "label.csv", MOSI_ROWS)
    make_mmsa(root / "CMU-MOSEI", video, "label.csv", MOSEI_ROWS)
    for corpus, names in NAMES.items():
        for name in names:
            link(video, root / corpus / name)
    make_mafw(root / "MAFW", video)
    make_ferv39k(root / "FERV39k", video)
    make_challenges(root, video)
    return root


def make_meld(root: Path, video: Path) -> None:
    """Three tables with the same names of clips in each, and the real ones' apostrophes of Windows-1252."""
    for part, (table, folder) in MELD_PLACES.items():
        rows = [
            (number, said, who, emotion, sentiment, dialogue, utterance, 1, 1, "00:16:16,059", "00:16:21,731")
            for number, (dialogue, utterance, who, said, emotion, sentiment) in enumerate(MELD_ROWS, start=1)
        ]
        header = "Sr No.,Utterance,Speaker,Emotion,Sentiment,Dialogue_ID,Utterance_ID,Season,Episode,StartTime,EndTime"
        write_rows(root / table, header.split(","), rows)
        for dialogue, utterance, *_ in MELD_ROWS:
            link(video, root / folder / f"dia{dialogue}_utt{utterance}.mp4")
        (root / folder / f"._dia{part}.mp4").write_bytes(b"attributes of Apple's")


def make_iemocap(root: Path, video: Path) -> None:
    """Turns with the votes of people below each, stray lines among the sentences, copies of Apple's attributes."""
    for session in range(1, 6):
        dialog, name = root / f"Session{session}" / "dialog", f"Ses0{session}F_impro01"
        lines = ["% [START_TIME - END_TIME] TURN_NAME EMOTION [V, A, D]", ""]
        said = []
        for number, code in enumerate(IEMOCAP_CODES):
            turn = f"{name}_{'FM'[number % 2]}{number // 2:03}"
            start, end = 0.1 * number, 0.1 * number + 0.4
            lines.append(f"[{start:.4f} - {end:.4f}]\t{turn}\t{code}\t[2.5000, 3.0000, {number}.5000]")
            lines += ["C-E2:\tNeutral;\t()", "A-E3:\tval 3; act 2; dom  2;\t()", ""]
            said += [f"{turn} [{start:08.4f}-{end:08.4f}]: Line {number}.", "M: Hm."]
        write_text(dialog / "EmoEvaluation" / f"{name}.txt", lines)
        write_text(dialog / "EmoEvaluation" / f"._{name}.txt", ["\x00\x05"])
        write_text(dialog / "transcriptions" / f"{name}.txt", said)
        link(video, dialog / "avi" / "DivX" / f"{name}.avi")


def make_mafw(root: Path, video: Path) -> None:
    """Official lists with words, of one label and of several; DFER-CLIP's with numbers and paths of another machine."""
    for split, lines in MAFW_LINES.items():
        official = [f"{name}.mp4 {word}" for name, word in lines]
        write_text(root / "Train & Test Set" / "single" / "no_caption" / "set_1" / f"{split}.txt", official)
        compound = [f"{name}.mp4 {words}" for name, words in MAFW_COMPOUND[split]]
        write_text(root / "Train & Test Set" / "compound" / "no_caption" / "set_1" / f"{split}.txt", compound)
        numbers = {"anger": 3, "disappointment": 10, "happiness": 0, "anxiety": 8}
        write_text(root / f"clip_{split}.txt", [f"/data/MAFW/{name} 47 {numbers[word]}" for name, word in lines])
        for name, _ in lines:
            link(video, root / "data" / "clips" / f"{name}.mp4")


def make_ferv39k(root: Path, video: Path) -> None:
    """Official lists, called .csv and divided by spaces; the same number is in two scenes."""
    for split, lines in FERV39K_LINES.items():
        write_text(root / "4_setups" / "All_scenes" / f"{split}_All.csv", [f"{path} {word}" for path, word in lines])
        for path, _ in lines:
            link(video, root / "2_ClipsforFaceCrop" / f"{path}.mp4")


def make_challenges(root: Path, video: Path) -> None:
    """OV-MERD+ and tracks of MER2025 and MER2026, whose clips have one form of names; some lists have no word."""
    names = [f"samplenew3_{number:08}" for number in (62, 181, 95001, 130000)]
    for corpus in ("OV-MERD", "MER2025", "MER2026"):
        for name in names:
            link(video, root / corpus / "video" / f"{name}.mp4")
        sentences = [(name, f"{name}的话", f"Line of {name}.") for name in names]
        write_rows(root / corpus / "subtitle_chieng.csv", ["name", "chinese", "english"], sentences)
    write_rows(
        root / "OV-MERD" / "subtitle_eng.csv", ["name", "sentence"], [(name, f"Line of {name}.") for name in names]
    )
    words = list(zip(names, ("['worry', 'shocked']", "[calm, at ease]", "[]", "['angry']"), strict=True))
    write_rows(root / "OV-MERD" / "ovlabel.csv", ["name", "openset"], words)
    write_rows(root / "MER2026" / "track2_train_human.csv", ["name", "openset"], words[:2])
    write_rows(root / "MER2025" / "track2_train_ovmerd.csv", ["name", "openset"], words[1:])
    labels = list(zip(names, ("worried", "happy", "neutral", "angry"), (-1.5, 3, 0, -10), strict=True))
    write_rows(root / "MER2025" / "track1_train_disdim.csv", ["name", "discrete", "valence"], labels)
    write_rows(root / "MER2026" / "track1_train.csv", ["name", "discrete"], [row[:2] for row in labels[1:]])
    write_rows(root / "MER2026" / "own_test.csv", ["name", "discrete"], [labels[0][:2]])


def make_mmsa(root: Path, video: Path, table: str, rows: Iterable[Sequence[object]], digits: int = 0) -> None:
    """One table for all splits; its clips have lost their zeros in front."""
    header = ["video_id", "clip_id", "text", "label", "label_T", "label_A", "label_V", "annotation", "mode"]
    rows = list(rows)
    listed = [(movie, clip, said, value, value, value, value, "", mode) for movie, clip, said, value, mode in rows]
    write_rows(root / table, header, listed)
    for movie, clip, *_ in rows:
        link(video, root / "Raw" / str(movie) / f"{str(clip).zfill(digits)}.mp4")


def make_merbench(
    root: Path, video: Path, archive: str, corpora: Mapping[str, Mapping[str, tuple[int, float]]]
) -> Path:
    """A corpus as MERBench hands it round: numbers in an archive of pickles, clips in one folder, sentences but one."""
    arrays: dict[str, Any] = {
        corpus: np.array({name: {"emo": code, "val": value} for name, (code, value) in clips.items()}, dtype=object)
        for corpus, clips in corpora.items()
    }
    root.mkdir(parents=True, exist_ok=True)
    np.savez(root / archive, **arrays)
    names = list(dict.fromkeys(name for clips in corpora.values() for name in clips))
    for name in names:
        link(video, root / "subvideo" / f"{name}.mp4")
    rows = [(name, "你好", "" if place == 1 else f"Line of {name}.") for place, name in enumerate(names)]
    write_rows(root / "transcription-engchi-polish.csv", ["name", "chinese", "english"], rows)
    return root


def write_rows(path: Path, header: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """A table as its owners write it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(header)
        writer.writerows(rows)


def write_text(path: Path, lines: Iterable[str]) -> None:
    """Lines."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")


def link(source: Path, target: Path) -> None:
    """The same video under another name."""
    target.parent.mkdir(parents=True, exist_ok=True)
    os.link(source, target)
