"""`compare`: runs, files and published figures on the same clips, from the words of a command line to its files."""

import csv
import json
import shutil
import sys
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from score_factory import HEADER, score, write_csv

import emolightning as el
from emolightning.__main__ import main
from emolightning.api import Comparison
from emolightning.commands.compare import full_words
from emolightning.config.problems import absent
from emolightning.runs.answers import ANSWERS
from emolightning.runs.compare.writing import require_free
from emolightning.runs.score import require_free as require_free_for_scores

TRUTHS = ["happy", "sad", "angry", "neutral"] * 10
FEWER = "num_samples=500"


def rows(wrong: set[int], answer: str = "worried") -> list[tuple[str, str, str]]:
    """Forty clips, answered rightly but for some."""
    return [(f"c{at}", answer if at in wrong else truth, truth) for at, truth in enumerate(TRUTHS)]


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Files a.csv and b.csv of the same clips, and what `score` makes of them."""
    folder = tmp_path_factory.mktemp("systems")
    for name, wrong in (("a", set(range(12))), ("b", {8, 9, 20})):
        write_csv(folder / f"{name}.csv", HEADER, rows(wrong))
        score(folder / "runs" / name, f"answers={folder / f'{name}.csv'}", "labels=mer6")
    table = [(f"c{at}", f"actor{at // 4}", "en" if at < 12 else "zh") for at in range(40)]
    write_csv(folder / "clips.csv", ("id", "subject", "language"), table)
    return folder


def compare(out: Path, *words: object) -> dict[str, Any]:
    """compare.json of a command that must succeed."""
    sys.argv = ["emolightning", "compare"]
    assert main(["compare", f"out={out}", FEWER, *map(str, words)]) == 0
    return json.loads((out / "compare.json").read_text())


def refused(capsys: pytest.CaptureFixture[str], *words: object) -> str:
    """What it says when it refuses, as one line."""
    sys.argv = ["emolightning", "compare"]
    try:
        code = main(["compare", FEWER, *map(str, words)])
    except SystemExit as end:
        code = int(end.code or 0)
    assert code == 1
    said = capsys.readouterr()
    assert said.out == ""
    return " ".join(said.err.split())


def test_two_runs_in_every_form(place: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    found = compare(tmp_path / "out", f"runs=[{place}/runs/a,{place}/runs/b]")
    (pair,) = found["pairs"]
    assert (pair["first"], pair["second"], found["num_clips"]) == ("a", "b", 40)
    assert (pair["fixed"]["count"], pair["broke"]) == (10, {"count": 1, "clips": ["c20"]})
    assert pair["fixed"]["clips"] == [f"c{at}" for at in (*range(8), 10, 11)]
    assert pair["mcnemar"]["only_second_right"] == 10
    assert pair["mcnemar"]["p_exact"] == pytest.approx(2 * (1 + 11) / 2**11)
    war = pair["metrics"]["war"]
    assert (war["first"], war["second"], war["verdict"]) == (0.7, 37 / 40, "better")
    assert war["p"] == war["p_holm"] == pair["mcnemar"]["p_exact"]
    assert war["ci95"][0] < war["difference"] < war["ci95"][1]
    assert pair["per_class"]["happy"]["support"] == 10
    assert sum(row["fixed"] for row in pair["per_class"].values()) == 10
    text = " ".join(capsys.readouterr().out.split())
    assert "b fixed 10 clips and broke 1; both are right on 27 and wrong on 2" in text
    assert "broke: 'c20'" in text
    assert "b against a: b is better: weighted_f1" in text
    written = {path.name for path in (tmp_path / "out").iterdir()}
    assert written == {f"compare{kind}" for kind in (".json", ".md", ".tex", ".csv", ".html")} | {
        "pairs.csv",
        "clips.csv",
    }
    with (tmp_path / "out" / "clips.csv").open() as file:
        assert list(csv.reader(file))[1] == ["c0", "happy", "worried", "happy"]
    assert "| war | 0.7000 | 0.9250 |" in (tmp_path / "out" / "compare.md").read_text()
    assert r"war & 0.7000 & 0.9250 &" in (tmp_path / "out" / "compare.tex").read_text()


def test_files_clusters_and_slices(place: Path, tmp_path: Path) -> None:
    words = ("labels=mer6", f"clips={place}/clips.csv", "cluster=subject", "slices=language")
    found = compare(tmp_path, f"runs=[{place}/a.csv,{place}/b.csv]", "names=[old,new]", *words)
    assert found["cluster"] == {"column": "subject", "count": 10}
    (pair,) = found["pairs"]
    assert (pair["first"], pair["second"]) == ("old", "new")
    english, chinese = (pair["slices"]["language"][name] for name in ("en", "zh"))
    assert (english["num_clips"], chinese["num_clips"]) == (12, 28)
    assert english["difference"] == pytest.approx(10 / 12)
    assert chinese["difference"] == pytest.approx(-1 / 28)
    # Clips of an actor change sides together: with three actors that differ no p-value is small.
    assert pair["metrics"]["war"]["p"] > 0.2
    assert pair["metrics"]["war"]["verdict"] == "no difference shown"


def test_several_systems_are_adjusted(place: Path, tmp_path: Path) -> None:
    write_csv(tmp_path / "c.csv", HEADER, rows({1, 30}))
    found = compare(tmp_path, f"runs=[{place}/runs/a,{place}/runs/b,{tmp_path}/c.csv]", "labels=mer6")
    assert [(pair["first"], pair["second"]) for pair in found["pairs"]] == [("a", "b"), ("a", "c"), ("b", "c")]
    p_values = [pair["metrics"]["war"]["p"] for pair in found["pairs"]]
    adjusted = [pair["metrics"]["war"]["p_holm"] for pair in found["pairs"]]
    assert adjusted[0] == pytest.approx(2 * p_values[0])
    assert adjusted[2] == pytest.approx(p_values[2])


def test_seeds_are_one_system(place: Path, tmp_path: Path) -> None:
    root = tmp_path / "seeds"
    for seed, wrong in enumerate(({0, 1, 2}, {1, 2, 3}, {2, 3, 4})):
        file = write_csv(tmp_path / f"{seed}.csv", HEADER, rows(wrong))
        score(root / f"seed-{seed}", f"answers={file}", "labels=mer6")
    seeds = [{"seed": seed, "exit_code": seed // 3} for seed in range(4)]
    (root / "seeds.json").write_text(json.dumps({"num_failed": 1, "seeds": seeds}))
    found = compare(tmp_path / "out", f"runs=[{place}/runs/a,{root}]")
    assert found["systems"][1]["num_seeds"] == 3
    assert found["systems"][1]["metrics"]["war"]["value"] == pytest.approx(37 / 40)
    (pair,) = found["pairs"]
    # Of clip 0 two seeds of three are right, of clip 2 none: that is a clip that both have wrong.
    assert pair["fixed"]["clips"] == ["c0", "c1", *(f"c{at}" for at in range(3, 12))]
    assert found["clips"][0]["answers"]["seeds"] == ["worried", "happy", "happy"]
    assert found["notes"][0] == "seeds: 1 seeds failed and are left out"


class Texts(HTMLParser):
    """The tags of a page, and whether it asks anything of a network."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.addresses: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.addresses += [str(value) for name, value in attrs if name in ("src", "href", "data")]


def test_names_from_outside_are_text(place: Path, tmp_path: Path) -> None:
    hostile = "<script>alert(1)</script>|=1+1 [bold]&_%\\x"
    table = [(each[0].replace("c0", hostile), *each[1:]) for each in rows({0, 1, 2})]
    for name, wrong in (("a_<b>", table), ("b", [(each[0], each[2], each[2]) for each in table])):
        write_csv(tmp_path / f"{name}.csv", HEADER, wrong)
    compare(tmp_path / "out", f'runs=["{tmp_path}/a_<b>.csv",{tmp_path}/b.csv]', "labels=mer6")
    page = Texts()
    page.feed((tmp_path / "out" / "compare.html").read_text())
    assert page.tags.count("script") == 2  # The page's own, and its data.
    assert page.addresses == ["data:,", "#content"]
    assert "<script" not in (tmp_path / "out" / "compare.md").read_text()
    assert "&lt;script" in (tmp_path / "out" / "compare.html").read_text()
    assert r"a\_&lt;b&gt;" in (tmp_path / "out" / "compare.md").read_text()
    assert r"a\_\textless{}b" in (tmp_path / "out" / "compare.tex").read_text()


def test_what_cannot_be_compared_is_refused(place: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run = f"{place}/runs/a"
    fewer = write_csv(tmp_path / "fewer.csv", HEADER, [*rows({0})[:30], ("new", "sad", "sad")])
    said = refused(capsys, f"runs=[{run},{fewer}]", "labels=mer6")
    assert "a: 10 of its clips are not in every system: 'c30', 'c31'" in said
    assert "fewer: 1 of its clips are not in every system: 'new'" in said
    assert "30 clips are in all of them; only_shared=true" in said
    other = write_csv(tmp_path / "other.csv", HEADER, [(*rows(set())[0][:2], "sad"), *rows(set())[1:]])
    said = refused(capsys, f"runs=[{run},{other}]", "labels=mer6")
    assert "other: 1 of 40 clips have another truth than in a: 'c0' is 'sad' there and 'happy' here" in said


@pytest.mark.slow
def test_what_was_typed_wrongly_is_refused(place: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    a, run = f"{place}/a.csv", f"{place}/runs/a"
    strange = write_csv(tmp_path / "strange.csv", HEADER, [(f"x{row[0]}", *row[1:]) for row in rows(set())])
    assert "a and strange have no clip in common" in refused(capsys, f"runs=[{run},{strange}]", "labels=mer6")
    assert f"{a} is a file of answers: say how they are read, e.g. labels=mer6" in refused(capsys, f"runs=[{run},{a}]")
    assert f"{place}/runs/c: no such file or folder" in refused(capsys, f"runs=[{run},{place}/runs/c]")
    assert f"did you mean {place}/clips.csv?" in refused(capsys, f"runs=[{run},{place}/clip.csv]")
    assert "given twice; a system is not compared with itself" in refused(capsys, f"runs=[{run},{run}]")
    assert f"{run} alone is no comparison" in refused(capsys, f"runs={run}")
    assert f"{place}: no metrics.json there; run eval.py" in refused(capsys, f"runs=[{run},{place}]")
    both = f"runs=[{run},{place}/runs/b]"
    assert "clips is required with cluster" in refused(capsys, both, "cluster=subject")
    assert "actor" in refused(capsys, both, f"clips={place}/clips.csv", "cluster=actor")
    assert "names has 1 names for 2 runs" in refused(capsys, both, "names=x")
    assert "'x.pdf' is a file of no known form" in refused(capsys, both, "out=x.pdf")
    assert "num_samples is 5" in refused(capsys, both, "num_samples=5")
    said = refused(capsys, f"runs=[{a},Emotion-LLaMA]", "labels=mer6")
    assert "and the runs are on no official benchmark; say benchmark=NAME" in said
    said = refused(capsys, f"runs=[{a},{place}/b.csv]", "benchmark=mer2023_semi")
    assert "a: has 40 clips, mer2023_semi has 834; compare them without benchmark=" in said
    (tmp_path / "seeds.json").write_text('{"seeds": [{"seed": "../x"}]}')
    assert "seeds is no list of runs with their seeds" in refused(capsys, f"runs=[{run},{tmp_path}]")
    assert "only figures were published" in refused(capsys, "runs=[GPT-4V,AffectGPT]")


def test_nothing_is_written_over(place: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    theirs, listed = tmp_path / "labels.csv", tmp_path / "mine" / "clips.csv"
    listed.parent.mkdir()
    for file in (theirs, listed):
        file.write_text("id,label\nc0,happy\n")
    said = refused(capsys, f"runs=[{place}/runs/a,{place}/runs/b]", f"out={theirs}")
    assert f"{theirs} is there already" in said
    assert f"out={tmp_path}/labels-2.csv" in said
    assert theirs.read_text() == "id,label\nc0,happy\n"
    with pytest.raises(el.UserError, match="clips.csv is there already"):
        require_free(listed.parent, ["a", "b"])


def test_an_earlier_comparison_is_renewed_and_no_other(tmp_path: Path) -> None:
    require_free(tmp_path, ["a", "b"])
    (tmp_path / "compare.json").write_text('{"runs": ["a", "b"]}')
    require_free(tmp_path, ["a", "b"])
    for content in ('{"runs": ["a", "c"]}', "{}", "[", '{"runs": 3}'):
        (tmp_path / "compare.json").write_text(content)
        with pytest.raises(el.UserError, match="nothing is written over"):
            require_free(tmp_path, ["a", "b"])


def test_a_system_by_another_name_is_the_same(place: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    link, circle, run = tmp_path / "link.csv", tmp_path / "circle.csv", place / "runs" / "a"
    link.symlink_to(place / "a.csv")
    circle.symlink_to(circle)
    said = refused(capsys, f"runs=[{place}/a.csv,{link},{run},{run}/metrics.json]", "labels=mer6")
    assert f"{place}/a.csv and {link} and {run} and {run}/metrics.json: given twice" in said
    said = refused(capsys, f"runs=[{run},{circle}]", "labels=mer6")
    assert f"{circle}: is a link that leads nowhere" in said
    require_free_for_scores(tmp_path / "scores", [circle])
    assert absent(circle, "file") == "is a link that leads nowhere; name a file"
    assert absent(tmp_path, "file") == "is a folder; name a file"


def test_shared_clips_are_counted(place: Path, tmp_path: Path) -> None:
    fewer = write_csv(tmp_path / "fewer.csv", HEADER, rows({0})[:30])
    found = compare(tmp_path, f"runs=[{place}/runs/a,{fewer}]", "labels=mer6", "only_shared=true")
    assert found["num_clips"] == 30
    assert "a: 10 clips that others do not have are left out: 'c30', 'c31'" in found["notes"][0]
    assert found["systems"][0]["metrics"]["war"]["value"] == pytest.approx(18 / 30)


@pytest.mark.slow
def test_a_run_folder_that_is_damaged_is_refused(
    place: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    report = json.loads((place / "runs" / "a" / "metrics.json").read_text())
    for name, change, about in (
        ("labels", {"confusion_matrix": {"labels": ["x", "y"]}}, "the truth of 40 clips is no label of metrics.json"),
        ("matrix", {"confusion_matrix": 3}, "confusion_matrix must have a list of labels"),
        ("count", {"num_clips": 3}, "answers.jsonl has 40 answers, metrics.json is of 3 clips"),
    ):
        folder = tmp_path / name
        folder.mkdir()
        (folder / "metrics.json").write_text(json.dumps(report | change))
        (folder / ANSWERS).write_bytes((place / "runs" / "a" / ANSWERS).read_bytes())
        assert about in refused(capsys, f"runs=[{place}/runs/b,{folder}]")
    (folder / ANSWERS).write_text("{}\n")
    assert "cannot be read: it is no answer" in refused(capsys, f"runs=[{place}/runs/b,{folder}]")


@pytest.mark.slow
def test_one_file_of_a_form_is_written(place: Path, tmp_path: Path) -> None:
    sys.argv = ["emolightning", "compare"]
    words = (f"runs=[{place}/runs/a,{place}/runs/b]", FEWER, f"out={tmp_path}/table.tex")
    assert main(["compare", *words]) == 0
    assert [path.name for path in tmp_path.iterdir()] == ["table.tex"]


def test_python_gives_the_same(place: Path) -> None:
    found = el.compare(place / "runs" / "a", place / "runs" / "b", num_samples=500)
    assert (found["war"].difference, found["war"].verdict) == (37 / 40 - 0.7, "better")
    assert (found.fixed[:2], found.broke) == (["c0", "c1"], ["c20"])
    assert repr(found).startswith("Comparison(b is better: weighted_f1")


def test_words() -> None:
    assert full_words(["runs=[a,b]"]) == ["runs=[a,b]"]
    assert full_words(["benchmark=emer_v1"]) == ["benchmark=emer_v1", "scoring=reasoning"]
    assert full_words(["scoring=open_vocabulary", "runs=a"]) == ["scoring=open_vocabulary", 'runs=["a"]']


def test_equal_answers_are_not_known_to_be_equal(place: Path, tmp_path: Path) -> None:
    write_csv(tmp_path / "copy.csv", HEADER, rows(set(range(12))))
    (pair,) = compare(tmp_path, f"runs=[{place}/a.csv,{tmp_path}/copy.csv]", "labels=mer6")["pairs"]
    war = pair["metrics"]["war"]
    most = 1 - 0.025 ** (1 / 40)
    assert (war["difference"], war["p"]) == (0, 1)
    assert war["ci95"] == pytest.approx([-most, most])


def test_what_a_run_records_is_in_the_table(place: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """One table for a trained run and one that never saw the data: it says which is which, and a dash for the rest."""
    models: dict[str, dict[str, Any]] = {
        "trained": {"trained_on": "mine", "evaluated_on": "mine", "num_parameters": 886_336, "num_trained": 192_512},
        "elsewhere": {"trained_on": None, "evaluated_on": "mine"},
        "other": {"trained_on": "dfew", "evaluated_on": "mine", "num_parameters": 7_000_000_000, "num_trained": 0},
    }
    for name, model in models.items():
        (tmp_path / name).mkdir()
        report = json.loads((place / "runs" / "a" / "metrics.json").read_text()) | {"model": model}
        report["evaluation"] |= {"inputs": ["speech", "transcript"]}
        (tmp_path / name / "metrics.json").write_text(json.dumps(report))
        (tmp_path / name / ANSWERS).write_bytes((place / "runs" / "a" / ANSWERS).read_bytes())
    (tmp_path / "trained" / "config.yaml").write_text(
        "seed: 0\nmodel:\n  rank: 8\noutput_dir: x\noptimizer:\n  lr: 1e-3\ntrainer:\n  max_epochs: 1\n"
    )  # The other's is of an evaluation.
    (tmp_path / "other" / "config.yaml").write_text(
        "seed: 0\nmodel:\n  rank: 16\noutput_dir: y\ntrainer:\n  max_epochs: 2\n"
    )
    found = compare(tmp_path / "out", f"runs=[{','.join(str(tmp_path / name) for name in models)},{place}/runs/b]")
    assert [system["training"] for system in found["systems"]] == [
        "trained on mine",
        "zero-shot",
        "zero-shot (trained on dfew)",
        None,
    ]
    assert found["systems"][0]["modality"] == "AT"
    pairs = {(pair["first"], pair["second"]): pair for pair in found["pairs"]}
    assert pairs["trained", "other"]["settings"] == {"model.rank": [8, 16]}
    assert pairs["trained", "elsewhere"]["settings"] == {}
    text = (tmp_path / "out" / "compare.md").read_text()
    assert "| trained | measured here | trained on mine | AT | 886 k | 193 k |" in text
    assert "| elsewhere | measured here | zero-shot | AT | - | - |" in text
    assert "| other | measured here | zero-shot (trained on dfew) | AT | 7 B | 0 |" in text
    assert "zero-shot systems and systems that were trained on these data are in one table" in text
    assert "whether b saw these data in training is not recorded" in text
    capsys.readouterr()


@pytest.mark.slow
def test_sets_of_words_are_compared(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    truths = ["['happy', 'calm']", "['sad']", "['angry', 'worried']", "['surprised']"] * 3
    files = []
    for name, others in (("right", set()), ("half", {0, 2, 3, 5})):
        said = [(f"c{at}", "['bored']" if at in others else truth, truth) for at, truth in enumerate(truths)]
        files.append(write_csv(tmp_path / f"{name}.csv", HEADER, said))
    score(tmp_path / "runs" / "right", f"answers={files[0]}", "scoring=open_vocabulary")
    words = f"runs=[{tmp_path}/runs/right,{files[1]}]"
    (pair,) = compare(tmp_path / "out", words, "scoring=open_vocabulary")["pairs"]
    assert pair["metrics"]["ungrouped_recall"]["first"] == 1
    assert pair["metrics"]["ungrouped_recall"]["second"] == pytest.approx(8 / 12)
    assert "mcnemar" not in pair
    capsys.readouterr()
    copied = shutil.copytree(tmp_path / "runs" / "right", tmp_path / "runs" / "copied")
    said = refused(capsys, f"runs=[{tmp_path}/runs/right,{copied}]")
    assert "are sets of words; say scoring=open_vocabulary" in said


EMER = ("benchmark=emer_v1", "columns.id=names", "columns.answer=chi_reasons", "columns.truth=chi_reasons")


@pytest.mark.parametrize("number", [pytest.param(2, id="two"), pytest.param(6, id="six", marks=pytest.mark.slow)])
def test_emers_systems_in_one_table(shared: Path, tmp_path: Path, number: int) -> None:
    folder = shared / "benchmarks" / "affectgpt_emer_v1_baselines"
    files = sorted(path for path in folder.glob("*.csv") if path.name != "gt.csv")[:number]
    runs = ",".join(f'"{path}"' for path in files)
    found = compare(tmp_path, f"runs=[{runs}]", f"truth={folder}/gt.csv", *EMER)
    assert len(found["pairs"]) == number * (number - 1) / 2
    for pair in found["pairs"]:
        assert set(pair["metrics"]) == {"clue_overlap_offline", "label_overlap_offline"}
        row = pair["metrics"]["clue_overlap_offline"]
        assert row["ci95"][0] < row["difference"] < row["ci95"][1]
        assert row["cohens_dz"] * row["difference"] > 0
    published = {cell["model"]: cell["printed"] for cell in found["published"] if cell["metric"] == "clue_overlap"}
    assert len(published) == 7
    assert published["Emotion-LLaMA"] == "7.83"
    verdicts = {verdict for cell in found["published"] for verdict in cell["verdicts"].values()}
    assert all(verdict.startswith("not comparable: gpt-3.5-turbo-16k-0613 gave these grades") for verdict in verdicts)


GPT4V = ("columns.id=name", "columns.answer=gpt4v", "columns.truth=gt", "answer_list=first", "benchmark=mer2023_multi")


def test_published_predictions_give_the_recorded_values(shared: Path, tmp_path: Path) -> None:
    folder, names = shared / "benchmarks" / "gpt4v_emotion" / "mer2023", ("multi", "video", "text")
    files = ",".join(str(folder / f"label-gpt4v-{name}.csv") for name in names)
    found = compare(tmp_path, f"runs=[{files}]", f"names=[{','.join(names)}]", *GPT4V)
    expected = json.loads((shared / "benchmarks" / "expected_values.json").read_text())["paired_tests_gpt4v_mer2023"]
    tests = {f"{pair['first']}_vs_{pair['second']}": pair["mcnemar"] for pair in found["pairs"]}
    for name, values in expected.items():
        if name != "note":
            assert {key: tests[name][key] for key in values} == pytest.approx(values, rel=1e-9, abs=0), name
    published = {cell["model"]: cell for cell in found["published"] if cell["protocol"] == "gpt4v"}
    assert published["GPT-4V"]["printed"] == "63.50"
    assert published["GPT-4V"]["value"] == "0.6350"


@pytest.mark.parametrize(
    ("words", "scoring"),
    [
        (["benchmark=dfew"], "classification"),
        (["benchmark=mer2024_ov"], "open_vocabulary"),
        (["labels=mer6"], "classification"),
        (["scoring=reasoning", "benchmark=dfew"], "reasoning"),
        ([], None),
    ],
)
def test_what_is_scored_follows_from_labels_or_benchmark(words: list[str], scoring: str | None) -> None:
    found = full_words(["runs=[a.csv,b.csv]", *words])
    assert [word for word in found if word.startswith("scoring=")] == ([f"scoring={scoring}"] if scoring else [])
    assert any(word.startswith("scoring.labels=") for word in found) == (scoring == "classification")


def test_published_figures_alone_have_no_clips_that_were_fixed() -> None:
    found = Comparison({"pairs": []})
    assert (len(found), found.fixed, found.broke) == (0, [], [])


def two_files(folder: Path, truths: list[str], first: list[str], second: list[str]) -> str:
    """`runs=` of two systems."""
    for name, said in (("a", first), ("b", second)):
        write_csv(
            folder / f"{name}.csv", HEADER, [(f"c{at}", *row) for at, row in enumerate(zip(said, truths, strict=True))]
        )
    return f"runs=[{folder}/a.csv,{folder}/b.csv]"


def test_sentiment_is_compared(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    truths = ["0.8", "-0.4", "0.6", "-0.8", "0.2", "-0.2"] * 4
    first = ["0.4", "0.1", "0.6", "-0.6", "-0.2", "none"] * 4
    runs = two_files(tmp_path, truths, first, [f"{float(truth) + 0.05:.2f}" for truth in truths])
    found = compare(tmp_path / "ab", runs, "scoring=sentiment", "scoring.protocol=sims")
    (pair,) = found["pairs"]
    mae = pair["metrics"]["mae"]
    assert mae["first"] == pytest.approx(
        (0.4 + 0.5 + 0 + 0.2 + 0.4 + 1.2) / 6
    )  # No number is the far end of the scale.
    assert (mae["second"], mae["verdict"]) == (pytest.approx(0.05), "better")
    assert mae["ci95"][0] < mae["difference"] < mae["ci95"][1] < 0
    assert pair["metrics"]["acc2"]["first"] == pytest.approx(0.5)
    assert (pair["metrics"]["acc2"]["second"], pair["metrics"]["acc2"]["verdict"]) == (1, "better")
    assert "mcnemar" not in pair
    assert "b is better" in " ".join(capsys.readouterr().out.split())


@pytest.mark.slow
def test_numbers_are_compared_on_their_scale(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    truths = ["0.8", "-0.4", "0.6", "-0.8", "0.2", "-0.2"] * 4
    runs = two_files(tmp_path, truths, ["0.1", "-0.1", "none"] * 8, [f"{float(truth) + 0.05:.2f}" for truth in truths])
    (pair,) = compare(tmp_path / "ab", runs, "scoring=numbers", "scoring.scale=[-1,1]")["pairs"]
    assert pair["metrics"]["ccc"]["verdict"] == pair["metrics"]["mse"]["verdict"] == "better"
    for name, scale in (("a", "[-1,1]"), ("b", "[-2,2]")):
        how = ("scoring=numbers", "scoring.dimension=arousal", f"scoring.scale={scale}")
        score(tmp_path / "runs" / name, f"answers={tmp_path}/{name}.csv", *how)
    capsys.readouterr()
    said = refused(capsys, f"runs=[{tmp_path}/runs/a,{tmp_path}/runs/b]")
    assert "do not compare: a: arousal, -1 to 1; b: arousal, -2 to 2; score them by one" in said


def test_several_labels_are_compared(tmp_path: Path) -> None:
    truths = ["anger, fear", "joy", "fear"] * 6
    runs = two_files(tmp_path, truths, ["anger", "joy", "joy; fear"] * 6, ["fear, anger", "joy", "fear"] * 6)
    found = compare(tmp_path / "ab", runs, "scoring=multi_label")
    (pair,) = found["pairs"]
    loss, same = pair["metrics"]["hamming_loss"], pair["metrics"]["subset_accuracy"]
    assert (loss["first"], loss["second"], loss["verdict"]) == (pytest.approx(2 / 9), 0, "better")
    assert (same["first"], same["second"], found["headline"]) == (pytest.approx(1 / 3), 1, "micro_f1")
    assert found["clips"][2]["answers"] == {"a": ["joy, fear"], "b": ["fear"]}
    scored = tmp_path / "run"
    score(scored, f"answers={tmp_path}/a.csv", "scoring=multi_label")
    again = compare(tmp_path / "again", f"runs=[{scored},{tmp_path}/b.csv]", "scoring=multi_label")
    assert again["pairs"][0]["metrics"] == pair["metrics"]


@pytest.mark.slow
def test_what_was_scored_otherwise_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    numbers = ["0.8", "-0.4", "0.6"]
    two_files(tmp_path, numbers, numbers, numbers)
    for name, protocol in (("a", "mosi"), ("b", "sims")):
        how = ("scoring=sentiment", f"scoring.protocol={protocol}")
        score(tmp_path / "runs" / name, f"answers={tmp_path}/{name}.csv", *how)
    capsys.readouterr()
    said = refused(capsys, f"runs=[{tmp_path}/runs/a,{tmp_path}/runs/b]")
    assert "numbers of different scales or protocols do not compare: a: CMU-MOSI and CMU-MOSEI, -3 to 3; b: CH" in said
    said = refused(capsys, f"runs=[{tmp_path}/runs/a,{tmp_path}/b.csv]", "scoring=multi_label")
    assert "answers of different kinds do not compare: a numbers, b sets; score them in one way first" in said
    report = json.loads((tmp_path / "runs" / "a" / "metrics.json").read_text())
    (tmp_path / "runs" / "a" / "metrics.json").write_text(json.dumps(report | {"sentiment": {"protocol": "x"}}))
    said = refused(capsys, f"runs=[{tmp_path}/runs/a,{tmp_path}/runs/b]")
    assert "scoring.protocol: must be one of mosi, sims, mer_unibench, not 'x'" in said
