"""Small copies of the benchmarks in their original file formats, oddities included, with short real videos."""

import csv
import os
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from media_factory import make_media

NAMES = [f"sample_{number:08}" for number in range(8)]
LABELS = ("neutral", "angry", "happy", "sad", "worried", "surprise", "happy", "sad")
SILENT = NAMES[2]
"""Its cell in every transcript table is empty."""
OPEN_LABELS = [["happy", "at ease"], ["angry"], ["sad", "self-deprecating", "tired"]]
WORDS = ("Happy", "Sad", "Neutral", "Angry", "Surprise", "Disgust", "Fear")
CHINESE = {"neutral": "中性", "angry": "生气", "happy": "高兴", "sad": "悲伤", "worried": "担忧", "surprise": "惊讶"}
DFEW_TEST, DFEW_TRAIN = range(1, 8), range(8, 16)


def make_benchmarks(root: Path) -> Path:
    """`MER2023`, `MER2024` and `DFEW` below `root`."""
    make_mer2023(root / "MER2023")
    make_mer2024(root / "MER2024", videos=root / "MER2023" / "video")
    make_dfew(root / "DFEW", videos=root / "MER2023" / "video", folds=(1, 3, 4, 5))
    return root


def make_mer2023(root: Path) -> Path:
    """Archive, organisers' tables, upstream's rows, two transcript tables, EMER and the OV labels; half is .avi."""
    (root / "video").mkdir(parents=True)
    for number, name in enumerate(NAMES):
        suffix = ".avi" if number % 2 else ".mp4"
        make_media(root / "video" / f"{name}{suffix}", seconds=0.4, loudness=(0.05 * number + 0.1,) * 2)
    (root / "video" / f"{NAMES[0]}.avi").write_bytes(b"beside the mp4, and never read")
    rows = list(zip(NAMES, LABELS, strict=True))
    valences = [0.0, -1.5, -10, 2.25, -10, 4, 5, -5]
    corpora: dict[str, Any] = {
        "train_corpus": {},
        "test1_corpus": rows[:6],
        "test2_corpus": rows[4:],
        "test3_corpus": rows,
    }
    for corpus, members in corpora.items():
        entries = {name: {"emo": label, "val": valences[NAMES.index(name)]} for name, label in members}
        corpora[corpus] = np.array(entries or {"sample_99": {"emo": "sad", "val": 0.5}}, dtype=object)
    np.savez(root / "label-6way.npz", **corpora)
    table = [(f"{name}.mp4" if n == 4 else name, label, valences[n]) for n, (name, label) in enumerate(rows)]
    write_table(root / "test1-label.csv", ["name", "discrete", "valence"], table)
    lines = [f"{name} 25 {label} {valences[n]}" for n, (name, label) in enumerate(rows[:-1])]
    (root / "relative_test3_NCEV.txt").write_text("\n".join([*lines, f"{NAMES[-1]} {LABELS[-1]}"]) + "\n")
    write_transcripts(root / "transcription_en_all.csv", ["sentence"], [*NAMES, "sample_98"])
    write_transcripts(root / "transcription-engchi-polish.csv", ["chinese", "english"], NAMES)
    make_emer(root)
    return root


def make_emer(root: Path) -> None:
    """v1 in two languages with its subtitles, v2 without."""
    for file, words in (("gt-eng.csv", None), ("gt-chi.csv", CHINESE)):
        rows = [
            (name, words[label] if words else label, "" if name == SILENT else f"Line of {name}", f'He "{label}", so.')
            for name, label in zip(NAMES[:4], LABELS, strict=False)
        ]
        write_table(root / file, ["names", "emotions", "subtitles", "reasons"], rows)
    described = [(name, f"他{number}。", f"In the video, {name}, smiles.") for number, name in enumerate(NAMES[:3])]
    write_table(root / "final-EMER-reason.csv", ["name", "chinese", "english"], described)


def make_mer2024(root: Path, *, videos: Path) -> Path:
    """Reference tables of both tracks, names with suffix, an archive with an array for each clip, the OV labels."""
    link_videos(videos, root / "video", NAMES)
    rows = list(zip(NAMES, LABELS, strict=True))
    write_table(root / "reference-noise.csv", ["name", "discrete"], [(f"{name}.mp4", x) for name, x in rows[::2]])
    write_table(root / "reference-semi.csv", ["name", "discrete"], rows)
    arrays: dict[str, Any] = {name: np.array(label) for name, label in rows}
    np.savez(root / "semi.npz", **arrays)
    write_transcripts(root / "transcription_all_new.csv", ["sentence_en"], NAMES)
    listed = [(name, str(words)) for name, words in zip(NAMES, OPEN_LABELS, strict=False)]
    write_table(root / "check-openset.csv", ["name", "openset"], listed)
    return root


def make_dfew(root: Path, *, videos: Path, folds: Iterable[int] = (1,)) -> Path:
    """Labels 1 to 7 in the official tables, one clip of each in the test fold; the derived files have 0 to 6."""
    media = root / "Clip" / "clip_original"
    media.mkdir(parents=True)
    for number in (*DFEW_TEST, *DFEW_TRAIN):
        source = sorted(videos.glob("*.mp4"))[number % 3]
        os.link(source, media / f"{number}.mp4")
    for fold in folds:
        for split, numbers in (("test", DFEW_TEST), ("train", DFEW_TRAIN)):
            path = root / "EmoLabel_DataSplit" / f"{split}(single-labeled)" / f"set_{fold}.csv"
            path.parent.mkdir(parents=True, exist_ok=True)
            write_table(path, ["video_name", "label"], [(number, (number - 1) % 7 + 1) for number in numbers])
    zero_based = [(number, (number - 1) % 7) for number in DFEW_TEST]
    (root / "clip.txt").write_text("".join(f"/data/x/DFEW/{number:05} 44 {label}\n" for number, label in zero_based))
    (root / "mae.txt").write_text("".join(f"clips/{number:05}.mp4 {label}\n" for number, label in zero_based))
    (root / "words.txt").write_text("".join(f"{number} 44 {WORDS[label].lower()}\n" for number, label in zero_based))
    return root


def link_videos(source: Path, target: Path, names: Sequence[str]) -> None:
    """The same videos in another folder."""
    target.mkdir(parents=True)
    for path in source.iterdir():
        if path.stem in names:
            os.link(path, target / path.name)


def write_transcripts(path: Path, columns: list[str], names: Sequence[str]) -> None:
    """The same sentence in each column; commas inside, one cell empty."""
    rows = [(name, *("" if name == SILENT else f"Well, {name}!" for _ in columns)) for name in names]
    write_table(path, ["name", *columns], rows)


def write_table(path: Path, header: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """UTF-8 with a byte order mark, as spreadsheets save it."""
    with path.open("w", newline="", encoding="utf-8-sig") as file:
        writer = csv.writer(file)
        writer.writerow(header)
        writer.writerows(rows)
