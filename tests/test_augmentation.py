"""What is done to training clips: how often, the same wherever it is drawn, and what it is good for."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from in_process import broken_at
from model_factory import make_batch, make_examples, make_model
from omegaconf import OmegaConf
from vector_factory import WIDTHS, words_of, write_clips

import emolightning as el
from emolightning.benchmarks.synthetic.process import ceilings
from emolightning.config.check import ConfigError, check_config
from emolightning.config.run_settings import EvalConfig, MerbenchConfig, RunConfig
from emolightning.data.perturbing.augmenting import Augmentation, without
from emolightning.errors import UserError
from emolightning.models.affectgpt.family import FAMILY as AFFECTGPT
from emolightning.models.family import Occasion
from emolightning.prompt.processor import Loaded
from emolightning.records.clips import Waveform
from emolightning.records.inputs import InputKind

INPUTS = {
    "image": InputKind("frames", "video", "x"),
    "face": InputKind("vectors", "video", "x"),
    "speech": InputKind("vectors", "audio", "x"),
    "transcript": InputKind("text", "text", "x"),
}
HEARD = {"waveform": InputKind("waveform", "audio", "x"), "transcript": INPUTS["transcript"]}
CLIPS = [f"c{number}" for number in range(1500)]


def test_modalities_and_inputs_are_removed_as_often_as_was_said() -> None:
    made = Augmentation(INPUTS, modality_dropout=0.3, input_dropout={"face": 0.5})
    gone = [made.removed(clip, 0) for clip in CLIPS]
    numbers = Counter(name for each in gone for name in each)
    expected = {"image": 0.3, "speech": 0.3, "transcript": 0.3, "face": 1 - 0.7 * 0.5}
    for name, chance in expected.items():  # All three go in 0.027 of the clips, and a third of these has its own back.
        assert numbers[name] / len(CLIPS) == pytest.approx(chance - 0.009, abs=0.035), name
    assert all(len(each) < len(INPUTS) for each in gone)
    assert all("face" in each for each in gone if "image" in each), "they are of one modality"
    always = [Augmentation(INPUTS, modality_dropout=1.0).removed(clip, 0) for clip in CLIPS]
    assert Counter(len({INPUTS[name].modality for name in INPUTS if name not in each}) for each in always) == {1: 1500}
    assert len(set(always)) == 3


def test_draws_are_those_of_seed_pass_and_clip() -> None:
    made = Augmentation(INPUTS, seed=1, modality_dropout=0.4, vector_noise=(0, 10), masked_values=0.5)
    vectors = Loaded(streams={"face": torch.randn(4, 30), "speech": torch.randn(1, 20)})

    def drawn(augmentation: Augmentation, clip: str, number: int) -> list[Any]:
        streams = augmentation.changed(vectors, clip, number).streams
        return [augmentation.removed(clip, number), *(values.tolist() for values in streams.values())]

    again = replace(made, input_dropout={"image": 0.0})
    backwards = [drawn(again, clip, number) for number in (2, 1, 0) for clip in reversed(CLIPS[:9])]
    assert [drawn(made, clip, number) for number in range(3) for clip in CLIPS[:9]] == backwards[::-1]
    assert drawn(made, "c0", 0)[1:] != drawn(made, "c0", 1)[1:]
    assert [made.removed(clip, 0) for clip in CLIPS] != [replace(made, seed=2).removed(clip, 0) for clip in CLIPS]
    assert not Augmentation(INPUTS, input_dropout={"face": 0.0})


def test_noise_and_gaps_are_as_large_as_was_said() -> None:
    ones, tone = torch.ones(10, 200), np.sin(np.arange(4000) / 7).astype(np.float32) / 9
    loaded = Loaded(streams={"face": ones}, media={"waveform": (Waveform(tone, 16000),)})
    noisy = Augmentation({**INPUTS, **HEARD}, vector_noise=(5, 5), sound_noise=(10, 10)).changed(loaded, "a", 0)
    assert float((noisy.streams["face"] - ones).square().mean()) == pytest.approx(10**-0.5, rel=1e-4)
    (sound,) = noisy.media["waveform"]
    assert isinstance(sound, Waveform)
    ratio = np.mean(np.square(tone, dtype=float)) / np.mean(np.square(sound.samples - tone, dtype=float))
    assert 10 * np.log10(ratio) == pytest.approx(10, abs=0.01)
    gaps = Augmentation(INPUTS, masked_steps=0.4, masked_values=0.2)
    rows, columns = set(), set()
    for number in range(60):
        found = gaps.changed(loaded, "a", number).streams["face"]
        columns.add(int((found.sum(dim=0) == 0).sum()))
        rows.add(int((found.sum(dim=1) == 0).sum()))
    assert rows == set(range(5))
    assert max(columns) <= 40 < max(columns) + 5
    assert bool(ones.all()), "vectors are shared by all passes"


@pytest.mark.parametrize("removed", [("speech",), ("image", "class_token"), ("face", "motion", "image", "class_token")])
def test_what_is_removed_has_no_place_as_if_it_were_off(removed: tuple[str, ...]) -> None:
    model, examples = make_model(), make_examples(2)
    loaded = Loaded("said", examples[0].images, examples[0].features)
    empty = without(loaded, {*removed, "transcript"}, said_by="transcript")
    clip = replace(examples[0].clip, transcript=empty.transcript)
    images, features = dict(empty.images), dict(empty.streams)
    one = replace(examples[0], clip=clip, images=images, features=features, removed=frozenset(removed))
    left: dict[str, Any] = {
        part: {name: values for name, values in getattr(examples[0], part).items() if name not in removed}
        for part in ("images", "features")
    }
    off = replace(examples[0], clip=clip, **left)
    mixed, alone, other = (make_batch(model, each) for each in ([one, examples[1]], [off], [examples[1]]))
    assert mixed.prompts == [*alone.prompts, *other.prompts]
    losses = model.answer_losses(mixed)[0]
    assert torch.allclose(losses, torch.cat([model.answer_losses(each)[0] for each in (alone, other)]), atol=1e-4)
    model.answer_losses(make_batch(model, [one]))[0].sum().backward()
    trained = [
        name for name, parameter in model.named_parameters() if parameter.requires_grad and parameter.grad is None
    ]
    assert not trained, "processes wait for a gradient of each, also where nobody shows its input"


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"modality_dropout": 1.5}, "augmentation.modality_dropout: must be 0 to 1, not 1.5"),
        ({"masked_values": -0.1}, "augmentation.masked_values: must be 0 to 1"),
        ({"frame_crop": 1}, "augmentation.frame_crop: must be 0 to 0.99, not 1"),
        ({"frame_blur": 2}, "augmentation.frame_blur: must be 0 to 0.1, not 2"),
        ({"frame_jitter": -0.1}, "augmentation.frame_jitter: must be 0 to 1, not -0.1"),
        ({"mixup": 101}, "augmentation.mixup: must be 0 to 100, not 101"),
        (
            {"mixup": 0.4},
            "augmentation.mixup: mixes vectors and labels .* answers in words: say model=fusion/attention",
        ),
        ({"input_dropout": {"speach": 0.1}}, "'speach' is not one of .*did you mean speech"),
        (
            {"input_dropout": {"speech": 2}},
            "augmentation.input_dropout.speech: must be a probability from 0 to 1, not 2",
        ),
        ({"vector_noise": [10]}, r"must be the smallest and the largest ratio in dB.*vector_noise=\[5,20\], not \[10"),
        ({"sound_noise": [20, 5]}, r"augmentation.sound_noise: must be the smallest .*not \[20.0, 5.0\]"),
    ],
)
def test_settings_that_mean_nothing_are_refused(settings: dict[str, Any], said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        check_config(OmegaConf.merge(OmegaConf.structured(RunConfig), {"augmentation": settings}))


@pytest.mark.parametrize("schema", [EvalConfig, MerbenchConfig])
def test_other_programs_augment_nothing(schema: type) -> None:
    given = {"augmentation": {"masked_steps": 0.3}, **({"checkpoint": "x"} if schema is EvalConfig else {})}
    cfg = OmegaConf.merge(OmegaConf.structured(schema), given)
    with pytest.raises(ConfigError, match="augmentation is for train.py alone; leave it out"):
        check_config(cfg)


@pytest.mark.parametrize(
    ("inputs", "how", "said"),
    [
        (
            {"face": INPUTS["face"], "image": INPUTS["image"]},
            {"modality_dropout": 0.1},
            "one modality .it has face, image",
        ),
        ({"face": INPUTS["face"]}, {"input_dropout": {"face": 0.1}}, "this run has one input .it has face"),
        (HEARD, {"vector_noise": (5, 20)}, "augmentation.vector_noise: is about vectors, and this run has none"),
        (HEARD, {"masked_steps": 0.1}, "augmentation.masked_steps: is about vectors"),
        (INPUTS, {"sound_noise": (5, 20)}, "hears no sound by itself.*augmentation.vector_noise is for vectors"),
        (HEARD, {"noise": ("a.wav",)}, r"is mixed into sound; say augmentation.sound_noise=\[5,20\]"),
    ],
)
def test_what_cannot_be_done_to_the_inputs_of_a_run_is_refused(inputs: Any, how: dict[str, Any], said: str) -> None:
    with pytest.raises(UserError, match=said):
        Augmentation(inputs, **how)


@pytest.mark.parametrize(
    ("share", "most", "said"),
    [
        (0.9, {"face": 1, "speech": 1}, "no clip has more than 1 vector of an input; leave it out; .*masked_values"),
        (0.1, {"face": 1, "speech": 8}, "no clip has more than 8 vectors of an input; say 0.125 or more, or leave"),
        (0.2, {"face": 1, "speech": 8}, None),
        (0.1, {"face": 1}, None),
    ],
)
def test_gaps_that_no_clip_has_room_for_are_refused(share: float, most: dict[str, int], said: str | None) -> None:
    made = Augmentation(INPUTS, masked_steps=share)
    if said is None:
        made.require_gaps(most)
        return
    with pytest.raises(UserError, match=said):
        made.require_gaps(most)


def test_a_teacher_sees_clips_as_they_are() -> None:
    asked = Occasion("train", ("face", "speech"), ("emotion",), precomputes_vision=False, augments=True)
    with pytest.raises(UserError, match=r"a teacher \(model.teacher\) is shown the same"):
        AFFECTGPT.require_on(asked, {"teacher": "outputs/teacher"})


LABELS = ("happy", "angry")
AUGMENTED = (
    "augmentation.modality_dropout=0.4",
    "augmentation.vector_noise=[0,10]",
    "augmentation.masked_values=0.5",
    "augmentation.mixup=0.5",
    "++augmentation.input_dropout={words: 0.5}",
)


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder, rng = tmp_path_factory.mktemp("augmentation"), np.random.default_rng(5)
    rows = [
        {"video_name": f"{split}{index}", "emotion_label": LABELS[index % 2], "split": split}
        for split, number in (("train", 24), ("val", 8), ("test", 8))
        for index in range(number)
    ]

    def vectors(row: Mapping[str, object], name: str) -> np.ndarray:
        return rng.normal(row["emotion_label"] == "angry", 0.5, size=(3, WIDTHS[name]))

    write_clips(folder, rows, vectors)
    return folder


def weights(run: Path) -> dict[str, torch.Tensor]:
    return torch.load(run / "checkpoints" / "last.ckpt", weights_only=True)["state_dict"]


@pytest.mark.slow
def test_a_resumed_run_and_one_with_workers_draw_the_same(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    size = ("trainer.max_epochs=3", "early_stopping.enabled=false", "checkpoints.every_num_steps=1")
    common = ("model=fusion/lf_dnn", *size, *AUGMENTED)
    whole = el.train(*words_of(place, "whole", LABELS, *common))
    assert "augmentation: of 24 clips of train the first pass removes" in capsys.readouterr().out
    with broken_at(5):  # In the second epoch of three steps.
        el.train(*words_of(place, "parts", LABELS, *common))
    with pytest.raises(UserError, match=r"augmentation.modality_dropout: 0.4 before, 0.2 now"):
        el.train(*words_of(place, "parts", LABELS, *common, "augmentation.modality_dropout=0.2", "resume=auto"))
    parts = el.train(*words_of(place, "parts", LABELS, *common, "resume=auto"))
    workers = el.train(*words_of(place, "workers", LABELS, *common, "data.num_workers=2"))
    plain = el.train(*words_of(place, "plain", LABELS, *common[: -len(AUGMENTED)]))
    expected = weights(whole)
    for run in (parts, workers):
        found = weights(run)
        assert all(torch.equal(expected[name], found[name]) for name in expected), run
    assert any(not torch.equal(expected[name], value) for name, value in weights(plain).items())
    first, second = (el.evaluate(whole, "logger=none", "split=val", f"output_dir={place}/{each}") for each in "ab")
    assert first["war"].value == second["war"].value


OFF = {
    "A": ("inputs.speech=false",),
    "V": ("inputs.image=false", "inputs.face=false", "inputs.motion=false"),
    "T": ("inputs.transcript=false",),
}
"""Modality -> what `ablate` says to remove it."""


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_modality_dropout_raises_the_score_without_a_modality(tmp_path: Path) -> None:
    """At the same steps; a model that always saw its pictures fails without them, for all that the rest says."""
    found: dict[float, dict[str, Any]] = {}
    places = (f"paths.data={tmp_path}/data", f"data.cache={tmp_path}/cache")
    for chance in (0.0, 0.3):
        words = ("experiment=demo", "logger=none", "early_stopping.enabled=false", f"output_dir={tmp_path}/{chance}")
        run = el.train(*words, *places, f"augmentation.modality_dropout={chance}")
        found[chance] = {
            name: el.evaluate(run, "logger=none", *off, f"output_dir={tmp_path}/{chance}-{name}")["war"]
            for name, off in OFF.items()
        }
    plain, dropped = found[0.0], found[0.3]
    assert dropped["V"].ci95[0] > plain["V"].ci95[1], (plain, dropped)
    assert sum(each.value for each in dropped.values()) > sum(each.value for each in plain.values()), (plain, dropped)
    limits = ceilings(0.015)
    for name, each in dropped.items():
        limit = limits["AVT".replace(name, "")]
        assert each.value > limit - 3 * (limit * (1 - limit) / 180) ** 0.5, (name, each)
