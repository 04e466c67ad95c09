"""Emotion-LLaMA-v2: what is missing, sequences and answers, weights in and out, questions, and whole runs."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import in_process
import pytest
import torch
from hydra import compose, initialize_config_dir
from safetensors.torch import load_file
from weights_factory import Sizes, make_checkpoint_v2, make_eva, make_llama

from emolightning.config.families import families
from emolightning.config.places import CONFIG_DIR
from emolightning.config.saved_run import load_saved_run
from emolightning.config.schema import register_schemas
from emolightning.errors import InputErrors, UserError
from emolightning.models.emotion_llama.upstream.describing import describe, read_trained
from emolightning.models.emotion_llama.upstream.exporting import export_upstream
from emolightning.models.emotion_llama.upstream.importing import import_weights
from emolightning.models.emotion_llama_v2.build import build_emotion_llama_v2
from emolightning.models.emotion_llama_v2.emotion_llama_v2 import EmotionLlamaV2
from emolightning.models.emotion_llama_v2.family import FAMILY
from emolightning.models.emotion_llama_v2.fusion import FusionSettings
from emolightning.models.emotion_llama_v2.inputs import INPUTS, STREAMS
from emolightning.models.emotion_llama_v2.instructions import TASKS, instruction_pool, pools
from emolightning.models.emotion_llama_v2.layouts import LAYOUTS, PLACEHOLDERS, context_pieces
from emolightning.models.emotion_llama_v2.processor import EmotionLlamaV2Processor
from emolightning.models.emotion_llama_v2.upstream import LAYERS, checkpoint_format
from emolightning.models.family import Occasion
from emolightning.models.inspecting import describe as described
from emolightning.models.parts.language import LanguageSettings
from emolightning.models.parts.lora import LoraSettings
from emolightning.models.parts.vision import VisionSettings
from emolightning.prompt.processor import Loaded
from emolightning.prompt.questions import Question
from emolightning.prompt.sequence import Bare, Control, Stream
from emolightning.records.clips import Clip, Example

NUM_TOKENS = 6
WIDTHS = {"video": 10, "audio": 8}
VISION = VisionSettings(image_size=56, width=16, num_layers=1, num_heads=2, mlp_width=32)
FUSION = FusionSettings(hidden=12, width=8, output=10)
LABELS = ("happy", "sad and tired", "neutral")


def make(width: int = 32, **lora: Any) -> EmotionLlamaV2:
    torch.manual_seed(0)
    adapters = LoraSettings(**{"r": 4, "alpha": 8, "dropout": 0.0, **lora})
    built = build_emotion_llama_v2(
        vision=VISION, language=LanguageSettings(width=width, num_layers=2, num_heads=2, mlp_width=48),
        lora=adapters, fusion=FUSION, inputs=[*INPUTS], feature_widths=WIDTHS,
        num_tokens=NUM_TOKENS,
    ).eval()  # fmt: skip
    for name, parameter in built.named_parameters():
        if "lora_B" in name:
            torch.nn.init.normal_(parameter, std=0.1)
    return built


@pytest.fixture(scope="module")
def model() -> EmotionLlamaV2:
    return make()


def processor(model: EmotionLlamaV2, **options: Any) -> EmotionLlamaV2Processor:
    return EmotionLlamaV2Processor(
        model.tokenizer, image_tokens=model.image_tokens, **{"num_tokens": NUM_TOKENS, **options}
    )


def example(model: EmotionLlamaV2, index: int, *absent: str, task: str = "emotion", **options: Any) -> Example:
    """A clip with random inputs, of which some are zeros."""
    generator = torch.Generator().manual_seed(index)
    streams = {name: torch.randn(NUM_TOKENS, width, generator=generator) for name, width in WIDTHS.items()}
    streams = {name: torch.zeros(1, WIDTHS[name]) if name in absent else v for name, v in streams.items()}
    image = torch.randn(1, 3, 56, 56, generator=generator) * ("image" not in absent)
    clip = Clip(f"clip{index}", Path("none"), label=LABELS[index % 3])
    loaded = Loaded("word " * (index + 1), {"image": image}, streams)
    return processor(model, **options).example(clip, loaded, Question(task, "Which?"), index=index)


def test_a_missing_stream_is_zeros_hidden_or_taken_out(model: EmotionLlamaV2) -> None:
    batches = {}
    for missing in ("zeros", "masked", "removed"):
        made = processor(model, missing=missing)
        batches[missing] = made.batch(
            [example(model, 0, "video"), example(model, 1, "audio", "image")], ["happy", "sad"]
        )
    ids = batches["zeros"].context.input_ids
    for row, absent in enumerate((["video"], ["audio", "image"])):
        for name in STREAMS:
            places = (ids[row] == PLACEHOLDERS[name]).sum()
            assert places == (4 if name == "image" else NUM_TOKENS), name
            hidden = batches["masked"].context
            kept = hidden.attention_mask[row][hidden.input_ids[row] == PLACEHOLDERS[name]]
            assert set(kept.tolist()) == {0 if name in absent else 1}, name
            out = (batches["removed"].context.input_ids[row] == PLACEHOLDERS[name]).sum()
            assert out == (0 if name in absent else places), name
    losses = {name: model.answer_losses(batch)[0] for name, batch in batches.items()}
    # Hidden places count in no position, so that they are as good as taken out.
    assert torch.allclose(losses["masked"], losses["removed"], atol=1e-4)
    assert not torch.allclose(losses["masked"], losses["zeros"], atol=1e-2)


@pytest.mark.parametrize("missing", ["zeros", "masked", "removed"])
def test_answers_do_not_depend_on_the_batch(model: EmotionLlamaV2, missing: str) -> None:
    made = processor(model, missing=missing)
    examples = [example(model, 0), example(model, 1, "audio"), example(model, 2, "image", "video")]
    together = model.label_logprobs(made.batch(examples, [None] * 3), LABELS)
    losses, _ = model.answer_losses(made.batch(examples, [LABELS[0]] * 3))
    for row, one in enumerate(examples):
        alone = model.label_logprobs(made.batch([one], [None]), LABELS)
        assert torch.allclose(alone[0], together[row], atol=1e-4)
        own, _ = model.answer_losses(made.batch([one], [LABELS[0]]))
        assert torch.allclose(own[0], losses[row], atol=1e-4)
    # The same number from the loss, which is told positions only where there are gaps.
    assert torch.allclose(losses, -together[:, 0], atol=1e-4)


def test_an_input_that_is_off_is_taken_out_and_fused_as_zeros(model: EmotionLlamaV2) -> None:
    whole, less = example(model, 0), example(model, 0)
    del less.features["video"]
    zeros = replace(whole, features={**whole.features, "video": torch.zeros(NUM_TOKENS, WIDTHS["video"])})
    made = processor(model)
    off, on = (made.batch([each], ["happy"]) for each in (less, zeros))
    assert not (off.context.input_ids == PLACEHOLDERS["video"]).any()
    assert torch.equal(model.project(off)["fusion"], model.project(on)["fusion"])


@pytest.mark.parametrize("names", [("video",), ("image", "class_token"), ("audio", "video")])
def test_what_is_removed_of_a_clip_is_as_if_it_were_off(model: EmotionLlamaV2, names: tuple[str, ...]) -> None:
    whole, off, made = example(model, 0), example(model, 0), processor(model)
    gone: dict[str, dict[str, torch.Tensor]] = {"images": {}, "features": {}}
    for part in gone:
        of = getattr(off, part)
        gone[part] = {name: torch.zeros_like(of.pop(name)) for name in names if name in of}
    features, images = whole.features | gone["features"], whole.images | gone["images"]
    removed = replace(whole, features=features, images=images, removed=frozenset(names))
    together = model.answer_losses(made.batch([removed, example(model, 1)], ["happy", "sad"]))[0]
    alone = [
        model.answer_losses(made.batch([each], [word]))[0]
        for each, word in ((off, "happy"), (example(model, 1), "sad"))
    ]
    assert torch.allclose(together, torch.cat(alone), atol=1e-4)


@pytest.mark.parametrize(("task", "shown"), [("audio", {"audio"}), ("image", {"image"}), ("emotion", set(STREAMS[1:]))])
def test_a_task_about_one_stream_shows_that_one(model: EmotionLlamaV2, task: str, shown: set[str]) -> None:
    found = example(model, 0, task=task)
    values = {**found.features, **found.images}
    assert {name for name, tensor in values.items() if tensor.any()} == shown


@pytest.mark.parametrize("task", ["audio", "emotion"])
def test_a_picture_of_zeros_needs_the_tower_in_every_step(task: str) -> None:
    asked = Occasion("train", [*INPUTS], ("emotion", task), precomputes_vision=True)
    if task == "emotion":
        FAMILY.require_on(asked, {})
    else:
        with pytest.raises(UserError, match=r"prompt\.task=audio .* a picture of zeros, .* precompute_vision=false"):
            FAMILY.require_on(asked, {})
    FAMILY.require_on(replace(asked, precomputes_vision=False), {})
    FAMILY.require_on(replace(asked, inputs=["audio", "transcript"]), {})


def test_more_vectors_than_places_are_refused_by_number(model: EmotionLlamaV2) -> None:
    with pytest.raises(
        UserError, match=r"video: a clip has 6 vectors, and model\.num_tokens is 4; say model.num_tokens=6"
    ):
        example(model, 0, num_tokens=4)


def test_shorter_streams_are_filled_with_zeros(model: EmotionLlamaV2) -> None:
    found = example(model, 0, num_tokens=9)
    assert found.features["audio"].shape == (9, WIDTHS["audio"])
    assert not found.features["audio"][NUM_TOKENS:].any()


@pytest.mark.parametrize(
    ("layout", "transcript", "text"),
    [
        ("train", "Hi", "[INST] <Vid>|</Vid> The person in video says: Hi.  [emotion] Q  [/INST]"),
        ("train", "", "[INST] <Vid>|</Vid> The person in video says: .  [emotion] Q  [/INST]"),
        ("train_stage2", "Hi", "[INST] <Vid>|</Vid> The person in video says: Hi  [emotion] Q  [/INST]"),
        ("upstream_eval", "Hi", "[INST] <Vid>|</Vid>  The person in video says: Hi.  [emotion] Q  [/INST]"),
        ("upstream_eval_mer", "Hi", "[INST] <Vid>|</Vid> The person in video says: Hi.  [emotion] Q  [/INST]"),
        ("demo", None, "[INST] <Vid>|</Vid> [emotion] Q [/INST]"),
    ],
)
def test_layouts_are_upstream_s_word_for_word(layout: str, transcript: str | None, text: str) -> None:
    pieces = context_pieces("Q", transcript, STREAMS, layout=layout)
    texts = [piece.text if isinstance(piece, Bare) else piece for piece in pieces if isinstance(piece, str | Bare)]
    assert "|".join(texts) == text
    assert [piece.name for piece in pieces if isinstance(piece, Stream)] == [*STREAMS]
    controls = [piece for piece in pieces if isinstance(piece, Control) and piece.text]
    assert len(controls) == (1 if layout.startswith("train") else 2)
    assert not any("Vid" in str(piece) for piece in context_pieces("Q", transcript, [], layout=layout))


def test_questions_are_those_of_the_data_set_with_these_labels(shared: Path) -> None:
    assert instruction_pool("emotion", ["joy", "fear", "sad", "neutral", "anger", "surprise", "disgust"])[0].startswith(
        "Given the visual, auditory, and spoken content in the video"
    )
    assert "Negative" in instruction_pool("sentiment", ["positive", "neutral", "negative"], data="cmu_mosi")[0]
    assert instruction_pool("emotion", ["b", "a"], layout="upstream_eval")[0].endswith(
        "list: a, b. Please ensure that all predicted labels come only from this list."
    )
    with pytest.raises(UserError, match="'think' with prompt.layout=train in none of stage1's"):
        instruction_pool("think", LABELS)
    import json

    recorded = json.loads((shared / "golden_v2" / "prompts.json").read_text())
    for stage in ("stage1", "stage2", "eval"):
        theirs = [tuple(texts) for of_set in recorded[stage].values() for texts in of_set["pools"].values()]
        ours = [tuple(pool["sentences"]) for of_task in pools()[stage].values() for pool in of_task]
        assert sorted(ours) == sorted(theirs)
        assert set(pools()[stage]) <= {*TASKS}


def checkpoint_of(path: Path, sizes: Sizes, **options: Any) -> Path:
    return make_checkpoint_v2(path, sizes, FUSION, WIDTHS, **options)


def imported(folder: Path, sizes: Sizes, checkpoint: Path, **options: Any) -> dict[str, Any]:
    vision = VisionSettings(
        image_size=sizes.image_size, width=sizes.vision_width, num_layers=sizes.blocks, num_heads=sizes.vision_heads,
        mlp_width=sizes.vision_mlp,
    )  # fmt: skip
    llama, eva = make_llama(folder / "llama", sizes), make_eva(folder / "eva.pth", sizes)
    settings = {"_target_": "emolightning.models.emotion_llama_v2.build.build_emotion_llama_v2", "llm": None,
                "language": {"path": None, "tokenizer": None}, "vision": {}, "train": {}}  # fmt: skip
    more = describe(settings, llama, folder / "out", checkpoint_format(FUSION).folders)
    given = {"llama": llama, "eva": eva, "checkpoint": checkpoint, "out": folder / "out", "vision": vision}
    lora = LoraSettings(r=sizes.rank, alpha=sizes.alpha)
    report = import_weights(**given, lora=lora, format=checkpoint_format(FUSION), description=more, **options)
    return report.as_json()


@pytest.mark.parametrize("seed", [3, 4])
def test_a_checkpoint_goes_in_and_out_to_the_bit(tmp_path: Path, seed: int) -> None:
    sizes = Sizes(seed=seed, layers=seed - 2)
    checkpoint = checkpoint_of(tmp_path / "trained.pth", sizes)
    report = imported(tmp_path, sizes, checkpoint)
    assert report["complete"]
    assert report["sources"][str(checkpoint)]["kind"] == described(checkpoint).kind == "Emotion-LLaMA-v2 checkpoint"
    adapter = tmp_path / "out" / "adapter"
    original = torch.load(checkpoint, weights_only=True)["model"]
    fused = load_file(adapter / "fusion.safetensors")
    assert torch.equal(fused["conv_entry.weight"], original["conv_pro_module.conv_entry.weight"])
    trained = read_trained(adapter)
    trained.about["model"]["lora"] = {"r": sizes.rank, "alpha": sizes.alpha}
    export_upstream(trained, tmp_path / "back.pth")
    back = torch.load(tmp_path / "back.pth", weights_only=True)
    assert back["config"]["model"]["arch"] == "emotion_llama_v2"
    assert back["model"].keys() == original.keys()
    assert all(torch.equal(tensor, original[name]) for name, tensor in back["model"].items())


def test_what_a_checkpoint_lacks_is_named_and_may_start_fresh(tmp_path: Path) -> None:
    """MiniGPT-v2's checkpoint, from which the first stage starts, has LoRA and `llama_proj` alone."""
    sizes = Sizes(seed=5, layers=1)
    absent = [layer for layer in LAYERS.values() if layer != "llama_proj"]
    checkpoint = checkpoint_of(tmp_path / "minigpt.pth", sizes, without=[f"{layer}." for layer in absent])
    with pytest.raises(InputErrors, match=r"no tensor for fusion\.feats_prep\.0\.0\.weight"):
        imported(tmp_path, sizes, checkpoint)
    report = imported(tmp_path, sizes, checkpoint, allow_partial=True)
    assert {name.partition(".")[0] for name in report["missing"]} == {"fusion", "projections"}
    assert (tmp_path / "out" / "adapter" / "fusion.safetensors").is_file()


def test_the_other_family_s_checkpoint_is_refused_by_name(tmp_path: Path) -> None:
    sizes = Sizes(seed=6, layers=1)
    llama, eva = make_llama(tmp_path / "llama", sizes), make_eva(tmp_path / "eva.pth", sizes)
    checkpoint = checkpoint_of(tmp_path / "trained.pth", sizes)
    with pytest.raises(UserError, match="expected the Emotion-LLaMA checkpoint, .* Emotion-LLaMA-v2 checkpoint"):
        import_weights(
            llama=llama, eva=eva, checkpoint=checkpoint, out=tmp_path / "out", vision=VISION, lora=LoraSettings()
        )


def test_three_clips_are_learned() -> None:
    """A few steps on random frozen weights: fusion and projections pass on what tells the clips apart."""
    own = make(64, r=16, alpha=32, targets="all-linear")
    made = processor(own)
    batch = made.batch([example(own, number) for number in range(3)], LABELS)
    optimizer = torch.optim.AdamW([p for p in own.parameters() if p.requires_grad], lr=5e-3)
    losses = []
    for _ in range(40):
        loss = own(batch)
        losses.append(float(loss.detach()))
        loss.backward()
        optimizer.step()
        optimizer.zero_grad()
    assert losses[-1] < 0.2 * losses[0]
    assert own.label_logprobs(batch, LABELS).argmax(dim=1).tolist() == [0, 1, 2]


@pytest.fixture
def configured(smoke_clips: tuple[str, ...], tmp_path: Path) -> Any:
    """A small run on few clips."""

    def configure(*overrides: str, smoke: bool = True, folder: str = "run") -> Any:
        register_schemas()
        common = ["experiment=smoke", "model=emotion_llama_v2_tiny", *smoke_clips] if smoke else []
        quiet = ["trainer.enable_progress_bar=false", "~callbacks.progress", f"output_dir={tmp_path}/{folder}"]
        with initialize_config_dir(str(CONFIG_DIR), version_base="1.3"):
            return compose("train", overrides=[*common, "logger=csv", *quiet, *overrides])

    return configure


@pytest.mark.slow
def test_a_run_trains_and_goes_on_to_the_same_weights(configured: Any, tmp_path: Path) -> None:
    in_process.fit(configured(folder="whole"))
    with in_process.broken_at(2):  # An epoch has three steps.
        in_process.fit(configured("checkpoints.every_num_steps=1", folder="parts"))
    in_process.fit(configured("checkpoints.every_num_steps=1", folder="parts"))
    for part in ("fusion", "projections"):
        whole, parts = (load_file(tmp_path / run / "adapter" / f"{part}.safetensors") for run in ("whole", "parts"))
        assert whole
        assert all(torch.equal(tensor, parts[name]) for name, tensor in whole.items())


@pytest.mark.slow  # 960 clips are rendered, described and trained on.
def test_a_small_model_comes_near_the_ceiling_of_the_synthetic_clips(configured: Any, tmp_path: Path) -> None:
    words = ["experiment=demo", "model=emotion_llama_v2_tiny", f"data.folder={tmp_path}/c", f"data.cache={tmp_path}/d"]
    in_process.fit(configured(*words, smoke=False))
    found = in_process.evaluate(load_saved(tmp_path / "run"))
    assert found["metrics"]["war"]["value"] >= 0.9  # The ceiling is 0.979; without one of the inputs it is 0.813.


def load_saved(run: Path) -> Any:
    """What `eval.py checkpoint=RUN` composes."""
    words = [f"checkpoint={run}", f"output_dir={run}/test", "logger=none"]
    load_saved_run(words)
    register_schemas()
    with initialize_config_dir(str(CONFIG_DIR), version_base="1.3"):
        return compose("eval", overrides=words)


def test_the_family_is_known_by_its_folder() -> None:
    assert families()["emotion_llama_v2"] is FAMILY
    assert FAMILY.layouts == LAYOUTS
