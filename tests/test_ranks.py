"""Results that do not depend on the number of ranks: the loss of a step, validation, answers, resumption."""

from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
import torch.distributed
from model_factory import make_batch, make_examples, make_model
from runs import REPO, SMALL, Workplace, answers, validations

from emolightning.data.loading.sampler import ClipKey, TrainSampler
from emolightning.models.emotion_llama.emotion_llama import EmotionLlama
from emolightning.models.parts.generation import Generation
from emolightning.records.clips import IGNORED, Batch, Example
from emolightning.records.labels import MER6
from emolightning.runs.ranks import left_together
from emolightning.runs.resume import StepSize
from emolightning.training.learner import EmotionLearner
from emolightning.training.stopping.told_to_stop import AgreedToStop

# The loss of a step


class Ranks:
    """Stands for the trainer of each of several ranks: their sums are added here, one rank after the other."""

    def __init__(self, world_size: int):
        self.world_size = world_size
        self.strategy = self
        self.optimizers: list[torch.optim.Optimizer] = []
        self.sums: list[torch.Tensor] = []

    def reduce(self, own: torch.Tensor, *, reduce_op: str) -> torch.Tensor:
        assert reduce_op == "sum"
        self.sums.append(own)
        return torch.stack(self.sums).sum(dim=0)


def learner_on(model: EmotionLlama, ranks: Ranks, monkeypatch: pytest.MonkeyPatch) -> EmotionLearner:
    learner = EmotionLearner(model, labels=MER6)
    monkeypatch.setattr(EmotionLearner, "trainer", ranks)
    monkeypatch.setattr(learner, "log", lambda name, value, **options: logged.append(float(value)))
    logged: list[float] = []
    learner.logged = logged  # type: ignore[assignment]
    return learner


def gradients(model: EmotionLlama) -> dict[str, torch.Tensor]:
    return {name: p.grad.clone() for name, p in model.named_parameters() if p.grad is not None}


def make_rank_batch(model: EmotionLlama, examples: list[Example], keys: list[ClipKey]) -> Batch:
    """What a rank's loader makes of its share."""
    chosen = [replace(examples[key.position], is_borrowed=key.is_borrowed) for key in keys]
    return make_batch(model, chosen)


@pytest.mark.parametrize("world_size", [2, 3])
def test_the_loss_is_that_of_all_clips_whichever_rank_has_them(
    monkeypatch: pytest.MonkeyPatch, world_size: int
) -> None:
    """Seven clips on 2 and 3 ranks, of which the last borrows one or two, against one process with all seven."""
    model = make_model()
    examples = with_long_answers(make_examples(7))
    batch = make_batch(model, examples)
    model(batch).backward()
    expected, loss = gradients(model), float(model(batch))
    (alone,) = list(TrainSampler(7, batch_size=12, seed=1))
    shares = [
        next(iter(TrainSampler(7, batch_size=12 // world_size, seed=1, rank=rank, world_size=world_size)))
        for rank in range(world_size)
    ]
    batches = [make_rank_batch(model, examples, share) for share in shares]
    assert len({len(batch.clips) for batch in batches}) == 1
    assert sum(len(batch.clips) for batch in batches) > len(alone), "some clips should be borrowed"
    # The first pass adds up what each rank says, the second one is each rank's own.
    ranks = Ranks(world_size)
    learner = learner_on(model, ranks, monkeypatch)
    for each in batches:
        learner.training_step(each, 0)
    total = torch.stack(ranks.sums).sum(dim=0)
    ranks.reduce = lambda own, *, reduce_op: total.clone()  # type: ignore[method-assign]
    model.zero_grad()
    for each in batches:
        (learner.training_step(each, 0) / world_size).backward()  # engines average
    assert learner.logged[world_size:] == pytest.approx([loss] * world_size, abs=1e-6)  # type: ignore[attr-defined]
    found = gradients(model)
    assert found.keys() == expected.keys()
    for name, gradient in expected.items():
        torch.testing.assert_close(found[name], gradient, atol=1e-6, rtol=1e-5)


def with_long_answers(examples: list[Example]) -> list[Example]:
    """Answers of one to seven words: a mean of means would be another number."""
    return [
        replace(example, clip=replace(example.clip, label=" ".join(["happy"] * (number + 1))))
        for number, example in enumerate(examples)
    ]


def test_a_rank_of_borrowed_clips_alone_still_has_a_gradient_for_everything() -> None:
    """Engines wait for the gradient of each tensor on each rank."""
    model = make_model()
    batch = make_rank_batch(model, make_examples(2), [ClipKey(0, 0, True), ClipKey(0, 1, True)])
    assert bool((batch.sequence.targets == IGNORED).all())
    losses, tokens = model.answer_losses(batch)
    assert tokens.tolist() == [0, 0]
    losses.sum().backward()
    trained = [(name, p) for name, p in model.named_parameters() if p.requires_grad]
    assert trained
    for name, parameter in trained:
        assert parameter.grad is not None, name
        assert not parameter.grad.any(), name


# Continued with other ranks


@pytest.mark.parametrize(
    ("before", "now", "said"),
    [
        ((8, 2, 1), (16, 1, 1), []),
        ((6, 1, 2), (2, 3, 2), []),
        (
            (8, 2, 1),
            (8, 1, 1),
            [
                "data.batch_size: 2 processes of 8 clips before, 1 process of 8 now; "
                "with 1 process say data.batch_size=16"
            ],
        ),
        (
            (4, 1, 1),
            (2, 3, 1),
            [
                "data.batch_size: 1 process of 4 clips before, 3 processes of 2 now; "
                "4 clips together are not to be divided by 3; possible processes: 1, 2, 4"
            ],
        ),
        ((8, 2, 2), (8, 2, 1), ["trainer.accumulate_grad_batches: 2 before, 1 now"]),
    ],
)
def test_only_the_clips_of_a_step_must_stay(
    before: tuple[int, int, int], now: tuple[int, int, int], said: list[str]
) -> None:
    assert StepSize(*before).changes(StepSize(*now)) == said


# Answers, whoever else is in the batch


@pytest.fixture(scope="module")
def answered() -> dict[str, str]:
    """Each of 48 clips alone."""
    model = make_model()
    return {
        example.clip.id: text
        for example in varied_examples()
        for text in model.generate(make_batch(model, [example]), GREEDY)
    }


GREEDY = Generation(max_new_tokens=8)


def varied_examples() -> list[Example]:
    """Transcripts of 1 to 48 words, in an order that mixes them."""
    return sorted(make_examples(48), key=lambda example: example.index * 29 % 48)


@pytest.mark.parametrize("batch_size", [3, pytest.param(8, marks=pytest.mark.slow), 16])
@pytest.mark.parametrize("order", ["mixed", "by length"])
def test_an_answer_does_not_depend_on_its_batch(answered: dict[str, str], batch_size: int, order: str) -> None:
    model = make_model()
    examples = varied_examples() if order == "mixed" else make_examples(48)
    found = {}
    for start in range(0, 48, batch_size):
        part = examples[start : start + batch_size]
        texts = model.generate(make_batch(model, part), GREEDY)
        found |= {example.clip.id: text for example, text in zip(part, texts, strict=True)}
    assert found == answered
    assert len(set(answered.values())) > 10, "a model that says one thing would show nothing"


# Whole runs. 12 clips of the test and validation splits in batches of 5 are 5, 5, 2: no number of ranks divides them.


class OnRanks:
    """A run of one step of learning rate 0, with its validation, and the test split's answers, on some ranks."""

    def __init__(self, workplace: Workplace, trained: Path):
        self.workplace = workplace
        self.trained = trained
        self._made: dict[int, tuple[Path, Path]] = {}

    def __getitem__(self, number: int) -> tuple[Path, Path]:
        """The run's folder and the evaluation's; made when first asked for."""
        if number not in self._made:
            self._made[number] = self._make(number)
        return self._made[number]

    def _make(self, number: int) -> tuple[Path, Path]:
        folder = self.workplace.folder
        run, evaluation = folder / "outputs" / f"still{number}", folder / "evaluations" / f"ranks{number}"
        still = (
            f"init_from={self.trained}",
            "optimizer.lr=0",
            "trainer.max_epochs=1",
            "+trainer.limit_train_batches=1",
        )
        ranks = ("trainer=ddp", "trainer.accelerator=cpu", f"trainer.devices={number}", "data.batch_size=5")
        self.workplace.call(
            *(REPO / "tests" / "train_then_evaluate.py", *SMALL, *self.workplace.clips, "logger=csv"),
            *(*still, *ranks, f"output_dir={run}", "--"),
            *(f"checkpoint={self.trained}", *ranks, f"output_dir={evaluation}"),
        )
        return run, evaluation


@pytest.fixture(scope="module")
def on_ranks(workplace: Workplace, trained: Path) -> OnRanks:
    return OnRanks(workplace, trained)


SEVERAL = [2, pytest.param(3, marks=pytest.mark.slow)]


@pytest.mark.multi_process
@pytest.mark.parametrize("number", SEVERAL)
def test_validation_is_the_same_on_any_number_of_ranks(on_ranks: OnRanks, number: int) -> None:
    one, several = validations(on_ranks[1][0]), validations(on_ranks[number][0])
    assert len(one) == 1
    assert {"val/loss", "val/weighted_f1"} <= set(one[0])
    assert several == one


@pytest.mark.multi_process
@pytest.mark.parametrize("number", SEVERAL)
def test_metrics_json_is_the_same_on_any_number_of_ranks(on_ranks: OnRanks, number: int, trained: Path) -> None:
    one, several = on_ranks[1][1], on_ranks[number][1]
    assert (several / "metrics.json").read_bytes() == (one / "metrics.json").read_bytes()
    assert answers(several) == answers(one) == answers(trained)
    assert not list(several.glob("answers.rank*"))


@pytest.mark.parametrize(
    ("end", "is_alive"),
    [(None, False), (AgreedToStop("told to stop"), False), (ValueError("on this rank alone"), True)],
)
def test_ranks_that_end_together_leave_no_threads_that_abort_the_process(
    end: BaseException | None, is_alive: bool
) -> None:
    """A live group at Python's end is `terminate called without an active exception`, exit code -6, now and then."""
    store = torch.distributed.HashStore()
    torch.distributed.init_process_group("gloo", store=store, rank=0, world_size=1)
    try:
        with suppress(type(end) if end else ()), left_together(SimpleNamespace(world_size=1)):
            if end:
                raise end
        assert torch.distributed.is_initialized() is is_alive
    finally:
        if torch.distributed.is_initialized():
            torch.distributed.destroy_process_group()
