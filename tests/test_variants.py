"""`ablate` and `robustness`: one run evaluated in many ways, each against the run as it is."""

import json
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from runs import answers, read_json

from emolightning.__main__ import main
from emolightning.errors import UserError
from emolightning.records.inputs import InputKind
from emolightning.runs.variants import evaluating
from emolightning.runs.variants.ablation import contents_of, rows_of, subsets
from emolightning.runs.variants.evaluating import Carry, Outcome, Variant, evaluate_all
from emolightning.runs.variants.measuring import area, drop, with_interval
from emolightning.runs.variants.writing import FORMS, columns_of, sheets

INPUTS = {
    "image": InputKind("frames", "video", "x"),
    "face": InputKind("vectors", "video", "x"),
    "speech": InputKind("vectors", "audio", "x"),
    "transcript": InputKind("text", "text", "x"),
}


def copied(trained: Path, folder: Path) -> Path:
    """A trained run without its evaluation, at a place of its own."""
    shutil.copytree(trained, folder, ignore=shutil.ignore_patterns("wandb", "answers.jsonl", "metrics.json"))
    return folder


def call(*words: str) -> int:
    """The exit code of a command."""
    try:
        return main(list(words))
    except SystemExit as end:
        return int(end.code or 0)


def said(folder: Path) -> list[str]:
    """The answers without their times and keys."""
    return [json.dumps({**line, "seconds": 0, "key": ""}) for line in answers(folder)]


def test_a_run_is_tested_as_it_is_and_with_its_inputs_made_worse(
    trained: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = copied(trained, tmp_path / "run")
    words = (
        f"checkpoint={run}",
        "num_samples=200",
        "corruptions=[words]",
        "severities.words=[0,1]",
        "~callbacks.progress",
    )
    assert call("robustness", *words) == 0, capsys.readouterr()
    root = tmp_path / "run-robustness"
    content = read_json(root / "robustness.json")
    assert said(root / "words-0") == said(root / "clean") == said(trained), "nothing is done to nothing"
    assert [line["prompt"] for line in answers(root / "words-1")] != [
        line["prompt"] for line in answers(root / "clean")
    ]
    assert content["chance"]["labels at random"] == pytest.approx(1 / 6, abs=0.03)
    (corruption,) = content["corruptions"]
    assert [level["severity"] for level in corruption["levels"]] == [0, 1]
    none, all_words = corruption["levels"]
    assert none["drop"]["war"]["value"] == none["against"]["metrics"]["war"]["difference"] == 0
    assert none["drop"]["war"]["ci95"][0] < 0 < none["drop"]["war"]["ci95"][1], "no interval is of width zero"
    values = [each["metrics"]["war"]["value"] for each in (content["clean"], none, all_words)]
    assert corruption["area"]["war"]["value"] == pytest.approx((values[0] + 2 * values[1] + values[2]) / 4)
    assert read_json(root / "words-1" / "metrics.json")["evaluation"]["perturb"]["severity"] == 1
    assert {file.suffix for file in root.glob("robustness.*")} == set(FORMS)
    assert call("robustness", *words) == 0
    assert capsys.readouterr().out.count(": done before") == 3


MISTAKES = [
    (("robustness", "corruptions=[noize]"), "'noize' is not one of noise"),
    (("robustness", "corruptions=[noise]", "severities.blur=[2]"), "blur is not among corruptions"),
    (("robustness", "corruptions=[noise]", "severities.noise=5"), "say severities.noise=[20,15]"),
    (("robustness", "corruptions=[noise]", "severities.noise=[loud]"), "'loud' is no number"),
    (("robustness", "corruptions=[noise]", "severities.noise=[5,5.0]"), "5 is there twice"),
    (("robustness", "corruptions=[noise]", "severities.noise=[]"), "severities.noise: is empty"),
    (("robustness", "corruptions=[blur]", "severities.blur=[3]"), "blur takes 1, 2, 4"),
    (("robustness", "corruptions=[frame]", "severities.frame=[sideways]"), "sideways"),
    (("robustness", "corruptions=[frame]", "severities.frame=[middle]"), "is the run's own choice"),
    (("robustness", "corruptions=[label_order]", "severities.label_order=[0]"), "orders are numbered from 1"),
    (("robustness", "corruptions=[wording]", "severities.wording=[9]"), "this model has sentences 0 to 4"),
    (("robustness", "corruptions=[words]", "perturb.inputs=[speech]"), "words does nothing to speech"),
    (("robustness", "corruptions=[mer2024_noise]"), "say perturb.noise=FOLDER"),
    (("robustness", "corruptions=[noise]", "perturb.noise=none"), "there is no such folder"),
    (("robustness", "shuffle=[face]"), "each level has a shuffle of its own"),
    (("robustness", "num_samples=5"), "must be from 100"),
    (("ablate", "how=[gone]"), "'gone' is not one of removed"),
    (("ablate", "inputs=[nose]"), "nose is no input of this run; it has image"),
    (("ablate", "sets=XY"), "'XY' is not one of A"),
    (("ablate", "modalities=[audio,text]", "sets=AV"), "this run has AT"),
    (("ablate", "modalities=[audio]", "inputs=all"), "is the only input of this run"),
    (("ablate", "shuffle=[face]"), "each row is one run here"),
    (("ablate", "how=mean", "split=train"), "perturb.mean_of=train"),
]
DEFAULT = (0, 3, 17)
"""Those that are tried each time; a start costs half a second."""


@pytest.mark.parametrize(
    ("words", "said"),
    [
        pytest.param(*each, marks=() if place in DEFAULT else pytest.mark.slow, id=each[1])
        for place, each in enumerate(MISTAKES)
    ],
)
def test_mistakes_are_told_before_a_model_is_loaded(
    trained: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], words: Sequence[str], said: str
) -> None:
    command, *others = words
    run = tmp_path / "run"
    if not run.exists():
        run.symlink_to(trained)
    assert call(command, f"checkpoint={run}", f"output_dir={tmp_path / 'out'}", *others) in (1, 2)
    told = capsys.readouterr()
    assert said in " ".join(told.err.split()), told
    assert "Traceback" not in told.err
    assert not list(tmp_path.glob("out*/*.jsonl"))


def carried(results: dict[str, str], begun: list[tuple[str, bool]]) -> Carry:
    """Fails where a name has a reason, else leaves a result."""

    def carry(words: Sequence[str], log: Path, is_begun: bool) -> str:
        begun.append((log.stem, is_begun))
        if not results.get(log.stem):
            log.with_suffix("").mkdir(exist_ok=True)
            (log.with_suffix("") / "metrics.json").write_text("{}")
        return results.get(log.stem, "")

    return carry


def test_what_is_finished_is_not_done_again(tmp_path: Path) -> None:
    variants, begun = [Variant("full"), Variant("a", ("x=1",)), Variant("b", ("x=2",))], list[tuple[str, bool]]()
    told: list[Outcome] = []
    done = told.append
    found = evaluate_all(variants, tmp_path, ["y=1"], carry=carried({"b": "no disk"}, begun), done=done)
    assert [each.failed for each in found] == ["", "", "no disk"]
    assert told == found
    evaluate_all(variants, tmp_path, ["y=1"], carry=carried({}, begun))
    assert begun == [("full", False), ("a", False), ("b", False), ("b", True)]
    evaluate_all(variants, tmp_path, ["y=2"], carry=carried({}, begun))
    assert begun[4:] == [("full", False), ("a", False), ("b", False)], "other settings are other evaluations"


@pytest.mark.parametrize("needs_first", [True, False])
def test_without_the_run_as_it_is_nothing_else_is_worth_its_time(tmp_path: Path, needs_first: bool) -> None:
    begun: list[tuple[str, bool]] = []
    how: Any = {"carry": carried({"full": "no data"}, begun), "needs_first": needs_first}
    variants = [Variant("full"), Variant("a")]
    if needs_first:
        with pytest.raises(UserError, match="full: no data; see .*full.log"):
            evaluate_all(variants, tmp_path, [], **how)
    else:
        assert [bool(each.failed) for each in evaluate_all(variants, tmp_path, [], **how)] == [True, False]
    assert len(begun) == 2 - needs_first


def test_one_that_fails_in_this_process_leaves_its_reason_in_the_log(tmp_path: Path) -> None:
    log = tmp_path / "a.log"
    assert "no such file or folder" in evaluating.in_this_process([f"checkpoint={tmp_path}/none"], log, False)
    assert "Traceback" in log.read_text()


def test_rows_of_an_ablation() -> None:
    assert subsets(INPUTS, None) == ["A", "V", "T", "AV", "AT", "VT"]
    assert subsets({"face": INPUTS["face"], "speech": INPUTS["speech"]}, None) == ["A", "V"]
    rows = {row.variant.name: row for row in rows_of(INPUTS, ["AV", "T"], ["face"], ["removed", "mean", "shuffled"])}
    assert list(rows)[:3] == ["full", "no-T-removed", "no-T-mean"]
    assert len(rows) == 10
    assert rows["no-AV-removed"].changed == ("image", "face", "speech")
    assert rows["no-face-removed"].variant.words == ("inputs.face=false",)
    assert rows["no-AV-shuffled"].variant.words == ("shuffle=[image,face,speech]",)
    assert rows["no-T-mean"].variant.words == ("perturb.zeroed=[transcript]",)
    assert rows["no-T-mean"].note == "transcript has no mean and is zeroed"
    assert [row.variant.name for row in rows_of(INPUTS, ["A"], ["face"], ["removed"], is_retrained=True)] == [
        "AVT", "A", "no-face-removed",
    ]  # fmt: skip
    retrained = rows_of(INPUTS, ["AV"], [], ["removed", "shuffled"], is_retrained=True)
    assert [(row.variant.name, row.left, row.how) for row in retrained[1:]] == [
        ("AV", "AV", "removed"),
        ("no-T-shuffled", "AV", "shuffled"),
    ]
    assert contents_of(INPUTS, ["face", "transcript"], "zeroed") == {"zeroed": ["face", "transcript"], "mean": []}


def test_areas_and_shares() -> None:
    draws = [np.array([1.0, 0.8]), np.array([0.5, 0.8]), np.array([0.0, 0.8])]
    assert area(draws).tolist() == [0.5, pytest.approx(0.8)]
    assert drop(draws[0], draws[1:]).tolist() == [0.75, pytest.approx(0)]
    assert with_interval(0.5, np.array([0.4, 0.6] * 50), 0.1)["ci95"] == pytest.approx([0.4, 0.6])
    assert with_interval(0.5, np.full(100, 0.5), 0.1)["ci95"] == pytest.approx([0.4, 0.6])
    assert with_interval(float(drop(0.0, [0.0])), np.full(100, 0.5), 0.1) == {"value": None, "ci95": [None, None]}


def test_tables_say_what_failed() -> None:
    metrics = {"weighted_f1": {"value": 0.5, "ci95": [0.4, 0.6]}}
    pair = {"difference": -0.1, "ci95": [-0.2, 0.0], "p": 0.01, "p_holm": 0.02}
    about = {"benchmark": "x", "split": "test", "num_clips": 9, "headline": "weighted_f1", "notes": ["a note"]}
    full = {"name": "full", "left": "all", "how": None, "note": "", "failed": "", "metrics": metrics, "against": None}
    other = {
        **full,
        "name": "no-T-removed",
        "left": "AV",
        "how": "removed",
        "against": {"metrics": {"weighted_f1": pair}},
    }
    failed = {"name": "no-A-removed", "left": "VT", "how": "removed", "note": "", "failed": "no disk"}
    content = {"kind": "ablation", "is_retrained": False, **about, "rows": [full, other, failed]}
    (sheet,) = sheets(content)
    assert [row[2] for row in sheet.rows] == ["0.5000 [0.400, 0.600]", "0.5000 [0.400, 0.600]", "failed"]
    assert sheet.rows[1][3:] == ["-0.1000", "-0.2000 to +0.0000", "0.0200"]
    assert "a note" in sheet.notes
    assert columns_of(content) == ["weighted_f1"]
    assert FORMS[".csv"](content).splitlines()[-1].endswith("no-A-removed,no disk")
    level = {"severity": 5, "name": "noise-5", "failed": "no disk"}
    noise = {"name": "noise", "about": "noise", "axis": "dB", "inputs": ["speech"], "is_ordered": True}
    corruption = {**noise, "levels": [level], "area": {}, "drop": {}, "range": {}}
    robust = {
        "kind": "robustness",
        **about,
        "clean": {"name": "clean", "metrics": metrics},
        "corruptions": [corruption],
    }
    summary, levels = sheets(robust)
    assert summary.rows == [["noise", "speech", "-", "-", "-", "-"]]
    assert [row[1] for row in levels.rows] == ["0.5000 [0.400, 0.600]", "failed"]


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_trained_without_an_input_or_with_a_shuffled_one_a_run_comes_to_the_ceiling_of_the_rest(tmp_path: Path) -> None:
    how = ("model=fusion/attention", "optimizer.lr=3e-3", "data.batch_size=64", "trainer.max_epochs=15", "logger=none")
    more = ("trainer.check_val_every_n_epoch=3", "early_stopping.enabled=false", f"output_dir={tmp_path}/run")
    places = (f"paths.data={tmp_path}/data", f"data.cache={tmp_path}/cache")
    assert call("ablate", "how=[removed,shuffled]", "sets=AV,T", *how, *more, *places) == 0
    rows = read_json(tmp_path / "run-ablation" / "ablation.json")["rows"]
    assert [(row["left"], row["how"]) for row in rows] == [
        (left, how) for left in ("AV", "T") for how in ("removed", "shuffled")
    ]
    for row in rows:
        assert abs(row["above_ceiling_sd"]) <= 2, row
        shuffled = read_json(tmp_path / "run-ablation" / row["name"] / "metrics.json")["evaluation"]["shuffle"]
        assert shuffled == (row["changed"] if row["how"] == "shuffled" else [])


@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.multi_process
def test_several_processes_answer_as_one_where_inputs_are_made_worse(
    trained: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    ranks = ("trainer=ddp", "trainer.accelerator=cpu", "trainer.devices=2")
    told = []
    for name, words in (("one", ()), ("two", ranks)):
        run = copied(trained, tmp_path / name)
        asked = ("corruptions=[noise]", "severities.noise=[0]", "num_samples=200")
        assert call("robustness", f"checkpoint={run}", *asked, *words) == 0, capsys.readouterr()
        root = tmp_path / f"{name}-robustness"
        told.append([said(root / level) for level in ("clean", "noise-0")])
        sums = [read_json(root / level / "metrics.json")["evaluation"] for level in ("clean", "noise-0")]
        assert sums[0]["features_sha256"] != sums[1]["features_sha256"]
    assert told[0] == told[1]
