"""Chat models from folders, evaluated as they are and trained by adapters."""

import hashlib
import json
import shutil
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from chat_factory import CONFIGS, make_chat
from in_process import evaluate, fit
from language_factory import make_qwen2
from peft import PeftModel
from runs import REPO, Workplace, answers, make_dataset, tensor_hashes
from safetensors.torch import load_file
from transformers.models.qwen2_vl.image_processing_pil_qwen2_vl import Qwen2VLImageProcessorPil

from emolightning.commands import estimate as estimate_command
from emolightning.commands import evaluate as eval_command
from emolightning.commands import export_weights as export_command
from emolightning.config.composing import composed
from emolightning.config.families import families
from emolightning.data.media.choice import parse_frame_choice, require_equal
from emolightning.data.media.sending import media_of
from emolightning.data.media.video import read_film, read_frames
from emolightning.errors import UserError
from emolightning.models.chat_transformers.films import QWEN2, WAYS, FilmProcessor, patchified
from emolightning.models.chat_transformers.folder import CHAT, read_folder
from emolightning.models.chat_transformers.processor import PER_TOKEN, ChatProcessor
from emolightning.models.parts.pretrained import load_pretrained
from emolightning.prompt.processor import Loaded
from emolightning.prompt.questions import Question
from emolightning.records.clips import Clip, Film, Span, Waveform
from emolightning.records.predictions import Prediction
from emolightning.runs.assembly_of_clips import open_predictor
from emolightning.training.learner import EmotionLearner

QUICK = ("evaluation.max_new_tokens=3", "model.language.dtype=float32", "data.frame=even:3")
LANGUAGE = "emolightning.models.parts.language.LanguageSettings"
NOTHING_TRAINED = hashlib.sha256().hexdigest()


def kinds(default: str) -> list[Any]:
    """All kinds of models, one of them in the default tests."""
    return [pytest.param(name, marks=() if name == default else pytest.mark.slow) for name in CONFIGS]


FILM = np.random.default_rng(7).integers(0, 256, (3, 40, 60, 3), dtype=np.uint8)
FILMS = {
    "qwen2_vl": ((16, 1176), "7c3b44fb40c5bd28"),
    "qwen3_vl": ((16, 1536), "edd402df4276a8fd"),
    "video_llama_3": ((24, 588), "c245462d76db8dce"),
    "video_llava": ((1, 3, 3, 28, 28), "2e7d03a77a09b48c"),
    "internvl": ((1, 3, 3, 28, 28), "8f27f43df3c0d7a0"),
}
"""Kind of model -> shape and sha256 of what transformers 5.23 makes of FILM with torchvision 0.28."""

SIZES: dict[str, Any] = {
    "qwen2_vl": {"size": {"shortest_edge": 784, "longest_edge": 3136}},
    "qwen3_vl": {"size": {"shortest_edge": 1024, "longest_edge": 8192}},
    "video_llama_3": {"size": {"shortest_edge": 784, "longest_edge": 12544}},
    "video_llava": {"size": {"shortest_edge": 28}, "crop_size": {"height": 28, "width": 28}},
    "internvl": {"size": {"height": 28, "width": 28}},
}


@pytest.fixture(scope="module")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> tuple[str, ...]:
    """Six clips, happy and sad in turn."""
    folder = tmp_path_factory.mktemp("dataset")
    table = make_dataset(folder / "clips.csv", folder / "media", ("What a day.", "Oh.", "No!", "Hm.", "Yes.", "So."))
    place = (f"data.annotations={table}", f"data.media={folder / 'media'}", f"data.cache={folder / 'cache'}")
    return ("data=custom", *place, "data.labels=[happy,sad]", "trainer=cpu")


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("models")


def chat(models: Path, name: str) -> str:
    folder = models / name
    return f"model.path={folder if folder.exists() else make_chat(folder, name)}"


def asked(model: str, dataset: tuple[str, ...], out: Path, *words: str) -> dict[str, Any]:
    """The content of metrics.json of a model as it is."""
    own = ("model=chat/transformers", model, *dataset, *QUICK, f"output_dir={out}", "split=all", *words)
    with composed("eval", own) as cfg:
        return evaluate(cfg)


HEARS = ("qwen2_audio", "qwen2_5_omni")


@pytest.mark.parametrize("name", kinds("qwen2_audio"))
def test_a_chat_model_is_evaluated_as_it_is(models: Path, dataset: tuple[str, ...], tmp_path: Path, name: str) -> None:
    report = asked(chat(models, name), dataset, tmp_path / "run")
    about, said = report["evaluation"], "\n".join(report["warnings"])
    assert report["num_clips"] == len(answers(tmp_path / "run")) == 6
    assert about["frame"] == "even:3"
    assert about["inputs"] == [
        *([] if name == "qwen2_audio" else ["pictures"]), *(["waveform"] if name in HEARS else []), "transcript"
    ]  # fmt: skip
    assert ("is deaf, so the sound of clips is not used" in said) is (name not in HEARS)
    assert ("is blind" in said) is (name == "qwen2_audio")
    assert about["weights_sha256"] == NOTHING_TRAINED
    prompt = answers(tmp_path / "run")[0]["prompt"].splitlines()
    seen = [] if name == "qwen2_audio" else ["<3 frames of 96 x 64>"]
    heard = ["<0.44 s of sound>"] if name in HEARS else []
    assert prompt[:-1] == [*seen, *heard, "The person in this clip says: What a day."]


@pytest.mark.parametrize("name", kinds("qwen2_vl"))
def test_a_chat_model_learns_by_adapters(models: Path, dataset: tuple[str, ...], tmp_path: Path, name: str) -> None:
    """One step, saved, evaluated from the run and asked about a clip of no dataset."""
    run = tmp_path / "run"
    own = ("model=chat/transformers", chat(models, name), *dataset, *QUICK, f"output_dir={run}", "data.batch_size=2")
    with composed("train", [*own, "trainer.max_epochs=1", "logger=csv", "optimizer.lr=0.01"]) as cfg:
        fit(cfg)
    learned = load_file(run / "adapter" / "adapter_model.safetensors")
    assert any(value.abs().sum() > 0 for key, value in learned.items() if "lora_B" in key)
    assert not any("vis" in key or "audio" in key for key in learned)  # Towers have layers of the same names.
    with composed("eval", [f"checkpoint={run}", "trainer=cpu", "split=all", f"output_dir={tmp_path / 'e'}"]) as cfg:
        report = evaluate(cfg)
    assert report["num_clips"] == 6
    assert report["evaluation"]["weights_sha256"] != NOTHING_TRAINED
    predictor = open_predictor(run / "adapter", device="cpu")
    media = Path(dataset[2].partition("=")[2])
    (found,) = predictor.predict([Clip("new", media / "clip0.mp4", transcript="What a day.")])
    assert isinstance(found, Prediction)
    assert set(found.inputs.values()) <= {"used", "off"}
    same = next(line for line in answers(tmp_path / "e") if line["id"] == "clip0")
    assert found.text == same["answer"]
    assert found.logprobs == pytest.approx(logprobs_of(predictor, found.logprobs, media / "clip0.mp4"))


@pytest.mark.slow
def test_the_adapter_is_pefts_own(models: Path, dataset: tuple[str, ...], tmp_path: Path) -> None:
    run = tmp_path / "run"
    own = ("model=chat/transformers", chat(models, "qwen2_vl"), *dataset, *QUICK, f"output_dir={run}", "logger=csv")
    with composed("train", [*own, "trainer.max_epochs=1", "optimizer.lr=0.01"]) as cfg:
        fit(cfg)
    base = load_pretrained(models / "qwen2_vl", kind=CHAT, dtype=torch.float32)
    loaded = PeftModel.from_pretrained(base, str(run / "adapter")).state_dict()
    ours = open_predictor(run, device="cpu").model.language.state_dict()
    assert loaded.keys() == ours.keys()
    assert all(torch.equal(value, ours[name]) for name, value in loaded.items())
    said = pytest.raises(UserError, match="chat_transformers has no such form; its adapter folder is what one shares")
    for form in ("merged", "upstream"):
        with composed("export_weights", [f"checkpoint={run}", f"format={form}", f"out={tmp_path}/out"]) as cfg, said:
            export_command.export_weights(cfg)


@pytest.mark.slow
def test_an_interrupted_training_ends_with_the_same_bytes(
    models: Path, dataset: tuple[str, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    own = ("model=chat/transformers", chat(models, "qwen2_vl"), *dataset, *QUICK, "data.batch_size=1", "logger=csv")

    def train(name: str, *words: str) -> dict[str, str]:
        more = ("trainer.max_epochs=2", "checkpoints.every_num_steps=1", f"output_dir={tmp_path / name}")
        with composed("train", [*own, *more, *words]) as cfg:
            fit(cfg)
        return tensor_hashes(tmp_path / name)

    step = EmotionLearner.training_step

    def breaks(self: EmotionLearner, batch: Any, batch_idx: int) -> Any:
        if self.global_step == 3:
            raise RuntimeError("the power failed")
        return step(self, batch, batch_idx)

    whole = train("whole")
    with monkeypatch.context() as patched:
        patched.setattr(EmotionLearner, "training_step", breaks)
        with pytest.raises(RuntimeError, match="the power failed"):
            train("broken")
    assert train("broken", "resume=auto") == whole


@pytest.mark.slow
@pytest.mark.multi_process
def test_two_ranks_train_and_answer_with_the_same_bytes(
    workplace: Workplace, models: Path, dataset: tuple[str, ...]
) -> None:
    own = ("model=chat/transformers", chat(models, "qwen2_vl"), *dataset[:-1], *QUICK, "data.batch_size=1")
    place = workplace.folder / "chat"
    ranks = ("trainer=ddp", "trainer.accelerator=cpu", "trainer.devices=2")
    workplace.call(REPO / "train.py", *own, *ranks, "trainer.max_epochs=1", "logger=csv", f"output_dir={place}/run")
    for name, words in {"alone": ("trainer=cpu", "split=all"), "both": (*ranks, "split=all")}.items():
        workplace.evaluate(place / "run", *words, f"output_dir={place}/{name}")
        workplace.call(REPO / "eval.py", *own, *words, f"output_dir={place}/{name}-as-it-is")
    for kind in ("", "-as-it-is"):
        alone, both = (
            [(line["id"], line["answer"], line["key"]) for line in answers(place / f"{name}{kind}")]
            for name in ("alone", "both")
        )
        assert alone == both


def logprobs_of(predictor: Any, labels: Iterable[str], video: Path) -> dict[str, float]:
    """The same by one pass over prompt and answer for each label, with the model's own loss."""
    (seen,) = predictor.reader.read([Clip("new", video, transcript="What a day.")])
    question = Question("emotion", predictor.question())
    example = predictor.processor.example(Clip("new", video), seen.loaded, question, index=0)
    found = {}
    turn = predictor.processor.turn(example, None)
    with torch.no_grad():
        likely = predictor.model.language(**turn.context).logits[0, -1].argmax()
    assert predictor.model.language.generate(**turn.context, max_new_tokens=1, do_sample=False)[0, -1] == likely
    for label in labels:
        turn = predictor.processor.turn(example, label)
        context = turn.context["input_ids"]
        ids = torch.cat([context, turn.answer[None]], dim=1)
        targets = torch.cat([torch.full_like(context, -100), turn.answer[None]], dim=1)
        more = {name: value for name, value in turn.context.items() if name not in ("input_ids", "attention_mask")}
        for each in PER_TOKEN:
            if each in more:
                more[each] = torch.cat([more[each], torch.zeros_like(turn.answer[None])], dim=1)
        mask = torch.ones_like(ids)
        with torch.no_grad():
            out = predictor.model.language(input_ids=ids, attention_mask=mask, labels=targets, **more)
        found[label] = -float(out.loss) * len(turn.answer)
    return found


@pytest.mark.parametrize("shape", [(5, 28, 56, 3), (2, 56, 84, 3)])
def test_patches_of_qwen2_vl_are_those_of_its_own_processor(shape: tuple[int, ...]) -> None:
    """Its slow one makes pairs of one picture; a film that stands still has the same."""
    settings = {"patch_size": 14, "size": {"shortest_edge": 784, "longest_edge": 10**6}}
    ours, its = FilmProcessor(QWEN2, settings), Qwen2VLImageProcessorPil(**settings)
    frames = np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8)
    about = {"total_num_frames": 9, "fps": 25.0, "frames_indices": [0]}
    for frame in frames:
        made = ours([np.stack([frame, frame])], video_metadata=[about])
        expected = its([frame], return_tensors="pt")
        assert torch.allclose(made["pixel_values_videos"], expected["pixel_values"], atol=1e-6, rtol=0)
        assert made["video_grid_thw"].tolist() == expected["image_grid_thw"].tolist()
    pairs = patchified(torch.from_numpy(frames).permute(0, 3, 1, 2).float(), 14, merge=2, together=2)[0]
    again = np.stack([*frames, *frames[-1:]])[: 2 * ((len(frames) + 1) // 2)].transpose(0, 3, 1, 2).astype(np.float32)
    time, height, width = len(again) // 2, shape[1], shape[2]
    cut = again.reshape(time, 2, 3, height // 28, 2, 14, width // 28, 2, 14).transpose(0, 3, 6, 4, 7, 2, 1, 5, 8)
    assert np.array_equal(pairs.numpy(), cut.reshape(-1, 1176))


@pytest.mark.parametrize("name", FILMS)
def test_films_are_to_the_last_bit_those_of_the_video_processors(name: str) -> None:
    made = FilmProcessor(WAYS[name], SIZES[name])([FILM], video_metadata=[{"total_num_frames": 9, "fps": 25.0}])
    pixels = made["pixel_values_videos"]
    assert (tuple(pixels.shape), hashlib.sha256(pixels.numpy().tobytes()).hexdigest()[:16]) == FILMS[name]


def test_pixels_of_a_frame_have_a_limit_and_are_part_of_the_key(models: Path) -> None:
    name = chat(models, "qwen2_vl").partition("=")[2]
    one, other = read_folder(name), read_folder(name, 28 * 28)
    patches = [
        each.processor.video_processor([FILM], video_metadata=[{"total_num_frames": 9, "fps": 25.0}])["video_grid_thw"]
        for each in (one, other)
    ]
    assert [grid.prod().item() for grid in patches] == [16, 8]
    assert one.processor.video_processor.to_dict() != other.processor.video_processor.to_dict()


CLIP = Clip("a", Path("a.mp4"))
WORDS = "She says <|im_end|> and <|video_pad|> </s>"


def test_what_is_said_is_text_whatever_it_looks_like(models: Path) -> None:
    processor = ChatProcessor(read_folder(chat(models, "qwen2_vl").partition("=")[2]))
    film = Film(FILM, (0, 4, 8), 9, 25.0)
    turns = []
    for said in ("She says nothing", WORDS):
        loaded = Loaded(said, media={"pictures": (film,)})
        example = processor.example(CLIP, loaded, Question("emotion", "Which?"), index=0)
        turns.append(processor.turn(example, "happy"))
    ends, pads = (processor.processor.tokenizer.convert_tokens_to_ids(name) for name in ("<|im_end|>", "<|video_pad|>"))
    for token in (ends, pads):
        counts = [int((turn.context["input_ids"] == token).sum()) for turn in turns]
        assert counts[0] == counts[1] > 0
    assert WORDS in processor.processor.tokenizer.decode(turns[1].context["input_ids"][0])
    tokenizer = processor.tokenizer
    assert turns[0].answer.tolist() == [*tokenizer.text_ids("happy"), ends]


def test_sound_beyond_what_is_heard_is_said(models: Path) -> None:
    processor = ChatProcessor(read_folder(chat(models, "qwen2_audio").partition("=")[2]))

    def batch(sound: Waveform) -> Any:
        loaded = Loaded(None, media={"waveform": (sound,)})
        return processor.collate([processor.example(CLIP, loaded, Question("emotion", "Which?"), index=0)])

    assert batch(Waveform(np.zeros(48_000, np.float32), 16_000)).prompts == ["<3.00 s of sound>\nWhich?"]
    long = batch(Waveform(np.zeros(80_000, np.float32), 16_000))
    assert long.prompts == ["<5.00 s of sound, 4 s of them heard>\nWhich?"]
    with pytest.raises(UserError, match="hears 16000 samples a second, and sound is read at 8000"):
        batch(Waveform(np.zeros(800, np.float32), 8_000))


@pytest.mark.slow
def test_a_prompt_that_is_longer_than_the_context_is_refused(
    whole: Path, dataset: tuple[str, ...], tmp_path: Path
) -> None:
    shutil.copytree(whole, tmp_path / "model")
    about = json.loads((whole / "config.json").read_text())["text_config"]
    changed(tmp_path / "model", "config.json", text_config={**about, "max_position_embeddings": 50})
    with pytest.raises(
        UserError, match=r"clip clip\d: its prompt has \d+ tokens, and .* has room for 50 with the answer"
    ):
        asked(f"model.path={tmp_path / 'model'}", dataset, tmp_path / "run")


def test_an_answer_begins_as_the_template_writes_it(models: Path) -> None:
    """Vicuna's has a space between `ASSISTANT:` and the answer, and ends it with `</s>`."""
    tokenizer = ChatProcessor(read_folder(chat(models, "video_llava").partition("=")[2])).tokenizer
    assert tokenizer.hugging_face.decode(tokenizer.answer_ids("sad")) == " sad</s>"


def test_frames_of_a_film(dataset: tuple[str, ...]) -> None:
    path = Path(dataset[2].partition("=")[2]) / "clip0.mp4"
    film = read_film(path, parse_frame_choice("even:3"))
    assert (film.total, film.fps, film.positions) == (10, 25.0, (1, 5, 8))
    assert all(map(np.array_equal, film.frames, read_frames(path, parse_frame_choice("even:3"))))
    assert read_film(path, parse_frame_choice("fps:10")).positions == (1, 3, 6, 8)
    assert read_film(path, parse_frame_choice("fps:25:2")).positions == (2, 7)
    (piece,) = media_of(Clip("p", path, span=Span(0.2, 0.4)), "film", parse_frame_choice("even:2"))
    assert isinstance(piece, Film)
    assert (piece.total, piece.positions) == (5, (1, 3))


@pytest.mark.parametrize("text", ["fps:0", "fps:", "fps:0.0", "fps:2:0", "fps:-1", "fps:2:"])
def test_a_rate_that_is_none_is_refused(text: str) -> None:
    with pytest.raises(UserError, match=f"data.frame='{text}' is not"):
        parse_frame_choice(text)


@pytest.mark.parametrize(
    ("text", "same"), [("fps:2", "fps:2:32"), ("fps:0.5:8", "fps:0.5:8"), ("fps:12.25", "fps:12.25:32")]
)
def test_a_rate_is_written_as_it_is_read(text: str, same: str) -> None:
    assert str(parse_frame_choice(text)) == same == str(parse_frame_choice(same))


def without(folder: Path, *names: str) -> None:
    for name in names:
        (folder / name).unlink()


def changed(folder: Path, name: str, **values: Any) -> None:
    content = json.loads((folder / name).read_text())
    (folder / name).write_text(json.dumps({**content, **values}))


BROKEN = {
    "no template": (lambda folder: without(folder, "chat_template.jinja"), "has no chat template"),
    "no processor": (lambda folder: without(folder, "preprocessor_config.json"), "has no processor"),
    "no config": (lambda folder: without(folder, "config.json"), "has no config.json"),
    "no weights": (lambda folder: without(folder, "model.safetensors"), r"\*\.safetensors in"),
    "not JSON": (lambda folder: (folder / "config.json").write_text("{"), "config.json is not JSON"),
    "no type": (lambda folder: (folder / "config.json").write_text("[]"), "says no model_type"),
    "unknown": (lambda folder: changed(folder, "config.json", model_type="mine"), "model_type='mine' is no chat model"),
    "text only": (lambda folder: changed(folder, "config.json", model_type="llama"), "'llama' reads text alone"),
    "own code": (
        lambda folder: changed(folder, "config.json", model_type="mine", auto_map={"AutoModel": "x.Y"}),
        "asks for code of its own",
    ),
    "kernel": (
        lambda folder: changed(folder, "config.json", attn_implementation="owner/kernel"),
        "code from elsewhere",
    ),
    "template fails": (
        lambda folder: (folder / "chat_template.jinja").write_text("{{ raise_exception('no') }}"),
        "chat template cannot be used",
    ),
    "no tokenizer": (lambda folder: without(folder, "tokenizer.json"), "cannot make the processor"),
    "torchvision alone": (
        lambda folder: changed(folder, "preprocessor_config.json", image_processor_type="Phi4MultimodalImageProcessor"),
        "the processor of qwen2_vl needs torchvision",
    ),
    "num2words": (
        lambda folder: changed(folder, "preprocessor_config.json", processor_class="SmolVLMProcessor"),
        "needs num2words",
    ),
}


@pytest.fixture(scope="module")
def whole(models: Path) -> Path:
    return Path(chat(models, "qwen2_vl").partition("=")[2])


@pytest.mark.parametrize("name", BROKEN)
def test_a_folder_that_cannot_be_used_is_refused_before_weights_are_read(
    whole: Path, tmp_path: Path, name: str
) -> None:
    spoil, message = BROKEN[name]
    folder = tmp_path / "model"
    shutil.copytree(whole, folder)
    spoil(folder)
    settings = {"language": {"_target_": LANGUAGE, "path": str(folder)}, "max_pixels": None}
    with pytest.raises(UserError, match=message) as error:
        families()["chat_transformers"].require_weights(settings)
    assert "\n" not in str(error.value).strip()


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["model.path=nowhere"], "model.path=nowhere: no such folder"),
        (["model.max_pixels=9"], "max_pixels=9: must be at least 3136"),
        (["model.train.projections=full"], "a chat model trains as a whole"),
        (["modalities=[audio]"], "no input is left"),
    ],
)
def test_settings_that_cannot_be_meant(
    whole: Path, dataset: tuple[str, ...], tmp_path: Path, words: list[str], message: str
) -> None:
    own = ["model=chat/transformers", f"model.path={whole}", *dataset, f"output_dir={tmp_path}", *words]
    with composed("eval", own) as cfg, pytest.raises(UserError, match=message):
        eval_command.evaluate(cfg)


def test_a_language_model_is_no_chat_model_that_sees(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"reads text alone.*model=affectgpt model.llm="):
        read_folder(make_qwen2(tmp_path / "qwen2"))


def test_load_is_not_estimated(whole: Path) -> None:
    said = pytest.raises(UserError, match="known to the model's own processor alone")
    with composed("estimate", ["model=chat/transformers", f"model.path={whole}"]) as cfg, said:
        estimate_command.estimate(cfg)


def test_answers_of_another_model_stay_in_their_folder(
    models: Path, whole: Path, dataset: tuple[str, ...], tmp_path: Path
) -> None:
    (tmp_path / "config.yaml").write_text("model: {_target_: x, path: other}\n")
    with pytest.raises(UserError, match=r"holds what another model made \(other\)"):
        asked(f"model.path={whole}", dataset, tmp_path)


def test_a_vision_tower_needs_the_same_number_of_frames() -> None:
    assert require_equal(parse_frame_choice("even:2"), "image") == parse_frame_choice("even:2")
    with pytest.raises(UserError, match=r"data.frame=fps:2:32: .* image needs the same of each; say data.frame=even:N"):
        require_equal(parse_frame_choice("fps:2"), "image")
