"""A trained model asked about new clips: the answers of an evaluation, probabilities, and what became of each input."""

import base64
import json
import threading
from pathlib import Path

import pytest
import torch
from encoder_factory import make_speech
from media_factory import make_empty_audio_track, make_media
from predict_factory import make_clips, make_run
from runs import Workplace, answers
from starlette.testclient import TestClient

from emolightning.__main__ import main
from emolightning.config.building import build
from emolightning.config.saved_run import read_configuration
from emolightning.data.loading.settings import split_settings
from emolightning.errors import InputErrors, UserError
from emolightning.prompt.questions import Question
from emolightning.records.clips import Clip, Span
from emolightning.records.predictions import Failure, Prediction
from emolightning.runs import extract
from emolightning.runs.assembly_of_clips import open_predictor
from emolightning.runs.predicting import Predictor
from emolightning.serving.app import create_app
from emolightning.serving.served import served


@pytest.fixture(scope="module")
def clips(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    return make_clips(tmp_path_factory.mktemp("clips"))


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory, clips: list[Path]) -> Path:
    return make_run(tmp_path_factory.mktemp("run") / "adapter", clips[0])


@pytest.fixture(scope="module")
def predictor(run: Path) -> Predictor:
    return open_predictor(run, "evaluation.max_new_tokens=3", "explanation_tokens=5", device="cpu", batch_size=2)


def said(predictor: Predictor, *clips: Clip, **how: object) -> list[Prediction]:
    found = predictor.predict(clips, **how)  # type: ignore[arg-type]
    assert all(isinstance(each, Prediction) for each in found), found
    return found  # type: ignore[return-value]


def test_answers_are_those_of_an_evaluation(trained: Path, workplace: Workplace) -> None:
    """Without labels, one clip at a time or several, the model says what eval.py has written."""
    written = {line["id"]: line for line in answers(trained)}
    (media,) = {path.parent for path in (workplace.home / "clips").rglob("*.mp4")}
    rows = {clip.id: clip for clip in clips_of(trained)}
    some = [Clip(name, media / f"{name}.mp4", transcript=rows[name].transcript) for name in list(written)[:5]]
    predictor = open_predictor(trained)
    found = said(predictor, *some)
    assert [each.text for each in found] == [written[clip.id]["answer"] for clip in some]
    assert [each.label for each in found] == [written[clip.id]["prediction"] for clip in some]
    assert all(written[clip.id]["prompt"].count(each.question) == 1 for clip, each in zip(some, found, strict=True))
    for clip, each in zip(some, found, strict=True):
        assert set(each.inputs.values()) == {"used"}
        (alone,) = said(predictor, clip)
        assert alone.text == each.text
        assert alone.probabilities == pytest.approx(each.probabilities, abs=1e-5)


def clips_of(trained: Path) -> list[Clip]:
    own, _, _ = split_settings(read_configuration(trained / "config.yaml")["data"])
    return build(own, "data", inputs=("transcript",)).read_clips()


def test_a_served_run_says_what_an_evaluation_says(trained: Path, workplace: Workplace) -> None:
    """With its own question or the same one written out, in OpenAI's form, to the byte."""
    written = {line["id"]: line for line in answers(trained)}
    (media,) = {path.parent for path in (workplace.home / "clips").rglob("*.mp4")}
    rows = {clip.id: clip for clip in clips_of(trained)}
    predictor = open_predictor(trained)
    app = create_app([served("trained", predictor, trained)])
    with TestClient(app, base_url="http://127.0.0.1") as client:
        for name in list(written)[:3]:
            content = base64.b64encode((media / f"{name}.mp4").read_bytes()).decode()
            video = {"type": "video_url", "video_url": {"url": f"data:video/mp4;base64,{content}"}}
            for words in ([], [{"type": "text", "text": predictor.question()}]):
                body = {"model": "trained", "temperature": 0, "transcript": rows[name].transcript}
                messages = [{"role": "user", "content": [video, *words]}]
                reply = client.post("/v1/chat/completions", json={**body, "messages": messages}).json()
                assert reply["choices"][0]["message"]["content"] == written[name]["answer"]
                own = reply["emolightning"]
                assert own["question"] == predictor.question()
                assert own["label"] == written[name]["prediction"]
                likely = torch.tensor(list(own["logprobs"].values()), dtype=torch.float64)
                assert likely.softmax(0).tolist() == pytest.approx(list(own["probabilities"].values()))
                assert float(likely.exp().sum()) < 1


@pytest.mark.parametrize("modalities", [["video", "text"], ["audio"]])
def test_fewer_modalities_are_those_of_a_setting(
    predictor: Predictor, run: Path, clips: list[Path], modalities: list[str]
) -> None:
    """A call may leave modalities out, as opening may; the model of the others stays as it was."""
    clip = Clip("clip", clips[0], transcript="hello")
    (before,) = said(predictor, clip)
    (fewer,) = said(predictor.seeing(modalities), clip)
    words = (f"modalities=[{','.join(modalities)}]", "evaluation.max_new_tokens=3")
    (opened,) = said(open_predictor(run, *words, device="cpu"), clip)
    assert (fewer.text, fewer.inputs) == (opened.text, opened.inputs)
    assert fewer.probabilities == pytest.approx(opened.probabilities, abs=1e-5)
    assert fewer.probabilities != pytest.approx(before.probabilities, abs=1e-5)
    (after,) = said(predictor, clip)
    assert after.inputs == before.inputs
    with pytest.raises(UserError, match="no input is left"):
        predictor.seeing([])


def test_probabilities(predictor: Predictor, clips: list[Path]) -> None:
    some = [Clip(path.stem, path, transcript="word " * n) for n, path in enumerate(clips)]
    found = said(predictor, *some)
    assert [each.id for each in found] == ["clip0", "clip1", "clip2"]
    for each in found:
        assert list(each.probabilities) == list(predictor.labels)
        assert sum(each.probabilities.values()) == pytest.approx(1, abs=1e-9)
        assert each.seconds > 0
    turned = said(predictor, *some[::-1])[::-1]
    for each, other in zip(found, turned, strict=True):
        assert each.text == other.text
        assert each.probabilities == pytest.approx(other.probabilities, abs=1e-5)
    model, losses = predictor.model, []
    reader, processor = predictor.reader, predictor.processor
    (seen,) = reader.read(some[:1])
    for label in predictor.labels:
        question = Question("emotion", predictor.question())
        example = processor.example(some[0], seen.loaded, question, index=0, is_borrowed=False)  # type: ignore[union-attr]
        with torch.no_grad():
            losses.append(float(model.answer_losses(processor.batch([example], [label]))[0]))  # type: ignore[attr-defined]
    expected = torch.softmax(-torch.tensor(losses, dtype=torch.float64), 0).tolist()
    assert list(found[0].probabilities.values()) == pytest.approx(expected, abs=1e-5)


def test_a_question_of_ones_own(predictor: Predictor, clips: list[Path]) -> None:
    first, second = (Clip(path.stem, path) for path in clips[:2])
    usual, own = predictor.question(), "Is this person glad?"
    assert "happy" in usual
    assert [each.question for each in said(predictor, first, second, question=own)] == [own, own]
    each = said(predictor, first, second, question=[None, own])
    assert [one.question for one in each] == [usual, own]
    assert each[0].probabilities != each[1].probabilities
    for wrong, text in (("  ", "empty"), ([own], "1 questions for 2 clips")):
        with pytest.raises(UserError, match=text):
            predictor.predict([first, second], question=wrong)
    with pytest.raises(UserError, match="reason_v2"):
        predictor.predict([first], task="raeson")


def test_an_explanation_has_no_label(predictor: Predictor, clips: list[Path]) -> None:
    (each,) = said(predictor, Clip("a", clips[0]), task="reason")
    assert (each.label, each.probabilities) == (None, {})
    assert each.question.startswith("Please analyze all the clues")


def test_what_is_missing_is_named_and_left_out(predictor: Predictor, clips: list[Path], tmp_path: Path) -> None:
    mute = make_media(tmp_path / "mute.mp4", seconds=0.4, audio=False)
    sound = make_media(tmp_path / "sound.wav", seconds=0.4, video=False, codecs=(None, "pcm_s16le"))
    empty = make_empty_audio_track(tmp_path / "empty.mkv")
    found = said(
        predictor, Clip("mute", mute, "Hm."), Clip("sound", sound, ""), Clip("empty", empty), Clip("a", clips[0])
    )
    used = [[name for name, state in each.inputs.items() if state == "used"] for each in found]
    assert used[0] == ["image", "face", "motion", "transcript"]
    assert used[1] == ["speech", "transcript"]
    assert used[2] == ["image", "face", "motion"]
    assert used[3] == ["image", "face", "motion", "speech"]
    assert found[0].inputs["speech"].startswith("missing: ")
    assert "no audio track" in found[0].inputs["speech"]
    assert found[1].inputs["face"] == "missing: there is no picture in the file"
    assert found[2].inputs["transcript"] == "missing: no transcript was given"
    alone = said(predictor, Clip("mute", mute, "Hm."))
    assert alone[0].probabilities == pytest.approx(found[0].probabilities, abs=1e-5)


def test_zeros_where_the_run_says_so(run: Path, clips: list[Path], tmp_path: Path) -> None:
    mute = make_media(tmp_path / "mute.mp4", seconds=0.4, audio=False)
    predictor = open_predictor(run, "data.missing=zero", "inputs.motion=false", "evaluation.max_new_tokens=2")
    (each,) = said(predictor, Clip("mute", mute))
    assert each.inputs["speech"].startswith("zero: ")
    assert each.inputs["transcript"] == "zero: no transcript was given"
    assert each.inputs["motion"] == "off"
    assert said(predictor, Clip("a", clips[0], ""))[0].inputs["speech"] == "used"


def test_a_clip_s_fault_is_a_failure(predictor: Predictor, clips: list[Path], tmp_path: Path) -> None:
    broken = tmp_path / "broken.mp4"
    broken.write_bytes(clips[0].read_bytes()[:900])
    text = tmp_path / "text.mp4"
    text.write_text("no film")
    long = Clip("long", clips[2], transcript="word " * 6000)
    paths = [tmp_path / "gone.mp4", broken, text, clips[0]]
    found = predictor.predict([*(Clip(f"../{path.stem}", path) for path in paths), long])
    kinds = [each.kind if isinstance(each, Failure) else "" for each in found]
    assert kinds == ["no media file", *["media that cannot be decoded"] * 2, "", "longer than the model's context"]
    assert str(broken) in found[1].reason  # type: ignore[union-attr]
    assert [each.id for each in found] == ["../gone", "../broken", "../text", "../clip0", "long"]
    json.dumps([each.content() for each in found])
    assert predictor.predict([]) == []


def test_vectors_of_encoders_and_of_stores(clips: list[Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The same answers from vectors that are computed now and from those that `extract` has written."""
    hubert = make_speech(tmp_path / "hubert", "hubert")
    run = make_run(tmp_path / "run", clips[0], widths={"speech": 16})
    words = ("features=hubert_mer2023", f"weights={hubert}", f"out={tmp_path}/features", f"media={clips[0].parent}")
    assert main(["extract", *words, "num_workers=0"]) == 0
    built: list[str] = []
    real = extract.build
    monkeypatch.setattr(extract, "build", lambda node, key: built.append(key) or real(node, key))
    live = open_predictor(run, "features=live", f"features.weights.speech={hubert}", "evaluation.max_new_tokens=2")
    where = f"features.root={tmp_path}/features"
    stored = open_predictor(run, "features=folders", where, "features.speech=HL-UTT", "evaluation.max_new_tokens=2")
    some = [Clip(path.stem, path) for path in clips]
    for one, other in zip(said(live, *some), said(stored, *some), strict=True):
        assert one.inputs["speech"] == other.inputs["speech"] == "used"
        assert one.probabilities == pytest.approx(other.probabilities, abs=1e-5)
    said(live, some[0])
    assert built == ["recipe.encoder"]  # It stays in memory.
    mute = make_media(tmp_path / "mute.mp4", seconds=0.4, audio=False)
    silent, unknown, outside = (
        said(live, Clip("mute", mute))[0],
        *stored.predict([Clip("mute", mute), Clip("../x", mute)]),
    )
    assert "no audio track" in silent.inputs["speech"]
    assert unknown.inputs["speech"] == f"missing: no {tmp_path}/features/HL-UTT/mute.npy"
    assert isinstance(outside, Failure)


def test_a_piece_of_a_clip(predictor: Predictor, tmp_path: Path) -> None:
    path = make_media(tmp_path / "long.mp4", seconds=2.0, loudness=(0.1, 0.9))
    first, second = said(predictor, Clip("a", path, span=Span(0, 0.5)), Clip("b", path, span=Span(1.4, 1.9)))
    assert first.probabilities != second.probabilities
    (late,) = predictor.predict([Clip("c", path, span=Span(5, 6))])
    assert isinstance(late, Failure)


def test_threads_get_the_answers_of_one(predictor: Predictor, clips: list[Path]) -> None:
    some = [Clip(path.stem, path, transcript="Hm.") for path in clips]
    alone, found = said(predictor, *some), {}
    threads = [
        threading.Thread(target=lambda clip=clip, n=n: found.update({n: predictor.predict([clip])[0]}))  # type: ignore[misc]
        for n, clip in enumerate(some)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [found[n].text for n in range(len(some))] == [each.text for each in alone]


def test_nothing_is_left_behind(
    predictor: Predictor,
    clips: list[Path],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    said(predictor, Clip("a", clips[0]))
    assert list(tmp_path.iterdir()) == []
    assert capsys.readouterr().out == ""


def test_mistakes_are_one_sentence(run: Path, clips: list[Path], tmp_path: Path) -> None:
    for place, words, text in (
        (tmp_path / "nothing", (), "no such file or folder"),
        (run, ("inputs.transcipt=false",), "transcript"),
        (run, ("features=folders", "features.root=nowhere"), None),
        (run, ("data.frame=midle",), "middle"),
        (run, ("prompt.task=x",), "reason"),
    ):
        if text is None:
            predictor = open_predictor(place, *words)
            with pytest.raises(InputErrors, match="features.face"):
                predictor.predict([Clip("a", clips[0])])
            continue
        with pytest.raises(UserError, match=text):
            open_predictor(place, *words)
