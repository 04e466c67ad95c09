"""`import emolightning as el`: the examples of its docstrings, what it gives, and where it can be used."""

import doctest
import io
import shutil
import subprocess
import sys
import textwrap
from contextlib import redirect_stdout
from pathlib import Path
from typing import Any

import pytest
from docs_blocks import BLOCKS
from encoder_factory import make_speech
from media_factory import make_media
from predict_factory import make_clips, make_run
from runs import REPO, Workplace

import emolightning as el
from emolightning import api
from emolightning.records.predictions import Failure, Prediction, table_of

EXAMPLES = [
    *("Model.predict", "Model.explain", "load", "predict", "explain", "score", "compare", "extract"),
    *(pytest.param(name, marks=pytest.mark.slow) for name in ("evaluate", "train")),
]


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with what the examples name."""
    folder = tmp_path_factory.mktemp("place")
    make_clips(folder / "clips", 2)
    shutil.copy(folder / "clips" / "clip0.mp4", folder / "clip.mp4")
    make_run(folder / "outputs" / "demo", folder / "clip.mp4")
    rows = ("happy,happy", "sad,sad", "happy,sad", "sad,sad")
    (folder / "predictions.csv").write_text(
        "id,answer,truth\n" + "".join(f"c{number},{row}\n" for number, row in enumerate(rows))
    )
    better = ("happy,happy", "sad,sad", "sad,sad", "sad,sad")
    (folder / "better.csv").write_text(
        "id,answer,truth\n" + "".join(f"c{number},{row}\n" for number, row in enumerate(better))
    )
    make_speech(folder / "weights" / "hubert", "hubert")
    return folder


@pytest.fixture(scope="module")
def model(place: Path) -> api.Model:
    return el.load(place / "outputs" / "demo", "evaluation.max_new_tokens=3", "explanation_tokens=5", device="cpu")


def quietly(*words: str, **settings: Any) -> Path:
    """Train, without what is told of it."""
    with redirect_stdout(io.StringIO()):
        return el.train(*words, **settings)


@pytest.mark.parametrize("name", EXAMPLES)
def test_examples(
    name: str, place: Path, model: api.Model, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest
) -> None:
    monkeypatch.chdir(place)
    if name == "evaluate":  # It needs data as well.
        trained = request.getfixturevalue("trained")
        shutil.copytree(trained, place / "trained")
    known: Any = api
    for part in name.split("."):
        known = getattr(known, part)
    text = known.__doc__.replace('"outputs/demo", "output_dir', '"trained", "output_dir')
    text = text.replace('el.train("experiment=smoke", ', 'quietly("experiment=smoke", "logger=csv", ')
    names = {"el": el, "model": model, "quietly": quietly}
    test = doctest.DocTestParser().get_doctest(text, names, name, None, 0)
    assert test.examples
    said: list[str] = []
    doctest.DocTestRunner(optionflags=doctest.ELLIPSIS).run(test, out=said.append)
    assert not said, "".join(said)


def test_everything_is_offered_lazily() -> None:
    assert set(api.__all__) <= set(dir(el))
    assert all(getattr(el, name) is getattr(api, name) for name in api.__all__)
    with pytest.raises(AttributeError, match="no attribute 'lode'"):
        el.lode  # type: ignore[attr-defined]  # noqa: B018
    program = "import sys, emolightning; print([m for m in ('torch', 'hydra', 'av', 'numpy') if m in sys.modules])"
    found = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, cwd=REPO, check=True)
    assert found.stdout.strip() == "[]"


def test_several_files(model: api.Model, place: Path, tmp_path: Path) -> None:
    gone = tmp_path / "<b>gone.mp4"
    found = model.predict([place / "clip.mp4", gone], transcript=["<script>alert(1)</script>", None])
    assert len(found) == 2
    assert isinstance(found[0], Prediction)
    assert isinstance(found[1], Failure)
    assert isinstance(found[:1], api.Predictions)
    html = found._repr_html_()
    assert "<script>" not in html
    assert "<b>gone" not in html
    assert "&lt;b&gt;gone" in html
    for wrong, text in (({"transcript": ["a"]}, "1 transcripts for 2 files"),):
        with pytest.raises(el.UserError, match=text):
            model.predict([place / "clip.mp4", gone], **wrong)  # type: ignore[call-overload]
    with pytest.raises(el.UserError, match="no media file"):
        model.predict(gone)
    with pytest.raises(el.UserError, match="give a text for one file"):
        model.predict(place / "clip.mp4", transcript=["a"])  # type: ignore[call-overload]
    for nothing, text in ((float("nan"), "transcript: nan is a float"), ("half \ud83d", "has half a character")):
        with pytest.raises(el.UserError, match=text):
            model.predict([place / "clip.mp4"], transcript=[nothing])  # type: ignore[list-item]


def test_hostile_texts_are_shown_as_text() -> None:
    text = '<img src=x onerror="alert(1)">'
    html = table_of([Prediction(text, text, {text: 1.0}, text, text, {text: text}, 0.5), Failure(text, text, text)])
    assert "<img" not in html
    assert html.count("&lt;img") == 9


class Frame:
    """What pandas would be given."""

    def __init__(self, rows: list[dict[str, Any]], columns: list[str] | None = None):
        self.rows, self.columns = rows, columns or [name for row in rows for name in row]

    def set_index(self, name: str) -> "Frame":
        assert name in self.columns
        assert all(name in row for row in self.rows)
        return self


def test_a_frame(model: api.Model, place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    found = model.predict([place / "clip.mp4", place / "gone.mp4"])
    monkeypatch.setitem(sys.modules, "pandas", None)
    with pytest.raises(el.UserError, match="pip install pandas"):
        found.to_frame()
    monkeypatch.setitem(sys.modules, "pandas", type("pandas", (), {"DataFrame": Frame}))
    good, bad = found.to_frame().rows
    assert good["p_happy"] == found[0].probabilities["happy"]  # type: ignore[union-attr]
    assert bad["error"].startswith("no media file")
    assert model.predict([]).to_frame().rows == []


def test_scores(place: Path, tmp_path: Path) -> None:
    scores = el.score(place / "predictions.csv", labels=["happy", "sad"], output_dir=tmp_path / "scores")
    assert scores["war"].value == 0.75
    low, high = scores["war"].ci95  # type: ignore[misc]
    assert low < 0.75 <= high
    assert (tmp_path / "scores" / "metrics.json").exists()
    assert "war" in scores._repr_html_()
    assert scores.warnings
    with pytest.raises(el.UserError, match="did you mean labels"):
        el.score(place / "predictions.csv", "scoring.labls=mer6")


PROGRAM = """
    import emolightning as el
    model = el.load("outputs/demo", "evaluation.max_new_tokens=3", device="cpu")
    found = model.predict(["clips/clip0.mp4", "clips/clip1.mp4"] * 4)
    print(len(found), found[0].inputs["image"])
    print(model.predict("clip.mp4", transcript="I did not expect that!").inputs["transcript"])
"""


@pytest.mark.slow  # A notebook, which has no main program to import either, does it in every run of the tests.
@pytest.mark.parametrize("how", ["stdin", "script"])
def test_five_lines(how: str, place: Path, tmp_path: Path, workplace: Workplace) -> None:
    """From stdin, and from a script elsewhere that guards nothing."""
    script = tmp_path / "ask.py"
    script.write_text(textwrap.dedent(PROGRAM))
    words = [sys.executable, *(["-"] if how == "stdin" else [str(script)])]
    given = script.read_text() if how == "stdin" else None
    found = subprocess.run(
        words, input=given, capture_output=True, text=True, cwd=place, env=workplace._environment(), timeout=200
    )
    assert found.returncode == 0, found.stderr
    assert found.stdout == "8 used\nused\n"


def readme_example() -> str:
    """The lines of README."""
    (block,) = [block for block in BLOCKS if block.page == REPO / "README.md" and block.language == "python"]
    return block.text


@pytest.fixture
def real_place(shared: Path, trained: Path, tmp_path: Path) -> Path:
    """A folder with a trained run and a real clip by the names that README uses."""
    shutil.copytree(trained, tmp_path / "outputs" / "demo")
    shutil.copy(shared / "clips" / "sample_00000338.mp4", tmp_path / "clip.mp4")
    return tmp_path


def test_readme_in_a_notebook(real_place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    nbformat, nbclient = pytest.importorskip("nbformat"), pytest.importorskip("nbclient")
    pytest.importorskip("ipykernel")
    monkeypatch.setenv("PYTHONPATH", str(REPO))
    monkeypatch.setenv("JUPYTER_CONFIG_DIR", str(real_place / "jupyter"))
    monkeypatch.setenv("IPYTHONDIR", str(real_place / "ipython"))
    code = nbformat.v4.new_code_cell
    notebook = nbformat.v4.new_notebook(cells=[code(readme_example()), code("answer")])
    client = nbclient.NotebookClient(
        notebook, timeout=200, kernel_name="python3", resources={"metadata": {"path": str(real_place)}}
    )
    client.execute()
    printed, shown = (cell.outputs for cell in notebook.cells)
    (text,) = [each.text for each in printed if each.output_type == "stream" and each.name == "stdout"]
    assert "'neutral': 0." in text
    assert "'transcript': 'used'" in text
    assert shown[0].data["text/html"].startswith("<table>")


def test_readme_as_it_is(real_place: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """In this process, against what the parts say."""
    monkeypatch.chdir(real_place)
    names: dict[str, Any] = {}
    exec(readme_example(), names)
    answer = names["answer"]
    assert capsys.readouterr().out == f"{answer.label} {answer.probabilities} {answer.inputs}\n"
    assert sum(answer.probabilities.values()) == pytest.approx(1)
    assert set(answer.inputs.values()) == {"used"}


def test_a_real_clip(shared: Path, model: api.Model) -> None:
    paths = sorted((shared / "clips").rglob("*.mp4"))
    answer = model.predict(paths[0])
    assert answer.inputs["image"] == "used"
    assert list(answer.probabilities) == list(model.labels)


def test_a_run_is_trained_and_asked(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """In one program: a composition inside of another's place leaves nothing of itself."""
    monkeypatch.chdir(place)
    with pytest.raises(el.UserError, match="did you mean seed"):
        el.train("experiment=smoke", sead=3)
    with pytest.raises(el.UserError, match="no such file or folder"):
        el.evaluate("outputs/nothing")
    assert el.load("outputs/demo").labels
    make_media(place / "x.mp4", seconds=0.4)
