"""Encoders of sound and text: items alone and together, shortest and longest, silence, folders that do not fit."""

import json
import pickle
import shutil
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import torch
import transformers
from encoder_factory import SPEECH, TEXT, make_speech, make_text, make_whisper, noise
from safetensors.torch import load_file, save_file

from emolightning.errors import InputErrors, UserError
from emolightning.files.digests import sha256_of
from emolightning.models.encoders import acoustic
from emolightning.models.encoders.acoustic import AcousticFunctionals
from emolightning.models.encoders.attention import LONGEST, queries_first
from emolightning.models.encoders.encoder import CannotEncode, Encoder, utterance
from emolightning.models.encoders.speech import CLASSES, SpeechEncoder, SpeechPiecesEncoder, piece_starts
from emolightning.models.encoders.text import TextEncoder
from emolightning.models.encoders.vggish import VggishEncoder, build, patches
from emolightning.models.encoders.whisper import WhisperDecoderStates, WhisperStates

SOUNDS = [noise(1.7, 1), noise(0.05, 2), np.zeros(8000, np.float32), noise(2.9, 3), noise(1.7, 4)]
TEXTS = ["hello there", "a", "i did not, really!", "a", "zzz zzz zzz"]


@pytest.fixture(scope="module")
def folders(tmp_path_factory) -> Path:
    """One folder a kind of model."""
    place = tmp_path_factory.mktemp("encoders")
    for kind in SPEECH:
        make_speech(place / kind, kind)
    for kind in TEXT:
        make_text(place / kind, kind)
    make_whisper(place / "whisper")
    return place


@pytest.fixture(scope="module")
def vggish_file(folders) -> Path:
    with torch.random.fork_rng():
        torch.manual_seed(1)
        state = {name: tensor.half() for name, tensor in build().state_dict().items()}
    save_file({**state, "pproc.pca_means": torch.zeros(128, 1)}, folders / "vggish.safetensors")
    return folders / "vggish.safetensors"


@dataclass
class Case:
    """How an encoder is built from `folders`."""

    kind: type
    folder: str
    options: dict

    def build(self, folders: Path) -> Encoder:
        return self.kind(weights=str(folders / self.folder), **self.options)


CASES = {
    **{kind: Case(SpeechEncoder, kind, {"architecture": kind}) for kind in SPEECH},
    **{
        f"{kind}-rows": Case(SpeechEncoder, kind, {"architecture": kind, "num_layers": 3, "row_samples": 16000})
        for kind in ("hubert", "wav2vec2")
    },
    "pieces": Case(SpeechPiecesEncoder, "hubert", {"architecture": "hubert", "num_layers": 3}),
    "whisper": Case(WhisperStates, "whisper", {}),
    "whisper-decoder": Case(WhisperDecoderStates, "whisper", {}),
    **{kind: Case(TextEncoder, kind, {"architecture": kind}) for kind in TEXT},
}


def items_of(encoder: Encoder) -> list:
    return TEXTS if encoder.takes == "text" else SOUNDS


@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=pytest.mark.slow if name in ("whisper", "hubert") else ()) for name in CASES]
)
def test_an_item_is_the_same_to_the_bit_in_any_company(folders, name):
    encoder = CASES[name].build(folders)
    items = items_of(encoder)
    alone = [encoder.encode([item])[0] for item in items]
    for order in (range(5), [3, 1, 4], [4, 3, 2, 1, 0]):
        for number, found in zip(order, encoder.encode([items[number] for number in order]), strict=True):
            assert np.array_equal(found, alone[number])
    for steps in alone:
        assert steps.dtype == np.float32
        assert steps.ndim == 2
        assert np.isfinite(steps).all()
        assert np.array_equal(utterance(steps), steps.mean(0))
    assert not np.allclose(utterance(alone[0]), utterance(alone[3 if encoder.takes == "sound" else 2]), atol=1e-4)
    assert isinstance(encoder, Encoder)
    assert encoder.encode([]) == []


def test_vggish_alone_and_together(vggish_file):
    encoder = VggishEncoder(weights=str(vggish_file), hop_seconds=0.25)
    alone = [encoder.encode([sound])[0] for sound in SOUNDS[:3]]
    assert [len(steps) for steps in alone] == [3, 1, 1]
    for found, steps in zip(encoder.encode(SOUNDS[:3]), alone, strict=True):
        assert np.array_equal(found, steps)
        assert np.isfinite(found).all()


def test_vggish_is_the_network_that_its_names_say(vggish_file):
    tensors = {name: tensor.float() for name, tensor in load_file(vggish_file).items()}
    hidden = torch.from_numpy(patches(noise(1.2), 10))[:, None]
    for place, number in enumerate((0, 3, 6, 8, 11, 13)):
        weight, bias = tensors[f"features.{number}.weight"], tensors[f"features.{number}.bias"]
        hidden = torch.nn.functional.conv2d(hidden, weight, bias, padding=1).relu()
        if place in (0, 1, 3, 5):
            hidden = torch.nn.functional.max_pool2d(hidden, 2)
    rows = torch.stack([torch.cat([each[:, y, x] for y in range(6) for x in range(4)]) for each in hidden])
    for number in (0, 2, 4):
        rows = (rows @ tensors[f"embeddings.{number}.weight"].T + tensors[f"embeddings.{number}.bias"]).relu()
    (found,) = VggishEncoder(weights=str(vggish_file), hop_seconds=0.1).encode([noise(1.2)])
    assert found.shape == rows.shape == (3, 128)
    np.testing.assert_allclose(found, rows.numpy(), rtol=1e-5, atol=1e-6)


def test_vggish_refuses_other_files(tmp_path, vggish_file):
    tensors = load_file(vggish_file)
    del tensors["embeddings.4.bias"]
    save_file(tensors | {"head.weight": torch.zeros(2)}, tmp_path / "other.safetensors")
    with pytest.raises(InputErrors, match=r"'embeddings.4.bias' is absent there, and must be \(128,\)") as error:
        VggishEncoder(weights=str(tmp_path / "other.safetensors"))
    assert "'head.weight' is (2,) there, and must be absent; take a file" in str(error.value)
    with pytest.raises(UserError, match="no such file"):
        VggishEncoder(weights=str(tmp_path / "none.pth"))
    with pytest.raises(UserError, match="say 0.01 or more"):
        VggishEncoder(weights=str(vggish_file), hop_seconds=0.001)


@pytest.mark.parametrize("samples", [0, 1, 399])
def test_too_little_sound_is_named(folders, samples):
    encoder = CASES["hubert"].build(folders)
    with pytest.raises(CannotEncode, match=f"has {samples} samples .* at least 400") as error:
        encoder.encode([SOUNDS[0], SOUNDS[0][:samples]])
    assert error.value.item == 1
    assert len(encoder.encode([SOUNDS[0][:400]])[0]) == 1


@pytest.mark.parametrize("name", ["pieces", "whisper", "whisper-decoder"])
def test_no_sound_is_refused_and_one_sample_is_enough_where_sound_is_filled_up(folders, name):
    encoder = CASES[name].build(folders)
    with pytest.raises(CannotEncode, match="0 samples"):
        encoder.encode([SOUNDS[0][:0]])
    assert np.isfinite(encoder.encode([SOUNDS[0][:1]])[0]).all()


def test_a_wrong_kind_of_item_is_our_mistake(folders):
    with pytest.raises(ValueError, match="float32"):
        CASES["hubert"].build(folders).encode([SOUNDS[0].astype(np.float64)])


def test_sound_after_30_seconds_is_not_heard_by_whisper(folders):
    encoder = CASES["whisper-decoder"].build(folders)
    sound = noise(31, 5)
    assert np.array_equal(*encoder.encode([sound, sound[: 30 * 16000]]))


@pytest.mark.parametrize("kind", ["hubert", "wav2vec2"])
def test_rows_are_the_model_s_answers_to_each_row_by_itself(folders, kind):
    """More rows than go through the model together; the last is filled with zeros, and its steps are kept."""
    sound = noise(2.3, 6)
    encoder = SpeechEncoder(
        weights=str(folders / kind), architecture=kind, num_layers=2, row_samples=4000
    )  # 10 rows, the last of 800 samples
    normalised = (sound - sound.mean()) / np.sqrt(sound.var() + 1e-7)
    rows = np.pad(normalised, (0, 40000 - len(sound))).reshape(10, 4000).astype(np.float32)
    model = getattr(transformers, {"hubert": "HubertModel", "wav2vec2": "Wav2Vec2Model"}[kind])
    network = model.from_pretrained(folders / kind).eval()
    with torch.no_grad():
        outputs = [network(torch.from_numpy(row[None]), output_hidden_states=True) for row in rows]
    expected = torch.cat([output.hidden_states[-2][0] + output.last_hidden_state[0] for output in outputs])
    np.testing.assert_allclose(encoder.encode([sound])[0], expected.numpy(), rtol=1e-4, atol=1e-5)
    assert len(expected) == 120


def attention_of_transformers_4(layer: torch.nn.Module, states: torch.Tensor, **_: object) -> tuple[torch.Tensor, None]:
    """The lines of its Wav2Vec2Attention, without masks and training."""
    size, length, width = states.shape

    def shaped(tensor: torch.Tensor) -> torch.Tensor:
        heads = tensor.view(size, length, layer.num_heads, layer.head_dim).transpose(1, 2)
        return heads.contiguous().view(size * layer.num_heads, length, layer.head_dim)

    queries = shaped(layer.q_proj(states) * layer.scaling)
    scores = torch.bmm(queries, shaped(layer.k_proj(states)).transpose(1, 2)).softmax(-1)
    found = torch.bmm(scores, shaped(layer.v_proj(states)))
    found = found.view(size, layer.num_heads, length, layer.head_dim).transpose(1, 2)
    return layer.out_proj(found.reshape(size, length, width)), None


@pytest.mark.parametrize("kind", ["hubert", "wav2vec2", "data2vec-audio"])
def test_values_are_those_of_transformers_4_to_the_bit(folders, kind):
    encoder = SpeechEncoder(weights=str(folders / kind), architecture=kind, num_layers=2)
    network = getattr(transformers, CLASSES[kind]).from_pretrained(folders / kind).eval()
    for layer in network.encoder.layers:
        layer.attention.forward = partial(attention_of_transformers_4, layer.attention)
    for sound in (noise(1.7, 1), noise(2.9, 3)):
        normalised = (sound - sound.mean()) / np.sqrt(sound.var() + np.float32(1e-7))
        with torch.inference_mode():
            output = network(torch.from_numpy(normalised[None]), output_hidden_states=True)
        expected = torch.stack([output.hidden_states[-2], output.last_hidden_state]).sum(0)[0]
        assert np.array_equal(encoder.encode([sound])[0], expected.numpy())


@pytest.mark.parametrize("steps", [7, LONGEST, LONGEST + 1])
def test_attention_over_many_steps_is_the_same_but_for_rounding(steps):
    query, key, value = torch.randn(3, 1, 2, steps, 4, generator=torch.Generator().manual_seed(steps)).unbind()
    found, _ = queries_first(None, query, key, value, None, scaling=0.7)
    expected = (query.double() @ key.double().transpose(2, 3) * 0.7).softmax(-1) @ value.double()
    torch.testing.assert_close(found.double(), expected.transpose(1, 2), rtol=1e-4, atol=1e-6)


def test_pieces_are_evenly_spread():
    assert piece_starts(32000, 8, 2) == [0] * 8
    assert piece_starts(160000, 8, 2) == [16000 * number for number in range(8)]
    assert piece_starts(52800, 8, 2) == [0, 2599, 5199, 7799, 10399, 12999, 15599, 18199]


@pytest.mark.parametrize("kind", TEXT)
def test_texts_too_long_and_empty(folders, kind):
    encoder = CASES[kind].build(folders)
    assert len(encoder.encode(["a" * 22])[0]) == 22
    with pytest.raises(CannotEncode, match="has 25 tokens, and this encoder takes 24 at most") as error:
        encoder.encode(["a", "b", "a" * 23])
    assert error.value.item == 2
    for text in ("", "  "):
        with pytest.raises(CannotEncode, match="no text; say missing=zero") as error:
            encoder.encode([text, "a"])
        assert error.value.item == 0
    zero = TextEncoder(weights=str(folders / kind), architecture=kind, missing="zero")
    first, second = zero.encode(["", "a"])
    assert not first.any()
    assert first.shape == second.shape == (1, 16)
    assert np.array_equal(second, encoder.encode(["a"])[0])


@pytest.fixture
def folder(folders, tmp_path) -> Path:
    """A copy of a good folder, to be spoilt."""
    return Path(shutil.copytree(folders / "hubert", tmp_path / "hubert"))


def hubert(folder: Path, **options: object) -> SpeechEncoder:
    return SpeechEncoder(weights=str(folder), architecture="hubert", **options)


def change_json(path: Path, **values: object) -> None:
    path.write_text(json.dumps({**json.loads(path.read_text()), **values}))


def as_bin(folder: Path) -> Path:
    torch.save(load_file(folder / "model.safetensors"), folder / "pytorch_model.bin")
    (folder / "model.safetensors").unlink()
    return folder


def test_a_bin_file_gives_the_same_values_and_its_own_fingerprint(folders, folder):
    before = hubert(folders / "hubert")
    after = hubert(as_bin(folder))
    assert np.array_equal(before.encode(SOUNDS[:1])[0], after.encode(SOUNDS[:1])[0])
    assert before.fingerprint == sha256_of(folders / "hubert" / "model.safetensors")
    assert after.fingerprint == sha256_of(folder / "pytorch_model.bin") != before.fingerprint


@pytest.mark.parametrize("kind", TEXT)
def test_names_of_older_files_and_heads_are_known(folders, tmp_path, kind):
    folder = Path(shutil.copytree(folders / kind, tmp_path / kind))
    tensors = load_file(folder / "model.safetensors")
    inner = kind.removeprefix("xlm-")
    old = {"LayerNorm.weight": "LayerNorm.gamma", "LayerNorm.bias": "LayerNorm.beta"}
    for name in [name for name in tensors if name.partition("LayerNorm")[1]]:
        *_, end = name.rpartition("LayerNorm")
        tensors[name.replace(f"LayerNorm{end}", old[f"LayerNorm{end}"])] = tensors.pop(name)
    tensors[f"{inner}.embeddings.position_ids"] = torch.arange(24)[None]
    tensors[f"{inner}.pooler.dense.weight"] = torch.ones(16, 16)
    save_file(tensors, folder / "model.safetensors")
    found = TextEncoder(weights=str(folder), architecture=kind).encode(TEXTS[:1])[0]
    assert np.array_equal(found, CASES[kind].build(folders).encode(TEXTS[:1])[0])


def test_a_speech_model_with_a_head_and_names_of_older_torch(folders, folder):
    tensors = {f"hubert.{name}": tensor for name, tensor in load_file(folder / "model.safetensors").items()}
    place = "hubert.encoder.pos_conv_embed.conv"
    for new, old in {"original0": "g", "original1": "v"}.items():
        tensors[f"{place}.weight_{old}"] = tensors.pop(f"{place}.parametrizations.weight.{new}")
    save_file(tensors | {"lm_head.weight": torch.ones(32, 16)}, folder / "model.safetensors")
    assert np.array_equal(hubert(folder).encode(SOUNDS[:1])[0], hubert(folders / "hubert").encode(SOUNDS[:1])[0])


def test_shards_have_one_fingerprint_that_any_of_them_changes(folders, folder):
    tensors = sorted(load_file(folder / "model.safetensors").items())
    (folder / "model.safetensors").unlink()
    names = [f"model-0000{number}-of-00002.safetensors" for number in (1, 2)]
    for number, name in enumerate(names):
        save_file(dict(tensors[number::2]), folder / name)
    found = hubert(folder)
    assert np.array_equal(found.encode(SOUNDS[:1])[0], hubert(folders / "hubert").encode(SOUNDS[:1])[0])
    save_file({name: tensor + 1 for name, tensor in tensors[1::2]}, folder / names[1])
    assert hubert(folder).fingerprint != found.fingerprint


@pytest.mark.parametrize(
    ("name", "read"),
    [
        ("hubert", {"preprocessor_config.json"}),
        ("pieces", {"preprocessor_config.json"}),
        ("whisper", {"preprocessor_config.json"}),
        ("whisper-decoder", {"preprocessor_config.json"}),
        ("bert", {"tokenizer_config.json"}),
        ("xlm-roberta", {"tokenizer.json"}),
    ],
)
def test_files_beside_the_weights_are_known_by_their_content(folders, tmp_path, name, read):
    case = CASES[name]
    folder = Path(shutil.copytree(folders / case.folder, tmp_path / case.folder))
    (folder / "README.md").write_text("read by nobody")
    before = case.build(tmp_path).side_files
    assert before == {name: sha256_of(folder / name) for name in before}
    assert {"config.json", *read} <= before.keys()
    assert not {"README.md", "model.safetensors"} & before.keys()
    for file in read:
        (folder / file).write_text((folder / file).read_text() + " ")
        after = case.build(tmp_path).side_files
        assert {name for name in before if after[name] != before[name]} == {file}
        before = after


def test_half_precision_weights_compute_in_float32(folders, folder):
    tensors = {name: tensor.half() for name, tensor in load_file(folder / "model.safetensors").items()}
    save_file(tensors, folder / "model.safetensors")
    change_json(folder / "config.json", dtype="float16")
    expected, found = (hubert(place).encode(SOUNDS[:1])[0] for place in (folders / "hubert", folder))
    assert 0 < np.abs(found - expected).max() < 0.05
    assert not np.array_equal(found, found.astype(np.float16))


class Planted:
    """Would run code if it were unpickled."""

    def __reduce__(self):
        return exec, ("raise SystemExit('it ran')",)


def test_a_pickle_is_not_run(folder):
    as_bin(folder)
    (folder / "pytorch_model.bin").write_bytes(pickle.dumps(Planted()))
    with pytest.raises(UserError, match="nothing in it was run"):
        hubert(folder)


def test_code_of_a_folder_is_not_run(folder, tmp_path):
    change_json(folder / "config.json", auto_map={"AutoModel": "own.Model", "AutoConfig": "own.Config"})
    (folder / "own.py").write_text(f"open({str(tmp_path / 'ran')!r}, 'w')\n")
    assert len(hubert(folder).encode(SOUNDS[:1])) == 1
    assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda folder: shutil.rmtree(folder), "no such folder"),
        (lambda folder: (folder / "config.json").unlink(), "config.json: cannot be read: no such file"),
        (lambda folder: (folder / "config.json").write_text("{"), "it is not JSON"),
        (lambda folder: change_json(folder / "config.json", model_type="wavlm"), "'wavlm', and this recipe needs hub"),
        (lambda folder: change_json(folder / "config.json", hidden_size=18), "another shape"),
        (lambda folder: change_json(folder / "config.json", hidden_size="wide"), "describes no HubertModel"),
        (lambda folder: change_json(folder / "config.json", num_hidden_layers=4), "missing, and would be random"),
        (lambda folder: change_json(folder / "config.json", num_hidden_layers=2), "not in the model that config.json"),
        (lambda folder: change_json(folder / "config.json", attn_implementation="a/b"), "code from elsewhere"),
        (lambda folder: (folder / "model.safetensors").unlink(), "holds no"),
        (lambda folder: (folder / "model.safetensors").write_bytes(b"0" * 99), "is not a whole safetensors file"),
        (lambda folder: (folder / "adapter_config.json").write_text("{}"), "PEFT adapter"),
        (lambda folder: (folder / "preprocessor_config.json").unlink(), "preprocessor_config.json: cannot be read"),
        (
            lambda folder: change_json(folder / "preprocessor_config.json", sampling_rate=8000),
            "says sampling_rate 8000",
        ),
        (lambda folder: change_json(folder / "preprocessor_config.json", do_normalize="yes"), "do_normalize 'yes'"),
    ],
)
def test_a_folder_that_does_not_fit_is_refused_in_a_sentence(folder, spoil, message):
    spoil(folder)
    with pytest.raises(UserError, match=message):
        hubert(folder)


def test_other_refusals_name_what_is_allowed(folders, tmp_path):
    with pytest.raises(UserError, match=r"num_layers=5: .* has 4 hidden states; say 1 to 4"):
        hubert(folders / "hubert", num_layers=5)
    whisper = shutil.copytree(folders / "whisper", tmp_path / "whisper")
    (whisper / "preprocessor_config.json").write_text("[]")
    with pytest.raises(UserError, match="no log-mel spectrogram"):
        WhisperStates(weights=str(whisper))
    text = shutil.copytree(folders / "bert", tmp_path / "bert")
    (text / "tokenizer.json").write_text("{")
    with pytest.raises(UserError, match=r"tokenizer.json is not JSON .* no tokenizer that transformers can read"):
        TextEncoder(weights=str(text), architecture="bert")
    for number in ("[CLS]", "[SEP]"):
        assert number in (folders / "bert" / "tokenizer.json").read_text()
    change_json(
        folders_copy := shutil.copytree(folders / "bert", tmp_path / "more") / "tokenizer.json", post_processor=None
    )
    with pytest.raises(UserError, match=r"puts 0 token\(s\) around a text"):
        TextEncoder(weights=str(folders_copy.parent), architecture="bert")


@pytest.mark.parametrize(("kind", "missing"), [("bert", "tokenizer.json or vocab.txt"), ("roberta", "tokenizer")])
def test_a_tokenizer_without_its_tokens_is_refused(folders, tmp_path, kind, missing):
    """Every word would be the unknown one, and vectors would mean nothing."""
    text = shutil.copytree(folders / kind, tmp_path / kind)
    for path in text.glob("tokenizer*"):
        path.unlink()
    with pytest.raises(UserError, match=missing):
        TextEncoder(weights=str(text), architecture=kind)


def test_opensmile_that_is_not_installed_is_one_sentence(monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "opensmile", None)
    with pytest.raises(UserError, match="opensmile is not installed.*pip install 'emolightning.opensmile.'"):
        AcousticFunctionals(feature_set="eGeMAPSv02")


@pytest.mark.parametrize(("feature_set", "width"), [("eGeMAPSv02", 88), ("ComParE_2016", 6373)])
def test_opensmile_gives_what_its_package_gives(feature_set, width, tmp_path):
    opensmile = pytest.importorskip("opensmile", reason="the extra opensmile is not installed")
    encoder = AcousticFunctionals(feature_set=feature_set)
    sounds = [noise(1.0, 1), np.zeros(16000, np.float32), noise(0.4, 2)]
    found = encoder.encode(sounds)
    for sound, steps in zip(sounds, found, strict=True):
        own = opensmile.Smile(
            feature_set=opensmile.FeatureSet[feature_set], feature_level=opensmile.FeatureLevel.Functionals
        )
        assert steps.shape == (1, width)
        assert np.array_equal(steps, own.process_signal(sound, 16000).to_numpy())
        assert np.array_equal(steps, encoder.encode([sound])[0])
    with pytest.raises(CannotEncode, match="about 0.1 s is the least") as error:
        encoder.encode([sounds[0], noise(0.05)])
    assert error.value.item == 1
    with pytest.raises(UserError, match="feature_set=eGeMAPSv3: opensmile has .*eGeMAPSv02"):
        AcousticFunctionals(feature_set="eGeMAPSv3")
    with pytest.raises(UserError, match="openSMILE has none"):
        AcousticFunctionals(feature_set=feature_set, weights=str(tmp_path))
    assert acoustic.SAMPLE_RATE_HZ == 16000
