"""A validation is an evaluation: the same scoring, each clip once over all ranks, whatever the answers are."""

import math
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from score_factory import metrics_of

from emolightning.errors import EndOfRun, InputErrors, UserError
from emolightning.records.clips import Answer, Clip
from emolightning.records.labels import MER6
from emolightning.records.report import Summary
from emolightning.runs.answer_writer import AnswerWriter
from emolightning.runs.answers import known_answers
from emolightning.runs.starting import require_logged, require_scores
from emolightning.scoring.classification import Classification
from emolightning.scoring.judges.offline import OfflineJudge
from emolightning.scoring.open_vocabulary import OpenVocabulary
from emolightning.scoring.reasoning import Reasoning
from emolightning.scoring.scoring import Scoring
from emolightning.training.validation import Validation

ALONE = SimpleNamespace(world_size=1, is_global_zero=True)
SCORINGS = {
    "labels": Classification(labels=MER6),
    "words": OpenVocabulary(),
    "texts": Reasoning(judge=OfflineJudge()),
}


def drawn(number: int, seed: int = 0) -> tuple[list[Clip], list[str]]:
    """Clips with a label, words and a description each, and answers of which some cannot be read as labels."""
    rng = np.random.default_rng(seed)
    labels = rng.choice(MER6, number)
    said = np.where(rng.random(number) < 0.6, labels, rng.choice([*MER6, "no idea", "disgust"], number))
    clips = [
        Clip(f"{index:03}", Path("x.mp4"), label=str(label), reason=f"She looks {label}.")
        for index, label in enumerate(labels)
    ]
    return clips, list(map(str, said))


def add(validation: Validation, clips: list[Clip], said: list[str], chosen: list[int]) -> tuple[Any, Any]:
    batch: Any = SimpleNamespace(indices=torch.tensor(chosen), clips=[clips[index] for index in chosen])
    answers = [Answer(clips[index].id, said[index], "a prompt", None, 0.1) for index in chosen]
    losses = torch.tensor([0.1 * index for index in chosen])
    return validation.add(batch, answers, losses, torch.tensor([index % 3 + 1 for index in chosen]))


def validated(scoring: Scoring, clips: list[Clip], said: list[str]) -> dict[str, float]:
    validation = Validation(scoring)
    for start in range(0, len(clips), 7):
        add(validation, clips, said, list(range(start, min(start + 7, len(clips)))))
    return validation.finish(ALONE, num_clips=len(clips))


def scores_of(values: dict[str, float]) -> dict[str, float]:
    """Without losses, which go by the place of a clip here."""
    return {name: value for name, value in values.items() if name.partition("/")[0] != "loss"}


def evaluated(scoring: Scoring, clips: list[Clip], said: list[str]) -> dict[str, Any]:
    answers = [Answer(clip.id, text, "", scoring.truth(clip), 0.0) for clip, text in zip(clips, said, strict=True)]
    return metrics_of(scoring, answers, benchmark="b", split="val")


@pytest.mark.parametrize("name", SCORINGS)
@pytest.mark.parametrize("seed", [0, 1])
def test_a_validation_has_the_numbers_of_an_evaluation(name: str, seed: int) -> None:
    scoring = SCORINGS[name]
    clips, said = drawn(60, seed)
    values, report = validated(scoring, clips, said), evaluated(scoring, clips, said)
    expected = {score: entry["value"] for score, entry in report["metrics"].items()}
    assert {score: values[score] for score in expected} == expected
    assert set(scores_of(values)) <= set(scoring.names)
    for label in {clip.label for clip in clips}:
        mine = [index for index, clip in enumerate(clips) if clip.label == label]
        mean = sum(0.1 * index for index in mine) / sum(index % 3 + 1 for index in mine)
        assert values[f"loss/{label}"] == pytest.approx(mean)
    assert set(expected) <= set(scoring.names)


def test_a_classification_also_logs_each_label_and_what_cannot_be_read() -> None:
    clips, said = drawn(60)
    values, report = validated(SCORINGS["labels"], clips, said), evaluated(SCORINGS["labels"], clips, said)
    assert values["unreadable"] == sum(report["unscored"].values()) > 0
    for label, row in report["per_class"].items():
        for name in ("precision", "recall", "f1"):
            assert values[f"{name}/{label}"] == row[name]
    assert tuple(scores_of(values)) == SCORINGS["labels"].names


@pytest.mark.parametrize("name", SCORINGS)
def test_clips_without_a_truth_are_left_out(name: str) -> None:
    clips, said = drawn(30)
    without = [replace(clip, label=None, reason=None) if number % 3 else clip for number, clip in enumerate(clips)]
    rest = [number for number in range(30) if not number % 3]
    values = validated(SCORINGS[name], without, said)
    alone = validated(SCORINGS[name], [clips[number] for number in rest], [said[number] for number in rest])
    assert scores_of(values) == {key: value for key, value in scores_of(alone).items() if key != "num_labels"} | (
        {"num_labels": values["num_labels"]} if "num_labels" in values else {}
    )
    nothing = [replace(clip, label=None, reason=None) for clip in clips]
    assert list(validated(SCORINGS[name], nothing, said)) == ["loss"]


def test_repeated_clips_count_once() -> None:
    clips, said = drawn(21)
    validation, order = Validation(SCORINGS["labels"]), [*range(21), 0, 1, 2]
    for start in range(0, 24, 5):
        add(validation, clips, said, order[start : start + 5])
    values = validation.finish(ALONE, num_clips=21)
    assert values == validated(SCORINGS["labels"], clips, said)
    tokens = sum(index % 3 + 1 for index in range(21))
    assert values["loss"] == pytest.approx(sum(0.1 * index for index in range(21)) / tokens, rel=1e-6)
    assert np.sum(validation.last.confusion_matrix["counts"]) == 21  # type: ignore[index]


def test_missing_clips_are_an_error_and_the_next_validation_starts_anew() -> None:
    clips, said = drawn(3)
    validation = Validation(SCORINGS["labels"])
    add(validation, clips, said, [0, 2])
    with pytest.raises(RuntimeError, match="2 different clips were scored, the split has 3"):
        validation.finish(ALONE, num_clips=3)
    add(validation, clips, said, [0, 1, 2])
    assert validation.finish(ALONE, num_clips=3) == validated(SCORINGS["labels"], clips, said)


@pytest.mark.parametrize("ranks", [2, 3])
@pytest.mark.parametrize("name", SCORINGS)
def test_ranks_find_the_same_as_one_process(ranks: int, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each has its share, the last clips twice; the first one scores and tells the others."""
    clips, said = drawn(20)
    shares = [Validation(SCORINGS[name]) for _ in range(ranks)]
    for rank, validation in enumerate(shares):
        mine = [(rank + step * ranks) % 20 for step in range(math.ceil(20 / ranks))]
        add(validation, clips, said, mine)
    rows = [dict(validation._rows) for validation in shares]
    monkeypatch.setattr(torch.distributed, "all_gather_object", lambda parts, own: parts.__setitem__(slice(None), rows))
    told: list[Any] = []

    def broadcast(outcome: Any) -> Any:
        told.append(outcome)
        return told[0]

    found = [
        validation.finish(
            SimpleNamespace(world_size=ranks, is_global_zero=rank == 0, strategy=SimpleNamespace(broadcast=broadcast)),
            num_clips=20,
        )
        for rank, validation in enumerate(shares)
    ]
    assert found == [validated(SCORINGS[name], clips, said)] * ranks
    assert told[1:] == [Summary()] * (ranks - 1), "only the first rank scores"


def test_a_judge_that_cannot_be_asked_ends_all_ranks() -> None:
    class Unreachable(OfflineJudge):
        def score(self, pairs: Any) -> Any:
            raise UserError("http://localhost:1: nobody answers")

    clips, said = drawn(4)
    with pytest.raises(EndOfRun, match="validation: http://localhost:1: nobody answers"):
        validated(Reasoning(judge=Unreachable()), clips, said)


@pytest.mark.parametrize(
    ("scoring", "monitor", "said"),
    [
        ("words", "val/weighted_f1", "'val/weighted_f1' is not one of val/loss, train/loss, val/ungrouped_accuracy"),
        ("texts", "val/clue_overlap_openai", "did you mean val/clue_overlap_offline?"),
        ("labels", "val/recall/joyful", "'val/recall/joyful' is not one of"),
    ],
)
def test_a_score_that_no_validation_has_is_refused(scoring: str, monitor: str, said: str) -> None:
    with pytest.raises(UserError) as caught:
        require_logged({"monitor.metric": monitor}, SCORINGS[scoring])
    assert str(caught.value).startswith("monitor.metric: with this scoring")
    assert said in str(caught.value)


@pytest.mark.parametrize(
    ("scoring", "monitor"), [("words", "val/ew_f1"), ("texts", "val/label_overlap_offline"), ("labels", "val/loss")]
)
def test_a_score_that_a_validation_has_may_be_followed(scoring: str, monitor: str) -> None:
    require_logged({"monitor.metric": monitor}, SCORINGS[scoring])


def test_a_validation_split_without_truth_is_refused_unless_the_loss_is_followed() -> None:
    clips = [Clip("a", Path("a.mp4"), reason="He weeps.")]
    with pytest.raises(UserError, match="split=val: none of its 1 clips has what answers are compared with"):
        require_scores({"monitor.metric": "val/war"}, SCORINGS["labels"], clips)
    require_scores({"monitor.metric": "val/loss"}, SCORINGS["labels"], clips)
    require_scores({"monitor.metric": "val/war"}, SCORINGS["labels"], [*clips, Clip("b", Path("b.mp4"), label="sad")])


@pytest.mark.parametrize(("scoring", "label"), [("labels", "contempt"), ("words", "[angry"), ("words", "[]")])
def test_truths_that_a_scoring_cannot_compare_with_are_refused_before_anything_is_answered(
    scoring: str, label: str
) -> None:
    with pytest.raises(InputErrors, match="contempt|has a square bracket without a partner|no clip has any"):
        require_scores({"monitor.metric": "val/loss"}, SCORINGS[scoring], [Clip("a", Path("a.mp4"), label=label)])


def test_answers_are_written_as_they_are_and_scored_later(tmp_path: Path) -> None:
    writer = AnswerWriter(tmp_path, split="test")
    writer.key = "k"
    trainer: Any = SimpleNamespace(global_rank=0, world_size=1)
    answer = Answer("a", "He is sad.", "prompt", None, 0.1)
    writer.on_test_batch_end(trainer, None, {"answers": [answer]}, None)  # type: ignore[arg-type]
    assert known_answers(tmp_path, "k") == {"a": answer}
