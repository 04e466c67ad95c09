"""report.html: whole without network, and nothing in it runs."""

import base64
import hashlib
import io
import json
import re
from pathlib import Path

import numpy as np
import pytest
from media_factory import make_media
from PIL import Image
from score_factory import metrics_of

from emolightning.records.clips import Answer, Clip, Score
from emolightning.runs.answers import evaluation_key, join
from emolightning.runs.report.collect import write_report
from emolightning.runs.report.facts import commands, facts_of, fold_sheet
from emolightning.runs.report.gallery import MOST_CLIPS, GalleryClip, Media, gallery
from emolightning.runs.report.page import MAX_SHOWN, shown_clips, write_page
from emolightning.runs.report.pictures import thumbnail
from emolightning.runs.report.showable import unshowable
from emolightning.scoring.classification import Classification

LABELS = ("happy", "sad")
SCORING = Classification(labels=LABELS)
HOSTILE = "<script>alert('x')</script><img src=x onerror=alert(1)>"


def make_rows(num_clips, text="happy"):
    clips = [Clip(f"c{k}", Path("c.mp4"), transcript=HOSTILE, label="happy") for k in range(num_clips)]
    answers = [Answer(clip.id, text, "prompt", clip.label, 0.1) for clip in clips]
    return [(clip, answer, SCORING.score(answer)) for clip, answer in zip(clips, answers, strict=True)]


def render(tmp_path, rows, history=(), **more):
    report = metrics_of(SCORING, [answer for _, answer, _ in rows], benchmark="b<i>", split="test")
    report["evaluation"] = {"note": HOSTILE}
    media = {rows[0][0].id: Media(frames=["data:image/jpeg;base64,AAAA"])}
    write_page(tmp_path / "report.html", {**report, **more}, rows, media=media, history=list(history))
    return (tmp_path / "report.html").read_text()


def cards_of(page):
    """The data of the clips, as the page's script reads it."""
    return json.loads(re.search(r'id="clips-data">(.*?)</script>', page, re.DOTALL)[1])["clips"]


def test_text_from_outside_is_escaped(tmp_path):
    page = render(tmp_path, make_rows(2, text=f"sad {HOSTILE} </script>\u2028 & \u202e \ud800"))
    assert re.findall(r"<script[^>]*>", page) == ['<script type="application/json" id="clips-data">', "<script>"]
    assert page.count("</script>") == 2
    assert "onerror=alert(1)>" not in page
    assert "&lt;script&gt;" in page
    assert "b&lt;i&gt;" in page
    assert cards_of(page)[0]["a"] == f"sad {HOSTILE} </script>\u2028 & \u202e \ud800"


def test_long_texts_are_cut_with_a_count(tmp_path):
    clip = Clip("c", Path("c.mp4"), transcript="word " * 2000 + "<end>", label="happy")
    answer = Answer("c", "happy " * 9, "prompt", "happy", 0.1)
    (card,) = cards_of(render(tmp_path, [(clip, answer, SCORING.score(answer))]))
    assert card["t"].endswith("word ... (5 more characters)")
    assert card["a"] == answer.text


def test_only_its_own_script_runs_and_nothing_is_loaded_from_elsewhere(tmp_path):
    page = render(tmp_path, make_rows(1))
    assert re.findall(r'(?:src|href)="([^"#]+)"', page) == ["data:,"]
    policy = re.search(r'Content-Security-Policy" content="([^"]*)"', page)[1]
    script = re.search(r"<script>(.*?)</script>", page, re.DOTALL)[1]
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    assert f"script-src 'sha256-{digest}'" in policy
    assert policy.startswith("default-src 'none'; img-src data:;")


def test_curves_and_counts(tmp_path):
    history = [{"val/weighted_f1": 0.1 * k, "val/war": 0.2, "val/loss": 1.0 - 0.1 * k} for k in range(4)]
    page = render(tmp_path, make_rows(MAX_SHOWN + 5), history)
    assert page.count("<polyline") == 3
    assert f"Clips ({MAX_SHOWN + 5})" in page
    assert len(cards_of(page)) == MAX_SHOWN + 5


def test_wrong_clips_come_first_and_the_page_is_bounded():
    rows = make_rows(3) + [(clip, answer, SCORING.score(answer)) for clip, answer, _ in make_rows(1, text="sad")]
    assert [clip.id for clip in shown_clips([*rows[:3], (Clip("w", Path("w")), *rows[3][1:])])] == [
        "w",
        "c0",
        "c1",
        "c2",
    ]
    many = gallery([GalleryClip(str(number), "sad") for number in range(MOST_CLIPS + 1)], {}, total=MOST_CLIPS + 1)
    assert (many["total"], many["number"], len(many["data"]["clips"])) == (MOST_CLIPS + 1, MOST_CLIPS, MOST_CLIPS)


@pytest.mark.parametrize(
    ("said", "order"),
    [
        (["0.5", "3", None, "-2", "1"], ["c3", "c1", "c0", "c2", "c4"]),
        (["nan", "1e9", "1", None, "inf"], ["c1", "c0", "c4", "c3", "c2"]),
        (["calm", "sad", None, "1", "glad"], ["c0", "c1", "c4", "c2", "c3"]),
    ],
)
def test_numbers_that_are_far_off_come_first(said, order):
    rows = [
        (Clip(f"c{at}", Path("c")), Answer(f"c{at}", "", "", "1", 0.0), Score(f"c{at}", value, value and None, ""))
        for at, value in enumerate(said)
    ]
    assert [clip.id for clip in shown_clips(rows)] == order


def test_what_many_clips_have_in_common_is_written_once():
    labels = ("happy", "sad", "neutral", "angry", "worried", "surprise")
    clips = [
        GalleryClip(
            f"sample_{k:08}",
            labels[k % 6],
            f"The person is {labels[k % 5]}.",
            labels[k % 5],
            "right",
            probabilities=dict.fromkeys(labels[k % 2 :], 1 / 7),
            groups={"language": ("English", "Mandarin")[k % 2], **({"duration": "0.62 to 1.94 s"} if k % 3 else {})},
        )
        for k in range(1000)
    ]
    data = gallery(clips, {}, total=len(clips))["data"]
    assert len(json.dumps(data)) / len(clips) < 190
    assert data["labels"] == list(labels)
    assert data["groups"] == [["language", ["English", "Mandarin"]], ["duration", ["0.62 to 1.94 s"]]]
    assert data["clips"][1]["q"] == [None, *[0.143] * 5]
    assert [clip["g"] for clip in data["clips"][:3]] == [[0], [1, 0], [0, 0]]


def test_clips_say_in_which_slices_they_are(tmp_path):
    about = {"unit": "s", "of_clips": "1 - 0", "slices": [slice_named("<short>"), slice_named("long")]}
    other = {"of_clips": "0 0", "slices": [slice_named("of other answers")]}
    page = render(tmp_path, make_rows(3), slices={"columns": {"length": about, "other": other}})
    data = json.loads(re.search(r'id="clips-data">(.*?)</script>', page, re.DOTALL)[1])
    assert data["groups"] == [["read from", ["the answer is the label"]], ["length", ["long", "<short>"]]]
    assert [clip["g"] for clip in data["clips"]] == [[0, 0], [0, None], [0, 1]]
    assert 'data-group="length" data-value="&lt;short&gt;"' in page


def slice_named(name):
    return {"name": name, "num_clips": 1, "value": 1.0, "ci95": [0.2, 1.0], "expected": 1.0, "gap": 0.0,
            "p": None, "p_holm": None, "verdict": None}  # fmt: skip


def test_folds_are_shown_and_clips_only_where_there_are_any(tmp_path):
    report = metrics_of(SCORING, [answer for _, answer, _ in make_rows(4)], benchmark="b", split="test")
    report["metrics"]["war"] |= {"per_fold": [0.5, None], "sd": 0.25}
    write_page(tmp_path / "report.html", {**report, "evaluation": {}}, [], media={}, history=[])
    page = (tmp_path / "report.html").read_text()
    assert "<th>score</th><th>fold 1</th><th>fold 2</th><th>sd</th>" in page
    assert "<td>war</td><td>0.5000</td><td>-</td><td>0.2500</td>" in page
    assert "war of one fold: 0.5000" in page
    assert "Clips (" not in page
    assert "A cell shows its clips" not in page


@pytest.mark.parametrize(
    ("evaluation", "names"),
    [
        ({"folds": {"Ses1": {}, "Ses2": {}}, "split": "test"}, ["Ses1", "Ses2"]),
        ({"fold1": {}, "fold2": {}}, ["fold1", "fold2"]),
        ({"folds": {"Ses1": {}}}, ["fold 1", "fold 2"]),
    ],
)
def test_folds_have_their_names(evaluation, names):
    scores = {"war": {"value": 0.5, "per_fold": [0.25, 0.75], "sd": 0.3536}, "uar": {"value": 0.5}}
    sheet = fold_sheet({"metrics": scores, "evaluation": evaluation})
    assert (sheet.columns, sheet.rows) == (["score", *names, "sd"], [["war", "0.2500", "0.7500", "0.3536"]])
    assert fold_sheet({"metrics": {"war": {"value": 0.5}}}) is None


@pytest.mark.parametrize(
    ("damage", "said"),
    [
        ({"slices": 3}, "slices: must be what an evaluation writes"),
        ({"slices": {"columns": {"x": {"slices": [{"name": "short"}]}}}}, "slices: must be what an evaluation writes"),
        ({"slices": {"columns": {"x": {"slices": ["short"]}}}}, "slices: must be what an evaluation writes"),
        ({"metrics": {"war": {"value": 0.5, "per_fold": "0.5"}}}, "metrics.war: per_fold must be a list of numbers"),
        ({"metrics": {"war": {"value": 0.5, "per_fold": [0.5, "x"]}}}, "metrics.war: per_fold must be a list of"),
    ],
)
def test_damaged_slices_and_folds_are_named(damage, said):
    (problem,) = unshowable(damage)
    assert problem.startswith(said)
    whole = {"columns": {"x": {"slices": [slice_named("short")]}}}
    assert unshowable({"slices": whole, "metrics": {"war": {"per_fold": [0.5, None]}}}) == []


def test_a_headline_is_shown_beside_chance(tmp_path):
    rows = make_rows(3)
    page = render(tmp_path, rows)
    assert '<p class="big">1.0000</p>' in page
    assert "always happy: 1.0000" in page
    assert "labels at random: 0.6667" in page


def test_only_shown_clips_need_pictures():
    rows = make_rows(MAX_SHOWN + 1) + [(Clip("w", Path("w.mp4"), label="happy"), *make_rows(1, text="sad")[0][1:])]
    assert len(shown_clips(rows)) == MAX_SHOWN + 1


OTHER = {"started": "2026-01-02T03:04:05+00:00", "command": ["eval.py", "split=val"]}
OWN = {"started": "2026-05-06T07:08:09+00:00", "command": ["eval.py", "checkpoint=x"]}


@pytest.mark.parametrize(
    ("lineage", "trained", "evaluated"),
    [
        (
            {"started": "2025-01-01T00:00:00+00:00", "sessions": [], "evaluations": {"own": OWN, "other": OTHER}},
            2025,
            5,
        ),
        ({"started": "2025-01-01T00:00:00+00:00", "evaluations": {"other": OTHER, "own": OWN}}, None, 5),
        ({"started": "2026-04-01T00:00:00+00:00", "command": ["emolightning", "score"]}, None, 4),
        ({"started": "2025-01-01T00:00:00+00:00", "sessions": []}, 2025, None),
        ({}, None, None),
    ],
    ids=["a run went back to it", "a folder of its own", "scored files", "an old run", "nothing"],
)
def test_dates_are_those_that_were_noted(tmp_path, lineage, trained, evaluated):
    report = {"evaluation": {"split": "test"}, "metrics": {}}
    noted = {evaluation_key(report["evaluation"]) if key == "own" else key: each
             for key, each in lineage.get("evaluations", {}).items()}  # fmt: skip
    (tmp_path / "lineage.json").write_text(json.dumps(lineage | {"evaluations": noted}))
    (tmp_path / "config.yaml").write_text("seed: 0\n")
    (tmp_path / "metrics.json").write_text("{}")  # When it was written says nothing: it may be a copy.
    facts = dict(facts_of(tmp_path, report))
    assert facts.get("trained") == (f"{trained}-01-01 00:00 UTC" if trained else None)
    assert facts.get("evaluated", "")[:7] == (f"2026-0{evaluated}" if evaluated else "")
    assert facts["seed"] == "0"
    typed = commands(tmp_path, report)
    assert ("python eval.py checkpoint=x" in typed) == (evaluated == 5)
    assert "python eval.py split=val" not in typed


def test_folds_are_named_as_one_run(tmp_path):
    (tmp_path / "mine" / "fold-1-of-3").mkdir(parents=True)
    (tmp_path / "mine" / "fold-1-of-3" / "config.yaml").write_text("run_name: mine-fold-1-of-3\nseed: 4\n")
    facts = dict(facts_of(tmp_path / "mine", {"evaluation": {"folds": {"fold 1/3": {}}}, "metrics": {}}))
    assert (facts["run"], facts["seed"]) == ("mine", "4")
    assert facts_of(tmp_path / "mine", {"evaluation": None, "metrics": {}}) == facts_of(
        tmp_path / "mine", {"metrics": {}}
    )


@pytest.fixture(scope="module")
def evaluated(tmp_path_factory) -> tuple[Path, list[Clip]]:
    """A folder with answers for two clips, whose frame i is grey of level 5 i, and one that is gone."""
    folder = tmp_path_factory.mktemp("evaluated")
    clips = [Clip(f"c{k}", folder / f"c{k}.mkv", label="happy") for k in range(3)]
    for clip in clips[:2]:
        make_media(clip.video, audio=False)
    answers = [Answer(clip.id, "happy", "prompt", clip.label, 0.1) for clip in clips]
    join(folder, "key", answers, [SCORING.score(answer) for answer in answers])
    report = metrics_of(SCORING, answers, benchmark="b", split="test")
    (folder / "metrics.json").write_text(json.dumps(report))
    return folder, clips


@pytest.mark.parametrize(
    ("choice", "numbers"), [("first", [0]), ("middle", [12]), ("-3", [22]), ("even:4", [3, 9, 15, 21])]
)
def test_the_page_shows_the_frames_that_were_evaluated(evaluated, choice, numbers, caplog):
    folder, clips = evaluated
    report = json.loads((folder / "metrics.json").read_text())
    (folder / "metrics.json").write_text(json.dumps(report | {"evaluation": {"frame": choice}}))
    page = write_report(folder, clips).read_text()
    pictures = [
        Image.open(io.BytesIO(base64.b64decode(found)))
        for found in re.findall(r'"data:image/jpeg;base64,([^"]+)"', page)
    ]
    shown = [round(np.asarray(picture)[32, 40:56].mean() / 5) for picture in pictures]
    assert shown == 2 * numbers
    assert f"data.frame={choice}" in page
    assert "no picture for 1 clips" in caplog.text


@pytest.mark.parametrize(("size", "shown"), [((1280, 720), (199, 112)), ((64, 640), (11, 112)), ((30, 20), (30, 20))])
def test_pictures_of_a_page_are_small(size, shown):
    height, width, _ = thumbnail(np.zeros((size[1], size[0], 3), np.uint8)).shape
    assert (width, height) == shown
