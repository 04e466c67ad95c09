"""Prepared clips in the files of other training programs: LLaMA-Factory, ms-swift, and MERR's of Emotion-LLaMA."""

import csv
import io
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from emolightning.config.families import DEFAULT, families
from emolightning.data.readers.label_files import HIGHEST, LOWEST
from emolightning.errors import InputErrors, UserError, override
from emolightning.files.media_suffixes import SOUND_SUFFIXES
from emolightning.files.writing import write_json, write_whole
from emolightning.prompt.questions import FIXED, target_text
from emolightning.records.clips import Clip
from emolightning.runs.preparing.placing import FOLDER, name_of

ROLES = {"role_tag": "role", "content_tag": "content", "user_tag": "user", "assistant_tag": "assistant"}
SPLITS = ("train", "val", "test")


def answer_of(clip: Clip, task: str) -> str:
    """The answer that conversations teach; empty where there is none."""
    words = clip.open_labels or () if task == "emotion" else ()
    return target_text(clip, task) or ", ".join(words)


def refuse_unfit(clips: Sequence[Clip], *, form: str, task: str, labels: Sequence[str]) -> None:
    """Refuse clips that a form cannot hold, before their media are touched.

    Args:
        clips: all of them.
        form: `custom`, `llama_factory`, `ms_swift` or `merr`.
        task: of conversations.
        labels: the vocabulary.

    Raises:
        InputErrors: names them.
        UserError: clips are asked which of two descriptions is better.
    """
    if any(clip.quoted for clip in clips):
        raise UserError(
            f"format={form} has no place for the descriptions that clips are to choose from; leave these data"
        )
    problems = []
    for clip in clips:
        where = f"{clip.source or clip.id}: {clip.id!r}"
        if form in ("llama_factory", "ms_swift"):
            if not answer_of(clip, task):
                problems.append(f"{where} has no answer for task {task}")
        elif clip.label is None and (form == "merr" or not clip.open_labels):
            problems.append(f"{where} has no label, and a table has one for each clip")
        elif clip.label is None and (others := [word for word in clip.open_labels or () if word not in labels]):
            problems.append(
                f"{where} has {', '.join(map(repr, others))}, and a table has labels of {list(labels)} alone"
            )
        elif form == "merr" and " " in f"{clip.id}{clip.label}":
            problems.append(f"{where}, {clip.label!r}: a row file divides by spaces; rename it")
    if problems:
        raise InputErrors(f"format={form}", problems)


def write_conversations(
    out: Path,
    clips: Sequence[Clip],
    *,
    form: str,
    labels: Sequence[str],
    task: str,
    question: str | None,
    scale: Sequence[float] | None = None,
) -> list[Path]:
    """Write a file of conversations for each split: the clip and a question, then the answer to learn.

    Args:
        out: the folder; its clips are there.
        clips: each with a split.
        form: `llama_factory`, lists of JSON and a `dataset_info.json`; or `ms_swift`, a line for each clip.
        labels: that the question offers.
        task: whose answer is learned, e.g. `emotion`, `reason` or `valence`.
        question: what is asked; None for the question of a run.
        scale: lowest and highest number of the clips, which that question names.
    """
    asked = question or _usual_question(task, labels, scale)
    is_swift, written = form == "ms_swift", []
    for split in SPLITS:
        own = [clip for clip in clips if clip.split == split]
        if not own:
            continue
        # ms-swift looks for files from where it is started, LLaMA-Factory in the folder of the dataset.
        root = (out / FOLDER).resolve() if is_swift else Path(FOLDER)
        talks = [_conversation(clip, root / name_of(clip), asked, answer_of(clip, task)) for clip in own]
        written.append(out / f"{split}.{'jsonl' if is_swift else 'json'}")
        lines = "".join(json.dumps(talk, ensure_ascii=False) + "\n" for talk in talks)
        write_whole(written[-1], lines if is_swift else json.dumps(talks, ensure_ascii=False, indent=1) + "\n")
    if not is_swift:
        names = sorted({name for clip in clips for name in _media(clip)})
        write_json(out / "dataset_info.json", {_name(out, path): _entry(path, names) for path in written})
    return written


def _usual_question(task: str, labels: Sequence[str], scale: Sequence[float] | None) -> str:
    prompt = {"task": task, "pool": FIXED, "scale": scale}
    return str(families()[DEFAULT].questions(prompt, labels=labels, protocol=(), seed=0).pools[task][0])


def _conversation(clip: Clip, path: Path, question: str, answer: str) -> dict[str, Any]:
    said = f"The person in video says: {clip.transcript}. " if clip.transcript else ""
    (name, mark), *_ = _media(clip).items()
    return {
        "messages": [
            {"role": "user", "content": f"{mark}{said}{question}"},
            {"role": "assistant", "content": answer},
        ],
        name: [path.as_posix()],
    }


def _media(clip: Clip) -> Mapping[str, str]:
    """Where both programs have the files of a conversation, and the mark of one in its text."""
    return {"audios": "<audio>"} if clip.video.suffix.lower() in SOUND_SUFFIXES else {"videos": "<video>"}


def _name(out: Path, path: Path) -> str:
    return f"{out.resolve().name}_{path.stem}"


def _entry(path: Path, media: Sequence[str]) -> dict[str, Any]:
    columns = {"messages": "messages", **{name: name for name in media}}
    return {"file_name": path.name, "formatting": "sharegpt", "columns": columns, "tags": ROLES}


def write_merr(out: Path, clips: Sequence[Clip], scale: tuple[float, float] | None) -> list[str]:
    """Write row files, a table of transcripts and MERR's explanations, as Emotion-LLaMA reads them.

    Args:
        out: the folder; its clips are there.
        clips: each with label and split.
        scale: lowest and highest valence; it becomes MER2023's. None leaves valence out.

    Returns:
        The words that read them here.
    """
    words = ["data=merr_fine", override("data.root", str(out)), f"data.media={FOLDER}"]
    for split in SPLITS:
        rows = [f"{clip.id} 0 {clip.label}{_valence(clip, scale)}\n" for clip in clips if clip.split == split]
        words.append(f"data.{split}={f'{split}.txt' if rows else 'null'}")
        if rows:
            write_whole(out / f"{split}.txt", "".join(rows))
    words.append("data.val_fraction=0")  # Else validation clips come out of train where there are none.
    text = io.StringIO()
    table = csv.writer(text, lineterminator="\n")
    table.writerow(["name", "sentence"])
    table.writerows([clip.id, clip.transcript or ""] for clip in clips)
    write_whole(out / "transcription_en_all.csv", text.getvalue())
    words.append("data.transcripts=transcription_en_all.csv")
    for name, setting, key, texts in (
        ("MERR_coarse_grained.json", "coarse", "caption", {c.id: c.reason for c in clips if c.reason}),
        (
            "MERR_fine_grained.json",
            "fine",
            "smp_reason_caption",
            {c.id: c.detailed_reason or c.reason for c in clips if c.detailed_reason or c.reason},
        ),
    ):
        words.append(f"data.{setting}={name if texts else 'null'}")
        if texts:
            write_json(out / name, {clip: {key: text} for clip, text in texts.items()})
    return words


def _valence(clip: Clip, scale: tuple[float, float] | None) -> str:
    """The column of valence, on MER2023's scale; empty where there is none, or none that can be put on it."""
    if clip.valence is None or not _is_on(clip.valence, scale):
        return ""
    if scale == (LOWEST, HIGHEST):
        return f" {clip.valence}"
    low, high = scale or (LOWEST, HIGHEST)
    share = (clip.valence - low) / (high - low)
    return f" {round(LOWEST + share * (HIGHEST - LOWEST), 6) + 0.0}"


def _is_on(value: float, scale: tuple[float, float] | None) -> bool:
    return scale is not None and scale[0] <= value <= scale[1]


def about_valence(clips: Sequence[Clip], scale: tuple[float, float] | None) -> list[str]:
    """What row files do to valence, counted."""
    found = [clip.valence for clip in clips if clip.valence is not None]
    off = sum(not _is_on(value, scale) for value in found)
    if found and scale is None:
        return [
            f"valence of {off} clips is left out: row files have it from {LOWEST} to {HIGHEST}, and nothing says on "
            "which scale it is here; data=custom takes data.scale=[LOW,HIGH]"
        ]
    low, high = scale or (LOWEST, HIGHEST)
    told = [f"valence of {off} clips is left out: it is not from {low:g} to {high:g}"] if off else []
    if found and scale != (LOWEST, HIGHEST):
        put = f"valence of {len(found) - off} clips is put from {low:g} to {high:g} on {LOWEST} to {HIGHEST}"
        told.append(f"{put}, as row files have it")
    return told
