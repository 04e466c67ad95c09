"""What `import emolightning as el` offers: everything that a command does, as one call.

Settings are those of the command line: `el.train("experiment=demo", "optimizer.lr=1e-3")`, or as keywords where their
name has no dot. A mistake is a `UserError` whose message says what to do. Training and evaluation start processes that
read clips: a script that calls them has its own lines below `if __name__ == "__main__":`.
"""

import io
import json
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, redirect_stdout
from dataclasses import dataclass
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Any, overload

from emolightning.config.composing import composed
from emolightning.errors import UserError, override
from emolightning.records.clips import Clip
from emolightning.records.predictions import Failure, Prediction, table_of

if TYPE_CHECKING:
    from emolightning.runs.predicting import Predictor

__all__ = [
    "Comparison",
    "Difference",
    "Metric",
    "Model",
    "Predictions",
    "Scores",
    "UserError",
    "compare",
    "evaluate",
    "explain",
    "extract",
    "load",
    "predict",
    "score",
    "train",
]

AnyPath = str | Path

OF_DATA = ("annotations", "media", "labels", "root")
"""Keywords that are settings of the dataset."""


class Predictions(Sequence[Prediction | Failure]):
    """Answers about several clips, in the order of the clips; a clip without an answer is a `Failure`."""

    def __init__(self, found: Sequence[Prediction | Failure]):
        self._found = tuple(found)

    @overload
    def __getitem__(self, position: int) -> Prediction | Failure: ...
    @overload
    def __getitem__(self, position: slice) -> "Predictions": ...
    def __getitem__(self, position: int | slice) -> "Prediction | Failure | Predictions":
        """One of them, or some."""
        return Predictions(self._found[position]) if isinstance(position, slice) else self._found[position]

    def __len__(self) -> int:
        return len(self._found)

    def __repr__(self) -> str:
        return f"Predictions({list(self._found)!r})"

    def _repr_html_(self) -> str:
        return table_of(self._found)

    def to_frame(self) -> Any:
        """A pandas DataFrame: a row a clip, a column `p_LABEL` for each probability.

        Raises:
            UserError: pandas is not installed.
        """
        try:
            import pandas
        except ImportError:
            raise UserError("to_frame() needs pandas: pip install pandas") from None
        rows = [_row(each) for each in self._found]
        return pandas.DataFrame(rows, columns=None if rows else ["id"]).set_index("id")


def _row(each: Prediction | Failure) -> dict[str, Any]:
    if isinstance(each, Failure):
        return {"id": each.id, "label": None, "error": f"{each.kind}: {each.reason}"}
    chances = {f"p_{label}": value for label, value in each.probabilities.items()}
    inputs = {f"input_{name}": said for name, said in each.inputs.items()}
    about = {"text": each.text, "question": each.question, "seconds": each.seconds, "error": None}
    return {"id": each.id, "label": each.label, **chances, **about, **inputs}


class Model:
    """A trained model that answers questions about clips; see `load`. Several threads may use it at once."""

    def __init__(self, predictor: "Predictor"):
        self.predictor = predictor

    @property
    def labels(self) -> tuple[str, ...]:
        """The labels that it knows."""
        return self.predictor.labels

    def __repr__(self) -> str:
        return f"Model({self.predictor.about.get('checkpoint')!r}, device={self.predictor.device!r})"

    @overload
    def predict(  # type: ignore[overload-overlap]  # A text is a sequence of texts, too.
        self, media: AnyPath, *, transcript: str | None = ..., question: str | None = ..., task: str = ...
    ) -> Prediction: ...
    @overload
    def predict(
        self,
        media: Sequence[AnyPath],
        *,
        transcript: Sequence[str | None] | None = ...,
        question: str | None = ...,
        task: str = ...,
    ) -> Predictions: ...
    def predict(
        self,
        media: AnyPath | Sequence[AnyPath],
        *,
        transcript: str | Sequence[str | None] | None = None,
        question: str | None = None,
        task: str = "emotion",
    ) -> Prediction | Predictions:
        """Answer a question about a media file, or about each of several.

        Args:
            media: a file, or a list of files.
            transcript: what is said in it, or a list of as many; None where nobody knows.
            question: None asks as in training.
            task: `emotion`, `reason` or `reason_v2`.

        Returns:
            A `Prediction` for one file: `.label`, `.probabilities`, `.logprobs`, `.text`, `.inputs`, `.seconds`. For a
            list `Predictions`, among which a file that cannot be used is a `Failure`.

        Raises:
            UserError: the one file cannot be used.

        >>> answer = model.predict("clip.mp4", transcript="I did not expect that!")
        >>> answer.label in model.labels or answer.label is None
        True
        >>> round(sum(answer.probabilities.values()), 6)
        1.0
        >>> [answer.inputs["speech"] for answer in model.predict(["clip.mp4", "clip.mp4"])]
        ['used', 'used']
        """
        if isinstance(media, str | Path):
            if transcript is not None and not isinstance(transcript, str):
                raise UserError("transcript: give a text for one file, and a list for a list of files")
            clip = Clip(Path(media).stem, Path(media), transcript=transcript)
            (found,) = self.predictor.predict([clip], question=question, task=task)
            if isinstance(found, Failure):
                raise UserError(f"{found.kind}: {found.reason}")
            return found
        paths = [Path(each) for each in media]
        said = [transcript] * len(paths) if transcript is None or isinstance(transcript, str) else list(transcript)
        if len(said) != len(paths):
            raise UserError(f"there are {len(said)} transcripts for {len(paths)} files; give one each, or None")
        clips = [Clip(str(path), path, transcript=text) for path, text in zip(paths, said, strict=True)]
        return Predictions(self.predictor.predict(clips, question=question, task=task))

    def explain(self, media: AnyPath, *, transcript: str | None = None, question: str | None = None) -> Prediction:
        """Ask why: the reasoning task, whose answer is a text without label and probabilities.

        >>> model.explain("clip.mp4").question[:31]
        'Please analyze all the clues in'
        """
        return self.predict(media, transcript=transcript, question=question, task="reason")


@dataclass(frozen=True)
class Metric:
    """One score."""

    value: float | None
    ci95: tuple[float, float] | None
    """Bounds of the 95 % interval, where there is one."""
    definition: str


class Scores(Mapping[str, Metric]):
    """The scores of an evaluation by name; `content` is all of `metrics.json`."""

    def __init__(self, content: Mapping[str, Any]):
        self.content = dict(content)
        self._metrics = {
            name: Metric(
                each["value"],
                tuple(each["ci95"]) if each.get("ci95") and None not in each["ci95"] else None,
                each.get("definition", ""),
            )
            for name, each in self.content["metrics"].items()
        }

    def __getitem__(self, name: str) -> Metric:
        return self._metrics[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._metrics)

    def __len__(self) -> int:
        return len(self._metrics)

    @property
    def warnings(self) -> list[str]:
        """What makes the scores worth doubting."""
        return list(self.content.get("warnings") or [])

    def __repr__(self) -> str:
        return f"Scores({', '.join(f'{name}={_number(each.value)}' for name, each in self.items())})"

    def _repr_html_(self) -> str:
        rows = "".join(
            f"<tr><td>{escape(name)}</td><td>{_number(each.value)}</td><td>"
            f"{' to '.join(_number(bound) for bound in each.ci95 or ())}</td><td>{escape(each.definition)}</td></tr>"
            for name, each in self.items()
        )
        warnings = "".join(f"<p>{escape(text)}</p>" for text in self.warnings)
        return f"<table><tr><th>score</th><th>value</th><th>95 %</th><th></th></tr>{rows}</table>{warnings}"


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:.4f}"


def load(
    checkpoint: AnyPath, *overrides: str, device: str = "auto", batch_size: int = 8, num_workers: int = 0
) -> Model:
    """The model of a run folder, a checkpoint file or an adapter folder, ready to be asked.

    Args:
        checkpoint: the folder or file.
        *overrides: settings as on the command line, e.g. `data.missing=zero` or `features=live`.
        device: `cuda`, `cpu`, or `auto` for the first that is there.
        batch_size: clips that are answered together; no answer depends on it.
        num_workers: processes that read clips; 0 starts none, which is right for a few clips.

    Raises:
        UserError: there is no such model, or a setting that it cannot have.

    >>> el.load("outputs/demo", device="cpu").labels
    ('neutral', 'angry', 'happy', 'sad', 'worried', 'surprise')
    """
    from emolightning.runs.assembly_of_clips import open_predictor

    how: dict[str, Any] = {"device": device, "batch_size": batch_size, "num_workers": num_workers}
    return Model(open_predictor(checkpoint, *overrides, **how))


def predict(checkpoint: AnyPath, media: AnyPath | Sequence[AnyPath], *overrides: str, **how: Any) -> Any:
    """Load a model and ask it once; who asks again keeps what `load` gives.

    >>> el.predict("outputs/demo", "clip.mp4", transcript="Hm.").inputs["transcript"]
    'used'
    """
    return load(checkpoint, *overrides).predict(media, **how)


def explain(checkpoint: AnyPath, media: AnyPath, *overrides: str, **how: Any) -> Prediction:
    """Load a model and ask it once for an explanation.

    >>> el.explain("outputs/demo", "clip.mp4").probabilities
    {}
    """
    return load(checkpoint, *overrides).explain(media, **how)


def evaluate(checkpoint: AnyPath, *overrides: str, **settings: Any) -> Scores:
    """Answer the clips of a split and score the answers, as `emolightning eval`; the files are in the run folder.

    >>> scores = el.evaluate("outputs/demo", "output_dir=outputs/again")
    >>> 0 <= scores["weighted_f1"].value <= 1
    True
    """
    from emolightning.commands.evaluate import evaluate as answer_and_score
    from emolightning.commands.evaluate import folder_of

    with composed("eval", [override("checkpoint", checkpoint), *overrides, *_words(settings)]) as cfg:
        with _quiet():
            failed = answer_and_score(cfg)
        if failed:
            raise UserError(f"{folder_of(cfg)}: some sets failed; each says why in its .log there")
        return _scores(folder_of(cfg))


def score(answers: AnyPath | Sequence[AnyPath], *overrides: str, **settings: Any) -> Scores:
    """Score the predictions of any system from a table, as `emolightning score`, without a model.

    Args:
        answers: a table with an id and an answer in each row; or several, one a fold.
        *overrides: settings as on the command line, e.g. `columns.answer=emotion`.
        **settings: `labels`, `truth`, `benchmark`, `parser`, `output_dir` ... Without `output_dir` no file is kept.

    >>> el.score("predictions.csv", labels=["happy", "sad"])["war"].value
    0.75
    """
    from emolightning.commands.score import full_words
    from emolightning.commands.score import score as read_and_score

    files = [str(answers)] if isinstance(answers, str | Path) else [str(each) for each in answers]
    with tempfile.TemporaryDirectory(prefix="emolightning-") as folder:
        place = {} if "output_dir" in settings else {"output_dir": f"{folder}/scores"}
        words = [override("answers", files), *overrides, *(override(*item) for item in {**place, **settings}.items())]
        with composed("score", full_words(words)) as cfg:
            with _quiet():
                read_and_score(cfg)
            return _scores(Path(cfg.output_dir))


@dataclass(frozen=True)
class Difference:
    """One score of two systems on the same clips."""

    first: float
    second: float
    difference: float
    """Second minus first."""
    ci95: tuple[float, float]
    p: float
    """How often equal systems differ as much; of several systems adjusted by Holm."""
    verdict: str
    """What the second is: `better`, `worse`, or `no difference shown`."""


class Comparison(Mapping[str, Difference]):
    """The differences of the first two systems by score; `content` is all of `compare.json`, every pair among it."""

    def __init__(self, content: Mapping[str, Any]):
        self.content = dict(content)
        self._first: Mapping[str, Any] = next(iter(self.content["pairs"]), {})
        self._found = {
            name: Difference(
                row["first"],
                row["second"],
                row["difference"],
                tuple(row["ci95"]),
                row["p_holm"],
                row["verdict"],
            )
            for name, row in self._first.get("metrics", {}).items()
        }

    def __getitem__(self, name: str) -> Difference:
        return self._found[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._found)

    def __len__(self) -> int:
        return len(self._found)

    @property
    def fixed(self) -> list[str]:
        """Clips that the second has right and the first has not."""
        return list(self._first.get("fixed", {}).get("clips", ()))

    @property
    def broke(self) -> list[str]:
        """Clips that the first has right and the second has not."""
        return list(self._first.get("broke", {}).get("clips", ()))

    def __repr__(self) -> str:
        return f"Comparison({'; '.join(self._sentences())})"

    def _repr_html_(self) -> str:
        return "".join(f"<p>{escape(sentence)}</p>" for sentence in self._sentences())

    def _sentences(self) -> list[str]:
        from emolightning.runs.compare.showing import sentences

        return [line for pair in self.content["pairs"] for line in sentences(pair, self.content)]


def compare(*runs: AnyPath, **settings: Any) -> Comparison:
    """Compare systems on the same clips, as `emolightning compare`.

    Args:
        *runs: run folders, folders of `seeds=[...]`, or files of answers.
        **settings: `labels`, `truth`, `cluster` ...; with `out` files are written, too.

    >>> found = el.compare("predictions.csv", "better.csv", labels=["happy", "sad"])
    >>> found["war"].difference, found["war"].verdict, found.fixed, found.broke
    (0.25, 'no difference shown', ['c2'], [])
    """
    from emolightning.commands.compare import compare_content, full_words

    words = [override("runs", [str(each) for each in runs]), *(override(*item) for item in settings.items())]
    with composed("compare", full_words(words)) as cfg:
        found = compare_content(cfg)
        if cfg.out is not None:
            from emolightning.runs.compare.writing import write_comparison

            write_comparison(found, Path(cfg.out))
    return Comparison(found)


def train(*overrides: str, **settings: Any) -> Path:
    """Train, as `emolightning train`; gives the run folder, which `load` and `evaluate` take.

    >>> el.train("experiment=smoke", run_name="small").name
    'small'
    """
    from emolightning.commands.train import train as fit

    with composed("train", [*overrides, *_words(settings)]) as cfg:
        fit(cfg)
        return Path(cfg.output_dir)


def extract(*overrides: str, **settings: Any) -> Path:
    """Make vectors of clips by a recipe, as `emolightning extract`; gives the folder that holds the folder of vectors.

    >>> el.extract(media="clips", features="hubert_mer2023", weights="weights/hubert", out="features").name
    'features'
    """
    from emolightning.commands.extract import extract as encode
    from emolightning.commands.extract import full_words

    words = [*overrides, *(override(name, value) for name, value in settings.items())]
    with composed("extract", full_words(words)) as cfg:
        with _quiet():
            encode(cfg)
        return Path(cfg.out)


def _quiet() -> AbstractContextManager[Any]:
    """What a command prints is in what the call gives."""
    return redirect_stdout(io.StringIO())


def _words(settings: Mapping[str, Any]) -> list[str]:
    """Keywords as words of a command line; those of a dataset are below `data`."""
    return [override(f"data.{name}" if name in OF_DATA else name, value) for name, value in settings.items()]


def _scores(folder: Path) -> Scores:
    return Scores(json.loads((folder / "metrics.json").read_text(encoding="utf-8")))
