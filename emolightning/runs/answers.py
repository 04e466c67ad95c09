"""`answers.jsonl`: one line a clip, appended as produced; what an interrupted evaluation continues from.

Each line carries the key of its evaluation, so that answers of another checkpoint, prompt or setting are never mixed
in. With several ranks each appends to a file of its own; the first rank joins them at the end.
"""

import hashlib
import json
import os
import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from emolightning.errors import UserError
from emolightning.files.documents import DamagedFile, parse_json
from emolightning.files.writing import writing, written_whole
from emolightning.records.clips import Answer, Score

ANSWERS = "answers.jsonl"
ASIDE = "evaluations"
"""Folder of a run for answers and scores of other evaluations than the last one."""

RANK_FILES = "answers.rank*.jsonl"
RESULTS = (ANSWERS, "metrics.json", "report.html")

KINDS: dict[str, Any] = {
    "id": str,
    "key": str,
    "answer": str | None,
    "prompt": str,
    "truth": str | None,
    "seconds": int | float,
}
OF_SOME: dict[str, Any] = {"probabilities": dict, "valence": int | float}
"""What lines of some models or evaluations hold beside."""

SCORED: dict[str, Any] = {"prediction": str | None, "unscored_because": str | None, "alias": str | None}
"""What each line of a joined file holds beside: empty before all clips are answered, for then they are scored."""

"""What each line holds that another call goes on from."""

KEY = re.compile(r"[0-9A-Za-z_-]{1,64}")

_ENCODER = json.JSONEncoder(ensure_ascii=False)  # json.dumps would make a new one for each line.


def evaluation_key(settings: Mapping[str, Any]) -> str:
    """A short hash of everything that an answer depends on."""
    return hashlib.sha256(json.dumps(settings, sort_keys=True, default=str).encode()).hexdigest()[:16]


def rank_file(folder: Path, rank: int, world_size: int) -> Path:
    """Where a rank appends."""
    return folder / (ANSWERS if world_size == 1 else f"answers.rank{rank}.jsonl")


def append(path: Path, key: str, answers: Iterable[Answer]) -> None:
    """Write finished answers at once, without scores: a killed evaluation keeps them.

    Raises:
        CannotWrite: half a line may be left, which the next call cuts off.
        UserError: it is a link.
    """
    _require_own(path)
    with writing(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        if path.exists():
            _drop_half_line(path)
        with path.open("a", encoding="utf-8") as file:
            file.writelines(_encoded(_line(key, answer, None)) for answer in answers)


def _require_own(path: Path) -> None:
    """In a run folder from elsewhere a link could lead to any file of the user's, which would be written to.

    Raises:
        UserError: it is one.
    """
    if path.is_symlink():
        raise UserError(f"{path}: is a link to {os.readlink(path)}; nothing is written there: put a copy in its place")


def _encoded(line: dict[str, Any]) -> str:
    return _ENCODER.encode(line) + "\n"


def _line(key: str, answer: Answer, score: Score | None) -> dict[str, Any]:
    return {
        "id": answer.clip_id,
        "answer": None if answer.is_missing else answer.text,
        "truth": answer.truth,
        "prediction": score and score.value,
        "unscored_because": score and score.unscored_because,
        "alias": score and score.alias,
        "prompt": answer.prompt,
        "seconds": round(answer.seconds, 6),
        **({"read_from": score.read_from} if score and score.read_from else {}),
        **({"misspelt": True} if score and score.is_misspelt else {}),
        **({"passed_over": score.passed_over} if score and score.passed_over else {}),
        **({"missing_because": answer.missing_because} if answer.missing_because else {}),
        **({"probabilities": dict(answer.probabilities)} if answer.probabilities is not None else {}),
        **({} if answer.valence is None else {"valence": answer.valence}),
        "key": key,
    }


def read_answers(folder: Path, key: str) -> dict[str, Answer]:
    """Answers of one evaluation from all its files, by clip id; of several for a clip the first counts."""
    found: dict[str, Answer] = {}
    for path in [folder / ANSWERS, *sorted(folder.glob(RANK_FILES))]:
        for line in _read_lines(path) if path.exists() else ():
            if line["key"] == key and line["id"] not in found:
                found[line["id"]] = _answer(line)
    return found


def read_scored(folder: Path, key: str) -> list[tuple[Answer, Score]]:
    """The answers of one evaluation that came to its end, in their order, each with what was read from it.

    Raises:
        DamagedFile: a line lacks what scoring writes.
    """
    path = folder / ANSWERS
    found = []
    for number, line in enumerate(_read_lines(path), start=1):
        if line["key"] != key:
            continue
        _require_kinds(line, SCORED, f"{path}, line {number}")
        answer = _answer(line)
        read, because, alias = line["prediction"], line["unscored_because"], line["alias"]
        told: dict[str, Any] = {name: str(line.get(name, "")) for name in ("read_from", "passed_over")}
        told["is_misspelt"] = line.get("misspelt") is True
        found.append((answer, Score(answer.clip_id, read, because, answer.text, alias, **told)))
    return found


def known_answers(folder: Path, key: str) -> dict[str, Answer]:
    """The same with those that were set aside: other ranks may read before the first one has taken them back."""
    return {**read_answers(folder / ASIDE / key, key), **read_answers(folder, key)}


def _answer(line: dict[str, Any]) -> Answer:
    text, is_missing = line["answer"] or "", line["answer"] is None
    because = str(line.get("missing_because", "")) if is_missing else ""
    more = {"probabilities": line.get("probabilities"), "valence": line.get("valence")}
    return Answer(line["id"], text, line["prompt"], line["truth"], line["seconds"], is_missing, because, **more)


def latest_key(folder: Path) -> str:
    """The key of the evaluation that lies in a folder.

    Raises:
        UserError: there are no answers.
    """
    key = _key_of(folder / ANSWERS)
    if key is None:
        raise UserError(f"{folder / ANSWERS}: no answers; evaluate first with eval.py")
    return key


def _read_lines(path: Path) -> list[dict[str, Any]]:
    # What follows the last newline is the line that a killed process was writing.
    lines = path.read_bytes().split(b"\n")[:-1]
    return [_parsed(path, number, line) for number, line in enumerate(lines, start=1)]


def _parsed(path: Path, number: int, line: bytes) -> dict[str, Any]:
    place = f"{path}, line {number}"
    entry = parse_json(line, place)
    _require_kinds(entry, KINDS, place)
    _require_kinds(entry, {name: kinds for name, kinds in OF_SOME.items() if name in entry}, place)
    if not KEY.fullmatch(entry["key"]):  # It becomes the name of a folder.
        raise DamagedFile(place, f"its key {entry['key'][:80]!r} is none of an evaluation")
    return entry


def _require_kinds(entry: Any, all_kinds: Mapping[str, Any], place: str) -> None:
    for name, kinds in all_kinds.items():
        if not isinstance(entry, dict) or not isinstance(entry.get(name), kinds):
            raise DamagedFile(place, f"it is no answer: {name} is {_shown(entry, name)}")


def _shown(entry: Any, name: str) -> str:
    return repr(entry[name])[:80] if isinstance(entry, dict) and name in entry else "not there"


def _drop_half_line(path: Path) -> None:
    """Cut off what a killed process left after the last newline, so that the next line starts on its own."""
    with path.open("rb+") as file:
        if file.seek(0, os.SEEK_END) == 0:
            return
        file.seek(-1, os.SEEK_END)
        if file.read(1) != b"\n":
            file.seek(0)
            file.truncate(file.read().rfind(b"\n") + 1)


def join(folder: Path, key: str, answers: Sequence[Answer], scores: Sequence[Score]) -> None:
    """Replace the files of all ranks by one, in the order given."""
    with written_whole(folder / ANSWERS) as temporary, temporary.open("w", encoding="utf-8") as file:
        file.writelines(_encoded(_line(key, answer, score)) for answer, score in zip(answers, scores, strict=True))
    for path in folder.glob(RANK_FILES):
        if _key_of(path) in (key, None):
            path.unlink()


def set_aside_other(folder: Path, key: str) -> list[Path]:
    """Move answers and scores of other evaluations into `evaluations/<their key>/`: nothing is written over.

    Returns:
        Where they are now.
    """
    moved = []
    main_key = _key_of(folder / ANSWERS)
    if main_key not in (key, None):
        _move(folder, folder / ASIDE / str(main_key), RESULTS)
        moved.append(folder / ASIDE / str(main_key))
    for path in sorted(folder.glob(RANK_FILES)):  # An evaluation on several ranks that did not get to its end.
        rank_key = _key_of(path)
        if rank_key not in (key, None):
            _move(folder, folder / ASIDE / str(rank_key), (path.name,))
            moved.append(folder / ASIDE / str(rank_key))
    return moved


def _key_of(path: Path) -> str | None:
    """The evaluation that a file of answers belongs to; None without a whole line."""
    if not path.exists():
        return None
    with path.open("rb") as file:
        first = file.readline()
    return _parsed(path, 1, first)["key"] if first.endswith(b"\n") else None


def take_back(folder: Path, key: str) -> None:
    """Bring an evaluation that was set aside back up, to continue it or to show it again."""
    aside = folder / ASIDE / key
    if aside.is_dir() and not (folder / ANSWERS).exists():
        _move(aside, folder, [path.name for path in aside.iterdir()])
        aside.rmdir()


def _move(source: Path, target: Path, names: Sequence[str]) -> None:
    files = [place / name for name in names for place in (source, target)]
    aside = [path for side in (source, target) if side.parent.name == ASIDE for path in (side.parent, side)]
    for path in [*aside, *files]:  # The run folder itself may be a link.
        _require_own(path)
    target.mkdir(parents=True, exist_ok=True)
    for name in names:
        if not (source / name).exists():
            continue
        if name.endswith(".jsonl") and (target / name).exists():  # Both are kept: of several answers the first counts.
            with (target / name).open("ab") as file:
                file.write((source / name).read_bytes())
            (source / name).unlink()
        else:
            (source / name).replace(target / name)
