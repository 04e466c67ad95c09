"""`reproduce`: what it reads of a run, what it tells beside the verdicts, and what is printed and written."""

import csv
import json
from pathlib import Path

import pytest
from published_runs import ALL, RECIPE, SEEN, cell, compared, dfew, emotion_llama, metric, report_of, written
from score_factory import metrics_of

from emolightning.__main__ import main
from emolightning.benchmarks.published.comparison import compare
from emolightning.benchmarks.published.measured import read_run
from emolightning.benchmarks.registry import official_benchmarks
from emolightning.errors import UserError
from emolightning.records.clips import Answer
from emolightning.scoring.judges.offline import OfflineJudge
from emolightning.scoring.open_vocabulary import OpenVocabulary
from emolightning.scoring.reasoning import Reasoning


def test_conditions_that_a_run_does_not_record_are_told(tmp_path: Path) -> None:
    run = read_run(written(tmp_path, dfew(evaluation={"answers": "predictions.csv"})))
    found = compare([score for score in ALL if score.benchmark == "dfew_fold1"], run, ["dfew_fold1"])
    absent = "aliases, answer_list, frame, modality, offered, transcript, zero_shot"
    assert f"not compared, for the run does not record it: {absent}" in found.remarks


def test_what_a_run_itself_reports_is_told(tmp_path: Path) -> None:
    differences = ["mer2023_semi: the question offers ['sad'], the published protocol ['happy']"]
    report = report_of(
        num_scored=832,
        reading={"parser": "words"},
        evaluation=SEEN | {"prompt": {"layout": "train", "labels": None}},
        data={"official_differences": differences},
    )
    run = read_run(written(tmp_path, report))
    assert compare([score for score in ALL if score.benchmark == "mer2023_semi"], run, ["mer2023_semi"]).remarks == [
        "prompt.layout is train; Emotion-LLaMA's figures were made with upstream_eval",
        *differences,
        "2 answers without a label count as wrong; Emotion-LLaMA's own code makes them neutral",
    ]


def test_a_run_without_a_benchmark_is_known_by_its_clips(tmp_path: Path) -> None:
    report = report_of() | {"benchmark": "predictions"}
    scores = [score for score in ALL if score.benchmark.startswith("mer2023")]
    names = [name for name in official_benchmarks() if name.startswith("mer2023")]
    found = compare(scores, read_run(written(tmp_path / "same", report)), names)
    assert found.benchmark == "mer2023_semi"
    assert emotion_llama([row for row in found.rows if row.ours is not None]).verdict == "within interval"
    assert found.remarks[0].startswith(
        "the run calls its data 'predictions'; taken for mer2023_semi, which has as many"
    )

    rows = report["per_class"] | {"sad": {"support": 256}, "happy": {"support": 170}}
    other = compare(scores, read_run(written(tmp_path / "other", report | {"per_class": rows})), names)
    assert (other.benchmark, other.unpublished) == (None, {})
    assert other.remarks[0] == "the run calls its data 'predictions', 834 clips"
    assert {row.verdict.partition(":")[0] for row in other.rows} == {"not comparable"}


def test_a_run_that_could_be_either_of_two_folds_is_compared_with_none(tmp_path: Path) -> None:
    run = read_run(written(tmp_path, dfew() | {"benchmark": "set"}))
    scores = [score for score in ALL if score.benchmark.startswith("dfew")]
    found = compare(scores, run, [name for name in official_benchmarks() if name.startswith("dfew")])
    assert found.benchmark is None
    assert "it could be dfew_fold1 or dfew_fold2: score it with benchmark=..." in found.remarks[0]
    assert compare(scores, run, ["dfew_fold1"]).benchmark == "dfew_fold1"


def test_scores_that_nobody_published_are_listed(tmp_path: Path) -> None:
    metrics = {"weighted_f1": metric(0.9, 0.88, 0.92), "uar": metric(0.8, 0.7, 0.9), "macro_f1": metric(0.8, 0.7, 0.9)}
    run = read_run(written(tmp_path, report_of(metrics=metrics)))
    found = compare([score for score in ALL if score.benchmark == "mer2023_semi"], run, ["mer2023_semi"])
    assert list(found.unpublished) == ["uar", "macro_f1"]  # its only published macro F1 is no macro F1


def test_reports_of_judges_and_wheels_are_understood(tmp_path: Path) -> None:
    """The real reports, not ones by hand: embedded wheel and offline judge compare with nothing published."""
    answers = [Answer(f"clip{number}", "['happy', 'calm']", "prompt", "['happy']", 0.0) for number in range(411)]
    words = metrics_of(OpenVocabulary(), answers, benchmark="mer2023_multi", split="test")
    row = cell(compared(tmp_path, words), "mer_unibench", "Emotion-LLaMA", "hit", "AVT")
    assert row.verdict.startswith("not comparable: other protocol: wheels is 2025 there, EmoLightning embedded")
    judged = metrics_of(Reasoning(judge=OfflineJudge()), answers[:100], benchmark="emer_v1", split="test")
    run = read_run(written(tmp_path, judged))
    found = compare([score for score in ALL if score.benchmark == "emer_v1"], run, ["emer_v1"])
    assert {row.ours for row in found.rows} == {None}
    assert set(found.unpublished) == {"clue_overlap_offline", "label_overlap_offline"}


@pytest.mark.parametrize(
    ("report", "message"),
    [
        ([], "is not a JSON object"),
        ({"benchmark": 3}, "benchmark: must be str, not 3"),
        (report_of(metrics={"uar": 0.5}), "metrics.uar: has no value"),
        (report_of(metrics={"uar": {"value": 0.5}}), "metrics.uar: value and ci95 must be numbers, not 0.5, None"),
        (report_of(metrics={"uar": metric(float("nan"), 0.1, 0.2)}), "metrics.uar: value and ci95 must be numbers"),
        (report_of(metrics={"uar": metric(0.5, 0.1, None)}), "metrics.uar: value and ci95 must be numbers"),
        (report_of(per_class={"happy": 3}), "per_class: must give the support of each label"),
    ],
)
def test_a_damaged_report_is_refused(tmp_path: Path, report: object, message: str) -> None:
    with pytest.raises(UserError) as error:
        read_run(written(tmp_path, report))
    assert message in str(error.value)


@pytest.mark.parametrize(
    ("rule", "count", "is_said"), [("exclude", 3, True), ("exclude", 0, False), ("worst", 3, False)]
)
def test_valence_that_was_left_out_is_remarked(tmp_path: Path, rule: str, count: int, is_said: bool) -> None:
    run = read_run(written(tmp_path, report_of(valence={"missing": rule, "missing_predicted": count})))
    assert bool([remark for remark in run.remarks if remark.startswith("valence of 3 clips")]) == is_said


def test_a_judge_that_graded_nothing_has_no_score(tmp_path: Path) -> None:
    report = report_of("emer_v1", metrics={"clue_overlap_offline": metric(None)})
    assert dict(read_run(written(tmp_path, report)).metrics) == {}


def test_a_folder_without_scores_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="no metrics.json there; run eval.py"):
        read_run(tmp_path)
    (tmp_path / "metrics.json").write_text("{")
    with pytest.raises(UserError, match="it is not JSON"):
        read_run(tmp_path)


def printed(capsys: pytest.CaptureFixture[str], *words: object) -> str:
    """The output of the command, spaces as one."""
    assert main(["reproduce", *map(str, words)]) == 0
    return " ".join(capsys.readouterr().out.split())


def test_the_command_prints_and_writes_the_comparison(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run = written(
        tmp_path / "run", report_of(metrics={"weighted_f1": metric(0.8805, 0.87, 0.89), "uar": metric(0.8, 0.7, 0.9)})
    )
    text = printed(capsys, "benchmark=mer2023_semi", f"run={run}", "system=emotion-llama")
    assert "mer2023_semi, split test, 834 clips" in text
    assert "published ours difference 95 % interval verdict" in text
    assert "Emotion-LLaMA AVT weighted_f1 0.9036 0.8805 -0.0231 0.8700 - 0.8900 worse" in text
    assert "Emotion-LLaMA AV weighted_f1 0.8905 0.8805 - - not comparable: other" in text
    assert "source: Emotion-LLaMA README @4ee28d2" in text
    assert "Unverified: nothing is compared with these" in text
    assert "Ours with no published value uar 0.8000 (0.7000 - 0.9000)" in text
    assert "VGGish" not in text

    written_rows = json.loads((run / "reproduce.json").read_text())
    assert (written_rows["benchmark"], written_rows["requested"]) == ("mer2023_semi", ["mer2023_semi"])
    row = next(row for row in written_rows["rows"] if row["published"] == "0.9036" and row["verified"])
    assert row["difference"] == pytest.approx(-0.0231)
    assert (row["ours"], row["ci95"], row["verdict"], row["equal_as_printed"]) == (
        0.8805,
        [0.87, 0.89],
        "worse",
        False,
    )
    assert written_rows["no_published_value"]["uar"]["verdict"] == "no published value"
    assert (
        "| Emotion-LLaMA | AVT | mer2023\\_semi/challenge | weighted\\_f1 | 0.9036 | 0.8805 | -0.0231 |"
        in (run / "reproduce.md").read_text()
    )
    assert r"\begin{tabular}{lrrrrrrrr}" in (run / "reproduce.tex").read_text()
    with (run / "reproduce.csv").open() as file:
        assert ["0.9036", "0.8805"] in [row[4:6] for row in csv.reader(file)]


def test_a_run_on_other_clips_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run = written(tmp_path / "run", report_of("mer2023_multi"))
    with pytest.raises(SystemExit) as error:
        main(["reproduce", "benchmark=mer2023_semi", f"run={run}"])
    assert error.value.code == 1
    said = capsys.readouterr().err
    assert "its clips are not those of benchmark=mer2023_semi: the run is on mer2023_multi" in said


def test_each_protocol_has_a_table_of_its_own(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run = written(tmp_path / "run", dfew(evaluation=RECIPE))
    text = printed(capsys, "benchmark=dfew", f"run={run}", f"output_dir={tmp_path / 'out'}")
    for head in (
        "dfew_fold1/zero_shot ",
        "dfew_fold1/zero_shot_middle ",
        "dfew/five_folds ",
        "dfew/partition_not_stated ",
    ):
        assert text.count(head) == 1
    five_folds = text.partition("dfew/five_folds ")[2].partition("source:")[0]
    assert "not comparable: other clips: the run is on dfew_fold1, the figure on dfew" in five_folds
    assert "ours" not in five_folds
    assert (tmp_path / "out" / "reproduce.json").is_file()


def test_a_predictions_file_is_scored_first(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    supports = official_benchmarks()["mer2023_semi"].supports["test"]
    truths = [label for label, count in supports.items() for _ in range(count)]
    with (tmp_path / "p.csv").open("w", newline="") as file:
        rows = [(f"clip{number}", truth, truth) for number, truth in enumerate(truths)]
        csv.writer(file).writerows([("id", "answer", "truth"), *rows])
    words = (f"answers={tmp_path / 'p.csv'}", f"output_dir={tmp_path / 'out'}", "system=Emotion-LLaMA")
    text = printed(capsys, "benchmark=mer2023_semi", *words)
    assert "Emotion-LLaMA AVT weighted_f1 0.9036 1.0000 +0.0964 0.9954 - 1.0000 better" in text
    assert "not compared, for the run does not record it: modality" in text
    assert (tmp_path / "out" / "reproduce.json").is_file()


def test_lists_without_a_run(capsys: pytest.CaptureFixture[str]) -> None:
    assert "mer2023_semi 834 weighted_f1 19 1" in printed(capsys)
    text = printed(capsys, "benchmark=emer")
    assert "emer_v1/gpt35_judge" in text
    assert "Emotion-LLaMA - clue_overlap 7.83 Emotion-LLaMA README @4ee28d2" in text


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["benchmark=mer2023_sem"], "'mer2023_sem' is not one of afew, ch_sims, ch_sims_v2"),
        (["run=somewhere"], "benchmark is required with run"),
        (["benchmark=dfew", "output_dir=out"], "say run=..., too"),
        (["benchmark=mer2023_semi", "system=valley"], "'valley' is not one of wav2vec 2.0"),
        (["benchmark=mer2023_semi", "run=nowhere"], "run=nowhere: no metrics.json there"),
    ],
)
def test_what_cannot_be_meant_is_refused(words: list[str], message: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as error:
        main(["reproduce", *words])
    assert error.value.code == 1
    assert message in capsys.readouterr().err
