"""`data.targets=soft`: a clip teaches each label by its share of the votes; validation and test know the votes, too."""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from model_factory import make_batch, make_examples, make_model
from vector_factory import WIDTHS, words_of, write_clips

import emolightning as el
from emolightning.data.readers.annotations import annotation_hash, read_custom
from emolightning.data.readers.custom import CustomData
from emolightning.errors import UserError
from emolightning.models.emotion_llama.processor import EmotionLlamaProcessor
from emolightning.models.emotion_model import EmotionModel
from emolightning.models.family import Sees
from emolightning.models.fusion.family import FAMILY
from emolightning.models.fusion.processor import FusionProcessor
from emolightning.models.parts.cross_entropy import PLAIN, CrossEntropy
from emolightning.prompt.batching import answer_rows, batch_to_learn
from emolightning.prompt.processor import Loaded
from emolightning.prompt.questions import Question
from emolightning.records.clips import Answer, Clip, Example, Score
from emolightning.records.labels import MER6
from emolightning.records.votes import Votes
from emolightning.runs.starting import require_labels_learned
from emolightning.scoring.annotators import annotators_section, vote_scores
from emolightning.scoring.classification import Classification
from emolightning.training.class_weights import class_weights
from emolightning.training.learner import EmotionLearner
from emolightning.training.loggers.logged_rows import read_rows

LABELS = ("happy", "sad", "angry")
SHARES = ((("happy", 0.75), ("sad", 0.25)), (("angry", 1.0),), (("sad", 0.2), ("angry", 0.2), ("happy", 0.6)))


def judged(examples: Sequence[Example], shares: Sequence[tuple[tuple[str, float], ...]] = SHARES) -> list[Example]:
    """The examples with votes, the label with the most as theirs."""
    return [
        replace(each, clip=replace(each.clip, label=max(of_clip, key=lambda pair: pair[1])[0], shares=of_clip))
        for each, of_clip in zip(examples, shares, strict=True)
    ]


@pytest.fixture
def loss_of(monkeypatch: pytest.MonkeyPatch) -> Callable[..., tuple[float, EmotionLearner]]:
    """loss_of(model, batch, **settings): what a training step minimises."""
    monkeypatch.setattr(EmotionLearner, "trainer", SimpleNamespace(world_size=1))

    def found(model: EmotionModel, batch: Any, **settings: Any) -> tuple[float, EmotionLearner]:
        learner = EmotionLearner(model, labels=MER6, **settings)
        return float(learner._losses(batch)[0].detach().double()), learner

    return found


@pytest.mark.parametrize("cross_entropy", [PLAIN, CrossEntropy(focal_gamma=2, label_smoothing=0.1)])
@pytest.mark.parametrize("weights", [None, {"happy": 0.5, "sad": 3.0, "angry": 1.0}])
def test_a_language_model_learns_the_expected_answer(
    loss_of: Callable[..., tuple[float, EmotionLearner]],
    cross_entropy: CrossEntropy,
    weights: Mapping[str, float] | None,
) -> None:
    model = make_model(inputs=("face", "transcript"))
    processor = EmotionLlamaProcessor(model.tokenizer, image_tokens=0)
    examples = judged(make_examples(3, inputs=("face", "transcript")))
    loss, tokens = 0.0, 0.0
    for example in examples:
        for label, share in example.clip.shares:
            (one,), (number,) = model.answer_losses(processor.batch([example], [label]), cross_entropy=cross_entropy)
            loss += share * float(one.detach()) * (weights[label] if weights else 1)
            tokens += share * int(number)
    batch = batch_to_learn(processor.collate, examples)
    assert (len(batch.clips), batch.indices.tolist()) == (6, [0, 0, 1, 2, 2, 2])
    found, learner = loss_of(model, batch, cross_entropy=cross_entropy, class_weights=weights)
    assert found == pytest.approx(loss / tokens, abs=1e-6)
    assert set(learner.label_losses.means()) == {"loss/happy", "loss/sad", "loss/angry"}
    if not weights and cross_entropy is PLAIN:
        assert float(model(batch).detach()) == pytest.approx(found, abs=1e-6)


def fusion() -> tuple[EmotionModel, FusionProcessor, list[Example]]:
    torch.manual_seed(0)
    network = {"_target_": "emolightning.models.fusion.settings.MlpSettings"}
    about = {"_target_": "emolightning.models.fusion.build.build_fusion", "network": network, "level": "utterance"}
    settings = {**about, "steps": 4, "scale": 0, "valence": False}
    model = FAMILY.build(settings, sees=Sees([*WIDTHS], WIDTHS, LABELS)).eval()
    processor, generator = FusionProcessor("utterance", 4, 2), torch.Generator().manual_seed(1)
    examples = [
        processor.example(
            Clip(f"c{number}", Path("c.mp4"), label=LABELS[number]),
            Loaded(None, streams={n: torch.randn(1, w, generator=generator) for n, w in WIDTHS.items()}),
            Question("emotion", ""),
            index=number,
        )
        for number in range(3)
    ]
    return model, processor, examples


def test_a_classifier_learns_shares_as_probabilities(loss_of: Callable[..., tuple[float, EmotionLearner]]) -> None:
    model, processor, examples = fusion()
    examples = judged(examples)
    logprobs = model.label_logprobs(processor.collate(examples), LABELS).double()
    wanted = torch.tensor([[dict(e.clip.shares).get(label, 0.0) for label in LABELS] for e in examples]).double()
    batch = batch_to_learn(processor.collate, examples)
    assert all(len(vectors) == 3 for vectors in batch.features.values()), "vectors are there once a clip"
    assert loss_of(model, batch)[0] == pytest.approx(float(-(wanted * logprobs).sum() / 3), abs=1e-6)
    weights = {"happy": 0.5, "sad": 3.0, "angry": 1.0}
    weighed = wanted * torch.tensor(list(weights.values()))
    assert loss_of(model, batch, class_weights=weights)[0] == pytest.approx(
        float(-(weighed * logprobs).sum() / 3), abs=1e-6
    )


def test_one_vote_alone_is_the_label_to_the_last_bit(loss_of: Callable[..., tuple[float, EmotionLearner]]) -> None:
    model, processor, examples = fusion()
    alone = judged(examples, [((label, 1.0),) for label in LABELS])
    plain = [replace(each, clip=replace(each.clip, shares=())) for each in alone]
    assert loss_of(model, batch_to_learn(processor.collate, alone))[0] == loss_of(model, processor.collate(plain))[0]
    language = make_model(inputs=("face",))
    made = EmotionLlamaProcessor(language.tokenizer, image_tokens=0)
    alone = judged(make_examples(3, inputs=("face",)), [((label, 1.0),) for label in LABELS])
    found = loss_of(language, batch_to_learn(made.collate, alone))[0]
    assert found == loss_of(language, make_batch(language, alone))[0]


def test_ranks_with_other_numbers_of_answers_have_the_loss_of_all(
    loss_of: Callable[..., tuple[float, EmotionLearner]], monkeypatch: pytest.MonkeyPatch
) -> None:
    model, processor, examples = fusion()
    examples = judged(examples)
    batches = [batch_to_learn(processor.collate, part) for part in (examples[:2], examples[2:])]
    whole = loss_of(model, batch_to_learn(processor.collate, examples))[0]
    said: list[torch.Tensor] = []

    def reduce(own: torch.Tensor, reduce_op: str) -> torch.Tensor:
        said.append(own)
        return torch.stack(said).sum(dim=0)

    monkeypatch.setattr(
        EmotionLearner, "trainer", SimpleNamespace(world_size=2, strategy=SimpleNamespace(reduce=reduce))
    )
    _, together = [EmotionLearner(model, labels=MER6)._losses(batch)[1] for batch in batches]
    assert float(together.detach()) == pytest.approx(whole, abs=1e-6)


def test_what_is_asked_for_no_label_has_one_answer() -> None:
    (example,) = judged(make_examples(1, inputs=("face",)), SHARES[:1])
    assert [row.share for row in answer_rows([example])] == [0.75, 0.25]
    assert answer_rows([replace(example, task="reason")])[0].share == 1


def test_balanced_weights_count_votes() -> None:
    clips = [Clip(f"c{n}", Path("x.mp4"), label=max(s, key=lambda p: p[1])[0], shares=s) for n, s in enumerate(SHARES)]
    found = class_weights("balanced", clips, labels=LABELS)
    assert found is not None
    counts = {"happy": 1.35, "sad": 0.45, "angry": 1.2}
    assert found == pytest.approx({label: 3 / 3 / number for label, number in counts.items()})


TABLE = "video_name,r1,r2,r3,transcription\na,sad,happy,sadness,Hi.\nb,happy,xxx,,Hi.\nc,angry,sad,,Hi.\n"
PEOPLE = ("r1", "r2", "r3")


def test_votes_of_a_table_become_targets(tmp_path: Path) -> None:
    for name in "abc":
        (tmp_path / f"{name}.mp4").touch()
    (tmp_path / "t.csv").write_text(TABLE)
    common: Any = {"annotators": PEOPLE, "ties": "first", "label_map": {"xxx": None}}
    votes: dict[str, tuple[str | None, ...]] = {}
    soft = read_custom(tmp_path / "t.csv", tmp_path, MER6, targets="soft", votes=votes, **common)
    assert votes == {"a": ("sad", "happy", "sad"), "b": ("happy", None, None), "c": ("angry", "sad", None)}
    assert [dict(clip.shares) for clip in soft] == [
        pytest.approx({"sad": 2 / 3, "happy": 1 / 3}),
        {"happy": 1.0},
        {"angry": 0.5, "sad": 0.5},
    ]
    hard = read_custom(tmp_path / "t.csv", tmp_path, MER6, **common)
    assert [clip.label for clip in soft] == [clip.label for clip in hard] == ["sad", "happy", "angry"]
    assert not any(clip.shares for clip in hard)
    assert annotation_hash(hard) == annotation_hash([replace(clip, shares=()) for clip in soft])
    assert annotation_hash(hard) != annotation_hash(soft), "a resumed run would learn something else"
    source = CustomData(
        name="t", labels="mer6", annotations=str(tmp_path / "t.csv"), media=str(tmp_path), inputs=("transcript",),
        targets="soft", ratios=(1, 0, 0), **{**common, "annotators": list(PEOPLE)},
    )  # fmt: skip
    source.read_clips()
    assert source.votes == Votes(PEOPLE, votes, "first", ("c",))


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"targets": "soft"}, r"data\.targets=soft is of data\.annotators=\[\.\.\.\], which was not said"),
        ({"targets": "hard", "annotators": ["a", "b"]}, r"data\.targets: 'hard' is not one of majority, soft"),
    ],
)
def test_targets_that_make_no_sense_are_refused(settings: dict[str, Any], said: str) -> None:
    with pytest.raises(UserError, match=said):
        CustomData(name="t", labels="mer6", annotations="t.csv", **settings)


def test_soft_targets_need_a_task_with_labels() -> None:
    require_labels_learned("soft", ["reason", "emotion"])
    require_labels_learned("majority", ["reason"])
    with pytest.raises(UserError, match=r"data\.targets=soft: .* this run learns reason; leave it out"):
        require_labels_learned("soft", ["reason"])


def test_a_validation_says_what_the_section_on_annotators_says() -> None:
    votes = Votes(PEOPLE, {"a": ("sad", "happy", "sad"), "b": ("happy", None, None), "c": ("angry", "sad", None)})
    chances = [{"happy": 0.2, "sad": 0.5, "angry": 0.3}] * 3
    answers = [Answer(clip, "", "", "sad", 0, probabilities=each) for clip, each in zip("abc", chances, strict=True)]
    read = [Score(clip, label, None, "") for clip, label in zip("abc", ("sad", "sad", None), strict=True)]
    scoring = Classification(labels=LABELS)
    found = vote_scores(votes, answers, read, scoring)
    assert found["soft_accuracy"] == pytest.approx((2 / 3 + 0 + 0) / 3)
    assert found["best_soft_accuracy"] == pytest.approx((2 / 3 + 1 + 1 / 2) / 3)
    whole = annotators_section(votes, answers, read, LABELS)
    assert found == pytest.approx({name: entry["value"] for name, entry in whole["votes"].items()})
    assert whole["ties"]["count"] == 0
    assert vote_scores(None, answers, read, scoring) == {}
    other = [replace(answer, clip_id=answer.clip_id + "x") for answer in answers]
    assert vote_scores(votes, other, read, scoring) == {}


def write_judged(folder: Path, rng: np.random.Generator) -> Path:
    """Clips whose vectors say how likely each of five people finds each label."""
    directions = {name: rng.normal(size=(3, width)) for name, width in WIDTHS.items()}
    rows, chances = [], {}
    for split, number in {"train": 240, "val": 60, "test": 90}.items():
        for index in range(number):
            name = f"{split}{index:03}"
            chances[name] = rng.dirichlet((1.2, 1.2, 1.2))
            said = {f"r{k}": LABELS[place] for k, place in enumerate(rng.choice(3, size=5, p=chances[name]))}
            rows.append({"video_name": name, **said, "split": split})

    def vectors(row: Mapping[str, object], name: str) -> np.ndarray:
        return 3 * chances[str(row["video_name"])][None] @ directions[name]

    write_clips(folder, rows, vectors)
    return folder


JUDGED = ("data.annotators=[r0,r1,r2,r3,r4]", "data.ties=first", "inputs.transcript=false", "model=fusion/mlp")


@pytest.mark.slow
def test_what_learns_votes_is_nearer_to_them(tmp_path: Path) -> None:
    place = write_judged(tmp_path / "judged", np.random.default_rng(7))
    more = (*JUDGED, "trainer.max_epochs=30", "early_stopping.enabled=false", "logger=csv", "monitor.metric=val/loss")
    found = {}
    for targets in ("majority", "soft"):
        how = (f"data.targets={targets}", "monitor.mode=min", "early_stopping.mode=min")
        run = el.train(*words_of(place, targets, LABELS, *more, *how))
        el.evaluate(run, "logger=none", "evaluation=likelihood")
        section = json.loads((run / "metrics.json").read_text())["annotators"]
        found[targets] = section["votes"]["vote_cross_entropy"]["value"]
        assert section["ceiling"]["ceiling"]["weighted_f1"]["value"] > 0.3
        rows = [row for row in read_rows(run) if row.get("val/soft_accuracy")]
        assert len(rows) == 30
        assert len({row["val/best_soft_accuracy"] for row in rows}) == 1
    assert found["soft"] < found["majority"] - 0.02, found
