"""What makes inputs worse: exact amounts, the same draws everywhere, and what cannot be done is refused."""

import io
import wave
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from media_factory import make_media
from PIL import Image

from emolightning.data.media.audio import read_waveform, usable_noise
from emolightning.data.media.choice import FrameChoice
from emolightning.data.media.video import read_film, read_frames, read_thumbnails
from emolightning.data.perturbing.loaded import LoadedPerturbation, black, mean_over, silent, with_noise
from emolightning.data.perturbing.perturbing import Perturbing, perturbing_of
from emolightning.data.perturbing.pictures import blurred, hidden
from emolightning.data.perturbing.sound import BrokenNoise, noise_files, noisy
from emolightning.data.perturbing.words import WORD, misheard, with_errors
from emolightning.data.stores.cache import Outcome, compute_missing
from emolightning.errors import UserError
from emolightning.prompt.processor import Loaded
from emolightning.prompt.questions import Questions
from emolightning.records.clips import Clip, Film, Medium, Waveform
from emolightning.records.corruptions import CORRUPTIONS, Corruption
from emolightning.records.inputs import InputKind

INPUTS = {
    "image": InputKind("frames", "video", "x"),
    "face": InputKind("vectors", "video", "x"),
    "speech": InputKind("vectors", "audio", "x"),
    "transcript": InputKind("text", "text", "x"),
}
SENT = {"film": InputKind("file", "video", "x"), "waveform": InputKind("waveform", "audio", "x")}
SINE = np.sin(np.arange(16000) / 7).astype(np.float32) / 2


def never(path: Path, rate: int) -> np.ndarray:
    raise AssertionError(f"{path} is read")


def decibels(clean: np.ndarray, mixed: np.ndarray) -> float:
    return 10 * np.log10(np.mean(clean.astype(float) ** 2) / np.mean((mixed.astype(float) - clean) ** 2))


@pytest.mark.parametrize("ratio", [20, 3.5, -6])
def test_noise_has_the_ratio_that_was_asked_for(ratio: float) -> None:
    quiet, corruption = SINE / 10, Corruption("noise", ratio, clip_id="a")
    mixed = noisy(quiet, 16000, corruption, never)
    assert decibels(quiet, mixed) == pytest.approx(ratio, abs=1e-3)
    assert np.array_equal(mixed, noisy(quiet, 16000, corruption, never))
    other = noisy(quiet, 16000, Corruption("noise", ratio, seed=1, clip_id="a"), never)
    assert not np.array_equal(mixed, other)


def test_noise_at_another_ratio_is_the_same_noise_and_silence_stays() -> None:
    first, second = (noisy(SINE / 10, 16000, Corruption("noise", each, clip_id="a"), never) for each in (20, 0))
    assert np.allclose((first - SINE / 10) * 10, second - SINE / 10, atol=1e-6)
    silence = np.zeros(100, np.float32)
    assert noisy(silence, 16000, Corruption("noise", 0, clip_id="a"), never) is silence
    assert np.abs(noisy(SINE, 16000, Corruption("noise", -20, clip_id="a"), never)).max() == pytest.approx(1)


def test_the_recipe_of_mer2024_draws_ratio_and_factor_for_each_clip() -> None:
    sounds = {"/n/a.wav": np.ones(5000, np.float32), "/n/b.wav": -np.ones(9000, np.float32)}
    read, ratios, starts = [], set(), set()

    def give(path: Path, rate: int) -> np.ndarray:
        read.append(str(path))
        return sounds[str(path)] * np.linspace(0.5, 1, len(sounds[str(path)]), dtype=np.float32)

    for number in range(40):
        corruption = Corruption("mer2024_noise", 1, noise=tuple(sounds), clip_id=str(number))
        mixed = noisy(SINE / 10, 16000, corruption, give)
        ratios.add(round(decibels(SINE / 10, mixed), 2))
        starts.add(float(mixed[0]))
    assert ratios == {5, 6, 7, 8, 9, 10}
    assert len(starts) > 30
    assert set(read) == set(sounds)


def test_blur_is_a_gaussian_pyramid() -> None:
    rng = np.random.default_rng(0)
    flat = np.full((37, 50, 3), 77, np.uint8)
    assert np.array_equal(blurred(flat, 8), flat)
    noise = rng.integers(0, 256, (37, 50, 3), dtype=np.uint8)
    assert np.array_equal(blurred(noise, 1), noise)
    deviations = [blurred(noise, factor).std() for factor in (1, 2, 4, 8)]
    assert deviations == sorted(deviations, reverse=True)
    assert blurred(noise[:1, :1], 32).shape == (1, 1, 3)
    cv2 = pytest.importorskip("cv2")
    for factor in (2, 4, 8):
        found = noise
        for _ in range(int(np.log2(factor))):
            found = cv2.pyrDown(found)
        for _ in range(int(np.log2(factor))):
            found = cv2.pyrUp(found)
        assert np.array_equal(blurred(noise, factor), found[:37, :50]), factor


@pytest.mark.parametrize(("share", "place"), [(0.25, (0.0, 0.0)), (0.5, (0.99, 0.5)), (1, (0.3, 0.9)), (0, (0.5, 0.5))])
def test_a_share_of_the_picture_is_hidden(share: float, place: tuple[float, float]) -> None:
    white = np.full((100, 200, 3), 255, np.uint8)
    found = hidden(white, share, place)
    assert (found == 0).mean() == pytest.approx(share, abs=0.01)
    assert (white == 255).all()


def test_clips_are_read_with_their_corruption(tmp_path: Path) -> None:
    path = make_media(tmp_path / "c.mp4", seconds=0.6)
    for kind, severity in (("blur", 4), ("occlusion", 0.5), ("dropped_frames", 0.9)):
        corruption = Corruption(kind, severity, clip_id="c")
        small, times = read_thumbnails(path, corruption=corruption)
        clean, clean_times = read_thumbnails(path)
        assert small.shape == clean.shape, kind
        assert np.array_equal(times, clean_times), kind
        assert not np.array_equal(small, clean), kind
        choice = FrameChoice("even", 3)
        frames = read_frames(path, choice, corruption=corruption)
        assert np.array_equal(np.stack(frames), read_film(path, choice, corruption=corruption).frames), kind
        assert np.array_equal(read_waveform(path, corruption=corruption), read_waveform(path)), kind
    nothing = Corruption("occlusion", 0, clip_id="c")
    assert np.array_equal(read_frames(path, choice, corruption=nothing), read_frames(path, choice))
    noise = Corruption("noise", 0, clip_id="c")
    assert not np.array_equal(read_waveform(path, corruption=noise), read_waveform(path))
    assert np.array_equal(read_frames(path, choice, corruption=noise), read_frames(path, choice))


def test_lost_frames_show_the_one_before(tmp_path: Path) -> None:
    path = make_media(tmp_path / "c.mp4", seconds=0.6)
    every = FrameChoice("even", 6)
    lost = read_frames(path, every, corruption=Corruption("dropped_frames", 1, clip_id="c"))
    (first,) = read_frames(path, FrameChoice("index", 0))
    assert all(np.array_equal(frame, first) for frame in lost)
    kept = read_frames(path, every, corruption=Corruption("dropped_frames", 0, clip_id="c"))
    assert np.array_equal(kept, read_frames(path, every))


@pytest.mark.parametrize("text", ["What a lovely day, isn't it? I did not expect!", "你今天怎么了我很难过"])
def test_errors_of_words_grow_with_the_rate(text: str) -> None:
    words, number = WORD.findall(text), 60
    assert len(words) == 10
    clips = [Clip(str(each), Path("x"), transcript=text) for each in range(number)]
    assert misheard(clips, Corruption("words", 0)) == clips
    right = []
    for rate in (0.25, 0.5, 1):
        found = misheard(clips, Corruption("words", rate))
        lengths = [len(WORD.findall(str(clip.transcript))) for clip in found]
        assert 1 - sum(lengths) / (10 * number) == pytest.approx(rate / 2, abs=0.06), (
            "every second error leaves a word out"
        )
        right.append(found)
    assert misheard(clips, Corruption("words", 0.5)) == right[1]
    assert len({clip.transcript for clip in right[1]}) > number / 2
    nothing = Clip("n", Path("x"))
    assert misheard([nothing, *clips], Corruption("words", 1))[0] == nothing
    assert with_errors("a b", Corruption("words", 0.01, clip_id="q"), ["z"]) == "a b"


def test_vectors_get_noise_at_a_ratio_by_clip_and_input() -> None:
    vectors = torch.arange(1, 2001, dtype=torch.float32).reshape(4, 500)
    corruption = Corruption("vectors", 10, clip_id="a")
    found = with_noise(vectors, corruption, "speech")
    assert decibels(vectors.numpy(), found.numpy()) == pytest.approx(10, abs=1e-3)
    assert torch.equal(found, with_noise(vectors, corruption, "speech"))
    assert not torch.equal(found, with_noise(vectors, corruption, "face"))
    assert not torch.equal(found, with_noise(vectors, corruption.of_clip("b"), "speech"))
    assert with_noise(torch.zeros(2, 3), corruption, "face").abs().sum() == 0


def test_inputs_without_content_and_means() -> None:
    clips = [Clip(each, Path("x")) for each in "ab"]
    arrays = {"a": np.array([[1.0, 3.0]], np.float32), "b": np.array([[4.0, 0.0], [1.0, 0.0]], np.float32)}
    assert mean_over(clips, arrays).tolist() == [2.0, 1.0]
    perturbing = Perturbing(zeroed=("image", "face", "transcript", "waveform"), mean=("speech",))
    change = LoadedPerturbation(perturbing, {"speech": mean_over(clips, arrays)})
    loaded = Loaded(
        "words",
        {"image": torch.ones(2, 3, 4, 4)},
        {"face": torch.ones(1, 5), "speech": torch.ones(3, 2), "motion": torch.ones(1, 5)},
        {"waveform": (Waveform(SINE, 16000),)},
    )
    found = change(loaded, "c", "transcript")
    assert (found.transcript, found.streams["speech"].tolist()) == ("", [[2.0, 1.0]] * 3)
    assert torch.equal(found.images["image"], black(torch.ones(2, 3, 4, 4)))
    assert found.streams["face"].abs().sum() == 0
    assert torch.equal(found.streams["motion"], loaded.streams["motion"])
    assert not found.media["waveform"][0].samples.any()  # type: ignore[union-attr]
    assert change(Loaded(None), "c", "transcript").transcript is None


def test_media_that_are_sent_become_black_and_silent() -> None:
    film = silent(Film(np.ones((2, 3, 3, 3), np.uint8), (0, 1), 2, 25.0))
    assert isinstance(film, Film)
    assert not film.frames.any()
    buffer = io.BytesIO()
    Image.new("RGB", (8, 6), "white").save(buffer, "JPEG")
    still = silent(Medium("image", "jpeg", buffer.getvalue()))
    assert isinstance(still, Medium)
    assert not np.asarray(Image.open(io.BytesIO(still.content))).any()
    sound = io.BytesIO()
    with wave.open(sound, "wb") as file:
        file.setparams((1, 2, 16000, 0, "NONE", ""))
        file.writeframes(np.ones(50, "<i2").tobytes())
    quiet = silent(Medium("audio", "wav", sound.getvalue()))
    assert isinstance(quiet, Medium)
    with wave.open(io.BytesIO(quiet.content)) as file:
        assert file.readframes(99) == bytes(100)


def test_questions_in_other_words() -> None:
    questions = Questions({"emotion": ("a?", "b?", "c?")}, "emotion", {"emotion": 1.0}, ("happy",))
    asked = Perturbing(corruption=Corruption("wording", 2)).asked(questions)
    assert asked.ask(Clip("x", Path("x")), epoch=0, training=False).instruction == "c?"
    with pytest.raises(UserError, match=r"perturb.severity=3: this model has sentences 0 to 2"):
        Perturbing(corruption=Corruption("wording", 3)).asked(questions)


REFUSED: list[tuple[dict[str, Any], str]] = [
    ({"corruption": Corruption("noise", 5)}, "vectors of speech are read from a store.*say features=live"),
    (
        {"corruption": Corruption("blur", 4)},
        r"vectors of face are read.*say perturb.inputs=\[image\], or features=live",
    ),
    ({"corruption": Corruption("noise", 5), "only": ["image"]}, "noise does nothing to image; of this run it is about"),
    (
        {"corruption": Corruption("blur", 4), "reads_media": True, "cut_out": Path("faces")},
        r"face looks at faces that were cut out before \(features.faces=folder:faces\).*perturb.inputs=\[image\]",
    ),
    (
        {"corruption": Corruption("occlusion", 0.5), "only": ["face"], "reads_media": True, "cut_out": Path("faces")},
        "say features.faces=detector to have them found in the clips$",
    ),
    ({"mean": ["transcript"]}, r"transcript has no mean, for it is a text; say perturb.zeroed=\[transcript\]"),
    ({"mean": ["face"], "split": "train"}, "perturb.mean_of=train: clips of split=train are answered.*mean_of=val"),
    ({"mean": ["face"], "split": "all"}, "never one over clips that are answered"),
    ({"mean": ["face"], "zeroed": ["face"]}, "face cannot be both"),
    ({"mean": ["face"], "corruption": Corruption("words", 0.5)}, "say one of both"),
    ({"inputs": SENT, "zeroed": ["film"]}, "film is a file that is sent as it is"),
    ({"inputs": SENT, "corruption": Corruption("blur", 4)}, "film is a file.*say inputs.film=false"),
    ({"inputs": SENT, "corruption": Corruption("words", 0.5)}, "is about text, and this run has no such input"),
    ({"inputs": SENT, "corruption": Corruption("vectors", 5)}, "is about vectors, and this run has no such"),
]


@pytest.mark.parametrize(("asked", "said"), REFUSED)
def test_what_cannot_be_done_to_a_run_is_refused(asked: dict[str, Any], said: str) -> None:
    how = {"inputs": INPUTS, "split": "test", "reads_media": False, **asked}
    inputs = how.pop("inputs")
    with pytest.raises(UserError, match=said):
        perturbing_of(inputs, **how)


@pytest.mark.parametrize(
    ("kind", "severity", "said"),
    [
        ("occlusion", 1.5, "occlusion takes 0 to 1"),
        ("blur", 3, "blur takes 1, 2, 4, 8, 16 or 32"),
        ("noise", float("nan"), "noise takes -60 to 100"),
        ("wording", 1.5, "wording takes a whole number"),
        ("mer2024_noise", 1, "say perturb.noise=FOLDER"),
    ],
)
def test_severities_that_mean_nothing_are_refused(kind: str, severity: float, said: str) -> None:
    with pytest.raises(UserError, match=said):
        Corruption(kind, severity)


def test_files_of_noise_are_those_of_a_folder(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="there is no such folder"):
        noise_files(str(tmp_path / "none"))
    with pytest.raises(UserError, match="there is no sound file in it"):
        noise_files(str(tmp_path))
    for name in ("b.wav", "a/c.WAV", ".hidden.wav", "README", "a/LICENSE.txt"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    assert noise_files(str(tmp_path)) == (str(tmp_path / "a" / "c.WAV"), str(tmp_path / "b.wav"))


def test_a_file_of_noise_without_sound_is_named_before_clips_are_read(tmp_path: Path) -> None:
    assert usable_noise(None) == ()
    good = make_media(tmp_path / "a.mp4", seconds=0.4)
    assert usable_noise(str(tmp_path)) == (str(good),)
    for name, content, said in (("b.wav", b"", "is empty"), ("c.mp3", b"no sound at all", "c.mp3")):
        (tmp_path / name).write_bytes(content)
        with pytest.raises(UserError, match=f"perturb.noise=.*{said}.*take it out"):
            usable_noise(str(tmp_path))
        (tmp_path / name).unlink()


def test_a_file_of_noise_that_breaks_off_later_is_named_itself(tmp_path: Path) -> None:
    """Its beginning is in order, so that it is met when a clip is read: a fault of no clip, and no clip is skipped."""
    whole, broken = make_media(tmp_path / "c.mp4", seconds=0.4), tmp_path / "noise" / "n.mp4"
    broken.parent.mkdir()
    broken.write_bytes(whole.read_bytes()[: whole.stat().st_size * 2 // 3])
    corruption = Corruption("noise", 5, noise=noise_files(str(broken.parent)), clip_id="c")
    read = Clip("c", whole, corruption=corruption)
    with pytest.raises(BrokenNoise, match=r"a file of noise cannot be mixed in: .*n.mp4: .*; or take it out of its"):
        compute_missing([read], {"x": tmp_path / "cache"}, _heard, title="x", num_workers=1)


def _heard(clip: Clip, names: tuple[str, ...]) -> Outcome:
    return Outcome({name: read_waveform(clip.video, corruption=clip.corruption)[:1] for name in names})


def test_what_an_answer_depends_on_has_no_path(tmp_path: Path) -> None:
    assert Perturbing().description() == {}
    assert not Perturbing()
    described = []
    for folder in ("x", "y"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "n.wav").write_bytes(b"1" * 10)
        noise = noise_files(str(tmp_path / folder))
        described.append(Perturbing(corruption=Corruption("noise", 5, noise=noise), worse=("speech",)))
    assert described[0].description() == described[1].description()
    assert described[0].folder("speech") == described[1].folder("speech")
    assert described[0].folder("image") is None
    assert all(kind.levels == tuple(sorted(kind.levels, reverse="dB" in kind.axis)) for kind in CORRUPTIONS.values())
