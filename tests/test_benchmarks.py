"""Every benchmark's own files to clips, in their original formats, and a trained model evaluated on each of them."""

import csv
import json
import shutil
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from benchmark_factory import LABELS, NAMES, OPEN_LABELS, SILENT, WORDS, make_benchmarks, write_table
from hydra import compose, initialize_config_dir
from hydra.errors import InstantiationException
from in_process import evaluate
from upstream_factory import make_upstream_folder

from emolightning.benchmarks.differences import differences
from emolightning.benchmarks.open_words import open_labels
from emolightning.benchmarks.registry import official_benchmark, official_benchmarks
from emolightning.config.check import check_config
from emolightning.config.places import CONFIG_DIR
from emolightning.config.saved_run import load_saved_run
from emolightning.config.schema import register_schemas
from emolightning.data.loading.corpus import Corpus
from emolightning.data.readers.label_files import valence_of
from emolightning.data.readers.values import BadValue
from emolightning.errors import InputErrors, UserError
from emolightning.models.emotion_llama.emotion_llama import EmotionLlama
from emolightning.records.clips import Clip
from emolightning.records.labels import DFEW7, MER6, MER9
from emolightning.runs.assembly_of_data import make_corpus

DATA = {
    "mer2023": "MER2023", "emer": "MER2023", "mer2024_semi": "MER2024", "mer2024_noise": "MER2024",
    "mer2024_ov": "MER2024", "dfew": "DFEW", "dfew_zero_shot": "DFEW",
}  # fmt: skip
"""Data module -> the folder that the user names."""


@pytest.fixture(scope="module")
def benchmarks(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """All of them, small. For looking at only."""
    return make_benchmarks(tmp_path_factory.mktemp("benchmarks"))


@pytest.fixture
def own(benchmarks: Path, tmp_path: Path) -> Path:
    """A copy that a test may damage."""
    return Path(shutil.copytree(benchmarks, tmp_path / "own"))


def made(root: Path, name: str, *overrides: str) -> Corpus:
    """The data module as train.py would make it."""
    register_schemas()
    words = [f"data={name}", f"data.root={root / DATA.get(name, name)}", f"data.cache={root / 'cache'}", *overrides]
    with initialize_config_dir(str(CONFIG_DIR), version_base="1.3"):
        cfg = compose("train", overrides=words)
    check_config(cfg)
    return make_corpus(cfg)


def read(root: Path, name: str, *overrides: str) -> list[Clip]:
    return made(root, name, *overrides).source.read_clips()


def facts(clips: list[Clip]) -> list[tuple[str, str | None, float | None]]:
    return [(clip.id, clip.label, clip.valence) for clip in clips]


VALENCES = (0.0, -1.5, None, 2.25, None, 4.0, 5.0, -5.0)
EVERY_CLIP = list(zip(NAMES, LABELS, VALENCES, strict=True))


@pytest.mark.parametrize(
    ("overrides", "expected"),
    [
        (["data.track=semi", "data.truth=label-6way.npz"], EVERY_CLIP),
        (["data.track=multi"], EVERY_CLIP[:6]),
        (["data.track=noise"], EVERY_CLIP[4:]),
        (["data.track=multi", "data.truth=test1-label.csv"], EVERY_CLIP),
        (["data.track=semi"], [*EVERY_CLIP[:-1], (NAMES[-1], LABELS[-1], None)]),  # rows, the last without a valence
    ],
    ids=["archive", "multi", "noise", "table", "rows"],
)
def test_mer2023_in_each_of_its_forms(benchmarks: Path, overrides: list[str], expected: list[Any]) -> None:
    clips = read(benchmarks, "mer2023", *overrides)
    assert facts(clips) == expected
    assert {clip.split for clip in clips} == {"test"}
    assert all(clip.video.suffix == (".avi" if NAMES.index(clip.id) % 2 else ".mp4") for clip in clips)


def test_transcripts_by_their_official_names_and_columns(benchmarks: Path) -> None:
    def said(*overrides: str) -> list[str | None]:
        return [clip.transcript for clip in read(benchmarks, "mer2023", *overrides)]

    expected = [f"Well, {name}!" if name != SILENT else "nan" for name in NAMES]
    polished = "data.transcripts=transcription-engchi-polish.csv"
    assert said() == said(polished) == said(polished, "data.sentence=chinese") == expected
    assert said("data.empty_transcript=empty")[2] == ""
    assert said("inputs.transcript=false") == [None] * len(NAMES)
    with pytest.raises(InputErrors, match=rf"transcription_en_all.csv, line 4: '{SILENT}' has an empty sentence"):
        said("data.empty_transcript=error")
    with pytest.raises(InputErrors, match="needs `name` and one of"):
        said("data.sentence=chinese")


def test_training_on_mer2023_takes_validation_clips_out_of_its_training_part(own: Path) -> None:
    rows = [(name, label, -10) for name, label in zip(NAMES[2:6], LABELS[2:6], strict=True)]
    write_table(own / "MER2023" / "train-label.csv", ["name", "discrete", "valence"], rows)
    write_table(own / "MER2023" / "test1-label.csv", ["name", "discrete"], [(NAMES[0], "sad")])
    words = ("data.track=multi", "data.truth=test1-label.csv", "data.train=train-label.csv", "data.val_fraction=0.25")
    clips = read(own, "mer2023", *words)
    assert Counter(clip.split for clip in clips) == {"test": 1, "train": 3, "val": 1}
    with pytest.raises(InputErrors, match=f"{NAMES[2]!r} is in .*as well"):
        read(own, "mer2023", "data.track=semi", "data.train=train-label.csv")


def test_mer2024_reads_tables_with_suffixes_and_archives_with_an_array_a_clip(benchmarks: Path) -> None:
    noise = read(benchmarks, "mer2024_noise", "data.truth=reference-semi.csv")
    assert facts(noise) == [(name, label, None) for name, label, _ in EVERY_CLIP]
    assert facts(read(benchmarks, "mer2024_semi", "data.truth=semi.npz")) == facts(noise)
    assert noise[0].transcript == f"Well, {NAMES[0]}!"


def test_a_name_written_with_a_suffix_is_that_file(benchmarks: Path) -> None:
    clips = read(benchmarks, "mer2024_noise")
    assert [clip.id for clip in clips] == NAMES[::2]
    assert [clip.video.name for clip in clips] == [f"{name}.mp4" for name in NAMES[::2]]


def test_mer2024_ov_has_lists_of_words(benchmarks: Path) -> None:
    clips = read(benchmarks, "mer2024_ov")
    assert [clip.open_labels for clip in clips] == [tuple(words) for words in OPEN_LABELS]
    assert {(clip.label, clip.split) for clip in clips} == {(None, "test")}


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("['happy', \"at ease\"]", ("happy", "at ease")),
        ("[happy, at ease]", ("happy", "at ease")),
        ("['a,b']", ("a,b",)),
        ("[]", None),
        ("", None),
        ("happy", None),
        ("['happy', 3]", None),
        ("['happy', '']", None),
        ("['happy', 'happy']", None),
        ("[__import__('os').getcwd()]", ("__import__('os').getcwd()",)),
    ],
)
def test_written_lists(text: str, words: tuple[str, ...] | None) -> None:
    if words is None:
        with pytest.raises(BadValue, match="openset"):
            open_labels(text)
    else:
        assert open_labels(text) == words


@pytest.mark.parametrize("language", ["english", "chinese"])
def test_emer_v1_has_labels_subtitles_and_descriptions(benchmarks: Path, language: str) -> None:
    clips = read(benchmarks, "emer", f"data.language={language}")
    assert [(clip.id, clip.label) for clip in clips] == list(zip(NAMES[:4], LABELS, strict=False))
    assert [clip.reason for clip in clips] == [f'He "{label}", so.' for label in LABELS[:4]]
    assert [clip.transcript for clip in clips] == [f"Line of {name}" if name != SILENT else "nan" for name in NAMES[:4]]


def test_emer_v2_takes_transcripts_from_mer2023(benchmarks: Path) -> None:
    data = made(benchmarks, "emer", "data.version=v2")
    clips = data.source.read_clips()
    assert [clip.reason for clip in clips] == [f"In the video, {name}, smiles." for name in NAMES[:3]]
    assert [clip.transcript for clip in clips] == [f"Well, {NAMES[0]}!", f"Well, {NAMES[1]}!", "nan"]
    assert data.source.remarks == [
        "1 of 3 clips have an empty transcript: the word `nan` is used instead, as in upstream"
    ]
    chinese = read(benchmarks, "emer", "data.version=v2", "data.language=chinese", "inputs.transcript=false")
    assert [clip.reason for clip in chinese] == ["他0。", "他1。", "他2。"]


def test_chinese_emer_v2_takes_chinese_transcripts_or_says_that_it_has_none(own: Path) -> None:
    root = own / "MER2023"
    words = ("data.version=v2", "data.language=chinese", "data.empty_transcript=empty")
    header, spoken = ["name", "chinese", "english"], [f"句子{name}" for name in NAMES[:3]]
    rows = [(name, chinese, "Well.") for name, chinese in zip(NAMES, spoken, strict=False)]
    write_table(root / "transcription-engchi-polish.csv", header, rows)
    data = made(own, "emer", *words)
    assert [clip.transcript for clip in data.source.read_clips()] == spoken
    assert data.source.remarks == []
    # A table whose only column does not say which language it has, then one that says English.
    write_table(root / "own.csv", ["name", "english", "sentence"], [(name, "Well.", text) for name, text, _ in rows])
    data = made(own, "emer", *words, "data.transcripts=own.csv")
    assert [clip.transcript for clip in data.source.read_clips()] == spoken
    assert data.source.remarks == []
    (root / "transcription-engchi-polish.csv").unlink()
    data = made(own, "emer", *words)
    assert [clip.transcript for clip in data.source.read_clips()] == [f"Well, {NAMES[0]}!", f"Well, {NAMES[1]}!", ""]
    (remark,) = [remark for remark in data.source.remarks if "Chinese" in remark]
    assert remark.startswith("2 of 3 clips have a transcript without a Chinese character")
    assert "column 'sentence' of transcription_en_all.csv" in remark


@pytest.mark.parametrize("file", [None, "clip.txt", "mae.txt", "words.txt"])
def test_dfew_counts_from_one_in_official_files_and_from_zero_in_derived_ones(
    benchmarks: Path, file: str | None
) -> None:
    words = [f"data.truth={file}"] if file else []
    clips = read(benchmarks, "dfew_zero_shot", *words)
    assert [(clip.id, clip.label) for clip in clips] == [(str(n), word.lower()) for n, word in enumerate(WORDS, 1)]
    assert {clip.split for clip in clips} == {"test"}


def test_dfew_for_fine_tuning_has_all_three_splits(benchmarks: Path) -> None:
    clips = read(benchmarks, "dfew", "data.val_fraction=0.25")
    assert Counter(clip.split for clip in clips) == {"test": 7, "train": 6, "val": 2}


@pytest.mark.parametrize(
    ("name", "overrides", "message"),
    [
        ("dfew", ["data.fold=6"], r"data\.fold: 6 is not one of \[1, 2, 3, 4, 5\]"),
        ("dfew", ["data.fold=2"], r"set_2\.csv .*no such file; set data\.root"),
        ("mer2023", ["data.track=sami"], "'sami' is not one of semi, multi, noise; did you mean semi"),
        ("mer2024_noise", ["data.track=ov"], "'ov' is not one of semi, noise"),
        ("emer", ["data.version=v3"], "'v3' is not one of v1, v2"),
        ("emer", ["data.language=french"], "'french' is not one of english, chinese"),
        ("mer2023", ["data.truth=labels.csv"], r"labels\.csv: no such file; .* data\.truth"),
        ("mer2023", ["data.media=clips"], r"clips: no such folder; .* data\.media"),
        ("mer2024_ov", ["data.truth=reference-semi.csv"], r"needs each of \['name', 'openset'\]"),
        ("mer2023", ["+data.benchmark=mer2025"], "has no such argument"),
    ],
)
def test_a_wrong_choice_is_named_with_what_there_is(
    benchmarks: Path, name: str, overrides: list[str], message: str
) -> None:
    with pytest.raises((UserError, InstantiationException), match=message):
        read(benchmarks, name, *overrides)


def test_all_faults_of_a_table_at_once(own: Path) -> None:
    path = own / "MER2023" / "test1-label.csv"
    path.write_text(
        "name,discrete,valence\n"
        f"{NAMES[0]},hapy,0\n"
        f"{NAMES[1]},angry,7\n"
        "sample_99999999,sad,0\n"
        f"../{NAMES[2]},sad,0\n"
        f"{NAMES[3]},sad\n"
        f"{NAMES[4]},sad,0\n"
        f"{NAMES[4]}.mp4,sad,0\n"
    )
    with pytest.raises(InputErrors) as caught:
        made(own, "mer2023", "data.track=multi", "data.truth=test1-label.csv", "modalities=[audio]").read()
    found = sorted(caught.value.problems)
    expected = ["did you mean 'happy'", "valence '7'", "no file", "leaves the media folder", "2 fields", "there twice"]
    lines = [2, 3, 4, 5, 6, 8]
    assert len(found) == len(expected)
    for problem, line, part in zip(found, lines, expected, strict=True):
        assert problem.startswith(f"line {line}:"), problem
        assert part in problem


@pytest.mark.parametrize(
    ("text", "value"), [("-10", None), ("-10.0", None), (-10, None), ("", None), (None, None), ("-5", -5.0), (2.5, 2.5)]
)
def test_valence(text: object, value: float | None) -> None:
    assert valence_of(text) == value


@pytest.mark.parametrize("text", ["-9", "5.1", "nan", "inf", "x", [], 10**400])
def test_no_valence(text: object) -> None:
    with pytest.raises(BadValue, match="valence"):
        valence_of(text)


def test_official_numbers_agree_with_each_other() -> None:
    for official in official_benchmarks().values():
        for split, supports in official.supports.items():
            assert sum(supports.values()) == official.sizes[split]
            assert not official.labels or list(official.labels) == [x for x in official.labels if x in supports]
    folds = [official_benchmarks()[f"dfew_fold{fold}"].sizes for fold in range(1, 6)]
    assert sum(sizes["test"] for sizes in folds) == official_benchmarks()["dfew"].sizes["all"]
    assert {sizes["test"] + sizes["train+val"] for sizes in folds} == {official_benchmarks()["dfew"].sizes["all"]}
    with pytest.raises(UserError, match="'mer2025' is not one of"):
        official_benchmark("mer2025")


def test_differences_from_the_official_set_are_said() -> None:
    official = official_benchmarks()["mer2023_semi"]
    order = list(official.prompt_order)
    counts = {"test": dict(official.supports["test"])}
    assert differences(official, counts, labels=MER6, offered=order) == []
    counts["test"]["surprise"] = 13
    sentences = differences(official, counts, labels=sorted(MER6), offered=order[::-1])
    assert sentences[0] == "mer2023_semi, test: 833 clips, the official set has 834"
    assert sentences[1] == "mer2023_semi, test: clips (official) surprise 13 (14)"
    assert "the official order is ['neutral', 'angry'" in sentences[2]
    assert "the question offers ['doubt', " in sentences[3]
    whole = {"train": {"sad": 380}, "val": {"sad": 3}}
    (size, *_) = differences(official, whole, labels=MER6, offered=order)
    assert size.startswith("mer2023_semi, train+val: 383 clips")


@pytest.mark.parametrize(
    ("name", "offered"),
    [
        ("mer2023", ["happy", "sad", "neutral", "angry", "worried", "surprise", "fear", "contempt", "doubt"]),
        ("mer2024_noise", ["happy", "sad", "neutral", "angry", "worried", "surprise"]),
        ("dfew", list(DFEW7)),
    ],
)
def test_the_question_offers_what_the_published_protocol_does(benchmarks: Path, name: str, offered: list[str]) -> None:
    assert list(made(benchmarks, name).questions.offered) == offered
    assert made(benchmarks, name, "prompt.labels=[sad,happy]").questions.offered == ("sad", "happy")


def evaluated(root: Path, trained: Path, folder: Path, name: str, *overrides: str) -> tuple[dict[str, Any], list[Any]]:
    """metrics.json and the lines of answers.jsonl of the small model on one benchmark."""
    register_schemas()
    words = [
        f"checkpoint={trained}", f"output_dir={folder}", f"data={name}", f"data.root={root / DATA.get(name, name)}",
        f"data.cache={root / 'cache'}", "features=signal", "data.batch_size=8", *overrides,
    ]  # fmt: skip
    load_saved_run(words)
    with initialize_config_dir(str(CONFIG_DIR), version_base="1.3"):
        cfg = compose("eval", overrides=words)
    check_config(cfg)
    evaluate(cfg)
    answers = [json.loads(line) for line in (folder / "answers.jsonl").read_text(encoding="utf-8").splitlines()]
    return json.loads((folder / "metrics.json").read_text(encoding="utf-8")), answers


@pytest.mark.parametrize("name", ["merr_coarse", pytest.param("merr_fine", marks=pytest.mark.slow)])
def test_a_trained_model_is_evaluated_on_merr(trained: Path, tmp_path: Path, name: str) -> None:
    root = make_upstream_folder(tmp_path / name)
    rows = "MERR_coarse_grained.txt" if name == "merr_coarse" else "MERR_fine_grained.txt"
    files = [f"data.root={root}", "data.train=null", f"data.test={rows}"]
    report, answers = evaluated(tmp_path, trained, tmp_path / "run", name, *files)
    assert (report["benchmark"], report["split"], report["num_clips"]) == (name, "test", 8)
    assert [line["truth"] for line in answers] == ["happy", "sad", "angry", "worried"] * 2


@pytest.mark.parametrize(
    ("name", "overrides", "benchmark", "truths"),
    [
        ("mer2023", ["data.track=multi"], "mer2023_multi", LABELS[:6]),
        pytest.param("mer2023", ["data.track=semi"], "mer2023_semi", LABELS, marks=pytest.mark.slow),
        pytest.param("mer2023", ["data.track=noise"], "mer2023_noise", LABELS[4:], marks=pytest.mark.slow),
        ("mer2024_semi", [], "mer2024_semi", LABELS),
        pytest.param("mer2024_noise", [], "mer2024_noise", LABELS[::2], marks=pytest.mark.slow),
        (
            "mer2024_ov",
            ["scoring=open_vocabulary", "prompt.task=reason"],
            "mer2024_ov",
            [str(words) for words in OPEN_LABELS],
        ),
        pytest.param(
            "emer",
            ["scoring=reasoning", "prompt.task=reason"],
            "emer_v1",
            [f'He "{label}", so.' for label in LABELS[:4]],
            marks=pytest.mark.slow,
        ),
        pytest.param(
            "emer",
            ["data.version=v1", "data.language=chinese", "scoring=reasoning", "prompt.task=reason"],
            "emer_v1",
            [f'He "{label}", so.' for label in LABELS[:4]],
            marks=pytest.mark.slow,
        ),
        (
            "emer",
            ["data.version=v2", "scoring=reasoning", "prompt.task=reason"],
            "emer_v2",
            [f"In the video, {name}, smiles." for name in NAMES[:3]],
        ),
        pytest.param(
            "emer",
            ["data.version=v2", "data.language=chinese", "scoring=reasoning", "prompt.task=reason"],
            "emer_v2",
            [f"\u4ed6{number}\u3002" for number in range(3)],
            marks=pytest.mark.slow,
        ),
        *[
            pytest.param(
                *("dfew", ["inputs.transcript=false", f"data.fold={fold}"], f"dfew_fold{fold}"),
                [x.lower() for x in WORDS],
                marks=() if fold == 5 else pytest.mark.slow,
            )
            for fold in (1, 3, 4, 5)
        ],
    ],
)
def test_a_trained_model_is_evaluated(
    benchmarks: Path,
    trained: Path,
    tmp_path: Path,
    name: str,
    overrides: list[str],
    benchmark: str,
    truths: list[str],
) -> None:
    report, answers = evaluated(benchmarks, trained, tmp_path, name, *overrides)
    assert (report["benchmark"], report["split"], report["num_clips"]) == (benchmark, "test", len(truths))
    assert [line["truth"] for line in answers] == list(truths)
    official = official_benchmarks()[benchmark].sizes["test"]
    assert f"{benchmark}, test: {len(truths)} clips, the official set has {official}" in " ".join(
        report["data"]["official_differences"]
    )


def test_dfew_zero_shot_keeps_raw_answers_and_confuses_no_classes(
    benchmarks: Path, trained: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    said = ["Happy.", "worried", "disgust or fear", "none of them", "surprise", "disgust", "The fear, clearly"]
    monkeypatch.setattr(EmotionLlama, "generate", lambda self, batch, *args, **options: said)
    report, answers = evaluated(benchmarks, trained, tmp_path, "dfew_zero_shot", "inputs.transcript=false")
    assert [line["answer"] for line in answers] == said
    for line in answers:
        assert "represents: happy, sad, neutral, angry, surprise, disgust, fear." in line["prompt"]
        assert "person in video says" not in line["prompt"]
    columns = [*DFEW7, "(unreadable)"]
    expected = [[0] * len(columns) for _ in DFEW7]
    for index, label in enumerate(("happy", None, None, None, "surprise", "disgust", "fear")):
        expected[index][columns.index(label or "(unreadable)")] = 1
    assert report["confusion_matrix"] == {"labels": columns, "counts": expected}
    assert report["metrics"]["war"]["value"] == pytest.approx(4 / 7)
    assert sum(report["unscored"].values()) == 3


def test_what_the_model_generates_is_what_is_written(
    benchmarks: Path, trained: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    generated: list[str] = []
    original = EmotionLlama.generate

    def listened(self: EmotionLlama, *args: Any, **options: Any) -> list[str]:
        texts = original(self, *args, **options)
        generated.extend(texts)
        return texts

    monkeypatch.setattr(EmotionLlama, "generate", listened)
    report, answers = evaluated(benchmarks, trained, tmp_path, "dfew_zero_shot", "inputs.transcript=false")
    assert len(generated) == report["num_clips"] == len(WORDS)
    assert any(generated), "texts of nothing would agree with anything"
    assert [line["answer"] for line in answers] == generated


def real(shared: Path, name: str, *overrides: str) -> tuple[Corpus, list[Clip]]:
    """Clips of the published files; there are no videos beside them."""
    data = made(shared, name, *overrides)
    data.source.takes_stock = True
    data.clips = data.source.read_clips()
    return data, data.clips


def flat(path: Path, *columns: str) -> list[tuple[str, ...]]:
    with path.open(encoding="utf-8") as file:
        return [tuple(row[column] for column in columns) for row in csv.DictReader(file)]


@pytest.mark.parametrize(
    ("track", "file"),
    [
        ("semi", "test3_semi"),
        pytest.param("multi", "test1_multi", marks=pytest.mark.slow),
        pytest.param("noise", "test2_noise", marks=pytest.mark.slow),
    ],
)
def test_the_official_files_of_mer2023(shared: Path, track: str, file: str) -> None:
    folder = shared / "benchmarks" / "mer2023_labels"
    data, clips = real(shared, "mer2023", f"data.root={folder}", f"data.track={track}", "data.train=label-6way.npz")
    rows = flat(folder / f"{file}.flat.csv", "name", "discrete", "valence")
    expected = [(name, label, None if float(valence) == -10 else float(valence)) for name, label, valence in rows]
    assert sorted(facts([clip for clip in clips if clip.split == "test"])) == sorted(expected)
    assert data.official_differences() == []
    assert len(data.source.remarks) == 1
    assert len(data.source.lost) == len(clips)
    assert set(data.questions.offered) == set(MER9)


def test_the_scored_subset_of_mer2024_semi(shared: Path) -> None:
    folder = shared / "benchmarks" / "mer2024_semi_labels"
    for file in ("gt_mer2024_semi_other.npz", "gt_mer2024_semi.flat.csv"):
        words = (f"data.root={folder}", f"data.truth={file}", "inputs.transcript=false")
        data, clips = real(shared, "mer2024_semi", *words)
        assert [(c.id, c.label) for c in clips] == flat(folder / "gt_mer2024_semi.flat.csv", "name", "discrete")
        assert data.official_differences() == []


def test_the_official_files_of_mer2024_ov_and_emer(shared: Path) -> None:
    no_transcript = "inputs.transcript=false"
    data, clips = real(shared, "mer2024_ov", f"data.root={shared}/benchmarks/mer2024_ov_store", no_transcript)
    assert data.official_differences() == []
    listed = flat(shared / "benchmarks" / "mer2024_ov_store" / "check-openset.csv", "openset")
    assert [str(list(clip.open_labels or ())) for clip in clips] == [row[0] for row in listed]
    names = {clip.id for clip in clips}
    for language, file in (("english", "v1_gt-eng.csv"), ("chinese", "v1_gt-chi.csv")):
        words = (f"data.root={shared}/emer", f"data.truth={file}", f"data.language={language}")
        data, clips = real(shared, "emer", *words)
        assert data.official_differences() == []
        assert data.source.remarks == [
            "7 of 100 clips have an empty transcript: the word `nan` is used instead, as in upstream"
        ]
    for language in ("english", "chinese"):
        second = ("data.version=v2", "data.truth=v2_final-EMER-reason.csv", f"data.language={language}")
        data, clips = real(shared, "emer", f"data.root={shared}/emer", *second, no_transcript)
        assert data.official_differences() == []
        assert {clip.id for clip in clips} == names


@pytest.mark.parametrize("fold", [1, pytest.param(2, marks=pytest.mark.slow)])
def test_the_official_folds_of_dfew(shared: Path, tmp_path: Path, fold: int) -> None:
    splits = shared / "benchmarks" / "dfew_splits"
    for split in ("train", "test"):
        target = tmp_path / "EmoLabel_DataSplit" / f"{split}(single-labeled)" / f"set_{fold}.csv"
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(splits / f"set_{fold}_{split}.flat.csv", target)
    data, clips = real(shared, "dfew", f"data.root={tmp_path}", f"data.fold={fold}")
    assert data.official_differences() == []
    for split in ("train", "test"):  # the other fold's files under this one's name: as many clips of each class
        target = tmp_path / "EmoLabel_DataSplit" / f"{split}(single-labeled)" / f"set_{3 - fold}.csv"
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(splits / f"set_{fold}_{split}.flat.csv", target)
    other, _ = real(shared, "dfew", f"data.root={tmp_path}", f"data.fold={3 - fold}")
    assert other.official_differences() == [
        f"dfew_fold{3 - fold}, {split}: these are the clips of dfew_fold{fold}" for split in ("test", "train+val")
    ]
    test = [(clip.id, clip.label) for clip in clips if clip.split == "test"]
    rows = flat(splits / f"set_{fold}_test.flat.csv", "video_name", "label")
    assert test == [(name, DFEW7[int(label) - 1]) for name, label in rows]
    if fold == 1:
        derived = f"data.truth={splits / 'original_DFEW_set_1_test.txt'}"
        _, clips = real(shared, "dfew_zero_shot", f"data.root={tmp_path}", derived)
        assert sorted((clip.id, clip.label) for clip in clips) == sorted(test)
