"""Sequences longer than the language model's positions are refused before weights are read; texts are cut."""

import json
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from emolightning.callbacks.sample_answers import answer_table
from hydra import compose, initialize_config_dir
from language_factory import make_other
from runs import make_dataset
from transformers import BloomConfig, FalconConfig, GPT2Config, LlamaConfig, MistralConfig, OPTConfig, Qwen2Config

import eval as eval_program
import train as train_program
from emolightning.__main__ import main
from emolightning.config.places import CONFIG_DIR
from emolightning.config.schema import register_schemas
from emolightning.data.loading.examples import ClipDataset
from emolightning.data.loading.lengths import SequenceLength, sequence_lengths
from emolightning.errors import InputErrors, shown
from emolightning.models.emotion_llama.inputs import VISUAL
from emolightning.models.parts.context import context_of
from emolightning.prompt.questions import target_text
from emolightning.records.clips import Clip
from emolightning.runs import assembly
from emolightning.runs import train as training_run
from emolightning.runs.assembly_of_data import read_corpus
from emolightning.runs.assembly_of_models import build_processor
from emolightning.runs.positions import remedies

UNSAID = SimpleNamespace(model_max_length=int(1e30), name_or_path="f")


@pytest.mark.parametrize(
    ("config", "positions", "window"),
    [
        (LlamaConfig(max_position_embeddings=4096), 4096, None),
        (GPT2Config(n_positions=77), 77, None),
        (OPTConfig(max_position_embeddings=2048), 2048, None),
        (BloomConfig(), None, None),
        (FalconConfig(alibi=True, max_position_embeddings=64), None, None),
        (FalconConfig(alibi=False, max_position_embeddings=64), 64, None),
        (MistralConfig(max_position_embeddings=32768, sliding_window=4096), 32768, 4096),
        (MistralConfig(max_position_embeddings=32768, sliding_window=None), 32768, None),
        (Qwen2Config(max_position_embeddings=32768, use_sliding_window=False, sliding_window=64), 32768, None),
        (LlamaConfig(max_position_embeddings=4096, rope_scaling={"rope_type": "linear", "factor": 4.0}), 16384, None),
        (LlamaConfig(max_position_embeddings=4096, rope_scaling={"rope_type": "dynamic", "factor": 2.0}), 8192, None),
        (
            LlamaConfig(
                max_position_embeddings=131072,
                rope_scaling={
                    "rope_type": "llama3",
                    "factor": 8.0,
                    "low_freq_factor": 1.0,
                    "high_freq_factor": 4.0,
                    "original_max_position_embeddings": 8192,
                },
            ),
            131072,
            None,
        ),
        (
            Qwen2Config(
                max_position_embeddings=32768,
                rope_scaling={"rope_type": "yarn", "factor": 4.0, "original_max_position_embeddings": 32768},
            ),
            131072,
            None,
        ),
        (SimpleNamespace(max_position_embeddings=None), None, None),
        (SimpleNamespace(max_position_embeddings=-1), None, None),
    ],
)
def test_positions_of_a_configuration(config: Any, positions: int | None, window: int | None) -> None:
    found = context_of(config, UNSAID, source="here")
    assert (found.positions, found.window) == (positions, window)
    assert found.source == ("here" if positions else "")


@pytest.mark.parametrize(
    ("said", "positions"), [(int(1e30), 4096), (None, 4096), (2048, 2048), (8192, 4096), (0, 4096)]
)
def test_a_tokenizer_that_says_less(said: int | None, positions: int) -> None:
    tokenizer = SimpleNamespace(model_max_length=said, name_or_path="/models/a")
    found = context_of(LlamaConfig(max_position_embeddings=4096), tokenizer, source="here")
    assert found.positions == positions
    assert found.source == ("/models/a/tokenizer_config.json, model_max_length" if positions == 2048 else "here")


# Lengths


def configured(name: str, *overrides: str) -> Any:
    register_schemas()
    with initialize_config_dir(str(CONFIG_DIR), version_base="1.3"):
        return compose(name, overrides=list(overrides))


@pytest.fixture(scope="module")
def custom(tmp_path_factory: pytest.TempPathFactory) -> tuple[str, ...]:
    """Twelve clips; one of test says much more than the others."""
    root = tmp_path_factory.mktemp("custom")
    said = ["What a day."] * 10 + ["Oh!", "It was a bright cold day in April, and the clocks were striking. " * 12]
    annotations = make_dataset(root / "clips.csv", root / "media", said)
    for name, tokens in (("face", 3), ("motion", 1)):
        (root / "vectors" / name).mkdir(parents=True)
        for number in range(12):
            np.save(root / "vectors" / name / f"clip{number}.npy", np.zeros((tokens + number % 2, 6), np.float32))
    return (
        *("data=custom", f"data.annotations={annotations}", f"data.media={root}/media", "data.labels=[happy,sad]"),
        *(f"data.cache={root}/cache", "features=folders", f"features.root={root}/vectors", "features.face=face"),
        *("features.motion=motion", "inputs.speech=false", "data.batch_size=2", "logger=csv", "~callbacks.progress"),
        *("trainer.max_steps=1", "trainer.enable_progress_bar=false"),
    )


@pytest.mark.parametrize(
    "words",
    [
        ("data.frame=even:3",),
        ("modalities=[text]", "prompt.pool=all"),
        ("prompt.task=reason", "prompt.pool=all", "prompt.layout=upstream_eval"),
        ("inputs.transcript=false", "prompt.layout=demo"),
    ],
)
def test_lengths_are_those_of_the_sequences(custom: tuple[str, ...], words: tuple[str, ...]) -> None:
    cfg = configured("train", *custom, *words)
    corpus = read_corpus(cfg)
    corpus.clips = [replace(clip, reason=f"She {clip.label}.") for clip in corpus.clips]
    processor = build_processor(cfg)
    for split in ("train", "val", "test"):
        training = split == "train"
        dataset = ClipDataset(corpus, split, processor=processor, training=training)
        found = list(sequence_lengths(corpus, processor, split, max_new_tokens=0))
        for index, length in enumerate(found):
            examples = [dataset[epoch, index] for epoch in range(40 if training else 1)]
            encoded = [processor.encode(each, target_text(each.clip, each.task)) for each in examples]
            assert length.total == max(len(each.context) + len(each.answer) for each in encoded)
            assert length.streams == processor.stream_lengths(examples[0])
        longer = list(sequence_lengths(corpus, processor, split, max_new_tokens=50))
        gained = {(b.total - a.total, b.is_generated) for a, b in zip(found, longer, strict=True)}
        assert gained == ({(0, False)} if training else {(50 - found[0].answer, True)})


# Refused


def ended(patch: pytest.MonkeyPatch, program: Any, *words: str) -> int:
    """Exit code of a program in this process."""
    name = program.__name__
    patch.setattr(sys, "argv", [f"{name}.py", *words])
    try:
        return program.main(list(words))
    except SystemExit as error:
        return int(error.code or 0)


def untouched(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(assembly, "build_learner", lambda *args, **more: pytest.fail("weights were read"))


@pytest.mark.parametrize(
    ("words", "wrong", "why", "instead"),
    [
        (
            ("data.frame=even:16", "model.language.max_positions=160"),
            "longer than the 160 positions of the language model (model.language.max_positions)",
            "image 64 (16 frame(s) by data.frame=even:16)",
            "say data.frame=even:",
        ),
        (
            ("evaluation.max_new_tokens=300", "model.language.max_positions=200"),
            "4 of 8 sequences are longer than the 200 positions",
            "generated 300",
            "evaluation.max_new_tokens=1",
        ),
    ],
)
def test_a_training_is_refused_before_weights_are_read(
    words: tuple[str, ...],
    wrong: str,
    why: str,
    instead: str,
    custom: tuple[str, ...],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    with monkeypatch.context() as patch:
        untouched(patch)
        assert ended(patch, train_program, *custom, *words, f"output_dir={tmp_path}/run") == 1
    said = capsys.readouterr().err
    assert said.startswith("error: model: ")
    for expected in (wrong, why, instead):
        assert expected in said
    assert "clips.csv, line " in said
    assert not (tmp_path / "run").exists()
    remedy = said.partition("; say ")[2].split(" or ")[0]
    overrides = [word for word in words if word.split("=")[0] != remedy.split("=")[0]]
    assert ended(monkeypatch, train_program, *custom, *overrides, remedy, f"output_dir={tmp_path}/run") == 0


def test_all_clips_are_looked_at_when_a_split_is_evaluated(
    custom: tuple[str, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Only one clip of the test split is too long; training does not see it, doctor does."""
    run, few = tmp_path / "run", "model.language.max_positions=180"
    assert ended(monkeypatch, train_program, *custom, few, f"output_dir={run}") == 0
    capsys.readouterr()
    assert ended(monkeypatch, eval_program, f"checkpoint={run}") == 1
    said = capsys.readouterr().err
    assert "1 of 4 sequences are longer than the 180 positions" in said
    assert "clips.csv, line 13: clip11 (test): " in said
    assert "inputs.transcript=false (or shorten transcripts to at most " in said
    assert not (run / "answers.jsonl").exists()
    words = ["doctor", *custom, few, f"output={tmp_path}/found.json", "probe=2"]
    monkeypatch.setattr(sys, "argv", ["emolightning", *words])
    with pytest.raises(SystemExit, match="1"):
        main(words)
    said = capsys.readouterr().out
    assert "problem: model: 1 of 12 sequences are longer than the 180 positions" in said
    problems = json.loads((tmp_path / "found.json").read_text())["problems"]
    assert len(problems) == 2
    assert "clip11 (test): " in problems[1]
    assert ended(monkeypatch, eval_program, f"checkpoint={run}", "inputs.transcript=false") == 0


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    root = tmp_path_factory.mktemp("models")
    return lambda name: root / name if (root / name).exists() else make_other(root / name, name)


@pytest.mark.parametrize("name", ["gpt2", "bloom", "mistral"])
def test_models_from_folders(
    name: str,
    folders: Callable[[str], Path],
    custom: tuple[str, ...],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """GPT-2 has 1024 learned positions, BLOOM no limit, Mistral a window of 64."""
    words = (*custom, f"model.llm={folders(name)}", "model.lora.targets=all-linear", "evaluation.max_new_tokens=1024",
             "model.language.attention=eager", f"output_dir={tmp_path}/run")  # fmt: skip
    untouched_reached: list[bool] = []
    monkeypatch.setattr(training_run, "open_run_folder", lambda *args, **more: untouched_reached.append(True) or 1 / 0)
    if name == "gpt2":
        assert ended(monkeypatch, train_program, *words) == 1
        said = capsys.readouterr().err
        assert f"1024 positions of the language model ({folders(name)}/config.json, max_position_embeddings)" in said
        assert "model.llm=FOLDER of a language model with at least 1" in said
        assert not untouched_reached
        return
    few = words if name == "bloom" else (*words, "evaluation.max_new_tokens=8")
    with pytest.raises(ZeroDivisionError):
        ended(monkeypatch, train_program, *few)
    assert untouched_reached == [True]
    printed = capsys.readouterr()
    assert ("a sliding window of 64" in printed.out + printed.err) == (name == "mistral")


def test_estimate_says_it_of_what_it_assumes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for words, expected in (
        (("data.frame=even:15",), "context: 3986 positions a sequence"),
        (("data.frame=even:16",), "problem: 4243 positions a sequence: image 4096, face 1, motion 1, speech 1"),
        (("frames=2", "text_tokens=5000"), "problem: 5517 positions a sequence"),
    ):
        asked = ["estimate", "model=emotion_llama_7b", "trainer=one_gpu", "compare=false", *words]
        monkeypatch.setattr(sys, "argv", ["emolightning", *asked])
        assert main(asked) == 0
        said = capsys.readouterr().out
        assert expected in said
        assert "the language model has 4096" in said


def test_what_to_type_fits_the_longest_clip() -> None:
    streams = {"image": 12, "class_token": 3, "face": 40}
    clip = SequenceLength(Clip("a", Path("a.mp4")), "val", streams, 30, 20, 25, True, 3, VISUAL)
    for limit, expected in (
        (125, ["data.frame=even:2", "evaluation.max_new_tokens=20", "inputs.transcript=false", "inputs.face=false"]),
        (120, ["data.frame=middle", "evaluation.max_new_tokens=15", "inputs.transcript=false", "inputs.face=false"]),
        (104, ["inputs.transcript=false", "inputs.face=false"]),
        (60, []),
    ):
        context = context_of(LlamaConfig(max_position_embeddings=limit), UNSAID, source="model.language.max_positions")
        found = [word.partition(" ")[0] for word in remedies(context, clip, is_random=True)]
        assert found == [*expected, "model.language.max_positions=130"]


# On the screen


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("short", "short"),
        ("a" * 200, "a" * 200),
        ("a" * 201, "a" * 200 + "... (1 more character)"),
        ("b" * 5000, "b" * 200 + "... (4800 more characters)"),
        ("\x1b[31mred\n", "\N{REPLACEMENT CHARACTER}[31mred\N{REPLACEMENT CHARACTER}"),
    ],
)
def test_texts_on_a_screen_are_cut(text: str, expected: str) -> None:
    assert shown(text) == expected
    cells = [list(column.cells) for column in answer_table([(0, "c", text, text, text)]).columns]
    assert len(str(cells[2][0])) <= len(expected) + 2


def test_a_transcript_in_the_wrong_column_does_not_fill_the_screen() -> None:
    error = InputErrors(
        "clips.csv", [f"line 2: emotion_label {'word ' * 3600!r} is not a label; write happy", "line 3: b"]
    )
    said = str(error)
    assert len(said) < 1500
    assert "line 2: emotion_label 'word word" in said
    assert said.count(" characters) ... ") == 1
    assert "is not a label; write happy" in said
    assert error.problems[0].count("word") == 3600, "a file gets all"
