"""Clips whose files are missing or cannot be used: all named at once, or skipped, counted and listed everywhere."""

import contextlib
import json
import logging
import shutil
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import in_process
import numpy as np
import pytest
from benchmark_factory import NAMES, make_benchmarks
from data_factory import corpus_of
from hydra import compose, initialize_config_dir
from in_process import evaluate
from media_factory import make_media
from runs import make_dataset

from emolightning.commands.doctor import doctor
from emolightning.config.check import ConfigError, check_config
from emolightning.config.places import CONFIG_DIR
from emolightning.config.saved_run import load_saved_run
from emolightning.config.schema import register_schemas
from emolightning.data.checkup.unusable import NO_MEDIA, Findings, Skipped, described
from emolightning.data.loading import same_clips
from emolightning.data.loading.corpus import Corpus
from emolightning.data.loading.same_clips import require_same_clips
from emolightning.data.readers.custom import CustomData
from emolightning.data.stores.features import FolderFeatures, SignalFeatures
from emolightning.errors import EndOfRun, InputErrors, UserError
from emolightning.runs.assembly import training
from emolightning.runs.assembly_of_data import make_corpus
from emolightning.runs.evaluate import refuse_skipped
from emolightning.runs.wandb_record import summary_of
from emolightning.scoring.warnings import warnings_of

HEADER = "video_name, emotion_label, transcription\n"
WIDTH = 5


@pytest.fixture(scope="module")
def clips(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """clip0 to clip7, one without sound; vectors of all beside them."""
    folder = tmp_path_factory.mktemp("clips")
    for number in range(8):
        make_media(folder / "media" / f"clip{number}.mp4", seconds=0.3) if number else (folder / "media").mkdir()
    make_media(folder / "media" / "clip0.mp4", seconds=0.3)
    make_media(folder / "media" / "silent.mp4", seconds=0.3, audio=False)
    for encoder in ("face", "motion", "speech"):
        (folder / "vectors" / encoder).mkdir(parents=True)
        for number in range(8):
            np.save(folder / "vectors" / encoder / f"clip{number}.npy", np.full(WIDTH, number, dtype=np.float32))
    return folder


@pytest.fixture
def place(clips: Path, tmp_path: Path) -> Path:
    """A copy that a test may damage."""
    return Path(shutil.copytree(clips, tmp_path / "place"))


def rows(*names: str, label: str = "happy") -> str:
    return "".join(f"{name}, {label}, word\n" for name in names)


EIGHT = [f"clip{number}" for number in range(8)]


def data_of(place: Path, content: str, *, folders: bool = False, **options: Any) -> Corpus:
    (place / "clips.csv").write_text(HEADER + content)
    source: Any = SignalFeatures(num_workers=1)
    if folders:
        source = FolderFeatures(root=str(place / "vectors"), face="face", motion="motion", speech="speech")
    settings = {"cache": str(place / "cache"), "image_size": 28, **options}
    return corpus_of(
        CustomData, name="custom", labels="mer6", annotations=str(place / "clips.csv"), media=str(place / "media"),
        features=source, **settings,
    )  # fmt: skip


def refusal(data: Corpus, *, trains: bool = False) -> InputErrors:
    with pytest.raises(InputErrors) as caught:
        data.read(trains=trains)
    return caught.value


# Rows first


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["trainer.val_check_interval=1000"], "trainer.val_check_interval=1000: an epoch has"),
        (["+trainer.limit_train_batches=0.1"], "trainer.limit_train_batches=0.1: of"),
        (["data.ratios=[1.0,0.0,0.0]"], "no clips in split 'val'"),
    ],
    ids=lambda value: value[0] if isinstance(value, list) else "",
)
def test_what_rows_show_is_refused_before_a_file_is_opened(
    place: Path, monkeypatch: pytest.MonkeyPatch, words: list[str], said: str
) -> None:
    monkeypatch.setattr(Corpus, "load_features", lambda *_: pytest.fail("it opens files"))
    (place / "clips.csv").write_text(HEADER + rows(*EIGHT))
    register_schemas()
    with initialize_config_dir(str(CONFIG_DIR), version_base="1.3"):
        cfg = compose("train", overrides=[*words_of(place, *words), f"output_dir={place / 'run'}", "logger=csv"])
    with pytest.raises(UserError) as caught:
        training(cfg)
    assert said in str(caught.value)


@pytest.mark.parametrize("on_error", ["stop", "skip"])
def test_rows_are_looked_at_alone_only_where_they_can_be_used(place: Path, on_error: str) -> None:
    seen: list[int] = []
    (place / "media" / "clip2.mp4").unlink()
    for label, expected in (("hapy", []), ("happy", [] if on_error == "stop" else [7])):
        seen.clear()
        data = data_of(place, rows(*EIGHT[:7]) + rows("clip7", label=label), on_error=on_error, max_skipped=0.5)
        with contextlib.suppress(InputErrors):
            data.read(check=lambda corpus: seen.append(len(corpus.clips)))
        assert seen == expected


# All problems at once


def test_rows_media_and_vectors_are_told_together_each_clip_once(place: Path) -> None:
    (place / "media" / "clip1.mp4").write_bytes(b"")
    (place / "media" / "clip2.mp4").unlink()
    (place / "vectors" / "face" / "clip2.npy").unlink()
    np.save(place / "vectors" / "speech" / "clip4.npy", np.array([1, np.nan, 2, 3, 4], dtype=np.float32))
    np.save(place / "vectors" / "motion" / "clip5.npy", np.ones(WIDTH + 1, dtype=np.float32))
    content = rows("clip0", "clip1", "clip2") + rows("clip3", label="hapy") + rows("clip4", "clip5", "clip6")
    error = refusal(data_of(place, content, folders=True))
    assert error.subject == str(place / "clips.csv")
    assert [problem.split(": ")[:2] for problem in error.problems] == [
        ["line 3", "clip1"],
        ["line 4", "clip2"],
        ["line 5", error.problems[2].split(": ")[1]],
        ["line 6", "clip4"],
        ["line 7", "clip5"],
    ]
    assert "(0 bytes)" in error.problems[0]
    assert "no file 'clip2'" in error.problems[1]
    assert f"no {place / 'vectors' / 'face' / 'clip2.npy'}; extract it" in error.problems[1]
    assert "did you mean 'happy'?" in error.problems[2]
    assert "clip4.npy: holds values that are not finite; extract it again" in error.problems[3]
    assert "clip5.npy: 6 wide, most are 5" in error.problems[4]
    assert "4 of 7 clips cannot be used (1 media that cannot be decoded, 1 no media file, 2 feature vectors" in str(
        error
    )
    assert "data.on_error=skip goes on without such clips" in str(error)
    assert "so many need data.max_skipped=0.58 as well" in str(error)


def test_a_file_that_two_readers_find_broken_counts_once(place: Path) -> None:
    (place / "media" / "clip3.mp4").write_bytes(b"\0" * 3000)
    (problem,) = refusal(data_of(place, rows(*EIGHT))).problems
    assert problem.startswith("line 5: clip3: ")
    assert problem.count("clip3.mp4") == 1


def test_a_row_that_is_wrong_and_has_a_broken_file_is_one_line(place: Path) -> None:
    (place / "media" / "clip7.mp4").write_bytes(b"no video")
    (problem,) = refusal(data_of(place, rows(*EIGHT[:7]) + rows("clip7", label="meh"))).problems
    assert "emotion_label 'meh'" in problem
    assert "clip7.mp4" in problem


def test_missing_answers_to_learn_are_told_with_broken_files(place: Path) -> None:
    (place / "media" / "clip3.mp4").unlink()
    error = refusal(data_of(place, rows(*EIGHT), prompt={"task": "reason"}, ratios=(0.5, 0.5, 0)), trains=True)
    assert len(error.problems) == 8
    assert sum("has no answer for task reason" in problem for problem in error.problems) == 7
    assert sum("no file 'clip3'" in problem for problem in error.problems) == 1


def test_many_equal_problems_are_grouped_and_rare_ones_stay_visible() -> None:
    problems = [f"line {n}: clip{n}: no file 'clip{n}' in media" for n in range(2, 302)]
    error = InputErrors("clips.csv", [*problems, "line 400: clip400: has no audio track"])
    assert "301 problem(s)" in str(error)
    assert "... and 295 more like this" in str(error)
    assert "has no audio track" in str(error)
    assert len(str(error).splitlines()) == 8
    assert len(error.problems) == 301


# Skipping


def test_skipped_clips_are_left_out_counted_and_listed(place: Path, caplog: pytest.LogCaptureFixture) -> None:
    (place / "media" / "clip1.mp4").unlink()
    (place / "media" / "clip2.mp4").write_bytes(b"")
    data = data_of(place, rows(*EIGHT), on_error="skip", max_skipped=0.25)
    with caplog.at_level(logging.WARNING):
        data.read()
    assert [clip.id for clip in data.clips] == [name for name in EIGHT if name not in ("clip1", "clip2")]
    assert all("clip2" not in arrays for arrays in data.features.vectors.values())
    summary = data.summary()
    assert summary["num_skipped"] == 2
    assert summary["skipped"] == {"no media file": 1, "media that cannot be decoded": 1}
    assert [(clip["id"], clip["kind"]) for clip in summary["skipped_clips"]] == [
        ("clip1", "no media file"),
        ("clip2", "media that cannot be decoded"),
    ]
    assert "no file 'clip1'" in summary["skipped_clips"][0]["reason"]
    assert "2 of 8 clips cannot be used" in caplog.text
    assert "and are skipped: clip1, clip2" in caplog.text


def test_the_other_clips_keep_their_splits(place: Path) -> None:
    whole = data_of(place, rows(*EIGHT))
    whole.read()
    (place / "media" / "clip6.mp4").unlink()
    partial = data_of(place, rows(*EIGHT), on_error="skip", max_skipped=0.2)
    partial.read()
    assert {clip.id: clip.split for clip in partial.clips} == {
        clip.id: clip.split for clip in whole.clips if clip.id != "clip6"
    }


@pytest.mark.parametrize(("missing", "skipped"), [("error", ["silent"]), ("zero", [])])
def test_a_clip_without_sound_is_skipped_only_where_that_is_an_error(
    place: Path, missing: Any, skipped: list[str]
) -> None:
    data = data_of(place, rows(*EIGHT, "silent"), on_error="skip", max_skipped=0.2, missing=missing)
    data.read()
    assert [clip.id for clip in data.skipped] == skipped
    assert data.summary()["zero_features"] == ({} if skipped else {"speech": 1})


def test_broken_and_missing_vectors_are_skipped_and_leave_no_vector(place: Path) -> None:
    np.save(place / "vectors" / "face" / "clip0.npy", np.array([np.inf] * WIDTH, dtype=np.float32))
    (place / "vectors" / "speech" / "clip5.npy").write_bytes(b"")
    (place / "vectors" / "motion" / "clip6.npy").unlink()
    data = data_of(place, rows(*EIGHT), folders=True, on_error="skip", max_skipped=0.5)
    data.read()
    assert [clip.id for clip in data.skipped] == ["clip0", "clip5", "clip6"]
    assert [set(arrays) for arrays in data.features.vectors.values()] == [{clip.id for clip in data.clips}] * 3
    assert data.features.widths == dict.fromkeys(("face", "motion", "speech"), WIDTH)


def test_more_than_allowed_is_refused_with_count_and_list(place: Path) -> None:
    for name in ("clip1", "clip4"):
        (place / "media" / f"{name}.mp4").unlink()
    error = refusal(data_of(place, rows(*EIGHT), on_error="skip"))
    assert [problem.split(": ")[1] for problem in error.problems] == ["clip1", "clip4"]
    assert "2 of 8 clips cannot be used (2 no media file); data.max_skipped=0.05 allows 0 of 8" in str(error)
    data_of(place, rows(*EIGHT), on_error="skip", max_skipped=0.25).read()


def test_all_may_be_allowed_but_something_must_be_left(place: Path) -> None:
    for name in EIGHT[1:]:
        (place / "media" / f"{name}.mp4").unlink()
    data = data_of(place, rows(*EIGHT), on_error="skip", max_skipped=1.0)
    data.read()
    assert [clip.id for clip in data.clips] == ["clip0"]
    (place / "media" / "clip0.mp4").write_bytes(b"")
    assert "no clip is left" in str(refusal(data_of(place, rows(*EIGHT), on_error="skip", max_skipped=1.0)))


def test_a_wrong_row_is_never_skipped(place: Path) -> None:
    (place / "media" / "clip1.mp4").unlink()
    content = rows(*EIGHT[:7]) + rows("clip7", label="hapy")
    (problem,) = refusal(data_of(place, content, on_error="skip", max_skipped=1.0)).problems
    assert problem.startswith("line 9: emotion_label 'hapy'")


def test_a_skipped_clip_needs_no_answer_to_learn(place: Path) -> None:
    content = "video_name, emotion_label, transcription, reason\n"
    content += "".join(f"{name}, sad, word, {'' if name == 'clip3' else 'tears'}\n" for name in EIGHT)
    options = {"prompt": {"task": "reason"}, "ratios": (0.5, 0.5, 0), "on_error": "skip", "max_skipped": 0.2}
    data = data_of(place, "", **options)
    (place / "clips.csv").write_text(content)
    assert "'clip3' has no answer for task reason" in str(refusal(data, trains=True))
    (place / "media" / "clip3.mp4").write_bytes(b"")
    again = data_of(place, "", **options)
    (place / "clips.csv").write_text(content)
    again.read(trains=True)
    again.require_answers()
    assert [clip.id for clip in again.skipped] == ["clip3"]


def test_a_folder_without_any_of_the_videos_is_a_question_of_the_folder(place: Path) -> None:
    error = refusal(data_of(place, rows("there0", "there1"), on_error="skip", max_skipped=1.0))
    assert "2 of 2 clips cannot be used (2 no media file); no video was found at all" in str(error)
    assert "data.media=FOLDER" in str(error)
    assert "on_error" not in str(error)


def test_a_directory_and_a_dangling_link_are_missing_media(place: Path) -> None:
    for name in ("clip1", "clip2"):
        (place / "media" / f"{name}.mp4").unlink()
    (place / "media" / "clip1.mp4").mkdir()
    (place / "media" / "clip2.mp4").symlink_to(place / "media" / "nowhere.mp4")
    data = data_of(place, rows(*EIGHT), on_error="skip", max_skipped=0.5)
    data.read()
    assert [(clip.id, clip.kind) for clip in data.skipped] == [("clip1", NO_MEDIA), ("clip2", NO_MEDIA)]


@pytest.mark.parametrize("share", [-0.1, 1.5, 5])
def test_a_share_that_is_none_is_refused(place: Path, share: float) -> None:
    with pytest.raises(UserError, match=r"data\.max_skipped=.* is not a share from 0 to 1"):
        data_of(place, rows(*EIGHT), max_skipped=share)


def test_the_warning_names_the_first_and_counts_the_rest() -> None:
    skipped = [Skipped(f"clip{number}", "test", NO_MEDIA, "gone") for number in range(5)]
    assert described(skipped, 100) == (
        "5 of 100 clips cannot be used (5 no media file) and are skipped: clip0, clip1, clip2 and 2 more"
    )
    assert Findings().skipped([]) == []


# Ranks


def test_ranks_that_read_other_clips_all_end(monkeypatch: pytest.MonkeyPatch) -> None:
    def gathering(*others: Any) -> Callable[[list[Any], Any], None]:
        def gather(found: list[Any], own: Any) -> None:
            found[:] = [own, *others]

        return gather

    monkeypatch.setattr(same_clips.distributed, "is_initialized", lambda: True)
    trainer = SimpleNamespace(world_size=2)
    monkeypatch.setattr(same_clips.distributed, "all_gather_object", gathering(("hash", ("clip3",))))
    require_same_clips(trainer, "hash", ["clip3"])
    with pytest.raises(EndOfRun, match=r"ranks 0 and 1 have read other clips \(one of them skips clip3\)"):
        require_same_clips(trainer, "other", [])
    monkeypatch.setattr(same_clips.distributed, "all_gather_object", gathering(("other", ())))
    with pytest.raises(EndOfRun, match="their annotations differ"):
        require_same_clips(trainer, "hash", [])
    require_same_clips(None, "hash", [])


# Benchmarks


def test_a_benchmark_loses_clips_in_training_but_not_in_its_scores(tmp_path: Path) -> None:
    root = make_benchmarks(tmp_path) / "MER2023"
    (root / "video" / f"{NAMES[2]}.mp4").write_bytes(b"")
    register_schemas()
    words = ["data=mer2023", "data.track=multi", f"data.root={root}", f"data.cache={tmp_path / 'cache'}"]
    with initialize_config_dir(str(CONFIG_DIR), version_base="1.3"):
        cfg = compose("train", overrides=[*words, "data.on_error=skip", "data.max_skipped=0.3"])
    check_config(cfg)
    data = make_corpus(cfg)
    data.read()
    assert "mer2023_multi, test: 5 clips, the official set has 411" in data.official_differences()
    with pytest.raises(InputErrors, match=r"not those of mer2023_multi.*data\.on_error=skip is refused here") as caught:
        refuse_skipped(data, "test")
    assert [problem.split(":")[0] for problem in caught.value.problems] == [NAMES[2]]
    refuse_skipped(data, "val")


def test_a_split_that_loses_too_much_is_not_scored_although_the_whole_does_not(place: Path) -> None:
    content = "video_name, emotion_label, transcription, split\n"
    content += "".join(f"{name}, sad, word, {'test' if name in EIGHT[6:] else 'train'}\n" for name in EIGHT)
    (place / "media" / "clip7.mp4").unlink()
    data = data_of(place, "", on_error="skip", max_skipped=0.2)
    (place / "clips.csv").write_text(content)
    data.read()
    refuse_skipped(data, "train")
    with pytest.raises(InputErrors, match=r"1 of 2 clips cannot be used.*max_skipped=0.2 allows 0 of 2"):
        refuse_skipped(data, "test")


# Whole runs


@pytest.fixture(scope="module")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Twelve clips, of which one of train is empty and one of test is missing, and the clip to put there later."""
    folder = tmp_path_factory.mktemp("dataset")
    make_dataset(folder / "clips.csv", folder / "media")
    (folder / "media" / "clip7.mp4").write_bytes(b"")
    shutil.move(folder / "media" / "clip4.mp4", folder / "later.mp4")
    return folder


def words_of(folder: Path, *more: str) -> list[str]:
    return [
        "data=custom", f"data.annotations={folder / 'clips.csv'}", f"data.media={folder / 'media'}",
        f"data.cache={folder / 'cache'}", "data.labels=mer6", "data.batch_size=4", "features.num_workers=1", *more,
    ]  # fmt: skip


SKIP = ("data.on_error=skip", "data.max_skipped=0.3")


def train(folder: Path, *more: str) -> None:
    register_schemas()
    words = ["logger=csv", f"output_dir={folder / 'run'}", "trainer.max_epochs=1", "trainer.enable_progress_bar=false",
             "~callbacks.progress"]  # fmt: skip
    with initialize_config_dir(str(CONFIG_DIR), version_base="1.3"):
        cfg = compose("train", overrides=words_of(folder, *words, *more))
    check_config(cfg)
    in_process.fit(cfg)


def evaluated(folder: Path, *more: str, output: Path) -> dict[str, Any]:
    register_schemas()
    words = [f"checkpoint={folder / 'run'}", f"output_dir={output}", *more]
    load_saved_run(words)
    with initialize_config_dir(str(CONFIG_DIR), version_base="1.3"):
        cfg = compose("eval", overrides=words)
    check_config(cfg)
    evaluate(cfg)
    return json.loads((output / "metrics.json").read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def run(dataset: Path) -> Path:
    train(dataset, *SKIP)
    return dataset / "run"


def test_a_run_says_in_its_files_what_it_did_without(run: Path, dataset: Path, tmp_path: Path) -> None:
    lineage = json.loads((run / "lineage.json").read_text(encoding="utf-8"))
    assert lineage["data"]["num_skipped"] == 2
    assert [clip["id"] for clip in lineage["data"]["skipped_clips"]] == ["clip4", "clip7"]
    report = evaluated(dataset, "data.max_skipped=0.5", output=tmp_path / "eval")
    assert (report["num_clips"], report["num_skipped"], report["skipped"]) == (3, 1, {"no media file": 1})
    assert [(clip["id"], clip["split"]) for clip in report["skipped_clips"]] == [("clip4", "test")]
    assert report["evaluation"]["without"] == ["clip4", "clip7"]
    warning = "1 of 4 clips are not in these scores (data.on_error=skip): 1 no media file"
    assert warning in report["warnings"]
    page = (tmp_path / "eval" / "report.html").read_text(encoding="utf-8")
    assert warning in page
    assert "Skipped clips (1)" in page
    assert "no file &#39;clip4&#39;" in page
    own = json.loads((tmp_path / "eval" / "lineage.json").read_text(encoding="utf-8"))
    assert own["data"]["num_skipped"] == 2
    assert summary_of(report)["test/num_skipped"] == 1


def test_an_evaluation_stops_where_it_is_told_to(run: Path, dataset: Path, tmp_path: Path) -> None:
    with pytest.raises(InputErrors, match=r"line 6: clip4: no file 'clip4'"):
        evaluated(dataset, "data.on_error=stop", output=tmp_path / "eval")


def test_a_clip_that_came_back_is_another_evaluation_and_no_continuation(
    run: Path, dataset: Path, tmp_path: Path
) -> None:
    before = evaluated(dataset, "data.max_skipped=0.5", output=tmp_path / "eval")
    shutil.copy(dataset / "later.mp4", dataset / "media" / "clip4.mp4")
    try:
        after = evaluated(dataset, output=tmp_path / "eval")
        with pytest.raises(UserError, match="data: clip clip4 was skipped before and can be used now"):
            train(dataset, *SKIP, f"resume={run / 'checkpoints' / 'last.ckpt'}", "trainer.max_epochs=2")
    finally:
        (dataset / "media" / "clip4.mp4").unlink()
    assert (before["num_clips"], after["num_clips"]) == (3, 4)
    (aside,) = (tmp_path / "eval" / "evaluations").iterdir()
    assert len((aside / "answers.jsonl").read_text().splitlines()) == 3
    train(dataset, *SKIP, f"resume={run / 'checkpoints' / 'last.ckpt'}", "trainer.max_epochs=2")


def test_a_report_without_skipped_clips_has_no_such_warning() -> None:
    report = {"num_clips": 30, "num_scored": 30, "unscored": {}, "num_skipped": 0, "skipped": {}}
    assert warnings_of(report) == []


def test_only_known_words_say_what_to_do(dataset: Path) -> None:
    register_schemas()
    with initialize_config_dir(str(CONFIG_DIR), version_base="1.3"):
        cfg = compose("train", overrides=words_of(dataset, "data.on_error=ignore"))
    with pytest.raises(ConfigError, match=r"data\.on_error.*stop.*skip"):
        check_config(cfg)


# Doctor


def looked_at(folder: Path, *more: str) -> tuple[int, dict[str, Any]]:
    register_schemas()
    words = words_of(folder, f"output={folder / 'findings.json'}", *more)
    with initialize_config_dir(str(CONFIG_DIR), version_base="1.3"):
        cfg = compose("doctor", overrides=words)
    return doctor(cfg), json.loads((folder / "findings.json").read_text(encoding="utf-8"))


def test_doctor_names_each_clip_once_and_says_what_would_be_skipped(dataset: Path) -> None:
    code, found = looked_at(dataset)
    assert code == 1
    assert [problem.split(": ")[1:3] for problem in found["problems"]] == [["line 6", "clip4"], ["line 9", "clip7"]]
    code, found = looked_at(dataset, *SKIP)
    assert (code, found["problems"]) == (0, [])
    assert [clip["id"] for clip in found["skipped"]] == ["clip4", "clip7"]
    assert any("2 of 12 clips cannot be used" in warning for warning in found["warnings"])
    code, found = looked_at(dataset, "data.on_error=skip")
    assert code == 1
    assert "data.max_skipped=0.05 allows 0 of 12 to be skipped" in found["problems"][0]
