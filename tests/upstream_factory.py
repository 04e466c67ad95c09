"""A folder in Emotion-LLaMA's own layout: row files, transcripts, explanations, feature folders, short videos."""

import csv
import json
from pathlib import Path

import numpy as np
from media_factory import make_media

FEATURE_FOLDERS = ("mae_340_UTT", "maeV_399_UTT", "HL-UTT")
LABELS = ("happy", "sad", "angry", "worried")
WIDTH = 32


def make_upstream_folder(root: Path, *, num_clips: int = 8) -> Path:
    """Half of the clips are avi files, transcripts have commas, captions have upper case and punctuation."""
    names = [f"sample_{number:08}" for number in range(num_clips)]
    (root / "video").mkdir(parents=True)
    generator = np.random.default_rng(0)
    for folder in FEATURE_FOLDERS:
        (root / folder).mkdir()
    for number, name in enumerate(names):
        suffix = ".avi" if number % 2 else ".mp4"
        make_media(root / "video" / f"{name}{suffix}", seconds=0.3, loudness=(0.1, 0.1))
        for folder in FEATURE_FOLDERS:
            shape = (1, WIDTH) if number % 2 else (WIDTH,)
            np.save(root / folder / f"{name}.npy", generator.normal(size=shape).astype(np.float32))
    write_rows(root / "MERR_coarse_grained.txt", names, "{name} 25 {label} -10")
    write_rows(root / "MERR_fine_grained.txt", names, "{name} 25 {label}")
    write_rows(root / "MER2023_pseudo_label.txt", names, "{name} {label}")
    with (root / "transcription_en_all.csv").open("w", newline="", encoding="utf-8") as file:
        rows = csv.writer(file)
        rows.writerow(["name", "sentence"])
        rows.writerows([name, f"Well, number {number}!"] for number, name in enumerate(names))
    coarse = {name: {"caption": f"A FROWN; (slight). {name}"} for name in names}
    fine = {name: {"smp_reason_caption": f"In the video, {name} frowns... Therefore: sad!"} for name in names}
    (root / "MERR_coarse_grained.json").write_text(json.dumps(coarse))
    (root / "MERR_fine_grained.json").write_text(json.dumps(fine))
    return root


def write_rows(path: Path, names: list[str], form: str) -> None:
    """One line for each name, labels in turn."""
    lines = [form.format(name=name, label=LABELS[number % len(LABELS)]) for number, name in enumerate(names)]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")


def make_dfew_folder(root: Path, *, num_clips: int = 9) -> Path:
    """Fold 1: the last three clips are the test set."""
    media = root / "Clip" / "clip_original"
    media.mkdir(parents=True)
    for number in range(1, num_clips + 1):
        make_media(media / f"{number}.mp4", seconds=0.3)
    for split, numbers in (("train", range(1, num_clips - 2)), ("test", range(num_clips - 2, num_clips + 1))):
        folder = root / "EmoLabel_DataSplit" / f"{split}(single-labeled)"
        folder.mkdir(parents=True)
        rows = "".join(f"{number},{number % 7 + 1}\n" for number in numbers)
        (folder / "set_1.csv").write_text("video_name,label\n" + rows)
    return root
