"""The validation clips that temperature and thresholds are fitted on: an evaluation of its own, of the same weights."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from emolightning.benchmarks.published.measured import METRICS, read_report
from emolightning.errors import UserError
from emolightning.records.clips import Answer
from emolightning.runs.answers import latest_key, read_scored
from emolightning.scoring.likelihood import Fitted, fitted_on

VALIDATION = "val"
SAME = ("weights_sha256", "base_fingerprints", "labels", "inputs", "prompt", "likelihood")
"""What both evaluations must have been made with."""

MISSING = object()


@dataclass(frozen=True)
class ValidationAnswers:
    """Answers of an evaluation of validation clips."""

    folder: Path
    description: Mapping[str, Any]
    answers: Sequence[Answer]

    def fitted(self, labels: Sequence[str], description: Mapping[str, Any]) -> Fitted:
        """What is fitted on them.

        Args:
            labels: the vocabulary.
            description: of the evaluation that it is for.

        Raises:
            UserError: the answers are of other weights, or were made in another way.
        """
        other = [name for name in SAME if self.description.get(name, MISSING) != description.get(name, MISSING)]
        if other:
            raise UserError(
                f"likelihood.fitted_on={self.folder}: was made with another {', '.join(other)} than this evaluation; "
                "evaluate split=val once more with the same settings"
            )
        return fitted_on(self.answers, labels)


def read_validation(folder: Path, clips: Collection[str]) -> ValidationAnswers:
    """The answers of an evaluation of validation clips.

    Args:
        folder: its output_dir.
        clips: ids of those that are evaluated now.

    Raises:
        UserError: it is none, is not of validation clips, or is of clips that are evaluated now.
    """
    setting = f"likelihood.fitted_on={folder}"
    file, cure = folder / METRICS, "evaluate with evaluation=likelihood split=val output_dir=FOLDER first"
    if not file.is_file():
        raise UserError(f"{setting}: no {METRICS} there; {cure}")
    report = read_report(file)
    if report["split"] != VALIDATION:
        raise UserError(f"{setting}: is of split={report['split']}; what is fitted must not see test clips: {cure}")
    answers = [answer for answer, _ in read_scored(folder, latest_key(folder)) if answer.truth is not None]
    if shared := [answer.clip_id for answer in answers if answer.clip_id in clips]:
        raise UserError(f"{setting}: {len(shared)} of its clips are evaluated now, e.g. {shared[0]!r}; {cure}")
    if not answers or not all(_are_numbers(answer.probabilities) for answer in answers):
        raise UserError(f"{setting}: its answers say nothing of how likely labels are; {cure}")
    described = report.get("evaluation")
    return ValidationAnswers(folder, described if isinstance(described, dict) else {}, answers)


def _are_numbers(probabilities: Mapping[str, Any] | None) -> bool:
    return bool(probabilities) and all(isinstance(value, int | float) for value in (probabilities or {}).values())
