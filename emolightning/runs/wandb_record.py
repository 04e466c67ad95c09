"""What train.py and eval.py tell W&B beside the numbers: who the run is, what it made, what it used."""

import csv
import io
import json
import re
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from pytorch_lightning.loggers.logger import Logger

from emolightning.config.saved_run import find_run_folder
from emolightning.data.loading.corpus import Corpus
from emolightning.errors import UserError
from emolightning.files.documents import DamagedFile, read_json_object
from emolightning.files.writing import update_json, write_json
from emolightning.records.clips import Answer, Clip, Score
from emolightning.runs.lineage import describe_process
from emolightning.runs.report.figure_files import standalone
from emolightning.runs.report.figures import drawings
from emolightning.runs.wandb_media import ShownMedia, shown_media
from emolightning.training.loggers.artifacts import artifact_name, log_artifact, use_artifact
from emolightning.training.loggers.tracking import WandbLog
from emolightning.training.loggers.wandb_environment import choose_id, new_id, outside_the_agent
from emolightning.training.loggers.wandb_tables import Row, log_confusion_matrix, log_drawing, prediction_table
from emolightning.training.run_folder import RunFolder


def wandb_of(loggers: Iterable[Logger]) -> WandbLog | None:
    """The W&B logger among those of a trainer."""
    return next((logger for logger in loggers if isinstance(logger, WandbLog)), None)


def wandb_id(loggers: Iterable[Logger], earlier: str | None) -> str | None:
    """The id that the run will have; None without W&B, which keeps that of an earlier part."""
    return choose_id(earlier) if wandb_of(loggers) else earlier


@contextmanager
def reported(logger: WandbLog | None, what: str, *, done: Callable[[], str] | None = None) -> Iterator[None]:
    """End the W&B run with what comes of the block, and alert its users.

    Args:
        logger: None, on other ranks or without W&B, reports nothing.
        what: `run` or `evaluation`.
        done: says how far it came; None also keeps a good end to itself.
    """
    if logger is None:
        yield
        return
    try:
        yield
    except BaseException as error:
        is_told = isinstance(error, KeyboardInterrupt | SystemExit)  # By Ctrl-C or a signal.
        reached = logger.attempt("progress", done) if done else None
        if is_told:
            logger.alert(f"{what} interrupted", reached or "by Ctrl-C or a signal", level="WARN")
        else:
            said = f"{type(error).__name__}: {str(error)[:1000]}"
            logger.alert(f"{what} failed", f"{reached}: {said}" if reached else said, level="ERROR")
        logger.end(exit_code=1)
        raise
    if done:
        logger.alert(f"{what} finished", logger.attempt("progress", done) or "")
    logger.end(exit_code=0)


def log_training(logger: WandbLog, folder: RunFolder, corpus: Corpus) -> None:
    """Adapter and data of a finished run as artifacts, noted in `lineage.json`."""
    name = f"adapter-{logger.experiment.id}"
    summary = corpus.summary()
    logger.attempt("skipped", lambda: logger.experiment.summary.update({"num_skipped": summary["num_skipped"]}))
    hashes = {key: summary[key] for key in ("annotations_sha256", "features_sha256", "clips")}
    logged = log_artifact(logger, name, "model", files=[folder.adapter], metadata=hashes, aliases=["best"])
    logged += log_data(logger, corpus, hashes)
    update_json(folder.lineage, artifacts={"logged": logged, "used": []})


def log_data(logger: WandbLog, corpus: Corpus, hashes: dict[str, Any]) -> list[dict[str, Any]]:
    """A list of the clips; and unless they are private, the annotation files and, by reference, the clips' folder."""
    shows_texts = logger.may_show_texts(is_private=corpus.source.private)
    found = [item.found for item in corpus.source.expected()] if shows_texts else []
    return log_artifact(
        logger,
        f"data-{corpus.source.name}",
        "dataset",
        files=[path for path in found if path is not None and path.is_file()],
        texts={"clip_list.csv": clip_list(corpus.clips, shows_texts=shows_texts)},
        folders=corpus.source.media_folders() if shows_texts else {},
        metadata=hashes,
    )


def clip_list(clips: Sequence[Clip], *, shows_texts: bool) -> str:
    """CSV of id, split and label of each clip, and its transcript where that may be shown."""
    text = io.StringIO()
    rows = csv.writer(text, lineterminator="\n")
    rows.writerow(["id", "split", "label", *(["transcript"] if shows_texts else [])])
    for clip in clips:
        rows.writerow([clip.id, clip.split, clip.label, *([clip.transcript] if shows_texts else [])])
    return text.getvalue()


class EvaluationRecord:
    """The W&B run of an evaluation; without a logger nothing happens.

    Args:
        logger: of the first rank, or None.
        folder: where the results lie.
        key: of the evaluation; the same one called again continues its W&B run.
    """

    def __init__(self, logger: WandbLog | None, folder: Path, key: str):
        self.logger = logger
        self.folder = folder
        self.key = key
        self.scores: dict[str, float] = {}
        """What the run that was trained here is told: the scores of its own test split."""

    def begun(self) -> None:
        """Note what was typed, and when, so that anybody can repeat it."""
        process = describe_process(sys.argv)
        self._note(**{name: process[name] for name in ("command", "started", "git")})

    @contextmanager
    def running(self, *, run_name: str, config: dict[str, Any]) -> Iterator[None]:
        """Begin the run, and end it with what comes of the evaluation.

        Its id is its own, also where `WANDB_RUN_ID` is set: that names a training run, an agent's or a sweep's trial.
        """
        if self.logger is None:
            yield
            return
        run_id = self._known().get("wandb_run_id") or new_id()
        self._note(wandb_run_id=run_id)
        with reported(self.logger, "evaluation"):
            with outside_the_agent():
                self.logger.begin(run_id=run_id, job_type="eval", group=run_name)
            self.logger.log_hyperparams(config)
            yield
        self._tell_training(self.logger)

    def _tell_training(self, logger: WandbLog) -> None:
        """The test scores of a run that was trained in this folder stand beside its curves as well."""
        training = read_lineage(self.folder).get("wandb_run_id")
        if training and self.scores and logger.mode != "disabled":
            with outside_the_agent():
                logger.attempt("scores of the training", lambda: logger.add_scores(training, self.scores))

    def log(
        self,
        report: dict[str, Any],
        scored: Sequence[tuple[Answer, Score]],
        corpus: Corpus,
        *,
        checkpoint: str | None,
    ) -> None:
        """Scores into the summary; tables; results as an artifact; and the adapter that they come from.

        Args:
            report: content of `metrics.json`.
            scored: the answers in the order of the split, and what was read from them.
            corpus: its clips.
            checkpoint: whose weights gave them; None for those of no run.
        """
        if (logger := self.logger) is None:
            return
        split, shows_texts = report["split"], logger.may_show_texts(is_private=corpus.source.private)
        values = summary_of(report)
        logger.attempt("scores", lambda: logger.experiment.summary.update(values))
        rows = [_row(clip, *pair) for clip, pair in zip(corpus.clips_of(split), scored, strict=True)]
        with TemporaryDirectory() as place:
            media = logger.attempt("media", lambda: _media(logger, Path(place), report, scored, corpus))
            columns, table = prediction_table(
                rows, corpus.source.labels, shows_texts=shows_texts, media=media.columns if media else {}
            )
            logger.log_table(f"{split}/predictions", columns=columns, data=table)
        for drawing in drawings(report):
            if shows_texts or not drawing.name.startswith("slices-"):  # Which name people, or what they said.
                log_drawing(logger, f"{split}/figures/{drawing.name}", standalone(drawing.svg))
        is_its_own = read_lineage(self.folder).get("data", {}).get("benchmark") == report["benchmark"]
        self.scores = values if split == "test" and is_its_own and not report["evaluation"]["shuffle"] else {}
        if matrix := report.get("confusion_matrix"):
            truths = matrix["labels"][: len(matrix["counts"])]
            log_confusion_matrix(logger, f"{split}/confusion_matrix", truths, matrix["labels"], matrix["counts"])
        files, texts = results(self.folder, report, shows_texts=shows_texts)
        name = f"evaluation-{self.key[:12]}"
        logged = log_artifact(logger, name, "evaluation", files=files, texts=texts, metadata=values)
        adapter = _adapter_name(checkpoint) if checkpoint is not None else None
        self._note(artifacts={"logged": logged, "used": use_artifact(logger, adapter) if adapter else []})

    def _known(self) -> dict[str, Any]:
        return read_lineage(self.folder).get("evaluations", {}).get(self.key, {})

    def _note(self, **changes: Any) -> None:
        lineage = read_lineage(self.folder)
        evaluations = {**lineage.get("evaluations", {}), self.key: {**self._known(), **changes}}
        write_json(self.folder / "lineage.json", {**lineage, "evaluations": evaluations})


def results(folder: Path, report: dict[str, Any], *, shows_texts: bool) -> tuple[list[Path], dict[str, str]]:
    """Files of an evaluation that may be shown, and contents of others: slices name people, or what they said."""
    if shows_texts or "slices" not in report:
        names = ("metrics.json", *(("answers.jsonl", "report.html") if shows_texts else ()))
        return [folder / name for name in names], {}
    shown = {name: value for name, value in report.items() if name != "slices"}
    return [], {"metrics.json": json.dumps(shown, indent=2, ensure_ascii=False) + "\n"}


def summary_of(report: dict[str, Any]) -> dict[str, float]:
    """The scores of `metrics.json` as `test/war` ...; those that could not be computed are left out."""
    split = report["split"]
    scores = {f"{split}/{name}": item["value"] for name, item in report.get("metrics", {}).items()}
    counts = {f"{split}/{name}": report[name] for name in ("num_clips", "num_scored", "num_skipped") if name in report}
    return {name: value for name, value in {**scores, **counts}.items() if value is not None}


def _media(
    logger: WandbLog, place: Path, report: dict[str, Any], scored: Sequence[tuple[Answer, Score]], corpus: Corpus
) -> ShownMedia | None:
    """What the table shows of clips, which the summary counts; None where it may show nothing."""
    if not logger.may_show_texts(is_private=corpus.source.private):
        return None
    split, frame = report["split"], str(report["evaluation"]["frame"])
    limits: Any = {"most_clips": logger.media_clips, "most_mb": logger.media_mb}
    found = shown_media(corpus.clips_of(split), scored, place, frame=frame, **limits)
    logger.experiment.summary.update(found.counts(split))
    return found


def _row(clip: Clip, answer: Answer, score: Score) -> Row:
    chances = answer.probabilities or {}
    chance = chances.get(str(score.value))
    return Row(clip.id, clip.transcript, answer.truth, answer.text, score.value, chance, chances)


def read_lineage(folder: Path) -> dict[str, Any]:
    """Content of `lineage.json`; empty where there is none.

    Raises:
        DamagedFile: it is not what this project writes.
    """
    path = folder / "lineage.json"
    content = read_json_object(path) if path.exists() else {}
    for name, kind in (("sessions", list), ("evaluations", dict), ("artifacts", dict)):
        if not isinstance(content.get(name, kind()), kind):
            raise DamagedFile(path, f"its {name} is no {kind.__name__}")
    run_id = content.get("wandb_run_id")
    if run_id is not None and not (isinstance(run_id, str) and re.fullmatch(r"[\w.-]{1,128}", run_id, flags=re.ASCII)):
        raise DamagedFile(path, f"its wandb_run_id {str(run_id)[:80]!r} is no id of a run")
    return content


def _adapter_name(checkpoint: str) -> str | None:
    """Name of the training run's artifact; None for weights of a run that W&B knows nothing of."""
    try:
        run_id = read_lineage(find_run_folder(checkpoint)).get("wandb_run_id")
    except UserError:
        return None
    return artifact_name(f"adapter-{run_id}") if run_id else None
