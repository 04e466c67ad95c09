"""Cross-validation: every clip is tested once, nobody is in two folds, and all folds give one result."""

import random
import signal
import sys
from collections import Counter, defaultdict
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from corpus_factory import make_iemocap
from media_factory import make_media
from omegaconf import OmegaConf
from runs import REPO, TIMEOUT_S, Workplace, read_json, saved_step
from sklearn.metrics import recall_score
from sklearn.model_selection import StratifiedGroupKFold
from vector_factory import WIDTHS, words_of, write_clips

import emolightning as el
from emolightning.config.check import ConfigError, check_config
from emolightning.config.run_settings import EvalConfig, RunConfig
from emolightning.data.readers.annotations import read_custom
from emolightning.data.readers.folds import Division, divided, folds_by_row, folds_of, in_fold
from emolightning.data.readers.splits import assign_splits
from emolightning.errors import UserError, override
from emolightning.records.clips import Clip
from emolightning.runs.answers import latest_key, read_answers

LABELS = ("happy", "sad", "angry")


def clips_of(subjects: int, each: int) -> list[Clip]:
    """Clips of three labels, of subjects with a session each two."""
    rng = np.random.default_rng(subjects)
    return [
        Clip(
            f"s{subject}-{number}",
            Path("x.mp4"),
            label=str(rng.choice(LABELS, p=[0.6, 0.3, 0.1])),
            subject=f"s{subject}",
            attributes={"session": f"Ses{subject // 2}"},
        )
        for subject in range(subjects)
        for number in range(each + subject)
    ]


@pytest.mark.parametrize(("subjects", "folds"), [(10, 5), (7, 3), (23, 10)])
def test_each_clip_is_tested_once_and_nobody_is_in_two_folds(subjects: int, folds: int) -> None:
    clips, tested = clips_of(subjects, 8), Counter[str]()
    for name in folds_of(clips, folds=folds, leave_one=None):
        found = in_fold(clips, name, seed=3)
        assert [clip.id for clip in found] == [clip.id for clip in clips]
        splits = defaultdict(set)
        for clip in found:
            splits[clip.subject].add(clip.split)
        assert {len(where) for where in splits.values()} == {1}
        tested.update(clip.id for clip in found if clip.split == "test")
    assert tested == Counter(clip.id for clip in clips)


def test_labels_are_spread_evenly_whatever_the_order_of_the_rows() -> None:
    alone = [Clip(f"c{number}", Path("x.mp4"), label=LABELS[number % 3 % 2]) for number in range(90)]
    counts = Counter((fold, alone[int(clip[1:])].label) for clip, fold in divided(alone, 5, seed=1).items())
    assert counts == {(fold, label): number for fold in range(5) for label, number in (("happy", 12), ("sad", 6))}
    shuffled = random.Random(2).sample(alone, 90)
    assert divided(shuffled, 5, seed=1) == divided(alone, 5, seed=1) != divided(alone, 5, seed=2)
    of_people = clips_of(20, 10)
    fold_of = divided(of_people, 4, seed=0)
    shares = Counter((fold_of[clip.id], clip.label) for clip in of_people)
    for label in LABELS:
        own = [shares[fold, label] for fold in range(4)]
        assert max(own) - min(own) <= 0.5 * np.mean(own)


@pytest.mark.parametrize(("people", "folds", "seed"), [(40, 5, 0), (11, 3, 7), (60, 9, 42)])
def test_whole_subjects_are_divided_as_by_scikit_learn(people: int, folds: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    shares = rng.dirichlet(np.ones(5), people)
    clips = [
        Clip(f"c{n:03}", Path("x"), label=f"label{rng.choice(5, p=shares[n % people])}", subject=f"s{n % people}")
        for n in range(600)
    ]
    splitter = StratifiedGroupKFold(folds, shuffle=True, random_state=seed)
    of_clips = ([clip.label for clip in clips], [f"subject\0{clip.subject}" for clip in clips])
    parts = [tested.tolist() for _, tested in splitter.split(np.zeros((600, 1)), *of_clips)]
    assert divided(clips, folds, seed=seed) == {clips[n].id: fold for fold, part in enumerate(parts) for n in part}


def test_clips_are_divided_once_for_all_folds(monkeypatch: pytest.MonkeyPatch) -> None:
    clips, calls = clips_of(12, 9), list[int]()

    def counted(clips: Any, number: int, *, seed: int) -> list[int]:
        calls.append(number)
        return folds_by_row(clips, number, seed=seed)

    monkeypatch.setattr("emolightning.data.readers.folds.folds_by_row", counted)
    division = Division(clips, seed=1)
    for name in [*folds_of(clips, folds=4, leave_one=None), *folds_of(clips, folds=None, leave_one="subject")]:
        held, alone = division.held_out(name), in_fold(clips, name, seed=1)
        assert [held.split_of[part] for part in held.parts] == [clip.split for clip in alone]
        counts = {split: Counter(c.label for c in alone if c.split == split) for split in ("train", "val", "test")}
        assert held.class_counts == counts
        assert held.num_tested == len({clip.subject for clip in alone if clip.split == "test"})
    assert calls == [4] * 5  # The division's, and four of `in_fold`.


def work_of(num_rows: int, folder: Path) -> int:
    """How many functions are called to read a table and to divide its clips, with a few people and with many."""
    folder.mkdir()
    for number in range(num_rows):
        (folder / f"{number}.mp4").touch()
    lines = [f"{number}.mp4,{('sad', 'joy')[number % 2]},Line {number}.,s{number % 8}" for number in range(num_rows)]
    (folder / "t.csv").write_text("\n".join(["video_name,emotion_label,transcription,subject", *lines]))
    calls = 0

    def count(frame: object, event: str, argument: object) -> None:
        nonlocal calls
        calls += event in ("call", "c_call")

    sys.setprofile(count)
    try:
        clips = read_custom(folder / "t.csv", folder, ("happy", "sad"))
        for some in (clips, [replace(clip, subject=None, label=f"text {clip.id}") for clip in clips]):
            assign_splits(some, seed=0)
            division = Division(some, seed=0)
            for name in ("1/5", "2/5", "5/5"):
                division.held_out(name)
    finally:
        sys.setprofile(None)
    return calls


def test_twice_the_rows_are_twice_the_work(tmp_path: Path) -> None:
    work_of(20, tmp_path / "first")  # Imports what is needed.
    work = [work_of(number, tmp_path / str(number)) for number in (100, 200, 400)]
    assert work[2] - work[1] == pytest.approx(2 * (work[1] - work[0]), rel=0.02)


def test_one_session_is_left_out_and_validation_shares_none_with_training() -> None:
    clips = clips_of(10, 6)
    names = folds_of(clips, folds=None, leave_one="session")
    assert names == [f"session=Ses{number}" for number in range(5)]
    for name in names:
        sessions = defaultdict(set)
        for clip in in_fold(clips, name, seed=0):
            sessions[clip.split].add(clip.attributes["session"])
        assert sessions["test"] == {name.partition("=")[2]}
        assert not sessions["train"] & sessions["val"]
        assert sessions["val"]
    assert {clip.subject for clip in in_fold(clips, "subject=s3", seed=0) if clip.split == "test"} == {"s3"}


@pytest.mark.parametrize(
    ("held_out", "said"),
    [
        ("0/5", "say e.g. 1/5"),
        ("1/2", "of at least 3 folds"),
        ("third", "say a fold, e.g. 2/5, or who is tested"),
        ("2/9", "6 subjects cannot fill 9 folds; say fewer folds, or leave_one=subject"),
        ("subject=s33", "'s33' is not one of s0, s1, .*; did you mean s3"),
        ("sesion=Ses1", "'sesion' is not one of subject, session; did you mean session"),
    ],
)
def test_folds_that_cannot_be_are_refused(held_out: str, said: str) -> None:
    with pytest.raises(UserError, match=said):
        in_fold(clips_of(6, 4), held_out, seed=0)


def test_columns_that_make_no_folds_are_refused() -> None:
    few = [Clip(f"c{n}", Path("x"), label=LABELS[n % 3], subject=f"s{n}") for n in range(8)]
    with pytest.raises(UserError, match="no label has 5 clips, one for each fold; say fewer folds"):
        divided(few, 5, seed=0)
    clips = clips_of(4, 4)
    with pytest.raises(UserError, match="leave_one=session: 2 values for 22 clips; .* need three"):
        folds_of(clips, folds=None, leave_one="session")
    without = [*clips, Clip("nobody", Path("x.mp4"), label="sad")]
    with pytest.raises(UserError, match="leave_one=subject: 1 of 23 clips have none: nobody"):
        folds_of(without, folds=None, leave_one="subject")
    across = [Clip(f"c{n}", Path("x"), label="sad", subject="s", attributes={"fold": str(n % 3)}) for n in range(6)]
    with pytest.raises(UserError, match="1 subject.s. are in more than one split"):
        in_fold(across, "fold=1", seed=0)


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"folds": 5, "leave_one": "subject"}, "leave out one of both"),
        ({"folds": 1}, "folds: must be at least 2"),
        ({"folds": 2}, "folds: must be at least 3, not 2"),
        ({"folds": 5, "data": {"held_out": "1/5"}}, "data.held_out is said for each run by folds"),
    ],
)
def test_settings_that_make_no_folds_are_refused(settings: dict[str, Any], said: str) -> None:
    with pytest.raises(ConfigError) as caught:
        check_config(OmegaConf.merge(OmegaConf.structured(RunConfig), settings))  # type: ignore[arg-type]
    assert said in str(caught.value)
    with pytest.raises(ConfigError, match=r"folds is for train\.py alone"):
        check_config(OmegaConf.merge(OmegaConf.structured(EvalConfig), {"folds": 5, "checkpoint": "x"}))  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Six subjects, whose vectors are as different as labels are."""
    folder, rng = tmp_path_factory.mktemp("folds") / "clips", np.random.default_rng(7)
    centres = {name: {kind: rng.normal(size=width) for kind, width in WIDTHS.items()} for name in (*LABELS, *"abcdef")}
    rows = [
        {"video_name": f"{subject}-{number}", "emotion_label": LABELS[number % 3], "subject": subject}
        for subject in "abcdef"
        for number in range(9)
    ]

    def vectors(row: Mapping[str, object], name: str) -> np.ndarray:
        means = [centres[str(row[column])][name] for column in ("emotion_label", "subject")]
        return sum(means)[None] + 0.3 * rng.normal(size=(1, WIDTHS[name]))

    write_clips(folder, rows, vectors)
    return folder


def said_of(run: Path) -> dict[str, tuple[str, str | None]]:
    return {clip: (answer.text, answer.truth) for clip, answer in read_answers(run, latest_key(run)).items()}


def is_that_of_separate_runs(root: Path, folds: Mapping[str, str], separate: Callable[[str], list[str]]) -> Any:
    """The report of all folds, after each is found to be what a run of its own is, bit for bit.

    Args:
        root: of the cross-validation.
        folds: what is held out -> name of its folder.
        separate: words of a run of its own with that held out.
    """
    report, content, together = read_json(root / "metrics.json"), read_json(root / "folds.json"), said_of(root)
    values = []
    for held_out, name in folds.items():
        run, fold = el.train(*separate(held_out), override("data.held_out", held_out)), root / name
        values.append(el.evaluate(run, "logger=none")["uar"].value)
        assert said_of(run) == said_of(fold)
        assert said_of(run).items() <= together.items()
        read = [torch.load(at / "checkpoints" / "best.ckpt", weights_only=True)["state_dict"] for at in (run, fold)]
        assert all(torch.equal(read[0][part], read[1][part]) for part in read[0])
    uar = report["metrics"]["uar"]
    assert uar["per_fold"] == values
    assert uar["mean_over_folds"] == pytest.approx(np.mean(values)) == content["scores"]["uar"]["mean"]
    assert uar["sd"] == pytest.approx(np.std(values, ddof=1))
    truths, answers = zip(*((truth, answer) for answer, truth in together.values()), strict=True)
    assert len(together) == report["num_clips"]
    assert content["num_failed"] == 0
    if report["num_scored"] == report["num_clips"]:
        assert uar["value"] == pytest.approx(recall_score(truths, answers, average="macro", labels=sorted(set(truths))))
    assert (root / "report.html").stat().st_size > 10_000
    return report


@pytest.mark.slow
def test_a_killed_cross_validation_goes_on_and_is_what_separate_runs_are(place: Path, workplace: Workplace) -> None:
    words = words_of(place, "cv", LABELS, "model=fusion/lf_dnn", "trainer.max_epochs=4")
    root = place / "cv"
    program = workplace.start(REPO / "train.py", *words, "folds=3")
    program.signal_when((root / "fold-1-of-3.json").exists, signal.SIGKILL)
    output = workplace.call(REPO / "train.py", *words, "folds=3")
    assert "fold 1/3: done before" in output
    assert "of 2 subjects" in output
    report = is_that_of_separate_runs(
        root,
        {f"{number}/3": f"fold-{number}-of-3" for number in (1, 2, 3)},
        lambda fold: words_of(place, f"own{fold[0]}", LABELS, "model=fusion/lf_dnn", "trainer.max_epochs=4"),
    )
    assert report["num_clips"] == report["num_scored"] == 54
    assert (report["sampling"]["unit"], report["sampling"]["num_units"]) == ("subject", 6)


@pytest.mark.slow
@pytest.mark.timeout(1200)
def test_each_session_of_iemocap_is_left_out_once_killed_in_the_third_and_resumed(workplace: Workplace) -> None:
    place = workplace.folder / "sessions"
    place.mkdir()
    make_iemocap(place / "IEMOCAP", make_media(place / "video.mp4", seconds=1.2))
    own = [f"data.root={place / 'IEMOCAP'}", f"data.cache={place / 'cache'}"]
    root, third = place / "all", place / "all" / "fold-3-session-3"
    words = ["data=iemocap", "logger=csv", *own, "data.batch_size=4", "trainer.max_epochs=4"]
    sessions = [*words, f"output_dir={root}", "leave_one=session"]
    program = workplace.start(REPO / "train.py", *sessions)
    code = program.signal_when(lambda: saved_step(third) > 0, signal.SIGTERM, timeout_s=3 * TIMEOUT_S)
    assert code == 143, program.description()
    assert {path.stem for path in root.glob("fold-*.json")} == {"fold-1-session-1", "fold-2-session-2"}
    assert not (third / "metrics.json").exists()
    program = workplace.start(REPO / "train.py", *sessions)
    assert program.wait(3 * TIMEOUT_S) == 0, program.description()
    output = program.output()
    assert "leave_one=session: 5 runs" in output
    assert [f"fold session={number}: done before" in output for number in range(1, 6)] == [True] * 2 + [False] * 3
    report = is_that_of_separate_runs(
        root,
        {f"session={number}": f"fold-{number}-session-{number}" for number in range(1, 6)},
        lambda fold: [*words, f"output_dir={place / fold[-1]}"],
    )
    tested = [{clip[4] for clip in said_of(root / f"fold-{number}-session-{number}")} for number in range(1, 6)]
    assert tested == [{str(number)} for number in range(1, 6)]
    assert (report["num_clips"], report["sampling"]["unit"], report["sampling"]["num_units"]) == (25, "subject", 10)
    low, high = report["metrics"]["uar"]["ci95"]
    assert low < report["metrics"]["uar"]["value"] < high
