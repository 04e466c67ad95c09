"""`reproduce`: what is compared, what is refused and why, and what is printed."""

import csv
import json
from pathlib import Path
from typing import Any

import pytest

from emolightning.__main__ import main
from emolightning.benchmarks import BENCHMARKS
from emolightning.errors import InputErrors, UserError
from emolightning.evaluation.judge_offline import OfflineJudge
from emolightning.evaluation.open_vocabulary import OpenVocabulary
from emolightning.evaluation.reasoning import Reasoning
from emolightning.published.comparison import Compared, compare
from emolightning.published.measured import read_run
from emolightning.published.table import PublishedScore, read_published
from emolightning.records import Answer

ALL = read_published()

SEEN = {"inputs": ["image", "face", "motion", "speech", "transcript"], "frame": "first", "shuffle": []}
"""What eval.py records, here of all inputs."""


def metric(value: float | None, low: float | None = None, high: float | None = None) -> dict[str, Any]:
    return {"value": value, "ci95": [low, high], "definition": "by hand"}


def report_of(benchmark: str = "mer2023_semi", **changes: Any) -> dict[str, Any]:
    """A `metrics.json` with the clips of a benchmark."""
    official = BENCHMARKS.get(benchmark)
    sizes = official.sizes if official else {}
    supports = official.supports.get("test", {}) if official else {}
    return {
        "benchmark": benchmark,
        "split": "test",
        "num_clips": sizes.get("test", sizes.get("all", 0)),
        "unscored": {},
        "metrics": {"weighted_f1": metric(0.9, 0.88, 0.92)},
        "per_class": {label: {"support": count} for label, count in supports.items()},
        "evaluation": dict(SEEN),
    } | changes


def written(folder: Path, report: object) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "metrics.json").write_text(json.dumps(report))
    return folder


def compared(folder: Path, report: dict[str, Any], *requested: str) -> list[Compared]:
    names = requested or (report["benchmark"],)
    scores = [score for score in ALL if score.benchmark in names]
    return compare(scores, read_run(written(folder, report)), names).rows


def cell(rows: list[Compared], protocol: str, model: str, metric: str, modality: str | None = None) -> Compared:
    """The one row of a cell."""
    (found,) = [
        row
        for row in rows
        if (row.score.protocol.way, row.score.model, row.score.metric) == (protocol, model, metric)
        and modality in (None, row.score.modality)
    ]
    return found


def emotion_llama(rows: list[Compared]) -> Compared:
    return cell(rows, "challenge", "Emotion-LLaMA", "weighted_f1", "AVT")


@pytest.mark.parametrize(
    ("measured", "verdict", "is_equal"),
    [
        ((0.9036, 0.88, 0.92), "within interval", True),
        ((0.90357721, 0.88, 0.92), "within interval", True),  # rounded up to 0.9036
        ((0.90369, 0.88, 0.92), "within interval", True),  # cut off to 0.9036
        ((0.90371, 0.88, 0.92), "within interval", False),
        ((0.93, 0.9036, 0.95), "within interval", False),
        ((0.93, 0.9037, 0.95), "within interval", False),  # one unit of the last digit
        ((0.93, 0.90372, 0.95), "differs", False),
        ((0.89, 0.87, 0.9035), "within interval", False),
        ((0.89, 0.87, 0.90348), "differs", False),
    ],
)
def test_the_interval_holds_the_published_value_or_does_not(
    tmp_path: Path, measured: tuple[float, float, float], verdict: str, is_equal: bool
) -> None:
    row = emotion_llama(compared(tmp_path, report_of(metrics={"weighted_f1": metric(*measured)})))
    assert (row.verdict, row.is_equal_as_printed) == (verdict, is_equal)
    assert row.difference == pytest.approx(measured[0] - 0.9036)


def test_a_published_percentage_that_was_cut_off(tmp_path: Path) -> None:
    """1390 of 2341 clips are 59.376 %; the paper prints 59.37."""
    war = 1390 / 2341
    report = report_of(
        "dfew_fold1", metrics={"war": metric(war, war - 0.001, war + 0.001), "uar": metric(0.4, 0.3, 0.5)}
    )
    row = cell(compared(tmp_path, report), "zero_shot", "Emotion-LLaMA", "war")
    assert (row.verdict, row.is_equal_as_printed) == ("within interval", True)
    assert row.ours is not None
    assert (row.ours.value, row.ours.low, row.ours.high) == pytest.approx((59.376335, 59.276335, 59.476335))
    assert row.difference == pytest.approx(0.006335, abs=1e-6)


@pytest.mark.parametrize(
    ("sad", "verdict"),
    [
        (257, "within interval"),
        (253, "within interval; on 830 clips, published on 834"),
        (299, "not comparable: other clips: the run has 876, the figure is of 834"),
        (216, "within interval; on 793 clips, published on 834"),
        (215, "not comparable: other clips: the run has 792, the figure is of 834"),
    ],
)
def test_another_number_of_clips_is_in_the_verdict(tmp_path: Path, sad: int, verdict: str) -> None:
    """5 % of 834 are 41.7; what counts is clips with a label, not those that were answered."""
    report = report_of(num_clips=1000)
    report["per_class"]["sad"]["support"] = sad
    assert emotion_llama(compared(tmp_path, report)).verdict == verdict


def dfew(**changes: Any) -> dict[str, Any]:
    return report_of(
        "dfew_fold1", metrics={"uar": metric(0.45, 0.44, 0.47), "war": metric(0.59, 0.58, 0.61)}, **changes
    )


RECIPE = {"inputs": ["image", "face", "motion", "speech"], "frame": "middle", "prompt": {"labels": None}}
TRAPS = {
    "another test set and another score": (
        report_of("mer2023_semi"),
        ("mer2023_semi", "mer2023_multi"),
        ("mer_unibench", "Emotion-LLaMA", "hit"),
        "other clips: the run is on mer2023_semi, the figure on mer2023_multi",
    ),
    "another score on the same clips": (
        report_of("mer2023_multi"),
        ("mer2023_multi",),
        ("mer_unibench", "Emotion-LLaMA", "hit"),
        "other score: the run has no hit",
    ),
    "a wheel of our own": (
        report_of(
            "mer2023_multi",
            metrics={"hit": metric(0.6, 0.5, 0.7)},
            open_vocabulary={"wheels": {"name": "our own", "year": None}, "answers": "written lists"},
        ),
        ("mer2023_multi",),
        ("mer_unibench", "Emotion-LLaMA", "hit"),
        "other protocol: wheels is 2025 there, our own here",
    ),
    "wheels of another year": (
        report_of(
            "mer2024_semi",
            metrics={"hit": metric(0.7, 0.6, 0.8)},
            open_vocabulary={"wheels": {"name": "official", "year": "2026"}, "answers": "written lists"},
        ),
        ("mer2024_semi",),
        ("mer_unibench", "Emotion-LLaMA", "hit"),
        "other protocol: wheels is 2025 there, 2026 here",
    ),
    "a judge of today": (
        report_of("emer_v1", metrics={"clue_overlap_offline": metric(7.8, 7.5, 8.1)}),
        ("emer_v1",),
        ("gpt35_judge", "Emotion-LLaMA", "clue_overlap"),
        "gpt-3.5-turbo-16k-0613 gave these grades and is no longer served; another judge has a scale of its own",
    ),
    "one fold against five": (
        dfew(),
        ("dfew", "dfew_fold1"),
        ("five_folds", "MAE-DFER", "war"),
        "other clips: the run is on dfew_fold1, the figure on dfew",
    ),
    "three folds against five": (
        report_of("dfew", num_folds=3, metrics={"war": metric(0.7, 0.6, 0.8)}),
        ("dfew",),
        ("five_folds", "MAE-DFER", "war"),
        "other protocol: num_folds is 5 there, 3 here",
    ),
    "five folds against one": (
        report_of("dfew", num_folds=5, metrics={"war": metric(0.59, 0.5, 0.7)}),
        ("dfew", "dfew_fold1"),
        ("zero_shot", "Emotion-LLaMA", "war"),
        "other clips: the run is on dfew, the figure on dfew_fold1",
    ),
    "a partition that nobody names": (
        report_of("dfew", num_folds=5, metrics={"war": metric(0.8, 0.7, 0.9)}),
        ("dfew",),
        ("partition_not_stated", "HumanOmni", "war"),
        "which of the folds was tested is not stated",
    ),
    "the weighted F1 called macro": (
        report_of(metrics={"macro_f1": metric(0.9036, 0.88, 0.92)}),
        ("mer2023_semi",),
        ("documentation_page", "Emotion-LLaMA", "macro_f1"),
        "unverified: the page defines its F1 as the mean over classes; 0.9036 is the weighted F1, and the macro F1 of "
        "the same answers is 0.8134",
    ),
    "DFEW's scores called MER2024-OV's": (
        report_of("mer2024_ov", metrics={"uar": metric(0.4559, 0.4, 0.5)}),
        ("mer2024_ov",),
        ("documentation_page", "Emotion-LLaMA", "uar"),
        "unverified: these are the zero-shot scores on DFEW; MER2024-OV is ranked by set-level accuracy and recall",
    ),
    "groups of another model": (
        report_of(
            "mer2024_ov",
            metrics={"average": metric(0.54, 0.5, 0.58)},
            open_vocabulary={"synonym_groups": {"source": {"model": "some-model"}, "sha256": None}},
        ),
        ("mer2024_ov",),
        ("challenge", "example answers of the organisers", "average"),
        "other protocol: synonym_groups is 892f588d... there, some-model here",
    ),
    "another frame": (
        dfew(evaluation=RECIPE),
        ("dfew_fold1",),
        ("zero_shot_first", "Emotion-LLaMA (documented recipe)", "war"),
        "other protocol: frame is first there, middle here",
    ),
    "with transcripts": (
        dfew(evaluation=RECIPE | {"inputs": SEEN["inputs"]}),
        ("dfew_fold1",),
        ("zero_shot_middle", "Emotion-LLaMA (documented recipe)", "war"),
        "other protocol: transcript is False there, True here",
    ),
    "another order of labels": (
        dfew(evaluation=RECIPE | {"prompt": {"labels": ["neutral", "angry"]}}),
        ("dfew_fold1",),
        ("zero_shot_middle", "Emotion-LLaMA (documented recipe)", "war"),
        "other protocol: offered is happy, sad, neutral, angry, surprise, disgust, fear there, neutral, angry here",
    ),
    "words mapped to labels": (
        report_of(
            "mer2023_multi",
            metrics={"war": metric(0.65, 0.6, 0.7)},
            reading={"parser": "words", "aliases": "default", "answer_list": "first"},
        ),
        ("mer2023_multi",),
        ("gpt4v", "GPT-4V", "war"),
        "other protocol: aliases is none there, default here",
    ),
    "validation clips": (
        report_of(split="val"),
        ("mer2023_semi",),
        ("challenge", "VAT", "weighted_f1"),
        "other clips: the run is on split val",
    ),
    "other inputs": (
        report_of(evaluation=SEEN | {"inputs": ["speech", "transcript"]}),
        ("mer2023_semi",),
        ("challenge", "VAT", "weighted_f1"),
        "other inputs: AV there, AT here",
    ),
    "permuted inputs": (
        report_of(evaluation=SEEN | {"shuffle": ["face"]}),
        ("mer2023_semi",),
        ("challenge", "VAT", "weighted_f1"),
        "the run permuted face across clips",
    ),
}


@pytest.mark.parametrize("name", TRAPS)
def test_unlike_figures_are_not_compared(tmp_path: Path, name: str) -> None:
    report, requested, (protocol, model, score), reason = TRAPS[name]
    modality = "AVT" if protocol == "mer_unibench" else None
    row = cell(compared(tmp_path, report, *requested), protocol, model, score, modality)
    assert row.verdict == f"not comparable: {reason}"
    assert (row.ours, row.difference, row.is_equal_as_printed) == (None, None, False)


def test_the_documented_recipe_is_compared(tmp_path: Path) -> None:
    rows = compared(tmp_path, dfew(evaluation=RECIPE))
    found = {row.score.protocol.way: row.verdict for row in rows if row.score.metric == "war" and row.ours is not None}
    assert found == {"zero_shot": "within interval", "zero_shot_middle": "within interval"}


def test_published_on_fewer_clips_than_official(tmp_path: Path) -> None:
    """GPT-4V refused four clips of DFEW: a run on the same 2337 has as many as were published."""
    reading = {"parser": "words", "aliases": "none", "answer_list": "first"}
    report = report_of(
        "dfew_fold1",
        num_clips=2337,
        per_class={},
        evaluation={},
        reading=reading,
        metrics={"war": metric(0.4368849, 0.417, 0.457)},
    )
    rows = compared(tmp_path, report)
    assert cell(rows, "gpt4v", "GPT-4V", "war").verdict == "within interval"
    assert cell(rows, "zero_shot", "Emotion-LLaMA", "war").verdict == "differs; on 2337 clips, published on 2341"


def test_conditions_that_a_run_does_not_record_are_told(tmp_path: Path) -> None:
    run = read_run(written(tmp_path, dfew(evaluation={"answers": "predictions.csv"})))
    found = compare([score for score in ALL if score.benchmark == "dfew_fold1"], run, ["dfew_fold1"])
    assert (
        "not compared, for the run does not record it: aliases, answer_list, frame, modality, offered, transcript"
        in (found.remarks)
    )


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
    names = [name for name in BENCHMARKS if name.startswith("mer2023")]
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
    found = compare(scores, run, [name for name in BENCHMARKS if name.startswith("dfew")])
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
    words = OpenVocabulary().report(answers, benchmark="mer2023_multi", split="test")
    row = cell(compared(tmp_path, words), "mer_unibench", "Emotion-LLaMA", "hit", "AVT")
    assert row.verdict.startswith("not comparable: other protocol: wheels is 2025 there, EmoLightning embedded")
    judged = Reasoning(judge=OfflineJudge()).report(answers[:100], benchmark="emer_v1", split="test")
    run = read_run(written(tmp_path, judged))
    found = compare([score for score in ALL if score.benchmark == "emer_v1"], run, ["emer_v1"])
    assert {row.ours for row in found.rows} == {None}
    assert set(found.unpublished) == {"clue_overlap_offline", "label_overlap_offline"}


@pytest.mark.parametrize(
    ("report", "message"),
    [
        ([], "is not an object"),
        ({"benchmark": 3}, "benchmark: must be str, not 3"),
        (report_of(metrics={"uar": 0.5}), "metrics.uar: has no value"),
        (report_of(metrics={"uar": {"value": 0.5}}), "metrics.uar: value and ci95 must be numbers, not 0.5, None"),
        (report_of(metrics={"uar": metric(float("nan"), 0.1, 0.2)}), "metrics.uar: value and ci95 must be numbers"),
        (report_of(metrics={"uar": metric(0.5, 0.1, None)}), "metrics.uar: value and ci95 must be numbers"),
        (report_of(per_class={"happy": 3}), "per_class: must give the support of each label"),
    ],
)
def test_a_damaged_report_is_refused(tmp_path: Path, report: object, message: str) -> None:
    with pytest.raises(InputErrors) as error:
        read_run(written(tmp_path, report))
    assert message in str(error.value)


def test_a_judge_that_graded_nothing_has_no_score(tmp_path: Path) -> None:
    report = report_of("emer_v1", metrics={"clue_overlap_offline": metric(None)})
    assert dict(read_run(written(tmp_path, report)).metrics) == {}


def test_a_folder_without_scores_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="no metrics.json there; run eval.py"):
        read_run(tmp_path)
    (tmp_path / "metrics.json").write_text("{")
    with pytest.raises(UserError, match="cannot be read as JSON"):
        read_run(tmp_path)


def printed(capsys: pytest.CaptureFixture[str], *words: object) -> str:
    """The output of the command, spaces as one."""
    assert main(["reproduce", *map(str, words)]) == 0
    return " ".join(capsys.readouterr().out.split())


def test_the_command_prints_and_writes_the_comparison(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run = written(
        tmp_path / "run", report_of(metrics={"weighted_f1": metric(0.8905, 0.87, 0.9), "uar": metric(0.8, 0.7, 0.9)})
    )
    text = printed(capsys, "benchmark=mer2023_semi", f"run={run}", "system=emotion-llama")
    assert "mer2023_semi, split test, 834 clips" in text
    assert "published ours difference 95 % interval verdict" in text
    assert "Emotion-LLaMA AVT weighted_f1 0.9036 0.8905 -0.0131 0.8700 - 0.9000 differs" in text
    assert "Emotion-LLaMA AV weighted_f1 0.8905 - - - not comparable: other" in text
    assert "source: Emotion-LLaMA README @4ee28d2" in text
    assert "Unverified: nothing is compared with these" in text
    assert "Ours with no published value uar 0.8000 (0.7000 - 0.9000)" in text
    assert "VGGish" not in text

    written_rows = json.loads((run / "reproduce.json").read_text())
    assert (written_rows["benchmark"], written_rows["requested"]) == ("mer2023_semi", ["mer2023_semi"])
    row = next(row for row in written_rows["rows"] if row["published"] == "0.9036" and row["verified"])
    assert row["difference"] == pytest.approx(-0.0131)
    assert (row["ours"], row["ci95"], row["verdict"], row["equal_as_printed"]) == (
        0.8905,
        [0.87, 0.9],
        "differs",
        False,
    )
    assert written_rows["no_published_value"]["uar"]["verdict"] == "no published value"


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
    supports = BENCHMARKS["mer2023_semi"].supports["test"]
    truths = [label for label, count in supports.items() for _ in range(count)]
    with (tmp_path / "p.csv").open("w", newline="") as file:
        rows = [(f"clip{number}", truth, truth) for number, truth in enumerate(truths)]
        csv.writer(file).writerows([("id", "answer", "truth"), *rows])
    words = (f"answers={tmp_path / 'p.csv'}", f"output_dir={tmp_path / 'out'}", "system=Emotion-LLaMA")
    text = printed(capsys, "benchmark=mer2023_semi", *words)
    assert "Emotion-LLaMA AVT weighted_f1 0.9036 1.0000 +0.0964 1.0000 - 1.0000 differs" in text
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
        (["benchmark=mer2023_sem"], "'mer2023_sem' is not one of mer2023_semi"),
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


def test_every_score_can_be_met_or_says_why_not(tmp_path: Path) -> None:
    """A run with each published value and all conditions of its protocol gets `within interval` for it."""
    for score in ALL:
        report = fitting_report(score)
        row = next(row for row in compared(tmp_path, report, score.benchmark) if row.score == score)
        if score.is_verified and score.protocol.never is None and score.benchmark in BENCHMARKS:
            assert (row.verdict, row.is_equal_as_printed) == ("within interval", True), score
        else:
            assert row.verdict.startswith("not comparable: "), score
            is_ours = score.benchmark in BENCHMARKS
            assert is_ours or row.verdict.endswith(f"this project does not evaluate {score.benchmark}")


def fitting_report(score: PublishedScore) -> dict[str, Any]:
    """Same clips, inputs, conditions and value."""
    wanted = score.protocol.conditions
    letters = {"A": ["speech"], "V": ["face"], "T": ["transcript"]}
    value = float(score.printed) / score.factor
    return report_of(
        score.benchmark,
        num_clips=score.protocol.expected_clips or 1,
        per_class={},
        num_folds=wanted.get("num_folds", 1),
        metrics={score.metric: metric(value, value, value)},
        evaluation={
            "inputs": [name for letter in score.modality or "AV" for name in letters[letter]],
            "frame": wanted.get("frame", "first"),
            "prompt": {"labels": None, "layout": "upstream_eval"},
        },
        reading={"parser": "upstream", "aliases": "none", "answer_list": "first"},
        open_vocabulary={
            "wheels": {"year": "2025"},
            "answers": "written lists",
            "synonym_groups": {"sha256": wanted.get("synonym_groups")},
        },
    )
