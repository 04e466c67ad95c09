"""Corpora whose files say what workers or frames say: tables of the MSP lab, AFEW's folders, Aff-Wild2's frames."""

import math
import re
import shutil
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from challenge_factory import EXPRESSIONS, make_challenges
from corpus_factory import write_text
from runs import read_json
from test_benchmarks import evaluated, made
from test_prepare import prepared, read_by

from emolightning.benchmarks.afew.card import LABELS as AFEW_LABELS
from emolightning.benchmarks.afew.reader import AfewData
from emolightning.benchmarks.aff_wild2.reader import AffWild2Data
from emolightning.benchmarks.msp_improv.reader import MspImprovData
from emolightning.benchmarks.msp_podcast.reader import MspPodcastData
from emolightning.data.checkup.checkup import look_at
from emolightning.data.checkup.unusable import RowErrors
from emolightning.data.readers.folds import folds_of, in_fold
from emolightning.data.readers.source import ClipSource
from emolightning.errors import InputErrors, UserError
from emolightning.records.clips import Answer, Clip, Score, Span
from emolightning.records.labels import MSP8
from emolightning.runs.preparing.preparing import Form, prepare
from emolightning.scoring.annotators import annotators_section

Own = dict[str, Any]

KINDS: dict[str, tuple[type[ClipSource], str, Own]] = {
    "msp_podcast": (MspPodcastData, "MSP-PODCAST", {"labels": "msp8"}),
    "msp_face": (MspPodcastData, "MSP-FACE", {"labels": "msp8", "corpus": "face"}),
    "msp_improv": (MspImprovData, "MSP-IMPROV", {"labels": "iemocap4", "val_fraction": 0.0}),
    "afew": (AfewData, "AFEW", {"labels": list(AFEW_LABELS), "val_fraction": 0.25}),
    "aff_wild2": (AffWild2Data, "Aff-Wild2", {"labels": [*MSP8[:-1], "other"], "seconds": 0.6}),
}
"""Corpus -> what reads it, its folder, and settings: composing a configuration takes longer than they do."""


@pytest.fixture(scope="module")
def corpora(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """All of them, small. For looking at only."""
    return make_challenges(tmp_path_factory.mktemp("challenges"))


@pytest.fixture
def own(corpora: Path, tmp_path: Path) -> Path:
    """A copy that a test may damage."""
    return Path(shutil.copytree(corpora, tmp_path / "own"))


def source(root: Path, name: str, *inputs: str, **own: Any) -> ClipSource:
    kind, folder, settings = KINDS[name]
    return kind(name=name, root=str(root / folder), inputs=inputs, **{**settings, **own})


def read(root: Path, name: str, *inputs: str, **own: Any) -> dict[str, Clip]:
    return {clip.id: clip for clip in source(root, name, *inputs, **own).read_clips()}


def said(clips: dict[str, Clip]) -> dict[str, tuple[str | None, str | None]]:
    return {name[-9:]: (clip.label, clip.split) for name, clip in clips.items()}


def test_msp_podcast_has_letters_numbers_and_sentences_in_files(corpora: Path) -> None:
    data = source(corpora, "msp_podcast", "transcript")
    clips = {clip.id: clip for clip in data.read_clips()}
    assert said(clips) == {
        "0001_0008": ("neutral", "test"), "0001_0009": ("angry", "train"), "0002_0001": ("happy", "train"),
        "0002_0002": ("fear", "val"), "0003_0003": ("contempt", "test"),
    }  # fmt: skip
    first = clips["MSP-PODCAST_0001_0008"]
    assert (first.valence, first.arousal, first.subject) == (4.0, 2.2, "30")
    assert first.video == corpora / "MSP-PODCAST" / "Audios" / "MSP-PODCAST_0001_0008.wav"
    assert (first.transcript, first.attributes) == ("Line of 0001_0008.", {"gender": "Male"})
    assert (clips["MSP-PODCAST_0002_0001"].subject, clips["MSP-PODCAST_0003_0003"].valence) == (None, None)
    assert data.remarks == [
        "MSP-Podcast: 1 turns of other parts are left out (Test2 1)",
        "MSP-Podcast: 5 rows are mapped (A -> angry 1, C -> contempt 1, F -> fear 1, H -> happy 1, N -> neutral 1)",
        "MSP-Podcast: 2 rows are left out (O 1, X 1)",
        "1 of 5 clips have an empty transcript: the sentence is empty",
    ]


@pytest.mark.parametrize("detailed", [None, "Labels/older.csv"])
def test_what_most_workers_say_is_the_label_and_ties_are_left_out(corpora: Path, detailed: str | None) -> None:
    own: Own = {"judged_by": "workers", "detailed": detailed}
    data = source(corpora, "msp_podcast", classes=4, labels="msp4", tested="Test2", **own)
    clips = {clip.id: clip for clip in data.read_clips()}
    assert said(clips) == {"0001_0009": ("angry", "train"), "0002_0001": ("happy", "train")}
    assert clips["MSP-PODCAST_0001_0009"].attributes["agreement"] == "2/3"
    assert "MSP-Podcast: 3 rows are left out (Fear 1, Surprise 1, X 1)" in data.remarks
    whole = source(corpora, "msp_podcast", **own)
    assert said({clip.id: clip for clip in whole.read_clips()})["0003_0003"] == ("contempt", "test")
    assert "MSP-Podcast: 2 rows are left out (Other 1, X 1)" in whole.remarks


def test_each_label_has_its_share_of_the_workers(corpora: Path) -> None:
    data = source(corpora, "msp_podcast", judged_by="workers", targets="soft")
    clips = {clip.id: clip for clip in data.read_clips()}
    assert "MSP-Podcast: 2 rows are left out (Other 1, X 1)" in data.remarks
    assert not any("votes" in remark for remark in data.remarks)
    assert dict(clips["MSP-PODCAST_0001_0009"].shares) == pytest.approx({"angry": 2 / 3, "disgust": 1 / 3})
    assert dict(clips["MSP-PODCAST_0002_0002"].shares) == {"fear": 1.0}
    four = read(corpora, "msp_podcast", judged_by="workers", targets="soft", classes=4, labels="msp4")
    assert dict(four["MSP-PODCAST_0001_0009"].shares) == {"angry": 1.0}


@pytest.mark.parametrize(
    ("name", "detailed", "alpha", "accuracy"),
    [
        # Neutral, neutral, sad; contempt, angry, contempt: 1 - (4 / 6) / (26 / 30). MSP-Face tests the first alone.
        *(("msp_podcast", file, 3 / 13, 1 / 3) for file in (None, "Labels/older.csv")),
        ("msp_face", None, 0, 2 / 3),
    ],
)
def test_votes_of_workers_are_what_answers_are_compared_with(
    corpora: Path, name: str, detailed: str | None, alpha: float, accuracy: float
) -> None:
    data = source(corpora, name, judged_by="workers", detailed=detailed)
    clips = data.read_clips()
    assert data.votes is not None
    assert {*data.votes.of_clips} == {clip.id for clip in clips}
    angry = next(clip.id for clip in clips if clip.id.endswith("0001_0009"))
    assert data.votes.of_clips[angry] == ("angry", "angry", "disgust")
    assert [int(person.removeprefix("WORKER")) for person in data.votes.raters[angry]] == [0, 1, 2]
    answers = [Answer(clip.id, "neutral", "", clip.label, 0.0) for clip in clips if clip.split == "test"]
    said = [Score(each.clip_id, each.text, None, each.text) for each in answers]
    found = annotators_section(data.votes, answers, said, MSP8)
    assert (found["num_annotators"], found["num_pairs"]["sharing_clips"]) == (3, 3)
    assert found["agreement"]["krippendorff_alpha"]["value"] == pytest.approx(alpha)
    assert found["votes"]["soft_accuracy"]["value"] == pytest.approx(accuracy)


def test_a_vote_that_is_empty_or_of_no_turn_or_label_has_no_share(own: Path) -> None:
    table = own / "MSP-PODCAST" / "Labels" / "labels_detailed.csv"
    more = [("MSP-PODCAST_0001_0008.wav", word) for word in ("Other-Bored", "", "Happy", "nan")]
    more += [(name, "Angry") for name in ("../evil.wav", "C:x.wav", "")]
    rows = [f"{name},W,{word},,4,4,4" for name, word in more]
    table.write_text("\n".join([table.read_text().strip(), *rows, ""]))
    data = source(own, "msp_podcast", judged_by="workers", targets="soft", tested="Test1")
    (clip,) = (clip for clip in data.read_clips() if clip.id == "MSP-PODCAST_0001_0008")
    assert (clip.label, clip.attributes["agreement"]) == ("neutral", "2/5")
    assert dict(clip.shares) == {"neutral": 0.5, "sad": 0.25, "happy": 0.25}
    assert data.votes is not None
    assert (data.votes.of_clips[clip.id][3:], data.votes.raters[clip.id][3:]) == (("happy",), ("W",))
    assert "MSP-Podcast: 2 answers of workers are empty: they are no votes" in data.remarks
    assert "MSP-Podcast: 1 votes are left out (Other 1)" in data.remarks


@pytest.mark.parametrize(("name", "file", "worker", "nobody"), [
    ("msp_podcast", "MSP-PODCAST/Labels/labels_detailed.csv", r"WORKER\d+", "nan"),
    ("msp_podcast", "MSP-PODCAST/Labels/older.csv", r"WORKER\d+", "None"),
    ("msp_face", "MSP-FACE/Labels/labels_detailed.json", r'"WORKER\d+"', "null"),
])  # fmt: skip
def test_workers_without_names_are_not_one_person(own: Path, name: str, file: str, worker: str, nobody: str) -> None:
    table = own / file
    table.write_text(re.sub(worker, nobody, table.read_text()))
    data = source(own, name, judged_by="workers", detailed=f"Labels/{table.name}")
    data.read_clips()
    assert isinstance(data, MspPodcastData)
    assert data.votes is not None
    assert {person for people in data.votes.raters.values() for person in people} == {""}
    assert f"{data.title}: {table.name} does not say who gave which answer" in data.remarks


@pytest.mark.parametrize("targets", ["majority", "soft"])
def test_a_vote_that_is_no_word_of_the_corpus_is_refused(own: Path, targets: str) -> None:
    table = own / "MSP-PODCAST" / "Labels" / "labels_detailed.csv"
    table.write_text(table.read_text().replace("Disgust", "Disgst", 1))
    with pytest.raises(RowErrors) as caught:
        read(own, "msp_podcast", judged_by="workers", targets=targets)
    (problem,) = caught.value.problems
    assert problem.startswith("labels_detailed.csv, line 7: EmoClass_Major 'Disgst' is not one of")


@pytest.mark.parametrize("judged_by", ["consensus", "workers"])
def test_msp_face_is_the_same_as_json(corpora: Path, judged_by: str) -> None:
    clips = read(corpora, "msp_face", judged_by=judged_by)
    assert said(clips) == {
        "0001_0008": ("neutral", "test"), "0001_0009": ("angry", "train"), "0002_0001": ("happy", "train"),
        "0002_0002": ("fear", "val"),
    }  # fmt: skip
    assert clips["MSP-FACE_0001_0009"].video == corpora / "MSP-FACE" / "Video" / "MSP-FACE_0001_0009.mp4"


def test_a_session_of_msp_improv_is_left_out(corpora: Path) -> None:
    data = source(corpora, "msp_improv")
    clips = {clip.id: clip for clip in data.read_clips()}
    assert {name[11:19]: (clip.label, clip.split, clip.valence, clip.arousal) for name, clip in clips.items()} == {
        "S01A-F01": ("angry", "train", 3.333333, 2.333333),
        "S02H-M06": ("happy", "test", 4.5, 4.0),
        "S01A-M01": ("neutral", "train", 3.0, 3.0),
        "S04S-M02": ("sad", "train", 1.5, None),
    }
    happy = clips["MSP-IMPROV-S02H-M06-S-MF02"]
    assert happy.subject == "M06"
    assert happy.attributes == {"session": "6", "condition": "target_improvised", "sentence": "S02H"}
    assert "MSP-IMPROV: 1 rows are left out (X 1)" in data.remarks
    names = folds_of(list(clips.values()), folds=None, leave_one="session")
    assert names == ["session=1", "session=2", "session=6"]
    tested = [clip.id[11:15] for clip in in_fold(list(clips.values()), names[1], seed=0) if clip.split == "test"]
    assert tested == ["S04S"]


def test_afew_is_tested_on_what_its_challenge_validates_on(corpora: Path) -> None:
    data = source(corpora, "afew")
    clips = {clip.id: clip for clip in data.read_clips()}
    assert Counter(clip.split for clip in clips.values()) == {"train": 3, "val": 1, "test": 2}
    assert {name: clip.label for name, clip in clips.items() if clip.split == "test"} == {
        "val_000046280": "neutral",
        "val_000100814": "sad",
    }
    assert clips["train_000046280"].label == "angry"
    assert data.remarks[0].startswith("AFEW: 1 files are left out, for they are not called like")


def test_frames_become_windows_with_the_expression_of_most(corpora: Path) -> None:
    data = source(corpora, "aff_wild2", target="expression")
    clips = {clip.id: clip for clip in data.read_clips()}
    assert {name: (clip.label, clip.split) for name, clip in clips.items()} == {
        "1-30-1280x720_0-600ms": ("happy", "train"),
        "video59_600-1100ms": ("sad", "test"),
        "video59_right_600-1200ms": ("disgust", "test"),
    }
    right = clips["video59_right_600-1200ms"]
    assert (right.video.name, right.span, right.subject) == ("video59.mp4", Span(0.6, 1.2), "video59")
    assert data.benchmark == "aff_wild2_expression"
    assert data.remarks[-1] == (
        "Aff-Wild2: windows of 0.6 s are clips; 3 of 6 are left out (with two expressions alike 1, without enough "
        "labelled frames 2)"
    )


def test_numbers_of_frames_are_averaged(corpora: Path) -> None:
    clips = read(corpora, "aff_wild2", target="valence_arousal", fps=10)
    assert {name: (clip.label, clip.split) for name, clip in clips.items()} == {
        "1-30-1280x720_0-600ms": (None, "train"),
        "1-30-1280x720_600-1200ms": (None, "train"),
        "video59_0-600ms": (None, "test"),
    }
    tested = clips["video59_0-600ms"]
    assert (tested.valence, tested.arousal) == (pytest.approx(-0.1), pytest.approx(0.3))


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        (["Neutral,Anger", "0", "2"], "own.txt, line 3: '2' is not -1, or 0 to 1 (Neutral, Anger)"),
        (["Neutral,Anger", "0", "1.0"], "own.txt, line 3: '1.0' is not -1"),
        (["valence,arousal", "0.1,0.2"], "own.txt, line 1: 'valence,arousal' is not Neutral,Anger,...; numbers are"),
        (["Neutral,Anger", "0", "", "1"], "own.txt, line 3: '' is not -1, or 0 to 1"),
        (["Neutral,Anger", ""], "own.txt, line 1: there is no frame below the header"),
        ([EXPRESSIONS], "own.txt, line 1: there is no frame below the header"),
    ],
)
def test_wrong_frames_are_named(own: Path, lines: list[str], message: str) -> None:
    write_text(own / "Aff-Wild2" / "mine" / "Validation_Set" / "own.txt", lines)
    with pytest.raises((RowErrors, InputErrors)) as caught:
        read(own, "aff_wild2", truth="mine", train=False)
    assert any(message in problem for problem in caught.value.problems), caught.value.problems


def test_frames_after_the_last_are_blank_and_a_film_is_one_file(own: Path) -> None:
    root = own / "Aff-Wild2"
    write_text(root / "mine" / "Validation_Set" / "video59.txt", ["Neutral,Anger", *"11100", "", " ", ""])
    shutil.copy(own / "sound.wav", root / "video59.wav")
    (clip,) = read(own, "aff_wild2", truth="mine", train=False).values()
    assert (clip.span, clip.video) == (Span(0, 0.5), root / "batch2" / "video59.mp4")
    (root / "cropped").mkdir()
    shutil.copy(clip.video, root / "cropped" / "video59.mp4")
    with pytest.raises(RowErrors, match=r"any of \['batch2/video59.mp4', 'cropped/video59.mp4'\].*set data.media to"):
        read(own, "aff_wild2", truth="mine", train=False)
    (clip,) = read(own, "aff_wild2", truth="mine", train=False, media="batch2").values()
    assert clip.video == root / "batch2" / "video59.mp4"


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        (",N,2.2,", ",Q,2.2,", "line 2: emotion_label 'Q' is not one of ['happy', 'sad'"),
        (",4.0,2.6", ",8.0,2.6", "line 2: EmoVal '8.0' is not a number from 1 to 7"),
        ("39,Female,Train", "39,Female,", "line 3: Split_Set is empty; it is Train, Development or a test part"),
        ("EmoClass", "Emotion", "needs each of ['FileName', 'EmoClass', 'EmoAct', 'EmoVal', 'SpkrID', 'Split_Set']"),
        ("MSP-PODCAST_0001_0009.wav", "../x.wav", "line 3: video_name '../x.wav' leaves the media folder"),
        ("_0009.wav", "_0008.wav", "line 3: MSP-PODCAST_0001_0008 is there twice"),
    ],
)
def test_wrong_turns_are_named(own: Path, old: str, new: str, message: str) -> None:
    table = own / "MSP-PODCAST" / "Labels" / "labels_consensus.csv"
    table.write_text(table.read_text().replace(old, new))
    with pytest.raises((RowErrors, InputErrors)) as caught:
        read(own, "msp_podcast", "transcript")
    assert message in str(caught.value)


@pytest.mark.parametrize(
    ("name", "own", "message"),
    [
        (
            "msp_podcast",
            {"targets": "soft"},
            "data.targets=soft is of what each worker said; say data.judged_by=workers",
        ),
        ("msp_podcast", {"tested": "Test9"}, "data.tested=Test9: no turn is of that part; say one of Test1, Test2"),
        ("msp_podcast", {"judged_by": "workers", "detailed": "x.csv"}, r"x.csv: no such file; .* data\.detailed"),
        (
            "msp_podcast",
            {"judged_by": "workers", "detailed": "Labels/labels_consensus.csv"},
            "needs FileName, and EmoClass_Maj",
        ),
        ("msp_improv", {"truth": "../AFEW/list.txt"}, r"list.txt: no such file; .* data\.truth"),
        ("msp_improv", {"truth": "../MSP-PODCAST/Labels/labels_consensus.csv"}, "no line begins with UTD-IMPROV-"),
        ("afew", {"media": "Test_vid_Distribute"}, "no file is called like 'Train_AFEW/Angry/000046280.avi'"),
        ("aff_wild2", {"seconds": 0}, "data.seconds=0: must be 0.01 to 1800"),
        ("aff_wild2", {"seconds": math.nan}, "data.seconds=nan: must be"),
        ("aff_wild2", {"seconds": 1e308}, "data.seconds=1e.308: must be"),
        ("aff_wild2", {"fps": math.inf}, "data.fps=inf: must be 1 to 1000"),
        ("aff_wild2", {"truth": "nowhere"}, r"nowhere/Train_Set: no such folder; .*data\.truth"),
        ("aff_wild2", {"seconds": 9}, "no window of data.seconds=9 has labels for half of its frames; say less"),
    ],
)
def test_a_wrong_choice_is_named_with_what_there_is(corpora: Path, name: str, own: Own, message: str) -> None:
    with pytest.raises(UserError, match=message):
        read(corpora, name, **own)


def test_wrong_lines_of_msp_improv_are_named(own: Path) -> None:
    write_text(
        own / "MSP-IMPROV" / "own.txt",
        ["UTD-IMPROV-S01A-F01-P-FM01.avi A", "UTD-IMPROV-S01A-F01-P-FM01.avi; A; A:9; V:3;"],
    )
    with pytest.raises(RowErrors) as caught:
        read(own, "msp_improv", truth="own.txt")
    first, second = caught.value.problems
    assert first.startswith("line 1: 'UTD-IMPROV-S01A-F01-P-FM01.avi A' is not `UTD-IMPROV-<turn>.avi; <emotion>;")
    assert second == "line 2: A '9' is not a number from 1 to 5"


def test_films_that_are_missing_are_told_with_all_other_clips(corpora: Path) -> None:
    data = source(corpora, "aff_wild2", media="batch1")
    data.read_clips()
    assert all(reason.startswith("no file 'video59") for reason in data.lost.values())
    assert len(data.lost) == 2


SOUND = ["modalities=[audio,text]"]
SILENT = ["inputs.transcript=false"]
EVALUATED: dict[str, tuple[str, list[str], int, list[str]]] = {
    "msp_podcast": ("MSP-PODCAST", [], 2, SOUND),
    "msp_face": ("MSP-FACE", ["data.corpus=face", "data.judged_by=workers"], 1, SILENT),
    "msp_improv": ("MSP-IMPROV", [], 1, SILENT),
    "afew": ("AFEW", [], 2, SILENT),
    "aff_wild2_expression": ("Aff-Wild2", ["data.seconds=0.6", "data.train=false"], 2, SILENT),
    "aff_wild2_valence_arousal": (
        "Aff-Wild2",
        ["data.target=valence_arousal", "data.seconds=0.6", "data.train=false"],
        1,
        [*SILENT, "scoring=numbers", "scoring.scale=[-1,1]", "prompt.task=valence"],
    ),
}
"""What results are filed under -> folder, words about the data, clips of the test, words about the run."""


@pytest.mark.slow
@pytest.mark.parametrize("name", EVALUATED)
def test_doctor_finds_nothing_wrong_and_a_trained_model_is_evaluated(
    corpora: Path, trained: Path, tmp_path: Path, name: str
) -> None:
    folder, own, number, words = EVALUATED[name]
    data = {"msp_face": "msp_podcast"}.get(name) or name.removesuffix("_expression").removesuffix("_valence_arousal")
    own = [f"data.root={corpora / folder}", *own]
    ours = [word for word in words if not word.startswith(("scoring", "prompt"))]
    found, clips = look_at(made(tmp_path, data, *own, *ours), probe=None)
    assert found.problems == []
    assert sum(clip.split == "test" for clip in clips) == number
    report, answers = evaluated(tmp_path, trained, tmp_path / "run", data, *own, *words)
    assert (report["benchmark"], report["num_clips"], len(answers)) == (name, number, number)
    tested = [clip for clip in clips if clip.split == "test"]
    truths = [repr(clip.valence) if clip.label is None else clip.label for clip in tested]
    assert [line["truth"] for line in answers] == truths
    people = (report.get("annotators") or {}).get("num_annotators")
    assert people == (3 if "data.judged_by=workers" in own else None)


PREPARED: dict[str, list[str]] = {
    "msp_podcast": ["data.root=MSP-PODCAST"],
    "msp_improv": ["data.root=MSP-IMPROV", "transcripts=false"],
    "afew": ["data.root=AFEW", "transcripts=false"],
    "aff_wild2": ["data.root=Aff-Wild2", "data.seconds=0.6", "data.val_fraction=0", "transcripts=false"],
}


@pytest.mark.slow
@pytest.mark.parametrize("name", PREPARED)
def test_a_corpus_is_the_same_as_a_table(corpora: Path, tmp_path: Path, name: str) -> None:
    words = [f"data={name}", *(word.replace("root=", f"root={corpora}/") for word in PREPARED[name])]
    own = [word for word in words[1:] if not word.startswith("transcripts")]
    silent = ["inputs.transcript=false"] if "transcripts=false" in words else []
    expected = made(tmp_path, name, *own, *silent).source.read_clips()
    read = read_by(prepared(tmp_path, *words))
    known = {clip.id: (clip.label, clip.split, clip.valence, clip.arousal, clip.transcript or "") for clip in expected}
    assert {
        clip.id: (clip.label, clip.split, clip.valence, clip.arousal, clip.transcript or "") for clip in read
    } == known
    assert {clip.video.parent for clip in read} == {tmp_path / "out" / "clips"}
    assert all(clip.span is None for clip in read)


@pytest.mark.parametrize(("targets", "number"), [("majority", 0), ("soft", 4)])
def test_shares_of_labels_are_not_dropped_in_silence(corpora: Path, tmp_path: Path, targets: str, number: int) -> None:
    data = source(corpora, "msp_podcast", judged_by="workers", targets=targets)
    form = Form("custom", "link", "emotion", None, None, seed=0)
    said = prepare(data, tmp_path / "out", form, num_workers=1, on_error="error", max_skipped=0)
    told = [line for line in said if "shares of several labels" in line]
    assert told == [line for line in read_json(tmp_path / "out" / "prepare.json")["remarks"] if "shares" in line]
    assert [line.split()[0] for line in told] == [str(number)] * bool(number)


@pytest.mark.slow
def test_pairs_of_descriptions_have_no_place_in_a_table(corpora: Path, tmp_path: Path) -> None:
    with pytest.raises(
        UserError, match="format=custom has no place for the descriptions that clips are to choose from"
    ):
        prepared(tmp_path, "data=emoprefer", f"data.root={corpora / 'EmoPrefer'}", "transcripts=false")
