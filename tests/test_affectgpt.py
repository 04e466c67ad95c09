"""AffectGPT as a family: its prompts and refusals, a small run from start to end, and a student with its teacher."""

import json
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from affectgpt_factory import make_model
from in_process import broken_at, evaluate, fit
from language_factory import make_qwen2
from omegaconf import OmegaConf
from runs import REPO

from emolightning.config.composing import composed
from emolightning.errors import UserError
from emolightning.models.affectgpt.affectgpt import EndOfText
from emolightning.models.affectgpt.family import FAMILY
from emolightning.models.affectgpt.instructions import question
from emolightning.models.affectgpt.layouts import NAMES
from emolightning.models.affectgpt.processor import AffectGPTProcessor
from emolightning.models.affectgpt.settings import FusionSettings
from emolightning.models.family import Occasion
from emolightning.models.parts.generation import Generation
from emolightning.prompt.processor import Loaded
from emolightning.prompt.questions import Question
from emolightning.records.clips import Clip

CEILING = 0.9
"""What the demo has to reach on its test split."""
ASKED = Question("emotion", question("emotion", ("happy", "sad")))


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    return make_model(make_qwen2(tmp_path_factory.mktemp("qwen") / "llm"))


def example(processor, *, steps=8, inputs=("face", "speech"), label="sad", transcript="Oh no!", index=0):
    widths = {"face": 20, "frame": 20, "speech": 28, "picture": 20}
    generator = torch.Generator().manual_seed(index)
    streams = {name: torch.randn(steps, widths[name], generator=generator) for name in inputs}
    clip = Clip(id=f"clip{index}", video=Path("x.mp4"), label=label)
    return processor.example(clip, Loaded(transcript=transcript, streams=streams), ASKED, index=index)


def processor_of(model, layout="train", **fusion):
    return AffectGPTProcessor(model.tokenizer, fusion=FusionSettings(**fusion), layout=layout)


def test_an_answer_is_a_sentence_and_ends_twice(model):
    batch = (processor := processor_of(model)).collate([example(processor), example(processor, label="happy", index=1)])
    targets = [[number for number in row if number >= 0] for row in batch.sequence.targets.tolist()]
    words = [model.tokenizer.hugging_face.decode(row) for row in targets]
    assert words == [f"The most likely label is {label}.###<|im_end|>" for label in ("sad", "happy")]
    opened = model.tokenizer.hugging_face.decode(batch.context.input_ids[0].clamp(min=0)[:1])
    assert opened == "<|im_start|>"
    without = (other := processor_of(model, "upstream_eval")).collate([example(other)])
    assert len(without.context.input_ids[0]) == int(batch.context.attention_mask[0].sum()) - 1


def test_labels_are_as_likely_as_the_sentences_that_they_are_answered_with(model):
    batch = (processor := processor_of(model)).collate([example(processor), example(processor, label="happy", index=1)])
    losses, _ = model.answer_losses(batch)
    found = model.label_logprobs(batch, ["happy", "sad"])
    assert torch.allclose(found[[0, 1], [1, 0]], -losses, atol=1e-4)


def test_generation_ends_with_the_text_and_says_what_is_before(model, monkeypatch):
    ids = model.tokenizer.text_ids("It is sad. ###")
    assert EndOfText(model.tokenizer)(torch.tensor([ids, ids[:-1] + ids[:1]]), None).tolist() == [True, False]
    assert [model.spoken(text) for text in ("sad.###", "sad", "Assistant: sad###", "###")] == ["sad.", "sad", "sad", ""]
    batch = (processor := processor_of(model)).collate([example(processor)])
    answers = [model.generate(batch, Generation(max_new_tokens=4)) for _ in range(2)]
    assert answers[0] == answers[1]


def test_a_marker_or_an_end_in_a_subtitle_is_text(model):
    processor = processor_of(model)
    batch = processor.collate([example(processor, transcript="<FaceHere> ### <|im_end|>")])
    assert int((batch.context.input_ids < 0).sum()) == 3
    assert model.tokenizer.end_id not in batch.context.input_ids[0].tolist()


@pytest.mark.parametrize(
    ("layout", "fusion", "inputs", "expected"),
    [
        ("frame", {}, ("face", "speech"), r"does not show face; say inputs\.face=false and inputs\.frame=true"),
        ("audioonly", {}, ("face", "speech"), r"does not show face; say inputs\.face=false, or"),
        ("train", {"steps": 7}, ("face", "speech"), r"clip0: 8 face vector\(s\), and model\.fusion\.steps=7"),
    ],
)
def test_what_a_layout_does_not_show_is_refused(model, layout, fusion, inputs, expected):
    processor = processor_of(model, layout, **fusion)
    with pytest.raises(UserError, match=expected):
        processor.encode(example(processor, inputs=inputs), None)


def test_a_layout_with_both_needs_their_fusion(model):
    with pytest.raises(UserError, match=r"prompt\.layout=multiface_text .* model\.fusion\.multi=none"):
        processor_of(model, "multiface_text", multi="none")
    assert processor_of(model, "face", multi="none").in_sequence({"face": 8, "speech": 8}) == {"speech": 1, "face": 1}


ON = Occasion("face", ("face", "speech", "transcript"), ("emotion",), precomputes_vision=True, waits_for_all=True)


@pytest.mark.parametrize(
    ("layout", "said"),
    [
        ("face", r"prompt\.layout=face does not show multi, .* say model\.fusion\.multi=none, or"),
        (
            "multiface_text",
            r"multiface_text does not show speech, face, .*find_unused_parameters=true, or train in one",
        ),
    ],
)
def test_several_processes_do_not_wait_for_layers_that_a_layout_does_not_use(layout, said):
    with composed("train", ["model=affectgpt_tiny"]) as cfg:
        settings = OmegaConf.to_container(cfg.model, resolve=True)
    occasion = replace(ON, layout=layout)
    with pytest.raises(UserError, match=said):
        FAMILY.require_on(occasion, settings)
    FAMILY.require_on(replace(occasion, waits_for_all=False), settings)
    FAMILY.require_on(replace(ON, layout="train"), settings)
    FAMILY.require_on(ON, {**settings, "fusion": {**settings["fusion"], "multi": "none"}})
    FAMILY.require_on(occasion, {**settings, "train": {**settings["train"], "projections": "frozen"}})


def test_modalities_that_are_off_are_taken_out_with_their_sentences(model):
    processor = processor_of(model)
    shown = processor.encode(example(processor, inputs=("speech",)), None).text
    assert shown.startswith(
        "<|im_start|>###Human: The audio content is as follows: <Audio><speech></Audio>. The subtitle"
    )


def test_all_layouts_have_a_name(model):
    assert len({name for name in NAMES if "upstream_eval" not in name}) == 16
    assert {*NAMES} == {*FAMILY.layouts}


def test_it_learns_what_only_the_vectors_show(tmp_path):
    own = make_model(make_qwen2(tmp_path / "llm")).train()
    processor, labels = processor_of(own), ["happy", "sad"]
    clips = [example(processor, label=labels[number], transcript="", index=number) for number in range(2)]
    batch = processor.collate(clips)
    optimizer = torch.optim.AdamW([p for p in own.parameters() if p.requires_grad], lr=5e-3)
    for _ in range(30):
        loss = own(batch)
        loss.backward()
        optimizer.step()
        optimizer.zero_grad()
    own.eval()
    assert own.label_logprobs(batch, labels).argmax(dim=1).tolist() == [0, 1]
    said = own.generate(batch, Generation(max_new_tokens=24))
    assert said == [f"The most likely label is {labels[number]}." for number in range(2)]


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_the_demo_comes_near_the_ceiling(workplace):
    """The ceiling is 0.979 in expectation; see `emolightning/benchmarks/synthetic/README.md`."""
    run, clips = workplace.folder / "affectgpt_demo", workplace.folder / "all"
    words = ("experiment=affectgpt_demo", "logger=csv", f"data.folder={clips}", f"data.cache={clips}-cache")
    program = workplace.start(REPO / "train.py", *words, f"output_dir={run}")
    assert program.wait(800) == 0, program.description()
    workplace.evaluate(run)
    assert json.loads((run / "metrics.json").read_text())["metrics"]["war"]["value"] > CEILING


SMALL = (
    "experiment=smoke", "model=affectgpt_tiny", "logger=none", "callbacks=eval", "data.num_train=18", "data.num_val=6",
    "data.num_test=6", "model.language.width=64", "model.language.mlp_width=64", "evaluation.max_new_tokens=6",
)  # fmt: skip


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    return tmp_path_factory.mktemp("affectgpt")


def trained(place, *overrides):
    with composed("train", [*SMALL, f"data.folder={place}/clips", f"data.cache={place}/cache", *overrides]) as cfg:
        fit(cfg)


def evaluated(*overrides):
    with composed("eval", ["callbacks=eval", "logger=none", *overrides]) as cfg:
        return evaluate(cfg)


@pytest.fixture(scope="module")
def run(place):
    trained(place, f"output_dir={place}/run")
    return place / "run"


def test_a_run_is_saved_and_answers(run):
    about = json.loads((run / "adapter" / "emolightning.json").read_text())
    assert about["inputs"] == ["face", "speech", "transcript"]
    report = evaluated(f"checkpoint={run}")
    assert report["num_clips"] == 6
    answers = (run / "answers.jsonl").read_text()
    again = run.parent / "again"
    evaluated(f"checkpoint={run}", f"output_dir={again}", "data.batch_size=3")
    texts = [[json.loads(line)["answer"] for line in content.splitlines()]
             for content in (answers, (again / "answers.jsonl").read_text())]  # fmt: skip
    assert texts[0] == texts[1]


def test_a_run_answers_about_a_new_clip(run, place):
    import emolightning as el

    clip = next((place / "clips").rglob("*.mp4"))
    answer = el.load(run).predict(clip, transcript="Oh no!")
    assert answer.text
    assert abs(sum(answer.probabilities.values()) - 1) < 1e-5


def tensors_of(folder):
    files = sorted(folder.rglob("*.safetensors"))
    assert files
    return {path.relative_to(folder): path.read_bytes() for path in files}


@pytest.mark.slow
@pytest.mark.parametrize("teacher", [None, "run"])
def test_an_interrupted_training_ends_with_the_same_bytes(run, place, teacher):
    words = ["trainer.max_epochs=2", "data.batch_size=6", "checkpoints.every_num_steps=1",
             f"model.teacher={run if teacher else 'null'}"]  # fmt: skip
    whole, broken = (place / f"{name}-{teacher}" for name in ("whole", "broken"))
    trained(place, f"output_dir={whole}", *words)
    with broken_at(4):
        trained(place, f"output_dir={broken}", *words)
    assert not (broken / "adapter").exists()
    trained(place, f"output_dir={broken}", "resume=auto", *words)
    assert tensors_of(broken / "adapter") == tensors_of(whole / "adapter")


@pytest.mark.slow
@pytest.mark.multi_process
def test_two_ranks_answer_with_the_same_bytes_and_teach(workplace):
    place, words = workplace.folder / "affectgpt", ("model=affectgpt_tiny", "trainer.max_epochs=1")
    run = workplace.train(place / "one", *words)
    ranks = ("trainer=ddp", "trainer.accelerator=cpu", "trainer.devices=2")
    student = workplace.train(place / "student", *words, *ranks, f"model.teacher={run}", "data.batch_size=4")
    assert (student / "adapter" / "distillation.safetensors").is_file()
    workplace.evaluate(run, f"output_dir={place}/alone")
    workplace.evaluate(run, f"output_dir={place}/both", *ranks)
    alone, both = ([json.loads(line) for line in (place / name / "answers.jsonl").read_text().splitlines()]
                   for name in ("alone", "both"))  # fmt: skip
    assert [(line["id"], line["answer"]) for line in alone] == [(line["id"], line["answer"]) for line in both]
    scores = [json.loads((place / name / "metrics.json").read_text())["metrics"] for name in ("alone", "both")]
    assert scores[0] == scores[1]


@pytest.mark.slow
def test_a_student_learns_from_a_run(run, place):
    student = place / "student"
    trained(place, f"output_dir={student}", f"model.teacher={run}", "model.distillation.num_directions=5")
    saved = torch.load(student / "checkpoints" / "last.ckpt", weights_only=True)["state_dict"]
    assert {name for name in saved if "distillation" in name} == {
        f"model.distillation.student_proj.{name}" for name in ("0.weight", "1.weight", "1.bias")
    }
    assert (student / "adapter" / "distillation.safetensors").is_file()
