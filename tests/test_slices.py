"""Where a system is weak: slices of clips against SciPy's tests, planted weaknesses, and false alarms."""

from pathlib import Path

import numpy as np
import pytest
from scipy.stats import fisher_exact
from scipy.stats.contingency import crosstab
from score_factory import HEADER, refusal, score, write_csv

from emolightning.errors import UserError
from emolightning.records.clips import Answer
from emolightning.records.labels import MER6
from emolightning.scoring import slices
from emolightning.scoring.classification import Classification
from emolightning.scoring.sampling import BY_CLIP
from emolightning.scoring.slices import (
    Attribute,
    clustered_p,
    exact_p,
    grouped,
    slice_section,
    split_bins,
    with_slices,
)

RECALLS = np.array([0.8, 0.75, 0.7, 0.6, 0.55, 0.45])


@pytest.mark.parametrize(("hits", "total", "seed"), [(20, 60, 0), (1, 30, 1), (55, 60, 2), (0, 40, 3)])
def test_with_one_label_it_is_fishers_test(hits: int, total: int, seed: int) -> None:
    right, inside = np.arange(total) < hits, np.random.default_rng(seed).random(total) < 0.4
    table = crosstab(right, inside, levels=([False, True], [False, True])).count
    assert exact_p(np.zeros(total, dtype=int), right, inside) == pytest.approx(fisher_exact(table).pvalue, abs=1e-12)


def test_labels_are_not_weakness() -> None:
    """By hand: one label is always right and one never; a slice of the second alone has no gap."""
    truths = np.repeat([0, 1], 50)
    rows = slice_section(truths, np.zeros(100, dtype=int), 2, {"age": Attribute(["old"] * 50 + ["young"] * 50)})
    for row, value in zip(rows["columns"]["age"]["slices"], (1, 0), strict=True):
        assert (row["value"], row["expected"], row["gap"], row["p"]) == (value, value, 0, 1)
        assert row["verdict"] == "no gap shown"


def test_the_slice_of_each_clip_is_written_in_the_order_of_the_answers() -> None:
    """A clip without truth is in no score, so in no slice; neither is one of which the column says nothing."""
    scoring, truths = Classification(labels=("happy", "sad")), ("happy", "sad", None, "sad", "happy")
    answers = [Answer(f"c{at}", "happy", "", truth, 0.0) for at, truth in enumerate(truths)]
    scores = [scoring.score(answer) for answer in answers]
    report = scoring.report(answers, scores, benchmark="b", split="test", sampling=BY_CLIP)
    attributes = {"who": Attribute(["b", "a", "a", None, "b"]), "long": Attribute([1.5, 9, 9, 2, 8], 2)}
    found = with_slices(report, answers, scores, scoring.reader, attributes, BY_CLIP).slices
    assert found is not None
    assert [about["of_clips"] for about in found["columns"].values()] == ["1 0 - - 1", "0 1 - 0 1"]


def test_large_slices_have_the_same_p(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(0)
    truths, inside = rng.integers(0, 6, 3_000), rng.random(3_000) < 0.3
    right = rng.random(3_000) < RECALLS[truths] - 0.04 * inside
    exact = exact_p(truths, right, inside)
    monkeypatch.setattr(slices, "MOST_EXACT", 100)
    assert exact_p(truths, right, inside) == pytest.approx(exact, abs=0.02)
    assert clustered_p(truths, right, inside, np.arange(3_000)) == pytest.approx(exact, abs=0.03)
    few = np.arange(3_000) % 150
    drawn_signs = clustered_p(truths, right, inside, few)
    monkeypatch.setattr(slices, "MOST_FLIPPED", 100)
    assert clustered_p(truths, right, inside, few) == pytest.approx(drawn_signs, abs=0.02)


@pytest.mark.parametrize(
    ("values", "bins", "names", "edges"),
    [
        ([1.5, 2, 3, 4, 5], None, ["1.5 to 2", "2 to 3", "3 to 4", "4 to 5"], [1.5, 2, 3, 4, 5]),
        (["1", "2", "3", None, "4"], 2, ["1 to 2.5", "2.5 to 4"], [1, 2.5, 4]),
        (["0.0", "0.0", "0.0", "0.5"], None, ["0 to 0.125", "0.125 to 0.5"], [0, 0.125, 0.5]),
        (["b", "a", "", "a"], None, ["a", "b"], None),
        (["10", "9", "10"], None, ["10", "9"], None),
        ([1000.01, 1000.02, 1000.03], 2, ["1000.01 to 1000.02", "1000.02 to 1000.03"], [1000.01, 1000.02, 1000.03]),
    ],
)
def test_how_clips_are_put_into_slices(values: list, bins: int | None, names: list, edges: list | None) -> None:
    found = grouped("age", Attribute(values, bins))
    assert found.names == names
    assert found.edges == (None if edges is None else pytest.approx(edges))
    assert [name is None for name in found.of_clips] == [value in (None, "") for value in values]
    assert set(found.of_clips) - {None} == set(names)


@pytest.mark.parametrize(
    ("values", "word", "said"),
    [
        (["a", "a", ""], "actor", "actor is 'a' for every clip that has it"),
        ([None, ""], "actor", "actor is not known of any clip"),
        (
            [f"p{number}" for number in range(51)],
            "actor",
            "51 different values, and at most 50 .* or say cluster=actor",
        ),
        ([str(number) for number in range(60)], "age", "or age:4 for quarters"),
        (["1", "two"], "age:4", "must be a number for age:4 and its like, but one is 'two'"),
        (["1", "nan"], "age:2", "one is 'nan'"),
        (["1", "2"], "age:one", "after the colon must be a number of slices from 2 to 50, as in age:4"),
        (["1", "2"], ":4", "as in age:4"),
    ],
)
def test_what_is_no_slicing_is_refused(values: list, word: str, said: str) -> None:
    def group() -> None:
        column, bins = split_bins(word)
        grouped(column, Attribute(values, bins))

    with pytest.raises(UserError, match=said):
        group()


def drawn(rng: np.random.Generator, number: int, weak: str = "", *, actors: float = 0.0) -> tuple:
    """Truths, answers and attributes of clips; longer ones have harder labels."""
    truths, actor = rng.integers(0, 6, number), rng.integers(0, 24, number)
    duration, loudness = rng.gamma(4, 0.7, number) + 0.3 * truths, rng.normal(-25, 6, number)
    chance = np.clip(RECALLS[truths] + rng.normal(0, actors, 24)[actor], 0, 1)
    chance -= 0.3 * ((loudness < np.quantile(loudness, 0.25)) if weak == "quiet" else 0)
    chance -= 0.45 * ((actor == 3) if weak == "subject" else 0)
    said = np.where(rng.random(number) < chance, truths, (truths + 1) % 6)
    language = np.array(["zh", "en", "ja"])[np.minimum(actor // 8, 2)]
    about = {
        "subject": Attribute([f"s{each}" for each in actor]),
        "duration": Attribute(duration.tolist(), unit="s"),
        "loudness": Attribute(loudness.tolist(), unit="dBFS"),
        "language": Attribute(language.tolist()),
    }
    return truths, said, about


def gaps(section: dict) -> list[tuple[str, str, str]]:
    return [
        (column, row["name"], row["verdict"])
        for column, about in section["columns"].items()
        for row in about["slices"]
        if row["verdict"] in ("weaker", "stronger")
    ]


@pytest.mark.parametrize(("weak", "found"), [("quiet", ("loudness", "weaker")), ("subject", ("s3", "weaker"))])
def test_a_planted_weakness_is_found(weak: str, found: tuple[str, str]) -> None:
    truths, said, about = drawn(np.random.default_rng(5), 834, weak)
    section = slice_section(truths, said, 6, about)
    assert any(set(found) <= set(gap) for gap in gaps(section)), gaps(section)


@pytest.mark.slow
@pytest.mark.parametrize(("number", "clustered"), [(180, False), (834, False), (834, True)])
def test_without_one_few_reports_cry_wolf(number: int, clustered: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of 1,000 reports; with actors who differ, tested by whole actors."""
    monkeypatch.setattr(
        slices, "accuracy_intervals", lambda clips: [(0, 1)] * len(clips)
    )  # Half of the time, and none of the tests.
    rng, alarms = np.random.default_rng(7), 0
    for _ in range(1_000):
        truths, said, about = drawn(rng, number, actors=0.15 * clustered)
        subject = np.array(about["subject"].values)
        if clustered:
            del about["subject"]
        alarms += bool(gaps(slice_section(truths, said, 6, about, {"subject": subject} if clustered else None)))
    print(f"{number} clips, {'24 actors' if clustered else 'independent'}: {alarms} of 1000 reports")
    assert alarms <= 60  # 50, and what chance adds.


def table(path: Path, number: int = 120) -> Path:
    truths, said, about = drawn(np.random.default_rng(2), number, "quiet")
    columns = [[f"c{row}" for row in range(number)], [MER6[each] for each in said], [MER6[each] for each in truths]]
    columns += [list(about[name].values) for name in ("loudness", "language")]
    return write_csv(path, [*HEADER, "Loudness", "language"], zip(*columns, strict=True))


def test_score_shows_slices(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = table(tmp_path / "a.csv")
    words = (f"answers={file}", "labels=mer6", "slices=[Loudness,language]", "cluster=language")
    section = score(tmp_path / "out", *words)["slices"]
    loud, language = section["columns"]["Loudness"], section["columns"]["language"]
    assert [row["num_clips"] for row in loud["slices"]] == [30] * 4
    assert sum(row["num_clips"] for row in language["slices"]) == 120
    assert loud["edges"] == sorted(loud["edges"])
    assert section["num_tests"] == 7
    assert "Right answers by slices" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("slices=[age]",), "age"),
        (("slices=[language,language]",), "language is there twice"),
        (("slices=[language:0]",), "after the colon must be a number"),
        (("slices=[truth:3]",), "must be a number for truth:4"),
        (("slices=id",), "120 different values"),
    ],
)
def test_score_refuses_slices_that_are_none(
    words: tuple[str, ...], said: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = table(tmp_path / "a.csv")
    assert said in refusal(capsys, tmp_path / "out", f"answers={file}", "labels=mer6", *words)
