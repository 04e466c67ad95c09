"""`score annotators=[...]`: truths by vote, ties, and what people and the system reach."""

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from score_factory import refusal, score, write_csv
from sklearn.metrics import accuracy_score, cohen_kappa_score, f1_score

from emolightning.__main__ import main
from emolightning.errors import InputErrors
from emolightning.records.clips import Answer, Score
from emolightning.records.votes import Ties, Votes
from emolightning.runs.report.table import about_annotators
from emolightning.scoring.annotators import annotators_section, vote_scores
from emolightning.scoring.classification import Classification
from emolightning.scoring.predictions import Columns, Predictions, read_predictions
from emolightning.scoring.reading import LabelReader
from emolightning.scoring.sampling import Sampling
from emolightning.scoring.voting import judgements, voted

LABELS = ("happy", "sad", "angry")
PEOPLE = ("a", "b", "c")
HEADER = ("id", "answer", *PEOPLE, "film")
VOTES = [
    ("c0", "happy", "happy", "happy", "sad", "x"),
    ("c1", "sad", "sad", "Sadness", "", "x"),
    ("c2", "angry", "happy", "angry", "angry", "y"),
    ("c3", "angry", "angry", "sad", "", "y"),
]
"""The last clip is tied; an annotator has not judged two, and writes an alias."""


def predictions(folder: Path, rows: Sequence[Sequence[str]] = VOTES) -> Predictions:
    columns = Columns(id="id", answer="answer", truth="a", annotators=PEOPLE)
    return read_predictions(write_csv(folder / "p.csv", HEADER, rows), None, columns)


@pytest.mark.parametrize(
    ("ties", "truths"), [("first", ["happy", "sad", "angry", "angry"]), ("drop", ["happy", "sad", "angry"])]
)
def test_the_truth_is_what_most_say(tmp_path: Path, ties: Ties, truths: list[str]) -> None:
    found = voted(predictions(tmp_path), LabelReader(LABELS), PEOPLE, ties)
    assert [answer.truth for answer in found.answers] == truths
    assert found.votes is not None
    assert found.votes.of_clips["c1"] == ("sad", "sad", None)
    assert [answer.clip_id for answer in found.undecided] == (["c3"] if ties == "drop" else [])
    assert (found.votes.tied, found.facts["truth_aliases"]) == (("c3",), {"Sadness": 1})
    assert len(found.answer_lines) == len(found.truth_lines) == len(truths)


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        (VOTES, "line 5: the votes on 'c3' are tied: angry 1, sad 1"),
        (VOTES, "1 of 4 clips; ties=first takes the one of these labels that was named first, ties=drop leaves such"),
        ([("c0", "sad", "", " ", "", "x")], "line 2: no annotator has judged 'c0'"),
        ([("c0", "sad", "sad", "hapy", "sad", "x")], "line 2: b 'hapy' of 'c0' is not one of .* did you mean 'happy'"),
    ],
)
def test_what_is_refused_by_line(tmp_path: Path, rows: Sequence[Sequence[str]], message: str) -> None:
    with pytest.raises(InputErrors, match=message):
        voted(predictions(tmp_path, rows), LabelReader(LABELS), PEOPLE, "refuse")


def test_ties_everywhere_leave_nothing(tmp_path: Path) -> None:
    with pytest.raises(InputErrors, match="ties=drop leaves no clip"):
        voted(predictions(tmp_path, VOTES[3:]), LabelReader(LABELS), PEOPLE, "drop")


def simulated(seed: int, number: int = 80) -> tuple[Votes, list[Answer], list[Score], np.ndarray, np.ndarray]:
    """Three people of whom each is right in 80 % of the clips, and a system in 30 %, beside chance."""
    rng = np.random.default_rng(seed)
    true = rng.integers(0, 3, number)
    said = [np.where(rng.random(number) < share, true, rng.integers(0, 3, number)) for share in (0.8, 0.8, 0.8, 0.3)]
    given, read = np.stack(said[:3], axis=1), said[3]
    votes = Votes(PEOPLE, {f"c{at}": tuple(LABELS[place] for place in row) for at, row in enumerate(given)})
    chances = [{label: 0.8 if at == place else 0.1 for at, label in enumerate(LABELS)} for place in read]
    answers = [
        Answer(f"c{at}", LABELS[place], "", LABELS[true[at]], 0.0, probabilities=chances[at])
        for at, place in enumerate(read)
    ]
    return votes, answers, [Score(each.clip_id, each.text, None, each.text) for each in answers], given, read


@pytest.mark.parametrize("seed", [0, 1])
def test_people_and_system_on_the_same_truths(seed: int) -> None:
    votes, answers, said, given, read = simulated(seed)
    found = annotators_section(votes, answers, said, LABELS)
    rows = [
        (others[0], own, read[at])
        for at, clip in enumerate(given)
        for person, own in enumerate(clip)
        for others in [np.delete(clip, person)]
        if others[0] == others[1]
    ]
    truths, people, system = zip(*rows, strict=True)
    ceiling = found["ceiling"]
    assert ceiling["num_compared"] == len(rows)
    for name, one in (("ceiling", people), ("system", system)):
        assert ceiling[name]["war"]["value"] == pytest.approx(accuracy_score(truths, one))
        assert ceiling[name]["weighted_f1"]["value"] == pytest.approx(f1_score(truths, one, average="weighted"))
    difference = ceiling["difference"]["war"]
    assert difference["value"] == pytest.approx(ceiling["system"]["war"]["value"] - ceiling["ceiling"]["war"]["value"])
    assert difference["ci95"][0] < difference["value"] < difference["ci95"][1] < 0
    shares = np.stack([(given == place).mean(axis=1) for place in range(3)], axis=1)
    chances = np.full((len(read), 3), 0.1)
    chances[np.arange(len(read)), read] = 0.8
    expected = {
        "soft_accuracy": shares[np.arange(len(read)), read].mean(),
        "best_soft_accuracy": shares.max(axis=1).mean(),
        "vote_cross_entropy": -(shares * np.log(chances)).sum(axis=1).mean(),
        "vote_brier": ((chances - shares) ** 2).sum(axis=1).mean(),
    }
    assert {name: each["value"] for name, each in found["votes"].items()} == pytest.approx(expected)
    assert len(found["pairs"]) == 3
    assert found["agreement"]["cohens_kappa"]["value"] == pytest.approx(np.mean([p["kappa"] for p in found["pairs"]]))
    assert set(found["agreement"]) == {"krippendorff_alpha", "fleiss_kappa", "cohens_kappa"}
    for each in found["agreement"].values():
        assert "ci95" not in each or each["ci95"][0] < each["value"] < each["ci95"][1]


def test_labels_that_are_numbers_have_distances_too() -> None:
    votes = Votes(("a", "b"), {"c0": ("1", "2"), "c1": ("5", "4"), "c2": ("1", "1"), "c3": ("5", "5")})
    answers = [Answer(clip, "1", "", "1", 0.0) for clip in votes.of_clips]
    said = [Score(answer.clip_id, None, "why", "") for answer in answers]
    found = annotators_section(votes, answers, said, ("5", "1", "2", "4"))
    alphas = {name: each["value"] for name, each in found["agreement"].items()}
    pairs = [(1, 2), (5, 4), (1, 1), (5, 5)]
    values = [value for pair in pairs for value in pair]
    expected = sum((one - other) ** 2 for one in values for other in values) / (len(values) * (len(values) - 1))
    observed = np.mean([(one - other) ** 2 for one, other in pairs])
    assert alphas["krippendorff_alpha_interval"] == pytest.approx(1 - observed / expected)
    assert alphas["krippendorff_alpha_ordinal"] > alphas["krippendorff_alpha"]
    assert found["votes"]["soft_accuracy"]["value"] == 0


def test_people_who_are_others_of_each_clip() -> None:
    """By hand: pairs of votes hh 1, hs 2, ss 2, ah 2 of 7, so that alpha is 1 - (4 / 7) / (30 / 42)."""
    given = {"c0": "happy happy sad", "c1": "sad sad", "c2": "angry happy", "c3": "sad"}
    raters = {"c0": ("a", "b", "c"), "c1": ("d", "b"), "c2": ("a", "d"), "c3": ("c",)}
    votes = Votes((), {clip: tuple(words.split()) for clip, words in given.items()}, "drop", raters=raters)
    read = dict(zip(given, ("happy", "sad", "happy", "angry"), strict=True))
    answers = [Answer(clip, word, "", votes.of_clips[clip][0], 0.0) for clip, word in read.items()]
    said = [Score(each.clip_id, each.text, None, each.text) for each in answers]
    found = annotators_section(votes, answers, said, LABELS)
    assert found["agreement"]["krippendorff_alpha"]["value"] == pytest.approx(0.2)
    assert found["votes"]["soft_accuracy"]["value"] == pytest.approx((2 / 3 + 1 + 1 / 2 + 0) / 4)
    # c against both others of c0, and both of c1 and of c2 against the other.
    assert found["ceiling"]["num_compared"] == 5
    assert found["ceiling"]["ceiling"]["war"]["value"] == pytest.approx(2 / 5)
    assert found["ceiling"]["system"]["war"]["value"] == pytest.approx(4 / 5)
    assert (found["num_annotators"], found["num_pairs"]) == (4, {"sharing_clips": 5, "with_kappa": 0})
    assert about_annotators({"annotators": found})[0].startswith(
        "4 annotators, different ones for each clip (of 5 pairs who share clips 0 have Cohen's kappa); agreement: kripp"
    )
    # The same people in columns, with gaps, are the same; all their pairs count: kappa of one clip is 0 where two
    # differ, and not defined where they agree, as a and b do, and b and d.
    columns = {
        clip: tuple(dict(zip(raters[clip], labels, strict=True)).get(name) for name in "abcd")
        for clip, labels in votes.of_clips.items()
    }
    named = annotators_section(Votes(tuple("abcd"), columns), answers, said, LABELS)
    assert (named["num_pairs"], len(named["pairs"])) == ({"sharing_clips": 5, "with_kappa": 3}, 5)
    assert named["agreement"].pop("cohens_kappa")["value"] == 0
    assert {name: each["value"] for name, each in named["agreement"].items()} == {
        "krippendorff_alpha": pytest.approx(0.2)
    }
    assert named["ceiling"] == found["ceiling"]
    unnamed = annotators_section(replace(votes, raters={}), answers, said, LABELS)
    assert unnamed["agreement"] == found["agreement"]
    assert about_annotators({"annotators": unnamed})[0].startswith("Annotators who are not named, so without Cohen's")


@pytest.mark.parametrize("people", [PEOPLE, ()])
def test_clips_without_a_vote_count_nowhere(people: tuple[str, ...]) -> None:
    """Neither in values nor in intervals, nor for who judged how many."""
    votes, answers, said, *_ = simulated(0, number=20)
    votes = replace(votes, annotators=people)
    found = annotators_section(votes, answers, said, LABELS)
    assert {"krippendorff_alpha", "fleiss_kappa"} <= set(found["agreement"])
    more = [Answer(f"d{at}", "sad", "", "sad", 0.0) for at in range(50)]
    read = [Score(each.clip_id, "sad", None, "sad") for each in more]
    # Their probabilities are not asked for either.
    wide = replace(votes, of_clips={**{each.clip_id: (None,) * len(people) for each in more}, **votes.of_clips})
    assert annotators_section(wide, [*more, *answers], [*read, *said], LABELS) == found
    scoring = Classification(labels=LABELS)
    assert vote_scores(wide, [*more, *answers], [*read, *said], scoring) == vote_scores(votes, answers, said, scoring)
    assert vote_scores(wide, more, read, scoring) == {}
    none = annotators_section(wide, more, read, LABELS)
    assert (none["agreement"], none["votes"], none["ceiling"]["num_compared"]) == ({}, {}, 0)
    assert none["num_votes"] == dict.fromkeys(people, 0)
    assert about_annotators({"annotators": none})[0].endswith("agreement: not known.")


def test_an_interval_is_as_wide_as_the_clips_that_its_score_counts() -> None:
    """Two clips with two votes that are alike, and thirty with one, which nobody is compared on."""
    votes = Votes((), {"c0": ("sad", "sad"), "c1": ("happy", "happy")} | {f"d{at}": ("sad",) for at in range(30)})
    answers = [Answer(clip, "sad", "", "sad", 0.0) for clip in votes.of_clips]
    said = [Score(each.clip_id, "sad", None, "sad") for each in answers]
    found = annotators_section(votes, answers, said, LABELS)
    both = annotators_section(votes, answers[:2], said[:2], LABELS)
    assert found["ceiling"]["num_compared"] == both["ceiling"]["num_compared"] == 4
    for section in (found, both):
        # Of two that agree by the exact bound as many as 1 - 0.025 ** (1 / 2) may differ.
        assert section["ceiling"]["ceiling"]["war"]["ci95"] == pytest.approx([0.025**0.5, 1])
        assert section["agreement"]["krippendorff_alpha"]["ci95"] == pytest.approx([2 * 0.025**0.5 - 1, 1])
    assert found["votes"]["best_soft_accuracy"]["ci95"] == pytest.approx([0.025 ** (1 / 32), 1])
    films = Sampling("film", {clip: "x" if clip in ("c0", "c1") else clip for clip in votes.of_clips})
    clustered = annotators_section(votes, answers, said, LABELS, films)
    assert clustered["ceiling"]["ceiling"]["war"]["ci95"] == pytest.approx([0.025, 1]), "both are of one film"


def test_others_who_share_ten_clips_have_a_kappa() -> None:
    """All but d judge ten clips together; a judges twice in the last, which is no pair of people."""
    rng = np.random.default_rng(2)
    given = rng.integers(0, 3, (10, 3))
    labels = [tuple(LABELS[place] for place in row) for row in given]
    votes = Votes(
        (),
        {f"c{at}": row for at, row in enumerate(labels)} | {"d": ("sad", "sad", "happy")},
        raters={f"c{at}": tuple(rng.permutation(list("abc"))) for at in range(10)} | {"d": ("a", "d", "a")},
    )
    answers = [Answer(clip, "sad", "", "sad", 0.0) for clip in votes.of_clips]
    found = annotators_section(votes, answers, [Score(each.clip_id, "sad", None, "sad") for each in answers], LABELS)
    said = [[dict(zip(votes.raters[f"c{at}"], labels[at], strict=True))[name] for at in range(10)] for name in "abc"]
    kappas = [cohen_kappa_score(said[one], said[other]) for one, other in ((0, 1), (0, 2), (1, 2))]
    assert found["num_pairs"] == {"sharing_clips": 4, "with_kappa": 3}
    assert found["agreement"]["cohens_kappa"]["value"] == pytest.approx(np.mean(kappas))
    assert found["agreement"]["cohens_kappa"]["definition"].endswith("both have judged, of those with 10 or more")


def test_people_who_never_judge_the_same_clip_have_no_ceiling() -> None:
    votes = Votes(("a", "b"), {"c0": ("sad", None), "c1": (None, "sad")})
    answers = [Answer(clip, "sad", "", "sad", 0.0) for clip in votes.of_clips]
    found = annotators_section(votes, answers, [Score(each.clip_id, "sad", None, "sad") for each in answers], LABELS)
    assert (found["agreement"], found["pairs"]) == ({}, [])
    assert found["ceiling"] == {"num_compared": 0, "ceiling": {}, "system": {}, "difference": {}}
    assert about_annotators({"annotators": found})[0] == "2 annotators; agreement: not known."


def truth_by_row(folder: Path) -> Path:
    """The same votes with a row for each judgement."""
    rows = [
        (clip, person, label, film)
        for clip, _, *labels, film in VOTES
        for person, label in zip(PEOPLE, labels, strict=True)
        if label
    ]
    return write_csv(folder / "long.csv", ("id", "who", "truth", "film"), rows)


def test_a_file_of_judgements(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_csv(tmp_path / "p.csv", HEADER, VOTES)
    words = (f"answers={tmp_path}/p.csv", f"labels=[{','.join(LABELS)}]", "ties=drop")
    wide = score(tmp_path / "wide", *words, "annotators=[a,b,c]")
    text = " ".join(capsys.readouterr().out.split())
    assert wide["num_clips"] == 3
    assert wide["metrics"]["war"]["value"] == 1
    assert wide["annotators"]["num_votes"] == {"a": 4, "b": 4, "c": 2}  # Those of the tied clip say how far they agree.
    assert wide["annotators"]["ties"] == {"rule": "drop", "count": 1, "clips": ["c3"]}
    assert "the votes of annotators on 1 clips are tied: these clips are left out (ties=drop)" in wide["warnings"]
    assert "3 annotators; agreement: krippendorff_alpha" in text
    assert "People who judged the clips" in (tmp_path / "wide" / "report.html").read_text()
    lines = (tmp_path / "wide" / "answers.jsonl").read_text().splitlines()
    assert [json.loads(line)["truth"] for line in lines] == ["happy", "sad", "angry"]
    long = score(tmp_path / "long", *words, f"truth={truth_by_row(tmp_path)}", "columns.annotator=who")
    assert long["annotators"] == wide["annotators"]


def test_a_row_for_each_judgement(tmp_path: Path) -> None:
    file = truth_by_row(tmp_path)
    columns, rows = judgements(file, Columns(id="id", answer="answer", truth="truth", slices=["film"]), "who")
    assert columns.annotators == ["a", "b", "c"]
    assert [row.values for row in rows][2:] == [
        ("c2", "happy", "y", "happy", "angry", "angry"),
        ("c3", "angry", "y", "angry", "sad", None),
    ]
    with file.open("a") as lines:
        lines.write("c3,a,sad,y\nc3,,sad,y\nc2,d,sad,x\n")
    with pytest.raises(InputErrors) as refused:
        judgements(file, Columns(id="id", answer="answer", truth="truth", slices=["film"]), "who")
    for message in (
        "'a' judged 'c3' in line 10 as well",
        "line 13: it is not said who judged 'c3'",
        "line 14: something else is said of 'c2' than in line 7",
    ):
        assert message in str(refused.value), message


@pytest.mark.slow
@pytest.mark.parametrize(
    ("words", "message"),
    [
        ("annotators=[a]", "names one person; say [a,b,c] for several, or columns.truth=a"),
        ("annotators=[a,a]", "a column is there twice; name each person once"),
        ("ties=drop", "'drop' is of annotators=[...], which was not said"),
        ("annotators=[a,b] ties=last", "'last' is not one of"),
        ("columns.annotator=who", "is of a table of truths, truth=FILE, that is paired by ids"),
        ("annotators=[a,rater]", "no column 'rater'"),
        ("annotators=[a,b] scoring=multi_label", "annotators vote for labels"),
    ],
)
def test_what_was_typed_wrongly(tmp_path: Path, capsys: pytest.CaptureFixture[str], words: str, message: str) -> None:
    file = write_csv(tmp_path / "p.csv", HEADER, VOTES)
    labels = () if "scoring" in words else (f"labels=[{','.join(LABELS)}]",)
    said: Any = refusal(capsys, tmp_path / "out", f"answers={file}", *labels, *words.split())
    assert message in " ".join(said.split())


@pytest.mark.slow
def test_comparisons_say_what_became_of_ties(tmp_path: Path) -> None:
    files = [write_csv(tmp_path / f"{name}.csv", HEADER, VOTES) for name in "xy"]
    words = (f"labels=[{','.join(LABELS)}]", "annotators=[a,b,c]", "ties=drop", "num_samples=100")
    assert main(["compare", f"runs=[{files[0]},{files[1]}]", *words, f"out={tmp_path}/out"]) == 0
    found = json.loads((tmp_path / "out" / "compare.json").read_text())
    assert found["num_clips"] == 3
    assert "x: the votes of annotators on 1 clips are tied: these clips are left out (ties=drop)" in found["notes"]
