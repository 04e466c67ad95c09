"""Few clips of some labels: which are drawn, what they count, and that rare labels are found by it."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from in_process import broken_at
from omegaconf import OmegaConf
from torch.nn import functional
from vector_factory import WIDTHS, words_of, write_clips

import emolightning as el
from emolightning.config.check import ConfigError, check_config
from emolightning.config.families import families
from emolightning.config.run_settings import RunConfig
from emolightning.data.loading.draws import LabelDraws, labels_of, quotas
from emolightning.data.loading.sampler import TrainSampler
from emolightning.errors import UserError
from emolightning.models.family import Occasion
from emolightning.models.parts.cross_entropy import CrossEntropy
from emolightning.records.clips import Clip
from emolightning.training.class_weights import class_weights
from emolightning.training.label_losses import LabelLosses
from emolightning.training.loggers.logged_rows import read_rows

LABELS = ["happy"] * 16 + ["sad"] * 4 + ["angry"]
CLIPS = [Clip(f"c{number}", Path("x.mp4"), label=label) for number, label in enumerate(LABELS)]
VOCABULARY = ("happy", "sad", "angry")


@pytest.mark.parametrize(
    ("sampling", "expected"),
    [
        ("none", {"angry": 1, "happy": 16, "sad": 4}),
        ("balanced", {"angry": 7, "happy": 7, "sad": 7}),
        ("sqrt", {"angry": 3, "happy": 12, "sad": 6}),
    ],
)
def test_a_pass_draws_as_many_clips_as_there_are(sampling: Any, expected: dict[str, int]) -> None:
    assert quotas(Counter(LABELS), sampling) == expected


def test_no_clip_of_a_label_is_drawn_much_more_often_than_another() -> None:
    draws = LabelDraws(LABELS, "balanced", seed=3)
    drawn = Counter(place for number in range(5) for place in draws.of_pass(number))
    for label in VOCABULARY:
        own = [drawn[place] for place, name in enumerate(LABELS) if name == label]
        assert sum(own) == 5 * 7
        assert max(own) - min(own) <= 1
    assert draws.of_pass(1) == LabelDraws(LABELS, "balanced", seed=3).of_pass(1) != draws.of_pass(2)


@pytest.mark.parametrize("world_size", [2, 3])
def test_ranks_share_what_is_drawn_and_go_on_anywhere(world_size: int) -> None:
    draws = LabelDraws(LABELS, "balanced", seed=3)
    options: dict[str, Any] = {"seed": 3, "draws": draws}
    alone = list(TrainSampler(21, batch_size=6, **options))
    ranks = [
        list(TrainSampler(21, batch_size=6 // world_size, rank=rank, world_size=world_size, **options))
        for rank in range(world_size)
    ]
    for step, batch in enumerate(alone):
        assert sorted(key for own in ranks for key in own[step] if not key.is_borrowed) == sorted(batch)
    assert Counter(LABELS[key.position] for batch in alone for key in batch) == dict.fromkeys(VOCABULARY, 7)
    assert list(TrainSampler(21, batch_size=6, progress=lambda: (2, 4), **options)) == alone[2:]


def test_weights_by_hand() -> None:
    balanced = class_weights("balanced", CLIPS, labels=VOCABULARY)
    assert balanced == pytest.approx({"angry": 7, "happy": 7 / 16, "sad": 7 / 4})  # scikit-learn's n / (k n_c)
    given = class_weights({"angry": 4}, CLIPS, labels=VOCABULARY)
    assert given == pytest.approx({"angry": 4 * 21 / 24, "happy": 21 / 24, "sad": 21 / 24})
    drawn = class_weights("balanced", CLIPS, labels=VOCABULARY, draws=LabelDraws(LABELS, "sqrt", seed=0))
    assert drawn == pytest.approx({"angry": 7 / 3, "happy": 7 / 12, "sad": 7 / 6})
    assert class_weights(None, CLIPS, labels=VOCABULARY) is None


def test_what_cannot_be_weighed_or_drawn_is_refused() -> None:
    with pytest.raises(UserError, match=r"loss\.class_weights: 'hapy' is not one of .*; did you mean happy\?"):
        class_weights({"hapy": 2}, CLIPS, labels=VOCABULARY)
    with pytest.raises(UserError, match="nothing to weigh; leave one of both out"):
        class_weights("balanced", CLIPS, labels=VOCABULARY, draws=LabelDraws(LABELS, "balanced", seed=0))
    without = [*CLIPS, Clip("told", Path("x.mp4"), reason="He shouts.")]
    with pytest.raises(UserError, match=r"data\.sampling=sqrt: 1 of 22 clips of train have no label, e\.g\. 'told'"):
        labels_of(without, "data.sampling=sqrt")


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"class_weights": "equal"}, "must be null, balanced or weights by label"),
        ({"class_weights": {"sad": -1}}, "the weight of sad must be a number above 0, not -1"),
        ({"class_weights": {"sad": "much"}}, "the weight of sad must be a number above 0, not 'much'"),
        ({"class_weights": {}}, "names no label"),
        ({"focal_gamma": -1}, "loss.focal_gamma: must be at least 0"),
        ({"label_smoothing": 1.0}, "loss.label_smoothing: must be 0 to 0.99"),
    ],
)
def test_settings_that_no_loss_can_have_are_refused(settings: dict[str, Any], said: str) -> None:
    with pytest.raises(ConfigError) as caught:
        check_config(OmegaConf.merge(OmegaConf.structured(RunConfig), {"loss": settings}))
    assert said in str(caught.value)


def test_cross_entropy_by_hand() -> None:
    logits = torch.tensor([[2.0, 0.0, -1.0], [0.0, 0.0, 0.0]])
    targets = torch.tensor([0, 2])
    p = logits.softmax(1)[range(2), targets]
    assert torch.equal(CrossEntropy()(logits, targets), functional.cross_entropy(logits, targets, reduction="none"))
    assert CrossEntropy(focal_gamma=2)(logits, targets).tolist() == pytest.approx((-((1 - p) ** 2) * p.log()).tolist())
    smooth = -0.8 * p.log() - 0.2 * logits.log_softmax(1).mean(1)
    assert CrossEntropy(label_smoothing=0.2)(logits, targets).tolist() == pytest.approx(smooth.tolist())
    yes, wanted = torch.tensor([2.0, -1.0]), torch.tensor([1.0, 1.0])
    q = yes.sigmoid()
    assert CrossEntropy().of_yes_or_no(yes, wanted).tolist() == pytest.approx((-q.log()).tolist())
    assert CrossEntropy(2).of_yes_or_no(yes, wanted).tolist() == pytest.approx(
        (-((1 - q) ** 2) * q.log()).tolist(), rel=1e-5
    )
    smooth = -0.9 * q.log() - 0.1 * (1 - q).log()
    assert CrossEntropy(0, 0.2).of_yes_or_no(yes, wanted).tolist() == pytest.approx(smooth.tolist())
    known = torch.tensor([[200.0, 0.0]], requires_grad=True)
    CrossEntropy(focal_gamma=0.5)(known, torch.tensor([0])).sum().backward()
    assert known.grad is not None
    assert known.grad.isfinite().all()


def test_a_number_has_no_focal_loss() -> None:
    family = families()["fusion"]
    asked = Occasion("train", ("speech",), ("emotion", "valence"), precomputes_vision=True)
    settings = {"valence": True}
    family.require_on(replace(asked, reshaped=("emotion", "valence")), settings)
    with pytest.raises(UserError, match="this network learns valence alone, by its squared error; leave them out"):
        family.require_on(replace(asked, reshaped=("valence",)), settings)


def test_losses_of_labels_by_hand() -> None:
    found = LabelLosses(("happy", "sad", "angry"))
    for labels in (["sad", "happy", None], ["sad", "other", "sad"]):
        found.add(found.of_batch(labels, torch.tensor([2.0, 3.0, 9.0]), torch.tensor([1, 2, 3])))
    assert found.means() == {"loss/happy": 1.5, "loss/sad": 13 / 5}


NUMBERS = {"train": (400, 20), "val": (60, 60), "test": (100, 100)}


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Twenty times as many happy clips as angry ones, which their vectors tell apart in two cases of three."""
    folder, rng = tmp_path_factory.mktemp("imbalance"), np.random.default_rng(5)
    rows = [
        {"video_name": f"{split}-{label}-{index}", "emotion_label": label, "split": split}
        for split, numbers in NUMBERS.items()
        for label, number in zip(("happy", "angry"), numbers, strict=True)
        for index in range(number)
    ]

    def vectors(row: Mapping[str, object], name: str) -> np.ndarray:
        return rng.normal(0.5 * (row["emotion_label"] == "angry"), 1, size=(1, WIDTHS[name]))

    write_clips(folder, rows, vectors)
    return folder


def uar(place: Path, run: str, *more: str) -> tuple[float, float]:
    """Of the validation and of the test, in percent."""
    own = ("model=fusion/attention", "trainer.max_epochs=8", "data.batch_size=42", "optimizer.lr=1e-3")
    common = (*own, "early_stopping.enabled=false", "monitor.metric=val/uar")
    folder = el.train(*words_of(place, run, ("happy", "angry"), *common, *more))
    test = el.evaluate(folder, "logger=none")["uar"].value
    assert test is not None
    saved = torch.load(folder / "checkpoints" / "best.ckpt", weights_only=True)
    return 100 * saved["val_scores"]["val/uar"], 100 * test


@pytest.mark.slow
def test_rare_labels_are_found(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    plain = uar(place, "plain")
    assert "happy has 20 times as many clips of train as angry; data.sampling=sqrt" in capsys.readouterr().out
    for word in ("data.sampling=balanced", "loss.class_weights=balanced", "loss.class_weights={angry: 20}"):
        found = uar(place, word.partition("=")[0] + word[-3:-1], word)
        assert min(np.subtract(found, plain)) >= 10, (word, plain, found)
        assert word.partition("=")[0] in capsys.readouterr().out


def test_the_loss_of_each_label_is_logged_and_settings_are_kept(place: Path) -> None:
    more = ("model=fusion/lf_dnn", "logger=csv", "loss.label_smoothing=0.1", "loss.class_weights={angry: 2}")
    size = ("data.batch_size=105", "trainer.max_epochs=1", "early_stopping.enabled=false")
    run = el.train(*words_of(place, "logged", ("happy", "angry"), *more, *size))
    rows = read_rows(run)
    for split in ("train", "val"):
        assert [[bool(row.get(f"{split}/loss/{label}")) for row in rows].count(True) for label in VOCABULARY] == [
            1,
            0,
            1,
        ]
    kept = OmegaConf.to_container(OmegaConf.load(run / "config.yaml").loss)
    assert kept == {"class_weights": {"angry": 2}, "focal_gamma": 0.0, "label_smoothing": 0.1}


@pytest.mark.slow
def test_a_resumed_run_draws_and_weighs_the_same(place: Path) -> None:
    common = (
        "model=fusion/lf_dnn",
        "logger=csv",
        "data.sampling=sqrt",
        "loss.class_weights=balanced",
        "loss.focal_gamma=2",
        "early_stopping.enabled=false",
        *("trainer.max_epochs=2", "data.batch_size=105", "checkpoints.every_num_steps=1"),
    )
    whole = el.train(*words_of(place, "whole", ("happy", "angry"), *common))
    with broken_at(6):  # In the second epoch of four steps.
        el.train(*words_of(place, "parts", ("happy", "angry"), *common))
    parts = el.train(*words_of(place, "parts", ("happy", "angry"), *common, "resume=auto"))
    read = [torch.load(run / "checkpoints" / "last.ckpt", weights_only=True)["state_dict"] for run in (whole, parts)]
    assert all(torch.equal(read[0][name], read[1][name]) for name in read[0])
    logged = [[row for row in read_rows(run) if row.get("train/loss/angry")] for run in (whole, parts)]
    assert len(logged[0]) == 2
    assert [row["train/loss/angry"] for row in logged[0]] == [row["train/loss/angry"] for row in logged[1]]
