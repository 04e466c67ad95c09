"""speed/answering.py: every way gives the same answers before it is measured. No time is asserted."""

from dataclasses import replace
from typing import Any

import pytest
import torch
from model_factory import make_model
from omegaconf import OmegaConf

from emolightning.config.command_settings import Recipe
from emolightning.errors import UserError
from emolightning.models.parts import masks
from emolightning.models.parts.decoder import Decoder
from speed import answers
from speed.answering import uneven_batches
from speed.clips import ClipSet, Texts
from speed.machine import Peak
from speed.recipes import Subject
from speed.rounds import alternate

UPSTREAM = Recipe(precision="32-true", dtype="float32")
OURS = replace(UPSTREAM, precompute_vision=True, attention="sdpa")


@pytest.fixture
def given() -> dict[str, Any]:
    model = make_model()
    clips = ClipSet(model, Texts(transcript=4, answer=3), num_clips=2, feature_width=12, seed=0)
    for example in clips.examples:
        example.features.update(motion=torch.randn(1, 10), speech=torch.randn(1, 8))
    subject = Subject(model, torch.device("cpu"), torch.optim.AdamW, 3)
    return {"subject": subject, "clips": clips, "ours": OURS, "upstream": UPSTREAM, "batch_size": 2}


@pytest.mark.slow
def test_ways_that_agree_are_compared_in_each_round(given: dict[str, Any]) -> None:
    agreed = answers.require_the_same(**given)
    assert agreed["clips"] == agreed["with_equal_answers"] == 2
    assert agreed["losses_differ_at_most"] < 1e-5
    columns = answers.make_columns(**given)
    assert alternate(columns, 2, lambda number: None)
    found = {each.what: each for each in answers.figures(columns, 2, Peak(1e9, "said"), torch.device("cpu"))}
    assert found["released recipe, 2 at once / ours by generation, 2 at once"].at_least == 1.5
    promised = {name: each.at_least for name, each in found.items() if "by likelihood" in name}
    released = "released recipe, {} at once / ours by likelihood, {} at once"
    assert promised == {released.format(1, 1): None, released.format(2, 2): None, released.format(1, 2): 8}
    own = found["a clip by generation, 2 at once"]
    assert own.rounds == 2
    flops = columns[4].work["evaluation"].flops
    assert columns[4].name == "generation, 1 at once"
    assert own.floor == pytest.approx(flops / 2 / 1e9 * 1e3)
    assert answers.all_rounds(columns).keys() == {column.name for column in columns}
    assert len(answers.lines([*found.values()], columns, torch.device("cpu"))) == len(columns) + len(found)


def test_ways_that_do_not_agree_are_refused(given: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    follow = Decoder.follow
    monkeypatch.setattr(Decoder, "follow", lambda self, tokens: -follow(self, tokens))
    with pytest.raises(UserError, match=r"generation, 1 at once answers \d of 2 clips in other words than released"):
        answers.require_the_same(**given)
    monkeypatch.setattr(masks, "KINDS", ())
    monkeypatch.setattr(answers, "EQUAL_LOSS", -1.0)
    with pytest.raises(UserError, match="losses differ by up to"):
        answers.require_the_same(**given)


def test_sizes_that_cannot_be_measured_are_named() -> None:
    settings = OmegaConf.create({"batch_size": 3, "samples": 8, "device": "meta"})
    assert [(each.key, each.message.split(";")[0]) for each in uneven_batches(settings)] == [
        ("batch_size", "must divide samples=8, not 3"),
        ("device", "nothing is computed on meta, so there is nothing to measure"),
    ]
