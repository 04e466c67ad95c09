"""A training step asks no value of a tensor, for on a GPU each such question waits until all before it is done."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
import torch
from model_factory import LANGUAGE, make_batch, make_examples, make_model
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode

from emolightning.models.chat_transformers.processor import Turn, Turns
from emolightning.models.emotion_llama.emotion_llama import EmotionLlama
from emolightning.records.clips import IGNORED, Movable, SequenceBatch

ASKING = ("_local_scalar_dense", "nonzero", "is_nonzero", "masked_select", "equal", "unique", "_unique2", "item")
"""Operations of torch whose result, or its shape, depends on values."""


class NoQuestions(TorchDispatchMode):
    """Fails where an operation would wait for a GPU."""

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        name = func.overloadpacket.__name__
        places = args[1] if name.startswith(("index", "_unsafe_index")) and len(args) > 1 else ()
        by_mask = isinstance(places, list | tuple) and any(
            place is not None and place.dtype in (torch.bool, torch.uint8) for place in places
        )
        assert name not in ASKING, f"{name} waits for the device"
        assert not by_mask, f"{name} by a mask waits for the device"
        return func(*args, **(kwargs or {}))


@contextmanager
def no_questions() -> Iterator[None]:
    """On a GPU torch itself says so."""
    with NoQuestions():
        if torch.cuda.is_available():
            torch.cuda.set_sync_debug_mode("error")
        try:
            yield
        finally:
            if torch.cuda.is_available():
                torch.cuda.set_sync_debug_mode("default")


def step(model: EmotionLlama, batch: SequenceBatch) -> dict[str, torch.Tensor]:
    model.zero_grad()
    model(batch).backward()
    return {name: p.grad.clone() for name, p in model.named_parameters() if p.grad is not None}


@pytest.mark.parametrize("number", [1, 3], ids=["without padding", "padded"])
@pytest.mark.parametrize("attention", ["sdpa", "eager"])
def test_a_step_asks_nothing(number: int, attention: Any) -> None:
    device = "cuda" if torch.cuda.is_available() else "cpu"
    model = make_model(language=LANGUAGE.__class__(**{**vars(LANGUAGE), "attention": attention})).train().to(device)
    batch = make_batch(model, make_examples(number)).to(device)
    step(model, batch)  # What is made once may ask.
    with no_questions():
        step(model, batch)


def test_the_counter_counts() -> None:
    values = torch.arange(3.0)
    for ask in (
        lambda: float(values.sum()),
        lambda: values[values > 1],
        lambda: bool(values.any()),
        lambda: values.nonzero(),
        lambda: values.__setitem__(values > 1, values[:1]),
    ):
        with pytest.raises(AssertionError, match="waits for the device"), no_questions():
            ask()


def watched_moves(monkeypatch: pytest.MonkeyPatch) -> dict[str, list[Any]]:
    """What is done to tensors: the shapes that are pinned, and how the others are moved."""
    found: dict[str, list[Any]] = {"pinned": [], "to": []}
    move = Tensor.to

    def pinned(tensor: Tensor) -> Tensor:
        found["pinned"].append(tensor.shape)
        return tensor

    def moved(tensor: Tensor, device: Any, **options: Any) -> Tensor:
        found["to"].append((tensor.shape, options))
        return move(tensor, "meta")  # In the place of a GPU.

    monkeypatch.setattr(Tensor, "pin_memory", pinned)
    monkeypatch.setattr(Tensor, "to", moved)
    return found


def test_a_step_waits_for_no_copy_of_its_batch(monkeypatch: pytest.MonkeyPatch) -> None:
    """What it uses is pinned and moved; the context, which training does without, stays for who generates."""
    batch = make_batch(make_model(), make_examples(3))
    tokens, places = batch.sequence, batch.sequence.places
    used = [*batch.images.values(), *batch.features.values(), batch.indices, batch.is_own]
    used += [tokens.input_ids, tokens.attention_mask, tokens.targets]
    used += [*places.streams.values(), places.scored, places.learned]
    moves = watched_moves(monkeypatch)
    there = batch.pin_memory().to(torch.device("cuda", 0))
    assert moves["pinned"] == [tensor.shape for tensor in used]
    assert moves["to"] == [(tensor.shape, {"non_blocking": True}) for tensor in used]
    assert there.sequence.places.learned.device == there.features["face"].device == torch.device("meta")
    assert there.context is batch.context
    monkeypatch.undo()
    found = make_model().to_empty(device="meta")._embedded_contexts(there, None)
    assert [tensor.device.type for tensor in found] == ["meta", "meta"]


@pytest.mark.parametrize("device", ["cpu:0", "mps"])
def test_other_devices_are_waited_for(device: str, monkeypatch: pytest.MonkeyPatch) -> None:
    turns: Movable = Turns(
        [Turn({"input_ids": torch.ones(2)}, None), Turn({"input_ids": torch.ones(3)}, torch.ones(1))]
    )
    moves = watched_moves(monkeypatch)
    turns.pin_memory().to(torch.device(device))
    assert moves["pinned"] == [(2,), (3,), (1,)]
    assert moves["to"] == [(shape, {"non_blocking": False}) for shape in moves["pinned"]]


@pytest.mark.parametrize("number", [1, 4])
def test_losses_and_gradients_are_to_the_last_digit_those_of_masks(number: int) -> None:
    """As they were computed before: placeholders and targets found by their values, a mask of two dimensions."""
    model = make_model().train()
    batch = make_batch(model, make_examples(number))
    found = step(model, batch)
    own, counts = model.answer_losses(batch)
    model.zero_grad()
    losses, numbers = by_masks(model, batch)
    (losses.sum() / numbers.sum()).backward()
    assert torch.equal(own, losses)
    assert torch.equal(counts, numbers)
    expected = {name: p.grad for name, p in model.named_parameters() if p.grad is not None}
    assert found.keys() == expected.keys()
    assert all(torch.equal(found[name], expected[name]) for name in found)


def by_masks(model: EmotionLlama, batch: SequenceBatch) -> tuple[torch.Tensor, torch.Tensor]:
    tokens = batch.sequence
    embeddings = model.language.get_input_embeddings()(tokens.input_ids.clamp(min=0)).clone()
    for name, vectors in model.project(batch).items():
        places = tokens.input_ids == model.placeholders[name]
        used = torch.arange(vectors.shape[1]) < places.sum(dim=1, keepdim=True)
        embeddings[places] = vectors[used]
    targets = tokens.targets[:, 1:]
    is_target = targets != IGNORED
    places = is_target.any(dim=0).nonzero()[:, 0]
    mask = tokens.attention_mask
    logits = model.language(inputs_embeds=embeddings, attention_mask=mask, logits_to_keep=places).logits
    losses = torch.nn.functional.cross_entropy(
        logits[is_target[:, places]].float(), targets[is_target], reduction="none"
    )
    rows = is_target.nonzero()[:, 0]
    return torch.zeros(len(targets)).index_add(0, rows, losses), is_target.sum(dim=1)
