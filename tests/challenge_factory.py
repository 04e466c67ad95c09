"""Small copies of MSP-Podcast, MSP-Face, MSP-IMPROV, AFEW, Aff-Wild2 and EmoPrefer, as their owners write them."""

import json
from collections.abc import Sequence
from pathlib import Path

from corpus_factory import link, write_rows, write_text
from media_factory import make_media

HEADER = ("FileName", "EmoClass", "EmoAct", "EmoVal", "EmoDom", "SpkrID", "Gender", "Split_Set")
TURNS = (
    ("0001_0008", "N", 2.2, 4.0, 2.6, "30", "Male", "Test1", ("Neutral", "Neutral", "Sad")),
    ("0001_0009", "A", 5.9, 2.5, 5.1, "39", "Female", "Train", ("Angry", "Angry", "Disgust")),
    ("0001_0011", "X", 4.125, 4.75, 4.0, "39", "Female", "Train", ("Happy", "Neutral", "Sad")),
    ("0002_0001", "H", 5.0, 6.5, 5.0, "Unknown", "Unknown", "Train", ("Happy", "Happy", "Neutral")),
    ("0002_0002", "F", 6.0, 2.0, 2.0, "7", "Male", "Development", ("Fear", "Fear", "Fear")),
    ("0003_0001", "O", 3.0, 3.0, 3.0, "8", "Female", "Test1", ("Other-Curious", "Other-bored", "Happy")),
    ("0003_0002", "U", 6.5, 7.0, 5.0, "8", "Female", "Test2", ("Surprise", "Surprise", "Happy")),
    ("0003_0003", "C", 3.0, "", 4.0, "8", "Female", "Test1", ("Contempt", "Angry", "Contempt")),
)
"""Turns without a majority, of another emotion, of nobody known, of a part that is not tested, without a number."""

IMPROV_LINES = (
    "UTD-IMPROV-S01A-F01-P-FM01.avi; A; A:2.333333; V:3.333333; D:3.000000 ; N:3.666667;",
    "WORKER00000003; Angry; Angry,Frustrated; A:2.000000; V:3.000000; D:3.000000; N:4.000000;",
    "",
    "UTD-IMPROV-S02H-M06-S-MF02.avi; H; A:4.000000; V:4.500000; D:NaN ; N:4.000000;",
    "UTD-IMPROV-S03N-F06-R-FF01.avi; X; A:3.000000; V:3.000000; D:3.000000 ; N:3.000000;",
    "UTD-IMPROV-S01A-M01-P-FM03.avi; N; A:3.000000; V:3.000000; D:3.000000 ; N:3.000000;",
    "UTD-IMPROV-S04S-M02-T-FM10.avi; S; A:NaN; V:1.500000; D:2.000000 ; N:4.000000;",
)

AFEW = (
    *(f"Train_AFEW/{word}/00004628{n}.avi" for n, word in enumerate(("Angry", "Disgust", "Fear", "Happy"))),
    *("Val_AFEW/Neutral/000046280.avi", "Val_AFEW/Sad/000100814.avi", "Test_vid_Distribute/012345678.avi"),
)
"""One number is in two parts; the test has no labels."""

EXPRESSIONS = "Neutral,Anger,Disgust,Fear,Happiness,Sadness,Surprise,Other"

PAIRS = (
    ("samplenew3_00000062", "He smiles, so he is {a2} happy.", 'His "No" is sad.', "a2"),
    ("samplenew3_00000181", "Angry.", "Neither angry nor sad.", "a1"),
    ("samplenew3_00095001", "愤怒", "生气", "same"),
)


def make_challenges(root: Path) -> Path:
    """Folders as the settings call them, below `root`; ten frames a second."""
    video = make_media(root / "video.mp4", seconds=1.2, fps=10)
    make_msp(root / "MSP-PODCAST", make_media(root / "sound.wav", video=False, seconds=1.2, codecs=(None, "pcm_s16le")))
    make_msp_face(root / "MSP-FACE", video)
    write_text(root / "MSP-IMPROV" / "Evalution.txt", IMPROV_LINES)
    for turn in ("1/S01A/P/MSP-IMPROV-S01A-F01-P-FM01", "1/S01A/P/MSP-IMPROV-S01A-M01-P-FM03",
                 "6/S02H/S/MSP-IMPROV-S02H-M06-S-MF02",
                 "6/S03N/R/MSP-IMPROV-S03N-F06-R-FF01", "2/S04S/T/MSP-IMPROV-S04S-M02-T-FM10"):  # fmt: skip
        link(video, root / "MSP-IMPROV" / f"session{turn}.avi")
    for name in AFEW:
        link(video, root / "AFEW" / name)
    make_aff_wild2(root / "Aff-Wild2", video)
    make_emoprefer(root / "EmoPrefer", video)
    return root


def make_msp(root: Path, sound: Path) -> None:
    """A table of the consensus, and one of all workers with a row for each."""
    rows = [(f"MSP-PODCAST_{name}.wav", *values) for name, *values, _ in TURNS]
    write_rows(root / "Labels" / "labels_consensus.csv", HEADER, rows)
    workers = [
        (f"MSP-PODCAST_{name}.wav", f"WORKER{n:08}", word, f"{word},Amused", 4, 4, 4)
        for name, *_, words in TURNS
        for n, word in enumerate(words)
    ]
    columns = ("FileName", "WorkerID", "EmoClass_Major", "EmoClass_Second", "EmoAct", "EmoVal", "EmoDom")
    write_rows(root / "Labels" / "labels_detailed.csv", columns, workers)
    older = [(name, f"{worker}; {word}; {more}; A:4.0; V:4.0; D:4.0;") for name, worker, word, more, *_ in workers]
    write_rows(root / "Labels" / "older.csv", ("FileName", "EmoDetail"), older)
    for name, *_ in TURNS:
        link(sound, root / "Audios" / f"MSP-PODCAST_{name}.wav")
        if name != "0001_0009":
            write_text(root / "Transcripts" / f"MSP-PODCAST_{name}.txt", [f"Line of {name}.", ""])


def make_msp_face(root: Path, video: Path) -> None:
    """The same as JSON: a list of one for each clip, and the workers in an object."""
    turns = [(f"MSP-FACE_{name}.mp4", *values) for name, *values in TURNS[:5]]
    consensus, detailed = {}, {}
    for name, code, act, val, dom, speaker, gender, part, words in turns:
        part = part.replace("Test1", "Test").replace("Development", "Validation")
        consensus[name] = [
            {"EmoClass_Major": code, "EmoAct": str(act), "EmoDom": str(dom), "EmoVal": str(val), "SpkrID": speaker,
             "Gender": gender, "Split_Set": part}
        ]  # fmt: skip
        detailed[name] = {"Workers": [{"Name": f"WORKER{n}", "EmoClass_Major": word} for n, word in enumerate(words)]}
        link(video, root / "Video" / name)
    write_text(root / "Labels" / "labels_concensus.json", [json.dumps(consensus)])
    write_text(root / "Labels" / "labels_detailed.json", [json.dumps(detailed)])


def make_aff_wild2(root: Path, video: Path) -> None:
    """Films of 12 frames; one shows two people, and one file has a frame less than its film."""
    for name in ("batch1/1-30-1280x720.mp4", "batch2/video59.mp4"):
        link(video, root / name)
    train = [4, 4, 4, 4, 4, 1, 1, 1, -1, -1, -1, -1]
    write_frames(root / "EXPR_Recognition_Challenge" / "Train_Set" / "1-30-1280x720.txt", EXPRESSIONS, train)
    tested = {"video59": [0, 0, 0, 7, 7, 7, 5, 5, 5, 5, -1], "video59_right": [-1, -1, -1, -1, 6, 6, *[2] * 6]}
    for name, codes in tested.items():
        write_frames(root / "EXPR_Recognition_Challenge" / "Validation_Set" / f"{name}.txt", EXPRESSIONS, codes)
    numbers = {
        "Train_Set/1-30-1280x720": ["0.5,-0.25"] * 12,
        "Validation_Set/video59": ["-0.1,0.3"] * 6 + ["-5,-5"] * 6,
    }
    for name, lines in numbers.items():
        write_frames(root / "VA_Estimation_Challenge" / f"{name}.txt", "valence,arousal", lines)


def write_frames(path: Path, header: str, lines: Sequence[object]) -> None:
    """One line a frame."""
    write_text(path, [header, *map(str, lines)])


def make_emoprefer(root: Path, video: Path) -> None:
    """The table of pairs."""
    write_rows(root / "preference_emoprefer.csv", ("name", "a1", "a2", "preference"), PAIRS)
    for name, *_ in PAIRS:
        link(video, root / "video" / f"{name}.mp4")
