"""A benchmark of several sets: all of MER-UniBench in one command, killed and resumed; nine files scored; one mean."""

import json
import math
import signal
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from benchmark_factory import make_benchmarks
from corpus_factory import make_corpora
from runs import REPO, Workplace, answers, read_json
from score_factory import write_csv
from test_unibench import answers_of, rows_of
from test_variants import call

from emolightning.benchmarks.registry import official_benchmark
from emolightning.config.corpora import renamed
from emolightning.errors import UserError
from emolightning.records.clips import Answer
from emolightning.runs.compare.systems import read_system
from emolightning.runs.report.other_pages import kind_of
from emolightning.runs.variants.sets_together import sheet_of, together, write_sets
from emolightning.scoring.sentiment import Sentiment

UNIBENCH = official_benchmark("mer_unibench")
NAMES = [part.name for part in UNIBENCH.parts]


def test_the_sets_are_those_of_the_paper() -> None:
    sizes = [official_benchmark(part.benchmark).num_clips for part in UNIBENCH.parts]
    assert sizes == [411, 1169, 2610, 1241, 686, 4659, 457, 1034, 532]
    assert sum(sizes) == UNIBENCH.num_clips  # type: ignore[arg-type]


def report_of(place: int, **changed: Any) -> dict[str, Any]:
    """The scores of a set: 0.1, 0.2, ..., of all clips 0.05 less, each uncertain by 0.03 below and 0.04 above."""
    part, value = UNIBENCH.parts[place], 0.1 * (place + 1)
    scores = {part.score: value, part.score_of_all: value - 0.05}
    return {
        "benchmark": part.benchmark,
        "split": "test",
        "num_clips": 10,
        "num_scored": 9,
        "unscored": {"empty answer": 1},
        "metrics": {
            name: {"value": each, "ci95": [each - 0.03, each + 0.04], "definition": "x"}
            for name, each in scores.items()
        },
        "model": {"trained_on": "meld", "evaluated_on": NAMES[place]},
        "warnings": ["random base weights"],
        **changed,
    }


def write_reports(root: Path, names: Sequence[str] = NAMES, **changed: dict[str, Any]) -> dict[str, Path]:
    for name in names:
        (root / name).mkdir()
        content = report_of(NAMES.index(name), **changed.get(name, {}))
        (root / name / "metrics.json").write_text(json.dumps(content))
    return {name: root / name for name in names}


def test_the_mean_is_plain_and_its_interval_that_of_independent_sets(tmp_path: Path) -> None:
    content = together(UNIBENCH, write_reports(tmp_path))
    mean, over_all = content["metrics"]["mean_of_nine"], content["metrics"]["mean_of_nine_all"]
    assert (mean["value"], over_all["value"]) == (pytest.approx(0.5), pytest.approx(0.45))
    assert mean["ci95"] == pytest.approx([0.5 - 0.03 / 3, 0.5 + 0.04 / 3])
    assert math.isclose(over_all["ci95"][0], 0.44)
    assert (content["num_clips"], content["num_scored"], content["unscored"]) == (90, 81, {"empty answer": 9})
    assert content["warnings"] == ["all sets: random base weights"]
    assert content["model"] == {"trained_on": "meld", "evaluated_on": "meld"}, "on one of the sets it was trained"
    sheet = sheet_of(content)
    assert [row[0] for row in sheet.rows] == [*NAMES, "mean"]
    assert sheet.rows[-1][2:4] == ["0.5000", "0.4900 - 0.5133"]


def test_there_is_no_mean_without_a_set_or_where_no_clip_counts(tmp_path: Path) -> None:
    content = together(UNIBENCH, write_reports(tmp_path, NAMES[1:]))
    assert content["metrics"] == {}
    assert "there is no mean_of_nine: mer2023 not evaluated" in content["warnings"]
    none = {"metrics": {"num_labels": {"value": 1.0, "ci95": [1.0, 1.0], "definition": "x"}}}
    (tmp_path / "more").mkdir()
    content = together(UNIBENCH, write_reports(tmp_path / "more", meld=none))
    assert content["metrics"] == {}
    assert "meld: no clip counts for hit, so there is no mean_of_nine" in content["warnings"]
    assert sheet_of(content).rows[2][2:4] == ["-", "-"]


def test_the_page_of_several_sets_stays_theirs_and_they_are_no_system(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folders = write_reports(tmp_path)
    write_sets(together(UNIBENCH, folders), tmp_path)
    page = tmp_path / "report.html"
    before = page.read_text(encoding="utf-8")
    page.unlink()
    assert call("report", f"run={tmp_path}") == 0
    assert page.read_text(encoding="utf-8") == before
    assert kind_of(folders["meld"]) is None, "a set alone is an evaluation"
    capsys.readouterr()
    assert call("report", f"run={tmp_path}", "data=meld") != 0
    assert "data=meld: a page of metrics.json takes run=FOLDER" in capsys.readouterr().err
    with pytest.raises(UserError, match="has what several sets have together.* e.g. .*/mer2023; the folders are mer"):
        read_system("a", tmp_path, lambda path: pytest.fail(f"{path} is no file of answers"))


@pytest.mark.parametrize(
    ("text", "exact", "read"),
    [
        ("positive", "positive", "positive"),
        ("The character's sentiment state is negative.", None, "negative"),
        ("The most likely label is Neutral", None, "neutral"),
        ("positive or negative", None, None),
        ("mixed", None, None),
    ],
)
def test_a_sentence_is_read_as_the_sentiment_that_it_gives(text: str, exact: str | None, read: str | None) -> None:
    answer = Answer("a", text, "", "1.0", 0.0)
    assert Sentiment(protocol="mer_unibench").score(answer).value == exact
    assert Sentiment(protocol="mer_unibench", answers="text").score(answer).value == read
    with pytest.raises(UserError, match=r"say scoring\.protocol=mer_unibench"):
        Sentiment(protocol="sims", answers="text")


@pytest.mark.parametrize(
    ("problem", "told"),
    [
        ("'data.npz': no such file, nor data.csv; say data.truth=FILE", "data.sets.meld.truth=FILE"),
        ("say 'data.label_map={ANG: angry}'", "say 'data.sets.meld.label_map={ANG: angry}'"),
        ("data.rot: has no such argument", "data.sets.meld.rot: has no such argument"),
    ],
)
def test_settings_of_a_set_are_called_as_they_are_typed_and_files_as_they_are(problem: str, told: str) -> None:
    found = renamed(problem, "data.sets.meld", {"truth", "label_map", "rot"})
    assert told in found
    assert found.replace("data.sets.meld.", "data.") == problem


A_MODEL = ("model=chat/server", "model.base_url=http://localhost:1/v1", "model.name=some")
"""Asked as it is, it needs no run."""

MISTAKES = [
    (
        "eval",
        ["data.sets.meld=null", "data.sets.mer2024.sentence=chinese", "data.sets.iemocap.subject=x"],
        [
            "data=unibench: 8 problem(s)",
            "MER2023: no such folder; say data.sets.mer2023.root=FOLDER",
            "OV-MERD: no such",
        ],
    ),
    ("eval", ["data.sets.meld=/nowhere"], ["meld: /nowhere: no such folder; say data.sets.meld.root=FOLDER"]),
    ("eval", ["data.sets.meld=5"], ["data.sets: must be dict[str, "]),
    ("eval", ["scoring=sentiment"], ["scoring=sentiment: each set of mer_unibench has its own scoring"]),
    ("eval", ["split=val"], ["split=val: the sets of mer_unibench are tests"]),
    ("eval", ["data.sets.melt.root=x"], ["data.sets.melt: 'melt' is not one of mer2023"]),
    ("eval", [f"data.sets.{name}=null" for name in NAMES], ["data.sets: all sets are null"]),
    ("doctor", [], ["data=unibench is 9 datasets, which `eval` answers one after the other; here say one of them"]),
]


@pytest.mark.parametrize(
    ("command", "words", "said"),
    [
        pytest.param(*each, marks=() if place == 0 else pytest.mark.slow, id=" ".join(each[1][:1]) or each[0])
        for place, each in enumerate(MISTAKES)
    ],
)
def test_a_mistake_is_told_before_a_model_is_loaded(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    command: str,
    words: list[str],
    said: list[str],
) -> None:
    monkeypatch.setenv("EMOLIGHTNING_DATA", str(tmp_path))
    given = [*A_MODEL, f"output_dir={tmp_path / 'out'}"] if command == "eval" else []
    assert call(command, "data=unibench", *given, *words) in (1, 2)
    told = capsys.readouterr()
    assert all(each in " ".join((told.out + told.err).split()) for each in said), told
    assert "Traceback" not in told.err
    assert not list(tmp_path.glob("out*"))


@pytest.mark.slow
def test_what_is_missing_in_folders_that_are_there_is_told_in_one_message(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("EMOLIGHTNING_DATA", str(tmp_path))
    (tmp_path / "MELD").mkdir()
    (tmp_path / "CMU-MOSI").mkdir()
    own = [f"data.sets.{name}=null" for name in NAMES if name not in ("meld", "cmu_mosi")]
    assert call("eval", "data=unibench", *A_MODEL, f"output_dir={tmp_path / 'out'}", *own) == 1
    told = " ".join(capsys.readouterr().err.split())
    assert "data=unibench: 4 problem(s)" in told
    assert "meld: " in told
    assert "or data.sets.meld.media to the name of the folder of the clips of test" in told
    assert call("eval", "data=unibench", *A_MODEL, f"output_dir={tmp_path / 'out'}", *own, "data.sets.meld.rot=x") == 1
    said = capsys.readouterr().err
    assert "data.sets.meld.rot: emolightning.benchmarks.meld.reader.MeldData has no such argument" in said
    assert "cmu_mosi: " in said
    assert "cmu_mosi: " in told
    assert "or data.sets.cmu_mosi.truth to the name of the table of labels" in told


@pytest.mark.slow
def test_nine_sets_in_one_command_killed_and_resumed(workplace: Workplace, trained: Path, tmp_path: Path) -> None:
    data, root = tmp_path / "data", tmp_path / "out-mer_unibench"
    data.mkdir()
    make_benchmarks(make_corpora(data))
    words = (
        *(f"checkpoint={trained}", "data=unibench", f"output_dir={tmp_path / 'out'}", "features=signal"),
        *(f"data.cache={tmp_path / 'cache'}", "trainer=cpu"),
    )
    command = (REPO / "eval.py", *words)
    program = workplace.start(*command, EMOLIGHTNING_DATA=str(data))
    program.signal_when(lambda: (root / "iemocap.log").exists(), signal.SIGKILL)
    assert not (root / "metrics.json").exists()
    said = workplace.call(*command, EMOLIGHTNING_DATA=str(data))
    assert [f"{name}: done before" in said for name in ("mer2023", "mer2024", "meld")] == [True] * 3
    assert "ovmerd_plus: running" in said
    content = read_json(root / "metrics.json")
    assert [row["name"] for row in content["sets"]] == NAMES
    assert [row["num_clips"] for row in content["sets"]] == [6, 8, 7, 5, 1, 3, 2, 2, 4]
    values = [row["metrics"][row["score"]]["value"] for row in content["sets"]]
    assert content["metrics"]["mean_of_nine"]["value"] == pytest.approx(sum(values) / 9)
    alone = (f"checkpoint={trained}", "data=iemocap", f"data.root={data / 'IEMOCAP_full_release'}", "features=signal")
    more = ("data.train=false", "scoring=open_vocabulary", "scoring.answers=text", f"output_dir={tmp_path / 'alone'}")
    workplace.call(REPO / "eval.py", *alone, *more, f"data.cache={tmp_path / 'cache'}", "trainer=cpu")
    texts = [
        [(line["id"], line["answer"]) for line in answers(each)] for each in (root / "iemocap", tmp_path / "alone")
    ]
    assert texts[0] == texts[1]
    assert {path.name for path in root.iterdir() if path.is_file()} >= {
        "sets.csv",
        "sets.md",
        "sets.tex",
        "report.html",
    }
    assert "mean_of_nine" in (root / "report.html").read_text()
    said = workplace.call("-m", "emolightning", "reproduce", "benchmark=mer_unibench", f"run={root}")
    assert "other clips: the run has 38, the figure is of 12799" in " ".join(said.split())
    assert workplace.call(*command, EMOLIGHTNING_DATA=str(data)).count(": done before") == 9


REAL = {"iemocap": ("iemocapfour", "openset"), "cmu_mosi": ("cmumosi", "sentiment"), "ch_sims": ("sims", "sentiment")}
REAL |= {"ovmerd_plus": ("ovmerdplus", "openset")}
"""Sets whose answers are at hand, and the column of them."""


@pytest.mark.slow
def test_nine_files_are_scored_in_one_command_and_give_the_published_cells(
    shared: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    recorded, files = json.loads((shared / "unibench/expected_values.json").read_text()), []
    for part in UNIBENCH.parts:
        if part.name in REAL:
            name, column = REAL[part.name]
            found = answers_of(shared / "unibench", name, str(recorded[name]["best_epoch"]), column)
            rows = [(each.clip_id, each.text, each.truth) for each in found]
        else:
            is_number = part.score == "f1_non0"
            rows = [("c1", "positive", "0.4"), ("c2", "negative", "-1")] if is_number else [("c1", "[sad]", "sad")]
        files.append(write_csv(tmp_path / f"{part.name}.csv", ("id", "answer", "truth"), rows))
    wheels = f"scoring.wheels={shared}/benchmarks/emotion_wheel_2025"
    given = f"answers=[{','.join(map(str, files))}]"
    assert call("score", "benchmark=mer_unibench", given, wheels, f"output_dir={tmp_path / 'out'}") == 0
    content = read_json(tmp_path / "out" / "metrics.json")
    values = {row["name"]: row["metrics"][row["score"]]["value"] for row in content["sets"]}
    for name, (entry, _) in REAL.items():
        assert round(100 * values[name], 2) == recorded[entry]["published_percent"]
    counted = {row["name"]: row["num_counted"] for row in content["sets"]}
    assert counted["iemocap"] == [857, 857]
    assert counted["ovmerd_plus"] == [501, 525]
    assert counted["ch_sims"] == [388, 388]
    capsys.readouterr()
    for part in UNIBENCH.parts:
        if part.name in REAL:
            folder = tmp_path / "out" / part.name
            assert call("reproduce", f"benchmark={part.benchmark}", f"run={folder}") == 0
            rows = [row for row in read_json(folder / "reproduce.json")["rows"] if row["protocol"] == "mer_unibench"]
            equal = [row for row in rows if row["equal_as_printed"]]
            assert [(row["model"], row["modality"], row["verdict"]) for row in equal] == [
                ("AffectGPT", "AVT", "within interval")
            ]
    assert call("score", "benchmark=mer_unibench", f"answers=[{files[0]}]", f"output_dir={tmp_path / 'no'}") in (1, 2)
    assert "has 1 files; mer_unibench needs one a set, in the order mer2023, mer2024" in capsys.readouterr().err
    absent = given.replace("meld.csv", "melt.csv")
    assert call("score", "benchmark=mer_unibench", absent, f"output_dir={tmp_path / 'no'}") == 1
    assert "melt.csv: no such file or folder" in capsys.readouterr().err


def test_a_real_file_gives_the_published_cell(shared: Path, tmp_path: Path) -> None:
    rows = [row for row in rows_of(shared / "unibench/predictions/affectgpt_sims.csv") if row["epoch"] == "30"]
    truths = {row["name"]: row["val"] for row in rows_of(shared / "unibench/labels/sims.csv")}
    said = [(row["name"], row["sentiment"], truths[row["name"]]) for row in rows]
    file, out = write_csv(tmp_path / "said.csv", ("id", "answer", "truth"), said), tmp_path / "out"
    how = ("scoring=sentiment", "scoring.protocol=mer_unibench")
    assert call("reproduce", "benchmark=ch_sims", f"answers={file}", *how, f"output_dir={out}", "system=AffectGPT") == 0
    rows = read_json(out / "reproduce.json")["rows"]
    assert {row["modality"] for row in rows if row["equal_as_printed"]} == {"AVT"}
