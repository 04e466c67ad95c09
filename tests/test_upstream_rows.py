"""Emotion-LLaMA's own files to clips: every layout of a row, and every fault with its place."""

import json
import shutil
from pathlib import Path

import pytest
import torch
from data_factory import corpus_of, examples_of
from safetensors.torch import load_file
from upstream_factory import FEATURE_FOLDERS, LABELS, make_dfew_folder, make_upstream_folder

from emolightning.benchmarks.dfew.reader import DfewData
from emolightning.benchmarks.merr.captions import blip_caption
from emolightning.benchmarks.merr.reader import UpstreamRowsData
from emolightning.data.checkup.coverage import coverage_warnings
from emolightning.data.stores.features import FolderFeatures
from emolightning.errors import InputErrors, UserError
from emolightning.prompt.questions import choose_task, target_text

FACE, MOTION, SPEECH = FEATURE_FOLDERS


@pytest.fixture(scope="module")
def original(tmp_path_factory):
    return make_upstream_folder(tmp_path_factory.mktemp("upstream") / "mer")


@pytest.fixture
def folder(original, tmp_path):
    """A copy that a test may change."""
    return Path(shutil.copytree(original, tmp_path / "mer"))


def make_data(root: Path, **options):
    options = {"train": "MERR_coarse_grained.txt", "coarse": "MERR_coarse_grained.json", "val_fraction": 0.25} | options
    features = FolderFeatures(root=str(root), face=FACE, motion=MOTION, speech=SPEECH)
    shared = {"name": "mer", "labels": "mer9", "features": features}
    return corpus_of(UpstreamRowsData, root=str(root), cache=str(root / "cache"), frame="first", **(shared | options))


def test_rows_transcripts_captions_and_videos_come_together(folder):
    clips = make_data(folder, fine="MERR_fine_grained.json").source.read_clips()
    assert [clip.label for clip in clips] == list(LABELS) * 2
    assert [clip.video.suffix for clip in clips[:2]] == [".mp4", ".avi"]
    assert clips[0].transcript == "Well, number 0!"
    assert clips[0].reason == "a frown slight sample_00000000"
    assert clips[0].detailed_reason == "in the video, sample_00000000 frowns therefore sad"
    assert [clip.split for clip in clips].count("val") == 2
    raw = make_data(folder, captions="raw").source.read_clips()
    assert raw[0].reason == "A FROWN; (slight). sample_00000000"


@pytest.mark.parametrize("form", ["{name} {label}", "{name} 25 {label}", "{name} 25 {label} -10"])
def test_rows_of_two_three_and_four_columns(folder, form):
    row = form.format(name="sample_00000003", label="surprise")
    (folder / "rows.txt").write_text(row + "\n")
    (clip,) = make_data(folder, train=None, test="rows.txt").source.read_clips()
    assert (clip.id, clip.label, clip.split) == ("sample_00000003", "surprise", "test")


def test_an_mp4_wins_over_an_avi_of_the_same_name(folder):
    (folder / "video" / "sample_00000000.avi").write_bytes(b"")
    assert make_data(folder).source.read_clips()[0].video.suffix == ".mp4"


def test_all_faults_of_a_row_file_at_once(folder):
    rows = ["sample_00000000 25 hapy", "sample_00000001\t25\tsad", "", "../x 25 sad", "sample_99 25 sad", "a b c d e"]
    (folder / "rows.txt").write_text("\n".join(rows) + "\n")
    with pytest.raises(InputErrors) as caught:
        make_data(folder, train="rows.txt").source.read_clips()
    text = "\n".join(caught.value.problems)
    expected = {
        1: "did you mean 'happy'",
        2: "single spaces",
        3: "single spaces",
        5: "no row in the",
        6: "single spaces",
    }
    for line, part in expected.items():
        assert any(p.startswith(f"line {line}:") and part in p for p in caught.value.problems), text
    assert any(problem.startswith("line 4: ") for problem in caught.value.problems), text


def test_a_name_that_leaves_the_folder_is_refused(folder):
    (folder / "rows.txt").write_text("../x 25 sad\n")
    with pytest.raises(InputErrors, match="leaves the media folder"):
        make_data(folder, train="rows.txt").source.read_clips()


def test_a_clip_in_train_and_test_is_refused(folder):
    with pytest.raises(InputErrors, match=r"sample_00000000' is in .*MERR_coarse_grained.txt, line 1 as well"):
        make_data(folder, test="MERR_fine_grained.txt").source.read_clips()


def test_an_empty_transcript_is_an_error_or_what_one_says(folder):
    table = folder / "transcription_en_all.csv"
    table.write_text(table.read_text().replace('"Well, number 2!"', ""))
    with pytest.raises(InputErrors, match=r"line 4: 'sample_00000002' has an empty sentence; .*empty_transcript"):
        make_data(folder).source.read_clips()
    assert make_data(folder, empty_transcript="empty").source.read_clips()[2].transcript == ""
    assert make_data(folder, empty_transcript="upstream").source.read_clips()[2].transcript == "nan"


@pytest.mark.parametrize(
    ("file", "content", "message"),
    [
        ("transcription_en_all.csv", "a,b\n1,2\n", "needs `name` and one of"),
        ("transcription_en_all.csv", "name,sentence\nx,hi\nx,ho\n", "'x' is there twice"),
        ("MERR_coarse_grained.json", "{", "is not JSON"),
        ("MERR_coarse_grained.json", "[]", "maps names to explanations"),
        pytest.param(
            "MERR_coarse_grained.json", '{"x": {"other": 1}}', "'x' has no text 'caption'", marks=pytest.mark.slow
        ),
    ],
)
def test_faults_of_the_other_files(folder, file, content, message):
    (folder / file).write_text(content)
    with pytest.raises(InputErrors, match=message) as caught:
        make_data(folder).source.read_clips()
    assert file in str(caught.value)


def test_missing_files_say_which_setting_names_them(folder):
    with pytest.raises(UserError, match=r"nothing.txt: no such file; set data.root"):
        make_data(folder, train="nothing.txt").source.read_clips()
    with pytest.raises(UserError, match=r"data\.train=FILE"):
        make_data(folder, train=None).source.read_clips()


def test_a_task_without_answers_is_refused_before_any_model(folder):
    data = make_data(folder, prompt={"tasks": {"emotion": 1, "reason_v2": 1}}, coarse=None)
    data.read()
    with pytest.raises(InputErrors, match="'sample_00000000' has no answer for task reason_v2"):
        data.require_answers()


def test_tasks_are_drawn_by_weight_and_change_question_and_answer(folder):
    data = make_data(folder, prompt={"tasks": {"emotion": 1, "reason": 3}, "pool": "upstream"})
    data.read()
    dataset = examples_of(data, "train", training=True)
    examples = [dataset[epoch, index] for epoch in range(40) for index in range(len(dataset))]
    assert 0.65 < sum(example.task == "reason" for example in examples) / len(examples) < 0.85
    asked = {task: {e.instruction for e in examples if e.task == task} for task in ("emotion", "reason")}
    assert len(asked["emotion"]) == 1  # upstream has commented the others out
    assert len(asked["reason"]) == 5
    for example in examples[:10]:
        expected = example.clip.label if example.task == "emotion" else example.clip.reason
        assert target_text(example.clip, example.task) == expected
    assert {dataset[0, 0].task} == {examples_of(data, "train", training=True)[0, 0].task}
    assert {examples_of(data, "val")[0, k].task for k in range(2)} == {"emotion"}


def test_weights_of_tasks_are_shares():
    drawn = [choose_task({"emotion": 1, "reason": 0.25}, seed=0, epoch=e, clip_id="a") for e in range(4000)]
    assert drawn.count("reason") / len(drawn) == pytest.approx(0.2, abs=0.02)


def test_the_question_may_offer_other_labels_in_another_order(folder):
    data = make_data(folder, prompt={"labels": ["sad", "happy"]})
    data.read()
    assert examples_of(data, "train")[0, 0].instruction.endswith("represents: sad, happy.")
    assert "trained but not offered in the question: angry, worried" in " ".join(data.coverage())


def test_a_question_without_labels_offers_none(folder):
    data = make_data(folder, prompt={"task": "reason_v2"})
    data.read()
    assert data.coverage() == []


def test_labels_that_training_lacks_are_named():
    classes = {"train": {"sad": 3}, "val": {"sad": 1}, "test": {"neutral": 2}}
    first, between, second = coverage_warnings(classes, vocabulary=["sad", "neutral"], offered=["sad", "neutral"])
    assert first == "never in training but in test: neutral (2 clips); the model cannot learn to answer it"
    assert between == "in training but never in test: sad; scores of test say nothing about it"
    assert second.startswith("offered in the question but never in training: neutral;")
    assert coverage_warnings({"train": {"sad": 1}}, vocabulary=["sad"], offered=["sad"]) == []


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Sad.", "sad"),
        ("a-b, c.d:e", "a-b, c d e"),
        ("  x \n\n y ", "x y"),
        ("w " * 250, " ".join("w" * 200)),
        ("", ""),
    ],
)
def test_answers_are_processed_as_upstream_does(text, expected):
    assert blip_caption(text) == expected


def test_recorded_records_are_equal(shared, tmp_path):
    """What upstream's own dataset class returned for a made-up folder: texts, labels, vectors, pixels."""
    golden = shared / "golden"
    root = golden / "fake_mer"
    data = corpus_of(
        UpstreamRowsData, root=str(root), train="relative_test3_NCEV.txt", coarse="MERR_coarse_grained.json",
        fine="MERR_fine_grained.json", val_fraction=0.0, empty_transcript="upstream", name="mer", labels="mer9",
        features=FolderFeatures(root=str(root), face=FACE, motion=MOTION, speech=SPEECH),
        image_size=112, frame="first", cache=str(tmp_path),
    )  # fmt: skip
    data.read()
    tensors = load_file(golden / "dataset.safetensors")
    dataset = examples_of(data, "train")
    for record in json.loads((golden / "dataset.json").read_text())["items"]:
        example, index = dataset[0, record["index"]], record["index"]
        assert example.clip.id == record["image_id"]
        assert f"says: {example.clip.transcript}.  [" in record["instruction_input"]
        assert target_text(example.clip, record["task"]) == record["answer"]
        assert data.source.labels.index(example.clip.label) == record["emotion"]
        assert torch.equal(example.images["image"][0], tensors[f"{index}.image"])
        vectors = torch.cat([example.features[name] for name in ("face", "motion", "speech")])
        assert torch.equal(vectors, tensors[f"{index}.video_features"])


def make_dfew(root: Path, **options):
    shared = {"name": "dfew", "labels": "dfew7", "inputs": ("image",), "features": FolderFeatures(root="."),
              "image_size": 56, "cache": str(root / "cache"), "val_fraction": 0.2}  # fmt: skip
    return corpus_of(DfewData, root=str(root), **(shared | options))


def test_a_fold_of_dfew(tmp_path):
    clips = make_dfew(make_dfew_folder(tmp_path)).source.read_clips()
    assert [clip.split for clip in clips].count("test") == 3
    assert [clip.split for clip in clips].count("val") == 1
    assert [(clip.id, clip.label) for clip in clips[:2]] == [("1", "sad"), ("2", "neutral")]  # labels 2 and 3 of 1 to 7
    assert {clip.transcript for clip in clips} == {None}


def test_faults_of_a_fold(tmp_path):
    root = make_dfew_folder(tmp_path)
    path = root / "EmoLabel_DataSplit" / "train(single-labeled)" / "set_1.csv"
    path.write_text("video_name,label\n1,8\n2,2\n2,2\n77,1\n")
    with pytest.raises(InputErrors) as caught:
        make_dfew(root, inputs=("image",)).read()
    first, second, third = caught.value.problems
    assert "line 2: label '8' is not 1 to 7" in first
    assert "line 4: 2 is there twice" in second
    assert "line 5: 77: no file '77'" in third
    with pytest.raises(UserError, match=r"data\.fold: 6"):
        make_dfew(root, fold=6)
    path.write_text("video_name,label\n9,2\n")
    with pytest.raises(InputErrors, match="clip 9 is in train and test of fold 1"):
        make_dfew(root).source.read_clips()
